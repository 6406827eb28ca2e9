/* tagger_words.c - features of a token: the word, its form, and those of its neighbours. */
#include <string.h>

#include "crmpi/text.h"
#include "tagger_impl.h"

/* FNV-1a, then the finaliser of SplitMix64: short keys, and all bits are used. */
uint64_t tagger_hash(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 1099511628211u;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return h ^ h >> 31;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t pair[2] = {a, b};

    return tagger_hash(pair, sizeof pair);
}

/* ---- one word ---- */

/* Bytes of the character at s; 1 where it is none. */
static size_t char_bytes(const char *s)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80) return 1;
    return n;
}

/* 'X' upper case, 'x' other letters, 'd' digits, punctuation itself, '~' other characters;
 * its folded form to fold. */
static char class_of(const char *s, size_t n, char *fold, size_t *fold_n)
{
    memcpy(fold, s, n);
    *fold_n = n;
    if (n == 1) {
        if (*s >= 'A' && *s <= 'Z') {
            fold[0] = (char)(*s - 'A' + 'a');
            return 'X';
        }
        if (*s >= 'a' && *s <= 'z') return 'x';
        return *s >= '0' && *s <= '9' ? 'd' : *s;
    }
    char out[3 * 4 + 1];
    size_t m = crm_text_letters(s, n, out);
    if (m == 0 || m > n + 4) return '~';
    bool same = m == n && memcmp(out, s, n) == 0;
    memcpy(fold, out, m);
    *fold_n = m;
    return same ? 'x' : 'X';
}

enum { WORD_BYTES = 256, FOLD_BYTES = 4 * WORD_BYTES, CHARS = WORD_BYTES };
typedef struct spelt {
    int n;                /* characters              */
    size_t at[CHARS + 1]; /* of the folded form      */
    char folded[FOLD_BYTES + 16], shape[CHARS];
} spelt;

static void spell(const char *word, spelt *s)
{
    size_t at = 0, bytes = strlen(word), n, m;

    s->n = 0;
    s->at[0] = 0;
    if (bytes > WORD_BYTES) bytes = WORD_BYTES;
    while (at < bytes && s->n < CHARS) {
        n = char_bytes(word + at);
        s->shape[s->n] = class_of(word + at, n, s->folded + s->at[s->n], &m);
        s->at[s->n + 1] = s->at[s->n] + m;
        s->n++;
        at += n;
        if (s->at[s->n] > FOLD_BYTES - 16) break;
    }
}

static unsigned flags_of(const spelt *s)
{
    int upper = 0, lower = 0;
    unsigned flags = 0;

    for (int i = 0; i < s->n; i++) {
        upper += s->shape[i] == 'X';
        lower += s->shape[i] == 'x';
        flags |= s->shape[i] == 'd' ? WORD_DIGIT : 0;
        flags |= s->shape[i] == '-' ? WORD_HYPHEN : 0;
        flags |= s->shape[i] == '\'' ? WORD_APOSTROPHE : 0;
        flags |= s->shape[i] == '.' ? WORD_DOT : 0;
    }
    if (upper && !lower) flags |= WORD_UPPER;
    if (s->n > 0 && s->shape[0] == 'X' && lower && upper == 1) flags |= WORD_TITLE;
    if (upper && lower && !(flags & WORD_TITLE)) flags |= WORD_MIXED;
    return flags;
}

static uint64_t hash_brief(const spelt *s)
{
    char brief[CHARS];
    size_t n = 0;

    for (int i = 0; i < s->n; i++)
        if (n == 0 || brief[n - 1] != s->shape[i]) brief[n++] = s->shape[i];
    return tagger_hash(brief, n);
}

void tagger_view_word(const char *word, const word_clusters *c, word_view *out)
{
    const int32_t *id;
    spelt s;

    spell(word, &s);
    *out = (word_view){.word = tagger_hash(word, strlen(word)),
                       .folded = tagger_hash(s.folded, s.at[s.n]),
                       .shape = tagger_hash(s.shape, (size_t)s.n),
                       .brief = hash_brief(&s),
                       .flags = flags_of(&s),
                       .kind = (int)crm_token_kind_of(word),
                       .length = s.n < 16 ? s.n : 16};
    for (int i = 0; i < AFFIXES && i + 1 < s.n; i++) {
        out->prefix[i] = tagger_hash(s.folded, s.at[i + 1]);
        out->suffix[i] = tagger_hash(s.folded + s.at[s.n - i - 1], s.at[s.n] - s.at[s.n - i - 1]);
    }
    id = tagger_cluster(c, out->folded);
    for (int i = 0; i < CLUSTERINGS; i++)
        out->cluster[i] = id ? id[i] : -1;
}

