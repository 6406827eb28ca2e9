/* tree_hist.c - a classification tree from histograms of binned columns: the rows of its sample
 * before growth (tree_hist_top.c, tree_hist_share.c), the numbers of its nodes afterwards. */
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
enum { STRIP = 256, BRANCH_LEAST = 4096, BRANCH_MOST = 65536 };

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

void hist_rows_free(hist_rows *r)
{
    crm_mem_free(r->code);
    crm_mem_free(r->tag);
    r->code = NULL;
    r->tag = NULL;
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

/* Give back memory that the tree could still grow into; a forest holds many. */
static void trim(tree *t)
{
    size_t n = (size_t)t->n_nodes, v = (size_t)t->n_leaves * (size_t)t->width;
    tree_node *node = crm_mem_grow(t->node, n, n, sizeof *node);
    double *value = crm_mem_grow(t->value, v, v, sizeof *value);

    if (node) {
        t->node = node;
        t->node_cap = t->n_nodes;
    }
    if (value) {
        t->value = value;
        t->leaf_cap = t->n_leaves;
    }
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
    CRM_TRY_TO(st, done, tree_finish(j->cfg, out, counts, j->d, importance));
    trim(out);
done:
    crm_mem_free(f.item);
    crm_mem_free(origin);
    crm_mem_free(counts);
    return st;
}

/* ---- growth ---- */
static crm_status team_new(hist_team *g)
{
    g->n = g->pool ? crm_pool_size(g->pool) : 1;
    CRM_NEW(g->bench, g->n);
    for (int i = 0; i < g->n; i++)
        CRM_TRY(hist_bench_new(g->j, &g->bench[i]));
    return rows_new(g->j, g->rows);
}

static void team_free(hist_team *g)
{
    for (int i = 0; g->bench && i < g->n; i++)
        hist_bench_free(&g->bench[i]);
    crm_mem_free(g->bench);
    crm_mem_free(g->branch.item);
    hist_rows_free(g->rows);
}

/* Counts of the classes in the root, on all ranks. */
static crm_status count_root(const hist_team *g, hist_job *j, int64_t *sum, uint32_t *count)
{
    int64_t n = 0;

    count_classes(g->rows, sum);
    if (g->comm) CRM_TRY(crm_comm_sum_i64(g->comm, sum, j->m));
    for (int c = 0; c < j->m; c++) {
        n += sum[c];
        count[c] = (uint32_t)sum[c];
        j->total += j->sample->weight[c] * (double)sum[c];
    }
    CRM_CHECK(n <= UINT32_MAX, CRM_ERR_CONFIG,
              "a tree of %lld rows; histograms count up to %lld: use fewer rows", (long long)n,
              (long long)UINT32_MAX);
    return CRM_OK;
}

static crm_status plant(hist_team *g, hist_job *j)
{
    int64_t *sum = crm_mem_new((size_t)j->m, sizeof *sum);
    uint32_t *count = crm_mem_new((size_t)j->m, sizeof *count);
    crm_status st = CRM_OK;

    if (!sum || !count) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d classes", j->m);
    st = hist_agree(g, st);
    if (!st) st = count_root(g, j, sum, count);
    if (!st) st = hist_agree(g, hist_tree_new(j, count, g->t));
    crm_mem_free(sum);
    crm_mem_free(count);
    return st;
}

/* Rows above which a node is grown by all: some branches for each thread of each rank.  The tree is
 * the same for any number. */
static crm_status find_most(const hist_team *g, int64_t *most)
{
    int64_t v[2] = {g->n, g->rows->n}; /* threads, rows */

    if (g->comm) CRM_TRY(crm_comm_sum_i64(g->comm, v, 2));
    *most = v[1] / (8 * v[0]);
    if (*most < BRANCH_LEAST) *most = BRANCH_LEAST;
    if (*most > BRANCH_MOST) *most = BRANCH_MOST;
    if (v[0] == 1) *most = INT64_MAX;
    return CRM_OK;
}

static void drop_codes(tree_bins *b)
{
    crm_mem_free(b->code);
    b->code = NULL;
}

crm_status tree_grow_hist(const tree_grow_cfg *cfg, crm_comm *comm, crm_pool *pool, tree_bins *bins,
                          const tree_sample *s, tree *out, double *importance)
{
    bool alone = !comm || crm_comm_size(comm) == 1;
    hist_job j = {0};
    hist_rows r = {0};
    hist_tree t = {0};
    hist_team g = {.j = &j, .comm = alone ? NULL : comm, .pool = pool, .rows = &r, .t = &t};
    int64_t most = INT64_MAX;
    crm_status st;

    st = crm_fit_check_stop(cfg->fit);
    if (!st) st = job_new(cfg, bins, s, &j);
    if (!st) st = team_new(&g);
    CRM_TRY_TO(st, done, hist_agree(&g, st));
    if (s->last) drop_codes(bins);
    CRM_TRY_TO(st, done, plant(&g, &j));
    CRM_TRY_TO(st, done, find_most(&g, &most));
    CRM_TRY_TO(st, done, hist_grow_top(&g, most));
    CRM_TRY_TO(st, done, hist_grow_branches(&g));
    st = hist_agree(&g, finish(&j, &t, out, importance));
done:
    team_free(&g);
    hist_tree_free(&t);
    crm_mem_free(j.xlogx);
    return st;
}
