/* data_extend.c - a data set with more columns: every array is copied as it is but the numbers of
 * the profile and the data dictionary, which get wider and longer. */
#include "crmpi/data_extend.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "data_impl.h"

enum { TEXTS = 7, PIECE = 4 << 20 }; /* bytes of rows that are put together at a time */
static const char NUM[] = "profile/num", MISSING[] = "dictionary/missing";
static const char *const dictionary_texts[TEXTS] = {
    "dictionary/block",   "dictionary/name",   "dictionary/type",    "dictionary/unit",
    "dictionary/meaning", "dictionary/source", "dictionary/cleaning"};

typedef struct job {
    crm_comm *comm;
    const crm_data *d;
    const crm_extension *x;
    crm_store_writer *w;
    int64_t first, end; /* rows of this rank */
    int at; /* the new rows of the dictionary stand before the old row with this number */
    const char **name; /* [columns of the profile] all numbers */
    float *missing;    /* [rows of the dictionary] */
} job;

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* ---- names ---- */
static crm_status check_name(const crm_schema *s, const crm_extension *x, int c)
{
    const char *name = x->column[c].name;
    bool there = false;

    for (int i = 0; i < s->n_num; i++)
        there = there || strcmp(s->num_name[i], name) == 0;
    for (int i = 0; i < s->n_cat; i++)
        there = there || strcmp(s->cat_name[i], name) == 0;
    CRM_CHECK(!there, CRM_ERR_CONFIG,
              "the profile has a column '%s' already; give the new ones names of their own "
              "(annotate.prefix)",
              name);
    for (int i = 0; i < c; i++)
        CRM_CHECK(strcmp(x->column[i].name, name) != 0, CRM_ERR_CONFIG,
                  "two of the new columns would be called '%s'; give those of one step names of "
                  "their own (annotate.prefix)",
                  name);
    return CRM_OK;
}

static crm_status prepare(job *j)
{
    const crm_schema *s = &j->d->profile;
    const crm_dictionary *y = &j->d->dictionary;

    for (int c = 0; c < j->x->n; c++)
        CRM_TRY(check_name(s, j->x, c));
    CRM_NEW(j->name, s->n_num + j->x->n);
    CRM_NEW(j->missing, y->n + j->x->n);
    for (int i = 0; i < s->n_num; i++)
        j->name[i] = s->num_name[i];
    for (int c = 0; c < j->x->n; c++)
        j->name[s->n_num + c] = j->x->column[c].name;
    for (int i = 0; i < y->n; i++)
        if (strcmp(y->block[i], "profile") == 0) j->at = i + 1;
    crm_tree_range(j->d->rows, crm_comm_rank(j->comm), crm_comm_size(j->comm), &j->first, &j->end);
    return CRM_OK;
}

/* Shares of missing values of the old rows, and of the new columns over all ranks. */
static crm_status count_missing(job *j)
{
    int n = j->x->n, old = j->d->dictionary.n;
    int64_t *count = crm_mem_new((size_t)n, sizeof *count);
    crm_status st = CRM_OK;

    if (!count) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %d columns", n);
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, st));
    for (int64_t i = 0; i < (j->end - j->first) * n; i++)
        count[i % n] += isnan(j->x->value[i]);
    CRM_TRY_TO(st, done, crm_comm_sum_i64(j->comm, count, n));
    for (int i = 0; i < old; i++)
        j->missing[i < j->at ? i : i + n] = j->d->dictionary.missing[i];
    for (int c = 0; c < n; c++)
        j->missing[j->at + c] = (float)((double)count[c] / (double)j->d->rows);
done:
    crm_mem_free(count);
    return st;
}

/* ---- texts and attributes ---- */
static const char *entry_text(const crm_extend_column *c, int k)
{
    const char *const of[TEXTS] = {"profile", c->name, c->type, c->unit, c->meaning, c->source, ""};

    return of[k];
}

