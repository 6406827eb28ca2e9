/* Weights of classes: words, lists, and what is refused. */
#include "crm_test.h"
#include "crmpi/estimator_classes.h"

static const char *const NAMES[] = {"no", "yes", "may:be", "never"};
static const crm_target TARGET = {.name = "churn", .n_classes = 4, .class_name = NAMES};
static const int64_t COUNT[] = {6, 2, 4, 0};

static crm_opt_list list(int n, const char *const *item)
{
    return (crm_opt_list){.n = n, .item = item};
}

static void weights(void)
{
    static const char *const none[] = {"none"}, *const balanced[] = {"balanced"},
                             *const own[] = {"yes:5", "may:be:0.25", "never:9"};
    const struct {
        crm_opt_list list;
        double want[4];
    } cases[] = {{list(0, NULL), {1, 1, 1, 0}},
                 {list(1, none), {1, 1, 1, 0}},
                 {list(1, balanced), {12 / (3 * 6.0), 12 / (3 * 2.0), 12 / (3 * 4.0), 0}},
                 {list(3, own), {1, 5, 0.25, 0}}};
    double got[4];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        T_OK(crm_class_weights_check(&cases[i].list, "m.class_weight", &TARGET));
        T_OK(crm_class_weights(&cases[i].list, "m.class_weight", &TARGET, COUNT, got));
        for (int c = 0; c < 4; c++)
            T_NEAR(got[c], cases[i].want[c], 0);
    }
}

static void refused(void)
{
    static const char *const bad[] = {"yes",      "yes:",    "yes:0", "yes:-1",
                                      "yes:1e13", "yes:nan", ":2"};
    static const char *const other[] = {"none", "balanced"}, *const unknown[] = {"maybe:2"};
    crm_opt_list l;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        l = list(1, &bad[i]);
        T_FAILS(crm_class_weights_check(&l, "m.class_weight", NULL), CRM_ERR_CONFIG,
                "m.class_weight: '");
    }
    l = list(2, other);
    T_FAILS(crm_class_weights_check(&l, "m.class_weight", NULL), CRM_ERR_CONFIG, "'none'");
    l = list(1, unknown);
    T_OK(crm_class_weights_check(&l, "m.class_weight", NULL));
    T_FAILS(crm_class_weights_check(&l, "m.class_weight", &TARGET), CRM_ERR_CONFIG,
            "'maybe' is no class of target 'churn'");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"weights of classes", weights}, {"what is refused", refused}, {NULL, NULL}};

    return t_main(argc, argv, cases);
}
