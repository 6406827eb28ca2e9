/* test_device_conv.c - convolution over steps on every device: against the definition in double,
 * gradients against differences, the documented order bit by bit, lanes, the form that skips zeros.
 *
 * The module for GPUs is held to the order, too, when its own kernels multiply.
 *
 * timeout: 300 */
#include <sys/wait.h>
#include <unistd.h>

#include "devices_testing.h"
#include "rows_testing.h"

/* Forms of the gradients of the CPU device, declared in device_cpu_impl.h; others have one. */
enum { BEST, DENSE, SPARSE };
void crm_cpu_conv_form(crm_device *d, int form);

static void take_form(crm_device *d, int form)
{
    if (crm_device_is_host(d)) crm_cpu_conv_form(d, form);
}

typedef struct net {
    int64_t n;
    crm_conv p;
    int64_t c, o, gap;
} net;

/* Kernels 1, 3, 5; pads from 0 to kernel - 1; channels round the sizes of vectors; sums beyond one
 * chain of 256 over taps and channels, over taps and filters, over rows. */
static const net nets[] = {
    {1, {1, 1, 0, CRM_ACT_NONE}, 1, 1, 0},     {3, {12, 3, 1, CRM_ACT_RELU}, 16, 64, 0},
    {5, {7, 5, 4, CRM_ACT_TANH}, 13, 17, 3},   {2, {5, 5, 0, CRM_ACT_SIGMOID}, 20, 33, 1},
    {1, {1, 3, 1, CRM_ACT_NONE}, 5, 3, 0},     {1, {1, 5, 4, CRM_ACT_NONE}, 2, 7, 2},
    {70, {12, 3, 2, CRM_ACT_RELU}, 8, 9, 0},   {2, {9, 5, 2, CRM_ACT_NONE}, 100, 90, 0},
    {3, {31, 1, 0, CRM_ACT_RELU}, 40, 50, 5},  {4, {3, 3, 0, CRM_ACT_NONE}, 64, 100, 0},
    {60, {12, 3, 1, CRM_ACT_RELU}, 24, 16, 0},
};
enum { NETS = sizeof nets / sizeof *nets, SMALL_NETS = 3 };

static int n_nets(void)
{
    return small_cases() ? SMALL_NETS : NETS;
}

/* Arrays of one net; rows of matrices are gap wider than they have columns. */
typedef struct arrays {
    int64_t out, ldx, ldy, size; /* size of w */
    float *x, *w, *b, *y, *dy, *dx, *dw, *db;
} arrays;

static arrays arrays_new(const net *t)
{
    arrays a = {.out = t->p.steps + 2 * t->p.pad - t->p.kernel + 1,
                .ldx = t->c + t->gap,
                .ldy = t->o + t->gap,
                .size = t->o * t->c * t->p.kernel};

    a.x = random_floats(t->n * t->p.steps * a.ldx, 1);
    a.w = random_floats(a.size, 2);
    a.b = random_floats(t->o, 3);
    a.dy = random_floats(t->n * a.out * a.ldy, 4);
    a.y = nan_floats(t->n * a.out * a.ldy);
    a.dx = nan_floats(t->n * t->p.steps * a.ldx);
    a.dw = nan_floats(a.size);
    a.db = nan_floats(t->o);
    return a;
}

static void arrays_free(arrays *a)
{
    float *all[] = {a->x, a->w, a->b, a->y, a->dy, a->dx, a->dw, a->db};

    for (int i = 0; i < 8; i++)
        crm_mem_free(all[i]);
}

/* As after a maximum over time: of each sample and filter one step is left. */
static void keep_one_step(const net *t, const arrays *a)
{
    for (int64_t r = 0; r < t->n * a->out; r++)
        for (int64_t o = 0; o < t->o; o++)
            if (r % a->out != (r / a->out + 7 * o) % a->out) a->dy[r * a->ldy + o] = 0;
}

