/* comm_watchdog.h - a limit on how long a rank may be stuck (room comm).
 *
 * A collective call of MPI that waits for a rank which is stuck or lost never returns.  A thread of
 * each rank watches the section that the main thread is in; it reads clocks and files and never
 * calls MPI.
 *
 * A rank that has waited for long proves nothing: another may compute for hours on what all wait
 * for.  So the rank asks: it makes DIR/asked, each rank that sees that file writes what it does to
 * DIR/<rank> every second, and the one who asked reads these files for 5 seconds (70 on NFS, whose
 * clients see new files late).  Then
 *
 *     a rank that has not written          is stopped, stuck or lost            ends with code 5
 *     one computes, or goes on             the wait is a healthy one            asks again later
 *     one neither waits for ranks, nor     is blocked, in input or output       ends with code 5
 *     computes, nor reads, nor writes
 *     all wait for ranks                   a deadlock                           ends with code 5
 *
 * and the line on stderr names the rank.  mpirun ends the other ranks then, srun with
 * --kill-on-bad-exit=1.  The first of these holds after watchdog.limit; the last two after ten
 * times the longest wait of that kind that has ended well, where that is longer. */
#ifndef CRM_COMM_WATCHDOG_H
#define CRM_COMM_WATCHDOG_H

#include <stdint.h>

#include "crmpi/comm.h"
#include "crmpi/opt.h"

typedef enum crm_section {
    CRM_IN_IMPORT,     /* a file of another format is read             */
    CRM_IN_LOAD,       /* rows of the data set, or the file itself     */
    CRM_IN_STEP,       /* one step of a fit, exchange included         */
    CRM_IN_REDUCTION,  /* a collective call: waiting for other ranks   */
    CRM_IN_CHECKPOINT, /* a result or a checkpoint is written          */
    CRM_SECTION_COUNT
} crm_section;
extern const char *const crm_section_names[CRM_SECTION_COUNT];

typedef struct crm_watchdog_cfg {
    double limit; /* s in one section, without entering or leaving any, after which others are
                     asked; 0: no watchdog */
} crm_watchdog_cfg;
extern const crm_opt crm_watchdog_opts[]; /* watchdog.limit (LAYOUT) */

/** Watch the sections of this process from now on; dir (copied) is where ranks leave what they
 * know. It is made only when a rank asks; its parent is there.  What an earlier run left in it is
 * removed now; crm_watchdog_stop removes what this one left.  With dir NULL, or where not all ranks
 * see the same parent, it is a folder in /tmp while all are on one node; else nobody can be asked,
 * and a rank ends when it has waited for ten times the limit.  A second call changes limit and
 * folder. Main thread.  Collective over the group of all ranks.
 *  @return CRM_ERR_NOMEM, CRM_ERR_COMM */
CRM_CHECKED crm_watchdog_start(crm_comm *world, const crm_watchdog_cfg *cfg, const char *dir);
/** The main thread enters a section, within the one it is in if any, and leaves it.  Some
 *  nanoseconds, so that each collective call can have it; without effect before crm_watchdog_start
 *  and in other threads. */
void crm_watchdog_enter(crm_section s);
void crm_watchdog_leave(void);
/** Number of the step that runs, for the report; -1: none.  Main thread. */
void crm_watchdog_step(int64_t step);
/** What went wrong before, such as an error of NCCL, to be told (its first 200 bytes) when nobody
 *  answers afterwards.  Main thread. */
void crm_watchdog_note(const char *text);

/** Unless armed again or disarmed within so many seconds, end this process, whatever the others do;
 *  they are asked only to name the one who is missing.  Arming again moves the deadline; nothing
 *  nests.  Time in which the whole process was stopped (a debugger, SIGSTOP) is not counted.  The
 *  first call starts the thread; where that fails a warning is logged and waits have no limit.
 *  Main thread only; not collective.
 *  @param[in] seconds  > 0, seen to a tenth of a second
 *  @param[in] what     static text, completes "no answer of the other ranks for 120 s while ..." */
void crm_watchdog_arm(double seconds, const char *what);
/** No deadline any more.  Main thread only; not collective. */
void crm_watchdog_disarm(void);
/** Disarm, end the thread and remove this rank's file; crm_comm_stop does so.  A later
 *  crm_watchdog_arm or crm_watchdog_start starts another. */
void crm_watchdog_stop(void);

#endif
