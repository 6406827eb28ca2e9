/* small_data.h - small data sets in a temporary folder, for the tests of transforms and estimators.
 */
#ifndef CRM_SMALL_DATA_H
#define CRM_SMALL_DATA_H

#include <stdlib.h>
#include <unistd.h>

#include "crm_test_mpi.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/estimator.h"
#include "crmpi/store.h"

/* Options text.* as they are by default, without what no transform reads. */
#define SD_TEXT                                                                                    \
    {                                                                                              \
        .min_count = 2, .max_words = 20000, .fold = true, .stop_words = "none",                    \
        .negation_span = 3, .buckets = 1000                                                        \
    }
enum { SD_CATS = 4 };
/* What a data set holds; everything is borrowed.  n_num or n_cat 0: no such columns. */
typedef struct sd_spec {
    int64_t n;
    int64_t n_num, n_cat, n_classes;
    const char *const *num_name, *const *cat_name;
    const float *num;
    const int32_t *cat;
    int64_t n_levels[SD_CATS];
    const char *const *level[SD_CATS];
    const char *const *class_name;
    const int32_t *label;
    const int64_t *group; /* duplicates; NULL: none */
    /* events: one number, one category; NULL first: none */
    const int64_t *event_first;
    const float *event_time, *event_value;
    /* documents of one kind; NULL first: none */
    const int64_t *doc_first, *token_first;
    const int32_t *token;
    int64_t n_words;
    const char *const *word;
} sd_spec;

static char sd_dir[CRM_PATH_MAX];

static inline void sd_begin(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(sd_dir, sizeof sd_dir, "%s/crmpi-small-XXXXXX", base && *base ? base : "/tmp");
    if (crm_comm_rank(t_comm) == 0 && !mkdtemp(sd_dir)) sd_dir[0] = '\0';
    if (crm_comm_bcast(t_comm, 0, sd_dir, sizeof sd_dir)) sd_dir[0] = '\0';
}

static inline void sd_end(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(sd_dir));
}

static inline crm_status sd_put(crm_store_writer *w, const char *name, crm_dtype t, int64_t n,
                                int64_t width, const void *data)
{
    CRM_TRY(crm_store_define(w, name, t, width ? 2 : 1, (int64_t[]){n, width}, NULL));
    return crm_store_write(w, name, 0, n, data);
}

static inline crm_status sd_profile(crm_store_writer *w, const sd_spec *s)
{
    char name[64];

    if (s->n_num) {
        CRM_TRY(sd_put(w, "profile/num", CRM_F32, s->n, s->n_num, s->num));
        CRM_TRY(crm_store_attr_list(w, "profile/num", "columns", s->n_num, s->num_name));
    }
    if (s->n_cat) {
        CRM_TRY(sd_put(w, "profile/cat", CRM_I32, s->n, s->n_cat, s->cat));
        CRM_TRY(crm_store_attr_list(w, "profile/cat", "columns", s->n_cat, s->cat_name));
    }
    for (int k = 0; k < s->n_cat; k++) {
        snprintf(name, sizeof name, "profile/levels/%d", k);
        CRM_TRY(crm_store_texts(w, name, s->n_levels[k], s->level[k]));
    }
    return CRM_OK;
}

static inline crm_status sd_events(crm_store_writer *w, const sd_spec *s)
{
    static const char *const kind[] = {"order"}, *const number[] = {"amount"};
    int64_t n = s->event_first[s->n];
    int32_t *zero = crm_mem_new((size_t)n, sizeof *zero);
    crm_status st;

    CRM_TRY(sd_put(w, "events/first", CRM_I64, s->n + 1, 0, s->event_first));
    CRM_TRY(sd_put(w, "events/time", CRM_F32, n, 0, s->event_time));
    CRM_TRY(sd_put(w, "events/value", CRM_F32, n, 1, s->event_value));
    CRM_TRY(crm_store_attr_list(w, "events/value", "columns", 1, number));
    CRM_TRY(crm_store_texts(w, "events/categories", 1, kind));
    st = sd_put(w, "events/category", CRM_I32, n, 0, zero);
    crm_mem_free(zero);
    return st;
}

static inline crm_status sd_documents(crm_store_writer *w, const sd_spec *s)
{
    static const char *const kind[] = {"review"};
    int64_t n = s->doc_first[s->n];
    int32_t *zero = crm_mem_new((size_t)n, sizeof *zero);
    crm_status st;

    CRM_TRY(sd_put(w, "documents/first", CRM_I64, s->n + 1, 0, s->doc_first));
    CRM_TRY(sd_put(w, "documents/token_first", CRM_I64, n + 1, 0, s->token_first));
    CRM_TRY(sd_put(w, "documents/time", CRM_F32, n, 0, zero)); /* bits of 0 */
    CRM_TRY(sd_put(w, "documents/token", CRM_I32, s->token_first[n], 0, s->token));
    CRM_TRY(crm_store_texts(w, "documents/kinds", 1, kind));
    CRM_TRY(crm_store_texts(w, "documents/words", s->n_words, s->word));
    st = sd_put(w, "documents/kind", CRM_I32, n, 0, zero);
    crm_mem_free(zero);
    return st;
}

