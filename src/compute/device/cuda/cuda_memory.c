/* cuda_memory.c - memory of the GPU: buffers, scratch memory of operations, downloads. */
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

#include "cuda_host.h"

/* ---- buffers, counted ---- */

static void count(cuda_host *h, int64_t bytes)
{
    h->bytes += bytes;
    if (h->bytes > h->peak_bytes) h->peak_bytes = h->bytes;
}

static crm_status device_memory(cuda_state *s, size_t bytes, void **out)
{
    cudaError_t e = cudaMalloc(out, bytes ? bytes : 1);
    size_t free_bytes = 0, total = 0;

    if (e == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        (void)cudaMemGetInfo(&free_bytes, &total);
        CRM_FAIL(CRM_ERR_NOMEM,
                 "out of GPU memory: %.1f MiB wanted, %.1f of %.1f MiB free, %.1f held by this "
                 "rank; take smaller batches (train.lane_rows), gpu.resident: off, or fewer ranks "
                 "per GPU",
                 (double)bytes / 0x1p20, (double)free_bytes / 0x1p20, (double)total / 0x1p20,
                 (double)s->host->bytes / 0x1p20);
    }
    CRM_TRY(cuda_check(e, "cudaMalloc"));
    count(s->host, (int64_t)bytes);
    return CRM_OK;
}

crm_status cuda_buf_new(void *state, size_t bytes, void **out)
{
    cuda_state *s = state;
    cuda_host *h = s->host;
    void *items = h->block;

    *out = NULL;
    CRM_TRY(cuda_grow(&items, h->blocks, &h->cap_blocks, sizeof *h->block));
    h->block = items;
    CRM_TRY(device_memory(s, bytes, out));
    h->block[h->blocks++] = (cuda_block){.at = *out, .bytes = bytes};
    return CRM_OK;
}

/* Until graphs are forgotten. */
static crm_status keep(cuda_host *h, cuda_block b)
{
    void *items = h->kept;

    CRM_TRY(cuda_grow(&items, h->kepts, &h->cap_kepts, sizeof *h->kept));
    h->kept = items;
    h->kept[h->kepts++] = b;
    return CRM_OK;
}

void cuda_kept_free(cuda_state *s)
{
    cuda_host *h = s->host;

    for (; h->kepts > 0; h->kepts--) {
        count(h, -(int64_t)h->kept[h->kepts - 1].bytes);
        (void)cudaFree(h->kept[h->kepts - 1].at);
    }
}

/* cudaFree waits for the queues, which a capture forbids. */
void cuda_buf_free(void *state, void *buf)
{
    cuda_state *s = state;
    cuda_host *h = s->host;
    int64_t i = h->blocks;

    while (i > 0 && h->block[i - 1].at != buf)
        i--;
    if (i == 0) return;
    if (cuda_capturing(s)) {
        if (keep(h, h->block[i - 1]))
            cuda_say(CRM_LOG_WARN, "a buffer freed during a capture is not given back");
    } else {
        count(h, -(int64_t)h->block[i - 1].bytes);
        (void)cudaFree(buf);
    }
    h->block[i - 1] = h->block[--h->blocks];
}

/* ---- scratch memory ---- */

/* Half as much again, so that growing row by row stays rare. */
static size_t scratch_bytes(size_t old, size_t wanted)
{
    size_t bytes = old + old / 2;

    if (bytes < wanted) bytes = wanted;
    return (bytes + 511) & ~(size_t)511;
}

/* A graph of now or of earlier may use the old block. */
static crm_status scratch_drop(cuda_state *s, void *old, size_t bytes)
{
    if (cuda_capturing(s) || cuda_graphs_held(s))
        return keep(s->host, (cuda_block){.at = old, .bytes = bytes});
    count(s->host, -(int64_t)bytes);
    return cuda_check(cudaFree(old), "cudaFree");
}

crm_status cuda_scratch(cuda_state *s, cuda_use use, int64_t n, size_t size, void **out)
{
    size_t old = s->scratch[use].bytes, wanted, bytes;
    void *p;

    *out = NULL;
    CRM_CHECK(n >= 0 && !__builtin_mul_overflow((size_t)n, size, &wanted) &&
                  wanted < (size_t)1 << 60,
              CRM_ERR_NOMEM, "out of GPU memory: %lld x %zu bytes of scratch", (long long)n, size);
    if (!s->scratch[use].at || wanted > old) {
        bytes = scratch_bytes(old, wanted);
        CRM_TRY(device_memory(s, bytes, &p));
        if (s->scratch[use].at) CRM_TRY(scratch_drop(s, s->scratch[use].at, old));
        s->scratch[use].at = p;
        s->scratch[use].bytes = bytes;
    }
    *out = s->scratch[use].at;
    return CRM_OK;
}

