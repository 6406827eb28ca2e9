/* test_tagger.c - the fitted tagger: the same bits on any number of ranks and threads, what it
 * learns, its file, hostile words.
 * ranks: 1 2 3 4 */
#include <math.h>

#include "../crm_test_mpi.h"
#include "crmpi/base_path.h"
#include "crmpi/base_str.h"
#include "crmpi/table_conll.h"
#include "crmpi/tagger.h"

/* Sentences such as "we fly to Lisbon with Anna Brandt today": names of people have two words,
 * those of places one, and what stands before them tells which is which. */
static void add_sentence(int i, crm_str *s)
{
    static const char *const place[] = {"Lisbon", "Oslo", "Graz", "Turin", "Malm\xC3\xB6", "Ghent"};
    static const char *const first[] = {"Anna", "Jo\xC3\xA3o", "Eva", "Karl", "Mia", "Otto"};
    static const char *const last[] = {"Brandt", "Silva", "Novak", "Weber", "Rossi", "Larsen"};

    crm_str_addf(s, "we O\nfly O\nto O\n%s B-place\nwith O\n", place[i % 6]);
    crm_str_addf(s, "%s B-person\n%s I-person\n", first[i / 6 % 6], last[i * 5 % 6]);
    crm_str_addf(s, "%s O\n\n", i % 3 ? "today" : "\xF0\x9F\x98\x80");
}

static crm_data *open_text(const char *name, const char *text, size_t len)
{
    char conll[CRM_PATH_MAX], store[CRM_PATH_MAX], file[64];
    const crm_conll_cfg cfg = {.format = CRM_TABLE_CONLL, .test_path = ""};
    crm_conll_info info;
    crm_data *d = NULL;
    crm_status st = CRM_OK;

    snprintf(file, sizeof file, "%s.conll", name);
    t_in_folder(file, conll);
    snprintf(file, sizeof file, "%s.h5", name);
    t_in_folder(file, store);
    if (crm_comm_rank(t_comm) == 0) st = crm_path_write_atomic(conll, text, len);
    T_OK(crm_comm_agree(t_comm, st));
    T_OK(crm_conll_import(t_comm, &cfg, "", conll, store, &info));
    T_OK(crm_data_open(store, &d));
    return d;
}

static crm_data *open_sentences(int n)
{
    crm_str s = {0};
    crm_data *d;

    for (int i = 0; i < n; i++)
        add_sentence(i, &s);
    d = open_text("train", s.text, s.len);
    crm_str_free(&s);
    return d;
}

static const crm_tagger_cfg CFG = {.l2 = 0.5,
                                   .max_iter = 25,
                                   .tol = 1e-6,
                                   .bits = 14,
                                   .min_count = 1,
                                   .lanes = 8,
                                   .gazetteer = true,
                                   .choose_bias = true,
                                   .holdout = 0.2,
                                   .vectors = "",
                                   .clusters = 8};

static crm_status fit_cfg(const crm_tagger_cfg *cfg, crm_comm *comm, int threads, const crm_data *d,
                          crm_estimator **out)
{
    crm_view *v = NULL;
    crm_pool *pool = NULL;
    crm_status st;

    CRM_TRY(crm_tagger_class.make(cfg, out));
    CRM_TRY(crm_view_labelled(d, 0, &v));
    CRM_TRY(crm_pool_new(threads, &pool));
    st = crm_tagger_class.fit(
        *out, &(crm_fit){.comm = comm, .pool = pool, .train = v, .target = 0, .seed = 5}, NULL);
    crm_pool_free(&pool);
    crm_view_free(&v);
    return st;
}

static crm_status fit_with(crm_comm *comm, int threads, const crm_data *d, crm_estimator **out)
{
    return fit_cfg(&CFG, comm, threads, d, out);
}

static crm_digest digest_of(const crm_estimator *e)
{
    crm_digest out = {0};
    crm_bag *b = NULL;

    T_OK(crm_bag_new(&b));
    T_OK(crm_tagger_class.save(e, b));
    T_OK(crm_bag_digest(b, NULL, &out));
    crm_bag_free(&b);
    return out;
}

