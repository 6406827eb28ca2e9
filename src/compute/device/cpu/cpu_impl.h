/* cpu_impl.h - kernels of the CPU device on plain arrays, one table per instruction set.
 *
 * The three tables hold the same source (cpu_kernels.inc.h) compiled three times; results have
 * equal bits.  A kernel knows nothing of tensors or handles: device_cpu.c stands between. */
#ifndef CRM_DEVICE_CPU_IMPL_H
#define CRM_DEVICE_CPU_IMPL_H

#include "crmpi/device.h"

/* Rows of A and columns of B that are packed at a time; k is cut at CRM_CHAIN. */
enum { CRM_CPU_MC = 96, CRM_CPU_NC = 512 };
enum { CRM_CPU_PACK = (CRM_CPU_MC + CRM_CPU_NC) * CRM_CHAIN }; /* floats of packing memory */

/* Element (j, k) of an operand lies at p[j * row + k * col]: j is a row of A or a column of B, k
 * the index that is summed over.  row or col is 1. */
typedef struct crm_cpu_operand {
    const float *p;
    int64_t row, col;
} crm_cpu_operand;

/* c[m][n] = act(sum over k of a b + bias[n]), k >= 1; bias NULL for none. */
typedef struct crm_cpu_gemm {
    int64_t m, n, k;
    crm_cpu_operand a, b;
    const float *bias;
    crm_act act;
    float *c;
    int64_t ldc;
    float *pack; /* CRM_CPU_PACK floats, 64-byte aligned */
} crm_cpu_gemm;

/* Coordinates of the dropout mask of one row, and what is done with it. */
typedef struct crm_cpu_mask {
    uint32_t key[2];
    uint32_t row[2], epoch; /* words 0 to 2 of the Philox counter            */
    uint32_t first;         /* number of the block that holds unit 0         */
    uint32_t below;         /* a unit whose word is below this is dropped    */
    float scale;
} crm_cpu_mask;

/* Constants of a step, worked out in double and rounded once. */
typedef struct crm_cpu_adam {
    float grad_scale, keep1, new1, keep2, new2; /* beta, 1 - beta                       */
    float decay, rate, root_scale, eps;         /* 1 - lr wd, lr / (1 - b1^t), 1 / sqrt(1 - b2^t) */
} crm_cpu_adam;
typedef struct crm_cpu_sgd {
    float grad_scale, weight_decay, momentum, lr;
    bool nesterov;
} crm_cpu_sgd;

typedef struct crm_cpu_kernels {
    const char *name; /* "avx512" */
    void (*gemm)(const crm_cpu_gemm *g);
    /* out[d] = sums of the columns of x[n][d], chains over rows. */
    void (*column_sums)(const float *x, int64_t ld, int64_t n, int64_t d, float *out);
    /* dy[n] *= act'(src[n]) */
    void (*act_bwd)(crm_act act, const float *src, float *dy, int64_t n);
    void (*sigmoid)(const float *x, float *y, int64_t n);
    /* Sum of exp(x[j] - max) in double, j in order; e[k] = exp(x[j] - max) unless NULL. */
    double (*exp_sum)(const float *x, float max, float *e, int64_t k);
    void (*scale)(float *x, float factor, int64_t n);
    void (*divide)(float *x, float by, int64_t n);
    void (*dropout)(const crm_cpu_mask *m, float *x, int64_t d);
    void (*adam)(const crm_cpu_adam *p, const float *g, float *w, float *m, float *v, int64_t n);
    void (*sgd)(const crm_cpu_sgd *p, const float *g, float *w, float *m, int64_t n);
} crm_cpu_kernels;

extern const crm_cpu_kernels crm_cpu_avx512, crm_cpu_avx2, crm_cpu_portable;

/* The kernels of a path; CRM_CPU_BEST: those that the environment variable CRM_CPU names, else the
 * best this CPU can run.  CRM_ERR_DEVICE when it lacks them, CRM_ERR_CONFIG for an unknown name. */
CRM_CHECKED crm_cpu_choose(crm_cpu_path path, const crm_cpu_kernels **out);
#endif
