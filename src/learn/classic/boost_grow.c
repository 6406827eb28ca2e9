/* boost_grow.c - one tree, leaf by leaf: the leaf with the largest gain is split next.
 *
 * Own rows of a node are a range of one list.  Of two children the one with fewer rows (on all
 * ranks) is counted; the other's histogram is the parent's less that.  Everything that decides is a
 * sum of integers over all ranks. */
#include <string.h>

#include "boost_impl.h"

/* Histograms at least; work that is worth waking threads: additions, rows, places. */
enum { MIN_SLOTS = 4, POOL_WORK = 1 << 17, POOL_ROWS = 1 << 15, POOL_PLACES = 1 << 12 };

typedef struct grown {
    int64_t begin, end; /* own rows                                    */
    boost_sum sum;      /* of all ranks                                */
    boost_split best;   /* gain 0: none                                */
    int32_t left;       /* child, the right one is left + 1; -1: leaf  */
    int depth;
    int slot; /* histogram; -1: none */
} grown;

enum { ROW_IN, ROW_ASIDE, ROW_NONE }; /* grown on; only scored; without a label */
struct boost_grower {
    const crm_fit *fit; /* its ranks share the rows */
    crm_comm *all;
    const crm_boosting_cfg *cfg;
    const boost_table *t;
    const boost_loss *l;
    boost_rule rule;
    uint8_t *in;        /* [own rows] ROW_... of this iteration          */
    uint8_t *take;      /* [n_columns] of this iteration                 */
    int64_t *order;     /* [n_columns]                                   */
    int32_t *row, *new; /* [own rows] the list, and room to part it      */
    int64_t rows;       /* in the list                                   */
    int64_t places;
    boost_sum *hist; /* [slots][places]                               */
    int *free;       /* [slots] that are not in use                   */
    int slots, n_free;
    grown *node;       /* [2 max_leaves - 1]                            */
    int32_t *open;     /* [max_leaves] leaves that can be split         */
    int32_t *split;    /* [max_leaves - 1] nodes in the order of splits */
    int32_t *leaf;     /* [max_leaves] nodes                            */
    int64_t *sum;      /* [max_leaves][2] of pairs in a leaf            */
    double *value;     /* [max_leaves]                                  */
    boost_split *work; /* [n_columns]                                   */
    int max_leaves, n_nodes, n_leaves, n_open;
};

/* ---- memory ---- */

static crm_status grower_fill(boost_grower *w)
{
    CRM_NEW(w->in, w->l->n);
    CRM_NEW(w->take, w->t->n_columns);
    CRM_NEW(w->order, w->t->n_columns);
    CRM_NEW(w->row, w->l->n);
    CRM_NEW(w->new, w->l->n);
    CRM_NEW(w->hist, w->slots * w->places);
    CRM_NEW(w->free, w->slots);
    CRM_NEW(w->node, 2 * w->max_leaves - 1);
    CRM_NEW(w->open, w->max_leaves);
    CRM_NEW(w->split, w->max_leaves);
    CRM_NEW(w->leaf, w->max_leaves);
    CRM_NEW(w->sum, 2 * w->max_leaves);
    CRM_NEW(w->value, w->max_leaves);
    CRM_NEW(w->work, w->t->n_columns);
    return CRM_OK;
}

/* Leaves of a tree, and histograms that are kept at a time. */
static void grower_size(boost_grower *w)
{
    int64_t most = w->l->of / w->cfg->min_samples_leaf, bytes;

    w->places = w->t->first[w->t->n_columns];
    bytes = w->places * (int64_t)sizeof(boost_sum);
    w->max_leaves = (int)(w->cfg->max_leaves < most ? w->cfg->max_leaves : most > 1 ? most : 1);
    w->slots = w->max_leaves;
    if (w->slots * bytes > w->cfg->hist_bytes) w->slots = (int)(w->cfg->hist_bytes / bytes);
    if (w->slots < MIN_SLOTS) w->slots = MIN_SLOTS;
}

