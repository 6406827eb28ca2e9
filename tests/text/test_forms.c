/* test_forms.c - what the options make of words: folding, accents, stems, stop words, marks,
 * contractions, negation; documents as forms; n-grams; words outside of a vocabulary; options of
 * fitted models.  Expected forms are written by hand; stems are those of PyStemmer 2.2.0. */
#include "crm_test.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/text.h"

/* Defaults of the options. */
static crm_text_cfg defaults(void)
{
    static const char none[] = "none";
    crm_text_cfg cfg = {0};
    crm_opt_set *s = NULL;

    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, crm_text_opts, &cfg));
    crm_opt_set_free(&s);
    cfg.stop_words = none; /* the set owned it */
    return cfg;
}

enum { WORDS = 64 };
/* A text as a document over its own dictionary. */
typedef struct text {
    char *word[WORDS];
    int32_t token[WORDS];
    int64_t n;
} text;

static crm_status add_token(void *ctx, const char *token, size_t len)
{
    text *t = ctx;

    (void)len;
    if (t->n < WORDS) {
        t->token[t->n] = (int32_t)t->n;
        t->word[t->n++] = crm_mem_strdup(token);
    }
    return CRM_OK;
}

/* Forms of the text, separated by a space. */
static void gives(const crm_text_cfg *cfg, const char *from, const char *want)
{
    char got[1024] = "";
    int32_t out[WORDS];
    int64_t n = 0;
    crm_forms *f = NULL;
    text t = {.n = 0};

    T_OK(crm_text_split(from, strlen(from), add_token, &t, NULL));
    T_OK(crm_forms_new(cfg, t.n, (const char *const *)t.word, &f));
    if (f) n = crm_forms_walk(f, t.token, t.n, out);
    for (int64_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "",
                 crm_forms_text(f)[out[i]]);
    if (strcmp(got, want) != 0) fprintf(stderr, "#   %s: '%s', not '%s'\n", from, got, want);
    T_CHECK(strcmp(got, want) == 0);
    crm_forms_free(&f);
    for (int64_t i = 0; i < t.n; i++)
        crm_mem_free(t.word[i]);
}

static void the_defaults(void)
{
    crm_text_cfg cfg = defaults();

    T_OK(crm_text_cfg_check(&cfg));
    gives(&cfg, "The App isn't GOOD!! 3 stars :-( see www.x.de @Shop #Fail",
          "the app is n't good 3 stars :-( see <url> @shop #fail");
    gives(&cfg, "", "");
    gives(&cfg, "?!", "");
}

static void folding(void)
{
    crm_text_cfg cfg = defaults();

    /* full folding: sharp s, final sigma, dotted I (not the Turkish way), fi ligature */
    gives(&cfg,
          "STRA\xC3\x9F"
          "E \xCE\xA3\xCE\x91\xCF\x82 \xC4\xB0I\xC4\xB1 \xEF\xAC\x81x",
          "strasse \xCF\x83\xCE\xB1\xCF\x83 i\xCC\x87i\xC4\xB1 fix");
    gives(&cfg, "\xC3\x89T\xC3\x89 \xE2\x9D\xA4\xEF\xB8\x8F \xE2\x9D\xA4",
          "\xC3\xA9t\xC3\xA9 \xE2\x9D\xA4 \xE2\x9D\xA4");
    cfg.strip_accents = true;
    gives(&cfg, "\xC3\x89T\xC3\x89 N\xC3\xA3o \xC3\xB1", "ete nao n");
    cfg.fold = false;
    gives(&cfg, "\xC3\x89t\xC3\xA9 Good", "Ete Good");
}

static void kinds(void)
{
    crm_text_cfg cfg = defaults();

    cfg.numbers = cfg.urls = cfg.users = cfg.hashtags = cfg.emoji = cfg.punctuation = CRM_TEXT_MARK;
    gives(&cfg, "a 1 http://b.c @d #e :) !", "a <number> <url> <user> <hashtag> <emoji> <punct>");
    cfg.numbers = cfg.urls = cfg.users = cfg.hashtags = cfg.emoji = cfg.punctuation = CRM_TEXT_DROP;
    gives(&cfg, "a 1 http://b.c @d #e :) !", "a");
    cfg.numbers = cfg.urls = cfg.users = cfg.hashtags = cfg.emoji = cfg.punctuation = CRM_TEXT_KEEP;
    gives(&cfg, "a 1 http://B.c @D #e :D !", "a 1 http://b.c @d #e :D !");
}

