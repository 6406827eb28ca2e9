/* data_flat.c - the flat view: every block as columns of one table, one section per block.
 *
 * The numeric columns of a row are those of the sections in order; the categorical ones are the
 * profile's. Sums run over months, events and documents in their stored order, in double. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/data_columns.h"
#include "data_impl.h"

enum { MAX_CATEGORY_COLUMNS = 64 };

struct crm_flat {
    const crm_data *data;
    unsigned parts;
    crm_columns *columns;
    const crm_schema *schema; /* of columns */
};

/* ---- profile ---- */
static int64_t profile_columns(const crm_data *d)
{
    return d->profile.n_num;
}

static void profile_names(const crm_data *d, crm_columns *c)
{
    for (int i = 0; i < d->profile.n_num; i++)
        crm_columns_add_num(c, "%s", d->profile.num_name[i]);
}

static void profile_fill(const crm_data *d, int64_t row, float *out)
{
    memcpy(out, d->num + row * d->profile.n_num, (size_t)d->profile.n_num * sizeof *out);
}

/* ---- monthly: each month, sum, slope of the least-squares line, mean of the last three months
 * ---- */
static int64_t monthly_columns(const crm_data *d)
{
    return d->monthly.months ? d->monthly.channels * (d->monthly.months + 3) : 0;
}

static void monthly_names(const crm_data *d, crm_columns *c)
{
    for (int64_t i = 0; i < d->monthly.channels; i++) {
        const char *name = d->monthly.name[i];
        for (int64_t m = 0; m < d->monthly.months; m++)
            crm_columns_add_num(c, "%s[%02d]", name, (int)m + 1);
        crm_columns_add_num(c, "%s sum", name);
        crm_columns_add_num(c, "%s trend", name);
        crm_columns_add_num(c, "%s last3", name);
    }
}

static void monthly_fill(const crm_data *d, int64_t row, float *out)
{
    int64_t months = d->monthly.months;
    double middle = 0.5 * (double)(months - 1);

    for (int64_t c = 0; c < d->monthly.channels; c++) {
        const float *v = d->monthly.value + (row * d->monthly.channels + c) * months;
        double sum = 0, sxy = 0, sxx = 0, last = 0;
        for (int64_t m = 0; m < months; m++) {
            double x = (double)m - middle;
            sum += v[m];
            sxy += x * v[m];
            sxx += x * x;
            if (m >= months - 3) last += v[m];
        }
        memcpy(out, v, (size_t)months * sizeof *out);
        out[months] = (float)sum;
        out[months + 1] = (float)(sxx > 0 ? sxy / sxx : 0);
        out[months + 2] = (float)(last / (double)(months < 3 ? months : 3));
        out += months + 3;
    }
}

/* ---- events: count, days since the last, count per category, sum, mean and last of each number
 * ---- */
static int64_t category_columns(const crm_data *d)
{
    int64_t n = d->events.n_categories;

    return n <= MAX_CATEGORY_COLUMNS ? n : 0;
}

static int64_t events_columns(const crm_data *d)
{
    return d->events.first ? 2 + category_columns(d) + 3 * d->events.numbers : 0;
}

static void events_names(const crm_data *d, crm_columns *c)
{
    crm_columns_add_num(c, "events");
    crm_columns_add_num(c, "events recency");
    for (int64_t k = 0; k < category_columns(d); k++)
        crm_columns_add_num(c, "events %s", d->events.category_name[k]);
    for (int64_t q = 0; q < d->events.numbers; q++) {
        const char *name = d->events.number_name[q];
        crm_columns_add_num(c, "events %s sum", name);
        crm_columns_add_num(c, "events %s mean", name);
        crm_columns_add_num(c, "events %s last", name);
    }
}

static void events_fill(const crm_data *d, int64_t row, float *out)
{
    const crm_events *e = &d->events;
    int64_t first = e->first[row], end = e->first[row + 1], n = end - first;
    int64_t k = category_columns(d);

    out[0] = (float)n;
    out[1] = n ? e->time[end - 1] : NAN;
    memset(out + 2, 0, (size_t)k * sizeof *out);
    for (int64_t i = first; i < end && k; i++)
        if (e->category[i] >= 0 && e->category[i] < k) out[2 + e->category[i]] += 1;
    out += 2 + k;
    for (int64_t q = 0; q < e->numbers; q++) {
        double sum = 0;
        for (int64_t i = first; i < end; i++)
            sum += e->value[i * e->numbers + q];
        *out++ = (float)sum;
        *out++ = n ? (float)(sum / (double)n) : NAN;
        *out++ = n ? e->value[(end - 1) * e->numbers + q] : NAN;
    }
}

