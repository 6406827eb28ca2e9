/* base_stop.h - the wish to stop: signals set a flag that loops look at (room base). */
#ifndef CRM_BASE_STOP_H
#define CRM_BASE_STOP_H

/** From now on SIGUSR1, SIGUSR2, SIGTERM and SIGHUP only set a flag; one that was ignored when the
 *  program began (nohup) stays ignored.  Main thread, once; not collective. */
void crm_stop_install(void);
/** Number of the first signal that arrived, 0 while none has.  Thread-safe, not collective: ranks
 *  agree on it (crm_comm_max_i64) before any of them acts. */
int crm_stop_signal(void);
/** Seconds after the signal at which the process ends by itself, with code 75: finished work is in
 *  files that are complete at any time, so nothing is lost but what the present unit did since its
 *  last checkpoint.  0 (the start): never.  Main thread; not collective. */
void crm_stop_grace(double seconds);
/** While there is a path, this process makes that file, empty, once a signal has come, wherever its
 *  main thread waits; NULL: no more, and none is made after the return.  Main thread; not
 *  collective. */
void crm_stop_tell(const char *path);
/** "SIGUSR1" ...; "signal" for others. */
const char *crm_stop_name(int signal);

#endif
