/* embed_lda.c - topics of documents by online variational Bayes: batches, whose statistics are
 * exact sums over leaves of documents; every rank holds all topics. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_stop.h"
#include "crmpi/stats_dist.h"
#include "embed_lda.h"

static const double FIRST_SHAPE = 100; /* of the gamma distribution that topics start from */

/* One fit. */
typedef struct fit {
    crm_comm *comm;
    crm_pool *pool;
    const crm_lda_cfg *cfg;
    const crm_bow *x;
    crm_lda *m;
    int64_t *order; /* [x->n] documents of a pass */
    int64_t t;      /* batches so far             */
    lda_worker *worker;
    int n_workers;
    double *psi; /* [stride] of the totals */
    /* the batch: documents order[first] .. order[first + n - 1], their words */
    int64_t first, n, words;
    int32_t *slot;  /* [n_words] number of a word in the batch, -1: not in it */
    int32_t *batch; /* [n_words] words of the batch, by first occurrence      */
    float *beta;    /* [words of the batch][stride]                           */
    double *sum;    /* likewise: statistics                                   */
    int64_t room;   /* words that beta and sum have room for                  */
} fit;

/* ---- first topics ---- */

/* Gamma(FIRST_SHAPE, 1 / FIRST_SHAPE): Wilson and Hilferty's cube of a normal number, which is as
 * close to it as a start needs. */
static double first_value(uint64_t seed, int64_t topic, int64_t word)
{
    crm_rng r = crm_rng_at(seed, CRM_RNG_TOPICS, (uint32_t)topic, (uint64_t)word);
    double c = 1 / (9 * FIRST_SHAPE), v = 1 - c + crm_rng_normal(&r) * sqrt(c);

    return v > 0.1 ? v * v * v : 0.001;
}

static void add_totals(crm_lda *m)
{
    memset(m->total, 0, (size_t)m->stride * sizeof *m->total);
    for (int64_t w = 0; w < m->words; w++)
        for (int64_t k = 0; k < m->topics; k++)
            m->total[k] += m->lambda[w * m->stride + k];
}

static crm_status lda_new(int64_t topics, int64_t words, crm_lda **out)
{
    crm_lda *m = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(m, 1);
    m->topics = topics;
    m->words = words;
    m->stride = (topics + LDA_LANES - 1) / LDA_LANES * LDA_LANES;
    CRM_NEW_TO(st, fail, m->lambda, words * m->stride);
    CRM_NEW_TO(st, fail, m->total, m->stride);
    *out = m;
    return CRM_OK;
fail:
    crm_lda_free(&m);
    return st;
}

static void begin(fit *f, uint64_t seed)
{
    const crm_lda_cfg *c = f->cfg;
    crm_lda *m = f->m;

    m->iterations = c->iterations;
    m->tolerance = c->tolerance;
    m->alpha = c->alpha > 0 ? c->alpha : 1 / (double)c->topics;
    m->eta = c->eta > 0 ? c->eta : 1 / (double)c->topics;
    m->documents = (double)f->x->n;
    for (int64_t w = 0; w < m->words; w++)
        for (int64_t k = 0; k < m->topics; k++)
            m->lambda[w * m->stride + k] = first_value(seed, k, w);
    add_totals(m);
    memset(f->slot, 0xff, (size_t)m->words * sizeof *f->slot);
}

/* ---- a batch ---- */

static crm_status make_room(fit *f)
{
    if (f->words <= f->room) return CRM_OK;
    crm_mem_free(f->beta);
    crm_mem_free(f->sum);
    f->beta = NULL;
    f->sum = NULL;
    f->room = f->words + f->words / 4;
    CRM_NEW(f->beta, f->room * f->m->stride);
    CRM_NEW(f->sum, f->room * f->m->stride);
    return CRM_OK;
}

/* Words of the batch, and their rows of exp(E log beta). */
static crm_status take_words(fit *f)
{
    const crm_bow *x = f->x;
    const crm_lda *m = f->m;

    f->words = 0;
    for (int64_t i = f->first; i < f->first + f->n; i++)
        for (int64_t k = x->first[f->order[i]]; k < x->first[f->order[i] + 1]; k++)
            if (f->slot[x->id[k]] < 0) {
                f->slot[x->id[k]] = (int32_t)f->words;
                f->batch[f->words++] = x->id[k];
            }
    CRM_TRY(make_room(f));
    lda_psi_totals(m, f->psi);
    for (int64_t s = 0; s < f->words; s++)
        lda_beta(m, f->psi, m->lambda + f->batch[s] * m->stride, f->beta + s * m->stride);
    return CRM_OK;
}

