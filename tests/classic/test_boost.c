/* test_boost.c - gradient boosting against plain loops in double over all cuts, missing values,
 * penalties, classes that are rare or absent, early stopping, hooks, damaged files; equal bits on
 * any number of ranks. ranks: 1 2 3 4 timeout: 240
 *
 * The reference keeps no histograms and no integers: it tries each cut of each leaf on the rows
 * themselves.  Derivatives in units of 2^-30 and 2^-32 over 300 rows leave differences below 1e-6.
 */
#include "crmpi/base_math.h"
#include "fit_testing.h"

enum { ROWS = 300, COLS = 4, CLASSES = 3 };
static const char *const class_name[] = {"a", "b", "c"};
static const char *const num_name[] = {"x0", "x1", "x2", "x3"};

static crm_boosting_cfg plain_cfg(void)
{
    return (crm_boosting_cfg){.iterations = 20,
                              .learning_rate = 0.2,
                              .max_leaves = 8,
                              .max_depth = -1,
                              .min_samples_leaf = 5,
                              .min_child_weight = 1e-3,
                              .subsample = 1,
                              .colsample = 1,
                              .max_bins = 255,
                              .early_stopping = CRM_BOOSTING_OFF,
                              .validation = 0.1,
                              .patience = 3,
                              .hist_bytes = 1 << 28};
}

/* Few values in each column, some missing in the last; labels that depend on products. */
static void sample(float *x, int32_t *y2, int32_t *y3)
{
    for (int i = 0; i < ROWS; i++) {
        crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, (uint64_t)i);
        float *v = x + i * COLS;
        double u;
        for (int j = 0; j < COLS; j++)
            v[j] = (float)crm_rng_below(&r, 17) / 4 - 2;
        u = crm_rng_uniform(&r);
        y2[i] = u < crm_sigmoid((double)v[0] * (double)v[1] + (double)v[2]);
        y3[i] = y2[i] && v[3] > 0 ? 2 : y2[i];
        if (crm_rng_below(&r, 4) == 0) v[3] = NAN;
    }
}

static crm_data *open_sample(int classes, int cols)
{
    float x[ROWS * COLS];
    int32_t y2[ROWS], y3[ROWS];
    sd_spec s = {.n = ROWS,
                 .n_num = cols,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = classes,
                 .class_name = class_name,
                 .label = classes == 2 ? y2 : y3};
    crm_data *d;

    sample(x, y2, y3);
    T_OK(sd_open("sample", &s, &d));
    return d;
}

/* ---- the reference ---- */
typedef struct naive_split {
    double gain, cut;
    int column;
    bool missing_left;
} naive_split;
typedef struct naive {
    const crm_boosting_cfg *cfg;
    float x[ROWS * COLS];
    int32_t y[ROWS];
    int vectors;
    double weight[CLASSES];
    double f[CLASSES][ROWS], g[CLASSES][ROWS], h[CLASSES][ROWS];
    int leaf[ROWS]; /* of the tree that grows */
} naive;

static bool goes_left(float v, const naive_split *s)
{
    return isnan(v) ? s->missing_left : (double)v <= s->cut;
}

static double naive_term(const naive *t, double g, double h)
{
    double a = fabs(g) - t->cfg->l1;

    return a > 0 ? a * a / (h + t->cfg->l2) : 0;
}

/* Gain of a split of a leaf; -1 when a side is too small. */
static double naive_gain(const naive *t, int v, int leaf, const naive_split *s)
{
    double g[2] = {0, 0}, h[2] = {0, 0};
    int n[2] = {0, 0};

    for (int i = 0; i < ROWS; i++) {
        if (t->leaf[i] != leaf) continue;
        int right = !goes_left(t->x[i * COLS + s->column], s);
        n[right]++;
        g[right] += t->g[v][i];
        h[right] += t->h[v][i];
    }
    for (int k = 0; k < 2; k++)
        if (n[k] < t->cfg->min_samples_leaf || h[k] < t->cfg->min_child_weight) return -1;
    return 0.5 * (naive_term(t, g[0], h[0]) + naive_term(t, g[1], h[1]) -
                  naive_term(t, g[0] + g[1], h[0] + h[1]));
}

