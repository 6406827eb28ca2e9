/* embed_corpus.c - a corpus of documents of dictionary words, and of text files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crmpi/base_path.h"
#include "embed_impl.h"

/* What a corpus that was made here points to; x is its first field. */
typedef struct owned {
    crm_corpus x;
    int64_t *first, *count;
    int32_t *token;
    char **word;
} owned;

void crm_corpus_free(crm_corpus **c)
{
    owned *o = (owned *)*c;

    if (!o) return;
    for (int64_t i = 0; o->word && i < o->x.n_words; i++)
        crm_mem_free(o->word[i]);
    crm_mem_free(o->word);
    crm_mem_free(o->first);
    crm_mem_free(o->token);
    crm_mem_free(o->count);
    crm_mem_free(o);
    *c = NULL;
}

bool crm_corpus_has_pairs(const crm_corpus *c)
{
    for (int64_t d = 0; c->n_words > 1 && d < c->n_documents; d++) {
        int known = 0;
        for (int64_t i = c->first[d]; i < c->first[d + 1]; i++)
            if (c->token[i] >= 0 && ++known > 1) return true;
    }
    return false;
}

/* ---- forms and their ids ---- */
static int64_t document_of(const crm_corpus_source *s, int64_t i)
{
    return s->document ? s->document[i] : i;
}

static crm_status walk(const crm_corpus_source *s, const crm_forms *f, owned *o)
{
    int64_t most = 0;

    for (int64_t i = 0; i < s->n_documents; i++)
        most += s->first[document_of(s, i) + 1] - s->first[document_of(s, i)];
    CRM_NEW(o->first, s->n_documents + 1);
    CRM_NEW(o->token, most);
    for (int64_t i = 0; i < s->n_documents; i++) {
        int64_t d = document_of(s, i), n = s->first[d + 1] - s->first[d];
        o->first[i + 1] =
            o->first[i] + crm_forms_walk(f, s->token + s->first[d], n, o->token + o->first[i]);
    }
    return CRM_OK;
}

static crm_status copy_words(const crm_vocab *v, owned *o)
{
    CRM_NEW(o->word, crm_vocab_size(v));
    CRM_NEW(o->count, crm_vocab_size(v));
    for (; o->x.n_words < crm_vocab_size(v); o->x.n_words++) {
        o->word[o->x.n_words] = crm_mem_strdup(crm_vocab_words(v)[o->x.n_words]);
        CRM_CHECK(o->word[o->x.n_words], CRM_ERR_NOMEM, "out of memory: words");
    }
    return CRM_OK;
}

/* Forms become ids of the vocabulary, those outside of it -1. */
static crm_status number(const crm_text_cfg *cfg, const crm_forms *f, int64_t n_documents, owned *o)
{
    int64_t n = crm_forms_count(f), *count = NULL;
    int32_t *id = NULL;
    crm_vocab *v = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, count, n);
    CRM_NEW_TO(st, done, id, n);
    for (int64_t i = 0; i < o->first[n_documents]; i++)
        count[o->token[i]]++;
    CRM_TRY_TO(st, done, crm_vocab_new(cfg, n, crm_forms_text(f), count, &v));
    CRM_TRY_TO(st, done, copy_words(v, o));
    crm_vocab_map(v, n, crm_forms_text(f), id);
    for (int64_t i = 0; i < n; i++)
        if (id[i] != CRM_VOCAB_ABSENT) o->count[id[i] - 1] = count[i];
    for (int64_t i = 0; i < o->first[n_documents]; i++)
        o->token[i] = id[o->token[i]] - 1;
done:
    crm_vocab_free(&v);
    crm_mem_free(count);
    crm_mem_free(id);
    return st;
}

crm_status crm_corpus_new(const crm_text_cfg *cfg, const crm_corpus_source *s, crm_corpus **out)
{
    crm_forms *f = NULL;
    owned *o;
    crm_status st;

    *out = NULL;
    CRM_TRY(crm_text_cfg_check(cfg));
    CRM_NEW(o, 1);
    *out = &o->x;
    CRM_TRY_TO(st, done, crm_forms_new(cfg, s->n_words, s->word, &f));
    CRM_TRY_TO(st, done, walk(s, f, o));
    CRM_TRY_TO(st, done, number(cfg, f, s->n_documents, o));
    o->x = (crm_corpus){
        s->n_documents, o->x.n_words, o->first, o->token, (const char *const *)o->word, o->count};
done:
    crm_forms_free(&f);
    if (st) crm_corpus_free(out);
    return st;
}

/* ---- text files ---- */

/* Words by their texts, numbered as they come. */
typedef struct dictionary {
    char **word;    /* [n] */
    uint64_t *hash; /* [n] */
    int64_t n, room;
    int32_t *slot; /* id + 1; 0: free */
    uint64_t n_slots;
    int64_t *first; /* of lines; the last is open */
    int64_t n_lines, lines_room;
    int32_t *token;
    int64_t n_tokens, tokens_room;
} dictionary;

