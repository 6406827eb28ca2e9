/* test_tables_memory.c - an import of related tables while memory is out on one rank: every rank
 * says so, none waits for another, and nothing stays allocated; so while an export is appended and
 * while customers are forgotten.  One of 47 allocations is tried (of those two of 141), of 7 (21)
 * with CRM_TIER=full, each with CRM_TIER=long.
 * wrap: crm_mem_new crm_mem_grow crm_mem_strdup
 * ranks: 1 2 3  timeout: 300 */
#include "crmpi/table_schema.h"
#include "table_testing.h"

void *__real_crm_mem_new(size_t n, size_t size);
void *__wrap_crm_mem_new(size_t n, size_t size);
void *__real_crm_mem_grow(void *old, size_t old_n, size_t n, size_t size);
void *__wrap_crm_mem_grow(void *old, size_t old_n, size_t n, size_t size);
char *__real_crm_mem_strdup(const char *s);
char *__wrap_crm_mem_strdup(const char *s);

static int64_t calls, fail_at; /* 0: none */

static bool fails(void)
{
    return ++calls == fail_at;
}

void *__wrap_crm_mem_new(size_t n, size_t size)
{
    return fails() ? NULL : __real_crm_mem_new(n, size);
}

void *__wrap_crm_mem_grow(void *old, size_t old_n, size_t n, size_t size)
{
    return fails() ? NULL : __real_crm_mem_grow(old, old_n, n, size);
}

char *__wrap_crm_mem_strdup(const char *s)
{
    return fails() ? NULL : __real_crm_mem_strdup(s);
}

static const char SCHEMA[] =
    "tables:\n"
    "  people: {files: people.csv, key: id, columns: {id: id, age: {type: integer, indicator: yes, "
    "outliers: iqr}, plan: category, size: {type: integer, fill: {constant: 1}}, gone: boolean, "
    "until: time}}\n"
    "  orders:\n"
    "    files: orders.csv\n"
    "    columns: {who: {type: id, references: people}, at: time, amount: real, what: {type: id, "
    "references: things}}\n"
    "    derive: {twice: {sum: [amount, amount]}}\n"
    "    events: {time: at, category: things.kind, numbers: [twice], when: amount > 0}\n"
    "  things: {files: things.csv, key: thing, columns: {thing: id, kind: category}}\n"
    "  notes:\n"
    "    files: notes.csv\n"
    "    columns: {who: {type: id, references: people}, at: time, body: text, mood: category}\n"
    "    documents: {text: body, time: at, labels: {mood: mood}}\n"
    "entity: {table: people, profile: [age, plan], cutoff: until}\n"
    "labels: {gone: {column: gone}, again: {any: orders, within: 3 days}, old: {when: size > 30}}\n"
    "features: {windows: [1, 0], ratios: [[age, orders.count.1m]]}\n";

static void write_files(void)
{
    static const char *const file[][2] = {
        {"people.csv",
         "id,age,plan,size,gone,until\na,30,X,30,yes,2024-03-01\nb,,Y,,no,2024-03-02\n"
         "a,31,X,31,yes,2024-03-01\nc,90,Y,90,no,\n"},
        {"orders.csv", "who,at,amount,what\na,2024-02-01,1,t1\nb,2024-02-02,2,t2\n"
                       "z,2024-02-02,2,t9\na,2024-03-05,5,t1\n"},
        {"things.csv", "thing,kind\nt1,toy\nt2,food\n"},
        {"notes.csv",
         "who,at,body,mood\nb,2024-01-01,some words,calm\na,2024-02-03,more words,glad\n"
         "b,2024-01-05,some words,glad\n"}};
    char path[512];

    for (size_t k = 0; k < sizeof file / sizeof *file; k++)
        t_write(t_path(file[k][0], path), file[k][1], strlen(file[k][1]));
}

/* ---- what is tried, and what is made for it before ---- */
typedef struct job {
    crm_status (*run)(const crm_table_schema *s, crm_table_tables *info);
    bool pair; /* out.h5 and its tables are those of one import */
    int64_t fewer;
} job;

static crm_status plain(const crm_table_schema *s, crm_table_tables *info)
{
    char path[512];

    return crm_table_import_schema(t_comm, s, t_dir, "", t_path("out.h5", path), NULL, info);
}

static crm_status append(const crm_table_schema *s, crm_table_tables *info)
{
    char path[512], more[512];

    return crm_table_import_kept(t_comm, s, t_path("more", more), "", t_path("out.h5", path), true,
                                 info);
}

