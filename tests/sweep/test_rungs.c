/* test_rungs.c - rungs of halving and Hyperband against published tables, promotion, median rule.
 */
#include "crm_test.h"
#include "crmpi/sweep.h"

static bool rung_is(const crm_rung *r, int64_t trials, double resource)
{
    return r->trials == trials && fabs(r->resource - resource) < 1e-12 * resource;
}

/* Li et al., JMLR 18 (2018), table 1: R = 81, eta = 3. */
static void hyperband_is_as_published(void)
{
    static const int64_t n[5][5] = {{81, 27, 9, 3, 1}, {34, 11, 3, 1}, {15, 5, 1}, {8, 2}, {5}};
    static const double r[5][5] = {{1, 3, 9, 27, 81}, {3, 9, 27, 81}, {9, 27, 81}, {27, 81}, {81}};
    crm_rung got[CRM_RUNGS_MAX];

    for (int s = 4; s >= 0; s--) {
        T_EQ_I(crm_rungs_hyperband(s, 1, 81, 3, got), s + 1);
        for (int k = 0; k <= s; k++)
            T_CHECK(rung_is(&got[k], n[4 - s][k], r[4 - s][k]));
    }
    T_EQ_I(crm_rungs_hyperband(5, 1, 81, 3, got), 0);
    T_EQ_I(crm_rungs_hyperband(4, 1.0 / 81, 1, 3, got), 5); /* 1 / (1/81) may round below 81 */
    T_CHECK(rung_is(&got[0], 81, 1.0 / 81) && rung_is(&got[4], 1, 1));
}

/* By hand. */
static void halving_ends_with_all(void)
{
    crm_rung got[CRM_RUNGS_MAX];

    T_EQ_I(crm_rungs_halving(24, 1, 9, 3, got), 3);
    T_CHECK(rung_is(&got[0], 24, 1) && rung_is(&got[1], 8, 3) && rung_is(&got[2], 2, 9));
    T_EQ_I(crm_rungs_halving(4, 1, 100, 2, got), 3); /* few trials: more for the first rung */
    T_CHECK(rung_is(&got[0], 4, 25) && rung_is(&got[2], 1, 100));
    T_EQ_I(crm_rungs_halving(1, 1, 100, 2, got), 1);
    T_CHECK(rung_is(&got[0], 1, 100));
    T_EQ_I(crm_rungs_halving(50, 7, 7, 4, got), 1);
    T_CHECK(rung_is(&got[0], 50, 7));
}

static void least_losses_go_on(void)
{
    static const double loss[] = {3, 1, NAN, 2, 1, 5};
    bool on[6];

    T_EQ_I(crm_rungs_promote(loss, 6, 2, on), 2);
    T_CHECK(!on[0] && on[1] && !on[2] && !on[3] && on[4] && !on[5]);
    T_EQ_I(crm_rungs_promote(loss, 5, 1, on), 1); /* equal losses: the first */
    T_CHECK(on[1] && !on[4]);
    T_EQ_I(crm_rungs_promote(loss, 3, 3, on), 2); /* a failed one never */
    T_CHECK(on[0] && on[1] && !on[2]);
}

static void worse_than_the_median_stops(void)
{
    T_CHECK(!crm_median_stops(2.5, 2, 4, 1));
    T_CHECK(crm_median_stops(3.5, 3, 4, 1));
    T_CHECK(!crm_median_stops(3.5, 3, 4, 5)); /* too few to tell */
    T_CHECK(!crm_median_stops(3.5, 0, 0, 0));
    T_CHECK(crm_median_stops(NAN, 3, 4, 5));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"Hyperband has the published rungs", hyperband_is_as_published},
                                   {"halving ends with the whole resource", halving_ends_with_all},
                                   {"the least losses go on", least_losses_go_on},
                                   {"worse than the median stops", worse_than_the_median_stops},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
