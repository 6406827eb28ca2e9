/* ops_step.c - shape checks of what steps consist of beside the net (batches gathered in device
 * memory, sums over vectors, the norm of the gradient, losses of an epoch), then the call of the
 * ops table. */
#include "device_impl.h"

enum { ANY = CRM_OPS_ANY };

crm_status crm_op_take(crm_device *d, const crm_tensor *x, const crm_tensor *at, int32_t least,
                       crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_TAKE));
    CRM_TRY(crm_ops_vector("x", x, CRM_I32, ANY));
    CRM_TRY(crm_ops_vector("at", at, CRM_I32, ANY));
    CRM_TRY(crm_ops_vector("y", y, CRM_I32, at->dim[0]));
    return d->ops->take(d->state, x, at, least, y);
}

/* t is dense [n][w] of any type. */
static crm_status dense(const char *name, const crm_tensor *t, int64_t n, int64_t w)
{
    CRM_CHECK(t != NULL, CRM_ERR_ARG, "tensor %s is missing", name);
    CRM_CHECK(t->rank == 2 && t->dim[0] >= 0 && t->dim[1] >= 1 && t->ld == t->dim[1] &&
                  (n == ANY || t->dim[0] == n) && (w == ANY || t->dim[1] == w),
              CRM_ERR_ARG,
              "tensor %s has %d dimensions, [%lld][%lld], rows %lld apart; dense [%lld][%lld] is "
              "needed (-1: any)",
              name, t->rank, (long long)t->dim[0], (long long)t->dim[1], (long long)t->ld,
              (long long)n, (long long)w);
    CRM_CHECK(t->data != NULL || t->dim[0] == 0, CRM_ERR_ARG, "tensor %s has no memory", name);
    return CRM_OK;
}

static crm_status gather_fits(const crm_gather_item *item)
{
    const crm_gather *g = &item->g;
    const crm_tensor *x = &item->x, *y = &item->y;

    CRM_CHECK(g->n >= 0 && (g->from != NULL || g->n == 0), CRM_ERR_ARG,
              "what is to be gathered is missing");
    CRM_TRY(dense("x", x, ANY, ANY));
    CRM_TRY(dense("y", y, g->first ? ANY : g->n, x->dim[1]));
    CRM_CHECK((y->dtype == CRM_F32 && x->dtype == CRM_F32) ||
                  (y->dtype == CRM_I32 &&
                   (x->dtype == CRM_U8 || x->dtype == CRM_U16 || x->dtype == CRM_I32)),
              CRM_ERR_ARG, "%s cannot be gathered as %s: f32 from f32, i32 from u8, u16 or i32",
              crm_dtype_name(x->dtype), crm_dtype_name(y->dtype));
    return CRM_OK;
}

crm_status crm_op_gather_all(crm_device *d, const crm_gather_item *item, int n)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_GATHER));
    CRM_CHECK(n >= 0 && (item != NULL || n == 0), CRM_ERR_ARG, "%d arrays to gather", n);
    for (int i = 0; i < n; i++)
        CRM_TRY(gather_fits(&item[i]));
    for (int i = 0; i < n; i += CRM_GATHER_MAX)
        CRM_TRY(d->ops->gather(d->state, item + i,
                               n - i < CRM_GATHER_MAX ? n - i : (int)CRM_GATHER_MAX));
    return CRM_OK;
}

crm_status crm_op_gather(crm_device *d, const crm_gather *g, const crm_tensor *x, crm_tensor *y)
{
    CRM_CHECK(g != NULL && x != NULL && y != NULL, CRM_ERR_ARG,
              "what is to be gathered is missing");
    return crm_op_gather_all(d, &(crm_gather_item){*g, *x, *y}, 1);
}

crm_status crm_op_combine(crm_device *d, float *const *vec, int n_vec, const crm_add *add,
                          int n_adds, int64_t first, int64_t n, float *sum)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_COMBINE));
    CRM_CHECK(vec != NULL && n_vec >= 1 && n_vec <= CRM_COMBINE_MAX, CRM_ERR_ARG,
              "%d vectors to combine, 1 to %d are possible", n_vec, (int)CRM_COMBINE_MAX);
    CRM_CHECK(first >= 0 && n >= 0 && n_adds >= 0 && (add != NULL || n_adds == 0), CRM_ERR_ARG,
              "%d additions of %lld elements from %lld", n_adds, (long long)n, (long long)first);
    for (int i = 0; i < n_vec; i++)
        CRM_CHECK(vec[i] != NULL, CRM_ERR_ARG, "vector %d of %d has no memory", i, n_vec);
    for (int i = 0; i < n_adds; i++)
        CRM_CHECK(add[i].to >= 0 && add[i].to < n_vec && add[i].from >= 0 && add[i].from < n_vec &&
                      add[i].to != add[i].from,
                  CRM_ERR_ARG, "addition %d: vector %d += vector %d, there are %d", i, add[i].to,
                  add[i].from, n_vec);
    return n == 0 ? CRM_OK : d->ops->combine(d->state, vec, n_vec, add, n_adds, first, n, sum);
}

crm_status crm_op_norm(crm_device *d, const crm_tensor *sums, double clip, double *live)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_NORM));
    CRM_TRY(crm_ops_vector("sums", sums, CRM_F64, ANY));
    CRM_CHECK(live != NULL, CRM_ERR_ARG, "norm without memory for the numbers of the step");
    CRM_CHECK(clip >= 0, CRM_ERR_ARG, "clipping at norm %g, at least 0 is needed", clip);
    return d->ops->norm(d->state, sums, clip, live);
}

crm_status crm_op_tally(crm_device *d, const crm_tensor *x, crm_tensor *total)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_TALLY));
    CRM_TRY(crm_ops_vector("x", x, CRM_F64, ANY));
    CRM_TRY(crm_ops_vector("total", total, CRM_F64, x->dim[0]));
    return d->ops->tally(d->state, x, total);
}
