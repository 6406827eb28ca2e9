/* report_sample.h - a small summary written by hand: three models, one of them the oracle, two
 * folds. */
#ifndef REPORT_SAMPLE_H
#define REPORT_SAMPLE_H

#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/record_summary.h"

static inline char *copy(const char *s)
{
    return crm_mem_strdup(s);
}

static inline void set_metric(crm_sum_metric *m, const char *name, double a, double b, double half)
{
    m->name = copy(name);
    m->mean = (a + b) / 2;
    m->ci[0] = m->mean - half;
    m->ci[1] = m->mean + half;
    m->n_folds = 2;
    m->fold = crm_mem_new(2, sizeof *m->fold);
    m->fold[0] = a;
    m->fold[1] = b;
}

static inline double *reals(int n, const double *from)
{
    double *v = crm_mem_new((size_t)n, sizeof *v);

    memcpy(v, from, (size_t)n * sizeof *v);
    return v;
}

static inline int64_t *counts(int n, const int64_t *from)
{
    int64_t *v = crm_mem_new((size_t)n, sizeof *v);

    memcpy(v, from, (size_t)n * sizeof *v);
    return v;
}

/* Of the second class: 4 rows, the other has 12. */
static inline void set_pooled(crm_sum_pooled *p)
{
    *p = (crm_sum_pooled){.present = true, .rows = 16, .right = 13, .accuracy = 0.8125};
    p->accuracy_ci[0] = 0.5625;
    p->accuracy_ci[1] = 0.9375;
    p->auc = 0.875;
    p->auc_ci[0] = 0.625;
    p->auc_ci[1] = 0.96875;
    p->auc_ci_method = copy("bootstrap");
    p->n_curves = 1;
    p->curve = crm_mem_new(1, sizeof *p->curve);
    *p->curve = (crm_sum_curve){.class_name = copy("a|b"), .positives = 4, .negatives = 12, .n = 4};
    p->curve->threshold = reals(4, (double[]){(double)NAN, 0.75, 0.5, 0.25});
    p->curve->tp = counts(4, (int64_t[]){0, 2, 3, 4});
    p->curve->fp = counts(4, (int64_t[]){0, 0, 3, 12});
    p->calibration = (crm_sum_calibration){.n = 3, .ece = 0.125};
    p->calibration.rows = counts(3, (int64_t[]){12, 0, 4});
    p->calibration.hits = counts(3, (int64_t[]){1, 0, 3});
    p->calibration.mean = reals(3, (double[]){0.25, (double)NAN, 0.75});
}

/* What the sample lacks until a test asks for it. */
static inline void add_holdout(crm_sum_holdout *h)
{
    *h = (crm_sum_holdout){.present = true, .rows = 16, .q = 2.25, .q_df = 1, .q_p = 0.125, .n = 1};
    h->pair = crm_mem_new(1, sizeof *h->pair);
    *h->pair = (crm_sum_holdout_pair){.a = copy("hybrid"), .b = copy("rule"), .only_a = 6};
    h->pair->only_b = 1;
    h->pair->p_corrected = 0.1094;
    h->pair->p_exact = 0.125;
    h->pair->p_exact_holm = 0.25;
    h->pair->verdict = copy("no significant difference");
    h->pair->has_auc = true;
    h->pair->auc_b = 0.625;
    h->pair->diff = 0.25;
    h->pair->ci[0] = 0.125;
    h->pair->ci[1] = 0.375;
    h->pair->p = 0.0002;
    h->pair->p_holm = 0.0004;
    h->pair->auc_verdict = copy("better");
}

static inline void add_segments(crm_sum_segments *s)
{
    *s = (crm_sum_segments){.column = copy("ci*ty"), .n_models = 2, .n_levels = 2, .n_tests = 1};
    s->model = crm_mem_new(2, sizeof *s->model);
    s->level = crm_mem_new(2, sizeof *s->level);
    s->model[0] = copy("hybrid");
    s->model[1] = copy("rule");
    s->level[0] = copy("Oslo");
    s->level[1] = copy("Nar|vik");
    s->rows = counts(2, (int64_t[]){10, 6});
    s->test = crm_mem_new(1, sizeof *s->test);
    *s->test = (crm_sum_segment_test){.metric = copy("accuracy"), .used = 1, .chi2_p = 0.5};
    s->test->f_p = 0.625;
    s->test->cd = 1.375;
    s->test->score = reals(4, (double[]){0.75, (double)NAN, 0.5, (double)NAN});
    s->test->mean_rank = reals(2, (double[]){1.25, 1.75});
}

