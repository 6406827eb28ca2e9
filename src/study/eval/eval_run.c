/* eval_run.c - run the units of this rank's group; the group's first rank writes their results.
 *
 * A group that fails leaves a mark in the run folder, so that the other groups stop before their
 * next unit. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "eval_impl.h"

const char *const crm_history_names[HISTORY_FIELDS] = {
    "phase",       "member", "epoch",     "train_loss", "valid_loss",
    "valid_score", "lr",     "grad_norm", "rows",       "seconds"};
const char *const crm_phase_names[] = {CRM_PHASE_FIT, CRM_PHASE_SEARCH, CRM_PHASE_REFIT, NULL};

/* One that nobody knows, or none, is taken for a plain fit. */
static int phase_number(const char *phase)
{
    for (int i = 0; phase && crm_phase_names[i]; i++)
        if (strcmp(crm_phase_names[i], phase) == 0) return i;
    return 0;
}

/* History of the epochs of one fit, kept by every rank, written by the first. */
typedef struct history {
    study *study;
    int64_t n, cap;
    double *row; /* [cap][HISTORY_FIELDS] */
    int64_t heads;
    crm_str head;   /* names, each with its final 0 */
    double *losses; /* [cap][2][heads] */
} history;

static void history_free(history *h)
{
    crm_mem_free(h->row);
    crm_mem_free(h->losses);
    crm_str_free(&h->head);
}

/* Room for one more epoch; false when memory is out. */
static bool history_grow(history *h)
{
    size_t n = (size_t)h->n, cap = h->cap ? 2 * (size_t)h->cap : 64;
    double *row, *losses;

    if (h->n < h->cap) return true;
    row = crm_mem_grow(h->row, n, cap, HISTORY_FIELDS * sizeof *row);
    if (row) h->row = row;
    losses = crm_mem_grow(h->losses, n, cap, 2 * (size_t)h->heads * sizeof *losses);
    if (losses) h->losses = losses;
    if (!row || !losses) return false;
    h->cap = (int64_t)cap;
    return true;
}

/* The first epoch tells the targets; all have the same. */
static void keep_heads(history *h, const crm_epoch *e)
{
    if (h->n > 0) return;
    h->heads = e->n_heads;
    for (int i = 0; i < e->n_heads; i++)
        crm_str_add(&h->head, e->head[i], strlen(e->head[i]) + 1);
}

static void keep_losses(history *h, const crm_epoch *e)
{
    double *to = h->losses + h->n * 2 * h->heads;

    for (int64_t i = 0; i < h->heads; i++) {
        bool told = i < e->n_heads;
        to[i] = told ? e->head_loss[i] : (double)NAN;
        to[h->heads + i] = told ? e->head_valid_loss[i] : (double)NAN;
    }
}

static void on_step(void *ctx, const crm_step *step)
{
    crm_progress_step(((history *)ctx)->study, step);
}

/* A net is none the worse for a head that learns nothing, so it goes on. */
static void tell_unlabelled(study *s, const crm_epoch *e)
{
    if (s->told_unlabelled || crm_comm_rank(s->e->world) > 0) return;
    for (int i = 0; i < e->n_heads; i++) {
        if (!isnan(e->head_loss[i])) continue;
        crm_log_line(CRM_LOG_WARN, "train", "model.heads: '%s' has no label in the training rows",
                     e->head[i]);
        s->told_unlabelled = true;
    }
}

static crm_hook_answer on_epoch(void *ctx, const crm_epoch *e)
{
    history *h = ctx;
    const double v[HISTORY_FIELDS] = {
        phase_number(e->phase), e->member, (double)e->epoch, e->train_loss,   e->valid_loss,
        e->valid_score,         e->lr,     e->grad_norm,     (double)e->rows, e->seconds};

    tell_unlabelled(h->study, e);
    crm_progress_epoch(h->study, e);
    keep_heads(h, e);
    if (!history_grow(h)) return CRM_HOOK_GO; /* the log line is lost, the fit is not */
    keep_losses(h, e);
    memcpy(h->row + h->n++ * HISTORY_FIELDS, v, sizeof v);
    return CRM_HOOK_GO;
}

