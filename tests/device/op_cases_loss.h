/* op_cases_loss.h - losses in the table of operations. */
#ifndef OP_CASES_LOSS_H
#define OP_CASES_LOSS_H

#include "op_cases_step.h"
#include "op_fixture.h"

/* Array k: one loss for each lane. */
static void lane_losses(fixture *f, int k)
{
    declare(f, k,
            (array){.dtype = CRM_F64,
                    .role = OUT,
                    .span = PER_LANE,
                    .rank = 1,
                    .n = 1,
                    .d = 1,
                    .ld = 1,
                    .stride = 1,
                    .flags = LANE_VECTOR},
            0, 0);
}

/* ---- losses of classes: 0 logits, 1 labels, 2 class weights, 3 loss, 4 dlogits, 5 scale ---- */

enum { BINARY = 1, NO_WEIGHTS = 2, LOSS_ONLY = 4, SCALE_AT = 8, SMOOTH = 16 };
static const double SCALE = 0.37, SMOOTH_BY = 0.3;

static double row_sum(const fixture *f, int64_t r)
{
    double sum = f->variant & BINARY ? 1 : 0;

    for (int64_t j = 0; j < f->a[0].d; j++)
        sum += exp(in(f, 0, r, j));
    return sum;
}

/* Sum over classes of what the label gives each times its logit; those of a binary loss are 0, z.
 */
static double labelled(const fixture *f, int64_t r, int64_t label, int64_t changed, double by)
{
    bool binary = f->variant & BINARY;
    int64_t k = f->a[0].d, classes = binary ? 2 : k;
    double smooth = f->variant & SMOOTH ? SMOOTH_BY : 0, sum = 0;

    for (int64_t j = 0; j < k; j++) {
        double part = smooth / (double)classes + ((binary ? 1 : j) == label ? 1 - smooth : 0);
        sum += part * (in(f, 0, r, j) + (j == changed ? by : 0));
    }
    return sum;
}

/* sum is row_sum of the row as it is. */
static double row_loss(const fixture *f, int64_t r, double sum, int64_t changed, double by)
{
    int64_t label = (int64_t)in(f, 1, r, 0);
    double chosen;

    if (label < 0) return 0;
    chosen = labelled(f, r, label, changed, by);
    if (changed >= 0) sum += exp(in(f, 0, r, changed) + by) - exp(in(f, 0, r, changed));
    return SCALE * (f->variant & NO_WEIGHTS ? 1 : in(f, 2, label, 0)) * (log(sum) - chosen);
}

static void loss_setup(fixture *f)
{
    bool binary = f->variant & BINARY;
    int64_t k = binary ? 1 : f->s.o, classes = binary ? 2 : k;
    const double h = 1e-4;

    matrix(f, 0, IN, PER_ROW, f->n, k, (f->variant & ~SMOOTH) == LOSS_ONLY ? ANY_COLS : 0);
    declare(f, 1,
            (array){.dtype = CRM_I32,
                    .role = IN,
                    .span = PER_ROW,
                    .rank = 1,
                    .n = f->n,
                    .d = 1,
                    .ld = 1,
                    .flags = NO_TENSOR},
            -1, (double)classes);
    declare(f, 2,
            (array){.dtype = CRM_F32,
                    .role = IN,
                    .span = FIXED,
                    .rank = 1,
                    .n = classes,
                    .d = 1,
                    .ld = 1,
                    .flags = NO_TENSOR},
            0.5, 2);
    lane_losses(f, 3);
    matrix(f, 4, f->variant & LOSS_ONLY ? IN : OUT, PER_ROW, f->n, k,
           f->variant & LOSS_ONLY ? NO_TENSOR : 0);
    one_number(f, 5, SCALE);
    for (int64_t r = 0; r < f->n; r++) {
        double sum = row_sum(f, r);

        *want(f, 3, r / f->s.lane_rows, 0, 0) += row_loss(f, r, sum, -1, 0);
        for (int64_t j = 0; j < k; j++)
            *want(f, 4, 0, r, j) =
                (row_loss(f, r, sum, j, h) - row_loss(f, r, sum, j, -h)) / (2 * h);
    }
}

