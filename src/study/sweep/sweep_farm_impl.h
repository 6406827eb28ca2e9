/* sweep_farm_impl.h - what the two sides of a farm share: the ranks that work, the queue of rank 0.
 */
#ifndef CRM_SWEEP_FARM_IMPL_H
#define CRM_SWEEP_FARM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "crmpi/comm_mail.h"
#include "crmpi/sweep_farm.h"

/* Mail of a farm.  Rank 0 and first ranks of groups talk to each other, a first rank to its group.
 * After FIN a rank sends nothing and nothing comes. */
typedef enum farm_kind {
    FARM_TASK,   /* from rank 0, and on to the group: do this                   */
    FARM_RECALL, /* from rank 0: give the task of this serial back if it is not begun */
    FARM_HALT,   /* from rank 0: begin nothing any more, end what runs          */
    FARM_FIN,    /* from rank 0, and on to the group: all is done               */
    FARM_DONE,   /* to rank 0: a result; a task that lay ready is begun now     */
    FARM_UNDONE, /* to rank 0: ended, or not begun, because of a wish to stop   */
    FARM_FAILED, /* to rank 0: likewise, by an error that the group keeps       */
    FARM_GIVEN,  /* to rank 0: the task that was called back                    */
    FARM_WISH    /* from any rank to rank 0: a signal to stop has come          */
} farm_kind;

typedef struct farm_letter {
    int32_t kind, bytes;
    int64_t serial; /* of a task, counted on rank 0                                  */
    double starved; /* s for which the source had none for this group before it      */
    char body[CRM_FARM_BYTES_MAX];
} farm_letter;

typedef struct farm_queue farm_queue;

struct crm_farm {
    crm_comm *world, *group; /* group NULL: this rank only answers */
    crm_mail *mail;
    const crm_farm_worker *worker;
    farm_queue *queue; /* of rank 0, else NULL */
    pthread_t main;
    _Atomic bool halt; /* no task goes on */
    bool wished;       /* rank 0 knows of the signal that came here */
    bool running, fin; /* a task is under way; all is done */
    bool attending;    /* callbacks of the source must not get here again */
    bool lost;         /* mail does not work any more */
    int groups;        /* of world */
    double begun;
    int first;                      /* rank in world of the group's first one */
    int n_hand;                     /* tasks of this group that are not begun */
    farm_letter hand[2];            /* in the order of their coming */
    double polled;                  /* when the main thread last looked for mail */
    double idle_from;               /* since when there is no task under way */
    double busy, starved, dispatch; /* s of this rank */
    crm_status status;              /* the first error that happened here ... */
    char text[CRM_ERR_TEXT_MAX];    /* ... and its text */
};

/* Keep the first error of this rank; nothing is begun here any more. */
void farm_keep(crm_farm *f, crm_status st);
/* Mail to another rank.  A loss is kept: the farm then ends as it can. */
void farm_send(crm_farm *f, int to, const farm_letter *x);
/* A task for this rank's group, to be begun after those in hand. */
void farm_hand(crm_farm *f, const farm_letter *task);

/* Groups of world: number of this rank's (-1: it only answers) and their count; ranks and sizes of
 * all in first, sizes [count] (may be NULL). */
int farm_groups(const crm_farm_cfg *cfg, int world, int rank, int *mine, int *first, int *sizes);

/* The queue; on rank 0, not collective. */
CRM_CHECKED farm_queue_new(const crm_farm_cfg *cfg, const crm_farm_source *source, int world,
                           farm_queue **out);
void farm_queue_free(farm_queue **q);
/* A letter of a first rank, that of this rank's own group included. */
void farm_queue_take(crm_farm *f, const farm_letter *x, int from);
/* Deal out what there is, look at the source's other sides, end; after letters were taken, and now
 * and then. */
void farm_queue_serve(crm_farm *f);
/* No group has a task. */
bool farm_queue_rests(const farm_queue *q);
/* Results so far, and whether a wish to stop ended it. */
int64_t farm_queue_done(const farm_queue *q);
bool farm_queue_stopped(const farm_queue *q);
#endif
