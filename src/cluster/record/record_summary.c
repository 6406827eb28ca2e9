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

static void free_models(crm_sum_model *m, int n)
{
    for (int i = 0; m && i < n; i++) {
        for (int j = 0; m[i].metric && j < m[i].n_metrics; j++) {
            crm_mem_free(m[i].metric[j].name);
            crm_mem_free(m[i].metric[j].fold);
        }
        crm_mem_free(m[i].metric);
        crm_mem_free(m[i].confusion);
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
