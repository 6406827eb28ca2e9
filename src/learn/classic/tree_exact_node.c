/* tree_exact_node.c - the best split of a node over its columns, and its rows put on two sides. */
#include <string.h>

#include "tree_exact_impl.h"

enum { PAD = 16 };          /* groups of rows are read beyond the end */
#define TEAM_WORK (1 << 15) /* rows x columns from which threads help */

/* ---- working memory ---- */

static crm_status fill_bench(int64_t n, int m, bool packed, exact_bench *b)
{
    CRM_NEW(b->left, m);
    CRM_NEW(b->key, n + PAD);
    CRM_NEW(b->pair, 2 * n);
    for (int k = 0; packed && k < 2; k++) {
        CRM_NEW(b->part[k], n + PAD);
        CRM_NEW(b->part_mark[k], n);
    }
    if (packed) CRM_NEW(b->present, n);
    return CRM_OK;
}

crm_status exact_bench_new(int64_t n, int m, bool packed, exact_bench **out)
{
    crm_status st;

    CRM_NEW(*out, 1);
    st = fill_bench(n, m, packed, *out);
    if (st) exact_bench_free(out);
    return st;
}

void exact_bench_free(exact_bench **b)
{
    if (!*b) return;
    for (int k = 0; k < 2; k++) {
        crm_mem_free((*b)->part[k]);
        crm_mem_free((*b)->part_mark[k]);
    }
    crm_mem_free((*b)->left);
    crm_mem_free((*b)->key);
    crm_mem_free((*b)->pair);
    crm_mem_free((*b)->present);
    crm_mem_free(*b);
    *b = NULL;
}

/* ---- the best split ---- */

typedef bool (*look_fn)(const exact_rules *r, const exact_node *x, int column, int place,
                        exact_bench *b, exact_split *best);

/* Score of a split into pure sides, which nothing exceeds. */
static double perfect(const exact_rules *r, const exact_node *x)
{
    double a, b;

    if (r->m != 2) return INFINITY;
    a = exact_score(r, x->count, (int64_t[]){x->count[0], 0});
    b = exact_score(r, x->count, (int64_t[]){0, x->count[1]});
    return a > b ? a : b;
}

static void begin(const exact_rules *r, const exact_node *x, exact_bench *b)
{
    b->best = (exact_split){.score = -INFINITY, .column = -1};
    b->varied = false;
    for (int64_t i = 0; r->packed && x->n <= EXACT_SMALL && i < x->n; i++)
        b->small[i] = exact_narrow(x->mark[i]);
}

/* Columns of the order from place on, until enough of them have been looked at. */
static void look_alone(const exact_rules *r, exact_team *t, const exact_node *x, int place,
                       look_fn look)
{
    exact_bench *b = t->bench[0];
    double most = perfect(r, x);

    for (; place < r->cfg->max_features || !b->varied; place++) {
        int column = tree_draw_next(&t->draw);
        if (column < 0 || b->best.score >= most) break;
        b->varied |= look(r, x, column, place, b, &b->best);
    }
}

typedef struct shared {
    const exact_rules *rules;
    const exact_team *team;
    const exact_node *node;
    look_fn look;
} shared;

static crm_status look_one(void *ctx, int64_t place, int worker)
{
    const shared *s = ctx;
    exact_bench *b = s->team->bench[worker];

    b->varied |= s->look(s->rules, s->node, s->team->list[place], (int)place, b, &b->best);
    return CRM_OK;
}

/* The first max_features columns of the order; returns how many. */
static crm_status look_together(const exact_rules *r, exact_team *t, const exact_node *x,
                                look_fn look, int *n)
{
    shared s = {.rules = r, .team = t, .node = x, .look = look};
    int column;

    for (*n = 0; *n < r->cfg->max_features && (column = tree_draw_next(&t->draw)) >= 0; ++*n)
        t->list[*n] = column;
    for (int k = 1; k < t->n; k++)
        begin(r, x, t->bench[k]);
    CRM_TRY(crm_pool_run(t->pool, *n, look_one, &s));
    for (int k = 1; k < t->n; k++) {
        t->bench[0]->varied |= t->bench[k]->varied;
        if (t->bench[k]->best.column >= 0 && exact_better(&t->bench[k]->best, &t->bench[0]->best))
            t->bench[0]->best = t->bench[k]->best;
    }
    return CRM_OK;
}

static crm_status find(const exact_rules *r, exact_team *t, const exact_node *x, look_fn look)
{
    int place = 0;
    crm_status st = CRM_OK;

    tree_draw_begin(&t->draw, r->cfg, r->number, x->number);
    begin(r, x, t->bench[0]);
    if (t->n > 1 && x->n * r->cfg->max_features >= TEAM_WORK)
        st = look_together(r, t, x, look, &place);
    if (!st) look_alone(r, t, x, place, look);
    tree_draw_end(&t->draw);
    return st;
}

