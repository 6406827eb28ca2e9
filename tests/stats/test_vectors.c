/* test_vectors.c - every value of the file of reference vectors, read from it; the other tests of
 * this folder have most of them as constants.  Skipped where the file is not there. */
#include <math.h>
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/stats.h"

enum { TEXT_MAX = 1 << 16, MANY = 400 };
static char text[TEXT_MAX];

/* ---- the file ----------------------------------------------------------------------------------
 */

static bool load(void)
{
    const char *shared = getenv("CRM_SHARED"), *source = getenv("CRM_SOURCE_DIR");
    char path[4096];
    FILE *f;
    size_t n;

    if (shared)
        snprintf(path, sizeof path, "%s/vectors/statistics.json", shared);
    else
        snprintf(path, sizeof path, "%s/../shared/vectors/statistics.json", source ? source : ".");
    f = fopen(path, "r");
    if (!f) {
        T_SKIP("no vectors/statistics.json beside the checkout");
        return false;
    }
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    return true;
}

/* What stands behind "key": after a place; a value that is missing is a failure. */
static const char *value_at(const char *from, const char *key)
{
    char quoted[64];
    const char *at;

    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    at = from ? strstr(from, quoted) : NULL;
    if (at) return at + strlen(quoted);
    t_fail(__FILE__, __LINE__, key);
    return "0";
}

/* "128/17", 0.1452/99 or a plain number at *p, which moves behind it. */
static double number(const char **p)
{
    char *end;
    double v;

    *p += strspn(*p, " \"");
    v = strtod(*p, &end);
    if (*end == '/') v /= strtod(end + 1, &end);
    *p = end + (*end == '"');
    return v;
}

static double real(const char *from, const char *key)
{
    const char *p = value_at(from, key);

    return number(&p);
}

/* All numbers of a list, nested ones too; keys in quotes are skipped. */
static int list(const char *from, const char *key, double *out)
{
    const char *p = value_at(from, key);
    int depth = 0, n = 0;

    p += strspn(p, " ");
    do {
        depth += *p == '[' || *p == '{';
        depth -= *p == ']' || *p == '}';
        if (strchr("-0123456789", *p) && n < MANY)
            out[n++] = number(&p);
        else
            p++;
    } while (depth > 0 && *p);
    return n;
}

/* Relative to the value, since p values may be small. */
#define T_REL(a, b, tol)                                                                           \
    do {                                                                                           \
        double r_ = (b);                                                                           \
        T_NEAR(r_ == 0 ? (a) : (a) / r_, r_ == 0 ? 0 : 1, tol);                                    \
    } while (0)

/* ---- groups of values --------------------------------------------------------------------------
 */

static void distributions(void)
{
    double v[MANY];
    int n;

    if (!load()) return;
    n = list(text, "student_two_sided_p", v);
    T_EQ_I(n, 21);
    for (int i = 0; i + 2 < n; i += 3)
        T_REL(crm_stats_t_p2(v[i], v[i + 1]), v[i + 2], 1e-12);
    n = list(text, "student_q975", v); /* "4":2.776...: df and quantile */
    T_EQ_I(n, 14);
    for (int i = 0; i + 1 < n; i += 2)
        T_REL(crm_stats_t_quantile(0.975, v[i]), v[i + 1], 1e-14);
}

