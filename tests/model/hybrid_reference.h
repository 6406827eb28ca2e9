/* hybrid_reference.h - all branches of the hybrid net once more, row by row in double, straight
 * from their definitions: the oracle of its tests. */
#ifndef HYBRID_REFERENCE_H
#define HYBRID_REFERENCE_H

#include "hybrid_fixture.h"

/* ---- the branches in double ---- */
typedef struct href {
    reference p; /* parameters; its fixture is not read */
    const hybrid *h;
} href;

typedef double h_rows[H_STEPS][H_WIDTH];

static inline double h_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static inline const double *h_param(const href *r, const char *name, const char *suffix)
{
    const crm_param *p;

    return ref_param(&r->p, name, suffix, &p);
}

/* y = [first or whole pool of n rows]; an empty set gives zeros. */
static inline void h_pool_plain(int kind, int n, int width, h_rows x, double *y)
{
    for (int j = 0; j < width; j++) {
        y[j] = n ? x[kind == CRM_MODEL_LAST ? n - 1 : 0][j] : 0;
        for (int i = 1; i < n && kind != CRM_MODEL_LAST; i++)
            y[j] = kind == CRM_MODEL_MEAN ? y[j] + x[i][j] : fmax(y[j], x[i][j]);
        if (kind == CRM_MODEL_MEAN && n) y[j] /= n;
    }
}

static inline void h_attention(const href *r, const char *prefix, int n, int width, h_rows x,
                               double *y)
{
    double score[H_STEPS], sum = 0, v[H_WIDTH];
    char att[32], name[32];

    snprintf(att, sizeof att, "%satt", prefix);
    snprintf(name, sizeof name, "%sscore", prefix);
    for (int i = 0; i < n; i++) {
        int64_t w = width;

        memcpy(v, x[i], sizeof v);
        ref_dense(&r->p, att, CRM_ACT_TANH, false, v, &w);
        ref_dense(&r->p, name, CRM_ACT_NONE, false, v, &w);
        sum += score[i] = exp(v[0]);
    }
    for (int j = 0; j < width; j++) {
        y[j] = 0;
        for (int i = 0; i < n; i++)
            y[j] += score[i] / sum * x[i][j];
    }
}

static inline void h_pool(const href *r, const char *prefix, int kind, bool both, int n, int width,
                          h_rows x, double *y)
{
    if (kind == CRM_MODEL_ATTENTION) {
        h_attention(r, prefix, n, width, x, y);
        return;
    }
    h_pool_plain(kind, n, width, x, y);
    for (int j = width / 2; both && kind == CRM_MODEL_LAST && n && j < width; j++)
        y[j] = x[0][j]; /* the reverse direction ends at the first step */
}

/* Sum of one gate: w[(gate H + u)][width] x + b. */
static inline double h_gate(const double *w, const double *b, int row, int width, const double *x)
{
    double s = b[row];

    for (int i = 0; i < width; i++)
        s += w[row * width + i] * x[i];
    return s;
}

/* One step: h and c of width H become those after x. */
static inline void h_step(const double *w[4], bool lstm, int in, int H, const double *x, double *h,
                          double *c)
{
    double a[4][H_WIDTH], b[4][H_WIDTH];

    for (int g = 0; g < (lstm ? 4 : 3); g++)
        for (int u = 0; u < H; u++) {
            a[g][u] = h_gate(w[0], w[2], g * H + u, in, x);
            b[g][u] = h_gate(w[1], w[3], g * H + u, H, h);
        }
    for (int u = 0; u < H; u++) {
        double first = h_sigmoid(a[0][u] + b[0][u]), second = h_sigmoid(a[1][u] + b[1][u]);

        if (lstm) { /* i, f, g, o */
            c[u] = second * c[u] + first * tanh(a[2][u] + b[2][u]);
            h[u] = h_sigmoid(a[3][u] + b[3][u]) * tanh(c[u]);
        } else { /* r, z, n */
            h[u] = (1 - second) * tanh(a[2][u] + first * b[2][u]) + second * h[u];
        }
    }
}

/* Layers over n rows in place; returns the width of the states. */
static inline int h_rnn(const href *r, const char *name, bool lstm, int layers, bool both, int H,
                        int n, int in, h_rows x)
{
    static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};

    for (int layer = 0; layer < layers; layer++) {
        h_rows y;

        for (int back = 0; back <= (int)both; back++) {
            double h[H_WIDTH] = {0}, c[H_WIDTH] = {0};
            const double *w[4];
            char suffix[64];

            for (int k = 0; k < 4; k++) {
                snprintf(suffix, sizeof suffix, ".%s_l%d%s", kinds[k], layer,
                         back ? "_reverse" : "");
                w[k] = h_param(r, name, suffix);
            }
            for (int s = 0; s < n; s++) {
                int t = back ? n - 1 - s : s;

                h_step(w, lstm, in, H, x[t], h, c);
                memcpy(&y[t][back * H], h, (size_t)H * sizeof *h);
            }
        }
        memcpy(x, y, sizeof y);
        in = both ? 2 * H : H;
    }
    return in;
}

