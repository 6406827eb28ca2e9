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
    check_whole(s, "documents/token_first", 3, (int64_t[]){0, 5, 7});
    check_items(s, "documents/words", "!,,,.,Bad,Good,app,bad");
    check_whole(s, "documents/token", 7, (int64_t[]){3, 5, 1, 6, 2, 4, 0});
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
    T_EQ_I(t->tokens, 7);
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
            "derived.csv:4: column 'ratio' of table t: derived value above the range (-inf to 4 in "
            "the schema)");
    for (int skip = 0; skip < 2; skip++) {
        snprintf(schema, sizeof schema, head, skip ? "skip" : "missing");
        T_OK(import(t_comm, schema, "derived.h5", &info));
        T_EQ_I(info.rejected, 1);
        s = open_made("derived.h5");
        check_floats(s, "profile/num", skip ? 4 : 6, want);
        check_items(s, "dictionary/source",
                    "derived.csv: ratio = a / b,derived.csv: days = to - from");
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

/* 2^53 + 1 and 2^53 are one double. */
static void exact_numbers(void)
{
    static const struct {
        const char *when;
        int64_t code[5];
    } c[] = {{"n == 9007199254740993", {1, 0, 0, 0, -1}},
             {"n == m", {0, 1, 0, 0, -1}},
             {"n > m", {1, 0, 0, 1, -1}},
             {"n >= 9007199254740992.0", {1, 1, 0, 1, -1}},
             {"n < x", {0, 0, 1, 0, -1}},
             {"x <= n", {1, 1, 0, 1, -1}},
             {"n != 9223372036854775807", {1, 1, 1, 0, -1}},
             {"n < 1e19", {1, 1, 1, 1, -1}},
             {"n > -2.5", {1, 1, 1, 1, -1}}};
    char schema[512];

    write_file("big.csv", "n,m,x,z\n9007199254740993,9007199254740992,9007199254740992,1\n"
                          "9007199254740992,9007199254740992,9007199254740992,1\n-2,-1,-1.5,1\n"
                          "9223372036854775807,9223372036854775806,1,1\n,1,1,1\n");
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        crm_store *s;
        snprintf(
            schema, sizeof schema,
            "tables: {t: {files: big.csv, columns: {n: integer, m: integer, x: real, z: real}}}\n"
            "entity: {table: t, key: none, profile: [z]}\nlabels: {y: {when: \"%s\"}}\n",
            c[k].when);
        T_OK(import(t_comm, schema, "big.h5", NULL));
        s = open_made("big.h5");
        check_whole(s, "target/y/label", 5, c[k].code);
        crm_store_close(&s);
    }
}

/* Limits of whole numbers are whole, too; half ones are between two. */
static void exact_limits(void)
{
    static const struct {
        const char *range;
        int64_t rejected;
    } c[] = {{"max: 9007199254740993", 0},
             {"max: 9007199254740992", 1},
             {"min: 9007199254740993", 2},
             {"min: -2.5", 0},
             {"min: -1.5", 1},
             {"max: 9007199254740992.0", 1}};
    char schema[512];
    crm_table_tables info;

    write_file("limit.csv", "n,z\n9007199254740993,1\n9007199254740992,1\n-2,1\n");
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        snprintf(
            schema, sizeof schema,
            "tables: {t: {files: limit.csv, columns: {n: {type: integer, bad: missing, %s}, z: "
            "real}}}\nentity: {table: t, key: none}\n",
            c[k].range);
        T_OK(import(t_comm, schema, "limit.h5", &info));
        T_EQ_I(info.rejected, c[k].rejected);
        crm_table_tables_free(&info);
    }
}

/* What is derived is made of cleaned values, as products of the features are; labels see what was
 * read.  By hand: numpy.percentile([1..9, 1000], [25, 75]) is 3.25 and 7.75, so 14.5 is the limit.
 */
