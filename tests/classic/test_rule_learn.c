/* test_rule_learn.c - learned lists: each rule against a search by plain loops; a conjunction that
 * single conditions cannot find; noise, doubled rows, huge values, one class; equal bits on any
 * number of ranks.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include <stdlib.h>

#include "fit_testing.h"

enum { NUM = 3, CATS = 1, LEVELS = 4, CUTS = 15, CLASSES = 3 };
static const char *const num_name[] = {"a", "b", "c"}, *const cat_name[] = {"kind"};
static const char *const level_name[] = {"p", "q", "r", "s"};
static const char *const class_name[] = {"low", "middle", "high"};

/* Rows of a small table and its data set. */
typedef struct table {
    int64_t n;
    int classes;
    float *x;   /* [n][NUM]  */
    int32_t *c; /* [n][CATS] */
    int32_t *y; /* [n]       */
    crm_data *data;
} table;

static table table_new(int64_t n, int classes)
{
    table t = {.n = n, .classes = classes};

    t.x = crm_mem_new((size_t)(n * NUM), sizeof *t.x);
    t.c = crm_mem_new((size_t)(n * CATS), sizeof *t.c);
    t.y = crm_mem_new((size_t)n, sizeof *t.y);
    return t;
}

static void table_open(table *t, const char *name)
{
    sd_spec s = {.n = t->n,
                 .n_num = NUM,
                 .n_cat = CATS,
                 .n_classes = t->classes,
                 .num_name = num_name,
                 .cat_name = cat_name,
                 .num = t->x,
                 .cat = t->c,
                 .n_levels = {LEVELS},
                 .level = {level_name},
                 .class_name = class_name,
                 .label = t->y};

    T_OK(sd_open(name, &s, &t->data));
}

static void table_free(table *t)
{
    crm_data_close(&t->data);
    crm_mem_free(t->x);
    crm_mem_free(t->c);
    crm_mem_free(t->y);
}

/* Three classes that depend on a, b and kind; holes in b; c is noise with few values. */
static table make_table(int64_t n)
{
    table t = table_new(n, CLASSES);

    for (int64_t i = 0; i < n; i++) {
        crm_rng r = crm_rng_at(3, CRM_RNG_TEST, 0, (uint64_t)i);
        float *x = t.x + i * NUM;
        double u;
        x[0] = (float)crm_rng_normal(&r);
        x[1] = crm_rng_below(&r, 10) ? (float)crm_rng_normal(&r) : NAN;
        x[2] = (float)crm_rng_below(&r, 5);
        t.c[i] = (int32_t)crm_rng_below(&r, LEVELS + 1) - 1;
        u = crm_rng_uniform(&r);
        t.y[i] = x[0] > 0.8 || isnan(x[1]) ? u < 0.7 : t.c[i] == 2 ? 2 * (u < 0.6) : u < 0.1;
        if (crm_rng_below(&r, 50) == 0) t.y[i] = -1;
    }
    return t;
}

/* ---- the search by plain loops ---- */
typedef struct condition {
    int op, column; /* 0: <=, 1: >, 2: missing, 3: level */
    int level;
    float cut;
} condition;

