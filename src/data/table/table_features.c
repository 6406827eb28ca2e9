/* table_features.c - which columns are made of the streams, their names, and a row of numbers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "table_relate.h"

enum { SHARES_MAX = 64 };

typedef struct planner {
    const table_set *x;
    table_features *out;
    int cap, cap_channels;
    int stream;
    const char *table; /* name of the stream's table */
    crm_str number;    /* name of the number */
} planner;

static crm_status copy_name(crm_str *s, char **out)
{
    *out = s->failed ? NULL : crm_mem_strdup(s->text ? s->text : "");
    crm_str_free(s);
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: the name of a column");
    return CRM_OK;
}

/* Room for one column more. */
static crm_status make_room(planner *p)
{
    table_features *o = p->out;
    int cap = 2 * p->cap + 64;
    table_feature *more;

    if (o->n_features < p->cap) return CRM_OK;
    more = crm_mem_grow(o->feature, (size_t)p->cap, (size_t)cap, sizeof *more);
    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %d columns", cap);
    o->feature = more;
    p->cap = cap;
    return CRM_OK;
}

/* Adds a column; its name is copied and freed. */
static crm_status add(planner *p, const table_feature *f, crm_str *name)
{
    table_features *o = p->out;
    crm_status st = make_room(p);

    if (st) {
        crm_str_free(name);
        return st;
    }
    o->feature[o->n_features] = *f;
    return copy_name(name, &o->feature[o->n_features++].name);
}

/* ---- shares of categories ---- */
static int falling(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x < y) - (x > y);
}

/* The SHARES_MAX categories that come up most are those with more than *least uses and the first
 * *ties with just as many. */
static crm_status most_frequent(const table_stream *s, int64_t *least, int64_t *ties)
{
    int64_t *sorted, n = s->names.n;

    *least = 0;
    *ties = 0;
    if (n <= SHARES_MAX) return CRM_OK;
    CRM_NEW(sorted, n);
    memcpy(sorted, s->uses, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, falling);
    *least = sorted[SHARES_MAX - 1];
    for (int64_t k = 0; k < SHARES_MAX; k++)
        *ties += sorted[k] == *least;
    crm_mem_free(sorted);
    return CRM_OK;
}

static crm_status plan_shares(planner *p, const table_feature *share, const char *front)
{
    const table_stream *s = &p->x->stream[share->stream];
    table_feature f = *share;
    int64_t least, ties;

    CRM_TRY(most_frequent(s, &least, &ties));
    for (int64_t c = 0; c < s->names.n; c++) {
        crm_str name = {0};
        /* a model chooses by itself */
        if (p->x->like) least = ties = 0;
        if (s->uses[c] < least || (s->uses[c] == least && !p->x->like && ties-- <= 0)) continue;
        f.category = (int32_t)c;
        crm_str_addf(&name, "%s%s", front, s->names.item[c]);
        CRM_TRY(add(p, &f, &name));
    }
    return CRM_OK;
}

/* ---- streams ---- */
static crm_status plan_feature(void *ctx, const table_feature *of, const char *name)
{
    planner *p = ctx;
    table_feature f = *of;
    crm_str text = {0};

    f.stream = p->stream;
    if (f.op == TABLE_SHARE) return plan_shares(p, &f, name);
    crm_str_addf(&text, "%s", name);
    return add(p, &f, &text);
}

static crm_status plan_streams(planner *p)
{
    for (p->stream = 0; p->stream < p->x->n_streams; p->stream++) {
        const table_stream *s = &p->x->stream[p->stream];
        CRM_TRY(crm_table_features_each(p->x->schema, s->table, s->documents, plan_feature, p));
    }
    return CRM_OK;
}

/* ---- months ---- */
/* Name of a number of the stream; false past the last. */
static bool number_name(planner *p, int stream, int number)
{
    const table_stream *s = &p->x->stream[stream];
    const crm_table_def *t = &p->x->schema->table[s->table];

    crm_str_free(&p->number);
    p->number = (crm_str){0};
    if (number >= s->n_numbers) return false;
    crm_table_path_text(p->x->schema, s->table, &t->events.number[number], &p->number);
    return true;
}

