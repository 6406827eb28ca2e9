/* bayes_moments.c - mean and variance of each column in each class, in one pass over the rows.
 *
 * With values shifted by s, the exact sums of (x - s) and (x - s)^2 give
 *
 *     mean = s + S1 / n,    var = S2 / n - (S1 / n)^2.
 *
 * The difference loses digits where |mean - s| is much larger than the standard deviation (Chan,
 * Golub & LeVeque 1983).  s is the median of the first rows, which some huge values among them do
 * not move; where a class still lies far from it, a second pass with s = mean repairs that. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "bayes_impl.h"
#include "crmpi/base_simd.h"

enum { FIRST_ROWS = 31 };
/* A pass is repeated where (mean - s)^2 is more than this times the variance: up to here the
 * variance is good to about 1e-12 of itself. */
#define FAR 1e4

/* Rows of a leaf, kept by a worker from leaf to leaf. */
typedef struct bench {
    float *num;
    int32_t *cat;
} bench;

typedef struct pass {
    const crm_fit *fit;
    const crm_source *in;
    const crm_target *target;
    const classic_classes *classes;
    int64_t d;
    double *shift; /* [m][d] */
    int64_t step;  /* of the shifts from class to class: 0: the same for all, or d */
    double *sum;   /* [m][width(d)] */
    bench *bench;  /* [n_bench] */
    int n_bench;
} pass;

/* Sums of a class: rows in which all numbers are there; then for each column the values of the
 * other rows, and of all of them the sums of x - s and of its square. */
static int64_t width(int64_t d)
{
    return 1 + 3 * d;
}

static inline bool is_whole(const float *restrict x, int64_t d)
{
    int bad = 0;

    for (int64_t j = 0; j < d; j++)
        bad |= !(fabsf(x[j]) <= FLT_MAX);
    return !bad;
}

static inline void add_whole(const float *restrict x, const double *restrict shift, int64_t d,
                             double *restrict s1, double *restrict s2)
{
    for (int64_t j = 0; j < d; j++) {
        double t = (double)x[j] - shift[j];
        s1[j] += t;
        s2[j] += t * t;
    }
}

static inline void add_row(const float *x, const double *shift, int64_t d, double *sum)
{
    if (is_whole(x, d)) {
        sum[0] += 1;
        add_whole(x, shift, d, sum + 1 + d, sum + 1 + 2 * d);
        return;
    }
    for (int64_t j = 0; j < d; j++) {
        double t = (double)x[j] - shift[j];
        if (!isfinite(x[j])) continue;
        sum[1 + j] += 1;
        sum[1 + d + j] += t;
        sum[1 + 2 * d + j] += t * t;
    }
}

static CRM_SIMD void add_rows(const pass *p, const int64_t *row, int64_t n, const float *num,
                              double *out)
{
    int64_t d = p->d;

    for (int64_t i = 0; i < n; i++) {
        int64_t c = classic_slot(p->classes, p->target, row[i]);
        if (c >= 0) add_row(num + i * d, p->shift + c * p->step, d, out + c * width(d));
    }
}

static crm_status add_leaf(void *ctx, int64_t leaf, int worker, void *out)
{
    const pass *p = ctx;
    const crm_view *v = p->fit->train;
    bench *b = &p->bench[worker];
    int64_t first, n;

    CRM_TRY(crm_fit_check_stop(p->fit));
    crm_leaf_rows(v->n, leaf, &first, &n);
    CRM_TRY(crm_source_read(p->in, v->row + first, n, b->num, b->cat));
    add_rows(p, v->row + first, n, b->num, out);
    return CRM_OK;
}

/* Median of the values that are there; 0 when none is. */
static double median(const float *x, int64_t n, int64_t step)
{
    float v[FIRST_ROWS];
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++) {
        float y = x[i * step];
        int64_t at = m;
        if (!isfinite(y)) continue;
        for (; at > 0 && v[at - 1] > y; at--)
            v[at] = v[at - 1];
        v[at] = y;
        m++;
    }
    return m > 0 ? (double)v[m / 2] : 0;
}

