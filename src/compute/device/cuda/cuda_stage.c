/* cuda_stage.c - bytes between host and GPU beside the queue: uploads through pinned memory, copies
 * ahead, tickets. */
#include <string.h>

#include "cuda_host.h"

/* ---- uploads ---- */

/* The next piece, when its copies of last time are done. */
static crm_status next_piece(cuda_stage *g, cudaStream_t stream)
{
    CUDA_TRY(cudaEventRecord(g->done[g->now], stream));
    g->used[g->now] = true;
    g->now = (g->now + 1) % CUDA_STAGES;
    g->fill = 0;
    if (g->used[g->now]) CUDA_TRY(cudaEventSynchronize(g->done[g->now]));
    return CRM_OK;
}

static crm_status stage_memory(cuda_stage *g)
{
    return g->at ? CRM_OK : cuda_pinned((size_t)CUDA_STAGES * CUDA_STAGE_BYTES, &g->at);
}

static crm_status stage_copy(cuda_stage *g, cudaStream_t stream, unsigned char *dst,
                             const unsigned char *host, size_t bytes)
{
    CRM_TRY(stage_memory(g));
    while (bytes > 0) {
        size_t room = CUDA_STAGE_BYTES - g->fill, n = bytes < room ? bytes : room;
        unsigned char *at = g->at + (size_t)g->now * CUDA_STAGE_BYTES + g->fill;

        memcpy(at, host, n);
        CUDA_TRY(cudaMemcpyAsync(dst, at, n, cudaMemcpyHostToDevice, stream));
        g->fill = (g->fill + n + CUDA_STAGE_ALIGN - 1) / CUDA_STAGE_ALIGN * CUDA_STAGE_ALIGN;
        if (g->fill >= CUDA_STAGE_BYTES) CRM_TRY(next_piece(g, stream));
        dst += n;
        host += n;
        bytes -= n;
    }
    return CRM_OK;
}

crm_status cuda_upload(void *state, void *dst, const void *host, size_t bytes)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    if (h->ahead >= 0) return stage_copy(&h->stage[1], h->copies, dst, host, bytes);
    CRM_CHECK(!cuda_capturing(s), CRM_ERR_INTERNAL, "an upload of %zu bytes within a graph", bytes);
    return stage_copy(&h->stage[0], s->stream, dst, host, bytes);
}

void cuda_stage_free(cuda_stage *g)
{
    for (int i = 0; i < CUDA_STAGES; i++)
        if (g->done[i]) (void)cudaEventDestroy(g->done[i]);
    if (g->at) (void)cudaFreeHost(g->at);
}

/* ---- copies ahead ---- */

/* An event that a capture records is no event for others. */
static crm_status not_captured(const cuda_state *s, const char *what)
{
    CRM_CHECK(!cuda_capturing(s), CRM_ERR_INTERNAL, "%s within a graph", what);
    return CRM_OK;
}

crm_status cuda_ahead_done(void *state, int slot)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    CRM_TRY(not_captured(s, "end of use of copies ahead"));
    CUDA_TRY(cudaEventRecord(h->slot[slot].done, s->stream));
    h->slot[slot].was_done = true;
    return CRM_OK;
}

crm_status cuda_ahead_begin(void *state, int slot)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    CRM_CHECK(h->ahead < 0, CRM_ERR_INTERNAL, "copies ahead into slot %d before slot %d has ended",
              slot, h->ahead);
    /* The first time: behind what filled the slot's memory with zeros, say. */
    if (!h->slot[slot].was_done && !cuda_capturing(s)) CRM_TRY(cuda_ahead_done(s, slot));
    if (h->slot[slot].was_done) CUDA_TRY(cudaStreamWaitEvent(h->copies, h->slot[slot].done, 0));
    h->ahead = slot;
    return CRM_OK;
}

crm_status cuda_ahead_end(void *state, int slot)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    CRM_CHECK(h->ahead == slot, CRM_ERR_INTERNAL, "copies ahead into slot %d were not begun", slot);
    h->ahead = -1;
    CUDA_TRY(cudaEventRecord(h->slot[slot].ready, h->copies));
    h->slot[slot].was_ready = true;
    return CRM_OK;
}

crm_status cuda_ahead_use(void *state, int slot)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    CRM_TRY(not_captured(s, "use of copies ahead"));
    if (h->slot[slot].was_ready) CUDA_TRY(cudaStreamWaitEvent(s->stream, h->slot[slot].ready, 0));
    return CRM_OK;
}

/* ---- tickets ---- */

crm_status cuda_later_download(void *state, int ticket, const void *src, size_t bytes)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    CRM_TRY(not_captured(s, "a download by ticket"));
    CUDA_TRY(cudaMemcpyAsync(h->later + (size_t)ticket * CRM_LATER_MAX, src, bytes,
                             cudaMemcpyDeviceToHost, s->stream));
    CUDA_TRY(cudaEventRecord(h->later_done[ticket], s->stream));
    h->later_bytes[ticket] = bytes;
    return CRM_OK;
}

crm_status cuda_later_ready(void *state, int ticket, bool *ready)
{
    const cuda_state *s = state;
    cudaError_t e = cudaEventQuery(s->host->later_done[ticket]);

    *ready = e != cudaErrorNotReady;
    if (*ready) return cuda_check(e, "cudaEventQuery");
    (void)cudaGetLastError();
    return CRM_OK;
}

crm_status cuda_later_get(void *state, int ticket, void *host, size_t bytes)
{
    cuda_state *s = state;
    cuda_host *h = s->host;

    CRM_CHECK(bytes <= h->later_bytes[ticket], CRM_ERR_ARG,
              "%zu bytes of ticket %d, which has %zu on their way", bytes, ticket,
              h->later_bytes[ticket]);
    CUDA_TRY(cudaEventSynchronize(h->later_done[ticket]));
    memcpy(host, h->later + (size_t)ticket * CRM_LATER_MAX, bytes);
    h->later_bytes[ticket] = 0;
    return CRM_OK;
}
