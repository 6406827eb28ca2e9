/* nn_layers.c - the layer classes: linear, embedding, dropout, add, copy. */
#include "nn_impl.h"

#include <math.h>
#include <string.h>

/* ---- tensors of a pass ---- */
static crm_tensor matrix(const nn_value *v, void *root, int64_t n, int64_t ld)
{
    crm_tensor t = crm_tensor_2d(root, v->dtype, n, ld);

    return v->width == ld ? t : crm_tensor_columns(&t, v->first, v->width);
}

crm_tensor nn_data(const crm_net *net, crm_value v, int64_t n)
{
    const nn_value *root = &net->value[net->value[v].root];

    return matrix(&net->value[v], root->data, n, root->width);
}

crm_tensor nn_grad(const crm_net *net, crm_value v, int64_t n)
{
    const nn_value *root = &net->value[net->value[v].root];

    return matrix(&net->value[v], root->grad, n, root->width);
}

crm_tensor nn_scratch(const crm_net *net, int64_t n, int64_t width)
{
    return crm_tensor_2d(net->scratch, CRM_F32, n, width);
}

crm_tensor nn_weight(const crm_net *net, int param, const float *flat)
{
    const crm_param *p = crm_params_get(net->params, param);
    void *data = (void *)(uintptr_t)(flat + p->offset); /* kernels only read weights */

    return p->rank == 1 ? crm_tensor_1d(data, CRM_F32, p->dim[0])
                        : crm_tensor_2d(data, CRM_F32, p->dim[0], p->n / p->dim[0]);
}

/* Where a layer writes the gradient of input k, and the end of writing it. */
static crm_tensor grad_in(const crm_net *net, const nn_layer *l, int k, int64_t n)
{
    return l->add[k] ? nn_scratch(net, n, net->value[l->in[k]].width) : nn_grad(net, l->in[k], n);
}

static crm_status grad_in_done(const crm_net *net, const nn_layer *l, int k, const crm_tensor *dx)
{
    crm_tensor sum;

    if (!l->add[k]) return CRM_OK;
    sum = nn_grad(net, l->in[k], dx->dim[0]);
    return crm_op_add(net->device, dx, &sum);
}

static bool has_grad(const crm_net *net, const nn_layer *l, int k)
{
    return !net->value[l->in[k]].input;
}

/* The gradient of the output goes on to input k as it is. */
static crm_status pass_on(crm_net *net, const nn_layer *l, int k, int64_t n)
{
    crm_tensor dy = nn_grad(net, l->out, n), dx;

    if (!has_grad(net, l, k)) return CRM_OK;
    dx = nn_grad(net, l->in[k], n);
    return l->add[k] ? crm_op_add(net->device, &dy, &dx) : crm_op_copy(net->device, &dy, &dx);
}

/* ---- linear ---- */
static crm_status linear_into(crm_net *net, const nn_layer *l, const crm_pass *p, crm_act act,
                              crm_tensor *y)
{
    crm_tensor x = nn_data(net, l->in[0], p->n);
    crm_tensor w = nn_weight(net, l->weight, p->w), b = nn_weight(net, l->bias, p->w);

    return crm_op_linear(net->device, &x, &w, &b, act, y);
}

static crm_status linear_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor y = nn_data(net, l->out, p->n);

    return linear_into(net, l, p, l->act, &y);
}

/* SILU and GELU need their input, which forward does not keep: it is computed once more. */
static crm_status linear_act_backward(crm_net *net, const nn_layer *l, const crm_pass *p,
                                      crm_tensor *dy)
{
    crm_tensor y = nn_data(net, l->out, p->n), x;

    if (l->act == CRM_ACT_NONE) return CRM_OK;
    if (l->act != CRM_ACT_SILU && l->act != CRM_ACT_GELU)
        return crm_op_act_bwd(net->device, l->act, NULL, &y, dy);
    x = nn_scratch(net, p->n, net->value[l->out].width);
    CRM_TRY(linear_into(net, l, p, CRM_ACT_NONE, &x));
    return crm_op_act_bwd(net->device, l->act, &x, NULL, dy);
}

static crm_status linear_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, l->in[0], p->n), dy = nn_grad(net, l->out, p->n);
    crm_tensor w = nn_weight(net, l->weight, p->w), dx;
    crm_tensor dw = nn_weight(net, l->weight, p->grad), db = nn_weight(net, l->bias, p->grad);

    CRM_TRY(linear_act_backward(net, l, p, &dy));
    CRM_TRY(crm_op_linear_bwd_w(net->device, &x, &dy, &p->lanes, &dw, &db));
    if (!has_grad(net, l, 0)) return CRM_OK;
    dx = grad_in(net, l, 0, p->n);
    CRM_TRY(crm_op_linear_bwd_x(net->device, &dy, &w, &dx));
    return grad_in_done(net, l, 0, &dx);
}

