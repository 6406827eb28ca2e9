/* feature_kit.h - for the tests of transforms: fit one, read all rows; save and load; the data set
 * of formulas that other programs were asked about. */
#ifndef CRM_FEATURE_KIT_H
#define CRM_FEATURE_KIT_H

#include "crmpi/estimator_rows.h"
#include "crmpi/feature.h"
#include "feature/small_data.h"

typedef struct fk_fitted {
    crm_data *data;
    crm_source *source;
    crm_view *view;
    crm_transform *t;
    const crm_schema *out;
    float *num;
    int32_t *cat;
} fk_fitted;

static inline crm_status fk_read(fk_fitted *f)
{
    int64_t n = crm_data_rows(f->data);
    crm_view *all;
    crm_status st;

    f->out = crm_source_schema(f->source);
    CRM_NEW(f->num, n * f->out->n_num);
    CRM_NEW(f->cat, n * f->out->n_cat);
    CRM_TRY(crm_view_all(f->data, &all));
    st = crm_source_read(f->source, all->row, n, f->num, f->cat);
    crm_view_free(&all);
    return st;
}

/* Fit on the rows in [0, n_train) of f->data and transform all rows. */
static inline crm_status fk_fit(const crm_transform_class *class, const void *cfg, crm_comm *comm,
                                int64_t n_train, fk_fitted *f)
{
    crm_fit fit = {.comm = comm, .seed = 1};

    CRM_TRY(crm_view_all(f->data, &f->view));
    f->view->n = n_train;
    fit.train = f->view;
    CRM_TRY(crm_source_new(f->data, CRM_FLAT_ALL, &f->source));
    CRM_TRY(class->make(cfg, &f->t));
    CRM_TRY(class->fit(f->t, &fit, f->source));
    CRM_TRY(crm_source_add(f->source, f->t));
    return fk_read(f);
}

static inline void fk_drop(fk_fitted *f)
{
    crm_source_free(&f->source);
    crm_view_free(&f->view);
    if (f->t) f->t->class->free(f->t);
    crm_mem_free(f->num);
    crm_mem_free(f->cat);
    crm_data_close(&f->data);
    *f = (fk_fitted){0};
}

static inline bool fk_has(const fk_fitted *f, int column, const char *name)
{
    return column < f->out->n_num && strcmp(f->out->num_name[column], name) == 0;
}

/* The transform of f in a bag, loaded again over the columns of d, applied to all rows of it. */
static inline crm_status fk_again(const fk_fitted *f, crm_data *d, fk_fitted *g)
{
    static const int64_t no_options[16]; /* load needs none */
    const crm_transform_class *class = f->t->class;
    crm_source *plain = NULL;
    crm_bag *b = NULL;
    crm_status st;

    *g = (fk_fitted){.data = d};
    st = crm_bag_new(&b);
    if (!st) st = class->save(f->t, b);
    if (!st) st = class->make(no_options, &g->t);
    if (!st) st = crm_source_new(f->data, CRM_FLAT_ALL, &plain);
    if (!st) st = class->load(g->t, crm_source_schema(plain), b);
    if (!st) st = crm_source_new_like(d, CRM_FLAT_ALL, crm_source_schema(plain), &g->source);
    if (!st) st = crm_source_add(g->source, g->t);
    if (!st) st = fk_read(g);
    g->data = NULL; /* the caller's */
    crm_source_free(&g->source);
    crm_source_free(&plain);
    crm_bag_free(&b);
    return st;
}

/* The same values after save and load, over the same data. */
static inline void fk_same_again(const fk_fitted *f)
{
    int64_t n = crm_data_rows(f->data);
    fk_fitted g;

    T_OK(fk_again(f, f->data, &g));
    if (g.num && g.cat)
        T_CHECK(memcmp(f->num, g.num, (size_t)(n * f->out->n_num) * sizeof *g.num) == 0 &&
                memcmp(f->cat, g.cat, (size_t)(n * f->out->n_cat) * sizeof *g.cat) == 0);
    fk_drop(&g);
}

/* ---- columns and labels by formulas; numbers are multiples of 1/8 ----
 *   x_j[i]  = ((i (37 + 2 j) + i i (j + 3) + 11 j) mod 97) / 8 - 4, j = 0..5; x_5 missing at i = 9
 * m y[i]    = x_0 x_1 / 2 + 1.5 x_2 - 0.8 x_3 + 2 ((53 i) mod 29) / 29 > 0.5 c[i]    = (7 i + i /
 * 5) mod 6, halved (down) where y */
