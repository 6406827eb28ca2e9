/* test_net.c - a net in which values are read by several layers: numeric gradients with dropout,
 * bits by lanes, and the graphs that are refused. */
#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/base_run.h"
#include "crmpi/nn.h"

enum { N = 6, STRIDE = 1024, HEADS = 3 };

typedef struct world {
    crm_device *device;
    crm_params *params;
    crm_net *net;
    crm_value num, cat;
    float num_data[N * 3], w[STRIDE], grad[2 * STRIDE];
    int32_t cat_data[N * 2], label[HEADS][N];
    int64_t row_id[N];
    crm_head_loss heads[HEADS];
    double loss[2 * HEADS];
} world;

#include "gradients_testing.h"

static void fill_data(world *t)
{
    for (int i = 0; i < N * 3; i++)
        t->num_data[i] = (float)(i * 5 % 9 - 4) / 3;
    for (int i = 0; i < N * 2; i++)
        t->cat_data[i] = i * 3 % 5 - 1;
    for (int i = 0; i < N; i++) {
        t->row_id[i] = 7 * i;
        t->label[0][i] = i % 3;
        t->label[1][i] = i == 1 ? -1 : i % 2;
        t->label[2][i] = i / 2;
    }
    for (int h = 0; h < 3; h++)
        t->heads[h] = (crm_head_loss){.label = t->label[h], .scale = 0.2};
}

static bool new_world(world *t, int64_t lanes)
{
    memset(t, 0, sizeof *t);
    fill_data(t);
    if (!open_world(t, lanes)) return false;
    T_OK(crm_net_input(t->net, CRM_F32, 3, &t->num));
    T_OK(crm_net_input(t->net, CRM_I32, 2, &t->cat));
    crm_net_bind(t->net, t->num, t->num_data);
    crm_net_bind(t->net, t->cat, t->cat_data);
    return true;
}

static crm_value value(world *t, int64_t width)
{
    crm_value v = 0;

    T_OK(crm_net_value(t->net, width, &v));
    return v;
}

static crm_value columns(world *t, crm_value of, int64_t first, int64_t width)
{
    crm_value v = 0;

    T_OK(crm_net_columns(t->net, of, first, width, &v));
    return v;
}

/* x = [num | table a | table b]  (7)       read by l1 and l3
 * h = l1(x)  (5), d = dropout(h)           h read by dropout and add
 * fused = [add(l2(d), h) | l3(x)]  (5 + 4) read whole by two heads, its last columns by head 0 */
static void wire(world *t, double rate)
{
    crm_value x = value(t, 7), h = value(t, 5), d = value(t, 5), r = value(t, 5);
    crm_value fused = value(t, 9), s = columns(t, fused, 0, 5), u = columns(t, fused, 5, 4);
    crm_value logits[3] = {value(t, 4), value(t, 1), value(t, 3)};
    const char *names[3] = {"head.a", "head.b", "head.c"};
    int number;

    T_OK(crm_net_copy(t->net, "num", t->num, columns(t, x, 0, 3)));
    T_OK(crm_net_embedding(t->net, "a", columns(t, t->cat, 0, 1), 3, columns(t, x, 3, 2)));
    T_OK(crm_net_embedding(t->net, "b", columns(t, t->cat, 1, 1), 4, columns(t, x, 5, 2)));
    T_OK(crm_net_linear(t->net, "l1", x, CRM_ACT_TANH, h));
    T_OK(crm_net_dropout(t->net, "drop", h, rate, d));
    T_OK(crm_net_linear(t->net, "l2", d, CRM_ACT_SILU, r));
    T_OK(crm_net_add(t->net, "sum", r, h, s));
    T_OK(crm_net_linear(t->net, "l3", x, CRM_ACT_GELU, u));
    for (int i = 0; i < 3; i++) {
        T_OK(crm_net_linear(t->net, names[i], i == 0 ? u : fused, CRM_ACT_NONE, logits[i]));
        T_OK(crm_net_head(t->net, names[i], logits[i], NULL, &number));
        T_EQ_I(number, i);
    }
    begin_weights(t);
}

static crm_pass pass_of(world *t, int64_t lanes)
{
    return pass_in(t, lanes, NULL);
}

static void gradients(void)
{
    check_gradients(1);
}

