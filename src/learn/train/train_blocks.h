/* train_blocks.h - between a data set and the branches of the net: what is fitted of the monthly
 * values, events and documents of the training view, and arrays of rows in the net's form.  Inside
 * of room train. */
#ifndef CRM_TRAIN_BLOCKS_H
#define CRM_TRAIN_BLOCKS_H

#include "crmpi/text.h"
#include "crmpi/train.h"

/* A list of texts of its own. */
typedef struct names {
    int64_t n;
    char **text;
} names;

/* y = (s(x) - mean) / sd, s(x) = sign(x) log(1 + |x|) or x; 0 for what is missing or does not vary.
 */
typedef struct scales {
    int64_t n;
    double *mean, *sd; /* sd 0: does not vary */
} scales;

/* Fitted on the training view; blocks that the config switches off or the data lack are empty. */
typedef struct blocks {
    const crm_model_cfg *model;
    const crm_text_cfg *text; /* of a fit; what was fitted goes by words->cfg */
    bool log_inputs;
    int64_t months; /* 0: no monthly block */
    bool events, documents;
    names channel, number, category;    /* category: those that occur in the training view */
    scales channel_scale, number_scale; /* of events; the time is the last number, when asked for */
    crm_text_fixed *words; /* options that the vocabulary was made with; NULL: no documents */
    crm_vocab *vocab;      /* of forms */
    int64_t sparse; /* sparse columns of the source that the wide part has; 0: no such part */
} blocks;

/* Where a data set has what blocks name. */
typedef struct blocks_map {
    const crm_data *data;
    crm_digest digest;
    const blocks *b;
    int32_t *channel, *number;                /* position in the data set                        */
    int32_t *category;                        /* code of the data set -> of the net, -1: none    */
    crm_forms *forms;                         /* of the dictionary                               */
    int32_t *word;                            /* form -> word of the net, 0: none                */
    int64_t max_events, max_docs, max_tokens; /* at least 1 where the block is there */
    int64_t max_sparse;                       /* likewise */
} blocks_map;

/* Learn from fit->train, with the sparse columns of in.  Collective over fit->comm. */
CRM_CHECKED crm_blocks_fit(blocks *b, const crm_hybrid_cfg *cfg, const crm_fit *fit,
                           const crm_source *in);
CRM_CHECKED crm_blocks_save(const blocks *b, crm_bag *bag);
/* CRM_ERR_FORMAT also when in has other sparse columns than the net was fitted on. */
CRM_CHECKED crm_blocks_load(blocks *b, const crm_hybrid_cfg *cfg, const crm_source *in,
                            crm_bag *bag);
void crm_blocks_free(blocks *b);
CRM_CHECKED crm_names_set(names *t, int64_t n, const char *const *text);
CRM_CHECKED crm_scales_new(scales *s, int64_t n);

/* CRM_ERR_FORMAT names the first block, channel or number that the data of in lack. */
CRM_CHECKED crm_blocks_map(const blocks *b, const crm_source *in, blocks_map *out);
void crm_blocks_map_free(blocks_map *m);
/* Shapes for crm_model_new. */
void crm_blocks_inputs(const blocks_map *m, crm_model_inputs *in);
/* Events and documents of a row that the net sees. */
void crm_blocks_events(const blocks_map *m, int64_t row, int64_t *first, int64_t *end);
void crm_blocks_documents(const blocks_map *m, int64_t row, int64_t *first, int64_t *end);

/* Arrays of the blocks for some rows: a lane, or a piece of a view that is evaluated. */
typedef struct block_rows {
    float *monthly;
    int64_t *event_first;
    int32_t *category;
    float *event_value;
    int64_t *doc_first, *token_first;
    int32_t *token;
    crm_sparse sparse; /* grows as it must; filled with the columns (train_columns.c) */
} block_rows;
CRM_CHECKED crm_block_rows_new(const blocks_map *m, int64_t rows, block_rows *out);
/* All but the sparse columns of row[n] of the data set; negative: padding.  Not collective,
 * thread-safe. */
void crm_block_rows_fill(const blocks_map *m, const int64_t *row, int64_t n, block_rows *out);
void crm_block_rows_free(block_rows *r);
/* Values x[rows][columns][inner] in their order, a piece at a time, with y = s(x). */
enum { CRM_VALUES = 256 };
typedef struct values {
    const float *x;         /* in: the first; then: of the piece */
    int64_t left;           /* in: values in all                 */
    int64_t columns, inner; /* in                                */
    int64_t n;              /* values of the piece               */
    int64_t row, column, k; /* place of the value at hand        */
    double y[CRM_VALUES];   /* means nothing where x is not finite */
} values;
/* The next piece; false after the last. */
bool crm_values_more(const blocks *b, values *v);
/* Go on to the place of the next value. */
static inline void crm_values_step(values *v)
{
    if (++v->k < v->inner) return;
    v->k = 0;
    if (++v->column < v->columns) return;
    v->column = 0;
    v->row++;
}

#endif
