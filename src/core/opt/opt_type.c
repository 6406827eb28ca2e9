/* opt_type.c - what differs by type of option: the field, its texts, its part of the digest. */
#include <math.h>
#include <string.h>

#include "opt_impl.h"

static void get_int(const void *field, opt_value *v)
{
    v->i = *(const int64_t *)field;
}

static void put_int(void *field, const opt_value *v)
{
    *(int64_t *)field = v->i;
}

static void print_int(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out)
{
    (void)o;
    (void)yaml;
    crm_str_addf(out, "%lld", (long long)v->i);
}

static void hash_int(const crm_opt *o, const opt_value *v, crm_hash *h)
{
    (void)o;
    crm_hash_add_i64(h, v->i);
}

static void get_real(const void *field, opt_value *v)
{
    v->r = *(const double *)field;
}

static void put_real(void *field, const opt_value *v)
{
    *(double *)field = v->r;
}

/* YAML 1.1 wants a point before an exponent: without it other readers see a text. */
static void print_real(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out)
{
    char buf[32];
    const char *e;

    (void)o;
    crm_format_f64(v->r, buf);
    e = strchr(buf, 'e');
    if (yaml && e && !strchr(buf, '.'))
        crm_str_addf(out, "%.*s.0%s", (int)(e - buf), buf, e);
    else
        crm_str_addf(out, "%s", buf);
}

static void hash_real(const crm_opt *o, const opt_value *v, crm_hash *h)
{
    (void)o;
    crm_hash_add_f64(h, v->r);
}

static void get_bool(const void *field, opt_value *v)
{
    v->i = *(const bool *)field;
}

static void put_bool(void *field, const opt_value *v)
{
    *(bool *)field = v->i != 0;
}

static void print_bool(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out)
{
    (void)o;
    (void)yaml;
    crm_str_addf(out, "%s", v->i ? "true" : "false");
}

static void get_str(const void *field, opt_value *v)
{
    const char *s = *(const char *const *)field;

    v->s = s ? s : "";
}

static void put_str(void *field, const opt_value *v)
{
    *(const char **)field = v->s;
}

static void print_str(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out)
{
    if (yaml && !((o->flags & CRM_OPT_TREE) && v->s[0])) /* a tree is YAML as it is */
        crm_opt_quote(out, v->s);
    else
        crm_str_addf(out, "%s", v->s);
}

static void hash_str(const crm_opt *o, const opt_value *v, crm_hash *h)
{
    (void)o;
    crm_hash_add_text(h, v->s);
}

static void get_enum(const void *field, opt_value *v)
{
    v->i = *(const int *)field;
}

static void put_enum(void *field, const opt_value *v)
{
    *(int *)field = (int)v->i;
}

static const char *enum_name(const crm_opt *o, const opt_value *v)
{
    return v->i >= 0 && v->i < crm_opt_count_values(o) ? o->values[v->i] : "?";
}

static void print_enum(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out)
{
    opt_value name = {.s = enum_name(o, v)};

    print_str(o, &name, yaml, out);
}

/* By name: a new value in the middle of a list leaves the digests of the others as they are. */
static void hash_enum(const crm_opt *o, const opt_value *v, crm_hash *h)
{
    crm_hash_add_text(h, enum_name(o, v));
}

static void get_list(const void *field, opt_value *v)
{
    v->list = *(const crm_opt_list *)field;
}

static void put_list(void *field, const opt_value *v)
{
    *(crm_opt_list *)field = v->list;
}

/* An item as --set takes it: a comma inside is escaped. */
static void print_item(const char *item, crm_str *out)
{
    for (const char *p = item; *p; p++)
        crm_str_addf(out, "%s%c", *p == ',' || *p == '\\' ? "\\" : "", *p);
}

static void print_list(const crm_opt *o, const opt_value *v, bool yaml, crm_str *out)
{
    (void)o;
    if (yaml) crm_str_addf(out, "[");
    for (int i = 0; i < v->list.n; i++) {
        if (i > 0) crm_str_addf(out, "%s", yaml ? ", " : ",");
        if (yaml)
            crm_opt_quote(out, v->list.item[i]);
        else
            print_item(v->list.item[i], out);
    }
    if (yaml) crm_str_addf(out, "]");
}

static void hash_list(const crm_opt *o, const opt_value *v, crm_hash *h)
{
    (void)o;
    crm_hash_add_i64(h, v->list.n);
    for (int i = 0; i < v->list.n; i++)
        crm_hash_add_text(h, v->list.item[i]);
}

const opt_type_ops crm_opt_types[] = {
    [CRM_OPT_INT] = {"integer", true, get_int, put_int, print_int, hash_int},
    [CRM_OPT_REAL] = {"number", true, get_real, put_real, print_real, hash_real},
    [CRM_OPT_BOOL] = {"boolean", true, get_bool, put_bool, print_bool, hash_int},
    [CRM_OPT_STR] = {"text", false, get_str, put_str, print_str, hash_str},
    [CRM_OPT_ENUM] = {"choice", false, get_enum, put_enum, print_enum, hash_enum},
    [CRM_OPT_LIST] = {"list", false, get_list, put_list, print_list, hash_list},
};
_Static_assert(sizeof crm_opt_types / sizeof *crm_opt_types == CRM_OPT_TYPE_COUNT,
               "one row per type");

void crm_opt_entry_print(const opt_entry *e, bool yaml, crm_str *out)
{
    const opt_type_ops *type = &crm_opt_types[e->o->type];
    opt_value v = {0};

    type->get(e->field, &v);
    type->print(e->o, &v, yaml, out);
}

int crm_opt_count_values(const crm_opt *o)
{
    int n = 0;

    while (o->values && o->values[n])
        n++;
    return n;
}

static void add_values(crm_str *out, const crm_opt *o)
{
    for (int i = 0; o->values[i]; i++)
        crm_str_addf(out, "%s%s", i > 0 ? ", " : "", o->values[i]);
}

/* A bound that no value of the type can pass is not worth a word. */
static void add_range(crm_str *out, const crm_opt *o)
{
    double far = o->type == CRM_OPT_INT ? 9.2e18 : 1e308;
    char lo[32], hi[32];

    crm_format_f64(o->min, lo);
    crm_format_f64(o->max, hi);
    if (o->flags & CRM_OPT_POW2) crm_str_addf(out, "a power of two in ");
    if (o->min <= -far && o->max >= far)
        crm_str_addf(out, "any %s", crm_opt_types[o->type].name);
    else if (o->max >= far)
        crm_str_addf(out, "at least %s", lo);
    else if (o->min <= -far)
        crm_str_addf(out, "at most %s", hi);
    else
        crm_str_addf(out, "%s..%s", lo, hi);
}

void crm_opt_allowed(crm_str *out, const crm_opt *o, bool with_unit)
{
    if (o->type == CRM_OPT_INT || o->type == CRM_OPT_REAL)
        add_range(out, o);
    else if (o->type == CRM_OPT_BOOL)
        crm_str_addf(out, "true, false");
    else if (o->type == CRM_OPT_LIST)
        crm_str_addf(out, "a list of %s", o->values ? "" : "texts");
    else if (o->type == CRM_OPT_STR)
        crm_str_addf(out, "a text");
    if (o->values) add_values(out, o);
    if (with_unit && o->unit && o->unit[0] && strcmp(o->unit, "1") != 0)
        crm_str_addf(out, " %s", o->unit);
}
