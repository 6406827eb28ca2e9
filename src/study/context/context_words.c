/* context_words.c - files of words: read by one rank, and words of a dictionary as they are looked
 * up in them. */
#include <stdlib.h>
#include <string.h>

#include "context_impl.h"
#include "crmpi/base_path.h"

enum { FILE_BYTES_MAX = 1 << 28 };

/* ---- files ---- */
static crm_status make_room(crm_comm *comm, context_file *f, int64_t len)
{
    if (crm_comm_rank(comm) == 0) return CRM_OK;
    f->len = (size_t)len;
    f->text = crm_mem_new(f->len + 1, 1);
    CRM_CHECK(f->text, CRM_ERR_NOMEM, "out of memory: %s", f->path);
    return CRM_OK;
}

crm_status context_file_read(crm_comm *comm, const char *path, context_file *out)
{
    int64_t len;
    crm_status st = CRM_OK;

    *out = (context_file){.path = path};
    if (!path) return CRM_OK;
    if (crm_comm_rank(comm) == 0) st = crm_path_read(path, FILE_BYTES_MAX, &out->text, &out->len);
    CRM_TRY(crm_comm_agree(comm, st));
    len = (int64_t)out->len;
    CRM_TRY(crm_comm_bcast(comm, 0, &len, sizeof len));
    CRM_TRY(crm_comm_agree(comm, make_room(comm, out, len)));
    CRM_TRY(crm_comm_bcast(comm, 0, out->text, (size_t)len));
    crm_digest_hex(crm_digest_of(out->text, out->len), out->digest);
    return CRM_OK;
}

void context_file_free(context_file *f)
{
    crm_mem_free(f->text);
    *f = (context_file){0};
}

bool context_file_line(const context_file *f, size_t *at, const char **line, size_t *len)
{
    const char *end;

    if (*at >= f->len) return false;
    *line = f->text + *at;
    end = memchr(*line, '\n', f->len - *at);
    *len = end ? (size_t)(end - *line) : f->len - *at;
    *at += *len + 1;
    if (*len > 0 && (*line)[*len - 1] == '\r') --*len;
    return true;
}

bool context_is_name(const char *name, size_t len)
{
    size_t n = 1;

    if (len == 0 || len > CONTEXT_NAME_MAX) return false;
    for (size_t i = 0; i < len && n > 0; i += n)
        n = crm_character(name + i, len - i);
    return n > 0;
}

/* ---- words ---- */
crm_status context_words_new(int64_t n, const char *const *word, context_words *out)
{
    const crm_text_cfg cfg = {
        .min_count = 1, .max_words = INT32_MAX, .fold = true, .stop_words = "none"};

    out->n = n;
    CRM_NEW(out->text, n);
    CRM_TRY(crm_forms_new(&cfg, n, word, &out->forms));
    for (int64_t i = 0; i < n; i++) {
        int32_t id = (int32_t)i, form;
        out->text[i] =
            crm_forms_walk(out->forms, &id, 1, &form) > 0 ? crm_forms_text(out->forms)[form] : "";
        if (out->text[i][0] == '#' && out->text[i][1]) out->text[i]++;
    }
    return CRM_OK;
}

void context_words_free(context_words *w)
{
    crm_forms_free(&w->forms);
    crm_mem_free(w->text);
    *w = (context_words){0};
}

static char **word_at(void *entry, size_t size, int64_t i)
{
    return (char **)((char *)entry + (size_t)i * size);
}

crm_status context_fold(int64_t n, void *entry, size_t size)
{
    const char **word = NULL;
    context_words w = {0};
    crm_status st = CRM_OK;

    CRM_NEW(word, n);
    for (int64_t i = 0; i < n; i++)
        word[i] = *word_at(entry, size, i);
    CRM_TRY_TO(st, done, context_words_new(n, word, &w));
    for (int64_t i = 0; i < n; i++) {
        char *folded = crm_mem_strdup(w.text[i]);
        CRM_CHECK_TO(st, done, folded, CRM_ERR_NOMEM, "out of memory: words of a file");
        crm_mem_free(*word_at(entry, size, i));
        *word_at(entry, size, i) = folded;
    }
done:
    context_words_free(&w);
    crm_mem_free(word);
    return st;
}

/* ---- lists ---- */
crm_status context_list_add(context_list *l, const char *word, size_t len, int32_t kind)
{
    context_entry *e;

    if (l->n == l->cap) {
        int64_t cap = 2 * l->cap + 1024;
        e = crm_mem_grow(l->entry, (size_t)l->n, (size_t)cap, sizeof *e);
        CRM_CHECK(e, CRM_ERR_NOMEM, "out of memory: %lld words", (long long)cap);
        l->entry = e;
        l->cap = cap;
    }
    e = &l->entry[l->n];
    *e = (context_entry){.word = crm_mem_new(len + 1, 1), .kind = kind};
    CRM_CHECK(e->word, CRM_ERR_NOMEM, "out of memory: a word of %zu bytes", len);
    memcpy(e->word, word, len);
    l->n++;
    return CRM_OK;
}

static int by_word(const void *a, const void *b)
{
    const context_entry *x = a, *y = b;
    int order = strcmp(x->word, y->word);

    return order ? order : (x->kind > y->kind) - (x->kind < y->kind);
}

crm_status context_list_sort(context_list *l)
{
    CRM_TRY(context_fold(l->n, l->entry, sizeof *l->entry));
    if (l->n) qsort(l->entry, (size_t)l->n, sizeof *l->entry, by_word);
    return CRM_OK;
}

const context_entry *context_list_find(const context_list *l, const char *word)
{
    int64_t lo = 0, n = l->n;

    while (n > 0) {
        int64_t half = n / 2;
        if (strcmp(l->entry[lo + half].word, word) < 0) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo < l->n && strcmp(l->entry[lo].word, word) == 0 ? &l->entry[lo] : NULL;
}

void context_list_free(context_list *l)
{
    for (int64_t i = 0; i < l->n; i++)
        crm_mem_free(l->entry[i].word);
    crm_mem_free(l->entry);
    *l = (context_list){0};
}
