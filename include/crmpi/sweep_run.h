/* sweep_run.h - the searches of a sweep on the ranks there are (room sweep).
 *
 * Search number p * n_models + m is that of model m on part p (eval_inner.h).  Units are dealt out
 * over groups of ranks (sweep_farm.h); the first rank of a group adds the result to a ledger of its
 * own in RUN/sweep, so a sweep that was killed runs only what was not finished. */
#ifndef CRM_SWEEP_RUN_H
#define CRM_SWEEP_RUN_H

#include "crmpi/eval.h"
#include "crmpi/stats_metric.h"
#include "crmpi/sweep_farm.h"
#include "crmpi/sweep_ledger.h"
#include "crmpi/sweep_plan.h"

#define CRM_SWEEP_DIR "sweep" /* RUN/sweep: ledgers */

/** Models that points are put into. */
typedef struct crm_sweep_models {
    void *ctx;
    int n;
    const char *const *name;  /* [n] */
    const crm_search *search; /* [n] space, cost and fixed points of each */
    /** The spec of a model at a point.  *made is for unmake.  CRM_ERR_CONFIG: its options do not go
     *  together. */
    crm_status (*make)(void *ctx, int model, const double *x, void **made,
                       const crm_model_spec **spec);
    void (*unmake)(void *ctx, void *made);
} crm_sweep_models;

typedef struct crm_sweep {
    const crm_eval *e; /* study, data and ranks */
    const crm_sweep_cfg *cfg;
    const crm_sweep_models *models;
    bool holds;        /* this job holds the run folder; others work beside it           */
    int share, shares; /* units of this job by number; shares 0: any that is not claimed */
} crm_sweep;

/** A unit that came to nothing. */
typedef struct crm_sweep_failure {
    crm_sweep_unit unit;
    char cause[CRM_SWEEP_LEDGER_CAUSE_MAX];
} crm_sweep_failure;

/** What the searches came to. */
typedef struct crm_sweep_result {
    int parts, n_models, n; /* n searches                                                    */
    int *repeat, *fold;     /* [parts] outer place; -1: all rows                             */
    int64_t *winner;        /* [n] trial                                                     */
    double *x;              /* [n][CRM_SWEEP_DIMS_MAX] its point                             */
    bool ended;             /* all searches; else winners are not known                      */
    /* On rank 0 only: */
    crm_sweep_plan *plan;
    int64_t n_failed;
    crm_sweep_failure *failure; /* [n_failed] in the order of units                          */
    crm_digest units;           /* of the names and results of all units                     */
    crm_farm_use use;           /* of this run                                               */
    int64_t before;             /* units that had a result already                           */
} crm_sweep_result;

/** Run the searches, together with other jobs in the same folder (sweep_follow.h): with cfg->nested
 * one for each model and outer fold and one on all rows, else one for each model on the training
 * part of the hold-out.  A share (task of an array) ends when nothing of it is left that is known
 * by then.  Collective over e->world.
 *  @return CRM_ERR_STOPPED after a signal; CRM_ERR_NUMERIC when more than cfg->max_failed units
 *          failed, or all trials of a search; CRM_ERR_IO, what a farm returned */
CRM_CHECKED crm_sweep_search(const crm_sweep *s, crm_sweep_result *out);
/** The fit of a winner outside its search, where it was to be scored or kept, failed: note that in
 *  the ledgers, and let the next best trial win.  Collective over e->world.
 *  @return as crm_sweep_search */
CRM_CHECKED crm_sweep_replace_winner(const crm_sweep *s, crm_sweep_result *out, int search,
                                     const char *cause);
/** A name of this job that no other one has, for its ledgers.  Collective.  CRM_ERR_COMM */
enum { CRM_SWEEP_TAG_MAX = 72 };
CRM_CHECKED crm_sweep_tag(crm_comm *world, char tag[CRM_SWEEP_TAG_MAX]);
/** What a sweep of so many outer folds in each of some repeats has to do, and what became of it as
 * far as a ledger tells; known NULL: nothing yet.  Winners are -1 where a search has none.  Not
 *  collective.  @return CRM_ERR_NOMEM */
CRM_CHECKED crm_sweep_review(const crm_sweep_cfg *cfg, const crm_sweep_models *m, int repeats,
                             int folds, const crm_sweep_ledger_all *known, crm_sweep_result *out);
void crm_sweep_result_free(crm_sweep_result *r);
/** Number of the search of a model on the part of an outer fold; repeat -1: the one whose winner is
 *  kept. */
int crm_sweep_search_of(const crm_sweep_result *r, int model, int repeat, int fold);

/* ---- what people and scripts read (sweep_tell.c) ---- */
/** All trials as lines of fields between tabs, with a head; the same on any number of ranks. */
void crm_sweep_tell_trials(const crm_sweep_models *m, const crm_sweep_result *r, crm_metric metric,
                           crm_str *out);
/** A line for each search: trials, units, the best so far. */
void crm_sweep_tell_state(const crm_sweep_models *m, const crm_sweep_result *r, crm_metric metric,
                          crm_str *out);
/** Leaderboard, importance and failures as Markdown; seed: of the bootstrap samples. */
CRM_CHECKED crm_sweep_tell_report(const crm_sweep *s, const crm_sweep_result *r, crm_str *out);
#endif
