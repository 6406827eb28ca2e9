/* ops_pool.c - shape checks of pooling and attention over segments, then the call of the ops table.
 */
#include "device_impl.h"

enum { ANY = CRM_OPS_ANY };

static crm_status segments(const crm_segments *s)
{
    CRM_CHECK(s != NULL && s->n >= 0 && (s->n == 0 || s->first != NULL), CRM_ERR_ARG,
              "segments are missing");
    return CRM_OK;
}

/* arg is i32 [n][d] for a maximum, else NULL. */
static crm_status places(crm_pool_kind kind, const crm_tensor *arg, int64_t n, int64_t d)
{
    CRM_CHECK((unsigned)kind < CRM_POOL_KIND_COUNT, CRM_ERR_ARG, "pooling %d, there are %d",
              (int)kind, (int)CRM_POOL_KIND_COUNT);
    CRM_CHECK((arg != NULL) == (kind == CRM_POOL_MAX), CRM_ERR_ARG,
              "tensor arg goes with a maximum, and with nothing else");
    if (!arg) return CRM_OK;
    CRM_CHECK(arg->dtype == CRM_I32 && arg->rank == 2 && arg->dim[0] == n && arg->dim[1] == d &&
                  arg->ld >= d && (arg->data != NULL || n == 0),
              CRM_ERR_ARG, "tensor arg must be i32 [%lld][%lld] with memory", (long long)n,
              (long long)d);
    return CRM_OK;
}

crm_status crm_op_pool(crm_device *d, crm_pool_kind kind, const crm_segments *s,
                       const crm_tensor *x, crm_tensor *y, crm_tensor *arg)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_POOL));
    CRM_TRY(segments(s));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("y", y, s->n, x->dim[1]));
    CRM_TRY(places(kind, arg, s->n, x->dim[1]));
    return d->ops->pool(d->state, kind, s, x, y, arg);
}

crm_status crm_op_pool_bwd(crm_device *d, crm_pool_kind kind, const crm_segments *s,
                           const crm_tensor *dy, const crm_tensor *arg, crm_tensor *dx)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_POOL_BWD));
    CRM_TRY(segments(s));
    CRM_TRY(crm_ops_matrix("dx", dx, ANY, ANY));
    CRM_TRY(crm_ops_matrix("dy", dy, s->n, dx->dim[1]));
    CRM_TRY(places(kind, arg, s->n, dx->dim[1]));
    return d->ops->pool_bwd(d->state, kind, s, dy, arg, dx);
}

crm_status crm_op_attend(crm_device *d, const crm_segments *s, const crm_tensor *score,
                         const crm_tensor *x, crm_tensor *weight, crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_ATTEND));
    CRM_TRY(segments(s));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("score", score, x->dim[0], 1));
    CRM_TRY(crm_ops_matrix("weight", weight, x->dim[0], 1));
    CRM_TRY(crm_ops_matrix("y", y, s->n, x->dim[1]));
    return d->ops->attend(d->state, s, score, x, weight, y);
}

crm_status crm_op_attend_bwd(crm_device *d, const crm_segments *s, const crm_tensor *weight,
                             const crm_tensor *x, const crm_tensor *dy, crm_tensor *dscore,
                             crm_tensor *dx)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_ATTEND_BWD));
    CRM_TRY(segments(s));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("weight", weight, x->dim[0], 1));
    CRM_TRY(crm_ops_matrix("dy", dy, s->n, x->dim[1]));
    CRM_TRY(crm_ops_matrix("dscore", dscore, x->dim[0], 1));
    CRM_TRY(crm_ops_matrix("dx", dx, x->dim[0], x->dim[1]));
    return d->ops->attend_bwd(d->state, s, weight, x, dy, dscore, dx);
}
