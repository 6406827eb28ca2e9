/* knn_impl.h - shared by the files of the nearest neighbours only. */
#ifndef CRM_KNN_IMPL_H
#define CRM_KNN_IMPL_H

#include <math.h>

#include "classic_impl.h"

/* ---- the nearest rows so far of a query (knn_list.c) ---- */
typedef struct knn_near {
    double dist; /* as the metric ranks it: knn_metric */
    int64_t at;  /* position in the training rows */
} knn_near;
/* A heap with the worst on top; rows are ordered by (dist, at), so the order in which they are
 * offered does not show. */
typedef struct knn_list {
    int64_t k, n;
    knn_near *near; /* [k] */
} knn_list;

/** Distance above which a row is no neighbour; infinity while there are fewer than k. */
static inline double knn_worst(const knn_list *l)
{
    return l->n < l->k ? (double)INFINITY : l->near[0].dist;
}
/** Take a row in if it is among the k nearest. */
void knn_offer(knn_list *l, double dist, int64_t at);
/** Nearest first; the list is no heap any more. */
void knn_sort(knn_list *l);

/* ---- metrics (knn_metric.c) ----
 * A metric ranks by a number that grows with the distance: its square for euclidean.  Sums over
 * columns are four sums side by side (column j goes to sum j mod 4), added as (0 + 2) + (1 + 3), so
 * that a distance has the same bits however it is computed. */
enum { KNN_LANES = 16 }; /* rows of a block */
typedef struct knn_metric {
    /** out[KNN_LANES] of the rows of a block x[d][KNN_LANES] and a query. */
    void (*block)(const float *x, const double *q, int64_t d, double p, double *out);
    /** Of one row. */
    double (*row)(const float *x, const double *q, int64_t d, double p);
    /** Of a query and the nearest point of a box, but for rounding. */
    double (*box)(const float *low, const float *high, const double *q, int64_t d, double p);
    /** Number that ranks -> distance. */
    double (*distance)(double rank);
} knn_metric;
/** p = 1 and p = 2 of minkowski are the metrics that they are. */
const knn_metric *knn_metric_of(const crm_knn_cfg *cfg);

/* ---- what is searched ---- */
typedef struct knn_tree knn_tree;
typedef struct knn_screen knn_screen;
typedef struct knn_rows {
    int64_t n, d;
    const float *x; /* [n][d] */
    const knn_metric *metric;
    double p;
} knn_rows;

/** Queries that are searched together.  list[n] are empty; q[n][d]. */
typedef struct knn_queries {
    int64_t n;
    const float *x;  /* [n][d] */
    const double *q; /* the same */
    knn_list *list;  /* [n] */
} knn_queries;

/* ---- every row against every query (knn_brute.c): any metric ---- */
CRM_CHECKED knn_brute(const knn_rows *r, knn_queries *q);

/* ---- euclidean by matrix products in f32, then exact distances of what may be near
 *      (knn_screen.c) ---- */
CRM_CHECKED knn_screen_new(const knn_rows *r, knn_screen **out);
CRM_CHECKED knn_screen_search(knn_screen *s, knn_queries *q);
void knn_screen_free(knn_screen **s);

/* ---- k-d tree (knn_tree.c, knn_tree_build.c) ---- */
struct knn_tree {
    const knn_rows *rows;
    int64_t n_nodes;
    struct knn_node {
        int32_t first, end; /* blocks */
        int32_t right;      /* child; the left one is the next node; 0: a leaf */
    } * node;
    float *low, *high; /* [n_nodes][d] box of its rows */
    float *block;      /* [blocks][d][KNN_LANES] */
    int32_t *at;       /* [blocks][KNN_LANES] position of each row; -1: none */
};
/** Rows of a tree are numbered in 32 bits. */
enum { KNN_TREE_MAX = INT32_MAX / 2 };
/** CRM_ERR_STOPPED when the hooks of fit (NULL: none) say so. */
CRM_CHECKED knn_tree_new(const knn_rows *r, const crm_fit *fit, knn_tree **out);
/** Nodes and blocks looked at are added to *nodes and *blocks. */
void knn_tree_search(const knn_tree *t, const double *q, knn_list *l, int64_t *nodes,
                     int64_t *blocks);
void knn_tree_free(knn_tree **t);

/* ---- the estimator (knn.c, knn_fit.c) ---- */
typedef struct knn {
    crm_estimator base;
    const crm_knn_cfg *cfg;
    classic_classes classes;
    knn_rows rows;
    float *x;           /* [n][d], that of rows       */
    int32_t *label;     /* [n] slots of their classes */
    knn_tree *tree;     /* or NULL */
    knn_screen *screen; /* or NULL; neither: knn_brute */
} knn;

/** Rows and labels of a fit.  Collective. */
CRM_CHECKED knn_gather(knn *h, const crm_fit *fit, const crm_source *in);
/** Make what the search needs of the rows; CRM_ERR_STOPPED as knn_tree_new. */
CRM_CHECKED knn_prepare(knn *h, const crm_fit *fit);
/** CRM_ERR_CONFIG when there are fewer than k rows. */
CRM_CHECKED knn_check_k(const crm_knn_cfg *cfg, int64_t n);
#endif
