/* cuda_linear.cu - linear layers on the GPU: tensors become arguments of cuda_multiply and
 * cuda_outer_sum. */
#include "cuda_ops.h"

crm_status cuda_op_linear(void *state, const crm_tensor *x, const crm_tensor *w,
                          const crm_tensor *b, crm_act act, crm_tensor *y)
{
    cuda_product p = {};

    p.m = x->dim[0];
    p.n = w->dim[0];
    p.k = x->dim[1];
    p.a = (const float *)x->data;
    p.lda = x->ld;
    p.b = (const float *)w->data;
    p.ldb = w->ld;
    p.c = (float *)y->data;
    p.ldc = y->ld;
    p.bias = b ? (const float *)b->data : nullptr;
    p.act = act;
    return cuda_multiply((cuda_state *)state, &p);
}

crm_status cuda_op_linear_bwd_x(void *state, const crm_tensor *dy, const crm_tensor *w,
                                crm_tensor *dx)
{
    cuda_product p = {};

    p.m = dy->dim[0];
    p.n = w->dim[1];
    p.k = w->dim[0];
    p.a = (const float *)dy->data;
    p.lda = dy->ld;
    p.b = (const float *)w->data;
    p.ldb = w->ld;
    p.b_turned = true;
    p.c = (float *)dx->data;
    p.ldc = dx->ld;
    return cuda_multiply((cuda_state *)state, &p);
}

crm_status cuda_op_linear_bwd_w(void *state, const crm_tensor *x, const crm_tensor *dy,
                                const crm_lanes *lanes, crm_tensor *dw, crm_tensor *db)
{
    cuda_lanes rows = cuda_lanes_of(lanes);
    cuda_outer p = {};

    p.m = dy->dim[1];
    p.n = x->dim[1];
    p.a = (const float *)dy->data;
    p.lda = dy->ld;
    p.b = (const float *)x->data;
    p.ldb = x->ld;
    p.c = (float *)dw->data;
    p.ldc = dw->ld;
    p.sums = db ? (float *)db->data : nullptr;
    p.lanes = &rows;
    return cuda_outer_sum((cuda_state *)state, &p);
}
