/* Counted memory, digests, element types, statuses with their trail, and log lines. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_dtype.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"

static void memory_is_zero_and_aligned(void)
{
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = crm_mem_new(n, 1), sum = 0;
        T_CHECK(p && (uintptr_t)p % 64 == 0);
        for (size_t i = 0; p && i < n; i++) {
            sum |= p[i];
            p[i] = 0xff; /* so that a reused block is not zero by luck */
        }
        T_EQ_I(sum, 0);
        crm_mem_free(p);
    }
    crm_mem_free(NULL);
}

static void memory_is_counted(void)
{
    size_t before = crm_mem_used();
    char *p = crm_mem_new(1000, 100), *q;

    T_CHECK(crm_mem_used() >= before + 100000);
    T_CHECK(crm_mem_peak() >= crm_mem_used());
    T_CHECK(crm_mem_resident_peak() > 100000);
    memset(p, 7, 100000);
    q = crm_mem_grow(p, 100000, 200000, 1);
    T_CHECK(q && q[0] == 7 && q[99999] == 7 && q[100000] == 0 && q[199999] == 0);
    p = crm_mem_grow(q, 200000, 10, 1);
    T_CHECK(p && p[9] == 7);
    crm_mem_free(p);
    T_EQ_I(crm_mem_used(), before);
    T_CHECK(crm_mem_peak() >= before + 200000);
}

static crm_status too_much(void)
{
    double *p;

    CRM_NEW(p, INT64_MAX / 4);
    crm_mem_free(p);
    return CRM_OK;
}

static void overflow_is_refused(void)
{
    char *keep = crm_mem_strdup("kept");

    T_CHECK(!crm_mem_new(SIZE_MAX / 2, 3));
    T_CHECK(!crm_mem_new(SIZE_MAX, 1));
    T_CHECK(!crm_mem_grow(keep, 5, SIZE_MAX / 2, 4));
    T_CHECK(strcmp(keep, "kept") == 0);
    crm_mem_free(keep);
    T_FAILS(too_much(), CRM_ERR_NOMEM, "out of memory: 2305843009213693951 x 8 bytes");
}

/* XXH3-128 of nothing with seed 0 is in xxHash's own sanity test: 99aa06d3014798d86001c324468d497f.
 */
static void digests(void)
{
    char hex[CRM_DIGEST_HEX], other[CRM_DIGEST_HEX];
    crm_hash *a, *b;

    T_CHECK(strcmp(crm_digest_hex(crm_digest_of("", 0), hex), "99aa06d3014798d86001c324468d497f") ==
            0);
    T_CHECK(!crm_digest_equal(crm_digest_of("a", 1), crm_digest_of("b", 1)));
    T_OK(crm_hash_new(&a));
    T_OK(crm_hash_new(&b));
    T_CHECK(strcmp(crm_digest_hex(crm_hash_value(a), other), hex) == 0);
    crm_hash_add(a, "hello world", 11);
    crm_hash_add(b, "hello ", 6);
    crm_hash_add(b, "world", 5);
    T_CHECK(crm_digest_equal(crm_hash_value(a), crm_hash_value(b)));
    T_CHECK(crm_digest_equal(crm_hash_value(a), crm_digest_of("hello world", 11)));
    crm_hash_add_text(a, "ab");
    crm_hash_add_text(a, "c");
    crm_hash_add_text(b, "a");
    crm_hash_add_text(b, "bc");
    T_CHECK(!crm_digest_equal(crm_hash_value(a), crm_hash_value(b)));
    crm_hash_free(&a);
    crm_hash_free(&b);
    crm_hash_free(&b);
    T_CHECK(!b);
}

static crm_digest digest_f64(double v)
{
    crm_digest d = {0, 0};
    crm_hash *h;

    T_OK(crm_hash_new(&h));
    crm_hash_add_f64(h, v);
    d = crm_hash_value(h);
    crm_hash_free(&h);
    return d;
}

static void digest_of_numbers(void)
{
    const double nan = (double)NAN;

    T_CHECK(crm_digest_equal(digest_f64(-0.0), digest_f64(0.0)));
    T_CHECK(crm_digest_equal(digest_f64(-nan), digest_f64(nan)));
    T_CHECK(!crm_digest_equal(digest_f64(1), digest_f64(nextafter(1, 2))));
    T_CHECK(!crm_digest_equal(digest_f64(1), digest_f64(-1)));
}

