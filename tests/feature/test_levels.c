/* test_levels.c - transforms of categories: rare and unseen levels; codes, frequencies and rates of
 * the target out of fold.  Values by hand.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "crmpi/base_rng.h"
#include "feature/feature_kit.h"

enum { N = 12, TRAIN = 10 };
static const char *const num_name[] = {"x"}, *const cat_name[] = {"colour", "size"};
static const char *const colour[] = {"red", "green", "blue", "amber"}, *const size[] = {"s", "m"};
static const char *const classes[] = {"no", "maybe", "yes"};
static const float x[N];
/* colour in training: red 4, green 0, blue 2, amber 3, missing 1; size s 10; then two other rows */
static const int32_t cat[] = {0, 0, 3, 0, 0, 0, 2,  0, 3, 0, 0, 0,
                              2, 0, 3, 0, 0, 0, -1, 0, 1, 1, 3, 0};
static const int32_t label[N] = {1, 0, 2, 0, 1, 1, 0, 2, 0, 1, 2, 2};

static crm_data *open_levels(const char *name, const char *const *level, const int64_t *group)
{
    sd_spec s = {.n = N,
                 .n_num = 1,
                 .num_name = num_name,
                 .num = x,
                 .n_cat = 2,
                 .cat_name = cat_name,
                 .cat = cat,
                 .n_levels = {4, 2},
                 .level = {level, size},
                 .n_classes = 3,
                 .class_name = classes,
                 .label = label,
                 .group = group};
    crm_data *d = NULL;

    T_OK(sd_open(name, &s, &d));
    return d;
}

/* ---- rare ---- */

/* By count 3: blue (2) is rare; green has no training row. */
static void merges_rare_levels(void)
{
    crm_rare_cfg cfg = {.min_count = 3};
    fk_fitted f;

    for (int unseen = 0; unseen < 2; unseen++) {
        static const int32_t want[] = {0, 1, 0, 2, 1, 0, 2, 1, 0, -1, -1, 1};
        cfg.unseen = unseen;
        f = (fk_fitted){.data = open_levels("levels", colour, NULL)};
        T_OK(fk_fit(&crm_rare_class, &cfg, t_comm, TRAIN, &f));
        T_CHECK(f.out->n_cat == 2 && f.out->n_levels[0] == 3 && f.out->n_levels[1] == 2);
        T_CHECK(strcmp(f.out->level[0][0], "red") == 0 &&
                strcmp(f.out->level[0][1], "amber") == 0 &&
                strcmp(f.out->level[0][2], "(rare)") == 0);
        for (int i = 0; i < N; i++)
            T_EQ_I(f.cat[2 * i], unseen && i == 10 ? 2 : want[i]);
        T_EQ_I(f.cat[2 * 10 + 1], unseen ? 1 : -1); /* m */
        fk_same_again(&f);
        fk_drop(&f);
    }
}

/* By share 0.31 of 10 rows: red alone stays.  Over data with other levels, "pink" is unseen and
 * "(rare)" is known. */
static void knows_unseen_levels(void)
{
    static const char *const other[] = {"pink", "amber", "(rare)", "red"};
    crm_rare_cfg cfg = {.min_share = 0.31, .unseen = CRM_UNSEEN_RARE};
    fk_fitted f = {.data = open_levels("levels", colour, NULL)}, g;
    crm_data *d;

    T_OK(fk_fit(&crm_rare_class, &cfg, t_comm, TRAIN, &f));
    d = open_levels("other", other, NULL);
    T_OK(fk_again(&f, d, &g));
    for (int i = 0; i < N;
         i++) /* 0 pink -> rare, 3 red -> red, 2 unknown -> rare, 1 amber -> rare */
        T_EQ_I(g.cat[2 * i], cat[2 * i] < 0 ? -1 : cat[2 * i] == 3 ? 0 : 1);
    fk_drop(&g);
    crm_data_close(&d);
    fk_drop(&f);
}

