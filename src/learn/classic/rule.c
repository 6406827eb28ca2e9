/* rule.c - the rule-based model as an estimator: groups of rows, class frequencies in each. */
#include <string.h>

#include "crmpi/base_log.h"
#include "rule_impl.h"

/* What can be said of the options without data. */
static crm_status check(const crm_rule_cfg *c)
{
    rule_list none;

    CRM_CHECK(c->kind != CRM_RULE_RULES || c->rules.n > 0, CRM_ERR_CONFIG,
              "rule.kind: takes the rules of rule.rules, which is empty");
    if (c->kind != CRM_RULE_RULES && c->kind != CRM_RULE_AUTO) return CRM_OK;
    return rule_parse(&c->rules, NULL, NULL, &none);
}

static crm_status rule_make(const void *cfg, crm_estimator **out)
{
    const crm_rule_cfg *c = cfg;
    rule_model *m;

    *out = NULL;
    CRM_TRY(check(c));
    CRM_NEW(m, 1);
    m->base.class = &crm_rule_class;
    m->cfg = c;
    *out = &m->base;
    return CRM_OK;
}

static void rule_free(crm_estimator *e)
{
    rule_model *m = (rule_model *)e;

    rule_list_free(&m->list);
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
    m->n_groups = m->kind == CRM_RULE_RFM ? RFM_GROUPS : m->list.n + 1;
    CRM_NEW(m->count, (int64_t)m->n_groups * m->n_classes);
    return CRM_OK;
}

int rule_group(const rule_model *m, const float *num, const int32_t *cat)
{
    return m->kind == CRM_RULE_RFM ? rule_rfm_group(m, num) : rule_list_group(&m->list, num, cat);
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

/* The class that a rule gives a probability has it, the others share what is left by theirs. */
static void put_given(const rule_model *m, const rule_line *line, double *proba)
{
    double part = (1 - line->given) / (1 - proba[line->says]);

    for (int c = 0; c < m->n_classes; c++)
        proba[c] *= part;
    proba[line->says] = line->given;
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
    if (m->kind != CRM_RULE_RFM && m->list.line[group].given >= 0)
        put_given(m, &m->list.line[group], proba);
}

/* ---- fit ---- */
static crm_status choose_kind(rule_model *m, const crm_source *in)
{
    const char *lacks = NULL;
    bool rfm = rule_rfm_find(in, m->column, &lacks);

    m->kind = m->cfg->kind;
    if (m->kind == CRM_RULE_AUTO) m->kind = m->cfg->rules.n > 0 ? CRM_RULE_RULES : CRM_RULE_LIST;
    CRM_CHECK(m->kind != CRM_RULE_RFM || rfm, CRM_ERR_CONFIG,
              "rule.kind: 'rfm' needs %s, which the data lack; set rule.kind to list", lacks);
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

static crm_status learn(rule_model *m, const crm_fit *fit, const crm_source *in,
                        const crm_target *t)
{
    if (m->kind == CRM_RULE_RFM) return rule_rfm_learn(m, fit, in);
    if (m->kind == CRM_RULE_LIST) return rule_list_learn(m, fit, in);
    return crm_comm_agree(fit->comm,
                          rule_parse(&m->cfg->rules, crm_source_schema(in), t, &m->list));
}

/* A line of the log for each line of the text. */
static void tell(const crm_fit *fit, const char *text)
{
    for (const char *end; *text && crm_comm_rank(fit->comm) == 0; text = end + (*end == '\n')) {
        end = text + strcspn(text, "\n");
        crm_log_line(CRM_LOG_DEBUG, "rule", "%.*s", (int)(end - text), text);
    }
}

static crm_status rule_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    rule_model *m = (rule_model *)e;
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    shape(m, in, t->n_classes);
    CRM_TRY(choose_kind(m, in)); /* the same on all ranks */
    CRM_TRY(learn(m, fit, in, t));
    CRM_TRY(crm_comm_agree(fit->comm, count_own(m, fit, in, t)));
    CRM_TRY(crm_comm_sum_i64(fit->comm, m->count, (int64_t)m->n_groups * m->n_classes));
    CRM_TRY(crm_comm_agree(fit->comm, write_text(m, crm_source_schema(in), t)));
    tell(fit, m->text);
    return CRM_OK;
}

/* ---- predict ---- */
static void predict_piece(const crm_estimator *e, int64_t n, const float *num, const int32_t *cat,
                          const crm_sparse *text, double *proba)
{
    const rule_model *m = (const rule_model *)e;

    (void)text;
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
static crm_status rule_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    rule_model *m = (rule_model *)e;

    shape(m, in, n_classes);
    return rule_load_into(m, b);
}

/* Whether there are the columns, levels and classes that the user's rules name. */
static crm_status rule_check(const void *cfg, const crm_schema *s, const crm_target *t,
                             int64_t rows)
{
    const crm_rule_cfg *c = cfg;
    rule_list list;

    (void)rows;
    if (c->kind != CRM_RULE_RULES && c->kind != CRM_RULE_AUTO) return CRM_OK;
    CRM_TRY(rule_parse(&c->rules, s, t, &list));
    rule_list_free(&list);
    return CRM_OK;
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
    .text = crm_rule_text,
    .check = rule_check,
    .reading = "a list of rules",
};
