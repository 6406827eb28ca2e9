/* device.h - memory and kernels of one compute device (room device).  The CPU is the reference.
 *
 * Every kernel is exact in the sense of docs/exactness.md: one element of a result is one fixed
 * chain of operations, whatever the number of rows, their position, the blocking or the instruction
 * set.
 *
 * Lanes.  Rows of a batch belong to lanes, side by side: equal lanes of `rows` rows, or rows
 * [first[l], first[l + 1]) where rows are ragged (events, documents).  Row-wise kernels ignore
 * lanes.  Column sums (gradients of weights) give one result per lane, each summed over the rows of
 * its lane in order, in chains of at most CRM_CHAIN rows that are then added in order.
 *
 * Ragged rows.  Events of customers, tokens of documents: all of them are the rows of one matrix.
 * Segments say which rows belong to which customer; packed sequences say where step t of each
 * sequence stands, so that a recurrent net works on whole rows and never on padding.  */
#ifndef CRM_DEVICE_H
#define CRM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_dtype.h"
#include "crmpi/base_status.h"
#include "crmpi/opt.h"

enum { CRM_DEVICE_ABI = 7, CRM_MAX_RANK = 5, CRM_CHAIN = 256, CRM_BLOCK = 4096 };
/* Most lanes of a call, as train.lanes says. */
enum { CRM_LANES_MAX = 64 };

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
    int64_t n;            /* lanes in this batch (1 on a CPU worker)                        */
    int64_t rows;         /* rows of each lane; not read when first is given                */
    int64_t stride;       /* elements between the results of two lanes                      */
    const int64_t *first; /* [n + 1] rows of ragged lanes, host memory; NULL: equal lanes   */
} crm_lanes;

/** Rows of each of n parents: row[first[i] .. first[i + 1]), in order; row NULL: those numbers
 * themselves.  A parent may have none; each row belongs to one parent at most. */
typedef struct crm_segments {
    int64_t n;
    const int64_t *first; /* [n + 1] device memory */
    const int32_t *row;   /* [first[n]] device memory or NULL */
} crm_segments;

/** Sequences of one lane as rows, time-major and longest first (ties in order of the parents): rows
 * [first[t], first[t + 1]) are step t of the first[t + 1] - first[t] longest sequences, in the same
 * order at every t. */
typedef struct crm_packed {
    int64_t steps;               /* of the longest; 0: no rows */
    const int64_t *first;        /* [steps + 1] host memory; first[0]: first row of the lane */
    const int64_t *device_first; /* the same numbers in device memory; not read by the CPU */
} crm_packed;

typedef enum crm_pool_kind {
    CRM_POOL_MAX,
    CRM_POOL_MEAN,
    CRM_POOL_LAST, /* last row of the segment */
    CRM_POOL_KIND_COUNT
} crm_pool_kind;

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

/* ---- recurrent nets ---- */
typedef enum crm_rnn_kind { CRM_RNN_GRU, CRM_RNN_LSTM, CRM_RNN_KIND_COUNT } crm_rnn_kind;
/** "gru", "lstm"; NULL-terminated. */
extern const char *const crm_rnn_kind_names[];
/** Gates (3 for GRU: r, z, n; 4 for LSTM: i, f, g, o), and the floats per row and unit that forward
 * keeps for backward. */
int crm_rnn_gates(crm_rnn_kind kind);
int crm_rnn_keep(crm_rnn_kind kind);

/** One direction of one layer; weights as in PyTorch's nn.GRU and nn.LSTM.  With G gates, H units,
 * I inputs.  In the backward pass the same struct of gradients (of lane 0) is given too. */
typedef struct crm_rnn_weights {
    crm_tensor wi, wh; /* [G H][I], [G H][H] */
    crm_tensor bi, bh; /* [G H] each         */
} crm_rnn_weights;
typedef struct crm_rnn {
    crm_rnn_kind kind;
    bool reverse;             /* from the last step of each sequence to the first */
    const crm_packed *packed; /* [lanes] */
} crm_rnn;

/* ---- convolutions ---- */
/** Over the steps of n samples with `steps` rows each; zeros beyond both ends.  Output rows a
 * sample: steps + 2 pad - kernel + 1. */
