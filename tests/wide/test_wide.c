/* test_wide.c - n-grams as the wide part of the net: the same bits lane by lane and in one call, on
 * any number of ranks and threads, with columns that stay and columns that are made again, through
 * stops; model files; other data by name; what only the wide part can see; a value that is not
 * finite.
 * ranks: 1 2 3 4 timeout: 120 */
#include "../feature/small_data.h"
#include "../train/state_fit.h"
#include "crmpi/feature.h"
#include "crmpi/stats.h"

static const crm_grams_cfg WORD_PAIRS = {.words = 2,
                                         .bits = 18,
                                         .min_count = 2,
                                         .max_columns = 1000000,
                                         .sublinear = true,
                                         .text = SD_TEXT};
static const crm_grams_cfg ALL_GRAMS = {.words = 2,
                                        .chars_from = 2,
                                        .chars_to = 4,
                                        .bits = 18,
                                        .min_count = 2,
                                        .max_columns = 1000000,
                                        .sublinear = true,
                                        .text = SD_TEXT};

static void with_grams(const crm_grams_cfg *cfg)
{
    before_net = &crm_grams_class;
    before_net_cfg = cfg;
}

/* ---- the same bits ---- */

static outcome first, other;

/* One rank lane by lane, against all ways. */
static void compare(const char *const *sets, int n)
{
    static const way ways[] = {{.threads = 2},
                               {.whole = true, .threads = 1},
                               {.whole = true, .resident = true, .threads = 2}};
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 1}, sets, n, &first);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        fit_one(t_comm, ways[i], sets, n, &other);
        same(&first, &other);
    }
    crm_comm_free(&alone);
}

static void same_bits(void)
{
    with_grams(&ALL_GRAMS);
    compare(SETS(SMALL, HEADS, "model.wide_rate=1", "model.dropout=0.2", "optim.clip_norm=0.5",
                 "optim.weight_decay=0.1", "optim.lr=0.02", "train.prior_start=false"));
    compare(SETS(SMALL, "model.wide_rate=0.3", "train.cache_bytes=0", "train.lanes=2",
                 "train.lane_rows=13", "train.members=2", "optim.kind=sgd", "optim.lr=0.05",
                 "train.prior_start=false"));
    with_grams(&WORD_PAIRS);
    compare(SETS(SMALL, "model.wide_rate=3", "model.text=none", "train.lanes=16",
                 "train.lane_rows=7", "train.refit=false"));
}

/* Rows that fit beside the numbers and codes, and rows that do not. */
static void any_cache(void)
{
    static const char *const cache[] = {"train.cache_bytes=0", "train.cache_bytes=3000",
                                        "train.cache_bytes=40000", "train.cache_bytes=1000000"};

    with_grams(&ALL_GRAMS);
    for (int i = 0; i < 4; i++) {
        fit_one(t_comm, (way){.threads = 2},
                SETS(SMALL, "model.wide_rate=1", "train.epochs=1", cache[i]),
                i > 0 ? &other : &first);
        if (i > 0) same(&first, &other);
    }
}

static void stops(void)
{
    with_grams(&ALL_GRAMS);
    compare_chain(&(chain){.stride = 5,
                           .n_ways = 3,
                           .way = {{.threads = 1},
                                   {.whole = true, .threads = 1},
                                   {.whole = true, .resident = true, .threads = 2}}},
                  SETS(SMALL, "train.lane_rows=14", "model.wide_rate=1", "optim.lr=0.02",
                       "train.prior_start=false"));
}

/* ---- model files ---- */

static const crm_bag_array *weights_of(const crm_bag *b)
{
    return crm_bag_find(b, "estimator/wide.weight");
}

static void save_and_load(void)
{
    static double before[2 * ROWS], after[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_pipeline *again = NULL;
    crm_bag *bag = NULL;
    double sum = 0;

    with_grams(&ALL_GRAMS);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, HEADS, "model.wide_rate=1", "train.prior_start=false"), &f));
    T_OK(predict_on(f.pipe, path[FILE_PLAIN], before));
    T_OK(crm_bag_new(&bag));
    T_OK(crm_pipeline_save(f.pipe, bag));
    T_CHECK(weights_of(bag) != NULL);
    for (int64_t i = 0; weights_of(bag) && i < weights_of(bag)->n; i++)
        sum += fabs((double)((const float *)weights_of(bag)->data)[i]);
    T_CHECK(sum > 0);
    T_OK(crm_pipeline_new(&f.spec, &again));
    T_OK(crm_pipeline_load(again, f.data, bag));
    T_OK(predict_on(again, path[FILE_PLAIN], after));
    T_CHECK(difference(before, after, 0) == 0);
    T_OK(predict_on(again, path[FILE_SHUFFLED], after)); /* another dictionary */
    T_CHECK(difference(before, after, 0) == 0);
    for (int64_t i = 0; i < ROWS; i += 50) {
        T_OK(crm_pipeline_predict(again, f.data, &i, 1, after));
        T_CHECK(after[1] == before[2 * i + 1]);
    }
    *(int64_t *)crm_bag_find(bag, "estimator/blocks/sparse")->data = 3;
    crm_pipeline_free(&again);
    T_OK(crm_pipeline_new(&f.spec, &again));
    T_FAILS(crm_pipeline_load(again, f.data, bag), CRM_ERR_FORMAT,
            "the wide part of the net has 3 columns, there are ");
    crm_pipeline_free(&again);
    crm_bag_free(&bag);
    drop(&f);
}

