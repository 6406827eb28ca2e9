/* stats_threshold.c - the threshold of a probability that is best for F1, for the Youden index or
 * for a cost, and the cost of a confusion matrix. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_curve.h"
#include "stats_impl.h"

const char *const crm_criterion_names[] = {"f1", "youden", "cost", NULL};
_Static_assert(sizeof crm_criterion_names / sizeof *crm_criterion_names == CRM_CRITERION_COUNT + 1,
               "a name for each criterion");

double crm_stats_cost(int k, const int64_t *cm, const double *cost)
{
    int64_t n = 0;
    double sum = 0;

    for (int64_t i = 0; i < (int64_t)k * k; i++) {
        n += cm[i];
        sum += (double)cm[i] * cost[i];
    }
    return n ? sum / (double)n : (double)NAN;
}

/* What is compared: a curve, the criterion and its costs. */
typedef struct choice {
    const crm_curve *c;
    crm_criterion criterion;
    const double *cost;
} choice;

static double total_cost(const choice *x, const crm_cut *a)
{
    const crm_curve *c = x->c;
    const int64_t cm[] = {c->neg - a->fp, a->fp, c->pos - a->tp, a->tp};
    double sum = 0;

    for (int i = 0; i < 4; i++)
        sum += (double)cm[i] * x->cost[i];
    return sum;
}

/* Above 0 when a is better than b, 0 when they are equally good. */
static int compare(const choice *x, const crm_cut *a, const crm_cut *b)
{
    int64_t u, v;
    double cu, cv;

    switch (x->criterion) {
    case CRM_CRITERION_F1: /* 2 tp / (tp + fp + pos), crosswise */
        u = a->tp * (b->tp + b->fp + x->c->pos);
        v = b->tp * (a->tp + a->fp + x->c->pos);
        return (u > v) - (u < v);
    case CRM_CRITERION_YOUDEN:
        u = a->tp * x->c->neg - a->fp * x->c->pos;
        v = b->tp * x->c->neg - b->fp * x->c->pos;
        return (u > v) - (u < v);
    default:
        cu = total_cost(x, a);
        cv = total_cost(x, b);
        return (cu < cv) - (cu > cv);
    }
}

static double value_of(const choice *x, const crm_cut *a)
{
    const crm_curve *c = x->c;

    if (x->criterion == CRM_CRITERION_F1)
        return 2 * (double)a->tp / (double)(a->tp + a->fp + c->pos);
    if (x->criterion == CRM_CRITERION_YOUDEN)
        return (double)a->tp / (double)c->pos - (double)a->fp / (double)c->neg;
    return total_cost(x, a) / (double)(c->pos + c->neg);
}

/* The threshold that stands for all t with low <= t < high: they take the same rows. */
static double between(double low, double high)
{
    double mid = low + (high - low) / 2;

    if (low <= 0.5 && 0.5 < high) return 0.5;
    return mid < high ? mid : low;
}

/* Of cut i.  Below all probabilities: half of the lowest, or -1 when that is 0. */
static double stand_in(const crm_curve *c, int64_t i)
{
    double high = c->cut[i].threshold;

    if (i == 0) return c->n > 1 && c->cut[1].threshold > 0.5 ? c->cut[1].threshold : 0.5;
    if (i < c->n - 1) return between(c->cut[i + 1].threshold, high);
    return high > 0 ? between(0, high) : -1;
}

static void choose(const choice *x, crm_threshold *out)
{
    const crm_curve *c = x->c;
    int64_t best = 0;

    out->threshold = stand_in(c, 0);
    for (int64_t i = 1; i < c->n; i++) {
        double t = stand_in(c, i), far = fabs(t - 0.5), was = fabs(out->threshold - 0.5);
        int better = compare(x, &c->cut[i], &c->cut[best]);
        if (better < 0 || (better == 0 && far > was))
            continue; /* t falls: a tie goes to the lower */
        best = i;
        out->threshold = t;
    }
    out->state = CRM_STATS_OK;
    out->value = value_of(x, &c->cut[best]);
    out->tp = c->cut[best].tp;
    out->fp = c->cut[best].fp;
    out->fn = c->pos - out->tp;
    out->tn = c->neg - out->fp;
}

static crm_status check(int64_t n, const int32_t *label, const double *p, int64_t stride,
                        const double *cost)
{
    for (int64_t i = 0; i < n; i++) {
        CRM_CHECK(label[i] >= -1 && label[i] <= 1, CRM_ERR_ARG,
                  "label %d of row %lld; a threshold parts classes 0 and 1 (-1: none)",
                  (int)label[i], (long long)i);
        CRM_CHECK(label[i] < 0 || crm_stats_is_probability(p[i * stride]), CRM_ERR_NUMERIC,
                  "probability %g of row %lld; must be 0 .. 1", p[i * stride], (long long)i);
    }
    for (int i = 0; cost && i < 4; i++)
        CRM_CHECK(isfinite(cost[i]), CRM_ERR_NUMERIC, "cost %d is %g; must be finite", i, cost[i]);
    return CRM_OK;
}

crm_status crm_stats_threshold(int64_t n, const int32_t *label, const double *p, int64_t stride,
                               crm_criterion criterion, const double *cost, crm_threshold *out)
{
    crm_curve c;

    *out = (crm_threshold){.state = CRM_STATS_UNDEFINED, .threshold = 0.5};
    CRM_CHECK(criterion != CRM_CRITERION_COST || cost, CRM_ERR_ARG, "no costs to choose by");
    CRM_TRY(check(n, label, p, stride, criterion == CRM_CRITERION_COST ? cost : NULL));
    CRM_TRY(crm_stats_curve(n, label, 1, p, stride, &c));
    if (c.pos && c.neg) choose(&(choice){&c, criterion, cost}, out);
    crm_mem_free(c.cut);
    return CRM_OK;
}
