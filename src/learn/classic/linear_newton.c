/* linear_newton.c - Newton's method for linear models of few unknowns, and for penalties with
 * absolute values (proximal Newton: Lee, Sun, Saunders, SIAM J. Optim. 24(3), 2014).
 *
 * The second derivatives are a matrix H over the unknowns of some columns: all of them, or with
 * absolute values those that are not 0 or may leave it.  A step minimises g's + s'Hs/2 + the
 * absolute values: by Cholesky, or by coordinate descent with steps on the face of its signs.  It
 * is shortened until the objective falls.
 *
 * H need not be exact for the minimum to be: it is kept while it lowers the gradient well, and it
 * may come from a sample of the rows (Byrd, Chin, Neveitt, Nocedal, SIAM J. Optim. 21(3), 2011). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linear_parts.h"

enum {
    SMOOTH_MAX = 192,   /* unknowns without absolute values: more go to conjugate gradients */
    SAMPLED_MAX = 512,  /* where there are so many rows that a sample makes H: */
    SAMPLED_ROWS = 128, /* for each unknown */
    MODEL_MAX = 768,    /* of H, with absolute values */
    SWEEPS = 1024,
    FACE_FIRST = 16, /* sweeps before the first step on a face; then twice as many */
    HALVINGS = 40,
    SAMPLE_MOST = 8,        /* H is of each so many-th strip of those of the objective, at most */
    SAMPLE_PER_UNKNOWN = 64 /* rows, at least */
};
static const double good_fall = 0.25, inner_tol = 1e-3, part_tol = 0.1, armijo = 1e-4,
                    rounding = 1e-12;

struct linear_newton {
    linear_problem *p;
    bool absolute;        /* the penalty has absolute values */
    bool part;            /* H has room for a part only of the columns that want to move */
    int64_t columns;      /* of H                            */
    int64_t *column;      /* [columns] rising                */
    int64_t n;            /* vectors x columns               */
    double *h;            /* [n][n]                          */
    double *low;          /* [n][n] a triangle               */
    double *sum;          /* [blocks][columns][columns] and the weight of the rows */
    bool there, fresh;    /* H is there; of the present point */
    int64_t stride;       /* of its sample                    */
    double *lambda;       /* [vars] of absolute values        */
    double *g, *step, *x; /* [vars] x: trial                  */
    double *g_before;     /* [vars] at the start of a step    */
    double *u, *m, *d;    /* [n] of the model: place, slope, face step */
    int64_t *face;        /* [n] */
    double *score;        /* [d + 1] of columns               */
    double value, norm;   /* at the present point             */
};

bool linear_newton_fits(const linear_problem *p)
{
    bool many = p->fit->train->n / SAMPLED_ROWS >= p->vars;

    if (p->s) return false;
    return p->spec.l1_ratio > 0 || p->vars <= (many ? SAMPLED_MAX : SMOOTH_MAX);
}

static int64_t unknown(const linear_newton *n, int64_t i)
{
    return i / n->columns * (n->p->d + 1) + n->column[i % n->columns];
}

/* ---- the matrix ---- */

static int64_t block_count(const linear_problem *p)
{
    return p->spec.loss == LINEAR_SOFTMAX ? p->vectors * (p->vectors + 1) / 2 : p->vectors;
}

/* A tile of a block: rows from a, columns from b on. */
static void add_tile(const linear_newton *n, linear_worker *w, int64_t a, int64_t b, int strips,
                     const float *const *x, double *out)
{
    int64_t n_a = n->columns - a < TILE ? n->columns - a : TILE;
    int64_t n_b = n->columns - b < TILE ? n->columns - b : TILE;

    memset(w->lanes, 0, (size_t)(n_a * n_b * LANES) * sizeof *w->lanes);
    for (int i = 0; i < strips; i++) {
        linear_strip_take(n->p->d, n_a, n->column + a, x[i], w->q + i * STRIP, w->a);
        linear_strip_take(n->p->d, n_b, n->column + b, x[i], w->one, w->b);
        linear_strip_gram((int)n_a, (int)n_b, a == b, w->a, w->b, w->lanes);
    }
    for (int64_t i = 0; i < n_a; i++)
        for (int64_t k = a == b ? i : 0; k < n_b; k++)
            out[(a + i) * n->columns + b + k] += linear_fold(w->lanes + (i * n_b + k) * LANES);
}

