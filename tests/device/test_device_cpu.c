/* test_device_cpu.c - the CPU handle and its paths, accuracy of the vector maths, extreme values,
 * the documented order of operations bit by bit. */
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/device.h"

static crm_device *open_best(void)
{
    crm_device *d = NULL;

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    if (!d) abort();
    return d;
}

static crm_tensor mat(float *p, int64_t n, int64_t d)
{
    return crm_tensor_2d(p, CRM_F32, n, d);
}

/* y = act(x) through a 1 x 1 weight of 1: the product is exact. */
static void apply(crm_device *d, crm_act act, float *x, float *y, int64_t n)
{
    float one = 1;
    crm_tensor tx = mat(x, n, 1), w = mat(&one, 1, 1), ty = mat(y, n, 1);

    T_OK(crm_op_linear(d, &tx, &w, NULL, act, &ty));
}

static void paths_and_names(void)
{
    static const struct {
        crm_cpu_path path;
        const char *name, *needs;
    } rows[] = {{CRM_CPU_PORTABLE, "portable", ""},
                {CRM_CPU_AVX2, "avx2", "avx2 fma"},
                {CRM_CPU_AVX512, "avx512", "avx2 fma avx512f avx512dq avx512bw avx512vl"}};

    unsetenv("CRM_CPU");
    for (int i = 0; i < 3; i++) {
        crm_device *d = NULL;

        if (!strstr(crm_cpu_features(), rows[i].needs)) {
            T_FAILS(crm_device_cpu(rows[i].path, &d), CRM_ERR_DEVICE, rows[i].name);
            T_CHECK(d == NULL);
            continue;
        }
        T_OK(crm_device_cpu(rows[i].path, &d));
        T_CHECK(strcmp(crm_device_name(d) + strlen("cpu:"), rows[i].name) == 0);
        for (int op = 0; op < CRM_OP_COUNT; op++)
            T_CHECK(crm_device_offers(d, (crm_op)op));
        T_CHECK(!crm_device_offers(d, CRM_OP_COUNT));
        crm_device_free(&d);
        T_CHECK(d == NULL);
        crm_device_free(&d);
    }
    T_CHECK(strcmp(crm_op_name(CRM_OP_SGD), "sgd") == 0 && strcmp(crm_act_names[5], "gelu") == 0);
}

static void path_from_environment(void)
{
    crm_device *d = NULL;

    setenv("CRM_CPU", "portable", 1);
    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_CHECK(d && strcmp(crm_device_name(d), "cpu:portable") == 0);
    crm_device_free(&d);
    setenv("CRM_CPU", "sse9", 1);
    T_FAILS(crm_device_cpu(CRM_CPU_BEST, &d), CRM_ERR_CONFIG, "sse9");
    T_OK(crm_device_cpu(CRM_CPU_PORTABLE, &d)); /* a path asked for by name stays */
    crm_device_free(&d);
    unsetenv("CRM_CPU");
}

static void memory_and_views(void)
{
    crm_device *d = open_best();
    float host[6] = {1, 2, 3, 4, 5, 6}, back[6] = {0};
    void *p = NULL;
    crm_tensor t, c;

    T_OK(crm_buf_new(d, sizeof host, &p));
    T_CHECK((uintptr_t)p % 64 == 0);
    T_OK(crm_buf_upload(d, p, host, sizeof host));
    T_OK(crm_buf_download(d, p, back, sizeof back));
    T_CHECK(memcmp(host, back, sizeof host) == 0);
    t = mat(p, 2, 3);
    c = crm_tensor_columns(&t, 1, 2);
    T_CHECK(c.ld == 3 && c.dim[0] == 2 && c.dim[1] == 2 && *(float *)c.data == 2);
    crm_buf_free(d, p);
    crm_buf_free(d, NULL);
    T_FAILS(crm_buf_new(d, SIZE_MAX, &p), CRM_ERR_NOMEM, "bytes");
    T_CHECK(p == NULL);
    crm_device_free(&d);
}

/* ---- order of operations, as the header states it ---- */

