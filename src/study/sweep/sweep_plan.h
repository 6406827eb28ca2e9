/* sweep_plan.h - a plan from inside: trials, brackets, ready units. */
#ifndef CRM_SWEEP_PLAN_IMPL_H
#define CRM_SWEEP_PLAN_IMPL_H

#include "crmpi/sweep_plan.h"
#include "sweep_impl.h"

typedef enum unit_state {
    UNIT_NONE,
    UNIT_READY, /* it waits in the order of its coming                 */
    UNIT_TIMED, /* it waits by the time that its trial takes           */
    UNIT_TAKEN,
    UNIT_DONE
} unit_state;

/* A trial with its units: [rung][unit], unit = repeat * folds + fold. */
typedef struct trial {
    crm_trial told;
    int bracket;
    unsigned char *state;
    double *loss;
    double seconds, timed; /* of units with a result; for so much of the resource */
} trial;

/* Trials that are judged together, rung by rung. */
typedef struct bracket {
    int n_rungs;
    crm_rung rung[CRM_RUNGS_MAX];
    int at;           /* the rung that its units are of                   */
    int64_t first, n; /* its trials                                       */
    int64_t missing;  /* units of this rung without a result              */
    bool ended;
} bracket;

/* Units of one search and rung that wait, in the order in which they became ready.  Those that are
 * UNIT_READY no more are passed over. */
typedef struct waiting {
    crm_sweep_unit *unit;
    int64_t first, n, cap;
    double seconds; /* of those with a result */
    int64_t timed;
} waiting;

/* Trials that have completed a rung of asynchronous halving by their loss: the best of them, worst
 * first, and the rest, best first. */
typedef struct ladder {
    sweep_heap best, rest;
} ladder;

typedef struct search {
    crm_search of;
    trial *trial;
    int64_t n, cap;
    bracket *bracket;
    int n_brackets, cap_brackets;
    int64_t want; /* trials in all */
    bool ended;
    waiting wait[CRM_RUNGS_MAX];
    ladder *ladder; /* [CRM_RUNGS_MAX] of asynchronous halving, else NULL */
} search;

struct crm_sweep_plan {
    crm_sweep_cfg cfg;
    int units; /* of a trial with all folds */
    int n;
    search *search;
    int64_t made, done;
    sweep_heap timed; /* units that wait and whose trials had a result before: the longest on top */
    int64_t put;      /* into it */
    double seconds, cost; /* of units with a result: their ratio prices units that were never run */
};

/* sweep_search.c */
/** Trials of a search in all, and its first brackets with their units. */
CRM_CHECKED sweep_search_begin(crm_sweep_plan *p, int number);
/** The last missing unit of a bracket's rung has come: judge it, and go on. */
CRM_CHECKED sweep_search_judge(crm_sweep_plan *p, int number, int which);
/** Mean and spread of a trial over the units that it has at its rung. */
void sweep_search_score(const crm_sweep_plan *p, const bracket *b, trial *t);
/** Units of halving and Hyperband are folds, each once. */
bool sweep_by_folds(const crm_sweep_plan *p);

/* sweep_asynchronous.c */
/** A unit of a trial of an asynchronous search has come. */
CRM_CHECKED sweep_search_asynchronous(crm_sweep_plan *p, int number, int64_t which);
void sweep_ladder_free(search *s);

/* sweep_search.c */
/** First unit that a rung adds, and the end of those it has. */
void sweep_rung_units(const crm_sweep_plan *p, const bracket *b, int rung, int *first, int *end);

/* sweep_plan.c */
/** Make the units [first, end) of a trial ready. */
CRM_CHECKED sweep_plan_ready(crm_sweep_plan *p, int number, int64_t which, int rung, int first,
                             int end, double resource, int64_t *made);
#endif
