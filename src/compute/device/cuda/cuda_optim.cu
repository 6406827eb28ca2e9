/* cuda_optim.cu - what follows the gradient: its norm, the updates, losses of an epoch.
 *
 * An update is one pass over the flat vectors and has the CPU's bits.  Numbers of a step are read
 * from device memory where they are live, and worked out in double by one thread of each block; a
 * scale that is not finite ends the kernel before anything is written. */
#include "cuda_math.h"
#include "cuda_ops.h"
#include "cuda_rows.h"

/* ---- norm ---- */

enum { SQUARES_THREADS = 256 };

/* Bytes: 4 n.  Thread t of a block adds elements 4 t + 1024 j + (0 .. 3) in order of j, then the
 * threads are added as a binary tree: an order that is fixed, but not that of the CPU. */
static CRM_KERNEL CRM_BOUNDS(SQUARES_THREADS)
    k_sum_squares(int64_t n, bool wide, const float *__restrict__ x, double *__restrict__ out)
{
    CRM_SHARED(double, part, [SQUARES_THREADS / 32]);
    const int64_t from = (int64_t)blockIdx.x * CRM_BLOCK;
    const int64_t end = from + CRM_BLOCK < n ? from + CRM_BLOCK : n;
    double sum = 0;

    for (int64_t i = from + 4 * threadIdx.x; i < end; i += 4 * SQUARES_THREADS) {
        cuda_pack<4> v = {};

        if (wide && i + 4 <= end)
            v = cuda_load<4>(x + i);
        else
            for (int k = 0; k < 4 && i + k < end; k++)
                v.v[k] = x[i + k];
        CRM_UNROLL
        for (int k = 0; k < 4; k++)
            sum += (double)v.v[k] * (double)v.v[k]; /* exact */
    }
    sum = cuda_group_sum<32>(sum);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0)
        out[blockIdx.x] = ((part[0] + part[1]) + (part[2] + part[3])) +
                          ((part[4] + part[5]) + (part[6] + part[7]));
}

extern "C" crm_status cuda_op_sum_squares(void *state, const crm_tensor *x, crm_tensor *out)
{
    cuda_state *s = (cuda_state *)state;
    int64_t blocks = out->dim[0];

    if (blocks == 0) return CRM_OK;
    CRM_LAUNCH(k_sum_squares, (unsigned)blocks, SQUARES_THREADS, 0, s->stream, x->dim[0],
               cuda_wide(x->data, 0), (const float *)x->data, (double *)out->data);
    CUDA_LAUNCHED(k_sum_squares);
    return CRM_OK;
}

enum { NORM_THREADS = 1024 };

/* v of the first lane = the tree over the n values of a warp's lanes (neighbours; a missing right
 * one leaves the left unchanged). */
CRM_DEVICE double warp_tree(double v, int64_t n)
{
    const int lane = threadIdx.x % 32;

    CRM_UNROLL
    for (int o = 1; o < 32; o *= 2) {
        const double right = __shfl_down_sync(0xFFFFFFFFu, v, o);

        if (lane + o < n) v += right;
    }
    return v;
}

/* Bytes: 8 n, by one block: five levels of the tree at a time, in place. */
static CRM_KERNEL CRM_BOUNDS(NORM_THREADS) k_norm(int64_t n, double *s, double clip, double *live)
{
    const int64_t warp = threadIdx.x / 32;
    const bool none = n == 0;
    double norm;

    for (; n > 1; n = (n + 31) / 32)
        for (int64_t i = 0; i < n; i += NORM_THREADS) {
            const int64_t at = i + 32 * warp, left = n - at;
            double v = at + threadIdx.x % 32 < n ? s[at + threadIdx.x % 32] : 0.0;

            v = warp_tree(v, left);
            __syncthreads(); /* what follows overwrites elements just read */
            if (threadIdx.x % 32 == 0 && left > 0) s[at / 32] = v;
            __syncthreads();
        }
    if (threadIdx.x > 0) return;
    norm = none ? 0.0 : sqrt(s[0]);
    live[CRM_LIVE_NORM] = norm;
    if (!(norm <= DBL_MAX))
        live[CRM_LIVE_GRAD_SCALE] = (double)NAN;
    else
        live[CRM_LIVE_GRAD_SCALE] = clip > 0.0 && norm > clip ? clip / norm : 1.0;
}

