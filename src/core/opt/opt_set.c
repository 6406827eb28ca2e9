/* opt_set.c - tables bound to config structs: life cycle, look-up, single values. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "opt_impl.h"

crm_status crm_opt_set_new(crm_opt_set **out)
{
    CRM_NEW(*out, 1);
    return CRM_OK;
}

opt_entry *crm_opt_find(const crm_opt_set *s, const char *key, size_t len)
{
    for (size_t i = 0; i < s->n; i++)
        if (strlen(s->entry[i].o->key) == len && memcmp(s->entry[i].o->key, key, len) == 0)
            return &s->entry[i];
    return NULL;
}

opt_group *crm_opt_find_group(const crm_opt_set *s, const char *key, size_t len)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (strlen(s->group[i].name) == len && memcmp(s->group[i].name, key, len) == 0)
            return &s->group[i];
    return NULL;
}

/* Room for one more item behind n. */
static crm_status grow(void **item, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? 2 * *cap : 32;
    void *p;

    if (n < *cap) return CRM_OK;
    p = crm_mem_grow(*item, n, more, size);
    CRM_CHECK(p, CRM_ERR_NOMEM, "out of memory: table of %zu options", more);
    *item = p;
    *cap = more;
    return CRM_OK;
}

crm_status crm_opt_add_group(crm_opt_set *s, const char *key, size_t len)
{
    void *item = s->group;
    char *name;

    if (crm_opt_find_group(s, key, len)) return CRM_OK;
    CRM_TRY(grow(&item, s->n_groups, &s->cap_groups, sizeof *s->group));
    s->group = item;
    CRM_NEW(name, len + 1);
    memcpy(name, key, len);
    s->group[s->n_groups++].name = name;
    return CRM_OK;
}

static crm_status check_key(const crm_opt_set *s, const char *key)
{
    size_t n = strlen(key);
    bool good = n > 0 && key[0] != '.' && key[n - 1] != '.' && !strstr(key, "..") &&
                strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.") == n;

    CRM_CHECK(good, CRM_ERR_INTERNAL, "option key '%s' is not dotted lower case", key);
    CRM_CHECK(!crm_opt_find(s, key, n), CRM_ERR_INTERNAL, "option '%s' is bound twice", key);
    return CRM_OK;
}

/* The setting becomes the default of o. */
static crm_status make_default(const crm_opt *o, opt_setting *next)
{
    crm_str why = {0};
    crm_status st = CRM_OK;

    if (!crm_opt_value_default(o, &next->value, &why))
        CRM_SET(st, why.failed ? CRM_ERR_NOMEM : CRM_ERR_INTERNAL, "default of option '%s': %s",
                o->key, why.text ? why.text : "out of memory");
    crm_str_free(&why);
    return st;
}

crm_status crm_opt_append(crm_opt_set *s, const opt_entry *e)
{
    void *item = s->entry;

    CRM_TRY(grow(&item, s->n, &s->cap, sizeof *s->entry));
    s->entry = item;
    s->entry[s->n++] = *e;
    return CRM_OK;
}

static crm_status add_entry(crm_opt_set *s, const crm_opt *o, void *cfg)
{
    opt_setting next = {0};
    crm_status st;

    CRM_CHECK((unsigned)o->type < CRM_OPT_TYPE_COUNT, CRM_ERR_INTERNAL,
              "option '%s' has the unknown type %d", o->key, (int)o->type);
    CRM_CHECK(o->type != CRM_OPT_ENUM || o->values, CRM_ERR_INTERNAL, "option '%s' has no values",
              o->key);
    CRM_TRY(check_key(s, o->key));
    for (const char *dot = strchr(o->key, '.'); dot; dot = strchr(dot + 1, '.'))
        CRM_TRY(crm_opt_add_group(s, o->key, (size_t)(dot - o->key)));
    CRM_TRY(make_default(o, &next));
    st = crm_opt_append(s, &(opt_entry){.o = o, .field = (char *)cfg + o->offset});
    if (!st) crm_opt_entry_commit(&s->entry[s->n - 1], &next);
    crm_opt_setting_free(&next);
    return st;
}

crm_status crm_opt_set_add(crm_opt_set *s, const crm_opt *table, void *cfg)
{
    for (const crm_opt *o = table; o->key; o++)
        CRM_TRY(add_entry(s, o, cfg));
    return CRM_OK;
}

void crm_opt_copy(const crm_opt *table, const void *from, void *to)
{
    for (const crm_opt *o = table; o->key; o++) {
        opt_value v = {0};
        crm_opt_types[o->type].get((const char *)from + o->offset, &v);
        crm_opt_types[o->type].put((char *)to + o->offset, &v);
    }
}

bool crm_opt_takes(const crm_opt *o, const char *value, crm_str *why)
{
    opt_value v;
    bool good = crm_opt_value_parse(o, (opt_text){value, strlen(value), OPT_ARG}, &v, why);

    if (good) crm_opt_value_free(&v);
    return good;
}