/* ---- documents: days since the last; documents and tokens of each kind ---- */
static int64_t documents_columns(const crm_data *d)
{
    return d->documents.first ? 1 + 2 * d->documents.n_kinds : 0;
}

static void documents_names(const crm_data *d, crm_columns *c)
{
    crm_columns_add_num(c, "documents recency");
    for (int64_t k = 0; k < d->documents.n_kinds; k++) {
        const char *kind = d->documents.kind_name[k];
        crm_columns_add_num(c, "documents %s", kind);
        crm_columns_add_num(c, "tokens %s", kind);
    }
}

static void documents_fill(const crm_data *d, int64_t row, float *out)
{
    const crm_documents *t = &d->documents;
    int64_t first = t->first[row], end = t->first[row + 1];

    out[0] = end > first ? t->time[end - 1] : NAN;
    memset(out + 1, 0, (size_t)(2 * t->n_kinds) * sizeof *out);
    for (int64_t i = first; i < end; i++) {
        if (t->kind[i] < 0 || t->kind[i] >= t->n_kinds) continue;
        out[1 + 2 * t->kind[i]] += 1;
        out[2 + 2 * t->kind[i]] += (float)(t->token_first[i + 1] - t->token_first[i]);
    }
}

/* Bit i of the parts is section i. */
static const struct {
    int64_t (*columns)(const crm_data *d);
    void (*names)(const crm_data *d, crm_columns *c);
    void (*fill)(const crm_data *d, int64_t row, float *out);
} SECTIONS[] = {
    {profile_columns, profile_names, profile_fill},
    {monthly_columns, monthly_names, monthly_fill},
    {events_columns, events_names, events_fill},
    {documents_columns, documents_names, documents_fill},
};
enum { N_SECTIONS = sizeof SECTIONS / sizeof *SECTIONS };
_Static_assert(CRM_FLAT_ALL == (1 << N_SECTIONS) - 1, "a bit for each section");

/* Columns of a section; 0 when it is not wanted. */
static int64_t section_columns(const crm_flat *f, int i)
{
    return f->parts >> i & 1 ? SECTIONS[i].columns(f->data) : 0;
}

crm_status crm_flat_new(const crm_data *d, unsigned parts, crm_flat **out)
{
    crm_flat *f = NULL;
    crm_status st = CRM_OK;

    *out = NULL;
    CRM_NEW(f, 1);
    f->data = d;
    f->parts = parts;
    CRM_TRY_TO(st, fail, crm_columns_new(&f->columns));
    for (int i = 0; i < N_SECTIONS; i++)
        if (section_columns(f, i)) SECTIONS[i].names(d, f->columns);
    if (parts & CRM_FLAT_PROFILE) crm_columns_add_cats(f->columns, &d->profile);
    CRM_TRY_TO(st, fail, crm_columns_schema(f->columns, &f->schema));
    *out = f;
    return CRM_OK;
fail:
    crm_flat_free(&f);
    return st;
}

const crm_schema *crm_flat_schema(const crm_flat *f)
{
    return f->schema;
}

void crm_flat_fill(const crm_flat *f, crm_block *b)
{
    const crm_data *d = f->data;
    int k = f->schema->n_cat;

    for (int64_t i = 0; i < b->n; i++) {
        float *out = b->num + i * f->schema->n_num;
        for (int s = 0; s < N_SECTIONS; s++) {
            int64_t n = section_columns(f, s);
            if (n) SECTIONS[s].fill(d, b->row[i], out);
            out += n;
        }
        if (k) memcpy(b->cat + i * k, d->cat + b->row[i] * k, (size_t)k * sizeof *b->cat);
    }
}

void crm_flat_free(crm_flat **fp)
{
    crm_flat *f = *fp;

    if (!f) return;
    crm_columns_free(&f->columns);
    crm_mem_free(f);
    *fp = NULL;
}
