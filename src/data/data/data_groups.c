/* data_groups.c - rows that stay together: by a column, and because they are duplicates of each
 * other (array group/number).
 *
 * Stratified: groups of several rows, largest first, go to the fold that has the smallest part of
 * their classes so far; then each class deals its single rows to the folds that have fewest of it.
 * So folds are as even as the groups let them be. */
#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "data_groups.h"

/* Group id and position, sorted by id to number the groups. */
typedef struct member {
    int64_t id, at;
} member;

static int by_id(const void *a, const void *b)
{
    const member *x = a, *y = b;

    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

crm_status crm_groups_new(int64_t n, const int64_t *id, crm_groups *out)
{
    member *m = NULL;
    crm_status st = CRM_OK;

    *out = (crm_groups){0};
    CRM_NEW_TO(st, done, m, n);
    CRM_NEW_TO(st, done, out->start, n + 1);
    CRM_NEW_TO(st, done, out->at, n);
    CRM_NEW_TO(st, done, out->of, n);
    for (int64_t i = 0; i < n; i++)
        m[i] = (member){id[i], i};
    qsort(m, (size_t)n, sizeof *m, by_id);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || m[i].id != m[i - 1].id) out->start[out->n++] = i;
        out->at[i] = m[i].at;
        out->of[m[i].at] = out->n - 1;
    }
    out->start[out->n] = n;
done:
    crm_mem_free(m);
    if (st) crm_groups_free(out);
    return st;
}

crm_status crm_groups_of_view(const crm_view *v, const int64_t *number, crm_groups *out)
{
    int64_t *id = NULL;
    crm_status st;

    *out = (crm_groups){0};
    CRM_NEW(id, v->n);
    for (int64_t i = 0; i < v->n; i++)
        id[i] = number[v->row[i]];
    st = crm_groups_new(v->n, id, out);
    crm_mem_free(id);
    return st;
}

void crm_groups_free(crm_groups *g)
{
    crm_mem_free(g->start);
    crm_mem_free(g->at);
    crm_mem_free(g->of);
    *g = (crm_groups){0};
}

static int64_t root_of(int64_t *parent, int64_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

/* All members of a group get one root, the smallest position. */
static void unite(const crm_groups *g, int64_t *parent)
{
    for (int64_t k = 0; k < g->n; k++)
        for (int64_t i = g->start[k] + 1; i < g->start[k + 1]; i++) {
            int64_t a = root_of(parent, g->at[i - 1]), b = root_of(parent, g->at[i]);
            if (a < b)
                parent[b] = a;
            else
                parent[a] = b;
        }
}

static crm_status join(const crm_view *v, const int64_t *group, const int64_t *number,
                       crm_groups *out)
{
    crm_groups column = {0}, twins = {0};
    int64_t *parent = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, parent, v->n);
    CRM_TRY_TO(st, done, crm_groups_of_view(v, group, &column));
    CRM_TRY_TO(st, done, crm_groups_of_view(v, number, &twins));
    for (int64_t i = 0; i < v->n; i++)
        parent[i] = i;
    unite(&column, parent);
    unite(&twins, parent);
    for (int64_t i = 0; i < v->n; i++)
        parent[i] = root_of(parent, i);
    st = crm_groups_new(v->n, parent, out);
done:
    crm_mem_free(parent);
    crm_groups_free(&column);
    crm_groups_free(&twins);
    return st;
}

crm_status crm_groups_find(const crm_view *v, const int64_t *group, crm_groups *out)
{
    const int64_t *number = v->data->group_number;

    *out = (crm_groups){0};
    if (group && number) return join(v, group, number, out);
    return group || number ? crm_groups_of_view(v, group ? group : number, out) : CRM_OK;
}

static int64_t size_of(const crm_groups *g, int64_t k)
{
    return g->start[k + 1] - g->start[k];
}

crm_status crm_groups_deal(const crm_groups *g, uint64_t seed, int repeat, int folds, int32_t *fold)
{
    int64_t *order = NULL, *size = NULL;
    crm_status st = CRM_OK;

    CRM_CHECK(g->n >= folds, CRM_ERR_FORMAT, "eval.folds = %d, but there are %lld groups", folds,
              (long long)g->n);
    CRM_NEW_TO(st, done, order, g->n);
    CRM_NEW_TO(st, done, size, folds);
    crm_rng_permute(seed, CRM_RNG_FOLDS, (uint32_t)repeat, g->n, order);
    for (int64_t k = 0; k < g->n; k++) {
        int best = 0;
        for (int f = 1; f < folds; f++)
            if (size[f] < size[best]) best = f;
        for (int64_t i = g->start[order[k]]; i < g->start[order[k] + 1]; i++)
            fold[g->at[i]] = best;
        size[best] += size_of(g, order[k]);
    }
done:
    crm_mem_free(order);
    crm_mem_free(size);
    return st;
}

