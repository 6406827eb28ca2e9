/* logistic_fit.c - the objective of logistic regression, summed exactly over leaves of rows:
 *
 *     f(W) = 0.5 |W|^2 + C sum_i s_(y_i) loss_i       (intercepts not in |W|)
 *     two classes:  loss = -log sigmoid(+-z),  d loss / dz = sigmoid(z) - y
 *     more:         loss = log sum_c exp z_c - z_y,  d loss / dz_c = p_c - [c = y]
 *
 * as in scikit-learn's LogisticRegression; minimised by trust-region Newton with conjugate
 * gradients (Lin, Weng, Keerthi 2008), whose products with the second derivatives are sums over the
 * same leaves.  A rank reads its own rows only.
 *
 * The minimiser works on v_j = w_j sqrt(h_j), h_j = 1 + C sum_i s_(y_i) x_ij^2 / 4 (without the 1
 * for an intercept): a bound of the second derivative, so that columns of any scale converge alike.
 */
#include <math.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_math.h"
#include "crmpi/optim.h"
#include "logistic_impl.h"

enum { MAX_VECTORS = 65536 };

/* Working memory of a thread. */
typedef struct bench {
    float *num;
    int32_t *cat;
    int64_t *pos;
    double *z;
} bench;

typedef logistic_problem problem;
/* Adds a row of class slot y to out; z is working memory. */
typedef void (*row_fn)(const problem *p, const float *x, int64_t row, int y, double *z,
                       double *out);

struct logistic_problem {
    const logistic *h;
    const crm_fit *fit;
    const int32_t *label;
    crm_view own;
    crm_matrix *matrix; /* of own rows */
    crm_tree *tree;
    int32_t *slot;  /* [n_classes] number among the classes seen */
    double *weight; /* [m] s_c */
    bench *bench;
    int n_bench;
    int64_t width;   /* value and gradient */
    double *sum;     /* [width] */
    row_fn add;      /* what a leaf sums */
    double *at;      /* [width - 1] weights to be evaluated */
    double *along;   /* [width] direction of a product */
    double *kept_at; /* [width] point that keep is of */
    double *keep;    /* [own.n][vectors] what products at that point need of a row */
    double *unit;    /* [width - 1] 1 / sqrt(h) */
    double total;    /* sum of s over the training rows */
    double begun;    /* clock */
    double c;        /* of the fit under way */
    const char *phase;
    int64_t before, of; /* iterations of the fits before, of all at most */
    crm_hook_answer answer;
};

int logistic_vectors(int m)
{
    return m < 2 ? 0 : m == 2 ? 1 : m;
}

