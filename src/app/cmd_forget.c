/* cmd_forget.c - take customers out of a data set for good, and name the runs that learnt from
 * them. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/data_keep.h"
#include "crmpi/table_schema.h"

enum { IDS_MAX = 1 << 30, DEPTH_MAX = 4 };

/* Ids of a file, one a line. */
typedef struct id_list {
    char *text;
    int64_t n;
    const char **id; /* [n] in text */
    int64_t *line;   /* [n]         */
} id_list;

static void ids_free(id_list *l)
{
    crm_mem_free(l->text);
    crm_mem_free(l->id);
    crm_mem_free(l->line);
}

/* ---- ids ---- */
static crm_status split_lines(const char *path, size_t len, id_list *l)
{
    int64_t lines = 1, at = 0;

    for (size_t i = 0; i < len; i++)
        lines += l->text[i] == '\n';
    CRM_NEW(l->id, lines);
    CRM_NEW(l->line, lines);
    for (char *s = l->text; s; at++) {
        char *end = strchr(s, '\n');
        size_t n = end ? (size_t)(end - s) : strlen(s);
        if (n > 0 && s[n - 1] == '\r') n--;
        s[n] = '\0';
        if (n > 0) {
            l->id[l->n] = s;
            l->line[l->n++] = at + 1;
        }
        s = end ? end + 1 : NULL;
    }
    CRM_CHECK(l->n > 0, CRM_ERR_FORMAT, "%s: holds no id; one a line is needed", path);
    return CRM_OK;
}

static crm_status read_ids(const app *a, id_list *l)
{
    size_t len = 0;
    int64_t bytes = 0;
    crm_status st = CRM_OK;

    if (app_is_root(a)) st = crm_path_read(a->args.ids, IDS_MAX, &l->text, &len);
    CRM_TRY(crm_comm_agree(a->world, st));
    bytes = (int64_t)len;
    CRM_TRY(crm_comm_bcast(a->world, 0, &bytes, sizeof bytes));
    if (!app_is_root(a)) l->text = crm_mem_new((size_t)bytes + 1, 1);
    if (!l->text) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", a->args.ids);
    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(crm_comm_bcast(a->world, 0, l->text, (size_t)bytes));
    return crm_comm_agree(a->world, split_lines(a->args.ids, (size_t)bytes, l));
}

/* Rows that stay, and how many do not.  Ids that no row has are told by their lines: they are
 * personal data themselves. */
static crm_status choose_rows(const app *a, const crm_data *d, const id_list *l, uint8_t **keep,
                              int64_t *gone)
{
    int64_t rows = crm_data_rows(d), found = 0, missed = 0, first = 0;
    uint8_t *hit = NULL;
    crm_status st = CRM_OK;

    *keep = crm_mem_new((size_t)rows, 1);
    hit = crm_mem_new((size_t)l->n, 1);
    if (!*keep || !hit) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)rows);
    if (!st) st = crm_data_find_ids(d, l->n, l->id, *keep, hit);
    CRM_TRY_TO(st, done, crm_comm_agree(a->world, st));
    for (int64_t i = 0; i < rows; i++) {
        found += (*keep)[i];
        (*keep)[i] = !(*keep)[i];
    }
    for (int64_t i = 0; i < l->n; i++) {
        if (!hit[i] && missed++ == 0) first = l->line[i];
    }
    if (app_is_root(a) && missed > 0)
        printf("%lld of %lld ids are not in the data set (the first on line %lld of %s)\n",
               (long long)missed, (long long)l->n, (long long)first, a->args.ids);
    *gone = found;
done:
    crm_mem_free(hit);
    return st;
}

/* ---- runs that learnt from the data set ---- */
static bool same_digest(const crm_data *d, const char *digest)
{
    char hex[CRM_DIGEST_HEX];
    int64_t n;
    const char *const *former = crm_data_former(d, &n);

    if (strcmp(crm_digest_hex(crm_data_digest(d), hex), digest) == 0) return true;
    for (int64_t i = 0; i < n; i++)
        if (strcmp(former[i], digest) == 0) return true;
    return false;
}

