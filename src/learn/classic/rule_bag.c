/* rule_bag.c - fitted rules in bags.
 *
 * Of a list: "step" i32 [steps][3] (kind, column, level), "cut" f32 [steps], "end" and "says" i32
 * [rules + 1], "given" f64 [rules + 1], as in rule_list.  Files of the first version have "rule" in
 * the place of "step", one step for each rule, and none of the others. */
#include <string.h>

#include "rule_impl.h"

enum { FIELDS = 3 }; /* op, column, level */
enum { RULES_MAX = 100000, STEPS_MAX = 1 << 24 };

/* ---- save ---- */

/* Steps and lines as columns. */
typedef struct columns {
    int32_t *field, *end, *says;
    float *cut;
    double *given;
} columns;

static crm_status columns_fill(const rule_list *l, columns *c)
{
    CRM_NEW(c->field, (int64_t)l->n_steps * FIELDS);
    CRM_NEW(c->cut, l->n_steps);
    CRM_NEW(c->end, l->n + 1);
    CRM_NEW(c->says, l->n + 1);
    CRM_NEW(c->given, l->n + 1);
    for (int32_t i = 0; i < l->n_steps; i++) {
        c->field[i * FIELDS] = l->step[i].op;
        c->field[i * FIELDS + 1] = l->step[i].column;
        c->field[i * FIELDS + 2] = l->step[i].level;
        c->cut[i] = l->step[i].cut;
    }
    for (int r = 0; r <= l->n; r++) {
        c->end[r] = l->line[r].end;
        c->says[r] = l->line[r].says;
        c->given[r] = l->line[r].given;
    }
    return CRM_OK;
}

static crm_status save_list(const rule_list *l, crm_bag *b)
{
    columns c = {0};
    int64_t steps = l->n_steps, lines = l->n + 1;
    crm_status st = columns_fill(l, &c);

    if (!st) st = crm_bag_put(b, "step", CRM_I32, 2, (int64_t[]){steps, FIELDS}, c.field);
    if (!st) st = crm_bag_put(b, "cut", CRM_F32, 1, &steps, c.cut);
    if (!st) st = crm_bag_put(b, "end", CRM_I32, 1, &lines, c.end);
    if (!st) st = crm_bag_put(b, "says", CRM_I32, 1, &lines, c.says);
    if (!st) st = crm_bag_put(b, "given", CRM_F64, 1, &lines, c.given);
    crm_mem_free(c.field);
    crm_mem_free(c.cut);
    crm_mem_free(c.end);
    crm_mem_free(c.says);
    crm_mem_free(c.given);
    return st;
}

static crm_status save_rfm(const rule_model *m, crm_bag *b)
{
    CRM_TRY(crm_bag_put(b, "column", CRM_I32, 1, (int64_t[]){RFM_PARTS}, m->column));
    return crm_bag_put(b, "cut", CRM_F32, 2, (int64_t[]){RFM_PARTS, RFM_CUTS}, m->cut);
}

crm_status rule_save(const crm_estimator *e, crm_bag *b)
{
    const rule_model *m = (const rule_model *)e;

    CRM_TRY(crm_bag_put_text(b, "kind", rule_kind_names[m->kind]));
    CRM_TRY(m->kind == CRM_RULE_RFM ? save_rfm(m, b) : save_list(&m->list, b));
    CRM_TRY(crm_bag_put_text(b, "text", crm_rule_text(e)));
    return crm_bag_put(b, "count", CRM_I64, 2, (int64_t[]){m->n_groups, m->n_classes}, m->count);
}

/* ---- load ---- */

static crm_status load_steps(rule_list *l, const crm_bag *b, const char *name)
{
    const crm_bag_array *cut, *step;

    CRM_TRY(crm_bag_get(b, "cut", CRM_F32, -1, &cut));
    CRM_CHECK(cut->n <= STEPS_MAX, CRM_ERR_FORMAT, "model file: rules of %lld steps, at most %d",
              (long long)cut->n, STEPS_MAX);
    CRM_TRY(crm_bag_get(b, name, CRM_I32, cut->n * FIELDS, &step));
    for (int64_t i = 0; i < cut->n; i++) {
        const int32_t *f = (const int32_t *)step->data + i * FIELDS;
        CRM_TRY(rule_list_step(l, (rule_step){.op = f[0],
                                              .column = f[1],
                                              .level = f[2],
                                              .cut = ((const float *)cut->data)[i]}));
    }
    return CRM_OK;
}