static inline crm_status sd_fill(crm_store_writer *w, const sd_spec *s)
{
    CRM_TRY(crm_store_attr_i64(w, "", "rows", s->n));
    CRM_TRY(crm_store_attr_text(w, "", "source_digest", ""));
    CRM_TRY(sd_profile(w, s));
    if (s->group) CRM_TRY(sd_put(w, "group/number", CRM_I64, s->n, 0, s->group));
    if (s->event_first) CRM_TRY(sd_events(w, s));
    if (s->doc_first) CRM_TRY(sd_documents(w, s));
    CRM_TRY(sd_put(w, "target/y/label", CRM_I32, s->n, 0, s->label));
    CRM_TRY(crm_store_attr_text(w, "target/y/label", "level", "customer"));
    return crm_store_attr_list(w, "target/y/label", "classes", s->n_classes, s->class_name);
}

static inline crm_status sd_write(const char *path, const sd_spec *s)
{
    crm_store_writer *w;
    crm_status st;

    CRM_TRY(crm_store_create(NULL, path, "crmpi-dataset", &w));
    st = sd_fill(w, s);
    if (st) {
        crm_store_abandon(&w);
        return st;
    }
    return crm_store_commit(&w, NULL);
}

/* Rank 0 writes, all open. */
static inline crm_status sd_open(const char *name, const sd_spec *s, crm_data **out)
{
    char path[CRM_PATH_MAX + 64];
    crm_status st = CRM_OK;

    *out = NULL;
    snprintf(path, sizeof path, "%s/%s.h5", sd_dir, name);
    if (crm_comm_rank(t_comm) == 0) st = sd_write(path, s);
    CRM_TRY(crm_comm_agree(t_comm, st));
    return crm_data_open(path, out);
}

/* ---- a larger data set: three leaves; missing values, ties, a constant and an empty column ----
 */
enum { SD_ROWS = 9000, SD_NUM = 6, SD_BIG_CATS = 2, SD_CLASSES = 4 };
static const char *const sd_num_name[] = {"normal", "skewed", "ties", "constant", "empty", "holes"};
static const char *const sd_cat_name[] = {"region", "plan"};
static const char *const sd_region[] = {"north", "east", "south", "west", "nowhere"};
static const char *const sd_plan[] = {"basic", "plus"};
/* "once" has one row, "never" none */
static const char *const sd_class[] = {"no", "yes", "once", "never"};

static inline void sd_row(int64_t i, float *x, int32_t *c, int32_t *y)
{
    crm_rng r = crm_rng_at(5, CRM_RNG_TEST, 0, (uint64_t)i);

    x[0] = (float)crm_rng_normal(&r);
    x[1] = (float)crm_rng_exponential(&r) * 1000;
    x[2] = (float)crm_rng_below(&r, 7);
    x[3] = 0.1F;
    x[4] = NAN;
    x[5] = crm_rng_below(&r, 3) ? (float)crm_rng_normal(&r) - 5 : NAN;
    c[0] = (int32_t)crm_rng_below(&r, 5) - 1; /* -1..3: "nowhere" never occurs */
    c[1] = (int32_t)crm_rng_below(&r, 2);
    *y = crm_rng_normal(&r) + x[0] + 0.2F * x[2] > 1 + c[1];
    if (i == 4711) *y = 2;
}

static inline crm_status sd_open_large(const char *name, int64_t n, crm_data **out)
{
    float *num = crm_mem_new((size_t)(n * SD_NUM), sizeof *num);
    int32_t *cat = crm_mem_new((size_t)(n * SD_BIG_CATS), sizeof *cat);
    int32_t *label = crm_mem_new((size_t)n, sizeof *label);
    sd_spec s = {.n = n,
                 .n_num = SD_NUM,
                 .n_cat = SD_BIG_CATS,
                 .n_classes = SD_CLASSES,
                 .num_name = sd_num_name,
                 .cat_name = sd_cat_name,
                 .num = num,
                 .cat = cat,
                 .n_levels = {5, 2},
                 .level = {sd_region, sd_plan},
                 .class_name = sd_class,
                 .label = label};
    crm_status st;

    for (int64_t i = 0; i < n; i++)
        sd_row(i, num + i * SD_NUM, cat + i * SD_BIG_CATS, label + i);
    st = sd_open(name, &s, out);
    crm_mem_free(num);
    crm_mem_free(cat);
    crm_mem_free(label);
    return st;
}
#endif
