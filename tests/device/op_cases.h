/* op_cases.h - the table of operations under test: arrays, call and reference in double of each.
 *
 * References of gradients are differences of the forward reference (exact for what is linear). */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "op_fixture.h"

#include "op_cases_bag.h"
#include "op_cases_loss.h"
#include "op_cases_step.h"

static double act_ref(int act, double x)
{
    switch (act) {
    case CRM_ACT_RELU:
        return x > 0 ? x : 0;
    case CRM_ACT_TANH:
        return tanh(x);
    case CRM_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CRM_ACT_SILU:
        return x / (1 + exp(-x));
    case CRM_ACT_GELU:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    default:
        return x;
    }
}

/* Arrays of the linear family: 0 x, 1 w, 2 b or db, 3 y or dy, in whatever roles. */
enum { NO_BIAS = 16 };

static void linear_setup(fixture *f)
{
    matrix(f, 0, IN, PER_ROW, f->n, f->s.i, 0);
    matrix(f, 1, IN, FIXED, f->s.o, f->s.i, 0);
    vector(f, 2, CRM_F32, IN, FIXED, f->s.o, f->variant & NO_BIAS ? NO_TENSOR : 0);
    matrix(f, 3, OUT, PER_ROW, f->n, f->s.o, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t o = 0; o < f->s.o; o++) {
            double s = f->variant & NO_BIAS ? 0 : in(f, 2, o, 0);

            for (int64_t i = 0; i < f->s.i; i++)
                s += in(f, 0, r, i) * in(f, 1, o, i);
            *want(f, 3, 0, r, o) = act_ref(f->variant & 15, s);
        }
}

static crm_status linear_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), w = view(f, 1), b = view(f, 2), y = view(f, 3);

    return crm_op_linear(d, &x, &w, f->variant & NO_BIAS ? NULL : &b, (crm_act)(f->variant & 15),
                         &y);
}

/* sum over o of dy[r][o] (w x)[o] for a row x of which component i is v and the others 0. */
static double input_objective(const fixture *f, int64_t r, int64_t i, double v)
{
    double s = 0;

    for (int64_t o = 0; o < f->s.o; o++)
        s += in(f, 0, r, o) * in(f, 1, o, i) * v;
    return s;
}

static void bwd_x_setup(fixture *f)
{
    matrix(f, 0, IN, PER_ROW, f->n, f->s.o, 0);
    matrix(f, 1, IN, FIXED, f->s.o, f->s.i, 0);
    matrix(f, 2, OUT, PER_ROW, f->n, f->s.i, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t i = 0; i < f->s.i; i++)
            *want(f, 2, 0, r, i) =
                (input_objective(f, r, i, 1.3) - input_objective(f, r, i, -0.7)) / 2;
}

static crm_status bwd_x_call(crm_device *d, fixture *f)
{
    crm_tensor dy = view(f, 0), w = view(f, 1), dx = view(f, 2);

    return crm_op_linear_bwd_x(d, &dy, &w, &dx);
}

/* sum over rows of a lane of dy[r][o] y[r][o] where weight (o, i) is v, the bias c, other weights
 * 0. */
static double weight_objective(const fixture *f, int64_t lane, int64_t o, int64_t i, double v,
                               double c)
{
    double s = 0;

    for (int64_t r = lane * f->s.lane_rows; r < (lane + 1) * f->s.lane_rows; r++)
        s += in(f, 1, r, o) * (c + v * in(f, 0, r, i));
    return s;
}

