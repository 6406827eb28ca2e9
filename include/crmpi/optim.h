/* optim.h - optimisers: SGD and AdamW on slices of the flat vector, schedules, clipping; L-BFGS and
 * trust-region Newton in double (room optim).
 *
 * Nothing here is collective: results depend on the arguments only.  A data-parallel learner sums
 * gradients first (crm_tree_sum_slice), then every rank applies the optimiser to its own slice. */
#ifndef CRM_OPTIM_H
#define CRM_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"
#include "crmpi/device.h"
#include "crmpi/opt.h"

/* ---- first-order optimisers of nets ---- */
typedef enum crm_optim_kind { CRM_OPTIM_ADAMW, CRM_OPTIM_SGD, CRM_OPTIM_KIND_COUNT } crm_optim_kind;
typedef enum crm_schedule {
    CRM_SCHEDULE_CONSTANT,
    CRM_SCHEDULE_COSINE,
    CRM_SCHEDULE_LINEAR,
    CRM_SCHEDULE_COUNT
} crm_schedule;
extern const char *const crm_optim_kind_names[];
extern const char *const crm_schedule_names[];

typedef struct crm_optim_cfg {
    int kind; /* crm_optim_kind */
    double lr, weight_decay, momentum, beta1, beta2, eps;
    bool nesterov;
    double warmup;    /* below 1: part of all steps; else steps */
    int schedule;     /* crm_schedule */
    double lr_end;    /* rate at the end of cosine and linear, as part of lr */
    double clip_norm; /* 0: off */
} crm_optim_cfg;
extern const crm_opt crm_optim_opts[];

/** Learning rate of step (from 1) of total.  With s = step - 1 and W warm-up steps: lr (s + 1) / W
 *  while s < W; after that, with t = min(1, (s - W) / (total - W)): lr, or lr (e + (1 - e)
 *  (1 + cos(pi t)) / 2), or lr (e + (1 - e) (1 - t)), where e = lr_end. */
double crm_optim_lr(const crm_optim_cfg *cfg, int64_t step, int64_t total);

/** State (first and second moments, momentum) of the slice [first, first + n) of the flat vector.
 */
typedef struct crm_optim crm_optim;
/** decay[first + n or more]: 1 where weight decay applies (crm_params_decay_mask), of the whole
 *  flat vector; used here only.  d is borrowed; n may be 0. */
CRM_CHECKED crm_optim_new(const crm_optim_cfg *cfg, crm_device *d, int64_t first, int64_t n,
                          const uint8_t *decay, crm_optim **out);
/** One step in place.
 *  @param[in] step        from 1 (bias correction)
 *  @param[in] lr          crm_optim_lr
 *  @param[in] grad_scale  crm_optim_clip
 *  @param[in] grad        [n] gradient of the slice, device memory
 *  @param     w           the WHOLE flat vector, of which the slice is updated, device memory */
CRM_CHECKED crm_optim_apply(crm_optim *o, int64_t step, double lr, double grad_scale,
                            const float *grad, float *w);
/** As apply, with the numbers of the step in device memory (crm_live), so that the call may be part
 * of a captured graph: live f64 [CRM_LIVE_COUNT], of which crm_op_norm writes the scale of the
 * gradient and the caller uploads the rest, from crm_optim_live. */
CRM_CHECKED crm_optim_apply_live(crm_optim *o, const double *live, const float *grad, float *w);
/** live[CRM_LIVE_LR], live[CRM_LIVE_BIAS1], live[CRM_LIVE_BIAS2] (host) of a step from 1; the
 * others stay. */
void crm_optim_live(const crm_optim_cfg *cfg, int64_t step, double lr, double *live);
/** State vectors for checkpoints: i-th of crm_optim_state_count, its name ("m", "v", "momentum")
 *  and its n elements (device memory, owned by o). */
int crm_optim_state_count(const crm_optim *o);
float *crm_optim_state(crm_optim *o, int i, const char **name);
/** Name of the i-th state vector of an optimiser of this kind, NULL past the last. */
const char *crm_optim_state_name(const crm_optim_cfg *cfg, int i);
void crm_optim_free(crm_optim **o);

/** Sums of squares of CRM_BLOCK elements each of a slice that begins at a block: sums
 *  [ceil(n / CRM_BLOCK)] on the host. */
CRM_CHECKED crm_optim_block_sums(crm_optim *o, const float *grad, double *sums);
/** Norm of the whole gradient from the block sums of all slices in order: fixed binary tree, root
 *  of it.  Not finite when a gradient is not. */
double crm_optim_norm(const double *sums, int64_t n_blocks);
/** Factor that brings norm to at most cfg->clip_norm: 1 when clipping is off or norm is smaller. */
double crm_optim_clip(const crm_optim_cfg *cfg, double norm);

/* ---- minimisers in double, driven by a callback ----
 * All ranks call them with equal numbers and get equal results: the callback makes its sums exact
 * (crm_tree_sum) and may be collective, as every rank makes the same calls. */

/** value = f(x), grad[n] = f'(x).  A status other than CRM_OK ends the minimiser with it. */
typedef crm_status (*crm_objective_fn)(void *ctx, const double *x, double *value, double *grad);
/** hv[n] = f''(x) v[n]. */
typedef crm_status (*crm_hessian_fn)(void *ctx, const double *x, const double *v, double *hv);

typedef enum crm_min_reason {
    CRM_MIN_GRADIENT,   /* converged: gradient small enough                      */
    CRM_MIN_VALUE,      /* converged: the value no longer falls                  */
    CRM_MIN_ITERATIONS, /* max_iter reached                                      */
    CRM_MIN_LINE,       /* line search found no better point (limit of precision) */
    CRM_MIN_STOPPED,    /* progress callback said so                             */
    CRM_MIN_REASON_COUNT
} crm_min_reason;
extern const char *const crm_min_reason_names[];

typedef struct crm_min_result {
    int64_t iterations, evaluations;
    double value, grad_norm; /* Euclidean */
    crm_min_reason reason;
} crm_min_result;

typedef struct crm_min_cfg {
    int64_t max_iter;
    int memory;       /* pairs kept by L-BFGS, 1..100                                          */
    double grad_tol;  /* stop at |g| <= grad_tol * max(1, |g| at the start)                    */
    double value_tol; /* stop when an iteration lowers f by <= value_tol * max(1, |f|); 0: off */
    /** After each iteration; true goes on.  NULL: none.  Equal answer on all ranks. */
    bool (*progress)(void *ctx, const crm_min_result *at, const double *x);
} crm_min_cfg;
/** 200 iterations, memory 10, grad_tol 1e-8, value_tol 0. */
crm_min_cfg crm_min_defaults(void);

/** Limited-memory BFGS with two-loop recursion and a line search for the strong Wolfe conditions
 *  (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4, 3.5, 3.6).
 *  @param     x[n]  start; at return the best point
 *  @return CRM_OK with the reason in res; CRM_ERR_NUMERIC when f or f' is not finite at the start;
 *          what f returned. */
CRM_CHECKED crm_lbfgs(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, void *ctx, double *x,
                      crm_min_result *res);
/** Trust-region Newton with conjugate gradients (Lin, Weng, Keerthi, JMLR 9, 2008), for convex
 *  twice differentiable f.  Arguments and statuses as above. */
CRM_CHECKED crm_tron(const crm_min_cfg *cfg, int64_t n, crm_objective_fn f, crm_hessian_fn hv,
                     void *ctx, double *x, crm_min_result *res);
#endif
