/* model_impl.h - inside of room model: the model, the table of branches, ragged blocks. */
#ifndef CRM_MODEL_IMPL_H
#define CRM_MODEL_IMPL_H

#include "crmpi/model.h"

enum { MODEL_LIST_MAX = 16, MODEL_WIDTH_MAX = 65536, MODEL_DOMAINS_MAX = 6 };
#define MODEL_WIDE "wide" /* layer of the wide part */

typedef struct model_list {
    int n;
    int64_t item[MODEL_LIST_MAX];
} model_list;

/* Rows of one ragged block in the call in progress, and all memory that takes.  Parents are rows of
 * the domain above; host arrays are staging for the device arrays of the same name. */
typedef struct model_ragged {
    const char *what, *of; /* "events" of a "row", for messages                    */
    crm_domain domain;
    int64_t max_parents, longest, max_rows;
    bool packed;              /* laid out step by step for recurrent layers             */
    bool starts;              /* crm_rows.starts is needed                              */
    int64_t n, base;          /* rows of the call; number of the first in the batch's arrays */
    int64_t *lane_first;      /* [lanes + 1] host                  */
    int64_t *first, *d_first; /* [parents + 1] from 0              */
    crm_packed *pack;         /* [lanes] host                      */
    int64_t *step_first, *d_step_first;   /* [lanes][longest + 1]            */
    int64_t *scratch;                     /* host                            */
    int32_t *packed_of, *d_packed_of;     /* [rows] of rows in natural order   */
    int32_t *natural_of, *d_natural_of;   /* [rows] of packed rows            */
    int64_t *start_first, *d_start_first; /* [parents + 1]                  */
    int32_t *start_row, *d_start_row;     /* [parents]                      */
    int32_t *d_code;                      /* [rows] packed                  */
} model_ragged;

typedef struct model_head {
    char name[CRM_PARAM_NAME_MAX]; /* of its layer */
    crm_head_kind kind;
    bool documents;
    int n_classes;
    int64_t width; /* of its output */
    double weight, smooth;
} model_head;

struct crm_model {
    crm_model_cfg cfg; /* lists are not kept: see hidden, months, kernels */
    model_list hidden, months, kernels;
    crm_model_inputs in;
    int64_t *n_levels;
    int n_heads;
    model_head *head;
    bool only_documents; /* no head reads the fused vector: it is not built */
    bool only_wide;      /* nothing but sparse columns: heads read zeros    */
    crm_params *params;
    crm_net *net;
    crm_device *device;
    int64_t max_rows, max_lanes;
    crm_value num, cat, monthly, category, event_value, token; /* inputs, where their block is */
    crm_value sparse_id, sparse_value;
    crm_value fused;     /* what the heads read             */
    crm_value documents; /* vectors of documents            */
    crm_domain month_domain;
    int64_t *sample_lanes, *month_lanes; /* [lanes + 1] host */
    int64_t *d_month_first;              /* [max_rows + 1]   */
    model_ragged events, docs, tokens, entries;
    float *d_event_value; /* [events][numbers], packed */
    float *zeros;         /* [max_rows] device memory; of only_wide */
    crm_rows rows[MODEL_DOMAINS_MAX];
    uint64_t *seen;   /* bits of rows of a table, for crm_model_touched; all 0 between calls */
    bool training;    /* of the call in progress: dropout of words                */
    int32_t *d_words; /* [tokens] with those that dropout leaves; NULL: there is none */
    int32_t *staged;  /* tokens or sparse columns of a batch on the host                    */
    void *proba;      /* f32 of the largest head, device memory                   */
    float *host_proba;
    crm_head_loss *head_loss; /* [heads] of the call in progress */
    crm_pass pass;            /* of crm_model_bind               */
    char *key;                /* of crm_model_key                */
    size_t key_bytes, key_room;
};

/* A branch: is its block there, how many columns of the fused vector does it write, its layers (the
 * last writes out; MODEL_NEW: no fused vector is needed), and how a batch is bound to its inputs.
 */
