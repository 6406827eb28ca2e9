/* test_schema.c - schemas: what is read, what is refused with which words, and random changes.
 *
 * Expected values and messages are worked out by hand from docs/schema.md. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/table.h"
#include "crmpi/table_schema.h"

#define A                                                                                          \
    "tables:\n"                                                                                    \
    "  a: {files: a.csv, key: k, columns: {k: id, x: real, c: category, t: time, b: boolean, "     \
    "w: text}}\n"
/* l, e: spans of two of the times t, u, v; m: made of d, and so is o of m */
#define D                                                                                          \
    "tables:\n"                                                                                    \
    "  a: {files: a.csv, key: k, columns: {k: id, d: real, f: real, t: time, u: time, v: time},\n" \
    "      derive: {l: {difference: [t, u]}, e: {difference: [v, u]}, m: {sum: [d, f]}, "          \
    "o: {product: [m, f]}}}\n"
#define B                                                                                          \
    "  b: {files: b.csv, columns: {r: {type: id, references: a}, at: time, n: integer, d: "        \
    "category, z: text}"
#define END     "entity: {table: a}\n"
#define F(type) "tables: {a: {files: a.csv, columns: {f: {type: " type "}}}}\n" END
/* hashed: m, n and the key; r refers to the key */
#define H                                                                                          \
    "tables: {a: {files: a.csv, columns: {m: {type: category, hash: yes}, n: {type: category, "    \
    "hash: yes}, c: {type: category, case: lower}}}}\n" END
#define R                                                                                          \
    "tables:\n"                                                                                    \
    "  a: {files: a.csv, key: k, columns: {k: {type: id, hash: yes}}}\n"                           \
    "  b: {files: b.csv, columns: {r: {type: id, references: a}, at: time}, events: {time: at, "

static crm_status open_text(const char *text, crm_table_schema **s)
{
    return crm_table_schema_text("s.yaml", text, strlen(text), s);
}

/* The path from a table as a text, in a buffer that the next call takes. */
static const char *path_of(const crm_table_schema *s, int from, const crm_path *p)
{
    static char out[256];
    crm_str text = {0};

    crm_table_path_text(s, from, p, &text);
    snprintf(out, sizeof out, "%s", text.text ? text.text : "");
    crm_str_free(&text);
    return out;
}

/* ---- the page ---- */
/* The YAML block of docs/schema.md. */
static char *read_page(size_t *len)
{
    const char *source = getenv("CRM_SOURCE_DIR");
    char path[512], *text = NULL, *begin, *end;

    snprintf(path, sizeof path, "%.400s/docs/schema.md", source ? source : ".");
    T_OK(crm_path_read(path, 1 << 20, &text, len));
    begin = text ? strstr(text, "```yaml\n") : NULL;
    end = begin ? strstr(begin + 8, "\n```") : NULL;
    T_CHECK(end != NULL);
    if (!end) return text;
    *len = (size_t)(end - begin - 7);
    memmove(text, begin + 8, *len);
    text[*len] = '\0';
    return text;
}

static void check_customers(const crm_table_def *t)
{
    const crm_field *c = t->column;

    T_CHECK(strcmp(t->name, "customers") == 0 && t->key == 0 && t->rest_ignored && t->n == 7);
    T_CHECK(t->duplicates == CRM_DUPLICATES_DROP && t->missing.n == 1 && t->bad == CRM_BAD_ERROR);
    T_CHECK(c[1].letters == CRM_CASE_LOWER && c[1].map_from.n == 2);
    T_CHECK(strcmp(c[1].map_from.item[1], "m") == 0 && strcmp(c[1].map_to.item[1], "male") == 0);
    T_CHECK(strcmp(c[2].format, "%d.%m.%Y") == 0 && c[2].bad == CRM_BAD_MISSING);
    T_EQ_I(c[2].time_min, -2208988800); /* date -u -d 1900-01-01 +%s */
    T_EQ_I(c[2].time_max, 1609372800);  /* date -u -d 2020-12-31 +%s */
    T_CHECK(c[3].type == CRM_FIELD_REAL && c[3].min == 0 && c[3].max == 1e7 && c[3].indicator);
    T_CHECK(c[3].outlier == CRM_OUTLIER_IQR && c[3].outlier_factor == 3);
    T_CHECK(c[3].outlier_action == CRM_OUTLIER_WINSORISE && strcmp(c[3].unit, "EUR") == 0);
    T_CHECK(c[4].hashed && !c[0].hashed && c[5].type == CRM_FIELD_BOOLEAN);
    T_CHECK(strcmp(c[5].yes, "J") == 0 && strcmp(c[5].no, "N") == 0);
    T_CHECK(c[6].max_levels == 10000 && c[6].ref_table == -1);
}

