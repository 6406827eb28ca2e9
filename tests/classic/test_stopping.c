/* test_stopping.c - a wish to stop that one rank sees at some place of a fit: the fit ends with
 * CRM_ERR_STOPPED on all ranks and gives its memory back; looking for it changes no bit.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include <stdatomic.h>

#include "crmpi/opt.h"
#include "fit_testing.h"

enum { ROWS = 20000, FEW = 900, COLS = 3, SETS = 4 };
static const char *const class_name[] = {"a", "b"};
static const char *const num_name[] = {"x0", "x1", "x2"};
static crm_data *data;

static void open_rows(void)
{
    static float x[ROWS * COLS];
    static int32_t y[ROWS];
    sd_spec s = {.n = ROWS,
                 .n_num = COLS,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};

    for (int i = 0; i < ROWS; i++) {
        crm_rng r = crm_rng_at(5, CRM_RNG_TEST, 0, (uint64_t)i);
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = (float)crm_rng_normal(&r);
        y[i] = (double)x[i * COLS] + crm_rng_normal(&r) > 0;
    }
    T_OK(sd_open("stopping", &s, &data));
}

static void close_rows(void)
{
    crm_data_close(&data);
}

/* ---- the wish ---- */

static atomic_long looks, stop_at; /* the look from which the answer is yes; 0: none */

static bool stopping(void *ctx)
{
    long k = atomic_fetch_add(&looks, 1) + 1, at = atomic_load(&stop_at);

    (void)ctx;
    return at > 0 && k >= at;
}

/* ---- a fit ---- */

typedef struct model {
    const crm_estimator_class *class;
    int64_t rows;
    const char *sets[SETS];
} model;
static union {
    crm_tree_cfg tree;
    crm_forest_cfg forest;
    crm_boosting_cfg boosting;
    crm_knn_cfg knn;
    crm_svm_cfg svm;
    crm_naive_bayes_cfg bayes;
    crm_logistic_cfg logistic;
} cfg;

static crm_status fit_once(const model *m, crm_pool *pool, bool hooked, crm_digest *out)
{
    crm_fit fit = {.comm = t_comm, .pool = pool, .seed = 1};
    fitted f = {.data = data, .k = 2};
    crm_status st;
    crm_bag *b;

    if (hooked) fit.hooks.stopping = stopping;
    T_OK(crm_view_all(data, &f.view));
    f.view->n = m->rows;
    fit.train = f.view;
    T_OK(crm_source_new(data, CRM_FLAT_ALL, &f.source));
    T_OK(m->class->make(&cfg, &f.e));
    st = m->class->fit(f.e, &fit, f.source);
    if (!st) {
        *out = bag_of(f.e, &b);
        crm_bag_free(&b);
    }
    drop(&f);
    return st;
}

/* The same status on all ranks. */
static void check_stopped(const char *name, crm_status st, long at)
{
    int64_t v[2] = {st, -(int64_t)st};

    T_OK(crm_comm_max_i64(t_comm, v, 2));
    if (v[0] != CRM_ERR_STOPPED || v[1] != -CRM_ERR_STOPPED) {
        t_fail(__FILE__, __LINE__, name);
        fprintf(stderr, "#   look %ld: rank %d ended with %s\n", at, crm_comm_rank(t_comm),
                crm_status_name(st));
    }
    crm_err_clear();
}

/* Looks of a rank when nobody wishes to stop. */
static long count_looks(const model *m, crm_pool *pool, int who, crm_digest plain)
{
    crm_digest d = {0};
    int64_t n;

    atomic_store(&stop_at, 0);
    atomic_store(&looks, 0);
    T_OK(fit_once(m, pool, true, &d));
    T_CHECK(crm_digest_equal(d, plain));
    n = crm_comm_rank(t_comm) == who ? atomic_load(&looks) : 0;
    T_OK(crm_comm_max_i64(t_comm, &n, 1));
    return (long)n;
}

/* The first look, one in the middle and the last of one rank. */
static void check_model(const char *name, const model *m, crm_pool *pool)
{
    int who = crm_comm_size(t_comm) / 2;
    crm_digest plain = {0}, none;
    long n;

    T_OK(fit_once(m, pool, false, &plain));
    n = count_looks(m, pool, who, plain);
    T_CHECK(n >= 1);
    for (int i = 0; i < 3; i++) {
        long at = i == 0 ? 1 : i == 1 ? n / 2 + 1 : n;
        size_t used = crm_mem_used();
        atomic_store(&looks, 0);
        atomic_store(&stop_at, crm_comm_rank(t_comm) == who ? at : 0);
        check_stopped(name, fit_once(m, pool, true, &none), at);
        T_CHECK(crm_mem_used() == used);
    }
}

static void check(const char *name, model m)
{
    crm_opt_set *s;
    crm_pool *pool;
    int n = 0;

    while (n < SETS && m.sets[n])
        n++;
    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, m.class->parts[0].opts, &cfg));
    T_OK(crm_opt_set_load(s, NULL, m.sets, n));
    T_OK(crm_pool_new(2, &pool));
    check_model(name, &m, crm_comm_size(t_comm) % 2 ? pool : NULL);
    crm_pool_free(&pool);
    crm_opt_set_free(&s);
}

#define CASE(name, class_, rows_, ...)                                                             \
    static void name(void)                                                                         \
    {                                                                                              \
        check(#name, (model){.class = &(class_), .rows = (rows_), .sets = {__VA_ARGS__}});         \
    }
CASE(tree_exact, crm_tree_class, ROWS, "tree.method=exact")
CASE(tree_histogram, crm_tree_class, ROWS, "tree.method=histogram")
CASE(forest_exact, crm_forest_class, ROWS, "forest.method=exact", "forest.trees=3")
CASE(forest_histogram, crm_forest_class, ROWS, "forest.method=histogram", "forest.trees=3")
CASE(forest_together, crm_forest_class, ROWS, "forest.method=histogram", "forest.trees=2",
     "forest.rows_bytes=0")
CASE(boosting, crm_boosting_class, ROWS, "boosting.iterations=3")
CASE(neighbours, crm_knn_class, ROWS, "knn.method=brute")
CASE(neighbours_tree, crm_knn_class, ROWS, "knn.method=kd_tree")
CASE(svm_exact, crm_svm_class, FEW, "svm.method=exact", "svm.probability=platt")
CASE(svm_features, crm_svm_class, ROWS, "svm.method=nystroem", "svm.components=8",
     "svm.probability=platt")
CASE(svm_linear, crm_svm_class, ROWS, "svm.method=primal", "svm.kernel=linear",
     "svm.probability=none")
CASE(naive_bayes, crm_naive_bayes_class, ROWS, NULL)
CASE(logistic, crm_logistic_class, ROWS, NULL)

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"opens rows", open_rows},
                                   {"tree, exact", tree_exact},
                                   {"tree, histograms", tree_histogram},
                                   {"forest, exact", forest_exact},
                                   {"forest, histograms, each rank its trees", forest_histogram},
                                   {"forest, histograms, all ranks on a tree", forest_together},
                                   {"boosting", boosting},
                                   {"nearest neighbours", neighbours},
                                   {"nearest neighbours, k-d tree", neighbours_tree},
                                   {"support vectors, exact", svm_exact},
                                   {"support vectors, features of a kernel", svm_features},
                                   {"support vectors, linear", svm_linear},
                                   {"naive Bayes", naive_bayes},
                                   {"logistic regression", logistic},
                                   {"closes", close_rows},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
