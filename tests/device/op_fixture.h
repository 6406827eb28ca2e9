/* op_fixture.h - runs one operation on arrays of any device: guard bands, NaN before, slices, bad
 * shapes.
 *
 * A case declares arrays; each gets an image in host memory: guards and the gaps between rows hold
 * a pattern, outputs NaN, inputs random numbers.  A run uploads all images, calls the operation,
 * and downloads all.  Only elements of outputs may have changed. */
#ifndef OP_FIXTURE_H
#define OP_FIXTURE_H

#include <stdlib.h>

#include "crmpi/base_rng.h"

#include "devices_testing.h"

enum { ARRAYS = 6, GUARD = 16 };
typedef enum { IN, OUT, INOUT } role;
typedef enum { FIXED, PER_ROW, PER_LANE } span;
/* Flags of an array. */
enum { NO_TENSOR = 1, ANY_ROWS = 2, ANY_COLS = 4, LANE_VECTOR = 8, ANY_TYPE = 16 };

/* Sizes of one trial: rows = lanes * lane_rows; gap = elements between rows of matrices. */
typedef struct shape {
    int64_t lanes, lane_rows, i, o, gap;
} shape;

typedef struct array {
    crm_dtype dtype;
    role role;
    span span;
    int rank, flags;
    int64_t n, d, ld, stride; /* rows of one lane for PER_LANE; stride between lanes */
    int64_t count;            /* elements of the image, guards included               */
    void *image, *got, *dev;
    unsigned char *element; /* [count] 1 where an element lies                      */
    double *want;           /* [count] expected value of an output, by place        */
} array;

typedef enum { NOTHING, BAD_DTYPE, BAD_RANK, BAD_ROWS, BAD_COLS, BAD_LD, BAD_DATA, BAD_COUNT } bad;

typedef struct fixture {
    shape s;
    int64_t n; /* rows in all */
    int variant;
    array a[ARRAYS];
    int n_arrays;
    int64_t row0, rows; /* of the run: a slice of the PER_ROW arrays */
    crm_lanes lanes;    /* of the run                                */
    int bad_array;
    bad bad;
} fixture;

static inline int64_t place(const array *a, int64_t lane, int64_t i, int64_t j)
{
    return GUARD + lane * a->stride + i * a->ld + j;
}

static inline double value(const array *a, const void *image, int64_t at)
{
    switch (a->dtype) {
    case CRM_F32:
        return (double)((const float *)image)[at];
    case CRM_F64:
        return ((const double *)image)[at];
    case CRM_U8:
        return ((const uint8_t *)image)[at];
    case CRM_U16:
        return ((const uint16_t *)image)[at];
    case CRM_I32:
        return ((const int32_t *)image)[at];
    case CRM_I64:
        return (double)((const int64_t *)image)[at];
    default:
        return NAN;
    }
}

static inline void put(array *a, int64_t at, double v)
{
    switch (a->dtype) {
    case CRM_F32:
        ((float *)a->image)[at] = (float)v;
        break;
    case CRM_F64:
        ((double *)a->image)[at] = v;
        break;
    case CRM_U8:
        ((uint8_t *)a->image)[at] = (uint8_t)v;
        break;
    case CRM_U16:
        ((uint16_t *)a->image)[at] = (uint16_t)v;
        break;
    case CRM_I32:
        ((int32_t *)a->image)[at] = (int32_t)v;
        break;
    case CRM_I64:
        ((int64_t *)a->image)[at] = (int64_t)v;
        break;
    default:
        break;
    }
}

/* Element (i, j) of an input as it was before the run; want of an output. */
static inline double in(const fixture *f, int k, int64_t i, int64_t j)
{
    return value(&f->a[k], f->a[k].image, place(&f->a[k], 0, i, j));
}
static inline double *want(fixture *f, int k, int64_t lane, int64_t i, int64_t j)
{
    return &f->a[k].want[place(&f->a[k], lane, i, j)];
}

