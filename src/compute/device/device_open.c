/* device_open.c - the device of a rank: the CPU, or a GPU through the module crmpi_cuda.so, which
 * is loaded only when a GPU is wanted, so that the program runs where CUDA is not. */
#include "device_impl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

#include "device_plugin.h"

#define MODULE "crmpi_cuda.so"
#define NAMED  "CRM_CUDA_PLUGIN"

/* ---- what the module calls of the program ---- */

static crm_status host_raise(crm_status code, const char *file, int line, const char *func,
                             const char *text)
{
    return crm_err_raise(code, file, line, func, "%s", text);
}

static void host_log(int level, const char *text)
{
    crm_log_line((crm_log_level)level, "device", "%s", text);
}

static const crm_plugin_host host = {.abi = CRM_DEVICE_ABI,
                                     .raise = host_raise,
                                     .trace = crm_err_trace,
                                     .log = host_log,
                                     .mem_new = crm_mem_new,
                                     .mem_free = crm_mem_free};

/* ---- the module ---- */

/* The file that the environment names; NULL: none. */
static const char *named_module(void)
{
    const char *path = getenv(NAMED);

    return path && path[0] ? path : NULL;
}

static crm_status program_folder(char out[CRM_PATH_MAX])
{
    char exe[CRM_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    CRM_CHECK(n > 0, CRM_ERR_DEVICE,
              "the folder of this program is not known; name the module " MODULE
              " in the environment variable " NAMED);
    exe[n] = '\0';
    return crm_path_dir(exe, out, CRM_PATH_MAX);
}

/* The file beside the program, or in the library folder of its prefix. */
static crm_status find_module(char out[CRM_PATH_MAX])
{
    static const char *const places[] = {MODULE, "../lib/crmpi/" MODULE};
    char folder[CRM_PATH_MAX];

    CRM_TRY(program_folder(folder));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        CRM_TRY(crm_path_join(folder, places[i], out, CRM_PATH_MAX));
        if (crm_path_is_file(out)) return CRM_OK;
    }
    CRM_FAIL(CRM_ERR_DEVICE,
             "the module " MODULE " is neither in %s nor in %s/../lib/crmpi; build it with "
             "-DCRM_CUDA=on, or name it in the environment variable " NAMED,
             folder, folder);
}

/* dlopen takes a name without a slash for one to be searched. */
static crm_status whole_path(const char *path, char out[CRM_PATH_MAX])
{
    char *real = realpath(path, NULL);
    size_t n = real ? strlen(real) : 0;

    if (real && n < CRM_PATH_MAX) memcpy(out, real, n + 1);
    free(real);
    CRM_CHECK(n > 0 && n < CRM_PATH_MAX, CRM_ERR_DEVICE,
              NAMED " names %s, which is not there; unset it, or name the module " MODULE, path);
    return CRM_OK;
}

static crm_status module_path(char out[CRM_PATH_MAX])
{
    const char *named = named_module();

    return named ? whole_path(named, out) : find_module(out);
}

/* The module is never unloaded: CUDA leaves threads and handlers of its own in the process. */
static crm_status load_module(const char *path, const crm_plugin **out)
{
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), *found;
    crm_plugin_open_fn open;

    CRM_CHECK(lib != NULL, CRM_ERR_DEVICE, "the module %s cannot be loaded: %s", path, dlerror());
    found = dlsym(lib, CRM_PLUGIN_SYMBOL);
    CRM_CHECK(found != NULL, CRM_ERR_DEVICE,
              "%s is not a module of crmpi: it has no function " CRM_PLUGIN_SYMBOL, path);
    memcpy(&open, &found, sizeof open);
    *out = open(&host);
    CRM_CHECK(*out && (*out)->abi == CRM_DEVICE_ABI, CRM_ERR_DEVICE,
              "the module %s has ABI %d, this program has %d: build both from the same source",
              path, *out ? (*out)->abi : -1, (int)CRM_DEVICE_ABI);
    return CRM_OK;
}

static crm_status find_plugin(char path[CRM_PATH_MAX], const crm_plugin **out)
{
    path[0] = '\0';
    CRM_TRY(module_path(path));
    return load_module(path, out);
}

/* ---- opening ---- */

/* GPUs that this process sees and the module can use, at least one. */
static crm_status count_devices(const crm_plugin *p, int *n)
{
    *n = 0;
    CRM_TRY(p->count(n));
    CRM_CHECK(*n > 0, CRM_ERR_DEVICE, "no GPU was found");
    return CRM_OK;
}

/* The module's device number `device`, not yet a handle. */
typedef struct opened {
    const crm_device_ops *ops;
    void *state;
    crm_device_words words;
} opened;