static void check_orders(const crm_table_schema *s)
{
    const crm_table_def *t = &s->table[1];

    T_CHECK(t->files.n == 2 && t->separator == CRM_TABLE_SEPARATOR_SEMICOLON && t->latin1);
    T_CHECK(t->bad == CRM_BAD_SKIP && t->column[3].bad == CRM_BAD_SKIP && t->key == -1);
    T_CHECK(t->column[1].ref_table == 0 && t->column[2].ref_table == 2);
    T_CHECK(t->column[4].decimal == ',' && t->column[5].decimal == '.');
    T_EQ_I(t->n, 7);
    T_CHECK(t->column[6].derive == CRM_DERIVE_PRODUCT && t->column[6].type == CRM_FIELD_REAL);
    T_CHECK(t->column[6].from[0] == 4 && t->column[6].from[1] == 5);
    T_CHECK(t->events.is && t->events.n_numbers == 1 && !t->documents.is);
    T_CHECK(strcmp(path_of(s, 1, &t->events.category), "product.category") == 0);
    T_CHECK(t->events.category.table == 2 && t->events.category.hop[0] == 2);
    T_CHECK(t->events.when.n == 1 && t->events.when.term[0].relation == CRM_GT);
    T_CHECK(t->entity == 1 && strcmp(path_of(s, 1, &t->entity_path), "customer.customer_id") == 0);
    T_CHECK(s->table[2].entity_path.column == -1);
}

static void check_rest(const crm_table_schema *s)
{
    const crm_document_role *d = &s->table[3].documents;
    const crm_label_def *l = s->label;

    T_CHECK(d->is && d->n_texts == 2 && d->text[1] == 4 && d->n_labels == 1);
    T_CHECK(s->table[3].column[4].scrubbed && d->kind.column == 2);
    T_EQ_I(s->n_profile, 2);
    T_CHECK(strcmp(path_of(s, 0, &s->profile[1]), "income") == 0);
    T_EQ_I(s->cutoff_at, 1719705600); /* date -u -d 2024-06-30 +%s */
    T_CHECK(s->cutoff.column == -1 && s->history && s->entity == 0 && s->key == 0);
    T_EQ_I(s->n_labels, 4);
    T_CHECK(l[0].kind == CRM_LABEL_ANY && l[0].table == 1 && l[0].within == 90 * 86400);
    T_CHECK(l[1].kind == CRM_LABEL_COLUMN && strcmp(l[1].positive, "gone") == 0);
    T_CHECK(l[2].kind == CRM_LABEL_WHEN && l[2].when.n == 2);
    T_CHECK(l[2].when.term[0].right.number == 946684800); /* date -u -d 2000-01-01 +%s */
    T_CHECK(l[2].when.term[1].right.number == 1 && l[2].when.term[1].relation == CRM_EQ);
    T_CHECK(l[3].kind == CRM_LABEL_ANY && l[3].without_missing && !l[0].without_missing);
    T_CHECK(s->features.n_windows == 4 && s->features.window[2] == 6);
    T_EQ_I(s->features.aggregates, 2047);
    T_CHECK(s->features.n_products == 1 && s->features.n_ratios == 1);
    T_CHECK(strcmp(s->features.ratio[0][1], "orders.amount.sum.12m") == 0);
}

static void page(void)
{
    crm_table_schema *s = NULL;
    size_t len = 0;
    char *text = read_page(&len);

    T_OK(text ? crm_table_schema_text("page", text, len, &s) : CRM_ERR_IO);
    if (s) {
        T_EQ_I(s->n, 4);
        check_customers(&s->table[0]);
        check_orders(s);
        check_rest(s);
    }
    crm_table_schema_free(&s);
    T_CHECK(!s);
    crm_mem_free(text);
}

/* ---- defaults, ways, digests ---- */
static void defaults(void)
{
    crm_table_schema *s = NULL;

    T_OK(open_text(A B ", events: {time: at, category: d, numbers: n}}\n" END
                       "labels: {y: {when: x > 1}}\n",
                   &s));
    if (!s) return;
    T_CHECK(s->table[0].separator == 0 && !s->table[0].latin1 && !s->table[0].rest_ignored);
    T_CHECK(strcmp(s->table[0].column[3].format, "iso") == 0);
    T_CHECK(s->table[0].column[1].min == -INFINITY && s->table[0].column[1].max == INFINITY);
    T_EQ_I(s->n_profile, 3); /* c, t, b: x makes the label, k is the key, w a text */
    T_CHECK(strcmp(path_of(s, 0, &s->profile[0]), "c") == 0);
    T_CHECK(s->cutoff_at == INT64_MAX && s->cutoff.column == -1 && !s->history);
    T_CHECK(s->features.n_windows == 4 && s->features.months == 12);
    T_CHECK(s->label[0].within == 0 && s->label[0].table == -1);
    crm_table_schema_free(&s);
}

static const char CHAIN[] =
    "tables:\n"
    "  e: {files: e, key: k, columns: {k: id, c.c: category}}\n"
    "  d: {files: d, key: k, columns: {k: id, up: {type: id, references: e}}}\n"
    "  c: {files: c, key: k, columns: {k: id, up: {type: id, references: d}}}\n"
    "  b: {files: b, key: k, columns: {k: id, up: {type: id, references: c}}}\n"
    "  a: {files: a, key: k, columns: {k: id, up: {type: id, references: b}, t: time}, events: "
    "{time: t, category: %s}}\n"
    "  z: {files: z, columns: {up: {type: id, references: a}, t: time}, events: {time: t%s\n"
    "entity: {table: e}\n";

