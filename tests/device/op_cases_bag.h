/* op_cases_bag.h - weighted bags for the table of op_cases.h, BAG entries each: 0 first, 1 id, 2
 * value, then table and y, or dy and the gradient of the table.  Some ids are outside the table. */
#ifndef OP_CASES_BAG_H
#define OP_CASES_BAG_H

#include "op_fixture.h"

enum { BAG = 3 };
static const double BAG_FACTOR = 2.5;

static void bag_entries(fixture *f)
{
    array entries = {
        .role = IN, .span = PER_ROW, .rank = 2, .flags = NO_TENSOR, .n = f->n, .d = BAG, .ld = BAG};

    vector(f, 0, CRM_I64, IN, FIXED, f->n + 1, NO_TENSOR);
    for (int64_t r = 0; r <= f->n; r++)
        put(&f->a[0], place(&f->a[0], 0, r, 0), (double)(r * BAG));
    entries.dtype = CRM_I32;
    declare(f, 1, entries, -1, (double)f->s.o + 1);
    entries.dtype = CRM_F32;
    declare(f, 2, entries, -1, 1);
}

static crm_bag bag_of(const fixture *f)
{
    return (crm_bag){.n = f->rows,
                     .n_entries = f->rows * BAG,
                     .first = raw(f, 0),
                     .id = raw(f, 1),
                     .value = raw(f, 2),
                     .factor = BAG_FACTOR};
}

/* Weight of table row `id` in bag r. */
static double bag_weight(const fixture *f, int64_t r, int64_t id)
{
    double s = 0;

    for (int64_t i = 0; i < BAG; i++)
        if ((int64_t)in(f, 1, r, i) == id) s += BAG_FACTOR * in(f, 2, r, i);
    return s;
}

static void bag_setup(fixture *f)
{
    bag_entries(f);
    matrix(f, 3, IN, FIXED, f->s.o, f->s.i, ANY_ROWS);
    matrix(f, 4, OUT, PER_ROW, f->n, f->s.i, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t id = 0; id < f->s.o; id++) {
            double w = bag_weight(f, r, id);

            for (int64_t j = 0; w != 0 && j < f->s.i; j++)
                *want(f, 4, 0, r, j) += w * in(f, 3, id, j);
        }
}

static crm_status bag_call(crm_device *d, fixture *f)
{
    crm_bag p = bag_of(f);
    crm_tensor table = view(f, 3), y = view(f, 4);

    return crm_op_bag(d, &p, &table, &y);
}

static void bag_bwd_setup(fixture *f)
{
    bag_entries(f);
    matrix(f, 3, IN, PER_ROW, f->n, f->s.i, 0);
    matrix(f, 4, INOUT, PER_LANE, f->s.o, f->s.i, ANY_ROWS);
    f->lanes.stride = f->a[4].stride;
    for (int64_t at = 0; at < f->a[4].count; at++)
        if (f->a[4].element[at]) put(&f->a[4], at, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t id = 0; id < f->s.o; id++) {
            double w = bag_weight(f, r, id);

            for (int64_t j = 0; w != 0 && j < f->s.i; j++)
                *want(f, 4, r / f->s.lane_rows, id, j) += w * in(f, 3, r, j);
        }
}

static crm_status bag_bwd_call(crm_device *d, fixture *f)
{
    crm_bag p = bag_of(f);
    crm_tensor dy = view(f, 3), table = view(f, 4);

    return crm_op_bag_bwd(d, &p, &dy, &f->lanes, &table);
}
#endif
