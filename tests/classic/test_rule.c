/* test_rule.c - rule lists and recency-frequency-monetary scores by hand; missing values, unseen
 * levels, empty groups; equal bits on any number of ranks.
 * ranks: 1 2 3 4
 * timeout: 120 */
#include "fit_testing.h"

static const char *const two[] = {"no", "yes"};

/* ---- list ---- */
enum { LIST_ROWS = 20 };
/* minutes 1..20; plan is "gold" for rows 0..3, missing in row 4, else "basic"; churn: minutes above
 * 16, and gold.  "never" does not occur in training. */
static crm_data *open_list(void)
{
    static const char *const num[] = {"minutes"}, *const cat[] = {"plan"};
    static const char *const level[] = {"basic", "gold", "never"};
    float x[LIST_ROWS];
    int32_t c[LIST_ROWS], y[LIST_ROWS];
    sd_spec s = {.n = LIST_ROWS,
                 .n_num = 1,
                 .num_name = num,
                 .num = x,
                 .n_cat = 1,
                 .cat_name = cat,
                 .cat = c,
                 .n_levels = {3},
                 .level = {level},
                 .n_classes = 2,
                 .class_name = two,
                 .label = y};
    crm_data *d;

    for (int i = 0; i < LIST_ROWS; i++) {
        x[i] = (float)(i + 1);
        c[i] = i < 4 ? 1 : i == 4 ? -1 : 0;
        y[i] = i < 4 || i >= 16;
    }
    T_OK(sd_open("list", &s, &d));
    return d;
}

/* The eight yes are two pure groups of four, and no group of "no" is purer for its size: quality
 * 4 log(20 / 8) / 2 = 1.83 against 12 log(20 / 12) / sqrt(12) = 1.77 of the twelve between them.
 * minutes <= 4.5625 covers rows 0..3 as does plan is gold; numbers are tried first.  Cuts are the
 * type-7 quantiles 1/16 .. 15/16 of 1..20: 1 + 19 q / 16.  With 33 conditions (30 on minutes,
 * basic, gold, missing) each costs log(33) = 3.50; the first rule saves 20 H(8/20) - 16 H(4/16)
 * = 4.46 nats.  minutes > 16.4375 then splits the rest without error, and a rest of one class ends
 * the list. */
