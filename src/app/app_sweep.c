/* app_sweep.c - a sweep over options of the models of a study: its space from the config, trials as
 * models with other values, and what it came to. */
#include <math.h>
#include <string.h>

#include "app_sweep.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/record_summary.h"

/* ---- the space ---- */

/* Of any model, so that a space stays right when eval.models gets shorter. */
static const crm_opt *find(void *ctx, const char *key)
{
    const crm_opt *o = NULL;

    (void)ctx;
    for (int i = 0; i < app_model_count && !o; i++)
        o = app_models_option(app_model_table[i].name, key);
    return o && !(o->flags & CRM_OPT_LAYOUT) ? o : NULL;
}

static bool takes(void *ctx, const crm_opt *o, const char *value, crm_str *why)
{
    (void)ctx;
    return crm_opt_takes(o, value, why);
}

static const char *nearest(void *ctx, const char *key)
{
    const char *near = app_models_nearest_option(key);

    (void)ctx;
    return near && strcmp(near, key) != 0 ? near
                                          : NULL; /* it is there, and cannot change a result */
}

static void find_origin(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    (void)value;
    if (strcmp(o->key, "sweep.space") == 0)
        *(bool *)ctx = origin && strncmp(origin, "--set", 5) == 0;
}

static const crm_node *space_node(const crm_tree_file *f)
{
    const crm_node *top = crm_tree_file_top(f), *whole = crm_node_get(top, "sweep.space");

    return whole ? whole : crm_node_get(crm_node_get(top, "sweep"), "space");
}

/* The tree in the file where it was written, so that errors name the place; of --set, its text. */
static crm_status open_tree(app_sweep *s)
{
    const app *a = s->a;
    crm_str text = {0};
    bool from_set = false;
    crm_status st;

    CRM_TRY(crm_opt_set_each(a->opts, find_origin, &from_set));
    if (!from_set && a->config.len > 0)
        return crm_tree_file_open(a->config_name, a->config.text, a->config.len, &s->tree);
    crm_str_addf(&text, "sweep.space: %s\n", a->sweep.space);
    st = crm_tree_file_open("--set", text.text, text.len, &s->tree);
    crm_str_free(&text);
    return st;
}

static crm_status read_space(app_sweep *s)
{
    const crm_space_options options = {
        .ctx = s->a, .find = find, .takes = takes, .nearest = nearest};
    const crm_node *node;

    if (!s->a->sweep.space[0])
        return crm_opt_set_reject(s->a->opts, "sweep.space",
                                  "is empty; allowed: a mapping of options and their ranges, such "
                                  "as {optim.lr: {real: [1e-4, 1e-2], log: true}}");
    CRM_TRY(open_tree(s));
    node = space_node(s->tree);
    CRM_TRY(crm_space_read(s->tree, node, &options, &s->all));
    return crm_tree_file_errors(s->tree);
}

/* One line, by rank 0. */
static void warn_unused(const app_sweep *s)
{
    crm_str unused = {0};

    for (int d = 0; d < s->all.n; d++) {
        bool used = false;
        for (int i = 0; i < s->models.n && !used; i++)
            used = app_models_option(s->name[i], s->all.dim[d].key) != NULL;
        if (!used) crm_str_addf(&unused, "%s%s", unused.len ? ", " : "", s->all.dim[d].key);
    }
    if (unused.text && app_is_root(s->a))
        crm_log_line(CRM_LOG_WARN, "sweep", "in sweep.space, but of none of eval.models: %s",
                     unused.text);
    crm_str_free(&unused);
}

/* Halving of which nothing is left, by rank 0. */
static void warn_one_rung(const app *a)
{
    const crm_sweep_cfg *c = &a->sweep;
    crm_rung rung[CRM_RUNGS_MAX];
    int64_t trials = crm_sweep_round(c);

    if (c->scheduler != CRM_SCHEDULER_HALVING && c->scheduler != CRM_SCHEDULER_ASYNCHRONOUS) return;
    if (crm_rungs_halving(trials, c->least, 1, (int)c->eta, rung) == 1 && app_is_root(a))
        crm_log_line(CRM_LOG_WARN, "sweep",
                     "sweep.scheduler halves nothing: with sweep.least %g, sweep.eta %lld and %lld "
                     "trials in a round there is one rung",
                     c->least, (long long)c->eta, (long long)trials);
}

