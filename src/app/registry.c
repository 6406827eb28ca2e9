/* registry.c - what there is: commands, transforms, estimators and models, as static tables. */
#include <string.h>

#include "app_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/classic.h"
#include "crmpi/feature.h"
#include "crmpi/train.h"

const app_command app_commands[] = {
    {"synth", "CONFIG.yaml", "generate synthetic customers into data.path", true, cmd_synth},
    {"import", "CONFIG.yaml", "read the CSV of data.path into the data set data.store", true,
     cmd_import},
    {"describe", "DATASET", "what a data set holds", false, cmd_describe},
    {"train", "CONFIG.yaml", "fit each model of eval.models on all rows", true, cmd_train},
    {"crossval", "CONFIG.yaml", "compare models on the same folds with paired tests", true,
     cmd_crossval},
    {"predict", "RUN", "probabilities and classes of the rows of data.path, as CSV", false,
     cmd_predict},
    {"report", "RUN", "write report.md of a run again and print its tables", false, cmd_report},
    {"info", "", "what was built in and found, and what is wrong", true, cmd_info},
    {NULL, NULL, NULL, false, NULL},
};

enum { N_TRANSFORMS = 5, N_ESTIMATORS = 3, N_MODELS = 3 };
static const crm_transform_class *const TRANSFORMS[N_TRANSFORMS] = {
    &crm_text_bag_class, &crm_impute_class, &crm_scale_class, &crm_ple_class, &crm_onehot_class};
static const crm_estimator_class *const ESTIMATORS[N_ESTIMATORS] = {
    &crm_hybrid_class, &crm_logistic_class, &crm_rule_class};

/* Models by name: transforms in order, estimator, and the relative time of a fit. */
static const struct {
    const char *name;
    const crm_transform_class *transform[CRM_PIPELINE_MAX];
    const crm_estimator_class *estimator;
    double cost;
} MODELS[N_MODELS] = {
    {"hybrid",
     {&crm_text_bag_class, &crm_impute_class, &crm_scale_class, &crm_ple_class},
     &crm_hybrid_class,
     100},
    {"logistic",
     {&crm_text_bag_class, &crm_impute_class, &crm_scale_class, &crm_onehot_class},
     &crm_logistic_class,
     5},
    {"rule", {NULL}, &crm_rule_class, 1},
};

/* Config structs of the classes, one each, and the specs made from them. */
struct app_models {
    void *transform_cfg[N_TRANSFORMS];
    void *estimator_cfg[N_ESTIMATORS];
    crm_model_spec spec[N_MODELS];
};

static crm_status bind_class(app *a, const crm_cfg_part *parts, size_t size, void **cfg)
{
    *cfg = crm_mem_new(1, size);
    CRM_CHECK(*cfg, CRM_ERR_NOMEM, "out of memory: options");
    for (const crm_cfg_part *p = parts; p && p->opts; p++)
        CRM_TRY(crm_opt_set_add(a->opts, p->opts, (char *)*cfg + p->offset));
    return CRM_OK;
}

static int transform_index(const crm_transform_class *c)
{
    int i = 0;

    while (i < N_TRANSFORMS && TRANSFORMS[i] != c)
        i++;
    return i;
}

static int estimator_index(const crm_estimator_class *c)
{
    int i = 0;

    while (i < N_ESTIMATORS && ESTIMATORS[i] != c)
        i++;
    return i;
}

static void make_spec(struct app_models *m, int i)
{
    crm_model_spec *s = &m->spec[i];

    s->name = MODELS[i].name;
    s->estimator = MODELS[i].estimator;
    s->estimator_cfg = m->estimator_cfg[estimator_index(s->estimator)];
    s->cost = MODELS[i].cost;
    s->parts = CRM_FLAT_ALL;
    for (int t = 0; t < CRM_PIPELINE_MAX && MODELS[i].transform[t]; t++) {
        s->transform[t] = MODELS[i].transform[t];
        s->transform_cfg[t] = m->transform_cfg[transform_index(s->transform[t])];
        s->n_transforms = t + 1;
    }
}

