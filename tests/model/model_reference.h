/* model_reference.h - the hybrid net once more, row by row in double, straight from its definition:
 * the oracle of the tests of room model.  Also the fixture: a small batch with missing codes,
 * masked labels and two heads. */
#ifndef MODEL_REFERENCE_H
#define MODEL_REFERENCE_H

#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/model.h"

enum { NUM = 3, CAT = 2, HEADS = 2, ROWS = 8, WIDTH_MAX = 64 };

typedef struct fixture {
    crm_model_cfg cfg;
    const char *hidden[4];
    int64_t levels[CAT];
    crm_model_inputs in;
    crm_model_head head[HEADS];
    float class_weight[3];
    float num[ROWS * NUM];
    int32_t cat[ROWS * CAT], label[HEADS][ROWS];
    crm_model_label labels[HEADS];
    double scale[HEADS];
    int64_t row_id[ROWS];
    crm_model_batch batch; /* two lanes of four rows */
} fixture;

static inline void fill_rows(fixture *f)
{
    for (int r = 0; r < ROWS; r++) {
        for (int j = 0; j < NUM; j++)
            f->num[r * NUM + j] = (float)((r * 7 + j * 5) % 11 - 5) / 4;
        f->cat[r * CAT] = r % 6 - 1; /* -1 and 4: zeros */
        f->cat[r * CAT + 1] = r % 3 - 1;
        f->label[0][r] = r == 5 ? -1 : r % 3;
        f->label[1][r] = r == 2 ? -1 : (r / 2) % 2;
        f->row_id[r] = 100 + 3 * r;
    }
}

/* Two layers of six on an input of 3 + 2 + 1 columns, so that both may be residual. */
static inline void make_fixture(fixture *f)
{
    *f = (fixture){.cfg = {.activation = CRM_ACT_TANH, .residual = true, .fusion = 5},
                   .hidden = {"6", "6"},
                   .levels = {4, 1},
                   .head = {{.name = "mood", .n_classes = 3, .weight = 0.7},
                            {.name = "churn", .n_classes = 2, .weight = 1.5}},
                   .class_weight = {1, 2, 0.5f},
                   .scale = {0.25, 0.125}};
    f->cfg.hidden = (crm_opt_list){2, f->hidden};
    f->in = (crm_model_inputs){.n_num = NUM, .n_cat = CAT, .n_levels = f->levels};
    f->head[0].class_weight = f->class_weight;
    fill_rows(f);
    f->labels[0].class = f->label[0];
    f->labels[1].class = f->label[1];
    f->batch = (crm_model_batch){.lanes = 2,
                                 .lane_rows = ROWS / 2,
                                 .num = f->num,
                                 .cat = f->cat,
                                 .label = f->labels,
                                 .scale = f->scale,
                                 .row_id = f->row_id,
                                 .seed = 5,
                                 .epoch = 1};
}

/* Rows [first, first + lanes * rows) of the fixture as a batch. */
static inline crm_model_batch part_of(const fixture *f, int64_t first, int64_t lanes, int64_t rows,
                                      crm_model_label labels[HEADS])
{
    crm_model_batch b = f->batch;

    for (int h = 0; h < HEADS; h++)
        labels[h] = (crm_model_label){.class = f->label[h] + first};
    b.lanes = lanes;
    b.lane_rows = rows;
    b.num += first * NUM;
    b.cat += first * CAT;
    b.label = labels;
    b.row_id += first;
    return b;
}

/* ---- the net in double ---- */
typedef struct reference {
    const crm_params *ps;
    const fixture *f;
    const double *w;
} reference;

static inline const double *ref_param(const reference *r, const char *name, const char *suffix,
                                      const crm_param **p)
{
    char full[160];
    int i;

    snprintf(full, sizeof full, "%s%s", name, suffix);
    i = crm_params_find(r->ps, full);
    if (i < 0) {
        fprintf(stderr, "# no parameter '%s'\n", full);
        abort();
    }
    *p = crm_params_get(r->ps, i);
    return r->w + (*p)->offset;
}

