/* full_data.h - a small data set with every block, written by the test itself: labels depend on the
 * months, the events and the documents together.  A variant holds the same customers with channels,
 * numbers, categories and words in another order, and with categories and words more. */
#ifndef FULL_DATA_H
#define FULL_DATA_H

#include <math.h>
#include <stdio.h>

#include "crmpi/base_rng.h"
#include "crmpi/store.h"

#ifndef FULL_WORDS
#define FULL_WORDS 24
#endif
enum { ROWS = 301, CHANNELS = 3, MONTHS = 6, NUMBERS = 2, CATEGORIES = 5, WORDS = FULL_WORDS };
enum { EVENTS_MAX = 7, DOCS_MAX = 4, TOKENS_MAX = 9, NUM = 4 };
/* Category 4 and word 23 occur in rows from LATE on only. */
enum { LATE = 200 };

typedef struct full {
    float num[ROWS * NUM];
    float months[ROWS * CHANNELS * MONTHS];
    int64_t event_first[ROWS + 1], doc_first[ROWS + 1], token_first[ROWS * DOCS_MAX + 1];
    int32_t category[ROWS * EVENTS_MAX];
    float event_time[ROWS * EVENTS_MAX], event_value[ROWS * EVENTS_MAX * NUMBERS];
    int32_t kind[ROWS * DOCS_MAX], token[ROWS * DOCS_MAX * TOKENS_MAX];
    float doc_time[ROWS * DOCS_MAX];
    int32_t churn[ROWS], segment[ROWS], mood[ROWS * DOCS_MAX], issue[ROWS * DOCS_MAX];
    float visits[ROWS * 2], change[ROWS];
} full;

static inline void make_months(full *d, int64_t i, crm_rng *r)
{
    for (int c = 0; c < CHANNELS; c++)
        for (int m = 0; m < MONTHS; m++) {
            float x = (float)crm_rng_exponential(r) * (float)(c + 1) * 10;
            if (c == 2) x = 7; /* does not vary */
            if (crm_rng_below(r, 20) == 0) x = (float)NAN;
            d->months[(i * CHANNELS + c) * MONTHS + m] = x;
        }
}

static inline void make_events(full *d, int64_t i, crm_rng *r)
{
    int64_t n = i % 11 == 0 ? 0 : (int64_t)crm_rng_below(r, EVENTS_MAX + 1), at = d->event_first[i];

    for (int64_t e = at; e < at + n; e++) {
        d->category[e] = (int32_t)crm_rng_below(r, CATEGORIES) - (i < LATE);
        d->event_time[e] = (float)(100 - 10 * (e - at));
        d->event_value[e * NUMBERS] = (float)crm_rng_normal(r) * 50;
        d->event_value[e * NUMBERS + 1] = (float)crm_rng_below(r, 9);
    }
    d->event_first[i + 1] = at + n;
}

static inline void make_document(full *d, int64_t k, bool late, crm_rng *r)
{
    int64_t n = (int64_t)crm_rng_below(r, TOKENS_MAX + 1), at = d->token_first[k];

    d->mood[k] = -1;
    d->issue[k] = -1;
    for (int64_t t = at; t < at + n; t++) {
        d->token[t] = (int32_t)crm_rng_below(r, WORDS - !late);
        if (d->token[t] < 3) d->mood[k] = d->token[t];
    }
    d->doc_time[k] = 0;
    d->token_first[k + 1] = at + n;
}

static inline void make_labels(full *d, int64_t i)
{
    int64_t e = d->event_first[i + 1], k = d->doc_first[i + 1];
    bool event = e > d->event_first[i] && d->category[e - 1] == 1;
    bool word = k > d->doc_first[i] && d->mood[k - 1] == 0;
    float last = d->months[i * CHANNELS * MONTHS + MONTHS - 1];

    d->churn[i] = event + word + (last > 8) + (d->num[i * NUM] > 0) >= 2;
    d->segment[i] = i % 5 == 0 ? -1 : event + word;
    d->visits[2 * i] = i % 7 == 0 ? (float)NAN : (float)(d->event_first[i + 1] - d->event_first[i]);
    d->change[i] = i == ROWS - 1 ? -3 : (float)(i % 3); /* a number below 0 in the last row only */
    d->visits[2 * i + 1] = d->churn[i] ? 3 : 1;
}

static inline void make_full(full *d)
{
    for (int64_t i = 0; i < ROWS; i++) {
        crm_rng r = crm_rng_at(17, CRM_RNG_TEST, 0, (uint64_t)i);
        int64_t n = i % 13 == 0 ? 0 : (int64_t)crm_rng_below(&r, DOCS_MAX + 1);
        for (int j = 0; j < NUM; j++)
            d->num[i * NUM + j] = (float)crm_rng_normal(&r);
        make_months(d, i, &r);
        make_events(d, i, &r);
        for (int64_t k = d->doc_first[i]; k < d->doc_first[i] + n; k++)
            make_document(d, k, i >= LATE, &r);
        d->doc_first[i + 1] = d->doc_first[i] + n;
        make_labels(d, i);
    }
}

