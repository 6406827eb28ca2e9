/* tagger_fit.c - maximum of the penalised log-likelihood, over ranks and threads with equal bits.
 *
 * f(w) = l2 / 2 |w|^2 - sum over sentences of log p(tag | x; w); df/dw of a feature with tag j is
 * l2 w - sum_t over its tokens (1[y_t = j] - p(y_t = j | x)).  The sentences are cut into lanes;
 * sums of lanes are the leaves of an exact tree. */
#include <math.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/optim.h"
#include "tagger_impl.h"

/* Working memory of a thread for sentences up to cap tokens. */
typedef struct worker {
    int64_t cap;
    double *unary, *marginal, *work; /* [cap][k], [cap][k], crm_crf_work */
    double *pair;                    /* [k][k]                           */
} worker;

typedef struct problem {
    tagger *g;
    const crm_fit *fit;
    const crm_data *data;
    const crm_target *target;
    sentences all, part, rest; /* of the training rows; of the fit at hand; held out */
    const sentences *now;      /* that are learnt from                               */
    int64_t first_lane, end_lane;
    features x;        /* of sentences of own lanes */
    int64_t *token_of; /* [own sentences + 1] first token in x */
    int64_t own_first; /* first own sentence                    */
    int n_workers;
    worker *worker;
    crm_tree *tree;
    double *sum; /* [weights + 1] */
    const double *at;
    const char *phase;
    int64_t before, tokens;
    double begun;
    crm_hook_answer answer;
} problem;

static int64_t lane_first(const problem *p, int64_t lane)
{
    return p->now->n * lane / p->g->cfg->lanes;
}

static int64_t tokens_of(const problem *p, int64_t document)
{
    const crm_documents *x = crm_data_documents(p->data);

    return x->token_first[document + 1] - x->token_first[document];
}

static const int32_t *labels_of(const problem *p, int64_t document)
{
    return p->target->label + crm_data_documents(p->data)->token_first[document];
}

static void free_worker(worker *w)
{
    crm_mem_free(w->unary);
    crm_mem_free(w->marginal);
    crm_mem_free(w->work);
    w->unary = w->marginal = w->work = NULL;
    w->cap = 0;
}

static crm_status reserve(worker *w, int64_t n, int k)
{
    if (n <= w->cap) return CRM_OK;
    free_worker(w);
    CRM_NEW(w->unary, 2 * n * k);
    CRM_NEW(w->marginal, 2 * n * k);
    CRM_NEW(w->work, crm_crf_work(2 * n, k));
    w->cap = 2 * n;
    return CRM_OK;
}

/* ---- value and gradient ---- */

static crm_crf chain_of(const tagger *g, int64_t n, const double *unary)
{
    return (crm_crf){.n = n, .k = g->k, .unary = unary, .start = g->start, .trans = g->trans};
}

/* Gradient of - log p: expected minus seen, token by token. */
static void add_gradient(const problem *p, worker *w, int64_t first, int64_t n, const int32_t *tag,
                         double *out)
{
    const features *x = &p->x;
    int k = p->g->k;

    for (int64_t t = 0; t < n; t++)
        w->marginal[t * k + tag[t]] -= 1;
    for (int64_t t = 0; t < n; t++)
        for (int64_t i = x->first[first + t]; i < x->first[first + t + 1]; i++) {
            double *o = out + (int64_t)x->id[i] * k;
            for (int j = 0; j < k; j++)
                o[j] += w->marginal[t * k + j];
        }
    for (int64_t t = 1; t < n; t++)
        w->pair[tag[t - 1] * k + tag[t]] -= 1;
}

static crm_status add_sentence(const problem *p, worker *w, int64_t s, double *out)
{
    int64_t document = p->now->document[s], n = tokens_of(p, document);
    int64_t first = p->token_of[s - p->own_first], weights = tagger_n_weights(p->g);
    const int32_t *tag = labels_of(p, document);
    crm_crf c;

    CRM_TRY(reserve(w, n, p->g->k));
    tagger_unary(p->g, p->at, &p->x, first, n, w->unary);
    c = chain_of(p->g, n, w->unary);
    out[weights] -= crm_crf_loglik(&c, tag, w->marginal, w->pair, w->work);
    add_gradient(p, w, first, n, tag, out);
    return CRM_OK;
}

