/* text_net.h - a small text convolution for tests: shapes, tokens, parameters in one flat vector
 * per lane, and the definition in double. */
#ifndef TEXT_NET_H
#define TEXT_NET_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/device.h"
#include "devices_testing.h"

typedef struct text_shape {
    int64_t v, e, filters, length;
    int n_kernels;
    int64_t kernel[4];
    int64_t lanes, docs;
} text_shape;

/* Parameters of a lane: table, w of each kernel, b of each kernel; GAP sentinels behind them. */
enum { TEXT_GAP = 5 };
typedef struct text_net {
    text_shape s;
    int64_t columns, params, *first, *lane_first, at_w[4], at_b[4];
    int32_t *token;
    float *par, *dy;
} text_net;

/* What one run gives. */
typedef struct text_out {
    float *y, *grad; /* [docs][columns]; [lanes][params + GAP] */
    int32_t *arg;
} text_out;

static inline void *text_new(int64_t n, size_t size)
{
    void *p = crm_mem_new((size_t)n, size);

    if (!p) abort();
    return p;
}

static inline double text_random(uint32_t stream, int64_t at)
{
    crm_rng r = crm_rng_at(5, CRM_RNG_TEST, stream, (uint64_t)at);

    return 2 * crm_rng_uniform(&r) - 1;
}

/* Lengths go through the special ones: none, one, around the first kernel, up to all. */
static inline int64_t text_tokens(const text_shape *s, int64_t doc)
{
    int64_t k = s->kernel[0],
            n[] = {0, 1, k - 1, k, s->length - k, s->length - k + 1, s->length - 1, s->length};

    if (doc % 9 < 8) return n[doc % 9] < s->length ? n[doc % 9] : s->length;
    return (int64_t)((text_random(1, doc) + 1) / 2 * (double)s->length);
}

/* Few tokens are frequent; -1, 0 and v stand for none. */
static inline int32_t text_token(const text_shape *s, int64_t at)
{
    double u = (text_random(2, at) + 1) / 2;

    return (int32_t)(u * u * (double)(s->v + 2)) - 1;
}

static inline text_net text_make(text_shape s)
{
    text_net n = {.s = s, .columns = s.n_kernels * s.filters};

    n.first = text_new(s.docs + 1, sizeof *n.first);
    for (int64_t d = 0; d < s.docs; d++)
        n.first[d + 1] = n.first[d] + text_tokens(&s, d);
    n.token = text_new(n.first[s.docs], sizeof *n.token);
    for (int64_t i = 0; i < n.first[s.docs]; i++)
        n.token[i] = text_token(&s, i);
    n.lane_first = text_new(s.lanes + 1, sizeof *n.lane_first);
    for (int64_t l = 0; l <= s.lanes; l++)
        n.lane_first[l] = s.docs * l * l / (s.lanes * s.lanes);
    n.params = s.v * s.e;
    for (int k = 0; k < s.n_kernels; k++) {
        n.at_w[k] = n.params;
        n.params += s.filters * s.e * s.kernel[k];
    }
    for (int k = 0; k < s.n_kernels; k++, n.params += s.filters)
        n.at_b[k] = n.params;
    n.par = text_new(n.params, sizeof *n.par);
    for (int64_t i = 0; i < n.params; i++)
        n.par[i] = (float)text_random(3, i);
    n.dy = text_new(s.docs * n.columns, sizeof *n.dy);
    for (int64_t i = 0; i < s.docs * n.columns; i++)
        n.dy[i] = i % 3 ? (float)text_random(4, i) : 0;
    return n;
}

static inline void text_free(text_net *n)
{
    crm_mem_free(n->first);
    crm_mem_free(n->lane_first);
    crm_mem_free(n->token);
    crm_mem_free(n->par);
    crm_mem_free(n->dy);
}

static inline void text_out_free(text_out *o)
{
    crm_mem_free(o->y);
    crm_mem_free(o->arg);
    crm_mem_free(o->grad);
}

