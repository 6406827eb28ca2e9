/* classic_svm.h - support vector machine (room classic). */
#ifndef CRM_CLASSIC_SVM_H
#define CRM_CLASSIC_SVM_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

typedef enum crm_svm_kernel {
    CRM_SVM_LINEAR,     /* x'y                           */
    CRM_SVM_RBF,        /* exp(-gamma |x - y|^2)         */
    CRM_SVM_POLYNOMIAL, /* (gamma x'y + coef0) ^ degree  */
    CRM_SVM_SIGMOID,    /* tanh(gamma x'y + coef0)       */
    CRM_SVM_KERNEL_COUNT
} crm_svm_kernel;
typedef enum crm_svm_method {
    CRM_SVM_AUTO,     /* linear: primal; else exact up to exact_rows training rows, then nystroem */
    CRM_SVM_EXACT,    /* C-SVC with the hinge loss, by libsvm                                     */
    CRM_SVM_NYSTROEM, /* kernel features of landmarks, then primal                                */
    CRM_SVM_FOURIER,  /* random Fourier features (rbf only), then primal                          */
    CRM_SVM_PRIMAL,   /* linear, squared hinge loss                                               */
    CRM_SVM_METHOD_COUNT
} crm_svm_method;
typedef enum crm_svm_proba {
    CRM_SVM_PLATT,
    CRM_SVM_ISOTONIC,
    CRM_SVM_NO_PROBA,
    CRM_SVM_PROBA_COUNT
} crm_svm_proba;

typedef struct crm_svm_cfg {
    int kernel;                /* crm_svm_kernel */
    double c;                  /* weight of the losses */
    const char *gamma;         /* "scale", "auto" or a number above 0 */
    int64_t degree;            /* of polynomial */
    double coef0;              /* of polynomial and sigmoid */
    double tol;                /* where the solver ends */
    crm_opt_list class_weight; /* as in all models of the room */
    int probability;           /* crm_svm_proba */
    int method;                /* crm_svm_method */
    int64_t exact_rows;
    int64_t components; /* landmarks or frequencies */
    int64_t max_iter;   /* of primal */
    int64_t cache_mb;
} crm_svm_cfg;
#define CRM_SVM_C_MIN 1e-12
enum { CRM_SVM_COMPONENTS_MAX = 2048 };
extern const crm_opt crm_svm_opts[];

/** C-SVC on the numeric columns; codes are not used.  Missing numbers must have been filled
 *  (CRM_ERR_NUMERIC otherwise).  Classes without training rows get probability 0; a single class 1.
 *
 *  exact: one machine for each pair of classes (Chang & Lin 2011, "LIBSVM: a library for support
 *  vector machines"), as scikit-learn's SVC with the same C, gamma and tol; pairs and folds are
 *  shared out over ranks and threads.  primal: squared hinge, |w|^2 / 2 + C sum s max(0, 1 - y
 *  f)^2, intercept not penalised, one class against the rest.  nystroem: pivoted Cholesky features
 *  of `components` landmarks drawn from the training rows (Williams & Seeger 2001; Fine &
 *  Scheinberg 2001).  fourier: Rahimi & Recht (2007).
 *
 *  gamma: "scale" is 1 / (columns x variance of all values of the training rows), 1 without
 *  variance; "auto" is 1 / columns.
 *
 *  Probabilities: platt and isotonic maps from scores to probabilities are fitted on scores of
 *  training rows by models of five folds that did not see them (exact: a map for each pair, then
 *  pairwise coupling; else one for each class, normalised), so the class of the largest probability
 *  can differ from the machine's decision, as in SVC(probability=True).  none: the largest is that
 *  of the class decided for: two classes: sigmoid of the margin; more: exact: part of the pairs
 *  won (a tie goes to the lower class), else softmax of the margins.
 *
 *  CRM_ERR_CONFIG from make: c below CRM_SVM_C_MIN, a gamma that is no number above 0, a method
 *  that does not go with the kernel, wrong class weights.  CRM_ERR_NUMERIC from fit when values of
 *  the kernel would overflow.
 *
 *  Bag: "method" text, "class" i32 [m]; "calibration/..."; exact: "gamma" f64, "support" f32 [n]
 *  [n_num], "support_count" i64 [m], "coef" f64 [m - 1][n], "intercept" f64 [pairs] (of pair (i, j)
 *  above 0 for i); else "weight" f64 [vectors][width], "intercept" f64 [vectors], with "map/..." of
 *  nystroem and fourier. */
extern const crm_estimator_class crm_svm_class;
/** Version of the libsvm that is loaded, "3.36"; valid for ever.  Not collective. */
const char *crm_svm_library(void);

#endif
