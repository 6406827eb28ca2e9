/* test_vocab.c - vocabularies: choice and order of words, ids, maps of other dictionaries, lists,
 * counts of documents and tokens. */
#include "crm_test.h"

#include "crmpi/base_mem.h"
#include "crmpi/text.h"

static const crm_text_cfg ALL = {.min_count = 1, .max_words = 1000000};

static crm_vocab *make(const crm_text_cfg *cfg, int64_t n, const char *const *word,
                       const int64_t *count)
{
    crm_vocab *v = NULL;

    T_OK(crm_vocab_new(cfg, n, word, count, &v));
    return v;
}

/* The words in the order of their ids are these (ends in NULL), each is found by its id. */
static void holds(crm_vocab *v, const char *const *want)
{
    int64_t n = 0;

    if (!v) return;
    for (; want[n]; n++) {
        T_CHECK(n < crm_vocab_size(v) && strcmp(crm_vocab_words(v)[n], want[n]) == 0);
        T_EQ_I(crm_vocab_find(v, want[n]), n + 1);
    }
    T_EQ_I(crm_vocab_size(v), n);
}

static const char *const WORD[] = {"pear", "fig", "apple", "\xC3\xA9", "date", "Fig", "zest"};
static const int64_t COUNT[] = {3, 5, 3, 3, 1, 0, 3};
enum { WORDS = 7 };

/* Highest counts first, equal ones in byte order: letters beyond ASCII come last. */
static void order(void)
{
    crm_vocab *v = make(&ALL, WORDS, WORD, COUNT);

    holds(v, (const char *const[]){"fig", "apple", "pear", "zest", "\xC3\xA9", "date", NULL});
    if (v) T_EQ_I(crm_vocab_find(v, "Fig"), CRM_VOCAB_ABSENT); /* never in training */
    if (v) T_EQ_I(crm_vocab_find(v, ""), CRM_VOCAB_ABSENT);
    crm_vocab_free(&v);
    T_CHECK(!v);
    crm_vocab_free(&v);
}

static void limits(void)
{
    crm_text_cfg cfg = {.min_count = 3, .max_words = 3};
    crm_vocab *v = make(&cfg, WORDS, WORD, COUNT);

    holds(v, (const char *const[]){"fig", "apple", "pear", NULL}); /* the cut goes through a tie */
    crm_vocab_free(&v);
    cfg.min_count = 5;
    v = make(&cfg, WORDS, WORD, COUNT);
    holds(v, (const char *const[]){"fig", NULL});
    crm_vocab_free(&v);
    cfg.min_count = 6; /* all filtered */
    v = make(&cfg, WORDS, WORD, COUNT);
    holds(v, (const char *const[]){NULL});
    if (v) T_EQ_I(crm_vocab_find(v, "fig"), CRM_VOCAB_ABSENT);
    crm_vocab_free(&v);
}

static void small_ones(void)
{
    crm_vocab *v = make(&ALL, 0, NULL, NULL);
    int32_t id[2] = {7, 7};

    holds(v, (const char *const[]){NULL});
    if (v) crm_vocab_map(v, 2, (const char *const[]){"x", ""}, id);
    T_CHECK(id[0] == 0 && id[1] == 0);
    crm_vocab_free(&v);
    v = make(&ALL, 1, (const char *const[]){"x"}, (const int64_t[]){1});
    holds(v, (const char *const[]){"x", NULL});
    if (v) crm_vocab_map(v, 2, (const char *const[]){"xx", "x"}, id);
    T_CHECK(id[0] == 0 && id[1] == 1);
    crm_vocab_free(&v);
}

static void the_order_of_the_dictionary_does_not_matter(void)
{
    const char *turned[WORDS];
    int64_t count[WORDS];
    crm_vocab *v = make(&ALL, WORDS, WORD, COUNT), *w;

    for (int i = 0; i < WORDS; i++) {
        turned[i] = WORD[WORDS - 1 - i];
        count[i] = COUNT[WORDS - 1 - i];
    }
    w = make(&ALL, WORDS, turned, count);
    T_EQ_I(v && w ? crm_vocab_size(w) : -1, v ? crm_vocab_size(v) : -2);
    for (int i = 0; v && w && i < crm_vocab_size(v); i++)
        T_CHECK(strcmp(crm_vocab_words(v)[i], crm_vocab_words(w)[i]) == 0);
    crm_vocab_free(&v);
    crm_vocab_free(&w);
}