/* One step for each rule. */
static crm_status load_first_version(rule_list *l, const crm_bag *b)
{
    const crm_bag_array *cut;

    CRM_TRY(crm_bag_get(b, "cut", CRM_F32, -1, &cut));
    CRM_CHECK(cut->n <= RULES_MAX, CRM_ERR_FORMAT, "model file: %lld rules, at most %d",
              (long long)cut->n, RULES_MAX);
    CRM_TRY(rule_list_new((int)cut->n, l));
    CRM_TRY(load_steps(l, b, "rule"));
    for (int r = 0; r < (int)cut->n; r++) {
        rule_list_end(l, -1, -1);
        l->line[r].end = r + 1;
    }
    return CRM_OK;
}

static crm_status load_lines(rule_list *l, const crm_bag *b)
{
    const crm_bag_array *end, *says, *given;

    CRM_TRY(crm_bag_get(b, "end", CRM_I32, -1, &end));
    CRM_CHECK(end->n >= 1 && end->n <= RULES_MAX + 1, CRM_ERR_FORMAT,
              "model file: %lld rules, from 1 to %d", (long long)end->n, RULES_MAX + 1);
    CRM_TRY(crm_bag_get(b, "says", CRM_I32, end->n, &says));
    CRM_TRY(crm_bag_get(b, "given", CRM_F64, end->n, &given));
    CRM_TRY(rule_list_new((int)end->n - 1, l));
    CRM_TRY(load_steps(l, b, "step"));
    l->n = (int)end->n - 1;
    for (int r = 0; r <= l->n; r++)
        l->line[r] = (rule_line){.end = ((const int32_t *)end->data)[r],
                                 .says = ((const int32_t *)says->data)[r],
                                 .given = ((const double *)given->data)[r]};
    return CRM_OK;
}

static crm_status load_list(rule_model *m, const crm_bag *b)
{
    CRM_TRY(crm_bag_find(b, "rule") ? load_first_version(&m->list, b) : load_lines(&m->list, b));
    return rule_list_check(&m->list, m->n_num, m->n_cat, m->n_classes);
}

static crm_status load_rfm(rule_model *m, const crm_bag *b)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, "column", CRM_I32, RFM_PARTS, &a));
    memcpy(m->column, a->data, sizeof m->column);
    for (int i = 0; i < RFM_PARTS; i++)
        CRM_CHECK(m->column[i] >= 0 && m->column[i] < m->n_num, CRM_ERR_FORMAT,
                  "model file: score on column %d of %d", m->column[i], m->n_num);
    CRM_TRY(crm_bag_get(b, "cut", CRM_F32, RFM_PARTS * RFM_CUTS, &a));
    memcpy(m->cut, a->data, sizeof m->cut);
    return CRM_OK;
}

static crm_status load_counts(rule_model *m, const crm_bag *b)
{
    const crm_bag_array *a;

    CRM_TRY(rule_make_groups(m));
    CRM_TRY(crm_bag_get(b, "count", CRM_I64, (int64_t)m->n_groups * m->n_classes, &a));
    memcpy(m->count, a->data, (size_t)a->n * sizeof *m->count);
    for (int64_t i = 0; i < a->n; i++)
        CRM_CHECK(m->count[i] >= 0 && m->count[i] < (int64_t)1 << 40, CRM_ERR_FORMAT,
                  "model file: a rule with %lld rows", (long long)m->count[i]);
    return CRM_OK;
}

static crm_status load_kind(rule_model *m, const crm_bag *b)
{
    const char *kind;

    CRM_TRY(crm_bag_get_text(b, "kind", &kind));
    for (m->kind = CRM_RULE_RFM; rule_kind_names[m->kind]; m->kind++)
        if (strcmp(kind, rule_kind_names[m->kind]) == 0) return CRM_OK;
    CRM_FAIL(CRM_ERR_FORMAT, "model file: rules of kind '%s'", kind);
}

crm_status rule_load_into(rule_model *m, crm_bag *b)
{
    const char *text;

    CRM_TRY(load_kind(m, b));
    CRM_TRY(m->kind == CRM_RULE_RFM ? load_rfm(m, b) : load_list(m, b));
    CRM_TRY(crm_bag_get_text(b, "text", &text));
    m->text = crm_mem_strdup(text);
    CRM_CHECK(m->text, CRM_ERR_NOMEM, "out of memory: text of the rules");
    return load_counts(m, b);
}