static void chains(void)
{
    char text[1024];
    crm_table_schema *s = NULL;

    snprintf(text, sizeof text, CHAIN, "b.c.d.e.c.c", ", when: a.k == 'x'}, entity: a.up}");
    T_FAILS(open_text(text, &s), CRM_ERR_CONFIG, "does not lead to the entity");
    snprintf(text, sizeof text, CHAIN, "b.c.up.e.c.c", "}}");
    T_FAILS(open_text(text, &s), CRM_ERR_CONFIG,
            "tables.z: value '{...}' has no way to the entity");
    text[strlen(text) - strlen("entity: {table: e}\n")] = '\0';
    strcat(text, "entity: {table: d}\n");
    T_OK(open_text(text, &s));
    if (!s) return;
    T_EQ_I(s->table[4].events.category.n_hops, 4);
    T_CHECK(strcmp(path_of(s, 4, &s->table[4].events.category), "up.up.up.up.c.c") == 0);
    T_EQ_I(s->table[5].entity_path.n_hops, 4);
    crm_table_schema_free(&s);
}

static crm_digest digest_of(const char *text)
{
    crm_table_schema *s = NULL;
    crm_digest d = {0, 0};

    T_OK(open_text(text, &s));
    if (s) d = s->digest;
    crm_table_schema_free(&s);
    return d;
}

/* What is left of the columns of D when one makes a label, with blanks between. */
static void derived_labels(void)
{
    static const struct {
        const char *label, *profile;
    } t[] = {
        {"{when: t > 2024-01-05}", "d f u v e m o "},
        {"{when: t > v}", "d f u m o "},
        {"{value: d}", "f t u v l e "},
        {"{when: l > 3}", "d f v m o "}, /* t and u tell l */
        {"{value: o}", "t u v l e "},    /* m is made of the same columns */
    };

    for (size_t k = 0; k < sizeof t / sizeof *t; k++) {
        crm_table_schema *s = NULL;
        char text[1024], all[256] = "";
        snprintf(text, sizeof text, D END "labels: {y: %s}\n", t[k].label);
        T_OK(open_text(text, &s));
        for (int i = 0; s && i < s->n_profile; i++) {
            strcat(all, path_of(s, 0, &s->profile[i]));
            strcat(all, " ");
        }
        if (strcmp(all, t[k].profile) != 0) printf("# %s: %s\n", t[k].label, all);
        T_CHECK(strcmp(all, t[k].profile) == 0);
        crm_table_schema_free(&s);
    }
}

/* One side of a comparison tells nothing without the other; nor does what an event is compared
 * with.
 */
static void half_told(void)
{
    static const char *const text[] = {
        D "entity: {table: a, profile: [e, d]}\nlabels: {y: {when: t > v}}\n",
        D "entity: {table: a, profile: [e, d]}\nlabels: {y: {value: f}}\n",
        D "  b: {files: b.csv, columns: {r: {type: id, references: a}, n: real, at: time}, events: "
          "{time: at}}\nentity: {table: a, profile: [m]}\nlabels: {y: {any: b, when: n > a.d}}\n",
    };

    for (size_t k = 0; k < sizeof text / sizeof *text; k++) {
        crm_table_schema *s = NULL;
        T_OK(open_text(text[k], &s));
        crm_table_schema_free(&s);
    }
}

static void digests(void)
{
    static const char *const other[] = {
        A END "labels: {y: {column: b}}\n",
        A "entity: {table: a, cutoff: 2024-01-01}\n",
        A "entity: {table: a, cutoff: t}\n",
        A "entity: {table: a, profile: [x]}\n",
        A "entity: {table: a, key: none}\n",
        A END "features: {months: 3}\n",
        "defaults: {missing: [NA]}\n" A END,
        "defaults: {bad: skip}\n" A END,
        A B "}\n" END,
        A B ", documents: {text: z}}\n" END,
        "defaults: {header: no}\n" A END,
        "defaults: {quotes: no}\n" A END,
        A END "labels: {y: {value: x}}\n",
        A END "labels: {y: {value: x, cuts: [0], classes: [a, b]}}\n",
        A END "labels: {y: {value: x, cuts: [1], classes: [a, b]}}\n",
        A END "labels: {y: {value: x, cuts: [1], classes: [b, a]}}\n",
    };
    crm_digest plain = digest_of(A END), seen[20];
    int n = 0;

    T_CHECK(crm_digest_equal(plain, digest_of("# where it stands does not matter\n" A END)));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        seen[n] = digest_of(other[i]);
        T_CHECK(!crm_digest_equal(plain, seen[n]));
        for (int k = 0; k < n; k++)
            T_CHECK(!crm_digest_equal(seen[k], seen[n]));
        n++;
    }
}