static void types(void)
{
    static const size_t size[] = {sizeof(float),    sizeof(double),  sizeof(uint8_t),
                                  sizeof(uint16_t), sizeof(int32_t), sizeof(int64_t)};

    for (int t = 0; t < CRM_DTYPE_COUNT; t++)
        T_EQ_I(crm_dtype_size((crm_dtype)t), size[t]);
    T_CHECK(strcmp(crm_dtype_name(CRM_F32), "f32") == 0);
    T_CHECK(strcmp(crm_dtype_name(CRM_I64), "i64") == 0);
}

static crm_status inner(int v)
{
    CRM_CHECK(v < 3, CRM_ERR_CONFIG, "value %d, the limit is 2", v);
    return CRM_OK;
}

static crm_status outer(int v)
{
    CRM_TRY(inner(v));
    return CRM_OK;
}

static crm_status quoting(void)
{
    crm_status st = inner(7);

    CRM_SET(st, CRM_ERR_IO, "after: %s", crm_err_text());
    return st;
}

static void statuses(void)
{
    /* the exit codes that scripts rely on */
    static const int code[CRM_STATUS_COUNT] = {0, 70, 2, 3, 3, 5, 5, 5, 4, 75, 70};

    for (int s = 0; s < CRM_STATUS_COUNT; s++)
        T_EQ_I(crm_status_exit_code((crm_status)s), code[s]);
    T_EQ_I(crm_status_exit_code((crm_status)99), 70);
    T_CHECK(strcmp(crm_status_name(CRM_ERR_FORMAT), "FORMAT") == 0);
    T_CHECK(strcmp(crm_status_name((crm_status)-1), "?") == 0);
    T_OK(outer(2));
    T_FAILS(outer(5), CRM_ERR_CONFIG, "value 5, the limit is 2");
    T_CHECK(crm_err_text()[0] == '\0');
    T_FAILS(quoting(), CRM_ERR_IO, "after: value 7, the limit is 2");
}

/* What fn writes to stderr. */
static void capture(void (*fn)(void), char *text, size_t cap)
{
    FILE *f = tmpfile();
    int keep = dup(2);
    size_t n = 0;

    fflush(stderr);
    if (f && keep >= 0 && dup2(fileno(f), 2) >= 0) {
        fn();
        fflush(stderr);
        rewind(f);
        n = fread(text, 1, cap - 1, f);
    }
    text[n] = '\0';
    if (keep >= 0) dup2(keep, 2);
    if (keep >= 0) close(keep);
    if (f) fclose(f);
}

static void write_lines(void)
{
    crm_log_setup(CRM_LOG_INFO, 0);
    crm_log_line(CRM_LOG_INFO, "part", "shown %d", 1);
    crm_log_line(CRM_LOG_DEBUG, "part", "not shown");
    crm_log_setup(CRM_LOG_DEBUG, 2);
    crm_log_line(CRM_LOG_INFO, "part", "not shown");
    crm_log_line(CRM_LOG_WARN, "part", "shown 2");
    crm_log_setup(CRM_LOG_QUIET, 0);
    crm_log_line(CRM_LOG_ERROR, "part", "not shown");
    if (outer(9)) crm_err_print(3);
    crm_err_clear();
}

static void log_lines(void)
{
    char text[2048];
    crm_log_level level = crm_log_get_level();

    capture(write_lines, text, sizeof text);
    crm_log_setup(level, 0);
    T_CHECK(strncmp(text, "crmpi: part: shown 1\ncrmpi: [rank 2] part: shown 2\n", 51) == 0);
    T_CHECK(!strstr(text, "not shown"));
    T_CHECK(strstr(text, "[rank 3] value 9, the limit is 2\n") != NULL);
    T_CHECK(strstr(text, "from inner test_mem.c:") && strstr(text, "from outer test_mem.c:"));
    for (int i = 0; i < CRM_LOG_LEVEL_COUNT; i++)
        T_CHECK(crm_log_level_names[i] != NULL);
    T_CHECK(!crm_log_level_names[CRM_LOG_LEVEL_COUNT]);
}

/* Whatever group this runs in: no more than the machine has (sysconf is another source), and
 * enough for this program. */
static void limit_of_memory(void)
{
    int64_t all = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE);
    int64_t limit = crm_mem_limit();

    T_CHECK(limit > (int64_t)crm_mem_resident_peak());
    T_CHECK(limit <= all + (all >> 6));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"memory is zero and aligned", memory_is_zero_and_aligned},
                                   {"memory is counted", memory_is_counted},
                                   {"overflow is refused", overflow_is_refused},
                                   {"digests", digests},
                                   {"digests of numbers", digest_of_numbers},
                                   {"element types", types},
                                   {"statuses and trail", statuses},
                                   {"log lines", log_lines},
                                   {"limit of memory", limit_of_memory},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