crm_status boost_grower_new(const crm_fit *fit, crm_comm *all, const crm_boosting_cfg *cfg,
                            const boost_table *t, const boost_loss *l, boost_grower **out)
{
    boost_grower *w;

    CRM_NEW(w, 1);
    *out = w;
    w->fit = fit;
    w->all = all;
    w->cfg = cfg;
    w->t = t;
    w->l = l;
    w->rule = boost_rule_of(cfg, &l->scale);
    grower_size(w);
    return grower_fill(w);
}

void boost_grower_free(boost_grower **at)
{
    boost_grower *w = *at;

    if (!w) return;
    crm_mem_free(w->in);
    crm_mem_free(w->take);
    crm_mem_free(w->order);
    crm_mem_free(w->row);
    crm_mem_free(w->new);
    crm_mem_free(w->hist);
    crm_mem_free(w->free);
    crm_mem_free(w->node);
    crm_mem_free(w->open);
    crm_mem_free(w->split);
    crm_mem_free(w->leaf);
    crm_mem_free(w->sum);
    crm_mem_free(w->value);
    crm_mem_free(w->work);
    crm_mem_free(w);
    *at = NULL;
}

/* ---- rows and columns of an iteration ---- */

static void draw_rows(boost_grower *w, int64_t iteration)
{
    double limit = w->cfg->subsample * 4294967296.0;
    const int64_t *row = w->fit->train->row + w->l->first;

    for (int64_t i = 0; i < w->l->n; i++) {
        bool in = w->l->use[i] == BOOST_LEARN;
        if (in && w->cfg->subsample < 1)
            in = crm_rng_element(w->fit->seed, CRM_RNG_SAMPLE, (uint32_t)iteration,
                                 (uint64_t)row[i], 0) < limit;
        w->in[i] = w->l->use[i] == BOOST_NONE ? ROW_NONE : in ? ROW_IN : ROW_ASIDE;
    }
}

static void draw_columns(boost_grower *w, int64_t iteration)
{
    int n = w->t->n_columns;
    int64_t some = (int64_t)(w->cfg->colsample * n + 0.5);

    crm_rng_permute(w->fit->seed, CRM_RNG_COLUMNS, (uint32_t)iteration, n, w->order);
    memset(w->take, 0, (size_t)n);
    for (int64_t i = 0; i < n && (i < some || i < 1); i++)
        w->take[w->order[i]] = 1;
}

void boost_grower_draw(boost_grower *w, int64_t iteration)
{
    if (iteration == 0 || w->cfg->subsample < 1) draw_rows(w, iteration);
    if (iteration == 0 || w->cfg->colsample < 1) draw_columns(w, iteration);
}

static void list_rows(boost_grower *w)
{
    w->rows = 0;
    for (int64_t i = 0; i < w->l->n; i++) {
        w->row[w->rows] = (int32_t)i;
        w->rows += w->in[i] == ROW_IN;
    }
}

/* ---- histograms ---- */

static boost_sum *hist_of(const boost_grower *w, const grown *x)
{
    return w->hist + x->slot * w->places;
}

static void release(boost_grower *w, grown *x)
{
    if (x->slot >= 0) w->free[w->n_free++] = x->slot;
    x->slot = -1;
}

/* When all are in use, the open leaf that would be split last gives its own away; two nodes at most
 * hold one without being open, so there is such a leaf. */
static int acquire(boost_grower *w)
{
    int last = -1;

    for (int i = 0; w->n_free == 0 && i < w->n_open; i++) {
        const grown *x = &w->node[w->open[i]];
        if (x->slot < 0) continue;
        if (last < 0 || x->best.gain < w->node[last].best.gain) last = w->open[i];
    }
    if (last >= 0) release(w, &w->node[last]);
    return w->free[--w->n_free];
}

/* Threads for work that is worth waking them. */
static crm_pool *pool_for(const boost_grower *w, int64_t work, int64_t least)
{
    return work >= least ? w->fit->pool : NULL;
}