/* ---- the queue ---- */

crm_status cuda_zero(void *state, void *buf, size_t bytes)
{
    cuda_state *s = state;

    CUDA_TRY(cudaMemsetAsync(buf, 0, bytes, s->stream));
    return CRM_OK;
}

crm_status cuda_download(void *state, const void *src, void *host, size_t bytes)
{
    cuda_state *s = state;

    CRM_CHECK(!cuda_capturing(s), CRM_ERR_INTERNAL, "a download of %zu bytes within a graph",
              bytes);
    CUDA_TRY(cudaMemcpyAsync(host, src, bytes, cudaMemcpyDeviceToHost, s->stream));
    CUDA_TRY(cudaStreamSynchronize(s->stream));
    return CRM_OK;
}

crm_status cuda_sync(void *state)
{
    cuda_state *s = state;

    CRM_CHECK(!cuda_capturing(s), CRM_ERR_INTERNAL, "waiting for the GPU within a graph");
    CUDA_TRY(cudaStreamSynchronize(s->host->copies));
    CUDA_TRY(cudaStreamSynchronize(s->stream));
    return CRM_OK;
}

/* ---- locked host memory ---- */

crm_status cuda_pinned(size_t bytes, unsigned char **out)
{
    void *p = NULL;
    cudaError_t e = cudaHostAlloc(&p, bytes, cudaHostAllocDefault);

    *out = p;
    if (e != cudaErrorMemoryAllocation) return cuda_check(e, "cudaHostAlloc");
    (void)cudaGetLastError();
    CRM_FAIL(CRM_ERR_NOMEM,
             "out of locked host memory: %.1f MiB wanted for copies to the GPU; give the job more "
             "memory, start fewer ranks on this node, or raise its limit of locked memory",
             (double)bytes / 0x1p20);
}

/* ---- life ---- */

static crm_status event_new(cudaEvent_t *e)
{
    return cuda_check(cudaEventCreateWithFlags(e, cudaEventDisableTiming), "cudaEventCreate");
}

crm_status cuda_host_new(cuda_state *s)
{
    cuda_host *h;

    CRM_NEW(h, 1);
    s->host = h;
    h->ahead = -1;
    CUDA_TRY(cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking));
    CUDA_TRY(cudaStreamCreateWithFlags(&h->copies, cudaStreamNonBlocking));
    for (int i = 0; i < CRM_AHEAD_SLOTS; i++) {
        CRM_TRY(event_new(&h->slot[i].ready));
        CRM_TRY(event_new(&h->slot[i].done));
    }
    for (int i = 0; i < CRM_LATER_SLOTS; i++)
        CRM_TRY(event_new(&h->later_done[i]));
    for (int q = 0; q < 2; q++)
        for (int i = 0; i < CUDA_STAGES; i++)
            CRM_TRY(event_new(&h->stage[q].done[i]));
    return cuda_pinned(CRM_LATER_SLOTS * CRM_LATER_MAX, &h->later);
}

static void free_events(cuda_host *h)
{
    for (int i = 0; i < CRM_AHEAD_SLOTS; i++) {
        if (h->slot[i].ready) (void)cudaEventDestroy(h->slot[i].ready);
        if (h->slot[i].done) (void)cudaEventDestroy(h->slot[i].done);
    }
    for (int i = 0; i < CRM_LATER_SLOTS; i++)
        if (h->later_done[i]) (void)cudaEventDestroy(h->later_done[i]);
    for (int q = 0; q < 2; q++)
        cuda_stage_free(&h->stage[q]);
}

static void free_memory(cuda_state *s)
{
    cuda_host *h = s->host;

    for (int use = 0; use < CUDA_USES; use++)
        if (s->scratch[use].at) (void)cudaFree(s->scratch[use].at);
    for (int64_t i = 0; i < h->blocks; i++)
        (void)cudaFree(h->block[i].at);
    if (h->later) (void)cudaFreeHost(h->later);
    crm_mem_free(h->block);
    crm_mem_free(h->kept);
}

void cuda_host_free(cuda_state *s)
{
    cuda_host *h = s->host;

    if (!h) return;
    cuda_graph_forget(s);
    if (h->copies) (void)cudaStreamSynchronize(h->copies);
    if (s->stream) (void)cudaStreamSynchronize(s->stream);
    free_events(h);
    free_memory(s);
    if (h->copies) (void)cudaStreamDestroy(h->copies);
    if (s->stream) (void)cudaStreamDestroy(s->stream);
    (void)cudaGetLastError();
    crm_mem_free(h);
    s->host = NULL;
}
