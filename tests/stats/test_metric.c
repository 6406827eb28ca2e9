/* test_metric.c - metrics against scikit-learn 1.9.1 and hand counts. */
#include <math.h>

#include "crm_test.h"
#include "crmpi/stats.h"

static void confusion_3x3(void) /* scikit-learn */
{
    static const int64_t cm[] = {50, 10, 5, 8, 60, 7, 2, 9, 49};
    static const double precision[] = {0.8333333333333334, 0.759493670886076, 0.8032786885245902},
                        recall[] = {0.7692307692307693, 0.8, 0.8166666666666667},
                        f1[] = {0.8, 0.7792207792207793, 0.8099173553719008};
    crm_class_scores c[3];
    crm_cm_scores s = crm_stats_cm_scores(3, cm);

    crm_stats_class_scores(3, cm, c);
    for (int i = 0; i < 3; i++) {
        T_NEAR(c[i].precision, precision[i], 1e-15);
        T_NEAR(c[i].recall, recall[i], 1e-15);
        T_NEAR(c[i].f1, f1[i], 1e-15);
    }
    T_EQ_I(c[0].support, 65);
    T_EQ_I(c[0].predicted, 60);
    T_EQ_I(s.n, 200);
    T_EQ_I(s.zero_divisions, 0);
    T_NEAR(s.accuracy, 0.795, 1e-15);
    T_NEAR(s.precision_macro, 0.7987018975813331, 1e-15);
    T_NEAR(s.recall_macro, 0.7952991452991455, 1e-15);
    T_NEAR(s.f1_macro, 0.79637937819756, 1e-15);
    T_NEAR(s.f1_weighted, 0.7951829988193626, 1e-15);
    T_NEAR(s.kappa, 0.6907410899490855, 1e-15);
    T_NEAR(s.mcc, 0.6912901378733295, 1e-15);
}

static void check_table(const double *got, const double *want)
{
    for (int m = 0; m < CRM_METRIC_COUNT; m++)
        if (!(fabs(got[m] - want[m]) <= 1e-14)) {
            t_fail(__FILE__, __LINE__, crm_metric_names[m]);
            fprintf(stderr, "#   %.17g against %.17g\n", got[m], want[m]);
        }
}

/* accuracy_score, precision_score, ..., roc_auc_score, log_loss, brier_score_loss,
 * cohen_kappa_score, matthews_corrcoef of scikit-learn 1.9.1, in the order of crm_metric. */
static void two_classes(void)
{
    static const int32_t label[] = {0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, -1};
    static const double p1[] = {.1, .8, .4, .5, .9, .7, .3, .5, .6, .2, .55, .4, .99};
    static const double want[] = {0.5833333333333334,
                                  0.6,
                                  0.5,
                                  0.5454545454545454,
                                  0.5857142857142856,
                                  0.5833333333333333,
                                  0.5804195804195804,
                                  0.7361111111111112,
                                  0.5621554189217253,
                                  0.19687500000000002,
                                  0.16666666666666663,
                                  0.1690308509457033,
                                  0.7757936507936507,  /* average_precision_score */
                                  0.2458333333333333}; /* numpy, bins of calibration_curve */
    double proba[26], out[CRM_METRIC_COUNT];
    crm_metric_info info;

    for (int i = 0; i < 13; i++) {
        proba[2 * i] = 1 - p1[i];
        proba[2 * i + 1] = p1[i];
    }
    T_OK(crm_stats_metrics(13, 2, label, proba, out, &info));
    check_table(out, want);
    T_EQ_I(info.rows, 12);
    T_EQ_I(info.unlabelled, 1);
    T_EQ_I(info.undefined, 0);
    T_EQ_I(info.zero_divisions, 0);
}

/* As above; the log loss of scikit-learn, 4.251641557208963, clips at 2.2e-16, and the one
 * probability 0 costs -log(1e-15) = 34.538776394910684 here instead of its 36.04365338911715. */