static crm_status lane(void *ctx, int64_t l, int number, void *sum)
{
    const problem *p = ctx;
    worker *w = &p->worker[number];
    double *out = sum, *pairs = out + tagger_n_features(p->g) * p->g->k;
    int cells = p->g->k * p->g->k;

    CRM_TRY(crm_fit_check_stop(p->fit));
    memset(w->pair, 0, (size_t)cells * sizeof *w->pair);
    for (int64_t s = lane_first(p, l); s < lane_first(p, l + 1); s++)
        CRM_TRY(add_sentence(p, w, s, out));
    for (int i = 0; i < cells; i++)
        pairs[i] += w->pair[i];
    return CRM_OK;
}

static crm_status objective(void *ctx, const double *x, double *value, double *grad)
{
    problem *p = ctx;
    int64_t n = tagger_n_weights(p->g), pairs = tagger_n_features(p->g) * p->g->k;
    double l2 = p->g->cfg->l2, squares = 0;

    p->at = x;
    tagger_set_chain(p->g, x);
    CRM_TRY(crm_tree_sum(p->tree, lane, p, p->sum));
    for (int64_t i = 0; i < n; i++) {
        bool never = i >= pairs && p->g->trans[i - pairs] <= CRM_CRF_NEVER;
        squares += x[i] * x[i];
        grad[i] = never ? 0 : p->sum[i] + l2 * x[i];
    }
    *value = p->sum[n] + l2 / 2 * squares;
    return CRM_OK;
}

static bool tell(void *ctx, const crm_min_result *at, const double *x)
{
    problem *p = ctx;
    const crm_hooks *hooks = &p->fit->hooks;
    crm_epoch e = {.phase = p->phase,
                   .epoch = p->before + at->iterations,
                   .of = p->g->cfg->max_iter,
                   .train_loss = at->value / (double)(p->tokens > 0 ? p->tokens : 1),
                   .valid_loss = NAN,
                   .valid_score = NAN,
                   .lr = NAN,
                   .grad_norm = at->grad_norm,
                   .seconds = crm_clock_now() - p->begun,
                   .rows = p->fit->train->n};

    (void)x;
    p->begun = crm_clock_now();
    if (hooks->on_epoch) p->answer = hooks->on_epoch(hooks->ctx, &e);
    return p->answer == CRM_HOOK_GO;
}

/* ---- sentences of this rank ---- */

/* Features of own lanes of the sentences at hand. */
static crm_status load(problem *p)
{
    int rank = crm_comm_rank(p->fit->comm), size = crm_comm_size(p->fit->comm);
    int64_t end;

    crm_tree_range(p->g->cfg->lanes, rank, size, &p->first_lane, &p->end_lane);
    p->own_first = lane_first(p, p->first_lane);
    end = lane_first(p, p->end_lane);
    crm_mem_free(p->token_of);
    p->token_of = NULL;
    CRM_NEW(p->token_of, end - p->own_first + 1);
    tagger_features_clear(&p->x);
    for (int64_t s = p->own_first; s < end; s++) {
        int64_t document = p->now->document[s];
        p->token_of[s - p->own_first] = p->x.n_tokens;
        CRM_TRY(tagger_features_add(p->g, p->data, document, labels_of(p, document), &p->x));
    }
    p->tokens = 0;
    for (int64_t s = 0; s < p->now->n; s++)
        p->tokens += tokens_of(p, p->now->document[s]);
    return CRM_OK;
}

static crm_status count_gazetteer(problem *p)
{
    tagger *g = p->g;
    int64_t cells = ((int64_t)1 << GAZ_BITS) * g->n_types, *count = NULL;
    int64_t rank = crm_comm_rank(p->fit->comm), size = crm_comm_size(p->fit->comm);
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, count, cells);
    if (!g->gaz) CRM_NEW_TO(st, agree, g->gaz, cells);
    tagger_count_gazetteer(g, p->data, p->target, p->now, p->now->n * rank / size,
                           p->now->n * (rank + 1) / size, count);
agree:
    st = crm_comm_agree(p->fit->comm, st);
    if (!st) st = crm_comm_sum_i64(p->fit->comm, count, cells);
    for (int64_t i = 0; i < cells && !st; i++)
        g->gaz[i] = count[i] < INT32_MAX ? (int32_t)count[i] : INT32_MAX;
    crm_mem_free(count);
    return st;
}

/* ---- a fit of some sentences ---- */

static crm_status minimise(problem *p, const sentences *s, const char *phase)
{
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    p->now = s;
    p->phase = phase;
    p->begun = crm_clock_now();
    if (p->g->cfg->gazetteer && p->g->n_types > 0) CRM_TRY(count_gazetteer(p));
    CRM_TRY(crm_comm_agree(p->fit->comm, load(p)));
    cfg.max_iter = p->g->cfg->max_iter;
    cfg.memory = 6;
    cfg.value_tol = p->g->cfg->tol;
    cfg.grad_tol = 1e-6;
    cfg.progress = tell;
    CRM_TRY(crm_lbfgs(&cfg, tagger_n_weights(p->g), objective, p, p->g->weight, &res));
    CRM_CHECK(p->answer != CRM_HOOK_PAUSE, CRM_ERR_STOPPED, "%s", "");
    return CRM_OK;
}

