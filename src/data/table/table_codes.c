/* table_codes.c - the classes of the label of a single CSV: sorted, or in the order of a model,
 * with data.positive as class 1 of two. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_single.h"

static crm_status check_classes(const table_file *f, const table_plan *p, const table_part *t)
{
    const table_plan_column *c = &p->column[p->label];

    if (t->n_levels[p->n_cat] > 1) return CRM_OK;
    if (t->n_levels[p->n_cat] == 0)
        return crm_table_fail_at(f, c->at,
                                 "column '%s': no row has a value; a label needs two classes or "
                                 "more, is it the right column (data.label)?",
                                 c->name);
    return crm_table_fail_at(f, c->at,
                             "column '%s': all rows have the same class; a label needs two classes "
                             "or more, is it the right column (data.label)?",
                             c->name);
}

/* data.positive becomes class 1 of two. */
static crm_status order_classes(const table_plan *p, table_part *t)
{
    const char **name = t->sorted[p->n_cat], *positive = p->cfg->positive, *swap;
    int64_t n = t->n_levels[p->n_cat];

    if (!positive[0]) return CRM_OK;
    CRM_CHECK(n == 2, CRM_ERR_CONFIG,
              "data.positive: '%s' chooses one of two classes, but column '%s' has %lld; leave it "
              "empty",
              positive, p->column[p->label].name, (long long)n);
    CRM_CHECK(strcmp(name[0], positive) == 0 || strcmp(name[1], positive) == 0, CRM_ERR_CONFIG,
              "data.positive: none of the two values of column '%s' is '%s'; give one as it stands "
              "in the file, or leave it empty",
              p->column[p->label].name, positive);
    if (strcmp(name[1], positive) == 0) return CRM_OK;
    swap = name[0];
    name[0] = name[1];
    name[1] = swap;
    return CRM_OK;
}

/* The classes of a model, in its order. */
static crm_status classes_of_model(const table_plan *p, table_part *t)
{
    const char **name;

    CRM_NEW(name, p->like->n_classes);
    for (int c = 0; c < p->like->n_classes; c++)
        name[c] = p->like->class_name[c];
    crm_mem_free(t->sorted[p->n_cat]);
    t->sorted[p->n_cat] = name;
    t->n_levels[p->n_cat] = p->like->n_classes;
    return CRM_OK;
}

static crm_status settle_classes(const table_file *f, const table_plan *p, table_part *t)
{
    if (p->label < 0) return CRM_OK;
    if (p->like) return p->like->n_classes > 0 ? classes_of_model(p, t) : CRM_OK;
    CRM_TRY(check_classes(f, p, t));
    return order_classes(p, t);
}

/* Classes need not be sorted, so they are searched one by one. */
static int32_t class_code(const table_part *t, int set, const char *text)
{
    for (int64_t c = 0; c < t->n_levels[set]; c++)
        if (strcmp(t->sorted[set][c], text) == 0) return (int32_t)c;
    return -1;
}

crm_status crm_table_part_classes(const table_file *f, const table_plan *p, table_part *t)
{
    int64_t n = t->n_levels[p->n_cat];
    const char **was;
    int32_t *code;
    crm_status st = CRM_OK;

    CRM_NEW(was, n);
    CRM_NEW_TO(st, done, code, n);
    if (n) memcpy(was, t->sorted[p->n_cat], (size_t)n * sizeof *was);
    st = settle_classes(f, p, t);
    for (int64_t c = 0; c < n && !st; c++)
        code[c] = class_code(t, p->n_cat, was[c]);
    for (int64_t i = 0; i < t->n && !st; i++)
        if (t->label[i] >= 0) t->label[i] = code[t->label[i]];
    crm_mem_free(code);
done:
    crm_mem_free(was);
    return st;
}
