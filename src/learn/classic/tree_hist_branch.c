/* tree_hist_branch.c - a branch of a tree whose rows are all here: node after node, depth first.
 *
 * Where nodes look at all columns, histograms of the larger child are those of its parent less
 * those of the smaller child.  The smaller child is grown first, so that no more histograms are
 * held than the number of rows can be halved. */
#include "tree_hist_impl.h"

enum {
    LARGE = 256,  /* rows of a node whose histograms are had by subtraction             */
    SMALL = 64,   /* rows of a node that keeps the histograms counted for its sibling   */
    SPARSE = 128, /* rows below which codes are marked row by row                       */
    SPARES = 64,
    HELD_BYTES = 1 << 22, /* histograms of a node that are held */
};

/* ---- nodes ---- */
static crm_status reserve(hist_tree *t, int32_t cap)
{
    hist_node *node = crm_mem_grow(t->node, (size_t)t->n, (size_t)cap, sizeof *node);
    uint32_t *count;

    CRM_CHECK(node, CRM_ERR_NOMEM, "out of memory: %d nodes of a tree", cap);
    t->node = node;
    count = crm_mem_grow(t->count, (size_t)t->n * (size_t)t->m, (size_t)cap * (size_t)t->m,
                         sizeof *count);
    CRM_CHECK(count, CRM_ERR_NOMEM, "out of memory: %d nodes of a tree", cap);
    t->count = count;
    t->cap = cap;
    return CRM_OK;
}

crm_status hist_tree_new(const hist_job *j, const uint32_t *count, hist_tree *out)
{
    *out = (hist_tree){.m = j->m};
    CRM_TRY(reserve(out, 3));
    memcpy(out->count, count, (size_t)j->m * sizeof *count);
    out->node[0].column = -1;
    out->n = 1;
    return CRM_OK;
}

static double weight_of(const hist_job *j, const uint32_t *count)
{
    double sum = 0;

    for (int c = 0; c < j->m; c++)
        sum += j->sample->weight[c] * (double)count[c];
    return sum;
}

/* Where training had no missing value, they go to the heavier side, the right one of equals. */
static void fill_node(const hist_job *j, hist_tree *t, int32_t at, const hist_best *s)
{
    hist_node *n = t->node + at;
    const uint32_t *left = t->count + (int64_t)n->left * t->m;

    n->column = s->column;
    n->bin = s->bin;
    n->missing_left = s->missing ? s->missing_left : weight_of(j, left) > weight_of(j, left + t->m);
    n[n->left - at].column = n[n->left - at + 1].column = -1;
}

crm_status hist_tree_reserve(hist_tree *t, int64_t n)
{
    int64_t need = t->n + n, twice = 2 * (int64_t)t->cap;

    CRM_CHECK(need < INT32_MAX, CRM_ERR_NOMEM, "a tree of %lld nodes", (long long)need);
    if (need <= t->cap) return CRM_OK;
    return reserve(t, (int32_t)(need > twice ? need : twice < INT32_MAX ? twice : INT32_MAX));
}

crm_status hist_tree_split(const hist_job *j, hist_tree *t, int32_t at, const hist_bench *b,
                           double decrease)
{
    uint32_t *count, *left;

    CRM_TRY(hist_tree_reserve(t, 2));
    count = t->count + (int64_t)at * t->m;
    left = t->count + (int64_t)t->n * t->m;
    for (int c = 0; c < t->m; c++) {
        left[c] = b->left[c];
        left[t->m + c] = count[c] - b->left[c];
    }
    t->node[at].left = t->n;
    t->node[at].decrease = decrease;
    t->n += 2;
    fill_node(j, t, at, &b->best);
    return CRM_OK;
}

void hist_tree_free(hist_tree *t)
{
    crm_mem_free(t->node);
    crm_mem_free(t->count);
    *t = (hist_tree){0};
}

uint64_t hist_child_key(uint64_t key, int side)
{
    return crm_rng_derive(key, (uint64_t)side, 0, 0);
}

/* ---- histograms of all columns that are held for children ---- */
static int64_t hist_size(const hist_job *j)
{
    return (int64_t)j->d * HIST_CODES * j->per;
}

