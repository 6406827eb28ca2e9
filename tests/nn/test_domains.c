/* test_domains.c - a net over three domains of rows (steps, windows of two steps, samples): numeric
 * gradients with dropout, lanes, a value with two readers; graphs and passes that are refused. */
#include "crm_test.h"

#include <math.h>

#include "crmpi/base_run.h"
#include "crmpi/nn.h"

enum { N = 4, STEPS = 4, WINDOWS = 3, C = 2, STRIDE = 256, HEADS = 3 };

typedef struct world {
    crm_device *device;
    crm_params *params;
    crm_net *net;
    crm_domain steps, windows;
    crm_value x;
    float data[N * STEPS * C], w[STRIDE], grad[2 * STRIDE];
    int64_t step_first[N + 1], window_first[N + 1], lane_steps[3], lane_windows[3];
    int64_t row_id[N], window_id[N * WINDOWS];
    int32_t label[N], window_label[N * WINDOWS];
    crm_rows rows[3];
    crm_head_loss heads[HEADS];
    double loss[2 * HEADS];
} world;

#include "gradients_testing.h"

static void fill_data(world *t)
{
    for (int i = 0; i < N * STEPS * C; i++)
        t->data[i] = (float)(i * 7 % 13 - 6) / 6;
    for (int i = 0; i <= N; i++) {
        t->step_first[i] = i * STEPS;
        t->window_first[i] = i * WINDOWS;
    }
    for (int i = 0; i < N; i++) {
        t->row_id[i] = 3 * i;
        t->label[i] = i % 3;
    }
    for (int i = 0; i < N * WINDOWS; i++) {
        t->window_id[i] = 5 * i;
        t->window_label[i] = i == 4 ? -1 : i % 2;
    }
    t->heads[0] = (crm_head_loss){.label = t->label, .scale = 0.3};
    t->heads[1] = t->heads[2] = (crm_head_loss){.label = t->window_label, .scale = 0.2};
}

static bool new_world(world *t, int64_t lanes)
{
    memset(t, 0, sizeof *t);
    fill_data(t);
    if (!open_world(t, lanes)) return false;
    T_OK(crm_net_domain(t->net, "steps", CRM_SAMPLES, N * STEPS, &t->steps));
    T_OK(crm_net_domain(t->net, "windows", CRM_SAMPLES, N * WINDOWS, &t->windows));
    T_OK(crm_net_input_in(t->net, t->steps, CRM_F32, C, &t->x));
    crm_net_bind(t->net, t->x, t->data);
    return true;
}

static crm_value value_in(world *t, crm_domain d, int64_t width)
{
    crm_value v = 0;

    T_OK(crm_net_value_in(t->net, d, width, &v));
    T_EQ_I(crm_net_domain_of(t->net, v), d);
    return v;
}

/* x -> dense (steps) -> windows of two steps -> dropout: read by a mean over windows, by the logits
 * u of a head of windows, by attention with u as its scores, and by the logits v of another head.
 * So attention adds to the gradients of both of its inputs. */
static void wire(world *t, double rate)
{
    crm_conv conv = {.steps = STEPS, .kernel = 2, .act = CRM_ACT_TANH};
    crm_value h = value_in(t, t->steps, 3), a = value_in(t, t->windows, 4);
    crm_value b = value_in(t, t->windows, 4), y = value_in(t, CRM_SAMPLES, 8), half[2];
    crm_value z = value_in(t, CRM_SAMPLES, 3), u = value_in(t, t->windows, 1);
    crm_value v = value_in(t, t->windows, 2);
    int head;

    for (int i = 0; i < 2; i++)
        T_OK(crm_net_columns(t->net, y, 4 * i, 4, &half[i]));
    T_OK(crm_net_linear(t->net, "in", t->x, CRM_ACT_SILU, h));
    T_OK(crm_net_conv(t->net, "conv", &conv, h, a));
    T_OK(crm_net_dropout(t->net, "drop", a, rate, b));
    T_OK(crm_net_pool(t->net, "pool", CRM_POOL_MEAN, b, half[0]));
    T_OK(crm_net_linear(t->net, "u", b, CRM_ACT_NONE, u));
    T_OK(crm_net_attend(t->net, "attend", u, b, half[1]));
    T_OK(crm_net_linear(t->net, "v", b, CRM_ACT_NONE, v));
    T_OK(crm_net_linear(t->net, "z", y, CRM_ACT_NONE, z));
    T_OK(crm_net_head(t->net, "z", z, NULL, &head));
    T_OK(crm_net_head_of(t->net, "u", CRM_HEAD_CLASSES, u, NULL, 0, &head));
    T_OK(crm_net_head_of(t->net, "v", CRM_HEAD_CLASSES, v, NULL, 0, &head));
    T_EQ_I(head, 2);
    begin_weights(t);
}

