/* tree_model_impl.h - shared by the estimators tree and forest only: a list of trees whose shares
 * of the classes are averaged. */
#ifndef CRM_TREE_MODEL_IMPL_H
#define CRM_TREE_MODEL_IMPL_H

#include "tree_impl.h"

typedef struct tree_model {
    crm_estimator base;
    const crm_tree_cfg *cfg;
    const crm_forest_cfg *forest; /* NULL: a single tree */
    const char *name;             /* "tree", "forest": also of its options */
    int n_columns;
    classic_classes classes;
    int64_t n; /* trees */
    tree *tree;
    double *importance; /* [n_columns] */
    bool has_oob;
    double oob_accuracy;
    int64_t oob_rows;
} tree_model;

/* ---- options (tree_opts.c) ---- */
/** Columns of d that a node looks at; CRM_ERR_CONFIG when the text is nothing of the kind. */
CRM_CHECKED tree_max_features(const char *text, const char *key, int64_t d, int64_t *out);
/** What can be said of them without data. */
CRM_CHECKED tree_check_cfg(const crm_tree_cfg *c, const char *prefix);

/* ---- fit (tree_model.c) ---- */
/** Training rows and options as growers want them. */
typedef struct tree_task {
    const crm_fit *fit;
    const crm_source *in;
    tree_grow_cfg grow;
    bool exact;
    int32_t *slot; /* [fit->train->n] */
} tree_task;
/** Classes, slots and options of a fit; the model gets room for n trees.  Collective. */
CRM_CHECKED tree_task_new(tree_model *h, const crm_fit *fit, const crm_source *in, int64_t n,
                          tree_task *out);
void tree_task_free(tree_task *t);

/* ---- what both do alike (tree_model.c) ---- */
CRM_CHECKED tree_model_make(const crm_estimator_class *class, const crm_tree_cfg *cfg,
                            const crm_forest_cfg *forest, crm_estimator **out);
CRM_CHECKED tree_model_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                               int64_t n, double *proba);
CRM_CHECKED tree_model_save(const crm_estimator *e, crm_bag *b);
CRM_CHECKED tree_model_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b);
void tree_model_free(crm_estimator *e);

/* ---- the rows that a tree has not seen (forest_sample.c) ---- */
/** How often each of n rows is in the sample of a tree of the forest: as many draws with
 *  replacement as there are rows with a label, among these.  labelled [n_labelled]: their
 *  positions. */
void forest_draw(uint64_t seed, int64_t number, int64_t n, int64_t n_labelled,
                 const int32_t *labelled, uint8_t *count);
/** Accuracy of the trees that have not seen a row.  All trees are there.  Collective. */
CRM_CHECKED forest_score_unseen(tree_model *h, const tree_task *task, int64_t n_labelled,
                                const int32_t *labelled);
#endif
