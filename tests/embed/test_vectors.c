/* test_vectors.c - word vectors in files: all formats, files of gensim and word2vec, bad files,
 * numbers as text; the index; likeness and analogies. */
#include <stdlib.h>
#include <unistd.h>

#include "../../src/learn/embed/embed_number.h"
#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/embed.h"

static char dir[2048], file[4096];

static const char *put(const void *data, size_t bytes)
{
    T_OK(crm_path_write_atomic(file, data, bytes));
    return file;
}

#define PUT(text) put(text, sizeof(text) - 1)

static void check_two(const crm_vectors *v)
{
    T_EQ_I(v->n, 2);
    T_EQ_I(v->dim, 3);
    if (v->n != 2 || v->dim != 3) return;
    T_CHECK(strcmp(v->word[0], "the") == 0 && strcmp(v->word[1], "na\xc3\xafve") == 0);
    T_CHECK(v->value[0] == 0.1f && v->value[1] == -2.5f && v->value[2] == 3e-5f);
    T_CHECK(v->value[3] == (float)(1.0 / 3) && v->value[4] == 1e10f && v->value[5] == 0);
}

/* What gensim 4.2 writes for KeyedVectors "the" (.1, -2.5, 3e-5), "naïve" (1/3, 1e10, 0). */
static void gensim_files(void)
{
    static const char text[] =
        "2 3\nthe 0.1 -2.5 3e-05\nna\xc3\xafve 0.33333334 10000000000.0 0.0\n";
    static const char binary[] = "2 3\nthe \xcd\xcc\xcc=\x00\x00 \xc0\x82\xa8\xfb"
                                 "7na\xc3\xafve \xab\xaa\xaa>\xf9\x02\x15P\x00\x00\x00\x00";
    /* The program word2vec ends each record with a line end. */
    static const char ended[] = "2 3\nthe \xcd\xcc\xcc=\x00\x00 \xc0\x82\xa8\xfb"
                                "7\nna\xc3\xafve \xab\xaa\xaa>\xf9\x02\x15P\x00\x00\x00\x00\n";
    crm_vectors v;

    T_OK(crm_vectors_read(PUT(text), &v));
    check_two(&v);
    crm_vectors_free(&v);
    T_OK(crm_vectors_read(PUT(binary), &v));
    check_two(&v);
    crm_vectors_free(&v);
    T_OK(crm_vectors_read(PUT(ended), &v));
    check_two(&v);
    crm_vectors_free(&v);
}

/* Blanks at the end, DOS line ends, empty lines, tabs, no last line end, words with spaces, a word
 * that comes again. */
static void odd_text(void)
{
    crm_vectors v;

    T_OK(crm_vectors_read(PUT("the 1 2 3 \r\n\n. . . 4 5 6\nthe 9 9 9\nat\t-1e2\t+.5\t7."), &v));
    T_EQ_I(v.n, 3);
    T_EQ_I(v.dim, 3);
    if (v.n == 3) {
        T_CHECK(strcmp(v.word[1], ". . .") == 0 && strcmp(v.word[2], "at") == 0);
        T_CHECK(v.value[2] == 3 && v.value[5] == 6);
        T_CHECK(v.value[6] == -100 && v.value[7] == 0.5f && v.value[8] == 7);
    }
    crm_vectors_free(&v);
    T_OK(crm_vectors_read(PUT("\n\r\na 1 2\n"), &v));
    T_CHECK(v.n == 1 && v.dim == 2);
    crm_vectors_free(&v);
    /* A vector of two numbers, the word a number: no head, since numbers follow it. */
    T_OK(crm_vectors_read(PUT("7 1.5 2\n8 3 4\n"), &v));
    T_EQ_I(v.n, 2);
    T_EQ_I(v.dim, 2);
    crm_vectors_free(&v);
}

