/* stats_confusion.c - scores from a confusion matrix, after scikit-learn's definitions.
 *
 * precision = tp / predicted, recall = tp / support, F1 = 2 tp / (predicted + support).  kappa
 * (Cohen 1960) and the MCC of k classes (Gorodkin 2004) from integers: t = trace, r and c row and
 * column sums, kappa = (n t - sum r c) / (n^2 - sum r c), MCC = (n t - sum r c) / sqrt((n^2 - sum
 * c^2)(n^2 - sum r^2)). */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "crmpi/stats_metric.h"

crm_status crm_stats_confusion(int64_t n, int k, const int32_t *label, const int32_t *pred,
                               int64_t *cm)
{
    CRM_CHECK(n >= 0 && k >= 2, CRM_ERR_ARG, "%lld rows, %d classes; need at least 0 and 2",
              (long long)n, k);
    memset(cm, 0, (size_t)k * (size_t)k * sizeof *cm);
    for (int64_t i = 0; i < n; i++) {
        if (label[i] == -1) continue;
        CRM_CHECK(label[i] >= 0 && label[i] < k, CRM_ERR_ARG,
                  "label %d of row %lld; classes are 0 .. %d (-1: none)", (int)label[i],
                  (long long)i, k - 1);
        CRM_CHECK(pred[i] >= 0 && pred[i] < k, CRM_ERR_ARG,
                  "predicted class %d of row %lld; classes are 0 .. %d", (int)pred[i], (long long)i,
                  k - 1);
        cm[(int64_t)label[i] * k + pred[i]]++;
    }
    return CRM_OK;
}

/* a / b, or 0 with a note when b is 0. */
static double divide(int64_t a, int64_t b, int *zero_divisions)
{
    if (b == 0) {
        (*zero_divisions)++;
        return 0;
    }
    return (double)a / (double)b;
}

static crm_class_scores class_scores(int k, const int64_t *cm, int c)
{
    crm_class_scores s = {0};
    int64_t hits = cm[c * k + c];

    for (int j = 0; j < k; j++) {
        s.support += cm[c * k + j];
        s.predicted += cm[j * k + c];
    }
    s.precision = divide(hits, s.predicted, &s.zero_divisions);
    s.recall = divide(hits, s.support, &s.zero_divisions);
    s.f1 = divide(2 * hits, s.predicted + s.support, &s.zero_divisions);
    return s;
}

void crm_stats_class_scores(int k, const int64_t *cm, crm_class_scores *out)
{
    for (int c = 0; c < k; c++)
        out[c] = class_scores(k, cm, c);
}

/* Integer sums over classes. */
typedef struct cm_sums {
    int64_t n, trace, rc, rr, cc;
    int present; /* classes among labels or predictions */
} cm_sums;

static void add_class(cm_sums *s, crm_cm_scores *r, const crm_class_scores *c, int64_t hits)
{
    s->n += c->support;
    s->trace += hits;
    s->rc += c->support * c->predicted;
    s->rr += c->support * c->support;
    s->cc += c->predicted * c->predicted;
    s->present += c->support + c->predicted > 0;
    r->precision_macro += c->precision;
    r->recall_macro += c->recall;
    r->f1_macro += c->f1;
    r->f1_weighted += c->f1 * (double)c->support;
    r->zero_divisions += c->zero_divisions;
}

/* Agreement beyond chance: kappa and MCC. */
static void chance(const cm_sums *s, crm_cm_scores *r)
{
    double above = (double)(s->n * s->trace - s->rc), most = (double)(s->n * s->n - s->rc);
    double spread = sqrt((double)(s->n * s->n - s->cc)) * sqrt((double)(s->n * s->n - s->rr));

    r->kappa = most > 0 ? above / most : 0;
    r->mcc = spread > 0 ? above / spread : 0;
}

crm_cm_scores crm_stats_cm_scores(int k, const int64_t *cm)
{
    crm_cm_scores r = {0};
    cm_sums s = {0};
    const double none = (double)NAN;

    for (int c = 0; c < k; c++) {
        crm_class_scores one = class_scores(k, cm, c);

        add_class(&s, &r, &one, cm[c * k + c]);
    }
    if (s.n == 0)
        return (crm_cm_scores){0, none, none, none, none, none, none, none, r.zero_divisions};
    r.n = s.n;
    r.accuracy = (double)s.trace / (double)s.n;
    r.precision_macro /= s.present;
    r.recall_macro /= s.present;
    r.f1_macro /= s.present;
    r.f1_weighted /= (double)s.n;
    chance(&s, &r);
    return r;
}
