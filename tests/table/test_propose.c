/* test_propose.c - a schema guessed from the files of seven public data sets, beside the one that a
 * person made of it (configs/): at most five decisions may differ.
 * ranks: 1 3
 * timeout: 60 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "crmpi/table_schema.h"
#include "table_testing.h"

enum { MOST = 5, FILES_MAX = 10 };

/* ---- a schema as entries: one text per decision ---- */
typedef struct entries {
    int n;
    char *key[512], *value[512];
} entries;

static void add(entries *e, crm_str *key, crm_str *value)
{
    T_CHECK(e->n < 512 && !key->failed && !value->failed);
    e->key[e->n] = key->text;
    e->value[e->n++] = value->text;
    *key = *value = (crm_str){0};
}

static void free_entries(entries *e)
{
    for (int i = 0; i < e->n; i++) {
        crm_mem_free(e->key[i]);
        crm_mem_free(e->value[i]);
    }
}

static void add_path(const crm_table_schema *s, int from, const crm_path *p, crm_str *out)
{
    crm_str text = {0};

    crm_table_path_text(s, from, p, &text);
    crm_str_addf(out, "%s ", p->column < 0 ? "-" : text.text);
    crm_str_free(&text);
}

static const char *file_of(const crm_table_schema *s, int table)
{
    return table < 0 ? "-" : s->table[table].files.item[0];
}

static void add_list(const crm_opt_list *l, crm_str *out)
{
    for (int i = 0; i < l->n; i++)
        crm_str_addf(out, "'%s' ", l->item[i]);
}

static void add_when(const crm_table_schema *s, int from, const crm_when *w, crm_str *out)
{
    for (int i = 0; i < w->n; i++) {
        add_path(s, from, &w->term[i].left.path, out);
        crm_str_addf(out, "%g '%s' %d ", w->term[i].left.number, w->term[i].left.text,
                     w->term[i].relation);
        add_path(s, from, &w->term[i].right.path, out);
        crm_str_addf(out, "%g '%s' ", w->term[i].right.number, w->term[i].right.text);
    }
}

/* All but its unit and its meaning, which no file tells. */
static void add_column(const crm_table_schema *s, int table, int column, entries *e)
{
    const crm_field *c = &s->table[table].column[column];
    crm_str key = {0}, v = {0};

    crm_str_addf(&key, "column %s: %s", file_of(s, table), c->name);
    crm_str_addf(&v, "%s %s %c %g..%g %lld..%lld %d ", crm_field_type_names[c->type], c->format,
                 c->decimal, c->min, c->max, (long long)c->time_min, (long long)c->time_max,
                 c->bad);
    add_list(&c->missing, &v);
    crm_str_addf(&v, "yes '%s' no '%s' case %d ", c->yes, c->no, (int)c->letters);
    add_list(&c->map_from, &v);
    add_list(&c->map_to, &v);
    crm_str_addf(&v, "outliers %d fill %d indicator %d to %s hash %d scrub %d derive %s",
                 c->outlier, c->fill, c->indicator, file_of(s, c->ref_table), c->hashed,
                 c->scrubbed, crm_derive_names[c->derive]);
    if (c->derive)
        crm_str_addf(&v, " %s %s", s->table[table].column[c->from[0]].name,
                     s->table[table].column[c->from[1]].name);
    add(e, &key, &v);
}

static void add_roles(const crm_table_schema *s, int table, entries *e)
{
    const crm_table_def *t = &s->table[table];
    crm_str key = {0}, v = {0};

    crm_str_addf(&key, "events %s", file_of(s, table));
    crm_str_addf(&v, "%d ", t->events.is);
    add_path(s, table, &t->events.time, &v);
    add_path(s, table, &t->events.category, &v);
    for (int i = 0; i < t->events.n_numbers; i++)
        add_path(s, table, &t->events.number[i], &v);
    add_when(s, table, &t->events.when, &v);
    add(e, &key, &v);
    crm_str_addf(&key, "documents %s", file_of(s, table));
    crm_str_addf(&v, "%d ", t->documents.is);
    for (int i = 0; i < t->documents.n_texts; i++)
        crm_str_addf(&v, "%s ", t->column[t->documents.text[i]].name);
    add_path(s, table, &t->documents.time, &v);
    add_path(s, table, &t->documents.kind, &v);
    for (int i = 0; i < t->documents.n_labels; i++)
        add_path(s, table, &t->documents.label[i], &v);
    add(e, &key, &v);
}

