/* test_tables.c - related tables into a data set: a small shop whose arrays were worked out by
 * hand, and larger ones that come out the same from one rank alone.
 * ranks: 1 2 3 4 */
#include "crmpi/table_schema.h"
#include "table_testing.h"

static const char SCHEMA[] =
    "tables:\n"
    "  customers:\n"
    "    files: customers.csv\n"
    "    key: id\n"
    "    columns: {id: id, age: integer, plan: category, joined: time, status: category, worth: "
    "real}\n"
    "  orders:\n"
    "    files: orders*.csv\n"
    "    columns:\n"
    "      customer: {type: id, references: customers}\n"
    "      at: time\n"
    "      amount: real\n"
    "      product: {type: id, references: products}\n"
    "    events: {time: at, category: product.category, numbers: [amount], when: amount != 3}\n"
    "  products: {files: products.csv, key: product, columns: {product: id, category: category}}\n"
    "  tickets:\n"
    "    files: tickets.csv\n"
    "    columns: {customer: {type: id, references: customers}, opened: time, body: text, stars: "
    "integer, way: category}\n"
    "    documents: {text: body, time: opened, kind: way, labels: {stars: stars}}\n"
    "entity:\n"
    "  table: customers\n"
    "  profile: [age, plan, joined]\n"
    "  cutoff: 2024-07-01\n"
    "labels:\n"
    "  again: {any: orders, within: 4 days, when: amount > 9}\n"
    "  soon: {any: orders, within: 5 days}\n"
    "  status: {column: status, positive: A}\n"
    "  old: {when: worth >= 31}\n"
    "  worth: {value: worth}\n"
    "features:\n"
    "  windows: [1, 3, 0]\n"
    "  months: 3\n"
    "  products: [[age, orders.count.1m]]\n"
    "  ratios: [[orders.amount.sum.1m, orders.amount.sum.3m]]\n";

/* c1 comes twice, with another age: the first counts. */
static const char CUSTOMERS[] = "id,age,plan,joined,status,worth\n"
                                "c1,30,A,2024-01-01,A,30\n"
                                "c2,,B,2024-02-01,B,\n"
                                "c1,31,A,2024-01-01,A,31\n"
                                "c3,40,A,,A,40\n";
/* Out of order; c9 and p9 are not there, a time is missing, one is left out by the condition. */
static const char ORDERS_1[] = "customer,at,amount,product\n"
                               "c1,2024-07-01,100,p2\n"
                               "c1,2024-06-11,20,p2\n"
                               "c2,2024-06-21,7,p9\n"
                               "c9,2024-06-01,1,p1\n"
                               "c2,,2,p1\n";
static const char ORDERS_2[] = "customer,at,amount,product\n"
                               "c1,2024-06-21,10,p1\n"
                               "c1,2024-06-20,3,p1\n"
                               "c1,2024-05-02,5,p1\n"
                               "c1,2024-07-05,8,p1\n";
static const char PRODUCTS[] = "product,category\np1,fruit\np2,greens\np3,bread\n";
static const char TICKETS[] = "customer,opened,body,stars,way\n"
                              "c1,2024-07-02,late words,5,letter\n"
                              "c2,2024-05-01,Good!,4,phone\n"
                              "c1,2024-06-01,\"Bad app, bad.\",1,web\n"
                              "c3,,no date,3,web\n"
                              "c2,2024-06-10,,2,web\n";

/* ---- import ---- */
static void write_file(const char *name, const char *text)
{
    char path[512];

    t_write(t_path(name, path), text, strlen(text));
}

static void write_shop(void)
{
    write_file("customers.csv", CUSTOMERS);
    write_file("orders-1.csv", ORDERS_1);
    write_file("orders-2.csv", ORDERS_2);
    write_file("products.csv", PRODUCTS);
    write_file("tickets.csv", TICKETS);
}