crm_status crm_opt_put(const crm_opt *o, const char *value, void *cfg, void **block)
{
    crm_str why = {0};
    opt_value v;
    crm_status st = CRM_OK;

    *block = NULL;
    if (crm_opt_value_parse(o, (opt_text){value, strlen(value), OPT_ARG}, &v, &why)) {
        crm_opt_types[o->type].put((char *)cfg + o->offset, &v);
        *block = v.block;
    } else if (why.failed) {
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: %s", o->key);
    } else {
        CRM_SET(st, CRM_ERR_CONFIG, "%s: %s", o->key, why.text);
    }
    crm_str_free(&why);
    return st;
}

void crm_opt_setting_free(opt_setting *s)
{
    crm_opt_value_free(&s->value);
    crm_mem_free(s->origin);
    *s = (opt_setting){0};
}

void crm_opt_entry_commit(opt_entry *e, opt_setting *next)
{
    crm_opt_types[e->o->type].put(e->field, &next->value);
    crm_opt_setting_free(&e->now);
    e->now = *next;
    *next = (opt_setting){0};
}

bool crm_opt_set_given(const crm_opt_set *s, const char *key)
{
    const opt_entry *e = crm_opt_find(s, key, strlen(key));

    return e && e->given;
}

/* "FILE:LINE:COL: key: " and so on: where the value now in force was set. */
static void add_place(crm_str *out, const opt_entry *e)
{
    const char *origin = e->now.origin ? e->now.origin : "default";

    if (e->now.kind == OPT_FROM_SET) {
        crm_str_addf(out, "%s %s=", origin, e->o->key);
        crm_opt_entry_print(e, false, out);
        crm_str_addf(out, ": ");
    } else if (e->now.kind == OPT_FROM_FILE) {
        crm_str_addf(out, "%s:%d: %s: ", origin, e->now.col, e->o->key);
    } else {
        crm_str_addf(out, "%s: %s: ", origin, e->o->key);
    }
}

/* The rest of a reason that begins with the value itself, which is told already. */
static const char *behind_value(const char *why, const crm_str *value)
{
    size_t n = value->len;

    if (why[0] != '\'' || !value->text || strncmp(why + 1, value->text, n) != 0) return why;
    return strncmp(why + 1 + n, "' ", 2) == 0 ? why + n + 3 : why;
}

crm_status crm_opt_set_reject(const crm_opt_set *s, const char *key, const char *fmt, ...)
{
    const opt_entry *e = crm_opt_find(s, key, strlen(key));
    crm_str text = {0}, value = {0}, why = {0};
    crm_status st;
    va_list ap;

    CRM_CHECK(e, CRM_ERR_INTERNAL, "no option '%s' to reject", key);
    add_place(&text, e);
    crm_opt_entry_print(e, false, &value);
    crm_str_addf(&text, "value '");
    crm_opt_show(&text, value.text ? value.text : "", value.len);
    crm_str_addf(&text, "' ");
    va_start(ap, fmt);
    crm_str_addv(&why, fmt, ap);
    va_end(ap);
    crm_str_addf(&text, "%s", behind_value(why.text ? why.text : "", &value));
    if (text.failed || why.failed || value.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: error in %s", key);
    else
        CRM_SET(st, CRM_ERR_CONFIG, "%s\n1 error", text.text);
    crm_str_free(&text);
    crm_str_free(&why);
    crm_str_free(&value);
    return st;
}

crm_status crm_opt_set_override(crm_opt_set *s, const char *key, const char *value,
                                const char *origin)
{
    opt_entry *e = crm_opt_find(s, key, strlen(key));
    opt_text t = {value, strlen(value), OPT_ARG};
    opt_setting next = {.kind = OPT_DERIVED, .origin = crm_mem_strdup(origin)};
    crm_str why = {0};
    crm_status st = CRM_OK;
    bool good = false;

    if (e)
        good = crm_opt_value_parse(e->o, t, &next.value, &why);
    else
        crm_opt_unknown(s, key, strlen(key), t, false, &why);
    if (!next.origin || why.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: value of %s", key);
    else if (!good)
        CRM_SET(st, CRM_ERR_CONFIG, "%s: %s: %s\n1 error", origin, key, why.text);
    else
        crm_opt_entry_commit(e, &next);
    crm_opt_setting_free(&next);
    crm_str_free(&why);
    return st;
}

void crm_opt_set_free(crm_opt_set **sp)
{
    crm_opt_set *s = *sp;

    if (!s) return;
    for (size_t i = 0; i < s->n; i++) {
        crm_opt_setting_free(&s->entry[i].now);
        crm_opt_setting_free(&s->entry[i].next);
        crm_mem_free(s->entry[i].override);
    }
    for (size_t i = 0; i < s->n_groups; i++)
        crm_mem_free(s->group[i].name);
    crm_mem_free(s->entry);
    crm_mem_free(s->group);
    crm_mem_free(s);
    *sp = NULL;
}