static void contractions(void)
{
    crm_text_cfg cfg = defaults();

    cfg.language = CRM_TEXT_ENGLISH;
    gives(&cfg, "I won't", "i wo n't");
    cfg.contractions = true;
    gives(&cfg, "I won't, can't; wo ca. We'RE it's they'd",
          "i will not can not wo ca we are it 's they would");
    gives(&cfg, "Won't Shan't", "will not shall not");
    cfg.language = CRM_TEXT_GERMAN;
    T_FAILS(crm_text_cfg_check(&cfg), CRM_ERR_CONFIG, "English");
}

static void stop_words(void)
{
    crm_text_cfg cfg = defaults();

    cfg.stop_words = "list";
    T_FAILS(crm_text_cfg_check(&cfg), CRM_ERR_CONFIG, "needs a language");
    cfg.language = CRM_TEXT_ENGLISH;
    T_OK(crm_text_cfg_check(&cfg));
    gives(&cfg, "The phone is NOT what I had wanted and it's never been good",
          "phone not wanted never good");
    cfg.language = CRM_TEXT_PORTUGUESE;
    gives(&cfg, "O produto n\xC3\xA3o \xC3\xA9 bom", "produto n\xC3\xA3o bom");
    cfg.strip_accents = true;
    gives(&cfg, "O produto NAO e bom, voce tambem", "produto nao bom");
    cfg.strip_accents = false;
    cfg.language = CRM_TEXT_GERMAN;
    gives(&cfg, "Das ist kein gutes Ger\xC3\xA4t", "kein gutes ger\xC3\xA4t");
    cfg.language = CRM_TEXT_FRENCH;
    gives(&cfg, "L'ami n'est pas ici", "ami n' pas");
    cfg.language = CRM_TEXT_SPANISH;
    gives(&cfg, "El producto no es para m\xC3\xAD", "producto no");
}

static void stop_files(void)
{
    const char *dir = getenv("TMPDIR");
    crm_text_cfg cfg = defaults();
    crm_text_fixed *x = NULL, *y = NULL;
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/stop.txt", dir ? dir : "/tmp");
    file = fopen(path, "w");
    if (!file) return;
    fputs("Phone\r\nnot\n\ngood  \nphone\nnicht\n", file);
    fclose(file);
    cfg.stop_words = path;
    T_OK(crm_text_cfg_check(&cfg));
    gives(&cfg, "phone not nicht GOOD bad", "not nicht bad"); /* what negates stays */
    /* what was fitted does not look at the file any more */
    T_OK(crm_text_fix(&cfg, &x));
    remove(path);
    T_FAILS(crm_text_cfg_check(&cfg), CRM_ERR_CONFIG, "text.stop_words");
    if (!x) return;
    gives(&x->cfg, "phone not GOOD bad", "not bad");
    T_OK(crm_text_fixed_from(x->n, (const char *const *)x->item, &y));
    crm_text_fixed_free(&x);
    if (y) gives(&y->cfg, "phone not GOOD bad", "not bad");
    crm_text_fixed_free(&y);
}

static void fixed_options(void)
{
    crm_text_cfg cfg = defaults();
    crm_text_fixed *x = NULL, *y = NULL;
    size_t before = crm_mem_used();

    cfg.language = CRM_TEXT_FRENCH;
    cfg.stem = cfg.strip_accents = true;
    cfg.min_count = 7;
    cfg.negation = CRM_NEGATION_MARK;
    cfg.unknown = CRM_UNKNOWN_HASH;
    cfg.buckets = 12;
    cfg.emoji = CRM_TEXT_DROP;
    T_OK(crm_text_fix(&cfg, &x));
    if (x) T_OK(crm_text_fixed_from(x->n, (const char *const *)x->item, &y));
    if (y) {
        T_CHECK(y->cfg.language == cfg.language && y->cfg.stem && y->cfg.strip_accents);
        T_CHECK(y->cfg.min_count == 7 && y->cfg.buckets == 12 && y->cfg.emoji == CRM_TEXT_DROP);
        T_CHECK(y->cfg.negation == CRM_NEGATION_MARK && !y->cfg.stop && y->n == x->n);
        for (int64_t i = 0; i < x->n; i++)
            T_CHECK(strcmp(x->item[i], y->item[i]) == 0);
    }
    crm_text_fixed_free(&x);
    crm_text_fixed_free(&y);
    T_FAILS(crm_text_fixed_from(1, (const char *const[]){"text.nose=1"}, &y), CRM_ERR_CONFIG,
            "text.nose");
    T_CHECK(!y);
    T_EQ_I(crm_mem_used(), before);
}