static float chains(const float *a, int64_t sa, const float *b, int64_t sb, int64_t n)
{
    float sum = 0;

    for (int64_t k = 0; k < n; k += CRM_CHAIN) {
        float s = 0;

        for (int64_t j = k; j < n && j < k + CRM_CHAIN; j++)
            s = fmaf(a[j * sa], b[j * sb], s);
        sum = k ? sum + s : s;
    }
    return sum;
}

enum { ROWS = 600, IN_D = 520, OUT_D = 7 };

static void order_of_operations(void)
{
    crm_device *d = open_best();
    float *x = crm_mem_new(ROWS * IN_D, 4), *w = crm_mem_new(OUT_D * IN_D, 4),
          *y = crm_mem_new(ROWS * OUT_D, 4), *g = crm_mem_new(OUT_D * IN_D, 4), b[OUT_D], db[OUT_D];
    const float one = 1;
    crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, 0);
    crm_lanes lanes = {.n = 1, .rows = ROWS};
    crm_tensor tx = mat(x, ROWS, IN_D), tw = mat(w, OUT_D, IN_D), ty = mat(y, ROWS, OUT_D),
               tg = mat(g, OUT_D, IN_D), tb = crm_tensor_1d(b, CRM_F32, OUT_D),
               tdb = crm_tensor_1d(db, CRM_F32, OUT_D);
    int64_t other = 0;

    for (int i = 0; i < ROWS * IN_D; i++)
        x[i] = (float)(crm_rng_uniform(&r) - 0.5);
    for (int i = 0; i < OUT_D * IN_D; i++)
        w[i] = (float)(crm_rng_uniform(&r) - 0.5);
    for (int i = 0; i < OUT_D; i++)
        b[i] = (float)crm_rng_uniform(&r);
    T_OK(crm_op_linear(d, &tx, &tw, &tb, CRM_ACT_NONE, &ty));
    for (int i = 0; i < ROWS; i++)
        for (int o = 0; o < OUT_D; o++) {
            float s = chains(x + i * IN_D, 1, w + o * IN_D, 1, IN_D) + b[o];
            other += s != y[i * OUT_D + o];
        }
    T_EQ_I(other, 0);
    T_OK(crm_op_linear_bwd_w(d, &tx, &ty, &lanes, &tg, &tdb)); /* y as if it were a gradient */
    for (int o = 0; o < OUT_D; o++) {
        other += chains(y + o, OUT_D, &one, 0, ROWS) != db[o];
        for (int i = 0; i < IN_D; i++)
            other += chains(y + o, OUT_D, x + i, IN_D, ROWS) != g[o * IN_D + i];
    }
    T_EQ_I(other, 0);
    T_OK(crm_op_linear_bwd_x(d, &ty, &tw, &tx));
    for (int i = 0; i < ROWS * IN_D; i += 41)
        other += chains(y + i / IN_D * OUT_D, 1, w + i % IN_D, IN_D, OUT_D) != x[i];
    T_EQ_I(other, 0);
    crm_mem_free(x);
    crm_mem_free(w);
    crm_mem_free(y);
    crm_mem_free(g);
    crm_device_free(&d);
}

/* ---- accuracy ---- */

static double ulp(double y)
{
    int e;

    frexp(fmax(fabs(y), 0x1p-126), &e);
    return ldexp(1, e - 24);
}

static double sigmoid_ref(double x)
{
    return 1 / (1 + exp(-x));
}

/* Worst error in ulp on n points of [-range, range]. */
static double worst_ulp(crm_act act, double (*ref)(double), double range)
{
    enum { N = 200001 };
    crm_device *d = open_best();
    float *x = crm_mem_new(N, sizeof *x), *y = crm_mem_new(N, sizeof *y);
    double worst = 0;

    for (int i = 0; i < N; i++)
        x[i] = (float)(range * (2.0 * i / (N - 1) - 1));
    apply(d, act, x, y, N);
    for (int i = 0; i < N; i++) {
        double e = fabs((double)y[i] - ref((double)x[i])) / ulp(ref((double)x[i]));

        if (!(e <= worst)) worst = e;
    }
    crm_mem_free(x);
    crm_mem_free(y);
    crm_device_free(&d);
    return worst;
}