typedef struct crm_conv {
    int64_t steps, kernel, pad;
    crm_act act; /* NONE, RELU, TANH, SIGMOID */
} crm_conv;

enum { CRM_TEXT_KERNELS = 8 };
/** Embedding, convolutions of several widths over the tokens, maximum over positions, activation.
 * A document counts as padded with zero vectors to `length` tokens, so a window that holds no token
 * takes part as 0; no work is done on padding. */
typedef struct crm_text_conv {
    int n_kernels;
    int64_t kernel[CRM_TEXT_KERNELS]; /* widths, 1..length                                     */
    int64_t length;                   /* no document has more tokens                           */
    crm_act act;                      /* NONE, RELU, TANH, SIGMOID: monotone, so after the max */
    int64_t n_docs, n_tokens;         /* n_tokens = first[n_docs]; not read by the CPU         */
    const int64_t *first;             /* [n_docs + 1] tokens of each document, device memory   */
    const int32_t *token;             /* rows of the table; 0 and what is outside: zero vector */
} crm_text_conv;
/** w[k] [filters][width of table][kernel[k]], b[k] [filters] for each kernel: PyTorch's Conv1d. */
typedef struct crm_text_weights {
    crm_tensor table; /* [v][e]; row 0 is not read and gets no gradient */
    crm_tensor w[CRM_TEXT_KERNELS], b[CRM_TEXT_KERNELS];
} crm_text_weights;

/** Rows of a table with a weight each, in bags: entries [first[r], first[r + 1]) are those of bag
 * r. An entry whose id is outside the table counts as not there. */
typedef struct crm_bag {
    int64_t n, n_entries; /* bags; n_entries = first[n]; not read by the CPU      */
    const int64_t *first; /* [n + 1] from 0, device memory                        */
    const int32_t *id;    /* [n_entries] rows of the table, device memory         */
    const float *value;   /* [n_entries] device memory                            */
    double factor;        /* of all values                                        */
} crm_bag;

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
    const float *value;   /* of Huber and Poisson: [n][k]; NaN: masked                        */
    double delta;         /* Huber: where it turns linear, > 0                                */
    const float *class_weight; /* [k] or NULL (all 1); device memory */
    double smooth; /* 0..1, of classes: the label counts 1 - smooth, and each of the k classes
                      (binary: 2) smooth / k: Szegedy et al. 2016                             */
    double scale;  /* of gradient and loss: 1 / (sum of weights of the global batch)   */
    const double *scale_at; /* device memory: takes the place of scale; NULL: scale   */
} crm_loss;

/** Tokens of the documents of samples, device memory: sample r has the documents [first[r],
 * first[r + 1]), document d the tokens [token_first[d], token_first[d + 1]), at most `length`. */
typedef struct crm_doc_tokens {
    int64_t n, n_docs;
    const int64_t *first;       /* [n + 1] from 0      */
    const int64_t *token_first; /* [n_docs + 1] from 0 */
    int64_t length;
} crm_doc_tokens;

/** Numbers of a step in device memory, f64, for steps that run as a captured graph: they take the
 * place of the members named.  An update with a grad_scale that is not finite leaves everything as
 * it is. */
typedef enum crm_live {
    CRM_LIVE_NORM,       /* of the whole gradient, for the reader                  */
    CRM_LIVE_GRAD_SCALE, /* crm_adam.grad_scale, crm_sgd.grad_scale                */
    CRM_LIVE_LR,         /* lr                                                     */
    CRM_LIVE_BIAS1,      /* 1 - beta1^step                                         */
    CRM_LIVE_BIAS2,      /* 1 - beta2^step                                         */
    CRM_LIVE_COUNT
} crm_live;

/** Elements of an update that have weight decay: [bound[2 i], bound[2 i + 1]) for i < n, rising;
 * the others have none.  bound NULL: all of them have it. */
typedef struct crm_decay {
    int64_t n;            /* ranges                */
    const int64_t *bound; /* [2 n], device memory  */
} crm_decay;

