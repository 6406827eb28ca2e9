/* hybrid_fixture.h - a small ragged batch for all branches of the hybrid net: rows without events,
 * documents or sparse columns, a document without tokens, missing categories, unknown words, masked
 * labels, heads of every kind. */
#ifndef HYBRID_FIXTURE_H
#define HYBRID_FIXTURE_H

#include "model_reference.h"

enum {
    H_ROWS = 8,
    H_MONTHS = 5,
    H_CHANNELS = 2,
    H_NUMBERS = 2,
    H_EVENTS = 15,
    H_DOCS = 9,
    H_TOKENS = 21,
    H_WORDS = 8,
    H_SPARSE = 70, /* sparse columns, and their entries */
    H_ENTRIES = 17,
    H_HEADS = 5,
    H_WIDTH = 64,
    H_STEPS = 8
};
/* Heads by number. */
enum { H_MOOD, H_CHURN, H_SPEND, H_VISITS, H_TOPIC };

typedef struct hybrid {
    crm_model_cfg cfg;
    const char *hidden[2], *months[2], *kernels[3];
    int64_t levels[1];
    crm_model_inputs in;
    crm_model_head head[H_HEADS];
    int n_heads;
    float class_weight[3];
    float num[H_ROWS * 2], monthly[H_ROWS * H_MONTHS * H_CHANNELS], value[H_EVENTS * H_NUMBERS];
    float sparse_value[H_ENTRIES];
    int32_t cat[H_ROWS], category[H_EVENTS], token[H_TOKENS], sparse_id[H_ENTRIES];
    int64_t event_first[H_ROWS + 1], doc_first[H_ROWS + 1], token_first[H_DOCS + 1];
    int64_t sparse_first[H_ROWS + 1];
    int64_t row_id[H_ROWS];
    int32_t label[H_HEADS][H_DOCS];
    float number[H_HEADS][H_ROWS * 2];
    crm_model_label labels[H_HEADS];
    double scale[H_HEADS];
    crm_model_batch batch; /* four lanes of two rows */
} hybrid;

/* -1 .. 1, without a pattern that a layer could undo. */
static inline float h_number(int i, int salt)
{
    return (float)((i * 37 + salt * 11 + i * i * 5) % 41 - 20) / 20;
}

static inline void h_fill_blocks(hybrid *h)
{
    static const int64_t events[] = {0, 3, 3, 7, 8, 8, 10, 13, 15};
    static const int64_t docs[] = {0, 2, 3, 3, 5, 5, 6, 8, 9};
    static const int64_t sparse[] = {0, 3, 7, 7, 8, 9, 13, 17, 17};
    static const int64_t tokens[] = {0, 4, 5, 8, 8, 12, 13, 17, 19, 21};

    memcpy(h->sparse_first, sparse, sizeof sparse);
    memcpy(h->event_first, events, sizeof events);
    memcpy(h->doc_first, docs, sizeof docs);
    memcpy(h->token_first, tokens, sizeof tokens);
    for (int i = 0; i < H_ROWS * 2; i++)
        h->num[i] = h_number(i, 1);
    for (int i = 0; i < H_ROWS * H_MONTHS * H_CHANNELS; i++)
        h->monthly[i] = h_number(i, 2);
    for (int i = 0; i < H_EVENTS * H_NUMBERS; i++)
        h->value[i] = h_number(i, 3);
    for (int i = 0; i < H_EVENTS; i++)
        h->category[i] = i * 7 % 4 - 1;
    for (int i = 0; i < H_ENTRIES; i++) {
        h->sparse_id[i] = i * 13 % 5 * 17 + i / 12; /* 0 .. 69, some of them again and again */
        h->sparse_value[i] = h_number(i, 6);
    }
    for (int i = 0; i < H_TOKENS; i++)
        h->token[i] = i * i % (H_WORDS + 1); /* 0: no word; 8: outside the table */
}

static inline void h_fill_rows(hybrid *h)
{
    for (int r = 0; r < H_ROWS; r++) {
        h->cat[r] = r % 4 - 1;
        h->row_id[r] = 40 + 7 * r;
        h->label[H_MOOD][r] = r == 5 ? -1 : r % 3;
        h->label[H_CHURN][r] = r == 2 ? -1 : (r / 2) % 2;
        h->number[H_SPEND][2 * r] = 3 * h_number(r, 4);
        h->number[H_SPEND][2 * r + 1] = r == 3 ? NAN : 3 * h_number(r, 5);
        h->number[H_VISITS][r] = r == 6 ? NAN : (float)(r % 4);
    }
    for (int i = 0; i < H_DOCS; i++)
        h->label[H_TOPIC][i] = i == 4 ? -1 : i * 2 % 3;
}