static void accuracy(void)
{
    T_CHECK(worst_ulp(CRM_ACT_TANH, tanh, 1) <= 1.4);
    T_CHECK(worst_ulp(CRM_ACT_TANH, tanh, 12) <= 1.4);
    T_CHECK(worst_ulp(CRM_ACT_SIGMOID, sigmoid_ref, 4) <= 2.4);
    T_CHECK(worst_ulp(CRM_ACT_SIGMOID, sigmoid_ref, 87) <= 2.4);
    /* exp alone: with logits 0 and x < -40 softmax is exp(x), the sum is exactly 1 in float */
    crm_device *d = open_best();
    for (int i = 0; i < 2000; i++) {
        float z[2] = {0, -40 - (float)i * 0.0235f}, p[2];
        crm_tensor tz = mat(z, 1, 2), tp = mat(p, 1, 2);

        T_OK(crm_op_softmax(d, &tz, &tp));
        T_CHECK(fabs((double)p[1] - exp((double)z[1])) <= ulp(exp((double)z[1])));
    }
    crm_device_free(&d);
}

/* ---- extreme values ---- */

static void extremes_of_activations(void)
{
    crm_device *d = open_best();
    float x[6] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, -0.0f}, y[6];

    for (int act = CRM_ACT_NONE; act < CRM_ACT_COUNT; act++) {
        apply(d, (crm_act)act, x, y, 6);
        T_CHECK(isnan(y[0])); /* divergence is never hidden */
        T_CHECK(y[1] >= 1 && y[3] >= 1);
    }
    apply(d, CRM_ACT_TANH, x, y, 6);
    T_CHECK(y[1] == 1 && y[2] == -1 && y[3] == 1 && y[4] == -1 && y[5] == 0);
    apply(d, CRM_ACT_SIGMOID, x, y, 6);
    T_CHECK(y[1] == 1 && y[2] == 0 && y[3] == 1 && y[4] == 0 && y[5] == 0.5f);
    crm_device_free(&d);
}

static void extremes_of_softmax(void)
{
    crm_device *d = open_best();
    float z[9] = {3e38f, -3e38f, 0, -INFINITY, 5, -INFINITY, 1, NAN, 2}, p[9];
    crm_tensor tz = mat(z, 3, 3), tp = mat(p, 3, 3);

    T_OK(crm_op_softmax(d, &tz, &tp));
    T_CHECK(p[0] == 1 && p[1] == 0 && p[2] == 0);
    T_CHECK(p[3] == 0 && p[4] == 1 && p[5] == 0);
    T_CHECK(isnan(p[6]) && isnan(p[7]) && isnan(p[8]));
    crm_device_free(&d);
}

/* By hand: log 2 for equal logits; a row sure and wrong by 200 costs 200; masked rows cost nothing.
 */
static void losses_by_hand(void)
{
    crm_device *d = open_best();
    float z[8] = {0, 0, 100, -100, 7, 7, NAN, NAN}, dz[8], wrong[4] = {100, -100, 0, 1};
    int32_t label[4] = {0, 1, -1, -5}, binary[4] = {0, 1, -1, 1}, bad[4] = {0, 2, 0, 0};
    double loss[2];
    crm_loss p = {.label = label, .scale = 0.5};
    crm_lanes lanes = {.n = 2, .rows = 2};
    crm_tensor tz = mat(z, 4, 2), tdz = mat(dz, 4, 2), t1 = mat(wrong, 4, 1),
               tl = crm_tensor_1d(loss, CRM_F64, 2);

    T_OK(crm_op_ce_loss(d, &tz, &p, &lanes, &tl, &tdz));
    T_NEAR(loss[0], 0.5 * (0.693147180559945309 + 200), 1e-15);
    T_CHECK(loss[1] == 0 && dz[4] == 0 && dz[7] == 0);
    T_CHECK(dz[0] == -0.25f && dz[1] == 0.25f && dz[2] == 0.5f && dz[3] == -0.5f);
    p.label = binary;
    T_OK(crm_op_bce_loss(d, &t1, &p, &lanes, &tl, NULL));
    T_NEAR(loss[0], 0.5 * 200, 1e-15);
    T_NEAR(loss[1], 0.5 * 0.313261687518222834, 1e-15); /* log(1 + exp(-1)) */
    p.label = bad;
    T_FAILS(crm_op_ce_loss(d, &tz, &p, &lanes, &tl, &tdz), CRM_ERR_ARG, "label 2 of row 1");
    lanes.rows = 3;
    T_FAILS(crm_op_ce_loss(d, &tz, &p, &lanes, &tl, &tdz), CRM_ERR_ARG, "2 lanes of 3 rows");
    crm_device_free(&d);
}

