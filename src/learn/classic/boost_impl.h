/* boost_impl.h - shared by the files of gradient boosting only. */
#ifndef CRM_BOOST_IMPL_H
#define CRM_BOOST_IMPL_H

#include "tree_impl.h"

/* ---- derivatives as integers ----
 * First and second derivatives of a row's loss, times the weight of its class, are multiples of
 * 2^-g and 2^-h: units so small that the largest possible value is 2^30.  Sums of integers do not
 * depend on their order. */
typedef struct boost_pair {
    int32_t g, h;
} boost_pair;
/* A place of a histogram: sum of g; sum of h and number of rows in one number. */
typedef struct boost_sum {
    int64_t g;
    int64_t hc; /* h << count_bits | rows */
} boost_sum;
typedef struct boost_scale {
    double g, h;    /* a pair holds g and h of the loss times these powers of two         */
    int count_bits; /* more rows than the training view has do not fit                    */
    int shift;      /* a place adds up h >> shift, rounded                                */
} boost_scale;

static inline boost_sum boost_term(const boost_scale *s, boost_pair p)
{
    int64_t half = ((int64_t)1 << s->shift) >> 1;

    return (boost_sum){p.g, (((int64_t)p.h + half) >> s->shift << s->count_bits) + 1};
}
static inline int64_t boost_rows(const boost_scale *s, int64_t hc)
{
    return hc & (((int64_t)1 << s->count_bits) - 1);
}

/* ---- the loss over own rows (boost_loss.c) ---- */
enum { BOOST_LEARN, BOOST_VALID, BOOST_NONE }; /* use of a row; NONE: without a label */
typedef struct boost_loss {
    const classic_classes *classes;
    boost_scale scale;
    int vectors;
    int64_t n, first; /* own rows, from this position of the training view          */
    int64_t of, held; /* rows of the training view, those of them held out          */
    int32_t *slot;    /* [n]                                                        */
    uint8_t *use;     /* [n]                                                        */
    double *f;        /* [vectors][n] scores                                        */
    boost_pair *pair; /* [vectors][n] derivatives by the scores                     */
    crm_tree *tree;   /* of the sums below                                          */
    double *row;      /* [workers][m] probabilities of a row                        */
} boost_loss;
enum { BOOST_SUMS = 5 };
typedef struct boost_losses {
    double train, valid; /* means by weight; NaN where there are no rows   */
    double accuracy;     /* of the rows held out, likewise */
} boost_losses;
/** Own rows of fit->train with scores of start [vectors]; held [rows of the view] != 0: held out.
 *  Not collective; the tree is made by boost_loss_begin. */
CRM_CHECKED boost_loss_new(const crm_fit *fit, const classic_classes *c, int vectors,
                           const double *start, const uint8_t *held, boost_loss *out);
CRM_CHECKED boost_loss_begin(const crm_fit *fit, boost_loss *l);
/** Derivatives and mean losses at the scores.  Collective. */
CRM_CHECKED boost_loss_update(boost_loss *l, boost_losses *out);
void boost_loss_free(boost_loss *l);
/** Scores z [m] -> probabilities in place; returns log sum exp z. */
double boost_softmax(int m, double *z);

/* ---- columns that trees can be grown on (boost_table.c) ---- */
typedef struct boost_table {
    tree_bins *bins; /* column after column, for the parts of a node                  */
    int n_columns;   /* those with a split that leaves enough rows on both sides      */
    int32_t *column; /* [n_columns] of the source                                     */
    int32_t *codes;  /* [n_columns] bins without that of missing values               */
    bool *missing;   /* [n_columns] there is such a bin, the last                     */
    int32_t *first;  /* [n_columns + 1] places of a column in a histogram             */
    int64_t n, stride;
    uint8_t *code; /* [n][stride] row after row: place within its column              */
} boost_table;
/** Rows with use[own rows] of BOOST_LEARN say which columns can be split; rows of the table are the
 *  own rows of fit->train.  Collective. */
