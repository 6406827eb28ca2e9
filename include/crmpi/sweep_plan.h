/* sweep_plan.h - which units a sweep has to run, from its options and the results so far (room
 * sweep).
 *
 * A sweep is a list of searches, each over the space of one model on the training part of one outer
 * fold.  A search goes in rounds: the trials of a round and which of them go on depend on results
 * of earlier rounds only, and a round is judged when all of its units have a result.  So trials,
 * promotions and winner are the same whatever the order in which results come; searches do not wait
 * for each other.  (The scheduler "asynchronous" is the exception, and says so.)  Nothing here is
 * collective. */
#ifndef CRM_SWEEP_PLAN_H
#define CRM_SWEEP_PLAN_H

#include "crmpi/sweep.h"

enum { CRM_SWEEP_TRIALS_MAX = 100000 }; /* of a search */

typedef enum crm_scheduler {
    CRM_SCHEDULER_NONE,
    CRM_SCHEDULER_MEDIAN,
    CRM_SCHEDULER_HALVING,
    CRM_SCHEDULER_HYPERBAND,
    CRM_SCHEDULER_ASYNCHRONOUS,
    CRM_SCHEDULER_COUNT
} crm_scheduler;
extern const char *const crm_scheduler_names[];

/** What grows from rung to rung. */
typedef enum crm_resource {
    CRM_RESOURCE_ROWS,
    CRM_RESOURCE_FOLDS,
    CRM_RESOURCE_COUNT
} crm_resource;
extern const char *const crm_resource_names[];

typedef struct crm_sweep_cfg {
    int sampler, scheduler, resource, metric; /* crm_sampler ... crm_metric */
    int64_t trials, seed;                     /* trials of each search      */
    int64_t startup, candidates, batch, points;
    int64_t eta;
    double least; /* of the resource, as a share of all */
    int64_t folds, repeats;
    bool nested;
    int64_t max_failed;
    const char *list;
    const char *space; /* as it is written */
    int64_t group_ranks;
    crm_opt_list first_groups;
    double look_s, lease_s;
} crm_sweep_cfg;
extern const crm_opt crm_sweep_opts[]; /* sweep.* */
/** Checks between these options: CRM_ERR_CONFIG, and *key is the one to name. */
CRM_CHECKED crm_sweep_cfg_check(const crm_sweep_cfg *cfg, const char **key);
enum { CRM_SWEEP_SIZES_MAX = 65 };
/** Ranks of the groups in order, the last one for all further ones; *n at least 1.
 *  @return CRM_ERR_CONFIG: sweep.first_groups has what is no number of ranks */
CRM_CHECKED crm_sweep_sizes(const crm_sweep_cfg *cfg, int sizes[CRM_SWEEP_SIZES_MAX], int *n);

/** Trials that begin together, where a search has as many as cfg->trials. */
int64_t crm_sweep_round(const crm_sweep_cfg *cfg);

/** A unit: one fit of one trial on one inner fold. */
typedef struct crm_sweep_unit {
    int32_t search, trial, rung, repeat, fold;
    uint32_t point;  /* of its trial: with TPE one made anew may have another point */
    double resource; /* share of the inner training rows, in (0, 1] */
} crm_sweep_unit;
enum { CRM_SWEEP_UNIT_NAME_MAX = 64 };
/** For people: "s2-t17-k0-r0-f1"; with fold -1, the fit of a winner outside its search,
 *  "s2-t17-outer". */
void crm_sweep_unit_name(const crm_sweep_unit *u, char out[CRM_SWEEP_UNIT_NAME_MAX]);
/** For ledgers, with the point: "s2-t17-k0-r0-f1-x00c0ffee"; and back, without the resource; false
 *  when it is no such key or that of a fit outside. */
void crm_sweep_unit_key(const crm_sweep_unit *u, char out[CRM_SWEEP_UNIT_NAME_MAX]);
bool crm_sweep_unit_of(const char *key, crm_sweep_unit *out);

