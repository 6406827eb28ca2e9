/* rule_text.c - rules as lines for people. */
#include "rule_impl.h"

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
    crm_str_addf(out, " (%lld rows)\n", (long long)rows);
    if (proba != p) crm_mem_free(proba);
}

static void write_level(const rule_cond *r, const crm_schema *s, crm_str *out)
{
    const char *const *level = s->level ? s->level[r->column] : NULL;

    crm_str_addf(out, "%s is ", s->cat_name[r->column]);
    if (r->level < 0)
        crm_str_addf(out, "missing");
    else if (level)
        crm_str_addf(out, "%s", level[r->level]);
    else
        crm_str_addf(out, "level %d", r->level);
}

static void write_cond(const rule_cond *r, const crm_schema *s, crm_str *out)
{
    if (r->op == RULE_LEVEL)
        write_level(r, s, out);
    else if (r->op == RULE_MISSING)
        crm_str_addf(out, "%s is missing", s->num_name[r->column]);
    else
        crm_str_addf(out, "%s %s %.6g", s->num_name[r->column], r->op == RULE_BELOW ? "<=" : ">",
                     (double)r->cut);
}

static void write_list(const rule_model *m, const crm_schema *s, const crm_target *t, crm_str *out)
{
    for (int r = 0; r < m->n_rules; r++) {
        crm_str_addf(out, "%d. if ", r + 1);
        write_cond(&m->cond[r], s, out);
        crm_str_addf(out, ":");
        write_classes(m, r, t, out);
    }
    crm_str_addf(out, m->n_rules ? "%d. else:" : "%d. always:", m->n_rules + 1);
    write_classes(m, m->n_rules, t, out);
}

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
    else
        write_list(m, s, t, out);
}
