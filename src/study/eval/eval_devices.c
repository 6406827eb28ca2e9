/* eval_devices.c - on what units were computed.  A run may go on where there are other devices; its
 * results then belong to no one of them, which the summary cannot show: told in run.json. */
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "eval_impl.h"

/* "NVIDIA H100" of "cuda:1 NVIDIA H100"; each CPU gives the same bits. */
const char *crm_unit_device(const study *s, const unit *u)
{
    const crm_model_spec *spec = s->e->spec[u->model];
    const char *name, *blank;

    if (!spec->estimator->uses_device) return "";
    if (!spec->device || crm_device_is_host(spec->device)) return "cpu";
    name = crm_device_name(spec->device);
    blank = strchr(name, ' ');
    return blank ? blank + 1 : name;
}

/* Unit i is the first of its kind of device. */
static bool is_first(const result *r, int i)
{
    if (!r[i].device[0]) return false;
    for (int k = 0; k < i; k++)
        if (strcmp(r[k].device, r[i].device) == 0) return false;
    return true;
}

static int kinds(const study *s, const result *r)
{
    int n = 0;

    for (int i = 0; i < s->n_units; i++)
        n += is_first(r, i);
    return n;
}

/* Names of the units with the device of unit first. */
static int list(const study *s, const result *r, int first, crm_str *names)
{
    int n = 0;

    for (int i = first; i < s->n_units; i++)
        if (strcmp(r[i].device, r[first].device) == 0)
            crm_str_addf(names, "%s%s", n++ ? ", " : "", s->unit[i].name);
    return n;
}

static crm_status note_kind(const study *s, const result *r, int first, int kind, crm_str *told)
{
    char path[64];
    crm_str names = {0};
    int n = list(s, r, first, &names);
    crm_status st = CRM_OK;

    if (names.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: devices of units");
    crm_str_addf(told, "%s%d on %s", kind ? ", " : "", n, r[first].device);
    snprintf(path, sizeof path, "devices_of_units.%d.name", kind);
    if (!st) st = crm_record_note_text(s->e->record, path, r[first].device);
    snprintf(path, sizeof path, "devices_of_units.%d.units", kind);
    if (!st) st = crm_record_note_text(s->e->record, path, names.text);
    crm_str_free(&names);
    return st;
}

crm_status crm_study_devices(const study *s, const result *r)
{
    crm_str told = {0};
    crm_status st = CRM_OK;
    int kind = 0;

    if (kinds(s, r) < 2) return CRM_OK;
    for (int i = 0; i < s->n_units && !st; i++)
        if (is_first(r, i)) st = note_kind(s, r, i, kind++, &told);
    if (!st)
        crm_log_line(CRM_LOG_WARN, "crossval",
                     "units were computed on several kinds of device (%s): no one of them gives "
                     "this result again; run.json has which (devices_of_units)",
                     told.failed || !told.text ? "?" : told.text);
    crm_str_free(&told);
    return st;
}
