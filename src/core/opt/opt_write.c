/* opt_write.c - options written out: effective config, digest, help, documentation. */
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "opt_impl.h"

enum { HELP_COLUMNS = 100 };
#define VARIANT_ROW OPT_VARIANTS ".NAME.KEY"

static const char *origin_of(const opt_entry *e)
{
    return e->now.origin ? e->now.origin : "default";
}

/* Length of the module prefix: "train" of "train.epochs", all of "device". */
static size_t module_length(const char *key)
{
    return strcspn(key, ".");
}

static bool same_module(const opt_entry *a, const opt_entry *b)
{
    size_t n = module_length(a->o->key);

    return n == module_length(b->o->key) && memcmp(a->o->key, b->o->key, n) == 0;
}

void crm_opt_set_write_yaml(const crm_opt_set *s, bool with_origins, crm_str *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const opt_entry *e = &s->entry[i];
        if (i > 0 && !same_module(e, e - 1)) crm_str_addf(out, "\n");
        crm_str_addf(out, "%s: ", e->o->key);
        crm_opt_entry_print(e, true, out);
        if (with_origins) {
            crm_str_addf(out, "  # ");
            crm_opt_escape(out, origin_of(e), strlen(origin_of(e)));
        }
        crm_str_addf(out, "\n");
    }
}

crm_status crm_opt_set_each(const crm_opt_set *s,
                            void (*visit)(void *ctx, const crm_opt *o, const char *value,
                                          const char *origin),
                            void *ctx)
{
    for (size_t i = 0; i < s->n; i++) {
        const opt_entry *e = &s->entry[i];
        crm_str value = {0};
        bool whole;
        crm_opt_entry_print(e, false, &value);
        whole = !value.failed;
        if (whole) visit(ctx, e->o, value.text ? value.text : "", origin_of(e));
        crm_str_free(&value);
        CRM_CHECK(whole, CRM_ERR_NOMEM, "out of memory: %s", e->o->key);
    }
    return CRM_OK;
}

static int by_key(const void *pa, const void *pb)
{
    const opt_entry *a = *(const opt_entry *const *)pa, *b = *(const opt_entry *const *)pb;

    return strcmp(a->o->key, b->o->key);
}

static void hash_entry(crm_hash *h, const opt_entry *e)
{
    const opt_type_ops *type = &crm_opt_types[e->o->type];
    opt_value v = {0};

    type->get(e->field, &v);
    crm_hash_add_text(h, e->o->key);
    type->hash(e->o, &v, h);
}

crm_status crm_opt_set_digest(const crm_opt_set *s, crm_digest *out)
{
    const opt_entry **sorted = NULL;
    crm_hash *h = NULL;
    crm_status st = CRM_OK;
    size_t n = 0;

    CRM_NEW_TO(st, done, sorted, s->n);
    CRM_TRY_TO(st, done, crm_hash_new(&h));
    for (size_t i = 0; i < s->n; i++)
        if (!(s->entry[i].o->flags & CRM_OPT_LAYOUT)) sorted[n++] = &s->entry[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 0; i < n; i++)
        hash_entry(h, sorted[i]);
    *out = crm_hash_value(h);
done:
    crm_hash_free(&h);
    crm_mem_free(sorted);
    return st;
}

/* Calls row for every option of a table, modules in the order of their first option, and head
 * before each module. */
static void by_module(const crm_opt_set *s, void (*head)(crm_str *, const char *, int),
                      void (*row)(crm_str *, const crm_opt *, int), int width, crm_str *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const opt_entry *e = &s->entry[i];
        size_t first = 0;
        while (!same_module(&s->entry[first], e))
            first++;
        if (first < i || e->override) continue;
        head(out, e->o->key, (int)module_length(e->o->key));
        for (size_t k = i; k < s->n; k++)
            if (same_module(&s->entry[k], e)) row(out, s->entry[k].o, width);
    }
}

/* The default of o, as --set takes it. */
static void add_default(crm_str *out, const crm_opt *o)
{
    crm_str why = {0};
    opt_value v;

    if (crm_opt_value_default(o, &v, &why)) crm_opt_types[o->type].print(o, &v, false, out);
    out->failed |= why.failed;
    crm_str_free(&why);
    crm_opt_value_free(&v);
}