static void bad_files(void)
{
    crm_vectors v;

    T_FAILS(crm_vectors_read("/nowhere/x", &v), CRM_ERR_IO, "/nowhere/x");
    T_FAILS(crm_vectors_read("/tmp", &v), CRM_ERR_IO, "/tmp");
    T_FAILS(crm_vectors_read(PUT(""), &v), CRM_ERR_FORMAT, ":1:1: the file is empty");
    T_FAILS(crm_vectors_read(PUT("\n \r\n"), &v), CRM_ERR_FORMAT, ":3:1: the file ends without");
    T_FAILS(crm_vectors_read(PUT("\n\na 1 2\nb 1\n"), &v), CRM_ERR_FORMAT, ":4:4: ");
    T_FAILS(crm_vectors_read(PUT("word\n"), &v), CRM_ERR_FORMAT, ":1:1: vectors of 0 numbers");
    T_FAILS(crm_vectors_read(PUT("0 3\n"), &v), CRM_ERR_FORMAT, ":2:1: the file ends without");
    T_FAILS(crm_vectors_read(PUT("a 1 2\nb 1\n"), &v), CRM_ERR_FORMAT,
            ":2:4: a word and 2 numbers are needed, as on line 1; there are 2 fields");
    T_FAILS(crm_vectors_read(PUT("a 1 2\nb 1 x\n"), &v), CRM_ERR_FORMAT,
            ":2:5: number 2 of the vector is 'x'; a finite");
    T_FAILS(crm_vectors_read(PUT("a 1 2\nb 1 nan\n"), &v), CRM_ERR_FORMAT, "finite");
    T_FAILS(crm_vectors_read(PUT("a 1 2\nb 1 1e39\n"), &v), CRM_ERR_FORMAT, ":2:5: number 2");
    T_FAILS(crm_vectors_read(PUT("a 1\nb\0c 1\n"), &v), CRM_ERR_FORMAT, ":2:2: a zero byte");
    T_FAILS(crm_vectors_read(PUT("3 2\na 1 2\nb 1 2\n"), &v), CRM_ERR_FORMAT,
            ":1:1: 3 words are said to follow, there are 2");
    T_FAILS(crm_vectors_read(PUT("1000000000000 300\nthe \1\2\3\4"), &v), CRM_ERR_FORMAT,
            ":1:1: 1000000000000 words of 300 numbers are said to follow, the file has 26");
    T_FAILS(crm_vectors_read(PUT("1 99999999999\nthe \1\2\3\4"), &v), CRM_ERR_FORMAT,
            ":1:1: vectors of 99999999999 numbers");
    T_FAILS(crm_vectors_read(PUT("1 2\na_long_word \1\2\3\4\1"), &v), CRM_ERR_FORMAT,
            "offset 4: the file ends in the vector of word 1, after 5 of 8 bytes");
    T_FAILS(crm_vectors_read(PUT("2 2\nthe \1\2\3\4\1\2\3\4aaaaaaaaaaaaaaaaaa"), &v),
            CRM_ERR_FORMAT, "offset 16");
    T_FAILS(crm_vectors_read(PUT("1 1\nthe \0\0\xc0\x7f"), &v), CRM_ERR_FORMAT, "is nan; a finite");
    T_CHECK(v.word == NULL && v.value == NULL);
}

static void round_trip(void)
{
    enum { N = 300, DIM = 7 };
    static char text[N][16];
    char *word[N];
    float value[N * DIM];
    crm_vectors v = {.n = N, .dim = DIM, .word = word, .value = value}, w;

    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "w%d", i);
        word[i] = text[i];
    }
    for (int i = 0; i < N * DIM; i++) { /* any finite bits, subnormal ones too */
        uint32_t bits = crm_rng_element(1, CRM_RNG_TEST, 0, 0, (uint32_t)i);
        if ((bits >> 23 & 255) == 255) bits &= 0xBFFFFFFFu;
        memcpy(&value[i], &bits, sizeof bits);
    }
    for (int f = CRM_VECTORS_GLOVE; f <= CRM_VECTORS_WORD2VEC_BINARY; f++) {
        T_OK(crm_vectors_write(&v, file, (crm_vectors_format)f));
        T_OK(crm_vectors_read(file, &w));
        T_EQ_I(w.n, N);
        T_CHECK(w.n == N && w.dim == DIM && memcmp(w.value, value, sizeof value) == 0);
        T_CHECK(w.n == N && strcmp(w.word[N - 1], "w299") == 0);
        crm_vectors_free(&w);
    }
    word[3] = "two words";
    T_FAILS(crm_vectors_write(&v, file, CRM_VECTORS_GLOVE), CRM_ERR_FORMAT, "word 4");
    word[3] = "w3";
    T_FAILS(crm_vectors_write(&v, "/nowhere/x", CRM_VECTORS_GLOVE), CRM_ERR_IO, "/nowhere/x");
}

