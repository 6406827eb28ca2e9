/* test_kmeans.c - k-means, silhouette and agreement against scikit-learn 1.2.1, and the same bits
 * on any number of ranks. ranks: 1 2 3 4 */
#include <stdlib.h>

#include "crm_test_mpi.h"
#include "crmpi/base_mem.h"
#include "crmpi/feature_kmeans.h"

enum { SMALL = 60, LARGE = 9000 };

/* The points of the reference values below: three clumps in a plane. */
static float small_at(int64_t i, int c)
{
    if (c == 0) return (float)((double)(i % 3) * 4 + (double)(i * 7 % 11) * 0.25);
    return (float)((i % 3 == 1 ? 5 : 0) + (double)(i * 5 % 13) * 0.25 - (double)(i % 2));
}

/* Five clumps that run into each other, in four columns. */
static float large_at(int64_t i, int c)
{
    uint64_t h = ((uint64_t)i * 4 + (uint64_t)c + 1) * 0x9E3779B97F4A7C15u;

    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return (float)((i % 5) * (c + 1)) + (float)(h >> 40) / 8388608.0f;
}

static crm_points points(crm_comm *comm, int64_t n, int width, float (*at)(int64_t i, int c),
                         float *x)
{
    int64_t first, end;

    crm_kmeans_range(comm, n, &first, &end);
    for (int64_t i = first; i < end; i++)
        for (int c = 0; c < width; c++)
            x[(i - first) * width + c] = at(i, c);
    return (crm_points){.comm = comm, .n = n, .width = width, .x = x};
}

static const crm_kmeans_cfg CFG = {.k = 3, .restarts = 10, .iterations = 300, .seed = 7};

/* KMeans(3, init=x[[0, 1, 3]], n_init=1, tol=0, algorithm='lloyd'): a poor start that stays poor.
 */
static void lloyd(void)
{
    static const double WANT[3][2] = {{7.212500000000002, 3.506249999999999},
                                      {1.0000000000000009, 1.5576923076923073},
                                      {1.9642857142857144, -0.03571428571428603}};
    static const int64_t COUNT[3] = {40, 13, 7};
    static const double SCORE[3] = {0.3715337734576152, 0.29600438014071356, 0.46690736294015106};
    float x[2 * SMALL];
    double start[3][2], mean, cluster[3];
    crm_points p = points(t_comm, SMALL, 2, small_at, x);
    crm_kmeans m;
    static const int64_t FROM[3] = {0, 1, 3};

    for (int j = 0; j < 3; j++)
        for (int c = 0; c < 2; c++)
            start[j][c] = (double)small_at(FROM[j], c);
    T_OK(crm_kmeans_fit(&p, &CFG, start[0], &m));
    T_NEAR(m.inertia, 495.00606112637365, 1e-12);
    T_EQ_I(m.iterations, 3); /* scikit-learn counts the last look, which moves nothing: 4 */
    for (int j = 0; j < 3; j++) {
        T_EQ_I(m.count[j], COUNT[j]);
        for (int c = 0; c < 2; c++)
            T_NEAR(m.centre[2 * j + c], WANT[j][c], 1e-12);
    }
    T_OK(crm_kmeans_silhouette(&p, &m, SMALL, 1, &mean, cluster));
    T_NEAR(mean, 0.366295990345249, 1e-12);
    for (int j = 0; j < 3; j++)
        T_NEAR(cluster[j], SCORE[j], 1e-12);
    crm_kmeans_free(&m);
}

/* KMeans(k, n_init=20): inertia and silhouette_score of the best of them; other seeds of
 * scikit-learn give 69.8 to 70.5 for 5, and 54.4 to 57.7 for 6 clusters. */
static void seeding(void)
{
    static const double WANT[7] = {0,
                                   0,
                                   495.14375000000007,
                                   103.81250000000003,
                                   86.04958964646465,
                                   70.36875,
                                   54.594696969696976};
    static const double SCORE[4] = {0, 0, 0.5371209784082261, 0.716672136318133};
    float x[2 * SMALL];
    double score[7];
    crm_points p = points(t_comm, SMALL, 2, small_at, x);
    crm_kmeans m;

    for (int k = 2; k <= 6; k++) {
        crm_kmeans_cfg c = CFG;
        c.k = k;
        c.restarts = 20;
        T_OK(crm_kmeans_fit(&p, &c, NULL, &m));
        T_CHECK(m.inertia <= WANT[k] * 1.02);
        crm_kmeans_free(&m);
    }
    T_OK(crm_kmeans_choose(&p, &CFG, 6, SMALL, score, &m));
    T_EQ_I(m.k, 3);
    T_NEAR(m.inertia, WANT[3], 1e-12);
    T_NEAR(score[2], SCORE[2], 1e-12);
    T_NEAR(score[3], SCORE[3], 1e-12);
    crm_kmeans_free(&m);
}

