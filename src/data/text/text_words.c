/* text_words.c - what the options make of a word: kinds that are marked or dropped, full case
 * folding, contractions, stop words, stems, accents, in this order.
 *
 * Folding: Unicode 15, 3.13, D146 with the mappings C and F, then NFC (utf8proc).  Stems: Porter's
 * Snowball (libstemmer).  Words are compared with lists by their folded form, whatever the options
 * say of case. */
#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "text_impl.h"

enum { STOP_FILE_MAX = 1 << 24 };

struct text_words {
    crm_text_cfg cfg;
    struct sb_stemmer *stemmer; /* NULL: none */
    crm_vocab *stop, *negators; /* NULL: none */
    char folded[TEXT_FORM_MAX]; /* of the word at hand */
    char was[TEXT_FORM_MAX];    /* before the step at hand */
    bool before_nt;             /* and "n't" comes next: of the explainer */
};

/* ---- single steps on text in place; what is too long or no UTF-8 stays as it is ---- */
static void map(char *word, utf8proc_option_t options)
{
    utf8proc_uint8_t *to = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)word, 0, &to,
                                      UTF8PROC_NULLTERM | UTF8PROC_STABLE | options);

    if (n > 0 && n < TEXT_FORM_MAX) memcpy(word, to, (size_t)n + 1);
    free(to);
}

static bool is_ascii(const char *word)
{
    unsigned char all = 0;

    for (; *word; word++)
        all |= (unsigned char)*word;
    return all < 128;
}

static void fold(char *word)
{
    if (!is_ascii(word)) {
        map(word, UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
        return;
    }
    for (; *word; word++)
        if (*word >= 'A' && *word <= 'Z') *word = (char)(*word | 32);
}

size_t crm_text_letters(const char *token, size_t len, char *out)
{
    char word[TEXT_FORM_MAX];
    size_t n = 0, used;

    if (len > TEXT_WORD_MAX) len = TEXT_WORD_MAX;
    memcpy(word, token, len);
    word[len] = '\0';
    fold(word);
    for (const unsigned char *s = (const unsigned char *)word; *s; s += used) {
        text_class k = text_class_of(text_next(s, &used));
        if (k != TEXT_LETTER && k != TEXT_DIGIT && k != TEXT_MARK && k != TEXT_ALONE) continue;
        memcpy(out + n, s, used);
        n += used;
    }
    out[n] = '\0';
    return n;
}

static void strip(char *word)
{
    if (!is_ascii(word)) map(word, UTF8PROC_COMPOSE | UTF8PROC_STRIPMARK);
}

/* "as a picture" and "as a sign" say nothing about which emoji it is. */
static void strip_variation(char *word)
{
    char *to = word;

    for (const char *s = word; *s; s++)
        if ((unsigned char)s[0] == 0xEF && (unsigned char)s[1] == 0xB8 &&
            ((unsigned char)s[2] & 0xFE) == 0x8E)
            s += 2;
        else
            *to++ = *s;
    *to = '\0';
}

static void stem(text_words *w, char *word)
{
    const sb_symbol *s;
    int n;

    if (word[0] == '\'') return; /* a clitic */
    s = sb_stemmer_stem(w->stemmer, (const sb_symbol *)word, (int)strlen(word));
    n = s ? sb_stemmer_length(w->stemmer) : 0;
    if (n <= 0 || n >= TEXT_FORM_MAX) return;
    memcpy(word, s, (size_t)n);
    word[n] = '\0';
}

static const char *contracted(const text_contraction *list, const char *word)
{
    for (; list->from; list++)
        if (strcmp(list->from, word) == 0) return list->to;
    return NULL;
}

/* ---- options made ready ---- */

static void as_compared(const text_words *w, char *word)
{
    fold(word);
    if (w->cfg.strip_accents) strip(word);
}

/* Adds a word of a list, as it is compared, unless it is there or negates. */
typedef struct word_list {
    const char **word;
    char *text;
    size_t n, used, cap, cap_text;
} word_list;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static crm_status add_word(const text_words *w, word_list *l, const char *word, size_t len)
{
    char one[TEXT_FORM_MAX];

    if (len == 0 || len > TEXT_WORD_MAX) return CRM_OK;
    memcpy(one, word, len);
    one[len] = '\0';
    as_compared(w, one);
    if (w->negators && crm_vocab_find(w->negators, one)) return CRM_OK;
    len = strlen(one) + 1;
    CRM_ASSERT(l->n < l->cap && l->used + len <= l->cap_text);
    l->word[l->n++] = memcpy(l->text + l->used, one, len);
    l->used += len;
    return CRM_OK;
}

static crm_status list_room(word_list *l, size_t words, size_t bytes)
{
    l->cap = words + 1;
    l->cap_text = 3 * bytes + 2 * l->cap; /* folding takes three times the place at most */
    CRM_NEW(l->word, l->cap);
    CRM_NEW(l->text, l->cap_text);
    return CRM_OK;
}

/* Sorted, each once. */
static crm_status list_end(word_list *l, crm_vocab **out)
{
    size_t n = 0;

    qsort(l->word, l->n, sizeof *l->word, by_text);
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || strcmp(l->word[i], l->word[n - 1]) != 0) l->word[n++] = l->word[i];
    return crm_vocab_from_list((int64_t)n, l->word, out);
}

