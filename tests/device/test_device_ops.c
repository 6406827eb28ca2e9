/* test_device_ops.c - every operation on every device: the instruction sets that this CPU has, and
 * the GPU, or what stands for it, where CRM_CUDA_PLUGIN names the module.
 *
 * Values against references in double (op_cases.h), gradients against differences of the forward
 * reference.  Bits: equal on all paths of the CPU (on other devices where the table says so, and
 * from run to run), for a slice of the rows alone, for a lane alone.  Guards round all memory,
 * outputs NaN before.  CRM_TEST_DIGEST=1 prints a digest of all outputs per operation, to compare
 * builds of different compilers.
 *
 * timeout: 600 */
#include "op_fixture.h"

#include "op_cases.h"

#include "crmpi/base_run.h"

/* Extents round the sizes of tiles (12, 16, 32), of packed blocks (96, 512) and of chains (256). */
static const shape fixed_shapes[] = {
    {1, 1, 1, 1, 0},    {1, 1, 5, 3, 2},     {2, 7, 13, 17, 1},   {4, 32, 22, 33, 0},
    {3, 50, 64, 64, 5}, {1, 300, 31, 12, 3}, {1, 33, 300, 40, 0}, {2, 9, 513, 30, 1},
    {1, 257, 8, 16, 2}, {4, 3, 40, 1, 0},    {1, 100, 3, 530, 0}, {1, 820, 25, 2, 0},
    {3, 150, 3, 12, 0},
};
enum { FIXED_SHAPES = sizeof fixed_shapes / sizeof *fixed_shapes, SHAPES = FIXED_SHAPES + 8 };

static shape shape_of(int k)
{
    crm_rng r = crm_rng_at(1, CRM_RNG_TEST, 99, (uint64_t)k);

    if (k < FIXED_SHAPES) return fixed_shapes[k];
    return (shape){1 + crm_rng_below(&r, 4), 1 + crm_rng_below(&r, 40), 1 + crm_rng_below(&r, 70),
                   1 + crm_rng_below(&r, 70), crm_rng_below(&r, 4)};
}

/* Rows [first, first + rows) alone give the bits they have in the whole batch. */
static void check_slice(crm_device *d, fixture *f, const op_case *c, void *const *whole,
                        int64_t first, int64_t rows)
{
    slice(f, first, rows);
    T_OK(run(d, f, c->call));
    for (int k = 0; k < f->n_arrays; k++) {
        const array *a = &f->a[k];
        int64_t other = 0;

        if (a->role == IN || a->span != PER_ROW) continue;
        for (int64_t r = first; r < first + rows; r++)
            other += !same_bits(a, a->got, place(a, 0, r, 0), whole[k], place(a, 0, r, 0), a->d);
        T_EQ_I(other, 0);
    }
}

/* A lane alone gives the bits it has among the others. */
static void check_lane(crm_device *d, fixture *f, const op_case *c, void *const *whole,
                       int64_t lane)
{
    check_slice(d, f, c, whole, lane * f->s.lane_rows, f->s.lane_rows);
    for (int k = 0; k < f->n_arrays; k++) {
        const array *a = &f->a[k];
        int64_t other = 0;

        if (a->role == IN || a->span != PER_LANE) continue;
        for (int64_t r = 0; r < a->n; r++)
            other += !same_bits(a, a->got, place(a, 0, r, 0), whole[k], place(a, lane, r, 0), a->d);
        T_EQ_I(other, 0);
    }
}

/* Without rows nothing happens but that sums over rows are 0. */
static void check_no_rows(crm_device *d, fixture *f, const op_case *c)
{
    slice(f, 0, 0);
    T_OK(run(d, f, c->call));
    for (int k = 0; k < f->n_arrays; k++) {
        const array *a = &f->a[k];

        for (int64_t i = 0; i < a->n && a->role == OUT && a->span == PER_LANE; i++)
            for (int64_t j = 0; j < a->d; j++)
                T_CHECK(value(a, a->got, place(a, 0, i, j)) == 0);
    }
}

static void check_parts(crm_device *d, fixture *f, const op_case *c)
{
    void *whole[ARRAYS] = {NULL};

    for (int k = 0; k < f->n_arrays; k++) { /* keep the results of the whole batch */
        whole[k] = f->a[k].got;
        f->a[k].got = crm_mem_new((size_t)f->a[k].count, crm_dtype_size(f->a[k].dtype));
        if (!f->a[k].got) abort();
    }
    check_slice(d, f, c, whole, 0, 1);
    check_slice(d, f, c, whole, 0, (f->n + 1) / 2);
    check_slice(d, f, c, whole, f->n - 1, 1);
    check_slice(d, f, c, whole, f->n / 3, f->n - f->n / 3);
    for (int64_t l = 0; l < f->s.lanes; l++)
        check_lane(d, f, c, whole, l);
    check_no_rows(d, f, c);
    for (int k = 0; k < f->n_arrays; k++)
        crm_mem_free(whole[k]);
}

