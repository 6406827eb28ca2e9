/* eval_plan.c - folds, units, and which group of ranks runs which unit.
 *
 * Longest processing time first (Graham 1969): units by falling cost, each to the group with the
 * least work.  Which group runs a unit cannot change its result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "eval_impl.h"

crm_status crm_study_groups(const crm_eval *e, int64_t **group_of)
{
    int64_t rows = crm_data_rows(e->data);
    const float *num;
    const int32_t *cat;
    const crm_schema *c = crm_data_profile(e->data, &num, &cat);
    int at = 0;

    *group_of = NULL;
    if (e->cfg->split != CRM_SPLIT_GROUPED) return CRM_OK;
    while (at < c->n_cat && strcmp(c->cat_name[at], e->cfg->group) != 0)
        at++;
    CRM_CHECK(at < c->n_cat, CRM_ERR_CONFIG,
              "eval.group: '%s' is not a categorical column of %s (eval.split is grouped)",
              e->cfg->group, crm_data_path(e->data));
    CRM_NEW(*group_of, rows);
    for (int64_t i = 0; i < rows; i++) {
        int32_t code = cat[i * c->n_cat + at];
        (*group_of)[i] = code >= 0 ? code : c->n_levels[at] + i;
    }
    return CRM_OK;
}

crm_status crm_study_folds(study *s)
{
    static const crm_fold_kind kinds[CRM_SPLIT_COUNT] = {
        [CRM_SPLIT_STRATIFIED] = CRM_FOLDS_STRATIFIED,
        [CRM_SPLIT_PLAIN] = CRM_FOLDS_PLAIN,
        [CRM_SPLIT_GROUPED] = CRM_FOLDS_GROUPED,
        [CRM_SPLIT_CONTIGUOUS] = CRM_FOLDS_CONTIGUOUS};
    const crm_eval_cfg *cfg = s->e->cfg;
    uint64_t seed = (uint64_t)cfg->seed;

    CRM_TRY(crm_study_groups(s->e, &s->group_of));
    if (s->fit_only) return CRM_OK;
    if (cfg->split == CRM_SPLIT_FILE) return crm_folds_read(s->view, cfg->folds_file, &s->folds);
    if (cfg->split == CRM_SPLIT_PART) return crm_folds_part(s->view, &s->folds);
    if (cfg->split == CRM_SPLIT_HOLDOUT)
        return crm_folds_holdout(s->view, s->target, cfg->test_fraction, (int)cfg->repeats, seed,
                                 &s->folds);
    return crm_folds_make(s->view, s->target, kinds[cfg->split], (int)cfg->folds, (int)cfg->repeats,
                          seed, s->group_of, &s->folds);
}

const crm_model_spec *crm_unit_spec(const study *s, const unit *u)
{
    const crm_eval *e = s->e;

    return e->spec_of ? e->spec_of(e->spec_ctx, u->model, u->repeat, u->fold) : e->spec[u->model];
}

static unit unit_of(const study *s, int model, int repeat, int fold)
{
    const char *name = s->e->spec[model]->name;
    unit u = {.model = model, .repeat = repeat, .fold = fold};

    if (repeat < 0)
        snprintf(u.name, sizeof u.name, "%.64s-all", name);
    else
        snprintf(u.name, sizeof u.name, "%.64s-r%d-f%d", name, repeat, fold);
    return u;
}

static void add_unit(study *s, int model, int repeat, int fold)
{
    s->unit[s->n_units++] = unit_of(s, model, repeat, fold);
}

static crm_status make_units(study *s)
{
    int n = s->e->n_models, repeats = s->folds ? s->folds->repeats : 0;
    int folds = s->folds ? s->folds->folds : 0;

    CRM_NEW(s->unit, (repeats * folds + 1) * n);
    CRM_NEW(s->nanoseconds, (repeats * folds + 1) * n);
    for (int r = 0; r < repeats; r++)
        for (int f = 0; f < folds; f++)
            for (int m = 0; m < n; m++)
                add_unit(s, m, r, f);
    for (int m = 0; m < n && (s->e->cfg->final || s->fit_only); m++)
        add_unit(s, m, -1, -1);
    return CRM_OK;
}

/* Units of a sample are named by a file, which may be of another study. */
static crm_status choose_units(study *s)
{
    int n = 0;

    for (int i = 0; i < s->n_units; i++) {
        s->unit[i].skip = !crm_study_wants(s->e, s->unit[i].name);
        n += !s->unit[i].skip;
    }
    CRM_CHECK(s->e->n_only == 0 || n == s->e->n_only, CRM_ERR_FORMAT,
              "%d of the %d units that are asked for are none of this study", s->e->n_only - n,
              s->e->n_only);
    return CRM_OK;
}