/* The C library's strtof is rounded right. */
static void numbers(void)
{
    static const char *const hard[] = {"0.1",
                                       "16777217",
                                       "16777219.0",
                                       "1.00000005960464477539",
                                       "1.00000005960464477540",
                                       "3.4028235e38",
                                       "1e-45",
                                       "7e-46",
                                       "0.000000000000000000000000000012345678",
                                       "-0",
                                       "1e22",
                                       "123456789012345678901234567890",
                                       "1.17549435e-38",
                                       ".5",
                                       "5.",
                                       "8388609.5",
                                       "33554435",
                                       "1e-22",
                                       "4.7019774e-38"};
    static const char *const none[] = {"",    "-",   ".",     "+.",   "e5",  "1e", "1e+",    "0x10",
                                       "inf", "nan", "1.2.3", "1e99", "12a", " 1", "1e99999"};
    char text[64];
    float got;

    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        float want = strtof(hard[i], NULL);
        T_CHECK(embed_parse_f32(hard[i], strlen(hard[i]), &got) &&
                memcmp(&got, &want, sizeof got) == 0);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        T_CHECK(!embed_parse_f32(none[i], strlen(none[i]), &got));
    for (uint32_t i = 0; i < 20000; i++) {
        double x = (double)crm_rng_element(2, CRM_RNG_TEST, 0, 0, i) - 2147483648.0;
        float want;
        snprintf(text, sizeof text, i % 2 ? "%.9ge%d" : "%.7fe%d", x * 1e-9, (int)(i % 40) - 20);
        want = strtof(text, NULL);
        if (!embed_parse_f32(text, strlen(text), &got) || memcmp(&got, &want, sizeof got))
            t_fail(__FILE__, __LINE__, text);
    }
}

static void finds(void)
{
    char *word[] = {"b", "", "a", "b"};
    float value[4] = {0};
    const crm_vectors v = {.n = 4, .dim = 1, .word = word, .value = value};
    crm_vectors_index *x;

    T_OK(crm_vectors_index_new(&v, &x));
    T_EQ_I(crm_vectors_find(x, "a"), 2);
    T_EQ_I(crm_vectors_find(x, "b"), 0);
    T_EQ_I(crm_vectors_find(x, ""), 1);
    T_EQ_I(crm_vectors_find(x, "ab"), -1);
    crm_vectors_index_free(&x);
    T_CHECK(x == NULL);
}

/* By hand.  Angles of b, c, d, e to a: 90, 45, 180, 0 degrees.  Pairs a-b 2, a-c 2, a-d 0, a-e 5:
 * ranks of people 2.5 2.5 1 4, of cosines 2 3 1 4: rho = 4.5 / sqrt(4.5 x 5). */
static void scores(void)
{
    char *word[] = {"a", "b", "c", "d", "e"};
    float value[] = {1, 0, 0, 2, 3, 3, -1, 0, 5, 0};
    const crm_vectors v = {.n = 5, .dim = 2, .word = word, .value = value};
    double got;
    int64_t n, of;

    PUT("a b 2\nA\tc\t2\na d 0\na x 1\na e 5.0\n");
    T_OK(crm_vectors_similarity(&v, file, &got, &n, &of));
    T_EQ_I(n, 4);
    T_EQ_I(of, 5);
    T_NEAR(got, 4.5 / sqrt(22.5), 1e-14);
    /* a : b as d : ?  (0,1) - (1,0) + (-1,0) = (-2,1): of c, e, c is nearer.  c : b as a : ? (0,1)
     * -
     * (.7,.7) + (1,0) = (.3,.3): of d, e, e. */
    PUT(": part\na b d c\nc b a e\nc b a d\na b c x\n\n");
    T_OK(crm_vectors_analogy(&v, file, &got, &n, &of));
    T_EQ_I(n, 3);
    T_EQ_I(of, 4);
    T_NEAR(got, 2.0 / 3, 1e-15);
    /* Two pairs, then three of one score: no correlation; no question with all words. */
    PUT("a b 2\na c 3\na x 1\n");
    T_OK(crm_vectors_similarity(&v, file, &got, &n, &of));
    T_CHECK(n == 2 && of == 3 && isnan(got));
    PUT("a b 2\na c 2\na d 2\n");
    T_OK(crm_vectors_similarity(&v, file, &got, &n, &of));
    T_CHECK(n == 3 && of == 3 && isnan(got));
    PUT("a b c x\n");
    T_OK(crm_vectors_analogy(&v, file, &got, &n, &of));
    T_CHECK(n == 0 && of == 1 && isnan(got));
}