static void derived_behind_cleaning(void)
{
    static const char schema[] =
        "tables:\n"
        "  people: {files: people.csv, key: k, columns: {k: id}}\n"
        "  orders:\n"
        "    files: bought.csv\n"
        "    columns: {k: {type: id, references: people}, at: time, a: {type: real, outliers: "
        "{rule: "
        "iqr, action: winsorise}}, b: {type: integer, fill: {constant: 2}}}\n"
        "    derive: {ab: {product: [a, b], max: 900, bad: missing}, twice: {sum: [ab, ab]}}\n"
        "    events: {time: at, numbers: [a, ab, twice]}\n"
        "entity: {table: people}\n"
        "labels: {big: {any: orders, when: a > 100}, much: {any: orders, when: ab > 1500}}\n"
        "features: {windows: [0], aggregates: [sum]}\n";
    static const char *const label[] = {"target/big/label", "target/much/label"};
    crm_table_tables info = {0};
    crm_str people = {0}, orders = {0};
    const crm_store_array *num, *target;
    crm_store *s;

    crm_str_addf(&people, "k\n");
    crm_str_addf(&orders, "k,at,a,b\n");
    for (int i = 1; i <= 10; i++) {
        crm_str_addf(&people, "c%d\n", i);
        crm_str_addf(&orders, "c%d,2024-01-01,%d,%s\n", i, i < 10 ? i : 1000, i == 1 ? "" : "2");
    }
    write_file("people.csv", people.text);
    write_file("bought.csv", orders.text);
    T_OK(import(t_comm, schema, "bought.h5", &info));
    T_EQ_I(info.rejected, 0); /* 2000 is beyond the range of ab, 29 is not */
    s = open_made("bought.h5");
    num = s ? crm_store_find(s, "profile/num") : NULL;
    T_CHECK(num && num->dim[0] == 10 && num->dim[1] == 3);
    for (int i = 0; num && num->dim[1] == 3 && i < 10; i++) {
        const float *v = (const float *)num->data + 3 * i;
        double a = i < 9 ? i + 1 : 14.5;
        T_NEAR(v[0], a, 0);
        T_NEAR(v[1], 2 * a, 0);
        T_NEAR(v[2], 4 * a, 0);
    }
    for (int l = 0; l < 2; l++) {
        target = s ? crm_store_find(s, label[l]) : NULL;
        T_CHECK(target && target->dim[0] == 10);
        for (int i = 0; target && i < 10; i++)
            T_EQ_I(((const int32_t *)target->data)[i], i == 9);
    }
    crm_store_close(&s);
    crm_str_free(&people);
    crm_str_free(&orders);
    crm_table_tables_free(&info);
}

/* What the data dictionary says of columns that are made, and how much of each is missing. */
static void dictionary(void)
{
    static const char schema[] =
        "tables:\n"
        "  people: {files: p.csv, key: k, columns: {k: id, age: {type: integer, indicator: yes}}}\n"
        "  orders:\n"
        "    files: o.csv\n"
        "    columns: {k: {type: id, references: people}, at: time, kind: category, price: {type: "
        "real, unit: EUR}, pieces: integer}\n"
        "    derive: {amount: {product: [price, pieces], unit: EUR}}\n"
        "    events: {time: at, category: kind, numbers: [amount], when: price > 0}\n"
        "  calls:\n"
        "    files: c.csv\n"
        "    columns: {k: {type: id, references: people}, at: time}\n"
        "    events: {time: at}\n"
        "entity: {table: people, cutoff: 2024-02-01}\n"
        "labels: {again: {any: orders, within: 7 days, when: amount > 5 and at > 2024-02-03}}\n"
        "features: {windows: [3], aggregates: [sum, change], months: 2, ratios: [[age, "
        "orders.amount.sum.3m]]}\n";
    static const double missing[] = {.5, 0, 0, 0, 0, 0, .5, 0, 0, 0, .5, 0, .5, 0, 0, 0};
    crm_store *s;

    write_file("p.csv", "k,age\na,30\nb,\n");
    write_file("o.csv", "k,at,kind,price,pieces\na,2024-01-01,x,2,3\na,2024-01-05,,4,\n"
                        "b,2024-01-03,x,-1,1\nb,2024-02-05,x,9,9\nb,2024-03-05,x,9,9\n");
    write_file("c.csv", "k,at\na,2024-01-02\n");
    T_OK(import(t_comm, schema, "words.h5", NULL));
    s = open_made("words.h5");
    check_items(
        s, "dictionary/name",
        "age,age missing,orders.count.change.3m,orders.amount.sum.3m,orders.amount.change."
        "3m,calls.count.change.3m,age / orders.amount.sum.3m,orders.count,orders.amount.sum,"
        "calls.count,orders.category,orders.time,orders.amount,calls.time,again,k");
    check_items(s, "dictionary/unit",
                ",,,EUR,EUR,,,,EUR,,,days before the cut-off,EUR,days before the cut-off,,");
    check_items(
        s, "dictionary/meaning",
        ",1 where age is missing,"
        "events of orders with price > 0 in the 90 days before the cut-off; less that of as many "
        "days before them,"
        "sum of amount over events of orders with price > 0 in the 90 days before the cut-off,"
        "sum of amount over events of orders with price > 0 in the 90 days before the cut-off; "
        "less "
        "that of as many days before them,"
        "events of calls in the 90 days before the cut-off; less that of as many days before them,"
        "age over orders.amount.sum.3m; missing when that is 0,"
        "events of orders with price > 0 in each month of 30 days before the cut-off,"
        "sum of amount over events of orders with price > 0 in each month of 30 days before the "
        "cut-off,events of calls in each month of 30 days before the cut-off,,,,,"
        "whether there is a row of orders with amount > 5 and at > 2024-02-03 00:00:00 within 7 "
        "days from the cut-off on,");
    check_items(
        s, "dictionary/source",
        "p.csv: age,p.csv: age,o.csv,o.csv: amount = price * pieces,o.csv: amount = price * "
        "pieces,c.csv,columns age and orders.amount.sum.3m,o.csv,o.csv: amount = price * "
        "pieces,c.csv,o.csv: kind,o.csv: at,o.csv: amount = price * pieces,c.csv: at,o.csv: "
        "amount; o.csv: at,p.csv: k");
    check_floats(s, "dictionary/missing", 16, missing);
    crm_store_close(&s);
}