static crm_status count(boost_grower *w, const boost_pair *pair, grown *x)
{
    int64_t n = x->end - x->begin;
    boost_sum *hist;

    x->slot = acquire(w);
    hist = hist_of(w, x);
    memset(hist, 0, (size_t)w->places * sizeof *hist);
    CRM_TRY(boost_hist_add(w->t, &w->l->scale, pair, w->row + x->begin, n,
                           pool_for(w, n * w->t->n_columns, POOL_WORK), hist));
    return crm_comm_sum_i64(w->fit->comm, &hist->g, 2 * w->places);
}

/* Open a node that has a histogram, when it can be split well. */
static crm_status look(boost_grower *w, int32_t at)
{
    grown *x = &w->node[at];

    CRM_TRY(boost_split_find(w->t, &w->rule, w->take, hist_of(w, x), x->sum,
                             pool_for(w, w->places, POOL_PLACES), w->work, &x->best));
    if (x->best.gain > 0)
        w->open[w->n_open++] = at;
    else
        release(w, x);
    return CRM_OK;
}

/* ---- splits ---- */

typedef struct part_job {
    int32_t *row, *new;
    const uint8_t *code;
    uint8_t left[256]; /* by code */
    int64_t n, chunk;
    int64_t *lefts; /* by chunk */
} part_job;

/* Left rows to the front of the chunk, right ones to its part of the room. */
static crm_status part_chunk(void *ctx, int64_t chunk, int worker)
{
    const part_job *j = ctx;
    int64_t first = chunk * j->chunk, n = j->n - first < j->chunk ? j->n - first : j->chunk;
    int32_t *row = j->row + first, *new = j->new + first;
    int64_t l = 0, r = 0;

    (void)worker;
    for (int64_t i = 0; i < n; i++) {
        int32_t at = row[i];
        int left = j->left[j->code[at]];
        row[l] = at;
        new[r] = at;
        l += left;
        r += !left;
    }
    j->lefts[chunk] = l;
    return CRM_OK;
}

/* Chunks' left rows together, then their right rows; returns the number of left rows. */
static int64_t join_chunks(const part_job *j, int chunks)
{
    int64_t at = 0, lefts;

    for (int c = 0; c < chunks; c++) {
        memmove(j->row + at, j->row + c * j->chunk, (size_t)j->lefts[c] * sizeof *j->row);
        at += j->lefts[c];
    }
    lefts = at;
    for (int c = 0; c < chunks; c++) {
        int64_t first = c * j->chunk, n = j->n - first < j->chunk ? j->n - first : j->chunk;
        memcpy(j->row + at, j->new + first, (size_t)(n - j->lefts[c]) * sizeof *j->row);
        at += n - j->lefts[c];
    }
    return lefts;
}

enum { CHUNKS = 64 };

static crm_status part(boost_grower *w, const grown *x, int64_t *lefts)
{
    int32_t column = w->t->column[x->best.column];
    int64_t left_of[CHUNKS];
    part_job j = {.row = w->row + x->begin,
                  .new = w->new,
                  .code = w->t->bins->code + column * w->t->n,
                  .n = x->end - x->begin,
                  .lefts = left_of};
    crm_pool *pool = pool_for(w, j.n, POOL_ROWS);
    int chunks = pool ? crm_pool_size(pool) : 1;

    if (chunks > CHUNKS) chunks = CHUNKS;
    j.chunk = (j.n + chunks - 1) / chunks;
    for (int c = 0; c <= x->best.code; c++)
        j.left[c] = 1;
    j.left[TREE_MISSING] = x->best.missing_left;
    CRM_TRY(crm_pool_run(pool, chunks, part_chunk, &j));
    *lefts = join_chunks(&j, chunks);
    return CRM_OK;
}

static bool may_split(const boost_grower *w, const grown *x)
{
    int64_t rows = boost_rows(&w->l->scale, x->sum.hc);

    return rows >= 2 * w->cfg->min_samples_leaf &&
           (w->cfg->max_depth < 0 || x->depth < w->cfg->max_depth);
}

