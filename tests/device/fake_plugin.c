/* fake_plugin.c - a module without a device, for test_device_open.c: what it answers is said by the
 * environment.  FAKE_ABI: its ABI number; FAKE_COUNT: its devices, "none" to fail; FAKE_OPEN:
 * "fails", or "full" for want of memory; FAKE_TABLE: added to the ABI number of its table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_plugin.h"

static const crm_plugin_host *program;

static const char *said(const char *name, const char *otherwise)
{
    const char *v = getenv(name);

    return v ? v : otherwise;
}

static crm_status count(int *n)
{
    const char *v = said("FAKE_COUNT", "2");

    *n = (int)strtol(v, NULL, 10);
    if (strcmp(v, "none") == 0)
        return program->raise(CRM_ERR_DEVICE, __FILE__, __LINE__, __func__, "fake driver is old");
    return CRM_OK;
}

static void close_device(void *state)
{
    program->mem_free(state);
}

static crm_status open_device(const crm_device_cfg *cfg, int device, const crm_device_ops **ops,
                              void **state, crm_device_words *words)
{
    static crm_device_ops table = {.abi = CRM_DEVICE_ABI, .close = close_device};

    if (strcmp(said("FAKE_OPEN", ""), "fails") == 0)
        return program->raise(CRM_ERR_DEVICE, __FILE__, __LINE__, __func__, "fake GPU is busy");
    if (strcmp(said("FAKE_OPEN", ""), "full") == 0)
        return program->raise(CRM_ERR_NOMEM, __FILE__, __LINE__, __func__, "fake GPU is full");
    snprintf(words->name, sizeof words->name, "fake:%d math %d", device, cfg->math);
    snprintf(words->id, sizeof words->id, "fake-%d", device);
    snprintf(words->arithmetic, sizeof words->arithmetic, "fake GPU, fake 1.0");
    table.abi = (int)strtol(said("FAKE_TABLE", "0"), NULL, 10) + CRM_DEVICE_ABI;
    *ops = &table;
    *state = program->mem_new(1, 100);
    return *state ? CRM_OK : CRM_ERR_NOMEM;
}

static void found(const crm_device_cfg *cfg, char *out, size_t cap)
{
    (void)cfg;
    snprintf(out, cap, "GPU        none, this one is fake\n");
}

const crm_plugin *crm_plugin_open(const crm_plugin_host *host);
const crm_plugin *crm_plugin_open(const crm_plugin_host *host)
{
    static crm_plugin plugin = {
        .built = "fake 1.0", .count = count, .open = open_device, .found = found};

    program = host;
    plugin.abi = (int)strtol(said("FAKE_ABI", "0"), NULL, 10);
    if (!plugin.abi) plugin.abi = CRM_DEVICE_ABI;
    return &plugin;
}
