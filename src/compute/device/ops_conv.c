/* ops_conv.c - shape checks of the convolution over steps, then the call of the ops table. */
#include "device_impl.h"

enum { ANY = CRM_OPS_ANY };

/* Sizes that fit: every window holds a step of the sample. */
static crm_status sizes(const crm_conv *p)
{
    CRM_CHECK(p->kernel >= 1 && p->pad >= 0 && p->pad < p->kernel, CRM_ERR_ARG,
              "convolution with kernel %lld and pad %lld: pad must be below kernel",
              (long long)p->kernel, (long long)p->pad);
    CRM_CHECK(p->steps >= 1 && p->steps + 2 * p->pad >= p->kernel, CRM_ERR_ARG,
              "convolution with kernel %lld and pad %lld over %lld steps: no window fits",
              (long long)p->kernel, (long long)p->pad, (long long)p->steps);
    CRM_CHECK(p->act == CRM_ACT_NONE || p->act == CRM_ACT_RELU || p->act == CRM_ACT_TANH ||
                  p->act == CRM_ACT_SIGMOID,
              CRM_ERR_ARG, "convolution with activation %d: none, relu, tanh or sigmoid is needed",
              (int)p->act);
    return CRM_OK;
}

/* x[n steps][channels] has whole samples; y[n out][.] those that become of them. */
static crm_status samples(const crm_conv *p, const char *name_x, const crm_tensor *x,
                          const char *name_y, const crm_tensor *y)
{
    CRM_TRY(sizes(p));
    CRM_TRY(crm_ops_matrix(name_x, x, ANY, ANY));
    CRM_CHECK(x->dim[0] % p->steps == 0, CRM_ERR_ARG,
              "tensor %s has %lld rows, not samples of %lld steps", name_x, (long long)x->dim[0],
              (long long)p->steps);
    return crm_ops_matrix(name_y, y, x->dim[0] / p->steps * (p->steps + 2 * p->pad - p->kernel + 1),
                          ANY);
}

crm_status crm_op_conv(crm_device *d, const crm_conv *p, const crm_tensor *x, const crm_tensor *w,
                       const crm_tensor *b, crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_CONV));
    CRM_TRY(samples(p, "x", x, "y", y));
    CRM_TRY(crm_ops_cube("w", w, y->dim[1], x->dim[1], p->kernel));
    if (b) CRM_TRY(crm_ops_vector("b", b, CRM_F32, y->dim[1]));
    return d->ops->conv(d->state, p, x, w, b, y);
}

crm_status crm_op_conv_bwd_x(crm_device *d, const crm_conv *p, const crm_tensor *dy,
                             const crm_tensor *w, crm_tensor *dx)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_CONV_BWD_X));
    CRM_TRY(samples(p, "dx", dx, "dy", dy));
    CRM_TRY(crm_ops_cube("w", w, dy->dim[1], dx->dim[1], p->kernel));
    return d->ops->conv_bwd_x(d->state, p, dy, w, dx);
}

crm_status crm_op_conv_bwd_w(crm_device *d, const crm_conv *p, const crm_tensor *x,
                             const crm_tensor *dy, const crm_lanes *lanes, crm_tensor *dw,
                             crm_tensor *db)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_CONV_BWD_W));
    CRM_TRY(samples(p, "x", x, "dy", dy));
    CRM_TRY(crm_ops_lanes_cover(lanes, x->dim[0] / p->steps));
    CRM_TRY(crm_ops_cube("dw", dw, dy->dim[1], x->dim[1], p->kernel));
    CRM_TRY(crm_ops_lanes_apart(lanes, dw->dim[0], dw->ld, dw->ld));
    if (db) CRM_TRY(crm_ops_vector("db", db, CRM_F32, dy->dim[1]));
    return d->ops->conv_bwd_w(d->state, p, x, dy, lanes, dw, db);
}