static void t_tests(void)
{
    double x[MANY], y[MANY], d[MANY], v[MANY];
    const char *o;
    crm_ttest t;
    crm_bayes b;

    if (!load()) return;
    o = value_at(text, "sleep_paired");
    T_EQ_I(list(o, "x", x), 10);
    T_EQ_I(list(o, "y", y), 10);
    t = crm_stats_ttest_pairs(x, y, 10, 0);
    T_REL(t.t, real(o, "naive_t"), 1e-13);
    T_REL(t.p, real(o, "naive_p"), 1e-12);
    T_EQ_I(list(o, "ci95", v), 2);
    T_NEAR(t.ci95.lo, v[0], 1e-10); /* the file's t quantile of df 9 is good to 2e-11 */
    T_NEAR(t.ci95.hi, v[1], 1e-10);
    t = crm_stats_ttest_pairs(x, y, 10, 1.0 / 9);
    T_REL(t.t, real(o, "as_10fold_NB_t"), 1e-13);
    T_REL(t.p, real(o, "as_10fold_NB_p"), 1e-12);
    T_EQ_I(list(o, "as_10fold_NB_ci95", v), 2);
    T_NEAR(t.ci95.lo, v[0], 1e-10);
    T_NEAR(t.ci95.hi, v[1], 1e-10);

    o = value_at(text, "baycomp_sonar_10");
    T_EQ_I(list(o, "nbc", x), 10);
    T_EQ_I(list(o, "j48", y), 10);
    for (int i = 0; i < 10; i++)
        d[i] = y[i] - x[i];
    t = crm_stats_ttest_pairs(y, x, 10, 0);
    T_NEAR(t.mean, real(o, "mean"), 1e-13);
    T_REL(t.sd * t.sd, real(o, "S2"), 1e-13);
    T_REL(t.t, real(o, "naive_t"), 1e-12);
    T_REL(t.p, real(o, "naive_p2"), 1e-12);
    t = crm_stats_ttest_pairs(y, x, 10, 1.0 / 9);
    T_REL(t.t, real(o, "NB_t"), 1e-12);
    T_REL(t.p, real(o, "NB_p2"), 1e-12);
    T_EQ_I(list(o, "NB_ci95", v), 2);
    T_NEAR(t.ci95.lo, v[0], 1e-10);
    T_NEAR(t.ci95.hi, v[1], 1e-10);
    b = crm_stats_bayes_t(d, 10, 0.1, 0);
    T_REL(b.worse, real(o, "P_left"), 1e-12);
    T_REL(b.better, real(o, "P_right"), 1e-12);
    for (int i = 1; i <= 2; i++) {
        T_EQ_I(list(o, i == 1 ? "rope0.5" : "rope1.0", v), 3);
        b = crm_stats_bayes_t_pairs(y, x, 10, 0.1, i / 2.0);
        T_REL(b.worse, v[0], 1e-12);
        T_REL(b.rope, v[1], 1e-12);
        T_REL(b.better, v[2], 1e-12);
    }
}

/* "-0.12":1: value and how often. */
static int expand(const double *v, int n, double *out)
{
    int m = 0;

    for (int i = 0; i + 1 < n; i += 2)
        for (int j = 0; j < (int)v[i + 1] && m < MANY; j++)
            out[m++] = v[i];
    return m;
}

static void folds(void)
{
    double v[MANY], a[MANY], b[MANY];
    const char *o;
    crm_ttest t;
    int n;

    if (!load()) return;
    o = value_at(text, "sklearn_moons_10x10");
    n = expand(v, list(o, "multiset", v), a);
    T_EQ_I(n, (int)real(o, "n"));
    t = crm_stats_ttest(a, n, 0);
    T_NEAR(t.mean, real(o, "mean"), 1e-15);
    T_REL(t.sd * t.sd, real(o, "S2"), 1e-12);
    T_REL(t.t, real(o, "uncorrected_t"), 1e-12);
    T_REL(t.p, 2 * real(o, "uncorrected_p_one_sided"), 1e-11); /* 12 digits there */
    t = crm_stats_ttest(a, n, 10.0 / 90);
    T_REL(t.t, real(o, "NB_t"), 1e-12);
    T_REL(t.p, 2 * real(o, "NB_p_one_sided"), 1e-11);
    T_REL(crm_stats_bayes_t(a, n, 0.1, 0).better, real(o, "P_first_better"), 1e-12);
    T_REL(crm_stats_bayes_t(a, n, 0.1, 0.01).rope, real(o, "P_rope_0.01"), 1e-11);

    o = value_at(text, "mlxtend_iris_LR_vs_stump_10fold");
    T_EQ_I(list(o, "A_x15", a), 10);
    T_EQ_I(list(o, "B_x15", b), 10);
    for (int i = 0; i < 10; i++) {
        a[i] /= 15;
        b[i] /= 15;
    }
    t = crm_stats_ttest_pairs(a, b, 10, 0);
    T_REL(t.t, real(o, "naive_t"), 1e-12);
    T_REL(t.p, real(o, "naive_p2"), 1e-11);
    t = crm_stats_ttest_pairs(a, b, 10, 1.0 / 9);
    T_REL(t.t, real(o, "NB_t"), 1e-12);
    T_REL(t.p, real(o, "NB_p2"), 1e-11);
}

