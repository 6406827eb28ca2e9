/* test_lexicon.c - the rules of the list against the authors' program, what tokens show of a text,
 * lists that are none, classes by name and by option, save and load, the same bits on any number of
 * ranks.
 * ranks: 1 2 3 4 */
#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/lexicon.h"
#include "crmpi/text.h"
#include "feature/small_data.h"

/* Words rated as in VADER's list of 2014, but "doubt". */
static const char list[] = "good\t1.9\t0.9\t[2, 1]\r\ngreat\t3.1\nbad\t-2.5\nhorrible\t-2.5\n"
                           "like\t1.5\nkind\t2.4\nno\t-1.2\n\nproblem\t-1.7\nfun\t2.3\nok\t1.2\n"
                           "bomb\t-2.2\nbroken\t-2.1\n:-)\t1.3\n:(\t-1.9\n:D\t9\n:d\t2.3\n"
                           "love\t9\nlove\t3.2\ndoubt\t-1.5\n(:\t9\nfed up\t-9\nu.n.\t9\n";

enum { WORDS = 4000 };
typedef struct texts {
    const char *word[WORDS]; /* each token is a word of its own */
    int32_t token[WORDS];
    int64_t n_tokens, n;
    int64_t first[WORDS + 1];
} texts;

static crm_status add_token(void *ctx, const char *token, size_t len)
{
    texts *t = ctx;

    (void)len;
    CRM_CHECK(t->n_tokens < WORDS, CRM_ERR_ARG, "too many words");
    t->word[t->n_tokens] = crm_mem_strdup(token);
    t->token[t->n_tokens] = (int32_t)t->n_tokens;
    t->n_tokens++;
    return CRM_OK;
}

static void add_text(texts *t, const char *text)
{
    T_OK(crm_text_split(text, strlen(text), add_token, t, NULL));
    t->first[++t->n] = t->n_tokens;
}

static void texts_free(texts *t)
{
    for (int64_t i = 0; i < t->n_tokens; i++)
        crm_mem_free((void *)(uintptr_t)t->word[i]);
    *t = (texts){.n = 0};
}

static char list_path[CRM_PATH_MAX + 64];

static void write_list(const char *name, const char *text, size_t len)
{
    snprintf(list_path, sizeof list_path, "%s/%s", sd_dir, name);
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_write_atomic(list_path, text, len));
    T_OK(crm_comm_barrier(t_comm));
}

static double score_of(const crm_lexicon *l, const char *text, bool names)
{
    static texts t;
    double score = NAN;

    add_text(&t, text);
    T_OK(crm_lexicon_scores(
        l, names,
        &(crm_lexicon_texts){
            .n_words = t.n_tokens, .word = t.word, .first = t.first, .token = t.token},
        1, NULL, &score));
    texts_free(&t);
    return score;
}

