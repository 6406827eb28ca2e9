/* comm_watchdog_impl.h - what the thread of the watchdog knows of ranks, and its files. */
#ifndef CRM_COMM_WATCHDOG_IMPL_H
#define CRM_COMM_WATCHDOG_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "crmpi/base_path.h"
#include "crmpi/comm_watchdog.h"

enum { HEALTH_HOST = 64, HEALTH_OUTSIDE = CRM_SECTION_COUNT };

/* One process, as in its file. */
typedef struct health {
    int rank, pid;
    char host[HEALTH_HOST];
    int section;            /* HEALTH_OUTSIDE: in none                                    */
    int64_t step;           /* -1: none                                                   */
    double waited, limit;   /* s since it entered or left a section; that this may last   */
    double main_cpu;        /* s of CPU of its main thread since then                     */
    int64_t beat, events;   /* number of the writing, 0: no file; sections entered, left  */
    double clock, cpu;      /* s: its own clock; CPU of all threads but the watchdog      */
    int64_t faults, blocks; /* page faults with reading; blocks read and written          */
} health;

/* Where and who the ranks are. */
typedef struct health_place {
    char host[HEALTH_HOST];
    int pid;
} health_place;

typedef enum health_verdict {
    HEALTH_GOES_ON,
    HEALTH_SILENT,
    HEALTH_BLOCKED,
    HEALTH_DEADLOCK,
} health_verdict;

/* An inquiry: what each rank had written before, its first and its newest answer. */
typedef struct health_ranks {
    int n, self;
    health_place *place;           /* [n] */
    health *before, *first, *last; /* [n] */
} health_ranks;

/* Clocks and counters of this process, main being the CPU clock of its main thread. */
void crm_health_sample(health *h, clockid_t main);
double crm_health_cpu(clockid_t main);
/* To DIR/<rank>, by way of a temporary file; note may be NULL.  False: it could not be written. */
bool crm_health_write(const char *dir, const health *h, const char *note);
/* h->beat 0 when there is no such file. */
void crm_health_read(const char *dir, int rank, health *h);
/* What stands in DIR of all ranks but this one, before the answers. */
void crm_health_begin(const char *dir, health_ranks *r, const health *self);
/* ... and their answers so far. */
void crm_health_hear(const char *dir, health_ranks *r, const health *self);
/* *who: the rank that decides, and the seconds after which to ask again when it goes on. */
health_verdict crm_health_judge(const health_ranks *r, int *who, double *again);
/* The end of a sentence about it, " (host h)" where a rank is named. */
void crm_health_tell(const health_ranks *r, health_verdict v, int who, char *out, size_t cap);

/* Not there yet, or a folder of this user that nobody else can write into: who may make a folder of
 * this name, as in /tmp, is not let to say what is written and removed. */
bool crm_health_is_private(const char *dir);
/* ns until the answers of others are seen in the folder; NULL: of one on this node. */
int64_t crm_health_answer_in(const char *folder);
/* DIR/asked: 1 made, 0 it was there, -1 it cannot be made. */
int crm_health_ask(const char *dir);
bool crm_health_asked(const char *dir);
void crm_health_unask(const char *dir);
/* Remove the files of ranks [first, end), then DIR itself if nothing else is in it. */
void crm_health_clear(const char *dir, int first, int end);
#endif
