/* cpu_path.c - which instruction set the CPU kernels use. */
#include "cpu_impl.h"

#include <stdlib.h>
#include <string.h>

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static bool has_portable(void)
{
    return true;
}

/* Best first. */
static const struct {
    crm_cpu_path path;
    const crm_cpu_kernels *kernels;
    bool (*runs)(void);
    const char *features;
} paths[] = {
    {CRM_CPU_AVX512, &crm_cpu_avx512, has_avx512, "avx2 fma avx512f avx512dq avx512bw avx512vl"},
    {CRM_CPU_AVX2, &crm_cpu_avx2, has_avx2, "avx2 fma"},
    {CRM_CPU_PORTABLE, &crm_cpu_portable, has_portable, "sse2"},
};
enum { PATHS = sizeof paths / sizeof *paths };

const char *crm_cpu_features(void)
{
    int i = 0;

    while (!paths[i].runs())
        i++;
    return paths[i].features;
}

/* CRM_CPU names a path instead of the best one; unset or empty: CRM_CPU_BEST stays. */
static crm_status from_environment(crm_cpu_path *path)
{
    const char *name = getenv("CRM_CPU");

    if (!name || !*name) return CRM_OK;
    for (int i = 0; i < PATHS; i++)
        if (strcmp(name, paths[i].kernels->name) == 0) {
            *path = paths[i].path;
            return CRM_OK;
        }
    CRM_FAIL(CRM_ERR_CONFIG, "environment variable CRM_CPU=%s: avx512, avx2 or portable is needed",
             name);
}

crm_status crm_cpu_choose(crm_cpu_path path, const crm_cpu_kernels **out)
{
    *out = NULL;
    if (path == CRM_CPU_BEST) CRM_TRY(from_environment(&path));
    for (int i = 0; i < PATHS; i++) {
        if (path != CRM_CPU_BEST && path != paths[i].path) continue;
        if (paths[i].runs()) {
            *out = paths[i].kernels;
            return CRM_OK;
        }
        CRM_CHECK(path == CRM_CPU_BEST, CRM_ERR_DEVICE,
                  "this CPU does not have what the %s kernels need: it has %s",
                  paths[i].kernels->name, crm_cpu_features());
    }
    CRM_FAIL(CRM_ERR_ARG, "CPU path %d, there are %d", (int)path, (int)CRM_CPU_AVX512 + 1);
}
