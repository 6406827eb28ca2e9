/* feature_opts.c - options of the transforms. */
#include "crmpi/feature.h"

static const char *const fill_names[] = {"median", "mean", "zero", "mode", "constant", "knn", NULL};
_Static_assert(sizeof fill_names / sizeof *fill_names == CRM_IMPUTE_COUNT + 1, "names");
static const char *const scale_names[] = {"zscore", "robust", "minmax", "none", NULL};
_Static_assert(sizeof scale_names / sizeof *scale_names == CRM_SCALE_COUNT + 1, "names");

const crm_opt crm_impute_opts[] = {
    CRM_OPT_E(crm_impute_cfg, fill, "feature.impute", "median", fill_names, 0,
              "What stands for a missing number, from the training rows."),
    CRM_OPT_B(
        crm_impute_cfg, indicator, "feature.indicator", 1, 0,
        "Add a column that tells where a number was missing, for columns with missing numbers "
        "in training."),
    CRM_OPT_R(crm_impute_cfg, constant, "feature.impute_constant", 0, -1e30, 1e30, "1", 0,
              "What stands for a missing number when feature.impute is constant."),
    CRM_OPT_I(crm_impute_cfg, neighbours, "feature.impute_neighbours", 5, 1,
              CRM_IMPUTE_NEIGHBOURS_MAX, "rows", 0,
              "Nearest training rows whose mean stands for a missing number when feature.impute is "
              "knn."),
    CRM_OPT_I(crm_impute_cfg, rows, "feature.impute_rows", 2000, 1, 1e6, "rows", 0,
              "Training rows that neighbours are looked for among, drawn once when there are more; "
              "the model file holds them."),
    {.key = NULL},
};

static const char *const action_names[] = {"none", "flag", "winsorise", NULL};
_Static_assert(sizeof action_names / sizeof *action_names == CRM_OUTLIERS_COUNT + 1, "names");
static const char *const rule_names[] = {"iqr", "zscore", "robust", NULL};
_Static_assert(sizeof rule_names / sizeof *rule_names == CRM_OUTLIERS_RULES + 1, "names");

const crm_opt crm_outliers_opts[] = {
    CRM_OPT_E(
        crm_outliers_cfg, action, "outliers.action", "none", action_names, 0,
        "Numbers beyond the limits of the training rows: left, told in a column of their own, "
        "or cut to the limits."),
    CRM_OPT_E(crm_outliers_cfg, rule, "outliers.rule", "iqr", rule_names, 0,
              "Limits by quartiles, by mean and deviation, or by median and median deviation."),
    CRM_OPT_R(crm_outliers_cfg, factor, "outliers.factor", 0, 0, 1e6, "1", 0,
              "Spreads from the middle to a limit; 0 takes 1.5 for iqr, 3 for zscore, 3.5 for "
              "robust."),
    {.key = NULL},
};

const crm_opt crm_interact_opts[] = {
    CRM_OPT_I(
        crm_interact_cfg, pairs, "interact.pairs", 0, 0, 10000, "columns", 0,
        "Most products of two numbers that are added, those that tell most more of the target "
        "than the better of the two; 0 is off."),
    CRM_OPT_I(crm_interact_cfg, columns, "interact.columns", 20, 2, 500, "columns", 0,
              "Columns that pairs are looked for among: those that tell most of the target."),
    CRM_OPT_I(crm_interact_cfg, bins, "interact.bins", 10, 2, 256, "bins", 0,
              "Quantile bins that the mutual information of interactions is counted in."),
    {.key = NULL},
};

static const char *const power_names[] = {"none", "log1p", "yeo_johnson", NULL};
_Static_assert(sizeof power_names / sizeof *power_names == CRM_POWER_COUNT + 1, "names");

const crm_opt crm_power_opts[] = {
    CRM_OPT_E(
        crm_power_cfg, kind, "power.kind", "none", power_names, 0,
        "Numbers become sign(x) log(1 + |x|), or their Yeo-Johnson transform with a lambda of "
        "their own."),
    {.key = NULL},
};

static const char *const code_names[] = {"ordinal", "onehot", NULL};
_Static_assert(sizeof code_names / sizeof *code_names == CRM_BINS_CODES + 1, "names");

const crm_opt crm_bins_opts[] = {
    CRM_OPT_I(crm_bins_cfg, count, "bins.count", 0, 0, 256, "bins", 0,
              "Quantile bins that each number is replaced by; 0 is off."),
    CRM_OPT_E(crm_bins_cfg, code, "bins.code", "ordinal", code_names, 0,
              "A bin is its number, or a 0/1 column."),
    {.key = NULL},
};

static const char *const unseen_names[] = {"missing", "rare", NULL};
_Static_assert(sizeof unseen_names / sizeof *unseen_names == CRM_UNSEEN_COUNT + 1, "names");

const crm_opt crm_rare_opts[] = {
    CRM_OPT_I(crm_rare_cfg, min_count, "rare.min_count", 0, 0, 1e9, "rows", 0,
              "Levels with fewer training rows become the level '(rare)'; 0 is off."),
    CRM_OPT_R(
        crm_rare_cfg, min_share, "rare.min_share", 0, 0, 1, "1", 0,
        "Levels with a smaller part of the training rows become the level '(rare)'; 0 is off."),
    CRM_OPT_E(crm_rare_cfg, unseen, "rare.unseen", "missing", unseen_names, 0,
              "What a level is that no training row has: missing, or '(rare)'."),
    {.key = NULL},
};

