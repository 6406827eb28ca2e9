/* table_later.c - a later export behind the tables of those before it.
 *
 * The tables to be are written whole beside the old ones, then the data set is made from them and
 * takes its place, then they take theirs.  Tables and data set belong together when they have the
 * same source digest; a pair that was cut off between the two renames is put right by the next
 * import, as the tables to be have the data set's digest. */
#include "table_later.h"

#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_stop.h"

static const char IMPORTER[] =
    "crmpi-tables 1"; /* raise it when equal input gives another data set */

/* ---- rows ---- */
crm_status crm_table_rows_read(const table_world *w, const table_key *key, int table,
                               table_frame *f)
{
    CRM_TRY(crm_table_frame_read(w->comm, w->schema, table, w->folder, w->rejects, f));
    CRM_TRY(crm_table_make_private(w->comm, key, f));
    return crm_table_derive(w->comm, f, w->rejects);
}

crm_status crm_table_key_needed(crm_comm *comm, const crm_table_schema *s, const char *key_file,
                                table_key **out)
{
    *out = NULL;
    if (!crm_table_wants_key(s)) return CRM_OK;
    CRM_CHECK(key_file && key_file[0], CRM_ERR_CONFIG,
              "%s: a column is hashed, but there is no key; set privacy.key to a file with one",
              s->path);
    return crm_table_key_open(comm, key_file, out);
}