static void bwd_w_setup(fixture *f)
{
    matrix(f, 0, IN, PER_ROW, f->n, f->s.i, 0);
    matrix(f, 1, IN, PER_ROW, f->n, f->s.o, 0);
    matrix(f, 2, OUT, PER_LANE, f->s.o, f->s.i, 0);
    f->lanes.stride = f->a[2].stride;
    declare(f, 3,
            (array){.dtype = CRM_F32,
                    .role = OUT,
                    .span = PER_LANE,
                    .rank = 1,
                    .n = f->s.o,
                    .d = 1,
                    .ld = 1,
                    .stride = f->lanes.stride},
            0, 0);
    for (int64_t l = 0; l < f->s.lanes; l++)
        for (int64_t o = 0; o < f->s.o; o++) {
            *want(f, 3, l, o, 0) =
                (weight_objective(f, l, o, 0, 1, 2) - weight_objective(f, l, o, 0, 1, -2)) / 4;
            for (int64_t i = 0; i < f->s.i; i++)
                *want(f, 2, l, o, i) =
                    (weight_objective(f, l, o, i, 2, 1) - weight_objective(f, l, o, i, -2, 1)) / 4;
        }
}

static crm_status bwd_w_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), dy = view(f, 1), dw = view(f, 2), db = view(f, 3);

    return crm_op_linear_bwd_w(d, &x, &dy, &f->lanes, &dw, &db);
}

/* 0 x, 1 y, 2 dy; the derivative by central differences. */
static bool from_input(const fixture *f)
{
    return f->variant == CRM_ACT_SILU || f->variant == CRM_ACT_GELU;
}

static void act_bwd_setup(fixture *f)
{
    const double h = 1e-5;

    matrix(f, 0, IN, PER_ROW, f->n, f->s.o, from_input(f) ? 0 : NO_TENSOR);
    matrix(f, 1, IN, PER_ROW, f->n, f->s.o, from_input(f) || !f->variant ? NO_TENSOR : 0);
    matrix(f, 2, INOUT, PER_ROW, f->n, f->s.o, f->variant ? 0 : ANY_ROWS | ANY_COLS);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t j = 0; j < f->s.o; j++) {
            int64_t at = place(&f->a[0], 0, r, j);
            double x = 5 * in(f, 0, r, j);

            if (fabs(x) < 1e-3) x = 0.1; /* away from the corner of RELU */
            put(&f->a[0], at, x);
            x = in(f, 0, r, j);
            put(&f->a[1], at, act_ref(f->variant, x));
            *want(f, 2, 0, r, j) = in(f, 2, r, j) *
                                   (act_ref(f->variant, x + h) - act_ref(f->variant, x - h)) /
                                   (2 * h);
        }
}

static crm_status act_bwd_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), y = view(f, 1), dy = view(f, 2);
    bool x_needed = from_input(f);

    return crm_op_act_bwd(d, (crm_act)f->variant, x_needed ? &x : NULL, x_needed ? NULL : &y, &dy);
}

/* Codes are a column of a wider matrix, some outside the table; o codes of width i. */
static void codes(fixture *f, int k)
{
    declare(f, k,
            (array){.dtype = CRM_I32,
                    .role = IN,
                    .span = PER_ROW,
                    .rank = 2,
                    .n = f->n,
                    .d = 1,
                    .ld = 1 + f->s.gap},
            -1, (double)f->s.o + 1);
}

static void embed_setup(fixture *f)
{
    codes(f, 0);
    matrix(f, 1, IN, FIXED, f->s.o, f->s.i, ANY_ROWS);
    matrix(f, 2, OUT, PER_ROW, f->n, f->s.i, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t j = 0; j < f->s.i; j++) {
            int64_t c = (int64_t)in(f, 0, r, 0);

            *want(f, 2, 0, r, j) = c < 0 || c >= f->s.o ? 0 : in(f, 1, c, j);
        }
}

static crm_status embed_call(crm_device *d, fixture *f)
{
    crm_tensor code = view(f, 0), table = view(f, 1), y = view(f, 2);

    return crm_op_embed(d, &code, &table, &y);
}

