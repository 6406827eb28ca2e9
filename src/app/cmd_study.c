/* cmd_study.c - crossval, train, calibrate, sweep, report: a study in its run folder. */
#include <math.h>
#include <string.h>

#include "app_learnt.h"
#include "app_sweep.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/classic_svm.h"
#include "crmpi/device.h"
#include "crmpi/record_summary.h"
#include "crmpi/report.h"

typedef enum study_kind { CROSSVAL, TRAIN, CALIBRATE, SWEEP } study_kind;

/* Digest of what a result depends on: command, options that matter, data, files that options name.
 * That of a repetition depends on the run that is repeated, too: the units of the run itself are
 * none of its own. */
static crm_status study_digest(app *a, crm_digest *out)
{
    crm_digest options, data, files;
    crm_hash *h = NULL;
    crm_status st;
    bool any;

    CRM_TRY(app_data_digest(a, &data));
    CRM_TRY(app_files_digest(a, &files, &any));
    st = crm_opt_set_digest(a->opts, &options);
    if (!st) st = crm_hash_new(&h);
    st = crm_comm_agree(a->world, st);
    if (st) {
        crm_hash_free(&h); /* of a rank that has one */
        return st;
    }
    crm_hash_add_text(h, a->args.command);
    crm_hash_add_digest(h, options);
    crm_hash_add_digest(h, data);
    if (any) crm_hash_add_digest(h, files);
    if (a->init) crm_hash_add_digest(h, a->init_digest);
    if (a->repeat) crm_hash_add_text(h, a->repeat->digest);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

/* Rank 0: a folder that holds another run although no option differs; --init is none.  One that
 * another job holds. */
static crm_status explain(const app *a, crm_status st)
{
    static const char changed[] = "the data changed";
    char data[CRM_DIGEST_HEX], was[CRM_DIGEST_HEX], now[CRM_DIGEST_HEX] = "";
    char file[CRM_PATH_MAX], why[CRM_ERR_TEXT_MAX];
    char *end;

    snprintf(why, sizeof why, "%s", crm_err_text());
    end = strstr(why, changed);
    if (st == CRM_ERR_CONFIG && a->repeat && strstr(why, ": holds another run"))
        CRM_FAIL(CRM_ERR_CONFIG,
                 "--out %s: holds a run that is not an unfinished repetition of %s; name another "
                 "folder, or remove that one",
                 a->args.out, a->repeat->dir);
    if (st == CRM_ERR_CONFIG && strcmp(a->args.command, "sweep") == 0 && !app_sweep_joins(a) &&
        strstr(why, ": is in use by "))
        CRM_FAIL(CRM_ERR_CONFIG, "%s, or work on it beside that job: --join", why);
    if (st != CRM_ERR_CONFIG || !end || end[sizeof changed - 1]) return st;
    *end = '\0';
    crm_record_read_note(a->args.out, "digests.data", data, sizeof data);
    crm_record_read_note(a->args.out, "digests.init", was, sizeof was);
    crm_record_read_note(a->args.out, "init.path", file, sizeof file);
    if (a->init) crm_digest_hex(a->init_digest, now);
    if (!data[0]) /* it did not come so far as to note them */
        CRM_FAIL(CRM_ERR_CONFIG, "%sthe data or the parameters of --init changed", why);
    if (app_files_compare(a, a->args.out)) {
        snprintf(file, sizeof file, "%s", crm_err_text());
        CRM_FAIL(CRM_ERR_CONFIG, "%s%s", why, file);
    }
    if (strcmp(was, now) == 0) CRM_FAIL(CRM_ERR_CONFIG, "%s%s", why, changed);
    CRM_FAIL(CRM_ERR_CONFIG, "%sthe parameters of --init do: %s%s%s there, %s%s%s now", why,
             was[0] ? file : "none", was[0] ? ", digest " : "", was,
             a->init ? a->args.init : "none", a->init ? ", digest " : "", now);
}

static crm_status write_yaml(const app *a, crm_str *yaml)
{
    crm_status st = CRM_OK;

    crm_opt_set_write_yaml(a->opts, true, yaml);
    if (yaml->failed || !yaml->text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: config");
    return crm_comm_agree(a->world, st);
}

static crm_status open_run(app *a, crm_record_state *state, crm_record **run)
{
    crm_str yaml = {0};
    crm_status st;

    CRM_TRY(study_digest(a, &a->run_digest));
    st = write_yaml(a, &yaml);
    if (!st)
        st = app_sweep_joins(a)
                 ? crm_record_join(a->world, &a->record, a->args.out, a->args.command, yaml.text,
                                   a->run_digest, CRM_SWEEP_DIR, state, run)
                 : crm_record_open(a->world, &a->record, a->args.out, a->args.command, yaml.text,
                                   a->run_digest, state, run);
    if (st) st = crm_comm_agree(a->world, app_is_root(a) ? explain(a, st) : st);
    crm_str_free(&yaml);
    return st;
}

static crm_status note_digest(crm_record *run, const char *what, crm_digest d)
{
    char path[128], hex[CRM_DIGEST_HEX];

    snprintf(path, sizeof path, "digests.%s", what);
    return crm_record_note_text(run, path, crm_digest_hex(d, hex));
}

/* What a result came from. */
static crm_status note_origin(const app *a, const crm_data *d, crm_record *run)
{
    CRM_TRY(
        crm_record_note_list(run, "arguments", a->args.argc, (const char *const *)a->args.argv));
    CRM_TRY(crm_record_note_options(run, a->opts));
    CRM_TRY(crm_record_note_text(run, "program.libsvm", crm_svm_library()));
    CRM_TRY(crm_record_note_text(run, "data.path", crm_data_path(d)));
    CRM_TRY(crm_record_note_i64(run, "data.rows", crm_data_rows(d)));
    CRM_TRY(crm_record_note_i64(run, "threads", crm_pool_size(a->pool)));
    CRM_TRY(crm_record_note_i64(run, "seeds.eval", a->eval.seed));
    if (a->init) CRM_TRY(crm_record_note_text(run, "init.path", a->args.init));
    if (a->init) CRM_TRY(note_digest(run, "init", a->init_digest));
    CRM_TRY(app_files_note(a, run));
    if (crm_data_source_digest(d)[0])
        CRM_TRY(crm_record_note_text(run, "digests.source", crm_data_source_digest(d)));
    if (crm_data_key_check(d)[0])
        CRM_TRY(crm_record_note_text(run, "digests.key", crm_data_key_check(d)));
    return note_digest(run, "data", crm_data_digest(d));
}

static crm_status note_summary(const crm_summary *s, crm_record *run)
{
    CRM_TRY(note_digest(run, "folds", s->folds));
    CRM_TRY(note_digest(run, "weights", s->weights));
    CRM_TRY(note_digest(run, "predictions", s->predictions));
    return note_digest(run, "summary", s->summary);
}

/* Files made from RUN/summary.json; of a target of tokens there are no curves. */
static const struct {
    const char *name;
    void (*make)(const crm_summary *s, crm_str *out);
} report_files[] = {{"report.md", crm_report_markdown},
                    {"report.svg", crm_report_svg},
                    {"roc.svg", crm_report_roc},
                    {"pr.svg", crm_report_pr},
                    {"calibration.svg", crm_report_calibration}};
enum { REPORT_FILES = sizeof report_files / sizeof *report_files, REPORT_FILES_OF_SPANS = 2 };

typedef struct rendering {
    int64_t n; /* files */
    crm_str terminal, file[REPORT_FILES];
} rendering;

static void rendering_free(rendering *r)
{
    crm_str_free(&r->terminal);
    for (int i = 0; i < REPORT_FILES; i++)
        crm_str_free(&r->file[i]);
}

static bool is_of_spans(const crm_summary *s)
{
    return s->n_targets > 0 && strcmp(s->target[0].level, crm_level_names[CRM_LEVEL_TOKEN]) == 0;
}

static crm_status render(const char *dir, rendering *r)
{
    char path[CRM_PATH_MAX];
    crm_summary *s;
    bool failed;

    CRM_TRY(crm_path_join(dir, "summary.json", path, sizeof path));
    CRM_TRY(crm_summary_read(path, &s));
    crm_report_terminal(s, &r->terminal);
    failed = r->terminal.failed;
    r->n = is_of_spans(s) ? REPORT_FILES_OF_SPANS : REPORT_FILES;
    for (int i = 0; i < r->n; i++) {
        report_files[i].make(s, &r->file[i]);
        failed = failed || r->file[i].failed;
    }
    crm_summary_free(&s);
    CRM_CHECK(!failed, CRM_ERR_NOMEM, "out of memory: report");
    return CRM_OK;
}

/* The report's files into the run folder, tables on the terminal. */
static crm_status write_report(app *a, crm_record *run)
{
    rendering r = {0};
    crm_status st = CRM_OK;

    if (app_is_root(a)) st = render(crm_record_dir(run), &r);
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_comm_bcast(a->world, 0, &r.n, sizeof r.n);
    for (int i = 0; i < r.n && !st; i++)
        st = crm_record_write(run, report_files[i].name, r.file[i].text, r.file[i].len);
    if (!st && app_is_root(a) && !a->repeat) fputs(r.terminal.text, stdout);
    rendering_free(&r);
    return st;
}

/* timing.md, beside the results because it is none. */
static crm_status write_timing(app *a, const crm_eval *e)
{
    crm_report_cost *c = crm_mem_new((size_t)e->n_models, sizeof *c);
    crm_str out = {0};
    crm_status st = CRM_OK;

    if (!c) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: timing.md");
    for (int i = 0; c && i < e->n_models; i++)
        c[i] = (crm_report_cost){.name = e->spec[i]->name,
                                 .reading = e->spec[i]->estimator->reading,
                                 .fits = e->cost[i].fits,
                                 .fit_s = e->cost[i].fit_s,
                                 .fit_s_min = e->cost[i].fit_s_min,
                                 .fit_s_max = e->cost[i].fit_s_max,
                                 .predict_us = e->cost[i].predict_us,
                                 .bytes = e->cost[i].bytes};
    if (c && app_is_root(a)) crm_report_timing(c, e->n_models, &out);
    if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: timing.md");
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_record_write(e->record, "timing.md", out.text, out.len);
    crm_str_free(&out);
    crm_mem_free(c);
    return st;
}

static crm_status crossval(app *a, crm_eval *e)
{
    crm_summary *summary = NULL;
    bool tokens = false;
    crm_status st = crm_eval_of_tokens(e, &tokens);

    e->cost = crm_mem_new((size_t)e->n_models, sizeof *e->cost);
    if (!e->cost) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: crossval");
    st = crm_comm_agree(a->world, st);
    if (!st) st = tokens ? crm_eval_crossval_spans(e, &summary) : crm_eval_crossval(e, &summary);
    if (!st) st = write_report(a, e->record);
    if (!st) st = write_timing(a, e);
    if (!st)
        st = crm_comm_agree(a->world, app_is_root(a) ? note_summary(summary, e->record) : CRM_OK);
    crm_summary_free(&summary);
    crm_mem_free(e->cost);
    e->cost = NULL;
    return st;
}

/* Without nesting the hold-out and the fit on all rows are of one search.  The hold-out comes
 * first, so that which of them tells why a trial fails does not depend on the ranks; and of a
 * sample both are made, as each may replace the winner. */
static crm_status score(app *a, crm_eval *e)
{
    crm_eval_cfg holdout = *e->cfg;
    crm_eval all = *e;

    all.n_only = 0;
    if (!a->sweep.nested) {
        holdout.final = false;
        all.cfg = &holdout;
        CRM_TRY(crm_eval_units(&all, false));
        all.cfg = e->cfg;
        if (e->n_only > 0) CRM_TRY(crm_eval_units(&all, false));
    }
    return e->n_only > 0 ? crm_eval_units(e, false) : crossval(a, e);
}

/* Winners of searches on inner folds, scored on the outer ones. */
static crm_status sweep(app *a, crm_eval *e)
{
    app_sweep *s = NULL;
    crm_eval_failure failure;
    crm_status st = app_sweep_search(a, e, &s), scored;

    e->failure = &failure;
    while (!st) {
        failure.model = -1; /* as long as no unit has begun */
        scored = score(a, e);
        if (!scored) break;
        st = app_sweep_replace(s, e, scored);
    }
    if (!st && e->n_only == 0) st = app_sweep_report(a, e, s);
    app_sweep_free(&s);
    return st;
}

/* "hybrid: runs/a/models/hybrid.h5, 40 epochs, train loss 0.2312, 1.4 s" */
static void print_fit(const crm_record *run, const char *model, const crm_eval_fit *f)
{
    printf("%s: %s/models/%s.h5", model, crm_record_dir(run), model);
    if (f->epochs > 0) printf(", %lld epoch%s", (long long)f->epochs, f->epochs == 1 ? "" : "s");
    if (isfinite(f->train_loss)) printf(", train loss %.4f", f->train_loss);
    if (isfinite(f->seconds))
        printf(", %.1f s\n", f->seconds);
    else
        printf(", fitted before\n");
}

static crm_status tell_fits(const app *a, const crm_eval *e, const crm_eval_fit *fit)
{
    char what[96];

    for (int i = 0; i < e->n_models; i++) {
        snprintf(what, sizeof what, "models.%.64s", e->spec[i]->name);
        CRM_TRY(note_digest(e->record, what, fit[i].weights));
        if (!a->repeat) print_fit(e->record, e->spec[i]->name, &fit[i]);
    }
    return CRM_OK;
}

static crm_status train(app *a, const crm_eval *e)
{
    crm_eval_fit *fit = crm_mem_new((size_t)e->n_models, sizeof *fit);
    crm_status st = CRM_OK;

    if (!fit) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: train");
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_eval_train(e, fit);
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? tell_fits(a, e, fit) : CRM_OK);
    crm_mem_free(fit);
    return st;
}

/* Models of the study. */
typedef struct models {
    const crm_model_spec **spec; /* [n] */
    int n;
} models;

/* Configuration that only a model can judge, before any data is touched; the error names where it
 * was set. */
static crm_status check_model(app *a, const crm_model_spec *spec)
{
    crm_pipeline *p = NULL;
    char key[64], own[192];
    const char *text, *colon, *rest;
    crm_status st = crm_pipeline_new(spec, &p);

    crm_pipeline_free(&p);
    if (st != CRM_ERR_CONFIG) return st;
    text = crm_err_text();
    colon = strchr(text, ':');
    if (!colon || colon - text >= (int)sizeof key) return st;
    snprintf(key, sizeof key, "%.*s", (int)(colon - text), text);
    rest = strstr(colon, "', "); /* the value is told by reject */
    app_models_key(a, spec->name, key, own, sizeof own);
    return crm_opt_set_reject(a->opts, own, "%s", rest ? rest + 3 : colon + 2);
}

static crm_status select_models(app *a, models *m)
{
    crm_status st = app_models_select(a, &m->spec, &m->n);

    for (int i = 0; i < m->n && !st; i++)
        st = check_model(a, m->spec[i]);
    return crm_comm_agree(a->world, st);
}

/* --init: only nets can begin with given parameters. */
static crm_status read_init(app *a, const models *m)
{
    if (!a->args.init) return CRM_OK;
    for (int i = 0; i < m->n; i++)
        CRM_CHECK(m->spec[i]->estimator->weights, CRM_ERR_CONFIG,
                  "--init: model '%s' has no parameters to begin with; leave it out with --set "
                  "eval.models=...",
                  m->spec[i]->name);
    return app_read_weights(a, a->args.init, &a->init, &a->init_digest);
}

/* Only a device that one of the models computes on is opened: run.json then has what computed. */
static crm_status open_device(app *a, const models *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->spec[i]->estimator->uses_device) return app_device_open(a);
    if (a->gpu.kind == CRM_DEVICE_CUDA && app_is_root(a))
        crm_log_line(CRM_LOG_INFO, a->args.command,
                     "device: cuda has no effect: classical models compute on the CPU");
    return CRM_OK;
}

