/* cuda_libs.c - finds the libraries of cuda_libs.h and fills their tables. */
#include "cuda_libs.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_path.h"

#ifdef CRM_CUSIM
/* Twins of the libraries in the shim: NULL where it has none. */
void *cusim_library(const char *soname);
void *cusim_symbol(void *library, const char *name);
#define OPEN(path)        cusim_library(path)
#define SYMBOL(lib, name) cusim_symbol(lib, name)
#define CLOSE(lib)        ((void)(lib))
#else
#define OPEN(path)        dlopen(path, RTLD_NOW | RTLD_LOCAL)
#define SYMBOL(lib, name) dlsym(lib, name)
#define CLOSE(lib)        ((void)dlclose(lib))
#endif

enum { MAJOR = CUDART_VERSION / 1000, TEXT = 256, CALLS_MAX = 64 };

/* One library: its calls in the order of its table, and whether a version will do. */
typedef struct library {
    const char *title, *soname;
    const char *const *calls; /* NULL-terminated */
    void *table;              /* as many pointers */
    /* Text of the version; false with the reason in its place. */
    bool (*fits)(char text[TEXT]);
    bool asked;
    bool there;
    char text[TEXT];         /* version, or what is missing */
    char path[CRM_PATH_MAX]; /* of the file, as it was opened */
} library;

static bool say(bool ok, char text[TEXT], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool say(bool ok, char text[TEXT], const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, TEXT, format, ap);
    va_end(ap);
    return ok;
}

/* ---- one file ---- */

static bool fill(library *l, void *lib)
{
    void *at[CALLS_MAX];
    size_t n = 0;

    for (; l->calls[n]; n++)
        if (!(at[n] = SYMBOL(lib, l->calls[n])))
            return say(false, l->text, "%s in %.150s has no %s", l->title, l->path, l->calls[n]);
    memcpy(l->table, at, n * sizeof *at);
    return true;
}

/* A file that is there but will not do leaves the reason in text. */
static bool try_file(library *l, const char *path)
{
    char why[TEXT];
    void *lib = OPEN(path);

    if (!lib) return false;
    snprintf(l->path, sizeof l->path, "%s", path);
    if (fill(l, lib)) {
        if (l->fits(why)) {
            memcpy(l->text, why, sizeof why);
            return true;
        }
        say(false, l->text, "%.200s", why);
    }
    CLOSE(lib);
    return false;
}

/* ---- where to look ---- */