static void embed_bwd_setup(fixture *f)
{
    codes(f, 0);
    matrix(f, 1, IN, PER_ROW, f->n, f->s.i, 0);
    matrix(f, 2, INOUT, PER_LANE, f->s.o, f->s.i, ANY_ROWS);
    f->lanes.stride = f->a[2].stride;
    for (int64_t at = 0; at < f->a[2].count; at++)
        if (f->a[2].element[at]) put(&f->a[2], at, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t j = 0; j < f->s.i; j++) {
            int64_t c = (int64_t)in(f, 0, r, 0);

            if (c >= 0 && c < f->s.o) *want(f, 2, r / f->s.lane_rows, c, j) += in(f, 1, r, j);
        }
}

static crm_status embed_bwd_call(crm_device *d, fixture *f)
{
    crm_tensor code = view(f, 0), dy = view(f, 1), table = view(f, 2);

    return crm_op_embed_bwd(d, &code, &dy, &f->lanes, &table);
}

enum { LAYER = 5, EPOCH = 9, SEED = 77 };
enum { APART = 16 }; /* variant: tenths of the rate, + the result has memory of its own */

static double rate_of(const fixture *f)
{
    return (f->variant & 15) / 10.0;
}

/* 0 row ids, 1 x, 2 y where it is apart. */
static void dropout_setup(fixture *f)
{
    bool apart = f->variant & APART;
    double rate = rate_of(f);

    declare(f, 0,
            (array){.dtype = CRM_I64,
                    .role = IN,
                    .span = PER_ROW,
                    .rank = 1,
                    .n = f->n,
                    .d = 1,
                    .ld = 1,
                    .flags = NO_TENSOR},
            0, 1e12);
    matrix(f, 1, apart ? IN : INOUT, PER_ROW, f->n, f->s.i, apart ? 0 : ANY_ROWS | ANY_COLS);
    if (apart)
        declare(f, 2,
                (array){.dtype = CRM_F32,
                        .role = OUT,
                        .span = PER_ROW,
                        .rank = 2,
                        .n = f->n,
                        .d = f->s.i,
                        .ld = f->s.i + 2 * f->s.gap},
                0, 0);
    for (int64_t r = 0; r < f->n; r++)
        for (int64_t j = 0; j < f->s.i; j++) {
            uint32_t u = crm_rng_element(SEED, CRM_RNG_DROPOUT, EPOCH, (uint64_t)in(f, 0, r, 0),
                                         LAYER << 20 | (uint32_t)j);
            bool kept = (double)u >= rate * 4294967296.0 - 0.5;

            *want(f, apart ? 2 : 1, 0, r, j) = kept ? in(f, 1, r, j) / (1 - rate) : 0;
        }
}

static crm_status dropout_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 1), y = f->variant & APART ? view(f, 2) : x;
    crm_dropout p = {
        .rate = rate_of(f), .seed = SEED, .layer = LAYER, .epoch = EPOCH, .row_id = raw(f, 0)};

    return crm_op_dropout(d, &p, &x, &y);
}

/* 0 x, 1 y: y = x, y + x, softmax(x), sigmoid(x). */
static void map_setup(fixture *f)
{
    matrix(f, 0, IN, PER_ROW, f->n, f->s.o, 0);
    matrix(f, 1, f->variant == CRM_OP_ADD ? INOUT : OUT, PER_ROW, f->n, f->s.o, 0);
    for (int64_t r = 0; r < f->n; r++) {
        double sum = 0;

        for (int64_t j = 0; j < f->s.o; j++) {
            put(&f->a[0], place(&f->a[0], 0, r, j), 8 * in(f, 0, r, j));
            sum += exp(in(f, 0, r, j));
        }
        for (int64_t j = 0; j < f->s.o; j++) {
            double x = in(f, 0, r, j), *to = want(f, 1, 0, r, j);

            if (f->variant == CRM_OP_ADD) *to = x + in(f, 1, r, j);
            if (f->variant == CRM_OP_COPY) *to = x;
            if (f->variant == CRM_OP_SOFTMAX) *to = exp(x) / sum;
            if (f->variant == CRM_OP_SIGMOID) *to = 1 / (1 + exp(-x));
        }
    }
}