/* ---- stratified ---- */
typedef struct dealer {
    const crm_groups *g;
    const crm_view *v;
    const int32_t *label;
    int folds, n_classes;
    int64_t *order;        /* [g->n] */
    int64_t *total;        /* [n_classes] rows of the view */
    int64_t *count, *rows; /* [folds][n_classes], [folds] dealt so far */
    int32_t *fold;
} dealer;

static int label_at(const dealer *d, int64_t at)
{
    return d->label[d->v->row[at]];
}

static void put(dealer *d, int64_t at, int f)
{
    d->fold[at] = f;
    d->count[f * d->n_classes + label_at(d, at)]++;
    d->rows[f]++;
}

/* How full fold f is with the classes of group k. */
static double load_of(const dealer *d, int64_t k, int f)
{
    double load = 0;

    for (int64_t i = d->g->start[k]; i < d->g->start[k + 1]; i++) {
        int c = label_at(d, d->g->at[i]);
        load += (double)d->count[f * d->n_classes + c] / (double)d->total[c];
    }
    return load;
}

static int emptiest(const dealer *d, int64_t k)
{
    double least = load_of(d, k, 0);
    int best = 0;

    for (int f = 1; f < d->folds; f++) {
        double load = load_of(d, k, f);
        if (load > least || (load == least && d->rows[f] >= d->rows[best])) continue;
        least = load;
        best = f;
    }
    return best;
}

/* Group number and place in the shuffled order, largest first. */
typedef struct ranked {
    int64_t size, place, group;
} ranked;

static int larger(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static crm_status deal_many(dealer *d)
{
    ranked *r;
    int64_t n = 0;

    CRM_NEW(r, d->g->n);
    for (int64_t k = 0; k < d->g->n; k++)
        if (size_of(d->g, d->order[k]) > 1)
            r[n++] = (ranked){size_of(d->g, d->order[k]), k, d->order[k]};
    qsort(r, (size_t)n, sizeof *r, larger);
    for (int64_t j = 0; j < n; j++) {
        int f = emptiest(d, r[j].group);
        for (int64_t i = d->g->start[r[j].group]; i < d->g->start[r[j].group + 1]; i++)
            put(d, d->g->at[i], f);
    }
    crm_mem_free(r);
    return CRM_OK;
}

static void deal_single(dealer *d)
{
    for (int c = 0; c < d->n_classes; c++)
        for (int64_t k = 0; k < d->g->n; k++) {
            int64_t group = d->order[k], at = d->g->at[d->g->start[group]];
            if (size_of(d->g, group) == 1 && label_at(d, at) == c) put(d, at, emptiest(d, group));
        }
}

crm_status crm_groups_stratify(const crm_groups *g, const crm_view *v, const crm_target *t,
                               uint64_t seed, int repeat, int folds, int32_t *fold)
{
    dealer d = {
        .g = g, .v = v, .label = t->label, .folds = folds, .n_classes = t->n_classes, .fold = fold};
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, d.order, g->n);
    CRM_NEW_TO(st, done, d.total, t->n_classes);
    CRM_NEW_TO(st, done, d.count, (int64_t)folds * t->n_classes);
    CRM_NEW_TO(st, done, d.rows, folds);
    for (int64_t i = 0; i < v->n; i++)
        d.total[label_at(&d, i)]++;
    crm_rng_permute(seed, CRM_RNG_FOLDS, (uint32_t)repeat, g->n, d.order);
    CRM_TRY_TO(st, done, deal_many(&d));
    deal_single(&d);
done:
    crm_mem_free(d.order);
    crm_mem_free(d.total);
    crm_mem_free(d.count);
    crm_mem_free(d.rows);
    return st;
}

void crm_groups_count_classes(const crm_groups *g, const crm_view *v, const crm_target *t,
                              int64_t *last, int64_t *count)
{
    for (int c = 0; c < t->n_classes; c++) {
        last[c] = -1;
        count[c] = 0;
    }
    for (int64_t k = 0; k < g->n; k++)
        for (int64_t i = g->start[k]; i < g->start[k + 1]; i++) {
            int c = t->label[v->row[g->at[i]]];
            count[c] += last[c] != k;
            last[c] = k;
        }
}