/* Tags of all rows; returns how many are those of the data. */
static int64_t tag_all(crm_estimator *e, const crm_data *d, int32_t *tag)
{
    int64_t row[512], n = crm_data_rows(d), right = 0;

    for (int64_t i = 0; i < n; i++)
        row[i] = i;
    T_OK(crm_tagger_class.decode(e, d, row, n, tag));
    for (int64_t i = 0; i < crm_data_documents(d)->n_tokens; i++)
        right += tag[i] == crm_data_target(d, 0)->label[i];
    return right;
}

/* All ranks together, with three threads, against this rank alone. */
static void same_bits_with(const crm_tagger_cfg *cfg)
{
    crm_data *d = open_sentences(80);
    crm_estimator *all = NULL, *one = NULL;
    crm_comm *self = NULL;
    int32_t a[4096], b[4096];
    int64_t tokens = crm_data_documents(d)->n_tokens;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &self));
    T_OK(fit_cfg(cfg, t_comm, 3, d, &all));
    T_OK(fit_cfg(cfg, self, 1, d, &one));
    T_CHECK(crm_digest_equal(digest_of(all), digest_of(one)));
    T_EQ_I(tag_all(all, d, a), tokens); /* the sentences leave no doubt */
    tag_all(one, d, b);
    T_CHECK(memcmp(a, b, (size_t)tokens * sizeof *a) == 0);
    crm_tagger_class.free(all);
    crm_tagger_class.free(one);
    crm_comm_free(&self);
    crm_data_close(&d);
}

static void same_bits(void)
{
    same_bits_with(&CFG);
}

/* 1,200 words in 8 heaps; and a file that has none. */
static void same_bits_with_clusters(void)
{
    crm_tagger_cfg cfg = CFG;
    crm_str s = {0};
    char path[CRM_PATH_MAX];
    crm_estimator *e = NULL;
    crm_data *d;
    crm_status st = CRM_OK;

    for (int i = 0; i < 1200; i++)
        crm_str_addf(&s, "%s%d %d %d %d.%d\n", i % 2 ? "Oslo" : "anna", i, i & 1 ? 3 : -3,
                     i & 2 ? 2 : -2, i & 4 ? 1 : -1, i % 10);
    t_in_folder("vectors.txt", path);
    if (crm_comm_rank(t_comm) == 0) st = crm_path_write_atomic(path, s.text, s.len);
    T_OK(crm_comm_agree(t_comm, st));
    crm_str_free(&s);
    cfg.vectors = path;
    same_bits_with(&cfg);
    cfg.vectors = "no/such/file";
    d = open_sentences(8);
    T_EQ_I(fit_cfg(&cfg, t_comm, 1, d, &e), CRM_ERR_IO);
    if (e) crm_tagger_class.free(e);
    crm_data_close(&d);
}

static void loads_what_it_saved(void)
{
    crm_data *d = open_sentences(40);
    crm_estimator *e = NULL, *f = NULL;
    crm_bag *b = NULL;

    T_OK(fit_with(t_comm, 1, d, &e));
    T_OK(crm_bag_new(&b));
    T_OK(crm_tagger_class.save(e, b));
    T_OK(crm_tagger_class.make(&CFG, &f));
    T_OK(crm_tagger_class.load(f, NULL, crm_data_target(d, 0)->n_classes, b));
    T_CHECK(crm_digest_equal(digest_of(e), digest_of(f)) || crm_data_documents(d)->n_tokens > 0);
    int32_t x[4096], y[4096];
    tag_all(e, d, x);
    tag_all(f, d, y);
    T_CHECK(memcmp(x, y, (size_t)crm_data_documents(d)->n_tokens * sizeof *x) == 0);
    T_EQ_I(crm_tagger_class.load(f, NULL, 2, b), CRM_ERR_FORMAT); /* of other classes */
    crm_tagger_class.free(e);
    crm_tagger_class.free(f);
    crm_bag_free(&b);
    crm_data_close(&d);
}

