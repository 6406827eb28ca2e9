/* eval_run.c - run the units of this rank's group; the group's first rank writes their results.
 *
 * A group that fails leaves a mark in the run folder, so that the other groups stop before their
 * next unit; one that is stopped by a signal likewise, and they stop where they can be saved. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_stop.h"
#include "crmpi/comm_watchdog.h"
#include "eval_impl.h"

enum { FIRST_PIECE = 2048 }; /* rows that are predicted at once, at first */
static const double piece_s = 0.25;

/* Pieces of about piece_s, so that a signal is seen between them; a row's values do not depend on
 * its piece. */
static crm_status predict_pieces(const crm_data *d, const crm_hooks *hooks, crm_pipeline *p,
                                 const int64_t *row, int64_t n, int k, double *proba)
{
    int64_t piece = FIRST_PIECE;

    for (int64_t at = 0, m; at < n; at += m) {
        double start = crm_clock_now();
        CRM_CHECK(at == 0 || !hooks->stopping(hooks->ctx), CRM_ERR_STOPPED, "%s", "");
        m = n - at < piece ? n - at : piece;
        CRM_TRY(crm_pipeline_predict(p, d, row + at, m, proba + at * k));
        if (crm_clock_now() - start < piece_s) piece *= 2;
    }
    return CRM_OK;
}

crm_status crm_group_predict(crm_comm *group, const crm_hooks *hooks, crm_pipeline *p,
                             const crm_view *v, int k, double **proba)
{
    int rank = crm_comm_rank(group), size = crm_comm_size(group);
    int64_t first = v->n * rank / size, n = v->n * (rank + 1) / size - first;
    double *mine = NULL;
    size_t total;
    crm_status st = CRM_OK;

    *proba = NULL;
    CRM_NEW_TO(st, agree, mine, n * k);
    st = predict_pieces(v->data, hooks, p, v->row + first, n, k, mine);
agree:
    st = crm_comm_agree(group, st);
    if (!st)
        st = crm_comm_gather(group, 0, mine, (size_t)(n * k) * sizeof *mine, (void **)proba, &total,
                             NULL);
    crm_mem_free(mine);
    return st;
}

crm_status crm_unit_predict(study *s, crm_pipeline *p, const crm_view *v, double **proba)
{
    const crm_hooks hooks = {.ctx = s, .stopping = crm_study_stopping};
    int k = crm_data_target(s->e->data, s->target)->n_classes;

    return crm_group_predict(s->group, &hooks, p, v, k, proba);
}

bool crm_study_of_tokens(const study *s)
{
    return crm_data_target(s->e->data, s->target)->level == CRM_LEVEL_TOKEN;
}

int crm_study_classes(const study *s)
{
    return crm_study_of_tokens(s) ? 0 : crm_data_target(s->e->data, s->target)->n_classes;
}

static int64_t tokens_of_rows(const crm_data *d, const int64_t *row, int64_t n)
{
    const crm_documents *x = crm_data_documents(d);
    int64_t tokens = 0;

    for (int64_t i = 0; i < n; i++)
        tokens += x->token_first[x->first[row[i] + 1]] - x->token_first[x->first[row[i]]];
    return tokens;
}

crm_status crm_unit_decode(study *s, crm_pipeline *p, const crm_view *v, int32_t **tag, int64_t *n)
{
    int rank = crm_comm_rank(s->group), size = crm_comm_size(s->group);
    int64_t first = v->n * rank / size, rows = v->n * (rank + 1) / size - first;
    int64_t tokens = tokens_of_rows(s->e->data, v->row + first, rows);
    int32_t *mine = NULL;
    size_t total = 0;
    crm_status st = CRM_OK;

    *tag = NULL;
    CRM_NEW_TO(st, agree, mine, tokens);
    st = crm_pipeline_decode(p, s->e->data, v->row + first, rows, mine);
agree:
    st = crm_comm_agree(s->group, st);
    if (!st)
        st = crm_comm_gather(s->group, 0, mine, (size_t)tokens * sizeof *mine, (void **)tag, &total,
                             NULL);
    *n = (int64_t)(total / sizeof *mine);
    crm_mem_free(mine);
    return st;
}

static crm_status put_digest(crm_bag *b, const crm_pipeline *p)
{
    char hex[CRM_DIGEST_HEX];
    crm_digest d;

    CRM_TRY(crm_pipeline_digest(p, &d));
    return crm_bag_put_text(b, "weights", crm_digest_hex(d, hex));
}

/* What a unit leaves besides its model. */
typedef struct outcome {
    const crm_view *test;
    double *proba; /* [test->n][k] on the first rank */
    int32_t *tag;  /* [n_tags] there, of the tokens of the test rows, in place of proba */
    int64_t n_tags;
    double threshold;
    double fit_s, predict_s;
    int64_t bytes;
    explanation explanation;
    history history;
} outcome;

