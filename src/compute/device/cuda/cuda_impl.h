/* cuda_impl.h - what the files of the CUDA module share: the state behind a handle, scratch memory,
 * errors, lanes as an argument of kernels.
 *
 * Operations are functions of C linkage cuda_op_* in .cu files; each enqueues kernels on
 * state->stream and never waits.  Nothing between crm_graph_begin and crm_graph_end may copy from
 * or to host memory: what kernels need of host arrays goes by value (cuda_lanes) or is in device
 * memory already (crm_packed.device_first). */
#ifndef CRM_CUDA_IMPL_H
#define CRM_CUDA_IMPL_H

#ifdef __cplusplus
#include "cuda_gpu.h"
#else
#include <cuda_runtime_api.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif
#include "device_impl.h"
#include "device_plugin.h"

/* Memory that operations grow on demand and keep for the next call, by use. */
typedef enum cuda_use {
    CUDA_GEMM_PART,   /* partial sums of products over rows        */
    CUDA_COLUMNS,     /* partial sums of columns                   */
    CUDA_CONV,        /* rows of windows, workspace of cuDNN       */
    CUDA_CONV_WEIGHT, /* weights in the order of the kernels       */
    CUDA_CONV_PART,
    CUDA_SORT_KEY,
    CUDA_SORT_VALUE,
    CUDA_SORT_COUNT,
    CUDA_EMBED, /* segments of equal codes, partial sums     */
    CUDA_EMBED_PART,
    CUDA_BAG,         /* bags of entries */
    CUDA_TEXT_WEIGHT, /* filters in the order of the kernels       */
    CUDA_TEXT_TABLE,  /* products of words and filters             */
    CUDA_TEXT_PLACE,  /* distinct words of a batch                 */
    CUDA_TEXT_DX,
    CUDA_TEXT_PART,
    CUDA_RNN_WEIGHT,
    CUDA_RNN_GATE,
    CUDA_RNN_PART,
    CUDA_LOSS,
    CUDA_POOL,
    CUDA_USES
} cuda_use;

typedef struct cuda_state {
    crm_device_cfg cfg;
    int device;          /* CUDA's number                                 */
    cudaStream_t stream; /* operations, in the order of the calls         */
    struct {
        void *at;
        size_t bytes;
    } scratch[CUDA_USES];
    struct cuda_host *host; /* copies, graphs, usage (cuda_memory.c, cuda_graph.c) */
    struct cuda_gemm *gemm; /* plans of cuBLASLt (cuda_gemm.cu), made at first use */
    struct cuda_dnn *dnn;   /* plans of cuDNN (cuda_dnn.c), made at first use      */
} cuda_state;
/* Called when the device closes, where s->gemm and s->dnn are set; the queue is empty. */
void cuda_gemm_free(cuda_state *s);
void cuda_dnn_free(cuda_state *s);

/* *out = at least n items of scratch memory for a use.  What it held before may be lost.  Allowed
 * while a graph is captured: memory that a graph may still use is kept until the device closes. */
CRM_CHECKED cuda_scratch(cuda_state *s, cuda_use use, int64_t n, size_t size, void **out);
#define CUDA_SCRATCH(s, use, p, n)                                                                 \
    do {                                                                                           \
        void *at_;                                                                                 \
        CRM_TRY(cuda_scratch(s, use, n, sizeof *(p), &at_));                                       \
        (p) = (__typeof__(p))at_;                                                                  \
    } while (0)

/* CRM_ERR_DEVICE (CRM_ERR_NOMEM for want of memory) with the call and CUDA's own words. */
CRM_CHECKED cuda_check(cudaError_t e, const char *call);
#define CUDA_TRY(call) CRM_TRY(cuda_check((call), #call))
/* After a launch: what a kernel's launch has to complain of. */
CRM_CHECKED cuda_launched(const char *kernel);
#define CUDA_LAUNCHED(kernel) CRM_TRY(cuda_launched(#kernel))

/* Lanes as an argument of kernels: lane l has rows [first[l], first[l + 1]). */
typedef struct cuda_lanes {
    int n;
    int64_t stride;
    int64_t first[CRM_LANES_MAX + 1];
} cuda_lanes;
static inline cuda_lanes cuda_lanes_of(const crm_lanes *lanes)
{
    cuda_lanes c;

    c.n = (int)lanes->n;
    c.stride = lanes->stride;
    for (int l = 0; l <= c.n; l++)
        c.first[l] = crm_lane_first(lanes, l);
    return c;
}
static inline int64_t cuda_most_rows(const cuda_lanes *c)
{
    int64_t most = 0;

    for (int l = 0; l < c->n; l++)
        if (c->first[l + 1] - c->first[l] > most) most = c->first[l + 1] - c->first[l];
    return most;
}

/* Blocks of `per` items that hold n, at least 1, at most `most` (kernels then loop over the rest).
 */
static inline unsigned cuda_blocks(int64_t n, int64_t per, int64_t most)
{
    int64_t b = (n + per - 1) / per;

    return (unsigned)(b < 1 ? 1 : b > most ? most : b);
}

/* ---- what operations use of one another ---- */

/* C = act(A B^T + bias): all the products of this module.  Row-major; B turned is one whose rows
 * are 1 apart and whose columns are ldb apart.  Row r of C depends on row r of A only, and not on
 * m.  k is one chain of FMAs per element (fp32), cut at CRM_CHAIN. */
typedef struct cuda_product {
    int64_t m, n, k;
    const float *a; /* [m][k], element (i, j) at i lda + j                                   */
    const float *b; /* [n][k], element (i, j) at i ldb + j, or at i + j ldb when b_turned    */
    float *c;       /* [m][n]                                                                */
    int64_t lda, ldb, ldc;
    bool b_turned;
    const float *bias; /* [n] or NULL */
    crm_act act;
} cuda_product;
CRM_CHECKED cuda_multiply(cuda_state *s, const cuda_product *p);
/* Per lane: C[lane] (+= lane * lanes.stride) [m][n] = sum over the lane's rows r of a[r][i]
 * b[r][j], and, where sums is given, sums[lane][i] = sum of a[r][i].  Rows in order, cut at fixed
 * places; lanes may be ragged or empty (then zeros). */
typedef struct cuda_outer {
    int64_t m, n;
    const float *a; /* [rows][m], lda apart */
    const float *b; /* [rows][n], ldb apart */
    int64_t lda, ldb, ldc;
    float *c, *sums;
    const cuda_lanes *lanes;
} cuda_outer;
CRM_CHECKED cuda_outer_sum(cuda_state *s, const cuda_outer *p);

/* Stable sort of n keys below 2^bits with the positions 0 .. n - 1 as values: radix sort, in
 * scratch memory; *key and *value point at the result. */
CRM_CHECKED cuda_sort(cuda_state *s, const uint32_t *keys, int64_t n, int bits, uint32_t **key,
                      int32_t **value);
/* table[lane][code][e] += rows of dy of equal code in order of position (cut at fixed places), for
 * code[r * ldcode] in [0, v) of the rows of each lane: the gradient of an embedding.  dy row of
 * position r is row r.  codes below `least` are left out. */
CRM_CHECKED cuda_embed_sum(cuda_state *s, const int32_t *code, int64_t ldcode, int32_t least,
                           const float *dy, int64_t lddy, int64_t e, int64_t v,
                           const cuda_lanes *lanes, float *table, int64_t ldt);

#ifdef __cplusplus
}
#endif
#endif
