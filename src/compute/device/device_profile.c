/* device_profile.c - named ranges: passed on to the device's profiler, and a table of wall times.
 */
#include "crmpi/base_run.h"
#include "device_impl.h"

enum { NAMES = 32, DEPTH = 16 };

/* Of this process; the main thread's. */
static struct {
    bool on;
    int n, depth;
    crm_profile_row row[NAMES];
    struct {
        int row;
        double start;
    } open[DEPTH];
} table;

void crm_profile_start(void)
{
    table.on = true;
    table.n = table.depth = 0;
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

    while (i < table.n && table.row[i].name != name)
        i++;
    if (i == table.n && i < NAMES) table.row[table.n++] = (crm_profile_row){.name = name};
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
    if (table.depth < DEPTH && table.open[table.depth].row < NAMES) {
        crm_profile_row *row = &table.row[table.open[table.depth].row];

        row->calls++;
        row->seconds += crm_clock_now() - table.open[table.depth].start;
    }
}
