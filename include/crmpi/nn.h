/* nn.h - parameters in one flat vector, and a net of layers over values (room nn).
 *
 * Parameters.  A registry names every parameter (PyTorch-like: "prof.weight"), its shape and
 * its place in ONE flat f32 vector.  Gradients and optimiser state use the same layout.  Offsets
 * are multiples of CRM_PARAM_ALIGN elements; the gaps hold zeros and have zero gradient.
 *
 * Domains.  Rows of a value stand for samples (CRM_SAMPLES), or for the rows of another domain:
 * events of the samples, their documents, tokens of those.  A domain knows its parent; a pass says
 * how many rows each has, which of them belong to which row of the parent (segments), and for
 * recurrent layers where the steps stand (packed).  Layers that work row by row run in any domain;
 * pooling takes a value to the parent domain.
 *
 * Net.  A value is a matrix [n][width] of activations in an arena that is sized once for the most
 * rows of its domain; columns of a value are a value too, so that several layers write one
 * concatenated vector.
 * A layer reads values and writes one; its class is a row of functions {forward, backward}.
 * Layers run in the order they were added, backward in reverse.  A value read by several layers
 * gets the sum of their gradients, the last reader first; a layer that reads some columns only is
 * added before those that read all of them.  Nothing is allocated in a pass.
 *
 * A net belongs to one thread (its own arena and device handle); the parameters are passed in.
 * Nothing here is collective. */
#ifndef CRM_NN_H
#define CRM_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/device.h"

/* ---- parameters ---- */
enum { CRM_PARAM_ALIGN = 16, CRM_PARAM_NAME_MAX = 128 };

typedef enum crm_init {
    CRM_INIT_ZERO,
    CRM_INIT_UNIFORM, /* uniform on (-scale, scale); scale = 1 / sqrt(fan_in) for dense layers */
    CRM_INIT_NORMAL,  /* normal with mean 0 and standard deviation scale                       */
    CRM_INIT_COUNT
} crm_init;

typedef struct crm_param {
    char name[CRM_PARAM_NAME_MAX];
    int rank;
    int64_t dim[CRM_MAX_RANK]; /* PyTorch's shape and order                          */
    int64_t n;                 /* elements                                           */
    int64_t offset;            /* of the first one in the flat vector; after sealing */
    crm_init init;
    double scale;
    bool decay;      /* weight decay applies (not to biases and embeddings)    */
    bool table;      /* rows of an embedding: placed behind all other parameters */
    bool zero_first; /* row 0 begins as 0 (and never gets a gradient)          */
    bool fixed;      /* a table that is not learnt: no gradient, no decay      */
} crm_param;

typedef struct crm_params crm_params;
CRM_CHECKED crm_params_new(crm_params **out);
/** Add a copy of p (n and offset are filled in here); *index is its number.  CRM_ERR_INTERNAL when
 *  the name is taken or the registry is sealed. */
CRM_CHECKED crm_params_add(crm_params *ps, const crm_param *p, int *index);
/** Table i is not learnt: its gradient is not worked out and stays as the caller has zeroed it, so
 *  that optimisers leave its elements as they are.  CRM_ERR_INTERNAL for what is no table. */
CRM_CHECKED crm_params_fix(crm_params *ps, int i);
/** Fix the offsets: in reverse order of addition, which is the order in which gradients become
 *  ready, embedding tables last. */
void crm_params_seal(crm_params *ps);
int crm_params_count(const crm_params *ps);
const crm_param *crm_params_get(const crm_params *ps, int i);
/** Index of a name, -1 when there is none. */
int crm_params_find(const crm_params *ps, const char *name);
/** Elements of the flat vector, gaps included; a multiple of CRM_PARAM_ALIGN. */
int64_t crm_params_size(const crm_params *ps);
/** Initial values into w[size] (host).  A value depends on (seed, name, element) only, not on the
 *  order of parameters. */
