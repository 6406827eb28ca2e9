/* test_device_lanes.c - ragged lanes: a lane among others has the bits that it has alone; losses of
 * numbers by hand. */
#include "rows_testing.h"

enum { ROWS = 620, D = 24, O = 17, LANES = 5, CODES = 9 };
/* Lanes of 0, 300, 1, 0 and 319 rows: empty ones, one row, more than one chain. */
static const int64_t FIRST[LANES + 1] = {0, 0, 300, 301, 301, 620};

/* Inputs of all operations, and room for the results of lanes. */
typedef struct inputs {
    float *x, *dy, *value, *grad, *result;
    int32_t *label, *code;
    double loss[LANES];
    int64_t stride;
} inputs;

/* The call on rows [first, end) with these lanes; results go to in->result, in->loss. */
typedef crm_status (*lane_call)(crm_device *d, inputs *in, int64_t first, int64_t end,
                                const crm_lanes *lanes);

static crm_status weights(crm_device *d, inputs *in, int64_t first, int64_t end,
                          const crm_lanes *lanes)
{
    crm_tensor x = strided(in->x + first * D, end - first, D, D),
               dy = strided(in->dy + first * O, end - first, O, O),
               dw = strided(in->result, O, D, D),
               db = crm_tensor_1d(in->result + O * D, CRM_F32, O);

    return crm_op_linear_bwd_w(d, &x, &dy, lanes, &dw, &db);
}

static crm_status embedding(crm_device *d, inputs *in, int64_t first, int64_t end,
                            const crm_lanes *lanes)
{
    crm_tensor code = crm_tensor_1d(in->code + first, CRM_I32, end - first),
               dy = strided(in->dy + first * O, end - first, O, O),
               table = strided(in->result, CODES, O, O);

    return crm_op_embed_bwd(d, &code, &dy, lanes, &table);
}

typedef crm_status (*loss_op)(crm_device *, const crm_tensor *, const crm_loss *, const crm_lanes *,
                              crm_tensor *, crm_tensor *);

static crm_status loss(crm_device *d, inputs *in, int64_t first, int64_t end,
                       const crm_lanes *lanes, loss_op op, int64_t k)
{
    crm_loss p = {.label = in->label + first,
                  .value = in->value + first * k,
                  .delta = 0.5,
                  .scale = 1.0 / ROWS};
    crm_tensor z = strided(in->dy + first * k, end - first, k, k),
               dz = strided(in->grad + first * k, end - first, k, k),
               to = crm_tensor_1d(in->loss, CRM_F64, lanes->n);

    return op(d, &z, &p, lanes, &to, &dz);
}

static crm_status cross_entropy(crm_device *d, inputs *in, int64_t first, int64_t end,
                                const crm_lanes *lanes)
{
    return loss(d, in, first, end, lanes, crm_op_ce_loss, O);
}

static crm_status binary(crm_device *d, inputs *in, int64_t first, int64_t end,
                         const crm_lanes *lanes)
{
    return loss(d, in, first, end, lanes, crm_op_bce_loss, 1);
}

static crm_status huber(crm_device *d, inputs *in, int64_t first, int64_t end,
                        const crm_lanes *lanes)
{
    return loss(d, in, first, end, lanes, crm_op_huber_loss, O);
}

static crm_status poisson(crm_device *d, inputs *in, int64_t first, int64_t end,
                          const crm_lanes *lanes)
{
    return loss(d, in, first, end, lanes, crm_op_poisson_loss, O);
}

/* Written: each element of dw and db; of the loss. */
static const struct {
    lane_call call;
    int64_t written, losses;
} calls[] = {{weights, O *D + O, 0}, {embedding, CODES *O, 0},
             {cross_entropy, 0, 1},  {binary, 0, 1},
             {huber, 0, 1},          {poisson, 0, 1}};
enum { CALLS = sizeof calls / sizeof *calls };

static inputs inputs_new(void)
{
    inputs in = {.x = random_floats(ROWS * D, 1),
                 .dy = random_floats(ROWS * O, 2),
                 .value = random_floats(ROWS * O, 3),
                 .grad = nan_floats(ROWS * O),
                 .stride = O * D + O + 1};

    in.label = crm_mem_new(ROWS, sizeof *in.label);
    in.code = crm_mem_new(ROWS, sizeof *in.code);
    in.result = crm_mem_new((size_t)(LANES * in.stride), sizeof *in.result);
    if (!in.label || !in.code || !in.result) abort();
    for (int l = 0; l < LANES; l++)
        in.loss[l] = NAN;
    for (int i = 0; i < ROWS; i++) {
        in.label[i] = i % 3 - 1;
        in.code[i] = i * 7 % CODES;
        if (i % 11 == 0) in.value[i * O + i % O] = NAN;
    }
    return in;
}

static void inputs_free(inputs *in)
{
    void *all[] = {in->x, in->dy, in->value, in->grad, in->result, in->label, in->code};

    for (int i = 0; i < 7; i++)
        crm_mem_free(all[i]);
}

