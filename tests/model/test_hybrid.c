/* test_hybrid.c - the hybrid net with all its branches against its definition in double: losses,
 * numeric gradients, predictions; rows, lanes, instruction sets; blocks that are absent or switched
 * off; what is not finite in each branch. */
#include "hybrid_reference.h"

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"

enum { LANES = 4, STRIDE = 2048 };

typedef struct bench {
    crm_device *device;
    crm_model *m;
    float w[STRIDE], grad[LANES * STRIDE];
    double loss[LANES * H_HEADS];
} bench;

/* A way to build the net. */
typedef struct variant {
    const char *name;
    void (*change)(hybrid *h);
} variant;

static bool open_bench(bench *b, const hybrid *h)
{
    *b = (bench){.device = b->device};
    if (!b->device) T_OK(crm_device_cpu(CRM_CPU_BEST, &b->device));
    if (!b->device) return false;
    T_OK(crm_model_new(&h->cfg, &h->in, h->head, h->n_heads, H_ROWS, LANES, b->device, &b->m));
    if (!b->m) return false;
    T_CHECK(crm_model_size(b->m) <= STRIDE);
    if (crm_model_size(b->m) > STRIDE) return false;
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
    memset(grad, 0, LANES * STRIDE * sizeof *grad);
    T_OK(crm_model_forward_backward(b->m, batch, b->w, grad, STRIDE, loss));
}

/* ---- ways to build it ---- */
static void plain(hybrid *h)
{
    (void)h;
}

static void lstm_both(hybrid *h)
{
    h->cfg.rnn = CRM_MODEL_LSTM;
    h->cfg.rnn_both = true;
    h->cfg.text_length = 4; /* no padding behind the longest document */
    h->cfg.months_pool = CRM_MODEL_MEAN;
}

static void deep_gru(hybrid *h)
{
    h->cfg.rnn_both = true;
    h->cfg.rnn_layers = 2;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.text_pool = CRM_MODEL_LAST;
    h->cfg.documents_pool = CRM_MODEL_MEAN;
    h->cfg.residual = true;
}

static void attention(hybrid *h)
{
    h->cfg.rnn_pool = CRM_MODEL_ATTENTION;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.text_pool = CRM_MODEL_ATTENTION;
    h->cfg.documents_pool = CRM_MODEL_ATTENTION;
    h->cfg.months_pool = CRM_MODEL_LAST;
}

static void means(hybrid *h)
{
    h->cfg.rnn = CRM_MODEL_LSTM;
    h->cfg.rnn_layers = 2;
    h->cfg.rnn_pool = CRM_MODEL_MEAN;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.text_pool = CRM_MODEL_MEAN;
    h->cfg.months_kernel = 5;
    h->cfg.activation = CRM_ACT_SILU;
}

static void maxima(hybrid *h)
{
    h->cfg.rnn_pool = CRM_MODEL_MAX;
    h->cfg.rnn_both = true;
    h->cfg.text = CRM_TEXT_GRU;
    h->cfg.months_kernel = 1;
    h->cfg.fusion = 0;
}

static void documents_only(hybrid *h)
{
    h->head[0] = h->head[H_TOPIC];
    memcpy(h->label[0], h->label[H_TOPIC], sizeof h->label[0]);
    h->n_heads = 1;
}

static void events_of_numbers(hybrid *h)
{
    h->in.categories = 0;
    h->in.months = 0;
    h->in.n_num = h->in.n_cat = 0;
    h->n_heads = H_TOPIC;
    h->in.words = 0;
}

static void events_of_categories(hybrid *h)
{
    h->in.numbers = 0;
    h->cfg.columns = CRM_COLUMNS_NONE;
    h->cfg.months.n = 0;
}

static void documents_and_months(hybrid *h)
{
    h->cfg.rnn = CRM_MODEL_NO_RNN;
    h->cfg.hidden.n = 0;
}