void crm_params_init(const crm_params *ps, uint64_t seed, float *w);
/** mask[size] = 1 where weight decay applies, else 0 (host). */
void crm_params_decay_mask(const crm_params *ps, uint8_t *mask);
void crm_params_free(crm_params **ps);

/* ---- net ---- */
typedef struct crm_net crm_net;
typedef int crm_value; /* number of a value in its net */

typedef int crm_domain;
enum { CRM_SAMPLES = 0 };

/** Rows of one domain in a pass; device memory but where said. */
typedef struct crm_rows {
    int64_t n;
    const int64_t *first;     /* [lanes + 1] host: rows of each lane                             */
    crm_segments parts;       /* rows of each row of the parent domain                           */
    crm_segments starts;      /* first row of each part that has one: for crm_net_pool_first     */
    const crm_packed *packed; /* [lanes] host: for recurrent layers, else NULL                   */
    const int64_t *row_id;    /* [n] for dropout in this domain, else NULL                       */
} crm_rows;

/** What one pass works on.  Tensors bound to inputs have n = lanes.n * lanes.rows rows. */
typedef struct crm_pass {
    int64_t n;
    const float *w;  /* flat parameters, device memory                                      */
    crm_lanes lanes; /* lanes.stride: elements between the gradients of two lanes           */
    float *grad;     /* flat gradient of lane 0, zeroed by the caller; NULL: no gradients   */
    bool training;   /* dropout is active                                                   */
    uint64_t seed;
    uint32_t epoch;
    const int64_t *row_id; /* [n] device memory; needed when training with dropout          */
    const crm_rows *rows;  /* [domains]; rows[CRM_SAMPLES] is not read; NULL: only samples  */
    /** In the backward pass, after each layer with parameters: elements [0, upto) of the gradients
     * of all lanes are final; the last call names the whole vector.  NULL: nobody asks. */
    crm_status (*ready)(void *ctx, int64_t upto);
    void *ready_ctx;
} crm_pass;

/** Loss of a head: set before each pass.  n: rows of the domain of its logits. */
typedef struct crm_head_loss {
    const int32_t *label;   /* [n] device memory; negative: masked; of class heads              */
    const float *value;     /* [n][width] device memory; NaN: masked; of heads of numbers       */
    double smooth;          /* of class heads: crm_loss.smooth                              */
    double scale;           /* loss weight / (sum of weights of the valid labels, global batch) */
    const double *scale_at; /* device memory, takes the place of scale; or NULL               */
} crm_head_loss;

typedef enum crm_head_kind {
    CRM_HEAD_CLASSES, /* width 1: binary cross-entropy, else cross-entropy */
    CRM_HEAD_HUBER,   /* numbers, crm_op_huber_loss                        */
    CRM_HEAD_POISSON, /* logarithms of rates, crm_op_poisson_loss          */
    CRM_HEAD_KIND_COUNT
} crm_head_kind;

/** d and params are borrowed; the net adds its parameters to params. */
CRM_CHECKED crm_net_new(crm_device *d, crm_params *params, int64_t max_rows, int64_t max_lanes,
                        crm_net **out);
/** Another domain with at most max_rows rows in a pass. */
CRM_CHECKED crm_net_domain(crm_net *net, const char *name, crm_domain parent, int64_t max_rows,
                           crm_domain *out);
/** As crm_net_input and crm_net_value for any domain. */
CRM_CHECKED crm_net_input_in(crm_net *net, crm_domain domain, crm_dtype dtype, int64_t width,
                             crm_value *out);
CRM_CHECKED crm_net_value_in(crm_net *net, crm_domain domain, int64_t width, crm_value *out);
crm_domain crm_net_domain_of(const crm_net *net, crm_value v);

/** A matrix [n][width] that the caller binds before each pass; no gradient flows into it. */
CRM_CHECKED crm_net_input(crm_net *net, crm_dtype dtype, int64_t width, crm_value *out);
/** A value of width columns in the arena. */
CRM_CHECKED crm_net_value(crm_net *net, int64_t width, crm_value *out);
/** Columns [first, first + width) of a value or input. */
CRM_CHECKED crm_net_columns(crm_net *net, crm_value v, int64_t first, int64_t width,
                            crm_value *out);
