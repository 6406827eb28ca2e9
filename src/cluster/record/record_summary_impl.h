/* record_summary_impl.h - shared by the files of room record that write and read summary.json. */
#ifndef CRM_RECORD_SUMMARY_IMPL_H
#define CRM_RECORD_SUMMARY_IMPL_H

#include "record_impl.h"

/* ---- writing (record_summary_write.c).  Setters take value over; a failure (memory, text that is
 * no UTF-8) leaves a hole that complete() finds, so that the tree is built without a check at each
 * leaf. */
void crm_summary_set(json_t *o, const char *key, json_t *value);
void crm_summary_set_text(json_t *o, const char *key, const char *value);
void crm_summary_set_count(json_t *o, const char *key, int64_t value);
void crm_summary_set_real(json_t *o, const char *key, double value);
json_t *crm_summary_reals(const double *v, int n);
json_t *crm_summary_counts(const int64_t *v, int n);
json_t *crm_summary_texts(char *const *v, int n);
/* What stands beside the tests (record_summary_beside.c). */
json_t *crm_summary_pooled_json(const crm_sum_pooled *p);
void crm_summary_beside_json(const crm_sum_comparison *c, json_t *o);
json_t *crm_summary_holdout_json(const crm_sum_holdout *h);
json_t *crm_summary_segments_json(const crm_sum_segments *s);
/* Thresholds, explanations, published figures (record_summary_explain.c). */
json_t *crm_summary_metrics_json(const crm_sum_metric *m, int n);
json_t *crm_summary_threshold_json(const crm_sum_threshold *t);
json_t *crm_summary_explanation_json(const crm_sum_explanation *x);
json_t *crm_summary_published_json(const crm_sum_published *p);

/* ---- reading.  A value and the way to it from the root, whose key is the path of the file
 * (record_summary_node.c). */
typedef struct node {
    const struct node *up;
    const char *key; /* NULL: item number index of a list */
    size_t index;
    const json_t *v;
} node;
/** CRM_ERR_FORMAT: what is expected there. */
CRM_CHECKED crm_record_node_wrong(const node *n, const char *expected);
node crm_record_node_child(const node *up, const char *key);
node crm_record_node_item(const node *up, size_t i);
CRM_CHECKED crm_record_node_text_of(const node *n, char **out);
CRM_CHECKED crm_record_node_real_of(const node *n, double *out);
CRM_CHECKED crm_record_node_count_of(const node *n, int64_t max, int64_t *out);
/** Of a key. */
CRM_CHECKED crm_record_node_text(const node *up, const char *key, char **out);
CRM_CHECKED crm_record_node_real(const node *up, const char *key, double *out);
CRM_CHECKED crm_record_node_count(const node *up, const char *key, int64_t *out);
CRM_CHECKED crm_record_node_int(const node *up, const char *key, int *out);
CRM_CHECKED crm_record_node_list(const node *up, const char *key, node *out, int *n);
CRM_CHECKED crm_record_node_object(const node *up, const char *key, node *out);
CRM_CHECKED crm_record_node_interval(const node *up, const char *key, double ci[2]);
/** Lists of n numbers, of n counts. */
CRM_CHECKED crm_record_node_reals(const node *up, const char *key, int n, double *out);
CRM_CHECKED crm_record_node_counts(const node *up, const char *key, int n, int64_t *out);
/** The list and its length only as far as it is filled, so that what is there can be freed. */
CRM_CHECKED crm_record_node_texts(const node *up, const char *key, char ***out, int *filled);
/** Keys that a file of an earlier release lacks, or that are null: NULL, NaN, not present. */
CRM_CHECKED crm_record_node_new_text(const node *up, const char *key, char **out);
CRM_CHECKED crm_record_node_new_real(const node *up, const char *key, double *out);
CRM_CHECKED crm_record_node_new_interval(const node *up, const char *key, double ci[2]);
CRM_CHECKED crm_record_node_new_object(const node *up, const char *key, node *out, bool *present);
/* What stands beside the tests (record_summary_beside_read.c). */
CRM_CHECKED crm_summary_pooled_read(const node *model, crm_sum_pooled *out);
CRM_CHECKED crm_summary_beside_read(const node *comparison, crm_sum_comparison *out);
CRM_CHECKED crm_summary_holdout_read(const node *target, crm_sum_holdout *out);
CRM_CHECKED crm_summary_segments_read(const node *target, crm_sum_segments *out);
/* {name: {"mean", "ci95", "folds"}} under "metrics". */
CRM_CHECKED crm_summary_metrics_read(const node *up, crm_sum_metric **metric, int *filled);
CRM_CHECKED crm_summary_threshold_read(const node *model, crm_sum_threshold *out);
CRM_CHECKED crm_summary_explanation_read(const node *model, crm_sum_explanation *out);
CRM_CHECKED crm_summary_published_read(const node *target, crm_sum_published *out);
#endif
