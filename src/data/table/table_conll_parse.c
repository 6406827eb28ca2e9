/* table_conll_parse.c - lines of CoNLL columns to words and tags. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/stats_spans.h"
#include "table_conll.h"

/* ---- distinct texts ---- */

static uint64_t hash_of(const char *s, size_t n)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return h ^ h >> 29;
}

static int64_t *find_slot(const conll_names *x, const char *s, size_t n)
{
    uint64_t at = hash_of(s, n) & (uint64_t)(x->slots - 1);

    while (x->slot[at]) {
        const char *have = x->item[x->slot[at] - 1];
        if (strncmp(have, s, n) == 0 && have[n] == '\0') break;
        at = (at + 1) & (uint64_t)(x->slots - 1);
    }
    return &x->slot[at];
}

static crm_status grow_names(conll_names *x)
{
    int64_t slots = x->slots ? 2 * x->slots : 1024;
    void *item = crm_mem_grow(x->item, (size_t)x->n, (size_t)slots / 2, sizeof *x->item);

    CRM_CHECK(item, CRM_ERR_NOMEM, "out of memory: %lld words", (long long)x->n);
    x->item = item;
    crm_mem_free(x->slot);
    x->slots = 0;
    CRM_NEW(x->slot, slots);
    x->slots = slots;
    x->cap = slots / 2;
    for (int64_t i = 0; i < x->n; i++)
        *find_slot(x, x->item[i], strlen(x->item[i])) = i + 1;
    return CRM_OK;
}

static crm_status number_of(conll_names *x, const char *s, size_t n, int32_t *out)
{
    int64_t *slot;
    char *copy;

    if (x->n >= x->cap) CRM_TRY(grow_names(x));
    slot = find_slot(x, s, n);
    if (!*slot) {
        CRM_NEW(copy, n + 1);
        memcpy(copy, s, n);
        x->item[x->n] = copy;
        *slot = ++x->n;
    }
    *out = (int32_t)(*slot - 1);
    return CRM_OK;
}

static void drop_names(conll_names *x)
{
    for (int64_t i = 0; i < x->n; i++)
        crm_mem_free(x->item[i]);
    crm_mem_free(x->item);
    crm_mem_free(x->slot);
    *x = (conll_names){0};
}

/* ---- lines ---- */

typedef struct line_at {
    const char *path;
    int64_t line;
    const char *text; /* beginning of the line */
} line_at;
typedef struct field {
    const char *s;
    size_t n;
} field;

static long long column_of(const line_at *l, const char *s)
{
    return (long long)crm_column(l->text, s);
}

static crm_status check_text(const line_at *l, field f, const char *what)
{
    CRM_CHECK(f.n <= CRM_CONLL_WORD_MAX, CRM_ERR_FORMAT,
              "%s:%lld:%lld: a %s of %zu bytes; at most %d are allowed", l->path,
              (long long)l->line, column_of(l, f.s), what, f.n, CRM_CONLL_WORD_MAX);
    for (size_t i = 0, n; i < f.n; i += n) {
        n = crm_character(f.s + i, f.n - i);
        CRM_CHECK(n > 0, CRM_ERR_FORMAT,
                  "%s:%lld:%lld: the %s is not UTF-8 or holds a control character", l->path,
                  (long long)l->line, column_of(l, f.s + i), what);
    }
    return CRM_OK;
}

/* First and last field of a line; *fields 0: it is blank. */
static void split(const char *s, const char *end, field *first, field *last, int64_t *fields)
{
    *fields = 0;
    while (s < end) {
        const char *from;
        while (s < end && (*s == ' ' || *s == '\t'))
            s++;
        from = s;
        while (s < end && *s != ' ' && *s != '\t')
            s++;
        if (s == from) break;
        *last = (field){from, (size_t)(s - from)};
        if (++*fields == 1) *first = *last;
    }
}

/* ---- what is read ---- */

typedef struct reader {
    const crm_conll_cfg *cfg;
    conll *c;
    int64_t cap_tokens, cap_sentences;
    int32_t before; /* type of the token before in the sentence, -1: none */
    int64_t width;  /* 0: not known yet; 1: words only; 2: with tags       */
    int32_t part;
} reader;

static crm_status grow(void **p, int64_t old, int64_t n, size_t size)
{
    void *more = crm_mem_grow(*p, (size_t)old, (size_t)n, size);

    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %lld tokens", (long long)n);
    *p = more;
    return CRM_OK;
}

/* B where a span begins, whatever the file's scheme says of it. */
static crm_status read_tag(reader *r, const line_at *l, field f, int32_t *out)
{
    int32_t type;
    bool inside;

    CRM_TRY(check_text(l, f, "tag"));
    *out = CONLL_OUTSIDE;
    if (f.n == 1 && f.s[0] == 'O') {
        r->before = -1;
        return CRM_OK;
    }
    CRM_CHECK(f.n > 2 && (f.s[0] == 'B' || f.s[0] == 'I') && f.s[1] == '-', CRM_ERR_FORMAT,
              "%s:%lld:%lld: the last column is no tag; allowed: O, B-TYPE, I-TYPE", l->path,
              (long long)l->line, column_of(l, f.s));
    CRM_TRY(number_of(&r->c->types, f.s + 2, f.n - 2, &type));
    CRM_CHECK(r->c->types.n <= CRM_BIO_TYPES_MAX, CRM_ERR_FORMAT,
              "%s:%lld:%lld: more than %d types of entities", l->path, (long long)l->line,
              column_of(l, f.s), CRM_BIO_TYPES_MAX);
    inside = f.s[0] == 'I' && r->before == type;
    r->before = type;
    *out = 2 * type + inside;
    return CRM_OK;
}

