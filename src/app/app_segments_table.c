/* app_segments_table.c - what is in a segment: means of columns, labels of documents, classes of
 * targets.
 *
 *   eta squared = sum_k n_k (mean_k - mean)^2 / sum_i (x_i - mean)^2
 *
 * (Fisher's correlation ratio; Cohen, Statistical Power Analysis, 1988, ch. 8), over the customers
 * that have a value. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app_segments.h"
#include "crmpi/base_mem.h"

enum { CLASSES_MAX = 16 };

/* A number of a customer that stands in no column: of the labels of its documents. */
typedef struct mood {
    const crm_target *t; /* NULL: number of documents */
    int which; /* class whose share it is; column of a numeric target; -1: mean of class names */
} mood;

typedef struct figures {
    segments_work *w;
    int64_t n_num, n, k; /* numeric columns, all columns, segments */
    int n_moods;
    mood *mood;
    int64_t first;      /* own row */
    const double *mean; /* [n]; NULL: sums */
} figures;

/* ---- groups of columns ---- */
static bool holds(const char *name, const char *word)
{
    size_t n = strlen(word);

    for (; *name; name++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)name[i]) == tolower((unsigned char)word[i]))
            i++;
        if (i == n) return true;
    }
    return false;
}

static bool is_money(const segments_work *w, const char *name)
{
    const crm_opt_list *words = &w->a->segments.value;

    for (int i = 0; i < words->n; i++)
        if (words->item[i][0] && holds(name, words->item[i])) return true;
    return false;
}

/* Of the columns that import makes of events: the word behind the table, or behind its number. */
static bool has_part(const char *name, const char *const *part)
{
    const char *dot = strchr(name, '.');

    for (; dot; dot = strchr(dot + 1, '.'))
        for (const char *const *p = part; *p; p++) {
            size_t n = strlen(*p);
            if (strncmp(dot + 1, *p, n) == 0 && (dot[1 + n] == '.' || dot[1 + n] == '\0'))
                return true;
        }
    return false;
}

