/* cusim_device.cpp - fake libcudart: devices, their properties, errors, launches.
 *
 * CUSIM_DEVICES devices (default 1), of capability CUSIM_CAPABILITY (default 90) with CUSIM_MEMORY
 * bytes each (default 8 GiB).  CUSIM_FIRST (default 0) is the number of the first among those of
 * the node, as if the others were hidden from this process: it decides UUID and address. */
#include "cusim_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <map>

namespace cusim
{
enum {
    THREADS_PER_BLOCK = MAX_THREADS,
    SHARED_DEFAULT = 48 << 10,
    SHARED_OPT_IN = 227 << 10,
    PROCESSORS = 132
};

static std::recursive_mutex &api_mutex()
{
    static std::recursive_mutex m;
    return m;
}
api_lock::api_lock() : held(api_mutex())
{
}

static thread_local cudaError_t last_error;
static thread_local int current_device;
static std::map<const void *, int> dynamic_limits; /* by kernel */

static size_t setting(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, nullptr, 10) : otherwise;
}

static int device_count()
{
    return static_cast<int>(std::min<size_t>(setting("CUSIM_DEVICES", 1), 16));
}

static int capability()
{
    return static_cast<int>(setting("CUSIM_CAPABILITY", 90));
}

size_t device_bytes()
{
    return setting("CUSIM_MEMORY", size_t(8) << 30);
}

int device_current()
{
    return current_device;
}

int device_of_node(int device)
{
    return static_cast<int>(setting("CUSIM_FIRST", 0)) + device;
}

cudaError_t set_error(cudaError_t code)
{
    if (code != cudaSuccess && code != cudaErrorNotReady) {
        last_error = code;
    }
    return code;
}

cudaError_t device_ready()
{
    return set_error(device_count() ? cudaSuccess : cudaErrorNoDevice);
}

static cudaError_t device_exists(int device)
{
    if (!device_count()) {
        return set_error(cudaErrorNoDevice);
    }
    return set_error(device >= 0 && device < device_count() ? cudaSuccess : cudaErrorInvalidDevice);
}

/* ---- launches ---- */
int dynamic_shared_limit(const void *kernel)
{
    auto limit = dynamic_limits.find(kernel);
    return limit == dynamic_limits.end() ? int{SHARED_DEFAULT} : limit->second;
}

static cudaError_t check_shape(const launch_shape &s, const void *kernel)
{
    dim3 g = s.grid, b = s.block;
    if (!g.x || !g.y || !g.z || !b.x || !b.y || !b.z || g.x > 0x7fffffffu || g.y > 65535 ||
        g.z > 65535 || b.x > 1024 || b.y > 1024 || b.z > 64 ||
        b.x * b.y * b.z > THREADS_PER_BLOCK) {
        return cudaErrorInvalidConfiguration;
    }
    size_t bytes = static_cast<size_t>(dynamic_shared_limit(kernel));
    return s.shared_bytes > bytes ? cudaErrorInvalidValue : cudaSuccess;
}

void launch_kernel(const launch_shape &shape, const kernel_call &call)
{
    api_lock lock;
    std::shared_ptr<void> arguments(call.arguments, call.free);
    if (device_ready() || set_error(check_shape(shape, call.function))) {
        return;
    }
    submit(shape.stream, OP_KERNEL, call.function,
           [shape, call, arguments] { run_grid(shape, call); });
}

static int attribute_of(cudaDeviceAttr attribute)
{
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        return THREADS_PER_BLOCK;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return SHARED_DEFAULT;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return SHARED_OPT_IN;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        return 228 << 10;
    case cudaDevAttrWarpSize:
        return 32;
    case cudaDevAttrMultiProcessorCount:
        return PROCESSORS;
    case cudaDevAttrComputeCapabilityMajor:
        return capability() / 10;
    case cudaDevAttrComputeCapabilityMinor:
        return capability() % 10;
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrConcurrentKernels:
        return 1;
    case cudaDevAttrL2CacheSize:
        return 50 << 20;
    case cudaDevAttrPciBusId:
        return device_of_node(current_device) + 1;
    default:
        return 0;
    }
}

static void fill_properties(cudaDeviceProp *p, int device)
{
    *p = {};
    snprintf(p->name, sizeof p->name, "cusim device (CPU)");
    memset(p->uuid.bytes, 0, sizeof p->uuid.bytes);
    p->uuid.bytes[0] = static_cast<char>(device_of_node(device) + 1);
    p->totalGlobalMem = device_bytes();
    p->sharedMemPerBlock = SHARED_DEFAULT;
    p->sharedMemPerBlockOptin = SHARED_OPT_IN;
    p->sharedMemPerMultiprocessor = 228 << 10;
    p->reservedSharedMemPerBlock = 1 << 10;
    p->regsPerBlock = p->regsPerMultiprocessor = 65536;
    p->warpSize = 32;
    p->maxThreadsPerBlock = THREADS_PER_BLOCK;
    p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
    p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = 0x7fffffff;
    p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->maxThreadsPerMultiProcessor = 2048;
    p->major = capability() / 10;
    p->minor = capability() % 10;
    p->multiProcessorCount = PROCESSORS;
    p->l2CacheSize = 50 << 20;
    p->pciBusID = device_of_node(device) + 1;
    p->unifiedAddressing = p->concurrentKernels = p->asyncEngineCount = 1;
}
} // namespace cusim

