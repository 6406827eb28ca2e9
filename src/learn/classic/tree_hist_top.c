/* tree_hist_top.c - the nodes with the most rows, level by level: threads count different columns
 * and nodes, ranks their own rows; the counts of a level are summed over the ranks together. */
#include "tree_hist_impl.h"

enum { BATCH_BYTES = 1 << 26 }; /* histograms of nodes that are worked on at once */

/* What a node of the batch has found. */
typedef struct probe {
    hist_best best;
    bool some; /* a column has several codes */
} probe;

/* Nodes of a level that are worked on at once. */
typedef struct batch {
    hist_team *g;
    const hist_span *span; /* [n] */
    int n, width;          /* nodes; columns of each in one round */
    int round;
    int *n_column;   /* [n] in this round; 0: nothing is left to try */
    int32_t *column; /* [n][width] */
    uint32_t *hist;  /* [n][width][HIST_CODES][per] */
    probe *probe;    /* [n] */
    uint32_t *left;  /* [n][m] */
    int64_t *moved;  /* [n] own rows that went left, then those of all ranks */
    bool *split;     /* [n] */
} batch;

static int64_t hist_width(const batch *b)
{
    return (int64_t)HIST_CODES * b->g->j->per;
}

static hist_rows rows_of(const batch *b, int64_t i)
{
    return hist_part(b->g->rows, b->span[i].first, b->span[i].n);
}

/* ---- columns of a round: max_features of them, as long as all before had one code only ---- */
static void draw_columns(batch *b, int i)
{
    hist_bench *bench = &b->g->bench[0];
    int32_t *column = b->column + (int64_t)i * b->width;
    int skip = b->round * b->width, n = 0;

    hist_draw_begin(b->g->j, bench, b->span[i].key);
    while (skip > 0 && tree_draw_next(&bench->draw) >= 0)
        skip--;
    while (n < b->width && (column[n] = tree_draw_next(&bench->draw)) >= 0)
        n++;
    tree_draw_end(&bench->draw);
    b->n_column[i] = n;
}

static bool draw_round(batch *b)
{
    bool any = false;

    for (int i = 0; i < b->n; i++) {
        b->n_column[i] = 0;
        if (!b->probe[i].some) draw_columns(b, i);
        any |= b->n_column[i] > 0;
    }
    return any;
}

/* ---- counts ---- */
static crm_status count_group(void *ctx, int64_t task, int worker)
{
    batch *b = ctx;
    int groups = (b->width + HIST_GROUP - 1) / HIST_GROUP;
    int64_t i = task / groups, first = task % groups * HIST_GROUP, left = b->n_column[i] - first;
    int64_t at = i * b->width + first;
    hist_rows r = rows_of(b, i);

    (void)worker;
    if (left <= 0) return CRM_OK;
    hist_count(b->g->j, &r, left < HIST_GROUP ? (int)left : HIST_GROUP, b->column + at,
               b->hist + at * hist_width(b));
    return CRM_OK;
}

static crm_status count_round(batch *b)
{
    int64_t groups = (b->width + HIST_GROUP - 1) / HIST_GROUP;

    memset(b->hist, 0, (size_t)(b->n * b->width * hist_width(b)) * sizeof *b->hist);
    return crm_pool_run(b->g->pool, b->n * groups, count_group, b);
}

/* Numbers of all histograms that can be other than 0, one after the other: from them to sum, or
 * back.  sum NULL: only how many they are. */
static int64_t copy_counts(const batch *b, int64_t *sum, bool back)
{
    const hist_job *j = b->g->j;
    int64_t n = 0;

    for (int64_t i = 0; i < b->n; i++)
        for (int64_t k = 0; k < b->n_column[i]; k++) {
            int32_t c = b->column[i * b->width + k];
            uint32_t *hist = b->hist + (i * b->width + k) * hist_width(b);
            for (int code = 0; code < HIST_CODES; code++) {
                if (code >= j->bins->bins[c] && !(code == TREE_MISSING && j->bins->has_missing[c]))
                    continue;
                for (int q = 0; sum && q < j->per; q++)
                    if (back)
                        hist[code * j->per + q] = (uint32_t)sum[n + q];
                    else
                        sum[n + q] = hist[code * j->per + q];
                n += j->per;
            }
        }
    return n;
}