static void outcome_free(outcome *o)
{
    crm_mem_free(o->proba);
    crm_mem_free(o->tag);
    crm_explanation_free(&o->explanation);
    crm_history_free(&o->history);
}

static crm_status put_explanation(crm_bag *b, const explanation *x)
{
    const int64_t falls[] = {x->features, x->permutations}, curves[] = {x->features, x->grid};
    const double none = 0;

    CRM_TRY(crm_bag_put(b, "importance", CRM_F64, 2, falls, x->importance ? x->importance : &none));
    CRM_TRY(crm_bag_put(b, "dependence.x", CRM_F64, 2, curves, x->x ? x->x : &none));
    return crm_bag_put(b, "dependence.y", CRM_F64, 2, curves, x->y ? x->y : &none);
}

static crm_status put_outcome(crm_bag *b, const outcome *o, int64_t k)
{
    int64_t n = o->test ? o->test->n : 0;
    const double cost[] = {o->fit_s, o->predict_s, (double)o->bytes};

    CRM_TRY(crm_bag_put(b, "row", CRM_I64, 1, &n, o->test ? o->test->row : (int64_t[]){0}));
    CRM_TRY(crm_bag_put(b, "proba", CRM_F64, 2, (int64_t[]){n, k},
                        o->proba ? o->proba : (double[]){0}));
    if (o->tag) CRM_TRY(crm_bag_put(b, "tag", CRM_I32, 1, &o->n_tags, o->tag));
    CRM_TRY(crm_bag_put_f64(b, "threshold", o->threshold));
    CRM_TRY(crm_bag_put(b, "cost", CRM_F64, 1, (int64_t[]){3}, cost));
    CRM_TRY(put_explanation(b, &o->explanation));
    return crm_history_save(&o->history, b);
}

/* Digest of the text beside the model, "" when there is none. */
static crm_status put_text_digest(crm_bag *b, const unit *u, const crm_pipeline *p)
{
    const char *text = u->repeat < 0 ? crm_pipeline_text(p) : "";
    char hex[CRM_DIGEST_HEX] = "";

    if (text[0]) crm_digest_hex(crm_digest_of(text, strlen(text)), hex);
    return crm_bag_put_text(b, "text", hex);
}

static crm_status write_unit(const study *s, const unit *u, const crm_pipeline *p, const outcome *o)
{
    char path[CRM_PATH_MAX];
    crm_bag *b;
    crm_status st;

    CRM_TRY(crm_unit_path(s, u, path, sizeof path));
    CRM_TRY(crm_bag_new(&b));
    st = crm_ledger_sign(s->e, u->name, b);
    if (!st) st = put_digest(b, p);
    if (!st) st = put_text_digest(b, u, p);
    if (!st) st = crm_bag_put_text(b, "device", crm_unit_device(s, u));
    if (!st) st = put_outcome(b, o, crm_study_classes(s));
    if (!st) st = crm_bag_write(b, path, UNIT_KIND);
    crm_bag_free(&b);
    return st;
}

static crm_status write_model(const study *s, const unit *u, const crm_pipeline *p)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    char path[CRM_PATH_MAX];
    crm_bag *b;
    crm_status st;

    CRM_TRY(crm_model_path(s, u->model, path, sizeof path));
    CRM_TRY(crm_bag_new(&b));
    st = crm_pipeline_save(p, b);
    if (!st) st = crm_bag_put_text(b, "target", t->name);
    if (!st) st = crm_bag_put_list(b, "classes", t->n_classes, t->class_name);
    if (!st) st = crm_bag_write(b, path, CRM_MODEL_KIND);
    crm_bag_free(&b);
    return st;
}

/* What people can read of a model, beside its file. */
static crm_status write_text(const study *s, const unit *u, const crm_pipeline *p)
{
    const char *text = crm_pipeline_text(p);
    char path[CRM_PATH_MAX];

    if (!text[0]) return CRM_OK;
    CRM_TRY(crm_text_path(s, u->model, path, sizeof path));
    return crm_path_write_atomic(path, text, strlen(text));
}

static crm_status write_results(const study *s, const unit *u, const crm_pipeline *p,
                                const outcome *o)
{
    if (crm_comm_rank(s->group) > 0) return CRM_OK;
    if (u->repeat < 0) CRM_TRY(write_text(s, u, p));
    if (u->repeat < 0) CRM_TRY(write_model(s, u, p));
    CRM_TRY(write_unit(s, u, p, o));
    crm_keeper_forget(s, u);
    return CRM_OK;
}

