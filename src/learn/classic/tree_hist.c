/* tree_hist.c - a classification tree from histograms of binned columns. */
#include "crmpi/base_math.h"
#include "crmpi/classic_tree.h"
#include "tree_hist_impl.h"

/* ---- what is common to all nodes ---- */
static crm_status job_new(const tree_grow_cfg *cfg, const tree_bins *bins, const tree_sample *s,
                          hist_job *j)
{
    *j = (hist_job){.cfg = cfg, .bins = bins, .sample = s, .d = bins->n_columns, .m = s->m};
    j->rows = s->count && cfg->min_samples_leaf > 1;
    j->per = s->m + j->rows;
    j->all = cfg->max_features >= j->d;
    if (cfg->criterion == CRM_TREE_GINI) return CRM_OK;
    CRM_NEW(j->xlogx, HIST_LOGS);
    for (int i = 1; i < HIST_LOGS; i++)
        j->xlogx[i] = i * crm_log(i);
    return CRM_OK;
}

static bool takes_part(const tree_sample *s, int64_t i)
{
    return s->slot[i] >= 0 && (!s->count || s->count[i] > 0);
}

/* ---- rows of the sample ---- */
enum { STRIP = 256 };

static void copy_strip(const hist_job *j, const int64_t *pos, int n, int64_t at, hist_rows *r)
{
    const tree_sample *s = j->sample;

    for (int i = 0; i < n; i++) {
        uint32_t times = s->count ? s->count[pos[i]] : 1;
        r->tag[at + i] = times << 24 | (uint32_t)s->slot[pos[i]];
    }
    for (int64_t c = 0; c < j->d; c++) {
        const uint8_t *from = j->bins->code + c * j->bins->n;
        uint8_t *to = r->code + at * r->stride + c;
        for (int i = 0; i < n; i++)
            to[i * r->stride] = from[pos[i]];
    }
}

static void copy_rows(const hist_job *j, hist_rows *r)
{
    int64_t pos[STRIP], at = 0;
    int n = 0;

    for (int64_t i = 0; i < j->sample->n; i++) {
        if (takes_part(j->sample, i)) pos[n++] = i;
        if (n < STRIP && i + 1 < j->sample->n) continue;
        copy_strip(j, pos, n, at, r);
        at += n;
        n = 0;
    }
}

static crm_status rows_new(const hist_job *j, hist_rows *r)
{
    *r = (hist_rows){.stride = (j->d + 15) / 16 * 16};
    for (int64_t i = 0; i < j->sample->n; i++)
        r->n += takes_part(j->sample, i);
    CRM_NEW(r->code, r->n * r->stride);
    CRM_NEW(r->tag, r->n);
    copy_rows(j, r);
    return CRM_OK;
}

static void rows_free(hist_rows *r)
{
    crm_mem_free(r->code);
    crm_mem_free(r->tag);
}

static void count_classes(const hist_rows *r, int64_t *count)
{
    for (int64_t i = 0; i < r->n; i++)
        count[r->tag[i] & HIST_SLOT] += r->tag[i] >> 24;
}

/* ---- from the growing tree to the grown one ---- */
/* Splits that can be made next: the best of them first, among equal ones the first made. */
typedef struct ready {
    double decrease;
    int32_t from, to; /* node of the growing tree, of the grown one */
} ready;
typedef struct frontier {
    bool best_first;
    int64_t n;
    ready *item;
} frontier;

static bool before(const ready *a, const ready *b)
{
    return a->decrease > b->decrease || (a->decrease == b->decrease && a->to < b->to);
}

/* Without an order of its own the frontier is a stack. */
static void put(frontier *f, ready x)
{
    int64_t at = f->n++;

    for (; f->best_first && at > 0 && before(&x, &f->item[(at - 1) / 2]); at = (at - 1) / 2)
        f->item[at] = f->item[(at - 1) / 2];
    f->item[at] = x;
}

static ready take(frontier *f)
{
    ready top = f->item[0], last = f->item[--f->n];
    int64_t at = 0;

    if (!f->best_first) return last;
    for (int64_t child = 1; child < f->n; child = 2 * at + 1) {
        if (child + 1 < f->n && before(&f->item[child + 1], &f->item[child])) child++;
        if (!before(&f->item[child], &last)) break;
        f->item[at] = f->item[child];
        at = child;
    }
    f->item[at] = last;
    return top;
}

