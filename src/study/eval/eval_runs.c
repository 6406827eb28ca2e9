/* eval_runs.c - models of several runs against each other: only where their fold tables are the
 * same, as a paired test needs. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

static crm_status check_digest(const char *what, const char *a, crm_digest of_a, const char *b,
                               crm_digest of_b)
{
    char hex[2][CRM_DIGEST_HEX];

    CRM_CHECK(crm_digest_equal(of_a, of_b), CRM_ERR_CONFIG,
              "%s and %s have other %s (digests %.12s and %.12s), so their scores are no pairs; "
              "run both with the same data, eval.split, eval.folds, eval.repeats and eval.seed",
              a, b, what, crm_digest_hex(of_a, hex[0]), crm_digest_hex(of_b, hex[1]));
    return CRM_OK;
}

static crm_status check_pair(const char *a, const crm_summary *of_a, const char *b,
                             const crm_summary *of_b)
{
    const crm_sum_target *x, *y;

    CRM_CHECK(of_a->n_targets == 1 && of_b->n_targets == 1, CRM_ERR_FORMAT,
              "%s or %s has not one target", a, b);
    x = &of_a->target[0];
    y = &of_b->target[0];
    CRM_TRY(check_digest("data", a, of_a->data, b, of_b->data));
    CRM_CHECK(strcmp(x->name, y->name) == 0, CRM_ERR_CONFIG,
              "%s is about target '%s', %s about '%s'", a, x->name, b, y->name);
    CRM_CHECK(strcmp(x->level, y->level) == 0, CRM_ERR_CONFIG,
              "rows of %s are %ss, those of %s %ss: their scores are no pairs", a, x->level, b,
              y->level);
    CRM_TRY(check_digest("folds", a, of_a->folds, b, of_b->folds));
    CRM_CHECK(x->folds == y->folds && x->repeats == y->repeats && x->rows == y->rows &&
                  x->n_classes == y->n_classes,
              CRM_ERR_FORMAT, "%s and %s have equal digests of folds, but other numbers of them", a,
              b);
    return CRM_OK;
}

/* The tests find metrics by place and read a value of each fold. */
static crm_status check_metrics(const char *run, const crm_sum_target *t, const crm_sum_model *m)
{
    const bool spans = crm_study_is_of_spans(t);
    const int n = spans ? EVAL_SPAN_METRICS : CRM_METRIC_COUNT;

    CRM_CHECK(m->n_metrics == n, CRM_ERR_FORMAT,
              "%s: %s has %d metrics, this program %d: run it again", run, m->name, m->n_metrics,
              n);
    for (int i = 0; i < n; i++) {
        const char *name = crm_metric_names[spans ? crm_eval_span_metrics[i] : i];
        CRM_CHECK(strcmp(m->metric[i].name, name) == 0 &&
                      m->metric[i].n_folds == t->folds * t->repeats,
                  CRM_ERR_FORMAT, "%s: %s: '%s' of %d folds stands where '%s' of %d should", run,
                  m->name, m->metric[i].name, m->metric[i].n_folds, name, t->folds * t->repeats);
    }
    return CRM_OK;
}

static bool is_oracle(const crm_sum_model *m)
{
    return strcmp(m->name, "oracle") == 0;
}

/* Move the models of a run behind those that are there; their names begin with the run's. */
static crm_status take_models(const char *run, crm_sum_target *from, bool oracle,
                              crm_sum_target *to)
{
    for (int i = 0; i < from->n_models; i++) {
        crm_sum_model *m = &from->model[i];
        crm_str name = {0};
        if (!m->name || is_oracle(m) != oracle) continue; /* taken already, or not asked for */
        CRM_TRY(check_metrics(run, from, m));
        if (!oracle) {
            crm_str_addf(&name, "%s/%s", run, m->name);
            CRM_CHECK(!name.failed, CRM_ERR_NOMEM, "out of memory: names of models");
            crm_mem_free(m->name);
            m->name = name.text;
        }
        to->model[to->n_models++] = *m;
        *m = (crm_sum_model){0};
        if (oracle) return CRM_OK;
    }
    return CRM_OK;
}

static crm_status begin(const crm_summary *first, crm_sum_target *t)
{
    const crm_sum_target *f = &first->target[0];

    *t = (crm_sum_target){.rows = f->rows,
                          .folds = f->folds,
                          .repeats = f->repeats,
                          .test_over_train = f->test_over_train,
                          .alpha = f->alpha};
    t->name = crm_mem_strdup(f->name);
    t->level = crm_mem_strdup(f->level);
    t->split = f->split ? crm_mem_strdup(f->split) : NULL;
    CRM_NEW(t->class_name, f->n_classes);
    for (int c = 0; c < f->n_classes; c++, t->n_classes++) {
        t->class_name[c] = crm_mem_strdup(f->class_name[c]);
        CRM_CHECK(t->class_name[c], CRM_ERR_NOMEM, "out of memory: summary");
    }
    CRM_CHECK(t->name && t->level, CRM_ERR_NOMEM, "out of memory: summary");
    return CRM_OK;
}

static bool has_note(const crm_sum_target *t, const char *note)
{
    for (int i = 0; i < t->n_notes; i++)
        if (strcmp(t->note[i], note) == 0) return true;
    return false;
}

/* What all runs say is said once, the rest with the name of its run. */
static crm_status take_notes(int n, const char *const *run, crm_summary *const *s,
                             crm_sum_target *to)
{
    int most = 0;

    for (int i = 0; i < n; i++)
        most += s[i]->target[0].n_notes;
    CRM_NEW(to->note, most);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < s[i]->target[0].n_notes; j++) {
            const char *note = s[i]->target[0].note[j];
            bool common = true;
            crm_str text = {0};
            for (int k = 0; k < n; k++)
                common = common && has_note(&s[k]->target[0], note);
            if (common && i > 0) continue;
            crm_str_addf(&text, "%s%s%s", common ? "" : run[i], common ? "" : ": ", note);
            CRM_CHECK(!text.failed, CRM_ERR_NOMEM, "out of memory: notes");
            to->note[to->n_notes++] = text.text;
        }
    return CRM_OK;
}

static crm_status merge(int n, const char *const *run, crm_summary *const *s, double rope,
                        crm_sum_target *t)
{
    int models = 0, competitors;

    for (int i = 0; i < n; i++)
        models += s[i]->target[0].n_models;
    CRM_TRY(begin(s[0], t));
    CRM_NEW(t->model, models);
    for (int i = 0; i < n; i++)
        CRM_TRY(take_models(run[i], &s[i]->target[0], false, t));
    competitors = t->n_models;
    CRM_TRY(take_models(run[0], &s[0]->target[0], true, t));
    CRM_CHECK(competitors > 1, CRM_ERR_CONFIG, "there is one model only, nothing to compare");
    CRM_TRY(take_notes(n, run, s, t));
    return crm_study_compare(t, competitors, rope);
}

crm_status crm_eval_compare_runs(int n, const char *const *run, crm_summary *const *s, double rope,
                                 crm_summary **out)
{
    crm_summary *sum = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    for (int i = 1; i < n; i++)
        CRM_TRY(check_pair(run[0], s[0], run[i], s[i]));
    CRM_NEW_TO(st, fail, sum, 1);
    CRM_NEW_TO(st, fail, sum->target, 1);
    sum->n_targets = 1;
    sum->data = s[0]->data;
    sum->folds = s[0]->folds;
    CRM_TRY_TO(st, fail, merge(n, run, s, rope, &sum->target[0]));
    *out = sum;
    return CRM_OK;
fail:
    crm_summary_free(&sum);
    return st;
}