crm_status crm_unit_predict(study *s, crm_pipeline *p, const crm_view *v, double **proba)
{
    int rank = crm_comm_rank(s->group), size = crm_comm_size(s->group);
    int k = crm_data_target(s->e->data, s->target)->n_classes;
    int64_t first = v->n * rank / size, n = v->n * (rank + 1) / size - first;
    double *mine = NULL;
    size_t total;
    crm_status st = CRM_OK;

    *proba = NULL;
    CRM_NEW_TO(st, agree, mine, n * k);
    st = crm_pipeline_predict(p, s->e->data, v->row + first, n, mine);
agree:
    st = crm_comm_agree(s->group, st);
    if (!st)
        st = crm_comm_gather(s->group, 0, mine, (size_t)(n * k) * sizeof *mine, (void **)proba,
                             &total, NULL);
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

static crm_status put_history(crm_bag *b, const history *h)
{
    const char **head, *name = h->head.text;
    crm_status st;

    CRM_NEW(head, h->heads);
    for (int64_t i = 0; i < h->heads; i++, name += strlen(name) + 1)
        head[i] = h->head.failed ? "" : name;
    st = crm_bag_put_list(b, "heads", h->heads, head);
    crm_mem_free(head);
    if (!st)
        st = crm_bag_put(b, "history", CRM_F64, 2, (int64_t[]){h->n, HISTORY_FIELDS},
                         h->n ? h->row : (double[]){0});
    if (!st)
        st = crm_bag_put(b, "losses", CRM_F64, 3, (int64_t[]){h->n, 2, h->heads},
                         h->n && h->heads ? h->losses : (double[]){0});
    return st;
}

/* What a unit leaves besides its model. */
typedef struct outcome {
    const crm_view *test;
    double *proba; /* [test->n][k] on the first rank */
    double threshold;
    double fit_s, predict_s;
    int64_t bytes;
    explanation explanation;
    history history;
} outcome;

static void outcome_free(outcome *o)
{
    crm_mem_free(o->proba);
    crm_explanation_free(&o->explanation);
    history_free(&o->history);
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
    CRM_TRY(crm_bag_put_f64(b, "threshold", o->threshold));
    CRM_TRY(crm_bag_put(b, "cost", CRM_F64, 1, (int64_t[]){3}, cost));
    CRM_TRY(put_explanation(b, &o->explanation));
    return put_history(b, &o->history);
}

static crm_status write_unit(const study *s, const unit *u, const crm_pipeline *p, const outcome *o)
{
    char path[CRM_PATH_MAX];
    crm_bag *b;
    crm_status st;

    CRM_TRY(crm_unit_path(s, u, path, sizeof path));
    CRM_TRY(crm_bag_new(&b));
    st = put_digest(b, p);
    if (!st) st = crm_bag_put_text(b, "device", crm_unit_device(s, u));
    if (!st) st = put_outcome(b, o, crm_data_target(s->e->data, s->target)->n_classes);
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
    char name[UNIT_NAME_MAX + 16], path[CRM_PATH_MAX];

    if (!text[0]) return CRM_OK;
    snprintf(name, sizeof name, "models/%.64s.txt", s->e->spec[u->model]->name);
    CRM_TRY(crm_record_path(s->e->record, name, path, sizeof path));
    return crm_path_write_atomic(path, text, strlen(text));
}

static crm_status write_results(const study *s, const unit *u, const crm_pipeline *p,
                                const outcome *o)
{
    if (crm_comm_rank(s->group) > 0) return CRM_OK;
    if (u->repeat < 0) CRM_TRY(write_text(s, u, p));
    if (u->repeat < 0) CRM_TRY(write_model(s, u, p));
    return write_unit(s, u, p, o);
}

static crm_status unit_views(const study *s, const unit *u, crm_view **train, crm_view **test)
{
    if (u->repeat >= 0) return crm_folds_views(s->folds, s->view, u->repeat, u->fold, train, test);
    return crm_view_labelled(s->e->data, s->target, train);
}

/* Fit, predict, explain; collective over the group. */
static crm_status compute(study *s, const unit *u, crm_pipeline *p, crm_fit *fit, outcome *o)
{
    double start = crm_clock_now();

    crm_mem_mark();
    CRM_TRY(crm_pipeline_fit(p, fit));
    o->fit_s = crm_clock_now() - start;
    o->bytes = (int64_t)crm_mem_marked_peak();
    s->nanoseconds[u - s->unit] = (int64_t)(o->fit_s * 1e9);
    CRM_TRY(crm_comm_max_i64(s->group, &o->bytes, 1));
    if (!o->test) return CRM_OK;
    start = crm_clock_now();
    CRM_TRY(crm_unit_predict(s, p, o->test, &o->proba));
    o->predict_s = crm_clock_now() - start;
    CRM_TRY(crm_unit_explain(s, u, p, o->test, &o->explanation));
    return crm_unit_threshold(s, u, fit, &o->threshold);
}

static crm_status run_unit(study *s, const unit *u)
{
    crm_view *train = NULL, *test = NULL;
    crm_pipeline *p = NULL;
    outcome o = {.threshold = (double)NAN, .history = {.study = s}};
    crm_fit fit = {.comm = s->group,
                   .pool = s->e->pool,
                   .target = s->target,
                   .init = s->e->init,
                   .init_file = s->e->init_file,
                   .seed = crm_rng_derive((uint64_t)s->e->cfg->seed, (uint64_t)(u->repeat + 1),
                                          (uint64_t)(u->fold + 1), 0),
                   .hooks = {.ctx = &o.history, .on_epoch = on_epoch, .on_step = on_step}};
    crm_status st = unit_views(s, u, &train, &test);

    if (!st) st = crm_pipeline_new(s->e->spec[u->model], &p);
    st = crm_comm_agree(s->group, st);
    fit.train = train;
    o.test = test;
    crm_progress_begin(s, u);
    if (!st) st = compute(s, u, p, &fit, &o);
    if (!st) st = crm_comm_agree(s->group, write_results(s, u, p, &o));
    if (!st) crm_progress_done(s);
    crm_pipeline_free(&p);
    crm_view_free(&train);
    crm_view_free(&test);
    outcome_free(&o);
    return st;
}

/* Whether some group has failed, the same answer on all ranks of this one. */
static crm_status others_failed(const study *s, int64_t *failed)
{
    char mark[CRM_PATH_MAX];
    crm_status st = crm_record_path(s->e->record, ".failed", mark, sizeof mark);

    *failed = !st && crm_comm_rank(s->group) == 0 && crm_path_exists(mark);
    CRM_TRY(crm_comm_agree(s->group, st));
    return crm_comm_max_i64(s->group, failed, 1);
}

static crm_status run_units(study *s)
{
    int64_t failed = 0;

    for (int i = 0; i < s->n_units; i++) {
        if (s->unit[i].group != s->group_id) continue;
        if (s->n_groups > 1) CRM_TRY(others_failed(s, &failed));
        if (failed) return CRM_OK;
        CRM_TRY(run_unit(s, &s->unit[i]));
    }
    return CRM_OK;
}

static bool all_done(const study *s)
{
    char path[CRM_PATH_MAX];

    if (crm_record_path(s->e->record, ".failed", path, sizeof path) || crm_path_exists(path))
        return true;
    for (int i = 0; i < s->n_units; i++)
        if (crm_unit_path(s, &s->unit[i], path, sizeof path) || !crm_path_exists(path))
            return false;
    return true;
}

/* Rank 0 waits for the other groups without using its core, and keeps the progress line going. */
static void wait_for_others(study *s)
{
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

    while (!all_done(s)) {
        crm_progress_epoch(s, NULL);
        nanosleep(&pause, NULL);
    }
}

/* Without a word and without touching the error that is under way: when it fails, the others end
 * their units first. */
static void leave_mark(const study *s)
{
    char mark[CRM_PATH_MAX];
    int fd, n = snprintf(mark, sizeof mark, "%s/.failed", crm_record_dir(s->e->record));

    if (n < 0 || n >= (int)sizeof mark) return;
    fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) close(fd);
}

crm_status crm_study_run(study *s)
{
    crm_comm *world = s->e->world;
    char mark[CRM_PATH_MAX];
    crm_status st = CRM_OK;

    if (crm_comm_rank(world) == 0) {
        st = crm_record_path(s->e->record, ".failed", mark, sizeof mark);
        if (!st) st = crm_path_remove(mark);
    }
    CRM_TRY(crm_comm_agree(world, st));
    if (s->group) st = run_units(s);
    if (st && s->n_groups > 1) leave_mark(s);
    if (!st && crm_comm_rank(world) == 0 && s->n_groups > 1) wait_for_others(s);
    return crm_comm_agree(world, st);
}