/* ---- the bias ---- */

enum { BIASES = 25 };
static double bias_at(int i)
{
    return 0.25 * i;
}

enum { TALLY = 5 }; /* numbers of a crm_span_tally */
/* Memory to score sentences held out. */
typedef struct scorer {
    features x;
    int32_t *found;
    crm_span_counts *counts; /* [n_types] */
} scorer;

static crm_status score_sentence(problem *p, scorer *s, int64_t document, crm_span_tally *out)
{
    tagger *g = p->g;
    worker *w = &p->worker[0];
    int64_t n = tokens_of(p, document);
    crm_crf c;

    CRM_TRY(reserve(w, n, g->k));
    tagger_features_clear(&s->x);
    CRM_TRY(tagger_features_add(g, p->data, document, NULL, &s->x));
    tagger_unary(g, g->weight, &s->x, 0, n, w->unary);
    c = chain_of(g, n, w->unary);
    for (int b = 0; b < BIASES; b++) {
        for (int64_t t = 0; t < n && b > 0; t++)
            w->unary[t * g->k + g->outside] -= bias_at(b) - bias_at(b - 1);
        crm_crf_decode(&c, s->found, w->work);
        memset(s->counts, 0, (size_t)g->n_types * sizeof *s->counts);
        crm_stats_spans(n, g->bio, labels_of(p, document), s->found, s->counts);
        crm_span_tally_add(&out[b], crm_spans_total(g->n_types, s->counts));
    }
    return CRM_OK;
}

/* This rank's share of the sentences held out, for each bias. */
static crm_status score_rest(problem *p, crm_span_tally *out)
{
    int64_t rank = crm_comm_rank(p->fit->comm), size = crm_comm_size(p->fit->comm);
    int64_t first = p->rest.n * rank / size, end = p->rest.n * (rank + 1) / size, most = 0;
    scorer x = {0};
    crm_status st = CRM_OK;

    for (int64_t s = first; s < end; s++)
        if (tokens_of(p, p->rest.document[s]) > most) most = tokens_of(p, p->rest.document[s]);
    CRM_NEW_TO(st, done, x.found, most);
    CRM_NEW_TO(st, done, x.counts, p->g->n_types);
    for (int64_t s = first; s < end && !st; s++)
        st = score_sentence(p, &x, p->rest.document[s], out);
done:
    tagger_features_free(&x.x);
    crm_mem_free(x.found);
    crm_mem_free(x.counts);
    return st;
}

/* The best, or of those above it the last before one costs more than so many standard errors. */
static double best_bias(const crm_span_tally *t, double errors)
{
    int best = 0, at;
    double least;

    for (int b = 1; b < BIASES; b++)
        if (crm_span_tally_f1(&t[b]) > crm_span_tally_f1(&t[best])) best = b;
    least = crm_span_tally_f1(&t[best]) - errors * crm_span_tally_error(&t[best]);
    for (at = best;
         at + 1 < BIASES && crm_span_tally_f1(&t[at + 1]) >= least && least > 0 && errors > 0;)
        at++;
    return bias_at(at);
}

static crm_status hold_out(problem *p)
{
    const crm_fit *fit = p->fit;
    crm_view *part = NULL, *rest = NULL;
    crm_status st =
        crm_view_draw(fit->train, fit->group, p->g->cfg->holdout, fit->seed, &part, &rest);

    if (!st) st = tagger_sentences(p->g, p->data, p->target, part->row, part->n, &p->part);
    if (!st) st = tagger_sentences(p->g, p->data, p->target, rest->row, rest->n, &p->rest);
    crm_view_free(&part);
    crm_view_free(&rest);
    return st;
}

static crm_status choose_bias(problem *p)
{
    crm_span_tally t[BIASES] = {{0}};

    CRM_TRY(crm_comm_agree(p->fit->comm, hold_out(p)));
    if (p->part.n == 0 || p->rest.n == 0) return CRM_OK;
    CRM_TRY(minimise(p, &p->part, CRM_PHASE_SEARCH));
    CRM_TRY(crm_comm_agree(p->fit->comm, score_rest(p, t)));
    CRM_TRY(crm_comm_sum_i64(p->fit->comm, (int64_t *)t, BIASES * TALLY));
    p->g->bias = best_bias(t, p->g->cfg->bias_errors);
    return CRM_OK;
}
_Static_assert(sizeof(crm_span_tally) == TALLY * sizeof(int64_t), "tallies are added as numbers");

