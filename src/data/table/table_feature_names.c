/* table_feature_names.c - the columns that a schema makes of events and documents, and their names.
 *
 *   T.count.3m  T.amount.sum.3m  .mean  .max  T.distinct.3m      per window ("all": whole history)
 *   T.count.change.3m  T.amount.change.3m                        window less the one before it
 *   T.recency  T.gaps.mean  T.gaps.max                           days
 *   T.count.trend  T.amount.trend                                per month
 *   T.season.sin  T.season.cos   T.share.CATEGORY
 *   D.count.3m  D.recency                                        of documents */
#include <stdarg.h>
#include <stdio.h>

#include "table_relate.h"

enum { TREND_MONTHS = 12 };

typedef struct lister {
    const crm_table_schema *schema;
    const crm_table_def *table;
    bool documents;
    table_feature_fn fn;
    void *ctx;
    crm_str number; /* name of the number */
    char window[24];
} lister;

static crm_status say(lister *l, const table_feature *f, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static crm_status say(lister *l, const table_feature *f, const char *fmt, ...)
{
    crm_str name = {0};
    crm_status st = CRM_OK;
    va_list ap;

    CRM_CHECK(!l->number.failed, CRM_ERR_NOMEM, "out of memory: the name of a column");
    crm_str_addf(&name, "%s.", l->table->name);
    va_start(ap, fmt);
    crm_str_addv(&name, fmt, ap);
    va_end(ap);
    if (name.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: the name of a column");
    if (!st) st = l->fn(l->ctx, f, name.text);
    crm_str_free(&name);
    return st;
}

static bool wants(const lister *l, unsigned aggregate)
{
    return l->schema->features.aggregates & aggregate;
}

/* Name of a number of the events; false past the last. */
static bool number_name(lister *l, int number)
{
    crm_str_free(&l->number);
    l->number = (crm_str){0};
    if (number >= l->table->events.n_numbers) return false;
    crm_table_path_text(l->schema, (int)(l->table - l->schema->table),
                        &l->table->events.number[number], &l->number);
    return true;
}

/* ---- per window ---- */
static crm_status list_numbers(lister *l, const table_feature *base)
{
    static const struct {
        unsigned aggregate;
        table_op op;
        const char *name;
    } ops[] = {{CRM_AGG_SUM, TABLE_SUM, "sum"},
               {CRM_AGG_MEAN, TABLE_MEAN, "mean"},
               {CRM_AGG_MAX, TABLE_MAX, "max"},
               {CRM_AGG_CHANGE, TABLE_CHANGE, "change"}};

    for (int q = 0; number_name(l, q); q++)
        for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
            table_feature f = *base;
            f.op = ops[k].op;
            f.number = q;
            if (!wants(l, ops[k].aggregate) || (f.op == TABLE_CHANGE && f.span == 0)) continue;
            CRM_TRY(say(l, &f, "%s.%s.%s", l->number.text, ops[k].name, l->window));
        }
    return CRM_OK;
}

static crm_status list_window(lister *l, int64_t months)
{
    table_feature f = {.number = -1, .span = months * TABLE_MONTH};

    snprintf(l->window, sizeof l->window, "%lldm", (long long)months);
    if (months == 0) snprintf(l->window, sizeof l->window, "all");
    if (wants(l, CRM_AGG_COUNT)) CRM_TRY(say(l, &f, "count.%s", l->window));
    if (l->documents) return CRM_OK;
    f.op = TABLE_CHANGE;
    if (wants(l, CRM_AGG_CHANGE) && months > 0) CRM_TRY(say(l, &f, "count.change.%s", l->window));
    CRM_TRY(list_numbers(l, &f));
    f.op = TABLE_DISTINCT;
    if (wants(l, CRM_AGG_DISTINCT) && l->table->events.category.column >= 0)
        CRM_TRY(say(l, &f, "distinct.%s", l->window));
    return CRM_OK;
}

/* ---- of the whole history ---- */
static crm_status list_trend(lister *l)
{
    int months = l->schema->features.months;
    table_feature f = {.op = TABLE_TREND, .number = -1};

    if (!wants(l, CRM_AGG_TREND)) return CRM_OK;
    f.span = (int64_t)(months > 1 ? months : TREND_MONTHS) * TABLE_MONTH;
    CRM_TRY(say(l, &f, "count.trend"));
    for (f.number = 0; number_name(l, f.number); f.number++)
        CRM_TRY(say(l, &f, "%s.trend", l->number.text));
    return CRM_OK;
}

static crm_status list_history(lister *l)
{
    static const struct {
        unsigned aggregate;
        table_op op;
        const char *name;
    } ops[] = {{CRM_AGG_RECENCY, TABLE_RECENCY, "recency"},
               {CRM_AGG_GAPS, TABLE_GAP_MEAN, "gaps.mean"},
               {CRM_AGG_GAPS, TABLE_GAP_MAX, "gaps.max"},
               {CRM_AGG_SEASON, TABLE_SEASON_SIN, "season.sin"},
               {CRM_AGG_SEASON, TABLE_SEASON_COS, "season.cos"}};
    table_feature share = {.op = TABLE_SHARE, .number = -1};

    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        table_feature f = {.op = ops[k].op, .number = -1};
        if (l->documents && f.op != TABLE_RECENCY) continue;
        if (wants(l, ops[k].aggregate)) CRM_TRY(say(l, &f, "%s", ops[k].name));
    }
    if (l->documents) return CRM_OK;
    CRM_TRY(list_trend(l));
    if (!wants(l, CRM_AGG_SHARES) || l->table->events.category.column < 0) return CRM_OK;
    return say(l, &share, "share.");
}

/* Documents of which each entity has one say nothing by their number; those of a table of events
 * are counted as events. */
static bool has_features(const crm_table_schema *s, int table, bool documents)
{
    const crm_table_def *t = &s->table[table];

    if (!documents) return t->events.is;
    return t->documents.is && t->documents.time.column >= 0 && !t->events.is &&
           (table != s->entity || s->key >= 0);
}

static crm_status list_all(lister *l)
{
    const crm_feature_def *d = &l->schema->features;

    for (int w = 0; w < d->n_windows; w++)
        CRM_TRY(list_window(l, d->window[w]));
    return list_history(l);
}

crm_status crm_table_features_each(const crm_table_schema *s, int table, bool documents,
                                   table_feature_fn fn, void *ctx)
{
    lister l = {s, &s->table[table], documents, fn, ctx, {0}, ""};
    crm_status st = has_features(s, table, documents) ? list_all(&l) : CRM_OK;

    crm_str_free(&l.number);
    return st;
}