static crm_status import(crm_comm *comm, const char *schema, const char *name,
                         crm_table_tables *info)
{
    crm_table_schema *s = NULL;
    char path[512];
    crm_status st = crm_table_schema_text("shop.yaml", schema, strlen(schema), &s);

    if (!st) st = crm_table_import_schema(comm, s, t_dir, "", t_path(name, path), NULL, info);
    crm_table_schema_free(&s);
    return st;
}

static crm_store *open_made(const char *name)
{
    crm_store *s = NULL;
    char path[512];

    T_OK(crm_store_open(t_path(name, path), "crmpi-dataset", &s));
    return s;
}

/* ---- what was made ---- */
static const crm_store_array *array(const crm_store *s, const char *name)
{
    const crm_store_array *a = crm_store_find(s, name);

    if (!a) fprintf(stderr, "# no array %s\n", name);
    T_CHECK(a != NULL);
    return a;
}

static double number(const crm_store *s, const char *column, int64_t row)
{
    const crm_store_array *a = array(s, "profile/num");
    int64_t n = 0;
    const char *const *name = crm_store_list(s, "profile/num", "columns", &n);

    for (int64_t k = 0; a && k < n; k++)
        if (strcmp(name[k], column) == 0) return (double)((const float *)a->data)[row * n + k];
    fprintf(stderr, "# no column %s\n", column);
    t_fail(__FILE__, __LINE__, "column");
    return 0;
}

static void check_number(const char *column, double have, double want)
{
    if (isnan(want) ? isnan(have) : fabs(have - want) <= 1e-6 * fmax(1, fabs(want))) return;
    fprintf(stderr, "# %s: %.9g against %.9g\n", column, have, want);
    t_fail(__FILE__, __LINE__, "number");
}

/* Days from 2024-07-01 back: orders of c1 10, 20 and 60 (10, 20 and 5 EUR), of c2 10 (7 EUR).  The
 * season is of Python's math on these dates. */
static void numbers(const crm_store *s)
{
    static const struct {
        const char *name;
        double of[3];
    } want[] = {{"age", {30, NAN, 40}},
                {"joined", {182, 151, NAN}},
                {"orders.count.1m", {2, 1, 0}},
                {"orders.count.3m", {3, 1, 0}},
                {"orders.count.all", {3, 1, 0}},
                {"orders.count.change.1m", {1, 1, 0}},
                {"orders.count.change.3m", {3, 1, 0}},
                {"orders.amount.sum.1m", {30, 7, 0}},
                {"orders.amount.sum.3m", {35, 7, 0}},
                {"orders.amount.mean.1m", {15, 7, NAN}},
                {"orders.amount.mean.3m", {35 / 3.0, 7, NAN}},
                {"orders.amount.max.1m", {20, 7, NAN}},
                {"orders.amount.max.all", {20, 7, NAN}},
                {"orders.amount.change.1m", {25, 7, 0}},
                {"orders.amount.change.3m", {35, 7, 0}},
                {"orders.distinct.1m", {2, 0, 0}},
                {"orders.distinct.all", {2, 0, 0}},
                {"orders.recency", {10, 10, NAN}},
                {"orders.gaps.mean", {25, NAN, NAN}},
                {"orders.gaps.max", {40, NAN, NAN}},
                {"orders.count.trend", {1, .5, 0}},
                {"orders.amount.trend", {15, 3.5, 0}},
                {"orders.season.sin", {0.4656185232596317, 0.183306858562406, NAN}},
                {"orders.season.cos", {-0.8075224349214393, -0.9830557438945068, NAN}},
                {"orders.share.fruit", {2 / 3.0, 0, NAN}},
                {"orders.share.greens", {1 / 3.0, 0, NAN}},
                {"tickets.count.1m", {1, 0, 0}},
                {"tickets.count.3m", {1, 1, 0}},
                {"tickets.recency", {30, 61, NAN}},
                {"age * orders.count.1m", {60, NAN, 0}},
                {"orders.amount.sum.1m / orders.amount.sum.3m", {30 / 35.0, 1, NAN}}};
    int64_t n;

    for (size_t k = 0; k < sizeof want / sizeof *want; k++)
        for (int i = 0; i < 3; i++)
            check_number(want[k].name, number(s, want[k].name, i), want[k].of[i]);
    /* those above and three that follow from them: sum.all, mean.all, distinct.3m, max.3m,
     * tickets.count.all */
    crm_store_list(s, "profile/num", "columns", &n);
    T_EQ_I(n, sizeof want / sizeof *want + 5);
}

