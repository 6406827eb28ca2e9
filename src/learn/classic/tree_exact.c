/* tree_exact.c - a tree with exact splits: from the root on, each node is split where the impurity
 * falls most (Breiman, Friedman, Olshen, Stone 1984; rules and thresholds of scikit-learn).  Counts
 * are integers, so that no result depends on the order of rows. */
#include <string.h>

#include "crmpi/base_math.h"
#include "tree_exact_impl.h"

enum { LOOK_ROWS = 4096 }; /* of a node, from which a wish to stop is looked for */

/* Rows of a node. */
typedef struct span {
    int64_t first, n, depth;
} span;

/* A node whose split is known. */
typedef struct pending {
    int32_t node;
    double decrease; /* of the impurity */
    exact_cut cut;
} pending;

typedef struct grower {
    exact_rules rules;
    exact_team team;
    int64_t n;      /* rows of the sample       */
    int32_t *row;   /* [n] by node              */
    uint64_t *mark; /* [n]                      */
    tree *tree;
    span *span;     /* [cap] of nodes           */
    int64_t *count; /* [cap][m]                 */
    pending *queue; /* [cap]                    */
    int64_t *left;  /* [m] of the node under way */
    double *weight; /* [m] of the rows of a node */
    int64_t cap, n_queue;
} grower;

/* ---- the sample ---- */

/* Rows of the sample, copies of all and of the row with the most. */
static int64_t count_sample(const tree_sample *s, int64_t *copies, int64_t *most)
{
    int64_t n = 0;

    *copies = *most = 0;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t k = s->slot[i] < 0 ? 0 : s->count ? s->count[i] : 1;
        n += k > 0;
        *copies += k;
        *most = k > *most ? k : *most;
    }
    return n;
}

static uint64_t mark_of(bool packed, int64_t copies, int slot)
{
    if (packed) return 1 | (uint64_t)copies << (slot + 1) * EXACT_FIELD;
    return (uint64_t)copies | (uint64_t)slot << 32;
}

static void take_sample(const tree_sample *s, grower *g)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->n; i++) {
        int64_t k = s->slot[i] < 0 ? 0 : s->count ? s->count[i] : 1;
        if (k == 0) continue;
        g->row[n] = (int32_t)i;
        g->mark[n++] = mark_of(g->rules.packed, k, s->slot[i]);
        g->count[s->slot[i]] += k;
    }
}

/* ---- memory ---- */