/* What a model has and does not search, as the condition is on what it has not.  One line for each
 * option, by rank 0. */
static void warn_never(const app_sweep *s, const char *model, const crm_dim *dim)
{
    if (app_is_root(s->a))
        crm_log_line(CRM_LOG_WARN, "sweep",
                     "in sweep.space, but not searched for %s: %s, under a condition on %s, which "
                     "%s does not have",
                     model, dim->key, s->all.dim[dim->when].key, model);
}

/* The dimensions that a model has; a condition on one that it has not never holds. */
static crm_status part_of(const app_sweep *s, const char *model, crm_space *out)
{
    const crm_space *all = &s->all;
    int at[CRM_SWEEP_DIMS_MAX];

    CRM_NEW(out->dim, all->n + 1);
    out->n = 0;
    for (int d = 0; d < all->n; d++) {
        crm_dim *dim = &out->dim[out->n];
        at[d] = -1;
        if (!app_models_option(model, all->dim[d].key)) continue;
        if (all->dim[d].when >= 0 && at[all->dim[d].when] < 0) {
            warn_never(s, model, &all->dim[d]);
            continue;
        }
        *dim = all->dim[d];
        if (dim->when >= 0) dim->when = at[dim->when];
        at[d] = out->n++;
    }
    return CRM_OK;
}

/* ---- fixed points ---- */

/* Value of a point in a dimension, as the space has it. */
static void read_value(crm_tree_file *f, const crm_space *space, int d, const crm_node *v,
                       double *x)
{
    const crm_dim *dim = &space->dim[d];

    if (!v->text) {
        crm_node_wrong(f, v, "is neither a single value nor a list of plain ones");
    } else if (dim->kind == CRM_DIM_LIST) {
        for (int i = 0; i < dim->n; i++)
            if (strcmp(dim->value[i], v->text) == 0) *x = i;
        if (isnan(*x)) crm_node_wrong(f, v, "is none of the values in sweep.space");
    } else if (!crm_parse_f64(v->text, strlen(v->text), x) || *x < dim->lo || *x > dim->hi) {
        crm_node_wrong(f, v, "is no number in the range of sweep.space");
    } else if (dim->step > 0) {
        double steps = (*x - dim->lo) / dim->step;
        if (fabs(steps - floor(steps + 0.5)) > 1e-6)
            crm_node_wrong(f, v, "is between two steps of sweep.space");
    }
}

static void read_point(crm_tree_file *f, const crm_space *all, const crm_space *space,
                       const crm_node *map, double *x)
{
    for (int d = 0; d < space->n; d++)
        x[d] = (double)NAN;
    for (int i = 0; i < map->n; i++) {
        const crm_node *v = map->child[i];
        int d = 0, known = 0;
        while (d < space->n && strcmp(space->dim[d].key, v->key) != 0)
            d++;
        while (known < all->n && strcmp(all->dim[known].key, v->key) != 0)
            known++;
        if (known == all->n)
            crm_node_wrong(f, v, "is a value of an option that is not in sweep.space");
        else if (d < space->n)
            read_value(f, space, d, v, &x[d]);
    }
    for (int d = 0; d < space->n; d++) {
        if (!crm_space_active(space, d, x))
            x[d] = (double)NAN;
        else if (isnan(x[d]))
            crm_node_wrong(f, map, "has no value of %s", space->dim[d].key);
    }
}

