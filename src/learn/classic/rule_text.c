/* rule_text.c - rules as lines for people. */
#include "rule_impl.h"

/* ---- classes of a group ---- */

static int likeliest(const double *p, int k)
{
    int best = 0;

    for (int c = 1; c < k; c++)
        if (p[c] > p[best]) best = c;
    return best;
}

/* Of a user's rule: what the rows say beside a probability that is given, or against the class. */
static void write_claim(const rule_model *m, int group, const crm_target *t, const double *proba,
                        crm_str *out)
{
    const rule_line *line = &m->list.line[group];
    const int64_t *count = m->count + (int64_t)group * m->n_classes;

    if (m->kind != CRM_RULE_RULES || line->says < 0) return;
    if (line->given >= 0)
        crm_str_addf(out, ", %lld of them %s", (long long)count[line->says],
                     t->class_name[line->says]);
    else if (likeliest(proba, m->n_classes) != line->says)
        crm_str_addf(out, "; %s is not the likeliest: a probability behind it would make it so",
                     t->class_name[line->says]);
}

static void write_classes(const rule_model *m, int group, const crm_target *t, crm_str *out)
{
    double p[2] = {0};
    int64_t rows = 0;
    double *proba = m->n_classes <= 2 ? p : crm_mem_new((size_t)m->n_classes, sizeof *proba);

    if (!proba) {
        out->failed = true;
        return;
    }
    rule_proba(m, group, proba);
    for (int c = 0; c < m->n_classes; c++) {
        crm_str_addf(out, "%s %s %.3f", c ? "," : "", t->class_name[c], proba[c]);
        rows += m->count[(int64_t)group * m->n_classes + c];
    }
    crm_str_addf(out, " (%lld rows", (long long)rows);
    write_claim(m, group, t, proba, out);
    crm_str_addf(out, ")\n");
    if (proba != p) crm_mem_free(proba);
}

/* ---- learned lists ---- */

static void write_level(const rule_step *s, const crm_schema *c, crm_str *out)
{
    const char *const *level = c->level ? c->level[s->column] : NULL;

    crm_str_addf(out, "%s is ", c->cat_name[s->column]);
    if (s->level < 0)
        crm_str_addf(out, "missing");
    else if (level)
        crm_str_addf(out, "%s", level[s->level]);
    else
        crm_str_addf(out, "level %d", s->level);
}

static void write_step(const rule_step *s, const crm_schema *c, crm_str *out)
{
    if (s->op == RULE_LEVEL)
        write_level(s, c, out);
    else if (s->op == RULE_MISSING)
        crm_str_addf(out, "%s is missing", c->num_name[s->column]);
    else
        crm_str_addf(out, "%s %s %.6g", c->num_name[s->column], s->op == RULE_LE ? "<=" : ">",
                     (double)s->cut);
}

/* Steps of the list, which joins all of a rule by "and". */
static void write_condition(const rule_list *l, int rule, const crm_schema *c, crm_str *out)
{
    int32_t first = rule > 0 ? l->line[rule - 1].end : 0;

    for (int32_t i = first; i < l->line[rule].end; i++) {
        if (l->step[i].op == RULE_AND) continue;
        crm_str_addf(out, i == first ? "if " : " and ");
        write_step(&l->step[i], c, out);
    }
}

static void write_list(const rule_model *m, const crm_schema *s, const crm_target *t, crm_str *out)
{
    const rule_list *l = &m->list;

    for (int r = 0; r < l->n; r++) {
        crm_str_addf(out, "%d. ", r + 1);
        write_condition(l, r, s, out);
        crm_str_addf(out, ":");
        write_classes(m, r, t, out);
    }
    crm_str_addf(out, l->n ? "%d. else:" : "%d. always:", l->n + 1);
    write_classes(m, l->n, t, out);
}

/* ---- rules of the user ---- */

/* As they were written; the default may be one of them. */
static void write_rules(const rule_model *m, const crm_target *t, crm_str *out)
{
    const crm_opt_list *rules = &m->cfg->rules;

    for (int r = 0; r <= m->list.n; r++) {
        crm_str_addf(out, "%d. %s:", r + 1, r < rules->n ? rules->item[r] : "else");
        write_classes(m, r, t, out);
    }
}

/* ---- scores ---- */

static void write_rfm(const rule_model *m, const crm_schema *s, const crm_target *t, crm_str *out)
{
    static const char *const part[RFM_PARTS] = {"recency", "frequency", "monetary"};

    for (int i = 0; i < RFM_PARTS; i++) {
        const float *cut = m->cut + i * RFM_CUTS;
        crm_str_addf(out, "%s = %s: score %s at %.6g, %.6g, %.6g, %.6g\n", part[i],
                     s->num_name[m->column[i]], i == 0 ? "5 falls to 1" : "1 rises to 5",
                     (double)cut[0], (double)cut[1], (double)cut[2], (double)cut[3]);
    }
    for (int g = 0; g < m->n_groups; g++) {
        crm_str_addf(out, "total score %d:", g + RFM_PARTS);
        write_classes(m, g, t, out);
    }
}

void rule_write(const rule_model *m, const crm_schema *s, const crm_target *t, crm_str *out)
{
    if (m->kind == CRM_RULE_RFM)
        write_rfm(m, s, t, out);
    else if (m->kind == CRM_RULE_LIST)
        write_list(m, s, t, out);
    else
        write_rules(m, t, out);
}
