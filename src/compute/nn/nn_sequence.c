/* nn_sequence.c - layers of ragged rows: convolution over steps, recurrent nets, pooling into the
 * parent domain, attention, weighted bags, and the text convolution.
 *
 * Initial values as PyTorch's: uniform on (-s, s) with s = 1 / sqrt(fan_in) for convolutions and
 * 1 / sqrt(units) for recurrent nets. */
#include "nn_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static crm_param uniform(int rank, int64_t a, int64_t b, int64_t c, double scale)
{
    return (crm_param){.rank = rank,
                       .dim = {a, b, c},
                       .init = CRM_INIT_UNIFORM,
                       .scale = scale,
                       .decay = rank > 1};
}

/* The activation of an op is undone on the gradient of its output, in place. */
static crm_status undo_act(crm_net *net, const nn_layer *l, const crm_pass *p, crm_act act,
                           crm_tensor *dy)
{
    crm_tensor y = nn_data(net, p, l->out);

    *dy = nn_grad(net, p, l->out);
    return act == CRM_ACT_NONE ? CRM_OK : crm_op_act_bwd(net->device, act, NULL, &y, dy);
}

static crm_domain parent_of(const crm_net *net, crm_value v)
{
    return net->domain[net->value[v].domain].parent;
}

/* y is of the parent domain of x. */
static crm_status check_parent(const crm_net *net, const char *name, crm_value x, crm_value y)
{
    crm_domain d = net->value[x].domain;

    CRM_CHECK(d != CRM_SAMPLES && net->value[y].domain == net->domain[d].parent, CRM_ERR_INTERNAL,
              "layer '%s' takes %s to %s, which is not the domain they are parts of", name,
              net->domain[d].name, net->domain[net->value[y].domain].name);
    return CRM_OK;
}

/* ---- convolution ---- */
static crm_status conv_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), y = nn_data(net, p, l->out);
    crm_tensor w = nn_param(net, l, 0, p->w), b = nn_param(net, l, 1, p->w);

    return crm_op_conv(net->device, &l->conv, &x, &w, &b, &y);
}

static crm_status conv_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), dy, dx;
    crm_tensor w = nn_param(net, l, 0, p->w);
    crm_tensor dw = nn_param(net, l, 0, p->grad), db = nn_param(net, l, 1, p->grad);
    crm_lanes lanes = nn_lanes(p, parent_of(net, l->in[0]));

    CRM_TRY(undo_act(net, l, p, l->conv.act, &dy));
    CRM_TRY(crm_op_conv_bwd_w(net->device, &l->conv, &x, &dy, &lanes, &dw, &db));
    if (!nn_has_grad(net, l, 0)) return CRM_OK;
    dx = nn_grad_in(net, l, 0, p);
    CRM_TRY(crm_op_conv_bwd_x(net->device, &l->conv, &dy, &w, &dx));
    return nn_grad_in_done(net, l, 0, p, &dx);
}

crm_status crm_net_conv(crm_net *net, const char *name, const crm_conv *p, crm_value x, crm_value y)
{
    static const nn_class class = {"conv", conv_forward, conv_backward};
    int64_t c = net->value[x].width, o = net->value[y].width;
    int64_t steps = p->steps + 2 * p->pad - p->kernel + 1;
    double scale = 1 / sqrt((double)(c * p->kernel));
    nn_layer l = {.class = &class, .n_in = 1, .in = {x}, .out = y, .keep = NN_NONE, .conv = *p};

    CRM_CHECK(steps >= 1 && parent_of(net, x) == parent_of(net, y) &&
                  (net->value[x].domain != net->value[y].domain || steps == p->steps),
              CRM_ERR_INTERNAL,
              "conv '%s': %lld steps become %lld; the output needs a domain of its own", name,
              (long long)p->steps, (long long)steps);
    CRM_TRY(nn_add_param(net, &l, name, ".weight", uniform(3, o, c, p->kernel, scale)));
    CRM_TRY(nn_add_param(net, &l, name, ".bias", uniform(1, o, 0, 0, scale)));
    return nn_add_layer(net, name, &l);
}

/* ---- recurrent nets ---- */
static crm_rnn_weights rnn_weights(const crm_net *net, const nn_layer *l, const float *flat)
{
    return (crm_rnn_weights){.wi = nn_param(net, l, 0, flat),
                             .wh = nn_param(net, l, 1, flat),
                             .bi = nn_param(net, l, 2, flat),
                             .bh = nn_param(net, l, 3, flat)};
}

static crm_rnn rnn_of(const crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_rnn r = l->rnn;

    r.packed = p->rows[net->value[l->out].domain].packed;
    return r;
}

