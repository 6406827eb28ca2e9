/* shim_twins.cu - tests of the twins of cuBLASLt, cuDNN and NVML against plain loops in double. */
#include "shim_testing.h"

#include <cublasLt.h>
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#define HAS_CUDNN 1
#endif

#include "cusim_library.h"

/* The function of this name and type, as the module of crmpi finds it. */
#define FIND(library, name)                                                                        \
    auto name = reinterpret_cast<decltype(&::name)>(cusim_symbol(library, #name))
#define DONE(call) CHECK(static_cast<int>(call) == 0)

/* ---- cuBLASLt ---- */
struct lt_problem {
    int m, n, k, batch;
    bool turn_a, turn_b;
    float alpha, beta;
    uint32_t epilogue;
};

static cublasLtMatrixLayout_t lt_layout(void *lt, int rows, int columns, int ld, int batch)
{
    FIND(lt, cublasLtMatrixLayoutCreate);
    FIND(lt, cublasLtMatrixLayoutSetAttribute);
    cublasLtMatrixLayout_t l;
    int64_t stride = static_cast<int64_t>(ld) * columns;
    DONE(cublasLtMatrixLayoutCreate(&l, CUDA_R_32F, static_cast<uint64_t>(rows),
                                    static_cast<uint64_t>(columns), ld));
    DONE(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                          sizeof batch));
    DONE(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                          sizeof stride));
    return l;
}

