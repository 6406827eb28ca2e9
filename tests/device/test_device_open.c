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
    T_CHECK(cfg.transport == CRM_TRANSPORT_AUTO && cfg.bucket == 1 << 20 && cfg.timeout == 120);
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

/* Opens, and is the device of this name and id. */
static void opens(int kind, int node_rank, int node_size, const char *name, const char *id)
{
    crm_device *d;

    T_OK(open_as(kind, node_rank, node_size, &d));
    if (!d) return;
    if (strncmp(crm_device_name(d), name, strlen(name)) != 0)
        t_fail(__FILE__, __LINE__, crm_device_name(d));
    T_CHECK(strcmp(crm_device_id(d), id) == 0);
    T_CHECK(!crm_device_shared(d) && crm_device_sharers(d) == 1);
    T_CHECK(kind == CRM_DEVICE_AUTO || crm_device_instead(d)[0] == '\0');
    crm_device_free(&d);
}

/* In mode auto the CPU opens, and says why. */
static void instead(const char *part)
{
    crm_device *d;

    T_OK(open_as(CRM_DEVICE_AUTO, 0, 1, &d));
    if (!d) return;
    T_CHECK(crm_device_is_host(d) && strcmp(crm_device_arithmetic(d), "CPU") == 0);
    if (!strstr(crm_device_instead(d), part)) t_fail(__FILE__, __LINE__, crm_device_instead(d));
    T_CHECK(crm_err_text()[0] == '\0');
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
        opens(CRM_DEVICE_AUTO, 0, 1, "cpu:", "");
    opens(CRM_DEVICE_CPU, 0, 1, "cpu:", "");
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
    instead("the module crmpi_cuda.so is neither in");
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
    instead("no GPU was found");
}

/* A GPU that is there and cannot be opened is no GPU to mode auto. */
static void does_not_open(void)
{
    crm_device *d;

    fresh();
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    setenv("FAKE_OPEN", "fails", 1);
    fails(false, "device: cuda, but fake GPU is busy", "device: cpu");
    instead("fake GPU is busy");
    setenv("FAKE_OPEN", "full", 1);
    T_FAILS(open_as(CRM_DEVICE_CUDA, 0, 1, &d), CRM_ERR_NOMEM, "fake GPU is full");
    instead("fake GPU is full");
}

/* Which of those that the process sees; that other ranks have the same one is not guessed. */
static void which_device(void)
{
    fresh();
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    opens(CRM_DEVICE_CUDA, 0, 2, "fake:0 math 1", "fake-0");
    opens(CRM_DEVICE_AUTO, 1, 2, "fake:1 math 1", "fake-1");
    opens(CRM_DEVICE_CUDA, 2, 3, "fake:0 math 1", "fake-0");
    opens(CRM_DEVICE_CUDA, 5, 6, "fake:1 math 1", "fake-1");
    opens(CRM_DEVICE_CPU, 5, 6, "cpu:", "");
    setenv("FAKE_COUNT", "1", 1);
    opens(CRM_DEVICE_CUDA, 3, 4, "fake:0 math 1", "fake-0");
}

static void is_told_who_shares(void)
{
    crm_device *d;

    fresh();
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    T_OK(open_as(CRM_DEVICE_CUDA, 0, 3, &d));
    if (!d) return;
    T_CHECK(strcmp(crm_device_arithmetic(d), "fake GPU, fake 1.0") == 0);
    crm_device_set_shared(d, 3);
    T_CHECK(crm_device_shared(d) && crm_device_sharers(d) == 3);
    crm_device_set_shared(d, 1);
    T_CHECK(!crm_device_shared(d) && crm_device_sharers(d) == 1);
    crm_device_free(&d);
}

static bool has_driver(void)
{
    return access("/dev/nvidiactl", F_OK) == 0 || system("ldconfig -p | grep -q libcuda.so.1") == 0;
}

static void what_was_found(void)
{
    crm_device_cfg cfg = defaults();
    char *text = NULL;

    fresh();
    T_OK(crm_device_found(&cfg, &text));
    T_CHECK(text && strstr(text, "CUDA       none: the module crmpi_cuda.so"));
    crm_mem_free(text);
    if (crm_device_expected()) T_CHECK(has_driver());
    setenv("CRM_CUDA_PLUGIN", beside("fake_plugin.so"), 1);
    T_CHECK(crm_device_expected());
    setenv("FAKE_COUNT", "2", 1);
    T_OK(crm_device_found(&cfg, &text));
    T_CHECK(text && strstr(text, "usable     GPU 0: ") && strstr(text, "usable     GPU 1: ") &&
            !strstr(text, "GPU 2"));
    crm_mem_free(text);
    setenv("FAKE_COUNT", "0", 1);
    T_OK(crm_device_found(&cfg, &text));
    T_CHECK(text && strstr(text, "usable     none: no GPU was found"));
    crm_mem_free(text);
    unsetenv("FAKE_COUNT");
    cfg.kind = CRM_DEVICE_CPU;
    T_OK(crm_device_found(&cfg, &text));
    T_CHECK(text && !strstr(text, "usable"));
    T_CHECK(crm_err_text()[0] == '\0');
    T_CHECK(text && strstr(text, "CUDA       fake 1.0, /") && strstr(text, "this one is fake\n"));
    crm_mem_free(text);
}

/* ---- named ranges ---- */

static int row_named(const char *name)
{
    const crm_profile_row *row;
    int n = crm_profile_rows(&row);

    for (int i = 0; i < n; i++)
        if (strcmp(row[i].name, name) == 0) return i;
    return -1;
}

static void ranges(void)
{
    const crm_profile_row *row;
    char name[32];

    T_CHECK(!crm_range_watched(NULL));
    crm_profile_start();
    T_CHECK(crm_range_watched(NULL));
    crm_range_push(NULL, "all");
    for (int i = 0; i < 2 * 300; i++) { /* the text is another one at each call */
        snprintf(name, sizeof name, "layer %d", i % 300);
        crm_range_push(NULL, name);
        crm_range_pop(NULL);
    }
    crm_range_pop(NULL);
    T_EQ_I(crm_profile_rows(&row), 256);
    T_EQ_I(row_named("all"), 0);
    T_EQ_I(row[row_named("all")].calls, 1);
    T_EQ_I(row_named("layer 254"), 255);
    T_EQ_I(row[255].calls, 2);
    T_EQ_I(row_named("layer 255"), -1); /* no room */
    T_CHECK(row[1].seconds >= 0 && row[0].seconds >= row[1].seconds);
    crm_profile_start();
    T_EQ_I(crm_profile_rows(&row), 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"options and their digest", options},
                                   {"without a module", no_module},
                                   {"modules that do not fit", wrong_module},
                                   {"no GPU to be had", no_device},
                                   {"a GPU that does not open", does_not_open},
                                   {"which GPU a rank gets", which_device},
                                   {"ranks that share it", is_told_who_shares},
                                   {"what was found", what_was_found},
                                   {"named ranges", ranges},
                                   {NULL, NULL}};
    char exe[CRM_PATH_MAX] = {0};

    if (readlink("/proc/self/exe", exe, sizeof exe - 1) <= 0 ||
        crm_path_dir(exe, folder, sizeof folder))
        return 1;
    crm_log_setup(CRM_LOG_WARN, 0);
    return t_main(argc, argv, cases);
}