static crm_status forget(const crm_table_schema *s, crm_table_tables *info)
{
    static const char *const id[] = {"b", "z"};
    char path[512];
    int64_t rows;

    (void)s;
    *info = (crm_table_tables){0};
    return crm_table_forget(t_comm, t_path("out.h5", path), 2, id, &rows);
}

static void copy(const char *from, const char *to)
{
    char path[512], *data = NULL;
    size_t bytes = 0;

    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_read(t_path(from, path), 1 << 26, &data, &bytes));
    t_write(t_path(to, path), data, bytes);
    crm_mem_free(data);
}

static void make_pair(const crm_table_schema *s)
{
    static const char *const file[] = {"people.csv", "orders.csv", "things.csv", "notes.csv"};
    char path[512], to[64];

    T_OK(crm_table_import_kept(t_comm, s, t_dir, "", t_path("pair.h5", path), false, NULL));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_mkdirs(t_path("more", path)));
    T_OK(crm_comm_barrier(t_comm));
    for (size_t k = 0; k < sizeof file / sizeof *file; k++) {
        snprintf(to, sizeof to, "more/%s", file[k]);
        copy(file[k], to);
    }
    t_write(t_path("more/things.csv", path), "thing,kind\nt3,book\n", 19);
}

/* The status, the same on all ranks, of a job in which allocation number k fails on the last
 * rank; *n: the allocations there. */
static crm_status attempt(const job *j, const crm_table_schema *s, int64_t k, int64_t *n)
{
    bool mine = crm_comm_rank(t_comm) == crm_comm_size(t_comm) - 1;
    size_t used;
    crm_table_tables info;
    int64_t low, high;
    crm_status st;

    if (j->pair) copy("pair.h5", "out.h5");
    if (j->pair) copy("pair.h5.tables.h5", "out.h5.tables.h5");
    used = crm_mem_used();
    calls = 0;
    fail_at = mine ? k : 0;
    st = j->run(s, &info);
    *n = calls;
    fail_at = 0;
    crm_table_tables_free(&info);
    crm_err_clear();
    if (crm_mem_used() != used)
        fprintf(stderr, "# allocation %lld leaves %lld bytes\n", (long long)k,
                (long long)crm_mem_used() - (long long)used);
    T_EQ_I(crm_mem_used(), used);
    low = high = st;
    T_OK(crm_comm_min_i64(t_comm, &low, 1));
    T_OK(crm_comm_max_i64(t_comm, &high, 1));
    T_EQ_I(low, high);
    T_OK(crm_comm_bcast(t_comm, crm_comm_size(t_comm) - 1, n, sizeof *n));
    return st;
}

static void try_all(const job *j)
{
    const char *tier = getenv("CRM_TIER");
    bool full = tier && strcmp(tier, "full") == 0, all = tier && strcmp(tier, "long") == 0;
    int64_t step = all ? 1 : (full ? 7 : 47) * j->fewer, n = 0, ignore, refused = 0;
    crm_table_schema *s = NULL;
    char path[512];

    write_files();
    t_write(t_path("people.schema.yaml", path), SCHEMA, strlen(SCHEMA));
    T_OK(crm_table_schema_open(path, &s));
    if (!s) return;
    if (j->pair) make_pair(s);
    T_OK(attempt(j, s, 0, &n)); /* what is made once */
    T_OK(attempt(j, s, 0, &n));
    for (int64_t k = 1; k <= n; k += step) {
        crm_status st = attempt(j, s, k, &ignore);
        T_CHECK(st == CRM_OK || st == CRM_ERR_NOMEM);
        refused += st == CRM_ERR_NOMEM;
        if (st != CRM_OK && st != CRM_ERR_NOMEM)
            fprintf(stderr, "# allocation %lld: %s\n", (long long)k, crm_status_name(st));
    }
    T_CHECK(n > 500 && refused > n / step * 8 / 10);
    T_OK(attempt(j, s, 0, &n));
    crm_table_schema_free(&s);
}

static void import_without_memory(void)
{
    try_all(&(job){plain, false, 1});
}
static void append_without_memory(void)
{
    try_all(&(job){append, true, 3});
}
static void forget_without_memory(void)
{
    try_all(&(job){forget, true, 3});
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"memory is out on one rank", import_without_memory},
                                   {"an export is appended", append_without_memory},
                                   {"customers are forgotten", forget_without_memory},
                                   {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) return 1;
    t_enter();
    bad = t_run_mpi(argc, argv, cases);
    t_leave();
    crm_comm_stop(&t_comm);
    return bad;
}
