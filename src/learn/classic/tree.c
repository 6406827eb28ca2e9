/* tree.c - a classification tree as an estimator. */
#include "tree_model_impl.h"

/* Every rank grows the same tree. */
static crm_status grow_exact(tree_model *h, const tree_task *t, const tree_sample *s)
{
    tree_columns *columns;
    crm_status st;

    CRM_TRY(tree_columns_new(t->fit, t->in, &columns));
    st = tree_grow_exact(&t->grow, t->fit->pool, columns, s, h->tree, h->importance);
    tree_columns_free(&columns);
    return crm_comm_agree(t->fit->comm, st);
}

/* The ranks grow one tree together, each on its own rows. */
static crm_status grow_hist(tree_model *h, const tree_task *t, const tree_sample *s)
{
    tree_sample own = *s;
    tree_bins *bins;
    crm_status st;

    CRM_TRY(tree_bins_new(t->fit, t->in, (int)h->cfg->max_bins, false, &bins));
    own.n = bins->n;
    own.last = true;
    own.slot = s->slot + bins->first;
    st = tree_grow_hist(&t->grow, t->fit->comm, t->fit->pool, bins, &own, h->tree, h->importance);
    tree_bins_free(&bins);
    return st;
}

static crm_status tree_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    tree_model *h = (tree_model *)e;
    tree_sample s = {.n = fit->train->n};
    tree_task t;
    crm_status st = tree_task_new(h, fit, in, 1, &t);

    s.slot = t.slot;
    s.weight = h->classes.weight;
    s.m = h->classes.m;
    if (!st) st = t.exact ? grow_exact(h, &t, &s) : grow_hist(h, &t, &s);
    tree_task_free(&t);
    return st;
}

static crm_status tree_make(const void *cfg, crm_estimator **out)
{
    return tree_model_make(&crm_tree_class, cfg, NULL, out);
}

static crm_status tree_check(const void *cfg, const crm_schema *s, const crm_target *t,
                             int64_t rows)
{
    (void)s;
    (void)rows;
    return crm_class_weights_check(&((const crm_tree_cfg *)cfg)->class_weight, "tree.class_weight",
                                   t);
}

static const crm_cfg_part parts[] = {{crm_tree_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_tree_class = {
    .name = "tree",
    .parts = parts,
    .cfg_size = sizeof(crm_tree_cfg),
    .help = "Decision tree (CART) on the numeric columns; missing values are taken as they are.",
    .reading = "its splits, from the root to a leaf",
    .make = tree_make,
    .fit = tree_fit,
    .predict = tree_model_predict,
    .save = tree_model_save,
    .load = tree_model_load,
    .free = tree_model_free,
    .check = tree_check,
};