static void forward(crm_device *d, const net *t, const arrays *a)
{
    held_arrays m = {.d = d};
    crm_tensor x = on_device(&m, strided(a->x, t->n * t->p.steps, t->c, a->ldx)),
               w = on_device(&m, cube(a->w, t->o, t->c, t->p.kernel)),
               b = on_device(&m, crm_tensor_1d(a->b, CRM_F32, t->o)),
               y = on_device(&m, strided(a->y, t->n * a->out, t->o, a->ldy));

    T_OK(crm_op_conv(d, &t->p, &x, &w, &b, &y));
    bring_back(&m);
    let_go(&m);
}

static void backward(crm_device *d, const net *t, const arrays *a)
{
    held_arrays m = {.d = d};
    crm_tensor x = on_device(&m, strided(a->x, t->n * t->p.steps, t->c, a->ldx)),
               dx = on_device(&m, strided(a->dx, t->n * t->p.steps, t->c, a->ldx)),
               w = on_device(&m, cube(a->w, t->o, t->c, t->p.kernel)),
               dw = on_device(&m, cube(a->dw, t->o, t->c, t->p.kernel)),
               db = on_device(&m, crm_tensor_1d(a->db, CRM_F32, t->o)),
               dy = on_device(&m, strided(a->dy, t->n * a->out, t->o, a->ldy));
    crm_lanes lane = {.n = 1, .rows = t->n};

    T_OK(crm_op_conv_bwd_x(d, &t->p, &dy, &w, &dx));
    T_OK(crm_op_conv_bwd_w(d, &t->p, &x, &dy, &lane, &dw, &db));
    bring_back(&m);
    let_go(&m);
}

static double x_at(const net *t, const arrays *a, int64_t sample, int64_t step, int64_t c)
{
    bool inside = step >= 0 && step < t->p.steps;

    return inside ? (double)a->x[(sample * t->p.steps + step) * a->ldx + c] : 0;
}

/* Before the activation, in double. */
static double sum_at(const net *t, const arrays *a, int64_t r, int64_t o)
{
    double s = (double)a->b[o];

    for (int64_t j = 0; j < t->p.kernel; j++)
        for (int64_t c = 0; c < t->c; c++)
            s += x_at(t, a, r / a->out, r % a->out + j - t->p.pad, c) *
                 (double)a->w[(o * t->c + c) * t->p.kernel + j];
    return s;
}

static double act(crm_act f, double x)
{
    return f == CRM_ACT_RELU      ? fmax(x, 0)
           : f == CRM_ACT_TANH    ? tanh(x)
           : f == CRM_ACT_SIGMOID ? 1 / (1 + exp(-x))
                                  : x;
}

/* Columns beyond the last of each row keep the NaN (outputs) they had. */
static int64_t gaps_written(const float *p, int64_t rows, int64_t d, int64_t ld)
{
    int64_t n = 0;

    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = d; j < ld; j++)
            n += !isnan(p[r * ld + j]);
    return n;
}

static void check_forward(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < n_nets(); k++) {
        const net *t = &nets[k];

        arrays a = arrays_new(t);

        forward(d, t, &a);
        for (int64_t r = 0; r < t->n * a.out; r++)
            for (int64_t o = 0; o < t->o; o++)
                T_NEAR((double)a.y[r * a.ldy + o], act(t->p.act, sum_at(t, &a, r, o)), 3e-5);
        T_EQ_I(gaps_written(a.y, t->n * a.out, t->o, a.ldy), 0);
        add_bits(bits, a.y, t->n * a.out * a.ldy);
        arrays_free(&a);
    }
}

static void forward_by_definition(void)
{
    on_all_devices(check_forward);
}

