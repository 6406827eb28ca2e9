/* shim_testing.h - for the tests of the shim: TAP lines, arrays on the device, numbers. */
#ifndef SHIM_TESTING_H
#define SHIM_TESTING_H

#include <vector>

#include "cuda_mma.h"

struct shim_case {
    const char *name;
    void (*run)();
};
extern const shim_case kernel_cases[], runtime_cases[], graph_cases[],
    twin_cases[]; /* end: no name */

extern int shim_failures; /* in the case that runs */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #condition);                      \
            shim_failures++;                                                                       \
        }                                                                                          \
    } while (0)
/* |a - b| <= tolerance max(1, |b|) */
#define NEAR(a, b, tolerance)                                                                      \
    CHECK(std::fabs((a) - (b)) <= (tolerance)*std::fmax(1.0, std::fabs(b)))
#define FINE(call) CHECK((call) == cudaSuccess)

/* n values on the device. */
template <class T> struct device_array {
    T *p = nullptr;
    size_t n;
    explicit device_array(size_t count) : n(count)
    {
        FINE(cudaMalloc(&p, n * sizeof(T)));
    }
    explicit device_array(const std::vector<T> &from) : device_array(from.size())
    {
        FINE(cudaMemcpy(p, from.data(), n * sizeof(T), cudaMemcpyHostToDevice));
    }
    device_array(const device_array &) = delete;
    ~device_array()
    {
        FINE(cudaFree(p));
    }
    std::vector<T> get() const
    {
        std::vector<T> out(n);
        FINE(cudaDeviceSynchronize());
        FINE(cudaMemcpy(out.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost));
        return out;
    }
};

/* Repeatable numbers in [-1, 1). */
inline float some_number()
{
    static uint32_t state = 12345;
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<int32_t>(state >> 8) - (1 << 23)) /
           static_cast<float>(1 << 23);
}
inline std::vector<float> some_numbers(size_t n)
{
    std::vector<float> v(n);
    for (float &x : v) {
        x = some_number();
    }
    return v;
}

#endif
