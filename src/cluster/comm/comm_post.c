/* comm_post.c - small messages to rank 0 that nobody waits for (progress).
 *
 * They are sent synchronously (Issend): a slot of the ring is free again only when rank 0 took the
 * message.  A rank 0 that does not poll therefore holds at most POST_RING messages per rank, later
 * ones are dropped at the sender; plain sends would pile up in rank 0's memory without limit. */
#include <string.h>

#include "comm_impl.h"

static post_slot *free_slot(crm_comm *c)
{
    for (int i = 0; i < POST_RING; i++) {
        int done = 0;
        if (MPI_Test(&c->ring[i].request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done)
            return &c->ring[i];
    }
    return NULL;
}

void crm_comm_post(crm_comm *c, const void *data, size_t bytes)
{
    post_slot *slot = bytes <= CRM_COMM_POST_MAX ? free_slot(c) : NULL;

    if (!slot) return;
    if (bytes > 0) memcpy(slot->data, data, bytes);
    if (MPI_Issend(slot->data, (int)bytes, MPI_BYTE, 0, TAG_POST, c->mpi, &slot->request) ==
        MPI_SUCCESS)
        c->posted++;
    else
        slot->request = MPI_REQUEST_NULL;
}

static crm_status take(crm_comm *c, char data[CRM_COMM_POST_MAX], int *n, int *from)
{
    MPI_Status status;

    CRM_TRY(CRM_COMM_WAIT(
        MPI_Recv(data, CRM_COMM_POST_MAX, MPI_BYTE, MPI_ANY_SOURCE, TAG_POST, c->mpi, &status),
        "MPI_Recv"));
    c->polled++;
    *from = status.MPI_SOURCE;
    return crm_comm_check(MPI_Get_count(&status, MPI_BYTE, n), "MPI_Get_count");
}

bool crm_comm_poll(crm_comm *c, void *data, size_t cap, size_t *bytes, int *from)
{
    char text[CRM_COMM_POST_MAX];
    int waiting = 0, n;

    if (c->rank != 0 ||
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_POST, c->mpi, &waiting, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return false;
    if (!waiting || take(c, text, &n, from) != CRM_OK) return false;
    *bytes = (size_t)n < cap ? (size_t)n : cap;
    if (*bytes > 0) memcpy(data, text, *bytes);
    return true;
}

crm_status crm_comm_drain(crm_comm *c)
{
    MPI_Request pending[POST_RING];
    char text[CRM_COMM_POST_MAX];
    int64_t posted = 0;
    int n, from;

    CRM_TRY(CRM_COMM_WAIT(MPI_Reduce(&c->posted, &posted, 1, MPI_INT64_T, MPI_SUM, 0, c->mpi),
                          "MPI_Reduce"));
    while (c->rank == 0 && c->polled < posted)
        CRM_TRY(take(c, text, &n, &from));
    for (int i = 0; i < POST_RING; i++)
        pending[i] = c->ring[i].request;
    return CRM_COMM_WAIT(MPI_Waitall(POST_RING, pending, MPI_STATUSES_IGNORE), "MPI_Waitall");
}
