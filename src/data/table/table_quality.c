/* table_quality.c - what the columns of a frame hold, and that as Markdown. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_clean.h"

static const double share[5] = {.05, .25, .5, .75, .95};

/* ---- distinct values of what is no number ---- */
static crm_status make_keys(const crm_field *c, const table_cells *v, int64_t n, crm_digest **out)
{
    CRM_NEW(*out, n);
    for (int64_t i = 0; i < n; i++) {
        size_t len;
        const char *text;
        if (crm_table_cell_missing(c, v, i)) continue; /* zeros: none */
        if (c->type == CRM_FIELD_ID) {
            (*out)[i] = v->key[i];
            continue;
        }
        text = crm_table_cell_text(v, i, &len);
        (*out)[i] = crm_digest_of(text, len);
    }
    return CRM_OK;
}

static crm_status distinct_keys(crm_comm *comm, const table_frame *f, int k,
                                table_quality_column *q)
{
    const crm_field *c = &f->schema->table[f->table].column[k];
    crm_digest *key = NULL;
    table_index *x = NULL;
    int64_t repeated = 0;
    crm_status st = crm_comm_agree(comm, make_keys(c, &f->column[k], f->n, &key));

    if (!st) st = crm_table_index_new(comm, key, f->n, f->before, &repeated, &x);
    q->distinct = q->rows - q->missing - repeated;
    if (q->distinct > TABLE_DISTINCT_MAX) q->distinct = -1;
    crm_table_index_free(&x);
    crm_mem_free(key);
    return st;
}

static crm_status distinct_codes(crm_comm *comm, const table_frame *f, int k,
                                 table_quality_column *q)
{
    const crm_field *c = &f->schema->table[f->table].column[k];
    const table_cells *v = &f->column[k];
    int64_t n = c->type == CRM_FIELD_BOOLEAN ? 2 : v->n_levels;
    int64_t *count = crm_mem_new((size_t)n, sizeof *count);
    crm_status st = CRM_OK;

    if (!count) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld levels", (long long)n);
    st = crm_comm_agree(comm, st);
    for (int64_t i = 0; !st && i < f->n; i++)
        if (!crm_table_cell_missing(c, v, i))
            count[c->type == CRM_FIELD_BOOLEAN ? v->whole[i] : v->code[i]]++;
    if (!st) st = crm_comm_sum_i64(comm, count, n);
    for (int64_t i = 0; !st && i < n; i++)
        q->distinct += count[i] > 0;
    crm_mem_free(count);
    return st;
}

/* ---- numbers ---- */
static crm_status count_beyond(const table_spread *s, table_quality_column *q)
{
    double reach = 1.5 * (q->quantile[3] - q->quantile[1]);

    for (int64_t i = 0; i < s->n; i++)
        q->beyond += s->value[i] < q->quantile[1] - reach || s->value[i] > q->quantile[3] + reach;
    return crm_comm_sum_i64(s->comm, &q->beyond, 1);
}

static crm_status measure_spread(const table_spread *s, table_quality_column *q)
{
    table_moments m;

    CRM_TRY(crm_table_spread_moments(s, &m));
    CRM_TRY(crm_table_spread_quantiles(s, 5, share, q->quantile));
    CRM_TRY(crm_table_spread_distinct(s, &q->distinct));
    CRM_TRY(count_beyond(s, q));
    q->min = m.min;
    q->max = m.max;
    q->mean = m.mean;
    q->sd = s->present > 1 ? sqrt(m.squares / (double)(s->present - 1)) : (double)NAN;
    return CRM_OK;
}

static crm_status make_numbers(const crm_field *c, const table_cells *v, int64_t n, bool as_read,
                               double **out)
{
    CRM_NEW(*out, n);
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = crm_table_cell_number(c, v, i);
    for (int64_t i = 0; as_read && i < v->n_raw; i++)
        (*out)[v->raw[i].row] = v->raw[i].value;
    return CRM_OK;
}

static crm_status measure_numbers(crm_comm *comm, const table_frame *f, int k, bool as_read,
                                  table_quality_column *q)
{
    const crm_field *c = &f->schema->table[f->table].column[k];
    table_spread s = {0};
    double *v = NULL;
    crm_status st = crm_comm_agree(comm, make_numbers(c, &f->column[k], f->n, as_read, &v));

    if (!st) st = crm_table_spread_new(comm, v, f->n, f->before, f->total, &s);
    crm_mem_free(v);
    if (!st) st = measure_spread(&s, q);
    crm_table_spread_free(&s);
    return st;
}

