/* comm_watchdog.h - a limit on how long a rank may be stuck (room comm).
 *
 * A collective call of MPI that waits for a rank which is stuck or lost never returns.  A thread of
 * each rank watches the section that the main thread is in; it reads clocks and files and never
 * calls MPI.  When a section lasts longer than its limit the rank writes what it knows to
 * DIR/<rank>, looks which ranks have written nothing or are behind, says so in one line and ends
 * its process with code 5 (that of CRM_ERR_COMM).  mpirun ends the other ranks then, srun with
 * --kill-on-bad-exit. */
#ifndef CRM_COMM_WATCHDOG_H
#define CRM_COMM_WATCHDOG_H

#include <stdint.h>

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
    double limit; /* s; least limit of a section, which grows to ten times the longest of its kind
                     so far; 0: no watchdog */
} crm_watchdog_cfg;
extern const crm_opt crm_watchdog_opts[]; /* watchdog.limit (LAYOUT) */

/** Watch the sections of this process from now on; dir (copied, NULL: none) is where ranks leave
 *  what they know, a folder that all of them see.  It is made when it is needed only.  Main thread;
 *  not collective; a second call changes limit and folder. */
void crm_watchdog_start(const crm_watchdog_cfg *cfg, const char *dir);
/** The main thread enters a section, within the one it is in if any, and leaves it.  Cheap enough
 *  for each collective call; before crm_watchdog_start without effect. */
void crm_watchdog_enter(crm_section s);
void crm_watchdog_leave(void);
/** Number of the step that runs, for the report. */
void crm_watchdog_step(int64_t step);

/** Unless armed again or disarmed within so many seconds, end this process.  Arming again moves the
 *  deadline; nothing nests.  Time in which the whole process was stopped (a debugger, SIGSTOP) is
 *  not counted.  The first call starts the thread; where that fails a warning is logged and waits
 *  have no limit.  Main thread only; not collective.
 *  @param[in] seconds  > 0, seen to a tenth of a second
 *  @param[in] what     static text, completes "no answer of the other ranks for 120 s while ..." */
void crm_watchdog_arm(double seconds, const char *what);
/** No deadline any more.  Main thread only; not collective. */
void crm_watchdog_disarm(void);
/** Disarm and end the thread; crm_comm_stop does so.  A later crm_watchdog_arm starts another. */
void crm_watchdog_stop(void);

#endif
