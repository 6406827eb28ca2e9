/* device_cpu_text.c - text convolutions on the CPU: distinct tokens of pieces of the batch, memory,
 * lanes.  The arithmetic is in cpu/cpu_text.inc.h.
 *
 * Forward works on pieces of the batch, as many documents as keep the vectors and products of their
 * distinct tokens within the second-level cache.  A token's products are the same wherever it
 * stands, so pieces and sharing cannot change a result. */
#include <string.h>

#include "crmpi/base_rng.h"

#include "device_cpu_impl.h"

/* Floats of vectors and products of a piece: what the cache holds; and where a row has served at
 * least SHARED tokens, so much more that sharing outweighs the cache. */
enum { PIECE = 448 * 1024, PIECE_SHARED = 2048 * 1024, SHARED = 2 };

/* The row that stands for a token in the piece of this stamp. */
typedef struct seen {
    int32_t stamp, row;
} seen;

/* Documents of a batch and the rows of their tokens: those of document d begin at row[place[d]] and
 * are followed by `gap` rows of nothing. */
typedef struct docs {
    int64_t gap, tokens, longest;
    int64_t *place;
    int32_t *row;
} docs;

void crm_cpu_text_share(crm_device *d, bool share)
{
    ((cpu_state *)d->state)->text_apart = !share;
}

static int64_t widest(const crm_text_conv *p)
{
    int64_t w = 0;

    for (int k = 0; k < p->n_kernels; k++)
        if (p->kernel[k] > w) w = p->kernel[k];
    return w;
}

/* What only the device can look at. */
static crm_status check_docs(const crm_text_conv *p, docs *d)
{
    int64_t n = p->n_docs, most = 0;

    CRM_CHECK(n == 0 || p->first[0] == 0, CRM_ERR_ARG, "tokens of document 0 begin at %lld, not 0",
              (long long)p->first[0]);
    for (int64_t i = 0; i < n; i++) {
        int64_t tokens = p->first[i + 1] - p->first[i];

        CRM_CHECK(tokens >= 0 && tokens <= p->length, CRM_ERR_ARG,
                  "document %lld has %lld tokens, 0 to %lld are allowed", (long long)i,
                  (long long)tokens, (long long)p->length);
        if (tokens > most) most = tokens;
    }
    d->gap = widest(p);
    d->longest = most;
    d->tokens = n ? p->first[n] : 0;
    CRM_CHECK(p->token != NULL || d->tokens == 0, CRM_ERR_ARG, "text convolution without tokens");
    return CRM_OK;
}

static crm_status open_docs(cpu_state *s, const crm_text_conv *p, docs *d)
{
    CRM_TRY(check_docs(p, d));
    CPU_SCRATCH(s, CPU_TEXT_PLACE, d->place, p->n_docs);
    CPU_SCRATCH(s, CPU_TEXT_ROW, d->row, d->tokens + p->n_docs * d->gap);
    return CRM_OK;
}

static bool in_table(int32_t token, const crm_tensor *table)
{
    return token > 0 && token < table->dim[0];
}

/* ---- words that are left out ---- */

crm_status crm_cpu_drop_words(void *state, const crm_dropout *p, const crm_doc_tokens *of,
                              const crm_tensor *x, crm_tensor *y)
{
    const int32_t *from = x->data;
    int32_t *to = y->data;
    uint32_t below = crm_cpu_dropout_below(p->rate);

    (void)state;
    for (int64_t r = 0; r < of->n; r++)
        for (int64_t d = of->first[r]; d < of->first[r + 1]; d++) {
            int64_t at = (d - of->first[r]) * of->length, first = of->token_first[d];

            for (int64_t i = first; i < of->token_first[d + 1]; i++) {
                uint32_t word = crm_rng_element(p->seed, CRM_RNG_WORDS, p->epoch,
                                                (uint64_t)p->row_id[r], (uint32_t)(at + i - first));

                to[i] = word < below ? 0 : from[i];
            }
        }
    return CRM_OK;
}

/* ---- forward ---- */

/* The pieces of a batch. */
typedef struct pieces {
    const crm_text_conv *p;
    const crm_tensor *table;
    docs d;
    seen *map; /* [v], NULL: each position is a row of its own */
    int32_t *stamp;
    float *x, *part;                /* [rows][e], [rows][widest kernel][lanes] */
    int64_t rows, full, most, used; /* rows now, those that fill the cache, and memory holds */
} pieces;

static int32_t new_row(pieces *s, int32_t token)
{
    int64_t e = s->table->dim[1];

    memcpy(s->x + s->rows * e, row(s->table, token), row_bytes(s->table));
    return (int32_t)s->rows++;
}

