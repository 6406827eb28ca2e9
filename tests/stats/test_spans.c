/* test_spans.c - spans of BIO tags.  Expected counts are worked out by hand by the rules of the
 * script conlleval (Tjong Kim Sang 2000): a chunk begins at B, at I behind O and at a change of
 * type. */
#include <string.h>

#include "../crm_test.h"
#include "crmpi/stats_spans.h"

static const char *const TAGS[] = {"O", "B-per", "I-per", "B-loc", "I-loc"};
enum { O, BP, IP, BL, IL, K };

static void counted(int n, const int32_t *gold, const int32_t *found, crm_span_counts per,
                    crm_span_counts loc)
{
    crm_bio bio[K];
    const char *type[K];
    int n_types;
    crm_span_counts c[2] = {{0}};

    T_OK(crm_bio_read(K, TAGS, bio, type, &n_types));
    T_EQ_I(n_types, 2);
    crm_stats_spans(n, bio, gold, found, c);
    T_EQ_I(c[0].gold, per.gold);
    T_EQ_I(c[0].found, per.found);
    T_EQ_I(c[0].right, per.right);
    T_EQ_I(c[1].gold, loc.gold);
    T_EQ_I(c[1].found, loc.found);
    T_EQ_I(c[1].right, loc.right);
}

static void counts_spans(void)
{
    /* one span, found whole */
    counted(4, (int32_t[]){O, BP, IP, O}, (int32_t[]){O, BP, IP, O}, (crm_span_counts){1, 1, 1},
            (crm_span_counts){0});
    /* too short, too long */
    counted(3, (int32_t[]){BP, IP, O}, (int32_t[]){BP, O, O}, (crm_span_counts){1, 1, 0},
            (crm_span_counts){0});
    counted(3, (int32_t[]){BP, IP, O}, (int32_t[]){BP, IP, IP}, (crm_span_counts){1, 1, 0},
            (crm_span_counts){0});
    /* the right place, the wrong type */
    counted(2, (int32_t[]){BP, IP}, (int32_t[]){BL, IL}, (crm_span_counts){1, 0, 0},
            (crm_span_counts){0, 1, 0});
    /* B behind B is a span of its own */
    counted(3, (int32_t[]){BP, BP, IP}, (int32_t[]){BP, BP, IP}, (crm_span_counts){2, 2, 2},
            (crm_span_counts){0});
    counted(3, (int32_t[]){BP, BP, IP}, (int32_t[]){BP, IP, IP}, (crm_span_counts){2, 1, 0},
            (crm_span_counts){0});
    /* I without B begins a span, at the beginning and behind O */
    counted(4, (int32_t[]){BP, IP, O, BP}, (int32_t[]){IP, IP, O, IP}, (crm_span_counts){2, 2, 2},
            (crm_span_counts){0});
    /* I of another type ends the span and begins one */
    counted(4, (int32_t[]){BP, IP, BL, IL}, (int32_t[]){BP, IP, IL, IL}, (crm_span_counts){1, 1, 1},
            (crm_span_counts){1, 1, 1});
    /* a span that ends with the sentence; nothing at all */
    counted(2, (int32_t[]){O, BL}, (int32_t[]){O, BL}, (crm_span_counts){0},
            (crm_span_counts){1, 1, 1});
    counted(0, NULL, NULL, (crm_span_counts){0}, (crm_span_counts){0});
    /* a missing tag is O on both sides: "B-per ? I-per" are two spans */
    counted(3, (int32_t[]){BP, -1, IP}, (int32_t[]){BP, IP, IP}, (crm_span_counts){2, 2, 2},
            (crm_span_counts){0});
}

/* Of "per . loc loc . per per" (o o marks the ends of a span): one span found with the other type,
 * one too short, one right, one that is not there. */
static void confuses_types(void)
{
    static const int32_t gold[] = {BP, O, BL, IL, O, BP, BP, O};
    static const int32_t found[] = {BL, O, BL, O, O, BP, O, BL};
    static const int64_t expected[9] = {1, 1, 1,  /* per: right, as loc, missed  */
                                        0, 0, 1,  /* loc: missed                 */
                                        0, 2, 0}; /* none: two spans without one */
    crm_bio bio[K];
    const char *type[K];
    int64_t count[9] = {0};
    crm_span_counts all;
    int n_types;

    T_OK(crm_bio_read(K, TAGS, bio, type, &n_types));
    crm_stats_span_confusion(8, bio, gold, found, n_types, count);
    for (int i = 0; i < 9; i++)
        T_EQ_I(count[i], expected[i]);
    all = crm_spans_of_confusion(n_types, count, n_types);
    T_EQ_I(all.gold, 4);
    T_EQ_I(all.found, 4);
    T_EQ_I(all.right, 1);
}