static void naive_try(const naive *t, int v, int leaf, const naive_split *s, naive_split *best)
{
    double gain = naive_gain(t, v, leaf, s);

    if (gain > best->gain + 1e-12) {
        *best = *s;
        best->gain = gain;
    }
}

/* Values are multiples of 1/4 from -2 to 2: cuts lie between them, the last one behind all. */
static naive_split naive_best(const naive *t, int v, int leaf)
{
    naive_split best = {.gain = t->cfg->min_gain}, s = {0};

    for (s.column = 0; s.column < COLS; s.column++)
        for (int left = 0; left < 2; left++)
            for (int c = 0; c <= 16; c++) {
                s.missing_left = left;
                s.cut = (c + 0.5) / 4 - 2;
                naive_try(t, v, leaf, &s, &best);
            }
    return best;
}

static void naive_tree(naive *t, int v)
{
    naive_split best[64];
    int leaves = 1;

    memset(t->leaf, 0, sizeof t->leaf);
    best[0] = naive_best(t, v, 0);
    while (leaves < t->cfg->max_leaves) {
        int at = 0;
        for (int l = 1; l < leaves; l++)
            if (best[l].gain > best[at].gain) at = l;
        if (!(best[at].gain > t->cfg->min_gain)) break;
        for (int i = 0; i < ROWS; i++)
            if (t->leaf[i] == at && !goes_left(t->x[i * COLS + best[at].column], &best[at]))
                t->leaf[i] = leaves;
        best[at] = naive_best(t, v, at);
        best[leaves] = naive_best(t, v, leaves);
        leaves++;
    }
    for (int l = 0; l < leaves; l++) {
        double g = 0, h = 0, value;
        for (int i = 0; i < ROWS; i++) {
            g += t->leaf[i] == l ? t->g[v][i] : 0;
            h += t->leaf[i] == l ? t->h[v][i] : 0;
        }
        value = fmax(fabs(g) - t->cfg->l1, 0) / (h + t->cfg->l2) * t->cfg->learning_rate;
        for (int i = 0; i < ROWS; i++)
            t->f[v][i] -= t->leaf[i] == l ? copysign(value, g) : 0;
    }
}

/* Probabilities p of class c of a row. */
static double naive_proba(const naive *t, int i, int c)
{
    double sum = 0;

    if (t->vectors == 1) return 1 / (1 + exp(c ? -t->f[0][i] : t->f[0][i]));
    for (int k = 0; k < t->vectors; k++)
        sum += exp(t->f[k][i]);
    return exp(t->f[c][i]) / sum;
}

static void naive_derive(naive *t)
{
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < t->vectors; v++) {
            int c = t->vectors == 1 ? 1 : v;
            double p = naive_proba(t, i, c), w = t->weight[t->y[i]];
            t->g[v][i] = w * (p - (t->y[i] == c));
            t->h[v][i] = w * p * (1 - p);
        }
}

static void naive_fit(naive *t, int classes)
{
    double count[CLASSES] = {0}, total = 0;

    for (int i = 0; i < ROWS; i++)
        count[t->y[i]] += t->weight[t->y[i]];
    for (int c = 0; c < classes; c++)
        total += count[c];
    t->vectors = classes == 2 ? 1 : classes;
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < t->vectors; v++)
            t->f[v][i] = t->vectors == 1 ? log(count[1] / count[0]) : log(count[v] / total);
    for (int k = 0; k < t->cfg->iterations; k++) {
        naive_derive(t);
        for (int v = 0; v < t->vectors; v++)
            naive_tree(t, v);
    }
}