/* ---- what is refused ---- */
static const struct {
    const char *text, *message;
} WRONG[] = {
    {"", "s.yaml:1:1: (top level): value '{...}' has no tables; allowed: tables: {NAME"},
    {"tables: {}\n", "s.yaml:1:9: tables: value '{...}' has no tables"},
    {"table: 1\n", "s.yaml:1:1: table: value '1' is given to an unknown key (nearest: tables)"},
    {A, ""},
    {A B "}\n", "has no entity; allowed: entity: {table: TABLE}"},
    {A "entity: {table: aa}\n", "s.yaml:3:17: entity.table: value 'aa' is no table (nearest: a)"},
    {A "entity: {table: a, key: x}\n",
     "s.yaml:3:25: entity.key: value 'x' is a column of type real and cannot be a key; allowed: "
     "type id"},
    {A "entity: {table: a, keys: x}\n",
     "entity.keys: value 'x' is given to an unknown key (nearest: key)"},
    {A "entity: {table: a, profile: [xx]}\n",
     "s.yaml:3:30: entity.profile: value 'xx' leads nowhere from table a (nearest: x); allowed: a "
     "column, or reference.column"},
    {A "entity: {table: a, profile: [w]}\n",
     "is a column of type text and cannot be a column of the profile; allowed: type integer, real, "
     "boolean, category, time"},
    {A "entity: {table: a, profile: [x, x]}\n", "stands here twice"},
    {A "entity: {table: a, profile: x}\n", "is no list"},
    {A "entity: {table: a, cutoff: x}\n",
     "is a column of type real and cannot be a cut-off; allowed: type time"},
    {A "entity: {table: a, contradictions: firs}\n", "(nearest: first)"},
    {A "entity: {table: a, history: maybe}\n", "is neither yes nor no"},
    {A B "}\n" END "labels: {y: {column: n}}\n",
     "s.yaml:5:22: labels.y.column: value 'n' leads nowhere from table a"},
    {A END "labels: {y: {column: x}}\n",
     "is a column of type real and cannot be a label of classes; allowed: type integer, boolean, "
     "category"},
    {A END "labels: {y: {value: c}}\n", "cannot be a numeric label"},
    {A END "labels: {y: {value: x, positive: 1}}\n", "is given to an unknown key"},
    {A END "labels: {y: {value: x, cuts: [0]}}\n", "does not name the classes between the cuts"},
    {A END "labels: {y: {value: x, cuts: 0, classes: [a, b, c]}}\n", "one more than cuts"},
    {A END "labels: {y: {value: x, cuts: [1, 1], classes: [a, b, c]}}\n",
     "s.yaml:4:34: labels.y.cuts: value '1' does not lie above the cut before it"},
    {A END "labels: {y: {value: x, cuts: [0], classes: [a, a]}}\n", "names a class twice"},
    {A END "labels: {y: x}\n", "says no label; allowed: {column: PATH}"},
    {A END "labels: {'a/b': {column: c}}\n", "is given to a label of that name"},
    {A "entity: {table: a, profile: [c]}\nlabels: {y: {column: c}}\n",
     "s.yaml:3:30: entity.profile: value 'c' tells the label y"},
    {A "entity: {table: a, profile: [c, x]}\nlabels: {y: {when: b == yes and x > 1}}\n",
     "s.yaml:3:33: entity.profile: value 'x' tells the label y"},
    {D "entity: {table: a, profile: [l]}\nlabels: {y: {when: t > 2024-01-05}}\n",
     "s.yaml:4:30: entity.profile: value 'l' tells the label y"},
    {D "entity: {table: a, profile: [m]}\nlabels: {y: {value: d}}\n",
     "value 'm' tells the label y, alone or with columns before it"},
    {D "entity: {table: a, profile: [u, t]}\nlabels: {y: {when: l > 3}}\n",
     "s.yaml:4:33: entity.profile: value 't' tells the label y"},
    {D "entity: {table: a, profile: [e, l]}\nlabels: {y: {when: t > v}}\n",
     "s.yaml:4:33: entity.profile: value 'l' tells the label y"},
    {D
     "  b: {files: b.csv, columns: {r: {type: id, references: a}, w: text}, documents: {text: w}}\n"
     "entity: {table: a, profile: [m]}\nlabels: {y: {any: b, when: a.d > 3}}\n",
     "s.yaml:5:30: entity.profile: value 'm' tells the label y"},
    {"tables:\n  a: {files: a.csv, key: k, columns: {k: id, t: time}}\n"
     "  b: {files: b.csv, columns: {r: {type: id, references: a}, n: {type: real, outliers: iqr}, "
     "at: time}, events: {time: at}}\nentity: {table: a, cutoff: t}\n",
     "s.yaml:3:87: tables.b.columns.n.outliers: value 'iqr' takes limits from a table of events or "
     "documents, of rows before the cut-off, but each entity has a cut-off of its own, and tables "
     "are cleaned before their rows are those of entities"},
    {"tables:\n  a: {files: a.csv, key: k, columns: {k: id, t: time}}\n"
     "  b: {files: b.csv, columns: {r: {type: id, references: a}, n: real, at: time}, events: "
     "{time: a.t},\n    derive: {m: {sum: [n, n], outliers: zscore}}}\n"
     "entity: {table: a, cutoff: 2024-01-01}\n",
     "s.yaml:4:41: tables.b.derive.m.outliers: value 'zscore' takes limits from a table of events "
     "or "
     "documents, of rows before the cut-off, but their time is no column of the table"},
    {A B "}\n" END "labels: {y: {any: b}}\n", "is a table without events or documents"},
    {A B ", documents: {text: z}}\n" END "labels: {y: {any: b, without_rows: maybe}}\n",
     "allowed: no, missing"},
    {A B ", documents: {text: z}}\n" END "labels: {y: {any: b, within: 3 days}}\n",
     "needs a time of table b"},
    {A B ", events: {time: at}}\n" END "labels: {y: {any: b, within: 3 dogs}}\n",
     "value '3 dogs' is no length of time"},
    {A B ", events: {time: at}}\n" END "labels: {y: {any: b, within: 0 days}}\n",
     "is no length of time"},
    {A B ", documents: {text: z, labels: {y: n}}}\n" END "labels: {y: {column: c}}\n",
     "is given to a second label of that name"},
    {A END "labels: {y: {when: x}}\n", "has no comparison"},
    {A END "labels: {y: {when: x > c}}\n", "compares a number with a text; allowed: two of one "
                                           "kind (a text stands in '...')"},
    {A END "labels: {y: {when: x > 2024-01-01}}\n", "compares a number with a time"},
    {A END "labels: {y: {when: c < 'a'}}\n", "orders texts"},
    {A END "labels: {y: {when: c == yes}}\n", "compares a text with yes or no"},
    {A END "labels: {y: {when: 1 < 2}}\n", "compares two constants"},
    {A END "labels: {y: {when: x < 2 < 3}}\n", "is no comparison of two values"},
    {A END "labels: {y: {when: w == 'a'}}\n", "compares a column of type text"},
    {A END "labels: {y: {when: x < 1 and c}}\n", "has no comparison"},
    {F("integer, min: 0, fill: {constant: -1}"), "is outside of the column's range; allowed: 0 to"},
    {F("real, max: 5, fill: {constant: 5.5}"), "s.yaml:1:79: "},
    {F("integer, fill: {constant: 1.5}"), "is no value of the column; allowed: a number (integer)"},
    {F("time, fill: {constant: soon}"), "allowed: a time of its format"},
    {F("time, format: \"%d.%m.%Y\", fill: {constant: 2024-01-01}"), "a time of its format"},
    {F("time, min: 2024-01-01, fill: {constant: 2023-12-31}"), "times from min to max"},
    {F("boolean, fill: {constant: perhaps}"), "allowed: yes, no, or the texts of its own"},
    {F("category, fill: {constant: ''}"), "is no value of the column; allowed: a text"},
    {A END "labels: {y: {when: k == c}}\n", "compares an id with a category"},
    {H "labels: {y: {when: m == 'u@x'}}\n",
     "compares column m, which is hashed: it cannot be compared with a text"},
    {H "labels: {y: {when: \"'u@x' != m\"}}\n", "s.yaml:3:20: "},
    {H "labels: {y: {when: m == c}}\n", "compares a column that is hashed with one that is not"},
    {R "when: r == 'a'}}\n" END, "compares column r, which is hashed"},
    {A END "labels: {y: {when: x < 1 and q > 2}}\n", "leads nowhere from table a"},
    {A B ", events: {category: d}}\n" END, "s.yaml:3:114: tables.b.events: value '{...}' has no "
                                           "time"},
    {A B ", events: {time: n}}\n" END, "cannot be the time of an event"},
    {A B ", events: {time: at, category: n}}\n" END, "cannot be the category of an event"},
    {A B ", events: {time: at, numbers: [n, d]}}\n" END, "cannot be a number of an event"},
    {A B ", events: {time: at, numbers: [r.y]}}\n" END,
     "value 'r.y' leads nowhere from table b (nearest: r.k)"},
    {A B ", documents: {text: d}}\n" END, "cannot be the text of a document; allowed: type text"},
    {A B ", documents: {text: [z, z]}}\n" END, "stands here twice"},
    {A B ", documents: {kind: d}}\n" END, "has no text"},
    {A B ", documents: {text: z, labels: {y: at}}}\n" END, "cannot be the label of a document"},
    {A B ", key: at}\n" END, "is a column of type time and cannot be a key"},
    {A B ", key: rr}\n" END, "is no column of table b (nearest: r)"},
    {A "  b: {files: b, columns: {at: time}, events: {time: at}}\n" END,
     "s.yaml:3:6: tables.b: value '{...}' has no way to the entity; allowed: a column with "
     "references: a, or one named k of type id"},
    {A B ", events: {time: at}}\nentity: {table: a, key: none}\n", "the entity has no key"},
    {A "  b: {files: b, columns: {r: {type: id, references: a}, s: {type: id, references: a}, at: "
       "time}, events: {time: at}}\n" END,
     "has 2 ways to the entity; allowed: entity: the reference column that leads there"},
    {A "  b: {files: b, columns: {r: {type: id, references: a}, s: {type: id, references: a}, at: "
       "time}, entity: r, events: {time: at, category: a.c}}\n" END,
     "goes through a table that several columns refer to"},
    {A "  b: {files: b, columns: {r: {type: id, references: aa}}}\n" END,
     "is no table (nearest: a)"},
    {A "  b: {files: b, columns: {r: {type: id, references: b}}}\n" END, "is a table without key"},
    {A "  b: {files: b, key: r, columns: {r: {type: id, references: b}}}\n" END,
     "closes a circle of references from table b to itself"},
    {"tables:\n  a: {files: a, key: k, columns: {k: id, r: {type: id, references: b}}}\n  b: "
     "{files: "
     "b, key: k, columns: {k: id, r: {type: id, references: a}}}\n" END,
     "s.yaml:2:68: tables.a.columns.r.references: value 'b' closes a circle"},
    {A "  b: {files: b, columns: {r: {type: id, references: a, hash: yes}}}\n" END,
     "has a key that is not hashed"},
    {A "  b: {files: b, columns: {r: {type: id, references: a, case: lower}}}\n" END,
     "has a key of another case"},
    {"tables:\n  a: {columns: {x: real}}\n" END,
     "s.yaml:2:6: tables.a: value '{...}' has no files"},
    {"tables:\n  a: {files: [''], columns: {x: real}}\n" END, "holds an empty pattern"},
    {"tables:\n  a: {files: a}\n" END, "has no columns"},
    {"tables:\n  a: {files: a, columns: {}}\n" END, "names no column"},
    {"tables:\n  a: 1\n" END, "is no mapping"},
    {"tables:\n  a.b: {files: a, columns: {x: real}}\nentity: {table: a.b}\n",
     "is given to a table of that name"},
    {"tables:\n  a: {files: a, sep: comma, columns: {x: real}}\n" END,
     "tables.a.sep: value 'comma' is given to an unknown key"},
    {"tables:\n  a: {files: a, separator: coma, columns: {x: real}}\n" END, "(nearest: comma)"},
    {"defaults: {encoding: utf8}\n" A END, "value 'utf8' is unknown (nearest: utf-8)"},
    {"defaults: {key: k}\n" A END, "defaults.key: value 'k' is given to an unknown key"},
#define COLUMN(c) "tables:\n  a: {files: a, columns: {" c ", y: real}}\n" END
    {COLUMN("x: reel"), "s.yaml:2:30: tables.a.columns.x: value 'reel' is unknown (nearest: real)"},
    {COLUMN("x: {min: 1}"), "has no type"},
    {COLUMN("x: {type: real, format: iso}"), "is given to an unknown key"},
    {COLUMN("x: {type: time, min: 3}"), "is no date; allowed: 2024-06-30"},
    {COLUMN("x: {type: time, min: 2024-02-01, max: 2024-01-01}"), "lies before min"},
    {COLUMN("x: {type: time, format: '%Q'}"), "is no format of times"},
    {COLUMN("x: {type: real, min: 2, max: 1}"), "is less than min"},
    {COLUMN("x: {type: real, min: two}"), "is not a number; allowed: a finite number"},
    {COLUMN("x: {type: real, bad: mising}"), "(nearest: missing)"},
    {COLUMN("x: {type: real, thousands: point}"), "is the decimal mark too"},
    {COLUMN("x: {type: real, thousands: dot}"), "allowed: none, comma, point, space, apostrophe"},
    {COLUMN("x: {type: category, strip: [x]}"), "is given to an unknown key"},
    {COLUMN("x: {type: real, outliers: {factor: 3}}"), "has no rule"},
    {COLUMN("x: {type: real, outliers: mad}"), "value 'mad' is unknown"},
    {COLUMN("x: {type: real, outliers: {rule: iqr, factor: 0}}"), "is too small"},
    {COLUMN("x: {type: integer, fill: {constant: 1.5}}"), "is no value of the column"},
    {COLUMN("x: {type: real, fill: mean}"), "allowed: keep, drop"},
    {COLUMN("x: {type: boolean, yes: J}"), "is given without no; allowed: both"},
    {COLUMN("x: {type: boolean, yes: J, no: J}"), "is yes as well as no"},
    {COLUMN("x: {type: category, map: [a, b]}"), "is no mapping"},
    {COLUMN("x: {type: category, max_levels: 1}"), "is too small; allowed: 2..10000000"},
    {COLUMN("x: {type: text, hash: yes}"), "is given to an unknown key"},
    {COLUMN("x: real, x: real"), "is given to a key of line 2 again"},
#define DERIVE(d)                                                                                  \
    "tables:\n  a: {files: a, columns: {x: real, c: category, t: time}, derive: {" d "}}\n" END
    {DERIVE("x: {sum: [x, x]}"), "is derived under the name of a column"},
    {DERIVE("p: {sum: [x]}"), "is not two columns"},
    {DERIVE("p: {sum: [x, c]}"), "is a column of type category; allowed: integer, real, boolean"},
    {DERIVE("p: {sum: [t, t]}"), "is a column of type time"},
    {DERIVE("p: {difference: [t, x]}"), "or two columns of type time"},
    {DERIVE("p: {sum: [x, q]}, q: {sum: [x, x]}"), "is no column of table a"},
    {DERIVE("p: {plus: [x, x]}"), "has no operation"},
    {DERIVE("p: {sum: [x, x], ratio: [x, x]}"), "is a second operation"},
    {A "entity: {table: a, cutoff: 2024-02-30}\n",
     "s.yaml:3:28: entity.cutoff: value '2024-02-30' has the date 2024-02-30, which is none of the "
     "calendar"},
    {A END "labels: {y: {when: x > 2024-13-01}}\n", "has the date 2024-13-01, which is none"},
    {A END "features: {windows: [1, 1]}\n", "stands here twice"},
    {A END "features: {windows: [x]}\n", "is not an integer"},
    {A END "features: {aggregates: [cont]}\n", "(nearest: count)"},
    {A END "features: {products: [[x]]}\n", "is no pair"},
    {A END "features: {products: [[x, c]]}\n", "is no number of the data set"},
#define LOG                                                                                        \
    "tables:\n  t: {files: t, columns: {k: id, at: time, kind: category, q: real}, events: "       \
    "{time: "                                                                                      \
    "at, category: kind, numbers: [q]}}\nentity: {table: t, key: k}\n"
    {LOG "features: {windows: [3], ratios: [[t.q.sum.3m, t.q.sum.6m]]}\n",
     "s.yaml:4:48: features.ratios: value 't.q.sum.6m' is no number of the data set (nearest: "
     "t.q.sum.3m)"},
    {LOG "features: {aggregates: [sum], products: [[t.q.sum.3m, t.recency]]}\n",
     "value 't.recency' is no number"},
    {LOG "features: {products: [[t.share.late, t.share.]]}\n", "value 't.share.' is no number"},
    {LOG "features: {products: [[t.share.late, t.count.trend], [t.gaps.max, t.season.sin]]}\n", ""},
};