static const char *const encode_names[] = {"onehot",    "ordinal_name", "ordinal_frequency",
                                           "frequency", "target",       NULL};
_Static_assert(sizeof encode_names / sizeof *encode_names == CRM_ENCODE_COUNT + 1, "names");

const crm_opt crm_encode_opts[] = {
    CRM_OPT_E(crm_encode_cfg, kind, "encode.kind", "onehot", encode_names, 0,
              "Categories become 0/1 columns, numbers in the order of names or of frequency, "
              "frequencies, or rates of the target; not for the hybrid, which embeds them."),
    CRM_OPT_R(crm_encode_cfg, smoothing, "encode.smoothing", 10, 0, 1e9, "rows", 0,
              "Rows that the rate of all rows counts for in the rate of a level (encode.kind = "
              "target)."),
    CRM_OPT_I(crm_encode_cfg, folds, "encode.folds", 5, 2, 100, "folds", 0,
              "Folds of the training rows, each of which gets the rates of the others (encode.kind "
              "= target)."),
    {.key = NULL},
};

static const char *const by_names[] = {"mutual_information", "l1", "permutation", NULL};
_Static_assert(sizeof by_names / sizeof *by_names == CRM_SELECT_COUNT + 1, "names");

const crm_opt crm_select_opts[] = {
    CRM_OPT_I(crm_select_cfg, columns, "select.columns", 0, 0, 1e6, "columns", 0,
              "Columns that a model keeps, those that tell most of the target; 0 keeps all."),
    CRM_OPT_E(crm_select_cfg, by, "select.by", "mutual_information", by_names, 0,
              "Columns by mutual information with the target, by their entry into the path of a "
              "logistic regression with an L1 penalty, or by the loss of a linear model when they "
              "are permuted."),
    CRM_OPT_I(crm_select_cfg, bins, "select.bins", 16, 2, 256, "bins", 0,
              "Quantile bins that the mutual information of numbers is counted in."),
    {.key = NULL},
};

const crm_opt crm_scale_opts[] = {
    CRM_OPT_E(crm_scale_cfg, kind, "feature.scale", "zscore", scale_names, 0,
              "Scaling of numbers by mean and deviation, median and quartiles, range, or not."),
    CRM_OPT_R(crm_scale_cfg, clip, "feature.clip", 0, 0, 1e6, "1", 0,
              "Scaled numbers are cut to plus or minus this; 0 is off."),
    {.key = NULL},
};

const crm_opt crm_ple_opts[] = {
    CRM_OPT_I(crm_ple_cfg, bins, "feature.ple_bins", 0, 0, 256, "bins", 0,
              "Bins of the piecewise-linear encoding of each number for the net; 0 is off."),
    CRM_OPT_B(crm_ple_cfg, keep, "feature.ple_keep", 1, 0,
              "Keep the scaled numbers in front of their encoding."),
    {.key = NULL},
};

const crm_opt crm_onehot_opts[] = {
    CRM_OPT_I(crm_onehot_cfg, min_count, "feature.min_count", 1, 1, 1e9, "rows", 0,
              "Categories with fewer training rows get no column of their own."),
    {.key = NULL},
};

const crm_opt crm_text_bag_opts[] = {
    CRM_OPT_I(crm_text_bag_cfg, words, "feature.text_words", 100, 0, 100000, "words", 0,
              "Most words of the documents that become columns of classical models; 0 is off."),
    CRM_OPT_R(crm_text_bag_cfg, max_df, "feature.text_max_df", 0.5, 0, 1, "1", 0,
              "Words in more than this part of the training documents are left out."),
    {.key = NULL},
};

const crm_opt crm_grams_opts[] = {
    CRM_OPT_I(crm_grams_cfg, words, "grams.words", 0, 0, 8, "words", 0,
              "N-grams of 1 to so many words of the documents become sparse columns; 0: none."),
    CRM_OPT_I(crm_grams_cfg, chars_from, "grams.chars_from", 2, 1, 32, "characters", 0,
              "Shortest n-grams of the characters of a word, with a space at either end."),
    CRM_OPT_I(crm_grams_cfg, chars_to, "grams.chars_to", 0, 0, 32, "characters", 0,
              "Longest of them; 0: none."),
    CRM_OPT_I(crm_grams_cfg, bits, "grams.bits", 22, 8, CRM_GRAMS_BITS_MAX, "bits", 0,
              "N-grams are hashed to 2^bits buckets: fewer take less memory and collide more."),
    CRM_OPT_I(crm_grams_cfg, min_count, "grams.min_count", 2, 1, 1e9, "rows", 0,
              "Buckets that fewer training rows have get no column."),
    CRM_OPT_I(crm_grams_cfg, max_columns, "grams.max_columns", 500000, 1, 67108864, "columns", 0,
              "Most columns; those that most training rows have are kept."),
    CRM_OPT_B(crm_grams_cfg, sublinear, "grams.sublinear", true, 0,
              "Whether an n-gram that a row has several times counts 1 + log(times)."),
    {.key = NULL},
};
