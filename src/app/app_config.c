/* app_config.c - options of the program, and the one set that binds the tables of all rooms. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

static const char *const progress_names[] = {"auto", "on", "off", NULL};
_Static_assert(sizeof progress_names / sizeof *progress_names == CRM_PROGRESS_COUNT + 1, "names");

static const char *const unit_names[] = {"customer", "document", NULL};
_Static_assert(sizeof unit_names / sizeof *unit_names == APP_UNITS_COUNT + 1, "names");

/* Who may read what is written, and what others than the owner are denied. */
static const char *const access_names[] = {"owner", "group", "all", NULL};
static const mode_t denied[] = {077, 027, 022};
_Static_assert(sizeof access_names / sizeof *access_names == sizeof denied / sizeof *denied + 1,
               "names");

#define S app_cfg
const crm_opt app_opts[] = {
    CRM_OPT_S(S, data_path, "data.path", "", CRM_OPT_LAYOUT,
              "What a command reads: a CSV, the folder of a schema's files, or a data set (HDF5); "
              "synth writes it there."),
    CRM_OPT_S(S, data_schema, "data.schema", "", CRM_OPT_LAYOUT,
              "Schema of the tables in the folder data.path (docs/schema.md); in a config relative "
              "to it; empty: data.path is one CSV."),
    CRM_OPT_S(
        S, data_store, "data.store", "", CRM_OPT_LAYOUT,
        "Where import writes the data set; empty: beside --out, as OUT.h5; without --out, into "
        "the current folder, as the name of the CSV with .h5."),
    CRM_OPT_B(S, keep_tables, "data.keep_tables", false, CRM_OPT_LAYOUT,
              "Whether an import by a schema keeps its tables beside the data set, as "
              "STORE.tables.h5, so that import --append can put a later export behind them."),
    CRM_OPT_E(S, units, "data.units", "customer", unit_names, 0,
              "What a row of a study is: a customer with his documents, or each document by itself "
              "(targets are those of documents then; folds keep those of a customer together)."),
    CRM_OPT_E(S, log_level, "log.level", "info", crm_log_level_names, CRM_OPT_LAYOUT,
              "What is written to stderr; quiet, error and warn switch the progress line off."),
    CRM_OPT_E(S, progress, "log.progress", "auto", progress_names, CRM_OPT_LAYOUT,
              "The progress line on stderr; auto draws it on a terminal (under srun say on)."),
    CRM_OPT_E(S, access, "privacy.access", "owner", access_names, CRM_OPT_LAYOUT,
              "Who may read data sets, models, predictions and checkpoints that are written: their "
              "owner, the owner's group too, or everybody."),
    CRM_OPT_S(S, key_file, "privacy.key", "", CRM_OPT_LAYOUT,
              "File with the secret key of columns that a schema has hashed; the key is neither "
              "stored nor logged."),
    CRM_OPT_R(
        S, stop_grace, "stop.grace", 4, 0, 86400, "s", CRM_OPT_LAYOUT,
        "After a signal to stop (USR1, USR2, TERM, HUP): how long a fit may take to come to a "
        "place where it can be saved, before its process ends without; 0: no limit."),
    {.key = NULL},
};

static crm_status bind(app *a)
{
    CRM_TRY(crm_opt_set_new(&a->opts));
    CRM_TRY(crm_opt_set_add(a->opts, app_opts, &a->cfg));
    CRM_TRY(crm_opt_set_add(a->opts, crm_table_opts, &a->table));
    CRM_TRY(crm_opt_set_add(a->opts, crm_conll_opts, &a->conll));
    CRM_TRY(crm_opt_set_add(a->opts, crm_synth_opts, &a->synth));
    CRM_TRY(crm_opt_set_add(a->opts, crm_eval_opts, &a->eval));
    CRM_TRY(crm_opt_set_add(a->opts, crm_null_opts, &a->null));
    CRM_TRY(crm_opt_set_add(a->opts, crm_record_opts, &a->record));
    CRM_TRY(crm_opt_set_add(a->opts, crm_ckpt_opts, &a->ckpt));
    CRM_TRY(crm_opt_set_add(a->opts, crm_device_opts, &a->gpu));
    CRM_TRY(crm_opt_set_add(a->opts, crm_watchdog_opts, &a->watchdog));
    CRM_TRY(crm_opt_set_add(a->opts, app_segments_opts, &a->segments));
    CRM_TRY(crm_opt_set_add(a->opts, app_embed_opts, &a->embed));
    CRM_TRY(crm_opt_set_add(a->opts, crm_context_opts, &a->context));
    CRM_TRY(crm_opt_set_add(a->opts, crm_sweep_opts, &a->sweep));
    CRM_TRY(crm_opt_set_add(a->opts, crm_sweep_sim_opts, &a->simulate));
    return app_models_new(a);
}