static void check_5x2(const char *name, const char *diff, double unit, const char *f)
{
    const char *o = value_at(text, name);
    double d[MANY];
    crm_stat s;

    T_EQ_I(list(o, diff, d), 10);
    for (int i = 0; i < 10; i++)
        d[i] /= unit;
    s = crm_stats_5x2_t(d);
    T_REL(s.value, real(o, "t"), 1e-12);
    T_REL(s.p, real(o, "p_t"), 1e-12);
    s = crm_stats_5x2_f(d);
    T_REL(s.value, real(o, f), 1e-12);
    T_REL(s.p, real(o, "p_F"), 1e-12);
}

static void five_by_two(void)
{
    if (!load()) return;
    check_5x2("mlxtend_iris_5x2_LR_vs_tree", "diff_x75", 75, "F_value");
    check_5x2("mlxtend_iris_5x2_LR_vs_stump", "diff_x75", 75, "F_value");
    check_5x2("hand_5x2", "diff", 1, "F");
}

static void check_proportions(void)
{
    const char *o = value_at(text, "proportion_ci95");
    double v[2];
    crm_interval i;

    for (int k = 0; k < 4; k++) {
        int64_t x = (int64_t)real(o, "x"), n = (int64_t)real(o, "n");
        T_EQ_I(list(o, "wilson", v), 2);
        i = crm_stats_wilson(x, n);
        T_NEAR(i.lo, v[0], 1e-14);
        T_NEAR(i.hi, v[1], 1e-14);
        T_EQ_I(list(o, "clopper_pearson", v), 2);
        i = crm_stats_clopper_pearson(x, n);
        T_NEAR(i.lo, v[0], 1e-14);
        T_NEAR(i.hi, v[1], 1e-14);
        o = value_at(o, "clopper_pearson");
    }
}

static void check_mcnemar(void)
{
    const char *o = value_at(text, "mcnemar");

    for (int k = 0; k < 3; k++) {
        crm_mcnemar m = crm_stats_mcnemar((int64_t)real(o, "b"), (int64_t)real(o, "c"));
        T_REL(m.chi2_cc, real(o, "chi2_cc"), 1e-14);
        T_REL(m.p_cc, real(o, "p_cc"), 1e-12);
        T_REL(m.chi2, real(o, "chi2"), 1e-14);
        T_REL(m.p, real(o, "p"), 1e-12);
        T_REL(m.p_exact, real(o, "p_exact"), 1e-12);
        o = value_at(o, "p_exact");
    }
}

static void check_cochran(void)
{
    const char *o = value_at(text, "cochran_q_kuncheva");
    uint8_t three[3 * MANY], two[2 * MANY];
    double v[MANY];
    int n = list(o, "patterns_correct", v), rows = 0;
    crm_stat q;

    T_EQ_I(n, 14);
    for (int i = 0; i + 1 < n; i += 2) /* "011":9, the pattern as a decimal number */
        for (int j = 0; j < (int)v[i + 1]; j++, rows++) {
            const int hit[] = {(int)v[i] / 100 % 10, (int)v[i] / 10 % 10, (int)v[i] % 10};
            for (int c = 0; c < 3; c++) {
                three[3 * rows + c] = (uint8_t)hit[c];
                if (c < 2) two[2 * rows + c] = (uint8_t)hit[c];
            }
        }
    q = crm_stats_cochran_q(three, rows, 3);
    T_REL(q.value, real(o, "Q_value"), 1e-13);
    T_REL(q.value, real(o, "Q"), 1e-13);
    T_REL(q.p, real(o, "p"), 1e-12);
    q = crm_stats_cochran_q(two, rows, 2);
    T_REL(q.value, real(o, "Q12"), 1e-13);
    T_REL(q.p, real(o, "p12"), 1e-12);
}

static void counts(void)
{
    double p[MANY], want[MANY], adjusted[4];

    if (!load()) return;
    check_mcnemar();
    check_cochran();
    check_proportions();
    T_EQ_I(list(value_at(text, "holm"), "p", p), 4);
    T_EQ_I(list(value_at(text, "holm"), "adj", want), 4);
    crm_stats_holm(p, 4, adjusted);
    for (int i = 0; i < 4; i++)
        T_NEAR(adjusted[i], want[i], 1e-16);
}

