/* table_keyed.c - identifiers as keyed hashes. */
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "table_private.h"

struct table_key {
    size_t len;
    unsigned char bytes[CRM_TABLE_KEY_MAX + 2];
};

/* ---- the key ---- */
static crm_status check_mode(const char *path)
{
    struct stat s;

    CRM_CHECK(stat(path, &s) == 0, CRM_ERR_IO, "%s: the key file cannot be found", path);
    CRM_CHECK((s.st_mode & (S_IRWXG | S_IRWXO)) == 0, CRM_ERR_CONFIG,
              "%s: others than its owner may use the key file (mode %03o); chmod 600 it", path,
              (unsigned)s.st_mode & 0777u);
    return CRM_OK;
}

static crm_status read_key(const char *path, table_key *k)
{
    char *text = NULL;
    size_t len = 0;
    crm_status st;

    CRM_CHECK(sodium_init() >= 0, CRM_ERR_INTERNAL, "libsodium cannot be started");
    CRM_TRY(check_mode(path));
    CRM_TRY(crm_path_read(path, CRM_TABLE_KEY_MAX + 2, &text, &len));
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len < CRM_TABLE_KEY_MIN || len > CRM_TABLE_KEY_MAX)
        CRM_SET(st, CRM_ERR_CONFIG,
                "%s: the key has %zu bytes; allowed: %d to %d (openssl rand -hex 32 makes one)",
                path, len, CRM_TABLE_KEY_MIN, CRM_TABLE_KEY_MAX);
    else
        st = CRM_OK;
    if (!st) memcpy(k->bytes, text, len);
    k->len = len;
    sodium_memzero(text, len);
    crm_mem_free(text);
    return st;
}

crm_status crm_table_key_open(crm_comm *comm, const char *path, table_key **out)
{
    table_key *k = crm_mem_new(1, sizeof *k);
    crm_status st = CRM_OK;

    *out = NULL;
    if (!k) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a key");
    if (!st && crm_comm_rank(comm) == 0) st = read_key(path, k);
    CRM_TRY_TO(st, failed, crm_comm_agree(comm, st));
    CRM_TRY_TO(st, failed, crm_comm_bcast(comm, 0, k, sizeof *k));
    *out = k;
    return CRM_OK;
failed:
    crm_table_key_free(&k);
    return st;
}

void crm_table_key_free(table_key **k)
{
    if (*k) sodium_memzero(*k, sizeof **k);
    crm_mem_free(*k);
    *k = NULL;
}

void crm_table_keyed(const table_key *k, const char *text, size_t len,
                     char out[CRM_TABLE_KEYED + 1])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, k->bytes, k->len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, CRM_TABLE_KEYED + 1, mac, CRM_TABLE_KEYED / 2);
    sodium_memzero(&state, sizeof state);
}

void crm_table_key_check(const table_key *k, char out[CRM_TABLE_KEYED + 1])
{
    static const char text[] = "crmpi\nprivacy.key"; /* no id has a line end as a rule */

    out[0] = '\0';
    if (k) crm_table_keyed(k, text, sizeof text - 1, out);
}

/* ---- which columns ---- */
bool crm_table_is_hashed(const crm_table_schema *s, int t, int c)
{
    const crm_field *f = &s->table[t].column[c];

    /* A chain of references ends at a key that refers to nothing. */
    for (int hops = 0; hops <= s->n; hops++) {
        const crm_table_def *to;
        if (f->hashed) return true;
        if (f->type != CRM_FIELD_ID || f->ref_table < 0) return false;
        to = &s->table[f->ref_table];
        if (to->key < 0) return false;
        f = &to->column[to->key];
    }
    return false;
}

bool crm_table_wants_key(const crm_table_schema *s)
{
    for (int t = 0; t < s->n; t++)
        for (int c = 0; c < s->table[t].n; c++)
            if (s->table[t].column[c].hashed) return true;
    return false;
}

/* ---- a frame ---- */
static bool is_zero(const crm_digest *d)
{
    static const crm_digest zero;

    return memcmp(d, &zero, sizeof zero) == 0;
}