static void wrong(void)
{
    crm_table_schema *s = NULL;

    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        int before = t_failures;
        size_t used = crm_mem_used();
        if (WRONG[i].message[0])
            T_FAILS(open_text(WRONG[i].text, &s), CRM_ERR_CONFIG, WRONG[i].message);
        else
            T_OK(open_text(WRONG[i].text, &s));
        crm_table_schema_free(&s);
        T_EQ_I(crm_mem_used(), used);
        if (t_failures > before) fprintf(stderr, "# case %d:\n%s", (int)i, WRONG[i].text);
    }
    T_FAILS(crm_table_schema_open("/no/such.yaml", &s), CRM_ERR_IO, "/no/such.yaml");
}

/* All that is wrong is told at once, in the order of the file. */
static void all_at_once(void)
{
    crm_table_schema *s = NULL;

    T_FAILS(open_text("tables:\n"
                      "  a:\n"
                      "    files: a.csv\n"
                      "    key: kk\n"
                      "    columns: {k: id, x: rael, t: {type: time, format: q}}\n"
                      "    duplicate: drop\n"
                      "entity: {table: a, cutof: t}\n",
                      &s),
            CRM_ERR_CONFIG,
            "s.yaml:4:10: tables.a.key: value 'kk' is no column of table a (nearest: k); allowed: "
            "its columns\n"
            "s.yaml:5:25: tables.a.columns.x: value 'rael' is unknown (nearest: real); allowed: "
            "ignore, integer, real, boolean, category, time, text, id\n"
            "s.yaml:6:5: tables.a.duplicate: value 'drop' is given to an unknown key (nearest: "
            "duplicates)");
}

