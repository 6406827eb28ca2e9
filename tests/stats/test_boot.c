/* test_boot.c - bootstrap intervals: draws, the spatial test data of Efron & Tibshirani (1993), and
 * the AUC against all pairs. */
#include <math.h>
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/stats.h"

/* Every row comes about as often: 7 rows, 70,000 draws each expected 10,000 with sd 93. */
static void draws(void)
{
    int64_t count[7] = {0};

    for (int b = 0; b < 1000; b++)
        for (int i = 0; i < 70; i++)
            count[crm_boot_row(3, (uint32_t)b, i, 7)]++;
    for (int i = 0; i < 7; i++)
        T_CHECK(llabs(count[i] - 10000) < 5 * 93);
    T_EQ_I(crm_boot_row(3, 1, 0, 1), 0);
    T_CHECK(crm_boot_row(3, 1, 5, 1000000) == crm_boot_row(3, 1, 5, 1000000));
    T_CHECK(crm_boot_row(3, 1, 4, 1000000) != crm_boot_row(3, 1, 5, 1000000));
    T_CHECK(crm_boot_row(3, 1, 5, 1000000) != crm_boot_row(3, 2, 5, 1000000));
    T_CHECK(crm_boot_row(3, 1, 5, 1000000) != crm_boot_row(4, 1, 5, 1000000));
}

/* ---- variance of 26 numbers --------------------------------------------------------------------
 */

static const double SPATIAL[] = {48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6,
                                 0,  33, 28, 34, 4,  32, 24, 47, 41, 24, 26, 30, 41};

static double plug_in_variance(const void *ctx, int64_t n, const int64_t *row)
{
    const double *x = ctx;
    double mean = 0, s = 0;

    for (int64_t i = 0; i < n; i++)
        mean += x[row[i]];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        s += (x[row[i]] - mean) * (x[row[i]] - mean);
    return n ? s / (double)n : (double)NAN;
}

/* Printed: 171.5, a 0.061, z0 0.146 of 2,000 replicates.  Long runs (numpy: z0 0.1738; scipy 1.10:
 * BCa [105.5, 278.9], percentile [86.3, 249.7], se 41.85); 20,000 replicates here, so that z0 is
 * good for 0.01 and an end for about 2. */
static void spatial_data(void)
{
    crm_boot o, p;

    T_OK(crm_stats_bootstrap(plug_in_variance, SPATIAL, 26, CRM_BOOT_BCA, 20000, 1, &o));
    T_EQ_I(o.state, CRM_STATS_OK);
    T_NEAR(o.value, 171.53402366863904, 1e-14);
    T_NEAR(o.acceleration, 0.06124011981230745, 1e-13); /* numpy */
    T_CHECK(fabs(o.bias - 0.1738) < 0.03);
    T_CHECK(fabs(o.se - 41.85) < 1);
    T_CHECK(fabs(o.ci95.lo - 105.47) < 3 && fabs(o.ci95.hi - 278.88) < 4);
    T_OK(crm_stats_bootstrap(plug_in_variance, SPATIAL, 26, CRM_BOOT_PERCENTILE, 20000, 1, &p));
    T_CHECK(fabs(p.ci95.lo - 86.33) < 3 && fabs(p.ci95.hi - 249.65) < 4);
    T_CHECK(p.se == o.se && p.bias == 0 && p.acceleration == 0);
}

/* The percentile interval by hand: replicates from the draws, sorted, type 7 quantiles. */
static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void by_hand(void)
{
    enum { REPLICATES = 201 }; /* quantiles at places 5 and 195 exactly */
    double x[REPLICATES];
    int64_t row[26];
    crm_boot o;

    for (int b = 0; b < REPLICATES; b++) {
        for (int i = 0; i < 26; i++)
            row[i] = crm_boot_row(9, (uint32_t)b, i, 26);
        x[b] = plug_in_variance(SPATIAL, 26, row);
    }
    qsort(x, REPLICATES, sizeof *x, by_value);
    T_OK(
        crm_stats_bootstrap(plug_in_variance, SPATIAL, 26, CRM_BOOT_PERCENTILE, REPLICATES, 9, &o));
    T_CHECK(o.ci95.lo == x[5] && o.ci95.hi == x[195]);
    T_EQ_I(o.replicates, REPLICATES);
}

