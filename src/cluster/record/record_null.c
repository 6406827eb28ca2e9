/* record_null.c - calibrate.json. */
#include "crmpi/record_null.h"
#include "record_impl.h"

static json_t *test(const crm_null_test *t)
{
    json_t *o = json_object(), *ci = json_array();

    json_array_append_new(ci, crm_record_json_real(t->ci95[0]));
    json_array_append_new(ci, crm_record_json_real(t->ci95[1]));
    json_object_set_new(o, "name", json_string(t->name));
    json_object_set_new(o, "replicates", json_integer(t->n));
    json_object_set_new(o, "rejected", json_integer(t->rejected));
    json_object_set_new(o, "rate", crm_record_json_real(t->rate));
    json_object_set_new(o, "ci95", ci);
    return o;
}

static json_t *tree_of(const crm_null *n)
{
    json_t *o = json_object(), *tests = json_array();
    char hex[CRM_DIGEST_HEX];

    json_object_set_new(o, "format", json_integer(1));
    json_object_set_new(o, "data", json_string(crm_digest_hex(n->data, hex)));
    json_object_set_new(o, "a", json_string(n->a));
    json_object_set_new(o, "b", json_string(n->b));
    json_object_set_new(o, "metric", json_string(n->metric));
    json_object_set_new(o, "target", json_string(n->target));
    json_object_set_new(o, "labels", json_string(n->labels));
    json_object_set_new(o, "split", json_string(n->split));
    json_object_set_new(o, "rows", json_integer(n->rows));
    json_object_set_new(o, "folds", json_integer(n->folds));
    json_object_set_new(o, "repeats", json_integer(n->repeats));
    json_object_set_new(o, "alpha", crm_record_json_real(n->alpha));
    json_object_set_new(o, "replicates", json_integer(n->replicates));
    json_object_set_new(o, "constant", json_integer(n->constant));
    json_object_set_new(o, "mean_diff", crm_record_json_real(n->mean_diff));
    json_object_set_new(o, "se_diff", crm_record_json_real(n->se_diff));
    for (int i = 0; i < n->n_tests; i++)
        json_array_append_new(tests, test(&n->test[i]));
    json_object_set_new(o, "tests", tests);
    return o;
}

crm_status crm_null_write(const crm_null *n, char **text, size_t *len)
{
    crm_str out = {0};
    json_t *tree = tree_of(n);
    crm_status st = CRM_OK;

    *text = NULL;
    CRM_CHECK(tree, CRM_ERR_NOMEM, "out of memory: calibrate.json");
    crm_record_json_print(tree, &out);
    json_decref(tree);
    if (out.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: calibrate.json");
    if (st) {
        crm_str_free(&out);
        return st;
    }
    *len = out.len;
    *text = out.text;
    return CRM_OK;
}