/* vaderSentiment 3.3.2 with this list in the place of its own; it rounds to four digits. */
static void as_published(void)
{
    static const struct {
        const char *text;
        double compound;
    } known[] = {
        {"The food is good", 0.4404},
        {"The food is good!!", 0.5399},
        {"The food is good!!!!!! really", 0.6209},
        {"Is it good??", 0.5040},
        {"Why is it good?????", 0.5940},
        {"The food is very good", 0.4927},
        {"The food is kinda good here", 0.3832},
        {"The food is GOOD", 0.5622},
        {"The food is VERY good", 0.6028},
        {"THE FOOD IS GOOD", 0.4404},
        {"It is horrible!!!", -0.6571},
        {"It is really horrible", -0.5849},
        {"It isn't good", -0.3412},
        {"It was not so good", -0.4640},
        {"It was never this good at all", 0.6084},
        {"We were never so very good", 0.6236},
        {"Without a doubt good", 0.6136},
        {"It came without doubt good", 0.6136},
        {"It is the least good", -0.3412},
        {"It has at least good food", 0.4404},
        {"no problem", 0.3089},
        {"It is no good", -0.3412},
        {"He had no fun or good", -0.6259},
        {"The food was great, but the room was horrible", -0.4939},
        {"We were told of a kind of good food", 0.3832},
        {"I saw that it is the bomb", 0.6124},
        {"It is sort of good food", 0.3832},
        {"They are really very extremely good", 0.5768},
        {"It is good :-)", 0.6369},
        {"So sad :( :D", 0.2774},
        {"Nothing at all", 0},
        {"DON'T like it", -0.2755},
        {"We rarely like it here", -0.2755},
        {"", 0},
    };
    crm_lexicon *l;

    write_list("list.txt", list, sizeof list - 1);
    T_OK(crm_lexicon_read(list_path, &l));
    T_CHECK(crm_lexicon_size(l) == 17 && crm_lexicon_left_out(l) == 3);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double got = score_of(l, known[i].text, true);
        if (!(fabs(got - known[i].compound) < 5.1e-5)) {
            printf("# %s\n", known[i].text);
            T_NEAR(got, known[i].compound, 5.1e-5);
        }
    }
    crm_lexicon_free(&l);
}

/* x / sqrt(x^2 + 15) */
static double compound(double x)
{
    return x / sqrt(x * x + 15);
}

/* By hand. */
static void from_tokens(void)
{
    crm_lexicon *l;

    T_OK(crm_lexicon_read(list_path, &l));
    T_NEAR(score_of(l, "@good service", true), compound(1.9), 1e-15);
    T_NEAR(score_of(l, "@good service", false), 0, 0);
    T_NEAR(score_of(l, "a #GREAT day", true), compound(3.1 + .733), 1e-15);
    T_NEAR(score_of(l, "good/great", true), compound(5.0), 1e-15);
    T_NEAR(score_of(l, "love's", true), 0, 0); /* one word, which the list lacks */
    T_NEAR(score_of(l, "he's not bad, it's good.", true), compound((2.5 - 1.9) * .74), 1e-15);
    T_NEAR(score_of(l, "l'love", true), 0, 0);
    T_NEAR(score_of(l, "n't good", true), compound(-1.9 * .74), 1e-15);
    T_NEAR(score_of(l, "it is wouldn't've good", true), compound(-1.9 * .74), 1e-15);
    T_NEAR(score_of(l, "\xC3\x89T\xC3\x89 is good \xC3\xA9t\xC3\xA9", true), compound(1.9), 1e-15);
    T_NEAR(score_of(l, "bad\xFF good \xF0\x9F\x91\x8D", true), compound(1.9), 1e-15);
    T_NEAR(score_of(l, "((( --- ... !!! ???", true), 0, 0);
    crm_lexicon_free(&l);
}

static void no_lists(void)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "no rated words"},
        {"\n\r\n", "no rated words"},
        {"good\n", ":1:1: value 'good' has no tab; a line is a word, a tab"},
        {"good\t1\n\t2\n", ":2:1: value '\\u00092' has no word"},
        {"good\tone\n", ":1:6: value 'one' is no such number"},
        {"good\tnan\n", "'nan'"},
        {"caf\303\251\t1x\t2\n", ":1:6: value '1x'"},
        {"good\t100.5\n",
         ":1:6: value '100.5' is no such number; a line is a word, a tab and its mean "
         "rating, a number from -100 to 100"},
        {"(:\t1\n", "no rated words"},
    };
    crm_lexicon *l = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_list("bad.txt", bad[i].text, strlen(bad[i].text));
        T_CHECK(crm_lexicon_read(list_path, &l) == CRM_ERR_FORMAT);
        T_CHECK(strstr(crm_err_text(), bad[i].why));
        T_CHECK(!l);
        crm_err_clear();
        T_OK(crm_comm_barrier(t_comm));
    }
    T_CHECK(crm_lexicon_read("nowhere.txt", &l) == CRM_ERR_IO);
    crm_err_clear();
}

