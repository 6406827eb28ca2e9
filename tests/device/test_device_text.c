/* test_device_text.c - text convolutions: values against the definition in double, gradients
 * against differences of it, cases worked by hand, refusals.  Bits: test_device_text_bits.c.
 *
 * timeout: 300 */
#include "text_net.h"

#include "crmpi/base_run.h"

static void near_values(crm_device *d, const text_net *n, const text_out *o)
{
    double *par = text_doubles(n);
    int64_t far_off = 0;

    (void)d;
    for (int64_t doc = 0; doc < n->s.docs; doc++)
        for (int64_t j = 0; j < n->columns; j++) {
            int k = (int)(j / n->s.filters);
            int64_t f = j % n->s.filters, arg = o->arg[doc * n->columns + j];
            int64_t tokens = n->first[doc + 1] - n->first[doc];
            double want = text_value(n, par, doc, k, f);
            double there = text_window(n, par, doc, k, f, arg) + par[n->at_b[k] + f];

            far_off += fabs((double)o->y[doc * n->columns + j] - tanh(want)) > 2e-5;
            far_off += fabs(there - want) > 1e-4 || arg < 0 || arg > tokens ||
                       arg > n->s.length - n->s.kernel[k];
        }
    T_EQ_I(far_off, 0);
    crm_mem_free(par);
}

static void values(void)
{
    text_each(near_values);
}

/* Documents of thousands of tokens, wide kernels among them. */
static void long_documents(void)
{
    static const text_shape large = {60, 8, 5, 2500, 3, {3, 9, 700}, 2, 9};

    for (int i = 0; i < TEXT_DEVICES; i++) {
        crm_device *d = text_open_nth(i);
        text_net n = text_make(large);

        if (d) {
            text_out o = text_run(d, &n, CRM_ACT_TANH, true);

            near_values(d, &n, &o);
            text_out_free(&o);
        }
        text_free(&n);
        crm_device_free(&d);
    }
}

/* The objective is linear between the places where a maximum changes its window. */
static double slope(const text_net *n, double *par, int64_t lane, int64_t i)
{
    const double h = 1e-7;
    double x = par[i], up, down;

    par[i] = x + h;
    up = text_objective(n, par, lane);
    par[i] = x - h;
    down = text_objective(n, par, lane);
    par[i] = x;
    return (up - down) / (2 * h);
}

/* Sanitizers look for other faults than wrong values, and the reference is most of their time. */
#ifdef __SANITIZE_ADDRESS__
enum { WEIGHTS_APART = 400, BIASES_APART = 7 };
#else
enum { WEIGHTS_APART = 4000, BIASES_APART = 1 };
#endif

static void near_slopes(crm_device *d, const text_net *n, const text_out *o)
{
    double *par = text_doubles(n);
    int64_t stride = n->params + TEXT_GAP, step = 1 + n->params * n->s.docs / WEIGHTS_APART,
            far_off = 0;

    (void)d;
    for (int64_t l = 0; l < n->s.lanes; l++) {
        for (int64_t i = l; i < n->params; i += i < n->at_b[0] ? step : BIASES_APART) {
            double want = slope(n, par, l, i), got = (double)o->grad[l * stride + i];

            far_off += !(fabs(got - want) <= 1e-4 * fmax(1, fabs(want)));
        }
        for (int64_t i = n->params; i < stride; i++)
            far_off += o->grad[l * stride + i] != TEXT_SENTINEL;
    }
    T_EQ_I(far_off, 0);
    crm_mem_free(par);
}

static void gradients(void)
{
    text_each(near_slopes);
}

/* ---- rows further apart than they are long ---- */

enum { APART = 3 };
/* [n][d] of 4 bytes into rows APART further apart, sentinels between. */
static float *spread(const void *from, int64_t n, int64_t d)
{
    float *to = text_new(n * (d + APART), sizeof *to);

    for (int64_t i = 0; i < n * (d + APART); i++)
        to[i] = TEXT_SENTINEL;
    for (int64_t i = 0; from && i < n; i++)
        memcpy(to + i * (d + APART), (const char *)from + 4 * i * d, 4 * (size_t)d);
    return to;
}

