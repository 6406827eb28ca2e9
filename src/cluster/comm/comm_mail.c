/* comm_mail.c - small messages between any two ranks, each of which arrives.
 *
 * A message is copied and sent with MPI_Isend; the copy is freed when a later call finds that it
 * has left.  Every rank counts what it has sent to each other one: at the close the sums of these
 * counts say how many messages each rank still has to receive, so that none stays on the wire. */
#include "crmpi/comm_mail.h"

#include <string.h>
#include <time.h>

#include "comm_impl.h"
#include "crmpi/base_mem.h"

enum { TAG_MAIL = 1 };
static const double first_pause = 20e-6, longest_pause = 1e-3; /* s */

typedef struct parcel {
    struct parcel *next;
    MPI_Request request;
    char data[];
} parcel;

struct crm_mail {
    crm_comm *group;
    MPI_Comm mpi;
    int64_t *sent; /* [size] messages to each rank */
    int64_t taken;
    parcel *leaving;
};

crm_status crm_mail_open(crm_comm *c, crm_mail **out)
{
    crm_mail *m = crm_mem_new(1, sizeof *m);
    int64_t *sent = crm_mem_new((size_t)c->size, sizeof *sent);
    crm_status st = CRM_OK;

    *out = NULL;
    if (!m || !sent) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: mail of %d ranks", c->size);
    st = crm_comm_agree(c, st);
    if (!st) {
        m->group = c;
        m->sent = sent;
        st = CRM_COMM_WAIT(MPI_Comm_dup(c->mpi, &m->mpi), "MPI_Comm_dup");
    }
    if (st) {
        crm_mem_free(sent);
        crm_mem_free(m);
        return st;
    }
    *out = m;
    return CRM_OK;
}

/* Free the copies that have left. */
static void sweep_out(crm_mail *m)
{
    for (parcel **at = &m->leaving; *at;) {
        parcel *p = *at;
        int gone = 0;
        if (MPI_Test(&p->request, &gone, MPI_STATUS_IGNORE) == MPI_SUCCESS && !gone) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        crm_mem_free(p);
    }
}

static crm_status send_copy(crm_mail *m, parcel *p, int to, int bytes)
{
    crm_status st = crm_comm_check(
        MPI_Isend(p->data, bytes, MPI_BYTE, to, TAG_MAIL, m->mpi, &p->request), "MPI_Isend");

    if (st) {
        crm_mem_free(p);
        return st;
    }
    p->next = m->leaving;
    m->leaving = p;
    return CRM_OK;
}

crm_status crm_mail_send(crm_mail *m, int to, const void *data, size_t bytes)
{
    parcel *p;

    CRM_CHECK(bytes <= CRM_MAIL_MAX, CRM_ERR_ARG, "mail of %zu bytes, at most %d can be sent",
              bytes, (int)CRM_MAIL_MAX);
    CRM_CHECK(to >= 0 && to < m->group->size, CRM_ERR_ARG, "mail to rank %d of %d", to,
              m->group->size);
    p = crm_mem_new(sizeof *p + bytes, 1);
    if (p) {
        if (bytes > 0) memcpy(p->data, data, bytes);
        CRM_TRY(send_copy(m, p, to, (int)bytes));
    } else {
        CRM_CHECK(to != m->group->rank, CRM_ERR_NOMEM, "out of memory: mail of %zu bytes", bytes);
        CRM_TRY(
            CRM_COMM_WAIT(MPI_Send(data, (int)bytes, MPI_BYTE, to, TAG_MAIL, m->mpi), "MPI_Send"));
    }
    m->sent[to]++;
    sweep_out(m);
    return CRM_OK;
}

static crm_status receive(crm_mail *m, void *data, MPI_Status *status)
{
    CRM_TRY(CRM_COMM_WAIT(
        MPI_Recv(data, CRM_MAIL_MAX, MPI_BYTE, MPI_ANY_SOURCE, TAG_MAIL, m->mpi, status),
        "MPI_Recv"));
    m->taken++;
    return CRM_OK;
}

crm_status crm_mail_take(crm_mail *m, void *data, size_t *bytes, int *from)
{
    MPI_Status status;
    int there = 0, n = 0;

    *from = -1;
    *bytes = 0;
    sweep_out(m);
    CRM_TRY(crm_comm_check(MPI_Iprobe(MPI_ANY_SOURCE, TAG_MAIL, m->mpi, &there, MPI_STATUS_IGNORE),
                           "MPI_Iprobe"));
    if (!there) return CRM_OK;
    CRM_TRY(receive(m, data, &status));
    CRM_TRY(crm_comm_check(MPI_Get_count(&status, MPI_BYTE, &n), "MPI_Get_count"));
    *bytes = (size_t)n;
    *from = status.MPI_SOURCE;
    return CRM_OK;
}

bool crm_mail_wait(crm_mail *m, double seconds)
{
    double start = crm_clock_now(), waited = 0;

    for (;;) {
        int there = 0;
        double pause = waited / 8;
        sweep_out(m);
        if (MPI_Iprobe(MPI_ANY_SOURCE, TAG_MAIL, m->mpi, &there, MPI_STATUS_IGNORE) !=
                MPI_SUCCESS ||
            there)
            return true;
        if (waited >= seconds) return false;
        if (pause < first_pause) pause = first_pause;
        if (pause > longest_pause) pause = longest_pause;
        nanosleep(&(struct timespec){.tv_nsec = (long)(pause * 1e9)}, NULL);
        waited = crm_clock_now() - start;
    }
}

static crm_status drain(crm_mail *m)
{
    char data[CRM_MAIL_MAX];
    MPI_Status status;
    int64_t to_me = 0;

    CRM_TRY(
        CRM_COMM_WAIT(MPI_Reduce_scatter_block(m->sent, &to_me, 1, MPI_INT64_T, MPI_SUM, m->mpi),
                      "MPI_Reduce_scatter_block"));
    while (m->taken < to_me)
        CRM_TRY(receive(m, data, &status));
    for (parcel *p = m->leaving; p; p = p->next)
        CRM_TRY(CRM_COMM_WAIT(MPI_Wait(&p->request, MPI_STATUS_IGNORE), "MPI_Wait"));
    return CRM_OK;
}

void crm_mail_close(crm_mail **mp)
{
    crm_mail *m = *mp;

    if (!m) return;
    if (drain(m) != CRM_OK) crm_err_print(m->group->rank); /* there is nobody to return it to */
    sweep_out(m);
    crm_watchdog_enter(CRM_IN_REDUCTION);
    crm_comm_waited(MPI_Comm_free(&m->mpi));
    crm_mem_free(m->sent);
    crm_mem_free(m);
    *mp = NULL;
}
