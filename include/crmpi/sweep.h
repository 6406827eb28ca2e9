/* sweep.h - search over options: space, samplers and schedulers as pure functions (room sweep).
 *
 * A trial is a point of a space.  Which point depends on the seed, the number of the trial and the
 * results of earlier rounds: never on when or where something was computed.  Nothing here is
 * collective; the same arguments give the same bits on every rank. */
#ifndef CRM_SWEEP_H
#define CRM_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/opt.h"
#include "crmpi/opt_tree.h"

/* ---- space ---- */
enum { CRM_SWEEP_DIMS_MAX = 64, CRM_SWEEP_VALUES_MAX = 256 };

typedef enum crm_dim_kind { CRM_DIM_REAL, CRM_DIM_INTEGER, CRM_DIM_LIST } crm_dim_kind;

/** One option that is searched.  Where it has a condition it is part of a point only when an
 *  earlier dimension is part of it and has (or, unless: has not) one of some values. */
typedef struct crm_dim {
    const char *key;
    crm_dim_kind kind;
    bool log;      /* even on the logarithm                                                */
    double lo, hi; /* REAL, INTEGER: inclusive, lo < hi; log: 0 < lo                       */
    double step;   /* values are lo, lo + step ... <= hi; 0: any (INTEGER: has 1)          */
    int n;         /* LIST: values ...                                                     */
    const char *const *value; /* ... as --set takes them                                   */
    int when;                 /* number of the dimension asked, -1: no condition           */
    bool unless;
    int n_given;
    const double *given; /* values that are asked for; of a LIST their numbers             */
} crm_dim;

typedef struct crm_space {
    int n;
    crm_dim *dim;
    void *owned; /* of crm_space_read */
} crm_space;

/** Options that may be searched. */
typedef struct crm_space_options {
    void *ctx;
    /** The row of an option that a sweep may change; NULL: no such key. */
    const crm_opt *(*find)(void *ctx, const char *key);
    /** Whether an option takes a value (as for --set); else adds to why how it must be. */
    bool (*takes)(void *ctx, const crm_opt *o, const char *value, crm_str *why);
    /** The key nearest to a wrong one, or NULL. */
    const char *(*nearest)(void *ctx, const char *key);
} crm_space_options;

/** Read a mapping KEY -> range or list:
 *
 *     optim.lr: {real: [1e-4, 1e-2], log: true}
 *     forest.trees: {integer: [50, 500], step: 50}
 *     model.rnn: [gru, lstm]
 *     model.rnn_units: {integer: [16, 128], log: true, when: model.rnn == lstm}
 *     model.rnn_layers: {list: [1, 2], when: "model.rnn in [gru, lstm]"}
 *
 *  Conditions: "KEY == VALUE", "KEY != VALUE", "KEY in [VALUE, ...]"; KEY stands above.  Wrong
 *  things are added to the errors of f (crm_tree_file_errors tells them all).  Texts are those of
 *  f.  @return CRM_ERR_NOMEM only; out is the caller's, for crm_space_free. */
CRM_CHECKED crm_space_read(crm_tree_file *f, const crm_node *map, const crm_space_options *o,
                           crm_space *out);
void crm_space_free(crm_space *s);

/** The point at u[n], each in [0, 1): x[n] = value of each dimension, of a LIST the number of the
 *  value, NaN where the condition does not hold. */
void crm_space_point(const crm_space *s, const double *u, double *x);
/** Whether dimension d is part of the point x, which is set before d. */
bool crm_space_active(const crm_space *s, int d, const double *x);
/** Value of a dimension as --set takes it; the text is the space's or stands in room. */
const char *crm_space_text(const crm_space *s, int d, double x, char room[32]);
/** Points of the grid: all values of a list, an integer range or one with steps, but at most
 *  `points` evenly spaced ones of it, and `points` of a real range; dimensions whose condition does
 *  not hold count once.  More than max: max + 1. */
int64_t crm_space_grid(const crm_space *s, int points, int64_t max);
/** The i-th point of the grid in the order in which the last dimension changes first; false past
 *  the end. */
bool crm_space_grid_point(const crm_space *s, int points, int64_t i, double *x);

