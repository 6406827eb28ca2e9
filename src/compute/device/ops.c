/* ops.c - the only caller of the ops table.  Checks once that an operation is offered and that all
 * shapes fit, so that a device need not. */
#include "device_impl.h"

enum { ANY = CRM_OPS_ANY };

/* Element layer << 20 | unit of the dropout stream. */
enum { DROPOUT_UNITS = 1 << 20, DROPOUT_LAYERS = 1 << 12 };

crm_status crm_ops_offered(const crm_device *d, crm_op op)
{
    CRM_CHECK(crm_device_offers(d, op), CRM_ERR_DEVICE, "device %s does not offer %s",
              crm_device_name(d), crm_op_name(op));
    return CRM_OK;
}

/* What matrices and vectors have in common. */
static crm_status tensor(const char *name, const crm_tensor *t, crm_dtype dtype, int rank,
                         int64_t n)
{
    CRM_CHECK(t != NULL, CRM_ERR_ARG, "tensor %s is missing", name);
    CRM_CHECK(t->dtype == dtype, CRM_ERR_ARG, "tensor %s is %s, %s is needed", name,
              crm_dtype_name(t->dtype), crm_dtype_name(dtype));
    CRM_CHECK(t->rank == rank, CRM_ERR_ARG, "tensor %s has %d dimensions, %d are needed", name,
              t->rank, rank);
    CRM_CHECK(t->dim[0] >= 0 && (n == ANY || t->dim[0] == n), CRM_ERR_ARG,
              "tensor %s has %lld rows, %lld are needed", name, (long long)t->dim[0], (long long)n);
    CRM_CHECK(t->data != NULL || t->dim[0] == 0, CRM_ERR_ARG, "tensor %s has no memory", name);
    return CRM_OK;
}

crm_status crm_ops_matrix(const char *name, const crm_tensor *t, int64_t n, int64_t d)
{
    CRM_TRY(tensor(name, t, CRM_F32, 2, n));
    CRM_CHECK(t->dim[1] >= 1 && (d == ANY || t->dim[1] == d), CRM_ERR_ARG,
              "tensor %s has %lld columns, %lld are needed", name, (long long)t->dim[1],
              (long long)d);
    CRM_CHECK(t->ld >= t->dim[1], CRM_ERR_ARG,
              "tensor %s has rows of %lld elements that are only %lld apart", name,
              (long long)t->dim[1], (long long)t->ld);
    return CRM_OK;
}

crm_status crm_ops_vector(const char *name, const crm_tensor *t, crm_dtype dtype, int64_t n)
{
    CRM_TRY(tensor(name, t, dtype, 1, n));
    CRM_CHECK(t->ld == 1, CRM_ERR_ARG, "vector %s has elements %lld apart, 1 is needed", name,
              (long long)t->ld);
    return CRM_OK;
}

crm_status crm_ops_cube(const char *name, const crm_tensor *t, int64_t a, int64_t b, int64_t c)
{
    CRM_TRY(tensor(name, t, CRM_F32, 3, a));
    CRM_CHECK((b == ANY || t->dim[1] == b) && (c == ANY || t->dim[2] == c) &&
                  t->ld == t->dim[1] * t->dim[2],
              CRM_ERR_ARG,
              "tensor %s is [%lld][%lld][%lld] with rows %lld apart, dense [..][%lld][%lld] "
              "is needed",
              name, (long long)t->dim[0], (long long)t->dim[1], (long long)t->dim[2],
              (long long)t->ld, (long long)b, (long long)c);
    return CRM_OK;
}

/* t is i32 [n], or one column [n][1] of a wider matrix, with elements ld apart. */
static crm_status codes(const crm_tensor *t, int64_t n)
{
    CRM_CHECK(t != NULL, CRM_ERR_ARG, "tensor code is missing");
    CRM_TRY(tensor("code", t, CRM_I32, t->rank == 2 && t->dim[1] == 1 ? 2 : 1, n));
    CRM_CHECK(t->ld >= 1, CRM_ERR_ARG, "codes are %lld apart, at least 1 is needed",
              (long long)t->ld);
    return CRM_OK;
}

static crm_status ragged_lanes_cover(const crm_lanes *lanes, int64_t n)
{
    bool rising = lanes->first[0] == 0;

    for (int64_t l = 0; l < lanes->n; l++)
        rising &= lanes->first[l] <= lanes->first[l + 1];
    CRM_CHECK(rising && lanes->first[lanes->n] == n, CRM_ERR_ARG,
              "%lld ragged lanes end at row %lld of %lld, or do not rise", (long long)lanes->n,
              (long long)lanes->first[lanes->n], (long long)n);
    return CRM_OK;
}