static void add_table(const crm_table_schema *s, int table, entries *e)
{
    const crm_table_def *t = &s->table[table];
    crm_str key = {0}, v = {0};

    crm_str_addf(&key, "table %s", file_of(s, table));
    crm_str_addf(&v, "%d %d %d %d %d key %s ", t->separator, t->latin1, t->bad, t->duplicates,
                 t->rest_ignored, t->key < 0 ? "-" : t->column[t->key].name);
    add_list(&t->missing, &v);
    add(e, &key, &v);
    for (int c = 0; c < t->n; c++)
        add_column(s, table, c, e);
    add_roles(s, table, e);
}

static void add_label(const crm_table_schema *s, const crm_label_def *l, entries *e)
{
    crm_str key = {0}, v = {0};

    crm_str_addf(&key, "label %s", l->name);
    crm_str_addf(&v, "%d '%s' %s %lld ", (int)l->kind, l->positive, file_of(s, l->table),
                 (long long)l->within);
    add_path(s, s->entity, &l->path, &v);
    add_when(s, l->kind == CRM_LABEL_ANY ? l->table : s->entity, &l->when, &v);
    add(e, &key, &v);
}

static void add_entity(const crm_table_schema *s, entries *e)
{
    crm_str key = {0}, v = {0};

    crm_str_addf(&key, "entity");
    crm_str_addf(&v, "%s %s %d", file_of(s, s->entity),
                 s->key < 0 ? "-" : s->table[s->entity].column[s->key].name, s->contradictions);
    add(e, &key, &v);
    crm_str_addf(&key, "profile");
    for (int i = 0; i < s->n_profile; i++)
        add_path(s, s->entity, &s->profile[i], &v);
    crm_str_addf(&v, ".");
    add(e, &key, &v);
    crm_str_addf(&key, "cutoff");
    add_path(s, s->entity, &s->cutoff, &v);
    crm_str_addf(&v, "%lld", (long long)s->cutoff_at);
    add(e, &key, &v);
    crm_str_addf(&key, "history");
    crm_str_addf(&v, "%d", s->history);
    add(e, &key, &v);
}

static void add_features(const crm_table_schema *s, entries *e)
{
    crm_str key = {0}, v = {0};

    crm_str_addf(&key, "features");
    crm_str_addf(&v, "months %d aggregates %u windows", s->features.months, s->features.aggregates);
    for (int i = 0; i < s->features.n_windows; i++)
        crm_str_addf(&v, " %lld", (long long)s->features.window[i]);
    crm_str_addf(&v, " products %d ratios %d", s->features.n_products, s->features.n_ratios);
    add(e, &key, &v);
}

static void list_entries(const crm_table_schema *s, entries *e)
{
    for (int t = 0; t < s->n; t++)
        add_table(s, t, e);
    add_entity(s, e);
    for (int i = 0; i < s->n_labels; i++)
        add_label(s, &s->label[i], e);
    add_features(s, e);
}

static const char *find(const entries *e, const char *key)
{
    for (int i = 0; i < e->n; i++)
        if (strcmp(e->key[i], key) == 0) return e->value[i];
    return NULL;
}

/* Entries of either that the other has not, or has otherwise; each counts once. */
static int count_edits(const char *set, const entries *guess, const entries *made)
{
    int n = 0;

    for (int i = 0; i < made->n; i++) {
        const char *v = find(guess, made->key[i]);
        if (v && strcmp(v, made->value[i]) == 0) continue;
        n++;
        printf("# %s: %s: '%s', proposed '%s'\n", set, made->key[i], made->value[i],
               v ? v : "none");
    }
    for (int i = 0; i < guess->n; i++)
        if (!find(made, guess->key[i])) {
            n++;
            printf("# %s: %s: '%s' is left out\n", set, guess->key[i], guess->value[i]);
        }
    return n;
}

/* ---- the sets ---- */
static const char *folder(void)
{
    static char out[512];
    const char *shared = getenv("CRM_SHARED"), *source = getenv("CRM_SOURCE_DIR");

    if (shared)
        snprintf(out, sizeof out, "%.400s/data", shared);
    else
        snprintf(out, sizeof out, "%.400s/../shared/data", source ? source : ".");
    return out;
}