static void list_free(word_list *l)
{
    crm_mem_free(l->word);
    crm_mem_free(l->text);
}

/* Lists end with NULL; those of all languages when first < end - 1. */
static crm_status from_lists(const text_words *w, const char *const *const *list, int n,
                             crm_vocab **out)
{
    word_list l = {0};
    size_t words = 0, bytes = 0;
    crm_status st;

    for (int i = 0; i < n; i++)
        for (const char *const *p = list[i]; p && *p; p++, words++)
            bytes += strlen(*p);
    st = list_room(&l, words, bytes);
    for (int i = 0; i < n && !st; i++)
        for (const char *const *p = list[i]; p && *p && !st; p++)
            st = add_word(w, &l, *p, strlen(*p));
    if (!st) st = list_end(&l, out);
    list_free(&l);
    return st;
}

/* Words that negate in the language; without one, those of all languages. */
static crm_status make_negators(text_words *w)
{
    const char *const *list[CRM_TEXT_LANGUAGE_COUNT];
    bool any = w->cfg.language == CRM_TEXT_ANY_LANGUAGE;
    int n = 0;

    for (int i = 0; i < CRM_TEXT_LANGUAGE_COUNT; i++)
        if (any || i == w->cfg.language) list[n++] = text_languages[i].negator;
    return from_lists(w, list, n, &w->negators);
}

static crm_status stop_from_text(text_words *w, const char *text, size_t len)
{
    word_list l = {0};
    size_t lines = 1;
    crm_status st;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    st = list_room(&l, lines, len);
    for (size_t i = 0, n; i < len && !st; i += n + 1) {
        const char *end = memchr(text + i, '\n', len - i);
        n = end ? (size_t)(end - text) - i : len - i;
        size_t m = n;
        while (m > 0 && strchr(" \t\r", text[i + m - 1]))
            m--;
        if (memchr(text + i, '\0', m) == NULL) st = add_word(w, &l, text + i, m);
    }
    if (!st) st = list_end(&l, &w->stop);
    list_free(&l);
    return st;
}

static crm_status stop_from_file(text_words *w, const char *path)
{
    char *text = NULL, why[CRM_ERR_TEXT_MAX];
    size_t len = 0;
    crm_status st = crm_path_read(path, STOP_FILE_MAX, &text, &len);

    if (st && st != CRM_ERR_NOMEM) {
        snprintf(why, sizeof why, "%s", crm_err_text());
        CRM_FAIL(CRM_ERR_CONFIG, "text.stop_words: %s; none, list or a file with a word in a line",
                 why);
    }
    if (!st) st = stop_from_text(w, text, len);
    crm_mem_free(text);
    return st;
}

static crm_status make_stop(text_words *w)
{
    const char *from = w->cfg.stop_words ? w->cfg.stop_words : "none";
    const text_language *language = &text_languages[w->cfg.language];

    if (w->cfg.stop) return crm_vocab_from_list(w->cfg.n_stop, w->cfg.stop, &w->stop);
    if (strcmp(from, "none") == 0 || from[0] == '\0') return CRM_OK;
    if (strcmp(from, "list") == 0) return from_lists(w, &language->stop, 1, &w->stop);
    return stop_from_file(w, from);
}

