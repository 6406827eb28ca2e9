/* cusim_memory.cpp - fake libcudart: device and pinned memory, copies, fills.
 *
 * Fresh memory holds NaN. With AddressSanitizer the host may touch device memory only while a
 * kernel or a copy runs, so that a device pointer read by host code is found. */
#include "cusim_runtime.h"

#include <cstdlib>
#include <map>

namespace cusim
{
struct allocation {
    size_t bytes;
    int device;
};
static std::map<char *, allocation> on_device;
static std::map<char *, size_t> pinned;
static std::map<char *, size_t> registered; /* pinned, but not ours to free */
static int open_depth;

enum { DEVICE_ALIGN = 256 };

static size_t rounded(size_t bytes)
{
    return (bytes + DEVICE_ALIGN - 1) / DEVICE_ALIGN * DEVICE_ALIGN;
}

device_open::device_open()
{
    if (open_depth++ == 0 && with_asan) {
        for (auto &a : on_device) {
            asan_show(a.first, a.second.bytes);
        }
    }
}
device_open::~device_open()
{
    if (--open_depth == 0 && with_asan) {
        for (auto &a : on_device) {
            asan_hide(a.first, rounded(a.second.bytes));
        }
    }
}

template <class T> static auto range_of(std::map<char *, T> &ranges, const void *p)
{
    auto it = ranges.upper_bound(static_cast<char *>(const_cast<void *>(p)));
    return it == ranges.begin() ? ranges.end() : std::prev(it);
}

static bool within(const std::map<char *, size_t> &ranges, const void *p)
{
    auto it = range_of(const_cast<std::map<char *, size_t> &>(ranges), p);
    return it != ranges.end() && static_cast<const char *>(p) < it->first + it->second;
}

static const std::pair<char *const, allocation> *allocation_of(const void *p)
{
    auto it = range_of(on_device, p);
    bool inside =
        it != on_device.end() && static_cast<const char *>(p) < it->first + it->second.bytes;
    return inside ? &*it : nullptr;
}

memory_kind memory_kind_of(const void *p)
{
    if (allocation_of(p)) {
        return MEMORY_DEVICE;
    }
    return within(pinned, p) || within(registered, p) ? MEMORY_PINNED : MEMORY_PAGEABLE;
}

/* Ends the program unless all bytes lie in one device allocation. */
void device_check(const void *p, size_t bytes, const char *what)
{
    auto a = allocation_of(p);
    if (!a) {
        fatal("%s: %p is not device memory", what, p);
    }
    size_t left = static_cast<size_t>(a->first + a->second.bytes - static_cast<const char *>(p));
    if (bytes > left) {
        fatal("%s: %zu bytes run past the end of a device allocation of %zu, of which %zu are left",
              what, bytes, a->second.bytes, left);
    }
}

size_t device_bytes_in_use()
{
    size_t sum = 0;
    for (auto &a : on_device) {
        sum += a.second.device == device_current() ? rounded(a.second.bytes) : 0;
    }
    return sum;
}

/* ---- copies ---- */
static void check_kind(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    bool to_device = memory_kind_of(to) == MEMORY_DEVICE,
         from_device = memory_kind_of(from) == MEMORY_DEVICE;
    bool want_to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    bool want_from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind != cudaMemcpyDefault && (to_device != want_to || from_device != want_from)) {
        fatal("cudaMemcpy: kind %d, but the target is memory of the %s and the source of the %s",
              kind, to_device ? "device" : "host", from_device ? "device" : "host");
    }
    if (to_device) {
        device_check(to, bytes, "cudaMemcpy, target");
    }
    if (from_device) {
        device_check(from, bytes, "cudaMemcpy, source");
    }
}

/* From pageable memory CUDA takes the bytes before it returns; to pageable memory it returns when
 * they are there. */
static cudaError_t copy_async(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                              cudaStream_t stream)
{
    CUstream_st *s = stream_of(stream);
    bool staged = memory_kind_of(from) == MEMORY_PAGEABLE,
         waits = memory_kind_of(to) == MEMORY_PAGEABLE;
    if (bytes == 0) {
        return cudaSuccess;
    }
    check_kind(to, from, bytes, kind);
    if (s && is_capturing(s) && (staged || waits)) {
        return capture_spoil_all(cudaErrorStreamCaptureUnsupported);
    }
    std::shared_ptr<std::vector<char>> copy;
    if (staged && streams_lazy()) {
        const char *bytes_now = static_cast<const char *>(from);
        copy = std::make_shared<std::vector<char>>(bytes_now, bytes_now + bytes);
    }
    cudaError_t code =
        submit(stream, OP_COPY, nullptr, [=] { memmove(to, copy ? copy->data() : from, bytes); });
    if (!code && waits) {
        stream_finish(s);
    }
    return code;
}

/* Rows of a pitched copy, one after another. */
static cudaError_t copy_rows(char *to, size_t to_pitch, const char *from, size_t from_pitch,
                             size_t width, size_t rows, cudaMemcpyKind kind, cudaStream_t stream)
{
    for (size_t i = 0; i < rows; i++) {
        cudaError_t code =
            copy_async(to + i * to_pitch, from + i * from_pitch, width, kind, stream);
        if (code) {
            return code;
        }
    }
    return cudaSuccess;
}

