/* svm_opts.c - options svm.*. */
#include "crmpi/classic_svm.h"

static const char *const kernel_names[] = {"linear", "rbf", "polynomial", "sigmoid", NULL};
_Static_assert(sizeof kernel_names / sizeof *kernel_names == CRM_SVM_KERNEL_COUNT + 1, "names");
static const char *const method_names[] = {"auto", "exact", "nystroem", "fourier", "primal", NULL};
_Static_assert(sizeof method_names / sizeof *method_names == CRM_SVM_METHOD_COUNT + 1, "names");
static const char *const proba_names[] = {"platt", "isotonic", "none", NULL};
_Static_assert(sizeof proba_names / sizeof *proba_names == CRM_SVM_PROBA_COUNT + 1, "names");

#define S crm_svm_cfg
const crm_opt crm_svm_opts[] = {
    CRM_OPT_E(S, kernel, "svm.kernel", "rbf", kernel_names, 0,
              "linear x'y, rbf exp(-gamma |x - y|^2), polynomial (gamma x'y + coef0) ^ degree, "
              "sigmoid tanh(gamma x'y + coef0)."),
    CRM_OPT_R(S, c, "svm.c", 1, CRM_SVM_C_MIN, 1e12, "1", 0,
              "Weight of the losses against the penalty, as C in scikit-learn."),
    CRM_OPT_S(
        S, gamma, "svm.gamma", "scale", 0,
        "A number above 0; scale: 1 / (columns x variance of all values); auto: 1 / columns."),
    CRM_OPT_I(S, degree, "svm.degree", 3, 1, 100, "1", 0, "Degree of the polynomial kernel."),
    CRM_OPT_R(S, coef0, "svm.coef0", 0, -1e6, 1e6, "1", 0,
              "Constant in the polynomial and the sigmoid kernel."),
    CRM_OPT_R(S, tol, "svm.tol", 1e-3, 1e-12, 1, "1", 0,
              "Where the solver ends: exact: violation of the optimality conditions; else norm of "
              "the gradient, each unknown in units of its curvature."),
    CRM_OPT_L(S, class_weight, "svm.class_weight", "none", NULL, CRM_OPT_WORD,
              "Weights of the classes in the loss: none, balanced, which is n / (m n_c), or a list "
              "of CLASS:WEIGHT."),
    CRM_OPT_E(S, probability, "svm.probability", "platt", proba_names, 0,
              "Map from scores to probabilities, fitted on scores of five folds; none: from the "
              "decisions, without further fits."),
    CRM_OPT_E(S, method, "svm.method", "auto", method_names, 0,
              "exact: libsvm; nystroem, fourier: kernel features, then a linear machine; primal: "
              "linear; auto: primal for the linear kernel, else exact up to svm.exact_rows rows, "
              "then nystroem."),
    CRM_OPT_I(S, exact_rows, "svm.exact_rows", 20000, 0, 1e9, "rows", 0,
              "Most training rows for which auto takes the exact method; its time grows with their "
              "square."),
    CRM_OPT_I(S, components, "svm.components", 256, 1, CRM_SVM_COMPONENTS_MAX, "features", 0,
              "Landmarks of nystroem, frequencies of fourier."),
    CRM_OPT_I(S, max_iter, "svm.max_iter", 1000, 1, 1e9, "iterations", 0,
              "Most Newton iterations of the linear machine; exact has no such limit."),
    CRM_OPT_I(S, cache_mb, "svm.cache_mb", 1024, 1, 1e9, "MiB", CRM_OPT_LAYOUT,
              "Memory of each rank for values of the kernel (exact; its threads share it), or for "
              "rows with their features, which otherwise are made again in each pass."),
    {.key = NULL},
};
