/* test_leak.c - nothing of what lies at or behind the cut-off comes into features and blocks.
 *
 * A shop is imported twice: as it is, and with rows at and behind the cut-off that give the label
 * away (amounts, categories, words, texts, values of the profile).  All but targets must be equal.
 * Limits of outliers are taken of the rows before the cut-off, too.  The check is checked: the same
 * rows one day before the cut-off do change the data set. ranks: 1 2 3 4 */
#include <math.h>

#include "crmpi/table_schema.h"
#include "table_testing.h"

enum { CUSTOMERS = 60, DAYS = 200, CUT = 120 };

/* One cut-off for all, a cut-off of each customer, and customers told by their events alone. */
static const char *const SCHEMAS[] = {
    "tables:\n"
    "  customers:\n"
    "    files: customers.csv\n"
    "    key: id\n"
    "    columns: {id: id, age: integer, born: time, until: time, seen: {type: time, indicator: "
    "yes%s}, due: {type: time, known_ahead: yes}}\n"
    "    derive: {span: {difference: [seen, born]}}\n"
    "  orders:\n"
    "    files: orders.csv\n"
    "    columns: {customer: {type: id, references: customers}, at: time, amount: %s, kind: "
    "category, shop: category}\n"
    "    events: {time: at, category: kind, numbers: [amount]}\n"
    "  notes:\n"
    "    files: notes.csv\n"
    "    columns: {customer: {type: id, references: customers}, at: time, body: text, mood: "
    "category}\n"
    "    documents: {text: body, time: at, kind: mood, labels: {mood: mood}}\n"
    "entity: {table: customers, profile: [age, seen, span, due], cutoff: %s}\n"
    "labels: {gone: {any: orders, within: 30 days, when: amount > 500}}\n",
    "tables:\n"
    "  orders:\n"
    "    files: orders.csv\n"
    "    columns: {customer: id, at: time, amount: %s, kind: category, shop: category}\n"
    "    events: {time: at, category: kind, numbers: [amount]}\n"
    "  notes:\n"
    "    files: notes.csv\n"
    "    columns: {customer: id, at: time, body: text, mood: category}\n"
    "    documents: {text: body, time: at, kind: mood, labels: {mood: mood}}\n"
    "entity: {table: orders, key: customer, profile: [shop, amount], cutoff: %s, contradictions: "
    "%s, history: yes}\n"
    "labels: {gone: {any: orders, within: 30 days, when: amount > 500}}\n"};

/* The date on which a customer was seen last: missing ones are told, or filled. */
static const char *const SEEN[] = {"", ", fill: {constant: 2000-01-01}"};
/* The amount of an order, whose limits the planted rows would widen. */
static const char *const AMOUNTS[] = {"real",
                                      "{type: real, outliers: {rule: iqr, factor: 0.1, action: "
                                      "winsorise}}"};

