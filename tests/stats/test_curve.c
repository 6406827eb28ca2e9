/* test_curve.c - ROC and precision-recall curves, average precision, calibration, thresholds and
 * cost, against scikit-learn 1.2.1, hand counts and plain loops. */
#include <math.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/stats.h"

static const int32_t LABEL[] = {0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, -1};
static const double P1[] = {.1, .8, .4, .5, .9, .7, .3, .5, .6, .2, .55, .4, .99};
enum { ROWS = 13 };

/* roc_curve(drop_intermediate=False): 6 fpr, 6 tpr, thresholds. */
static void roc(void)
{
    static const int64_t fp[] = {0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6},
                         tp[] = {0, 1, 2, 2, 3, 3, 4, 6, 6, 6, 6};
    static const double at[] = {0, .9, .8, .7, .6, .55, .5, .4, .3, .2, .1};
    crm_curve c;

    T_OK(crm_stats_curve(ROWS, LABEL, 1, P1, 1, &c));
    T_EQ_I(c.n, 11);
    T_EQ_I(c.pos, 6);
    T_EQ_I(c.neg, 6);
    T_CHECK(isinf(c.cut[0].threshold));
    for (int i = 0; i < 11 && i < c.n; i++) {
        T_EQ_I(c.cut[i].tp, tp[i]);
        T_EQ_I(c.cut[i].fp, fp[i]);
        if (i) T_CHECK(c.cut[i].threshold == at[i]);
    }
    T_NEAR(crm_stats_average_precision(&c), 0.7757936507936507,
           1e-15); /* average_precision_score */
    crm_mem_free(c.cut);
}

static void curve_edges(void)
{
    static const int32_t one[] = {1, 1}, none[] = {0, 0};
    static const double same[] = {.5, .5}, bad[] = {.5, NAN};
    crm_curve c;

    T_OK(crm_stats_curve(0, one, 1, same, 1, &c));
    T_EQ_I(c.n, 1);
    T_CHECK(isnan(crm_stats_average_precision(&c)));
    crm_mem_free(c.cut);
    T_OK(crm_stats_curve(2, one, 1, same, 1, &c)); /* equal scores are one cut */
    T_EQ_I(c.n, 2);
    T_CHECK(c.cut[1].tp == 2 && c.cut[1].fp == 0 && crm_stats_average_precision(&c) == 1);
    crm_mem_free(c.cut);
    T_OK(crm_stats_curve(2, none, 1, same, 1, &c));
    T_CHECK(isnan(crm_stats_average_precision(&c)));
    crm_mem_free(c.cut);
    T_FAILS(crm_stats_curve(2, one, 1, bad, 1, &c), CRM_ERR_NUMERIC, "row 1");
    T_CHECK(c.cut == NULL && c.n == 0);
}

/* ---- a long curve ------------------------------------------------------------------------------
 */

enum { MANY = 5000 };
static int32_t many_label[MANY];
static double many_score[MANY];

static void make_many(void)
{
    uint32_t u = 77;

    for (int i = 0; i < MANY; i++) {
        u = u * 1664525u + 1013904223u;
        many_label[i] = (u >> 8 & 7) == 0;
        u = u * 1664525u + 1013904223u;
        many_score[i] = (double)(u >> 8) / 0x1p24 + 0.5 * many_label[i];
    }
}

/* Area under the ROC curve of the cuts, by trapezia. */
static double area(const crm_curve *c)
{
    double s = 0;

    for (int64_t i = 1; i < c->n; i++)
        s += (double)(c->cut[i].fp - c->cut[i - 1].fp) * (double)(c->cut[i].tp + c->cut[i - 1].tp) /
             2;
    return s / (double)c->pos / (double)c->neg;
}

/* Largest tp a - fp b of the cuts: what a hull keeps for every a, b >= 0. */
static double support(const crm_curve *c, double a, double b)
{
    double most = -1e300;

    for (int64_t i = 0; i < c->n; i++)
        most = fmax(most, a * (double)c->cut[i].tp - b * (double)c->cut[i].fp);
    return most;
}