static cublasLtMatmulDesc_t lt_description(void *lt, const lt_problem &q, const float *bias)
{
    FIND(lt, cublasLtMatmulDescCreate);
    FIND(lt, cublasLtMatmulDescSetAttribute);
    cublasLtMatmulDesc_t p;
    int32_t a = q.turn_a ? CUBLAS_OP_T : CUBLAS_OP_N, b = q.turn_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    DONE(cublasLtMatmulDescCreate(&p, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    DONE(cublasLtMatmulDescSetAttribute(p, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a));
    DONE(cublasLtMatmulDescSetAttribute(p, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b));
    DONE(cublasLtMatmulDescSetAttribute(p, CUBLASLT_MATMUL_DESC_EPILOGUE, &q.epilogue,
                                        sizeof q.epilogue));
    DONE(cublasLtMatmulDescSetAttribute(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
    return p;
}

struct lt_arrays {
    std::vector<float> a, b, d, bias;
    int lda, ldb, ldd;
};

/* Element (i, j) of a column-major matrix, or of its transpose. */
static double element(const std::vector<float> &x, int ld, bool turned, int i, int j, size_t base)
{
    return static_cast<double>(x[base + static_cast<size_t>(turned ? i * ld + j : j * ld + i)]);
}

static void lt_compare(const lt_problem &q, const lt_arrays &v, const std::vector<float> &got)
{
    for (int s = 0; s < q.batch; s++) {
        size_t at_a = static_cast<size_t>(s * v.lda * (q.turn_a ? q.m : q.k));
        size_t at_b = static_cast<size_t>(s * v.ldb * (q.turn_b ? q.k : q.n)),
               at_d = static_cast<size_t>(s * v.ldd * q.n);
        for (int i = 0; i < q.m; i++) {
            for (int j = 0; j < q.n; j++) {
                double sum = 0;
                for (int k = 0; k < q.k; k++) {
                    sum += element(v.a, v.lda, q.turn_a, i, k, at_a) *
                           element(v.b, v.ldb, q.turn_b, k, j, at_b);
                }
                double old = element(v.d, v.ldd, false, i, j, at_d);
                sum = static_cast<double>(q.alpha) * sum + static_cast<double>(q.beta) * old;
                sum += q.epilogue & CUBLASLT_EPILOGUE_BIAS
                           ? static_cast<double>(v.bias[static_cast<size_t>(i)])
                           : 0;
                sum = q.epilogue & CUBLASLT_EPILOGUE_RELU ? std::fmax(sum, 0) : sum;
                NEAR(element(got, v.ldd, false, i, j, at_d), sum, 1e-5);
            }
        }
    }
}

static void lt_run(void *lt, const lt_problem &q)
{
    FIND(lt, cublasLtCreate);
    FIND(lt, cublasLtDestroy);
    FIND(lt, cublasLtMatmul);
    FIND(lt, cublasLtMatmulDescDestroy);
    FIND(lt, cublasLtMatrixLayoutDestroy);
    FIND(lt, cublasLtMatmulPreferenceCreate);
    FIND(lt, cublasLtMatmulPreferenceDestroy);
    FIND(lt, cublasLtMatmulAlgoGetHeuristic);
    int a_rows = q.turn_a ? q.k : q.m, a_columns = q.turn_a ? q.m : q.k,
        b_rows = q.turn_b ? q.n : q.k;
    int b_columns = q.turn_b ? q.k : q.n, batch = q.batch;
    lt_arrays v;
    v.lda = a_rows + 1;
    v.ldb = b_rows + 2;
    v.ldd = q.m + 3;
    v.a = some_numbers(static_cast<size_t>(v.lda * a_columns * batch));
    v.b = some_numbers(static_cast<size_t>(v.ldb * b_columns * batch));
    v.d = some_numbers(static_cast<size_t>(v.ldd * q.n * batch));
    v.bias = some_numbers(static_cast<size_t>(q.m));
    device_array<float> a(v.a), b(v.b), d(v.d), bias(v.bias);
    cublasLtHandle_t handle;
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t result;
    int found = 0;
    DONE(cublasLtCreate(&handle));
    DONE(cublasLtMatmulPreferenceCreate(&preference));
    cublasLtMatmulDesc_t p = lt_description(lt, q, bias.p);
    cublasLtMatrixLayout_t la = lt_layout(lt, a_rows, a_columns, v.lda, batch),
                           ld = lt_layout(lt, q.m, q.n, v.ldd, batch);
    cublasLtMatrixLayout_t lb = lt_layout(lt, b_rows, b_columns, v.ldb, batch);
    DONE(cublasLtMatmulAlgoGetHeuristic(handle, p, la, lb, ld, ld, preference, 1, &result, &found));
    CHECK(found == 1);
    DONE(cublasLtMatmul(handle, p, &q.alpha, a.p, la, b.p, lb, &q.beta, d.p, ld, d.p, ld,
                        &result.algo, nullptr, 0, 0));
    lt_compare(q, v, d.get());
    CHECK(cublasLtMatmul(handle, p, &q.alpha, a.p, lb, b.p, la, &q.beta, d.p, ld, d.p, ld, nullptr,
                         nullptr, 0, 0) == CUBLAS_STATUS_INVALID_VALUE);
    DONE(cublasLtMatmulDescDestroy(p));
    for (cublasLtMatrixLayout_t l : {la, lb, ld}) {
        DONE(cublasLtMatrixLayoutDestroy(l));
    }
    DONE(cublasLtMatmulPreferenceDestroy(preference));
    DONE(cublasLtDestroy(handle));
}

static void products()
{
    void *lt = cusim_library("libcublasLt.so.13");
    CHECK(lt && !cusim_symbol(lt, "cublasLtNoSuchCall"));
    for (int turns = 0; turns < 4; turns++) {
        lt_run(lt,
               {5, 4, 7, 1, (turns & 1) != 0, (turns & 2) != 0, 1, 0, CUBLASLT_EPILOGUE_DEFAULT});
    }
    lt_run(lt, {3, 6, 9, 2, false, true, 0.5f, 1, CUBLASLT_EPILOGUE_BIAS});
    lt_run(lt, {8, 2, 3, 1, true, false, 1, 0, CUBLASLT_EPILOGUE_RELU});
    lt_run(lt, {4, 5, 6, 3, true, false, 2, -1, CUBLASLT_EPILOGUE_RELU_BIAS});
}

/* ---- cuDNN: 1-D convolutions as H = 1 ---- */
#ifdef HAS_CUDNN
struct dnn_problem {
    cudnnTensorFormat_t format;
    int n, c, w, k, taps, pad, step, dilation;
    int out() const
    {
        return (w + 2 * pad - (taps - 1) * dilation - 1) / step + 1;
    }
};
struct dnn_objects {
    cudnnHandle_t handle;
    cudnnTensorDescriptor_t x, y;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t how;
};

static dnn_objects dnn_begin(void *dnn, const dnn_problem &q)
{
    FIND(dnn, cudnnCreate);
    FIND(dnn, cudnnCreateTensorDescriptor);
    FIND(dnn, cudnnSetTensor4dDescriptor);
    FIND(dnn, cudnnCreateFilterDescriptor);
    FIND(dnn, cudnnSetFilter4dDescriptor);
    FIND(dnn, cudnnCreateConvolutionDescriptor);
    FIND(dnn, cudnnSetConvolution2dDescriptor);
    FIND(dnn, cudnnSetConvolutionMathType);
    dnn_objects o;
    DONE(cudnnCreate(&o.handle));
    DONE(cudnnCreateTensorDescriptor(&o.x));
    DONE(cudnnCreateTensorDescriptor(&o.y));
    DONE(cudnnCreateFilterDescriptor(&o.w));
    DONE(cudnnCreateConvolutionDescriptor(&o.how));
    DONE(cudnnSetTensor4dDescriptor(o.x, q.format, CUDNN_DATA_FLOAT, q.n, q.c, 1, q.w));
    DONE(cudnnSetTensor4dDescriptor(o.y, q.format, CUDNN_DATA_FLOAT, q.n, q.k, 1, q.out()));
    DONE(cudnnSetFilter4dDescriptor(o.w, CUDNN_DATA_FLOAT, q.format, q.k, q.c, 1, q.taps));
    DONE(cudnnSetConvolution2dDescriptor(o.how, 0, q.pad, 1, q.step, 1, q.dilation,
                                         CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    DONE(cudnnSetConvolutionMathType(o.how, CUDNN_FMA_MATH));
    return o;
}

static void dnn_end(void *dnn, const dnn_objects &o)
{
    FIND(dnn, cudnnDestroy);
    FIND(dnn, cudnnDestroyTensorDescriptor);
    FIND(dnn, cudnnDestroyFilterDescriptor);
    FIND(dnn, cudnnDestroyConvolutionDescriptor);
    DONE(cudnnDestroyConvolutionDescriptor(o.how));
    DONE(cudnnDestroyFilterDescriptor(o.w));
    DONE(cudnnDestroyTensorDescriptor(o.x));
    DONE(cudnnDestroyTensorDescriptor(o.y));
    DONE(cudnnDestroy(o.handle));
}

/* Element (i, channel, position) of a packed tensor. */
static size_t at(cudnnTensorFormat_t format, int i, int channels, int channel, int width,
                 int position)
{
    int place = format == CUDNN_TENSOR_NHWC ? (i * width + position) * channels + channel
                                            : (i * channels + channel) * width + position;
    return static_cast<size_t>(place);
}

/* f(x element, filter element, y element) for all that meet. */
template <class F> static void each_meeting(const dnn_problem &q, F f)
{
    for (int i = 0; i < q.n; i++) {
        for (int k = 0; k < q.k; k++) {
            for (int o = 0; o < q.out(); o++) {
                for (int t = 0; t < q.taps * q.c; t++) {
                    int tap = t / q.c, c = t % q.c, w = o * q.step - q.pad + tap * q.dilation;
                    if (w >= 0 && w < q.w) {
                        f(at(q.format, i, q.c, c, q.w, w), at(q.format, k, q.c, c, q.taps, tap),
                          at(q.format, i, q.k, k, q.out(), o));
                    }
                }
            }
        }
    }
}

static void dnn_compare(const std::vector<float> &got, const std::vector<double> &want)
{
    for (size_t i = 0; i < want.size(); i++) {
        NEAR(static_cast<double>(got[i]), want[i], 1e-5);
    }
}

static void dnn_run(void *dnn, const dnn_problem &q)
{
    FIND(dnn, cudnnConvolutionForward);
    FIND(dnn, cudnnConvolutionBackwardData);
    FIND(dnn, cudnnConvolutionBackwardFilter);
    dnn_objects o = dnn_begin(dnn, q);
    std::vector<float> x = some_numbers(static_cast<size_t>(q.n * q.c * q.w)),
                       w = some_numbers(static_cast<size_t>(q.k * q.c * q.taps)),
                       y = some_numbers(static_cast<size_t>(q.n * q.k * q.out()));
    std::vector<double> want_y(y.begin(), y.end()), want_x(x.size()), want_w(w.begin(), w.end());
    each_meeting(q, [&](size_t i, size_t j, size_t k) {
        want_y[k] += static_cast<double>(x[i]) * static_cast<double>(w[j]);
        want_x[i] += static_cast<double>(y[k]) * static_cast<double>(w[j]);
        want_w[j] += static_cast<double>(x[i]) * static_cast<double>(y[k]);
    });
    device_array<float> dx(x), dw(w), dy(y), out_x(x.size()), out_w(w), out_y(y), space(4096);
    const float one = 1, zero = 0;
    DONE(cudnnConvolutionForward(o.handle, &one, o.x, dx.p, o.w, dw.p, o.how,
                                 CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, space.p, 4096,
                                 &one, o.y, out_y.p));
    DONE(cudnnConvolutionBackwardData(o.handle, &one, o.w, dw.p, o.y, dy.p, o.how,
                                      CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, space.p, 4096, &zero, o.x,
                                      out_x.p));
    DONE(cudnnConvolutionBackwardFilter(o.handle, &one, o.x, dx.p, o.y, dy.p, o.how,
                                        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, space.p, 4096, &one,
                                        o.w, out_w.p));
    dnn_compare(out_y.get(), want_y);
    dnn_compare(out_x.get(), want_x);
    dnn_compare(out_w.get(), want_w);
    dnn_end(dnn, o);
}

static void convolutions()
{
    void *dnn = cusim_library("libcudnn.so.9");
    CHECK(dnn);
    for (cudnnTensorFormat_t format : {CUDNN_TENSOR_NHWC, CUDNN_TENSOR_NCHW}) {
        dnn_run(dnn, {format, 2, 3, 11, 4, 3, 1, 1, 1});
        dnn_run(dnn, {format, 3, 1, 10, 2, 4, 0, 2, 1});
        dnn_run(dnn, {format, 1, 5, 12, 3, 3, 2, 1, 2});
    }
}

/* The first of the algorithms for gradients is not deterministic, and is marked so. */
static void algorithms()
{
    void *dnn = cusim_library("libcudnn.so.9");
    FIND(dnn, cudnnGetConvolutionBackwardFilterAlgorithm_v7);
    dnn_objects o = dnn_begin(dnn, {CUDNN_TENSOR_NHWC, 2, 3, 8, 4, 3, 1, 1, 1});
    cudnnConvolutionBwdFilterAlgoPerf_t list[4];
    int n = 0;
    DONE(
        cudnnGetConvolutionBackwardFilterAlgorithm_v7(o.handle, o.x, o.y, o.how, o.w, 4, &n, list));
    CHECK(n == 2 && list[0].determinism == CUDNN_NON_DETERMINISTIC &&
          list[1].determinism == CUDNN_DETERMINISTIC);
    dnn_end(dnn, o);
}
#endif

/* ---- NVML, and libraries that are absent ---- */
static void nvml()
{
    void *lib = cusim_library("libnvidia-ml.so.1"), *device = nullptr;
    CHECK(lib);
    auto by_bus = reinterpret_cast<int (*)(const char *, void **)>(
        cusim_symbol(lib, "nvmlDeviceGetHandleByPciBusId_v2"));
    auto energy = reinterpret_cast<int (*)(void *, unsigned long long *)>(
        cusim_symbol(lib, "nvmlDeviceGetTotalEnergyConsumption"));
    auto driver = reinterpret_cast<int (*)(char *, unsigned)>(
        cusim_symbol(lib, "nvmlSystemGetDriverVersion"));
    unsigned long long first = 0, second = 0;
    char text[80], bus[32];
    FINE(cudaDeviceGetPCIBusId(bus, sizeof bus, 0));
    CHECK(!by_bus(bus, &device) && by_bus("0000:7F:00.0", &device));
    CHECK(!energy(device, &first) && !energy(device, &second) && second >= first && first > 0);
    CHECK(!driver(text, sizeof text) && driver(text, 2));
}

static void absent_libraries()
{
    CHECK(!cusim_library("libnothing.so"));
    setenv("CUSIM_WITHOUT", "cudnn,cublasLt", 1);
    CHECK(!cusim_library("libcublasLt.so.13") && !cusim_library("libcudnn.so.9") &&
          cusim_library("libnvidia-ml.so.1"));
    unsetenv("CUSIM_WITHOUT");
    CHECK(cusim_library("/usr/lib/libcublasLt.so"));
}

const shim_case twin_cases[] = {{"products of cuBLASLt", products},
#ifdef HAS_CUDNN
                                {"convolutions of cuDNN", convolutions},
                                {"algorithms of cuDNN and whether they repeat", algorithms},
#endif
                                {"NVML", nvml},
                                {"libraries that are absent", absent_libraries},
                                {nullptr, nullptr}};
