/* test_device_rnn.c - GRU and LSTM on packed sequences, on every instruction set that this CPU has
 * and on the device of a module (devices_testing.h).
 *
 * Values against a plain double reference (rnn_fixture.h), gradients against central differences of
 * that reference.  Bits: equal on all paths of the CPU, in two runs on another device; for a
 * sequence alone and among others, for a lane alone, ragged and padded.
 *
 * timeout: 600 */
#include "rnn_fixture.h"

#include "crmpi/base_hash.h"
#include "crmpi/base_run.h"

static const spec specs[] = {
    {"one step", 1, 1, 1, {{1}}},
    {"one sequence", 3, 5, 1, {{7}}},
    {"ties and length 1", 4, 6, 1, {{5, 5, 3, 3, 3, 1, 1}}},
    {"lanes, one empty", 3, 4, 3, {{4, 2}, {0}, {6, 6, 1}}},
    {"several tiles",
     22,
     33,
     2,
     {{9, 9, 9, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 3, 1},
      {48, 33, 33, 20, 2}}},
    {"chains of inputs and units", 300, 90, 1, {{3, 3, 2}}},
    {"chains of rows", 5, 16, 1, {{48, 48, 48, 48, 48, 48, 47, 40, 40, 31, 30, 12, 12, 1}}},
    {"no rows", 3, 4, 1, {{0}}},
    {"one unit", 22, 1, 2, {{6, 4, 4, 1}, {3}}},
    {"more inputs than units", 65, 16, 1, {{7, 6, 6, 6, 5, 5, 2, 2, 1, 1}}},
    {"64 units",
     22,
     64,
     3,
     {{11, 9, 9, 9, 8, 7, 7, 6, 5, 5, 5, 5, 3, 3, 2, 1, 1}, {0}, {8, 8, 8, 8, 8, 8, 8, 8}}},
    {"64 units, one sequence of one input", 1, 64, 1, {{12}}},
    {"100 units", 1, 100, 2, {{4, 4, 3, 3, 3, 3, 2, 2, 1}, {5, 2}}},
};
enum { SPECS = sizeof specs / sizeof *specs };

/* ---- values ---- */

/* Gradients that are made again by differences of the reference, of a sequence and of a weight.
 * Sanitizers look for other faults, and the reference is most of their time. */
#ifdef __SANITIZE_ADDRESS__
enum { OF_SEQUENCE = 2, OF_WEIGHT = 3 };
#else
enum { OF_SEQUENCE = 10, OF_WEIGHT = 16 };
#endif

static void near(double got, double expected, double *worst)
{
    double off = fabs(got - expected) / fmax(1, fabs(expected));

    if (!(off <= *worst)) *worst = off; /* NaN counts */
}

/* h of a sequence; gradients of some of its inputs. */
static void check_sequence(const batch *b, reference *r, int lane, int64_t i, double *h, double *dx)
{
    int64_t steps = length_of(b, lane, i), inputs = b->x.d, jump = steps * inputs / OF_SEQUENCE + 1;

    reference_set(r, b->id[lane][i], steps);
    reference_run(r);
    for (int64_t s = 0; s < steps; s++)
        for (int64_t u = 0; u < b->h.d; u++)
            near((double)b->h.p[row_of(b, lane, i, s) * b->h.ld + u], r->h[s * b->h.d + u], h);
    for (int64_t at = i % jump; at < steps * inputs; at += jump) {
        int64_t row = row_of(b, lane, i, at / inputs);

        near((double)b->dx.p[row * b->dx.ld + at % inputs], slope(r, &r->x[at]), dx);
    }
}

/* Some gradients of each weight of a lane. */
static void check_weights(const batch *b, reference *r, int lane, double *worst)
{
    for (int k = 0; k < WEIGHTS; k++) {
        const mat *m = &b->dw[k];
        int64_t count = m->n * m->d, jump = count / OF_WEIGHT + 1;

        for (int64_t at = lane; at < count; at += jump) {
            double expected = 0;

            for (int64_t i = 0; i < b->seqs[lane]; i++) {
                reference_set(r, b->id[lane][i], length_of(b, lane, i));
                expected += slope(r, &r->w[k][at]);
            }
            near((double)m->p[lane * b->stride + at / m->d * m->ld + at % m->d], expected, worst);
        }
    }
}

