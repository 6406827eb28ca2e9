/* embed_read.c - word vectors from files: GloVe text, word2vec text and binary. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "embed_impl.h"
#include "embed_number.h"

enum { MOST_DIM = 1 << 20, MOST_WORD = 1 << 16 };

typedef struct reader {
    const char *path, *data, *at, *end;
    int64_t line;
    crm_vectors *v;
    int64_t room; /* rows that there is memory for */
} reader;

typedef struct field {
    const char *text;
    size_t len;
} field;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Next field of a line that ends at end; false: none. */
static bool next_field(const char **at, const char *end, field *f)
{
    const char *p = *at;

    while (p < end && is_blank(*p))
        p++;
    f->text = p;
    while (p < end && !is_blank(*p))
        p++;
    f->len = (size_t)(p - f->text);
    *at = p;
    return f->len > 0;
}

static const char *line_end(const reader *r, const char *at)
{
    const char *p = memchr(at, '\n', (size_t)(r->end - at));

    return p ? p : r->end;
}

/* Bytes of the present line before that place, and 1. */
static long long column(const reader *r, const char *place)
{
    return (long long)(place - r->at) + 1;
}

static crm_status make_room(reader *r)
{
    crm_vectors *v = r->v;
    int64_t next = r->room ? 2 * r->room : 1024;
    char **word;
    float *value;

    if (v->n < r->room) return CRM_OK;
    word = crm_mem_grow(v->word, (size_t)r->room, (size_t)next, sizeof *word);
    if (word) v->word = word;
    value = crm_mem_grow(v->value, (size_t)r->room, (size_t)next, (size_t)v->dim * sizeof *value);
    if (value) v->value = value;
    CRM_CHECK(word && value, CRM_ERR_NOMEM, "out of memory: %lld word vectors of %s",
              (long long)next, r->path);
    r->room = next;
    return CRM_OK;
}

static crm_status add_word(reader *r, const char *text, size_t len)
{
    char *word = crm_mem_new(len + 1, 1);

    CRM_CHECK(word, CRM_ERR_NOMEM, "out of memory: a word of %s", r->path);
    memcpy(word, text, len);
    r->v->word[r->v->n] = word;
    return CRM_OK;
}

/* ---- text ---- */

/* Start of the last n fields of a line; NULL: it has fewer. */
static const char *last_fields(const char *begin, const char *end, int64_t n)
{
    const char *p = end;

    for (int64_t i = 0; i < n; i++) {
        while (p > begin && is_blank(p[-1]))
            p--;
        if (p == begin) return NULL;
        while (p > begin && !is_blank(p[-1]))
            p--;
    }
    return p;
}

static crm_status read_numbers(reader *r, const char *at, const char *end)
{
    float *value = r->v->value + r->v->n * r->v->dim;
    field f;

    for (int64_t j = 0; j < r->v->dim && next_field(&at, end, &f); j++)
        CRM_CHECK(embed_parse_f32(f.text, f.len, &value[j]), CRM_ERR_FORMAT,
                  "%s:%lld:%lld: number %lld of the vector is '%.*s'; a finite number is needed",
                  r->path, (long long)r->line, column(r, f.text), (long long)j + 1,
                  (int)(f.len < 40 ? f.len : 40), f.text);
    return CRM_OK;
}

static int64_t count_fields(const reader *r)
{
    const char *at = r->at, *end = line_end(r, at);
    int64_t n = 0;
    field f;

    while (next_field(&at, end, &f))
        n++;
    return n;
}

static crm_status check_word(const reader *r, const char *stop)
{
    const char *zero = memchr(r->at, 0, (size_t)(stop - r->at));

    CRM_CHECK(!zero, CRM_ERR_FORMAT, "%s:%lld:%lld: a zero byte in the word", r->path,
              (long long)r->line, column(r, zero));
    CRM_CHECK(stop - r->at <= MOST_WORD, CRM_ERR_FORMAT,
              "%s:%lld:1: the word has %lld bytes; at most %d are read", r->path,
              (long long)r->line, (long long)(stop - r->at), (int)MOST_WORD);
    return CRM_OK;
}

