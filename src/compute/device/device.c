/* device.c - what all devices share: the handle, memory, tensor descriptions, names. */
#include "device_impl.h"

#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

const char *const crm_act_names[] = {"none", "relu", "tanh", "sigmoid", "silu", "gelu", NULL};
_Static_assert(sizeof crm_act_names / sizeof *crm_act_names == CRM_ACT_COUNT + 1,
               "a name for each activation");

static const char *const op_names[] = {
    "linear",     "linear_bwd_x",  "linear_bwd_w", "act_bwd",    "embed",        "embed_bwd",
    "bag",        "bag_bwd",       "dropout",      "add",        "copy",         "softmax",
    "sigmoid",    "ce_loss",       "bce_loss",     "huber_loss", "poisson_loss", "pool",
    "pool_bwd",   "attend",        "attend_bwd",   "conv",       "conv_bwd_x",   "conv_bwd_w",
    "text_conv",  "text_conv_bwd", "rnn",          "rnn_bwd",    "sum_squares",  "adam",
    "sgd",        "take",          "gather",       "combine",    "norm",         "tally",
    "drop_words",
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

crm_status crm_device_wrap(const crm_device_ops *ops, void *state, const crm_device_words *words,
                           crm_device **out)
{
    crm_device *d;

    *out = NULL;
    CRM_CHECK(ops->abi == CRM_DEVICE_ABI, CRM_ERR_DEVICE,
              "device %s was built for ops table %d, this program has %d: build both from the same "
              "source",
              words->name, ops->abi, (int)CRM_DEVICE_ABI);
    CRM_NEW(d, 1);
    d->ops = ops;
    d->state = state;
    d->words = *words;
    d->sharers = 1;
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
    return d->words.name;
}

const char *crm_device_id(const crm_device *d)
{
    return d->words.id;
}

const char *crm_device_arithmetic(const crm_device *d)
{
    return d->words.arithmetic;
}

const char *crm_device_instead(const crm_device *d)
{
    return d->instead;
}

bool crm_device_is_host(const crm_device *d)
{
    return d->ops->host_memory;
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

crm_status crm_buf_zero(crm_device *d, void *buf, size_t bytes)
{
    return bytes == 0 ? CRM_OK : d->ops->zero(d->state, buf, bytes);
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

/* ---- what only a device with queues has ---- */

static bool slot_fits(int slot, int n)
{
    return slot >= 0 && slot < n;
}

#define AHEAD(name)                                                                                \
    crm_status crm_##name(crm_device *d, int slot)                                                 \
    {                                                                                              \
        CRM_CHECK(slot_fits(slot, CRM_AHEAD_SLOTS), CRM_ERR_ARG, "slot %d of %d", slot,            \
                  (int)CRM_AHEAD_SLOTS);                                                           \
        return d->ops->name ? d->ops->name(d->state, slot) : CRM_OK;                               \
    }
AHEAD(ahead_begin)
AHEAD(ahead_end)
AHEAD(ahead_use)
AHEAD(ahead_done)

crm_status crm_later_download(crm_device *d, int ticket, const void *src, size_t bytes)
{
    CRM_CHECK(slot_fits(ticket, CRM_LATER_SLOTS) && bytes <= CRM_LATER_MAX, CRM_ERR_ARG,
              "%zu bytes for ticket %d: at most %d bytes, tickets below %d", bytes, ticket,
              (int)CRM_LATER_MAX, (int)CRM_LATER_SLOTS);
    if (d->ops->later_download) return d->ops->later_download(d->state, ticket, src, bytes);
    memcpy(d->later[ticket], src, bytes);
    return CRM_OK;
}

crm_status crm_later_ready(crm_device *d, int ticket, bool *ready)
{
    *ready = true;
    CRM_CHECK(slot_fits(ticket, CRM_LATER_SLOTS), CRM_ERR_ARG, "ticket %d: tickets below %d",
              ticket, (int)CRM_LATER_SLOTS);
    return d->ops->later_ready ? d->ops->later_ready(d->state, ticket, ready) : CRM_OK;
}

crm_status crm_later_get(crm_device *d, int ticket, void *host, size_t bytes)
{
    CRM_CHECK(slot_fits(ticket, CRM_LATER_SLOTS) && bytes <= CRM_LATER_MAX, CRM_ERR_ARG,
              "%zu bytes of ticket %d: at most %d bytes, tickets below %d", bytes, ticket,
              (int)CRM_LATER_MAX, (int)CRM_LATER_SLOTS);
    if (d->ops->later_get) return d->ops->later_get(d->state, ticket, host, bytes);
    memcpy(host, d->later[ticket], bytes);
    return CRM_OK;
}

crm_status crm_graph_begin(crm_device *d, const void *key, size_t bytes, bool *known)
{
    *known = false;
    if (!d->ops->graph_begin) return CRM_OK;
    return d->ops->graph_begin(d->state, key, bytes, known, &d->capturing);
}

/* What a call complained of while it was captured is told and forgotten: it is made again. */
crm_status crm_graph_end(crm_device *d, crm_status calls, bool *again)
{
    crm_status st;

    *again = false;
    d->capturing = false;
    if (!d->ops->graph_end) return calls;
    st = d->ops->graph_end(d->state, calls == CRM_OK, again);
    if (!*again) return calls ? calls : st;
    if (calls) {
        crm_log_line(CRM_LOG_WARN, "device", "the capture ended with: %s", crm_err_text());
        crm_err_clear();
    }
    return st;
}

void crm_graph_forget(crm_device *d)
{
    d->capturing = false;
    if (d->ops->graph_forget) d->ops->graph_forget(d->state);
}

crm_status crm_device_use(crm_device *d, crm_device_usage *out)
{
    *out = (crm_device_usage){.energy = -1,
                              .bytes = -1,
                              .peak_bytes = -1,
                              .total_bytes = -1,
                              .free_bytes = -1,
                              .graphs = 0};
    return d->ops->usage ? d->ops->usage(d->state, out) : CRM_OK;
}

void crm_device_set_shared(crm_device *d, int ranks)
{
    d->sharers = ranks > 1 ? ranks : 1;
}

int crm_device_sharers(const crm_device *d)
{
    return d->sharers;
}

bool crm_device_shared(const crm_device *d)
{
    return d->sharers > 1;
}
