/* base_stop.h - the wish to stop: signals set a flag that loops look at (room base). */
#ifndef CRM_BASE_STOP_H
#define CRM_BASE_STOP_H

#include <stdbool.h>

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
/** While there is a path, that folder is removed, with all that is in it, when this process ends by
 *  the grace or the watchdog; NULL: no more.  Main thread; not collective. */
void crm_stop_discard(const char *folder);
/** As crm_stop_discard, of up to four further folders, each from on to off; none is told in the
 *  line.  Not collective. */
void crm_stop_also(const char *folder, bool on);
/** Remove them all now: for a thread that is about to end the process.  Plain system
 *  calls; not collective. */
void crm_stop_clean(void);
/** From now on the line of a process that ends by the grace says that nothing is kept: the command
 *  has no run folder.  Not collective. */
void crm_stop_keeps_nothing(void);
/** What is called last before this process ends by the grace, on a thread of its own: no locks of
 *  stdio or malloc.  NULL: nothing.  Not collective. */
typedef void (*crm_stop_hook)(void);
void crm_stop_before_end(crm_stop_hook hook);
/** "SIGUSR1" ...; "signal" for others. */
const char *crm_stop_name(int signal);

#endif
