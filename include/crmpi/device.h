/* device.h - memory and kernels of one compute device (room device).  The CPU is the reference.
 *
 * Every kernel is exact in the sense of docs/exactness.md: one element of a result is one fixed
 * chain of operations, whatever the number of rows, their position, the blocking or the instruction
 * set.
 *
 * Lanes.  A batch has n = lanes * lane_rows rows; rows [l * lane_rows, (l + 1) * lane_rows) are
 * lane l. Row-wise kernels ignore lanes.  Column sums (gradients of weights) give one result per
 * lane, each summed over the rows of its lane in order, in chains of at most CRM_CHAIN rows that
 * are then added in order.  */
#ifndef CRM_DEVICE_H
#define CRM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_dtype.h"
#include "crmpi/base_status.h"

enum { CRM_DEVICE_ABI = 1, CRM_MAX_RANK = 5, CRM_CHAIN = 256, CRM_BLOCK = 4096 };

/** Describes memory of a device, does not own it.  Row-major; dim[0] rows are ld elements apart
 *  (ld = product of the other dims when dense; a column range of a wider matrix has a larger ld).
 */
typedef struct crm_tensor {
    void *data;
    crm_dtype dtype;
    int rank;
    int64_t dim[CRM_MAX_RANK];
    int64_t ld;
} crm_tensor;

crm_tensor crm_tensor_1d(void *data, crm_dtype t, int64_t n);
crm_tensor crm_tensor_2d(void *data, crm_dtype t, int64_t n, int64_t d);
/** Columns [first, first + d) of a 2-D tensor. */
crm_tensor crm_tensor_columns(const crm_tensor *x, int64_t first, int64_t d);

/** Per-lane results of column sums: lane l is written at element l * stride of the tensor it
 * belongs to. */
typedef struct crm_lanes {
    int64_t n;      /* lanes in this batch (1 on a CPU worker)             */
    int64_t rows;   /* rows of each lane                                   */
    int64_t stride; /* elements between the results of two lanes           */
} crm_lanes;

typedef enum crm_act {
    CRM_ACT_NONE,
    CRM_ACT_RELU,
    CRM_ACT_TANH,
    CRM_ACT_SIGMOID,
    CRM_ACT_SILU,
    CRM_ACT_GELU, /* tanh form */
    CRM_ACT_COUNT
} crm_act;
/** "none", "relu", ...; NULL-terminated, for option tables. */
extern const char *const crm_act_names[];

/** Where the random numbers of a dropout layer come from: (seed, layer, epoch, row id, unit). */
typedef struct crm_dropout {
    double rate; /* 0 <= rate < 1; kept values are scaled by 1 / (1 - rate) */
    uint64_t seed;
    uint32_t layer, epoch;
    const int64_t *row_id; /* [n], device memory */
} crm_dropout;

/** Labels and weights of one head. */
typedef struct crm_loss {
    const int32_t *label; /* [n]; negative: masked, contributes nothing                       */
    const float *class_weight; /* [k] or NULL (all 1); device memory */
    double scale; /* of gradient and loss: 1 / (sum of weights of the global batch)   */
} crm_loss;

typedef struct crm_adam {
    double lr, beta1, beta2, eps, weight_decay; /* decay is decoupled (AdamW) */
    double grad_scale;                          /* clipping factor, 1 for none */
    int64_t step;                               /* from 1, for bias correction */
} crm_adam;
/* g' = grad_scale g + weight_decay w;  m = momentum m + g';  w -= lr (nesterov: g' + momentum m,
 * else m).  m may be NULL when momentum is 0. */
typedef struct crm_sgd {
    double lr, momentum, weight_decay, grad_scale;
    bool nesterov;
} crm_sgd;

typedef struct crm_device crm_device;

/* Operations in the ops table.  "offered" is per device; crm_device_offers tells. */
typedef enum crm_op {
    CRM_OP_LINEAR,
    CRM_OP_LINEAR_BWD_X,
    CRM_OP_LINEAR_BWD_W,
    CRM_OP_ACT_BWD,
    CRM_OP_EMBED,
    CRM_OP_EMBED_BWD,
    CRM_OP_DROPOUT,
    CRM_OP_ADD,
    CRM_OP_COPY,
    CRM_OP_SOFTMAX,
    CRM_OP_SIGMOID,
    CRM_OP_CE_LOSS,
    CRM_OP_BCE_LOSS,
    CRM_OP_SUM_SQUARES,
    CRM_OP_ADAM,
    CRM_OP_SGD,
    CRM_OP_COUNT
} crm_op;
const char *crm_op_name(crm_op op);

/* Instruction sets of the CPU device; all give equal bits. */
typedef enum crm_cpu_path {
    CRM_CPU_BEST,
    CRM_CPU_PORTABLE,
    CRM_CPU_AVX2,
    CRM_CPU_AVX512
} crm_cpu_path;

/** The CPU device, one handle per worker thread.  CRM_ERR_DEVICE when the CPU lacks the path asked
 * for.  CRM_CPU_BEST: the path that the environment variable CRM_CPU names (avx512, avx2, portable;
 * CRM_ERR_CONFIG for another word), else the best this CPU has.  Threads that use it have called
 * crm_fp_setup. */