/* A word may have spaces (some of GloVe do): what stands before the numbers is the word. */
static crm_status read_line(reader *r, const char *end)
{
    const char *numbers = last_fields(r->at, end, r->v->dim), *stop = numbers;

    while (stop && stop > r->at && is_blank(stop[-1]))
        stop--;
    CRM_CHECK(
        stop && stop > r->at, CRM_ERR_FORMAT,
        "%s:%lld:%lld: a word and %lld numbers are needed, as on line 1; there are %lld fields",
        r->path, (long long)r->line, column(r, end), (long long)r->v->dim,
        (long long)count_fields(r));
    CRM_TRY(check_word(r, stop));
    CRM_TRY(make_room(r));
    CRM_TRY(read_numbers(r, numbers, end));
    CRM_TRY(add_word(r, r->at, (size_t)(stop - r->at)));
    r->v->n++;
    return CRM_OK;
}

static crm_status read_text(reader *r)
{
    for (; r->at < r->end; r->line++) {
        const char *end = line_end(r, r->at), *at = r->at;
        field f;
        if (next_field(&at, end, &f)) CRM_TRY(read_line(r, end));
        r->at = end < r->end ? end + 1 : end;
    }
    return CRM_OK;
}

/* ---- binary ---- */
static crm_status read_record(reader *r)
{
    size_t bytes = (size_t)r->v->dim * sizeof(float);
    const char *word, *space;
    long long offset;

    while (r->at < r->end && *r->at == '\n') /* some programs end a record so */
        r->at++;
    word = r->at;
    offset = (long long)(word - r->data);
    space = r->at < r->end ? memchr(word, ' ', (size_t)(r->end - word)) : NULL;
    CRM_CHECK(
        space && space > word && space - word <= MOST_WORD &&
            !memchr(word, 0, (size_t)(space - word)),
        CRM_ERR_FORMAT,
        "%s: offset %lld: word %lld of the binary file is no text of 1 to %d bytes before a space",
        r->path, offset, (long long)r->v->n + 1, (int)MOST_WORD);
    CRM_CHECK((size_t)(r->end - space - 1) >= bytes, CRM_ERR_FORMAT,
              "%s: offset %lld: the file ends in the vector of word %lld, after %lld of %zu bytes",
              r->path, offset, (long long)r->v->n + 1, (long long)(r->end - space - 1), bytes);
    CRM_TRY(make_room(r));
    memcpy(r->v->value + r->v->n * r->v->dim, space + 1, bytes);
    for (int64_t j = 0; j < r->v->dim; j++)
        CRM_CHECK(isfinite(r->v->value[r->v->n * r->v->dim + j]), CRM_ERR_FORMAT,
                  "%s: offset %lld: number %lld of the vector is %g; a finite number is needed",
                  r->path, offset, (long long)j + 1, (double)r->v->value[r->v->n * r->v->dim + j]);
    CRM_TRY(add_word(r, word, (size_t)(space - word)));
    r->v->n++;
    r->at = space + 1 + bytes;
    return CRM_OK;
}

static crm_status read_binary(reader *r, int64_t n)
{
    int64_t least = 2 + 4 * r->v->dim;

    CRM_CHECK(n <= (r->end - r->at) / least, CRM_ERR_FORMAT,
              "%s:1:1: %lld words of %lld numbers are said to follow, the file has %lld bytes",
              r->path, (long long)n, (long long)r->v->dim, (long long)(r->end - r->data));
    while (r->v->n < n)
        CRM_TRY(read_record(r));
    return CRM_OK;
}

/* ---- which of them ---- */

/* Line 1 of word2vec: two whole numbers and nothing else. */
static bool read_head(const reader *r, int64_t *n, int64_t *dim)
{
    const char *at = r->at, *end = line_end(r, at);
    field a, b, c;

    return next_field(&at, end, &a) && next_field(&at, end, &b) && !next_field(&at, end, &c) &&
           crm_parse_i64(a.text, a.len, n) && crm_parse_i64(b.text, b.len, dim) && end < r->end;
}

