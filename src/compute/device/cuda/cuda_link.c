/* cuda_link.c - transport between the GPUs of several ranks: NCCL on a queue of its own.
 *
 * The communicator does not block: calls may say ncclInProgress and are then asked about until they
 * are done or the time limit passes, so that a rank that does not come is an error and not a hang.
 * Work that is enqueued cannot fail by itself; crm_link_check looks for errors of NCCL and for a
 * queue in which nothing comes to an end. */
#include "cuda_libs.h"

#ifdef CUDA_HAS_NCCL

#include <string.h>
#include <time.h>

#include "crmpi/base_mem.h"

#include "cuda_host.h"

typedef struct cuda_link {
    cuda_state *s;
    const cuda_nccl_api *nccl;
    ncclComm_t comm; /* NULL after an abort */
    int rank, size;
    double timeout;
    cudaStream_t queue;
    cudaEvent_t after, use; /* from the operations to the queue and back */
    cudaEvent_t *mark;      /* [marks] */
    int64_t marks, cap_marks;
    cudaEvent_t beat; /* behind something in the queue: shows that it goes on */
    bool beating;     /* recorded, and not yet seen done */
    double since;     /* when the beat was recorded, or the last one seen done */
} cuda_link;

_Static_assert(sizeof(ncclUniqueId) == CRM_LINK_ID, "the name of a group has NCCL's size");

/* ---- errors and time ---- */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_for(long microseconds)
{
    const struct timespec t = {0, microseconds * 1000};

    nanosleep(&t, NULL);
}

static crm_status refuse(const cuda_link *l, ncclResult_t r, const char *call)
{
    const char *more = l->nccl->ncclGetLastError(l->comm);

    CRM_FAIL(CRM_ERR_COMM,
             "%s on rank %d of %d: %s%s%.500s; NCCL_DEBUG=INFO tells more, gpu.transport=mpi does "
             "without NCCL",
             call, l->rank, l->size, l->nccl->ncclGetErrorString(r), more && more[0] ? ": " : "",
             more ? more : "");
}

static crm_status late(const cuda_link *l, const char *call)
{
    CRM_FAIL(CRM_ERR_COMM,
             "%s on rank %d of %d: no answer from the other ranks within %g s (gpu.timeout): one "
             "of them is stuck or gone",
             call, l->rank, l->size, l->timeout);
}

/* What a call that may go on in the background ends in.  Looks without a pause at first. */
static crm_status settle(cuda_link *l, ncclResult_t r, const char *call)
{
    enum { EAGER = 1000 };
    double end = now() + l->timeout;

    for (int i = 0; r == ncclInProgress; i++) {
        ncclResult_t asked = l->nccl->ncclCommGetAsyncError(l->comm, &r);
        if (asked != ncclSuccess) r = asked;
        if (i < EAGER || r != ncclInProgress) continue;
        if (now() > end) return late(l, call);
        pause_for(100);
    }
    return r == ncclSuccess ? CRM_OK : refuse(l, r, call);
}
#define SETTLE(l, call) CRM_TRY(settle(l, (l)->nccl->call, #call))

/* ---- life ---- */

static void link_abort(void *link)
{
    cuda_link *l = link;

    if (l->comm) (void)l->nccl->ncclCommAbort(l->comm);
    l->comm = NULL;
}

/* Waits for what is in the queue, within the time limit. */
static void leave(cuda_link *l)
{
    ncclResult_t r = l->nccl->ncclCommFinalize(l->comm);

    if (settle(l, r, "ncclCommFinalize") == CRM_OK) {
        (void)l->nccl->ncclCommDestroy(l->comm);
        l->comm = NULL;
    }
    link_abort(l);
}

static void link_close(void *link)
{
    cuda_link *l = link;

    if (l->comm) leave(l);
    if (l->queue) (void)cudaStreamDestroy(l->queue);
    for (int64_t i = 0; i < l->marks; i++)
        (void)cudaEventDestroy(l->mark[i]);
    if (l->after) (void)cudaEventDestroy(l->after);
    if (l->use) (void)cudaEventDestroy(l->use);
    if (l->beat) (void)cudaEventDestroy(l->beat);
    crm_mem_free(l->mark);
    crm_mem_free(l);
}

