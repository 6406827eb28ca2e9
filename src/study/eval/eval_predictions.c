/* eval_predictions.c - predictions.h5: ids, labels, folds and probabilities of all rows with a
 * label (docs/predictions-format.md).  Rank 0 has the results and writes; the others take part. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"
#include "eval_impl.h"

/* Position of each data set row in the view. */
static crm_status positions(const study *s, int64_t **out)
{
    CRM_NEW(*out, crm_data_rows(s->e->data));
    for (int64_t i = 0; i < s->view->n; i++)
        (*out)[s->view->row[i]] = i;
    return CRM_OK;
}

/* proba[repeats][n][k] of a model, NaN for rows in no test part; rank 0. */
static crm_status collect(const study *s, const result *r, int model, double **out)
{
    int64_t k = crm_data_target(s->e->data, s->target)->n_classes, n = s->view->n, *at;
    double *p = NULL;
    crm_status st = CRM_OK;

    CRM_TRY(positions(s, &at));
    CRM_NEW_TO(st, done, p, s->folds->repeats * n * k);
    for (int64_t i = 0; i < s->folds->repeats * n * k; i++)
        p[i] = (double)NAN;
    for (int i = 0; i < s->n_units; i++) {
        const unit *u = &s->unit[i];
        if (u->model != model || u->repeat < 0) continue;
        for (int64_t j = 0; j < r[i].n; j++)
            memcpy(p + ((int64_t)u->repeat * n + at[r[i].row[j]]) * k, r[i].proba + j * k,
                   (size_t)k * sizeof *p);
    }
    *out = p;
done:
    crm_mem_free(at);
    return st;
}

/* ---- arrays in the order of the view -----------------------------------------------------------
 */

static crm_status make_labels(const study *s, void **out)
{
    const int32_t *label = crm_data_target(s->e->data, s->target)->label;
    int32_t *v;

    CRM_NEW(v, s->view->n);
    for (int64_t i = 0; i < s->view->n; i++)
        v[i] = label[s->view->row[i]];
    *out = v;
    return CRM_OK;
}

static crm_status make_numbers(const study *s, void **out)
{
    const int64_t *number = crm_data_ids(s->e->data).number;
    int64_t *v;

    CRM_NEW(v, s->view->n);
    for (int64_t i = 0; i < s->view->n; i++)
        v[i] = number[s->view->row[i]];
    *out = v;
    return CRM_OK;
}

static int64_t id_bytes(const study *s, int64_t row)
{
    const int64_t *first = crm_data_ids(s->e->data).first;

    return first[row + 1] - first[row];
}

static crm_status make_offsets(const study *s, void **out)
{
    int64_t *v;

    CRM_NEW(v, s->view->n + 1);
    for (int64_t i = 0; i < s->view->n; i++)
        v[i + 1] = v[i] + id_bytes(s, s->view->row[i]);
    *out = v;
    return CRM_OK;
}

static int64_t all_id_bytes(const study *s)
{
    int64_t n = 0;

    for (int64_t i = 0; i < s->view->n; i++)
        n += id_bytes(s, s->view->row[i]);
    return n;
}

static crm_status make_bytes(const study *s, void **out)
{
    crm_ids ids = crm_data_ids(s->e->data);
    int64_t at = 0;
    uint8_t *v;

    CRM_NEW(v, all_id_bytes(s));
    for (int64_t i = 0; i < s->view->n; i++) {
        int64_t row = s->view->row[i], n = id_bytes(s, row);
        if (n > 0) memcpy(v + at, ids.byte + ids.first[row], (size_t)n);
        at += n;
    }
    *out = v;
    return CRM_OK;
}

/* ---- the file -----------------------------------------------------------------------------------
 */

static crm_status define_ids(const study *s, crm_store_writer *w)
{
    crm_ids ids = crm_data_ids(s->e->data);
    int64_t n = s->view->n;

    if (ids.number) return crm_store_define(w, "id", CRM_I64, 1, &n, (const char *[]){"row"});
    if (!ids.first) return CRM_OK;
    CRM_TRY(crm_store_define(w, "id_first", CRM_I64, 1, (int64_t[]){n + 1},
                             (const char *[]){"row_offset"}));
    return crm_store_define(w, "id_byte", CRM_U8, 1, (int64_t[]){all_id_bytes(s)},
                            (const char *[]){"byte"});
}

