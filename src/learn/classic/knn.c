/* knn.c - k nearest neighbours as an estimator: options, votes, save and load. */
#include <math.h>
#include <string.h>

#include "knn_impl.h"

static const char *const weights_names[] = {"uniform", "distance", NULL};
_Static_assert(sizeof weights_names / sizeof *weights_names == CRM_KNN_WEIGHTS_COUNT + 1, "names");
static const char *const metric_names[] = {"euclidean", "manhattan", "chebyshev", "minkowski",
                                           NULL};
_Static_assert(sizeof metric_names / sizeof *metric_names == CRM_KNN_METRIC_COUNT + 1, "names");
static const char *const method_names[] = {"auto", "brute", "kd_tree", NULL};
_Static_assert(sizeof method_names / sizeof *method_names == CRM_KNN_METHOD_COUNT + 1, "names");

#define K crm_knn_cfg
const crm_opt crm_knn_opts[] = {
    CRM_OPT_I(K, k, "knn.k", 5, 1, 1e9, "rows", 0, "Neighbours that vote."),
    CRM_OPT_E(K, weights, "knn.weights", "uniform", weights_names, 0,
              "Votes of the neighbours: equal, or 1 / distance (those at distance 0 then vote "
              "alone)."),
    CRM_OPT_E(K, metric, "knn.metric", "euclidean", metric_names, 0,
              "Distance over the numeric columns; minkowski takes knn.p."),
    CRM_OPT_R(K, p, "knn.p", 2, 1, 1000, "1", 0,
              "Power of the Minkowski distance: 1 is manhattan, 2 euclidean."),
    CRM_OPT_E(K, method, "knn.method", "auto", method_names, CRM_OPT_LAYOUT,
              "How neighbours are found, with the same result: every row, a k-d tree, or what "
              "takes fewer operations for some of the training rows."),
    CRM_OPT_I(K, max_bytes, "knn.max_bytes", 4294967296, 0, 1e15, "bytes", CRM_OPT_LAYOUT,
              "Most memory for training rows, all of which every rank holds; more are refused."),
    {.key = NULL},
};

/* Queries that are searched together, and bytes of their lists at most. */
enum { QUERIES = 1024, LISTS_BYTES = 1 << 26 };

static crm_status knn_make(const void *cfg, crm_estimator **out)
{
    knn *h;

    *out = NULL;
    CRM_NEW(h, 1);
    h->base.class = &crm_knn_class;
    h->cfg = cfg;
    *out = &h->base;
    return CRM_OK;
}

static void knn_free(crm_estimator *e)
{
    knn *h = (knn *)e;

    knn_tree_free(&h->tree);
    knn_screen_free(&h->screen);
    classic_classes_free(&h->classes);
    crm_mem_free(h->x);
    crm_mem_free(h->label);
    crm_mem_free(h);
}

static crm_status knn_fit(crm_estimator *e, const crm_fit *fit, const crm_source *in)
{
    CRM_TRY(knn_gather((knn *)e, fit, in));
    return crm_comm_agree(fit->comm, knn_prepare((knn *)e, fit));
}

/* ---- predict ---- */

/* Neighbours of a row in order -> shares of the votes in proba[m]. */
static void vote(const knn *h, const knn_list *l, double *proba)
{
    bool weigh = h->cfg->weights == CRM_KNN_DISTANCE, exact = weigh && l->near[0].dist == 0;
    double total = 0;

    for (int c = 0; c < h->classes.m; c++)
        proba[c] = 0;
    for (int64_t i = 0; i < l->n; i++) {
        double dist = l->near[i].dist, v = 1;
        if (exact && dist > 0) break;
        if (weigh && !exact) v = 1 / h->rows.metric->distance(dist);
        proba[h->label[l->near[i].at]] += v;
        total += v;
    }
    for (int c = 0; c < h->classes.m; c++)
        proba[c] /= total;
}

typedef struct bench {
    knn_queries q;
    float *num;
    int32_t *cat;
    double *wide; /* num in f64 */
    knn_near *near;
} bench;

static void bench_free(bench *b)
{
    crm_mem_free(b->num);
    crm_mem_free(b->cat);
    crm_mem_free(b->wide);
    crm_mem_free(b->near);
    crm_mem_free(b->q.list);
}

static crm_status bench_new(const knn *h, const crm_schema *s, int64_t n, bench *b)
{
    CRM_NEW(b->num, n * s->n_num);
    CRM_NEW(b->cat, n * s->n_cat);
    CRM_NEW(b->wide, n * s->n_num);
    CRM_NEW(b->near, n * h->cfg->k);
    CRM_NEW(b->q.list, n);
    b->q.x = b->num;
    b->q.q = b->wide;
    return CRM_OK;
}

