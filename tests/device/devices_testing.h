/* devices_testing.h - the devices that tests of operations run on, and arrays of a test in their
 * memory.
 *
 * Devices: the instruction sets of the CPU, whose bits are equal, and the device of the module that
 * the environment variable CRM_CUDA_PLUGIN names.  A test is a function of a device:
 *
 *     static void check_sum(crm_device *d, crm_hash *bits)
 *     {
 *         held_arrays m = {.d = d};
 *         crm_tensor tx = on_device(&m, strided(x, 3, 5, 7)), ty = on_device(&m, strided(y, ...));
 *
 *         T_OK(crm_op_add(d, &tx, &ty));
 *         bring_back(&m);                    y now holds what the device has
 *         T_NEAR(y[0], 3, 1e-6);             exact_bits(d) where equal bits are promised
 *         add_bits(bits, y, 15);
 *         let_go(&m);
 *     }
 *     static void sums(void) { on_all_devices(check_sum); }
 *
 * CRM_TEST_ONLY=cuda leaves the paths of the CPU out: for builds in which every access is watched.
 *
 * On the CPU arrays stay where they are.  Elsewhere they are copied with guards round them, which
 * bring_back checks. */
#ifndef DEVICES_TESTING_H
#define DEVICES_TESTING_H

#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/device.h"

enum { TEST_DEVICES = 4 };
typedef struct test_device {
    char name[96];
    crm_device *d; /* NULL: not there, why says */
    bool plugin;   /* not a path of the CPU     */
    char why[256];
} test_device;

/* Results on this device are promised to have the bits of the CPU. */
static inline bool exact_bits(const crm_device *d)
{
    return crm_device_is_host(d);
}

static inline void open_path(crm_cpu_path path, const char *name, test_device *t)
{
    const char *only = getenv("CRM_TEST_ONLY");
    crm_status st;

    snprintf(t->name, sizeof t->name, "cpu:%s", name);
    if (only && strcmp(only, "cuda") == 0) {
        snprintf(t->why, sizeof t->why, "CRM_TEST_ONLY says so");
        return;
    }
    st = crm_device_cpu(path, &t->d);
    if (st == CRM_OK) return;
    snprintf(t->why, sizeof t->why, "this CPU has %s", crm_cpu_features());
    crm_err_clear();
}

/* CRM_TEST_SMALL=1: a few small cases, for builds in which a CUDA thread costs a millisecond. */
static inline bool small_cases(void)
{
    return getenv("CRM_TEST_SMALL") != NULL;
}

/* A module that was named and cannot be used is a failure, not a reason to skip. */
static inline void open_plugin(test_device *t)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA,
                          .math = CRM_GPU_FP32,
                          .graph = true,
                          .transport = CRM_TRANSPORT_MPI,
                          .bucket = 1 << 20,
                          .timeout = 60};

    snprintf(t->name, sizeof t->name, "cuda");
    t->plugin = true;
    if (!getenv("CRM_CUDA_PLUGIN")) {
        snprintf(t->why, sizeof t->why, "CRM_CUDA_PLUGIN names no module");
        return;
    }
    if (crm_device_open(&cfg, 0, 1, &t->d)) {
        printf("Bail out! the device of CRM_CUDA_PLUGIN cannot be opened: %s\n", crm_err_text());
        exit(1);
    }
    snprintf(t->name, sizeof t->name, "%s", crm_device_name(t->d));
}

/* Opens them all; list[i].d is NULL for one that is not there. */
static inline void devices_under_test(test_device list[TEST_DEVICES])
{
    memset(list, 0, TEST_DEVICES * sizeof *list);
    open_path(CRM_CPU_PORTABLE, "portable", &list[0]);
    open_path(CRM_CPU_AVX2, "avx2", &list[1]);
    open_path(CRM_CPU_AVX512, "avx512", &list[2]);
    open_plugin(&list[3]);
}

static inline void devices_close(test_device list[TEST_DEVICES])
{
    for (int i = 0; i < TEST_DEVICES; i++)
        crm_device_free(&list[i].d);
}

/* One run of a test: the digest of what it added to its bits. */
static inline crm_digest digest_on(crm_device *d, void (*test)(crm_device *d, crm_hash *bits))
{
    crm_hash *h = NULL;
    crm_digest sum;

    if (crm_hash_new(&h)) abort();
    test(d, h);
    sum = crm_hash_value(h);
    crm_hash_free(&h);
    return sum;
}

/* The test on each device.  What it adds to the digest is the same on all paths of the CPU, and in
 * two runs on another device.  CRM_TEST_DIGEST=1 prints it, to compare builds. */
