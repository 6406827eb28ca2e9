/* shim_graphs.cu - tests of the shim: capture of streams, graphs run again and updated, what a
 * capture forbids. */
#include "shim_testing.h"

enum { N = 32 };

static CRM_KERNEL k_axpy(float a, const float *x, float *y)
{
    y[threadIdx.x] += a * x[threadIdx.x];
}

namespace
{
struct fixture {
    cudaStream_t stream, side;
    cudaEvent_t fork, join;
    float *pinned;
    device_array<float> x, y;
    fixture() : x(std::vector<float>(N, 1.0f)), y(std::vector<float>(N, 0.0f))
    {
        FINE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        FINE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
        FINE(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
        FINE(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
        FINE(cudaMallocHost(&pinned, N * sizeof(float)));
        FINE(cudaDeviceSynchronize());
    }
    ~fixture()
    {
        FINE(cudaFreeHost(pinned));
        FINE(cudaEventDestroy(join));
        FINE(cudaEventDestroy(fork));
        FINE(cudaStreamDestroy(side));
        FINE(cudaStreamDestroy(stream));
    }
    void axpy(cudaStream_t s, float a)
    {
        CRM_LAUNCH(k_axpy, 1, N, 0, s, a, x.p, y.p);
    }
    void begin()
    {
        FINE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    }
    cudaGraph_t end()
    {
        cudaGraph_t g = nullptr;
        FINE(cudaStreamEndCapture(stream, &g));
        return g;
    }
    float value()
    {
        FINE(cudaStreamSynchronize(stream));
        return y.get()[N - 1];
    }
};
} // namespace

static void graphs_run_again()
{
    fixture f;
    f.pinned[0] = 1;
    std::fill(f.pinned, f.pinned + N, 1.0f);
    f.begin();
    FINE(cudaMemcpyAsync(f.x.p, f.pinned, N * sizeof(float), cudaMemcpyHostToDevice, f.stream));
    f.axpy(f.stream, 2);
    FINE(cudaMemsetAsync(f.x.p, 0, N * sizeof(float), f.stream));
    cudaStreamCaptureStatus status;
    FINE(cudaStreamIsCapturing(f.stream, &status));
    CHECK(status == cudaStreamCaptureStatusActive);
    cudaGraph_t graph = f.end();
    cudaGraphExec_t exec;
    size_t nodes = 0;
    FINE(cudaGraphGetNodes(graph, nullptr, &nodes));
    CHECK(nodes == 3);
    FINE(cudaGraphInstantiate(&exec, graph, 0));
    FINE(cudaGraphDestroy(graph));
    CHECK(f.value() == 0); /* a capture runs nothing */
    for (int i = 0; i < 3; i++) {
        FINE(cudaGraphLaunch(exec, f.stream));
    }
    CHECK(f.value() == 6);
    std::fill(f.pinned, f.pinned + N, 10.0f); /* pinned memory is read by each run */
    FINE(cudaGraphLaunch(exec, f.stream));
    CHECK(f.value() == 26);
    FINE(cudaGraphExecDestroy(exec));
}

static cudaGraph_t captured(fixture &f, float a, int kernels)
{
    f.begin();
    for (int i = 0; i < kernels; i++) {
        f.axpy(f.stream, a);
    }
    return f.end();
}
static void graphs_are_updated()
{
    fixture f;
    cudaGraph_t first = captured(f, 1, 2), same = captured(f, 5, 2), longer = captured(f, 1, 3);
    cudaGraphExec_t exec;
    cudaGraphExecUpdateResultInfo info;
    FINE(cudaGraphInstantiate(&exec, first, 0));
    FINE(cudaGraphLaunch(exec, f.stream));
    FINE(cudaGraphExecUpdate(exec, same, &info)); /* the launch under way is not changed */
    CHECK(f.value() == 2);
    FINE(cudaGraphLaunch(exec, f.stream));
    CHECK(f.value() == 12);
    CHECK(cudaGraphExecUpdate(exec, longer, &info) == cudaErrorGraphExecUpdateFailure);
    CHECK(info.result == cudaGraphExecUpdateErrorTopologyChanged);
    cudaGetLastError();
    FINE(cudaGraphLaunch(exec, f.stream));
    CHECK(f.value() == 22);
    FINE(cudaGraphDestroy(first));
    FINE(cudaGraphDestroy(same));
    FINE(cudaGraphDestroy(longer));
    FINE(cudaGraphExecDestroy(exec));
}

/* y = 1, then on the side x = 3, then y += x where the streams have joined. */
static void streams_fork_and_join()
{
    fixture f;
    std::fill(f.pinned, f.pinned + N, 3.0f);
    f.begin();
    f.axpy(f.stream, 1);
    FINE(cudaEventRecord(f.fork, f.stream));
    FINE(cudaStreamWaitEvent(f.side, f.fork, 0));
    FINE(cudaMemcpyAsync(f.x.p, f.pinned, N * sizeof(float), cudaMemcpyHostToDevice, f.side));
    FINE(cudaEventRecord(f.join, f.side));
    FINE(cudaStreamWaitEvent(f.stream, f.join, 0));
    f.axpy(f.stream, 1);
    cudaGraph_t graph = f.end();
    cudaGraphExec_t exec;
    FINE(cudaGraphInstantiate(&exec, graph, 0));
    FINE(cudaGraphLaunch(exec, f.stream));
    CHECK(f.value() == 4);
    FINE(cudaGraphDestroy(graph));
    FINE(cudaGraphExecDestroy(exec));
}

static void unjoined_streams_fail()
{
    fixture f;
    f.begin();
    f.axpy(f.stream, 1);
    FINE(cudaEventRecord(f.fork, f.stream));
    FINE(cudaStreamWaitEvent(f.side, f.fork, 0));
    f.axpy(f.side, 1);
    cudaGraph_t graph;
    CHECK(cudaStreamEndCapture(f.stream, &graph) == cudaErrorStreamCaptureUnjoined && !graph);
    cudaGetLastError();
    f.axpy(f.side, 1); /* no longer captured */
    FINE(cudaStreamSynchronize(f.side));
    CHECK(f.value() == 1);
}

/* An event that the graph records, for the host and for other streams. */
static void external_events()
{
    fixture f;
    f.begin();
    f.axpy(f.stream, 1);
    FINE(cudaEventRecordWithFlags(f.join, f.stream, cudaEventRecordExternal));
    f.axpy(f.stream, 1);
    cudaGraph_t graph = f.end();
    cudaGraphExec_t exec;
    FINE(cudaGraphInstantiate(&exec, graph, 0));
    for (int i = 1; i <= 2; i++) {
        FINE(cudaGraphLaunch(exec, f.stream));
        FINE(cudaStreamWaitEvent(f.side, f.join, 0));
        FINE(cudaMemcpyAsync(f.pinned, f.y.p, N * sizeof(float), cudaMemcpyDeviceToHost, f.side));
        FINE(cudaStreamSynchronize(f.side));
        CHECK(f.pinned[0] == static_cast<float>(2 * i - 1) ||
              f.pinned[0] == static_cast<float>(2 * i));
        FINE(cudaEventSynchronize(f.join));
    }
    CHECK(f.value() == 4);
    FINE(cudaGraphDestroy(graph));
    FINE(cudaGraphExecDestroy(exec));
}

/* Each of these is refused and spoils the capture. */
static void what_a_capture_forbids()
{
    fixture f;
    static float pageable[N];
    for (int i = 0; i < 6; i++) {
        cudaGraph_t graph;
        void *p = nullptr;
        cudaStreamCaptureStatus status;
        f.begin();
        cudaError_t got =
            i == 0   ? cudaStreamSynchronize(f.stream)
            : i == 1 ? cudaMalloc(&p, 16)
            : i == 2 ? cudaDeviceSynchronize()
            : i == 3 ? cudaMemcpy(pageable, f.y.p, 4, cudaMemcpyDeviceToHost)
            : i == 4 ? cudaMemcpyAsync(f.x.p, pageable, 4, cudaMemcpyHostToDevice, f.stream)
                     : cudaStreamQuery(f.stream);
        CHECK(got == cudaErrorStreamCaptureUnsupported);
        FINE(cudaStreamIsCapturing(f.stream, &status));
        CHECK(status == cudaStreamCaptureStatusInvalidated);
        CHECK(cudaStreamEndCapture(f.stream, &graph) == cudaErrorStreamCaptureInvalidated &&
              !graph);
        cudaGetLastError();
    }
    f.axpy(f.stream, 1);
    CHECK(f.value() == 1);
}

static void events_of_a_capture()
{
    fixture f;
    cudaGraph_t graph;
    FINE(cudaEventRecord(f.join, f.side));
    f.begin();
    CHECK(cudaStreamWaitEvent(f.stream, f.join, 0) == cudaErrorStreamCaptureIsolation);
    CHECK(cudaStreamEndCapture(f.stream, &graph) == cudaErrorStreamCaptureInvalidated);
    f.begin();
    FINE(cudaEventRecord(f.fork, f.stream));
    CHECK(cudaEventQuery(f.fork) == cudaErrorCapturedEvent);
    CHECK(cudaStreamEndCapture(f.stream, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(cudaStreamBeginCapture(cudaStreamLegacy, cudaStreamCaptureModeGlobal) ==
          cudaErrorStreamCaptureUnsupported);
    cudaGetLastError();
}

/* In the relaxed mode memory may be allocated. */
static void relaxed_capture()
{
    fixture f;
    cudaGraph_t graph;
    void *p = nullptr;
    FINE(cudaStreamBeginCapture(f.stream, cudaStreamCaptureModeRelaxed));
    FINE(cudaMalloc(&p, 16));
    FINE(cudaStreamEndCapture(f.stream, &graph));
    FINE(cudaFree(p));
    FINE(cudaGraphDestroy(graph));
}

const shim_case graph_cases[] = {
    {"a graph runs again and again", graphs_run_again},
    {"a graph is updated when its form is the same", graphs_are_updated},
    {"streams fork and join in a capture", streams_fork_and_join},
    {"a stream that did not join again", unjoined_streams_fail},
    {"events recorded by a graph", external_events},
    {"what a capture forbids", what_a_capture_forbids},
    {"events in and out of a capture", events_of_a_capture},
    {"a relaxed capture", relaxed_capture},
    {nullptr, nullptr}};