static inline void h_make(hybrid *h)
{
    *h = (hybrid){
        .cfg = {.activation = CRM_ACT_TANH,
                .fusion = 5,
                .months_kernel = 3,
                .rnn = CRM_MODEL_GRU,
                .rnn_units = 3,
                .rnn_layers = 1,
                .rnn_pool = CRM_MODEL_LAST,
                .event_dim = 2,
                .event_steps = 4,
                .text = CRM_TEXT_CNN,
                .text_dim = 3,
                .text_filters = 2,
                .text_length = 5,
                .documents = 2},
        .hidden = {"4", "3"},
        .months = {"3", "2"},
        .kernels = {"1", "2", "3"},
        .levels = {3},
        .head =
            {{.name = "mood", .n_classes = 3, .weight = 0.7},
             {.name = "churn", .n_classes = 2, .weight = 1.5},
             {.name = "spend", .kind = CRM_HEAD_HUBER, .n_classes = 2, .weight = 0.9, .delta = 0.8},
             {.name = "visits", .kind = CRM_HEAD_POISSON, .n_classes = 1, .weight = 1.1},
             {.name = "topic", .documents = true, .n_classes = 3, .weight = 0.6}},
        .n_heads = H_HEADS,
        .class_weight = {1, 2, 0.5f},
        .scale = {0.25, 0.125, 0.3, 0.2, 0.15}};
    h->cfg.hidden = (crm_opt_list){2, h->hidden};
    h->cfg.months = (crm_opt_list){2, h->months};
    h->cfg.text_kernels = (crm_opt_list){3, h->kernels};
    h->in = (crm_model_inputs){.n_num = 2,
                               .n_cat = 1,
                               .n_levels = h->levels,
                               .months = H_MONTHS,
                               .channels = H_CHANNELS,
                               .categories = 3,
                               .numbers = H_NUMBERS,
                               .words = H_WORDS,
                               .max_events = 4,
                               .max_docs = 2,
                               .max_tokens = 4};
    h->head[H_MOOD].class_weight = h->class_weight;
    h_fill_blocks(h);
    h_fill_rows(h);
    for (int k = 0; k < H_HEADS; k++)
        h->labels[k] = k == H_SPEND || k == H_VISITS ? (crm_model_label){.value = h->number[k]}
                                                     : (crm_model_label){.class = h->label[k]};
    h->batch = (crm_model_batch){.lanes = 4,
                                 .lane_rows = 2,
                                 .num = h->num,
                                 .cat = h->cat,
                                 .monthly = h->monthly,
                                 .event_first = h->event_first,
                                 .category = h->category,
                                 .event_value = h->value,
                                 .doc_first = h->doc_first,
                                 .token_first = h->token_first,
                                 .token = h->token,
                                 .sparse_first = h->sparse_first,
                                 .sparse_id = h->sparse_id,
                                 .sparse_value = h->sparse_value,
                                 .label = h->labels,
                                 .scale = h->scale,
                                 .row_id = h->row_id,
                                 .seed = 5,
                                 .epoch = 1};
}

/* Rows [first, first + lanes * rows) as a batch. */
static inline crm_model_batch h_part(const hybrid *h, int64_t first, int64_t lanes, int64_t rows,
                                     crm_model_label labels[H_HEADS])
{
    crm_model_batch b = h->batch;

    for (int k = 0; k < H_HEADS; k++) {
        int64_t width = k == H_SPEND ? 2 : 1;

        labels[k] = h->labels[k];
        if (labels[k].value) labels[k].value += first * width;
        if (labels[k].class) labels[k].class += k == H_TOPIC ? h->doc_first[first] : first;
    }
    b.lanes = lanes;
    b.lane_rows = rows;
    b.num += first * h->in.n_num;
    b.cat += first * h->in.n_cat;
    b.monthly += first * h->in.months * h->in.channels;
    b.event_first += first;
    b.doc_first += first;
    b.sparse_first += first;
    b.label = labels;
    b.row_id += first;
    return b;
}
#endif