static crm_status read_points(app_sweep *s, crm_tree_file *f)
{
    const crm_node *points = crm_node_get(crm_tree_file_top(f), "points");

    if (!points || points->kind != CRM_NODE_LIST || points->n < 1)
        CRM_FAIL(CRM_ERR_CONFIG,
                 "%s: has no points; allowed: 'points:' and a list of mappings "
                 "'- {KEY: VALUE, ...}'",
                 crm_tree_file_path(f));
    for (int m = 0; m < s->models.n; m++) {
        crm_space *space = &s->space[m];
        CRM_NEW(s->list[m], (int64_t)points->n * (space->n + 1));
        for (int i = 0; i < points->n; i++) {
            if (points->child[i]->kind == CRM_NODE_MAP)
                read_point(f, &s->all, space, points->child[i], s->list[m] + (int64_t)i * space->n);
            else
                crm_node_wrong(f, points->child[i], "is no mapping");
        }
        s->search[m].list = s->list[m];
        s->search[m].n_list = points->n;
        if (m == 0) CRM_TRY(crm_tree_file_errors(f));
    }
    return crm_tree_file_errors(f);
}

static crm_status read_list(app_sweep *s)
{
    crm_tree_file *f;
    crm_status st;

    if (!s->a->sweep.list[0]) return CRM_OK;
    CRM_TRY(crm_tree_file_open(s->a->sweep.list, NULL, 0, &f));
    st = read_points(s, f);
    crm_tree_file_close(&f);
    return st;
}

/* ---- trials ---- */

crm_status app_sweep_trial(const app_sweep *s, int model, const double *x, app_trial **out)
{
    const crm_space *space = &s->space[model];
    const char *key[CRM_SWEEP_DIMS_MAX], *value[CRM_SWEEP_DIMS_MAX];
    char room[CRM_SWEEP_DIMS_MAX][32];
    int n = 0;

    for (int d = 0; d < space->n; d++) {
        if (isnan(x[d])) continue;
        key[n] = space->dim[d].key;
        value[n] = crm_space_text(space, d, x[d], room[n]);
        n++;
    }
    return app_trial_new(s->a, s->name[model], n, key, value, out);
}

static crm_status make(void *ctx, int model, const double *x, void **made,
                       const crm_model_spec **spec)
{
    app_trial *t = NULL;
    crm_status st = app_sweep_trial(ctx, model, x, &t);

    *made = t;
    if (t) *spec = app_trial_spec(t);
    return st;
}

static void unmake(void *ctx, void *made)
{
    app_trial *t = made;

    (void)ctx;
    app_trial_free(&t);
}

/* For crm_eval: the winner of the search that has not seen the test part. */
static const crm_model_spec *spec_of(void *ctx, int model, int repeat, int fold)
{
    const app_sweep *s = ctx;

    return app_trial_spec(s->winner[crm_sweep_search_of(&s->result, model, repeat, fold)]);
}

static crm_status make_winners(app_sweep *s)
{
    CRM_NEW(s->winner, s->result.n);
    for (int i = 0; i < s->result.n; i++)
        CRM_TRY(app_sweep_trial(s, i % s->models.n, s->result.x + (int64_t)i * CRM_SWEEP_DIMS_MAX,
                                &s->winner[i]));
    return CRM_OK;
}

/* ---- the searches ---- */

/* A hold-out at random would part what these folds keep apart. */
static crm_status check_split(const app *a)
{
    int split = a->eval.split;

    if (a->sweep.nested || (split != CRM_SPLIT_GROUPED && split != CRM_SPLIT_CONTIGUOUS))
        return CRM_OK;
    return crm_opt_set_reject(a->opts, "sweep.nested",
                              "holds rows out at random, and eval.split is %s; allowed: "
                              "sweep.nested: true, or another eval.split",
                              crm_eval_split_names[split]);
}

static crm_status prepare(app_sweep *s, const crm_model_spec *const *spec, int n)
{
    const char *key = "";
    crm_status st = crm_sweep_cfg_check(&s->a->sweep, &key);
    char why[CRM_ERR_TEXT_MAX];

    if (st) {
        snprintf(why, sizeof why, "%s", crm_err_text());
        return crm_opt_set_reject(s->a->opts, key, "%s", why);
    }
    CRM_TRY(check_split(s->a));
    CRM_TRY(read_space(s));
    CRM_NEW(s->space, n);
    CRM_NEW(s->name, n);
    CRM_NEW(s->search, n);
    CRM_NEW(s->list, n);
    s->models = (crm_sweep_models){
        .ctx = s, .n = n, .name = s->name, .search = s->search, .make = make, .unmake = unmake};
    for (int i = 0; i < n; i++) {
        s->name[i] = spec[i]->name;
        CRM_TRY(part_of(s, s->name[i], &s->space[i]));
        s->search[i] = (crm_search){.space = &s->space[i], .cost = spec[i]->cost};
    }
    warn_unused(s);
    warn_one_rung(s->a);
    return read_list(s);
}