/* Labels of new points are those of the fit. */
static void assign(void)
{
    float x[2 * SMALL];
    int32_t label[SMALL];
    double d[3 * SMALL];
    crm_points p = points(t_comm, SMALL, 2, small_at, x);
    crm_kmeans m;
    int64_t first, end;

    T_OK(crm_kmeans_fit(&p, &CFG, NULL, &m));
    crm_kmeans_range(t_comm, SMALL, &first, &end);
    crm_kmeans_assign(&m, end - first, x, label, d);
    for (int64_t i = 0; i < end - first; i++) {
        T_EQ_I(label[i], m.label[i]);
        for (int j = 0; j < 3; j++)
            T_CHECK(d[3 * i + label[i]] <= d[3 * i + j]);
    }
    crm_kmeans_free(&m);
}

/* adjusted_rand_score([0,0,1,1,2,2,2,0], [0,0,1,2,2,2,1,0]) = 0.42857142857142855 */
static void agreement(void)
{
    static const int32_t A[8] = {0, 0, 1, 1, 2, 2, 2, 0}, B[8] = {0, 0, 1, 2, 2, 2, 1, 0};
    int64_t first, end;
    double r;

    crm_tree_range(8, crm_comm_rank(t_comm), crm_comm_size(t_comm), &first, &end);
    T_OK(crm_kmeans_agreement(t_comm, end - first, A + first, 3, B + first, 3, &r));
    T_NEAR(r, 0.42857142857142855, 1e-15);
    T_OK(crm_kmeans_agreement(t_comm, end - first, A + first, 3, A + first, 3, &r));
    T_CHECK(r == 1);
}

/* Several leaves: all ranks together, with threads, and each rank alone. */
static void same_bits(void)
{
    static float x[4 * LARGE], y[4 * LARGE];
    crm_comm *self = NULL;
    crm_kmeans a, b;
    double u, v;
    int64_t first, end;
    crm_points p = points(t_comm, LARGE, 4, large_at, x), q;
    crm_kmeans_cfg c = CFG;

    c.k = 5;
    c.restarts = 3;
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &self));
    q = points(self, LARGE, 4, large_at, y);
    T_OK(crm_pool_new(2, &p.pool));
    T_OK(crm_kmeans_fit(&p, &c, NULL, &a));
    T_OK(crm_kmeans_fit(&q, &c, NULL, &b));
    T_CHECK(a.inertia == b.inertia && a.iterations == b.iterations);
    T_CHECK(memcmp(a.centre, b.centre, 20 * sizeof *a.centre) == 0);
    T_CHECK(memcmp(a.count, b.count, 5 * sizeof *a.count) == 0);
    crm_kmeans_range(t_comm, LARGE, &first, &end);
    T_CHECK(memcmp(a.label, b.label + first, (size_t)(end - first) * sizeof *a.label) == 0);
    T_OK(crm_kmeans_silhouette(&p, &a, 500, 3, &u, NULL));
    T_OK(crm_kmeans_silhouette(&q, &b, 500, 3, &v, NULL));
    T_CHECK(u == v && u > 0.3);
    crm_pool_free(&p.pool);
    crm_kmeans_free(&a);
    crm_kmeans_free(&b);
    crm_comm_free(&self);
}

static float two_points(int64_t i, int c)
{
    return (float)(i % 2 + c);
}

static void too_many(void)
{
    float x[2 * SMALL];
    crm_points p = points(t_comm, SMALL, 2, two_points, x);
    crm_kmeans m;

    T_FAILS(crm_kmeans_fit(&p, &CFG, NULL, &m), CRM_ERR_CONFIG, "only 2 different points");
    p.n = 2;
    T_FAILS(crm_kmeans_fit(&p, &CFG, NULL, &m), CRM_ERR_CONFIG, "3 clusters of 2 points");
}

/* Two of three centres start where no point is nearest; KMeans(3, init=START, n_init=1, tol=0). */
static void empty_clusters(void)
{
    static const double START[6] = {0, 1, 900, 900, 800, 800};
    float x[2 * SMALL];
    crm_points p = points(t_comm, SMALL, 2, small_at, x);
    crm_kmeans m;

    T_OK(crm_kmeans_fit(&p, &CFG, START, &m));
    for (int j = 0; j < 3; j++)
        T_CHECK(m.count[j] > 0);
    T_NEAR(m.inertia, 481.2208791208792, 1e-12);
    crm_kmeans_free(&m);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"Lloyd's iterations and silhouette", lloyd},
                                   {"seeding, and the number of clusters", seeding},
                                   {"labels of new points", assign},
                                   {"agreement of partitions", agreement},
                                   {"same bits on any ranks and threads", same_bits},
                                   {"more clusters than points", too_many},
                                   {"clusters that lose their points", empty_clusters},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
