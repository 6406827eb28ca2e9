/* test_device_rnn.c - GRU and LSTM on packed sequences, on every instruction set that this CPU has.
 *
 * Values against a plain double reference that takes one sequence at a time, with PyTorch's
 * formulas (torch.nn.GRU and torch.nn.LSTM, "Shapes" and "Variables" of its documentation);
 * gradients against central differences of that reference.  Bits: equal on all paths, for a
 * sequence alone and among others, ragged and padded.
 *
 * timeout: 300 */
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/device.h"

enum { MOST_LANES = 3, MOST_SEQS = 64, MOST_STEPS = 48, GAP = 3, MARK = -77 };

/* Lengths of a lane, longest first; 0 ends them. */
typedef struct spec {
    const char *name;
    int64_t inputs, units;
    int lanes;
    int64_t length[MOST_LANES][MOST_SEQS];
} spec;

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
};
enum { SPECS = sizeof specs / sizeof *specs };

typedef struct trial {
    const spec *s;
    crm_rnn_kind kind;
    bool reverse;
} trial;

/* A matrix with gaps between rows and behind, which hold MARK. */
typedef struct mat {
    float *p;
    int64_t n, d, ld, count;
} mat;

enum { WI, WH, BI, BH, WEIGHTS };
typedef struct batch {
    trial t;
    int64_t id[MOST_LANES][MOST_SEQS]; /* whose numbers a sequence has */
    int64_t seqs[MOST_LANES], steps[MOST_LANES], first[MOST_LANES][MOST_STEPS + 1];
    int64_t lane_first[MOST_LANES + 1], n;
    int lanes;
    crm_packed packed[MOST_LANES];
    mat x, h, keep, dh, dx, w[WEIGHTS], dw[WEIGHTS];
    int64_t stride;
} batch;

static mat mat_new(int64_t n, int64_t d, int64_t ld)
{
    mat m = {.n = n, .d = d, .ld = ld, .count = n * ld + GAP};

    m.p = crm_mem_new((size_t)m.count, sizeof *m.p);
    if (!m.p) abort();
    for (int64_t i = 0; i < m.count; i++)
        m.p[i] = MARK;
    return m;
}

static crm_tensor tensor_of(const mat *m)
{
    return (crm_tensor){
        .data = m->p, .dtype = CRM_F32, .rank = 2, .dim = {m->n, m->d}, .ld = m->ld};
}

/* Only elements of the first `copies` copies may have changed. */
static void check_gaps(const mat *m, int64_t copies, int64_t apart)
{
    int64_t touched = 0;

    for (int64_t i = 0; i < m->count; i++) {
        int64_t at = apart ? i % apart : i;
        bool element = at / m->ld < m->n && at % m->ld < m->d && (!apart || i / apart < copies);

        touched += !element && m->p[i] != MARK;
    }
    T_EQ_I(touched, 0);
}

/* ---- numbers: functions of what they belong to, whatever the batch ---- */

static double number(uint32_t what, int64_t a, int64_t b, double size)
{
    crm_rng r = crm_rng_at(11, CRM_RNG_TEST, what, (uint64_t)(a * 1000 + b));

    return (double)(float)(size * (2 * crm_rng_uniform(&r) - 1));
}

static double weight_size(const trial *t)
{
    return 2 / sqrt((double)(t->s->units + 3));
}

static double x_at(int64_t id, int64_t step, int64_t j)
{
    return number(10, id * 100 + step, j, 1);
}

static double dh_at(int64_t id, int64_t step, int64_t j)
{
    return number(11, id * 100 + step, j, 1);
}

static int64_t weight_rows(const trial *t)
{
    return crm_rnn_gates(t->kind) * t->s->units;
}

static int64_t weight_columns(const trial *t, int k)
{
    return k == WI ? t->s->inputs : k == WH ? t->s->units : 1;
}

/* ---- reference ---- */

/* Weights and inputs of one sequence; state after each step. */
typedef struct reference {
    trial t;
    int64_t id, steps;
    double *w[WEIGHTS], *x, *h;
} reference;

static reference reference_new(trial t, int64_t steps)
{
    reference r = {.t = t, .steps = steps};

    for (int k = 0; k < WEIGHTS; k++) {
        int64_t rows = weight_rows(&t), columns = weight_columns(&t, k);

        r.w[k] = crm_mem_new((size_t)(rows * columns), sizeof *r.w[k]);
        if (!r.w[k]) abort();
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                r.w[k][i * columns + j] = number((uint32_t)k, i, j, weight_size(&t));
    }
    r.x = crm_mem_new((size_t)(steps * t.s->inputs), sizeof *r.x);
    r.h = crm_mem_new((size_t)(steps * t.s->units), sizeof *r.h);
    if (!r.x || !r.h) abort();
    return r;
}