/* Histograms of the children of p, of which small has no more rows than large. */
static crm_status hist_children(boost_grower *w, const boost_pair *pair, grown *p, grown *small,
                                grown *large)
{
    bool s = may_split(w, small), l = may_split(w, large); /* s: then l */

    if (p->slot >= 0 && l) {
        CRM_TRY(count(w, pair, small));
        large->slot = p->slot;
        p->slot = -1;
        boost_hist_subtract(w->places, hist_of(w, large), hist_of(w, small));
        if (!s) release(w, small);
    } else {
        release(w, p);
        if (s) CRM_TRY(count(w, pair, small));
        if (l) CRM_TRY(count(w, pair, large));
    }
    if (s) CRM_TRY(look(w, (int32_t)(small - w->node)));
    if (l) CRM_TRY(look(w, (int32_t)(large - w->node)));
    return CRM_OK;
}

/* Two children behind the other nodes; *p has the parting of its rows. */
static crm_status split(boost_grower *w, const boost_pair *pair, int32_t at)
{
    grown *p = &w->node[at], *left = &w->node[w->n_nodes], *right = left + 1;
    int64_t lefts;
    bool first;

    CRM_TRY(part(w, p, &lefts));
    p->left = w->n_nodes;
    *left = (grown){.begin = p->begin,
                    .end = p->begin + lefts,
                    .sum = p->best.left,
                    .left = -1,
                    .depth = p->depth + 1,
                    .slot = -1};
    *right = *left;
    right->begin = left->end;
    right->end = p->end;
    right->sum.g = p->sum.g - left->sum.g;
    right->sum.hc = p->sum.hc - left->sum.hc;
    w->split[w->n_leaves - 1] = at;
    w->n_nodes += 2;
    if (++w->n_leaves == w->max_leaves) return CRM_OK;
    first = boost_rows(&w->l->scale, left->sum.hc) <= boost_rows(&w->l->scale, right->sum.hc);
    return hist_children(w, pair, p, first ? left : right, first ? right : left);
}

/* The open leaf with the largest gain, of equals the first node; no longer open. */
static int32_t take_open(boost_grower *w)
{
    int best = 0;
    int32_t at;

    for (int i = 1; i < w->n_open; i++) {
        double gain = w->node[w->open[i]].best.gain, most = w->node[w->open[best]].best.gain;
        if (gain > most || (gain == most && w->open[i] < w->open[best])) best = i;
    }
    at = w->open[best];
    w->open[best] = w->open[--w->n_open];
    return at;
}

static crm_status begin(boost_grower *w, const boost_pair *pair)
{
    grown *root = &w->node[0];

    *root = (grown){.end = w->rows, .left = -1, .slot = -1};
    w->n_nodes = w->n_leaves = 1;
    w->n_open = w->n_free = 0;
    while (w->n_free < w->slots) {
        w->free[w->n_free] = w->n_free;
        w->n_free++;
    }
    if (w->t->n_columns == 0 || w->max_leaves == 1) return CRM_OK;
    CRM_TRY(count(w, pair, root));
    for (int i = 0; i < w->t->first[1]; i++) {
        root->sum.g += hist_of(w, root)[i].g;
        root->sum.hc += hist_of(w, root)[i].hc;
    }
    return may_split(w, root) ? look(w, 0) : CRM_OK;
}

/* ---- leaves ---- */

typedef struct leaf_job {
    const boost_grower *w;
    const boost_pair *pair;
    double *f;
} leaf_job;

static crm_status sum_leaf(void *ctx, int64_t leaf, int worker)
{
    const leaf_job *j = ctx;
    const grown *x = &j->w->node[j->w->leaf[leaf]];
    int64_t g = 0, h = 0;

    (void)worker;
    for (int64_t i = x->begin; i < x->end; i++) {
        boost_pair p = j->pair[j->w->row[i]];
        g += p.g;
        h += p.h;
    }
    j->w->sum[2 * leaf] = g;
    j->w->sum[2 * leaf + 1] = h;
    return CRM_OK;
}

