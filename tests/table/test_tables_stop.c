/* test_tables_stop.c - an import of related tables is asked to stop, on the last rank alone, at
 * each place where it looks: every rank says so, no file is left and none is changed, and the
 * next import makes the same data set.  With and without kept tables.  One of five places is tried,
 * each with CRM_TIER=full or long.
 * wrap: crm_stop_signal
 * ranks: 1 2 3 4  timeout: 120 */
#include <dirent.h>
#include <signal.h>

#include "crmpi/base_stop.h"
#include "crmpi/table_schema.h"
#include "table_testing.h"

int __real_crm_stop_signal(void);
int __wrap_crm_stop_signal(void);

static int64_t looks, stop_at; /* 0: never */

int __wrap_crm_stop_signal(void)
{
    looks++;
    return stop_at > 0 && looks >= stop_at ? SIGUSR1 : __real_crm_stop_signal();
}

static const char SCHEMA[] =
    "tables:\n"
    "  people: {files: people.csv, key: id, duplicates: near, columns: {id: id, age: {type: "
    "integer, "
    "bad: missing, outliers: iqr}, plan: {type: category, case: lower}}}\n"
    "  orders:\n"
    "    files: orders.csv\n"
    "    duplicates: drop\n"
    "    columns: {who: {type: id, references: people}, at: time, amount: real}\n"
    "    events: {time: at, numbers: [amount]}\n"
    "  notes:\n"
    "    files: notes.csv\n"
    "    columns: {who: {type: id, references: people}, body: {type: text, scrub: yes}}\n"
    "    documents: {text: body}\n"
    "entity: {table: people, cutoff: 2024-06-01}\n"
    "labels: {again: {any: orders, within: 30 days}}\n"
    "features: {windows: [1, 0], months: 3}\n";

static void write_table(const char *name, const char *head, int64_t n,
                        void (*row)(crm_str *out, int64_t i))
{
    crm_str out = {0};
    char path[512];

    crm_str_addf(&out, "%s\n", head);
    for (int64_t i = 0; i < n; i++)
        row(&out, i);
    t_write(t_path(name, path), out.text, out.len);
    crm_str_free(&out);
}

static void person(crm_str *out, int64_t i)
{
    crm_str_addf(out, "p%d,%s,%s\n", (int)i,
                 i % 50 == 3 ? "x"
                 : i % 7     ? "31"
                             : "62",
                 i % 3 ? "Gold" : "GOLD");
}
static void order(crm_str *out, int64_t i)
{
    crm_str_addf(out, "p%d,2024-%02d-%02d,%d.5\n", (int)(i * 7 % 5000), (int)(1 + i % 7),
                 (int)(1 + i % 28), (int)(i % 90));
}
static void note(crm_str *out, int64_t i)
{
    crm_str_addf(out, "p%d,call +49 30 90182%02d now\n", (int)(i * 11 % 5000), (int)(i % 100));
}

/* What lies in the folder. */
static void list(crm_digest *out)
{
    crm_digest sum = {0};
    DIR *d;

    T_OK(crm_comm_barrier(t_comm));
    d = opendir(t_dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[512], *data = NULL;
        size_t bytes = 0;
        crm_digest one;
        if (e->d_name[0] == '.') continue;
        T_OK(crm_path_read(t_path(e->d_name, path), 1 << 26, &data, &bytes));
        one = crm_digest_of(data, bytes);
        sum.lo += one.lo; /* readdir has no order */
        one = crm_digest_of(e->d_name, strlen(e->d_name));
        sum.hi += one.lo;
        crm_mem_free(data);
    }
    if (d) closedir(d);
    T_OK(crm_comm_barrier(t_comm));
    *out = sum;
}

static crm_status import_it(bool keep, crm_digest *content)
{
    crm_table_schema *s = NULL;
    crm_table_tables info = {0};
    char path[512];
    crm_status st = crm_table_schema_text("s.yaml", SCHEMA, strlen(SCHEMA), &s);

    t_path("out.h5", path);
    looks = 0;
    if (!st && keep) st = crm_table_import_kept(t_comm, s, t_dir, "", path, false, &info);
    if (!st && !keep) st = crm_table_import_schema(t_comm, s, t_dir, "", path, NULL, &info);
    *content = info.content;
    crm_table_tables_free(&info);
    crm_table_schema_free(&s);
    return st;
}

/* Stops at each place, over what is in the folder. */
static void stop_everywhere(bool keep, int64_t places)
{
    const char *tier = getenv("CRM_TIER");
    int64_t step = tier && strcmp(tier, "default") != 0 ? 1 : 5;
    crm_digest before, after, content;

    list(&before);
    for (int64_t k = 1; k <= places && t_failures == 0; k += step) {
        size_t used = crm_mem_used();
        stop_at = crm_comm_rank(t_comm) == crm_comm_size(t_comm) - 1 ? k : 0;
        T_FAILS(import_it(keep, &content), CRM_ERR_STOPPED, "stopped by SIGUSR1");
        stop_at = 0;
        T_EQ_I(crm_mem_used(), used);
        list(&after);
        T_CHECK(crm_digest_equal(before, after));
        if (t_failures) fprintf(stderr, "# place %lld of %lld\n", (long long)k, (long long)places);
    }
}

static void stops(bool keep)
{
    crm_digest whole, again;
    char path[512];
    int64_t places;

    T_OK(import_it(keep, &whole));
    places = looks;
    T_OK(crm_comm_bcast(t_comm, crm_comm_size(t_comm) - 1, &places, sizeof places));
    T_CHECK(places > 20);
    stop_everywhere(keep, places); /* the data set of before stays as it was */
    if (crm_comm_rank(t_comm) == 0) {
        T_OK(crm_path_remove(t_path("out.h5", path)));
        T_OK(crm_path_remove(t_path("out.h5.md", path)));
        T_OK(crm_path_remove(t_path("out.h5.rejects.tsv", path)));
        T_OK(crm_path_remove(t_path("out.h5.tables.h5", path)));
    }
    stop_everywhere(keep, places); /* nothing is there */
    T_OK(import_it(keep, &again));
    T_CHECK(crm_digest_equal(whole, again));
}

static void plain(void)
{
    stops(false);
}
static void kept(void)
{
    stops(true);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"an import", plain}, {"an import that keeps its tables", kept}, {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    write_table("people.csv", "id,age,plan", 5000, person);
    write_table("orders.csv", "who,at,amount", 20000, order);
    write_table("notes.csv", "who,body", 3000, note);
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