/* ---- features that are seen often enough ---- */

static crm_status number_features(tagger *g, const int64_t *count)
{
    int64_t buckets = (int64_t)1 << g->cfg->bits;

    g->n_hashed = 0;
    for (int64_t i = 0; i < buckets; i++)
        g->n_hashed += count[i] >= g->cfg->min_count;
    CRM_NEW(g->bucket, g->n_hashed);
    CRM_NEW(g->id_of, buckets);
    g->n_hashed = 0;
    for (int64_t i = 0; i < buckets; i++) {
        g->id_of[i] = count[i] >= g->cfg->min_count ? (int32_t)g->n_hashed : -1;
        if (g->id_of[i] >= 0) g->bucket[g->n_hashed++] = (int32_t)i;
    }
    CRM_NEW(g->weight, tagger_n_weights(g));
    return CRM_OK;
}

static crm_status find_features(problem *p)
{
    tagger *g = p->g;
    int64_t buckets = (int64_t)1 << g->cfg->bits, *count = NULL;
    int64_t rank = crm_comm_rank(p->fit->comm), size = crm_comm_size(p->fit->comm);
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, count, buckets);
    st = tagger_count(g, p->data, &p->all, p->all.n * rank / size, p->all.n * (rank + 1) / size,
                      count);
agree:
    st = crm_comm_agree(p->fit->comm, st);
    if (!st) st = crm_comm_sum_i64(p->fit->comm, count, buckets);
    if (!st) st = crm_comm_agree(p->fit->comm, number_features(g, count));
    crm_mem_free(count);
    return st;
}

/* ---- all of it ---- */

static crm_status make_problem(problem *p)
{
    CRM_TRY(tagger_shape(p->g, p->target->n_classes, p->target->class_name));
    p->n_workers = p->fit->pool ? crm_pool_size(p->fit->pool) : 1;
    CRM_NEW(p->worker, p->n_workers);
    for (int i = 0; i < p->n_workers; i++)
        CRM_NEW(p->worker[i].pair, p->g->k * p->g->k);
    return tagger_sentences(p->g, p->data, p->target, p->fit->train->row, p->fit->train->n,
                            &p->all);
}

static void free_problem(problem *p)
{
    for (int i = 0; p->worker && i < p->n_workers; i++) {
        free_worker(&p->worker[i]);
        crm_mem_free(p->worker[i].pair);
    }
    crm_mem_free(p->worker);
    crm_mem_free(p->all.document);
    crm_mem_free(p->part.document);
    crm_mem_free(p->rest.document);
    crm_mem_free(p->token_of);
    crm_mem_free(p->sum);
    tagger_features_free(&p->x);
    crm_tree_free(&p->tree);
}

/* The file keeps f32; the fitted tagger is what is in the file. */
static void round_weights(tagger *g)
{
    for (int64_t i = 0; i < tagger_n_weights(g); i++)
        g->weight[i] = (double)(float)g->weight[i];
    tagger_set_chain(g, g->weight);
}

static crm_status solve(problem *p)
{
    tagger *g = p->g;
    bool choose = g->cfg->choose_bias && g->outside >= 0 && g->n_types > 0;
    crm_status st = CRM_OK;

    if (g->cfg->vectors[0]) CRM_TRY(tagger_clusters_new(g->cfg, p->fit, &g->clusters));
    CRM_TRY(find_features(p));
    p->sum = crm_mem_new((size_t)tagger_n_weights(g) + 1, sizeof *p->sum);
    if (!p->sum) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: gradient");
    CRM_TRY(crm_comm_agree(p->fit->comm, st));
    CRM_TRY(crm_tree_new(p->fit->comm, p->fit->pool, g->cfg->lanes, tagger_n_weights(g) + 1,
                         CRM_F64, &p->tree));
    g->bias = g->cfg->bias;
    if (choose) CRM_TRY(choose_bias(p));
    CRM_TRY(minimise(p, &p->all, choose ? CRM_PHASE_REFIT : CRM_PHASE_FIT));
    round_weights(g);
    return CRM_OK;
}

crm_status tagger_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    problem p = {.g = (tagger *)e,
                 .fit = fit,
                 .data = fit->train->data,
                 .target = crm_data_target(fit->train->data, fit->target)};
    crm_status st = crm_comm_agree(fit->comm, make_problem(&p));

    (void)in;
    if (!st) st = solve(&p);
    free_problem(&p);
    return st;
}
