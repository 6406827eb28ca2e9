/* test_tree_hist.c - trees from histograms: each split against a search through all cuts of all
 * columns in whole numbers; missing values, copies of rows, weights, limits of growth; equal on any
 * number of ranks and threads, whether rows are shared out or not. ranks: 1 2 3 4
 * timeout: 120 */
#include "../../src/learn/classic/tree_impl.h"
#include "crm_test_mpi.h"
#include "crmpi/base_run.h"
#include "crmpi/classic_tree.h"

/* ---- data: columns of small whole numbers, -1 where there is none ---- */
enum { D_MOST = 8, M_MOST = 5 };
typedef struct table {
    int64_t n;
    int d, m;
    int *x;         /* [n][d] */
    int32_t *slot;  /* [n] */
    uint8_t *count; /* [n] */
    double weight[M_MOST];
    tree_bins bins;
    int values[D_MOST]; /* distinct ones of a column, 0 .. values - 1, at 10 times the number */
} table;

static double cut_behind(int value)
{
    return 10 * value + 5;
}

static void make_bins(table *t)
{
    tree_bins *b = &t->bins;

    *b = (tree_bins){.n_columns = t->d, .n = t->n};
    b->bins = crm_mem_new((size_t)t->d, sizeof *b->bins);
    b->cut = crm_mem_new((size_t)t->d, sizeof *b->cut);
    b->has_missing = crm_mem_new((size_t)t->d, sizeof *b->has_missing);
    b->code = crm_mem_new((size_t)(t->d * t->n), 1);
    for (int c = 0; c < t->d; c++) {
        b->bins[c] = t->values[c];
        b->cut[c] = crm_mem_new((size_t)t->values[c], sizeof **b->cut);
        for (int k = 0; k + 1 < t->values[c]; k++)
            b->cut[c][k] = cut_behind(k);
        for (int64_t i = 0; i < t->n; i++) {
            int x = t->x[i * t->d + c];
            b->code[c * t->n + i] = (uint8_t)(x < 0 ? TREE_MISSING : x);
            b->has_missing[c] |= x < 0;
        }
    }
}

/* A class that depends on the columns, and on chance. */
static int32_t draw_class(crm_rng *r, const table *t, const int *x)
{
    double s = 0;

    for (int c = 0; c < t->d && c < 3; c++)
        s += (c == 1 ? -1.0 : 1.0) * (x[c] < 0 ? 0.7 : (double)x[c] / t->values[c]);
    s += 0.5 * crm_rng_normal(r);
    for (int k = 0; k < t->m - 1; k++)
        if (s < (k + 1) * 1.2 / t->m) return k;
    return t->m - 1;
}

/* holes: share of missing values; values [d] of each column. */
static table make_table(uint64_t seed, int64_t n, int d, int m, double holes, const int *values)
{
    table t = {.n = n, .d = d, .m = m};

    t.x = crm_mem_new((size_t)(n * d), sizeof *t.x);
    t.slot = crm_mem_new((size_t)n, sizeof *t.slot);
    t.count = crm_mem_new((size_t)n, 1);
    for (int k = 0; k < m; k++)
        t.weight[k] = 1;
    for (int c = 0; c < d; c++)
        t.values[c] = values[c];
    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(seed, CRM_RNG_TEST, 0, (uint64_t)i);
        for (int c = 0; c < d; c++)
            t.x[i * d + c] = crm_rng_uniform(&r) < holes && c % 2 == 0
                                 ? -1
                                 : (int)crm_rng_below(&r, (uint64_t)values[c]);
        t.slot[i] = draw_class(&r, &t, t.x + i * d);
        t.count[i] = (uint8_t)crm_rng_poisson(&r, 1);
    }
    make_bins(&t);
    return t;
}

static void drop_table(table *t)
{
    for (int c = 0; c < t->d; c++)
        crm_mem_free(t->bins.cut[c]);
    crm_mem_free(t->bins.cut);
    crm_mem_free(t->bins.bins);
    crm_mem_free(t->bins.has_missing);
    crm_mem_free(t->bins.code);
    crm_mem_free(t->x);
    crm_mem_free(t->slot);
    crm_mem_free(t->count);
}