/* ---- what a fit tells ---- */

static void on_step(void *ctx, const crm_step *step)
{
    crm_progress_step(((keeper *)ctx)->study, step);
}

/* A net is none the worse for a head that learns nothing, so it goes on.  Nothing is known of an
 * epoch whose steps were left out. */
static void tell_unlabelled(study *s, const crm_epoch *e)
{
    if (s->told_unlabelled || e->left_out > 0 || crm_comm_rank(s->e->world) > 0) return;
    for (int i = 0; i < e->n_heads; i++) {
        if (!isnan(e->head_loss[i])) continue;
        crm_log_line(CRM_LOG_WARN, "train", "model.heads: '%s' has no label in the training rows",
                     e->head[i]);
        s->told_unlabelled = true;
    }
}

static crm_hook_answer on_epoch(void *ctx, const crm_epoch *e)
{
    keeper *k = ctx;

    tell_unlabelled(k->study, e);
    crm_progress_epoch(k->study, e);
    if (crm_comm_rank(k->study->group) == 0) crm_history_add(k->history, e); /* it writes it */
    return crm_keeper_epoch(k, e);
}

static bool stopping(void *ctx)
{
    return crm_study_stopping(((keeper *)ctx)->study);
}

/* ---- a unit ---- */

static crm_status unit_views(const study *s, const unit *u, crm_view **train, crm_view **test)
{
    if (u->repeat >= 0) return crm_folds_views(s->folds, s->view, u->repeat, u->fold, train, test);
    return crm_view_labelled(s->e->data, s->target, train);
}

/* Fit, from a checkpoint when there is one. */
static crm_status fit_unit(study *s, const unit *u, crm_pipeline *p, crm_fit *fit, outcome *o)
{
    double start = crm_clock_now();
    keeper k;
    crm_status st = crm_keeper_open(s, u, &o->history, &k);

    fit->hooks =
        (crm_hooks){.ctx = &k, .on_epoch = on_epoch, .on_step = on_step, .stopping = stopping};
    crm_keeper_hooks(&k, &fit->hooks);
    if (!st) st = crm_keeper_judge(&k, crm_pipeline_fit(p, fit));
    fit->hooks = (crm_hooks){0};
    o->fit_s = k.seconds + crm_clock_now() - start;
    if (st == CRM_ERR_STOPPED && !s->left[0])
        snprintf(s->left, sizeof s->left, "%s %s", u->name,
                 k.number > 0 ? "goes on at the checkpoint before" : "begins anew");
    crm_keeper_close(&k);
    return st;
}

/* Fit, predict, explain; collective over the group. */
static crm_status compute(study *s, const unit *u, crm_pipeline *p, crm_fit *fit, outcome *o)
{
    double start;

    crm_mem_mark();
    CRM_TRY(fit_unit(s, u, p, fit, o));
    o->bytes = (int64_t)crm_mem_marked_peak();
    s->nanoseconds[u - s->unit] = (int64_t)(o->fit_s * 1e9);
    CRM_TRY(crm_comm_max_i64(s->group, &o->bytes, 1));
    if (!o->test) return CRM_OK;
    start = crm_clock_now();
    if (crm_study_of_tokens(s)) {
        CRM_TRY(crm_unit_decode(s, p, o->test, &o->tag, &o->n_tags));
        o->predict_s = crm_clock_now() - start;
        return CRM_OK;
    }
    CRM_TRY(crm_unit_predict(s, p, o->test, &o->proba));
    o->predict_s = crm_clock_now() - start;
    CRM_TRY(crm_unit_explain(s, u, p, o->test, &o->explanation));
    return crm_unit_threshold(s, u, fit, &o->threshold);
}

static crm_status run_unit(study *s, const unit *u)
{
    crm_view *train = NULL, *test = NULL;
    crm_pipeline *p = NULL;
    outcome o = {.threshold = (double)NAN};
    crm_fit fit = {.comm = s->group,
                   .pool = s->e->pool,
                   .target = s->target,
                   .init = s->e->init,
                   .init_file = s->e->init_file,
                   .group = s->group_of,
                   .seed = crm_rng_derive((uint64_t)s->e->cfg->seed, (uint64_t)(u->repeat + 1),
                                          (uint64_t)(u->fold + 1), 0)};
    crm_status st = unit_views(s, u, &train, &test);

    if (!st) st = crm_pipeline_new(crm_unit_spec(s, u), &p);
    st = crm_comm_agree(s->group, st);
    fit.train = train;
    o.test = test;
    crm_progress_begin(s, u);
    if (!st) st = compute(s, u, p, &fit, &o);
    if (!st) st = crm_comm_agree(s->group, write_results(s, u, p, &o));
    if (!st) crm_progress_done(s);
    if (st == CRM_ERR_STOPPED && !s->left[0])
        snprintf(s->left, sizeof s->left, "%s is not finished", u->name);
    if (st == CRM_ERR_STOPPED) CRM_SET(st, CRM_ERR_STOPPED, "%s; ", s->left);
    crm_pipeline_free(&p);
    crm_view_free(&train);
    crm_view_free(&test);
    outcome_free(&o);
    return st;
}