/* The units that verify asks for. */
static crm_status some_units(app *a, const crm_eval *e, study_kind kind)
{
    crm_null n;

    return kind == CALIBRATE ? crm_eval_null(e, &a->null, &n) : crm_eval_units(e, kind == TRAIN);
}

static crm_status run_kind(app *a, crm_eval *e, study_kind kind)
{
    if (kind == SWEEP) return sweep(a, e);
    if (e->n_only > 0) return some_units(a, e, kind);
    return kind == TRAIN ? train(a, e) : kind == CALIBRATE ? app_calibrate(a, e) : crossval(a, e);
}

crm_eval app_study_of(const app *a, const crm_data *d, const crm_model_spec *const *spec, int n)
{
    return (crm_eval){.world = a->world,
                      .pool = a->pool,
                      .cfg = &a->eval,
                      .data = d,
                      .spec = spec,
                      .n_models = n,
                      .init = a->init,
                      .init_file = a->args.init,
                      .max_group = app_models_max_group(a),
                      .run = a->run_digest};
}

/* The study itself, in an open run folder. */
static crm_status work(app *a, const crm_data *d, crm_record *run, const models *m, study_kind kind)
{
    crm_eval e = app_study_of(a, d, m->spec, m->n);
    double start = crm_clock_now();
    crm_status st;

    e.progress = (crm_progress_mode)a->cfg.progress;
    e.ckpt = &a->ckpt;
    e.record = run;
    if (a->repeat) {
        e.n_only = a->repeat->n;
        e.only = a->repeat->unit;
    }
    if (a->args.profile) crm_profile_start();
    if (app_models_fast(a)) {
        e.note = "train.reduce is fast: results depend on the number of ranks and threads.";
        crm_log_line(CRM_LOG_WARN, a->args.command, "%s", e.note);
    }
    st = run_kind(a, &e, kind);
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? note_origin(a, d, run) : CRM_OK);
    if (!st) st = app_learnt_note(a, d, run);
    if (!st) st = app_device_note(a, run);
    if (!st) st = crm_comm_agree(a->world, app_profile(a, run, crm_clock_now() - start));
    if (!st) st = crm_record_note_ranks(run);
    if (!st) st = crm_record_finish(run);
    return st;
}