static tree_grow_cfg full_growth(const table *t)
{
    return (tree_grow_cfg){.criterion = CRM_TREE_GINI,
                           .max_features = t->d,
                           .max_depth = -1,
                           .min_samples_split = 2,
                           .min_samples_leaf = 1,
                           .seed = 3};
}

static tree_sample whole_sample(const table *t, bool copies)
{
    return (tree_sample){.number = 4,
                         .n = t->n,
                         .slot = t->slot,
                         .count = copies ? t->count : NULL,
                         .weight = t->weight,
                         .m = t->m};
}

/* ---- the reference: all cuts of all columns ---- */
/* Rows on one side: of each class, with copies; and each counted once. */
typedef struct side {
    int64_t of[M_MOST], rows;
} side;

typedef struct found {
    bool any;
    int column, value; /* value: left are those up to it; -1: all that have one */
    bool missing, missing_left;
    side left, right;
} found;

typedef struct judge {
    const table *t;
    const tree_grow_cfg *cfg;
    const tree *grown;
    bool copies, exact; /* exact: Gini of whole numbers, so that ties are ties */
    int only;           /* column that is looked at, -1: all */
    double total;
    int64_t *row; /* [n] */
    int64_t checked, wrong;
} judge;

static double weigh(const judge *j, const side *s, double *w)
{
    double sum = 0;

    for (int k = 0; k < j->t->m; k++) {
        w[k] = j->t->weight[k] * (double)s->of[k];
        sum += w[k];
    }
    return sum;
}

/* Weight times impurity of a side, by the definition and libm. */
static double badness(const judge *j, const side *s)
{
    double w[M_MOST], sum = weigh(j, s, w), i = j->cfg->criterion == CRM_TREE_GINI;

    if (!(sum > 0)) return 0;
    for (int k = 0; k < j->t->m; k++) {
        double p = w[k] / sum;
        if (j->cfg->criterion == CRM_TREE_GINI)
            i -= p * p;
        else if (p > 0)
            i -= p * log2(p);
    }
    return sum * i;
}

static side both(const side *a, const side *b)
{
    side s = {.rows = a->rows + b->rows};

    for (int k = 0; k < M_MOST; k++)
        s.of[k] = a->of[k] + b->of[k];
    return s;
}

static double decrease(const judge *j, const found *f)
{
    side node = both(&f->left, &f->right);

    return (badness(j, &node) - badness(j, &f->left) - badness(j, &f->right)) / j->total;
}

/* Sum of squares of a side and its size. */
static int64_t squares(const side *s, int64_t *n)
{
    int64_t sum = 0;

    *n = 0;
    for (int k = 0; k < M_MOST; k++) {
        sum += s->of[k] * s->of[k];
        *n += s->of[k];
    }
    return sum;
}

/* a is better than b: by whole numbers, where they tell. */
static bool better(const judge *j, const found *a, const found *b)
{
    int64_t al, ar, bl, br, a_up, b_up;

    if (!b->any) return true;
    if (!j->exact) return decrease(j, a) > decrease(j, b) + 1e-13;
    a_up = squares(&a->left, &al);
    a_up = a_up * (squares(&a->right, &ar), ar) + squares(&a->right, &ar) * al;
    b_up = squares(&b->left, &bl);
    b_up = b_up * (squares(&b->right, &br), br) + squares(&b->right, &br) * bl;
    return (__extension__(__int128) a_up) * (bl * br) > (__extension__(__int128) b_up) * (al * ar);
}

static void add_row(const judge *j, side *s, int64_t i)
{
    s->of[j->t->slot[i]] += j->copies ? j->t->count[i] : 1;
    s->rows++;
}

static void try_cut(const judge *j, found f, const side *of, const side *node, found *best)
{
    for (int v = 0; v < j->t->values[f.column] && (f.value < 0 || v <= f.value); v++)
        f.left = both(&f.left, &of[v]);
    if (f.missing_left) f.left = both(&f.left, &of[j->t->values[f.column]]);
    f.right.rows = node->rows - f.left.rows;
    for (int k = 0; k < M_MOST; k++)
        f.right.of[k] = node->of[k] - f.left.of[k];
    if (f.left.rows == 0 || f.right.rows == 0) return;
    if (f.left.rows < j->cfg->min_samples_leaf || f.right.rows < j->cfg->min_samples_leaf) return;
    f.any = true;
    if (better(j, &f, best)) *best = f;
}