static bool is_mistake(const array *a, bad b)
{
    if (a->flags & NO_TENSOR) return false;
    if (b == BAD_DTYPE) return !(a->flags & ANY_TYPE);
    if (b == BAD_ROWS) return !(a->flags & ANY_ROWS);
    if (b == BAD_COLS) return a->rank == 2 && !(a->flags & ANY_COLS);
    return true;
}

/* Each tensor wrong in each way: refused, and nothing written. */
static void check_mistakes(crm_device *d, fixture *f, const op_case *c)
{
    for (int k = 0; k < f->n_arrays; k++)
        for (bad b = BAD_DTYPE; b < BAD_COUNT; b++) {
            if (!is_mistake(&f->a[k], b)) continue;
            all_rows(f);
            f->bad_array = k;
            f->bad = b;
            T_FAILS(run(d, f, c->call), CRM_ERR_ARG, "");
            check_untouched(f, true);
        }
}

/* The outputs go into the digest; a second run has the same. */
static void check_again(crm_device *d, fixture *f, const op_case *c, crm_hash *h)
{
    crm_hash *one = NULL, *two = NULL;

    digest_outputs(f, h);
    if (crm_device_is_host(d)) return;
    if (crm_hash_new(&one) || crm_hash_new(&two)) abort();
    digest_outputs(f, one);
    T_OK(run(d, f, c->call));
    digest_outputs(f, two);
    T_CHECK(crm_digest_equal(crm_hash_value(one), crm_hash_value(two)));
    crm_hash_free(&one);
    crm_hash_free(&two);
}

static void try_shape(crm_device *d, const op_case *c, const shape *s, crm_hash *h)
{
    fixture f = {.s = *s, .n = s->lanes * s->lane_rows, .variant = c->variant};

    c->setup(&f);
    all_rows(&f);
    T_OK(run(d, &f, c->call));
    check_untouched(&f, false);
    check_values(&f, c->tol);
    check_again(d, &f, c, h);
    if (!(c->flags & NO_SLICE)) check_parts(d, &f, c);
    if (s->lanes == 2) check_mistakes(d, &f, c);
    release(d, &f);
}

static crm_digest try_case(crm_device *d, const op_case *c)
{
    crm_hash *h;
    crm_digest sum = {0, 0};

    if (!crm_device_offers(d, c->op)) {
        T_SKIP("%s does not offer %s", crm_device_name(d), crm_op_name(c->op));
        return sum;
    }
    if (crm_hash_new(&h)) abort();
    for (int k = 0; k < SHAPES; k++) {
        shape s = shape_of(k);

        if (small_cases() && k != 1 && k != 2) continue;
        try_shape(d, c, &s, h);
    }
    sum = crm_hash_value(h);
    crm_hash_free(&h);
    return sum;
}

/* First bits seen of each operation, and on which device. */
static crm_digest first_bits[OP_CASES];
static const char *first_device[OP_CASES];

/* Bits are those of the first device that ran the operation, where that is promised. */
static void compare_bits(const op_case *c, const test_device *t, crm_digest bits)
{
    int k = (int)(c - op_cases);
    char hex[CRM_DIGEST_HEX];

    if (t_skipped[0]) return;
    if (getenv("CRM_TEST_DIGEST") && (!first_device[k] || t->plugin))
        printf("# digest %s %s %s\n", crm_digest_hex(bits, hex), c->name, t->name);
    if (!first_device[k]) {
        first_device[k] = t->name;
        first_bits[k] = bits;
    }
    if (t->plugin && !(c->flags & CPU_BITS)) return;
    if (!crm_digest_equal(bits, first_bits[k]))
        fprintf(stderr, "# %s: bits on %s and %s differ\n", c->name, first_device[k], t->name);
    T_CHECK(crm_digest_equal(bits, first_bits[k]));
}

static int run_case(const test_device *t, const op_case *c)
{
    char name[200];

    snprintf(name, sizeof name, "%.90s on %.95s", c->name, t->name);
    t_failures = 0;
    t_skipped[0] = '\0';
    if (t->d)
        compare_bits(c, t, try_case(t->d, c));
    else
        T_SKIP("%.250s", t->why);
    return t_report(name, t_failures, false);
}

int main(int argc, char **argv)
{
    test_device list[TEST_DEVICES];
    int failed = 0;

    crm_fp_setup();
    devices_under_test(list);
    for (int i = 0; i < TEST_DEVICES; i++)
        for (int k = 0; k < OP_CASES; k++)
            if (argc < 2 || strstr(op_cases[k].name, argv[1]))
                failed |= run_case(&list[i], &op_cases[k]);
    devices_close(list);
    return failed;
}
