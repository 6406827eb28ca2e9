/* test_schema.c - columns and levels through a model file: every name is there again. */
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/estimator.h"

static char path[] = "/tmp/crmpi-schema-XXXXXX";

static const char *const NUM[] = {"age", "spend"};
static const char *const CAT[] = {"city", "code", "never"};
static const int64_t N_LEVELS[] = {3, 4, 0};
static const char *const CITY[] = {"Bergen", "", "T\xc3\xb8nsberg, old"};
static const char *const *const LEVEL[] = {CITY, NULL, NULL};
static const crm_schema SCHEMA = {2, 3, NUM, CAT, N_LEVELS, LEVEL};

static void check_columns(const crm_schema *s)
{
    T_EQ_I(s->n_num, 2);
    T_EQ_I(s->n_cat, 3);
    for (int i = 0; i < 2; i++)
        T_CHECK(strcmp(s->num_name[i], NUM[i]) == 0);
    for (int i = 0; i < 3; i++)
        T_CHECK(strcmp(s->cat_name[i], CAT[i]) == 0 && s->n_levels[i] == N_LEVELS[i]);
    T_CHECK(s->level && s->level[0]);
    for (int i = 0; s->level && s->level[0] && i < 3; i++)
        T_CHECK(strcmp(s->level[0][i], CITY[i]) == 0);
    T_CHECK(s->level && !s->level[1] && !s->level[2]); /* no names, no levels */
}

static void through_a_file(void)
{
    const crm_schema *s = NULL;
    crm_columns *columns = NULL;
    crm_bag *b = NULL;

    T_OK(crm_bag_new(&b));
    T_OK(crm_schema_save(&SCHEMA, b));
    T_OK(crm_bag_write(b, path, "test"));
    crm_bag_free(&b);
    T_OK(crm_bag_read(path, "test", &b));
    T_OK(crm_columns_new(&columns));
    T_OK(crm_schema_load(b, columns));
    T_OK(crm_columns_schema(columns, &s));
    if (s) check_columns(s);
    crm_columns_free(&columns);
    crm_bag_free(&b);
}

/* Names of two levels for a column of three. */
static void names_that_do_not_fit(void)
{
    crm_columns *columns = NULL;
    crm_bag *b = NULL;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_list(b, "num", 0, NULL));
    T_OK(crm_bag_put_list(b, "cat", 1, CAT));
    T_OK(crm_bag_put_i64(b, "n_levels0", 3));
    T_OK(crm_columns_new(&columns));
    T_FAILS(crm_schema_load(b, columns), CRM_ERR_FORMAT, "levels0");
    T_OK(crm_bag_put_list(b, "levels0", 2, CITY));
    T_FAILS(crm_schema_load(b, columns), CRM_ERR_FORMAT, "levels0 has 2 names, 3 are needed");
    crm_columns_free(&columns);
    crm_bag_free(&b);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"through a file", through_a_file},
                                   {"names that do not fit", names_that_do_not_fit},
                                   {NULL, NULL}};
    int fd = mkstemp(path), bad;

    if (fd < 0) return 1;
    close(fd);
    bad = t_main(argc, argv, cases);
    unlink(path);
    return bad;
}