static void reduced(void)
{
    crm_curve c, few;
    crm_auc auc;

    make_many();
    T_OK(crm_stats_curve(MANY, many_label, 1, many_score, 1, &c));
    T_OK(crm_stats_curve(MANY, many_label, 1, many_score, 1, &few));
    T_OK(crm_stats_auc(MANY, many_label, 1, many_score, 1, &auc));
    T_CHECK(c.n > 4000);
    T_NEAR(area(&c), auc.value, 1e-13);
    T_OK(crm_stats_curve_reduce(&few, 200));
    T_CHECK(few.n <= 200 && few.n > 150);
    T_CHECK(few.cut[0].tp == 0 && isinf(few.cut[0].threshold));
    T_CHECK(few.cut[few.n - 1].tp == few.pos && few.cut[few.n - 1].fp == few.neg);
    for (int i = 0; i <= 40; i++) /* every corner of the hull is still there */
        T_CHECK(support(&few, i, 40 - i) == support(&c, i, 40 - i));
    T_NEAR(area(&few), auc.value, 1e-3);
    for (int64_t i = 1; i < few.n; i++) /* no gap is larger than twice that of even marks */
        T_CHECK((double)(few.cut[i].tp - few.cut[i - 1].tp) / (double)few.pos +
                    (double)(few.cut[i].fp - few.cut[i - 1].fp) / (double)few.neg <
                4.0 / 100);
    T_OK(crm_stats_curve_reduce(&few, 4));
    T_CHECK(few.n <= 4 && few.cut[0].tp == 0 && few.cut[few.n - 1].tp == few.pos);
    T_FAILS(crm_stats_curve_reduce(&few, 3), CRM_ERR_ARG, "must be 4 or more");
    crm_mem_free(c.cut);
    crm_mem_free(few.cut);
}

/* The order of the rows has no say. */
static void any_order(void)
{
    static int32_t label[MANY];
    static double score[MANY];
    crm_curve c, d;

    make_many();
    for (int i = 0; i < MANY; i++) {
        label[i] = many_label[(i * 7919) % MANY];
        score[i] = floor(many_score[(i * 7919) % MANY] * 512);
        many_score[(i * 7919) % MANY] = score[i];
    }
    T_OK(crm_stats_curve(MANY, many_label, 1, many_score, 1, &c));
    T_OK(crm_stats_curve(MANY, label, 1, score, 1, &d));
    T_EQ_I(c.n, d.n);
    T_CHECK(c.n > 500 && memcmp(c.cut, d.cut, (size_t)c.n * sizeof *c.cut) == 0);
    crm_mem_free(c.cut);
    crm_mem_free(d.cut);
}

/* ---- calibration -------------------------------------------------------------------------------
 */

static void two_columns(double *proba)
{
    for (int i = 0; i < ROWS; i++) {
        proba[2 * i] = 1 - P1[i];
        proba[2 * i + 1] = P1[i];
    }
}

/* numpy: searchsorted in the edges of calibration_curve, which gives rates and means. */
static void bins(void)
{
    static const int rows[] = {1, 1, 1, 2, 2, 2, 1, 1, 1, 0},
                     hits[] = {0, 0, 0, 2, 1, 1, 0, 1, 1, 0};
    static const double mean[] = {.1, .2, .3, .4, .5, .575, .7, .8, .9, 0};
    double proba[2 * ROWS];
    crm_bin bin[10];

    two_columns(proba);
    T_OK(crm_stats_calibration(ROWS, 2, LABEL, proba, CRM_BIN_WIDTH, 10, bin));
    for (int b = 0; b < 10; b++) {
        T_EQ_I(bin[b].rows, rows[b]);
        T_EQ_I(bin[b].hits, hits[b]);
        T_NEAR(bin[b].mean, mean[b], 1e-16);
    }
    T_NEAR(crm_stats_ece(bin, 10), 0.2458333333333333, 1e-15);
    /* sorted: .1 .2 .3 .4 .4 .5 .5 .55 .6 .7 .8 .9; thirds begin at places 0, 4, 8, and the second
     * .4 goes with the first: 5, 3 and 4 rows */
    T_OK(crm_stats_calibration(ROWS, 2, LABEL, proba, CRM_BIN_QUANTILE, 3, bin));
    T_CHECK(bin[0].rows == 5 && bin[1].rows == 3 && bin[2].rows == 4);
    T_CHECK(bin[0].hits == 2 && bin[1].hits == 1 && bin[2].hits == 3);
    T_NEAR(bin[0].mean, 1.4 / 5, 1e-15);
    T_NEAR(bin[2].mean, 3.0 / 4, 1e-15);
}