/* Origin: Stemmer.Stemmer(language).stemWord of PyStemmer 2.2.0, Snowball 2.2. */
static void stems(void)
{
    crm_text_cfg cfg = defaults();

    cfg.stem = true;
    cfg.language = CRM_TEXT_ENGLISH;
    gives(&cfg, "running batteries generously happily flies national skies disappointed deliveries",
          "run batteri generous happili fli nation sky disappoint deliveri");
    cfg.language = CRM_TEXT_PORTUGUESE;
    gives(&cfg,
          "produtos chegaram entregas avalia\xC3\xA7"
          "\xC3\xA3"
          "o p\xC3\xA9"
          "ssimas quantidades recomendando",
          "produt cheg entreg avali p\xC3\xA9"
          "ssim quantidad recomend");
    cfg.language = CRM_TEXT_GERMAN;
    gives(&cfg,
          "H\xC3\xA4"
          "user lieferungen entt\xC3\xA4"
          "uschend gr\xC3\xB6"
          "\xC3\x9F"
          "ere aufgeregtheiten Stra\xC3\x9F"
          "en",
          "haus liefer enttausch gross aufgeregt strass");
    cfg.language = CRM_TEXT_FRENCH;
    gives(&cfg,
          "livraisons continuellement d\xC3\xA9"
          "\xC3\xA7"
          "ues qualit\xC3\xA9"
          "s finissions majestueusement",
          "livraison continuel d\xC3\xA9"
          "\xC3\xA7"
          "u qualit fin majestu");
    cfg.language = CRM_TEXT_SPANISH;
    gives(&cfg,
          "productos entregas r\xC3\xA1"
          "pidamente decepcionados llegaron calidad",
          "product entreg rapid decepcion lleg calid");
    cfg.language = CRM_TEXT_ANY_LANGUAGE;
    T_FAILS(crm_text_cfg_check(&cfg), CRM_ERR_CONFIG, "needs a language");
    cfg.language = CRM_TEXT_ENGLISH;
    cfg.fold = false;
    T_FAILS(crm_text_cfg_check(&cfg), CRM_ERR_CONFIG, "text.fold");
}

/* Stops end negation, as dots do but right behind the negator; other punctuation does not. */
static void negation_across_punctuation(const crm_text_cfg *cfg)
{
    static const char *const through[] = {
        "not \"good\"", "not 'good'",  "not “good”",  "not «good»",
        "not (good)",   "not [good]",  "not *good*",  "not **good**",
        "not - good",   "not -- good", "not — good",  "not... good",
        "not … good",   "not / good",  "not .. good", "not \"... good",
    };
    static const char *const ends[] = {
        "not. good",  "not, good", "not; good", "not : good",   "not! good",
        "not?? good", "not ¿good", "not ¡good", "not。good",    "not、good",
        "not，good",  "not！good", "not؟ good", "not (.) good",
    };

    for (size_t i = 0; i < sizeof through / sizeof *through; i++)
        gives(cfg, through[i], "not good_not");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        gives(cfg, ends[i], "not good");
    gives(cfg, "not nice... good", "not nice_not good");
    gives(cfg, "not nice … good", "not nice_not good");
    gives(cfg, "not nice - good", "not nice_not good_not");
    gives(cfg, "nice (not) good", "nice not good_not");
}

static void negation(void)
{
    crm_text_cfg cfg = defaults();

    cfg.negation = CRM_NEGATION_MARK;
    T_FAILS(crm_text_cfg_check(&cfg), CRM_ERR_CONFIG, "needs a language");
    cfg.language = CRM_TEXT_ENGLISH;
    gives(&cfg, "not good. Good", "not good_not good");
    gives(&cfg, "it isn't really that good at all",
          "it is n't really_not that_not good_not at all");
    gives(&cfg, "never 5 not bad :-(", "never 5 not bad_not :-(");
    negation_across_punctuation(&cfg);
    cfg.negation_span = 1;
    gives(&cfg, "no good thing", "no good_not thing");
    cfg.negation_span = 1000;
    gives(&cfg, "no a b c d e", "no a_not b_not c_not d_not e_not");
    cfg.stop_words = "list";
    cfg.stem = true;
    gives(&cfg, "I did not like the batteries", "not like_not batteri_not");
    cfg.punctuation = CRM_TEXT_KEEP;
    gives(&cfg, "not nice, fine", "not nice_not , fine");
    cfg.stop_words = "none";
    cfg.stem = false;
    cfg.contractions = true;
    gives(&cfg, "nothing won't work", "nothing will_not not work_not");
    cfg.contractions = false;
    cfg.language = CRM_TEXT_FRENCH;
    gives(&cfg, "ce n'est pas bon", "ce n' est_not pas bon_not");
}

