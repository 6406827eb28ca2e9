/* cusim_library.cpp - which libraries there are. The twin of NCCL, which needs MPI, is a file
 * beside this one: libcusim_nccl.so. */
#include "cusim_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "cusim_twin.h"

namespace cusim
{
#if __has_include(<cudnn.h>)
#define TWIN_CUDNN twin_cudnn
#else
#define TWIN_CUDNN nullptr
#endif

struct library {
    const char *file;           /* before ".so" */
    const char *name;           /* in CUSIM_WITHOUT */
    const twin_symbol *symbols; /* null: to be loaded */
    void *loaded;
};
static library libraries[] = {
    {"libcublasLt", "cublasLt", twin_cublaslt, nullptr},
    {"libcudnn", "cudnn", TWIN_CUDNN, nullptr},
    {"libnccl", "nccl", nullptr, nullptr},
    {"libnvidia-ml", "nvml", twin_nvml, nullptr},
};

/* One of the words between commas. */
static bool left_out(const char *name)
{
    const char *list = getenv("CUSIM_WITHOUT");
    std::string words = std::string(",") + (list ? list : "") + ",";
    return words.find(std::string(",") + name + ",") != std::string::npos;
}

static void *load_beside(const char *file)
{
    Dl_info here;
    if (!dladdr(reinterpret_cast<void *>(cusim_library), &here)) {
        return nullptr;
    }
    std::string path(here.dli_fname);
    size_t slash = path.rfind('/');
    path = (slash == std::string::npos ? "./" : path.substr(0, slash + 1)) + file;
    return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
}

static library *find(const char *soname)
{
    const char *base = strrchr(soname, '/');
    base = base ? base + 1 : soname;
    for (library &l : libraries) {
        size_t n = strlen(l.file);
        if (!strncmp(base, l.file, n) && !strncmp(base + n, ".so", 3)) {
            return &l;
        }
    }
    return nullptr;
}
} // namespace cusim

using namespace cusim;

void *cusim_library(const char *soname)
{
    library *l = find(soname);
    if (!l || left_out(l->name)) {
        return nullptr;
    }
    if (!strcmp(l->name, "nccl") && !l->loaded) {
        l->loaded = load_beside("libcusim_nccl.so");
    }
    return l->symbols || l->loaded ? l : nullptr;
}

void *cusim_symbol(void *handle, const char *name)
{
    const library *l = static_cast<const library *>(handle);
    if (l->loaded) {
        return dlsym(l->loaded, name);
    }
    for (const twin_symbol *s = l->symbols; s->name; s++) {
        if (!strcmp(s->name, name)) {
            return s->function;
        }
    }
    return nullptr;
}