/* ---- two sides ---- */

/* Ranks of the rows; the largest on the left, the smallest on the right (none when there is no
 * value). */
CRM_SIMD static void find_edges(int64_t n, const int32_t *row, const int32_t *rank, int32_t cutoff,
                                int32_t *key, int32_t *low, int32_t *high)
{
    int32_t lo = -1, hi = INT32_MAX;

    for (int64_t i = 0; i < n; i++) {
        int32_t k = rank[row[i]], below = k <= cutoff ? k : -1, above = k > cutoff ? k : INT32_MAX;
        key[i] = k;
        lo = below > lo ? below : lo;
        hi = above < hi ? above : hi;
    }
    *low = lo;
    *high = hi;
}

/* Halfway between two values, as in scikit-learn. */
static double middle(float low, float high)
{
    double cut = (double)low / 2 + (double)high / 2;

    return cut == (double)high || isinf(cut) || isnan(cut) ? (double)low : cut;
}

/* Keeps the order of rows on each side; keys are those of the rows. */
static int64_t part(const exact_node *x, exact_team *t, int32_t cutoff, int32_t also)
{
    const int32_t *key = t->bench[0]->key;
    int64_t l = 0, g = 0;

    for (int64_t i = 0; i < x->n; i++) {
        bool left = (key[i] <= cutoff) | (key[i] == also);
        int32_t row = x->row[i];
        uint64_t mark = x->mark[i];
        x->row[l] = row;
        x->mark[l] = mark;
        t->row_spare[g] = row;
        t->mark_spare[g] = mark;
        l += left;
        g += !left;
    }
    memcpy(x->row + l, t->row_spare, (size_t)g * sizeof *x->row);
    memcpy(x->mark + l, t->mark_spare, (size_t)g * sizeof *x->mark);
    return l;
}

static void count_left(const exact_rules *r, const exact_node *x, int64_t n, int64_t *left)
{
    uint64_t sum = 0;

    memset(left, 0, (size_t)r->m * sizeof *left);
    if (!r->packed) {
        for (int64_t i = 0; i < n; i++)
            exact_add(r, x->mark[i], left);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        sum += x->mark[i];
    exact_add(r, sum, left);
}

static bool is_heavier(const exact_rules *r, const int64_t *count, const int64_t *left)
{
    double l = 0, g = 0;

    for (int c = 0; c < r->m; c++) {
        l += r->weight[c] * (double)left[c];
        g += r->weight[c] * (double)(count[c] - left[c]);
    }
    return l > g;
}

/* True when the cut lies between close values, which only exact_sort knows to avoid. */
static bool find_cut(const exact_rules *r, exact_team *t, const exact_node *x, int32_t *also,
                     exact_cut *out)
{
    const tree_columns *c = r->columns;
    const exact_split *s = &t->bench[0]->best;
    int32_t low, high, none = c->n_values[s->column];

    find_edges(x->n, x->row, c->rank[s->column], s->cutoff, t->bench[0]->key, &low, &high);
    *also = s->missing_left ? none : -1;
    out->column = s->column;
    out->missing_left = s->missing_left;
    if (high >= none) { /* none present on the right */
        out->value = INFINITY;
        return false;
    }
    out->value = middle(c->value[s->column][low], c->value[s->column][high]);
    return exact_is_close(c, s->column, low, high);
}

static bool has_missing(const exact_node *x, const int32_t *key, int32_t none)
{
    int32_t top = 0;

    for (int64_t i = 0; i < x->n; i++)
        top = key[i] > top ? key[i] : top;
    return top == none;
}

crm_status exact_split_node(const exact_rules *r, exact_team *t, exact_node *x, int64_t *left,
                            exact_cut *out)
{
    const exact_split *s = &t->bench[0]->best;
    int32_t also;

    *out = (exact_cut){.column = -1};
    CRM_TRY(find(r, t, x, r->packed ? exact_scan : exact_sort));
    if (s->column < 0) return CRM_OK;
    if (find_cut(r, t, x, &also, out) && r->packed) {
        *out = (exact_cut){.column = -1};
        CRM_TRY(find(r, t, x, exact_sort));
        if (s->column < 0) return CRM_OK;
        (void)find_cut(r, t, x, &also, out);
    }
    if (!s->missing_left && !has_missing(x, t->bench[0]->key, r->columns->n_values[s->column]))
        also = -2; /* no row is missing here */
    out->n_left = part(x, t, s->cutoff, also);
    count_left(r, x, out->n_left, left);
    if (also == -2) out->missing_left = is_heavier(r, x->count, left);
    return CRM_OK;
}
