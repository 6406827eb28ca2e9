/* gradients_testing.h - gradients of a net beside numeric ones.  Included behind what differs:
 * world with net, params, w, grad, loss, heads; new_world, wire, pass_of, end_world; HEADS. */
#ifndef GRADIENTS_TESTING_H
#define GRADIENTS_TESTING_H

#include <math.h>

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
#endif
