/* cuda_usage.c - what a GPU has used (NVML's counter of energy, memory, graphs), and ranges on a
 * profiler's time line (NVTX, headers only; without them there are none). */
#include "cuda_host.h"
#include "cuda_libs.h"

#if defined(__has_include)
#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define HAS_NVTX 1
#endif
#endif

/* Joules since the driver was loaded; negative: the GPU does not count them.  Power is not sampled
 * in its place: what lies between samples would be a guess. */
static double energy_now(const cuda_host *h)
{
    const char *why;
    const cuda_nvml_api *nvml = cuda_nvml_find(&why);
    unsigned long long millijoules;

    if (!nvml || !h->nvml || nvml->nvmlDeviceGetTotalEnergyConsumption(h->nvml, &millijoules) != 0)
        return -1;
    return (double)millijoules * 1e-3;
}

void cuda_usage_start(cuda_state *s)
{
    cuda_host *h = s->host;
    const char *why;
    const cuda_nvml_api *nvml = cuda_nvml_find(&why);
    char bus[32];

    h->nvml = NULL;
    if (nvml && cudaDeviceGetPCIBusId(bus, sizeof bus, s->device) == cudaSuccess &&
        nvml->nvmlDeviceGetHandleByPciBusId_v2(bus, &h->nvml) != 0)
        h->nvml = NULL;
    (void)cudaGetLastError();
    h->energy_start = energy_now(h);
}

crm_status cuda_usage(void *state, crm_device_usage *out)
{
    cuda_state *s = state;
    const cuda_host *h = s->host;
    double now = energy_now(h);
    size_t free_bytes, total;

    out->energy = h->energy_start >= 0 && now >= h->energy_start ? now - h->energy_start : -1;
    out->bytes = h->bytes;
    out->peak_bytes = h->peak_bytes;
    out->graphs = h->captured;
    out->updates = h->updates;
    out->replays = h->replays;
    CUDA_TRY(cudaMemGetInfo(&free_bytes, &total));
    out->free_bytes = (int64_t)free_bytes;
    out->total_bytes = (int64_t)total;
    return CRM_OK;
}

void cuda_range_push(void *state, const char *name)
{
    (void)state;
#ifdef HAS_NVTX
    (void)nvtxRangePushA(name);
#else
    (void)name;
#endif
}

void cuda_range_pop(void *state)
{
    (void)state;
#ifdef HAS_NVTX
    (void)nvtxRangePop();
#endif
}
