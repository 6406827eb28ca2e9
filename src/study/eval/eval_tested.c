/* eval_tested.c - the test predictions of the first repeat: each row once, the folds one behind the
 * other, in the same order for every model. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "eval_impl.h"

static bool counts(const unit *u, int model)
{
    return u->repeat == 0 && u->model == (model < 0 ? 0 : model);
}

static void take(const study *s, const result *r, bool oracle, tested_rows *out)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    int64_t k = t->n_classes;

    for (int64_t i = 0; i < r->n; i++, out->n++) {
        out->row[out->n] = r->row[i];
        out->label[out->n] = t->label[r->row[i]];
        for (int64_t c = 0; c < k; c++)
            out->proba[out->n * k + c] =
                oracle ? (double)t->oracle[r->row[i] * k + c] : r->proba[i * k + c];
    }
}

crm_status crm_study_tested(const study *s, const result *r, int model, tested_rows *out)
{
    int64_t n = 0;
    crm_status st = CRM_OK;

    *out = (tested_rows){.k = crm_data_target(s->e->data, s->target)->n_classes};
    for (int i = 0; i < s->n_units; i++)
        if (counts(&s->unit[i], model)) n += r[i].n;
    CRM_NEW_TO(st, fail, out->row, n);
    CRM_NEW_TO(st, fail, out->label, n);
    CRM_NEW_TO(st, fail, out->proba, n * out->k);
    for (int i = 0; i < s->n_units; i++)
        if (counts(&s->unit[i], model)) take(s, &r[i], model < 0, out);
    return CRM_OK;
fail:
    crm_tested_free(out);
    return st;
}

void crm_tested_free(tested_rows *t)
{
    crm_mem_free(t->row);
    crm_mem_free(t->label);
    crm_mem_free(t->proba);
    *t = (tested_rows){0};
}

crm_status crm_study_all_tested(const study *s, const result *r, tested_rows **out)
{
    tested_rows *t;
    crm_status st = CRM_OK;

    CRM_NEW(t, s->e->n_models);
    for (int m = 0; m < s->e->n_models && !st; m++) {
        st = crm_study_tested(s, r, m, &t[m]);
        if (!st && (t[m].n != t[0].n ||
                    memcmp(t[m].row, t[0].row, (size_t)t[0].n * sizeof *t[0].row) != 0))
            CRM_SET(st, CRM_ERR_FORMAT, "%s and %s were tested on other rows in units/",
                    s->e->spec[0]->name, s->e->spec[m]->name);
    }
    *out = t;
    if (st) crm_study_free_tested(s, out);
    return st;
}

void crm_study_free_tested(const study *s, tested_rows **t)
{
    for (int m = 0; *t && m < s->e->n_models; m++)
        crm_tested_free(&(*t)[m]);
    crm_mem_free(*t);
    *t = NULL;
}
