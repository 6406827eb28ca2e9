/* sweep_tree.c - a regression tree on the unit cube, and the variance of its main effects.
 *
 * The tree is grown as in Breiman, Friedman, Olshen and Stone, "Classification and regression
 * trees" (1984), and not pruned.  Its leaves are boxes that fill the cube, so integrals over the
 * cube are sums over leaves (Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing
 * hyperparameter importance", ICML 2014, section 4):
 *
 *     mean         sum of value * volume
 *     at u_d = v   sum of value * volume / width_d over the leaves with lo_d <= v < hi_d
 *
 * The second is a step function of v, whose variance is worked out from step to step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "sweep_impl.h"

/* Two numbers in the order of the first; equal ones of the second, so that sums have one order. */
typedef struct pair {
    double at, value;
} pair;

static int by_place(const void *a, const void *b)
{
    const pair *p = a, *q = b;

    if (p->at != q->at) return (p->at > q->at) - (p->at < q->at);
    return (p->value > q->value) - (p->value < q->value);
}

/* ---- growing ---- */

typedef struct grower {
    sweep_tree *tree;
    const double *u, *y;
    crm_rng *r;
    int64_t *row; /* [n] rows in the order of the leaves */
    pair *pair;   /* [n] scratch                         */
    sweep_box box[CRM_SWEEP_DIMS_MAX];
} grower;

typedef struct cut {
    int dim;
    double at, gain;
} cut;

static double mean_of(const grower *g, int64_t first, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += g->y[g->row[first + i]];
    return sum / (double)n;
}

/* Look at the cuts of one dimension.  The gain is what the sum of squares within falls by. */
static void look(const grower *g, int d, int64_t first, int64_t n, double mean, cut *best)
{
    double left = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t row = g->row[first + i];
        g->pair[i] = (pair){.at = g->u[row * g->tree->dims + d], .value = g->y[row] - mean};
    }
    qsort(g->pair, (size_t)n, sizeof *g->pair, by_place);
    for (int64_t i = 0; i + 1 < n; i++) {
        double at = (g->pair[i].at + g->pair[i + 1].at) / 2, below = (double)(i + 1), gain;
        left += g->pair[i].value;
        if (!(at < g->pair[i + 1].at)) continue;
        gain = left * left * (double)n / (below * ((double)n - below));
        if (gain > best->gain * (1 + 1e-9)) *best = (cut){.dim = d, .at = at, .gain = gain};
    }
}

/* The best cut of rows first .. first + n; dim -1: none.  The first one of cuts that are equal
 * but for rounding is taken, so dimensions come in an order of chance. */
static cut find_cut(const grower *g, int64_t first, int64_t n)
{
    double mean = mean_of(g, first, n);
    cut best = {.dim = -1, .gain = 0};
    int order[CRM_SWEEP_DIMS_MAX];

    for (int d = 0; d < g->tree->dims; d++) {
        int j = (int)crm_rng_below(g->r, (uint64_t)d + 1);
        if (j < d) order[d] = order[j];
        order[j] = d;
    }
    for (int d = 0; d < g->tree->dims; d++)
        look(g, order[d], first, n, mean, &best);
    return best;
}

static bool all_equal(const grower *g, int64_t first, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (g->y[g->row[first + i]] != g->y[g->row[first]]) return false;
    return true;
}

/* Rows below the cut come first; @return how many. */
static int64_t part(const grower *g, int64_t first, int64_t n, const cut *c)
{
    int64_t below = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t row = g->row[first + i];
        if (g->u[row * g->tree->dims + c->dim] > c->at) continue;
        g->row[first + i] = g->row[first + below];
        g->row[first + below++] = row;
    }
    return below;
}

/* Rows first .. first + n lie in g->box, which is the same afterwards. */
static void grow(grower *g, int64_t first, int64_t n)
{
    sweep_tree *t = g->tree;
    cut c = {.dim = -1};
    sweep_box whole;
    int64_t below;

    if (!all_equal(g, first, n)) c = find_cut(g, first, n);
    if (c.dim < 0) {
        memcpy(t->box + t->n * t->dims, g->box, (size_t)t->dims * sizeof *g->box);
        t->value[t->n++] = mean_of(g, first, n);
        return;
    }
    below = part(g, first, n, &c);
    whole = g->box[c.dim];
    g->box[c.dim].hi = c.at;
    grow(g, first, below);
    g->box[c.dim] = (sweep_box){.lo = c.at, .hi = whole.hi};
    grow(g, first + below, n - below);
    g->box[c.dim] = whole;
}

static crm_status fit(grower *g, int dims, int64_t n)
{
    CRM_NEW(g->tree->box, n * dims);
    CRM_NEW(g->tree->value, n);
    CRM_NEW(g->row, n);
    CRM_NEW(g->pair, n);
    for (int64_t i = 0; i < n; i++)
        g->row[i] = i;
    for (int d = 0; d < dims; d++)
        g->box[d] = (sweep_box){.lo = 0, .hi = 1};
    grow(g, 0, n);
    return CRM_OK;
}

crm_status sweep_tree_fit(int dims, int64_t n, const double *u, const double *y, crm_rng *r,
                          sweep_tree *out)
{
    grower g = {.tree = out, .u = u, .y = y, .r = r};
    crm_status st;

    *out = (sweep_tree){.dims = dims};
    st = fit(&g, dims, n);
    crm_mem_free(g.row);
    crm_mem_free(g.pair);
    if (st) sweep_tree_free(out);
    return st;
}

void sweep_tree_free(sweep_tree *t)
{
    crm_mem_free(t->box);
    crm_mem_free(t->value);
    *t = (sweep_tree){0};
}

/* ---- variance ---- */

static double volume(const sweep_tree *t, int64_t leaf)
{
    double v = 1;

    for (int d = 0; d < t->dims; d++)
        v *= t->box[leaf * t->dims + d].hi - t->box[leaf * t->dims + d].lo;
    return v;
}

/* Of values less the mean of the tree. */
static double variance_of(const sweep_tree *t, int d, double mean, pair *step)
{
    double sum = 0, value = 0;
    int64_t n = 0;

    for (int64_t i = 0; i < t->n; i++) {
        const sweep_box *b = &t->box[i * t->dims + d];
        double part = (t->value[i] - mean) * volume(t, i) / (b->hi - b->lo);
        step[n++] = (pair){.at = b->lo, .value = part};
        step[n++] = (pair){.at = b->hi, .value = -part};
    }
    qsort(step, (size_t)n, sizeof *step, by_place);
    for (int64_t i = 0; i + 1 < n; i++) {
        value += step[i].value;
        sum += value * value * (step[i + 1].at - step[i].at);
    }
    return sum;
}

crm_status sweep_tree_variance(const sweep_tree *t, double *total, double *main)
{
    double mean = 0, square = 0;
    pair *step;

    CRM_NEW(step, 2 * t->n);
    for (int64_t i = 0; i < t->n; i++)
        mean += t->value[i] * volume(t, i);
    for (int64_t i = 0; i < t->n; i++)
        square += (t->value[i] - mean) * (t->value[i] - mean) * volume(t, i);
    *total = square;
    for (int d = 0; d < t->dims; d++)
        main[d] = variance_of(t, d, mean, step);
    crm_mem_free(step);
    return CRM_OK;
}