static crm_status finished(app *a, const crm_record *run)
{
    bool is_sweep = strcmp(a->args.command, "sweep") == 0;
    rendering r = {0};
    crm_status st = CRM_OK;

    if (app_is_root(a)) {
        fprintf(stderr, "crmpi: %s is finished; this is its result\n", crm_record_dir(run));
        st = render(crm_record_dir(run), &r);
        if (!st && !a->repeat) fputs(r.terminal.text, stdout);
        if (!st && is_sweep && !a->repeat) st = app_sweep_print(crm_record_dir(run));
    }
    rendering_free(&r);
    return crm_comm_agree(a->world, st);
}

/* CRM_ERR_FORMAT for the first of these that is not in the folder; NULL ends the list. */
static crm_status holds(const char *dir, const char *const *names)
{
    char path[CRM_PATH_MAX];

    for (; *names; names++) {
        CRM_TRY(crm_path_join(dir, *names, path, sizeof path));
        CRM_CHECK(crm_path_is_file(path), CRM_ERR_FORMAT, "%s: is missing", path);
    }
    return CRM_OK;
}

static crm_status holds_models(const app *a, const char *dir, const models *m)
{
    char name[96];

    for (int i = 0; i < m->n && a->eval.final; i++) {
        snprintf(name, sizeof name, "models/%.64s.h5", m->spec[i]->name);
        CRM_TRY(holds(dir, (const char *const[]){name, NULL}));
    }
    return CRM_OK;
}