extern "C" crm_status cuda_op_norm(void *state, const crm_tensor *sums, double clip, double *live)
{
    cuda_state *s = (cuda_state *)state;

    CRM_LAUNCH(k_norm, 1, NORM_THREADS, 0, s->stream, sums->dim[0], (double *)sums->data, clip,
               live);
    CUDA_LAUNCHED(k_norm);
    return CRM_OK;
}

/* Bytes: 24 n. */
static CRM_KERNEL CRM_BOUNDS(256)
    k_tally(int64_t n, const double *__restrict__ x, double *__restrict__ total)
{
    for (int64_t i = blockIdx.x * 256 + threadIdx.x; i < n; i += (int64_t)gridDim.x * 256)
        total[i] += x[i];
}

extern "C" crm_status cuda_op_tally(void *state, const crm_tensor *x, crm_tensor *total)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = x->dim[0];

    if (n == 0) return CRM_OK;
    CRM_LAUNCH(k_tally, cuda_blocks(n, 256, 1 << 16), 256, 0, s->stream, n, (const double *)x->data,
               (double *)total->data);
    CUDA_LAUNCHED(k_tally);
    return CRM_OK;
}

/* ---- updates ---- */

/* Blocks of an update: few enough that working out the numbers of the step costs nothing. */
enum { UPDATE_THREADS = 256, UPDATE_BLOCKS = 1024 };

CRM_DEVICE bool is_finite(double x)
{
    return fabs(x) <= DBL_MAX;
}

/* Where a thread stands among the boundaries of weight decay: `below` of them are not above its
 * element, the next one is at `end`; inside a range their number is odd. */
struct decay_place {
    int64_t below, end;
};

CRM_DEVICE decay_place decay_start(const crm_decay &d)
{
    decay_place at = {d.bound ? 0 : 1, d.bound ? 0 : INT64_MAX};

    return at;
}

/* On to element i, which is not before the last one. */
CRM_DEVICE void decay_seek(const crm_decay &d, int64_t i, decay_place *at)
{
    int64_t most = 2 * d.n;

    if (i < at->end) return;
    while (at->below < most) {
        const int64_t mid = at->below + (most - at->below) / 2;

        if (d.bound[mid] <= i)
            at->below = mid + 1;
        else
            most = mid;
    }
    at->end = at->below < 2 * d.n ? d.bound[at->below] : INT64_MAX;
}

struct adam_numbers {
    bool go;
    float grad_scale, keep1, new1, keep2, new2, decay, rate, root_scale, eps;
};
struct adam_vectors {
    const float *g;
    float *w, *m, *v;
};

/* 1 - beta^t. */
CRM_DEVICE double bias_correction(double beta, int64_t step)
{
    return beta > 0.0 ? 1.0 - cuda_pow_f64(beta, (double)step) : 1.0;
}

CRM_DEVICE adam_numbers adam_numbers_of(const crm_adam &p)
{
    const double scale = p.live ? p.live[CRM_LIVE_GRAD_SCALE] : p.grad_scale;
    const double lr = p.live ? p.live[CRM_LIVE_LR] : p.lr;
    const double bias1 = p.live ? p.live[CRM_LIVE_BIAS1] : bias_correction(p.beta1, p.step);
    const double bias2 = p.live ? p.live[CRM_LIVE_BIAS2] : bias_correction(p.beta2, p.step);
    adam_numbers c;

    c.go = is_finite(scale);
    c.grad_scale = (float)scale;
    c.keep1 = (float)p.beta1;
    c.new1 = (float)(1.0 - p.beta1);
    c.keep2 = (float)p.beta2;
    c.new2 = (float)(1.0 - p.beta2);
    c.decay = (float)(1.0 - lr * p.weight_decay);
    c.rate = (float)(lr / bias1);
    c.root_scale = (float)sqrt(1.0 / bias2);
    c.eps = (float)p.eps;
    return c;
}

