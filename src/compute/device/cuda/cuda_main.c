/* cuda_main.c - crmpi_cuda.so, the module through which the program uses NVIDIA GPUs: what fits,
 * opening a GPU, what was found. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"

#include "cuda_dnn.h"
#include "cuda_host.h"
#include "cuda_libs.h"

/* Machine code that was built, "sm_80 sm_90". */
#ifndef CRM_CUDA_BUILT
#define CRM_CUDA_BUILT "sm_80 sm_90"
#endif

enum {
    TOOLKIT = CUDART_VERSION / 1000,
    TOOLKIT_MINOR = CUDART_VERSION % 1000 / 10,
    CAPABILITY_LEAST = 80, /* of the tensor cores and asynchronous copies in use */
    LINKS_MAX = 18
};

/* Driver's CUDA version as 1000 major + 10 minor; 0: no driver. */
static int driver_version(void)
{
    int v = 0;

    if (cudaDriverGetVersion(&v) != cudaSuccess) v = 0;
    (void)cudaGetLastError();
    return v;
}

int cuda_capability(int device)
{
    int major = 0, minor = 0;

    if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess)
        major = minor = 0;
    (void)cudaGetLastError();
    return 10 * major + minor;
}

/* ---- which GPUs ---- */

static crm_status check_driver(void)
{
    int v = driver_version();

    CRM_CHECK(v > 0, CRM_ERR_DEVICE,
              "this node has no NVIDIA driver (libcuda.so.1): run on a node with a GPU");
    CRM_CHECK(v / 1000 >= TOOLKIT, CRM_ERR_DEVICE,
              "the NVIDIA driver of this node supports CUDA %d.%d, this module was built with CUDA "
              "%d.%d: update the driver, or build the module with a toolkit of CUDA %d",
              v / 1000, v % 1000 / 10, (int)TOOLKIT, (int)TOOLKIT_MINOR, v / 1000);
    return CRM_OK;
}

static crm_status check_capabilities(int n)
{
    int best = 0;

    for (int i = 0; i < n; i++)
        if (cuda_capability(i) > best) best = cuda_capability(i);
    CRM_CHECK(best >= CAPABILITY_LEAST, CRM_ERR_DEVICE,
              "the GPUs of this node have compute capability %d.%d at most, at least %d.%d is "
              "needed",
              best / 10, best % 10, CAPABILITY_LEAST / 10, CAPABILITY_LEAST % 10);
    return CRM_OK;
}

crm_status cuda_count(int *n)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    cudaError_t e;

    *n = 0;
    CRM_TRY(check_driver());
    e = cudaGetDeviceCount(n);
    if (e != cudaSuccess) {
        (void)cudaGetLastError();
        *n = 0;
    }
    CRM_CHECK(e == cudaSuccess || e == cudaErrorNoDevice, CRM_ERR_DEVICE,
              "the GPUs of this node cannot be counted: %s", cudaGetErrorString(e));
    CRM_CHECK(*n > 0, CRM_ERR_DEVICE, "this process sees no GPU (CUDA_VISIBLE_DEVICES is %s%s%s)",
              visible ? "\"" : "", visible ? visible : "not set", visible ? "\"" : "");
    return check_capabilities(*n);
}

/* ---- what a GPU says of itself ---- */

