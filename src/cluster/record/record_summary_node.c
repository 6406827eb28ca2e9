/* record_summary_node.c - values of summary.json read with the way to them, so that an error names
 * its place. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_summary_impl.h"

static void where(const node *n, crm_str *out)
{
    if (!n->up) {
        crm_str_addf(out, "%s: ", n->key);
        return;
    }
    where(n->up, out);
    if (n->key)
        crm_str_addf(out, "%s%s", n->up->up ? "." : "", n->key);
    else
        crm_str_addf(out, "[%zu]", n->index);
}

crm_status crm_record_node_wrong(const node *n, const char *expected)
{
    crm_str place = {0};
    crm_status st;

    where(n, &place);
    CRM_SET(st, CRM_ERR_FORMAT, "%s: %s is expected, %s", place.text ? place.text : "summary",
            expected, n->v ? "another value is there" : "nothing is there");
    crm_str_free(&place);
    return st;
}

node crm_record_node_child(const node *up, const char *key)
{
    return (node){.up = up, .key = key, .v = json_object_get(up->v, key)};
}

node crm_record_node_item(const node *up, size_t i)
{
    return (node){.up = up, .index = i, .v = json_array_get(up->v, i)};
}

crm_status crm_record_node_text_of(const node *n, char **out)
{
    if (!json_is_string(n->v)) return crm_record_node_wrong(n, "a text");
    *out = crm_mem_strdup(json_string_value(n->v));
    CRM_CHECK(*out, CRM_ERR_NOMEM, "out of memory: summary");
    return CRM_OK;
}

crm_status crm_record_node_text(const node *up, const char *key, char **out)
{
    const node n = crm_record_node_child(up, key);

    return crm_record_node_text_of(&n, out);
}

crm_status crm_record_node_real_of(const node *n, double *out)
{
    if (!json_is_number(n->v) && !json_is_null(n->v))
        return crm_record_node_wrong(n, "a number or null");
    *out = json_is_null(n->v) ? (double)NAN : json_number_value(n->v);
    return CRM_OK;
}

crm_status crm_record_node_real(const node *up, const char *key, double *out)
{
    const node n = crm_record_node_child(up, key);

    return crm_record_node_real_of(&n, out);
}

crm_status crm_record_node_new_text(const node *up, const char *key, char **out)
{
    const node n = crm_record_node_child(up, key);

    return !n.v || json_is_null(n.v) ? CRM_OK : crm_record_node_text_of(&n, out);
}

crm_status crm_record_node_new_real(const node *up, const char *key, double *out)
{
    const node n = crm_record_node_child(up, key);

    *out = (double)NAN;
    return n.v ? crm_record_node_real_of(&n, out) : CRM_OK;
}

crm_status crm_record_node_count_of(const node *n, int64_t max, int64_t *out)
{
    json_int_t v = json_integer_value(n->v);

    if (!json_is_integer(n->v) || v < 0 || v > max) return crm_record_node_wrong(n, "a count");
    *out = v;
    return CRM_OK;
}

crm_status crm_record_node_count(const node *up, const char *key, int64_t *out)
{
    const node n = crm_record_node_child(up, key);

    return crm_record_node_count_of(&n, INT64_MAX, out);
}

crm_status crm_record_node_int(const node *up, const char *key, int *out)
{
    const node n = crm_record_node_child(up, key);
    int64_t v = 0;

    CRM_TRY(crm_record_node_count_of(&n, INT_MAX, &v));
    *out = (int)v;
    return CRM_OK;
}

crm_status crm_record_node_list(const node *up, const char *key, node *out, int *n)
{
    *out = crm_record_node_child(up, key);
    if (!json_is_array(out->v)) return crm_record_node_wrong(out, "a list");
    *n = (int)json_array_size(out->v);
    return CRM_OK;
}

crm_status crm_record_node_object(const node *up, const char *key, node *out)
{
    *out = crm_record_node_child(up, key);
    return json_is_object(out->v) ? CRM_OK : crm_record_node_wrong(out, "an object");
}

crm_status crm_record_node_interval(const node *up, const char *key, double ci[2])
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(up, key, &list, &n));
    if (n != 2) return crm_record_node_wrong(&list, "a list of 2 numbers");
    for (size_t i = 0; i < 2; i++) {
        const node one = crm_record_node_item(&list, i);
        CRM_TRY(crm_record_node_real_of(&one, &ci[i]));
    }
    return CRM_OK;
}

crm_status crm_record_node_texts(const node *up, const char *key, char ***out, int *filled)
{
    node list;
    int n = 0;

    CRM_TRY(crm_record_node_list(up, key, &list, &n));
    CRM_NEW(*out, n);
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(crm_record_node_text_of(&one, &(*out)[i]));
        *filled = i + 1;
    }
    return CRM_OK;
}

/* A list of n items. */
static crm_status list_of(const node *up, const char *key, int n, node *out)
{
    int items = 0;

    CRM_TRY(crm_record_node_list(up, key, out, &items));
    return items == n ? CRM_OK : crm_record_node_wrong(out, "a list as long as the one beside it");
}

crm_status crm_record_node_reals(const node *up, const char *key, int n, double *out)
{
    node list;

    CRM_TRY(list_of(up, key, n, &list));
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(crm_record_node_real_of(&one, &out[i]));
    }
    return CRM_OK;
}

crm_status crm_record_node_counts(const node *up, const char *key, int n, int64_t *out)
{
    node list;

    CRM_TRY(list_of(up, key, n, &list));
    for (int i = 0; i < n; i++) {
        const node one = crm_record_node_item(&list, (size_t)i);
        CRM_TRY(crm_record_node_count_of(&one, INT64_MAX, &out[i]));
    }
    return CRM_OK;
}

crm_status crm_record_node_new_interval(const node *up, const char *key, double ci[2])
{
    const node n = crm_record_node_child(up, key);

    ci[0] = ci[1] = (double)NAN;
    return n.v ? crm_record_node_interval(up, key, ci) : CRM_OK;
}

crm_status crm_record_node_new_object(const node *up, const char *key, node *out, bool *present)
{
    *out = crm_record_node_child(up, key);
    *present = out->v && !json_is_null(out->v);
    return *present ? crm_record_node_object(up, key, out) : CRM_OK;
}