/* What is unseen stays out of what is read. */
static void reads_unseen_as_missing(void)
{
    static const char *const other[] = {"pink", "green", "blue", "amber"};
    crm_data *a = open_levels("levels", colour, NULL), *b = open_levels("other", other, NULL);
    crm_source *have, *like;
    float num[N];
    int32_t code[2 * N];
    crm_view *v;

    T_OK(crm_source_new(a, CRM_FLAT_ALL, &have));
    T_OK(crm_source_new_like(b, CRM_FLAT_ALL, crm_source_schema(have), &like));
    T_OK(crm_view_all(b, &v));
    T_OK(crm_source_read(like, v->row, N, num, code));
    for (int i = 0; i < N; i++)
        T_EQ_I(code[2 * i], cat[2 * i] <= 0 ? -1 : cat[2 * i]);
    crm_view_free(&v);
    crm_source_free(&like);
    crm_source_free(&have);
    crm_data_close(&a);
    crm_data_close(&b);
}

/* ---- encode: codes and frequencies ---- */
static double want_code(int kind, int32_t c)
{
    /* red 4, green 0, blue 2, amber 3, missing 1 of 10; by name: amber, blue, red */
    static const double frequency[] = {0.4, 0, 0.2, 0.3}, by_count[] = {0, NAN, 2, 1},
                        by_name[] = {2, NAN, 1, 0};

    if (kind == CRM_ENCODE_FREQUENCY) return c < 0 ? 0.1 : frequency[c];
    if (c < 0) return NAN;
    return kind == CRM_ENCODE_ORDINAL_NAME ? by_name[c] : by_count[c];
}

static void encodes_levels(void)
{
    static const int kinds[] = {CRM_ENCODE_FREQUENCY, CRM_ENCODE_ORDINAL_NAME,
                                CRM_ENCODE_ORDINAL_FREQUENCY};
    fk_fitted f;

    for (int k = 0; k < 3; k++) {
        crm_encode_cfg cfg = {.kind = kinds[k]};
        f = (fk_fitted){.data = open_levels("levels", colour, NULL)};
        T_OK(fk_fit(&crm_encode_class, &cfg, t_comm, TRAIN, &f));
        T_CHECK(f.out->n_num == 3 && f.out->n_cat == 0);
        T_CHECK(fk_has(&f, 1, k ? "colour code" : "colour frequency"));
        for (int i = 0; i < N; i++) {
            double want = want_code(kinds[k], cat[2 * i]);
            T_CHECK(isnan(want) == isnan(f.num[3 * i + 1]));
            if (!isnan(want)) T_NEAR(f.num[3 * i + 1], want, 1e-7);
        }
        fk_same_again(&f);
        fk_drop(&f);
    }
}

/* ---- encode: rates ---- */

/* The rule by hand: rates of class w in rows of this colour that take part, with m rows of the rate
 * of all. */
static double rate(int32_t code, int w, const int *fold, int without, double m)
{
    double n = 0, of = 0, all = 0, all_of = 0;

    for (int i = 0; i < TRAIN; i++) {
        if (fold[i] == without) continue;
        all += 1;
        all_of += label[i] == w;
        n += cat[2 * i] == code;
        of += cat[2 * i] == code && label[i] == w;
    }
    return (of + m * all_of / all) / (n + m);
}

static void check_rates(const fk_fitted *f, const int *fold, bool training, double m)
{
    for (int i = 0; i < N; i++)
        for (int w = 1; w < 3; w++)
            T_NEAR(f->num[5 * i + w],
                   rate(cat[2 * i], w, fold, training && i < TRAIN ? fold[i] : -1, m), 1e-6);
}

/* The fold of a row: a draw by the seed and its number, or that of its group. */
static void draw(const int64_t *group, int folds, int *fold)
{
    for (int i = 0; i < TRAIN; i++) {
        crm_rng r = crm_rng_at(1, CRM_RNG_ENCODE, 0, (uint64_t)(group ? group[i] : i));
        fold[i] = (int)crm_rng_below(&r, (uint64_t)folds);
    }
}

static void rates_out_of_fold(void)
{
    static const int64_t group[N] = {5, 5, 5, 5, 7, 7, -2, -2, 9, 9, 1, 2};
    crm_encode_cfg cfg = {.kind = CRM_ENCODE_TARGET, .smoothing = 2, .folds = 3};
    int fold[TRAIN];
    fk_fitted f, g;

    for (int grouped = 0; grouped < 2; grouped++) {
        f = (fk_fitted){.data = open_levels("rates", colour, grouped ? group : NULL)};
        T_OK(fk_fit(&crm_encode_class, &cfg, t_comm, TRAIN, &f));
        T_CHECK(f.out->n_num == 5 && fk_has(&f, 1, "colour rate of maybe") &&
                fk_has(&f, 4, "size rate of yes"));
        draw(grouped ? group : NULL, 3, fold);
        check_rates(&f, fold, true, 2);
        T_OK(fk_again(&f, f.data, &g)); /* from a model file all rows get the rates of all */
        check_rates(&g, fold, false, 2);
        fk_drop(&g);
        fk_drop(&f);
    }
}

