/* shim_kernels.cu - tests of the shim: what kernels call, against plain computations on the host.
 */
#include "shim_testing.h"

/* ---- barriers ---- */
static CRM_KERNEL k_barriers(int *out)
{
    CRM_SHARED(int, s, [96]);
    int t = static_cast<int>(threadIdx.x);
    s[t] = t;
    __syncthreads();
    int sum = s[95 - t];
    sum += 100 * __syncthreads_count(t % 3 == 0);
    sum += 10000 * __syncthreads_and(t >= 0);
    sum += 100000 * __syncthreads_and(t > 0);
    sum += 1000000 * __syncthreads_or(t == 95);
    sum += 10000000 * __syncthreads_or(t == 96);
    out[t] = sum;
}
static void barriers()
{
    device_array<int> out(96);
    CRM_LAUNCH(k_barriers, 1, 96, 0, 0, out.p);
    FINE(cudaGetLastError());
    std::vector<int> got = out.get();
    for (int t = 0; t < 96; t++) {
        CHECK(got[static_cast<size_t>(t)] == 95 - t + 3200 + 10000 + 1000000);
    }
}

/* Threads that have ended do not hold up a barrier. */
static CRM_KERNEL k_early_end(int *out)
{
    if (threadIdx.x >= 40) {
        return;
    }
    out[threadIdx.x] = __syncthreads_count(1);
}
static void early_end()
{
    device_array<int> out(40);
    CRM_LAUNCH(k_early_end, 1, 64, 0, 0, out.p);
    for (int n : out.get()) {
        CHECK(n == 40);
    }
}

/* ---- collectives: full warp, and two groups of lanes with masks of their own ---- */
enum { RESULTS = 16 };
static CRM_KERNEL k_collectives(const int *x, int *out)
{
    unsigned lane = threadIdx.x & 31;
    unsigned mask = blockIdx.x == 0 ? 0xffffffffu : lane < 20 ? 0x000fffffu : 0xfff00000u;
    int v = x[threadIdx.x], *o = out + (blockIdx.x * blockDim.x + threadIdx.x) * RESULTS;
    /* one place in the source for both groups: the mask decides who meets */
    o[0] = __shfl_sync(mask, v, lane < 20 ? 3 : 25);
    o[1] = __shfl_up_sync(mask, v, 2, 4);
    o[2] = __shfl_down_sync(mask, v, 1, 4);
    o[3] = __shfl_xor_sync(mask, v, 1);
    o[4] = static_cast<int>(__ballot_sync(mask, v > 0));
    o[5] = __any_sync(mask, v > 50);
    o[6] = __all_sync(mask, v > -1000);
    o[7] = static_cast<int>(__match_any_sync(mask, v % 3));
    o[8] = __reduce_add_sync(mask, v);
    o[9] = __reduce_max_sync(mask, v);
    o[10] = __reduce_min_sync(mask, v);
    o[11] = static_cast<int>(__reduce_and_sync(mask, static_cast<unsigned>(v)));
    o[12] = static_cast<int>(__reduce_or_sync(mask, static_cast<unsigned>(v)));
    o[13] = static_cast<int>(__reduce_xor_sync(mask, static_cast<unsigned>(v)));
    double wide = __shfl_xor_sync(mask, 0.5 * v, 1);
    o[14] = static_cast<int>(2 * wide);
    __syncwarp(mask);
    o[15] = 1;
}
/* What lane l of the group from lane `from` up to `to` must get; x of its warp. */
static std::vector<int> expected(const int *x, int lane, int from, int to)
{
    std::vector<int> o(RESULTS);
    int first = lane & ~3;
    o[0] = x[lane < 20 ? 3 : 25];
    o[1] = lane - 2 < first ? x[lane] : x[lane - 2];
    o[2] = lane + 1 > first + 3 ? x[lane] : x[lane + 1];
    o[3] = x[lane ^ 1];
    o[6] = 1;
    o[9] = o[10] = o[11] = x[from];
    for (int l = from; l < to; l++) {
        o[4] |= static_cast<int>(x[l] > 0 ? 1u << l : 0u);
        o[5] |= x[l] > 50;
        o[7] |= static_cast<int>(x[l] % 3 == x[lane] % 3 ? 1u << l : 0u);
        o[8] += x[l];
        o[9] = std::max(o[9], x[l]);
        o[10] = std::min(o[10], x[l]);
        o[11] &= x[l];
        o[12] |= x[l];
        o[13] ^= x[l];
    }
    o[14] = x[lane ^ 1];
    o[15] = 1;
    return o;
}
static void collectives()
{
    std::vector<int> x(64);
    for (int &v : x) {
        v = static_cast<int>(some_number() * 100);
    }
    device_array<int> in(x), out(2 * 64 * RESULTS);
    CRM_LAUNCH(k_collectives, 2, 64, 0, 0, in.p, out.p);
    std::vector<int> got = out.get();
    for (int i = 0; i < 128; i++) {
        int lane = i % 32, part = i >= 64;
        int from = part && lane >= 20 ? 20 : 0, to = part && lane < 20 ? 20 : 32;
        std::vector<int> want = expected(&x[static_cast<size_t>(i % 64 - lane)], lane, from, to);
        for (int k = 0; k < RESULTS; k++) {
            if (got[static_cast<size_t>(i * RESULTS + k)] != want[static_cast<size_t>(k)]) {
                fprintf(stderr, "# thread %d result %d\n", i, k);
                CHECK(!"the result of a collective");
            }
        }
    }
}

