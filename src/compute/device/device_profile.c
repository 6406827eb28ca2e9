/* device_profile.c - named ranges: passed on to the device's profiler, and a table of wall times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_run.h"
#include "device_impl.h"

enum { ROWS = 256, DEPTH = 16, NAME = 96 };

/* Of this process; the main thread's. */
static struct {
    bool on;
    int n, depth;
    crm_profile_row row[ROWS];
    char name[ROWS][NAME];
    struct {
        int row;
        double start;
    } open[DEPTH];
} table;

static _Thread_local bool started_here;

void crm_profile_start(void)
{
    table.on = started_here = true;
    table.n = table.depth = 0;
}

/* Profilers with NVTX name their library to the process in this variable. */
static bool has_profiler(void)
{
    const char *path = getenv("NVTX_INJECTION64_PATH");

    return path && path[0];
}

bool crm_range_watched(const crm_device *d)
{
    return (table.on && started_here) || (d && d->ops->range_push && has_profiler());
}

int crm_profile_rows(const crm_profile_row **rows)
{
    *rows = table.row;
    return table.n;
}

/* The work behind a range is that of the device: wait for it.  An error shows at the next call that
 * can tell it. */
static void settle(crm_device *d)
{
    if (d && !d->capturing && crm_device_sync(d) != CRM_OK) return;
}

static int row_of(const char *name)
{
    int i = 0;

    while (i < table.n && strncmp(table.name[i], name, NAME - 1) != 0)
        i++;
    if (i < table.n || i == ROWS) return i;
    snprintf(table.name[i], NAME, "%s", name);
    table.row[table.n++] = (crm_profile_row){.name = table.name[i]};
    return i;
}

void crm_range_push(crm_device *d, const char *name)
{
    if (d && d->ops->range_push) d->ops->range_push(d->state, name);
    if (!table.on) return;
    settle(d);
    if (table.depth < DEPTH) {
        table.open[table.depth].row = row_of(name);
        table.open[table.depth].start = crm_clock_now();
    }
    table.depth++;
}

void crm_range_pop(crm_device *d)
{
    if (d && d->ops->range_pop) d->ops->range_pop(d->state);
    if (!table.on || table.depth == 0) return;
    settle(d);
    table.depth--;
    if (table.depth < DEPTH && table.open[table.depth].row < ROWS) {
        crm_profile_row *row = &table.row[table.open[table.depth].row];

        row->calls++;
        row->seconds += crm_clock_now() - table.open[table.depth].start;
    }
}