static void check_floats(const crm_store *s, const char *name, int64_t n, const double *want)
{
    const crm_store_array *a = array(s, name);
    int64_t have = 1;

    for (int k = 0; a && k < a->rank; k++)
        have *= a->dim[k];
    T_EQ_I(have, n);
    for (int64_t i = 0; a && have == n && i < n; i++)
        check_number(name, (double)((const float *)a->data)[i], want[i]);
}

static void check_whole(const crm_store *s, const char *name, int64_t n, const int64_t *want)
{
    const crm_store_array *a = array(s, name);

    if (!a) return;
    T_EQ_I(a->dim[0], n);
    for (int64_t i = 0; i < n && a->dim[0] == n; i++)
        T_EQ_I(a->dtype == CRM_I32 ? ((const int32_t *)a->data)[i] : ((const int64_t *)a->data)[i],
               want[i]);
}

static void check_texts(const char *const *have, int64_t n, const char *want)
{
    crm_str text = {0};

    for (int64_t i = 0; i < n; i++)
        crm_str_addf(&text, "%s%s", i ? "," : "", have[i]);
    if (!text.text || strcmp(text.text, want) != 0) {
        fprintf(stderr, "# '%s' against '%s'\n", text.text ? text.text : "", want);
        t_fail(__FILE__, __LINE__, "texts");
    }
    crm_str_free(&text);
}

static void check_items(const crm_store *s, const char *name, const char *want)
{
    int64_t n;
    const char *const *have = crm_store_items(s, name, &n);

    check_texts(have, n, want);
}

static void check_list(const crm_store *s, const char *name, const char *key, const char *want)
{
    int64_t n = 0;
    const char *const *have = crm_store_list(s, name, key, &n);

    check_texts(have, n, want);
}

static void blocks(const crm_store *s)
{
    /* count and amount of c1, c2, c3 in the months of 61-90, 31-60 and 1-30 days back */
    static const double months[] = {0, 1, 2, 0, 5, 30, 0, 0, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0};

    check_floats(s, "monthly/value", 18, months);
    check_list(s, "monthly/value", "channels", "orders.count,orders.amount.sum");
    check_whole(s, "events/first", 4, (int64_t[]){0, 3, 4, 4});
    check_floats(s, "events/time", 4, (double[]){60, 20, 10, 10});
    check_floats(s, "events/value", 4, (double[]){5, 20, 10, 7});
    check_whole(s, "events/category", 4, (int64_t[]){0, 1, 0, -1});
    check_items(s, "events/categories", "fruit,greens"); /* no bread: nobody had it */
    check_list(s, "events/value", "columns", "amount");
    check_whole(s, "documents/first", 4, (int64_t[]){0, 1, 2, 2});
    check_whole(s, "documents/token_first", 3, (int64_t[]){0, 3, 4});
    check_items(s, "documents/words", "app,bad,good");
    check_whole(s, "documents/token", 4, (int64_t[]){1, 0, 1, 2});
    check_floats(s, "documents/time", 2, (double[]){30, 61});
    check_items(s, "documents/kinds", "phone,web");
    check_whole(s, "documents/kind", 2, (int64_t[]){1, 0});
    check_items(s, "profile/levels/0", "A,B");
    check_whole(s, "profile/cat", 3, (int64_t[]){0, 1, 0});
    check_whole(s, "id/first", 4, (int64_t[]){0, 2, 4, 6});
}

static void targets(const crm_store *s)
{
    check_whole(s, "target/again/label", 3, (int64_t[]){1, 0, 0});
    check_whole(s, "target/soon/label", 3, (int64_t[]){-1, -1, -1});
    check_whole(s, "target/status/label", 3, (int64_t[]){1, 0, 1});
    check_list(s, "target/status/label", "classes", "B,A");
    check_whole(s, "target/old/label", 3, (int64_t[]){0, -1, 1});
    check_floats(s, "target/worth/value", 3, (double[]){30, NAN, 40});
    check_whole(s, "target/stars/label", 2, (int64_t[]){0, 1});
    check_list(s, "target/stars/label", "classes", "1,4");
}