static inline int h_months(const href *r, int row, double *out)
{
    int c = (int)r->h->in.channels, steps = (int)r->h->in.months, k = (int)r->h->cfg.months_kernel;
    h_rows x, y;
    char name[32];

    for (int t = 0; t < steps; t++)
        for (int j = 0; j < c; j++)
            x[t][j] = (double)r->h->monthly[(row * steps + t) * c + j];
    for (int i = 0; i < r->h->cfg.months.n; i++) {
        int o = atoi(r->h->months[i]);
        const double *w, *b;

        snprintf(name, sizeof name, "mconv%d", i + 1);
        w = h_param(r, name, ".weight");
        b = h_param(r, name, ".bias");
        for (int t = 0; t < steps; t++)
            for (int f = 0; f < o; f++) {
                double s = b[f];

                for (int j = 0; j < c; j++)
                    for (int tap = 0; tap < k; tap++) {
                        int at = t + tap - k / 2;

                        if (at >= 0 && at < steps) s += w[(f * c + j) * k + tap] * x[at][j];
                    }
                y[t][f] = s > 0 ? s : 0;
            }
        memcpy(x, y, sizeof y);
        c = o;
    }
    h_pool_plain(r->h->cfg.months_pool, steps, c, x, out);
    return c;
}

static inline int h_profile(const href *r, int row, double *x)
{
    int64_t n = 0;

    for (; n < r->h->in.n_num; n++)
        x[n] = (double)r->h->num[row * r->h->in.n_num + n];
    if (r->h->in.n_cat) {
        const crm_param *p;
        const double *w = ref_param(&r->p, "pemb.0", ".weight", &p);
        int32_t code = r->h->cat[row];

        for (int64_t e = 0; e < p->dim[1]; e++)
            x[n++] = code >= 0 && code < p->dim[0] ? w[code * p->dim[1] + e] : 0;
    }
    for (int i = 0; i < r->h->cfg.hidden.n; i++)
        ref_dense(&r->p, i ? "prof2" : "prof", r->h->cfg.activation, r->h->cfg.residual, x, &n);
    return (int)n;
}

static inline int h_events(const href *r, int row, double *out)
{
    const crm_model_cfg *cfg = &r->h->cfg;
    bool lstm = cfg->rnn == CRM_MODEL_LSTM;
    int first = (int)r->h->event_first[row], n = (int)r->h->event_first[row + 1] - first;
    int q = (int)r->h->in.numbers, e = r->h->in.categories ? (int)cfg->event_dim : 0, width;
    const double *table = e ? h_param(r, "cemb", ".weight") : NULL;
    h_rows x = {{0}};

    for (int i = 0; i < n; i++) {
        int32_t code = r->h->category[first + i];

        for (int j = 0; j < e; j++)
            x[i][j] = code >= 0 ? table[code * e + j] : 0;
        for (int j = 0; j < q; j++)
            x[i][e + j] = (double)r->h->value[(first + i) * q + j];
    }
    width = h_rnn(r, lstm ? "lstm" : "gru", lstm, (int)cfg->rnn_layers, cfg->rnn_both,
                  (int)cfg->rnn_units, n, e + q, x);
    h_pool(r, "e", cfg->rnn_pool, cfg->rnn_both, n, width, x, out);
    return width;
}

/* The document padded with zero vectors to text_length tokens; largest sum at any position. */
static inline int h_text_cnn(const href *r, h_rows x, double *out)
{
    int dim = (int)r->h->cfg.text_dim, filters = (int)r->h->cfg.text_filters;
    int length = (int)r->h->cfg.text_length, n = 0;
    char name[32];

    for (int i = 0; i < r->h->cfg.text_kernels.n; i++) {
        int k = atoi(r->h->kernels[i]);
        const double *w, *b;

        snprintf(name, sizeof name, "tconv%d", k);
        w = h_param(r, name, ".weight");
        b = h_param(r, name, ".bias");
        for (int f = 0; f < filters; f++, n++) {
            out[n] = 0; /* ReLU */
            for (int at = 0; at + k <= length; at++) {
                double s = b[f];

                for (int tap = 0; tap < k; tap++)
                    for (int c = 0; c < dim; c++)
                        s += w[(f * dim + c) * k + tap] * x[at + tap][c];
                out[n] = fmax(out[n], s);
            }
        }
    }
    return n;
}