/* Sum of dy (w * x + b) over one sample, or all of them (sample < 0). */
static double objective(const net *t, const arrays *a, int64_t sample, int64_t o)
{
    double s = 0;

    for (int64_t r = 0; r < t->n * a->out; r++)
        for (int64_t f = 0; f < t->o; f++)
            if ((sample < 0 || r / a->out == sample) && (o < 0 || f == o))
                s += (double)a->dy[r * a->ldy + f] * sum_at(t, a, r, f);
    return s;
}

/* Derivative of the objective by one number; the objective is linear in it, so that any step is
 * exact; powers of two are added without rounding error of note. */
static double derivative(const net *t, const arrays *a, float *by, int64_t sample, int64_t o)
{
    float was = *by;
    double up, down, width;

    *by = was + 2;
    width = (double)*by;
    up = objective(t, a, sample, o);
    *by = was - 2;
    width -= (double)*by;
    down = objective(t, a, sample, o);
    *by = was;
    return (up - down) / width;
}

/* About forty elements of each gradient. */
static void check_gradients(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < n_nets(); k++) {
        const net *t = &nets[k];

        arrays a = arrays_new(t);
        int64_t in = t->n * t->p.steps * t->c, by_x = 1 + in / 40, by_w = 1 + a.size / 40;

        backward(d, t, &a);
        for (int64_t i = 0; i < in; i += by_x) {
            int64_t r = i / t->c, at = r * a.ldx + i % t->c;

            T_NEAR((double)a.dx[at], derivative(t, &a, a.x + at, r / t->p.steps, -1), 1e-4);
        }
        for (int64_t i = 0; i < a.size; i += by_w)
            T_NEAR((double)a.dw[i], derivative(t, &a, a.w + i, -1, i / (t->c * t->p.kernel)), 1e-4);
        for (int64_t o = 0; o < t->o; o += 1 + t->o / 10)
            T_NEAR((double)a.db[o], derivative(t, &a, a.b + o, -1, o), 1e-4);
        T_EQ_I(gaps_written(a.dx, t->n * t->p.steps, t->c, a.ldx), 0);
        add_bits(bits, a.dx, t->n * t->p.steps * a.ldx);
        add_bits(bits, a.dw, a.size);
        add_bits(bits, a.db, t->o);
        arrays_free(&a);
    }
}

static void gradients_by_differences(void)
{
    on_all_devices(check_gradients);
}

/* ---- order of operations, as docs/numerics.md states it ---- */

/* A chain cut at CRM_CHAIN: term after term into part, whole chains into sum. */
typedef struct chained {
    float sum, part;
    int64_t n;
} chained;

static void term(chained *s, float a, float b)
{
    if (s->n > 0 && s->n % CRM_CHAIN == 0) {
        s->sum = s->n == CRM_CHAIN ? s->part : s->sum + s->part;
        s->part = 0;
    }
    s->part = fmaf(a, b, s->part);
    s->n++;
}

static float total(const chained *s)
{
    return s->n <= CRM_CHAIN ? s->part : s->sum + s->part;
}

static float ordered_dx(const net *t, const arrays *a, int64_t r, int64_t c)
{
    chained s = {0};

    for (int64_t j = 0; j < t->p.kernel; j++)
        for (int64_t o = 0; o < t->o; o++) {
            int64_t at = r % t->p.steps + t->p.pad - j;
            float dy =
                at >= 0 && at < a->out ? a->dy[(r / t->p.steps * a->out + at) * a->ldy + o] : 0;

            term(&s, dy, a->w[(o * t->c + c) * t->p.kernel + j]);
        }
    return total(&s) + 0.0f;
}

static float ordered_dw(const net *t, const arrays *a, int64_t o, int64_t c, int64_t j)
{
    chained s = {0};

    for (int64_t r = 0; r < t->n * a->out; r++)
        term(&s, a->dy[r * a->ldy + o],
             (float)x_at(t, a, r / a->out, r % a->out + j - t->p.pad, c));
    return total(&s) + 0.0f;
}