/* ---- random changes ---- */
static uint32_t below(uint64_t *state, size_t n)
{
    *state += 1;
    return (uint32_t)(crm_digest_of(state, sizeof *state).lo % n);
}

static size_t change(uint64_t *state, char *text, size_t n, size_t cap)
{
    static const char *const PIECE[] = {
        "{",   "}",  "[",  "]",   ": ",     "\n",       "  ",   "a",       ".",    " and ",
        " > ", "'",  "\"", "id",  "time",   "key",      "a.b",  "real",    "none", "-",
        "1e9", ", ", "#",  "yes", "orders", "customer", "text", "\xC3\xA9"};
    size_t at = below(state, n + 1), cut = below(state, 8), len;
    char copy[64];

    if (at + cut > n) cut = n - at;
    if (below(state, 3) == 0) { /* a part of it elsewhere */
        size_t from = below(state, n + 1);
        len = below(state, sizeof copy);
        if (from + len > n) len = n - from;
        memcpy(copy, text + from, len);
    } else {
        const char *p = PIECE[below(state, sizeof PIECE / sizeof *PIECE)];
        len = strlen(p);
        memcpy(copy, p, len);
    }
    if (n - cut + len > cap) return n;
    memmove(text + at + len, text + at + cut, n - at - cut);
    memcpy(text + at, copy, len);
    return n - cut + len;
}

