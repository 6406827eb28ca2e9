/* cuda_loss.cu - losses and their gradients.
 *
 * A block takes CHUNK rows of one lane, counted from the lane's first: the costs of the rows are
 * added as a fixed binary tree in double, the chunks of a lane one after the other.  So a lane's
 * loss does not depend on what other lanes there are.  A cost is that of the CPU (docs/numerics.md)
 * but for the order in which the terms of a wide row are added.  A label that is not below k makes
 * the loss of its lane NaN.
 *
 * Bytes of all of them: 4 n k (logits), 4 n (labels) or 4 n k (values), 4 n k (gradient). */
#include "cuda_math.h"
#include "cuda_ops.h"
#include "cuda_rows.h"

enum { CHUNK = 128, THREADS = 128 };
enum { LOSS_CE, LOSS_BCE, LOSS_HUBER, LOSS_POISSON };

struct loss_args {
    const float *z, *value, *class_weight;
    const int32_t *label;
    float *dz; /* NULL: loss only; may be z */
    int64_t ldz, lddz, k;
    double delta, scale, smooth;
    const double *scale_at;
};

CRM_DEVICE double scale_of(const loss_args &p)
{
    return p.scale_at ? *p.scale_at : p.scale;
}

/* ---- one row, worked on by G lanes of a warp, all of which call; the cost counts on lane 0 ----
 */

template <int G> CRM_DEVICE double ce_row(const loss_args &p, int64_t r, bool valid, double scale)
{
    const int lane = threadIdx.x % G, label = valid ? p.label[r] : 0;
    const int64_t k = valid ? p.k : 0;
    const float *z = p.z + r * p.ldz;
    float *dz = p.dz ? p.dz + r * p.lddz : NULL;
    float most = -INFINITY, chosen = valid ? z[label] : 0.0f, total;
    double sum = 0, all = 0, weight = valid && p.class_weight ? (double)p.class_weight[label] : 1.0;
    const float each = (float)(p.smooth / (double)p.k), one = (float)(1.0 - p.smooth);
    float factor = (float)(scale * weight);

    for (int64_t j = lane; j < k; j += G) {
        most = z[j] > most ? z[j] : most;
        if (p.smooth > 0) all += (double)z[j];
    }
    most = cuda_group_max<G>(most);
    if (p.smooth > 0) all = cuda_group_sum<G>(all);
    if (G > 1) __syncwarp(); /* all lanes have read z[label] before one writes dz */
    for (int64_t j = lane; j < k; j += G) {
        float e = cuda_exp(z[j] - most);

        if (dz) dz[j] = e;
        sum += (double)e;
    }
    sum = cuda_group_sum<G>(sum);
    total = (float)sum;
    for (int64_t j = lane; j < k && dz; j += G)
        dz[j] = ((dz[j] / total - (j == label ? one : 0.0f)) - each) * factor;
    if (lane > 0 || !valid) return 0.0;
    all = p.smooth > 0 ? p.smooth * ((double)chosen - all / (double)p.k) : 0;
    return weight * (cuda_log1p_f64(sum - 1.0) + ((double)most - (double)chosen) + all);
}

CRM_DEVICE double bce_row(const loss_args &p, int64_t r, bool valid, double scale)
{
    double weight, z;
    int label;

    if (!valid) return 0.0;
    label = p.label[r];
    z = (double)p.z[r * p.ldz];
    weight = p.class_weight ? (double)p.class_weight[label] : 1.0;
    if (p.dz)
        p.dz[r * p.lddz] =
            (cuda_sigmoid(p.z[r * p.ldz]) - (float)(label ? 1.0 - p.smooth / 2 : p.smooth / 2)) *
            (float)(scale * weight);
    if (!label) z = -z;
    return weight * ((p.smooth > 0 ? p.smooth / 2 * z : 0) - cuda_log_sigmoid_f64(z));
}

/* Cost of a class: rows without a label cost nothing and have gradient 0. */
template <int KIND, int G>
CRM_DEVICE double class_row(const loss_args &p, int64_t r, bool ok, double scale)
{
    const int64_t classes = KIND == LOSS_BCE ? 2 : p.k;
    const int64_t label = ok ? p.label[r] : -1;
    const bool valid = label >= 0 && label < classes;
    double cost;

    if (KIND == LOSS_BCE)
        cost = bce_row(p, r, valid, scale);
    else
        cost = ce_row<G>(p, r, valid, scale);
    for (int64_t j = threadIdx.x % G; ok && !valid && p.dz && j < p.k; j += G)
        p.dz[r * p.lddz + j] = 0.0f;
    return label >= classes ? (double)NAN : cost;
}

template <int KIND>
CRM_DEVICE double number_cost(const loss_args &p, double z, double y, double *slope)
{
    double r = z - y, a = fabs(r), rate;

    if (KIND == LOSS_HUBER) {
        *slope = a > p.delta ? (r < 0.0 ? -p.delta : p.delta) : r;
        return a > p.delta ? p.delta * (a - p.delta / 2.0) : r * r / 2.0;
    }
    rate = cuda_exp_f64(z);
    *slope = rate - y;
    return rate - y * z;
}