crm_status crm_ops_lanes_cover(const crm_lanes *lanes, int64_t n)
{
    CRM_CHECK(lanes != NULL && lanes->n >= 1 && (lanes->first || lanes->rows >= 0), CRM_ERR_ARG,
              "lanes are missing or empty");
    if (lanes->first) return ragged_lanes_cover(lanes, n);
    CRM_CHECK(lanes->rows == n / lanes->n && n % lanes->n == 0, CRM_ERR_ARG,
              "%lld lanes of %lld rows do not make %lld rows", (long long)lanes->n,
              (long long)lanes->rows, (long long)n);
    return CRM_OK;
}

/* The result of one lane, [n][d] with rows ld apart, must end before that of the next begins. */
crm_status crm_ops_lanes_apart(const crm_lanes *lanes, int64_t n, int64_t d, int64_t ld)
{
    CRM_CHECK(lanes->n == 1 || lanes->stride >= (n - 1) * ld + d, CRM_ERR_ARG,
              "results of lanes are %lld elements apart, one has %lld", (long long)lanes->stride,
              (long long)((n - 1) * ld + d));
    return CRM_OK;
}

static crm_status activation(crm_act act)
{
    CRM_CHECK((unsigned)act < CRM_ACT_COUNT, CRM_ERR_ARG, "activation %d, there are %d", (int)act,
              (int)CRM_ACT_COUNT);
    return CRM_OK;
}

crm_status crm_op_linear(crm_device *d, const crm_tensor *x, const crm_tensor *w,
                         const crm_tensor *b, crm_act act, crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_LINEAR));
    CRM_TRY(activation(act));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("w", w, ANY, x->dim[1]));
    CRM_TRY(crm_ops_matrix("y", y, x->dim[0], w->dim[0]));
    if (b) CRM_TRY(crm_ops_vector("b", b, CRM_F32, w->dim[0]));
    return d->ops->linear(d->state, x, w, b, act, y);
}

crm_status crm_op_linear_bwd_x(crm_device *d, const crm_tensor *dy, const crm_tensor *w,
                               crm_tensor *dx)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_LINEAR_BWD_X));
    CRM_TRY(crm_ops_matrix("dy", dy, ANY, ANY));
    CRM_TRY(crm_ops_matrix("w", w, dy->dim[1], ANY));
    CRM_TRY(crm_ops_matrix("dx", dx, dy->dim[0], w->dim[1]));
    return d->ops->linear_bwd_x(d->state, dy, w, dx);
}

crm_status crm_op_linear_bwd_w(crm_device *d, const crm_tensor *x, const crm_tensor *dy,
                               const crm_lanes *lanes, crm_tensor *dw, crm_tensor *db)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_LINEAR_BWD_W));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("dy", dy, x->dim[0], ANY));
    CRM_TRY(crm_ops_lanes_cover(lanes, x->dim[0]));
    CRM_TRY(crm_ops_matrix("dw", dw, dy->dim[1], x->dim[1]));
    CRM_TRY(crm_ops_lanes_apart(lanes, dw->dim[0], dw->dim[1], dw->ld));
    if (db) CRM_TRY(crm_ops_vector("db", db, CRM_F32, dy->dim[1]));
    return d->ops->linear_bwd_w(d->state, x, dy, lanes, dw, db);
}

crm_status crm_op_act_bwd(crm_device *d, crm_act act, const crm_tensor *x, const crm_tensor *y,
                          crm_tensor *dy)
{
    bool from_input = act == CRM_ACT_SILU || act == CRM_ACT_GELU;
    const crm_tensor *src = from_input ? x : y;

    CRM_TRY(crm_ops_offered(d, CRM_OP_ACT_BWD));
    CRM_TRY(activation(act));
    CRM_TRY(crm_ops_matrix("dy", dy, ANY, ANY));
    if (act == CRM_ACT_NONE) return CRM_OK;
    CRM_TRY(crm_ops_matrix(from_input ? "x" : "y", src, dy->dim[0], dy->dim[1]));
    return d->ops->act_bwd(d->state, act, src, dy);
}

crm_status crm_op_embed(crm_device *d, const crm_tensor *code, const crm_tensor *table,
                        crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_EMBED));
    CRM_TRY(crm_ops_matrix("table", table, ANY, ANY));
    CRM_TRY(crm_ops_matrix("y", y, ANY, table->dim[1]));
    CRM_TRY(codes(code, y->dim[0]));
    return d->ops->embed(d->state, code, table, y);
}

crm_status crm_op_embed_bwd(crm_device *d, const crm_tensor *code, const crm_tensor *dy,
                            const crm_lanes *lanes, crm_tensor *dtable)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_EMBED_BWD));
    CRM_TRY(crm_ops_matrix("dy", dy, ANY, ANY));
    CRM_TRY(codes(code, dy->dim[0]));
    CRM_TRY(crm_ops_lanes_cover(lanes, dy->dim[0]));
    CRM_TRY(crm_ops_matrix("dtable", dtable, ANY, dy->dim[1]));
    CRM_TRY(crm_ops_lanes_apart(lanes, dtable->dim[0], dtable->dim[1], dtable->ld));
    return d->ops->embed_bwd(d->state, code, dy, lanes, dtable);
}