static bool covers(const table *t, const condition *k, int64_t i)
{
    float x = t->x[i * NUM + (k->op == 3 ? 0 : k->column)];

    return k->op == 0   ? x <= k->cut
           : k->op == 1 ? x > k->cut
           : k->op == 2 ? isnan(x)
                        : t->c[i * CATS + k->column] == k->level;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Type-7 quantiles of all rows, labelled or not, as the transforms have them. */
static int cuts_of(const table *t, int column, float *cut)
{
    float *v = crm_mem_new((size_t)t->n, sizeof *v);
    int64_t n = 0;
    int cuts = 0;

    for (int64_t i = 0; i < t->n; i++)
        if (!isnan(t->x[i * NUM + column])) v[n++] = t->x[i * NUM + column];
    qsort(v, (size_t)n, sizeof *v, by_value);
    for (int q = 1; q <= CUTS; q++) {
        double h = q / (CUTS + 1.0) * (double)(n - 1), lo = floor(h);
        double a = (double)v[(int64_t)lo], b = (double)v[(int64_t)lo + (h > lo)];
        float at = (float)(a == b ? a : a + (h - lo) * (b - a));
        if (cuts == 0 || at > cut[cuts - 1]) cut[cuts++] = at;
    }
    crm_mem_free(v);
    return cuts;
}

static int all_conditions(const table *t, condition *out)
{
    float cut[CUTS];
    int n = 0;

    for (int c = 0; c < NUM; c++) {
        int cuts = cuts_of(t, c, cut);
        for (int op = 0; op < 2; op++)
            for (int q = 0; q < cuts; q++)
                out[n++] = (condition){.op = op, .column = c, .cut = cut[q]};
        out[n++] = (condition){.op = 2, .column = c};
    }
    for (int level = -1; level < LEVELS; level++)
        out[n++] = (condition){.op = 3, .level = level};
    return n;
}

/* count[classes] of the labelled rows that are not yet covered and, with a condition, that it
 * covers. */
static int64_t count(const table *t, const uint8_t *gone, const condition *k, int64_t *to)
{
    int64_t rows = 0;

    memset(to, 0, CLASSES * sizeof *to);
    for (int64_t i = 0; i < t->n; i++)
        if (t->y[i] >= 0 && !(gone && gone[i]) && (!k || covers(t, k, i))) {
            to[t->y[i]]++;
            rows++;
        }
    return rows;
}

static double entropy(const int64_t *a, double n)
{
    double h = 0;

    for (int c = 0; c < CLASSES; c++)
        if (a[c] > 0) h -= (double)a[c] * log((double)a[c] / n);
    return h;
}

/* Quality and saving of a condition among the rows left. */
static double quality_of(const table *t, const uint8_t *gone, const condition *k, double *saving,
                         int64_t *a)
{
    int64_t u[CLASSES], b[CLASSES];
    double n = (double)count(t, gone, NULL, u), rows = (double)count(t, gone, k, a), q = 0;

    for (int c = 0; c < CLASSES; c++) {
        b[c] = u[c] - a[c];
        if (a[c] > 0) q += (double)a[c] * log(((double)a[c] / rows) / ((double)u[c] / n));
    }
    *saving = entropy(u, n) - entropy(a, rows) - entropy(b, n - rows);
    return q / sqrt(rows);
}

/* Best rule of one condition among the rows left; its counts in best[CLASSES]; false: none. */
static bool best_single(const table *t, const uint8_t *gone, const condition *k, int n,
                        double price, int64_t min_rows, int64_t *best, double *quality)
{
    int64_t a[CLASSES], left = count(t, gone, NULL, a);
    double saving;

    *quality = 0;
    for (int i = 0; i < n; i++) {
        int64_t rows = count(t, gone, &k[i], a);
        double q;
        if (rows < min_rows || rows == left) continue;
        q = quality_of(t, gone, &k[i], &saving, a);
        if (!(saving > price) || !(q > *quality * (1 + 1e-12))) continue;
        *quality = q;
        memcpy(best, a, CLASSES * sizeof *best);
    }
    return *quality > 0;
}

static condition condition_at(const crm_bag *b, int64_t i)
{
    const crm_bag_array *step, *cut;
    const int32_t *f;

    T_OK(crm_bag_get(b, "step", CRM_I32, -1, &step));
    T_OK(crm_bag_get(b, "cut", CRM_F32, -1, &cut));
    f = (const int32_t *)step->data + 3 * i;
    return (condition){
        .op = f[0], .column = f[1], .level = f[2], .cut = ((const float *)cut->data)[i]};
}

/* Every rule of a list of single conditions is as good as the best that loops find, and none is
 * left at its end. */
static void is_as_good_as_loops(void)
{
    crm_rule_cfg cfg = {
        .kind = CRM_RULE_LIST, .max_rules = 20, .max_conditions = 1, .min_rows = 15};
    table t = make_table(700);
    condition k[NUM * (2 * CUTS + 1) + LEVELS + 1];
    int n = all_conditions(&t, k), splitting = 0;
    uint8_t *gone = crm_mem_new((size_t)t.n, 1);
    int64_t best[CLASSES], a[CLASSES], rules;
    const crm_bag_array *counts;
    double price, quality, saving;
    crm_bag *b;
    fitted f;

    table_open(&t, "loops");
    T_OK(fit_rows(&crm_rule_class, &cfg, t.data, t.n, t_comm, NULL, true, &f));
    bag_of(f.e, &b);
    T_OK(crm_bag_get(b, "count", CRM_I64, -1, &counts));
    rules = counts->dim[0] - 1;
    for (int i = 0; i < n; i++) {
        int64_t rows = count(&t, NULL, &k[i], a);
        splitting += rows > 0 && rows < count(&t, NULL, NULL, best);
    }
    price = log(splitting);
    T_CHECK(rules >= 4 && rules < 20);
    for (int64_t r = 0; r < rules; r++) {
        condition got = condition_at(b, r);
        T_CHECK(best_single(&t, gone, k, n, price, cfg.min_rows, best, &quality));
        T_NEAR(quality_of(&t, gone, &got, &saving, a), quality, 1e-12);
        T_CHECK(saving > price);
        T_CHECK(memcmp(a, (const int64_t *)counts->data + r * CLASSES, sizeof a) == 0);
        for (int64_t i = 0; i < t.n; i++)
            gone[i] |= covers(&t, &got, i);
    }
    T_CHECK(!best_single(&t, gone, k, n, price, cfg.min_rows, best, &quality));
    crm_bag_free(&b);
    drop(&f);
    crm_mem_free(gone);
    table_free(&t);
}

/* ---- conjunctions ---- */
/* yes where a > 0 and kind is q, a part of 1/10 of the rows; nowhere else. */
static void finds_a_conjunction(void)
{
    crm_rule_cfg cfg = {.kind = CRM_RULE_LIST, .max_rules = 8, .max_conditions = 3, .min_rows = 10};
    table t = table_new(1000, 2);
    double *p;
    int wrong = 0;
    fitted f;

    for (int64_t i = 0; i < t.n; i++) {
        t.x[i * NUM] = (float)(i % 20) - 9.5F;
        t.c[i] = (int32_t)(i / 20 % LEVELS) - (i % 7 == 0);
        t.x[i * NUM + 1] = (float)(i % 13);
        t.y[i] = t.x[i * NUM] > 0 && t.c[i] == 1;
    }
    table_open(&t, "and");
    T_OK(fit_rows(&crm_rule_class, &cfg, t.data, t.n, t_comm, NULL, true, &f));
    T_CHECK(strstr(crm_rule_text(f.e), " and ") != NULL);
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < t.n; i++)
        wrong += (p[2 * i + 1] > 0.5) != (t.y[i] == 1);
    T_EQ_I(wrong, 0);
    crm_mem_free(p);
    drop(&f);
    cfg.max_conditions = 1;
    T_OK(fit_rows(&crm_rule_class, &cfg, t.data, t.n, t_comm, NULL, true, &f));
    T_CHECK(strstr(crm_rule_text(f.e), " and ") == NULL);
    drop(&f);
    table_free(&t);
}

