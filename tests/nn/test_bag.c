/* test_bag.c - a weighted bag beside a dense layer: numeric gradients, lanes, the place and the
 * first values of its weights, what is not finite, layers that are refused. */
#include "crm_test.h"

#include <math.h>

#include "crmpi/base_run.h"
#include "crmpi/nn.h"

enum { N = 4, D = 2, COLUMNS = 40, ENTRIES = 11, STRIDE = 256, HEADS = 1 };
static const double FACTOR = 1.75;

typedef struct world {
    crm_device *device;
    crm_params *params;
    crm_net *net;
    crm_domain entries;
    crm_value x, id, value;
    float data[N * D], values[ENTRIES], w[STRIDE], grad[2 * STRIDE];
    int32_t ids[ENTRIES], label[N];
    int64_t first[N + 1], lane_entries[3], row_id[N];
    crm_rows rows[2];
    crm_head_loss heads[HEADS];
    double loss[2 * HEADS];
} world;

#include "gradients_testing.h"

/* Row 2 has no entries; column 7 occurs in several rows, and twice in one. */
static void fill_data(world *t)
{
    static const int64_t first[] = {0, 4, 7, 7, 11};
    static const int32_t ids[] = {7, 0, 39, 7, 3, 7, 0, 20, 7, 21, 39};

    memcpy(t->first, first, sizeof first);
    memcpy(t->ids, ids, sizeof ids);
    for (int i = 0; i < N * D; i++)
        t->data[i] = (float)(i * 7 % 13 - 6) / 6;
    for (int i = 0; i < ENTRIES; i++)
        t->values[i] = (float)(i * 5 % 11 - 4) / 5;
    for (int i = 0; i < N; i++) {
        t->row_id[i] = 3 * i;
        t->label[i] = i % 3;
    }
    t->heads[0] = (crm_head_loss){.label = t->label, .scale = 0.3};
}

static bool new_world(world *t, int64_t lanes)
{
    memset(t, 0, sizeof *t);
    fill_data(t);
    if (!open_world(t, lanes)) return false;
    T_OK(crm_net_domain(t->net, "entries", CRM_SAMPLES, ENTRIES, &t->entries));
    T_OK(crm_net_input(t->net, CRM_F32, D, &t->x));
    T_OK(crm_net_input_in(t->net, t->entries, CRM_I32, 1, &t->id));
    T_OK(crm_net_input_in(t->net, t->entries, CRM_F32, 1, &t->value));
    crm_net_bind(t->net, t->x, t->data);
    crm_net_bind(t->net, t->id, t->ids);
    crm_net_bind(t->net, t->value, t->values);
    return true;
}

static crm_value value_of(world *t, int64_t width)
{
    crm_value v = 0;

    T_OK(crm_net_value(t->net, width, &v));
    return v;
}

static const crm_param *weight(const world *t)
{
    return crm_params_get(t->params, crm_params_find(t->params, "wide.weight"));
}

/* Weights that begin at 0 are given others. */
static void wire(world *t, double rate)
{
    crm_value h = value_of(t, D), deep = value_of(t, 3), wide = value_of(t, 3), z = value_of(t, 3);
    const crm_param *p;
    int head;

    T_OK(crm_net_dropout(t->net, "drop", t->x, rate, h));
    T_OK(crm_net_bag(t->net, "wide", t->id, t->value, COLUMNS, FACTOR, wide));
    T_OK(crm_net_linear(t->net, "deep", h, CRM_ACT_NONE, deep));
    T_OK(crm_net_add(t->net, "sum", deep, wide, z));
    T_OK(crm_net_head(t->net, "z", z, NULL, &head));
    begin_weights(t);
    p = weight(t);
    for (int64_t i = 0; i < p->n; i++) {
        T_CHECK(t->w[p->offset + i] == 0);
        t->w[p->offset + i] = (float)(i * 11 % 17 - 8) / 8;
    }
}

static crm_pass pass_of(world *t, int64_t lanes)
{
    for (int64_t l = 0; l <= lanes; l++)
        t->lane_entries[l] = t->first[l * N / lanes];
    t->rows[t->entries] =
        (crm_rows){.n = ENTRIES, .first = t->lane_entries, .parts = {.n = N, .first = t->first}};
    return pass_in(t, lanes, t->rows);
}

static void gradients(void)
{
    check_gradients(0.5);
}