static float ordered_y(const net *t, const arrays *a, int64_t r, int64_t o)
{
    chained s = {0};

    for (int64_t j = 0; j < t->p.kernel; j++)
        for (int64_t c = 0; c < t->c; c++)
            term(&s, (float)x_at(t, a, r / a->out, r % a->out + j - t->p.pad, c),
                 a->w[(o * t->c + c) * t->p.kernel + j]);
    return total(&s) + a->b[o];
}

static int64_t out_of_order(const net *t, const arrays *a)
{
    int64_t other = 0;

    for (int64_t r = 0; r < t->n * a->out; r++)
        for (int64_t o = 0; o < t->o; o++)
            if (t->p.act == CRM_ACT_NONE) other += a->y[r * a->ldy + o] != ordered_y(t, a, r, o);
    for (int64_t r = 0; r < t->n * t->p.steps; r++)
        for (int64_t c = 0; c < t->c; c++)
            other += a->dx[r * a->ldx + c] != ordered_dx(t, a, r, c);
    for (int64_t i = 0; i < a->size; i++)
        other += a->dw[i] != ordered_dw(t, a, i / (t->c * t->p.kernel), i / t->p.kernel % t->c,
                                        i % t->p.kernel);
    return other;
}

static void check_order(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < n_nets(); k++)
        for (int form = DENSE; form <= SPARSE; form++) {
            arrays a = arrays_new(&nets[k]);

            if (form == SPARSE) keep_one_step(&nets[k], &a);
            take_form(d, form);
            forward(d, &nets[k], &a);
            backward(d, &nets[k], &a);
            T_EQ_I(out_of_order(&nets[k], &a), 0);
            add_bits(bits, a.dw, a.size);
            arrays_free(&a);
        }
}

/* The order of a library is its own affair. */
static void order_of_operations(void)
{
    setenv("CRM_CUDA_GEMM", "own", 1);
    on_all_devices(check_order);
    unsetenv("CRM_CUDA_GEMM");
}

/* ---- the form that skips zeros ---- */

/* Gradients of the same arrays in two forms. */
static int64_t forms_differ(crm_device *d, const net *t, arrays *a, int one, int other)
{
    arrays b = *a;
    int64_t n;

    b.dx = nan_floats(t->n * t->p.steps * a->ldx);
    b.dw = nan_floats(a->size);
    b.db = nan_floats(t->o);
    take_form(d, one);
    backward(d, t, a);
    take_form(d, other);
    backward(d, t, &b);
    n = other_bits(a->dx, b.dx, t->n * t->p.steps * a->ldx) + other_bits(a->dw, b.dw, a->size) +
        other_bits(a->db, b.db, t->o);
    crm_mem_free(b.dx);
    crm_mem_free(b.dw);
    crm_mem_free(b.db);
    return n;
}

/* Few elements, all elements, none; and numbers so small that products are flushed to -0. */
static void check_forms(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < n_nets(); k++) {
        const net *t = &nets[k];

        arrays a = arrays_new(t);
        int64_t n = t->n * a.out * a.ldy;

        T_EQ_I(forms_differ(d, t, &a, DENSE, SPARSE), 0);
        keep_one_step(t, &a);
        T_EQ_I(forms_differ(d, t, &a, DENSE, SPARSE), 0);
        T_EQ_I(forms_differ(d, t, &a, BEST, SPARSE), 0);
        add_bits(bits, a.dx, t->n * t->p.steps * a.ldx);
        for (int64_t i = 0; i < n; i++)
            a.dy[i] *= 1e-30f;
        for (int64_t i = 0; i < a.size; i++)
            a.w[i] *= 1e-30f;
        for (int64_t i = 0; i < t->n * t->p.steps * a.ldx; i++)
            a.x[i] *= 1e-30f;
        T_EQ_I(forms_differ(d, t, &a, DENSE, SPARSE), 0);
        for (int64_t r = 0; r < t->n * t->p.steps; r++)
            for (int64_t c = 0; c < t->c; c++)
                T_CHECK(a.dx[r * a.ldx + c] == 0 && !signbit(a.dx[r * a.ldx + c]));
        for (int64_t i = 0; i < a.size; i++)
            T_CHECK(a.dw[i] == 0 && !signbit(a.dw[i]));
        memset(a.dy, 0, (size_t)n * sizeof *a.dy);
        T_EQ_I(forms_differ(d, t, &a, DENSE, SPARSE), 0);
        for (int64_t i = 0; i < a.size; i++)
            T_CHECK(a.dw[i] == 0);
        arrays_free(&a);
    }
}

