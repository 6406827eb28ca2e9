/* feature_info.c - counts of levels, and mutual information of columns with the target:
 *
 *     I(X; Y) = sum_xy n_xy/n log(n n_xy / (n_x n_y))
 *
 * from whole-number counts n_xy, so with the same bits on any number of ranks.  X of a number is
 * the cell between its distinct quantiles that it lies in: how many of them are below it. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_math.h"
#include "feature_impl.h"

crm_status feature_levels_new(const crm_schema *in, int64_t **first)
{
    CRM_NEW(*first, in->n_cat + 1);
    for (int i = 0; i < in->n_cat; i++)
        (*first)[i + 1] = (*first)[i] + in->n_levels[i];
    return CRM_OK;
}

typedef struct tally {
    int n_cat;
    int64_t *first, *count;
} tally;

static void count_levels(void *ctx, const crm_rows_piece *p, double *out)
{
    const tally *t = ctx;

    (void)out;
    for (int64_t i = 0; i < p->n * t->n_cat; i++)
        if (p->cat[i] >= 0) t->count[t->first[i % t->n_cat] + p->cat[i]]++;
}

/* The counters are shared, so the calling thread does all own rows. */
static crm_status count_own(const crm_fit *fit, const crm_source *in, tally *t)
{
    crm_view own = crm_rows_own(fit);

    t->n_cat = crm_source_schema(in)->n_cat;
    CRM_TRY(feature_levels_new(crm_source_schema(in), &t->first));
    CRM_NEW(t->count, t->first[t->n_cat]);
    return t->n_cat ? crm_rows_each(in, &own, NULL, count_levels, t) : CRM_OK;
}

crm_status feature_count_levels(const crm_fit *fit, const crm_source *in, int64_t **count)
{
    tally t = {0};
    crm_status st = crm_comm_agree(fit->comm, count_own(fit, in, &t));

    *count = NULL;
    if (!st) st = crm_comm_sum_i64(fit->comm, t.count, t.first[t.n_cat]);
    crm_mem_free(t.first);
    if (st)
        crm_mem_free(t.count);
    else
        *count = t.count;
    return st;
}

/* ---- mutual information ---- */
typedef struct info {
    int n_num, n_cat, bins, k; /* k classes */
    const int32_t *label;
    double *edge;     /* [n_num][bins + 1] distinct quantiles */
    int *edges;       /* [n_num] how many */
    int64_t *first;   /* [n_num + n_cat + 1] cells before a column */
    int64_t *count;   /* [cells][k] */
    double *p, *mass; /* [bins + 1]; [k] */
    int64_t *present; /* [n_num] */
} info;

static crm_status info_new(info *f, const crm_fit *fit, const crm_schema *s, int bins, bool cats)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    f->n_num = s->n_num;
    f->n_cat = cats ? s->n_cat : 0;
    f->bins = bins;
    f->k = t->n_classes;
    f->label = t->label;
    CRM_NEW(f->edge, (int64_t)f->n_num * (bins + 1));
    CRM_NEW(f->edges, f->n_num);
    CRM_NEW(f->first, f->n_num + f->n_cat + 1);
    for (int i = 0; i < f->n_num; i++)
        f->first[i + 1] = f->first[i] + bins + 3; /* 0 .. bins + 1 edges below, missing */
    for (int i = 0; i < f->n_cat; i++)
        f->first[f->n_num + i + 1] = f->first[f->n_num + i] + s->n_levels[i] + 1;
    CRM_NEW(f->count, f->first[f->n_num + f->n_cat] * f->k);
    CRM_NEW(f->p, bins + 1);
    CRM_NEW(f->mass, f->k);
    CRM_NEW(f->present, f->n_num);
    for (int i = 0; i <= bins; i++)
        f->p[i] = (double)i / bins;
    return CRM_OK;
}

static void info_free(info *f)
{
    crm_mem_free(f->edge);
    crm_mem_free(f->edges);
    crm_mem_free(f->first);
    crm_mem_free(f->count);
    crm_mem_free(f->p);
    crm_mem_free(f->mass);
    crm_mem_free(f->present);
}