/* Documents over a dictionary; ids that are not in it are passed over. */
static void documents(void)
{
    static const char *const word[] = {"Good", "good", "not", "!", "BAD"};
    static const int64_t first[] = {0, 3, 3, 8};
    static const int32_t token[] = {0, 1, 2, 2, 9, 4, -1, 0};
    crm_text_cfg cfg = defaults();
    crm_forms *f = NULL;
    int32_t out[8];
    int64_t seen[8] = {0}, count[8] = {0}, tokens[8] = {0};

    cfg.language = CRM_TEXT_ENGLISH;
    T_OK(crm_forms_new(&cfg, 5, word, &f));
    if (!f) return;
    T_EQ_I(crm_forms_count(f), 3); /* good not bad */
    T_EQ_I(crm_forms_walk(f, token, 3, out), 3);
    T_CHECK(out[0] == 0 && out[1] == 0 && out[2] == 1);
    T_EQ_I(crm_forms_walk(f, token + 3, 5, out), 3);
    T_CHECK(out[0] == 1 && out[1] == 2 && out[2] == 0);
    T_EQ_I(crm_forms_walk_first(f, token + 3, 5, 2, out), 2);
    crm_forms_tally(f, CRM_TEXT_DOCUMENTS, first, token, 0, 3, seen, count);
    T_CHECK(count[0] == 2 && count[1] == 2 && count[2] == 1);
    crm_forms_tally(f, CRM_TEXT_TOKENS, first, token, 0, 3, NULL, tokens);
    T_CHECK(tokens[0] == 3 && tokens[1] == 2 && tokens[2] == 1);
    crm_forms_free(&f);
    T_OK(crm_forms_new(&cfg, 0, NULL, &f));
    T_EQ_I(f ? crm_forms_count(f) : -1, 0);
    crm_forms_free(&f);
    T_CHECK(!f);
}

static void steps_of(void *ctx, const char *step, const char *now)
{
    char *out = ctx;

    snprintf(out + strlen(out), 200 - strlen(out), "%s:%s ", step, now ? now : "-");
}

static void explained(void)
{
    crm_text_cfg cfg = defaults();
    char out[200] = "";

    cfg.language = CRM_TEXT_ENGLISH;
    cfg.stem = cfg.contractions = true;
    cfg.stop_words = "list";
    T_OK(crm_forms_explain(&cfg, "Batteries", steps_of, out));
    T_OK(crm_forms_explain(&cfg, "'RE", steps_of, out));
    T_OK(crm_forms_explain(&cfg, "!!", steps_of, out));
    T_OK(crm_forms_explain(&cfg, "www.x.de", steps_of, out));
    if (strcmp(out, "fold:batteries stem:batteri fold:'re contraction:are stop word:- drop:- "
                    "mark:<url> ") != 0)
        fprintf(stderr, "#   %s\n", out);
    T_CHECK(strcmp(out, "fold:batteries stem:batteri fold:'re contraction:are stop word:- drop:- "
                        "mark:<url> ") == 0);
}

typedef struct hashes {
    uint64_t h[64];
    int n;
} hashes;

static void add_hash(void *ctx, uint64_t hash)
{
    hashes *x = ctx;

    if (x->n < 64) x->h[x->n++] = hash;
}

