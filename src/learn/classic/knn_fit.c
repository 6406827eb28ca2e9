/* knn_fit.c - training rows of all ranks on every rank, and how they will be searched. */
#include "crmpi/base_math.h"
#include "knn_impl.h"

crm_status knn_check_k(const crm_knn_cfg *cfg, int64_t n)
{
    CRM_CHECK(cfg->k <= n, CRM_ERR_CONFIG,
              "knn.k = %lld neighbours, but there are %lld training rows; give a knn.k of at most "
              "%lld",
              (long long)cfg->k, (long long)n, (long long)n);
    return CRM_OK;
}

/* ---- gathering ---- */

/* Leaves after which the pages of the data set that were read are given back. */
enum { RELEASE_EACH = 16 };

typedef struct reading {
    const crm_fit *fit;
    const crm_source *in;
    const crm_view *own;
    int64_t d, n_cat;
    float *to;
} reading;

static crm_status read_leaf(void *ctx, int64_t leaf, int worker)
{
    const reading *r = ctx;
    crm_rows_piece p;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    (void)worker;
    CRM_TRY(crm_fit_check_stop(r->fit));
    crm_leaf_rows(r->own->n, leaf, &p.at, &p.n);
    p.row = r->own->row + p.at;
    p.num = r->to + p.at * r->d;
    CRM_NEW_TO(st, done, cat, p.n * r->n_cat);
    CRM_TRY_TO(st, done, crm_source_read(r->in, p.row, p.n, r->to + p.at * r->d, cat));
    st = classic_check_finite(r->in, &p);
    if (leaf % RELEASE_EACH == RELEASE_EACH - 1) crm_data_release(crm_source_data(r->in));
done:
    crm_mem_free(cat);
    return st;
}

/* This rank's share of the rows; the caller's. */
static crm_status read_own(const crm_fit *fit, const crm_source *in, const crm_view *own, float **x)
{
    const crm_schema *s = crm_source_schema(in);
    reading r = {.fit = fit, .in = in, .own = own, .d = s->n_num, .n_cat = s->n_cat};

    CRM_NEW(*x, own->n * r.d);
    r.to = *x;
    return crm_pool_run(fit->pool, crm_leaf_count(own->n), read_leaf, &r);
}

/* Training rows that have labels; row is the caller's. */
static crm_status labelled(const knn *h, const crm_fit *fit, crm_view *out)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    *out = (crm_view){.data = fit->train->data};
    CRM_NEW(out->row, fit->train->n);
    for (int64_t i = 0; i < fit->train->n; i++)
        if (classic_slot(&h->classes, t, fit->train->row[i]) >= 0)
            out->row[out->n++] = fit->train->row[i];
    return CRM_OK;
}

static crm_status check_bytes(const knn *h, int64_t n)
{
    double bytes = 4.0 * (double)n * (double)h->rows.d;

    CRM_CHECK(bytes <= (double)h->cfg->max_bytes, CRM_ERR_CONFIG,
              "knn keeps all training rows on every rank: %lld rows x %lld columns are %.4g bytes, "
              "knn.max_bytes allows %lld; raise it where the memory is there, take fewer rows or "
              "columns (feature.text_words), or another model",
              (long long)n, (long long)h->rows.d, bytes, (long long)h->cfg->max_bytes);
    return CRM_OK;
}

static crm_status begin(knn *h, const crm_fit *fit, const crm_source *in, crm_view *all)
{
    static const char *const none[] = {"none"};
    const crm_opt_list weights = {.n = 1, .item = none};
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    CRM_TRY(classic_classes_new(fit, &weights, "", &h->classes));
    h->rows.d = crm_source_schema(in)->n_num;
    CRM_TRY(labelled(h, fit, all));
    CRM_TRY(knn_check_k(h->cfg, all->n));
    CRM_TRY(check_bytes(h, all->n));
    h->rows.n = all->n;
    CRM_NEW(h->label, all->n);
    for (int64_t i = 0; i < all->n; i++)
        h->label[i] = classic_slot(&h->classes, t, all->row[i]);
    return CRM_OK;
}

