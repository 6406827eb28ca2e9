/* table_clean_twins.c - rows that come more than once.
 *
 * Exact: a row is the digest of its cells; the first row with a digest stays (table_index).
 * Near: rows are put into groups by the digest of their key and of all that is no number, texts
 * without case, blanks and punctuation.  A group is on one rank, chosen by the digest; there a row
 * goes when a row before it stays whose numbers are all near (table_clean_near). */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "crmpi/text.h"
#include "table_clean.h"
#include "table_route.h"

static void add_bytes(crm_str *out, const void *data, size_t len)
{
    crm_str_add(out, data, len);
}

/* Length first, so that texts next to each other stay apart. */
static void add_text(crm_str *out, const char *text, size_t len)
{
    add_bytes(out, &len, sizeof len);
    add_bytes(out, text, len);
}

/* ---- the same in all columns ---- */
static void add_cell(crm_str *out, const crm_field *c, const table_cells *v, int64_t i)
{
    double x;
    size_t len;
    const char *text;

    switch (c->type) {
    case CRM_FIELD_REAL:
        x = isnan(v->real[i]) ? (double)NAN : v->real[i] + 0.0;
        add_bytes(out, &x, sizeof x);
        break;
    case CRM_FIELD_INTEGER:
    case CRM_FIELD_BOOLEAN:
    case CRM_FIELD_TIME:
        add_bytes(out, &v->whole[i], sizeof *v->whole);
        break;
    case CRM_FIELD_CATEGORY:
        add_bytes(out, &v->code[i], sizeof *v->code);
        break;
    case CRM_FIELD_ID:
        add_bytes(out, &v->key[i], sizeof *v->key);
        break;
    case CRM_FIELD_TEXT:
        text = crm_table_cell_text(v, i, &len);
        add_text(out, text, len);
        break;
    case CRM_FIELD_IGNORE:
    case CRM_FIELD_TYPE_COUNT:
        break;
    }
}

static crm_status row_digests(const table_cleaner *c, crm_digest **out)
{
    crm_str row = {0};
    crm_status st = CRM_OK;

    CRM_NEW(*out, c->frame->n);
    for (int64_t i = 0; i < c->frame->n && !row.failed; i++) {
        row.len = 0;
        for (int k = 0; k < c->def->n; k++)
            add_cell(&row, &c->def->column[k], &c->frame->column[k], i);
        (*out)[i] = crm_digest_of(row.len ? row.text : "", row.len);
    }
    if (row.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: the text of a row");
    crm_str_free(&row);
    return st;
}

/* keep[i] = 0 where an earlier row has the same digest. */
static crm_status first_only(const table_cleaner *c, const crm_digest *digest, uint8_t *keep,
                             int64_t *repeated)
{
    table_index *x = NULL;
    int64_t *row = crm_mem_new((size_t)c->frame->n, sizeof *row);
    crm_status st = CRM_OK;

    if (!row) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)c->frame->n);
    CRM_TRY_TO(st, done, crm_comm_agree(c->comm, st));
    CRM_TRY_TO(st, done,
               crm_table_index_new(c->comm, digest, c->frame->n, c->frame->before, repeated, &x));
    CRM_TRY_TO(st, done, crm_table_index_find(c->comm, x, digest, c->frame->n, row));
    for (int64_t i = 0; i < c->frame->n; i++)
        keep[i] = row[i] == c->frame->before + i;
done:
    crm_table_index_free(&x);
    crm_mem_free(row);
    return st;
}

static crm_status drop_exact(const table_cleaner *c, uint8_t *keep)
{
    crm_digest *digest = NULL;
    crm_status st = crm_comm_agree(c->comm, row_digests(c, &digest));

    if (!st) st = first_only(c, digest, keep, &c->quality->duplicates);
    crm_mem_free(digest);
    return st;
}

/* ---- nearly the same ---- */
/* Letters and digits of a token, in no case: all else is punctuation. */
static crm_status add_letters(void *ctx, const char *token, size_t len)
{
    char letters[3 * CRM_TOKEN_MAX + 1];

    add_bytes(ctx, letters, crm_text_letters(token, len, letters));
    return CRM_OK;
}

static crm_status add_folded(crm_str *out, const char *text, size_t len)
{
    size_t at = out->len, n = 0;

    add_bytes(out, &n, sizeof n);
    CRM_TRY(crm_text_split(text, len, add_letters, out, NULL));
    if (out->failed) return CRM_OK; /* told by the caller */
    n = out->len - at - sizeof n;
    memcpy(out->text + at, &n, sizeof n);
    return CRM_OK;
}

/* All that is no number, and which numbers are missing. */
static crm_status add_plain_cell(crm_str *out, const crm_field *c, const table_cells *v, int64_t i)
{
    char missing = (char)crm_table_cell_missing(c, v, i);
    const char *text;
    size_t len;

    add_bytes(out, &missing, 1);
    if (missing || crm_table_is_number(c->type)) return CRM_OK;
    if (c->type == CRM_FIELD_CATEGORY) {
        text = v->level[v->code[i]];
        return add_folded(out, text, strlen(text));
    }
    if (c->type == CRM_FIELD_TEXT) {
        text = crm_table_cell_text(v, i, &len);
        return add_folded(out, text, len);
    }
    add_cell(out, c, v, i);
    return CRM_OK;
}