/* A table: behind all others, [columns][width], zero, not decayed. */
static void place(void)
{
    world t;

    if (new_world(&t, 1)) {
        const crm_param *p;
        uint8_t mask[STRIDE];

        wire(&t, 0);
        p = weight(&t);
        crm_params_decay_mask(t.params, mask);
        T_CHECK(p->table && !p->decay && !p->zero_first && p->dim[0] == COLUMNS && p->dim[1] == 3);
        T_CHECK(p->offset + p->n <= crm_params_size(t.params) &&
                p->offset + p->n + CRM_PARAM_ALIGN > crm_params_size(t.params));
        T_EQ_I(mask[p->offset], 0);
    }
    end_world(&t);
}

/* What the layer gives for row 0, by hand: FACTOR times -0.8 w[7] + 0.2 w[0] + 1.2 w[39] + 0 w[7].
 */
static void forward(void)
{
    world t;

    if (new_world(&t, 1)) {
        const crm_param *p;
        crm_pass q;

        wire(&t, 0);
        p = weight(&t);
        memset(t.w, 0, (size_t)p->offset * sizeof *t.w); /* the dense layer gives 0 */
        q = pass_of(&t, 1);
        T_OK(crm_net_forward(t.net, &q));
        for (int k = 0; k < 3; k++) {
            const float *w = t.w + p->offset + k;
            crm_tensor z = crm_net_tensor(t.net, crm_net_head_value(t.net, 0));
            double want = -0.8 * (double)w[21] + 0.2 * (double)w[0] + 1.2 * (double)w[117];

            T_NEAR((double)((float *)z.data)[k], FACTOR * want, 1e-6);
            T_CHECK(((float *)z.data)[2 * 3 + k] == 0);
        }
    }
    end_world(&t);
}

static void expect_name(world *t, const char *name)
{
    char found[64];
    crm_pass p = pass_of(t, 1);

    memset(t->grad, 0, sizeof t->grad);
    run_backward(t, &p);
    p.grad = t->grad;
    T_OK(crm_net_find_nonfinite(t->net, &p, found, sizeof found));
    if (strcmp(found, name) != 0) fprintf(stderr, "#   '%s', expected '%s'\n", found, name);
    T_CHECK(strcmp(found, name) == 0);
}

static void not_finite(void)
{
    world t;

    if (new_world(&t, 1)) {
        const crm_param *p;

        wire(&t, 0);
        p = weight(&t);
        expect_name(&t, "");
        t.values[ENTRIES - 1] = NAN; /* in the last entry, beyond the rows of samples */
        expect_name(&t, "input of wide");
        t.values[ENTRIES - 1] = 2;
        t.w[p->offset + 39 * 3] = 3e38f;
        expect_name(&t, "output of wide");
        t.w[p->offset + 39 * 3] = INFINITY;
        expect_name(&t, "parameter wide.weight");
    }
    end_world(&t);
}

static void refused(void)
{
    world t;

    if (new_world(&t, 1)) {
        crm_value y = value_of(&t, 3), two, in_entries;

        T_OK(crm_net_input_in(t.net, t.entries, CRM_I32, 2, &two));
        T_OK(crm_net_value_in(t.net, t.entries, 3, &in_entries));
        T_FAILS(crm_net_bag(t.net, "b", t.value, t.value, 9, 1, y), CRM_ERR_INTERNAL, "i32 ids");
        T_FAILS(crm_net_bag(t.net, "b", two, t.value, 9, 1, y), CRM_ERR_INTERNAL, "of width 1");
        T_FAILS(crm_net_bag(t.net, "b", t.id, t.x, 9, 1, y), CRM_ERR_INTERNAL, "f32 values");
        T_FAILS(crm_net_bag(t.net, "b", t.id, t.value, 0, 1, y), CRM_ERR_INTERNAL, "0 columns");
        T_FAILS(crm_net_bag(t.net, "b", t.id, t.value, 9, 1, in_entries), CRM_ERR_INTERNAL,
                "takes entries to entries");
    }
    end_world(&t);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"numeric gradients", gradients},
                                   {"a table of zeros behind all others", place},
                                   {"sums by hand", forward},
                                   {"lanes add up", check_lanes},
                                   {"what is not finite", not_finite},
                                   {"layers that do not fit are refused", refused},
                                   {NULL, NULL}};

    crm_fp_setup();
    return t_main(argc, argv, cases);
}