static inline void set_model(crm_sum_model *m, const char *name, double a, double b, int64_t right)
{
    m->name = copy(name);
    m->n_metrics = 3;
    m->metric = crm_mem_new(3, sizeof *m->metric);
    set_metric(&m->metric[0], "accuracy", a, b, 0.0625);
    set_metric(&m->metric[1], "auc", (double)NAN, (double)NAN, 0);
    set_metric(&m->metric[2], "log_loss", 0.25, 0.5, (double)NAN);
    m->confusion = crm_mem_new(4, sizeof *m->confusion);
    m->confusion[0] = right;
    m->confusion[1] = 12 - right;
    m->confusion[2] = 1;
    m->confusion[3] = 3;
}

static inline void set_comparison(crm_sum_comparison *c, const char *b, const char *metric,
                                  double d, double p, const char *verdict)
{
    *c = (crm_sum_comparison){.a = copy("hybrid"),
                              .b = copy(b),
                              .metric = copy(metric),
                              .mean_diff = d,
                              .verdict = copy(verdict)};
    c->naive = (crm_sum_test){.t = 3, .df = 1, .p = p / 64};
    c->corrected =
        (crm_sum_test){.t = 2, .df = 1, .p = p, .p_holm = 2 * p, .ci = {d - 0.125, d + 0.125}};
    c->rope = 0.0625;
    c->worse = 0.125;
    c->in_rope = 0.25;
    c->better = 0.625;
    c->effect = 1.5;
    c->wins = 2;
    c->wilcoxon_p = 0.5;
    c->t5x2 = c->t5x2_p = c->f5x2 = c->f5x2_p = (double)NAN;
}

/* The caller's (crm_summary_free). */
static inline crm_summary *sample_new(void)
{
    crm_summary *s = crm_mem_new(1, sizeof *s);
    crm_sum_target *t = crm_mem_new(1, sizeof *t);

    s->n_targets = 1;
    s->target = t;
    s->data = (crm_digest){0x0123456789abcdef, 0xfedcba9876543210};
    s->folds = s->weights = s->predictions = s->summary = s->data;
    *t = (crm_sum_target){.name = copy("churn"), .level = copy("customer"), .rows = 16, .folds = 2};
    t->repeats = 1;
    t->split = copy("stratified");
    t->test_over_train = 1;
    t->alpha = 0.01;
    t->n_classes = 2;
    t->class_name = crm_mem_new(2, sizeof *t->class_name);
    t->class_name[0] = copy("no");
    t->class_name[1] = copy("a|b");
    t->n_models = 3;
    t->model = crm_mem_new(3, sizeof *t->model);
    set_model(&t->model[0], "oracle", 0.875, 1, 12);
    set_model(&t->model[1], "hybrid", 0.75, 0.875, 10);
    set_model(&t->model[2], "rule", 0.5, 0.75, 7);
    set_pooled(&t->model[1].pooled);
    t->n_comparisons = 2;
    t->comparison = crm_mem_new(2, sizeof *t->comparison);
    set_comparison(&t->comparison[0], "rule", "accuracy", 0.1875, 0.004, "better");
    set_comparison(&t->comparison[1], "rule", "log_loss", 0, 0.5, "no significant difference");
    t->n_notes = 1;
    t->note = crm_mem_new(1, sizeof *t->note);
    t->note[0] =
        copy("A note that is so long that it does not fit on one line of a terminal, and is "
             "therefore broken between two words.");
    t->lift = (crm_sum_lift){.present = true, .treated = 40, .control = 30, .before = 3};
    t->lift.after = 3.5;
    t->lift.diff = 0.5;
    t->lift.relative = 16.666666666666668;
    t->lift.relative_ci[0] = 8.25;
    t->lift.relative_ci[1] = 25;
    t->lift.ci[0] = 0.25;
    t->lift.ci[1] = 0.75;
    t->lift.p = 1e-9;
    t->lift.control_diff = 0.125;
    t->lift.effect = 0.375;
    t->lift.effect_ci[0] = -0.125;
    t->lift.effect_ci[1] = 0.875;
    t->lift.effect_p = 0.0625;
    return s;
}
#endif
