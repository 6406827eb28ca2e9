/* test_device_open.c - options device and gpu.*, and which device they open: what happens without a
 * module, with one that does not fit, and which of several GPUs a rank gets.  The module is
 * fake_plugin.c, which has no device. */
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/device.h"

static char folder[CRM_PATH_MAX - 64]; /* of this program */

/* A file beside this program. */
static const char *beside(const char *name)
{
    static char path[CRM_PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static crm_device_cfg defaults(void)
{
    crm_device_cfg cfg = {0};
    crm_opt_set *set = NULL;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_device_opts, &cfg));
    crm_opt_set_free(&set);
    return cfg;
}

/* Status of loading one assignment; the digest of what came out. */
static crm_status load(const char *assignment, crm_device_cfg *cfg, crm_digest *digest)
{
    crm_opt_set *set = NULL;
    crm_status st;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_device_opts, cfg));
    st = crm_opt_set_load(set, NULL, &assignment, 1);
    T_OK(crm_opt_set_digest(set, digest));
    crm_opt_set_free(&set);
    return st;
}

static void options(void)
{
    static const struct {
        const char *set;
        bool digested;
    } rows[] = {
        {"device=cuda", false},       {"gpu.math=tf32", true},     {"gpu.math=bf16", true},
        {"gpu.graph=false", false},   {"gpu.resident=on", false},  {"gpu.cudnn=on", true},
        {"gpu.transport=mpi", false}, {"gpu.bucket=65536", false}, {"gpu.timeout=2.5", false}};
    crm_device_cfg cfg = defaults();
    crm_digest plain, other;

    T_CHECK(cfg.kind == CRM_DEVICE_AUTO && cfg.math == CRM_GPU_FP32 && cfg.graph);
    T_CHECK(cfg.resident == CRM_GPU_SWITCH_AUTO && cfg.cudnn == CRM_GPU_SWITCH_AUTO);
    T_CHECK(cfg.transport == CRM_TRANSPORT_AUTO && cfg.bucket == 1 << 20 && cfg.timeout == 60);
    T_OK(load("device=auto", &cfg, &plain));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        T_OK(load(rows[i].set, &cfg, &other));
        if ((memcmp(&plain, &other, sizeof plain) != 0) != rows[i].digested)
            t_fail(__FILE__, __LINE__, rows[i].set);
    }
    T_OK(load("gpu.math=bf16", &cfg, &other));
    T_CHECK(cfg.math == CRM_GPU_BF16 && cfg.kind == CRM_DEVICE_AUTO);
    T_OK(load("gpu.resident=off", &cfg, &other));
    T_CHECK(cfg.resident == CRM_GPU_OFF);
    T_FAILS(load("gpu.math=fp16", &cfg, &other), CRM_ERR_CONFIG, "fp32");
    T_FAILS(load("device=gpu", &cfg, &other), CRM_ERR_CONFIG, "cuda");
    T_FAILS(load("gpu.bucket=100", &cfg, &other), CRM_ERR_CONFIG, "4096");
    T_FAILS(load("gpu.timeout=0", &cfg, &other), CRM_ERR_CONFIG, "gpu.timeout");
}

/* Opens with a fresh environment of the fake; the name of the device, "" when it failed. */
static crm_status open_as(int kind, int node_rank, int node_size, crm_device **d)
{
    crm_device_cfg cfg = defaults();

    cfg.kind = kind;
    cfg.math = CRM_GPU_TF32;
    *d = NULL;
    return crm_device_open(&cfg, node_rank, node_size, d);
}

static void opens(int kind, int node_rank, int node_size, const char *name, bool shared)
{
    crm_device *d;

    T_OK(open_as(kind, node_rank, node_size, &d));
    if (!d) return;
    if (strncmp(crm_device_name(d), name, strlen(name)) != 0)
        t_fail(__FILE__, __LINE__, crm_device_name(d));
    T_CHECK(crm_device_shared(d) == shared);
    crm_device_free(&d);
}

/* Opening fails in these modes, and the CPU opens all the same. */
static void fails(bool also_auto, const char *part, const char *part2)
{
    size_t before = crm_mem_used();
    crm_device *d;

    T_FAILS(open_as(CRM_DEVICE_CUDA, 0, 1, &d), CRM_ERR_DEVICE, part);
    T_CHECK(d == NULL);
    T_FAILS(open_as(CRM_DEVICE_CUDA, 0, 1, &d), CRM_ERR_DEVICE, part2);
    if (also_auto)
        T_FAILS(open_as(CRM_DEVICE_AUTO, 0, 1, &d), CRM_ERR_DEVICE, part);
    else
        opens(CRM_DEVICE_AUTO, 0, 1, "cpu:", false);
    opens(CRM_DEVICE_CPU, 0, 1, "cpu:", false);
    T_EQ_I(crm_mem_used(), before);
}

