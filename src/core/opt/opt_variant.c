/* opt_variant.c - variants: a mapping NAME -> options that differ, checked by the tables of the
 * options.
 *
 * An override is an entry of the set like any other, with the key "variants.NAME.KEY", made when a
 * load names it first; so reading, errors, digest and effective config need not know of it.  An
 * entry that no load has given a value is dropped at the end of the load. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "opt_impl.h"

#define PREFIX OPT_VARIANTS "."

/* The entry's table row, which is the option's but for the key, and its field. */
struct opt_override {
    const crm_opt *base;
    crm_opt row;
    char name[OPT_VARIANT_NAME_MAX + 1];
    union {
        int64_t i;
        double r;
        bool b;
        int e;
        const char *s;
        crm_opt_list list;
    } field;
    char key[];
};

/* A key taken apart: variants.NAME.REST; name is cut when it is too long. */
typedef struct parts {
    char name[OPT_VARIANT_NAME_MAX + 2];
    const char *rest;
    size_t len; /* of rest; 0: the key ends with the name, or before */
} parts;

static bool split(const crm_opt_set *s, const char *key, size_t len, parts *p)
{
    size_t head = strlen(PREFIX), n = 0;

    *p = (parts){.rest = ""};
    if (!s->variants.takes || len + 1 < head || memcmp(key, PREFIX, head - 1) != 0) return false;
    if (len + 1 == head) return true;
    if (key[head - 1] != '.') return false;
    while (head + n < len && key[head + n] != '.')
        n++;
    memcpy(p->name, key + head, n < sizeof p->name ? n : sizeof p->name - 1);
    if (head + n + 1 < len) {
        p->rest = key + head + n + 1;
        p->len = len - head - n - 1;
    }
    return true;
}

static bool name_fits(const crm_opt_set *s, const char *name, crm_str *why)
{
    size_t n = strlen(name);

    if (n > 0 && n <= OPT_VARIANT_NAME_MAX &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n)
        return s->variants.takes_name(s->variants.ctx, name, why);
    crm_str_addf(why,
                 "is given to a variant whose name is not allowed; allowed: at most %d lower-case "
                 "letters, digits, '-' and '_'",
                 OPT_VARIANT_NAME_MAX);
    return false;
}

/* Whether the variant may have an option of its own: LAYOUT ones hold for the whole program. */
static bool takes(const crm_opt_set *s, const char *name, const opt_entry *e)
{
    return !e->override && !(e->o->flags & CRM_OPT_LAYOUT) &&
           s->variants.takes(s->variants.ctx, name, e->o);
}

/* Is the rest the group of an option that the variant has? */
static bool is_group(const crm_opt_set *s, const parts *p)
{
    for (size_t i = 0; i < s->n; i++) {
        const char *key = s->entry[i].o->key;
        if (strlen(key) > p->len && key[p->len] == '.' && memcmp(key, p->rest, p->len) == 0 &&
            takes(s, p->name, &s->entry[i]))
            return true;
    }
    return false;
}

static crm_status add_override(crm_opt_set *s, const char *key, size_t len, const parts *p,
                               const crm_opt *base)
{
    struct opt_override *v = crm_mem_new(1, sizeof *v + len + 1);
    crm_status st;

    CRM_CHECK(v, CRM_ERR_NOMEM, "out of memory: option of variant %s", p->name);
    memcpy(v->key, key, len);
    memcpy(v->name, p->name, strlen(p->name));
    v->base = base;
    v->row = *base;
    v->row.key = v->key;
    st = crm_opt_append(s, &(opt_entry){.o = &v->row, .field = &v->field, .override = v});
    if (st) crm_mem_free(v);
    return st;
}

crm_status crm_opt_variant_admit(crm_opt_set *s, const char *key, size_t len)
{
    crm_str why = {0};
    const opt_entry *e;
    bool good;
    parts p;

    if (!split(s, key, len, &p) || crm_opt_find(s, key, len)) return CRM_OK;
    good = name_fits(s, p.name, &why);
    crm_str_free(&why);
    if (!good) return CRM_OK;
    if (p.len == 0 || is_group(s, &p)) return crm_opt_add_group(s, key, len);
    e = crm_opt_find(s, p.rest, p.len);
    return e && takes(s, p.name, e) ? add_override(s, key, len, &p, e->o) : CRM_OK;
}

void crm_opt_variant_prune(crm_opt_set *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->entry[i].override && !s->entry[i].given)
            crm_mem_free(s->entry[i].override);
        else
            s->entry[n++] = s->entry[i];
    }
    s->n = n;
}

bool crm_opt_variant_is_empty(const crm_opt_set *s, const char *group)
{
    size_t n = strlen(group);
    parts p;

    if (!split(s, group, n, &p) || !p.name[0] || p.len > 0) return false;
    for (size_t i = 0; i < s->n; i++)
        if (s->entry[i].override && strcmp(s->entry[i].override->name, p.name) == 0) return false;
    return true;
}

