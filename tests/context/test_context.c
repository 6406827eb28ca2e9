/* test_context.c - columns of texts, counted by hand: aspects with polarity, emotions, lexicon;
 * documents behind the cut-off; the same file as one rank writes; all else of the data set stays;
 * wrong files. ranks: 1 2 3 4 */
#include "crm_test_mpi.h"

#include "../data/data_sample.h"
#include "crmpi/context.h"
#include "crmpi/data_extend.h"
#include "crmpi/data_keep.h"

enum { ROWS = 5, DOCUMENTS = 6, TOKENS = 18, COLUMNS = 20 };

static const char LEXICON[] =
    "great\t3\t0.5\t[3, 3]\ngood\t2\nlost\t-1\t0\nlate\t-1\n:-(\t-2\nawful\t-3\n";
static const char ASPECTS[] = "crew: [crew]\n"
                              "delay: [delay*, hours late, late]\n"
                              "luggage: {words: bag*, kind: pain}\n";
static const char EMOTIONS[] = "LATE\tfear\t1\nlate\tfear\t1\nAwful\tanger\t1\nlate\tanger\t1\n#"
                               "great\tjoy\t1\ngood\tanger\t0\n";

static const char *const names[COLUMNS] = {"lexicon.polarity",
                                           "lexicon.positive",
                                           "lexicon.negative",
                                           "aspects.crew",
                                           "aspects.crew.polarity",
                                           "aspects.crew.preference",
                                           "aspects.crew.pain",
                                           "aspects.delay",
                                           "aspects.delay.polarity",
                                           "aspects.delay.preference",
                                           "aspects.delay.pain",
                                           "aspects.luggage",
                                           "aspects.luggage.polarity",
                                           "aspects.any",
                                           "aspects.any.polarity",
                                           "aspects.any.preference",
                                           "aspects.any.pain",
                                           "emotions.anger",
                                           "emotions.fear",
                                           "emotions.joy"};

/* By hand, with s / sqrt(s^2 + 15) of the sum s of valences (VADER, see lexicon.h):
 * 0  "The crew GREAT . bags lost": crew up to the full stop, 3 and 0.733 for the capitals: 3.733 /
 *    sqrt(28.935289); bags -1 / 4, a pain point by its kind; the document 2.733 / sqrt(22.469289).
 *    "awful" is behind the cut-off.
 * 2  "not a good crew": 2 * -0.74 = -1.48, -1.48 / sqrt(17.1904); "hours late :-(" is one mention,
 *    -3 / sqrt(24).
 * 3  "!!": no words.   1 has no documents, 4 one that does not count. */
#define NONE                                                                                       \
    {                                                                                              \
        NAN, 0, 0, 0, NAN, 0, 0, 0, NAN, 0, 0, 0, NAN, 0, NAN, 0, 0, NAN, NAN, NAN                 \
    }
static const float expected[ROWS][COLUMNS] = {
    {.57656061f, 1, 0, 1, .69397455f, 1, 0, 0, NAN, 0, 0, 1, -.25f, 2, .22198727f, 1, 1, 0, 0, .2f},
    NONE,
    {-.48466579f, 0, 2,   1, -.35695914f, 0, 1, 1,       -.61237244f, 0,
     1,           0, NAN, 2, -.48466579f, 0, 2, 1.f / 6, 1.f / 6,     0},
    {0, 0, 0, 0, NAN, 0, 0, 0, NAN, 0, 0, 0, NAN, 0, NAN, 0, 0, NAN, NAN, NAN},
    NONE};

/* ---- files ---- */
static const char *put(const char *name, const char *text)
{
    const char *path = sample_path(name);

    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_write_atomic(path, text, strlen(text)));
    T_OK(crm_comm_barrier(t_comm));
    return path;
}