crm_status app_sweep_open(app *a, const crm_model_spec *const *spec, int n, app_sweep **out)
{
    app_sweep *s = crm_mem_new(1, sizeof *s);

    *out = s;
    CRM_CHECK(s, CRM_ERR_NOMEM, "out of memory: sweep");
    s->a = a;
    return prepare(s, spec, n);
}

void app_sweep_outer(app_sweep *s, crm_eval *e)
{
    s->outer = *e->cfg;
    if (!s->a->sweep.nested) {
        s->outer.repeats = 1;
        if (s->outer.split != CRM_SPLIT_FILE && s->outer.split != CRM_SPLIT_PART)
            s->outer.split = CRM_SPLIT_HOLDOUT;
    }
    e->cfg = &s->outer;
}

crm_status app_sweep_search(app *a, crm_eval *e, app_sweep **out)
{
    app_sweep *s;

    CRM_TRY(crm_comm_agree(a->world, app_sweep_open(a, e->spec, e->n_models, out)));
    s = *out;
    app_sweep_outer(s, e);
    s->sweep = (crm_sweep){.e = e,
                           .cfg = &a->sweep,
                           .models = &s->models,
                           .holds = !crm_record_is_beside(e->record),
                           .share = a->args.share,
                           .shares = a->args.shares};
    CRM_TRY(crm_sweep_search(&s->sweep, &s->result));
    if (!s->result.ended) return CRM_OK;
    CRM_TRY(crm_comm_agree(a->world, make_winners(s)));
    e->spec_of = spec_of;
    e->spec_ctx = s;
    return CRM_OK;
}

/* Without nesting the hold-out and the fit on all rows are of one search. */
static crm_status forget(const app_sweep *s, const crm_eval *e)
{
    const crm_eval_failure *f = e->failure;

    if (!app_is_root(s->a)) return CRM_OK;
    if (s->a->sweep.nested) return crm_eval_forget(e, f->model, f->repeat, f->fold);
    CRM_TRY(crm_eval_forget(e, f->model, 0, 0));
    return crm_eval_forget(e, f->model, -1, -1);
}

static crm_status replace(app_sweep *s, const crm_eval *e, int search)
{
    int model = search % s->models.n;

    CRM_TRY(crm_comm_agree(s->a->world, forget(s, e)));
    CRM_TRY(crm_sweep_replace_winner(&s->sweep, &s->result, search, e->failure->cause));
    app_trial_free(&s->winner[search]);
    return crm_comm_agree(
        s->a->world, app_sweep_trial(s, model, s->result.x + (int64_t)search * CRM_SWEEP_DIMS_MAX,
                                     &s->winner[search]));
}

crm_status app_sweep_replace(app_sweep *s, const crm_eval *e, crm_status st)
{
    const crm_eval_failure *f = e->failure;
    int64_t was;
    int search;

    if (f->model < 0 || f->status != CRM_ERR_NUMERIC) return st;
    crm_err_clear();
    search = crm_sweep_search_of(&s->result, f->model, f->repeat, f->fold);
    was = s->result.winner[search];
    CRM_TRY(replace(s, e, search));
    if (app_is_root(s->a))
        crm_log_line(CRM_LOG_WARN, "sweep",
                     "%s: trial %lld won on the inner folds and failed outside of them (%s); the "
                     "next best one, trial %lld, takes its place",
                     s->name[f->model], (long long)was, f->cause,
                     (long long)s->result.winner[search]);
    return CRM_OK;
}

