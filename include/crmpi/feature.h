/* feature.h - transforms of columns, fitted on the training view only (room feature).
 *
 * Each is a crm_transform_class with its config struct and option table.  Fits are collective and
 * give the same bits on any number of ranks: sums over leaves, integer counts, exact quantiles. */
#ifndef CRM_FEATURE_H
#define CRM_FEATURE_H

#include "crmpi/estimator.h"
#include "crmpi/opt.h"

/* ---- impute: missing numbers -> a value of the training rows, and a column that tells ---- */
typedef enum crm_impute_fill {
    CRM_IMPUTE_MEDIAN,
    CRM_IMPUTE_MEAN,
    CRM_IMPUTE_ZERO,
    CRM_IMPUTE_COUNT
} crm_impute_fill;
typedef struct crm_impute_cfg {
    int fill; /* crm_impute_fill */
    /** Append "<name> missing" (0 or 1) for columns with missing values in training. */
    bool indicator;
} crm_impute_cfg;
extern const crm_opt crm_impute_opts[];
/** Codes pass through.  A column without any value in training is filled with 0. */
extern const crm_transform_class crm_impute_class;

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
    int64_t words; /* most columns; 0: off */
    double max_df; /* words in a larger part of the training documents are left out */
} crm_text_bag_cfg;
extern const crm_opt crm_text_bag_opts[];
/** Words by falling document frequency df in the D documents of the training rows, equal ones in
 *  the order of the dictionary.  Value: log(1 + count over all documents of the customer) times
 *  log((1 + D) / (1 + df)) + 1, then divided by the Euclidean norm of the customer's values.
 *  Words are found by text in a data set with another dictionary. */
extern const crm_transform_class crm_text_bag_class;
#endif
