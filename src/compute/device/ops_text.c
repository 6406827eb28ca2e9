/* ops_text.c - shapes of text convolutions, then the call of the device (ops.c has the rest). */
#include "device_impl.h"

/* Positions are exact in float, and in int32. */
enum { LENGTH_MAX = 1 << 24 };

static crm_status kernels(const crm_text_conv *p)
{
    CRM_CHECK(p != NULL, CRM_ERR_ARG, "text convolution without a description");
    CRM_CHECK(p->n_kernels >= 1 && p->n_kernels <= CRM_TEXT_KERNELS, CRM_ERR_ARG,
              "text convolution with %d kernels, 1 to %d are possible", p->n_kernels,
              (int)CRM_TEXT_KERNELS);
    CRM_CHECK(p->length >= 1 && p->length <= LENGTH_MAX, CRM_ERR_ARG,
              "documents of %lld tokens, 1 to %d are possible", (long long)p->length,
              (int)LENGTH_MAX);
    for (int k = 0; k < p->n_kernels; k++)
        CRM_CHECK(p->kernel[k] >= 1 && p->kernel[k] <= p->length, CRM_ERR_ARG,
                  "kernel %d is %lld tokens wide, 1 to %lld are possible", k,
                  (long long)p->kernel[k], (long long)p->length);
    CRM_CHECK(p->act == CRM_ACT_NONE || p->act == CRM_ACT_RELU || p->act == CRM_ACT_TANH ||
                  p->act == CRM_ACT_SIGMOID,
              CRM_ERR_ARG, "text convolution with activation %d, a monotone one is needed",
              (int)p->act);
    CRM_CHECK(p->n_docs >= 0 && (p->n_docs == 0 || p->first != NULL), CRM_ERR_ARG,
              "text convolution of %lld documents, %s", (long long)p->n_docs,
              p->first ? "0 is the least" : "and no word of where they begin");
    return CRM_OK;
}

/* Weights, or their gradients, with `filters` filters to a kernel. */
static crm_status weights(const crm_text_conv *p, const crm_text_weights *w, int64_t filters,
                          int64_t e)
{
    for (int k = 0; k < p->n_kernels; k++) {
        CRM_TRY(crm_ops_cube("w", &w->w[k], filters, e, p->kernel[k]));
        CRM_TRY(crm_ops_vector("b", &w->b[k], CRM_F32, filters));
    }
    return CRM_OK;
}

/* All that both directions share. */
static crm_status shapes(const crm_text_conv *p, const crm_text_weights *w, const char *name,
                         const crm_tensor *y)
{
    int64_t filters;

    CRM_TRY(kernels(p));
    CRM_CHECK(w != NULL, CRM_ERR_ARG, "text convolution without weights");
    CRM_TRY(crm_ops_matrix("table", &w->table, CRM_OPS_ANY, CRM_OPS_ANY));
    filters = w->w[0].dim[0];
    CRM_CHECK(filters >= 1, CRM_ERR_ARG, "text convolution with %lld filters, 1 is the least",
              (long long)filters);
    CRM_TRY(weights(p, w, filters, w->table.dim[1]));
    CRM_TRY(crm_ops_matrix(name, y, p->n_docs, p->n_kernels * filters));
    return CRM_OK;
}

/* arg is i32 of the shape of y. */
static crm_status positions(const crm_tensor *arg, const crm_tensor *y)
{
    crm_tensor t;

    CRM_CHECK(arg != NULL, CRM_ERR_ARG, "tensor arg is missing");
    CRM_CHECK(arg->dtype == CRM_I32, CRM_ERR_ARG, "tensor arg is %s, %s is needed",
              crm_dtype_name(arg->dtype), crm_dtype_name(CRM_I32));
    t = *arg;
    t.dtype = CRM_F32;
    return crm_ops_matrix("arg", &t, y->dim[0], y->dim[1]);
}

crm_status crm_op_text_conv(crm_device *d, const crm_text_conv *p, const crm_text_weights *w,
                            crm_tensor *y, crm_tensor *arg)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_TEXT_CONV));
    CRM_TRY(shapes(p, w, "y", y));
    if (arg) CRM_TRY(positions(arg, y));
    return d->ops->text_conv(d->state, p, w, y, arg);
}

crm_status crm_op_drop_words(crm_device *d, const crm_dropout *p, const crm_doc_tokens *of,
                             const crm_tensor *x, crm_tensor *y)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_DROP_WORDS));
    CRM_TRY(crm_ops_vector("x", x, CRM_I32, CRM_OPS_ANY));
    CRM_TRY(crm_ops_vector("y", y, CRM_I32, x->dim[0]));
    CRM_CHECK(p->rate >= 0 && p->rate < 1, CRM_ERR_ARG, "dropout rate %g is not in [0, 1)",
              p->rate);
    CRM_CHECK(of->n >= 0 && of->n_docs >= 0 && of->length >= 1 && of->length <= LENGTH_MAX &&
                  (of->n == 0 || (of->first && of->token_first && p->row_id)),
              CRM_ERR_ARG, "dropout of words of %lld samples without documents or row ids",
              (long long)of->n);
    return x->dim[0] > 0 ? d->ops->drop_words(d->state, p, of, x, y) : CRM_OK;
}

/* Gradients have the shapes of the weights; those of two lanes do not overlap. */
static crm_status gradients(const crm_text_conv *p, const crm_text_weights *w,
                            const crm_lanes *lanes, const crm_text_weights *dw, bool learn_table)
{
    int64_t filters = w->b[0].dim[0], v = w->table.dim[0], e = w->table.dim[1];

    CRM_CHECK(dw != NULL, CRM_ERR_ARG, "text convolution without memory for gradients");
    CRM_TRY(weights(p, dw, filters, e));
    for (int k = 0; k < p->n_kernels; k++)
        CRM_TRY(crm_ops_lanes_apart(lanes, filters, dw->w[k].ld, dw->w[k].ld));
    if (!learn_table) return CRM_OK;
    CRM_TRY(crm_ops_matrix("dtable", &dw->table, v, e));
    return crm_ops_lanes_apart(lanes, v, e, dw->table.ld);
}

crm_status crm_op_text_conv_bwd(crm_device *d, const crm_text_conv *p, const crm_text_weights *w,
                                const crm_tensor *arg, const crm_tensor *dy, const crm_lanes *lanes,
                                crm_text_weights *dw, bool learn_table)
{
    CRM_TRY(crm_ops_offered(d, CRM_OP_TEXT_CONV_BWD));
    CRM_TRY(shapes(p, w, "dy", dy));
    CRM_TRY(positions(arg, dy));
    CRM_TRY(crm_ops_lanes_cover(lanes, p->n_docs));
    CRM_TRY(gradients(p, w, lanes, dw, learn_table));
    return d->ops->text_conv_bwd(d->state, p, w, arg, dy, lanes, dw, learn_table);
}
