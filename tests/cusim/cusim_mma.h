/* cusim_mma.h - models of what src/compute/device/cuda/cuda_mma.h does in PTX: same names, same
 * fragments. */
#ifndef CUSIM_MMA_H
#define CUSIM_MMA_H

#include "cusim.h"

namespace cusim
{
uint32_t round_to_tf32(float x);
void mma_tf32(site where, float d[4], const uint32_t a[4], const uint32_t b[2]);
void mma_bf16(site where, float d[4], const uint32_t a[4], const uint32_t b[2]);
void resolve_ldmatrix(warp_view &);

/* The bytes arrive at the wait, not before: a kernel that forgets to wait reads what was there. */
struct pending_copy {
    void *to;
    const void *from;
};
void copy_start(void *to, const void *from);
void copy_commit();
int copy_due(int groups_left);
pending_copy copy_take();
} // namespace cusim

#define crm_to_tf32(x)        cusim::round_to_tf32(x)
#define crm_mma_tf32(d, a, b) cusim::mma_tf32(CUSIM_SITE, d, a, b)
#define crm_mma_bf16(d, a, b) cusim::mma_bf16(CUSIM_SITE, d, a, b)

/* The row is read and the copies are done here, in the kernel's own file, where the sanitizers see
 * it. */
inline void crm_ldmatrix_x4(uint32_t r[4], const void *row)
{
    if (reinterpret_cast<uintptr_t>(row) % 16) {
        cusim::fatal("ldmatrix: the address of a row is not a multiple of 16");
    }
    cusim::lane_slot &s = cusim::my_slot();
    const uint64_t *q = static_cast<const uint64_t *>(row);
    s.in[0] = q[0];
    s.in[1] = q[1];
    cusim::collective(CUSIM_SITE, 0xffffffffu, cusim::resolve_ldmatrix, false);
    for (int i = 0; i < 4; i++) {
        r[i] = static_cast<uint32_t>(s.out[i]);
    }
}

inline void crm_cp_async16(void *shared, const void *global, bool ok = true)
{
    cusim::copy_start(shared, ok ? global : nullptr);
}

inline void crm_cp_commit()
{
    cusim::copy_commit();
}

template <int N> inline void crm_cp_wait()
{
    for (int i = cusim::copy_due(N); i > 0; i--) {
        cusim::pending_copy c = cusim::copy_take();
        uint64_t *to = static_cast<uint64_t *>(c.to);
        const uint64_t *from = static_cast<const uint64_t *>(c.from);
        to[0] = from ? from[0] : 0;
        to[1] = from ? from[1] : 0;
    }
}

#endif
