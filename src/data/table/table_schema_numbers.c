/* table_schema_numbers.c - which names products and ratios can have: numbers of the profile, and
 * what is made of events and documents.  Only of shares the names are not known before the rows are
 * read: which categories there are. */
#include <string.h>

#include "crmpi/base_str.h"
#include "table_relate.h"
#include "table_schema_impl.h"

typedef struct search {
    const char *name;
    bool found;
    int distance; /* of the nearest name */
    char near[CRM_PATH_TEXT_MAX];
} search;

static void look_at(search *x, const char *name)
{
    int distance = crm_edit_distance(x->name, name);

    x->found |= strcmp(x->name, name) == 0;
    if (distance >= x->distance || strlen(name) >= sizeof x->near) return;
    x->distance = distance;
    memcpy(x->near, name, strlen(name) + 1);
}

static crm_status look_at_feature(void *ctx, const table_feature *f, const char *name)
{
    search *x = ctx;
    size_t len = strlen(name);

    if (f->op == TABLE_SHARE)
        x->found |= strncmp(x->name, name, len) == 0 && x->name[len];
    else
        look_at(x, name);
    return CRM_OK;
}

static void look_at_profile(schema_reader *r, search *x)
{
    const unsigned numbers = 1 << CRM_FIELD_INTEGER | 1 << CRM_FIELD_REAL | 1 << CRM_FIELD_BOOLEAN;

    for (int i = 0; i < r->pub.n_profile; i++) {
        const crm_path *p = &r->pub.profile[i];
        crm_str text = {0};
        if (!(numbers >> crm_table_schema_field(&r->pub, p)->type & 1)) continue;
        crm_table_path_text(&r->pub, r->pub.entity, p, &text);
        r->nomem |= text.failed;
        if (text.text) look_at(x, text.text);
        crm_str_free(&text);
    }
}

void crm_table_schema_number(schema_reader *r, const crm_node *node, const char *name)
{
    search x = {.name = name, .distance = (int)strlen(name) / 3 + 2};
    crm_status st = CRM_OK;

    look_at_profile(r, &x);
    for (int t = 0; t < r->pub.n; t++)
        for (int documents = 0; documents < 2 && !st; documents++)
            st = crm_table_features_each(&r->pub, t, documents, look_at_feature, &x);
    r->nomem |= st != CRM_OK;
    if (st) crm_err_clear();
    if (x.found || st) return;
    crm_node_wrong(r->tree, node,
                   "is no number of the data set%s%s%s; allowed: numbers of the profile, and what "
                   "windows and aggregates make of events, such as orders.count.12m",
                   x.near[0] ? " (nearest: " : "", x.near, x.near[0] ? ")" : "");
}
