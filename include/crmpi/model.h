/* model.h - the hybrid net from a config: branches -> fusion -> heads (room model).
 *
 *     months    [n][M][C]        -> conv, conv ... -> pool over months             --\
 *     profile   [n][F], [n][K]   -> embeddings -> dense layers                     --+
 *     events    ragged           -> embedding, numbers -> GRU or LSTM -> pool       -+-> fused
 * vector documents ragged, ragged   -> embedding -> CNN or GRU -> pool over documents  -/   ->
 * fusion
 *                                                                                        -> heads
 *
 *     sparse    ragged           -> wide part: a linear model, added to what the first head gives
 *
 * Each branch writes its columns of the fused vector; the list of branches is a table; a branch is
 * there when its block is there and its option does not switch it off.  Heads read the fusion (or,
 * those of documents, the vector of each document).  A model is a graph and an arena for one worker
 * thread and one device handle; parameters are passed in, so that all workers of a process share
 * one flat vector.  Every instance made from equal arguments has the same parameters at the same
 * offsets.  Nothing here is collective. */
#ifndef CRM_MODEL_H
#define CRM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/device.h"
#include "crmpi/nn.h"
#include "crmpi/opt.h"

typedef enum crm_model_text {
    CRM_TEXT_NONE,
    CRM_TEXT_CNN,
    CRM_TEXT_GRU,
    CRM_TEXT_COUNT
} crm_model_text;
typedef enum crm_model_rnn { CRM_MODEL_NO_RNN, CRM_MODEL_GRU, CRM_MODEL_LSTM } crm_model_rnn;
typedef enum crm_model_pool {
    CRM_MODEL_MAX,
    CRM_MODEL_MEAN,
    CRM_MODEL_LAST,
    CRM_MODEL_ATTENTION
} crm_model_pool;
typedef enum crm_model_documents_pool {
    CRM_DOCUMENTS_MAX,
    CRM_DOCUMENTS_MEAN,
    CRM_DOCUMENTS_ATTENTION
} crm_model_documents_pool;
typedef enum crm_model_columns {
    CRM_COLUMNS_FLAT, /* the flat view: what classical models see */
    CRM_COLUMNS_OWN,  /* the columns of the profile block only    */
    CRM_COLUMNS_NONE
} crm_model_columns;

typedef struct crm_model_cfg {
    int columns;           /* crm_model_columns: what the profile branch reads           */
    int64_t embed_dim;     /* of a categorical column; 0: min(16, (levels + 1) / 2)      */
    crm_opt_list hidden;   /* widths of the dense layers of the profile branch            */
    int activation;        /* crm_act                                                     */
    double dropout;        /* after each hidden layer and after fusion                    */
    double embed_dropout;  /* on the profile branch's input: numbers and embeddings      */
    double branch_dropout; /* on the fused vector                                        */
    bool residual;         /* hidden layers of equal width add their input                */
    int64_t fusion;        /* width of the layer on the fused vector; 0: none             */
    crm_opt_list months;   /* channels of the convolutions over months; empty: no branch  */
    int64_t months_kernel;
    int months_pool; /* crm_model_pool without attention                            */
    int rnn;         /* crm_model_rnn                                               */
    int64_t rnn_units, rnn_layers;
    bool rnn_both;        /* both directions: units of each                              */
    int rnn_pool;         /* crm_model_pool                                              */
    int64_t event_dim;    /* width of the embedding of the category of an event          */
    int64_t event_steps;  /* the last so many events of a customer are seen              */
    bool event_time;      /* the time before the end of the window is one more number    */
    int text;             /* crm_model_text                                              */
    int64_t text_dim;     /* width of a word vector                                      */
    int64_t text_filters; /* of each kernel; units of the GRU, each direction            */
    crm_opt_list text_kernels;
    double text_dropout; /* part of the tokens that a pass does not see in training           */
    const char *text_vectors; /* first word vectors: "none" (NULL), "fold" or a file; they are the
                                 caller's to make                                          */
    double text_spread;       /* root mean square of their elements; 0: as they come       */
    bool text_frozen;         /* word vectors are not learnt                               */
    bool text_transductive;   /* "fold" learns from the texts of all rows                  */
    int text_pool;            /* crm_model_pool: over tokens, of the GRU (CNN: maximum)      */
    int64_t text_length;      /* the first so many tokens of a document are seen             */
    int64_t documents;        /* the last so many documents of a customer are seen           */
    int documents_pool;       /* crm_model_documents_pool                                    */
    double wide_rate;         /* learning rate of the wide part as a multiple of that of the
                                 rest; 0: no wide part                                       */
    crm_opt_list heads;       /* further targets to learn: "name", "name:weight",
                                 "name:weight:loss" (loss: huber or poisson, for numbers)    */
} crm_model_cfg;
extern const crm_opt crm_model_opts[];
/** Lists hold integers in their ranges, at most 16 of them (text_kernels: 8, distinct, none wider
 *  than text_length); options fit each other; items of heads can be read.  What a branch that is
 *  switched off does not read is not looked at.  CRM_ERR_CONFIG with "key: value 'x', what to do"
 *  or "key: what to do". */
