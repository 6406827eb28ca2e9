/* test_logistic_choose.c - logistic.c = 0: the strength is chosen on a validation part, as by hand;
 * without signal the columns count for little; equal bits on any number of ranks and threads.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "fit_testing.h"

static const char *const class_names[] = {"a", "b", "c"};
static const crm_logistic_cfg plain_cfg = {
    .c = 1, .max_iter = 1000, .tol = 1e-8, .cache_bytes = 1 << 30};
static const crm_logistic_cfg chosen_cfg = {
    .c = 0, .max_iter = 1000, .tol = 1e-8, .cache_bytes = 1 << 30};
enum { WIDE = 40 };
static const char *const wide_name[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                        "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                        "x24", "x25", "x26", "x27", "x28", "x29", "x30", "x31",
                                        "x32", "x33", "x34", "x35", "x36", "x37", "x38", "x39"};

/* n rows of normal numbers; class 1 (of k) when a logistic number + slope x0 is above 1. */
static crm_data *open_wide(int64_t n, int k, double slope)
{
    float *x = crm_mem_new((size_t)(n * WIDE), sizeof *x);
    int32_t *y = crm_mem_new((size_t)n, sizeof *y);
    sd_spec s = {.n = n,
                 .n_num = WIDE,
                 .num_name = wide_name,
                 .num = x,
                 .n_classes = k,
                 .class_name = class_names,
                 .label = y};
    crm_data *d;

    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(9, CRM_RNG_TEST, 0, (uint64_t)i);
        double u = (double)(crm_rng_below(&r, 1000000) + 1) / 1000001;
        for (int j = 0; j < WIDE; j++)
            x[i * WIDE + j] = (float)crm_rng_normal(&r);
        y[i] = slope * (double)x[i * WIDE] + log(u / (1 - u)) > 1;
        if (k > 2 && x[i * WIDE + 1] > 1) y[i] = 2;
    }
    T_OK(sd_open("wide", &s, &d));
    crm_mem_free(x);
    crm_mem_free(y);
    return d;
}

static double chosen_c(const fitted *f)
{
    const crm_bag_array *a;
    crm_bag *b;
    double c;

    bag_of(f->e, &b);
    T_OK(crm_bag_get(b, "c", CRM_F64, 1, &a));
    c = *(const double *)a->data;
    crm_bag_free(&b);
    return c;
}

/* Mean log loss on valid, by the C library, of a fit from 0 with c on inner. */
static double loss_held_out(const fitted *f, double c, const crm_view *inner, const crm_view *valid)
{
    const int32_t *label = crm_data_target(f->data, 0)->label;
    crm_logistic_cfg cfg = plain_cfg;
    crm_fit fit = {.comm = t_comm, .train = inner, .seed = 1};
    double sum = 0, *p = crm_mem_new((size_t)(valid->n * f->k), sizeof *p);
    crm_estimator *e;

    cfg.c = c;
    T_OK(crm_logistic_class.make(&cfg, &e));
    T_OK(crm_logistic_class.fit(e, &fit, f->source));
    T_OK(crm_logistic_class.predict(e, f->source, valid->row, valid->n, p));
    for (int64_t i = 0; i < valid->n; i++)
        sum -= log(p[i * f->k + label[valid->row[i]]]);
    e->class->free(e);
    crm_mem_free(p);
    return sum / (double)valid->n;
}

/* The least held-out loss over the grid of the kind of columns, the search ended by two rises, each
 * C fitted alone. */
