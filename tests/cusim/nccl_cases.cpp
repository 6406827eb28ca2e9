/* nccl_cases.cpp - tests of the twin of NCCL, run on several ranks by test_nccl.sh; rank 0 prints
 * TAP lines. */
#include <mpi.h>
#include <nccl.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cuda_gpu.h"
#include "cusim_library.h"

static int failures, world_rank, world_size;
static void *library;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "# rank %d, %s:%d: %s\n", world_rank, __FILE__, __LINE__, #condition); \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)
#define FIND(name) auto name = reinterpret_cast<decltype(&::name)>(cusim_symbol(library, #name))
#define DONE(call) CHECK(static_cast<int>(call) == 0)

enum { N = 5 };

static void report(const char *name)
{
    int all = 0;
    MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (world_rank == 0) {
        printf("%s - %s\n", all ? "not ok" : "ok", name);
    }
    failures = all ? failures : 0;
}

/* A communicator of `size` ranks, this one `rank`; the id comes from rank 0 of comm. */
static ncclComm_t comm_begin(MPI_Comm comm, bool blocking, ncclResult_t want)
{
    FIND(ncclGetUniqueId);
    FIND(ncclCommInitRankConfig);
    FIND(ncclCommGetAsyncError);
    ncclUniqueId id;
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (rank == 0) {
        DONE(ncclGetUniqueId(&id));
    }
    MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, comm);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = blocking;
    ncclComm_t c = nullptr;
    ncclResult_t got = ncclCommInitRankConfig(&c, size, id, rank, &config);
    int asked = 0;
    while (got == ncclInProgress) {
        DONE(ncclCommGetAsyncError(c, &got));
        asked++;
    }
    CHECK(got == want && (blocking || asked >= 3));
    return c;
}

/* Operations were given to a non-blocking communicator: asks until they are on the stream. */
static void settle(ncclComm_t c, ncclResult_t state)
{
    FIND(ncclCommGetAsyncError);
    while (state == ncclInProgress) {
        DONE(ncclCommGetAsyncError(c, &state));
    }
    DONE(state);
}

static void exchange(MPI_Comm comm, bool blocking)
{
    FIND(ncclGroupStart);
    FIND(ncclGroupEnd);
    FIND(ncclSend);
    FIND(ncclRecv);
    FIND(ncclAllGather);
    FIND(ncclAllReduce);
    FIND(ncclCommDestroy);
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    ncclComm_t c = comm_begin(comm, blocking, ncclSuccess);
    std::vector<float> mine(N, static_cast<float>(rank + 1)), got(static_cast<size_t>(N * size));
    float *send, *receive, *sum;
    cudaStream_t stream;
    DONE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    DONE(cudaMalloc(&send, N * sizeof(float)));
    DONE(cudaMalloc(&receive, N * sizeof(float) * static_cast<size_t>(size)));
    DONE(cudaMalloc(&sum, N * sizeof(float)));
    DONE(cudaMemcpyAsync(send, mine.data(), N * sizeof(float), cudaMemcpyHostToDevice, stream));
    DONE(ncclGroupStart());
    for (int r = 0; r < size; r++) {
        DONE(ncclSend(send, N, ncclFloat, r, c, stream));
        DONE(ncclRecv(receive + r * N, N, ncclFloat, r, c, stream));
    }
    ncclResult_t state = ncclGroupEnd();
    CHECK(state == (blocking ? ncclSuccess : ncclInProgress));
    if (!blocking) { /* not ready yet */
        CHECK(ncclAllReduce(send, sum, N, ncclFloat, ncclSum, c, stream) == ncclInvalidArgument);
    }
    settle(c, state);
    for (int gather = 0; gather < 2; gather++) {
        if (gather) {
            DONE(
                cudaMemsetAsync(receive, 0, N * sizeof(float) * static_cast<size_t>(size), stream));
            settle(c, ncclAllGather(send, receive, N, ncclFloat, c, stream));
        }
        DONE(cudaMemcpyAsync(got.data(), receive, got.size() * sizeof(float),
                             cudaMemcpyDeviceToHost, stream));
        DONE(cudaStreamSynchronize(stream));
        for (int i = 0; i < N * size; i++) {
            CHECK(got[static_cast<size_t>(i)] == static_cast<float>(i / N + 1));
        }
    }
    settle(c, ncclAllReduce(send, sum, N, ncclFloat, ncclSum, c, stream));
    DONE(cudaMemcpyAsync(mine.data(), sum, N * sizeof(float), cudaMemcpyDeviceToHost, stream));
    DONE(cudaStreamSynchronize(stream));
    CHECK(mine[0] == static_cast<float>(size * (size + 1) / 2) && mine[N - 1] == mine[0]);
    DONE(ncclCommDestroy(c));
    for (float *p : {send, receive, sum}) {
        DONE(cudaFree(p));
    }
    DONE(cudaStreamDestroy(stream));
}

/* Only some ranks take part, and their order is another than that of MPI. */
static void subset()
{
    MPI_Comm part;
    bool in = world_size == 1 || world_rank != 0;
    MPI_Comm_split(MPI_COMM_WORLD, in ? 0 : MPI_UNDEFINED, -world_rank, &part);
    if (in) {
        exchange(part, false);
        MPI_Comm_free(&part);
    }
    report("a subset of the ranks in another order");
}

static void same_device()
{
    FIND(ncclCommAbort);
    FIND(ncclGetLastError);
    cudaSetDevice(0);
    ncclComm_t c =
        comm_begin(MPI_COMM_WORLD, false, world_size > 1 ? ncclInvalidUsage : ncclSuccess);
    if (world_size > 1) {
        CHECK(strstr(ncclGetLastError(c), "Duplicate GPU") != nullptr);
    }
    DONE(ncclCommAbort(c));
    report("two ranks on one device are refused");
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    library = cusim_library("libnccl.so.2");
    if (!library) {
        fprintf(stderr, "# there is no libcusim_nccl.so\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    cudaSetDevice(world_rank);
    exchange(MPI_COMM_WORLD, true);
    report("messages, gather and sum, blocking");
    exchange(MPI_COMM_WORLD, false);
    report("messages, gather and sum, not blocking");
    subset();
    same_device();
    MPI_Finalize();
    return failures != 0;
}