/* ---- variants ---- */
enum { PLAIN, SHUFFLED, UNKNOWN, CUT, EMPTY, INFINITE, HUGE_ROW };

/* Names in the order of a variant; items [n] of memory; extra ones get names of their own. */
static inline void name_items(const char *stem, int n, int extra, bool reversed, char (*text)[24],
                              const char **item)
{
    for (int i = 0; i < n + extra; i++) {
        int id = reversed ? n + extra - 1 - i : i;
        snprintf(text[i], sizeof text[i], "%s%d", stem, id);
        item[i] = text[i];
    }
}

static inline void reverse_codes(int32_t *code, int64_t n, int levels)
{
    for (int64_t i = 0; i < n; i++)
        if (code[i] >= 0) code[i] = levels - 1 - code[i];
}

/* [n][columns][inner] with the columns reversed. */
static inline void reverse_columns(float *x, int64_t n, int columns, int inner)
{
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < columns / 2; c++)
            for (int k = 0; k < inner; k++) {
                float *a = x + (i * columns + c) * inner + k;
                float *b = x + (i * columns + columns - 1 - c) * inner + k, t = *a;
                *a = *b;
                *b = t;
            }
}

/* What is left after a cut: the last events and documents of a row, the first tokens of a document.
 */
enum { KEEP_EVENTS = 5, KEEP_DOCS = 3, KEEP_TOKENS = 7 };

static inline int64_t begin_of_last(int64_t first, int64_t end, int64_t keep)
{
    return end - first > keep ? end - keep : first;
}

static inline void cut_events(full *d, int64_t keep)
{
    int64_t at = 0;

    for (int64_t i = 0; i < ROWS; i++) {
        int64_t end = d->event_first[i + 1], from = begin_of_last(d->event_first[i], end, keep);
        d->event_first[i] = at;
        for (int64_t e = from; e < end; e++, at++) {
            d->category[at] = d->category[e];
            d->event_time[at] = d->event_time[e];
            for (int q = 0; q < NUMBERS; q++)
                d->event_value[at * NUMBERS + q] = d->event_value[e * NUMBERS + q];
        }
    }
    d->event_first[ROWS] = at;
}

static inline void cut_documents(full *d, int64_t keep, int64_t tokens)
{
    int64_t at = 0, to = 0;

    for (int64_t i = 0; i < ROWS; i++) {
        int64_t end = d->doc_first[i + 1], from = begin_of_last(d->doc_first[i], end, keep);
        d->doc_first[i] = at;
        for (int64_t k = from; k < end; k++, at++) {
            int64_t first = d->token_first[k], n = d->token_first[k + 1] - first;
            d->mood[at] = d->mood[k];
            d->issue[at] = d->issue[k];
            d->token_first[at] = to;
            for (int64_t t = 0; t < n && t < tokens; t++)
                d->token[to++] = d->token[first + t];
        }
    }
    d->doc_first[ROWS] = at;
    d->token_first[at] = to;
}

enum { EXTRA = 3 };
static inline void vary(full *d, int variant)
{
    int64_t events = d->event_first[ROWS], tokens = d->token_first[d->doc_first[ROWS]];

    if (variant == INFINITE) d->num[77 * NUM + 1] = INFINITY; /* one row of one batch */
    if (variant == HUGE_ROW) d->num[77 * NUM + 1] = -1e6f;
    if (variant == CUT || variant == EMPTY) {
        cut_events(d, variant == CUT ? KEEP_EVENTS : 0);
        cut_documents(d, variant == CUT ? KEEP_DOCS : 0, KEEP_TOKENS);
    }
    if (variant == SHUFFLED) {
        reverse_columns(d->months, ROWS, CHANNELS, MONTHS);
        reverse_columns(d->event_value, events, NUMBERS, 1);
        reverse_codes(d->category, events, CATEGORIES + EXTRA);
        reverse_codes(d->token, tokens, WORDS + EXTRA);
    }
    for (int64_t i = 0; i < events && variant == UNKNOWN; i++)
        if (d->category[i] == CATEGORIES - 1) d->category[i] = -1;
    for (int64_t i = 0; i < tokens && variant == UNKNOWN; i++)
        if (d->token[i] == WORDS - 1) d->token[i] = WORDS; /* a word that no one has seen */
}

/* ---- the file ---- */
typedef struct out {
    crm_store_writer *w;
    bool mine; /* this rank writes all rows */
    crm_status st;
} out;

static inline void put(out *o, const char *name, crm_dtype type, int rank, const int64_t *dim,
                       const char *key, int64_t n_names, const char *const *names, const void *data)
{
    if (!o->st) o->st = crm_store_define(o->w, name, type, rank, dim, NULL);
    if (!o->st && names) o->st = crm_store_attr_list(o->w, name, key, n_names, names);
    if (!o->st) o->st = crm_store_write(o->w, name, 0, o->mine ? dim[0] : 0, data);
}