crm_status crm_unit_path(const study *s, const unit *u, char *out, size_t cap)
{
    char name[UNIT_NAME_MAX + 16];

    snprintf(name, sizeof name, "units/%s.h5", u->name);
    return crm_record_path(s->e->record, name, out, cap);
}

crm_status crm_eval_forget(const crm_eval *e, int model, int repeat, int fold)
{
    const study s = {.e = e};
    const unit u = unit_of(&s, model, repeat, fold);
    char path[CRM_PATH_MAX];

    crm_keeper_forget(&s, &u);
    if (repeat < 0) {
        CRM_TRY(crm_model_path(&s, model, path, sizeof path));
        CRM_TRY(crm_path_remove(path));
        CRM_TRY(crm_text_path(&s, model, path, sizeof path));
        CRM_TRY(crm_path_remove(path));
    }
    CRM_TRY(crm_unit_path(&s, &u, path, sizeof path));
    return crm_path_remove(path);
}

crm_status crm_model_path(const study *s, int model, char *out, size_t cap)
{
    char name[UNIT_NAME_MAX + 16];

    snprintf(name, sizeof name, "models/%.64s.h5", s->e->spec[model]->name);
    return crm_record_path(s->e->record, name, out, cap);
}

crm_status crm_text_path(const study *s, int model, char *out, size_t cap)
{
    char name[UNIT_NAME_MAX + 16];

    snprintf(name, sizeof name, "models/%.64s.txt", s->e->spec[model]->name);
    return crm_record_path(s->e->record, name, out, cap);
}

/* Units in the order in which they are dealt out. */
typedef struct job {
    double cost;
    int unit;
} job;

static int by_cost(const void *a, const void *b)
{
    const job *x = a, *y = b;

    if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
    return x->unit - y->unit;
}

static crm_status deal(study *s, const int64_t *done)
{
    double *load = NULL;
    job *jobs = NULL;
    int n = 0;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, end, load, s->n_groups);
    CRM_NEW_TO(st, end, jobs, s->n_units);
    for (int i = 0; i < s->n_units; i++) {
        s->unit[i].group = -1;
        if (!done[i]) jobs[n++] = (job){s->e->spec[s->unit[i].model]->cost, i};
    }
    qsort(jobs, (size_t)n, sizeof *jobs, by_cost);
    for (int i = 0; i < n; i++) {
        int best = 0;
        for (int g = 1; g < s->n_groups; g++)
            if (load[g] < load[best]) best = g;
        s->unit[jobs[i].unit].group = best;
        load[best] += jobs[i].cost;
    }
end:
    crm_mem_free(load);
    crm_mem_free(jobs);
    return st;
}

/* Ranks per group: as asked, else as many as are left over per unit, at most one per lane. */
static int group_size(const study *s)
{
    int64_t ranks = crm_comm_size(s->e->world), g = s->e->cfg->group_ranks;
    int units = s->e->n_only > 0 ? s->e->n_only : s->n_units;

    if (g == 0) g = ranks / (units > 0 ? units : 1);
    if (g > s->e->max_group) g = s->e->max_group;
    if (g > ranks) g = ranks;
    return g < 1 ? 1 : (int)g;
}

