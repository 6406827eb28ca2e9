/* embed_word2vec.c - skip-gram and CBOW with negative sampling (Mikolov et al. 2013).
 *
 * A pair is an input row u and an output row v with a label y, 1 for words seen together and 0 for
 * a word drawn as noise; its loss is -log sigmoid((2 y - 1) u v).  Skip-gram takes each word of a
 * window as input and the word in its middle as output, CBOW the mean of the window, whose step
 * each word of it then takes in full, as the program of the authors has it.  The words
 * drawn as noise are those of the middle, shared by all words of its window (Ji et al.,
 * "Parallelizing Word2Vec in shared and distributed memory", 2016): products of small matrices. */
#include <string.h>

#include "crmpi/base_math.h"
#include "embed_impl.h"

/* Of a lane: the pairs of its words, in copies of rows; then the memory that a word needs. */
typedef struct plan {
    int32_t *in, *target; /* [words][2 window], [words][targets] */
    int *n_in;            /* [words] */
    float *label;         /* [words][targets] 1, 0; -1: no pair */
    const float **from;   /* [2 window] */
    float **to;
    float *score, *slope; /* [2 window][EMBED_SCORES] */
    float *mean, *moved;  /* [width] of CBOW */
} plan;

typedef struct work {
    const embed_fit *fit;
    embed_walk walk;
    embed_noise noise;
    plan *plan; /* [workers] */
    int workers;
    int64_t words, targets; /* of a lane; output rows of a word, in whole calls of a kernel */
    int64_t at;             /* first word of the present step */
    uint32_t epoch;
    float rate;
    bool paired; /* some document has had two words in an epoch */
} work;

static void free_plans(work *k)
{
    for (int i = 0; k->plan && i < k->workers; i++) {
        plan *p = &k->plan[i];
        crm_mem_free(p->in);
        crm_mem_free(p->target);
        crm_mem_free(p->n_in);
        crm_mem_free(p->label);
        crm_mem_free((void *)p->from);
        crm_mem_free(p->to);
        crm_mem_free(p->score);
        crm_mem_free(p->slope);
        crm_mem_free(p->mean);
        crm_mem_free(p->moved);
    }
    crm_mem_free(k->plan);
}

static crm_status new_plan(const work *k, int64_t width, plan *p)
{
    int64_t most = 2 * k->fit->cfg->window;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, p->in, k->words * most);
    CRM_NEW_TO(st, done, p->target, k->words * k->targets);
    CRM_NEW_TO(st, done, p->n_in, k->words);
    CRM_NEW_TO(st, done, p->label, k->words * k->targets);
    CRM_NEW_TO(st, done, p->from, most);
    CRM_NEW_TO(st, done, p->to, most);
    CRM_NEW_TO(st, done, p->score, most * EMBED_SCORES);
    CRM_NEW_TO(st, done, p->slope, most * EMBED_SCORES);
    CRM_NEW_TO(st, done, p->mean, width);
    CRM_NEW_TO(st, done, p->moved, width);
done:
    return st;
}

/* ---- which pairs ---- */
static int plan_inputs(const work *k, int64_t i, int64_t d, crm_rng *r, int32_t *in,
                       embed_lane *lane, embed_worker *w)
{
    const embed_walk *walk = &k->walk;
    int64_t reach = 1 + (int64_t)(((uint64_t)crm_rng_u32(r) * (uint64_t)k->fit->cfg->window) >> 32);
    int64_t low = i - reach, high = i + reach;
    int n = 0;

    if (low < walk->first[d]) low = walk->first[d];
    if (high >= walk->first[d + 1]) high = walk->first[d + 1] - 1;
    for (int64_t j = low; j <= high; j++)
        if (j != i) in[n++] = embed_touch(lane, w, walk->token[j]);
    return n;
}

static void plan_targets(const work *k, int32_t word, crm_rng *r, int32_t *target, float *label,
                         embed_lane *lane, embed_worker *w)
{
    int64_t n = k->fit->corpus->n_words, pairs = 1 + k->fit->cfg->negative;

    target[0] = embed_touch(lane, w, (int32_t)(n + word));
    label[0] = 1;
    for (int64_t j = 1; j < k->targets; j++) {
        int32_t drawn = j < pairs ? embed_noise_draw(&k->noise, r) : word;
        label[j] = drawn == word ? -1.0f : 0.0f; /* the word itself is no noise */
        target[j] = embed_touch(lane, w, (int32_t)(n + drawn));
    }
}

