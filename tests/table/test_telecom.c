/* test_telecom.c - the telecom churn table (3333 rows, CRLF), when it is there.
 * ranks: 1 2 3 4
 * timeout: 60 */
#include "table_testing.h"

/* Means of the columns, by exact fractions of the decimals (Python: sum(Fraction(x) for x in
 * column) / 3333). */
static const struct {
    const char *name;
    double mean;
} COLUMN[] = {
    {"AccountWeeks", 101.06480648064806},  {"ContractRenewal", 0.903090309030903},
    {"DataPlan", 0.27662766276627665},     {"DataUsage", 0.8164746474647465},
    {"CustServCalls", 1.5628562856285628}, {"DayMins", 179.77509750975096},
    {"DayCalls", 100.43564356435644},      {"MonthlyCharge", 56.30516051605161},
    {"OverageFee", 10.051488148814881},    {"RoamMins", 10.237293729372936},
};
enum { N_COLUMNS = sizeof COLUMN / sizeof *COLUMN, ROWS = 3333, POSITIVE = 483 };

static bool find_csv(char out[512])
{
    const char *shared = getenv("CRM_SHARED"), *source = getenv("CRM_SOURCE_DIR");

    if (shared)
        snprintf(out, 512, "%.400s/data/telecom_churn/telecom_churn.csv", shared);
    else
        snprintf(out, 512, "%.400s/../shared/data/telecom_churn/telecom_churn.csv",
                 source ? source : ".");
    return crm_path_is_file(out);
}

static void check_means(const crm_store *s)
{
    int64_t n = 0;
    const char *const *name = crm_store_list(s, "profile/num", "columns", &n);
    const crm_store_array *a = crm_store_find(s, "profile/num");

    T_CHECK(a && n == N_COLUMNS && a->dim[0] == ROWS && a->dim[1] == N_COLUMNS);
    if (!a || n != N_COLUMNS) return;
    for (int k = 0; k < N_COLUMNS; k++) {
        double sum = 0;
        for (int64_t i = 0; i < a->dim[0]; i++)
            sum += (double)((const float *)a->data)[i * N_COLUMNS + k];
        T_CHECK(strcmp(name[k], COLUMN[k].name) == 0);
        T_NEAR(sum / ROWS, COLUMN[k].mean, 1e-7); /* of rounding to float */
    }
}

static void check_label(const crm_store *s)
{
    const crm_store_array *a = crm_store_find(s, "target/churn/label");
    int64_t ones = 0;

    T_CHECK(a && a->dim[0] == ROWS);
    for (int64_t i = 0; a && i < a->dim[0]; i++)
        ones += ((const int32_t *)a->data)[i];
    T_EQ_I(ones, POSITIVE);
}

static void imports(void)
{
    crm_table_cfg cfg = t_cfg();
    crm_table_info info;
    crm_store *s = NULL;
    char csv[512], h5[512];

    if (!find_csv(csv)) {
        T_SKIP("%.200s is not there (CRM_SHARED)", csv);
        return;
    }
    t_enter();
    cfg.label = "Churn";
    T_OK(crm_table_import(t_comm, &cfg, csv, t_path("t.h5", h5), NULL, &info));
    T_EQ_I(info.rows, ROWS);
    T_EQ_I(info.n_num, N_COLUMNS);
    T_EQ_I(info.n_cat, 0);
    T_EQ_I(info.n_classes, 2);
    if (info.n_classes == 2) T_EQ_I(info.class_count[1], POSITIVE);
    crm_table_info_free(&info);
    T_OK(crm_store_open(h5, "crmpi-dataset", &s));
    if (s) {
        check_means(s);
        check_label(s);
    }
    crm_store_close(&s);
    t_leave();
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"telecom churn", imports}, {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