static void compare(const char *set, const char *config, const char *yaml, size_t len)
{
    static entries guess, made;
    crm_table_schema *a = NULL, *b = NULL;
    const char *source = getenv("CRM_SOURCE_DIR");
    char path[512];
    int n;

    guess = made = (entries){0};
    snprintf(path, sizeof path, "%.300s/configs/%s", source ? source : ".", config);
    T_OK(crm_table_schema_text("proposal.yaml", yaml, len, &a));
    T_OK(crm_table_schema_open(path, &b));
    if (a && b) {
        list_entries(a, &guess);
        list_entries(b, &made);
        n = count_edits(set, &guess, &made);
        printf("# %s: %d edits of %d entries\n", set, n, made.n);
        T_CHECK(n <= MOST);
        T_CHECK(made.n > 10);
    }
    if (t_failures) fprintf(stderr, "%s", yaml);
    free_entries(&guess);
    free_entries(&made);
    crm_table_schema_free(&a);
    crm_table_schema_free(&b);
}

static void check_set(const char *set, const char *config, const char *const *name)
{
    char path[FILES_MAX][512];
    const char *file[FILES_MAX];
    crm_str yaml = {0};
    int n = 0;

    for (; name[n]; n++) {
        snprintf(path[n], sizeof path[n], "%.300s/%s/%s", folder(), set, name[n]);
        file[n] = path[n];
    }
    if (!crm_path_is_file(file[0])) {
        T_SKIP("no %.200s", file[0]);
        return;
    }
    T_OK(crm_table_propose(t_comm, n, file, &yaml));
    if (crm_comm_rank(t_comm) == 0)
        compare(set, config, yaml.text ? yaml.text : "", yaml.len);
    else
        T_CHECK(yaml.len == 0);
    crm_str_free(&yaml);
}

#define SET(function, set, config, ...)                                                            \
    static void function(void)                                                                     \
    {                                                                                              \
        static const char *const names[] = {__VA_ARGS__, NULL};                                    \
        check_set(set, config, names);                                                             \
    }

SET(telecom_churn, "telecom_churn", "telecom-churn.schema.yaml", "telecom_churn.csv")
SET(ibm_telco, "ibm_telco", "ibm-telco.schema.yaml", "WA_Fn-UseC_-Telco-Customer-Churn.csv")
SET(churn_modelling, "churn_modelling", "churn-modelling.schema.yaml", "Churn_Modelling.csv")
SET(olist, "olist_bravida", "olist.schema.yaml", "olist_customers_dataset.csv",
    "olist_order_items_dataset.csv", "olist_order_payments_dataset.csv",
    "olist_order_reviews_dataset.csv", "olist_orders_dataset.csv", "olist_products_dataset.csv",
    "olist_sellers_dataset.csv", "product_category_name_translation.csv")
SET(online_retail, "online_retail", "online-retail.schema.yaml", "online_retail.csv.gz")
SET(airline_tweets, "airline_tweets", "airline-tweets.schema.yaml", "Tweets.csv")
SET(support_tickets, "support_tickets", "support-tickets.schema.yaml",
    "customer_support_tickets.csv")

/* ---- files of any kind ---- */
static void write_file(const char *path, const crm_str *text)
{
    FILE *f = crm_comm_rank(t_comm) == 0 ? fopen(path, "wb") : NULL;

    if (f) T_CHECK(fwrite(text->text, 1, text->len, f) == text->len && fclose(f) == 0);
    T_OK(crm_comm_barrier(t_comm));
}

static void random_field(uint64_t *seed, int kind, crm_str *out)
{
    static const char *const ODD[] = {"NA", "",    "?",        "\"a,b\"",    "x y z", "-1e5", "007",
                                      "Ja", "1,5", "\xC3\xA9", "2024-02-30", "\xFF",  "\"",   "=1"};
    int i = t_below(seed, 1000);

    if (t_below(seed, 12) == 0) {
        crm_str_addf(out, "%s", ODD[t_below(seed, 14)]);
        return;
    }
    switch (kind) {
    case 0:
        crm_str_addf(out, "%d", i);
        break;
    case 1:
        crm_str_addf(out, "%d.%d", i, i % 10);
        break;
    case 2:
        crm_str_addf(out, "20%02d-%02d-%02d", i % 30, 1 + i % 12, 1 + i % 28);
        break;
    case 3:
        crm_str_addf(out, "%s", i % 2 ? "yes" : "no");
        break;
    case 4:
        crm_str_addf(out, "one two three four five six seven %d", i);
        break;
    default:
        crm_str_addf(out, "k%d", i % 20);
    }
}