/* Every rank reads the same first rows. */
static crm_status first_shift(const pass *p)
{
    const crm_view *v = p->fit->train;
    const bench *b = &p->bench[0];
    int64_t n = v->n < FIRST_ROWS ? v->n : FIRST_ROWS;

    CRM_TRY(crm_source_read(p->in, v->row, n, b->num, b->cat));
    for (int64_t j = 0; j < p->d; j++)
        p->shift[j] = median(b->num + j, n, p->d);
    return CRM_OK;
}

/* Moments of one class and column; false when its mean lies too far from the shift. */
static bool finish(double n, double s1, double s2, double shift, double *mean, double *var)
{
    double t = n > 0 ? s1 / n : 0, v = n > 0 ? s2 / n - t * t : 0;

    *mean = n > 0 ? shift + t : 0;
    *var = v > 0 ? v : 0;
    return t * t <= FAR * v || t == 0;
}

/* Sums of a pass -> moments; false when some want another pass. */
static bool finish_pass(const pass *p, bayes_moments *m)
{
    const double *sum = p->sum;
    bool good = true;

    for (int64_t c = 0; c < p->classes->m; c++, sum += width(p->d))
        for (int64_t j = 0; j < p->d; j++) {
            const double *of = sum + 1 + j;
            int64_t at = c * p->d + j;
            m->count[at] = sum[0] + of[0];
            good &= finish(m->count[at], of[p->d], of[2 * p->d], p->shift[c * p->step + j],
                           &m->mean[at], &m->var[at]);
        }
    return good;
}

static crm_status begin(pass *p, bayes_moments *out)
{
    int64_t m = p->classes->m, n_cat = crm_source_schema(p->in)->n_cat;
    int n_bench = p->fit->pool ? crm_pool_size(p->fit->pool) : 1;
    int64_t rows = p->fit->train->n < CRM_LEAF_ROWS ? p->fit->train->n : CRM_LEAF_ROWS;

    CRM_NEW(out->count, m * p->d);
    CRM_NEW(out->mean, m * p->d);
    CRM_NEW(out->var, m * p->d);
    CRM_NEW(p->sum, m * width(p->d));
    CRM_NEW(p->shift, m * p->d);
    CRM_NEW(p->bench, n_bench);
    p->n_bench = n_bench;
    for (int i = 0; i < n_bench; i++) {
        CRM_NEW(p->bench[i].num, rows * p->d);
        CRM_NEW(p->bench[i].cat, rows * n_cat);
    }
    return first_shift(p);
}

static void end(pass *p)
{
    for (int i = 0; i < p->n_bench; i++) {
        crm_mem_free(p->bench[i].num);
        crm_mem_free(p->bench[i].cat);
    }
    crm_mem_free(p->bench);
    crm_mem_free(p->sum);
    crm_mem_free(p->shift);
}

static crm_status run(pass *p)
{
    return crm_tree_sum_once(p->fit->comm, p->fit->pool, crm_leaf_count(p->fit->train->n),
                             p->classes->m * width(p->d), add_leaf, p, p->sum);
}

crm_status bayes_measure(const crm_fit *fit, const crm_source *in, const classic_classes *classes,
                         bayes_moments *out)
{
    pass p = {.fit = fit,
              .in = in,
              .target = crm_data_target(fit->train->data, fit->target),
              .classes = classes,
              .d = crm_source_schema(in)->n_num};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin(&p, out)));
    CRM_TRY_TO(st, done, run(&p));
    if (!finish_pass(&p, out)) {
        if (p.d) memcpy(p.shift, out->mean, (size_t)(classes->m * p.d) * sizeof *p.shift);
        p.step = p.d;
        CRM_TRY_TO(st, done, run(&p));
        (void)finish_pass(&p, out);
    }
done:
    end(&p);
    return st;
}