crm_status crm_table_quality_measure(crm_comm *comm, const table_frame *f, int k, bool as_read,
                                     table_quality_column *q)
{
    const crm_field *c = &f->schema->table[f->table].column[k];
    int64_t count[2] = {0, f->column[k].bad};

    *q =
        (table_quality_column){.outliers = q->outliers, .filled = q->filled, .changed = q->changed};
    q->rows = f->total;
    q->min = q->max = q->mean = q->sd = NAN;
    for (int i = 0; i < 5; i++)
        q->quantile[i] = NAN;
    if (c->type == CRM_FIELD_IGNORE) return CRM_OK;
    for (int64_t i = 0; i < f->n; i++)
        count[0] += crm_table_cell_missing(c, &f->column[k], i);
    if (as_read) count[0] -= f->column[k].n_raw;
    CRM_TRY(crm_comm_sum_i64(comm, count, 2));
    q->missing = count[0];
    if (as_read) q->bad = count[1];
    if (crm_table_is_number(c->type) || c->type == CRM_FIELD_TIME)
        return measure_numbers(comm, f, k, as_read, q);
    if (as_read && f->column[k].raw_levels != 0) {
        q->distinct = f->column[k].raw_levels;
        return CRM_OK;
    }
    if (c->type == CRM_FIELD_CATEGORY || c->type == CRM_FIELD_BOOLEAN)
        return distinct_codes(comm, f, k, q);
    return distinct_keys(comm, f, k, q);
}

void crm_table_quality_free(table_quality *q)
{
    crm_mem_free(q->before);
    crm_mem_free(q->after);
    *q = (table_quality){0};
}

/* ---- Markdown ---- */
static void add_number(crm_str *out, crm_field_type type, double x)
{
    char text[32];

    if (isnan(x))
        crm_str_addf(out, " |");
    else if (type == CRM_FIELD_TIME && fabs(x) < 1e15)
        crm_str_addf(out, " %s |", crm_table_time_text((int64_t)x, text));
    else
        crm_str_addf(out, " %.6g |", x);
}

static void add_count(crm_str *out, bool looked_for, int64_t n)
{
    if (looked_for)
        crm_str_addf(out, " %lld |", (long long)n);
    else
        crm_str_addf(out, " |");
}

/* What cleaning found is empty where nothing was looked for, and of what was read. */
static void add_line(crm_str *out, const crm_field *c, bool stored, const table_quality_column *q)
{
    const char *when = stored ? "as stored" : "as read";
    bool time = c->type == CRM_FIELD_TIME;

    crm_str_addf(out, "|");
    crm_table_markdown_cell(out, c->name);
    crm_str_addf(out, " %s | %s | %lld | %lld | %lld |", crm_field_type_names[c->type], when,
                 (long long)q->rows, (long long)q->missing, (long long)q->bad);
    if (q->distinct < 0)
        crm_str_addf(out, " > %d |", (int)TABLE_DISTINCT_MAX);
    else
        crm_str_addf(out, " %lld |", (long long)q->distinct);
    add_number(out, c->type, q->mean);
    if (isnan(q->sd))
        crm_str_addf(out, " |");
    else
        crm_str_addf(out, " %.6g%s |", time ? q->sd / 86400 : q->sd, time ? " days" : "");
    add_number(out, c->type, q->min);
    for (int i = 0; i < 5; i++)
        add_number(out, c->type, q->quantile[i]);
    add_number(out, c->type, q->max);
    add_count(out, crm_table_is_number(c->type) || time, q->beyond);
    add_count(out, stored && c->outlier != CRM_OUTLIER_NONE, q->outliers);
    add_count(out, stored && c->fill == CRM_FILL_CONSTANT, q->filled);
    add_count(out, stored, q->changed);
    crm_str_addf(out, "\n");
}

void crm_table_quality_markdown(const crm_table_schema *s, int table, const table_quality *q,
                                crm_str *out)
{
    const crm_table_def *t = &s->table[table];

    crm_str_addf(out,
                 "## Table %s\n\n%lld rows taken, %lld left out as broken or for bad values; of "
                 "those taken %lld duplicates, %lld near duplicates and %lld rows with outliers or "
                 "missing values left out; %lld rows stay.",
                 t->name, (long long)q->rows_before, (long long)q->skipped,
                 (long long)q->duplicates, (long long)q->near_duplicates, (long long)q->dropped,
                 (long long)q->rows_after);
    if (q->uncompared > 0)
        crm_str_addf(out, " %lld rows were not compared with all that might be near to them.",
                     (long long)q->uncompared);
    crm_str_addf(out, "\n\n");
    crm_str_addf(out,
                 "| Column | Type | When | Rows | Missing | Bad | Distinct | Mean | SD | Min | "
                 "5 %% | 25 %% | 50 %% | 75 %% | 95 %% | Max | Beyond 1.5 IQR | Outliers | Filled "
                 "| Changed |\n"
                 "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | "
                 "---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int k = 0; k < q->n; k++) {
        if (t->column[k].type == CRM_FIELD_IGNORE) continue;
        add_line(out, &t->column[k], false, &q->before[k]);
        add_line(out, &t->column[k], true, &q->after[k]);
    }
    crm_str_addf(out, "\n");
}
