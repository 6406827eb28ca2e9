/* test_sample.c - samplers: that of Sobol against another implementation, regrets of all on
 * functions with a known least value.  timeout: 120 */
#include <stdlib.h>

#include "../../src/study/sweep/sweep_impl.h"
#include "crm_test.h"
#include "functions.h"

enum { TRIALS = 100, SEEDS = 30 };

/* scipy 1.x, qmc.Sobol(64, scramble=False): points of the sequence times 2^10. */
static void sobol_is_that_of_others(void)
{
    static const struct {
        uint32_t i;
        int d;
        uint32_t x;
    } is[] = {{5, 0, 896},     {5, 3, 384},    {77, 10, 136}, {500, 40, 826},
              {1000, 63, 457}, {1023, 63, 41}, {700, 25, 167}};

    for (size_t k = 0; k < sizeof is / sizeof *is; k++)
        T_EQ_I(sweep_sobol_plain(is[k].d, is[k].i) >> 22, is[k].x);
}

/* A net (0, m, 1) stays one under the scramble: one point in each part of each dimension; in two
 * dimensions of the first pair, one in each of 16 x 16 boxes of 256 points. */
static void scramble_keeps_the_net(void)
{
    int box[16][16] = {{0}};

    for (int d = 0; d < CRM_SWEEP_DIMS_MAX; d++) {
        int seen[256] = {0}, once = 0;
        for (int i = 0; i < 256; i++)
            seen[(int)(sweep_sobol(9, d, i) * 256)]++;
        for (int i = 0; i < 256; i++)
            once += seen[i] == 1;
        T_EQ_I(once, 256);
    }
    for (int i = 0; i < 256; i++)
        box[(int)(sweep_sobol(9, 0, i) * 16)][(int)(sweep_sobol(9, 1, i) * 16)]++;
    for (int i = 0; i < 256; i++)
        T_EQ_I(box[i / 16][i % 16], 1);
    T_CHECK(sweep_sobol(9, 3, 0) != sweep_sobol(10, 3, 0));
}

/* ---- regret ---- */

static double best_of(const function *f, int sampler, uint64_t seed)
{
    static double x[TRIALS][CRM_SWEEP_DIMS_MAX];
    crm_seen seen[TRIALS];
    crm_sample_cfg cfg = {.sampler = sampler, .seed = seed, .startup = 10, .candidates = 24};
    double best = INFINITY;

    for (int t = 0; t < TRIALS; t++) {
        if (crm_sample(&cfg, &f->space, t, seen, t, x[t])) return NAN;
        seen[t] = (crm_seen){.x = x[t], .loss = f->of(x[t])};
        best = fmin(best, seen[t].loss);
    }
    return best - f->least;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_regret(const function *f, int sampler)
{
    double r[SEEDS];

    for (int s = 0; s < SEEDS; s++)
        r[s] = best_of(f, sampler, (uint64_t)s);
    qsort(r, SEEDS, sizeof *r, ascending);
    return (r[SEEDS / 2 - 1] + r[SEEDS / 2]) / 2;
}

/* Optuna's TPE (5.0, multivariate) has 0.05, 0.09, 0.19, 0.16, 0.35 and 0.06 of the regret of
 * random search: docs/sweeps.md. */
static void tpe_is_better_than_random(void)
{
    static const double most[FUNCTIONS] = {0.05, 0.15, 0.25, 0.05, 0.33, 0.1};

    for (int i = 0; i < FUNCTIONS; i++) {
        double random = median_regret(&functions[i], CRM_SAMPLER_RANDOM);
        double tpe = median_regret(&functions[i], CRM_SAMPLER_TPE);
        printf("# %s: median regret of 30 seeds after 100 trials: random %.4g, tpe %.4g (%.3f of "
               "random)\n",
               functions[i].name, random, tpe, tpe / random);
        T_CHECK(tpe <= random * most[i]);
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"the sequence of Sobol is that of others", sobol_is_that_of_others},
        {"the scramble keeps the net", scramble_keeps_the_net},
        {"TPE has a small part of the regret of random search", tpe_is_better_than_random},
        {NULL, NULL}};
    return t_main(argc, argv, cases);
}