static crm_status sum_round(batch *b)
{
    int64_t n = copy_counts(b, NULL, false);
    int64_t *sum = crm_mem_new((size_t)n, sizeof *sum);
    crm_status st = CRM_OK;

    if (!sum) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld counts", (long long)n);
    st = crm_comm_agree(b->g->comm, st);
    if (!st) {
        copy_counts(b, sum, false);
        st = crm_comm_sum_i64(b->g->comm, sum, n);
    }
    if (!st) copy_counts(b, sum, true);
    crm_mem_free(sum);
    return st;
}

/* ---- splits ---- */
static crm_status scan_node(void *ctx, int64_t i, int worker)
{
    batch *b = ctx;
    const hist_job *j = b->g->j;
    hist_bench *w = &b->g->bench[worker];
    const uint32_t *hist = b->hist + i * b->width * hist_width(b);
    uint64_t occupied[HIST_WORDS];
    probe *p = &b->probe[i];

    w->best.found = false;
    w->total = b->g->t->count + (int64_t)b->span[i].node * j->m;
    w->n_rows = b->span[i].rows;
    for (int k = 0; k < b->n_column[i] && !(b->round > 0 && p->some); k++) {
        const uint32_t *h = hist + k * hist_width(b);
        hist_occupied(h, j->per, occupied);
        p->some |= hist_scan(j, w, b->column[i * b->width + k], h, occupied);
    }
    if (b->n_column[i] == 0) return CRM_OK;
    p->best = w->best;
    memcpy(b->left + i * j->m, w->left, (size_t)j->m * sizeof *w->left);
    return CRM_OK;
}

static crm_status find_splits(batch *b)
{
    for (b->round = 0; draw_round(b); b->round++) {
        CRM_TRY(hist_agree(b->g, count_round(b)));
        if (b->g->comm) CRM_TRY(sum_round(b));
        CRM_TRY(crm_pool_run(b->g->pool, b->n, scan_node, b));
    }
    return CRM_OK;
}

static crm_status make_splits(batch *b)
{
    hist_bench *w = &b->g->bench[0];
    int m = b->g->j->m;

    for (int i = 0; i < b->n; i++) {
        int32_t at = b->span[i].node;
        double decrease;
        w->best = b->probe[i].best;
        w->total = b->g->t->count + (int64_t)at * m;
        memcpy(w->left, b->left + (int64_t)i * m, (size_t)m * sizeof *w->left);
        b->split[i] = hist_is_worth(b->g->j, w, &decrease);
        if (b->split[i]) CRM_TRY(hist_tree_split(b->g->j, b->g->t, at, w, decrease));
    }
    return CRM_OK;
}

static crm_status move_rows(void *ctx, int64_t i, int worker)
{
    batch *b = ctx;
    hist_rows r = rows_of(b, i);

    (void)worker;
    b->moved[i] = b->split[i] ? hist_partition(&r, b->g->t->node + b->span[i].node) : 0;
    return CRM_OK;
}

