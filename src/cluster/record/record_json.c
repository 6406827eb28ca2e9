/* record_json.c - JSON written out: for people, and in the one form that a digest is taken of.
 *
 * The canonical form has no white space, keys sorted by bytes and every number as a hexadecimal
 * float as Python's float.hex() writes it, so that a script of a few lines can check a digest
 * (docs/summary-format.md). */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "record_impl.h"

/* ---- memory ---- */

/* Trees are made by hundreds of calls of jansson, each of which may leave something out for want of
 * memory: what counts is that no text is made of a tree that may lack something. */
static atomic_bool memory_lost;

static void *take_memory(size_t n)
{
    void *p = malloc(n);

    if (!p) atomic_store(&memory_lost, true);
    return p;
}

void crm_record_json_watch(void)
{
    json_set_alloc_funcs(take_memory, free);
}

bool crm_record_json_lost(void)
{
    return atomic_exchange(&memory_lost, false);
}

void crm_record_json_lose(bool lost)
{
    if (lost) atomic_store(&memory_lost, true);
}

typedef struct printer {
    crm_str *out;
    bool canonical, sorted;
} printer;

json_t *crm_record_json_real(double v)
{
    if (!isfinite(v)) return json_null();
    return json_real(v == 0 ? 0.0 : v); /* -0 == 0 */
}

static void print_number(const printer *p, const json_t *v)
{
    double x = json_number_value(v);
    char text[32];

    if (p->canonical && x == 0)
        crm_str_addf(p->out, "0x0.0p+0");
    else if (p->canonical)
        crm_str_addf(p->out, "%.13a", x);
    else if (json_is_integer(v))
        crm_str_addf(p->out, "%lld", (long long)json_integer_value(v));
    else
        crm_str_addf(p->out, "%s", crm_format_f64(x, text));
}

/* Strings, true, false and null as jansson writes them. */
static void print_plain(const printer *p, const json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY);

    if (!text)
        p->out->failed = true;
    else
        crm_str_addf(p->out, "%s", text);
    free(text);
}

static void print_key(const printer *p, const char *key)
{
    json_t *k = json_string(key);

    print_plain(p, k);
    json_decref(k);
    crm_str_addf(p->out, p->canonical ? ":" : ": ");
}

static void new_line(const printer *p, int depth)
{
    if (!p->canonical) crm_str_addf(p->out, "\n%*s", 2 * depth, "");
}

static void print(const printer *p, const json_t *v, int depth);

static bool all_plain(const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++)
        if (json_is_object(json_array_get(v, i)) || json_is_array(json_array_get(v, i)))
            return false;
    return true;
}

static void print_array(const printer *p, const json_t *v, int depth)
{
    bool one_line = all_plain(v);

    crm_str_addf(p->out, "[");
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i) crm_str_addf(p->out, one_line && !p->canonical ? ", " : ",");
        if (!one_line) new_line(p, depth + 1);
        print(p, json_array_get(v, i), depth + 1);
    }
    if (!one_line) new_line(p, depth);
    crm_str_addf(p->out, "]");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **keys(const json_t *v, bool sorted)
{
    size_t n = json_object_size(v), i = 0;
    const char **key = crm_mem_new(n, sizeof *key);

    if (!key) return NULL;
    for (void *it = json_object_iter((json_t *)v); it; it = json_object_iter_next((json_t *)v, it))
        key[i++] = json_object_iter_key(it);
    if (sorted) qsort(key, n, sizeof *key, by_text);
    return key;
}

static void print_object(const printer *p, const json_t *v, int depth)
{
    const char **key = keys(v, p->sorted);
    size_t n = json_object_size(v);

    if (!key) {
        p->out->failed = true;
        return;
    }
    crm_str_addf(p->out, "{");
    for (size_t i = 0; i < n; i++) {
        if (i) crm_str_addf(p->out, ",");
        new_line(p, depth + 1);
        print_key(p, key[i]);
        print(p, json_object_get(v, key[i]), depth + 1);
    }
    if (n) new_line(p, depth);
    crm_str_addf(p->out, "}");
    crm_mem_free(key);
}

static void print(const printer *p, const json_t *v, int depth)
{
    if (json_is_object(v))
        print_object(p, v, depth);
    else if (json_is_array(v))
        print_array(p, v, depth);
    else if (json_is_number(v))
        print_number(p, v);
    else
        print_plain(p, v);
}

void crm_record_json_print(const json_t *v, crm_str *out)
{
    const printer p = {.out = out};

    print(&p, v, 0);
    crm_str_addf(out, "\n");
    if (crm_record_json_lost()) out->failed = true;
}

void crm_record_json_print_sorted(const json_t *v, crm_str *out)
{
    const printer p = {.out = out, .sorted = true};

    print(&p, v, 0);
    crm_str_addf(out, "\n");
    if (crm_record_json_lost()) out->failed = true;
}

void crm_record_json_canonical(const json_t *v, crm_str *out)
{
    const printer p = {.out = out, .canonical = true, .sorted = true};

    print(&p, v, 0);
    if (crm_record_json_lost()) out->failed = true;
}
