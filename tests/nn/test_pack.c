/* test_pack.c - sequences laid out step by step, longest first: by hand, and what must hold of any
 * lengths. */
#include "crm_test.h"

#include "crmpi/base_rng.h"
#include "crmpi/nn.h"

enum { MOST = 64, LONGEST = 12 };

/* Lengths 2, 0, 3, 2, 1, packed behind row 10: order 2, 0, 3, 4; steps of 4, 3, 1 rows. */
static void by_hand(void)
{
    static const int64_t first[] = {5, 7, 7, 10, 12, 13}, steps[] = {10, 14, 17, 18};
    static const int32_t rows[] = {11, 15, 10, 14, 17, 12, 16, 13};
    int64_t step_first[4], scratch[5 + 3 + 1];
    int32_t packed_of[8];

    T_EQ_I(crm_pack_sequences(5, first, 10, step_first, packed_of, scratch), 3);
    T_CHECK(memcmp(step_first, steps, sizeof steps) == 0);
    T_CHECK(memcmp(packed_of, rows, sizeof rows) == 0);
    memset(step_first, 0, sizeof step_first);
    T_EQ_I(crm_pack_sequences(5, first, 10, step_first, NULL, scratch), 3);
    T_CHECK(memcmp(step_first, steps, sizeof steps) == 0);
}

static void empty(void)
{
    static const int64_t none[] = {4, 4, 4};
    int64_t step_first[1] = {-1}, scratch[3];
    int32_t packed_of[1] = {-1};

    T_EQ_I(crm_pack_sequences(2, none, 4, step_first, packed_of, scratch), 0);
    T_EQ_I(step_first[0], 4);
    T_EQ_I(crm_pack_sequences(0, none, 9, step_first, packed_of, scratch), 0);
    T_EQ_I(step_first[0], 9);
    T_EQ_I(packed_of[0], -1);
}

/* Each packed row is used once; steps do not grow; at every step the sequences stand in the same
 * order, longer ones first, equal ones as they came. */
static void check(int n, const int64_t *first, const int64_t *step, int64_t steps,
                  const int32_t *packed_of)
{
    bool used[MOST * LONGEST] = {false};

    for (int64_t t = 1; t < steps; t++)
        T_CHECK(step[t + 1] - step[t] <= step[t] - step[t - 1] && step[t + 1] > step[t]);
    for (int i = 0; i < n; i++)
        for (int64_t r = first[i]; r < first[i + 1]; r++) {
            int64_t at = packed_of[r] - step[0], t = r - first[i];

            T_CHECK(at >= 0 && at < first[n] && !used[at]);
            used[at] = true;
            T_EQ_I(packed_of[r] - step[t], packed_of[first[i]] - step[0]);
            for (int j = 0; j < i && t == 0; j++) {
                bool longer = first[i + 1] - first[i] > first[j + 1] - first[j];

                if (first[j + 1] > first[j])
                    T_CHECK((packed_of[r] < packed_of[first[j]]) == longer);
            }
        }
    T_EQ_I(step[steps], step[0] + first[n]);
}

static void any_lengths(void)
{
    for (int round = 0; round < 40; round++) {
        crm_rng g = crm_rng_at(1, CRM_RNG_INIT, 0, (uint64_t)round);
        int64_t first[MOST + 1] = {0}, step[LONGEST + 1], scratch[MOST + LONGEST + 1], steps;
        int32_t packed_of[MOST * LONGEST];
        int n = 1 + (int)(crm_rng_uniform(&g) * (MOST - 1));

        for (int i = 0; i < n; i++)
            first[i + 1] = first[i] + (int64_t)(crm_rng_uniform(&g) * (LONGEST + 1));
        steps = crm_pack_sequences(n, first, 100, step, packed_of, scratch);
        T_EQ_I(step[0], 100);
        check(n, first, step, steps, packed_of);
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"lengths 2, 0, 3, 2, 1", by_hand},
                                   {"nothing to pack", empty},
                                   {"any lengths", any_lengths},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
