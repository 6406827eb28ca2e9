/* comm_group.c - groups of ranks: who is in, split, free, agreement on errors. */
#include <stdio.h>
#include <time.h>

#include "comm_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"

enum { CHUNK = 1 << 30 };

int crm_comm_rank(const crm_comm *c)
{
    return c->rank;
}

int crm_comm_size(const crm_comm *c)
{
    return c->size;
}

int crm_comm_node_size(const crm_comm *c)
{
    return c->node_size;
}

int crm_comm_node_rank(const crm_comm *c)
{
    return c->node_rank;
}

void crm_comm_set_chunk(crm_comm *c, size_t bytes)
{
    c->chunk = bytes >= 1 && bytes <= CHUNK ? bytes : CHUNK;
}

static crm_status find_node(crm_comm *c)
{
    MPI_Comm node;

    CRM_TRY(CRM_COMM_WAIT(
        MPI_Comm_split_type(c->mpi, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type"));
    MPI_Comm_rank(node, &c->node_rank);
    MPI_Comm_size(node, &c->node_size);
    return CRM_COMM_WAIT(MPI_Comm_free(&node), "MPI_Comm_free");
}

static crm_status agree_on(MPI_Comm mpi, int rank, crm_status local);

crm_status crm_comm_adopt(MPI_Comm mpi, crm_comm **out)
{
    crm_comm *c = crm_mem_new(1, sizeof *c);
    crm_status st = CRM_OK;
    int rank;

    *out = NULL;
    MPI_Comm_rank(mpi, &rank);
    MPI_Comm_set_errhandler(mpi, MPI_ERRORS_RETURN);
    if (!c) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: group of ranks");
    st = agree_on(mpi, rank, st);
    if (!st && c) { /* c is set on every rank once all agree */
        c->mpi = mpi;
        c->rank = rank;
        MPI_Comm_size(mpi, &c->size);
        crm_comm_set_chunk(c, CHUNK);
        for (int i = 0; i < POST_RING; i++)
            c->ring[i].request = MPI_REQUEST_NULL;
        st = find_node(c);
    }
    if (st) {
        crm_mem_free(c);
        MPI_Comm_free(&mpi);
        return st;
    }
    *out = c;
    return CRM_OK;
}

crm_status crm_comm_split(crm_comm *c, int color, crm_comm **out)
{
    crm_status st = CRM_OK;
    MPI_Comm part;

    *out = NULL;
    CRM_TRY(CRM_COMM_WAIT(MPI_Comm_split(c->mpi, color < 0 ? MPI_UNDEFINED : color, c->rank, &part),
                          "MPI_Comm_split"));
    if (part != MPI_COMM_NULL) st = crm_comm_adopt(part, out);
    st = crm_comm_agree(c, st);
    if (st) crm_comm_free(out);
    return st;
}

void crm_comm_free(crm_comm **cp)
{
    crm_comm *c = *cp;

    if (!c) return;
    if (crm_comm_drain(c) != CRM_OK) crm_err_print(c->rank); /* there is nobody to return it to */
    crm_watchdog_enter(CRM_IN_REDUCTION);
    crm_comm_waited(MPI_Comm_free(&c->mpi));
    crm_mem_free(c);
    *cp = NULL;
}

/* The error path: one more message, so that every rank can say what went wrong. */
static crm_status tell(int rank, const int worst[2], const char *text)
{
    char from[64];

    if (rank == worst[1]) return (crm_status)worst[0];
    snprintf(from, sizeof from, "failed on rank %d", worst[1]);
    return crm_err_trace(
        crm_err_raise((crm_status)worst[0], __FILE__, __LINE__, __func__, "%s", text), __FILE__,
        __LINE__, __func__, from);
}

static crm_status share_text(MPI_Comm mpi, int rank, const int worst[2])
{
    char text[CRM_ERR_TEXT_MAX] = "";

    if (rank == worst[1]) snprintf(text, sizeof text, "%s", crm_err_text());
    CRM_TRY(CRM_COMM_WAIT(MPI_Bcast(text, sizeof text, MPI_CHAR, worst[1], mpi), "MPI_Bcast"));
    return tell(rank, worst, text);
}

static crm_status agree_on(MPI_Comm mpi, int rank, crm_status local)
{
    int mine[2] = {(int)local, rank}, worst[2];

    CRM_TRY(
        CRM_COMM_WAIT(MPI_Allreduce(mine, worst, 1, MPI_2INT, MPI_MAXLOC, mpi), "MPI_Allreduce"));
    return worst[0] == CRM_OK ? CRM_OK : share_text(mpi, rank, worst);
}

crm_status crm_comm_agree(crm_comm *c, crm_status local)
{
    return c->size == 1 ? local : agree_on(c->mpi, c->rank, local);
}

crm_status crm_comm_stop_signal(crm_comm *c, int *signal)
{
    int64_t any = crm_stop_signal();

    *signal = 0;
    CRM_TRY(crm_comm_max_i64(c, &any, 1));
    *signal = (int)any;
    return CRM_OK;
}

/* ---- within a time limit ---- */

/* Looks without a pause at first, as the answer is a matter of microseconds. */
static crm_status poll_for(MPI_Request *request, double seconds)
{
    enum { EAGER = 10000 };
    const struct timespec pause = {0, 50000};
    double end = crm_clock_now() + seconds;

    for (int64_t i = 0, done = 0; !done; i++) {
        int flag;
        CRM_TRY(crm_comm_check(MPI_Test(request, &flag, MPI_STATUS_IGNORE), "MPI_Test"));
        done = flag;
        if (done || i < EAGER) continue;
        CRM_CHECK(crm_clock_now() < end, CRM_ERR_COMM,
                  "no answer from the other ranks within %g s (gpu.timeout): one of them is stuck "
                  "or gone",
                  seconds);
        nanosleep(&pause, NULL);
    }
    return CRM_OK;
}

static crm_status wait_for(MPI_Request *request, double seconds)
{
    crm_status st;

    crm_watchdog_enter(CRM_IN_REDUCTION);
    st = poll_for(request, seconds);
    crm_watchdog_leave();
    return st;
}

/* The text is never freed when the time is over: MPI may still write to it. */
static crm_status share_text_within(crm_comm *c, double seconds)
{
    char *text = crm_mem_new(CRM_ERR_TEXT_MAX, 1);
    MPI_Request request;
    crm_status st;

    CRM_CHECK(text, CRM_ERR_NOMEM, "out of memory: text of an error");
    if (c->rank == c->worst[1]) snprintf(text, CRM_ERR_TEXT_MAX, "%s", crm_err_text());
    CRM_TRY(crm_comm_check(
        MPI_Ibcast(text, CRM_ERR_TEXT_MAX, MPI_CHAR, c->worst[1], c->mpi, &request), "MPI_Ibcast"));
    CRM_TRY(wait_for(&request, seconds));
    st = tell(c->rank, c->worst, text);
    crm_mem_free(text);
    return st;
}

crm_status crm_comm_agree_within(crm_comm *c, crm_status local, double seconds)
{
    MPI_Request request;

    if (c->size == 1) return local;
    c->vote[0] = (int)local;
    c->vote[1] = c->rank;
    CRM_TRY(
        crm_comm_check(MPI_Iallreduce(c->vote, c->worst, 1, MPI_2INT, MPI_MAXLOC, c->mpi, &request),
                       "MPI_Iallreduce"));
    CRM_TRY(wait_for(&request, seconds));
    return c->worst[0] == CRM_OK ? CRM_OK : share_text_within(c, seconds);
}
