/* test_rule_user.c - rules that a user writes: what holds for a row against conditions written in
 * C, names with blanks, missing values, probabilities, and every error by its words. ranks: 1 2 3 4
 * timeout: 120 */
#include "fit_testing.h"

enum { ROWS = 60 };
static const char *const num_name[] = {"recency days", "charges", "and"};
static const char *const cat_name[] = {"contract", "home town"};
static const char *const contract[] = {"month to month", "one-year", "5"};
static const char *const town[] = {"Bergen", "Tromsø", "it's"};
static const char *const class_name[] = {"stay", "churn", "move on"};

static float num[ROWS][3];
static int32_t cat[ROWS][2], label[ROWS];

static crm_data *open_table(void)
{
    sd_spec s = {.n = ROWS,
                 .n_num = 3,
                 .n_cat = 2,
                 .n_classes = 3,
                 .num_name = num_name,
                 .cat_name = cat_name,
                 .num = &num[0][0],
                 .cat = &cat[0][0],
                 .n_levels = {3, 3},
                 .level = {contract, town},
                 .class_name = class_name,
                 .label = label};
    crm_data *d;

    for (int i = 0; i < ROWS; i++) {
        num[i][0] = i % 9 == 4 ? NAN : (float)(i * 3);
        num[i][1] = (float)(i % 7) / 10;
        num[i][2] = (float)(i % 5) - 2;
        cat[i][0] = i % 4 - 1;
        cat[i][1] = i % 3;
        label[i] = i % 4 == 0 ? 1 : i % 11 == 3 ? 2 : 0;
    }
    T_OK(sd_open("user", &s, &d));
    return d;
}

/* Rows as the conditions below see them. */
typedef struct row {
    float r, c, a; /* recency days, charges, and */
    int k, t;      /* contract, home town; -1: missing */
} row;

#define CONDITION(name, expr)                                                                      \
    static bool name(row x)                                                                        \
    {                                                                                              \
        (void)x;                                                                                   \
        return expr;                                                                               \
    }
CONDITION(above, x.r > 90)
CONDITION(not_above, !(x.r > 90))
CONDITION(at_most, x.r <= 90)
CONDITION(between, x.r >= 30 && x.r < 90.5)
CONDITION(is_equal, x.c == 0.3F)
CONDITION(differs, !isnan(x.r) && x.r != 30)
CONDITION(gap, isnan(x.r))
CONDITION(no_gap, !isnan(x.r))
CONDITION(level, x.k == 0)
CONDITION(other_level, x.k >= 0 && x.k != 0)
CONDITION(level_gap, x.k < 0)
CONDITION(mixed, x.k == 0 || (x.c > 0.5F && !(x.r >= 12)))
CONDITION(first_and, x.k == 0 || (x.c > 0.5F && x.a < 0))
CONDITION(grouped, (x.k == 0 || x.c > 0.5F) && x.a < 0)
CONDITION(listed, x.k == 0 || x.k == 2)
CONDITION(not_listed, x.k == 1)
CONDITION(not_in, !(x.k == 0 || x.k == 2))
CONDITION(numbers, x.a == -2 || x.a == 1 || x.a == 0)
CONDITION(not_numbers, !isnan(x.r) && x.r != 3 && x.r != 6)
CONDITION(keyword, x.a >= 1)
CONDITION(town_is, x.t == 1)
CONDITION(quote, x.t == 2)
CONDITION(huge, x.r < 3e38F)
CONDITION(never, false)
CONDITION(deep, x.a > 0)