/* How far results may be off, relative to numbers above 1. */
typedef struct limits {
    double h, dx, dw;
} limits;
static const limits fp32 = {2e-6, 1e-5, 2e-5};
/* Factors of products have 10 bits after the first: 5e-4 each, less than 1 in size, a sum of 150 of
 * them with signs of their own, over the steps of a sequence. */
static const limits tf32 = {2e-3, 2e-3, 4e-3};

static void check_values(const batch *b, limits limit)
{
    reference r = reference_new(b->t, MOST_STEPS);
    double h = 0, dx = 0, dw = 0;

    for (int l = 0; l < b->lanes; l++) {
        for (int64_t i = 0; i < b->seqs[l]; i++)
            check_sequence(b, &r, l, i, &h, &dx);
        check_weights(b, &r, l, &dw);
    }
    reference_free(&r);
    if (!(h <= limit.h && dx <= limit.dx && dw <= limit.dw) || getenv("CRM_TEST_DIGEST"))
        fprintf(stderr, "# %s: off by %g (h), %g (dx), %g (weights)\n", b->t.s->name, h, dx, dw);
    T_CHECK(h <= limit.h && dx <= limit.dx && dw <= limit.dw);
}

/* ---- bits ---- */

static void add_rows(crm_hash *hash, const mat *m)
{
    for (int64_t i = 0; i < m->n; i++)
        crm_hash_add(hash, m->p + i * m->ld, (size_t)m->d * sizeof *m->p);
}

static crm_digest bits_of(const batch *b)
{
    crm_hash *hash;
    crm_digest sum;

    if (crm_hash_new(&hash)) abort();
    add_rows(hash, &b->h);
    add_rows(hash, &b->dx);
    for (int k = 0; k < WEIGHTS; k++)
        crm_hash_add(hash, b->dw[k].p, (size_t)b->dw[k].count * sizeof(float));
    sum = crm_hash_value(hash);
    crm_hash_free(&hash);
    return sum;
}

/* The rows of a sequence in two batches. */
static int64_t rows_that_differ(const batch *a, int lane, int64_t i, const batch *b, int64_t j)
{
    int64_t other = 0, steps = length_of(a, lane, i);

    for (int64_t s = 0; s < steps; s++) {
        int64_t ra = row_of(a, lane, i, s), rb = row_of(b, 0, j, s);

        other += memcmp(a->h.p + ra * a->h.ld, b->h.p + rb * b->h.ld,
                        (size_t)a->h.d * sizeof(float)) != 0;
        other += memcmp(a->dx.p + ra * a->dx.ld, b->dx.p + rb * b->dx.ld,
                        (size_t)a->dx.d * sizeof(float)) != 0;
    }
    return other;
}

/* Each sequence alone. */
static void check_alone(crm_device *d, const batch *b)
{
    for (int l = 0; l < b->lanes; l++)
        for (int64_t i = 0; i < b->seqs[l]; i++) {
            int64_t length[1][MOST_SEQS] = {{length_of(b, l, i)}};
            batch one;

            batch_new(&one, b->t, 1, (const int64_t(*)[MOST_SEQS])length, b->id[l][i]);
            run_batch(d, &one);
            T_EQ_I(rows_that_differ(b, l, i, &one, 0), 0);
            batch_free(&one);
        }
}

/* Each lane alone: gradients too. */
static void check_lanes(crm_device *d, const batch *b)
{
    for (int l = 0; l < b->lanes && b->lanes > 1; l++) {
        batch one;

        batch_new(&one, b->t, 1, &b->t.s->length[l], l * MOST_SEQS);
        run_batch(d, &one);
        for (int k = 0; k < WEIGHTS; k++)
            T_CHECK(memcmp(one.dw[k].p, b->dw[k].p + l * b->stride,
                           (size_t)(one.dw[k].n * one.dw[k].ld) * sizeof(float)) == 0);
        batch_free(&one);
    }
}

