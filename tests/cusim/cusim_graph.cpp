/* cusim_graph.cpp - fake libcudart: streams captured into graphs, and graphs run again.
 *
 * A graph is a list of operations in the order in which they were given, each with the operations
 * that it must follow. With CUSIM_STREAMS=lazy a graph runs in another order that the dependencies
 * allow: each operation just before it is needed. */
#include "cusim_runtime.h"

#include <cstdlib>
#include <cstring>
#include <thread>

namespace cusim
{
struct node {
    operation_kind kind;
    const void *what; /* the kernel, or the event of OP_EVENT and OP_WAIT */
    work run;
    std::vector<int> after;
};
struct capture {
    CUstream_st *origin;
    cudaStreamCaptureMode mode;
    std::thread::id thread;
    std::vector<node> nodes;
    std::vector<CUstream_st *> members;
    bool spoilt = false;
};
} // namespace cusim

struct CUgraph_st {
    std::vector<cusim::node> nodes;
    std::vector<int> lazy_order;
};
struct CUgraphExec_st {
    std::vector<cusim::node> nodes;
    std::vector<int> lazy_order;
    int device;
};

namespace cusim
{
static std::vector<std::shared_ptr<capture>> active;
static thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

bool is_capturing(const CUstream_st *s)
{
    return s->capture != nullptr;
}

static cudaError_t spoil(capture &c, cudaError_t code)
{
    c.spoilt = true;
    return set_error(code);
}

cudaError_t capture_spoil_all(cudaError_t code)
{
    for (auto &c : active) {
        c->spoilt = true;
    }
    return set_error(code);
}

/* The rules of cudaThreadExchangeStreamCaptureMode. */
static bool forbids(const capture &c)
{
    bool mine = c.thread == std::this_thread::get_id();
    if (thread_mode == cudaStreamCaptureModeRelaxed || c.mode == cudaStreamCaptureModeRelaxed) {
        return false;
    }
    return mine ||
           (c.mode == cudaStreamCaptureModeGlobal && thread_mode == cudaStreamCaptureModeGlobal);
}

cudaError_t capture_forbids()
{
    for (auto &c : active) {
        if (forbids(*c)) {
            return spoil(*c, cudaErrorStreamCaptureUnsupported);
        }
    }
    return cudaSuccess;
}

cudaError_t capture_forbids_stream(CUstream_st *s)
{
    if (is_capturing(s)) {
        return spoil(*s->capture, cudaErrorStreamCaptureUnsupported);
    }
    return s->legacy && legacy_is_barred() ? capture_spoil_all(cudaErrorStreamCaptureImplicit)
                                           : cudaSuccess;
}

cudaError_t capture_add(CUstream_st *s, operation_kind kind, const void *what, work run)
{
    capture &c = *s->capture;
    if (c.spoilt) {
        return set_error(cudaErrorStreamCaptureInvalidated);
    }
    c.nodes.push_back({kind, what, std::move(run), s->heads});
    s->heads = {static_cast<int>(c.nodes.size()) - 1};
    return cudaSuccess;
}

/* An external record is a node of the graph; any other only notes what the stream has come to. */
cudaError_t capture_record(CUstream_st *s, cudaEvent_t event, bool external)
{
    if (external) {
        return capture_add(s, OP_EVENT, event, [] {});
    }
    event->capture = s->capture;
    event->heads = s->heads;
    return s->capture->spoilt ? set_error(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}

static void join(CUstream_st *s, const std::shared_ptr<capture> &c, const std::vector<int> &heads)
{
    if (!s->capture) {
        s->capture = c;
        c->members.push_back(s);
        s->heads.clear();
    }
    for (int h : heads) {
        if (std::find(s->heads.begin(), s->heads.end(), h) == s->heads.end()) {
            s->heads.push_back(h);
        }
    }
}

cudaError_t capture_wait(CUstream_st *s, cudaEvent_t event, bool external)
{
    if (external) {
        return is_capturing(s) ? capture_add(s, OP_WAIT, event, [] {})
                               : set_error(cudaErrorIllegalState);
    }
    if (!event->capture) {
        return spoil(*s->capture, cudaErrorStreamCaptureIsolation);
    }
    bool live = std::find(active.begin(), active.end(), event->capture) != active.end();
    if (!live || s->legacy || (s->capture && s->capture != event->capture)) {
        return capture_spoil_all(s->legacy ? cudaErrorStreamCaptureImplicit
                                           : cudaErrorCapturedEvent);
    }
    join(s, event->capture, event->heads);
    return cudaSuccess;
}

/* Each node after those it follows, beginning with what the stream's end needs. */
static void visit(const std::vector<node> &nodes, int i, std::vector<bool> &seen,
                  std::vector<int> &order)
{
    if (seen[static_cast<size_t>(i)]) {
        return;
    }
    seen[static_cast<size_t>(i)] = true;
    for (int before : nodes[static_cast<size_t>(i)].after) {
        visit(nodes, before, seen, order);
    }
    order.push_back(i);
}

static std::vector<int> needed_by(const std::vector<node> &nodes, const std::vector<int> &ends)
{
    std::vector<bool> seen(nodes.size());
    std::vector<int> order;
    for (int end : ends) {
        visit(nodes, end, seen, order);
    }
    return order;
}

/* Whether captures are to fail at this place (CUSIM_CAPTURE). */
static bool fails_at(const char *place)
{
    const char *text = getenv("CUSIM_CAPTURE");
    return text && strcmp(text, place) == 0;
}

static cudaError_t begin(cudaStream_t handle, cudaStreamCaptureMode mode)
{
    if (fails_at("begin")) {
        return set_error(cudaErrorNotSupported);
    }
    CUstream_st *s = stream_of(handle);
    if (!s) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    if (s->legacy) {
        return set_error(cudaErrorStreamCaptureUnsupported);
    }
    if (is_capturing(s)) {
        return spoil(*s->capture, cudaErrorIllegalState);
    }
    auto c = std::make_shared<capture>();
    c->origin = s;
    c->mode = mode;
    c->thread = std::this_thread::get_id();
    c->spoilt = fails_at("calls");
    s->capture = c;
    s->heads.clear();
    c->members.push_back(s);
    active.push_back(c);
    return cudaSuccess;
}

static cudaError_t end(cudaStream_t handle, cudaGraph_t *graph)
{
    *graph = nullptr;
    CUstream_st *s = stream_of(handle);
    if (!s || !is_capturing(s)) {
        return set_error(s ? cudaErrorIllegalState : cudaErrorInvalidResourceHandle);
    }
    std::shared_ptr<capture> c = s->capture;
    if (c->origin != s) {
        return spoil(*c, cudaErrorStreamCaptureUnmatched);
    }
    if (c->mode != cudaStreamCaptureModeRelaxed && c->thread != std::this_thread::get_id()) {
        return spoil(*c, cudaErrorStreamCaptureWrongThread);
    }
    std::vector<int> order = needed_by(c->nodes, s->heads);
    for (CUstream_st *member : c->members) {
        member->capture.reset();
        member->heads.clear();
    }
    active.erase(std::find(active.begin(), active.end(), c));
    if (c->spoilt || fails_at("end")) {
        return set_error(cudaErrorStreamCaptureInvalidated);
    }
    if (order.size() != c->nodes.size()) {
        return set_error(cudaErrorStreamCaptureUnjoined);
    }
    *graph = new CUgraph_st{std::move(c->nodes), std::move(order)};
    return cudaSuccess;
}

/* ---- running ---- */
using graph_marks = std::vector<std::shared_ptr<mark>>;

static void run_node(const node &n, const std::shared_ptr<mark> &m)
{
    if (n.kind == OP_EVENT) {
        mark_pass(*m);
    } else if (n.kind == OP_WAIT) {
        if (m) {
            mark_reach(m);
        }
    } else {
        n.run();
    }
}

/* From the launch on, an external event stands for this launch. */
static graph_marks take_events(const std::vector<node> &nodes, CUstream_st *s)
{
    graph_marks marks(nodes.size());
    for (size_t i = 0; i < nodes.size(); i++) {
        CUevent_st *event = static_cast<CUevent_st *>(const_cast<void *>(nodes[i].what));
        if (nodes[i].kind == OP_WAIT) {
            marks[i] = event->last;
        } else if (nodes[i].kind == OP_EVENT) {
            marks[i] = std::make_shared<mark>();
            marks[i]->stream = s;
            event->capture.reset();
            event->last = marks[i];
        }
    }
    return marks;
}

static cudaError_t launch_graph(cudaGraphExec_t graph, cudaStream_t handle)
{
    CUstream_st *s = stream_of(handle);
    if (!graph || !s || graph->device != s->device) {
        return set_error(cudaErrorInvalidResourceHandle);
    }
    if (is_capturing(s)) { /* child graphs have no model */
        return spoil(*s->capture, cudaErrorStreamCaptureUnsupported);
    }
    graph_marks marks = take_events(graph->nodes, s);
    std::vector<node> nodes = graph->nodes; /* an update must not reach a launch under way */
    std::vector<int> order = graph->lazy_order;
    return submit(handle, OP_HOST, nullptr, [=] {
        for (size_t i = 0; i < nodes.size(); i++) {
            size_t k = streams_lazy() ? static_cast<size_t>(order[i]) : i;
            run_node(nodes[k], marks[k]);
        }
    });
}

static cudaError_t update(CUgraphExec_st &to, const CUgraph_st &from,
                          cudaGraphExecUpdateResultInfo *info)
{
    cudaGraphExecUpdateResult result = cudaGraphExecUpdateSuccess;
    if (to.nodes.size() != from.nodes.size()) {
        result = cudaGraphExecUpdateErrorTopologyChanged;
    }
    for (size_t i = 0; !result && i < to.nodes.size(); i++) {
        if (to.nodes[i].after != from.nodes[i].after) {
            result = cudaGraphExecUpdateErrorTopologyChanged;
        } else if (to.nodes[i].kind != from.nodes[i].kind) {
            result = cudaGraphExecUpdateErrorNodeTypeChanged;
        }
    }
    if (info) {
        *info = {};
        info->result = result;
    }
    if (result) {
        return set_error(cudaErrorGraphExecUpdateFailure);
    }
    to.nodes = from.nodes;
    to.lazy_order = from.lazy_order;
    return cudaSuccess;
}
} // namespace cusim

using namespace cusim;

extern "C" {
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    api_lock lock;
    return begin(stream, mode);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    api_lock lock;
    return end(stream, graph);
}
cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus *status)
{
    api_lock lock;
    CUstream_st *s = stream_of(handle);
    *status = !s || !is_capturing(s) ? cudaStreamCaptureStatusNone
              : s->capture->spoilt   ? cudaStreamCaptureStatusInvalidated
                                     : cudaStreamCaptureStatusActive;
    return set_error(s ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode)
{
    std::swap(*mode, thread_mode);
    return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
    if (nodes) {
        return set_error(cudaErrorNotSupported);
    }
    *count = graph->nodes.size();
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *graph, cudaGraph_t from, unsigned long long)
{
    api_lock lock;
    if (!from) {
        return set_error(cudaErrorInvalidValue);
    }
    if (fails_at("instantiate")) {
        return set_error(cudaErrorMemoryAllocation);
    }
    *graph = new CUgraphExec_st{from->nodes, from->lazy_order, device_current()};
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *graph, cudaGraph_t from,
                                          unsigned long long flags)
{
    return cudaGraphInstantiate(graph, from, flags);
}
cudaError_t cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t)
{
    return set_error(graph ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    api_lock lock;
    return launch_graph(graph, stream);
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t graph, cudaGraph_t from,
                                cudaGraphExecUpdateResultInfo *info)
{
    api_lock lock;
    return graph && from ? update(*graph, *from, info) : set_error(cudaErrorInvalidValue);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    api_lock lock;
    delete graph;
    return set_error(graph ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    api_lock lock;
    delete graph;
    return set_error(graph ? cudaSuccess : cudaErrorInvalidValue);
}
}
