/* fit_testing.h - one estimator on the flat view of a small data set, for the tests of room
 * classic. */
#ifndef CRM_FIT_TESTING_H
#define CRM_FIT_TESTING_H

#include "crmpi/classic.h"
#include "feature/small_data.h"

typedef struct fitted {
    crm_data *data; /* borrowed */
    crm_source *source;
    crm_view *view;
    crm_transform fill; /* missing numbers -> 0, when plain is false */
    crm_estimator *e;
    int k;
} fitted;

/* ---- a transform that puts 0 for missing numbers ---- */
static const crm_schema *fill_columns;

static inline const crm_schema *fill_schema(const crm_transform *t)
{
    (void)t;
    return fill_columns;
}

static inline crm_status fill_apply(const crm_transform *t, const crm_data *data,
                                    const crm_schema *s, const crm_block *in, crm_block *out)
{
    (void)t;
    (void)data;
    for (int64_t i = 0; i < in->n * s->n_num; i++)
        out->num[i] = isnan(in->num[i]) ? 0 : in->num[i];
    for (int64_t i = 0; i < in->n * s->n_cat; i++)
        out->cat[i] = in->cat[i];
    return CRM_OK;
}

static const crm_transform_class fill_class = {
    .name = "fill", .schema = fill_schema, .apply = fill_apply};

static inline crm_status fill_missing(fitted *f)
{
    f->fill.class = &fill_class;
    fill_columns = crm_source_schema(f->source);
    return crm_source_add(f->source, &f->fill);
}

/* Fit on the first n rows; plain: missing numbers stay. */
static inline crm_status fit_rows(const crm_estimator_class *class, const void *cfg, crm_data *d,
                                  int64_t n, crm_comm *comm, crm_pool *pool, bool plain, fitted *f)
{
    crm_fit fit = {.comm = comm, .pool = pool, .seed = 1};

    *f = (fitted){.data = d, .k = crm_data_target(d, 0)->n_classes};
    CRM_TRY(crm_view_all(d, &f->view));
    f->view->n = n;
    fit.train = f->view;
    CRM_TRY(crm_source_new(d, CRM_FLAT_ALL, &f->source));
    if (!plain) CRM_TRY(fill_missing(f));
    CRM_TRY(class->make(cfg, &f->e));
    return class->fit(f->e, &fit, f->source);
}

static inline void drop(fitted *f)
{
    crm_source_free(&f->source);
    crm_view_free(&f->view);
    if (f->e) f->e->class->free(f->e);
    *f = (fitted){0};
}

/* Probabilities of all rows of the data set; the caller's. */
static inline double *predict_all(crm_estimator *e, const fitted *f)
{
    int64_t n = crm_data_rows(f->data);
    double *p = crm_mem_new((size_t)(n * f->k), sizeof *p);
    crm_view *all;

    T_OK(crm_view_all(f->data, &all));
    T_OK(e->class->predict(e, f->source, all->row, n, p));
    crm_view_free(&all);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int c = 0; c < f->k; c++)
            sum += p[i * f->k + c];
        if (!(fabs(sum - 1) < 1e-12)) T_NEAR(sum, 1, 1e-12);
    }
    return p;
}

static inline crm_digest bag_of(const crm_estimator *e, crm_bag **b)
{
    crm_digest d = {0};

    T_OK(crm_bag_new(b));
    T_OK(e->class->save(e, *b));
    T_OK(crm_bag_digest(*b, NULL, &d));
    return d;
}

/* Through a file: an estimator loaded from the bag predicts the same bits. */
static inline void check_round_trip(const fitted *f, const void *cfg, crm_bag *b)
{
    char path[CRM_PATH_MAX + 64];
    crm_bag *back;
    crm_estimator *e;
    size_t bytes = (size_t)(crm_data_rows(f->data) * f->k) * sizeof(double);
    double *p = predict_all(f->e, f), *q;

    snprintf(path, sizeof path, "%s/bag%d.h5", sd_dir, crm_comm_rank(t_comm));
    T_OK(crm_bag_write(b, path, "test"));
    T_OK(crm_bag_read(path, "test", &back));
    T_OK(f->e->class->make(cfg, &e));
    T_OK(e->class->load(e, f->source, f->k, back));
    q = predict_all(e, f);
    T_CHECK(memcmp(p, q, bytes) == 0);
    e->class->free(e);
    crm_bag_free(&back);
    crm_mem_free(p);
    crm_mem_free(q);
}

/* All ranks with threads, and a rank alone, another one each time: equal bags on all ranks, equal
 * predictions of that rank after a round trip. */
static inline void check_ranks(const crm_estimator_class *class, const void *cfg, crm_data *d,
                               int64_t n, bool plain)
{
    static int turn;
    int one = turn++ % crm_comm_size(t_comm);
    fitted together, single;
    crm_comm *alone;
    crm_pool *pool;
    crm_digest of_one = {0};
    crm_bag *a, *b;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(crm_pool_new(2, &pool));
    T_OK(fit_rows(class, cfg, d, n, t_comm, pool, plain, &together));
    if (crm_comm_rank(t_comm) == one) {
        T_OK(fit_rows(class, cfg, d, n, alone, NULL, plain, &single));
        of_one = bag_of(single.e, &b);
        crm_bag_free(&b);
    }
    T_OK(crm_comm_bcast(t_comm, one, &of_one, sizeof of_one));
    T_CHECK(crm_digest_equal(bag_of(together.e, &a), of_one));
    if (crm_comm_rank(t_comm) == one) {
        check_round_trip(&together, cfg, a);
        drop(&single); /* fill_columns are its own */
    }
    crm_bag_free(&a);
    drop(&together);
    crm_comm_free(&alone);
    crm_pool_free(&pool);
}
#endif