crm_status crm_op_dropout(crm_device *d, const crm_dropout *p, const crm_tensor *x, crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_DROPOUT));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("y", y, x->dim[0], x->dim[1]));
    CRM_CHECK(p->rate >= 0 && p->rate < 1, CRM_ERR_ARG, "dropout rate %g is not in [0, 1)",
              p->rate);
    CRM_CHECK(x->dim[1] <= DROPOUT_UNITS && p->layer < DROPOUT_LAYERS, CRM_ERR_ARG,
              "dropout of %lld units in layer %u: at most %d units and layers below %d",
              (long long)x->dim[1], p->layer, (int)DROPOUT_UNITS, (int)DROPOUT_LAYERS);
    CRM_CHECK(p->row_id != NULL || x->dim[0] == 0, CRM_ERR_ARG, "dropout without row ids");
    if (p->rate > 0) return d->ops->dropout(d->state, p, x, y);
    return x->data == y->data ? CRM_OK : d->ops->copy(d->state, x, y);
}

/* Shapes of an operation that takes each element of x to the same place of y. */
static crm_status same_shape(crm_device *d, crm_op op, const crm_tensor *x, const crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, op));
    CRM_TRY(crm_ops_matrix("x", x, ANY, ANY));
    CRM_TRY(crm_ops_matrix("y", y, x->dim[0], x->dim[1]));
    return CRM_OK;
}

crm_status crm_op_add(crm_device *d, const crm_tensor *x, crm_tensor *y)
{
    CRM_TRY(same_shape(d, CRM_OP_ADD, x, y));
    return d->ops->add(d->state, x, y);
}

crm_status crm_op_copy(crm_device *d, const crm_tensor *x, crm_tensor *y)
{
    CRM_TRY(same_shape(d, CRM_OP_COPY, x, y));
    return d->ops->copy(d->state, x, y);
}

crm_status crm_op_softmax(crm_device *d, const crm_tensor *logits, crm_tensor *proba)
{
    CRM_TRY(same_shape(d, CRM_OP_SOFTMAX, logits, proba));
    return d->ops->softmax(d->state, logits, proba);
}

crm_status crm_op_sigmoid(crm_device *d, const crm_tensor *logits, crm_tensor *proba)
{
    CRM_TRY(same_shape(d, CRM_OP_SIGMOID, logits, proba));
    return d->ops->sigmoid(d->state, logits, proba);
}

crm_status crm_op_sum_squares(crm_device *d, const crm_tensor *x, crm_tensor *out)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_SUM_SQUARES));
    CRM_TRY(crm_ops_vector("x", x, CRM_F32, ANY));
    CRM_TRY(crm_ops_vector("out", out, CRM_F64, (x->dim[0] + CRM_BLOCK - 1) / CRM_BLOCK));
    return d->ops->sum_squares(d->state, x, out);
}

static crm_status decay_ranges(const crm_decay *d)
{
    CRM_CHECK(d->n >= 0 && (d->bound || d->n == 0), CRM_ERR_ARG,
              "%lld ranges of weight decay without memory", (long long)d->n);
    return CRM_OK;
}

crm_status crm_op_adam(crm_device *d, const crm_adam *p, const crm_tensor *g, crm_tensor *w,
                       crm_tensor *m, crm_tensor *v)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_ADAM));
    CRM_TRY(crm_ops_vector("g", g, CRM_F32, ANY));
    CRM_TRY(crm_ops_vector("w", w, CRM_F32, g->dim[0]));
    CRM_TRY(crm_ops_vector("m", m, CRM_F32, g->dim[0]));
    CRM_TRY(crm_ops_vector("v", v, CRM_F32, g->dim[0]));
    CRM_CHECK(p->step >= 1, CRM_ERR_ARG, "Adam step %lld, the first is 1", (long long)p->step);
    CRM_CHECK(p->beta1 >= 0 && p->beta1 < 1 && p->beta2 >= 0 && p->beta2 < 1, CRM_ERR_ARG,
              "Adam with beta1 %g, beta2 %g: both must be in [0, 1)", p->beta1, p->beta2);
    CRM_TRY(decay_ranges(&p->decay));
    return d->ops->adam(d->state, p, g, w, m, v);
}

crm_status crm_op_sgd(crm_device *d, const crm_sgd *p, const crm_tensor *g, crm_tensor *w,
                      crm_tensor *m)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_SGD));
    CRM_TRY(crm_ops_vector("g", g, CRM_F32, ANY));
    CRM_TRY(crm_ops_vector("w", w, CRM_F32, g->dim[0]));
    if (m || p->momentum != 0) CRM_TRY(crm_ops_vector("m", m, CRM_F32, g->dim[0]));
    CRM_TRY(decay_ranges(&p->decay));
    return d->ops->sgd(d->state, p, g, w, m);
}