static void confidence(void) /* three classes, as in test_metric.c; argmax and its hits by numpy */
{
    static const int32_t label[] = {0, 1, 2, 1, 1, 2, 0, 1, 2, 0};
    static const double proba[] = {.5,   .25,  .25,  .25,  .5,  .25, .125, .125, .75,  .25,
                                   .25,  .5,   .375, .375, .25, .25, .375, .375, .625, .25,
                                   .125, .125, .75,  .125, .5,  0,   .5,   .0,   .25,  .75};
    crm_bin bin[10];

    T_OK(crm_stats_calibration(10, 3, label, proba, CRM_BIN_WIDTH, 10, bin));
    T_NEAR(crm_stats_ece(bin, 10), 0.13750000000000004, 1e-15);
}

static void calibration_edges(void)
{
    static const int32_t label[] = {0, 1};
    static const double ends[] = {1, 0, 0, 1}, high[] = {0, 1.5, 0, 1},
                        rounded[] = {0, 1 + 0x1p-52, 1, -0x1p-60};
    crm_bin bin[10];

    T_OK(crm_stats_calibration(2, 2, label, ends, CRM_BIN_WIDTH, 10, bin));
    T_CHECK(bin[0].rows == 1 && bin[9].rows == 1 && crm_stats_ece(bin, 10) == 0);
    T_OK(crm_stats_calibration(0, 2, label, ends, CRM_BIN_QUANTILE, 10, bin));
    T_CHECK(isnan(crm_stats_ece(bin, 10)));
    T_FAILS(crm_stats_calibration(2, 2, label, high, CRM_BIN_WIDTH, 10, bin), CRM_ERR_NUMERIC,
            "probability 1.5 of row 0");
    T_OK(crm_stats_calibration(2, 2, label, rounded, CRM_BIN_WIDTH, 10, bin));
    T_CHECK(bin[0].rows == 1 && bin[9].rows == 1);
    T_FAILS(crm_stats_calibration(2, 2, label, ends, CRM_BIN_WIDTH, 0, bin), CRM_ERR_ARG, "0 bins");
}

/* ---- thresholds --------------------------------------------------------------------------------
 */

/* tp, fp with class 1 when p > t. */
static void taken(double t, int64_t *tp, int64_t *fp)
{
    *tp = *fp = 0;
    for (int i = 0; i < ROWS; i++)
        if (LABEL[i] >= 0 && P1[i] > t) ++*(LABEL[i] ? tp : fp);
}

/* Best value over a fine grid of thresholds. */
static double best_on_grid(crm_criterion what, const double *cost)
{
    double best = -1e300;

    for (int i = -1; i <= 1000; i++) {
        int64_t tp, fp;
        double v;
        taken((i + 0.5) / 1000, &tp, &fp);
        v = what == CRM_CRITERION_F1       ? 2 * (double)tp / (double)(tp + fp + 6)
            : what == CRM_CRITERION_YOUDEN ? (double)(tp - fp) / 6
                                           : -(cost[1] * (double)fp + cost[2] * (double)(6 - tp) +
                                               cost[0] * (double)(6 - fp) + cost[3] * (double)tp) /
                                                 12;
        best = fmax(best, v);
    }
    return best;
}

static void check_choice(crm_criterion what, const double *cost, double threshold)
{
    crm_threshold t;
    int64_t tp, fp;

    T_OK(crm_stats_threshold(ROWS, LABEL, P1, 1, what, cost, &t));
    T_EQ_I(t.state, CRM_STATS_OK);
    T_NEAR(t.threshold, threshold, 1e-15);
    T_NEAR(what == CRM_CRITERION_COST ? -t.value : t.value, best_on_grid(what, cost), 1e-15);
    taken(t.threshold, &tp, &fp);
    T_CHECK(t.tp == tp && t.fp == fp && t.fn == 6 - tp && t.tn == 6 - fp);
}

/* F1: all six positives and three negatives above .35 give 12/15; nothing is as good.  Youden: .35
 * (6 - 3) again.  A missed positive at 5: .35; at 1: errors are 3 at .35, and 4 at .75 and .575, so
 * .35; false alarms at 5: no alarm but two right ones, .75.  All costs 0: every threshold is as
 * good, .5 parts .5 from .55. */
