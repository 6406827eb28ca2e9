/* feature_silhouette.c - how good a partition is, how alike two are, and how many clusters to have.
 */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/feature_kmeans.h"

enum { BLOCK = 32 }; /* points of a leaf */

/* Points that were drawn, on all ranks. */
typedef struct drawn {
    int64_t n;
    int width, k;
    float *x;       /* [n][width] */
    int32_t *label; /* [n]        */
    int64_t *count; /* [k]        */
} drawn;

/* ---- drawing ---- */
static crm_status take_points(const crm_points *p, const crm_kmeans *m, const uint8_t *in, drawn *s)
{
    int64_t first, end, at = 0;

    crm_kmeans_range(p->comm, p->n, &first, &end);
    for (int64_t i = first; i < end; i++) {
        if (!in[i]) continue;
        memcpy(s->x + at * p->width, p->x + (i - first) * p->width,
               (size_t)p->width * sizeof *s->x);
        s->label[at++] = m->label[i - first];
    }
    s->n = at;
    return CRM_OK;
}

/* Every rank draws the same points and gives those that it holds. */
static crm_status draw(const crm_points *p, const crm_kmeans *m, int64_t most, uint64_t seed,
                       drawn *s)
{
    uint8_t *in = crm_mem_new((size_t)p->n, 1);
    int64_t *order = crm_mem_new((size_t)p->n, sizeof *order), n = p->n < most ? p->n : most;
    void *x = NULL, *label = NULL;
    size_t bytes, all;
    crm_status st = CRM_OK;

    *s = (drawn){.width = p->width, .k = m->k};
    if (in && order) {
        crm_rng_permute(seed, CRM_RNG_CLUSTERS, UINT32_MAX, p->n, order);
        for (int64_t i = 0; i < n; i++)
            in[order[i]] = 1;
        CRM_NEW_TO(st, agree, s->x, n * p->width);
        CRM_NEW_TO(st, agree, s->label, n);
        CRM_NEW_TO(st, agree, s->count, m->k);
        st = take_points(p, m, in, s);
    } else {
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a sample of %lld points", (long long)p->n);
    }
agree:
    CRM_TRY_TO(st, done, crm_comm_agree(p->comm, st));
    bytes = (size_t)s->n * sizeof *s->x * (size_t)p->width;
    CRM_TRY_TO(st, done, crm_comm_allgather(p->comm, s->x, bytes, &x, &all, NULL));
    bytes = (size_t)s->n * sizeof *s->label;
    CRM_TRY_TO(st, done, crm_comm_allgather(p->comm, s->label, bytes, &label, &all, NULL));
    memcpy(s->x, x, (size_t)n * sizeof *s->x * (size_t)p->width);
    memcpy(s->label, label, (size_t)n * sizeof *s->label);
    s->n = n;
    for (int64_t i = 0; i < n; i++)
        s->count[s->label[i]]++;
done:
    crm_mem_free(in);
    crm_mem_free(order);
    crm_mem_free(x);
    crm_mem_free(label);
    return st;
}

static void drawn_free(drawn *s)
{
    crm_mem_free(s->x);
    crm_mem_free(s->label);
    crm_mem_free(s->count);
}

/* ---- silhouette ---- */
/* (b - a) / max(a, b): a the mean distance to the others of the own cluster, b that to the nearest
 * other one. */
static double of_point(const drawn *s, int64_t i, double *mean)
{
    const float *x = s->x + i * s->width;
    int own = s->label[i];
    double a, b = INFINITY;

    memset(mean, 0, (size_t)s->k * sizeof *mean);
    for (int64_t j = 0; j < s->n; j++) {
        const float *y = s->x + j * s->width;
        double d = 0;
        for (int c = 0; c < s->width; c++) {
            double t = (double)x[c] - y[c];
            d += t * t;
        }
        mean[s->label[j]] += sqrt(d);
    }
    if (s->count[own] < 2) return 0;
    a = mean[own] / (double)(s->count[own] - 1);
    for (int j = 0; j < s->k; j++)
        if (j != own && s->count[j] > 0 && mean[j] / (double)s->count[j] < b)
            b = mean[j] / (double)s->count[j];
    if (isinf(b) || (a == 0 && b == 0)) return 0;
    return (b - a) / (a > b ? a : b);
}