/* ---- tensor cores ---- */
static CRM_KERNEL k_tf32(const float *a, const float *b, float *d)
{
    int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
    float sum[4] = {1, 1, 1, 1};
    for (int k = 0; k < 16; k += 8) {
        uint32_t fa[4] = {crm_to_tf32(a[g * 16 + k + t]), crm_to_tf32(a[(g + 8) * 16 + k + t]),
                          crm_to_tf32(a[g * 16 + k + t + 4]),
                          crm_to_tf32(a[(g + 8) * 16 + k + t + 4])};
        uint32_t fb[2] = {crm_to_tf32(b[(k + t) * 8 + g]), crm_to_tf32(b[(k + t + 4) * 8 + g])};
        crm_mma_tf32(sum, fa, fb);
    }
    for (int i = 0; i < 4; i++) {
        d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
    }
}
static CRM_KERNEL k_bf16(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *d)
{
    CRM_SHARED(__nv_bfloat16, tile, [16][24]); /* rows of 48 bytes: aligned to 16 */
    int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
    crm_cp_async16(&tile[lane / 2][lane % 2 * 8], &a[lane / 2 * 16 + lane % 2 * 8]);
    crm_cp_commit();
    crm_cp_wait<0>();
    __syncwarp();
    uint32_t fa[4], fb[2];
    crm_ldmatrix_x4(fa, &tile[lane % 16][lane / 16 * 8]);
    for (int i = 0; i < 2; i++) {
        __nv_bfloat162 pair;
        pair.x = b[(2 * t + 8 * i) * 8 + g];
        pair.y = b[(2 * t + 8 * i + 1) * 8 + g];
        memcpy(&fb[i], &pair, sizeof pair);
    }
    float sum[4] = {0, 0, 0, 0};
    crm_mma_bf16(sum, fa, fb);
    for (int i = 0; i < 4; i++) {
        d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
    }
}
/* d = start + A[16][16] B[16][8] in double */
static void check_product(const std::vector<float> &a, const std::vector<float> &b,
                          const std::vector<float> &d, double start)
{
    for (size_t i = 0; i < 16; i++) {
        for (size_t j = 0; j < 8; j++) {
            double sum = start;
            for (size_t k = 0; k < 16; k++) {
                sum += static_cast<double>(a[i * 16 + k]) * static_cast<double>(b[k * 8 + j]);
            }
            NEAR(static_cast<double>(d[i * 8 + j]), sum, 2e-6);
        }
    }
}
/* Sixteenths: exact in TF32 and in bf16. */
static std::vector<float> coarse(size_t n)
{
    std::vector<float> v = some_numbers(n);
    for (float &x : v) {
        x = std::floor(x * 16) / 16;
    }
    return v;
}
static void tensor_cores()
{
    std::vector<float> a = coarse(256), b = coarse(128);
    std::vector<__nv_bfloat16> ha, hb;
    for (float x : a) {
        ha.push_back(__float2bfloat16(x));
    }
    for (float x : b) {
        hb.push_back(__float2bfloat16(x));
    }
    device_array<float> da(a), db(b), d(128);
    device_array<__nv_bfloat16> dha(ha), dhb(hb);
    CRM_LAUNCH(k_tf32, 1, 32, 0, 0, da.p, db.p, d.p);
    check_product(a, b, d.get(), 1);
    CRM_LAUNCH(k_bf16, 1, 32, 0, 0, dha.p, dhb.p, d.p);
    check_product(a, b, d.get(), 0);
}

/* Nearest with ties away: 1 + 2^-11 lies between 1 and 1 + 2^-10. */
static CRM_KERNEL k_round(const float *x, uint32_t *out)
{
    out[threadIdx.x] = crm_to_tf32(x[threadIdx.x]);
}
static void rounding_to_tf32()
{
    float tie = 1 + std::ldexp(1.0f, -11), below = 1 + std::ldexp(1.0f, -12);
    std::vector<float> x = {1, tie, -tie, below, INFINITY, 0};
    std::vector<uint32_t> want = {0x3f800000u, 0x3f802000u, 0xbf802000u,
                                  0x3f800000u, 0x7f800000u, 0};
    device_array<float> in(x);
    device_array<uint32_t> out(x.size());
    CRM_LAUNCH(k_round, 1, static_cast<unsigned>(x.size()), 0, 0, in.p, out.p);
    CHECK(out.get() == want);
}

