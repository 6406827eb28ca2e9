/* device_plugin.h - between the program and a module with a device of its own (crmpi_cuda.so).
 *
 * The module exports one function, crm_plugin_open.  It calls nothing of the program but what the
 * table of the host offers, so that a module works with any program of the same ABI number. */
#ifndef CRM_DEVICE_PLUGIN_H
#define CRM_DEVICE_PLUGIN_H

#include "device_impl.h"

typedef struct crm_plugin_host {
    int abi; /* CRM_DEVICE_ABI */
    crm_status (*raise)(crm_status code, const char *file, int line, const char *func,
                        const char *text);
    crm_status (*trace)(crm_status code, const char *file, int line, const char *func,
                        const char *expr);
    void (*log)(int level, const char *text); /* crm_log_level */
    void *(*mem_new)(size_t n, size_t size);
    void (*mem_free)(void *p);
} crm_plugin_host;

typedef struct crm_plugin {
    int abi;
    const char *built; /* "CUDA 13.0, sm_80 sm_90" */
    /* GPUs that can be used; CRM_ERR_DEVICE says why there is none (driver, version). */
    crm_status (*count)(int *n);
    /* Device number `device` of those that this process sees. */
    crm_status (*open)(const crm_device_cfg *cfg, int device, const crm_device_ops **ops,
                       void **state, crm_device_words *words);
    /* What was found, a line each, at most cap bytes; never fails. */
    void (*found)(const crm_device_cfg *cfg, char *out, size_t cap);
} crm_plugin;

typedef const crm_plugin *(*crm_plugin_open_fn)(const crm_plugin_host *host);
#define CRM_PLUGIN_SYMBOL "crm_plugin_open"

#endif
