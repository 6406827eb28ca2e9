/* boost.c - gradient boosting as an estimator: shape, predict, save and load. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_math.h"

static crm_status boosting_make(const void *cfg, crm_estimator **out)
{
    const crm_boosting_cfg *c = cfg;
    boost *h;

    *out = NULL;
    CRM_TRY(crm_class_weights_check(&c->class_weight, "boosting.class_weight", NULL));
    CRM_CHECK(c->early_stopping != CRM_BOOSTING_ON || c->validation > 0, CRM_ERR_CONFIG,
              "boosting.early_stopping = on needs rows held out: boosting.validation = %g; give a "
              "part above 0",
              c->validation);
    CRM_NEW(h, 1);
    h->base.class = &crm_boosting_class;
    h->cfg = cfg;
    *out = &h->base;
    return CRM_OK;
}

/* Back to an estimator that is not fitted. */
static void clear(boost *h)
{
    boost_flat_free(&h->flat);
    while (h->n_trees > 0)
        tree_free(&h->tree[--h->n_trees]);
    crm_mem_free(h->tree);
    crm_mem_free(h->start);
    crm_mem_free(h->importance);
    classic_classes_free(&h->classes);
    *h = (boost){.base = h->base, .cfg = h->cfg};
}

static void boosting_free(crm_estimator *e)
{
    clear((boost *)e);
    crm_mem_free(e);
}

crm_status boost_shape(boost *h, const crm_source *in)
{
    h->d = crm_source_schema(in)->n_num;
    h->vectors = h->classes.m < 2 ? 0 : h->classes.m == 2 ? 1 : h->classes.m;
    CRM_NEW(h->start, h->vectors);
    CRM_NEW(h->importance, h->d);
    return CRM_OK;
}

static crm_status flatten(boost *h)
{
    return boost_flat_new(h->n_trees, h->tree, h->vectors, h->start, &h->flat);
}

static crm_status boosting_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    boost *h = (boost *)e;

    clear(h);
    CRM_TRY(boost_fit(h, fit, in));
    return crm_comm_agree(fit->comm, flatten(h));
}

/* Scores in the first places of the row of n_classes -> probabilities of the classes. */
static void to_proba(const boost *h, double *proba)
{
    if (h->vectors == 0)
        proba[0] = 1;
    else if (h->vectors == 1) {
        proba[1] = crm_sigmoid(proba[0]);
        proba[0] = crm_sigmoid(-proba[0]);
    } else
        boost_softmax(h->vectors, proba);
    classic_spread(&h->classes, proba);
}

/* Scores stand close together at the end of the piece's memory until their row is written. */
static void predict_piece(const crm_estimator *e, int64_t n, const float *num, const int32_t *cat,
                          const crm_sparse *text, double *proba)
{
    const boost *h = (const boost *)e;
    int k = h->classes.n_classes, m = h->vectors;
    double *z = proba + n * (k - m);

    (void)text;
    (void)cat;
    boost_flat_scores(h->flat, n, num, h->d, z);
    for (int64_t i = 0; i < n; i++) {
        memmove(proba + i * k, z + i * m, (size_t)m * sizeof *z);
        to_proba(h, proba + i * k);
    }
}

static crm_status boosting_predict(crm_estimator *e, const crm_source *in, const int64_t *row,
                                   int64_t n, double *proba)
{
    return classic_predict(e, in, row, n, ((boost *)e)->classes.n_classes, predict_piece, proba);
}

static crm_status boosting_save(const crm_estimator *e, crm_bag *b)
{
    const boost *h = (const boost *)e;

    CRM_TRY(classic_classes_save(&h->classes, b));
    CRM_TRY(crm_bag_put(b, "start", CRM_F64, 1, (int64_t[]){h->vectors}, h->start));
    CRM_TRY(crm_bag_put(b, "importance", CRM_F64, 1, (int64_t[]){h->d}, h->importance));
    CRM_TRY(crm_bag_put_i64(b, "iterations", h->n_trees / (h->vectors ? h->vectors : 1)));
    return h->n_trees ? trees_save(h->n_trees, h->tree, b) : CRM_OK;
}

static crm_status load_scores(boost *h, crm_bag *b)
{
    const crm_bag_array *start, *importance;

    CRM_TRY(crm_bag_get(b, "start", CRM_F64, h->vectors, &start));
    CRM_TRY(crm_bag_get(b, "importance", CRM_F64, h->d, &importance));
    if (h->vectors) memcpy(h->start, start->data, (size_t)h->vectors * sizeof(double));
    if (h->d) memcpy(h->importance, importance->data, (size_t)h->d * sizeof(double));
    return CRM_OK;
}

/* Trees laid out for prediction rely on it that each node but the root has one parent. */
static crm_status check_parents(const tree *t)
{
    int32_t odd = 0;
    uint8_t *parents;

    CRM_NEW(parents, t->n_nodes);
    for (int32_t i = 0; i < t->n_nodes; i++) {
        const tree_node *n = &t->node[i];
        if (n->column < 0) continue;
        odd += parents[n->left]++ > 0;
        odd += parents[n->left + 1]++ > 0;
    }
    for (int32_t i = 1; i < t->n_nodes; i++)
        odd += parents[i] == 0;
    crm_mem_free(parents);
    CRM_CHECK(odd == 0, CRM_ERR_FORMAT, "model file: %d nodes have not one parent", odd);
    return CRM_OK;
}

static crm_status load_trees(boost *h, crm_bag *b)
{
    int64_t iterations, n;

    CRM_TRY(crm_bag_get_i64(b, "iterations", &iterations));
    if (iterations == 0) return CRM_OK;
    CRM_TRY(trees_load(b, 1, (int)h->d, &n, &h->tree));
    h->n_trees = h->tree_cap = n;
    for (int64_t i = 0; i < n; i++)
        CRM_TRY(check_parents(&h->tree[i]));
    CRM_CHECK(h->vectors && iterations > 0 && h->n_trees % h->vectors == 0 &&
                  h->n_trees / h->vectors == iterations,
              CRM_ERR_FORMAT, "model file: %lld trees for %lld iterations of %d scores",
              (long long)h->n_trees, (long long)iterations, h->vectors);
    return CRM_OK;
}

static crm_status boosting_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    boost *h = (boost *)e;

    clear(h);
    CRM_TRY(classic_classes_load(&h->classes, n_classes, b));
    CRM_TRY(boost_shape(h, in));
    CRM_TRY(load_scores(h, b));
    CRM_TRY(load_trees(h, b));
    return flatten(h);
}

static crm_status boosting_check(const void *cfg, const crm_schema *s, const crm_target *t,
                                 int64_t rows)
{
    (void)s;
    (void)rows;
    return crm_class_weights_check(&((const crm_boosting_cfg *)cfg)->class_weight,
                                   "boosting.class_weight", t);
}

static const crm_cfg_part parts[] = {{crm_boosting_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_boosting_class = {
    .name = "boosting",
    .parts = parts,
    .cfg_size = sizeof(crm_boosting_cfg),
    .help = "Gradient boosting of trees on binned columns.",
    .reading = "gains of columns; importance, dependence",
    .make = boosting_make,
    .fit = boosting_fit,
    .predict = boosting_predict,
    .save = boosting_save,
    .load = boosting_load,
    .free = boosting_free,
    .check = boosting_check,
};
