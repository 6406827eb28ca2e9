/* nn_run.c - passes through a net: forward, losses, backward, and the search for what is not
 * finite. */
#include "nn_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"

static crm_status check_pass(const crm_net *net, const crm_pass *p)
{
    CRM_CHECK(net->finished, CRM_ERR_INTERNAL, "pass through a net that is not finished");
    CRM_CHECK(p->n >= 0 && p->n <= net->max_rows && p->lanes.n <= net->max_lanes &&
                  p->n == p->lanes.n * p->lanes.rows,
              CRM_ERR_ARG, "%lld rows in %lld lanes of %lld; the net holds %lld rows in %lld lanes",
              (long long)p->n, (long long)p->lanes.n, (long long)p->lanes.rows,
              (long long)net->max_rows, (long long)net->max_lanes);
    return CRM_OK;
}

crm_tensor crm_net_tensor(const crm_net *net, crm_value v)
{
    return nn_data(net, v, net->max_rows);
}

crm_status crm_net_forward(crm_net *net, const crm_pass *p)
{
    CRM_TRY(check_pass(net, p));
    for (int i = 0; i < net->n_layers; i++)
        CRM_TRY(net->layer[i].class->forward(net, &net->layer[i], p));
    return CRM_OK;
}

crm_status crm_net_backward(crm_net *net, const crm_pass *p)
{
    CRM_TRY(check_pass(net, p));
    CRM_CHECK(p->grad, CRM_ERR_ARG, "backward pass without memory for gradients");
    for (int i = net->n_layers - 1; i >= 0; i--)
        CRM_TRY(net->layer[i].class->backward(net, &net->layer[i], p));
    return CRM_OK;
}

static crm_status head_loss(crm_net *net, const crm_pass *p, int h, const crm_head_loss *in)
{
    const nn_head *head = &net->head[h];
    crm_loss loss = {.label = in->label, .class_weight = head->device_weight, .scale = in->scale};
    crm_tensor z = nn_data(net, head->logits, p->n), dz = nn_grad(net, head->logits, p->n);
    crm_tensor sum = crm_tensor_1d(net->loss + h * net->max_lanes, CRM_F64, p->lanes.n);
    crm_tensor *grad = p->grad ? &dz : NULL;

    return z.dim[1] == 1 ? crm_op_bce_loss(net->device, &z, &loss, &p->lanes, &sum, grad)
                         : crm_op_ce_loss(net->device, &z, &loss, &p->lanes, &sum, grad);
}

crm_status crm_net_loss(crm_net *net, const crm_pass *p, const crm_head_loss *heads, double *loss)
{
    size_t bytes = (size_t)(net->n_heads * net->max_lanes) * sizeof *loss;

    CRM_TRY(check_pass(net, p));
    for (int h = 0; h < net->n_heads; h++)
        CRM_TRY(head_loss(net, p, h, &heads[h]));
    CRM_TRY(crm_device_sync(net->device));
    CRM_TRY(crm_buf_download(net->device, net->loss, net->host_loss, bytes));
    for (int64_t l = 0; l < p->lanes.n; l++)
        for (int h = 0; h < net->n_heads; h++)
            loss[l * net->n_heads + h] = net->host_loss[h * net->max_lanes + l];
    return CRM_OK;
}

crm_status crm_net_proba(crm_net *net, int head, int64_t n, float *proba)
{
    crm_tensor z = nn_data(net, net->head[head].logits, n);
    crm_tensor out = crm_tensor_2d(proba, CRM_F32, n, z.dim[1]);

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
    crm_tensor dy = nn_grad(s->net, l->out, s->p->n);
    int param[2] = {l->weight, l->bias};

    CRM_TRY(look(s, &dy, s->p->n, dy.dim[1], "gradient at output of", l->name));
    for (int64_t lane = 0; lane < s->p->lanes.n; lane++)
        for (int i = 0; i < 2; i++)
            if (param[i] >= 0)
                CRM_TRY(look_parameter(s, param[i], s->p->grad + lane * s->p->lanes.stride,
                                       "gradient of"));
    return CRM_OK;
}

static crm_status look_inputs(search *s, const nn_layer *l)
{
    for (int k = 0; k < l->n_in; k++) {
        const nn_value *v = &s->net->value[l->in[k]];
        crm_tensor x = nn_data(s->net, l->in[k], s->p->n);

        if (v->input && v->dtype == CRM_F32)
            CRM_TRY(look(s, &x, s->p->n, v->width, "input of", l->name));
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
        crm_tensor y = nn_data(net, net->layer[i].out, p->n);

        CRM_TRY(look_inputs(&s, &net->layer[i]));
        CRM_TRY(look(&s, &y, p->n, y.dim[1], "output of", net->layer[i].name));
    }
    for (int i = net->n_layers - 1; i >= 0 && p->grad; i--)
        CRM_TRY(look_gradients(&s, &net->layer[i]));
    return CRM_OK;
}