static crm_status map_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), y = view(f, 1);

    if (f->variant == CRM_OP_ADD) return crm_op_add(d, &x, &y);
    if (f->variant == CRM_OP_COPY) return crm_op_copy(d, &x, &y);
    if (f->variant == CRM_OP_SOFTMAX) return crm_op_softmax(d, &x, &y);
    return crm_op_sigmoid(d, &x, &y);
}

static void squares_setup(fixture *f)
{
    int64_t n = f->n * f->s.i;

    vector(f, 0, CRM_F32, IN, FIXED, n, ANY_ROWS);
    vector(f, 1, CRM_F64, OUT, FIXED, (n + CRM_BLOCK - 1) / CRM_BLOCK, 0);
    for (int64_t i = 0; i < n; i++)
        *want(f, 1, 0, i / CRM_BLOCK, 0) += in(f, 0, i, 0) * in(f, 0, i, 0);
}

static crm_status squares_call(crm_device *d, fixture *f)
{
    crm_tensor x = view(f, 0), out = view(f, 1);

    return crm_op_sum_squares(d, &x, &out);
}

static const crm_adam ADAM = {.lr = 1e-2,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .eps = 1e-8,
                              .weight_decay = 0.1,
                              .grad_scale = 0.5,
                              .step = 3};
enum { LIVE = 8 }; /* variant: numbers of the step in device memory, members mean nothing */

/* 0 g, 1 w, 2 m, 3 v, 4 live; Loshchilov & Hutter (2019), algorithm 2. */
static void adam_setup(fixture *f)
{
    vector(f, 0, CRM_F32, IN, PER_ROW, f->n, 0);
    for (int k = 1; k <= 3; k++)
        vector(f, k, CRM_F32, INOUT, PER_ROW, f->n, 0);
    live_numbers(f, 4, ADAM.grad_scale, ADAM.lr, 1 - pow(ADAM.beta1, (double)ADAM.step),
                 1 - pow(ADAM.beta2, (double)ADAM.step));
    for (int64_t i = 0; i < f->n; i++) {
        double g = ADAM.grad_scale * in(f, 0, i, 0), w = in(f, 1, i, 0), m, v;

        put(&f->a[3], place(&f->a[3], 0, i, 0), fabs(in(f, 3, i, 0)));
        m = ADAM.beta1 * in(f, 2, i, 0) + (1 - ADAM.beta1) * g;
        v = ADAM.beta2 * in(f, 3, i, 0) + (1 - ADAM.beta2) * g * g;
        *want(f, 2, 0, i, 0) = m;
        *want(f, 3, 0, i, 0) = v;
        m /= 1 - pow(ADAM.beta1, (double)ADAM.step);
        v /= 1 - pow(ADAM.beta2, (double)ADAM.step);
        *want(f, 1, 0, i, 0) = w - ADAM.lr * (m / (sqrt(v) + ADAM.eps) + ADAM.weight_decay * w);
    }
}

static crm_status adam_call(crm_device *d, fixture *f)
{
    crm_tensor g = view(f, 0), w = view(f, 1), m = view(f, 2), v = view(f, 3);
    crm_adam p = ADAM;

    if (f->variant & LIVE) {
        p.live = raw(f, 4);
        p.grad_scale = p.lr = 99;
        p.step = 1;
    }
    return crm_op_adam(d, &p, &g, &w, &m, &v);
}

enum { PLAIN, HEAVY_BALL, NESTEROV };
static crm_sgd sgd_of(const fixture *f)
{
    return (crm_sgd){.lr = 0.1,
                     .momentum = (f->variant & 7) == PLAIN ? 0 : 0.9,
                     .weight_decay = 0.01,
                     .grad_scale = 0.5,
                     .nesterov = (f->variant & 7) == NESTEROV};
}