static crm_status raise_leaf(void *ctx, int64_t leaf, int worker)
{
    const leaf_job *j = ctx;
    const grown *x = &j->w->node[j->w->leaf[leaf]];

    (void)worker;
    for (int64_t i = x->begin; i < x->end; i++)
        j->f[j->w->row[i]] += j->w->value[leaf];
    return CRM_OK;
}

/* Values of the leaves, by number in leaf, from the full derivatives of their rows. */
static crm_status value_leaves(boost_grower *w, const boost_pair *pair)
{
    leaf_job j = {.w = w, .pair = pair};
    const boost_scale *s = &w->l->scale;
    int n = 0;

    for (int32_t i = 0; i < w->n_nodes; i++)
        if (w->node[i].left < 0) w->leaf[n++] = i;
    CRM_TRY(crm_pool_run(pool_for(w, w->rows, POOL_ROWS), n, sum_leaf, &j));
    CRM_TRY(crm_comm_sum_i64(w->fit->comm, w->sum, 2 * n));
    for (int i = 0; i < n; i++)
        w->value[i] =
            boost_value(w->cfg, (double)w->sum[2 * i] / s->g, (double)w->sum[2 * i + 1] / s->h);
    return CRM_OK;
}

static int32_t node_of(const boost_grower *w, int64_t row)
{
    const uint8_t *code = w->t->code + row * w->t->stride;
    int32_t at = 0;

    while (w->node[at].left >= 0) {
        const boost_split *b = &w->node[at].best;
        int c = code[b->column];
        bool left = c <= b->code || (b->missing_left && c == w->t->codes[b->column]);
        at = w->node[at].left + !left;
    }
    return at;
}

/* Scores of all own rows; those that the tree was not grown on walk down it. */
static crm_status raise_scores(const boost_grower *w, const tree *t, double *f)
{
    leaf_job j = {.w = w, .f = f};

    for (int64_t i = 0; i < w->l->n; i++)
        if (w->in[i] == ROW_ASIDE) f[i] += t->value[t->node[node_of(w, i)].left];
    return crm_pool_run(pool_for(w, w->rows, POOL_ROWS), w->n_leaves, raise_leaf, &j);
}

/* ---- the tree ---- */

static crm_status copy_splits(const boost_grower *w, tree *out)
{
    int32_t left;

    CRM_TRY(tree_new(1, out));
    for (int i = 0; i < w->n_leaves - 1; i++) {
        const grown *x = &w->node[w->split[i]];
        const tree_bins *b = w->t->bins;
        int32_t c = w->t->column[x->best.column];
        double cut = x->best.code < b->bins[c] - 1 ? b->cut[c][x->best.code] : (double)INFINITY;
        CRM_TRY(tree_split(out, w->split[i], c, cut, x->best.missing_left, &left));
        CRM_ASSERT(left == x->left);
    }
    for (int i = 0; i < w->n_leaves; i++)
        out->value[out->node[w->leaf[i]].left] = w->value[i];
    return CRM_OK;
}

crm_status boost_grow(boost_grower *w, boost_loss *l, int v, double *importance, tree *out)
{
    const boost_pair *pair = l->pair + v * l->n;

    *out = (tree){0};
    list_rows(w);
    CRM_TRY(begin(w, pair));
    while (w->n_open > 0 && w->n_leaves < w->max_leaves)
        CRM_TRY(split(w, pair, take_open(w)));
    CRM_TRY(value_leaves(w, pair));
    CRM_TRY(crm_comm_agree(w->all, copy_splits(w, out)));
    for (int i = 0; i < w->n_leaves - 1; i++) {
        const boost_split *b = &w->node[w->split[i]].best;
        importance[w->t->column[b->column]] += b->gain;
    }
    return raise_scores(w, out, l->f + v * l->n);
}