static void try_column(const judge *j, int c, const int64_t *row, int64_t n, const side *node,
                       found *best)
{
    side of[257] = {0};
    int values = j->t->values[c];
    int64_t seen = 0;
    found f = {.column = c};

    for (int64_t i = 0; i < n; i++) {
        int x = j->t->x[row[i] * j->t->d + c];
        add_row(j, &of[x < 0 ? values : x], row[i]);
    }
    f.missing = of[values].rows > 0;
    for (int v = 0; v + 1 < values; v++) {
        if (of[v].rows == 0) continue;
        f.value = v;
        f.missing_left = false;
        seen += of[v].rows;
        if (seen + of[values].rows == node->rows) break; /* the last one that is there */
        try_cut(j, f, of, node, best);
        f.missing_left = f.missing;
        if (f.missing) try_cut(j, f, of, node, best);
    }
    f.value = -1;
    f.missing_left = false;
    if (f.missing) try_cut(j, f, of, node, best);
}

static side count_node(const judge *j, const int64_t *row, int64_t n)
{
    side s = {0};

    for (int64_t i = 0; i < n; i++)
        add_row(j, &s, row[i]);
    return s;
}

static found search(const judge *j, const int64_t *row, int64_t n)
{
    side node = count_node(j, row, n);
    found best = {0};

    for (int c = 0; c < j->t->d; c++)
        if (j->only < 0 || c == j->only) try_column(j, c, row, n, &node, &best);
    return best;
}

/* ---- the judgement ---- */
static void fault(judge *j, int32_t at, const char *what)
{
    if (j->wrong++ == 0) fprintf(stderr, "#   node %d: %s\n", at, what);
}

static bool may_split(const judge *j, const side *s, int64_t depth)
{
    return badness(j, s) > 1e-13 && (j->cfg->max_depth < 0 || depth < j->cfg->max_depth) &&
           s->rows >= j->cfg->min_samples_split;
}

static void judge_leaf(judge *j, int32_t at, const int64_t *row, int64_t n, int64_t depth)
{
    side s = count_node(j, row, n);
    const double *v = j->grown->value + (int64_t)j->grown->node[at].left * j->t->m;
    double w[M_MOST], sum = weigh(j, &s, w);
    found f;

    for (int k = 0; k < j->t->m; k++)
        if (!(fabs(v[k] - w[k] / sum) < 1e-15)) fault(j, at, "shares of a leaf");
    if (!may_split(j, &s, depth) || j->cfg->max_leaf_nodes || j->only >= 0) return;
    f = search(j, row, n);
    if (f.any && decrease(j, &f) >= j->cfg->min_impurity_decrease + 1e-13)
        fault(j, at, "a leaf that could be split");
}

static bool goes_left(const judge *j, const tree_node *n, int64_t row)
{
    int x = j->t->x[row * j->t->d + n->column];

    return x < 0 ? n->missing_left : 10 * x <= n->cut;
}

static int64_t part(judge *j, const tree_node *n, int64_t *row, int64_t rows)
{
    int64_t left = 0;

    for (int64_t i = 0; i < rows; i++)
        if (goes_left(j, n, row[i])) {
            int64_t x = row[left];
            row[left++] = row[i];
            row[i] = x;
        }
    return left;
}

static void judge_split(judge *j, int32_t at, const int64_t *row, int64_t n, int64_t depth)
{
    const tree_node *t = &j->grown->node[at];
    side s = count_node(j, row, n);
    double w[M_MOST];
    found f;

    if (!may_split(j, &s, depth)) fault(j, at, "a split of a node that must be a leaf");
    if (j->cfg->max_features < j->t->d) j->only = t->column;
    f = search(j, row, n);
    if (j->cfg->max_features < j->t->d) j->only = -1;
    if (!f.any || f.column != t->column) fault(j, at, "column");
    if (f.any && t->cut != (f.value < 0 ? (double)INFINITY : cut_behind(f.value)))
        fault(j, at, "cut");
    if (!f.missing) f.missing_left = weigh(j, &f.left, w) > weigh(j, &f.right, w);
    if (f.missing_left != (bool)t->missing_left) fault(j, at, "side of missing values");
    if (decrease(j, &f) < j->cfg->min_impurity_decrease - 1e-13) fault(j, at, "too little gained");
}