/* ---- graphs that are refused ---- */
static void refused_layers(void)
{
    world t;

    if (new_world(&t, 1)) {
        crm_value a = value(&t, 4), b = value(&t, 4), wide = value(&t, 5);

        T_FAILS(crm_net_linear(t.net, "early", a, CRM_ACT_NONE, b), CRM_ERR_INTERNAL,
                "reads columns that no layer writes");
        T_OK(crm_net_linear(t.net, "first", t.num, CRM_ACT_NONE, a));
        T_FAILS(crm_net_linear(t.net, "again", t.num, CRM_ACT_NONE, columns(&t, a, 1, 2)),
                CRM_ERR_INTERNAL, "written before");
        T_FAILS(crm_net_copy(t.net, "into", a, t.num), CRM_ERR_INTERNAL, "width 3");
        T_FAILS(crm_net_add(t.net, "uneven", a, a, wide), CRM_ERR_INTERNAL, "width 5");
        T_FAILS(crm_net_dropout(t.net, "all", a, 1, b), CRM_ERR_ARG, "rate 1");
        T_FAILS(crm_net_embedding(t.net, "table", t.cat, 3, b), CRM_ERR_INTERNAL, "one column");
        T_FAILS(crm_net_finish(t.net), CRM_ERR_INTERNAL,
                "nobody reads the output of layer 'first'");
    }
    end_world(&t);
}

/* A later layer reads a part of what an earlier one reads: the gradient would be half written. */
static void refused_parts(void)
{
    world t;
    int head;

    if (new_world(&t, 1)) {
        crm_value a = value(&t, 4), b = value(&t, 1), c = value(&t, 1);

        T_OK(crm_net_linear(t.net, "first", t.num, CRM_ACT_NONE, a));
        T_OK(crm_net_linear(t.net, "whole", a, CRM_ACT_NONE, b));
        T_OK(crm_net_linear(t.net, "part", columns(&t, a, 0, 2), CRM_ACT_NONE, c));
        T_OK(crm_net_head(t.net, "b", b, NULL, &head));
        T_OK(crm_net_head(t.net, "c", c, NULL, &head));
        T_FAILS(crm_net_finish(t.net), CRM_ERR_INTERNAL, "2 of its 4 columns");
    }
    end_world(&t);
}

/* x + x: both gradients arrive. */
static void twice_the_same(void)
{
    world t;
    int head;

    if (new_world(&t, 1)) {
        crm_value a = value(&t, 1), b = value(&t, 1);
        crm_pass p = pass_of(&t, 1);

        T_OK(crm_net_linear(t.net, "l", t.num, CRM_ACT_NONE, a));
        T_OK(crm_net_add(t.net, "twice", a, a, b));
        T_OK(crm_net_head(t.net, "h", b, NULL, &head));
        crm_params_seal(t.params);
        T_OK(crm_net_finish(t.net));
        t.heads[0].label = t.label[1];
        run_backward(&t, &p);
        /* all weights 0: logits 0, so d loss / d logit = 0.2 (1/2 - y); five labels, two of them 0,
         * three of them 1 or the other way round: 0.2 * (1/2) * (n0 - n1) * 2 */
        T_NEAR((double)t.grad[crm_params_get(t.params, 1)->offset], 0.2 * (3 - 2), 1e-7);
    }
    end_world(&t);
}

static void passes_checked(void)
{
    world t;

    if (new_world(&t, 1)) {
        crm_pass p = pass_of(&t, 1);

        T_FAILS(crm_net_forward(t.net, &p), CRM_ERR_INTERNAL, "not finished");
        wire(&t, 0.5);
        T_FAILS(crm_net_backward(t.net, &p), CRM_ERR_ARG, "without memory");
        p.n = N + 1;
        T_FAILS(crm_net_forward(t.net, &p), CRM_ERR_ARG, "7 rows");
        p.n = p.lanes.rows = 0;
        T_OK(crm_net_forward(t.net, &p));
    }
    end_world(&t);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"numeric gradients where values have several readers", gradients},
        {"lanes add up", check_lanes},
        {"layers that do not fit are refused", refused_layers},
        {"gradients written by halves are refused", refused_parts},
        {"one value as both inputs", twice_the_same},
        {"passes are checked", passes_checked},
        {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