static crm_status write_dictionary(const job *j)
{
    int n = j->x->n, old = j->d->dictionary.n;
    const char **item = crm_mem_new((size_t)(old + n), sizeof *item);
    crm_status st = CRM_OK;

    if (!item) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: the data dictionary");
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, st));
    for (int k = 0; k < TEXTS && !st; k++) {
        int64_t have;
        const char *const *was = crm_store_items(j->d->store, dictionary_texts[k], &have);
        for (int i = 0; i < old; i++)
            item[i < j->at ? i : i + n] = was[i];
        for (int c = 0; c < n; c++)
            item[j->at + c] = entry_text(&j->x->column[c], k);
        st = crm_store_texts(j->w, dictionary_texts[k], old + n, item);
    }
done:
    crm_mem_free(item);
    return st;
}

static crm_status write_texts(const job *j)
{
    const char *name;

    for (int i = 0; (name = crm_store_items_name(j->d->store, i)) != NULL; i++) {
        int64_t n;
        const char *const *item = crm_store_items(j->d->store, name, &n);
        if (!starts(name, "dictionary/")) CRM_TRY(crm_store_texts(j->w, name, n, item));
    }
    return write_dictionary(j);
}

/* The list of the root with more items behind it. */
static crm_status longer_list(const job *j, const char *key, int n, const char *const *more)
{
    int64_t old = 0;
    const char *const *was = crm_store_list(j->d->store, "", key, &old);
    const char **all = crm_mem_new((size_t)(old + n), sizeof *all);
    crm_status st = CRM_OK;

    if (!all) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", key);
    CRM_TRY_TO(st, done, crm_comm_agree(j->comm, st));
    for (int64_t i = 0; i < old; i++)
        all[i] = was[i];
    for (int i = 0; i < n; i++)
        all[old + i] = more[i];
    if (old + n > 0) st = crm_store_attr_list(j->w, "", key, old + n, all);
done:
    crm_mem_free(all);
    return st;
}

static bool stays(void *ctx, const char *object, const char *key)
{
    (void)ctx;
    if (strcmp(object, NUM) == 0) return strcmp(key, "columns") != 0;
    return object[0] || (strcmp(key, "annotations") != 0 && strcmp(key, "former_digests") != 0);
}

static crm_status write_attributes(const job *j)
{
    char hex[CRM_DIGEST_HEX];
    const char *digest = crm_digest_hex(crm_data_digest(j->d), hex);

    CRM_TRY(longer_list(j, "annotations", j->x->n_notes, j->x->note));
    CRM_TRY(longer_list(j, "former_digests", 1, &digest));
    CRM_TRY(crm_store_attr_list(j->w, NUM, "columns", j->d->profile.n_num + j->x->n, j->name));
    return crm_store_copy_attrs(j->d->store, j->w, stays, NULL);
}

/* ---- arrays ---- */
static bool is_changed(const crm_store_array *a)
{
    return strcmp(a->name, NUM) == 0 || strcmp(a->name, MISSING) == 0;
}

static crm_status define_arrays(const job *j)
{
    static const char *const dims[] = {"row", "column"};
    int64_t num[] = {j->d->rows, j->d->profile.n_num + j->x->n};
    int64_t entries = j->d->dictionary.n + j->x->n;
    const char *const *as = crm_store_dims(j->d->store, NUM);

    CRM_TRY(crm_store_define(j->w, NUM, CRM_F32, 2, num, as ? as : dims));
    CRM_TRY(crm_store_define(j->w, MISSING, CRM_F32, 1, &entries,
                             crm_store_dims(j->d->store, MISSING)));
    for (int i = 0; i < crm_store_count(j->d->store); i++) {
        const crm_store_array *a = crm_store_at(j->d->store, i);
        if (!is_changed(a))
            CRM_TRY(crm_store_define(j->w, a->name, a->dtype, a->rank, a->dim,
                                     crm_store_dims(j->d->store, a->name)));
    }
    return CRM_OK;
}

