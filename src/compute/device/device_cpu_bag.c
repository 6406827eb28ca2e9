/* device_cpu_bag.c - weighted bags of rows of a table on the CPU: the wide part of a net.  The
 * arithmetic is that of gather and scatter in cpu/cpu_rows.inc.h.
 *
 * Going back, entries are added straight into the table in their order: each row of it then holds
 * 0 + its entries in order of position, which are the operations of a sort by (id, position)
 * without the sort. */
#include <string.h>

#include "device_cpu_impl.h"

/* Entries of a bag that name a row of the table, in memory of the handle. */
typedef struct kept {
    int32_t *row;
    float *factor;
} kept;

/* What only the device can look at. */
static crm_status open_bags(cpu_state *s, const crm_bag *p, kept *out)
{
    int64_t most = 0;

    CRM_CHECK(p->n == 0 || p->first[0] == 0, CRM_ERR_ARG, "entries of bag 0 begin at %lld, not 0",
              (long long)p->first[0]);
    for (int64_t r = 0; r < p->n; r++) {
        int64_t entries = p->first[r + 1] - p->first[r];

        CRM_CHECK(entries >= 0, CRM_ERR_ARG, "bag %lld has %lld entries, 0 is the least",
                  (long long)r, (long long)entries);
        if (entries > most) most = entries;
    }
    CPU_SCRATCH(s, CPU_BAG_ROW, out->row, most);
    CPU_SCRATCH(s, CPU_BAG_FACTOR, out->factor, most);
    return CRM_OK;
}

static bool all_inside(const int32_t *id, int64_t n, int64_t rows)
{
    uint32_t end = (uint32_t)rows, outside = 0;

    for (int64_t i = 0; i < n; i++)
        outside |= (uint32_t)id[i] >= end;
    return !outside;
}

/* Entries of bag r as rows of x: as they stand, or without those outside. */
static crm_cpu_terms terms_of(const crm_bag *p, int64_t r, const crm_tensor *x, const kept *k)
{
    int64_t at = p->first[r], n = p->first[r + 1] - at;
    crm_cpu_terms t = {.n = n, .x = x->data, .ld = x->ld, .width = x->dim[1]};

    if (n == 0) return t;
    t.row = p->id + at;
    t.factor = p->value + at;
    if (all_inside(t.row, n, x->dim[0])) return t;
    t.row = k->row;
    t.factor = k->factor;
    t.n = 0;
    for (int64_t i = at; i < at + n; i++)
        if (p->id[i] >= 0 && p->id[i] < x->dim[0]) {
            k->row[t.n] = p->id[i];
            k->factor[t.n++] = p->value[i];
        }
    return t;
}

crm_status crm_cpu_bag(void *state, const crm_bag *p, const crm_tensor *table, crm_tensor *y)
{
    cpu_state *s = state;
    float factor = (float)p->factor;
    kept k;

    CRM_TRY(open_bags(s, p, &k));
    for (int64_t r = 0; r < p->n; r++) {
        crm_cpu_terms t = terms_of(p, r, table, &k);

        memset(row(y, r), 0, row_bytes(y));
        s->k->gather(&t, row(y, r));
        s->k->scale(row(y, r), factor, y->dim[1]);
    }
    return CRM_OK;
}

crm_status crm_cpu_bag_bwd(void *state, const crm_bag *p, const crm_tensor *dy,
                           const crm_lanes *lanes, crm_tensor *dtable)
{
    cpu_state *s = state;
    float factor = (float)p->factor, *g;
    kept k;

    CRM_TRY(open_bags(s, p, &k));
    CPU_SCRATCH(s, CPU_BAG_GRADIENT, g, dy->dim[1]);
    for (int64_t l = 0; l < lanes->n; l++) {
        crm_tensor table = *dtable;

        table.data = (float *)dtable->data + l * lanes->stride;
        for (int64_t r = crm_lane_first(lanes, l); r < crm_lane_first(lanes, l + 1); r++) {
            crm_cpu_terms t = terms_of(p, r, &table, &k);

            s->k->times_row(row(dy, r), factor, g, dy->dim[1]);
            s->k->scatter(&t, g);
        }
    }
    return CRM_OK;
}