static crm_status rnn_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), h = nn_data(net, p, l->out);
    crm_tensor keep = nn_data(net, p, l->keep);
    crm_lanes lanes = nn_lanes(p, net->value[l->out].domain);
    crm_rnn_weights w = rnn_weights(net, l, p->w);
    crm_rnn r = rnn_of(net, l, p);

    return crm_op_rnn(net->device, &r, &w, &lanes, &x, &h, p->grad ? &keep : NULL);
}

static crm_status rnn_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    bool needed = nn_has_grad(net, l, 0);
    crm_tensor x = nn_data(net, p, l->in[0]), h = nn_data(net, p, l->out), dx;
    crm_tensor keep = nn_data(net, p, l->keep), dh = nn_grad(net, p, l->out);
    crm_lanes lanes = nn_lanes(p, net->value[l->out].domain);
    crm_rnn_weights w = rnn_weights(net, l, p->w), dw = rnn_weights(net, l, p->grad);
    crm_rnn r = rnn_of(net, l, p);

    if (needed) dx = nn_grad_in(net, l, 0, p);
    CRM_TRY(
        crm_op_rnn_bwd(net->device, &r, &w, &lanes, &x, &h, &keep, &dh, needed ? &dx : NULL, &dw));
    return needed ? nn_grad_in_done(net, l, 0, p, &dx) : CRM_OK;
}

static crm_status rnn_params(crm_net *net, nn_layer *l, const char *name, int layer)
{
    static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    int64_t units = net->value[l->out].width, rows = crm_rnn_gates(l->rnn.kind) * units;
    int64_t width[2] = {net->value[l->in[0]].width, units};
    char suffix[64];

    for (int k = 0; k < 4; k++) {
        crm_param q =
            uniform(k < 2 ? 2 : 1, rows, k < 2 ? width[k] : 0, 0, 1 / sqrt((double)units));

        snprintf(suffix, sizeof suffix, ".%s_l%d%s", kinds[k], layer,
                 l->rnn.reverse ? "_reverse" : "");
        CRM_TRY(nn_add_param(net, l, name, suffix, q));
    }
    return CRM_OK;
}

crm_status crm_net_rnn(crm_net *net, const char *name, crm_rnn_kind kind, int layer, bool reverse,
                       crm_value x, crm_value y)
{
    static const nn_class class = {"rnn", rnn_forward, rnn_backward};
    crm_domain domain = net->value[y].domain;
    int64_t keep = crm_rnn_keep(kind) * net->value[y].width;
    char full[CRM_PARAM_NAME_MAX + 32];
    nn_layer l = {
        .class = &class, .n_in = 1, .in = {x}, .out = y, .rnn = {.kind = kind, .reverse = reverse}};

    CRM_CHECK(domain != CRM_SAMPLES && net->value[x].domain == domain, CRM_ERR_INTERNAL,
              "rnn '%s' needs input and output of one domain of steps", name);
    CRM_TRY(rnn_params(net, &l, name, layer));
    CRM_TRY(nn_aux(net, domain, CRM_F32, keep, &l.keep));
    snprintf(full, sizeof full, "%s.l%d%s", name, layer, reverse ? "_reverse" : "");
    return nn_add_layer(net, full, &l);
}

/* ---- pooling ---- */
static const crm_segments *segments(const crm_net *net, const nn_layer *l, const crm_pass *p)
{
    const crm_rows *rows = &p->rows[net->value[l->in[l->n_in - 1]].domain];

    return l->starts ? &rows->starts : &rows->parts;
}

static crm_status pool_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor x = nn_data(net, p, l->in[0]), y = nn_data(net, p, l->out), arg;

    if (l->keep != NN_NONE) arg = nn_data(net, p, l->keep);
    return crm_op_pool(net->device, l->pool, segments(net, l, p), &x, &y,
                       l->keep != NN_NONE ? &arg : NULL);
}

static crm_status pool_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor dy = nn_grad(net, p, l->out), arg, dx;

    if (!nn_has_grad(net, l, 0)) return CRM_OK;
    if (l->keep != NN_NONE) arg = nn_data(net, p, l->keep);
    dx = nn_grad_in(net, l, 0, p);
    CRM_TRY(crm_op_pool_bwd(net->device, l->pool, segments(net, l, p), &dy,
                            l->keep != NN_NONE ? &arg : NULL, &dx));
    return nn_grad_in_done(net, l, 0, p, &dx);
}