static void random_file(uint64_t *seed, const char *path)
{
    static const char *const NAME[] = {"id",    "order_id",    "due_date", "date",
                                       "score", "churn",       "price",    "quantity",
                                       "a b",   "\"x,\"\"y\"", "2024",     "time"};
    int columns = 1 + t_below(seed, 6), rows = t_below(seed, 60), first = t_below(seed, 12);
    crm_str text = {0};

    for (int k = 0; k < columns; k++)
        crm_str_addf(&text, "%s%s", k ? "," : "", NAME[(first + k) % 12]);
    crm_str_addf(&text, "\n");
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns; k++) {
            random_field(seed, (first + k) % 6, &text);
            crm_str_addf(&text, "%s", k + 1 < columns ? "," : t_below(seed, 20) ? "\n" : "\r\n");
        }
    write_file(path, &text);
    crm_str_free(&text);
}

/* Whatever the files hold: a proposal that can be read, or an error with its place. */
static void any_files(void)
{
    const char *tier = getenv("CRM_TIER");
    int trials = !tier || strcmp(tier, "default") == 0 ? 60 : 1000;
    char a[512], b[512];
    const char *file[2] = {t_path("first.csv", a), t_path("second.csv", b)};
    uint64_t seed = 3;
    int good = 0;

    for (int trial = 0; trial < trials && t_failures == 0; trial++) {
        crm_table_schema *s = NULL;
        crm_str yaml = {0};
        crm_status st;
        random_file(&seed, a);
        random_file(&seed, b);
        st = crm_table_propose(t_comm, 2, file, &yaml);
        T_CHECK(st == CRM_OK || st == CRM_ERR_FORMAT);
        good += !st;
        crm_err_clear();
        if (!st && yaml.len) T_OK(crm_table_schema_text("p.yaml", yaml.text, yaml.len, &s));
        if (t_failures && yaml.text) fprintf(stderr, "%s", yaml.text);
        crm_table_schema_free(&s);
        crm_str_free(&yaml);
    }
    T_CHECK(good > trials / 4);
}

#define T_TEXT(text) text, sizeof(text) - 1

static void broken_files(void)
{
    static const struct {
        const char *text;
        size_t len;
        crm_status status;
        const char *message;
    } CASE[] = {
        {T_TEXT("a,b,a\n1,2,3\n"), CRM_ERR_FORMAT,
         "columns 1 and 3 of the header are both called 'a'"},
        {T_TEXT("a\0,b\n"), CRM_ERR_FORMAT, ":1:2: NUL byte"},
        {T_TEXT("a,\"b\n1,2\n"), CRM_ERR_FORMAT, ":1:3: the quote that opens here is never closed"},
        {T_TEXT("Report\n\na,b\n1,2\n"), CRM_ERR_FORMAT,
         ":1:1: no row has the 1 fields of the first line"},
        {T_TEXT("a,b\n"), CRM_OK, ""},
        {T_TEXT("a,b\n1,2\n3\n4,\"5"), CRM_OK, ""},
    };
    char path[512];
    const char *file = t_path("broken.csv", path);

    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        crm_str text = {0}, yaml = {0};
        crm_str_add(&text, CASE[i].text, CASE[i].len);
        write_file(path, &text);
        if (CASE[i].status)
            T_FAILS(crm_table_propose(t_comm, 1, &file, &yaml), CASE[i].status, CASE[i].message);
        else
            T_OK(crm_table_propose(t_comm, 1, &file, &yaml));
        crm_str_free(&text);
        crm_str_free(&yaml);
    }
    file = "/no/such.csv";
    T_FAILS(crm_table_propose(t_comm, 1, &file, &(crm_str){0}), CRM_ERR_IO, "/no/such.csv");
    T_FAILS(crm_table_propose(t_comm, 0, &file, &(crm_str){0}), CRM_ERR_CONFIG, "no file is named");
}

/* ---- exports as people have them ---- */
typedef struct dirty {
    const char *header;
    void (*row)(int i, crm_str *out);
    const char *line[6]; /* of the proposal */
} dirty;