static void three_classes(void)
{
    static const int32_t label[] = {0, 1, 2, 1, 1, 2, 0, 1, 2, 0};
    static const double proba[] = {.5,   .25,  .25,  .25,  .5,  .25, .125, .125, .75,  .25,
                                   .25,  .5,   .375, .375, .25, .25, .375, .375, .625, .25,
                                   .125, .125, .75,  .125, .5,  0,   .5,   .0,   .25,  .75};
    static const double want[] = {0.5,
                                  0.49999999999999994,
                                  0.49999999999999994,
                                  0.49206349206349204,
                                  0.49999999999999994,
                                  0.49999999999999994,
                                  0.49206349206349204,
                                  0.7757936507936508,
                                  4.251641557208963 + (34.538776394910684 - 36.04365338911715) / 10,
                                  0.534375,
                                  0.25373134328358216,
                                  0.25757575757575757,
                                  0.6671296296296295,
                                  0.13750000000000004};
    static const int32_t classes[] = {0, 1, 2, 2, 0, 1, 0, 1, 0, 2}; /* ties to the lower class */
    double out[CRM_METRIC_COUNT];
    int32_t pred[10];

    T_OK(crm_stats_metrics(10, 3, label, proba, out, NULL));
    check_table(out, want);
    crm_stats_predict(10, 3, proba, pred);
    T_CHECK(memcmp(pred, classes, sizeof pred) == 0);
}

/* scikit-learn 1.9.1, zero_division=0: labels 0 0 1 1 0, predictions 0 2 0 2 0: macro F1
 * 0.2222222222222222; with predictions 0 1 0 1 0 class 2 occurs nowhere and macro F1 is
 * 0.5833333333333333, over two classes. */
static void absent_classes(void)
{
    static const int32_t label[] = {0, 0, 1, 1, 0}, pred[] = {0, 2, 0, 2, 0},
                         two[] = {0, 1, 0, 1, 0};
    int64_t cm[9];
    crm_cm_scores s;

    T_OK(crm_stats_confusion(5, 3, label, pred, cm));
    s = crm_stats_cm_scores(3, cm);
    T_NEAR(s.f1_macro, 0.2222222222222222, 1e-15);
    T_NEAR(s.precision_macro, 0.2222222222222222, 1e-15);
    T_EQ_I(s.zero_divisions, 2); /* precision of class 1, recall of class 2 */
    T_OK(crm_stats_confusion(5, 3, label, two, cm));
    s = crm_stats_cm_scores(3, cm);
    T_NEAR(s.f1_macro, 0.5833333333333333, 1e-15);
    T_NEAR(s.precision_macro, 0.5833333333333333, 1e-15);
    T_EQ_I(s.zero_divisions, 3);
}

static void one_class_or_none(void)
{
    static const int32_t label[] = {0, 0, -1};
    static const double proba[] = {0.75, 0.25, 0.5, 0.5, 0.1, 0.9};
    double out[CRM_METRIC_COUNT];
    crm_metric_info info;

    T_OK(crm_stats_metrics(3, 2, label, proba, out, &info));
    T_CHECK(out[CRM_METRIC_ACCURACY] == 1); /* 0.5 is not above 0.5 */
    T_CHECK(isnan(out[CRM_METRIC_AUC]) && isnan(out[CRM_METRIC_AVERAGE_PRECISION]));
    T_EQ_I(info.undefined, 2);
    T_EQ_I(info.zero_divisions, 3);
    T_CHECK(out[CRM_METRIC_F1] == 0 && out[CRM_METRIC_KAPPA] == 0 && out[CRM_METRIC_MCC] == 0);
    T_NEAR(out[CRM_METRIC_BRIER], (0.0625 + 0.25) / 2, 1e-16);
    T_OK(crm_stats_metrics(0, 2, label, proba, out, &info));
    for (int m = 0; m < CRM_METRIC_COUNT; m++)
        T_CHECK(isnan(out[m]));
    T_EQ_I(info.undefined, CRM_METRIC_COUNT);
}

static void missing_third_class(void) /* AUC of one against the rest needs every class */
{
    static const int32_t label[] = {0, 1, 0};
    static const double proba[] = {.5, .3, .2, .2, .5, .3, .4, .3, .3};
    double out[CRM_METRIC_COUNT];

    T_OK(crm_stats_metrics(3, 3, label, proba, out, NULL));
    T_CHECK(isnan(out[CRM_METRIC_AUC]) && out[CRM_METRIC_ACCURACY] == 1);
}