static inline double random_in(fixture *f, int k, int64_t at, double lo, double hi)
{
    crm_rng r = crm_rng_at(7, CRM_RNG_TEST, (uint32_t)k, (uint64_t)at);

    (void)f;
    return lo + (hi - lo) * crm_rng_uniform(&r);
}

/* Whole numbers cannot be NaN. */
static inline bool is_whole(crm_dtype t)
{
    return t != CRM_F32 && t != CRM_F64;
}

/* Give array k its memory; inputs uniform on [lo, hi], integers rounded down. */
static inline void declare(fixture *f, int k, array a, double lo, double hi)
{
    int64_t lanes = a.span == PER_LANE ? f->s.lanes : 1;
    size_t bytes = crm_dtype_size(a.dtype);

    if (a.stride == 0) a.stride = a.n * a.ld + 5;
    a.count = 2 * GUARD + (lanes - 1) * a.stride + a.n * a.ld;
    a.image = crm_mem_new((size_t)a.count, bytes);
    a.got = crm_mem_new((size_t)a.count, bytes);
    a.element = crm_mem_new((size_t)a.count, 1);
    a.want = crm_mem_new((size_t)a.count, sizeof *a.want);
    if (!a.image || !a.got || !a.element || !a.want) abort();
    memset(a.image, 0xA5, (size_t)a.count * bytes);
    for (int64_t l = 0; l < lanes; l++)
        for (int64_t i = 0; i < a.n; i++)
            for (int64_t j = 0; j < a.d; j++) {
                int64_t at = place(&a, l, i, j);
                double v = random_in(f, k, at, lo, hi);

                a.element[at] = 1;
                if (a.role == OUT)
                    put(&a, at, is_whole(a.dtype) ? -77777 : NAN);
                else
                    put(&a, at, is_whole(a.dtype) ? floor(v) : v);
            }
    f->a[k] = a;
    f->n_arrays = k + 1;
}

static inline void matrix(fixture *f, int k, role r, span s, int64_t n, int64_t d, int flags)
{
    declare(f, k,
            (array){.dtype = CRM_F32,
                    .role = r,
                    .span = s,
                    .rank = 2,
                    .flags = flags,
                    .n = n,
                    .d = d,
                    .ld = d + f->s.gap},
            -1, 1);
}

static inline void vector(fixture *f, int k, crm_dtype t, role r, span s, int64_t n, int flags)
{
    declare(
        f, k,
        (array){
            .dtype = t, .role = r, .span = s, .rank = 1, .flags = flags, .n = n, .d = 1, .ld = 1},
        -1, 1);
}

/* Tensor of array k as the run sees it, wrong on purpose where the run says so. */
static inline crm_tensor view(const fixture *f, int k)
{
    const array *a = &f->a[k];
    int64_t n = a->span == PER_ROW ? f->rows : a->flags & LANE_VECTOR ? f->lanes.n : a->n;
    int64_t first = GUARD + (a->span == PER_ROW ? f->row0 * a->ld : 0);
    crm_tensor t = {.data = (char *)a->dev + (size_t)first * crm_dtype_size(a->dtype),
                    .dtype = a->dtype,
                    .rank = a->rank,
                    .dim = {n, a->d},
                    .ld = a->ld};

    if (k != f->bad_array) return t;
    switch (f->bad) {
    case BAD_DTYPE:
        t.dtype = CRM_U8;
        break;
    case BAD_RANK:
        t.rank = 3;
        break;
    case BAD_ROWS:
        t.dim[0]++;
        break;
    case BAD_COLS:
        t.dim[1]++, t.ld++;
        break;
    case BAD_LD:
        t.ld = t.dim[1] - 1;
        break;
    case BAD_DATA:
        t.data = NULL;
        break;
    case NOTHING:
    case BAD_COUNT:
        break;
    }
    return t;
}

/* Pointer of an array that is no tensor, at the first row of the run. */
static inline const void *raw(const fixture *f, int k)
{
    return view(f, k).data;
}