static int group_of_profile(const segments_work *w, const char *name)
{
    static const char *const how_often[] = {"count",  "recency", "gaps", "distinct",
                                            "season", "share",   NULL};
    static const char *const how_much[] = {"sum", "mean", "max", "change", "trend", NULL};

    if (has_part(name, how_often)) return CRM_SEGMENTS_BEHAVIOUR;
    if (is_money(w, name)) return CRM_SEGMENTS_VALUE;
    return has_part(name, how_much) ? CRM_SEGMENTS_BEHAVIOUR : CRM_SEGMENTS_PROFILE;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Columns of the flat view up to a part. */
static crm_status columns_of(const crm_data *d, unsigned parts, int *n)
{
    crm_flat *f;

    CRM_TRY(crm_flat_new(d, parts, &f));
    *n = crm_flat_schema(f)->n_num;
    crm_flat_free(&f);
    return CRM_OK;
}

/* Where nothing is named after money: sums and means are taken for it. */
static void take_sums(crm_segmentation *r, int first, int end)
{
    for (int i = 0; i < r->n_columns; i++)
        if (r->column[i].group == CRM_SEGMENTS_VALUE) return;
    for (int i = first; i < end; i++)
        if (ends_with(r->column[i].name, " sum") || ends_with(r->column[i].name, " mean"))
            r->column[i].group = CRM_SEGMENTS_VALUE;
}

static crm_status group_columns(segments_work *w, int n_num)
{
    const crm_monthly *m = crm_data_monthly(w->d);
    crm_segmentation *r = &w->r;
    int profile = 0, months = 0, events = 0;

    CRM_TRY(columns_of(w->d, CRM_FLAT_PROFILE, &profile));
    CRM_TRY(columns_of(w->d, CRM_FLAT_PROFILE | CRM_FLAT_MONTHLY, &months));
    CRM_TRY(columns_of(w->d, CRM_FLAT_PROFILE | CRM_FLAT_MONTHLY | CRM_FLAT_EVENTS, &events));
    for (int i = 0; i < r->n_columns; i++) {
        crm_segments_column *c = &r->column[i];
        if (i >= events || i >= n_num)
            c->group = CRM_SEGMENTS_SENTIMENT;
        else if (i < profile)
            c->group = group_of_profile(w, c->name);
        else
            c->group = is_money(w, c->name) ? CRM_SEGMENTS_VALUE : CRM_SEGMENTS_BEHAVIOUR;
        c->month = m && i >= profile && i < months && (i - profile) % (m->months + 3) < m->months;
    }
    take_sums(r, profile, events);
    return CRM_OK;
}

/* ---- labels of documents ---- */
static bool all_numbers(const crm_target *t)
{
    double v;

    for (int c = 0; c < t->n_classes; c++)
        if (!crm_parse_f64(t->class_name[c], strlen(t->class_name[c]), &v)) return false;
    return true;
}

/* Numbers that a target of documents makes: one for classes that are numbers, such as stars; else a
 * share for each class; none when there are too many. */
static int moods_of(const crm_target *t)
{
    if (t->level != CRM_LEVEL_DOCUMENT) return 0;
    if (!t->label) return t->width;
    if (t->n_classes > CLASSES_MAX) return 0;
    return all_numbers(t) ? 1 : t->n_classes;
}

static crm_status find_moods(figures *f)
{
    const crm_data *d = f->w->d;
    int n = 0;

    for (int i = 0; i < crm_data_n_targets(d); i++)
        n += moods_of(crm_data_target(d, i));
    CRM_NEW(f->mood, n + 1);
    if (crm_data_documents(d)) f->mood[f->n_moods++] = (mood){0};
    for (int i = 0; i < crm_data_n_targets(d); i++) {
        const crm_target *t = crm_data_target(d, i);
        for (int c = 0; c < moods_of(t); c++)
            f->mood[f->n_moods++] = (mood){.t = t, .which = t->label && all_numbers(t) ? -1 : c};
    }
    return CRM_OK;
}

static void mood_name(const mood *m, crm_str *out)
{
    if (!m->t)
        crm_str_addf(out, "documents");
    else if (m->which < 0)
        crm_str_addf(out, "%s, mean", m->t->name);
    else if (m->t->label)
        crm_str_addf(out, "%s %s, share", m->t->name, m->t->class_name[m->which]);
    else
        crm_str_addf(out, "%s, mean", m->t->column_name[m->which]);
}

/* What a document says; NaN: nothing. */
static double of_document(const mood *m, int64_t doc)
{
    const char *name;
    double v;

    if (!m->t->label) return (double)m->t->value[doc * m->t->width + m->which];
    if (m->t->label[doc] < 0) return NAN;
    if (m->which >= 0) return m->t->label[doc] == m->which;
    name = m->t->class_name[m->t->label[doc]];
    return crm_parse_f64(name, strlen(name), &v) ? v : (double)NAN;
}

/* Mean over the documents of a customer that say something, as a float: sums of equal ones are
 * exact then. */
static float of_customer(const crm_data *d, const mood *m, int64_t row)
{
    const crm_documents *docs = crm_data_documents(d);
    double sum = 0;
    int64_t n = 0;

    if (!m->t) return (float)(docs->first[row + 1] - docs->first[row]);
    for (int64_t i = docs->first[row]; i < docs->first[row + 1]; i++) {
        double v = of_document(m, i);
        if (isnan(v)) continue;
        sum += v;
        n++;
    }
    return n ? (float)(sum / (double)n) : NAN;
}

/* ---- sums ---- */
static void add_value(const figures *f, int64_t column, int label, float x, double *out)
{
    double d;

    if (isnan(x)) return;
    if (f->mean) {
        d = (double)x - f->mean[column];
        out[column] += d * d;
        return;
    }
    out[2 * (column * f->k + label)] += (double)x;
    out[2 * (column * f->k + label) + 1] += 1;
}

static void add_piece(void *ctx, const crm_rows_piece *p, double *out)
{
    const figures *f = ctx;

    for (int64_t i = 0; i < p->n; i++) {
        int label = f->w->found.label[p->at + i - f->first];
        for (int64_t c = 0; c < f->n_num; c++)
            add_value(f, c, label, p->num[i * f->n_num + c], out);
        for (int m = 0; m < f->n_moods; m++)
            add_value(f, f->n_num + m, label, of_customer(f->w->d, &f->mood[m], p->row[i]), out);
    }
}

/* Means from the sums of pass one; eta squared from the sums of squares of pass two. */
static void take_means(figures *f, const double *sum, double *mean)
{
    for (int64_t c = 0; c < f->n; c++) {
        crm_segments_column *o = &f->w->r.column[c];
        double total = 0, n = 0;
        for (int64_t k = 0; k < f->k; k++) {
            const double *s = sum + 2 * (c * f->k + k);
            o->of[k] = s[1] > 0 ? s[0] / s[1] : NAN;
            total += s[0];
            n += s[1];
        }
        o->present = (int64_t)n;
        o->mean = mean[c] = n > 0 ? total / n : NAN;
    }
}

static void take_squares(figures *f, const double *sum, const double *square)
{
    for (int64_t c = 0; c < f->n; c++) {
        crm_segments_column *o = &f->w->r.column[c];
        double between = 0;
        o->sd = o->present ? sqrt(square[c] / (double)o->present) : NAN;
        for (int64_t k = 0; k < f->k; k++) {
            double n = sum[2 * (c * f->k + k) + 1], d = o->of[k] - o->mean;
            o->z[k] = n > 0 ? (o->sd > 0 ? d / o->sd : 0) : NAN;
            if (n > 0) between += n * d * d;
        }
        o->eta2 = square[c] > 0 ? between / square[c] : NAN;
    }
}

static crm_status measure(figures *f)
{
    double *sum = crm_mem_new((size_t)(2 * f->n * f->k), sizeof *sum);
    double *mean = crm_mem_new((size_t)(2 * f->n), sizeof *mean), *square = mean + f->n;
    crm_status st = CRM_OK;

    if (!sum || !mean) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld columns", (long long)f->n);
    CRM_TRY_TO(st, done, crm_comm_agree(f->w->fit.comm, st));
    CRM_TRY_TO(st, done, crm_rows_sum(&f->w->fit, f->w->raw, 2 * f->n * f->k, add_piece, f, sum));
    take_means(f, sum, mean);
    f->mean = mean;
    CRM_TRY_TO(st, done, crm_rows_sum(&f->w->fit, f->w->raw, f->n, add_piece, f, square));
    take_squares(f, sum, square);
done:
    crm_mem_free(sum);
    crm_mem_free(mean);
    return st;
}

/* ---- which columns are shown ---- */
/* The next best of [first, end) with eta squared above a value that is not shown yet, -1: none;
 * group -1: of any. */
static int next_best(const crm_segmentation *r, int group, int64_t first, int64_t end, double above)
{
    int best = -1;

    for (int64_t i = first; i < end; i++) {
        const crm_segments_column *c = &r->column[i];
        if (c->shown || c->month || !(c->eta2 > above) || (group >= 0 && c->group != group))
            continue;
        if (best < 0 || c->eta2 > r->column[best].eta2) best = (int)i;
    }
    return best;
}

static void show(crm_segmentation *r, int at, int64_t *left)
{
    if (at < 0 || *left == 0) return;
    r->column[at].shown = true;
    --*left;
}

/* The best of each group and of each target of documents; then the best of all. */
static void show_best(figures *f)
{
    crm_segmentation *r = &f->w->r;
    int64_t left = f->w->a->segments.columns;

    for (int g = 0; g < CRM_SEGMENTS_GROUPS; g++)
        if (g != CRM_SEGMENTS_SENTIMENT || f->n_moods == 0)
            show(r, next_best(r, g, 0, f->n, 0), &left);
    for (int m = 0, end = 0; m < f->n_moods; m = end) {
        while (end < f->n_moods && f->mood[end].t == f->mood[m].t)
            end++;
        /* also where one segment alone has documents with labels: 0 */
        show(r, next_best(r, -1, f->n_num + m, f->n_num + end, -1), &left);
    }
    for (int at = 0; at >= 0 && left > 0;) {
        at = next_best(r, -1, 0, f->n, 0);
        show(r, at, &left);
    }
}

/* ---- classes of customers ---- */
static crm_status copy_target(const crm_target *t, int k, crm_segments_target *out)
{
    out->name = crm_mem_strdup(t->name);
    CRM_NEW(out->count, (int64_t)k * t->n_classes);
    CRM_NEW(out->class_name, t->n_classes);
    out->n_classes = t->n_classes;
    CRM_CHECK(out->name, CRM_ERR_NOMEM, "out of memory: a target");
    for (int c = 0; c < t->n_classes; c++) {
        out->class_name[c] = crm_mem_strdup(t->class_name[c]);
        CRM_CHECK(out->class_name[c], CRM_ERR_NOMEM, "out of memory: a target");
    }
    return CRM_OK;
}

static bool has_classes(const crm_target *t)
{
    return t->level == CRM_LEVEL_CUSTOMER && t->label;
}

static crm_status begin_targets(segments_work *w)
{
    CRM_NEW(w->r.target, crm_data_n_targets(w->d));
    for (int i = 0; i < crm_data_n_targets(w->d); i++) {
        const crm_target *t = crm_data_target(w->d, i);
        if (has_classes(t)) CRM_TRY(copy_target(t, w->r.k, &w->r.target[w->r.n_targets++]));
    }
    return CRM_OK;
}

static crm_status count_targets(segments_work *w)
{
    int64_t first, end;
    int at = 0;

    CRM_TRY(crm_comm_agree(w->fit.comm, begin_targets(w)));
    crm_kmeans_range(w->fit.comm, w->r.rows, &first, &end);
    for (int i = 0; i < crm_data_n_targets(w->d); i++) {
        const crm_target *t = crm_data_target(w->d, i);
        int64_t *count;
        if (!has_classes(t)) continue;
        count = w->r.target[at++].count;
        for (int64_t row = first; row < end; row++)
            if (t->label[row] >= 0)
                count[w->found.label[row - first] * t->n_classes + t->label[row]]++;
        CRM_TRY(crm_comm_sum_i64(w->fit.comm, count, (int64_t)w->r.k * t->n_classes));
    }
    return CRM_OK;
}

/* ---- */
static crm_status name_column(figures *f, int64_t i)
{
    crm_segments_column *c = &f->w->r.column[i];
    crm_str name = {0};

    if (i < f->n_num)
        crm_str_addf(&name, "%s", crm_source_schema(f->w->raw)->num_name[i]);
    else
        mood_name(&f->mood[i - f->n_num], &name);
    c->name = name.failed ? NULL : crm_mem_strdup(name.text ? name.text : "");
    crm_str_free(&name);
    CRM_CHECK(c->name, CRM_ERR_NOMEM, "out of memory: the name of a column");
    CRM_NEW(c->of, f->k);
    CRM_NEW(c->z, f->k);
    return CRM_OK;
}

static crm_status begin(figures *f)
{
    segments_work *w = f->w;
    int64_t end;

    CRM_TRY(find_moods(f));
    f->n_num = crm_source_schema(w->raw)->n_num;
    f->n = f->n_num + f->n_moods;
    f->k = w->r.k;
    crm_kmeans_range(w->fit.comm, w->r.rows, &f->first, &end);
    CRM_NEW(w->r.column, f->n);
    w->r.n_columns = (int)f->n;
    for (int64_t i = 0; i < f->n; i++)
        CRM_TRY(name_column(f, i));
    return group_columns(w, (int)f->n_num);
}

crm_status app_segments_table(segments_work *w)
{
    figures f = {.w = w};
    crm_status st = crm_comm_agree(w->fit.comm, begin(&f));

    if (!st) st = measure(&f);
    if (!st) show_best(&f);
    if (!st) st = count_targets(w);
    crm_mem_free(f.mood);
    return st;
}