/* Elements of the rows that are not those of want, and sentinels that are gone. */
static int64_t differ(const float *got, const void *want, int64_t n, int64_t d)
{
    int64_t other = 0;

    for (int64_t i = 0; i < n; i++) {
        const float *row = got + i * (d + APART);

        other += memcmp(row, (const char *)want + 4 * i * d, 4 * (size_t)d) != 0;
        for (int64_t j = 0; j < APART; j++)
            other += row[d + j] != TEXT_SENTINEL;
    }
    return other;
}

static crm_tensor rows_apart(held_arrays *m, float *data, crm_dtype t, int64_t n, int64_t d)
{
    crm_tensor x = crm_tensor_2d(data, t, n, d);

    x.ld = d + APART;
    x.data = array_on_device(m, data, n * x.ld, sizeof *data);
    return x;
}

/* y, arg, dy, table and the table's gradient; one lane of all documents. */
static void same_apart(crm_device *d, const text_net *n, const text_out *o)
{
    held_arrays m = {.d = d};
    int64_t docs = n->s.docs, v = n->s.v, e = n->s.e, all[] = {0, docs};
    float *table = spread(n->par, v, e), *dtable = spread(NULL, v, e);
    float *y = spread(NULL, docs, n->columns), *arg = spread(NULL, docs, n->columns);
    float *dy = spread(n->dy, docs, n->columns), *grad = text_new(n->params, sizeof *grad);
    crm_text_conv p = text_on_device(&m, text_conv_of(n, CRM_ACT_TANH));
    crm_text_weights w = text_weights(n, array_on_device(&m, n->par, n->params, sizeof *n->par));
    crm_text_weights dw = text_weights(n, array_on_device(&m, grad, n->params, sizeof *grad));
    crm_tensor ty = rows_apart(&m, y, CRM_F32, docs, n->columns);
    crm_tensor targ = rows_apart(&m, arg, CRM_I32, docs, n->columns);
    crm_tensor tdy = rows_apart(&m, dy, CRM_F32, docs, n->columns);
    crm_lanes lanes = {.n = 1, .rows = docs};
    text_net one = *n;
    text_out dense;

    for (int64_t i = 0; i < v; i++)
        memset(dtable + i * (e + APART), 0, (size_t)e * sizeof *dtable);
    w.table = rows_apart(&m, table, CRM_F32, v, e);
    dw.table = rows_apart(&m, dtable, CRM_F32, v, e);
    T_OK(crm_op_text_conv(d, &p, &w, &ty, &targ));
    T_OK(crm_op_text_conv_bwd(d, &p, &w, &targ, &tdy, &lanes, &dw, true));
    bring_back(&m);
    let_go(&m);
    T_EQ_I(differ(y, o->y, docs, n->columns) + differ(arg, o->arg, docs, n->columns), 0);
    one.s.lanes = 1;
    one.lane_first = all;
    dense = text_run(d, &one, CRM_ACT_TANH, true);
    T_EQ_I(differ(dtable, dense.grad, v, e), 0);
    text_out_free(&dense);
    crm_mem_free(table);
    crm_mem_free(dtable);
    crm_mem_free(y);
    crm_mem_free(arg);
    crm_mem_free(dy);
    crm_mem_free(grad);
}

static void strided(void)
{
    text_each(same_apart);
}

/* One filter of width 2 over two-component vectors. */
typedef struct hand {
    float table[3 * 2], w[2 * 2], b;
    int64_t first[3];
    int32_t token[4];
    float y[2];
    int32_t arg[2];
    bool no_arg;
} hand;

/* What forward is told: n documents of width 1. */
static crm_tensor hand_y(hand *h, int64_t n)
{
    return crm_tensor_2d(h->y, CRM_F32, n, 1);
}

static crm_tensor hand_arg(hand *h, int64_t n)
{
    crm_tensor t = hand_y(h, n);

    t.data = h->arg;
    t.dtype = CRM_I32;
    return t;
}

