/* feature_kmeans.c - k-means: seeding and Lloyd's iterations over leaves of points. */
#include "crmpi/feature_kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"

enum { TRIALS_MAX = 16 };

/* One fit: what its leaf functions need. */
typedef struct fit {
    const crm_points *p;
    int k;
    int64_t first, end; /* points of this rank             */
    double *centre;     /* [width][k]: of each column those of all clusters */
    int32_t *label;     /* [end - first]                   */
    double *near;       /* [end - first] squared distance to the nearest centre so far */
    int trials;
    const double *trial; /* [trials][width] candidates      */
    double *distance;    /* [workers][k]                    */
    int64_t n_leaves;
    double *sum; /* [k * (width + 1) + 2] of a pass */
} fit;

void crm_kmeans_range(const crm_comm *comm, int64_t n, int64_t *first, int64_t *end)
{
    int64_t a, b, rows;

    crm_tree_range(crm_leaf_count(n), crm_comm_rank(comm), crm_comm_size(comm), &a, &b);
    *first = a * CRM_LEAF_ROWS < n ? a * CRM_LEAF_ROWS : n;
    *end = *first;
    if (b > a) {
        crm_leaf_rows(n, b - 1, end, &rows);
        *end += rows;
    }
}

static const float *point(const fit *f, int64_t i)
{
    return f->p->x + (i - f->first) * f->p->width;
}

/* Squared distances of a point to all centres; the sum runs over the columns in order. */
static void distances(int width, int k, const double *centre, const float *x, double *d)
{
    memset(d, 0, (size_t)k * sizeof *d);
    for (int c = 0; c < width; c++) {
        const double *row = centre + (size_t)c * (size_t)k;
        for (int j = 0; j < k; j++) {
            double t = (double)x[c] - row[j];
            d[j] += t * t;
        }
    }
}

static int nearest(int k, const double *d)
{
    int best = 0;

    for (int j = 1; j < k; j++)
        if (d[j] < d[best]) best = j;
    return best;
}

static double squared(const fit *f, const float *x, const double *at)
{
    double d = 0;

    for (int c = 0; c < f->p->width; c++) {
        double t = (double)x[c] - at[c];
        d += t * t;
    }
    return d;
}

/* ---- finding one point over all ranks ---- */
/* The point with the least key, the first of equal ones; -1 when all keys are infinite. Collective.
 */
static crm_status least(const fit *f, double key, int64_t at, int64_t *out)
{
    double best = key;

    CRM_TRY(crm_comm_min_f64(f->p->comm, &best, 1));
    if (key > best || isinf(key)) at = INT64_MAX;
    CRM_TRY(crm_comm_min_i64(f->p->comm, &at, 1));
    *out = at == INT64_MAX ? -1 : at;
    return CRM_OK;
}

/* Its columns, on all ranks. */
static crm_status fetch(const fit *f, int64_t at, double *x)
{
    int64_t root = at >= f->first && at < f->end ? crm_comm_rank(f->p->comm) : -1;

    CRM_TRY(crm_comm_max_i64(f->p->comm, &root, 1));
    if (root == crm_comm_rank(f->p->comm))
        for (int c = 0; c < f->p->width; c++)
            x[c] = point(f, at)[c];
    return crm_comm_bcast(f->p->comm, (int)root, x, (size_t)f->p->width * sizeof *x);
}

/* ---- seeding ---- */
/* A point drawn with a probability in proportion to its squared distance from the nearest centre:
 * the least of exponential times over distances.  Before the first centre all distances are 1. */
static crm_status draw(const fit *f, uint64_t seed, int number, int64_t *at)
{
    double best = INFINITY;
    int64_t where = INT64_MAX;

    for (int64_t i = f->first; i < f->end; i++) {
        crm_rng r = crm_rng_at(seed, CRM_RNG_CLUSTERS, (uint32_t)number, (uint64_t)i);
        double w = f->near[i - f->first], t = w > 0 ? crm_rng_exponential(&r) / w : INFINITY;
        if (t < best) {
            best = t;
            where = i;
        }
    }
    return least(f, best, where, at);
}

/* out[t]: inertia if candidate t became a centre. */
static crm_status try_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const fit *f = ctx;
    double *sum = out;
    int64_t i, n;

    (void)worker;
    for (crm_leaf_rows(f->p->n, leaf, &i, &n); n > 0; i++, n--)
        for (int t = 0; t < f->trials; t++) {
            double d = squared(f, point(f, i), f->trial + t * f->p->width);
            sum[t] += d < f->near[i - f->first] ? d : f->near[i - f->first];
        }
    return CRM_OK;
}

