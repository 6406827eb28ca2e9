/* device.c - what all devices share: the handle, memory, tensor descriptions, names. */
#include "device_impl.h"

#include <stdio.h>

#include "crmpi/base_mem.h"

const char *const crm_act_names[] = {"none", "relu", "tanh", "sigmoid", "silu", "gelu", NULL};
_Static_assert(sizeof crm_act_names / sizeof *crm_act_names == CRM_ACT_COUNT + 1,
               "a name for each activation");

static const char *const op_names[] = {
    "linear",     "linear_bwd_x", "linear_bwd_w", "act_bwd",    "embed",     "embed_bwd",
    "dropout",    "add",          "copy",         "softmax",    "sigmoid",   "ce_loss",
    "bce_loss",   "huber_loss",   "poisson_loss", "pool",       "pool_bwd",  "attend",
    "attend_bwd", "conv",         "conv_bwd_x",   "conv_bwd_w", "text_conv", "text_conv_bwd",
    "rnn",        "rnn_bwd",      "sum_squares",  "adam",       "sgd",
};
_Static_assert(sizeof op_names / sizeof *op_names == CRM_OP_COUNT, "a name for each operation");

const char *crm_op_name(crm_op op)
{
    return (unsigned)op < CRM_OP_COUNT ? op_names[op] : "?";
}

crm_tensor crm_tensor_1d(void *data, crm_dtype t, int64_t n)
{
    return (crm_tensor){.data = data, .dtype = t, .rank = 1, .dim = {n}, .ld = 1};
}

crm_tensor crm_tensor_2d(void *data, crm_dtype t, int64_t n, int64_t d)
{
    return (crm_tensor){.data = data, .dtype = t, .rank = 2, .dim = {n, d}, .ld = d};
}

crm_tensor crm_tensor_columns(const crm_tensor *x, int64_t first, int64_t d)
{
    crm_tensor t = *x;

    t.data = (char *)x->data + (size_t)first * crm_dtype_size(x->dtype);
    t.dim[1] = d;
    return t;
}

crm_status crm_device_wrap(const crm_device_ops *ops, void *state, const char *name,
                           crm_device **out)
{
    crm_device *d;

    *out = NULL;
    CRM_CHECK(ops->abi == CRM_DEVICE_ABI, CRM_ERR_DEVICE,
              "device %s was built for ops table %d, this program has %d: build both from the same "
              "source",
              name, ops->abi, (int)CRM_DEVICE_ABI);
    CRM_NEW(d, 1);
    d->ops = ops;
    d->state = state;
    snprintf(d->name, sizeof d->name, "%s", name);
    *out = d;
    return CRM_OK;
}

void crm_device_free(crm_device **d)
{
    if (!*d) return;
    (*d)->ops->close((*d)->state);
    crm_mem_free(*d);
    *d = NULL;
}

const char *crm_device_name(const crm_device *d)
{
    return d->name;
}

bool crm_device_offers(const crm_device *d, crm_op op)
{
    return (unsigned)op < CRM_OP_COUNT && (d->ops->offered & CRM_OFFER(op)) != 0;
}

crm_status crm_buf_new(crm_device *d, size_t bytes, void **out)
{
    *out = NULL;
    return d->ops->buf_new(d->state, bytes, out);
}

void crm_buf_free(crm_device *d, void *buf)
{
    if (buf) d->ops->buf_free(d->state, buf);
}

crm_status crm_buf_upload(crm_device *d, void *dst, const void *host, size_t bytes)
{
    return bytes == 0 ? CRM_OK : d->ops->upload(d->state, dst, host, bytes);
}

crm_status crm_buf_download(crm_device *d, const void *src, void *host, size_t bytes)
{
    return bytes == 0 ? CRM_OK : d->ops->download(d->state, src, host, bytes);
}

crm_status crm_device_sync(crm_device *d)
{
    return d->ops->sync(d->state);
}
