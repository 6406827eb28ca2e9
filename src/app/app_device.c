/* app_device.c - the device of each rank: opened once, given to all models, told in run.json. */
#include <stdlib.h>
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

enum { NAME_MAX = 64, HOST_MAX = 64 };

/* What one rank has, for the others to see. */
typedef struct owned {
    char name[NAME_MAX], host[HOST_MAX];
    int64_t gpu, shared;
    crm_device_usage usage;
} owned;

/* "cuda:0 NVIDIA H100" and "cuda:1 NVIDIA H100" are one model of GPU. */
static const char *model_of(const char *name)
{
    const char *blank = strchr(name, ' ');

    return blank ? blank + 1 : name;
}

static owned mine(const app *a)
{
    owned o = {.gpu = a->device != NULL};

    crm_comm_host(o.host, sizeof o.host);
    snprintf(o.name, sizeof o.name, "%s", a->device ? crm_device_name(a->device) : "cpu");
    o.shared = a->device && crm_device_shared(a->device);
    if (!a->device || crm_device_use(a->device, &o.usage)) {
        o.usage = (crm_device_usage){.energy = -1};
        crm_err_clear();
    }
    return o;
}

/* All ranks compute on GPUs or none does: the two do not sum in the same order. */
static crm_status make_equal(app *a)
{
    owned o = mine(a), *all;
    const owned *without = NULL, *other = NULL;
    void *bytes;
    size_t total;
    int64_t with = 0;

    CRM_TRY(crm_comm_allgather(a->world, &o, sizeof o, &bytes, &total, NULL));
    all = bytes;
    for (int r = 0; r < crm_comm_size(a->world); r++) {
        with += all[r].gpu;
        if (!all[r].gpu && !without) without = &all[r];
        if (strcmp(model_of(all[r].name), model_of(all[0].name)) != 0 && !other) other = &all[r];
    }
    if (with > 0 && without && app_is_root(a))
        crm_log_line(CRM_LOG_WARN, a->args.command,
                     "node %s has no GPU that can be used, others have: all ranks compute on the "
                     "CPU; take nodes that are alike",
                     without->host);
    else if (with > 0 && other && app_is_root(a))
        crm_log_line(
            CRM_LOG_WARN, a->args.command,
            "ranks compute on %s and on %s: the same bits come only from GPUs of one model",
            model_of(all[0].name), model_of(other->name));
    if (without) crm_device_free(&a->device);
    crm_mem_free(bytes);
    return CRM_OK;
}

crm_status app_device_open(app *a)
{
    crm_status st = crm_device_open(&a->gpu, crm_comm_node_rank(a->world),
                                    crm_comm_node_size(a->world), &a->device);

    CRM_TRY(crm_comm_agree(a->world, st));
    if (crm_device_is_host(a->device)) crm_device_free(&a->device);
    CRM_TRY(make_equal(a));
    app_models_set_device(a);
    return CRM_OK;
}

static crm_status note_gpu(crm_record *run, int rank, const owned *o)
{
    char path[64];

    snprintf(path, sizeof path, "devices.%d.name", rank);
    CRM_TRY(crm_record_note_text(run, path, o->name));
    if (!o->gpu) return CRM_OK;
    snprintf(path, sizeof path, "devices.%d.peak_bytes", rank);
    CRM_TRY(crm_record_note_i64(run, path, o->usage.peak_bytes));
    snprintf(path, sizeof path, "devices.%d.graphs", rank);
    CRM_TRY(crm_record_note_i64(run, path, o->usage.graphs));
    snprintf(path, sizeof path, "devices.%d.graph_updates", rank);
    CRM_TRY(crm_record_note_i64(run, path, o->usage.updates));
    snprintf(path, sizeof path, "devices.%d.graph_replays", rank);
    CRM_TRY(crm_record_note_i64(run, path, o->usage.replays));
    if (o->usage.energy < 0) return CRM_OK;
    snprintf(path, sizeof path, "devices.%d.energy_joules", rank);
    return crm_record_note_f64(run, path, o->usage.energy);
}

/* Name of the CPU device of a rank that has no GPU. */
static crm_status note_name(const app *a, crm_record *run)
{
    crm_device *d;
    crm_status st;

    if (a->device) return crm_record_note_text(run, "device", crm_device_name(a->device));
    CRM_TRY(crm_device_cpu(CRM_CPU_BEST, &d));
    st = crm_record_note_text(run, "device", crm_device_name(d));
    crm_device_free(&d);
    return st;
}

crm_status app_device_note(app *a, crm_record *run)
{
    owned o = mine(a), *all;
    void *bytes;
    size_t total;
    crm_status st = CRM_OK;

    CRM_TRY(crm_comm_gather(a->world, 0, &o, sizeof o, &bytes, &total, NULL));
    all = bytes;
    if (app_is_root(a)) st = note_name(a, run);
    for (int r = 0; all && a->device && r < crm_comm_size(a->world) && !st; r++)
        st = note_gpu(run, r, &all[r]);
    crm_mem_free(bytes);
    return crm_comm_agree(a->world, st);
}

/* ---- --profile ---- */

/* Wall times of the ranges of rank 0; "other" ranks differ by what they wait for. */
static void print_rows(const crm_profile_row *row, int n, double all)
{
    fprintf(stderr, "%-20s %10s %12s %12s %8s\n", "range", "calls", "seconds", "ms a call",
            "share");
    for (int i = 0; i < n; i++)
        fprintf(stderr, "%-20s %10lld %12.3f %12.3f %7.1f%%\n", row[i].name,
                (long long)row[i].calls, row[i].seconds,
                1e3 * row[i].seconds / (double)(row[i].calls > 0 ? row[i].calls : 1),
                100 * row[i].seconds / all);
    fprintf(stderr, "%-20s %10s %12.3f\n", "whole command", "", all);
}

crm_status app_profile(const app *a, crm_record *run, double seconds)
{
    const crm_profile_row *row;
    int n = crm_profile_rows(&row);
    char path[96];

    if (!a->args.profile || !app_is_root(a)) return CRM_OK;
    print_rows(row, n, seconds);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "profile.%s.calls", row[i].name);
        CRM_TRY(crm_record_note_i64(run, path, row[i].calls));
        snprintf(path, sizeof path, "profile.%s.seconds", row[i].name);
        CRM_TRY(crm_record_note_f64(run, path, row[i].seconds));
    }
    return CRM_OK;
}
