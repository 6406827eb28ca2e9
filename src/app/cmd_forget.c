/* cmd_forget.c - take customers out of a data set for good, and name the runs that learnt from
 * them. */
#include <stdio.h>
#include <string.h>

#include "app_forget.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/data_extend.h"
#include "crmpi/data_keep.h"
#include "crmpi/table_schema.h"

/* Lines of which no form is an id of the data set. */
static int64_t count_missed(const id_list *l, const uint8_t *hit, int64_t *first)
{
    int64_t missed = 0;

    for (int64_t i = 0, end; i < l->n; i = end) {
        bool any = false;
        for (end = i; end < l->n && l->line[end] == l->line[i]; end++)
            any = any || hit[end];
        if (!any && missed++ == 0) *first = l->line[i];
    }
    return missed;
}

/* Rows that stay, and how many do not.  Ids that no row has are told by their lines: they are
 * personal data themselves. */
static crm_status choose_rows(const app *a, const crm_data *d, const id_list *l, uint8_t **keep,
                              int64_t *gone)
{
    int64_t rows = crm_data_rows(d), found = 0, missed, first = 0;
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
    missed = count_missed(l, hit, &first);
    if (app_is_root(a) && missed > 0)
        printf("%lld of %lld ids are not in the data set (the first on line %lld of %s)\n",
               (long long)missed, (long long)l->lines, (long long)first, a->args.ids);
    *gone = found;
done:
    crm_mem_free(hit);
    return st;
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

    CRM_TRY(crm_table_forget(a->world, crm_data_path(d), l->n, l->id, &rows));
    CRM_CHECK(gone > 0 || rows > 0, CRM_ERR_FORMAT,
              "%s: none of its %lld ids is in %s; nothing was changed (ids must stand as describe "
              "and predict write them, keyed hashes where the schema has them hashed)",
              a->args.ids, (long long)l->lines, crm_data_path(d));
    if (app_is_root(a) && rows >= 0)
        printf("%lld rows taken out of the tables that are kept for later exports\n",
               (long long)rows);
    return CRM_OK;
}

/* ---- what stands beside the data set ---- */
static crm_status note_path(const crm_data *d, char *path, size_t cap)
{
    int n = snprintf(path, cap, "%s.md", crm_data_path(d));

    CRM_CHECK(n > 0 && (size_t)n < cap, CRM_ERR_CONFIG, "%s.md: the path is too long",
              crm_data_path(d));
    return CRM_OK;
}

/* The report on columns has quantiles and extremes that may be those of who goes. */
static crm_status remove_note(const app *a, const crm_data *d)
{
    char path[CRM_PATH_MAX];
    crm_status st = CRM_OK;

    if (app_is_root(a)) {
        st = note_path(d, path, sizeof path);
        if (!st) st = crm_path_remove(path);
    }
    return crm_comm_agree(a->world, st);
}

static crm_status write_note(const char *path)
{
    return app_write_dictionary(
        path, "Customers were taken out of the data set since it was made, and the report on its "
              "columns as they were read went with them; `crmpi describe` has the figures of what "
              "is left.\n");
}

/* Columns that a model has made of texts, when it learnt from the data set as it is or was. */
static void tell_annotations(const crm_data *d)
{
    int64_t n, n_former;
    const char *const *note = crm_data_annotations(d, &n);
    const char *const *former = crm_data_former(d, &n_former);
    char hex[CRM_DIGEST_HEX];

    crm_digest_hex(crm_data_digest(d), hex);
    for (int64_t i = 0; i < n; i++) {
        bool learnt = strstr(note[i], hex) != NULL;
        for (int64_t k = 0; k < n_former; k++)
            learnt = learnt || strstr(note[i], former[k]) != NULL;
        if (learnt)
            printf("columns of texts come from a model that learnt from them (%s): annotate anew "
                   "with a model that has not\n",
                   note[i]);
    }
}

/* ---- */
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
    return crm_comm_agree(a->world, app_is_root(a) ? write_note(crm_data_path(d)) : CRM_OK);
}

/* Nobody is left: the files go.  The data set is the last, so that a command that was cut off finds
 * them again. */
static crm_status remove_all(const app *a, const crm_data *d)
{
    static const char *const beside[] = {".tables.next.h5", ".tables.h5", ""};
    char path[CRM_PATH_MAX];
    crm_status st = CRM_OK;

    for (size_t i = 0; i < sizeof beside / sizeof *beside && !st && app_is_root(a); i++) {
        snprintf(path, sizeof path, "%s%s", crm_data_path(d), beside[i]);
        st = crm_path_remove(path);
    }
    if (!st && app_is_root(a))
        printf("%s: all %lld rows taken out; the data set was removed, and the tables kept beside "
               "it\n",
               crm_data_path(d), (long long)crm_data_rows(d));
    return crm_comm_agree(a->world, st);
}

/* Rows of the data set. */
static crm_status forget_rows(const app *a, const crm_data *d, const id_list *l,
                              const uint8_t *keep, int64_t gone)
{
    CRM_TRY(remove_note(a, d));
    if (gone == crm_data_rows(d)) return remove_all(a, d);
    CRM_TRY(forget_tables(a, d, l, gone));
    return keep_rows(a, d, keep);
}

/* Told first: when the rows are gone nobody can tell any more who was meant. */
static crm_status forget(app *a, const crm_data *d)
{
    id_list l = {0};
    uint8_t *keep = NULL;
    int64_t gone = 0, former;
    crm_status st;

    (void)crm_data_former(d, &former);
    CRM_TRY_TO(st, done, app_read_ids(a, &l));
    CRM_TRY_TO(st, done, crm_data_verify(a->world, d));
    CRM_TRY_TO(st, done, choose_rows(a, d, &l, &keep, &gone));
    if (app_is_root(a) && (gone > 0 || former > 0)) st = app_tell_places(a, d, &l, gone > 0);
    if (!st && app_is_root(a) && gone > 0) tell_annotations(d);
    CRM_TRY_TO(st, done, crm_comm_agree(a->world, st));
    st = gone > 0 ? forget_rows(a, d, &l, keep, gone) : forget_tables(a, d, &l, gone);
done:
    app_free_ids(&l);
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
