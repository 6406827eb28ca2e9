/* cuda_dnn.c - convolutions over steps by cuDNN: a picture of one line, channels last.
 *
 * A sample must not depend on how many there are.  cuDNN is therefore called with DNN_SAMPLES at a
 * time, the last ones beside whatever stands in scratch memory, and with one algorithm per shape:
 * the first of its heuristics that is deterministic and runs: what is listed may still not be
 * supported, so each is tried, once.  Gradients of weights are sums per lane, which
 * cuDNN does not offer; the own kernels do them. */
#include "cuda_dnn.h"
#include "cuda_libs.h"

#include "crmpi/base_mem.h"

#ifdef CUDA_HAS_CUDNN

enum { DNN_SAMPLES = 256, DNN_CANDIDATES = 8, DNN_PLANS = 32 };
enum { DNN_WORKSPACE = 1 << 26 };

typedef struct dnn_plan {
    int64_t steps, kernel, pad, channels, filters;
    bool backward, tried, found;
    cudnnTensorDescriptor_t x, y; /* of DNN_SAMPLES samples */
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    int algo;
    size_t workspace;
} dnn_plan;

struct cuda_dnn {
    const cuda_dnn_api *api;
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
    s->dnn = NULL;
    for (int i = 0; i < d->n; i++)
        plan_drop(d->api, &d->plan[i]);
    if (d->handle) (void)d->api->cudnnDestroy(d->handle);
    crm_mem_free(d);
}

static crm_status open_library(cuda_state *s)
{
    const char *why = "";
    struct cuda_dnn *d;

    CRM_NEW(d, 1);
    s->dnn = d;
    d->api = cuda_dnn_find(&why);
    CRM_CHECK(d->api != NULL, CRM_ERR_DEVICE,
              "gpu.cudnn: on, and there is no cuDNN: %s, or take gpu.cudnn: auto", why);
    DNN_TRY(d->api, cudnnCreate, &d->handle);
    DNN_TRY(d->api, cudnnSetStream, d->handle, s->stream);
    return CRM_OK;
}

crm_status cuda_dnn_there(cuda_state *s, bool *yes)
{
    crm_status st;

    *yes = s->cfg.cudnn == CRM_GPU_ON;
    if (!*yes || s->dnn) return CRM_OK;
    st = open_library(s);
    if (st) cuda_dnn_free(s);
    return st;
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

/* Of DNN_SAMPLES samples. */
static cudnnStatus_t convolve(const cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c,
                              const float *from, float *to, void *workspace)
{
    const cuda_dnn_api *api = s->dnn->api;
    cudnnHandle_t h = s->dnn->handle;
    const float one = 1, zero = 0;

    return p->backward ? api->cudnnConvolutionBackwardData(h, &one, p->w, c->w, p->y, from, p->conv,
                                                           (cudnnConvolutionBwdDataAlgo_t)p->algo,
                                                           workspace, p->workspace, &zero, p->x, to)
                       : api->cudnnConvolutionForward(h, &one, p->x, from, p->w, c->w, p->conv,
                                                      (cudnnConvolutionFwdAlgo_t)p->algo, workspace,
                                                      p->workspace, &zero, p->y, to);
}

/* Floats of a sample of what is read and of what is written. */
static int64_t from_size(const cuda_dnn_call *c)
{
    return c->backward ? output_steps(c->conv) * c->filters : c->conv->steps * c->channels;
}

static int64_t to_size(const cuda_dnn_call *c)
{
    return c->backward ? c->conv->steps * c->channels : output_steps(c->conv) * c->filters;
}

/* *room: for DNN_SAMPLES samples before and behind a convolution; *workspace: aligned. */
static crm_status make_room(cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c, float **room,
                            float **workspace)
{
    int64_t samples = DNN_SAMPLES * ((from_size(c) + to_size(c) + 3) / 4 * 4);
    float *at;

    CUDA_SCRATCH(s, CUDA_CONV, at, samples + (int64_t)(p->workspace / sizeof *at) + 1);
    *room = at;
    *workspace = at + samples;
    return CRM_OK;
}

typedef struct candidate {
    int algo;
    cudnnMathType_t math;
} candidate;

/* What the two lists have in common.  Left out: what converts factors to half precision. */
#define TAKE(list, n, out, taken)                                                                  \
    for (int i = 0; i < (n); i++)                                                                  \
        if ((list)[i].status == CUDNN_STATUS_SUCCESS &&                                            \
            (list)[i].determinism == CUDNN_DETERMINISTIC &&                                        \
            (list)[i].mathType != CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION)                           \
            (out)[(taken)++] = (candidate)                                                         \
            {                                                                                      \
                (int)(list)[i].algo, (list)[i].mathType                                            \
            }

static int candidates(const struct cuda_dnn *d, const dnn_plan *p, candidate out[DNN_CANDIDATES])
{
    cudnnConvolutionFwdAlgoPerf_t forward[DNN_CANDIDATES];
    cudnnConvolutionBwdDataAlgoPerf_t backward[DNN_CANDIDATES];
    int n = 0, taken = 0;

    if (!p->backward && d->api->cudnnGetConvolutionForwardAlgorithm_v7(
                            d->handle, p->x, p->w, p->conv, p->y, DNN_CANDIDATES, &n, forward) == 0)
        TAKE(forward, n, out, taken);
    if (p->backward && d->api->cudnnGetConvolutionBackwardDataAlgorithm_v7(
                           d->handle, p->w, p->y, p->conv, p->x, DNN_CANDIDATES, &n, backward) == 0)
        TAKE(backward, n, out, taken);
    return taken;
}

/* Makes a candidate the plan's; false: not with the workspace that there may be.  The math type of
 * a list goes with its algorithm, but in fp32, where lists speak of another one than the FMA that
 * the descriptor demands. */
static bool prepare(const struct cuda_dnn *d, const candidate *t, bool tf32, dnn_plan *p)
{
    const cuda_dnn_api *api = d->api;
    cudnnStatus_t st;

    p->algo = t->algo;
    if (tf32 && api->cudnnSetConvolutionMathType(p->conv, t->math) != CUDNN_STATUS_SUCCESS)
        return false;
    st = p->backward
             ? api->cudnnGetConvolutionBackwardDataWorkspaceSize(
                   d->handle, p->w, p->y, p->conv, p->x, (cudnnConvolutionBwdDataAlgo_t)p->algo,
                   &p->workspace)
             : api->cudnnGetConvolutionForwardWorkspaceSize(d->handle, p->x, p->w, p->conv, p->y,
                                                            (cudnnConvolutionFwdAlgo_t)p->algo,
                                                            &p->workspace);
    return st == CUDNN_STATUS_SUCCESS && p->workspace <= DNN_WORKSPACE;
}

/* Runs it on whatever stands in scratch memory. */
static crm_status runs(cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c, bool *yes)
{
    float *room, *workspace;

    CRM_TRY(make_room(s, p, c, &room, &workspace));
    *yes = convolve(s, p, c, room, room + DNN_SAMPLES * from_size(c), workspace) ==
           CUDNN_STATUS_SUCCESS;
    if (!*yes) (void)cudaGetLastError();
    return CRM_OK;
}

/* While a graph is captured nothing can be tried: then the first candidate stands until a later
 * call tries it, and where it does not run the call says so. */
static crm_status choose(cuda_state *s, const cuda_dnn_call *c, bool tf32, dnn_plan *p)
{
    enum cudaStreamCaptureStatus capture;
    candidate list[DNN_CANDIDATES];
    int n = candidates(s->dnn, p, list);

    CUDA_TRY(cudaStreamIsCapturing(s->stream, &capture));
    p->found = false;
    for (int i = 0; i < n && !p->found; i++) {
        p->found = prepare(s->dnn, &list[i], tf32, p);
        if (p->found && capture == cudaStreamCaptureStatusNone) CRM_TRY(runs(s, p, c, &p->found));
    }
    p->tried = capture == cudaStreamCaptureStatusNone;
    return CRM_OK;
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
    }
    if (!p->tried) CRM_TRY(choose(s, c, tf32, p));
    if (p->found) *out = p;
    return CRM_OK;
}