/* 0 g, 1 w, 2 m, 3 live.  Sutskever et al. (2013) in the form that keeps the step out of m. */
static void sgd_setup(fixture *f)
{
    crm_sgd p = sgd_of(f);
    bool plain = (f->variant & 7) == PLAIN;

    vector(f, 0, CRM_F32, IN, PER_ROW, f->n, 0);
    vector(f, 1, CRM_F32, INOUT, PER_ROW, f->n, 0);
    vector(f, 2, CRM_F32, plain ? IN : INOUT, PER_ROW, f->n, plain ? NO_TENSOR : 0);
    live_numbers(f, 3, p.grad_scale, p.lr, NAN, NAN);
    for (int64_t i = 0; i < f->n; i++) {
        double w = in(f, 1, i, 0), g = p.grad_scale * in(f, 0, i, 0) + p.weight_decay * w;
        double m = p.momentum * in(f, 2, i, 0) + g;

        *want(f, 2, 0, i, 0) = m;
        *want(f, 1, 0, i, 0) = w - p.lr * (p.nesterov ? g + p.momentum * m : m);
        if (plain) *want(f, 1, 0, i, 0) = w - p.lr * g;
    }
}

static crm_status sgd_call(crm_device *d, fixture *f)
{
    crm_tensor g = view(f, 0), w = view(f, 1), m = view(f, 2);
    crm_sgd p = sgd_of(f);

    if (f->variant & LIVE) {
        p.live = raw(f, 3);
        p.grad_scale = p.lr = 99;
    }
    return crm_op_sgd(d, &p, &g, &w, (f->variant & 7) == PLAIN ? NULL : &m);
}

/* ---- the table ---- */

enum {
    NO_SLICE = 1,
    CPU_BITS = 2 /* bits are those of the CPU on every device */
};
typedef struct op_case {
    const char *name;
    crm_op op;
    int variant;
    double tol; /* relative to max(1, |expected|) */
    void (*setup)(fixture *f);
    op_call call;
    int flags;
} op_case;

