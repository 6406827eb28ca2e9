/* linear_parts.h - shared by the files linear_*.c only: strips of rows, kernels on them, passes.
 *
 * A strip is STRIP rows of a leaf, columns one after the other: x[d][STRIP].  Rows without a class
 * are zeros with weight 0.  Sums over rows stand in LANES sums side by side, row l in lane
 * l % LANES, which are added up in a fixed order. */
#ifndef CRM_LINEAR_PARTS_H
#define CRM_LINEAR_PARTS_H

#include "linear_impl.h"

enum {
    STRIP = 64,
    LANES = 8,
    LEAF_STRIPS = CRM_LEAF_ROWS / STRIP,
    BATCH = 8, /* strips that are read at once, at most */
    TILE = 16, /* columns of a piece of a matrix        */
};

/* ---- kernels on a strip (linear_kernels.c) ---- */
/** x[d][STRIP] of n rows num[n][d], n <= STRIP; the rest is 0. */
void linear_strip_turn(int64_t d, int64_t n, const float *num, float *x);
/** All values are finite. */
bool linear_strip_finite(int64_t d, const float *x);
/** z[STRIP] = x w, w[d + 1]. */
void linear_strip_scores(int64_t d, const float *x, const double *w, double *z);
/** lanes[d + 1][LANES] += (x, 1) r. */
void linear_strip_add(int64_t d, const float *x, const double *r, double *lanes);
/** lanes[d + 1][LANES] += (x^2, 1) r. */
void linear_strip_squares(int64_t d, const float *x, const double *r, double *lanes);
/** Losses of scores z[vectors][STRIP]: loss[LANES] += s loss, r[vectors][STRIP] = derivatives,
 *  curve[vectors][STRIP] = what second derivatives need: with s the second derivative itself, for
 *  softmax the probabilities.  slot[STRIP] < 0: no class; weight[m] by slot. */
void linear_strip_loss(linear_loss loss, int vectors, const int32_t *slot, const double *weight,
                       const double *z, double *sum, double *r, float *curve);
/** Scores z[vectors][STRIP] along a direction -> (second derivatives) z, in place. */
void linear_strip_curve(linear_loss loss, int vectors, const int32_t *slot, const double *weight,
                        const float *curve, double *z);
/** q[STRIP] = second derivatives of the losses by scores a and b. */
void linear_strip_cross(linear_loss loss, int vectors, int a, int b, const int32_t *slot,
                        const double *weight, const float *curve, double *q);
/** out[n][STRIP] = columns of (x, 1) times q[STRIP]. */
void linear_strip_take(int64_t d, int64_t n, const int64_t *column, const float *x, const double *q,
                       double *out);
/** lanes[n_a][n_b][LANES] += a[n_a][STRIP] b[n_b][STRIP]; upper: where b's number is not below a's
 *  only. */
void linear_strip_gram(int n_a, int n_b, bool upper, const double *a, const double *b,
                       double *lanes);
double linear_dot(int64_t n, const double *a, const double *b);
/** Sum of LANES. */
static inline double linear_fold(const double *s)
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* ---- the problem ---- */
/* Working memory of a thread. */
typedef struct linear_worker {
    float *num, *mapped; /* [read x STRIP][n_num], [STRIP][d]   */
    int32_t *cat;
    int64_t *row;    /* [read x STRIP]                        */
    float *x;        /* [BATCH][d][STRIP]; none when kept     */
    double *z, *r;   /* [vectors][STRIP]                      */
    double *lanes;   /* [vectors x (d + 1) + 2][LANES]        */
    double *sparse;  /* [s][vectors] sums of a leaf           */
    double *a, *b;   /* [TILE][STRIP] of a matrix             */
    double *q, *one; /* [BATCH][STRIP]; [STRIP] of 1          */
} linear_worker;

/* Adds strip number `strip` of this rank to the lanes of w. */
typedef void (*linear_strip_fn)(const linear_problem *p, linear_worker *w, int64_t strip,
                                const float *x);