static void write_data(const char *path)
{
    static const int64_t first[ROWS + 1] = {0, 2, 2, 4, 5, 6};
    static const int64_t token_first[DOCUMENTS + 1] = {0, 6, 7, 11, 14, 15, 18};
    static const int32_t kind[DOCUMENTS] = {0};
    static const float time[DOCUMENTS] = {3, -1, 5, 0, 2, -.5f};
    static const int32_t token[TOKENS] = {0, 1, 2,  7,  3,  4,  14, 5, 13,
                                          6, 1, 12, 10, 11, 15, 1,  2, 10};
    static const float age[ROWS] = {30, 40, NAN, 60, 70};
    static const int32_t label[ROWS] = {0, 1, 0, 1, 0};
    static const float missing[2] = {.2f, 0};
    const sample_array a[] = {{"profile/num", CRM_F32, 2, {ROWS, 1}, age},
                              {"documents/first", CRM_I64, 1, {ROWS + 1}, first},
                              {"documents/token_first", CRM_I64, 1, {DOCUMENTS + 1}, token_first},
                              {"documents/kind", CRM_I32, 1, {DOCUMENTS}, kind},
                              {"documents/time", CRM_F32, 1, {DOCUMENTS}, time},
                              {"documents/token", CRM_I32, 1, {TOKENS}, token},
                              {"target/t/label", CRM_I32, 1, {ROWS}, label},
                              {"dictionary/missing", CRM_F32, 1, {2}, missing},
                              {0}};
    static const sample_names t[] = {
        {"profile/num", "columns", 1, {"age"}},
        {"documents/kinds", NULL, 1, {"note"}},
        {"documents/words",
         NULL,
         16,
         {"The", "crew", "GREAT", "bags", "lost", "not", "good", ".", "but", "#delayed", "late",
          ":-(", "hours", "a", "awful", "!!"}},
        {"target/t/label", "classes", 2, {"no", "yes"}},
        {"dictionary/block", NULL, 2, {"profile", "target"}},
        {"dictionary/name", NULL, 2, {"age", "t"}},
        {"dictionary/type", NULL, 2, {"real", "category"}},
        {"dictionary/unit", NULL, 2, {"years", ""}},
        {"dictionary/meaning", NULL, 2, {"", ""}},
        {"dictionary/source", NULL, 2, {"", ""}},
        {"dictionary/cleaning", NULL, 2, {"", ""}},
        {0}};

    if (crm_comm_rank(t_comm) == 0) T_OK(sample_write(path, ROWS, a, t, "customer"));
    T_OK(crm_comm_barrier(t_comm));
}

static const crm_context_cfg cfg = {.window = 3, .neutral = .05, .prefix = ""};

static crm_status annotate(crm_comm *comm, const crm_data *d, const char *lexicon,
                           const char *aspects, const char *emotions, const char *name,
                           crm_context_info *info)
{
    crm_context_plan plan = {.cfg = &cfg};
    char path[3][CRM_PATH_MAX + 64];
    const char *const file[] = {lexicon, aspects, emotions};

    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s", file[i] ? sample_path(file[i]) : "");
    plan.lexicon = lexicon ? path[0] : NULL;
    plan.aspects = aspects ? path[1] : NULL;
    plan.emotions = emotions ? path[2] : NULL;
    return crm_context_annotate(comm, d, &plan, sample_path(name), info);
}

/* ---- cases ---- */
static void enter(void)
{
    if (crm_comm_rank(t_comm) == 0) T_CHECK(sample_folder());
    T_OK(crm_comm_bcast(t_comm, 0, s_dir, sizeof s_dir));
    write_data(sample_path("d.h5"));
    put("lexicon.txt", LEXICON);
    put("aspects.yaml", ASPECTS);
    put("emotions.txt", EMOTIONS);
}

static void check_values(const crm_data *d)
{
    const float *num;
    const int32_t *cat;
    const crm_schema *s = crm_data_profile(d, &num, &cat);

    T_EQ_I(s->n_num, COLUMNS + 1);
    for (int c = 0; c < COLUMNS && c + 1 < s->n_num; c++) {
        if (strcmp(s->num_name[c + 1], names[c]) != 0) t_fail(__FILE__, __LINE__, names[c]);
        for (int r = 0; r < ROWS; r++) {
            float got = num[r * s->n_num + c + 1], want = expected[r][c];
            bool right = isnan(want) ? isnan(got) : fabsf(got - want) < 1e-6f;
            if (right) continue;
            t_fail(__FILE__, __LINE__, names[c]);
            fprintf(stderr, "#   row %d: %g against %g\n", r, (double)got, (double)want);
        }
    }
    T_CHECK(num[0] == 30 && isnan(num[2 * s->n_num]) && num[4 * s->n_num] == 70);
}