static const variant variants[] = {{"GRU, text CNN", plain},
                                   {"LSTM in both directions", lstm_both},
                                   {"two layers of GRU in both directions, text GRU", deep_gru},
                                   {"attention everywhere", attention},
                                   {"means everywhere", means},
                                   {"maxima everywhere", maxima},
                                   {"events of numbers alone", events_of_numbers},
                                   {"events of categories, documents", events_of_categories},
                                   {"no recurrent net, no hidden layers", documents_and_months},
                                   {"targets of documents alone", documents_only}};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void make_variant(hybrid *h, int i)
{
    h_make(h);
    variants[i].change(h);
}

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
            T_OK(crm_model_loss(b.m, &h.batch, b.w, quiet));
            T_CHECK(memcmp(quiet, b.loss, bytes) == 0);
        }
        close_bench(&b);
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
        T_OK(crm_model_predict(b.m, &h.batch, b.w, some));
        h_output(&r, 2, H_VISITS, z);
        T_NEAR(visits[2], exp(z[0]), 2e-6);
    }
    close_bench(&b);
}

/* ---- bits ---- */
typedef struct outputs {
    double mood[H_ROWS][3], churn[H_ROWS][2], spend[H_ROWS][2], visits[H_ROWS], topic[H_DOCS][3];
    float fused[H_ROWS][5];
} outputs;

static void predict(bench *b, const crm_model_batch *batch, outputs *o)
{
    double *proba[] = {o->mood[0], o->churn[0], o->spend[0], o->visits, o->topic[0]};

    memset(o, 0, sizeof *o);
    T_OK(crm_model_predict(b->m, batch, b->w, proba));
    T_OK(crm_model_fused(b->m, batch, b->w, o->fused[0]));
}

static void check_row(const hybrid *h, int r, const outputs *one, const outputs *all)
{
    int64_t doc = h->doc_first[r], n = h->doc_first[r + 1] - doc;

    T_CHECK(memcmp(one->mood[0], all->mood[r], sizeof one->mood[0]) == 0);
    T_CHECK(memcmp(one->churn[0], all->churn[r], sizeof one->churn[0]) == 0);
    T_CHECK(memcmp(one->spend[0], all->spend[r], sizeof one->spend[0]) == 0);
    T_CHECK(memcmp(&one->visits[0], &all->visits[r], sizeof one->visits[0]) == 0);
    T_CHECK(memcmp(one->fused[0], all->fused[r], sizeof one->fused[0]) == 0);
    T_CHECK(memcmp(one->topic[0], all->topic[doc], (size_t)n * sizeof one->topic[0]) == 0);
}

/* With dropout in the config, which has no part in predictions. */
static void row_by_row(void)
{
    for (int v = 0; v < 5; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        h.cfg.dropout = h.cfg.branch_dropout = 0.5;
        if (open_bench(&b, &h)) {
            outputs all, one;
            crm_model_label labels[H_HEADS];

            T_EQ_I(crm_model_fused_width(b.m), 5);
            predict(&b, &h.batch, &all);
            for (int r = 0; r < H_ROWS; r++) {
                crm_model_batch row = h_part(&h, r, 1, 1, labels);

                predict(&b, &row, &one);
                check_row(&h, r, &one, &all);
            }
        }
        close_bench(&b);
    }
}

/* Four lanes in one call give the bits of each lane alone, with every dropout on. */
static void lanes_apart(void)
{
    for (int v = 0; v < VARIANTS - 1; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        h.cfg.dropout = h.cfg.embed_dropout = h.cfg.branch_dropout = 0.3;
        if (open_bench(&b, &h)) {
            crm_model_label labels[H_HEADS];
            float alone[LANES * STRIDE];
            double loss[H_HEADS];
            size_t bytes = (size_t)crm_model_size(b.m) * sizeof(float);

            step(&b, &h.batch, b.grad, b.loss);
            for (int l = 0; l < LANES; l++) {
                crm_model_batch part = h_part(&h, 2 * l, 1, 2, labels);

                step(&b, &part, alone, loss);
                T_CHECK(memcmp(alone, b.grad + l * STRIDE, bytes) == 0);
                T_CHECK(memcmp(loss, b.loss + l * h.n_heads, (size_t)h.n_heads * sizeof *loss) ==
                        0);
            }
            T_CHECK(memcmp(b.grad, b.grad + STRIDE, bytes) != 0);
        }
        close_bench(&b);
    }
}

