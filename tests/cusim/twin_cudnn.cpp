/* twin_cudnn.cpp - cuDNN's convolutions by plain loops: float tensors of four dimensions in NHWC or
 * NCHW, the legacy calls of NVIDIA's cudnn_cnn.h.
 *
 * The lists of algorithms begin with one that is not deterministic where cuDNN has one; calling it
 * ends the program. Those of the two passes that crmpi leaves to cuDNN begin with one that is
 * listed and then not supported for NHWC. Lists tell neither the math type that was asked for nor
 * the bytes of workspace: that is what cuDNN's own lists are known for. With any math type but
 * CUDNN_FMA_MATH the operands are rounded to TF32, as a GPU may do. */
#include <cudnn.h>

#include "cusim_runtime.h"
#include "cusim_twin.h"

struct cudnnContext {
    cudaStream_t stream;
};
/* Extents n, c, h, w; for a filter k, c, h, w. */
struct cudnnTensorStruct {
    int extent[4];
    int stride[4];
    bool is_float;
};
struct cudnnFilterStruct {
    cudnnTensorStruct as;
};
struct cudnnConvolutionStruct {
    int pad[2], step[2], dilation[2];
    bool flipped;
    cudnnMathType_t math;
};

namespace cusim
{
namespace
{
using tensor = cudnnTensorStruct;

/* Numbers of algorithms that the twin runs, and bytes of workspace that it asks for. */
enum {
    DETERMINISTIC = 1,
    LISTED_ONLY = 5,
    FORWARD_BYTES = 1024,
    DATA_BYTES = 2048,
    FILTER_BYTES = 4096
};

cudnnStatus_t set_packed(tensor &t, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c,
                         int h, int w)
{
    if (n < 1 || c < 1 || h < 1 || w < 1 ||
        (format != CUDNN_TENSOR_NCHW && format != CUDNN_TENSOR_NHWC)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    t = {{n, c, h, w}, {c * h * w, h * w, w, 1}, type == CUDNN_DATA_FLOAT};
    if (format == CUDNN_TENSOR_NHWC) {
        t = {{n, c, h, w}, {h * w * c, 1, w * c, c}, type == CUDNN_DATA_FLOAT};
    }
    return CUDNN_STATUS_SUCCESS;
}

int64_t place(const tensor &t, int n, int c, int h, int w)
{
    return int64_t(n) * t.stride[0] + int64_t(c) * t.stride[1] + int64_t(h) * t.stride[2] +
           int64_t(w) * t.stride[3];
}

void check_memory(const tensor &t, const void *p, const char *what)
{
    int64_t last = place(t, t.extent[0] - 1, t.extent[1] - 1, t.extent[2] - 1, t.extent[3] - 1);
    device_check(p, static_cast<size_t>(last + 1) * sizeof(float), what);
}

template <class F> void each(const tensor &t, F f)
{
    for (int n = 0; n < t.extent[0]; n++) {
        for (int c = 0; c < t.extent[1]; c++) {
            for (int h = 0; h < t.extent[2]; h++) {
                for (int w = 0; w < t.extent[3]; w++) {
                    f(n, c, h, w);
                }
            }
        }
    }
}

struct convolution {
    tensor x, w, y;
    cudnnConvolutionStruct how;
    const float *at_x, *at_w, *at_y;
    float *out;
    float alpha, beta;
};

float rounded(const convolution &q, float v)
{
    return q.how.math == CUDNN_FMA_MATH ? v : from_bits<float>(round_to_tf32(v));
}

void store(const convolution &q, int64_t at, float sum)
{
    q.out[at] = q.beta == 0 ? q.alpha * sum : fmaf(q.beta, q.out[at], q.alpha * sum);
}

/* Row or column of x that output position o meets at tap r; taps of a true convolution run
 * backwards. */
int input_at(const convolution &q, int axis, int o, int r)
{
    int tap = q.how.flipped ? q.w.extent[2 + axis] - 1 - r : r;
    return o * q.how.step[axis] - q.how.pad[axis] + tap * q.how.dilation[axis];
}

bool inside(const tensor &t, int h, int w)
{
    return h >= 0 && h < t.extent[2] && w >= 0 && w < t.extent[3];
}

/* f(r, s, c): each tap and channel of a filter. */
template <class F> void each_tap(const convolution &q, F f)
{
    for (int r = 0; r < q.w.extent[2]; r++) {
        for (int s = 0; s < q.w.extent[3]; s++) {
            for (int c = 0; c < q.w.extent[1]; c++) {
                f(r, s, c);
            }
        }
    }
}

void forward(const convolution &q)
{
    each(q.y, [&](int n, int k, int p, int o) {
        float sum = 0;
        each_tap(q, [&](int r, int s, int c) {
            int h = input_at(q, 0, p, r), w = input_at(q, 1, o, s);
            if (inside(q.x, h, w)) {
                float x = q.at_x[place(q.x, n, c, h, w)], f = q.at_w[place(q.w, k, c, r, s)];
                sum = fmaf(rounded(q, x), rounded(q, f), sum);
            }
        });
        store(q, place(q.y, n, k, p, o), sum);
    });
}

/* An output position and the tap at which it meets a place of x. */
struct meeting {
    int output, tap;
};
using meetings = std::vector<std::vector<meeting>>; /* of each place along an axis */

meetings meetings_along(const convolution &q, int axis)
{
    meetings all(static_cast<size_t>(q.x.extent[2 + axis]));
    for (int o = 0; o < q.y.extent[2 + axis]; o++) {
        for (int r = 0; r < q.w.extent[2 + axis]; r++) {
            int at = input_at(q, axis, o, r);
            if (at >= 0 && at < q.x.extent[2 + axis]) {
                all[static_cast<size_t>(at)].push_back({o, r});
            }
        }
    }
    return all;
}

/* dx: every output that met x(n, c, h, w), in order of filter, row and column. */
void backward_data(const convolution &q)
{
    meetings rows = meetings_along(q, 0), columns = meetings_along(q, 1);
    each(q.x, [&](int n, int c, int h, int w) {
        float sum = 0;
        for (int k = 0; k < q.w.extent[0]; k++) {
            for (meeting p : rows[static_cast<size_t>(h)]) {
                for (meeting o : columns[static_cast<size_t>(w)]) {
                    float dy = q.at_y[place(q.y, n, k, p.output, o.output)],
                          f = q.at_w[place(q.w, k, c, p.tap, o.tap)];
                    sum = fmaf(rounded(q, dy), rounded(q, f), sum);
                }
            }
        }
        store(q, place(q.x, n, c, h, w), sum);
    });
}

void backward_filter(const convolution &q)
{
    each(q.w, [&](int k, int c, int r, int s) {
        float sum = 0;
        for (int n = 0; n < q.y.extent[0]; n++) {
            for (int p = 0; p < q.y.extent[2]; p++) {
                for (int o = 0; o < q.y.extent[3]; o++) {
                    int h = input_at(q, 0, p, r), w = input_at(q, 1, o, s);
                    if (inside(q.x, h, w)) {
                        float x = q.at_x[place(q.x, n, c, h, w)],
                              dy = q.at_y[place(q.y, n, k, p, o)];
                        sum = fmaf(rounded(q, x), rounded(q, dy), sum);
                    }
                }
            }
        }
        store(q, place(q.w, k, c, r, s), sum);
    });
}

int output_extent(const tensor &x, const tensor &w, const cudnnConvolutionStruct &how, int axis)
{
    int reach = (w.extent[2 + axis] - 1) * how.dilation[axis] + 1;
    return (x.extent[2 + axis] + 2 * how.pad[axis] - reach) / how.step[axis] + 1;
}

bool fits(const tensor &x, const tensor &w, const tensor &y, const cudnnConvolutionStruct &how)
{
    return x.is_float && w.is_float && y.is_float && x.extent[1] == w.extent[1] &&
           y.extent[1] == w.extent[0] && x.extent[0] == y.extent[0] &&
           y.extent[2] == output_extent(x, w, how, 0) && y.extent[3] == output_extent(x, w, how, 1);
}

bool channels_last(const tensor &t)
{
    return t.stride[1] == 1 && t.extent[1] > 1;
}

/* algorithm 1 of each list is deterministic, needs the workspace and is what the twin runs */
cudnnStatus_t run(cudnnHandle_t handle, const convolution &q, int algorithm, bool may,
                  void *workspace, size_t bytes, size_t needed,
                  void (*compute)(const convolution &))
{
    if (!fits(q.x, q.w, q.y, q.how)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    if (algorithm == LISTED_ONLY && (channels_last(q.x) || channels_last(q.y))) {
        return CUDNN_STATUS_NOT_SUPPORTED;
    }
    if (!may) {
        fatal("cuDNN: algorithm %d is not deterministic", algorithm);
    }
    if (algorithm == DETERMINISTIC && (bytes < needed || !workspace)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    check_memory(q.x, q.at_x, "cuDNN, x");
    check_memory(q.w, q.at_w, "cuDNN, filter");
    check_memory(q.y, q.at_y, "cuDNN, y");
    cudaError_t code = submit(handle->stream, OP_LIBRARY, nullptr, [q, compute] { compute(q); });
    return code ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

convolution problem(const tensor &x, const void *at_x, const tensor &w, const void *at_w,
                    const tensor &y, const void *at_y, const cudnnConvolutionStruct &how,
                    const void *alpha, const void *beta, const void *out)
{
    return {x,
            w,
            y,
            how,
            static_cast<const float *>(at_x),
            static_cast<const float *>(at_w),
            static_cast<const float *>(at_y),
            static_cast<float *>(const_cast<void *>(out)),
            *static_cast<const float *>(alpha),
            *static_cast<const float *>(beta)};
}

/* Algorithms in this order, fastest first; -1 ends. */
template <class P>
cudnnStatus_t list(const int *order, bool zero_varies, const cudnnConvolutionStruct &how,
                   int wanted, int *count, P *results)
{
    for (*count = 0; *count < wanted && order[*count] >= 0; ++*count) {
        P &r = results[*count];
        int number = order[*count];
        memset(&r, 0, sizeof r);
        r.algo = static_cast<decltype(r.algo)>(number);
        r.status = CUDNN_STATUS_SUCCESS;
        r.time = -1;
        r.determinism = number == 0 && zero_varies ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC;
        r.mathType = how.math == CUDNN_FMA_MATH ? CUDNN_DEFAULT_MATH : CUDNN_TENSOR_OP_MATH;
    }
    return CUDNN_STATUS_SUCCESS;
}

template <class T> cudnnStatus_t make(T **out)
{
    *out = new T();
    return CUDNN_STATUS_SUCCESS;
}
template <class T> cudnnStatus_t destroy(T *p)
{
    delete p;
    return CUDNN_STATUS_SUCCESS;
}
const int forward_order[] = {LISTED_ONLY, 1, 0, -1}, data_order[] = {LISTED_ONLY, 0, 1, -1},
          filter_order[] = {0, 1, -1};
} // namespace
} // namespace cusim

using namespace cusim;

extern "C" {
size_t cudnnGetVersion(void)
{
    return CUDNN_VERSION;
}
size_t cudnnGetCudartVersion(void)
{
    return CUDART_VERSION;
}
const char *cudnnGetErrorString(cudnnStatus_t status)
{
    switch (status) {
    case CUDNN_STATUS_SUCCESS:
        return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM:
        return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_INITIALIZED:
        return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_NOT_SUPPORTED:
        return "CUDNN_STATUS_NOT_SUPPORTED";
    default:
        return "CUDNN_STATUS_EXECUTION_FAILED";
    }
}
cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    return device_ready() ? CUDNN_STATUS_NOT_INITIALIZED : make(handle);
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    return destroy(handle);
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *t)
{
    return make(t);
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t t)
{
    return destroy(t);
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t t, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w)
{
    return set_packed(*t, format, type, n, c, h, w);
}
cudnnStatus_t cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t t, cudnnDataType_t type, int n,
                                           int c, int h, int w, int step_n, int step_c, int step_h,
                                           int step_w)
{
    cudnnStatus_t status = set_packed(*t, CUDNN_TENSOR_NCHW, type, n, c, h, w);
    int steps[4] = {step_n, step_c, step_h, step_w};
    memcpy(t->stride, steps, sizeof steps);
    return status;
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *f)
{
    return make(f);
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t f)
{
    return destroy(f);
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t f, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w)
{
    return set_packed(f->as, format, type, k, c, h, w);
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *c)
{
    return make(c);
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t c)
{
    return destroy(c);
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t c, int pad_h, int pad_w,
                                              int step_h, int step_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t type)
{
    if (pad_h < 0 || pad_w < 0 || step_h < 1 || step_w < 1 || dilation_h < 1 || dilation_w < 1 ||
        type != CUDNN_DATA_FLOAT) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    *c = {{pad_h, pad_w},
          {step_h, step_w},
          {dilation_h, dilation_w},
          mode == CUDNN_CONVOLUTION,
          CUDNN_DEFAULT_MATH};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t c, cudnnMathType_t math)
{
    c->math = math;
    return CUDNN_STATUS_SUCCESS;
}

/* ---- forward ---- */
cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                     const cudnnFilterDescriptor_t w,
                                                     const cudnnConvolutionDescriptor_t c,
                                                     const cudnnTensorDescriptor_t y,
                                                     const int wanted, int *count,
                                                     cudnnConvolutionFwdAlgoPerf_t *results)
{
    *count = 0;
    return fits(*x, w->as, *y, *c) ? list(forward_order, false, *c, wanted, count, results)
                                   : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, const cudnnTensorDescriptor_t,
                                                      const cudnnFilterDescriptor_t,
                                                      const cudnnConvolutionDescriptor_t,
                                                      const cudnnTensorDescriptor_t,
                                                      cudnnConvolutionFwdAlgo_t algorithm,
                                                      size_t *bytes)
{
    *bytes = algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM ? FORWARD_BYTES : 0;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha,
                                      const cudnnTensorDescriptor_t x, const void *at_x,
                                      const cudnnFilterDescriptor_t w, const void *at_w,
                                      const cudnnConvolutionDescriptor_t c,
                                      cudnnConvolutionFwdAlgo_t algorithm, void *workspace,
                                      size_t bytes, const void *beta,
                                      const cudnnTensorDescriptor_t y, void *at_y)
{
    api_lock lock;
    convolution q = problem(*x, at_x, w->as, at_w, *y, at_y, *c, alpha, beta, at_y);
    return run(handle, q, algorithm, true, workspace, bytes, FORWARD_BYTES, forward);
}

/* ---- gradient of x ---- */
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t c, const cudnnTensorDescriptor_t x, const int wanted,
    int *count, cudnnConvolutionBwdDataAlgoPerf_t *results)
{
    *count = 0;
    return fits(*x, w->as, *y, *c) ? list(data_order, true, *c, wanted, count, results)
                                   : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t, const cudnnFilterDescriptor_t, const cudnnTensorDescriptor_t,
    const cudnnConvolutionDescriptor_t, const cudnnTensorDescriptor_t,
    cudnnConvolutionBwdDataAlgo_t algorithm, size_t *bytes)
{
    *bytes = algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1 ? DATA_BYTES : 0;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *alpha,
                                           const cudnnFilterDescriptor_t w, const void *at_w,
                                           const cudnnTensorDescriptor_t y, const void *at_y,
                                           const cudnnConvolutionDescriptor_t c,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void *workspace,
                                           size_t bytes, const void *beta,
                                           const cudnnTensorDescriptor_t x, void *at_x)
{
    api_lock lock;
    convolution q = problem(*x, at_x, w->as, at_w, *y, at_y, *c, alpha, beta, at_x);
    return run(handle, q, algorithm, algorithm != CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, workspace,
               bytes, DATA_BYTES, backward_data);
}

/* ---- gradient of the filter ---- */
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t y,
    const cudnnConvolutionDescriptor_t c, const cudnnFilterDescriptor_t w, const int wanted,
    int *count, cudnnConvolutionBwdFilterAlgoPerf_t *results)
{
    *count = 0;
    return fits(*x, w->as, *y, *c) ? list(filter_order, true, *c, wanted, count, results)
                                   : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t,
    const cudnnConvolutionDescriptor_t, const cudnnFilterDescriptor_t,
    cudnnConvolutionBwdFilterAlgo_t algorithm, size_t *bytes)
{
    *bytes = algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 ? FILTER_BYTES : 0;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *alpha,
                                             const cudnnTensorDescriptor_t x, const void *at_x,
                                             const cudnnTensorDescriptor_t y, const void *at_y,
                                             const cudnnConvolutionDescriptor_t c,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                             void *workspace, size_t bytes, const void *beta,
                                             const cudnnFilterDescriptor_t w, void *at_w)
{
    api_lock lock;
    convolution q = problem(*x, at_x, w->as, at_w, *y, at_y, *c, alpha, beta, at_w);
    bool may = algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 &&
               algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
    return run(handle, q, algorithm, may, workspace, bytes, FILTER_BYTES, backward_filter);
}