static void fresh(void)
{
    unsetenv("CRM_CUDA_PLUGIN");
    unsetenv("FAKE_ABI");
    unsetenv("FAKE_TABLE");
    unsetenv("FAKE_COUNT");
    unsetenv("FAKE_OPEN");
}

static void no_module(void)
{
    crm_device *d;

    fresh();
    fails(false, "device: cuda, but the module crmpi_cuda.so is neither in", "CRM_CUDA_PLUGIN");
    fails(false, folder, "device: cpu");
    T_FAILS(open_as(CRM_DEVICE_CPU, 1, 1, &d), CRM_ERR_ARG, "rank 1 of 1");
}

static void wrong_module(void)
{
    fresh();
    setenv("CRM_CUDA_PLUGIN", "/nowhere/x.so", 1);
    fails(true, "CRM_CUDA_PLUGIN names /nowhere/x.so", "not there");
    setenv("CRM_CUDA_PLUGIN", "/proc/self/status", 1);
    fails(true, "cannot be loaded", "/status");
    setenv("CRM_CUDA_PLUGIN", beside("fake_other.so"), 1);
    fails(true, "not a module of crmpi", "crm_plugin_open");
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    setenv("FAKE_ABI", "77", 1);
    fails(true, "has ABI 77, this program has", "same source");
    unsetenv("FAKE_ABI");
    setenv("FAKE_TABLE", "1", 1);
    fails(true, "was built for ops table", "same source");
}

static void no_device(void)
{
    fresh();
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    setenv("FAKE_COUNT", "none", 1);
    fails(false, "device: cuda, but fake driver is old", "device: cpu");
    setenv("FAKE_COUNT", "0", 1);
    fails(false, "no GPU was found", "device: cpu");
    setenv("FAKE_COUNT", "1", 1);
    setenv("FAKE_OPEN", "fails",
           1); /* a GPU that is there and does not open is an error in any mode */
    fails(true, "fake GPU is busy", "fake GPU is busy");
}

static void which_device(void)
{
    fresh();
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    opens(CRM_DEVICE_CUDA, 0, 2, "fake:0 math 1", false);
    opens(CRM_DEVICE_AUTO, 1, 2, "fake:1 math 1", false);
    opens(CRM_DEVICE_CUDA, 0, 3, "fake:0 shared", true);
    opens(CRM_DEVICE_CUDA, 2, 3, "fake:0 shared", true);
    opens(CRM_DEVICE_CUDA, 5, 6, "fake:1 shared", true);
    opens(CRM_DEVICE_CPU, 5, 6, "cpu:", false);
}

/* Lines that opening in mode auto writes to stderr. */
static int lines_said(int node_rank, char text[1024])
{
    FILE *f = tmpfile();
    int was = dup(2), lines = 0;
    size_t n;

    fflush(stderr);
    if (!f || was < 0 || dup2(fileno(f), 2) < 0) return -1;
    opens(CRM_DEVICE_AUTO, node_rank, 2, "cpu:", false);
    fflush(stderr);
    dup2(was, 2);
    close(was);
    rewind(f);
    n = fread(text, 1, 1023, f);
    text[n] = '\0';
    fclose(f);
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    return lines;
}

static void says_so_once(void)
{
    char text[1024];

    fresh();
    crm_log_setup(CRM_LOG_INFO, 0);
    T_EQ_I(lines_said(0, text), 1);
    T_CHECK(strstr(text, "runs on the CPU") && strstr(text, "crmpi_cuda.so"));
    T_EQ_I(lines_said(1, text), 0);
    crm_log_setup(CRM_LOG_WARN, 0);
    T_EQ_I(lines_said(0, text), 0);
}

static void what_was_found(void)
{
    crm_device_cfg cfg = defaults();
    char *text = NULL;

    fresh();
    T_OK(crm_device_found(&cfg, &text));
    T_CHECK(text && strstr(text, "CUDA       none: the module crmpi_cuda.so"));
    crm_mem_free(text);
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    T_OK(crm_device_found(&cfg, &text));
    T_CHECK(text && strstr(text, "CUDA       fake 1.0, /") && strstr(text, "this one is fake\n"));
    crm_mem_free(text);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"options and their digest", options},
                                   {"without a module", no_module},
                                   {"modules that do not fit", wrong_module},
                                   {"no GPU to be had", no_device},
                                   {"which GPU a rank gets", which_device},
                                   {"the CPU in its place is said once", says_so_once},
                                   {"what was found", what_was_found},
                                   {NULL, NULL}};
    char exe[CRM_PATH_MAX] = {0};

    if (readlink("/proc/self/exe", exe, sizeof exe - 1) <= 0 ||
        crm_path_dir(exe, folder, sizeof folder))
        return 1;
    crm_log_setup(CRM_LOG_WARN, 0);
    return t_main(argc, argv, cases);
}