/* n rows -> their neighbours in order. */
static crm_status search(knn *h, const crm_source *in, const int64_t *row, int64_t n, bench *b)
{
    int64_t nodes = 0, blocks = 0, d = h->rows.d;

    CRM_TRY(crm_source_read(in, row, n, b->num, b->cat));
    CRM_TRY(classic_check_finite(in, &(crm_rows_piece){.n = n, .row = row, .num = b->num}));
    for (int64_t i = 0; i < n * d; i++)
        b->wide[i] = (double)b->num[i];
    b->q.n = n;
    for (int64_t i = 0; i < n; i++)
        b->q.list[i] = (knn_list){.k = h->cfg->k, .near = b->near + i * h->cfg->k};
    if (h->tree)
        for (int64_t i = 0; i < n; i++)
            knn_tree_search(h->tree, b->wide + i * d, &b->q.list[i], &nodes, &blocks);
    else if (h->screen)
        CRM_TRY(knn_screen_search(h->screen, &b->q));
    else
        CRM_TRY(knn_brute(&h->rows, &b->q));
    for (int64_t i = 0; i < n; i++)
        knn_sort(&b->q.list[i]);
    return CRM_OK;
}

static int64_t piece_rows(const knn *h, int64_t n)
{
    int64_t most = LISTS_BYTES / (int64_t)sizeof(knn_near) / h->cfg->k;

    if (most > QUERIES) most = QUERIES;
    if (most > n) most = n;
    return most > 1 ? most : 1;
}

static crm_status knn_predict(crm_estimator *e, const crm_source *in, const int64_t *row, int64_t n,
                              double *proba)
{
    knn *h = (knn *)e;
    int64_t piece = piece_rows(h, n), classes = h->classes.n_classes;
    bench b = {0};
    crm_status st = bench_new(h, crm_source_schema(in), piece, &b);

    for (int64_t at = 0; at < n && !st; at += piece) {
        int64_t m = n - at < piece ? n - at : piece;
        CRM_TRY_TO(st, done, search(h, in, row + at, m, &b));
        for (int64_t i = 0; i < m; i++) {
            double *p = proba + (at + i) * classes;
            vote(h, &b.q.list[i], p);
            classic_spread(&h->classes, p);
        }
    }
done:
    bench_free(&b);
    return st;
}

/* ---- save and load ---- */

static crm_status knn_save(const crm_estimator *e, crm_bag *b)
{
    const knn *h = (const knn *)e;

    CRM_TRY(classic_classes_save(&h->classes, b));
    CRM_TRY(crm_bag_put(b, "x", CRM_F32, 2, (int64_t[]){h->rows.n, h->rows.d}, h->x));
    return crm_bag_put(b, "label", CRM_I32, 1, &h->rows.n, h->label);
}

static crm_status check_content(const knn *h)
{
    for (int64_t i = 0; i < h->rows.n; i++)
        CRM_CHECK(h->label[i] >= 0 && h->label[i] < h->classes.m, CRM_ERR_FORMAT,
                  "model file: row %lld has class number %d of %d", (long long)i, h->label[i],
                  h->classes.m);
    for (int64_t i = 0; i < h->rows.n * h->rows.d; i++)
        CRM_CHECK(isfinite(h->x[i]), CRM_ERR_FORMAT,
                  "model file: column %lld of training row %lld is no finite number",
                  (long long)(i % h->rows.d), (long long)(i / h->rows.d));
    return knn_check_k(h->cfg, h->rows.n);
}

static crm_status knn_load(crm_estimator *e, const crm_source *in, int n_classes, crm_bag *b)
{
    knn *h = (knn *)e;
    const crm_bag_array *x, *label;

    CRM_TRY(classic_classes_load(&h->classes, n_classes, b));
    CRM_TRY(crm_bag_get(b, "label", CRM_I32, -1, &label));
    h->rows.n = label->n;
    h->rows.d = crm_source_schema(in)->n_num;
    CRM_NEW(h->label, label->n);
    if (label->n) memcpy(h->label, label->data, (size_t)label->n * sizeof *h->label);
    CRM_TRY(crm_bag_get(b, "x", CRM_F32, h->rows.n * h->rows.d, &x));
    CRM_NEW(h->x, x->n);
    if (x->n) memcpy(h->x, x->data, (size_t)x->n * sizeof *h->x);
    CRM_TRY(check_content(h));
    return knn_prepare(h, NULL);
}

static crm_status knn_check(const void *cfg, const crm_schema *s, const crm_target *t, int64_t rows)
{
    (void)s;
    (void)t;
    return knn_check_k(cfg, rows);
}

static const crm_cfg_part parts[] = {{crm_knn_opts, 0}, {NULL, 0}};

const crm_estimator_class crm_knn_class = {
    .name = "knn",
    .parts = parts,
    .cfg_size = sizeof(crm_knn_cfg),
    .help = "k nearest neighbours in the numeric columns.",
    .reading = "the neighbours of a row",
    .make = knn_make,
    .fit = knn_fit,
    .predict = knn_predict,
    .save = knn_save,
    .load = knn_load,
    .free = knn_free,
    .check = knn_check,
};