static void auc_counts(void)
{
    /* positives 0.9 0.5 0.5, negatives 0.5 0.1: pairs won 4, tied 2, of 6: AUC 5/6 */
    static const int32_t label[] = {1, 0, 1, -1, 0, 1};
    static const double score[] = {0.5, 0.5, 0.9, NAN, 0.1, 0.5}, nan_score[] = {0.5, NAN};
    static const int32_t other[] = {0, 1, 0, -1, 1, 0};
    crm_auc a;

    T_OK(crm_stats_auc(6, label, 1, score, 1, &a));
    T_EQ_I(a.pos, 3);
    T_EQ_I(a.neg, 2);
    T_EQ_I(a.twice_wins, 10);
    T_NEAR(a.value, 5.0 / 6, 1e-16);
    T_OK(crm_stats_auc(6, other, 1, score, 1, &a)); /* classes swapped */
    T_EQ_I(a.twice_wins, 2);
    T_OK(crm_stats_auc(0, label, 1, score, 1, &a));
    T_CHECK(isnan(a.value));
    T_FAILS(crm_stats_auc(2, label, 1, nan_score, 1, &a), CRM_ERR_NUMERIC, "row 1");
}

static void auc_against_all_pairs(void)
{
    static int32_t label[300];
    static double score[300];
    int64_t twice = 0;
    uint32_t u = 12345;
    crm_auc a;

    for (int i = 0; i < 300; i++) {
        u = u * 1664525u + 1013904223u;
        label[i] = (int32_t)(u >> 31);
        score[i] = (double)(u >> 20 & 31) - 15; /* 32 values: many ties, 0 among them */
    }
    for (int i = 0; i < 300; i++)
        for (int j = 0; j < 300; j++)
            if (label[i] == 1 && label[j] == 0)
                twice += score[i] > score[j] ? 2 : score[i] == score[j];
    T_OK(crm_stats_auc(300, label, 1, score, 1, &a));
    T_EQ_I(a.twice_wins, twice);
}

static void refusals(void)
{
    static const int32_t label[] = {0, 3}, negative[] = {-2, 0};
    static const double proba[] = {0.5, 0.5, 0.5, 0.5}, bad[] = {0.5, 0.5, NAN, 0.5};
    double out[CRM_METRIC_COUNT];
    int64_t cm[4];

    T_FAILS(crm_stats_metrics(2, 2, label, proba, out, NULL), CRM_ERR_ARG, "label 3 of row 1");
    T_FAILS(crm_stats_metrics(2, 2, negative, proba, out, NULL), CRM_ERR_ARG, "label -2 of row 0");
    T_FAILS(crm_stats_metrics(2, 2, label, bad, out, NULL), CRM_ERR_NUMERIC, "row 1, class 0");
    T_FAILS(crm_stats_metrics(2, 1, label, proba, out, NULL), CRM_ERR_ARG, "1 classes");
    T_FAILS(crm_stats_confusion(1, 2, label, label + 1, cm), CRM_ERR_ARG,
            "predicted class 3 of row 0");
}

static void names(void)
{
    T_EQ_I(crm_metric_find("f1_macro"), CRM_METRIC_F1_MACRO);
    T_EQ_I(crm_metric_find("mcc"), CRM_METRIC_MCC);
    T_EQ_I(crm_metric_find("F1"), -1);
    T_EQ_I(crm_metric_direction(CRM_METRIC_LOG_LOSS), -1);
    T_EQ_I(crm_metric_direction(CRM_METRIC_BRIER), -1);
    T_EQ_I(crm_metric_direction(CRM_METRIC_ECE), -1);
    T_EQ_I(crm_metric_direction(CRM_METRIC_AUC), 1);
    T_EQ_I(crm_metric_find("average_precision"), CRM_METRIC_AVERAGE_PRECISION);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"scores of a confusion matrix", confusion_3x3},
                                   {"two classes", two_classes},
                                   {"three classes", three_classes},
                                   {"classes that do not occur", absent_classes},
                                   {"one class or no row", one_class_or_none},
                                   {"a third class without rows", missing_third_class},
                                   {"AUC from pair counts", auc_counts},
                                   {"AUC against all pairs", auc_against_all_pairs},
                                   {"bad labels and probabilities are refused", refusals},
                                   {"names and directions", names},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