/* Adds the words of text, broken before the last column and continued at indent. */
static void add_wrapped(crm_str *out, const char *text, int indent)
{
    int col = indent;

    while (*text) {
        int n = (int)strcspn(text, " ");
        if (col > indent && col + 1 + n > HELP_COLUMNS) {
            crm_str_addf(out, "\n%*s", indent, "");
            col = indent;
        }
        crm_str_addf(out, "%s%.*s", col > indent ? " " : "", n, text);
        col += n + (col > indent);
        text += n;
        text += strspn(text, " ");
    }
    crm_str_addf(out, "\n");
}

static void help_head(crm_str *out, const char *module, int len)
{
    crm_str_addf(out, "%s%.*s\n", out->len > 0 ? "\n" : "", len, module);
}

static void help_row(crm_str *out, const crm_opt *o, int width)
{
    crm_str facts = {0}, def = {0};
    int indent = width + 4;

    add_default(&def, o);
    crm_str_addf(&facts, "default: %s; allowed: ", def.len > 0 ? def.text : "(empty)");
    crm_opt_allowed(&facts, o, true);
    crm_str_addf(out, "  %-*s  ", width, o->key);
    add_wrapped(out, o->help ? o->help : "", indent);
    crm_str_addf(out, "%*s", indent, "");
    add_wrapped(out, facts.text ? facts.text : "", indent);
    out->failed |= facts.failed || def.failed;
    crm_str_free(&facts);
    crm_str_free(&def);
}

crm_status crm_opt_set_write_help(const crm_opt_set *s, FILE *f)
{
    crm_str out = {0};
    size_t width = 0;
    crm_status st = CRM_OK;

    for (size_t i = 0; i < s->n; i++) {
        size_t n = strlen(s->entry[i].o->key);
        if (n > width) width = n;
    }
    by_module(s, help_head, help_row, (int)width, &out);
    if (s->variants.takes) {
        help_head(&out, OPT_VARIANTS, (int)strlen(OPT_VARIANTS));
        crm_str_addf(&out, "  %-*s  ", (int)width, VARIANT_ROW);
        add_wrapped(&out, s->variants.help, (int)width + 4);
    }
    if (out.failed)
        CRM_SET(st, CRM_ERR_NOMEM, "out of memory: help");
    else if (out.text)
        fputs(out.text, f);
    crm_str_free(&out);
    return st;
}

/* A cell of a table: '|' and line ends would break it. */
static void add_cell(crm_str *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            crm_str_addf(out, "\\|");
        else
            crm_str_addf(out, "%c", *p == '\n' || *p == '\r' ? ' ' : *p);
    }
    crm_str_addf(out, " |");
}

static void markdown_head(crm_str *out, const char *module, int len)
{
    crm_str_addf(out, "%s## %.*s\n\n", out->len > 0 ? "\n" : "", len, module);
    crm_str_addf(out, "| Key | Type | Default | Allowed | Unit | Meaning |\n");
    crm_str_addf(out, "| --- | --- | --- | --- | --- | --- |\n");
}

static void markdown_row(crm_str *out, const crm_opt *o, int width)
{
    crm_str def = {0}, allowed = {0};

    (void)width;
    add_default(&def, o);
    crm_opt_allowed(&allowed, o, false);
    crm_str_addf(out, "| `%s` | %s | ", o->key, crm_opt_types[o->type].name);
    add_cell(out, def.len > 0 ? def.text : "(empty)");
    crm_str_addf(out, " ");
    add_cell(out, allowed.text ? allowed.text : "");
    crm_str_addf(out, " ");
    add_cell(out, o->unit && strcmp(o->unit, "1") != 0 ? o->unit : "");
    crm_str_addf(out, " ");
    add_cell(out, o->help ? o->help : "");
    if (o->flags & CRM_OPT_LAYOUT && !out->failed) {
        out->len -= 2;
        crm_str_addf(out, " Not in the digest. |");
    }
    crm_str_addf(out, "\n");
    out->failed |= def.failed || allowed.failed;
    crm_str_free(&def);
    crm_str_free(&allowed);
}

void crm_opt_set_write_markdown(const crm_opt_set *s, crm_str *out)
{
    by_module(s, markdown_head, markdown_row, 0, out);
    if (!s->variants.takes) return;
    markdown_head(out, OPT_VARIANTS, (int)strlen(OPT_VARIANTS));
    crm_str_addf(out, "| `" VARIANT_ROW "` | that of KEY | (none) | that of KEY |  | ");
    add_cell(out, s->variants.help);
    crm_str_addf(out, "\n");
}