static void counts(const crm_table_tables *t)
{
    T_EQ_I(t->entities, 3);
    T_EQ_I(t->events, 4);
    T_EQ_I(t->documents, 2);
    T_EQ_I(t->tokens, 4);
    T_EQ_I(t->late, 3);     /* 07-01, 07-05, and a ticket of 07-02 */
    T_EQ_I(t->homeless, 1); /* of c9 */
    T_EQ_I(t->undated, 2);
    T_EQ_I(t->empty, 1);
    T_EQ_I(t->orphans, 2); /* c9, p9 */
    T_EQ_I(t->rejected, 2);
    T_EQ_I(t->contradictions, 3); /* age, labels old and worth of c1 */
    T_EQ_I(t->rows[1], 9);
    T_EQ_I(t->no_history, 0);
}

static void small_shop(void)
{
    crm_table_tables info = {0};
    crm_store *s;

    write_shop();
    T_OK(import(t_comm, SCHEMA, "shop.h5", &info));
    if (info.entities == 3) {
        counts(&info);
        s = open_made("shop.h5");
        numbers(s);
        blocks(s);
        targets(s);
        crm_store_close(&s);
    }
    crm_table_tables_free(&info);
}

/* ---- one rank alone makes the same ---- */
static void same_alone(const char *schema)
{
    crm_table_tables all = {0}, own = {0};
    crm_comm *alone = NULL;
    crm_digest digest = {0};

    T_OK(import(t_comm, schema, "all.h5", &all));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm) == 0 ? 0 : -1, &alone));
    if (alone) T_OK(import(alone, schema, "alone.h5", &own));
    digest = own.content;
    T_OK(crm_comm_bcast(t_comm, 0, &digest, sizeof digest));
    T_CHECK(crm_digest_equal(all.content, digest));
    crm_comm_free(&alone);
    crm_table_tables_free(&all);
    crm_table_tables_free(&own);
}

static char *random_shop(uint64_t seed, int n, int customers)
{
    static const char *const words[] = {"good", "bad", "late", "never", "again", "thanks"};
    crm_str orders = {0}, tickets = {0}, people = {0};

    crm_str_addf(&people, "id,age,plan,joined,status,worth\n");
    crm_str_addf(&orders, "customer,at,amount,product\n");
    crm_str_addf(&tickets, "customer,opened,body,stars,way\n");
    for (int i = 0; i < customers + customers / 4; i++)
        crm_str_addf(&people, "c%d,%d,%c,2024-0%d-01,%c,%d\n", t_below(&seed, customers),
                     20 + t_below(&seed, 40), 'A' + t_below(&seed, 3), 1 + t_below(&seed, 6),
                     'A' + t_below(&seed, 2), t_below(&seed, 60));
    for (int i = 0; i < n; i++)
        crm_str_addf(&orders, "c%d,2024-%02d-%02d %02d:00:00,%d.%d,p%d\n",
                     t_below(&seed, customers + 3), 1 + t_below(&seed, 8), 1 + t_below(&seed, 28),
                     t_below(&seed, 24), t_below(&seed, 100), t_below(&seed, 10),
                     t_below(&seed, 4));
    for (int i = 0; i < n / 2; i++)
        crm_str_addf(&tickets, "c%d,2024-%02d-%02d,%s %s,%d,%s\n", t_below(&seed, customers),
                     1 + t_below(&seed, 8), 1 + t_below(&seed, 28), words[t_below(&seed, 6)],
                     words[t_below(&seed, 6)], t_below(&seed, 5), words[t_below(&seed, 2)]);
    write_file("customers.csv", people.text);
    write_file("orders-1.csv", orders.text);
    write_file("tickets.csv", tickets.text);
    crm_str_free(&people);
    crm_str_free(&orders);
    crm_str_free(&tickets);
    return NULL;
}