struct linear_problem {
    linear_spec spec;
    const crm_fit *fit;
    const crm_source *in;
    const classic_classes *classes;
    int vectors;
    int64_t d, s;       /* columns, sparse ones                           */
    int64_t width;      /* numbers of a vector                            */
    int64_t vars;       /* vectors x width                                */
    int64_t dense;      /* vectors x (d + 1)                              */
    crm_view own;       /* rows of this rank                              */
    int64_t first_leaf; /* of them                                        */
    int32_t *slot;      /* [strips x STRIP] class of a row, -1: none      */
    float **kept;       /* [leaves][strips][d][STRIP]; NULL: made at each pass */
    crm_sparse *rows;   /* [leaves] sparse columns of this rank's rows; NULL: none */
    double *at_sparse;  /* [s][vectors] weights of a pass                 */
    float *curve;       /* [strips][vectors][STRIP] at the point curve_at */
    bool keep;          /* kept is there                                 */
    int read;           /* strips that are read at once, at most         */
    linear_worker *worker;
    int n_workers;
    crm_tree *tree; /* of vars + 2                                        */
    double *sum;    /* [vars + 2]: gradient, loss, weight of rows         */
    double *square; /* [width] sum of s x^2                               */
    double *unit;   /* [vars] unknown -> weight                           */
    double *at;     /* [vars] weights of a pass                           */
    double *point;  /* [vars] unknowns of the last evaluation             */
    double *slope;  /* [vars] gradient there                              */
    double value;   /* and value                                          */
    bool known;     /* point, slope and value hold                        */
    int64_t stride; /* each stride-th strip takes part                    */
    double scale;   /* all weight / weight of those                       */
    double c;
    linear_strip_fn add;
    /* what a solve tells */
    const char *phase;
    double begun;
    int64_t before, of; /* iterations of the solves before, of all at most */
    int64_t used;       /* in this one                                     */
    crm_hook_answer answer;
};

/* ---- sparse columns (linear_sparse.c) ---- */
/** Sparse columns of the rows of a leaf into p->rows, their squares into w->sparse. */
CRM_CHECKED linear_sparse_load(linear_problem *p, linear_worker *w, int64_t leaf);
/** p->at_sparse from p->at. */
void linear_sparse_begin(linear_problem *p);
/** z[vectors][STRIP] += scores of a strip of this rank. */
void linear_sparse_scores(const linear_problem *p, int64_t strip, double *z);
/** w->sparse += a strip's rows times r[vectors][STRIP]. */
void linear_sparse_add(const linear_problem *p, linear_worker *w, int64_t strip, const double *r);
/** w->sparse to out[vectors][width]; it is 0 afterwards. */
void linear_sparse_fold(const linear_problem *p, linear_worker *w, double *out);
void linear_sparse_free(linear_problem *p);

/** p->kept and p->slot, p->square.  Collective. */
CRM_CHECKED linear_rows_load(linear_problem *p);
/** x of n strips of this rank, one after the other, in place or made in w. */
CRM_CHECKED linear_rows_get(const linear_problem *p, linear_worker *w, const int64_t *strip, int n,
                            const float **x);
/** Strips of a leaf that take part, from `*from` on: at most BATCH numbers of this rank; 0: none
 *  left. */
int linear_rows_batch(const linear_problem *p, int64_t leaf, int *from, int64_t *strip);
/** sum[vars + 2] over all strips that take part, by add.  Collective. */
CRM_CHECKED linear_pass(linear_problem *p, linear_strip_fn add);

/* ---- the objective in the units of the minimiser (linear_fit.c) ---- */
/** Value and gradient of the smooth part (losses and squares) at the unknowns x; crm_objective_fn
 *  with the problem as ctx.  Collective. */
CRM_CHECKED linear_objective(void *p, const double *x, double *value, double *grad);
/** Second derivatives times v; crm_hessian_fn.  Collective. */
CRM_CHECKED linear_product(void *p, const double *x, const double *v, double *hv);
/** Factor of the squared penalty of unknown i (0: none), and that of its absolute value. */
double linear_square_penalty(const linear_problem *p, int64_t i);
double linear_absolute_penalty(const linear_problem *p, int64_t i);
/** Tell the hook; false: it wants an end. */
bool linear_tell(linear_problem *p, int64_t iterations, double value, double grad_norm);

/* ---- Newton's method with the second derivatives as a matrix (linear_newton.c) ---- */
/** Whether it serves this problem. */
bool linear_newton_fits(const linear_problem *p);
typedef struct linear_newton linear_newton;
CRM_CHECKED linear_newton_new(linear_problem *p, linear_newton **out);
/** From the unknowns x on until the gradient is below limit.  *norm: where it ended; *converged.
 *  Collective. */
CRM_CHECKED linear_newton_run(linear_newton *n, double limit, int64_t max_iter, double *x,
                              double *norm, bool *converged);
void linear_newton_free(linear_newton **n);
#endif
