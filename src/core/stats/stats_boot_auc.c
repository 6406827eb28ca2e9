/* stats_boot_auc.c - bootstrap of an AUC without sorting again: the rows are sorted once for each
 * class, a replicate says how often each row was drawn, and one pass adds up the pairs.
 *
 * Rows are numbered in the order of their probabilities and labels, so that the order in which they
 * are handed in has no say.  With row i left out the pairs are those of all less its own
 * (placements of DeLong, DeLong & Clarke-Pearson 1988), which gives the acceleration of BCa in one
 * pass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "stats_boot_impl.h"
#include "stats_impl.h"

typedef struct sample_row {
    const double *p;
    int k;
    int32_t label;
} sample_row;

/* One step of the pass over a class's sorted rows. */
typedef struct step {
    uint32_t row;
    bool positive, last; /* of its group of equal scores */
} step;

typedef struct sample {
    int64_t n;
    int k, first;   /* classes first .. k - 1 are averaged */
    int32_t *label; /* [n] */
    double *proba;  /* [n][k] */
    step *step;     /* [k - first][n] */
} sample;

static int by_content(const void *a, const void *b)
{
    const sample_row *x = a, *y = b;

    for (int c = x->k - 1; c >= 0; c--)
        if (x->p[c] != y->p[c]) return x->p[c] < y->p[c] ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

/* Rows with a label, numbered by content. */
static crm_status number_rows(int64_t n, const int32_t *label, const double *proba, sample *s)
{
    sample_row *row = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, row, n);
    for (int64_t i = 0; i < n; i++) {
        CRM_CHECK_TO(st, done, label[i] >= -1 && label[i] < s->k, CRM_ERR_ARG,
                     "label %d of row %lld; classes are 0 .. %d (-1: none)", (int)label[i],
                     (long long)i, s->k - 1);
        if (label[i] >= 0) row[s->n++] = (sample_row){proba + i * s->k, s->k, label[i]};
    }
    for (int64_t i = 0; i < s->n * s->k; i++)
        CRM_CHECK_TO(st, done, !isnan(row[i / s->k].p[i % s->k]), CRM_ERR_NUMERIC,
                     "a probability is NaN: an AUC needs numbers");
    qsort(row, (size_t)s->n, sizeof *row, by_content);
    CRM_NEW_TO(st, done, s->label, s->n);
    CRM_NEW_TO(st, done, s->proba, s->n * s->k);
    for (int64_t i = 0; i < s->n; i++) {
        s->label[i] = row[i].label;
        memcpy(s->proba + i * s->k, row[i].p, (size_t)s->k * sizeof *s->proba);
    }
done:
    crm_mem_free(row);
    return st;
}

/* The steps of a class, and for each row the AUC without it, added to jack (NULL: none). */
static crm_status sort_class(const sample *s, int c, double *jack)
{
    crm_ranking r = {0};
    int64_t *w = NULL, all, pos, neg;
    step *to = s->step + (int64_t)(c - s->first) * s->n;
    crm_status st = CRM_OK;

    CRM_TRY(crm_stats_rank(s->n, s->label, c, s->proba + c, s->k, &r));
    for (int64_t i = 0; i < r.n; i++)
        to[i] = (step){(uint32_t)r.item[i].row, r.item[i].positive,
                       i + 1 == r.n || r.item[i + 1].score != r.item[i].score};
    CRM_NEW_TO(st, done, w, jack ? s->n : 0);
    all = crm_stats_placements(&r, jack ? w : NULL);
    for (int64_t i = 0; jack && i < s->n; i++) {
        pos = r.pos - (s->label[i] == c);
        neg = r.n - r.pos - (s->label[i] != c);
        jack[i] += pos && neg
                       ? (double)(all - w[i]) / (2 * (double)pos * (double)neg) / (s->k - s->first)
                       : (double)NAN;
    }
done:
    crm_mem_free(r.item);
    crm_mem_free(w);
    return st;
}

/* AUC of a class with row i drawn times[i] times. */
static double class_auc(const step *at, int64_t n, const int32_t *times)
{
    int64_t group[2] = {0, 0}, pos = 0, neg = 0, twice = 0;

    for (int64_t i = 0; i < n; i++) {
        group[at[i].positive] += times[at[i].row];
        if (!at[i].last) continue;
        twice += group[1] * (2 * neg + group[0]);
        neg += group[0];
        pos += group[1];
        group[0] = group[1] = 0;
    }
    return pos && neg ? (double)twice / (2 * (double)pos * (double)neg) : (double)NAN;
}

static double sample_auc(const sample *s, const int32_t *times)
{
    double sum = 0;

    for (int c = s->first; c < s->k; c++)
        sum += class_auc(s->step + (int64_t)(c - s->first) * s->n, s->n, times);
    return sum / (s->k - s->first);
}

static crm_status run(const sample *s, double *jack, int replicates, uint64_t seed, crm_boot *out)
{
    double *x = NULL, value;
    int32_t *times = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, x, replicates);
    CRM_NEW_TO(st, done, times, s->n);
    for (int64_t i = 0; i < s->n; i++)
        times[i] = 1;
    value = sample_auc(s, times);
    for (int b = 0; b < replicates && isfinite(value); b++) {
        crm_boot_draw(seed, (uint32_t)b, s->n, times);
        x[b] = sample_auc(s, times);
    }
    crm_boot_finish(value, x, replicates, jack, s->n, out);
done:
    crm_mem_free(x);
    crm_mem_free(times);
    return st;
}

crm_status crm_stats_bootstrap_auc(int64_t n, int k, const int32_t *label, const double *proba,
                                   crm_boot_kind kind, int replicates, uint64_t seed, crm_boot *out)
{
    sample s = {.k = k, .first = k == 2 ? 1 : 0};
    double *jack = NULL;
    crm_status st = CRM_OK;

    memset(out, 0, sizeof *out);
    CRM_TRY(crm_boot_check(n, replicates));
    CRM_CHECK(k >= 2 && n <= UINT32_MAX, CRM_ERR_ARG, "%lld rows, %d classes; need 2 classes",
              (long long)n, k);
    CRM_TRY_TO(st, done, number_rows(n, label, proba, &s));
    CRM_NEW_TO(st, done, s.step, s.n * (k - s.first));
    if (kind == CRM_BOOT_BCA) CRM_NEW_TO(st, done, jack, s.n);
    for (int c = s.first; c < k; c++)
        CRM_TRY_TO(st, done, sort_class(&s, c, jack));
    st = run(&s, jack, replicates, seed, out);
done:
    crm_mem_free(s.label);
    crm_mem_free(s.proba);
    crm_mem_free(s.step);
    crm_mem_free(jack);
    return st;
}