static inline crm_text_weights text_weights(const text_net *n, float *p)
{
    crm_text_weights w = {.table = crm_tensor_2d(p, CRM_F32, n->s.v, n->s.e)};

    for (int k = 0; k < n->s.n_kernels; k++) {
        int64_t e = n->s.e, taps = n->s.kernel[k];

        w.w[k] = (crm_tensor){.data = p + n->at_w[k],
                              .dtype = CRM_F32,
                              .rank = 3,
                              .dim = {n->s.filters, e, taps},
                              .ld = e * taps};
        w.b[k] = crm_tensor_1d(p + n->at_b[k], CRM_F32, n->s.filters);
    }
    return w;
}

/* Documents [doc, end) of the net. */
static inline crm_text_conv text_conv_of(const text_net *n, crm_act act)
{
    crm_text_conv p = {.n_kernels = n->s.n_kernels,
                       .length = n->s.length,
                       .act = act,
                       .n_docs = n->s.docs,
                       .n_tokens = n->first[n->s.docs],
                       .first = n->first,
                       .token = n->token};

    memcpy(p.kernel, n->s.kernel, (size_t)n->s.n_kernels * sizeof *p.kernel);
    return p;
}

static const float TEXT_SENTINEL = 12345;

/* The description with its arrays on the device. */
static inline crm_text_conv text_on_device(held_arrays *m, crm_text_conv p)
{
    p.first = array_on_device(m, p.first, p.n_docs + 1, sizeof *p.first);
    p.token = array_on_device(m, p.token, p.n_tokens, sizeof *p.token);
    return p;
}

static inline text_out text_run(crm_device *d, const text_net *n, crm_act act, bool learn_table)
{
    int64_t size = n->s.docs * n->columns, stride = n->params + TEXT_GAP;
    text_out o = {.y = text_new(size, sizeof(float)),
                  .arg = text_new(size, sizeof(int32_t)),
                  .grad = text_new(n->s.lanes * stride, sizeof(float))};
    held_arrays m = {.d = d};
    crm_text_conv p = text_on_device(&m, text_conv_of(n, act));
    crm_text_weights w, dw;
    crm_tensor y = crm_tensor_2d(o.y, CRM_F32, n->s.docs, n->columns), arg = y, dy = y;
    crm_lanes lanes = {.n = n->s.lanes, .stride = stride, .first = n->lane_first};

    arg.data = o.arg;
    arg.dtype = CRM_I32;
    dy.data = n->dy;
    for (int64_t i = 0; i < n->s.lanes * stride; i++)
        if (i % stride >= n->at_w[0]) o.grad[i] = TEXT_SENTINEL;
    w = text_weights(n, array_on_device(&m, n->par, n->params, sizeof *n->par));
    dw = text_weights(n, array_on_device(&m, o.grad, n->s.lanes * stride, sizeof *o.grad));
    y = on_device(&m, y);
    arg = on_device(&m, arg);
    dy = on_device(&m, dy);
    T_OK(crm_op_text_conv(d, &p, &w, &y, &arg));
    T_OK(crm_op_text_conv_bwd(d, &p, &w, &arg, &dy, &lanes, &dw, learn_table));
    bring_back(&m);
    let_go(&m);
    return o;
}

static const text_shape text_shapes[] = {
    {40, 64, 33, 12, 3, {3, 4, 5}, 1, 30},
    {50, 20, 16, 9, 2, {2, 7}, 4, 40},
    {9, 7, 5, 6, 1, {1}, 2, 12},
    {30, 300, 18, 11, 3, {9, 6, 1}, 3, 20},
    {25, 100, 3, 5, 2, {5, 3}, 2, 20},
    {12, 3, 2, 4, 2, {3, 2}, 1, 700},
    {200, 16, 40, 64, 3, {3, 4, 5}, 4, 60},
    {5, 1, 1, 1, 1, {1}, 1, 3},
    {30, 33, 20, 20, 2, {11, 8}, 2, 27},
    {20, 8, 4, 10, 1, {3}, 2, 0},
    {90, 64, 64, 20, 3, {3, 4, 5}, 3, 75},
};
enum { TEXT_SHAPES = sizeof text_shapes / sizeof *text_shapes };