/* Words [first, end) of the epoch. */
static void plan_lane(const work *k, int64_t l, int64_t first, int64_t end, plan *p,
                      embed_lane *lane, embed_worker *w)
{
    crm_rng r =
        crm_rng_at(k->fit->seed, CRM_RNG_EMBED_PAIRS, k->epoch, (uint64_t)(k->at / k->words + l));
    int64_t d = embed_walk_document(&k->walk, first), most = 2 * k->fit->cfg->window;

    for (int64_t i = first; i < end; i++) {
        int64_t at = i - first;
        while (i >= k->walk.first[d + 1])
            d++;
        p->n_in[at] = plan_inputs(k, i, d, &r, p->in + at * most, lane, w);
        plan_targets(k, k->walk.token[i], &r, p->target + at * k->targets,
                     p->label + at * k->targets, lane, w);
    }
}

/* ---- their steps ---- */
static void add_loss(const embed_pairs *x, embed_lane *lane)
{
    for (int i = 0; i < x->m; i++)
        for (int j = 0; j < EMBED_TARGETS; j++) {
            double z = (double)x->score[i * EMBED_SCORES + j];
            if (x->rate[j] != 0.0f) lane->loss -= crm_log_sigmoid(x->label[j] > 0 ? z : -z);
        }
}

/* Pairs of inputs with all outputs of a word, EMBED_TARGETS at a time. */
static void take_pairs(const work *k, const embed_steps *s, const plan *p, int64_t at,
                       embed_pairs *x, embed_lane *lane, bool look)
{
    for (int64_t first = 0; first < k->targets; first += EMBED_TARGETS) {
        for (int j = 0; j < EMBED_TARGETS; j++) {
            int64_t pair = at * k->targets + first + j;
            x->target[j] = lane->value + p->target[pair] * s->table.width;
            x->label[j] = p->label[pair];
            x->rate[j] = p->label[pair] < 0 ? 0.0f : k->rate;
        }
        s->kernels->pairs(x);
        if (look) add_loss(x, lane);
    }
    if (look) lane->loss_n += x->m;
}

static void take_skipgram(const work *k, const embed_steps *s, plan *p, int64_t at,
                          embed_lane *lane)
{
    const int32_t *in = p->in + at * 2 * k->fit->cfg->window;
    embed_pairs x = {.width = s->table.width,
                     .m = p->n_in[at],
                     .in = p->from,
                     .to = p->to,
                     .score = p->score,
                     .slope = p->slope};

    for (int i = 0; i < x.m; i++)
        p->from[i] = p->to[i] = lane->value + in[i] * s->table.width;
    take_pairs(k, s, p, at, &x, lane, at == 0);
}

static void take_cbow(const work *k, const embed_steps *s, plan *p, int64_t at, embed_lane *lane)
{
    const int32_t *in = p->in + at * 2 * k->fit->cfg->window;
    int64_t width = s->table.width;
    float share = 1.0f / (float)p->n_in[at];
    embed_pairs x = {
        .width = width, .m = 1, .in = p->from, .to = p->to, .score = p->score, .slope = p->slope};

    memset(p->mean, 0, (size_t)width * sizeof *p->mean);
    memset(p->moved, 0, (size_t)width * sizeof *p->moved);
    for (int i = 0; i < p->n_in[at]; i++)
        s->kernels->add(width, share, lane->value + in[i] * width, p->mean);
    p->from[0] = p->mean;
    p->to[0] = p->moved;
    take_pairs(k, s, p, at, &x, lane, at == 0);
    for (int i = 0; i < p->n_in[at]; i++)
        s->kernels->add(width, 1.0f, p->moved, lane->value + in[i] * width);
}

static crm_status run_lane(void *ctx, const embed_steps *s, int64_t l, embed_lane *lane,
                           embed_worker *w)
{
    const work *k = ctx;
    plan *p = &k->plan[w - s->worker];
    int64_t first = k->at + l * k->words, end = first + k->words;

    if (end > k->walk.n) end = k->walk.n;
    if (first >= end) return CRM_OK;
    plan_lane(k, l, first, end, p, lane, w);
    embed_copy(s, lane);
    for (int64_t at = 0; at < end - first; at++) {
        if (p->n_in[at] == 0) continue;
        if (k->fit->cfg->kind == CRM_EMBED_CBOW)
            take_cbow(k, s, p, at, lane);
        else
            take_skipgram(k, s, p, at, lane);
    }
    return CRM_OK;
}

