/* reference_data.c - writes the data set of the reference benchmark: bench_reference_data FILE ROWS
 * [ragged].
 *
 * Shapes of the reference model: 16 monthly channels x 12 months, 24 profile numbers, 50 events of
 * 256 categories with 6 numbers each, one document of 64 tokens, log-uniform over 19,999 words;
 * labels of five heads.  "ragged" draws the number of events from 1..50 and of tokens from 1..64,
 * uniformly.  Labels are noise: the benchmark looks at time, not at what is learnt. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_run.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"
#include "crmpi/store.h"

enum { CHANNELS = 16, MONTHS = 12, PROFILE = 24, EVENTS = 50, NUMBERS = 6, CATEGORIES = 256 };
enum { TOKENS = 64, WORDS = 19999, TARGETS = 5 };
enum { STREAM_MONTHS = CRM_RNG_TEST, STREAM_PROFILE, STREAM_EVENTS, STREAM_TOKENS, STREAM_LABELS };

static const struct {
    const char *name;
    int classes;
} TARGET[TARGETS] = {
    {"churn", 2}, {"next_purchase", 2}, {"sentiment", 3}, {"segment", 5}, {"next_category", 256}};

/* Rows in memory; written at once. */
typedef struct sample {
    int64_t rows, n_events, n_tokens;
    float *monthly, *profile, *time, *value, *doc_time;
    int64_t *event_first, *doc_first, *token_first;
    int32_t *category, *kind, *token, *label[TARGETS];
} sample;

static crm_status sample_new(int64_t rows, sample *s)
{
    s->rows = rows;
    CRM_NEW(s->monthly, rows * CHANNELS * MONTHS);
    CRM_NEW(s->profile, rows * PROFILE);
    CRM_NEW(s->event_first, rows + 1);
    CRM_NEW(s->doc_first, rows + 1);
    CRM_NEW(s->token_first, rows + 1);
    CRM_NEW(s->category, rows * EVENTS);
    CRM_NEW(s->time, rows * EVENTS);
    CRM_NEW(s->value, rows * EVENTS * NUMBERS);
    CRM_NEW(s->kind, rows);
    CRM_NEW(s->doc_time, rows);
    CRM_NEW(s->token, rows * TOKENS);
    for (int t = 0; t < TARGETS; t++)
        CRM_NEW(s->label[t], rows);
    return CRM_OK;
}

static void sample_free(sample *s)
{
    void *all[] = {s->monthly,     s->profile,  s->event_first, s->doc_first,
                   s->token_first, s->category, s->time,        s->value,
                   s->kind,        s->doc_time, s->token,       s->label[0],
                   s->label[1],    s->label[2], s->label[3],    s->label[4]};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        crm_mem_free(all[i]);
}

static void normals(int stream, int64_t row, int64_t n, float *out)
{
    crm_rng r = crm_rng_at(1, (uint32_t)stream, 0, (uint64_t)row);

    for (int64_t i = 0; i < n; i++)
        out[i] = (float)crm_rng_normal(&r);
}

static void fill_events(sample *s, int64_t row, bool ragged)
{
    crm_rng r = crm_rng_at(1, STREAM_EVENTS, 0, (uint64_t)row);
    int64_t n = ragged ? 1 + crm_rng_below(&r, EVENTS) : EVENTS;

    for (int64_t i = 0; i < n; i++) {
        int64_t at = s->n_events++;

        s->category[at] = (int32_t)crm_rng_below(&r, CATEGORIES);
        s->time[at] = (float)(n - i);
        for (int q = 0; q < NUMBERS; q++)
            s->value[at * NUMBERS + q] = (float)crm_rng_normal(&r);
    }
    s->event_first[row + 1] = s->n_events;
}

/* Word i of 1..19,999 with probability in proportion to 1 / i. */
static void fill_document(sample *s, int64_t row, bool ragged)
{
    crm_rng r = crm_rng_at(1, STREAM_TOKENS, 0, (uint64_t)row);
    int64_t n = ragged ? 1 + crm_rng_below(&r, TOKENS) : TOKENS;

    for (int64_t i = 0; i < n; i++) {
        double u = exp(crm_rng_uniform(&r) * log(WORDS + 1.0));
        s->token[s->n_tokens++] = (int32_t)(u < WORDS ? u : WORDS) - 1;
    }
    s->doc_first[row + 1] = row + 1;
    s->token_first[row + 1] = s->n_tokens;
}

static void fill(sample *s, bool ragged)
{
    for (int64_t i = 0; i < s->rows; i++) {
        crm_rng r = crm_rng_at(1, STREAM_LABELS, 0, (uint64_t)i);

        normals(STREAM_MONTHS, i, CHANNELS * MONTHS, s->monthly + i * CHANNELS * MONTHS);
        normals(STREAM_PROFILE, i, PROFILE, s->profile + i * PROFILE);
        fill_events(s, i, ragged);
        fill_document(s, i, ragged);
        for (int t = 0; t < TARGETS; t++)
            s->label[t][i] = (int32_t)crm_rng_below(&r, (uint64_t)TARGET[t].classes);
    }
}

