/* test_crf.c - sums and the best path of a chain, against all tag sequences one by one, and the
 * gradient against finite differences. */
#include "../crm_test.h"
#include "crmpi/base_rng.h"
#include "crmpi/tagger.h"

enum { N = 5, K = 3, PATHS = 243 /* K^N */, WORK = 1000 };

typedef struct random_chain {
    double unary[N * K], start[K], trans[K * K];
} random_chain;

static crm_crf make(random_chain *r, uint64_t seed, int64_t n, bool rule)
{
    crm_rng g = crm_rng_at(seed, CRM_RNG_TEST, 0, 0);

    for (int i = 0; i < N * K; i++)
        r->unary[i] = 3 * crm_rng_normal(&g);
    for (int i = 0; i < K * K; i++)
        r->trans[i] = 2 * crm_rng_normal(&g);
    for (int i = 0; i < K; i++)
        r->start[i] = 0;
    if (rule) { /* tag 2 stands behind tags 1 and 2 only */
        r->start[2] = CRM_CRF_NEVER;
        r->trans[0 * K + 2] = CRM_CRF_NEVER;
    }
    return (crm_crf){.n = n, .k = K, .unary = r->unary, .start = r->start, .trans = r->trans};
}

static void nth_path(int p, int64_t n, int32_t *tag)
{
    for (int64_t t = n; t-- > 0; p /= K) /* in lexical order */
        tag[t] = p % K;
}

static int n_paths(int64_t n)
{
    int paths = 1;

    for (int64_t t = 0; t < n; t++)
        paths *= K;
    return paths;
}

static double score_of(const crm_crf *c, const int32_t *tag)
{
    double s = c->start[tag[0]];

    for (int64_t t = 0; t < c->n; t++)
        s += c->unary[t * K + tag[t]] + (t > 0 ? c->trans[tag[t - 1] * K + tag[t]] : 0);
    return s;
}

/* Z, marginals, pairs and the best path by adding up all paths. */
static void brute(const crm_crf *c, double *log_z, double *marginal, double *pair, int *best)
{
    int32_t tag[N];
    double z = 0, top = -1e300;

    for (int p = 0; p < n_paths(c->n); p++) {
        nth_path(p, c->n, tag);
        z += exp(score_of(c, tag));
        if (score_of(c, tag) > top) {
            top = score_of(c, tag);
            *best = p;
        }
    }
    for (int i = 0; i < N * K; i++)
        marginal[i] = 0;
    for (int i = 0; i < K * K; i++)
        pair[i] = 0;
    for (int p = 0; p < n_paths(c->n); p++) {
        nth_path(p, c->n, tag);
        for (int64_t t = 0; t < c->n; t++) {
            marginal[t * K + tag[t]] += exp(score_of(c, tag)) / z;
            if (t > 0) pair[tag[t - 1] * K + tag[t]] += exp(score_of(c, tag)) / z;
        }
    }
    *log_z = log(z);
}

static void same_as_brute(uint64_t seed, int64_t n, bool rule)
{
    random_chain r;
    crm_crf c = make(&r, seed, n, rule);
    double log_z, marginal[N * K], pair[K * K], m[N * K], p[K * K] = {0}, work[WORK];
    int32_t tag[N], want[N];
    int best = 0;

    T_CHECK(crm_crf_work(n, K) <= WORK);
    brute(&c, &log_z, marginal, pair, &best);
    nth_path(best, n, want);
    T_NEAR(crm_crf_loglik(&c, want, m, p, work), score_of(&c, want) - log_z, 1e-12);
    for (int64_t i = 0; i < n * K; i++)
        T_NEAR(m[i], marginal[i], 1e-12);
    for (int i = 0; i < K * K; i++)
        T_NEAR(p[i], pair[i], 1e-12);
    crm_crf_decode(&c, tag, work);
    for (int64_t t = 0; t < n; t++)
        T_EQ_I(tag[t], want[t]);
}

static void all_sequences(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (int64_t n = 1; n <= N; n++) {
            same_as_brute(seed, n, false);
            same_as_brute(seed, n, true);
        }
}

/* d log p / d unary[t][j] = 1[y_t = j] - marginal; likewise for transitions. */
static void gradient(void)
{
    const int32_t tag[N] = {1, 2, 0, 0, 1};
    const double h = 1e-5;
    random_chain r;
    crm_crf c = make(&r, 7, N, false);
    double m[N * K], p[K * K] = {0}, work[WORK], none[K * K], other[N * K];

    (void)crm_crf_loglik(&c, tag, m, p, work);
    for (int i = 0; i < N * K; i++) {
        double at = r.unary[i], up, down;
        r.unary[i] = at + h;
        up = crm_crf_loglik(&c, tag, other, none, work);
        r.unary[i] = at - h;
        down = crm_crf_loglik(&c, tag, other, none, work);
        r.unary[i] = at;
        T_NEAR((up - down) / (2 * h), (tag[i / K] == i % K) - m[i], 1e-8);
    }
    for (int i = 0; i < K * K; i++) {
        double at = r.trans[i], up, down, seen = 0;
        for (int t = 1; t < N; t++)
            seen += tag[t - 1] * K + tag[t] == i;
        r.trans[i] = at + h;
        up = crm_crf_loglik(&c, tag, other, none, work);
        r.trans[i] = at - h;
        down = crm_crf_loglik(&c, tag, other, none, work);
        r.trans[i] = at;
        T_NEAR((up - down) / (2 * h), seen - p[i], 1e-8);
    }
}

/* Equal scores: the lower tag; scores so large that exp overflows. */
static void ties_and_extremes(void)
{
    double unary[N * K] = {0}, start[K] = {0}, trans[K * K] = {0}, work[WORK], m[N * K];
    double p[K * K] = {0};
    crm_crf c = {.n = N, .k = K, .unary = unary, .start = start, .trans = trans};
    int32_t tag[N] = {2, 2, 2, 2, 2};

    crm_crf_decode(&c, tag, work);
    for (int t = 0; t < N; t++)
        T_EQ_I(tag[t], 0);
    T_NEAR(crm_crf_loglik(&c, tag, m, p, work), -N * log(K), 1e-14); /* all paths are equal */
    for (int t = 0; t < N; t++)
        unary[t * K + 1] = 5000;
    crm_crf_decode(&c, tag, work);
    T_EQ_I(tag[N - 1], 1);
    T_NEAR(crm_crf_loglik(&c, tag, m, p, work), 0, 1e-14);
    T_NEAR(m[1], 1, 1e-14);
    T_CHECK(m[0] < 1e-300);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"all_sequences", all_sequences},
                                   {"gradient", gradient},
                                   {"ties_and_extremes", ties_and_extremes},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
