/* cuda_dnn.c - convolutions over steps by cuDNN: a picture of one line, channels last.
 *
 * A sample must not depend on how many there are.  cuDNN is therefore called with DNN_SAMPLES at a
 * time, the last ones beside whatever stands in scratch memory, and with one algorithm per shape:
 * the first of its heuristics that is deterministic.  Gradients of weights are sums per lane, which
 * cuDNN does not offer; the own kernels do them. */
#include "cuda_dnn.h"
#include "cuda_libs.h"

#include "crmpi/base_mem.h"

#ifdef CUDA_HAS_CUDNN

enum { DNN_SAMPLES = 256, DNN_CANDIDATES = 8, DNN_PLANS = 32 };
enum { DNN_WORKSPACE = 1 << 26 };

typedef struct dnn_plan {
    int64_t steps, kernel, pad, channels, filters;
    bool backward, found;
    cudnnTensorDescriptor_t x, y; /* of DNN_SAMPLES samples */
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    int algo;
    size_t workspace;
} dnn_plan;

struct cuda_dnn {
    const cuda_dnn_api *api; /* NULL: not there */
    cudnnHandle_t handle;
    int n;
    dnn_plan plan[DNN_PLANS];
};

static crm_status dnn_check(const cuda_dnn_api *api, cudnnStatus_t st, const char *call)
{
    CRM_CHECK(st == CUDNN_STATUS_SUCCESS, CRM_ERR_DEVICE, "%s: %s; gpu.cudnn: off does without it",
              call, api->cudnnGetErrorString(st));
    return CRM_OK;
}
#define DNN_TRY(api, name, ...) CRM_TRY(dnn_check(api, (api)->name(__VA_ARGS__), #name))

static void plan_drop(const cuda_dnn_api *api, dnn_plan *p)
{
    if (p->x) (void)api->cudnnDestroyTensorDescriptor(p->x);
    if (p->y) (void)api->cudnnDestroyTensorDescriptor(p->y);
    if (p->w) (void)api->cudnnDestroyFilterDescriptor(p->w);
    if (p->conv) (void)api->cudnnDestroyConvolutionDescriptor(p->conv);
}

void cuda_dnn_free(cuda_state *s)
{
    struct cuda_dnn *d = s->dnn;

    if (!d) return;
    for (int i = 0; i < d->n; i++)
        plan_drop(d->api, &d->plan[i]);
    if (d->handle) (void)d->api->cudnnDestroy(d->handle);
    crm_mem_free(d);
    s->dnn = NULL;
}

crm_status cuda_dnn_there(cuda_state *s, bool *yes)
{
    const char *why;

    *yes = false;
    if (s->cfg.cudnn != CRM_GPU_ON) return CRM_OK;
    if (!s->dnn) {
        CRM_NEW(s->dnn, 1);
        s->dnn->api = cuda_dnn_find(&why);
    }
    if (!s->dnn->api) return CRM_OK;
    if (!s->dnn->handle) {
        DNN_TRY(s->dnn->api, cudnnCreate, &s->dnn->handle);
        DNN_TRY(s->dnn->api, cudnnSetStream, s->dnn->handle, s->stream);
    }
    *yes = true;
    return CRM_OK;
}

/* ---- plans ---- */

static int64_t output_steps(const crm_conv *p)
{
    return p->steps + 2 * p->pad - p->kernel + 1;
}

