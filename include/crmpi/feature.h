/* feature.h - transforms of columns, fitted on the training view only (room feature).
 *
 * Each is a crm_transform_class with its config struct and option table.  Fits are collective and
 * give the same bits on any number of ranks: sums over leaves, integer counts, exact quantiles.
 * Formulas and sources: docs/features.md. */
#ifndef CRM_FEATURE_H
#define CRM_FEATURE_H

#include "crmpi/embed.h"
#include "crmpi/estimator.h"
#include "crmpi/opt.h"
#include "crmpi/text.h"

/* ---- impute: missing numbers -> a value of the training rows, and a column that tells ---- */
typedef enum crm_impute_fill {
    CRM_IMPUTE_MEDIAN,
    CRM_IMPUTE_MEAN,
    CRM_IMPUTE_ZERO,
    CRM_IMPUTE_MODE, /* the commonest value, the smallest of equally common ones */
    CRM_IMPUTE_CONSTANT,
    CRM_IMPUTE_KNN, /* mean of the nearest training rows that have the value */
    CRM_IMPUTE_COUNT
} crm_impute_fill;
enum { CRM_IMPUTE_NEIGHBOURS_MAX = 64 };
typedef struct crm_impute_cfg {
    int fill; /* crm_impute_fill */
    /** Append "<name> missing" (0 or 1) for columns with missing values in training. */
    bool indicator;
    double constant;
    int64_t neighbours, rows; /* of knn: how many, among how many training rows at most */
} crm_impute_cfg;
extern const crm_opt crm_impute_opts[];
/** Codes pass through.  A column without any value in training is filled with 0, or the constant.
 *  knn: distance over the columns that both rows have, each divided by its deviation in training,
 *  times (columns / columns that both have) as in scikit-learn's nan_euclidean; what no row can
 *  tell is filled with the mean.  The model file holds the rows. */
extern const crm_transform_class crm_impute_class;

/* ---- outliers: numbers beyond limits of the training rows ---- */
typedef enum crm_outliers_action {
    CRM_OUTLIERS_NONE,
    CRM_OUTLIERS_FLAG,      /* a column "<name> outlier", where training has any */
    CRM_OUTLIERS_WINSORISE, /* cut to the limits */
    CRM_OUTLIERS_COUNT
} crm_outliers_action;
typedef enum crm_outliers_rule {
    CRM_OUTLIERS_IQR,    /* first and third quartile -+ factor times their distance     */
    CRM_OUTLIERS_ZSCORE, /* mean -+ factor times the population standard deviation      */
    CRM_OUTLIERS_ROBUST, /* median -+ factor times the median absolute deviation / 0.6745 */
    CRM_OUTLIERS_RULES
} crm_outliers_rule;
typedef struct crm_outliers_cfg {
    int action, rule;
    double factor; /* 0: 1.5, 3 and 3.5 by rule */
} crm_outliers_cfg;
extern const crm_opt crm_outliers_opts[];
/** A column whose spread by the rule is 0 has no limits.  Missing values stay missing. */
extern const crm_transform_class crm_outliers_class;

/* ---- interact: products of pairs of numbers that tell more of the target than either ---- */
typedef struct crm_interact_cfg {
    int64_t pairs;   /* most products; 0: off */
    int64_t columns; /* columns that pairs are looked for among, those that tell most */
    int64_t bins;    /* quantiles that mutual information is counted in */
} crm_interact_cfg;
extern const crm_opt crm_interact_opts[];
/** "<a> x <b>": product of the columns, each less its mean and divided by its deviation in
 *  training.  Pairs by falling I(product; y) - max(I(a; y), I(b; y)), while that is above 0. */
extern const crm_transform_class crm_interact_class;

/* ---- power: numbers made more symmetric ---- */
typedef enum crm_power_kind {
    CRM_POWER_NONE,
    CRM_POWER_LOG1P,       /* sign(x) log(1 + |x|) */
    CRM_POWER_YEO_JOHNSON, /* lambda by maximum likelihood in -5..5, then z-score */
    CRM_POWER_COUNT
} crm_power_kind;
typedef struct crm_power_cfg {
    int kind;
} crm_power_cfg;
extern const crm_opt crm_power_opts[];
/** Missing values stay missing; yeo_johnson leaves columns alone that are constant in training. */
extern const crm_transform_class crm_power_class;

