/* sweep_plan.h - a plan from inside: trials, brackets, ready units. */
#ifndef CRM_SWEEP_PLAN_IMPL_H
#define CRM_SWEEP_PLAN_IMPL_H

#include "crmpi/sweep_plan.h"

typedef enum unit_state { UNIT_NONE, UNIT_READY, UNIT_TAKEN, UNIT_DONE } unit_state;

/* A trial with its units: [rung][unit], unit = repeat * folds + fold. */
typedef struct trial {
    crm_trial told;
    int bracket;
    unsigned char *state;
    double *loss;
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

/* Units of one search and rung that wait, in the order in which they became ready. */
typedef struct waiting {
    crm_sweep_unit *unit;
    int64_t first, n, cap;
    double seconds; /* of those with a result */
    int64_t timed;
} waiting;

typedef struct search {
    crm_search of;
    trial *trial;
    int64_t n, cap;
    bracket *bracket;
    int n_brackets, cap_brackets;
    int64_t want; /* trials in all */
    bool ended;
    waiting wait[CRM_RUNGS_MAX];
} search;

struct crm_sweep_plan {
    crm_sweep_cfg cfg;
    int units; /* of a trial with all folds */
    int n;
    search *search;
    int64_t made, done;
    double seconds, cost; /* of units with a result: their ratio prices units that were never run */
};

/* sweep_search.c */
/** Trials of a search in all, and its first brackets with their units. */
CRM_CHECKED sweep_search_begin(crm_sweep_plan *p, int number);
/** The last missing unit of a bracket's rung has come: judge it, and go on. */
CRM_CHECKED sweep_search_judge(crm_sweep_plan *p, int number, int which);
/** A unit of an asynchronous search has come. */
CRM_CHECKED sweep_search_asynchronous(crm_sweep_plan *p, int number);
/** First unit that a rung adds, and the end of those it has. */
void sweep_rung_units(const crm_sweep_plan *p, const bracket *b, int rung, int *first, int *end);

/* sweep_plan.c */
/** Make the units [first, end) of a trial ready. */
CRM_CHECKED sweep_plan_ready(crm_sweep_plan *p, int number, int64_t which, int rung, int first,
                             int end, double resource, int64_t *made);
#endif
