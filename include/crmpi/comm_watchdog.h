/* comm_watchdog.h - a limit on waiting for other ranks (room comm).
 *
 * A collective call of MPI that waits for a rank which is stuck or lost never returns.  Whoever is
 * about to make such calls arms the watchdog; when the deadline passes first, it writes one line to
 * stderr and ends the process with code 5 (that of CRM_ERR_COMM).  mpirun ends the other ranks
 * then, srun with --kill-on-bad-exit.  It is a thread that reads a clock and never calls MPI. */
#ifndef CRM_COMM_WATCHDOG_H
#define CRM_COMM_WATCHDOG_H

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
