/* table_file.c - the CSV as mapped bytes: opening, positions in messages, the range of each rank.
 *
 * Ranges: the bytes after the header are cut into equal parts, wherever that falls.  A byte is
 * inside quotes when an odd number of quotes stands before it (RFC 4180 has no other use of the
 * quote), so counting the quotes of each part and summing over the parts before tells each rank in
 * which state its part begins; its first record then begins after the first newline outside quotes.
 * Where the file breaks the rule, all before the breach is still cut rightly, and the breach is the
 * first error: see crm_table_first_error. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crmpi/base_path.h"
#include "table_impl.h"

crm_status crm_table_first_error(crm_comm *comm, crm_status local)
{
    int64_t first = local ? crm_comm_rank(comm) : crm_comm_size(comm);

    CRM_TRY(crm_comm_min_i64(comm, &first, 1));
    if (local && first != crm_comm_rank(comm)) {
        crm_err_clear();
        local = CRM_OK;
    }
    return crm_comm_agree(comm, local);
}

static crm_status map_file(const char *path, table_file *f)
{
    crm_status st = CRM_OK;
    int64_t bytes;
    void *p;
    int fd;

    CRM_TRY(crm_path_file_size(path, &bytes));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO, "%s: is not a regular file", path);
    CRM_CHECK(bytes > 0, CRM_ERR_FORMAT,
              "%s:1:1: the file is empty; a header line and rows are needed", path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    p = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) CRM_SET(st, CRM_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
    close(fd);
    if (st) return st;
    f->data = p;
    f->size = (size_t)bytes;
    f->begin = bytes >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return CRM_OK;
}

crm_status crm_table_file_open(crm_comm *comm, const char *path, table_file *f)
{
    int64_t extent[2];

    *f = (table_file){.path = path};
    CRM_TRY(crm_table_first_error(comm, map_file(path, f)));
    extent[0] = (int64_t)f->size;
    extent[1] = -extent[0];
    CRM_TRY(crm_comm_max_i64(comm, extent, 2));
    CRM_CHECK(extent[0] == -extent[1], CRM_ERR_IO,
              "%s: has %lld bytes on one node and %lld on another; wait until it is written and "
              "seen by all",
              path, (long long)-extent[1], (long long)extent[0]);
    return CRM_OK;
}

void crm_table_file_close(table_file *f)
{
    if (f->data) munmap((void *)(uintptr_t)f->data, f->size);
    *f = (table_file){0};
}

/* ---- messages ---- */
int64_t crm_table_lines(const char *p, size_t n)
{
    const char *end = p + n;
    int64_t lines = 0;

    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        lines++;
        p++;
    }
    return lines;
}

/* 1-based column in characters: bytes that continue a character do not count. */
static int64_t column_of(const table_file *f, size_t at)
{
    int64_t column = 1;

    for (size_t i = at; i > f->begin && f->data[i - 1] != '\n'; i--)
        column += ((unsigned char)f->data[i - 1] & 0xC0) != 0x80;
    return column;
}

crm_status crm_table_fail_at(const table_file *f, size_t at, const char *fmt, ...)
{
    size_t from = at >= f->mark ? f->mark : 0;
    int64_t line = 1 + (from ? f->mark_line : 0) + crm_table_lines(f->data + from, at - from);
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20) *c = ' '; /* a column's name may hold newlines */
    CRM_FAIL(CRM_ERR_FORMAT, "%s:%lld:%lld: %s", f->path, (long long)line,
             (long long)column_of(f, at), text);
}

const char *crm_table_show(const char *text, size_t len, char out[CRM_TABLE_SHOW_MAX])
{
    enum { TAIL = 8 }; /* room for one \xNN or one character, the dots and the final 0 */
    size_t used = 0, i = 0;

    while (i < len && used + TAIL < CRM_TABLE_SHOW_MAX) {
        unsigned char c = (unsigned char)text[i];
        size_t width = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

        if (c < 0x20 || c == 0x7F || i + width > len || crm_table_utf8(text + i, width) < width) {
            used += (size_t)snprintf(out + used, 5, "\\x%02X", c);
            i++;
        } else {
            memcpy(out + used, text + i, width);
            used += width;
            i += width;
        }
    }
    snprintf(out + used, CRM_TABLE_SHOW_MAX - used, "%s", i < len ? "..." : "");
    return out;
}

/* ---- UTF-8 (Unicode 15, table 3-7: no overlong forms, surrogates or values above U+10FFFF) ----
 */
static size_t utf8_width(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last, low, high, width; /* first byte; bounds of the second */
    } FORM[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t k = 0; k < sizeof FORM / sizeof *FORM; k++) {
        size_t width = FORM[k].width;
        if (p[0] < FORM[k].first || p[0] > FORM[k].last) continue;
        if (width > left || p[1] < FORM[k].low || p[1] > FORM[k].high) return 0;
        for (size_t i = 2; i < width; i++)
            if ((p[i] & 0xC0) != 0x80) return 0;
        return width;
    }
    return 0;
}

size_t crm_table_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;

    while (i < len) {
        size_t width;
        uint64_t w = 0;
        if (len - i >= sizeof w) memcpy(&w, p + i, sizeof w);
        if (w && !((w | (w - 0x0101010101010101u)) & 0x8080808080808080u)) {
            i += sizeof w; /* eight bytes of ASCII, none of them 0 */
            continue;
        }
        width = p[i] == 0 ? 0 : p[i] < 0x80 ? 1 : utf8_width(p + i, len - i);
        if (width == 0) break;
        i += width;
    }
    return i;
}

/* ---- the range of a rank ---- */
static void count_marks(const char *p, size_t n, int64_t *quotes, int64_t *lines)
{
    int64_t q = 0, l = 0;

    for (size_t i = 0; i < n; i++) {
        q += p[i] == '"';
        l += p[i] == '\n';
    }
    *quotes = q;
    *lines = l;
}

/* First byte of a record in [at, end), end when there is none. */
static size_t first_record(const table_file *f, size_t at, size_t end, bool quoted)
{
    if (at < end && !quoted && f->data[at - 1] == '\n') return at;
    for (size_t i = at; i < end; i++) {
        if (f->data[i] == '"') quoted = !quoted;
        if (f->data[i] == '\n' && !quoted) return i + 1;
    }
    return end;
}

crm_status crm_table_file_range(crm_comm *comm, table_file *f, size_t from, size_t *begin,
                                size_t *end)
{
    uint64_t rank = (uint64_t)crm_comm_rank(comm), size = (uint64_t)crm_comm_size(comm);
    size_t bytes = f->size - from;
    size_t share = bytes / size, rest = bytes % size;
    size_t a = from + share * rank + (rank < rest ? rank : rest);
    size_t b = a + share + (rank < rest);
    int64_t quotes, lines, quotes_before;

    count_marks(f->data + a, b - a, &quotes, &lines);
    CRM_TRY(crm_comm_exscan_i64(comm, quotes, &quotes_before));
    CRM_TRY(crm_comm_exscan_i64(comm, lines, &f->mark_line));
    f->mark_line += crm_table_lines(f->data, from);
    f->mark = a;
    *begin = a == from ? a : first_record(f, a, b, quotes_before % 2 != 0);
    *end = b;
    return CRM_OK;
}