/* All lanes at once, then each as the only one. */
static void check_call(crm_device *d, crm_hash *bits, int k)
{
    inputs all = inputs_new(), one = inputs_new();
    crm_lanes lanes = {.n = LANES, .stride = all.stride, .first = FIRST};

    T_OK(calls[k].call(d, &all, 0, ROWS, &lanes));
    for (int l = 0; l < LANES; l++) {
        crm_lanes alone = {.n = 1, .rows = FIRST[l + 1] - FIRST[l]};

        memset(one.result, 0, (size_t)all.stride * sizeof *one.result);
        T_OK(calls[k].call(d, &one, FIRST[l], FIRST[l + 1], &alone));
        T_EQ_I(other_bits(all.result + l * all.stride, one.result, calls[k].written), 0);
        if (FIRST[l] == FIRST[l + 1])
            for (int64_t i = 0; i < calls[k].written; i++)
                T_CHECK(all.result[l * all.stride + i] == 0);
        T_CHECK(!calls[k].losses || all.loss[l] == one.loss[0]);
    }
    T_CHECK(!calls[k].losses || (all.loss[0] == 0 && all.loss[1] != 0 && all.loss[4] != 0));
    T_EQ_I(other_bits(all.grad, one.grad, ROWS * O), 0);
    add_bits(bits, all.result, LANES * all.stride);
    crm_hash_add(bits, all.loss, sizeof all.loss);
    inputs_free(&all);
    inputs_free(&one);
}

static void check_calls(crm_device *d, crm_hash *bits)
{
    for (int k = 0; k < CALLS; k++)
        check_call(d, bits, k);
}

static void a_lane_among_others(void)
{
    on_all_paths(check_calls);
}

/* Lanes that fall, do not begin at 0 or do not end with the rows. */
static void mistakes(void)
{
    static const int64_t bad[][3] = {{0, 400, 300}, {1, 400, ROWS}, {0, 400, ROWS - 1}};
    crm_device *d = NULL;
    inputs in = inputs_new();

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < CALLS; k++) {
            crm_lanes lanes = {.n = 2, .stride = in.stride, .first = bad[i]};

            T_FAILS(calls[k].call(d, &in, 0, ROWS, &lanes), CRM_ERR_ARG, "ragged lanes");
        }
    inputs_free(&in);
    crm_device_free(&d);
}

/* Huber, delta 1: r = 0.5 costs 1/8, r = -3 costs 2.5; Poisson at z = 0: 1, at z = log 2: 2 - y log
 * 2.  NaN costs nothing; a prediction that is NaN is not hidden. */
static void losses_by_hand(void)
{
    crm_device *d = NULL;
    float z[4] = {1.5f, -1, 9, 4}, y[4] = {1, 2, NAN, 4}, dz[4], q[2] = {0, 0.693147181f},
          count[2] = {3, 1};
    double to[2];
    crm_loss p = {.value = y, .delta = 1, .scale = 0.5};
    crm_lanes two = {.n = 2, .rows = 1}, one = {.n = 1, .rows = 2};
    crm_tensor tz = strided(z, 2, 2, 2), tdz = strided(dz, 2, 2, 2), tq = strided(q, 2, 1, 1),
               loss2 = crm_tensor_1d(to, CRM_F64, 2), loss1 = crm_tensor_1d(to, CRM_F64, 1);

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_OK(crm_op_huber_loss(d, &tz, &p, &two, &loss2, &tdz));
    T_CHECK(to[0] == 0.5 * 2.625 && to[1] == 0);
    T_CHECK(dz[0] == 0.25f && dz[1] == -0.5f && dz[2] == 0 && dz[3] == 0);
    T_OK(crm_op_huber_loss(d, &tz, &p, &two, &loss2, &tz)); /* in place */
    T_EQ_I(other_bits(z, dz, 4), 0);
    p.value = count;
    T_OK(crm_op_poisson_loss(d, &tq, &p, &one, &loss1, &tq));
    T_NEAR(to[0], 0.5 * (1 + 2 - 0.693147180559945309), 1e-7);
    T_CHECK(q[0] == -1);
    T_NEAR((double)q[1], 0.5, 1e-7);
    q[0] = NAN;
    T_OK(crm_op_poisson_loss(d, &tq, &p, &one, &loss1, NULL));
    T_CHECK(isnan(to[0]));
    p.delta = 0;
    T_FAILS(crm_op_huber_loss(d, &tq, &p, &one, &loss1, NULL), CRM_ERR_ARG, "delta 0");
    p.value = NULL;
    T_FAILS(crm_op_poisson_loss(d, &tq, &p, &one, &loss1, NULL), CRM_ERR_ARG, "without values");
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"a lane among others", a_lane_among_others},
        {"mistakes are refused", mistakes},
        {"losses by hand", losses_by_hand},
        {NULL, NULL},
    };

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