static int32_t row_of(pieces *s, int32_t token)
{
    seen *at;

    if (!in_table(token, s->table)) return 0;
    if (!s->map) return new_row(s, token);
    at = s->map + token;
    if (at->stamp != *s->stamp) *at = (seen){*s->stamp, new_row(s, token)};
    return at->row;
}

static void add_doc(pieces *s, int64_t doc)
{
    const int32_t *token = s->p->token + s->p->first[doc];
    int64_t n = s->p->first[doc + 1] - s->p->first[doc];
    int32_t *to = s->d.row + s->used;

    s->d.place[doc] = s->used;
    for (int64_t i = 0; i < n; i++)
        to[i] = row_of(s, token[i]);
    memset(to + n, 0, (size_t)s->d.gap * sizeof *to);
    s->used += n + s->d.gap;
}

static void next_stamp(pieces *s)
{
    if (s->map && ++*s->stamp == INT32_MAX) {
        memset(s->map, 0, (size_t)s->table->dim[0] * sizeof *s->map);
        *s->stamp = 1;
    }
}

/* Whether a document joins the piece that begins at `begin`. */
static bool joins(const pieces *s, int64_t begin, int64_t doc)
{
    const int64_t *first = s->p->first;
    int64_t n = first[doc + 1] - first[doc], tokens = first[doc] - first[begin];

    return s->rows + n <= (tokens >= SHARED * s->rows ? s->most : s->full);
}

/* Documents from doc on until the rows are full; the first behind them. */
static int64_t next_piece(pieces *s, int64_t doc)
{
    int64_t begin = doc;

    next_stamp(s);
    s->rows = 1;
    s->used = 0;
    do
        add_doc(s, doc++);
    while (doc < s->p->n_docs && joins(s, begin, doc));
    return doc;
}

/* Rows of a piece, and memory for them. */
static crm_status open_pieces(cpu_state *s, const crm_text_conv *p, const crm_tensor *table,
                              pieces *out)
{
    int64_t width = widest(p) * s->k->lanes, e = table->dim[1];

    *out = (pieces){.p = p, .table = table, .stamp = &s->text_stamp};
    CRM_TRY(open_docs(s, p, &out->d));
    out->full = PIECE / (width + e);
    out->most = PIECE_SHARED / (width + e);
    if (out->most < out->d.longest + 1) out->most = out->d.longest + 1;
    if (out->most > out->d.tokens + 1) out->most = out->d.tokens + 1;
    CPU_SCRATCH(s, CPU_TEXT_X, out->x, out->most * e);
    CPU_SCRATCH(s, CPU_TEXT_PART, out->part, out->most * width);
    if (!s->text_apart) CPU_SCRATCH(s, CPU_TEXT_MAP, out->map, table->dim[0]);
    memset(out->x, 0, (size_t)e * sizeof *out->x);
    return CRM_OK;
}

/* Weights in panels, kernel after kernel. */
static crm_status pack_weights(cpu_state *s, const crm_text_conv *p, const crm_text_weights *w,
                               const float **packed)
{
    int64_t lanes = s->k->lanes, n = 0;
    float *to;

    for (int k = 0; k < p->n_kernels; k++)
        n += (w->w[k].dim[0] + lanes - 1) / lanes * lanes * w->w[k].ld;
    CPU_SCRATCH(s, CPU_TEXT_WEIGHT, to, n);
    for (int k = 0; k < p->n_kernels; k++) {
        packed[k] = to;
        s->k->text_pack(w->w[k].data, w->w[k].dim[0], w->w[k].ld, to);
        to += (w->w[k].dim[0] + lanes - 1) / lanes * lanes * w->w[k].ld;
    }
    return CRM_OK;
}

crm_status crm_cpu_text_conv(void *state, const crm_text_conv *p, const crm_text_weights *w,
                             crm_tensor *y, crm_tensor *arg)
{
    cpu_state *s = state;
    const float *packed[CRM_TEXT_KERNELS];
    pieces g;

    CRM_TRY(open_pieces(s, p, &w->table, &g));
    CRM_TRY(pack_weights(s, p, w, packed));
    for (int64_t doc = 0, end; doc < p->n_docs; doc = end) {
        end = next_piece(&g, doc);
        for (int k = 0; k < p->n_kernels; k++) {
            int64_t filters = w->b[k].dim[0];
            crm_cpu_text t = {.taps = p->kernel[k],
                              .filters = filters,
                              .length = p->length,
                              .e = w->table.dim[1],
                              .act = p->act,
                              .rows = g.rows,
                              .x = g.x,
                              .w = packed[k],
                              .bias = w->b[k].data,
                              .part = g.part,
                              .docs = end - doc,
                              .first = p->first + doc,
                              .place = g.d.place + doc,
                              .row = g.d.row,
                              .y = row(y, doc) + k * filters,
                              .ldy = y->ld};

            if (arg) {
                t.arg = (int32_t *)arg->data + doc * arg->ld + k * filters;
                t.ldarg = arg->ld;
            }
            s->k->text_conv(&t);
        }
    }
    return CRM_OK;
}

