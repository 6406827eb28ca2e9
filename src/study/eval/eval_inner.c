/* eval_inner.c - parts of a study, their inner folds, and fits on them. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/eval_inner.h"
#include "eval_impl.h"

typedef struct part {
    crm_view *rows;
    crm_folds *folds; /* NULL: not made yet */
} part;

struct crm_inner {
    crm_eval_cfg cfg; /* as the study's, for the inner folds */
    crm_eval inner;
    study outer;
    int n_parts, outer_folds;
    uint64_t seed;
    part *part;
};

int crm_inner_parts(const crm_inner *in)
{
    return in->n_parts;
}

void crm_inner_place(const crm_inner *in, int number, int *repeat, int *fold)
{
    int folds = in->outer.folds->folds;
    bool all = number >= in->outer_folds;

    *repeat = all ? -1 : number / folds;
    *fold = all ? -1 : number % folds;
}

static crm_status rows_of(crm_inner *in, int number, crm_view **rows)
{
    crm_view *test = NULL;
    int repeat, fold;
    crm_status st;

    crm_inner_place(in, number, &repeat, &fold);
    if (repeat < 0) return crm_view_labelled(in->outer.e->data, in->outer.target, rows);
    st = crm_folds_views(in->outer.folds, in->outer.view, repeat, fold, rows, &test);
    crm_view_free(&test);
    return st;
}

/* A copy of the last error. */
static const char *why_of(char text[CRM_ERR_TEXT_MAX])
{
    snprintf(text, CRM_ERR_TEXT_MAX, "%s", crm_err_text());
    return text;
}

/* Rows and inner folds of a part, made when they are first needed. */
static crm_status open_part(crm_inner *in, int number)
{
    part *p = &in->part[number];
    study s = {.e = &in->inner, .target = in->outer.target};
    char text[CRM_ERR_TEXT_MAX];
    crm_status st;

    if (p->folds) return CRM_OK;
    CRM_TRY(rows_of(in, number, &p->rows));
    s.view = p->rows;
    st = crm_study_folds(&s);
    if (st == CRM_ERR_FORMAT)
        CRM_SET(st, CRM_ERR_FORMAT, "inner folds, for which sweep.folds stands for eval.folds: %s",
                why_of(text));
    crm_mem_free(s.group_of);
    if (st) crm_view_free(&p->rows);
    p->folds = s.folds;
    return st;
}

static crm_status prepare(crm_inner *in, bool all)
{
    study *s = &in->outer;

    CRM_TRY(crm_study_target(s));
    CRM_CHECK(!crm_study_of_tokens(s), CRM_ERR_CONFIG,
              "eval.target: '%s' labels tokens; searches are over models of rows",
              crm_data_target(s->e->data, s->target)->name);
    CRM_TRY(crm_study_folds(s));
    in->outer_folds = s->folds->folds * s->folds->repeats;
    in->n_parts = in->outer_folds + all;
    CRM_NEW(in->part, in->n_parts);
    return open_part(in, 0);
}

crm_status crm_inner_new(const crm_eval *e, bool all, int folds, int repeats, uint64_t seed,
                         crm_inner **out)
{
    crm_inner *in;
    crm_status st;

    CRM_NEW(in, 1);
    in->cfg = *e->cfg;
    in->cfg.folds = folds;
    in->cfg.repeats = repeats;
    in->cfg.seed = (int64_t)(crm_rng_derive(seed, 3, 0, 0) >> 12);
    if (in->cfg.split != CRM_SPLIT_PLAIN && in->cfg.split != CRM_SPLIT_GROUPED &&
        in->cfg.split != CRM_SPLIT_CONTIGUOUS)
        in->cfg.split = CRM_SPLIT_STRATIFIED;
    in->inner = *e;
    in->inner.cfg = &in->cfg;
    in->outer.e = e;
    in->seed = seed;
    st = prepare(in, all);
    if (st) crm_inner_free(&in);
    *out = in;
    return st;
}

