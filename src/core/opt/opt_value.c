/* opt_value.c - from a text to a checked value, or to the reason why it is none. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "crmpi/base_mem.h"
#include "opt_impl.h"

static bool is(opt_text t, const char *word)
{
    return strlen(word) == t.len && memcmp(t.p, word, t.len) == 0;
}

static bool is_one_of(opt_text t, const char *const *words)
{
    char buf[16];

    if (t.len >= sizeof buf) return false;
    memcpy(buf, t.p, t.len);
    buf[t.len] = '\0';
    while (*words && strcasecmp(buf, *words) != 0)
        words++;
    return *words != NULL;
}

bool crm_opt_text_is_null(opt_text t)
{
    return t.style == OPT_PLAIN &&
           (t.len == 0 || is(t, "~") || is(t, "null") || is(t, "Null") || is(t, "NULL"));
}

bool crm_opt_refuse(const crm_opt *o, opt_text t, crm_str *why, const char *fmt, ...)
{
    va_list ap;

    crm_str_addf(why, "value '");
    crm_opt_show(why, t.p, t.len);
    crm_str_addf(why, "' ");
    va_start(ap, fmt);
    crm_str_addv(why, fmt, ap);
    va_end(ap);
    crm_str_addf(why, "; allowed: ");
    crm_opt_allowed(why, o, true);
    return false;
}

static bool refuse_null(const crm_opt *o, opt_text t, crm_str *why)
{
    return crm_opt_refuse(o, t, why, "is null (leave the key out to have its default%s)",
                          o->type == CRM_OPT_STR ? ", write '' for an empty text" : "");
}

static bool has_underscore(opt_text t)
{
    return memchr(t.p, '_', t.len) != NULL;
}

/* Bounds are doubles: they are compared as integers, since (double)v may round. */
static bool int_below(int64_t v, double min)
{
    return min > -0x1p63 && (min >= 0x1p63 || v < (int64_t)ceil(min));
}

static bool int_above(int64_t v, double max)
{
    return max < 0x1p63 && (max < -0x1p63 || v > (int64_t)floor(max));
}

static bool parse_int(const crm_opt *o, opt_text t, opt_value *v, crm_str *why)
{
    opt_number n = crm_opt_number_int(t.p, t.len, &v->i);

    if (n == OPT_NUM_HUGE) return crm_opt_refuse(o, t, why, "does not fit in 64 bits");
    if (n != OPT_NUM_OK)
        return crm_opt_refuse(o, t, why, "is not an integer%s",
                              has_underscore(t) ? " (write the digits without '_')" : "");
    if (int_below(v->i, o->min)) return crm_opt_refuse(o, t, why, "is too small");
    if (int_above(v->i, o->max)) return crm_opt_refuse(o, t, why, "is too large");
    if ((o->flags & CRM_OPT_POW2) && (v->i <= 0 || (v->i & (v->i - 1))))
        return crm_opt_refuse(o, t, why, "is not a power of two");
    return true;
}

static bool parse_real(const crm_opt *o, opt_text t, opt_value *v, crm_str *why)
{
    static const char *const not_finite[] = {"inf",  "+inf",  "-inf",  "nan",  "infinity",
                                             ".inf", "+.inf", "-.inf", ".nan", NULL};
    opt_number n = crm_opt_number_real(t.p, t.len, &v->r);

    if (n == OPT_NUM_HUGE || is_one_of(t, not_finite))
        return crm_opt_refuse(o, t, why, "is not a finite number");
    if (n != OPT_NUM_OK)
        return crm_opt_refuse(o, t, why, "is not a number%s",
                              has_underscore(t) ? " (write the digits without '_')" : "");
    if (v->r < o->min) return crm_opt_refuse(o, t, why, "is too small");
    if (v->r > o->max) return crm_opt_refuse(o, t, why, "is too large");
    return true;
}

static bool parse_bool(const crm_opt *o, opt_text t, opt_value *v, crm_str *why)
{
    static const char *const yes[] = {"yes", "on", "y", "true", "1", NULL};
    static const char *const no[] = {"no", "off", "n", "false", "0", NULL};

    v->i = is(t, "true");
    if (v->i || is(t, "false")) return true;
    return crm_opt_refuse(o, t, why, "is not a boolean%s",
                          is_one_of(t, yes)  ? " (write true)"
                          : is_one_of(t, no) ? " (write false)"
                                             : "");
}

/* A text that C strings, messages and YAML can all hold. */
static bool check_text(const crm_opt *o, opt_text t, crm_str *why)
{
    uint32_t c = 0;
    size_t len;

    for (size_t i = 0; i < t.len; i += len) {
        len = crm_opt_utf8(t.p + i, t.len - i, &c);
        if (len == 0) return crm_opt_refuse(o, t, why, "is not UTF-8");
        if (c == 0) return crm_opt_refuse(o, t, why, "holds a zero byte");
    }
    return true;
}

static bool parse_str(const crm_opt *o, opt_text t, opt_value *v, crm_str *why)
{
    char *p;

    if (!check_text(o, t, why)) return false;
    p = crm_mem_new(t.len + 1, 1);
    if (!p) {
        why->failed = true;
        return false;
    }
    memcpy(p, t.p, t.len);
    v->s = v->block = p;
    return true;
}

/* Index of t in the values, or -1 with the reason. */
static int find_value(const crm_opt *o, opt_text t, crm_str *why)
{
    char buf[128] = "";
    const char *near = NULL;

    for (int i = 0; o->values[i]; i++)
        if (is(t, o->values[i])) return i;
    if (t.len > 0 && t.len < sizeof buf) {
        memcpy(buf, t.p, t.len);
        near = crm_nearest(buf, o->values, crm_opt_count_values(o));
    }
    crm_opt_refuse(o, t, why, "is unknown%s%s%s", near ? " (nearest: " : "", near ? near : "",
                   near ? ")" : "");
    return -1;
}