/* ---- copies that arrive late ---- */
static CRM_KERNEL k_copies(const float *x, float *out)
{
    CRM_SHARED(float, s, [3][4]);
    for (int i = 0; i < 3; i++) {
        crm_cp_async16(s[i], x + 4 * i, i != 1);
        crm_cp_commit();
    }
    out[0] = s[0][0]; /* NaN: nothing has arrived */
    crm_cp_wait<1>();
    out[1] = s[0][3];
    out[2] = s[1][0]; /* 0: the source was not read */
    out[3] = s[2][0]; /* NaN: still under way */
    crm_cp_wait<0>();
    out[4] = s[2][3];
}
static void late_copies()
{
    std::vector<float> x(12, 5.0f);
    device_array<float> in(x), out(5);
    CRM_LAUNCH(k_copies, 1, 1, 0, 0, in.p, out.p);
    std::vector<float> got = out.get();
    CHECK(std::isnan(got[0]) && got[1] == 5 && got[2] == 0 && std::isnan(got[3]) && got[4] == 5);
}

/* ---- atomics ---- */
static CRM_KERNEL k_atomics(int *i, unsigned *u, float *f, unsigned long long *w)
{
    int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&i[0], t);
    atomicSub(&i[1], 1);
    atomicMax(&i[2], t);
    atomicMin(&i[3], -t);
    atomicOr(&u[0], 1u << t % 32);
    atomicAnd(&u[1], ~(1u << t % 32));
    atomicXor(&u[2], 1u << t % 32);
    atomicInc(&u[3], 9);
    atomicAdd(&f[0], 0.5f);
    atomicAdd(&w[0], 1ull << 33);
    if (atomicCAS(&i[4], 0, t + 1) == 0) {
        atomicExch(&i[5], 7);
    }
}
static void atomics()
{
    device_array<int> i(std::vector<int>(6, 0));
    device_array<unsigned> u(std::vector<unsigned>{0, 0xffffffffu, 0, 0});
    device_array<float> f(std::vector<float>{0});
    device_array<unsigned long long> w(std::vector<unsigned long long>{0});
    CRM_LAUNCH(k_atomics, 2, 48, 0, 0, i.p, u.p, f.p, w.p);
    std::vector<int> gi = i.get();
    std::vector<unsigned> gu = u.get();
    CHECK(gi[0] == 96 * 95 / 2 && gi[1] == -96 && gi[2] == 95 && gi[3] == -95 && gi[4] > 0 &&
          gi[5] == 7);
    CHECK(gu[0] == 0xffffffffu && gu[1] == 0 && gu[2] == 0xffffffffu && gu[3] == 96 % 10);
    CHECK(f.get()[0] == 48 && w.get()[0] == 96ull << 33);
}

/* ---- fresh memory, shared memory, index arithmetic ---- */
template <int STEP>
static CRM_KERNEL k_fresh(float *shared, float *dynamic, const float *fresh, float *out)
{
    CRM_SHARED(float, s, [4]);
    CRM_DYN_SHARED(float, d);
    unsigned i = blockIdx.z * gridDim.y * gridDim.x + blockIdx.y * gridDim.x + blockIdx.x;
    unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    if (i == 0 && t < 4) {
        shared[t] = s[t];
        dynamic[t] = d[t];
    }
    out[i * blockDim.x * blockDim.y * blockDim.z + t] =
        fresh[0] != fresh[0] ? static_cast<float>(STEP) : 0.0f;
}
static void fresh_memory_is_nan()
{
    device_array<float> shared(4), dynamic(4), fresh(1), out(2 * 3 * 2 * 4 * 2 * 3);
    CRM_LAUNCH((k_fresh<5>), dim3(2, 3, 2), dim3(4, 2, 3), 64, 0, shared.p, dynamic.p, fresh.p,
               out.p);
    FINE(cudaGetLastError());
    for (float x : shared.get()) {
        CHECK(std::isnan(x));
    }
    for (float x : dynamic.get()) {
        CHECK(std::isnan(x));
    }
    for (float x : out.get()) {
        CHECK(x == 5);
    }
}

static CRM_KERNEL k_nothing()
{
}
static void limits_of_a_launch()
{
    CRM_LAUNCH(k_nothing, 1, 1025, 0, 0);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    CRM_LAUNCH(k_nothing, dim3(1, 65536), 1, 0, 0);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    CRM_LAUNCH(k_nothing, 1, 32, 49 << 10, 0);
    CHECK(cudaGetLastError() == cudaErrorInvalidValue);
    const void *kernel = reinterpret_cast<const void *>(k_nothing);
    CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10) ==
          cudaErrorInvalidValue);
    cudaGetLastError();
    FINE(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 200 << 10));
    CRM_LAUNCH(k_nothing, 1, 32, 200 << 10, 0);
    FINE(cudaGetLastError());
}

const shim_case kernel_cases[] = {{"barriers and their votes", barriers},
                                  {"a barrier counts the threads that have not ended", early_end},
                                  {"collectives with full and partial masks", collectives},
                                  {"products of tensor cores, ldmatrix", tensor_cores},
                                  {"rounding to TF32", rounding_to_tf32},
                                  {"cp.async arrives at its wait", late_copies},
                                  {"atomics", atomics},
                                  {"fresh memory holds NaN", fresh_memory_is_nan},
                                  {"limits of a launch", limits_of_a_launch},
                                  {nullptr, nullptr}};
