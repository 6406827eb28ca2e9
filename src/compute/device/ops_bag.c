/* ops_bag.c - shapes of weighted bags, then the call of the device (ops.c has the rest). */
#include "device_impl.h"

static crm_status bags(const crm_bag *p)
{
    CRM_CHECK(p != NULL, CRM_ERR_ARG, "bags without a description");
    CRM_CHECK(p->n >= 0 && p->n_entries >= 0 && p->n_entries <= INT32_MAX, CRM_ERR_ARG,
              "%lld bags of %lld entries, 0 to %d entries are possible", (long long)p->n,
              (long long)p->n_entries, INT32_MAX);
    CRM_CHECK(p->n == 0 || p->first != NULL, CRM_ERR_ARG,
              "%lld bags and no word of where they begin", (long long)p->n);
    CRM_CHECK(p->n_entries == 0 || (p->id != NULL && p->value != NULL), CRM_ERR_ARG,
              "%lld entries of bags without ids or values", (long long)p->n_entries);
    return CRM_OK;
}

/* A table of no rows is a table all the same. */
static crm_status rows_of(const char *name, const crm_tensor *table, int64_t k)
{
    CRM_TRY(crm_ops_matrix(name, table, CRM_OPS_ANY, k));
    CRM_CHECK(table->dim[0] <= INT32_MAX, CRM_ERR_ARG, "tensor %s has %lld rows, at most %d", name,
              (long long)table->dim[0], INT32_MAX);
    return CRM_OK;
}

crm_status crm_op_bag(crm_device *d, const crm_bag *p, const crm_tensor *table, crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_BAG));
    CRM_TRY(bags(p));
    CRM_TRY(rows_of("table", table, CRM_OPS_ANY));
    CRM_TRY(crm_ops_matrix("y", y, p->n, table->dim[1]));
    return d->ops->bag(d->state, p, table, y);
}

crm_status crm_op_bag_bwd(crm_device *d, const crm_bag *p, const crm_tensor *dy,
                          const crm_lanes *lanes, crm_tensor *dtable)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_BAG_BWD));
    CRM_TRY(bags(p));
    CRM_TRY(crm_ops_matrix("dy", dy, p->n, CRM_OPS_ANY));
    CRM_TRY(crm_ops_lanes_cover(lanes, p->n));
    CRM_TRY(rows_of("dtable", dtable, dy->dim[1]));
    CRM_TRY(crm_ops_lanes_apart(lanes, dtable->dim[0], dtable->dim[1], dtable->ld));
    return d->ops->bag_bwd(d->state, p, dy, lanes, dtable);
}
