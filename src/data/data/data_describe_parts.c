/* data_describe_parts.c - parts of a data set in the order of time.
 *
 * Rows whose cut-offs differ are cut into tenths by them.  Where all rows have one cut-off, or
 * none, and events or documents have times, those are cut: the span of their times into equal parts
 * of a month or more.  Their rows are not: a row then tells of the whole span.  Where nothing has a
 * time, rows are cut into tenths as they stand. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/stats_relate.h"
#include "data_describe_impl.h"

/* ---- rows ---- */
static void cut_rows(describer *x, crm_drift by)
{
    int64_t rows = crm_data_rows(x->data), n = CRM_DESCRIBE_PARTS;

    if (rows < CRM_DESCRIBE_ROWS) return;
    x->out->drift = by;
    x->out->parts = CRM_DESCRIBE_PARTS;
    for (int64_t p = 0; p <= n; p++)
        x->parts[DESCRIBE_ROW].begin[p] = rows / n * p + rows % n * p / n;
}

/* Rows in the order of their cut-offs, rows of one cut-off as they are. */
static crm_status order_rows(describer *x, const int64_t *cutoff)
{
    int64_t n = crm_data_rows(x->data);
    uint64_t *work = NULL;
    double *time = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, x->parts[DESCRIBE_ROW].unit, n);
    CRM_NEW_TO(st, done, work, 2 * n);
    CRM_NEW_TO(st, done, time, n);
    for (int64_t i = 0; i < n; i++)
        time[i] = (double)cutoff[i];
    crm_stats_order(time, n, work, x->parts[DESCRIBE_ROW].unit);
done:
    crm_mem_free(work);
    crm_mem_free(time);
    return st;
}

/* ---- events and documents ---- */
typedef struct span {
    double first, last; /* days before the end of the window; first is the larger */
    int64_t n;          /* that have a time */
} span;

static void widen(span *s, const float *time, int64_t n)
{
    for (int64_t i = 0; time && i < n; i++) {
        double t = (double)time[i];
        if (!isfinite(t)) continue;
        if (s->n == 0 || t > s->first) s->first = t;
        if (s->n == 0 || t < s->last) s->last = t;
        s->n++;
    }
}

static int part_of(const crm_description *out, double first, float time)
{
    double part = (first - (double)time) / out->days;

    if (!isfinite(time)) return -1;
    return part < out->parts - 1 ? (int)part : out->parts - 1;
}

/* Units of each part together, in their order; those without a time in none. */
static crm_status cut_units(describer *x, double first, const float *time, int64_t n,
                            describe_axis axis, int64_t *count)
{
    describe_parts *p = &x->parts[axis];
    int64_t at[CRM_DESCRIBE_PARTS];

    CRM_CHECK(n <= UINT32_MAX, CRM_ERR_CONFIG,
              "%s has %lld events or documents; at most %lld can be "
              "described",
              crm_data_path(x->data), (long long)n, (long long)UINT32_MAX);
    CRM_NEW(p->unit, n);
    for (int64_t i = 0; i < n; i++) {
        int part = part_of(x->out, first, time[i]);
        if (part >= 0) count[part]++;
    }
    for (int k = 0; k < x->out->parts; k++) {
        at[k] = p->begin[k];
        p->begin[k + 1] = p->begin[k] + count[k];
    }
    for (int64_t i = 0; i < n; i++) {
        int part = part_of(x->out, first, time[i]);
        if (part >= 0) p->unit[at[part]++] = (uint32_t)i;
    }
    return CRM_OK;
}

/* Bit k: the row has a unit in part k. */
static unsigned parts_of_row(const describer *x, double first, const float *time,
                             const int64_t *unit, int64_t row)
{
    unsigned found = 0;

    for (int64_t i = unit ? unit[row] : 0; unit && i < unit[row + 1]; i++) {
        int part = part_of(x->out, first, time[i]);
        if (part >= 0) found |= 1u << part;
    }
    return found;
}

static void count_rows(describer *x, double first)
{
    const crm_events *e = &x->data->events;
    const crm_documents *t = &x->data->documents;

    for (int64_t r = 0; r < crm_data_rows(x->data); r++) {
        unsigned found = parts_of_row(x, first, e->time, e->first, r) |
                         parts_of_row(x, first, t->time, t->first, r);
        for (int k = 0; k < x->out->parts; k++)
            x->out->part_rows[k] += found >> k & 1;
    }
}

static crm_status cut_time(describer *x, const span *s)
{
    const crm_events *e = &x->data->events;
    const crm_documents *t = &x->data->documents;
    double months = floor((s->first - s->last) / CRM_DESCRIBE_MONTH);

    if (s->n < CRM_DESCRIBE_ROWS || months < 2) return CRM_OK;
    x->out->drift = CRM_DRIFT_TIME;
    x->out->parts = months < CRM_DESCRIBE_PARTS ? (int)months : CRM_DESCRIBE_PARTS;
    x->out->days = (s->first - s->last) / x->out->parts;
    x->out->ends = s->last;
    if (e->time)
        CRM_TRY(cut_units(x, s->first, e->time, e->n, DESCRIBE_EVENT, x->out->part_events));
    if (t->time)
        CRM_TRY(cut_units(x, s->first, t->time, t->n, DESCRIBE_DOCUMENT, x->out->part_documents));
    count_rows(x, s->first);
    return CRM_OK;
}

/* ---- */
static crm_status cut(describer *x)
{
    const crm_events *e = &x->data->events;
    const crm_documents *t = &x->data->documents;
    const int64_t *cutoff = crm_data_cutoff(x->data);
    span s = {0};

    for (int64_t i = 1; cutoff && i < crm_data_rows(x->data); i++) {
        if (cutoff[i] == cutoff[0]) continue;
        cut_rows(x, CRM_DRIFT_CUTOFF);
        return order_rows(x, cutoff);
    }
    widen(&s, e->time, e->n);
    widen(&s, t->time, t->n);
    if (s.n > 0) return cut_time(x, &s);
    cut_rows(x, CRM_DRIFT_ROW);
    return CRM_OK;
}

crm_status crm_describe_parts(describer *x)
{
    CRM_TRY(cut(x));
    for (int c = 0; c < x->out->n && x->out->drift; c++) {
        describe_axis axis = x->source[c].axis;
        bool units = axis == DESCRIBE_EVENT || axis == DESCRIBE_DOCUMENT;
        x->out->column[c].drifts =
            x->out->drift == CRM_DRIFT_TIME ? units && x->parts[axis].unit : axis == DESCRIBE_ROW;
    }
    return CRM_OK;
}