static void settle(fit *f, const double *at)
{
    for (int64_t i = f->first; i < f->end; i++) {
        double d = squared(f, point(f, i), at);
        if (d < f->near[i - f->first]) f->near[i - f->first] = d;
    }
}

/* Centre number j; trial [trials][width] is working memory. */
static crm_status seed_one(fit *f, uint64_t seed, int j, double *trial, double *at)
{
    double cost[TRIALS_MAX] = {0};
    int best = 0;

    f->trials = j == 0 ? 1 : 2 + (int)crm_log((double)f->k);
    if (f->trials > TRIALS_MAX) f->trials = TRIALS_MAX;
    for (int t = 0; t < f->trials; t++) {
        int64_t which;
        CRM_TRY(draw(f, seed, j * TRIALS_MAX + t, &which));
        CRM_CHECK(which >= 0, CRM_ERR_CONFIG,
                  "%d clusters, but only %d different points; fewer clusters are needed", f->k, j);
        CRM_TRY(fetch(f, which, trial + t * f->p->width));
    }
    f->trial = trial;
    CRM_TRY(crm_tree_sum_once(f->p->comm, f->p->pool, f->n_leaves, f->trials, try_leaf, f, cost));
    for (int t = 1; t < f->trials; t++)
        if (cost[t] < cost[best]) best = t;
    memcpy(at, trial + best * f->p->width, (size_t)f->p->width * sizeof *at);
    return CRM_OK;
}

static crm_status seed_all(fit *f, uint64_t seed)
{
    int w = f->p->width;
    double *trial = crm_mem_new((size_t)((TRIALS_MAX + 1) * w), sizeof *trial), *at;
    crm_status st = CRM_OK;

    if (!trial) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: candidates of k-means");
    CRM_TRY_TO(st, done, crm_comm_agree(f->p->comm, st));
    at = trial + TRIALS_MAX * w;
    for (int64_t i = 0; i < f->end - f->first; i++)
        f->near[i] = 1;
    for (int j = 0; j < f->k; j++) {
        CRM_TRY_TO(st, done, seed_one(f, seed, j, trial, at));
        for (int64_t i = 0; j == 0 && i < f->end - f->first; i++)
            f->near[i] = INFINITY;
        settle(f, at);
        for (int c = 0; c < w; c++)
            f->centre[c * f->k + j] = at[c];
    }
done:
    crm_mem_free(trial);
    return st;
}

/* ---- Lloyd ---- */
/* Labels, and sums of columns and counts by cluster; then the inertia, and points that moved. */
static crm_status assign_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    fit *f = ctx;
    int w = f->p->width, k = f->k;
    double *sum = out, *d = f->distance + (size_t)worker * (size_t)k;
    int64_t i, n;

    for (crm_leaf_rows(f->p->n, leaf, &i, &n); n > 0; i++, n--) {
        const float *x = point(f, i);
        int j;
        distances(w, k, f->centre, x, d);
        j = nearest(k, d);
        for (int c = 0; c < w; c++)
            sum[j * (w + 1) + c] += x[c];
        sum[j * (w + 1) + w] += 1;
        sum[k * (w + 1)] += d[j];
        sum[k * (w + 1) + 1] += f->label[i - f->first] != j;
        f->label[i - f->first] = j;
        f->near[i - f->first] = d[j];
    }
    return CRM_OK;
}

static crm_status assign_all(fit *f)
{
    return crm_tree_sum_once(f->p->comm, f->p->pool, f->n_leaves, f->k * (f->p->width + 1) + 2,
                             assign_leaf, f, f->sum);
}