static const struct {
    const char *text;
    bool (*holds)(row x);
} conditions[] = {
    {"recency_days > 90", above},
    {"not recency_days > 90", not_above},
    {"`recency days`<=90", at_most},
    {"recency_days >= 30 and recency_days < 90.5", between},
    {"charges = 0.3", is_equal},
    {"charges == 0.3", is_equal},
    {"recency_days != 30", differs},
    {"recency_days <> 30", differs},
    {"recency_days is missing", gap},
    {"recency_days IS NOT missing", no_gap},
    {"contract = month_to_month", level},
    {"contract = 'month to month'", level},
    {"contract != month_to_month", other_level},
    {"contract is missing", level_gap},
    {"contract = month_to_month or (charges > 0.5 and not recency_days >= 12)", mixed},
    {"contract = month_to_month or charges > .5 and `and` < 0", first_and},
    {"(contract = month_to_month OR charges>.5) AND \"and\"<0", grouped},
    {"contract in (month_to_month, 5)", listed},
    {"contract in (`one-year`)", not_listed},
    {"contract not in (month_to_month, 5)", not_listed},
    {"not contract in (month_to_month, 5)", not_in},
    {"`and` in (-2, 1e0, 0)", numbers},
    {"recency_days not in (3, 6)", not_numbers},
    {"`and` >= 1", keyword},
    {"home_town = Tromsø", town_is},
    {"home_town = \"it's\"", quote},
    {"home_town = it's", quote},
    {"recency_days < 1e300", huge},
    {"recency_days < -1e300", never},
    {"not not not (((not (`and` > 0))))", deep},
};

/* One rule "when CONDITION then churn: 0.75", and the default "stay: 1". */
static void holds_where_c_does(void)
{
    crm_data *d = open_table();

    for (size_t k = 0; k < sizeof conditions / sizeof *conditions; k++) {
        char text[256];
        const char *rules[] = {text, "else stay: 1"};
        crm_rule_cfg cfg = {.kind = CRM_RULE_RULES, .rules = {.n = 2, .item = rules}};
        int wrong = 0;
        fitted f;
        double *p;

        snprintf(text, sizeof text, "when %s then churn: 0.75", conditions[k].text);
        T_OK(fit_rows(&crm_rule_class, &cfg, d, ROWS, t_comm, NULL, true, &f));
        p = predict_all(f.e, &f);
        for (int i = 0; i < ROWS; i++) {
            row x = {num[i][0], num[i][1], num[i][2], cat[i][0], cat[i][1]};
            double want = conditions[k].holds(x) ? 0.75 : 0;
            wrong += fabs(p[3 * i + 1] - want) > 1e-15;
        }
        if (wrong > 0) fprintf(stderr, "# %s: %d rows\n", conditions[k].text, wrong);
        T_EQ_I(wrong, 0);
        crm_mem_free(p);
        drop(&f);
    }
    crm_data_close(&d);
}

/* The first rule that holds decides; frequencies where no probability is given, the other classes
 * by theirs beside one that is. */