/* Eight sums side by side, so that a compiler may use any width of registers. */
static double dot(const float *x, const double *w, int64_t d)
{
    double a[8] = {0};
    int64_t j = 0;

    for (; j + 8 <= d; j += 8)
        for (int l = 0; l < 8; l++)
            a[l] += (double)x[j + l] * w[j + l];
    for (int l = 0; j < d; j++, l++)
        a[l] += (double)x[j] * w[j];
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

void logistic_scores(int vectors, int64_t d, const double *w, const float *x, double *z)
{
    for (int v = 0; v < vectors; v++, w += d + 1)
        z[v] = dot(x, w, d) + w[d];
}

double logistic_softmax(int m, double *z)
{
    double top = z[0], sum = 0;

    for (int c = 1; c < m; c++)
        top = z[c] > top ? z[c] : top;
    for (int c = 0; c < m; c++) {
        z[c] = crm_exp(z[c] - top);
        sum += z[c];
    }
    for (int c = 0; c < m; c++)
        z[c] /= sum;
    return top + crm_log(sum);
}

/* Scores of a row in z -> its loss; z becomes the derivatives of the loss. */
static double row_loss(int m, int y, double *z)
{
    double loss;

    if (m == 2) {
        double sign = y ? 1 : -1;
        loss = -crm_log_sigmoid(sign * z[0]);
        z[0] = -sign * crm_sigmoid(-sign * z[0]);
        return loss;
    }
    loss = -z[y];
    loss += logistic_softmax(m, z);
    z[y] -= 1;
    return loss;
}

/* out[1 ...] += weight z_v (x, 1) for every vector v. */
static void add_outer(const problem *p, const float *x, double weight, const double *z, double *out)
{
    double *sum = out + 1;

    for (int v = 0; v < p->h->vectors; v++, sum += p->h->d + 1) {
        double r = weight * z[v];
        for (int64_t j = 0; j < p->h->d; j++)
            sum[j] += r * (double)x[j];
        sum[p->h->d] += r;
    }
}

static void add_row(const problem *p, const float *x, int64_t row, int y, double *z, double *out)
{
    const logistic *h = p->h;

    (void)row;
    logistic_scores(h->vectors, h->d, p->at, x, z);
    out[0] += p->weight[y] * row_loss(h->m, y, z);
    add_outer(p, x, p->weight[y], z, out);
}

/* The loss alone, and the weight that it has. */
static void add_loss(const problem *p, const float *x, int64_t row, int y, double *z, double *out)
{
    const logistic *h = p->h;

    (void)row;
    logistic_scores(h->vectors, h->d, p->at, x, z);
    out[0] += p->weight[y] * row_loss(h->m, y, z);
    out[1] += p->weight[y];
}

/* Scores z of a row along a direction -> (second derivatives of its loss) z.  keep: p (1 - p) of
 * two classes, else the probabilities. */
static void row_curve(int m, const double *keep, double *z)
{
    double mean = 0;

    if (m == 2) {
        z[0] *= keep[0];
        return;
    }
    for (int c = 0; c < m; c++)
        mean += keep[c] * z[c];
    for (int c = 0; c < m; c++)
        z[c] = keep[c] * (z[c] - mean);
}

static void add_product(const problem *p, const float *x, int64_t row, int y, double *z,
                        double *out)
{
    const logistic *h = p->h;

    logistic_scores(h->vectors, h->d, p->along, x, z);
    row_curve(h->m, p->keep + row * h->vectors, z);
    add_outer(p, x, p->weight[y], z, out);
}

/* What row_curve needs of a row, taken once for all products at a point.  Adds nothing. */
static void keep_row(const problem *p, const float *x, int64_t row, int y, double *z, double *out)
{
    const logistic *h = p->h;
    double *keep = p->keep + row * h->vectors;

    (void)y, (void)z, (void)out;
    logistic_scores(h->vectors, h->d, p->at, x, keep);
    if (h->m == 2)
        keep[0] = crm_sigmoid(keep[0]) * crm_sigmoid(-keep[0]);
    else
        logistic_softmax(h->m, keep);
}

/* n of this rank's rows from number at, in place when they are kept. */
static crm_status leaf_rows(const problem *p, bench *b, int64_t at, int64_t n, const float **num)
{
    const int32_t *cat;

    if (crm_matrix_kept(p->matrix, at, num, &cat)) return CRM_OK;
    for (int64_t i = 0; i < n; i++)
        b->pos[i] = at + i;
    *num = b->num;
    return crm_matrix_read(p->matrix, b->pos, n, b->num, b->cat);
}

static crm_status add_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const problem *p = ctx;
    bench *b = &p->bench[worker];
    const float *num = NULL;
    int64_t first, n, at;

    crm_leaf_rows(p->fit->train->n, leaf, &first, &n);
    at = first - (p->own.row - p->fit->train->row);
    CRM_TRY(leaf_rows(p, b, at, n, &num));
    for (int64_t i = 0; i < n; i++) {
        int32_t y = p->label[p->fit->train->row[first + i]];
        if (y >= 0) p->add(p, num + i * p->h->d, at + i, p->slot[y], b->z, out);
    }
    return CRM_OK;
}

static void add_squares(const problem *p, const float *x, int64_t row, int y, double *z,
                        double *out)
{
    (void)z, (void)row;
    for (int64_t j = 0; j < p->h->d; j++)
        out[j] += p->weight[y] * ((double)x[j] * (double)x[j]);
    out[p->h->d] += p->weight[y];
}

static crm_status find_units(problem *p)
{
    int64_t n = p->h->d + 1;

    p->add = add_squares;
    CRM_TRY(crm_tree_sum(p->tree, add_leaf, p, p->sum));
    for (int64_t i = 0; i < p->width - 1; i++)
        p->unit[i] = 1 / sqrt((i % n < p->h->d) + 0.25 * p->c * p->sum[i % n]);
    p->add = add_row;
    return CRM_OK;
}

/* Variables of the minimiser -> weights. */
static void to_weights(const problem *p, const double *v, double *w)
{
    for (int64_t i = 0; i < p->width - 1; i++)
        w[i] = v[i] * p->unit[i];
}