static bool parse_enum(const crm_opt *o, opt_text t, opt_value *v, crm_str *why)
{
    v->i = find_value(o, t, why);
    return v->i >= 0;
}

bool crm_opt_items_add(const crm_opt *o, opt_text t, opt_items *items, crm_str *why)
{
    if (crm_opt_text_is_null(t)) return crm_opt_refuse(o, t, why, "is null, an item is needed");
    if (t.len == 0) return crm_opt_refuse(o, t, why, "is an empty item");
    if (!check_text(o, t, why)) return false;
    if (o->values && find_value(o, t, why) < 0) return false;
    crm_str_add(&items->bytes, t.p, t.len);
    crm_str_add(&items->bytes, "", 1);
    items->n++;
    return true;
}

/* One block: the pointers, then the bytes they point to. */
bool crm_opt_items_end(opt_items *items, opt_value *v, crm_str *why)
{
    size_t n = (size_t)items->n, size = n * sizeof(char *) + items->bytes.len;
    const char **item = items->bytes.failed ? NULL : crm_mem_new(size, 1);
    char *p;

    if (item) {
        p = (char *)(item + n);
        if (n > 0) memcpy(p, items->bytes.text, items->bytes.len);
        for (size_t i = 0; i < n; i++, p += strlen(p) + 1)
            item[i] = p;
        v->list = (crm_opt_list){items->n, item};
        v->block = item;
    }
    why->failed |= !item;
    crm_str_free(&items->bytes);
    items->n = 0;
    return item != NULL;
}

static opt_text trim(const char *p, size_t len)
{
    for (; len > 0 && *p == ' '; p++)
        len--;
    while (len > 0 && p[len - 1] == ' ')
        len--;
    return (opt_text){p, len, OPT_ARG};
}

/* The bytes up to the next bare comma, without the escapes; returns the comma or end. */
static const char *take_item(const char *p, const char *end, crm_str *item)
{
    for (; p < end && *p != ','; p++) {
        if (*p == '\\' && p + 1 < end && (p[1] == ',' || p[1] == '\\')) p++;
        crm_str_add(item, p, 1);
    }
    return p;
}

/* "[a, b]" without its brackets, as it is written in YAML; brackets that belong to items stay. */
static opt_text without_brackets(opt_text t)
{
    if (t.len < 2 || t.p[0] != '[' || t.p[t.len - 1] != ']') return t;
    for (size_t i = 1; i + 1 < t.len; i++)
        if (t.p[i] == '[' || t.p[i] == ']') return t;
    return trim(t.p + 1, t.len - 2);
}

static bool parse_list(const crm_opt *o, opt_text given, opt_value *v, crm_str *why)
{
    opt_text t = given.style == OPT_ARG ? without_brackets(given) : given;
    const char *p = t.p, *end = t.p + t.len;
    opt_items items = {0};
    bool good = true;

    if (t.style != OPT_ARG && !(o->flags & CRM_OPT_WORD))
        return crm_opt_refuse(o, t, why, "is a single value, a list is needed (write [a, b])");
    while (good && t.len > 0 && p <= end) {
        crm_str item = {0};
        p = take_item(p, end, &item) + 1;
        why->failed |= item.failed; /* a text that is short of something is not looked at */
        good = !why->failed &&
               crm_opt_items_add(o, trim(item.text ? item.text : "", item.len), &items, why);
        crm_str_free(&item);
    }
    if (good && !why->failed) return crm_opt_items_end(&items, v, why);
    crm_str_free(&items.bytes);
    return false;
}

bool crm_opt_value_parse(const crm_opt *o, opt_text t, opt_value *v, crm_str *why)
{
    static bool (*const parse[])(const crm_opt *, opt_text, opt_value *, crm_str *) = {
        [CRM_OPT_INT] = parse_int, [CRM_OPT_REAL] = parse_real, [CRM_OPT_BOOL] = parse_bool,
        [CRM_OPT_STR] = parse_str, [CRM_OPT_ENUM] = parse_enum, [CRM_OPT_LIST] = parse_list,
    };
    const opt_type_ops *type = &crm_opt_types[o->type];

    *v = (opt_value){0};
    if (crm_opt_text_is_null(t)) return refuse_null(o, t, why);
    if (t.style == OPT_QUOTED && type->bare)
        return crm_opt_refuse(o, t, why, "is a quoted text, not %s %s (write it without quotes)",
                              o->type == CRM_OPT_INT ? "an" : "a", type->name);
    return parse[o->type](o, t, v, why);
}

/* The default goes the way of every value, so that a table with a default outside its own bounds is
 * found when it is bound and an effective config can always be loaded again. */
bool crm_opt_value_default(const crm_opt *o, opt_value *v, crm_str *why)
{
    char buf[32];
    opt_text t = {buf, 0, OPT_ARG};

    if (o->type == CRM_OPT_INT || o->type == CRM_OPT_REAL) {
        crm_format_f64(o->def, buf);
    } else {
        t.p = o->type == CRM_OPT_BOOL ? (o->def != 0 ? "true" : "false")
              : o->def_str            ? o->def_str
                                      : "";
    }
    t.len = strlen(t.p);
    return crm_opt_value_parse(o, t, v, why);
}

void crm_opt_value_free(opt_value *v)
{
    crm_mem_free(v->block);
    *v = (opt_value){0};
}