static crm_status take_hist(const hist_job *j, hist_bench *b, uint32_t **out)
{
    if (b->n_spare > 0) {
        *out = b->spare[--b->n_spare];
        memset(*out, 0, (size_t)hist_size(j) * sizeof **out);
        return CRM_OK;
    }
    CRM_NEW(*out, hist_size(j));
    return CRM_OK;
}

static void give_hist(hist_bench *b, uint32_t *hist)
{
    if (!hist) return;
    if (b->n_spare < SPARES)
        b->spare[b->n_spare++] = hist;
    else
        crm_mem_free(hist);
}

static void count_all(const hist_job *j, const hist_rows *r, int32_t *column, uint32_t *hist)
{
    for (int c = 0; c < j->d; c += HIST_GROUP) {
        int n = j->d - c < HIST_GROUP ? j->d - c : HIST_GROUP;
        for (int k = 0; k < n; k++)
            column[k] = c + k;
        hist_count(j, r, n, column, hist + (int64_t)c * HIST_CODES * j->per);
    }
}

/* ---- the split of a node ---- */
enum { LOOK_ROWS = 16384 }; /* of a node, from which a wish to stop is looked for */
typedef struct todo {
    int64_t first, n, depth;
    uint64_t key;
    uint32_t *hist; /* of all columns, or NULL */
    int32_t node;
} todo;

typedef struct grower {
    const hist_job *j;
    hist_bench *b;
    hist_rows rows;
    hist_tree *t;
    int64_t n_todo, cap;
    todo *todo;
} grower;

static void mark_codes(const hist_rows *r, int32_t column, uint64_t *occupied)
{
    const uint8_t *x = r->code + column;

    memset(occupied, 0, HIST_WORDS * sizeof *occupied);
    for (int64_t i = 0; i < r->n; i++, x += r->stride)
        occupied[*x >> 6] |= 1ULL << (*x & 63);
}

static void clear_codes(uint32_t *hist, int per, const uint64_t *occupied)
{
    for (int w = 0; w < HIST_WORDS; w++)
        for (uint64_t bits = occupied[w]; bits; bits &= bits - 1) {
            uint32_t *at = hist + (64 * w + __builtin_ctzll(bits)) * per;
            for (int c = 0; c < per; c++)
                at[c] = 0;
        }
}

/* The n columns in b->column; whether one of them has several codes. */
static bool try_columns(const hist_job *j, hist_bench *b, const hist_rows *r, int n)
{
    bool some = false;

    hist_count(j, r, n, b->column, b->hist);
    for (int k = 0; k < n; k++) {
        uint32_t *h = b->hist + (int64_t)k * HIST_CODES * j->per;
        if (r->n < SPARSE)
            mark_codes(r, b->column[k], b->occupied[k]);
        else
            hist_occupied(h, j->per, b->occupied[k]);
        some |= hist_scan(j, b, b->column[k], h, b->occupied[k]);
        clear_codes(h, j->per, b->occupied[k]);
    }
    return some;
}

/* Columns in the order drawn: max_features of them, then one by one until one has two codes. */
static void try_drawn(const hist_job *j, hist_bench *b, const hist_rows *r, uint64_t key)
{
    int64_t left = j->cfg->max_features;
    bool some = false;

    hist_draw_begin(j, b, key);
    while (left > 0 || !some) {
        int n = 0, most = left > HIST_GROUP ? HIST_GROUP : left > 0 ? (int)left : 1;
        while (n < most && (b->column[n] = tree_draw_next(&b->draw)) >= 0)
            n++;
        if (n == 0) break;
        some |= try_columns(j, b, r, n);
        left -= n;
    }
    tree_draw_end(&b->draw);
}

static void try_held(const hist_job *j, hist_bench *b, const uint32_t *hist)
{
    uint64_t occupied[HIST_WORDS];

    for (int c = 0; c < j->d; c++, hist += HIST_CODES * j->per) {
        hist_occupied(hist, j->per, occupied);
        hist_scan(j, b, c, hist, occupied);
    }
}