static const op_case op_cases[] = {
    {"linear", CRM_OP_LINEAR, CRM_ACT_NONE, 3e-5, linear_setup, linear_call, 0},
    {"linear without bias", CRM_OP_LINEAR, CRM_ACT_NONE | NO_BIAS, 3e-5, linear_setup, linear_call,
     0},
    {"linear relu", CRM_OP_LINEAR, CRM_ACT_RELU, 3e-5, linear_setup, linear_call, 0},
    {"linear tanh", CRM_OP_LINEAR, CRM_ACT_TANH, 3e-5, linear_setup, linear_call, 0},
    {"linear sigmoid", CRM_OP_LINEAR, CRM_ACT_SIGMOID, 3e-5, linear_setup, linear_call, 0},
    {"linear silu", CRM_OP_LINEAR, CRM_ACT_SILU, 3e-5, linear_setup, linear_call, 0},
    {"linear gelu", CRM_OP_LINEAR, CRM_ACT_GELU, 3e-5, linear_setup, linear_call, 0},
    {"linear_bwd_x", CRM_OP_LINEAR_BWD_X, 0, 3e-5, bwd_x_setup, bwd_x_call, 0},
    {"linear_bwd_w", CRM_OP_LINEAR_BWD_W, 0, 1e-4, bwd_w_setup, bwd_w_call, 0},
    {"act_bwd none", CRM_OP_ACT_BWD, CRM_ACT_NONE, 1e-6, act_bwd_setup, act_bwd_call, 0},
    {"act_bwd relu", CRM_OP_ACT_BWD, CRM_ACT_RELU, 1e-6, act_bwd_setup, act_bwd_call, 0},
    {"act_bwd tanh", CRM_OP_ACT_BWD, CRM_ACT_TANH, 1e-6, act_bwd_setup, act_bwd_call, 0},
    {"act_bwd sigmoid", CRM_OP_ACT_BWD, CRM_ACT_SIGMOID, 1e-6, act_bwd_setup, act_bwd_call, 0},
    {"act_bwd silu", CRM_OP_ACT_BWD, CRM_ACT_SILU, 1e-6, act_bwd_setup, act_bwd_call, 0},
    {"act_bwd gelu", CRM_OP_ACT_BWD, CRM_ACT_GELU, 1e-6, act_bwd_setup, act_bwd_call, 0},
    {"embed", CRM_OP_EMBED, 0, 0, embed_setup, embed_call, CPU_BITS},
    {"embed_bwd", CRM_OP_EMBED_BWD, 0, 3e-5, embed_bwd_setup, embed_bwd_call, 0},
    {"bag", CRM_OP_BAG, 0, 3e-6, bag_setup, bag_call, 0},
    {"bag_bwd", CRM_OP_BAG_BWD, 0, 3e-5, bag_bwd_setup, bag_bwd_call, 0},
    {"dropout 0", CRM_OP_DROPOUT, 0, 0, dropout_setup, dropout_call, CPU_BITS},
    {"dropout 0.2", CRM_OP_DROPOUT, 2, 1e-6, dropout_setup, dropout_call, CPU_BITS},
    {"dropout 0.9", CRM_OP_DROPOUT, 9, 1e-6, dropout_setup, dropout_call, CPU_BITS},
    {"dropout 0 apart", CRM_OP_DROPOUT, APART, 0, dropout_setup, dropout_call, CPU_BITS},
    {"dropout 0.2 apart", CRM_OP_DROPOUT, 2 | APART, 1e-6, dropout_setup, dropout_call, CPU_BITS},
    {"drop_words 0", CRM_OP_DROP_WORDS, 0, 0, words_setup, words_call, CPU_BITS | NO_SLICE},
    {"drop_words 0.3", CRM_OP_DROP_WORDS, 3, 0, words_setup, words_call, CPU_BITS | NO_SLICE},
    {"add", CRM_OP_ADD, CRM_OP_ADD, 1e-6, map_setup, map_call, CPU_BITS},
    {"copy", CRM_OP_COPY, CRM_OP_COPY, 0, map_setup, map_call, CPU_BITS},
    {"softmax", CRM_OP_SOFTMAX, CRM_OP_SOFTMAX, 1e-6, map_setup, map_call, 0},
    {"sigmoid", CRM_OP_SIGMOID, CRM_OP_SIGMOID, 1e-6, map_setup, map_call, 0},
    {"ce_loss", CRM_OP_CE_LOSS, 0, 1e-6, loss_setup, loss_call, 0},
    {"ce_loss unweighted", CRM_OP_CE_LOSS, NO_WEIGHTS, 1e-6, loss_setup, loss_call, 0},
    {"ce_loss alone", CRM_OP_CE_LOSS, LOSS_ONLY, 1e-6, loss_setup, loss_call, 0},
    {"bce_loss", CRM_OP_BCE_LOSS, BINARY, 1e-6, loss_setup, loss_call, 0},
    {"bce_loss unweighted", CRM_OP_BCE_LOSS, BINARY | NO_WEIGHTS, 1e-6, loss_setup, loss_call, 0},
    {"bce_loss alone", CRM_OP_BCE_LOSS, BINARY | LOSS_ONLY, 1e-6, loss_setup, loss_call, 0},
    {"ce_loss smoothed", CRM_OP_CE_LOSS, SMOOTH, 1e-6, loss_setup, loss_call, 0},
    {"ce_loss smoothed alone", CRM_OP_CE_LOSS, SMOOTH | LOSS_ONLY, 1e-6, loss_setup, loss_call, 0},
    {"bce_loss smoothed", CRM_OP_BCE_LOSS, BINARY | SMOOTH, 1e-6, loss_setup, loss_call, 0},
    {"bce_loss smoothed, live scale", CRM_OP_BCE_LOSS, BINARY | SMOOTH | SCALE_AT, 1e-6, loss_setup,
     loss_call, 0},
    {"huber_loss", CRM_OP_HUBER_LOSS, 0, 1e-6, number_setup, number_call, 0},
    {"ce_loss live scale", CRM_OP_CE_LOSS, SCALE_AT, 1e-6, loss_setup, loss_call, 0},
    {"bce_loss live scale", CRM_OP_BCE_LOSS, BINARY | SCALE_AT, 1e-6, loss_setup, loss_call, 0},
    {"huber_loss live scale", CRM_OP_HUBER_LOSS, SCALE_AT, 1e-6, number_setup, number_call, 0},
    {"poisson_loss live scale", CRM_OP_POISSON_LOSS, POISSON | SCALE_AT, 1e-6, number_setup,
     number_call, 0},
    {"huber_loss alone", CRM_OP_HUBER_LOSS, NUMBER_LOSS_ONLY, 1e-6, number_setup, number_call, 0},
    {"poisson_loss", CRM_OP_POISSON_LOSS, POISSON, 1e-6, number_setup, number_call, 0},
    {"poisson_loss alone", CRM_OP_POISSON_LOSS, POISSON | NUMBER_LOSS_ONLY, 1e-6, number_setup,
     number_call, 0},
    {"sum_squares", CRM_OP_SUM_SQUARES, 0, 1e-14, squares_setup, squares_call, NO_SLICE},
    {"adam", CRM_OP_ADAM, 0, 1e-6, adam_setup, adam_call, CPU_BITS},
    {"sgd", CRM_OP_SGD, PLAIN, 1e-6, sgd_setup, sgd_call, CPU_BITS},
    {"sgd momentum", CRM_OP_SGD, HEAVY_BALL, 1e-6, sgd_setup, sgd_call, CPU_BITS},
    {"sgd nesterov", CRM_OP_SGD, NESTEROV, 1e-6, sgd_setup, sgd_call, CPU_BITS},
    {"adam live", CRM_OP_ADAM, LIVE, 1e-6, adam_setup, adam_call, CPU_BITS},
    {"sgd live", CRM_OP_SGD, PLAIN | LIVE, 1e-6, sgd_setup, sgd_call, CPU_BITS},
    {"sgd nesterov live", CRM_OP_SGD, NESTEROV | LIVE, 1e-6, sgd_setup, sgd_call, CPU_BITS},
    {"take", CRM_OP_TAKE, 0, 0, take_setup, take_call, CPU_BITS},
    {"gather f32", CRM_OP_GATHER, CRM_F32, 0, gather_setup, gather_call, CPU_BITS},
    {"gather u8", CRM_OP_GATHER, CRM_U8, 0, gather_setup, gather_call, CPU_BITS},
    {"gather u16", CRM_OP_GATHER, CRM_U16, 0, gather_setup, gather_call, CPU_BITS},
    {"gather i32", CRM_OP_GATHER, CRM_I32, 0, gather_setup, gather_call, CPU_BITS},
    {"gather ragged f32", CRM_OP_GATHER, CRM_F32 | RAGGED, 0, gather_setup, gather_call,
     CPU_BITS | NO_SLICE},
    {"gather ragged u16", CRM_OP_GATHER, CRM_U16 | RAGGED, 0, gather_setup, gather_call,
     CPU_BITS | NO_SLICE},
    {"gather ragged i32", CRM_OP_GATHER, CRM_I32 | RAGGED, 0, gather_setup, gather_call,
     CPU_BITS | NO_SLICE},
    {"tally", CRM_OP_TALLY, 0, 0, tally_setup, tally_call, CPU_BITS},
};
enum { OP_CASES = sizeof op_cases / sizeof *op_cases };
#endif