void app_sweep_free(app_sweep **s)
{
    if (!*s) return;
    for (int i = 0; (*s)->winner && i < (*s)->result.n; i++)
        app_trial_free(&(*s)->winner[i]);
    for (int i = 0; i < (*s)->models.n; i++) {
        crm_mem_free((*s)->space[i].dim);
        crm_mem_free((*s)->list[i]);
    }
    crm_mem_free((*s)->winner);
    crm_mem_free((*s)->space);
    crm_mem_free((*s)->name);
    crm_mem_free((*s)->search);
    crm_mem_free((*s)->list);
    crm_space_free(&(*s)->all);
    crm_tree_file_close(&(*s)->tree);
    crm_sweep_result_free(&(*s)->result);
    crm_mem_free(*s);
    *s = NULL;
}

/* ---- what they came to ---- */

static double outer_score(const crm_summary *y, int model, int metric, int64_t fold)
{
    const crm_sum_model *m = &y->target[0].model[model];

    for (int i = 0; i < m->n_metrics; i++)
        if (crm_metric_find(m->metric[i].name) == metric && fold < m->metric[i].n_folds)
            return m->metric[i].fold[fold];
    return (double)NAN;
}

/* Inner score of each winner beside its score on the outer test part, which it had not seen. */
static void add_optimism(const app_sweep *s, const crm_summary *y, crm_str *out)
{
    const crm_sweep_result *r = &s->result;
    int metric = s->a->sweep.metric, sign = crm_metric_direction((crm_metric)metric);

    crm_str_addf(out,
                 "\n## Inner against outer score\n\n%s of the winners on the inner folds that "
                 "chose them and on the outer test part; what is too good of it is the "
                 "optimism.\n\n| model | inner | outer | optimism |\n|---|--:|--:|--:|\n",
                 crm_metric_names[metric]);
    for (int m = 0; m < r->n_models; m++) {
        double inner = 0, outer = 0;
        int n = 0;
        for (int p = 0; p < r->parts; p++) {
            double loss = r->repeat[p] < 0 ? 0
                                           : crm_sweep_plan_trial(r->plan, p * r->n_models + m,
                                                                  r->winner[p * r->n_models + m])
                                                 ->loss;
            if (r->repeat[p] < 0) continue;
            inner += sign > 0 ? -loss : loss;
            outer += outer_score(y, m, metric, p);
            n++;
        }
        crm_str_addf(out, "| %s | %.4f | %.4f | %+.4f |\n", s->name[m], inner / n, outer / n,
                     (inner - outer) / n * sign);
    }
}

/* ---- a config that train takes ---- */

static bool starts(const char *line, const char *key)
{
    size_t n = strlen(key);

    return strncmp(line, key, n) == 0 && line[n] == ':';
}

static void add_value(const crm_opt *o, const char *value, crm_str *out)
{
    if (o->type == CRM_OPT_LIST && value[0] != '[')
        crm_str_addf(out, "[%s]", value);
    else if (o->type == CRM_OPT_STR || o->type == CRM_OPT_ENUM)
        crm_node_quote(out, value);
    else
        crm_str_addf(out, "%s", value);
}

/* The effective config of this run without the sweep, with one model and a winner's values. */
static void write_best(const app_sweep *s, int search, const char *yaml, crm_str *out)
{
    int model = search % s->models.n;
    const crm_space *space = &s->space[model];
    const double *x = s->result.x + (int64_t)search * CRM_SWEEP_DIMS_MAX;
    const char *name = s->name[model];
    char key[192], room[32];

    crm_str_addf(out, "# Trial %lld of model %s.\n", (long long)s->result.winner[search], name);
    for (const char *line = yaml, *end; *line; line = end) {
        bool skip = strncmp(line, "sweep.", 6) == 0 || starts(line, "eval.models");
        end = strchr(line, '\n');
        end = end ? end + 1 : line + strlen(line);
        for (int d = 0; d < space->n && !skip; d++) {
            app_models_key(s->a, name, space->dim[d].key, key, sizeof key);
            skip = !isnan(x[d]) && starts(line, key);
        }
        if (!skip) crm_str_add(out, line, (size_t)(end - line));
    }
    crm_str_addf(out, "eval.models: [%s]\n", name);
    for (int d = 0; d < space->n; d++) {
        if (isnan(x[d])) continue;
        if (strchr(name, '-'))
            snprintf(key, sizeof key, "variants.%s.%s", name, space->dim[d].key);
        else
            snprintf(key, sizeof key, "%s", space->dim[d].key);
        crm_str_addf(out, "%s: ", key);
        add_value(app_models_option(name, space->dim[d].key), crm_space_text(space, d, x[d], room),
                  out);
        crm_str_addf(out, "\n");
    }
}