/* The dictionary has the columns behind those of the profile. */
static void check_dictionary(const crm_data *d)
{
    const crm_dictionary *x = crm_data_dictionary(d);

    T_CHECK(x && x->n == COLUMNS + 2);
    if (!x || x->n != COLUMNS + 2) return;
    T_CHECK(strcmp(x->name[0], "age") == 0 && x->missing[0] == .2f);
    for (int c = 0; c < COLUMNS; c++)
        T_CHECK(strcmp(x->block[c + 1], "profile") == 0 && strcmp(x->name[c + 1], names[c]) == 0);
    T_CHECK(strcmp(x->name[COLUMNS + 1], "t") == 0 && strcmp(x->unit[0], "years") == 0);
    T_CHECK(x->missing[1] == .4f && x->missing[2] == 0); /* customers 1 and 4 have no documents */
}

static void check_rest(const crm_data *was, const crm_data *is)
{
    const crm_documents *a = crm_data_documents(was), *b = crm_data_documents(is);
    const char *const *former, *const *note;
    char hex[CRM_DIGEST_HEX];
    int64_t n = 0;

    T_CHECK(b && b->n == DOCUMENTS && b->n_words == a->n_words);
    T_CHECK(memcmp(a->token, b->token, TOKENS * sizeof *a->token) == 0);
    T_CHECK(memcmp(a->time, b->time, DOCUMENTS * sizeof *a->time) == 0);
    T_CHECK(memcmp(crm_data_target(was, 0)->label, crm_data_target(is, 0)->label,
                   ROWS * sizeof(int32_t)) == 0);
    former = crm_data_former(is, &n);
    T_CHECK(n == 1 && strcmp(former[0], crm_digest_hex(crm_data_digest(was), hex)) == 0);
    note = crm_data_annotations(is, &n);
    T_CHECK(n == 4 && strncmp(note[0], "lexicon ", 8) == 0 && strncmp(note[1], "aspects ", 8) == 0);
}

static void by_hand(void)
{
    crm_data *d = NULL, *is = NULL;
    crm_context_info info = {0};

    T_OK(crm_data_open(sample_path("d.h5"), &d));
    if (!d) return;
    T_OK(annotate(t_comm, d, "lexicon.txt", "aspects.yaml", "emotions.txt", "new.h5", &info));
    T_EQ_I(info.columns, COLUMNS);
    T_EQ_I(info.customers, 3);
    T_EQ_I(info.documents, 4);
    T_EQ_I(info.late, 2);
    T_OK(crm_data_open(sample_path("new.h5"), &is));
    if (is) {
        T_OK(crm_data_verify(t_comm, is));
        check_values(is);
        check_dictionary(is);
        check_rest(d, is);
    }
    crm_data_close(&is);
    crm_data_close(&d);
}

static void same_bits(void)
{
    crm_comm *alone = NULL;
    crm_context_info all = {0}, one = {0};
    crm_data *d = NULL;
    char name[32];

    snprintf(name, sizeof name, "one%d.h5", crm_comm_rank(t_comm));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(crm_data_open(sample_path("d.h5"), &d));
    if (!d) return;
    T_OK(annotate(t_comm, d, "lexicon.txt", "aspects.yaml", "emotions.txt", "all.h5", &all));
    T_OK(annotate(alone, d, "lexicon.txt", "aspects.yaml", "emotions.txt", name, &one));
    T_CHECK(all.digest.hi == one.digest.hi && all.digest.lo == one.digest.lo);
    crm_data_close(&d);
    crm_comm_free(&alone);
}

/* Without polarities an aspect is counted, and no more. */
static void aspects_alone(void)
{
    crm_data *d = NULL, *is = NULL;
    crm_context_info info = {0};
    const float *num;
    const int32_t *cat;
    const crm_schema *s;

    T_OK(crm_data_open(sample_path("d.h5"), &d));
    if (!d) return;
    T_OK(annotate(t_comm, d, NULL, "aspects.yaml", NULL, "alone.h5", &info));
    T_EQ_I(info.columns, 4);
    T_OK(crm_data_open(sample_path("alone.h5"), &is));
    if (is) {
        s = crm_data_profile(is, &num, &cat);
        T_CHECK(strcmp(s->num_name[4], "aspects.any") == 0);
        T_CHECK(num[4] == 2 && num[1 * 5 + 4] == 0 && num[2 * 5 + 4] == 2);
    }
    crm_data_close(&is);
    crm_data_close(&d);
}