/* By hand, with q = (1 - .1) onehot + .1 / k: of equal logits log 2 as ever; (100, -100) with label
 * 1 costs 100 - (.05 - .95) 100; binary 100 - .05 * 100 twice, and log(1 + exp(-1)) + .05; of the
 * logits 1, 2, 3 with label 2: log(e + e^2 + e^3) - (.9 * 3 + .1 * 2), which is what PyTorch's
 * cross_entropy with label_smoothing .1 gives. */
static void smoothing_by_hand(void)
{
    crm_device *d = open_best();
    float z[6] = {0, 0, 100, -100, 7, 7}, dz[6], one[4] = {100, -100, 0, 1}, three[3] = {1, 2, 3};
    int32_t label[3] = {0, 1, -1}, binary[4] = {0, 1, -1, 1}, last = 2;
    double loss[2];
    crm_loss p = {.label = label, .scale = 0.5, .smooth = 0.1};
    crm_lanes lanes = {.n = 1, .rows = 3};
    crm_tensor tz = mat(z, 3, 2), tdz = mat(dz, 3, 2), t1 = mat(one, 4, 1), t3 = mat(three, 1, 3),
               tl = crm_tensor_1d(loss, CRM_F64, 1);

    T_OK(crm_op_ce_loss(d, &tz, &p, &lanes, &tl, &tdz));
    T_NEAR(loss[0], 0.5 * (0.693147180559945309 + 190), 1e-15);
    T_NEAR((double)dz[0], 0.5 * (0.5 - 0.95), 1e-7);
    T_NEAR((double)dz[1], 0.5 * (0.5 - 0.05), 1e-7);
    T_NEAR((double)dz[2], 0.5 * 0.95, 1e-7);
    T_NEAR((double)dz[3], 0.5 * -0.95, 1e-7);
    T_CHECK(dz[4] == 0 && dz[5] == 0);
    p.label = binary;
    lanes.rows = 4;
    T_OK(crm_op_bce_loss(d, &t1, &p, &lanes, &tl, NULL));
    T_NEAR(loss[0], 0.5 * (95 + 95 + 0.363261687518222834), 1e-15);
    p = (crm_loss){.label = &last, .scale = 1, .smooth = 0.1};
    lanes.rows = 1;
    T_OK(crm_op_ce_loss(d, &t3, &p, &lanes, &tl, NULL));
    T_NEAR(loss[0], 0.507605964444380305, 1e-7); /* exponentials are float */
    p.smooth = 1.5;
    T_FAILS(crm_op_ce_loss(d, &t3, &p, &lanes, &tl, NULL), CRM_ERR_ARG, "labels smoothed by 1.5");
    crm_device_free(&d);
}

