/* test_model.c - the hybrid net against its definition in double: losses, probabilities, numeric
 * gradients; lanes, rows and padding; dropout; what is not finite; errors. */
#include "model_reference.h"

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"

enum { STRIDE = 4096 };

typedef struct bench {
    crm_device *device;
    crm_model *m;
    float w[STRIDE], grad[2 * STRIDE];
    double loss[2 * HEADS];
} bench;

/* On a device that is there already, or on the best one. */
static bool open_bench(bench *b, const fixture *f)
{
    *b = (bench){.device = b->device};
    if (!b->device) T_OK(crm_device_cpu(CRM_CPU_BEST, &b->device));
    if (!b->device) return false;
    T_OK(crm_model_new(&f->cfg, &f->in, f->head, HEADS, 2 * ROWS, 2, b->device, &b->m));
    if (!b->m) return false;
    T_CHECK(crm_model_size(b->m) <= STRIDE);
    crm_model_init(b->m, 11, b->w);
    return true;
}

static void close_bench(bench *b)
{
    crm_model_free(&b->m);
    crm_device_free(&b->device);
}

static void step(bench *b, const crm_model_batch *batch, float *grad, double *loss)
{
    memset(grad, 0, 2 * STRIDE * sizeof *grad);
    T_OK(crm_model_forward_backward(b->m, batch, b->w, grad, STRIDE, loss));
}

typedef fixture bench_input;
#include "paths_testing.h"

static reference reference_of(const bench *b, const fixture *f, double *w)
{
    for (int64_t i = 0; i < crm_model_size(b->m); i++)
        w[i] = (double)b->w[i];
    return (reference){.ps = crm_model_params(b->m), .f = f, .w = w};
}

static double total(const reference *r)
{
    return ref_loss(r, 0, 0, ROWS) + ref_loss(r, 1, 0, ROWS);
}

/* Central differences of the loss in double for every parameter; gaps have no gradient. */
static void check_gradients(const bench *b, const reference *r, double *w)
{
    const crm_params *ps = r->ps;
    double sum = 0, seen = 0;

    for (int64_t i = 0; i < crm_model_size(b->m); i++)
        sum += fabs((double)b->grad[i]) + fabs((double)b->grad[STRIDE + i]);
    for (int k = 0; k < crm_params_count(ps); k++) {
        const crm_param *p = crm_params_get(ps, k);

        for (int64_t i = p->offset; i < p->offset + p->n; i++) {
            double at = w[i], h = 1e-6, up, down;

            w[i] = at + h;
            up = total(r);
            w[i] = at - h;
            down = total(r);
            w[i] = at;
            T_NEAR((double)b->grad[i] + (double)b->grad[STRIDE + i], (up - down) / (2 * h), 2e-6);
            seen += fabs((double)b->grad[i]) + fabs((double)b->grad[STRIDE + i]);
        }
    }
    T_NEAR(seen, sum, 1e-12);
    T_CHECK(sum > 0.1);
}

static void check_definition(const fixture *f)
{
    bench b = {0};

    if (open_bench(&b, f)) {
        double w[STRIDE], quiet[2 * HEADS];
        reference r = reference_of(&b, f, w);

        step(&b, &f->batch, b.grad, b.loss);
        for (int lane = 0; lane < 2; lane++)
            for (int h = 0; h < HEADS; h++)
                T_NEAR(b.loss[lane * HEADS + h], ref_loss(&r, h, lane * 4, lane * 4 + 4), 1e-6);
        check_gradients(&b, &r, w);
        T_OK(crm_model_loss(b.m, &f->batch, b.w, quiet, NULL));
        T_CHECK(memcmp(quiet, b.loss, sizeof quiet) == 0);
    }
    close_bench(&b);
}

static void gradients_of_activations(void)
{
    fixture f;

    make_fixture(&f);
    for (f.cfg.activation = 0; f.cfg.activation < CRM_ACT_COUNT; f.cfg.activation++)
        check_definition(&f);
}

