/* tree_grow.c - rules that the growers of trees keep: impurity, the order of columns, pruning, the
 * values of leaves, importances. */
#include "crmpi/base_math.h"
#include "tree_impl.h"

double tree_impurity(int criterion, int m, const double *w, double total)
{
    static const double log_2 = 0.69314718055994531;
    double sum = 0;

    if (!(total > 0)) return 0;
    for (int c = 0; c < m; c++) {
        double p = w[c] / total;
        if (criterion == CRM_TREE_GINI)
            sum += p * p;
        else if (p > 0)
            sum -= p * crm_log(p) / log_2;
    }
    return criterion == CRM_TREE_GINI ? 1 - sum : sum;
}

/* ---- the order of columns ---- */

void tree_draw_begin(tree_draw *d, const tree_grow_cfg *c, int64_t number, int32_t node)
{
    d->at = 0;
    d->all = c->max_features >= d->n;
    if (!d->all) d->rng = crm_rng_at(c->seed, CRM_RNG_COLUMNS, (uint32_t)number, (uint64_t)node);
}

static void swap(int32_t *perm, int i, int j)
{
    int32_t x = perm[i];

    perm[i] = perm[j];
    perm[j] = x;
}

int tree_draw_next(tree_draw *d)
{
    int i = d->at;

    if (i == d->n) return -1;
    d->at++;
    if (d->all) return i;
    d->back[i] = i + (int32_t)crm_rng_below(&d->rng, (uint64_t)(d->n - i));
    swap(d->perm, i, d->back[i]);
    return d->perm[i];
}

void tree_draw_end(tree_draw *d)
{
    for (; d->at > 0 && !d->all; d->at--)
        swap(d->perm, d->at - 1, d->back[d->at - 1]);
    d->at = 0;
}

/* ---- pruning ---- */

/* The smallest tree that minimises sum of weight x impurity / total over its leaves + alpha x
 * leaves: from below, a node whose branch is not better than itself becomes a leaf. */
static void choose_cuts(double alpha, const tree *t, const tree_stat *stat, double *cost,
                        uint8_t *cut)
{
    for (int32_t i = t->n_nodes - 1; i >= 0; i--) {
        const tree_node *n = t->node + i;
        double leaf = stat[i].weight * stat[i].impurity / stat[0].weight + alpha;
        double branch = n->column < 0 ? leaf : cost[n->left] + cost[n->left + 1];
        cut[i] = leaf <= branch;
        cost[i] = cut[i] ? leaf : branch;
    }
}

/* origin[new node] = old node. */
static crm_status copy_kept(const tree *t, const uint8_t *cut, tree *out, int32_t *origin)
{
    int32_t left;

    for (int32_t i = 0; i < out->n_nodes; i++) {
        const tree_node *n = t->node + origin[i];
        if (n->column < 0 || cut[origin[i]]) continue;
        CRM_TRY(tree_split(out, i, n->column, n->cut, n->missing_left, &left));
        origin[left] = n->left;
        origin[left + 1] = n->left + 1;
    }
    return CRM_OK;
}

static crm_status prune(double alpha, tree *t, tree_stat *stat, int32_t *origin)
{
    tree out = {0};
    uint8_t *cut = NULL;
    double *cost = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, cut, t->n_nodes);
    CRM_NEW_TO(st, done, cost, t->n_nodes);
    choose_cuts(alpha, t, stat, cost, cut);
    CRM_TRY_TO(st, done, tree_new(t->width, &out));
    CRM_TRY_TO(st, done, copy_kept(t, cut, &out, origin));
    tree_free(t);
    *t = out;
    out = (tree){0};
done:
    tree_free(&out);
    crm_mem_free(cut);
    crm_mem_free(cost);
    return st;
}

/* ---- the end of growth ---- */

static void measure(int criterion, const tree *t, const double *counts, tree_stat *stat)
{
    for (int32_t i = 0; i < t->n_nodes; i++) {
        const double *w = counts + (int64_t)i * t->width;
        stat[i].weight = 0;
        for (int c = 0; c < t->width; c++)
            stat[i].weight += w[c];
        stat[i].impurity = tree_impurity(criterion, t->width, w, stat[i].weight);
    }
}

static void fill_leaves(tree *t, const double *counts, const tree_stat *stat, const int32_t *origin)
{
    for (int32_t i = 0; i < t->n_nodes; i++) {
        double *v = t->value + (int64_t)t->node[i].left * t->width;
        int32_t o = origin[i];
        if (t->node[i].column >= 0) continue;
        for (int c = 0; c < t->width; c++)
            v[c] = counts[(int64_t)o * t->width + c] / stat[o].weight;
    }
}

static double gain(tree_stat s)
{
    return s.weight * s.impurity;
}

static void weigh_columns(const tree *t, const tree_stat *stat, const int32_t *origin, int d,
                          double *importance)
{
    double sum = 0;

    for (int j = 0; j < d; j++)
        importance[j] = 0;
    for (int32_t i = 0; i < t->n_nodes; i++) {
        const tree_node *n = t->node + i;
        if (n->column < 0) continue;
        importance[n->column] +=
            gain(stat[origin[i]]) - gain(stat[origin[n->left]]) - gain(stat[origin[n->left + 1]]);
    }
    for (int j = 0; j < d; j++)
        sum += importance[j];
    for (int j = 0; j < d; j++)
        importance[j] = sum > 0 ? importance[j] / sum : 0;
}

crm_status tree_finish(const tree_grow_cfg *c, tree *t, const double *counts, int n_columns,
                       double *importance)
{
    tree_stat *stat = NULL;
    int32_t *origin = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, stat, t->n_nodes);
    CRM_NEW_TO(st, done, origin, t->n_nodes);
    measure(c->criterion, t, counts, stat);
    for (int32_t i = 0; c->ccp_alpha == 0 && i < t->n_nodes; i++)
        origin[i] = i;
    if (c->ccp_alpha > 0) CRM_TRY_TO(st, done, prune(c->ccp_alpha, t, stat, origin));
    fill_leaves(t, counts, stat, origin);
    if (importance) weigh_columns(t, stat, origin, n_columns, importance);
done:
    crm_mem_free(stat);
    crm_mem_free(origin);
    return st;
}