/* Whether a finished study is of spans.  Of a file that cannot be read, run.json may tell that it
 * was changed. */
static crm_status find_level(const char *dir, bool *spans)
{
    crm_summary *summary;
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_path_join(dir, "summary.json", path, sizeof path));
    if (crm_summary_read(path, &summary)) {
        CRM_TRY(crm_record_check(dir));
        CRM_TRY(crm_summary_read(path, &summary));
    }
    *spans = is_of_spans(summary);
    crm_summary_free(&summary);
    return CRM_OK;
}

/* Besides those of a study. */
static crm_status holds_sweep(const char *dir, const models *m)
{
    char name[96];

    CRM_TRY(holds(dir, (const char *const[]){"sweep.tsv", "sweep.md", NULL}));
    for (int i = 0; i < m->n; i++) {
        snprintf(name, sizeof name, "best-%.64s.yaml", m->spec[i]->name);
        CRM_TRY(holds(dir, (const char *const[]){name, NULL}));
    }
    return CRM_OK;
}

/* Rank 0: whether each file of a finished run is there, and whole where run.json or the file itself
 * tells that. */
static crm_status check_finished(const app *a, const char *dir, const models *m)
{
    static const char *const files[] = {"report.md",
                                        "report.svg",
                                        "roc.svg",
                                        "pr.svg",
                                        "calibration.svg",
                                        "timing.md",
                                        "run.json",
                                        "predictions.h5",
                                        "metrics.jsonl",
                                        "units.json",
                                        "ro-crate-metadata.json",
                                        NULL};
    static const char *const of_spans[] = {"report.md",
                                           "report.svg",
                                           "timing.md",
                                           "run.json",
                                           "predictions.conll",
                                           "metrics.jsonl",
                                           "units.json",
                                           "ro-crate-metadata.json",
                                           NULL};
    bool spans;

    CRM_TRY(find_level(dir, &spans));
    CRM_TRY(holds(dir, spans ? of_spans : files));
    CRM_TRY(holds_models(a, dir, m));
    if (strcmp(a->args.command, "sweep") == 0) CRM_TRY(holds_sweep(dir, m));
    CRM_TRY(crm_record_check(dir));
    return crm_eval_check_units(dir);
}