static crm_status add_channel(planner *p, int stream, int number)
{
    table_features *o = p->out;
    crm_str name = {0};

    crm_str_addf(&name, "%s.", p->table);
    if (number < 0)
        crm_str_addf(&name, "count");
    else
        crm_str_addf(&name, "%s.sum", p->number.text);
    CRM_TRY(copy_name(&name, &o->channel[o->n_channels]));
    o->channel_stream[o->n_channels] = stream;
    o->channel_number[o->n_channels++] = number;
    return CRM_OK;
}

static crm_status plan_months(planner *p)
{
    table_features *o = p->out;
    int cap = 0;

    o->months = p->x->schema->features.months;
    for (int k = 0; k < p->x->n_streams && o->months > 0; k++)
        cap += p->x->stream[k].documents ? 0 : 1 + p->x->stream[k].n_numbers;
    CRM_NEW(o->channel, cap);
    CRM_NEW(o->channel_stream, cap);
    CRM_NEW(o->channel_number, cap);
    for (int k = 0; k < p->x->n_streams && cap > 0; k++) {
        if (p->x->stream[k].documents) continue;
        p->table = p->x->schema->table[p->x->stream[k].table].name;
        CRM_TRY(add_channel(p, k, -1));
        for (int q = 0; number_name(p, k, q); q++)
            CRM_TRY(add_channel(p, k, q));
    }
    return CRM_OK;
}

/* ---- products and ratios ---- */
static crm_status find_column(const table_features *o, int n, const char *name, const char *key,
                              int *out)
{
    const char *near;

    for (*out = 0; *out < n; ++*out)
        if (strcmp(o->name[*out], name) == 0) return CRM_OK;
    near = crm_nearest(name, (const char *const *)o->name, n);
    CRM_FAIL(CRM_ERR_CONFIG, "features.%s: '%s' is no numeric column of the data set%s%s%s", key,
             name, near ? " (nearest: " : "", near ? near : "", near ? ")" : "");
}

static crm_status add_pairs(table_features *o, int n, const char *(*pair)[2], bool ratio)
{
    int have = o->n - o->n_pairs;

    for (int i = 0; i < n; i++) {
        table_pair *q = &o->pair[o->n_pairs];
        crm_str name = {0};
        q->ratio = ratio;
        for (int k = 0; k < 2; k++)
            CRM_TRY(find_column(o, have, pair[i][k], ratio ? "ratios" : "products", &q->of[k]));
        crm_str_addf(&name, "%s %c %s", pair[i][0], ratio ? '/' : '*', pair[i][1]);
        CRM_TRY(copy_name(&name, &q->name));
        o->name[o->n++] = q->name;
        o->n_pairs++;
    }
    return CRM_OK;
}

/* Names of all columns, then the pairs that are made of them. */
static crm_status name_columns(const table_set *x, table_features *o)
{
    const crm_feature_def *d = &x->schema->features;
    int64_t most = 1;

    CRM_NEW(o->name, x->n_num + o->n_features + d->n_products + d->n_ratios);
    CRM_NEW(o->pair, d->n_products + d->n_ratios);
    for (int k = 0; k < x->n_num; k++)
        o->name[o->n++] = x->num[k].name;
    for (int k = 0; k < o->n_features; k++)
        o->name[o->n++] = o->feature[k].name;
    CRM_TRY(add_pairs(o, d->n_products, d->product, false));
    CRM_TRY(add_pairs(o, d->n_ratios, d->ratio, true));
    for (int k = 0; k < x->n_streams; k++)
        if (x->stream[k].names.n > most) most = x->stream[k].names.n;
    CRM_NEW(o->seen, most);
    return CRM_OK;
}