static crm_status objective(void *ctx, const double *v, double *value, double *grad)
{
    problem *p = ctx;
    const logistic *h = p->h;
    double c = p->c, penalty = 0;

    to_weights(p, v, p->at);
    p->add = add_row;
    CRM_TRY(crm_tree_sum(p->tree, add_leaf, p, p->sum));
    for (int64_t i = 0; i < p->width - 1; i++) {
        bool penalised = i % (h->d + 1) != h->d;
        grad[i] = (c * p->sum[1 + i] + (penalised ? p->at[i] : 0)) * p->unit[i];
        if (penalised) penalty += p->at[i] * p->at[i];
    }
    *value = 0.5 * penalty + c * p->sum[0];
    return CRM_OK;
}

static crm_status keep_rows(problem *p, const double *x)
{
    memcpy(p->kept_at, x, (size_t)(p->width - 1) * sizeof *x);
    to_weights(p, x, p->at);
    p->add = keep_row;
    return crm_tree_sum(p->tree, add_leaf, p, p->sum);
}

/* hv = f'' v at the point of the variables x. */
static crm_status product(void *ctx, const double *x, const double *v, double *hv)
{
    problem *p = ctx;
    double c = p->c;

    to_weights(p, v, p->along);
    if (memcmp(p->kept_at, x, (size_t)(p->width - 1) * sizeof *x) != 0) CRM_TRY(keep_rows(p, x));
    p->add = add_product;
    CRM_TRY(crm_tree_sum(p->tree, add_leaf, p, p->sum));
    for (int64_t i = 0; i < p->width - 1; i++) {
        bool penalised = i % (p->h->d + 1) != p->h->d;
        hv[i] = (c * p->sum[1 + i] + (penalised ? p->along[i] : 0)) * p->unit[i];
    }
    return CRM_OK;
}

static bool progress(void *ctx, const crm_min_result *at, const double *w)
{
    problem *p = ctx;
    const crm_hooks *hooks = &p->fit->hooks;
    crm_epoch e = {.phase = p->phase,
                   .epoch = p->before + at->iterations,
                   .of = p->of,
                   .train_loss = at->value / (p->c * p->total),
                   .valid_loss = NAN,
                   .valid_score = NAN,
                   .lr = NAN,
                   .grad_norm = at->grad_norm,
                   .seconds = crm_clock_now() - p->begun,
                   .rows = p->fit->train->n};

    (void)w;
    p->begun = crm_clock_now();
    if (hooks->on_epoch) p->answer = hooks->on_epoch(hooks->ctx, &e);
    return p->answer == CRM_HOOK_GO;
}

static crm_status bench_new(problem *p, const crm_schema *s)
{
    p->n_bench = p->fit->pool ? crm_pool_size(p->fit->pool) : 1;
    CRM_NEW(p->bench, p->n_bench);
    for (int i = 0; i < p->n_bench; i++) {
        CRM_NEW(p->bench[i].num, (int64_t)CRM_LEAF_ROWS * s->n_num);
        CRM_NEW(p->bench[i].cat, (int64_t)CRM_LEAF_ROWS * s->n_cat);
        CRM_NEW(p->bench[i].pos, CRM_LEAF_ROWS);
        CRM_NEW(p->bench[i].z, 2 * p->h->vectors);
    }
    return CRM_OK;
}

void logistic_problem_free(problem **at)
{
    problem *p = *at;

    if (!p) return;
    for (int i = 0; p->bench && i < p->n_bench; i++) {
        crm_mem_free(p->bench[i].num);
        crm_mem_free(p->bench[i].cat);
        crm_mem_free(p->bench[i].pos);
        crm_mem_free(p->bench[i].z);
    }
    crm_mem_free(p->bench);
    crm_mem_free(p->slot);
    crm_mem_free(p->weight);
    crm_mem_free(p->sum);
    crm_mem_free(p->at);
    crm_mem_free(p->along);
    crm_mem_free(p->kept_at);
    crm_mem_free(p->keep);
    crm_mem_free(p->unit);
    crm_matrix_free(&p->matrix);
    crm_tree_free(&p->tree);
    crm_mem_free(p);
    *at = NULL;
}

static crm_status weigh(problem *p, const int64_t *count)
{
    const logistic *h = p->h;
    double n = 0;

    CRM_NEW(p->slot, h->n_classes);
    CRM_NEW(p->weight, h->m);
    for (int c = 0; c < h->m; c++)
        n += (double)count[h->seen[c]];
    for (int c = 0; c < h->m; c++) {
        double rows = (double)count[h->seen[c]];
        bool balanced = h->cfg->class_weight == CRM_LOGISTIC_BALANCED;
        p->slot[h->seen[c]] = c;
        p->weight[c] = balanced ? n / (h->m * rows) : 1;
        p->total += p->weight[c] * rows;
    }
    return CRM_OK;
}

