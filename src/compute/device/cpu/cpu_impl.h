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

/* Rows of x[..][width], ld apart, each with a factor: row[i] (NULL: first + i), factor[i] (NULL:
 * 1).
 */
typedef struct crm_cpu_terms {
    int64_t n;
    const float *factor;
    const int32_t *row;
    int64_t first;
    const float *x;
    int64_t ld, width;
} crm_cpu_terms;

/* Floats that an operand B of n columns takes when packed; whole panels of any instruction set. */
static inline int64_t crm_cpu_packed(int64_t n, int64_t k)
{
    return (n + 31) / 32 * 32 * k;
}

/* c[m][n] = sum over k of a b (add: c + it), b packed by pack_b; k >= 1. */
typedef struct crm_cpu_rows {
    int64_t m, n, k;
    const float *a;
    int64_t lda; /* > 0 */
    const float *b;
    float *c;
    int64_t ldc;
    bool add;
    const void *soon; /* memory needed next, fetched meanwhile: m k / 12 lines; or NULL */
} crm_cpu_rows;

/* One chain of a gradient of weights: c[m][n] = sum over k <= CRM_CHAIN of a[k][i] b[k][j], rows of
 * a and b lying anywhere; (first: else c + it).  Result row i is of column (i + turn) mod m of a.
 */
typedef struct crm_cpu_outer {
    int64_t m, n, k, turn;
    const float *const *a, *const *b; /* [k] rows */
    float *c;
    int64_t ldc;
    bool first;
    float *pack;      /* CRM_CPU_PACK floats */
    const void *soon; /* as above */
} crm_cpu_outer;

/* What all steps of a recurrent net share. */
typedef struct crm_cpu_rnn {
    crm_rnn_kind kind;
    int64_t inputs, units;
    const float *wi, *wh; /* packed; their transposes going back */
    const float *bias;    /* forward: [5][units], see cpu_rnn.inc.h */
    const float *zero;    /* [units] zeros: the state before the first step */
    float *tile;          /* forward: CRM_CPU_RNN_ROWS rows of 4 units */
} crm_cpu_rnn;
enum { CRM_CPU_RNN_ROWS = 24 };

/* n rows of one step; the first `with` of them have a step before, in the order of the net. */
typedef struct crm_cpu_step {
    int64_t n, with;
    const float *x;    /* forward only */
    const float *prev; /* h of the step before; rows ldh apart */
    float *h;          /* forward */
    const float *dh;   /* back */
    float *keep;       /* forward: or NULL */
    const float *keep_prev;
    float *dx;                /* back: or NULL */
    float *state_h, *state_c; /* [n][units]: c of LSTM; back: gradient of h, of c that comes from
                                 later steps, and leaves for earlier ones */
    int64_t ldx, ldh, ld_dh, ldk, ld_dx;
} crm_cpu_step;

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

/* One kernel of a text convolution over a piece of documents. */
typedef struct crm_cpu_text {
    int64_t taps, filters, length, e;
    crm_act act;
    int64_t rows;      /* distinct tokens; row 0 stands for none */
    const float *x;    /* [rows][e] their vectors        */
    const float *w;    /* packed by text_pack            */
    const float *bias; /* [filters]                      */
    float *part;       /* [rows][taps][lanes] scratch    */
    int64_t docs;
    const int64_t *first; /* [docs + 1] tokens of each document                           */
    const int64_t *place; /* [docs] where they begin in row                               */
    const int32_t *row;   /* rows of x, each document followed by at least `taps` zeros   */
    float *y;             /* [docs][filters]         */
    int32_t *arg;         /* [docs][filters] or NULL */
    int64_t ldy, ldarg;
} crm_cpu_text;