/* Finished, and nothing is missing or damaged; what is, is named. */
static crm_status is_complete(const app *a, crm_record *run, crm_record_state state,
                              const models *m, bool *complete)
{
    int64_t whole = 0;
    crm_status st = CRM_OK;

    *complete = false;
    if (state != CRM_RECORD_FINISHED) return CRM_OK;
    if (app_is_root(a)) {
        st = check_finished(a, crm_record_dir(run), m);
        whole = st == CRM_OK;
        if (st == CRM_ERR_FORMAT || st == CRM_ERR_IO) {
            crm_log_line(CRM_LOG_WARN, a->args.command,
                         "the run was finished, but %s; what is not whole is made again now",
                         crm_err_text());
            crm_err_clear();
            st = CRM_OK;
        }
    }
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(crm_comm_bcast(a->world, 0, &whole, sizeof whole));
    *complete = whole != 0;
    return CRM_OK;
}

/* Another start of a run that is there. */
static crm_status renew(const app *a, crm_record *run, crm_record_state state)
{
    crm_str yaml = {0};
    crm_status st;

    if (state == CRM_RECORD_NEW) return CRM_OK;
    st = write_yaml(a, &yaml);
    if (!st) st = crm_record_renew(run, yaml.text);
    crm_str_free(&yaml);
    return st;
}

