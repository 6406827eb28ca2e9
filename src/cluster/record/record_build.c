/* record_build.c - a JSON text put together step by step. */
#include "crmpi/base_mem.h"
#include "crmpi/record_json.h"
#include "record_impl.h"

enum { DEPTH = 16 };

struct crm_json {
    json_t *open[DEPTH]; /* [0] is the whole, owned; the others are borrowed from it */
    int depth;           /* the innermost one */
    bool failed, deep;
};

crm_status crm_json_new(crm_json **out)
{
    CRM_NEW(*out, 1);
    (*out)->open[0] = json_object();
    if ((*out)->open[0]) return CRM_OK;
    crm_mem_free(*out);
    *out = NULL;
    CRM_FAIL(CRM_ERR_NOMEM, "out of memory: JSON");
}

/* Put a value, which is taken over, into the innermost object or list. */
static void put(crm_json *j, const char *key, json_t *value)
{
    json_t *in = j->open[j->depth];

    if (j->failed || j->deep)
        json_decref(value);
    else if (key ? json_object_set_new(in, key, value) : json_array_append_new(in, value))
        j->failed = true; /* also when value is NULL: memory is out */
}

static void begin(crm_json *j, const char *key, json_t *value)
{
    put(j, key, value);
    if (j->failed || j->deep) return;
    if (j->depth + 1 == DEPTH)
        j->deep = true;
    else
        j->open[++j->depth] = value;
}

void crm_json_object(crm_json *j, const char *key)
{
    begin(j, key, json_object());
}

void crm_json_list(crm_json *j, const char *key)
{
    begin(j, key, json_array());
}

void crm_json_end(crm_json *j)
{
    if (j->depth > 0) j->depth--;
}

void crm_json_text(crm_json *j, const char *key, const char *value)
{
    put(j, key, crm_record_json_text(value));
}

void crm_json_int(crm_json *j, const char *key, int64_t value)
{
    put(j, key, json_integer(value));
}

void crm_json_real(crm_json *j, const char *key, double value)
{
    put(j, key, crm_record_json_real(value));
}

void crm_json_bool(crm_json *j, const char *key, bool value)
{
    put(j, key, json_boolean(value));
}

void crm_json_reals(crm_json *j, const char *key, int64_t n, const double *value)
{
    crm_json_list(j, key);
    for (int64_t i = 0; i < n; i++)
        crm_json_real(j, NULL, value[i]);
    crm_json_end(j);
}

crm_status crm_json_print(const crm_json *j, crm_str *out)
{
    CRM_CHECK(!j->failed, CRM_ERR_NOMEM, "out of memory: JSON");
    CRM_CHECK(j->depth == 0 && !j->deep, CRM_ERR_ARG, "JSON: %d lists or objects are not ended",
              j->depth);
    crm_record_json_print(j->open[0], out);
    CRM_CHECK(!out->failed, CRM_ERR_NOMEM, "out of memory: JSON");
    return CRM_OK;
}

void crm_json_free(crm_json **jp)
{
    crm_json *j = *jp;

    *jp = NULL;
    if (!j) return;
    json_decref(j->open[0]);
    crm_mem_free(j);
}