/* ---- the estimator ---- */
enum { ROWS = 6 };
static const char *const three[] = {"pos", "Neutral", "NEG"}, *const two[] = {"fine", "awful"};
static const int32_t label[ROWS] = {0, 1, 2, 0, 1, 1};
static const int64_t doc_first[ROWS + 1] = {0, 1, 2, 3, 5, 5, 6};
static const char *const docs[] = {"so good", "a table", "bad :(", "great", "horrible", "ok no"};

static crm_data *open_rows(texts *t, const char *const *class_name, int n_classes)
{
    crm_data *d = NULL;
    sd_spec s = {.n = ROWS,
                 .n_classes = n_classes,
                 .class_name = class_name,
                 .label = label,
                 .doc_first = doc_first,
                 .token_first = t->first,
                 .token = t->token,
                 .word = t->word};
    int32_t fewer[ROWS];

    for (int i = 0; i < ROWS; i++)
        fewer[i] = label[i] % n_classes;
    s.label = fewer;
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
        add_text(t, docs[i]);
    s.n_words = t->n_tokens;
    T_OK(sd_open("rows", &s, &d));
    return d;
}

typedef struct fitted {
    crm_view *view;
    crm_source *source;
    crm_estimator *e;
    crm_bag *bag;
} fitted;

static crm_status fit_rows(crm_data *d, const crm_lexicon_cfg *cfg, fitted *f)
{
    crm_fit fit = {.comm = t_comm};

    *f = (fitted){0};
    CRM_TRY(crm_view_all(d, &f->view));
    fit.train = f->view;
    CRM_TRY(crm_source_new(d, 0, &f->source));
    CRM_TRY(crm_lexicon_class.make(cfg, &f->e));
    CRM_TRY(crm_lexicon_class.fit(f->e, &fit, f->source));
    CRM_TRY(crm_bag_new(&f->bag));
    return crm_lexicon_class.save(f->e, f->bag);
}

static void fitted_free(fitted *f)
{
    crm_source_free(&f->source);
    crm_view_free(&f->view);
    if (f->e) f->e->class->free(f->e);
    crm_bag_free(&f->bag);
}

static void classes_of_rows(void)
{
    static texts t;
    const double want[ROWS] = {
        compound(1.9 + .293), 0, compound(-4.4), (compound(3.1) + compound(-2.5)) / 2, 0,
        compound(1.2 - 1.2)};
    double proba[ROWS * 3], again[ROWS * 3], c;
    float score[ROWS];
    crm_lexicon_cfg cfg = {.negative = -.05, .positive = .05, .scale = .5, .names = true};
    crm_data *d = open_rows(&t, three, 3);
    crm_estimator *back = NULL;
    fitted f;

    write_list("list.txt", list, sizeof list - 1);
    cfg.file = list_path;
    T_OK(fit_rows(d, &cfg, &f));
    T_OK(crm_lexicon_class.predict(f.e, f.source, f.view->row, ROWS, proba));
    T_OK(crm_lexicon_class.embed(f.e, f.source, f.view->row, ROWS, score));
    for (int i = 0; i < ROWS; i++) {
        const double *p = proba + 3 * i; /* pos, neutral, neg */
        c = want[i];
        T_NEAR((double)score[i], c, 1e-7);
        T_NEAR(log(p[0] / p[1]), (c - .05) / .5, 1e-8);
        T_NEAR(log(p[2] / p[1]), (-.05 - c) / .5, 1e-8);
        T_NEAR(p[0] + p[1] + p[2], 1, 1e-15);
    }
    T_CHECK(strstr(crm_lexicon_class.text(f.e), "17 rated words; 3 of"));
    T_CHECK(strstr(crm_lexicon_class.text(f.e), "negative: class NEG"));
    /* a model keeps list and options */
    cfg = (crm_lexicon_cfg){.file = "gone.txt", .scale = 9};
    T_OK(crm_lexicon_class.make(&cfg, &back));
    T_OK(crm_lexicon_class.load(back, f.source, 3, f.bag));
    T_OK(crm_lexicon_class.predict(back, f.source, f.view->row, ROWS, again));
    T_CHECK(memcmp(proba, again, sizeof proba) == 0);
    T_CHECK(crm_lexicon_class.load(back, f.source, 2, f.bag) == CRM_ERR_FORMAT);
    crm_err_clear();
    crm_lexicon_class.free(back);
    fitted_free(&f);
    crm_data_close(&d);
    texts_free(&t);
}