static bool try_folder(library *l, const char *folder)
{
    char path[CRM_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", folder, l->soname);

    return n > 0 && (size_t)n < sizeof path && try_file(l, path);
}

/* Folders with colons between. */
static bool try_list(library *l, const char *list)
{
    char folder[CRM_PATH_MAX];

    for (size_t n; list && *list; list += n + (list[n] == ':')) {
        n = strcspn(list, ":");
        if (n == 0 || n >= sizeof folder) continue;
        memcpy(folder, list, n);
        folder[n] = '\0';
        if (try_folder(l, folder)) return true;
    }
    return false;
}

static bool try_pattern(library *l, const char *pattern)
{
    bool found = false;
    glob_t g;

    if (glob(pattern, 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc && !found; i++)
            found = try_folder(l, g.gl_pathv[i]);
    globfree(&g);
    return found;
}

/* Below the folder that an environment variable names (NULL: from the root). */
static bool try_below(library *l, const char *variable, const char *below)
{
    const char *folder = variable ? getenv(variable) : "";
    char pattern[CRM_PATH_MAX];
    int n;

    if (!folder || (variable && !folder[0])) return false;
    n = snprintf(pattern, sizeof pattern, "%s%s", folder, below);
    return n > 0 && (size_t)n < sizeof pattern && try_pattern(l, pattern);
}

static bool try_toolkits(library *l)
{
    static const char *const home[] = {"CUDA_HOME", "CUDA_PATH"};
    static const char *const below[] = {"/lib64", "/lib", "/targets/*/lib"};
    char pattern[64];

    for (size_t i = 0; i < sizeof home / sizeof *home; i++)
        for (size_t j = 0; j < sizeof below / sizeof *below; j++)
            if (try_below(l, home[i], below[j])) return true;
    snprintf(pattern, sizeof pattern, "/usr/local/cuda-%d*/lib*", (int)MAJOR);
    return try_pattern(l, "/usr/local/cuda/lib*") || try_pattern(l, pattern);
}

/* Wheels: nvidia/cu13/lib holds what belongs to CUDA 13, nvidia/cudnn/lib and nvidia/nccl/lib the
 * others. */
static bool try_python(library *l)
{
    static const char *const env[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
    static const char *const below = "/lib/python3*/site-packages/nvidia/*/lib";
    static const char *const dist = "/usr/local/lib/python3*/dist-packages/nvidia/*/lib";

    for (size_t i = 0; i < sizeof env / sizeof *env; i++)
        if (try_below(l, env[i], below)) return true;
    return try_below(l, "HOME", "/.local/lib/python3*/site-packages/nvidia/*/lib") ||
           try_below(l, NULL, "/opt/*/.venv/lib/python3*/site-packages/nvidia/*/lib") ||
           try_below(l, NULL, "/opt/*/lib/python3*/site-packages/nvidia/*/lib") ||
           try_pattern(l, dist) ||
           try_below(l, NULL, "/usr/local/lib/python3*/site-packages/nvidia/*/lib");
}

/* At the first asking; later ones get the same answer. */
static bool look(library *l)
{
    if (l->asked) return l->there;
    l->asked = true;
    say(false, l->text,
        "%s (%s) was not found; name its folder in the environment variable CRM_CUDA_LIBRARIES",
        l->title, l->soname);
    l->there = try_list(l, getenv("CRM_CUDA_LIBRARIES")) || try_file(l, l->soname) ||
               try_toolkits(l) || try_python(l);
    return l->there;
}

static const void *answer(library *l, const char **why)
{
    bool there = look(l);

    *why = there ? NULL : l->text;
    return there ? l->table : NULL;
}

/* ---- the libraries ---- */

#define NAME(call)   #call,
#define COUNT(call)  +1
#define TEXT_(x)     #x
#define NUMBER(x)    TEXT_(x)
#define FITS_MAX(of) _Static_assert(0 of(COUNT) < CALLS_MAX, "CALLS_MAX holds the calls of a table")

/* Versions of vendors are decimal numbers: 130100 is 13.1.0. */
static bool of_toolkit(bool fits, const char *title, size_t major, char text[TEXT])
{
    return fits || say(false, text, "%s of CUDA %zu was found, CUDA %d is needed", title, major,
                       (int)MAJOR);
}

static cuda_lt_api lt;
static const char *const lt_calls[] = {CUDA_LT_CALLS(NAME) NULL};
FITS_MAX(CUDA_LT_CALLS);
static bool lt_fits(char text[TEXT])
{
    size_t v = lt.cublasLtGetVersion();

    say(true, text, "%zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
    return of_toolkit(v / 10000 == MAJOR, "cuBLASLt", v / 10000, text);
}
static library lt_library = {.title = "cuBLASLt",
                             .soname = "libcublasLt.so." NUMBER(CUBLAS_VER_MAJOR),
                             .calls = lt_calls,
                             .table = &lt,
                             .fits = lt_fits};
const cuda_lt_api *cuda_lt_find(const char **why)
{
    return answer(&lt_library, why);
}

#ifdef CUDA_HAS_CUDNN
static cuda_dnn_api dnn;
static const char *const dnn_calls[] = {CUDA_DNN_CALLS(NAME) NULL};
FITS_MAX(CUDA_DNN_CALLS);
static bool dnn_fits(char text[TEXT])
{
    size_t v = dnn.cudnnGetVersion(), cuda = dnn.cudnnGetCudartVersion() / 1000;

    say(true, text, "%zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
    if (v < CUDA_DNN_LEAST)
        return say(false, text, "cuDNN %zu was found, %d or later is needed", v,
                   (int)CUDA_DNN_LEAST);
    return of_toolkit(cuda == MAJOR, "cuDNN", cuda, text);
}
static library dnn_library = {.title = "cuDNN",
                              .soname = "libcudnn.so." NUMBER(CUDNN_MAJOR),
                              .calls = dnn_calls,
                              .table = &dnn,
                              .fits = dnn_fits};
/* It looks for cuBLASLt by name: that of this toolkit is loaded first. */
const cuda_dnn_api *cuda_dnn_find(const char **why)
{
    (void)cuda_lt_find(why);
    return answer(&dnn_library, why);
}
#endif

#ifdef CUDA_HAS_NCCL
static cuda_nccl_api nccl;
static const char *const nccl_calls[] = {CUDA_NCCL_CALLS(NAME) NULL};
FITS_MAX(CUDA_NCCL_CALLS);
static bool nccl_fits(char text[TEXT])
{
    int v = 0;

    if (nccl.ncclGetVersion(&v) != ncclSuccess) v = 0;
    if (v < CUDA_NCCL_LEAST)
        return say(false, text, "NCCL %d was found, %d or later is needed", v,
                   (int)CUDA_NCCL_LEAST);
    return say(true, text, "%d.%d.%d", v / 10000, v / 100 % 100, v % 100);
}
static library nccl_library = {.title = "NCCL",
                               .soname = "libnccl.so.2",
                               .calls = nccl_calls,
                               .table = &nccl,
                               .fits = nccl_fits};
const cuda_nccl_api *cuda_nccl_find(const char **why)
{
    return answer(&nccl_library, why);
}
#endif

static cuda_nvml_api nvml;
static const char *const nvml_calls[] = {
    "nvmlInit_v2",
    "nvmlSystemGetDriverVersion",
    "nvmlDeviceGetHandleByPciBusId_v2",
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetNvLinkState",
    NULL,
};
static bool nvml_fits(char text[TEXT])
{
    char version[96] = "";

    if (nvml.nvmlInit_v2() != 0) return say(false, text, "NVML does not start");
    (void)nvml.nvmlSystemGetDriverVersion(version, sizeof version);
    return say(true, text, "%s", version);
}
static library nvml_library = {.title = "NVML",
                               .soname = "libnvidia-ml.so.1",
                               .calls = nvml_calls,
                               .table = &nvml,
                               .fits = nvml_fits};
const cuda_nvml_api *cuda_nvml_find(const char **why)
{
    return answer(&nvml_library, why);
}

/* ---- crmpi info ---- */

/* Adds a line; what does not fit is cut. */
static void line(char *out, size_t cap, const char *title, library *l)
{
    size_t n = strlen(out);

    if (!l)
        snprintf(out + n, cap - n, "%-10s none: this module was built without its headers\n",
                 title);
    else if (look(l))
        snprintf(out + n, cap - n, "%-10s %s, %s\n", title, l->text, l->path);
    else
        snprintf(out + n, cap - n, "%-10s none: %s\n", title, l->text);
}

void cuda_libs_found(char *out, size_t cap)
{
    library *const dnn_or_none =
#ifdef CUDA_HAS_CUDNN
        &dnn_library;
#else
        NULL;
#endif
    library *const nccl_or_none =
#ifdef CUDA_HAS_NCCL
        &nccl_library;
#else
        NULL;
#endif

    line(out, cap, "cuBLASLt", &lt_library);
    line(out, cap, "cuDNN", dnn_or_none);
    line(out, cap, "NCCL", nccl_or_none);
    line(out, cap, "NVML", &nvml_library);
}