static void free_dictionary(dictionary *d)
{
    for (int64_t i = 0; i < d->n; i++)
        crm_mem_free(d->word[i]);
    crm_mem_free(d->word);
    crm_mem_free(d->hash);
    crm_mem_free(d->slot);
    crm_mem_free(d->first);
    crm_mem_free(d->token);
}

static uint64_t hash(const char *text, size_t len)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ len;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
    return h ^ h >> 29;
}

static crm_status grow_slots(dictionary *d)
{
    uint64_t n = d->n_slots ? 2 * d->n_slots : 1 << 12;
    int32_t *slot;

    CRM_NEW(slot, n);
    for (int64_t i = 0; i < d->n; i++) {
        uint64_t at = d->hash[i] & (n - 1);
        while (slot[at])
            at = (at + 1) & (n - 1);
        slot[at] = (int32_t)i + 1;
    }
    crm_mem_free(d->slot);
    d->slot = slot;
    d->n_slots = n;
    return CRM_OK;
}

/* One more item of an array that doubles. */
static crm_status extend(void *array, int64_t n, int64_t *room, size_t size)
{
    int64_t next = *room ? 2 * *room : 1024;
    void *old, *more;

    if (n < *room) return CRM_OK;
    memcpy(&old, array, sizeof old);
    more = crm_mem_grow(old, (size_t)n, (size_t)next, size);
    CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: %lld items of a text", (long long)next);
    memcpy(array, &more, sizeof more);
    *room = next;
    return CRM_OK;
}

static crm_status add_word(dictionary *d, const char *text, size_t len, uint64_t h)
{
    int64_t room = d->room;

    CRM_CHECK(d->n < INT32_MAX - 1, CRM_ERR_CONFIG, "the text has more than %d different words",
              INT32_MAX - 1);
    CRM_TRY(extend(&d->word, d->n, &room, sizeof *d->word));
    CRM_TRY(extend(&d->hash, d->n, &d->room, sizeof *d->hash));
    d->word[d->n] = crm_mem_new(len + 1, 1);
    CRM_CHECK(d->word[d->n], CRM_ERR_NOMEM, "out of memory: words");
    memcpy(d->word[d->n], text, len);
    d->hash[d->n++] = h;
    return CRM_OK;
}

static crm_status take(void *ctx, const char *text, size_t len)
{
    dictionary *d = ctx;
    uint64_t h = hash(text, len), at;

    if (2 * (uint64_t)d->n >= d->n_slots) CRM_TRY(grow_slots(d));
    for (at = h & (d->n_slots - 1); d->slot[at]; at = (at + 1) & (d->n_slots - 1)) {
        const char *word = d->word[d->slot[at] - 1];
        if (d->hash[d->slot[at] - 1] == h && strncmp(word, text, len) == 0 && !word[len]) break;
    }
    if (!d->slot[at]) {
        CRM_TRY(add_word(d, text, len, h));
        d->slot[at] = (int32_t)d->n;
    }
    CRM_TRY(extend(&d->token, d->n_tokens, &d->tokens_room, sizeof *d->token));
    d->token[d->n_tokens++] = d->slot[at] - 1;
    return CRM_OK;
}

static crm_status end_line(dictionary *d)
{
    CRM_TRY(extend(&d->first, d->n_lines + 1, &d->lines_room, sizeof *d->first));
    d->first[++d->n_lines] = d->n_tokens;
    return CRM_OK;
}

static crm_status read_lines(const char *text, size_t bytes, dictionary *d, int64_t *faults)
{
    const char *end = text + bytes;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        CRM_TRY(crm_text_split(text, (size_t)(stop - text), take, d, faults));
        CRM_TRY(end_line(d));
        text = stop < end ? stop + 1 : end;
    }
    return CRM_OK;
}

static crm_status read_file(const char *path, dictionary *d, int64_t *faults)
{
    int64_t size;
    void *data;
    int fd;
    crm_status st = CRM_OK;

    CRM_TRY(crm_path_file_size(path, &size));
    CRM_CHECK(crm_path_is_file(path), CRM_ERR_IO, "%s: is not a regular file", path);
    if (size == 0) return CRM_OK;
    fd = crm_path_open(path, O_RDONLY);
    CRM_CHECK(fd >= 0, CRM_ERR_IO, "%s: %s", path, strerror(errno));
    data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        CRM_SET(st, CRM_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
    close(fd);
    if (st) return st;
    st = read_lines(data, (size_t)size, d, faults);
    munmap(data, (size_t)size);
    return st;
}

crm_status crm_corpus_read(const crm_text_cfg *cfg, int n, const char *const *path,
                           crm_corpus **out, int64_t *faults)
{
    dictionary d = {0};
    crm_status st;

    *out = NULL;
    *faults = 0;
    CRM_TRY(crm_text_cfg_check(cfg));
    st = extend(&d.first, 0, &d.lines_room, sizeof *d.first);
    for (int i = 0; !st && i < n; i++)
        st = read_file(path[i], &d, faults);
    if (!st) {
        crm_corpus_source s = {d.n, d.n_lines, (const char *const *)d.word, d.first, d.token, NULL};
        st = crm_corpus_new(cfg, &s, out);
    }
    free_dictionary(&d);
    return st;
}