/* ---- epochs ---- */
static void set_rate(work *k, double done)
{
    const crm_embed_cfg *c = k->fit->cfg;
    double part = ((double)k->epoch + done) / (double)c->epochs;

    k->rate = (float)(c->alpha - (c->alpha - c->alpha / 1000) * part);
}

static crm_status run_epoch(work *k, embed_steps *s)
{
    const embed_fit *f = k->fit;
    double start = crm_clock_now();

    embed_walk_epoch(f->corpus, f->seed, k->epoch, &k->walk);
    k->paired |= k->walk.n > k->walk.n_documents; /* no document there is empty */
    s->loss = 0;
    s->loss_n = 0;
    for (k->at = 0; k->at < k->walk.n; k->at += k->words * s->lanes) {
        set_rate(k, (double)k->at / (double)k->walk.n);
        CRM_TRY(embed_steps_run(s));
        CRM_TRY(embed_stop(f->comm, k->at / (k->words * s->lanes)));
    }
    if (f->epoch)
        f->epoch(f->ctx, k->epoch, f->corpus->first[f->corpus->n_documents],
                 s->loss_n ? s->loss / (double)s->loss_n : 0, crm_clock_now() - start);
    return CRM_OK;
}

/* Inputs uniform in (-1, 1) / dim, outputs 0. */
static void start_rows(const embed_fit *f, embed_table *t)
{
    int64_t dim = f->cfg->dim;

    for (int64_t i = 0; i < f->corpus->n_words; i++) {
        crm_rng r = crm_rng_at(f->seed, CRM_RNG_EMBED_INIT, 0, (uint64_t)i);
        for (int64_t j = 0; j < dim; j++)
            t->value[i * t->width + j] =
                (float)(((double)crm_rng_u32(&r) + 0.5) * 0x1p-31 - 1) / (float)dim;
    }
}

static crm_status make(work *k, embed_steps *s)
{
    const crm_corpus *c = k->fit->corpus;
    crm_status st = CRM_OK;

    CRM_TRY(embed_walk_new(c, k->fit->cfg->sample, &k->walk));
    CRM_TRY(embed_noise_new(c, &k->noise));
    CRM_NEW(k->plan, k->workers);
    for (int i = 0; i < k->workers && !st; i++)
        st = new_plan(k, s->table.width, &k->plan[i]);
    return st;
}

crm_status embed_word2vec(const embed_fit *f, float *out)
{
    const crm_embed_cfg *c = f->cfg;
    int64_t per_call = EMBED_TARGETS, pairs = 1 + c->negative;
    work k = {.fit = f,
              .words = c->lane_words,
              .workers = crm_pool_size(f->pool),
              .targets = (pairs + per_call - 1) / per_call * per_call};
    embed_steps s;
    crm_status st;

    CRM_TRY(embed_steps_new(&s, f->comm, f->pool, 2 * f->corpus->n_words, embed_width(c->dim), c,
                            k.words * (2 * c->window + k.targets)));
    s.fn = run_lane;
    s.ctx = &k;
    st = make(&k, &s);
    if (f->comm) st = crm_comm_agree(f->comm, st);
    if (!st) start_rows(f, &s.table);
    for (; !st && k.epoch < (uint32_t)c->epochs; k.epoch++)
        st = run_epoch(&k, &s);
    if (!st && !k.paired)
        CRM_SET(st, CRM_ERR_CONFIG,
                "embed.sample = %g has left no two words of a document in any of %lld epochs; set "
                "it to 0, which leaves all words, or give more text",
                c->sample, (long long)c->epochs);
    for (int64_t i = 0; !st && i < f->corpus->n_words; i++)
        memcpy(out + i * c->dim, s.table.value + i * s.table.width, (size_t)c->dim * sizeof *out);
    free_plans(&k);
    embed_noise_free(&k.noise);
    embed_walk_free(&k.walk);
    embed_steps_free(&s);
    return st;
}
