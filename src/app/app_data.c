/* app_data.c - from data.path to an open data set. */
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"
#include "crmpi/table_schema.h"

crm_status app_need_path(const app *a)
{
    int64_t bytes;
    crm_status st = CRM_OK;

    if (!a->cfg.data_path[0])
        CRM_SET(st, CRM_ERR_CONFIG,
                "data.path is not set; give it in the config or as --set "
                "data.path=FILE");
    else if (app_is_root(a) && !(app_has_tables(a) && crm_path_is_dir(a->cfg.data_path)))
        st = crm_path_file_size(a->cfg.data_path, &bytes);
    return crm_comm_agree(a->world, st);
}

bool app_is_conll(const app *a)
{
    return !app_has_tables(a) && crm_conll_is(&a->conll, a->cfg.data_path);
}

bool app_has_tables(const app *a)
{
    return a->cfg.data_schema[0] != '\0';
}

/* "runs/telecom/" -> "runs/telecom.h5" */
static crm_status beside(const char *path, char *out, size_t cap)
{
    size_t n = strlen(path);
    int k;

    while (n > 1 && path[n - 1] == '/')
        n--;
    k = snprintf(out, cap, "%.*s.h5", (int)n, path);
    CRM_CHECK(k > 0 && (size_t)k < cap, CRM_ERR_CONFIG, "--out: the path is too long");
    return CRM_OK;
}

static crm_status store_name(const app *a, char *out, size_t cap)
{
    const char *base, *dot;
    int n;

    if (a->cfg.data_store[0]) return crm_path_join("", a->cfg.data_store, out, cap);
    if (a->args.out) return beside(a->args.out, out, cap);
    base = crm_path_base(app_has_tables(a) ? a->cfg.data_schema : a->cfg.data_path);
    dot = app_has_tables(a) ? strstr(base, ".schema.") : NULL; /* shop.schema.yaml -> shop.h5 */
    if (!dot) dot = strrchr(base, '.');
    n = snprintf(out, cap, "%.*s.h5", dot ? (int)(dot - base) : (int)strlen(base), base);
    CRM_CHECK(n > 0 && (size_t)n < cap, CRM_ERR_CONFIG, "data.path: the name is too long");
    return CRM_OK;
}

/* NULL when a data set may take the place of this file, else what the file is. */
static const char *why_not_replace(const char *path)
{
    crm_store *s = NULL;
    crm_status st;

    if (!crm_path_exists(path) || crm_path_is_dir(path)) return NULL;
    if (!crm_path_is_file(path)) return "no file but a device or a pipe";
    if (!crm_store_is_hdf5(path)) return "not an HDF5 file";
    st = crm_store_open(path, "crmpi-dataset", &s);
    crm_store_close(&s);
    crm_err_clear();
    return st ? "not a data set of crmpi, or a damaged one" : NULL;
}

crm_status app_may_replace(const app *a, const char *key, const char *path)
{
    const char *why = app_is_root(a) ? why_not_replace(path) : NULL;
    crm_status st = CRM_OK;

    if (why)
        CRM_SET(st, CRM_ERR_CONFIG,
                "%s: %s is there and is %s, a data set would replace it; name another file, or "
                "remove this one",
                key, path, why);
    return crm_comm_agree(a->world, st);
}

crm_status app_store_path(const app *a, char *out, size_t cap)
{
    char dir[CRM_PATH_MAX];
    crm_status st = store_name(a, out, cap);

    if (!st && app_is_root(a)) {
        st = crm_path_dir(out, dir, sizeof dir);
        if (!st) st = crm_path_mkdirs(dir);
    }
    CRM_TRY(crm_comm_agree(a->world, st));
    return app_may_replace(a, a->cfg.data_store[0] ? "data.store" : "data set beside --out", out);
}

static crm_status tables_digest(app *a, crm_digest *out)
{
    crm_table_schema *s = NULL;
    crm_status st = crm_comm_agree(a->world, crm_table_schema_open(a->cfg.data_schema, &s));

    if (!st) st = crm_table_schema_source(a->world, s, a->cfg.data_path, a->cfg.key_file, out);
    crm_table_schema_free(&s);
    return st;
}

/* Digest of the CSV, or of the tables of the schema, taken once. */
static crm_status source_digest(app *a, crm_digest *out)
{
    if (!a->source_known && app_has_tables(a))
        CRM_TRY(tables_digest(a, &a->source));
    else if (!a->source_known && app_is_conll(a))
        CRM_TRY(crm_conll_source_digest(a->world, &a->conll, a->table.target, a->cfg.data_path,
                                        &a->source));
    else if (!a->source_known)
        CRM_TRY(crm_table_source_digest(a->world, &a->table, a->cfg.data_path, &a->source));
    a->source_known = true;
    *out = a->source;
    return CRM_OK;
}

/* Whether data.path is a data set; the same answer on all ranks. */
static crm_status is_data_set(app *a, int64_t *hdf5)
{
    *hdf5 = 0;
    CRM_TRY(app_need_path(a));
    if (app_is_root(a))
        *hdf5 = !crm_path_is_dir(a->cfg.data_path) && crm_store_is_hdf5(a->cfg.data_path);
    return crm_comm_bcast(a->world, 0, hdf5, sizeof *hdf5);
}