static void add_block(const linear_newton *n, linear_worker *w, int a, int b, int strips,
                      const int64_t *strip, const float *const *x, double *out)
{
    const linear_problem *p = n->p;

    for (int i = 0; i < strips; i++)
        linear_strip_cross(p->spec.loss, p->vectors, a, b, p->slot + strip[i] * STRIP,
                           p->classes->weight, p->curve + strip[i] * p->vectors * STRIP,
                           w->q + i * STRIP);
    for (int64_t i = 0; i < n->columns; i += TILE)
        for (int64_t k = i; k < n->columns; k += TILE)
            add_tile(n, w, i, k, strips, x, out);
}

static double weight_of(const linear_problem *p, int64_t strip)
{
    const int32_t *slot = p->slot + strip * STRIP;
    double s = 0;

    for (int l = 0; l < STRIP; l++)
        s += slot[l] < 0 ? 0 : p->classes->weight[slot[l]];
    return s;
}

static crm_status matrix_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const linear_newton *n = ctx;
    const linear_problem *p = n->p;
    linear_worker *w = &p->worker[worker];
    int64_t strip[BATCH], size = n->columns * n->columns;
    const float *x[BATCH];
    int from = 0, strips;

    while ((strips = linear_rows_batch(p, leaf, &from, strip)) > 0) {
        double *block = out;
        CRM_TRY(linear_rows_get(p, w, strip, strips, x));
        for (int a = 0; a < p->vectors; a++)
            for (int b = a; b < (p->spec.loss == LINEAR_SOFTMAX ? p->vectors : a + 1);
                 b++, block += size)
                add_block(n, w, a, b, strips, strip, x, block);
        for (int i = 0; i < strips; i++)
            *block += weight_of(p, strip[i]);
    }
    return CRM_OK;
}

/* Block (a, b) of the sums, times scale -> H; tiles below the diagonal are those above it. */
static void put_block(linear_newton *n, int a, int b, const double *block, double scale)
{
    int64_t size = n->columns;

    for (int64_t i = 0; i < size; i++)
        for (int64_t k = 0; k < size; k++) {
            int64_t r = a * size + i, c = b * size + k;
            double s = i <= k ? block[i * size + k] : block[k * size + i];
            s *= scale * n->p->unit[unknown(n, r)] * n->p->unit[unknown(n, c)];
            n->h[r * n->n + c] = n->h[c * n->n + r] = s;
        }
}

static void put_matrix(linear_newton *n, double scale)
{
    const linear_problem *p = n->p;
    const double *block = n->sum;

    memset(n->h, 0, (size_t)(n->n * n->n) * sizeof *n->h);
    for (int a = 0; a < p->vectors; a++)
        for (int b = a; b < (p->spec.loss == LINEAR_SOFTMAX ? p->vectors : a + 1);
             b++, block += n->columns * n->columns)
            put_block(n, a, b, block, scale);
    for (int64_t i = 0; i < n->n; i++)
        n->h[i * n->n + i] += linear_square_penalty(p, unknown(n, i));
}

static crm_status make_matrix(linear_newton *n)
{
    linear_problem *p = n->p;
    int64_t width = block_count(p) * n->columns * n->columns + 1, stride = p->stride;
    crm_status st;

    p->stride = n->stride;
    st = crm_tree_sum_once(p->fit->comm, p->fit->pool, crm_leaf_count(p->fit->train->n), width,
                           matrix_leaf, n, n->sum);
    p->stride = stride;
    CRM_TRY(st);
    put_matrix(n, p->c * p->classes->total / n->sum[width - 1]);
    n->there = n->fresh = true;
    return CRM_OK;
}

/* ---- which columns ---- */

/* How far an unknown is from its minimum, as a slope. */
static double residual(double x, double g, double lambda)
{
    if (lambda == 0) return g;
    if (x != 0) return g + (x > 0 ? lambda : -lambda);
    return g > lambda ? g - lambda : g < -lambda ? g + lambda : 0;
}

static double norm_of(const linear_newton *n, const double *x, const double *g)
{
    double s = 0;

    for (int64_t i = 0; i < n->p->vars; i++) {
        double r = residual(x[i], g[i], n->lambda[i]);
        s += r * r;
    }
    return sqrt(s);
}

/* A column's largest residual; -1 where all its weights are 0 and far from leaving it. */
static void score_columns(linear_newton *n, const double *x)
{
    const linear_problem *p = n->p;

    for (int64_t j = 0; j <= p->d; j++) {
        n->score[j] = -1;
        for (int64_t i = j; i < p->vars; i += p->d + 1) {
            double r = fabs(residual(x[i], n->g[i], n->lambda[i]));
            if (x[i] != 0 || fabs(n->g[i]) >= 0.9 * n->lambda[i])
                n->score[j] = fmax(n->score[j], r);
        }
    }
}