static void zeros_may_be_skipped(void)
{
    on_all_devices(check_forms);
}

/* ---- lanes, shapes ---- */

/* dw and db of samples [first, end) alone have the bits of a lane among others. */
static void check_lane(crm_device *d, const net *t, const arrays *a, int64_t first, int64_t end,
                       const float *dw, const float *db)
{
    net part = *t;
    arrays b = *a;

    part.n = end - first;
    b.x += first * t->p.steps * a->ldx;
    b.dx += first * t->p.steps * a->ldx;
    b.dy += first * a->out * a->ldy;
    backward(d, &part, &b);
    T_EQ_I(other_bits(dw, b.dw, a->size) + other_bits(db, b.db, t->o), 0);
}

static void check_lanes(crm_device *d, crm_hash *bits)
{
    static const int64_t ragged[] = {0, 25, 25, 27, 60}, equal[] = {0, 15, 30, 45, 60};
    const net *t = &nets[NETS - 1];

    for (int k = 0; k < 2; k++) {
        arrays a = arrays_new(t);
        int64_t stride = a.size + t->o + 3;
        float *g = nan_floats(4 * stride);
        crm_lanes lanes = {.n = 4, .rows = 15, .stride = stride, .first = k ? ragged : NULL};
        held_arrays m = {.d = d};
        crm_tensor x = on_device(&m, strided(a.x, t->n * t->p.steps, t->c, a.ldx)),
                   dy = on_device(&m, strided(a.dy, t->n * a.out, t->o, a.ldy)),
                   dw =
                       cube(array_on_device(&m, g, 4 * stride, sizeof *g), t->o, t->c, t->p.kernel),
                   db = crm_tensor_1d((float *)dw.data + a.size, CRM_F32, t->o);

        T_OK(crm_op_conv_bwd_w(d, &t->p, &x, &dy, &lanes, &dw, &db));
        bring_back(&m);
        let_go(&m);
        for (int l = 0; l < 4; l++) {
            const int64_t *first = k ? ragged : equal;

            check_lane(d, t, &a, first[l], first[l + 1], g + l * stride, g + l * stride + a.size);
            for (int i = 0; i < 3; i++)
                T_CHECK(isnan(g[(l + 1) * stride - 1 - i]));
        }
        add_bits(bits, g, a.size);
        crm_mem_free(g);
        arrays_free(&a);
    }
}

static void lanes_of_samples(void)
{
    on_all_devices(check_lanes);
}

static void check_no_samples(crm_device *d, crm_hash *bits)
{
    net t = nets[1];
    arrays a = arrays_new(&t);

    t.n = 0;
    forward(d, &t, &a);
    backward(d, &t, &a);
    for (int64_t i = 0; i < a.size; i++)
        T_CHECK(a.dw[i] == 0);
    T_CHECK(a.db[0] == 0 && isnan(a.y[0]) && isnan(a.dx[0]));
    add_bits(bits, a.dw, a.size);
    arrays_free(&a);
}

static void no_samples(void)
{
    on_all_devices(check_no_samples);
}

