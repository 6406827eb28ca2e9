/* test_runs.c - models of several runs: summaries whose metrics are not those of this program are
 * refused before a test reads them; what the runs noted is told. */
#include <string.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/eval.h"
#include "crmpi/record_summary.h"
#include "crmpi/stats.h"

enum { FOLDS = 3 };

static void *zeros(size_t n, size_t size)
{
    void *p = crm_mem_new(n, size);

    if (!p) t_fail(__FILE__, __LINE__, "out of memory");
    return p;
}

/* One model with all metrics over three folds, and a note of its own beside a common one. */
static crm_summary *sample(const char *note, double shift)
{
    crm_summary *s = zeros(1, sizeof *s);
    crm_sum_target *t = s->target = zeros(1, sizeof *t);
    crm_sum_model *m = t->model = zeros(1, sizeof *m);

    s->n_targets = t->n_models = 1;
    t->name = crm_mem_strdup("churn");
    t->level = crm_mem_strdup("customer");
    t->split = crm_mem_strdup("stratified");
    t->rows = 30;
    t->folds = FOLDS;
    t->repeats = 1;
    t->test_over_train = 0.5;
    t->alpha = 0.05;
    t->note = zeros(2, sizeof *t->note);
    t->note[0] = crm_mem_strdup("common");
    t->note[1] = crm_mem_strdup(note);
    t->n_notes = 2;
    m->name = crm_mem_strdup("logistic");
    m->metric = zeros(CRM_METRIC_COUNT, sizeof *m->metric);
    m->n_metrics = CRM_METRIC_COUNT;
    for (int i = 0; i < CRM_METRIC_COUNT; i++) {
        m->metric[i].name = crm_mem_strdup(crm_metric_names[i]);
        m->metric[i].fold = zeros(FOLDS, sizeof *m->metric[i].fold);
        m->metric[i].n_folds = FOLDS;
        for (int f = 0; f < FOLDS; f++)
            m->metric[i].fold[f] = shift + 0.1 * f * f;
    }
    return s;
}

static const char *const names[] = {"a", "b"};

static void free_both(crm_summary **s)
{
    crm_summary_free(&s[0]);
    crm_summary_free(&s[1]);
}

static void notes(void)
{
    crm_summary *s[] = {sample("one", 0.5), sample("two", 0.25)}, *joint = NULL;

    T_OK(crm_eval_compare_runs(2, names, s, 0.01, &joint));
    if (joint) {
        const crm_sum_target *t = &joint->target[0];
        T_EQ_I(t->n_models, 2);
        T_EQ_I(t->n_notes, 3);
        T_CHECK(t->n_notes == 3 && strcmp(t->note[0], "common") == 0 &&
                strcmp(t->note[1], "a: one") == 0 && strcmp(t->note[2], "b: two") == 0);
    }
    crm_summary_free(&joint);
    free_both(s);
}

static void other_metrics(void)
{
    crm_summary *s[] = {sample("one", 0.5), sample("two", 0.25)}, *joint = NULL;
    crm_sum_model *m = &s[1]->target[0].model[0];

    m->metric[3].n_folds = FOLDS - 1;
    T_FAILS(crm_eval_compare_runs(2, names, s, 0.01, &joint), CRM_ERR_FORMAT, "b: logistic");
    free_both(s);
    s[0] = sample("one", 0.5);
    s[1] = sample("two", 0.25);
    m = &s[1]->target[0].model[0];
    crm_mem_free(m->metric[0].name);
    m->metric[0].name = crm_mem_strdup("hits");
    T_FAILS(crm_eval_compare_runs(2, names, s, 0.01, &joint), CRM_ERR_FORMAT, "accuracy");
    free_both(s);
}

/* Both of an older release, with fewer. */
static void fewer_metrics(void)
{
    crm_summary *s[] = {sample("one", 0.5), sample("two", 0.25)}, *joint = NULL;

    for (int i = 0; i < 2; i++) {
        crm_sum_model *m = &s[i]->target[0].model[0];
        for (int j = 2; j < CRM_METRIC_COUNT; j++) {
            crm_mem_free(m->metric[j].name);
            crm_mem_free(m->metric[j].fold);
        }
        m->n_metrics = 2;
    }
    T_FAILS(crm_eval_compare_runs(2, names, s, 0.01, &joint), CRM_ERR_FORMAT, "2 metrics");
    free_both(s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"notes of the runs", notes},
                                   {"other metrics", other_metrics},
                                   {"fewer metrics", fewer_metrics},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