static int by_fall(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Smallest score of the columns that H has room for. */
static crm_status least_score(const linear_newton *n, double *least)
{
    const linear_problem *p = n->p;
    int64_t room = MODEL_MAX / p->vectors > 1 ? MODEL_MAX / p->vectors : 1;
    double *sorted;

    *least = 0;
    if (p->d + 1 <= room) return CRM_OK;
    CRM_NEW(sorted, p->d + 1);
    memcpy(sorted, n->score, (size_t)(p->d + 1) * sizeof *sorted);
    qsort(sorted, (size_t)(p->d + 1), sizeof *sorted, by_fall);
    *least = fmax(0, sorted[room - 1]);
    crm_mem_free(sorted);
    return CRM_OK;
}

static void model_free(linear_newton *n)
{
    crm_mem_free(n->h);
    crm_mem_free(n->low);
    crm_mem_free(n->sum);
    crm_mem_free(n->u);
    crm_mem_free(n->m);
    crm_mem_free(n->d);
    crm_mem_free(n->face);
    n->h = n->low = n->sum = n->u = n->m = n->d = NULL;
    n->face = NULL;
}

static crm_status model_new(linear_newton *n, int64_t columns)
{
    n->columns = columns;
    n->n = columns * n->p->vectors;
    model_free(n);
    CRM_NEW(n->h, n->n * n->n);
    CRM_NEW(n->low, n->n * n->n);
    CRM_NEW(n->sum, block_count(n->p) * columns * columns + 1);
    CRM_NEW(n->u, n->n);
    CRM_NEW(n->m, n->n);
    CRM_NEW(n->d, n->n);
    CRM_NEW(n->face, n->n);
    return CRM_OK;
}

/* Whether H has all columns that want to move. */
static bool has_columns(const linear_newton *n)
{
    int64_t at = 0;

    for (int64_t j = 0; j <= n->p->d; j++) {
        bool has = at < n->columns && n->column[at] == j;
        if (!has && n->score[j] > 0) return false;
        at += has;
    }
    return true;
}

static crm_status choose_columns(linear_newton *n)
{
    int64_t room = MODEL_MAX / n->p->vectors > 1 ? MODEL_MAX / n->p->vectors : 1, columns = 0;
    double least;

    if (n->absolute)
        CRM_TRY(least_score(n, &least));
    else
        room = n->p->d + 1, least = -1;
    for (int64_t j = 0; j <= n->p->d && columns < room; j++)
        if (n->score[j] >= least) n->column[columns++] = j;
    n->there = false;
    CRM_TRY(model_new(n, columns));
    n->part = !has_columns(n);
    return CRM_OK;
}

/* ---- a step ---- */

/* low low' = H over face[k]; a row that depends on those before becomes 0. */
static void factor(linear_newton *n, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        double *row = n->low + i * n->n, whole = n->h[n->face[i] * n->n + n->face[i]], left;
        for (int64_t j = 0; j < i; j++) {
            const double *other = n->low + j * n->n;
            double s = n->h[n->face[i] * n->n + n->face[j]] - linear_dot(j, row, other);
            row[j] = other[j] > 0 ? s / other[j] : 0;
        }
        left = whole - linear_dot(i, row, row);
        row[i] = left > 1e-13 * whole ? sqrt(left) : 0;
    }
}

/* H d = -m over the face, d [k]; 0 where a row depends on others. */
static void solve_face(linear_newton *n, int64_t k)
{
    double *d = n->d;

    factor(n, k);
    for (int64_t i = 0; i < k; i++) {
        const double *row = n->low + i * n->n;
        double s = -d[i];
        for (int64_t t = 0; t < i; t++)
            s -= row[t] * d[t];
        d[i] = row[i] > 0 ? s / row[i] : 0;
    }
    for (int64_t i = k - 1; i >= 0; i--) {
        double s = d[i], pivot = n->low[i * n->n + i];
        for (int64_t t = i + 1; t < k; t++)
            s -= n->low[t * n->n + i] * d[t];
        d[i] = pivot > 0 ? s / pivot : 0;
    }
}

static void move(linear_newton *n, int64_t i, double by)
{
    const double *row = n->h + i * n->n;

    if (by == 0) return;
    n->u[i] += by;
    for (int64_t k = 0; k < n->n; k++)
        n->m[k] += by * row[k];
}