static crm_status loss_call(crm_device *d, fixture *f)
{
    crm_tensor z = view(f, 0), loss = view(f, 3), dz = view(f, 4);
    crm_loss p = {.label = raw(f, 1),
                  .class_weight = f->variant & NO_WEIGHTS ? NULL : raw(f, 2),
                  .smooth = f->variant & SMOOTH ? SMOOTH_BY : 0,
                  .scale = f->variant & SCALE_AT ? 99 : SCALE,
                  .scale_at = f->variant & SCALE_AT ? raw(f, 5) : NULL};
    crm_tensor *to = f->variant & LOSS_ONLY ? NULL : &dz;

    return f->variant & BINARY ? crm_op_bce_loss(d, &z, &p, &f->lanes, &loss, to)
                               : crm_op_ce_loss(d, &z, &p, &f->lanes, &loss, to);
}

/* ---- losses of numbers: 0 predictions, 1 values (some NaN), 2 loss, 3 gradient, 4 scale.  Huber
 * (1964); Poisson with a logarithmic rate ---- */

enum { POISSON = 1, NUMBER_LOSS_ONLY = 2 };
static const double NUMBER_SCALE = 0.37, DELTA = 0.8;

static double number_loss(const fixture *f, int64_t r, int64_t j, double by)
{
    double z = in(f, 0, r, j) + by, y = in(f, 1, r, j), a = fabs(z - y);

    if (isnan(y)) return 0;
    if (f->variant & POISSON) return NUMBER_SCALE * (exp(z) - y * z);
    return NUMBER_SCALE * (a <= DELTA ? a * a / 2 : DELTA * (a - DELTA / 2));
}

static void number_setup(fixture *f)
{
    bool alone = f->variant & NUMBER_LOSS_ONLY;
    const double h = 1e-6;

    matrix(f, 0, IN, PER_ROW, f->n, f->s.o, alone ? ANY_COLS : 0);
    declare(f, 1,
            (array){.dtype = CRM_F32,
                    .role = IN,
                    .span = PER_ROW,
                    .rank = 2,
                    .n = f->n,
                    .d = f->s.o,
                    .ld = f->s.o,
                    .flags = NO_TENSOR},
            -2, 2);
    lane_losses(f, 2);
    matrix(f, 3, alone ? IN : OUT, PER_ROW, f->n, f->s.o, alone ? NO_TENSOR : 0);
    one_number(f, 4, NUMBER_SCALE);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t j = 0; j < f->s.o; j++) {
            if (in(f, 1, r, j) > 1.2) put(&f->a[1], place(&f->a[1], 0, r, j), NAN);
            *want(f, 2, r / f->s.lane_rows, 0, 0) += number_loss(f, r, j, 0);
            *want(f, 3, 0, r, j) = (number_loss(f, r, j, h) - number_loss(f, r, j, -h)) / (2 * h);
        }
}

static crm_status number_call(crm_device *d, fixture *f)
{
    crm_tensor z = view(f, 0), loss = view(f, 2), dz = view(f, 3);
    crm_loss p = {.value = raw(f, 1),
                  .delta = DELTA,
                  .scale = f->variant & SCALE_AT ? 99 : NUMBER_SCALE,
                  .scale_at = f->variant & SCALE_AT ? raw(f, 4) : NULL};
    crm_tensor *to = f->variant & NUMBER_LOSS_ONLY ? NULL : &dz;

    return f->variant & POISSON ? crm_op_poisson_loss(d, &z, &p, &f->lanes, &loss, to)
                                : crm_op_huber_loss(d, &z, &p, &f->lanes, &loss, to);
}
#endif
