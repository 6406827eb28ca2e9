/* test_optim.c - schedules, clipping, AdamW and SGD on slices, against formulas worked by hand. */
#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/base_run.h"
#include "crmpi/optim.h"

static crm_optim_cfg plain(int kind)
{
    return (crm_optim_cfg){.kind = kind,
                           .lr = 1,
                           .momentum = 0.9,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .eps = 1e-8,
                           .schedule = CRM_SCHEDULE_CONSTANT};
}

/* Four steps of warm-up of twelve, then eight steps down: by hand. */
static void schedules(void)
{
    crm_optim_cfg c = plain(CRM_OPTIM_ADAMW);

    c.lr = 2;
    c.warmup = 4;
    for (int s = 1; s <= 4; s++)
        T_NEAR(crm_optim_lr(&c, s, 12), 2 * s / 4.0, 1e-15);
    T_NEAR(crm_optim_lr(&c, 5, 12), 2, 0);
    T_NEAR(crm_optim_lr(&c, 12, 12), 2, 0);
    c.schedule = CRM_SCHEDULE_COSINE;
    T_NEAR(crm_optim_lr(&c, 4, 12), 2, 1e-15);
    T_NEAR(crm_optim_lr(&c, 5, 12), 2, 1e-15);
    T_NEAR(crm_optim_lr(&c, 9, 12), 1, 1e-15);
    T_NEAR(crm_optim_lr(&c, 12, 12), 2 * 0.03806023374435663, 1e-14); /* sin(pi / 16)^2 */
    T_NEAR(crm_optim_lr(&c, 13, 12), 0, 1e-15);
    T_NEAR(crm_optim_lr(&c, 99, 12), 0, 1e-15);
    c.lr_end = 0.1;
    T_NEAR(crm_optim_lr(&c, 9, 12), 2 * 0.55, 1e-15);
    c.schedule = CRM_SCHEDULE_LINEAR;
    T_NEAR(crm_optim_lr(&c, 7, 12), 2 * (0.1 + 0.9 * 0.75), 1e-15);
    c.warmup = 0.25; /* 3 steps of 12 */
    T_NEAR(crm_optim_lr(&c, 1, 12), 2 / 3.0, 1e-15);
    T_NEAR(crm_optim_lr(&c, 4, 12), 2, 1e-15);
    c.warmup = 0;
    T_NEAR(crm_optim_lr(&c, 1, 1), 2, 1e-15);
    c.warmup = 50; /* longer than the training */
    T_NEAR(crm_optim_lr(&c, 12, 12), 2 * 12 / 50.0, 1e-15);
}