/* ---- backward ---- */

/* Rows of the table for all tokens of the batch, -1 for none. */
static void table_rows(const crm_text_conv *p, const crm_tensor *table, docs *d)
{
    int32_t *to = d->row;

    for (int64_t doc = 0; doc < p->n_docs; doc++) {
        d->place[doc] = to - d->row;
        for (int64_t i = p->first[doc]; i < p->first[doc + 1]; i++)
            *to++ = in_table(p->token[i], table) ? p->token[i] : -1;
        for (int64_t i = 0; i < d->gap; i++)
            *to++ = -1;
    }
}

/* w [filters][e][taps] into [filters][taps][ew], the rest of each row 0. */
static void turn_weights(const crm_tensor *w, int64_t ew, float *to)
{
    int64_t e = w->dim[1], taps = w->dim[2];

    for (int64_t f = 0; f < w->dim[0]; f++)
        for (int64_t j = 0; j < taps; j++, to += ew) {
            const float *from = (const float *)w->data + f * w->ld + j;

            for (int64_t c = 0; c < e; c++)
                to[c] = from[c * taps];
            memset(to + e, 0, (size_t)(ew - e) * sizeof *to);
        }
}

/* What the gradient of the table needs besides. */
static crm_status open_table(cpu_state *s, const crm_text_conv *p, const crm_text_weights *w,
                             const docs *d, crm_cpu_text_bwd *t)
{
    int64_t n = 0;
    float *to;

    for (int k = 0; k < p->n_kernels; k++)
        n += t->filters * p->kernel[k] * t->ew;
    CPU_SCRATCH(s, CPU_TEXT_WEIGHT, to, n);
    CPU_SCRATCH(s, CPU_TEXT_PART, t->dx, (d->longest + d->gap) * t->ew);
    for (int k = 0; k < p->n_kernels; k++) {
        turn_weights(&w->w[k], t->ew, to);
        t->w[k] = to;
        to += t->filters * p->kernel[k] * t->ew;
    }
    return CRM_OK;
}

/* Gradients of lane l. */
static void lane_bwd(cpu_state *s, const crm_cpu_text_bwd *t, const crm_lanes *lanes, int64_t l,
                     crm_text_weights *dw, bool learn_table)
{
    int64_t doc = crm_lane_first(lanes, l), end = crm_lane_first(lanes, l + 1);
    int64_t at = l * lanes->stride;

    for (int k = 0; k < t->n_kernels; k++) {
        float *db = (float *)dw->b[k].data + at;

        s->k->text_bwd_w(t, k, doc, end, (float *)dw->w[k].data + at);
        s->k->column_sums(t->dy + doc * t->lddy + k * t->filters, t->lddy, end - doc, t->filters,
                          db);
        for (int64_t f = 0; f < t->filters; f++)
            db[f] += 0.0f;
    }
    if (learn_table) s->k->text_bwd_x(t, doc, end, (float *)dw->table.data + at, dw->table.ld);
}

crm_status crm_cpu_text_conv_bwd(void *state, const crm_text_conv *p, const crm_text_weights *w,
                                 const crm_tensor *arg, const crm_tensor *dy,
                                 const crm_lanes *lanes, crm_text_weights *dw, bool learn_table)
{
    cpu_state *s = state;
    int64_t e = w->table.dim[1], v = s->k->lanes;
    docs d;
    crm_cpu_text_bwd t = {.n_kernels = p->n_kernels,
                          .taps = p->kernel,
                          .filters = w->b[0].dim[0],
                          .e = e,
                          .ew = (e + v - 1) / v * v,
                          .table = w->table.data,
                          .ldt = w->table.ld,
                          .first = p->first,
                          .dy = dy->data,
                          .arg = arg->data,
                          .lddy = dy->ld,
                          .ldarg = arg->ld};

    CRM_TRY(open_docs(s, p, &d));
    CPU_SCRATCH(s, CPU_TEXT_SUM, t.sum, 2 * d.gap * e);
    if (learn_table) CRM_TRY(open_table(s, p, w, &d, &t));
    table_rows(p, &w->table, &d);
    t.place = d.place;
    t.row = d.row;
    for (int64_t l = 0; l < lanes->n; l++)
        lane_bwd(s, &t, lanes, l, dw, learn_table);
    return CRM_OK;
}
