/* cuda_host.h - what the host side of the module keeps behind a handle: memory, staging, copies
 * ahead, tickets, graphs.  Seen by cuda_memory.c, cuda_stage.c, cuda_graph.c and cuda_usage.c. */
#ifndef CRM_CUDA_HOST_H
#define CRM_CUDA_HOST_H

#include "cuda_impl.h"

enum {
    CUDA_STAGES = 4,            /* pieces of pinned memory that a queue's uploads go through */
    CUDA_STAGE_BYTES = 1 << 22, /* each                                                     */
    CUDA_STAGE_ALIGN = 256,
    CUDA_GRAPHS = 8,
    CUDA_GRAPHS_SEEN = 256 /* keys that are known to have come before */
};

/* Pinned memory on the way to the GPU, in turn: a piece is filled by several uploads, and filled
 * again when the queue has passed the event behind its last copy. */
typedef struct cuda_stage {
    unsigned char *at; /* [CUDA_STAGES][CUDA_STAGE_BYTES], made at the first upload */
    cudaEvent_t done[CUDA_STAGES];
    bool used[CUDA_STAGES]; /* the event was recorded */
    int now;
    size_t fill; /* bytes of piece `now` */
} cuda_stage;

/* Device memory that is held. */
typedef struct cuda_block {
    void *at;
    size_t bytes;
} cuda_block;

typedef struct cuda_key {
    unsigned char *at; /* a copy */
    size_t bytes;
    uint64_t hash; /* not 0 */
} cuda_key;

typedef struct cuda_graph {
    cudaGraphExec_t exec;
    cuda_key key;  /* at NULL: free place  */
    uint64_t used; /* the higher the later */
} cuda_graph;

typedef struct cuda_host {
    cuda_block *block; /* [blocks] */
    int64_t blocks, cap_blocks;
    int64_t bytes, peak_bytes;
    cuda_block *kept; /* [kepts]: not in use, but a graph may use them; part of `bytes` */
    int64_t kepts, cap_kepts;

    cudaStream_t copies; /* of uploads ahead */
    cuda_stage stage[2]; /* of the operations' queue, of the copies' */
    int ahead;           /* slot between ahead_begin and ahead_end, -1: none */
    struct {
        cudaEvent_t ready, done;
        bool was_ready, was_done; /* recorded */
    } slot[CRM_AHEAD_SLOTS];

    unsigned char *later; /* [CRM_LATER_SLOTS][CRM_LATER_MAX] pinned */
    cudaEvent_t later_done[CRM_LATER_SLOTS];
    size_t later_bytes[CRM_LATER_SLOTS]; /* on their way; 0: ticket is not open */

    cuda_graph graph[CUDA_GRAPHS];
    uint64_t seen[CUDA_GRAPHS_SEEN]; /* hashes of keys that came last, in turn; 0: none */
    int next_seen;
    uint64_t graph_clock;
    enum { CUDA_GRAPHS_UNKNOWN, CUDA_GRAPHS_WORK, CUDA_GRAPHS_FAIL } graphs;
    bool at_first_sight; /* keys are captured when they come for the first time */
    bool capturing;
    cuda_key key; /* of the capture that goes on */
    int64_t captured, updates, replays;

    void *nvml;          /* NVML's name of the GPU, NULL: not known */
    double energy_start; /* joules                                  */
} cuda_host;

#ifdef __cplusplus
extern "C" {
#endif
/* True between graph_begin and graph_end while a graph is recorded. */
static inline bool cuda_capturing(const cuda_state *s)
{
    return s->host->capturing;
}

/* Room for one more of n items. */
CRM_CHECKED cuda_grow(void **items, int64_t n, int64_t *cap, size_t size);

/* cuda_memory.c */
CRM_CHECKED cuda_host_new(cuda_state *s);
void cuda_host_free(cuda_state *s); /* waits for the queues */
CRM_CHECKED cuda_buf_new(void *state, size_t bytes, void **out);
void cuda_buf_free(void *state, void *buf);
CRM_CHECKED cuda_zero(void *state, void *buf, size_t bytes);
CRM_CHECKED cuda_download(void *state, const void *src, void *host, size_t bytes);
CRM_CHECKED cuda_sync(void *state);
/* Locked host memory (cudaFreeHost), which copies beside the computation need. */
CRM_CHECKED cuda_pinned(size_t bytes, unsigned char **out);
/* Gives back what was kept for graphs, when there are none; waits for the queues. */
void cuda_kept_free(cuda_state *s);

/* cuda_stage.c */
CRM_CHECKED cuda_upload(void *state, void *dst, const void *host, size_t bytes);
void cuda_stage_free(cuda_stage *g);
CRM_CHECKED cuda_ahead_begin(void *state, int slot);
CRM_CHECKED cuda_ahead_end(void *state, int slot);
CRM_CHECKED cuda_ahead_use(void *state, int slot);
CRM_CHECKED cuda_ahead_done(void *state, int slot);
CRM_CHECKED cuda_later_download(void *state, int ticket, const void *src, size_t bytes);
CRM_CHECKED cuda_later_ready(void *state, int ticket, bool *ready);
CRM_CHECKED cuda_later_get(void *state, int ticket, void *host, size_t bytes);

/* cuda_graph.c */
CRM_CHECKED cuda_graph_begin(void *state, const void *key, size_t bytes, bool *known,
                             bool *capturing);
CRM_CHECKED cuda_graph_end(void *state, bool made, bool *again);
/* Also what is being captured. */
void cuda_graph_forget(void *state);
/* A graph that is kept may use memory of now. */
bool cuda_graphs_held(const cuda_state *s);

/* cuda_usage.c */
void cuda_usage_start(cuda_state *s);
CRM_CHECKED cuda_usage(void *state, crm_device_usage *out);
void cuda_range_push(void *state, const char *name);
void cuda_range_pop(void *state);

/* cuda_main.c, cuda_table.c, cuda_error.c */
void cuda_say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cuda_error_host(const crm_plugin_host *host);
const crm_device_ops *cuda_table(const crm_device_cfg *cfg);
CRM_CHECKED cuda_count(int *n);
/* A kernel that does nothing (cuda_noop.cu). */
cudaError_t cuda_noop(cudaStream_t stream);
/* Compute capability as 10 major + minor. */
int cuda_capability(int device);

#ifdef __cplusplus
}
#endif
#endif
