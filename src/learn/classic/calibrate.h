/* calibrate.h - probabilities for models that give scores only (room classic).
 *
 * A score s of "this class against the others" becomes a probability by a map that is learnt from
 * scores of rows the model was not fitted on: cross-fitting, in stratified folds of the training
 * view.  Maps: Platt's sigmoid 1 / (1 + exp(a s + b)) by the Newton method and with the targets of
 * Lin, Lin & Weng (2007), "A note on Platt's probabilistic outputs for support vector machines";
 * isotonic regression by pooling adjacent violators (Ayer et al. 1955), linear between its knots.
 * More than two classes: a map for each class, normalised; or a map for each pair, coupled by the
 * second method of Wu, Lin & Weng (2004), "Probability estimates for multi-class classification by
 * pairwise coupling". */
#ifndef CRM_CALIBRATE_H
#define CRM_CALIBRATE_H

#include "classic_impl.h"

typedef enum calibrate_kind {
    CALIBRATE_PLATT,
    CALIBRATE_ISOTONIC,
    CALIBRATE_NONE, /* not probabilities, but with their largest where the model decides */
    CALIBRATE_KIND_COUNT
} calibrate_kind;
/** "platt", "isotonic", "none", NULL. */
extern const char *const calibrate_kind_names[];

/** What the scores of a row are.  m: slots of classes (classic_classes). */
typedef enum calibrate_shape {
    CALIBRATE_REST, /* m = 2: one, above 0 for slot 1; m > 2: one for each slot against the rest */
    CALIBRATE_PAIRS /* one for each pair (i, j), i < j, in the order (0, 1), (0, 2) ... (1, 2) ...;
                       above 0 for i                                                              */
} calibrate_shape;
/** Scores of a row; 0 when m < 2. */
int64_t calibrate_width(calibrate_shape shape, int m);
/** Number of the pair (i, j), i < j. */
int64_t calibrate_pair(int m, int i, int j);

typedef struct calibrate {
    int kind, shape, m;
    int64_t n;      /* maps: the width                                         */
    double *a, *b;  /* [n] Platt                                               */
    int64_t *first; /* [n + 1] isotonic: knots of a map; a map without any is 1 / (1 + e^-s) */
    double *knot, *height; /* [first[n]] scores, rising, and probabilities            */
    int64_t room;          /* of knot and height                                      */
} calibrate;

/** Maps that are 1 / (1 + e^-s) until they are fitted. */
CRM_CHECKED calibrate_new(calibrate_kind kind, calibrate_shape shape, int m, calibrate *out);
/** Fit map number map; isotonic ones in rising order.
 *  @param[in] score  [n] of rows not used for the fit; NaN: the row is left out
 *  @param[in] yes    [n] whether the row is of the class that a score above 0 speaks for
 *  A map without a row stays as it is.  Sums run in the order of the rows.  Not collective. */
CRM_CHECKED calibrate_fit_map(calibrate *c, int64_t map, int64_t n, const double *score,
                              const uint8_t *yes);
/** Fit all maps from score[n][width] of rows of slots slot[n] (negative: left out). */
CRM_CHECKED calibrate_fit(calibrate *c, int64_t n, const double *score, const int32_t *slot);
/** Probabilities of the slots, from score[n][width] into the first m places of rows of stride
 *  places.  m = 1: 1.  Each is finite and 0 or more, and they add to 1.
 *  CALIBRATE_NONE, two classes: 1 / (1 + e^-s), that of the class decided for above 0.5 always;
 *  REST: softmax of the scores; PAIRS: part of the pairs that a class wins (0 is lost by i).
 *  Not collective. */
CRM_CHECKED calibrate_proba(const calibrate *c, int64_t n, const double *score, double *proba,
                            int64_t stride);
/** "kind" i32, "shape" i32, "a", "b" f64 [maps] or "first" i64 [maps + 1], "knot", "height" f64. */
CRM_CHECKED calibrate_save(const calibrate *c, crm_bag *b);
/** CRM_ERR_FORMAT when it is not of this kind, shape and number of classes, or damaged. */
CRM_CHECKED calibrate_load(calibrate *c, calibrate_kind kind, calibrate_shape shape, int m,
                           crm_bag *b);
void calibrate_free(calibrate *c);

/* ---- cross-fitting (calibrate_folds.c) ---- */
enum { CALIBRATE_FOLDS = 5 };
typedef struct calibrate_folds {
    int k;         /* folds: CALIBRATE_FOLDS, or the labelled rows when they are fewer */
    int64_t n;     /* positions of the view                                            */
    int32_t *fold; /* [n] -1: a row without a label                                    */
} calibrate_folds;
/** Stratified: the rows of a class, in an order keyed by the seed, go round the folds, so that
 *  folds differ by at most one row of each class and by at most one in all.  The same on every
 *  rank; not collective. */
CRM_CHECKED calibrate_folds_new(const crm_view *v, const crm_target *t, const classic_classes *c,
                                uint64_t seed, calibrate_folds *out);
void calibrate_folds_free(calibrate_folds *f);

/** Learn from part->train, then score rows that are not in it.  Collective over part->comm, but for
 *  the rows: n rows row[n] of this rank into score[n][width], NaN where the part had no row of a
 *  class that the score is about. */
typedef crm_status (*calibrate_fold_fn)(void *ctx, const crm_fit *part, const int64_t *row,
                                        int64_t n, double *score);
/** score[f->n][width] of all rows with a label, each by a model fitted without its fold; the same
 *  on every rank.  Others are NaN.  Collective. */
CRM_CHECKED calibrate_cross(const crm_fit *fit, const calibrate_folds *f, int64_t width,
                            calibrate_fold_fn fn, void *ctx, double *score);
#endif
