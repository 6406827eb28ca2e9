/* test_input.c - files of a table: patterns, compressed files, cut and damaged ones, very long
 * lines, memory.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include <zlib.h>
#include <zstd.h>

#include "frame_testing.h"

/* ---- files, written by rank 0 ---- */
static size_t gzip(const char *text, size_t n, char *out, size_t cap)
{
    z_stream z = {0};

    T_CHECK(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    T_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static void put(const char *name, const char *data, size_t n)
{
    char path[512];

    if (crm_comm_rank(t_comm) == 0) {
        FILE *f = fopen(t_path(name, path), "wb");
        T_CHECK(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
    }
    T_OK(crm_comm_barrier(t_comm));
}

static size_t zstd(const char *text, size_t n, char *out, size_t cap)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t used;

    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1); /* as the program zstd does */
    used = ZSTD_compress2(z, out, cap, text, n);
    T_CHECK(!ZSTD_isError(used));
    ZSTD_freeCCtx(z);
    return used;
}
static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* The frame of these files as text, or the error; the caller's. */
static char *frame_of(const char *columns, const char *files, int bad, int64_t *rejects)
{
    table_rejects *r = NULL;
    table_frame f = {0};
    char *text = NULL;
    t_made m;

    t_schema(&m, columns, files);
    m.table.bad = bad;
    T_OK(crm_table_rejects_new(100, &r));
    if (crm_table_frame_read(t_comm, &m.schema, 0, t_dir, r, &f) != CRM_OK) {
        const char *at = strstr(crm_err_text(), t_dir);
        text = crm_mem_strdup(at == crm_err_text() ? at + strlen(t_dir) + 1 : crm_err_text());
        crm_err_clear();
    } else {
        text = t_frame_text(&f);
        crm_table_frame_free(&f);
    }
    if (rejects) {
        *rejects = crm_table_rejects_count(r);
        T_OK(crm_comm_sum_i64(t_comm, rejects, 1));
    }
    crm_table_rejects_free(&r);
    return text;
}

static void expect(const char *columns, const char *files, int bad, const char *want)
{
    char *have = frame_of(columns, files, bad, NULL);

    if (strncmp(have, want, strlen(want)) != 0) {
        t_fail(__FILE__, __LINE__, files);
        fprintf(stderr, "# have: %s\n# want: %s\n", have, want);
    }
    crm_mem_free(have);
}

/* ---- cases ---- */
static void patterns(void)
{
    put_text("p-2.csv", "b;a\r\nx;1\r\ny;2\r\n");
    put_text("p-10.csv", "\xEF\xBB\xBF"
                         "a,b\n3,z\n");
    put_text("p-1.csv", "a\tb\n");
    put_text("q.csv", "a,b\n4,w");
    /* in byte order of the paths, each file once */
    expect("a:integer b:text", "q.csv/p-*.csv/p-2.csv", 0,
           "1.2: 3 'z'\n2.2: 1 'x'\n2.3: 2 'y'\n3.2: 4 'w'\n");
    expect("a:integer", "none*.csv", 0, "none*.csv: no such file");
    put_text("p-3.csv", "a,b\n1,x\nq,y\n");
    expect("a:integer b:text", "p-*.csv", 0,
           "p-3.csv:3:1: column 'a': value is not a whole number");
    put_text("p-3.csv", "a,c\n1,x\n");
    expect("a:integer b:text", "p-*.csv", 0, "p-3.csv:1:3: column 'c' is not one of table t");
}

static void compressed(void)
{
    static const char TEXT[] = "a,b\n1,x\n2,\"y\nz\"\n3,w\n";
    static const char WANT[] = "0.2: 1 'x'\n0.3: 2 'y\nz'\n0.5: 3 'w'\n";
    enum { N = sizeof TEXT - 1, HALF = 9 };
    char z[1024], all[2048];
    size_t n = gzip(TEXT, N, z, sizeof z), m;

    put("c.csv.gz", z, n);
    expect("a:integer b:text", "c.csv.gz", 0, WANT);
    /* two members, and zeros behind them */
    m = gzip(TEXT, HALF, all, sizeof all);
    m += gzip(TEXT + HALF, N - HALF, all + m, sizeof all - m);
    memset(all + m, 0, 100);
    put("c.csv.gz", all, m + 100);
    expect("a:integer b:text", "c.csv.gz", 0, WANT);
    /* every cut and every changed byte is an error, or harmless */
    for (size_t cut = 2; cut < n; cut += 2) {
        char *have;
        put("c.csv.gz", z, cut);
        have = frame_of("a:integer b:text", "c.csv.gz", 0, NULL);
        T_CHECK(strncmp(have, "c.csv.gz: the gzip data is cut off", 34) == 0);
        crm_mem_free(have);
    }
    for (size_t at = 10; at < n; at += 3) {
        char *have;
        z[at] = (char)(z[at] ^ 4);
        put("c.csv.gz", z, n);
        z[at] = (char)(z[at] ^ 4);
        have = frame_of("a:integer b:text", "c.csv.gz", 0, NULL);
        T_CHECK(strncmp(have, "c.csv.gz: damaged gzip data at byte ", 36) == 0 ||
                strncmp(have, "c.csv.gz: the gzip data is cut off", 34) == 0 ||
                strcmp(have, WANT) == 0); /* a bit that fills up a byte */
        crm_mem_free(have);
    }
    m = zstd(TEXT, N, all, sizeof all);
    put("c.csv.zst", all, m);
    expect("a:integer b:text", "c.csv.zst", 0, WANT);
    put("c.csv.zst", all, m - 3);
    expect("a:integer b:text", "c.csv.zst", 0, "c.csv.zst: the zstd data is cut off");
    all[m - 5] ^= 1;
    put("c.csv.zst", all, m);
    expect("a:integer b:text", "c.csv.zst", 0, "c.csv.zst: damaged zstd data at byte ");
    put("d-1.csv.gz", z, n);
    put("d-2.csv", TEXT, N);
    expect("a:integer b:text", "d-*", 0,
           "0.2: 1 'x'\n0.3: 2 'y\nz'\n0.5: 3 'w'\n1.2: 1 'x'\n1.3: 2 'y\nz'\n1.5: 3 'w'\n");
}

/* No file is left in TMPDIR. */
static void nothing_left(void)
{
    char pattern[600], *have;
    const char *tmp = getenv("TMPDIR");
    char before[600];

    snprintf(before, sizeof before, "%s", tmp ? tmp : "/tmp");
    T_CHECK(setenv("TMPDIR", t_dir, 1) == 0);
    compressed();
    T_CHECK(setenv("TMPDIR", before, 1) == 0);
    snprintf(pattern, sizeof pattern, "crmpi-*");
    have = frame_of("a:integer", pattern, 0, NULL);
    T_CHECK(strncmp(have, "crmpi-*: no such file", 21) == 0);
    crm_mem_free(have);
}

/* A line of 100 MB, and a quote that stays open for as long. */
static void long_lines(void)
{
    enum { MB = 100 << 20 };
    char *text = NULL, *have;
    int64_t rejects;

    if (crm_comm_rank(t_comm) == 0) {
        text = crm_mem_new(MB + 64, 1);
        memset(text, 'x', MB);
        memcpy(text, "a,b\n1,x\n2,", 10);
        memcpy(text + MB, "\n3,z\n", 5);
    }
    put("long.csv", text, MB + 5);
    expect("a:integer b:text", "long.csv", 0, "long.csv:3:3: field of more than 1048576 bytes");
    have = frame_of("a:integer b:text", "long.csv", CRM_BAD_SKIP, &rejects);
    T_CHECK(strcmp(have, "0.2: 1 'x'\n0.4: 3 'z'\n") == 0);
    T_EQ_I(rejects, 1);
    crm_mem_free(have);
    if (text) text[10] = '"';
    put("long.csv", text, MB + 5);
    expect("a:integer b:text", "long.csv", CRM_BAD_SKIP,
           "long.csv:3:3: field in quotes of more than 1048576 bytes; is a quote missing?");
    T_CHECK(crm_mem_peak() < (size_t)MB + (64 << 20));
    crm_mem_free(text);
}

/* docs/schema.md: the columns once, texts in room to spare, a few MB beside. */
static void memory(void)
{
    enum { ROWS = 200000 };
    crm_str text = {0};
    table_rejects *r = NULL;
    table_frame f = {0};
    size_t before, bound, bytes;
    t_made m;

    crm_str_addf(&text, "a,b,c,d,e\n");
    for (int i = 0; i < ROWS; i++)
        crm_str_addf(&text, "%d,%d.5,\"k%d\n\",text number %d,c%d\n", i, i, i % 1000, i, i % 7);
    put("memory.csv", text.text, text.len);
    bytes = text.len;
    crm_str_free(&text);
    t_schema(&m, "a:integer b:real c:id d:text e:category", "memory.csv");
    T_OK(crm_table_rejects_new(10, &r));
    before = crm_mem_used();
    crm_mem_mark();
    T_OK(crm_table_frame_read(t_comm, &m.schema, 0, t_dir, r, &f));
    T_EQ_I(f.total, ROWS);
    /* 8 + 8 + 16 + 8 + 8 + 4 + 8 bytes a row, texts at most as long as the part, an eighth to
     * spare, one column twice while it grows */
    bound = (size_t)f.n * 60 * 9 / 8 + bytes / (size_t)crm_comm_size(t_comm) * 9 / 8 +
            (size_t)f.n * 20 + (4 << 20);
    T_CHECK(crm_mem_marked_peak() - before < bound);
    crm_table_frame_free(&f);
    T_CHECK(crm_mem_used() - before < 1 << 16);
    crm_table_rejects_free(&r);
}

static void keep(void)
{
    table_rejects *r = NULL;
    table_frame f = {0};
    uint8_t keep_row[16];
    char *have, where[512];
    t_made m;

    put_text("keep.csv", "a,b,c\n1,x,p\n2,yy,q\n3,,p\n4,zzz,r\n5,w,p\n6,v,q\n");
    t_schema(&m, "a:integer b:text c:category", "keep.csv");
    T_OK(crm_table_rejects_new(10, &r));
    T_OK(crm_table_frame_read(t_comm, &m.schema, 0, t_dir, r, &f));
    T_CHECK(f.n <= 16);
    for (int64_t i = 0; i < f.n; i++)
        keep_row[i] = f.column[0].whole[i] % 2 == 0 || f.column[0].whole[i] == 5;
    T_OK(crm_table_frame_keep(t_comm, &f, keep_row));
    T_EQ_I(f.total, 4);
    have = t_frame_text(&f);
    T_CHECK(strcmp(have, "0.3: 2 'yy' q\n0.5: 4 'zzz' r\n0.6: 5 'w' p\n0.7: 6 'v' q\n") == 0);
    if (f.n > 0) {
        crm_table_frame_where(&f, 0, where, sizeof where);
        T_CHECK(strstr(where, "keep.csv:") != NULL);
    }
    crm_mem_free(have);
    crm_table_frame_free(&f);
    crm_table_rejects_free(&r);
}

/* The digest is that of the bytes, whatever the ranks. */
static void digests(void)
{
    table_rejects *r = NULL;
    table_frame f = {0};
    crm_digest again, other;
    char hex[CRM_DIGEST_HEX];
    t_made m;

    put_text("s.csv", "a\n1\n2\n");
    t_schema(&m, "a:integer", "s.csv");
    T_OK(crm_table_rejects_new(10, &r));
    T_OK(crm_table_frame_read(t_comm, &m.schema, 0, t_dir, r, &f));
    T_OK(crm_table_frame_source(t_comm, &m.schema, 0, t_dir, &again));
    T_CHECK(crm_digest_equal(f.source, again));
    T_CHECK(strlen(crm_digest_hex(again, hex)) == 32);
    put_text("s.csv", "a\n1\n3\n");
    T_OK(crm_table_frame_source(t_comm, &m.schema, 0, t_dir, &other));
    T_CHECK(!crm_digest_equal(other, again));
    crm_table_frame_free(&f);
    crm_table_rejects_free(&r);
}

static void in_folder(void (*run)(void))
{
    t_enter();
    run();
    t_leave();
}
#define CASE(name)                                                                                 \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        in_folder(name);                                                                           \
    }
CASE(patterns)
CASE(nothing_left)
CASE(long_lines)
CASE(memory)
CASE(keep)
CASE(digests)

int main(int argc, char **argv)
{
    static const t_case all[] = {{"patterns", run_patterns},
                                 {"compressed", run_nothing_left},
                                 {"long lines", run_long_lines},
                                 {"memory", run_memory},
                                 {"keep", run_keep},
                                 {"digests", run_digests},
                                 {NULL, NULL}};

    return t_main_mpi(argc, argv, all);
}