typedef struct crm_adam {
    double lr, beta1, beta2, eps, weight_decay; /* decay is decoupled (AdamW) */
    double grad_scale;                          /* clipping factor, 1 for none */
    int64_t step;                               /* from 1, for bias correction */
    const double *live;                         /* [CRM_LIVE_COUNT] device memory or NULL */
    crm_decay decay;                            /* where weight_decay holds */
} crm_adam;
/* g' = grad_scale g + weight_decay w;  m = momentum m + g';  w -= lr (nesterov: g' + momentum m,
 * else m).  m may be NULL when momentum is 0. */
typedef struct crm_sgd {
    double lr, momentum, weight_decay, grad_scale;
    bool nesterov;
    const double *live; /* [CRM_LIVE_COUNT] device memory or NULL */
    crm_decay decay;    /* where weight_decay holds */
} crm_sgd;

/** Rows of a matrix that a batch takes, by parent: parent i gets rows [from[i], from[i] + its
 * count).  All arrays device memory. */
typedef struct crm_gather {
    int64_t n;            /* parents                                             */
    const int64_t *first; /* [n + 1] rows of each in the result; NULL: one each  */
    const int64_t *from;  /* [n] first row in the source; negative: fill         */
    double fill;          /* elements of a parent without a source               */
} crm_gather;
/** One of several arrays that are gathered together. */
typedef struct crm_gather_item {
    crm_gather g;
    crm_tensor x, y;
} crm_gather_item;
enum { CRM_GATHER_MAX = 16 };

/** vector to += vector from. */
typedef struct crm_add {
    int to, from;
} crm_add;
enum { CRM_COMBINE_MAX = 128 };

typedef struct crm_device crm_device;

