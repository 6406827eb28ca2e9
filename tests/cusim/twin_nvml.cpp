/* twin_nvml.cpp - NVML's few calls: name, memory, energy, driver, links. The toolkit has no nvml.h:
 * prototypes of our own with NVML's binary interface; results are 0 for success. */
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cusim_runtime.h"
#include "cusim_twin.h"

namespace cusim
{
enum nvml_result {
    NVML_SUCCESS = 0,
    NVML_INVALID_ARGUMENT = 2,
    NVML_NOT_FOUND = 6,
    NVML_INSUFFICIENT_SIZE = 7
};
enum { NVML_LINKS = 18, MILLIWATTS = 100000 };
struct nvml_memory {
    unsigned long long total, free, used;
};
/* A handle is a number from 1, the device and one. */
static int device_of(void *handle)
{
    return static_cast<int>(reinterpret_cast<intptr_t>(handle)) - 1;
}

static nvml_result copy_text(char *to, unsigned size, const char *text)
{
    return snprintf(to, size, "%s", text) < static_cast<int>(size) ? NVML_SUCCESS
                                                                   : NVML_INSUFFICIENT_SIZE;
}

static int devices()
{
    int n = 0;
    return cudaGetDeviceCount(&n) ? 0 : n;
}
} // namespace cusim

using namespace cusim;

extern "C" {
int nvmlInit_v2(void)
{
    return NVML_SUCCESS;
}
int nvmlShutdown(void)
{
    return NVML_SUCCESS;
}
const char *nvmlErrorString(int result)
{
    return result ? "failed" : "success";
}
int nvmlSystemGetDriverVersion(char *version, unsigned size)
{
    return copy_text(version, size, "580.00");
}
int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = static_cast<unsigned>(devices());
    return NVML_SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle)
{
    *handle = reinterpret_cast<void *>(static_cast<uintptr_t>(index) + 1);
    return static_cast<int>(index) < devices() ? NVML_SUCCESS : NVML_INVALID_ARGUMENT;
}
/* "0000:01:00.0", with 4 or 8 digits before the first colon */
int nvmlDeviceGetHandleByPciBusId_v2(const char *text, void **handle)
{
    const char *colon = strchr(text, ':');
    long bus = colon ? strtol(colon + 1, nullptr, 16) : 0;
    long device = bus - 1 - device_of_node(0);
    if (device < 0 || device >= devices()) {
        return NVML_NOT_FOUND;
    }
    return nvmlDeviceGetHandleByIndex_v2(static_cast<unsigned>(device), handle);
}
int nvmlDeviceGetName(void *handle, char *name, unsigned size)
{
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, device_of(handle))) {
        return NVML_INVALID_ARGUMENT;
    }
    return copy_text(name, size, properties.name);
}
int nvmlDeviceGetMemoryInfo(void *, nvml_memory *memory)
{
    size_t free_bytes, total;
    cudaMemGetInfo(&free_bytes, &total);
    *memory = {total, free_bytes, total - free_bytes};
    return NVML_SUCCESS;
}
/* In mJ since the driver was loaded: a steady 100 W. */
int nvmlDeviceGetTotalEnergyConsumption(void *, unsigned long long *energy)
{
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    double seconds = std::chrono::duration<double>(now).count();
    *energy = static_cast<unsigned long long>(seconds * MILLIWATTS);
    return NVML_SUCCESS;
}
/* CUSIM_NVLINKS links of each device are up (default 0). */
int nvmlDeviceGetNvLinkState(void *, unsigned link, int *active)
{
    const char *text = getenv("CUSIM_NVLINKS");
    *active = link < (text ? strtoul(text, nullptr, 10) : 0);
    return link < NVML_LINKS ? NVML_SUCCESS : NVML_INVALID_ARGUMENT;
}
}

namespace cusim
{
extern const twin_symbol twin_nvml[] = {CUSIM_TWIN(nvmlInit_v2),
                                        CUSIM_TWIN(nvmlShutdown),
                                        CUSIM_TWIN(nvmlErrorString),
                                        CUSIM_TWIN(nvmlSystemGetDriverVersion),
                                        CUSIM_TWIN(nvmlDeviceGetCount_v2),
                                        CUSIM_TWIN(nvmlDeviceGetHandleByIndex_v2),
                                        CUSIM_TWIN(nvmlDeviceGetHandleByPciBusId_v2),
                                        CUSIM_TWIN(nvmlDeviceGetName),
                                        CUSIM_TWIN(nvmlDeviceGetMemoryInfo),
                                        CUSIM_TWIN(nvmlDeviceGetTotalEnergyConsumption),
                                        CUSIM_TWIN(nvmlDeviceGetNvLinkState),
                                        {nullptr, nullptr}};
} // namespace cusim