/* The minimum of the model where signs stay as they are, or the way to it until one changes. */
static void face_step(linear_newton *n)
{
    int64_t k = 0, stop = -1;
    double part = 1;

    for (int64_t i = 0; i < n->n; i++) {
        double lambda = n->lambda[unknown(n, i)];
        if (n->u[i] == 0 && lambda > 0) continue;
        n->d[k] = residual(n->u[i], n->m[i], lambda);
        n->face[k++] = i;
    }
    solve_face(n, k);
    for (int64_t t = 0; t < k; t++) {
        double u = n->u[n->face[t]], d = n->d[t];
        bool crosses = n->lambda[unknown(n, n->face[t])] > 0 && u * (u + part * d) < 0;
        if (crosses) part = -u / d, stop = t;
    }
    for (int64_t t = 0; t < k; t++)
        move(n, n->face[t], t == stop ? -n->u[n->face[t]] : part * n->d[t]);
}

static void sweep(linear_newton *n)
{
    for (int64_t i = 0; i < n->n; i++) {
        double h = n->h[i * n->n + i], lambda = n->lambda[unknown(n, i)], to;
        if (!(h > 0)) continue;
        to = n->u[i] - n->m[i] / h;
        to = to > lambda / h ? to - lambda / h : to < -lambda / h ? to + lambda / h : 0;
        if (lambda == 0) to = n->u[i] - n->m[i] / h;
        if (to != 0)
            move(n, i, to - n->u[i]);
        else if (n->u[i] != 0) {
            move(n, i, -n->u[i]);
            n->u[i] = 0;
        }
    }
}

static double model_norm(const linear_newton *n)
{
    double s = 0;

    for (int64_t i = 0; i < n->n; i++) {
        double r = residual(n->u[i], n->m[i], n->lambda[unknown(n, i)]);
        s += r * r;
    }
    return sqrt(s);
}

static void descend(linear_newton *n)
{
    double tol = n->part ? part_tol * model_norm(n) : inner_tol * n->norm;
    int face = FACE_FIRST;

    for (int i = 1; i <= SWEEPS && model_norm(n) > tol; i++) {
        sweep(n);
        if (i < face) continue;
        face_step(n);
        face *= 2;
    }
}

/* n->step from x. */
static void find_step(linear_newton *n, const double *x)
{
    memset(n->step, 0, (size_t)n->p->vars * sizeof *n->step);
    for (int64_t i = 0; i < n->n; i++) {
        n->u[i] = x[unknown(n, i)];
        n->m[i] = n->g[unknown(n, i)];
    }
    if (n->absolute)
        descend(n);
    else
        face_step(n);
    for (int64_t i = 0; i < n->n; i++)
        n->step[unknown(n, i)] = n->u[i] - x[unknown(n, i)];
}

/* ---- the way ---- */

static double absolutes(const linear_newton *n, const double *x)
{
    double s = 0;

    for (int64_t i = 0; n->absolute && i < n->p->vars; i++)
        s += n->lambda[i] * fabs(x[i]);
    return s;
}

static crm_status evaluate(linear_newton *n, const double *x, double *value, double *norm)
{
    CRM_TRY(linear_objective(n->p, x, value, n->g));
    *value += absolutes(n, x);
    *norm = norm_of(n, x, n->g);
    return CRM_OK;
}

/* x + part step; what the full step sets to 0 is 0 there. */
static void trial(linear_newton *n, const double *x, double part)
{
    for (int64_t i = 0; i < n->p->vars; i++)
        n->x[i] = x[i] + part * n->step[i];
}

/* What a step tells of H (Broyden, Fletcher, Goldfarb, Shanno): with s the step and y the change of
 * the gradient, H += y y' / y's - H s s'H / s'H s. */
static void learn(linear_newton *n, double part)
{
    double ys = 0, shs = 0, *hs = n->d, *y = n->m;

    for (int64_t i = 0; i < n->n; i++) {
        const double *row = n->h + i * n->n;
        hs[i] = 0;
        for (int64_t k = 0; k < n->n; k++)
            hs[i] += row[k] * part * n->step[unknown(n, k)];
        y[i] = n->g[unknown(n, i)] - n->g_before[unknown(n, i)];
        ys += y[i] * part * n->step[unknown(n, i)];
        shs += hs[i] * part * n->step[unknown(n, i)];
    }
    if (!(ys > 1e-10 * shs && shs > 0)) return;
    for (int64_t i = 0; i < n->n; i++)
        for (int64_t k = 0; k < n->n; k++)
            n->h[i * n->n + k] += y[i] * y[k] / ys - hs[i] * hs[k] / shs;
}

/* Go along the step as far as the objective falls; *taken: x has moved.  Where falls are rounding
 * only, the norm of the gradient decides. */
