/* app_sweep.h - a sweep inside of the program: what cmd_sweep.c and app_sweep.c share. */
#ifndef CRM_APP_SWEEP_H
#define CRM_APP_SWEEP_H

#include "app_impl.h"

struct app_sweep {
    app *a;
    crm_tree_file *tree; /* texts of the space */
    crm_space all;       /* of all models     */
    crm_space *space;    /* [n] of each       */
    const char **name;   /* [n]               */
    crm_search *search;  /* [n]               */
    double **list;       /* [n] fixed points  */
    crm_sweep_models models;
    crm_sweep sweep;
    crm_eval_cfg outer;
    crm_sweep_result result;
    app_trial **winner; /* [result.n] made when they are asked for */
};

/** Read the space and the fixed points for n models; no data are touched.  *out is the caller's in
 * any case (app_sweep_free).  The same on all ranks. */
CRM_CHECKED app_sweep_open(app *a, const crm_model_spec *const *spec, int n, app_sweep **out);
/** The model at a point. */
CRM_CHECKED app_sweep_trial(const app_sweep *s, int model, const double *x, app_trial **out);
/** Without nesting there is one hold-out, whatever the folds of the study are: e->cfg. */
void app_sweep_outer(app_sweep *s, crm_eval *e);

/* app_simulate.c */
/** Ranks of --simulate; CRM_ERR_CONFIG: text is no number of them. */
CRM_CHECKED app_sweep_sim_ranks(const char *text, int *out);
/** --simulate: print how a sweep, whose plan there is, would go on so many ranks, beside the same
 * one without rounds; times and losses by its ledger, known NULL: by a model.  One process. */
CRM_CHECKED app_sweep_simulate(const app *a, const app_sweep *s, const crm_sweep_ledger_all *known,
                               int ranks);

/** After a sweep: log what its rounds cost, by a simulation with the times of its ledger.  One
 *  process. */
void app_sweep_price(const app *a, const app_sweep *s, const crm_eval *e);

/* app_sweep_join.c */
/** The units that a plan knows and that have no result, as an array of tasks for Slurm; nothing
 * when there are none.  Rank 0. */
CRM_CHECKED app_sweep_missing(const app *a, const crm_sweep_plan *plan, const char *run,
                              crm_str *out);

/* cmd_study.c */
/** The sweep itself, in its run folder. */
CRM_CHECKED app_study_sweep(app *a);
/** What every way to run n models on these data has in common. */
crm_eval app_study_of(const app *a, const crm_data *d, const crm_model_spec *const *spec, int n);
#endif