static void same_bits(void)
{
    write_shop();
    same_alone(SCHEMA);
    for (int k = 0; k < 3; k++) {
        random_shop(7 + (uint64_t)k, 40 + 400 * k, 15 + 60 * k);
        same_alone(SCHEMA);
    }
}

/* ---- entities without key, cut-offs of their own, what goes wrong ---- */
static const char VISITS[] =
    "tables:\n"
    "  visits:\n"
    "    files: visits.csv\n"
    "    columns: {who: id, at: time, pages: integer, shop: category}\n"
    "    events: {time: at, category: shop, numbers: [pages]}\n"
    "entity: {table: visits, key: who, profile: [shop], cutoff: 2024-03-01, history: yes, "
    "contradictions: %s}\n"
    "features: {windows: [0], aggregates: [count], months: 0}\n";

static void entity_of_events(void)
{
    static const struct {
        const char *policy;
        int64_t shop[2];
    } c[] = {{"first", {0, 1}}, {"last", {1, 1}}, {"missing", {-1, 1}}};
    char schema[1024];
    crm_table_tables info;

    /* late only: no history and no word about the shop; b: one shop before the cut-off */
    write_file("visits.csv",
               "who,at,pages,shop\nlate,2024-03-01,1,X\na,2024-01-02,2,M\n"
               "b,2024-01-01,3,N\na,2024-02-01,4,N\nb,2024-04-01,5,M\n,2024-01-01,6,M\n");
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        crm_store *s;
        snprintf(schema, sizeof schema, VISITS, c[k].policy);
        T_OK(import(t_comm, schema, "visits.h5", &info));
        T_EQ_I(info.entities, 2);
        T_EQ_I(info.no_history, 1);
        T_EQ_I(info.homeless, 1);
        T_EQ_I(info.late, 2);
        s = open_made("visits.h5");
        check_items(s, "profile/levels/0", k == 0 ? "M,N" : "N");
        check_whole(s, "profile/cat", 2, k == 0 ? c[k].shop : (int64_t[]){k == 1 ? 0 : -1, 0});
        check_whole(s, "id/first", 3, (int64_t[]){0, 1, 2});
        crm_store_close(&s);
        crm_table_tables_free(&info);
    }
    snprintf(schema, sizeof schema, VISITS, "error");
    T_FAILS(import(t_comm, schema, "visits.h5", NULL), CRM_ERR_FORMAT,
            "visits.csv:5: column 'shop' differs");
}

static void groups(void)
{
    static const char schema[] = "tables:\n"
                                 "  notes:\n"
                                 "    files: notes.csv\n"
                                 "    columns: {n: integer, m: integer, body: text}\n"
                                 "    documents: {text: body, kind: 'note'}\n"
                                 "entity: {table: notes, key: none, profile: [n]}\n"
                                 "labels: {big: {when: m > 2}}\n";
    crm_table_tables info;
    crm_store *s;

    write_file("notes.csv",
               "n,m,body\n1,1,Thanks a lot\n2,2,No\n3,3,thanks a lot!\n4,4,\n5,5,no.\n");
    T_OK(import(t_comm, schema, "notes.h5", &info));
    s = open_made("notes.h5");
    check_whole(s, "group/number", 5, (int64_t[]){0, 1, 0, 3, 1});
    check_whole(s, "documents/first", 6, (int64_t[]){0, 1, 2, 3, 3, 4});
    check_floats(s, "profile/num", 5, (double[]){1, 2, 3, 4, 5});
    check_items(s, "documents/kinds", "note");
    T_CHECK(!crm_store_find(s, "id/first"));
    crm_store_close(&s);
    crm_table_tables_free(&info);
    T_EQ_I(info.empty, 0);
}

/* Two tables of events, one of them without category; at equal times the first table comes first. A
 * condition on a missing value leaves the row out. */
