/* nn_layers.c - the layer classes: linear, embedding, dropout, add, copy. */
#include "nn_impl.h"

#include <math.h>
#include <string.h>

/* The gradient of the output goes on to input k as it is. */
static crm_status pass_on(crm_net *net, const nn_layer *l, int k, const crm_pass *p)
{
    crm_tensor dy = nn_grad(net, p, l->out), dx;

    if (!nn_has_grad(net, l, k)) return CRM_OK;
    dx = nn_grad(net, p, l->in[k]);
    return l->add[k] ? crm_op_add(net->device, &dy, &dx) : crm_op_copy(net->device, &dy, &dx);
}

/* ---- linear ---- */
static crm_status linear_into(crm_net *net, const nn_layer *l, const crm_pass *p, crm_act act,
                              crm_tensor *y)
{
    crm_tensor x = nn_data(net, p, l->in[0]);
    crm_tensor w = nn_param(net, l, 0, p->w), b = nn_param(net, l, 1, p->w);

    return crm_op_linear(net->device, &x, &w, &b, act, y);
}

static crm_status linear_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor y = nn_data(net, p, l->out);

    return linear_into(net, l, p, l->act, &y);
}

/* SILU and GELU need their input, which forward does not keep: it is computed once more. */
static crm_status linear_act_backward(crm_net *net, const nn_layer *l, const crm_pass *p,
                                      crm_tensor *dy)
{
    crm_tensor y = nn_data(net, p, l->out), x;

    if (l->act == CRM_ACT_NONE) return CRM_OK;
    if (l->act != CRM_ACT_SILU && l->act != CRM_ACT_GELU)
        return crm_op_act_bwd(net->device, l->act, NULL, &y, dy);
    x = crm_tensor_2d(net->scratch, CRM_F32, y.dim[0], y.dim[1]);
    CRM_TRY(linear_into(net, l, p, CRM_ACT_NONE, &x));
    return crm_op_act_bwd(net->device, l->act, &x, NULL, dy);
}

static crm_status linear_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), dy = nn_grad(net, p, l->out);
    crm_tensor w = nn_param(net, l, 0, p->w), dx;
    crm_tensor dw = nn_param(net, l, 0, p->grad), db = nn_param(net, l, 1, p->grad);
    crm_lanes lanes = nn_lanes(p, net->value[l->out].domain);

    CRM_TRY(linear_act_backward(net, l, p, &dy));
    CRM_TRY(crm_op_linear_bwd_w(net->device, &x, &dy, &lanes, &dw, &db));
    if (!nn_has_grad(net, l, 0)) return CRM_OK;
    dx = nn_grad_in(net, l, 0, p);
    CRM_TRY(crm_op_linear_bwd_x(net->device, &dy, &w, &dx));
    return nn_grad_in_done(net, l, 0, p, &dx);
}

crm_status crm_net_linear(crm_net *net, const char *name, crm_value x, crm_act act, crm_value y)
{
    static const nn_class class = {"linear", linear_forward, linear_backward};
    int64_t i = net->value[x].width, o = net->value[y].width;
    double bound = 1 / sqrt((double)i);
    nn_layer l = {.class = &class, .n_in = 1, .in = {x}, .out = y, .act = act};

    CRM_TRY(nn_add_param(
        net, &l, name, ".weight",
        (crm_param){
            .rank = 2, .dim = {o, i}, .init = CRM_INIT_UNIFORM, .scale = bound, .decay = true}));
    CRM_TRY(
        nn_add_param(net, &l, name, ".bias",
                     (crm_param){.rank = 1, .dim = {o}, .init = CRM_INIT_UNIFORM, .scale = bound}));
    return nn_add_layer(net, name, &l);
}

/* ---- embedding ---- */
static crm_status embedding_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor code = nn_data(net, p, l->in[0]), y = nn_data(net, p, l->out);
    crm_tensor table = nn_param(net, l, 0, p->w);

    return crm_op_embed(net->device, &code, &table, &y);
}

