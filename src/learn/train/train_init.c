/* train_init.c - the weights a net begins with: by seed and name, then word vectors that were
 * learnt before (train_vectors.c), then from a file, then heads that predict the frequencies of the
 * training rows whatever they see.
 *
 *     classes: bias = log of the (weighted) part of each class, log-odds for two; an empty class
 *     counts as half a row
 *     numbers: bias = mean (Huber) or log of the mean (Poisson) of the values of each column; a
 *     column that is zero throughout counts as half an event in all */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_str.h"
#include "train_impl.h"

/* ---- parameters of a bag ---- */

static char *shape_text(int rank, const int64_t *dim, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; i < rank && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%lld", i ? " x " : "", (long long)dim[i]);
    return rank ? out : memcpy(out, "scalar", sizeof "scalar");
}

static crm_status check_shape(const crm_param *p, const crm_bag_array *a)
{
    char have[96], want[96];
    bool same = a->rank == p->rank;

    for (int i = 0; i < p->rank && same; i++)
        same = a->dim[i] == p->dim[i];
    CRM_CHECK(same, CRM_ERR_FORMAT, "parameter '%s' has shape [%s], [%s] is needed", a->name,
              shape_text(a->rank, a->dim, have, sizeof have),
              shape_text(p->rank, p->dim, want, sizeof want));
    CRM_CHECK(a->dtype == CRM_F32 || a->dtype == CRM_F64, CRM_ERR_FORMAT,
              "parameter '%s' is %s, f32 or f64 is needed", a->name, crm_dtype_name(a->dtype));
    return CRM_OK;
}

static double value_at(const crm_bag_array *a, int64_t i)
{
    return a->dtype == CRM_F32 ? (double)((const float *)a->data)[i] : ((const double *)a->data)[i];
}

/* The net never reads row 0 of a table of words: one that is not 0 was made for another net. */
static crm_status check_first_row(const crm_param *p, const crm_bag_array *a)
{
    for (int64_t i = 0; p->zero_first && i < p->n / p->dim[0]; i++)
        CRM_CHECK(value_at(a, i) == 0, CRM_ERR_FORMAT,
                  "parameter '%s' has %g in row 0, which stands for \"no word\" and must be 0 "
                  "throughout; the first word has row 1",
                  a->name, value_at(a, i));
    return CRM_OK;
}

static void copy_values(const crm_bag_array *a, float *w)
{
    for (int64_t i = 0; i < a->n; i++)
        w[i] = (float)value_at(a, i);
}

static crm_status unknown(const crm_params *ps, const crm_bag_array *a)
{
    int n = crm_params_count(ps);
    const char **have, *near;
    crm_status st;

    CRM_NEW(have, n);
    for (int i = 0; i < n; i++)
        have[i] = crm_params_get(ps, i)->name;
    near = crm_nearest(a->name, have, n);
    CRM_SET(st, CRM_ERR_FORMAT, "'%s' is no parameter of this net%s%s%s", a->name,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    crm_mem_free(have);
    return st;
}

static crm_status check_all(const crm_params *ps, const crm_bag *b)
{
    for (int i = 0; i < crm_params_count(ps); i++)
        CRM_CHECK(crm_bag_find(b, crm_params_get(ps, i)->name), CRM_ERR_FORMAT,
                  "parameter '%s' is missing", crm_params_get(ps, i)->name);
    return CRM_OK;
}

crm_status crm_train_put(const crm_params *ps, const crm_bag *b, bool all, float *w, uint8_t *taken)
{
    for (int i = 0; i < crm_bag_count(b); i++) {
        const crm_bag_array *a = crm_bag_at(b, i);
        int at = crm_params_find(ps, a->name);
        if (at < 0) return unknown(ps, a);
        CRM_TRY(check_shape(crm_params_get(ps, at), a));
        CRM_TRY(check_first_row(crm_params_get(ps, at), a));
        copy_values(a, w + crm_params_get(ps, at)->offset);
        if (taken) taken[at] = 1;
    }
    return all ? check_all(ps, b) : CRM_OK;
}

/* ---- frequencies ---- */

/* Bias of a head and its weights; the latter become 0. */
typedef struct prior {
    const trainer *t;
    const crm_view *view;
    int h;
    float *bias;
    int64_t n_bias;
} prior;

static double weight_of(const crm_model_head *h, int c)
{
    return h->class_weight && h->class_weight[c] > 0 ? (double)h->class_weight[c] : 1;
}

static void class_prior(const prior *p, const int64_t *count, double *part)
{
    const crm_model_head *head = &p->t->plan->heads.head[p->h];
    int k = head->n_classes;
    double total = 0;

    for (int c = 0; c < k; c++) {
        part[c] = (count[c] > 0 ? (double)count[c] : 0.5) * weight_of(head, c);
        total += part[c];
        part[c] = crm_log(part[c]);
    }
    for (int c = 0; c < (int)p->n_bias; c++)
        p->bias[c] = (float)(k == 2 ? part[1] - part[0] : part[c] - crm_log(total));
}

/* Sums over the view in its order; every rank makes the same one. */
static void number_prior(const prior *p, int64_t *count, double *sum)
{
    const heads *hs = &p->t->plan->heads;
    const crm_target *t = hs->target[p->h];
    int64_t first, end;

    memset(count, 0, (size_t)p->n_bias * sizeof *count);
    for (int64_t i = 0; i < p->view->n; i++) {
        crm_head_units(hs, p->h, p->t->map, p->view->row[i], &first, &end);
        for (int64_t j = first * p->n_bias; j < end * p->n_bias; j++) {
            if (isnan(t->value[j])) continue;
            sum[j % p->n_bias] += (double)t->value[j];
            count[j % p->n_bias]++;
        }
    }
    for (int64_t k = 0; k < p->n_bias; k++) {
        bool poisson = hs->head[p->h].kind == CRM_HEAD_POISSON;
        double s = poisson && sum[k] <= 0 ? 0.5 : sum[k];
        if (count[k] == 0) continue;
        s /= (double)count[k];
        p->bias[k] = (float)(poisson ? crm_log(s) : s);
    }
}

static crm_status start_head(const prior *p)
{
    const heads *hs = &p->t->plan->heads;
    int64_t *count = NULL;
    double *part = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, count, hs->head[p->h].n_classes);
    CRM_NEW_TO(st, done, part, hs->head[p->h].n_classes);
    crm_head_count(hs, p->h, p->t->map, p->view->row, p->view->n, count);
    if (hs->head[p->h].kind == CRM_HEAD_CLASSES)
        class_prior(p, count, part);
    else
        number_prior(p, count, part);
done:
    crm_mem_free(count);
    crm_mem_free(part);
    return st;
}