crm_status app_models_new(app *a)
{
    struct app_models *m;

    CRM_NEW(m, 1);
    a->models = m;
    for (int i = 0; i < N_ESTIMATORS; i++)
        CRM_TRY(bind_class(a, ESTIMATORS[i]->parts, ESTIMATORS[i]->cfg_size, &m->estimator_cfg[i]));
    for (int i = 0; i < N_TRANSFORMS; i++)
        CRM_TRY(bind_class(a, TRANSFORMS[i]->parts, TRANSFORMS[i]->cfg_size, &m->transform_cfg[i]));
    for (int i = 0; i < N_MODELS; i++)
        make_spec(m, i);
    return CRM_OK;
}

void app_models_free(app *a)
{
    if (!a->models) return;
    for (int i = 0; i < N_ESTIMATORS; i++)
        crm_mem_free(a->models->estimator_cfg[i]);
    for (int i = 0; i < N_TRANSFORMS; i++)
        crm_mem_free(a->models->transform_cfg[i]);
    crm_mem_free(a->models);
    a->models = NULL;
}

/* Names that later versions give to their models; a variant of a model adds "-suffix". */
static bool is_reserved(const char *name)
{
    static const char *const later[] = {"naive_bayes", "knn",      "svm", "tree",
                                        "forest",      "boosting", "mlp"};

    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(name, later[i]) == 0) return true;
    for (int i = 0; i < N_MODELS; i++) {
        size_t n = strlen(MODELS[i].name);
        if (strncmp(name, MODELS[i].name, n) == 0 && name[n] == '-') return true;
    }
    return false;
}

crm_status app_models_find(app *a, const char *name, const crm_model_spec **spec)
{
    const char *names[N_MODELS];
    const char *near;
    crm_str all = {0};
    crm_status st;

    for (int i = 0; i < N_MODELS; i++) {
        if (strcmp(MODELS[i].name, name) == 0) {
            *spec = &a->models->spec[i];
            return CRM_OK;
        }
        names[i] = MODELS[i].name;
        crm_str_addf(&all, "%s%s", i ? ", " : "", MODELS[i].name);
    }
    near = crm_nearest(name, names, N_MODELS);
    if (is_reserved(name))
        CRM_SET(st, CRM_ERR_CONFIG, "'%s' is not in this version; there are: %s", name, all.text);
    else
        CRM_SET(st, CRM_ERR_CONFIG, "'%s' is not a model%s%s%s; there are: %s", name,
                near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all.text);
    crm_str_free(&all);
    return st;
}

static crm_status select_all(app *a, const crm_model_spec **spec)
{
    const crm_opt_list *list = &a->eval.models;

    for (int i = 0; i < list->n; i++) {
        if (app_models_find(a, list->item[i], &spec[i]))
            return crm_opt_set_reject(a->opts, "eval.models", "where %s", crm_err_text());
        for (int j = 0; j < i; j++)
            if (spec[j] == spec[i])
                return crm_opt_set_reject(a->opts, "eval.models", "'%s' stands twice",
                                          list->item[i]);
    }
    return CRM_OK;
}

crm_status app_models_select(app *a, const crm_model_spec ***spec, int *n)
{
    crm_status st;

    *spec = NULL;
    *n = a->eval.models.n;
    if (*n == 0) return crm_opt_set_reject(a->opts, "eval.models", "a model is needed");
    CRM_NEW(*spec, *n);
    st = select_all(a, *spec);
    if (st) {
        crm_mem_free(*spec);
        *spec = NULL;
    }
    return st;
}

int64_t app_models_max_group(const app *a)
{
    const crm_hybrid_cfg *cfg = a->models->estimator_cfg[estimator_index(&crm_hybrid_class)];

    return cfg->train.lanes;
}

bool app_models_fast(const app *a)
{
    const crm_hybrid_cfg *cfg = a->models->estimator_cfg[estimator_index(&crm_hybrid_class)];

    for (int i = 0; i < a->eval.models.n; i++)
        if (strcmp(a->eval.models.item[i], "hybrid") == 0)
            return cfg->train.reduce == CRM_REDUCE_FAST;
    return false;
}
