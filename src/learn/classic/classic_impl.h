/* classic_impl.h - shared by the files of room classic only. */
#ifndef CRM_CLASSIC_IMPL_H
#define CRM_CLASSIC_IMPL_H

#include "crmpi/base_mem.h"
#include "crmpi/classic.h"
#include "crmpi/estimator_classes.h"
#include "crmpi/estimator_rows.h"

/* ---- classes of a fit (classic_classes.c) ----
 * Models are fitted on the classes that occur among the training rows, numbered 0 .. m - 1 in
 * rising order ("slots"); the others get probability 0. */
typedef struct classic_classes {
    int n_classes;  /* of the target                             */
    int m;          /* classes with training rows                */
    int32_t *seen;  /* [m] their codes, rising                   */
    int32_t *slot;  /* [n_classes] place in seen, -1: not there  */
    int64_t *count; /* [m] labelled training rows; 0 after load  */
    double *weight; /* [m] weight of a row; 1 after load         */
    double total;   /* sum of weight x count; 0 after load       */
} classic_classes;

/** Count the classes of fit->train and weigh them.
 *  @param[in] weights  an option of class weights (estimator_classes.h)
 *  @param[in] key      the option, for messages
 *  @return CRM_ERR_FORMAT when no training row has a label; CRM_ERR_CONFIG as crm_class_weights.
 * Not collective: every rank has all labels. */
CRM_CHECKED classic_classes_new(const crm_fit *fit, const crm_opt_list *weights, const char *key,
                                classic_classes *out);
/** "class" i32 [m] in a bag. */
CRM_CHECKED classic_classes_save(const classic_classes *c, crm_bag *b);
CRM_CHECKED classic_classes_load(classic_classes *c, int n_classes, crm_bag *b);
void classic_classes_free(classic_classes *c);
/** Slot of a row of the data set; -1: without a label, or of a class without training rows. */
static inline int classic_slot(const classic_classes *c, const crm_target *t, int64_t row)
{
    int32_t y = t->label[row];

    return y < 0 ? -1 : c->slot[y];
}
/** proba [n_classes] of which the first m places hold the slots: spread to the classes. */
void classic_spread(const classic_classes *c, double *proba);

/* ---- prediction in pieces (classic_predict.c) ---- */
/** proba[n][k] of n rows with their values (text: sparse ones); a predictor's work on a piece. */
typedef void (*classic_predict_fn)(const crm_estimator *e, int64_t n, const float *num,
                                   const int32_t *cat, const crm_sparse *text, double *proba);
/** Read rows in pieces and predict each. */
CRM_CHECKED classic_predict(const crm_estimator *e, const crm_source *in, const int64_t *row,
                            int64_t n, int n_classes, classic_predict_fn fn, double *proba);
/** CRM_ERR_NUMERIC when a value of a piece is missing or infinite; names column and row. */
CRM_CHECKED classic_check_finite(const crm_source *in, const crm_rows_piece *p);
#endif