/* Operations in the ops table.  "offered" is per device; crm_device_offers tells. */
typedef enum crm_op {
    CRM_OP_LINEAR,
    CRM_OP_LINEAR_BWD_X,
    CRM_OP_LINEAR_BWD_W,
    CRM_OP_ACT_BWD,
    CRM_OP_EMBED,
    CRM_OP_EMBED_BWD,
    CRM_OP_BAG,
    CRM_OP_BAG_BWD,
    CRM_OP_DROPOUT,
    CRM_OP_ADD,
    CRM_OP_COPY,
    CRM_OP_SOFTMAX,
    CRM_OP_SIGMOID,
    CRM_OP_CE_LOSS,
    CRM_OP_BCE_LOSS,
    CRM_OP_HUBER_LOSS,
    CRM_OP_POISSON_LOSS,
    CRM_OP_POOL,
    CRM_OP_POOL_BWD,
    CRM_OP_ATTEND,
    CRM_OP_ATTEND_BWD,
    CRM_OP_CONV,
    CRM_OP_CONV_BWD_X,
    CRM_OP_CONV_BWD_W,
    CRM_OP_TEXT_CONV,
    CRM_OP_TEXT_CONV_BWD,
    CRM_OP_RNN,
    CRM_OP_RNN_BWD,
    CRM_OP_SUM_SQUARES,
    CRM_OP_ADAM,
    CRM_OP_SGD,
    CRM_OP_TAKE,
    CRM_OP_GATHER,
    CRM_OP_COMBINE,
    CRM_OP_NORM,
    CRM_OP_TALLY,
    CRM_OP_DROP_WORDS,
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

/* ---- which device ---- */
typedef enum crm_device_kind {
    CRM_DEVICE_AUTO,
    CRM_DEVICE_CPU,
    CRM_DEVICE_CUDA,
    CRM_DEVICE_KIND_COUNT
} crm_device_kind;
typedef enum crm_gpu_math {
    CRM_GPU_FP32,
    CRM_GPU_TF32, /* matrix products round their factors to 10 bits           */
    CRM_GPU_BF16, /* as TF32; tables of products that only live within an operation
                     are kept in bf16 */
    CRM_GPU_MATH_COUNT
} crm_gpu_math;
typedef enum crm_gpu_switch { CRM_GPU_SWITCH_AUTO, CRM_GPU_OFF, CRM_GPU_ON } crm_gpu_switch;
typedef enum crm_transport {
    CRM_TRANSPORT_AUTO, /* NCCL where it is found and each rank has a GPU of its own, else MPI */
    CRM_TRANSPORT_NCCL,
    CRM_TRANSPORT_MPI, /* through host memory */
    CRM_TRANSPORT_COUNT
} crm_transport;

/** Options "device" and "gpu.*". */
typedef struct crm_device_cfg {
    int kind;       /* crm_device_kind                                             */
    int math;       /* crm_gpu_math                                                */
    bool graph;     /* steps run as captured graphs                                */
    int resident;   /* crm_gpu_switch: training rows are kept in GPU memory        */
    int cudnn;      /* crm_gpu_switch: cuDNN's convolution over months             */
    int transport;  /* crm_transport                                               */
    int64_t bucket; /* bytes of gradients that are exchanged together              */
    double timeout; /* seconds without an answer until a group of GPUs is given up */
} crm_device_cfg;
extern const crm_opt crm_device_opts[];

/** The device of a rank.  node_rank, node_size: this rank among those of its node; the GPU is
 * number node_rank modulo the number of GPUs that this process sees.  CUDA: loads crmpi_cuda.so
 * (the file that the environment variable CRM_CUDA_PLUGIN names, else beside the program, else in
 * its library folder); CRM_ERR_DEVICE says what is missing: module, driver, GPU, library, version.
 * AUTO: the CPU when there is no GPU to be had, or the GPU does not open; crm_device_instead then
 * says why.  A module that is named and does not fit is an error all the same.  Not collective. */
CRM_CHECKED crm_device_open(const crm_device_cfg *cfg, int node_rank, int node_size,
                            crm_device **out);
/** Why this device is the CPU where a GPU would have been taken; "": it is what was asked for. */
const char *crm_device_instead(const crm_device *d);
/** Which GPU this is, in words that two processes of a node compare: its UUID, or its address on
 * the bus.  Numbers and names do not tell: each process may see one GPU of its own.  "": none. */
const char *crm_device_id(const crm_device *d);
/** What decides the bits of results beside the configuration, a list with commas: "NVIDIA H100, 132
 * multiprocessors, CUDA 13.0, products by cuBLASLt 13.1.0, own convolutions"; the CPU: "CPU". */
const char *crm_device_arithmetic(const crm_device *d);
/** Ranks that have the GPU of this device, this one among them; 1 until set_shared tells otherwise
 * (crm_dsum_find_shared of comm_device.h counts them). */
void crm_device_set_shared(crm_device *d, int ranks);
int crm_device_sharers(const crm_device *d);
/** More than one rank has the GPU of this device. */
bool crm_device_shared(const crm_device *d);
/** A GPU is to be expected: the module is there, or this node has an NVIDIA driver. */
bool crm_device_expected(void);
/** What was found of CUDA, a line each ("driver     580.159 (CUDA 13.0)"), also when it cannot be
 * used; but with device: cpu each GPU is opened, to say whether it works.  out is the caller's
 * (crm_mem_free). */
CRM_CHECKED crm_device_found(const crm_device_cfg *cfg, char **out);

/** What a device has used so far; negative: not known. */
typedef struct crm_device_usage {
    double energy;                    /* joules of the whole GPU since the handle was opened */
    int64_t bytes, peak_bytes;        /* held by this handle now, and at most                */
    int64_t total_bytes, free_bytes;  /* of the GPU                                     */
    int64_t graphs, updates, replays; /* captured anew, by update, run again            */
} crm_device_usage;
CRM_CHECKED crm_device_use(crm_device *d, crm_device_usage *out);

/* Named ranges: on the time line of a profiler (NVTX), and after crm_profile_start in a table of
 * wall times, for which each range waits for the device at both ends (not while a graph is
 * captured).  Ranges nest; main thread only; d may be NULL.  Equal names are one row of the table;
 * the text is not read after the call. */
void crm_range_push(crm_device *d, const char *name);
void crm_range_pop(crm_device *d);
/** Somebody looks at ranges: this thread called crm_profile_start, or the process was started by a
 * profiler that shows those of the device.  For ranges whose names cost time to make. */
bool crm_range_watched(const crm_device *d);
typedef struct crm_profile_row {
    const char *name;
    int64_t calls;
    double seconds; /* inner ranges included */
} crm_profile_row;
/** Begin the table of this process; its ranges are those of the calling thread. */
void crm_profile_start(void);
/** Ranges so far in the order of their first call; names and rows until the next start. */
int crm_profile_rows(const crm_profile_row **rows);

/** The CPU device, one handle per worker thread.  CRM_ERR_DEVICE when the CPU lacks the path asked
 * for.  CRM_CPU_BEST: the path that the environment variable CRM_CPU names (avx512, avx2, portable;
 * CRM_ERR_CONFIG for another word), else the best this CPU has.  Threads that use it have called
 * crm_fp_setup. */
CRM_CHECKED crm_device_cpu(crm_cpu_path path, crm_device **out);
void crm_device_free(crm_device **d);
const char *crm_device_name(const crm_device *d); /* "cpu:avx512", "cuda:0 NVIDIA H100" */
/** Buffers are host memory, so that uploads can be left out. */
bool crm_device_is_host(const crm_device *d);
bool crm_device_offers(const crm_device *d, crm_op op);
/** Names of the CPU features found, "avx2 fma avx512f ..."; static text. */
const char *crm_cpu_features(void);

/* Memory.  On the CPU: 64-byte aligned host memory.  Uploads, zeroing and operations happen in the
 * order of the calls.  An upload has taken the host's bytes when it returns. */
CRM_CHECKED crm_buf_new(crm_device *d, size_t bytes, void **out); /* not zeroed on a GPU */
void crm_buf_free(crm_device *d, void *buf);
CRM_CHECKED crm_buf_zero(crm_device *d, void *buf, size_t bytes);
CRM_CHECKED crm_buf_upload(crm_device *d, void *dst, const void *host, size_t bytes);
/** Waits for all work enqueued so far. */
CRM_CHECKED crm_buf_download(crm_device *d, const void *src, void *host, size_t bytes);
/** All work enqueued so far is done; late errors surface here. */
CRM_CHECKED crm_device_sync(crm_device *d);

/* Copies beside the computation.  Between crm_ahead_begin(slot) and crm_ahead_end uploads go their
 * own way, not behind the operations in the queue, into memory that belongs to the slot (0 or 1);
 * they wait for the last crm_ahead_done(slot): call it after the step that used that memory, and
 * once after new memory was made and filled.  Operations after crm_ahead_use(slot) see them.  On
 * the CPU all of it is the plain upload. */
enum { CRM_AHEAD_SLOTS = 2 };
CRM_CHECKED crm_ahead_begin(crm_device *d, int slot);
CRM_CHECKED crm_ahead_end(crm_device *d, int slot);
CRM_CHECKED crm_ahead_use(crm_device *d, int slot);
CRM_CHECKED crm_ahead_done(crm_device *d, int slot);

/* A few bytes on their way to the host while the queue goes on: crm_later_get waits for ticket only
 * and copies them out; crm_later_ready says without waiting whether it would have to wait.  At most
 * CRM_LATER_SLOTS tickets are open; ticket = the slot asked for. */
enum { CRM_LATER_SLOTS = 4, CRM_LATER_MAX = 4096 };
CRM_CHECKED crm_later_download(crm_device *d, int ticket, const void *src, size_t bytes);
CRM_CHECKED crm_later_ready(crm_device *d, int ticket, bool *ready);
CRM_CHECKED crm_later_get(crm_device *d, int ticket, void *host, size_t bytes);

/* Graphs.  What is enqueued between crm_graph_begin and crm_graph_end may be captured under a key:
 * all bytes on which the calls between depend (pointers, extents, numbers passed by value).
 * *known: the work was captured before and is enqueued; the calls and crm_graph_end are left out.
 * Else the caller makes the calls and hands their status to crm_graph_end, whatever it is.  *again:
 * they are to be made once more, from crm_graph_begin on:
 *
 *     for (bool known = false, again = true; again;) {
 *         CRM_TRY(crm_graph_begin(d, key, bytes, &known));
 *         if (known) break;
 *         CRM_TRY(crm_graph_end(d, calls(), &again));
 *     }
 *
 * A key that is seen for the first time runs as it comes, so that a key that never returns costs no
 * capture, and libraries have made their plans before one; it is captured the second time and takes
 * the place of the one used least recently.  A capture that fails has run nothing: it is told in
 * the log, the device runs without graphs from there on, and *again is set.  Uploads and downloads
 * are not allowed between.  A device without graphs, and one whose graphs are switched off, runs
 * all calls as they come. */
CRM_CHECKED crm_graph_begin(crm_device *d, const void *key, size_t bytes, bool *known);
/** Returns `calls` where that is an error and *again is not set. */
CRM_CHECKED crm_graph_end(crm_device *d, crm_status calls, bool *again);
/** No key is known any more, and memory that was kept for graphs is given back.  Called before
 * anything goes that a graph uses: buffers, marks of a transport.  Waits for the queue. */
void crm_graph_forget(crm_device *d);

/* ---- operations (ops.c checks shapes once, then calls the device; enqueue only) ----
 * f32 unless said.  CRM_ERR_ARG for shapes that do not fit, CRM_ERR_DEVICE when not offered.
 * Nothing is written then.  n = 0 is allowed.  Inputs and outputs must not overlap, but for an
 * output that is the input itself in dropout, softmax, sigmoid and the gradients of losses. */

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
/** y[p->n][k] = factor * sum over the entries of each bag of value * table[id] (table [v][k]): one
 * chain over the entries in order, then the product; 0 for an empty bag.  CRM_ERR_ARG (the CPU) for
 * bags that fall or do not begin at 0. */
CRM_CHECKED crm_op_bag(crm_device *d, const crm_bag *p, const crm_tensor *table, crm_tensor *y);
/** dtable[lane][v][k] (zeroed by the caller) from dy[p->n][k]: entries of equal id added in order
 * of their positions, each value * (factor * dy of its bag); lanes are of bags.  Rows of the table
 * that no entry names stay as they are; a second call adds to the first. */
CRM_CHECKED crm_op_bag_bwd(crm_device *d, const crm_bag *p, const crm_tensor *dy,
                           const crm_lanes *lanes, crm_tensor *dtable);
/** y = x mask / (1 - rate); the same call on the gradient is the backward pass. */
CRM_CHECKED crm_op_dropout(crm_device *d, const crm_dropout *p, const crm_tensor *x, crm_tensor *y);
/** Dropout of words: y[i] (i32 [tokens]) = 0, no word, with probability p->rate, else x[i].  Token
 * t of the k-th document of sample r goes by element k length + t of the random numbers (seed,
 * CRM_RNG_WORDS, epoch, row_id[r]); p->layer is not read. */
CRM_CHECKED crm_op_drop_words(crm_device *d, const crm_dropout *p, const crm_doc_tokens *of,
                              const crm_tensor *x, crm_tensor *y);
/** y += x; y = x (2-D, leading dimensions may differ). */
CRM_CHECKED crm_op_add(crm_device *d, const crm_tensor *x, crm_tensor *y);
CRM_CHECKED crm_op_copy(crm_device *d, const crm_tensor *x, crm_tensor *y);
/** proba[n][k] from logits[n][k] (softmax), or from logits[n][1] (sigmoid, proba[n][1]). */
CRM_CHECKED crm_op_softmax(crm_device *d, const crm_tensor *logits, crm_tensor *proba);
CRM_CHECKED crm_op_sigmoid(crm_device *d, const crm_tensor *logits, crm_tensor *proba);
/** Cross-entropy with logits[n][k]; loss f64 [lanes] (written) = scale * sum of weight * loss of
 * the lane's valid rows in order; dlogits[n][k] = scale * weight * (softmax - onehot), 0 for masked
 * rows; NULL: loss only.  The weight is that of the label, smoothed or not.  CRM_ERR_ARG (the CPU)
 * for a label that is not below k. */
CRM_CHECKED crm_op_ce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
/** Binary cross-entropy with logits[n][1], labels 0/1, class_weight[2]. */
CRM_CHECKED crm_op_bce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                            const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits);
/** Losses of numbers, predictions z[n][k], values [n][k] (NaN: masked).  Huber (1964) with delta:
 *  r = z - y; r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2).  Poisson, z is the
 * logarithm of the rate: exp(z) - y z (the term in y alone is left out).  loss and dz as in
 * ce_loss; no class weights. */
