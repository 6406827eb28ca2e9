/* rule.c - the rule-based model as an estimator: groups of rows, class frequencies in each, save
 * and load. */
#include <string.h>

#include "rule_impl.h"

static crm_status rule_make(const void *cfg, crm_estimator **out)
{
    rule_model *m;

    *out = NULL;
    CRM_NEW(m, 1);
    m->base.class = &crm_rule_class;
    m->cfg = cfg;
    *out = &m->base;
    return CRM_OK;
}

static void rule_free(crm_estimator *e)
{
    rule_model *m = (rule_model *)e;

    crm_mem_free(m->cond);
    crm_mem_free(m->count);
    crm_mem_free(m->text);
    crm_mem_free(m);
}

static void shape(rule_model *m, const crm_source *in, int n_classes)
{
    m->n_classes = n_classes;
    m->n_num = crm_source_schema(in)->n_num;
    m->n_cat = crm_source_schema(in)->n_cat;
}

crm_status rule_make_groups(rule_model *m)
{
    m->n_groups = m->kind == CRM_RULE_RFM ? RFM_GROUPS : m->n_rules + 1;
    CRM_NEW(m->count, (int64_t)m->n_groups * m->n_classes);
    return CRM_OK;
}

int rule_group(const rule_model *m, const float *num, const int32_t *cat)
{
    return m->kind == CRM_RULE_RFM ? rule_rfm_group(m, num) : rule_list_group(m, num, cat);
}

/* Adds a group's counts to n[k]. */
static int64_t add_group(const rule_model *m, int group, double *n)
{
    int64_t rows = 0;

    for (int c = 0; c < m->n_classes; c++) {
        int64_t count = m->count[(int64_t)group * m->n_classes + c];
        n[c] += (double)count;
        rows += count;
    }
    return rows;
}

void rule_proba(const rule_model *m, int group, double *proba)
{
    int64_t rows;

    memset(proba, 0, (size_t)m->n_classes * sizeof *proba);
    rows = add_group(m, group, proba);
    for (int g = 0, none = rows == 0; none && g < m->n_groups; g++)
        rows += add_group(m, g, proba);
    for (int c = 0; c < m->n_classes; c++)
        proba[c] = (proba[c] + 1) / (double)(rows + m->n_classes);
}

/* ---- fit ---- */
static crm_status choose_kind(rule_model *m, const crm_source *in)
{
    const char *lacks = NULL;
    bool rfm = rule_rfm_find(in, m->column, &lacks);

    m->kind = m->cfg->kind;
    if (m->kind == CRM_RULE_AUTO) m->kind = rfm ? CRM_RULE_RFM : CRM_RULE_LIST;
    CRM_CHECK(m->kind != CRM_RULE_RFM || rfm, CRM_ERR_CONFIG,
              "rule.kind: 'rfm' needs %s, which the data lack; set rule.kind to list or auto",
              lacks);
    return CRM_OK;
}

typedef struct tally {
    rule_model *m;
    const int32_t *label;
} tally;

static void count_rows(void *ctx, const crm_rows_piece *p, double *out)
{
    const tally *t = ctx;
    rule_model *m = t->m;

    (void)out;
    for (int64_t i = 0; i < p->n; i++) {
        int32_t y = t->label[p->row[i]];
        int g = rule_group(m, p->num + i * m->n_num, p->cat + i * m->n_cat);
        if (y >= 0) m->count[(int64_t)g * m->n_classes + y]++;
    }
}

/* The counters are shared, so the calling thread does all own rows. */
static crm_status count_own(rule_model *m, const crm_fit *fit, const crm_source *in,
                            const crm_target *t)
{
    crm_view own = crm_rows_own(fit);
    tally c = {.m = m, .label = t->label};

    CRM_TRY(rule_make_groups(m));
    return crm_rows_each(in, &own, NULL, count_rows, &c);
}

static crm_status write_text(rule_model *m, const crm_schema *s, const crm_target *t)
{
    crm_str text = {0};
    crm_status st = CRM_OK;

    rule_write(m, s, t, &text);
    if (!text.failed && text.text) m->text = crm_mem_strdup(text.text);
    crm_str_free(&text);
    if (!m->text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: text of the rules");
    return st;
}

static crm_status rule_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    rule_model *m = (rule_model *)e;
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    shape(m, in, t->n_classes);
    CRM_TRY(choose_kind(m, in)); /* the same on all ranks */
    if (m->kind == CRM_RULE_RFM)
        CRM_TRY(rule_rfm_learn(m, fit, in));
    else
        CRM_TRY(rule_list_learn(m, fit, in));
    CRM_TRY(crm_comm_agree(fit->comm, count_own(m, fit, in, t)));
    CRM_TRY(crm_comm_sum_i64(fit->comm, m->count, (int64_t)m->n_groups * m->n_classes));
    return crm_comm_agree(fit->comm, write_text(m, crm_source_schema(in), t));
}