/* Documents and nothing else: no profile, no dictionary. */
static void bare(void)
{
    static const int64_t first[] = {0, 1}, token_first[] = {0, 1};
    static const int32_t kind[] = {0};
    int32_t token[] = {0};
    static const float time[] = {0};
    const sample_array a[] = {{"documents/first", CRM_I64, 1, {2}, first},
                              {"documents/token_first", CRM_I64, 1, {2}, token_first},
                              {"documents/kind", CRM_I32, 1, {1}, kind},
                              {"documents/time", CRM_F32, 1, {1}, time},
                              {"documents/token", CRM_I32, 1, {1}, token},
                              {0}};
    static const sample_names t[] = {
        {"documents/kinds", NULL, 1, {"note"}}, {"documents/words", NULL, 1, {"#Delayed"}}, {0}};
    crm_data *d = NULL, *is = NULL;
    crm_context_info info = {0};
    const float *num;
    const int32_t *cat;

    if (crm_comm_rank(t_comm) == 0) T_OK(sample_write(sample_path("bare.h5"), 1, a, t, NULL));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path("bare.h5"), &d));
    if (!d) return;
    T_OK(annotate(t_comm, d, NULL, "aspects.yaml", NULL, "dressed.h5", &info));
    T_OK(crm_data_open(sample_path("dressed.h5"), &is));
    if (is) {
        T_EQ_I(crm_data_profile(is, &num, &cat)->n_num, 4);
        T_CHECK(num[0] == 0 && num[1] == 1 && num[2] == 0 && num[3] == 1);
        T_EQ_I(crm_data_dictionary(is)->n, 4);
    }
    crm_data_close(&is);
    crm_data_close(&d);
    token[0] = 1; /* a word that is not there */
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(sample_write(sample_path("bare.h5"), 1, a, t, NULL));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_data_open(sample_path("bare.h5"), &d));
    if (!d) return;
    T_FAILS(annotate(t_comm, d, NULL, "aspects.yaml", NULL, "none.h5", &info), CRM_ERR_FORMAT,
            "documents/token holds id 1, there are 1 words");
    crm_data_close(&d);
}

/* A column of the profile is not replaced. */
static void taken_names(void)
{
    crm_data *d = NULL;
    crm_context_info info;

    T_OK(crm_data_open(sample_path("new.h5"), &d));
    if (!d) return;
    T_FAILS(annotate(t_comm, d, "lexicon.txt", NULL, NULL, "again.h5", &info), CRM_ERR_CONFIG,
            "a column 'lexicon.polarity' already");
    T_CHECK(!crm_path_exists(sample_path("again.h5")));
    crm_data_close(&d);
}

/* A list that says of every word that it has no emotion. */
static void no_emotion(void)
{
    crm_data *d = NULL, *is = NULL;
    crm_context_info info = {0};
    const float *num;
    const int32_t *cat;

    put("none.txt", "good\tjoy\t0\ngreat\tjoy\t0\n");
    T_OK(crm_data_open(sample_path("d.h5"), &d));
    if (!d) return;
    T_OK(annotate(t_comm, d, NULL, NULL, "none.txt", "joyless.h5", &info));
    T_OK(crm_data_open(sample_path("joyless.h5"), &is));
    if (is) {
        T_EQ_I(crm_data_profile(is, &num, &cat)->n_num, 2);
        T_CHECK(num[1] == 0 && isnan(num[3]) && num[5] == 0);
    }
    crm_data_close(&is);
    crm_data_close(&d);
}

