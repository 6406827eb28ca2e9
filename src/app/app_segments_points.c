/* app_segments_points.c - what customers are segmented by: numbers of the flat view, filled, scaled
 * and cut; or the vectors of a file of predict --embedding. */
#include <math.h>
#include <string.h>

#include "app_segments.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/feature.h"

/* ---- columns ---- */
/* Fits a transform on all rows and puts it behind the source. */
static crm_status then(const segments_work *w, const crm_transform_class *class, const void *cfg,
                       crm_source *s, crm_transform **t)
{
    CRM_TRY(crm_comm_agree(w->fit.comm, class->make(cfg, t)));
    CRM_TRY(class->fit(*t, &w->fit, s));
    return crm_comm_agree(w->fit.comm, crm_source_add(s, *t));
}

typedef struct taker {
    int64_t n_num;
    float *x;
} taker;

static void take(void *ctx, const crm_rows_piece *p, double *out)
{
    const taker *t = ctx;

    (void)out;
    memcpy(t->x + p->at * t->n_num, p->num, (size_t)(p->n * t->n_num) * sizeof *t->x);
}

static crm_status read_own(segments_work *w, const crm_source *s)
{
    crm_view own = crm_rows_own(&w->fit);
    taker t = {.n_num = crm_source_schema(s)->n_num};

    CRM_NEW(w->x, own.n * t.n_num);
    t.x = w->x;
    w->points.x = w->x;
    return crm_rows_each(s, &own, w->fit.pool, take, &t);
}

/* CRM_ERR_FORMAT when no column differs between two rows: all are then 0. */
static crm_status check_differences(const segments_work *w)
{
    crm_view own = crm_rows_own(&w->fit);
    int64_t differs = 0;

    for (int64_t i = 0; i < own.n * w->points.width && !differs; i++)
        differs = w->x[i] < 0 || w->x[i] > 0;
    CRM_TRY(crm_comm_max_i64(w->fit.comm, &differs, 1));
    CRM_CHECK(
        differs, CRM_ERR_FORMAT,
        "%s: no numeric column has two different values, so there is nothing to find segments "
        "by",
        crm_data_path(w->d));
    return CRM_OK;
}

static crm_status from_columns(segments_work *w)
{
    static const crm_impute_cfg fill = {.fill = CRM_IMPUTE_MEDIAN, .indicator = false};
    static const crm_scale_cfg scale = {.kind = CRM_SCALE_ZSCORE, .clip = 4};
    const crm_power_cfg power = {.kind = w->a->segments.power};
    crm_transform *filled = NULL, *bent = NULL, *scaled = NULL;
    crm_source *s = NULL;
    crm_status st = crm_comm_agree(w->fit.comm, crm_source_new(w->d, CRM_FLAT_ALL, &s));

    if (!st) st = then(w, &crm_impute_class, &fill, s, &filled);
    if (!st && power.kind != CRM_POWER_NONE) st = then(w, &crm_power_class, &power, s, &bent);
    if (!st) st = then(w, &crm_scale_class, &scale, s, &scaled);
    if (!st) {
        w->points.width = crm_source_schema(s)->n_num;
        st = crm_comm_agree(w->fit.comm, read_own(w, s));
    }
    if (!st) st = check_differences(w);
    crm_source_free(&s);
    if (scaled) scaled->class->free(scaled);
    if (bent) bent->class->free(bent);
    if (filled) filled->class->free(filled);
    return st;
}

/* ---- embedding ---- */
/* The rows of the file are those of the data set: by its digest, else by the ids of all rows. */
static crm_status check_rows(const segments_work *w, const char *path)
{
    const char *digest = crm_store_text(w->store, "", "data"), *const * id;
    crm_ids ids = crm_data_ids(w->d);
    char hex[CRM_DIGEST_HEX], text[2048];
    int64_t n;

    if (digest && strcmp(digest, crm_digest_hex(crm_data_digest(w->d), hex)) == 0) return CRM_OK;
    CRM_CHECK(!digest || ids.number || ids.first, CRM_ERR_FORMAT,
              "%s: made from other data (digest %s) than %s (digest %s), whose rows have no ids to "
              "compare; make it again: crmpi predict RUN --embedding --set data.path=%s",
              path, digest, crm_data_path(w->d), hex, crm_data_path(w->d));
    id = crm_store_items(w->store, "id", &n);
    CRM_CHECK(id && n == crm_data_rows(w->d), CRM_ERR_FORMAT,
              "%s: holds %lld ids for %lld rows of %s", path, (long long)n,
              (long long)crm_data_rows(w->d), crm_data_path(w->d));
    for (int64_t i = 0; i < n; i++)
        CRM_CHECK(strcmp(id[i], crm_data_row_id(w->d, i, text, sizeof text)) == 0, CRM_ERR_FORMAT,
                  "%s: row %lld has another id there than in %s; make the embedding from this data "
                  "set",
                  path, (long long)i, crm_data_path(w->d));
    return CRM_OK;
}

static crm_status open_vectors(segments_work *w, const char *path)
{
    const crm_store_array *v;
    int64_t first, end;

    CRM_TRY(crm_store_open(path, "crmpi-embedding", &w->store));
    v = crm_store_find(w->store, "embedding");
    CRM_CHECK(v && v->dtype == CRM_F32 && v->rank == 2 && v->dim[1] > 0 && v->dim[1] <= 1 << 20,
              CRM_ERR_FORMAT, "%s: holds no embedding [rows][width] of float32", path);
    CRM_CHECK(v->dim[0] == crm_data_rows(w->d), CRM_ERR_FORMAT,
              "%s: has vectors of %lld rows, but %s has %lld rows", path, (long long)v->dim[0],
              crm_data_path(w->d), (long long)crm_data_rows(w->d));
    CRM_TRY(check_rows(w, path));
    crm_kmeans_range(w->fit.comm, v->dim[0], &first, &end);
    w->points.width = (int)v->dim[1];
    w->points.x = (const float *)v->data + first * v->dim[1];
    for (int64_t i = 0; i < (end - first) * v->dim[1]; i++)
        CRM_CHECK(isfinite(w->points.x[i]), CRM_ERR_FORMAT,
                  "%s: the vector of row %lld holds a value that is not finite", path,
                  (long long)(first + i / v->dim[1]));
    w->r.vectors = crm_store_digest(w->store);
    return CRM_OK;
}

crm_status app_segments_points(segments_work *w)
{
    const char *path = w->a->args.vectors;

    CRM_TRY(crm_comm_agree(w->fit.comm, crm_source_new(w->d, CRM_FLAT_ALL, &w->raw)));
    w->points.comm = w->fit.comm;
    w->points.pool = w->fit.pool;
    w->points.n = crm_data_rows(w->d);
    w->r.embedding = path != NULL;
    if (path)
        CRM_TRY(crm_comm_agree(w->fit.comm, open_vectors(w, path)));
    else
        CRM_TRY(from_columns(w));
    w->r.width = w->points.width;
    if (app_is_root(w->a))
        crm_log_line(CRM_LOG_INFO, "segments", "%lld customers by %d %s", (long long)w->points.n,
                     w->points.width, path ? "numbers of an embedding" : "columns");
    return CRM_OK;
}