/* Numbers whose sum depends on the order: the tree is that of crm_tree_sum. */
static void norm(void)
{
    static const double v[7] = {1e16, 1, 1, 1, 3, 0.5, 1e-3};

    T_NEAR(crm_optim_norm(v, 0), 0, 0);
    T_NEAR(crm_optim_norm(v + 4, 1), sqrt(3), 0);
    T_NEAR(crm_optim_norm(v, 2), sqrt(v[0] + v[1]), 0);
    T_NEAR(crm_optim_norm(v, 3), sqrt((v[0] + v[1]) + v[2]), 0);
    T_NEAR(crm_optim_norm(v, 5), sqrt(((v[0] + v[1]) + (v[2] + v[3])) + v[4]), 0);
    T_NEAR(crm_optim_norm(v, 6), sqrt(((v[0] + v[1]) + (v[2] + v[3])) + (v[4] + v[5])), 0);
    T_NEAR(crm_optim_norm(v, 7), sqrt(((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + v[6])), 0);
    T_CHECK(crm_optim_norm(v, 4) != sqrt(((v[0] + v[1]) + v[2]) + v[3]));
}

static void clipping(void)
{
    crm_optim_cfg c = plain(CRM_OPTIM_ADAMW);

    T_NEAR(crm_optim_clip(&c, 100), 1, 0);
    c.clip_norm = 2;
    T_NEAR(crm_optim_clip(&c, 8), 0.25, 0);
    T_NEAR(crm_optim_clip(&c, 2), 1, 0);
    T_NEAR(crm_optim_clip(&c, 0), 1, 0);
    T_CHECK(isnan(crm_optim_norm((double[]){1, NAN}, 2)));
}

/* ---- steps ---- */
enum { N = 70 };
typedef struct vectors {
    float w[N], g[3][N]; /* gradients of three steps */
    uint8_t decay[N];
} vectors;

static vectors fixture(void)
{
    vectors v;

    for (int i = 0; i < N; i++) {
        v.w[i] = (float)(i % 11 - 5) / 4;
        v.decay[i] = i >= 20 && i < 45;
        for (int s = 0; s < 3; s++)
            v.g[s][i] = (float)((i * 5 + s * 3) % 13 - 6) / 8;
    }
    return v;
}

/* Loshchilov & Hutter 2019, algorithm 2, with eps outside the corrected root. */
static double adamw_by_hand(const vectors *v, int i, double lr, double wd, double scale)
{
    double w = (double)v->w[i], m = 0, s = 0;

    for (int k = 1; k <= 3; k++) {
        double g = (double)v->g[k - 1][i] * scale;

        m = 0.9 * m + 0.1 * g;
        s = 0.999 * s + 0.001 * g * g;
        w -= lr * (v->decay[i] ? wd : 0) * w;
        w -= lr * (m / (1 - pow(0.9, k))) / (sqrt(s / (1 - pow(0.999, k))) + 1e-8);
    }
    return w;
}

static double sgd_by_hand(const vectors *v, int i, double lr, double wd, bool nesterov)
{
    double w = (double)v->w[i], m = 0;

    for (int k = 0; k < 3; k++) {
        double g = (double)v->g[k][i] + (v->decay[i] ? wd : 0) * w;

        m = 0.9 * m + g;
        w -= lr * (nesterov ? g + 0.9 * m : m);
    }
    return w;
}

/* Three steps on slices [0, cut) and [cut, N). */
static void steps(const crm_optim_cfg *c, double scale, int cut, vectors *v)
{
    int first[2] = {0, cut}, n[2] = {cut, N - cut};
    crm_device *d = NULL;
    crm_optim *o = NULL;

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    for (int p = 0; d && p < 2; p++) {
        T_OK(crm_optim_new(c, d, first[p], n[p], v->decay, &o));
        for (int k = 0; o && k < 3; k++)
            T_OK(crm_optim_apply(o, k + 1, c->lr, scale, v->g[k] + first[p], v->w));
        crm_optim_free(&o);
    }
    crm_device_free(&d);
}

static void adamw(void)
{
    crm_optim_cfg c = plain(CRM_OPTIM_ADAMW);
    vectors start = fixture(), whole = start, cut = start;

    c.lr = 0.1;
    c.weight_decay = 0.2;
    steps(&c, 0.5, N, &whole);
    for (int i = 0; i < N; i++)
        T_NEAR((double)whole.w[i], adamw_by_hand(&start, i, 0.1, 0.2, 0.5), 2e-6);
    steps(&c, 0.5, 33, &cut); /* in the middle of a run of equal decay */
    T_CHECK(memcmp(whole.w, cut.w, sizeof cut.w) == 0);
}

/* The first step of AdamW is lr times the sign of the gradient: 1 - 0.1 * 0.1 - 0.1 = 0.89. */
static void adamw_first_step(void)
{
    crm_optim_cfg c = plain(CRM_OPTIM_ADAMW);
    crm_device *d = NULL;
    crm_optim *o = NULL;
    float w[2] = {1, 1}, g[2] = {0.5f, -2};
    uint8_t decay[2] = {1, 0};
    const char *name;

    c.weight_decay = 0.1;
    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_OK(crm_optim_new(&c, d, 0, 2, decay, &o));
    T_OK(crm_optim_apply(o, 1, 0.1, 1, g, w));
    T_NEAR((double)w[0], 0.89, 1e-6);
    T_NEAR((double)w[1], 1.1, 1e-6);
    T_EQ_I(crm_optim_state_count(o), 2);
    T_NEAR((double)crm_optim_state(o, 0, &name)[1], -0.2, 1e-6);
    T_CHECK(strcmp(name, "m") == 0);
    T_NEAR((double)crm_optim_state(o, 1, &name)[1], 0.004, 1e-6);
    T_CHECK(strcmp(name, "v") == 0);
    T_FAILS(crm_optim_apply(o, 0, 0.1, 1, g, w), CRM_ERR_ARG, "step 0");
    crm_optim_free(&o);
    crm_device_free(&d);
}

static void sgd(void)
{
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        crm_optim_cfg c = plain(CRM_OPTIM_SGD);
        vectors start = fixture(), whole = start, cut = start;

        c.lr = 0.05;
        c.nesterov = nesterov;
        c.weight_decay = 0.3;
        steps(&c, 1, N, &whole);
        for (int i = 0; i < N; i++)
            T_NEAR((double)whole.w[i], sgd_by_hand(&start, i, 0.05, 0.3, nesterov), 2e-6);
        steps(&c, 1, 16, &cut);
        T_CHECK(memcmp(whole.w, cut.w, sizeof cut.w) == 0);
    }
}

static void empty_slice(void)
{
    crm_optim_cfg c = plain(CRM_OPTIM_ADAMW);
    crm_device *d = NULL;
    crm_optim *o = NULL;
    float w = 3, g = 1;
    uint8_t decay = 1;

    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_OK(crm_optim_new(&c, d, 0, 0, &decay, &o));
    T_OK(crm_optim_apply(o, 1, 0.1, 1, &g, &w));
    T_OK(crm_optim_block_sums(o, &g, NULL));
    T_NEAR((double)w, 3, 0);
    crm_optim_free(&o);
    crm_device_free(&d);
}

/* 2 x 4096 + 100 ones and twos: sums of squares by hand. */
static void block_sums(void)
{
    enum { BIG = 2 * CRM_BLOCK + 100 };
    static float g[BIG];
    static uint8_t decay[BIG];
    crm_optim_cfg c = plain(CRM_OPTIM_SGD);
    crm_device *d = NULL;
    crm_optim *o = NULL;
    double sums[3] = {0};

    for (int i = 0; i < BIG; i++)
        g[i] = i < CRM_BLOCK ? 1 : 2;
    T_OK(crm_device_cpu(CRM_CPU_BEST, &d));
    T_OK(crm_optim_new(&c, d, 0, BIG, decay, &o));
    T_OK(crm_optim_block_sums(o, g, sums));
    T_NEAR(sums[0], 4096, 0);
    T_NEAR(sums[1], 4 * 4096, 0);
    T_NEAR(sums[2], 400, 0);
    crm_optim_free(&o);
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"schedules by hand", schedules},
                                   {"the norm is a fixed tree over blocks", norm},
                                   {"clipping", clipping},
                                   {"AdamW, three steps, any slices", adamw},
                                   {"AdamW, first step and state", adamw_first_step},
                                   {"SGD with momentum, three steps, any slices", sgd},
                                   {"an empty slice", empty_slice},
                                   {"sums of squares per block", block_sums},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
