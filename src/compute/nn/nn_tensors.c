/* nn_tensors.c - what a pass works on, as tensors: values, gradients, parameters. */
#include "nn_impl.h"

int64_t nn_rows(const crm_pass *p, crm_domain domain)
{
    return domain == CRM_SAMPLES ? p->n : p->rows[domain].n;
}

crm_lanes nn_lanes(const crm_pass *p, crm_domain domain)
{
    crm_lanes lanes = p->lanes;

    if (domain != CRM_SAMPLES) lanes.first = p->rows[domain].first;
    return lanes;
}

static crm_tensor matrix(const nn_value *v, void *root, int64_t n, int64_t ld)
{
    crm_tensor t = crm_tensor_2d(root, v->dtype, n, ld);

    return v->width == ld ? t : crm_tensor_columns(&t, v->first, v->width);
}

crm_tensor nn_matrix(const crm_net *net, crm_value v, int64_t n)
{
    const nn_value *root = &net->value[net->value[v].root];

    return matrix(&net->value[v], root->data, n, root->width);
}

crm_tensor nn_data(const crm_net *net, const crm_pass *p, crm_value v)
{
    return nn_matrix(net, v, nn_rows(p, net->value[v].domain));
}

crm_tensor nn_grad(const crm_net *net, const crm_pass *p, crm_value v)
{
    const nn_value *root = &net->value[net->value[v].root];

    return matrix(&net->value[v], root->grad, nn_rows(p, root->domain), root->width);
}

crm_tensor nn_param(const crm_net *net, const nn_layer *l, int k, const float *flat)
{
    const crm_param *q = crm_params_get(net->params, l->param[k]);
    void *data = (void *)(uintptr_t)(flat + q->offset); /* kernels only read weights */
    crm_tensor t = crm_tensor_1d(data, CRM_F32, q->dim[0]);

    if (q->rank == 1) return t;
    t.rank = q->rank;
    for (int i = 1; i < q->rank; i++)
        t.dim[i] = q->dim[i];
    t.ld = q->n / q->dim[0];
    return t;
}

bool nn_has_grad(const crm_net *net, const nn_layer *l, int k)
{
    return !net->value[l->in[k]].input;
}

/* Gradients that will be added stand side by side in the scratch. */
crm_tensor nn_grad_in(const crm_net *net, const nn_layer *l, int k, const crm_pass *p)
{
    const nn_value *v = &net->value[l->in[k]];
    int64_t at = 0;

    if (!l->add[k]) return nn_grad(net, p, l->in[k]);
    for (int j = 0; j < k; j++)
        if (l->add[j]) at += nn_cells(net, l->in[j]);
    return crm_tensor_2d(net->scratch + at, CRM_F32, nn_rows(p, v->domain), v->width);
}

crm_status nn_grad_in_done(const crm_net *net, const nn_layer *l, int k, const crm_pass *p,
                           const crm_tensor *dx)
{
    crm_tensor sum;

    if (!l->add[k]) return CRM_OK;
    sum = nn_grad(net, p, l->in[k]);
    return crm_op_add(net->device, dx, &sum);
}