static cudaError_t fill_async(void *p, int value, size_t bytes, cudaStream_t stream)
{
    if (bytes == 0) {
        return cudaSuccess;
    }
    device_check(p, bytes, "cudaMemset");
    return submit(stream, OP_FILL, nullptr, [=] { memset(p, value, bytes); });
}

static cudaError_t host_allocate(void **p, size_t bytes)
{
    cudaError_t code = device_ready();
    if (!code) {
        code = capture_forbids();
    }
    *p = nullptr;
    if (code || bytes == 0) {
        return code;
    }
    const char *most = getenv("CUSIM_PINNED");
    if (most && bytes > strtoull(most, nullptr, 10)) {
        return set_error(cudaErrorMemoryAllocation);
    }
    *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!*p) {
        return set_error(cudaErrorMemoryAllocation);
    }
    fill_nan(*p, bytes);
    pinned[static_cast<char *>(*p)] = bytes;
    return cudaSuccess;
}

static cudaError_t device_allocate(void **p, size_t bytes)
{
    *p = nullptr;
    if (bytes == 0) {
        return cudaSuccess;
    }
    if (bytes > device_bytes() || rounded(bytes) > device_bytes() - device_bytes_in_use()) {
        return set_error(cudaErrorMemoryAllocation);
    }
    *p = aligned_alloc(DEVICE_ALIGN, rounded(bytes));
    if (!*p) {
        return set_error(cudaErrorMemoryAllocation);
    }
    fill_nan(*p, rounded(bytes));
    on_device[static_cast<char *>(*p)] = {bytes, device_current()};
    asan_hide(*p, rounded(bytes));
    if (open_depth) {
        asan_show(*p, bytes);
    }
    return cudaSuccess;
}

static void device_release(void *p)
{
    auto it = on_device.find(static_cast<char *>(p));
    if (it == on_device.end()) {
        fatal("cudaFree: %p was not allocated, or was freed before", p);
    }
    asan_show(p, rounded(it->second.bytes));
    on_device.erase(it);
    free(p);
}

template <class T> static cudaError_t forget(std::map<char *, T> &ranges, void *p, const char *what)
{
    cudaError_t code = capture_forbids();
    if (code) {
        return code;
    }
    streams_finish();
    if (!ranges.erase(static_cast<char *>(p))) {
        fatal("%s: %p is not known, or was given before", what, p);
    }
    return cudaSuccess;
}
} // namespace cusim

using namespace cusim;

extern "C" {
size_t cusim_allocations(void)
{
    api_lock lock;
    return on_device.size() + pinned.size();
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    api_lock lock;
    cudaError_t code = device_ready();
    if (!code) {
        code = capture_forbids();
    }
    return code ? code : device_allocate(p, bytes);
}
/* Waits for all work, as on the GPU. */
cudaError_t cudaFree(void *p)
{
    api_lock lock;
    if (!p) {
        return cudaSuccess;
    }
    cudaError_t code = capture_forbids();
    if (!code) {
        streams_finish();
        device_release(p);
    }
    return code;
}
cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    api_lock lock;
    return host_allocate(p, bytes);
}
cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned)
{
    api_lock lock;
    return host_allocate(p, bytes);
}
cudaError_t cudaFreeHost(void *p)
{
    api_lock lock;
    if (!p) {
        return cudaSuccess;
    }
    cudaError_t code = forget(pinned, p, "cudaFreeHost");
    if (!code) {
        free(p);
    }
    return code;
}
cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned)
{
    api_lock lock;
    registered[static_cast<char *>(p)] = bytes;
    return device_ready();
}
cudaError_t cudaHostUnregister(void *p)
{
    api_lock lock;
    return forget(registered, p, "cudaHostUnregister");
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *p)
{
    api_lock lock;
    memory_kind kind = memory_kind_of(p);
    auto a = allocation_of(p);
    *attributes = {};
    attributes->type = kind == MEMORY_DEVICE   ? cudaMemoryTypeDevice
                       : kind == MEMORY_PINNED ? cudaMemoryTypeHost
                                               : cudaMemoryTypeUnregistered;
    attributes->device = a ? a->second.device : 0;
    attributes->devicePointer = kind == MEMORY_PAGEABLE ? nullptr : const_cast<void *>(p);
    attributes->hostPointer = kind == MEMORY_DEVICE ? nullptr : const_cast<void *>(p);
    return device_ready();
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    api_lock lock;
    cudaError_t code = device_ready();
    return code ? code : copy_async(to, from, bytes, kind, stream);
}
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t rows, cudaMemcpyKind kind, cudaStream_t stream)
{
    api_lock lock;
    cudaError_t code = device_ready();
    return code ? code
                : copy_rows(static_cast<char *>(to), to_pitch, static_cast<const char *>(from),
                            from_pitch, width, rows, kind, stream);
}
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    api_lock lock;
    cudaError_t code = device_ready();
    if (!code) {
        code = capture_forbids();
    }
    if (!code) {
        code = copy_async(to, from, bytes, kind, nullptr);
    }
    if (!code) {
        stream_finish(stream_of(nullptr));
    }
    return code;
}
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream)
{
    api_lock lock;
    cudaError_t code = device_ready();
    return code ? code : fill_async(p, value, bytes, stream);
}
cudaError_t cudaMemset(void *p, int value, size_t bytes)
{
    return cudaMemsetAsync(p, value, bytes, nullptr);
}
}