/** A search to be made. */
typedef struct crm_search {
    const crm_space *space; /* borrowed */
    double cost;            /* relative time of a fit with all rows, for the order only */
    int64_t n_list;         /* points of a fixed list, in place of the sampler; 0: none */
    const double *list;     /* [n_list][space->n] */
} crm_search;

typedef struct crm_sweep_plan crm_sweep_plan;
CRM_CHECKED crm_sweep_plan_new(const crm_sweep_cfg *cfg, int n, const crm_search *search,
                               crm_sweep_plan **out);
void crm_sweep_plan_free(crm_sweep_plan **p);

/** The ready unit that is thought to take longest, which is ready no more; false: none. */
bool crm_sweep_plan_next(crm_sweep_plan *p, crm_sweep_unit *out);
/** Put back a unit that was taken; one that has a result meanwhile is ignored. */
CRM_CHECKED crm_sweep_plan_back(crm_sweep_plan *p, const crm_sweep_unit *u);
/** The result of a unit: loss to be made small, NaN: failed; seconds: for the order only, NaN: not
 *  known.  One that is not of this plan, or has a result, is ignored (*was_new false). */
CRM_CHECKED crm_sweep_plan_done(crm_sweep_plan *p, const crm_sweep_unit *u, double loss,
                                double seconds, bool *was_new);
/** Whether a unit is of this plan and has a result. */
bool crm_sweep_plan_has(const crm_sweep_plan *p, const crm_sweep_unit *u);
/** A number of a unit that never changes; those of a rung lie close together. */
int64_t crm_sweep_plan_number(const crm_sweep_plan *p, const crm_sweep_unit *u);
/** The units that were made and have no result, called for each, in order. */
void crm_sweep_plan_each_open(const crm_sweep_plan *p,
                              void (*f)(void *ctx, const crm_sweep_unit *u), void *ctx);
/** All searches have ended. */
bool crm_sweep_plan_ended(const crm_sweep_plan *p);

/** What is known of a search. */
typedef struct crm_trial {
    double *x;           /* [dims] its point                                            */
    uint32_t point;      /* a digest of it                                              */
    int rung;            /* the last one that it was given units of                     */
    double resource;     /* of that rung                                                */
    int64_t done, units; /* with a result, in all                                   */
    double loss;         /* mean over the units of the last complete rung; NaN: none, or failed */
    double spread;       /* standard deviation over them                                */
    bool failed;         /* a unit failed; it goes on no more                           */
    bool stopped;        /* pruned: it reached no further rung                          */
    bool whole;          /* has a loss with all of the resource                         */
} crm_trial;
/** Trials made so far, and one of them, valid until the next result. */
int64_t crm_sweep_plan_trials(const crm_sweep_plan *p, int search);
const crm_trial *crm_sweep_plan_trial(const crm_sweep_plan *p, int search, int64_t trial);
/** Number of the trial of least loss among those with all of the resource, equal ones by number;
 * when all of those failed and the search has ended, among those with the most of it; -1: none. */
int64_t crm_sweep_plan_winner(const crm_sweep_plan *p, int search);
/** A trial of a search that has ended counts as failed: the next best one wins. */
void crm_sweep_plan_drop(crm_sweep_plan *p, int search, int64_t trial);
/** Loss of a unit, NaN: none or failed. */
double crm_sweep_plan_loss(const crm_sweep_plan *p, const crm_sweep_unit *u);
/** Share of the rows that units of a trial at a rung learn from. */
double crm_sweep_plan_share(const crm_sweep_plan *p, int search, int64_t trial, int rung);
/** Mean loss of a trial over what it had at its first rung, where all trials have the same; NaN:
 *  none. */
double crm_sweep_plan_first_loss(const crm_sweep_plan *p, int search, int64_t trial);
/** Loss on an inner fold of a trial that was not cut short. */
double crm_sweep_plan_whole_loss(const crm_sweep_plan *p, int search, int64_t trial, int repeat,
                                 int fold);
/** Units made so far, and how many of them have a result. */
void crm_sweep_plan_count(const crm_sweep_plan *p, int64_t *done, int64_t *units);
#endif