CRM_CHECKED crm_op_huber_loss(crm_device *d, const crm_tensor *z, const crm_loss *p,
                              const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);
CRM_CHECKED crm_op_poisson_loss(crm_device *d, const crm_tensor *z, const crm_loss *p,
                                const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz);

/** y[s->n][d] = maximum, mean or last of the rows of x[e][d] that belong to each segment; 0 for an
 *  empty one.  arg i32 [s->n][d] (MAX only, else NULL): row of x, the first of equals; -1: none.
 *  Mean: chains of rows in order, then one division.  CRM_ERR_ARG (the CPU) for segments that fall
 * or name rows outside x. */
CRM_CHECKED crm_op_pool(crm_device *d, crm_pool_kind kind, const crm_segments *s,
                        const crm_tensor *x, crm_tensor *y, crm_tensor *arg);
/** dx[e][d] (all of it written; 0 where nothing comes from) from dy[s->n][d]. */
CRM_CHECKED crm_op_pool_bwd(crm_device *d, crm_pool_kind kind, const crm_segments *s,
                            const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx);
/** Attention pooling: weight[e][1] = softmax of score[e][1] within each segment, 0 for rows of
 * none; y[s->n][d] = sum of weight x over its rows in order, in chains; 0 for an empty one. */
CRM_CHECKED crm_op_attend(crm_device *d, const crm_segments *s, const crm_tensor *score,
                          const crm_tensor *x, crm_tensor *weight, crm_tensor *y);
