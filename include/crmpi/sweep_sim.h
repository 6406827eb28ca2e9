/* sweep_sim.h - a sweep on ranks that are not there: a discrete-event simulation of its scheduler
 * (room sweep).
 *
 * The plan is the real one (sweep_plan.h); groups, the unit that lies ready at each of them and the
 * units that are called back follow the farm (sweep_farm.h).  The clock is a number: an event is
 * taken from a heap, and what it leads to is put there.  How long a unit takes, what it comes to
 * and whether its node fails are drawn by the unit, not by the time, so they are the same on any
 * number of ranks.  Nothing here is collective; the same arguments give the same bits. */
#ifndef CRM_SWEEP_SIM_H
#define CRM_SWEEP_SIM_H

#include "crmpi/sweep_ledger.h"
#include "crmpi/sweep_plan.h"

enum { CRM_SWEEP_SIM_RANKS_MAX = 10000 };

typedef struct crm_sweep_sim_cfg {
    double seconds;            /* mean time of a unit with all rows, over the models            */
    double sigma, sigma_folds; /* of its logarithm: between trials, between folds of a trial    */
    double failures;           /* chance that a node fails in the mean time of a unit           */
    double repair;             /* s until a node comes back; -1: never                          */
    double dispatch;           /* s of rank 0 for each unit that it deals out                   */
    int64_t node_ranks;        /* ranks that are lost together                                  */
} crm_sweep_sim_cfg;
extern const crm_opt crm_sweep_sim_opts[]; /* sweep.simulate.* */

/** What units come to. */
typedef struct crm_sweep_sim_draws {
    void *ctx;
    /** Seconds on a group of sweep.group_ranks ranks, >= 0. */
    double (*seconds)(void *ctx, const crm_sweep_unit *u);
    /** Loss, NaN: the unit fails. */
    double (*loss)(void *ctx, const crm_sweep_unit *u);
    /** Share of its time after which the node of a unit fails that was lost so often already; 1 or
     *  more: it does not.  NULL: no node fails. */
    double (*fails)(void *ctx, const crm_sweep_unit *u, int lost);
} crm_sweep_sim_draws;

/** Rank seconds add up: busy + rounds + end + dispatch + thrown + away + answering = ranks x
 *  makespan. */
typedef struct crm_sweep_sim_use {
    int ranks, groups;
    int64_t units;      /* that came to a result                                               */
    int64_t failures;   /* of nodes ...                                                        */
    int64_t lost;       /* ... and units under way that had to begin again                     */
    double makespan_s;  /* until the last result                                               */
    double longest_s;   /* of one unit: no order ends sooner                                   */
    double busy_s;      /* rank seconds of units that came to a result                         */
    double rounds_s;    /* of groups that waited for a unit that was to come                   */
    double end_s;       /* of groups that had nothing after the last unit was dealt out        */
    double dispatch_s;  /* of groups that waited for a unit that was on its way                */
    double thrown_s;    /* of units that were lost                                             */
    double away_s;      /* of nodes until they came back                                       */
    double answering_s; /* of rank 0 where it only answers                                     */
} crm_sweep_sim_use;

/** Run n searches to their end on so many ranks.
 *  @param[out] plan as it has ended, the caller's; NULL: not wanted
 *  @return CRM_ERR_ARG: ranks not in 1 .. CRM_SWEEP_SIM_RANKS_MAX; CRM_ERR_CONFIG: all nodes are
 *          lost for good before the end; CRM_ERR_NOMEM; what the plan returned */
CRM_CHECKED crm_sweep_simulate(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim, int n,
                               const crm_search *search, const crm_sweep_sim_draws *draws,
                               int ranks, crm_sweep_plan **plan, crm_sweep_sim_use *use);

/* ---- what units come to by a model, or by a ledger (sweep_sim_draws.c) ---- */
typedef struct crm_sweep_sim_world crm_sweep_sim_world;
/** Draws keyed by cfg->seed for searches over n_models models, search[n_models].
 *
 *  Without a ledger the time of a unit is log-normal: the mean of its model, as its cost to those
 * of the others, times its resource; losses are those of trials of unlike quality with noise of the
 *  fold.  With one, a unit that has a result there takes its time and has its loss.  Another one
 *  takes the time of one of the same model and resource, or as near to them as there is, drawn from
 *  those, times the ratio of what they should take; its loss is the mean of its trial, or that
 *  of a trial drawn from the others of its search.
 *  @param[in] known, plan of the run: its ledger and the trials by it (crm_sweep_review), to be
 *             kept until the end; NULL: none
 *  @return CRM_ERR_CONFIG: the ledger has no unit with a loss and a time; CRM_ERR_NOMEM */
CRM_CHECKED crm_sweep_sim_world_new(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim,
                                    int n_models, const crm_search *search,
                                    const crm_sweep_ledger_all *known, const crm_sweep_plan *plan,
                                    crm_sweep_sim_world **out);
void crm_sweep_sim_world_free(crm_sweep_sim_world **w);
crm_sweep_sim_draws crm_sweep_sim_draws_of(crm_sweep_sim_world *w);

/* ---- schedulers beside each other (sweep_sim_tell.c) ---- */
enum { CRM_SWEEP_SIM_RUNS_MAX = 3 };
/** The sweep as it is configured and, where that has rounds, with the two schedulers that have
 * none. */
typedef struct crm_sweep_sim_runs {
    int n;
    int scheduler[CRM_SWEEP_SIM_RUNS_MAX]; /* crm_scheduler; the first one is that of the config */
    crm_sweep_sim_use use[CRM_SWEEP_SIM_RUNS_MAX];
} crm_sweep_sim_runs;
/** Points do not matter here, so that with tpe they are drawn at random, in its rounds.
 *  @return as crm_sweep_simulate */
CRM_CHECKED crm_sweep_sim_compare(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim, int n,
                                  const crm_search *search, const crm_sweep_sim_draws *draws,
                                  int ranks, crm_sweep_sim_runs *out);
/** A line on what rounds cost beside a run without them, 1 .. n - 1. */
void crm_sweep_sim_price(const crm_sweep_sim_runs *r, int run, crm_str *out);
void crm_sweep_sim_tell(const crm_sweep_sim_runs *r, crm_str *out);
void crm_sweep_sim_json(const crm_sweep_sim_runs *r, crm_str *out);
#endif
