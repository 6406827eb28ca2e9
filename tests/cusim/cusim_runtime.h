/* cusim_runtime.h - inside the shim: what the fake run-time library and the twins of the other
 * libraries share. */
#ifndef CUSIM_RUNTIME_H
#define CUSIM_RUNTIME_H

#include <functional>
#include <memory>
#include <mutex>

#include "cusim_sanitizers.h"

namespace cusim
{
/* Taken by every function of the fake libraries, so that host threads may call them at the same
 * time. */
struct api_lock {
    std::lock_guard<std::recursive_mutex> held;
    api_lock();
};

/* cusim_device.cpp: devices and errors */
cudaError_t
set_error(cudaError_t code); /* remembers a failure for cudaGetLastError; returns the code */
cudaError_t device_ready();  /* cudaErrorNoDevice where there is none */
int device_current();
int device_of_node(int device); /* its number among those of the node, which CUSIM_FIRST shifts */
size_t device_bytes();
int dynamic_shared_limit(const void *kernel);

/* cusim_memory.cpp */
enum memory_kind { MEMORY_PAGEABLE, MEMORY_PINNED, MEMORY_DEVICE };
memory_kind memory_kind_of(const void *p);
void device_check(const void *p, size_t bytes, const char *what);
size_t device_bytes_in_use();
/* While one of these lives, the host's code may touch device memory: kernels and copies run under
 * it. */
struct device_open {
    device_open();
    ~device_open();
};

/* cusim_stream.cpp: work in order of a stream */
enum operation_kind { OP_KERNEL, OP_COPY, OP_FILL, OP_HOST, OP_LIBRARY, OP_EVENT, OP_WAIT };
using work = std::function<void()>;
/* Runs the work now, appends it to the stream, or records it in the graph that the stream captures.
 * what = the kernel's address, or null. */
cudaError_t submit(cudaStream_t stream, operation_kind kind, const void *what, work run);
bool streams_lazy();
void streams_finish();
CUstream_st *stream_of(cudaStream_t handle); /* null when there is no such stream */
void stream_finish(CUstream_st *stream);
/* A blocking stream captures: then the legacy stream, which waits for it, may not be used. */
bool legacy_is_barred();

/* A point in a stream that has been passed or not. */
struct mark {
    bool passed = false;
    CUstream_st *stream = nullptr;
    double seconds = 0;
};
void mark_pass(mark &m);
void mark_reach(const std::shared_ptr<mark> &m); /* runs what comes before it */

/* cusim_graph.cpp: capture. The functions return success or the error of the call, which spoils the
 * capture. */
struct capture;
bool is_capturing(const CUstream_st *stream);
cudaError_t capture_forbids(); /* a call that the capture of some stream forbids */
cudaError_t capture_forbids_stream(CUstream_st *stream); /* a call that waits for this stream */
cudaError_t capture_spoil_all(cudaError_t code);
cudaError_t capture_add(CUstream_st *stream, operation_kind kind, const void *what, work run);
cudaError_t capture_record(CUstream_st *stream, cudaEvent_t event, bool external);
cudaError_t capture_wait(CUstream_st *stream, cudaEvent_t event, bool external);
} // namespace cusim

/* The opaque types of the run-time library. */
struct CUstream_st {
    int device = 0;
    unsigned flags = 0;
    std::vector<cusim::work> queue;
    size_t next = 0; /* the first of queue that has not run */
    bool legacy = false;
    std::shared_ptr<cusim::capture> capture;
    std::vector<int> heads; /* nodes of the capture that the next one depends on */
};
struct CUevent_st {
    int device = 0;
    unsigned flags = 0;
    std::shared_ptr<cusim::mark> last;       /* null before the first record */
    std::shared_ptr<cusim::capture> capture; /* of the last record, where it was captured */
    std::vector<int> heads;                  /* of the stream at that record */
};

#endif
