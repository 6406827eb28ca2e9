/* eval_replay.c - one step of the fit on all rows, repeated and told: from the newest checkpoint
 * below it that is in the run folder, else from the start.  Nothing is written, so that a job which
 * works in the folder is not disturbed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "eval_impl.h"

/* ---- a checkpoint to begin from ---- */

/* The highest number below `below` of a file DIR/<number>.manifest; -1: none. */
static int64_t next_number(const char *dir, int64_t below)
{
    DIR *d = opendir(dir);
    int64_t best = -1;

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char *end;
        long long n = strtoll(e->d_name, &end, 10);
        if (strcmp(end, ".manifest") == 0 && n < below && n > best) best = n;
    }
    if (d) closedir(d);
    return best;
}

/* Whether the fit passes over the step after this state, which was saved when an epoch was
 * repeated. */
static crm_status leaves_out(const crm_bag *b, int64_t step, bool *yes)
{
    const crm_bag_array *left = crm_bag_find(b, "fit/guard/steps");

    *yes = false;
    if (!left) return CRM_OK;
    CRM_TRY(crm_bag_get(b, "fit/guard/steps", CRM_I64, -1, &left));
    for (int64_t i = 0; i < left->n; i++)
        *yes = *yes || ((const int64_t *)left->data)[i] == step;
    return CRM_OK;
}

/* Whether a state of this run's first net comes before the step that is asked for. */
static crm_status comes_before(const crm_eval *e, const crm_replay *r, const crm_bag *b, bool *yes)
{
    char hex[CRM_DIGEST_HEX];
    const char *run, *phase;
    int64_t member, step;
    bool same, before, left = false;

    *yes = false;
    CRM_TRY(crm_bag_get_text(b, "unit/run", &run));
    CRM_TRY(crm_bag_get_text(b, "unit/phase", &phase));
    CRM_TRY(crm_bag_get_i64(b, "unit/member", &member));
    CRM_TRY(crm_bag_get_i64(b, "unit/step", &step));
    same = r->phase ? strcmp(phase, r->phase) == 0 : strcmp(phase, CRM_PHASE_REFIT) != 0;
    before =
        r->phase && strcmp(r->phase, CRM_PHASE_REFIT) == 0 && strcmp(phase, CRM_PHASE_SEARCH) == 0;
    if (same) CRM_TRY(leaves_out(b, r->step, &left));
    *yes = strcmp(run, crm_digest_hex(e->run, hex)) == 0 && member == 0 &&
           (before || (same && step < r->step && !left));
    return CRM_OK;
}

/* What cannot be read or is of something else is passed over: the way from the start is longer, and
 * the same. */
static void find_checkpoint(const crm_eval *e, const char *dir, const crm_replay *r, crm_bag **out)
{
    char path[CRM_PATH_MAX], name[32];
    bool yes = false;

    *out = NULL;
    for (int64_t n = next_number(dir, INT64_MAX); n >= 0 && !yes; n = next_number(dir, n)) {
        crm_bag_free(out);
        snprintf(name, sizeof name, "%lld.h5", (long long)n);
        if (crm_path_join(dir, name, path, sizeof path) || crm_bag_read(path, NULL, out) ||
            comes_before(e, r, *out, &yes))
            crm_err_clear();
        if (yes) crm_log_line(CRM_LOG_INFO, "replay", "from checkpoint %s", path);
    }
    if (!yes) crm_bag_free(out);
}

/* ---- the fit ---- */

static crm_status fit_to(const crm_eval *e, int model, crm_comm *group, crm_bag *from,
                         crm_replay *r)
{
    crm_fit fit = {.comm = group,
                   .pool = e->pool,
                   .init = e->init,
                   .init_file = e->init_file,
                   .seed = crm_rng_derive((uint64_t)e->cfg->seed, 0, 0, 0),
                   .hooks = {.resume_from = from, .replay = r}};
    crm_pipeline *p = NULL;
    crm_view *view = NULL;
    int64_t *together = NULL;
    crm_status st = crm_study_groups(e, &together);

    if (!st && e->cfg->target[0]) st = crm_data_find_target(e->data, e->cfg->target, &fit.target);
    if (!st) st = crm_view_labelled(e->data, fit.target, &view);
    if (!st) st = crm_pipeline_new(e->spec[model], &p);
    st = crm_comm_agree(group, st);
    fit.train = view;
    fit.group = together;
    if (!st) st = crm_pipeline_fit(p, &fit);
    crm_pipeline_free(&p);
    crm_view_free(&view);
    crm_mem_free(together);
    return st;
}

/* Of the ranks that share a fit. */
static crm_status replay_in(const crm_eval *e, int model, crm_comm *group, const char *dir,
                            crm_replay *r)
{
    crm_bag *from = NULL;
    crm_status st;

    if (crm_comm_rank(group) == 0) find_checkpoint(e, dir, r, &from);
    st = crm_bag_bcast(group, 0, &from);
    if (!st) st = fit_to(e, model, group, from, r);
    crm_bag_free(&from);
    if (st == CRM_ERR_STOPPED && r->told) {
        crm_err_clear();
        return CRM_OK;
    }
    CRM_CHECK(st, CRM_ERR_CONFIG, "--replay: the fit of %s ends before step %lld of %s%s",
              e->spec[model]->name, (long long)r->step, r->phase ? "phase " : "any phase",
              r->phase ? r->phase : "");
    return st;
}

crm_status crm_eval_replay(const crm_eval *e, int model, const char *run, crm_replay *r)
{
    char name[128], dir[CRM_PATH_MAX];
    crm_comm *group = NULL;
    crm_status st;

    snprintf(name, sizeof name, CHECKPOINTS_DIR "/%.64s-all", e->spec[model]->name);
    CRM_TRY(crm_comm_agree(e->world, crm_path_join(run, name, dir, sizeof dir)));
    CRM_TRY(crm_comm_split(e->world, crm_comm_rank(e->world) < e->max_group ? 0 : -1, &group));
    st = group ? replay_in(e, model, group, dir, r) : CRM_OK;
    crm_comm_free(&group);
    return crm_comm_agree(e->world, st);
}