/* A number that the data set cannot hold is bad, read or derived. */
static void beyond_float(void)
{
    static const char head[] =
        "tables: {t: {files: far.csv, columns: {a: {type: real%s}, b: real}, "
        "derive: {c: {product: [b, b]%s}}}}\n"
        "entity: {table: t, key: none, profile: [a, c]}\n";
    static const double want[] = {3.4e38, 4, NAN, 9, 1, NAN};
    char schema[512], path[512], list[1024], *have = NULL;
    crm_table_tables info;
    size_t bytes;
    crm_store *s;

    write_file("far.csv", "a,b\n3.4e38,2\n-3.5e38,3\n1,1e30\n");
    snprintf(schema, sizeof schema, head, "", "");
    T_FAILS(import(t_comm, schema, "far.h5", NULL), CRM_ERR_FORMAT,
            "far.csv:3:1: column 'a': value is beyond 3.4e38");
    snprintf(schema, sizeof schema, head, ", bad: missing", "");
    T_FAILS(import(t_comm, schema, "far.h5", NULL), CRM_ERR_FORMAT,
            "far.csv:4: column 'c' of table t: derived value beyond 3.4e38");
    snprintf(schema, sizeof schema, head, ", bad: missing", ", bad: missing");
    T_OK(import(t_comm, schema, "far.h5", &info));
    T_EQ_I(info.rejected, 2);
    crm_table_tables_free(&info);
    s = open_made("far.h5");
    check_floats(s, "profile/num", 6, want);
    crm_store_close(&s);
    snprintf(list, sizeof list,
             "%.400s/far.csv:3:1\tt\ta\tvalue is beyond 3.4e38, the largest number that a data set "
             "holds\n%.400s/far.csv:4:1\tt\tc\tderived value beyond 3.4e38, the largest number "
             "that a data set holds\n",
             t_dir, t_dir);
    T_OK(crm_path_read(t_path("far.h5.rejects.tsv", path), 1 << 20, &have, &bytes));
    T_CHECK(have && strcmp(have, list) == 0);
    crm_mem_free(have);
    T_OK(crm_comm_barrier(t_comm));
}

/* a: a low and a high note, b: a high one, c: none, d: one without time, e: a late low one */
static void without_rows(void)
{
    static const char head[] =
        "tables:\n"
        "  people: {files: people.csv, key: id, columns: {id: id, z: real}}\n"
        "  notes: {files: stars.csv, columns: {who: {type: id, references: people}, at: time, "
        "stars: "
        "integer}, events: {time: at, when: stars < 0}}\n"
        "entity: {table: people, cutoff: 2024-02-01}\n"
        "labels: {low: {any: notes, when: stars <= 2%s}}\n";
    static const struct {
        const char *more;
        int64_t code[5];
    } c[] = {{"", {1, 0, 0, 0, 1}},
             {", without_rows: no", {1, 0, 0, 0, 1}},
             {", without_rows: missing", {1, 0, -1, -1, 1}},
             {", within: 10 days", {0, 0, 0, 0, 0}},
             {", within: 10 days, without_rows: missing", {0, 0, -1, -1, -1}}};
    char schema[1024];
    crm_table_tables info;

    write_file("people.csv", "id,z\na,1\nb,1\nc,1\nd,1\ne,1\n");
    write_file("stars.csv", "who,at,stars\na,2024-01-01,1\na,2024-02-03,5\nb,2024-02-05,3\nd,,1\n"
                            "e,2024-03-15,2\n");
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        crm_store *s;
        snprintf(schema, sizeof schema, head, c[k].more);
        T_OK(import(t_comm, schema, "stars.h5", &info));
        T_EQ_I(info.events, 0);
        crm_table_tables_free(&info);
        s = open_made("stars.h5");
        check_whole(s, "target/low/label", 5, c[k].code);
        crm_store_close(&s);
    }
}