static void gradients_of_shapes(void)
{
    fixture f;

    make_fixture(&f);
    f.cfg.residual = false;
    f.cfg.embed_dim = 3;
    check_definition(&f);
    f.cfg.fusion = 0;
    check_definition(&f);
    f.cfg.hidden.n = 0; /* heads straight on the inputs */
    check_definition(&f);
    f.in.n_num = 0; /* codes only */
    check_definition(&f);
    make_fixture(&f);
    f.in.n_cat = 0; /* numbers only: the first layer is not residual, the second is */
    check_definition(&f);
}

static void probabilities(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    if (open_bench(&b, &f)) {
        double w[STRIDE], mood[ROWS][3], churn[ROWS][2], p[3];
        double *proba[HEADS] = {mood[0], churn[0]};
        reference r = reference_of(&b, &f, w);

        T_OK(crm_model_predict(b.m, &f.batch, b.w, proba));
        for (int i = 0; i < ROWS; i++) {
            ref_proba(&r, i, 0, p);
            for (int c = 0; c < 3; c++)
                T_NEAR(mood[i][c], p[c], 1e-6);
            ref_proba(&r, i, 1, p);
            T_NEAR(churn[i][1], p[1], 1e-6);
            T_CHECK(churn[i][0] + churn[i][1] == 1);
        }
    }
    close_bench(&b);
}

/* One row alone gives the bits that it gives in a batch. */
static void row_by_row(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    f.cfg.dropout = 0.5; /* has no part in predictions */
    if (open_bench(&b, &f)) {
        double mood[ROWS][3], churn[ROWS][2], one[3], two[2];
        double *all[HEADS] = {mood[0], churn[0]}, *single[HEADS] = {one, two};
        float fused[ROWS * 5], alone[5];
        crm_model_label labels[HEADS];

        T_EQ_I(crm_model_fused_width(b.m), 5);
        T_OK(crm_model_predict(b.m, &f.batch, b.w, all));
        T_OK(crm_model_fused(b.m, &f.batch, b.w, fused));
        for (int i = 0; i < ROWS; i++) {
            crm_model_batch row = part_of(&f, i, 1, 1, labels);

            T_OK(crm_model_predict(b.m, &row, b.w, single));
            T_OK(crm_model_fused(b.m, &row, b.w, alone));
            T_CHECK(memcmp(one, mood[i], sizeof one) == 0);
            T_CHECK(memcmp(two, churn[i], sizeof two) == 0);
            T_CHECK(memcmp(alone, fused + 5 * i, sizeof alone) == 0);
        }
    }
    close_bench(&b);
}

/* Lanes {0, 1} in one call give the bits of each lane alone, with dropout. */
static void lanes_apart(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    f.cfg.dropout = 0.3;
    f.cfg.embed_dropout = 0.2;
    if (open_bench(&b, &f)) {
        crm_model_label labels[HEADS];
        float alone[2 * STRIDE];
        double loss[HEADS];
        size_t bytes = (size_t)crm_model_size(b.m) * sizeof(float);

        step(&b, &f.batch, b.grad, b.loss);
        for (int lane = 0; lane < 2; lane++) {
            crm_model_batch part = part_of(&f, lane * 4, 1, 4, labels);

            step(&b, &part, alone, loss);
            T_CHECK(memcmp(alone, b.grad + lane * STRIDE, bytes) == 0);
            T_CHECK(memcmp(loss, b.loss + lane * HEADS, sizeof loss) == 0);
        }
        T_CHECK(memcmp(b.grad, b.grad + STRIDE, bytes) != 0);
    }
    close_bench(&b);
}

/* Wide layers, so that vectors and their remainders take part. */
static void instruction_sets(void)
{
    fixture f;

    make_fixture(&f);
    f.cfg.dropout = 0.3;
    f.cfg.activation = CRM_ACT_SILU;
    f.hidden[0] = "53";
    f.hidden[1] = "37";
    if (!same_on_paths(&f)) T_SKIP("this CPU has neither AVX2 nor AVX-512");
}