/* Walks all that a schema points to. */
static int64_t weigh(const crm_table_schema *s)
{
    crm_str all = {0};
    int64_t sum;

    for (int t = 0; t < s->n; t++) {
        const crm_table_def *d = &s->table[t];
        for (int c = 0; c < d->n; c++)
            crm_str_addf(&all, "%s%s%s%d", d->column[c].name, d->column[c].format,
                         d->column[c].fill_value, d->column[c].map_to.n);
        crm_table_path_text(s, t, &d->entity_path, &all);
        crm_table_path_text(s, t, &d->events.category, &all);
        for (int i = 0; i < d->events.n_numbers; i++)
            crm_table_path_text(s, t, &d->events.number[i], &all);
        for (int i = 0; i < d->documents.n_texts; i++)
            crm_str_addf(&all, "%s", d->column[d->documents.text[i]].name);
    }
    for (int i = 0; i < s->n_profile; i++)
        crm_table_path_text(s, s->entity, &s->profile[i], &all);
    for (int i = 0; i < s->n_labels; i++)
        crm_str_addf(&all, "%s%s%d", s->label[i].name, s->label[i].positive, s->label[i].when.n);
    sum = (int64_t)all.len;
    crm_str_free(&all);
    return sum;
}

static void mutations(void)
{
    enum { TRIALS = 4000, ROOM = 16384 };
    static char text[ROOM + 1];
    size_t len = 0;
    char *page_text = read_page(&len);
    uint64_t state = 7;
    int good = 0;

    for (int trial = 0; page_text && trial < TRIALS && t_failures == 0; trial++) {
        size_t n = len, used = crm_mem_used();
        crm_table_schema *s = NULL;
        crm_status st;
        memcpy(text, page_text, len);
        for (uint32_t k = 1 + below(&state, 5); k > 0; k--)
            n = change(&state, text, n, ROOM);
        text[n] = '\0';
        st = crm_table_schema_text("m.yaml", text, n, &s);
        T_CHECK(st == CRM_OK || st == CRM_ERR_CONFIG);
        T_CHECK(st ? strncmp(crm_err_text(), "m.yaml:", 7) == 0 : weigh(s) > 0);
        good += !st;
        crm_err_clear();
        crm_table_schema_free(&s);
        T_EQ_I(crm_mem_used(), used);
        if (t_failures) fprintf(stderr, "# trial %d:\n%s\n", trial, text);
    }
    T_CHECK(good > TRIALS / 100 && good < TRIALS);
    crm_mem_free(page_text);
}

