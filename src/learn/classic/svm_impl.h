/* svm_impl.h - shared by the files of the support vector machine only.  libsvm has the names svm_;
 * ours are svc_. */
#ifndef CRM_SVM_IMPL_H
#define CRM_SVM_IMPL_H

#include "calibrate.h"
#include "crmpi/classic_svm.h"
#include "linear_impl.h"

/* ---- kernels (svm_kernel.c) ---- */
typedef struct svc_kernel {
    int kind; /* crm_svm_kernel */
    int degree;
    double gamma, coef0;
} svc_kernel;

enum { SVC_LANES = 8, SVC_ROWS = 4 };
/** Rows that others are held against, LANES of them side by side: x[blocks][d][LANES]; the last
 *  block is filled up with zeros. */
typedef struct svc_pack {
    int64_t n, d, blocks;
    double *x;
} svc_pack;
/** Rows row[i] (negative: zeros) of x[][d]; row NULL: 0 .. n - 1. */
CRM_CHECKED svc_pack_new(int64_t n, int64_t d, const float *x, const int64_t *row, svc_pack *out);
void svc_pack_free(svc_pack *p);
/** out[n][blocks x LANES] = kernel of n <= SVC_ROWS rows x[n][d] with all of the pack.  A value
 *  depends on its two rows only. */
void svc_kernel_rows(const svc_kernel *k, const svc_pack *p, int64_t n, const float *x,
                     double *out);
/** Largest |kernel| that rows with squared norms up to square can have. */
double svc_kernel_bound(const svc_kernel *k, double square);
/** sum a_i b_i, n a multiple of LANES. */
double svc_dot(int64_t n, const double *a, const double *b);

/* ---- machines of all pairs of classes (svm_machine.c) ---- */
/** Solution of the pair (i, j): f(x) = sum coef kernel(row, x) - rho, above 0 for i. */
typedef struct svc_pair {
    int64_t n;
    int64_t *row; /* [n] */
    double *coef; /* [n] y alpha */
    double rho;
} svc_pair;
void svc_pair_free(svc_pair *p);

typedef struct svc_machine {
    svc_kernel kernel;
    int m;
    int64_t pairs, d, n; /* n: support vectors, by class                       */
    int64_t *count;      /* [m] of each class                                  */
    float *x;            /* [n][d]                                             */
    double *coef; /* [m - 1][n]: of a vector of class c in the pair with class k at k - (k > c) */
    double *rho;  /* [pairs]                                            */
    /* for prediction: each class begins at a multiple of LANES */
    svc_pack pack;
    int64_t *begin; /* [m + 1] places in the pack */
    double *packed; /* [m - 1][begin[m]]          */
} svc_machine;
/** From the solutions of all pairs in order; row r of a pair is x[r][d], of class slot[r]. */
CRM_CHECKED svc_machine_new(const svc_kernel *k, int m, int64_t d, int64_t n_rows, const float *x,
                            const int32_t *slot, const svc_pair *pair, svc_machine *out);
/** score[n][pairs] of rows x[n][d]; work [SVC_ROWS][begin[m]]. */
void svc_machine_scores(const svc_machine *s, int64_t n, const float *x, double *work,
                        double *score);
CRM_CHECKED svc_machine_save(const svc_machine *s, crm_bag *b);
CRM_CHECKED svc_machine_load(const svc_kernel *k, int m, int64_t d, crm_bag *b, svc_machine *out);
void svc_machine_free(svc_machine *s);

/* ---- features in place of a kernel (svm_map.c) ---- */
typedef struct svc_map {
    int method; /* CRM_SVM_NYSTROEM, CRM_SVM_FOURIER */
    svc_kernel kernel;
    int64_t d, width; /* columns in, features out                                  */
    float *base;      /* [width][d] landmarks, or frequencies in turns             */
    double *factor;   /* [width][width] Cholesky factor of the landmarks' kernel   */
    double *inverse;  /* [width] 1 / its diagonal                                  */
    double *phase;    /* [width] in turns, of frequencies                          */
    svc_pack pack;    /* of base                                                   */
} svc_map;
/** Of at most n_features features, keyed by fit->seed.  Collective. */
CRM_CHECKED svc_map_new(int method, const svc_kernel *k, int64_t n_features, const crm_fit *fit,
                        const crm_source *in, svc_map *out);
/** Features of rows: linear_map_fn with the map as ctx. */
void svc_map_rows(const void *map, int64_t n, const float *num, const int32_t *cat, float *out);
CRM_CHECKED svc_map_save(const svc_map *m, crm_bag *b);
CRM_CHECKED svc_map_load(int method, const svc_kernel *k, int64_t d, crm_bag *b, svc_map *out);
void svc_map_free(svc_map *m);

/* ---- the estimator ---- */
typedef struct svc {
    crm_estimator base;
    const crm_svm_cfg *cfg;
    classic_classes classes;
    int method; /* crm_svm_method, never auto once fitted */
    svc_kernel kernel;
    int64_t d;
    svc_machine machine; /* exact */
    svc_map map;         /* nystroem, fourier */
    int vectors;         /* else */
    int64_t width;       /* features of the linear machine */
    int64_t sparse;      /* sparse columns of it           */
    double *w;           /* [vectors][linear_width(width, sparse)] */
    calibrate cal;
} svc;
/** Shape of the scores of a method. */
calibrate_shape svc_shape(int method);

/** Machine and calibration by libsvm (svm_exact.c).  Collective. */
CRM_CHECKED svc_exact_fit(svc *s, const crm_fit *fit, const crm_source *in);
/** Map, weights and calibration (svm_primal.c).  Collective. */
CRM_CHECKED svc_primal_fit(svc *s, const crm_fit *fit, const crm_source *in);
/** score[n][vectors] of rows by a linear machine w.  Not collective. */
CRM_CHECKED svc_primal_scores(const svc *s, const double *w, const crm_source *in,
                              const int64_t *row, int64_t n, double *score);
/** gamma of the options over the training rows (svm_gamma.c).  CRM_ERR_NUMERIC when a value is
 *  missing or infinite.  *square: largest squared norm of a row.  Collective. */
CRM_CHECKED svc_gamma_find(const svc *s, const crm_fit *fit, const crm_source *in, double *gamma,
                           double *square);
/** Number of a gamma option, 0 for "scale" and "auto"; CRM_ERR_CONFIG. */
CRM_CHECKED svc_gamma_read(const char *text, double *gamma);
#endif