static void date_of(int day, char out[32])
{
    static const int month[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int m = 0;

    while (day >= month[m])
        day -= month[m++];
    snprintf(out, 32, "2024-%02d-%02d", m + 1, day + 1);
}

/* Cut-off of a customer, as a day of the year. */
static int cut_of(int customer, bool own)
{
    return own ? CUT - 20 + customer % 40 : CUT;
}

static void add_row(crm_str *orders, crm_str *notes, int customer, int day, bool planted,
                    uint64_t *seed)
{
    char date[32];

    date_of(day, date);
    crm_str_addf(orders, "c%d,%s,%d,%s,%s\n", customer, date,
                 planted ? 1000 + customer : t_below(seed, 100),
                 planted            ? "closing"
                 : t_below(seed, 2) ? "food"
                                    : "toys",
                 planted            ? "exit"
                 : t_below(seed, 2) ? "north"
                                    : "south");
    crm_str_addf(notes, "c%d,%s,%s,%s\n", customer, date,
                 planted            ? "farewell for ever"
                 : t_below(seed, 2) ? "all fine"
                                    : "some words",
                 planted            ? "angry"
                 : t_below(seed, 2) ? "calm"
                                    : "glad");
}

/* Customers whom the label is about were seen last at the cut-off or behind it, or nothing is said
 * of that; all have something due behind it. */
static void add_person(crm_str *people, int c, bool own, bool planted, int from)
{
    int cut = cut_of(c, own);
    char until[32], seen[32] = "", due[32];

    date_of(cut, until);
    date_of(cut + 1 + c, due);
    if (c % 3 != 0)
        date_of(cut - 1 - c, seen);
    else if (planted)
        date_of(cut + from + (from < 0 ? 0 : c % 2), seen);
    crm_str_addf(people, "c%d,%d,1990-01-01,%s,%s,%s\n", c, 20 + c, until, seen, due);
}

/* Rows before the cut-offs; with planted rows from `from` days behind them on. */
static void write_files(bool own, bool planted, int from)
{
    crm_str people = {0}, orders = {0}, notes = {0};
    uint64_t seed = 5;
    char path[512];

    crm_str_addf(&people, "id,age,born,until,seen,due\n");
    crm_str_addf(&orders, "customer,at,amount,kind,shop\n");
    crm_str_addf(&notes, "customer,at,body,mood\n");
    for (int c = 0; c < CUSTOMERS; c++) {
        add_person(&people, c, own, planted, from);
        for (int k = 1 + t_below(&seed, 5); k > 0; k--)
            add_row(&orders, &notes, c, t_below(&seed, cut_of(c, own)), false, &seed);
        if (!planted || c % 3 != 0) continue;
        /* among the rows of others, and the first of them at the cut-off itself */
        for (int d = from; d < DAYS - CUT; d += 15)
            add_row(&orders, &notes, c, cut_of(c, own) + d, true, &seed);
    }
    t_write(t_path("customers.csv", path), people.text, people.len);
    t_write(t_path("orders.csv", path), orders.text, orders.len);
    t_write(t_path("notes.csv", path), notes.text, notes.len);
    crm_str_free(&people);
    crm_str_free(&orders);
    crm_str_free(&notes);
}

static void import(const char *schema, const char *name, crm_table_tables *info)
{
    crm_table_schema *s = NULL;
    char path[512];

    T_OK(crm_table_schema_text("shop.yaml", schema, strlen(schema), &s));
    if (s) T_OK(crm_table_import_schema(t_comm, s, t_dir, "", t_path(name, path), NULL, info));
    crm_table_schema_free(&s);
}

/* ---- comparison ---- */
static bool same_items(const char *const *a, int64_t n_a, const char *const *b, int64_t n_b)
{
    if (n_a != n_b || !a != !b) return false;
    for (int64_t i = 0; a && i < n_a; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

static bool same_lists(const crm_store *a, const crm_store *b, const char *name)
{
    static const char *const keys[] = {"columns", "channels", "classes"};

    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        int64_t n, m;
        const char *const *x = crm_store_list(a, name, keys[k], &n);
        const char *const *y = crm_store_list(b, name, keys[k], &m);
        if (!x != !y || (x && !same_items(x, n, y, m))) return false;
    }
    return true;
}

static bool same_array(const crm_store_array *a, const crm_store_array *b)
{
    size_t bytes;

    if (!b || a->rank != b->rank || a->dtype != b->dtype) return false;
    bytes = crm_dtype_size(a->dtype);
    for (int k = 0; k < a->rank; k++) {
        if (a->dim[k] != b->dim[k]) return false;
        bytes *= (size_t)a->dim[k];
    }
    return bytes == 0 || memcmp(a->data, b->data, bytes) == 0;
}

/* Shares of missing values of all but targets. */
static bool same_missing(const crm_store *a, const crm_store *b)
{
    const crm_store_array *x = crm_store_find(a, "dictionary/missing"),
                          *y = crm_store_find(b, "dictionary/missing");
    int64_t n, m;
    const char *const *block = crm_store_items(a, "dictionary/block", &n);

    (void)crm_store_items(b, "dictionary/block", &m);
    for (int64_t i = 0; i < n && n == m; i++)
        if (strcmp(block[i], "target") != 0 &&
            memcmp((const float *)x->data + i, (const float *)y->data + i, sizeof(float)) != 0)
            return false;
    return n == m;
}

/* Arrays and texts that differ, targets of entities left out. */
static int differences(const char *with, const char *without)
{
    crm_store *a = NULL, *b = NULL;
    char path[512];
    int n = 0;

    T_OK(crm_store_open(t_path(with, path), "crmpi-dataset", &a));
    T_OK(crm_store_open(t_path(without, path), "crmpi-dataset", &b));
    n += crm_store_count(a) != crm_store_count(b);
    for (int i = 0; i < crm_store_count(a); i++) {
        const crm_store_array *x = crm_store_at(a, i);
        if (strcmp(x->name, "target/gone/label") == 0) continue;
        if (strcmp(x->name, "dictionary/missing") == 0) {
            n += !same_missing(a, b);
            continue;
        }
        n += !same_array(x, crm_store_find(b, x->name)) || !same_lists(a, b, x->name);
    }
    for (int i = 0; crm_store_items_name(a, i); i++) {
        const char *name = crm_store_items_name(a, i);
        int64_t k, m;
        const char *const *x = crm_store_items(a, name, &k);
        const char *const *y = crm_store_items(b, name, &m);
        n += !same_items(x, k, y, m);
    }
    crm_store_close(&a);
    crm_store_close(&b);
    return n;
}

/* ---- cases ---- */
/* late: planted dates of the profile */
static void compare(const char *schema, bool own, int late)
{
    crm_table_tables with = {0}, without = {0};

    write_files(own, true, 0);
    import(schema, "with.h5", &with);
    write_files(own, false, 0);
    import(schema, "without.h5", &without);
    T_EQ_I(with.entities, CUSTOMERS);
    T_CHECK(with.late > 100);
    T_EQ_I(without.late, 0);
    T_EQ_I(with.late_dates, late);
    T_EQ_I(without.late_dates, 0);
    T_EQ_I(differences("with.h5", "without.h5"), 0);
    /* a day before the cut-off it is seen */
    write_files(own, true, -1);
    import(schema, "with.h5", NULL);
    T_CHECK(differences("with.h5", "without.h5") > 5);
    crm_table_tables_free(&with);
    crm_table_tables_free(&without);
}

static void one_cutoff(void)
{
    char schema[2048], date[32];

    date_of(CUT, date);
    for (int k = 0; k < 2; k++) {
        snprintf(schema, sizeof schema, SCHEMAS[0], SEEN[k], AMOUNTS[k], date);
        compare(schema, false, 2 * CUSTOMERS / 3);
    }
}

static void own_cutoffs(void)
{
    char schema[2048];

    snprintf(schema, sizeof schema, SCHEMAS[0], SEEN[0], AMOUNTS[0], "until");
    compare(schema, true, 2 * CUSTOMERS / 3);
}

static void told_by_events(void)
{
    static const char *const policy[] = {"first", "last"};
    char schema[2048], date[32];

    date_of(CUT, date);
    for (size_t k = 0; k < sizeof policy / sizeof *policy; k++) {
        snprintf(schema, sizeof schema, SCHEMAS[1], AMOUNTS[k], date, policy[k]);
        compare(schema, false, 0);
    }
}

/* Behind the last event, which the default cut-off follows, nothing was known either. */
static void default_cutoff(void)
{
    static const char SCHEMA[] =
        "tables:\n"
        "  customers: {files: c.csv, key: id, columns: {id: id, seen: {type: time, indicator: "
        "yes}, "
        "due: {type: time, known_ahead: yes}}}\n"
        "  orders: {files: o.csv, columns: {id: {type: id, references: customers}, at: time}, "
        "events: {time: at}}\n"
        "entity: {table: customers}\n"
        "features: {aggregates: []}\n";
    static const char PEOPLE[] = "id,seen,due\na,2024-01-05,2024-02-01\nb,2024-01-12,2024-02-01\n"
                                 "c,,2024-02-01\n",
                      ORDERS[] = "id,at\na,2024-01-10\nb,2024-01-02\n";
    crm_table_tables info = {0};
    crm_store *s = NULL;
    const crm_store_array *a;
    char path[512];

    t_write(t_path("c.csv", path), PEOPLE, sizeof PEOPLE - 1);
    t_write(t_path("o.csv", path), ORDERS, sizeof ORDERS - 1);
    import(SCHEMA, "default.h5", &info);
    T_EQ_I(info.late_dates, 1);
    T_OK(crm_store_open(t_path("default.h5", path), "crmpi-dataset", &s));
    a = s ? crm_store_find(s, "profile/num") : NULL;
    T_CHECK(a && a->dim[0] == 3 && a->dim[1] == 3);
    for (int i = 0; a && a->dim[1] == 3 && i < 3; i++) { /* seen, due, seen missing */
        const float *v = (const float *)a->data + 3 * i;
        T_EQ_I(isnan(v[0]), i > 0);
        T_CHECK(v[1] < -21 && v[1] > -22);
        T_EQ_I((int)v[2], i > 0);
    }
    crm_store_close(&s);
    crm_table_tables_free(&info);
}

/* The planted rows do give the label away. */
static void label_is_planted(void)
{
    crm_store *s = NULL;
    const crm_store_array *a;
    char schema[2048], date[32], path[512];

    date_of(CUT, date);
    snprintf(schema, sizeof schema, SCHEMAS[0], SEEN[0], AMOUNTS[0], date);
    write_files(false, true, 0);
    import(schema, "with.h5", NULL);
    T_OK(crm_store_open(t_path("with.h5", path), "crmpi-dataset", &s));
    a = s ? crm_store_find(s, "target/gone/label") : NULL;
    T_CHECK(a != NULL);
    for (int64_t i = 0; a && i < CUSTOMERS; i++)
        T_EQ_I(((const int32_t *)a->data)[i], i % 3 == 0);
    crm_store_close(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"one cut-off for all", one_cutoff},
                                   {"a cut-off of each customer", own_cutoffs},
                                   {"customers told by their events", told_by_events},
                                   {"the default cut-off", default_cutoff},
                                   {"the label is planted", label_is_planted},
                                   {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