int64_t crm_net_width(const crm_net *net, crm_value v);

/* Layers.  y is an arena value (or columns of one) that no other layer writes.  Names may hold
 * dots; parameters are "<name>.weight" and "<name>.bias". */
/** y[n][o] = act(x[n][i] weight[o][i]^T + bias[o]). */
CRM_CHECKED crm_net_linear(crm_net *net, const char *name, crm_value x, crm_act act, crm_value y);
/** y[r] = weight[code[r]], weight [levels][width of y], N(0, 1); codes outside [0, levels): zeros.
 *  code is one column of an i32 input. */
CRM_CHECKED crm_net_embedding(crm_net *net, const char *name, crm_value code, int64_t levels,
                              crm_value y);
/** As crm_net_embedding for words: row 0 of the table begins as 0; "no word" is code -1. */
CRM_CHECKED crm_net_words(crm_net *net, const char *name, crm_value code, int64_t words,
                          crm_value y);
/** Weighted bag (crm_op_bag): y[r] = factor * sum over the entries of row r of value * weight[id],
 *  weight [columns][width of y], 0 at the beginning, without weight decay: a linear model on sparse
 *  columns.  id (i32) and value (f32) are inputs of width 1 in a domain whose parts are contiguous
 *  (row NULL); y in the parent domain.  The step of Adam does not depend on the scale of a
 * gradient, so under a learning rate lr factor * weight moves like a weight whose own rate is
 * factor * lr (under SGD: factor^2 * lr). */
CRM_CHECKED crm_net_bag(crm_net *net, const char *name, crm_value id, crm_value value,
                        int64_t columns, double factor, crm_value y);
/** y = x times mask / (1 - rate) in training, y = x else. */
CRM_CHECKED crm_net_dropout(crm_net *net, const char *name, crm_value x, double rate, crm_value y);
/** y = a + b. */
CRM_CHECKED crm_net_add(crm_net *net, const char *name, crm_value a, crm_value b, crm_value y);
/** y = x (to place an input into a concatenated value). */
CRM_CHECKED crm_net_copy(crm_net *net, const char *name, crm_value x, crm_value y);
/** 1-D convolution over the steps of each sample (crm_op_conv): x and y are of domains whose rows
 * are steps side by side, p->steps and p->steps + 2 p->pad - p->kernel + 1 for each sample.
 *  "<name>.weight" [width of y][width of x][kernel]. */
CRM_CHECKED crm_net_conv(crm_net *net, const char *name, const crm_conv *p, crm_value x,
                         crm_value y);
/** Recurrent layer over packed sequences (crm_op_rnn), x and y of one domain; H = width of y.
 *  Parameters have PyTorch's names: "<name>.weight_ih_l<layer>", "weight_hh_l<layer>",
 *  "bias_ih_l<layer>", "bias_hh_l<layer>", with "_reverse" behind them for the other direction. */
CRM_CHECKED crm_net_rnn(crm_net *net, const char *name, crm_rnn_kind kind, int layer, bool reverse,
                        crm_value x, crm_value y);
/** y (parent domain of x's) = pool of the rows of x of each segment. */
CRM_CHECKED crm_net_pool(crm_net *net, const char *name, crm_pool_kind kind, crm_value x,
                         crm_value y);
/** y (parent domain of x's) = the first row of x of each segment, 0 for an empty one: what a
 *  recurrent layer that runs backward knows at its end. */
CRM_CHECKED crm_net_pool_first(crm_net *net, const char *name, crm_value x, crm_value y);
/** Attention pooling (crm_op_attend): score of width 1 in the domain of x; y in the parent domain.
 *  x and score are values, not inputs. */
CRM_CHECKED crm_net_attend(crm_net *net, const char *name, crm_value score, crm_value x,
                           crm_value y);