static void mistakes(void)
{
    crm_device *d = NULL;
    float x[24] = {0}, w[12] = {0}, b[2] = {0}, y[24];
    crm_tensor tx = strided(x, 12, 2, 2), tw = cube(w, 2, 2, 3), ty = strided(y, 12, 2, 2),
               tb = crm_tensor_1d(b, CRM_F32, 2), short_b = crm_tensor_1d(b, CRM_F32, 1),
               few = strided(y, 11, 2, 2), flat = strided(w, 2, 6, 6);
    crm_conv p = {6, 3, 1, CRM_ACT_RELU};
    crm_lanes lanes = {.n = 2, .rows = 1, .stride = 11}, three = {.n = 1, .rows = 3};
    static const struct {
        crm_conv p;
        const char *message;
    } bad[] = {{{6, 3, 3, CRM_ACT_NONE}, "pad 3"},
               {{6, 3, -1, CRM_ACT_NONE}, "pad -1"},
               {{6, 0, 0, CRM_ACT_NONE}, "kernel 0"},
               {{2, 3, 0, CRM_ACT_NONE}, "no window fits"},
               {{0, 3, 2, CRM_ACT_NONE}, "0 steps"},
               {{6, 3, 1, CRM_ACT_GELU}, "activation"},
               {{5, 3, 1, CRM_ACT_NONE}, "samples of 5 steps"}};

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        T_FAILS(crm_op_conv(d, &bad[i].p, &tx, &tw, &tb, &ty), CRM_ERR_ARG, bad[i].message);
        T_FAILS(crm_op_conv_bwd_x(d, &bad[i].p, &ty, &tw, &tx), CRM_ERR_ARG, bad[i].message);
        T_FAILS(crm_op_conv_bwd_w(d, &bad[i].p, &tx, &ty, &three, &tw, NULL), CRM_ERR_ARG,
                bad[i].message);
    }
    T_OK(crm_op_conv(d, &p, &tx, &tw, NULL, &ty));
    T_FAILS(crm_op_conv(d, &p, &tx, &tw, &tb, &few), CRM_ERR_ARG, "y has 11 rows");
    T_FAILS(crm_op_conv(d, &p, &tx, &flat, &tb, &ty), CRM_ERR_ARG, "w");
    T_FAILS(crm_op_conv(d, &p, &tx, &tw, &short_b, &ty), CRM_ERR_ARG, "b has 1 rows");
    T_FAILS(crm_op_conv_bwd_w(d, &p, &tx, &ty, &three, &tw, &tb), CRM_ERR_ARG, "lanes");
    T_FAILS(crm_op_conv_bwd_w(d, &p, &tx, &ty, &lanes, &tw, &tb), CRM_ERR_ARG, "apart");
    crm_device_free(&d);
}

/* ---- cuDNN ---- */

/* Each sample alone has the bits it has among others; 300 are more than a call of cuDNN takes. */
static void check_samples(crm_device *d, crm_act f)
{
    net t = {300, {6, 3, 1, f}, 4, 8, 0}, one = t;
    arrays a = arrays_new(&t), b;
    const int64_t samples[] = {0, 1, 255, 256, 299};

    one.n = 1;
    forward(d, &t, &a);
    backward(d, &t, &a);
    b = a;
    b.y = nan_floats(a.out * a.ldy);
    b.dx = nan_floats(t.p.steps * a.ldx);
    for (int i = 0; i < 5; i++) {
        b.x = a.x + samples[i] * t.p.steps * a.ldx;
        b.dy = a.dy + samples[i] * a.out * a.ldy;
        forward(d, &one, &b);
        backward(d, &one, &b);
        T_EQ_I(other_bits(b.y, a.y + samples[i] * a.out * a.ldy, a.out * a.ldy), 0);
        T_EQ_I(other_bits(b.dx, a.dx + samples[i] * t.p.steps * a.ldx, t.p.steps * a.ldx), 0);
    }
    crm_mem_free(b.y);
    crm_mem_free(b.dx);
    arrays_free(&a);
}