CRM_CHECKED crm_device_cpu(crm_cpu_path path, crm_device **out);
void crm_device_free(crm_device **d);
const char *crm_device_name(const crm_device *d); /* "cpu:avx512" */
bool crm_device_offers(const crm_device *d, crm_op op);
/** Names of the CPU features found, "avx2 fma avx512f ..."; static text. */
const char *crm_cpu_features(void);

/* Memory.  On the CPU: 64-byte aligned host memory. */
CRM_CHECKED crm_buf_new(crm_device *d, size_t bytes, void **out);
void crm_buf_free(crm_device *d, void *buf);
CRM_CHECKED crm_buf_upload(crm_device *d, void *dst, const void *host, size_t bytes);
CRM_CHECKED crm_buf_download(crm_device *d, const void *src, void *host, size_t bytes);
/** All work enqueued so far is done; late errors surface here. */
CRM_CHECKED crm_device_sync(crm_device *d);

/* ---- operations (ops.c checks shapes once, then calls the device; enqueue only) ----
 * f32 unless said.  CRM_ERR_ARG for shapes that do not fit, CRM_ERR_DEVICE when not offered.
 * Nothing is written then.  n = 0 is allowed.  Inputs and outputs must not overlap, but for an
 * output that is the input itself in softmax, sigmoid and the gradients of losses. */

/** y[n][o] = act(x[n][i] w[o][i]^T + b[o]); b may be NULL.  Element: chains over i of CRM_CHAIN,
 * added in order, then bias. */
CRM_CHECKED crm_op_linear(crm_device *d, const crm_tensor *x, const crm_tensor *w,
                          const crm_tensor *b, crm_act act, crm_tensor *y);
/** dx[n][i] = dy[n][o] w[o][i]. */
CRM_CHECKED crm_op_linear_bwd_x(crm_device *d, const crm_tensor *dy, const crm_tensor *w,
                                crm_tensor *dx);
/** dw[lane][o][i] = sum over the lane's rows of dy[r][o] x[r][i]; db[lane][o] = sum of dy[r][o] (db
 * may be NULL). */
CRM_CHECKED crm_op_linear_bwd_w(crm_device *d, const crm_tensor *x, const crm_tensor *dy,
                                const crm_lanes *lanes, crm_tensor *dw, crm_tensor *db);
/** dy *= act'(.), from the activation's output y (RELU, TANH, SIGMOID) or its input x (SILU, GELU);
 * the other may be NULL. */
CRM_CHECKED crm_op_act_bwd(crm_device *d, crm_act act, const crm_tensor *x, const crm_tensor *y,
                           crm_tensor *dy);
/** y[r] = table[code[r]] (table [v][e], code i32 [n] with stride code->ld; outside [0, v): row of
 * zeros). */
CRM_CHECKED crm_op_embed(crm_device *d, const crm_tensor *code, const crm_tensor *table,
                         crm_tensor *y);
/** dtable[lane][v][e] (zeroed by the caller): rows of dy summed by (code, position), a row per
 * distinct code.  Other rows stay as they are; a second call adds to the first (a shared table). */
CRM_CHECKED crm_op_embed_bwd(crm_device *d, const crm_tensor *code, const crm_tensor *dy,
                             const crm_lanes *lanes, crm_tensor *dtable);
/** x *= mask / (1 - rate), in place; the same call on the gradient is the backward pass. */
CRM_CHECKED crm_op_dropout(crm_device *d, const crm_dropout *p, crm_tensor *x);
/** y += x; y = x (2-D, leading dimensions may differ). */
CRM_CHECKED crm_op_add(crm_device *d, const crm_tensor *x, crm_tensor *y);
CRM_CHECKED crm_op_copy(crm_device *d, const crm_tensor *x, crm_tensor *y);
/** proba[n][k] from logits[n][k] (softmax), or from logits[n][1] (sigmoid, proba[n][1]). */
CRM_CHECKED crm_op_softmax(crm_device *d, const crm_tensor *logits, crm_tensor *proba);
CRM_CHECKED crm_op_sigmoid(crm_device *d, const crm_tensor *logits, crm_tensor *proba);
/** Cross-entropy with logits[n][k]; loss f64 [lanes] (written) = scale * sum of weight * loss of
 * the lane's valid rows in order; dlogits[n][k] = scale * weight * (softmax - onehot), 0 for masked
 * rows; NULL: loss only.  CRM_ERR_ARG (the CPU) for a label that is not below k. */
CRM_CHECKED crm_op_ce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
/** Binary cross-entropy with logits[n][1], labels 0/1, class_weight[2]. */
CRM_CHECKED crm_op_bce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                            const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
/** out f64 [ceil(n / CRM_BLOCK)] = sum of squares of each block, in double, in order. */
CRM_CHECKED crm_op_sum_squares(crm_device *d, const crm_tensor *x, crm_tensor *out);
/** One step of AdamW (Loshchilov & Hutter 2019; eps outside the root after bias correction), in
 * place on flat vectors w, m, v [n] with gradient g [n]. */
CRM_CHECKED crm_op_adam(crm_device *d, const crm_adam *p, const crm_tensor *g, crm_tensor *w,
                        crm_tensor *m, crm_tensor *v);
CRM_CHECKED crm_op_sgd(crm_device *d, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                       crm_tensor *m);
#endif
