/* eval_summary.c - metrics of every model on every fold, means with corrected intervals, digests.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

crm_status crm_study_text(const char *s, char **out)
{
    *out = crm_mem_strdup(s);
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: summary");
    return CRM_OK;
}

double crm_study_ratio(const study *s)
{
    int64_t tested = 0, all = s->folds->repeats * s->view->n;

    if (s->e->cfg->split < CRM_SPLIT_HOLDOUT || s->e->cfg->split == CRM_SPLIT_CONTIGUOUS)
        return 1.0 / (s->folds->folds - 1);
    for (int64_t i = 0; i < all; i++)
        tested += s->folds->fold[i] >= 0;
    return (double)tested / ((double)all * s->folds->folds - (double)tested);
}

void crm_study_mean(const study *s, crm_sum_metric *m)
{
    crm_ttest t = crm_stats_ttest(m->fold, m->n_folds, crm_study_ratio(s));

    m->mean = t.n > 0 ? t.mean : (double)NAN;
    m->ci[0] = t.n > 1 ? t.ci95.lo : (double)NAN;
    m->ci[1] = t.n > 1 ? t.ci95.hi : (double)NAN;
}

crm_status crm_study_metrics_new(const study *s, int n, const int *metric, crm_sum_model *m)
{
    CRM_NEW(m->metric, n);
    m->n_metrics = n;
    for (int i = 0; i < n; i++) {
        CRM_TRY(crm_study_text(crm_metric_names[metric[i]], &m->metric[i].name));
        m->metric[i].n_folds = s->folds->repeats * s->folds->folds;
        CRM_NEW(m->metric[i].fold, m->metric[i].n_folds);
    }
    return CRM_OK;
}

static crm_status new_model(const study *s, const char *name, crm_sum_model *m)
{
    int64_t k = crm_data_target(s->e->data, s->target)->n_classes;
    int all[CRM_METRIC_COUNT];

    for (int i = 0; i < CRM_METRIC_COUNT; i++)
        all[i] = i;
    CRM_TRY(crm_study_text(name, &m->name));
    CRM_NEW(m->confusion, k * k);
    return crm_study_metrics_new(s, CRM_METRIC_COUNT, all, m);
}

/* Metrics of proba[n][k] on rows of one test part into fold number j of the model. */
static crm_status score(const study *s, int64_t n, const int64_t *row, const double *proba, int j,
                        crm_sum_model *m)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    int k = t->n_classes;
    double value[CRM_METRIC_COUNT];
    int64_t *cm = NULL;
    int32_t *label = NULL, *pred = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, label, n);
    CRM_NEW_TO(st, done, pred, n);
    CRM_NEW_TO(st, done, cm, (int64_t)k * k);
    for (int64_t i = 0; i < n; i++)
        label[i] = t->label[row[i]];
    CRM_TRY_TO(st, done, crm_stats_metrics(n, k, label, proba, value, NULL));
    for (int i = 0; i < CRM_METRIC_COUNT; i++)
        m->metric[i].fold[j] = value[i];
    crm_stats_predict(n, k, proba, pred);
    CRM_TRY_TO(st, done, crm_stats_confusion(n, k, label, pred, cm));
    for (int i = 0; i < k * k; i++)
        m->confusion[i] += cm[i];
done:
    crm_mem_free(label);
    crm_mem_free(pred);
    crm_mem_free(cm);
    return st;
}

static crm_status oracle_fold(const study *s, const result *r, int j, crm_sum_model *m)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    int64_t k = t->n_classes;
    double *proba;
    crm_status st;

    CRM_NEW(proba, r->n * k);
    for (int64_t i = 0; i < r->n * k; i++)
        proba[i] = (double)t->oracle[r->row[i / k] * k + i % k];
    st = score(s, r->n, r->row, proba, j, m);
    crm_mem_free(proba);
    return st;
}

/* All folds of a model, or of the oracle (model -1, on the test parts of the first model). */
static crm_status score_model(const study *s, const result *r, int model, crm_sum_model *m)
{
    CRM_TRY(new_model(s, model < 0 ? "oracle" : s->e->spec[model]->name, m));
    for (int i = 0; i < s->n_units; i++) {
        const unit *u = &s->unit[i];
        int j = u->repeat * s->folds->folds + u->fold;
        if (u->repeat < 0 || u->model != (model < 0 ? 0 : model)) continue;
        if (model < 0)
            CRM_TRY(oracle_fold(s, &r[i], j, m));
        else
            CRM_TRY(score(s, r[i].n, r[i].row, r[i].proba, j, m));
    }
    for (int i = 0; i < m->n_metrics; i++)
        crm_study_mean(s, &m->metric[i]);
    CRM_TRY(crm_study_threshold(s, r, model, &m->threshold));
    CRM_TRY(crm_study_explanation(s, r, model, &m->explanation));
    return crm_study_pooled(s, r, model, &m->pooled);
}

crm_status crm_study_note(crm_sum_target *t, const char *text)
{
    char **more = crm_mem_grow(t->note, (size_t)t->n_notes, (size_t)t->n_notes + 1, sizeof *more);

    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: summary");
    t->note = more;
    return crm_study_text(text, &t->note[t->n_notes++]);
}