static void judge_node(judge *j, int32_t at, int64_t *row, int64_t n, int64_t depth)
{
    const tree_node *t = &j->grown->node[at];
    int64_t left;

    j->checked++;
    if (t->column < 0) {
        judge_leaf(j, at, row, n, depth);
        return;
    }
    judge_split(j, at, row, n, depth);
    left = part(j, t, row, n);
    if (t->left <= at) {
        fault(j, at, "a child in front");
        return;
    }
    judge_node(j, t->left, row, left, depth + 1);
    judge_node(j, t->left + 1, row + left, n - left, depth + 1);
}

static int64_t take_rows(judge *j)
{
    int64_t n = 0;

    j->row = crm_mem_new((size_t)j->t->n, sizeof *j->row);
    for (int64_t i = 0; i < j->t->n; i++)
        if (j->t->slot[i] >= 0 && (!j->copies || j->t->count[i])) {
            j->row[n++] = i;
            j->total += j->t->weight[j->t->slot[i]] * (j->copies ? j->t->count[i] : 1);
        }
    return n;
}

static void check_tree(const table *t, const tree_grow_cfg *cfg, bool copies, const tree *grown)
{
    judge j = {.t = t, .cfg = cfg, .grown = grown, .copies = copies, .only = -1};
    int64_t n = take_rows(&j);

    j.exact = cfg->criterion == CRM_TREE_GINI;
    for (int k = 0; k < t->m; k++)
        j.exact &= t->weight[k] == 1;
    judge_node(&j, 0, j.row, n, 0);
    T_EQ_I(j.wrong, 0);
    T_EQ_I(j.checked, grown->n_nodes);
    crm_mem_free(j.row);
}

static void grow_and_check(const table *t, const tree_grow_cfg *cfg, bool copies)
{
    tree_sample s = whole_sample(t, copies);
    tree_bins bins = t->bins;
    double part[D_MOST], sum = 0;
    tree grown = {0};

    T_OK(tree_grow_hist(cfg, NULL, NULL, &bins, &s, &grown, part));
    check_tree(t, cfg, copies, &grown);
    for (int c = 0; c < t->d; c++)
        sum += part[c];
    T_NEAR(sum, grown.n_nodes > 1, 1e-12);
    tree_free(&grown);
}

/* ---- cases ---- */
static const int few[] = {7, 3, 20, 2, 50, 4, 9, 1};
static const int many[] = {255, 200, 130, 64, 255, 255, 255, 255};

static void finds_best_splits(void)
{
    for (int m = 2; m <= 5; m++)
        for (int copies = 0; copies < 2; copies++) {
            table small = make_table((uint64_t)m, 60 + 40 * m, 4, m, 0.2, few);
            table large = make_table((uint64_t)m, 1500, 8, m, 0.1, many);
            tree_grow_cfg cfg = full_growth(&small);
            grow_and_check(&small, &cfg, copies);
            cfg = full_growth(&large);
            grow_and_check(&large, &cfg, copies);
            drop_table(&small);
            drop_table(&large);
        }
}

static void weighs_classes_and_takes_entropy(void)
{
    table t = make_table(20, 900, 5, 3, 0.1, many);
    tree_grow_cfg cfg = full_growth(&t);

    t.weight[0] = 0.3;
    t.weight[2] = 7.1;
    grow_and_check(&t, &cfg, false);
    cfg.criterion = CRM_TREE_ENTROPY;
    grow_and_check(&t, &cfg, true);
    t.weight[0] = t.weight[2] = 1;
    grow_and_check(&t, &cfg, false);
    drop_table(&t);
}