template <int V>
CRM_DEVICE void update_pack(const adam_numbers &c, bool decays, const adam_vectors &x, int64_t at)
{
    const cuda_pack<V> gv = cuda_load<V>(x.g + at);
    cuda_pack<V> wv = cuda_load<V>(x.w + at), mv = cuda_load<V>(x.m + at),
                 vv = cuda_load<V>(x.v + at);
    const float decay = decays ? c.decay : 1.0f;

    CRM_UNROLL
    for (int i = 0; i < V; i++) {
        const float grad = c.grad_scale * gv.v[i];

        mv.v[i] = fmaf(c.keep1, mv.v[i], c.new1 * grad);
        vv.v[i] = fmaf(c.keep2, vv.v[i], c.new2 * grad * grad);
        wv.v[i] =
            fmaf(-c.rate, mv.v[i] / fmaf(sqrtf(vv.v[i]), c.root_scale, c.eps), decay * wv.v[i]);
    }
    cuda_store<V>(x.w + at, wv);
    cuda_store<V>(x.m + at, mv);
    cuda_store<V>(x.v + at, vv);
}

/* Each element of n once, V at a time where weight decay holds for all of them or for none. */
template <int V, class NUMBERS, class VECTORS>
CRM_DEVICE void update_all(int64_t n, const crm_decay &d, const NUMBERS &c, const VECTORS &x)
{
    decay_place at = decay_start(d);

    for (int64_t i = (blockIdx.x * (int64_t)UPDATE_THREADS + threadIdx.x) * V; i < n;
         i += (int64_t)gridDim.x * UPDATE_THREADS * V) {
        decay_seek(d, i, &at);
        if (i + V <= n && i + V <= at.end) {
            update_pack<V>(c, at.below & 1, x, i);
            continue;
        }
        for (int64_t k = i; k < n && k < i + V; k++) {
            decay_seek(d, k, &at);
            update_pack<1>(c, at.below & 1, x, k);
        }
    }
}

/* Bytes: 28 n. */
template <int V>
static CRM_KERNEL CRM_BOUNDS(UPDATE_THREADS)
    k_adam(int64_t n, crm_adam p, const float *__restrict__ g, float *__restrict__ w,
           float *__restrict__ m, float *__restrict__ v)
{
    CRM_SHARED(adam_numbers, c, );
    const adam_vectors x = {g, w, m, v};

    if (threadIdx.x == 0) c = adam_numbers_of(p);
    __syncthreads();
    if (c.go) update_all<V>(n, p.decay, c, x);
}

/* All vectors may be read four floats at a time. */
static bool wide_vectors(const crm_tensor *a, const crm_tensor *b, const crm_tensor *c,
                         const crm_tensor *d)
{
    return cuda_wide(a->data, 0) && cuda_wide(b->data, 0) && (!c || cuda_wide(c->data, 0)) &&
           (!d || cuda_wide(d->data, 0));
}