/* ---- digests ---- */
crm_status crm_table_source_of(const crm_table_schema *s, const crm_digest *source,
                               const table_key *key, crm_digest *out)
{
    char check[CRM_TABLE_KEYED + 1];
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_text(h, IMPORTER);
    crm_hash_add_digest(h, s->digest);
    for (int t = 0; t < s->n; t++)
        crm_hash_add_digest(h, source[t]);
    crm_table_key_check(key, check);
    if (check[0]) crm_hash_add_text(h, check);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

/* Of the data set before, and of what comes behind it. */
static crm_status chain(const char *before, crm_digest last, crm_digest *out)
{
    crm_hash *h;

    CRM_TRY(crm_hash_new(&h));
    crm_hash_add_text(h, before);
    crm_hash_add_digest(h, last);
    *out = crm_hash_value(h);
    crm_hash_free(&h);
    return CRM_OK;
}

/* ---- what stands there ---- */
static crm_status source_of_store(const char *path, const char *kind, char out[CRM_DIGEST_HEX])
{
    crm_store *s = NULL;
    crm_status st = crm_store_open(path, kind, &s);
    const char *text = st ? NULL : crm_store_text(s, "", "source_digest");

    out[0] = '\0';
    if (text && strlen(text) < CRM_DIGEST_HEX) memcpy(out, text, strlen(text) + 1);
    crm_store_close(&s);
    return st;
}

/* Tables that were about to take their place do so when the data set has been made of them. */
static crm_status settle_next(const table_later *x, const char *source)
{
    char next[CRM_DIGEST_HEX];

    if (!crm_path_is_file(x->next)) return CRM_OK;
    if (source_of_store(x->next, "crmpi-tables", next)) crm_err_clear();
    if (!next[0] || strcmp(next, source) != 0) return crm_path_remove(x->next);
    crm_log_line(CRM_LOG_INFO, "import",
                 "%s: the import before was cut off; its tables take their "
                 "place",
                 x->path);
    return crm_path_commit(x->next, x->path);
}

crm_status crm_table_later_settle(crm_comm *comm, const char *store_path)
{
    table_later *x = crm_mem_new(1, sizeof *x);
    char data[CRM_DIGEST_HEX];
    crm_status st = CRM_OK;

    if (!x) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: paths of tables");
    if (!st) st = crm_table_kept_path(store_path, false, x->path, sizeof x->path);
    if (!st) st = crm_table_kept_path(store_path, true, x->next, sizeof x->next);
    if (!st && crm_comm_rank(comm) == 0 && crm_path_is_file(x->next)) {
        st = source_of_store(store_path, "crmpi-dataset", data);
        if (!st) st = settle_next(x, data);
    }
    crm_mem_free(x);
    return crm_comm_agree(comm, st);
}

static crm_status settle_pair(const table_later *x)
{
    char data[CRM_DIGEST_HEX], tables[CRM_DIGEST_HEX];

    CRM_CHECK(crm_path_is_file(x->store_path), CRM_ERR_CONFIG,
              "%s: there is no data set to append to; import the first export without --append, "
              "with data.keep_tables: true",
              x->store_path);
    CRM_TRY(source_of_store(x->store_path, "crmpi-dataset", data));
    CRM_TRY(settle_next(x, data));
    CRM_CHECK(crm_path_is_file(x->path), CRM_ERR_CONFIG,
              "%s: the data set has no tables beside it (%s), since it was imported without "
              "data.keep_tables: true; import all exports with it",
              x->store_path, crm_path_base(x->path));
    CRM_TRY(source_of_store(x->path, "crmpi-tables", tables));
    CRM_CHECK(strcmp(data, tables) == 0, CRM_ERR_FORMAT,
              "%s: these tables do not belong to the data set %s, which was made or replaced "
              "without them; import all exports again",
              x->path, crm_path_base(x->store_path));
    return CRM_OK;
}

/* Rank 0's part. */
static crm_status count_exports(const char *store_path, int64_t *n)
{
    char path[CRM_PATH_MAX], data[CRM_DIGEST_HEX], tables[CRM_DIGEST_HEX];
    crm_store *s = NULL;

    CRM_TRY(crm_table_kept_path(store_path, false, path, sizeof path));
    if (!crm_path_is_file(path) || !crm_path_is_file(store_path)) return CRM_OK;
    CRM_TRY(source_of_store(store_path, "crmpi-dataset", data));
    CRM_TRY(source_of_store(path, "crmpi-tables", tables));
    if (strcmp(data, tables) != 0) return CRM_OK;
    CRM_TRY(crm_store_open(path, "crmpi-tables", &s));
    (void)crm_store_items(s, "exports", n);
    crm_store_close(&s);
    return CRM_OK;
}

crm_status crm_table_kept_exports(crm_comm *comm, const char *store_path, int64_t *n)
{
    *n = 0;
    CRM_TRY(crm_comm_agree(comm, crm_comm_rank(comm) == 0 ? count_exports(store_path, n) : CRM_OK));
    return crm_comm_bcast(comm, 0, n, sizeof *n);
}

static crm_status check_key(const table_kept *old, const table_key *key)
{
    const char *before = crm_store_text(old->store, "", "key_check");
    char now[CRM_TABLE_KEYED + 1];

    crm_table_key_check(key, now);
    CRM_CHECK(before && strcmp(before, now) == 0, CRM_ERR_CONFIG,
              "privacy.key: is another key than that of the exports in %s, so that no hash would "
              "be equal; give the same one",
              crm_store_path(old->store));
    return CRM_OK;
}

/* Runs on the data set as it was have learnt from customers who are still in it. */
static crm_status take_former(table_later *x)
{
    char hex[CRM_DIGEST_HEX];
    const char *const *former;
    const char **all = NULL;
    crm_store *s = NULL;
    int64_t n;
    crm_status st;

    CRM_TRY(crm_store_open(x->store_path, "crmpi-dataset", &s));
    former = crm_store_list(s, "", "former_digests", &n);
    CRM_NEW_TO(st, done, all, n + 1);
    for (int64_t i = 0; i < n; i++)
        all[i] = former[i];
    all[n] = crm_digest_hex(crm_store_digest(s), hex);
    st = crm_table_names_copy(n + 1, all, &x->former);
done:
    crm_mem_free(all);
    crm_store_close(&s);
    return st;
}

static crm_status open_old(crm_comm *comm, const table_world *w, const table_key *key,
                           table_later *x)
{
    CRM_TRY(crm_comm_agree(comm, crm_comm_rank(comm) == 0 ? settle_pair(x) : CRM_OK));
    CRM_TRY(crm_table_kept_open(comm, x->path, w->schema, true, &x->old));
    CRM_TRY(crm_comm_agree(comm, check_key(&x->old, key)));
    return crm_comm_agree(comm, take_former(x));
}

/* ---- the tables to be ---- */
typedef struct stage {
    const table_world *w;
    const table_key *key;
    table_later *x;
    crm_digest *source;               /* [tables] */
    const char **exports;             /* [x->exports] */
    char files[CRM_DIGEST_HEX];       /* of this export */
    char data_source[CRM_DIGEST_HEX]; /* of the data set to be */
    char *text;                       /* of the schema; rank 0's */
    int64_t text_bytes;
} stage;

static crm_status check_stop(crm_comm *comm)
{
    int signal;

    CRM_TRY(crm_comm_stop_signal(comm, &signal));
    CRM_CHECK(!signal, CRM_ERR_STOPPED,
              "stopped by %s: no data set is written; run the same command again to make it",
              crm_stop_name(signal));
    return CRM_OK;
}

static crm_status add_tables(stage *s, table_keeper *k)
{
    table_frame f = {0};
    crm_status st = CRM_OK;

    for (int t = 0; t < s->w->schema->n && !st; t++) {
        CRM_TRY(check_stop(s->w->comm));
        st = crm_table_rows_read(s->w, s->key, t, &f);
        s->source[t] = f.source;
        if (!st) st = crm_table_keeper_add(k, &f);
        if (f.schema) crm_table_frame_free(&f);
    }
    return st;
}

/* Digests of this export and of what the data set is made of; the same on all ranks. */
static crm_status settle_digests(stage *s)
{
    table_later *x = s->x;
    const crm_table_schema *schema = s->w->schema;
    const char *const *before = NULL;
    int64_t n = 0;
    crm_digest files = crm_digest_of(s->source, (size_t)schema->n * sizeof *s->source);

    if (x->old.store) before = crm_store_items(x->old.store, "exports", &n);
    crm_digest_hex(files, s->files);
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(strcmp(before[i], s->files) != 0, CRM_ERR_CONFIG,
                  "%s: the files in %s are already in it (export %lld of %lld); nothing was "
                  "changed",
                  x->store_path, s->w->folder, (long long)i + 1, (long long)n);
    CRM_NEW(s->exports, n + 1);
    for (int64_t i = 0; i < n; i++)
        s->exports[i] = before[i];
    s->exports[n] = s->files;
    x->exports = n + 1;
    CRM_TRY(crm_table_source_of(schema, s->source, s->key, &x->source));
    if (n > 0) CRM_TRY(chain(crm_table_kept_source(&x->old), x->source, &x->source));
    crm_digest_hex(x->source, s->data_source);
    return CRM_OK;
}

/* The text of the schema, where its file still holds it: `forget` has no other.  Rank 0's part. */
static crm_status read_text(stage *s)
{
    const crm_table_schema *schema = s->w->schema;
    crm_table_schema *again = NULL;
    size_t bytes = 0;
    crm_status st;

    if (!crm_path_is_file(schema->path)) return CRM_OK;
    st = crm_path_read(schema->path, 1 << 20, &s->text, &bytes);
    if (!st) st = crm_table_schema_text(schema->path, s->text, bytes, &again);
    if (!st && crm_digest_equal(again->digest, schema->digest)) s->text_bytes = (int64_t)bytes;
    crm_table_schema_free(&again);
    if (st == CRM_ERR_NOMEM) return st;
    crm_err_clear();
    return CRM_OK;
}

static crm_status share_text(stage *s)
{
    crm_comm *comm = s->w->comm;

    CRM_TRY(crm_comm_agree(comm, crm_comm_rank(comm) == 0 ? read_text(s) : CRM_OK));
    return crm_comm_bcast(comm, 0, &s->text_bytes, sizeof s->text_bytes);
}

static crm_status write_next(stage *s, table_keeper *k)
{
    crm_comm *comm = s->w->comm;
    table_later *x = s->x;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, s->source, s->w->schema->n);
done:
    CRM_TRY(crm_comm_agree(comm, st));
    CRM_TRY(crm_table_keeper_open(comm, s->w->schema, x->old.store ? &x->old : NULL, x->next, k));
    CRM_TRY(add_tables(s, k));
    CRM_TRY(crm_comm_agree(comm, settle_digests(s)));
    CRM_TRY(share_text(s));
    {
        char check[CRM_TABLE_KEYED + 1];
        crm_table_key_check(s->key, check);
        return crm_table_keeper_commit(k, s->data_source, x->exports, s->exports, check, s->text,
                                       (size_t)s->text_bytes);
    }
}

