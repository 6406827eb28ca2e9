/* device_cpu_loss.c - softmax and the losses of the CPU device.
 *
 * Exponentials are float and vectorised, their sum is double in the order of the classes;
 * logarithms and the loss of a lane are double, rows in order.  The largest logit is subtracted
 * first, so that nothing overflows.  Losses of numbers are double throughout. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"

#include "device_cpu_impl.h"

static float row_max(const float *z, int64_t k)
{
    float m = z[0];

    for (int64_t j = 1; j < k; j++)
        m = z[j] > m ? z[j] : m;
    return m;
}

crm_status crm_cpu_softmax(void *state, const crm_tensor *logits, crm_tensor *proba)
{
    cpu_state *s = state;
    int64_t k = logits->dim[1];

    for (int64_t r = 0; r < logits->dim[0]; r++) {
        const float *z = row(logits, r);
        double sum = s->k->exp_sum(z, row_max(z, k), row(proba, r), k);

        s->k->divide(row(proba, r), (float)sum, k);
    }
    return CRM_OK;
}

static double scale_of(const crm_loss *p)
{
    return p->scale_at ? *p->scale_at : p->scale;
}

/* One row of a loss: unweighted loss of logits z with a valid label, smoothed; dz NULL or the
 * gradient, times factor; it may be z. */
typedef double (*row_loss_fn)(const crm_cpu_kernels *k, const float *z, int64_t n, int32_t label,
                              double smooth, float factor, float *dz);

/* What smoothing adds to the loss: smooth (z[label] - mean of z). */
static double smoothed(const float *z, int64_t k, int32_t label, double smooth)
{
    double sum = 0;

    for (int64_t j = 0; j < k; j++)
        sum += (double)z[j];
    return smooth * ((double)z[label] - sum / (double)k);
}

/* -log softmax(z)[label] = log sum exp(z - max) - (z[label] - max). */
static double ce_row(const crm_cpu_kernels *kern, const float *z, int64_t k, int32_t label,
                     double smooth, float factor, float *dz)
{
    float m = row_max(z, k), each = (float)(smooth / (double)k);
    double loss = (double)m - (double)z[label], sum;

    if (smooth > 0) loss += smoothed(z, k, label, smooth);
    sum = kern->exp_sum(z, m, dz, k);
    if (dz) {
        kern->divide(dz, (float)sum, k);
        dz[label] -= (float)(1 - smooth);
        for (int64_t j = 0; smooth > 0 && j < k; j++)
            dz[j] -= each;
        kern->scale(dz, factor, k);
    }
    return crm_log1p(sum - 1) + loss; /* sum >= 1: the largest term */
}

/* -log sigmoid(z) or -log sigmoid(-z) = max(z, 0) - z label + log(1 + exp(-|z|)); their difference
 * is z. */
static double bce_row(const crm_cpu_kernels *kern, const float *z, int64_t k, int32_t label,
                      double smooth, float factor, float *dz)
{
    double toward = label ? (double)*z : -(double)*z, loss = -crm_log_sigmoid(toward);

    if (smooth > 0) loss += smooth / 2 * toward;
    if (dz) {
        kern->sigmoid(z, dz, k);
        *dz = (*dz - (float)(label ? 1 - smooth / 2 : smooth / 2)) * factor;
    }
    return loss;
}

static crm_status valid_labels(const crm_loss *p, int64_t n, int64_t classes)
{
    for (int64_t r = 0; r < n; r++)
        CRM_CHECK(p->label[r] < classes, CRM_ERR_ARG,
                  "label %d of row %lld, there are %lld classes", (int)p->label[r], (long long)r,
                  (long long)classes);
    return CRM_OK;
}

/* Sum of weight * loss over the valid rows of a lane, in order. */
static double lane_loss(const crm_cpu_kernels *kern, row_loss_fn fn, const crm_tensor *logits,
                        const crm_loss *p, int64_t first, int64_t end, crm_tensor *dlogits)
{
    int64_t k = logits->dim[1];
    double sum = 0, scale = scale_of(p);

    for (int64_t r = first; r < end; r++) {
        float *dz = dlogits ? row(dlogits, r) : NULL;
        int32_t label = p->label[r];
        double weight = 1;

        if (label < 0) {
            if (dz) memset(dz, 0, row_bytes(dlogits));
            continue;
        }
        if (p->class_weight) weight = (double)p->class_weight[label];
        sum += weight * fn(kern, row(logits, r), k, label, p->smooth, (float)(scale * weight), dz);
    }
    return sum;
}

static crm_status losses(cpu_state *s, row_loss_fn fn, int64_t classes, const crm_tensor *logits,
                         const crm_loss *p, const crm_lanes *lanes, crm_tensor *loss,
                         crm_tensor *dlogits)
{
    CRM_TRY(valid_labels(p, logits->dim[0], classes));
    for (int64_t l = 0; l < lanes->n; l++)
        ((double *)loss->data)[l] =
            scale_of(p) * lane_loss(s->k, fn, logits, p, crm_lane_first(lanes, l),
                                    crm_lane_first(lanes, l + 1), dlogits);
    return CRM_OK;
}

crm_status crm_cpu_ce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    return losses(state, ce_row, logits->dim[1], logits, p, lanes, loss, dlogits);
}

crm_status crm_cpu_bce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                            const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    return losses(state, bce_row, 2, logits, p, lanes, loss, dlogits);
}

/* ---- losses of numbers ---- */

/* Loss of one prediction and its derivative. */
typedef double (*number_loss_fn)(double z, double y, const crm_loss *p, double *derivative);

static double huber(double z, double y, const crm_loss *p, double *derivative)
{
    double r = z - y, a = fabs(r);

    *derivative = a > p->delta ? (r < 0 ? -p->delta : p->delta) : r;
    return a > p->delta ? p->delta * (a - p->delta / 2) : r * r / 2;
}

static double poisson(double z, double y, const crm_loss *p, double *derivative)
{
    double rate = crm_exp(z);

    (void)p;
    *derivative = rate - y;
    return rate - y * z;
}

/* Sum over rows and columns in order; a value that is NaN counts nothing. */
static double lane_number_loss(number_loss_fn fn, const crm_tensor *z, const crm_loss *p,
                               int64_t first, int64_t end, crm_tensor *dz)
{
    int64_t k = z->dim[1];
    float scale = (float)scale_of(p);
    double sum = 0;

    for (int64_t r = first; r < end; r++)
        for (int64_t j = 0; j < k; j++) {
            float y = p->value[r * k + j];
            double slope = 0;

            if (!isnan(y)) sum += fn((double)row(z, r)[j], (double)y, p, &slope);
            if (dz) row(dz, r)[j] = scale * (float)slope;
        }
    return sum;
}

static crm_status number_losses(number_loss_fn fn, const crm_tensor *z, const crm_loss *p,
                                const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    for (int64_t l = 0; l < lanes->n; l++)
        ((double *)loss->data)[l] =
            scale_of(p) *
            lane_number_loss(fn, z, p, crm_lane_first(lanes, l), crm_lane_first(lanes, l + 1), dz);
    return CRM_OK;
}

crm_status crm_cpu_huber_loss(void *state, const crm_tensor *z, const crm_loss *p,
                              const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    (void)state;
    return number_losses(huber, z, p, lanes, loss, dz);
}

crm_status crm_cpu_poisson_loss(void *state, const crm_tensor *z, const crm_loss *p,
                                const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    (void)state;
    return number_losses(poisson, z, p, lanes, loss, dz);
}