/* Behind what out holds; what does not fit is cut. */
static void add(char *out, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(char *out, size_t cap, const char *format, ...)
{
    size_t n = strlen(out);
    va_list ap;

    va_start(ap, format);
    vsnprintf(out + n, cap - n, format, ap);
    va_end(ap);
}

/* "GPU-5a1c...", as nvidia-smi writes it; where the driver tells no UUID the address on the bus. */
static void say_id(const struct cudaDeviceProp *p, int device, char id[CRM_DEVICE_ID_MAX])
{
    static const char none[sizeof p->uuid.bytes];

    if (memcmp(p->uuid.bytes, none, sizeof none) == 0) {
        if (cudaDeviceGetPCIBusId(id, CRM_DEVICE_ID_MAX, device) != cudaSuccess) id[0] = '\0';
        (void)cudaGetLastError();
        return;
    }
    snprintf(id, CRM_DEVICE_ID_MAX, "GPU");
    for (size_t i = 0; i < sizeof none; i++)
        add(id, CRM_DEVICE_ID_MAX,
            i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
            (unsigned)(unsigned char)p->uuid.bytes[i]);
}

static void say_products(char *out, size_t cap)
{
    const char *way = getenv("CRM_CUDA_GEMM"), *why;
    const cuda_lt_api *lt = way && strcmp(way, "own") == 0 ? NULL : cuda_lt_find(&why);
    size_t v = lt ? lt->cublasLtGetVersion() : 0;

    if (lt)
        add(out, cap, ", products by cuBLASLt %zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
    else
        add(out, cap, ", own products");
}

static void say_convolutions(const crm_device_cfg *cfg, char *out, size_t cap)
{
#ifdef CUDA_HAS_CUDNN
    const char *why;
    const cuda_dnn_api *dnn = cfg->cudnn == CRM_GPU_ON ? cuda_dnn_find(&why) : NULL;
    size_t v = dnn ? dnn->cudnnGetVersion() : 0;

    if (dnn)
        add(out, cap, ", convolutions by cuDNN %zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
    else
#endif
        add(out, cap, ", own convolutions");
    (void)cfg;
}

/* cuBLASLt chooses by the number of multiprocessors, which MPS and MIG may lower. */
static void say(const cuda_state *s, const struct cudaDeviceProp *p, crm_device_words *w)
{
    enum { CAP = CRM_DEVICE_ARITHMETIC_MAX };

    snprintf(w->name, sizeof w->name, "cuda:%d %.48s", s->device, p->name);
    say_id(p, s->device, w->id);
    snprintf(w->arithmetic, CAP, "%s, %d multiprocessors, CUDA %d.%d", p->name,
             p->multiProcessorCount, (int)TOOLKIT, (int)TOOLKIT_MINOR);
    say_products(w->arithmetic, CAP);
    say_convolutions(&s->cfg, w->arithmetic, CAP);
}

/* ---- opening ---- */

/* Without machine code for it a GPU would fail at the first operation. */
static crm_status check_code(cuda_state *s)
{
    cudaError_t e = cuda_noop(s->stream);
    int capability = cuda_capability(s->device);

    if (e == cudaSuccess) e = cudaStreamSynchronize(s->stream);
    (void)cudaGetLastError();
    CRM_CHECK(e != cudaErrorNoKernelImageForDevice && e != cudaErrorInvalidDeviceFunction &&
                  e != cudaErrorUnsupportedPtxVersion,
              CRM_ERR_DEVICE,
              "GPU %d has compute capability %d.%d, this module was built for %s: build it with "
              "-DCRM_CUDA_ARCHS=%d",
              s->device, capability / 10, capability % 10, CRM_CUDA_BUILT, capability);
    CRM_CHECK(e == cudaSuccess, CRM_ERR_DEVICE, "GPU %d does not work: %s", s->device,
              cudaGetErrorString(e));
    return CRM_OK;
}

static crm_status start(cuda_state *s, crm_device_words *words)
{
    struct cudaDeviceProp p;
    bool cudnn;

    CUDA_TRY(cudaSetDevice(s->device));
    CRM_TRY(cuda_host_new(s));
    CRM_TRY(check_code(s));
    CUDA_TRY(cudaGetDeviceProperties(&p, s->device));
    CRM_TRY(cuda_dnn_there(s, &cudnn));
    say(s, &p, words);
    cuda_usage_start(s);
    return CRM_OK;
}

static crm_status open_device(const crm_device_cfg *cfg, int device, const crm_device_ops **ops,
                              void **state, crm_device_words *words)
{
    cuda_state *s;
    crm_status st;

    *state = NULL;
    CRM_NEW(s, 1);
    s->cfg = *cfg;
    s->device = device;
    st = start(s, words);
    if (st) {
        cuda_host_free(s);
        crm_mem_free(s);
        return st;
    }
    *ops = cuda_table(cfg);
    *state = s;
    return CRM_OK;
}

/* ---- crmpi info ---- */

/* NVLinks of a GPU that are up; -1: not known. */
static int links_up(int device)
{
    const char *why;
    const cuda_nvml_api *nvml = cuda_nvml_find(&why);
    char bus[32];
    void *gpu;
    int active, up = 0;

    if (!nvml || cudaDeviceGetPCIBusId(bus, sizeof bus, device) != cudaSuccess ||
        nvml->nvmlDeviceGetHandleByPciBusId_v2(bus, &gpu) != 0)
        return -1;
    for (unsigned link = 0; link < LINKS_MAX; link++)
        if (nvml->nvmlDeviceGetNvLinkState(gpu, link, &active) == 0) up += active != 0;
    return up;
}

static void found_driver(char *out, size_t cap)
{
    const char *why;
    const cuda_nvml_api *nvml = cuda_nvml_find(&why);
    char version[96] = "?";
    int v = driver_version(), runtime = 0;

    if (nvml) (void)nvml->nvmlSystemGetDriverVersion(version, sizeof version);
    if (v)
        add(out, cap, "%-10s %s (CUDA %d.%d)\n", "driver", version, v / 1000, v % 1000 / 10);
    else
        add(out, cap, "%-10s none: libcuda.so.1 was not found\n", "driver");
    (void)cudaRuntimeGetVersion(&runtime);
    add(out, cap, "%-10s CUDA %d.%d\n", "runtime", runtime / 1000, runtime % 1000 / 10);
}

static void found_device(int device, char *out, size_t cap)
{
    struct cudaDeviceProp p;
    int links = links_up(device);

    if (cudaGetDeviceProperties(&p, device) != cudaSuccess) return;
    add(out, cap, "%-10s %d: %s, sm_%d%d, %.1f GiB", "GPU", device, p.name, p.major, p.minor,
        (double)p.totalGlobalMem / 0x1p30);
    if (links >= 0) add(out, cap, ", %d NVLinks up", links);
    add(out, cap, "\n");
}

static void found(const crm_device_cfg *cfg, char *out, size_t cap)
{
    int n = 0;

    (void)cfg;
    if (cap == 0) return;
    out[0] = '\0';
    found_driver(out, cap);
    if (cudaGetDeviceCount(&n) != cudaSuccess) n = 0;
    (void)cudaGetLastError();
    for (int i = 0; i < n; i++)
        found_device(i, out, cap);
    if (n == 0) add(out, cap, "%-10s none\n", "GPU");
    (void)cudaGetLastError();
    cuda_libs_found(out, cap);
}

/* ---- the one symbol of the module ---- */

__attribute__((visibility("default"))) const crm_plugin *
crm_plugin_open(const crm_plugin_host *host);
const crm_plugin *crm_plugin_open(const crm_plugin_host *host)
{
    static char built[128];
    static const crm_plugin plugin = {.abi = CRM_DEVICE_ABI,
                                      .built = built,
                                      .count = cuda_count,
                                      .open = open_device,
                                      .found = found};

    snprintf(built, sizeof built, "CUDA %d.%d, %s", (int)TOOLKIT, (int)TOOLKIT_MINOR,
             CRM_CUDA_BUILT);
    if (host->abi == CRM_DEVICE_ABI) cuda_error_host(host);
    return &plugin;
}
