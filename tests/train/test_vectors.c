/* test_vectors.c - word vectors that the text branch begins with, from a file or learnt from the
 * training texts: the same bits lane by lane, in one call and on any number of ranks; a table that
 * is frozen keeps the bytes of the file; learnt ones see the training texts only.
 * ranks: 1 2 3 4 timeout: 180 */
#include "crmpi/embed.h"
#include "whole_fit.h"

static outcome lanes_alone, whole_alone, whole_all, kept_all;
static char vectors[4][192];
enum { V_EVEN, V_TELLING, V_ALIKE, V_WIDE };
#define TEXT_ONLY                                                                                  \
    SMALL, "model.columns=none", "model.months=", "model.rnn=none", "train.validation=0",          \
        "model.text_kernels=1"

/* One rank lane by lane, against one call: alone, on all ranks, and with rows that stay. */
static void compare(const char *const *sets, int n)
{
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 2}, sets, n, &lanes_alone);
    fit_one(alone, (way){.whole = true, .threads = 1}, sets, n, &whole_alone);
    fit_one(t_comm, (way){.whole = true, .threads = 2}, sets, n, &whole_all);
    fit_one(t_comm, (way){.whole = true, .resident = true, .threads = 1}, sets, n, &kept_all);
    same(&lanes_alone, &whole_alone);
    same(&lanes_alone, &whole_all);
    same(&lanes_alone, &kept_all);
    crm_comm_free(&alone);
}

static void same_bits_fold(void)
{
    compare(SETS(SMALL, HEADS, "model.text_vectors=fold", "train.members=2", "train.epochs=2"));
    compare(SETS(SMALL, HEADS, "model.text_vectors=fold", "model.text=gru", "train.epochs=2",
                 "model.text_frozen=true", "model.text_spread=0.2"));
}

static void file_option(int which, char text[256])
{
    snprintf(text, 256, "model.text_vectors=%s", vectors[which]);
}

static void same_bits_file(void)
{
    char file[256];

    file_option(V_EVEN, file);
    compare(SETS(SMALL, HEADS, file, "train.epochs=2"));
    compare(SETS(SMALL, HEADS, file, "train.epochs=2", "model.text_frozen=true"));
}

/* ---- what the table is after a fit ---- */

/* Row i is that of the i-th most frequent word; what is returned is the bag's. */
static const float *table_of(fitted *f, crm_bag **bag, int64_t *words, const char *const **word)
{
    const crm_bag_array *a = NULL;
    crm_bag *b = NULL;

    T_OK(crm_bag_new(&b));
    T_OK(crm_pipeline_save(f->pipe, b));
    T_OK(crm_bag_push(b, "estimator"));
    T_OK(crm_bag_get(b, "temb.weight", CRM_F32, -1, &a));
    T_OK(crm_bag_get_list(b, "blocks/words", words, word));
    T_EQ_I(a->dim[0], *words + 1);
    *bag = b;
    return a->data;
}

/* Rows of words with an even number, "word8", against those that were written: (8 + k) / 16; words
 * in capitals are found by their folded form. */
static void file_is_kept(void)
{
    int64_t n, kept = 0;
    const char *const *word;
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *bag;
    const float *x;
    char file[256];

    file_option(V_EVEN, file);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, file, "model.text_frozen=true", "optim.weight_decay=0.5"), &f));
    x = table_of(&f, &bag, &n, &word);
    T_EQ_I(n, WORDS);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < 6; k++) {
            int id = atoi(word[i] + 4);
            float want = (float)(id + k) / 16;
            if (id % 2 == 0) kept += x[(i + 1) * 6 + k] == want;
            if (id % 2) T_CHECK(x[(i + 1) * 6 + k] != 0 && fabs((double)x[(i + 1) * 6 + k]) < 9);
        }
    T_EQ_I(kept, WORDS / 2 * 6);
    crm_bag_free(&bag);
    drop(&f);
}

/* Learnt with the net: the same rows move, those of words that never occur again do not matter. */
static void file_is_tuned(void)
{
    int64_t n, moved = 0;
    const char *const *word;
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *bag;
    const float *x;
    char file[256];

    file_option(V_EVEN, file);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1, SETS(SMALL, file), &f));
    x = table_of(&f, &bag, &n, &word);
    for (int64_t i = 0; i < n; i++) {
        int id = atoi(word[i] + 4);
        moved += id % 2 == 0 && x[(i + 1) * 6] != (float)id / 16;
    }
    T_CHECK(moved > WORDS / 4);
    crm_bag_free(&bag);
    drop(&f);
}