/* No row may find its own label: with each label turned around, its own encoding stays. */
static void hides_own_label(void)
{
    static int32_t turned[N];
    crm_encode_cfg cfg = {.kind = CRM_ENCODE_TARGET, .smoothing = 0.5, .folds = 4};
    crm_recombine g = {.n = N, .row = (const int64_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
    fk_fitted f = {.data = open_levels("levels", colour, NULL)}, other;

    T_OK(fk_fit(&crm_encode_class, &cfg, t_comm, TRAIN, &f));
    for (int row = 0; row < TRAIN; row++) {
        for (int i = 0; i < N; i++)
            turned[i] = i == row ? (label[i] + 1) % 3 : label[i];
        g.label = turned;
        other = (fk_fitted){0};
        T_OK(crm_data_recombine(f.data, &g, &other.data));
        T_OK(fk_fit(&crm_encode_class, &cfg, t_comm, TRAIN, &other));
        T_CHECK(memcmp(f.num + 5 * row, other.num + 5 * row, 5 * sizeof *f.num) == 0);
        T_CHECK(memcmp(f.num, other.num, sizeof *f.num * 5 * N) != 0);
        fk_drop(&other);
    }
    fk_drop(&f);
}

/* Without smoothing, what no row of the others tells is the rate of all; no rows at all: 0. */
static void rates_without_rows(void)
{
    crm_encode_cfg cfg = {.kind = CRM_ENCODE_TARGET, .smoothing = 0, .folds = 2};
    fk_fitted f = {.data = open_levels("levels", colour, NULL)}, g;

    T_OK(fk_fit(&crm_encode_class, &cfg, t_comm, TRAIN, &f));
    T_NEAR(f.num[5 * 10 + 1], 0.4, 1e-7); /* green: 4 of 10 are maybe */
    T_NEAR(f.num[5 * 10 + 2], 0.2, 1e-7);
    T_OK(fk_again(&f, f.data, &g));
    T_NEAR(g.num[5 * 11 + 2], 1.0 / 3, 1e-7); /* amber: rows 1, 4, 7, of which 7 is yes */
    fk_drop(&g);
    fk_drop(&f);
}

static void same_bits(void)
{
    const crm_rare_cfg rare = {.min_share = 0.1, .unseen = CRM_UNSEEN_RARE};
    crm_encode_cfg cfg = {.smoothing = 10, .folds = 5};

    fk_same_bits(&crm_rare_class, &rare);
    for (cfg.kind = CRM_ENCODE_ORDINAL_NAME; cfg.kind < CRM_ENCODE_COUNT; cfg.kind++)
        fk_same_bits(&crm_encode_class, &cfg);
}

static void knows_idleness(void)
{
    T_CHECK(crm_rare_class.idle(&(crm_rare_cfg){.min_count = 1}));
    T_CHECK(!crm_rare_class.idle(&(crm_rare_cfg){.min_count = 2}));
    T_CHECK(!crm_rare_class.idle(&(crm_rare_cfg){.unseen = CRM_UNSEEN_RARE}));
    T_CHECK(crm_encode_class.idle(&(crm_encode_cfg){0}));
    T_CHECK(!crm_encode_class.idle(&(crm_encode_cfg){.kind = CRM_ENCODE_TARGET}));
}

static void starts(void)
{
    sd_begin();
    T_CHECK(sd_dir[0]);
}

static void ends(void)
{
    sd_end();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", starts},
                                   {"merges rare levels", merges_rare_levels},
                                   {"knows unseen levels", knows_unseen_levels},
                                   {"reads unseen as missing", reads_unseen_as_missing},
                                   {"encodes levels", encodes_levels},
                                   {"rates out of fold", rates_out_of_fold},
                                   {"hides own label", hides_own_label},
                                   {"rates without rows", rates_without_rows},
                                   {"same bits", same_bits},
                                   {"knows idleness", knows_idleness},
                                   {"ends", ends},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