/* A line of text has dim numbers at its end. */
static bool is_text(const reader *r, int64_t dim)
{
    const char *end = line_end(r, r->at), *at = last_fields(r->at, end, dim);
    field f;
    float v;

    if (!at || at == r->at) return false;
    while (next_field(&at, end, &f))
        if (!embed_parse_f32(f.text, f.len, &v)) return false;
    return true;
}

static crm_status check_head(const reader *r, int64_t n, int64_t dim)
{
    CRM_CHECK(n >= 0, CRM_ERR_FORMAT, "%s:1:1: %lld words are said to follow; at least 0 can",
              r->path, (long long)n);
    CRM_CHECK(dim >= 1 && dim <= MOST_DIM, CRM_ERR_FORMAT,
              "%s:1:1: vectors of %lld numbers; 1 to %d can be read", r->path, (long long)dim,
              (int)MOST_DIM);
    return CRM_OK;
}

static void skip_empty_lines(reader *r)
{
    for (; r->at < r->end && count_fields(r) == 0; r->line++) {
        const char *end = line_end(r, r->at);
        r->at = end < r->end ? end + 1 : end;
    }
}

static crm_status read_all(reader *r)
{
    int64_t n, dim;

    if (!read_head(r, &n, &dim)) {
        skip_empty_lines(r);
        if (r->at == r->end) return CRM_OK; /* told by who asks for vectors */
        r->v->dim = count_fields(r) - 1;
        CRM_TRY(check_head(r, 0, r->v->dim));
        return read_text(r);
    }
    CRM_TRY(check_head(r, n, dim));
    r->v->dim = dim;
    r->at = line_end(r, r->at) + 1;
    r->line = 2;
    if (n > 0 && !is_text(r, dim)) return read_binary(r, n);
    CRM_TRY(read_text(r));
    CRM_CHECK(r->v->n == n, CRM_ERR_FORMAT, "%s:1:1: %lld words are said to follow, there are %lld",
              r->path, (long long)n, (long long)r->v->n);
    return CRM_OK;
}

/* Rows whose word has come before go. */
static crm_status drop_twins(crm_vectors *v)
{
    crm_vectors_index *x;
    int64_t n = 0;

    CRM_TRY(crm_vectors_index_new(v, &x));
    for (int64_t i = 0; i < v->n; i++) /* rows below i are in their new places, found by old ones */
        if (crm_vectors_find(x, v->word[i]) != i) {
            crm_mem_free(v->word[i]);
            v->word[i] = NULL;
        }
    crm_vectors_index_free(&x);
    for (int64_t i = 0; i < v->n; i++) {
        if (!v->word[i]) continue;
        v->word[n] = v->word[i];
        if (n < i)
            memcpy(v->value + n * v->dim, v->value + i * v->dim, (size_t)v->dim * sizeof *v->value);
        n++;
    }
    v->n = n;
    return CRM_OK;
}

static crm_status map(const char *path, void **data, size_t *bytes)
{
    int64_t size;
    int fd;
    crm_status st = CRM_OK;

    CRM_TRY(crm_path_file_size(path, &size));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO, "%s: is not a regular file", path);
    CRM_CHECK(size > 0, CRM_ERR_FORMAT, "%s:1:1: the file is empty; word vectors are needed", path);
    fd = crm_path_open(path, O_RDONLY);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (*data == MAP_FAILED)
        CRM_SET(st, CRM_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
    close(fd);
    *bytes = (size_t)size;
    return st;
}

crm_status crm_vectors_read(const char *path, crm_vectors *out)
{
    reader r = {.path = path, .line = 1, .v = out};
    void *data = NULL;
    size_t bytes = 0;
    crm_status st;

    *out = (crm_vectors){0};
    CRM_TRY(map(path, &data, &bytes));
    r.data = r.at = data;
    r.end = r.data + bytes;
    st = read_all(&r);
    munmap(data, bytes);
    if (!st && out->n == 0)
        CRM_SET(st, CRM_ERR_FORMAT, "%s:%lld:1: the file ends without a word vector", path,
                (long long)r.line);
    if (!st) st = drop_twins(out);
    if (st) crm_vectors_free(out);
    return st;
}
