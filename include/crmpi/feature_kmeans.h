/* feature_kmeans.h - k-means over ranks: seeding, Lloyd's iterations, silhouette, agreement of two
 * partitions (room feature).
 *
 * Same bits on any number of ranks and threads: sums over leaves of rows, random numbers by row. */
#ifndef CRM_FEATURE_KMEANS_H
#define CRM_FEATURE_KMEANS_H

#include <stdint.h>

#include "crmpi/base_run.h"
#include "crmpi/base_status.h"
#include "crmpi/comm.h"

/** Points x[n][width] of which each rank holds those of its leaves (crm_kmeans_range), finite. */
typedef struct crm_points {
    crm_comm *comm;
    crm_pool *pool; /* NULL: none */
    int64_t n;      /* of all ranks */
    int width;
    const float *x; /* [end - first][width] of this rank */
} crm_points;
/** Points [*first, *end) that this rank holds of n. */
void crm_kmeans_range(const crm_comm *comm, int64_t n, int64_t *first, int64_t *end);

typedef struct crm_kmeans_cfg {
    int k;            /* clusters, 1 to n                                              */
    int restarts;     /* seedings, of which the one with the least inertia stays       */
    int iterations;   /* most Lloyd iterations of each                                 */
    double tolerance; /* ends when the squared shift of all centres together is at most this
                         times the mean variance of the columns; 0: only when no point moves  */
    uint64_t seed;
} crm_kmeans_cfg;

typedef struct crm_kmeans {
    int k, width;
    double *centre; /* [k][width], by falling number of points (equal ones by first column ...) */
    int64_t *count; /* [k] points                                                     */
    double inertia; /* sum of squared distances to the nearest centre                 */
    int iterations; /* of the best seeding                                            */
    int32_t *label; /* of this rank's points                                          */
} crm_kmeans;

/** Greedy k-means++ seeding (Arthur and Vassilvitskii, "k-means++: the advantages of careful
 * seeding", SODA 2007, each centre the best of 2 + ln k draws), then Lloyd's iterations.  A cluster
 * that loses all its points takes the point that is farthest from its centre.
 * @param start [in] initial centres [k][width] in the place of the seeding; NULL: none.
 * @return CRM_OK; CRM_ERR_CONFIG when k is above the number of distinct points that the seeding
 * finds; CRM_ERR_NOMEM.  Collective; crm_kmeans_free it. */
CRM_CHECKED crm_kmeans_fit(const crm_points *p, const crm_kmeans_cfg *cfg, const double *start,
                           crm_kmeans *out);
/** Nearest centre (the first of equal ones) and, when d2 is not NULL, squared distances to all,
 *  [n][k].  Not collective, thread-safe. */
void crm_kmeans_assign(const crm_kmeans *m, int64_t n, const float *x, int32_t *label, double *d2);
/** Mean silhouette (Rousseeuw, J. Comput. Appl. Math. 20, 1987; Euclidean; 0 for a cluster of one)
 * of at most sample points, drawn by seed, against each other.  cluster (may be NULL) [k]: mean of
 * each. Collective. */
CRM_CHECKED crm_kmeans_silhouette(const crm_points *p, const crm_kmeans *m, int64_t sample,
                                  uint64_t seed, double *mean, double *cluster);
/** Adjusted Rand index (Hubert and Arabie, J. Classification 2, 1985) of two labellings of the same
 *  points, a in [0, ka), b in [0, kb), n of them on this rank.  Collective. */
CRM_CHECKED crm_kmeans_agreement(crm_comm *comm, int64_t n, const int32_t *a, int ka,
                                 const int32_t *b, int kb, double *out);
/** The k in 2 .. most with the highest silhouette (the smallest of equal ones), fitted; score
 *  (may be NULL) [most + 1] has that of each k.  Collective. */
CRM_CHECKED crm_kmeans_choose(const crm_points *p, const crm_kmeans_cfg *cfg, int most,
                              int64_t sample, double *score, crm_kmeans *out);
void crm_kmeans_free(crm_kmeans *m);
#endif