crm_status text_words_new(const crm_text_cfg *cfg, text_words **out)
{
    const char *stemmer = text_languages[cfg->language].stemmer;
    text_words *w;
    crm_status st;

    *out = NULL;
    CRM_NEW(w, 1);
    w->cfg = *cfg;
    st = make_negators(w);
    if (!st) st = make_stop(w);
    if (!st && cfg->stem && stemmer) {
        w->stemmer = sb_stemmer_new(stemmer, NULL);
        if (!w->stemmer) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: stemmer '%s'", stemmer);
    }
    if (st)
        text_words_free(&w);
    else
        *out = w;
    return st;
}

void text_words_free(text_words **w)
{
    if (!*w) return;
    sb_stemmer_delete((*w)->stemmer);
    crm_vocab_free(&(*w)->stop);
    crm_vocab_free(&(*w)->negators);
    crm_mem_free(*w);
    *w = NULL;
}

void text_words_before(text_words *w, const char *next)
{
    char word[8] = "";

    if (next && strlen(next) == 3) memcpy(word, next, 4);
    fold(word);
    w->before_nt = strcmp(word, "n't") == 0;
}

int64_t text_words_stop(const text_words *w, const char *const **word)
{
    *word = w->stop ? crm_vocab_words(w->stop) : NULL;
    return w->stop ? crm_vocab_size(w->stop) : -1;
}

/* ---- one word ---- */
typedef struct teller {
    crm_forms_step_fn fn;
    void *ctx;
} teller;

static void tell(const teller *t, const char *step, const char *now)
{
    if (t->fn) t->fn(t->ctx, step, now);
}

/* Of steps that leave most words as they are. */
static void tell_change(const teller *t, const char *step, const char *was, const char *now)
{
    if (t->fn && strcmp(was, now) != 0) tell(t, step, now);
}

/* What becomes of a kind: CRM_TEXT_KEEP, or MARK with the form in out, or DROP. */
static int by_kind(const text_words *w, crm_token_kind kind, char *out)
{
    const crm_text_cfg *c = &w->cfg;
    const struct {
        int keep;
        const char *mark;
    } row[CRM_TOKEN_KIND_COUNT] = {
        [CRM_TOKEN_WORD] = {CRM_TEXT_KEEP, ""},
        [CRM_TOKEN_NUMBER] = {c->numbers, "<number>"},
        [CRM_TOKEN_URL] = {c->urls, "<url>"},
        [CRM_TOKEN_USER] = {c->users, "<user>"},
        [CRM_TOKEN_HASHTAG] = {c->hashtags, "<hashtag>"},
        [CRM_TOKEN_EMOJI] = {c->emoji, "<emoji>"},
        [CRM_TOKEN_PUNCT] = {c->punctuation, "<punct>"},
    };

    if (row[kind].keep == CRM_TEXT_MARK) memcpy(out, row[kind].mark, strlen(row[kind].mark) + 1);
    return row[kind].keep;
}

static void set(char *out, const char *word)
{
    memcpy(out, word, strlen(word) + 1);
}

/* Folded and made whole; true when it negates. */
static bool begin_word(text_words *w, const teller *t, char *out, int *flags, char *host)
{
    const char *whole;
    bool negates;

    memcpy(w->folded, out, strlen(out) + 1);
    fold(w->folded);
    if (w->cfg.fold) {
        tell_change(t, "fold", out, w->folded);
        set(out, w->folded);
    }
    if (strcmp(w->folded, "n't") == 0) *flags |= TEXT_IS_NT;
    if (w->cfg.strip_accents) strip(w->folded);
    negates = crm_vocab_find(w->negators, w->folded) != 0;
    if (!w->cfg.contractions) return negates;
    whole = contracted(text_contractions, w->folded);
    if (!whole && w->before_nt) whole = contracted(text_hosts, w->folded);
    if (whole) {
        set(out, whole);
        set(w->folded, whole);
        tell(t, "contraction", out);
    }
    whole = host ? contracted(text_hosts, w->folded) : NULL;
    if (whole) {
        set(host, whole);
        *flags |= TEXT_IS_HOST;
    }
    return negates;
}