/* Messages: the place is one that can be mended, and no value of a row is shown. */
static void messages(void)
{
    static const char head[] =
        "tables:\n  t: {files: secret.csv, key: k, columns: {k: id, c: {type: category%s}, b: "
        "{type: boolean, yes: J, no: N}, until: time, z: real}}\n"
        "entity: {table: t, profile: [z]%s}\nlabels: {y: {column: %s}}\n";
    char schema[512];
    crm_table_tables info;

    write_file("secret.csv", "k,c,b,until,z\n1,Smith,J,2024-01-01,1\n2,Jones,N,,1\n3,Smith,J,,1\n");
    snprintf(schema, sizeof schema, head, "", "", "c, positive: Miller");
    T_FAILS(import(t_comm, schema, "secret.h5", NULL), CRM_ERR_CONFIG,
            "shop.yaml:4:10: label 'y': none of the two classes is called 'Miller'; positive is a "
            "value of the column as it stands behind case and map");
    T_EQ_I(import(t_comm, schema, "secret.h5", NULL), CRM_ERR_CONFIG);
    T_CHECK(!strstr(crm_err_text(), "Smith") && !strstr(crm_err_text(), "Jones"));
    crm_err_clear();
    snprintf(schema, sizeof schema, head, "", "", "b, positive: yes");
    T_FAILS(import(t_comm, schema, "secret.h5", NULL), CRM_ERR_CONFIG,
            "none of the two classes is called 'yes'; allowed: N, J");
    snprintf(schema, sizeof schema, head, ", max_levels: 2", "", "c");
    T_OK(import(t_comm, schema, "secret.h5", NULL));
    write_file("secret.csv", "k,c,b,until,z\n1,Smith,J,2024-01-01,1\n2,Jones,N,,1\n3,Kim,J,,1\n");
    T_FAILS(import(t_comm, schema, "secret.h5", NULL), CRM_ERR_FORMAT,
            "shop.yaml:2:51: column 'c' of table t has more than 2 distinct values");
    snprintf(schema, sizeof schema, head, "", ", cutoff: until", "c");
    write_file("secret.csv", "k,c,b,until,z\n1,S,J,2024-01-01,1\n2,J,N,,1\n3,K,J,2024-01-01,1\n");
    T_OK(import(t_comm, schema, "secret.h5", &info));
    T_EQ_I(info.entities, 2);
    T_EQ_I(info.no_cutoff, 1);
    T_EQ_I(info.no_history, 0);
    crm_table_tables_free(&info);
    write_file("secret.csv", "k,c,b,until,z\n1,S,J,,1\n2,J,N,,1\n");
    T_FAILS(import(t_comm, schema, "secret.h5", NULL), CRM_ERR_FORMAT,
            "no row is left for the data set: table t has 2 entities, 2 of them without cut-off, 0 "
            "without history");
}

static void wide_files(void)
{
    static const char schema[] = "tables: {t: {files: wide.csv, columns: {a: real}}}\n"
                                 "entity: {table: t, key: none}\n";
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } c[] = {{"\xFF\xFE"
              "a\0\n\0",
              6,
              "wide.csv:1:1: the file is UTF-16 by its byte order mark; make it UTF-8: iconv -f "
              "UTF-16 -t UTF-8"},
             {"\xFE\xFF\0a\0\n", 6, "the file is UTF-16"},
             {"\xFF\xFE\0\0a\0\0\0", 8, "the file is UTF-32"}};
    char path[512];

    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        t_write(t_path("wide.csv", path), c[k].bytes, c[k].n);
        T_FAILS(import(t_comm, schema, "wide.h5", NULL), CRM_ERR_FORMAT, c[k].what);
    }
}