/* All sequences of the first lane padded to the longest, without gradient from the padding: the
 * rows of the ragged batch keep their bits, the gradients of weights their values. */
static void check_padded(crm_device *d, const batch *b, limits limit)
{
    int64_t length[1][MOST_SEQS] = {{0}}, steps = b->steps[0];
    batch full;
    double worst = 0;

    if (b->t.reverse || b->lanes > 1) return;
    for (int64_t i = 0; i < b->seqs[0]; i++)
        length[0][i] = steps;
    batch_new(&full, b->t, 1, (const int64_t(*)[MOST_SEQS])length, 0);
    for (int64_t i = 0; i < b->seqs[0]; i++)
        for (int64_t s = length_of(b, 0, i); s < steps; s++)
            memset(full.dh.p + row_of(&full, 0, i, s) * full.dh.ld, 0,
                   (size_t)full.dh.d * sizeof(float));
    run_batch(d, &full);
    for (int64_t i = 0; i < b->seqs[0]; i++)
        T_EQ_I(rows_that_differ(b, 0, i, &full, i), 0);
    for (int k = 0; k < WEIGHTS; k++)
        for (int64_t i = 0; i < b->dw[k].n * b->dw[k].ld; i++)
            near((double)full.dw[k].p[i], (double)b->dw[k].p[i], &worst);
    T_CHECK(worst <= limit.dw);
    batch_free(&full);
}

/* Without keep h is the same; without dx the gradients of weights are. */
static void check_optional(crm_device *d, const batch *b)
{
    batch other;
    call c;
    held_arrays m = {.d = d};

    batch_new(&other, b->t, b->lanes, b->t.s->length, 0);
    call_on(&m, &other, &c);
    T_OK(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, NULL));
    bring_back(&m);
    T_CHECK(memcmp(other.h.p, b->h.p, (size_t)b->h.count * sizeof(float)) == 0);
    T_OK(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep));
    T_OK(crm_op_rnn_bwd(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep, &c.dh, NULL, &c.dw));
    bring_back(&m);
    for (int k = 0; k < WEIGHTS; k++)
        T_CHECK(memcmp(other.dw[k].p, b->dw[k].p, (size_t)b->dw[k].count * sizeof(float)) == 0);
    let_go(&m);
    batch_free(&other);
}

/* A second run has the same bits. */
static void check_again(crm_device *d, const batch *b)
{
    batch again;

    batch_new(&again, b->t, b->lanes, b->t.s->length, 0);
    run_batch(d, &again);
    T_CHECK(crm_digest_equal(bits_of(&again), bits_of(b)));
    batch_free(&again);
}

/* ---- cases ---- */

enum { TRIALS = SPECS * 4 };
static crm_digest first_bits[TRIALS];
static bool have_bits[TRIALS]; /* of the CPU */

static void print_bits(const crm_device *d, const batch *b)
{
    char hex[CRM_DIGEST_HEX];

    if (getenv("CRM_TEST_DIGEST"))
        printf("# digest %s %s, %s %s on %s\n", crm_digest_hex(bits_of(b), hex), b->t.s->name,
               crm_rnn_kind_names[b->t.kind], b->t.reverse ? "reverse" : "forward",
               crm_device_name(d));
}

static bool is_small(const spec *s)
{
    return strncmp(s->name, "ties", 4) == 0 || strncmp(s->name, "lanes", 5) == 0 ||
           strncmp(s->name, "64 units, one", 13) == 0;
}

