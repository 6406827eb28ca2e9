/* embed_lda_document.c - the mix of topics of one document, by coordinate ascent. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats_dist.h"
#include "embed_lda.h"

static const double LEAST = 1e-100; /* phi of a word that no topic has */

int64_t lda_longest(const crm_bow *x)
{
    int64_t most = 1;

    for (int64_t d = 0; d < x->n; d++)
        if (x->first[d + 1] - x->first[d] > most) most = x->first[d + 1] - x->first[d];
    return most;
}

crm_status lda_worker_new(const crm_lda *m, int64_t longest, lda_worker *out)
{
    CRM_NEW(out->gamma, m->stride);
    CRM_NEW(out->theta, m->stride);
    CRM_NEW(out->next, m->stride);
    CRM_NEW(out->ratio, longest);
    CRM_NEW(out->row, longest);
    return CRM_OK;
}

void lda_worker_free(lda_worker *w)
{
    crm_mem_free(w->gamma);
    crm_mem_free(w->theta);
    crm_mem_free(w->next);
    crm_mem_free(w->ratio);
    crm_mem_free(w->row);
    *w = (lda_worker){0};
}

void lda_psi_totals(const crm_lda *m, double *out)
{
    memset(out, 0, (size_t)m->stride * sizeof *out);
    for (int64_t k = 0; k < m->topics; k++)
        out[k] = crm_stats_digamma(m->total[k]);
}

void lda_beta(const crm_lda *m, const double *psi_total, const double *lambda, float *out)
{
    for (int64_t k = 0; k < m->topics; k++)
        out[k] = (float)crm_exp(crm_stats_digamma(lambda[k]) - psi_total[k]);
}

/* In LANES sums side by side, so that the compiler may use vectors without another order. */
static double dot(int64_t n, const double *a, const float *b)
{
    double s[LDA_LANES] = {0};

    for (int64_t i = 0; i < n; i += LDA_LANES)
        for (int l = 0; l < LDA_LANES; l++)
            s[l] += a[i + l] * (double)b[i + l];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static void set_theta(const crm_lda *m, lda_worker *w)
{
    double total = 0;

    for (int64_t k = 0; k < m->topics; k++)
        total += w->gamma[k];
    total = crm_stats_digamma(total);
    for (int64_t k = 0; k < m->topics; k++)
        w->theta[k] = crm_stats_digamma(w->gamma[k]) - total;
    crm_exp_each(m->topics, w->theta, w->theta);
}

static void set_ratios(const crm_lda *m, const float *beta, const lda_document *d, lda_worker *w)
{
    for (int64_t i = 0; i < d->n; i++)
        w->ratio[i] =
            (double)d->count[i] / (dot(m->stride, w->theta, beta + d->row[i] * m->stride) + LEAST);
}

/* One round; returns the mean change of gamma. */
static double improve(const crm_lda *m, const float *beta, const lda_document *d, lda_worker *w)
{
    double change = 0;

    memset(w->next, 0, (size_t)m->stride * sizeof *w->next);
    for (int64_t i = 0; i < d->n; i++) {
        const float *b = beta + d->row[i] * m->stride;
        for (int64_t k = 0; k < m->stride; k++)
            w->next[k] += w->ratio[i] * (double)b[k];
    }
    for (int64_t k = 0; k < m->topics; k++) {
        double g = m->alpha + w->theta[k] * w->next[k];
        change += fabs(g - w->gamma[k]);
        w->gamma[k] = g;
    }
    return change / (double)m->topics;
}

void lda_infer(const crm_lda *m, const float *beta, const lda_document *d, lda_worker *w)
{
    bool moves = true;

    for (int64_t k = 0; k < m->topics; k++)
        w->gamma[k] = 1;
    set_theta(m, w);
    set_ratios(m, beta, d, w);
    for (int64_t i = 0; i < m->iterations && moves; i++) {
        moves = improve(m, beta, d, w) >= m->tolerance;
        set_theta(m, w);
        set_ratios(m, beta, d, w);
    }
}