/** dscore[e][1] and dx[e][d] from dy[s->n][d]; rows of no segment get 0. */
CRM_CHECKED crm_op_attend_bwd(crm_device *d, const crm_segments *s, const crm_tensor *weight,
                              const crm_tensor *x, const crm_tensor *dy, crm_tensor *dscore,
                              crm_tensor *dx);

/** y[n steps'][o] = act(sum over taps j, then channels c, of x[.. t + j - pad][c] w[o][c][j] +
 * b[o]): one chain over (j, c) cut at CRM_CHAIN.  x[n steps][c] has the steps of a sample side by
 * side; w is f32 of rank 3, PyTorch's Conv1d. */
CRM_CHECKED crm_op_conv(crm_device *d, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                        const crm_tensor *b, crm_tensor *y);
/** Gradients from dy[n steps'][o], that of the sum (crm_op_act_bwd comes first).  Rows summed over
 * in order, cut at CRM_CHAIN rows of the lane (dw), taps then filters (dx).  Zeros of dy are
 * skipped where there are many (after a maximum over time): same bits. */
CRM_CHECKED crm_op_conv_bwd_x(crm_device *d, const crm_conv *p, const crm_tensor *dy,
                              const crm_tensor *w, crm_tensor *dx);
/** lanes are of samples: lane l has rows lanes->rows * steps of x. */
CRM_CHECKED crm_op_conv_bwd_w(crm_device *d, const crm_conv *p, const crm_tensor *x,
                              const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                              crm_tensor *db);