static void keep_distinct(info *f)
{
    for (int i = 0; i < f->n_num; i++) {
        double *e = f->edge + (int64_t)i * (f->bins + 1);
        int n = 0;
        for (int q = 0; q <= f->bins && f->present[i]; q++)
            if (n == 0 || e[q] > e[n - 1]) e[n++] = e[q];
        f->edges[i] = n;
    }
}

static int64_t cell_of(const info *f, int i, float x)
{
    const double *e = f->edge + (int64_t)i * (f->bins + 1);
    int lo = 0, hi = f->edges[i];

    if (isnan(x)) return f->bins + 2;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (e[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void count_cells(void *ctx, const crm_rows_piece *p, double *out)
{
    const info *f = ctx;

    (void)out;
    for (int64_t r = 0; r < p->n; r++) {
        int32_t y = f->label[p->row[r]];
        if (y < 0) continue;
        for (int i = 0; i < f->n_num; i++)
            f->count[(f->first[i] + cell_of(f, i, p->num[r * f->n_num + i])) * f->k + y]++;
        for (int i = 0; i < f->n_cat; i++) /* missing: cell 0 */
            f->count[(f->first[f->n_num + i] + p->cat[r * f->n_cat + i] + 1) * f->k + y]++;
    }
}

/* Of a table of cells x classes. */
static double mutual(const info *f, const int64_t *count, int64_t cells)
{
    double n = 0, sum = 0;

    for (int y = 0; y < f->k; y++) {
        f->mass[y] = 0;
        for (int64_t c = 0; c < cells; c++)
            f->mass[y] += (double)count[c * f->k + y];
        n += f->mass[y];
    }
    for (int64_t c = 0; c < cells; c++) {
        double in_cell = 0;
        for (int y = 0; y < f->k; y++)
            in_cell += (double)count[c * f->k + y];
        for (int y = 0; y < f->k; y++) {
            double both = (double)count[c * f->k + y];
            if (both > 0) sum += both / n * crm_log(n * both / (in_cell * f->mass[y]));
        }
    }
    return sum > 0 ? sum : 0;
}

static crm_status count_all(info *f, const crm_fit *fit, const crm_source *in)
{
    crm_view own = crm_rows_own(fit);

    CRM_TRY(crm_rows_quantiles(fit, in, f->bins + 1, f->p, f->edge, f->present));
    keep_distinct(f);
    CRM_TRY(crm_comm_agree(fit->comm, crm_rows_each(in, &own, NULL, count_cells, f)));
    return crm_comm_sum_i64(fit->comm, f->count, f->first[f->n_num + f->n_cat] * f->k);
}

crm_status feature_mutual(const crm_fit *fit, const crm_source *in, int bins, double *num,
                          double *cat)
{
    info f = {0};
    crm_status st =
        crm_comm_agree(fit->comm, info_new(&f, fit, crm_source_schema(in), bins, cat != NULL));

    if (!st) st = count_all(&f, fit, in);
    for (int i = 0; i < f.n_num + f.n_cat && !st; i++) {
        double v = mutual(&f, f.count + f.first[i] * f.k, f.first[i + 1] - f.first[i]);
        if (i < f.n_num)
            num[i] = v;
        else
            cat[i - f.n_num] = v;
    }
    info_free(&f);
    return st;
}

typedef struct ranked {
    double value;
    int64_t at;
} ranked;

static int falling(const void *pa, const void *pb)
{
    const ranked *a = pa, *b = pb;

    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

crm_status feature_rank(int64_t n, const double *value, int64_t *place)
{
    ranked *r;

    CRM_NEW(r, n);
    for (int64_t i = 0; i < n; i++)
        r[i] = (ranked){value[i], i};
    qsort(r, (size_t)n, sizeof *r, falling);
    for (int64_t i = 0; i < n; i++)
        place[r[i].at] = i;
    crm_mem_free(r);
    return CRM_OK;
}