/* ---- predict ---- */
static void predict_piece(const crm_estimator *e, int64_t n, const float *num, const int32_t *cat,
                          double *proba)
{
    const rule_model *m = (const rule_model *)e;

    for (int64_t i = 0; i < n; i++)
        rule_proba(m, rule_group(m, num + i * m->n_num, cat + i * m->n_cat),
                   proba + i * m->n_classes);
}

static crm_status rule_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                               int64_t n, double *proba)
{
    return classic_predict(e, in, row, n, ((rule_model *)e)->n_classes, predict_piece, proba);
}

const char *crm_rule_text(const crm_estimator *e)
{
    const rule_model *m = (const rule_model *)e;

    return m->text ? m->text : "";
}

/* ---- bags ---- */
enum { FIELDS = 3 }; /* op, column, level */

static crm_status save_list(const rule_model *m, crm_bag *b)
{
    int32_t *field = NULL;
    float *cut = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, field, m->n_rules * FIELDS);
    CRM_NEW_TO(st, done, cut, m->n_rules);
    for (int r = 0; r < m->n_rules; r++) {
        int32_t *f = field + r * FIELDS;
        f[0] = m->cond[r].op;
        f[1] = m->cond[r].column;
        f[2] = m->cond[r].level;
        cut[r] = m->cond[r].cut;
    }
    CRM_TRY_TO(st, done,
               crm_bag_put(b, "rule", CRM_I32, 2, (int64_t[]){m->n_rules, FIELDS}, field));
    st = crm_bag_put(b, "cut", CRM_F32, 1, (int64_t[]){m->n_rules}, cut);
done:
    crm_mem_free(field);
    crm_mem_free(cut);
    return st;
}

static crm_status save_rfm(const rule_model *m, crm_bag *b)
{
    CRM_TRY(crm_bag_put(b, "column", CRM_I32, 1, (int64_t[]){RFM_PARTS}, m->column));
    return crm_bag_put(b, "cut", CRM_F32, 2, (int64_t[]){RFM_PARTS, RFM_CUTS}, m->cut);
}

static crm_status rule_save(const crm_estimator *e, crm_bag *b)
{
    const rule_model *m = (const rule_model *)e;
    bool rfm = m->kind == CRM_RULE_RFM;

    CRM_TRY(crm_bag_put_text(b, "kind", rfm ? "rfm" : "list"));
    CRM_TRY(rfm ? save_rfm(m, b) : save_list(m, b));
    CRM_TRY(crm_bag_put_text(b, "text", crm_rule_text(e)));
    return crm_bag_put(b, "count", CRM_I64, 2, (int64_t[]){m->n_groups, m->n_classes}, m->count);
}

static crm_status check_cond(const rule_model *m, const rule_cond *r)
{
    int limit = r->op == RULE_LEVEL ? m->n_cat : m->n_num;

    CRM_CHECK(r->op >= 0 && r->op < RULE_OP_COUNT && r->column >= 0 && r->column < limit,
              CRM_ERR_FORMAT, "model file: rule of kind %d on column %d of %d", r->op, r->column,
              limit);
    return CRM_OK;
}

static crm_status load_list(rule_model *m, const crm_bag *b)
{
    const crm_bag_array *cut, *rule;

    CRM_TRY(crm_bag_get(b, "cut", CRM_F32, -1, &cut));
    CRM_CHECK(cut->n <= 1000, CRM_ERR_FORMAT, "model file: %lld rules, at most 1000",
              (long long)cut->n);
    m->n_rules = (int)cut->n;
    CRM_TRY(crm_bag_get(b, "rule", CRM_I32, (int64_t)m->n_rules * FIELDS, &rule));
    CRM_NEW(m->cond, m->n_rules);
    for (int r = 0; r < m->n_rules; r++) {
        const int32_t *f = (const int32_t *)rule->data + r * FIELDS;
        m->cond[r] = (rule_cond){
            .op = f[0], .column = f[1], .level = f[2], .cut = ((const float *)cut->data)[r]};
        CRM_TRY(check_cond(m, &m->cond[r]));
    }
    return CRM_OK;
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

static crm_status rule_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    rule_model *m = (rule_model *)e;
    const char *text;

    shape(m, in, n_classes);
    CRM_TRY(crm_bag_get_text(b, "kind", &text));
    m->kind = strcmp(text, "rfm") == 0 ? CRM_RULE_RFM : CRM_RULE_LIST;
    CRM_TRY(m->kind == CRM_RULE_RFM ? load_rfm(m, b) : load_list(m, b));
    CRM_TRY(crm_bag_get_text(b, "text", &text));
    m->text = crm_mem_strdup(text);
    CRM_CHECK(m->text, CRM_ERR_NOMEM, "out of memory: text of the rules");
    return load_counts(m, b);
}

static const crm_cfg_part parts[] = {{crm_rule_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_rule_class = {
    .name = "rule",
    .parts = parts,
    .cfg_size = sizeof(crm_rule_cfg),
    .help = "Recency-frequency-monetary scores, or a short list of rules on single columns.",
    .make = rule_make,
    .fit = rule_fit,
    .predict = rule_predict,
    .save = rule_save,
    .load = rule_load,
    .free = rule_free,
};