static void try_trial(crm_device *d, int k, limits limit)
{
    trial t = {&specs[k / 4], (crm_rnn_kind)(k % 2), k / 2 % 2 == 1};
    bool known = exact_bits(d) && have_bits[k];
    batch b;

    if (small_cases() && !is_small(t.s)) return;
    batch_new(&b, t, t.s->lanes, t.s->length, 0);
    run_batch(d, &b);
    print_bits(d, &b);
    if (known) T_CHECK(crm_digest_equal(bits_of(&b), first_bits[k]));
    if (!known) check_values(&b, limit); /* else they are right because the bits are */
    if (exact_bits(d)) {
        first_bits[k] = bits_of(&b);
        have_bits[k] = true;
    }
    if (small_cases()) {
        batch_free(&b);
        return;
    }
    check_again(d, &b);
    check_alone(d, &b);
    check_lanes(d, &b);
    check_padded(d, &b, limit);
    check_optional(d, &b);
    batch_free(&b);
}

static void all_trials(int at)
{
    test_device list[TEST_DEVICES];

    devices_under_test(list);
    if (!list[at].d) T_SKIP("%.150s", list[at].why);
    for (int k = 0; k < TRIALS && list[at].d; k++)
        try_trial(list[at].d, k, fp32);
    devices_close(list);
}

static void on_portable(void)
{
    all_trials(0);
}

static void on_avx2(void)
{
    all_trials(1);
}

static void on_avx512(void)
{
    all_trials(2);
}

static void on_module(void)
{
    all_trials(3);
}

/* Tensor cores, for 64 units the kernels' own. */
static void on_module_tf32(void)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA,
                          .math = CRM_GPU_TF32,
                          .transport = CRM_TRANSPORT_MPI,
                          .bucket = 1 << 20,
                          .timeout = 60};
    crm_device *d = NULL;

    if (!getenv("CRM_CUDA_PLUGIN")) {
        T_SKIP("CRM_CUDA_PLUGIN names no module");
        return;
    }
    T_OK(crm_device_open(&cfg, 0, 1, &d));
    for (int k = 0; k < TRIALS && d; k++)
        try_trial(d, k, tf32);
    crm_device_free(&d);
}

/* The device of the module, NULL without one. */
static crm_device *module_device(test_device list[TEST_DEVICES])
{
    devices_under_test(list);
    if (!list[3].d) T_SKIP("%.150s", list[3].why);
    return list[3].d;
}

static double farthest(const mat *a, const mat *b)
{
    double worst = 0;

    for (int64_t i = 0; i < a->count; i++)
        near((double)a->p[i], (double)b->p[i], &worst);
    return worst;
}

/* Against the CPU, which is held to the reference above: for nets for which that takes too long. */
static void like_the_cpu(crm_device *d, crm_device *cpu, trial t)
{
    batch a, b;

    batch_new(&a, t, t.s->lanes, t.s->length, 0);
    batch_new(&b, t, t.s->lanes, t.s->length, 0);
    run_batch(d, &a);
    run_batch(cpu, &b);
    T_CHECK(farthest(&a.h, &b.h) <= fp32.h);
    T_CHECK(farthest(&a.dx, &b.dx) <= fp32.dx);
    for (int k = 0; k < WEIGHTS; k++)
        T_CHECK(farthest(&a.dw[k], &b.dw[k]) <= fp32.dw);
    batch_free(&a);
    batch_free(&b);
}

/* Sizes that take fewer sequences a block, up to the most units. */
static void wide_on_module(void)
{
    static const spec wide[] = {{"520 units", 4, 520, 2, {{3, 2, 1, 1, 1, 1}, {2}}},
                                {"1024 units", 2, 1024, 1, {{2, 1}}},
                                {"wide inputs", 600, 8, 1, {{2, 2, 1}}}};
    test_device list[TEST_DEVICES];
    crm_device *d = module_device(list), *cpu = NULL;

    T_OK(crm_device_cpu(CRM_CPU_BEST, &cpu));
    for (int k = small_cases() ? 2 * 4 : 0; k < 3 * 4 && d && cpu; k++)
        like_the_cpu(d, cpu, (trial){&wide[k / 4], (crm_rnn_kind)(k % 2), k / 2 % 2 == 1});
    crm_device_free(&cpu);
    devices_close(list);
}

