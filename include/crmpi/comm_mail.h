/* comm_mail.h - small messages between any two ranks of a group, none of which is lost (room comm).
 *
 * For work whose order nobody knows beforehand, such as a queue of tasks: a rank sends when it has
 * something to say and looks for mail when it has time.  Mail from one rank to another comes in the
 * order in which it was sent.  It has a communicator of its own, so it cannot be mistaken for
 * anything else of the group.  All functions are called by the main thread. */
#ifndef CRM_COMM_MAIL_H
#define CRM_COMM_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "crmpi/comm.h"

typedef struct crm_mail crm_mail;

/* Bytes of one message.  Open MPI's shared memory takes messages below 4 KiB whole, so that a
 * sender does not wait for the receiver. */
enum { CRM_MAIL_MAX = 4000 };

/** Mail between the ranks of c, which is borrowed until the close.  Collective.
 *  @return CRM_ERR_NOMEM, CRM_ERR_COMM; *out is then NULL */
CRM_CHECKED crm_mail_open(crm_comm *c, crm_mail **out);
/** Receive and drop what is still on its way to this rank, and end.  Collective; NULL is fine. */
void crm_mail_close(crm_mail **m);

/** Send a copy of data to a rank of the group, or to oneself, without waiting; without memory for
 *  the copy, wait until MPI has taken it.  Not collective.
 *  @param[in] bytes at most CRM_MAIL_MAX
 *  @return CRM_ERR_ARG: no such rank, or too long; CRM_ERR_NOMEM: to oneself only; CRM_ERR_COMM */
CRM_CHECKED crm_mail_send(crm_mail *m, int to, const void *data, size_t bytes);
/** The next message that has come, whoever sent it, in data[CRM_MAIL_MAX]; *from = -1: there is
 * none now.  Not collective.
 *  @return CRM_ERR_COMM */
CRM_CHECKED crm_mail_take(crm_mail *m, void *data, size_t *bytes, int *from);
/** Sleep until a message is there to be taken, or so many seconds are over; whether there is one.
 *  It looks again after a part of the time it has waited, at most 1 ms, so that the core is left to
 *  others.  The watchdog is the caller's affair: only it knows what it waits for.  True after an
 *  error, which crm_mail_take then tells.  Not collective. */
bool crm_mail_wait(crm_mail *m, double seconds);
#endif