static crm_status check_threshold(const study *s)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);

    CRM_CHECK(s->e->cfg->threshold == CRM_THRESHOLD_NONE || t->n_classes == 2, CRM_ERR_CONFIG,
              "eval.threshold: '%s', but target '%s' has %d classes; a threshold parts two",
              crm_eval_threshold_names[s->e->cfg->threshold], t->name, t->n_classes);
    return CRM_OK;
}

/* Of all fits. */
static int64_t fewest_training_rows(const study *s)
{
    int64_t n = s->view->n, largest = 0;

    for (int r = 0; s->folds && r < s->folds->repeats; r++)
        for (int f = 0; f < s->folds->folds; f++) {
            int64_t test = 0;
            for (int64_t i = 0; i < n; i++)
                test += s->folds->fold[r * n + i] == f;
            if (test > largest) largest = test;
        }
    return n - largest;
}

static crm_status check_kind(const study *s, const crm_model_spec *spec)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    bool tokens = crm_study_of_tokens(s);

    CRM_CHECK(tokens == (spec->estimator->decode != NULL), CRM_ERR_CONFIG,
              "eval.models: '%s' %s, but target '%s' has a class for each %s", spec->name,
              tokens ? "classifies rows" : "tags tokens", t->name, crm_level_names[t->level]);
    return CRM_OK;
}

/* What a fit would find after hours is found before the first; the error of a variant names it. */
static crm_status check_models(const study *s)
{
    int64_t rows = fewest_training_rows(s);

    for (int i = 0; i < s->e->n_models; i++) {
        const crm_model_spec *spec = s->e->spec[i];
        char why[CRM_ERR_TEXT_MAX];
        crm_status st = check_kind(s, spec);

        if (!st) st = crm_model_check(spec, s->e->data, s->target, rows);

        if (st && strchr(spec->name, '-')) {
            snprintf(why, sizeof why, "%s", crm_err_text());
            CRM_SET(st, st, "%s: %s", spec->name, why);
        }
        if (st) return st;
    }
    return CRM_OK;
}

crm_status crm_study_target(study *s)
{
    if (s->e->cfg->target[0])
        CRM_TRY(crm_data_find_target(s->e->data, s->e->cfg->target, &s->target));
    CRM_CHECK(crm_data_n_targets(s->e->data) > 0, CRM_ERR_CONFIG,
              "%s has no target to learn; set data.label when importing",
              crm_data_path(s->e->data));
    return crm_view_labelled(s->e->data, s->target, &s->view);
}

static crm_status plan_local(study *s)
{
    int segment;

    CRM_TRY(crm_study_target(s));
    CRM_TRY(crm_study_segment_column(s, &segment));
    CRM_TRY(crm_study_check_published(s));
    if (!s->fit_only) CRM_TRY(check_threshold(s));
    CRM_TRY(crm_study_folds(s));
    CRM_TRY(check_models(s));
    CRM_TRY(make_units(s));
    return choose_units(s);
}

static crm_status make_dirs(const study *s)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_record_path(s->e->record, "units", path, sizeof path));
    CRM_TRY(crm_path_mkdirs(path));
    CRM_TRY(crm_record_path(s->e->record, "models", path, sizeof path));
    return crm_path_mkdirs(path);
}

crm_status crm_study_plan(study *s)
{
    crm_comm *world = s->e->world;
    int64_t *done = NULL;
    int g;
    crm_status st = plan_local(s);

    if (!st && crm_comm_rank(world) == 0) st = make_dirs(s);
    if (!st) CRM_NEW_TO(st, agree, done, s->n_units + 1);
    if (!st && crm_comm_rank(world) == 0) st = crm_ledger_read(s, done);
agree:
    CRM_TRY_TO(st, end, crm_comm_agree(world, st));
    CRM_TRY_TO(st, end, crm_comm_max_i64(world, done, s->n_units));
    g = group_size(s);
    s->n_groups = crm_comm_size(world) / g;
    s->group_id = crm_comm_rank(world) / g < s->n_groups ? crm_comm_rank(world) / g : -1;
    CRM_TRY_TO(st, end, crm_comm_split(world, s->group_id, &s->group));
    st = crm_comm_agree(world, deal(s, done));
end:
    crm_mem_free(done);
    return st;
}