static void two_tables(void)
{
    static const char schema[] =
        "tables:\n"
        "  people: {files: people.csv, key: who, columns: {who: id}}\n"
        "  a:\n"
        "    files: a.csv\n"
        "    columns: {who: {type: id, references: people}, at: time, kind: category, n: integer}\n"
        "    events: {time: at, category: kind, numbers: n, when: kind != 'no' and n >= 1}\n"
        "  b:\n"
        "    files: b.csv\n"
        "    columns: {who: {type: id, references: people}, at: time, thing: {type: id, "
        "references: "
        "things}}\n"
        "    events: {time: at, numbers: thing.size}\n"
        "  things: {files: t.csv, key: thing, columns: {thing: id, size: real}}\n"
        "entity: {table: people, cutoff: 2024-01-11}\n"
        "labels: {first: {when: who == 'p1'}, big: {any: b, when: thing.size > 15}}\n";
    static const double value[] = {1, NAN, NAN, 20, NAN, 10, 3, NAN, NAN, NAN};
    crm_table_tables info;
    crm_store *s;

    write_file("people.csv", "who\np1\np2\n");
    write_file("a.csv", "who,at,kind,n\np2,2024-01-02,y,3\np1,2024-01-05,y,\np1,2024-01-05,,2\n"
                        "p1,2024-01-03,no,5\np1,2024-01-01,x,1\n");
    write_file("b.csv", "who,at,thing\np1,2024-01-02,t1\np1,2024-01-01,t2\np2,2024-01-02,t9\n");
    write_file("t.csv", "thing,size\nt1,10\nt2,20\n");
    T_OK(import(t_comm, schema, "two.h5", &info));
    s = open_made("two.h5");
    check_whole(s, "events/first", 3, (int64_t[]){0, 3, 5});
    check_floats(s, "events/time", 5, (double[]){10, 10, 9, 9, 9});
    check_items(s, "events/categories", "a:x,a:y,b");
    check_whole(s, "events/category", 5, (int64_t[]){0, 2, 2, 1, 2});
    check_list(s, "events/value", "columns", "a.n,b.thing.size");
    check_floats(s, "events/value", 10, value);
    check_whole(s, "target/first/label", 2, (int64_t[]){1, 0});
    check_whole(s, "target/big/label", 2, (int64_t[]){1, 0});
    check_number("b.thing.size.mean.1m", number(s, "b.thing.size.mean.1m", 0), 15);
    check_number("a.count.1m", number(s, "a.count.1m", 1), 1);
    crm_store_close(&s);
    crm_table_tables_free(&info);
}

/* A filled value is no value beside another of the entity, and contradicts none.  a: 1, -, 2; b: -,
 * 3; c: none; d: -, 5 and no row of its category; by hand. */
static void filled(void)
{
    static const char head[] =
        "tables:\n"
        "  t:\n"
        "    files: filled.csv\n"
        "    columns: {who: id, x: {type: integer, fill: {constant: -9}, indicator: yes}, y: "
        "{type: "
        "integer, fill: {constant: 7}}, c: {type: category, fill: {constant: none}}}\n"
        "entity: {table: t, key: who, profile: [x, c], contradictions: %s}\n"
        "labels: {big: {when: y > 6}}\n";
    static const struct {
        const char *policy;
        double want[8];
        int64_t c[4], big[4];
    } t[] = {{"first", {1, 0, 3, 0, -9, 1, 5, 0}, {0, 1, 1, 2}, {0, 0, 1, 1}},
             {"last", {2, 0, 3, 0, -9, 1, 5, 0}, {0, 1, 1, 2}, {0, 0, 1, 1}},
             {"missing", {NAN, 0, 3, 0, -9, 1, 5, 0}, {0, 1, 1, 2}, {0, 0, 1, 1}}};
    char schema[1024];
    crm_table_tables info;
    crm_store *s;

    write_file("filled.csv",
               "who,x,y,c\na,1,2,m\nb,,,n\na,,,\nb,3,4,\nc,,,n\na,2,3,m\nd,,,\nd,5,9,\n");
    for (size_t k = 0; k < sizeof t / sizeof *t; k++) {
        snprintf(schema, sizeof schema, head, t[k].policy);
        T_OK(import(t_comm, schema, "filled.h5", &info));
        T_EQ_I(info.contradictions, 1); /* x of a */
        s = open_made("filled.h5");
        check_items(s, "profile/levels/0", "m,n,none");
        check_floats(s, "profile/num", 8, t[k].want);
        check_whole(s, "profile/cat", 4, t[k].c);
        check_whole(s, "target/big/label", 4, t[k].big);
        crm_store_close(&s);
        crm_table_tables_free(&info);
    }
}

