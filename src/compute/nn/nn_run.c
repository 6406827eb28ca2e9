/* nn_run.c - passes through a net: forward, losses, backward, and the search for what is not
 * finite. */
#include "nn_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"

static crm_status check_rows(const crm_net *net, const crm_pass *p, crm_domain domain)
{
    const crm_rows *r = &p->rows[domain];

    CRM_CHECK(r->n >= 0 && r->n <= net->domain[domain].max_rows && r->first &&
                  r->first[p->lanes.n] == r->n,
              CRM_ERR_ARG, "%lld %s, or lanes that end elsewhere; the net holds %lld",
              (long long)r->n, net->domain[domain].name, (long long)net->domain[domain].max_rows);
    return CRM_OK;
}

static crm_status check_pass(const crm_net *net, const crm_pass *p)
{
    int64_t max_rows = net->domain[CRM_SAMPLES].max_rows;

    CRM_CHECK(net->finished, CRM_ERR_INTERNAL, "pass through a net that is not finished");
    CRM_CHECK(p->n >= 0 && p->n <= max_rows && p->lanes.n <= net->max_lanes &&
                  p->n == p->lanes.n * p->lanes.rows,
              CRM_ERR_ARG, "%lld rows in %lld lanes of %lld; the net holds %lld rows in %lld lanes",
              (long long)p->n, (long long)p->lanes.n, (long long)p->lanes.rows, (long long)max_rows,
              (long long)net->max_lanes);
    CRM_CHECK(p->rows || net->n_domains == 1, CRM_ERR_ARG, "pass without the rows of %d domains",
              net->n_domains - 1);
    for (crm_domain k = 1; k < net->n_domains; k++)
        CRM_TRY(check_rows(net, p, k));
    return CRM_OK;
}

crm_tensor crm_net_tensor(const crm_net *net, crm_value v)
{
    return nn_matrix(net, v, net->domain[net->value[v].domain].max_rows);
}

/* "conv mconv1, backward" */
static void push_range(const crm_net *net, const nn_layer *l, const char *pass)
{
    char name[sizeof l->name + 64];

    snprintf(name, sizeof name, "%s %s%s", l->class->name, l->name, pass);
    crm_range_push(net->device, name);
}

/* A layer's part of a pass, as a range of its own for those who look. */
static crm_status run_layer(crm_net *net, const nn_layer *l, const crm_pass *p, bool backward,
                            bool watched)
{
    crm_status st;

    if (watched) push_range(net, l, backward ? ", backward" : "");
    st = (backward ? l->class->backward : l->class->forward)(net, l, p);
    if (watched) crm_range_pop(net->device);
    return st;
}

crm_status crm_net_forward(crm_net *net, const crm_pass *p)
{
    bool watched = crm_range_watched(net->device);

    CRM_TRY(check_pass(net, p));
    for (int i = 0; i < net->n_layers; i++)
        CRM_TRY(run_layer(net, &net->layer[i], p, false, watched));
    return CRM_OK;
}

/* First element of the flat vector that layers below i still write: parameters have their places in
 * the order in which gradients become ready, tables last. */
static int64_t final_upto(const crm_net *net, int i)
{
    int64_t upto = crm_params_size(net->params);

    for (int k = 0; k < i; k++)
        for (int j = 0; j < net->layer[k].n_params; j++) {
            int64_t at = crm_params_get(net->params, net->layer[k].param[j])->offset;

            if (at < upto) upto = at;
        }
    return upto;
}

crm_status crm_net_backward(crm_net *net, const crm_pass *p)
{
    bool watched = crm_range_watched(net->device);

    CRM_TRY(check_pass(net, p));
    CRM_CHECK(p->grad, CRM_ERR_ARG, "backward pass without memory for gradients");
    for (int i = net->n_layers - 1; i >= 0; i--) {
        CRM_TRY(run_layer(net, &net->layer[i], p, true, watched));
        if (p->ready && (net->layer[i].n_params > 0 || i == 0))
            CRM_TRY(p->ready(p->ready_ctx, final_upto(net, i)));
    }
    return CRM_OK;
}

static crm_status head_loss(crm_net *net, const crm_pass *p, int h, const crm_head_loss *in)
{
    const nn_head *head = &net->head[h];
    crm_loss loss = {.label = in->label,
                     .value = in->value,
                     .delta = head->delta,
                     .class_weight = head->device_weight,
                     .smooth = in->smooth,
                     .scale = in->scale,
                     .scale_at = in->scale_at};
    crm_tensor z = nn_data(net, p, head->z), dz = nn_grad(net, p, head->z);
    crm_tensor sum = crm_tensor_1d(net->loss + h * net->max_lanes, CRM_F64, p->lanes.n);
    crm_tensor *grad = p->grad ? &dz : NULL;
    crm_lanes lanes = nn_lanes(p, net->value[head->z].domain);

    if (head->kind == CRM_HEAD_HUBER)
        return crm_op_huber_loss(net->device, &z, &loss, &lanes, &sum, grad);
    if (head->kind == CRM_HEAD_POISSON)
        return crm_op_poisson_loss(net->device, &z, &loss, &lanes, &sum, grad);
    return z.dim[1] == 1 ? crm_op_bce_loss(net->device, &z, &loss, &lanes, &sum, grad)
                         : crm_op_ce_loss(net->device, &z, &loss, &lanes, &sum, grad);
}