static void reference_free(reference *r)
{
    for (int k = 0; k < WEIGHTS; k++)
        crm_mem_free(r->w[k]);
    crm_mem_free(r->x);
    crm_mem_free(r->h);
}

static void reference_set(reference *r, int64_t id, int64_t steps)
{
    r->id = id;
    r->steps = steps;
    for (int64_t s = 0; s < steps; s++)
        for (int64_t j = 0; j < r->t.s->inputs; j++)
            r->x[s * r->t.s->inputs + j] = x_at(id, s, j);
}

static double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;

    for (int64_t i = 0; b && i < n; i++)
        s += a[i] * b[i];
    return s;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* h[u] of one step; before NULL: zeros.  c: cell states of this step, of the one before. */
static double unit_step(const reference *r, int64_t step, int64_t u, const double *before,
                        double *c)
{
    int64_t n = r->t.s->units, in = r->t.s->inputs;
    double a[4] = {0}, b[4] = {0};

    for (int g = 0; g < crm_rnn_gates(r->t.kind); g++) {
        int64_t i = g * n + u;

        a[g] = dot(&r->w[WI][i * in], &r->x[step * in], in) + r->w[BI][i];
        b[g] = dot(&r->w[WH][i * n], before, n) + r->w[BH][i];
    }
    if (r->t.kind == CRM_RNN_GRU) {
        double z = sigmoid(a[1] + b[1]), new = tanh(a[2] + sigmoid(a[0] + b[0]) * b[2]);

        return (1 - z) * new + z *(before ? before[u] : 0);
    }
    *c = sigmoid(a[1] + b[1]) * *c + sigmoid(a[0] + b[0]) * tanh(a[2] + b[2]);
    return sigmoid(a[3] + b[3]) * tanh(*c);
}

/* Fills h; the sum of dh h. */
static double reference_run(reference *r)
{
    int64_t n = r->t.s->units;
    double c[128] = {0}, loss = 0;
    const double *before = NULL;

    for (int64_t k = 0; k < r->steps; k++) {
        int64_t step = r->t.reverse ? r->steps - 1 - k : k;
        double *h = &r->h[step * n];

        for (int64_t u = 0; u < n; u++) {
            h[u] = unit_step(r, step, u, before, &c[u]);
            loss += h[u] * dh_at(r->id, step, u);
        }
        before = h;
    }
    return loss;
}

/* Derivative of the loss of the sequence by a number that the reference holds. */
static double slope(reference *r, double *by)
{
    const double e = 1e-5, was = *by;
    double up, down;

    *by = was + e;
    up = reference_run(r);
    *by = was - e;
    down = reference_run(r);
    *by = was;
    return (up - down) / (2 * e);
}

/* ---- the batch on a device ---- */

static int64_t row_of(const batch *b, int lane, int64_t i, int64_t step)
{
    return b->first[lane][step] + i;
}

static void pack_lane(batch *b, int lane, const int64_t *length)
{
    int64_t seqs = 0, at = b->n;

    while (seqs < MOST_SEQS && length[seqs] > 0)
        seqs++;
    b->seqs[lane] = seqs;
    b->steps[lane] = seqs ? length[0] : 0;
    b->lane_first[lane] = at;
    for (int64_t t = 0; t < b->steps[lane]; t++) {
        b->first[lane][t] = at;
        for (int64_t i = 0; i < seqs && length[i] > t; i++)
            at++;
    }
    b->first[lane][b->steps[lane]] = at;
    b->n = b->lane_first[lane + 1] = at;
    b->packed[lane] = (crm_packed){b->steps[lane], b->first[lane]};
}

static int64_t length_of(const batch *b, int lane, int64_t i)
{
    int64_t n = 0;

    while (n < b->steps[lane] && b->first[lane][n] + i < b->first[lane][n + 1])
        n++;
    return n;
}

static void fill_rows(batch *b, int lane, int64_t i, int64_t length)
{
    for (int64_t s = 0; s < length; s++) {
        int64_t r = row_of(b, lane, i, s);

        for (int64_t j = 0; j < b->x.d; j++)
            b->x.p[r * b->x.ld + j] = (float)x_at(b->id[lane][i], s, j);
        for (int64_t j = 0; j < b->dh.d; j++)
            b->dh.p[r * b->dh.ld + j] = (float)dh_at(b->id[lane][i], s, j);
    }
}

