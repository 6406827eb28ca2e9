/* eval_crossval.c - the study from plan to summary, or to the models alone. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "eval_impl.h"

void crm_study_free(study *s)
{
    crm_progress_free(s);
    crm_comm_free(&s->group);
    crm_view_free(&s->view);
    crm_folds_free(&s->folds);
    crm_mem_free(s->group_of);
    crm_mem_free(s->unit);
    crm_mem_free(s->nanoseconds);
}

static crm_status read_results(const study *s, result *r)
{
    for (int i = 0; i < s->n_units; i++)
        CRM_TRY(crm_result_read(s, &s->unit[i], &r[i]));
    return CRM_OK;
}

static void free_results(const study *s, result **r)
{
    for (int i = 0; *r && i < s->n_units; i++)
        crm_result_free(&(*r)[i]);
    crm_mem_free(*r);
    *r = NULL;
}

static void add_cost(const result *r, crm_eval_cost *c)
{
    double us = r->n > 0 ? r->predict_s * 1e6 / (double)r->n : 0;

    if (c->fits == 0) c->fit_s_min = c->fit_s_max = r->fit_s;
    if (r->fit_s < c->fit_s_min) c->fit_s_min = r->fit_s;
    if (r->fit_s > c->fit_s_max) c->fit_s_max = r->fit_s;
    if (r->bytes > c->bytes) c->bytes = r->bytes;
    c->fits++;
    c->fit_s += (r->fit_s - c->fit_s) / c->fits;
    c->predict_us += (us - c->predict_us) / c->fits;
}

static void tell_costs(const study *s, const result *r)
{
    for (int i = 0; s->e->cost && i < s->n_units; i++)
        if (s->unit[i].repeat >= 0) add_cost(&r[i], &s->e->cost[s->unit[i].model]);
}

/* Rank 0: results to summary.json. */
static crm_status aggregate(const study *s, result *r, crm_summary **out, char **text, size_t *len)
{
    CRM_TRY(read_results(s, r));
    CRM_TRY(crm_study_summary(s, r, out));
    CRM_TRY(crm_study_metrics(s, r));
    CRM_TRY(crm_study_devices(s, r));
    CRM_TRY(crm_study_units(s, r));
    tell_costs(s, r);
    return crm_summary_write(*out, text, len);
}

static crm_status finish(study *s, crm_summary **out)
{
    bool root = crm_comm_rank(s->e->world) == 0;
    result *r = NULL;
    char *text = NULL;
    size_t len = 0;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, r, s->n_units);
    if (root) st = aggregate(s, r, out, &text, &len);
agree:
    st = crm_comm_agree(s->e->world, st);
    if (!st) st = crm_study_predictions(s, r);
    if (!st) st = crm_record_write(s->e->record, "summary.json", text, len);
    free_results(s, &r);
    crm_mem_free(text);
    return st;
}

crm_status crm_study_do(study *s)
{
    CRM_TRY(crm_study_plan(s));
    CRM_TRY(crm_comm_agree(s->e->world, crm_progress_new(s)));
    return crm_study_run(s);
}

/* ---- a target of tokens ---- */

/* Rank 0: as aggregate. */
static crm_status aggregate_spans(const study *s, result *r, crm_summary **out, crm_str *tagged,
                                  crm_str *text)
{
    CRM_TRY(read_results(s, r));
    CRM_TRY(crm_study_spans(s, r, out, tagged));
    CRM_TRY(crm_study_metrics(s, r));
    CRM_TRY(crm_study_units(s, r));
    tell_costs(s, r);
    return crm_summary_write(*out, &text->text, &text->len);
}

static crm_status finish_spans(study *s, crm_summary **out)
{
    bool root = crm_comm_rank(s->e->world) == 0;
    crm_record *run = s->e->record;
    crm_str tagged = {0}, text = {0};
    result *r = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, r, s->n_units);
    if (root) st = aggregate_spans(s, r, out, &tagged, &text);
agree:
    st = crm_comm_agree(s->e->world, st);
    if (!st) st = crm_record_write(run, "predictions.conll", tagged.text, tagged.len);
    if (!st) st = crm_record_write(run, "summary.json", text.text, text.len);
    free_results(s, &r);
    crm_str_free(&tagged);
    crm_str_free(&text);
    return st;
}

static crm_status crossval(const crm_eval *e, crm_status (*end)(study *s, crm_summary **out),
                           crm_summary **out)
{
    study s = {.e = e};
    crm_status st;

    *out = NULL;
    st = crm_study_do(&s);
    if (!st) st = end(&s, out);
    if (st) crm_summary_free(out);
    crm_study_free(&s);
    return st;
}

crm_status crm_eval_crossval_spans(const crm_eval *e, crm_summary **out)
{
    return crossval(e, finish_spans, out);
}

crm_status crm_eval_of_tokens(const crm_eval *e, bool *tokens)
{
    int target = 0;

    *tokens = false;
    if (crm_data_n_targets(e->data) == 0) return CRM_OK;
    if (e->cfg->target[0]) CRM_TRY(crm_data_find_target(e->data, e->cfg->target, &target));
    *tokens = crm_data_target(e->data, target)->level == CRM_LEVEL_TOKEN;
    return CRM_OK;
}

crm_status crm_eval_crossval(const crm_eval *e, crm_summary **out)
{
    return crossval(e, finish, out);
}

static void describe_fit(const result *r, int64_t nanoseconds, crm_eval_fit *out)
{
    const double *last = r->history + (r->epochs - 1) * HISTORY_FIELDS;

    *out = (crm_eval_fit){.epochs = r->epochs,
                          .train_loss = r->epochs > 0 ? last[HISTORY_TRAIN_LOSS] : (double)NAN,
                          .seconds = nanoseconds > 0 ? (double)nanoseconds / 1e9 : (double)NAN,
                          .weights = r->weights};
}

/* Rank 0: the units are one for each model, in their order. */
static crm_status describe_fits(const study *s, crm_eval_fit *fit)
{
    result *r;
    crm_status st;

    CRM_NEW(r, s->n_units);
    st = read_results(s, r);
    for (int i = 0; i < s->n_units && !st; i++)
        describe_fit(&r[i], s->nanoseconds[i], &fit[i]);
    if (!st) st = crm_study_metrics(s, r);
    if (!st) st = crm_study_devices(s, r);
    if (!st) st = crm_study_units(s, r);
    free_results(s, &r);
    return st;
}

crm_status crm_eval_train(const crm_eval *e, crm_eval_fit *fit)
{
    study s = {.e = e, .fit_only = true};
    crm_status st = crm_study_do(&s);

    if (!st) st = crm_comm_max_i64(e->world, s.nanoseconds, s.n_units);
    if (!st)
        st = crm_comm_agree(e->world,
                            crm_comm_rank(e->world) == 0 ? describe_fits(&s, fit) : CRM_OK);
    crm_study_free(&s);
    return st;
}