/** y[n_docs][n_kernels filters] = act(max over positions p of sum over taps j of chain over c of
 *  table[token[p + j]][c] w[f][c][j], + b[f]); kernel k writes columns [k filters, ...).  arg i32
 * of y's shape: position p in the document (the first of equals; its length for a window without
 *  tokens); NULL: no backward pass follows.  A window that is NaN makes y NaN.  CRM_ERR_ARG (the
 *  CPU) for a document longer than `length`.  The chains of one token and tap are worked out once
 * for equal tokens of a piece of the batch where that pays: same bits. */
CRM_CHECKED crm_op_text_conv(crm_device *d, const crm_text_conv *p, const crm_text_weights *w,
                             crm_tensor *y, crm_tensor *arg);
/** From dy[n_docs][n_kernels filters], the gradient before the activation (crm_op_act_bwd comes
 *  first): dw, db per lane of documents, summed over documents in order, cut at CRM_CHAIN
 * documents; dtable (zeroed by the caller; NULL: the table is not learnt) as crm_op_embed_bwd of
 * the gradients of the token vectors, which are summed over kernels, filters, taps in order. */
CRM_CHECKED crm_op_text_conv_bwd(crm_device *d, const crm_text_conv *p, const crm_text_weights *w,
                                 const crm_tensor *arg, const crm_tensor *dy,
                                 const crm_lanes *lanes, crm_text_weights *dw, bool learn_table);

