/* cmd_study.c - crossval, train, report: a study in its run folder. */
#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/record_summary.h"
#include "crmpi/report.h"

/* Digest of what a result depends on: command, options that matter, data. */
static crm_status study_digest(app *a, crm_digest *out)
{
    crm_digest options, data;
    crm_hash *h = NULL;
    crm_status st;

    CRM_TRY(app_data_digest(a, &data));
    st = crm_opt_set_digest(a->opts, &options);
    if (!st) st = crm_hash_new(&h);
    CRM_TRY(crm_comm_agree(a->world, st));
    crm_hash_add_text(h, a->args.command);
    crm_hash_add_digest(h, options);
    crm_hash_add_digest(h, data);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

static crm_status open_run(app *a, crm_record_state *state, crm_record **run)
{
    crm_str yaml = {0};
    crm_digest digest;
    crm_status st = CRM_OK;

    CRM_TRY(study_digest(a, &digest));
    crm_opt_set_write_yaml(a->opts, true, &yaml);
    if (yaml.failed || !yaml.text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: config");
    st = crm_comm_agree(a->world, st);
    if (!st)
        st = crm_record_open(a->world, &a->record, a->args.out, a->args.command, yaml.text, digest,
                             state, run);
    crm_str_free(&yaml);
    return st;
}

static crm_status note(const app *a, const crm_data *d, const crm_summary *s, crm_record *run)
{
    char hex[CRM_DIGEST_HEX];

    CRM_TRY(crm_record_note_options(run, a->opts));
    CRM_TRY(crm_record_note_text(run, "data.path", crm_data_path(d)));
    CRM_TRY(crm_record_note_i64(run, "data.rows", crm_data_rows(d)));
    CRM_TRY(crm_record_note_i64(run, "threads", crm_pool_size(a->pool)));
    CRM_TRY(crm_record_note_text(run, "digests.data", crm_digest_hex(crm_data_digest(d), hex)));
    if (!s) return CRM_OK;
    CRM_TRY(crm_record_note_text(run, "digests.folds", crm_digest_hex(s->folds, hex)));
    CRM_TRY(crm_record_note_text(run, "digests.weights", crm_digest_hex(s->weights, hex)));
    CRM_TRY(crm_record_note_text(run, "digests.predictions", crm_digest_hex(s->predictions, hex)));
    return crm_record_note_text(run, "digests.summary", crm_digest_hex(s->summary, hex));
}

/* Texts made from RUN/summary.json. */
typedef struct rendering {
    crm_str terminal, markdown, svg;
} rendering;

static void rendering_free(rendering *r)
{
    crm_str_free(&r->terminal);
    crm_str_free(&r->markdown);
    crm_str_free(&r->svg);
}

static crm_status render(const char *dir, rendering *r)
{
    char path[CRM_PATH_MAX];
    crm_summary *s;

    CRM_TRY(crm_path_join(dir, "summary.json", path, sizeof path));
    CRM_TRY(crm_summary_read(path, &s));
    crm_report_terminal(s, &r->terminal);
    crm_report_markdown(s, &r->markdown);
    crm_report_svg(s, &r->svg);
    crm_summary_free(&s);
    CRM_CHECK(!r->terminal.failed && !r->markdown.failed && !r->svg.failed, CRM_ERR_NOMEM,
              "out of memory: report");
    return CRM_OK;
}

/* report.md and report.svg into the run folder, tables on the terminal. */
static crm_status write_report(app *a, crm_record *run)
{
    rendering r = {0};
    crm_status st = CRM_OK;

    if (app_is_root(a)) st = render(crm_record_dir(run), &r);
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_record_write(run, "report.md", r.markdown.text, r.markdown.len);
    if (!st) st = crm_record_write(run, "report.svg", r.svg.text, r.svg.len);
    if (!st && app_is_root(a)) fputs(r.terminal.text, stdout);
    rendering_free(&r);
    return st;
}

/* The study itself, in an open run folder. */
static crm_status work(app *a, const crm_data *d, crm_record *run, bool fit_only)
{
    crm_eval e = {.world = a->world,
                  .pool = a->pool,
                  .cfg = &a->eval,
                  .data = d,
                  .max_group = app_models_max_group(a),
                  .fit_only = fit_only,
                  .record = run};
    const crm_model_spec **spec = NULL;
    crm_summary *summary = NULL;
    crm_status st = crm_comm_agree(a->world, app_models_select(a, &spec, &e.n_models));

    e.spec = spec;
    if (!st) st = crm_eval_crossval(&e, &summary);
    if (!st && !fit_only) st = write_report(a, run);
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? note(a, d, summary, run) : CRM_OK);
    if (!st) st = crm_record_note_ranks(run);
    if (!st) st = crm_record_flush(run);
    crm_summary_free(&summary);
    crm_mem_free(spec);
    return st;
}

static crm_status finished(app *a, const crm_record *run)
{
    rendering r = {0};
    crm_status st = CRM_OK;

    if (app_is_root(a)) {
        fprintf(stderr, "crmpi: %s is finished; this is its result\n", crm_record_dir(run));
        st = render(crm_record_dir(run), &r);
        if (!st) fputs(r.terminal.text, stdout);
    }
    rendering_free(&r);
    return crm_comm_agree(a->world, st);
}

/* Finished, and every file that comes after summary.json is there as well. */
static crm_status is_complete(crm_record *run, crm_record_state state, bool *complete)
{
    static const char *const files[] = {"report.md", "report.svg", "run.json", NULL};

    *complete = false;
    return state == CRM_RECORD_FINISHED ? crm_record_holds(run, files, complete) : CRM_OK;
}

/* The folder is locked before the data set beside it is made. */
static crm_status in_run(app *a, crm_record *run, crm_record_state state, bool fit_only)
{
    crm_data *d = NULL;
    bool complete;
    crm_status st;

    CRM_TRY(is_complete(run, state, &complete));
    if (complete) return finished(a, run);
    st = app_open_data(a, &d);
    if (!st) st = work(a, d, run, fit_only);
    crm_data_close(&d);
    return st;
}

static crm_status study(app *a, bool fit_only)
{
    crm_record_state state = CRM_RECORD_NEW;
    crm_record *run = NULL;
    crm_status st;

    CRM_CHECK(a->args.out, CRM_ERR_CONFIG, "%s needs a run folder: --out DIR", a->args.command);
    CRM_TRY(open_run(a, &state, &run));
    st = in_run(a, run, state, fit_only);
    if (!st && app_is_root(a)) printf("run folder: %s\n", crm_record_dir(run));
    crm_record_close(&run, st != CRM_OK);
    return st;
}

crm_status cmd_crossval(app *a)
{
    return study(a, false);
}

crm_status cmd_train(app *a)
{
    return study(a, true);
}

static crm_status write_beside(const char *dir, const char *name, const crm_str *text)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_path_join(dir, name, path, sizeof path));
    return crm_path_write_atomic(path, text->text, text->len);
}

static crm_status report(const char *dir)
{
    rendering r = {0};
    crm_status st = render(dir, &r);

    if (!st) st = write_beside(dir, "report.md", &r.markdown);
    if (!st) st = write_beside(dir, "report.svg", &r.svg);
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
        st = report(a->args.operand);
    return crm_comm_agree(a->world, st);
}