static inline void put_target(out *o, const char *name, const char *level, crm_dtype type,
                              int64_t n, int64_t k, const void *data)
{
    static const char *const item[] = {"a", "b", "c"};
    char array[64];

    snprintf(array, sizeof array, "target/%s/%s", name, type == CRM_F32 ? "value" : "label");
    put(o, array, type, type == CRM_F32 ? 2 : 1, (int64_t[]){n, k},
        type == CRM_F32 ? "columns" : "classes", k, item, data);
    if (!o->st) o->st = crm_store_attr_text(o->w, array, "level", level);
}

static inline void put_events(out *o, const full *d, int variant)
{
    char text[CATEGORIES + EXTRA + NUMBERS][24];
    const char *item[CATEGORIES + EXTRA], *number[NUMBERS];
    int64_t n = d->event_first[ROWS];

    name_items("number ", NUMBERS, 0, variant == SHUFFLED, text, number);
    put(o, "events/value", CRM_F32, 2, (int64_t[]){n, NUMBERS}, "columns", NUMBERS, number,
        d->event_value);
    put(o, "events/first", CRM_I64, 1, (int64_t[]){ROWS + 1}, NULL, 0, NULL, d->event_first);
    put(o, "events/category", CRM_I32, 1, &n, NULL, 0, NULL, d->category);
    put(o, "events/time", CRM_F32, 1, &n, NULL, 0, NULL, d->event_time);
    name_items("category ", CATEGORIES, EXTRA, variant == SHUFFLED, text, item);
    if (!o->st) o->st = crm_store_texts(o->w, "events/categories", CATEGORIES + EXTRA, item);
}

static inline void put_documents(out *o, const full *d, int variant)
{
    static const char *const kind = "review";
    char text[WORDS + EXTRA][24];
    const char *item[WORDS + EXTRA];
    int64_t n = d->doc_first[ROWS], tokens = d->token_first[n];

    put(o, "documents/token", CRM_I32, 1, &tokens, NULL, 0, NULL, d->token);
    put(o, "documents/kind", CRM_I32, 1, &n, NULL, 0, NULL, d->kind);
    put(o, "documents/time", CRM_F32, 1, &n, NULL, 0, NULL, d->doc_time);
    put(o, "documents/first", CRM_I64, 1, (int64_t[]){ROWS + 1}, NULL, 0, NULL, d->doc_first);
    put(o, "documents/token_first", CRM_I64, 1, (int64_t[]){n + 1}, NULL, 0, NULL, d->token_first);
    name_items("word", WORDS, EXTRA, variant == SHUFFLED, text, item);
    if (!o->st) o->st = crm_store_texts(o->w, "documents/words", WORDS + EXTRA, item);
    if (!o->st) o->st = crm_store_texts(o->w, "documents/kinds", 1, &kind);
    put_target(o, "mood", "document", CRM_I32, n, 3, d->mood);
    put_target(o, "issue", "document", CRM_I32, n, 2, d->issue);
}

/* blocks: letters of what is written: p(rofile), m(onths), e(vents), d(ocuments).  Collective. */
static inline crm_status write_full(crm_comm *comm, const char *path, int variant,
                                    const char *blocks)
{
    static const char *const columns[] = {"a", "b", "c", "d"};
    static full d;
    char text[CHANNELS][24];
    const char *item[CHANNELS];
    out o = {.mine = crm_comm_rank(comm) == 0};

    d = (full){.num = {0}};
    make_full(&d);
    vary(&d, variant);
    CRM_TRY(crm_store_create(comm, path, "crmpi-dataset", &o.w));
    o.st = crm_store_attr_i64(o.w, "", "rows", ROWS);
    if (strchr(blocks, 'p'))
        put(&o, "profile/num", CRM_F32, 2, (int64_t[]){ROWS, NUM}, "columns", NUM, columns, d.num);
    name_items("channel ", CHANNELS, 0, variant == SHUFFLED, text, item);
    if (strchr(blocks, 'm'))
        put(&o, "monthly/value", CRM_F32, 3, (int64_t[]){ROWS, CHANNELS, MONTHS}, "channels",
            CHANNELS, item, d.months);
    if (strchr(blocks, 'e')) put_events(&o, &d, variant);
    if (strchr(blocks, 'd')) put_documents(&o, &d, variant);
    put_target(&o, "churn", "customer", CRM_I32, ROWS, 2, d.churn);
    put_target(&o, "segment", "customer", CRM_I32, ROWS, 3, d.segment);
    put_target(&o, "change", "customer", CRM_F32, ROWS, 1, d.change);
    put_target(&o, "visits", "customer", CRM_F32, ROWS, 2, d.visits);
    CRM_TRY(o.st);
    return crm_store_commit(&o.w, NULL);
}
#endif