static crm_status add_pool(crm_net *net, const char *name, crm_pool_kind kind, bool starts,
                           crm_value x, crm_value y)
{
    static const nn_class class = {"pool", pool_forward, pool_backward};
    nn_layer l = {.class = &class,
                  .n_in = 1,
                  .in = {x},
                  .out = y,
                  .keep = NN_NONE,
                  .pool = kind,
                  .starts = starts};

    CRM_TRY(check_parent(net, name, x, y));
    if (kind == CRM_POOL_MAX)
        CRM_TRY(nn_aux(net, net->value[y].domain, CRM_I32, net->value[y].width, &l.keep));
    return nn_add_layer(net, name, &l);
}

crm_status crm_net_pool(crm_net *net, const char *name, crm_pool_kind kind, crm_value x,
                        crm_value y)
{
    return add_pool(net, name, kind, false, x, y);
}

crm_status crm_net_pool_first(crm_net *net, const char *name, crm_value x, crm_value y)
{
    return add_pool(net, name, CRM_POOL_LAST, true, x, y);
}

/* ---- attention ---- */
static crm_status attend_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor score = nn_data(net, p, l->in[0]), x = nn_data(net, p, l->in[1]);
    crm_tensor weight = nn_data(net, p, l->keep), y = nn_data(net, p, l->out);

    return crm_op_attend(net->device, segments(net, l, p), &score, &x, &weight, &y);
}

static crm_status attend_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_tensor weight = nn_data(net, p, l->keep), x = nn_data(net, p, l->in[1]);
    crm_tensor dy = nn_grad(net, p, l->out);
    crm_tensor dscore = nn_grad_in(net, l, 0, p), dx = nn_grad_in(net, l, 1, p);

    CRM_TRY(crm_op_attend_bwd(net->device, segments(net, l, p), &weight, &x, &dy, &dscore, &dx));
    CRM_TRY(nn_grad_in_done(net, l, 0, p, &dscore));
    return nn_grad_in_done(net, l, 1, p, &dx);
}

crm_status crm_net_attend(crm_net *net, const char *name, crm_value score, crm_value x, crm_value y)
{
    static const nn_class class = {"attend", attend_forward, attend_backward};
    nn_layer l = {.class = &class, .n_in = 2, .in = {score, x}, .out = y};

    CRM_TRY(check_parent(net, name, x, y));
    CRM_CHECK(net->value[score].width == 1 && !net->value[score].input && !net->value[x].input &&
                  net->value[score].domain == net->value[x].domain && score != x,
              CRM_ERR_INTERNAL, "attention '%s' needs a score of width 1 beside each row", name);
    CRM_TRY(nn_aux(net, net->value[x].domain, CRM_F32, 1, &l.keep));
    return nn_add_layer(net, name, &l);
}

/* ---- weighted bag: inputs id, value ---- */
static crm_bag bag_of(const crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_domain domain = net->value[l->in[0]].domain;

    return (crm_bag){.n = nn_rows(p, net->value[l->out].domain),
                     .n_entries = nn_rows(p, domain),
                     .first = p->rows[domain].parts.first,
                     .id = net->value[l->in[0]].data,
                     .value = net->value[l->in[1]].data,
                     .factor = l->rate};
}

static crm_status bag_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_bag b = bag_of(net, l, p);
    crm_tensor table = nn_param(net, l, 0, p->w), y = nn_data(net, p, l->out);

    return crm_op_bag(net->device, &b, &table, &y);
}

static crm_status bag_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_bag b = bag_of(net, l, p);
    crm_tensor table = nn_param(net, l, 0, p->grad), dy = nn_grad(net, p, l->out);
    crm_lanes lanes = nn_lanes(p, net->value[l->out].domain);

    return crm_op_bag_bwd(net->device, &b, &dy, &lanes, &table);
}

static bool is_column(const crm_net *net, crm_value v, crm_dtype dtype)
{
    const nn_value *in = &net->value[v];

    return in->input && in->dtype == dtype && in->width == 1 && net->value[in->root].width == 1;
}

crm_status crm_net_bag(crm_net *net, const char *name, crm_value id, crm_value value,
                       int64_t columns, double factor, crm_value y)
{
    static const nn_class class = {"bag", bag_forward, bag_backward};
    nn_layer l = {.class = &class, .n_in = 2, .in = {id, value}, .out = y, .rate = factor};

    CRM_TRY(check_parent(net, name, id, y));
    CRM_CHECK(is_column(net, id, CRM_I32) && is_column(net, value, CRM_F32) &&
                  net->value[id].domain == net->value[value].domain && columns >= 1,
              CRM_ERR_INTERNAL,
              "bag '%s' needs i32 ids and f32 values of one domain, inputs of width 1, and %lld "
              "columns to be at least 1",
              name, (long long)columns);
    CRM_TRY(nn_add_param(net, &l, name, ".weight",
                         (crm_param){.rank = 2,
                                     .dim = {columns, net->value[y].width},
                                     .init = CRM_INIT_ZERO,
                                     .table = true}));
    return nn_add_layer(net, name, &l);
}