static void add_document(const fit *f, int64_t d, lda_worker *w, double *out)
{
    const crm_bow *x = f->x;
    int64_t at = x->first[d], stride = f->m->stride;
    lda_document doc = {.n = x->first[d + 1] - at, .row = w->row, .count = x->count + at};

    for (int64_t i = 0; i < doc.n; i++)
        w->row[i] = f->slot[x->id[at + i]];
    lda_infer(f->m, f->beta, &doc, w);
    for (int64_t i = 0; i < doc.n; i++) {
        double *row = out + w->row[i] * stride;
        for (int64_t k = 0; k < stride; k++)
            row[k] += w->ratio[i] * w->theta[k];
    }
}

static crm_status leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const fit *f = ctx;
    int64_t from = leaf * LDA_LEAF, end = from + LDA_LEAF < f->n ? from + LDA_LEAF : f->n;

    for (int64_t i = from; i < end; i++)
        add_document(f, f->order[f->first + i], &f->worker[worker], out);
    return CRM_OK;
}

/* Topics move towards what the batch says of them. */
static void move_topics(fit *f)
{
    crm_lda *m = f->m;
    double rho = crm_pow(f->cfg->offset + (double)f->t, -f->cfg->decay);
    double scale = m->documents / (double)f->n;

    for (int64_t w = 0; w < m->words; w++) {
        int32_t s = f->slot[w];
        double *row = m->lambda + w * m->stride;
        for (int64_t k = 0; k < m->topics; k++) {
            double add = s < 0 ? 0 : f->sum[s * m->stride + k] * (double)f->beta[s * m->stride + k];
            row[k] = (1 - rho) * row[k] + rho * (m->eta + scale * add);
        }
        f->slot[w] = -1;
    }
    add_totals(m);
}

static crm_status batch(fit *f)
{
    crm_tree *tree = NULL;
    crm_status st = crm_comm_agree(f->comm, take_words(f));

    f->t++;
    if (!st)
        st = crm_tree_new(f->comm, f->pool, (f->n + LDA_LEAF - 1) / LDA_LEAF,
                          f->words * f->m->stride, CRM_F64, &tree);
    if (!st) st = crm_tree_sum(tree, leaf, f, f->sum);
    crm_tree_free(&tree);
    if (!st) move_topics(f);
    return st;
}

/* A signal on any rank ends the fit on all of them. */
static crm_status look_for_stop(fit *f)
{
    int64_t signal = crm_stop_signal();

    CRM_TRY(crm_comm_max_i64(f->comm, &signal, 1));
    CRM_CHECK(!signal, CRM_ERR_STOPPED, "stopped by %s while topics were learnt",
              crm_stop_name((int)signal));
    return CRM_OK;
}

static crm_status pass(fit *f, uint64_t seed, int64_t number)
{
    crm_rng_permute(seed, CRM_RNG_TOPICS, UINT32_MAX - (uint32_t)number, f->x->n, f->order);
    for (f->first = 0; f->first < f->x->n; f->first += f->n) {
        f->n = f->x->n - f->first < f->cfg->batch ? f->x->n - f->first : f->cfg->batch;
        CRM_TRY(look_for_stop(f));
        CRM_TRY(batch(f));
    }
    return CRM_OK;
}

/* ---- fit ---- */

static crm_status check(const crm_bow *x)
{
    CRM_CHECK(x->n > 0 && x->first[x->n] > x->first[0], CRM_ERR_FORMAT,
              "no words to learn topics from: all %lld documents are empty", (long long)x->n);
    return CRM_OK;
}

static crm_status fit_new(fit *f, uint64_t seed)
{
    int64_t longest = lda_longest(f->x);

    CRM_TRY(check(f->x));
    CRM_TRY(lda_new(f->cfg->topics, f->x->n_words, &f->m));
    CRM_NEW(f->order, f->x->n);
    CRM_NEW(f->psi, f->m->stride);
    CRM_NEW(f->slot, f->x->n_words);
    CRM_NEW(f->batch, f->x->n_words);
    CRM_NEW(f->worker, f->pool ? crm_pool_size(f->pool) : 1);
    f->n_workers = f->pool ? crm_pool_size(f->pool) : 1;
    for (int i = 0; i < f->n_workers; i++)
        CRM_TRY(lda_worker_new(f->m, longest, &f->worker[i]));
    begin(f, seed);
    return CRM_OK;
}

static void fit_free(fit *f)
{
    for (int i = 0; i < f->n_workers; i++)
        lda_worker_free(&f->worker[i]);
    crm_mem_free(f->worker);
    crm_mem_free(f->order);
    crm_mem_free(f->psi);
    crm_mem_free(f->slot);
    crm_mem_free(f->batch);
    crm_mem_free(f->beta);
    crm_mem_free(f->sum);
    crm_lda_free(&f->m);
}

crm_status lda_finish(crm_lda *m)
{
    double *psi;

    CRM_NEW(m->beta, m->words * m->stride);
    CRM_NEW(psi, m->stride);
    lda_psi_totals(m, psi);
    for (int64_t w = 0; w < m->words; w++)
        lda_beta(m, psi, m->lambda + w * m->stride, m->beta + w * m->stride);
    crm_mem_free(psi);
    return CRM_OK;
}