using namespace cusim;

extern "C" {
/* ---- errors ---- */
cudaError_t cudaGetLastError(void)
{
    cudaError_t code = last_error;
    last_error = cudaSuccess;
    return code;
}
cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

#define NAMES(X)                                                                                   \
    X(cudaSuccess, "no error")                                                                     \
    X(cudaErrorInvalidValue, "invalid argument")                                                   \
    X(cudaErrorMemoryAllocation, "out of memory")                                                  \
    X(cudaErrorInvalidConfiguration, "invalid configuration argument")                             \
    X(cudaErrorInvalidDevice, "invalid device ordinal")                                            \
    X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                     \
    X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                   \
    X(cudaErrorNotReady, "device not ready")                                                       \
    X(cudaErrorNotSupported, "operation not supported")                                            \
    X(cudaErrorIllegalState, "the operation cannot be performed in the present state")             \
    X(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing")       \
    X(cudaErrorStreamCaptureInvalidated,                                                           \
      "operation failed due to a previous error during capture")                                   \
    X(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began")     \
    X(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work")                        \
    X(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream")  \
    X(cudaErrorStreamCaptureImplicit,                                                              \
      "operation would make the legacy stream depend on a capturing blocking stream")              \
    X(cudaErrorStreamCaptureWrongThread,                                                           \
      "attempt to terminate a thread-local capture sequence from another thread")                  \
    X(cudaErrorCapturedEvent,                                                                      \
      "operation not permitted on an event last recorded in a capturing stream")                   \
    X(cudaErrorGraphExecUpdateFailure,                                                             \
      "the graph update was not performed because it included changes which violated constraints")

const char *cudaGetErrorString(cudaError_t code)
{
#define TEXT(name, text)                                                                           \
    case name:                                                                                     \
        return text;
    switch (static_cast<int>(code)) {
        NAMES(TEXT)
    }
    return "unrecognized error code";
}
const char *cudaGetErrorName(cudaError_t code)
{
#define NAME(name, text)                                                                           \
    case name:                                                                                     \
        return #name;
    switch (static_cast<int>(code)) {
        NAMES(NAME)
    }
    return "unrecognized error code";
}

/* ---- devices ---- */
cudaError_t cudaGetDeviceCount(int *count)
{
    *count = device_count();
    return device_ready();
}
cudaError_t cudaSetDevice(int device)
{
    cudaError_t code = device_exists(device);
    if (!code) {
        current_device = device;
    }
    return code;
}
cudaError_t cudaInitDevice(int device, unsigned, unsigned)
{
    return device_exists(device);
}
cudaError_t cudaGetDevice(int *device)
{
    *device = current_device;
    return device_ready();
}
cudaError_t cudaSetDeviceFlags(unsigned)
{
    return device_ready();
}
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    *value =
        attribute == cudaDevAttrPciBusId ? device_of_node(device) + 1 : attribute_of(attribute);
    return device_exists(device);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device)
{
    fill_properties(properties, device);
    return device_exists(device);
}
cudaError_t cudaDeviceGetPCIBusId(char *text, int size, int device)
{
    snprintf(text, static_cast<size_t>(size), "0000:%02X:00.0",
             static_cast<unsigned>(device_of_node(device) + 1));
    return device_exists(device);
}
cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer)
{
    *can = device != peer;
    cudaError_t code = device_exists(device);
    return code ? code : device_exists(peer);
}
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0;
    *greatest = -5;
    return device_ready();
}
cudaError_t cudaDeviceSynchronize(void)
{
    api_lock lock;
    cudaError_t code = device_ready();
    if (!code) {
        code = capture_forbids();
    }
    if (!code) {
        streams_finish();
    }
    return code;
}
cudaError_t cudaDriverGetVersion(int *version)
{
    *version = device_count() ? CUDART_VERSION : 0;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    api_lock lock;
    *total = device_bytes();
    *free_bytes = *total - device_bytes_in_use();
    return device_ready();
}

/* ---- kernels ---- */
cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute attribute, int value)
{
    api_lock lock;
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
        if (value < 0 || value > SHARED_OPT_IN) {
            return set_error(cudaErrorInvalidValue);
        }
        dynamic_limits[kernel] = value;
    }
    return device_ready();
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *kernel)
{
    api_lock lock;
    *attributes = {};
    attributes->maxThreadsPerBlock = THREADS_PER_BLOCK;
    attributes->numRegs = 64;
    attributes->maxDynamicSharedSizeBytes = dynamic_shared_limit(kernel);
    return device_ready();
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *, int threads,
                                                          size_t shared)
{
    size_t by_shared = shared ? (228u << 10) / (shared + 1024) : 32;
    *blocks =
        static_cast<int>(std::min<size_t>({32, by_shared, 2048u / static_cast<unsigned>(threads)}));
    return device_ready();
}
}