/* train.threads, read back from the set so that no struct layout is assumed here. */
static void find_threads(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    (void)origin;
    if (strcmp(o->key, "train.threads") == 0) sscanf(value, "%lld", (long long *)ctx);
}

static crm_status use(app *a)
{
    long long n = 1;

    crm_log_setup((crm_log_level)a->cfg.log_level, crm_comm_rank(a->world));
    umask(denied[a->cfg.access]);
    CRM_TRY(crm_opt_set_each(a->opts, find_threads, &n));
    return crm_pool_new(n < 1 ? 1 : (int)n, &a->pool);
}

/* A schema that the config names stands beside it; written as an absolute path, so that it is found
 * from anywhere the effective config is read. */
static void find_schema_origin(void *ctx, const crm_opt *o, const char *value, const char *origin)
{
    (void)value;
    if (strcmp(o->key, "data.schema") == 0)
        *(bool *)ctx = origin && strncmp(origin, "--set", 5) != 0;
}

static crm_status place_schema(app *a, const char *name)
{
    char dir[CRM_PATH_MAX] = "", here[CRM_PATH_MAX], beside[CRM_PATH_MAX], whole[CRM_PATH_MAX];
    bool from_file = false;

    if (!a->cfg.data_schema[0] || a->cfg.data_schema[0] == '/') return CRM_OK;
    CRM_TRY(crm_opt_set_each(a->opts, find_schema_origin, &from_file));
    if (name && from_file) CRM_TRY(crm_path_dir(name, dir, sizeof dir));
    if (strcmp(dir, ".") == 0) dir[0] = '\0';
    CRM_CHECK(getcwd(here, sizeof here), CRM_ERR_IO, "the current folder has no name: %s",
              strerror(errno));
    CRM_TRY(crm_path_join(dir, a->cfg.data_schema, beside, sizeof beside));
    CRM_TRY(crm_path_join(here, beside, whole, sizeof whole));
    return crm_opt_set_override(a->opts, "data.schema", whole,
                                from_file ? "derived: beside the config" : "--set");
}

crm_status app_configure(app *a, const char *name, const char *yaml, size_t len)
{
    crm_status st = bind(a);

    if (yaml) crm_str_add(&a->config, yaml, len);
    a->config_name = name;
    if (!st && yaml)
        st = crm_opt_set_load_text(a->opts, name, yaml, len, a->args.set, a->args.n_set);
    if (!st && !yaml) st = crm_opt_set_load(a->opts, NULL, a->args.set, a->args.n_set);
    if (!st) st = place_schema(a, name);
    if (!st) st = app_models_make(a);
    if (!st) st = use(a);
    return crm_comm_agree(a->world, st);
}

/* Rank 0's part: a file too large for a configuration is the wrong file, not a damaged one. */
static crm_status read_text(const char *path, char **yaml, size_t *len)
{
    enum { LIMIT = 1 << 20 };
    int64_t bytes;

    CRM_TRY(crm_path_file_size(path, &bytes));
    CRM_CHECK(bytes <= LIMIT, CRM_ERR_CONFIG,
              "%s: %lld bytes, a config file has at most %d; is it the right file? data are named "
              "by data.path",
              path, (long long)bytes, (int)LIMIT);
    return crm_path_read(path, LIMIT, yaml, len);
}

crm_status app_read_config(app *a, const char *path, char **yaml, size_t *len)
{
    int64_t n = 0;
    crm_status st = CRM_OK;

    *yaml = NULL;
    if (app_is_root(a)) st = read_text(path, yaml, len);
    CRM_TRY(crm_comm_agree(a->world, st));
    if (app_is_root(a)) n = (int64_t)*len;
    CRM_TRY(crm_comm_bcast(a->world, 0, &n, sizeof n));
    *len = (size_t)n;
    if (!app_is_root(a)) *yaml = crm_mem_new((size_t)n + 1, 1);
    if (!*yaml) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", path);
    CRM_TRY(crm_comm_agree(a->world, st));
    return crm_comm_bcast(a->world, 0, *yaml, (size_t)n);
}