/* A lane of six rows with two of padding has the sums of its four rows. */
static void padding(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    f.cfg.dropout = 0.3;
    if (open_bench(&b, &f)) {
        crm_model_label labels[HEADS];
        crm_model_batch four = part_of(&f, 0, 1, 4, labels), six;
        float padded[2 * STRIDE];
        double loss[HEADS];

        step(&b, &four, b.grad, b.loss);
        for (int r = 4; r < 6; r++) {
            memset(f.num + r * NUM, 0, NUM * sizeof *f.num);
            f.cat[r * CAT] = f.cat[r * CAT + 1] = -1;
            f.label[0][r] = f.label[1][r] = -1;
        }
        six = part_of(&f, 0, 1, 6, labels);
        step(&b, &six, padded, loss);
        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            T_CHECK(padded[i] == b.grad[i]);
        for (int h = 0; h < HEADS; h++)
            T_CHECK(loss[h] == b.loss[h]);
        six = part_of(&f, 4, 1, 2, labels); /* nothing but padding */
        step(&b, &six, padded, loss);
        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            T_CHECK(padded[i] == 0);
        T_CHECK(loss[0] == 0 && loss[1] == 0);
        six = part_of(&f, 0, 1, 0, labels); /* no row at all */
        step(&b, &six, padded, loss);
        T_CHECK(loss[0] == 0 && loss[1] == 0);
    }
    close_bench(&b);
}

/* Masks depend on seed and epoch, and on nothing else. */
static void dropout(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    f.cfg.dropout = 0.5;
    if (open_bench(&b, &f)) {
        float grad[2 * STRIDE];
        double loss[2 * HEADS];
        crm_model_batch other = f.batch;

        step(&b, &f.batch, b.grad, b.loss);
        step(&b, &f.batch, grad, loss);
        T_CHECK(memcmp(loss, b.loss, sizeof loss) == 0);
        T_CHECK(memcmp(grad, b.grad, sizeof grad) == 0);
        other.epoch = 2;
        step(&b, &other, grad, loss);
        T_CHECK(memcmp(loss, b.loss, sizeof loss) != 0);
        other.epoch = 1;
        other.seed = 6;
        step(&b, &other, grad, loss);
        T_CHECK(memcmp(loss, b.loss, sizeof loss) != 0);
    }
    close_bench(&b);
}

/* What the search finds after `harm` was done to a batch or to weights. */
static void expect_name(bench *b, const fixture *f, const char *name)
{
    char found[256];

    memset(b->grad, 0, sizeof b->grad);
    T_OK(crm_model_find_nonfinite(b->m, &f->batch, b->w, b->grad, STRIDE, found, sizeof found));
    T_CHECK(strcmp(found, name) == 0);
    if (strcmp(found, name) != 0) fprintf(stderr, "#   '%s', expected '%s'\n", found, name);
}

static float *weight_of(bench *b, const char *name)
{
    const crm_params *ps = crm_model_params(b->m);

    return b->w + crm_params_get(ps, crm_params_find(ps, name))->offset;
}

static void not_finite(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    f.cfg.activation = CRM_ACT_RELU;
    if (open_bench(&b, &f)) {
        float *w = weight_of(&b, "fus.bias"), keep = w[2];

        expect_name(&b, &f, "");
        w[2] = NAN;
        expect_name(&b, &f, "parameter fus.bias");
        w[2] = keep;
        f.num[4] = INFINITY;
        expect_name(&b, &f, "input of prof.num");
        f.num[4] = 0;
        weight_of(&b, "fus.bias")[1] = 3e38f; /* finite, but not after the head's weight */
        weight_of(&b, "heads.churn.weight")[1] = 10;
        expect_name(&b, &f, "output of heads.churn");
        weight_of(&b, "fus.bias")[1] = 0;
        f.scale[0] = 1e39; /* infinite as f32, so are the gradients of the logits */
        expect_name(&b, &f, "gradient at output of heads.mood");
    }
    close_bench(&b);
}