CRM_CHECKED crm_model_cfg_check(const crm_model_cfg *cfg);

/** Name of the table of word vectors, [words][text_dim]. */
#define CRM_MODEL_WORDS "temb.weight"

enum { CRM_MODEL_HEADS_MAX = 32, CRM_MODEL_HEAD_NAME_MAX = 64 };
/** One item of cfg->heads. */
typedef struct crm_model_target {
    char name[CRM_MODEL_HEAD_NAME_MAX];
    double weight; /* 1e-6..1e6; 1 when not given                                       */
    int kind;      /* CRM_HEAD_HUBER or CRM_HEAD_POISSON as asked for, -1 when not given */
} crm_model_target;
/** Split the items "name", "name:weight", "name:weight:loss" of cfg->heads into out[0 .. *n).
 *  CRM_ERR_CONFIG: more than CRM_MODEL_HEADS_MAX, an empty or too long name, the same name twice, a
 *  weight that is no number from 1e-6 to 1e6, an unknown loss. */
CRM_CHECKED crm_model_parse_heads(const crm_model_cfg *cfg,
                                  crm_model_target out[CRM_MODEL_HEADS_MAX], int *n);

/** What a sample consists of.  Absent blocks are 0.  The caller has cut events, documents and
 *  tokens to the most that are named here; max_tokens is not above cfg->text_length. */
typedef struct crm_model_inputs {
    int64_t n_num, n_cat;
    const int64_t *n_levels;      /* [n_cat]                                                     */
    int64_t months, channels;     /* monthly block                                               */
    int64_t categories, numbers;  /* events: codes and numbers of each (the time is one of them) */
    int64_t words;                /* documents: rows of the word table, row 0 is "no word"       */
    int64_t max_events;           /* most events of one sample in a batch                        */
    int64_t max_docs, max_tokens; /* most documents of one sample, most tokens of one document   */
    int64_t n_sparse, max_sparse; /* sparse columns, most entries of one sample                  */
} crm_model_inputs;

typedef struct crm_model_head {
    const char *name;
    crm_head_kind kind;
    bool documents;            /* a row for each document, not for each sample                   */
    int n_classes;             /* 2: one logit, binary cross-entropy; more: as many logits;
                                  heads of numbers: how many                                     */
    double weight;             /* of its loss in the sum                                         */
    const float *class_weight; /* [n_classes] or NULL; host, copied                              */
    double delta;              /* of Huber                                                       */
    double smooth;             /* of labels of classes in training, 0..0.5 (crm_loss.smooth)     */
} crm_model_head;

/** Labels of one head for the rows of a batch: one of the two is given. */
typedef struct crm_model_label {
    const int32_t *class; /* [rows]; -1: none                */
    const float *value;   /* [rows][n_classes]; NaN: none    */
} crm_model_label;

/** Rows of one call: n = lanes * lane_rows; row r belongs to lane r / lane_rows.  Arrays are device
 *  memory (host memory on the CPU); scale and the first-arrays are host memory.  Padding rows have
 *  label -1, codes -1, zeros, no events and no documents.  First-arrays need not begin with 0, so
 *  that a part of a larger batch is named by moving them: events are category[event_first[r]] ...
 *  in any case.  Labels begin with the first row (of heads of documents: first document) of the
 *  call. */
typedef struct crm_model_batch {
    int64_t lanes, lane_rows;
    const float *num;           /* [n][n_num], scaled, no NaN                                     */
    const int32_t *cat;         /* [n][n_cat], -1: missing                                        */
    const float *monthly;       /* [n][months][channels], scaled, no NaN                          */
    const int64_t *event_first; /* [n + 1] events of each row, oldest first                       */
    const int32_t *category;    /* [events], -1: missing                                          */
    const float *event_value;   /* [events][numbers], scaled, no NaN                              */
    const int64_t *doc_first;   /* [n + 1] documents of each row, oldest first                    */
    const int64_t *token_first; /* [documents + 1]                                                */
    const int32_t *token;       /* [tokens] words, 0: none                                        */
    const int64_t *sparse_first;  /* [n + 1] host: entries of each row in its sparse columns      */
    const int32_t *sparse_id;     /* [entries] columns, 0 <= id < n_sparse                        */
    const float *sparse_value;    /* [entries]                                                    */
    const crm_model_label *label; /* [heads]; NULL for predict                                    */
    const double *scale;    /* [heads] 1 / (sum of weights of valid labels, GLOBAL batch)     */
    const double *scale_at; /* [heads] device memory: head weight * scale, in place of scale;
                               NULL: scale                                                   */
    const int64_t *row_id;  /* [n]; dropout only                                              */
    uint64_t seed;          /* dropout only                                                   */
    uint32_t epoch;         /* dropout only                                                   */
} crm_model_batch;