static crm_status add_token(reader *r, const line_at *l, field word, field tag, int64_t fields)
{
    conll *c = r->c;

    if (c->n_tokens == r->cap_tokens) {
        int64_t cap = 2 * r->cap_tokens + 4096;
        CRM_TRY(grow((void **)&c->token, c->n_tokens, cap, sizeof *c->token));
        CRM_TRY(grow((void **)&c->tag, c->n_tokens, cap, sizeof *c->tag));
        r->cap_tokens = cap;
    }
    if (!r->width) r->width = fields > 1 ? 2 : 1;
    CRM_CHECK((fields > 1) == (r->width > 1), CRM_ERR_FORMAT,
              "%s:%lld:%lld: %s, the first token of the file has %s", l->path, (long long)l->line,
              column_of(l, word.s), fields > 1 ? "a tag" : "no tag behind the word",
              r->width > 1 ? "one" : "none");
    CRM_TRY(check_text(l, word, "word"));
    CRM_TRY(number_of(&c->words, word.s, word.n, &c->token[c->n_tokens]));
    c->tag[c->n_tokens] = CONLL_NO_TAG;
    if (fields > 1) CRM_TRY(read_tag(r, l, tag, &c->tag[c->n_tokens]));
    c->n_tokens++;
    return CRM_OK;
}

static crm_status room_for_sentence(reader *r)
{
    conll *c = r->c;
    int64_t n = c->n_sentences, cap = 2 * r->cap_sentences + 1024;

    if (n + 2 <= r->cap_sentences) return CRM_OK;
    CRM_TRY(grow((void **)&c->sentence_first, n ? n + 1 : 0, cap, sizeof *c->sentence_first));
    CRM_TRY(grow((void **)&c->row_first, c->n_rows ? c->n_rows + 1 : 0, cap, sizeof *c->row_first));
    CRM_TRY(grow((void **)&c->part, c->n_rows, cap, sizeof *c->part));
    CRM_TRY(grow((void **)&c->zero, n, cap, sizeof *c->zero));
    r->cap_sentences = cap;
    return CRM_OK;
}

static void end_row(reader *r)
{
    conll *c = r->c;
    int64_t from = c->n_rows ? c->row_first[c->n_rows] : 0;

    if (c->n_sentences == from) return;
    c->part[c->n_rows++] = r->part;
    c->row_first[c->n_rows] = c->n_sentences;
    c->test_rows += r->part;
}

static crm_status end_sentence(reader *r)
{
    conll *c = r->c;

    r->before = -1;
    CRM_TRY(room_for_sentence(r));
    if (c->n_tokens == c->sentence_first[c->n_sentences]) return CRM_OK;
    c->sentence_first[++c->n_sentences] = c->n_tokens;
    if (r->cfg->rows == CRM_CONLL_SENTENCES) end_row(r);
    return CRM_OK;
}

static crm_status read_line(reader *r, const line_at *l, const char *end)
{
    static const char start[] = "-DOCSTART-";
    field word, tag;
    int64_t fields;

    if (end > l->text && end[-1] == '\r') end--;
    split(l->text, end, &word, &tag, &fields);
    if (fields == 0) return end_sentence(r);
    if (word.n == strlen(start) && memcmp(word.s, start, word.n) == 0) {
        CRM_TRY(end_sentence(r));
        end_row(r);
        return CRM_OK;
    }
    return add_token(r, l, word, tag, fields);
}

static crm_status read_file(reader *r, const char *path, const char *text, size_t bytes)
{
    const char *p = text, *end = text + bytes;
    line_at l = {.path = path};
    int64_t had = r->c->n_tokens;

    if (bytes >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) p += 3;
    r->width = 0;
    CRM_TRY(end_sentence(r));
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        l.line++;
        l.text = p;
        CRM_TRY(read_line(r, &l, stop));
        p = stop + 1;
    }
    CRM_TRY(end_sentence(r));
    end_row(r);
    CRM_CHECK(r->c->n_tokens > had, CRM_ERR_FORMAT, "%s: the file has no token", path);
    return CRM_OK;
}

crm_status crm_conll_load(const crm_conll_cfg *cfg, const char *path, conll *c)
{
    const char *file[] = {path, cfg->test_path};

    for (int i = 0; i < CONLL_FILES; i++)
        if (file[i][0]) CRM_TRY(crm_path_read(file[i], (size_t)1 << 31, &c->text[i], &c->bytes[i]));
    return CRM_OK;
}

crm_status crm_conll_parse(const crm_conll_cfg *cfg, const char *path, conll *c)
{
    const char *file[] = {path, cfg->test_path};
    reader r = {.cfg = cfg, .c = c, .before = -1};

    for (int i = 0; i < CONLL_FILES; i++) {
        if (!c->text[i]) continue;
        r.part = i;
        CRM_TRY(read_file(&r, file[i], c->text[i], c->bytes[i]));
    }
    return CRM_OK;
}

void crm_conll_drop(conll *c)
{
    drop_names(&c->words);
    drop_names(&c->types);
    for (int i = 0; i < CONLL_FILES; i++)
        crm_mem_free(c->text[i]);
    crm_mem_free(c->token);
    crm_mem_free(c->tag);
    crm_mem_free(c->sentence_first);
    crm_mem_free(c->row_first);
    crm_mem_free(c->part);
    crm_mem_free(c->zero);
    *c = (conll){0};
}