/* Labels that nothing tells: no rule pays for its conditions. */
static void learns_nothing_from_noise(void)
{
    crm_rule_cfg cfg = {
        .kind = CRM_RULE_LIST, .max_rules = 24, .max_conditions = 3, .min_rows = 20};
    table t = make_table(2000);
    fitted f;

    for (int64_t i = 0; i < t.n; i++)
        t.y[i] = (int32_t)(crm_rng_element(9, CRM_RNG_TEST, 1, (uint64_t)i, 0) % 3);
    table_open(&t, "noise");
    T_OK(fit_rows(&crm_rule_class, &cfg, t.data, t.n, t_comm, NULL, true, &f));
    T_CHECK(strncmp(crm_rule_text(f.e), "1. always:", 10) == 0);
    drop(&f);
    table_free(&t);
}

/* ---- odd tables ---- */
static void fit_odd(table *t, const char *name, int *rules)
{
    crm_rule_cfg cfg = {.kind = CRM_RULE_LIST, .max_rules = 9, .max_conditions = 4, .min_rows = 1};
    double *p;
    fitted f;

    table_open(t, name);
    T_OK(fit_rows(&crm_rule_class, &cfg, t->data, t->n, t_comm, NULL, true, &f));
    *rules = 0;
    for (const char *c = crm_rule_text(f.e); *c; c++)
        *rules += *c == '\n';
    p = predict_all(f.e, &f);
    for (int64_t i = 0; i < t->n * t->classes; i++)
        if (!(p[i] >= 0 && p[i] <= 1)) T_CHECK(p[i] >= 0 && p[i] <= 1);
    crm_mem_free(p);
    drop(&f);
    check_ranks(&crm_rule_class, &cfg, t->data, t->n, true);
}