/* Backward pass of a text convolution, all kernels and documents. */
typedef struct crm_cpu_text_bwd {
    int n_kernels;
    const int64_t *taps;    /* [n_kernels] */
    int64_t filters, e, ew; /* ew: e rounded up to lanes */
    const float *table;     /* rows ldt apart            */
    int64_t ldt;
    const int64_t *first, *place; /* as above, of the whole batch                            */
    const int32_t *row;           /* rows of the table, -1 for none and behind each document */
    const float *dy;              /* [docs][n_kernels filters] */
    const int32_t *arg;
    int64_t lddy, ldarg;
    float *w[CRM_TEXT_KERNELS]; /* [filters][taps][ew] */
    float *sum;                 /* [2 taps e] scratch of the widest kernel */
    float *dx;                  /* [tokens + taps][ew] scratch of the longest document */
} crm_cpu_text_bwd;

typedef struct crm_cpu_kernels {
    const char *name; /* "avx512" */
    int lanes;        /* floats that are worked on together */
    void (*gemm)(const crm_cpu_gemm *g);
    void (*gemm_rows)(const crm_cpu_rows *g);
    /* Bias and activation alone, on c as it is. */
    void (*finish)(const crm_cpu_gemm *g);
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
    /* to[width] = fma(factor, x row, to) for the terms in order. */
    void (*gather)(const crm_cpu_terms *t, float *to);
    /* The other way round: x row = fma(factor, from, x row) + 0 for the terms in order; x is
     * written.  The sum with 0 leaves no -0. */
    void (*scatter)(const crm_cpu_terms *t, const float *from);
    /* y[n], arg[n]: the larger of y and x, whose row number is given; equal: y stays. */
    void (*max_row)(const float *x, int32_t row, float *y, int32_t *arg, int64_t n);
    void (*add_row)(const float *x, float *y, int64_t n);                 /* y += x */
    void (*times_row)(const float *x, float factor, float *y, int64_t n); /* y = factor x */
    /* How many of x[n] are not zero; their values and places in order. */
    int64_t (*count_nonzero)(const float *x, int64_t n);
    int64_t (*find_nonzero)(const float *x, int64_t n, float *value, int32_t *at);
    /* 16 chains over columns j mod 16, then sums of halves: s[i] += s[i + 8], + 4, + 2, + 1. */
    float (*dot)(const float *a, const float *b, int64_t n);
    void (*adam)(const crm_cpu_adam *p, const float *g, float *w, float *m, float *v, int64_t n);
    void (*sgd)(const crm_cpu_sgd *p, const float *g, float *w, float *m, int64_t n);
    /* dst[crm_cpu_packed(n, k)] */
    void (*pack_b)(crm_cpu_operand b, int64_t n, int64_t k, float *dst);
    void (*outer)(const crm_cpu_outer *s);
    void (*rnn_step)(const crm_cpu_rnn *p, crm_cpu_step s);
    void (*rnn_step_bwd)(const crm_cpu_rnn *p, crm_cpu_step s);
    /* Text convolutions: w [filters][n] into panels of lanes filters; forward of one kernel; dw of
     * one kernel; gradient of the table, both over documents [doc, end). */
    void (*text_pack)(const float *w, int64_t filters, int64_t n, float *dst);
    void (*text_conv)(const crm_cpu_text *t);
    void (*text_bwd_w)(const crm_cpu_text_bwd *t, int k, int64_t doc, int64_t end, float *dw);
    void (*text_bwd_x)(const crm_cpu_text_bwd *t, int64_t doc, int64_t end, float *dtable,
                       int64_t ldt);
} crm_cpu_kernels;

extern const crm_cpu_kernels crm_cpu_avx512, crm_cpu_avx2, crm_cpu_portable;

/* The kernels of a path; CRM_CPU_BEST: those that the environment variable CRM_CPU names, else the
 * best this CPU can run.  CRM_ERR_DEVICE when it lacks them, CRM_ERR_CONFIG for an unknown name. */
CRM_CHECKED crm_cpu_choose(crm_cpu_path path, const crm_cpu_kernels **out);
#endif
