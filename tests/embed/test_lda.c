/* test_lda.c - topics: the mix of documents and their perplexity against scikit-learn 1.2.1, a step
 * against the formulas written out, planted topics found, the same bits on any number of ranks.
 * ranks: 1 2 3 4 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crm_test_mpi.h"
#include "crmpi/base_rng.h"
#include "crmpi/embed.h"
#include "crmpi/stats_dist.h"

enum { K = 3, V = 6, DOCS = 4 };
/* Counts, one line for each document:
 *     2 0 1 0 0 3 / 0 4 0 1 1 0 / 1 1 1 1 1 1 / 0 0 0 0 5 0 */
static const int64_t FIRST[DOCS + 1] = {0, 3, 6, 12, 13};
static const int32_t ID[] = {0, 2, 5, 1, 3, 4, 0, 1, 2, 3, 4, 5, 4};
static const float COUNT[] = {2, 1, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 5};
static const crm_bow BOW = {.n = DOCS, .n_words = V, .first = FIRST, .id = ID, .count = COUNT};

/* Topics lambda[k][w] = 1 + (7 k + 3 w) mod 5. */
static crm_bag *topics_bag(double poison)
{
    double lambda[K][V];
    crm_bag *b;

    for (int k = 0; k < K; k++)
        for (int w = 0; w < V; w++)
            lambda[k][w] = 1 + (7 * k + 3 * w) % 5;
    lambda[1][2] += poison;
    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_i64(b, "iterations", 1000));
    T_OK(crm_bag_put_f64(b, "alpha", 0.5));
    T_OK(crm_bag_put_f64(b, "eta", 0.25));
    T_OK(crm_bag_put_f64(b, "tolerance", 1e-6));
    T_OK(crm_bag_put_f64(b, "documents", DOCS));
    T_OK(crm_bag_put(b, "lambda", CRM_F64, 2, (int64_t[]){K, V}, lambda));
    return b;
}

/* LatentDirichletAllocation(3, doc_topic_prior=.5, topic_word_prior=.25, mean_change_tol=1e-6,
 * max_doc_update_iter=1000) with components_ = lambda: transform and perplexity. */
static void matches_reference(void)
{
    static const double WANT[DOCS][K] = {{0.075271253, 0.302315655, 0.622413092},
                                         {0.837789866, 0.077246151, 0.084963983},
                                         {0.268506635, 0.379927352, 0.351566013},
                                         {0.103081015, 0.811621712, 0.085297273}};
    crm_bag *b = topics_bag(0);
    crm_lda *m = NULL;
    float mix[DOCS][K];
    double perplexity;

    T_OK(crm_lda_load(b, &m));
    if (!m) return;
    T_OK(crm_lda_mix(m, &BOW, mix[0]));
    for (int d = 0; d < DOCS; d++)
        for (int k = 0; k < K; k++)
            T_NEAR((double)mix[d][k], WANT[d][k], 2e-6);
    T_OK(crm_lda_perplexity(m, &BOW, &perplexity));
    T_NEAR(perplexity, 14.524485151536261, 1e-5);
    crm_lda_free(&m);
    crm_bag_free(&b);
}

/* Worked out by numpy from the definitions; ties of lambda go to the lower word. */
static void coherence_by_hand(void)
{
    static const double UMASS[K] = {0.4054651081081644, -0.13515503603605483, 0.1351550360360548};
    static const double NPMI[K] = {0.6100249995192292, 0.1383458330929479, 0.3333333333333333};
    static const int32_t TOP[K][3] = {{3, 1, 4}, {4, 2, 0}, {0, 5, 3}};
    crm_bag *b = topics_bag(0);
    crm_lda *m = NULL;
    double umass[K], npmi[K];
    int32_t top[3];

    T_OK(crm_lda_load(b, &m));
    if (!m) return;
    T_OK(crm_lda_coherence(m, &BOW, 3, umass, npmi));
    for (int k = 0; k < K; k++) {
        T_NEAR(umass[k], UMASS[k], 1e-12);
        T_NEAR(npmi[k], NPMI[k], 1e-12);
        crm_lda_top(m, k, 3, top);
        T_CHECK(memcmp(top, TOP[k], sizeof top) == 0);
    }
    T_FAILS(crm_lda_coherence(m, &BOW, 1, umass, npmi), CRM_ERR_ARG, "2 to 64");
    crm_lda_free(&m);
    crm_bag_free(&b);
}

static void refuses_damage(void)
{
    crm_bag *b = topics_bag(-100);
    crm_lda *m = NULL;

    T_FAILS(crm_lda_load(b, &m), CRM_ERR_FORMAT, "lambda[1][2]");
    T_CHECK(m == NULL);
    crm_bag_free(&b);
}

/* Saved lambda, [topics][words]; the caller frees. */
static double *lambda_of(const crm_lda *m, int64_t n)
{
    double *out = malloc((size_t)n * sizeof *out);
    const crm_bag_array *a;
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_lda_save(m, b));
    T_OK(crm_bag_get(b, "lambda", CRM_F64, n, &a));
    if (out) memcpy(out, a->data, (size_t)n * sizeof *out);
    crm_bag_free(&b);
    return out;
}

static const crm_lda_cfg STEP = {.topics = K,
                                 .batch = DOCS,
                                 .iterations = 200,
                                 .alpha = 0.5,
                                 .eta = 0.25,
                                 .offset = 10,
                                 .decay = 0.7,
                                 .tolerance = 0};