crm_status crm_net_linear(crm_net *net, const char *name, crm_value x, crm_act act, crm_value y)
{
    static const nn_class class = {"linear", linear_forward, linear_backward};
    int64_t i = net->value[x].width, o = net->value[y].width;
    double bound = 1 / sqrt((double)i);
    crm_param w = {
        .rank = 2, .dim = {o, i}, .init = CRM_INIT_UNIFORM, .scale = bound, .decay = true};
    crm_param b = {.rank = 1, .dim = {o}, .init = CRM_INIT_UNIFORM, .scale = bound};
    nn_layer l = {.class = &class, .n_in = 1, .in = {x}, .out = y, .act = act};

    CRM_TRY(nn_name(l.name, name, ""));
    CRM_TRY(nn_name(w.name, name, ".weight"));
    CRM_TRY(nn_name(b.name, name, ".bias"));
    CRM_TRY(crm_params_add(net->params, &w, &l.weight));
    CRM_TRY(crm_params_add(net->params, &b, &l.bias));
    return nn_add_layer(net, &l);
}

/* ---- embedding ---- */
static crm_status embedding_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor code = nn_data(net, l->in[0], p->n), y = nn_data(net, l->out, p->n);
    crm_tensor table = nn_weight(net, l->weight, p->w);

    return crm_op_embed(net->device, &code, &table, &y);
}

static crm_status embedding_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor code = nn_data(net, l->in[0], p->n), dy = nn_grad(net, l->out, p->n);
    crm_tensor table = nn_weight(net, l->weight, p->grad);

    return crm_op_embed_bwd(net->device, &code, &dy, &p->lanes, &table);
}

crm_status crm_net_embedding(crm_net *net, const char *name, crm_value code, int64_t levels,
                             crm_value y)
{
    static const nn_class class = {"embedding", embedding_forward, embedding_backward};
    crm_param w = {.rank = 2,
                   .dim = {levels, net->value[y].width},
                   .init = CRM_INIT_NORMAL,
                   .scale = 1,
                   .table = true};
    nn_layer l = {.class = &class, .n_in = 1, .in = {code}, .out = y, .bias = -1};

    CRM_CHECK(net->value[code].input && net->value[code].dtype == CRM_I32 &&
                  net->value[code].width == 1,
              CRM_ERR_INTERNAL, "embedding '%s' needs one column of an i32 input", name);
    CRM_TRY(nn_name(l.name, name, ""));
    CRM_TRY(nn_name(w.name, name, ".weight"));
    CRM_TRY(crm_params_add(net->params, &w, &l.weight));
    return nn_add_layer(net, &l);
}

/* ---- layers without parameters ---- */
static crm_status copy_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, l->in[0], p->n), y = nn_data(net, l->out, p->n);

    return crm_op_copy(net->device, &x, &y);
}

static crm_status copy_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    return pass_on(net, l, 0, p->n);
}

static crm_status add_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor b = nn_data(net, l->in[1], p->n), y = nn_data(net, l->out, p->n);

    CRM_TRY(copy_forward(net, l, p));
    return crm_op_add(net->device, &b, &y);
}

static crm_status add_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    CRM_TRY(pass_on(net, l, 0, p->n));
    return pass_on(net, l, 1, p->n);
}

/* The mask is drawn again in backward: it depends on its coordinates only. */
static crm_status mask(crm_net *net, const nn_layer *l, const crm_pass *p, crm_tensor *x)
{
    crm_dropout d = {.rate = l->rate,
                     .seed = p->seed,
                     .layer = l->number,
                     .epoch = p->epoch,
                     .row_id = p->row_id};

    return p->training ? crm_op_dropout(net->device, &d, x) : CRM_OK;
}

static crm_status dropout_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor y = nn_data(net, l->out, p->n);

    CRM_TRY(copy_forward(net, l, p));
    return mask(net, l, p, &y);
}

static crm_status dropout_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor dy = nn_grad(net, l->out, p->n);

    CRM_TRY(mask(net, l, p, &dy));
    return pass_on(net, l, 0, p->n);
}

static crm_status add_plain(crm_net *net, nn_layer l, const char *name)
{
    l.weight = l.bias = -1;
    for (int k = 0; k < l.n_in; k++)
        CRM_CHECK(net->value[l.in[k]].width == net->value[l.out].width &&
                      net->value[l.in[k]].dtype == CRM_F32,
                  CRM_ERR_INTERNAL, "%s '%s': input of width %lld, output of width %lld",
                  l.class->name, name, (long long)net->value[l.in[k]].width,
                  (long long)net->value[l.out].width);
    CRM_TRY(nn_name(l.name, name, ""));
    return nn_add_layer(net, &l);
}

crm_status crm_net_dropout(crm_net *net, const char *name, crm_value x, double rate, crm_value y)
{
    static const nn_class class = {"dropout", dropout_forward, dropout_backward};

    CRM_CHECK(rate >= 0 && rate < 1, CRM_ERR_ARG, "dropout '%s': rate %g, allowed 0 <= rate < 1",
              name, rate);
    return add_plain(net,
                     (nn_layer){.class = &class,
                                .n_in = 1,
                                .in = {x},
                                .out = y,
                                .rate = rate,
                                .number = (uint32_t)net->n_dropouts++},
                     name);
}

crm_status crm_net_add(crm_net *net, const char *name, crm_value a, crm_value b, crm_value y)
{
    static const nn_class class = {"add", add_forward, add_backward};

    return add_plain(net, (nn_layer){.class = &class, .n_in = 2, .in = {a, b}, .out = y}, name);
}

crm_status crm_net_copy(crm_net *net, const char *name, crm_value x, crm_value y)
{
    static const nn_class class = {"copy", copy_forward, copy_backward};

    return add_plain(net, (nn_layer){.class = &class, .n_in = 1, .in = {x}, .out = y}, name);
}
