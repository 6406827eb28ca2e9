/* cuda_libs.h - libraries that are looked for when the module runs: cuBLASLt, cuDNN, NCCL, NVML.
 *
 * The module is linked with none of them, so that it loads where they are missing.  Types and
 * prototypes are those of the vendors' headers (NVML has none in a toolkit: prototypes of our own);
 * a table of pointers with the names of the functions, those that are called and no others, is
 * filled at the first asking.  Looked for in this order: the folders of the environment variable
 * CRM_CUDA_LIBRARIES (with colons between), the system's own search, folders of a toolkit, the
 * nvidia packages of a Python environment.  A library of another version is passed over.
 *
 *     const char *why;
 *     const cuda_lt_api *lt = cuda_lt_find(&why);
 *
 *     if (lt) lt->cublasLtMatmul(...);   else why says what is missing: static text
 */
#ifndef CRM_CUDA_LIBS_H
#define CRM_CUDA_LIBS_H

#include "cuda_impl.h"

#include <cublasLt.h>
#if defined(__has_include)
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#define CUDA_HAS_CUDNN 1
#endif
#if __has_include(<nccl.h>)
#include <nccl.h>
#define CUDA_HAS_NCCL 1
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Least versions. */
enum { CUDA_DNN_LEAST = 90000, CUDA_NCCL_LEAST = 21800 };

#define CUDA_LT_CALLS(X)                                                                           \
    X(cublasLtGetVersion)                                                                          \
    X(cublasLtCreate)                                                                              \
    X(cublasLtDestroy)                                                                             \
    X(cublasLtGetStatusString)                                                                     \
    X(cublasLtMatmul)                                                                              \
    X(cublasLtMatmulDescCreate)                                                                    \
    X(cublasLtMatmulDescDestroy)                                                                   \
    X(cublasLtMatmulDescSetAttribute)                                                              \
    X(cublasLtMatrixLayoutCreate)                                                                  \
    X(cublasLtMatrixLayoutDestroy)                                                                 \
    X(cublasLtMatrixLayoutSetAttribute)                                                            \
    X(cublasLtMatmulPreferenceCreate)                                                              \
    X(cublasLtMatmulPreferenceDestroy)                                                             \
    X(cublasLtMatmulPreferenceSetAttribute)                                                        \
    X(cublasLtMatmulAlgoGetHeuristic)                                                              \
    X(cublasLtMatmulAlgoCheck)                                                                     \
    X(cublasLtMatmulAlgoConfigGetAttribute)

#define CUDA_DNN_CALLS(X)                                                                          \
    X(cudnnGetVersion)                                                                             \
    X(cudnnGetCudartVersion)                                                                       \
    X(cudnnGetErrorString)                                                                         \
    X(cudnnCreate)                                                                                 \
    X(cudnnDestroy)                                                                                \
    X(cudnnSetStream)                                                                              \
    X(cudnnCreateTensorDescriptor)                                                                 \
    X(cudnnDestroyTensorDescriptor)                                                                \
    X(cudnnSetTensor4dDescriptor)                                                                  \
    X(cudnnCreateFilterDescriptor)                                                                 \
    X(cudnnDestroyFilterDescriptor)                                                                \
    X(cudnnSetFilter4dDescriptor)                                                                  \
    X(cudnnCreateConvolutionDescriptor)                                                            \
    X(cudnnDestroyConvolutionDescriptor)                                                           \
    X(cudnnSetConvolution2dDescriptor)                                                             \
    X(cudnnSetConvolutionMathType)                                                                 \
    X(cudnnGetConvolutionForwardAlgorithm_v7)                                                      \
    X(cudnnGetConvolutionForwardWorkspaceSize)                                                     \
    X(cudnnConvolutionForward)                                                                     \
    X(cudnnGetConvolutionBackwardDataAlgorithm_v7)                                                 \
    X(cudnnGetConvolutionBackwardDataWorkspaceSize)                                                \
    X(cudnnConvolutionBackwardData)

#define CUDA_NCCL_CALLS(X)                                                                         \
    X(ncclGetVersion)                                                                              \
    X(ncclGetErrorString)                                                                          \
    X(ncclGetLastError)                                                                            \
    X(ncclGetUniqueId)                                                                             \
    X(ncclCommInitRankConfig)                                                                      \
    X(ncclCommGetAsyncError)                                                                       \
    X(ncclCommFinalize)                                                                            \
    X(ncclCommDestroy)                                                                             \
    X(ncclCommAbort)                                                                               \
    X(ncclGroupStart)                                                                              \
    X(ncclGroupEnd)                                                                                \
    X(ncclSend)                                                                                    \
    X(ncclRecv)                                                                                    \
    X(ncclAllGather)                                                                               \
    X(ncclAllReduce)

#define CUDA_POINTER(name) __typeof__(&(name)) name;

typedef struct cuda_lt_api {
    CUDA_LT_CALLS(CUDA_POINTER)
} cuda_lt_api;
/* NULL: there is none, *why says what is missing. */
const cuda_lt_api *cuda_lt_find(const char **why);

#ifdef CUDA_HAS_CUDNN
typedef struct cuda_dnn_api {
    CUDA_DNN_CALLS(CUDA_POINTER)
} cuda_dnn_api;
const cuda_dnn_api *cuda_dnn_find(const char **why);
#endif

#ifdef CUDA_HAS_NCCL
typedef struct cuda_nccl_api {
    CUDA_NCCL_CALLS(CUDA_POINTER)
} cuda_nccl_api;
const cuda_nccl_api *cuda_nccl_find(const char **why);
#endif

/* The few calls of NVML that are needed; results are 0 for success. */
typedef struct cuda_nvml_api {
    int (*nvmlInit_v2)(void);
    int (*nvmlSystemGetDriverVersion)(char *version, unsigned length);
    int (*nvmlDeviceGetHandleByPciBusId_v2)(const char *bus, void **device);
    int (*nvmlDeviceGetTotalEnergyConsumption)(void *device, unsigned long long *millijoules);
    int (*nvmlDeviceGetNvLinkState)(void *device, unsigned link, int *active);
} cuda_nvml_api;
const cuda_nvml_api *cuda_nvml_find(const char **why);

/* Each library with its version and file, or with what is missing, a line each. */
void cuda_libs_found(char *out, size_t cap);

/* Transport through NCCL (cuda_link.c). */
extern const crm_link_ops cuda_link_ops;

#ifdef __cplusplus
}
#endif
#endif