/* ---- AUC ---------------------------------------------------------------------------------------
 */

enum { ROWS = 60 };
static int32_t label[ROWS];
static double proba[2 * ROWS];

static void make_rows(void)
{
    uint32_t u = 5;

    for (int i = 0; i < ROWS; i++) {
        double p;
        u = u * 1664525u + 1013904223u;
        label[i] = (u >> 30) == 0;
        u = u * 1664525u + 1013904223u;
        p = (double)((u >> 28) + 4 * (uint32_t)label[i]) / 32; /* 20 values: many ties */
        proba[2 * i] = 1 - p;
        proba[2 * i + 1] = p;
    }
}

static double auc_of_pairs(const void *ctx, int64_t n, const int64_t *row)
{
    int64_t twice = 0, pos = 0;

    (void)ctx;
    for (int64_t i = 0; i < n; i++) {
        pos += label[row[i]];
        for (int64_t j = 0; j < n; j++) {
            double a = proba[2 * row[i] + 1], b = proba[2 * row[j] + 1];
            if (label[row[i]] == 1 && label[row[j]] == 0) twice += a > b ? 2 : a == b;
        }
    }
    return pos && pos < n ? (double)twice / (2 * (double)pos * (double)(n - pos)) : (double)NAN;
}

static int by_content(const void *a, const void *b)
{
    const int *i = a, *j = b;
    double x = proba[2 * *i + 1], y = proba[2 * *j + 1];

    if (x != y) return x < y ? -1 : 1;
    return label[*i] - label[*j];
}

static void sort_rows(void)
{
    int32_t l[ROWS];
    double p[2 * ROWS];
    int at[ROWS];

    for (int i = 0; i < ROWS; i++)
        at[i] = i;
    qsort(at, ROWS, sizeof *at, by_content);
    for (int i = 0; i < ROWS; i++) {
        l[i] = label[at[i]];
        memcpy(p + 2 * i, proba + 2 * at[i], 2 * sizeof *p);
    }
    memcpy(label, l, sizeof l);
    memcpy(proba, p, sizeof p);
}

static bool equal(const crm_boot *a, const crm_boot *b)
{
    return a->state == b->state && a->replicates == b->replicates && a->value == b->value &&
           a->se == b->se && a->ci95.lo == b->ci95.lo && a->ci95.hi == b->ci95.hi &&
           a->bias == b->bias;
}

static void auc(void)
{
    static const crm_boot_kind kinds[] = {CRM_BOOT_PERCENTILE, CRM_BOOT_BCA};
    crm_boot fast, sorted, slow;

    for (int i = 0; i < 2; i++) {
        make_rows();
        T_OK(crm_stats_bootstrap_auc(ROWS, 2, label, proba, kinds[i], 300, 4, &fast));
        sort_rows(); /* the numbering that the fast one draws by, whatever the order was */
        T_OK(crm_stats_bootstrap_auc(ROWS, 2, label, proba, kinds[i], 300, 4, &sorted));
        T_OK(crm_stats_bootstrap(auc_of_pairs, NULL, ROWS, kinds[i], 300, 4, &slow));
        T_EQ_I(fast.state, CRM_STATS_OK);
        T_CHECK(equal(&fast, &sorted) && fast.acceleration == sorted.acceleration);
        T_CHECK(fabs(fast.acceleration - slow.acceleration) < 1e-12);
        T_NEAR(fast.ci95.lo, slow.ci95.lo, 1e-12);
        T_NEAR(fast.ci95.hi, slow.ci95.hi, 1e-12);
        T_CHECK(fast.value == slow.value && fast.se == slow.se && fast.bias == slow.bias);
        T_CHECK(fast.ci95.lo < fast.value && fast.value < fast.ci95.hi);
    }
}

/* Two classes written as three of which the third has no chance to be: AUC of each against the
 * rest. */