/* ---- one name, one column ---- */
/* Where column k comes from: the numbers, then the categories. */
static void describe(const table_set *x, const table_features *o, int k, crm_str *out)
{
    int feature = k - x->n_num, pair = feature - o->n_features, cat = k - o->n;
    const table_column *c = k < x->n_num ? &x->num[k] : cat >= 0 ? &x->cat[cat] : NULL;
    const crm_table_def *t = x->schema->table;

    if (c && c->from.column >= 0)
        crm_str_addf(out, "column '%s' of table %s", t[c->from.table].column[c->from.column].name,
                     t[c->from.table].name);
    else if (c)
        crm_str_addf(out, "what indicator or outliers add to a column of table %s",
                     t[c->from.table].name);
    else if (pair < 0)
        crm_str_addf(out, "a feature of the rows of table %s",
                     t[x->stream[o->feature[feature].stream].table].name);
    else
        crm_str_addf(out, "number %d of features.%s",
                     pair - (o->pair[pair].ratio ? x->schema->features.n_products : 0) + 1,
                     o->pair[pair].ratio ? "ratios" : "products");
}

static crm_status refuse_name(const table_set *x, const table_features *o, int first, int second,
                              const char *name)
{
    crm_str both = {0};
    crm_status st;

    describe(x, o, first, &both);
    crm_str_addf(&both, ", and ");
    describe(x, o, second, &both);
    CRM_SET(st, CRM_ERR_CONFIG,
            "%s: two columns of the data set are called '%s': %s; rename one in the file, or leave "
            "it out of the profile or the features",
            x->schema->path, name, both.text ? both.text : "");
    crm_str_free(&both);
    return st;
}

static crm_status check_names(const table_set *x, const table_features *o)
{
    table_levels seen = {0};
    crm_status st = CRM_OK;

    for (int k = 0; k < o->n + x->n_cat && !st; k++) {
        const char *name = k < o->n ? o->name[k] : x->cat[k - o->n].name;
        int32_t index;
        st = crm_table_levels_add(&seen, name, strlen(name), INT32_MAX - 1, &index);
        if (!st && index < k) st = refuse_name(x, o, index, k, name);
    }
    crm_table_levels_free(&seen);
    return st;
}

crm_status crm_table_features_new(const table_set *x, table_features *out)
{
    planner p = {.x = x, .out = out};
    crm_status st;

    *out = (table_features){0};
    st = plan_streams(&p);
    if (!st) st = plan_months(&p);
    if (!st) st = name_columns(x, out);
    if (!st) st = check_names(x, out);
    crm_str_free(&p.number);
    return crm_comm_agree(x->comm, st);
}

void crm_table_features_free(table_features *f)
{
    for (int k = 0; k < f->n_features; k++)
        crm_mem_free(f->feature[k].name);
    for (int k = 0; k < f->n_pairs; k++)
        crm_mem_free(f->pair[k].name);
    for (int k = 0; k < f->n_channels; k++)
        crm_mem_free(f->channel[k]);
    crm_mem_free(f->feature);
    crm_mem_free(f->pair);
    crm_mem_free(f->channel);
    crm_mem_free(f->channel_stream);
    crm_mem_free(f->channel_number);
    crm_mem_free(f->name);
    crm_mem_free(f->seen);
    *f = (table_features){0};
}

/* ---- a row ---- */
static double own_number(const table_set *x, const table_column *c, int64_t i)
{
    double v = crm_table_values_number(&c->v, i);

    return c->v.type == CRM_FIELD_TIME ? ((double)x->cutoff[i] - v) / TABLE_DAY : v;
}

void crm_table_features_row(const table_set *x, const table_features *f, int64_t i, double *out)
{
    int n = 0;

    for (int k = 0; k < x->n_num; k++)
        out[n++] = own_number(x, &x->num[k], i);
    for (int k = 0; k < f->n_features; k++)
        out[n++] = crm_table_aggregate(x, &f->feature[k], i, f->seen);
    for (int k = 0; k < f->n_pairs; k++) {
        double a = out[f->pair[k].of[0]], b = out[f->pair[k].of[1]];
        out[n++] = !f->pair[k].ratio ? a * b : b == 0 ? NAN : a / b;
    }
}
