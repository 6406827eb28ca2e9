/* cmd_info.c - what was built in and found; what is wrong and how to mend it. */
#include <string.h>
#include <unistd.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/comm_device.h"
#include "crmpi/device.h"
#include "crmpi/store.h"

typedef struct place {
    char host[64], device[64]; /* device: "" for the CPU */
    int64_t cores, memory, node_ranks;
} place;

static place here(const app *a)
{
    place p = {.cores = sysconf(_SC_NPROCESSORS_ONLN), .node_ranks = crm_comm_node_size(a->world)};

    crm_comm_host(p.host, sizeof p.host);
    if (a->device) snprintf(p.device, sizeof p.device, "%s", crm_device_name(a->device));
    p.memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    return p;
}

static void print_build(void)
{
#ifdef __clang__
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    printf("crmpi      %s\n", CRM_VERSION);
    printf("compiler   %s\n", compiler);
    printf("MPI        %s\n", crm_comm_library());
    printf("HDF5       %s\n", crm_store_library());
    printf("CPU        %s\n", crm_cpu_features());
}

/* Why something is not there is a line of its own; only memory that is out is an error. */
static crm_status print_why(crm_status st, const char *head)
{
    if (st == CRM_ERR_NOMEM) return st;
    printf("%s%s\n", head, crm_err_text());
    crm_err_clear();
    return CRM_OK;
}

static crm_status print_cpu(void)
{
    crm_device *d;
    crm_status st = crm_device_cpu(CRM_CPU_BEST, &d);

    if (st) return print_why(st, "device     none: ");
    printf("device     %s\n", crm_device_name(d));
    crm_device_free(&d);
    return CRM_OK;
}

/* What there is of CUDA on the node of rank 0, a line each. */
static crm_status print_gpu(const app *a)
{
    char *text;
    crm_status st = crm_device_found(&a->gpu, &text);

    if (st) return print_why(st, "cuda       ");
    fputs(text, stdout);
    crm_mem_free(text);
    return CRM_OK;
}

/* What each rank has opened. */
static void print_devices(const app *a, const place *all, const char *transport)
{
    for (int r = 0; r < crm_comm_size(a->world); r++)
        if (all[r].device[0])
            printf("rank %-5d computes on %s of node %s\n", r, all[r].device, all[r].host);
    printf("transport  %s\n", transport);
}

static void print_ranks(const app *a, const place *all)
{
    int size = crm_comm_size(a->world);

    printf("ranks      %d\n", size);
    for (int r = 0; r < size; r++) {
        if (r > 0 && strcmp(all[r].host, all[r - 1].host) == 0) continue;
        printf("node       %s: %lld ranks, %lld cores, %.1f GiB\n", all[r].host,
               (long long)all[r].node_ranks, (long long)all[r].cores,
               (double)all[r].memory / (1 << 30));
        if (all[r].node_ranks * crm_pool_size(a->pool) > all[r].cores)
            printf("warning    %s has %lld ranks x %d threads on %lld cores: start fewer ranks or "
                   "lower train.threads\n",
                   all[r].host, (long long)all[r].node_ranks, crm_pool_size(a->pool),
                   (long long)all[r].cores);
    }
}

/* What often goes wrong, each with the way to mend it. */
static void print_advice(void)
{
    int64_t free_bytes;

    if (!strstr(crm_cpu_features(), "fma"))
        printf("warning    no AVX2 + FMA: training falls back to slow portable code; results are "
               "the same\n");
    if (crm_path_free_bytes(".", &free_bytes) == CRM_OK && free_bytes < (int64_t)1 << 30)
        printf("warning    %.1f MB are free in this folder; a million customers need about 2 GB\n",
               (double)free_bytes / 1e6);
    crm_err_clear();
}

/* A GPU is opened when it is asked for, or may be there; device: auto goes on without. */
static crm_status open_device(app *a)
{
    int64_t wanted =
        a->gpu.kind == CRM_DEVICE_CUDA || (a->gpu.kind == CRM_DEVICE_AUTO && crm_device_expected());

    CRM_TRY(crm_comm_max_i64(a->world, &wanted, 1));
    return wanted ? app_device_open(a) : CRM_OK;
}

static crm_status print_all(app *a, const place *all, const char *transport)
{
    print_build();
    CRM_TRY(print_cpu());
    CRM_TRY(print_gpu(a));
    print_ranks(a, all);
    print_devices(a, all, transport);
    print_advice();
    return CRM_OK;
}

static crm_status print_info(app *a)
{
    char transport[CRM_DSUM_WHY_MAX];
    place mine = here(a);
    void *all;
    size_t total;
    crm_status st = CRM_OK;

    CRM_TRY(crm_dsum_explain(a->world, a->device, a->gpu.transport, transport));
    CRM_TRY(crm_comm_gather(a->world, 0, &mine, sizeof mine, &all, &total, NULL));
    if (app_is_root(a)) st = print_all(a, all, transport);
    crm_mem_free(all);
    return crm_comm_agree(a->world, st);
}

/* What there is, also when it is not what device: asks for; that is the error then. */
crm_status cmd_info(app *a)
{
    crm_status st = open_device(a);
    char why[CRM_ERR_TEXT_MAX];

    snprintf(why, sizeof why, "%s", crm_err_text());
    crm_err_clear();
    CRM_TRY(print_info(a));
    if (st) CRM_FAIL(st, "%s", why);
    return CRM_OK;
}
