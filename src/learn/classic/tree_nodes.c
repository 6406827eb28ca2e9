/* tree_nodes.c - binary trees as flat arrays of nodes: making, walking, files, exchange. */
#include <string.h>

#include "tree_impl.h"

/* ---- making ---- */

static crm_status reserve_nodes(tree *t, int64_t n)
{
    int64_t cap = t->node_cap > 0 ? t->node_cap : 1;
    tree_node *more;

    if (n <= t->node_cap) return CRM_OK;
    CRM_CHECK(n <= INT32_MAX, CRM_ERR_NOMEM, "a tree of %lld nodes is too large", (long long)n);
    while (cap < n)
        cap *= 2;
    cap = cap < INT32_MAX ? cap : INT32_MAX;
    more = crm_mem_grow(t->node, (size_t)t->n_nodes, (size_t)cap, sizeof *more);
    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: a tree of %lld nodes", (long long)cap);
    t->node = more;
    t->node_cap = (int32_t)cap;
    return CRM_OK;
}

static crm_status reserve_leaves(tree *t, int64_t n)
{
    int64_t cap = t->leaf_cap > 0 ? t->leaf_cap : 1;
    double *more;

    if (n <= t->leaf_cap) return CRM_OK;
    while (cap < n)
        cap *= 2;
    cap = cap < INT32_MAX ? cap : INT32_MAX;
    more = crm_mem_grow(t->value, (size_t)t->n_leaves * (size_t)t->width,
                        (size_t)cap * (size_t)t->width, sizeof *more);
    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: a tree of %lld leaves", (long long)cap);
    t->value = more;
    t->leaf_cap = (int32_t)cap;
    return CRM_OK;
}

crm_status tree_new(int width, tree *out)
{
    crm_status st;

    *out = (tree){.width = width};
    st = reserve_nodes(out, 1);
    if (!st) st = reserve_leaves(out, 1);
    if (st) {
        tree_free(out);
        return st;
    }
    out->node[0] = (tree_node){.column = -1};
    out->n_nodes = out->n_leaves = 1;
    return CRM_OK;
}

crm_status tree_split(tree *t, int32_t at, int32_t column, double cut, bool missing_left,
                      int32_t *left)
{
    int32_t leaf;

    CRM_TRY(reserve_nodes(t, (int64_t)t->n_nodes + 2));
    CRM_TRY(reserve_leaves(t, (int64_t)t->n_leaves + 1));
    leaf = t->node[at].left;
    *left = t->n_nodes;
    t->node[at] =
        (tree_node){.cut = cut, .column = column, .left = *left, .missing_left = missing_left};
    t->node[*left] = (tree_node){.column = -1, .left = leaf};
    t->node[*left + 1] = (tree_node){.column = -1, .left = t->n_leaves};
    t->n_nodes += 2;
    t->n_leaves++;
    return CRM_OK;
}

void tree_free(tree *t)
{
    crm_mem_free(t->node);
    crm_mem_free(t->value);
    *t = (tree){0};
}

void trees_free(int64_t n, tree **t)
{
    for (int64_t i = 0; *t && i < n; i++)
        tree_free(*t + i);
    crm_mem_free(*t);
    *t = NULL;
}

/* ---- walking ---- */

enum { ABREAST = 8 }; /* rows that walk side by side, so that their misses of the cache overlap */

/* One step of a row; true when it has not come to a leaf. */
static inline bool step(const tree_node *node, const float *x, int32_t *at)
{
    const tree_node *n = node + *at;
    bool inner = n->column >= 0;
    float v = x[inner ? n->column : 0];
    bool left = ((double)v <= n->cut) | ((v != v) & n->missing_left);

    *at = inner ? n->left + !left : *at;
    return inner;
}

static void walk_abreast(const tree *t, const float *const *x, int32_t *leaf)
{
    int32_t at[ABREAST] = {0};
    bool go = true;

    while (go) {
        go = false;
        for (int k = 0; k < ABREAST; k++)
            go |= step(t->node, x[k], &at[k]);
    }
    for (int k = 0; k < ABREAST; k++)
        leaf[k] = t->node[at[k]].left;
}