/* Saved as a list, made again: the same ids; the texts are copies. */
static void lists(void)
{
    crm_vocab *v = make(&ALL, WORDS, WORD, COUNT), *w = NULL;
    char word[8] = "last";

    if (!v) return;
    T_OK(crm_vocab_from_list(crm_vocab_size(v), crm_vocab_words(v), &w));
    crm_vocab_free(&v);
    holds(w, (const char *const[]){"fig", "apple", "pear", "zest", "\xC3\xA9", "date", NULL});
    crm_vocab_free(&w);
    T_OK(crm_vocab_from_list(2, (const char *const[]){word, "first"}, &w));
    memcpy(word, "gone", 5);
    holds(w, (const char *const[]){"last", "first", NULL}); /* a list keeps its order */
    crm_vocab_free(&w);
    T_FAILS(crm_vocab_from_list(3, (const char *const[]){"a", "b", "a"}, &w), CRM_ERR_FORMAT,
            "'a' is twice");
    T_CHECK(!w);
    T_FAILS(crm_vocab_new(&ALL, 2, (const char *const[]){"b", "b"}, (const int64_t[]){1, 2}, &w),
            CRM_ERR_FORMAT, "'b' is twice");
    T_FAILS(crm_vocab_from_list(INT32_MAX, NULL, &w), CRM_ERR_FORMAT, "2147483647 words");
}

/* 100,000 words, every third one in another dictionary: ids against arithmetic. */
static void large_ones(void)
{
    enum { N = 100000 };
    static char text[N][16];
    static const char *word[N];
    static int64_t count[N];
    static int32_t id[N];
    const crm_text_cfg cfg = {.min_count = 2, .max_words = 60000};
    crm_vocab *v;
    int64_t bad = 0;

    for (int i = 0; i < N; i++) { /* count N - i, so the id of word i is i + 1 */
        snprintf(text[i], sizeof text[i], "w%d", i);
        word[i] = text[i];
        count[i] = N - i;
    }
    v = make(&cfg, N, word, count);
    if (!v) return;
    T_EQ_I(crm_vocab_size(v), 60000);
    for (int i = 0; i < N; i++)
        if (i % 3) text[i][0] = 'x';
    crm_vocab_map(v, N, word, id);
    for (int i = 0; i < N; i++)
        bad += id[i] != (i % 3 || i >= 60000 ? 0 : i + 1);
    T_EQ_I(bad, 0);
    crm_vocab_free(&v);
}

/* Documents {0 1 0}, {}, {1 9 -1}, {1 1}: ids 9 and -1 are no words of three. */
static void tallies(void)
{
    static const int64_t first[] = {0, 3, 3, 6, 8};
    static const int32_t token[] = {0, 1, 0, 1, 9, -1, 1, 1};
    int64_t seen[3] = {0}, documents[3] = {0}, tokens[3] = {0};

    crm_text_tally(CRM_TEXT_DOCUMENTS, first, token, 0, 2, 3, seen, documents);
    crm_text_tally(CRM_TEXT_DOCUMENTS, first, token, 2, 4, 3, seen, documents);
    T_CHECK(documents[0] == 1 && documents[1] == 3 && documents[2] == 0);
    crm_text_tally(CRM_TEXT_TOKENS, first, token, 0, 4, 3, NULL, tokens);
    T_CHECK(tokens[0] == 2 && tokens[1] == 4 && tokens[2] == 0);
    crm_text_tally(CRM_TEXT_TOKENS, first, token, 2, 2, 3, NULL, tokens);
    T_CHECK(tokens[1] == 4);
}

static void options(void)
{
    crm_text_cfg cfg;
    crm_opt_set *s = NULL;
    static const char *const sets[] = {"text.count=tokens", "text.max_words=5"};

    T_OK(crm_opt_set_new(&s));
    if (!s) return;
    T_OK(crm_opt_set_add(s, crm_text_opts, &cfg));
    T_CHECK(cfg.count == CRM_TEXT_DOCUMENTS && cfg.min_count == 2 && cfg.max_words == 20000);
    T_OK(crm_opt_set_load(s, NULL, sets, 2));
    T_CHECK(cfg.count == CRM_TEXT_TOKENS && cfg.max_words == 5);
    T_FAILS(crm_opt_set_load(s, NULL, (const char *const[]){"text.min_count=0"}, 1), CRM_ERR_CONFIG,
            "text.min_count");
    crm_opt_set_free(&s);
}

static void gives_memory_back(void)
{
    static size_t before;
    crm_vocab *v;

    before = crm_mem_used();
    v = make(&ALL, WORDS, WORD, COUNT);
    T_CHECK(crm_mem_used() > before);
    crm_vocab_free(&v);
    T_EQ_I(crm_mem_used(), before);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"order", order},
        {"limits", limits},
        {"empty and of one word", small_ones},
        {"the order of the dictionary does not matter",
         the_order_of_the_dictionary_does_not_matter},
        {"lists", lists},
        {"large ones", large_ones},
        {"tallies", tallies},
        {"options", options},
        {"gives memory back", gives_memory_back},
        {NULL, NULL},
    };

    return t_main(argc, argv, cases);
}
