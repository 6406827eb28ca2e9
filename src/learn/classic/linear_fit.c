/* linear_fit.c - a linear problem: its objective as a minimiser sees it, and the way to the
 * minimum.
 *
 * The unknowns are v_i = w_i sqrt(h_i), h_i a bound of the second derivative, so that columns of
 * any scale converge alike: h = l2 + C b sum_i s_i x_ij^2 with b = 1/4 for logistic loss and
 * softmax (p (1 - p) is at most that), 2 for the squared hinge.
 *
 * Problems of few unknowns, and those with absolute values in the penalty, go to linear_newton.c;
 * others to trust-region Newton with conjugate gradients (Lin, Weng, Keerthi, JMLR 9, 2008), whose
 * products with the second derivatives are sums over the rows.  With many rows, each 64th and each
 * 8th strip of them is solved first: the minimum for a sample is near that for all. */
#include <math.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/optim.h"
#include "linear_parts.h"

enum {
    MAX_VECTORS = 65536,
    READ_NUMBERS = 1 << 16,  /* that are read at once            */
    SAMPLE_ROWS = 1024,      /* least of a sample                */
    SAMPLE_PER_UNKNOWN = 16, /* rows                             */
    SAMPLE_PER_CLASS = 32,   /* rows                             */
    SAMPLE_ITERATIONS = 8,   /* most with a sample               */
    SAMPLE_BUDGET = 32,      /* least max_iter that leaves these */
};
static const int64_t strides[] = {64, 8}; /* of samples; divide LEAF_STRIPS */

int linear_vectors(int m)
{
    return m < 2 ? 0 : m == 2 ? 1 : m;
}

int64_t linear_sparse_columns(const linear_spec *spec, const crm_source *in)
{
    return spec->map ? 0 : crm_source_sparse_width(in);
}

int64_t linear_columns(const linear_spec *spec, const crm_source *in)
{
    return spec->map ? spec->map_width : crm_source_schema(in)->n_num;
}

/* ---- passes ---- */

static void scores(const linear_problem *p, const double *weights, int64_t strip, const float *x,
                   double *z)
{
    for (int v = 0; v < p->vectors; v++)
        linear_strip_scores(p->d, x, weights + v * p->width, z + (int64_t)v * STRIP);
    if (p->s) linear_sparse_scores(p, strip, z);
}

static void add_gradient(const linear_problem *p, linear_worker *w, int64_t strip, const float *x,
                         const double *r)
{
    for (int v = 0; v < p->vectors; v++)
        linear_strip_add(p->d, x, r + (int64_t)v * STRIP, w->lanes + v * (p->d + 1) * LANES);
    if (p->s) linear_sparse_add(p, w, strip, r);
}

static void add_weight(const linear_problem *p, linear_worker *w, const int32_t *slot)
{
    double *sum = w->lanes + (p->dense + 1) * LANES;

    for (int l = 0; l < STRIP; l++)
        sum[l % LANES] += slot[l] < 0 ? 0 : p->classes->weight[slot[l]];
}

/* Losses and their gradient; leaves the second derivatives in p->curve. */
static void add_strip(const linear_problem *p, linear_worker *w, int64_t strip, const float *x)
{
    const int32_t *slot = p->slot + strip * STRIP;

    scores(p, p->at, strip, x, w->z);
    linear_strip_loss(p->spec.loss, p->vectors, slot, p->classes->weight, w->z,
                      w->lanes + p->dense * LANES, w->r, p->curve + strip * p->vectors * STRIP);
    add_gradient(p, w, strip, x, w->r);
}

/* The weight of the rows too, where it is not known. */
static void add_sample(const linear_problem *p, linear_worker *w, int64_t strip, const float *x)
{
    add_strip(p, w, strip, x);
    add_weight(p, w, p->slot + strip * STRIP);
}

static void add_product(const linear_problem *p, linear_worker *w, int64_t strip, const float *x)
{
    scores(p, p->at, strip, x, w->z);
    linear_strip_curve(p->spec.loss, p->vectors, p->slot + strip * STRIP, p->classes->weight,
                       p->curve + strip * p->vectors * STRIP, w->z);
    add_gradient(p, w, strip, x, w->z);
}