template <int KIND, int G>
CRM_DEVICE double number_row(const loss_args &p, int64_t r, bool ok, double scale)
{
    const int64_t k = ok ? p.k : 0;
    double cost = 0;

    for (int64_t j = threadIdx.x % G; j < k; j += G) {
        float y = p.value[r * p.k + j];
        double slope = 0;

        if (y == y) cost += number_cost<KIND>(p, (double)p.z[r * p.ldz + j], (double)y, &slope);
        if (p.dz) p.dz[r * p.lddz + j] = (float)scale * (float)slope;
    }
    return cuda_group_sum<G>(cost);
}

/* ---- chunks of rows ---- */

/* part[lane][parts]; with one part for each lane the loss itself. */
template <int KIND, int G>
static CRM_KERNEL CRM_BOUNDS(THREADS)
    k_loss(loss_args p, cuda_lanes lanes, int64_t parts, double *part)
{
    CRM_SHARED(double, cost, [CHUNK]);
    const int lane = blockIdx.y, t = threadIdx.x;
    const int64_t from = lanes.first[lane] + (int64_t)blockIdx.x * CHUNK;
    const int64_t end = lanes.first[lane + 1];
    const double scale = scale_of(p);

    if (from >= end && blockIdx.x > 0) return;
    for (int i = t / G; i < CHUNK; i += THREADS / G) {
        const int64_t r = from + i;
        const bool ok = r < end;
        double c;

        if (KIND == LOSS_CE || KIND == LOSS_BCE)
            c = class_row<KIND, G>(p, r, ok, scale);
        else
            c = number_row<KIND, G>(p, r, ok, scale);
        if (t % G == 0) cost[i] = c;
    }
    for (int half = CHUNK / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) cost[t] += cost[t + half];
    }
    if (t == 0) part[lane * parts + blockIdx.x] = parts == 1 ? scale * cost[0] : cost[0];
}

static CRM_KERNEL CRM_BOUNDS(CRM_LANES_MAX)
    k_loss_sum(loss_args p, cuda_lanes lanes, int64_t parts, const double *__restrict__ part,
               double *__restrict__ loss)
{
    const int l = threadIdx.x;
    double sum = 0;

    if (l >= lanes.n) return;
    for (int64_t i = 0; i < (lanes.first[l + 1] - lanes.first[l] + CHUNK - 1) / CHUNK; i++)
        sum += part[l * parts + i];
    loss[l] = scale_of(p) * sum;
}

template <int KIND, int G>
static void launch_chunks(cuda_state *s, const loss_args &p, const cuda_lanes &lanes, int64_t parts,
                          double *part)
{
    dim3 grid((unsigned)parts, (unsigned)lanes.n);

    CRM_LAUNCH((k_loss<KIND, G>), grid, THREADS, 0, s->stream, p, lanes, parts, part);
}

/* As many lanes of a warp for a row as suit k, and k alone. */
template <int KIND>
static crm_status losses(cuda_state *s, const crm_tensor *z, const crm_loss *l,
                         const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    cuda_lanes c = cuda_lanes_of(lanes);
    int64_t k = z->dim[1], parts = (cuda_most_rows(&c) + CHUNK - 1) / CHUNK;
    double *part = (double *)loss->data;
    loss_args p = {};

    p.z = (const float *)z->data;
    p.ldz = z->ld;
    p.k = k;
    p.label = l->label;
    p.value = l->value;
    p.class_weight = l->class_weight;
    p.delta = l->delta;
    p.scale = l->scale;
    p.smooth = l->smooth;
    p.scale_at = l->scale_at;
    p.dz = dz ? (float *)dz->data : NULL;
    p.lddz = dz ? dz->ld : 0;
    if (parts < 1) parts = 1;
    if (parts > 1) CUDA_SCRATCH(s, CUDA_LOSS, part, lanes->n * parts);
    if (KIND == LOSS_BCE || k <= 8)
        launch_chunks<KIND, 1>(s, p, c, parts, part);
    else if (k <= 32)
        launch_chunks<KIND, 8>(s, p, c, parts, part);
    else
        launch_chunks<KIND, 32>(s, p, c, parts, part);
    CUDA_LAUNCHED(k_loss);
    if (parts == 1) return CRM_OK;
    CRM_LAUNCH(k_loss_sum, 1, CRM_LANES_MAX, 0, s->stream, p, c, parts, (const double *)part,
               (double *)loss->data);
    CUDA_LAUNCHED(k_loss_sum);
    return CRM_OK;
}

extern "C" crm_status cuda_op_ce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                                      const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    return losses<LOSS_CE>((cuda_state *)state, logits, p, lanes, loss, dlogits);
}

extern "C" crm_status cuda_op_bce_loss(void *state, const crm_tensor *logits, const crm_loss *p,
                                       const crm_lanes *lanes, crm_tensor *loss,
                                       crm_tensor *dlogits)
{
    return losses<LOSS_BCE>((cuda_state *)state, logits, p, lanes, loss, dlogits);
}

extern "C" crm_status cuda_op_huber_loss(void *state, const crm_tensor *z, const crm_loss *p,
                                         const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    return losses<LOSS_HUBER>((cuda_state *)state, z, p, lanes, loss, dz);
}

extern "C" crm_status cuda_op_poisson_loss(void *state, const crm_tensor *z, const crm_loss *p,
                                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    return losses<LOSS_POISSON>((cuda_state *)state, z, p, lanes, loss, dz);
}