/* The formulas of Hoffman, Blei, Bach 2010 without any shortcut: statistics of the documents. */
static void written_out(const double *lambda, double *sums)
{
    for (int d = 0; d < DOCS; d++) {
        double gamma[K] = {1, 1, 1}, theta[K], beta[K][V];
        for (int64_t round = 0; round <= STEP.iterations; round++) {
            double next[K] = {STEP.alpha, STEP.alpha, STEP.alpha};
            for (int k = 0; k < K; k++) {
                double total = 0;
                for (int w = 0; w < V; w++)
                    total += lambda[k * V + w];
                theta[k] = exp(crm_stats_digamma(gamma[k]) -
                               crm_stats_digamma(gamma[0] + gamma[1] + gamma[2]));
                for (int w = 0; w < V; w++)
                    beta[k][w] =
                        exp(crm_stats_digamma(lambda[k * V + w]) - crm_stats_digamma(total));
            }
            for (int64_t i = FIRST[d]; i < FIRST[d + 1]; i++)
                for (int k = 0; k < K; k++) {
                    double phi = 0, part = theta[k] * beta[k][ID[i]];
                    for (int j = 0; j < K; j++)
                        phi += theta[j] * beta[j][ID[i]];
                    next[k] += (double)COUNT[i] * part / phi;
                    if (round == STEP.iterations)
                        sums[k * V + ID[i]] += (double)COUNT[i] * part / phi;
                }
            memcpy(gamma, next, sizeof gamma);
        }
    }
}

static void one_step(void)
{
    crm_lda_cfg cfg = STEP;
    crm_lda *before = NULL, *after = NULL;
    double sums[K * V] = {0}, rho = pow(STEP.offset + 1, -STEP.decay), *from, *to;

    T_OK(crm_lda_fit(t_comm, NULL, &cfg, &BOW, 5, &before));
    cfg.passes = 1;
    T_OK(crm_lda_fit(t_comm, NULL, &cfg, &BOW, 5, &after));
    if (!before || !after) return;
    from = lambda_of(before, (int64_t)K * V);
    to = lambda_of(after, (int64_t)K * V);
    written_out(from, sums);
    for (int i = 0; i < K * V; i++) /* exp(E log beta) is kept in single precision */
        T_NEAR(to[i], (1 - rho) * from[i] + rho * (STEP.eta + sums[i]), 1e-6);
    free(from);
    free(to);
    crm_lda_free(&before);
    crm_lda_free(&after);
}

/* ---- planted topics ---- */
enum { MANY = 1500, WORDS = 40, PLANTED = 4, EACH = WORDS / PLANTED, LENGTH = 12 };

/* Documents of words of one topic each, one word in six of any. */
static crm_bow planted(void)
{
    static int64_t first[MANY + 1];
    static int32_t id[MANY * LENGTH];
    static float count[MANY * LENGTH];

    for (int d = 0; d < MANY; d++) {
        crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 0, (uint64_t)d);
        float of[WORDS] = {0};
        for (int i = 0; i < LENGTH; i++) {
            uint32_t w = crm_rng_below(&r, EACH) + (uint32_t)(d % PLANTED) * EACH;
            if (crm_rng_below(&r, 6) == 0) w = crm_rng_below(&r, WORDS);
            of[w]++;
        }
        first[d + 1] = first[d];
        for (int w = 0; w < WORDS; w++)
            if (of[w] > 0) {
                id[first[d + 1]] = w;
                count[first[d + 1]++] = of[w];
            }
    }
    return (crm_bow){.n = MANY, .n_words = WORDS, .first = first, .id = id, .count = count};
}

static void finds_planted_topics(void)
{
    static const crm_lda_cfg cfg = {.topics = PLANTED,
                                    .passes = 5,
                                    .batch = 200,
                                    .iterations = 100,
                                    .offset = 10,
                                    .decay = 0.7,
                                    .tolerance = 1e-3};
    crm_bow x = planted();
    crm_lda *m = NULL;
    crm_pool *pool = NULL;
    crm_digest digest;
    crm_bag *b;
    int64_t word[2];
    double perplexity;
    int seen = 0;

    T_OK(crm_pool_new(1 + crm_comm_rank(t_comm) % 2, &pool));
    T_OK(crm_lda_fit(t_comm, pool, &cfg, &x, 11, &m));
    if (!m) return;
    for (int k = 0; k < PLANTED; k++) {
        int32_t top[EACH];
        crm_lda_top(m, k, EACH, top);
        seen |= 1 << (top[0] / EACH);
        for (int i = 1; i < EACH; i++)
            T_EQ_I(top[i] / EACH, top[0] / EACH);
    }
    T_EQ_I(seen, (1 << PLANTED) - 1);
    T_OK(crm_lda_perplexity(m, &x, &perplexity));
    T_CHECK(perplexity > 10 && perplexity < 25); /* 10 words of a topic, and the rest */
    T_OK(crm_bag_new(&b));
    T_OK(crm_lda_save(m, b));
    T_OK(crm_bag_digest(b, NULL, &digest));
    memcpy(word, &digest, sizeof word);
    T_EQ_I(word[0], 3170801875888506247); /* on any number of ranks and threads */
    T_EQ_I(word[1], -3801490628854112289);
    crm_bag_free(&b);
    crm_lda_free(&m);
    crm_pool_free(&pool);
}

static void nothing_to_learn(void)
{
    static const int64_t first[] = {0, 0, 0};
    crm_bow x = {.n = 2, .n_words = 3, .first = first};
    crm_lda *m = NULL;

    T_FAILS(crm_lda_fit(t_comm, NULL, &STEP, &x, 1, &m), CRM_ERR_FORMAT, "no words");
    T_CHECK(m == NULL);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"matches reference", matches_reference},
                                   {"coherence by hand", coherence_by_hand},
                                   {"refuses damage", refuses_damage},
                                   {"one step", one_step},
                                   {"finds planted topics", finds_planted_topics},
                                   {"nothing to learn", nothing_to_learn},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