/* Rate 0: the net is what it is without n-grams. */
static void off(void)
{
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *bag = NULL;

    with_grams(&ALL_GRAMS);
    fit_one(t_comm, (way){.threads = 1}, SETS(SMALL, "model.wide_rate=0"), &first);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, "model.wide_rate=0"), &f));
    T_OK(crm_bag_new(&bag));
    T_OK(crm_pipeline_save(f.pipe, bag));
    T_CHECK(!weights_of(bag) && !crm_bag_find(bag, "estimator/blocks/sparse"));
    crm_bag_free(&bag);
    drop(&f);
    before_net = NULL;
    fit_one(t_comm, (way){.threads = 1}, SETS(SMALL, "model.wide_rate=1"), &other);
    T_CHECK(memcmp(first.proba, other.proba, sizeof first.proba) == 0);
    T_CHECK(first.heard.n == other.heard.n);
    T_CHECK(memcmp(first.heard.x, other.heard.x, sizeof first.heard.x) == 0);
}

/* Documents of other rows, as permutation importance has them: a net of documents alone says of a
 * row what it says of the row that they are from. */
static void documents_of_others(void)
{
    static double own[2 * ROWS], theirs[2 * ROWS];
    fitted f = {.parts = 0};
    int64_t row[ROWS], from[ROWS], n = ROWS;
    crm_data *d = NULL;

    with_grams(&ALL_GRAMS);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, "model.columns=none", "model.months=", "model.rnn=none",
                     "model.wide_rate=1", "train.prior_start=false"),
                &f));
    for (int64_t i = 0; i < n; i++) {
        row[i] = i;
        from[i] = (i + 100) % n;
    }
    T_OK(crm_pipeline_predict(f.pipe, f.data, row, n, own));
    T_OK(crm_data_recombine(f.data, &(crm_recombine){.n = n, .row = row, .documents = from}, &d));
    T_OK(crm_pipeline_predict(f.pipe, d, row, n, theirs));
    crm_pipeline_forget(f.pipe);
    crm_data_close(&d);
    for (int64_t i = 0; i < n; i++)
        T_CHECK(theirs[2 * i + 1] == own[2 * from[i] + 1]);
    T_CHECK(difference(own, theirs, 0) > 0);
    drop(&f);
}

/* ---- what only the wide part can see ---- */

/* Documents of words drawn at random, and among them "up down" or "down up": the label.  Filters of
 * one word see the same words in both. */
enum { PAIR_ROWS = 700, PAIR_TRAIN = 400, PAIR_WORDS = 20, PAIR_TOKENS = 8 };

static crm_status write_pairs(const char *file)
{
    static const char *const two[] = {"down up", "up down"};
    static int64_t doc_first[PAIR_ROWS + 1], token_first[PAIR_ROWS + 1];
    static int32_t token[PAIR_ROWS * PAIR_TOKENS], label[PAIR_ROWS];
    char text[PAIR_WORDS][16];
    const char *word[PAIR_WORDS] = {"up", "down"};
    const sd_spec s = {.n = PAIR_ROWS,
                       .n_classes = 2,
                       .class_name = two,
                       .label = label,
                       .doc_first = doc_first,
                       .token_first = token_first,
                       .token = token,
                       .n_words = PAIR_WORDS,
                       .word = word};

    for (int i = 2; i < PAIR_WORDS; i++) {
        snprintf(text[i], sizeof text[i], "word%d", i);
        word[i] = text[i];
    }
    for (int64_t i = 0; i < PAIR_ROWS; i++) {
        crm_rng r = crm_rng_at(29, CRM_RNG_TEST, 0, (uint64_t)i);
        int32_t *t = token + i * PAIR_TOKENS;
        int64_t at = (int64_t)crm_rng_below(&r, PAIR_TOKENS - 1);
        for (int k = 0; k < PAIR_TOKENS; k++)
            t[k] = 2 + (int32_t)crm_rng_below(&r, PAIR_WORDS - 2);
        label[i] = (int32_t)crm_rng_below(&r, 2);
        t[at] = !label[i];
        t[at + 1] = label[i];
        doc_first[i + 1] = i + 1;
        token_first[i + 1] = (i + 1) * PAIR_TOKENS;
    }
    return sd_write(file, &s);
}