static inline crm_device *text_open(crm_cpu_path path)
{
    crm_device *d = NULL;

    if (crm_device_cpu(path, &d)) crm_err_clear();
    return d;
}

/* The module's device with products of this kind; NULL where no module is named. */
static inline crm_device *text_open_gpu(crm_gpu_math math)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA, .math = math, .timeout = 60};
    crm_device *d = NULL;

    if (getenv("CRM_CUDA_PLUGIN")) T_OK(crm_device_open(&cfg, 0, 1, &d));
    return d;
}

/* The best path of the CPU; the module's device. */
enum { TEXT_DEVICES = 2 };
static inline crm_device *text_open_nth(int i)
{
    return i == 0 ? text_open(CRM_CPU_BEST) : text_open_gpu(CRM_GPU_FP32);
}

static inline void text_one_shape(crm_device *d, text_shape s,
                                  void (*f)(crm_device *d, const text_net *n, const text_out *o))
{
    text_net n = text_make(s);
    text_out o = text_run(d, &n, CRM_ACT_TANH, true);

    f(d, &n, &o);
    text_out_free(&o);
    text_free(&n);
}

/* On a device, in every shape: f(device, net, what it gives). */
static inline void text_each_shape(crm_device *d,
                                   void (*f)(crm_device *d, const text_net *n, const text_out *o))
{
    for (int i = 0; i < TEXT_SHAPES; i++)
        if (!small_cases() || text_shapes[i].docs <= 12 || text_shapes[i].e == 64)
            text_one_shape(d, text_shapes[i], f);
}

/* On every device, in every shape. */
static inline void text_each(void (*f)(crm_device *d, const text_net *n, const text_out *o))
{
    for (int i = 0; i < TEXT_DEVICES; i++) {
        crm_device *d = text_open_nth(i);
        int failures = t_failures;

        if (d) text_each_shape(d, f);
        if (t_failures > failures) fprintf(stderr, "# on %s\n", crm_device_name(d));
        crm_device_free(&d);
    }
}

/* ---- the definition, in double ---- */

/* Sum of the window at p; a place without token is a zero vector. */
static inline double text_window(const text_net *n, const double *par, int64_t doc, int k,
                                 int64_t f, int64_t p)
{
    int64_t e = n->s.e, taps = n->s.kernel[k];
    const double *w = par + n->at_w[k] + f * e * taps;
    double sum = 0;

    for (int64_t j = 0; j < taps; j++) {
        int64_t at = n->first[doc] + p + j, t = at < n->first[doc + 1] ? n->token[at] : 0;

        if (t <= 0 || t >= n->s.v) continue;
        for (int64_t c = 0; c < e; c++)
            sum += par[t * e + c] * w[c * taps + j];
    }
    return sum;
}

/* Maximum over the windows of a document padded to the length, with bias. */
static inline double text_value(const text_net *n, const double *par, int64_t doc, int k, int64_t f)
{
    double best = -INFINITY;

    for (int64_t p = 0; p + n->s.kernel[k] <= n->s.length; p++)
        best = fmax(best, text_window(n, par, doc, k, f, p));
    return best + par[n->at_b[k] + f];
}

/* sum of dy times the value before the activation over the documents of a lane. */
static inline double text_objective(const text_net *n, const double *par, int64_t lane)
{
    double sum = 0;

    for (int64_t d = n->lane_first[lane]; d < n->lane_first[lane + 1]; d++)
        for (int64_t j = 0; j < n->columns; j++) {
            double g = (double)n->dy[d * n->columns + j];

            if (g != 0) sum += g * text_value(n, par, d, (int)(j / n->s.filters), j % n->s.filters);
        }
    return sum;
}

static inline double *text_doubles(const text_net *n)
{
    double *par = text_new(n->params, sizeof *par);

    for (int64_t i = 0; i < n->params; i++)
        par[i] = (double)n->par[i];
    return par;
}
#endif
