/* knn_tree_build.c - the nodes of a k-d tree: halves by the median of the column in which some rows
 * of the node spread most; whole blocks of KNN_LANES rows. */
#include <math.h>

#include "knn_impl.h"

enum {
    LEAF_BLOCKS = 2,
    SAMPLE = 64,
    LOOK_ROWS = 16384 /* of a node, from which a wish to stop is looked for */
};

/* A row with its value in the column that is cut. */
typedef struct item {
    float key;
    int32_t at;
} item;

typedef struct build {
    const knn_rows *r;
    knn_tree *t;
    item *item;
    int64_t n_nodes;
    const crm_fit *fit;
    crm_status st; /* of the look for a stop; nothing more is cut after one */
} build;

static bool before(item a, item b)
{
    return a.key < b.key || (a.key == b.key && a.at < b.at);
}

static item middle(item a, item b, item c)
{
    if (before(b, a)) return before(c, b) ? b : before(c, a) ? c : a;
    return before(c, a) ? a : before(c, b) ? c : b;
}

/* The m smallest of v[n] come first (Hoare's selection); 0 < m < n. */
static void select_first(item *v, int64_t n, int64_t m)
{
    while (n > 1) {
        item pivot = middle(v[0], v[n / 2], v[n - 1]);
        int64_t i = 0, j = n - 1;

        while (i <= j) {
            while (before(v[i], pivot))
                i++;
            while (before(pivot, v[j]))
                j--;
            if (i <= j) {
                item t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (m <= j + 1) {
            n = j + 1;
        } else if (m >= i) {
            v += i;
            m -= i;
            n -= i;
        } else {
            return;
        }
        if (m == 0 || m == n) return;
    }
}

/* Column in which at most SAMPLE of the rows have the widest range; the first of equals. */
static int64_t widest(const build *b, const item *v, int64_t n)
{
    int64_t d = b->r->d, step = n > SAMPLE ? n / SAMPLE : 1, best = 0;
    double most = -1;

    for (int64_t j = 0; j < d; j++) {
        double low = (double)INFINITY, high = -(double)INFINITY;
        for (int64_t i = 0; i < n; i += step) {
            double x = (double)b->r->x[v[i].at * d + j];
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        if (high - low > most) {
            most = high - low;
            best = j;
        }
    }
    return best;
}

/* Rows v[n] into blocks from number `first` on; a last block that is not full repeats a row. */
static void set_blocks(build *b, const item *v, int64_t n, int64_t first)
{
    int64_t d = b->r->d, whole = (n + KNN_LANES - 1) / KNN_LANES * KNN_LANES;

    for (int64_t i = 0; i < whole; i++) {
        int64_t at = v[i < n ? i : n - 1].at;
        int64_t block = first + i / KNN_LANES, lane = i % KNN_LANES;
        for (int64_t j = 0; j < d; j++)
            b->t->block[(block * d + j) * KNN_LANES + lane] = b->r->x[at * d + j];
        b->t->at[block * KNN_LANES + lane] = i < n ? (int32_t)at : -1;
    }
}

static void leaf_box(build *b, const item *v, int64_t n, int64_t node)
{
    int64_t d = b->r->d;
    float *low = b->t->low + node * d, *high = b->t->high + node * d;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            float x = b->r->x[v[i].at * d + j];
            if (i == 0 || x < low[j]) low[j] = x;
            if (i == 0 || x > high[j]) high[j] = x;
        }
}

static void join_boxes(build *b, int64_t node, int64_t left, int64_t right)
{
    int64_t d = b->r->d;
    float *low = b->t->low, *high = b->t->high;

    for (int64_t j = 0; j < d; j++) {
        float l = low[left * d + j], r = low[right * d + j];
        low[node * d + j] = l < r ? l : r;
        l = high[left * d + j];
        r = high[right * d + j];
        high[node * d + j] = l > r ? l : r;
    }
}

/* Rows item[from ...] of blocks [first, end); depth is that of a halved number of blocks. */
static int32_t grow(build *b, int64_t from, int64_t n, int64_t first, int64_t end)
{
    int32_t node = (int32_t)b->n_nodes++;
    struct knn_node *at = &b->t->node[node];
    item *v = b->item + from;
    int64_t half = first + (end - first) / 2, m = (half - first) * KNN_LANES, column;
    int32_t right;

    *at = (struct knn_node){.first = (int32_t)first, .end = (int32_t)end};
    if (n >= LOOK_ROWS && !b->st) b->st = crm_fit_check_stop(b->fit);
    if (b->st) return node;
    if (end - first <= LEAF_BLOCKS) {
        set_blocks(b, v, n, first);
        leaf_box(b, v, n, node);
        return node;
    }
    column = widest(b, v, n);
    for (int64_t i = 0; i < n; i++)
        v[i].key = b->r->x[v[i].at * b->r->d + column];
    select_first(v, n, m);
    grow(b, from, m, first, half);
    right = grow(b, from + m, n - m, half, end);
    at->right = right;
    join_boxes(b, node, node + 1, right);
    return node;
}

static crm_status make(build *b)
{
    knn_tree *t = b->t;
    int64_t n = b->r->n, d = b->r->d, blocks = (n + KNN_LANES - 1) / KNN_LANES;
    crm_status st = CRM_OK;

    t->rows = b->r;
    CRM_NEW_TO(st, done, t->node, 2 * blocks);
    CRM_NEW_TO(st, done, t->low, 2 * blocks * d);
    CRM_NEW_TO(st, done, t->high, 2 * blocks * d);
    CRM_NEW_TO(st, done, t->block, blocks * d * KNN_LANES);
    CRM_NEW_TO(st, done, t->at, blocks * KNN_LANES);
    CRM_NEW_TO(st, done, b->item, n);
    for (int64_t i = 0; i < n; i++)
        b->item[i].at = (int32_t)i;
    grow(b, 0, n, 0, blocks);
    t->n_nodes = b->n_nodes;
    st = b->st;
done:
    crm_mem_free(b->item);
    return st;
}

crm_status knn_tree_new(const knn_rows *r, const crm_fit *fit, knn_tree **out)
{
    build b = {.r = r, .fit = fit};
    crm_status st;

    *out = NULL;
    CRM_NEW(b.t, 1);
    st = make(&b);
    if (st) knn_tree_free(&b.t);
    *out = b.t;
    return st;
}

void knn_tree_free(knn_tree **at)
{
    knn_tree *t = *at;

    if (!t) return;
    crm_mem_free(t->node);
    crm_mem_free(t->low);
    crm_mem_free(t->high);
    crm_mem_free(t->block);
    crm_mem_free(t->at);
    crm_mem_free(t);
    *at = NULL;
}
