/* test_dictionary.c - rows of the data dictionary from a schema, as arrays and as Markdown.
 * ranks: 1 2 */
#include "crmpi/table_dictionary.h"
#include "table_testing.h"

static const char YAML[] =
    "tables:\n"
    "  c:\n"
    "    files: [a*.csv, b.csv.gz]\n"
    "    key: k\n"
    "    duplicates: drop\n"
    "    columns:\n"
    "      k: {type: id, hash: yes}\n"
    "      income: {type: real, unit: EUR, min: 0, max: 1e6, bad: missing, indicator: yes,\n"
    "               outliers: {rule: iqr, factor: 2, action: winsorise}, meaning: a | b}\n"
    "      sex: {type: category, case: lower, map: {f: female, m: male}, fill: {constant: none}}\n"
    "entity: {table: c, key: k, profile: [income, sex]}\n";

static crm_table_dictionary *make(void)
{
    crm_table_schema *s = NULL;
    crm_table_dictionary *d = NULL;

    T_OK(crm_table_schema_text("c.yaml", YAML, strlen(YAML), &s));
    T_OK(crm_table_dictionary_new(&d));
    T_OK(crm_table_dictionary_add_field(d, s, 0, 1, "profile", "income", .125, "3 winsorised"));
    T_OK(crm_table_dictionary_add_field(d, s, 0, 2, "profile", "sex", 0, NULL));
    T_OK(crm_table_dictionary_add(
        d, &(crm_table_entry){.block = "profile", .name = "orders.count.3m", .missing = NAN}));
    crm_table_schema_free(&s);
    return d;
}

static void item_is(const crm_store *s, const char *name, int i, const char *want)
{
    int64_t n;
    const char *const *item = crm_store_items(s, name, &n);

    T_EQ_I(n, 3);
    if (item && n == 3 && strcmp(item[i], want) == 0) return;
    t_fail(__FILE__, __LINE__, name);
    fprintf(stderr, "#   '%s', not '%s'\n", item && n == 3 ? item[i] : "", want);
}

static void stored(void)
{
    crm_table_dictionary *d;
    crm_store_writer *w = NULL;
    crm_store *s = NULL;
    char path[512];
    const float *missing;

    t_enter();
    d = make();
    T_OK(crm_store_create(t_comm, t_path("d.h5", path), "crmpi-dataset", &w));
    T_OK(crm_table_dictionary_write(t_comm, w, d));
    T_OK(crm_store_commit(&w, NULL));
    T_OK(crm_store_open(path, "crmpi-dataset", &s));
    item_is(s, "dictionary/name", 0, "income");
    item_is(s, "dictionary/unit", 0, "EUR");
    item_is(s, "dictionary/type", 1, "category");
    item_is(s, "dictionary/source", 0, "a*.csv, b.csv.gz: income");
    item_is(s, "dictionary/cleaning", 0,
            "outside 0 to 1000000: missing; duplicated rows dropped; outliers (iqr, factor 2) "
            "winsorised; indicator of missing values added; 3 winsorised");
    item_is(s, "dictionary/cleaning", 1,
            "lower case; 2 values mapped; duplicated rows dropped; missing values filled with a "
            "constant");
    item_is(s, "dictionary/meaning", 2, "");
    missing = crm_store_find(s, "dictionary/missing")->data;
    T_CHECK(missing[0] == .125F && missing[1] == 0 && isnan(missing[2]));
    crm_store_close(&s);
    crm_table_dictionary_free(&d);
    t_leave();
}

static void beside(void)
{
    crm_table_dictionary *d;
    char path[512], *text = NULL;
    size_t len = 0;

    t_enter();
    d = make();
    crm_table_dictionary_beside(t_comm, t_path("d.h5", path), "## Quality\n", d);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_path_read(t_path("d.h5.md", path), 1 << 20, &text, &len));
    T_CHECK(text && strstr(text, "# d.h5\n") && strstr(text, "## Quality\n"));
    T_CHECK(text && strstr(text, "| profile | income | a \\| b | real | EUR | a\\*.csv, b.csv.gz: "
                                 "income |"));
    T_CHECK(text && strstr(text, "| 12.5 % |") && strstr(text, "| not counted |"));
    crm_mem_free(text);
    /* A folder that is not there: a warning, no failure. */
    crm_table_dictionary_beside(t_comm, t_path("none/d.h5", path), NULL, d);
    T_CHECK(!crm_path_exists(t_path("none", path)));
    crm_table_dictionary_free(&d);
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"stored", stored}, {"beside", beside}, {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
