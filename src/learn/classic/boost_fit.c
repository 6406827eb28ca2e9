/* boost_fit.c - the iterations of gradient boosting, and when to stop.
 *
 * Rows are shared out over the ranks; of little data each rank does all the work itself, which
 * takes less time than to add up histograms for each split.  The bits are the same. */
#include <string.h>

#include "boost_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_math.h"

typedef struct booster {
    boost *h;
    const crm_fit *fit;
    crm_comm *alone; /* with little data; else NULL */
    crm_fit share;   /* the fit for the ranks that share the rows */
    boost_loss loss;
    boost_table table;
    boost_grower *grower;
    uint8_t *held; /* [rows of the view] held out */
    double least;  /* validation loss of the best iteration */
    int64_t best, best_trees;
    double *best_importance; /* [d] */
    double begun;            /* clock */
    crm_hook_answer answer;
} booster;

/* ---- rows held out ---- */

static bool stops_early(const boost *h, int64_t rows)
{
    int stop = h->cfg->early_stopping;

    if (h->cfg->validation == 0) return false;
    return stop == CRM_BOOSTING_ON || (stop == CRM_BOOSTING_AUTO && rows > CRM_BOOSTING_AUTO_ROWS);
}

/* A split wants a label of each row. */
static crm_status view_labelled(const crm_fit *fit, uint8_t *keep, crm_view **out)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    for (int64_t i = 0; i < fit->train->n; i++)
        keep[i] = t->label[fit->train->row[i]] >= 0;
    return crm_view_select(fit->train, keep, out);
}

/* held marks the rows of part, which are in the order of the view. */
static void mark(const crm_view *v, const crm_view *part, uint8_t *held)
{
    int64_t at = 0;

    for (int64_t i = 0; i < v->n; i++) {
        held[i] = at < part->n && part->row[at] == v->row[i];
        at += held[i];
    }
}

static crm_status hold_out(booster *b)
{
    crm_view *labelled = NULL, *learn = NULL, *valid = NULL;
    const crm_fit *fit = b->fit;
    crm_status st;

    CRM_NEW(b->held, fit->train->n);
    st = view_labelled(fit, b->held, &labelled);
    if (!st && !stops_early(b->h, labelled->n)) {
        memset(b->held, 0, (size_t)fit->train->n);
        crm_view_free(&labelled);
        return CRM_OK;
    }
    if (!st)
        st = crm_view_split(labelled, fit->group, fit->target, b->h->cfg->validation, fit->seed,
                            &learn, &valid);
    if (!st) mark(fit->train, valid, b->held);
    crm_view_free(&labelled);
    crm_view_free(&learn);
    crm_view_free(&valid);
    return st;
}

/* ---- start ---- */

static void start_scores(boost *h)
{
    const classic_classes *c = &h->classes;

    for (int v = 0; v < h->vectors; v++)
        h->start[v] = crm_log(c->weight[v] * (double)c->count[v] / c->total);
    if (h->vectors == 1)
        h->start[0] = crm_log(c->weight[1] * (double)c->count[1]) -
                      crm_log(c->weight[0] * (double)c->count[0]);
}

static crm_status prepare(booster *b, const crm_source *in)
{
    boost *h = b->h;

    CRM_TRY(
        classic_classes_new(b->fit, &h->cfg->class_weight, "boosting.class_weight", &h->classes));
    CRM_TRY(boost_shape(h, in));
    start_scores(h);
    CRM_NEW(b->best_importance, h->d);
    CRM_TRY(hold_out(b));
    return boost_loss_new(&b->share, &h->classes, h->vectors, h->start, b->held, &b->loss);
}

/* Collective over the ranks of share. */
static crm_status lay_out(booster *b, const crm_source *in)
{
    CRM_TRY(boost_loss_begin(&b->share, &b->loss));
    return boost_table_new(&b->share, in, b->h->cfg, b->loss.use, &b->table);
}

static crm_status booster_begin(booster *b, const crm_source *in)
{
    const crm_fit *fit = b->fit;

    b->share = *fit;
    if (fit->train->n * crm_source_schema(in)->n_num < b->h->cfg->shared_values &&
        crm_comm_size(fit->comm) > 1) {
        CRM_TRY(crm_comm_split(fit->comm, crm_comm_rank(fit->comm), &b->alone));
        b->share.comm = b->alone;
    }
    CRM_TRY(crm_comm_agree(fit->comm, prepare(b, in)));
    if (b->h->vectors == 0) return CRM_OK;
    CRM_TRY(crm_comm_agree(fit->comm, lay_out(b, in)));
    return crm_comm_agree(fit->comm, boost_grower_new(&b->share, fit->comm, b->h->cfg, &b->table,
                                                      &b->loss, &b->grower));
}

