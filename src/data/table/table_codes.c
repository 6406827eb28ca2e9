/* table_codes.c - levels and classes of all ranks, their order, and the codes of this rank's rows.
 *
 * Each rank knows its own distinct texts.  Their union, sorted, is the same on any number of ranks;
 * the index in it is the code. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_impl.h"

/* Column of a set: 0 .. n_cat - 1 categorical, n_cat the label. */
static int column_of_set(const table_plan *p, int set)
{
    if (set == p->n_cat) return p->label;
    for (int k = 0; k < p->n; k++)
        if (p->column[k].kind == CRM_TABLE_CATEGORICAL && p->column[k].slot == set) return k;
    return -1;
}

static crm_status check_limits(const table_file *f, const table_plan *p, const table_part *t)
{
    int first = p->n;

    for (int set = 0; set <= p->n_cat; set++) {
        int k = t->all[set].n > p->cfg->max_levels ? column_of_set(p, set) : p->n;
        if (k < first) first = k;
    }
    if (first == p->n) return CRM_OK;
    return crm_table_fail_at(f, p->column[first].at,
                             "column '%s': more than %lld distinct values (data.max_levels); name "
                             "it in data.ignore or data.id, or raise data.max_levels",
                             p->column[first].name, (long long)p->cfg->max_levels);
}

/* ---- classes ---- */
static crm_status check_classes(const table_file *f, const table_plan *p, const table_part *t)
{
    const table_plan_column *c = &p->column[p->label];
    const char *const *name = t->sorted[p->n_cat];
    char show[CRM_TABLE_SHOW_MAX];

    if (t->n_levels[p->n_cat] > 1) return CRM_OK;
    if (t->n_levels[p->n_cat] == 0)
        return crm_table_fail_at(f, c->at,
                                 "column '%s': no row has a value; a label needs two classes or "
                                 "more, is it the right column (data.label)?",
                                 c->name);
    return crm_table_fail_at(f, c->at,
                             "column '%s': value '%s' is the only class; a label needs two classes "
                             "or more, is it the right column (data.label)?",
                             c->name, crm_table_show(name[0], strlen(name[0]), show));
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
              "data.positive: column '%s' has no value '%s', its values are '%.99s' and '%.99s'",
              p->column[p->label].name, positive, name[0], name[1]);
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

/* ---- codes ---- */
/* Classes need not be sorted, so they are searched one by one. */
static int32_t class_code(const table_part *t, int set, const char *text)
{
    for (int64_t c = 0; c < t->n_levels[set]; c++)
        if (strcmp(t->sorted[set][c], text) == 0) return (int32_t)c;
    return -1;
}

/* Indices into the local texts of a set become codes; cell i of n stands at v[i * stride]. */
static crm_status recode(const table_plan *p, const table_part *t, int set, int32_t *v,
                         int64_t stride)
{
    const table_levels *l = &t->local[set];
    int32_t *code;

    CRM_NEW(code, l->n);
    for (int64_t i = 0; i < l->n; i++) {
        const char *text = crm_table_levels_text(l, i);
        code[i] = set == p->n_cat ? class_code(t, set, text)
                                  : crm_table_levels_find(t->sorted[set], t->n_levels[set], text);
    }
    for (int64_t i = 0; i < t->n; i++)
        if (v[i * stride] >= 0) v[i * stride] = code[v[i * stride]];
    crm_mem_free(code);
    return CRM_OK;
}

static crm_status settle(const table_file *f, const table_plan *p, table_part *t)
{
    CRM_TRY(check_limits(f, p, t));
    for (int set = 0; set <= p->n_cat; set++) {
        CRM_TRY(crm_table_levels_sort(&t->all[set], &t->sorted[set]));
        t->n_levels[set] = t->all[set].n;
    }
    CRM_TRY(settle_classes(f, p, t));
    for (int set = 0; set < p->n_cat; set++)
        CRM_TRY(recode(p, t, set, t->cat + set, p->n_cat));
    return p->label >= 0 ? recode(p, t, p->n_cat, t->label, 1) : CRM_OK;
}

crm_status crm_table_part_codes(crm_comm *comm, const table_file *f, const table_plan *p,
                                table_part *t)
{
    CRM_TRY(crm_table_levels_gather(comm, t->local, p->n_cat + 1, p->cfg->max_levels, t->all));
    return crm_table_first_error(comm, settle(f, p, t));
}
