/* test_append.c - a later export behind the tables that were kept: the data set is the one of all
 * files imported at once, array by array.  The origin of what is expected is that import.
 * ranks: 1 2 3 4 */
#include "crmpi/table_schema.h"
#include "table_testing.h"

enum { CUSTOMERS = 40 };

/* Whole-table cleaning (winsorised outliers, duplicates), contradictions, levels that come later,
 * texts, derived columns, and labels that look beyond the cut-off. */
static const char SCHEMA[] =
    "tables:\n"
    "  customers:\n"
    "    files: customers*.csv\n"
    "    key: id\n"
    "    columns: {id: id, age: {type: real, outliers: {rule: iqr, action: winsorise}, indicator: "
    "yes}, plan: %s, joined: time}\n"
    "  orders:\n"
    "    files: orders*.csv\n"
    "    duplicates: drop\n"
    "    bad: skip\n"
    "    columns:\n"
    "      customer: {type: id, references: customers}\n"
    "      at: time\n"
    "      amount: real\n"
    "      pieces: integer\n"
    "      gift: boolean\n"
    "      shop: {type: category, case: lower}\n"
    "    derive: {total: {product: [amount, pieces], max: 900, bad: missing}}\n"
    "    events: {time: at, category: shop, numbers: [total, gift]}\n"
    "  notes:\n"
    "    files: notes*.csv\n"
    "    columns: {customer: {type: id, references: customers}, at: time, body: text, mood: "
    "category}\n"
    "    documents: {text: body, time: at, kind: mood, labels: {mood: mood}}\n"
    "entity: {table: customers, profile: [age, plan, joined], contradictions: %s, cutoff: %s}\n"
    "labels: {again: {any: orders, within: 30 days, when: total > 20}}\n"
    "features: {windows: [1, 0], months: 3}\n";

/* ---- files ---- */
/* Customers c30 and c31 are left out of files that are written while this holds. */
static bool without;

static bool is_out(int customer)
{
    return without && (customer == 30 || customer == 31);
}

static void add_row(crm_str *file, crm_str *row, int customer)
{
    if (row->len && !is_out(customer)) crm_str_add(file, row->text, row->len);
    row->len = 0;
}

/* Export number k (0, 1, 2) into folder; its customers overlap with those of the one before. */
static void write_export(const char *folder, int k)
{
    static const char *const shop[] = {"North", "south", "East", "west", "10", "9"};
    crm_str people = {0}, orders = {0}, notes = {0};
    uint64_t seed = 11 + (uint64_t)k;
    char name[64], path[512];

    crm_str_addf(&people, "id,age,plan,joined\n");
    crm_str_addf(&orders, "customer,at,amount,pieces,gift,shop\n");
    crm_str_addf(&notes, "customer,at,body,mood\n");
    for (int c = 20 * k; c < 20 * k + CUSTOMERS; c++) {
        int age = t_below(&seed, 60), plan = t_below(&seed, 3) + k;
        crm_str row = {0};
        crm_str_addf(&row, "c%d,", c);
        if (age > 5) crm_str_addf(&row, "%d", age == 6 ? 500 : age);
        crm_str_addf(&row, ",p%d,2024-0%d-01\n", plan, 1 + c % 3);
        add_row(&people, &row, c);
        for (int n = t_below(&seed, 5); n > 0; n--) {
            int who = c + t_below(&seed, 3);
            crm_str_addf(&row, "c%d,2024-0%d-%02d,%d,%d,%s,%s\n", who, 1 + t_below(&seed, 6) + k,
                         1 + t_below(&seed, 28), t_below(&seed, 500), t_below(&seed, 3),
                         t_below(&seed, 2) ? "yes" : "no", shop[t_below(&seed, 4) + k]);
            add_row(&orders, &row, who);
            if (n == 4) crm_str_addf(&orders, "c1,2024-01-02,5,1,no,north\nc2,broken\n");
        }
        if (t_below(&seed, 2))
            crm_str_addf(&row, "c%d,2024-0%d-11,\"word%d and, word%d\nline\",m%d\n", c,
                         1 + t_below(&seed, 6), t_below(&seed, 9) + k, c, t_below(&seed, 3) + k);
        add_row(&notes, &row, c);
        crm_str_free(&row);
    }
    snprintf(name, sizeof name, "%s/customers-%d.csv", folder, k);
    t_write(t_path(name, path), people.text, people.len);
    snprintf(name, sizeof name, "%s/orders-%d.csv", folder, k);
    t_write(t_path(name, path), orders.text, orders.len);
    snprintf(name, sizeof name, "%s/notes-%d.csv", folder, k);
    t_write(t_path(name, path), notes.text, notes.len);
    crm_str_free(&people);
    crm_str_free(&orders);
    crm_str_free(&notes);
}

static void make_folder(const char *name)
{
    char path[512];

    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_mkdirs(t_path(name, path)));
    T_OK(crm_comm_barrier(t_comm));
}