/* ---- bins: numbers -> number of their quantile bin, or a 0/1 column for each ---- */
typedef enum crm_bins_code { CRM_BINS_ORDINAL, CRM_BINS_ONEHOT, CRM_BINS_CODES } crm_bins_code;
typedef struct crm_bins_cfg {
    int64_t count; /* 0: off */
    int code;
} crm_bins_cfg;
extern const crm_opt crm_bins_opts[];
/** Edges are the distinct quantiles 0/B .. B/B of the training rows; a column with fewer than three
 *  passes.  A missing value stays missing (ordinal), or is zeros and a 1 in "<name> missing". */
extern const crm_transform_class crm_bins_class;

/* ---- rare: rare and unseen levels ---- */
typedef enum crm_rare_unseen {
    CRM_UNSEEN_MISSING,
    CRM_UNSEEN_RARE,
    CRM_UNSEEN_COUNT
} crm_rare_unseen;
typedef struct crm_rare_cfg {
    int64_t min_count; /* training rows of a level that stays itself */
    double min_share;  /* of all training rows */
    int unseen;
} crm_rare_cfg;
extern const crm_opt crm_rare_opts[];
/** Rarer levels become the level "(rare)", which comes last; levels without training rows are
 *  missing, or rare as well. */
extern const crm_transform_class crm_rare_class;

/* ---- encode: categories -> numbers, in the place of onehot ---- */
typedef enum crm_encode_kind {
    CRM_ENCODE_ONEHOT,            /* left to onehot */
    CRM_ENCODE_ORDINAL_NAME,      /* 0, 1 ... in the order of names (bytes) */
    CRM_ENCODE_ORDINAL_FREQUENCY, /* 0 is the commonest level */
    CRM_ENCODE_FREQUENCY,         /* part of the training rows with this level */
    CRM_ENCODE_TARGET,            /* smoothed rate of each class but the first, out of fold */
    CRM_ENCODE_COUNT
} crm_encode_kind;
typedef struct crm_encode_cfg {
    int kind;
    double smoothing; /* rows that the rate of all counts for */
    int64_t folds;
} crm_encode_cfg;
extern const crm_opt crm_encode_opts[];
/** Missing and unseen levels: missing numbers when ordinal.  Frequency and target count a missing
 *  one as a level; an unseen one has frequency 0, and the rates of all rows.
 *  target: (n_class + m p) / (n + m) with p the part of the class in the rows that are counted: for
 *  a training row those of other folds, for any other all training rows.  Duplicates are in one
 *  fold. */
extern const crm_transform_class crm_encode_class;

/* ---- select: the columns that tell most of the target ---- */
typedef enum crm_select_by {
    CRM_SELECT_MUTUAL,
    CRM_SELECT_L1,
    CRM_SELECT_PERMUTATION,
    CRM_SELECT_COUNT
} crm_select_by;
typedef struct crm_select_cfg {
    int64_t columns; /* 0: all */
    int by;
    int64_t bins; /* quantiles that mutual information is counted in */
} crm_select_cfg;
extern const crm_opt crm_select_opts[];
/** mutual_information: the columns with most of it, numbers in quantile bins, categories by level.
 *  l1: numbers by the order in which they enter the path of a logistic regression with an L1
 *  penalty.  permutation: numbers by how much worse a linear model becomes on rows that it has not
 *  seen when they are permuted, those by which it becomes worse at all.  Categories stay when they
 *  are among the columns with most mutual information in both. */
extern const crm_transform_class crm_select_class;

/* ---- scale: (x - centre) / spread ---- */
typedef enum crm_scale_kind {
    CRM_SCALE_ZSCORE, /* mean, population standard deviation  */
    CRM_SCALE_ROBUST, /* median, interquartile range          */
    CRM_SCALE_MINMAX, /* minimum, range: 0..1 in training     */
    CRM_SCALE_NONE,
    CRM_SCALE_COUNT
} crm_scale_kind;
typedef struct crm_scale_cfg {
    int kind;    /* crm_scale_kind */
    double clip; /* results are cut to +-clip; 0: off */
} crm_scale_cfg;
extern const crm_opt crm_scale_opts[];
/** Columns that are constant in training become 0 (but with none); where the interquartile range of
 *  another column is 0, its spread is 1.  Missing values stay missing. */
