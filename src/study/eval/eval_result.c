/* eval_result.c - results of units read back, metrics.jsonl, predictions.h5. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/store.h"
#include "eval_impl.h"

static crm_status parse_digest(const char *hex, crm_digest *out)
{
    unsigned long long hi, lo;

    CRM_CHECK(strlen(hex) == 32 && sscanf(hex, "%16llx%16llx", &hi, &lo) == 2, CRM_ERR_FORMAT,
              "'%.40s' is not a digest", hex);
    *out = (crm_digest){hi, lo};
    return CRM_OK;
}

/* Of one line of the history; NULL when it is none. */
static const char *phase_name(const double *line)
{
    for (int i = 0; crm_phase_names[i]; i++)
        if (line[HISTORY_PHASE] == i) return crm_phase_names[i];
    return NULL;
}

static crm_status take(const study *s, const unit *u, result *r)
{
    int64_t k = crm_data_target(s->e->data, s->target)->n_classes;
    const crm_bag_array *a;
    const char *hex;

    CRM_TRY(crm_bag_get(r->bag, "row", CRM_I64, -1, &a));
    r->n = a->n;
    r->row = a->data;
    CRM_TRY(crm_bag_get(r->bag, "proba", CRM_F64, r->n * k, &a));
    r->proba = a->data;
    CRM_TRY(crm_bag_get(r->bag, "history", CRM_F64, -1, &a));
    r->epochs = a->n / HISTORY_FIELDS;
    r->history = a->data;
    for (int64_t e = 0; e < r->epochs; e++)
        CRM_CHECK(phase_name(r->history + e * HISTORY_FIELDS), CRM_ERR_FORMAT,
                  "%s: epoch line %lld has no phase that is known", u->name, (long long)e);
    for (int64_t i = 0; i < r->n; i++)
        CRM_CHECK(r->row[i] >= 0 && r->row[i] < crm_data_rows(s->e->data), CRM_ERR_FORMAT,
                  "%s: row %lld is not in the data set", u->name, (long long)r->row[i]);
    CRM_TRY(crm_bag_get_text(r->bag, "weights", &hex));
    return parse_digest(hex, &r->weights);
}

crm_status crm_result_read(const study *s, const unit *u, result *out)
{
    char path[CRM_PATH_MAX];

    *out = (result){0};
    CRM_TRY(crm_unit_path(s, u, path, sizeof path));
    CRM_TRY(crm_bag_read(path, UNIT_KIND, &out->bag));
    return take(s, u, out);
}

void crm_result_free(result *r)
{
    crm_bag_free(&r->bag);
    *r = (result){0};
}

static crm_status unit_metrics(const study *s, const unit *u, const result *r)
{
    const char *model = s->e->spec[u->model]->name;
    crm_record_pair pair[HISTORY_FIELDS];

    for (int64_t e = 0; e < r->epochs; e++) {
        const double *line = r->history + e * HISTORY_FIELDS;
        for (int f = 0; f < HISTORY_FIELDS; f++)
            pair[f] = (crm_record_pair){.key = crm_history_names[f], .value = line[f]};
        pair[HISTORY_PHASE].text = phase_name(line);
        CRM_TRY(crm_record_metrics(s->e->record, "epoch", u->name, model, HISTORY_FIELDS, pair));
    }
    return CRM_OK;
}

crm_status crm_study_metrics(const study *s, const result *r)
{
    for (int i = 0; i < s->n_units; i++)
        CRM_TRY(unit_metrics(s, &s->unit[i], &r[i]));
    return CRM_OK;
}

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

/* Rows [0, n) from rank 0, none from the others. */
static crm_status put(const study *s, crm_store_writer *w, const char *name, int64_t n,
                      const void *data)
{
    return crm_store_write(w, name, 0, crm_comm_rank(s->e->world) == 0 ? n : 0, data);
}

static crm_status define_all(const study *s, crm_store_writer *w)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    int64_t n = s->view->n, reps = s->folds->repeats;
    char name[CRM_STORE_NAME_MAX];

    CRM_TRY(crm_store_attr_text(w, "", "target", t->name));
    CRM_TRY(crm_store_attr_list(w, "", "classes", t->n_classes, t->class_name));
    CRM_TRY(crm_store_define(w, "row", CRM_I64, 1, &n, (const char *[]){"row"}));
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

static crm_status put_labels(const study *s, crm_store_writer *w)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    int32_t *label;
    crm_status st;

    CRM_NEW(label, s->view->n);
    for (int64_t i = 0; i < s->view->n; i++)
        label[i] = t->label[s->view->row[i]];
    st = put(s, w, "label", s->view->n, label);
    crm_mem_free(label);
    return st;
}

static crm_status put_all(const study *s, const result *r, crm_store_writer *w)
{
    bool root = crm_comm_rank(s->e->world) == 0;
    char name[CRM_STORE_NAME_MAX];

    CRM_TRY(define_all(s, w));
    CRM_TRY(put(s, w, "row", s->view->n, s->view->row));
    CRM_TRY(put_labels(s, w));
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