/* ---- the objective ---- */

static bool is_intercept(const linear_problem *p, int64_t i)
{
    return i % p->width == p->d;
}

/* Of weights; the minimiser's unknown i has unit[i] of them. */
static double square_of_weight(const linear_problem *p, int64_t i)
{
    return is_intercept(p, i) && !p->spec.penalise_intercept ? 0 : 1 - p->spec.l1_ratio;
}

double linear_square_penalty(const linear_problem *p, int64_t i)
{
    return square_of_weight(p, i) * p->unit[i] * p->unit[i];
}

double linear_absolute_penalty(const linear_problem *p, int64_t i)
{
    bool free = is_intercept(p, i) && !p->spec.penalise_intercept;

    return free ? 0 : p->spec.l1_ratio * p->unit[i];
}

static void find_units(linear_problem *p)
{
    double bound = p->spec.loss == LINEAR_SQUARED_HINGE ? 2 : 0.25;

    for (int64_t i = 0; i < p->vars; i++) {
        double h = square_of_weight(p, i) + p->c * bound * p->square[i % p->width];
        p->unit[i] = h > 0 ? 1 / sqrt(h) : 1;
    }
}

static void to_weights(const linear_problem *p, const double *x, double *w)
{
    for (int64_t i = 0; i < p->vars; i++)
        w[i] = x[i] * p->unit[i];
}

static bool is_known(const linear_problem *p, const double *x)
{
    return p->known && memcmp(p->point, x, (size_t)p->vars * sizeof *x) == 0;
}

/* What is known of a point stays, so that asking twice costs nothing. */
static crm_status evaluate(linear_problem *p, const double *x)
{
    double c, penalty = 0;

    if (is_known(p, x)) return CRM_OK;
    p->known = false;
    to_weights(p, x, p->at);
    CRM_TRY(linear_pass(p, p->stride > 1 ? add_sample : add_strip));
    p->scale = p->stride > 1 ? p->classes->total / p->sum[p->vars + 1] : 1;
    c = p->c * p->scale;
    for (int64_t i = 0; i < p->vars; i++) {
        double square = linear_square_penalty(p, i);
        p->slope[i] = c * p->sum[i] * p->unit[i] + square * x[i];
        penalty += square * x[i] * x[i];
    }
    p->value = 0.5 * penalty + c * p->sum[p->vars];
    memcpy(p->point, x, (size_t)p->vars * sizeof *x);
    p->known = true;
    return CRM_OK;
}

crm_status linear_objective(void *ctx, const double *x, double *value, double *grad)
{
    linear_problem *p = ctx;

    CRM_TRY(evaluate(p, x));
    *value = p->value;
    memcpy(grad, p->slope, (size_t)p->vars * sizeof *grad);
    return CRM_OK;
}

crm_status linear_product(void *ctx, const double *x, const double *v, double *hv)
{
    linear_problem *p = ctx;

    CRM_TRY(evaluate(p, x)); /* for its second derivatives */
    to_weights(p, v, p->at);
    CRM_TRY(linear_pass(p, add_product));
    for (int64_t i = 0; i < p->vars; i++)
        hv[i] = p->c * p->scale * p->sum[i] * p->unit[i] + linear_square_penalty(p, i) * v[i];
    return CRM_OK;
}

crm_status linear_problem_loss(linear_problem *p, const double *w, double *loss)
{
    memcpy(p->at, w, (size_t)p->vars * sizeof *w);
    p->known = false;
    p->stride = 1;
    CRM_TRY(linear_pass(p, add_sample));
    *loss = p->sum[p->vars] / p->sum[p->vars + 1];
    return CRM_OK;
}

/* ---- the way to the minimum ---- */