/* A cluster without points gets the one that is farthest from its centre. */
static crm_status refill(fit *f, int j)
{
    int w = f->p->width, from = 0;
    double far = 0, *x = crm_mem_new((size_t)w, sizeof *x);
    int64_t at = INT64_MAX, label;
    crm_status st = CRM_OK;

    if (!x) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a centre");
    CRM_TRY_TO(st, done, crm_comm_agree(f->p->comm, st));
    for (int64_t i = f->first; i < f->end; i++)
        if (f->near[i - f->first] > far) {
            far = f->near[i - f->first];
            at = i;
        }
    CRM_TRY_TO(st, done, least(f, far > 0 ? -far : INFINITY, at, &at));
    if (at < 0) goto done; /* all points are on their centres: it stays empty */
    CRM_TRY_TO(st, done, fetch(f, at, x));
    label = at >= f->first && at < f->end ? f->label[at - f->first] : -1;
    CRM_TRY_TO(st, done, crm_comm_max_i64(f->p->comm, &label, 1));
    from = (int)label;
    for (int c = 0; c < w; c++) {
        f->sum[from * (w + 1) + c] -= x[c];
        f->sum[j * (w + 1) + c] = x[c];
    }
    f->sum[from * (w + 1) + w] -= 1;
    f->sum[j * (w + 1) + w] = 1;
    if (at >= f->first && at < f->end) {
        f->label[at - f->first] = j;
        f->near[at - f->first] = 0;
    }
done:
    crm_mem_free(x);
    return st;
}

/* Centres become the means of their points; *shift: squared, of all together. */
static crm_status move(fit *f, double *shift)
{
    int w = f->p->width;

    *shift = 0;
    for (int j = 0; j < f->k; j++)
        if (f->sum[j * (w + 1) + w] == 0) CRM_TRY(refill(f, j));
    for (int j = 0; j < f->k; j++) {
        double n = f->sum[j * (w + 1) + w];
        for (int c = 0; n > 0 && c < w; c++) {
            double *at = &f->centre[c * f->k + j], now = f->sum[j * (w + 1) + c] / n;
            *shift += (now - *at) * (now - *at);
            *at = now;
        }
    }
    return CRM_OK;
}

static crm_status lloyd(fit *f, const crm_kmeans_cfg *cfg, double variance, crm_kmeans *out)
{
    int k = f->k, w = f->p->width;

    for (int64_t i = 0; i < f->end - f->first; i++)
        f->label[i] = -1;
    for (out->iterations = 0;; out->iterations++) {
        double shift;
        CRM_TRY(assign_all(f));
        out->inertia = f->sum[k * (w + 1)];
        if (f->sum[k * (w + 1) + 1] == 0 || out->iterations == cfg->iterations) return CRM_OK;
        CRM_TRY(move(f, &shift));
        if (shift <= cfg->tolerance * variance && cfg->tolerance > 0) break;
    }
    out->iterations++;
    CRM_TRY(assign_all(f)); /* labels and inertia of the last centres */
    out->inertia = f->sum[k * (w + 1)];
    return CRM_OK;
}

/* ---- results ---- */
static const fit *sorting; /* qsort has no context; the main thread alone sorts */

static int by_size(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b, w = sorting->p->width, k = sorting->k;
    double nx = sorting->sum[x * (w + 1) + w], ny = sorting->sum[y * (w + 1) + w];

    if (nx != ny) return nx < ny ? 1 : -1;
    for (int c = 0; c < w; c++) {
        double u = sorting->centre[c * k + x], v = sorting->centre[c * k + y];
        if (u != v) return u < v ? -1 : 1;
    }
    return x - y;
}

/* The fit into out, clusters in their order. */
static crm_status keep(const fit *f, crm_kmeans *out)
{
    int k = f->k, w = f->p->width, *order, *place;

    CRM_NEW(order, 2 * k);
    place = order + k;
    for (int j = 0; j < k; j++)
        order[j] = j;
    sorting = f;
    qsort(order, (size_t)k, sizeof *order, by_size);
    for (int j = 0; j < k; j++) {
        place[order[j]] = j;
        out->count[j] = (int64_t)f->sum[order[j] * (w + 1) + w];
        for (int c = 0; c < w; c++)
            out->centre[j * w + c] = f->centre[c * k + order[j]];
    }
    for (int64_t i = 0; i < f->end - f->first; i++)
        out->label[i] = place[f->label[i]];
    crm_mem_free(order);
    return CRM_OK;
}

/* ---- mean variance of the columns ---- */
typedef struct spread {
    const crm_points *p;
    int64_t first;
    const double *mean; /* [width]; NULL: sums */
} spread;

static crm_status spread_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const spread *s = ctx;
    double *sum = out;
    int64_t i, n;

    (void)worker;
    for (crm_leaf_rows(s->p->n, leaf, &i, &n); n > 0; i++, n--)
        for (int c = 0; c < s->p->width; c++) {
            double x = s->p->x[(i - s->first) * s->p->width + c], d = s->mean ? x - s->mean[c] : x;
            sum[c] += s->mean ? d * d : d;
        }
    return CRM_OK;
}

