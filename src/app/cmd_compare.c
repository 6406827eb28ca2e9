/* cmd_compare.c - models of several runs against each other. */
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/record_summary.h"
#include "crmpi/report.h"

typedef struct runs {
    int n;
    const char **dir; /* [n] */
    char **name;      /* [n] without a slash at the end */
    crm_summary **summary;
} runs;

static void runs_free(runs *r)
{
    for (int i = 0; i < r->n; i++) {
        if (r->name) crm_mem_free(r->name[i]);
        if (r->summary) crm_summary_free(&r->summary[i]);
    }
    crm_mem_free(r->dir);
    crm_mem_free(r->name);
    crm_mem_free(r->summary);
}

static crm_status read_run(const char *dir, char **name, crm_summary **out)
{
    char path[CRM_PATH_MAX];
    size_t len;

    CRM_TRY(crm_path_join(dir, "summary.json", path, sizeof path));
    CRM_CHECK(crm_path_exists(path), CRM_ERR_IO,
              "%s: No such file: compare takes run folders of crossval that are finished", path);
    *name = crm_mem_strdup(dir);
    CRM_CHECK(*name, CRM_ERR_NOMEM, "out of memory: names of runs");
    for (len = strlen(*name); len > 1 && (*name)[len - 1] == '/'; len--)
        (*name)[len - 1] = '\0';
    return crm_summary_read(path, out);
}

static crm_status read_runs(const app_args *args, runs *r)
{
    int n = !!args->operand + args->n_more;

    CRM_CHECK(n > 0, CRM_ERR_CONFIG, "compare needs run folders: crmpi compare RUN RUN...");
    CRM_NEW(r->dir, n);
    CRM_NEW(r->name, n);
    CRM_NEW(r->summary, n);
    r->n = n;
    for (int i = 0; i < n; i++) {
        r->dir[i] = i == 0 ? args->operand : args->more[i - 1];
        CRM_TRY(read_run(r->dir[i], &r->name[i], &r->summary[i]));
        for (int k = 0; k < i; k++)
            CRM_CHECK(strcmp(r->name[k], r->name[i]) != 0, CRM_ERR_CONFIG, "'%s' stands twice",
                      r->name[i]);
    }
    return CRM_OK;
}

/* Its results would be lost. */
static crm_status check_out(const char *dir)
{
    char path[CRM_PATH_MAX];

    if (!dir) return CRM_OK;
    CRM_TRY(crm_path_join(dir, "config.yaml", path, sizeof path));
    CRM_CHECK(!crm_path_exists(path), CRM_ERR_CONFIG,
              "--out %s is the folder of a run; compare writes into a folder of its own", dir);
    return CRM_OK;
}

/* summary.json, report and figures into --out, tables on the terminal. */
static crm_status write_out(const char *dir, const char *json, size_t len)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_path_mkdirs(dir));
    CRM_TRY(crm_path_join(dir, "summary.json", path, sizeof path));
    CRM_TRY(crm_path_write_atomic(path, json, len));
    return app_report(dir);
}

static crm_status print(const crm_summary *s)
{
    crm_str terminal = {0};
    crm_status st = CRM_OK;

    crm_report_terminal(s, &terminal);
    if (terminal.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: report");
    else
        fputs(terminal.text, stdout);
    crm_str_free(&terminal);
    return st;
}

static crm_status tell(const app *a, crm_summary *s)
{
    char *json = NULL;
    size_t len;
    crm_status st = crm_summary_write(s, &json, &len); /* and its digest */

    if (!st) st = a->args.out ? write_out(a->args.out, json, len) : print(s);
    crm_mem_free(json);
    return st;
}

static crm_status compare(const app *a)
{
    runs r = {0};
    crm_summary *s = NULL;
    crm_status st = check_out(a->args.out);

    if (!st) st = read_runs(&a->args, &r);
    if (!st)
        st = crm_eval_compare_runs(r.n, (const char *const *)r.name, r.summary,
                                   CRM_EVAL_ROPE_DEFAULT, &s);
    if (!st) st = tell(a, s);
    crm_summary_free(&s);
    runs_free(&r);
    return st;
}

crm_status cmd_compare(app *a)
{
    return crm_comm_agree(a->world, app_is_root(a) ? compare(a) : CRM_OK);
}
