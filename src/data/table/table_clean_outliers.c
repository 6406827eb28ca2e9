/* table_clean_outliers.c - limits of a column from its values, and what is done beyond them.
 *
 *   iqr     q25 - factor (q75 - q25) .. q75 + factor (q75 - q25)
 *   zscore  mean -+ factor sd, population standard deviation
 *   robust  median -+ factor 1.4826 MAD, median absolute deviation
 *
 * A spread of 0 (more than half of the values equal, say) tells nothing of distances: no limits
 * then.  Of a table with events or documents only rows before the cut-off give limits, as later
 * ones would tell of themselves through them. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "table_clean.h"

typedef struct limits {
    double low, high;
} limits;

static const limits none = {-(double)INFINITY, (double)INFINITY};

static limits around(double low, double high, double spread, double factor)
{
    if (!(spread > 0)) return none;
    return (limits){low - factor * spread, high + factor * spread};
}

static crm_status limits_iqr(table_spread *s, double factor, limits *out)
{
    static const double p[2] = {.25, .75};
    double q[2];

    CRM_TRY(crm_table_spread_quantiles(s, 2, p, q));
    *out = around(q[0], q[1], q[1] - q[0], factor);
    return CRM_OK;
}

static crm_status limits_zscore(table_spread *s, double factor, limits *out)
{
    table_moments m;

    CRM_TRY(crm_table_spread_moments(s, &m));
    *out = around(m.mean, m.mean, sqrt(m.squares / (double)s->present), factor);
    return CRM_OK;
}

static crm_status limits_robust(table_spread *s, double factor, limits *out)
{
    static const double half = .5;
    double median, mad;

    CRM_TRY(crm_table_spread_quantiles(s, 1, &half, &median));
    CRM_TRY(crm_table_spread_distances(s, median));
    CRM_TRY(crm_table_spread_quantiles(s, 1, &half, &mad));
    *out = around(median, median, 1.4826 * mad, factor);
    return CRM_OK;
}

/* Of a column with values. */
static crm_status limits_of(const crm_field *c, table_spread *s, limits *out)
{
    if (c->outlier == CRM_OUTLIER_IQR) return limits_iqr(s, c->outlier_factor, out);
    if (c->outlier == CRM_OUTLIER_ZSCORE) return limits_zscore(s, c->outlier_factor, out);
    return limits_robust(s, c->outlier_factor, out);
}

/* The schema refuses other cut-offs, and times of other tables.  With the default cut-off all rows
 * lie before it. */
static bool may_tell(const table_cleaner *c, int64_t i)
{
    int64_t end = c->frame->schema->cutoff_at;
    const crm_path *time[] = {c->def->events.is ? &c->def->events.time : NULL,
                              c->def->documents.is ? &c->def->documents.time : NULL};

    for (int k = 0; k < 2 && end != INT64_MAX; k++) {
        int64_t at;
        if (!time[k]) continue;
        at = c->frame->column[time[k]->column].whole[i];
        if (at == CRM_WHOLE_MISSING || at >= end) return false;
    }
    return true;
}

static crm_status numbers_of(const table_cleaner *c, int k, double **out)
{
    CRM_NEW(*out, c->frame->n);
    for (int64_t i = 0; i < c->frame->n; i++)
        (*out)[i] = may_tell(c, i)
                        ? crm_table_cell_number(&c->def->column[k], &c->frame->column[k], i)
                        : (double)NAN;
    return CRM_OK;
}

static crm_status find_limits(const table_cleaner *c, int k, limits *out)
{
    const table_frame *f = c->frame;
    table_spread s = {0};
    double *v = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(c->comm, numbers_of(c, k, &v)));
    CRM_TRY_TO(st, done, crm_table_spread_new(c->comm, v, f->n, f->before, f->total, &s));
    *out = none;
    if (s.present > 0) st = limits_of(&c->def->column[k], &s, out);
done:
    crm_table_spread_free(&s);
    crm_mem_free(v);
    return st;
}

/* The nearest value within the limits; of whole numbers the nearest whole one. */
static void winsorise(const crm_field *c, table_cells *v, int64_t i, const limits *l)
{
    if (c->type == CRM_FIELD_REAL)
        v->real[i] = v->real[i] < l->low ? l->low : l->high;
    else
        v->whole[i] = (int64_t)((double)v->whole[i] < l->low ? ceil(l->low) : floor(l->high));
}

static void apply(table_cleaner *c, int k, const limits *l)
{
    const crm_field *f = &c->def->column[k];
    table_cells *v = &c->frame->column[k];
    uint8_t *flag = crm_table_clean_extra(c, k, true);

    for (int64_t i = 0; i < c->frame->n; i++) {
        double x = crm_table_cell_number(f, v, i);
        if (!(x < l->low) && !(x > l->high)) continue;
        c->quality->after[k].outliers++;
        if (f->outlier_action == CRM_OUTLIER_DROP)
            c->keep[i] = 0;
        else if (f->outlier_action == CRM_OUTLIER_WINSORISE) {
            winsorise(f, v, i, l);
            c->quality->after[k].changed++;
        } else if (flag)
            flag[i] = 1;
    }
}

crm_status crm_table_clean_outliers(table_cleaner *c)
{
    for (int k = 0; k < c->def->n; k++) {
        const crm_field *f = &c->def->column[k];
        limits l = none;
        if (!c->now[k] || f->outlier == CRM_OUTLIER_NONE || !crm_table_is_number(f->type)) continue;
        CRM_TRY(find_limits(c, k, &l));
        apply(c, k, &l);
    }
    return CRM_OK;
}