/* ---- from level to level ---- */
crm_status hist_spans_add(hist_spans *s, hist_span x)
{
    if (s->n == s->cap) {
        hist_span *more =
            crm_mem_grow(s->item, (size_t)s->n, (size_t)s->cap * 2 + 16, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %lld nodes", (long long)s->n);
        s->item = more;
        s->cap = 2 * s->cap + 16;
    }
    s->item[s->n++] = x;
    return CRM_OK;
}

/* A node is a leaf, a branch, or of the level. */
static crm_status sort_in(hist_team *g, hist_span x, int64_t most, hist_spans *level)
{
    const uint32_t *count = g->t->count + (int64_t)x.node * g->j->m;

    if (hist_is_leaf(g->j, &g->bench[0], count, x.rows, x.depth)) return CRM_OK;
    return hist_spans_add(x.rows > most ? level : &g->branch, x);
}

static crm_status sort_children(const batch *b, int i, int64_t own, int64_t most, hist_spans *next)
{
    hist_span x = b->span[i], l = x, r = x;

    l.n = own;
    l.rows = b->moved[i];
    l.key = hist_child_key(x.key, 0);
    l.node = b->g->t->node[x.node].left;
    r.first += own;
    r.n -= own;
    r.rows -= l.rows;
    r.key = hist_child_key(x.key, 1);
    r.node = l.node + 1;
    l.depth = r.depth = x.depth + 1;
    CRM_TRY(sort_in(b->g, l, most, next));
    return sort_in(b->g, r, most, next);
}

static crm_status end_batch(batch *b, int64_t *own, int64_t most, hist_spans *next)
{
    crm_status st = CRM_OK;

    memcpy(own, b->moved, (size_t)b->n * sizeof *own);
    if (b->g->comm) CRM_TRY(crm_comm_sum_i64(b->g->comm, b->moved, b->n));
    for (int i = 0; i < b->n && !st; i++)
        if (b->split[i]) st = sort_children(b, i, own[i], most, next);
    return hist_agree(b->g, st);
}

static crm_status batch_new(batch *b)
{
    CRM_TRY(crm_fit_check_stop(b->g->j->cfg->fit));
    CRM_NEW(b->n_column, b->n);
    CRM_NEW(b->column, (int64_t)b->n * b->width);
    CRM_NEW(b->hist, b->n * b->width * hist_width(b));
    CRM_NEW(b->probe, b->n);
    CRM_NEW(b->left, (int64_t)b->n * b->g->j->m);
    CRM_NEW(b->moved, 2 * (int64_t)b->n);
    CRM_NEW(b->split, b->n);
    return CRM_OK;
}

static void batch_free(batch *b)
{
    crm_mem_free(b->n_column);
    crm_mem_free(b->column);
    crm_mem_free(b->hist);
    crm_mem_free(b->probe);
    crm_mem_free(b->left);
    crm_mem_free(b->moved);
    crm_mem_free(b->split);
}

static crm_status grow_batch(batch *b, int64_t most, hist_spans *next)
{
    crm_status st;

    CRM_TRY_TO(st, done, hist_agree(b->g, batch_new(b)));
    CRM_TRY_TO(st, done, find_splits(b));
    CRM_TRY_TO(st, done, hist_agree(b->g, make_splits(b)));
    CRM_TRY_TO(st, done, hist_agree(b->g, crm_pool_run(b->g->pool, b->n, move_rows, b)));
    st = end_batch(b, b->moved + b->n, most, next);
done:
    batch_free(b);
    return st;
}

static crm_status grow_level(hist_team *g, const hist_spans *level, int64_t most, hist_spans *next)
{
    int64_t f = g->j->cfg->max_features, width = f < g->j->d ? f : g->j->d;
    int64_t bytes = width * HIST_CODES * g->j->per * (int64_t)sizeof(uint32_t);
    int64_t step = bytes < BATCH_BYTES ? BATCH_BYTES / (bytes ? bytes : 1) : 1;

    for (int64_t at = 0; at < level->n; at += step) {
        int64_t n = level->n - at < step ? level->n - at : step;
        batch b = {.g = g, .span = level->item + at, .n = (int)n, .width = (int)width};
        CRM_TRY(grow_batch(&b, most, next));
    }
    return CRM_OK;
}

static crm_status begin(hist_team *g, int64_t most, hist_spans *level)
{
    hist_span root = {.n = g->rows->n, .rows = g->rows->n};

    if (g->comm) CRM_TRY(crm_comm_sum_i64(g->comm, &root.rows, 1));
    return hist_agree(g, sort_in(g, root, most, level));
}

crm_status hist_grow_top(hist_team *g, int64_t most)
{
    hist_spans level = {0}, next = {0};
    crm_status st = begin(g, most, &level);

    while (!st && level.n > 0) {
        hist_spans swap = level;
        next.n = 0;
        st = grow_level(g, &level, most, &next);
        level = next;
        next = swap;
    }
    crm_mem_free(level.item);
    crm_mem_free(next.item);
    return st;
}