static void n_grams(void)
{
    static const char *const word[] = {"ab", "c", "\xC3\xA9"};
    static const int32_t doc[] = {0, 1, 0, 1};
    const crm_text_cfg cfg = defaults();
    crm_ngrams g = {.words_from = 1, .words_to = 2};
    crm_forms *f = NULL;
    hashes x = {.n = 0}, y = {.n = 0};

    T_OK(crm_forms_new(&cfg, 3, word, &f));
    if (!f) return;
    crm_ngrams_walk(&g, f, doc, 4, add_hash, &x); /* ab, ab c, c, c ab, ab, ab c, c */
    T_EQ_I(x.n, 7);
    T_CHECK(x.h[0] == x.h[4] && x.h[1] == x.h[5] && x.h[2] == x.h[6]);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            T_CHECK(x.h[i] != x.h[k]);
    g = (crm_ngrams){.chars_from = 2, .chars_to = 3};
    crm_ngrams_walk(&g, f, doc, 1, add_hash, &y); /* " a" "ab" "b " " ab" "ab " */
    T_EQ_I(y.n, 5);
    y.n = 0;
    crm_ngrams_walk(&g, f, (const int32_t[]){2}, 1, add_hash, &y); /* " e'" "e' " " e' " */
    T_EQ_I(y.n, 3);
    g = (crm_ngrams){.words_from = 3, .words_to = 3};
    y.n = 0;
    crm_ngrams_walk(&g, f, doc, 2, add_hash, &y);
    T_EQ_I(y.n, 0);
    crm_forms_free(&f);
}

static void unknown_words(void)
{
    crm_text_cfg cfg = defaults();
    crm_vocab *v = NULL;
    int near = 0, far = 0;

    T_OK(crm_vocab_from_list(2, (const char *const[]){"good", "bad"}, &v));
    if (!v) return;
    T_EQ_I(crm_text_unknown_ids(&cfg), 0);
    T_EQ_I(crm_vocab_id(v, &cfg, "bad"), 2);
    T_EQ_I(crm_vocab_id(v, &cfg, "ugly"), CRM_VOCAB_ABSENT);
    cfg.unknown = CRM_UNKNOWN_ONE;
    T_EQ_I(crm_text_unknown_ids(&cfg), 1);
    T_EQ_I(crm_vocab_id(v, &cfg, "ugly"), 3);
    cfg.unknown = CRM_UNKNOWN_HASH;
    cfg.buckets = 100000;
    T_EQ_I(crm_text_unknown_ids(&cfg), 100000);
    T_EQ_I(crm_vocab_id(v, &cfg, "good"), 1);
    for (int i = 0; i < 1000; i++) { /* a plural keeps all 3-grams but two of ten */
        char a[32], b[40], c[40];
        snprintf(a, sizeof a, "word%dthing", 7919 * i % 1000);
        snprintf(b, sizeof b, "%ss", a);
        snprintf(c, sizeof c, "%dother%d", i, 31 * i % 97);
        near += crm_vocab_id(v, &cfg, a) == crm_vocab_id(v, &cfg, b);
        far += crm_vocab_id(v, &cfg, a) == crm_vocab_id(v, &cfg, c);
        T_CHECK(crm_vocab_id(v, &cfg, a) >= 3 && crm_vocab_id(v, &cfg, a) <= 100002);
    }
    T_CHECK(near > 600 && far < 50);
    T_CHECK(crm_vocab_id(v, &cfg, "") >= 3);
    crm_vocab_free(&v);
}

/* A million different words, half of them the same but for case. */
static void many_words(void)
{
    enum { MANY = 1000000 };
    static char word[MANY][16];
    const char **list = malloc(MANY * sizeof *list);
    const crm_text_cfg cfg = defaults();
    crm_forms *f = NULL;
    size_t before = crm_mem_used();

    if (!list) return;
    for (int i = 0; i < MANY; i++) {
        snprintf(word[i], sizeof word[i], "%c%d", i % 2 ? 'w' : 'W', i / 2);
        list[i] = word[i];
    }
    T_OK(crm_forms_new(&cfg, MANY, list, &f));
    T_EQ_I(f ? crm_forms_count(f) : 0, MANY / 2);
    if (f) T_CHECK(strcmp(crm_forms_text(f)[499999], "w499999") == 0);
    crm_forms_free(&f);
    T_EQ_I(crm_mem_used(), before);
    free(list);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"the defaults", the_defaults},
        {"folding", folding},
        {"kinds", kinds},
        {"contractions", contractions},
        {"stop words", stop_words},
        {"files of stop words", stop_files},
        {"options of fitted models", fixed_options},
        {"stems", stems},
        {"negation", negation},
        {"documents", documents},
        {"explained", explained},
        {"n-grams", n_grams},
        {"unknown words", unknown_words},
        {"a million words", many_words},
        {NULL, NULL},
    };

    return t_main(argc, argv, cases);
}
