/* hybrid_bench.h - a hybrid net with its weights and gradients, and the ways to build it that its
 * tests go through. */
#ifndef HYBRID_BENCH_H
#define HYBRID_BENCH_H

#include "hybrid_fixture.h"

enum { LANES = 4, STRIDE = 2048 };

typedef struct bench {
    crm_device *device;
    crm_model *m;
    float w[STRIDE], grad[LANES * STRIDE];
    double loss[LANES * H_HEADS];
} bench;

/* A way to build the net. */
typedef struct variant {
    const char *name;
    void (*change)(hybrid *h);
} variant;

/* Weights of the wide part begin at 0, where too much would look right. */
static inline void fill_wide(bench *b)
{
    const crm_params *ps = crm_model_params(b->m);
    int at = crm_params_find(ps, "wide.weight");
    const crm_param *p = at < 0 ? NULL : crm_params_get(ps, at);

    for (int64_t i = 0; p && i < p->n; i++) {
        T_CHECK(b->w[p->offset + i] == 0);
        b->w[p->offset + i] = h_number((int)i, 7) / 2;
    }
}

static inline bool open_bench(bench *b, const hybrid *h)
{
    *b = (bench){.device = b->device};
    if (!b->device) T_OK(crm_device_cpu(CRM_CPU_BEST, &b->device));
    if (!b->device) return false;
    T_OK(crm_model_new(&h->cfg, &h->in, h->head, h->n_heads, H_ROWS, LANES, b->device, &b->m));
    if (!b->m) return false;
    T_CHECK(crm_model_size(b->m) <= STRIDE);
    if (crm_model_size(b->m) > STRIDE) return false;
    crm_model_init(b->m, 11, b->w);
    fill_wide(b);
    return true;
}

static inline void close_bench(bench *b)
{
    crm_model_free(&b->m);
    crm_device_free(&b->device);
}

static inline void step(bench *b, const crm_model_batch *batch, float *grad, double *loss)
{
    memset(grad, 0, LANES * STRIDE * sizeof *grad);
    T_OK(crm_model_forward_backward(b->m, batch, b->w, grad, STRIDE, loss));
}

/* ---- ways to build it ---- */
static void plain(hybrid *h)
{
    (void)h;
}

static void wide(hybrid *h)
{
    h->cfg.wide_rate = 2.5;
    h->in.n_sparse = H_SPARSE;
    h->in.max_sparse = 4;
}

/* One logit, which belongs to two classes. */
static void wide_alone(hybrid *h)
{
    wide(h);
    h->in.months = h->in.n_num = h->in.n_cat = h->in.categories = h->in.numbers = h->in.words = 0;
    h->n_heads = 1;
    h->head[H_MOOD] = h->head[H_CHURN];
    h->labels[H_MOOD] = h->labels[H_CHURN];
    memcpy(h->label[H_MOOD], h->label[H_CHURN], sizeof h->label[H_CHURN]);
}

static void lstm_both(hybrid *h)
{
    h->cfg.rnn = CRM_MODEL_LSTM;
    h->cfg.rnn_both = true;
    h->cfg.text_length = 4; /* no padding behind the longest document */
    h->cfg.months_pool = CRM_MODEL_MEAN;
}

static void deep_gru(hybrid *h)
{
    h->cfg.rnn_both = true;
    h->cfg.rnn_layers = 2;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.text_pool = CRM_MODEL_LAST;
    h->cfg.documents_pool = CRM_DOCUMENTS_MEAN;
    h->cfg.residual = true;
}

static void attention(hybrid *h)
{
    h->cfg.rnn_pool = CRM_MODEL_ATTENTION;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.text_pool = CRM_MODEL_ATTENTION;
    h->cfg.documents_pool = CRM_DOCUMENTS_ATTENTION;
    h->cfg.months_pool = CRM_MODEL_LAST;
}

static void means(hybrid *h)
{
    h->cfg.rnn = CRM_MODEL_LSTM;
    h->cfg.rnn_layers = 2;
    h->cfg.rnn_pool = CRM_MODEL_MEAN;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.text_pool = CRM_MODEL_MEAN;
    h->cfg.months_kernel = 5;
    h->cfg.activation = CRM_ACT_SILU;
}

static void maxima(hybrid *h)
{
    h->cfg.rnn_pool = CRM_MODEL_MAX;
    h->cfg.rnn_both = true;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.months_kernel = 1;
    h->cfg.fusion = 0;
}

static void documents_only(hybrid *h)
{
    h->head[0] = h->head[H_TOPIC];
    memcpy(h->label[0], h->label[H_TOPIC], sizeof h->label[0]);
    h->n_heads = 1;
}

static void events_of_numbers(hybrid *h)
{
    h->in.categories = 0;
    h->in.months = 0;
    h->in.n_num = h->in.n_cat = 0;
    h->n_heads = H_TOPIC;
    h->in.words = 0;
}

static void events_of_categories(hybrid *h)
{
    h->in.numbers = 0;
    h->cfg.columns = CRM_COLUMNS_NONE;
    h->cfg.months.n = 0;
}

static void documents_and_months(hybrid *h)
{
    h->cfg.rnn = CRM_MODEL_NO_RNN;
    h->cfg.hidden.n = 0;
}

static const variant variants[] = {{"GRU, text CNN", plain},
                                   {"with a wide part", wide},
                                   {"LSTM in both directions", lstm_both},
                                   {"two layers of GRU in both directions, text GRU", deep_gru},
                                   {"attention everywhere", attention},
                                   {"means everywhere", means},
                                   {"maxima everywhere", maxima},
                                   {"events of numbers alone", events_of_numbers},
                                   {"events of categories, documents", events_of_categories},
                                   {"no recurrent net, no hidden layers", documents_and_months},
                                   {"a wide part alone", wide_alone},
                                   {"targets of documents alone", documents_only}};
enum { VARIANTS = sizeof variants / sizeof *variants };

static inline void make_variant(hybrid *h, int i)
{
    h_make(h);
    variants[i].change(h);
}
#endif