typedef struct model_branch {
    const char *name;
    bool (*present)(const crm_model *m);
    int64_t (*width)(const crm_model *m);
    crm_status (*build)(crm_model *m, crm_value out);
    crm_status (*bind)(crm_model *m, const crm_model_batch *b);
} model_branch;
extern const model_branch model_branches[]; /* ends with name NULL */

bool model_months_present(const crm_model *m);
int64_t model_months_width(const crm_model *m);
crm_status model_months_build(crm_model *m, crm_value out);
crm_status model_months_bind(crm_model *m, const crm_model_batch *b);
bool model_profile_present(const crm_model *m);
int64_t model_profile_width(const crm_model *m);
crm_status model_profile_build(crm_model *m, crm_value out);
crm_status model_profile_bind(crm_model *m, const crm_model_batch *b);
bool model_events_present(const crm_model *m);
int64_t model_events_width(const crm_model *m);
crm_status model_events_build(crm_model *m, crm_value out);
crm_status model_events_bind(crm_model *m, const crm_model_batch *b);
bool model_text_present(const crm_model *m);
int64_t model_text_width(const crm_model *m);
crm_status model_text_build(crm_model *m, crm_value out);
crm_status model_text_bind(crm_model *m, const crm_model_batch *b);

/* The wide part is no branch: it joins behind the first head's layer.  *z = deep + wide. */
bool model_wide_present(const crm_model *m);
crm_status model_wide_add(crm_model *m, crm_value deep, crm_value *z);
crm_status model_wide_bind(crm_model *m, const crm_model_batch *b);

/* out of a layer that makes a value of its own */
enum { MODEL_NEW = -1 };
/* Dense layer "name": linear, activation, dropout, and with residual the sum with x where widths
 * agree.  *out: MODEL_NEW or the value to write; at return the value written. */
crm_status model_add_dense(crm_model *m, const char *name, crm_value x, int64_t width,
                           bool residual, crm_value *out);
/* Recurrent layers "name" over x; *h: states of the last one, both directions side by side. */
crm_status model_add_rnn(crm_model *m, const char *name, crm_rnn_kind kind, int64_t units,
                         int64_t layers, bool both, crm_value x, crm_value *h);
/* Pool x into y of the parent domain; prefix "e", "t" or "d" begins the names of its layers.  both:
 * the right half of x ran backward, so that its last state is that of the first step. */
crm_status model_add_pool(crm_model *m, const char *prefix, int kind, bool both, crm_value x,
                          crm_value y);
/* "a" and "b" joined by a dot; number >= 0 is added as a third part. */
crm_status model_name(char out[CRM_PARAM_NAME_MAX], const char *a, const char *b, int number);
/* Numbers 1..most of an option that is a list, at most max of them; CRM_ERR_CONFIG with the key. */
crm_status model_read_list(const char *key, const crm_opt_list *list, int max, int64_t most,
                           model_list *out);

crm_status model_heads_build(crm_model *m, const crm_model_head *heads);
crm_status model_heads_check(crm_model *m, const crm_model_head *heads);

/* Memory of a ragged block; what, domain, max_parents, longest, packed, starts are filled in. */
crm_status model_ragged_new(crm_model *m, model_ragged *r);
/* Take over which rows belong to which parent: first [n_parents + 1] host, parent_lanes
 * [lanes + 1].  Fills m->rows of the domain. */
crm_status model_ragged_bind(crm_model *m, model_ragged *r, const int64_t *first, int64_t n_parents,
                             const int64_t *parent_lanes, int64_t lanes);
/* d_code = codes of the rows (an array of the batch), packed; codes below `least` become -1. */
crm_status model_ragged_codes(crm_model *m, model_ragged *r, const int32_t *code, int32_t least);
/* The same of an array that begins with the first row of the call, which has rows. */
crm_status model_ragged_own_codes(crm_model *m, model_ragged *r, const int32_t *code,
                                  int32_t least);
void model_ragged_free(crm_model *m, model_ragged *r);
/* m->key of m->pass (model_key.c). */
crm_status model_key(crm_model *m, const crm_model_batch *b);
/* The batch bound to all inputs, and the pass that the net needs. */
crm_status model_bind(crm_model *m, const crm_model_batch *b, const float *w, bool training,
                      crm_pass *p);
#endif