/* One line when the folder is a run on the data set, as it is or as it was. */
static int tell_run(const crm_data *d, const char *dir)
{
    char data[CRM_DIGEST_HEX] = "", command[32] = "";

    crm_record_read_note(dir, "digests.data", data, sizeof data);
    if (!data[0] || !same_digest(d, data)) return 0;
    crm_record_read_note(dir, "command", command, sizeof command);
    printf("learnt from them: %s (%s)\n", dir, command);
    return 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* Runs in a folder and below; links are not followed into folders that are deeper than DEPTH_MAX.
 */
static int tell_runs(const crm_data *d, const char *dir, int depth)
{
    char path[CRM_PATH_MAX];
    struct dirent **entry = NULL;
    int n, told = 0;

    if (crm_path_join(dir, "run.json", path, sizeof path)) return 0;
    if (crm_path_is_file(path)) return tell_run(d, dir);
    n = depth < DEPTH_MAX ? scandir(dir, &entry, visible, by_name) : 0;
    for (int i = 0; i < n; i++) {
        if (!crm_path_join(dir, entry[i]->d_name, path, sizeof path) && crm_path_is_dir(path))
            told += tell_runs(d, path, depth + 1);
        free(entry[i]);
    }
    free(entry);
    crm_err_clear();
    return told;
}

static crm_status tell_all_runs(const app *a, const crm_data *d)
{
    char dir[CRM_PATH_MAX];
    int n;

    if (!app_is_root(a)) return CRM_OK;
    if (a->args.runs)
        CRM_TRY(crm_path_join("", a->args.runs, dir, sizeof dir));
    else
        CRM_TRY(crm_path_dir(crm_data_path(d), dir, sizeof dir));
    n = tell_runs(d, dir, 0);
    printf("%d run%s in %s learnt from this data set%s\n", n, n == 1 ? "" : "s", dir,
           n > 0
               ? ": their models and predictions still hold what they learnt; train them again, or "
                 "remove them"
               : "");
    return CRM_OK;
}

/* ---- */
static crm_status need_ids(const crm_data *d)
{
    crm_ids ids = crm_data_ids(d);

    CRM_CHECK(
        ids.number || ids.first, CRM_ERR_CONFIG,
        "%s: its rows have no ids, so nobody can be found in it; import it again with data.id",
        crm_data_path(d));
    return CRM_OK;
}

/* First out of the tables that a later export would bring back: cut off behind that, the customers
 * are still found in the data set. */
static crm_status forget_tables(const app *a, const crm_data *d, const id_list *l, int64_t gone)
{
    int64_t rows = -1;

    if (gone < crm_data_rows(d))
        CRM_TRY(crm_table_forget(a->world, crm_data_path(d), l->n, l->id, &rows));
    CRM_CHECK(gone > 0 || rows > 0, CRM_ERR_FORMAT,
              "%s: none of its %lld ids is in %s; nothing was changed (ids must stand as describe "
              "and predict write them, keyed hashes where the schema has them hashed)",
              a->args.ids, (long long)l->n, crm_data_path(d));
    if (app_is_root(a) && rows >= 0)
        printf("%lld rows taken out of the tables that are kept for later exports\n",
               (long long)rows);
    return CRM_OK;
}

static crm_status keep_rows(const app *a, const crm_data *d, const uint8_t *keep)
{
    crm_kept kept;
    char hex[CRM_DIGEST_HEX];
    int64_t rows = crm_data_rows(d);

    CRM_TRY(crm_data_keep(a->world, d, keep, crm_data_path(d), &kept));
    if (app_is_root(a))
        printf("%s: %lld of %lld rows taken out; %lld rows, %lld events, %lld documents stay\n"
               "%lld categories and %lld words that only they had are gone too\ndigest %s\n",
               crm_data_path(d), (long long)(rows - kept.rows), (long long)rows,
               (long long)kept.rows, (long long)kept.events, (long long)kept.documents,
               (long long)kept.levels, (long long)kept.words, crm_digest_hex(kept.digest, hex));
    return crm_comm_agree(a->world, tell_all_runs(a, d));
}

static crm_status forget(app *a, const crm_data *d)
{
    id_list l = {0};
    uint8_t *keep = NULL;
    int64_t gone = 0;
    crm_status st;

    CRM_TRY_TO(st, done, read_ids(a, &l));
    CRM_TRY_TO(st, done, crm_data_verify(a->world, d));
    CRM_TRY_TO(st, done, choose_rows(a, d, &l, &keep, &gone));
    CRM_TRY_TO(st, done, forget_tables(a, d, &l, gone));
    if (gone > 0) CRM_TRY_TO(st, done, keep_rows(a, d, keep));
done:
    ids_free(&l);
    crm_mem_free(keep);
    return st;
}

crm_status cmd_forget(app *a)
{
    crm_data *d = NULL;
    crm_status st;

    CRM_CHECK(a->args.operand, CRM_ERR_CONFIG, "forget needs a DATASET");
    CRM_CHECK(a->args.ids, CRM_ERR_CONFIG,
              "forget needs --ids FILE: the ids to be taken out, one a line");
    CRM_TRY(crm_comm_agree(a->world, crm_data_open(a->args.operand, &d)));
    st = need_ids(d);
    if (!st) st = forget(a, d);
    crm_data_close(&d);
    return st;
}
