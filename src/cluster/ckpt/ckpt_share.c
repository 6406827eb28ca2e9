/* ckpt_share.c - a bag from one rank to all: only that rank need read its file. */
#include <string.h>

#include "ckpt_impl.h"
#include "crmpi/base_mem.h"

/* What goes before the bytes of an entry. */
typedef struct packed {
    int64_t text, dtype, rank, n, bytes;
    int64_t dim[CRM_BAG_MAX_RANK];
    char name[CRM_BAG_NAME_MAX];
} packed;

static size_t packed_size(const crm_bag *b)
{
    size_t all = 0;

    for (int i = 0; i < b->n; i++)
        all += sizeof(packed) + b->entry[i]->bytes;
    return all;
}

static void pack(const crm_bag *b, char *to)
{
    for (int i = 0; i < b->n; i++) {
        const bag_entry *e = b->entry[i];
        packed head = {.text = e->text,
                       .dtype = e->view.dtype,
                       .rank = e->view.rank,
                       .n = e->view.n,
                       .bytes = (int64_t)e->bytes};
        memcpy(head.dim, e->view.dim, sizeof head.dim);
        memcpy(head.name, e->name, strlen(e->name) + 1);
        memcpy(to, &head, sizeof head);
        if (e->bytes > 0) memcpy(to + sizeof head, e->data, e->bytes);
        to += sizeof head + e->bytes;
    }
}

static crm_status put_texts(crm_bag *b, const packed *head, const char *text)
{
    const char **item;
    crm_status st;

    CRM_NEW(item, head->n);
    for (int64_t i = 0; i < head->n; i++, text += strlen(text) + 1)
        item[i] = text;
    st = crm_bag_put_list(b, head->name, head->n, item);
    crm_mem_free(item);
    return st;
}

static crm_status unpack(const char *from, size_t bytes, crm_bag **out)
{
    const char *end = from + bytes;
    crm_bag *b;
    crm_status st;
    packed head;

    CRM_TRY(crm_bag_new(&b));
    for (st = CRM_OK; from < end && !st; from += sizeof head + (size_t)head.bytes) {
        memcpy(&head, from, sizeof head);
        st = head.text ? put_texts(b, &head, from + sizeof head)
                       : crm_bag_put(b, head.name, (crm_dtype)head.dtype, (int)head.rank, head.dim,
                                     from + sizeof head);
    }
    if (st)
        crm_bag_free(&b);
    else
        *out = b;
    return st;
}

crm_status crm_bag_bcast(crm_comm *c, int root, crm_bag **b)
{
    bool mine = crm_comm_rank(c) == root;
    int64_t size = mine && *b ? (int64_t)packed_size(*b) : -1; /* -1: no bag */
    char *bytes = NULL;
    crm_status st = CRM_OK;

    if (crm_comm_size(c) == 1) return CRM_OK;
    if (!mine) *b = NULL;
    CRM_TRY(crm_comm_bcast(c, root, &size, sizeof size));
    if (size < 0) return CRM_OK;
    CRM_NEW_TO(st, agree, bytes, size);
    if (mine) pack(*b, bytes);
agree:
    st = crm_comm_agree(c, st);
    if (!st) st = crm_comm_bcast(c, root, bytes, (size_t)size);
    if (!st) st = crm_comm_agree(c, mine ? CRM_OK : unpack(bytes, (size_t)size, b));
    if (st && !mine) crm_bag_free(b);
    crm_mem_free(bytes);
    return st;
}