static inline void on_all_devices(void (*test)(crm_device *d, crm_hash *bits))
{
    test_device list[TEST_DEVICES];
    crm_digest first = {0, 0}, sum;
    bool any = false;
    char hex[CRM_DIGEST_HEX];

    devices_under_test(list);
    for (int i = 0; i < TEST_DEVICES; i++) {
        int failures = t_failures;

        if (!list[i].d) {
            fprintf(stderr, "# %s is left out: %s\n", list[i].name, list[i].why);
            continue;
        }
        sum = digest_on(list[i].d, test);
        if (list[i].plugin) first = digest_on(list[i].d, test);
        if (!any && !list[i].plugin) first = sum;
        any = true;
        T_CHECK(crm_digest_equal(first, sum));
        if (getenv("CRM_TEST_DIGEST"))
            printf("# digest %s %s\n", crm_digest_hex(sum, hex), list[i].name);
        if (t_failures > failures) fprintf(stderr, "# on %s\n", list[i].name);
    }
    devices_close(list);
}

/* ---- arrays of a test in memory of the device ---- */

enum { HELD_MAX = 64, HELD_GUARD = 256 };
typedef struct held_arrays {
    crm_device *d;
    int n;
    struct {
        char *host, *dev;
        size_t bytes;
    } held[HELD_MAX];
} held_arrays;

/* Copies an array to the device, where it stays until let_go. */
static inline void hold(held_arrays *m, const void *host, size_t bytes)
{
    void *buf = NULL;
    char *image;
    size_t all = bytes + 2 * HELD_GUARD;

    if (crm_device_is_host(m->d) || bytes == 0) return;
    image = crm_mem_new(all, 1);
    if (!image || m->n == HELD_MAX) abort();
    memset(image, 0xA5, all);
    memcpy(image + HELD_GUARD, host, bytes);
    T_OK(crm_buf_new(m->d, all, &buf));
    T_OK(crm_buf_upload(m->d, buf, image, all));
    crm_mem_free(image);
    m->held[m->n].host = (char *)(uintptr_t)host;
    m->held[m->n].dev = buf;
    m->held[m->n++].bytes = bytes;
}

/* Where a place of a held array is on the device; NULL for one that is not held. */
static inline void *device_at(const held_arrays *m, const void *host)
{
    const char *p = host;

    if (crm_device_is_host(m->d)) return (void *)(uintptr_t)host;
    for (int i = 0; i < m->n; i++)
        if (p >= m->held[i].host && p < m->held[i].host + m->held[i].bytes)
            return m->held[i].dev + HELD_GUARD + (p - m->held[i].host);
    return NULL;
}

/* n items of size bytes, held from now on where they were not. */
static inline void *array_on_device(held_arrays *m, const void *host, int64_t n, size_t size)
{
    if (!host) return NULL;
    if (!device_at(m, host)) hold(m, host, (size_t)n * size);
    return device_at(m, host);
}

/* The tensor with its memory on the device: from its first element to its last. */
static inline crm_tensor on_device(held_arrays *m, crm_tensor t)
{
    int64_t width = t.rank == 1 ? 1 : t.rank == 2 ? t.dim[1] : t.ld;
    int64_t n = t.dim[0] > 0 ? (t.dim[0] - 1) * t.ld + width : 0;

    t.data = array_on_device(m, t.data, n, crm_dtype_size(t.dtype));
    return t;
}

/* All arrays as the device has them now; guards must be untouched. */
static inline void bring_back(held_arrays *m)
{
    for (int i = 0; i < m->n; i++) {
        size_t bytes = m->held[i].bytes, all = bytes + 2 * HELD_GUARD, bad = 0;
        unsigned char *image = crm_mem_new(all, 1);

        if (!image) abort();
        T_OK(crm_buf_download(m->d, m->held[i].dev, image, all));
        for (size_t k = 0; k < HELD_GUARD; k++)
            bad += (image[k] != 0xA5) + (image[HELD_GUARD + bytes + k] != 0xA5);
        T_EQ_I(bad, 0);
        if (memcmp(m->held[i].host, image + HELD_GUARD, bytes) != 0)
            memcpy(m->held[i].host, image + HELD_GUARD, bytes); /* inputs may be constants */
        crm_mem_free(image);
    }
}

static inline void let_go(held_arrays *m)
{
    for (int i = 0; i < m->n; i++)
        crm_buf_free(m->d, m->held[i].dev);
    m->n = 0;
}
#endif