static inline int h_document(const href *r, int64_t doc, double *out)
{
    int64_t first = r->h->token_first[doc];
    int n = (int)(r->h->token_first[doc + 1] - first), dim = (int)r->h->cfg.text_dim, width;
    const double *table = h_param(r, "temb", ".weight");
    h_rows x = {{0}};

    for (int i = 0; i < n; i++) {
        int32_t t = r->h->token[first + i];

        for (int c = 0; c < dim && t > 0 && t < r->h->in.words; c++)
            x[i][c] = table[t * dim + c];
    }
    if (r->h->cfg.text == CRM_TEXT_CNN) return h_text_cnn(r, x, out);
    width = h_rnn(r, "tgru", false, 1, true, (int)r->h->cfg.text_filters, n, dim, x);
    h_pool(r, "t", r->h->cfg.text_pool, true, n, width, x, out);
    return width;
}

static inline int h_text(const href *r, int row, double *out)
{
    static const int documents[] = {CRM_MODEL_MAX, CRM_MODEL_MEAN, CRM_MODEL_ATTENTION};
    int64_t first = r->h->doc_first[row], n = r->h->doc_first[row + 1] - first;
    h_rows x;
    int width = h_document(r, 0, x[0]);

    for (int64_t i = 0; i < n; i++)
        h_document(r, first + i, x[i]);
    h_pool(r, "d", documents[r->h->cfg.documents_pool], false, (int)n, width, x, out);
    return width;
}

static inline int64_t h_fused(const href *r, int row, double *x)
{
    const crm_model_inputs *in = &r->h->in;
    const crm_model_cfg *cfg = &r->h->cfg;
    int64_t n = 0;

    if (in->months && cfg->months.n) n += h_months(r, row, x + n);
    if ((in->n_num || in->n_cat) && cfg->columns != CRM_COLUMNS_NONE) n += h_profile(r, row, x + n);
    if ((in->categories || in->numbers) && cfg->rnn) n += h_events(r, row, x + n);
    if (in->words && cfg->text) n += h_text(r, row, x + n);
    if (n == 0) { /* heads of a wide part alone */
        x[0] = 0;
        return 1;
    }
    if (cfg->fusion) ref_dense(&r->p, "fus", cfg->activation, false, x, &n);
    return n;
}

/* z[n] += the linear model on the sparse columns of a row. */
static inline void h_wide(const href *r, int64_t row, int64_t n, double *z)
{
    const double *w = h_param(r, "wide", ".weight");

    for (int64_t i = r->h->sparse_first[row]; i < r->h->sparse_first[row + 1]; i++)
        for (int64_t c = 0; c < n; c++)
            z[c] +=
                r->h->cfg.wide_rate * (double)r->h->sparse_value[i] * w[r->h->sparse_id[i] * n + c];
}

/* Outputs of head k for a row (a document); returns how many. */
static inline int64_t h_output(const href *r, int64_t row, int k, double *z)
{
    const crm_model_head *head = &r->h->head[k];
    char name[64];
    int64_t n = head->documents ? h_document(r, row, z) : h_fused(r, (int)row, z);

    snprintf(name, sizeof name, "heads.%s", head->name);
    ref_dense(&r->p, name, CRM_ACT_NONE, false, z, &n);
    if (k == 0 && r->h->in.n_sparse && r->h->cfg.wide_rate > 0) h_wide(r, row, n, z);
    return n;
}

static inline double h_huber(double z, double y, double delta)
{
    double a = fabs(z - y);

    return a <= delta ? a * a / 2 : delta * (a - delta / 2);
}

static inline double h_row_loss(const href *r, int64_t row, int k)
{
    const crm_model_head *head = &r->h->head[k];
    double z[H_WIDTH], sum = 0;
    int64_t n = h_output(r, row, k, z);
    int32_t y = r->h->label[k][row];

    if (head->kind == CRM_HEAD_CLASSES) {
        if (y < 0) return 0;
        if (n == 1) return log(1 + exp(y ? -z[0] : z[0]));
        for (int64_t c = 0; c < n; c++)
            sum += exp(z[c]);
        return (log(sum) - z[y]) * (head->class_weight ? (double)head->class_weight[y] : 1);
    }
    for (int64_t c = 0; c < n; c++) {
        double v = (double)r->h->number[k][row * n + c];

        if (isnan(v)) continue;
        sum += head->kind == CRM_HEAD_HUBER ? h_huber(z[c], v, head->delta) : exp(z[c]) - v * z[c];
    }
    return sum;
}

/* Loss of head k over the rows [first, end) of samples. */
static inline double h_loss(const href *r, int k, int64_t first, int64_t end)
{
    const crm_model_head *head = &r->h->head[k];
    double sum = 0;

    if (head->documents) {
        first = r->h->doc_first[first];
        end = r->h->doc_first[end];
    }
    for (int64_t row = first; row < end; row++)
        sum += h_row_loss(r, row, k);
    return sum * head->weight * r->h->scale[k];
}
#endif