crm_status crm_table_later_open(const table_world *w, const table_key *key, const char *store_path,
                                bool append, table_later *x)
{
    stage s = {.w = w, .key = key, .x = x};
    table_keeper k = {0};
    crm_status st;

    *x = (table_later){.store_path = store_path};
    CRM_TRY(crm_table_kept_path(store_path, false, x->path, sizeof x->path));
    CRM_TRY(crm_table_kept_path(store_path, true, x->next, sizeof x->next));
    if (append) CRM_TRY(open_old(w->comm, w, key, x));
    st = write_next(&s, &k);
    crm_table_keeper_abandon(&k);
    crm_mem_free(s.source);
    crm_mem_free(s.exports);
    crm_mem_free(s.text);
    crm_table_kept_close(&x->old);
    return st ? st : crm_table_kept_open(w->comm, x->next, w->schema, false, &x->kept);
}

crm_status crm_table_later_commit(crm_comm *comm, table_later *x)
{
    crm_status st = CRM_OK;

    crm_table_kept_close(&x->kept);
    if (crm_comm_rank(comm) == 0) st = crm_path_commit(x->next, x->path);
    return crm_comm_agree(comm, st);
}

void crm_table_later_close(crm_comm *comm, table_later *x)
{
    bool open = x->kept.store != NULL;

    crm_table_kept_close(&x->old);
    crm_table_kept_close(&x->kept);
    crm_table_names_free(&x->former);
    if (open && crm_comm_rank(comm) == 0 && crm_path_remove(x->next)) crm_err_clear();
}

crm_status crm_table_later_drop(crm_comm *comm, const char *store_path)
{
    char path[CRM_PATH_MAX];
    crm_status st = CRM_OK;

    for (int next = 0; next < 2 && crm_comm_rank(comm) == 0 && !st; next++) {
        st = crm_table_kept_path(store_path, next, path, sizeof path);
        if (!st) st = crm_path_remove(path);
    }
    return crm_comm_agree(comm, st);
}