static void batch_weights(batch *b)
{
    const trial *t = &b->t;
    int64_t rows = weight_rows(t);

    b->stride = 0;
    for (int k = 0; k < WEIGHTS; k++) {
        int64_t d = weight_columns(t, k), ld = k == BI || k == BH ? 1 : d + k + 1;

        b->w[k] = mat_new(rows, d, ld);
        if (rows * ld + GAP > b->stride) b->stride = rows * ld + GAP;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < d; j++)
                b->w[k].p[i * ld + j] = (float)number((uint32_t)k, i, j, weight_size(t));
    }
    for (int k = 0; k < WEIGHTS; k++) {
        b->dw[k] = mat_new(b->lanes * b->stride, 1, 1);
        b->dw[k].n = rows;
        b->dw[k].d = b->w[k].d;
        b->dw[k].ld = b->w[k].ld;
    }
}

/* Lengths as in the trial, or of a single lane. */
static void batch_new(batch *b, trial t, int lanes, const int64_t (*length)[MOST_SEQS],
                      int64_t first_id)
{
    int64_t units = t.s->units;

    *b = (batch){.t = t, .lanes = lanes};

    for (int l = 0; l < lanes; l++) {
        pack_lane(b, l, length[l]);
        for (int64_t i = 0; i < b->seqs[l]; i++)
            b->id[l][i] = first_id + l * MOST_SEQS + i;
    }
    b->x = mat_new(b->n, t.s->inputs, t.s->inputs + 1);
    b->h = mat_new(b->n, units, units + 2);
    b->keep = mat_new(b->n, crm_rnn_keep(t.kind) * units, crm_rnn_keep(t.kind) * units + 1);
    b->dh = mat_new(b->n, units, units + 3);
    b->dx = mat_new(b->n, t.s->inputs, t.s->inputs + 2);
    batch_weights(b);
    for (int l = 0; l < lanes; l++)
        for (int64_t i = 0; i < b->seqs[l]; i++)
            fill_rows(b, l, i, length_of(b, l, i));
}

static void batch_free(batch *b)
{
    mat *all[] = {&b->x, &b->h, &b->keep, &b->dh, &b->dx};

    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        crm_mem_free(all[k]->p);
    for (int k = 0; k < WEIGHTS; k++) {
        crm_mem_free(b->w[k].p);
        crm_mem_free(b->dw[k].p);
    }
}

static crm_rnn_weights weights_of(const mat *w)
{
    return (crm_rnn_weights){tensor_of(&w[WI]), tensor_of(&w[WH]),
                             crm_tensor_1d(w[BI].p, CRM_F32, w[BI].n),
                             crm_tensor_1d(w[BH].p, CRM_F32, w[BH].n)};
}

/* The arguments of both operations. */
typedef struct call {
    crm_rnn p;
    crm_rnn_weights w, dw;
    crm_lanes lanes;
    crm_tensor x, h, keep, dh, dx;
} call;

static call call_of(const batch *b)
{
    return (call){.p = {b->t.kind, b->t.reverse, b->packed},
                  .w = weights_of(b->w),
                  .dw = weights_of(b->dw),
                  .lanes = {.n = b->lanes, .stride = b->stride, .first = b->lane_first},
                  .x = tensor_of(&b->x),
                  .h = tensor_of(&b->h),
                  .keep = tensor_of(&b->keep),
                  .dh = tensor_of(&b->dh),
                  .dx = tensor_of(&b->dx)};
}

static void run_batch(crm_device *d, const batch *b)
{
    call c = call_of(b);

    T_OK(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep));
    T_OK(crm_op_rnn_bwd(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep, &c.dh, &c.dx, &c.dw));
    T_OK(crm_device_sync(d));
    check_gaps(&b->h, 1, 0);
    check_gaps(&b->keep, 1, 0);
    check_gaps(&b->dx, 1, 0);
    for (int k = 0; k < WEIGHTS; k++)
        check_gaps(&b->dw[k], b->lanes, b->stride);
}

/* ---- values ---- */

static void near(double got, double expected, double *worst)
{
    double off = fabs(got - expected) / fmax(1, fabs(expected));

    if (!(off <= *worst)) *worst = off; /* NaN counts */
}