/* Behind folding: false when it is dropped. */
static bool end_word(text_words *w, const teller *t, char *out)
{
    if (w->stop && crm_vocab_find(w->stop, w->folded)) {
        tell(t, "stop word", NULL);
        return false;
    }
    if (w->stemmer) {
        memcpy(w->was, out, strlen(out) + 1);
        stem(w, out);
        tell_change(t, "stem", w->was, out);
    }
    return true;
}

static void end_accents(text_words *w, const teller *t, char *out)
{
    if (!w->cfg.strip_accents) return;
    memcpy(w->was, out, strlen(out) + 1);
    strip(out);
    tell_change(t, "accents", w->was, out);
}

static bool word_form(text_words *w, const teller *t, char *out, int *flags, char *host)
{
    bool negates = begin_word(w, t, out, flags, host);

    *flags |= negates ? TEXT_IS_NEGATOR : TEXT_IS_WORD;
    if (!negates && !end_word(w, t, out)) return false;
    if (*flags & TEXT_IS_HOST) { /* the word that it stands for goes the same way */
        set(w->folded, host);
        if (!end_word(w, &(teller){NULL, NULL}, host)) host[0] = '\0';
    }
    end_accents(w, t, out);
    return true;
}

static void other_form(text_words *w, const teller *t, crm_token_kind kind, char *out)
{
    memcpy(w->was, out, strlen(out) + 1);
    if (w->cfg.fold && kind == CRM_TOKEN_EMOJI)
        strip_variation(out);
    else if (w->cfg.fold && kind != CRM_TOKEN_PUNCT)
        fold(out);
    tell_change(t, "fold", w->was, out);
    if (kind != CRM_TOKEN_EMOJI) end_accents(w, t, out);
}

/* What a run of a punctuation character does to negation: a stop ends it, as do the inverted marks
 * of Spanish, which begin a clause; quotes, brackets, stars and dashes do not. */
static int punctuation_flags(const char *token, size_t len)
{
    static const utf8proc_int32_t end[] = {
        '.',    ',',    ';',    ':',    '!',    '?',    0xa1,   0xbf,
        0x60c,  0x61b,  0x61f,  0x6d4,  0x964,  0x3001, 0x3002, 0xff01,
        0xff0c, 0xff0e, 0xff1a, 0xff1b, 0xff1f, 0xff61, 0xff64, /* Arabic, Hindi, Chinese and
                                                                   Japanese ones */
    };
    enum { ELLIPSIS = 0x2026 };
    utf8proc_int32_t c = -1;

    (void)utf8proc_iterate((const utf8proc_uint8_t *)token, (utf8proc_ssize_t)len, &c);
    if (c == ELLIPSIS || (c == '.' && len > 1)) return TEXT_IS_PAUSE;
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        if (c == end[i]) return TEXT_IS_END;
    return 0;
}

bool text_words_form(text_words *w, const char *token, char out[TEXT_FORM_MAX], int *flags,
                     char *host, crm_forms_step_fn fn, void *ctx)
{
    const teller t = {fn, ctx};
    size_t len = strlen(token);
    crm_token_kind kind = crm_token_kind_of(token);
    int keep;

    *flags = kind == CRM_TOKEN_PUNCT ? punctuation_flags(token, len) : 0;
    if (len == 0) return false;
    if (len > TEXT_WORD_MAX) len = TEXT_WORD_MAX; /* crm_text_split gives none that is so long */
    memcpy(out, token, len);
    out[len] = '\0';
    if (host) host[0] = '\0';
    keep = by_kind(w, kind, out);
    if (keep != CRM_TEXT_KEEP) {
        tell(&t, keep == CRM_TEXT_MARK ? "mark" : "drop", keep == CRM_TEXT_MARK ? out : NULL);
        return keep == CRM_TEXT_MARK;
    }
    if (kind == CRM_TOKEN_WORD) return word_form(w, &t, out, flags, host);
    other_form(w, &t, kind, out);
    return out[0] != '\0';
}