typedef crm_status (*op_call)(crm_device *d, fixture *f);

/* Whole batch, whole lanes. */
static inline void all_rows(fixture *f)
{
    f->row0 = 0;
    f->rows = f->n;
    f->lanes = (crm_lanes){.n = f->s.lanes, .rows = f->s.lane_rows, .stride = f->lanes.stride};
    f->bad_array = -1;
    f->bad = NOTHING;
}

static inline void slice(fixture *f, int64_t first, int64_t rows)
{
    all_rows(f);
    f->row0 = first;
    f->rows = rows;
    f->lanes = (crm_lanes){.n = 1, .rows = rows, .stride = f->lanes.stride};
}

/* One run on fresh copies of the images; the results are in got. */
static inline crm_status run(crm_device *d, fixture *f, op_call call)
{
    crm_status st;

    for (int k = 0; k < f->n_arrays; k++) {
        array *a = &f->a[k];
        size_t bytes = (size_t)a->count * crm_dtype_size(a->dtype);

        if (!a->dev) T_OK(crm_buf_new(d, bytes, &a->dev));
        T_OK(crm_buf_upload(d, a->dev, a->image, bytes));
    }
    st = call(d, f);
    T_OK(crm_device_sync(d));
    for (int k = 0; k < f->n_arrays; k++) {
        array *a = &f->a[k];

        T_OK(crm_buf_download(d, a->dev, a->got, (size_t)a->count * crm_dtype_size(a->dtype)));
    }
    return st;
}

static inline void release(crm_device *d, fixture *f)
{
    for (int k = 0; k < f->n_arrays; k++) {
        array *a = &f->a[k];

        crm_buf_free(d, a->dev);
        crm_mem_free(a->image);
        crm_mem_free(a->got);
        crm_mem_free(a->element);
        crm_mem_free(a->want);
    }
    f->n_arrays = 0;
}

static inline bool same_bits(const array *a, const void *x, int64_t i, const void *y, int64_t j,
                             int64_t n)
{
    size_t s = crm_dtype_size(a->dtype);

    return memcmp((const char *)x + (size_t)i * s, (const char *)y + (size_t)j * s,
                  (size_t)n * s) == 0;
}

/* Nothing but elements of outputs may differ from the image. */
static inline void check_untouched(const fixture *f, bool outputs_too)
{
    for (int k = 0; k < f->n_arrays; k++) {
        const array *a = &f->a[k];
        int64_t bad_places = 0;

        for (int64_t at = 0; at < a->count; at++)
            if (outputs_too || a->role == IN || !a->element[at])
                bad_places += !same_bits(a, a->got, at, a->image, at, 1);
        T_EQ_I(bad_places, 0);
    }
}

/* Every element of an output is near what is wanted. */
static inline void check_values(const fixture *f, double tol)
{
    for (int k = 0; k < f->n_arrays; k++) {
        const array *a = &f->a[k];
        double worst = 0;

        for (int64_t at = 0; at < a->count && a->role != IN; at++) {
            double diff;

            if (!a->element[at]) continue;
            diff = fabs(value(a, a->got, at) - a->want[at]) / fmax(1, fabs(a->want[at]));
            if (!(diff <= worst)) worst = diff; /* NaN counts */
        }
        if (!(worst <= tol))
            fprintf(stderr, "# array %d of %lldx%lldx%lldx%lld: off by %g\n", k,
                    (long long)f->s.lanes, (long long)f->s.lane_rows, (long long)f->s.i,
                    (long long)f->s.o, worst);
        T_CHECK(worst <= tol);
    }
}

/* Contents of the outputs, into one digest. */
static inline void digest_outputs(const fixture *f, crm_hash *h)
{
    for (int k = 0; k < f->n_arrays; k++)
        if (f->a[k].role != IN)
            crm_hash_add(h, f->a[k].got, (size_t)f->a[k].count * crm_dtype_size(f->a[k].dtype));
}
#endif