/* C = alpha A + beta C, where extents of A may be 1 */
cudnnStatus_t cudnnAddTensor(cudnnHandle_t handle, const void *alpha,
                             const cudnnTensorDescriptor_t a, const void *at_a, const void *beta,
                             const cudnnTensorDescriptor_t c, void *at_c)
{
    api_lock lock;
    tensor from = *a, to = *c;
    for (int i = 0; i < 4; i++) {
        if (from.extent[i] != to.extent[i] && from.extent[i] != 1) {
            return CUDNN_STATUS_BAD_PARAM;
        }
        from.stride[i] = from.extent[i] == 1 ? 0 : from.stride[i];
    }
    check_memory(*a, at_a, "cudnnAddTensor, A");
    check_memory(to, at_c, "cudnnAddTensor, C");
    const float *source = static_cast<const float *>(at_a);
    float *target = static_cast<float *>(at_c);
    float by_a = *static_cast<const float *>(alpha), by_c = *static_cast<const float *>(beta);
    cudaError_t code = submit(handle->stream, OP_LIBRARY, nullptr, [=] {
        each(to, [&](int n, int k, int h, int w) {
            float &v = target[place(to, n, k, h, w)];
            float term = by_a * source[place(from, n, k, h, w)];
            v = by_c == 0 ? term : fmaf(by_c, v, term);
        });
    });
    return code ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}
}

