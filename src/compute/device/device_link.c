/* device_link.c - transport between devices: checks what all kinds share, then calls the device's
 * table. */
#include "device_impl.h"

#include "crmpi/base_mem.h"

struct crm_link {
    const crm_link_ops *ops;
    void *state; /* what the device keeps behind it */
    int size;
    bool dead; /* aborted: nothing is enqueued any more */
};

bool crm_link_offered(const crm_device *d, const char **why)
{
    const char *reason = d->ops->no_link ? d->ops->no_link : "it is no GPU";

    if (why) *why = d->ops->link ? NULL : reason;
    return d->ops->link != NULL;
}

static crm_status check_offered(const crm_device *d)
{
    const char *why;

    CRM_CHECK(crm_link_offered(d, &why), CRM_ERR_DEVICE,
              "device %s has no transport to other devices: %s; set gpu.transport=mpi",
              d->words.name, why);
    return CRM_OK;
}

crm_status crm_link_id(crm_device *d, unsigned char id[CRM_LINK_ID])
{
    CRM_TRY(check_offered(d));
    return d->ops->link->id(d->state, id);
}

crm_status crm_link_open(crm_device *d, const unsigned char id[CRM_LINK_ID], int rank, int size,
                         double timeout, crm_link **out)
{
    crm_link *l;
    crm_status st;

    *out = NULL;
    CRM_TRY(check_offered(d));
    CRM_NEW(l, 1);
    l->ops = d->ops->link;
    l->size = size;
    CRM_TRY_TO(st, failed, l->ops->open(d->state, id, rank, size, timeout, &l->state));
    *out = l;
    return CRM_OK;
failed:
    crm_mem_free(l);
    return st;
}

static crm_status check_alive(const crm_link *l)
{
    CRM_CHECK(!l->dead, CRM_ERR_COMM,
              "the transport between devices was given up after an earlier error");
    return CRM_OK;
}

static crm_status check_peers(const crm_link *l, const crm_link_part *part, int n)
{
    for (int i = 0; i < n; i++)
        CRM_CHECK(part[i].peer >= 0 && part[i].peer < l->size, CRM_ERR_ARG,
                  "part %d is for rank %d of %d", i, part[i].peer, l->size);
    return CRM_OK;
}

crm_status crm_link_after(crm_link *l)
{
    CRM_TRY(check_alive(l));
    return l->ops->after(l->state);
}

crm_status crm_link_mark(crm_link *l, int i)
{
    CRM_TRY(check_alive(l));
    CRM_CHECK(i >= 0, CRM_ERR_ARG, "mark %d", i);
    return l->ops->mark(l->state, i);
}

crm_status crm_link_after_mark(crm_link *l, int i)
{
    CRM_TRY(check_alive(l));
    CRM_CHECK(i >= 0, CRM_ERR_ARG, "mark %d", i);
    return l->ops->after_mark(l->state, i);
}

crm_status crm_link_move(crm_link *l, const crm_link_part *send, int n_send,
                         const crm_link_part *recv, int n_recv)
{
    CRM_TRY(check_alive(l));
    CRM_TRY(check_peers(l, send, n_send));
    CRM_TRY(check_peers(l, recv, n_recv));
    return n_send + n_recv > 0 ? l->ops->move(l->state, send, n_send, recv, n_recv) : CRM_OK;
}

crm_status crm_link_gather(crm_link *l, const crm_link_part *part, int n)
{
    CRM_TRY(check_alive(l));
    return n > 0 ? l->ops->gather(l->state, part, n) : CRM_OK;
}

crm_status crm_link_sum(crm_link *l, float *v, int64_t n)
{
    CRM_TRY(check_alive(l));
    return n > 0 ? l->ops->sum(l->state, v, n) : CRM_OK;
}

crm_status crm_link_use(crm_link *l)
{
    CRM_TRY(check_alive(l));
    return l->ops->use(l->state);
}

crm_status crm_link_check(crm_link *l, bool *idle)
{
    crm_status st;

    *idle = false;
    CRM_TRY(check_alive(l));
    st = l->ops->check(l->state, idle);
    if (st) crm_link_abort(l);
    return st;
}

void crm_link_abort(crm_link *l)
{
    if (!l->dead) l->ops->abort(l->state);
    l->dead = true;
}

void crm_link_free(crm_link **lp)
{
    crm_link *l = *lp;

    if (!l) return;
    l->ops->close(l->state);
    crm_mem_free(l);
    *lp = NULL;
}
