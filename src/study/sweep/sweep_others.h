/* sweep_others.h - which units this job runs, among other jobs on the same sweep; rank 0 only. */
#ifndef CRM_SWEEP_OTHERS_H
#define CRM_SWEEP_OTHERS_H

#include "crmpi/sweep_follow.h"
#include "crmpi/sweep_plan.h"

/* A unit that groups of this job have. */
typedef struct others_unit {
    crm_sweep_unit unit;
    bool claimed;
} others_unit;

typedef struct others_list {
    crm_sweep_unit *unit;
    int64_t n, cap;
} others_list;

typedef struct sweep_others {
    const char *dir;
    crm_digest run;
    bool holds;
    int share, shares; /* units of this job by number; shares 0: any */
    double every, lease;
    crm_sweep_follow *follow;
    int place, jobs;   /* units of this job by number, which it takes first; jobs: all that work */
    others_list aside; /* taken from the plan, for others to run */
    others_list spare; /* likewise, for this job when it has no other ones */
    others_unit *out;  /* under way here */
    int64_t n_out, cap_out;
    bool anew;  /* the plan does not know what is under way */
    bool hurry; /* something was done here since the last look, which is wanted now */
    double began, looked, cost, claimed, told, done; /* of looks, lines, the last unit */
} sweep_others;

/* Read the ledgers that are there.  o has dir, run, holds, share, shares, every and lease. */
CRM_CHECKED sweep_others_begin(sweep_others *o, const char *own);
void sweep_others_end(sweep_others *o);
/* Whether a unit of the plan is left to others for now: it is kept, and comes back after a look. */
CRM_CHECKED sweep_others_leave(sweep_others *o, const crm_sweep_plan *p, const crm_sweep_unit *u,
                               bool *left);
/* There are no more in the plan: one of those that others would come to last; false: none. */
bool sweep_others_spare(sweep_others *o, crm_sweep_unit *u);
/* A unit goes to a group, and has come back. */
CRM_CHECKED sweep_others_give(sweep_others *o, const crm_sweep_unit *u);
void sweep_others_done(sweep_others *o, const crm_sweep_unit *u);
/* Whether there was a look after the last unit was done; else there will be one soon. */
bool sweep_others_saw_all(sweep_others *o);
/* Now and then: tell others what is under way here; see what they have done, and give back to the
 * plan what was left to them.  *revised: the plan is to be made anew. */
CRM_CHECKED sweep_others_look(sweep_others *o, crm_sweep_ledger *ledger, crm_sweep_plan *p,
                              bool *revised);
/* The plan is made anew. */
void sweep_others_anew(sweep_others *o);
#endif