static crm_text_weights hand_weights(held_arrays *m, hand *h)
{
    crm_text_weights w = {.table = on_device(m, crm_tensor_2d(h->table, CRM_F32, 3, 2))};
    crm_tensor cube = {.data = h->w, .dtype = CRM_F32, .rank = 3, .dim = {1, 2, 2}, .ld = 4};

    w.w[0] = on_device(m, cube);
    w.b[0] = on_device(m, crm_tensor_1d(&h->b, CRM_F32, 1));
    return w;
}

static crm_text_conv hand_conv(held_arrays *m, crm_text_conv p)
{
    if (p.first) p.n_tokens = p.first[p.n_docs];
    return text_on_device(m, p);
}

static crm_status hand_run(crm_device *d, hand *h, crm_text_conv p)
{
    held_arrays m = {.d = d};
    crm_text_weights w = hand_weights(&m, h);
    crm_text_conv q = hand_conv(&m, p);
    crm_tensor y = on_device(&m, hand_y(h, p.n_docs)), arg = on_device(&m, hand_arg(h, p.n_docs));
    crm_status st = crm_op_text_conv(d, &q, &w, &y, h->no_arg ? NULL : &arg);

    bring_back(&m);
    let_go(&m);
    return st;
}

/* Tokens a = (1, 2), b = (3, -1); w = [[1, 10], [100, 1000]] over (component, tap). */
static hand hand_new(crm_text_conv *p)
{
    hand h = {.table = {9, 9, 1, 2, 3, -1},
              .w = {1, 10, 100, 1000},
              .b = 0.5f,
              .first = {0, 3, 4},
              .token = {1, 2, 1, 2}};

    *p = (crm_text_conv){.n_kernels = 1, .kernel = {2}, .length = 3, .n_docs = 2};
    return h;
}

static void check_worked_by_hand(crm_device *d, crm_hash *bits)
{
    crm_text_conv p;
    hand h = hand_new(&p);

    p.first = h.first;
    p.token = h.token;
    T_OK(hand_run(d, &h, p)); /* ab: 201 - 970; ba: -97 + 2010; b: -97, and nothing: 0 */
    T_CHECK(h.y[0] == 1913.5f && h.arg[0] == 1);
    T_CHECK(h.y[1] == 0.5f && h.arg[1] == 1);
    h.no_arg = true;
    h.y[0] = h.y[1] = 0;
    T_OK(hand_run(d, &h, p));
    T_CHECK(h.y[0] == 1913.5f && h.y[1] == 0.5f);
    h.no_arg = false;
    p.length = 2; /* no room behind b */
    h.first[1] = 2;
    h.first[2] = 3;
    h.token[2] = 2;
    T_OK(hand_run(d, &h, p));
    T_CHECK(h.y[0] == -768.5f && h.arg[0] == 0);
    T_CHECK(h.y[1] == -96.5f && h.arg[1] == 0);
    (void)bits;
}

static void worked_by_hand(void)
{
    on_all_devices(check_worked_by_hand);
}

/* Equal windows: the first. A NaN is seen wherever it is.  Sums flushed to -0 end as +0. */
static void check_extremes(crm_device *d, crm_hash *bits)
{
    crm_text_conv p;
    hand h = hand_new(&p);
    int32_t same[] = {1, 1, 1, 2};

    p.first = h.first;
    p.token = same;
    T_OK(hand_run(d, &h, p));
    T_CHECK(h.y[0] == 2211.5f && h.arg[0] == 0);
    p.token = h.token;
    h.table[4] = NAN; /* of b */
    T_OK(hand_run(d, &h, p));
    T_CHECK(isnan(h.y[0]) && isnan(h.y[1]));
    h = hand_new(&p);
    p.first = h.first;
    p.token = h.token;
    h.b = -0.0f;
    for (int i = 0; i < 6; i++)
        h.table[i] = -1e-30f;
    for (int i = 0; i < 4; i++)
        h.w[i] = 1e-30f;
    T_OK(hand_run(d, &h, p));
    T_CHECK(h.y[0] == 0 && !signbit(h.y[0]) && !signbit(h.y[1]) && h.arg[0] == 0);
    (void)bits;
}