/* All numbers of given vectors have this root mean square, as have first ones of other words. */
static void spread(void)
{
    int64_t n;
    double given = 0, others = 0, rest = 0;
    const char *const *word;
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *bag;
    const float *x;
    char file[256];

    file_option(V_EVEN, file);
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, file, "model.text_frozen=true", "model.text_spread=0.25"), &f));
    x = table_of(&f, &bag, &n, &word);
    for (int64_t i = 0; i < 6 * n; i++) {
        double v = (double)x[6 + i] * (double)x[6 + i];
        if (atoi(word[i / 6] + 4) % 2 == 0)
            given += v;
        else
            others += v;
    }
    T_NEAR(sqrt(given / (double)(WORDS / 2 * 6)), 0.25, 1e-6);
    T_NEAR(sqrt(others / (double)(WORDS / 2 * 6)), 0.25, 0.1); /* 72 normal numbers */
    crm_bag_free(&bag);
    drop(&f);
    f = (fitted){.parts = CRM_FLAT_PROFILE}; /* without vectors */
    T_OK(fit_on(t_comm, path[FILE_PLAIN], 1,
                SETS(SMALL, "model.text_frozen=true", "model.text_spread=0.25"), &f));
    x = table_of(&f, &bag, &n, &word);
    for (int64_t i = 0, all = 6 * n; i < all; i++)
        rest += (double)x[6 + i] * (double)x[6 + i] / (double)all;
    T_NEAR(sqrt(rest), 0.25, 0.08);
    crm_bag_free(&bag);
    drop(&f);
}

/* ---- learning ---- */

/* Loss of the moods (which of word0, word1, word2 a document has) at the end of a fit. */
static double mood_loss(const char *const *sets, int n)
{
    enum { MOOD = 7 + 2 * 1 }; /* place in what whole_fit.h notes of an epoch */
    const int each = 7 + 2 * 2;

    fit_one(t_comm, (way){.threads = 2}, sets, n, &lanes_alone);
    T_OK(lanes_alone.st);
    T_CHECK(lanes_alone.heard.n >= each);
    return lanes_alone.heard.x[lanes_alone.heard.n - each + MOOD];
}

/* Frozen vectors that are all alike tell no words apart; those that tell them do; and learnt with
 * the net the former do. */
static void frozen_vectors_decide(void)
{
    char alike[256], telling[256];
    double base, told, tuned;

    file_option(V_ALIKE, alike);
    file_option(V_TELLING, telling);
#define LEARN "model.heads=mood", "train.epochs=25", "optim.lr=0.02"
    base = mood_loss(SETS(TEXT_ONLY, LEARN, alike, "model.text_frozen=true"));
    told = mood_loss(SETS(TEXT_ONLY, LEARN, telling, "model.text_frozen=true"));
    tuned = mood_loss(SETS(TEXT_ONLY, LEARN, alike));
    T_CHECK(base > 0.8); /* log 3 = 1.10 for three equally frequent ones */
    T_CHECK(told < 0.5);
    T_CHECK(tuned < 0.7);
}

/* Smoothed labels cost more in training, as do words that are left out; what validation tells of
 * the same weights stays. */
static void in_training_only(void)
{
    static const char *const more[] = {"train.threads=1", "train.label_smoothing=0.4",
                                       "model.text_dropout=0.5"};
    enum { TRAIN = 1, VALID = 2 };
    double plain[VALID + 1] = {0};

    for (int i = 0; i < 3; i++) {
        const double *x = lanes_alone.heard.x;
        fit_one(t_comm, (way){.threads = 1},
                SETS(SMALL, "train.epochs=1", "optim.lr=0", "train.validation=0.3",
                     "train.patience=1", "model.dropout=0", "train.prior_start=false", more[i]),
                &lanes_alone);
        T_OK(lanes_alone.st);
        T_CHECK(lanes_alone.heard.n > VALID);
        if (i == 0) memcpy(plain, x, sizeof plain);
        T_CHECK(x[VALID] == plain[VALID]);
        T_CHECK((x[TRAIN] == plain[TRAIN]) == (i == 0));
    }
}

/* ---- which texts are learnt from ---- */

