/* test_hybrid.c - the hybrid net with all its branches against its definition in double: losses,
 * numeric gradients, predictions; what is not finite in each branch; batches that are refused. */
#include "hybrid_bench.h"
#include "hybrid_reference.h"

#include "crmpi/base_run.h"

/* ---- against the definition ---- */
static double total(const href *r)
{
    double sum = 0;

    for (int k = 0; k < r->h->n_heads; k++)
        sum += h_loss(r, k, 0, H_ROWS);
    return sum;
}

static double lanes_sum(const bench *b, int64_t i)
{
    double sum = 0;

    for (int l = 0; l < LANES; l++)
        sum += (double)b->grad[l * STRIDE + i];
    return sum;
}

/* Central differences of the loss in double for every parameter; gaps have no gradient. */
static void check_gradients(const bench *b, const href *r, double *w)
{
    const crm_params *ps = r->p.ps;
    double sum = 0, seen = 0;

    for (int i = 0; i < LANES * STRIDE; i++)
        sum += fabs((double)b->grad[i]);
    for (int k = 0; k < crm_params_count(ps); k++) {
        const crm_param *p = crm_params_get(ps, k);

        for (int64_t i = p->offset; i < p->offset + p->n; i++) {
            double at = w[i], d = 1e-6, up, down;

            w[i] = at + d;
            up = total(r);
            w[i] = at - d;
            down = total(r);
            w[i] = at;
            T_NEAR(lanes_sum(b, i), (up - down) / (2 * d), 2e-6);
            for (int l = 0; l < LANES; l++)
                seen += fabs((double)b->grad[l * STRIDE + i]);
        }
    }
    T_NEAR(seen, sum, 1e-12);
    T_CHECK(sum > 0.1);
}

static void definition(void)
{
    for (int v = 0; v < VARIANTS; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        if (open_bench(&b, &h)) {
            double w[STRIDE], quiet[LANES * H_HEADS];
            href r = {.p = {.ps = crm_model_params(b.m), .w = w}, .h = &h};
            size_t bytes = (size_t)(LANES * h.n_heads) * sizeof(double);

            for (int64_t i = 0; i < crm_model_size(b.m); i++)
                w[i] = (double)b.w[i];
            step(&b, &h.batch, b.grad, b.loss);
            for (int l = 0; l < LANES; l++)
                for (int k = 0; k < h.n_heads; k++)
                    T_NEAR(b.loss[l * h.n_heads + k], h_loss(&r, k, 2 * l, 2 * l + 2), 2e-6);
            check_gradients(&b, &r, w);
            T_OK(crm_model_loss(b.m, &h.batch, b.w, quiet, NULL));
            T_CHECK(memcmp(quiet, b.loss, bytes) == 0);
        }
        close_bench(&b);
    }
}

/* Of every row; of heads of documents, of every document. */
static void check_logits(bench *b, const href *r, int k)
{
    const crm_model_head *head = &r->h->head[k];
    float out[H_DOCS * 3];
    double z[H_WIDTH];

    T_OK(crm_model_logits(b->m, &r->h->batch, b->w, k, out));
    for (int64_t i = 0, at = 0; i < (head->documents ? H_DOCS : H_ROWS); i++) {
        int64_t n = h_output(r, i, k, z);

        for (int64_t j = 0; j < n; j++)
            T_NEAR((double)out[at++], z[j], 1e-6);
    }
}

static void predictions(void)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    if (open_bench(&b, &h)) {
        double w[STRIDE], mood[H_ROWS][3], churn[H_ROWS][2], spend[H_ROWS][2], visits[H_ROWS];
        double topic[H_DOCS][3], z[H_WIDTH];
        double *proba[] = {mood[0], churn[0], spend[0], visits, topic[0]};
        double *some[] = {NULL, NULL, NULL, visits, NULL};
        href r = {.p = {.ps = crm_model_params(b.m), .w = w}, .h = &h};

        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            w[i] = (double)b.w[i];
        T_OK(crm_model_predict(b.m, &h.batch, b.w, proba));
        for (int i = 0; i < H_ROWS; i++) {
            h_output(&r, i, H_CHURN, z);
            T_NEAR(churn[i][1], h_sigmoid(z[0]), 1e-6);
            T_CHECK(churn[i][0] == 1 - churn[i][1]);
            h_output(&r, i, H_SPEND, z);
            T_NEAR(spend[i][0], z[0], 1e-6);
            T_NEAR(spend[i][1], z[1], 1e-6);
            h_output(&r, i, H_VISITS, z);
            T_NEAR(visits[i], exp(z[0]), 2e-6);
            visits[i] = 0;
        }
        for (int i = 0; i < H_DOCS; i++) {
            h_output(&r, i, H_TOPIC, z);
            T_NEAR(topic[i][1] / topic[i][0], exp(z[1] - z[0]), 1e-5);
            T_NEAR(topic[i][0] + topic[i][1] + topic[i][2], 1, 1e-6);
        }
        for (int k = 0; k < H_HEADS; k++)
            check_logits(&b, &r, k);
        T_OK(crm_model_predict(b.m, &h.batch, b.w, some));
        h_output(&r, 2, H_VISITS, z);
        T_NEAR(visits[2], exp(z[0]), 2e-6);
    }
    close_bench(&b);
}

