/* cusim_atomics.h - the atomic functions of a kernel. The second argument does not take part in the
 * deduction of T, so that atomicAdd(&u, 1) compiles for an unsigned u as under nvcc. */
#ifndef CUSIM_ATOMICS_H
#define CUSIM_ATOMICS_H

namespace cusim
{
template <class T> using same = typename std::common_type<T>::type;
}

#define CUSIM_ATOMIC(name, result)                                                                 \
    template <class T> T name(T *address, cusim::same<T> v)                                        \
    {                                                                                              \
        return cusim::atomic_update(address, [=](T old) {                                          \
            (void)old;                                                                             \
            return static_cast<T>(result);                                                         \
        });                                                                                        \
    }
CUSIM_ATOMIC(atomicAdd, old + v)
CUSIM_ATOMIC(atomicSub, old - v)
CUSIM_ATOMIC(atomicMax, old > v ? old : v)
CUSIM_ATOMIC(atomicMin, old < v ? old : v)
CUSIM_ATOMIC(atomicExch, v)
CUSIM_ATOMIC(atomicOr, old | v)
CUSIM_ATOMIC(atomicAnd, old &v)
CUSIM_ATOMIC(atomicXor, old ^ v)
#undef CUSIM_ATOMIC

template <class T> T atomicCAS(T *address, cusim::same<T> expected, cusim::same<T> v)
{
    return cusim::atomic_update(address, [=](T old) { return old == expected ? v : old; });
}

/* Counts 0, 1, ..., limit, 0, ... */
inline unsigned atomicInc(unsigned *address, unsigned limit)
{
    return cusim::atomic_update(address, [=](unsigned old) { return old >= limit ? 0u : old + 1; });
}

#endif