bool linear_tell(linear_problem *p, int64_t iterations, double value, double grad_norm)
{
    const crm_hooks *hooks = &p->fit->hooks;
    crm_epoch e = {.phase = p->phase,
                   .epoch = p->before + p->used + iterations,
                   .of = p->of,
                   .train_loss = value / (p->c * p->classes->total),
                   .valid_loss = NAN,
                   .valid_score = NAN,
                   .lr = NAN,
                   .grad_norm = grad_norm,
                   .seconds = crm_clock_now() - p->begun,
                   .rows = p->fit->train->n / p->stride};

    p->begun = crm_clock_now();
    if (hooks->on_epoch) p->answer = hooks->on_epoch(hooks->ctx, &e);
    return p->answer == CRM_HOOK_GO;
}

static bool tell(void *ctx, const crm_min_result *at, const double *x)
{
    (void)x;
    return linear_tell(ctx, at->iterations, at->value, at->grad_norm);
}

/* Conjugate gradients; the first evaluation is known already, so that it tells the minimiser's
 * relative tolerance. */
static crm_status run_products(linear_problem *p, double limit, int64_t max_iter, double *x,
                               double *norm, bool *converged)
{
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;
    double start = 0;

    CRM_TRY(evaluate(p, x));
    for (int64_t i = 0; i < p->vars; i++)
        start += p->slope[i] * p->slope[i];
    *norm = sqrt(start);
    *converged = *norm <= limit;
    if (*converged) return CRM_OK;
    cfg.max_iter = max_iter;
    cfg.grad_tol = limit / fmax(1, *norm);
    cfg.progress = tell;
    CRM_TRY(crm_tron(&cfg, p->vars, linear_objective, linear_product, p, x, &res));
    p->used += res.iterations;
    *norm = res.grad_norm;
    *converged = res.reason != CRM_MIN_ITERATIONS;
    return CRM_OK;
}

static crm_status run(linear_problem *p, linear_newton *n, double limit, int64_t max_iter,
                      double *x, double *norm, bool *converged)
{
    p->known = false;
    return n ? linear_newton_run(n, limit, max_iter, x, norm, converged)
             : run_products(p, limit, max_iter, x, norm, converged);
}

/* Whether each stride-th strip of the training rows is enough to be solved first.  All ranks have
 * all labels. */
static crm_status is_sample(const linear_problem *p, int64_t stride, bool *enough)
{
    const crm_view *v = p->fit->train;
    const crm_target *t = crm_data_target(v->data, p->fit->target);
    int64_t *count, least = INT64_MAX;

    *enough = p->spec.max_iter >= SAMPLE_BUDGET && v->n / stride >= SAMPLE_ROWS &&
              v->n / stride >= SAMPLE_PER_UNKNOWN * p->vars;
    if (!*enough) return CRM_OK;
    CRM_NEW(count, p->classes->m);
    for (int64_t i = 0; i < v->n; i += i % STRIP == STRIP - 1 ? 1 + (stride - 1) * STRIP : 1) {
        int slot = classic_slot(p->classes, t, v->row[i]);
        if (slot >= 0) count[slot]++;
    }
    for (int c = 0; c < p->classes->m; c++)
        least = count[c] < least ? count[c] : least;
    crm_mem_free(count);
    *enough = least >= SAMPLE_PER_CLASS;
    return CRM_OK;
}

/* The minimum for a sample: as near to that for all rows as the sample's gradient tells. */
static crm_status run_sample(linear_problem *p, linear_newton *n, int64_t stride, double limit,
                             double *x)
{
    double near = 0.1 * sqrt((double)(p->vars * stride) * p->c), norm;
    bool enough, converged;

    CRM_TRY(crm_comm_agree(p->fit->comm, is_sample(p, stride, &enough)));
    if (!enough || p->answer != CRM_HOOK_GO) return CRM_OK;
    p->stride = stride;
    return run(p, n, fmax(limit, near), SAMPLE_ITERATIONS, x, &norm, &converged);
}

static crm_status run_all(linear_problem *p, double *x, double *norm, bool *converged)
{
    double limit = p->spec.tol * fmax(1, sqrt(p->c * p->classes->total));
    linear_newton *n = NULL;
    crm_status st = CRM_OK;

    if (linear_newton_fits(p)) st = crm_comm_agree(p->fit->comm, linear_newton_new(p, &n));
    for (size_t i = 0; !st && i < sizeof strides / sizeof *strides; i++)
        st = run_sample(p, n, strides[i], limit, x);
    p->stride = 1;
    if (!st && p->answer == CRM_HOOK_GO)
        st = run(p, n, limit, p->spec.max_iter - p->used, x, norm, converged);
    linear_newton_free(&n);
    return st;
}