/* ---- files ---- */

static crm_status tell_all(app_sweep *s, const crm_eval *e, crm_str *trials, crm_str *report)
{
    crm_summary *y = NULL;
    char path[CRM_PATH_MAX];

    crm_sweep_tell_trials(&s->models, &s->result, (crm_metric)s->a->sweep.metric, trials);
    CRM_TRY(crm_sweep_tell_report(&s->sweep, &s->result, report));
    CRM_TRY(crm_record_path(e->record, "summary.json", path, sizeof path));
    CRM_TRY(crm_summary_read(path, &y));
    add_optimism(s, y, report);
    crm_summary_free(&y);
    CRM_CHECK(!trials->failed && !report->failed, CRM_ERR_NOMEM, "out of memory: sweep.md");
    return CRM_OK;
}

static crm_status write_configs(app_sweep *s, const crm_eval *e)
{
    crm_str yaml = {0};
    crm_status st = CRM_OK;

    crm_opt_set_write_yaml(s->a->opts, false, &yaml);
    if (yaml.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: best config");
    st = crm_comm_agree(s->a->world, st);
    for (int m = 0; m < s->models.n && !st; m++) {
        char name[96];
        crm_str best = {0};
        snprintf(name, sizeof name, "best-%.64s.yaml", s->name[m]);
        write_best(s, crm_sweep_search_of(&s->result, m, -1, -1), yaml.text, &best);
        if (best.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: best config");
        st = crm_comm_agree(s->a->world, st);
        if (!st) st = crm_record_write(e->record, name, best.text, best.len);
        crm_str_free(&best);
    }
    crm_str_free(&yaml);
    return st;
}

static void tell_use(const app_sweep *s)
{
    const crm_farm_use *u = &s->result.use;
    double ranks = crm_comm_size(s->a->world), all = ranks * u->wall_s;

    if (u->tasks == 0 || !(all > 0)) return;
    crm_log_line(CRM_LOG_INFO, "sweep",
                 "%lld units (%lld more were there) in %.1f s: %.1f %% of the time of the ranks; "
                 "%.1f %% waited for rounds, %.3f ms a unit to deal out",
                 (long long)u->tasks, (long long)s->result.before, u->wall_s, 100 * u->busy_s / all,
                 100 * u->starved_s / all, 1e3 * u->dispatch_s / (double)u->tasks);
}

crm_status app_sweep_report(app *a, const crm_eval *e, app_sweep *s)
{
    crm_str trials = {0}, report = {0};
    crm_status st = app_is_root(a) ? tell_all(s, e, &trials, &report) : CRM_OK;

    st = crm_comm_agree(a->world, st);
    if (!st) st = crm_record_write(e->record, "sweep.tsv", trials.text, trials.len);
    if (!st) st = crm_record_write(e->record, "sweep.md", report.text, report.len);
    if (!st) st = write_configs(s, e);
    if (!st && app_is_root(a)) {
        if (!a->repeat) fputs(report.text, stdout);
        tell_use(s);
        if (s->result.use.tasks > 0) app_sweep_price(a, s, e);
    }
    crm_str_free(&trials);
    crm_str_free(&report);
    return st;
}

crm_status app_sweep_print(const char *dir)
{
    char path[CRM_PATH_MAX], *text;
    size_t len;

    CRM_TRY(crm_path_join(dir, "sweep.md", path, sizeof path));
    CRM_TRY(crm_path_read(path, 1 << 26, &text, &len));
    fwrite(text, 1, len, stdout);
    crm_mem_free(text);
    return CRM_OK;
}