static void names_and_sizes(void)
{
    fixture f;
    bench b = {0};

    make_fixture(&f);
    if (open_bench(&b, &f)) {
        const crm_params *ps = crm_model_params(b.m);
        /* tables 4 x 2 + 1 x 1; layers 6 x 6 + 6 twice; fusion 5 x 6 + 5; heads 3 x 5 + 3, 5 + 1 */
        T_EQ_I(crm_model_n_params(b.m), 9 + 2 * 42 + 35 + 18 + 6);
        T_EQ_I(crm_params_count(ps), 2 + 4 + 2 + 4);
        T_CHECK(crm_params_get(ps, crm_params_find(ps, "prof2.weight"))->decay);
        T_CHECK(!crm_params_get(ps, crm_params_find(ps, "prof2.bias"))->decay);
        T_CHECK(!crm_params_get(ps, crm_params_find(ps, "pemb.0.weight"))->decay);
    }
    close_bench(&b);
}

/* ---- options and errors ---- */
static void options(void)
{
    crm_opt_set *s = NULL;
    crm_model_cfg cfg;
    const char *bad[] = {"model.hidden=32,zero"}, *good[] = {"model.hidden=32,16,8"};

    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, crm_model_opts, &cfg));
    T_OK(crm_model_cfg_check(&cfg));
    T_EQ_I(cfg.hidden.n, 2);
    T_EQ_I(cfg.activation, CRM_ACT_RELU);
    T_OK(crm_opt_set_load(s, NULL, bad, 1));
    T_FAILS(crm_model_cfg_check(&cfg), CRM_ERR_CONFIG, "model.hidden: value 'zero'");
    crm_opt_set_free(&s);
    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, crm_model_opts, &cfg));
    T_OK(crm_opt_set_load(s, NULL, good, 1));
    T_OK(crm_model_cfg_check(&cfg));
    T_EQ_I(cfg.hidden.n, 3);
    crm_opt_set_free(&s);
}

static void refuse(const fixture *f, crm_device *d, crm_status code, const char *text)
{
    crm_model *m = NULL;

    T_FAILS(crm_model_new(&f->cfg, &f->in, f->head, HEADS, ROWS, 1, d, &m), code, text);
    T_CHECK(m == NULL);
}

static void errors(void)
{
    static char longest[200];
    fixture f;
    bench b = {0};

    make_fixture(&f);
    if (open_bench(&b, &f)) {
        crm_model_batch many = f.batch;

        many.lanes = 3;
        many.lane_rows = 2;
        T_FAILS(crm_model_loss(b.m, &many, b.w, b.loss, NULL), CRM_ERR_ARG, "3 lanes of 2");
        many.lanes = 2;
        many.lane_rows = ROWS + 1;
        T_FAILS(crm_model_loss(b.m, &many, b.w, b.loss, NULL), CRM_ERR_ARG, "18 rows");
        f.in.n_num = f.in.n_cat = 0;
        refuse(&f, b.device, CRM_ERR_CONFIG, "no input");
        make_fixture(&f);
        f.hidden[1] = "0";
        refuse(&f, b.device, CRM_ERR_CONFIG, "value '0', allowed: integers 1..65536");
        make_fixture(&f);
        f.head[1].n_classes = 1;
        refuse(&f, b.device, CRM_ERR_ARG, "'churn' has 1 classes");
        make_fixture(&f);
        memset(longest, 'x', sizeof longest - 1);
        f.head[1].name = longest;
        refuse(&f, b.device, CRM_ERR_CONFIG, "at most 127");
    }
    close_bench(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"losses and gradients, every activation", gradients_of_activations},
        {"losses and gradients, every shape of net", gradients_of_shapes},
        {"probabilities", probabilities},
        {"a row alone has the bits it has in a batch", row_by_row},
        {"a lane alone has the bits it has among others", lanes_apart},
        {"every instruction set gives the same bits", instruction_sets},
        {"padding contributes nothing", padding},
        {"dropout masks follow seed and epoch", dropout},
        {"the first thing that is not finite is named", not_finite},
        {"names, counts, decay", names_and_sizes},
        {"options", options},
        {"errors", errors},
        {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