crm_status crm_net_loss(crm_net *net, const crm_pass *p, const crm_head_loss *heads, double *loss)
{
    size_t bytes = (size_t)(net->n_heads * net->max_lanes) * sizeof *loss;

    CRM_TRY(check_pass(net, p));
    for (int h = 0; h < net->n_heads; h++)
        CRM_TRY(head_loss(net, p, h, &heads[h]));
    if (!loss) return CRM_OK;
    CRM_TRY(crm_device_sync(net->device));
    CRM_TRY(crm_buf_download(net->device, net->loss, net->host_loss, bytes));
    for (int64_t l = 0; l < p->lanes.n; l++)
        for (int h = 0; h < net->n_heads; h++)
            loss[l * net->n_heads + h] = net->host_loss[h * net->max_lanes + l];
    return CRM_OK;
}

crm_tensor crm_net_losses(const crm_net *net)
{
    return crm_tensor_1d(net->loss, CRM_F64, net->n_heads * net->max_lanes);
}

/* exp(z) is the gradient of the Poisson loss where the value is 0. */
static crm_status rates(crm_net *net, const crm_tensor *z, crm_tensor *out)
{
    crm_loss loss = {.value = net->zeros, .scale = 1};
    crm_lanes lanes = {.n = 1, .rows = z->dim[0]};
    crm_tensor sum = crm_tensor_1d(net->loss, CRM_F64, 1);

    return crm_op_poisson_loss(net->device, z, &loss, &lanes, &sum, out);
}

crm_value crm_net_head_value(const crm_net *net, int head)
{
    return net->head[head].z;
}

crm_status crm_net_proba(crm_net *net, int head, int64_t n, float *proba)
{
    const nn_head *h = &net->head[head];
    crm_tensor z = nn_matrix(net, h->z, n);
    crm_tensor out = crm_tensor_2d(proba, CRM_F32, n, z.dim[1]);

    if (h->kind == CRM_HEAD_HUBER) return crm_op_copy(net->device, &z, &out);
    if (h->kind == CRM_HEAD_POISSON) return rates(net, &z, &out);
    return z.dim[1] == 1 ? crm_op_sigmoid(net->device, &z, &out)
                         : crm_op_softmax(net->device, &z, &out);
}

/* ---- what is not finite ---- */
typedef struct search {
    crm_net *net;
    const crm_pass *p;
    char *name;
    size_t cap;
    bool found;
} search;

/* Rows of ld elements, of which width are looked at. */
static crm_status look(search *s, const crm_tensor *t, int64_t rows, int64_t width,
                       const char *what, const char *name)
{
    size_t n = (size_t)(rows ? (rows - 1) * t->ld + width : 0);
    float *host;
    crm_status st = CRM_OK;

    if (s->found) return CRM_OK;
    CRM_NEW(host, n);
    CRM_TRY_TO(st, done, crm_buf_download(s->net->device, t->data, host, n * sizeof *host));
    for (int64_t i = 0; i < rows * width && !s->found; i++)
        s->found = !isfinite(host[i / width * t->ld + i % width]);
    if (s->found) snprintf(s->name, s->cap, "%s %s", what, name);
done:
    crm_mem_free(host);
    return st;
}

static crm_status look_parameter(search *s, int i, const float *flat, const char *what)
{
    const crm_param *p = crm_params_get(s->net->params, i);
    crm_tensor t = crm_tensor_2d((void *)(uintptr_t)(flat + p->offset), CRM_F32, 1, p->n);

    return look(s, &t, 1, p->n, what, p->name);
}

static crm_status look_gradients(search *s, const nn_layer *l)
{
    crm_tensor dy = nn_grad(s->net, s->p, l->out);

    CRM_TRY(look(s, &dy, dy.dim[0], dy.dim[1], "gradient at output of", l->name));
    for (int64_t lane = 0; lane < s->p->lanes.n; lane++)
        for (int i = 0; i < l->n_params; i++)
            CRM_TRY(look_parameter(s, l->param[i], s->p->grad + lane * s->p->lanes.stride,
                                   "gradient of"));
    return CRM_OK;
}

static crm_status look_inputs(search *s, const nn_layer *l)
{
    for (int k = 0; k < l->n_in; k++) {
        const nn_value *v = &s->net->value[l->in[k]];
        crm_tensor x = nn_data(s->net, s->p, l->in[k]);

        if (v->input && v->dtype == CRM_F32)
            CRM_TRY(look(s, &x, x.dim[0], v->width, "input of", l->name));
    }
    return CRM_OK;
}

crm_status crm_net_find_nonfinite(crm_net *net, const crm_pass *p, char *name, size_t cap)
{
    search s = {.net = net, .p = p, .name = name, .cap = cap};

    CRM_TRY(check_pass(net, p));
    name[0] = '\0';
    CRM_TRY(crm_device_sync(net->device));
    for (int i = 0; i < crm_params_count(net->params); i++)
        CRM_TRY(look_parameter(&s, i, p->w, "parameter"));
    for (int i = 0; i < net->n_layers; i++) {
        crm_tensor y = nn_data(net, p, net->layer[i].out);

        CRM_TRY(look_inputs(&s, &net->layer[i]));
        CRM_TRY(look(&s, &y, y.dim[0], y.dim[1], "output of", net->layer[i].name));
    }
    for (int i = net->n_layers - 1; i >= 0 && p->grad; i--)
        CRM_TRY(look_gradients(&s, &net->layer[i]));
    return CRM_OK;
}