static crm_status open_gpu(const crm_device_cfg *cfg, int node_rank, const crm_plugin *p,
                           opened *out)
{
    int n = 0;

    CRM_TRY(count_devices(p, &n));
    return p->open(cfg, node_rank % n, &out->ops, &out->state, &out->words);
}

/* What was opened belongs to the handle, or is closed. */
static crm_status give_handle(const opened *o, crm_device **out)
{
    crm_status st = crm_device_wrap(o->ops, o->state, &o->words, out);

    if (st) o->ops->close(o->state);
    return st;
}

/* Also a GPU whose memory other programs have filled. */
static bool lacks_gpu(crm_status st)
{
    return st == CRM_ERR_DEVICE || st == CRM_ERR_NOMEM;
}

/* The CPU in place of a GPU, with what the trail says. */
static crm_status open_instead(crm_device **out)
{
    char why[CRM_DEVICE_INSTEAD_MAX];

    snprintf(why, sizeof why, "%s", crm_err_text());
    crm_err_clear();
    CRM_TRY(crm_device_cpu(CRM_CPU_BEST, out));
    memcpy((*out)->instead, why, sizeof why);
    return CRM_OK;
}

/* The error says which option asked for the GPU. */
static crm_status refuse(crm_status st)
{
    if (st != CRM_ERR_DEVICE) return st;
    CRM_FAIL(st, "device: cuda, but %s (device: cpu and device: auto do without)", crm_err_text());
}

static bool has_driver(void)
{
    void *lib = NULL;

    if (access("/dev/nvidiactl", F_OK) == 0) return true;
    lib = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (lib) dlclose(lib);
    return lib != NULL;
}

bool crm_device_expected(void)
{
    char path[CRM_PATH_MAX];

    if (module_path(path) == CRM_OK) return true;
    crm_err_clear();
    return named_module() || has_driver();
}

crm_status crm_device_open(const crm_device_cfg *cfg, int node_rank, int node_size,
                           crm_device **out)
{
    char path[CRM_PATH_MAX];
    const crm_plugin *p = NULL;
    opened gpu = {0};
    crm_status st;

    *out = NULL;
    CRM_CHECK(node_rank >= 0 && node_rank < node_size, CRM_ERR_ARG, "rank %d of %d on this node",
              node_rank, node_size);
    if (cfg->kind == CRM_DEVICE_CPU) return crm_device_cpu(CRM_CPU_BEST, out);
    st = find_plugin(path, &p);
    if (st && named_module()) return st;
    if (!st) st = open_gpu(cfg, node_rank, p, &gpu);
    if (lacks_gpu(st) && cfg->kind == CRM_DEVICE_AUTO) return open_instead(out);
    return st ? refuse(st) : give_handle(&gpu, out);
}

/* ---- crmpi info ---- */

/* One line for GPU i, which is opened and closed again. */
static int say_usable(const crm_device_cfg *cfg, const crm_plugin *p, int i, char *out, size_t cap)
{
    opened gpu = {0};
    crm_status st = p->open(cfg, i, &gpu.ops, &gpu.state, &gpu.words);
    int n;

    if (!st) gpu.ops->close(gpu.state);
    n = st ? snprintf(out, cap, "usable     GPU %d: no, %s\n", i, crm_err_text())
           : snprintf(out, cap, "usable     GPU %d: yes\n", i);
    crm_err_clear();
    return n;
}

static void say_all_usable(const crm_device_cfg *cfg, const crm_plugin *p, char *out, size_t cap)
{
    size_t at = strlen(out);
    int n = 0;

    if (count_devices(p, &n)) {
        snprintf(out + at, cap - at, "usable     none: %s\n", crm_err_text());
        crm_err_clear();
        return;
    }
    for (int i = 0; i < n && at < cap; i++)
        at += (size_t)say_usable(cfg, p, i, out + at, cap - at);
}

crm_status crm_device_found(const crm_device_cfg *cfg, char **out)
{
    enum { CAP = 16384 };
    char path[CRM_PATH_MAX];
    const crm_plugin *p = NULL;
    size_t n;

    *out = NULL;
    CRM_NEW(*out, CAP);
    if (find_plugin(path, &p)) {
        snprintf(*out, CAP, "CUDA       none: %s\n", crm_err_text());
        crm_err_clear();
        return CRM_OK;
    }
    n = (size_t)snprintf(*out, CAP, "CUDA       %s, %s\n", p->built, path);
    if (n < CAP) p->found(cfg, *out + n, CAP - n);
    if (cfg->kind != CRM_DEVICE_CPU) say_all_usable(cfg, p, *out, CAP);
    return CRM_OK;
}
