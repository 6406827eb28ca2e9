/* sweep_farm.h - tasks dealt out to groups of ranks while they work (room sweep).
 *
 * Rank 0 of all holds the queue and works, too: it answers the others between the steps of its own
 * task.  Each other group has a task that it works on and one that lies ready, so that nobody waits
 * for an answer; a group for which nothing is left gets the task that lies ready at another one of
 * its size.  With very many groups rank 0 only answers.  Which group gets a task depends on time;
 * what comes out must not. */
#ifndef CRM_SWEEP_FARM_H
#define CRM_SWEEP_FARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/comm.h"

enum { CRM_FARM_BYTES_MAX = 2048 }; /* of a task, of a result */

typedef enum crm_farm_answer {
    CRM_FARM_TASK, /* a task was given                                  */
    CRM_FARM_WAIT, /* none now; there may be one after the next result  */
    CRM_FARM_END   /* none, now and later                               */
} crm_farm_answer;

/** Where tasks come from; called on rank 0 only, by its main thread. */
typedef struct crm_farm_source {
    void *ctx;
    /** The next task for a group of so many ranks; equal groups may exchange theirs later. */
    crm_farm_answer (*next)(void *ctx, int ranks, void *task, size_t *bytes);
    /** A task has come to a result.  An error ends all work. */
    crm_status (*done)(void *ctx, const void *result, size_t bytes);
    /** Some times a second, whether there are results or not (progress, results of other jobs).  An
     *  error ends all work.  NULL: none. */
    crm_status (*look)(void *ctx);
} crm_farm_source;

typedef struct crm_farm crm_farm;

/** Who does them. */
typedef struct crm_farm_worker {
    void *ctx;
    /** Do a task.  Collective over the group, whose main threads call it; the result counts on its
     *  first rank.  It calls crm_farm_stopping(f) often, or hands it on as hooks.stopping; as its
     *  answers differ between ranks, they agree (crm_fit_check_stop inside of fits) before they end
     *  with CRM_ERR_STOPPED.  A task that fails in a way that the sweep survives is a result, too;
     *  an error, of one rank or all, ends all work. */
    crm_status (*run)(void *ctx, crm_farm *f, crm_comm *group, const void *task, size_t bytes,
                      void *result, size_t *result_bytes);
} crm_farm_worker;

/** Groups, equal on all ranks.  Groups are of neighbouring ranks. */
typedef struct crm_farm_cfg {
    int n_sizes; /* ranks of the groups in order, the last one for all further ones; the rest */
    const int *sizes; /* of the ranks is one group more.  0: groups of one rank               */
    int lone_from;    /* groups from which on rank 0 only answers, where there are two ranks; */
                      /* 0: 64                                                                */
} crm_farm_cfg;

/** What was done; on rank 0, zero on the others.  What busy, starved and dispatch leave of groups'
 *  rank seconds went into results: sending and storing them. */
typedef struct crm_farm_use {
    int64_t tasks; /* that came to a result                                                  */
    int groups;
    double wall_s;     /* of the whole                                                       */
    double busy_s;     /* rank seconds inside of run                                         */
    double starved_s;  /* rank seconds of groups for which the source had nothing (WAIT, END) */
    double dispatch_s; /* rank seconds of groups that waited for a task which there was      */
} crm_farm_use;

/** Deal out tasks until the source ends, or a signal to stop comes to any rank.  A task that the
 *  source gave comes to a result on exactly one group; after an error or a signal some come to
 *  none: tasks under way are ended by crm_farm_stopping, others are not begun.  Collective over
 *  world; the same status everywhere.
 *  @param[out] use set in any case
 *  @return what a task or the source failed with, as crm_comm_agree tells it; CRM_ERR_STOPPED after
 *          a signal, when nothing has failed; CRM_ERR_ARG: sizes below 1; CRM_ERR_NOMEM;
 *          CRM_ERR_COMM; CRM_ERR_INTERNAL: the source breaks its contract */
CRM_CHECKED crm_farm_run(crm_comm *world, const crm_farm_cfg *cfg, const crm_farm_source *source,
                         const crm_farm_worker *worker, crm_farm_use *use);
/** For hooks.stopping; ctx is the farm.  Serves the queue on rank 0 when the main thread calls, at
 *  most once in a millisecond; some tens of ns else.  True, from then on always: end the task with
 *  CRM_ERR_STOPPED.  Thread-safe, not collective. */
bool crm_farm_stopping(void *farm);
#endif
