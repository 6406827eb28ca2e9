/* cusim_stream.cpp - fake libcudart: streams and events.
 *
 * CUSIM_STREAMS=sync (default): work runs when it is given. CUSIM_STREAMS=lazy: work runs only when
 * something waits for it, as late as CUDA allows, so that a wait that was forgotten shows as data
 * that are not there. */
#include "cusim_runtime.h"

#include <chrono>
#include <cstdlib>

namespace cusim
{
enum { MAX_DEVICES = 16 };

static CUstream_st legacy_streams[MAX_DEVICES];
static std::vector<CUstream_st *> created;

bool streams_lazy()
{
    static const bool lazy = [] {
        const char *text = getenv("CUSIM_STREAMS");
        if (text && strcmp(text, "lazy") && strcmp(text, "sync")) {
            fatal("CUSIM_STREAMS=%s is neither sync nor lazy", text);
        }
        return text && !strcmp(text, "lazy");
    }();
    return lazy;
}

static CUstream_st *legacy_stream()
{
    CUstream_st *s = &legacy_streams[device_current()];
    s->device = device_current();
    s->legacy = true;
    return s;
}

CUstream_st *stream_of(cudaStream_t handle)
{
    if (!handle || handle == cudaStreamLegacy || handle == cudaStreamPerThread) {
        return legacy_stream();
    }
    bool known = std::find(created.begin(), created.end(), handle) != created.end();
    return known ? handle : nullptr;
}

static bool blocking(const CUstream_st *s)
{
    return !s->legacy && !(s->flags & cudaStreamNonBlocking);
}

bool legacy_is_barred()
{
    return std::any_of(created.begin(), created.end(),
                       [](const CUstream_st *s) { return blocking(s) && is_capturing(s); });
}

/* ---- queues ---- */
static bool idle(const CUstream_st *s)
{
    return s->next == s->queue.size();
}

static void run_one(CUstream_st *s)
{
    work w =
        std::move(s->queue[s->next++]); /* first out of the queue: it may itself run the queue */
    if (idle(s)) {
        s->queue.clear();
        s->next = 0;
    }
    w();
}

void stream_finish(CUstream_st *s)
{
    while (!idle(s)) {
        run_one(s);
    }
}

/* The stream made last first: the other order than that in which most programs give work. */
void streams_finish()
{
    for (size_t i = created.size(); i > 0; i--) {
        stream_finish(created[i - 1]);
    }
    for (CUstream_st &s : legacy_streams) {
        stream_finish(&s);
    }
}

void mark_pass(mark &m)
{
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    m.seconds = std::chrono::duration<double>(now).count();
    m.passed = true;
}

void mark_reach(const std::shared_ptr<mark> &m)
{
    while (!m->passed && !idle(m->stream)) {
        run_one(m->stream);
    }
    if (!m->passed) {
        fatal("an event was waited for that nothing records");
    }
}

static void append(CUstream_st *s, work run)
{
    if (streams_lazy()) {
        s->queue.push_back(std::move(run));
    } else {
        run();
    }
}

static std::shared_ptr<mark> mark_here(CUstream_st *s)
{
    auto m = std::make_shared<mark>();
    m->stream = s;
    append(s, [m] { mark_pass(*m); });
    return m;
}

static void wait_for(CUstream_st *s, const std::shared_ptr<mark> &m)
{
    if (!m->passed && m->stream != s) {
        append(s, [m] { mark_reach(m); });
    }
}

/* The legacy stream and the blocking ones wait for each other. */
static void legacy_order(CUstream_st *s)
{
    if (s->legacy) {
        for (CUstream_st *other : created) {
            if (blocking(other) && other->device == s->device && !idle(other)) {
                wait_for(s, mark_here(other));
            }
        }
    } else if (blocking(s) && !idle(legacy_stream())) {
        wait_for(s, mark_here(legacy_stream()));
    }
}

static work with_device_memory(operation_kind kind, work run)
{
    if (kind == OP_HOST) {
        return run;
    }
    return [run] {
        device_open memory;
        run();
    };
}

cudaError_t submit(cudaStream_t handle, operation_kind kind, const void *what, work run)
{
    CUstream_st *s = stream_of(handle);
    bool elsewhere = s && kind == OP_KERNEL && s->device != device_current();
    if (!s || elsewhere) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    if (s->legacy && legacy_is_barred()) {
        return capture_spoil_all(cudaErrorStreamCaptureImplicit);
    }
    work wrapped = with_device_memory(kind, std::move(run));
    if (is_capturing(s)) {
        return capture_add(s, kind, what, std::move(wrapped));
    }
    legacy_order(s);
    append(s, std::move(wrapped));
    return cudaSuccess;
}

static cudaError_t stream_new(cudaStream_t *stream, unsigned flags)
{
    cudaError_t code = device_ready();
    if (!code) {
        *stream = new CUstream_st();
        (*stream)->flags = flags;
        (*stream)->device = device_current();
        created.push_back(*stream);
    }
    return code;
}

/* ---- events ---- */
static cudaError_t event_record(cudaEvent_t event, cudaStream_t handle, unsigned flags)
{
    CUstream_st *s = stream_of(handle);
    if (!s || !event || event->device != s->device) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    bool external = flags & cudaEventRecordExternal;
    if (is_capturing(s)) {
        return capture_record(s, event, external);
    }
    if (external) { /* only in a capture */
        return set_error(cudaErrorIllegalState);
    }
    if (s->legacy && legacy_is_barred()) {
        return capture_spoil_all(cudaErrorStreamCaptureImplicit);
    }
    legacy_order(s);
    event->capture.reset();
    event->last = mark_here(s);
    return cudaSuccess;
}

static cudaError_t stream_wait(cudaStream_t handle, cudaEvent_t event, unsigned flags)
{
    CUstream_st *s = stream_of(handle);
    if (!s || !event) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    if (is_capturing(s) || event->capture) {
        return capture_wait(s, event, flags & cudaEventWaitExternal);
    }
    if (event->last) {
        wait_for(s, event->last);
    }
    return cudaSuccess;
}

/* What a call that asks for the state of an event must refuse. */
static cudaError_t event_readable(cudaEvent_t event)
{
    if (!event) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    return event->capture ? capture_spoil_all(cudaErrorCapturedEvent) : capture_forbids();
}
} // namespace cusim

