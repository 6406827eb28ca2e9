/* eval_threshold.c - the threshold of a two-class model, chosen without its test part: models
 * fitted on inner folds of the training part give each training row a probability that its own
 * label had no part in; the rule is applied to these. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

typedef struct inner {
    study *s;
    const unit *u;
    const crm_fit *outer;
    crm_folds *folds;
    int64_t n; /* rows with a probability so far; on the first rank */
    int32_t *label;
    double *score;
} inner;

/* Too few rows of a class is no error of the study: there is no threshold then. */
static crm_status make_folds(inner *in, bool *enough)
{
    const study *s = in->s;
    crm_status st = crm_folds_make(
        in->outer->train, s->target, s->group_of ? CRM_FOLDS_GROUPED : CRM_FOLDS_STRATIFIED,
        (int)s->e->cfg->threshold_folds, 1, crm_rng_derive(in->outer->seed, 1, 0, 0), s->group_of,
        &in->folds);

    *enough = !st;
    if (st != CRM_ERR_FORMAT) return st;
    crm_err_clear();
    return CRM_OK;
}

static void take(inner *in, const crm_view *test, const double *proba)
{
    const int32_t *label = crm_data_target(in->s->e->data, in->s->target)->label;

    for (int64_t i = 0; i < test->n && proba; i++) {
        in->label[in->n] = label[test->row[i]];
        in->score[in->n++] = proba[i * 2 + 1];
    }
}

static crm_status run_fold(inner *in, int fold)
{
    study *s = in->s;
    crm_view *train = NULL, *test = NULL;
    crm_pipeline *p = NULL;
    crm_fit fit = *in->outer;
    double *proba = NULL;
    crm_status st = crm_folds_views(in->folds, in->outer->train, 0, fold, &train, &test);

    if (!st) st = crm_pipeline_new(crm_unit_spec(s, in->u), &p);
    st = crm_comm_agree(s->group, st);
    fit.train = train;
    fit.seed = crm_rng_derive(in->outer->seed, 2, (uint64_t)fold, 0);
    fit.hooks = crm_study_stop_hooks(s);
    if (!st) st = crm_pipeline_fit(p, &fit);
    if (!st) st = crm_unit_predict(s, p, test, &proba);
    if (!st) take(in, test, proba);
    crm_mem_free(proba);
    crm_pipeline_free(&p);
    crm_view_free(&train);
    crm_view_free(&test);
    return st;
}

static crm_status prepare(inner *in, bool *enough)
{
    CRM_NEW(in->label, in->outer->train->n);
    CRM_NEW(in->score, in->outer->train->n);
    return make_folds(in, enough);
}

/* Criteria stand in the order of the rules, from the first behind none. */
static crm_status choose(const inner *in, double *out)
{
    const crm_eval_cfg *cfg = in->s->e->cfg;
    const double cost[] = {0, cfg->cost_fp, cfg->cost_fn, 0}; /* [label][prediction] */
    crm_threshold t;

    CRM_TRY(crm_stats_threshold(in->n, in->label, in->score, 1,
                                (crm_criterion)(cfg->threshold - CRM_THRESHOLD_F1), cost, &t));
    if (t.state == CRM_STATS_OK) *out = t.threshold;
    return CRM_OK;
}

crm_status crm_unit_threshold(study *s, const unit *u, const crm_fit *outer, double *out)
{
    const crm_eval_cfg *cfg = s->e->cfg;
    inner in = {.s = s, .u = u, .outer = outer};
    bool enough = false;
    crm_status st;

    *out = (double)NAN;
    if (cfg->threshold == CRM_THRESHOLD_NONE ||
        crm_data_target(s->e->data, s->target)->n_classes != 2)
        return CRM_OK;
    st = crm_comm_agree(s->group, prepare(&in, &enough));
    for (int f = 0; enough && !st && f < in.folds->folds; f++)
        st = run_fold(&in, f);
    if (!st && in.n > 0) st = choose(&in, out);
    crm_folds_free(&in.folds);
    crm_mem_free(in.label);
    crm_mem_free(in.score);
    return crm_comm_agree(s->group, st);
}