static void instruction_sets(void)
{
    static const crm_cpu_path paths[] = {CRM_CPU_PORTABLE, CRM_CPU_AVX2, CRM_CPU_AVX512};
    int compared = 0;

    for (int v = 0; v < VARIANTS; v++) {
        bench first = {0}, b = {0};
        hybrid h;

        make_variant(&h, v);
        h.cfg.dropout = 0.3;
        for (int i = 0; i < 3; i++) {
            bench *at = i ? &b : &first;

            if (crm_device_cpu(paths[i], &at->device)) { /* this CPU has not got it */
                crm_err_clear();
                continue;
            }
            if (open_bench(at, &h)) step(at, &h.batch, at->grad, at->loss);
            T_CHECK(memcmp(at->grad, first.grad, sizeof at->grad) == 0);
            T_CHECK(memcmp(at->loss, first.loss, sizeof at->loss) == 0);
            compared += i > 0;
            close_bench(&b);
        }
        close_bench(&first);
    }
    if (!compared) T_SKIP("this CPU has neither AVX2 nor AVX-512");
}

/* ---- rows without anything, branches without a block ---- */
static void empty_rows(void)
{
    bench b = {0};
    hybrid h;

    h_make(&h);
    if (open_bench(&b, &h)) {
        crm_model_label labels[H_HEADS];
        crm_model_batch two = h_part(&h, 0, 1, 2, labels), three;
        float padded[LANES * STRIDE];
        double loss[H_HEADS];

        step(&b, &two, b.grad, b.loss);
        h.event_first[3] = h.event_first[2]; /* row 2 becomes padding */
        h.doc_first[3] = h.doc_first[2];
        h.cat[2] = h.label[H_MOOD][2] = h.label[H_CHURN][2] = -1;
        memset(h.num + 4, 0, 2 * sizeof *h.num);
        memset(h.monthly + 2 * H_MONTHS * H_CHANNELS, 0, H_MONTHS * H_CHANNELS * sizeof *h.monthly);
        h.number[H_SPEND][4] = h.number[H_SPEND][5] = h.number[H_VISITS][2] = NAN;
        three = h_part(&h, 0, 1, 3, labels);
        step(&b, &three, padded, loss);
        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            T_CHECK(padded[i] == b.grad[i]);
        for (int k = 0; k < H_HEADS; k++)
            T_CHECK(loss[k] == b.loss[k]);
        three = h_part(&h, 0, 1, 0, labels); /* no row at all */
        step(&b, &three, padded, loss);
        for (int64_t i = 0; i < crm_model_size(b.m); i++)
            T_CHECK(padded[i] == 0);
    }
    close_bench(&b);
}

/* A branch that is switched off and one whose block is absent give the same net. */
static void same_net(const hybrid *off, const hybrid *absent)
{
    bench a = {0}, b = {0};

    if (open_bench(&a, off) && open_bench(&b, absent)) {
        T_EQ_I(crm_params_count(crm_model_params(a.m)), crm_params_count(crm_model_params(b.m)));
        step(&a, &off->batch, a.grad, a.loss);
        step(&b, &absent->batch, b.grad, b.loss);
        T_CHECK(memcmp(a.grad, b.grad, sizeof a.grad) == 0);
        T_CHECK(memcmp(a.loss, b.loss, sizeof a.loss) == 0);
        T_CHECK(a.loss[0] > 0);
    }
    close_bench(&a);
    close_bench(&b);
}

