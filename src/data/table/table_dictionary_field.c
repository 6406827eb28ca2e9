/* table_dictionary_field.c - what a schema says of a column, as a row of the data dictionary. */
#include <math.h>

#include "crmpi/table_dictionary.h"
#include "table_frame.h"

static void add(crm_str *out, const char *text)
{
    crm_str_addf(out, "%s%s", out->len ? "; " : "", text);
}

static void add_range(crm_str *out, const crm_field *c)
{
    const char *then = c->bad == CRM_BAD_MISSING ? "missing"
                       : c->bad == CRM_BAD_SKIP  ? "row left out"
                                                 : "an error";
    char low[32] = "-inf", high[32] = "inf";
    bool numbers = isfinite(c->min) || isfinite(c->max);
    bool times = c->time_min != INT64_MIN || c->time_max != INT64_MAX;

    if (c->type == CRM_FIELD_TIME && times) {
        if (c->time_min != INT64_MIN) crm_table_time_text(c->time_min, low);
        if (c->time_max != INT64_MAX) crm_table_time_text(c->time_max, high);
    } else if (numbers && (c->type == CRM_FIELD_REAL || c->type == CRM_FIELD_INTEGER)) {
        crm_format_f64(c->min, low);
        crm_format_f64(c->max, high);
    } else {
        if (c->bad != CRM_BAD_ERROR) crm_str_addf(out, "bad values: %s", then);
        return;
    }
    crm_str_addf(out, "outside %s to %s: %s", low, high, then);
}

static void add_outliers(crm_str *out, const crm_field *c)
{
    static const char *const rule[CRM_OUTLIER_RULE_COUNT] = {"", "iqr", "zscore", "robust"};
    static const char *const action[CRM_OUTLIER_ACTION_COUNT] = {"flagged", "winsorised",
                                                                 "rows left out"};
    char factor[32];

    if (c->outlier == CRM_OUTLIER_NONE) return;
    crm_str_addf(out, "%soutliers (%s, factor %s) %s", out->len ? "; " : "", rule[c->outlier],
                 crm_format_f64(c->outlier_factor, factor), action[c->outlier_action]);
}

static void add_texts(crm_str *out, const crm_field *c)
{
    if (c->letters == CRM_CASE_LOWER) add(out, "lower case");
    if (c->letters == CRM_CASE_UPPER) add(out, "upper case");
    if (c->map_from.n)
        crm_str_addf(out, "%s%d value%s mapped", out->len ? "; " : "", c->map_from.n,
                     c->map_from.n == 1 ? "" : "s");
    if (c->hashed) add(out, "keyed hash");
    if (c->scrubbed) add(out, "scrubbed of personal data");
}

static void cleaning(crm_str *out, const crm_field *c, crm_duplicates duplicates, const char *done)
{
    add_range(out, c);
    add_texts(out, c);
    if (duplicates != CRM_DUPLICATES_KEEP) add(out, "duplicated rows dropped");
    add_outliers(out, c);
    if (c->indicator) add(out, "indicator of missing values added");
    if (c->fill == CRM_FILL_DROP) add(out, "rows without value left out");
    if (c->fill == CRM_FILL_CONSTANT) add(out, "missing values filled with a constant");
    if (done && done[0]) add(out, done);
}

/* ": column", of a derived one ": column = a * b". */
static void add_column(crm_str *out, const crm_table_def *t, const crm_field *c)
{
    static const char *const sign[CRM_DERIVE_COUNT] = {"", "*", "/", "-", "+"};

    if (c->derive == CRM_DERIVE_NONE)
        crm_str_addf(out, ": %s", c->name);
    else
        crm_str_addf(out, ": %s = %s %s %s", c->name, t->column[c->from[0]].name, sign[c->derive],
                     t->column[c->from[1]].name);
}

crm_status crm_table_dictionary_add_field(crm_table_dictionary *d, const crm_table_schema *s,
                                          int table, int column, const char *block,
                                          const char *name, double missing, const char *done)
{
    const crm_table_def *t = &s->table[table];
    const crm_field *c = &t->column[column];
    const char *unit = c->type == CRM_FIELD_TIME ? "days before the cut-off" : c->unit;
    crm_str source = {0}, clean = {0};
    crm_status st;

    for (int i = 0; i < t->files.n; i++)
        crm_str_addf(&source, "%s%s", i ? ", " : "", t->files.item[i]);
    add_column(&source, t, c);
    cleaning(&clean, c, t->duplicates, done);
    if (source.failed || clean.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: the data dictionary");
    else
        st = crm_table_dictionary_add(d, &(crm_table_entry){.block = block,
                                                            .name = name,
                                                            .type = crm_field_type_names[c->type],
                                                            .unit = unit,
                                                            .meaning = c->meaning,
                                                            .source = source.text,
                                                            .cleaning = clean.text,
                                                            .missing = missing});
    crm_str_free(&source);
    crm_str_free(&clean);
    return st;
}