extern const crm_transform_class crm_scale_class;

/* ---- ple: piecewise-linear encoding (Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical
 * Features in Tabular Deep Learning", NeurIPS 2022) ---- */
typedef struct crm_ple_cfg {
    int64_t bins; /* 0: off */
    bool keep;    /* the columns themselves stay in front */
} crm_ple_cfg;
extern const crm_opt crm_ple_opts[];
/** Edges e_0 < ... < e_T are the distinct quantiles 0/B .. B/B of the training rows; column t of T
 *  is (x - e_(t-1)) / (e_t - e_(t-1)) cut to 0..1, and 0 for a missing value. */
extern const crm_transform_class crm_ple_class;

/* ---- onehot: categories -> a 0/1 column "<column>=<level>" each ---- */
typedef struct crm_onehot_cfg {
    int64_t min_count; /* levels with fewer training rows get no column */
} crm_onehot_cfg;
extern const crm_opt crm_onehot_opts[];
/** A missing or dropped level is a row of zeros. */
extern const crm_transform_class crm_onehot_class;

/* ---- text_bag: words of a customer's documents -> TF-IDF columns "word <w>" ---- */
typedef struct crm_text_bag_cfg {
    int64_t words;     /* most columns; 0: off */
    double max_df;     /* words in a larger part of the training documents are left out */
    crm_text_cfg text; /* what becomes of words; count, min_count, max_words and unknown are not
                          used */
} crm_text_bag_cfg;
extern const crm_opt crm_text_bag_opts[];
/** Words are forms by the options text.*, by falling document frequency df in the D documents of
 * the training rows, equal ones in the order of the dictionary.  Value: log(1 + count over all
 * documents of the customer) times log((1 + D) / (1 + df)) + 1, then divided by the Euclidean norm
 * of the customer's values. Words are found by text in a data set with another dictionary. */
extern const crm_transform_class crm_text_bag_class;

/* ---- grams: n-grams of a customer's documents -> sparse TF-IDF columns ---- */
enum { CRM_GRAMS_BITS_MAX = 26 };
typedef struct crm_grams_cfg {
    int64_t words;                /* n-grams of 1 to so many words; 0: none                   */
    int64_t chars_from, chars_to; /* and of so many characters of each word; 0: none          */
    int64_t bits;                 /* n-grams share 2^bits buckets                             */
    int64_t min_count, max_columns;
    bool sublinear; /* 1 + log(count) in place of the count                     */
    crm_text_cfg text;
} crm_grams_cfg;
extern const crm_opt crm_grams_opts[];
/** Adds sparse columns to those of the source (crm_source_read_sparse); the others pass as they
 * are. An n-gram's column is its hash mod 2^bits (Weinberger et al. 2009), kept when at least
 * min_count training rows have one of it; of these the max_columns with the most.  Values of words
 * and of characters: count (or 1 + log of it) times log((1 + D) / (1 + df)) + 1 over D training
 * rows, each of the two divided by its Euclidean norm.  Idle while both are off. */
extern const crm_transform_class crm_grams_class;

/* ---- topics: the mix of topics of a customer's documents -> columns "topic <k> (<words>)" ---- */
typedef struct crm_topics_cfg {
    crm_lda_cfg lda;
    crm_text_cfg text; /* with min_count and max_words of the vocabulary; unknown is not used */
} crm_topics_cfg;
/** Topics of the training rows' documents by crm_lda_fit, keyed by the seed of the fit; each column
 *  is named by its three likeliest words.  Values: the mix of all documents of the customer
 * together, which sums to 1; 1 / topics each where there are no words.  Idle while lda.topics is 0.
 * Every rank holds the words of all training documents while it fits. */
extern const crm_transform_class crm_topics_class;
#endif
