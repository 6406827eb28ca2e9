/* embed_glove.c - GloVe (Pennington, Socher, Manning 2014).
 *
 * Minimises sum_ij f(X_ij) (w_i v_j + b_i + c_j - log X_ij)^2 / 2, f(x) = min(1, (x / x_max)^a), by
 * AdaGrad (Duchi et al. 2011) with sums of squares that begin at 1; the vector of a word is w + v.
 */
#include <string.h>

#include "crmpi/base_math.h"
#include "embed_cooc.h"

typedef struct entry {
    int32_t word, other;
    float target, weight;
} entry;

typedef struct work {
    const embed_fit *fit;
    entry *entry; /* [n] */
    int64_t *order, n, at;
} work;

static crm_status make_entries(work *k)
{
    const crm_embed_cfg *c = k->fit->cfg;
    uint64_t words = (uint64_t)k->fit->corpus->n_words;
    embed_cooc_item *item;
    crm_status st;

    CRM_TRY(embed_cooc(k->fit->comm, k->fit->corpus, c->window, &item, &k->n));
    k->entry = crm_mem_new((size_t)k->n, sizeof *k->entry);
    k->order = crm_mem_new((size_t)k->n, sizeof *k->order);
    st = CRM_OK;
    if (!k->entry || !k->order)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld co-occurrences", (long long)k->n);
    for (int64_t i = 0; !st && i < k->n; i++) {
        double x = embed_cooc_count(&item[i]);
        k->entry[i] =
            (entry){.word = (int32_t)((item[i].key - 1) / words),
                    .other = (int32_t)(words + (item[i].key - 1) % words),
                    .target = (float)crm_log(x),
                    .weight = x < c->x_max ? (float)crm_pow(x / c->x_max, c->exponent) : 1.0f};
    }
    crm_mem_free(item);
    if (k->fit->comm) st = crm_comm_agree(k->fit->comm, st);
    return st;
}

static crm_status run_lane(void *ctx, const embed_steps *s, int64_t l, embed_lane *lane,
                           embed_worker *w)
{
    const work *k = ctx;
    const crm_embed_cfg *c = k->fit->cfg;
    int64_t first = k->at + l * c->lane_words, end = first + c->lane_words;
    embed_glove_pair p = {.dim = c->dim, .width = s->table.width / 2, .rate = (float)c->alpha};

    if (end > k->n) end = k->n;
    for (int64_t i = first; i < end; i++) {
        const entry *e = &k->entry[k->order[i]];
        embed_touch(lane, w, e->word);
        embed_touch(lane, w, e->other);
    }
    embed_copy(s, lane);
    for (int64_t i = first; i < end; i++) {
        const entry *e = &k->entry[k->order[i]];
        double diff;
        p.a = lane->value + w->slot[e->word] * s->table.width;
        p.b = lane->value + w->slot[e->other] * s->table.width;
        p.target = e->target;
        p.weight = e->weight;
        diff = (double)s->kernels->glove(&p);
        lane->loss += 0.5 * (double)e->weight * diff * diff;
        lane->loss_n++;
    }
    return CRM_OK;
}

static crm_status run_epoch(work *k, embed_steps *s, int64_t epoch)
{
    const embed_fit *f = k->fit;
    double start = crm_clock_now();
    int64_t step = f->cfg->lane_words * s->lanes;

    crm_rng_permute(f->seed, CRM_RNG_EMBED_ORDER, (uint32_t)epoch, k->n, k->order);
    s->loss = 0;
    s->loss_n = 0;
    for (k->at = 0; k->at < k->n; k->at += step) {
        CRM_TRY(embed_steps_run(s));
        CRM_TRY(embed_stop(f->comm, k->at / step));
    }
    if (f->epoch)
        f->epoch(f->ctx, epoch, k->n, s->loss / (double)s->loss_n, crm_clock_now() - start);
    return CRM_OK;
}

/* Vectors and biases uniform in (-1/2, 1/2) / dim. */
static void start_rows(const embed_fit *f, embed_table *t)
{
    int64_t dim = f->cfg->dim, width = t->width / 2;

    for (int64_t i = 0; i < t->rows; i++) {
        crm_rng r = crm_rng_at(f->seed, CRM_RNG_EMBED_INIT, 1, (uint64_t)i);
        for (int64_t j = 0; j <= dim; j++)
            t->value[i * t->width + j] =
                (float)(((double)crm_rng_u32(&r) + 0.5) * 0x1p-32 - 0.5) / (float)dim;
        for (int64_t j = 0; j < width; j++)
            t->value[i * t->width + width + j] = 1.0f;
    }
}

static void add_words(const embed_fit *f, const embed_table *t, float *out)
{
    int64_t n = f->corpus->n_words, dim = f->cfg->dim;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < dim; j++)
            out[i * dim + j] = t->value[i * t->width + j] + t->value[(n + i) * t->width + j];
}

crm_status embed_glove(const embed_fit *f, float *out)
{
    const crm_embed_cfg *c = f->cfg;
    work k = {.fit = f};
    embed_steps s = {0};
    crm_status st = make_entries(&k);

    if (!st)
        st = embed_steps_new(&s, f->comm, f->pool, 2 * f->corpus->n_words,
                             2 * embed_width(c->dim + 1), c, 2 * c->lane_words);
    s.fn = run_lane;
    s.ctx = &k;
    if (!st) start_rows(f, &s.table);
    for (int64_t e = 0; !st && e < c->epochs; e++)
        st = run_epoch(&k, &s, e);
    if (!st) add_words(f, &s.table, out);
    crm_mem_free(k.entry);
    crm_mem_free(k.order);
    embed_steps_free(&s);
    return st;
}