/* Probabilities of softmax do not change with a number added to all intercepts: they sum to 0. */
static void centre(const linear_problem *p, double *w)
{
    double mean = 0;

    if (p->spec.loss != LINEAR_SOFTMAX || p->spec.penalise_intercept) return;
    for (int v = 0; v < p->vectors; v++)
        mean += w[v * p->width + p->d] / p->vectors;
    for (int v = 0; v < p->vectors; v++)
        w[v * p->width + p->d] -= mean;
}

/* A fit of a search serves to judge a C only: where it ends is no cause for a warning. */
static void tell_end(const linear_problem *p, double norm, bool converged)
{
    bool search = p->phase && strcmp(p->phase, CRM_PHASE_SEARCH) == 0;

    if (!converged && p->answer == CRM_HOOK_GO && crm_comm_rank(p->fit->comm) == 0)
        crm_log_line(search ? CRM_LOG_DEBUG : CRM_LOG_WARN, p->spec.model,
                     "not converged after %lld iterations (%s.max_iter), gradient norm %.3g",
                     (long long)p->used, p->spec.model, norm);
}

crm_status linear_problem_solve(linear_problem *p, double c, const char *phase, int fits, double *w)
{
    double norm = 0;
    bool converged = false;

    p->c = c;
    p->phase = phase;
    p->used = 0;
    p->of = fits * p->spec.max_iter;
    p->begun = crm_clock_now();
    find_units(p);
    for (int64_t i = 0; i < p->vars; i++)
        w[i] /= p->unit[i];
    CRM_TRY(run_all(p, w, &norm, &converged));
    to_weights(p, w, w);
    centre(p, w);
    p->before += p->used;
    tell_end(p, norm, converged);
    CRM_CHECK(p->answer != CRM_HOOK_PAUSE, CRM_ERR_STOPPED, "%s stopped after %lld iterations",
              p->spec.model, (long long)p->before);
    return CRM_OK;
}

bool linear_problem_stopped(const linear_problem *p)
{
    return p->answer != CRM_HOOK_GO;
}

/* ---- life ---- */

static crm_status worker_new(const linear_problem *p, linear_worker *w)
{
    const crm_schema *s = crm_source_schema(p->in);
    int64_t rows = p->read * STRIP;

    CRM_NEW(w->num, rows * s->n_num);
    CRM_NEW(w->cat, rows * s->n_cat);
    CRM_NEW(w->row, rows);
    CRM_NEW(w->mapped, p->spec.map ? STRIP * p->d : 0);
    CRM_NEW(w->x, p->keep ? 0 : rows * p->d);
    CRM_NEW(w->z, (int64_t)STRIP * p->vectors);
    CRM_NEW(w->r, (int64_t)STRIP * p->vectors);
    CRM_NEW(w->lanes, (p->dense + 2 > TILE * TILE ? p->dense + 2 : TILE * TILE) * LANES);
    CRM_NEW(w->sparse, p->s * p->vectors);
    CRM_NEW(w->a, TILE * STRIP);
    CRM_NEW(w->b, TILE * STRIP);
    CRM_NEW(w->q, BATCH * STRIP);
    CRM_NEW(w->one, STRIP);
    for (int l = 0; l < STRIP; l++)
        w->one[l] = 1;
    return CRM_OK;
}

static void worker_free(linear_worker *w)
{
    crm_mem_free(w->num);
    crm_mem_free(w->cat);
    crm_mem_free(w->row);
    crm_mem_free(w->mapped);
    crm_mem_free(w->x);
    crm_mem_free(w->z);
    crm_mem_free(w->r);
    crm_mem_free(w->lanes);
    crm_mem_free(w->sparse);
    crm_mem_free(w->a);
    crm_mem_free(w->b);
    crm_mem_free(w->q);
    crm_mem_free(w->one);
}