/* "<prefix>0001" ... as a list of n texts. */
static crm_status names(crm_store_writer *w, const char *array, const char *key, const char *prefix,
                        int64_t n)
{
    char(*text)[24] = NULL;
    const char **list = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, text, n);
    CRM_NEW_TO(st, done, list, n);
    for (int64_t i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "%.8s%05d", prefix, (int)i + 1);
        list[i] = text[i];
    }
    st = key ? crm_store_attr_list(w, array, key, n, list) : crm_store_texts(w, array, n, list);
done:
    crm_mem_free(text);
    crm_mem_free(list);
    return st;
}

typedef struct array {
    const char *name;
    crm_dtype dtype;
    int rank;
    int64_t dim[3];
    const void *data;
} array;
enum { ARRAYS = 12 };

static void list_arrays(const sample *s, array out[ARRAYS])
{
    int64_t n = s->rows;
    const array all[ARRAYS] = {
        {"profile/num", CRM_F32, 2, {n, PROFILE}, s->profile},
        {"monthly/value", CRM_F32, 3, {n, CHANNELS, MONTHS}, s->monthly},
        {"events/first", CRM_I64, 1, {n + 1}, s->event_first},
        {"events/category", CRM_I32, 1, {s->n_events}, s->category},
        {"events/time", CRM_F32, 1, {s->n_events}, s->time},
        {"events/value", CRM_F32, 2, {s->n_events, NUMBERS}, s->value},
        {"documents/first", CRM_I64, 1, {n + 1}, s->doc_first},
        {"documents/token_first", CRM_I64, 1, {n + 1}, s->token_first},
        {"documents/kind", CRM_I32, 1, {n}, s->kind},
        {"documents/time", CRM_F32, 1, {n}, s->doc_time},
        {"documents/token", CRM_I32, 1, {s->n_tokens}, s->token},
    };

    memcpy(out, all, sizeof all);
}

static crm_status write_target(crm_store_writer *w, const sample *s, int t)
{
    char name[64];

    snprintf(name, sizeof name, "target/%s/label", TARGET[t].name);
    CRM_TRY(crm_store_define(w, name, CRM_I32, 1, &s->rows, NULL));
    CRM_TRY(crm_store_attr_text(w, name, "level", "customer"));
    CRM_TRY(names(w, name, "classes", "class", TARGET[t].classes));
    return crm_store_write(w, name, 0, s->rows, s->label[t]);
}

static crm_status write_sample(crm_store_writer *w, const sample *s)
{
    array all[ARRAYS] = {0};

    list_arrays(s, all);
    CRM_TRY(crm_store_attr_i64(w, "", "rows", s->rows));
    CRM_TRY(crm_store_attr_text(w, "", "source_digest", ""));
    for (const array *a = all; a->name; a++)
        CRM_TRY(crm_store_define(w, a->name, a->dtype, a->rank, a->dim, NULL));
    CRM_TRY(names(w, "profile/num", "columns", "number", PROFILE));
    CRM_TRY(names(w, "monthly/value", "channels", "channel", CHANNELS));
    CRM_TRY(names(w, "events/value", "columns", "value", NUMBERS));
    CRM_TRY(names(w, "events/categories", NULL, "event", CATEGORIES));
    CRM_TRY(names(w, "documents/words", NULL, "word", WORDS));
    CRM_TRY(names(w, "documents/kinds", NULL, "kind", 1));
    for (const array *a = all; a->name; a++)
        CRM_TRY(crm_store_write(w, a->name, 0, a->dim[0], a->data));
    for (int t = 0; t < TARGETS; t++)
        CRM_TRY(write_target(w, s, t));
    return CRM_OK;
}

static crm_status run(const char *path, int64_t rows, bool ragged)
{
    crm_store_writer *w = NULL;
    sample s = {0};
    crm_status st = CRM_OK;

    CRM_TRY_TO(st, done, sample_new(rows, &s));
    fill(&s, ragged);
    CRM_TRY_TO(st, done, crm_store_create(NULL, path, "crmpi-dataset", &w));
    CRM_TRY_TO(st, done, write_sample(w, &s));
    st = crm_store_commit(&w, NULL);
done:
    crm_store_abandon(&w);
    sample_free(&s);
    return st;
}

int main(int argc, char **argv)
{
    int64_t rows = 0;
    bool ragged = argc == 4 && strcmp(argv[3], "ragged") == 0;

    if (argc < 3 || argc > 4 || (argc == 4 && !ragged) ||
        !crm_parse_i64(argv[2], strlen(argv[2]), &rows) || rows < 1) {
        fprintf(stderr, "usage: %s FILE ROWS [ragged]\n", argv[0]);
        return 2;
    }
    if (run(argv[1], rows, ragged) == CRM_OK) return 0;
    fprintf(stderr, "%s: %s\n", argv[0], crm_err_text());
    return 3;
}