extern "C" crm_status cuda_op_adam(void *state, const crm_adam *p, const crm_tensor *g,
                                   crm_tensor *w, crm_tensor *m, crm_tensor *v)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = g->dim[0];
    bool wide = wide_vectors(g, w, m, v);
    unsigned blocks = cuda_blocks(n, (wide ? 4 : 1) * UPDATE_THREADS, UPDATE_BLOCKS);

    if (n == 0) return CRM_OK;
    if (wide)
        CRM_LAUNCH((k_adam<4>), blocks, UPDATE_THREADS, 0, s->stream, n, *p, (const float *)g->data,
                   (float *)w->data, (float *)m->data, (float *)v->data);
    else
        CRM_LAUNCH((k_adam<1>), blocks, UPDATE_THREADS, 0, s->stream, n, *p, (const float *)g->data,
                   (float *)w->data, (float *)m->data, (float *)v->data);
    CUDA_LAUNCHED(k_adam);
    return CRM_OK;
}

struct sgd_numbers {
    bool go, nesterov;
    float grad_scale, weight_decay, momentum, lr;
};
struct sgd_vectors {
    const float *g;
    float *w, *m; /* m NULL: no momentum */
};

CRM_DEVICE sgd_numbers sgd_numbers_of(const crm_sgd &p)
{
    const double scale = p.live ? p.live[CRM_LIVE_GRAD_SCALE] : p.grad_scale;
    sgd_numbers c;

    c.go = is_finite(scale);
    c.nesterov = p.nesterov;
    c.grad_scale = (float)scale;
    c.weight_decay = (float)p.weight_decay;
    c.momentum = (float)p.momentum;
    c.lr = (float)(p.live ? p.live[CRM_LIVE_LR] : p.lr);
    return c;
}

template <int V>
CRM_DEVICE void update_pack(const sgd_numbers &c, bool decays, const sgd_vectors &x, int64_t at)
{
    const cuda_pack<V> gv = cuda_load<V>(x.g + at);
    cuda_pack<V> wv = cuda_load<V>(x.w + at), mv = {};
    const float decay = decays ? c.weight_decay : 0.0f;

    if (x.m) mv = cuda_load<V>(x.m + at);
    CRM_UNROLL
    for (int i = 0; i < V; i++) {
        const float grad = fmaf(decay, wv.v[i], c.grad_scale * gv.v[i]);
        float step = grad;

        if (x.m) {
            mv.v[i] = fmaf(c.momentum, mv.v[i], grad);
            step = c.nesterov ? fmaf(c.momentum, mv.v[i], grad) : mv.v[i];
        }
        wv.v[i] = fmaf(-c.lr, step, wv.v[i]);
    }
    cuda_store<V>(x.w + at, wv);
    if (x.m) cuda_store<V>(x.m + at, mv);
}

/* Bytes: 20 n, without momentum 12 n. */
template <int V>
static CRM_KERNEL CRM_BOUNDS(UPDATE_THREADS)
    k_sgd(int64_t n, crm_sgd p, const float *__restrict__ g, float *__restrict__ w,
          float *__restrict__ m)
{
    CRM_SHARED(sgd_numbers, c, );
    const sgd_vectors x = {g, w, m};

    if (threadIdx.x == 0) c = sgd_numbers_of(p);
    __syncthreads();
    if (c.go) update_all<V>(n, p.decay, c, x);
}

extern "C" crm_status cuda_op_sgd(void *state, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                                  crm_tensor *m)
{
    cuda_state *s = (cuda_state *)state;
    int64_t n = g->dim[0];
    bool wide = wide_vectors(g, w, m, NULL);
    unsigned blocks = cuda_blocks(n, (wide ? 4 : 1) * UPDATE_THREADS, UPDATE_BLOCKS);
    float *momentum = m ? (float *)m->data : NULL;

    if (n == 0) return CRM_OK;
    if (wide)
        CRM_LAUNCH((k_sgd<4>), blocks, UPDATE_THREADS, 0, s->stream, n, *p, (const float *)g->data,
                   (float *)w->data, momentum);
    else
        CRM_LAUNCH((k_sgd<1>), blocks, UPDATE_THREADS, 0, s->stream, n, *p, (const float *)g->data,
                   (float *)w->data, momentum);
    CUDA_LAUNCHED(k_sgd);
    return CRM_OK;
}