/* ---- text convolution: parameters table, then weight and bias of each kernel ---- */
static crm_text_weights text_weights(const crm_net *net, const nn_layer *l, const float *flat)
{
    crm_text_weights w = {.table = nn_param(net, l, 0, flat)};

    for (int k = 0; k < l->text.n_kernels; k++) {
        w.w[k] = nn_param(net, l, 1 + 2 * k, flat);
        w.b[k] = nn_param(net, l, 2 + 2 * k, flat);
    }
    return w;
}

static crm_text_conv text_of(const crm_net *net, const nn_layer *l, const crm_pass *p)
{
    const crm_value token = l->in[0];
    crm_text_conv t = l->text;

    t.n_docs = nn_rows(p, net->value[l->out].domain);
    t.n_tokens = nn_rows(p, net->value[token].domain);
    t.first = p->rows[net->value[token].domain].parts.first;
    t.token = net->value[token].data;
    return t;
}

static crm_status text_forward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_text_conv t = text_of(net, l, p);
    crm_text_weights w = text_weights(net, l, p->w);
    crm_tensor y = nn_data(net, p, l->out), arg = nn_data(net, p, l->keep);

    return crm_op_text_conv(net->device, &t, &w, &y, &arg);
}

static crm_status text_backward(crm_net *net, const nn_layer *l, const crm_pass *p)
{
    crm_text_conv t = text_of(net, l, p);
    crm_text_weights w = text_weights(net, l, p->w), dw = text_weights(net, l, p->grad);
    crm_tensor arg = nn_data(net, p, l->keep), dy;
    crm_lanes lanes = nn_lanes(p, net->value[l->out].domain);
    bool learn_table = !crm_params_get(net->params, l->param[0])->fixed;

    CRM_TRY(undo_act(net, l, p, t.act, &dy));
    return crm_op_text_conv_bwd(net->device, &t, &w, &arg, &dy, &lanes, &dw, learn_table);
}

static crm_status text_params(crm_net *net, nn_layer *l, const char *embed, const char *name,
                              int64_t words, int64_t dim)
{
    int64_t filters = net->value[l->out].width / l->text.n_kernels;
    char full[CRM_PARAM_NAME_MAX + 32];

    CRM_TRY(nn_add_param(net, l, embed, ".weight",
                         (crm_param){.rank = 2,
                                     .dim = {words, dim},
                                     .init = CRM_INIT_NORMAL,
                                     .scale = 1,
                                     .table = true,
                                     .zero_first = true}));
    for (int k = 0; k < l->text.n_kernels; k++) {
        int64_t width = l->text.kernel[k];
        double scale = 1 / sqrt((double)(dim * width));

        snprintf(full, sizeof full, "%s%lld", name, (long long)width);
        CRM_TRY(nn_add_param(net, l, full, ".weight", uniform(3, filters, dim, width, scale)));
        CRM_TRY(nn_add_param(net, l, full, ".bias", uniform(1, filters, 0, 0, scale)));
    }
    return CRM_OK;
}

crm_status crm_net_text_conv(crm_net *net, const char *embed, const char *name,
                             const crm_text_conv *p, int64_t words, int64_t dim, crm_value token,
                             crm_value y)
{
    static const nn_class class = {"text_conv", text_forward, text_backward};
    const nn_value *in = &net->value[token];
    nn_layer l = {.class = &class, .n_in = 1, .in = {token}, .out = y, .text = *p};

    CRM_TRY(check_parent(net, name, token, y));
    CRM_CHECK(in->input && in->dtype == CRM_I32 && in->width == 1 &&
                  net->value[in->root].width == 1 && p->n_kernels >= 1 &&
                  p->n_kernels <= CRM_TEXT_KERNELS && net->value[y].width % p->n_kernels == 0,
              CRM_ERR_INTERNAL,
              "text convolution '%s' needs an i32 input of width 1, and columns for each of its "
              "%d kernels (1..%d)",
              name, p->n_kernels, (int)CRM_TEXT_KERNELS);
    CRM_TRY(text_params(net, &l, embed, name, words, dim));
    CRM_TRY(nn_aux(net, net->value[y].domain, CRM_I32, net->value[y].width, &l.keep));
    return nn_add_layer(net, name, &l);
}