static crm_status problem_fill(problem *p, const crm_source *in, const int64_t *count,
                               int64_t cache_bytes)
{
    CRM_CHECK(p->h->vectors <= MAX_VECTORS, CRM_ERR_ARG, "%d classes, at most %d", p->h->vectors,
              MAX_VECTORS);
    CRM_NEW(p->sum, p->width);
    CRM_NEW(p->at, p->width);
    CRM_NEW(p->along, p->width);
    CRM_NEW(p->kept_at, p->width);
    CRM_NEW(p->keep, p->own.n * p->h->vectors);
    CRM_NEW(p->unit, p->width);
    CRM_TRY(weigh(p, count));
    CRM_TRY(bench_new(p, crm_source_schema(in)));
    return crm_matrix_new(in, &p->own, p->fit->pool, (size_t)cache_bytes, &p->matrix);
}

static crm_status problem_make(const logistic *h, const crm_fit *fit, const crm_source *in,
                               const int64_t *count, int64_t cache_bytes, problem **out)
{
    problem *p;

    CRM_NEW(p, 1);
    *out = p;
    p->h = h;
    p->fit = fit;
    p->own = crm_rows_own(fit);
    p->width = 1 + h->vectors * (h->d + 1);
    p->label = crm_data_target(fit->train->data, fit->target)->label;
    return problem_fill(p, in, count, cache_bytes);
}

crm_status logistic_problem_new(const logistic *h, const crm_fit *fit, const crm_source *in,
                                const int64_t *count, int64_t cache_bytes, problem **out)
{
    *out = NULL;
    CRM_TRY(crm_comm_agree(fit->comm, problem_make(h, fit, in, count, cache_bytes, out)));
    return crm_tree_new(fit->comm, fit->pool, crm_leaf_count(fit->train->n), (*out)->width, CRM_F64,
                        &(*out)->tree);
}

crm_status logistic_problem_loss(problem *p, const double *w, double *loss)
{
    memcpy(p->at, w, (size_t)(p->width - 1) * sizeof *w);
    p->add = add_loss;
    CRM_TRY(crm_tree_sum(p->tree, add_leaf, p, p->sum));
    *loss = p->sum[0] / p->sum[1];
    return CRM_OK;
}

/* A fit of the search serves to judge a C only: where it ends is no cause for a warning. */
static void tell_end(const problem *p, const crm_min_result *res)
{
    bool search = p->phase && strcmp(p->phase, CRM_PHASE_SEARCH) == 0;

    if (res->reason == CRM_MIN_ITERATIONS && crm_comm_rank(p->fit->comm) == 0)
        crm_log_line(search ? CRM_LOG_DEBUG : CRM_LOG_WARN, "logistic",
                     "not converged after %lld iterations (logistic.max_iter), gradient norm %.3g",
                     (long long)res->iterations, res->grad_norm);
}

crm_status logistic_problem_solve(problem *p, double c, const char *phase, int fits, double *w)
{
    const logistic *h = p->h;
    crm_min_cfg cfg = crm_min_defaults();
    crm_min_result res;

    cfg.max_iter = h->cfg->max_iter;
    cfg.grad_tol = h->cfg->tol;
    cfg.progress = progress;
    p->c = c;
    p->phase = phase;
    p->of = fits * cfg.max_iter;
    p->kept_at[0] = (double)NAN; /* equals no point: the variables have other units now */
    p->begun = crm_clock_now();
    CRM_TRY(find_units(p));
    for (int64_t i = 0; i < p->width - 1; i++)
        w[i] /= p->unit[i];
    CRM_TRY(crm_tron(&cfg, p->width - 1, objective, product, p, w, &res));
    for (int64_t i = 0; i < p->width - 1; i++)
        w[i] *= p->unit[i];
    p->before += res.iterations;
    tell_end(p, &res);
    CRM_CHECK(p->answer != CRM_HOOK_PAUSE, CRM_ERR_STOPPED,
              "logistic regression stopped after %lld iterations", (long long)p->before);
    return CRM_OK;
}

bool logistic_problem_stopped(const problem *p)
{
    return p->answer != CRM_HOOK_GO;
}