static crm_status define_all(const study *s, crm_store_writer *w)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    int64_t n = s->view->n, reps = s->folds->repeats;
    char name[CRM_STORE_NAME_MAX];

    CRM_TRY(crm_store_attr_text(w, "", "target", t->name));
    CRM_TRY(crm_store_attr_list(w, "", "classes", t->n_classes, t->class_name));
    CRM_TRY(crm_store_define(w, "row", CRM_I64, 1, &n, (const char *[]){"row"}));
    CRM_TRY(define_ids(s, w));
    CRM_TRY(crm_store_define(w, "label", CRM_I32, 1, &n, (const char *[]){"row"}));
    CRM_TRY(crm_store_define(w, "fold", CRM_I32, 2, (int64_t[]){reps, n},
                             (const char *[]){"repeat", "row"}));
    for (int m = 0; m < s->e->n_models; m++) {
        snprintf(name, sizeof name, "proba/%.64s", s->e->spec[m]->name);
        CRM_TRY(crm_store_define(w, name, CRM_F64, 3, (int64_t[]){reps, n, t->n_classes},
                                 (const char *[]){"repeat", "row", "class"}));
    }
    return CRM_OK;
}

/* Rows [0, n) from rank 0, none from the others. */
static crm_status put(const study *s, crm_store_writer *w, const char *name, int64_t n,
                      const void *data)
{
    return crm_store_write(w, name, 0, crm_comm_rank(s->e->world) == 0 ? n : 0, data);
}

/* Rows [0, n) that rank 0 makes. */
static crm_status put_made(const study *s, crm_store_writer *w, const char *name, int64_t n,
                           crm_status (*make)(const study *s, void **out))
{
    void *data = NULL;
    crm_status st = crm_comm_rank(s->e->world) == 0 ? make(s, &data) : CRM_OK;

    st = crm_comm_agree(s->e->world, st);
    if (!st) st = put(s, w, name, n, data);
    crm_mem_free(data);
    return st;
}

static crm_status put_ids(const study *s, crm_store_writer *w)
{
    crm_ids ids = crm_data_ids(s->e->data);

    if (ids.number) return put_made(s, w, "id", s->view->n, make_numbers);
    if (!ids.first) return CRM_OK;
    CRM_TRY(put_made(s, w, "id_first", s->view->n + 1, make_offsets));
    return put_made(s, w, "id_byte", all_id_bytes(s), make_bytes);
}

static crm_status put_all(const study *s, const result *r, crm_store_writer *w)
{
    bool root = crm_comm_rank(s->e->world) == 0;
    char name[CRM_STORE_NAME_MAX];

    CRM_TRY(define_all(s, w));
    CRM_TRY(put(s, w, "row", s->view->n, s->view->row));
    CRM_TRY(put_ids(s, w));
    CRM_TRY(put_made(s, w, "label", s->view->n, make_labels));
    CRM_TRY(put(s, w, "fold", s->folds->repeats, s->folds->fold));
    for (int m = 0; m < s->e->n_models; m++) {
        double *p = NULL;
        crm_status st = root ? collect(s, r, m, &p) : CRM_OK;
        st = crm_comm_agree(s->e->world, st);
        snprintf(name, sizeof name, "proba/%.64s", s->e->spec[m]->name);
        if (!st) st = put(s, w, name, s->folds->repeats, p);
        crm_mem_free(p);
        if (st) return st;
    }
    return CRM_OK;
}

crm_status crm_study_predictions(const study *s, const result *r)
{
    crm_store_writer *w = NULL;
    char path[CRM_PATH_MAX];
    crm_digest d;
    crm_status st;

    CRM_TRY(crm_record_path(s->e->record, "predictions.h5", path, sizeof path));
    CRM_TRY(crm_store_create(s->e->world, path, "crmpi-predictions", &w));
    st = put_all(s, r, w);
    if (st) {
        crm_store_abandon(&w);
        return st;
    }
    return crm_store_commit(&w, &d);
}