/* The folder is locked before the data set beside it is made. */
static crm_status in_run(app *a, crm_record *run, crm_record_state state, const models *m,
                         study_kind kind)
{
    crm_data *d = NULL;
    bool complete, rest = true;
    crm_status st;

    CRM_TRY(is_complete(a, run, state, m, &complete));
    if (complete) return finished(a, run);
    if (!crm_record_is_beside(run)) CRM_TRY(renew(a, run, state));
    st = app_open_data(a, &d);
    if (!st && app_sweep_joins(a)) st = app_sweep_join(a, d, m->spec, m->n, run, &state, &rest);
    if (!st && app_sweep_joins(a)) st = is_complete(a, run, state, m, &complete);
    if (!st && rest) st = complete ? finished(a, run) : work(a, d, run, m, kind);
    crm_data_close(&d);
    return st;
}

/* From now on a rank that waits too long leaves what it knows in the folder of the run. */
static crm_status watch(app *a, const crm_record *run)
{
    char dir[CRM_PATH_MAX], tag[CRM_SWEEP_TAG_MAX], name[CRM_SWEEP_TAG_MAX + 32] = "health";

    CRM_TRY(crm_sweep_tag(a->world, tag));
    if (crm_record_is_beside(run)) snprintf(name, sizeof name, CRM_SWEEP_DIR "/%s.health", tag);
    CRM_TRY(crm_path_join(crm_record_dir(run), name, dir, sizeof dir));
    return crm_watchdog_start(a->world, &a->watchdog, dir);
}

