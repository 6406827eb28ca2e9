/* fuzz_csv.c - any bytes as the file of a table: no crash, and the same from all kernels and widths
 * of windows.  The first bytes choose the schema and the policies. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/data/table/table_frame.h"
#include "crmpi/base_mem.h"

enum { HEAD = 4 };
static crm_comm *comm;
static int fd;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (crm_comm_start(argc, argv, &comm) != CRM_OK) abort();
    fd = memfd_create("csv", 0);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    return fd < 0;
}

static crm_field field(const char *name, crm_field_type type, int bad)
{
    return (crm_field){.name = name,
                       .type = type,
                       .format = "iso",
                       .yes = "",
                       .no = "",
                       .decimal = '.',
                       .min = -(double)__builtin_inf(),
                       .max = (double)__builtin_inf(),
                       .time_min = INT64_MIN,
                       .time_max = INT64_MAX,
                       .bad = bad,
                       .max_levels = 50,
                       .ref_table = -1};
}

/* Columns a .. h, of types that the first bytes choose. */
static int make_columns(const uint8_t *head, crm_field *f)
{
    static const char *const NAME[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const char *const FORMAT[] = {"iso", "%d.%m.%y %H:%M", "%b %d %Y%z", "%s",
                                         "%Y-%m-%d %H:%M:%S"};
    static const char *const LIST[] = {"NA", "?"};
    int n = 1 + head[0] % 4;

    for (int c = 0; c < n; c++) {
        unsigned pick = (unsigned)(head[1] >> c) + (unsigned)head[2] * (unsigned)(c + 3);
        f[c] = field(NAME[c], (crm_field_type)(pick % CRM_FIELD_TYPE_COUNT),
                     (int)(pick / 8 % CRM_BAD_COUNT));
        f[c].format = FORMAT[pick % 5];
        f[c].decimal = pick & 16 ? ',' : '.';
        f[c].letters = (crm_letter_case)(pick / 32 % CRM_CASE_COUNT);
        f[c].missing = (crm_opt_list){2, LIST};
        if (pick & 64) f[c].min = -5;
        if (pick & 128) f[c].time_max = 1000000000;
    }
    return n;
}

static void add_column(crm_hash *h, const crm_field *f, const table_cells *c, int64_t n)
{
    size_t rows = (size_t)n;

    for (int64_t i = 0; c->real && i < n; i++)
        crm_hash_add_f64(h, c->real[i]);
    if (c->whole) crm_hash_add(h, c->whole, rows * sizeof *c->whole);
    for (int64_t i = 0; c->code && i < n; i++) {
        if (c->code[i] < -1 || c->code[i] >= c->n_levels) abort();
        crm_hash_add_text(h, c->code[i] < 0 ? "-" : c->level[c->code[i]]);
    }
    if (c->key) crm_hash_add(h, c->key, rows * sizeof *c->key);
    if (c->end) crm_hash_add(h, c->end, rows * sizeof *c->end);
    if (c->end && n > 0) crm_hash_add(h, c->bytes, (size_t)c->end[n - 1]);
    crm_hash_add_i64(h, c->missing);
    crm_hash_add_i64(h, c->bad);
    (void)f;
}

/* All that a reading gave, also its error. */
static crm_digest read_once(const crm_table_schema *s, const char *kernels, const char *window)
{
    table_rejects *r = NULL;
    table_frame f = {0};
    crm_hash *h = NULL;
    crm_digest d;

    setenv("CRM_TABLE_KERNELS", kernels, 1);
    setenv("CRM_TABLE_WINDOW", window, 1);
    if (crm_hash_new(&h) != CRM_OK || crm_table_rejects_new(100, &r) != CRM_OK) abort();
    if (crm_table_frame_read(comm, s, 0, "", r, &f) != CRM_OK) {
        crm_hash_add_text(h, crm_err_text());
        crm_err_clear();
    } else {
        crm_hash_add(h, f.where, (size_t)f.n * sizeof *f.where);
        crm_hash_add_i64(h, f.skipped);
        crm_hash_add_i64(h, crm_table_rejects_count(r));
        for (int c = 0; c < s->table[0].n; c++)
            add_column(h, &s->table[0].column[c], &f.column[c], f.n);
        crm_table_frame_free(&f);
    }
    d = crm_hash_value(h);
    crm_hash_free(&h);
    crm_table_rejects_free(&r);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const WAY[][2] = {
        {"plain", "1"}, {"plain", "100"}, {"avx2", "70"}, {"avx512", "64"}, {"avx512", "5000"}};
    const char *file = path;
    crm_field column[8];
    crm_table_def t = {.name = "t", .files = {1, &file}, .key = -1, .column = column};
    crm_table_schema s = {.path = "fuzz", .n = 1, .table = &t, .key = -1};
    crm_digest first = {0, 0};

    if (size < HEAD) return 0;
    t.n = make_columns(data, column);
    t.bad = data[3] % CRM_BAD_COUNT;
    t.latin1 = data[3] & 8;
    t.rest_ignored = data[3] & 16;
    t.separator = data[3] / 32 % 5;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data + HEAD, size - HEAD, 0) != (ssize_t)(size - HEAD))
        abort();
    for (size_t k = 0; k < sizeof WAY / sizeof *WAY; k++) {
        crm_digest d = read_once(&s, WAY[k][0], WAY[k][1]);
        if (k == 0) first = d;
        if (!crm_digest_equal(first, d)) {
            fprintf(stderr, "kernels %s, window %s: another result\n", WAY[k][0], WAY[k][1]);
            abort();
        }
    }
    return 0;
}
