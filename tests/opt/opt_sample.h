/* opt_sample.h - two small modules with options of every kind, for the tests of room opt. */
#ifndef OPT_SAMPLE_H
#define OPT_SAMPLE_H

#include "crm_test.h"
#include "crmpi/base_mem.h"
#include "crmpi/opt.h"

typedef struct sample_train {
    int64_t epochs, lanes, seed;
    double lr, clip;
    bool refit;
    int schedule;
    crm_opt_list models, tags;
} sample_train;

typedef struct sample_run {
    const char *path;
    int device, level;
    int64_t threads, deep;
} sample_run;

static const char *const sample_schedules[] = {"constant", "cosine", "step", NULL};
static const char *const sample_models[] = {"hybrid", "rule", "logistic", "tree", NULL};
static const char *const sample_devices[] = {"cpu", "cuda", NULL};
static const char *const sample_levels[] = {"quiet", "error", "warn", "info", NULL};

static const crm_opt sample_train_opts[] = {
    CRM_OPT_I(sample_train, epochs, "train.epochs", 10, 1, 1e6, "epochs", 0,
              "Passes over the rows."),
    CRM_OPT_I(sample_train, lanes, "train.lanes", 8, 1, 64, "1", CRM_OPT_POW2, "Lanes per step."),
    CRM_OPT_I(sample_train, seed, "train.seed", 0, 0, 9007199254740992.0, "1", 0, "Seed."),
    CRM_OPT_R(sample_train, lr, "train.lr", 1e-3, 0, 10, "1/step", 0, "Learning rate."),
    CRM_OPT_R(sample_train, clip, "train.clip", 0.5, -1e308, 1e308, "1", 0, "Bound | of the norm."),
    CRM_OPT_B(sample_train, refit, "train.refit", false, 0, "Fit again on all rows."),
    CRM_OPT_E(sample_train, schedule, "train.schedule", "cosine", sample_schedules, 0, "Schedule."),
    CRM_OPT_L(sample_train, models, "eval.models", "hybrid,rule", sample_models, 0, "Models."),
    CRM_OPT_L(sample_train, tags, "eval.tags", "", NULL, 0, "Words of the user."),
    {.key = NULL},
};

static const crm_opt sample_run_opts[] = {
    CRM_OPT_S(sample_run, path, "data.path", "", 0, "What is read."),
    CRM_OPT_E(sample_run, device, "device", "cpu", sample_devices, 0, "Where the net is computed."),
    CRM_OPT_E(sample_run, level, "log.level", "info", sample_levels, CRM_OPT_LAYOUT, "Log lines."),
    CRM_OPT_I(sample_run, threads, "train.threads", 1, 1, 256, "threads", CRM_OPT_LAYOUT,
              "Workers."),
    CRM_OPT_I(sample_run, deep, "a.b.c", 0, -5, 5, "1", 0, "An option two groups down."),
    {.key = NULL},
};

typedef struct sample {
    sample_train train;
    sample_run run;
    crm_opt_set *set;
} sample;

static inline void sample_open(sample *s)
{
    memset(s, 0, sizeof *s);
    T_OK(crm_opt_set_new(&s->set));
    T_OK(crm_opt_set_add(s->set, sample_train_opts, &s->train));
    T_OK(crm_opt_set_add(s->set, sample_run_opts, &s->run));
}

/* Loads the YAML text under the name c.yaml with up to one assignment (NULL: none). */
static inline crm_status sample_load(sample *s, const char *yaml, const char *assignment)
{
    return crm_opt_set_load_text(s->set, "c.yaml", yaml, strlen(yaml), &assignment,
                                 assignment ? 1 : 0);
}

static inline void sample_close(sample *s)
{
    crm_opt_set_free(&s->set);
    T_CHECK(!s->set);
}

/* What the memory counter says before and after a case must agree. */
#define T_NO_LEAK(call)                                                                            \
    do {                                                                                           \
        size_t before_ = crm_mem_used();                                                           \
        call;                                                                                      \
        T_EQ_I(crm_mem_used(), before_);                                                           \
    } while (0)
#endif