static double best_by_hand(const fitted *f)
{
    static const double numbers[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
    static const double grams[] = {1e-2, 1e-1, 1, 3, 10, 30};
    const double *grid = crm_source_sparse_width(f->source) ? grams : numbers;
    double best = 0, least = HUGE_VAL, last = HUGE_VAL;
    crm_view *inner, *valid;
    int rises = 0;

    T_OK(crm_view_split(f->view, NULL, 0, 0.2, 1, &inner, &valid));
    for (int i = 0; i < 6 && rises < 2; i++) {
        double loss = loss_held_out(f, grid[i], inner, valid);
        rises = loss > last ? rises + 1 : 0;
        last = loss;
        if (loss < least) {
            least = loss;
            best = grid[i];
        }
    }
    crm_view_free(&inner);
    crm_view_free(&valid);
    return best;
}

/* The final fit is the one with that C on all rows, wherever it began. */
static void check_refit(const fitted *f, double c)
{
    crm_logistic_cfg cfg = plain_cfg;
    int64_t n = f->view->n * f->k;
    double *p = predict_all(f->e, f), *q, far = 0;
    fitted g;

    cfg.c = c;
    T_OK(fit_rows(&crm_logistic_class, &cfg, f->data, f->view->n, t_comm, NULL, true, &g));
    q = predict_all(g.e, &g);
    for (int64_t i = 0; i < n; i++)
        far = fmax(far, fabs(p[i] - q[i]));
    T_NEAR(far, 0, 1e-5);
    crm_mem_free(p);
    crm_mem_free(q);
    drop(&g);
}

/* A choice on generated rows lies in low..high, is the one made by hand and is used. */
static void check_choice(int64_t n, int k, double slope, double low, double high)
{
    crm_data *d = open_wide(n, k, slope);
    fitted f;
    double c;

    T_OK(fit_rows(&crm_logistic_class, &chosen_cfg, d, n, t_comm, NULL, true, &f));
    c = chosen_c(&f);
    T_CHECK(c >= low && c <= high);
    T_NEAR(c, best_by_hand(&f), 0);
    check_refit(&f, c);
    drop(&f);
    crm_data_close(&d);
}

static void chooses_by_signal(void)
{
    check_choice(1000, 2, 0, 1e-5, 1e-3);
    check_choice(6000, 2, 3, 0.1, 1);
    check_choice(2000, 3, 3, 0.1, 1);
    check_choice(1000, 2, 0.5, 1e-4, 0.1); /* between the ends */
}

/* A transform that gives a tenth of the profile's numbers as sparse columns. */
static const crm_schema no_columns;
static const crm_schema *tenth_schema(const crm_transform *t)
{
    (void)t;
    return &no_columns;
}
static crm_status tenth_apply(const crm_transform *t, const crm_data *data,
                              const crm_schema *in_schema, const crm_block *in, crm_block *out)
{
    (void)t, (void)data, (void)in_schema, (void)in, (void)out;
    return CRM_OK;
}
static int64_t tenth_width(const crm_transform *t)
{
    (void)t;
    return WIDE;
}
static crm_status tenth_rows(const crm_transform *t, const crm_data *data, const int64_t *row,
                             int64_t n, crm_sparse *out)
{
    const float *num;

    (void)t;
    crm_data_profile(data, &num, &(const int32_t *){NULL});
    for (int64_t i = 0; i < n; i++) {
        for (int j = 0; j < WIDE; j++)
            CRM_TRY(crm_sparse_add(out, j, num[row[i] * WIDE + j] / 10));
        CRM_TRY(crm_sparse_end_row(out));
    }
    return CRM_OK;
}
static const crm_transform_class tenth_class = {.name = "tenth",
                                                .schema = tenth_schema,
                                                .apply = tenth_apply,
                                                .sparse_width = tenth_width,
                                                .sparse = tenth_rows};
static const crm_transform tenth = {&tenth_class};

/* Columns of a tenth of the size want a hundred times the C: beyond 1, where the grid of sparse
 * columns goes on. */
static void goes_on_for_sparse_columns(void)
{
    enum { ROWS = 3000 };
    crm_data *d = open_wide(ROWS, 2, 3);
    crm_fit fit = {.comm = t_comm, .seed = 1};
    fitted f = {.data = d, .k = 2};

    T_OK(crm_view_all(d, &f.view));
    fit.train = f.view;
    T_OK(crm_source_new(d, CRM_FLAT_ALL, &f.source));
    T_OK(crm_source_add(f.source, &tenth));
    T_OK(crm_logistic_class.make(&chosen_cfg, &f.e));
    T_OK(crm_logistic_class.fit(f.e, &fit, f.source));
    T_CHECK(chosen_c(&f) >= 3);
    T_NEAR(chosen_c(&f), best_by_hand(&f), 0);
    drop(&f);
    crm_data_close(&d);
}

/* Labels that the columns know nothing of: all probabilities near the frequency. */
static void stays_at_base_rate(void)
{
    crm_data *d = open_wide(1000, 2, 0);
    const int32_t *label = crm_data_target(d, 0)->label;
    double rate = 0, far = 0, *p;
    fitted f;

    for (int i = 0; i < 1000; i++)
        rate += label[i] / 1000.0;
    T_OK(fit_rows(&crm_logistic_class, &chosen_cfg, d, 1000, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < 1000; i++)
        far = fmax(far, fabs(p[2 * i + 1] - rate));
    T_CHECK(far < 0.1);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void chooses_alike_on_any_ranks(void)
{
    static const char *const balanced[] = {"balanced"};
    crm_logistic_cfg cfg = chosen_cfg;
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    check_ranks(&crm_logistic_class, &cfg, d, SD_ROWS, false); /* a class of one row */
    check_ranks(&crm_logistic_class, &cfg, d, 4097, false);
    cfg.cache_bytes = 0;
    cfg.class_weight = (crm_opt_list){1, balanced};
    check_ranks(&crm_logistic_class, &cfg, d, 4097, false);
    check_ranks(&crm_logistic_class, &cfg, d, 1, false); /* no fit at all */
    crm_data_close(&d);
}

/* One row of each class: nothing can be held out, the fit is that with C = 1. */
static void falls_back_to_one(void)
{
    float x[] = {-1, 1};
    int32_t y[] = {0, 1};
    sd_spec s = {.n = 2,
                 .n_num = 1,
                 .num_name = wide_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_names,
                 .label = y};
    double *p, *q;
    crm_data *d;
    fitted f, g;

    T_OK(sd_open("two", &s, &d));
    T_OK(fit_rows(&crm_logistic_class, &chosen_cfg, d, 2, t_comm, NULL, true, &f));
    T_OK(fit_rows(&crm_logistic_class, &plain_cfg, d, 2, t_comm, NULL, true, &g));
    T_NEAR(chosen_c(&f), 1, 0);
    p = predict_all(f.e, &f);
    q = predict_all(g.e, &g);
    T_CHECK(memcmp(p, q, 4 * sizeof *p) == 0);
    crm_mem_free(p);
    crm_mem_free(q);
    drop(&f);
    drop(&g);
    crm_data_close(&d);
}

/* ---- hooks ---- */
typedef struct hook {
    int64_t search, refit; /* calls of each phase */
    int64_t last;          /* epoch */
    int64_t until;         /* this call of the search is answered otherwise */
    crm_hook_answer answer;
    bool wrong;
} hook;

/* Epochs of a phase count from 1 on, over all fits of the search. */
static crm_hook_answer on_epoch(void *ctx, const crm_epoch *e)
{
    hook *h = ctx;
    bool search = strcmp(e->phase, CRM_PHASE_SEARCH) == 0;

    if (!search && h->refit == 0) h->last = 0;
    h->wrong |= (!search && strcmp(e->phase, CRM_PHASE_REFIT) != 0) || (search && h->refit > 0);
    h->wrong |= e->epoch != ++h->last || e->epoch > e->of;
    *(search ? &h->search : &h->refit) += 1;
    return search && h->search == h->until ? h->answer : CRM_HOOK_GO;
}

static crm_status fit_hooked(crm_data *d, hook *h)
{
    fitted f = {.data = d, .k = 2};
    crm_fit fit = {.comm = t_comm, .seed = 1, .hooks = {.ctx = h, .on_epoch = on_epoch}};
    crm_status st;

    CRM_TRY(crm_view_all(d, &f.view));
    fit.train = f.view;
    CRM_TRY(crm_source_new(d, CRM_FLAT_ALL, &f.source));
    CRM_TRY(crm_logistic_class.make(&chosen_cfg, &f.e));
    st = crm_logistic_class.fit(f.e, &fit, f.source);
    drop(&f);
    return st;
}

static void tells_its_search(void)
{
    crm_data *d = open_wide(1000, 2, 1);
    hook h = {0};

    T_OK(fit_hooked(d, &h));
    T_CHECK(!h.wrong && h.search >= 3 && h.refit >= 1);
    h = (hook){.until = 2, .answer = CRM_HOOK_STOP};
    T_OK(fit_hooked(d, &h));
    T_CHECK(!h.wrong && h.search == 2 && h.refit >= 1);
    h = (hook){.until = 2, .answer = CRM_HOOK_PAUSE};
    T_FAILS(fit_hooked(d, &h), CRM_ERR_STOPPED, "stopped");
    T_CHECK(h.search == 2 && h.refit == 0);
    crm_data_close(&d);
}

/* Rows without a label take no part in the choice. */
static void leaves_out_unlabelled_rows(void)
{
    enum { N = 400 };
    float x[N];
    int32_t y[N];
    sd_spec s = {.n = N,
                 .n_num = 1,
                 .num_name = wide_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_names,
                 .label = y};
    crm_data *d;
    fitted f;

    for (int i = 0; i < N; i++) {
        crm_rng r = crm_rng_at(9, CRM_RNG_TEST, 1, (uint64_t)i);
        x[i] = (float)crm_rng_normal(&r);
        y[i] = i % 3 == 0 ? -1 : x[i] + (float)crm_rng_normal(&r) > 0;
    }
    T_OK(sd_open("holes", &s, &d));
    T_OK(fit_rows(&crm_logistic_class, &chosen_cfg, d, N, t_comm, NULL, true, &f));
    T_CHECK(chosen_c(&f) >= 0.01);
    drop(&f);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"starts", sd_begin},
        {"chooses by signal", chooses_by_signal},
        {"goes on to larger C for sparse columns", goes_on_for_sparse_columns},
        {"stays at base rate", stays_at_base_rate},
        {"chooses alike on any ranks", chooses_alike_on_any_ranks},
        {"falls back to one", falls_back_to_one},
        {"tells its search", tells_its_search},
        {"leaves out unlabelled rows", leaves_out_unlabelled_rows},
        {"ends", sd_end},
        {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