/* A score at a threshold is beyond it. */
static void thresholds(void)
{
    static texts t;
    double proba[ROWS * 3];
    crm_lexicon_cfg cfg = {.scale = .5, .names = true, .file = list_path};
    crm_data *d = open_rows(&t, three, 3);
    fitted f;

    cfg.negative = compound(-4.4); /* of row 2 */
    cfg.positive = compound(1.9 + .293);
    T_OK(fit_rows(d, &cfg, &f));
    T_OK(crm_lexicon_class.predict(f.e, f.source, f.view->row, ROWS, proba));
    T_CHECK(proba[0] > proba[1]); /* row 0 */
    T_CHECK(proba[3 * 2 + 2] > proba[3 * 2 + 1]);
    T_CHECK(proba[3 * 1 + 1] > proba[3 * 1]);
    fitted_free(&f);
    crm_data_close(&d);
    texts_free(&t);
}

static void refuse(crm_data *d, const crm_lexicon_cfg *cfg, const char *why)
{
    const crm_target *target = crm_data_target(d, 0);
    fitted f;

    T_CHECK(crm_lexicon_class.check(cfg, NULL, target, 1) == CRM_ERR_CONFIG);
    T_CHECK(strstr(crm_err_text(), why));
    crm_err_clear();
    T_CHECK(fit_rows(d, cfg, &f) == CRM_ERR_CONFIG);
    crm_err_clear();
    fitted_free(&f);
}

static void two_classes(void)
{
    static texts t;
    static const char *const order[] = {"awful", "fine"}, *const wrong[] = {"awful", "grand"},
                             *const twice[] = {"fine", "fine"};
    double proba[ROWS * 2];
    crm_lexicon_cfg cfg = {
        .negative = -.05, .positive = .05, .scale = .5, .names = true, .file = list_path};
    crm_data *d = open_rows(&t, two, 2);
    fitted f;

    refuse(d, &cfg, "lexicon.classes: which class of target 'y' (fine, awful)");
    cfg.classes = (crm_opt_list){2, wrong};
    refuse(d, &cfg, "has no class 'grand'");
    cfg.classes = (crm_opt_list){2, twice};
    refuse(d, &cfg, "'fine' stands twice");
    cfg.classes = (crm_opt_list){1, order};
    refuse(d, &cfg, "names 1 classes, target 'y' has 2");
    cfg.classes = (crm_opt_list){2, order};
    cfg.negative = .1;
    refuse(d, &cfg, "above lexicon.positive");
    cfg.negative = 0;
    cfg.file = "";
    refuse(d, &cfg, "lexicon.file");
    cfg.file = list_path;
    T_OK(fit_rows(d, &cfg, &f));
    T_OK(crm_lexicon_class.predict(f.e, f.source, f.view->row, ROWS, proba));
    T_NEAR(proba[0], 1 / (1 + exp(-compound(1.9 + .293) / .5)), 1e-15);
    T_NEAR(proba[2], .5, 0);
    T_CHECK(proba[5] > .5);
    fitted_free(&f);
    crm_data_close(&d);
    texts_free(&t);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"as published", as_published},
                                   {"what tokens show", from_tokens},
                                   {"no lists", no_lists},
                                   {"classes of rows", classes_of_rows},
                                   {"thresholds", thresholds},
                                   {"two classes", two_classes},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
