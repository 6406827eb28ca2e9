/* feature_opts.c - options feature.*. */
#include "crmpi/feature.h"

static const char *const fill_names[] = {"median", "mean", "zero", NULL};
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