void crm_inner_free(crm_inner **in)
{
    if (!*in) return;
    for (int i = 0; (*in)->part && i < (*in)->n_parts; i++) {
        crm_view_free(&(*in)->part[i].rows);
        crm_folds_free(&(*in)->part[i].folds);
    }
    crm_mem_free((*in)->part);
    crm_study_free(&(*in)->outer);
    crm_mem_free(*in);
    *in = NULL;
}

/* ---- a fit ---- */

/* A stratified part of the rows, the same for all trials. */
static crm_status thin(const crm_inner *in, double share, uint64_t seed, crm_view **train)
{
    crm_view *left = NULL, *taken = NULL;

    if (share >= 1) return CRM_OK;
    CRM_TRY(crm_view_split(*train, NULL, in->outer.target, share, seed, &left, &taken));
    crm_view_free(&left);
    crm_view_free(train);
    *train = taken;
    return CRM_OK;
}

static crm_status judge(const crm_inner *in, const crm_inner_unit *u, const crm_pipeline *p,
                        const crm_view *test, const double *proba, crm_inner_score *out)
{
    const crm_target *t = crm_data_target(in->outer.e->data, in->outer.target);
    double score[CRM_METRIC_COUNT];
    int32_t *label;
    crm_digest fitted;
    crm_hash *h;
    crm_status st;

    CRM_NEW(label, test->n);
    for (int64_t i = 0; i < test->n; i++)
        label[i] = t->label[test->row[i]];
    st = crm_stats_metrics(test->n, t->n_classes, label, proba, score, NULL);
    crm_mem_free(label);
    if (!st) st = crm_pipeline_digest(p, &fitted);
    if (!st) st = crm_hash_new(&h);
    if (st) return st;
    crm_hash_add_digest(h, fitted);
    crm_hash_add(h, proba, (size_t)(test->n * t->n_classes) * sizeof *proba);
    out->result = crm_hash_value(h);
    out->value = score[u->metric];
    crm_hash_free(&h);
    return CRM_OK;
}

static crm_status fit_and_judge(crm_inner *in, crm_comm *group, const crm_inner_unit *u,
                                crm_pipeline *p, crm_fit *fit, const crm_view *test,
                                crm_inner_score *out)
{
    int k = crm_data_target(in->outer.e->data, in->outer.target)->n_classes;
    double *proba = NULL;
    crm_status st;

    CRM_TRY(crm_pipeline_fit(p, fit));
    CRM_TRY(crm_group_predict(group, &fit->hooks, p, test, k, &proba));
    st = crm_comm_rank(group) == 0 ? judge(in, u, p, test, proba, out) : CRM_OK;
    crm_mem_free(proba);
    return crm_comm_agree(group, st);
}

crm_status crm_inner_run(crm_inner *in, crm_comm *group, const crm_inner_unit *u,
                         const crm_hooks *hooks, crm_inner_score *out)
{
    const crm_eval *e = in->outer.e;
    uint64_t place = (uint64_t)(u->repeat * 1000 + u->fold);
    crm_fit fit = {.comm = group,
                   .pool = e->pool,
                   .target = in->outer.target,
                   .group = in->outer.group_of,
                   .init = e->init,
                   .init_file = e->init_file,
                   .seed = crm_rng_derive(in->seed, 4, (uint64_t)u->part, place),
                   .hooks = *hooks};
    crm_view *train = NULL, *test = NULL;
    crm_pipeline *p = NULL;
    crm_status st = open_part(in, u->part);

    *out = (crm_inner_score){.value = (double)NAN};
    if (!st)
        st = crm_folds_views(in->part[u->part].folds, in->part[u->part].rows, u->repeat, u->fold,
                             &train, &test);
    if (!st) st = thin(in, u->share, fit.seed, &train);
    if (!st) st = crm_model_check(u->spec, e->data, fit.target, train->n);
    if (!st) st = crm_pipeline_new(u->spec, &p);
    st = crm_comm_agree(group, st);
    fit.train = train;
    if (!st) st = fit_and_judge(in, group, u, p, &fit, test, out);
    crm_pipeline_free(&p);
    crm_view_free(&train);
    crm_view_free(&test);
    return st;
}