static void check_friedman(void)
{
    const char *o = value_at(text, "demsar2006_friedman");
    int64_t n = (int64_t)real(o, "N");
    int k = (int)real(o, "k");
    double v[MANY];
    crm_friedman f;

    T_EQ_I(list(o, "rank_sums", v), k);
    f = crm_stats_friedman_ranks(v, n, k);
    T_REL(f.chi2, real(o, "chi2F"), 1e-13);
    T_REL(f.p_chi2, real(o, "p_chi2"), 1e-12);
    T_REL(f.f, real(o, "FF"), 1e-13);
    T_REL(f.p_f, real(o, "p_F"), 1e-12);
    T_NEAR(crm_stats_f_tail(real(o, "F_crit_3_39"), f.df1, f.df2), 0.05, 1e-13);
    T_EQ_I(list(o, "q05_k2..10", v), 9);
    for (int i = 0; i < 9; i++) /* printed with three decimals */
        T_NEAR(crm_stats_range_quantile(0.05, i + 2) / sqrt(2), v[i], 5.1e-4);
    T_NEAR(f.cd, real(o, "CD_nemenyi"), 2e-5); /* of q = 2.569 */
    /* Bonferroni-Dunn: the normal quantile at 0.05 / (2 (k - 1)), printed as 2.394 */
    T_NEAR(crm_stats_normal_quantile(1 - 0.05 / (2.0 * (k - 1))) *
               sqrt(k * (k + 1) / (6.0 * (double)n)),
           real(o, "CD_bonf_dunn_2.394"), 1e-4);
}

static void ranks(void)
{
    double d[MANY], a[MANY], score[21];
    static const char *const names[] = {"a", "b", "c"};
    const char *o;
    crm_wilcoxon w;
    crm_friedman f;

    if (!load()) return;
    check_friedman();
    o = value_at(text, "demsar2006_wilcoxon");
    T_OK(crm_stats_wilcoxon(d, list(o, "d", d), &w));
    T_NEAR(w.r_plus, real(o, "Rplus"), 0);
    T_NEAR(w.r_minus, real(o, "Rminus"), 0);
    T_REL(w.z, real(o, "z"), 1e-14);
    o = value_at(text, "scipy_wilcoxon");
    T_OK(crm_stats_wilcoxon(d, list(o, "d", d), &w));
    T_NEAR(w.r_minus, real(o, "W"), 0);
    T_REL(w.p_exact, real(o, "p_exact"), 1e-14);
    o = value_at(text, "scipy_friedman");
    for (int m = 0; m < 3; m++) {
        T_EQ_I(list(o, names[m], a), 7);
        for (int i = 0; i < 7; i++)
            score[3 * i + m] = a[i];
    }
    T_OK(crm_stats_friedman(score, 7, 3, NULL, &f));
    T_REL(f.chi2, real(o, "chi2"), 1e-13);
    T_REL(f.p_chi2, real(o, "p"), 1e-12);
}

static void curves(void)
{
    const char *o;
    double a[MANY], b[MANY];
    int32_t label[MANY];
    int n, pos;
    crm_delong d;

    if (!load()) return;
    o = value_at(text, "delong_hand_ties");
    pos = list(o, "posA", a);
    n = pos + list(o, "negA", a + pos);
    T_EQ_I(list(o, "posB", b), pos);
    T_EQ_I(list(o, "negB", b + pos), n - pos);
    for (int i = 0; i < n; i++)
        label[i] = i < pos;
    T_OK(crm_stats_delong(label, a, b, n, &d));
    T_REL(d.auc_a, real(o, "aucA"), 1e-15);
    T_REL(d.auc_b, real(o, "aucB"), 1e-15);
    T_REL(d.var_a, real(o, "varA"), 1e-13);
    T_REL(d.var_b, real(o, "varB"), 1e-13);
    T_REL(d.cov, real(o, "cov"), 1e-13);
    T_REL(d.z, real(o, "z"), 1e-12);
    T_REL(d.p, real(o, "p"), 1e-12);
}