/* The mean of a long mask is 1 - rate within five standard errors; epoch and layer change it. */
static void dropout_keeps_its_share(void)
{
    enum { N = 500, D = 200 };
    crm_device *d = open_best();
    float *x = crm_mem_new(N * D, sizeof *x), *y = crm_mem_new(N * D, sizeof *y);
    int64_t *id = crm_mem_new(N, sizeof *id), kept = 0, same = 0;
    crm_tensor tx = mat(x, N, D), ty = mat(y, N, D);
    crm_dropout p = {0.3, 11, 2, 4, id}, q = p;

    for (int i = 0; i < N * D; i++)
        x[i] = y[i] = 1;
    for (int i = 0; i < N; i++)
        id[i] = i;
    q.epoch = 5;
    T_OK(crm_op_dropout(d, &p, &tx, &tx));
    T_OK(crm_op_dropout(d, &q, &ty, &ty));
    for (int i = 0; i < N * D; i++) {
        kept += x[i] != 0;
        same += x[i] == y[i];
    }
    T_NEAR((double)kept / (N * D), 0.7, 5 * sqrt(0.21 / (N * D)));
    T_NEAR((double)same / (N * D), 0.58, 5 * sqrt(0.25 / (N * D)));
    p.rate = 1;
    T_FAILS(crm_op_dropout(d, &p, &tx, &tx), CRM_ERR_ARG, "rate 1");
    p.rate = 0.5;
    p.layer = 4096;
    T_FAILS(crm_op_dropout(d, &p, &tx, &tx), CRM_ERR_ARG, "4096");
    crm_mem_free(x);
    crm_mem_free(y);
    crm_mem_free(id);
    crm_device_free(&d);
}

/* Results of embed_bwd: no -0, untouched rows as they were; lanes that would overlap are refused.
 * Code 1 sums to a negative number too small for a float, which becomes -0 on the way. */
static void embedding_gradient(void)
{
    crm_device *d = open_best();
    int32_t code[6] = {2, 0, 1, 2, 1, 9};
    float dy[6] = {-0.0f, -2, -1.5e-38f, -0.0f, 1.2e-38f, 5}, table[4] = {0, 0, 0, 42};
    crm_lanes lanes = {.n = 1, .rows = 6}, two = {.n = 2, .rows = 3, .stride = 3};
    crm_tensor tc = crm_tensor_1d(code, CRM_I32, 6), ty = mat(dy, 6, 1), tt = mat(table, 4, 1);

    T_OK(crm_op_embed_bwd(d, &tc, &ty, &lanes, &tt));
    T_CHECK(table[0] == -2 && table[3] == 42);
    for (int c = 1; c <= 2; c++)
        T_CHECK(table[c] == 0 && !signbit(table[c]));
    T_FAILS(crm_op_embed_bwd(d, &tc, &ty, &two, &tt), CRM_ERR_ARG, "apart");
    crm_device_free(&d);
}

/* First step of Adam from zero moments: w moves by lr against the sign of g, whatever its size. */
static void adam_first_step(void)
{
    crm_device *d = open_best();
    float g[3] = {1e-3f, -50, 0}, w[3] = {1, 1, 1}, m[3] = {0}, v[3] = {0};
    crm_adam p = {
        .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .grad_scale = 1, .step = 1};
    crm_tensor tg = crm_tensor_1d(g, CRM_F32, 3), tw = crm_tensor_1d(w, CRM_F32, 3),
               tm = crm_tensor_1d(m, CRM_F32, 3), tv = crm_tensor_1d(v, CRM_F32, 3);

    T_OK(crm_op_adam(d, &p, &tg, &tw, &tm, &tv));
    T_NEAR((double)w[0], 0.99, 1e-6);
    T_NEAR((double)w[1], 1.01, 1e-6);
    T_CHECK(w[2] == 1);
    p.step = 0;
    T_FAILS(crm_op_adam(d, &p, &tg, &tw, &tm, &tv), CRM_ERR_ARG, "step 0");
    p.step = 1;
    p.beta1 = 1;
    T_FAILS(crm_op_adam(d, &p, &tg, &tw, &tm, &tv), CRM_ERR_ARG, "beta1 1");
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"paths and names", paths_and_names},
        {"path from the environment", path_from_environment},
        {"memory and views", memory_and_views},
        {"order of operations", order_of_operations},
        {"accuracy", accuracy},
        {"extremes of activations", extremes_of_activations},
        {"extremes of softmax", extremes_of_softmax},
        {"losses by hand", losses_by_hand},
        {"smoothed labels by hand", smoothing_by_hand},
        {"dropout keeps its share", dropout_keeps_its_share},
        {"embedding gradient", embedding_gradient},
        {"first step of Adam", adam_first_step},
        {NULL, NULL},
    };

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
