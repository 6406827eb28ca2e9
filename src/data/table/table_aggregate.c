/* table_aggregate.c - numbers of a stretch of an entity's events before its cut-off.
 *
 * Sums run in the order of (time, row), in double.  Months are of 30 days and end at the cut-off.
 * The trend is the least-squares slope over the months, oldest first: sum (t - mean t) y / sum (t -
 * mean t)^2.  The phase of a year is 2 pi times the share of a year of 365.2425 days since 1970;
 * its sine and cosine are averaged over the events (the first trigonometric moment; N. I. Fisher,
 * Statistical Analysis of Circular Data, 1993, 2.3). */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "table_relate.h"

enum { MONTHS_MAX = 120 };
static const double YEAR = 365.2425 * TABLE_DAY, PI = 3.14159265358979323846;

/* Events from .. end - 1 of one entity. */
typedef struct stretch {
    const table_stream *s;
    int64_t from, end, cutoff;
    const double *number; /* NULL: the events themselves */
} stretch;

static int64_t lower_bound(const table_stream *s, int64_t from, int64_t end, int64_t time)
{
    while (from < end) {
        int64_t mid = from + (end - from) / 2;
        if (s->time[mid] < time)
            from = mid + 1;
        else
            end = mid;
    }
    return from;
}

/* Events of entity i in [cut-off - far, cut-off - near); far 0: from the beginning. */
static stretch stretch_of(const table_set *x, int stream, int number, int64_t i, int64_t far,
                          int64_t near)
{
    const table_stream *s = &x->stream[stream];
    stretch t = {.s = s, .from = s->first[i], .end = s->first[i + 1], .cutoff = x->cutoff[i]};

    if (far > 0) t.from = lower_bound(s, t.from, t.end, t.cutoff - far);
    if (near > 0) t.end = lower_bound(s, t.from, t.end, t.cutoff - near);
    t.number = number < 0 ? NULL : s->number[number];
    return t;
}

/* ---- one number of a stretch ---- */
static double sum(const stretch *t)
{
    double v = 0;

    if (!t->number) return (double)(t->end - t->from);
    for (int64_t i = t->from; i < t->end; i++)
        if (!isnan(t->number[i])) v += t->number[i];
    return v;
}

static double mean(const stretch *t)
{
    int64_t n = 0;

    for (int64_t i = t->from; i < t->end; i++)
        n += !isnan(t->number[i]);
    return n ? sum(t) / (double)n : NAN;
}

static double maximum(const stretch *t)
{
    double v = NAN;

    for (int64_t i = t->from; i < t->end; i++)
        if (!(t->number[i] <= v) && !isnan(t->number[i])) v = t->number[i];
    return v;
}

/* Distinct categories. */
static double distinct(const stretch *t, int64_t *seen)
{
    int64_t n = 0;

    for (int64_t i = t->from; i < t->end; i++) {
        int32_t c = t->s->category ? t->s->category[i] : 0;
        if (c >= 0) n += seen[c]++ == 0;
    }
    for (int64_t i = t->from; i < t->end; i++) {
        int32_t c = t->s->category ? t->s->category[i] : 0;
        if (c >= 0) seen[c] = 0;
    }
    return (double)n;
}

static double recency(const stretch *t)
{
    if (t->end == t->from) return NAN;
    return (double)(t->cutoff - t->s->time[t->end - 1]) / TABLE_DAY;
}

/* Days between events at different times. */
static double gap(const stretch *t, bool largest)
{
    int64_t n = 0, most = 0;

    for (int64_t i = t->from + 1; i < t->end; i++) {
        int64_t step = t->s->time[i] - t->s->time[i - 1];
        n += step > 0;
        if (step > most) most = step;
    }
    if (n == 0) return NAN;
    if (largest) return (double)most / TABLE_DAY;
    return (double)(t->s->time[t->end - 1] - t->s->time[t->from]) / TABLE_DAY / (double)n;
}

static double season(const stretch *t, double shift)
{
    double v = 0;

    for (int64_t i = t->from; i < t->end; i++) {
        double phase = fmod((double)t->s->time[i], YEAR) / YEAR;
        v += crm_cos(2 * PI * phase - shift);
    }
    return t->end > t->from ? v / (double)(t->end - t->from) : NAN;
}

static double share(const stretch *t, int32_t category)
{
    int64_t n = 0;

    for (int64_t i = t->from; i < t->end; i++)
        n += (t->s->category ? t->s->category[i] : 0) == category;
    return t->end > t->from ? (double)n / (double)(t->end - t->from) : NAN;
}

/* ---- over months ---- */
void crm_table_months(const table_set *x, int stream, int number, int64_t i, int months,
                      double *out)
{
    for (int m = 0; m < months; m++) {
        int64_t back = months - 1 - m;
        stretch t = stretch_of(x, stream, number, i, (back + 1) * TABLE_MONTH, back * TABLE_MONTH);
        out[m] = sum(&t);
    }
}

static double trend(const table_set *x, const table_feature *f, int64_t i)
{
    int months = (int)(f->span / TABLE_MONTH);
    double y[MONTHS_MAX], middle = (months - 1) / 2.0, up = 0, down = 0;

    if (months > MONTHS_MAX) months = MONTHS_MAX;
    crm_table_months(x, f->stream, f->number, i, months, y);
    for (int m = 0; m < months; m++) {
        up += (m - middle) * y[m];
        down += (m - middle) * (m - middle);
    }
    return up / down;
}

static double change(const table_set *x, const table_feature *f, int64_t i)
{
    stretch now = stretch_of(x, f->stream, f->number, i, f->span, 0);
    stretch then = stretch_of(x, f->stream, f->number, i, 2 * f->span, f->span);

    return sum(&now) - sum(&then);
}

double crm_table_aggregate(const table_set *x, const table_feature *f, int64_t i, int64_t *seen)
{
    stretch t = stretch_of(x, f->stream, f->number, i, f->span, 0);

    switch (f->op) {
    case TABLE_COUNT:
    case TABLE_SUM:
        return sum(&t);
    case TABLE_MEAN:
        return mean(&t);
    case TABLE_MAX:
        return maximum(&t);
    case TABLE_DISTINCT:
        return distinct(&t, seen);
    case TABLE_RECENCY:
        return recency(&t);
    case TABLE_GAP_MEAN:
        return gap(&t, false);
    case TABLE_GAP_MAX:
        return gap(&t, true);
    case TABLE_TREND:
        return trend(x, f, i);
    case TABLE_SEASON_SIN:
        return season(&t, PI / 2);
    case TABLE_SEASON_COS:
        return season(&t, 0);
    case TABLE_CHANGE:
        return change(x, f, i);
    case TABLE_SHARE:
        return share(&t, f->category);
    default:
        return NAN;
    }
}
