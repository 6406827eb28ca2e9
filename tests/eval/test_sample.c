/* test_sample.c - which units make a sample: spread over models and folds, the same each time, a
 * larger one holds the smaller. */
#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/eval.h"

enum { MODELS = 3, REPEATS = 2, FOLDS = 5, N = MODELS * (REPEATS * FOLDS + 1) };
static const char *const model[MODELS] = {"hybrid", "hybrid-no-text", "naive_bayes"};
static crm_record_unit unit[N];
static int model_of[N], part_of[N];

static void make_units(void)
{
    int n = 0;

    for (int part = 0; part <= REPEATS * FOLDS; part++)
        for (int m = 0; m < MODELS; m++, n++) {
            model_of[n] = m;
            part_of[n] = part;
            if (part < REPEATS * FOLDS)
                snprintf(unit[n].name, sizeof unit[n].name, "%s-r%d-f%d", model[m], part / FOLDS,
                         part % FOLDS);
            else
                snprintf(unit[n].name, sizeof unit[n].name, "%s-all", model[m]);
        }
}

/* Most minus least units of a group in a sample of n. */
static int spread(const int *chosen, int n, const int *group, int groups)
{
    int least = N, most = 0;

    for (int g = 0; g < groups; g++) {
        int count = 0;
        for (int i = 0; i < n; i++)
            count += group[chosen[i]] == g;
        if (count < least) least = count;
        if (count > most) most = count;
    }
    return most - least;
}

static void is_spread(void)
{
    int chosen[N];

    for (int n = 0; n <= N; n++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            T_OK(crm_eval_sample(N, unit, seed, n, chosen));
            for (int i = 1; i < n; i++)
                T_CHECK(chosen[i] > chosen[i - 1]);
            T_CHECK(spread(chosen, n, model_of, MODELS) <= 1);
            T_CHECK(n > REPEATS * FOLDS + 1 ||
                    spread(chosen, n, part_of, REPEATS * FOLDS + 1) <= 1);
        }
}

static void holds_the_smaller(void)
{
    int small[N], large[N], found;

    for (int n = 1; n < N; n++) {
        T_OK(crm_eval_sample(N, unit, 7, n, small));
        T_OK(crm_eval_sample(N, unit, 7, n + 1, large));
        found = 0;
        for (int i = 0; i < n; i++)
            for (int k = 0; k <= n; k++)
                found += small[i] == large[k];
        T_EQ_I(found, n);
    }
}

static void depends_on_the_seed(void)
{
    int a[5], b[5], other = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        T_OK(crm_eval_sample(N, unit, seed, 5, a));
        T_OK(crm_eval_sample(N, unit, seed, 5, b));
        T_CHECK(memcmp(a, b, sizeof a) == 0);
        T_OK(crm_eval_sample(N, unit, seed + 1, 5, b));
        other += memcmp(a, b, sizeof a) != 0;
    }
    T_CHECK(other > 15);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"spread over models and folds", is_spread},
                                   {"a larger one holds the smaller", holds_the_smaller},
                                   {"depends on the seed", depends_on_the_seed},
                                   {NULL, NULL}};

    make_units();
    return t_main(argc, argv, cases);
}