/* h of a sequence; gradients of about 20 of its inputs. */
static void check_sequence(const batch *b, reference *r, int lane, int64_t i, double *h, double *dx)
{
    int64_t steps = length_of(b, lane, i), inputs = b->x.d, jump = steps * inputs / 20 + 1;

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

/* About 40 gradients of each weight of a lane. */
static void check_weights(const batch *b, reference *r, int lane, double *worst)
{
    for (int k = 0; k < WEIGHTS; k++) {
        const mat *m = &b->dw[k];
        int64_t count = m->n * m->d, jump = count / 40 + 1;

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

static void check_values(const batch *b)
{
    reference r = reference_new(b->t, MOST_STEPS);
    double h = 0, dx = 0, dw = 0;

    for (int l = 0; l < b->lanes; l++) {
        for (int64_t i = 0; i < b->seqs[l]; i++)
            check_sequence(b, &r, l, i, &h, &dx);
        check_weights(b, &r, l, &dw);
    }
    reference_free(&r);
    if (!(h <= 2e-6 && dx <= 1e-5 && dw <= 2e-5))
        fprintf(stderr, "# %s: off by %g (h), %g (dx), %g (weights)\n", b->t.s->name, h, dx, dw);
    T_CHECK(h <= 2e-6 && dx <= 1e-5 && dw <= 2e-5);
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
static void check_padded(crm_device *d, const batch *b)
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
    T_CHECK(worst <= 2e-5);
    batch_free(&full);
}

/* Without keep h is the same; without dx the gradients of weights are. */
static void check_optional(crm_device *d, const batch *b)
{
    batch other;
    call c;

    batch_new(&other, b->t, b->lanes, b->t.s->length, 0);
    c = call_of(&other);
    T_OK(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, NULL));
    T_CHECK(memcmp(other.h.p, b->h.p, (size_t)b->h.count * sizeof(float)) == 0);
    T_OK(crm_op_rnn(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep));
    T_OK(crm_op_rnn_bwd(d, &c.p, &c.w, &c.lanes, &c.x, &c.h, &c.keep, &c.dh, NULL, &c.dw));
    for (int k = 0; k < WEIGHTS; k++)
        T_CHECK(memcmp(other.dw[k].p, b->dw[k].p, (size_t)b->dw[k].count * sizeof(float)) == 0);
    batch_free(&other);
}

/* ---- cases ---- */

static const crm_cpu_path paths[] = {CRM_CPU_AVX512, CRM_CPU_AVX2, CRM_CPU_PORTABLE};
enum { TRIALS = SPECS * 4 };
static crm_digest first_bits[TRIALS];
static bool have_bits[TRIALS];

static void compare_bits(int k, const batch *b)
{
    crm_digest bits = bits_of(b);
    char hex[CRM_DIGEST_HEX];

    if (!have_bits[k] && getenv("CRM_TEST_DIGEST"))
        printf("# digest %s %s\n", crm_digest_hex(bits, hex), b->t.s->name);
    if (!have_bits[k]) first_bits[k] = bits;
    have_bits[k] = true;
    T_CHECK(crm_digest_equal(bits, first_bits[k]));
}

static void try_trial(crm_device *d, int k)
{
    trial t = {&specs[k / 4], (crm_rnn_kind)(k % 2), k / 2 % 2 == 1};
    batch b;

    batch_new(&b, t, t.s->lanes, t.s->length, 0);
    run_batch(d, &b);
    check_values(&b);
    compare_bits(k, &b);
    check_alone(d, &b);
    check_lanes(d, &b);
    check_padded(d, &b);
    check_optional(d, &b);
    batch_free(&b);
}

static void all_trials(int path)
{
    crm_device *d = NULL;
    crm_status st = crm_device_cpu(paths[path], &d);

    if (st == CRM_ERR_DEVICE) {
        crm_err_clear();
        T_SKIP("this CPU has %s", crm_cpu_features());
        return;
    }
    T_OK(st);
    for (int k = 0; k < TRIALS && d; k++)
        try_trial(d, k);
    crm_device_free(&d);
}

static void on_avx512(void)
{
    all_trials(0);
}

static void on_avx2(void)
{
    all_trials(1);
}

static void on_portable(void)
{
    all_trials(2);
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
        call c = call_of(&b);
        crm_packed q[MOST_LANES] = {b.packed[0], b.packed[1], b.packed[2]};
        int64_t odd[] = {0, 1, 6},
                *rows[] = {&c.x.dim[0],    &c.h.dim[0],     &c.keep.dim[1], &c.dh.dim[1],
                           &c.dx.dim[1],   &c.w.wi.dim[0],  &c.w.wh.dim[1], &c.w.bi.dim[0],
                           &c.w.bh.dim[0], &c.dw.wi.dim[1], &c.dw.bh.dim[0]};
        bool forward = k < 3 || (k > 4 && k < 9) || k > 11;

        c.p.packed = q;
        if (k < 11) --*rows[k];
        if (k == 11) c.lanes.stride = 3;
        if (k == 12) q[0] = (crm_packed){2, odd}; /* a step with more rows than the one before */
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
    static const t_case cases[] = {
        {"values and bits on avx512", on_avx512},     {"values and bits on avx2", on_avx2},
        {"values and bits on portable", on_portable}, {"names and sizes", names_and_sizes},
        {"mistakes are refused", mistakes},           {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
