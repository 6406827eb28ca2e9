/* linear_impl.h - linear models: one objective over exact sums, for logistic regression and the
 * linear support vector machine.  Rows x with a 1 behind their columns, a vector w_v for each
 * output:
 *
 *     f(W) = l1_ratio |W|_1 + (1 - l1_ratio) |W|^2 / 2 + C sum_i loss(W x_i)
 *
 *     logistic        2 classes, one vector:  -s log sigmoid(+-z)
 *     softmax         m classes, m vectors:   s (log sum_v exp z_v - z_y)
 *     squared hinge   2 classes, one vector:  s max(0, 1 -+ z)^2
 *                     m classes, m vectors:   sum_v s_v max(0, 1 -+ z_v)^2, one class against the
 *                     rest; s_v is the weight of class v for its own rows and 1 for the rest
 *
 * s is the weight of the row's class.  |W| leaves the intercepts out unless they are penalised. */
#ifndef CRM_LINEAR_IMPL_H
#define CRM_LINEAR_IMPL_H

#include "classic_impl.h"

typedef enum linear_loss {
    LINEAR_LOGISTIC,
    LINEAR_SOFTMAX,
    LINEAR_SQUARED_HINGE,
    LINEAR_LOSS_COUNT
} linear_loss;

/** Features of rows in place of their numeric columns: out[n][d].  Called on worker threads. */
typedef void (*linear_map_fn)(const void *ctx, int64_t n, const float *num, const int32_t *cat,
                              float *out);

typedef struct linear_spec {
    linear_loss loss;
    double l1_ratio;         /* 0: squares only, 1: absolute values only                  */
    bool penalise_intercept; /* as LinearSVC does, which treats it as a weight of a 1     */
    int64_t max_iter;        /* Newton iterations                                         */
    double tol;              /* end when the gradient is below tol max(1, sqrt(C sum s)),
                                each unknown in units of 1 / sqrt(its second derivative)  */
    int64_t cache_bytes;     /* rows are kept in memory up to this size, else made again  */
    const char *model;       /* its name, for messages; its option is <model>.max_iter    */
    linear_map_fn map;       /* NULL: the numeric columns of the source                   */
    const void *map_ctx;
    int64_t map_width; /* d of map */
} linear_spec;

/* A vector of weights is w[d], the intercept, then w[s] of the sparse columns of the source
 * (n-grams of documents), so that those without any are w[d + 1]. */
/** Numbers of a vector of weights. */
static inline int64_t linear_width(int64_t d, int64_t s)
{
    return d + 1 + s;
}
/** Vectors of weights for m classes: 0 for one class, 1 for two, else m. */
int linear_vectors(int m);
/** Columns of a spec over a source: map_width, or the numeric columns. */
int64_t linear_columns(const linear_spec *spec, const crm_source *in);
/** Sparse columns likewise: none with a map. */
int64_t linear_sparse_columns(const linear_spec *spec, const crm_source *in);

typedef struct linear_problem linear_problem;
/** The rows of fit->train, those of this rank in memory.  All is borrowed; spec is copied.
 *  @param[in]  classes  classes->m >= 2; rows of other classes and without label take no part
 *  @param[out] out      after a failure it may be there and wants its free
 *  @return CRM_ERR_NUMERIC when a value of a labelled row is missing or infinite; CRM_ERR_CONFIG
 *          when absolute values are to be penalised and there are sparse columns.  Collective. */
CRM_CHECKED linear_problem_new(const linear_spec *spec, const crm_fit *fit, const crm_source *in,
                               const classic_classes *classes, linear_problem **out);
/** Minimise from w[vectors][width] on.
 *  @param[in] phase  CRM_PHASE_..., for the hook
 *  @param[in] fits   solves that are expected of this problem, for the hook
 *  @return CRM_ERR_STOPPED when the hook pauses.  Collective. */
CRM_CHECKED linear_problem_solve(linear_problem *p, double c, const char *phase, int fits,
                                 double *w);
/** Mean loss of the rows at w, weighted by class as in a fit.  Collective. */
CRM_CHECKED linear_problem_loss(linear_problem *p, const double *w, double *loss);
/** The hook has ended the last solve. */
bool linear_problem_stopped(const linear_problem *p);
void linear_problem_free(linear_problem **p);

/** z[n][vectors] = scores of rows x[n][d], w[vectors][width]; those of a row do not depend on its
 * neighbours. */
void linear_scores(int vectors, int64_t d, int64_t width, const double *w, int64_t n,
                   const float *x, double *z);
/** z += what the sparse columns of the rows of x say. */
void linear_scores_add(int vectors, int64_t d, int64_t width, const double *w, const crm_sparse *x,
                       double *z);
/** z[n][m] -> softmax of each row, in place. */
void linear_softmax(int64_t n, int m, double *z);
/** p[n][2] = 1 / (1 + exp(z)), 1 / (1 + exp(-z)). */
void linear_sigmoid(int64_t n, const double *z, double *p);

/* ---- weights in a bag ----
 * "weight" f64 [vectors][d], "intercept" f64 [vectors]; "sparse" f64 [vectors][s] where s > 0. */
CRM_CHECKED linear_save(int vectors, int64_t d, int64_t s, const double *w, crm_bag *b);
/** Into w[vectors][width], which is there.  CRM_ERR_FORMAT when a number is not finite. */
CRM_CHECKED linear_load(int vectors, int64_t d, int64_t s, double *w, crm_bag *b);
#endif