static void learns_a_list(void)
{
    static const double yes = 5.0 / 6, rest = 1.0 / 14; /* (4 + 1) / (4 + 2), (0 + 1) / (12 + 2) */
    crm_rule_cfg cfg = {.kind = CRM_RULE_AUTO, .max_rules = 4, .max_conditions = 3, .min_rows = 2};
    crm_data *d = open_list();
    double *p;
    fitted f;

    T_OK(fit_rows(&crm_rule_class, &cfg, d, LIST_ROWS, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < LIST_ROWS; i++)
        T_NEAR(p[2 * i + 1], i < 4 || i >= 16 ? yes : rest, 1e-15);
    T_CHECK(strcmp(crm_rule_text(f.e), "1. if minutes <= 4.5625: no 0.167, yes 0.833 (4 rows)\n"
                                       "2. if minutes > 16.4375: no 0.167, yes 0.833 (4 rows)\n"
                                       "3. else: no 0.929, yes 0.071 (12 rows)\n") == 0);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void keeps_its_limits(void)
{
    crm_rule_cfg none = {.max_rules = 0, .max_conditions = 1, .min_rows = 1};
    crm_rule_cfg large = {.max_rules = 4, .max_conditions = 2, .min_rows = 11};
    crm_rule_cfg one = {.max_rules = 1, .max_conditions = 1, .min_rows = 1};
    crm_data *d = open_list();
    const char *text;
    int rows = 0;
    fitted f;

    T_OK(fit_rows(&crm_rule_class, &none, d, LIST_ROWS, t_comm, NULL, true, &f));
    T_CHECK(strcmp(crm_rule_text(f.e), "1. always: no 0.591, yes 0.409 (20 rows)\n") == 0);
    drop(&f);
    T_OK(fit_rows(&crm_rule_class, &one, d, LIST_ROWS, t_comm, NULL, true, &f));
    T_CHECK(strstr(crm_rule_text(f.e), "2. else: no 0.722") != NULL); /* 12 + 1 of 16 + 2 */
    drop(&f);
    /* the twelve "no" between two cuts */
    T_OK(fit_rows(&crm_rule_class, &large, d, LIST_ROWS, t_comm, NULL, true, &f));
    text = strstr(crm_rule_text(f.e), "1. if ");
    text = text ? strchr(text, '(') : NULL;
    T_CHECK(text && sscanf(text, "(%d rows)", &rows) == 1 && rows == 12);
    T_CHECK(strstr(crm_rule_text(f.e), "minutes > 4.5625") != NULL);
    T_CHECK(strstr(crm_rule_text(f.e), "minutes <= 16.4375") != NULL);
    drop(&f);
    crm_data_close(&d);
}

/* Only the category tells, and only missing values tell. */
static void uses_levels_and_gaps(void)
{
    static const char *const num[] = {"x"}, *const cat[] = {"plan"};
    static const char *const level[] = {"basic", "gold", "never"};
    float x[12];
    int32_t c[12], y[12];
    sd_spec s = {.n = 12, .n_classes = 2, .class_name = two, .label = y};
    crm_rule_cfg cfg = {.max_rules = 4, .max_conditions = 3, .min_rows = 1};
    crm_data *d;
    double *p;
    fitted f;

    for (int i = 0; i < 12; i++) {
        y[i] = i % 3 == 0;
        x[i] = y[i] ? NAN : 1;
        c[i] = y[i] ? 1 : 0;
    }
    c[11] = 2; /* not in training: falls to the last group */
    s.n_cat = 1, s.cat_name = cat, s.cat = c, s.n_levels[0] = 3, s.level[0] = level;
    T_OK(sd_open("levels", &s, &d));
    T_OK(fit_rows(&crm_rule_class, &cfg, d, 11, t_comm, NULL, true, &f));
    T_CHECK(strcmp(crm_rule_text(f.e), "1. if plan is gold: no 0.167, yes 0.833 (4 rows)\n"
                                       "2. else: no 0.889, yes 0.111 (7 rows)\n") == 0);
    p = predict_all(f.e, &f);
    T_NEAR(p[11 * 2], 8.0 / 9, 1e-15);
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
    s.n_cat = 0, s.n_num = 1, s.num_name = num, s.num = x;
    T_OK(sd_open("gaps", &s, &d));
    T_OK(fit_rows(&crm_rule_class, &cfg, d, 11, t_comm, NULL, true, &f));
    T_CHECK(strstr(crm_rule_text(f.e), "1. if x is missing: no 0.167, yes 0.833 (4 rows)\n"));
    drop(&f);
    crm_data_close(&d);
}

/* ---- rfm ---- */
enum { RFM_ROWS = 7 };
/* Row i < 6 has i events of amount 10, the last of them 6 - i days ago; row 6 has none, and is not
 * in training.  Of the six training rows: frequency 0..5 (quintiles 1, 2, 3, 4), monetary 0..50
 * (10, 20, 30, 40): scores 1 1 2 3 4 5 recency of the five with events 5 4 3 2 1
 * (quintiles 1.8 2.6 3.4 4.2): scores - 1 2 3 4 5; none 1 totals 3 3 6 9 12 15. */
static crm_data *open_rfm(void)
{
    static const int32_t y[RFM_ROWS] = {1, 0, 0, 1, 0, 0, 0};
    int64_t first[RFM_ROWS + 1] = {0}, n = 0;
    float time[15], value[15];
    sd_spec s = {.n = RFM_ROWS,
                 .n_classes = 2,
                 .class_name = two,
                 .label = y,
                 .event_first = first,
                 .event_time = time,
                 .event_value = value};
    crm_data *d;

    for (int i = 0; i < RFM_ROWS; i++) {
        for (int k = 0; k < i && i < 6; k++, n++) {
            time[n] = (float)(6 - i + (i - 1 - k));
            value[n] = 10;
        }
        first[i + 1] = n;
    }
    T_OK(sd_open("rfm", &s, &d));
    return d;
}

static void scores_customers(void)
{
    /* totals: 3 {yes, no}, 6 {no}, 9 {yes}, 12 {no}, 15 {no} */
    static const double yes[RFM_ROWS] = {0.5, 0.5, 1.0 / 3, 2.0 / 3, 1.0 / 3, 1.0 / 3, 0.5};
    crm_rule_cfg cfg = {.kind = CRM_RULE_RFM};
    crm_data *d = open_rfm();
    const char *text;
    double *p;
    fitted f;

    T_OK(fit_rows(&crm_rule_class, &cfg, d, 6, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < RFM_ROWS; i++)
        T_NEAR(p[2 * i + 1], yes[i], 1e-15);
    text = crm_rule_text(f.e);
    T_CHECK(strstr(text, "recency = events recency: score 5 falls to 1 at 1.8, 2.6, 3.4, 4.2\n"));
    T_CHECK(strstr(text, "monetary = events amount sum: score 1 rises to 5 at 10, 20, 30, 40\n"));
    T_CHECK(strstr(text, "total score 9: no 0.333, yes 0.667 (1 rows)\n"));
    /* no customer: the classes of all six, (4 + 1) / 8 and (2 + 1) / 8 */
    T_CHECK(strstr(text, "total score 4: no 0.625, yes 0.375 (0 rows)\n"));
    crm_mem_free(p);
    drop(&f);
    crm_data_close(&d);
}

static void says_what_is_missing(void)
{
    crm_rule_cfg cfg = {.kind = CRM_RULE_RFM};
    crm_data *d = open_list();
    fitted f;

    T_FAILS(fit_rows(&crm_rule_class, &cfg, d, LIST_ROWS, t_comm, NULL, true, &f), CRM_ERR_CONFIG,
            "events recency");
    T_CHECK(crm_rule_text(f.e)[0] == '\0');
    drop(&f);
    crm_data_close(&d);
}

/* ---- ranks, shapes, bags ---- */
static void agrees_on_any_ranks(void)
{
    crm_rule_cfg list = {.max_rules = 6, .max_conditions = 3, .min_rows = 20},
                 rfm = {.kind = CRM_RULE_RFM};
    crm_data *d;

    T_OK(sd_open_large("large", SD_ROWS, &d));
    check_ranks(&crm_rule_class, &list, d, SD_ROWS, true); /* four classes */
    check_ranks(&crm_rule_class, &list, d, 4097, true);
    check_ranks(&crm_rule_class, &list, d, 1, true);
    crm_data_close(&d);
    d = open_rfm();
    check_ranks(&crm_rule_class, &rfm, d, 6, true);
    check_ranks(&crm_rule_class, &list, d, 1, true);
    crm_data_close(&d);
}

static void takes_no_columns(void)
{
    static const int32_t y[] = {0, 1, 1};
    sd_spec s = {.n = 3, .n_classes = 2, .class_name = two, .label = y};
    crm_rule_cfg cfg = {.max_rules = 4, .max_conditions = 3, .min_rows = 1};
    crm_data *d;

    T_OK(sd_open("bare", &s, &d));
    check_ranks(&crm_rule_class, &cfg, d, 3, true);
    crm_data_close(&d);
}

/* ---- files ---- */
/* What a file may hold: steps (kind, column, level), ends, classes and probabilities of two lines,
 * the second the default. */
typedef struct damage {
    int32_t step[3][3], end[2], says[2];
    double given[2];
    const char *part; /* of the message; NULL: nothing is wrong */
} damage;

static crm_bag *damaged(const damage *x)
{
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_text(b, "kind", "list"));
    T_OK(crm_bag_put_text(b, "text", "1. something"));
    T_OK(crm_bag_put(b, "step", CRM_I32, 2, (int64_t[]){3, 3}, x->step));
    T_OK(crm_bag_put(b, "cut", CRM_F32, 1, (int64_t[]){3}, (float[]){3, 4, 5}));
    T_OK(crm_bag_put(b, "end", CRM_I32, 1, (int64_t[]){2}, x->end));
    T_OK(crm_bag_put(b, "says", CRM_I32, 1, (int64_t[]){2}, x->says));
    T_OK(crm_bag_put(b, "given", CRM_F64, 1, (int64_t[]){2}, x->given));
    T_OK(crm_bag_put(b, "count", CRM_I64, 2, (int64_t[]){2, 2}, (int64_t[]){1, 2, 3, 4}));
    return b;
}

/* Kinds of steps: 0 number <= cut, 3 level, 9 and, 11 not. */
static void refuses_damage(void)
{
    static const damage all[] = {
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, NULL},
        {{{0, 0, 0}, {11, 0, 0}, {11, 0, 0}}, {3, 3}, {1, 0}, {0.25, 1}, NULL},
        {{{0, 9, 0}, {3, 0, 1}, {9, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, "column 9 of 1"},
        {{{0, 0, 0}, {3, 1, 1}, {9, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, "column 1 of 1"},
        {{{0, 0, 0}, {3, -1, 1}, {9, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, "column -1 of 1"},
        {{{0, 0, 0}, {3, 0, 1}, {12, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, "kind 12"},
        {{{0, 0, 0}, {3, 0, 1}, {0, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, "leaves 3 values"},
        {{{9, 0, 0}, {3, 0, 1}, {0, 0, 0}}, {3, 3}, {-1, -1}, {-1, -1}, "no sound condition"},
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {4, 3}, {-1, -1}, {-1, -1}, "steps 0 to 4 of 3"},
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {0, 0}, {-1, -1}, {-1, -1}, "leaves 0 values"},
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {3, 3}, {2, -1}, {-1, -1}, "class 2"},
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {3, 3}, {1, -1}, {1.5, -1}, "probability 1.5"},
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {3, 3}, {-1, -1}, {0.5, -1}, "probability 0.5"},
        {{{0, 0, 0}, {3, 0, 1}, {9, 0, 0}}, {3, 3}, {1, -1}, {(double)NAN, -1}, "probability "}};
    crm_rule_cfg cfg = {.max_rules = 4, .max_conditions = 3, .min_rows = 1};
    crm_data *d = open_list();
    crm_estimator *e;
    crm_bag *b;
    fitted f;

    T_OK(fit_rows(&crm_rule_class, &cfg, d, LIST_ROWS, t_comm, NULL, true, &f));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        b = damaged(&all[i]);
        T_OK(crm_rule_class.make(&cfg, &e));
        if (all[i].part)
            T_FAILS(crm_rule_class.load(e, f.source, 2, b), CRM_ERR_FORMAT, all[i].part);
        else
            T_OK(crm_rule_class.load(e, f.source, 2, b));
        crm_rule_class.free(e);
        crm_bag_free(&b);
    }
    drop(&f);
    crm_data_close(&d);
}

/* Lists of single conditions, as the first version wrote them: minutes <= 3, plan missing. */
static void reads_the_first_version(void)
{
    crm_rule_cfg cfg = {.max_rules = 4, .max_conditions = 3, .min_rows = 1};
    crm_data *d = open_list();
    crm_bag *b;
    fitted f;
    double *p;

    T_OK(fit_rows(&crm_rule_class, &cfg, d, LIST_ROWS, t_comm, NULL, true, &f));
    crm_rule_class.free(f.e);
    T_OK(crm_rule_class.make(&cfg, &f.e));
    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_text(b, "kind", "list"));
    T_OK(crm_bag_put_text(b, "text", "as it was\n"));
    T_OK(crm_bag_put(b, "cut", CRM_F32, 1, (int64_t[]){2}, (float[]){3, 0}));
    T_OK(crm_bag_put(b, "rule", CRM_I32, 2, (int64_t[]){2, 3}, (int32_t[]){0, 0, 0, 3, 0, -1}));
    T_OK(crm_bag_put(b, "count", CRM_I64, 2, (int64_t[]){3, 2}, (int64_t[]){0, 2, 2, 0, 1, 1}));
    T_OK(crm_rule_class.load(f.e, f.source, 2, b));
    p = predict_all(f.e, &f);
    for (int i = 0; i < LIST_ROWS; i++)
        T_NEAR(p[2 * i + 1], i < 3 ? 0.75 : i == 4 ? 0.25 : 0.5, 1e-15);
    T_CHECK(strcmp(crm_rule_text(f.e), "as it was\n") == 0);
    crm_mem_free(p);
    crm_bag_free(&b);
    drop(&f);
    crm_data_close(&d);
}

static void has_options(void)
{
    crm_rule_cfg cfg;
    crm_opt_set *set;

    T_OK(crm_opt_set_new(&set));
    T_OK(crm_opt_set_add(set, crm_rule_opts, &cfg));
    T_CHECK(cfg.kind == CRM_RULE_AUTO && cfg.rules.n == 0 && cfg.max_rules == 24 &&
            cfg.max_conditions == 3 && cfg.min_rows == 20);
    crm_opt_set_free(&set);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"learns a list", learns_a_list},
                                   {"keeps its limits", keeps_its_limits},
                                   {"uses levels and gaps", uses_levels_and_gaps},
                                   {"scores customers", scores_customers},
                                   {"says what is missing", says_what_is_missing},
                                   {"agrees on any ranks", agrees_on_any_ranks},
                                   {"takes no columns", takes_no_columns},
                                   {"refuses damage", refuses_damage},
                                   {"reads the first version", reads_the_first_version},
                                   {"has options", has_options},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
