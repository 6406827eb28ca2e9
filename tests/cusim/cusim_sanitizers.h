/* cusim_sanitizers.h - inside the shim: calls to the sanitizers' run-time libraries, empty where
 * they are not in use.
 *
 * Under ThreadSanitizer each CUDA thread is one of its fibres, entered without a happens-before
 * edge. Edges are made only where CUDA makes them: at the start and end of a kernel, at barriers,
 * __syncwarp and fences. So a race is found whatever the order in which the fibres ran. */
#ifndef CUSIM_SANITIZERS_H
#define CUSIM_SANITIZERS_H

#include <cstddef>

#include "cusim_engine.h"

#ifdef CUSIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef CUSIM_TSAN
extern "C" {
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fibre);
void __tsan_switch_to_fiber(void *fibre, unsigned flags);
void *__tsan_get_current_fiber(void);
void __tsan_acquire(void *address);
void __tsan_release(void *address);
}
#endif

namespace cusim
{
#ifdef CUSIM_ASAN
constexpr bool with_asan = true;
inline void asan_hide(const void *p, size_t n)
{
    ASAN_POISON_MEMORY_REGION(p, n);
}
inline void asan_show(const void *p, size_t n)
{
    ASAN_UNPOISON_MEMORY_REGION(p, n);
}
#else
constexpr bool with_asan = false;
inline void asan_hide(const void *, size_t)
{
}
inline void asan_show(const void *, size_t)
{
}
#endif

#ifdef CUSIM_TSAN
constexpr bool with_tsan = true;
inline void tsan_release(void *p)
{
    __tsan_release(p);
}
inline void tsan_acquire(void *p)
{
    __tsan_acquire(p);
}
#else
constexpr bool with_tsan = false;
inline void tsan_release(void *)
{
}
inline void tsan_acquire(void *)
{
}
#endif

/* Fills with 0xff bytes, which are NaN as float and double and -1 as an integer; not by memset,
 * which the sanitizers watch. */
inline void fill_nan(void *p, size_t n)
{
    asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(0xff) : "memory");
}
} // namespace cusim

#endif