static crm_status find_param(const crm_params *ps, const char *head, const char *part, int *at)
{
    char name[CRM_PARAM_NAME_MAX];

    snprintf(name, sizeof name, "heads.%s.%s", head, part);
    *at = crm_params_find(ps, name);
    CRM_ASSERT(*at >= 0);
    return CRM_OK;
}

/* Heads that a file gave stay as they are. */
static crm_status start_from_prior(const trainer *t, const crm_view *view, const uint8_t *taken,
                                   float *w)
{
    const crm_params *ps = crm_model_params(t->worker[0].model);
    int weight = 0, bias = 0;

    for (int h = 0; h < t->plan->heads.n; h++) {
        const char *name = t->plan->heads.head[h].name;
        prior p = {.t = t, .view = view, .h = h};
        CRM_TRY(find_param(ps, name, "weight", &weight));
        CRM_TRY(find_param(ps, name, "bias", &bias));
        if (taken[weight] || taken[bias]) continue;
        memset(w + crm_params_get(ps, weight)->offset, 0,
               (size_t)crm_params_get(ps, weight)->n * sizeof *w);
        p.bias = w + crm_params_get(ps, bias)->offset;
        p.n_bias = crm_params_get(ps, bias)->n;
        CRM_TRY(start_head(&p));
    }
    return CRM_OK;
}

static crm_status init_from_bag(const trainer *t, float *w, uint8_t *taken)
{
    const crm_params *ps = crm_model_params(t->worker[0].model);
    const char *file = t->fit->init_file;
    char why[512];

    if (crm_train_put(ps, t->fit->init, false, w, taken)) {
        snprintf(why, sizeof why, "%s", crm_err_text());
        CRM_FAIL(CRM_ERR_FORMAT, "%s%s%s", file ? file : "", file ? ": " : "", why);
    }
    if (t->member == 0 && strcmp(t->phase, CRM_PHASE_REFIT) != 0)
        crm_log_line(CRM_LOG_INFO, "train", "%d of %d parameters begin with the values given",
                     crm_bag_count(t->fit->init), crm_params_count(ps));
    return CRM_OK;
}

crm_status crm_train_init(const trainer *t, const crm_view *view, uint64_t seed, float *w)
{
    uint8_t *taken;
    crm_status st = CRM_OK;

    CRM_NEW(taken, crm_params_count(crm_model_params(t->worker[0].model)));
    crm_model_init(t->worker[0].model, seed, w);
    crm_first_vectors_put(t->vectors, crm_model_params(t->worker[0].model), w);
    if (t->fit->init) CRM_TRY_TO(st, done, init_from_bag(t, w, taken));
    if (t->cfg->train.prior_start) st = start_from_prior(t, view, taken, w);
done:
    crm_mem_free(taken);
    return st;
}