static crm_pass pass_of(world *t, int64_t lanes)
{
    for (int64_t l = 0; l <= lanes; l++) {
        t->lane_steps[l] = l * N / lanes * STEPS;
        t->lane_windows[l] = l * N / lanes * WINDOWS;
    }
    t->rows[t->steps] = (crm_rows){
        .n = N * STEPS, .first = t->lane_steps, .parts = {.n = N, .first = t->step_first}};
    t->rows[t->windows] = (crm_rows){.n = N * WINDOWS,
                                     .first = t->lane_windows,
                                     .parts = {.n = N, .first = t->window_first},
                                     .row_id = t->window_id};
    return pass_in(t, lanes, t->rows);
}

static void gradients(void)
{
    check_gradients(0.5);
}

/* A mask follows the rows of its own domain: other ids, other masks. */
static void masks(void)
{
    world t;

    if (new_world(&t, 1)) {
        crm_pass p;
        double first, second;

        wire(&t, 0.5);
        p = pass_of(&t, 1);
        first = run_loss(&t, &p);
        t.row_id[1] = 99; /* of samples: no dropout there */
        second = run_loss(&t, &p);
        T_CHECK(first == second);
        t.window_id[1] = 99;
        second = run_loss(&t, &p);
        T_CHECK(first != second);
    }
    end_world(&t);
}

static void not_finite(void)
{
    world t;

    if (new_world(&t, 1)) {
        char name[64];
        crm_pass p;

        wire(&t, 0);
        p = pass_of(&t, 1);
        t.data[N * STEPS * C - 1] = NAN; /* in the last row of the steps, beyond those of samples */
        run_loss(&t, &p);
        T_OK(crm_net_find_nonfinite(t.net, &p, name, sizeof name));
        T_CHECK(strcmp(name, "input of in") == 0);
    }
    end_world(&t);
}

/* ---- refused ---- */
static void refused_layers(void)
{
    world t;

    if (new_world(&t, 1)) {
        crm_conv conv = {.steps = STEPS, .kernel = 2}, long_conv = {.steps = STEPS, .kernel = 5};
        crm_text_conv text = {.n_kernels = 1, .kernel = {1}, .length = 4};
        crm_value a = value_in(&t, t.steps, C), s = value_in(&t, CRM_SAMPLES, C);
        crm_value score = value_in(&t, t.steps, 1), w = value_in(&t, t.windows, C), tokens;
        int head;

        T_OK(crm_net_input_in(t.net, t.steps, CRM_I32, 2, &tokens));
        T_FAILS(crm_net_conv(t.net, "c", &conv, t.x, a), CRM_ERR_INTERNAL, "4 steps become 3");
        T_FAILS(crm_net_conv(t.net, "c", &long_conv, t.x, w), CRM_ERR_INTERNAL, "become 0");
        T_FAILS(crm_net_rnn(t.net, "r", CRM_RNN_GRU, 0, false, t.x, s), CRM_ERR_INTERNAL,
                "one domain of steps");
        T_FAILS(crm_net_pool(t.net, "p", CRM_POOL_MAX, t.x, w), CRM_ERR_INTERNAL,
                "takes steps to windows");
        T_FAILS(crm_net_pool(t.net, "p", CRM_POOL_MAX, s, s), CRM_ERR_INTERNAL, "takes samples");
        T_FAILS(crm_net_attend(t.net, "att", score, t.x, s), CRM_ERR_INTERNAL, "beside each row");
        T_FAILS(crm_net_text_conv(t.net, "e", "t", &text, 9, 3, tokens, s), CRM_ERR_INTERNAL,
                "i32 input of width 1");
        T_FAILS(crm_net_head_of(t.net, "h", CRM_HEAD_HUBER, s, NULL, 0, &head), CRM_ERR_ARG,
                "delta 0");
    }
    end_world(&t);
}

static void refused_passes(void)
{
    world t;

    if (new_world(&t, 1)) {
        crm_pass p;

        wire(&t, 0);
        p = pass_of(&t, 1);
        t.rows[t.steps].n = N * STEPS + 1;
        T_FAILS(crm_net_forward(t.net, &p), CRM_ERR_ARG, "17 steps");
        p = pass_of(&t, 1);
        t.lane_windows[1] = 5;
        T_FAILS(crm_net_forward(t.net, &p), CRM_ERR_ARG, "12 windows, or lanes that end elsewhere");
        p = pass_of(&t, 1);
        p.rows = NULL;
        T_FAILS(crm_net_forward(t.net, &p), CRM_ERR_ARG, "without the rows of 2 domains");
    }
    end_world(&t);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"numeric gradients over three domains", gradients},
                                   {"dropout follows the rows of its domain", masks},
                                   {"lanes add up", check_lanes},
                                   {"what is not finite in a domain", not_finite},
                                   {"layers that do not fit are refused", refused_layers},
                                   {"passes are checked", refused_passes},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