/* Rows of 2 and 0, 6 and 3, 5 and 1: ratios missing, 2, 5; days of two times. */
static void derived(void)
{
    static const char head[] = "tables:\n"
                               "  t:\n"
                               "    files: derived.csv\n"
                               "    columns: {a: integer, b: real, from: time, to: time}\n"
                               "    derive:\n"
                               "      ratio: {ratio: [a, b], max: 4, bad: %s}\n"
                               "      days: {difference: [to, from]}\n"
                               "entity: {table: t, key: none, profile: [ratio, days]}\n";
    static const double want[] = {NAN, 1.5, 2, NAN, NAN, -1};
    char schema[1024];
    crm_table_tables info;
    crm_store *s;

    write_file("derived.csv", "a,b,from,to\n2,0,2024-01-01,2024-01-02 12:00:00\n"
                              "6,3,,2024-01-02\n5,1,2024-01-02,2024-01-01\n");
    snprintf(schema, sizeof schema, head, "error");
    T_FAILS(import(t_comm, schema, "derived.h5", NULL), CRM_ERR_FORMAT,
            "derived.csv:4: column 'ratio' of table t: the derived value above the range");
    for (int skip = 0; skip < 2; skip++) {
        snprintf(schema, sizeof schema, head, skip ? "skip" : "missing");
        T_OK(import(t_comm, schema, "derived.h5", &info));
        T_EQ_I(info.rejected, 1);
        s = open_made("derived.h5");
        check_floats(s, "profile/num", skip ? 4 : 6, want);
        crm_store_close(&s);
        crm_table_tables_free(&info);
    }
}

static void nothing_left(void)
{
    char schema[1024];

    write_file("visits.csv", "who,at,pages,shop\na,2024-03-01,1,X\n");
    snprintf(schema, sizeof schema, VISITS, "first");
    T_FAILS(import(t_comm, schema, "none.h5", NULL), CRM_ERR_FORMAT, "no row is left");
    write_file("visits.csv", "who,at,pages,shop\n");
    T_FAILS(import(t_comm, schema, "none.h5", NULL), CRM_ERR_FORMAT, "no row is left");
}

/* p1 comes three times: its first row counts, the others are listed; rows of the entity are not. */
static void repeated_keys(void)
{
    static const char schema[] =
        "tables:\n"
        "  people: {files: who.csv, key: k, columns: {k: id, p: {type: id, references: plans}}}\n"
        "  plans: {files: plans.csv, key: p, columns: {p: id, price: real}}\n"
        "entity: {table: people, profile: [p.price]}\n";
    crm_table_tables info = {0};
    char path[512], want[1024], *have = NULL;
    crm_store *s;
    size_t bytes;

    write_file("who.csv", "k,p\na,p1\nb,p2\nb,p2\nc,p1\n");
    write_file("plans.csv", "p,price\np1,3\np2,4\np1,5\n,9\n,8\np1,6\n");
    T_OK(import(t_comm, schema, "repeated.h5", &info));
    T_EQ_I(info.repeated, 2);
    T_EQ_I(info.rejected, 2);
    s = open_made("repeated.h5");
    if (s) check_floats(s, "profile/num", 3, (double[]){3, 4, 3});
    crm_store_close(&s);
    t_path("plans.csv", path);
    snprintf(want, sizeof want,
             "%.300s:4:1\tplans\tp\tthe key comes again; the first row with it is taken\n"
             "%.300s:7:1\tplans\tp\tthe key comes again; the first row with it is taken\n",
             path, path);
    T_OK(crm_path_read(t_path("repeated.h5.rejects.tsv", path), 1 << 20, &have, &bytes));
    T_CHECK(have && strcmp(have, want) == 0);
    crm_mem_free(have);
    crm_table_tables_free(&info);
    T_OK(crm_comm_barrier(t_comm));
}

