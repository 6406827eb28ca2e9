/* sweep_importance.c - importance of dimensions by functional ANOVA.
 *
 * Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance",
 * ICML 2014: each tree of a forest is a function on the unit cube, on which points are even as
 * random search draws them, and splits into main effects and interactions that do not correlate;
 *
 *     share of dimension d    mean over trees of variance(main effect of d) / variance(tree)
 *
 * Trees are grown on bootstrap samples of the trials.  The values of a list stand in the order of
 * their mean losses in the sample, so that a cut can part any of them from the others (Breiman et
 * al. 1984, section 4.2.2); the volume of each stays the same.  A dimension that is no part of a
 * trial has no effect on it, whatever its value: each tree gives it one by chance.  So the effect
 * of a conditional dimension is a mean over the cube, where it does not apply included. */
#include <math.h>
#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "sweep_impl.h"

enum {
    TREES = 64,          /* of the forest that the shares come from */
    FORESTS = 25,        /* that the spread comes from ...          */
    TREES_OF_SPREAD = 16 /* ... of so many trees each               */
};

/* Trials that have a loss. */
typedef struct sample {
    const crm_space *space;
    int dims;
    int64_t n;
    double *u, *y;           /* [n][dims], NaN where not part of the trial; [n] */
    int64_t *from;           /* [n] trials that a forest is grown on            */
    double *tree_u, *tree_y; /* of one tree                                     */
} sample;

static void sample_free(sample *s)
{
    crm_mem_free(s->u);
    crm_mem_free(s->y);
    crm_mem_free(s->from);
    crm_mem_free(s->tree_u);
    crm_mem_free(s->tree_y);
}

static crm_status sample_new(const crm_space *space, const crm_seen *seen, int64_t n, sample *s)
{
    bool differ = false;

    s->space = space;
    s->dims = space->n;
    CRM_NEW(s->u, n * s->dims);
    CRM_NEW(s->y, n);
    CRM_NEW(s->from, n);
    CRM_NEW(s->tree_u, n * s->dims);
    CRM_NEW(s->tree_y, n);
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(seen[i].loss)) continue;
        for (int d = 0; d < s->dims; d++)
            s->u[s->n * s->dims + d] =
                isnan(seen[i].x[d]) ? NAN : sweep_dim_unit(&space->dim[d], seen[i].x[d]);
        s->y[s->n++] = seen[i].loss;
        differ = differ || seen[i].loss != s->y[0];
    }
    CRM_CHECK(differ, CRM_ERR_FORMAT,
              "importance needs trials with different losses; %lld of %lld trials have a loss",
              (long long)s->n, (long long)n);
    return CRM_OK;
}

typedef struct value_mean {
    int value;
    double mean;
} value_mean;

static int by_mean(const void *a, const void *b)
{
    const value_mean *x = a, *y = b;

    if (x->mean != y->mean) return (x->mean > y->mean) - (x->mean < y->mean);
    return x->value - y->value;
}

/* Values of list d in the order of their mean losses in the rows of a tree; values without a row
 * lie at the mean of all. */
static void order_values(sample *s, int d, int values)
{
    double all = 0, sum[CRM_SWEEP_VALUES_MAX] = {0}, count[CRM_SWEEP_VALUES_MAX] = {0};
    value_mean v[CRM_SWEEP_VALUES_MAX];
    int place[CRM_SWEEP_VALUES_MAX];

    for (int64_t i = 0; i < s->n; i++) {
        int value = (int)(s->tree_u[i * s->dims + d] * values);
        sum[value] += s->tree_y[i];
        count[value]++;
        all += s->tree_y[i] / (double)s->n;
    }
    for (int k = 0; k < values; k++)
        v[k] = (value_mean){.value = k, .mean = count[k] > 0 ? sum[k] / count[k] : all};
    qsort(v, (size_t)values, sizeof *v, by_mean);
    for (int k = 0; k < values; k++)
        place[v[k].value] = k;
    for (int64_t i = 0; i < s->n; i++) {
        double *u = &s->tree_u[i * s->dims + d];
        *u = (place[(int)(*u * values)] + 0.5) / values;
    }
}

static void draw_rows(sample *s, crm_rng *r)
{
    for (int64_t i = 0; i < s->n; i++) {
        int64_t from = s->from[crm_rng_below(r, (uint64_t)s->n)];
        s->tree_y[i] = s->y[from];
        for (int d = 0; d < s->dims; d++) {
            double u = s->u[from * s->dims + d];
            s->tree_u[i * s->dims + d] = isnan(u) ? crm_rng_uniform(r) : u;
        }
    }
    for (int d = 0; d < s->dims; d++)
        if (s->space->dim[d].kind == CRM_DIM_LIST) order_values(s, d, s->space->dim[d].n);
}

/* Adds the shares of one tree; one that does not vary explains nothing and counts for none. */
static crm_status add_tree(sample *s, crm_rng *r, double *share, int *counted)
{
    double total, main[CRM_SWEEP_DIMS_MAX];
    sweep_tree t;
    crm_status st;

    draw_rows(s, r);
    CRM_TRY(sweep_tree_fit(s->dims, s->n, s->tree_u, s->tree_y, r, &t));
    st = sweep_tree_variance(&t, &total, main);
    sweep_tree_free(&t);
    CRM_TRY(st);
    if (!(total > 0)) return CRM_OK;
    for (int d = 0; d < s->dims; d++)
        share[d] += main[d] / total;
    ++*counted;
    return CRM_OK;
}

/* Forest 0 is grown on all trials, the others on a bootstrap sample of them each. */
static crm_status forest(sample *s, uint64_t seed, int number, int trees, double *share)
{
    crm_rng r = crm_rng_at(seed, CRM_RNG_IMPORTANCE, (uint32_t)number, 0);
    int counted = 0;

    for (int64_t i = 0; i < s->n; i++)
        s->from[i] = number == 0 ? i : (int64_t)crm_rng_below(&r, (uint64_t)s->n);
    for (int d = 0; d < s->dims; d++)
        share[d] = 0;
    for (int t = 1; t <= trees; t++) {
        r = crm_rng_at(seed, CRM_RNG_IMPORTANCE, (uint32_t)number, (uint64_t)t);
        CRM_TRY(add_tree(s, &r, share, &counted));
    }
    for (int d = 0; d < s->dims && counted > 0; d++)
        share[d] /= counted;
    return CRM_OK;
}

static crm_status spread_of(sample *s, uint64_t seed, double *spread)
{
    double of[FORESTS][CRM_SWEEP_DIMS_MAX];

    for (int f = 0; f < FORESTS; f++)
        CRM_TRY(forest(s, seed, f + 1, TREES_OF_SPREAD, of[f]));
    for (int d = 0; d < s->dims; d++) {
        double mean = 0, square = 0;
        for (int f = 0; f < FORESTS; f++)
            mean += of[f][d] / FORESTS;
        for (int f = 0; f < FORESTS; f++)
            square += (of[f][d] - mean) * (of[f][d] - mean);
        spread[d] = sqrt(square / (FORESTS - 1));
    }
    return CRM_OK;
}

crm_status crm_sweep_importance(const crm_space *s, const crm_seen *seen, int64_t n, uint64_t seed,
                                double *share, double *spread)
{
    sample of = {0};
    crm_status st = sample_new(s, seen, n, &of);

    if (!st) st = forest(&of, seed, 0, TREES, share);
    if (!st) st = spread_of(&of, seed, spread);
    sample_free(&of);
    return st;
}
