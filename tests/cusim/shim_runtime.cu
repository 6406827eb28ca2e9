/* shim_runtime.cu - tests of the shim: memory, streams, events, devices, and the program that runs
 * all cases. */
#include "shim_testing.h"

#include "cusim_library.h"

int shim_failures;

enum { N = 64 };

static bool lazy()
{
    const char *text = getenv("CUSIM_STREAMS");
    return text && !strcmp(text, "lazy");
}

static CRM_KERNEL k_add(float *y, float by)
{
    y[threadIdx.x] += by;
}

namespace
{
/* Pinned memory of N floats and a stream that does not wait for the legacy one. */
struct fixture {
    float *pinned;
    cudaStream_t stream, other;
    cudaEvent_t event;
    device_array<float> y;
    fixture() : y(std::vector<float>(N, 1.0f))
    {
        FINE(cudaMallocHost(&pinned, N * sizeof(float)));
        FINE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        FINE(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
        FINE(cudaEventCreate(&event));
        FINE(cudaDeviceSynchronize());
    }
    ~fixture()
    {
        FINE(cudaEventDestroy(event));
        FINE(cudaStreamDestroy(other));
        FINE(cudaStreamDestroy(stream));
        FINE(cudaFreeHost(pinned));
    }
    void add(cudaStream_t s, float by)
    {
        CRM_LAUNCH(k_add, 1, N, 0, s, y.p, by);
        FINE(cudaGetLastError());
    }
    void copy_back(cudaStream_t s)
    {
        FINE(cudaMemcpyAsync(pinned, y.p, N * sizeof(float), cudaMemcpyDeviceToHost, s));
    }
};
} // namespace

static void lazy_streams_wait()
{
    fixture f;
    f.add(f.stream, 1);
    f.copy_back(f.stream);
    CHECK(lazy() ? std::isnan(f.pinned[0]) : f.pinned[0] == 2);
    FINE(cudaStreamSynchronize(f.stream));
    CHECK(f.pinned[0] == 2 && f.pinned[N - 1] == 2);
}

static void events_order_streams()
{
    fixture f;
    f.add(f.stream, 1);
    FINE(cudaEventRecord(f.event, f.stream));
    FINE(cudaStreamWaitEvent(f.other, f.event, 0));
    f.copy_back(f.other);
    f.add(f.stream, 10); /* after the event: the copy need not see it */
    FINE(cudaStreamSynchronize(f.other));
    CHECK(f.pinned[0] == (lazy() ? 2 : 2));
    FINE(cudaStreamSynchronize(f.stream));
    CHECK(f.y.get()[0] == 12);
}

static void queries_make_progress()
{
    fixture f;
    f.add(f.stream, 1);
    f.add(f.stream, 1);
    FINE(cudaEventRecord(f.event, f.stream));
    int asked = 0;
    while (cudaEventQuery(f.event) == cudaErrorNotReady && asked < 100) {
        asked++;
    }
    CHECK(asked == (lazy() ? 3 : 0));
    FINE(cudaGetLastError()); /* not ready is no error */
    FINE(cudaStreamQuery(f.stream));
    cudaEvent_t later;
    FINE(cudaEventCreate(&later));
    FINE(cudaEventRecord(later, f.stream));
    FINE(cudaEventSynchronize(later));
    float ms = -1;
    FINE(cudaEventElapsedTime(&ms, f.event, later));
    CHECK(ms >= 0);
    FINE(cudaEventDestroy(later));
}

/* A blocking stream and the legacy one wait for each other; pageable memory is taken at once. */
static void legacy_stream_waits()
{
    cudaStream_t blocking;
    FINE(cudaStreamCreate(&blocking));
    float host[N];
    std::fill(host, host + N, 3.0f);
    device_array<float> y(N);
    FINE(cudaMemcpyAsync(y.p, host, sizeof host, cudaMemcpyHostToDevice, blocking));
    std::fill(host, host + N, -1.0f);
    CRM_LAUNCH(k_add, 1, N, 0, 0, y.p, 1.0f);
    CRM_LAUNCH(k_add, 1, N, 0, blocking, y.p, 1.0f);
    FINE(cudaMemcpyAsync(host, y.p, sizeof host, cudaMemcpyDeviceToHost, blocking));
    CHECK(host[0] == 5 && host[N - 1] == 5);
    FINE(cudaStreamDestroy(blocking));
}

static void host_function(void *data)
{
    ++*static_cast<int *>(data);
}
static void host_functions_run_in_order()
{
    fixture f;
    int calls = 0;
    FINE(cudaLaunchHostFunc(f.stream, host_function, &calls));
    CHECK(calls == (lazy() ? 0 : 1));
    FINE(cudaStreamSynchronize(f.stream));
    CHECK(calls == 1);
}

static void memory_is_counted()
{
    unsigned long before = cusim_allocations();
    size_t free_before, free_after, total;
    FINE(cudaMemGetInfo(&free_before, &total));
    void *p = nullptr;
    CHECK(cudaMalloc(&p, total + 1) == cudaErrorMemoryAllocation && !p);
    CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
    FINE(cudaGetLastError());
    FINE(cudaMalloc(&p, 1000));
    FINE(cudaMemGetInfo(&free_after, &total));
    CHECK(free_before - free_after == 1024 && cusim_allocations() == before + 1);
    cudaPointerAttributes attributes;
    FINE(cudaPointerGetAttributes(&attributes, static_cast<char *>(p) + 999));
    CHECK(attributes.type == cudaMemoryTypeDevice);
    FINE(cudaFree(p));
    CHECK(cusim_allocations() == before);
    int local;
    FINE(cudaPointerGetAttributes(&attributes, &local));
    CHECK(attributes.type == cudaMemoryTypeUnregistered);
}

static void devices_and_streams()
{
    int n = 0, driver = 0, current = -1;
    FINE(cudaGetDeviceCount(&n));
    FINE(cudaDriverGetVersion(&driver));
    FINE(cudaGetDevice(&current));
    CHECK(n >= 1 && driver >= 12000 && current == 0);
    CHECK(cudaSetDevice(n) == cudaErrorInvalidDevice);
    cudaGetLastError();
    cudaDeviceProp p;
    char bus[32];
    FINE(cudaGetDeviceProperties(&p, n - 1));
    FINE(cudaDeviceGetPCIBusId(bus, sizeof bus, n - 1));
    CHECK(p.major == 9 && p.pciBusID == n && strlen(bus) == 12);
    if (n > 1) { /* a stream belongs to its device */
        fixture f;
        FINE(cudaSetDevice(1));
        CRM_LAUNCH(k_add, 1, N, 0, f.stream, f.y.p, 1.0f);
        CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
        FINE(cudaSetDevice(0));
    }
}

const shim_case runtime_cases[] = {{"work of a stream is done when waited for", lazy_streams_wait},
                                   {"events order streams", events_order_streams},
                                   {"a loop of queries ends", queries_make_progress},
                                   {"the legacy stream and blocking ones", legacy_stream_waits},
                                   {"host functions", host_functions_run_in_order},
                                   {"device memory is counted and limited", memory_is_counted},
                                   {"devices", devices_and_streams},
                                   {nullptr, nullptr}};

static int run_cases(const shim_case *cases)
{
    int failed = 0;
    for (; cases->name; cases++) {
        shim_failures = 0;
        cases->run();
        printf("%s - %s\n", shim_failures ? "not ok" : "ok", cases->name);
        failed += shim_failures != 0;
    }
    return failed;
}

/* Without a device every call says so. */
static int run_without_device()
{
    int n = -1;
    void *p = nullptr;
    cudaStream_t s;
    CHECK(cudaGetDeviceCount(&n) == cudaErrorNoDevice && n == 0);
    CHECK(cudaMalloc(&p, 4) == cudaErrorNoDevice && cudaStreamCreate(&s) == cudaErrorNoDevice);
    printf("%s - no device\n", shim_failures ? "not ok" : "ok");
    return shim_failures;
}

int main()
{
    int n;
    if (cudaGetDeviceCount(&n) == cudaErrorNoDevice) {
        return run_without_device() != 0;
    }
    int failed = run_cases(kernel_cases) + run_cases(runtime_cases) + run_cases(graph_cases) +
                 run_cases(twin_cases);
    shim_failures = 0;
    CHECK(cusim_allocations() == 0);
    printf("%s - all memory was freed\n", shim_failures ? "not ok" : "ok");
    return failed + shim_failures != 0;
}
