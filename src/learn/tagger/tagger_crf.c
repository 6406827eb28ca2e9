/* tagger_crf.c - sums and the best path over all tag sequences of a chain.
 *
 * Forward: a[t][j] = u[t][j] + log sum_i exp(a[t-1][i] + T[i][j]); backward likewise; log Z = log
 * sum_j exp(a[n-1][j]).  Each sum of exponentials is taken about its largest term, in the order of
 * the tags, so that the bits depend on the scores only. */
#include <string.h>

#include "crmpi/base_math.h"
#include "crmpi/tagger.h"

int64_t crm_crf_work(int64_t n, int k)
{
    return 2 * n * k + 2 * (int64_t)k * k + 2 * k;
}

/* Below this a term adds nothing to a sum of at least 1; crm_exp_each is fast above it. */
static const double least = -700;

static double bounded(double x)
{
    return x > least ? x : least;
}

/* log sum exp of x[n]; x is overwritten. */
static double log_sum(int n, double *x)
{
    double most = x[0], sum = 0;

    for (int i = 1; i < n; i++)
        if (x[i] > most) most = x[i];
    for (int i = 0; i < n; i++)
        x[i] = bounded(x[i] - most);
    crm_exp_each(n, x, x);
    for (int i = 0; i < n; i++)
        sum += x[i];
    return most + crm_log(sum);
}

/* out[j] = log sum_i exp(in[i] + m[i * by_i + j * by_j]); cell [k][k]. */
static void pass(int k, const double *in, const double *m, int by_i, int by_j, double *cell,
                 double *out)
{
    double *sum = cell + k * k;

    for (int j = 0; j < k; j++) {
        double *x = cell + j * k, most;
        for (int i = 0; i < k; i++)
            x[i] = in[i] + m[i * by_i + j * by_j];
        most = x[0];
        for (int i = 1; i < k; i++)
            if (x[i] > most) most = x[i];
        for (int i = 0; i < k; i++)
            x[i] = bounded(x[i] - most);
        out[j] = most;
    }
    crm_exp_each((int64_t)k * k, cell, cell);
    for (int j = 0; j < k; j++) {
        sum[j] = 0;
        for (int i = 0; i < k; i++)
            sum[j] += cell[j * k + i];
        out[j] += crm_log(sum[j]);
    }
}

static void forward(const crm_crf *c, double *a, double *cell)
{
    int k = c->k;

    for (int j = 0; j < k; j++)
        a[j] = c->start[j] + c->unary[j];
    for (int64_t t = 1; t < c->n; t++) {
        pass(k, a + (t - 1) * k, c->trans, k, 1, cell, a + t * k);
        for (int j = 0; j < k; j++)
            a[t * k + j] += c->unary[t * k + j];
    }
}

static void backward(const crm_crf *c, double *b, double *cell, double *ahead)
{
    int k = c->k;

    for (int j = 0; j < k; j++)
        b[(c->n - 1) * k + j] = 0;
    for (int64_t t = c->n - 2; t >= 0; t--) {
        for (int j = 0; j < k; j++)
            ahead[j] = c->unary[(t + 1) * k + j] + b[(t + 1) * k + j];
        pass(k, ahead, c->trans, 1, k, cell, b + t * k);
    }
}

/* Pairs at tokens t - 1 and t are added. */
static void add_pairs(const crm_crf *c, const double *a, const double *b, int64_t t, double log_z,
                      double *cell, double *pair)
{
    int k = c->k;

    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++)
            cell[i * k + j] = bounded(a[(t - 1) * k + i] + c->trans[i * k + j] +
                                      c->unary[t * k + j] + b[t * k + j] - log_z);
    crm_exp_each((int64_t)k * k, cell, cell);
    for (int i = 0; i < k * k; i++)
        pair[i] += cell[i];
}

static double path_score(const crm_crf *c, const int32_t *tag)
{
    double s = c->start[tag[0]];

    for (int64_t t = 0; t < c->n; t++) {
        s += c->unary[t * c->k + tag[t]];
        if (t > 0) s += c->trans[tag[t - 1] * c->k + tag[t]];
    }
    return s;
}

double crm_crf_loglik(const crm_crf *c, const int32_t *tag, double *marginal, double *pair,
                      double *work)
{
    int k = c->k;
    double *a = work, *b = a + c->n * k, *ahead = b + c->n * k, *cell = ahead + k, log_z;

    forward(c, a, cell);
    backward(c, b, cell, ahead);
    memcpy(ahead, a + (c->n - 1) * k, (size_t)k * sizeof *ahead);
    log_z = log_sum(k, ahead);
    for (int64_t i = 0; i < c->n * k; i++)
        marginal[i] = bounded(a[i] + b[i] - log_z);
    crm_exp_each(c->n * k, marginal, marginal);
    for (int64_t t = 1; t < c->n; t++)
        add_pairs(c, a, b, t, log_z, cell, pair);
    return path_score(c, tag) - log_z;
}

/* From which tag the best path comes to tag j. */
static int best_from(int k, const double *before, const double *trans, int j)
{
    int best = 0;

    for (int i = 1; i < k; i++)
        if (before[i] + trans[i * k + j] > before[best] + trans[best * k + j]) best = i;
    return best;
}

void crm_crf_decode(const crm_crf *c, int32_t *tag, double *work)
{
    int k = c->k, best = 0;
    double *score = work, *from = work + c->n * k; /* small whole numbers */

    for (int j = 0; j < k; j++)
        score[j] = c->start[j] + c->unary[j];
    for (int64_t t = 1; t < c->n; t++)
        for (int j = 0; j < k; j++) {
            int i = best_from(k, score + (t - 1) * k, c->trans, j);
            from[t * k + j] = i;
            score[t * k + j] = score[(t - 1) * k + i] + c->trans[i * k + j] + c->unary[t * k + j];
        }
    for (int j = 1; j < k; j++)
        if (score[(c->n - 1) * k + j] > score[(c->n - 1) * k + best]) best = j;
    for (int64_t t = c->n - 1; t >= 0; t--) {
        tag[t] = best;
        if (t > 0) best = (int)from[t * k + best];
    }
}