void tree_leaves(const tree *t, int64_t n, const float *x, int64_t d, const int32_t *pick,
                 int32_t *leaf)
{
    const float *row[ABREAST];
    int64_t i = 0;

    if (t->n_nodes == 1) {
        memset(leaf, 0, (size_t)n * sizeof *leaf);
        return;
    }
    for (; i + ABREAST <= n; i += ABREAST) {
        for (int64_t k = 0; k < ABREAST; k++)
            row[k] = x + (pick ? pick[i + k] : i + k) * d;
        walk_abreast(t, row, leaf + i);
    }
    for (; i < n; i++)
        leaf[i] = tree_leaf(t, x + (pick ? pick[i] : i) * d);
}

/* ---- in bags ---- */

/* All nodes and leaves of a list of trees, one array for each field. */
typedef struct fields {
    int64_t nodes, leaves;
    int32_t *size, *column, *left;
    double *cut, *value;
    uint8_t *missing_left;
} fields;

static void fields_free(fields *f)
{
    crm_mem_free(f->size);
    crm_mem_free(f->column);
    crm_mem_free(f->left);
    crm_mem_free(f->cut);
    crm_mem_free(f->value);
    crm_mem_free(f->missing_left);
}

static crm_status fields_new(int64_t n, const tree *t, int width, fields *f)
{
    for (int64_t i = 0; i < n; i++) {
        f->nodes += t[i].n_nodes;
        f->leaves += t[i].n_leaves;
    }
    CRM_NEW(f->size, 2 * n);
    CRM_NEW(f->column, f->nodes);
    CRM_NEW(f->left, f->nodes);
    CRM_NEW(f->cut, f->nodes);
    CRM_NEW(f->missing_left, f->nodes);
    CRM_NEW(f->value, f->leaves * width);
    return CRM_OK;
}

static void fields_fill(int64_t n, const tree *t, int width, fields *f)
{
    int64_t k = 0, leaf = 0;

    for (int64_t i = 0; i < n; i++) {
        f->size[2 * i] = t[i].n_nodes;
        f->size[2 * i + 1] = t[i].n_leaves;
        for (int32_t j = 0; j < t[i].n_nodes; j++, k++) {
            f->column[k] = t[i].node[j].column;
            f->left[k] = t[i].node[j].left;
            f->cut[k] = t[i].node[j].cut;
            f->missing_left[k] = t[i].node[j].missing_left;
        }
        memcpy(f->value + leaf * width, t[i].value,
               (size_t)t[i].n_leaves * (size_t)width * sizeof *f->value);
        leaf += t[i].n_leaves;
    }
}

static crm_status fields_put(int64_t n, int width, const fields *f, crm_bag *b)
{
    int64_t nodes[] = {f->nodes}, leaves[] = {f->leaves, width}, sizes[] = {n, 2};

    CRM_TRY(crm_bag_put(b, "trees", CRM_I32, 2, sizes, f->size));
    CRM_TRY(crm_bag_put(b, "node.column", CRM_I32, 1, nodes, f->column));
    CRM_TRY(crm_bag_put(b, "node.left", CRM_I32, 1, nodes, f->left));
    CRM_TRY(crm_bag_put(b, "node.cut", CRM_F64, 1, nodes, f->cut));
    CRM_TRY(crm_bag_put(b, "node.missing_left", CRM_U8, 1, nodes, f->missing_left));
    return crm_bag_put(b, "leaf", CRM_F64, 2, leaves, f->value);
}

crm_status trees_save(int64_t n, const tree *t, crm_bag *b)
{
    int width = n > 0 ? t->width : 0;
    fields f = {0};
    crm_status st = fields_new(n, t, width, &f);

    if (!st) {
        fields_fill(n, t, width, &f);
        st = fields_put(n, width, &f, b);
    }
    fields_free(&f);
    return st;
}

/* The fields as a bag lends them. */
typedef struct lent {
    const int32_t *size, *column, *left;
    const double *cut, *value;
    const uint8_t *missing_left;
    int64_t n, nodes, leaves;
} lent;

/* Trees have n nodes and (n + 1) / 2 leaves, at least one; both add up to the arrays. */
static crm_status check_sizes(int width, const crm_bag_array *size, lent *f)
{
    CRM_CHECK(size->n >= 2 && size->n % 2 == 0, CRM_ERR_FORMAT, "model file: no sizes of trees");
    f->n = size->n / 2;
    f->size = size->data;
    for (int64_t i = 0; i < f->n; i++) {
        int32_t nodes = f->size[2 * i], leaves = f->size[2 * i + 1];
        CRM_CHECK(leaves >= 1 && nodes == 2 * (int64_t)leaves - 1, CRM_ERR_FORMAT,
                  "model file: tree %lld has %d nodes and %d leaves", (long long)i, nodes, leaves);
        f->nodes += nodes;
        f->leaves += leaves;
    }
    CRM_CHECK(width > 0 && f->leaves <= INT64_MAX / width, CRM_ERR_FORMAT,
              "model file: trees have %lld leaves", (long long)f->leaves);
    return CRM_OK;
}

