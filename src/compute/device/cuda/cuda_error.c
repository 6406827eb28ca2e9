/* cuda_error.c - errors, log and memory of the module: those of the program, through the table that
 * it hands over.  Code of other rooms that is compiled into the module finds its names here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"

#include "cuda_host.h"

static const crm_plugin_host *program;

void cuda_error_host(const crm_plugin_host *host)
{
    program = host;
}

crm_status crm_err_raise(crm_status code, const char *file, int line, const char *func,
                         const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return program->raise(code, file, line, func, text);
}

crm_status crm_err_trace(crm_status code, const char *file, int line, const char *func,
                         const char *expr)
{
    return program->trace(code, file, line, func, expr);
}

void *crm_mem_new(size_t n, size_t size)
{
    return program->mem_new(n, size);
}

void *crm_mem_grow(void *old, size_t old_n, size_t n, size_t size)
{
    void *p = crm_mem_new(n, size);

    if (p && old) {
        memcpy(p, old, (old_n < n ? old_n : n) * size);
        crm_mem_free(old);
    }
    return p;
}

void crm_mem_free(void *p)
{
    program->mem_free(p);
}

void cuda_say(int level, const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    program->log(level, text);
}

static crm_status no_memory(const char *call)
{
    size_t free_bytes = 0, total = 0;

    (void)cudaMemGetInfo(&free_bytes, &total);
    (void)cudaGetLastError();
    CRM_FAIL(CRM_ERR_NOMEM,
             "out of GPU memory in %.120s, %.1f of %.1f MiB free: take smaller batches "
             "(train.lane_rows), gpu.resident: off, or fewer ranks per GPU",
             call, (double)free_bytes / 0x1p20, (double)total / 0x1p20);
}

crm_status cuda_check(cudaError_t e, const char *call)
{
    if (e == cudaSuccess) return CRM_OK;
    (void)cudaGetLastError(); /* the next launch is not to blame */
    if (e == cudaErrorMemoryAllocation) return no_memory(call);
    CRM_FAIL(CRM_ERR_DEVICE, "%.120s: %s (%s)", call, cudaGetErrorString(e), cudaGetErrorName(e));
}

crm_status cuda_launched(const char *kernel)
{
    return cuda_check(cudaGetLastError(), kernel);
}

crm_status cuda_grow(void **items, int64_t n, int64_t *cap, size_t size)
{
    int64_t more = *cap ? 2 * *cap : 16;
    void *p;

    if (n < *cap) return CRM_OK;
    p = crm_mem_grow(*items, (size_t)n, (size_t)more, size);
    CRM_CHECK(p != NULL, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes", (long long)more, size);
    *items = p;
    *cap = more;
    return CRM_OK;
}