static void keeps_limits(void)
{
    table t = make_table(21, 1200, 4, 2, 0.1, many);
    tree_grow_cfg cfg = full_growth(&t);

    cfg.max_depth = 3;
    grow_and_check(&t, &cfg, true);
    cfg.max_depth = 0;
    grow_and_check(&t, &cfg, true);
    cfg = full_growth(&t);
    cfg.min_samples_split = 40;
    grow_and_check(&t, &cfg, true);
    cfg = full_growth(&t);
    cfg.min_samples_leaf = 25;
    grow_and_check(&t, &cfg, false);
    grow_and_check(&t, &cfg, true); /* copies of a row count once */
    cfg = full_growth(&t);
    cfg.min_impurity_decrease = 0.002;
    grow_and_check(&t, &cfg, true);
    drop_table(&t);
}

/* Cuts of the column drawn are the best; other trees draw others. */
static void draws_columns(void)
{
    table t = make_table(22, 1000, 6, 2, 0.1, many);
    tree_grow_cfg cfg = full_growth(&t);
    tree_sample s = whole_sample(&t, true);
    int32_t column[8];
    int different = 0;

    cfg.max_features = 1;
    for (int k = 0; k < 8; k++) {
        tree grown = {0};
        s.number = k;
        T_OK(tree_grow_hist(&cfg, NULL, NULL, &t.bins, &s, &grown, NULL));
        check_tree(&t, &cfg, true, &grown);
        column[k] = grown.node[0].column;
        different += column[k] != column[0];
        tree_free(&grown);
    }
    T_CHECK(different > 0);
    cfg.max_features = 3;
    grow_and_check(&t, &cfg, true);
    drop_table(&t);
}

/* Seven columns of one value: all nodes go on to the one that has several. */
static void looks_past_constant_columns(void)
{
    static const int one[] = {1, 1, 1, 1, 1, 255, 1, 1};
    table t = make_table(23, 9000, 8, 2, 0, one);
    tree_grow_cfg cfg = full_growth(&t);
    tree_sample s = whole_sample(&t, false);
    tree alone = {0}, top = {0};
    crm_pool *pool;

    T_OK(crm_pool_new(2, &pool));
    cfg.max_features = 2;
    T_OK(tree_grow_hist(&cfg, NULL, NULL, &t.bins, &s, &alone, NULL));
    T_OK(tree_grow_hist(&cfg, NULL, pool, &t.bins, &s, &top, NULL));
    T_CHECK(alone.n_leaves > 200 && top.n_leaves == alone.n_leaves);
    check_tree(&t, &cfg, false, &alone);
    tree_free(&alone);
    tree_free(&top);
    crm_pool_free(&pool);
    drop_table(&t);
}

/* A node that was ready before a split was made would not have gained more. */
static void takes_best_splits_first(void)
{
    table t = make_table(24, 1500, 5, 3, 0.1, many);
    tree_grow_cfg cfg = full_growth(&t);
    tree_sample s = whole_sample(&t, false);
    judge j = {.t = &t, .cfg = &cfg, .only = -1};
    int64_t n = take_rows(&j), *first = crm_mem_new(100, sizeof *first),
            *rows = crm_mem_new(100, sizeof *rows);
    double *gain = crm_mem_new(100, sizeof *gain);
    tree grown = {0};

    cfg.max_leaf_nodes = 20;
    T_OK(tree_grow_hist(&cfg, NULL, NULL, &t.bins, &s, &grown, NULL));
    T_EQ_I(grown.n_leaves, 20);
    check_tree(&t, &cfg, false, &grown);
    rows[0] = n;
    for (int32_t i = 0; i < grown.n_nodes; i++) { /* parents stand in front */
        const tree_node *x = &grown.node[i];
        found f = search(&j, j.row + first[i], rows[i]);
        gain[i] = f.any ? decrease(&j, &f) : 0;
        if (x->column < 0) continue;
        first[x->left] = first[i];
        rows[x->left] = part(&j, x, j.row + first[i], rows[i]);
        first[x->left + 1] = first[i] + rows[x->left];
        rows[x->left + 1] = rows[i] - rows[x->left];
    }
    for (int32_t i = 0; i < grown.n_nodes; i++)
        for (int32_t k = 0; k < grown.n_nodes; k++) {
            int32_t made = grown.node[i].column < 0 ? INT32_MAX : grown.node[i].left;
            if (grown.node[k].column >= 0 && grown.node[k].left > i && grown.node[k].left < made)
                T_CHECK(gain[k] >= gain[i] - 1e-12);
        }
    tree_free(&grown);
    crm_mem_free(first);
    crm_mem_free(rows);
    crm_mem_free(gain);
    crm_mem_free(j.row);
    drop_table(&t);
}