/* ---- what is not finite ---- */
static void expect_name(bench *b, const hybrid *h, const char *name)
{
    char found[256];

    memset(b->grad, 0, sizeof b->grad);
    T_OK(crm_model_find_nonfinite(b->m, &h->batch, b->w, b->grad, STRIDE, found, sizeof found));
    T_CHECK(strcmp(found, name) == 0);
    if (strcmp(found, name) != 0) fprintf(stderr, "#   '%s', expected '%s'\n", found, name);
}

/* Elements [from, from + n) of a parameter become value. */
static void set(bench *b, const char *name, int64_t from, int64_t n, float value)
{
    const crm_params *ps = crm_model_params(b->m);
    const crm_param *p = crm_params_get(ps, crm_params_find(ps, name));

    for (int64_t i = from; i < from + n; i++)
        b->w[p->offset + i] = value;
}

/* Finite parameters, but not so behind the layer that is named. */
static void poison(const char *first, int64_t at, int64_t n, const char *second, int64_t at2,
                   int64_t n2, const char *expected)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    h.cfg.activation = CRM_ACT_RELU;
    if (open_bench(&b, &h)) {
        expect_name(&b, &h, "");
        set(&b, first, at, n, 3e38f);
        set(&b, second, at2, n2, 10);
        expect_name(&b, &h, expected);
    }
    close_bench(&b);
}

static void not_finite(void)
{
    bench b = {0};
    hybrid h;

    poison("mconv1.bias", 0, 1, "mconv2.weight", 0, 9, "output of mconv2");
    poison("prof.bias", 0, 1, "prof2.weight", 0, 12, "output of prof2");
    poison("temb.weight", 3, 21, "tconv1.weight", 0, 6, "output of tconv");
    h_make(&h);
    if (open_bench(&b, &h)) {
        h.value[3] = INFINITY;
        expect_name(&b, &h, "input of events.num");
        h.value[3] = 0;
        h.monthly[7] = NAN;
        expect_name(&b, &h, "input of mconv1");
        h.monthly[7] = 0;
        h.num[2] = -INFINITY;
        expect_name(&b, &h, "input of prof.num");
        h.num[2] = 0;
        /* r = 1, z = 0, so h = 1 behind the first event with a category; behind the next one
         * wi x = inf and wh h = -inf meet in n */
        set(&b, "cemb.weight", 0, 6, 3e38f);
        set(&b, "gru.weight_ih_l0", 0, 36, 10);
        set(&b, "gru.weight_ih_l0", 12, 12, -10);
        set(&b, "gru.weight_hh_l0", 18, 9, -3e38f);
        expect_name(&b, &h, "output of gru.l0");
        crm_model_init(b.m, 11, b.w);
        h.scale[H_VISITS] = 1e39;
        expect_name(&b, &h, "gradient at output of heads.visits");
    }
    close_bench(&b);
}

/* ---- batches that are refused ---- */
static void refused(void)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    if (open_bench(&b, &h)) {
        crm_model_batch bad = h.batch;

        h.event_first[1] = 5;
        T_FAILS(crm_model_loss(b.m, &h.batch, b.w, b.loss, NULL), CRM_ERR_ARG,
                "row 0 has 5 events, allowed: 0..4");
        h.event_first[1] = 3;
        h.token_first[2] = 3;
        T_FAILS(crm_model_loss(b.m, &h.batch, b.w, b.loss, NULL), CRM_ERR_ARG,
                "document 1 has -1 tokens, allowed: 0..4");
        h.token_first[2] = 5;
        bad.doc_first = NULL;
        T_FAILS(crm_model_loss(b.m, &bad, b.w, b.loss, NULL), CRM_ERR_ARG,
                "nothing about its documents");
        T_OK(crm_model_loss(b.m, &h.batch, b.w, b.loss, NULL));
    }
    close_bench(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"losses and gradients, every variant", definition},
        {"predictions of every kind of head", predictions},
        {"the first thing that is not finite is named, in each branch", not_finite},
        {"batches that do not fit are refused", refused},
        {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