static crm_status lend(const crm_bag *b, int width, lent *f)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, "trees", CRM_I32, -1, &a));
    CRM_TRY(check_sizes(width, a, f));
    CRM_TRY(crm_bag_get(b, "node.column", CRM_I32, f->nodes, &a));
    f->column = a->data;
    CRM_TRY(crm_bag_get(b, "node.left", CRM_I32, f->nodes, &a));
    f->left = a->data;
    CRM_TRY(crm_bag_get(b, "node.cut", CRM_F64, f->nodes, &a));
    f->cut = a->data;
    CRM_TRY(crm_bag_get(b, "node.missing_left", CRM_U8, f->nodes, &a));
    f->missing_left = a->data;
    CRM_TRY(crm_bag_get(b, "leaf", CRM_F64, f->leaves * width, &a));
    f->value = a->data;
    for (int64_t i = 0; i < f->leaves * width; i++)
        CRM_CHECK(isfinite(f->value[i]), CRM_ERR_FORMAT, "model file: a leaf holds no number");
    return CRM_OK;
}

/* Children stand behind their parent, each leaf number belongs to one leaf. */
static crm_status check_node(const tree *t, int32_t j, int n_columns, uint8_t *taken)
{
    const tree_node *n = t->node + j;

    if (n->column < 0) {
        CRM_CHECK(n->left >= 0 && n->left < t->n_leaves && !taken[n->left], CRM_ERR_FORMAT,
                  "model file: node %d is leaf %d of %d", j, n->left, t->n_leaves);
        taken[n->left] = 1;
        return CRM_OK;
    }
    CRM_CHECK(n->column < n_columns, CRM_ERR_FORMAT, "model file: node %d asks column %d of %d", j,
              n->column, n_columns);
    CRM_CHECK(n->left > j && n->left < t->n_nodes - 1, CRM_ERR_FORMAT,
              "model file: node %d of %d has the child %d", j, t->n_nodes, n->left);
    CRM_CHECK(!isnan(n->cut) && n->missing_left <= 1, CRM_ERR_FORMAT,
              "model file: the cut of node %d is no number", j);
    return CRM_OK;
}

static crm_status take(const lent *f, int64_t node, int64_t leaf, int n_columns, tree *t)
{
    size_t bytes = (size_t)t->n_leaves * (size_t)t->width * sizeof *t->value;
    uint8_t *taken;
    crm_status st = CRM_OK;

    CRM_NEW(t->node, t->n_nodes);
    CRM_NEW(t->value, (int64_t)t->n_leaves * t->width);
    CRM_NEW(taken, t->n_leaves);
    t->node_cap = t->n_nodes;
    t->leaf_cap = t->n_leaves;
    memcpy(t->value, f->value + leaf * t->width, bytes);
    for (int32_t j = 0; j < t->n_nodes && !st; j++) {
        int64_t k = node + j;
        t->node[j] = (tree_node){.cut = f->cut[k],
                                 .column = f->column[k] < 0 ? -1 : f->column[k],
                                 .left = f->left[k],
                                 .missing_left = f->missing_left[k]};
        st = check_node(t, j, n_columns, taken);
    }
    crm_mem_free(taken);
    return st;
}

crm_status trees_load(crm_bag *b, int width, int n_columns, int64_t *n, tree **t)
{
    lent f = {0};
    int64_t node = 0, leaf = 0;
    crm_status st = CRM_OK;

    *t = NULL;
    *n = 0;
    CRM_TRY(lend(b, width, &f));
    CRM_NEW(*t, f.n);
    *n = f.n;
    for (int64_t i = 0; i < f.n && !st; i++) {
        tree *x = *t + i;
        *x = (tree){.width = width, .n_nodes = f.size[2 * i], .n_leaves = f.size[2 * i + 1]};
        st = take(&f, node, leaf, n_columns, x);
        node += x->n_nodes;
        leaf += x->n_leaves;
    }
    if (st) trees_free(*n, t);
    return st;
}

/* ---- exchange ---- */

enum { MESSAGE_BYTES = 1 << 24 };

/* A tree as bytes: head, nodes, values. */
typedef struct head {
    int32_t width, n_nodes, n_leaves, spare;
} head;