/* Folds whose training part was too small for inner folds. */
static crm_status note_threshold(const crm_sum_model *m, crm_sum_target *t)
{
    char text[256];
    int bad = 0;

    for (int f = 0; f < m->threshold.n_folds; f++)
        bad += isnan(m->threshold.fold[f]) != 0;
    if (!bad) return CRM_OK;
    snprintf(text, sizeof text,
             "%.64s: no threshold could be chosen in %d of %d folds (too few rows or groups for "
             "the inner folds); 0.5 stands there",
             m->name, bad, m->threshold.n_folds);
    return crm_study_note(t, text);
}

crm_status crm_study_notes(const study *s, crm_sum_target *t)
{
    char text[256];

    if (s->e->note) CRM_TRY(crm_study_note(t, s->e->note));
    if (s->folds->folds > 1)
        CRM_TRY(crm_study_note(
            t, "For k-fold cross-validation the corrected resampled t-test is a "
               "heuristic (its derivation assumes random subsampling); the naive test "
               "rejects too often and never decides."));
    for (int i = 0; i < t->n_models; i++)
        for (int j = 0; j < t->model[i].n_metrics; j++) {
            const crm_sum_metric *m = &t->model[i].metric[j];
            int bad = 0;
            for (int f = 0; f < m->n_folds; f++)
                bad += isnan(m->fold[f]) != 0;
            if (!bad) continue;
            snprintf(text, sizeof text,
                     "%.64s: %s is undefined in %d of %d folds, which are left out",
                     t->model[i].name, m->name, bad, m->n_folds);
            CRM_TRY(crm_study_note(t, text));
        }
    for (int i = 0; i < t->n_models; i++)
        CRM_TRY(note_threshold(&t->model[i], t));
    return CRM_OK;
}

crm_status crm_study_head(const study *s, crm_level level, crm_sum_target *t)
{
    CRM_TRY(crm_study_text(crm_data_target(s->e->data, s->target)->name, &t->name));
    CRM_TRY(crm_study_text(crm_level_names[level], &t->level));
    t->rows = s->view->n;
    t->folds = s->folds->folds;
    t->repeats = s->folds->repeats;
    CRM_TRY(crm_study_text(crm_eval_split_names[s->e->cfg->split], &t->split));
    t->test_over_train = crm_study_ratio(s);
    t->alpha = s->e->cfg->alpha;
    return CRM_OK;
}

static crm_status fill_target(const study *s, const result *r, crm_sum_target *t)
{
    const crm_target *target = crm_data_target(s->e->data, s->target);
    int oracle = target->oracle != NULL;

    CRM_TRY(crm_study_head(s, crm_data_unit(s->e->data), t));
    CRM_NEW(t->class_name, target->n_classes);
    t->n_classes = target->n_classes;
    for (int c = 0; c < t->n_classes; c++)
        CRM_TRY(crm_study_text(target->class_name[c], &t->class_name[c]));
    CRM_NEW(t->model, s->e->n_models + oracle);
    for (int m = 0; m < s->e->n_models + oracle; m++) {
        t->n_models++;
        CRM_TRY(score_model(s, r, m < s->e->n_models ? m : -1, &t->model[m]));
    }
    CRM_TRY(
        crm_study_compare(t, s->e->n_models, s->e->cfg->rope)); /* the oracle is no competitor */
    CRM_TRY(crm_study_published(s, &t->published));
    CRM_TRY(crm_study_holdout(s, r, &t->holdout));
    CRM_TRY(crm_study_segments(s, r, &t->segments));
    CRM_TRY(crm_study_lift(s->e->data, &t->lift));
    return crm_study_notes(s, t);
}

/* Over units in unit order, by content. */
static crm_status digests(const study *s, const result *r, crm_summary *sum)
{
    crm_hash *weights = NULL, *predictions = NULL;
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, crm_hash_new(&weights));
    CRM_TRY_TO(st, done, crm_hash_new(&predictions));
    for (int i = 0; i < s->n_units; i++) {
        int64_t k = crm_data_target(s->e->data, s->target)->n_classes;
        crm_hash_add_text(weights, s->unit[i].name);
        crm_hash_add_digest(weights, r[i].weights);
        crm_hash_add_text(predictions, s->unit[i].name);
        crm_hash_add(predictions, r[i].row, (size_t)r[i].n * sizeof *r[i].row);
        for (int64_t j = 0; j < r[i].n * k; j++)
            crm_hash_add_f64(predictions, r[i].proba[j]);
    }
    sum->data = crm_data_digest(s->e->data);
    sum->folds = s->folds->digest;
    sum->weights = crm_hash_value(weights);
    sum->predictions = crm_hash_value(predictions);
done:
    crm_hash_free(&weights);
    crm_hash_free(&predictions);
    return st;
}

crm_status crm_study_summary(const study *s, const result *r, crm_summary **out)
{
    crm_summary *sum = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW_TO(st, fail, sum, 1);
    CRM_NEW_TO(st, fail, sum->target, 1);
    sum->n_targets = 1;
    CRM_TRY_TO(st, fail, fill_target(s, r, &sum->target[0]));
    CRM_TRY_TO(st, fail, digests(s, r, sum));
    *out = sum;
    return CRM_OK;
fail:
    crm_summary_free(&sum);
    return st;
}
