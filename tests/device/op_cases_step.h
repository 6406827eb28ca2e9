/* op_cases_step.h - rows of a batch, losses of an epoch, live numbers in the table of operations.
 */
#ifndef OP_CASES_STEP_H
#define OP_CASES_STEP_H

#include "op_fixture.h"

/* Array k: a column [n], elements side by side. */
static void column(fixture *f, int k, crm_dtype t, role r, span s, int64_t n, int flags, double lo,
                   double hi)
{
    declare(
        f, k,
        (array){
            .dtype = t, .role = r, .span = s, .rank = 1, .flags = flags, .n = n, .d = 1, .ld = 1},
        lo, hi);
}

/* ---- take: 0 x, 1 at, 2 y ---- */

enum { LEAST = 3 };

static void take_setup(fixture *f)
{
    int64_t m = f->s.i + 1;

    column(f, 0, CRM_I32, IN, FIXED, m, ANY_ROWS, -2, 20);
    column(f, 1, CRM_I32, IN, PER_ROW, f->n, 0, -2, (double)m + 2);
    column(f, 2, CRM_I32, OUT, PER_ROW, f->n, 0, 0, 0);
    for (int64_t i = 0; i < f->n; i++) {
        int64_t at = (int64_t)in(f, 1, i, 0);
        double x = at >= 0 && at < m ? in(f, 0, at, 0) : -1;

        *want(f, 2, 0, i, 0) = x < LEAST ? -1 : x;
    }
}

static crm_status take_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), at = view(f, 1), y = view(f, 2);

    return crm_op_take(d, &x, &at, LEAST, &y);
}

/* ---- gather: 0 x, 1 from, 2 first, 3 y; variant: type of x, + RAGGED ---- */

enum { RAGGED = 16, FILL = -5 };

static crm_dtype gathered_type(const fixture *f)
{
    return (crm_dtype)(f->variant & 15);
}

/* Dense [n][w]. */
static void dense(fixture *f, int k, crm_dtype t, role r, span s, int64_t n, int flags, double hi)
{
    declare(f, k,
            (array){.dtype = t,
                    .role = r,
                    .span = s,
                    .rank = 2,
                    .flags = flags,
                    .n = n,
                    .d = f->s.o,
                    .ld = f->s.o},
            0, hi);
}

/* Rows of parent i: 0 to 4, or one. */
static int64_t rows_of_parent(const fixture *f, int64_t i)
{
    return f->variant & RAGGED ? (i * i + 3 * i) % 5 : 1;
}

/* What the result holds of element v of the source. */
static double gathered_value(crm_dtype t, double v)
{
    if (t == CRM_U8 && v == UINT8_MAX) return -1;
    return t == CRM_U16 && v == UINT16_MAX ? -1 : v;
}

static void gather_want(fixture *f, int64_t parent, int64_t row, int64_t to)
{
    double from = in(f, 1, parent, 0);

    for (int64_t j = 0; j < f->s.o; j++)
        *want(f, 3, 0, to, j) =
            from < 0 ? FILL : gathered_value(gathered_type(f), in(f, 0, (int64_t)from + row, j));
}

static void gather_setup(fixture *f)
{
    crm_dtype t = gathered_type(f), result = t == CRM_F32 ? CRM_F32 : CRM_I32;
    bool ragged = f->variant & RAGGED;
    int64_t m = f->s.i + 4, rows = 0;

    dense(f, 0, t, IN, FIXED, m, ANY_ROWS | (t == CRM_F32 ? 0 : ANY_TYPE), 250);
    column(f, 1, CRM_I64, IN, PER_ROW, f->n, NO_TENSOR, -1, (double)f->s.i + 1);
    column(f, 2, CRM_I64, IN, FIXED, f->n + 1, NO_TENSOR, 0, 1);
    for (int64_t i = 0; i < f->n; rows += rows_of_parent(f, i++))
        put(&f->a[2], place(&f->a[2], 0, i, 0), (double)rows);
    put(&f->a[2], place(&f->a[2], 0, f->n, 0), (double)rows);
    for (int64_t i = 0; i < m; i += 3) /* the largest number of the type: no value */
        if (t == CRM_U8 || t == CRM_U16)
            put(&f->a[0], place(&f->a[0], 0, i, i % f->s.o), t == CRM_U8 ? 0xFF : 0xFFFF);
    dense(f, 3, result, OUT, ragged ? FIXED : PER_ROW, rows, ragged ? ANY_ROWS : 0, 0);
    for (int64_t i = 0, to = 0; i < f->n; i++)
        for (int64_t k = 0; k < rows_of_parent(f, i); k++)
            gather_want(f, i, k, to++);
}

