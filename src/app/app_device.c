/* app_device.c - the device of each rank: opened once, given to all models, told in run.json. */
#include <stdlib.h>
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/comm_device.h"

enum { NAME_MAX = 64, HOST_MAX = 64, TEXT_MAX = 512 };

/* What one rank has, for the others to see. */
typedef struct owned {
    char name[NAME_MAX], host[HOST_MAX];
    char arithmetic[TEXT_MAX];            /* crm_device_arithmetic                         */
    char instead[TEXT_MAX];               /* why it has no GPU; empty: it has, or wants none */
    int64_t rank, gpu, sharers, expected; /* expected: crm_device_expected */
    crm_device_usage usage;
} owned;

static owned mine(const app *a)
{
    owned o = {.rank = crm_comm_rank(a->world), .gpu = a->device && !crm_device_is_host(a->device)};

    crm_comm_host(o.host, sizeof o.host);
    snprintf(o.name, sizeof o.name, "%s", a->device ? crm_device_name(a->device) : "cpu");
    o.usage.energy = -1;
    if (!a->device) return o;
    o.sharers = crm_device_sharers(a->device);
    snprintf(o.arithmetic, sizeof o.arithmetic, "%s", crm_device_arithmetic(a->device));
    snprintf(o.instead, sizeof o.instead, "%s", crm_device_instead(a->device));
    o.expected = o.instead[0] && crm_device_expected();
    if (crm_device_use(a->device, &o.usage)) {
        o.usage = (crm_device_usage){.energy = -1};
        crm_err_clear();
    }
    return o;
}

/* ---- equal on all ranks ---- */

/* Text a from the first item in a list with commas in which b differs. */
static const char *differing(const char *a, const char *b)
{
    const char *item = a;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (i > 0 && a[i - 1] == ',' && a[i] == ' ') item = a + i + 1;
    return item;
}

/* One line where a GPU is missing, or where GPUs compute differently. */
static void tell(const app *a, const owned *without, const owned *with, const owned *other)
{
    const char *first = with ? with->arithmetic : "";

    if (!app_is_root(a)) return;
    if (with && without)
        crm_log_line(CRM_LOG_WARN, a->args.command,
                     "rank %lld on node %s has no GPU that can be used: %s; rank %lld on node %s "
                     "has one, so all ranks compute on the CPU; take nodes that are alike",
                     (long long)without->rank, without->host, without->instead,
                     (long long)with->rank, with->host);
    else if (without && without->instead[0])
        crm_log_line(without->expected ? CRM_LOG_INFO : CRM_LOG_DEBUG, "device",
                     "runs on the CPU: %s", without->instead);
    else if (other)
        crm_log_line(CRM_LOG_WARN, a->args.command,
                     "rank %lld on node %s computes with %s, rank %lld on node %s with %s: results "
                     "then depend on the layout; take nodes with equal GPUs and equal libraries",
                     (long long)with->rank, with->host, differing(first, other->arithmetic),
                     (long long)other->rank, other->host, differing(other->arithmetic, first));
}

/* All ranks compute on GPUs or none does: the two do not sum in the same order. */
static crm_status make_equal(app *a)
{
    owned o = mine(a), *all;
    const owned *without = NULL, *with = NULL, *other = NULL;
    void *bytes;
    size_t total;

    CRM_TRY(crm_comm_allgather(a->world, &o, sizeof o, &bytes, &total, NULL));
    all = bytes;
    for (int r = 0; r < crm_comm_size(a->world); r++) {
        const owned **first = all[r].gpu ? &with : &without;
        if (!*first) *first = &all[r];
        if (strcmp(all[r].arithmetic, all[0].arithmetic) != 0 && !other) other = &all[r];
    }
    tell(a, without, with, other);
    if (without) crm_device_free(&a->device);
    crm_mem_free(bytes);
    return CRM_OK;
}

/* --profile waits at each range, which work that is captured as a graph cannot do. */
static crm_status open_mine(app *a)
{
    crm_device_cfg cfg = a->gpu;

    if (a->args.profile) cfg.graph = false;
    return crm_device_open(&cfg, crm_comm_node_rank(a->world), crm_comm_node_size(a->world),
                           &a->device);
}

crm_status app_device_open(app *a)
{
    crm_status st = open_mine(a);

    CRM_TRY(crm_comm_agree(a->world, st));
    CRM_TRY(make_equal(a));
    CRM_TRY(crm_dsum_find_shared(a->world, a->device));
    app_models_set_device(a);
    return CRM_OK;
}

/* ---- run.json ---- */

static crm_status note_gpu(crm_record *run, int rank, const owned *o)
{
    char path[64];

    snprintf(path, sizeof path, "devices.%d.name", rank);
    CRM_TRY(crm_record_note_text(run, path, o->name));
    if (!o->gpu) return CRM_OK;
    snprintf(path, sizeof path, "devices.%d.arithmetic", rank);
    CRM_TRY(crm_record_note_text(run, path, o->arithmetic));
    snprintf(path, sizeof path, "devices.%d.ranks", rank);
    CRM_TRY(crm_record_note_i64(run, path, o->sharers));
    snprintf(path, sizeof path, "devices.%d.peak_bytes", rank);
    CRM_TRY(crm_record_note_i64(run, path, o->usage.peak_bytes));
    snprintf(path, sizeof path, "devices.%d.gpu_used_bytes", rank);
    if (o->usage.total_bytes > 0)
        CRM_TRY(crm_record_note_i64(run, path, o->usage.total_bytes - o->usage.free_bytes));
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

    CRM_TRY(crm_device_cpu(CRM_CPU_BEST, &d));
    st = crm_record_note_text(run, "cpu.kernels", crm_device_name(d));
    if (!st) st = crm_record_note_text(run, "device", crm_device_name(a->device ? a->device : d));
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
    int width = 20;

    for (int i = 0; i < n; i++)
        if ((int)strlen(row[i].name) > width) width = (int)strlen(row[i].name);
    fprintf(stderr, "%-*s %10s %12s %12s %8s\n", width, "range", "calls", "seconds", "ms a call",
            "share");
    for (int i = 0; i < n; i++)
        fprintf(stderr, "%-*s %10lld %12.3f %12.3f %7.1f%%\n", width, row[i].name,
                (long long)row[i].calls, row[i].seconds,
                1e3 * row[i].seconds / (double)(row[i].calls > 0 ? row[i].calls : 1),
                100 * row[i].seconds / all);
    fprintf(stderr, "%-*s %10s %12.3f\n", width, "whole command", "", all);
}

/* A dot in the name of a layer would begin a group of its own. */
static crm_status note_row(crm_record *run, const crm_profile_row *row)
{
    char name[96], path[128];

    snprintf(name, sizeof name, "%s", row->name);
    for (char *dot = name; (dot = strchr(dot, '.')) != NULL;)
        *dot = '/';
    snprintf(path, sizeof path, "profile.%s.calls", name);
    CRM_TRY(crm_record_note_i64(run, path, row->calls));
    snprintf(path, sizeof path, "profile.%s.seconds", name);
    return crm_record_note_f64(run, path, row->seconds);
}

crm_status app_profile(const app *a, crm_record *run, double seconds)
{
    const crm_profile_row *row;
    int n = crm_profile_rows(&row);

    if (!a->args.profile || !app_is_root(a)) return CRM_OK;
    print_rows(row, n, seconds);
    for (int i = 0; i < n; i++)
        CRM_TRY(note_row(run, &row[i]));
    return CRM_OK;
}