static crm_status describe(const cuda_dnn_api *api, const cuda_dnn_call *c, bool tf32, dnn_plan *p)
{
    int channels = (int)c->channels, filters = (int)c->filters, kernel = (int)c->conv->kernel;

    DNN_TRY(api, cudnnCreateTensorDescriptor, &p->x);
    DNN_TRY(api, cudnnCreateTensorDescriptor, &p->y);
    DNN_TRY(api, cudnnCreateFilterDescriptor, &p->w);
    DNN_TRY(api, cudnnCreateConvolutionDescriptor, &p->conv);
    DNN_TRY(api, cudnnSetTensor4dDescriptor, p->x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, DNN_SAMPLES,
            channels, 1, (int)c->conv->steps);
    DNN_TRY(api, cudnnSetTensor4dDescriptor, p->y, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, DNN_SAMPLES,
            filters, 1, (int)output_steps(c->conv));
    DNN_TRY(api, cudnnSetFilter4dDescriptor, p->w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, filters,
            channels, 1, kernel);
    DNN_TRY(api, cudnnSetConvolution2dDescriptor, p->conv, 0, (int)c->conv->pad, 1, 1, 1, 1,
            CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
    DNN_TRY(api, cudnnSetConvolutionMathType, p->conv, tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH);
    return CRM_OK;
}

/* What the two lists of candidates have in common. */
#define TAKE_FIRST(p, list, n, tf32)                                                               \
    for (int i = 0; i < (n) && !(p)->found; i++)                                                   \
        if ((list)[i].status == CUDNN_STATUS_SUCCESS &&                                            \
            (list)[i].determinism == CUDNN_DETERMINISTIC && (list)[i].memory <= DNN_WORKSPACE &&   \
            ((tf32) || (list)[i].mathType == CUDNN_FMA_MATH)) {                                    \
            (p)->found = true;                                                                     \
            (p)->algo = (int)(list)[i].algo;                                                       \
            (p)->workspace = (list)[i].memory;                                                     \
        }

static void choose(const struct cuda_dnn *d, bool tf32, dnn_plan *p)
{
    cudnnConvolutionFwdAlgoPerf_t forward[DNN_CANDIDATES];
    cudnnConvolutionBwdDataAlgoPerf_t backward[DNN_CANDIDATES];
    int n = 0;

    if (!p->backward && d->api->cudnnGetConvolutionForwardAlgorithm_v7(
                            d->handle, p->x, p->w, p->conv, p->y, DNN_CANDIDATES, &n, forward) == 0)
        TAKE_FIRST(p, forward, n, tf32);
    if (p->backward && d->api->cudnnGetConvolutionBackwardDataAlgorithm_v7(
                           d->handle, p->w, p->y, p->conv, p->x, DNN_CANDIDATES, &n, backward) == 0)
        TAKE_FIRST(p, backward, n, tf32);
}

/* NULL: no algorithm, or no place for more plans. */
static crm_status plan_for(cuda_state *s, const cuda_dnn_call *c, const dnn_plan **out)
{
    struct cuda_dnn *d = s->dnn;
    bool tf32 = s->cfg.math != CRM_GPU_FP32;
    dnn_plan *p = d->plan;

    *out = NULL;
    for (; p < d->plan + d->n; p++)
        if (p->steps == c->conv->steps && p->kernel == c->conv->kernel && p->pad == c->conv->pad &&
            p->channels == c->channels && p->filters == c->filters && p->backward == c->backward)
            break;
    if (p == d->plan + DNN_PLANS) return CRM_OK;
    if (p == d->plan + d->n) {
        *p = (dnn_plan){c->conv->steps, c->conv->kernel, c->conv->pad,  c->channels,
                        c->filters,     c->backward,     .found = false};
        d->n++;
        CRM_TRY(describe(d->api, c, tf32, p));
        choose(d, tf32, p);
    }
    if (p->found) *out = p;
    return CRM_OK;
}

/* ---- a convolution ---- */

static crm_status run_samples(const cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c,
                              const float *from, float *to, void *workspace)
{
    const cuda_dnn_api *api = s->dnn->api;
    cudnnHandle_t h = s->dnn->handle;
    const float one = 1, zero = 0;

    if (p->backward)
        DNN_TRY(api, cudnnConvolutionBackwardData, h, &one, p->w, c->w, p->y, from, p->conv,
                (cudnnConvolutionBwdDataAlgo_t)p->algo, workspace, p->workspace, &zero, p->x, to);
    else
        DNN_TRY(api, cudnnConvolutionForward, h, &one, p->x, from, p->w, c->w, p->conv,
                (cudnnConvolutionFwdAlgo_t)p->algo, workspace, p->workspace, &zero, p->y, to);
    return CRM_OK;
}

/* The last n samples, fewer than DNN_SAMPLES, in memory for as many. */
static crm_status run_rest(cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c, int64_t n,
                           const float *from, int64_t from_size, float *to, int64_t to_size,
                           float *room, void *workspace)
{
    float *result = room + DNN_SAMPLES * from_size;

    CUDA_TRY(cudaMemcpyAsync(room, from, (size_t)(n * from_size) * sizeof *room,
                             cudaMemcpyDeviceToDevice, s->stream));
    CRM_TRY(run_samples(s, p, c, room, result, workspace));
    CUDA_TRY(cudaMemcpyAsync(to, result, (size_t)(n * to_size) * sizeof *room,
                             cudaMemcpyDeviceToDevice, s->stream));
    return CRM_OK;
}

crm_status cuda_dnn_run(cuda_state *s, const cuda_dnn_call *c, bool *done)
{
    int64_t x = c->conv->steps * c->channels, y = output_steps(c->conv) * c->filters, rest;
    int64_t from = c->backward ? y : x, to = c->backward ? x : y;
    int64_t samples = DNN_SAMPLES * ((from + to + 3) / 4 * 4); /* the workspace is aligned */
    const dnn_plan *p;
    float *room;

    *done = false;
    CRM_TRY(plan_for(s, c, &p));
    if (!p) return CRM_OK;
    CUDA_SCRATCH(s, CUDA_CONV, room, samples + (int64_t)(p->workspace / sizeof *room) + 1);
    rest = c->n % DNN_SAMPLES;
    for (int64_t i = 0; i < c->n - rest; i += DNN_SAMPLES)
        CRM_TRY(run_samples(s, p, c, c->from + i * from, c->to + i * to, room + samples));
    if (rest > 0)
        CRM_TRY(run_rest(s, p, c, rest, c->from + (c->n - rest) * from, from,
                         c->to + (c->n - rest) * to, to, room, room + samples));
    *done = true;
    return CRM_OK;
}

#else

void cuda_dnn_free(cuda_state *s)
{
    (void)s;
}

crm_status cuda_dnn_there(cuda_state *s, bool *yes)
{
    (void)s;
    *yes = false;
    return CRM_OK;
}

crm_status cuda_dnn_run(cuda_state *s, const cuda_dnn_call *c, bool *done)
{
    (void)s;
    (void)c;
    *done = false;
    return CRM_OK;
}

#endif