/* A run that comes to nothing leaves no folder: what ranks know goes elsewhere while it ends. */
static crm_status watch_elsewhere(app *a, crm_status st)
{
    char why[CRM_ERR_TEXT_MAX];

    snprintf(why, sizeof why, "%s", crm_err_text());
    if (crm_watchdog_start(a->world, &a->watchdog, NULL)) CRM_SET(st, st, "%s", why);
    return st;
}

static crm_status study(app *a, study_kind kind)
{
    crm_record_state state = CRM_RECORD_NEW;
    crm_record *run = NULL;
    models m = {0};
    crm_status st;

    CRM_CHECK(a->args.out, CRM_ERR_CONFIG, "%s needs a run folder: --out DIR", a->args.command);
    st = app_sweep_check_join(a);
    if (!st) st = select_models(a, &m);
    if (!st) st = read_init(a, &m);
    if (!st) st = open_device(a, &m);
    if (!st) st = open_run(a, &state, &run);
    if (!st) st = watch(a, run);
    if (!st) st = in_run(a, run, state, &m, kind);
    if (!st && app_is_root(a) && !a->repeat) printf("run folder: %s\n", crm_record_dir(run));
    if (st && run) st = watch_elsewhere(a, st);
    crm_record_close(&run, st != CRM_OK);
    crm_mem_free(m.spec);
    return st;
}

crm_status cmd_crossval(app *a)
{
    return study(a, CROSSVAL);
}

/* ---- one step, told ---- */

/* [PHASE:]STEP */
static crm_status parse_step(const char *text, crm_replay *out)
{
    static const char *const phases[] = {CRM_PHASE_FIT, CRM_PHASE_SEARCH, CRM_PHASE_REFIT};
    const char *colon = strchr(text, ':'), *number = colon ? colon + 1 : text;

    for (size_t i = 0; colon && i < sizeof phases / sizeof *phases; i++)
        if (strlen(phases[i]) == (size_t)(colon - text) &&
            strncmp(text, phases[i], (size_t)(colon - text)) == 0)
            out->phase = phases[i];
    CRM_CHECK((!colon || out->phase) && crm_parse_i64(number, strlen(number), &out->step) &&
                  out->step >= 1,
              CRM_ERR_CONFIG,
              "--replay: '%s', allowed: STEP or PHASE:STEP, such as search:120; STEP from 1, PHASE "
              "fit, search or refit",
              text);
    return CRM_OK;
}

