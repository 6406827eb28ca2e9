/* forest.c - a random forest as an estimator (Breiman 2001, Machine Learning 45): the trees are
 * spread over the ranks and threads, each depends on the seed and its number only. */
#include "crmpi/base_log.h"
#include "tree_model_impl.h"

/* A fit under way. */
typedef struct grower {
    tree_model *model;
    const tree_task *task;
    int64_t first, end; /* own trees */
    int64_t n_labelled;
    int32_t *labelled;  /* [n_labelled] positions              */
    uint8_t **count;    /* [workers][rows]                     */
    double *importance; /* [end - first][n_columns]            */
    tree_columns *columns;
    tree_bins *bins;
} grower;

/* ---- memory ---- */

static crm_status find_labelled(grower *g)
{
    const tree_task *t = g->task;

    CRM_CHECK(t->fit->train->n < INT32_MAX, CRM_ERR_CONFIG, "%lld training rows are too many",
              (long long)t->fit->train->n);
    CRM_NEW(g->labelled, t->fit->train->n);
    for (int64_t i = 0; i < t->fit->train->n; i++)
        if (t->slot[i] >= 0) g->labelled[g->n_labelled++] = (int32_t)i;
    return CRM_OK;
}

static int workers(const grower *g)
{
    return g->task->fit->pool ? crm_pool_size(g->task->fit->pool) : 1;
}

static crm_status reserve(grower *g)
{
    CRM_TRY(find_labelled(g));
    CRM_NEW(g->importance, (g->end - g->first) * g->model->n_columns);
    CRM_NEW(g->count, workers(g));
    for (int w = 0; w < workers(g) && g->model->forest->bootstrap; w++)
        CRM_NEW(g->count[w], g->task->fit->train->n);
    return CRM_OK;
}

static void end(grower *g)
{
    for (int w = 0; g->count && w < workers(g); w++)
        crm_mem_free(g->count[w]);
    crm_mem_free(g->count);
    crm_mem_free(g->labelled);
    crm_mem_free(g->importance);
    tree_columns_free(&g->columns);
    if (g->bins) tree_bins_free(&g->bins);
}

/* ---- growth ---- */

static tree_sample sample_of(const grower *g, int64_t number, int worker)
{
    const tree_task *t = g->task;

    if (g->count[worker])
        forest_draw(t->fit->seed, number, t->fit->train->n, g->n_labelled, g->labelled,
                    g->count[worker]);
    return (tree_sample){.number = number,
                         .n = t->fit->train->n,
                         .slot = t->slot,
                         .count = g->count[worker],
                         .weight = g->model->classes.weight,
                         .m = g->model->classes.m};
}

static crm_status grow_one(void *ctx, int64_t i, int worker)
{
    grower *g = ctx;
    tree_sample s = sample_of(g, g->first + i, worker);
    tree *out = &g->model->tree[s.number];
    double *importance = g->importance + i * g->model->n_columns;

    CRM_TRY(crm_fit_check_stop(g->task->fit));
    if (g->columns) return tree_grow_exact(&g->task->grow, NULL, g->columns, &s, out, importance);
    return tree_grow_hist(&g->task->grow, NULL, NULL, g->bins, &s, out, importance);
}

/* Trees of all ranks, every one on its own; all rows are here. */
static crm_status grow_own(grower *g)
{
    const crm_fit *fit = g->task->fit;

    CRM_TRY(crm_comm_agree(fit->comm, crm_pool_run(fit->pool, g->end - g->first, grow_one, g)));
    return trees_gather(fit->comm, g->model->n, g->model->tree);
}

