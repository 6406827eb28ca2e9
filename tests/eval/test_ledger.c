/* Whether a model is the one that a run tells: by units.json, by the result of its fit on all rows,
 * by neither.  The digest of the pipeline is that of the bag before what the study adds. */
#include <stdlib.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_path.h"
#include "crmpi/eval.h"

static char run[256], model[512], unit[512];
static char weights[CRM_DIGEST_HEX];

/* A model file as a study writes it. */
static void write_model(const char *path, double slope, char hex[CRM_DIGEST_HEX])
{
    const char *classes[] = {"no", "yes"};
    crm_digest d = {0, 0};
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_text(b, "model", "line"));
    T_OK(crm_bag_put_f64(b, "estimator/slope", slope));
    T_OK(crm_bag_digest(b, NULL, &d));
    crm_digest_hex(d, hex);
    T_OK(crm_bag_put_text(b, "target", "churn"));
    T_OK(crm_bag_put_list(b, "classes", 2, classes));
    T_OK(crm_bag_write(b, path, CRM_MODEL_KIND));
    crm_bag_free(&b);
}

static void write_unit(const char *says)
{
    crm_bag *b;

    T_OK(crm_bag_new(&b));
    T_OK(crm_bag_put_text(b, "weights", says));
    T_OK(crm_bag_write(b, unit, "crmpi-unit-0"));
    crm_bag_free(&b);
}

static crm_status check(void)
{
    crm_bag *b;
    crm_status st;

    CRM_TRY(crm_bag_read(model, CRM_MODEL_KIND, &b));
    st = crm_eval_check_model(run, "line", model, b);
    crm_bag_free(&b);
    return st;
}

static void begin(void)
{
    const char *base = getenv("TMPDIR");
    char part[512];

    snprintf(run, sizeof run, "%.200s/crmpi-ledger-XXXXXX", base && *base ? base : "/tmp");
    T_CHECK(mkdtemp(run) != NULL);
    for (int i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "%s/%s", run, i ? "units" : "models");
        T_OK(crm_path_mkdirs(part));
    }
    snprintf(model, sizeof model, "%s/models/line.h5", run);
    snprintf(unit, sizeof unit, "%s/units/line-all.h5", run);
    write_model(model, 1, weights);
}

static void by_unit(void)
{
    T_OK(check()); /* nobody tells */
    write_unit(weights);
    T_OK(check());
    write_unit("0123456789abcdef0123456789abcdef");
    T_FAILS(check(), CRM_ERR_FORMAT, "models/line.h5: is not the model of this run");
    T_FAILS(check(), CRM_ERR_FORMAT, "that of line-all is 0123456789abcdef0123456789abcdef");
    T_OK(crm_path_remove(unit));
}

static void by_list(void)
{
    char path[512], text[512];

    snprintf(path, sizeof path, "%s/units.json", run);
    snprintf(text, sizeof text,
             "{\"format\": 1, \"units\": [{\"name\": \"line-all\", \"weights\": \"%s\"}]}",
             weights);
    T_OK(crm_path_write_atomic(path, text, strlen(text)));
    T_OK(check());
    write_model(model, 2, weights);
    T_FAILS(check(), CRM_ERR_FORMAT, "is not the model of this run");
    T_FAILS(check(), CRM_ERR_FORMAT, weights);
}

/* As verify asks, of each fit on all rows. */
static void all_of_a_run(void)
{
    crm_record_unit list[2] = {{.name = "line-r0-f0", .weights = "none"}, {.name = "line-all"}};
    char other[CRM_DIGEST_HEX];

    write_model(model, 3, weights);
    memcpy(list[1].weights, weights, sizeof weights);
    T_OK(crm_eval_check_models(run, 2, list));
    write_model(model, 4, other);
    T_FAILS(crm_eval_check_models(run, 2, list), CRM_ERR_FORMAT,
            "models/line.h5: is not the model");
    T_FAILS(crm_eval_check_models(run, 2, list), CRM_ERR_FORMAT, other);
    T_OK(crm_path_remove(model));
    T_FAILS(crm_eval_check_models(run, 2, list), CRM_ERR_IO, "models/line.h5");
}

static void tidy(void)
{
    T_OK(crm_path_remove(run));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"begin", begin},
                                   {"by the result of its fit", by_unit},
                                   {"by the list of units", by_list},
                                   {"all models of a run", all_of_a_run},
                                   {"tidy up", tidy},
                                   {NULL, NULL}};

    return t_main(argc, argv, cases);
}
