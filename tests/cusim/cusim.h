/* cusim.h - CUDA as a kernel sees it, on the CPU: correctness only, no timing.
 *
 * Included by src/compute/device/cuda/cuda_gpu.h when CRM_CUSIM is defined. The toolkit's headers
 * give types and prototypes; every CUDA thread is a fibre (cusim_fibre.cpp), the blocks of a grid
 * run one after another (cusim_engine.cpp). Built-in checks end the program with one line that
 * starts with "cusim:". See README.md. */
#ifndef CUSIM_H
#define CUSIM_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#undef __shared__
#define __shared__ static_assert(false, "use CRM_SHARED or CRM_DYN_SHARED");
#undef __launch_bounds__
#define __launch_bounds__(...)

namespace cusim
{
/* The coordinates of the running CUDA thread; null outside kernels. */
struct coords {
    uint3 thread, block;
    dim3 block_dim, grid_dim;
};
extern coords *self; /* one kernel runs at a time */

/* Where a barrier or a collective stands in the source. */
struct site {
    const char *file;
    int line;
};

[[noreturn]] void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum barrier_kind { BARRIER_PLAIN, BARRIER_COUNT, BARRIER_AND, BARRIER_OR };
int barrier(site where, barrier_kind kind, bool predicate);
void fence();
void *shared_object(const void *key, size_t bytes, size_t align);
void *shared_dynamic();

/* A warp collective: each lane lays its values into its own slot; the last lane of the mask to
 * arrive calls resolve, which reads all slots and writes all results. */
struct lane_slot {
    uint64_t in[12], out[4];
    int arg, width;
};
struct warp_view {
    lane_slot *lane[32];
    unsigned lanes;
};
using resolver = void (*)(warp_view &);
lane_slot &my_slot();
void collective(site where, unsigned mask, resolver resolve, bool orders_memory);

void resolve_shuffle_index(warp_view &), resolve_shuffle_up(warp_view &),
    resolve_shuffle_down(warp_view &), resolve_shuffle_xor(warp_view &),
    resolve_ballot(warp_view &), resolve_match(warp_view &), resolve_sync(warp_view &),
    resolve_add(warp_view &), resolve_max(warp_view &), resolve_min(warp_view &),
    resolve_and(warp_view &), resolve_or(warp_view &), resolve_xor(warp_view &);

/* In a random order, a place where another thread may run. */
void maybe_switch();

/* A launch by value: the arguments are converted and copied once, as at a launch on the GPU. */
struct launch_shape {
    dim3 grid, block;
    size_t shared_bytes;
    cudaStream_t stream;
};
struct kernel_call {
    const char *name;
    const void *function;
    void (*run)(void *arguments);
    void *arguments;
    void (*free)(void *arguments);
};
void launch_kernel(const launch_shape &shape, const kernel_call &call);

template <class... P, class... A>
void launch(const char *name, void (*kernel)(P...), const launch_shape &shape, A &&...arguments)
{
    struct pack {
        void (*kernel)(P...);
        std::tuple<P...> values;
    };
    pack *p = new pack{kernel, std::tuple<P...>(static_cast<P>(arguments)...)};
    auto run = [](void *q) {
        std::apply(static_cast<pack *>(q)->kernel, static_cast<pack *>(q)->values);
    };
    auto free = [](void *q) { delete static_cast<pack *>(q); };
    launch_kernel(shape, {name, reinterpret_cast<const void *>(kernel), run, p, free});
}

template <class T> uint64_t to_bits(T value)
{
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "at most 8 plain bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T> T from_bits(uint64_t bits)
{
    T value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

template <class T>
T shuffle(site where, resolver resolve, unsigned mask, T value, int arg, int width = 32)
{
    lane_slot &s = my_slot();
    s.in[0] = to_bits(value);
    s.arg = arg;
    s.width = width;
    collective(where, mask, resolve, false);
    return from_bits<T>(s.out[0]);
}
template <class T> uint64_t exchange(site where, resolver resolve, unsigned mask, T value)
{
    lane_slot &s = my_slot();
    s.in[0] = to_bits(value);
    s.arg = std::is_signed<T>::value;
    collective(where, mask, resolve, false);
    return s.out[0];
}
template <class T> T reduce(site where, resolver resolve, unsigned mask, T value)
{
    static_assert(sizeof(T) == 4 && std::is_integral<T>::value, "redux.sync takes 32-bit integers");
    return static_cast<T>(exchange(where, resolve, mask, value));
}
/* __syncwarp() and __syncwarp(mask). */
struct warp_sync {
    site where;
    void operator()(unsigned mask = 0xffffffffu) const
    {
        collective(where, mask, resolve_sync, true);
    }
};

/* A relaxed atomic read-modify-write: like the GPU's, it orders no other access. */
template <class T, class F> T atomic_update(T *address, F next)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "atomics of 4 or 8 bytes");
    using U = typename std::conditional<sizeof(T) == 8, unsigned long long, unsigned>::type;
    maybe_switch();
    U *p = reinterpret_cast<U *>(address);
    U old = __atomic_load_n(p, __ATOMIC_RELAXED), wanted;
    do {
        wanted = static_cast<U>(to_bits(next(from_bits<T>(old))));
    } while (
        !__atomic_compare_exchange_n(p, &old, wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return from_bits<T>(old);
}
} // namespace cusim

/* ---- the macros of cuda_gpu.h ---- */
#define CRM_UNROLL
#define CRM_UNROLL_N(n)
#define CRM_DEVICE inline __attribute__((always_inline))
#define CRM_KERNEL void
#define CRM_BOUNDS(...)
#define CRM_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                 \
    cusim::launch(#kernel, kernel, cusim::launch_shape{(grid), (block), (shared_bytes), (stream)}, \
                  ##__VA_ARGS__)
/* The address of name##_key tells the arrays of a kernel apart; every instance of a template has
 * its own. */
#define CRM_SHARED(T, name, dims)                                                                  \
    typedef T name##_type dims;                                                                    \
    static const char name##_key = 0;                                                              \
    name##_type &name =                                                                            \
        *static_cast<name##_type *>(cusim::shared_object(&name##_key, sizeof(name##_type), 16))
#define CRM_DYN_SHARED(T, name) T *name = static_cast<T *>(cusim::shared_dynamic())

/* ---- what CUDA predefines in a kernel ---- */
#define CUSIM_SITE (cusim::site{__FILE__, __LINE__})
#define threadIdx  (cusim::self->thread)
#define blockIdx   (cusim::self->block)
#define blockDim   (cusim::self->block_dim)
#define gridDim    (cusim::self->grid_dim)
#define warpSize   32

#define __syncthreads()        ((void)cusim::barrier(CUSIM_SITE, cusim::BARRIER_PLAIN, false))
#define __syncthreads_count(p) cusim::barrier(CUSIM_SITE, cusim::BARRIER_COUNT, (p) != 0)
#define __syncthreads_and(p)   cusim::barrier(CUSIM_SITE, cusim::BARRIER_AND, (p) != 0)
#define __syncthreads_or(p)    cusim::barrier(CUSIM_SITE, cusim::BARRIER_OR, (p) != 0)
#define __syncwarp(...)        (cusim::warp_sync{CUSIM_SITE}(__VA_ARGS__))
#define __threadfence()        cusim::fence()
#define __threadfence_block()  cusim::fence()
#define __activemask()         static_assert(false, "give the mask instead of __activemask()")

#define __shfl_sync(m, ...)    cusim::shuffle(CUSIM_SITE, cusim::resolve_shuffle_index, m, __VA_ARGS__)
#define __shfl_up_sync(m, ...) cusim::shuffle(CUSIM_SITE, cusim::resolve_shuffle_up, m, __VA_ARGS__)
#define __shfl_down_sync(m, ...)                                                                   \
    cusim::shuffle(CUSIM_SITE, cusim::resolve_shuffle_down, m, __VA_ARGS__)
#define __shfl_xor_sync(m, ...)                                                                    \
    cusim::shuffle(CUSIM_SITE, cusim::resolve_shuffle_xor, m, __VA_ARGS__)

#define CUSIM_BALLOT(m, p)                                                                         \
    ((unsigned)cusim::exchange(CUSIM_SITE, cusim::resolve_ballot, m, (int)(p)))
#define __ballot_sync(m, p)     CUSIM_BALLOT(m, (p) != 0)
#define __any_sync(m, p)        (CUSIM_BALLOT(m, (p) != 0) != 0)
#define __all_sync(m, p)        (CUSIM_BALLOT(m, (p) == 0) == 0)
#define __match_any_sync(m, v)  ((unsigned)cusim::exchange(CUSIM_SITE, cusim::resolve_match, m, v))
#define __reduce_add_sync(m, v) cusim::reduce(CUSIM_SITE, cusim::resolve_add, m, v)
#define __reduce_max_sync(m, v) cusim::reduce(CUSIM_SITE, cusim::resolve_max, m, v)
#define __reduce_min_sync(m, v) cusim::reduce(CUSIM_SITE, cusim::resolve_min, m, v)
#define __reduce_and_sync(m, v) cusim::reduce(CUSIM_SITE, cusim::resolve_and, m, v)
#define __reduce_or_sync(m, v)  cusim::reduce(CUSIM_SITE, cusim::resolve_or, m, v)
#define __reduce_xor_sync(m, v) cusim::reduce(CUSIM_SITE, cusim::resolve_xor, m, v)
#define __trap()                cusim::fatal("__trap() at %s:%d", __FILE__, __LINE__)

#include "cusim_atomics.h"
#include "cusim_intrinsics.h"

#endif
