/* record_units.c - units.json: digests of what each unit came to, one line for each. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

enum { UNITS_FORMAT = 1, UNITS_MAX = 256 << 20 };

static void add_text(crm_str *s, const char *key, const char *value)
{
    json_t *v = json_string(value);
    char *quoted = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;

    if (quoted)
        crm_str_addf(s, "\"%s\": %s", key, quoted);
    else
        s->failed = true;
    free(quoted);
    json_decref(v);
}

static void add_unit(crm_str *s, const crm_record_unit *u)
{
    const struct {
        const char *key, *value;
    } part[] = {{"weights", u->weights}, {"predictions", u->predictions}, {"values", u->values}};

    crm_str_addf(s, "    {");
    add_text(s, "name", u->name);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (!part[i].value[0]) continue;
        crm_str_addf(s, ", ");
        add_text(s, part[i].key, part[i].value);
    }
    crm_str_addf(s, "}");
}

crm_status crm_record_units(crm_record *r, int n, const crm_record_unit *unit)
{
    char path[CRM_PATH_MAX];
    crm_str s = {0};
    crm_status st = CRM_OK;

    if (!r->root) return CRM_OK;
    CRM_TRY(crm_record_path(r, "units.json", path, sizeof path));
    crm_str_addf(&s, "{\n  \"format\": %d,\n  \"units\": [", UNITS_FORMAT);
    for (int i = 0; i < n; i++) {
        crm_str_addf(&s, i ? ",\n" : "\n");
        add_unit(&s, &unit[i]);
    }
    crm_str_addf(&s, "\n  ]\n}\n");
    if (s.failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: units.json");
    if (!st) st = crm_path_write_atomic(path, s.text, s.len);
    crm_str_free(&s);
    return st;
}

/* ---- reading ---- */

/* A text of the object into out, "" when there is none; false when it is too long or no text. */
static bool take_text(const json_t *o, const char *key, char *out, size_t cap)
{
    const json_t *v = json_object_get(o, key);

    out[0] = '\0';
    if (!v) return true;
    if (!json_is_string(v) || json_string_length(v) >= cap) return false;
    snprintf(out, cap, "%s", json_string_value(v));
    return true;
}

static bool take_unit(const json_t *o, crm_record_unit *u)
{
    return take_text(o, "name", u->name, sizeof u->name) && u->name[0] &&
           take_text(o, "weights", u->weights, sizeof u->weights) &&
           take_text(o, "predictions", u->predictions, sizeof u->predictions) &&
           take_text(o, "values", u->values, sizeof u->values);
}

static crm_status take_units(const json_t *tree, const char *path, int *n, crm_record_unit **out)
{
    const json_t *all = json_object_get(tree, "units");
    size_t count = json_array_size(all);
    crm_record_unit *unit;

    CRM_CHECK(json_integer_value(json_object_get(tree, "format")) == UNITS_FORMAT &&
                  json_is_array(all) && count <= 1 << 24,
              CRM_ERR_FORMAT, "%s: is damaged, or of another version of crmpi", path);
    CRM_NEW(unit, count);
    for (size_t i = 0; i < count; i++)
        if (!take_unit(json_array_get(all, i), &unit[i])) {
            crm_mem_free(unit);
            CRM_FAIL(CRM_ERR_FORMAT, "%s: is damaged: unit %zu", path, i);
        }
    *n = (int)count;
    *out = unit;
    return CRM_OK;
}

crm_status crm_record_read_units(const char *dir, int *n, crm_record_unit **out)
{
    char path[CRM_PATH_MAX], *text;
    json_t *tree;
    size_t len;
    crm_status st;

    *n = 0;
    *out = NULL;
    CRM_TRY(crm_path_join(dir, "units.json", path, sizeof path));
    CRM_TRY(crm_path_read(path, UNITS_MAX, &text, &len));
    tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    crm_mem_free(text);
    st = take_units(tree, path, n, out);
    json_decref(tree);
    return st;
}