/* ---- what is wrong ---- */

/* The option meant, by a slip of the pen or by its last name alone. */
static const char *nearest(const crm_opt_set *s, const parts *p)
{
    const char **key = crm_mem_new(s->n, sizeof *key), *found;
    crm_str rest = {0};
    int n = 0;

    crm_str_add(&rest, p->rest, p->len);
    for (size_t i = 0; key && i < s->n; i++)
        if (takes(s, p->name, &s->entry[i])) key[n++] = s->entry[i].o->key;
    found = rest.text ? crm_nearest(rest.text, key, n) : NULL;
    for (int i = 0; i < n && !found && rest.text; i++) {
        const char *dot = strrchr(key[i], '.');
        if (dot && strcmp(dot + 1, rest.text) == 0) found = key[i];
    }
    crm_mem_free(key);
    crm_str_free(&rest);
    return found;
}

/* The options of the group that the rest lies in, or all groups. */
static void add_allowed(const crm_opt_set *s, const parts *p, crm_str *why)
{
    size_t n = strcspn(p->rest, ".");
    const parts top = {.rest = p->rest, .len = n < p->len ? n : p->len};
    parts group = top;
    const char *last = "";
    int listed = 0;
    bool inside;

    memcpy(group.name, p->name, sizeof group.name);
    inside = group.len > 0 && is_group(s, &group);
    for (size_t i = 0; i < s->n; i++) {
        const char *key = s->entry[i].o->key;
        size_t module = strcspn(key, ".");
        if (!takes(s, p->name, &s->entry[i])) continue;
        if (inside && module == group.len && memcmp(key, group.rest, module) == 0) {
            crm_opt_add_name(why, key, &listed);
        } else if (!inside && (strlen(last) < module || memcmp(key, last, module) != 0)) {
            crm_str_addf(why, "%s%.*s.*", listed++ ? ", " : "", (int)module, key);
            last = key;
        }
    }
}

static void add_key_fault(const crm_opt_set *s, const parts *p, crm_str *why)
{
    const opt_entry *e = crm_opt_find(s, p->rest, p->len);
    const char *near = e ? NULL : nearest(s, p);

    if (p->len == 0 || is_group(s, p))
        crm_str_addf(why, "is given to a %s, a mapping is needed",
                     p->len ? "group of options" : "variant");
    else if (e && (e->o->flags & CRM_OPT_LAYOUT))
        crm_str_addf(why, "is given to an option that is the same for all models");
    else if (e)
        crm_str_addf(why, "is given to an option that this model does not have");
    else
        crm_str_addf(why, "is given to an unknown key%s%s%s", near ? " (nearest: " : "",
                     near ? near : "", near ? ")" : "");
    crm_str_addf(why, "; allowed: ");
    add_allowed(s, p, why);
}

bool crm_opt_variant_unknown(const crm_opt_set *s, const char *key, size_t len, opt_text value,
                             crm_str *why)
{
    parts p;

    if (!split(s, key, len, &p)) return false;
    crm_str_addf(why, "value '");
    crm_opt_show(why, value.p, value.len);
    crm_str_addf(why, "' ");
    if (!p.name[0])
        crm_str_addf(why,
                     "is given to all variants, a mapping is needed; allowed: NAME: {KEY: value}");
    else if (name_fits(s, p.name, why))
        add_key_fault(s, &p, why);
    return true;
}

/* ---- public ---- */

crm_status crm_opt_set_variants(crm_opt_set *s, const crm_opt_variants *v)
{
    CRM_CHECK(v->takes_name && v->takes && v->help, CRM_ERR_INTERNAL, "variants without functions");
    s->variants = *v;
    return crm_opt_add_group(s, OPT_VARIANTS, strlen(OPT_VARIANTS));
}

/* Is entry at the first of its variant? */
static bool is_first(const crm_opt_set *s, size_t at)
{
    const struct opt_override *v = s->entry[at].override;

    for (size_t i = 0; v && i < at; i++)
        if (s->entry[i].override && strcmp(s->entry[i].override->name, v->name) == 0) return false;
    return v != NULL;
}

const char *crm_opt_set_variant(const crm_opt_set *s, int i)
{
    for (size_t at = 0; at < s->n && i >= 0; at++)
        if (is_first(s, at) && i-- == 0) return s->entry[at].override->name;
    return NULL;
}

void crm_opt_set_vary(const crm_opt_set *s, const char *name, const crm_opt *table, void *cfg)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct opt_override *v = s->entry[i].override;
        if (!v || strcmp(v->name, name) != 0) continue;
        for (const crm_opt *o = table; o->key; o++) {
            opt_value value = {0};
            if (strcmp(o->key, v->base->key) != 0) continue;
            crm_opt_types[o->type].get(&v->field, &value);
            crm_opt_types[o->type].put((char *)cfg + o->offset, &value);
        }
    }
}
