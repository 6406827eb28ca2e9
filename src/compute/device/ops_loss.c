/* ops_loss.c - shape checks of the losses, then the call of the ops table. */
#include "device_impl.h"

/* Shapes of a loss over logits[n][k], k ANY or fixed. */
static crm_status loss_shapes(const crm_tensor *logits, const crm_loss *p, int64_t k,
                              const crm_lanes *lanes, const crm_tensor *loss,
                              const crm_tensor *dlogits)
{
    CRM_TRY(crm_ops_matrix("logits", logits, CRM_OPS_ANY, k));
    CRM_CHECK(p->label != NULL || logits->dim[0] == 0, CRM_ERR_ARG, "loss without labels");
    CRM_TRY(crm_ops_lanes_cover(lanes, logits->dim[0]));
    CRM_TRY(crm_ops_vector("loss", loss, CRM_F64, lanes->n));
    if (dlogits) CRM_TRY(crm_ops_matrix("dlogits", dlogits, logits->dim[0], logits->dim[1]));
    return CRM_OK;
}

crm_status crm_op_ce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                          const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_CE_LOSS));
    CRM_TRY(loss_shapes(logits, p, CRM_OPS_ANY, lanes, loss, dlogits));
    return d->ops->ce_loss(d->state, logits, p, lanes, loss, dlogits);
}

crm_status crm_op_bce_loss(crm_device *d, const crm_tensor *logits, const crm_loss *p,
                           const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dlogits)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_BCE_LOSS));
    CRM_TRY(loss_shapes(logits, p, 1, lanes, loss, dlogits));
    return d->ops->bce_loss(d->state, logits, p, lanes, loss, dlogits);
}

/* Shapes of a loss over numbers z[n][k]. */
static crm_status number_shapes(const crm_tensor *z, const crm_loss *p, const crm_lanes *lanes,
                                const crm_tensor *loss, const crm_tensor *dz)
{
    CRM_TRY(crm_ops_matrix("z", z, CRM_OPS_ANY, CRM_OPS_ANY));
    CRM_CHECK(p->value != NULL || z->dim[0] == 0, CRM_ERR_ARG, "loss without values");
    CRM_TRY(crm_ops_lanes_cover(lanes, z->dim[0]));
    CRM_TRY(crm_ops_vector("loss", loss, CRM_F64, lanes->n));
    if (dz) CRM_TRY(crm_ops_matrix("dz", dz, z->dim[0], z->dim[1]));
    return CRM_OK;
}

crm_status crm_op_huber_loss(crm_device *d, const crm_tensor *z, const crm_loss *p,
                             const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_HUBER_LOSS));
    CRM_TRY(number_shapes(z, p, lanes, loss, dz));
    CRM_CHECK(p->delta > 0, CRM_ERR_ARG, "Huber loss with delta %g, it must be above 0", p->delta);
    return d->ops->huber_loss(d->state, z, p, lanes, loss, dz);
}

crm_status crm_op_poisson_loss(crm_device *d, const crm_tensor *z, const crm_loss *p,
                               const crm_lanes *lanes, crm_tensor *loss, crm_tensor *dz)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_POISSON_LOSS));
    CRM_TRY(number_shapes(z, p, lanes, loss, dz));
    return d->ops->poisson_loss(d->state, z, p, lanes, loss, dz);
}