/* ---- samplers ---- */
typedef enum crm_sampler {
    CRM_SAMPLER_GRID,
    CRM_SAMPLER_RANDOM,
    CRM_SAMPLER_SOBOL,
    CRM_SAMPLER_TPE,
    CRM_SAMPLER_COUNT
} crm_sampler;
extern const char *const crm_sampler_names[]; /* "grid" .. "tpe", NULL */

/** What became of a trial of an earlier round. */
typedef struct crm_seen {
    const double *x; /* [dims] point                                   */
    double loss;     /* to be made small; NaN: failed                   */
} crm_seen;

typedef struct crm_sample_cfg {
    int sampler; /* crm_sampler                                                   */
    uint64_t seed;
    int points;      /* GRID: of a real range                                     */
    int64_t startup; /* TPE: random trials before it looks at results             */
    int candidates;  /* TPE: draws of which the best is taken                     */
} crm_sample_cfg;

/** The point of trial number `trial`, from n results of earlier rounds in the order of their trial
 *  numbers (TPE only).
 *
 *  RANDOM: uniform, keyed by (seed, trial).  SOBOL: a Sobol sequence with the direction numbers of
 *  Joe and Kuo (2008), with the nested uniform scramble of Owen (1995) by hashing (Laine and Karras
 *  2011, Burley 2020).  TPE: tree-structured Parzen estimator (Bergstra et al. 2011) with one
 *  kernel over all dimensions for each trial (Falkner et al. 2018); a failed trial is never
 *  among the best.
 *  @return CRM_ERR_ARG: a grid has no such point; CRM_ERR_NOMEM. */
CRM_CHECKED crm_sample(const crm_sample_cfg *cfg, const crm_space *s, int64_t trial,
                       const crm_seen *seen, int64_t n, double *x);

/* ---- schedulers ---- */
/** Rung k of a bracket: so many trials, each with the resource reached there. */
typedef struct crm_rung {
    int64_t trials;
    double resource; /* in (0, max] */
} crm_rung;
enum { CRM_RUNGS_MAX = 32 };

/** Rungs of successive halving (Jamieson and Talwalkar 2016) of n trials: n, n / eta ... (rounded
 *  down, at least 1), the last one with max, each with eta times the resource of the one before,
 *  the first with at least min (0 < min <= max, eta >= 2).  @return rungs, at most CRM_RUNGS_MAX */
int crm_rungs_halving(int64_t n, double min, double max, int eta, crm_rung *out);
/** Bracket s of Hyperband (Li et al. 2018, algorithm 1) with R = max / min: s = s_max .. 0.
 *  @return its rungs, 0 for s above s_max = floor(log_eta(R)) */
int crm_rungs_hyperband(int s, double min, double max, int eta, crm_rung *out);
/** Which of n trials go on to a rung of m: those of the least loss, equal losses by number, failed
 *  ones (NaN) never, so there may be fewer.  on[n]; @return how many.  CRM_ERR_NOMEM is -1. */
int64_t crm_rungs_promote(const double *loss, int64_t n, int64_t m, bool *on);
/** Whether a trial is stopped by the median rule (Golovin et al. 2017): more than half of the
 * losses of n other trials at the same step and on the same folds, below of them, are less than its
 * own. Never with fewer than `least`.  A loss that is NaN is stopped. */
bool crm_median_stops(double loss, int64_t below, int64_t n, int64_t least);

/* ---- importance ---- */
/** Importance of each dimension by functional ANOVA (Hutter, Hoos and Leyton-Brown 2014): the share
 *  of the variance of the loss over the space, even as random search draws from it, that the
 *  dimension explains by itself; what the shares lack of 1 are interactions.  Mean over the trees
 *  of a forest on the results.  A conditional dimension has no effect where it does not apply,
 *  which counts.  share[dims], and spread[dims], the standard deviation over forests of bootstrap
 *  samples of the trials.  Failed trials are left out; trials at one point give 0.
 *  @return CRM_ERR_FORMAT for less than 2 results that differ; CRM_ERR_NOMEM */
CRM_CHECKED crm_sweep_importance(const crm_space *s, const crm_seen *seen, int64_t n, uint64_t seed,
                                 double *share, double *spread);
#endif