static crm_status gather_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), y = view(f, 3);
    crm_gather g = {.n = f->rows,
                    .first = f->variant & RAGGED ? raw(f, 2) : NULL,
                    .from = raw(f, 1),
                    .fill = FILL};

    return crm_op_gather(d, &g, &x, &y);
}

/* ---- drop_words: 0 row ids, 1 documents, 2 their tokens, 3 x, 4 y; variant: tenths ---- */

enum { WORDS_LENGTH = 37, WORDS_EPOCH = 3, WORDS_SEED = 21 };

/* Documents of sample r; tokens of its k-th. */
static int64_t docs_of(int64_t r)
{
    return (r + 1) % 4;
}

static int64_t tokens_of(int64_t r, int64_t k)
{
    return (5 * r + 3 * k) % (WORDS_LENGTH + 1);
}

static void words_extents(fixture *f)
{
    int64_t docs = 0, tokens = 0;

    for (int64_t r = 0; r < f->n; r++)
        docs += docs_of(r);
    column(f, 0, CRM_I64, IN, PER_ROW, f->n, NO_TENSOR, 0, 1e12);
    column(f, 1, CRM_I64, IN, FIXED, f->n + 1, NO_TENSOR, 0, 1);
    column(f, 2, CRM_I64, IN, FIXED, docs + 1, NO_TENSOR, 0, 1);
    docs = 0;
    for (int64_t r = 0; r <= f->n; r++) {
        put(&f->a[1], place(&f->a[1], 0, r, 0), (double)docs);
        for (int64_t k = 0; k < docs_of(r) && r < f->n; k++) {
            put(&f->a[2], place(&f->a[2], 0, docs++, 0), (double)tokens);
            tokens += tokens_of(r, k);
        }
    }
    put(&f->a[2], place(&f->a[2], 0, docs, 0), (double)tokens);
    column(f, 3, CRM_I32, IN, FIXED, tokens, 0, 1, 1000);
    column(f, 4, CRM_I32, OUT, FIXED, tokens, 0, 0, 0);
}

static void words_setup(fixture *f)
{
    int64_t at = 0;

    words_extents(f);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t k = 0; k < docs_of(r); k++)
            for (int64_t t = 0; t < tokens_of(r, k); t++, at++) {
                uint32_t u =
                    crm_rng_element(WORDS_SEED, CRM_RNG_WORDS, WORDS_EPOCH,
                                    (uint64_t)in(f, 0, r, 0), (uint32_t)(k * WORDS_LENGTH + t));
                bool kept = (double)u >= f->variant / 10.0 * 4294967296.0 - 0.5;

                *want(f, 4, 0, at, 0) = kept ? in(f, 3, at, 0) : 0;
            }
}

static crm_status words_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 3), y = view(f, 4);
    crm_dropout p = {
        .rate = f->variant / 10.0, .seed = WORDS_SEED, .epoch = WORDS_EPOCH, .row_id = raw(f, 0)};
    crm_doc_tokens of = {.n = f->n,
                         .n_docs = f->a[2].n - 1,
                         .first = raw(f, 1),
                         .token_first = raw(f, 2),
                         .length = WORDS_LENGTH};

    return crm_op_drop_words(d, &p, &of, &x, &y);
}

/* ---- tally: 0 x, 1 total ---- */

static void tally_setup(fixture *f)
{
    column(f, 0, CRM_F64, IN, PER_ROW, f->n, 0, -1, 1);
    column(f, 1, CRM_F64, INOUT, PER_ROW, f->n, 0, -1, 1);
    for (int64_t i = 0; i < f->n; i++)
        *want(f, 1, 0, i, 0) = in(f, 0, i, 0) + in(f, 1, i, 0);
}

static crm_status tally_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), total = view(f, 1);

    return crm_op_tally(d, &x, &total);
}

/* ---- numbers of a step in device memory ---- */

/* Array k holds one number, which takes the place of a member. */
static void one_number(fixture *f, int k, double v)
{
    column(f, k, CRM_F64, IN, FIXED, 1, NO_TENSOR, 0, 0);
    put(&f->a[k], place(&f->a[k], 0, 0, 0), v);
}

static void live_numbers(fixture *f, int k, double grad_scale, double lr, double bias1,
                         double bias2)
{
    const double v[CRM_LIVE_COUNT] = {NAN, grad_scale, lr, bias1, bias2};

    column(f, k, CRM_F64, IN, FIXED, CRM_LIVE_COUNT, NO_TENSOR, 0, 0);
    for (int i = 0; i < CRM_LIVE_COUNT; i++)
        put(&f->a[k], place(&f->a[k], 0, i, 0), v[i]);
}
#endif