/* ---- layouts ---- */
static bool equal_trees(const tree *a, const tree *b)
{
    bool same = a->n_nodes == b->n_nodes && a->n_leaves == b->n_leaves;

    for (int32_t i = 0; same && i < a->n_nodes; i++)
        same = a->node[i].column == b->node[i].column && a->node[i].left == b->node[i].left &&
               (a->node[i].column < 0 || (a->node[i].cut == b->node[i].cut &&
                                          a->node[i].missing_left == b->node[i].missing_left));
    return same &&
           memcmp(a->value, b->value, (size_t)(a->n_leaves * a->width) * sizeof *a->value) == 0;
}

/* Rows [n rank / size, n (rank + 1) / size). */
static table shard_of(const table *t, int rank, int size)
{
    int64_t first = t->n * rank / size, n = t->n * (rank + 1) / size - first;
    table s = *t;

    s.n = n;
    s.slot = t->slot + first;
    s.count = t->count + first;
    s.bins.first = first;
    s.bins.n = n;
    s.bins.code = crm_mem_new((size_t)(n * t->d), 1);
    for (int c = 0; c < t->d && n > 0; c++)
        memcpy(s.bins.code + c * n, t->bins.code + c * t->n + first, (size_t)n);
    return s;
}

static void check_layouts(const table *t, const tree_grow_cfg *cfg, bool copies)
{
    table shard = shard_of(t, crm_comm_rank(t_comm), crm_comm_size(t_comm));
    tree_sample all = whole_sample(t, copies), own = whole_sample(&shard, copies);
    tree_bins bins = t->bins;
    double part[4][D_MOST] = {{0}};
    tree grown[4] = {{0}};
    crm_pool *pool;

    T_OK(crm_pool_new(3, &pool));
    T_OK(tree_grow_hist(cfg, NULL, NULL, &bins, &all, &grown[0], part[0]));
    T_OK(tree_grow_hist(cfg, NULL, pool, &bins, &all, &grown[1], part[1]));
    T_OK(tree_grow_hist(cfg, t_comm, NULL, &shard.bins, &own, &grown[2], part[2]));
    T_OK(tree_grow_hist(cfg, t_comm, pool, &shard.bins, &own, &grown[3], part[3]));
    for (int k = 1; k < 4; k++) {
        T_CHECK(equal_trees(&grown[0], &grown[k]));
        T_CHECK(memcmp(part[0], part[k], sizeof part[0]) == 0);
    }
    for (int k = 0; k < 4; k++)
        tree_free(&grown[k]);
    crm_pool_free(&pool);
    crm_mem_free(shard.bins.code);
}

static void agrees_on_any_layout(void)
{
    table t = make_table(30, 21000, 7, 3, 0.1, many);
    tree_grow_cfg cfg = full_growth(&t);

    check_layouts(&t, &cfg, false);
    cfg.max_features = 2;
    check_layouts(&t, &cfg, true);
    cfg.criterion = CRM_TREE_ENTROPY;
    cfg.min_samples_leaf = 3;
    t.weight[1] = 2.7;
    check_layouts(&t, &cfg, true);
    cfg.max_features = t.d;
    cfg.max_leaf_nodes = 50;
    check_layouts(&t, &cfg, false);
    cfg = full_growth(&t);
    cfg.max_depth = 4;
    cfg.min_impurity_decrease = 0.001;
    check_layouts(&t, &cfg, false);
    cfg.max_depth = 2; /* done before there are branches */
    check_layouts(&t, &cfg, true);
    drop_table(&t);
}