/* An import that fails when its list of rejects is there already leaves the one before. */
/* Rows without a header whose quotes are characters; most are cut by the parts of the ranks. */
static void bare_rows(void)
{
    static const char schema[] =
        "tables:\n"
        "  t: {files: bare.txt, separator: tab, header: no, quotes: no,\n"
        "      columns: {k: ignore, v: real, s: text}, derive: {w: {sum: [v, v]}}, "
        "documents: {text: s}}\n"
        "entity: {key: none, profile: []}\n"
        "labels: {mood: {value: v, cuts: [-0.5, 0.5], classes: [bad, so so, good]}}\n";
    static const char *const value[] = {"-0.5", "-0.51", "0.5", "", "0.49"};
    static const char *const text[] = {"no \"end", "\" opens", "\"a\" b", "\"", "5\" disk\"\""};
    static const int64_t code[] = {1, 0, 2, -1, 1};
    enum { ROWS = 500 };
    int64_t want[ROWS];
    crm_str file = {0};
    crm_store *s;

    for (int i = 0; i < ROWS; i++) {
        crm_str_addf(&file, "%d\t%s\t%s\r\n", i, value[i % 5], text[i * 7 % 5]);
        want[i] = code[i % 5];
    }
    T_CHECK(!file.failed);
    write_file("bare.txt", file.text);
    crm_str_free(&file);
    T_OK(import(t_comm, schema, "bare.h5", NULL));
    s = open_made("bare.h5");
    check_whole(s, "target/mood/label", ROWS, want);
    check_list(s, "target/mood/label", "classes", "bad,so so,good");
    T_EQ_I(array(s, "documents/kind")->dim[0], ROWS);
    check_items(s, "documents/words", "\",\"\",5,a,b,disk,end,no,opens");
    crm_store_close(&s);
    T_OK(crm_comm_barrier(t_comm));
    write_file("bare.txt", "1\t2\n");
    T_FAILS(import(t_comm, schema, "bare.h5", NULL), CRM_ERR_FORMAT,
            "the first row has 2 fields, table t has 3");
    write_file("bare.txt", "1\t2\tx\ty\n");
    T_FAILS(import(t_comm, schema, "bare.h5", NULL), CRM_ERR_FORMAT,
            "name them all, or say rest: ignore");
    write_file("bare.txt", "1\t2\tx\n1\t2\n");
    T_FAILS(import(t_comm, schema, "bare.h5", NULL), CRM_ERR_FORMAT,
            "bare.txt:2:1: row has 2 fields, the schema has 3; mend the row");
}

static void rejects_of_made(void)
{
    static const char head[] =
        "tables: {t: {files: odd.csv, key: k, columns: {k: id, at: time, a: {type: integer, bad: "
        "missing}, c: category}, events: {time: at, category: c}}}\nentity: {table: t, profile: "
        "[a]}\n";
    static const char fails[] = "features: {products: [[a, t.share.nowhere]]}\n";
    char schema[512], path[512], want[600], *have = NULL;
    size_t bytes;

    write_file("odd.csv", "k,at,a,c\np,2024-01-01,1,u\nq,2024-01-01,x,u\n");
    T_OK(import(t_comm, head, "odd.h5", NULL));
    write_file("odd.csv", "k,at,a,c\np,2024-01-01,y,u\nq,2024-01-01,x,u\n");
    snprintf(schema, sizeof schema, "%s%s", head, fails);
    T_FAILS(import(t_comm, schema, "odd.h5", NULL), CRM_ERR_CONFIG,
            "'t.share.nowhere' is no numeric");
    snprintf(want, sizeof want, "%.400s/odd.csv:3:14\tt\ta\tvalue is not a whole number\n", t_dir);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_path_read(t_path("odd.h5.rejects.tsv", path), 1 << 20, &have, &bytes));
    T_CHECK(have && strcmp(have, want) == 0);
    crm_mem_free(have);
    T_CHECK(!crm_path_exists(t_path("odd.h5.rejects.next.tsv", path)));
    T_OK(crm_comm_barrier(t_comm));
    write_file("odd.csv", "k,at,a,c\np,2024-01-01,1,u\nq,2024-01-01,2,u\n");
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
        {"columns derived behind cleaning", derived_behind_cleaning},
        {"the data dictionary", dictionary},
        {"filled values of an entity", filled},
        {"no row is left", nothing_left},
        {"two columns of one name", equal_names},
        {"keys of a referenced table that come again", repeated_keys},
        {"the rejects go with their data set", rejects_of_made},
        {"whole numbers are compared as they are", exact_numbers},
        {"limits of whole numbers", exact_limits},
        {"numbers that a data set cannot hold", beyond_float},
        {"labels of entities without rows", without_rows},
        {"messages without values of rows", messages},
        {"UTF-16 is told by its mark", wide_files},
        {"rows without a header, quotes as characters, classes of a number", bare_rows},
        {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