enum { FK_ROWS = 240, FK_NUM = 6, FK_LEVELS = 6, FK_TIMES = 40 };
static const char *const fk_num_name[FK_NUM] = {"x0", "x1", "x2", "x3", "x4", "x5"};
static const char *const fk_cat_name[1] = {"c"};
static const char *const fk_level[FK_LEVELS] = {"l0", "l1", "l2", "l3", "l4", "l5"};
static const char *const fk_class[2] = {"no", "yes"};

static inline void fk_row(int64_t i, float *x, int32_t *c, int32_t *y)
{
    double v[FK_NUM], z;

    for (int64_t j = 0; j < FK_NUM; j++)
        v[j] = (double)((i * (37 + 2 * j) + i * i * (j + 3) + j * 11) % 97) / 8 - 4;
    z = v[0] * v[1] / 2 + 1.5 * v[2] - 0.8 * v[3] + 2 * (double)(i * 53 % 29) / 29;
    *y = z > 0.5;
    *c = (int32_t)((i * 7 + i / 5) % 6);
    if (*y) *c /= 2;
    for (int j = 0; j < FK_NUM; j++)
        x[j] = j == 5 && i % 9 == 0 ? NAN : (float)v[j];
}

/* Numbers and, when cats, the category.  times: rows are repeated. */
static inline crm_status fk_open(const char *name, bool cats, int times, crm_data **out)
{
    static float num[FK_ROWS * FK_TIMES * FK_NUM];
    static int32_t cat[FK_ROWS * FK_TIMES], label[FK_ROWS * FK_TIMES];
    sd_spec s = {.n = (int64_t)FK_ROWS * times,
                 .n_num = FK_NUM,
                 .num_name = fk_num_name,
                 .num = num,
                 .n_cat = cats,
                 .cat_name = fk_cat_name,
                 .cat = cat,
                 .n_levels = {FK_LEVELS},
                 .level = {fk_level},
                 .n_classes = 2,
                 .class_name = fk_class,
                 .label = label};

    for (int64_t i = 0; i < s.n; i++)
        fk_row(i % FK_ROWS, num + i * FK_NUM, cat + i, label + i);
    return sd_open(name, &s, out);
}

/* Digest of what is fitted on n rows of d by one rank alone, or by all with threads. */
static inline crm_status fk_digest(const crm_transform_class *class, const void *cfg, crm_data *d,
                                   int64_t n, crm_comm *comm, crm_pool *pool, crm_digest *out)
{
    crm_fit fit = {.comm = comm, .pool = pool, .seed = 7};
    crm_view *v = NULL;
    crm_source *s = NULL;
    crm_transform *t = NULL;
    crm_bag *b = NULL;
    crm_status st = crm_view_all(d, &v);

    if (!st) v->n = n;
    fit.train = v;
    if (!st) st = crm_source_new(d, CRM_FLAT_ALL, &s);
    if (!st) st = class->make(cfg, &t);
    if (!st) st = class->fit(t, &fit, s);
    if (!st) st = crm_bag_new(&b);
    if (!st) st = class->save(t, b);
    if (!st) st = crm_bag_digest(b, NULL, out);
    if (t) class->free(t);
    crm_bag_free(&b);
    crm_source_free(&s);
    crm_view_free(&v);
    return st;
}

/* The same fit on all ranks with threads and on each rank alone, of many rows, and of one. */
static inline void fk_same_bits(const crm_transform_class *class, const void *cfg)
{
    const int64_t rows[] = {(int64_t)FK_ROWS * FK_TIMES, 4097, 1};
    crm_data *d = NULL;
    crm_comm *alone;
    crm_pool *pool;
    crm_digest a, b;

    T_OK(fk_open("many", true, FK_TIMES, &d));
    T_OK(crm_pool_new(2, &pool));
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    for (int i = 0; i < 3 && d; i++) {
        T_OK(fk_digest(class, cfg, d, rows[i], t_comm, pool, &a));
        T_OK(fk_digest(class, cfg, d, rows[i], alone, NULL, &b));
        T_CHECK(crm_digest_equal(a, b));
    }
    crm_comm_free(&alone);
    crm_pool_free(&pool);
    crm_data_close(&d);
}
#endif