static void extremes(void)
{
    on_all_devices(check_extremes);
}

/* Gradients of a hand from dy of its two documents, both at position 0: table, w, b in grad. */
static crm_status hand_back(crm_device *d, hand *h, crm_text_conv p, float dy[2], float grad[11])
{
    held_arrays m = {.d = d};
    crm_text_weights w = hand_weights(&m, h), dw = w;
    crm_text_conv q = hand_conv(&m, p);
    crm_tensor g = on_device(&m, crm_tensor_2d(dy, CRM_F32, 2, 1));
    crm_tensor arg = on_device(&m, hand_arg(h, 2));
    float *to = array_on_device(&m, grad, 11, sizeof *grad);
    crm_lanes lanes = {.n = 1, .rows = 2};
    crm_status st;

    dw.table.data = to;
    dw.w[0].data = to + 6;
    dw.b[0].data = to + 10;
    st = crm_op_text_conv_bwd(d, &q, &w, &arg, &g, &lanes, &dw, true);
    bring_back(&m);
    let_go(&m);
    return st;
}

/* A gradient of 0 is skipped, whatever it would be multiplied with; sums flushed to -0 end as +0.
 */
static void check_extremes_back(crm_device *d, crm_hash *bits)
{
    crm_text_conv p;
    hand h = hand_new(&p);
    float dy[2] = {0, 1}, grad[11] = {0};

    p.first = h.first;
    p.token = h.token;
    h.table[2] = NAN; /* of a, which the second document does not hold */
    T_OK(hand_back(d, &h, p, dy, grad));
    T_CHECK(grad[6] == 3 && grad[8] == -1 && grad[10] == 1); /* b at tap 0 */
    T_CHECK(grad[7] == 0 && grad[9] == 0);
    T_CHECK(grad[2] == 0 && grad[3] == 0 && grad[4] == 1 && grad[5] == 100);
    for (int i = 0; i < 11; i++) {
        grad[i] = 0;
        if (i < 6) h.table[i] = 1e-30f;
        if (i < 4) h.w[i] = 1e-30f;
    }
    dy[0] = dy[1] = -1e-30f;
    T_OK(hand_back(d, &h, p, dy, grad));
    for (int i = 0; i < 10; i++)
        T_CHECK(grad[i] == 0 && !signbit(grad[i]));
    (void)bits;
}

static void extremes_back(void)
{
    on_all_devices(check_extremes_back);
}

static void refusals(void)
{
    crm_device *d = text_open(CRM_CPU_BEST);
    crm_text_conv good, p;
    hand h = hand_new(&good);

    good.first = h.first;
    good.token = h.token;
    h.y[0] = 77;
    p = good, p.n_kernels = 0;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "0 kernels, 1 to 8");
    p = good, p.n_kernels = 2, p.kernel[1] = 1;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "tensor w");
    p = good, p.kernel[0] = 4;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "4 tokens wide, 1 to 3");
    p = good, p.length = 0;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "documents of 0 tokens");
    p = good, p.act = CRM_ACT_GELU;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "monotone");
    p = good, p.first = NULL;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "where they begin");
    p = good, p.token = NULL;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "without tokens");
    p = good, p.length = 2;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "document 0 has 3 tokens, 0 to 2");
    p = good, h.first[1] = 5;
    T_FAILS(hand_run(d, &h, p), CRM_ERR_ARG, "document 0 has 5 tokens");
    T_CHECK(h.y[0] == 77);
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"values", values},
                                   {"long documents", long_documents},
                                   {"gradients", gradients},
                                   {"rows apart", strided},
                                   {"worked by hand", worked_by_hand},
                                   {"equal, NaN and flushed windows", extremes},
                                   {"gradients of 0, flushed gradients", extremes_back},
                                   {"refusals", refusals},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