/* AUC of the rows that were not learnt from. */
static double auc_of_pairs(const char *file, const char *rate)
{
    fitted f = {.rows = PAIR_TRAIN, .target = "y"};
    static double proba[2 * PAIR_ROWS];
    int32_t label[PAIR_ROWS];
    int64_t row[PAIR_ROWS], n = PAIR_ROWS - PAIR_TRAIN;
    crm_auc auc = {0};

    T_OK(fit_on(t_comm, file, 1,
                SETS("train.lane_rows=8", "train.lanes=4", "train.epochs=20", "model.columns=none",
                     "model.text_kernels=1", "model.text_dim=8", "model.text_filters=8",
                     "model.fusion=0", "text.min_count=1", "optim.lr=0.02", rate),
                &f));
    for (int64_t i = 0; i < n; i++)
        row[i] = PAIR_TRAIN + i;
    T_OK(crm_pipeline_predict(f.pipe, f.data, row, n, proba));
    for (int64_t i = 0; i < n; i++) {
        label[i] = crm_data_target(f.data, 0)->label[row[i]];
    }
    T_OK(crm_stats_auc(n, label, 1, proba + 1, 2, &auc));
    drop(&f);
    return auc.value;
}

static void learns_pairs(void)
{
    char file[192];
    double with, without;
    crm_status st = CRM_OK;

    snprintf(file, sizeof file, "%s/pairs.h5", folder);
    if (crm_comm_rank(t_comm) == 0) st = write_pairs(file);
    T_OK(crm_comm_agree(t_comm, st));
    with_grams(&WORD_PAIRS);
    with = auc_of_pairs(file, "model.wide_rate=1");
    without = auc_of_pairs(file, "model.wide_rate=0");
    printf("# AUC with the wide part %.4f, without it %.4f\n", with, without);
    T_CHECK(with > 0.95);
    T_CHECK(without < 0.65);
}

/* ---- columns of the test's own: two of each row, one value is not finite ---- */

enum { BAD_ROW = 77 };

static const crm_schema *nothing_schema(const crm_transform *t)
{
    static const crm_schema none;

    (void)t;
    return &none;
}

static crm_status nothing_make(const void *cfg, crm_transform **t)
{
    (void)cfg;
    CRM_NEW(*t, 1);
    (*t)->class = before_net;
    return CRM_OK;
}

static crm_status nothing_fit(crm_transform *t, const crm_fit *fit, const crm_source *in)
{
    (void)t, (void)fit, (void)in;
    return CRM_OK;
}

static crm_status nothing_apply(const crm_transform *t, const crm_data *data, const crm_schema *s,
                                const crm_block *in, crm_block *to)
{
    (void)t, (void)data, (void)s, (void)in, (void)to;
    return CRM_OK;
}

static void nothing_free(crm_transform *t)
{
    crm_mem_free(t);
}

static int64_t two_width(const crm_transform *t)
{
    (void)t;
    return 5;
}

static crm_status two_sparse(const crm_transform *t, const crm_data *data, const int64_t *row,
                             int64_t n, crm_sparse *to)
{
    (void)t, (void)data;
    for (int64_t i = 0; i < n; i++) {
        CRM_TRY(crm_sparse_add(to, (int32_t)(row[i] % 3), 1));
        CRM_TRY(crm_sparse_add(to, 4, row[i] == BAD_ROW ? INFINITY : 1));
        CRM_TRY(crm_sparse_end_row(to));
    }
    return CRM_OK;
}

static void names_the_row(void)
{
    static const crm_transform_class two = {.name = "two",
                                            .make = nothing_make,
                                            .fit = nothing_fit,
                                            .schema = nothing_schema,
                                            .apply = nothing_apply,
                                            .free = nothing_free,
                                            .sparse_width = two_width,
                                            .sparse = two_sparse};
    char want[32];

    snprintf(want, sizeof want, " (row %d);", BAD_ROW);
    before_net = &two;
    for (int i = 0; i < 3; i++) {
        fit_one(t_comm, (way){.whole = i > 0, .resident = i > 1, .threads = 1},
                SETS(SMALL, "train.validation=0", "model.wide_rate=1"), &other);
        T_EQ_I(other.st, CRM_ERR_NUMERIC);
        T_CHECK(strstr(other.text, want) != NULL);
        crm_err_clear();
    }
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"same bits in all ways", same_bits},
                                   {"any size of the cache", any_cache},
                                   {"stopped and gone on", stops},
                                   {"saved, loaded, the same", save_and_load},
                                   {"switched off", off},
                                   {"documents of other rows", documents_of_others},
                                   {"pairs of words", learns_pairs},
                                   {"names the row that is not finite", names_the_row},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