/* On any tags, also such as no tagger gives, and with missing ones: margins and diagonal are the
 * counts of conlleval. */
static void confusion_agrees_with_counts(void)
{
    uint32_t seed = 7;
    crm_bio bio[K];
    const char *type[K];
    int n_types, bad = 0;

    T_OK(crm_bio_read(K, TAGS, bio, type, &n_types));
    for (int trial = 0; trial < 2000; trial++) {
        int32_t gold[12], found[12];
        int64_t count[9] = {0};
        crm_span_counts c[2] = {{0}};
        for (int i = 0; i < 12; i++) {
            seed = seed * 1664525U + 1013904223U; /* Numerical Recipes */
            gold[i] = (int32_t)(seed >> 16) % (K + 1) - 1;
            found[i] = (seed >> 28) % 2 && gold[i] >= 0 ? gold[i] : (int32_t)(seed >> 20) % K;
        }
        crm_stats_spans(12, bio, gold, found, c);
        crm_stats_span_confusion(12, bio, gold, found, n_types, count);
        for (int k = 0; k < 2; k++) {
            crm_span_counts d = crm_spans_of_confusion(n_types, count, k);
            bad += d.gold != c[k].gold || d.found != c[k].found || d.right != c[k].right;
        }
    }
    T_EQ_I(bad, 0);
}

static void scores(void)
{
    crm_span_counts c[2] = {{4, 2, 1}, {1, 3, 1}}, all = crm_spans_total(2, c);

    T_NEAR(crm_spans_precision(all), 0.4, 1e-15);
    T_NEAR(crm_spans_recall(all), 0.4, 1e-15);
    T_NEAR(crm_spans_f1(c[0]), 1.0 / 3, 1e-15); /* 2 (1/2)(1/4) / (3/4) */
    T_EQ_I(crm_spans_f1((crm_span_counts){0, 0, 0}), 0);
    T_EQ_I(crm_spans_precision((crm_span_counts){3, 0, 0}), 0);
}

static void refuses_other_classes(void)
{
    crm_bio bio[2];
    const char *type[2];
    int n;

    T_EQ_I(crm_bio_read(2, (const char *[]){"O", "yes"}, bio, type, &n), CRM_ERR_CONFIG);
    T_EQ_I(crm_bio_read(2, (const char *[]){"O", "B-"}, bio, type, &n), CRM_ERR_CONFIG);
    T_EQ_I(crm_bio_read(2, (const char *[]){"O", "E-per"}, bio, type, &n), CRM_ERR_CONFIG);
}

/* numpy: r = [1, 0, 2, 1, 0], h = [2, 3, 5, 4, 0]; f = 2 r.sum() / h.sum(),
 * sqrt(((2 r - f h) ** 2).sum()) / h.sum(). */
static void error_of_f1(void)
{
    static const crm_span_counts seen[] = {{1, 1, 1}, {3, 0, 0}, {2, 3, 2}, {1, 3, 1}, {0, 0, 0}};
    crm_span_tally t = {0}, other = {0}, none = {0};

    for (int i = 0; i < 5; i++) {
        crm_span_tally_add(&t, seen[i]);
        crm_span_tally_add(&other, seen[4 - i]);
    }
    T_NEAR(crm_span_tally_f1(&t), 0.5714285714285714, 1e-15);
    T_NEAR(crm_span_tally_error(&t), 0.160694038245139, 1e-15);
    T_CHECK(memcmp(&t, &other, sizeof t) == 0); /* in any order */
    T_NEAR(crm_span_tally_f1(&none), 0, 0);
    T_NEAR(crm_span_tally_error(&none), 0, 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"counts_spans", counts_spans},
                                   {"confuses types", confuses_types},
                                   {"confusion agrees with counts", confusion_agrees_with_counts},
                                   {"scores", scores},
                                   {"error_of_f1", error_of_f1},
                                   {"refuses_other_classes", refuses_other_classes},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