/* What is made is called like a column, or like another one that is made. */
static void equal_names(void)
{
    static const char head[] = "tables: {t: {files: twice.csv, columns: {x: {type: integer, "
                               "indicator: yes}, x missing: %s, y: real}}}\n"
                               "entity: {table: t, key: none}\n%s";
    static const struct {
        const char *type, *more, *error;
    } cases[] = {
        {"real", "",
         "two columns of the data set are called 'x missing': column 'x missing' of table t, and "
         "what indicator or outliers add to a column of table t"},
        {"category", "",
         "called 'x missing': what indicator or outliers add to a column of table t, and column "
         "'x missing' of table t"},
        {"ignore", "features: {products: [[y, y], [x, y], [y, y]]}\n",
         "called 'y * y': number 1 of features.products, and number 3 of features.products"},
    };
    char schema[512], path[512];

    write_file("twice.csv", "x,x missing,y\n1,2,3\n,5,6\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(schema, sizeof schema, head, cases[i].type, cases[i].more);
        T_FAILS(import(t_comm, schema, "twice.h5", NULL), CRM_ERR_CONFIG, cases[i].error);
        T_CHECK(!crm_path_exists(t_path("twice.h5", path)));
    }
    snprintf(schema, sizeof schema, head, "ignore", "");
    T_OK(import(t_comm, schema, "twice.h5", NULL));
}

/* An import that fails when its list of rejects is there already leaves the one before. */
static void rejects_of_made(void)
{
    static const char head[] =
        "tables: {t: {files: odd.csv, key: k, columns: {k: id, at: time, a: {type: integer, bad: "
        "missing}}, events: {time: at}}}\nentity: {table: t, profile: [a]}\n";
    static const char fails[] = "features: {products: [[a, t.nowhere]]}\n";
    char schema[512], path[512], want[600], *have = NULL;
    size_t bytes;

    write_file("odd.csv", "k,at,a\np,2024-01-01,1\nq,2024-01-01,x\n");
    T_OK(import(t_comm, head, "odd.h5", NULL));
    write_file("odd.csv", "k,at,a\np,2024-01-01,y\nq,2024-01-01,x\n");
    snprintf(schema, sizeof schema, "%s%s", head, fails);
    T_FAILS(import(t_comm, schema, "odd.h5", NULL), CRM_ERR_CONFIG, "'t.nowhere' is no numeric");
    snprintf(want, sizeof want, "%.400s/odd.csv:3:14\tt\ta\tvalue is not a whole number\n", t_dir);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_path_read(t_path("odd.h5.rejects.tsv", path), 1 << 20, &have, &bytes));
    T_CHECK(have && strcmp(have, want) == 0);
    crm_mem_free(have);
    T_CHECK(!crm_path_exists(t_path("odd.h5.rejects.next.tsv", path)));
    T_OK(crm_comm_barrier(t_comm));
    write_file("odd.csv", "k,at,a\np,2024-01-01,1\nq,2024-01-01,2\n");
    T_OK(import(t_comm, head, "odd.h5", NULL));
    T_CHECK(!crm_path_exists(t_path("odd.h5.rejects.tsv", path)));
    T_OK(crm_comm_barrier(t_comm));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"arrays of a small shop as worked out by hand", small_shop},
        {"one rank alone makes the same data set", same_bits},
        {"entities that are told by their events, up to the cut-off", entity_of_events},
        {"rows with equal texts are one group", groups},
        {"two tables of events", two_tables},
        {"derived columns", derived},
        {"filled values of an entity", filled},
        {"no row is left", nothing_left},
        {"two columns of one name", equal_names},
        {"keys of a referenced table that come again", repeated_keys},
        {"the rejects go with their data set", rejects_of_made},
        {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