static void wrong_files(void)
{
    static const struct {
        const char *aspects, *emotions, *lexicon, *message;
        crm_status status;
    } wrong[] = {
        {"a: [x, 'de*lay']\n", NULL, NULL, "wrong.txt:1:8: a: value 'de*lay' has a star",
         CRM_ERR_CONFIG},
        {"a: x\nb: ['']\n", NULL, NULL, "wrong.txt:2:5: b: value '' has no word", CRM_ERR_CONFIG},
        {"a: []\n", NULL, NULL, "wrong.txt:1:4: a: value '[...]' has no patterns", CRM_ERR_CONFIG},
        {"a: {words: x, kind: joy}\n", NULL, NULL, "wrong.txt:1:21: a.kind: value 'joy'",
         CRM_ERR_CONFIG},
        {"a: {word: x}\n", NULL, NULL, "wrong.txt:1:5: a.word:", CRM_ERR_CONFIG},
        {"", NULL, NULL, "wrong.txt:1:1: no aspect", CRM_ERR_CONFIG},
        {"a: x\nany: y\n", NULL, NULL, "wrong.txt:2:6: any: value 'y' needs another name",
         CRM_ERR_CONFIG},
        {"a: x\n\"b\\tc\": y\n", NULL, NULL, "without control characters", CRM_ERR_CONFIG},
        {NULL, "good\tjoy\t1\ngood joy 1\n", NULL,
         "wrong.txt:2:1: value 'good joy 1' has no tab; a line is a word, a tab, an emotion of 1 "
         "to",
         CRM_ERR_FORMAT},
        {NULL, "caf\303\251\tjoy\t2\n", NULL, "wrong.txt:1:10: value '2' is neither 0 nor 1",
         CRM_ERR_FORMAT},
        {NULL, "\tjoy\t1\n", NULL, "wrong.txt:1:1: value '\\u0009joy", CRM_ERR_FORMAT},
        {NULL, "a\tjoy\t0\n\nb\tjo\351\t1\n", NULL,
         "wrong.txt:3:3: value 'jo\\xe9' is no name of an emotion", CRM_ERR_FORMAT},
        {NULL, "a\tjoy\n", NULL, "wrong.txt:1:3: value 'joy' has no tab behind it", CRM_ERR_FORMAT},
        {NULL, "", NULL, "wrong.txt:1:1: no emotion", CRM_ERR_FORMAT},
        {NULL, NULL, "good\t1\nbad 2\n", "wrong.txt:2:1: value 'bad 2' has no tab", CRM_ERR_FORMAT},
        {NULL, NULL, "caf\303\251\t1,5\tx\n", "wrong.txt:1:6: value '1,5' is no such number",
         CRM_ERR_FORMAT},
        {NULL, NULL, "good\t101\n",
         "wrong.txt:1:6: value '101' is no such number; a line is a word", CRM_ERR_FORMAT},
        {NULL, NULL, "\t1\n", "wrong.txt:1:1: ", CRM_ERR_FORMAT},
    };
    crm_data *d = NULL;
    crm_context_info info;

    T_OK(crm_data_open(sample_path("d.h5"), &d));
    for (size_t i = 0; d && i < sizeof wrong / sizeof *wrong; i++) {
        const char *text = wrong[i].aspects    ? wrong[i].aspects
                           : wrong[i].emotions ? wrong[i].emotions
                                               : wrong[i].lexicon;
        put("wrong.txt", text);
        T_FAILS(annotate(t_comm, d, wrong[i].lexicon ? "wrong.txt" : NULL,
                         wrong[i].aspects ? "wrong.txt" : NULL,
                         wrong[i].emotions ? "wrong.txt" : NULL, "none.h5", &info),
                wrong[i].status, wrong[i].message);
    }
    if (d)
        T_FAILS(annotate(t_comm, d, NULL, NULL, NULL, "none.h5", &info), CRM_ERR_CONFIG,
                "nothing to annotate with");
    crm_data_close(&d);
    T_CHECK(!crm_path_exists(sample_path("none.h5")));
}

static void leave(void)
{
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(s_dir));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"(a folder)", enter},
                                   {"counts and means by hand", by_hand},
                                   {"the file of one rank", same_bits},
                                   {"aspects without polarity", aspects_alone},
                                   {"documents and nothing else", bare},
                                   {"names that are taken", taken_names},
                                   {"words without an emotion", no_emotion},
                                   {"wrong files", wrong_files},
                                   {"(the folder goes)", leave},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