/* A file is checked to its end, by vectors without words too. */
static void bad_scores(void)
{
    const crm_vectors none = {.dim = 1};
    double got;
    int64_t n, of;

#define SIMILARITY(text, want)                                                                     \
    PUT(text);                                                                                     \
    T_FAILS(crm_vectors_similarity(&none, file, &got, &n, &of), CRM_ERR_FORMAT, want)
#define ANALOGY(text, want)                                                                        \
    PUT(text);                                                                                     \
    T_FAILS(crm_vectors_analogy(&none, file, &got, &n, &of), CRM_ERR_FORMAT, want)
    T_FAILS(crm_vectors_similarity(&none, "/nowhere/x", &got, &n, &of), CRM_ERR_IO, "/nowhere/x");
    T_FAILS(crm_vectors_analogy(&none, "/nowhere/x", &got, &n, &of), CRM_ERR_IO, "/nowhere/x");
    SIMILARITY("a b 1\n\na b\n", ":3:4: two words and a score are needed, the line has 2 fields");
    SIMILARITY("a b 1 2 3\n", ":1:7: two words and a score are needed, the line has 5 fields");
    SIMILARITY("a b 1\na  b x1\n", ":2:6: the score is 'x1'; a finite number is needed");
    SIMILARITY("a b nan\n", ":1:5: the score is 'nan'");
    SIMILARITY("\n\n", ":3:1: the file ends without a line of two words and a score");
    SIMILARITY("", ":1:1: the file ends without");
    ANALOGY(": x\na b c d\na\n", ":3:2: four words are needed, the line has 1 field");
    ANALOGY("a b c d e f\n", ":1:9: four words are needed, the line has 6 fields");
    ANALOGY(": x\n", ":2:1: the file ends without a line of four words");
    PUT("a b 1\n");
    T_OK(crm_vectors_similarity(&none, file, &got, &n, &of));
    T_CHECK(n == 0 && of == 1 && isnan(got));
    PUT("a b c d\n");
    T_OK(crm_vectors_analogy(&none, file, &got, &n, &of));
    T_CHECK(n == 0 && of == 1 && isnan(got));
}

/* Sizes and first numbers as they stand in the files. */
static void real_files(void)
{
    const char *shared = getenv("CRM_SHARED");
    char path[2048];
    crm_vectors v;

    snprintf(path, sizeof path, "%s/data/word_vectors/glove_subset.txt", shared ? shared : "");
    if (!shared || !crm_path_exists(path)) {
        T_SKIP("no ../shared/data/word_vectors");
        return;
    }
    T_OK(crm_vectors_read(path, &v));
    T_CHECK(v.n > 0 && v.dim > 1 && strcmp(v.word[0], "accountant") == 0);
    T_CHECK(v.n > 0 && v.value[0] == 0.20509f && v.value[1] == -0.45237f);
    crm_vectors_free(&v);
    snprintf(path, sizeof path, "%s/data/word_vectors/sample_vecs.txt", shared);
    T_OK(crm_vectors_read(path, &v));
    T_CHECK(v.n > 0 && v.dim > 1 && strcmp(v.word[0], "in") == 0 && v.value[0] == 0.070312f);
    crm_vectors_free(&v);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"files of gensim and word2vec", gensim_files},
                                   {"text that is written otherwise", odd_text},
                                   {"bad files", bad_files},
                                   {"written and read again", round_trip},
                                   {"numbers as the C library reads them", numbers},
                                   {"index", finds},
                                   {"likeness and analogies by hand", scores},
                                   {"bad files of likeness and analogies", bad_scores},
                                   {"real files", real_files},
                                   {NULL, NULL}};
    const char *tmp = getenv("TMPDIR");
    int bad;

    snprintf(dir, sizeof dir, "%s/vectors_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/v", dir);
    bad = t_main(argc, argv, cases);
    if (crm_path_remove(dir)) bad = 1;
    return bad;
}
