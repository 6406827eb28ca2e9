/* Text buffer, number conversion, near names. */
#include <limits.h>
#include <stdint.h>

#include "crm_test.h"
#include "crmpi/base_str.h"

static void text_grows(void)
{
    crm_str s = {0};

    for (int i = 0; i < 1000; i++)
        crm_str_addf(&s, "%03d,", i);
    crm_str_add(&s, "end\0x", 3);
    T_EQ_I(s.len, 4003);
    T_CHECK(!s.failed && strlen(s.text) == s.len);
    T_CHECK(strncmp(s.text, "000,001,", 8) == 0 && strcmp(s.text + 3996, "999,end") == 0);
    crm_str_free(&s);
    T_CHECK(!s.text && s.len == 0);
    crm_str_addf(&s, "%s", "");
    T_CHECK(s.text && s.text[0] == '\0');
    crm_str_free(&s);
}

static void whole_numbers(void)
{
    static const struct {
        const char *text;
        bool good;
        int64_t want;
    } row[] = {
        {"0", true, 0},
        {"-17", true, -17},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {" 1", false, 0},
        {"\t1", false, 0},
        {"\n1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"12a", false, 0},
        {"111111111111111111111111111111111111", false, 0},
    };
    int64_t v;

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        bool good = crm_parse_i64(row[i].text, strlen(row[i].text), &v);
        T_EQ_I(good, row[i].good);
        if (good) T_EQ_I(v, row[i].want);
        if (good != row[i].good) fprintf(stderr, "#   '%s'\n", row[i].text);
    }
    T_CHECK(crm_parse_i64("123456", 3, &v) && v == 123); /* len counts, not the 0 */
    T_CHECK(!crm_parse_i64("1\0002", 3, &v));
}

static void real_numbers(void)
{
    static const struct {
        const char *text;
        bool good;
        double want;
    } row[] = {
        {"0.1", true, 0.1},  {"-2e-3", true, -2e-3},
        {".5", true, 0.5},   {"1e308", true, 1e308},
        {"1e999", false, 0}, {"nan", false, 0},
        {"inf", false, 0},   {"-Infinity", false, 0},
        {"0x1p3", false, 0}, {"", false, 0},
        {" 1", false, 0},    {"\t1", false, 0},
        {"1,5", false, 0},   {"1.5.2", false, 0},
        {"1e", false, 0},    {"4.9e-324", true, 4.9e-324},
    };
    double v;

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        bool good = crm_parse_f64(row[i].text, strlen(row[i].text), &v);
        T_CHECK(good == row[i].good && (!good || v == row[i].want));
        if (good != row[i].good) fprintf(stderr, "#   '%s'\n", row[i].text);
    }
}

static void numbers_as_text(void)
{
    static const double values[] = {0.1,  1.0 / 3,  1e22, 5e-324, 1.7976931348623157e308,
                                    -0.0, 123456789};
    char out[32];
    double back;

    T_CHECK(strcmp(crm_format_f64(0.1, out), "0.1") == 0);
    T_CHECK(strcmp(crm_format_f64(100, out), "100") == 0);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        crm_format_f64(values[i], out);
        T_CHECK(crm_parse_f64(out, strlen(out), &back) &&
                memcmp(&back, &values[i], sizeof back) == 0);
    }
}

static void narrowing(void)
{
    int v = 0;

    T_OK(crm_to_int(INT_MAX, &v));
    T_EQ_I(v, INT_MAX);
    T_OK(crm_to_int(INT_MIN, &v));
    T_FAILS(crm_to_int((int64_t)INT_MAX + 1, &v), CRM_ERR_ARG, "2147483648 does not fit");
    T_FAILS(crm_to_int((int64_t)INT_MIN - 1, &v), CRM_ERR_ARG, "-2147483649");
}

static void near_names(void)
{
    static const char *const names[] = {"train.epochs", "train.lanes", "eval.folds"};
    char far[200];

    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    T_EQ_I(crm_edit_distance("kitten", "sitting"), 3);
    T_EQ_I(crm_edit_distance("", "abc"), 3);
    T_EQ_I(crm_edit_distance("same", "same"), 0);
    T_CHECK(crm_edit_distance(far, "x") >= 100);
    T_CHECK(crm_nearest("train.epoch", names, 3) == names[0]);
    T_CHECK(crm_nearest("eval.fold", names, 3) == names[2]);
    T_CHECK(!crm_nearest("completely.else", names, 3));
    T_CHECK(!crm_nearest("x", names, 0));
}

/* Columns are those of an editor. */
static void characters(void)
{
    static const char line[] = "a\303\251\t\360\237\221\215x";
    static const struct {
        const char *text;
        size_t n;
    } one[] = {{"a", 1},
               {"\303\251", 2},
               {"\342\202\254", 3},
               {"\360\237\221\215", 4},
               {"\t", 0},
               {"\177", 0},
               {"\351t", 0},
               {"\300\200", 0},
               {"\355\240\200", 0},
               {"\340\200\200", 0},
               {"\364\220\200\200", 0},
               {"\360\200\200\200", 0}};

    T_EQ_I(crm_column(line, line), 1);
    T_EQ_I(crm_column(line, line + 4), 4);
    T_EQ_I(crm_column(line, line + 8), 5);
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        T_EQ_I((int64_t)crm_character(one[i].text, strlen(one[i].text)), (int64_t)one[i].n);
    T_EQ_I((int64_t)crm_character("\303\251", 1), 0);
    T_EQ_I((int64_t)crm_character("a", 0), 0);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"text grows", text_grows},
                                   {"whole numbers", whole_numbers},
                                   {"real numbers", real_numbers},
                                   {"numbers as text", numbers_as_text},
                                   {"narrowing", narrowing},
                                   {"near names", near_names},
                                   {"characters and columns", characters},
                                   {NULL, NULL}};
    return t_main(argc, argv, cases);
}