static crm_status hash_ids(const table_key *k, table_cells *c, int64_t n)
{
    char *bytes = crm_mem_new((size_t)n * CRM_TABLE_KEYED + 1, 1);
    int64_t at = 0, begin = 0, changed = 0;

    CRM_CHECK(bytes, CRM_ERR_NOMEM, "out of memory: hashes of %lld ids", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        int64_t end = c->end[i];
        if (!is_zero(&c->key[i])) {
            crm_table_keyed(k, c->bytes + begin, (size_t)(end - begin), bytes + at);
            c->key[i] = crm_digest_of(bytes + at, CRM_TABLE_KEYED);
            changed++;
            at += CRM_TABLE_KEYED;
        }
        c->end[i] = at;
        begin = end;
    }
    if (c->bytes) sodium_memzero(c->bytes, (size_t)begin);
    crm_mem_free(c->bytes);
    c->bytes = bytes;
    c->changed = changed; /* whatever was changed before: each value counts once */
    return CRM_OK;
}

/* Levels are the same on all ranks, so their hashes are. */
static crm_status hash_levels(const table_key *k, table_cells *c, int64_t n)
{
    table_levels hashed = {0};
    const char **sorted = NULL;
    char hex[CRM_TABLE_KEYED + 1];
    int32_t *to = NULL, index;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, failed, to, c->n_levels);
    for (int64_t i = 0; i < c->n_levels; i++) {
        crm_table_keyed(k, c->level[i], strlen(c->level[i]), hex);
        CRM_TRY_TO(st, failed,
                   crm_table_levels_add(&hashed, hex, CRM_TABLE_KEYED, c->n_levels, &index));
    }
    CRM_TRY_TO(st, failed, crm_table_levels_sort(&hashed, &sorted));
    for (int64_t i = 0; i < c->n_levels; i++)
        to[i] = crm_table_levels_find(sorted, hashed.n, crm_table_levels_text(&hashed, i));
    c->changed = 0;
    for (int64_t i = 0; i < n; i++) {
        c->changed += c->code[i] >= 0;
        if (c->code[i] >= 0) c->code[i] = to[c->code[i]];
    }
    crm_table_levels_free(&c->levels);
    crm_mem_free(c->level);
    c->levels = hashed;
    c->level = sorted;
    crm_mem_free(to);
    return CRM_OK;
failed:
    crm_table_levels_free(&hashed);
    crm_mem_free(to);
    return st;
}

static crm_status scrub_texts(table_cells *c, int64_t n)
{
    int64_t at = 0, begin = 0;
    bool changed;

    for (int64_t i = 0; i < n; i++) {
        int64_t end = c->end[i];
        size_t len = crm_table_scrub(c->bytes + begin, (size_t)(end - begin), &changed);
        c->changed += changed;
        CRM_TRY(crm_table_go_on(i));
        if (len) memmove(c->bytes + at, c->bytes + begin, len);
        at += (int64_t)len;
        c->end[i] = at;
        begin = end;
    }
    return CRM_OK;
}

static crm_status make_private(const table_key *key, table_frame *f)
{
    const crm_table_def *t = &f->schema->table[f->table];

    for (int k = 0; k < t->n; k++) {
        table_cells *c = &f->column[k];
        if (t->column[k].type == CRM_FIELD_TEXT && t->column[k].scrubbed)
            CRM_TRY(scrub_texts(c, f->n));
        if (!crm_table_is_hashed(f->schema, f->table, k)) continue;
        CRM_CHECK(key, CRM_ERR_CONFIG,
                  "%s: column '%s' of table '%s' is hashed; privacy.key names no key file",
                  f->schema->path, t->column[k].name, t->name);
        CRM_TRY(t->column[k].type == CRM_FIELD_ID ? hash_ids(key, c, f->n)
                                                  : hash_levels(key, c, f->n));
    }
    return CRM_OK;
}

crm_status crm_table_make_private(crm_comm *comm, const table_key *key, table_frame *f)
{
    return crm_comm_agree(comm, make_private(key, f));
}