CRM_CHECKED boost_table_new(const crm_fit *fit, const crm_source *in, const crm_boosting_cfg *cfg,
                            const uint8_t *use, boost_table *out);
void boost_table_free(boost_table *t);

/* ---- histograms (boost_hist.c) ---- */
/** hist [places] += rows row[n].  Columns are shared out over the threads of pool. */
CRM_CHECKED boost_hist_add(const boost_table *t, const boost_scale *s, const boost_pair *pair,
                           const int32_t *row, int64_t n, crm_pool *pool, boost_sum *hist);
/** a -= b. */
void boost_hist_subtract(int64_t places, boost_sum *a, const boost_sum *b);

/* ---- the best split of a node (boost_split.c) ---- */
typedef struct boost_split {
    double gain;    /* of the penalised loss, before learning_rate; 0: no split         */
    int32_t column; /* of the table                                                     */
    int32_t code;   /* codes up to this one go left                                     */
    bool missing_left;
    boost_sum left; /* of the left child */
} boost_split;
typedef struct boost_rule {
    double l1, l2, min_weight; /* in units of a histogram */
    double min_rows;
    double min_gain;
    double to_loss; /* gains in units of a histogram -> of the loss */
    boost_scale scale;
} boost_rule;
boost_rule boost_rule_of(const crm_boosting_cfg *cfg, const boost_scale *s);
/** Best split over the columns with take [n_columns] of a node with sum total; of equal gains that
 *  of the first column, missing values to the right before left, the lowest cut.  work [n_columns]
 *  is the caller's. */
CRM_CHECKED boost_split_find(const boost_table *t, const boost_rule *r, const uint8_t *take,
                             const boost_sum *hist, boost_sum total, crm_pool *pool,
                             boost_split *work, boost_split *out);
/** Value of a leaf with sums g and h (of the loss). */
double boost_value(const crm_boosting_cfg *cfg, double g, double h);

/* ---- one tree (boost_grow.c) ---- */
typedef struct boost_grower boost_grower;
/** Working memory for trees on the rows of t and l (borrowed).  all: the ranks that agree on
 * failures; those of fit share the rows.  Not collective. */
CRM_CHECKED boost_grower_new(const crm_fit *fit, crm_comm *all, const crm_boosting_cfg *cfg,
                             const boost_table *t, const boost_loss *l, boost_grower **out);
/** Choose rows and columns of an iteration.  Not collective; equal on all ranks. */
void boost_grower_draw(boost_grower *w, int64_t iteration);
/** Grow a tree on the derivatives of score v and add it to f of that score; importance[source
 *  columns] += its gains.  Collective. */
CRM_CHECKED boost_grow(boost_grower *w, boost_loss *l, int v, double *importance, tree *out);
void boost_grower_free(boost_grower **w);

/* ---- trees as masks, for prediction (boost_flat.c) ---- */
typedef struct boost_flat boost_flat;
/** Of n trees (borrowed); tree t adds to score t mod vectors. */
CRM_CHECKED boost_flat_new(int64_t n, const tree *t, int vectors, const double *start,
                           boost_flat **out);
/** Scores z [n][vectors] of rows x [n][d].  Not thread-safe: works in memory of *f. */
void boost_flat_scores(boost_flat *f, int64_t n, const float *x, int64_t d, double *z);
void boost_flat_free(boost_flat **f);

/* ---- the estimator ---- */
typedef struct boost {
    crm_estimator base;
    const crm_boosting_cfg *cfg;
    classic_classes classes;
    int64_t d;     /* numeric columns of the source */
    int vectors;   /* scores of a row */
    double *start; /* [vectors] */
    int64_t n_trees, tree_cap;
    tree *tree;         /* [n_trees] */
    double *importance; /* [d] */
    boost_flat *flat;
} boost;
/** Classes, scores and trees of h, which is empty (boost_fit.c).  Collective. */
CRM_CHECKED boost_fit(boost *h, const crm_fit *fit, const crm_source *in);
/** Memory for columns and scores; the classes are there. */
CRM_CHECKED boost_shape(boost *h, const crm_source *in);
#endif
