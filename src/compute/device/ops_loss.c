/* ops_loss.c - shape checks of the losses, then the call of the ops table. */
#include "device_impl.h"

/* Shapes of a loss over z[n][k], k ANY or fixed; truth: where its labels or values are. */
static crm_status loss_shapes(const crm_tensor *z, int64_t k, const char *what, const void *truth,
                              const crm_lanes *lanes, const crm_tensor *loss, const crm_tensor *dz)
{
    CRM_TRY(crm_ops_matrix("z", z, CRM_OPS_ANY, k));
    CRM_CHECK(truth != NULL || z->dim[0] == 0, CRM_ERR_ARG, "loss without %s", what);
    CRM_TRY(crm_ops_lanes_cover(lanes, z->dim[0]));
    CRM_TRY(crm_ops_vector("loss", loss, CRM_F64, lanes->n));
    if (dz) CRM_TRY(crm_ops_matrix("dz", dz, z->dim[0], z->dim[1]));
    return CRM_OK;
}

static crm_status smoothing(const crm_loss *p)
{
    CRM_CHECK(p->smooth >= 0 && p->smooth <= 1, CRM_ERR_ARG, "labels smoothed by %g, allowed: 0..1",
              p->smooth);
    return CRM_OK;
}

crm_status crm_op_ce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                          const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_CE_LOSS));
    CRM_TRY(loss_shapes(logits, CRM_OPS_ANY, "labels", p->label, lanes, loss, dlogits));
    CRM_TRY(smoothing(p));
    return d->ops->ce_loss(d->state, logits, p, lanes, loss, dlogits);
}

crm_status crm_op_bce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_BCE_LOSS));
    CRM_TRY(loss_shapes(logits, 1, "labels", p->label, lanes, loss, dlogits));
    CRM_TRY(smoothing(p));
    return d->ops->bce_loss(d->state, logits, p, lanes, loss, dlogits);
}

crm_status crm_op_huber_loss(crm_device *d, const crm_tensor *z, const crm_loss *p,
                             const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_HUBER_LOSS));
    CRM_TRY(loss_shapes(z, CRM_OPS_ANY, "values", p->value, lanes, loss, dz));
    CRM_CHECK(p->delta > 0, CRM_ERR_ARG, "Huber loss with delta %g, it must be above 0", p->delta);
    return d->ops->huber_loss(d->state, z, p, lanes, loss, dz);
}

crm_status crm_op_poisson_loss(crm_device *d, const crm_tensor *z, const crm_loss *p,
                               const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_POISSON_LOSS));
    CRM_TRY(loss_shapes(z, CRM_OPS_ANY, "values", p->value, lanes, loss, dz));
    return d->ops->poisson_loss(d->state, z, p, lanes, loss, dz);
}