/* out[j]: sum over the points of cluster j. */
static crm_status block(void *ctx, int64_t leaf, int worker, void *out)
{
    const drawn *s = ctx;
    double *sum = out, *mean;
    int64_t i = leaf * BLOCK, end = i + BLOCK < s->n ? i + BLOCK : s->n;

    (void)worker;
    CRM_NEW(mean, s->k);
    for (; i < end; i++)
        sum[s->label[i]] += of_point(s, i, mean);
    crm_mem_free(mean);
    return CRM_OK;
}

crm_status crm_kmeans_silhouette(const crm_points *p, const crm_kmeans *m, int64_t most,
                                 uint64_t seed, double *mean, double *cluster)
{
    drawn s = {0};
    double *sum = crm_mem_new((size_t)m->k, sizeof *sum);
    crm_status st = CRM_OK;

    *mean = 0;
    if (!sum) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: silhouettes");
    CRM_TRY_TO(st, done, crm_comm_agree(p->comm, st));
    CRM_TRY_TO(st, done, draw(p, m, most, seed, &s));
    CRM_TRY_TO(
        st, done,
        crm_tree_sum_once(p->comm, p->pool, (s.n + BLOCK - 1) / BLOCK, m->k, block, &s, sum));
    for (int j = 0; j < m->k; j++) {
        *mean += sum[j] / (double)s.n;
        if (cluster) cluster[j] = s.count[j] ? sum[j] / (double)s.count[j] : 0;
    }
done:
    crm_mem_free(sum);
    drawn_free(&s);
    return st;
}

/* ---- agreement ---- */
static double pairs(int64_t n)
{
    return 0.5 * (double)n * (double)(n - 1);
}

crm_status crm_kmeans_agreement(crm_comm *comm, int64_t n, const int32_t *a, int ka,
                                const int32_t *b, int kb, double *out)
{
    int64_t *cell = crm_mem_new((size_t)ka * (size_t)kb, sizeof *cell), total = 0;
    double both = 0, of_a = 0, of_b = 0, expected, top;
    crm_status st = CRM_OK;

    if (!cell) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d x %d clusters", ka, kb);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    for (int64_t i = 0; i < n; i++)
        cell[a[i] * kb + b[i]]++;
    CRM_TRY_TO(st, done, crm_comm_sum_i64(comm, cell, (int64_t)ka * kb));
    for (int i = 0; i < ka; i++) {
        int64_t row = 0;
        for (int j = 0; j < kb; j++) {
            row += cell[i * kb + j];
            both += pairs(cell[i * kb + j]);
        }
        total += row;
        of_a += pairs(row);
    }
    for (int j = 0; j < kb; j++) {
        int64_t column = 0;
        for (int i = 0; i < ka; i++)
            column += cell[i * kb + j];
        of_b += pairs(column);
    }
    expected = total > 1 ? of_a * of_b / pairs(total) : 0;
    top = 0.5 * (of_a + of_b);
    *out = top == expected ? 1 : (both - expected) / (top - expected);
done:
    crm_mem_free(cell);
    return st;
}

/* ---- number of clusters ---- */
crm_status crm_kmeans_choose(const crm_points *p, const crm_kmeans_cfg *cfg, int most,
                             int64_t sample, double *score, crm_kmeans *out)
{
    double best = -INFINITY;

    *out = (crm_kmeans){0};
    for (int k = 2; k <= most && k <= p->n; k++) {
        crm_kmeans_cfg c = *cfg;
        crm_kmeans m;
        double s;
        crm_status st;
        c.k = k;
        CRM_TRY(crm_kmeans_fit(p, &c, NULL, &m));
        st = crm_kmeans_silhouette(p, &m, sample, cfg->seed, &s, NULL);
        if (!st && score) score[k] = s;
        if (!st && s > best) {
            crm_kmeans swap = *out;
            *out = m;
            m = swap;
            best = s;
        }
        crm_kmeans_free(&m);
        if (st) crm_kmeans_free(out);
        CRM_TRY(st);
    }
    CRM_CHECK(out->k > 0, CRM_ERR_CONFIG,
              "clusters from 2 to %d of %lld points: there is nothing to choose", most,
              (long long)p->n);
    return CRM_OK;
}