/** h[e][H] = hidden state after each row's step from x[e][I], from zero states.  GRU (Cho et al.
 *  2014, PyTorch's form): r, z = sigmoid(wi x + bi + wh h + bh), n = tanh(wi x + bi + r (wh h +
 * bh)), h' = (1 - z) n + z h.  LSTM (Hochreiter & Schmidhuber 1997): i, f, o sigmoid, g tanh, c' =
 * f c + i g, h' = o tanh(c').  keep [e][crm_rnn_keep H] is for backward; NULL: none follows. */
CRM_CHECKED crm_op_rnn(crm_device *d, const crm_rnn *p, const crm_rnn_weights *w,
                       const crm_lanes *lanes, const crm_tensor *x, crm_tensor *h,
                       crm_tensor *keep);
/** Back through time from dh[e][H], the gradient of h from outside.  dx[e][I] may be NULL.
 * Gradients of weights per lane, summed over its rows in order (wh: rows that have an earlier
 * step), cut at CRM_CHAIN.  keep is used up. */
CRM_CHECKED crm_op_rnn_bwd(crm_device *d, const crm_rnn *p, const crm_rnn_weights *w,
                           const crm_lanes *lanes, const crm_tensor *x, const crm_tensor *h,
                           crm_tensor *keep, const crm_tensor *dh, crm_tensor *dx,
                           crm_rnn_weights *dw);
/** out f64 [ceil(n / CRM_BLOCK)] = sum of squares of each block, in double, in order. */
CRM_CHECKED crm_op_sum_squares(crm_device *d, const crm_tensor *x, crm_tensor *out);
/** One step of AdamW (Loshchilov & Hutter 2019; eps outside the root after bias correction), in
 * place on flat vectors w, m, v [n] with gradient g [n].  An element has the bits that a call on
 * its range alone, with or without weight decay, gives it.  CRM_ERR_ARG (the CPU) for ranges that
 * fall or end beyond n. */
CRM_CHECKED crm_op_adam(crm_device *d, const crm_adam *p, const crm_tensor *g, crm_tensor *w,
                        crm_tensor *m, crm_tensor *v);
CRM_CHECKED crm_op_sgd(crm_device *d, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                       crm_tensor *m);

/** y[i] = x[at[i]] (i32, all [n]); -1 where at[i] is outside x or x[at[i]] < least: codes into the
 * order of packed rows. */
CRM_CHECKED crm_op_take(crm_device *d, const crm_tensor *x, const crm_tensor *at, int32_t least,
                        crm_tensor *y);
/** y[rows][w] (f32 or i32) = rows of x [.][w] (f32; u8, u16, i32 for y i32; the largest u8 or u16
 * becomes -1) that the parents of g name, in their order; both dense.  A parent without a source is
 * filled. */
CRM_CHECKED crm_op_gather(crm_device *d, const crm_gather *g, const crm_tensor *x, crm_tensor *y);
/** The same for each of n arrays, CRM_GATHER_MAX of them at a time on a device that starts kernels.
 * The shapes of all are checked first. */
CRM_CHECKED crm_op_gather_all(crm_device *d, const crm_gather_item *item, int n);
/** For each element [first, first + n) of the vectors vec[n_vec] (f32, n_vec <= CRM_COMBINE_MAX):
 * the additions add[n_adds] in their order; then vector 0 is written to sum (f32, same places;
 * NULL: the vectors alone).  Vectors that are only read by additions stay as they are; those that
 * are written may or may not be when sum is given. */
CRM_CHECKED crm_op_combine(crm_device *d, float *const *vec, int n_vec, const crm_add *add,
                           int n_adds, int64_t first, int64_t n, float *sum);
/** live[CRM_LIVE_NORM] = root of the sums of blocks, added as a fixed binary tree (neighbours, a
 * missing right one leaves the left unchanged); live[CRM_LIVE_GRAD_SCALE] = 1, or clip / norm where
 * clip > 0 and norm > clip; NaN where the norm is not finite, or was not before
 * (live[CRM_LIVE_NORM] at the call): a run that fails stands still until the host has seen it. sums
 * f64 [n] device memory, used up; live f64 [CRM_LIVE_COUNT] device memory. */
CRM_CHECKED crm_op_norm(crm_device *d, const crm_tensor *sums, double clip, double *live);
/** total[n] += x[n], f64: losses of an epoch. */
CRM_CHECKED crm_op_tally(crm_device *d, const crm_tensor *x, crm_tensor *total);
#endif
