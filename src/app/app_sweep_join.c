/* app_sweep_join.c - several jobs on one sweep: who ends it, what is left for tasks of an array. */
#include <string.h>

#include "app_sweep.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

enum { TASKS = 16 }; /* of an array, where no number is given */

bool app_sweep_joins(const app *a)
{
    return a->args.join || a->args.array;
}

crm_status app_sweep_check_join(app *a)
{
    if (!app_sweep_joins(a) || a->sweep.scheduler != CRM_SCHEDULER_ASYNCHRONOUS) return CRM_OK;
    return crm_opt_set_reject(a->opts, "sweep.scheduler",
                              "has no rounds that several jobs could agree on; allowed with %s: "
                              "none, median, halving, hyperband",
                              a->args.join ? "--join" : "--array");
}

/* ---- what is missing ---- */

typedef struct missing {
    const crm_sweep_plan *plan;
    int tasks;
    int64_t units;
    bool *has; /* [tasks] */
} missing;

static void count_unit(void *ctx, const crm_sweep_unit *u)
{
    missing *m = ctx;

    m->units++;
    m->has[crm_sweep_plan_number(m->plan, u) % m->tasks] = true;
}

static crm_status find_missing(const app *a, const crm_sweep_plan *plan, missing *out)
{
    *out = (missing){.plan = plan, .tasks = a->args.shares > 0 ? a->args.shares : TASKS};
    CRM_NEW(out->has, out->tasks);
    crm_sweep_plan_each_open(plan, count_unit, out);
    return CRM_OK;
}

/* "0-3,7,9-12" */
static void add_tasks(const missing *m, crm_str *out)
{
    const char *comma = "";

    for (int i = 0, end; i < m->tasks; i = end + 1) {
        end = i;
        if (!m->has[i]) continue;
        while (end + 1 < m->tasks && m->has[end + 1])
            end++;
        crm_str_addf(out, "%s%d", comma, i);
        if (end > i) crm_str_addf(out, "-%d", end);
        comma = ",";
    }
}

static void add_line(const missing *m, const char *run, crm_str *out)
{
    crm_str_addf(out, "sbatch --array=");
    add_tasks(m, out);
    crm_str_addf(out, " jobs/sweep-array.sbatch %s/config.yaml --out %s --array %d\n", run, run,
                 m->tasks);
}

crm_status app_sweep_missing(const app *a, const crm_sweep_plan *plan, const char *run,
                             crm_str *out)
{
    char summary[CRM_PATH_MAX];
    missing m;
    crm_status st;

    CRM_TRY(find_missing(a, plan, &m));
    st = crm_path_join(run, "summary.json", summary, sizeof summary);
    if (m.units > 0)
        crm_str_addf(out, "%lld units are missing: ", (long long)m.units);
    else if (!st && !crm_path_exists(summary))
        crm_str_addf(out, "the winners are not scored: ");
    m.has[0] = m.has[0] || m.units == 0;
    if (out->len > 0) add_line(&m, run, out);
    crm_mem_free(m.has);
    return st;
}

/* ---- a job beside others ---- */

static crm_status tell_share(const app *a, const app_sweep *s)
{
    crm_str left = {0};
    crm_status st = app_sweep_missing(a, s->result.plan, a->args.out, &left);

    if (left.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: what is missing");
    if (!st)
        printf("%s: task %d of %d has done what was known of its share; more rounds come\n%s",
               a->args.out, a->args.share, a->args.shares, left.text ? left.text : "");
    crm_str_free(&left);
    return st;
}

/* All searches have ended: the job that holds the run does the rest, which may be this one now. */
static crm_status end_beside(app *a, crm_record *run, crm_record_state *state, bool *rest)
{
    if (crm_record_is_beside(run)) CRM_TRY(crm_record_hold(run, &a->record, state));
    *rest = !crm_record_is_beside(run);
    if (!*rest && app_is_root(a))
        printf(
            "%s: all searches have ended; the job that holds the run scores the winners (if it was "
            "killed, the same command does)\n",
            crm_record_dir(run));
    return CRM_OK;
}

/* Searches once; *ended: all of them have. */
static crm_status search(app *a, crm_eval e, const crm_record *run, bool *ended)
{
    app_sweep *s = NULL;
    crm_status st = app_sweep_search(a, &e, &s);

    *ended = !st && s->result.ended;
    if (!st && !*ended && crm_record_is_beside(run))
        st = crm_comm_agree(a->world, app_is_root(a) ? tell_share(a, s) : CRM_OK);
    app_sweep_free(&s);
    return st;
}

/* A task of an array that holds the run, and has done its share, gives the run away and looks once
 * more: another task may have come to the end meanwhile, and left the rest to the holder. */
crm_status app_sweep_join(app *a, const crm_data *d, const crm_model_spec *const *spec, int n,
                          crm_record *run, crm_record_state *state, bool *rest)
{
    crm_eval e = app_study_of(a, d, spec, n);
    bool ended = false, again = true;

    *rest = true;
    if (!a->args.array && !crm_record_is_beside(run)) return CRM_OK;
    e.record = run;
    while (again) {
        CRM_TRY(search(a, e, run, &ended));
        again = !ended && !crm_record_is_beside(run);
        if (again) crm_record_release(run);
    }
    *rest = ended;
    return ended ? end_beside(a, run, state, rest) : CRM_OK;
}
