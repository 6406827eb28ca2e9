/* cuda_rows.h - how blocks of threads cover the rows of matrices, and sums over a few lanes of a
 * warp. */
#ifndef CUDA_ROWS_H
#define CUDA_ROWS_H

#include "cuda_impl.h"

/* V floats that are read and written at once. */
template <int V> struct alignas(4 * V) cuda_pack {
    float v[V];
};
template <int V> CRM_DEVICE cuda_pack<V> cuda_load(const float *p)
{
    return *reinterpret_cast<const cuda_pack<V> *>(p);
}
template <int V> CRM_DEVICE void cuda_store(float *p, const cuda_pack<V> &x)
{
    *reinterpret_cast<cuda_pack<V> *>(p) = x;
}

/* Rows of p, ld apart, may be read four floats at a time. */
static inline bool cuda_wide(const void *p, int64_t ld)
{
    return ((uintptr_t)p & 15) == 0 && ld % 4 == 0;
}

/* Blocks of CUDA_ROW_THREADS threads: 2^shift of them side by side along a row, the rest on the
 * rows below; x of the grid walks along rows, y along columns. */
enum { CUDA_ROW_THREADS = 256 };
struct cuda_row_grid {
    int shift;
    dim3 grid;
};
/* For rows of `width` items, each the work of a thread. */
static inline cuda_row_grid cuda_row_grid_of(int64_t rows, int64_t width)
{
    cuda_row_grid g;

    for (g.shift = 0; g.shift < 8 && (1 << g.shift) < width; g.shift++) {
    }
    g.grid = dim3(cuda_blocks(rows, CUDA_ROW_THREADS >> g.shift, 1 << 20),
                  cuda_blocks(width, (int64_t)1 << g.shift, 1 << 14));
    return g;
}

CRM_DEVICE int64_t cuda_first_row(int shift)
{
    return (int64_t)blockIdx.x * (CUDA_ROW_THREADS >> shift) + (threadIdx.x >> shift);
}
CRM_DEVICE int64_t cuda_next_row(int shift)
{
    return (int64_t)gridDim.x * (CUDA_ROW_THREADS >> shift);
}
CRM_DEVICE int64_t cuda_first_item(int shift)
{
    return ((int64_t)blockIdx.y << shift) + (threadIdx.x & ((1u << shift) - 1));
}
CRM_DEVICE int64_t cuda_next_item(int shift)
{
    return (int64_t)gridDim.y << shift;
}

/* Over G neighbouring lanes, in a fixed order; all lanes of the warp call. */
template <int G> CRM_DEVICE float cuda_group_max(float v)
{
    CRM_UNROLL
    for (int o = G / 2; o > 0; o /= 2) {
        float w = __shfl_xor_sync(0xFFFFFFFFu, v, o);

        v = w > v ? w : v;
    }
    return v;
}
template <int G> CRM_DEVICE double cuda_group_sum(double v)
{
    CRM_UNROLL
    for (int o = G / 2; o > 0; o /= 2)
        v += __shfl_xor_sync(0xFFFFFFFFu, v, o);
    return v;
}

#endif