static crm_status search(linear_newton *n, double *x, bool *taken)
{
    double slope = absolutes(n, x), value, norm, part = 1;

    *taken = false;
    for (int64_t i = 0; i < n->p->vars; i++)
        slope -= n->g[i] * n->step[i];
    memcpy(n->g_before, n->g, (size_t)n->p->vars * sizeof *n->g);
    trial(n, x, 1);
    slope -= absolutes(n, n->x);
    if (!(slope > 0)) return CRM_OK;
    for (int i = 0; i < HALVINGS && !*taken; i++) {
        if (i > 0) part /= 2;
        trial(n, x, part);
        CRM_TRY(evaluate(n, n->x, &value, &norm));
        if (slope <= rounding * fabs(n->value)) {
            *taken = norm < n->norm;
            break;
        }
        *taken = value <= n->value - armijo * part * slope;
    }
    if (!*taken) return linear_objective(n->p, x, &value, n->g);
    memcpy(x, n->x, (size_t)n->p->vars * sizeof *x);
    n->fresh = false;
    if (norm > good_fall * n->norm)
        n->there = false;
    else
        learn(n, part);
    n->value = value;
    n->norm = norm;
    return CRM_OK;
}

static crm_status prepare(linear_newton *n, const double *x)
{
    score_columns(n, x);
    if (!n->h || !has_columns(n)) CRM_TRY(crm_comm_agree(n->p->fit->comm, choose_columns(n)));
    if (!n->there) CRM_TRY(make_matrix(n));
    find_step(n, x);
    return CRM_OK;
}

/* One step; *end: nothing more can be won. */
static crm_status iterate(linear_newton *n, double *x, bool *end)
{
    double before = n->norm;
    bool taken, fresh;

    CRM_TRY(prepare(n, x));
    fresh = n->fresh;
    CRM_TRY(search(n, x, &taken));
    if (fresh && n->stride > n->p->stride && !(taken && n->norm <= good_fall * before)) {
        n->stride = n->p->stride;
        n->there = false;
    } else if (!taken && fresh)
        *end = true;
    if (!taken) n->there = false;
    return CRM_OK;
}

/* Products of columns cost more than a gradient: H of a sample that is large enough, never of a
 * coarser one than that. */
static void choose_sample(linear_newton *n)
{
    const linear_problem *p = n->p;
    int64_t stride = p->stride;

    while (stride < p->stride * SAMPLE_MOST && stride < LEAF_STRIPS &&
           p->fit->train->n / (2 * stride) >= SAMPLE_PER_UNKNOWN * p->vars)
        stride *= 2;
    n->fresh = false;
    if (n->there && n->stride <= stride) return;
    n->stride = stride;
    n->there = false;
}

crm_status linear_newton_run(linear_newton *n, double limit, int64_t max_iter, double *x,
                             double *norm, bool *converged)
{
    linear_problem *p = n->p;
    int64_t i = 0;
    bool end = false;

    for (int64_t k = 0; k < p->vars; k++)
        n->lambda[k] = linear_absolute_penalty(p, k);
    choose_sample(n);
    CRM_TRY(evaluate(n, x, &n->value, &n->norm));
    CRM_CHECK(isfinite(n->value) && isfinite(n->norm), CRM_ERR_NUMERIC,
              "%s: value %g and gradient norm %g at the start", p->spec.model, n->value, n->norm);
    while (!end && n->norm > limit && i < max_iter) {
        CRM_TRY(iterate(n, x, &end));
        if (!linear_tell(p, ++i, n->value, n->norm)) break;
    }
    p->used += i;
    *norm = n->norm;
    *converged = end || n->norm <= limit;
    return CRM_OK;
}

crm_status linear_newton_new(linear_problem *p, linear_newton **out)
{
    linear_newton *n;

    *out = NULL;
    CRM_NEW(n, 1);
    *out = n;
    n->p = p;
    n->absolute = p->spec.l1_ratio > 0;
    CRM_NEW(n->column, p->d + 1);
    CRM_NEW(n->score, p->d + 1);
    CRM_NEW(n->lambda, p->vars);
    CRM_NEW(n->g, p->vars);
    CRM_NEW(n->g_before, p->vars);
    CRM_NEW(n->step, p->vars);
    CRM_NEW(n->x, p->vars);
    return CRM_OK;
}

void linear_newton_free(linear_newton **at)
{
    linear_newton *n = *at;

    if (!n) return;
    model_free(n);
    crm_mem_free(n->column);
    crm_mem_free(n->score);
    crm_mem_free(n->lambda);
    crm_mem_free(n->g);
    crm_mem_free(n->g_before);
    crm_mem_free(n->step);
    crm_mem_free(n->x);
    crm_mem_free(n);
    *at = NULL;
}
