/* gradients_testing.h - a net in a world of its own, its gradients beside numeric ones and lane by
 * lane.  Included behind N, STRIDE, HEADS and world, with device, params, net, w, grad, loss, heads
 * and row_id; the test has new_world, wire and pass_of. */
#ifndef GRADIENTS_TESTING_H
#define GRADIENTS_TESTING_H

#include <math.h>

static bool new_world(world *t, int64_t lanes);
static void wire(world *t, double rate);
static crm_pass pass_of(world *t, int64_t lanes);

static bool open_world(world *t, int64_t lanes)
{
    T_OK(crm_device_cpu(CRM_CPU_BEST, &t->device));
    T_OK(crm_params_new(&t->params));
    if (!t->device || !t->params) return false;
    T_OK(crm_net_new(t->device, t->params, N, lanes, &t->net));
    return t->net != NULL;
}

static void end_world(world *t)
{
    crm_net_free(&t->net);
    if (t->params) crm_params_free(&t->params);
    crm_device_free(&t->device);
}

/* First weights of a net that is wired. */
static void begin_weights(world *t)
{
    crm_params_seal(t->params);
    T_OK(crm_net_finish(t->net));
    T_CHECK(crm_params_size(t->params) <= STRIDE && crm_net_bytes(t->net) > 0);
    crm_params_init(t->params, 3, t->w);
}

static crm_pass pass_in(world *t, int64_t lanes, const crm_rows *rows)
{
    return (crm_pass){.n = N,
                      .w = t->w,
                      .lanes = {.n = lanes, .rows = N / lanes, .stride = STRIDE},
                      .training = true,
                      .seed = 1,
                      .epoch = 2,
                      .row_id = t->row_id,
                      .rows = rows};
}

static double run_loss(world *t, crm_pass *p)
{
    double sum = 0;

    T_OK(crm_net_forward(t->net, p));
    T_OK(crm_net_loss(t->net, p, t->heads, t->loss));
    for (int64_t i = 0; i < p->lanes.n * HEADS; i++)
        sum += t->loss[i];
    return sum;
}

static void run_backward(world *t, crm_pass *p)
{
    memset(t->grad, 0, sizeof t->grad);
    p->grad = t->grad;
    run_loss(t, p);
    T_OK(crm_net_backward(t->net, p));
    p->grad = NULL;
}

/* (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, wide since activations are f32; error near 1e-5. */
static double difference(world *t, crm_pass *p, int64_t i)
{
    const float h = 1.0f / 32, keep = t->w[i];
    double f[4];

    for (int k = 0; k < 4; k++) {
        t->w[i] = keep + (float)(k < 2 ? k - 2 : k - 1) * h;
        f[k] = run_loss(t, p);
    }
    t->w[i] = keep;
    return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * (double)h);
}

/* With and without dropout; the absolute gradients add up to more than least, so that there are
 * some. */
static void check_gradients(double least)
{
    for (int with_dropout = 0; with_dropout < 2; with_dropout++) {
        world t;

        if (new_world(&t, 1)) {
            crm_pass p;
            double sum = 0;

            wire(&t, with_dropout ? 0.4 : 0);
            p = pass_of(&t, 1);
            run_backward(&t, &p);
            for (int k = 0; k < crm_params_count(t.params); k++) {
                const crm_param *q = crm_params_get(t.params, k);

                for (int64_t i = q->offset; i < q->offset + q->n; i++) {
                    T_NEAR((double)t.grad[i], difference(&t, &p, i), 1e-4);
                    sum += fabs((double)t.grad[i]);
                }
            }
            T_CHECK(sum > least);
        }
        end_world(&t);
    }
}

/* Two lanes in one call against one lane of all rows: the sums agree, the losses too. */
static void check_lanes(void)
{
    world one, two;

    if (new_world(&one, 1) && new_world(&two, 2)) {
        crm_pass p, q;

        wire(&one, 0.4);
        wire(&two, 0.4);
        p = pass_of(&one, 1);
        q = pass_of(&two, 2);
        run_backward(&one, &p);
        run_backward(&two, &q);
        for (int i = 0; i < STRIDE; i++)
            T_NEAR((double)two.grad[i] + (double)two.grad[STRIDE + i], (double)one.grad[i], 1e-6);
        for (int h = 0; h < HEADS; h++) {
            T_NEAR(two.loss[h] + two.loss[HEADS + h], one.loss[h], 1e-7);
            T_CHECK(two.loss[h] > 0 && two.loss[HEADS + h] > 0);
        }
    }
    end_world(&one);
    end_world(&two);
}

#endif