static crm_status new_event(cudaEvent_t *out)
{
    return cuda_check(cudaEventCreateWithFlags(out, cudaEventDisableTiming),
                      "cudaEventCreateWithFlags");
}

/* What is sent goes before what is computed meanwhile. */
static crm_status new_queue(cuda_link *l)
{
    int least = 0, greatest = 0;

    CUDA_TRY(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    CUDA_TRY(cudaStreamCreateWithPriority(&l->queue, cudaStreamNonBlocking, greatest));
    CRM_TRY(new_event(&l->after));
    CRM_TRY(new_event(&l->use));
    return new_event(&l->beat);
}

static crm_status join(cuda_link *l, const unsigned char id[CRM_LINK_ID])
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId name;

    memcpy(&name, id, sizeof name);
    config.blocking = 0;
    SETTLE(l, ncclCommInitRankConfig(&l->comm, l->size, name, l->rank, &config));
    return CRM_OK;
}

static crm_status link_open(void *state, const unsigned char id[CRM_LINK_ID], int rank, int size,
                            double timeout, void **link)
{
    const char *why;
    cuda_link *l;
    crm_status st;

    *link = NULL;
    CRM_NEW(l, 1);
    *l = (cuda_link){.s = state, .rank = rank, .size = size, .timeout = timeout};
    l->nccl = cuda_nccl_find(&why);
    CRM_CHECK_TO(st, failed, l->nccl, CRM_ERR_DEVICE, "no transport between GPUs: %s", why);
    CRM_TRY_TO(st, failed, new_queue(l));
    CRM_TRY_TO(st, failed, join(l, id));
    *link = l;
    return CRM_OK;
failed:
    link_abort(l);
    link_close(l);
    return st;
}

static crm_status link_id(void *state, unsigned char id[CRM_LINK_ID])
{
    const char *why;
    const cuda_nccl_api *nccl = cuda_nccl_find(&why);
    ncclUniqueId name;
    ncclResult_t r;

    (void)state;
    CRM_CHECK(nccl, CRM_ERR_DEVICE, "no transport between GPUs: %s", why);
    r = nccl->ncclGetUniqueId(&name);
    CRM_CHECK(r == ncclSuccess, CRM_ERR_COMM, "ncclGetUniqueId: %s", nccl->ncclGetErrorString(r));
    memcpy(id, &name, sizeof name);
    return CRM_OK;
}

/* ---- order between the queues ---- */

/* Something was enqueued: if nothing is watched, watch it. */
static crm_status watch(cuda_link *l)
{
    if (l->beating) return CRM_OK;
    CUDA_TRY(cudaEventRecord(l->beat, l->queue));
    l->beating = true;
    l->since = now();
    return CRM_OK;
}

static crm_status link_after(void *link)
{
    cuda_link *l = link;

    CUDA_TRY(cudaEventRecord(l->after, l->s->stream));
    CUDA_TRY(cudaStreamWaitEvent(l->queue, l->after, 0));
    return watch(l);
}

static crm_status link_use(void *link)
{
    cuda_link *l = link;

    CUDA_TRY(cudaEventRecord(l->use, l->queue));
    return cuda_check(cudaStreamWaitEvent(l->s->stream, l->use, 0), "cudaStreamWaitEvent");
}

static crm_status need_marks(cuda_link *l, int i)
{
    while (l->marks <= i) {
        void *items = l->mark;
        CRM_TRY(cuda_grow(&items, l->marks, &l->cap_marks, sizeof(cudaEvent_t)));
        l->mark = (cudaEvent_t *)items;
        CRM_TRY(new_event(&l->mark[l->marks]));
        l->marks++;
    }
    return CRM_OK;
}

/* In a graph an event that others outside of it wait for is an external one: a node that sets it
 * in each run. */
static crm_status link_mark(void *link, int i)
{
    cuda_link *l = link;
    unsigned flags = cuda_capturing(l->s) ? cudaEventRecordExternal : cudaEventRecordDefault;

    CRM_TRY(need_marks(l, i));
    return cuda_check(cudaEventRecordWithFlags(l->mark[i], l->s->stream, flags),
                      "cudaEventRecordWithFlags");
}

