/* app_embedding.c - the learnt vector of each row: CSV with id, v0, v1, ..., or an HDF5 file with
 * the data sets id and embedding. */
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"

enum { PIECE = 4096 };

/* Vectors of all rows, or of those of a rank. */
typedef struct vectors {
    int64_t n, width;
    char *ids; /* n texts, each with its final 0 */
    float *value;
    size_t id_bytes, value_bytes;
    crm_digest data; /* whose rows they are */
} vectors;

/* Vectors of the rows [first, first + n) behind those that v has. */
static crm_status embed_piece(crm_pipeline *p, const crm_data *d, int64_t first, int64_t n,
                              vectors *v, crm_str *ids)
{
    int64_t row[PIECE], width;
    char id[2048];
    float *part;

    for (int64_t i = 0; i < n; i++)
        row[i] = first + i;
    CRM_TRY(crm_pipeline_embed(p, d, row, n, &width, &part));
    memcpy(v->value + v->n * v->width, part, (size_t)(n * width) * sizeof *part);
    crm_mem_free(part);
    for (int64_t i = 0; i < n; i++) {
        const char *text = crm_data_row_id(d, row[i], id, sizeof id);
        crm_str_add(ids, text, strlen(text) + 1);
    }
    v->n += n;
    return CRM_OK;
}

/* Rows [first, end); a call without rows tells the width. */
static crm_status embed_rows(crm_pipeline *p, const crm_data *d, int64_t first, int64_t end,
                             vectors *v)
{
    crm_str ids = {0};
    float *none;
    crm_status st;

    CRM_TRY(crm_pipeline_embed(p, d, &first, 0, &v->width, &none));
    crm_mem_free(none);
    v->value_bytes = (size_t)((end - first) * v->width) * sizeof *v->value;
    v->value = crm_mem_new(1, v->value_bytes);
    CRM_CHECK(v->value, CRM_ERR_NOMEM, "out of memory: vectors of %lld rows",
              (long long)(end - first));
    for (st = CRM_OK; first < end && !st; first += PIECE)
        st = embed_piece(p, d, first, end - first < PIECE ? end - first : PIECE, v, &ids);
    if (!st && ids.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: ids of rows");
    v->ids = ids.text;
    v->id_bytes = ids.len;
    return st;
}

/* Rank 0 has the rows of all ranks in order. */
static crm_status gather(app *a, vectors *v)
{
    void *ids = NULL, *value = NULL;
    size_t id_bytes = 0, value_bytes = 0;
    crm_status st = crm_comm_gather(a->world, 0, v->ids, v->id_bytes, &ids, &id_bytes, NULL);

    if (!st)
        st = crm_comm_gather(a->world, 0, v->value, v->value_bytes, &value, &value_bytes, NULL);
    crm_mem_free(v->ids);
    crm_mem_free(v->value);
    v->ids = ids;
    v->value = value;
    v->id_bytes = id_bytes;
    v->value_bytes = value_bytes;
    return st;
}

static crm_status write_csv(const app *a, const vectors *v)
{
    const char *id = v->ids;
    crm_str s = {0};
    crm_status st = CRM_OK;

    crm_str_addf(&s, "id");
    for (int64_t k = 0; k < v->width; k++)
        crm_str_addf(&s, ",v%lld", (long long)k);
    crm_str_addf(&s, "\n");
    for (int64_t i = 0; i < v->n; i++, id += strlen(id) + 1) {
        app_add_field(&s, id);
        for (int64_t k = 0; k < v->width; k++)
            crm_str_addf(&s, ",%.9g", (double)v->value[i * v->width + k]);
        crm_str_addf(&s, "\n");
    }
    if (s.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: lines of %lld rows", (long long)v->n);
    if (!st) st = app_print_all(a, s.text, s.len);
    crm_str_free(&s);
    return st;
}

static crm_status put_hdf5(crm_store_writer *w, const vectors *v, const char *const *id)
{
    const int64_t dim[2] = {v->n, v->width};
    char hex[CRM_DIGEST_HEX];

    CRM_TRY(crm_store_attr_text(w, "", "data", crm_digest_hex(v->data, hex)));
    CRM_TRY(crm_store_texts(w, "id", v->n, id));
    CRM_TRY(crm_store_define(w, "embedding", CRM_F32, 2, dim, NULL));
    return crm_store_write(w, "embedding", 0, v->n, v->value);
}

static crm_status write_hdf5(const char *path, const vectors *v)
{
    const char *at = v->ids, **id;
    crm_store_writer *w = NULL;
    crm_status st;

    CRM_NEW(id, v->n);
    for (int64_t i = 0; i < v->n; i++, at += strlen(at) + 1)
        id[i] = at;
    st = crm_store_create(NULL, path, "crmpi-embedding", &w);
    if (!st) st = put_hdf5(w, v, id);
    if (!st)
        st = crm_store_commit(&w, NULL);
    else
        crm_store_abandon(&w);
    crm_mem_free(id);
    return st;
}

static bool wants_hdf5(const char *path)
{
    size_t n = path ? strlen(path) : 0;

    return n > 3 && strcmp(path + n - 3, ".h5") == 0;
}

/* Rank 0. */
static crm_status write_all(const app *a, const vectors *v)
{
    return wants_hdf5(a->args.out) ? write_hdf5(a->args.out, v) : write_csv(a, v);
}

crm_status app_write_embedding(app *a, crm_pipeline *p, const crm_data *d)
{
    int64_t n = crm_data_rows(d), rank = crm_comm_rank(a->world), size = crm_comm_size(a->world);
    vectors v = {.data = crm_data_digest(d)};
    crm_status st =
        crm_comm_agree(a->world, embed_rows(p, d, n * rank / size, n * (rank + 1) / size, &v));

    if (!st) st = gather(a, &v);
    v.n = n;
    if (!st) st = crm_comm_agree(a->world, app_is_root(a) ? write_all(a, &v) : CRM_OK);
    crm_mem_free(v.ids);
    crm_mem_free(v.value);
    return st;
}