/* All ranks on one tree after the other, each with its own rows. */
static crm_status grow_together(grower *g)
{
    const crm_fit *fit = g->task->fit;
    int64_t d = g->model->n_columns;
    double *importance;
    crm_status st = CRM_OK;

    importance = crm_mem_new((size_t)d, sizeof *importance);
    if (!importance) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: importances");
    st = crm_comm_agree(fit->comm, st);
    for (int64_t i = 0; i < g->model->n && !st; i++) {
        bool mine = i >= g->first && i < g->end;
        tree_sample s = sample_of(g, i, 0);
        s.n = g->bins->n;
        s.slot += g->bins->first;
        s.count = s.count ? s.count + g->bins->first : NULL;
        st = tree_grow_hist(&g->task->grow, fit->comm, fit->pool, g->bins, &s, &g->model->tree[i],
                            mine ? g->importance + (i - g->first) * d : importance);
    }
    crm_mem_free(importance);
    return st;
}

static crm_status grow(grower *g)
{
    const tree_task *t = g->task;
    int bins = (int)g->model->cfg->max_bins;
    int64_t bytes = t->fit->train->n * g->model->n_columns;
    bool all = bytes <= g->model->forest->rows_bytes || crm_comm_size(t->fit->comm) == 1;

    if (t->exact) {
        CRM_TRY(tree_columns_new(t->fit, t->in, &g->columns));
        return grow_own(g);
    }
    CRM_TRY(tree_bins_new(t->fit, t->in, bins, all, &g->bins));
    return all ? grow_own(g) : grow_together(g);
}

/* ---- importances: the mean over the trees with a split ---- */

static crm_status put_importance(void *ctx, int64_t number, int worker, void *out)
{
    const grower *g = ctx;
    int d = g->model->n_columns;
    double *sum = out;

    (void)worker;
    for (int j = 0; j < d; j++)
        sum[j] = g->importance[(number - g->first) * d + j];
    return CRM_OK;
}

static crm_status average_importance(grower *g)
{
    tree_model *h = g->model;
    double sum = 0;

    if (h->n_columns == 0) return CRM_OK;
    CRM_TRY(crm_tree_sum_once(g->task->fit->comm, NULL, h->n, h->n_columns, put_importance, g,
                              h->importance));
    for (int j = 0; j < h->n_columns; j++)
        sum += h->importance[j];
    for (int j = 0; j < h->n_columns; j++)
        h->importance[j] = sum > 0 ? h->importance[j] / sum : 0;
    return CRM_OK;
}

/* ---- the estimator ---- */

static crm_status fit_trees(grower *g)
{
    const tree_model *h = g->model;
    const crm_comm *comm = g->task->fit->comm;

    crm_tree_range(h->n, crm_comm_rank(comm), crm_comm_size(comm), &g->first, &g->end);
    CRM_TRY(crm_comm_agree(g->task->fit->comm, reserve(g)));
    CRM_TRY(grow(g));
    CRM_TRY(average_importance(g));
    if (!h->forest->oob || !h->forest->bootstrap) return CRM_OK;
    return forest_score_unseen(g->model, g->task, g->n_labelled, g->labelled);
}

static crm_status forest_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    tree_model *h = (tree_model *)e;
    tree_task t;
    grower g = {.model = h, .task = &t};
    crm_status st = tree_task_new(h, fit, in, h->forest->trees, &t);

    if (!st) st = fit_trees(&g);
    end(&g);
    tree_task_free(&t);
    return st;
}

static crm_status forest_make(const void *cfg, crm_estimator **out)
{
    const crm_forest_cfg *c = cfg;

    return tree_model_make(&crm_forest_class, &c->tree, c, out);
}

static crm_status forest_check(const void *cfg, const crm_schema *s, const crm_target *t,
                               int64_t rows)
{
    (void)s;
    (void)rows;
    return crm_class_weights_check(&((const crm_forest_cfg *)cfg)->tree.class_weight,
                                   "forest.class_weight", t);
}

static const crm_cfg_part parts[] = {{crm_forest_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_forest_class = {
    .name = "forest",
    .parts = parts,
    .cfg_size = sizeof(crm_forest_cfg),
    .help = "Random forest on the numeric columns; missing values are taken as they are.",
    .reading = "importances of columns; dependence",
    .make = forest_make,
    .fit = forest_fit,
    .predict = tree_model_predict,
    .save = tree_model_save,
    .load = tree_model_load,
    .free = tree_model_free,
    .check = forest_check,
};
