/* cmd_sweep.c - sweep, its state while it runs and what it would do; replay of one of its trials.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app_sweep.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/eval_inner.h"

/* A sweep that is looked at: models, searches, and for a run its ledger. */
typedef struct looked {
    const crm_model_spec **spec;
    int n;
    app_sweep *sweep;
    crm_digest run;
    crm_sweep_ledger_all known;
} looked;

static void looked_free(looked *l)
{
    app_sweep_free(&l->sweep);
    crm_sweep_ledger_all_free(&l->known);
    crm_mem_free(l->spec);
}

static crm_status open_models(app *a, looked *l)
{
    CRM_TRY(app_models_select(a, &l->spec, &l->n));
    return app_sweep_open(a, l->spec, l->n, &l->sweep);
}

/* Options as the run has them.  Collective. */
static crm_status open_run(app *a, looked *l)
{
    char path[CRM_PATH_MAX], command[32] = "", *yaml = NULL;
    size_t len = 0;
    crm_status st = CRM_OK;

    CRM_CHECK(a->args.operand, CRM_ERR_CONFIG, "%s needs the run folder of a sweep",
              a->args.command);
    st = crm_record_read_origin(a->args.operand, &l->run, command);
    if (!st && strcmp(command, "sweep") != 0)
        CRM_SET(st, CRM_ERR_CONFIG, "%s: is a run of '%s', not of sweep", a->args.operand, command);
    if (!st) st = crm_path_join(a->args.operand, "config.yaml", path, sizeof path);
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(app_read_config(a, path, &yaml, &len));
    st = app_configure(a, path, yaml, len);
    crm_mem_free(yaml);
    if (!st && app_is_root(a)) st = app_files_compare(a, a->args.operand);
    if (!st) st = crm_path_join(a->args.operand, CRM_SWEEP_DIR, path, sizeof path);
    if (!st) st = crm_sweep_ledger_read(path, l->run, &l->known);
    if (!st) st = open_models(a, l);
    return crm_comm_agree(a->world, st);
}

static void find_changed(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    const char **key = ctx;

    (void)value;
    if (origin && strncmp(origin, "--set", 5) == 0 && !(o->flags & CRM_OPT_LAYOUT)) *key = o->key;
}

/* What is told of a run, or repeated, is what it was told to do. */
static crm_status refuse_changes(const app *a)
{
    const char *key = NULL;

    CRM_TRY(crm_opt_set_each(a->opts, find_changed, (void *)&key));
    if (!key) return CRM_OK;
    return crm_opt_set_reject(a->opts, key, "would make another sweep of %s; leave it out",
                              a->args.operand);
}

/* Outer test parts of a repeat: as options say, or where only the data know, as far as the ledger
 * does. */
static crm_status outer_folds(const app *a, const looked *l, int *repeats, int *folds)
{
    int split = a->eval.split, most = 0;
    crm_sweep_unit u;

    *repeats = (int)a->eval.repeats;
    *folds = split == CRM_SPLIT_HOLDOUT || split == CRM_SPLIT_PART ? 1 : (int)a->eval.folds;
    if (split == CRM_SPLIT_PART) *repeats = 1;
    if (split != CRM_SPLIT_FILE || !a->sweep.nested) return CRM_OK;
    for (int64_t i = 0; i < l->known.n; i++)
        if (crm_sweep_unit_of(l->known.entry[i].name, &u) && u.search / l->n > most)
            most = u.search / l->n;
    CRM_CHECK(most > 0, CRM_ERR_CONFIG,
              "eval.split: 'file': how many folds there are is known when the sweep has begun");
    *repeats = 1;
    *folds = most;
    return CRM_OK;
}

static crm_status review(const app *a, looked *l, bool has_run)
{
    int repeats, folds;

    CRM_TRY(outer_folds(a, l, &repeats, &folds));
    return crm_sweep_review(&a->sweep, &l->sweep->models, repeats, folds,
                            has_run ? &l->known : NULL, &l->sweep->result);
}

/* ---- --status ---- */