static void write_all(void)
{
    static const char *const own[] = {"a", "b", "c"};

    for (int k = 0; k < 3; k++) {
        make_folder(own[k]);
        write_export(own[k], k);
    }
    make_folder("ab");
    write_export("ab", 0);
    write_export("ab", 1);
    make_folder("abc");
    for (int k = 0; k < 3; k++)
        write_export("abc", k);
}

/* ---- imports ---- */
typedef struct variant {
    const char *plan, *contradictions, *cutoff;
} variant;
static const variant USUAL = {"category", "last", "2024-06-01"};

typedef enum how { PLAIN, KEEP, APPEND } how;

static crm_status import(variant v, const char *folder, const char *name, how h)
{
    char text[4096], from[512], to[512];
    crm_table_schema *s = NULL;
    crm_status st;
    int len = snprintf(text, sizeof text, SCHEMA, v.plan, v.contradictions, v.cutoff);

    t_path(folder, from);
    t_path(name, to);
    st = crm_table_schema_text("shop.yaml", text, (size_t)len, &s);
    if (!st && h == PLAIN) st = crm_table_import_schema(t_comm, s, from, "", to, NULL, NULL);
    if (!st && h != PLAIN) st = crm_table_import_kept(t_comm, s, from, "", to, h == APPEND, NULL);
    crm_table_schema_free(&s);
    return st;
}

/* ---- comparison ---- */
static bool same_texts(const char *const *a, int64_t n_a, const char *const *b, int64_t n_b)
{
    if (n_a != n_b) return false;
    for (int64_t i = 0; i < n_a; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

static bool same_array(const crm_store *a, const crm_store *b, const crm_store_array *x)
{
    static const char *const list[] = {"columns", "channels", "classes"};
    const crm_store_array *y = crm_store_find(b, x->name);
    int64_t n = 1, n_a, n_b;

    if (!y || x->dtype != y->dtype || x->rank != y->rank) return false;
    for (int d = 0; d < x->rank; d++) {
        if (x->dim[d] != y->dim[d]) return false;
        n *= x->dim[d];
    }
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        const char *const *of_a = crm_store_list(a, x->name, list[k], &n_a);
        const char *const *of_b = crm_store_list(b, x->name, list[k], &n_b);
        if (!same_texts(of_a, n_a, of_b, n_b)) return false;
    }
    return n == 0 || memcmp(x->data, y->data, (size_t)n * crm_dtype_size(x->dtype)) == 0;
}

/* All arrays and lists of texts are the same; says which is not. */
static bool same(const char *name_a, const char *name_b)
{
    char path_a[512], path_b[512];
    crm_store *a = NULL, *b = NULL;
    bool equal = crm_store_open(t_path(name_a, path_a), "crmpi-dataset", &a) == CRM_OK &&
                 crm_store_open(t_path(name_b, path_b), "crmpi-dataset", &b) == CRM_OK;

    if (equal) equal = crm_store_count(a) == crm_store_count(b);
    for (int i = 0; equal && i < crm_store_count(a); i++) {
        equal = same_array(a, b, crm_store_at(a, i));
        if (!equal) fprintf(stderr, "# %s differs\n", crm_store_at(a, i)->name);
    }
    for (int i = 0; equal && crm_store_items_name(a, i); i++) {
        const char *name = crm_store_items_name(a, i);
        int64_t n_a, n_b;
        const char *const *of_a = crm_store_items(a, name, &n_a);
        const char *const *of_b = crm_store_items(b, name, &n_b);
        equal = same_texts(of_a, n_a, of_b, n_b);
        if (!equal) fprintf(stderr, "# %s differs\n", name);
    }
    crm_store_close(&a);
    crm_store_close(&b);
    crm_err_clear();
    return equal;
}

static bool is_there(const char *name)
{
    char path[512];

    return crm_path_exists(t_path(name, path));
}

/* ---- cases ---- */
static void append_is_import_of_both(void)
{
    static const char *const policy[] = {"first", "last", "missing"};
    variant v = USUAL;

    write_all();
    for (int k = 0; k < 3; k++) {
        v.contradictions = policy[k];
        T_OK(import(v, "a", "x.h5", KEEP));
        T_OK(import(v, "a", "plain.h5", PLAIN));
        T_CHECK(same("x.h5", "plain.h5"));
        T_OK(import(v, "b", "x.h5", APPEND));
        T_OK(import(v, "ab", "both.h5", PLAIN));
        T_CHECK(same("x.h5", "both.h5"));
        T_CHECK(!same("x.h5", "plain.h5"));
        T_CHECK(!is_there("x.h5.tables.next.h5"));
    }
    /* a second time, with another cut-off */
    v.cutoff = "2024-08-01";
    T_OK(import(v, "c", "x.h5", APPEND));
    T_OK(import(v, "abc", "all.h5", PLAIN));
    T_CHECK(same("x.h5", "all.h5"));
}

static void what_is_refused(void)
{
    variant v = USUAL;
    char path[512];

    write_all();
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(t_path("x.h5", path)));
    T_OK(crm_comm_barrier(t_comm));
    T_FAILS(import(v, "b", "x.h5", APPEND), CRM_ERR_CONFIG, "no data set to append to");
    T_OK(import(v, "a", "x.h5", PLAIN));
    T_FAILS(import(v, "b", "x.h5", APPEND), CRM_ERR_CONFIG, "no tables beside it");
    T_OK(import(v, "a", "x.h5", KEEP));
    T_FAILS(import(v, "a", "x.h5", APPEND), CRM_ERR_CONFIG, "already in it");
    T_OK(import(v, "b", "x.h5", APPEND));
    T_FAILS(import(v, "b", "x.h5", APPEND), CRM_ERR_CONFIG, "already in it (export 2 of 2)");
    v.plan = "{type: category, case: upper}";
    T_FAILS(import(v, "c", "x.h5", APPEND), CRM_ERR_CONFIG, "tables.customers.columns.plan: is");
    v = USUAL;
    v.contradictions = "first";
    T_FAILS(import(v, "c", "x.h5", APPEND), CRM_ERR_CONFIG, "entity.contradictions: is not");
    v = USUAL;
    /* nothing was changed by that */
    T_OK(import(v, "ab", "both.h5", PLAIN));
    T_CHECK(same("x.h5", "both.h5"));
    T_OK(import(v, "c", "x.h5", APPEND));
    /* a plain import takes the tables away */
    T_OK(import(v, "a", "x.h5", PLAIN));
    T_CHECK(!is_there("x.h5.tables.h5"));
    /* tables of another data set */
    T_OK(import(v, "a", "x.h5", KEEP));
    T_OK(import(v, "b", "y.h5", PLAIN));
    if (crm_comm_rank(t_comm) == 0) {
        char to[512];
        T_OK(crm_path_commit(t_path("x.h5.tables.h5", path), t_path("y.h5.tables.h5", to)));
    }
    T_OK(crm_comm_barrier(t_comm));
    T_FAILS(import(v, "c", "y.h5", APPEND), CRM_ERR_FORMAT, "do not belong to the data set");
}

