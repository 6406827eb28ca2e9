/* sweep_opts.c - options of a sweep. */
#include <string.h>

#include "crmpi/stats_metric.h"
#include "crmpi/sweep_plan.h"

#define S crm_sweep_cfg
const crm_opt crm_sweep_opts[] = {
    CRM_OPT_S(S, space, "sweep.space", "", CRM_OPT_TREE,
              "What is searched: a mapping KEY: RANGE, LIST or {..., when: CONDITION} "
              "(docs/sweeps.md); a key counts for each of eval.models that takes it."),
    CRM_OPT_E(S, sampler, "sweep.sampler", "tpe", crm_sampler_names, 0,
              "How points are chosen: all of a grid, at random, a scrambled Sobol sequence, or a "
              "tree-structured Parzen estimator, which looks at results of earlier rounds."),
    CRM_OPT_S(S, list, "sweep.list", "", CRM_OPT_FILE,
              "YAML list of points, each a mapping KEY: VALUE, in place of a sampler; keys stand "
              "in sweep.space."),
    CRM_OPT_E(
        S, scheduler, "sweep.scheduler", "none", crm_scheduler_names, 0,
        "Which trials get how much: all of it, until they fall below the median, successive "
        "halving, Hyperband, or asynchronous halving, whose promotions depend on the layout."),
    CRM_OPT_E(S, resource, "sweep.resource", "rows", crm_resource_names, 0,
              "What halving and Hyperband give more of: training rows of all inner folds, or inner "
              "folds."),
    CRM_OPT_I(S, trials, "sweep.trials", 30, 1, CRM_SWEEP_TRIALS_MAX, "trials", 0,
              "Trials of each search, so of each of eval.models; a grid has as many as it has."),
    CRM_OPT_I(S, seed, "sweep.seed", 0, 0, 9007199254740992.0, "1", 0,
              "Seed of points and inner folds."),
    CRM_OPT_I(S, startup, "sweep.startup", 10, 1, 10000, "trials", 0,
              "tpe: random points before it looks at results; median: fewest others to compare "
              "with."),
    CRM_OPT_I(S, candidates, "sweep.candidates", 24, 1, 10000, "1", 0,
              "tpe: points drawn, of which the most promising one is taken."),
    CRM_OPT_I(S, batch, "sweep.batch", 0, 0, CRM_SWEEP_TRIALS_MAX, "trials", 0,
              "tpe: trials of a round, which do not see results of each other; 0: 8, with halving "
              "a quarter of all."),
    CRM_OPT_I(S, points, "sweep.points", 5, 2, 1000, "1", 0, "grid: points of a range."),
    CRM_OPT_I(S, eta, "sweep.eta", 3, 2, 100, "1", 0,
              "Halving and Hyperband: one of so many trials goes on, with so many times the "
              "resource."),
    CRM_OPT_R(S, least, "sweep.least", 0.1, 1e-6, 1, "1", 0,
              "Halving and Hyperband: least share of the resource that a trial begins with."),
    CRM_OPT_I(S, folds, "sweep.folds", 3, 2, 100, "folds", 0,
              "Inner folds, made of the training rows of an outer fold."),
    CRM_OPT_I(S, repeats, "sweep.repeats", 1, 1, 100, "1", 0, "Repeats of the inner folds."),
    CRM_OPT_E(S, metric, "sweep.metric", "log_loss", crm_metric_names, 0,
              "Score on inner folds by which trials are compared."),
    CRM_OPT_B(S, nested, "sweep.nested", 0, 0,
              "Whether each outer fold of eval.* has searches of its own (nested "
              "cross-validation); else there is one hold-out of eval.test_fraction, which is "
              "touched once."),
    CRM_OPT_I(
        S, max_failed, "sweep.max_failed", 50, 0, 1e9, "units", CRM_OPT_LAYOUT,
        "Units that may fail before the sweep ends; 0: any number.  With a higher one it goes on."),
    CRM_OPT_I(S, group_ranks, "sweep.group_ranks", 1, 1, 1e6, "ranks", CRM_OPT_LAYOUT,
              "Ranks that share a fit."),
    CRM_OPT_L(S, first_groups, "sweep.first_groups", "", NULL, CRM_OPT_LAYOUT,
              "Ranks of the first groups where these are to be of other sizes, such as [4, 2]; "
              "all further groups have sweep.group_ranks."),
    CRM_OPT_R(S, look_s, "sweep.look", 2, 0.05, 3600, "s", CRM_OPT_LAYOUT,
              "How often results of other jobs on the same sweep are looked for."),
    CRM_OPT_R(S, lease_s, "sweep.lease", 60, 0.2, 86400, "s", CRM_OPT_LAYOUT,
              "How long a job on the same sweep may give no sign of life before others run the "
              "units that it had begun."),
    {.key = NULL},
};

crm_status crm_sweep_sizes(const crm_sweep_cfg *cfg, int sizes[CRM_SWEEP_SIZES_MAX], int *n)
{
    const crm_opt_list *first = &cfg->first_groups;

    CRM_CHECK(first->n < CRM_SWEEP_SIZES_MAX, CRM_ERR_CONFIG, "has %d groups; allowed: at most %d",
              first->n, CRM_SWEEP_SIZES_MAX - 1);
    for (int i = 0; i < first->n; i++) {
        int64_t ranks;
        CRM_CHECK(crm_parse_i64(first->item[i], strlen(first->item[i]), &ranks) && ranks >= 1 &&
                      ranks <= 1000000,
                  CRM_ERR_CONFIG, "has a group of '%s'; allowed: numbers of ranks, 1..1000000",
                  first->item[i]);
        sizes[i] = (int)ranks;
    }
    sizes[first->n] = (int)cfg->group_ranks;
    *n = first->n + 1;
    return CRM_OK;
}

crm_status crm_sweep_cfg_check(const crm_sweep_cfg *cfg, const char **key)
{
    int sizes[CRM_SWEEP_SIZES_MAX], n;

    *key = "sweep.sampler";
    CRM_CHECK(cfg->scheduler != CRM_SCHEDULER_ASYNCHRONOUS || cfg->sampler != CRM_SAMPLER_TPE ||
                  cfg->list[0],
              CRM_ERR_CONFIG,
              "looks at results of rounds, and sweep.scheduler: asynchronous has none; allowed: "
              "grid, random, sobol");
    *key = "sweep.scheduler";
    CRM_CHECK(cfg->scheduler != CRM_SCHEDULER_HYPERBAND || cfg->sampler != CRM_SAMPLER_GRID ||
                  cfg->list[0],
              CRM_ERR_CONFIG,
              "needs as many points as its brackets take; allowed with "
              "sweep.sampler: random, sobol, tpe");
    *key = "sweep.first_groups";
    return crm_sweep_sizes(cfg, sizes, &n);
}
