/* svm_gamma.c - gamma of a kernel from the training rows. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "svm_impl.h"

crm_status svc_gamma_read(const char *text, double *gamma)
{
    char *end = NULL;

    *gamma = 0;
    if (strcmp(text, "scale") == 0 || strcmp(text, "auto") == 0) return CRM_OK;
    errno = 0;
    *gamma = strtod(text, &end);
    CRM_CHECK(end != text && !*end && !errno && isfinite(*gamma) && *gamma > 0, CRM_ERR_CONFIG,
              "svm.gamma: '%s' is no width of a kernel; give scale, auto or a number above 0",
              text);
    return CRM_OK;
}

typedef struct survey {
    const classic_classes *classes;
    const crm_target *target;
    int64_t d;
    double mean;
    double *square; /* [leaves] largest squared norm of a row */
} survey;

/* out: sum of the values, their number, those that are not finite. */
static void add_values(void *ctx, const crm_rows_piece *p, double *out)
{
    const survey *s = ctx;

    for (int64_t i = 0; i < p->n; i++) {
        const float *x = p->num + i * s->d;
        if (classic_slot(s->classes, s->target, p->row[i]) < 0) continue;
        for (int64_t j = 0; j < s->d; j++) {
            bool good = isfinite(x[j]);
            out[0] += good ? (double)x[j] : 0;
            out[1] += good;
            out[2] += !good;
        }
    }
}

/* out: sum of the squared distances from the mean. */
static void add_squares(void *ctx, const crm_rows_piece *p, double *out)
{
    const survey *s = ctx;
    double top = 0;

    for (int64_t i = 0; i < p->n; i++) {
        const float *x = p->num + i * s->d;
        double square = 0;
        if (classic_slot(s->classes, s->target, p->row[i]) < 0) continue;
        for (int64_t j = 0; j < s->d; j++) {
            double v = (double)x[j];
            out[0] += (v - s->mean) * (v - s->mean);
            square += v * v;
        }
        top = square > top ? square : top;
    }
    s->square[p->at / CRM_LEAF_ROWS] = top;
}

/* Names the first value that is not finite among the rows of this rank. */
static crm_status complain(const survey *s, const crm_fit *fit, const crm_source *in)
{
    crm_view own = crm_rows_own(fit);
    crm_rows_piece p = {.n = 1};
    float *num;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    CRM_NEW(num, s->d);
    CRM_NEW_TO(st, done, cat, crm_source_schema(in)->n_cat);
    for (int64_t i = 0; i < own.n && !st; i++) {
        p.row = own.row + i;
        p.num = num;
        if (classic_slot(s->classes, s->target, own.row[i]) < 0) continue;
        CRM_TRY_TO(st, done, crm_source_read(in, p.row, 1, num, cat));
        st = classic_check_finite(in, &p);
    }
done:
    crm_mem_free(num);
    crm_mem_free(cat);
    return st;
}

static crm_status measure(survey *s, const crm_fit *fit, const crm_source *in, double *variance,
                          double *square)
{
    int64_t leaves = crm_leaf_count(fit->train->n);
    double sum[3] = {0}, spread = 0;

    CRM_TRY(crm_rows_sum(fit, in, 3, add_values, s, sum));
    if (sum[2] > 0) return crm_comm_agree(fit->comm, complain(s, fit, in));
    s->mean = sum[1] > 0 ? sum[0] / sum[1] : 0;
    CRM_TRY(crm_rows_sum(fit, in, 1, add_squares, s, &spread));
    *variance = sum[1] > 0 ? spread / sum[1] : 0;
    *square = 0;
    for (int64_t i = 0; i < leaves; i++)
        *square = s->square[i] > *square ? s->square[i] : *square;
    return crm_comm_max_f64(fit->comm, square, 1);
}

static crm_status begin(survey *s, const crm_fit *fit)
{
    CRM_NEW(s->square, crm_leaf_count(fit->train->n));
    return CRM_OK;
}

crm_status svc_gamma_find(const svc *s, const crm_fit *fit, const crm_source *in, double *gamma,
                          double *square)
{
    survey v = {.classes = &s->classes,
                .target = crm_data_target(fit->train->data, fit->target),
                .d = s->d};
    double variance = 0, columns = s->d > 0 ? (double)s->d : 1;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin(&v, fit)));
    CRM_TRY_TO(st, done, measure(&v, fit, in, &variance, square));
    CRM_TRY_TO(st, done, svc_gamma_read(s->cfg->gamma, gamma));
    if (*gamma > 0) goto done;
    *gamma = 1 / columns;
    if (strcmp(s->cfg->gamma, "scale") == 0) *gamma = variance > 0 ? 1 / (columns * variance) : 1;
done:
    crm_mem_free(v.square);
    return st;
}