static crm_status embedding_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor code = nn_data(net, p, l->in[0]), dy = nn_grad(net, p, l->out);
    crm_tensor table = nn_param(net, l, 0, p->grad);
    crm_lanes lanes = nn_lanes(p, net->value[l->out].domain);

    if (crm_params_get(net->params, l->param[0])->fixed) return CRM_OK;
    return crm_op_embed_bwd(net->device, &code, &dy, &lanes, &table);
}

static crm_status add_table(crm_net *net, const char *name, crm_value code, int64_t rows,
                            bool zero_first, crm_value y)
{
    static const nn_class class = {"embedding", embedding_forward, embedding_backward};
    nn_layer l = {.class = &class, .n_in = 1, .in = {code}, .out = y};

    CRM_CHECK(net->value[code].input && net->value[code].dtype == CRM_I32 &&
                  net->value[code].width == 1,
              CRM_ERR_INTERNAL, "embedding '%s' needs one column of an i32 input", name);
    CRM_TRY(nn_add_param(net, &l, name, ".weight",
                         (crm_param){.rank = 2,
                                     .dim = {rows, net->value[y].width},
                                     .init = CRM_INIT_NORMAL,
                                     .scale = 1,
                                     .table = true,
                                     .zero_first = zero_first}));
    return nn_add_layer(net, name, &l);
}

crm_status crm_net_embedding(crm_net *net, const char *name, crm_value code, int64_t levels,
                             crm_value y)
{
    return add_table(net, name, code, levels, false, y);
}

crm_status crm_net_words(crm_net *net, const char *name, crm_value code, int64_t words, crm_value y)
{
    return add_table(net, name, code, words, true, y);
}

/* ---- layers without parameters ---- */
static crm_status copy_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), y = nn_data(net, p, l->out);

    return crm_op_copy(net->device, &x, &y);
}

static crm_status copy_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    return pass_on(net, l, 0, p);
}

static crm_status add_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor b = nn_data(net, p, l->in[1]), y = nn_data(net, p, l->out);

    CRM_TRY(copy_forward(net, l, p));
    return crm_op_add(net->device, &b, &y);
}

static crm_status add_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    CRM_TRY(pass_on(net, l, 0, p));
    return pass_on(net, l, 1, p);
}

/* The mask is drawn again in backward: it depends on its coordinates only. */
static crm_status mask(crm_net *net, const nn_layer *l, const crm_pass *p, const crm_tensor *x,
                       crm_tensor *y)
{
    crm_dropout d = {.rate = l->rate,
                     .seed = p->seed,
                     .layer = l->number,
                     .epoch = p->epoch,
                     .row_id = p->row_id};
    crm_domain domain = net->value[l->out].domain;

    if (domain != CRM_SAMPLES) d.row_id = p->rows[domain].row_id;
    return crm_op_dropout(net->device, &d, x, y);
}

static crm_status dropout_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), y = nn_data(net, p, l->out);

    return p->training ? mask(net, l, p, &x, &y) : copy_forward(net, l, p);
}

static crm_status dropout_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor dy = nn_grad(net, p, l->out), dx;

    if (!p->training || !nn_has_grad(net, l, 0)) return pass_on(net, l, 0, p);
    dx = nn_grad(net, p, l->in[0]);
    if (!l->add[0]) return mask(net, l, p, &dy, &dx);
    CRM_TRY(mask(net, l, p, &dy, &dy));
    return pass_on(net, l, 0, p);
}

static crm_status add_plain(crm_net *net, nn_layer l, const char *name)
{
    for (int k = 0; k < l.n_in; k++)
        CRM_CHECK(net->value[l.in[k]].width == net->value[l.out].width &&
                      net->value[l.in[k]].dtype == CRM_F32,
                  CRM_ERR_INTERNAL, "%s '%s': input of width %lld, output of width %lld",
                  l.class->name, name, (long long)net->value[l.in[k]].width,
                  (long long)net->value[l.out].width);
    return nn_add_layer(net, name, &l);
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