static crm_status mean_variance(const crm_points *p, double *sum, double *out)
{
    spread s = {.p = p};
    int64_t end, leaves = crm_leaf_count(p->n);
    double *mean = sum + p->width;

    crm_kmeans_range(p->comm, p->n, &s.first, &end);
    CRM_TRY(crm_tree_sum_once(p->comm, p->pool, leaves, p->width, spread_leaf, &s, mean));
    for (int c = 0; c < p->width; c++)
        mean[c] /= (double)p->n;
    s.mean = mean;
    CRM_TRY(crm_tree_sum_once(p->comm, p->pool, leaves, p->width, spread_leaf, &s, sum));
    *out = 0;
    for (int c = 0; c < p->width; c++)
        *out += sum[c] / (double)p->n / p->width;
    return CRM_OK;
}

/* ---- the fit ---- */
static crm_status begin(const crm_points *p, int k, fit *f, crm_kmeans *out)
{
    int64_t mine;

    *f = (fit){.p = p, .k = k, .n_leaves = crm_leaf_count(p->n)};
    crm_kmeans_range(p->comm, p->n, &f->first, &f->end);
    mine = f->end - f->first;
    *out = (crm_kmeans){.k = k, .width = p->width, .inertia = INFINITY};
    CRM_NEW(f->centre, p->width * k);
    CRM_NEW(f->label, mine);
    CRM_NEW(f->near, mine);
    CRM_NEW(f->distance, (p->pool ? crm_pool_size(p->pool) : 1) * k);
    CRM_NEW(f->sum, (k > 2 ? k : 2) * (p->width + 1) + 2);
    CRM_NEW(out->centre, k * p->width);
    CRM_NEW(out->count, k);
    CRM_NEW(out->label, mine);
    return CRM_OK;
}

static void end_fit(fit *f)
{
    crm_mem_free(f->centre);
    crm_mem_free(f->label);
    crm_mem_free(f->near);
    crm_mem_free(f->distance);
    crm_mem_free(f->sum);
}

static crm_status start_at(fit *f, const double *start, uint64_t seed)
{
    if (!start) return seed_all(f, seed);
    for (int j = 0; j < f->k; j++)
        for (int c = 0; c < f->p->width; c++)
            f->centre[c * f->k + j] = start[j * f->p->width + c];
    return CRM_OK;
}

crm_status crm_kmeans_fit(const crm_points *p, const crm_kmeans_cfg *cfg, const double *start,
                          crm_kmeans *out)
{
    fit f;
    double variance = 0;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(p->comm, begin(p, cfg->k, &f, out)));
    CRM_CHECK_TO(st, done, cfg->k >= 1 && cfg->k <= p->n, CRM_ERR_CONFIG,
                 "%d clusters of %lld points; allowed: 1 to the number of points", cfg->k,
                 (long long)p->n);
    if (cfg->tolerance > 0) CRM_TRY_TO(st, done, mean_variance(p, f.sum, &variance));
    for (int r = 0; r < (start ? 1 : cfg->restarts); r++) {
        crm_kmeans now = {0};
        CRM_TRY_TO(st, done, start_at(&f, start, crm_rng_derive(cfg->seed, 1, (uint64_t)r, 0)));
        CRM_TRY_TO(st, done, lloyd(&f, cfg, variance, &now));
        if (!(now.inertia < out->inertia)) continue;
        out->inertia = now.inertia;
        out->iterations = now.iterations;
        CRM_TRY_TO(st, done, crm_comm_agree(p->comm, keep(&f, out)));
    }
done:
    end_fit(&f);
    if (st) crm_kmeans_free(out);
    return st;
}

void crm_kmeans_assign(const crm_kmeans *m, int64_t n, const float *x, int32_t *label, double *d2)
{
    for (int64_t i = 0; i < n; i++) {
        double best = INFINITY;
        label[i] = 0;
        for (int j = 0; j < m->k; j++) {
            double d = 0;
            for (int c = 0; c < m->width; c++) {
                double t = (double)x[i * m->width + c] - m->centre[j * m->width + c];
                d += t * t;
            }
            if (d < best) {
                best = d;
                label[i] = j;
            }
            if (d2) d2[i * m->k + j] = d;
        }
    }
}

void crm_kmeans_free(crm_kmeans *m)
{
    crm_mem_free(m->centre);
    crm_mem_free(m->count);
    crm_mem_free(m->label);
    *m = (crm_kmeans){0};
}