static size_t node_bytes(const tree *t)
{
    return (size_t)t->n_nodes * sizeof *t->node;
}

static size_t value_bytes(const tree *t)
{
    return (size_t)t->n_leaves * (size_t)t->width * sizeof *t->value;
}

static crm_status pack(const tree *t, int64_t first, int64_t end, char **out, size_t *bytes)
{
    char *p;

    *bytes = 0;
    for (int64_t i = first; i < end; i++)
        *bytes += sizeof(head) + node_bytes(t + i) + value_bytes(t + i);
    CRM_NEW(*out, *bytes);
    p = *out;
    for (int64_t i = first; i < end; i++) {
        head h = {.width = t[i].width, .n_nodes = t[i].n_nodes, .n_leaves = t[i].n_leaves};
        memcpy(p, &h, sizeof h);
        memcpy(p + sizeof h, t[i].node, node_bytes(t + i));
        memcpy(p + sizeof h + node_bytes(t + i), t[i].value, value_bytes(t + i));
        p += sizeof h + node_bytes(t + i) + value_bytes(t + i);
    }
    return CRM_OK;
}

static crm_status unpack_one(const char **p, tree *t)
{
    head h;

    memcpy(&h, *p, sizeof h);
    *t = (tree){.width = h.width, .n_nodes = h.n_nodes, .n_leaves = h.n_leaves};
    CRM_NEW(t->node, t->n_nodes);
    CRM_NEW(t->value, (int64_t)t->n_leaves * t->width);
    t->node_cap = t->n_nodes;
    t->leaf_cap = t->n_leaves;
    memcpy(t->node, *p + sizeof h, node_bytes(t));
    memcpy(t->value, *p + sizeof h + node_bytes(t), value_bytes(t));
    *p += sizeof h + node_bytes(t) + value_bytes(t);
    return CRM_OK;
}

/* A message of all ranks; next[r] is the tree of rank r that comes next. */
static crm_status unpack(crm_comm *comm, const char *all, const size_t *sizes, int64_t *next,
                         tree *t)
{
    for (int r = 0; r < crm_comm_size(comm); all += sizes[r++])
        for (const char *p = all; r != crm_comm_rank(comm) && p < all + sizes[r];)
            CRM_TRY(unpack_one(&p, t + next[r]++));
    return CRM_OK;
}

/* Own trees from *at on, as many as make up a message: *at goes behind them. */
static crm_status pack_some(const tree *t, int64_t end, int64_t *at, char **out, size_t *bytes)
{
    int64_t first = *at;
    size_t sum = 0;

    while (*at < end && sum < MESSAGE_BYTES) {
        sum += node_bytes(t + *at) + value_bytes(t + *at);
        ++*at;
    }
    return pack(t, first, *at, out, bytes);
}

/* *total: bytes of all ranks, 0 when there is nothing more. */
static crm_status gather_some(crm_comm *comm, int64_t end, int64_t *next, size_t *sizes, tree *t,
                              size_t *total)
{
    size_t bytes = 0;
    char *mine = NULL;
    void *all = NULL;
    crm_status st;

    CRM_TRY_TO(st, done,
               crm_comm_agree(comm, pack_some(t, end, &next[crm_comm_rank(comm)], &mine, &bytes)));
    CRM_TRY_TO(st, done, crm_comm_allgather(comm, mine, bytes, &all, total, sizes));
    st = crm_comm_agree(comm, unpack(comm, all, sizes, next, t));
done:
    crm_mem_free(mine);
    crm_mem_free(all);
    return st;
}

/* In messages of some trees, so that no rank holds all of them twice. */
crm_status trees_gather(crm_comm *comm, int64_t n, tree *t)
{
    int size = crm_comm_size(comm), rank = crm_comm_rank(comm);
    int64_t end = 0, mine = 0, *next = crm_mem_new((size_t)size, sizeof *next);
    size_t *sizes = crm_mem_new((size_t)size, sizeof *sizes), total = 1;
    crm_status st = CRM_OK;

    if (!next || !sizes) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: sizes of trees");
    st = crm_comm_agree(comm, st);
    for (int r = 0; !st && r < size; r++) {
        crm_tree_range(n, r, size, &next[r], &end);
        if (r == rank) mine = end;
    }
    while (!st && size > 1 && total > 0)
        st = gather_some(comm, mine, next, sizes, t, &total);
    crm_mem_free(next);
    crm_mem_free(sizes);
    return st;
}