static void takes_odd_tables(void)
{
    table t = make_table(200), same = table_new(50, 2), empty = table_new(40, 2);
    int rules;

    for (int64_t i = 0; i < t.n; i++) { /* values at the ends of their range */
        t.x[i * NUM] = i % 2 ? 1e30F : -3e38F;
        t.x[i * NUM + 1] = (float)INFINITY;
        t.y[i] = (int32_t)(i % 2);
    }
    fit_odd(&t, "huge", &rules);
    T_EQ_I(rules, 2);
    for (int64_t i = 0; i < same.n; i++) /* columns are constant, labels are not */
        same.y[i] = i % 3 == 0;
    fit_odd(&same, "constant", &rules);
    T_EQ_I(rules, 1);
    for (int64_t i = 0; i < empty.n; i++) { /* all missing, one class */
        for (int c = 0; c < NUM; c++)
            empty.x[i * NUM + c] = NAN;
        empty.c[i] = -1;
        empty.y[i] = 1;
    }
    fit_odd(&empty, "empty", &rules);
    T_EQ_I(rules, 1);
    table_free(&t);
    table_free(&same);
    table_free(&empty);
}

static void takes_no_labels(void)
{
    table t = make_table(30);
    int rules;

    for (int64_t i = 0; i < t.n; i++)
        t.y[i] = -1;
    fit_odd(&t, "unlabelled", &rules);
    T_EQ_I(rules, 1);
    table_free(&t);
}

/* Every row twice: the same rules, twice the rows.  Quantiles of doubled values fall between
 * others, so the columns have fewer values than there are cuts. */
static void takes_doubled_rows(void)
{
    crm_rule_cfg cfg = {.kind = CRM_RULE_LIST, .max_rules = 5, .max_conditions = 2, .min_rows = 20};
    table once = table_new(600, 2), twice = table_new(1200, 2);
    const crm_bag_array *a, *b;
    crm_bag *one, *two;
    fitted f, g;

    for (int64_t i = 0; i < once.n; i++) {
        crm_rng r = crm_rng_at(5, CRM_RNG_TEST, 0, (uint64_t)i);
        for (int c = 0; c < NUM; c++)
            once.x[i * NUM + c] = (float)crm_rng_below(&r, 6);
        once.c[i] = (int32_t)crm_rng_below(&r, LEVELS);
        once.y[i] = crm_rng_uniform(&r) < (once.x[i * NUM] > 3 && once.c[i] == 1 ? 0.95 : 0.1);
    }
    for (int64_t i = 0; i < twice.n; i++) {
        memcpy(twice.x + i * NUM, once.x + i / 2 * NUM, NUM * sizeof *once.x);
        twice.c[i] = once.c[i / 2];
        twice.y[i] = once.y[i / 2];
    }
    table_open(&once, "once");
    table_open(&twice, "twice");
    T_OK(fit_rows(&crm_rule_class, &cfg, once.data, once.n, t_comm, NULL, true, &f));
    cfg.max_rules = 1;
    T_OK(fit_rows(&crm_rule_class, &cfg, twice.data, twice.n, t_comm, NULL, true, &g));
    bag_of(f.e, &one);
    bag_of(g.e, &two);
    T_OK(crm_bag_get(one, "count", CRM_I64, -1, &a));
    T_OK(crm_bag_get(two, "count", CRM_I64, -1, &b));
    for (int c = 0; c < 2; c++)
        T_EQ_I(((const int64_t *)b->data)[c], 2 * ((const int64_t *)a->data)[c]);
    crm_bag_free(&one);
    crm_bag_free(&two);
    drop(&f);
    drop(&g);
    table_free(&once);
    table_free(&twice);
}

static void agrees_on_any_ranks(void)
{
    crm_rule_cfg cfg = {
        .kind = CRM_RULE_LIST, .max_rules = 12, .max_conditions = 3, .min_rows = 20};
    table t = make_table(13000); /* four leaves */

    table_open(&t, "ranks");
    check_ranks(&crm_rule_class, &cfg, t.data, t.n, true);
    check_ranks(&crm_rule_class, &cfg, t.data, 5000, true);
    table_free(&t);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"is as good as plain loops", is_as_good_as_loops},
                                   {"finds a conjunction", finds_a_conjunction},
                                   {"learns nothing from noise", learns_nothing_from_noise},
                                   {"takes odd tables", takes_odd_tables},
                                   {"takes no labels", takes_no_labels},
                                   {"takes doubled rows", takes_doubled_rows},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