static void choices(void)
{
    static const double missed[] = {0, 1, 5, 0}, even[] = {0, 1, 1, 0}, alarm[] = {0, 5, 1, 0},
                        nothing[] = {0, 0, 0, 0};

    check_choice(CRM_CRITERION_F1, NULL, .35);
    check_choice(CRM_CRITERION_YOUDEN, NULL, .35);
    check_choice(CRM_CRITERION_COST, missed, .35);
    check_choice(CRM_CRITERION_COST, even, .35);
    check_choice(CRM_CRITERION_COST, alarm, .75);
    check_choice(CRM_CRITERION_COST, nothing, .5);
}

static void choice_of_few(const int32_t *label, double a, double b, double threshold,
                          double cost_fp)
{
    const double p[] = {a, b}, cost[] = {0, cost_fp, 1, 0};
    crm_threshold t;

    T_OK(crm_stats_threshold(2, label, p, 1, CRM_CRITERION_COST, cost, &t));
    T_NEAR(t.threshold, threshold, 1e-16);
}

static void choice_edges(void)
{
    static const int32_t label[] = {0, 1}, turned[] = {1, 0}, one[] = {1, 1}, bad[] = {0, 2};
    static const double p[] = {.2, .3}, wrong[] = {.2, 2}, cost[] = {0, NAN, 1, 0};
    crm_threshold t;

    choice_of_few(label, .2, .9, .5, 1);     /* parted: .5 where it lies between */
    choice_of_few(label, .2, .3, .25, 1);    /* else the middle */
    choice_of_few(label, .5, .9, .5, 1);     /* class 1 is p > t: .5 itself is no class 1 */
    choice_of_few(turned, .6, .8, .8, 3);    /* nothing is taken */
    choice_of_few(turned, .6, .8, .5, .5);   /* everything is: .5 lies below all */
    choice_of_few(turned, .2, .3, .1, .5);   /* half of the lowest */
    choice_of_few(turned, 0, .3, -1, .5);    /* below 0 */
    choice_of_few(turned, .2, .3, .5, 3);    /* above all: .5 lies there */
    choice_of_few(turned, .25, .375, .5, 1); /* all and nothing cost the same: nearer to .5 */
    T_OK(crm_stats_threshold(2, one, p, 1, CRM_CRITERION_F1, NULL, &t));
    T_CHECK(t.state == CRM_STATS_UNDEFINED && t.threshold == 0.5);
    T_OK(crm_stats_threshold(0, one, p, 1, CRM_CRITERION_YOUDEN, NULL, &t));
    T_EQ_I(t.state, CRM_STATS_UNDEFINED);
    T_FAILS(crm_stats_threshold(2, bad, p, 1, CRM_CRITERION_F1, NULL, &t), CRM_ERR_ARG, "label 2");
    T_FAILS(crm_stats_threshold(2, label, wrong, 1, CRM_CRITERION_F1, NULL, &t), CRM_ERR_NUMERIC,
            "probability 2 of row 1");
    T_FAILS(crm_stats_threshold(2, label, p, 1, CRM_CRITERION_COST, cost, &t), CRM_ERR_NUMERIC,
            "cost 1 is");
    T_FAILS(crm_stats_threshold(2, label, p, 1, CRM_CRITERION_COST, NULL, &t), CRM_ERR_ARG,
            "no costs");
}

static void costs(void) /* 50 . 0 + 10 . 2 + 5 . 30 + 35 . (-1) = 135 over 100 rows */
{
    static const int64_t cm[] = {50, 10, 5, 35}, none[4] = {0};
    static const double cost[] = {0, 2, 30, -1};

    T_NEAR(crm_stats_cost(2, cm, cost), 1.35, 1e-15);
    T_CHECK(isnan(crm_stats_cost(2, none, cost)));
    T_CHECK(strcmp(crm_criterion_names[CRM_CRITERION_YOUDEN], "youden") == 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"ROC curve and average precision", roc},
                                   {"curves of few rows", curve_edges},
                                   {"a curve of at most 200 cuts", reduced},
                                   {"curves do not depend on the order of rows", any_order},
                                   {"calibration bins", bins},
                                   {"calibration of three classes", confidence},
                                   {"calibration, edges", calibration_edges},
                                   {"chosen thresholds", choices},
                                   {"chosen thresholds, edges", choice_edges},
                                   {"cost of a confusion matrix", costs},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
