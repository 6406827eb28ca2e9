/* base_simd.h - one function for several widths of registers (room base).
 *
 * CRM_SIMD before a function makes a copy of it for AVX-512, AVX2 and plain x86-64, chosen when the
 * program starts.  Contraction and reassociation are off in all of them, so that all copies give
 * the same bits: write sums as a fixed number of sums side by side that a compiler may put into one
 * register.  What the function calls must be inlined into it (static inline) to profit. */
#ifndef CRM_BASE_SIMD_H
#define CRM_BASE_SIMD_H

#if defined(__x86_64__) && defined(__ELF__) && !defined(__SANITIZE_ADDRESS__) &&                   \
    !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define CRM_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CRM_SIMD
#endif
#endif