static crm_status print_state(const app *a, looked *l)
{
    const crm_sweep_result *r = &l->sweep->result;
    char summary[CRM_PATH_MAX];
    crm_str out = {0}, missing = {0};
    int64_t done, units;
    crm_status st = CRM_OK;

    CRM_TRY(crm_path_join(a->args.operand, "summary.json", summary, sizeof summary));
    crm_sweep_plan_count(r->plan, &done, &units);
    crm_sweep_tell_state(&l->sweep->models, r, (crm_metric)a->sweep.metric, &out);
    st = app_sweep_missing(a, r->plan, a->args.operand, &missing);
    if (out.failed || missing.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: state of a sweep");
    if (!st)
        printf("%s: %lld of %lld units so far known, %lld failed; searches %s%s\n%s",
               a->args.operand, (long long)done, (long long)units, (long long)r->n_failed,
               crm_sweep_plan_ended(r->plan) ? "ended" : "under way",
               crm_path_exists(summary) ? ", winners scored" : "", out.text);
    if (!st && l->known.damaged > 0)
        printf("%lld lines of its ledgers are torn, damaged or of another run; their units are "
               "run again\n",
               (long long)l->known.damaged);
    for (int64_t i = 0; !st && i < r->n_failed; i++) {
        char name[CRM_SWEEP_UNIT_NAME_MAX];
        crm_sweep_unit_name(&r->failure[i].unit, name);
        printf("failed: %s: %s\n", name, r->failure[i].cause);
    }
    if (!st && missing.text) fputs(missing.text, stdout);
    crm_str_free(&out);
    crm_str_free(&missing);
    return st;
}

static crm_status status(app *a)
{
    looked l = {0};
    crm_status st = open_run(a, &l);

    if (!st) st = refuse_changes(a);
    if (!st && app_is_root(a)) st = review(a, &l, true);
    if (!st && app_is_root(a)) st = print_state(a, &l);
    looked_free(&l);
    return crm_comm_agree(a->world, st);
}

/* ---- --dry-run ---- */

static crm_status print_plan(const app *a, looked *l)
{
    const crm_sweep_result *r = &l->sweep->result;
    crm_str out = {0};
    int64_t done, units;
    crm_status st = CRM_OK;

    crm_sweep_plan_count(r->plan, &done, &units);
    crm_sweep_tell_trials(&l->sweep->models, r, (crm_metric)a->sweep.metric, &out);
    if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: trials of a sweep");
    if (!st) fputs(out.text, stdout);
    if (!st)
        fprintf(stderr,
                "crmpi: sweep: %d searches, %lld units of a first round; what goes on, and points "
                "that depend on results, are known when it has ended\n",
                r->n, (long long)units);
    crm_str_free(&out);
    return st;
}

static crm_status dry_run(app *a)
{
    looked l = {0};
    crm_status st = open_models(a, &l);

    if (!st && app_is_root(a)) st = review(a, &l, false);
    if (!st && app_is_root(a)) st = print_plan(a, &l);
    looked_free(&l);
    return crm_comm_agree(a->world, st);
}

/* ---- --simulate ---- */

/* Of a run when no config was read. */
static crm_status simulate(app *a)
{
    looked l = {0};
    bool has_run = !a->opts;
    int ranks;
    crm_status st;

    CRM_TRY(app_sweep_sim_ranks(a->args.simulate, &ranks));
    st = has_run ? open_run(a, &l) : open_models(a, &l);
    if (!st && app_is_root(a)) st = review(a, &l, has_run);
    if (!st && app_is_root(a))
        st = app_sweep_simulate(a, l.sweep, has_run ? &l.known : NULL, ranks);
    looked_free(&l);
    return crm_comm_agree(a->world, st);
}

crm_status cmd_sweep(app *a)
{
    if (a->args.status) return status(a);
    if (a->args.simulate) return simulate(a);
    return a->args.dry_run ? dry_run(a) : app_study_sweep(a);
}

/* ---- replay ---- */

/* Whether the last part is all rows, as sweep.tsv calls it. */
static bool a_part_of_all(const crm_sweep_result *r)
{
    return r->repeat[r->parts - 1] < 0;
}

/* [PART:]MODEL:NUMBER; without a part the one whose winner is kept. */
static crm_status parse_trial(const char *text, const looked *l, int *search, int64_t *trial)
{
    const crm_sweep_result *r = &l->sweep->result;
    const char *number = strrchr(text, ':'), *model = text;
    int part = r->parts - 1, m = 0, repeat, fold, n = 0;

    if (sscanf(text, "r%d-f%d:%n", &repeat, &fold, &n) == 2 && n > 0) {
        for (part = 0; part < r->parts; part++)
            if (r->repeat[part] == repeat && r->fold[part] == fold) break;
        model = text + n;
    } else if (strncmp(text, "all:", 4) == 0 && a_part_of_all(r)) {
        model = text + 4;
    }
    while (m < l->n && number &&
           (strlen(l->spec[m]->name) != (size_t)(number - model) ||
            strncmp(l->spec[m]->name, model, (size_t)(number - model)) != 0))
        m++;
    *search = part * l->n + m;
    CRM_CHECK(number && number >= model && m < l->n && part < r->parts &&
                  crm_parse_i64(number + 1, strlen(number + 1), trial) && *trial >= 0 &&
                  *trial < crm_sweep_plan_trials(r->plan, *search),
              CRM_ERR_CONFIG,
              "replay: '%s' is no trial of this sweep; allowed: [PART:]MODEL:NUMBER, such as "
              "%s:0 or r0-f0:%s:0; sweep.tsv lists them",
              text, l->spec[0]->name, l->spec[0]->name);
    return CRM_OK;
}

/* One unit again, by all ranks together.  Collective. */
static crm_status repeat_unit(app *a, const looked *l, crm_inner *in,
                              const crm_sweep_ledger_entry *e, const crm_sweep_unit *at)
{
    const app_sweep *s = l->sweep;
    const crm_trial *t = crm_sweep_plan_trial(s->result.plan, at->search, at->trial);
    crm_inner_unit u = {.part = at->search / l->n,
                        .repeat = at->repeat,
                        .fold = at->fold,
                        .share =
                            crm_sweep_plan_share(s->result.plan, at->search, at->trial, at->rung),
                        .metric = (crm_metric)a->sweep.metric};
    crm_inner_score score = {.value = (double)NAN};
    char was[CRM_DIGEST_HEX], now[CRM_DIGEST_HEX], name[CRM_SWEEP_UNIT_NAME_MAX];
    app_trial *trial = NULL;
    crm_status st = app_sweep_trial(s, at->search % l->n, t->x, &trial);
    bool failed;

    if (!st) u.spec = app_trial_spec(trial);
    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_inner_run(in, a->world, &u, &(crm_hooks){0}, &score);
    app_trial_free(&trial);
    CRM_TRY(crm_comm_bcast(a->world, 0, &score, sizeof score));
    failed = st != CRM_OK || isnan(score.value);
    crm_sweep_unit_name(at, name);
    if (e->failed && failed) {
        if (app_is_root(a)) printf("%s failed again: %s\n", name, st ? crm_err_text() : e->cause);
        crm_err_clear();
        return CRM_OK;
    }
    CRM_TRY(st);
    CRM_CHECK(!e->failed && crm_digest_equal(score.result, e->result), CRM_ERR_NUMERIC,
              "not reproduced: %s: %s here, %s in %s", name, crm_digest_hex(score.result, now),
              e->failed ? e->cause : crm_digest_hex(e->result, was), a->args.operand);
    if (app_is_root(a)) printf("%s %s %.6f\n", name, crm_metric_names[u.metric], score.value);
    return CRM_OK;
}

static crm_status repeat_all(app *a, const looked *l, crm_inner *in, int search, int64_t trial)
{
    crm_sweep_unit u;
    int64_t n = 0;

    for (int64_t i = 0; i < l->known.n; i++) {
        const crm_sweep_ledger_entry *e = &l->known.entry[i];
        if (!crm_sweep_unit_of(e->name, &u) || u.search != search || u.trial != trial ||
            !crm_sweep_plan_has(l->sweep->result.plan, &u))
            continue;
        CRM_TRY(repeat_unit(a, l, in, e, &u));
        n++;
    }
    CRM_CHECK(n > 0, CRM_ERR_CONFIG, "replay: no unit of that trial has a result yet");
    if (app_is_root(a))
        printf("reproduced: %lld units of trial %lld of %s\n", (long long)n, (long long)trial,
               l->spec[search % l->n]->name);
    return CRM_OK;
}

/* Every rank reads the ledger, so that all know which units there are. */
static crm_status replay(app *a, looked *l)
{
    crm_data *d = NULL;
    crm_inner *in = NULL;
    crm_eval e;
    int search = 0;
    int64_t trial = 0;
    crm_status st = review(a, l, true);

    if (!st) st = parse_trial(a->args.more[0], l, &search, &trial);
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(app_device_open(a));
    CRM_TRY(app_open_data(a, &d));
    e = app_study_of(a, d, l->spec, l->n);
    app_sweep_outer(l->sweep, &e);
    st = crm_comm_agree(a->world,
                        crm_inner_new(&e, a->sweep.nested, (int)a->sweep.folds,
                                      (int)a->sweep.repeats, (uint64_t)a->sweep.seed, &in));
    if (!st) st = repeat_all(a, l, in, search, trial);
    crm_inner_free(&in);
    crm_data_close(&d);
    return st;
}

crm_status cmd_replay(app *a)
{
    looked l = {0};
    crm_status st;

    CRM_CHECK(a->args.operand && a->args.n_more == 1, CRM_ERR_CONFIG,
              "replay needs a sweep and a trial: crmpi replay RUN MODEL:NUMBER");
    st = open_run(a, &l);
    if (!st) st = refuse_changes(a);
    if (!st) st = replay(a, &l);
    looked_free(&l);
    return st;
}
