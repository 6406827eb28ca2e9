/* import.c - reading the files of a table: crmpi's half of "bench/run.sh import".
 *
 *   bench_import make FILE ROWS   a file of 12 columns as exports have them
 *   bench_import read FILE TIMES  reads it; prints rows and the fewest seconds of a core
 * Under mpirun each rank reads its part. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../src/data/table/table_frame.h"
#include "crmpi/base_mem.h"

/* Of the core, so that what else runs on the machine does not count. */
static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)((next(state) >> 32) * n >> 32);
}

static int make(const char *path, long rows)
{
    static const char *const CHANNEL[] = {"shop", "web", "app", "Bank transfer (automatic)"};
    static const char *const WHERE[] = {"DE", "FR", "IT", "ES", "PT", "PL", "NL", "BE", "AT", "CH"};
    uint64_t s = 1;
    FILE *f = fopen(path, "w");

    if (!f) return 1;
    fprintf(
        f,
        "customer,at,product,channel,country,amount,price,discount,quantity,member,points,score\n");
    for (long i = 0; i < rows; i++) {
        unsigned cents = below(&s, 50000), price = below(&s, 2000);
        fprintf(f, "C%07u,20%02u-%02u-%02u %02u:%02u:%02u,", below(&s, 1000000), 15 + below(&s, 10),
                1 + below(&s, 12), 1 + below(&s, 28), below(&s, 24), below(&s, 60), below(&s, 60));
        fprintf(f, "P%u,%s,%s,", below(&s, 2000), CHANNEL[below(&s, 4)], WHERE[below(&s, 10)]);
        fprintf(f, "%u.%02u,%u.%02u,", cents / 100, cents % 100, price / 100, price % 100);
        if (below(&s, 5) == 0)
            fprintf(f, ",");
        else
            fprintf(f, "0.%02u,", below(&s, 100));
        fprintf(f, "%u,%s,%u,%.6f\n", 1 + below(&s, 20), below(&s, 2) ? "yes" : "no",
                below(&s, 100000), (double)below(&s, 2000000000) * 1e-9 - 1);
    }
    return fclose(f) != 0;
}

static crm_field field(const char *name, crm_field_type type)
{
    return (crm_field){.name = name,
                       .type = type,
                       .format = type == CRM_FIELD_TIME ? "%Y-%m-%d %H:%M:%S" : "iso",
                       .yes = "",
                       .no = "",
                       .decimal = '.',
                       .min = -(double)__builtin_inf(),
                       .max = (double)__builtin_inf(),
                       .time_min = INT64_MIN,
                       .time_max = INT64_MAX,
                       .max_levels = 10000};
}

/* Adds up what was read, so that two readings can be compared. */
static uint64_t content(const table_frame *f, int n)
{
    uint64_t sum = 0;

    for (int c = 0; c < n; c++)
        for (int64_t i = 0; i < f->n; i++) {
            const table_cells *t = &f->column[c];
            uint64_t v = 0;
            if (t->real) memcpy(&v, &t->real[i], sizeof v);
            if (t->whole) v = (uint64_t)t->whole[i];
            if (t->code) v = (uint64_t)(int64_t)t->code[i];
            if (t->key) v = t->key[i].lo;
            sum += (v ^ v >> 31) * (uint64_t)(2 * (f->before + i) + 1);
        }
    return sum;
}

static crm_status read_times(crm_comm *comm, const crm_table_schema *s, int times, double *best,
                             table_frame *f, uint64_t *sum)
{
    for (int k = 0; k < times; k++) {
        table_rejects *r = NULL;
        double t;
        CRM_TRY(crm_table_rejects_new(1000, &r));
        t = now();
        CRM_TRY(crm_table_frame_read(comm, s, 0, "", r, f));
        t = now() - t;
        if (k == 0 || t < *best) *best = t;
        *sum = content(f, s->table[0].n);
        crm_table_rejects_free(&r);
        if (k + 1 < times) crm_table_frame_free(f);
    }
    return CRM_OK;
}

static int read_file(crm_comm *comm, const char *path, int times)
{
    crm_field column[] = {
        field("customer", CRM_FIELD_ID),      field("at", CRM_FIELD_TIME),
        field("product", CRM_FIELD_CATEGORY), field("channel", CRM_FIELD_CATEGORY),
        field("country", CRM_FIELD_CATEGORY), field("amount", CRM_FIELD_REAL),
        field("price", CRM_FIELD_REAL),       field("discount", CRM_FIELD_REAL),
        field("quantity", CRM_FIELD_INTEGER), field("member", CRM_FIELD_BOOLEAN),
        field("points", CRM_FIELD_INTEGER),   field("score", CRM_FIELD_REAL),
    };
    crm_table_def t = {.name = "t",
                       .files = {1, &path},
                       .key = -1,
                       .n = sizeof column / sizeof *column,
                       .column = column};
    crm_table_schema s = {.path = "bench", .n = 1, .table = &t, .key = -1};
    table_frame f;
    double best = 0;
    uint64_t sum = 0;

    if (read_times(comm, &s, times, &best, &f, &sum)) {
        crm_err_print(crm_comm_rank(comm));
        return 1;
    }
    if (crm_comm_sum_i64(comm, (int64_t *)&sum, 1) != CRM_OK) return 1;
    if (crm_comm_rank(comm) == 0)
        printf("{\"rows\": %lld, \"seconds\": %.4f, \"memory\": %zu, \"sum\": \"%016llx\"}\n",
               (long long)f.total, best, crm_mem_peak(), (unsigned long long)sum);
    crm_table_frame_free(&f);
    return 0;
}

int main(int argc, char **argv)
{
    crm_comm *comm = NULL;
    int code = 2;

    if (argc == 4 && strcmp(argv[1], "make") == 0) return make(argv[2], strtol(argv[3], NULL, 10));
    if (crm_comm_start(&argc, &argv, &comm) != CRM_OK) {
        crm_err_print(0);
        return 1;
    }
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        code = read_file(comm, argv[2], (int)strtol(argv[3], NULL, 10));
    else
        fprintf(stderr, "usage: bench_import make FILE ROWS | read FILE TIMES\n");
    crm_comm_stop(&comm);
    return code;
}