static void currency(int i, crm_str *out)
{
    crm_str_addf(out, "%d,$%d.50,\"-$1,%03d.25\",%d %%\n", i, i, i, i % 30);
}

static void european(int i, crm_str *out)
{
    crm_str_addf(out, "K%d;%d.%03d,50;%d,%d \xE2\x82\xAC;01.%02d.%02d\n", i, i, i, i, i % 10,
                 1 + i % 12, i % 30);
}

static void english(int i, crm_str *out)
{
    crm_str_addf(out, "%08d,\"%d,%03d\",%03d,%d\n", 7 * i, i + 1, i, i % 9, i % 10 ? 40 + i : -999);
}

static void words(int i, crm_str *out)
{
    static const char *const yes[] = {"yes", "NO", "Yes", "no"}, *const side[] = {"North", "SOUTH",
                                                                                  "north"};
    crm_str_addf(out, "%d,%s,%s,", i, yes[i % 4], side[i % 3]);
    if (i % 30)
        crm_str_addf(out, "%d,%d,\n", 18 + i % 50, 1700000000 + 86400 * i);
    else
        crm_str_addf(out, "unknown,%d,\n", 1700000000 + 86400 * i);
}

static void several_formats(int i, crm_str *out)
{
    static const char *const format[] = {"%d,2023-%02d-%02d,", "%d,%02d.%02d.2023,",
                                         "%d,%02d/%02d/2023,"};

    if (i % 3)
        crm_str_addf(out, format[i % 3], i, 1 + i % 28, 1 + i % 12);
    else
        crm_str_addf(out, format[0], i, 1 + i % 12, 1 + i % 28);
    if (i % 20)
        crm_str_addf(out, "2023-%02d-%02d%s", 1 + i % 12, 1 + i % 28, i % 2 ? "\n" : "\r\n");
    else
        crm_str_addf(out, "soon\n");
}

static const dirty DIRTY[] = {
    {"nr,fee,total,discount\n",
     currency,
     {"fee: {type: real, strip: [\"$\"]}    # 0.5..119.5,",
      "total: {type: real, thousands: comma, strip: [\"$\"]}    # -1119.25..-1000.25,",
      "discount: {type: integer, strip: [\"%\"]}", "key: nr"}},
    {"kunde;umsatz;gewinn;seit\n",
     european,
     {"kunde: id", "umsatz: {type: real, decimal: comma, thousands: point}    # 0.5..119119.5,",
      "gewinn: {type: real, decimal: comma, strip: [\"\xE2\x82\xAC\"]}",
      "seit: {type: time, format: \"%d.%m.%y\"}    # 2000-"}},
    {"account,income,branch,age\n",
     english,
     {"account: id", "income: {type: integer, thousands: comma}    # 1000..120119,",
      "branch: category", "age: {type: integer, missing: [-999]}"}},
    {"id,active,side,age,created,\n",
     words,
     {"active: boolean", "side: {type: category, case: lower}",
      "age: {type: integer, missing: [unknown]}",
      "created: {type: time, format: \"%s\"}    # 2023-11-14",
      "rest: ignore    # 1 column without a name"}},
    {"id,first,last\n",
     several_formats,
     {"first: ignore    # dates in several formats",
      "last: {type: time, format: \"%Y-%m-%d\", bad: missing}"}},
};

/* Each line is there, and the tables of the proposal can be read. */
static void dirty_files(void)
{
    char path[512];
    const char *file = t_path("dirty.csv", path);

    for (size_t i = 0; i < sizeof DIRTY / sizeof *DIRTY; i++) {
        crm_str text = {0}, yaml = {0};
        crm_table_schema *s = NULL;
        crm_table_tables made = {0};
        crm_str_addf(&text, "%s", DIRTY[i].header);
        for (int k = 0; k < 120; k++)
            DIRTY[i].row(k, &text);
        write_file(path, &text);
        T_OK(crm_table_propose(t_comm, 1, &file, &yaml));
        for (int k = 0; k < 6 && DIRTY[i].line[k] && crm_comm_rank(t_comm) == 0; k++)
            if (!yaml.text || !strstr(yaml.text, DIRTY[i].line[k])) {
                T_CHECK(false); /* a line of the proposal */
                fprintf(stderr, "# no '%s' in:\n%s", DIRTY[i].line[k], yaml.text);
            }
        write_file(t_path("dirty.yaml", path), &yaml);
        T_OK(crm_comm_barrier(t_comm));
        T_OK(crm_table_schema_open(path, &s));
        t_path("dirty.h5", path);
        T_OK(crm_table_import_schema(t_comm, s, t_dir, "", path, NULL, &made));
        T_EQ_I(made.entities, 120);
        crm_table_tables_free(&made);
        crm_table_schema_free(&s);
        crm_str_free(&text);
        crm_str_free(&yaml);
        t_path("dirty.csv", path);
    }
}