static void auc_of_classes(void)
{
    static int32_t three[ROWS];
    static double p[3 * ROWS];
    crm_boot o;
    double want = 0;
    crm_auc a;

    make_rows();
    for (int i = 0; i < ROWS; i++) {
        three[i] = i % 5 == 0 ? 2 : label[i];
        p[3 * i] = proba[2 * i] / 2;
        p[3 * i + 1] = proba[2 * i + 1] / 2;
        p[3 * i + 2] = i % 5 == 0 ? 0.5 : (double)(i % 3) / 4;
    }
    for (int c = 0; c < 3; c++) {
        T_OK(crm_stats_auc(ROWS, three, c, p + c, 3, &a));
        want += a.value;
    }
    T_OK(crm_stats_bootstrap_auc(ROWS, 3, three, p, CRM_BOOT_BCA, 500, 4, &o));
    T_EQ_I(o.state, CRM_STATS_OK);
    T_NEAR(o.value, want / 3, 1e-15);
    T_CHECK(o.ci95.lo < o.value && o.value < o.ci95.hi && o.dropped < 10);
}

static void edges(void)
{
    static const int32_t parted[] = {0, 0, 0, 0, 1, 1, 1, 1, -1}, one[] = {0, 0, 0},
                         rare[] = {0, 0, 0, 0, 0, 0, 0, 1}, bad[] = {0, 2};
    double p[18], nan_p[] = {.5, NAN, .5, .5};
    crm_boot o;

    for (int i = 0; i < 9; i++) {
        p[2 * i + 1] = (i + 1) / 16.0;
        p[2 * i] = 1 - p[2 * i + 1];
    }
    T_OK(crm_stats_bootstrap_auc(9, 2, parted, p, CRM_BOOT_BCA, 200, 1, &o));
    T_EQ_I(o.state, CRM_STATS_DEGENERATE); /* an AUC of 1 in every replicate */
    T_CHECK(o.value == 1 && o.ci95.lo == 1 && o.ci95.hi == 1);
    T_OK(crm_stats_bootstrap_auc(3, 2, one, p, CRM_BOOT_BCA, 200, 1, &o));
    T_CHECK(o.state == CRM_STATS_UNDEFINED && o.value == 0);
    T_OK(crm_stats_bootstrap_auc(0, 2, one, p, CRM_BOOT_BCA, 200, 1, &o));
    T_EQ_I(o.state, CRM_STATS_UNDEFINED);
    T_OK(crm_stats_bootstrap_auc(8, 2, rare, p, CRM_BOOT_BCA, 200, 1, &o));
    T_EQ_I(o.state, CRM_STATS_UNDEFINED); /* a third of the replicates lacks the one positive */
    T_CHECK(o.dropped > 20);
    T_OK(crm_stats_bootstrap(plug_in_variance, SPATIAL, 0, CRM_BOOT_BCA, 10, 1, &o));
    T_EQ_I(o.state, CRM_STATS_UNDEFINED);
    T_FAILS(crm_stats_bootstrap_auc(2, 2, bad, p, CRM_BOOT_BCA, 10, 1, &o), CRM_ERR_ARG, "label 2");
    T_FAILS(crm_stats_bootstrap_auc(2, 2, one, nan_p, CRM_BOOT_BCA, 10, 1, &o), CRM_ERR_NUMERIC,
            "is NaN");
    T_FAILS(crm_stats_bootstrap_auc(2, 2, one, p, CRM_BOOT_BCA, 0, 1, &o), CRM_ERR_ARG,
            "0 replicates");
    T_FAILS(crm_stats_bootstrap(plug_in_variance, SPATIAL, -1, CRM_BOOT_BCA, 10, 1, &o),
            CRM_ERR_ARG, "-1 rows");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"draws", draws},
                                   {"spatial test data", spatial_data},
                                   {"percentile by hand", by_hand},
                                   {"AUC against all pairs", auc},
                                   {"AUC of three classes", auc_of_classes},
                                   {"degenerate and undefined", edges},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