static inline double ref_act(int act, double x)
{
    switch (act) {
    case CRM_ACT_RELU:
        return x > 0 ? x : 0;
    case CRM_ACT_TANH:
        return tanh(x);
    case CRM_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CRM_ACT_SILU:
        return x / (1 + exp(-x));
    case CRM_ACT_GELU: /* 0.7978845608028654 = sqrt(2 / pi) */
        return x / 2 * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    default:
        return x;
    }
}

/* Dense layer in place on x[*width]. */
static inline void ref_dense(const reference *r, const char *name, int act, bool residual,
                             double *x, int64_t *width)
{
    const crm_param *p, *q;
    const double *w = ref_param(r, name, ".weight", &p), *b = ref_param(r, name, ".bias", &q);
    double y[WIDTH_MAX];

    for (int64_t o = 0; o < p->dim[0]; o++) {
        y[o] = b[o];
        for (int64_t i = 0; i < *width; i++)
            y[o] += w[o * *width + i] * x[i];
        y[o] = ref_act(act, y[o]);
        if (residual && p->dim[0] == *width) y[o] += x[o];
    }
    *width = p->dim[0];
    memcpy(x, y, (size_t)*width * sizeof *x);
}

static inline int64_t ref_inputs(const reference *r, int64_t row, double *x)
{
    char name[64];
    int64_t n = 0;

    for (; n < r->f->in.n_num; n++)
        x[n] = (double)r->f->num[row * NUM + n];
    for (int64_t k = 0; k < r->f->in.n_cat; k++) {
        const crm_param *p;
        const double *w;
        int32_t code = r->f->cat[row * CAT + k];

        snprintf(name, sizeof name, "pemb.%d", (int)k);
        w = ref_param(r, name, ".weight", &p);
        for (int64_t e = 0; e < p->dim[1]; e++)
            x[n++] = code >= 0 && code < p->dim[0] ? w[code * p->dim[1] + e] : 0;
    }
    return n;
}

/* Logits of a head for one row; returns how many. */
static inline int64_t ref_logits(const reference *r, int64_t row, int head, double *x)
{
    int64_t width = ref_inputs(r, row, x);
    char name[64];

    for (int i = 0; i < r->f->cfg.hidden.n; i++) {
        snprintf(name, sizeof name, i ? "prof%d" : "prof", i + 1);
        ref_dense(r, name, r->f->cfg.activation, r->f->cfg.residual, x, &width);
    }
    if (r->f->cfg.fusion) ref_dense(r, "fus", r->f->cfg.activation, false, x, &width);
    snprintf(name, sizeof name, "heads.%s", r->f->head[head].name);
    ref_dense(r, name, CRM_ACT_NONE, false, x, &width);
    return width;
}

static inline void ref_proba(const reference *r, int64_t row, int head, double *p)
{
    double x[WIDTH_MAX], sum = 0;
    int64_t k = ref_logits(r, row, head, x);

    if (k == 1) {
        p[1] = 1 / (1 + exp(-x[0]));
        p[0] = 1 - p[1];
        return;
    }
    for (int64_t c = 0; c < k; c++)
        sum += p[c] = exp(x[c]);
    for (int64_t c = 0; c < k; c++)
        p[c] /= sum;
}

/* Loss of a head over rows [first, end). */
static inline double ref_loss(const reference *r, int head, int64_t first, int64_t end)
{
    const crm_model_head *h = &r->f->head[head];
    double p[8], sum = 0;

    for (int64_t row = first; row < end; row++) {
        int32_t y = r->f->label[head][row];

        if (y < 0) continue;
        ref_proba(r, row, head, p);
        sum -= log(p[y]) * (h->class_weight ? (double)h->class_weight[y] : 1);
    }
    return sum * h->weight * r->f->scale[head];
}
#endif