crm_status crm_lda_fit(crm_comm *comm, crm_pool *pool, const crm_lda_cfg *cfg, const crm_bow *x,
                       uint64_t seed, crm_lda **out)
{
    fit f = {.comm = comm, .pool = pool, .cfg = cfg, .x = x};
    crm_status st = crm_comm_agree(comm, fit_new(&f, seed));

    *out = NULL;
    for (int64_t p = 0; p < cfg->passes && !st; p++)
        st = pass(&f, seed, p);
    if (!st) st = crm_comm_agree(comm, lda_finish(f.m));
    if (!st) {
        *out = f.m;
        f.m = NULL;
    }
    fit_free(&f);
    return st;
}

void crm_lda_top(const crm_lda *m, int64_t topic, int top, int32_t *out)
{
    int n = 0;

    for (int64_t w = 0; w < m->words; w++) {
        double v = m->lambda[w * m->stride + topic];
        int at = n < top ? n : top;
        while (at > 0 && m->lambda[out[at - 1] * m->stride + topic] < v)
            at--;
        if (at >= top) continue;
        if (n < top) n++;
        memmove(out + at + 1, out + at, (size_t)(n - 1 - at) * sizeof *out);
        out[at] = (int32_t)w;
    }
    for (; n < top; n++)
        out[n] = -1;
}

/* ---- in a bag ---- */

crm_status crm_lda_save(const crm_lda *m, crm_bag *b)
{
    double *all = NULL;
    crm_status st;

    CRM_TRY(crm_bag_put_i64(b, "iterations", m->iterations));
    CRM_TRY(crm_bag_put_f64(b, "alpha", m->alpha));
    CRM_TRY(crm_bag_put_f64(b, "eta", m->eta));
    CRM_TRY(crm_bag_put_f64(b, "tolerance", m->tolerance));
    CRM_TRY(crm_bag_put_f64(b, "documents", m->documents));
    CRM_NEW(all, m->words * m->topics);
    for (int64_t w = 0; w < m->words; w++)
        for (int64_t k = 0; k < m->topics; k++)
            all[k * m->words + w] = m->lambda[w * m->stride + k];
    st = crm_bag_put(b, "lambda", CRM_F64, 2, (int64_t[]){m->topics, m->words}, all);
    crm_mem_free(all);
    return st;
}

static crm_status load_numbers(crm_bag *b, crm_lda *m)
{
    CRM_TRY(crm_bag_get_i64(b, "iterations", &m->iterations));
    CRM_TRY(crm_bag_get_f64(b, "alpha", &m->alpha));
    CRM_TRY(crm_bag_get_f64(b, "eta", &m->eta));
    CRM_TRY(crm_bag_get_f64(b, "tolerance", &m->tolerance));
    CRM_TRY(crm_bag_get_f64(b, "documents", &m->documents));
    CRM_CHECK(m->iterations >= 1 && m->iterations <= 1000000 && m->alpha > 0 && m->eta > 0 &&
                  m->tolerance >= 0 && m->documents > 0,
              CRM_ERR_FORMAT, "topics: a number of the model file is out of range");
    return CRM_OK;
}

static crm_status load(crm_bag *b, const crm_bag_array *a, crm_lda *m)
{
    const double *all = a->data;

    CRM_TRY(load_numbers(b, m));
    for (int64_t w = 0; w < m->words; w++)
        for (int64_t k = 0; k < m->topics; k++) {
            double v = all[k * m->words + w];
            CRM_CHECK(v > 0 && isfinite(v), CRM_ERR_FORMAT,
                      "topics: lambda[%lld][%lld] of the model file is not above 0", (long long)k,
                      (long long)w);
            m->lambda[w * m->stride + k] = v;
        }
    add_totals(m);
    return lda_finish(m);
}

crm_status crm_lda_load(crm_bag *b, crm_lda **out)
{
    const crm_bag_array *a;
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_bag_get(b, "lambda", CRM_F64, -1, &a));
    CRM_CHECK(a->rank == 2 && a->dim[0] >= 1 && a->dim[0] <= CRM_LDA_TOPICS_MAX && a->dim[1] >= 1 &&
                  a->dim[1] < INT32_MAX,
              CRM_ERR_FORMAT, "topics: lambda of the model file has no shape of topics x words");
    CRM_TRY(lda_new(a->dim[0], a->dim[1], out));
    st = load(b, a, *out);
    if (st) crm_lda_free(out);
    return st;
}

void crm_lda_free(crm_lda **mp)
{
    crm_lda *m = *mp;

    if (!m) return;
    crm_mem_free(m->lambda);
    crm_mem_free(m->total);
    crm_mem_free(m->beta);
    crm_mem_free(m);
    *mp = NULL;
}