crm_status knn_gather(knn *h, const crm_fit *fit, const crm_source *in)
{
    crm_view all = {0}, own;
    crm_fit of_all = *fit;
    float *mine = NULL;
    size_t total;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin(h, fit, in, &all)));
    of_all.train = &all;
    own = crm_rows_own(&of_all);
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, read_own(fit, in, &own, &mine)));
    if (crm_comm_size(fit->comm) == 1) {
        h->x = mine;
        mine = NULL;
    } else {
        CRM_TRY_TO(st, done,
                   crm_comm_allgather(fit->comm, mine, (size_t)(own.n * h->rows.d) * sizeof *mine,
                                      (void **)&h->x, &total, NULL));
    }
done:
    crm_mem_free(mine);
    crm_mem_free(all.row);
    return st;
}

/* ---- how to search ---- */

/* Nanoseconds for a block of rows, for a node and its box, for a block by products, and for a row
 * that has come through these: measured on one machine.  Only their proportions matter. */
static double block_cost(const knn *h)
{
    const knn_metric *minkowski = knn_metric_of(&(crm_knn_cfg){.metric = CRM_KNN_MINKOWSKI});

    return (20 + 2.2 * (double)h->rows.d) * (h->rows.metric == minkowski ? 30 : 1);
}

static double node_cost(const knn *h)
{
    return 14 + 1.2 * (double)h->rows.d;
}

static double brute_cost(const knn *h)
{
    double k = (double)h->cfg->k, n = (double)h->rows.n, blocks = n / KNN_LANES;

    if (!h->screen) return blocks * block_cost(h);
    return blocks * (3.6 + 0.17 * (double)h->rows.d) + 40 * k * (1 + crm_log(n / k));
}

/* Mean cost of a search from some of the training rows. */
static crm_status try_tree(const knn *h, double *cost)
{
    enum { TRIALS = 32 };
    int64_t nodes = 0, blocks = 0, d = h->rows.d, trials = h->rows.n < TRIALS ? h->rows.n : TRIALS;
    knn_list l = {.k = h->cfg->k};
    double *q = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, l.near, l.k);
    CRM_NEW_TO(st, done, q, d);
    for (int64_t i = 0; i < trials; i++) {
        const float *x = h->x + i * h->rows.n / trials * d;
        l.n = 0;
        for (int64_t j = 0; j < d; j++)
            q[j] = (double)x[j];
        knn_tree_search(h->tree, q, &l, &nodes, &blocks);
    }
    *cost = ((double)nodes * node_cost(h) + (double)blocks * block_cost(h)) / (double)trials;
done:
    crm_mem_free(l.near);
    crm_mem_free(q);
    return st;
}

/* More columns than this are not worth the building of a tree to find out. */
enum { TREE_COLUMNS = 16, TREE_ROWS = 256 };

static crm_status choose(knn *h, const crm_fit *fit)
{
    bool may = h->rows.d > 0 && h->rows.n <= KNN_TREE_MAX;
    double cost = 0;

    if (h->cfg->method == CRM_KNN_AUTO)
        may = may && h->rows.d <= TREE_COLUMNS && h->rows.n >= TREE_ROWS;
    if (!may) return CRM_OK;
    CRM_TRY(knn_tree_new(&h->rows, fit, &h->tree));
    if (h->cfg->method == CRM_KNN_KD_TREE) return CRM_OK;
    CRM_TRY(try_tree(h, &cost));
    if (cost > brute_cost(h)) knn_tree_free(&h->tree);
    return CRM_OK;
}

crm_status knn_prepare(knn *h, const crm_fit *fit)
{
    const crm_knn_cfg euclidean = {.metric = CRM_KNN_EUCLIDEAN};

    h->rows.x = h->x;
    h->rows.metric = knn_metric_of(h->cfg);
    h->rows.p = h->cfg->p;
    if (h->rows.metric == knn_metric_of(&euclidean)) CRM_TRY(knn_screen_new(&h->rows, &h->screen));
    if (h->cfg->method != CRM_KNN_BRUTE) CRM_TRY(choose(h, fit));
    if (h->tree) knn_screen_free(&h->screen);
    return CRM_OK;
}