/* Cut off between the two renames: the tables to be stand there, and the data set is theirs. */
static void a_pair_that_was_cut_off(void)
{
    char a[512], b[512], c[512];

    write_all();
    T_OK(import(USUAL, "a", "x.h5", KEEP));
    if (crm_comm_rank(t_comm) == 0) {
        T_OK(crm_path_commit(t_path("x.h5.tables.h5", a), t_path("old.h5", b)));
    }
    T_OK(crm_comm_barrier(t_comm));
    T_OK(import(USUAL, "a", "x.h5", KEEP));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(import(USUAL, "b", "x.h5", APPEND));
    if (crm_comm_rank(t_comm) == 0) {
        t_path("x.h5.tables.h5", a);
        T_OK(crm_path_commit(a, t_path("x.h5.tables.next.h5", c)));
        T_OK(crm_path_commit(t_path("old.h5", b), a));
    }
    T_OK(crm_comm_barrier(t_comm));
    T_OK(import(USUAL, "c", "x.h5", APPEND));
    T_OK(import(USUAL, "abc", "all.h5", PLAIN));
    T_CHECK(same("x.h5", "all.h5"));
    T_CHECK(!is_there("x.h5.tables.next.h5"));
}

/* Out of the tables of the first export, and not in the second: as if they had never been there. */
static void who_is_forgotten(void)
{
    static const char *const gone[] = {"c31", "c30", "nobody"};
    char text[4096], path[512], from[512], to[512];
    crm_table_schema *s = NULL;
    int64_t rows = 0;
    int len = snprintf(text, sizeof text, SCHEMA, USUAL.plan, "last", USUAL.cutoff);

    write_all();
    make_folder("less");
    without = true;
    write_export("less", 0);
    write_export("less", 1);
    write_export("b", 1);
    without = false;
    t_write(t_path("shop.schema.yaml", path), text, (size_t)len);
    T_OK(crm_table_schema_open(path, &s));
    if (!s) return;
    t_path("f.h5", to);
    T_OK(crm_table_forget(t_comm, to, 3, gone, &rows));
    T_EQ_I(rows, -1);
    T_OK(crm_table_import_kept(t_comm, s, t_path("a", from), "", to, false, NULL));
    T_OK(crm_table_forget(t_comm, to, 3, gone, &rows));
    T_CHECK(rows > 2);
    T_OK(crm_table_forget(t_comm, to, 3, gone, &rows));
    T_EQ_I(rows, 0);
    T_OK(crm_table_import_kept(t_comm, s, t_path("b", from), "", to, true, NULL));
    T_OK(import(USUAL, "less", "less.h5", PLAIN));
    T_CHECK(same("f.h5", "less.h5"));
    T_OK(import(USUAL, "ab", "both.h5", PLAIN));
    T_CHECK(!same("f.h5", "both.h5"));
    crm_table_schema_free(&s);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"append is an import of both", append_is_import_of_both},
                                   {"what is refused", what_is_refused},
                                   {"a pair that was cut off", a_pair_that_was_cut_off},
                                   {"who is forgotten", who_is_forgotten},
                                   {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