static void put_split(frontier *f, const hist_tree *t, int32_t from, int32_t to)
{
    if (t->node[from].column >= 0)
        put(f, (ready){.decrease = t->node[from].decrease, .from = from, .to = to});
}

/* origin[node of out] = node of t. */
static crm_status emit(const hist_job *j, const hist_tree *t, frontier *f, tree *out,
                       int32_t *origin)
{
    int64_t most = j->cfg->max_leaf_nodes ? j->cfg->max_leaf_nodes : INT32_MAX;

    origin[0] = 0;
    put_split(f, t, 0, 0);
    while (f->n > 0 && out->n_leaves < most) {
        ready r = take(f);
        const hist_node *n = t->node + r.from;
        double cut = n->bin == HIST_PRESENT ? (double)INFINITY : j->bins->cut[n->column][n->bin];
        int32_t left;
        CRM_TRY(tree_split(out, r.to, n->column, cut, n->missing_left, &left));
        origin[left] = n->left;
        origin[left + 1] = n->left + 1;
        put_split(f, t, n->left + 1, left + 1);
        put_split(f, t, n->left, left);
    }
    return CRM_OK;
}

static void weigh_nodes(const hist_job *j, const hist_tree *t, const tree *out,
                        const int32_t *origin, double *counts)
{
    for (int64_t i = 0; i < out->n_nodes; i++)
        for (int c = 0; c < j->m; c++)
            counts[i * j->m + c] = j->sample->weight[c] * t->count[(int64_t)origin[i] * j->m + c];
}

static crm_status finish(const hist_job *j, hist_tree *t, tree *out, double *importance)
{
    frontier f = {.best_first = j->cfg->max_leaf_nodes > 0};
    int32_t *origin = NULL;
    double *counts = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, f.item, t->n);
    CRM_NEW_TO(st, done, origin, t->n);
    CRM_TRY_TO(st, done, tree_new(j->m, out));
    CRM_TRY_TO(st, done, emit(j, t, &f, out, origin));
    CRM_NEW_TO(st, done, counts, (int64_t)out->n_nodes * j->m);
    weigh_nodes(j, t, out, origin, counts);
    hist_tree_free(t);
    st = tree_finish(j->cfg, out, counts, j->d, importance);
done:
    crm_mem_free(f.item);
    crm_mem_free(origin);
    crm_mem_free(counts);
    return st;
}

/* ---- growth ---- */
static crm_status grow_here(hist_job *j, hist_rows *r, hist_tree *t)
{
    hist_bench b = {0};
    crm_status st = hist_bench_new(j, &b);

    if (!st) st = hist_grow(j, &b, r, 0, 0, t);
    hist_bench_free(&b);
    return st;
}

crm_status tree_grow_hist(const tree_grow_cfg *cfg, crm_comm *comm, crm_pool *pool,
                          const tree_bins *bins, const tree_sample *s, tree *out,
                          double *importance)
{
    hist_rows r = {0};
    hist_tree t = {0};
    hist_job j;
    int64_t *sum = NULL;
    uint32_t *count = NULL;
    crm_status st;

    (void)pool;
    CRM_CHECK(!comm || crm_comm_size(comm) == 1, CRM_ERR_INTERNAL, "rows are shared out");
    CRM_TRY_TO(st, done, job_new(cfg, bins, s, &j));
    CRM_TRY_TO(st, done, rows_new(&j, &r));
    CRM_NEW_TO(st, done, sum, j.m);
    CRM_NEW_TO(st, done, count, j.m);
    count_classes(&r, sum);
    for (int c = 0; c < j.m; c++) {
        count[c] = (uint32_t)sum[c];
        j.total += s->weight[c] * (double)count[c];
    }
    CRM_TRY_TO(st, done, hist_tree_new(&j, count, &t));
    CRM_TRY_TO(st, done, grow_here(&j, &r, &t));
    rows_free(&r);
    r = (hist_rows){0};
    st = finish(&j, &t, out, importance);
done:
    rows_free(&r);
    hist_tree_free(&t);
    crm_mem_free(sum);
    crm_mem_free(count);
    crm_mem_free(j.xlogx);
    return st;
}