static void booster_end(booster *b)
{
    boost_grower_free(&b->grower);
    boost_table_free(&b->table);
    boost_loss_free(&b->loss);
    crm_mem_free(b->held);
    crm_mem_free(b->best_importance);
    crm_comm_free(&b->alone);
}

/* ---- iterations ---- */

static crm_status reserve(boost *h)
{
    int64_t cap = 2 * h->tree_cap + h->vectors;
    tree *t;

    if (h->n_trees + h->vectors <= h->tree_cap) return CRM_OK;
    t = crm_mem_grow(h->tree, (size_t)h->n_trees, (size_t)cap, sizeof *t);
    CRM_CHECK(t, CRM_ERR_NOMEM, "out of memory: %lld trees", (long long)cap);
    h->tree = t;
    h->tree_cap = cap;
    return CRM_OK;
}

/* Trees of one iteration; *grown: some have splits. */
static crm_status iterate(booster *b, int64_t iteration, bool *grown)
{
    boost *h = b->h;

    *grown = false;
    CRM_TRY(crm_comm_agree(b->fit->comm, reserve(h)));
    boost_grower_draw(b->grower, iteration);
    for (int v = 0; v < h->vectors; v++) {
        tree *t = &h->tree[h->n_trees];
        crm_status st = boost_grow(b->grower, &b->loss, v, h->importance, t);
        if (st) tree_free(t);
        CRM_TRY(st);
        *grown |= t->n_leaves > 1;
        h->n_trees++;
    }
    return CRM_OK;
}

static void drop_trees(boost *h, int64_t from)
{
    while (h->n_trees > from)
        tree_free(&h->tree[--h->n_trees]);
}

static void tell(booster *b, int64_t iteration, const boost_losses *loss)
{
    const crm_hooks *hooks = &b->fit->hooks;
    crm_epoch e = {.phase = CRM_PHASE_FIT,
                   .epoch = iteration + 1,
                   .of = b->h->cfg->iterations,
                   .train_loss = loss->train,
                   .valid_loss = loss->valid,
                   .valid_score = loss->accuracy,
                   .lr = b->h->cfg->learning_rate,
                   .grad_norm = (double)NAN,
                   .seconds = crm_clock_now() - b->begun,
                   .rows = b->fit->train->n - b->loss.held};

    b->begun = crm_clock_now();
    if (hooks->on_epoch) b->answer = hooks->on_epoch(hooks->ctx, &e);
}

/* Keep in mind the best iteration (number of trees); false when patience is at its end. */
static bool judge(booster *b, int64_t iteration, double loss)
{
    if (b->loss.held == 0) return true;
    if (iteration < 0 || loss < b->least) {
        b->least = loss;
        b->best = iteration;
        b->best_trees = b->h->n_trees;
        memcpy(b->best_importance, b->h->importance, (size_t)b->h->d * sizeof(double));
    }
    return iteration - b->best < b->h->cfg->patience;
}

static crm_status run(booster *b)
{
    const crm_boosting_cfg *cfg = b->h->cfg;
    bool always = cfg->subsample >= 1 && cfg->colsample >= 1, grown, go;
    boost_losses loss;

    CRM_TRY(boost_loss_update(&b->loss, &loss));
    go = judge(b, -1, loss.valid);
    for (int64_t i = 0; i < cfg->iterations && go; i++) {
        CRM_TRY(iterate(b, i, &grown));
        if (!grown && always) { /* so it would go on */
            drop_trees(b->h, b->h->n_trees - b->h->vectors);
            break;
        }
        CRM_TRY(boost_loss_update(&b->loss, &loss));
        tell(b, i, &loss);
        go = judge(b, i, loss.valid) && b->answer == CRM_HOOK_GO;
    }
    CRM_CHECK(b->answer != CRM_HOOK_PAUSE, CRM_ERR_STOPPED, "boosting stopped after %lld trees",
              (long long)b->h->n_trees);
    return CRM_OK;
}

/* Back to the best iteration. */
static void keep_best(booster *b)
{
    if (b->loss.held == 0) return;
    drop_trees(b->h, b->best_trees);
    memcpy(b->h->importance, b->best_importance, (size_t)b->h->d * sizeof(double));
    crm_log_line(CRM_LOG_DEBUG, "boosting", "%lld iterations kept, validation loss %.6f",
                 (long long)b->best + 1, b->least);
}

crm_status boost_fit(boost *h, const crm_fit *fit, const crm_source *in)
{
    booster b = {.h = h, .fit = fit, .begun = crm_clock_now()};
    crm_status st = booster_begin(&b, in);

    if (!st && h->vectors > 0) st = run(&b);
    if (!st && h->vectors > 0) keep_best(&b);
    booster_end(&b);
    return st;
}
