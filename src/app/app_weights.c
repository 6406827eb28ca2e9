/* app_weights.c - parameters of nets from files: --init of train, --weights of predict. */
#include <stdio.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/store.h"

/* A model that averages nets has the parameters of each under "member<k>/". */
static int member_of(const char *name)
{
    int k;

    return sscanf(name, "member%d/", &k) == 1 && k >= 0 ? k : -1;
}

/* The 32-bit numbers of a fitted estimator are its parameters. */
static crm_status take_parameters(crm_bag *model, const char *path, crm_bag *out)
{
    crm_status st = CRM_OK;
    int members = 0;

    CRM_TRY(crm_bag_push(model, "estimator"));
    for (int i = 0; i < crm_bag_count(model) && !st; i++) {
        const crm_bag_array *a = crm_bag_at(model, i);
        if (member_of(a->name) >= members) members = member_of(a->name) + 1;
        if (a->dtype == CRM_F32) st = crm_bag_put(out, a->name, a->dtype, a->rank, a->dim, a->data);
    }
    crm_bag_pop(model);
    if (!st && members > 0)
        CRM_SET(st, CRM_ERR_FORMAT,
                "%s: averages %d nets (train.members), parameters of one net are needed", path,
                members);
    if (!st && crm_bag_count(out) == 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s: is a model without parameters of a net", path);
    return st;
}

static crm_status read_model(const char *path, crm_bag **out)
{
    crm_bag *model;
    crm_status st;

    CRM_TRY(crm_bag_read(path, CRM_MODEL_KIND, &model));
    st = crm_bag_new(out);
    if (!st) st = take_parameters(model, path, *out);
    crm_bag_free(&model);
    if (st) crm_bag_free(out);
    return st;
}

static crm_status read_any(const char *path, crm_bag **out)
{
    bool ours;

    CRM_TRY(crm_store_is_ours(path, &ours));
    return ours ? read_model(path, out) : crm_bag_read_plain(path, out);
}

/* Ranks on other nodes may see another file. */
static crm_status same_everywhere(app *a, const char *path, crm_digest mine)
{
    crm_digest first = mine;
    crm_status st = CRM_OK;

    CRM_TRY(crm_comm_bcast(a->world, 0, &first, sizeof first));
    if (first.hi != mine.hi || first.lo != mine.lo)
        CRM_SET(st, CRM_ERR_IO, "%s: rank %d reads another content than rank 0", path,
                crm_comm_rank(a->world));
    return crm_comm_agree(a->world, st);
}

crm_status app_read_weights(app *a, const char *path, crm_bag **out, crm_digest *digest)
{
    crm_digest d = {0};
    crm_status st;

    *out = NULL;
    st = read_any(path, out);
    if (!st) st = crm_bag_digest(*out, NULL, &d);
    st = crm_comm_agree(a->world, st);
    if (!st) st = same_everywhere(a, path, d);
    if (digest) *digest = d;
    if (st) crm_bag_free(out);
    return st;
}