static void check_reference(const crm_boosting_cfg *cfg, int classes, double weight_of_b)
{
    static naive t;
    crm_data *d = open_sample(classes, COLS);
    int32_t other[ROWS];
    fitted f;
    double *p;

    t.cfg = cfg;
    sample(t.x, classes == 2 ? t.y : other, classes == 2 ? other : t.y);
    for (int c = 0; c < CLASSES; c++)
        t.weight[c] = c == 1 ? weight_of_b : 1;
    naive_fit(&t, classes);
    T_OK(fit_rows(&crm_boosting_class, cfg, d, ROWS, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < classes; c++)
            T_NEAR(p[i * classes + c], naive_proba(&t, i, c), 1e-6);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void matches_reference(void)
{
    static const char *const weights[] = {"b:2.5"};
    crm_boosting_cfg cfg = plain_cfg();

    check_reference(&cfg, 2, 1);
    check_reference(&cfg, 3, 1);
    cfg.class_weight = (crm_opt_list){1, weights};
    check_reference(&cfg, 2, 2.5);
    check_reference(&cfg, 3, 2.5);
    cfg = plain_cfg();
    cfg.l1 = 0.7;
    cfg.l2 = 3;
    cfg.min_gain = 0.05;
    cfg.min_child_weight = 2;
    cfg.min_samples_leaf = 1;
    cfg.max_leaves = 40;
    check_reference(&cfg, 2, 1);
    check_reference(&cfg, 3, 1);
}

/* ---- ranks ---- */

/* Ranks share the rows, or each has all. */
static void check_shares(crm_boosting_cfg cfg, crm_data *d, int64_t n)
{
    cfg.shared_values = 0;
    check_ranks(&crm_boosting_class, &cfg, d, n, true);
    cfg.shared_values = INT64_MAX;
    check_ranks(&crm_boosting_class, &cfg, d, n, true);
}

static void agrees_on_any_ranks(void)
{
    static const char *const balanced[] = {"balanced"};
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    cfg.iterations = 10;
    check_shares(cfg, d, SD_ROWS); /* three of four classes */
    check_shares(cfg, d, 4097);    /* two */
    check_shares(cfg, d, 1);       /* one */
    cfg.class_weight = (crm_opt_list){1, balanced};
    cfg.subsample = 0.6;
    cfg.colsample = 0.5;
    cfg.early_stopping = CRM_BOOSTING_ON;
    cfg.max_leaves = 100;
    check_shares(cfg, d, SD_ROWS);
    check_shares(cfg, d, 4097);
    crm_data_close(&d);
}

/* Enough rows for threads to share the work on a node. */
static void agrees_with_threads(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d;

    cfg.iterations = 5;
    T_OK(sd_open_large("larger", 80000, &d));
    check_shares(cfg, d, 80000);
    crm_data_close(&d);
}

/* What memory is given to histograms must not show. */
static void histograms_do_not_show(void)
{
    crm_boosting_cfg cfg = plain_cfg(), tight;
    crm_bag *a, *b;
    crm_data *d;
    fitted f, g;

    cfg.max_leaves = 60;
    tight = cfg;
    tight.hist_bytes = 0;
    T_OK(sd_open_large("large", 4097, &d));
    T_OK(fit_rows(&crm_boosting_class, &cfg, d, 4097, t_comm, NULL, true, &f));
    T_OK(fit_rows(&crm_boosting_class, &tight, d, 4097, t_comm, NULL, true, &g));
    T_CHECK(crm_digest_equal(bag_of(f.e, &a), bag_of(g.e, &b)));
    crm_bag_free(&a);
    crm_bag_free(&b);
    drop(&f);
    drop(&g);
    crm_data_close(&d);
}

/* ---- hooks ---- */
typedef struct hook {
    int64_t calls, until;
    crm_hook_answer answer;
    double first, last, first_valid, least_valid;
    double score; /* at the last call */
} hook;

static crm_hook_answer on_epoch(void *ctx, const crm_epoch *e)
{
    hook *h = ctx;

    if (h->calls++ == 0) {
        h->first = e->train_loss;
        h->first_valid = h->least_valid = e->valid_loss;
    }
    h->last = e->train_loss;
    h->least_valid = e->valid_loss < h->least_valid ? e->valid_loss : h->least_valid;
    h->score = e->valid_score;
    return h->calls < h->until ? CRM_HOOK_GO : h->answer;
}

/* Fit on the first n rows of d; *f is the caller's. */
static crm_status fit_hooked(crm_data *d, const crm_boosting_cfg *cfg, int64_t n, hook *h,
                             fitted *f)
{
    crm_fit fit = {.comm = t_comm, .seed = 1, .hooks = {.ctx = h, .on_epoch = on_epoch}};

    *f = (fitted){.data = d, .k = crm_data_target(d, 0)->n_classes};
    CRM_TRY(crm_view_all(d, &f->view));
    f->view->n = n;
    fit.train = f->view;
    CRM_TRY(crm_source_new(d, CRM_FLAT_ALL, &f->source));
    CRM_TRY(crm_boosting_class.make(cfg, &f->e));
    return crm_boosting_class.fit(f->e, &fit, f->source);
}

static int64_t iterations_of(const crm_estimator *e)
{
    crm_bag *b;
    int64_t n = -1;

    bag_of(e, &b);
    T_OK(crm_bag_get_i64(b, "iterations", &n));
    crm_bag_free(&b);
    return n;
}

static void tells_its_progress(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d = open_sample(2, COLS);
    hook h = {.until = 1000};
    fitted f;

    T_OK(fit_hooked(d, &cfg, ROWS, &h, &f));
    T_EQ_I(h.calls, cfg.iterations);
    T_EQ_I(iterations_of(f.e), cfg.iterations);
    T_CHECK(h.last < h.first && h.first < log(2) && isnan(h.first_valid) && isnan(h.score));
    drop(&f);
    h = (hook){.until = 2, .answer = CRM_HOOK_STOP};
    T_OK(fit_hooked(d, &cfg, ROWS, &h, &f));
    T_EQ_I(h.calls, 2);
    T_EQ_I(iterations_of(f.e), 2);
    drop(&f);
    h = (hook){.until = 2, .answer = CRM_HOOK_PAUSE};
    T_FAILS(fit_hooked(d, &cfg, ROWS, &h, &f), CRM_ERR_STOPPED, "stopped");
    drop(&f);
    crm_data_close(&d);
}

/* The loss that is told while growing is that of the predictions, for trees that are small, large
 * and walked; three classes. */
static void predicts_what_it_grew(void)
{
    static const int64_t leaves[] = {2, 31, 33, 64, 65, 300};
    const int64_t n = 6000;
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    for (size_t k = 0; k < sizeof leaves / sizeof *leaves; k++) {
        crm_boosting_cfg cfg = plain_cfg();
        hook h = {.until = 1000};
        double loss = 0, *p;
        fitted f;
        cfg.max_leaves = leaves[k];
        cfg.iterations = 10;
        cfg.subsample = k % 2 ? 0.7 : 1;
        T_OK(fit_hooked(d, &cfg, n, &h, &f));
        p = predict_all(f.e, &f);
        for (int64_t i = 0; i < n; i++)
            loss -= log(p[i * f.k + crm_data_target(d, 0)->label[i]]) / (double)n;
        T_NEAR(h.last, loss, 1e-12);
        crm_mem_free(p);
        drop(&f);
    }
    crm_data_close(&d);
}

/* Labels without signal: the loss on the rows held out is least at the beginning. */
static crm_data *open_noise(int64_t n)
{
    float *x = crm_mem_new((size_t)(n * COLS), sizeof *x);
    int32_t *y = crm_mem_new((size_t)n, sizeof *y);
    sd_spec s = {.n = n,
                 .n_num = COLS,
                 .num_name = num_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;

    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(9, CRM_RNG_TEST, 0, (uint64_t)i);
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = (float)crm_rng_normal(&r);
        y[i] = (int32_t)crm_rng_below(&r, 2);
    }
    T_OK(sd_open("noise", &s, &d));
    crm_mem_free(x);
    crm_mem_free(y);
    return d;
}

static void stops_early(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d = open_noise(CRM_BOOSTING_AUTO_ROWS + 1);
    hook h = {.until = 1000};
    fitted f;

    cfg.iterations = 100;
    cfg.early_stopping = CRM_BOOSTING_AUTO;
    T_OK(fit_hooked(d, &cfg, CRM_BOOSTING_AUTO_ROWS + 1, &h, &f));
    T_CHECK(h.calls < 30 && iterations_of(f.e) == h.calls - cfg.patience);
    T_CHECK(h.score > 0.4 && h.score < 0.6 && h.least_valid > 0.68);
    drop(&f);
    h = (hook){.until = 1000}; /* as many rows as auto takes whole */
    T_OK(fit_hooked(d, &cfg, CRM_BOOSTING_AUTO_ROWS, &h, &f));
    T_CHECK(h.calls == 100 && iterations_of(f.e) == 100 && isnan(h.first_valid));
    drop(&f);
    cfg.validation = 0;
    h = (hook){.until = 1000};
    T_OK(fit_hooked(d, &cfg, CRM_BOOSTING_AUTO_ROWS + 1, &h, &f));
    T_CHECK(h.calls == 100 && isnan(h.first_valid));
    drop(&f);
    crm_data_close(&d);
}

/* ---- bad and odd input ---- */

static void gives_absent_classes_nothing(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d;
    fitted f;
    double once = 0, *p;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    T_OK(fit_rows(&crm_boosting_class, &cfg, d, SD_ROWS, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < SD_ROWS; i++) {
        int64_t bad = 0;
        for (int c = 0; c < 3; c++)
            bad += !(p[i * 4 + c] >= 0 && p[i * 4 + c] <= 1);
        T_CHECK(!bad && p[i * 4 + 3] == 0);
        once += p[i * 4 + 2] / SD_ROWS;
    }
    T_CHECK(once > 0 && once < 0.01); /* one row of 9000 */
    crm_mem_free(p);
    drop(&f);
    T_OK(fit_rows(&crm_boosting_class, &cfg, d, 1, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    T_NEAR(p[crm_data_target(d, 0)->label[0]], 1, 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

/* Without columns, without splits, without rows enough: the frequencies of the classes. */
static void check_frequencies(const crm_boosting_cfg *cfg, int classes, int cols)
{
    crm_data *d = open_sample(classes, cols);
    const int32_t *y = crm_data_target(d, 0)->label;
    double n[CLASSES] = {0}, *p;
    fitted f;

    for (int i = 0; i < ROWS; i++)
        n[y[i]] += 1.0 / ROWS;
    T_OK(fit_rows(&crm_boosting_class, cfg, d, ROWS, t_comm, NULL, true, &f));
    T_EQ_I(iterations_of(f.e), 0);
    p = predict_all(f.e, &f);
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < classes; c++)
            T_NEAR(p[i * classes + c], n[c], 1e-12);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void falls_back_to_frequencies(void)
{
    for (int classes = 2; classes <= 3; classes++) {
        crm_boosting_cfg cfg = plain_cfg();
        check_frequencies(&cfg, classes, 0);
        cfg.max_depth = 0;
        check_frequencies(&cfg, classes, COLS);
        cfg = plain_cfg();
        cfg.max_leaves = 1;
        check_frequencies(&cfg, classes, COLS);
        cfg = plain_cfg();
        cfg.min_samples_leaf = ROWS;
        check_frequencies(&cfg, classes, COLS);
        cfg = plain_cfg();
        cfg.min_gain = 1e9;
        check_frequencies(&cfg, classes, COLS);
    }
}

/* A tree of depth 2 has four leaves, however many are allowed. */
static void keeps_to_its_depth(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d = open_sample(2, COLS);
    const crm_bag_array *a;
    crm_bag *b;
    fitted f;

    cfg.max_depth = 2;
    T_OK(fit_rows(&crm_boosting_class, &cfg, d, ROWS, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    T_OK(crm_bag_get(b, "trees", CRM_I32, -1, &a));
    for (int64_t i = 0; i < a->n; i += 2)
        T_CHECK(((const int32_t *)a->data)[i + 1] <= 4);
    T_EQ_I(((const int32_t *)a->data)[1], 4);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

enum { ODD = 60, ODD_COLS = 4 };
static const char *const odd_name[] = {"huge", "infinite", "missing", "same"};

/* Row i and row i + ODD are the same; no label: every tenth row of the second half. */
static crm_data *open_odd(int64_t n)
{
    static float x[2 * ODD * ODD_COLS];
    static int32_t y[2 * ODD];
    sd_spec s = {.n = n,
                 .n_num = ODD_COLS,
                 .num_name = odd_name,
                 .num = x,
                 .n_classes = 2,
                 .class_name = class_name,
                 .label = y};
    crm_data *d;

    for (int i = 0; i < 2 * ODD; i++) {
        int k = i % ODD;
        float *v = x + i * ODD_COLS;
        v[0] = k % 7 < 3 ? 1e30F * (float)(k % 7 + 1) : -1e30F * (float)(k % 5);
        v[1] = k % 3 == 0 ? INFINITY : k % 3 == 1 ? -INFINITY : 0;
        v[2] = NAN;
        v[3] = 7;
        y[i] = (k % 7 < 3) ^ (k % 11 == 0);
    }
    T_OK(sd_open("odd", &s, &d));
    return d;
}

static void takes_odd_numbers(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d = open_odd(ODD);
    double *p;
    fitted f;

    cfg.min_samples_leaf = 1;
    cfg.min_child_weight = 0;
    cfg.iterations = 500;
    cfg.learning_rate = 1;
    T_OK(fit_rows(&crm_boosting_class, &cfg, d, ODD, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f); /* adds up to 1: no NaN */
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

/* Every row twice is every row once with half of the limits. */
static void takes_every_row_twice(void)
{
    crm_boosting_cfg once = plain_cfg(), twice = plain_cfg();
    crm_data *d = open_odd(2 * ODD);
    double *p, *q;
    fitted f, g;

    twice.min_samples_leaf *= 2;
    twice.min_child_weight *= 2;
    T_OK(fit_rows(&crm_boosting_class, &once, d, ODD, t_comm, NULL, true, &f));
    T_OK(fit_rows(&crm_boosting_class, &twice, d, 2 * ODD, t_comm, NULL, true, &g));
    p = predict_all(f.e, &f);
    q = predict_all(g.e, &g);
    for (int i = 0; i < 2 * 2 * ODD; i++)
        T_NEAR(p[i], q[i], 1e-6);
    crm_mem_free(p);
    crm_mem_free(q);
    drop(&f);
    drop(&g);
    crm_data_close(&d);
}

/* Of the columns only the first tells something. */
static void tells_importance(void)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_data *d = open_odd(2 * ODD);
    const crm_bag_array *a;
    const double *v;
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_boosting_class, &cfg, d, 2 * ODD, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    T_OK(crm_bag_get(b, "importance", CRM_F64, ODD_COLS, &a));
    v = a->data;
    T_CHECK(v[0] > v[1] && v[1] >= 0 && v[2] == 0 && v[3] == 0);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

/* ---- files and options ---- */

/* A model of one tree. */
static void put_model(crm_bag *b, int nodes, const int32_t *column, const int32_t *left,
                      int classes)
{
    static const int32_t seen[] = {0, 1};
    static const double zero[COLS + 5] = {0};
    static const uint8_t missing[5] = {0};
    int32_t trees[] = {nodes, (nodes + 1) / 2};

    T_OK(crm_bag_put(b, "class", CRM_I32, 1, (int64_t[]){classes}, seen));
    T_OK(crm_bag_put(b, "start", CRM_F64, 1, (int64_t[]){classes - 1}, zero));
    T_OK(crm_bag_put(b, "importance", CRM_F64, 1, (int64_t[]){COLS}, zero));
    T_OK(crm_bag_put_i64(b, "iterations", 1));
    T_OK(crm_bag_put(b, "node.column", CRM_I32, 1, (int64_t[]){nodes}, column));
    T_OK(crm_bag_put(b, "node.left", CRM_I32, 1, (int64_t[]){nodes}, left));
    T_OK(crm_bag_put(b, "node.cut", CRM_F64, 1, (int64_t[]){nodes}, zero));
    T_OK(crm_bag_put(b, "node.missing_left", CRM_U8, 1, (int64_t[]){nodes}, missing));
    T_OK(crm_bag_put(b, "leaf", CRM_F64, 2, (int64_t[]){trees[1], 1}, zero));
    T_OK(crm_bag_put(b, "trees", CRM_I32, 2, (int64_t[]){1, 2}, trees));
}

static crm_status load_model(const fitted *f, int nodes, const int32_t *column, const int32_t *left,
                             int classes)
{
    crm_boosting_cfg cfg = plain_cfg();
    crm_estimator *e;
    crm_bag *b;
    crm_status st;

    T_OK(crm_bag_new(&b));
    put_model(b, nodes, column, left, classes);
    T_OK(crm_boosting_class.make(&cfg, &e));
    st = crm_boosting_class.load(e, f->source, 2, b);
    crm_boosting_class.free(e);
    crm_bag_free(&b);
    return st;
}

/* Root at the given column with the given child, two leaves. */
static crm_status load_root(const fitted *f, int32_t column, int32_t left, int classes)
{
    return load_model(f, 3, (int32_t[]){column, -1, -1}, (int32_t[]){left, 0, 1}, classes);
}

static void refuses_damage(void)
{
    crm_data *d = open_sample(2, COLS);
    fitted f = {.data = d, .k = 2};

    T_OK(crm_source_new(d, CRM_FLAT_ALL, &f.source));
    T_OK(load_root(&f, 0, 1, 2));
    T_FAILS(load_root(&f, COLS, 1, 2), CRM_ERR_FORMAT, "asks column");
    T_FAILS(load_root(&f, 0, 0, 2), CRM_ERR_FORMAT, "has the child 0");
    T_FAILS(load_root(&f, 0, 2, 2), CRM_ERR_FORMAT, "has the child 2");
    T_FAILS(load_root(&f, 0, 1, 1), CRM_ERR_FORMAT, "1 trees for 1 iterations of 0 scores");
    T_FAILS(load_model(&f, 5, (int32_t[]){0, 0, 0, -1, -1}, (int32_t[]){1, 3, 3, 0, 1}, 2),
            CRM_ERR_FORMAT, "2 nodes have not one parent"); /* two splits with the same children */
    drop(&f);
    crm_data_close(&d);
}

static void has_options(void)
{
    static const char *const wrong[] = {"a:-1"};
    crm_boosting_cfg cfg, on = plain_cfg();
    crm_estimator *e;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_boosting_opts, &cfg));
    T_CHECK(cfg.iterations == 100 && cfg.max_leaves == 31 && cfg.learning_rate == 0.1);
    crm_opt_set_free(&set);
    on.early_stopping = CRM_BOOSTING_ON;
    on.validation = 0;
    T_FAILS(crm_boosting_class.make(&on, &e), CRM_ERR_CONFIG, "boosting.validation = 0");
    on = plain_cfg();
    on.class_weight = (crm_opt_list){1, wrong};
    T_FAILS(crm_boosting_class.make(&on, &e), CRM_ERR_CONFIG, "boosting.class_weight");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"matches reference", matches_reference},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"agrees with threads", agrees_with_threads},
                                   {"histograms do not show", histograms_do_not_show},
                                   {"tells its progress", tells_its_progress},
                                   {"predicts what it grew", predicts_what_it_grew},
                                   {"stops early", stops_early},
                                   {"gives absent classes nothing", gives_absent_classes_nothing},
                                   {"falls back to frequencies", falls_back_to_frequencies},
                                   {"keeps to its depth", keeps_to_its_depth},
                                   {"takes odd numbers", takes_odd_numbers},
                                   {"takes every row twice", takes_every_row_twice},
                                   {"tells importance", tells_importance},
                                   {"refuses damage", refuses_damage},
                                   {"has options", has_options},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
