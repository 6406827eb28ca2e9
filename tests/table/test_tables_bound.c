/* test_tables_bound.c - the memory of a rank while related tables are imported grows with its rows
 * as docs/relations.md says: peaks of resident memory of two sizes, and of one whose events are to
 * a third those of one customer.
 * ranks: 1 3  tier: full  timeout: 120 */
#include "crmpi/table_schema.h"
#include "table_testing.h"

static const char SCHEMA[] =
    "tables:\n"
    "  customers: {files: customers.csv, key: id, columns: {id: id, age: integer, plan: "
    "category}}\n"
    "  orders:\n"
    "    files: orders.csv\n"
    "    columns: {customer: {type: id, references: customers}, at: time, amount: real, pieces: "
    "integer, product: category}\n"
    "    events: {time: at, category: product, numbers: [amount, pieces]}\n"
    "entity: {table: customers, cutoff: 2025-01-01}\n"
    "features: {windows: [1], aggregates: [count, sum], months: 3}\n";
enum { PER = 20 }; /* orders of a customer */

/* customers n, orders PER * n, of which every third is of one customer when skewed. */
static void write_files(int64_t n, bool skewed)
{
    crm_str people = {0}, orders = {0};
    char path[512];
    uint64_t state = 5;

    crm_str_addf(&people, "id,age,plan\n");
    crm_str_addf(&orders, "customer,at,amount,pieces,product\n");
    for (int64_t i = 0; i < n && crm_comm_rank(t_comm) == 0; i++)
        crm_str_addf(&people, "c%07d,%d,%c\n", (int)i, (int)(18 + i % 60), (int)('A' + i % 3));
    for (int64_t i = 0; i < PER * n && crm_comm_rank(t_comm) == 0; i++) {
        int64_t who = skewed && i % 3 == 0 ? 0 : (int64_t)(t_next(&state) % (uint64_t)n);
        crm_str_addf(&orders, "c%07d,2024-%02d-%02d,%d.25,%d,p%d\n", (int)who, (int)(1 + i % 12),
                     (int)(1 + i % 28), (int)(i % 300), (int)(1 + i % 5), (int)(i % 50));
    }
    t_write(t_path("customers.csv", path), people.text, people.len);
    t_write(t_path("orders.csv", path), orders.text, orders.len);
    crm_str_free(&people);
    crm_str_free(&orders);
}

/* The largest peak of a rank so far, in bytes. */
static int64_t peak_of_import(int64_t n, bool skewed)
{
    crm_table_schema *s = NULL;
    crm_table_tables info = {0};
    char path[512];
    int64_t peak;

    write_files(n, skewed);
    T_OK(crm_table_schema_text("s.yaml", SCHEMA, strlen(SCHEMA), &s));
    T_OK(crm_table_import_schema(t_comm, s, t_dir, "", t_path("out.h5", path), NULL, &info));
    T_EQ_I(info.events, PER * n);
    crm_table_tables_free(&info);
    crm_table_schema_free(&s);
    peak = (int64_t)crm_mem_resident_peak();
    T_OK(crm_comm_max_i64(t_comm, &peak, 1));
    return peak;
}

/* The formula of the page: bytes of n customers and their orders on a rank that has `rows` of all
 * rows as they are read, and `events` of the events. */
static double bound(double n, double rows, double events)
{
    double customers = n * (9 * 2 + 27 * 1 + 1.125 * 8 + 9 + 100);
    double orders = PER * n * (9 * 4 + 27 * 1 + 1.125 * 8 + 9);

    return rows * (customers + orders) + events * (PER * n * (150 + 16 * 2));
}

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static void grows(void)
{
    enum { SMALL = 5000, LARGE = 25000 };
    double share = 1.0 / crm_comm_size(t_comm), may = bound(LARGE - SMALL, share, share);
    /* one rank has the third of all events that is of one customer */
    double more = bound(LARGE, 0, share < 1 ? (1 - share) / 3 : 0) + 8e6;
    int64_t first, second, third;

    if (SANITIZED) {
        T_SKIP("AddressSanitizer keeps memory of its own");
        return;
    }
    first = peak_of_import(SMALL, false);
    second = peak_of_import(LARGE, false);
    third = peak_of_import(LARGE, true);
    if (crm_comm_rank(t_comm) == 0)
        fprintf(stderr,
                "# growth %.1f MB of %.1f MB; peak %.1f MB, skewed %.1f MB more of %.1f MB\n",
                (double)(second - first) / 1e6, may / 1e6, (double)second / 1e6,
                (double)(third - second) / 1e6, more / 1e6);
    T_CHECK((double)(second - first) < may);
    T_CHECK((double)(second - first) > may / 4); /* else nothing was measured */
    T_CHECK((double)first < 64 * 1048576.0 + bound(SMALL, share, share));
    T_CHECK((double)(third - second) < more);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"peaks of resident memory", grows}, {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