/* ---- a convolution ---- */

static crm_status run_samples(const cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c,
                              const float *from, float *to, void *workspace)
{
    return dnn_check(s->dnn->api, convolve(s, p, c, from, to, workspace),
                     p->backward ? "cudnnConvolutionBackwardData" : "cudnnConvolutionForward");
}

/* The last n samples, fewer than DNN_SAMPLES, in memory for as many. */
static crm_status run_rest(cuda_state *s, const dnn_plan *p, const cuda_dnn_call *c, int64_t n,
                           float *room, void *workspace)
{
    const float *from = c->from + (c->n - n) * from_size(c);
    float *to = c->to + (c->n - n) * to_size(c), *result = room + DNN_SAMPLES * from_size(c);

    CUDA_TRY(cudaMemcpyAsync(room, from, (size_t)(n * from_size(c)) * sizeof *room,
                             cudaMemcpyDeviceToDevice, s->stream));
    CRM_TRY(run_samples(s, p, c, room, result, workspace));
    CUDA_TRY(cudaMemcpyAsync(to, result, (size_t)(n * to_size(c)) * sizeof *room,
                             cudaMemcpyDeviceToDevice, s->stream));
    return CRM_OK;
}

crm_status cuda_dnn_run(cuda_state *s, const cuda_dnn_call *c, bool *done)
{
    int64_t from = from_size(c), to = to_size(c), rest = c->n % DNN_SAMPLES;
    const dnn_plan *p;
    float *room, *workspace;

    *done = false;
    CRM_TRY(plan_for(s, c, &p));
    if (!p) return CRM_OK;
    CRM_TRY(make_room(s, p, c, &room, &workspace));
    for (int64_t i = 0; i < c->n - rest; i += DNN_SAMPLES)
        CRM_TRY(run_samples(s, p, c, c->from + i * from, c->to + i * to, workspace));
    if (rest > 0) CRM_TRY(run_rest(s, p, c, rest, room, workspace));
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
    *yes = false;
    CRM_CHECK(s->cfg.cudnn != CRM_GPU_ON, CRM_ERR_DEVICE,
              "gpu.cudnn: on, and this module was built without cudnn.h: build it with the headers "
              "of cuDNN, or take gpu.cudnn: auto");
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