/* Words that no sentence had: the shape of names, emoji, another script, 256 bytes, lone marks. */
static void tags_new_words(void)
{
    static const char text[] =
        "we\nfly\nto\nBergen\nwith\nIda\nMeyer\ntoday\n\n"
        "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\n\n\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D\n"
        "\xE2\x80\x8B\n\xCC\x81\n'\n@@@\n\n";
    static const int32_t want[] = {0, 0, 0, 3,
                                   0, 1, 2, 0}; /* O B-person I-person B-place I-place */
    crm_data *d = open_sentences(80), *other;
    crm_estimator *e = NULL;
    crm_str s = {0};
    int32_t tag[64];

    crm_str_add(&s, text, sizeof text - 1);
    for (int i = 0; i < CRM_CONLL_WORD_MAX; i++)
        crm_str_add(&s, "x", 1);
    crm_str_add(&s, "\n", 1);
    T_OK(fit_with(t_comm, 1, d, &e));
    other = open_text("new", s.text, s.len);
    tag_all(e, other, tag);
    for (int i = 0; i < 8; i++)
        T_EQ_I(tag[i], want[i]);
    crm_tagger_class.free(e);
    crm_str_free(&s);
    crm_data_close(&other);
    crm_data_close(&d);
}

static void refuses_other_targets(void)
{
    const char *const rows[] = {"no", "yes"}, *const lone[] = {"O", "I-x"};
    crm_target t = {.name = "t", .level = CRM_LEVEL_CUSTOMER, .n_classes = 2, .class_name = rows};

    T_EQ_I(crm_tagger_class.check(&CFG, NULL, &t, 1), CRM_ERR_CONFIG);
    t.level = CRM_LEVEL_TOKEN;
    T_EQ_I(crm_tagger_class.check(&CFG, NULL, &t, 1), CRM_ERR_CONFIG);
    t.class_name = lone;
    T_EQ_I(crm_tagger_class.check(&CFG, NULL, &t, 1), CRM_ERR_CONFIG);
    T_CHECK(strstr(crm_err_text(), "B-x") != NULL);
}

/* The bias that a fit chooses on some sentences: words that are places now and then. */
static double chosen_bias(const crm_data *d, const int64_t *group)
{
    crm_tagger_cfg cfg = CFG;
    crm_view *v = NULL;
    crm_bag *b = NULL;
    crm_estimator *e = NULL;
    double out = NAN;

    cfg.bias_errors = 3;
    T_OK(crm_view_labelled(d, 0, &v));
    T_OK(crm_tagger_class.make(&cfg, &e));
    T_OK(crm_tagger_class.fit(e, &(crm_fit){.comm = t_comm, .train = v, .seed = 5, .group = group},
                              NULL));
    T_OK(crm_bag_new(&b));
    T_OK(crm_tagger_class.save(e, b));
    T_OK(crm_bag_get_f64(b, "bias", &out));
    crm_bag_free(&b);
    crm_tagger_class.free(e);
    crm_view_free(&v);
    return out;
}

/* Rows of one group are on one side: with a single group there is nothing to hold out. */
static void holds_out_groups(void)
{
    static const char *const word[] = {"Arles", "Basra", "Cadiz", "Derby"};
    enum { N = 300 };
    int64_t group[N] = {0};
    crm_str s = {0};
    crm_data *d;

    for (int i = 0; i < N; i++)
        crm_str_addf(&s, "see O\n%s %s\nnow O\n\n", word[i % 4],
                     i / 4 % 5 <= i % 4 ? "B-place" : "O");
    d = open_text("doubt", s.text, s.len);
    T_CHECK(chosen_bias(d, NULL) > 0);
    T_CHECK(chosen_bias(d, group) == 0);
    for (int i = 0; i < N; i++)
        group[i] = i / 100;
    T_CHECK(chosen_bias(d, group) > 0); /* one of three */
    crm_str_free(&s);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"same_bits", same_bits},
                                   {"same_bits_with_clusters", same_bits_with_clusters},
                                   {"loads_what_it_saved", loads_what_it_saved},
                                   {"tags_new_words", tags_new_words},
                                   {"holds_out_groups", holds_out_groups},
                                   {"refuses_other_targets", refuses_other_targets},
                                   {NULL, NULL}};

    return t_main_in_folder(argc, argv, cases);
}