/* The data behind these may not be copied, so the figures are held against each other only: z =
 * diff / se, and the interval is diff -+ 1.96 se. */
static void published_delong(void)
{
    static const char *const names[] = {"wfns_vs_s100b", "wfns_vs_ndka"};
    const char *all;
    double auc[MANY], ci[MANY], z;

    if (!load()) return;
    all = value_at(text, "delong_pROC_aSAH");
    for (int i = 0; i < 2; i++) {
        const char *o = value_at(all, names[i]);
        z = real(o, "Z");
        T_EQ_I(list(o, "ci", ci), 2);
        T_REL(crm_stats_normal_p2(z), real(o, "p"), 1e-9);
        T_NEAR((ci[0] + ci[1]) / 2 / z * crm_stats_normal_quantile(0.975), (ci[1] - ci[0]) / 2,
               1e-9);
    }
    T_EQ_I(list(value_at(all, names[0]), "auc", auc), 2);
    T_EQ_I(list(value_at(all, names[0]), "ci", ci), 2);
    T_NEAR(auc[0] - auc[1], (ci[0] + ci[1]) / 2, 1e-12);
    T_EQ_I(list(all, "ndka_ci_auc", ci), 3); /* low, AUC, high */
    T_NEAR((ci[0] + ci[2]) / 2, ci[1], 1e-12);
    T_REL(crm_stats_normal_p2(real(value_at(all, "ndka_vs_s100b"), "Z")),
          real(value_at(all, "ndka_vs_s100b"), "p"), 1e-9);
}

static void metrics(void)
{
    const char *o;
    double v[MANY];
    int64_t cm[9];
    crm_class_scores c[3];
    crm_cm_scores s;

    if (!load()) return;
    o = value_at(text, "confusion_3x3");
    T_EQ_I(list(o, "cm_rows_true", v), 9);
    for (int i = 0; i < 9; i++)
        cm[i] = (int64_t)v[i];
    crm_stats_class_scores(3, cm, c);
    s = crm_stats_cm_scores(3, cm);
    T_NEAR(s.accuracy, real(o, "accuracy"), 1e-15);
    for (int i = 0; i < 3; i++) {
        T_EQ_I(list(o, "precision", v), 3);
        T_NEAR(c[i].precision, v[i], 1e-15);
        T_EQ_I(list(o, "recall", v), 3);
        T_NEAR(c[i].recall, v[i], 1e-15);
        T_EQ_I(list(o, "f1", v), 3);
        T_NEAR(c[i].f1, v[i], 1e-15);
    }
    T_EQ_I(list(o, "macro", v), 3);
    T_NEAR(s.precision_macro, v[0], 1e-15);
    T_NEAR(s.recall_macro, v[1], 1e-15);
    T_NEAR(s.f1_macro, v[2], 1e-15);
    T_NEAR(s.f1_weighted, real(o, "weighted_f1"), 1e-15);
    T_NEAR(s.kappa, real(o, "kappa"), 1e-15);
    T_NEAR(s.mcc, real(o, "mcc"), 1e-15);
}

static void psi(void)
{
    const char *o;
    double p[MANY], q[MANY];

    if (!load()) return;
    o = value_at(text, "psi");
    for (int i = 0; i < 2; i++) {
        int n = list(o, "p", p);
        T_EQ_I(list(o, "q", q), n);
        o = strstr(o, "\"psi\":");
        T_REL(crm_stats_psi(p, q, n, 1e-9), real(o, "psi"), 1e-13);
        o++;
    }
    T_NEAR(crm_stats_psi_p(0.04333, 1000, 1000, 10), 0.01, 2e-5); /* of the text of psi_null */
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"vectors: Student's t", distributions},
                                   {"vectors: t tests and Bayesian t", t_tests},
                                   {"vectors: folds", folds},
                                   {"vectors: 5x2cv", five_by_two},
                                   {"vectors: McNemar, Cochran, proportions, Holm", counts},
                                   {"vectors: Friedman, Nemenyi, Wilcoxon", ranks},
                                   {"vectors: DeLong", curves},
                                   {"vectors: DeLong of published data", published_delong},
                                   {"vectors: confusion matrix", metrics},
                                   {"vectors: PSI", psi},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