static void switched_off(void)
{
    hybrid off, absent;

    h_make(&off);
    h_make(&absent);
    off.n_heads = absent.n_heads = H_TOPIC;
    off.cfg.rnn = CRM_MODEL_NO_RNN;
    absent.in.categories = absent.in.numbers = 0;
    absent.batch.event_first = NULL;
    same_net(&off, &absent);
    off.cfg.text = CRM_TEXT_NONE;
    absent.in.words = 0;
    absent.batch.doc_first = absent.batch.token_first = NULL;
    same_net(&off, &absent);
    off.cfg.months.n = 0;
    absent.in.months = absent.in.channels = 0;
    same_net(&off, &absent);
    h_make(&off);
    h_make(&absent);
    off.cfg.columns = CRM_COLUMNS_NONE;
    absent.in.n_num = absent.in.n_cat = 0;
    same_net(&off, &absent);
}

/* A parameter's first values do not change when other branches come and go. */
static void initial_values(void)
{
    bench a = {0}, b = {0};
    hybrid h, few;

    h_make(&h);
    h_make(&few);
    few.cfg.months.n = 0;
    few.cfg.rnn = CRM_MODEL_NO_RNN;
    if (open_bench(&a, &h) && open_bench(&b, &few)) {
        const crm_params *p = crm_model_params(a.m), *q = crm_model_params(b.m);
        const crm_param *x = crm_params_get(p, crm_params_find(p, "temb.weight"));
        const crm_param *y = crm_params_get(q, crm_params_find(q, "temb.weight"));

        T_CHECK(memcmp(a.w + x->offset, b.w + y->offset, (size_t)x->n * sizeof(float)) == 0);
        for (int i = 0; i < 3; i++)
            T_CHECK(a.w[x->offset + i] == 0 && a.w[x->offset + 3 + i] != 0);
    }
    close_bench(&a);
    close_bench(&b);
}

/* Row 0 of the word table never moves, and nothing is allocated in a pass. */
static void word_zero(void)
{
    for (int v = 0; v < 6; v++) {
        bench b = {0};
        hybrid h;

        make_variant(&h, v);
        if (open_bench(&b, &h)) {
            const crm_params *ps = crm_model_params(b.m);
            int64_t at = crm_params_get(ps, crm_params_find(ps, "temb.weight"))->offset;
            size_t used;

            b.w[at] = b.w[at + 1] = 9; /* is not read either */
            step(&b, &h.batch, b.grad, b.loss);
            used = crm_mem_used();
            T_CHECK(h.token[0] == 0 && b.grad[at] == 0 && b.grad[at + 1] == 0);
            b.w[at] = b.w[at + 1] = 0;
            {
                float grad[LANES * STRIDE];
                double loss[LANES * H_HEADS];

                step(&b, &h.batch, grad, loss);
                T_CHECK(memcmp(grad, b.grad, sizeof grad) == 0);
                T_CHECK(memcmp(loss, b.loss, sizeof loss) == 0);
            }
            T_CHECK(crm_mem_used() == used);
        }
        close_bench(&b);
    }
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
        T_FAILS(crm_model_loss(b.m, &h.batch, b.w, b.loss), CRM_ERR_ARG,
                "row 0 has 5 events, allowed: 0..4");
        h.event_first[1] = 3;
        h.token_first[2] = 3;
        T_FAILS(crm_model_loss(b.m, &h.batch, b.w, b.loss), CRM_ERR_ARG,
                "document 1 has -1 tokens, allowed: 0..4");
        h.token_first[2] = 5;
        bad.doc_first = NULL;
        T_FAILS(crm_model_loss(b.m, &bad, b.w, b.loss), CRM_ERR_ARG, "nothing about its documents");
        T_OK(crm_model_loss(b.m, &h.batch, b.w, b.loss));
    }
    close_bench(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"losses and gradients, every variant", definition},
        {"predictions of every kind of head", predictions},
        {"a row alone has the bits it has in a batch", row_by_row},
        {"a lane alone has the bits it has among others", lanes_apart},
        {"every instruction set gives the same bits", instruction_sets},
        {"rows without anything contribute nothing", empty_rows},
        {"switched off is as absent", switched_off},
        {"initial values are those of the name", initial_values},
        {"the row of no word stays; passes allocate nothing", word_zero},
        {"the first thing that is not finite is named, in each branch", not_finite},
        {"batches that do not fit are refused", refused},
        {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
