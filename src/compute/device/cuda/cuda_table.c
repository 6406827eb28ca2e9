/* cuda_table.c - the ops table of the module.
 *
 * The operations are weak here: one whose file is not part of the build is not offered, and the
 * module links without it. */
#include "crmpi/base_mem.h"

#include "cuda_host.h"
#include "cuda_libs.h"
#include "cuda_ops.h"

/* Each operation, as in the table and as in the enum. */
#define OPERATIONS(X)                                                                              \
    X(linear, LINEAR)                                                                              \
    X(linear_bwd_x, LINEAR_BWD_X)                                                                  \
    X(linear_bwd_w, LINEAR_BWD_W)                                                                  \
    X(act_bwd, ACT_BWD)                                                                            \
    X(embed, EMBED)                                                                                \
    X(embed_bwd, EMBED_BWD)                                                                        \
    X(bag, BAG)                                                                                    \
    X(bag_bwd, BAG_BWD)                                                                            \
    X(dropout, DROPOUT)                                                                            \
    X(add, ADD)                                                                                    \
    X(copy, COPY)                                                                                  \
    X(softmax, SOFTMAX)                                                                            \
    X(sigmoid, SIGMOID)                                                                            \
    X(ce_loss, CE_LOSS)                                                                            \
    X(bce_loss, BCE_LOSS)                                                                          \
    X(huber_loss, HUBER_LOSS)                                                                      \
    X(poisson_loss, POISSON_LOSS)                                                                  \
    X(pool, POOL)                                                                                  \
    X(pool_bwd, POOL_BWD)                                                                          \
    X(attend, ATTEND)                                                                              \
    X(attend_bwd, ATTEND_BWD)                                                                      \
    X(conv, CONV)                                                                                  \
    X(conv_bwd_x, CONV_BWD_X)                                                                      \
    X(conv_bwd_w, CONV_BWD_W)                                                                      \
    X(text_conv, TEXT_CONV)                                                                        \
    X(text_conv_bwd, TEXT_CONV_BWD)                                                                \
    X(rnn, RNN)                                                                                    \
    X(rnn_bwd, RNN_BWD)                                                                            \
    X(sum_squares, SUM_SQUARES)                                                                    \
    X(adam, ADAM)                                                                                  \
    X(sgd, SGD)                                                                                    \
    X(take, TAKE)                                                                                  \
    X(gather, GATHER)                                                                              \
    X(combine, COMBINE)                                                                            \
    X(norm, NORM)                                                                                  \
    X(tally, TALLY)                                                                                \
    X(drop_words, DROP_WORDS)

#define COUNTED(name, op) +1
_Static_assert(0 OPERATIONS(COUNTED) == CRM_OP_COUNT, "a row for each operation");

#define WEAK(name, op) extern __typeof__(cuda_op_##name) cuda_op_##name __attribute__((weak));
OPERATIONS(WEAK)
extern const crm_link_ops cuda_link_ops __attribute__((weak));

extern __typeof__(cuda_gemm_free) cuda_gemm_free __attribute__((weak));
extern __typeof__(cuda_dnn_free) cuda_dnn_free __attribute__((weak));

static void cuda_close(void *state)
{
    cuda_state *s = state;

    (void)cudaSetDevice(s->device);
    if (s->stream) (void)cudaStreamSynchronize(s->stream);
    if (s->gemm && cuda_gemm_free) cuda_gemm_free(s);
    if (s->dnn && cuda_dnn_free) cuda_dnn_free(s);
    cuda_host_free(s);
    crm_mem_free(s);
}

/* NCCL is loaded only for those who may take it. */
static void add_link(crm_device_ops *ops, bool wanted)
{
    ops->link = NULL;
    ops->no_link = wanted ? "this module was built without NCCL" : "gpu.transport is mpi";
#ifdef CUDA_HAS_NCCL
    if (wanted && &cuda_link_ops && cuda_nccl_find(&ops->no_link)) ops->link = &cuda_link_ops;
#endif
}

static void fill(crm_device_ops *ops)
{
    *ops = (crm_device_ops){
        .abi = CRM_DEVICE_ABI,
        .close = cuda_close,
        .buf_new = cuda_buf_new,
        .buf_free = cuda_buf_free,
        .zero = cuda_zero,
        .upload = cuda_upload,
        .download = cuda_download,
        .sync = cuda_sync,
        .ahead_begin = cuda_ahead_begin,
        .ahead_end = cuda_ahead_end,
        .ahead_use = cuda_ahead_use,
        .ahead_done = cuda_ahead_done,
        .later_download = cuda_later_download,
        .later_ready = cuda_later_ready,
        .later_get = cuda_later_get,
        .graph_begin = cuda_graph_begin,
        .graph_end = cuda_graph_end,
        .graph_forget = cuda_graph_forget,
        .range_push = cuda_range_push,
        .range_pop = cuda_range_pop,
        .usage = cuda_usage,
    };

#define OFFER(name, op)                                                                            \
    if (cuda_op_##name) {                                                                          \
        ops->name = cuda_op_##name;                                                                \
        ops->offered |= CRM_OFFER(CRM_OP_##op);                                                    \
    }
    OPERATIONS(OFFER)
}

const crm_device_ops *cuda_table(const crm_device_cfg *cfg)
{
    static crm_device_ops tables[2]; /* without and with a transport of its own */
    bool link = cfg->transport != CRM_TRANSPORT_MPI;
    crm_device_ops *ops = &tables[link];

    if (!ops->abi) {
        fill(ops);
        add_link(ops, link);
    }
    return ops;
}