static void counts_rows(void)
{
    static const char *const rules[] = {"when: recency_days < 30 then churn",
                                        "when recency_days < 60 then move_on: 0.5",
                                        "WHEN charges > 9 THEN 'move on'"};
    crm_rule_cfg cfg = {.rules = {.n = 3, .item = rules}};
    int64_t n[4][3] = {{0}}, rows[4] = {0};
    crm_data *d = open_table();
    double *p, want[3];
    fitted f;

    for (int i = 0; i < ROWS; i++) {
        int g = num[i][0] < 30 ? 0 : num[i][0] < 60 ? 1 : 3;
        n[g][label[i]]++;
        rows[g]++;
    }
    T_CHECK(rows[0] > 5 && rows[1] > 5 && rows[2] == 0);
    T_OK(fit_rows(&crm_rule_class, &cfg, d, ROWS, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < ROWS; i++) {
        int g = num[i][0] < 30 ? 0 : num[i][0] < 60 ? 1 : 3;
        for (int c = 0; c < 3; c++)
            want[c] = (double)(n[g][c] + 1) / (double)(rows[g] + 3);
        if (g == 1)
            for (int c = 0; c < 3; c++)
                want[c] =
                    c == 2 ? 0.5 : 0.5 * (double)(n[g][c] + 1) / (double)(n[g][0] + n[g][1] + 2);
        for (int c = 0; c < 3; c++)
            T_NEAR(p[3 * i + c], want[c], 1e-15);
    }
    T_CHECK(strstr(crm_rule_text(f.e), "1. when: recency_days < 30 then churn: stay "));
    T_CHECK(strstr(crm_rule_text(f.e), "churn is not the likeliest"));
    T_CHECK(strstr(crm_rule_text(f.e), "move on 0.500 ("));
    T_CHECK(strstr(crm_rule_text(f.e), "(0 rows"));
    T_CHECK(strstr(crm_rule_text(f.e), "\n4. else: stay "));
    crm_mem_free(p);
    drop(&f);
    check_ranks(&crm_rule_class, &cfg, d, ROWS, true);
    check_ranks(&crm_rule_class, &cfg, d, 1, true);
    crm_data_close(&d);
}

/* ---- errors ---- */

/* That a config of one rule is refused at make: what can be seen without data. */
static const struct {
    const char *rule, *part;
} unreadable[] = {
    {"", "rule 1, character 1: the end of the rule stands where 'when' or 'else' is needed"},
    {"if charges > 1 then churn", "character 1: 'if' stands where 'when' or 'else'"},
    {"when then churn", "character 6: 'then' stands where a column is needed"},
    {"when charges then churn", "character 14: 'then' stands where a comparison, 'is missing' or"},
    {"when charges > then churn", "character 16: 'then' stands where a value is needed"},
    {"when charges > 1", "character 17: the end of the rule stands where 'then' is needed"},
    {"when charges > 1 churn", "character 18: 'churn' stands where 'then' is needed"},
    {"when charges > 1 then", "the end of the rule stands where a class is needed"},
    {"when charges > 1 then churn: 2", "character 30: '2' is no probability"},
    {"when charges > 1 then churn: -1", "'-1' is no probability"},
    {"when charges > 1 then churn: much", "'much' is no probability"},
    {"when charges > 1 then churn:", "the end of the rule stands where a probability"},
    {"when charges > 1 then churn 2", "'2' stands where the end of the rule is needed"},
    {"when charges > lots then churn", "character 16: 'lots' is no number, which column 'charges'"},
    {"when charges > nan then churn", "'nan' is no number"},
    {"when (charges > 1 then churn", "'then' stands where ')' is needed"},
    {"when charges > 1) then churn", "character 17: ')' stands where 'then' is needed"},
    {"when charges in 1 then churn", "'1' stands where '(' is needed"},
    {"when charges in () then churn", "')' stands where a value is needed"},
    {"when charges in (1,) then churn", "')' stands where a value is needed"},
    {"when charges in (1 2) then churn", "'2' stands where ')' is needed"},
    {"when charges is 1 then churn", "'1' stands where 'missing' is needed"},
    {"when charges not 1 then churn", "'1' stands where 'in' is needed"},
    {"when charges > 1 and then churn", "'then' stands where a column is needed"},
    {"when charges > 1 or or then churn", "'or' stands where a column is needed"},
    {"when `charges > 1 then churn", "character 6: the quote ` is not closed"},
    {"when Tromsø > 1 then 'churn", "character 22: the quote ' is not closed"},
    {"when charges ! 1 then churn", "'!' stands where a comparison"},
};

static void refuses(const char *rule, const char *part)
{
    const char *rules[] = {rule};
    crm_rule_cfg cfg = {.kind = CRM_RULE_RULES, .rules = {.n = 1, .item = rules}};
    crm_estimator *e = NULL;

    T_FAILS(crm_rule_class.make(&cfg, &e), CRM_ERR_CONFIG, part);
    T_CHECK(e == NULL);
}

static void refuses_what_cannot_be_read(void)
{
    static const char *const behind[] = {"else stay", "when charges > 1 then churn"};
    crm_rule_cfg cfg = {.kind = CRM_RULE_RULES, .rules = {.n = 2, .item = behind}};
    crm_estimator *e = NULL;
    crm_str deep = {0};

    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++)
        refuses(unreadable[i].rule, unreadable[i].part);
    T_FAILS(crm_rule_class.make(&cfg, &e), CRM_ERR_CONFIG, "rule 2 stands behind the rule 'else'");
    cfg.rules.n = 0;
    T_FAILS(crm_rule_class.make(&cfg, &e), CRM_ERR_CONFIG, "rule.rules, which is empty");
    crm_str_addf(&deep, "when ");
    for (int i = 0; i < 33; i++)
        crm_str_addf(&deep, "(");
    refuses(deep.text, "more than 32 parentheses");
    crm_str_free(&deep);
}

