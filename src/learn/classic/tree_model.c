/* tree_model.c - what the estimators tree and forest do alike: the beginning of a fit, prediction,
 * files. */
#include <string.h>

#include "tree_model_impl.h"

enum { PIECE = 4096, PIECE_BYTES = 1 << 20 };

crm_status tree_model_make(const crm_estimator_class *class, const crm_tree_cfg *cfg,
                           const crm_forest_cfg *forest, crm_estimator **out)
{
    tree_model *h;

    *out = NULL;
    CRM_TRY(tree_check_cfg(cfg, class->name));
    CRM_NEW(h, 1);
    h->base.class = class;
    h->name = class->name;
    h->cfg = cfg;
    h->forest = forest;
    *out = &h->base;
    return CRM_OK;
}

void tree_model_free(crm_estimator *e)
{
    tree_model *h = (tree_model *)e;

    classic_classes_free(&h->classes);
    trees_free(h->n, &h->tree);
    crm_mem_free(h->importance);
    crm_mem_free(h);
}

/* ---- fit ---- */

static crm_status read_rules(const tree_model *h, const crm_fit *fit, tree_grow_cfg *out)
{
    const crm_tree_cfg *c = h->cfg;
    char key[64];

    *out = (tree_grow_cfg){.criterion = c->criterion,
                           .max_depth = c->max_depth,
                           .max_leaf_nodes = c->max_leaf_nodes,
                           .min_samples_split = c->min_samples_split,
                           .min_samples_leaf = c->min_samples_leaf,
                           .min_impurity_decrease = c->min_impurity_decrease,
                           .ccp_alpha = c->ccp_alpha,
                           .seed = fit->seed,
                           .fit = fit};
    snprintf(key, sizeof key, "%s.max_features", h->name);
    return tree_max_features(c->max_features, key, h->n_columns, &out->max_features);
}

static crm_status prepare(tree_model *h, int64_t n, tree_task *t)
{
    const crm_view *v = t->fit->train;
    const crm_target *target = crm_data_target(v->data, t->fit->target);
    char key[64];

    snprintf(key, sizeof key, "%s.class_weight", h->name);
    h->n_columns = crm_source_schema(t->in)->n_num;
    CRM_TRY(classic_classes_new(t->fit, &h->cfg->class_weight, key, &h->classes));
    CRM_TRY(read_rules(h, t->fit, &t->grow));
    t->exact = h->cfg->method == CRM_TREE_EXACT ||
               (h->cfg->method == CRM_TREE_AUTO && v->n <= h->cfg->exact_rows);
    CRM_NEW(h->importance, h->n_columns);
    CRM_NEW(h->tree, n);
    h->n = n;
    CRM_NEW(t->slot, v->n);
    for (int64_t i = 0; i < v->n; i++)
        t->slot[i] = classic_slot(&h->classes, target, v->row[i]);
    return CRM_OK;
}

crm_status tree_task_new(tree_model *h, const crm_fit *fit, const crm_source *in, int64_t n,
                         tree_task *out)
{
    *out = (tree_task){.fit = fit, .in = in};
    return crm_comm_agree(fit->comm, prepare(h, n, out));
}

void tree_task_free(tree_task *t)
{
    crm_mem_free(t->slot);
    *t = (tree_task){0};
}

/* ---- prediction ---- */

static int64_t piece_rows(const tree_model *h, int64_t n)
{
    int64_t rows = PIECE_BYTES / (4 * (h->n_columns > 0 ? h->n_columns : 1));

    rows = rows < PIECE ? rows : PIECE;
    rows = rows > 64 ? rows : 64;
    return rows < n ? rows : n;
}

/* Trees one after the other, so that each stays in the cache for all rows of the piece. */
static void predict_piece(const tree_model *h, int64_t n, const float *x, int32_t *leaf,
                          double *proba)
{
    int m = h->classes.m, k = h->classes.n_classes;

    memset(proba, 0, (size_t)(n * k) * sizeof *proba);
    for (int64_t t = 0; t < h->n; t++) {
        tree_leaves(&h->tree[t], n, x, h->n_columns, NULL, leaf);
        for (int64_t i = 0; i < n; i++) {
            const double *v = h->tree[t].value + (int64_t)leaf[i] * m;
            for (int c = 0; c < m; c++)
                proba[i * k + c] += v[c];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int c = 0; c < m; c++)
            proba[i * k + c] /= (double)h->n;
        classic_spread(&h->classes, proba + i * k);
    }
}

crm_status tree_model_predict(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                              double *proba)
{
    const tree_model *h = (const tree_model *)e;
    int64_t step = piece_rows(h, n);
    float *num = NULL;
    int32_t *cat = NULL, *leaf = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, num, step * h->n_columns);
    CRM_NEW_TO(st, done, cat, step * crm_source_schema(in)->n_cat);
    CRM_NEW_TO(st, done, leaf, step);
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = n - i < step ? n - i : step;
        CRM_TRY_TO(st, done, crm_source_read(in, row + i, rows, num, cat));
        predict_piece(h, rows, num, leaf, proba + i * h->classes.n_classes);
    }
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    crm_mem_free(leaf);
    return st;
}

/* ---- files ---- */

crm_status tree_model_save(const crm_estimator *e, crm_bag *b)
{
    const tree_model *h = (const tree_model *)e;

    CRM_TRY(classic_classes_save(&h->classes, b));
    CRM_TRY(trees_save(h->n, h->tree, b));
    CRM_TRY(crm_bag_put(b, "importance", CRM_F64, 1, (int64_t[]){h->n_columns}, h->importance));
    if (!h->has_oob) return CRM_OK;
    CRM_TRY(crm_bag_put_f64(b, "oob.accuracy", h->oob_accuracy));
    return crm_bag_put_i64(b, "oob.rows", h->oob_rows);
}

static crm_status load_notes(tree_model *h, crm_bag *b)
{
    const crm_bag_array *a;

    CRM_TRY(crm_bag_get(b, "importance", CRM_F64, h->n_columns, &a));
    CRM_NEW(h->importance, h->n_columns);
    if (h->n_columns) memcpy(h->importance, a->data, (size_t)h->n_columns * sizeof *h->importance);
    h->has_oob = crm_bag_find(b, "oob.rows") != NULL;
    if (!h->has_oob) return CRM_OK;
    CRM_TRY(crm_bag_get_f64(b, "oob.accuracy", &h->oob_accuracy));
    return crm_bag_get_i64(b, "oob.rows", &h->oob_rows);
}

crm_status tree_model_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    tree_model *h = (tree_model *)e;

    h->n_columns = crm_source_schema(in)->n_num;
    CRM_TRY(classic_classes_load(&h->classes, n_classes, b));
    CRM_TRY(trees_load(b, h->classes.m, h->n_columns, &h->n, &h->tree));
    CRM_CHECK(h->forest || h->n == 1, CRM_ERR_FORMAT, "model file: %lld trees instead of one",
              (long long)h->n);
    return load_notes(h, b);
}