/* ---- memory that is out: all of the program's comes through here (base_mem.c) ---- */
static long fail_at, calls; /* fail_at 0: none */

void *aligned_alloc(size_t align, size_t size)
{
    static void *(*real)(size_t, size_t);

    if (!real) {
        void *p = dlsym(RTLD_NEXT, "aligned_alloc");
        memcpy(&real, &p, sizeof real);
    }
    if (fail_at && ++calls == fail_at) return NULL;
    return real(align, size);
}

static void no_memory(void)
{
    size_t len = 0;
    char *text = read_page(&len);
    int failed = 0;

    for (long k = 1; text && k < 5000 && t_failures == 0; k++) {
        crm_table_schema *s = NULL;
        size_t used = crm_mem_used();
        crm_status st;
        fail_at = k;
        calls = 0;
        st = crm_table_schema_text("s.yaml", text, len, &s);
        fail_at = 0;
        T_CHECK(st == CRM_ERR_NOMEM || (!st && calls < k));
        failed += st == CRM_ERR_NOMEM;
        crm_err_clear();
        crm_table_schema_free(&s);
        T_EQ_I(crm_mem_used(), used);
        if (!st) break;
        if (t_failures) fprintf(stderr, "# call %ld, status %s\n", k, crm_status_name(st));
    }
    T_CHECK(failed > 50);
    crm_mem_free(text);
}

/* As it would stand in the file. */
static void fills(void)
{
    static const char text[] =
        "tables: {a: {files: a.csv, columns: {c: {type: category, case: lower, map: {f: female}, "
        "fill: {constant: F}}, d: {type: category, case: upper, fill: {constant: none}}, b: {type: "
        "boolean, yes: J, no: N, fill: {constant: J}}, x: {type: real, decimal: comma, max: 2, "
        "fill: {constant: '1,5'}}}}}\n" END;
    crm_table_schema *s = NULL;

    T_OK(open_text(text, &s));
    if (!s) return;
    T_CHECK(strcmp(s->table[0].column[0].fill_value, "female") == 0);
    T_CHECK(strcmp(s->table[0].column[1].fill_value, "NONE") == 0);
    crm_table_schema_free(&s);
}

/* Two hashed columns compare; a constant gets the letters of its column. */
static void texts_of_conditions(void)
{
    static const char plain[] = H "labels: {y: {when: \"m == n and 'BüX' != c\"}}\n";
    crm_table_schema *s = NULL;

    T_OK(open_text(plain, &s));
    if (!s) return;
    T_EQ_I(s->label[0].when.n, 2);
    T_CHECK(strcmp(s->label[0].when.term[1].left.text, "büx") == 0);
    crm_table_schema_free(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"example of the page", page},
                                   {"texts of conditions", texts_of_conditions},
                                   {"constants for missing values", fills},
                                   {"defaults", defaults},
                                   {"chains of references", chains},
                                   {"columns that a label is derived from", derived_labels},
                                   {"half of a comparison", half_told},
                                   {"digests", digests},
                                   {"what is wrong", wrong},
                                   {"all at once", all_at_once},
                                   {"random changes", mutations},
                                   {"memory that is out", no_memory},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
