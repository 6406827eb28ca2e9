/* cuda_mma.h - tensor cores and asynchronous copies: the only place with inline PTX.
 *
 * Each wrapper has a model in tests/cusim (cusim_mma.h) with the same arguments. The fragments are
 * those of the PTX ISA, chapters "mma.m16n8k8", "mma.m16n8k16" and "ldmatrix". With lane = 0..31, g
 * = lane / 4, t = lane % 4:
 *
 *     D and C 16x8:   d[0] = D[g][2t]   d[1] = D[g][2t+1]   d[2] = D[g+8][2t]   d[3] = D[g+8][2t+1]
 *     TF32 A 16x8:    a[0] = A[g][t]    a[1] = A[g+8][t]    a[2] = A[g][t+4]    a[3] = A[g+8][t+4]
 *     TF32 B  8x8:    b[0] = B[t][g]    b[1] = B[t+4][g]
 *     bf16 A 16x16:   a[0] = A[g][2t, 2t+1]   a[1] = A[g+8][2t, 2t+1]   a[2] = A[g][2t+8, 2t+9]
 * a[3] = A[g+8][2t+8, 2t+9] bf16 B 16x8:    b[0] = B[2t, 2t+1][g]   b[1] = B[2t+8, 2t+9][g] (the
 * lower index in the lower half)
 *
 * All 32 lanes of the warp call together. The order of a tensor core's own sum is not documented,
 * and the model adds in order of k: compare with a tolerance. */
#ifndef CUDA_MMA_H
#define CUDA_MMA_H

#include "cuda_gpu.h"

#ifdef CRM_CUSIM
#include <cusim_mma.h>
#else

/* Bits of x rounded to TF32: 10 bits of mantissa, nearest, ties away from zero. */
CRM_DEVICE uint32_t crm_to_tf32(float x)
{
    uint32_t r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
    return r;
}

/* D += A B; operands made by crm_to_tf32 (the core itself drops the lower 13 bits). */
CRM_DEVICE void crm_mma_tf32(float d[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

CRM_DEVICE void crm_mma_bf16(float d[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8x8 matrices of 16-bit values from shared memory; lanes 8i..8i+7 give the addresses of the
 * rows of matrix i (16 bytes each, aligned to 16). Lane l receives the values [l/4][2(l%4),
 * 2(l%4)+1] of matrix i in r[i]. */
CRM_DEVICE void crm_ldmatrix_x4(uint32_t r[4], const void *row)
{
    uint32_t p = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(p)
                 : "memory");
}

/* Starts a copy of 16 bytes from global to shared memory, both aligned to 16; with ok false the
 * source is not read and zeros are written. The bytes are there after crm_cp_wait for this thread,
 * after a barrier for others. */
CRM_DEVICE void crm_cp_async16(void *shared, const void *global, bool ok = true)
{
    uint32_t p = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
    int bytes = ok ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(p), "l"(global), "r"(bytes)
                 : "memory");
}

/* Makes a group of the copies started since the last commit. */
CRM_DEVICE void crm_cp_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until at most N of this thread's latest groups are still under way. */
template <int N> CRM_DEVICE void crm_cp_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

#endif
#endif