static crm_status open_module(int cudnn, crm_device **d)
{
    crm_device_cfg cfg = {.kind = CRM_DEVICE_CUDA,
                          .math = CRM_GPU_FP32,
                          .cudnn = cudnn,
                          .transport = CRM_TRANSPORT_MPI,
                          .bucket = 1 << 20,
                          .timeout = 60};

    return crm_device_open(&cfg, 0, 1, d);
}

static bool in_the_shim(const crm_device *d)
{
    return strstr(crm_device_name(d), "cusim") != NULL;
}

/* Floats of dx that cuDNN gives other last bits than own kernels do: 24 terms in another order. */
static int64_t other_than_own(crm_device *d)
{
    net t = {4, {6, 3, 1, CRM_ACT_NONE}, 4, 8, 0};
    arrays a = arrays_new(&t), b = a;
    int64_t n = t.n * t.p.steps * a.ldx, other;
    crm_device *own = NULL;

    b.dx = nan_floats(n);
    T_OK(open_module(CRM_GPU_OFF, &own));
    if (!own) abort();
    backward(d, &t, &a);
    backward(own, &t, &b);
    other = other_bits(a.dx, b.dx, n);
    crm_device_free(&own);
    crm_mem_free(b.dx);
    arrays_free(&a);
    return other;
}

/* gpu.cudnn: on, on the module that CRM_CUDA_PLUGIN names. */
static void by_cudnn(void)
{
    crm_device *d = NULL;
    crm_hash *bits = NULL;

    if (!getenv("CRM_CUDA_PLUGIN")) {
        T_SKIP("CRM_CUDA_PLUGIN names no module");
        return;
    }
    T_OK(open_module(CRM_GPU_SWITCH_AUTO, &d));
    crm_device_free(&d);
    if (open_module(CRM_GPU_ON, &d) == CRM_ERR_DEVICE) { /* no cuDNN */
        T_SKIP("%s", crm_err_text());
        crm_err_clear();
        return;
    }
    T_OK(crm_hash_new(&bits));
    if (!d || !bits) abort();
    check_forward(d, bits);
    check_gradients(d, bits);
    check_samples(d, CRM_ACT_RELU);
    check_samples(d, CRM_ACT_TANH);
    if (in_the_shim(d)) T_CHECK(other_than_own(d) > 0);
    crm_hash_free(&bits);
    crm_device_free(&d);
}

/* In a process of its own: a module looks for libraries once. */
static void without_cudnn_child(void)
{
    crm_device *d = NULL;

    setenv("CUSIM_WITHOUT", "cudnn", 1);
    T_OK(open_module(CRM_GPU_SWITCH_AUTO, &d));
    if (d && !in_the_shim(d)) _exit(2);
    crm_device_free(&d);
    T_FAILS(open_module(CRM_GPU_ON, &d), CRM_ERR_DEVICE, "gpu.cudnn: on, and there is no cuDNN");
    _exit(t_failures != 0);
}

/* The first case: nothing has asked the module yet. */
static void without_cudnn(void)
{
    int how = 0;
    pid_t child;

    if (!getenv("CRM_CUDA_PLUGIN")) {
        T_SKIP("CRM_CUDA_PLUGIN names no module");
        return;
    }
    fflush(NULL);
    child = fork();
    if (child == 0) without_cudnn_child();
    T_CHECK(child > 0 && waitpid(child, &how, 0) == child && WIFEXITED(how));
    if (WIFEXITED(how) && WEXITSTATUS(how) == 2)
        T_SKIP("only the shim can leave a library out");
    else
        T_EQ_I(WEXITSTATUS(how), 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"without cuDNN", without_cudnn},
        {"forward by definition", forward_by_definition},
        {"gradients by differences", gradients_by_differences},
        {"order of operations", order_of_operations},
        {"zeros may be skipped", zeros_may_be_skipped},
        {"lanes of samples", lanes_of_samples},
        {"no samples", no_samples},
        {"by cuDNN", by_cudnn},
        {"mistakes are refused", mistakes},
        {NULL, NULL},
    };

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