crm_status app_data_digest(app *a, crm_digest *out)
{
    crm_data *d = NULL;
    int64_t hdf5;

    CRM_TRY(is_data_set(a, &hdf5));
    if (!hdf5) return source_digest(a, out);
    CRM_TRY(crm_comm_agree(a->world, crm_data_open(a->cfg.data_path, &d)));
    *out = crm_data_digest(d);
    crm_data_close(&d);
    return CRM_OK;
}

/* True when the store was imported from this very file with these options.  The same answer on all
 * ranks. */
static crm_status is_fresh(app *a, const char *store, int64_t *fresh)
{
    char hex[CRM_DIGEST_HEX];
    crm_data *d = NULL;
    crm_digest source;

    *fresh = 0;
    CRM_TRY(source_digest(a, &source));
    if (app_is_root(a) && crm_path_is_file(store) && crm_data_open(store, &d) == CRM_OK)
        *fresh = strcmp(crm_data_source_digest(d), crm_digest_hex(source, hex)) == 0;
    crm_data_close(&d);
    crm_err_clear();
    return crm_comm_bcast(a->world, 0, fresh, sizeof *fresh);
}

static crm_status import_csv(app *a, const char *store)
{
    crm_table_info info = {0};
    crm_status st = crm_table_import(a->world, &a->table, a->cfg.data_path, store, NULL, &info);

    if (!st)
        crm_log_line(CRM_LOG_INFO, "import",
                     "%s: %lld rows, %d numeric and %d categorical columns -> %s", a->cfg.data_path,
                     (long long)info.rows, info.n_num, info.n_cat, store);
    crm_table_info_free(&info);
    return st;
}

static crm_status import_conll(app *a, const char *store)
{
    crm_conll_info info;

    CRM_TRY(crm_conll_import(a->world, &a->conll, a->table.target, a->cfg.data_path, store, &info));
    crm_log_line(CRM_LOG_INFO, "import", "%s: %lld rows, %lld sentences, %lld tokens -> %s",
                 a->cfg.data_path, (long long)info.rows, (long long)info.sentences,
                 (long long)info.tokens, store);
    return CRM_OK;
}

crm_status app_import_tables(app *a, const char *store, const crm_table_like *like,
                             crm_table_tables *info)
{
    crm_table_schema *s = NULL;
    crm_status st = crm_comm_agree(a->world, crm_table_schema_open(a->cfg.data_schema, &s));

    *info = (crm_table_tables){0};
    if (!st && (like || !(a->cfg.keep_tables || a->args.append)))
        st = crm_table_import_schema(a->world, s, a->cfg.data_path, a->cfg.key_file, store, like,
                                     info);
    else if (!st)
        st = crm_table_import_kept(a->world, s, a->cfg.data_path, a->cfg.key_file, store,
                                   a->args.append, info);
    if (!st)
        crm_log_line(CRM_LOG_INFO, "import", "%s: %lld rows, %lld events, %lld documents -> %s",
                     a->cfg.data_path, (long long)info->entities, (long long)info->events,
                     (long long)info->documents, store);
    crm_table_schema_free(&s);
    return st;
}

static crm_status import_if_needed(app *a, const char *store)
{
    crm_table_tables tables;
    int64_t fresh, exports;
    crm_status st;

    CRM_TRY(is_fresh(a, store, &fresh));
    if (fresh) {
        crm_log_line(CRM_LOG_INFO, "import", "%s is up to date with %s", store, a->cfg.data_path);
        return CRM_OK;
    }
    if (app_is_conll(a)) return import_conll(a, store);
    if (!app_has_tables(a)) return import_csv(a, store);
    CRM_TRY(crm_table_kept_exports(a->world, store, &exports));
    CRM_CHECK(exports < 2, CRM_ERR_CONFIG,
              "%s: is made of %lld exports, and an import of %s would leave one; name the data set "
              "itself as data.path, or another data.store (import --append adds an export)",
              store, (long long)exports, a->cfg.data_path);
    st = app_import_tables(a, store, NULL, &tables);
    crm_table_tables_free(&tables);
    return st;
}

/* The content of a data set is compared with its digest before anything is learnt from it. */
static crm_status open_verified(const app *a, const char *path, crm_data **out)
{
    CRM_TRY(crm_comm_agree(a->world, crm_data_open(path, out)));
    return crm_data_verify(a->world, *out);
}

crm_status app_take_units(const app *a, crm_data **d)
{
    if (a->cfg.units != APP_DOCUMENTS) return CRM_OK;
    return crm_comm_agree(a->world, crm_data_take_documents(d));
}

static crm_status open_rows(app *a, crm_data **out)
{
    char store[CRM_PATH_MAX];
    int64_t hdf5;

    *out = NULL;
    CRM_TRY(is_data_set(a, &hdf5));
    if (hdf5) return open_verified(a, a->cfg.data_path, out);
    CRM_TRY(app_store_path(a, store, sizeof store));
    CRM_TRY(import_if_needed(a, store));
    return open_verified(a, store, out);
}

crm_status app_open_data(app *a, crm_data **out)
{
    CRM_TRY(open_rows(a, out));
    return app_take_units(a, out);
}