typedef struct crm_model crm_model;
/** @param[in] cfg, in, heads  copied, not kept
 *  @param[in] max_rows        most rows of one call (lanes * lane_rows)
 *  @param[in] max_lanes       most lanes of one call (1 on a CPU worker)
 *  @param[in] d               borrowed
 *  @return CRM_ERR_CONFIG for a bad option value or when there is no input at all. */
CRM_CHECKED crm_model_new(const crm_model_cfg *cfg, const crm_model_inputs *in,
                          const crm_model_head *heads, int n_heads, int64_t max_rows,
                          int64_t max_lanes, crm_device *d, crm_model **out);
/** Names, shapes, offsets, decay flags.  crm_params_size is the length of weights and gradients. */
const crm_params *crm_model_params(const crm_model *m);
/** Bytes of the arena of activations and gradients. */
size_t crm_model_bytes(const crm_model *m);
/** Elements of the flat vector = crm_params_size(crm_model_params(m)). */
int64_t crm_model_size(const crm_model *m);
/** Numbers that are learnt (without gaps), for display. */
int64_t crm_model_n_params(const crm_model *m);
/** Initial weights into w[size], host memory. */
void crm_model_init(const crm_model *m, uint64_t seed, float *w);

/** Forward and backward with dropout.
 *  @param[in]  w     [size] device memory
 *  @param[out] grad  gradient of lane l at grad + l * stride, zeroed by the caller, device memory
 *  @param[out] loss  [lanes][heads] host: head weight * scale * sum over the lane; their sum over
 *                    all lanes of the global batch and all heads is the loss of the step
 *  Not finite values are no error here: see crm_model_find_nonfinite. */
CRM_CHECKED crm_model_forward_backward(crm_model *m, const crm_model_batch *b, const float *w,
                                       float *grad, int64_t stride, double *loss);
/** The same in parts, for a device that runs steps as captured graphs (crm_graph_begin).  bind
 * takes over the batch: uploads where its rows stand and orders them; b's arrays must stay until
 * the device is done.  run enqueues forward pass, losses and backward pass, and neither copies nor
 *  waits; ready as crm_pass.ready, or NULL.  key: all bytes on which the work of run depends beside
 *  what is in device memory; valid until the next bind.  losses: crm_net_losses. */
CRM_CHECKED crm_model_bind(crm_model *m, const crm_model_batch *b, const float *w, float *grad,
                           int64_t stride);
const void *crm_model_key(const crm_model *m, size_t *bytes);
CRM_CHECKED crm_model_run(crm_model *m, crm_status (*ready)(void *ctx, int64_t upto), void *ctx);
crm_tensor crm_model_losses(const crm_model *m);
/** Loss as above, without dropout and gradients (validation); proba as in crm_model_predict, of the
 *  same forward pass, or NULL. */
CRM_CHECKED crm_model_loss(crm_model *m, const crm_model_batch *b, const float *w, double *loss,
                           double *const *proba);
/** proba[head] = [n][n_classes] f64 on the host (caller's); a head of 2 classes has 1 - p and p,
 * one of numbers its predictions (Poisson: rates), one of documents a row for each document; NULL:
 * not wanted.  A row's result does not depend on the other rows.  label and scale are not used. */
CRM_CHECKED crm_model_predict(crm_model *m, const crm_model_batch *b, const float *w,
                              double *const *proba);
/** What a head gives before its link function, out [rows][width] on the host: one logit for two
 *  classes, else one for each; heads of numbers as in crm_net_head_of. */
CRM_CHECKED crm_model_logits(crm_model *m, const crm_model_batch *b, const float *w, int head,
                             float *out);
/** Elements from here on are tables of which a batch touches few rows. */
int64_t crm_model_tables(const crm_model *m);
/** Tell which elements of the gradient of tables a batch can touch: note(ctx, first, n) for ranges
 *  of the flat vector: whole tables of categories, rows of the words and of the sparse columns that
 *  occur; a range is named once. */
void crm_model_touched(const crm_model *m, const crm_model_batch *b,
                       void (*note)(void *ctx, int64_t first, int64_t n), void *ctx);
/** Width of the vector that the heads see, and that vector itself: out [n][width], host.  0 and
 *  CRM_ERR_ARG where all heads are of documents, or there is nothing but a wide part. */
int64_t crm_model_fused_width(const crm_model *m);
CRM_CHECKED crm_model_fused(crm_model *m, const crm_model_batch *b, const float *w, float *out);
/** Repeat a failing step and name the first thing that is not finite ("output of prof", see
 *  crm_net_find_nonfinite; else "loss of heads.churn"); "" when all is finite.  grad as in
 * forward_backward (zeroed; scratch).
 */
CRM_CHECKED crm_model_find_nonfinite(crm_model *m, const crm_model_batch *b, const float *w,
                                     float *grad, int64_t stride, char *name, size_t cap);
void crm_model_free(crm_model **m);
#endif