static crm_status reserve(grower *g, int64_t n)
{
    int64_t cap = g->cap > 0 ? g->cap : 64, m = g->rules.m;
    void *more;

    if (n <= g->cap) return CRM_OK;
    while (cap < n)
        cap *= 2;
#define GROW(p, old, size)                                                                         \
    do {                                                                                           \
        more = crm_mem_grow((p), (size_t)(old), (size_t)(size), sizeof *(p));                      \
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: a tree of %lld nodes", (long long)cap);     \
        (p) = more;                                                                                \
    } while (0)
    GROW(g->span, g->cap, cap);
    GROW(g->count, g->cap * m, cap * m);
    GROW(g->queue, g->cap, cap);
#undef GROW
    g->cap = cap;
    return CRM_OK;
}

static crm_status make_table(int64_t n, double **out)
{
    CRM_NEW(*out, n + 1);
    for (int64_t i = 1; i <= n; i++)
        (*out)[i] = (double)i * crm_log((double)i);
    return CRM_OK;
}

static crm_status make_team(grower *g, crm_pool *pool)
{
    exact_team *t = &g->team;
    int d = g->rules.columns->n_columns;

    t->pool = pool;
    t->n = pool ? crm_pool_size(pool) : 1;
    CRM_NEW(t->bench, t->n);
    for (int k = 0; k < t->n; k++)
        CRM_TRY(exact_bench_new(g->n, g->rules.m, g->rules.packed, &t->bench[k]));
    t->draw.n = d;
    CRM_NEW(t->draw.perm, d);
    CRM_NEW(t->draw.back, d);
    CRM_NEW(t->list, d);
    CRM_NEW(t->row_spare, g->n);
    CRM_NEW(t->mark_spare, g->n);
    for (int j = 0; j < d; j++)
        t->draw.perm[j] = j;
    return CRM_OK;
}

static bool is_plain(const tree_sample *s)
{
    for (int c = 0; c < s->m; c++)
        if (s->weight[c] != 1) return false;
    return true;
}

static crm_status begin(const tree_grow_cfg *cfg, crm_pool *pool, const tree_columns *columns,
                        const tree_sample *s, grower *g)
{
    int64_t copies, most;

    g->rules = (exact_rules){
        .cfg = cfg, .columns = columns, .number = s->number, .m = s->m, .weight = s->weight};
    g->n = count_sample(s, &copies, &most);
    CRM_CHECK(g->n > 0, CRM_ERR_ARG, "a tree of no rows");
    g->rules.packed = s->m == 2 && copies <= EXACT_MASK && most <= EXACT_COPIES_MAX;
    g->rules.plain = is_plain(s);
    if (cfg->criterion == CRM_TREE_ENTROPY && g->rules.plain)
        CRM_TRY(make_table(copies, &g->rules.x_log_x));
    CRM_NEW(g->row, g->n);
    CRM_NEW(g->mark, g->n);
    CRM_NEW(g->left, s->m);
    CRM_NEW(g->weight, s->m);
    CRM_TRY(reserve(g, 1));
    take_sample(s, g);
    g->span[0] = (span){.n = g->n};
    return make_team(g, pool);
}

static void end(grower *g)
{
    for (int k = 0; g->team.bench && k < g->team.n; k++)
        exact_bench_free(&g->team.bench[k]);
    crm_mem_free(g->team.bench);
    crm_mem_free(g->team.draw.perm);
    crm_mem_free(g->team.draw.back);
    crm_mem_free(g->team.list);
    crm_mem_free(g->team.row_spare);
    crm_mem_free(g->team.mark_spare);
    crm_mem_free(g->rules.x_log_x);
    crm_mem_free(g->row);
    crm_mem_free(g->mark);
    crm_mem_free(g->span);
    crm_mem_free(g->count);
    crm_mem_free(g->queue);
    crm_mem_free(g->left);
    crm_mem_free(g->weight);
}

/* ---- growth ---- */

static tree_stat stat_of(const grower *g, const int64_t *count)
{
    tree_stat s = {0};

    for (int c = 0; c < g->rules.m; c++) {
        g->weight[c] = g->rules.weight[c] * (double)count[c];
        s.weight += g->weight[c];
    }
    s.impurity = tree_impurity(g->rules.cfg->criterion, g->rules.m, g->weight, s.weight);
    return s;
}

/* By a split into g->left and the rest of count. */
static double decrease_of(grower *g, tree_stat here, const int64_t *count)
{
    tree_stat left = stat_of(g, g->left), right, root = stat_of(g, g->count);

    for (int c = 0; c < g->rules.m; c++)
        g->left[c] = count[c] - g->left[c];
    right = stat_of(g, g->left);
    return tree_decrease(root.weight, here, left, right);
}

/* Find the split of a node; a node that must or should not be split stays a leaf. */
static crm_status look(grower *g, int32_t number)
{
    const span *s = &g->span[number];
    const int64_t *count = g->count + (int64_t)number * g->rules.m;
    exact_node x = {.number = number,
                    .n = s->n,
                    .row = g->row + s->first,
                    .mark = g->mark + s->first,
                    .count = count};
    tree_stat here = stat_of(g, count);
    pending p = {.node = number};

    if (s->n >= LOOK_ROWS) CRM_TRY(crm_fit_check_stop(g->rules.cfg->fit));
    if (tree_must_stop(g->rules.cfg, s->n, s->depth, here.impurity)) return CRM_OK;
    CRM_TRY(exact_split_node(&g->rules, &g->team, &x, g->left, &p.cut));
    if (p.cut.column < 0) return CRM_OK;
    p.decrease = decrease_of(g, here, count);
    if (!tree_too_little(g->rules.cfg, p.decrease)) g->queue[g->n_queue++] = p;
    return CRM_OK;
}

/* The last one; with a limit of leaves the one that decreases the impurity most, the first node of
 * equals. */
static pending take_next(grower *g)
{
    int64_t best = g->n_queue - 1;
    pending p;

    for (int64_t i = best - 1; g->rules.cfg->max_leaf_nodes > 0 && i >= 0; i--) {
        const pending *a = &g->queue[i], *b = &g->queue[best];
        if (a->decrease > b->decrease || (a->decrease == b->decrease && a->node < b->node))
            best = i;
    }
    p = g->queue[best];
    g->queue[best] = g->queue[--g->n_queue];
    return p;
}

static void count_rows(const grower *g, const span *s, int64_t *count)
{
    uint64_t sum = 0;

    for (int64_t i = s->first; i < s->first + s->n; i++)
        if (g->rules.packed)
            sum += g->mark[i];
        else
            exact_add(&g->rules, g->mark[i], count);
    if (g->rules.packed) exact_add(&g->rules, sum, count);
}

static crm_status split(grower *g, const pending *p)
{
    span s = g->span[p->node];
    int64_t m = g->rules.m, *count;
    int32_t left;

    CRM_TRY(tree_split(g->tree, p->node, p->cut.column, p->cut.value, p->cut.missing_left, &left));
    CRM_TRY(reserve(g, g->tree->n_nodes));
    count = g->count + left * m;
    g->span[left] = (span){.first = s.first, .n = p->cut.n_left, .depth = s.depth + 1};
    g->span[left + 1] =
        (span){.first = s.first + p->cut.n_left, .n = s.n - p->cut.n_left, .depth = s.depth + 1};
    memset(count, 0, (size_t)m * sizeof *count);
    count_rows(g, &g->span[left], count);
    for (int64_t c = 0; c < m; c++)
        count[m + c] = g->count[p->node * m + c] - count[c];
    CRM_TRY(look(g, left + 1));
    return look(g, left);
}

static crm_status grow(grower *g)
{
    int64_t most = g->rules.cfg->max_leaf_nodes;
    pending p;

    CRM_TRY(look(g, 0));
    while (g->n_queue > 0 && (most == 0 || g->tree->n_leaves < most)) {
        p = take_next(g);
        CRM_TRY(split(g, &p));
    }
    return CRM_OK;
}

static crm_status finish(const grower *g, double *importance)
{
    int64_t m = g->rules.m, n = g->tree->n_nodes * m;
    double *weights;
    crm_status st;

    CRM_NEW(weights, n);
    for (int64_t i = 0; i < n; i++)
        weights[i] = g->rules.weight[i % m] * (double)g->count[i];
    st = tree_finish(g->rules.cfg, g->tree, weights, g->rules.columns->n_columns, importance);
    crm_mem_free(weights);
    return st;
}

crm_status tree_grow_exact(const tree_grow_cfg *cfg, crm_pool *pool, const tree_columns *columns,
                           const tree_sample *s, tree *out, double *importance)
{
    grower g = {.tree = out};
    crm_status st;

    *out = (tree){0};
    st = begin(cfg, pool, columns, s, &g);
    if (!st) st = tree_new(s->m, out);
    if (!st) st = grow(&g);
    if (!st) st = finish(&g, importance);
    end(&g);
    if (st) tree_free(out);
    return st;
}