/* ---- growth ---- */
static crm_status push(grower *g, todo x)
{
    if (g->n_todo == g->cap) {
        todo *more =
            crm_mem_grow(g->todo, (size_t)g->n_todo, (size_t)g->cap * 2 + 64, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %lld nodes to grow", (long long)g->cap);
        g->todo = more;
        g->cap = 2 * g->cap + 64;
    }
    g->todo[g->n_todo++] = x;
    return CRM_OK;
}

static bool child_is_leaf(grower *g, const todo *x)
{
    return hist_is_leaf(g->j, g->b, g->t->count + (int64_t)x->node * g->t->m, x->n, x->depth);
}

/* held: histograms of the parent, given away.  large is to be split. */
static crm_status subtract(grower *g, uint32_t *held, todo *small, todo *large)
{
    hist_rows r = hist_part(&g->rows, small->first, small->n);
    int64_t n = hist_size(g->j);

    large->hist = held;
    CRM_TRY(take_hist(g->j, g->b, &small->hist));
    count_all(g->j, &r, g->b->column, small->hist);
    for (int64_t i = 0; i < n; i++)
        held[i] -= small->hist[i];
    if (small->n >= SMALL) return CRM_OK;
    give_hist(g->b, small->hist);
    small->hist = NULL;
    return CRM_OK;
}

static crm_status push_children(grower *g, uint32_t *held, todo *small, todo *large)
{
    bool leaf = child_is_leaf(g, large);

    if (held && !leaf && large->n >= LARGE)
        CRM_TRY(subtract(g, held, small, large));
    else
        give_hist(g->b, held);
    if (!leaf) CRM_TRY(push(g, *large));
    if (!child_is_leaf(g, small)) return push(g, *small);
    give_hist(g->b, small->hist);
    return CRM_OK;
}

/* Find the split of a node, move its rows, put its children on the list. */
static crm_status grow_node(grower *g, todo x)
{
    const hist_job *j = g->j;
    hist_rows r = hist_part(&g->rows, x.first, x.n);
    todo l = x, s = x;
    double decrease;

    g->b->best.found = false;
    g->b->total = g->t->count + (int64_t)x.node * g->t->m;
    g->b->n_rows = x.n;
    if (x.hist)
        try_held(j, g->b, x.hist);
    else
        try_drawn(j, g->b, &r, x.key);
    if (!hist_is_worth(j, g->b, &decrease)) {
        give_hist(g->b, x.hist);
        return CRM_OK;
    }
    CRM_TRY(hist_tree_split(j, g->t, x.node, g->b, decrease));
    l.n = hist_partition(&r, g->t->node + x.node);
    l.node = g->t->node[x.node].left;
    s = (todo){.first = x.first + l.n, .n = x.n - l.n, .node = l.node + 1};
    l.depth = s.depth = x.depth + 1;
    l.key = hist_child_key(x.key, 0);
    s.key = hist_child_key(x.key, 1);
    l.hist = NULL;
    return l.n < s.n ? push_children(g, x.hist, &l, &s) : push_children(g, x.hist, &s, &l);
}

static crm_status begin(grower *g, int64_t depth, uint64_t key)
{
    todo root = {.n = g->rows.n, .depth = depth, .key = key};

    if (child_is_leaf(g, &root)) return CRM_OK;
    if (g->j->all && root.n >= LARGE &&
        hist_size(g->j) * (int64_t)sizeof *root.hist <= HELD_BYTES) {
        CRM_TRY(take_hist(g->j, g->b, &root.hist));
        count_all(g->j, &g->rows, g->b->column, root.hist);
    }
    return push(g, root);
}

crm_status hist_grow(const hist_job *j, hist_bench *b, const hist_rows *r, int64_t depth,
                     uint64_t key, hist_tree *t)
{
    grower g = {.j = j, .b = b, .rows = *r, .t = t};
    crm_status st = begin(&g, depth, key);

    while (!st && g.n_todo > 0) {
        if (g.todo[g.n_todo - 1].n >= LOOK_ROWS) st = crm_fit_check_stop(j->cfg->fit);
        if (!st) st = grow_node(&g, g.todo[--g.n_todo]);
    }
    while (g.n_todo > 0) /* after a failure */
        give_hist(b, g.todo[--g.n_todo].hist);
    crm_mem_free(g.todo);
    return st;
}