static crm_status link_after_mark(void *link, int i)
{
    cuda_link *l = link;

    CRM_CHECK(i < l->marks, CRM_ERR_ARG, "mark %d was never set", i);
    CUDA_TRY(cudaStreamWaitEvent(l->queue, l->mark[i], 0));
    return watch(l);
}

/* ---- what goes over the link ---- */

/* Within a group a call fails only for what is wrong with its arguments. */
static ncclResult_t worse(ncclResult_t a, ncclResult_t b)
{
    return a == ncclSuccess || a == ncclInProgress ? b : a;
}

/* Ends the group in any case. */
static crm_status end_group(cuda_link *l, ncclResult_t r, const char *what)
{
    CRM_TRY(settle(l, worse(r, l->nccl->ncclGroupEnd()), what));
    return watch(l);
}

static crm_status link_move(void *link, const crm_link_part *send, int n_send,
                            const crm_link_part *recv, int n_recv)
{
    cuda_link *l = link;
    ncclResult_t r = l->nccl->ncclGroupStart();

    for (int i = 0; i < n_send; i++)
        r = worse(r, l->nccl->ncclSend(send[i].at, send[i].bytes, ncclInt8, send[i].peer, l->comm,
                                       l->queue));
    for (int i = 0; i < n_recv; i++)
        r = worse(r, l->nccl->ncclRecv(recv[i].at, recv[i].bytes, ncclInt8, recv[i].peer, l->comm,
                                       l->queue));
    return end_group(l, r, "ncclSend and ncclRecv");
}

static crm_status link_gather(void *link, const crm_link_part *part, int n)
{
    cuda_link *l = link;
    ncclResult_t r = l->nccl->ncclGroupStart();

    for (int i = 0; i < n; i++) {
        const char *mine = (const char *)part[i].at + (size_t)l->rank * part[i].bytes;
        r = worse(r, l->nccl->ncclAllGather(mine, part[i].at, part[i].bytes, ncclInt8, l->comm,
                                            l->queue));
    }
    return end_group(l, r, "ncclAllGather");
}

static crm_status link_sum(void *link, float *v, int64_t n)
{
    cuda_link *l = link;

    SETTLE(l, ncclAllReduce(v, v, (size_t)n, ncclFloat32, ncclSum, l->comm, l->queue));
    return watch(l);
}

/* ---- how it goes ---- */

/* The clock begins anew when a beat is seen done. */
static crm_status check_time(cuda_link *l)
{
    cudaError_t e = l->beating ? cudaEventQuery(l->beat) : cudaErrorNotReady;

    if (e == cudaSuccess) {
        l->beating = false;
        l->since = now();
        return CRM_OK;
    }
    if (e != cudaErrorNotReady) return cuda_check(e, "cudaEventQuery");
    (void)cudaGetLastError();
    return now() - l->since > l->timeout ? late(l, "exchange of gradients") : CRM_OK;
}

static crm_status link_check(void *link, bool *idle)
{
    cuda_link *l = link;
    ncclResult_t r = ncclSuccess, asked = l->nccl->ncclCommGetAsyncError(l->comm, &r);
    cudaError_t e = cudaStreamQuery(l->queue);

    if (asked != ncclSuccess) r = asked;
    if (r != ncclSuccess && r != ncclInProgress) return refuse(l, r, "exchange of gradients");
    *idle = e == cudaSuccess;
    if (e != cudaErrorNotReady) {
        l->beating = false;
        l->since = now();
        return cuda_check(e, "exchange of gradients");
    }
    (void)cudaGetLastError();
    return check_time(l);
}

const crm_link_ops cuda_link_ops = {.id = link_id,
                                    .open = link_open,
                                    .after = link_after,
                                    .mark = link_mark,
                                    .after_mark = link_after_mark,
                                    .move = link_move,
                                    .gather = link_gather,
                                    .sum = link_sum,
                                    .use = link_use,
                                    .check = link_check,
                                    .abort = link_abort,
                                    .close = link_close};

#endif
