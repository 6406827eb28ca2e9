/* cuda_gpu.h - the one header through which a .cu file of this folder sees CUDA.
 *
 * The same source is compiled twice: by nvcc for the GPU, and by the C++ compiler with CRM_CUSIM
 * against tests/cusim, which runs it on the CPU. What the two cannot share is behind macros:
 *
 *     CRM_DEVICE float square(float x) { return x * x; }
 *     static CRM_KERNEL CRM_BOUNDS(256) k_sum(int64_t n, const float *x, float *part)
 *     {
 *         CRM_SHARED(float, s, [256]);      one array per block; CRM_SHARED(int, last, ) is one
 * value CRM_DYN_SHARED(float, tile);      the bytes given to CRM_LAUNCH; one per kernel CRM_UNROLL
 *         for (int i = 0; i < 4; i++) ...
 *     }
 *     CRM_LAUNCH(k_sum, grid, block, shared_bytes, stream, n, x, part);
 *     CRM_LAUNCH((k_pool<float, 4>), ...);  a comma in the kernel's name needs parentheses
 *
 * Rules that keep a kernel runnable in both: no <<< >>>, no __shared__, no inline PTX (cuda_mma.h
 * has it), no __activemask and no cooperative groups; masks are written out, and every lane that a
 * mask names reaches the call. CRM_LAUNCH reports nothing: read cudaGetLastError after it. */
#ifndef CUDA_GPU_H
#define CUDA_GPU_H

/* The C++ headers come first: those of the project are read as C, where theirs must not be. */
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifndef _Static_assert
#define _Static_assert static_assert
#endif

#ifdef CRM_CUSIM
#include <cusim.h>
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define CRM_PRAGMA(text)          _Pragma(#text)
#define CRM_UNROLL                _Pragma("unroll")
#define CRM_UNROLL_N(n)           CRM_PRAGMA(unroll n)
#define CRM_DEVICE                __device__ __forceinline__
#define CRM_KERNEL                __global__ void
#define CRM_BOUNDS(...)           __launch_bounds__(__VA_ARGS__)
#define CRM_SHARED(T, name, dims) __shared__ __align__(16) T name dims
#define CRM_DYN_SHARED(T, name)                                                                    \
    extern __shared__ __align__(16) unsigned char crm_dyn_shared[];                                \
    T *name = reinterpret_cast<T *>(crm_dyn_shared)
#define CRM_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                 \
    (kernel)<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)

#endif
#endif
