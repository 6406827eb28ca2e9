/* record_summary.c - a summary in memory: find and free. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

static void free_texts(char **text, int n)
{
    for (int i = 0; text && i < n; i++)
        crm_mem_free(text[i]);
    crm_mem_free(text);
}

static void free_pooled(crm_sum_pooled *p)
{
    for (int i = 0; p->curve && i < p->n_curves; i++) {
        crm_mem_free(p->curve[i].class_name);
        crm_mem_free(p->curve[i].threshold);
        crm_mem_free(p->curve[i].tp);
        crm_mem_free(p->curve[i].fp);
    }
    crm_mem_free(p->curve);
    crm_mem_free(p->auc_ci_method);
    crm_mem_free(p->calibration.rows);
    crm_mem_free(p->calibration.hits);
    crm_mem_free(p->calibration.mean);
}

static void free_holdout(crm_sum_holdout *h)
{
    for (int i = 0; h->pair && i < h->n; i++) {
        crm_mem_free(h->pair[i].a);
        crm_mem_free(h->pair[i].b);
        crm_mem_free(h->pair[i].verdict);
        crm_mem_free(h->pair[i].auc_verdict);
    }
    crm_mem_free(h->pair);
}

static void free_segments(crm_sum_segments *s)
{
    for (int i = 0; s->test && i < s->n_tests; i++) {
        crm_mem_free(s->test[i].metric);
        crm_mem_free(s->test[i].score);
        crm_mem_free(s->test[i].mean_rank);
    }
    crm_mem_free(s->test);
    crm_mem_free(s->column);
    crm_mem_free(s->rows);
    free_texts(s->model, s->n_models);
    free_texts(s->level, s->n_levels);
}

static void free_metrics(crm_sum_metric *m, int n)
{
    for (int i = 0; m && i < n; i++) {
        crm_mem_free(m[i].name);
        crm_mem_free(m[i].fold);
    }
    crm_mem_free(m);
}

static void free_threshold(crm_sum_threshold *t)
{
    crm_mem_free(t->rule);
    crm_mem_free(t->fold);
    free_metrics(t->metric, t->n_metrics);
}

static void free_explanation(crm_sum_explanation *x)
{
    for (int i = 0; x->feature && i < x->n; i++) {
        crm_mem_free(x->feature[i].name);
        crm_mem_free(x->feature[i].fold);
        crm_mem_free(x->feature[i].x);
        crm_mem_free(x->feature[i].y);
        free_texts(x->feature[i].level, x->feature[i].n_levels);
    }
    crm_mem_free(x->feature);
    crm_mem_free(x->metric);
}

static void free_published(crm_sum_published *p)
{
    free_texts(p->model, p->n);
    free_texts(p->metric, p->n);
    crm_mem_free(p->value);
    crm_mem_free(p->source);
}

static void free_models(crm_sum_model *m, int n)
{
    for (int i = 0; m && i < n; i++) {
        free_metrics(m[i].metric, m[i].n_metrics);
        free_threshold(&m[i].threshold);
        free_explanation(&m[i].explanation);
        crm_mem_free(m[i].confusion);
        free_pooled(&m[i].pooled);
        crm_mem_free(m[i].name);
    }
    crm_mem_free(m);
}

static void free_comparisons(crm_sum_comparison *c, int n)
{
    for (int i = 0; c && i < n; i++) {
        crm_mem_free(c[i].a);
        crm_mem_free(c[i].b);
        crm_mem_free(c[i].metric);
        crm_mem_free(c[i].verdict);
    }
    crm_mem_free(c);
}

void crm_summary_free(crm_summary **sp)
{
    crm_summary *s = *sp;

    if (!s) return;
    for (int i = 0; s->target && i < s->n_targets; i++) {
        crm_sum_target *t = &s->target[i];
        crm_mem_free(t->name);
        crm_mem_free(t->level);
        crm_mem_free(t->split);
        free_texts(t->class_name, t->n_classes);
        free_texts(t->note, t->n_notes);
        free_models(t->model, t->n_models);
        free_comparisons(t->comparison, t->n_comparisons);
        free_holdout(&t->holdout);
        free_segments(&t->segments);
        free_published(&t->published);
    }
    crm_mem_free(s->target);
    crm_mem_free(s);
    *sp = NULL;
}

const crm_sum_model *crm_summary_model(const crm_sum_target *t, const char *name)
{
    for (int i = 0; i < t->n_models; i++)
        if (strcmp(t->model[i].name, name) == 0) return &t->model[i];
    return NULL;
}

const crm_sum_metric *crm_summary_metric(const crm_sum_model *m, const char *name)
{
    for (int i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metric[i].name, name) == 0) return &m->metric[i];
    return NULL;
}