namespace cusim
{
extern const twin_symbol twin_cudnn[] = {CUSIM_TWIN(cudnnGetVersion),
                                         CUSIM_TWIN(cudnnGetCudartVersion),
                                         CUSIM_TWIN(cudnnGetErrorString),
                                         CUSIM_TWIN(cudnnCreate),
                                         CUSIM_TWIN(cudnnDestroy),
                                         CUSIM_TWIN(cudnnSetStream),
                                         CUSIM_TWIN(cudnnCreateTensorDescriptor),
                                         CUSIM_TWIN(cudnnDestroyTensorDescriptor),
                                         CUSIM_TWIN(cudnnSetTensor4dDescriptor),
                                         CUSIM_TWIN(cudnnSetTensor4dDescriptorEx),
                                         CUSIM_TWIN(cudnnCreateFilterDescriptor),
                                         CUSIM_TWIN(cudnnDestroyFilterDescriptor),
                                         CUSIM_TWIN(cudnnSetFilter4dDescriptor),
                                         CUSIM_TWIN(cudnnCreateConvolutionDescriptor),
                                         CUSIM_TWIN(cudnnDestroyConvolutionDescriptor),
                                         CUSIM_TWIN(cudnnSetConvolution2dDescriptor),
                                         CUSIM_TWIN(cudnnSetConvolutionMathType),
                                         CUSIM_TWIN(cudnnGetConvolutionForwardAlgorithm_v7),
                                         CUSIM_TWIN(cudnnGetConvolutionForwardWorkspaceSize),
                                         CUSIM_TWIN(cudnnConvolutionForward),
                                         CUSIM_TWIN(cudnnGetConvolutionBackwardDataAlgorithm_v7),
                                         CUSIM_TWIN(cudnnGetConvolutionBackwardDataWorkspaceSize),
                                         CUSIM_TWIN(cudnnConvolutionBackwardData),
                                         CUSIM_TWIN(cudnnGetConvolutionBackwardFilterAlgorithm_v7),
                                         CUSIM_TWIN(cudnnGetConvolutionBackwardFilterWorkspaceSize),
                                         CUSIM_TWIN(cudnnConvolutionBackwardFilter),
                                         CUSIM_TWIN(cudnnAddTensor),
                                         {nullptr, nullptr}};
} // namespace cusim
