/* sweep_impl.h - what files of this room share. */
#ifndef CRM_SWEEP_IMPL_H
#define CRM_SWEEP_IMPL_H

#include "crmpi/base_rng.h"
#include "crmpi/sweep.h"

/** Values of a dimension that has a list or steps, else 0. */
int64_t sweep_dim_count(const crm_dim *d);

/** A dimension is sampled as a number z that is even on [lo, hi): the logarithm where that is
 *  asked for; values with steps take a step each, those of a list 1. */
typedef struct sweep_range {
    double lo, hi;
} sweep_range;
sweep_range sweep_dim_range(const crm_dim *d);
double sweep_dim_inner(const crm_dim *d, double x); /* x to z: of a LIST the lower end */
double sweep_dim_outer(const crm_dim *d, double z); /* z to the nearest value          */
/** Coordinate of a value in the unit cube, (z - lo) / (hi - lo): of a LIST the middle of its part.
 */
double sweep_dim_unit(const crm_dim *d, double x);

/** Coordinate d of point i of the Sobol sequence, in units of 2^-32, not scrambled. */
uint32_t sweep_sobol_plain(int d, uint32_t i);
/** u[d] = coordinate d of point i of a scrambled Sobol sequence, in [0, 1).  i < 2^32. */
double sweep_sobol(uint64_t seed, int d, int64_t i);

/* ---- heap ---- */
/** Items by key, equal ones by order: the least is item[0]. */
typedef struct sweep_item {
    double key;
    int64_t order, value[2];
} sweep_item;
typedef struct sweep_heap {
    sweep_item *item;
    int64_t n, cap;
} sweep_heap;
CRM_CHECKED sweep_heap_push(sweep_heap *h, sweep_item x);
/** Take the least one out; false: none. */
bool sweep_heap_pop(sweep_heap *h, sweep_item *out);
void sweep_heap_free(sweep_heap *h);

/* ---- regression tree ---- */
/** A tree is a step function on the unit cube: a value in each of its boxes. */
typedef struct sweep_box {
    double lo, hi;
} sweep_box;
typedef struct sweep_tree {
    int dims;
    int64_t n;      /* leaves                */
    sweep_box *box; /* [n][dims]             */
    double *value;  /* [n] mean of its rows  */
} sweep_tree;

/** Fit y[n] at u[n][dims]: a node is cut where the squared error falls most, halfway between two
 *  rows, until its rows are equal; equal cuts of several dimensions by chance (r). */
CRM_CHECKED sweep_tree_fit(int dims, int64_t n, const double *u, const double *y, crm_rng *r,
                           sweep_tree *out);
void sweep_tree_free(sweep_tree *t);
/** Variance of the tree over the cube, and of its mean over all other dimensions as a function of
 *  dimension d, main[dims]. */
CRM_CHECKED sweep_tree_variance(const sweep_tree *t, double *total, double *main);

CRM_CHECKED sweep_tpe(const crm_sample_cfg *cfg, const crm_space *s, int64_t trial,
                      const crm_seen *seen, int64_t n, double *x);
#endif