/* One side of each split has a handful of rows. */
static void agrees_on_lopsided_trees(void)
{
    table t = make_table(31, 30000, 3, 2, 0, many);
    tree_grow_cfg cfg = full_growth(&t);

    for (int64_t i = 0; i < t.n; i++)
        t.slot[i] = t.x[i * t.d] % 2;
    check_layouts(&t, &cfg, false);
    cfg.max_features = 1;
    check_layouts(&t, &cfg, true);
    drop_table(&t);
}

static void agrees_on_few_rows(void)
{
    for (int64_t n = 1; n < 7; n++) {
        table t = make_table((uint64_t)n, n, 3, 2, 0.3, few);
        tree_grow_cfg cfg = full_growth(&t);
        check_layouts(&t, &cfg, false);
        drop_table(&t);
    }
}

/* ---- edges ---- */
static int32_t leaves_of(const table *t, const tree_grow_cfg *cfg, double *first)
{
    tree_sample s = whole_sample(t, false);
    tree_bins bins = t->bins;
    tree grown = {0};
    int32_t n;

    T_OK(tree_grow_hist(cfg, NULL, NULL, &bins, &s, &grown, NULL));
    *first = grown.value[0];
    n = grown.n_leaves;
    tree_free(&grown);
    return n;
}

static void grows_at_the_edges(void)
{
    static const int one[] = {1, 1, 1, 1, 1, 1, 1, 1};
    table empty = make_table(40, 50, 2, 2, 1, few), constant = make_table(41, 50, 3, 2, 0, one);
    table pure = make_table(42, 50, 3, 1, 0, few), none = make_table(43, 50, 0, 2, 0, few);
    tree_grow_cfg cfg = full_growth(&empty);
    double first;

    empty.values[1] = 1; /* all rows miss the one, and have the same other */
    memset(empty.bins.code + empty.n, 0, (size_t)empty.n);
    T_EQ_I(leaves_of(&empty, &cfg, &first), 1);
    T_EQ_I(leaves_of(&constant, &cfg, &first), 1);
    T_CHECK(first > 0 && first < 1);
    T_EQ_I(leaves_of(&pure, &cfg, &first), 1);
    T_CHECK(first == 1);
    T_EQ_I(leaves_of(&none, &cfg, &first), 1);
    drop_table(&empty);
    drop_table(&constant);
    drop_table(&pure);
    drop_table(&none);
}

/* Rows without a label take no part; every row twice makes the same tree as once. */
static void takes_rows_as_they_are(void)
{
    table t = make_table(44, 600, 4, 2, 0.2, many), twice = make_table(44, 600, 4, 2, 0.2, many);
    tree_grow_cfg cfg = full_growth(&t);
    tree_sample s = whole_sample(&t, false), u = whole_sample(&twice, true);
    tree a = {0}, b = {0};

    memset(twice.count, 2, 600);
    u.last = true;
    T_OK(tree_grow_hist(&cfg, NULL, NULL, &t.bins, &s, &a, NULL));
    T_OK(tree_grow_hist(&cfg, NULL, NULL, &twice.bins, &u, &b, NULL));
    T_CHECK(equal_trees(&a, &b) && a.n_leaves > 50);
    T_CHECK(t.bins.code && !twice.bins.code);
    tree_free(&a);
    tree_free(&b);
    for (int64_t i = 0; i < 600; i += 3)
        t.slot[i] = -1;
    grow_and_check(&t, &cfg, false);
    drop_table(&t);
    drop_table(&twice);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"finds best splits", finds_best_splits},
        {"weighs classes and takes entropy", weighs_classes_and_takes_entropy},
        {"keeps limits", keeps_limits},
        {"draws columns", draws_columns},
        {"looks past constant columns", looks_past_constant_columns},
        {"takes best splits first", takes_best_splits_first},
        {"agrees on any layout", agrees_on_any_layout},
        {"agrees on lopsided trees", agrees_on_lopsided_trees},
        {"agrees on few rows", agrees_on_few_rows},
        {"grows at the edges", grows_at_the_edges},
        {"takes rows as they are", takes_rows_as_they_are},
        {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
