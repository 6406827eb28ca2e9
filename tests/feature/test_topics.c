/* test_topics.c - topics as columns: planted ones tell rows apart, each row sums to 1, a model file
 * and another dictionary give the same, no documents, the same bits on any number of ranks.
 * ranks: 1 2 3 4 */
#include <math.h>

#include "feature/feature_kit.h"

enum { ROWS = 200, EACH = 6, LENGTH = 8, WORDS = 2 * EACH };
static const char *const two[] = {"no", "yes"};
static const char *word_of[WORDS], *turned[WORDS];
static char text[WORDS][8];
static int64_t doc_first[ROWS + 1], token_first[ROWS + 1];
static int32_t token[ROWS * LENGTH], other_token[ROWS * LENGTH], label[ROWS];

/* Row r has one document of words of topic r mod 2; the last row has none. */
static void sample(void)
{
    for (int w = 0; w < WORDS; w++) {
        snprintf(text[w], sizeof text[w], "w%c", 'a' + w);
        word_of[w] = turned[WORDS - 1 - w] = text[w];
    }
    for (int r = 0; r < ROWS; r++) {
        crm_rng g = crm_rng_at(4, CRM_RNG_TEST, 0, (uint64_t)r);
        int64_t docs = r < ROWS - 1;
        label[r] = r % 2;
        doc_first[r + 1] = doc_first[r] + docs;
        if (!docs) continue;
        token_first[r + 1] = token_first[r] + LENGTH;
        for (int i = 0; i < LENGTH; i++) {
            int32_t w = (int32_t)crm_rng_below(&g, EACH) + r % 2 * EACH;
            token[token_first[r] + i] = w;
            other_token[token_first[r] + i] = WORDS - 1 - w;
        }
    }
}

static sd_spec spec(const char *const *word, const int32_t *tokens)
{
    return (sd_spec){.n = ROWS,
                     .n_classes = 2,
                     .class_name = two,
                     .label = label,
                     .doc_first = doc_first,
                     .token_first = token_first,
                     .token = tokens,
                     .n_words = WORDS,
                     .word = word};
}

static const crm_topics_cfg CFG = {.lda = {.topics = 2,
                                           .passes = 6,
                                           .batch = 32,
                                           .iterations = 100,
                                           .tolerance = 1e-4,
                                           .offset = 10,
                                           .decay = 0.7},
                                   .text = SD_TEXT};

static void tells_topics(void)
{
    sd_spec s = spec(word_of, token), o = spec(turned, other_token);
    fk_fitted f = {0}, g = {0};
    crm_data *d = NULL;
    int n, first;

    sample();
    T_OK(sd_open("topics", &s, &f.data));
    T_OK(fk_fit(&crm_topics_class, &CFG, t_comm, ROWS - 20, &f));
    if (!f.num) return;
    n = f.out->n_num;
    first = f.num[n - 2] > 0.5F ? 0 : 1; /* topic of even rows */
    T_CHECK(strncmp(f.out->num_name[n - 2], "topic 1 (w", 10) == 0);
    for (int r = 0; r < ROWS; r++) {
        const float *mix = f.num + r * n + n - 2;
        T_NEAR((double)mix[0] + (double)mix[1], 1, 1e-6);
        if (r == ROWS - 1)
            T_NEAR((double)mix[0], 0.5, 1e-6);
        else
            T_CHECK(mix[(first + r) % 2] > 0.9F);
    }
    T_OK(sd_open("turned", &o, &d));
    T_OK(fk_again(&f, d, &g));
    T_CHECK(g.num && memcmp(f.num, g.num, (size_t)(ROWS * n) * sizeof *g.num) == 0);
    fk_drop(&g);
    crm_data_close(&d);
    fk_drop(&f);
}

static void same_on_any_ranks(void)
{
    sd_spec s = spec(word_of, token);
    fk_fitted f = {0}, g = {0};
    crm_comm *alone;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(sd_open("topics", &s, &f.data));
    T_OK(sd_open("topics", &s, &g.data));
    T_OK(fk_fit(&crm_topics_class, &CFG, t_comm, ROWS, &f));
    T_OK(fk_fit(&crm_topics_class, &CFG, alone, ROWS, &g));
    T_CHECK(f.num && g.num &&
            memcmp(f.num, g.num, (size_t)(ROWS * f.out->n_num) * sizeof *g.num) == 0);
    fk_drop(&f);
    fk_drop(&g);
    crm_comm_free(&alone);
}

static void off_is_idle(void)
{
    crm_topics_cfg cfg = CFG;

    T_CHECK(!crm_topics_class.idle(&cfg));
    cfg.lda.topics = 0;
    T_CHECK(crm_topics_class.idle(&cfg));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"tells topics", tells_topics},
                                   {"same on any ranks", same_on_any_ranks},
                                   {"off is idle", off_is_idle},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