/* Rows that are read once are read in larger pieces. */
static void choose_pieces(linear_problem *p)
{
    const crm_schema *s = crm_source_schema(p->in);
    int64_t rows = (p->own.n + STRIP - 1) / STRIP * STRIP, fit;

    p->keep = (double)rows * (double)p->d * sizeof(float) <= (double)p->spec.cache_bytes;
    fit = READ_NUMBERS / STRIP / (s->n_num + s->n_cat + 1);
    p->read = !p->keep || fit < BATCH ? BATCH : fit < LEAF_STRIPS ? (int)fit : LEAF_STRIPS;
}

static crm_status problem_fill(linear_problem *p)
{
    choose_pieces(p);
    CRM_CHECK(p->vectors <= MAX_VECTORS, CRM_ERR_ARG, "%d classes, at most %d", p->vectors,
              MAX_VECTORS);
    CRM_CHECK(!p->s || p->spec.l1_ratio <= 0, CRM_ERR_CONFIG,
              "%s.penalty: absolute values are not penalised beside n-grams (grams.words, "
              "grams.chars_to); take l2",
              p->spec.model);
    CRM_NEW(p->sum, p->vars + 2);
    CRM_NEW(p->square, p->width);
    CRM_NEW(p->at_sparse, p->s * p->vectors);
    CRM_NEW(p->unit, p->vars);
    CRM_NEW(p->at, p->vars);
    CRM_NEW(p->point, p->vars);
    CRM_NEW(p->slope, p->vars);
    CRM_NEW(p->worker, p->n_workers);
    for (int i = 0; i < p->n_workers; i++)
        CRM_TRY(worker_new(p, &p->worker[i]));
    return CRM_OK;
}

static crm_status problem_make(const linear_spec *spec, const crm_fit *fit, const crm_source *in,
                               const classic_classes *classes, linear_problem **out)
{
    int64_t end;
    linear_problem *p;

    CRM_NEW(p, 1);
    *out = p;
    p->spec = *spec;
    p->fit = fit;
    p->in = in;
    p->classes = classes;
    p->vectors = linear_vectors(classes->m);
    p->d = linear_columns(spec, in);
    p->s = linear_sparse_columns(spec, in);
    p->width = linear_width(p->d, p->s);
    p->vars = p->vectors * p->width;
    p->dense = p->vectors * (p->d + 1);
    p->own = crm_rows_own(fit);
    p->n_workers = fit->pool ? crm_pool_size(fit->pool) : 1;
    crm_tree_range(crm_leaf_count(fit->train->n), crm_comm_rank(fit->comm),
                   crm_comm_size(fit->comm), &p->first_leaf, &end);
    return problem_fill(p);
}

crm_status linear_problem_new(const linear_spec *spec, const crm_fit *fit, const crm_source *in,
                              const classic_classes *classes, linear_problem **out)
{
    *out = NULL;
    CRM_TRY(crm_comm_agree(fit->comm, problem_make(spec, fit, in, classes, out)));
    CRM_TRY(crm_tree_new(fit->comm, fit->pool, crm_leaf_count(fit->train->n), (*out)->vars + 2,
                         CRM_F64, &(*out)->tree));
    return linear_rows_load(*out);
}

void linear_problem_free(linear_problem **at)
{
    linear_problem *p = *at;

    if (!p) return;
    for (int i = 0; p->worker && i < p->n_workers; i++)
        worker_free(&p->worker[i]);
    crm_mem_free(p->worker);
    crm_mem_free(p->slot);
    for (int64_t i = 0; p->kept && i * CRM_LEAF_ROWS < p->own.n; i++)
        crm_mem_free(p->kept[i]);
    crm_mem_free(p->kept);
    linear_sparse_free(p);
    crm_mem_free(p->curve);
    crm_mem_free(p->sum);
    crm_mem_free(p->square);
    crm_mem_free(p->unit);
    crm_mem_free(p->at);
    crm_mem_free(p->point);
    crm_mem_free(p->slope);
    crm_tree_free(&p->tree);
    crm_mem_free(p);
    *at = NULL;
}