/* One table, whatever the order of the columns, the separator and the encoding of its files. */
static void parts(void)
{
    static const char *const part[] = {"id,town,worth\n1,a,1.5\n2,b,2\n",
                                       "worth;id;town\n3;3;a\n4.5;4;b\n",
                                       "town\tworth\tid\nK\xF6ln\t6\t5\n"};
    char path[3][512];
    const char *file[3];
    crm_str yaml = {0};

    for (int i = 0; i < 3; i++) {
        char name[32];
        crm_str text = {0};
        snprintf(name, sizeof name, "part-%d.csv", i);
        file[i] = t_path(name, path[i]);
        crm_str_addf(&text, "%s", part[i]);
        write_file(path[i], &text);
        crm_str_free(&text);
    }
    T_OK(crm_table_propose(t_comm, 3, file, &yaml));
    if (crm_comm_rank(t_comm) == 0) {
        T_CHECK(strstr(yaml.text,
                       "  part:    # 5 rows\n    files: [part-0.csv, part-1.csv, part-2.csv]\n"
                       "    encoding: latin-1\n    key: id\n"));
        T_CHECK(strstr(yaml.text, "worth: real    # 1.5..6,"));
        if (t_failures) fprintf(stderr, "%s", yaml.text);
    }
    crm_str_free(&yaml);
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

/* One allocation of rank 0 fails: the same status on all ranks, or the whole proposal. */
static void no_memory(void)
{
    char path[512];
    const char *file = t_path("small.csv", path);
    crm_str text = {0}, whole = {0};
    int failed = 0;

    crm_str_addf(&text, "id,date,rating,text\n");
    for (int i = 0; i < 40; i++)
        crm_str_addf(&text, "K%d,2024-01-%02d,%d,one two three four five six %d\n", i % 9,
                     1 + i % 28, 1 + i % 5, i);
    write_file(path, &text);
    T_OK(crm_table_propose(t_comm, 1, &file, &whole));
    for (long k = 1; k < 100000 && t_failures == 0; k += 1 + k / 16) {
        size_t used = crm_mem_used();
        crm_str yaml = {0};
        crm_status st;
        calls = 0;
        fail_at = crm_comm_rank(t_comm) == 0 ? k : 0;
        st = crm_table_propose(t_comm, 1, &file, &yaml);
        fail_at = 0;
        T_CHECK(st == CRM_OK || st == CRM_ERR_NOMEM);
        if (!st) T_CHECK(yaml.len == whole.len && (calls < k || crm_comm_rank(t_comm) > 0));
        failed += st == CRM_ERR_NOMEM;
        crm_err_clear();
        crm_str_free(&yaml);
        T_EQ_I(crm_mem_used(), used);
        if (t_failures) fprintf(stderr, "# call %ld, status %s\n", k, crm_status_name(st));
        if (!st) break;
    }
    T_CHECK(failed > 10);
    crm_str_free(&text);
    crm_str_free(&whole);
}

static void with_folder(void (*run)(void))
{
    t_enter();
    run();
    t_leave();
}

static void any(void)
{
    with_folder(any_files);
}

static void exports(void)
{
    with_folder(dirty_files);
}

static void one_table(void)
{
    with_folder(parts);
}

static void memory(void)
{
    with_folder(no_memory);
}

static void broken(void)
{
    with_folder(broken_files);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"telecom_churn", telecom_churn},
                                   {"ibm_telco", ibm_telco},
                                   {"churn_modelling", churn_modelling},
                                   {"olist_bravida", olist},
                                   {"online_retail", online_retail},
                                   {"airline_tweets", airline_tweets},
                                   {"support_tickets", support_tickets},
                                   {"any files", any},
                                   {"broken files", broken},
                                   {"exports as people have them", exports},
                                   {"parts of one table", one_table},
                                   {"memory that is out", memory},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