/** Embedding and text convolution (crm_op_text_conv): token is an i32 input of width 1 in a domain
 *  whose parts are contiguous (row NULL); y in the parent domain, width n_kernels x filters.
 *  Parameters "<embed>.weight" [words][dim], "<name><kernel>.weight" [filters][dim][kernel] and
 *  ".bias".  p gives n_kernels, kernel, length, act. */
CRM_CHECKED crm_net_text_conv(crm_net *net, const char *embed, const char *name,
                              const crm_text_conv *p, int64_t words, int64_t dim, crm_value token,
                              crm_value y);
/** As crm_net_head for any kind of head; z may be of any domain.  delta: of Huber. */
CRM_CHECKED crm_net_head_of(crm_net *net, const char *name, crm_head_kind kind, crm_value z,
                            const float *class_weight, double delta, int *head);
/** Loss on logits: width 1 binary cross-entropy, else cross-entropy; class_weight (host,
 *  [n_classes], copied) may be NULL.  *head numbers the heads from 0. */
CRM_CHECKED crm_net_head(crm_net *net, const char *name, crm_value logits,
                         const float *class_weight, int *head);
/** The value that a head reads. */
crm_value crm_net_head_value(const crm_net *net, int head);
/** Check the graph and allocate the arena.  No layer may be added afterwards. */
CRM_CHECKED crm_net_finish(crm_net *net);

void crm_net_bind(crm_net *net, crm_value input, void *data);
/** Activations of a value, [max_rows][width]; after a forward pass its first n rows are valid. */
crm_tensor crm_net_tensor(const crm_net *net, crm_value v);
/** Probabilities of the first n rows of a head after a forward pass into proba [n][width of
 *  logits], device memory; for heads of numbers the predictions (Poisson: exp of z). */
CRM_CHECKED crm_net_proba(crm_net *net, int head, int64_t n, float *proba);

/** Sort sequences by length, longest first (ties in order), and lay their steps out time-major for
 *  crm_packed: for the sequences [0, n) of one lane with rows first[i] .. first[i + 1] in natural
 *  order, whose packed rows begin at `base`.
 *  @param[out] step_first  [longest + 1] for crm_packed.first; its last element is the end
 *  @param[out] packed_of   [rows of the lane] packed row of each row in natural order, or NULL
 *  @param      scratch     [n] and more: n + longest + 1 elements
 *  @return steps of the longest sequence.  Host memory; counting sort. */
int64_t crm_pack_sequences(int64_t n, const int64_t *first, int64_t base, int64_t *step_first,
                           int32_t *packed_of, int64_t *scratch);

CRM_CHECKED crm_net_forward(crm_net *net, const crm_pass *p);
/** Losses of all heads after a forward pass; loss[lane * heads + head] (host) = scale * sum of
 *  weight * loss over the lane; with p->grad also the gradients of the logits for backward.  loss
 *  NULL: they stay where they are, see crm_net_losses; nothing waits for the device then. */
CRM_CHECKED crm_net_loss(crm_net *net, const crm_pass *p, const crm_head_loss *heads, double *loss);
/** f64 [heads][lanes of the net], device memory: losses of the last crm_net_loss; element
 *  head * max_lanes + lane; those of lanes that it did not have keep their value (0 at first). */
crm_tensor crm_net_losses(const crm_net *net);
/** Gradients of all parameters into p->grad, after crm_net_loss of the same pass. */
CRM_CHECKED crm_net_backward(crm_net *net, const crm_pass *p);
/** Name of the first thing that is not finite after a pass: parameters ("parameter x.weight"), then
 *  inputs and outputs in forward order ("input of x", "output of x"), then gradients in backward
 *  order ("gradient at output of x", "gradient of x.weight"); "" when all is finite.  Allocates;
 * for the failing step only. */
CRM_CHECKED crm_net_find_nonfinite(crm_net *net, const crm_pass *p, char *name, size_t cap);
/** Bytes of the arena. */
size_t crm_net_bytes(const crm_net *net);
void crm_net_free(crm_net **net);
#endif
