/* ckpt_plain.c - a bag from an HDF5 file that another program wrote. */
#include <stdio.h>

#include "ckpt_impl.h"
#include "crmpi/store.h"

typedef struct reading {
    const char *path;
    crm_bag *bag;
} reading;

static crm_status take(void *ctx, const char *name, int rank, const int64_t *dim, int64_t n,
                       const float *data)
{
    const reading *r = ctx;
    char dotted[CRM_BAG_NAME_MAX];
    const char *fault;

    (void)n;
    snprintf(dotted, sizeof dotted, "%s", name);
    for (char *c = dotted; *c; c++)
        if (*c == '/') *c = '.';
    fault = crm_store_name_fault(dotted);
    CRM_CHECK(!fault, CRM_ERR_FORMAT, "%s: the name \"%s\" is not allowed: %s", r->path, dotted,
              fault);
    CRM_CHECK(!crm_bag_find(r->bag, dotted), CRM_ERR_FORMAT,
              "%s: the name %s is there twice, with '.' and with groups", r->path, dotted);
    return crm_bag_put(r->bag, dotted, CRM_F32, rank, dim, data);
}

crm_status crm_bag_read_plain(const char *path, crm_bag **out)
{
    reading r = {.path = path};
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_bag_new(&r.bag));
    st = crm_store_read_plain(path, take, &r);
    if (!st && crm_bag_count(r.bag) == 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: holds no data set of numbers", path);
    if (st)
        crm_bag_free(&r.bag);
    else
        *out = r.bag;
    return st;
}
