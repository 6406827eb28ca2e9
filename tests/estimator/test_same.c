/* test_same.c - texts that each rank has read must be the same on all.
 * ranks: 1 3 */
#include "crm_test_mpi.h"

#include "crmpi/estimator_rows.h"

static void texts(void)
{
    const crm_fit fit = {.comm = t_comm};
    const char *text[] = {"one", "two", "three"};
    int last = crm_comm_size(t_comm) - 1;

    T_OK(crm_rows_same(&fit, "the list", 3, text));
    T_OK(crm_rows_same(&fit, "the list", 0, NULL));
    if (last == 0) return;
    if (crm_comm_rank(t_comm) == last) text[1] = "twO"; /* on one rank alone */
    T_FAILS(crm_rows_same(&fit, "the list", 3, text), CRM_ERR_CONFIG,
            "the list is not the same on all ranks");
    text[1] = "two";
    T_FAILS(crm_rows_same(&fit, "the list", crm_comm_rank(t_comm) == last ? 2 : 3, text),
            CRM_ERR_CONFIG, "not the same");
    T_OK(crm_rows_same(&fit, "the list", 3, text));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"texts", texts}, {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