/* ---- all units ---- */

/* Whether some group has failed, the same answer on all ranks of this one. */
static crm_status others_failed(const study *s, int64_t *failed)
{
    *failed = crm_comm_rank(s->group) == 0 && crm_study_failed(s);
    return crm_comm_max_i64(s->group, failed, 1);
}

static crm_status fail(study *s, int i, crm_status st)
{
    crm_eval_failure *f = s->e->failure;
    const unit *u = &s->unit[i];

    if (!f || st == CRM_ERR_STOPPED) return st;
    *f = (crm_eval_failure){.model = u->model, .repeat = u->repeat, .fold = u->fold, .status = st};
    snprintf(f->cause, sizeof f->cause, "%s", crm_err_text());
    return st;
}

static crm_status run_units(study *s)
{
    int64_t failed = 0;
    crm_status st;

    for (int i = 0; i < s->n_units; i++) {
        if (s->unit[i].group != s->group_id) continue;
        CRM_TRY(crm_study_check_stop(s));
        if (s->n_groups > 1) CRM_TRY(others_failed(s, &failed));
        if (failed) return CRM_OK;
        st = run_unit(s, &s->unit[i]);
        if (st) return fail(s, i, st);
    }
    return CRM_OK;
}

/* What the lowest rank that knows of a failure knows of it, on all ranks; mine: what this rank's
 * group came to. */
static crm_status share_failure(const study *s, crm_status mine)
{
    crm_eval_failure *f = s->e->failure;
    int size = crm_comm_size(s->e->world);
    bool failed = mine != CRM_OK && mine != CRM_ERR_STOPPED;
    int64_t v[] = {f && f->model >= 0 ? size - crm_comm_rank(s->e->world) : 0,
                   failed ? (int64_t)mine : -1,
                   failed ? -(int64_t)mine : -(int64_t)CRM_STATUS_COUNT};

    if (!f) return CRM_OK;
    CRM_TRY(crm_comm_max_i64(s->e->world, v, 3));
    if (v[0] > 0) CRM_TRY(crm_comm_bcast(s->e->world, size - (int)v[0], f, sizeof *f));
    if (v[1] != -v[2]) f->model = -1;
    return CRM_OK;
}

static int units_done(const study *s)
{
    char path[CRM_PATH_MAX];
    int n = 0;

    for (int i = 0; i < s->n_units; i++)
        n += s->unit[i].skip ||
             (!crm_unit_path(s, &s->unit[i], path, sizeof path) && crm_path_exists(path));
    return n;
}

/* Rank 0 waits for the other groups without using its core, and keeps the progress line going. */
static void wait_for_others(study *s)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

    crm_watchdog_enter(CRM_IN_REDUCTION);
    while (!crm_study_marked(s) && units_done(s) < s->n_units) {
        if (crm_stop_signal()) crm_study_mark(s, CRM_ERR_STOPPED);
        crm_progress_epoch(s, NULL);
        nanosleep(&pause, NULL);
    }
    crm_watchdog_leave();
}

/* An error of one group is told, and not that another one was stopped. */
static crm_status agree_all(crm_comm *world, crm_status st)
{
    CRM_TRY(crm_comm_agree(world, st == CRM_ERR_STOPPED ? CRM_OK : st));
    return crm_comm_agree(world, st);
}

crm_status crm_study_run(study *s)
{
    crm_comm *world = s->e->world;
    crm_status st = crm_comm_agree(world, crm_study_begin(s)), mine;

    if (s->e->failure) s->e->failure->model = -1;
    if (st) return st;
    crm_study_listen(s, true);
    if (s->group) st = run_units(s);
    if (st && s->n_groups > 1) crm_study_mark(s, st);
    if (!st && crm_comm_rank(world) == 0 && s->n_groups > 1) wait_for_others(s);
    mine = st;
    st = agree_all(world, st);
    if (st) CRM_TRY(share_failure(s, mine));
    if (st == CRM_ERR_STOPPED)
        st = crm_stopped(world, crm_comm_rank(world) == 0 ? units_done(s) : 0, s->n_units, "units");
    crm_study_listen(s, false);
    st = crm_comm_agree(world, st); /* no mark is made after this */
    return crm_comm_agree(world, crm_study_end(s, st));
}