/* This rank's part of an array, straight from the map. */
static crm_status copy_array(const job *j, const crm_store_array *a)
{
    int64_t first, end, n = a->rank ? a->dim[0] : 1;
    size_t size = crm_dtype_size(a->dtype);

    for (int k = 1; k < a->rank; k++)
        size *= (size_t)a->dim[k];
    crm_tree_range(n, crm_comm_rank(j->comm), crm_comm_size(j->comm), &first, &end);
    return crm_store_write(j->w, a->name, first, end - first,
                           a->data ? (const char *)a->data + (size_t)first * size : NULL);
}

/* Rows with the new numbers behind the old ones, in pieces; as many on every rank. */
static crm_status write_pieces(const job *j, float *piece, int64_t per)
{
    int old = j->d->profile.n_num, n = j->x->n;
    int64_t most = (j->end - j->first + per - 1) / per;

    CRM_TRY(crm_comm_max_i64(j->comm, &most, 1));
    for (int64_t p = 0, i = j->first; p < most; p++) {
        int64_t m = j->end - i < per ? j->end - i : per;
        for (int64_t r = 0; r < m; r++) {
            float *to = piece + r * (old + n);
            if (old) memcpy(to, j->d->num + (i + r) * old, (size_t)old * sizeof *to);
            memcpy(to + old, j->x->value + (i + r - j->first) * n, (size_t)n * sizeof *to);
        }
        CRM_TRY(crm_store_write(j->w, NUM, i, m, piece));
        i += m;
    }
    return CRM_OK;
}

static crm_status write_numbers(const job *j)
{
    int64_t width = j->d->profile.n_num + j->x->n;
    int64_t per = PIECE / (width * (int64_t)sizeof(float)) + 1;
    float *piece = crm_mem_new((size_t)per, (size_t)width * sizeof *piece);
    crm_status st = CRM_OK;

    if (!piece) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: a piece of the profile");
    st = crm_comm_agree(j->comm, st);
    if (!st) st = write_pieces(j, piece, per);
    crm_mem_free(piece);
    return st;
}

static crm_status write_arrays(const job *j)
{
    bool root = crm_comm_rank(j->comm) == 0;

    CRM_TRY(write_numbers(j));
    CRM_TRY(crm_store_write(j->w, MISSING, 0, root ? j->d->dictionary.n + j->x->n : 0, j->missing));
    for (int i = 0; i < crm_store_count(j->d->store); i++) {
        const crm_store_array *a = crm_store_at(j->d->store, i);
        if (!is_changed(a)) CRM_TRY(copy_array(j, a));
    }
    return CRM_OK;
}

crm_status crm_data_extend(crm_comm *comm, const crm_data *d, const crm_extension *x,
                           const char *path, crm_digest *out)
{
    job j = {.comm = comm, .d = d, .x = x};
    crm_status st;

    CRM_CHECK(x->n > 0, CRM_ERR_ARG, "no columns to add");
    CRM_TRY_TO(st, done, crm_comm_agree(comm, prepare(&j)));
    CRM_TRY_TO(st, done, count_missing(&j));
    CRM_TRY_TO(st, done, crm_store_create(comm, path, "crmpi-dataset", &j.w));
    CRM_TRY_TO(st, done, define_arrays(&j));
    CRM_TRY_TO(st, done, write_texts(&j));
    CRM_TRY_TO(st, done, write_attributes(&j));
    CRM_TRY_TO(st, done, write_arrays(&j));
    st = crm_store_commit(&j.w, out);
done:
    crm_store_abandon(&j.w);
    crm_mem_free(j.name);
    crm_mem_free(j.missing);
    return st;
}

const char *const *crm_data_annotations(const crm_data *d, int64_t *n)
{
    return crm_store_list(d->store, "", "annotations", n);
}