/* What the module refuses: more units than blocks hold, rows of steps that it cannot read. */
static void mistakes_on_module(void)
{
    static const spec large = {"too many units", 1, 1025, 1, {{1}}}, one = {"one", 1, 1, 1, {{1}}};
    test_device list[TEST_DEVICES];
    crm_device *d = module_device(list);

    for (int k = 0; k < 2 && d; k++) {
        held_arrays m = {.d = d};
        batch b;
        call c;

        batch_new(&b, (trial){k ? &one : &large, CRM_RNN_LSTM, false}, 1,
                  k ? one.length : large.length, 0);
        call_on(&m, &b, &c);
        if (k) c.packed[0].device_first = NULL;
        T_FAILS(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep),
                k ? CRM_ERR_ARG : CRM_ERR_CONFIG, k ? "device memory" : "1024");
        T_FAILS(crm_op_rnn_bwd(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep, &c.dh, &c.dx, &c.dw),
                k ? CRM_ERR_ARG : CRM_ERR_CONFIG, "");
        let_go(&m);
        batch_free(&b);
    }
    devices_close(list);
}

static void names_and_sizes(void)
{
    T_CHECK(strcmp(crm_rnn_kind_names[CRM_RNN_GRU], "gru") == 0);
    T_CHECK(strcmp(crm_rnn_kind_names[CRM_RNN_LSTM], "lstm") == 0);
    T_CHECK(crm_rnn_kind_names[CRM_RNN_KIND_COUNT] == NULL);
    T_EQ_I(crm_rnn_gates(CRM_RNN_GRU), 3);
    T_EQ_I(crm_rnn_gates(CRM_RNN_LSTM), 4);
    T_CHECK(crm_rnn_keep(CRM_RNN_GRU) >= 1 && crm_rnn_keep(CRM_RNN_LSTM) >= 1);
}

/* Each mistake is refused and nothing is written. */
static void mistakes(void)
{
    trial t = {&specs[3], CRM_RNN_GRU, false};
    batch b;
    crm_device *d = NULL;

    batch_new(&b, t, t.s->lanes, t.s->length, 0);
    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    for (int k = 0; k < 14 && d; k++) {
        call c;
        crm_packed *q = c.packed;
        int64_t odd[] = {0, 1, 6},
                *rows[] = {&c.x.dim[0],    &c.h.dim[0],     &c.keep.dim[1], &c.dh.dim[1],
                           &c.dx.dim[1],   &c.w.wi.dim[0],  &c.w.wh.dim[1], &c.w.bi.dim[0],
                           &c.w.bh.dim[0], &c.dw.wi.dim[1], &c.dw.bh.dim[0]};
        bool forward = k < 3 || (k > 4 && k < 9) || k > 11;

        call_of(&b, &c);
        if (k < 11) --*rows[k];
        if (k == 11) c.lanes.stride = 3;
        if (k == 12)
            q[0] = (crm_packed){.steps = 2,
                                .first = odd}; /* a step with more rows than the one before */
        if (k == 13) q[2].steps--;
        if (forward)
            T_FAILS(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep), CRM_ERR_ARG, "");
        T_FAILS(crm_op_rnn_bwd(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep, &c.dh, &c.dx, &c.dw),
                CRM_ERR_ARG, "");
    }
    for (int64_t i = 0; i < b.h.count; i++)
        T_CHECK(b.h.p[i] == MARK);
    for (int64_t i = 0; i < b.dw[WI].count; i++)
        T_CHECK(b.dw[WI].p[i] == MARK);
    crm_device_free(&d);
    batch_free(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"values and bits on portable", on_portable},
                                   {"values and bits on avx2", on_avx2},
                                   {"values and bits on avx512", on_avx512},
                                   {"values and bits on a module's device", on_module},
                                   {"values and bits on a module's device, TF32", on_module_tf32},
                                   {"wide nets on a module's device", wide_on_module},
                                   {"mistakes on a module's device", mistakes_on_module},
                                   {"names and sizes", names_and_sizes},
                                   {"mistakes are refused", mistakes},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
