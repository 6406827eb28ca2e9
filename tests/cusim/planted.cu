/* planted.cu - kernels with planted bugs, to show that the shim finds them: PLANT=<name> makes the
 * kernel of that name wrong, without it all are right. Prints "wrong: <name>" for each result that
 * is not the expected one; the exit code is then 1. test_planted.sh says which build must find
 * which bug. */
#include "cuda_mma.h"

#include "cuda_bag.cu"

static const char *planted = "";
static int failures;

static bool bug(const char *name)
{
    return !strcmp(planted, name);
}

static void expect(const char *name, bool right)
{
    if (!right) {
        printf("wrong: %s\n", name);
        failures++;
    }
}

enum { N = 64 };

static float *device_floats(int n)
{
    float *p = nullptr;
    if (cudaMalloc(&p, static_cast<size_t>(n) * sizeof(float))) {
        abort();
    }
    cudaMemset(p, 0, static_cast<size_t>(n) * sizeof(float));
    return p;
}

/* 0, 1, 2, ... */
static float *device_ramp(int n)
{
    float host[4 * N], *p = device_floats(n);
    for (int i = 0; i < n; i++) {
        host[i] = static_cast<float>(i);
    }
    cudaMemcpy(p, host, static_cast<size_t>(n) * sizeof(float), cudaMemcpyHostToDevice);
    return p;
}