/* ---- a token among its neighbours ---- */

typedef struct bag {
    uint64_t *out;
    int n;
} bag;

static void add(bag *b, int template, uint64_t value)
{
    if (b->n < FEATURES_MAX) b->out[b->n++] = mix((uint64_t) template, value);
}

/* Templates are numbered from these on. */
enum { OWN = 100, NEAR = 200, PAIRS = 300, CLUSTERS = 400 };

static void add_own(bag *b, const word_view *w)
{
    add(b, OWN, 0);
    add(b, OWN + 1, w->word);
    add(b, OWN + 2, w->folded);
    add(b, OWN + 3, w->shape);
    add(b, OWN + 4, w->brief);
    add(b, OWN + 5, (uint64_t)w->kind);
    add(b, OWN + 6, (uint64_t)w->length);
    for (int i = 0; i < AFFIXES; i++) {
        if (w->prefix[i]) add(b, OWN + 10 + i, w->prefix[i]);
        if (w->suffix[i]) add(b, OWN + 20 + i, w->suffix[i]);
    }
    for (int i = 0; i < WORD_FLAGS; i++)
        if (w->flags & 1u << i) add(b, OWN + 30 + i, 0);
}

/* A word `by` places away. */
static void add_near(bag *b, const word_view *w, int by)
{
    int t = NEAR + 10 * (by + 3);

    add(b, t, w->folded);
    add(b, t + 1, w->brief);
    if (by < -1 || by > 1) return;
    add(b, t + 2, (uint64_t)w->kind);
    add(b, t + 3, w->flags);
    if (w->suffix[2]) add(b, t + 4, w->suffix[2]);
    if (w->prefix[2]) add(b, t + 5, w->prefix[2]);
}

static void add_pairs(bag *b, const word_view *w, const word_view *before, const word_view *behind)
{
    if (before) {
        add(b, PAIRS, mix(before->folded, w->folded));
        add(b, PAIRS + 1, mix(before->brief, w->brief));
        add(b, PAIRS + 2, mix(before->folded, w->brief));
    } else {
        add(b, PAIRS + 3, 0);
        add(b, PAIRS + 4, w->brief);
    }
    if (behind) {
        add(b, PAIRS + 5, mix(w->folded, behind->folded));
        add(b, PAIRS + 6, mix(w->brief, behind->brief));
        add(b, PAIRS + 7, mix(w->brief, behind->folded));
    } else
        add(b, PAIRS + 8, 0);
    if (before && behind) {
        add(b, PAIRS + 9, mix(mix(before->brief, w->brief), behind->brief));
        add(b, PAIRS + 10, mix(before->folded, behind->folded));
    }
}

static void add_cluster(bag *b, uint64_t id, int template, int by, uint64_t brief)
{
    add(b, template + by + 2, id);
    if (by >= -1 && by <= 1) add(b, template + by + 11, mix(id, brief));
}

static void add_clusters(bag *b, const word_view *w, int64_t n, int64_t t)
{
    for (int by = -2; by <= 2; by++) {
        const word_view *near = t + by >= 0 && t + by < n ? &w[t + by] : NULL;
        for (int i = 0; near && i < CLUSTERINGS && near->cluster[i] >= 0; i++)
            add_cluster(b, (uint64_t)near->cluster[i], CLUSTERS + 20 * i, by, w[t].brief);
    }
}

int tagger_features(const word_view *w, int64_t n, int64_t t, uint64_t *out)
{
    bag b = {.out = out};

    add_own(&b, &w[t]);
    for (int by = -2; by <= 2; by++)
        if (by != 0 && t + by >= 0 && t + by < n) add_near(&b, &w[t + by], by);
    add_pairs(&b, &w[t], t > 0 ? &w[t - 1] : NULL, t + 1 < n ? &w[t + 1] : NULL);
    add_clusters(&b, w, n, t);
    return b.n;
}