using namespace cusim;

extern "C" {
cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    api_lock lock;
    return stream_new(stream, 0);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    api_lock lock;
    return stream_new(stream, flags);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int)
{
    api_lock lock;
    return stream_new(stream, flags);
}
/* On the GPU the work is still done; here it is done first. */
cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    api_lock lock;
    auto it = std::find(created.begin(), created.end(), stream);
    if (it == created.end()) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    if (is_capturing(stream)) {
        return capture_spoil_all(cudaErrorStreamCaptureUnsupported);
    }
    stream_finish(stream);
    created.erase(it);
    delete stream;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle)
{
    api_lock lock;
    CUstream_st *s = stream_of(handle);
    if (!s) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    cudaError_t code = capture_forbids_stream(s);
    if (!code) {
        legacy_order(s);
        stream_finish(s);
    }
    return code;
}
/* Each question does one piece of the work, so that a loop of questions ends. */
cudaError_t cudaStreamQuery(cudaStream_t handle)
{
    api_lock lock;
    CUstream_st *s = stream_of(handle);
    if (!s) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    cudaError_t code = capture_forbids_stream(s);
    if (code || idle(s)) {
        return code;
    }
    run_one(s);
    return cudaErrorNotReady;
}
cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned *flags)
{
    api_lock lock;
    CUstream_st *s = stream_of(handle);
    *flags = s ? s->flags : 0;
    return set_error(s ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data)
{
    api_lock lock;
    return submit(stream, OP_HOST, nullptr, [=] { function(data); });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    api_lock lock;
    return stream_wait(stream, event, flags);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    api_lock lock;
    cudaError_t code = device_ready();
    if (!code) {
        *event = new CUevent_st();
        (*event)->flags = flags;
        (*event)->device = device_current();
    }
    return code;
}
cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, 0);
}
cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    api_lock lock;
    delete event;
    return set_error(event ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    api_lock lock;
    return event_record(event, stream, 0);
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    api_lock lock;
    return event_record(event, stream, flags);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    api_lock lock;
    cudaError_t code = event_readable(event);
    if (!code && event->last) {
        mark_reach(event->last);
    }
    return code;
}
cudaError_t cudaEventQuery(cudaEvent_t event)
{
    api_lock lock;
    cudaError_t code = event_readable(event);
    if (code || !event->last || event->last->passed) {
        return code;
    }
    run_one(event->last->stream);
    return cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to)
{
    api_lock lock;
    cudaError_t code = event_readable(from);
    if (!code) {
        code = event_readable(to);
    }
    if (code) {
        return code;
    }
    if (!from->last || !to->last || ((from->flags | to->flags) & cudaEventDisableTiming)) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    if (!from->last->passed || !to->last->passed) {
        return cudaErrorNotReady;
    }
    *milliseconds = static_cast<float>((to->last->seconds - from->last->seconds) * 1e3);
    return cudaSuccess;
}
}