static crm_status replay_model(app *a, const crm_eval *e, int model)
{
    crm_str text = {0};
    crm_replay step = {.out = &text};
    crm_status st = parse_step(a->args.replay, &step);

    if (!st) st = crm_eval_replay(e, model, a->args.out, &step);
    if (!st && app_is_root(a)) printf("%s: %s", e->spec[model]->name, text.text);
    crm_str_free(&text);
    return st;
}

static crm_status replay_models(app *a, const crm_data *d, const models *m)
{
    crm_eval e = app_study_of(a, d, m->spec, m->n);
    int nets = 0;

    for (int i = 0; i < m->n; i++) {
        if (!m->spec[i]->estimator->weights) continue;
        CRM_TRY(replay_model(a, &e, i));
        nets++;
    }
    CRM_CHECK(nets > 0, CRM_ERR_CONFIG,
              "--replay: none of eval.models is a net, so there are no steps");
    return CRM_OK;
}

/* Without the lock of the run folder: nothing is written there. */
static crm_status replay(app *a)
{
    models m = {0};
    crm_data *d = NULL;
    crm_status st;

    CRM_CHECK(a->args.out, CRM_ERR_CONFIG, "--replay needs the run folder: --out DIR");
    st = parse_step(a->args.replay, &(crm_replay){0});
    if (!st) st = select_models(a, &m);
    if (!st) st = read_init(a, &m);
    if (!st) st = open_device(a, &m);
    if (!st) st = study_digest(a, &a->run_digest);
    if (!st) st = app_open_data(a, &d);
    if (!st) st = replay_models(a, d, &m);
    crm_data_close(&d);
    crm_mem_free(m.spec);
    return st;
}

crm_status cmd_train(app *a)
{
    return a->args.replay ? replay(a) : study(a, TRAIN);
}

crm_status app_study_sweep(app *a)
{
    return study(a, SWEEP);
}

crm_status cmd_calibrate(app *a)
{
    return study(a, CALIBRATE);
}

static crm_status write_beside(const char *dir, const char *name, const crm_str *text)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_path_join(dir, name, path, sizeof path));
    return crm_path_write_atomic(path, text->text, text->len);
}

/* A run folder without summary.json is told apart from a folder that is no run. */
static crm_status need_summary(const char *dir)
{
    char path[CRM_PATH_MAX], *yaml;
    size_t len;

    CRM_TRY(crm_path_join(dir, "summary.json", path, sizeof path));
    if (crm_path_exists(path)) return CRM_OK;
    CRM_TRY(crm_record_read_config(dir, &yaml, &len));
    crm_mem_free(yaml);
    CRM_FAIL(CRM_ERR_IO,
             "%s: No such file: the run is not finished (the same crossval goes on with it), or it "
             "is one of train, which has no summary",
             path);
}

crm_status app_report(const char *dir)
{
    rendering r = {0};
    crm_status st = render(dir, &r);

    for (int i = 0; i < r.n && !st; i++)
        st = write_beside(dir, report_files[i].name, &r.file[i]);
    if (!st) st = crm_record_crate_renew(dir);
    if (!st) fputs(r.terminal.text, stdout);
    rendering_free(&r);
    return st;
}

crm_status cmd_report(app *a)
{
    crm_status st = CRM_OK;

    if (!a->args.operand)
        CRM_SET(st, CRM_ERR_CONFIG, "report needs a run folder: crmpi report RUN");
    else if (app_is_root(a))
        st = need_summary(a->args.operand);
    if (!st && app_is_root(a)) st = app_report(a->args.operand);
    return crm_comm_agree(a->world, st);
}