/* An item that is sent: the group and the numbers. */
typedef struct twins {
    const table_cleaner *c;
    int n_numbers;
    size_t size; /* of an item: digest, then numbers */
    char *item;  /* [rows][size] */
    int32_t *to; /* [rows] */
} twins;

static crm_status fill_item(const twins *t, int64_t i, crm_str *row)
{
    const table_cleaner *c = t->c;
    char *item = t->item + (size_t)i * t->size, *number = item + sizeof(crm_digest);
    crm_digest group;

    row->len = 0;
    for (int k = 0; k < c->def->n; k++) {
        const crm_field *f = &c->def->column[k];
        if (f->type == CRM_FIELD_IGNORE) continue;
        CRM_TRY(add_plain_cell(row, f, &c->frame->column[k], i));
        if (!crm_table_is_number(f->type)) continue;
        double x = crm_table_cell_number(f, &c->frame->column[k], i);
        memcpy(number, &x, sizeof x);
        number += sizeof x;
    }
    CRM_CHECK(!row->failed, CRM_ERR_NOMEM, "out of memory: the text of a row");
    group = crm_digest_of(row->text, row->len);
    memcpy(item, &group, sizeof group);
    t->to[i] = (int32_t)(group.hi % (uint64_t)crm_comm_size(c->comm));
    return CRM_OK;
}

static crm_status fill_items(twins *t)
{
    const table_cleaner *c = t->c;
    const crm_field *key = &c->def->column[c->def->key];
    crm_str row = {0};
    crm_status st = CRM_OK;

    CRM_NEW(t->to, c->frame->n);
    t->item = crm_mem_new((size_t)c->frame->n, t->size);
    CRM_CHECK(t->item, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes", (long long)c->frame->n,
              t->size);
    for (int64_t i = 0; i < c->frame->n && !st; i++)
        if ((st = crm_table_go_on(i)))
            break;
        else if (crm_table_cell_missing(key, &c->frame->column[c->def->key], i))
            t->to[i] = -1;
        else
            st = fill_item(t, i, &row);
    crm_str_free(&row);
    return st;
}

/* The groups on their ranks; near [rows] of this rank comes back. */
static crm_status ask_groups(const twins *t, uint8_t *near, int64_t *uncompared)
{
    crm_comm *comm = t->c->comm;
    table_route r = {0};
    uint8_t *answer = NULL;
    void *in = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_table_route_new(comm, t->to, t->c->frame->n, &r));
    CRM_TRY_TO(st, done, crm_table_route_items(&r, t->item, t->size, &in));
    answer = crm_mem_new((size_t)r.n_in, 1);
    if (!answer) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)r.n_in);
    if (!st)
        st = crm_table_near(&(table_near){in, r.n_in, t->size, t->n_numbers}, answer, uncompared);
    CRM_TRY_TO(st, done, crm_comm_agree(comm, st));
    st = crm_table_route_back(&r, answer, 1, near);
done:
    crm_table_route_free(&r);
    crm_mem_free(in);
    crm_mem_free(answer);
    return st;
}

/* keep[i] of the frame without exact duplicates. */
static crm_status drop_near(const table_cleaner *c, uint8_t *keep)
{
    twins t = {.c = c};
    int64_t count[2] = {0};
    crm_status st;

    for (int k = 0; k < c->def->n; k++)
        t.n_numbers += crm_table_is_number(c->def->column[k].type);
    t.size = sizeof(crm_digest) + (size_t)t.n_numbers * sizeof(double);
    st = crm_comm_agree(c->comm, fill_items(&t));
    memset(keep, 0, (size_t)c->frame->n);
    if (!st) st = ask_groups(&t, keep, &count[1]);
    for (int64_t i = 0; i < c->frame->n; i++) {
        count[0] += keep[i];
        keep[i] = !keep[i];
    }
    if (!st) st = crm_comm_sum_i64(c->comm, count, 2);
    c->quality->near_duplicates = count[0];
    c->quality->uncompared = count[1];
    crm_mem_free(t.item);
    crm_mem_free(t.to);
    return st;
}

crm_status crm_table_clean_duplicates(table_cleaner *c)
{
    uint8_t *keep;
    crm_status st = CRM_OK;

    if (c->def->duplicates == CRM_DUPLICATES_KEEP) return CRM_OK;
    keep = crm_mem_new((size_t)c->frame->n, 1);
    if (!keep) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %lld rows", (long long)c->frame->n);
    st = crm_comm_agree(c->comm, st);
    if (!st) st = drop_exact(c, keep);
    if (!st) st = crm_table_frame_keep(c->comm, c->frame, keep);
    if (!st && c->def->duplicates == CRM_DUPLICATES_NEAR && c->def->key >= 0) {
        st = drop_near(c, keep);
        if (!st) st = crm_table_frame_keep(c->comm, c->frame, keep);
    }
    crm_mem_free(keep);
    return st;
}
