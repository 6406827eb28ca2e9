/* test_sparse.c - sparse rows put together entry by entry: what stands where, empty rows, growth,
 * use again.  Expected places are counted by hand. */
#include "crm_test.h"

#include "crmpi/estimator.h"

static void rows_of(crm_sparse *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* row i has i % 4 entries */
        for (int64_t k = 0; k < i % 4; k++)
            T_OK(crm_sparse_add(s, (int32_t)(10 * k), (float)(i + k)));
        T_OK(crm_sparse_end_row(s));
    }
}

static void check_rows(const crm_sparse *s, int64_t n)
{
    T_EQ_I(s->n, n);
    for (int64_t i = 0; i < n; i++) {
        T_EQ_I(s->first[i + 1] - s->first[i], i % 4);
        for (int64_t k = s->first[i]; k < s->first[i + 1]; k++) {
            T_EQ_I(s->id[k], 10 * (k - s->first[i]));
            T_CHECK(s->value[k] == (float)(i + k - s->first[i]));
        }
    }
}

static void in_a_row(void)
{
    crm_sparse s = {0};

    rows_of(&s, 3);
    check_rows(&s, 3);
    T_EQ_I(s.first[3], 3);
    crm_sparse_free(&s);
}

static void used_again(void)
{
    crm_sparse s = {0};

    rows_of(&s, 3);
    crm_sparse_clear(&s);
    T_EQ_I(s.n, 0);
    rows_of(&s, 5000);
    check_rows(&s, 5000);
    crm_sparse_free(&s);
    T_CHECK(s.first == NULL && s.n == 0);
}

static void rows_of_others(void)
{
    crm_sparse all = {0}, s = {0};

    rows_of(&all, 400);
    T_OK(crm_sparse_add_rows(&s, &all, 0, 0));
    T_EQ_I(s.n, 0);
    T_OK(crm_sparse_add_rows(&s, &all, 0, 7));
    T_OK(crm_sparse_add_rows(&s, &all, 7, 1));
    T_OK(crm_sparse_add_rows(&s, &all, 8, 1)); /* row 8 has nothing */
    for (int64_t k = 0; k < 9 % 4; k++)
        T_OK(crm_sparse_add(&s, (int32_t)(10 * k), (float)(9 + k)));
    T_OK(crm_sparse_end_row(&s));
    T_OK(crm_sparse_add_rows(&s, &all, 10, 390));
    check_rows(&s, 400);
    crm_sparse_free(&s);
    crm_sparse_free(&all);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"rows of entries", in_a_row},
                                   {"cleared and used again, with growth", used_again},
                                   {"rows of others", rows_of_others},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
