/* main.c - start MPI, read arguments and options, run one command, end every rank with the same
 * code. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"

enum { GRACE = 4 }; /* s, until the options say how long */

static const app_command *find_command(const char *name)
{
    for (const app_command *c = app_commands; c->name; c++)
        if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

static crm_status unknown_command(const char *name)
{
    const char *names[64];
    const char *near;
    int n = 0;

    for (const app_command *c = app_commands; c->name && n < 64; c++)
        names[n++] = c->name;
    near = crm_nearest(name, names, n);
    CRM_FAIL(CRM_ERR_CONFIG, "'%s' is not a command%s%s%s; crmpi --help lists them", name,
             near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void print_version(const app *a)
{
    if (app_is_root(a)) printf("crmpi %s\n", CRM_VERSION);
}

static crm_status print_markdown(app *a)
{
    crm_str s = {0};
    crm_status st = CRM_OK;

    CRM_TRY(app_configure(a, NULL, NULL, 0));
    crm_str_addf(
        &s,
        "# Options\n\nMade by `crmpi --options-markdown`. Each stands in a YAML file, nested or "
        "dotted, or on the\ncommand line as `--set key=value`. Options that cannot change a "
        "result are not in the digest of a run.\n\n");
    crm_opt_set_write_markdown(a->opts, &s);
    if (s.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: options");
    else if (app_is_root(a))
        fputs(s.text, stdout);
    crm_str_free(&s);
    return crm_comm_agree(a->world, st);
}

static crm_status print_help(app *a, const app_command *c)
{
    CRM_TRY(app_configure(a, NULL, NULL, 0));
    return crm_comm_agree(a->world, app_is_root(a) ? app_print_help(a, c) : CRM_OK);
}

/* Seconds to a place where a command can stop; those that look for none end at once. */
static double grace_of(const app *a, const app_command *c)
{
    static const char *const look[] = {"synth",     "import", "train",  "crossval",
                                       "calibrate", "sweep",  "verify", "embed"};

    for (size_t i = 0; i < sizeof look / sizeof *look; i++)
        if (strcmp(c->name, look[i]) == 0) return a->opts ? a->cfg.stop_grace : GRACE;
    crm_stop_keeps_nothing();
    return 1e-3;
}

crm_status app_watch(app *a)
{
    const char *beside = a->args.out            ? a->args.out
                         : a->cfg.data_store[0] ? a->cfg.data_store
                                                : a->cfg.data_path;
    char dir[CRM_PATH_MAX];
    int n = (int)strlen(beside);

    while (n > 1 && beside[n - 1] == '/')
        n--;
    snprintf(dir, sizeof dir, "%.*s.health", n, beside);
    return crm_watchdog_start(a->world, &a->watchdog, n > 0 && n < CRM_PATH_MAX - 8 ? dir : NULL);
}

/* The operand of a command that reads a config may be a run, whose config is read then. */
static crm_status is_of_run(const app *a, bool *out)
{
    *out =
        a->args.status || (a->args.simulate && a->args.operand && crm_path_is_dir(a->args.operand));
    return crm_comm_bcast(a->world, 0, out, sizeof *out);
}

static crm_status run_command(app *a, const app_command *c)
{
    bool reads, of_run;
    const char *path;
    char *yaml = NULL;
    size_t len = 0;
    crm_status st = CRM_OK;

    CRM_TRY(app_check_args(&a->args));
    CRM_TRY(is_of_run(a, &of_run));
    reads = c->reads_config && !of_run;
    path = reads && !a->args.propose ? a->args.operand : NULL;
    if (path) st = app_read_config(a, path, &yaml, &len);
    if (!st && (reads || !a->args.operand)) st = app_configure(a, path, yaml, len);
    crm_mem_free(yaml);
    crm_stop_grace(grace_of(a, c));
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? app_check_out(a) : CRM_OK);
    if (!st && a->opts) st = app_watch(a);
    if (!st) st = a->args.propose ? app_propose(a) : c->run(a);
    return st;
}

static crm_status run(app *a, int argc, char **argv)
{
    const app_command *c = NULL;

    CRM_TRY(crm_comm_agree(a->world, app_parse(argc, argv, &a->args)));
    if (a->args.version) {
        print_version(a);
        return CRM_OK;
    }
    if (a->args.markdown) return print_markdown(a);
    if (a->args.command) {
        c = find_command(a->args.command);
        if (!c) return unknown_command(a->args.command);
    }
    if (!c || a->args.help) {
        CRM_TRY(print_help(a, c));
        CRM_CHECK(c || a->args.help, CRM_ERR_CONFIG, "a command is needed");
        return CRM_OK;
    }
    return run_command(a, c);
}

/* What was printed may not have arrived: a full disk shows when the buffer is emptied. */
static crm_status end_output(const app *a)
{
    crm_status st = CRM_OK;

    if (app_is_root(a) && (fflush(stdout) != 0 || ferror(stdout)))
        CRM_SET(st, CRM_ERR_IO, "standard output cannot be written: %s", strerror(errno));
    return crm_comm_agree(a->world, st);
}

/* Without a group every process is alone; of the tasks of a Slurm step the first one speaks. */
static bool speaks(const app *a)
{
    const char *task = getenv("SLURM_PROCID");

    return a->world ? app_is_root(a) : !task || strcmp(task, "0") == 0;
}

static void report_error(const app *a, crm_status st)
{
    if (!speaks(a)) return;
    fflush(stdout);
    if (crm_log_get_level() >= CRM_LOG_DEBUG) crm_err_print(0);
    fprintf(stderr, "crmpi: %s%s\n", st == CRM_ERR_STOPPED ? "" : "error: ", crm_err_text());
}

int main(int argc, char **argv)
{
    app a = {0};
    crm_status st;

    crm_stop_install();
    crm_stop_grace(GRACE);
    st = crm_comm_start(&argc, &argv, &a.world);
    if (st) {
        report_error(&a, st);
        return crm_status_exit_code(st);
    }
    crm_fp_setup();
    umask(077); /* what is written is the owner's, unless privacy.access says otherwise */
    /* A reader that goes away and a limit on the size of files are errors like a full disk, and
     * clean-up happens. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    st = run(&a, argc, argv);
    if (!st) st = end_output(&a);
    if (st) report_error(&a, st);
    crm_bag_free(&a.init);
    app_models_free(&a);
    crm_device_free(&a.device);
    crm_opt_set_free(&a.opts);
    crm_pool_free(&a.pool);
    crm_str_free(&a.config);
    crm_mem_free(a.args.set);
    crm_mem_free(a.args.more);
    crm_mem_free(a.args.models);
    crm_comm_stop(&a.world);
    return crm_status_exit_code(st);
}