static crm_digest digest_of(int file, const char *more)
{
    outcome *o = &lanes_alone;

    fit_one(t_comm, (way){.threads = 1, .file = path[file], .rows = LATE},
            SETS(SMALL, "train.epochs=1", "model.text_vectors=fold", more), o);
    T_OK(o->st);
    return o->weights;
}

/* The files differ in texts of rows that are not learnt from. */
static void only_training_texts(void)
{
    crm_digest a = digest_of(FILE_PLAIN, "train.threads=1");
    crm_digest b = digest_of(FILE_UNKNOWN, "train.threads=1");

    T_CHECK(crm_digest_equal(a, b));
    a = digest_of(FILE_PLAIN, "model.text_transductive=true");
    T_CHECK(!crm_digest_equal(a, b));
    a = digest_of(FILE_PLAIN, "embed.window=2");
    T_CHECK(!crm_digest_equal(a, digest_of(FILE_PLAIN, "train.threads=1")));
}

/* ---- what is refused ---- */
static void refused(void)
{
    char file[256], text[256];

    file_option(V_WIDE, file);
    fit_one(t_comm, (way){.threads = 1}, SETS(SMALL, file), &lanes_alone);
    T_EQ_I(lanes_alone.st, CRM_ERR_CONFIG);
    snprintf(text, sizeof text, "have 7 numbers, model.text_dim is 6; set model.text_dim to 7");
    T_CHECK(strstr(lanes_alone.text, text) != NULL);
    crm_err_clear();
    fit_one(t_comm, (way){.threads = 1}, SETS(SMALL, "model.text_vectors=/nowhere/v.txt"),
            &lanes_alone);
    T_EQ_I(lanes_alone.st, CRM_ERR_IO);
    T_CHECK(strstr(lanes_alone.text, "/nowhere/v.txt") != NULL);
    crm_err_clear();
}

/* Texts without a word, and data without texts. */
static void nothing_to_learn_from(void)
{
    fit_one(t_comm, (way){.threads = 1, .file = path[FILE_EMPTY]},
            SETS(SMALL, "train.epochs=1", "model.text_vectors=fold"), &lanes_alone);
    T_OK(lanes_alone.st);
}

static void found_is_told(void)
{
    char file[256];

    file_option(V_EVEN, file);
    fit_one(t_comm, (way){.threads = 1, .listen = true}, SETS(SMALL, "train.epochs=1", file),
            &lanes_alone);
    T_OK(lanes_alone.st);
    T_CHECK(crm_comm_rank(t_comm) > 0 ||
            strstr(lanes_alone.log, "12 of 24 words of the vocabulary have a vector in "));
}

/* ---- files ---- */

/* Value k of the vector of word `id`. */
static double value(int which, int id, int k)
{
    if (which == V_EVEN) return (id + k) / 16.0;
    if (which == V_TELLING) return id < 3 ? (k == id) * 2.0 : 0;
    return 0.5;
}

static void write_vectors(int which)
{
    FILE *f;

    snprintf(vectors[which], sizeof vectors[which], "%s/v%d.txt", folder, which);
    if (crm_comm_rank(t_comm) > 0) return;
    f = fopen(vectors[which], "w");
    if (!f) abort();
    for (int id = 0; id < WORDS; id += which == V_EVEN ? 2 : 1) {
        fprintf(f, id % 4 ? "word%d" : "Word%d", id);
        for (int k = 0; k < (which == V_WIDE ? 7 : 6); k++)
            fprintf(f, " %.9g", value(which, id, k));
        fprintf(f, "\n");
    }
    if (fclose(f)) abort();
}

static void make_vectors(void)
{
    int64_t done = 0;

    for (int i = V_EVEN; i <= V_WIDE; i++)
        write_vectors(i);
    T_OK(crm_comm_bcast(t_comm, 0, &done, sizeof done)); /* all wait for the files */
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"files", make_vectors},
                                   {"fold: same bits", same_bits_fold},
                                   {"file: same bits", same_bits_file},
                                   {"a frozen table keeps the file's bytes", file_is_kept},
                                   {"a table that is not frozen is learnt", file_is_tuned},
                                   {"spread", spread},
                                   {"frozen vectors decide what is learnt", frozen_vectors_decide},
                                   {"smoothing and dropout in training only", in_training_only},
                                   {"only training texts", only_training_texts},
                                   {"refused", refused},
                                   {"nothing to learn from", nothing_to_learn_from},
                                   {"found words are told", found_is_told},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