/* What only the data can tell. */
static const struct {
    const char *rule, *part;
} unknown[] = {
    {"when recency_dys > 1 then churn",
     "rule 1, character 6: 'recency_dys' is no column of the data; did you mean 'recency_days'?"},
    {"when zebra > 1 then churn", "'zebra' is no column of the data"},
    {"when `recency_days` > 1 then churn", "'recency_days' is no column"},
    {"when contract > 1 then churn", "'contract' holds levels, not numbers: =, != or in"},
    {"when contract = month then churn", "'month' is no level of column 'contract'"},
    {"when contract = month_to_mont then churn", "did you mean 'month_to_month'?"},
    {"when contract in (5, 6) then churn", "character 22: '6' is no level"},
    {"when charges = lots then churn", "'lots' is no number, which column 'charges'"},
    {"when charges > 1 then chrun", "character 23: 'chrun' is no class of target 'y'; did you mean "
                                    "'churn'?"},
    {"else nothing", "'nothing' is no class of target 'y'"},
};

static void refuses_unknown_names(void)
{
    crm_data *d = open_table();

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const char *rules[] = {unknown[i].rule};
        crm_rule_cfg cfg = {.kind = CRM_RULE_RULES, .rules = {.n = 1, .item = rules}};
        fitted f;

        T_FAILS(fit_rows(&crm_rule_class, &cfg, d, ROWS, t_comm, NULL, true, &f), CRM_ERR_CONFIG,
                unknown[i].part);
        drop(&f);
    }
    crm_data_close(&d);
}

/* As deep as is allowed, with all the stack that it needs: "a or a and (a or a and (...". */
static void goes_as_deep_as_is_allowed(void)
{
    crm_data *d = open_table();
    crm_str text = {0};
    const char *rules[1];
    crm_rule_cfg cfg = {.kind = CRM_RULE_RULES};
    double *p;
    fitted f;

    crm_str_addf(&text, "when ");
    for (int i = 0; i < 32; i++)
        crm_str_addf(&text, "charges > 9 or charges < 9 and (");
    crm_str_addf(&text, "charges > 9 or charges < 9 and `and` in (1, 2)");
    for (int i = 0; i < 32; i++)
        crm_str_addf(&text, ")");
    crm_str_addf(&text, " then churn: 1");
    rules[0] = text.text;
    cfg.rules = (crm_opt_list){.n = 1, .item = rules};
    T_OK(fit_rows(&crm_rule_class, &cfg, d, ROWS, t_comm, NULL, true, &f));
    p = predict_all(f.e, &f);
    for (int i = 0; i < ROWS; i++)
        T_CHECK((p[3 * i + 1] == 1) == (num[i][2] >= 1));
    crm_mem_free(p);
    drop(&f);
    crm_str_free(&text);
    check_ranks(
        &crm_rule_class,
        &(crm_rule_cfg){
            .rules = {.n = 1, .item = (const char *[]){"when charges >= 0 then move_on: 0"}}},
        d, ROWS, true);
    crm_data_close(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"starts", sd_begin},
                                   {"holds where C does", holds_where_c_does},
                                   {"counts rows", counts_rows},
                                   {"refuses what cannot be read", refuses_what_cannot_be_read},
                                   {"refuses unknown names", refuses_unknown_names},
                                   {"goes as deep as is allowed", goes_as_deep_as_is_allowed},
                                   {"ends", sd_end},
                                   {NULL, NULL}};
    return t_main_mpi(argc, argv, cases);
}