/* Copies back, frees and compares with want(i). */
template <class F> static void check(const char *name, float *p, int n, F want)
{
    float host[4 * N];
    cudaMemcpy(host, p, static_cast<size_t>(n) * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(p);
    bool right = true;
    for (int i = 0; i < n; i++) {
        right = right && host[i] == want(i);
    }
    expect(name, right);
}

/* ---- barrier: a sum in shared memory ---- */
static CRM_KERNEL k_sum(bool missing, const float *x, float *out)
{
    CRM_SHARED(float, s, [N]);
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    for (unsigned half = N / 2; half; half /= 2) {
        if (threadIdx.x < half) {
            s[threadIdx.x] += s[threadIdx.x + half];
        }
        if (!missing) {
            __syncthreads();
        }
    }
    if (threadIdx.x == 0) {
        out[0] = s[0];
    }
}
static void case_barrier()
{
    float *x = device_ramp(N), *out = device_floats(1);
    CRM_LAUNCH(k_sum, 1, N, 0, 0, bug("barrier"), x, out);
    check("barrier", out, 1, [](int) { return static_cast<float>(N * (N - 1) / 2); });
    cudaFree(x);
}

/* ---- read_past, write_past: one element after the end of device memory ---- */
static CRM_KERNEL k_shift(int read_to, int write_to, const float *x, float *y)
{
    int i = static_cast<int>(threadIdx.x);
    if (i < read_to && i < write_to) {
        y[i] = x[i] + 1;
    }
}
static void case_past()
{
    int past = bug("read_past") || bug("write_past");
    float *x = device_ramp(N - bug("read_past")), *y = device_floats(N - bug("write_past"));
    CRM_LAUNCH(k_shift, 1, N, 0, 0, N, N, x, y);
    check("past", y, N - past, [](int i) { return static_cast<float>(i + 1); });
    cudaFree(x);
}

/* ---- shared_past: one after the end of dynamic shared memory ---- */
static CRM_KERNEL k_shared(int step, float *y)
{
    CRM_DYN_SHARED(float, s);
    unsigned last = N - 1;
    s[threadIdx.x] = static_cast<float>(threadIdx.x);
    __syncthreads();
    if (threadIdx.x == last) {
        s[static_cast<int>(threadIdx.x) + step] = static_cast<float>(last);
    }
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}
static void case_shared_past()
{
    float *y = device_floats(N);
    CRM_LAUNCH(k_shared, 1, N, N * sizeof(float), 0, bug("shared_past") ? 1 : 0, y);
    check("shared_past", y, N, [](int i) { return static_cast<float>(i); });
}

/* ---- lost_add: += by all threads of all blocks ---- */
static CRM_KERNEL k_count(bool lost, int *count)
{
    if (lost) {
        *count += 1;
    } else {
        atomicAdd(count, 1);
    }
}
static void case_lost_add()
{
    int *count, host = -1;
    cudaMalloc(&count, sizeof *count);
    cudaMemset(count, 0, sizeof *count);
    CRM_LAUNCH(k_count, 2, 32, 0, 0, bug("lost_add"), count);
    cudaMemcpy(&host, count, sizeof host, cudaMemcpyDeviceToHost);
    cudaFree(count);
    expect("lost_add", host == 64);
}

/* ---- block_race: blocks write the same place ---- */
static CRM_KERNEL k_blocks(bool race, float *y)
{
    if (threadIdx.x == 0) {
        y[race ? 0 : blockIdx.x] = static_cast<float>(race ? 0 : blockIdx.x);
    }
}
static void case_block_race()
{
    float *y = device_floats(4);
    CRM_LAUNCH(k_blocks, 4, 32, 0, 0, bug("block_race"), y);
    check("block_race", y, bug("block_race") ? 1 : 4, [](int i) { return static_cast<float>(i); });
}

/* ---- divergent: half of the threads at another barrier ---- */
static CRM_KERNEL k_divergent(bool divergent, float *y)
{
    if (divergent && threadIdx.x < N / 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    y[threadIdx.x] = 1;
}
static CRM_KERNEL k_together(float *y)
{
    __syncthreads();
    y[threadIdx.x] = 1;
}
static void case_divergent()
{
    float *y = device_floats(N);
    if (bug("divergent")) {
        CRM_LAUNCH(k_divergent, 1, N, 0, 0, true, y);
    } else {
        CRM_LAUNCH(k_together, 1, N, 0, 0, y);
    }
    check("divergent", y, N, [](int) { return 1.0f; });
}

/* ---- syncwarp: lanes read what others of the warp wrote ---- */
static CRM_KERNEL k_neighbours(bool missing, const float *x, float *y)
{
    CRM_SHARED(float, s, [N]);
    s[threadIdx.x] = x[threadIdx.x];
    if (!missing) {
        __syncwarp();
    }
    y[threadIdx.x] = s[threadIdx.x ^ 1];
}
static void case_syncwarp()
{
    float *x = device_ramp(N), *y = device_floats(N);
    CRM_LAUNCH(k_neighbours, 1, N, 0, 0, bug("syncwarp"), x, y);
    check("syncwarp", y, N, [](int i) { return static_cast<float>(i ^ 1); });
    cudaFree(x);
}

/* ---- mask: a shuffle by 20 lanes that names 32 ---- */
static CRM_KERNEL k_part(unsigned mask, float *y)
{
    int lane = static_cast<int>(threadIdx.x);
    if (lane < 20) {
        float other = __shfl_xor_sync(mask, static_cast<float>(lane), 1);
        y[lane] = other;
    }
}
static void case_mask()
{
    float *y = device_floats(20);
    CRM_LAUNCH(k_part, 1, 32, 0, 0, bug("mask") ? 0xffffffffu : 0x000fffffu, y);
    check("mask", y, 20, [](int i) { return static_cast<float>(i ^ 1); });
}

/* ---- unwritten: one element of shared memory that nobody sets ---- */
static CRM_KERNEL k_unwritten(int skip, float *y)
{
    CRM_SHARED(float, s, [N]);
    if (static_cast<int>(threadIdx.x) != skip) {
        s[threadIdx.x] = 2;
    }
    __syncthreads();
    y[threadIdx.x] = s[N - 1 - threadIdx.x];
}
static void case_unwritten()
{
    float *y = device_floats(N);
    CRM_LAUNCH(k_unwritten, 1, N, 0, 0, bug("unwritten") ? 7 : -1, y);
    check("unwritten", y, N, [](int) { return 2.0f; });
}

/* ---- copy_wait: cp.async without its wait ---- */
static CRM_KERNEL k_copy(bool missing, const float *x, float *y)
{
    CRM_SHARED(float, s, [N]);
    if (threadIdx.x < N / 4) {
        crm_cp_async16(&s[4 * threadIdx.x], &x[4 * threadIdx.x]);
        crm_cp_commit();
        if (!missing) {
            crm_cp_wait<0>();
        }
    }
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
    crm_cp_wait<0>();
}
static void case_copy_wait()
{
    float *x = device_ramp(N), *y = device_floats(N);
    CRM_LAUNCH(k_copy, 1, N, 0, 0, bug("copy_wait"), x, y);
    check("copy_wait", y, N, [](int i) { return static_cast<float>(i); });
    cudaFree(x);
}

/* ---- stream_wait, stream_sync: two streams, a wait that is missing ---- */
static CRM_KERNEL k_double(const float *x, float *y)
{
    y[threadIdx.x] = 2 * x[threadIdx.x];
}
static void case_streams()
{
    cudaStream_t first, second;
    cudaEvent_t ready;
    float *host, *x = device_floats(N), *y = device_floats(N);
    cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&ready, cudaEventDisableTiming);
    cudaMallocHost(&host, N * sizeof(float));
    cudaDeviceSynchronize();
    for (int i = 0; i < N; i++) {
        host[i] = static_cast<float>(i);
    }
    cudaMemcpyAsync(x, host, N * sizeof(float), cudaMemcpyHostToDevice, first);
    cudaEventRecord(ready, first);
    if (!bug("stream_wait")) {
        cudaStreamWaitEvent(second, ready, 0);
    }
    CRM_LAUNCH(k_double, 1, N, 0, second, x, y);
    float *result;
    cudaMallocHost(&result, N * sizeof(float));
    cudaMemcpyAsync(result, y, N * sizeof(float), cudaMemcpyDeviceToHost, second);
    if (!bug("stream_sync")) {
        cudaStreamSynchronize(second);
    }
    bool right = true;
    for (int i = 0; i < N; i++) {
        right = right && result[i] == 2 * static_cast<float>(i);
    }
    expect("streams", right);
    cudaEventDestroy(ready);
    cudaStreamDestroy(first);
    cudaStreamDestroy(second);
    cudaFreeHost(host);
    cudaFreeHost(result);
    cudaFree(x);
    cudaFree(y);
}

/* ---- host_read: the host follows a device pointer ---- */
static void case_host_read()
{
    float *x = device_ramp(N), host = 0;
    if (bug("host_read")) {
        host = x[3];
    } else {
        cudaMemcpy(&host, x + 3, sizeof host, cudaMemcpyDeviceToHost);
    }
    cudaFree(x);
    expect("host_read", host == 3);
}

/* ---- bag_past, bag_race: the kernel of an op with wrong arguments, offsets past the entries and
 * rows of the result at one place ---- */
static void case_bag()
{
    const int64_t first[] = {0, 2, 2, 5, bug("bag_past") ? 9 : 8};
    const int32_t id[] = {3, 0, 2, 2, -1, 1, 3, 0};
    int64_t *d_first;
    int32_t *d_id;
    bag_rows p = {};
    if (cudaMalloc(&d_first, sizeof first) || cudaMalloc(&d_id, sizeof id)) {
        abort();
    }
    cudaMemcpy(d_first, first, sizeof first, cudaMemcpyHostToDevice);
    cudaMemcpy(d_id, id, sizeof id, cudaMemcpyHostToDevice);
    float *value = device_ramp(8), *table = device_ramp(4), *y = device_floats(4);
    p.n = p.v = 4;
    p.k = p.ldt = 1;
    p.ldy = bug("bag_race") ? 0 : 1;
    p.factor = 1;
    p.first = d_first;
    p.id = d_id;
    p.value = value;
    p.table = table;
    p.y = y;
    CRM_LAUNCH(k_bag<1>, 2, BAG_THREADS, 0, 0, p);
    static const float want[] = {0, 0, 10, 23}; /* 0 3 + 1 0, none, 2 2 + 3 2, 5 1 + 6 3 + 7 0 */
    check("bag", y, 4, [](int i) { return want[i]; });
    cudaFree(d_first);
    cudaFree(d_id);
    cudaFree(value);
    cudaFree(table);
}

int main()
{
    const char *name = getenv("PLANT");
    planted = name ? name : "";
    case_barrier();
    case_past();
    case_shared_past();
    case_lost_add();
    case_block_race();
    case_divergent();
    case_syncwarp();
    case_mask();
    case_unwritten();
    case_copy_wait();
    case_streams();
    case_host_read();
    case_bag();
    printf("%d failures\n", failures);
    return failures != 0;
}
