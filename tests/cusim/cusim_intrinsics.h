/* cusim_intrinsics.h - arithmetic that nvcc predefines: bit functions, rounding intrinsics, cached
 * loads.
 *
 * Functions of the GPU's approximate units (__expf, __logf, rsqrtf, __fdividef) give the exact
 * result rounded: bits differ from the GPU's, and a test compares with a tolerance. */
#ifndef CUSIM_INTRINSICS_H
#define CUSIM_INTRINSICS_H

#define CUSIM_MINMAX(T)                                                                            \
    inline T max(T a, T b)                                                                         \
    {                                                                                              \
        return a > b ? a : b;                                                                      \
    }                                                                                              \
    inline T min(T a, T b)                                                                         \
    {                                                                                              \
        return a < b ? a : b;                                                                      \
    }
CUSIM_MINMAX(int)
CUSIM_MINMAX(unsigned)
CUSIM_MINMAX(long)
CUSIM_MINMAX(unsigned long)
CUSIM_MINMAX(long long)
CUSIM_MINMAX(unsigned long long)
#undef CUSIM_MINMAX

#define CUSIM_DEFINE(type, name, parameters, result)                                               \
    inline type name parameters                                                                    \
    {                                                                                              \
        return result;                                                                             \
    }
/* As on the GPU, a NaN loses against a number. */
CUSIM_DEFINE(float, max, (float a, float b), fmaxf(a, b))
CUSIM_DEFINE(float, min, (float a, float b), fminf(a, b))
CUSIM_DEFINE(double, max, (double a, double b), fmax(a, b))
CUSIM_DEFINE(double, min, (double a, double b), fmin(a, b))

/* bits */
CUSIM_DEFINE(int, __popc, (unsigned x), __builtin_popcount(x))
CUSIM_DEFINE(int, __popcll, (unsigned long long x), __builtin_popcountll(x))
CUSIM_DEFINE(int, __ffs, (int x), __builtin_ffs(x))
CUSIM_DEFINE(int, __ffsll, (long long x), __builtin_ffsll(x))
CUSIM_DEFINE(int, __clz, (int x), x ? __builtin_clz(static_cast<unsigned>(x)) : 32)
CUSIM_DEFINE(int, __clzll, (long long x),
             x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64)
CUSIM_DEFINE(unsigned, __umulhi, (unsigned a, unsigned b),
             static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32))
CUSIM_DEFINE(unsigned long long, __umul64hi, (unsigned long long a, unsigned long long b),
             static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64))
inline unsigned __brev(unsigned x)
{
    unsigned r = 0;
    for (int i = 0; i < 32; i++) {
        r |= (x >> i & 1) << (31 - i);
    }
    return r;
}

/* the same bits as another type */
CUSIM_DEFINE(float, __int_as_float, (int x), cusim::from_bits<float>(static_cast<unsigned>(x)))
CUSIM_DEFINE(float, __uint_as_float, (unsigned x), cusim::from_bits<float>(x))
CUSIM_DEFINE(int, __float_as_int, (float x), static_cast<int>(cusim::to_bits(x)))
CUSIM_DEFINE(unsigned, __float_as_uint, (float x), static_cast<unsigned>(cusim::to_bits(x)))
CUSIM_DEFINE(long long, __double_as_longlong, (double x), static_cast<long long>(cusim::to_bits(x)))
CUSIM_DEFINE(double, __longlong_as_double, (long long x),
             cusim::from_bits<double>(static_cast<uint64_t>(x)))

/* arithmetic rounded once; the file is compiled with -ffp-contract=off, so the operators round too
 */
CUSIM_DEFINE(float, __fadd_rn, (float a, float b), a + b)
CUSIM_DEFINE(float, __fsub_rn, (float a, float b), a - b)
CUSIM_DEFINE(float, __fmul_rn, (float a, float b), a *b)
CUSIM_DEFINE(float, __fdiv_rn, (float a, float b), a / b)
CUSIM_DEFINE(float, __frcp_rn, (float a), 1.0f / a)
CUSIM_DEFINE(float, __fsqrt_rn, (float a), sqrtf(a))
CUSIM_DEFINE(float, __fmaf_rn, (float a, float b, float c), fmaf(a, b, c))
CUSIM_DEFINE(double, __dadd_rn, (double a, double b), a + b)
CUSIM_DEFINE(double, __dsub_rn, (double a, double b), a - b)
CUSIM_DEFINE(double, __dmul_rn, (double a, double b), a *b)
CUSIM_DEFINE(double, __ddiv_rn, (double a, double b), a / b)
CUSIM_DEFINE(double, __dsqrt_rn, (double a), sqrt(a))
CUSIM_DEFINE(double, __fma_rn, (double a, double b, double c), fma(a, b, c))

/* conversions; as on the GPU, a value out of range is clamped and NaN gives 0 */
CUSIM_DEFINE(float, __int2float_rn, (int x), static_cast<float>(x))
CUSIM_DEFINE(float, __uint2float_rn, (unsigned x), static_cast<float>(x))
CUSIM_DEFINE(float, __double2float_rn, (double x), static_cast<float>(x))
inline int __float2int_rn(float x)
{
    if (x != x) {
        return 0;
    }
    return x >= 2147483648.0f    ? 2147483647
           : x <= -2147483648.0f ? -2147483647 - 1
                                 : static_cast<int>(nearbyintf(x));
}

/* approximate units */
CUSIM_DEFINE(float, rsqrtf, (float a), static_cast<float>(1.0 / sqrt(static_cast<double>(a))))
CUSIM_DEFINE(float, __expf, (float a), expf(a))
CUSIM_DEFINE(float, __logf, (float a), logf(a))
CUSIM_DEFINE(float, __fdividef, (float a, float b), a / b)
CUSIM_DEFINE(float, __saturatef, (float a), a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f)
#undef CUSIM_DEFINE

/* cached loads and stores */
#define CUSIM_LOAD(name)                                                                           \
    template <class T> T name(const T *address)                                                    \
    {                                                                                              \
        return *address;                                                                           \
    }
#define CUSIM_STORE(name)                                                                          \
    template <class T> void name(T *address, cusim::same<T> value)                                 \
    {                                                                                              \
        *address = value;                                                                          \
    }
CUSIM_LOAD(__ldg)
CUSIM_LOAD(__ldcg)
CUSIM_LOAD(__ldca)
CUSIM_LOAD(__ldcs)
CUSIM_STORE(__stcg)
CUSIM_STORE(__stcs)
CUSIM_STORE(__stwt)
#undef CUSIM_LOAD
#undef CUSIM_STORE

#endif
