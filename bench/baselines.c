/* baselines.c - one classical model on the data of bench_baselines_data, timed:
 * bench_baselines MODEL FILE FIT PREDICT [KEY=VALUE ...].
 *
 * Fits on the first FIT rows and predicts the last PREDICT, without transforms, over the ranks it
 * was started on.  Rank 0 prints one line of JSON: wall and CPU seconds (the latter summed over
 * ranks) of fit and prediction, the most memory of a rank, accuracy and AUC of the prediction.
 * Options are those of the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"
#include "crmpi/base_str.h"
#include "crmpi/classic.h"
#include "crmpi/comm.h"
#include "crmpi/stats_metric.h"
#include "crmpi/train.h"

static const crm_estimator_class *const classes[] = {
    &crm_logistic_class, &crm_rule_class,   &crm_naive_bayes_class, &crm_knn_class, &crm_svm_class,
    &crm_tree_class,     &crm_forest_class, &crm_boosting_class,    &crm_mlp_class};

typedef struct job {
    crm_comm *world;
    crm_data *data;
    crm_view *train;
    const int64_t *test;
    int64_t n_test;
    crm_pipeline *p;
    crm_opt_set *opts;
    void *cfg;
    double wall[2], cpu[2];
} job;

static double cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static const crm_estimator_class *find(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i]->name, name) == 0) return classes[i];
    return NULL;
}

static crm_status configure(job *j, const crm_estimator_class *c, int n, const char *const *set)
{
    CRM_TRY(crm_opt_set_new(&j->opts));
    j->cfg = crm_mem_new(1, c->cfg_size);
    CRM_CHECK(j->cfg, CRM_ERR_NOMEM, "out of memory: options");
    for (const crm_cfg_part *p = c->parts; p && p->opts; p++)
        CRM_TRY(crm_opt_set_add(j->opts, p->opts, (char *)j->cfg + p->offset));
    return crm_opt_set_load(j->opts, NULL, set, n);
}

static crm_status fit(job *j)
{
    crm_fit f = {.comm = j->world, .train = j->train, .seed = 1};
    double wall, cpu;

    CRM_TRY(crm_comm_barrier(j->world));
    wall = crm_clock_now();
    cpu = cpu_now();
    CRM_TRY(crm_pipeline_fit(j->p, &f));
    j->cpu[0] = cpu_now() - cpu;
    CRM_TRY(crm_comm_barrier(j->world));
    j->wall[0] = crm_clock_now() - wall;
    return CRM_OK;
}

/* Each rank a part of the rows; the probabilities come together on rank 0. */
static crm_status predict(job *j, double **proba)
{
    int rank = crm_comm_rank(j->world), size = crm_comm_size(j->world);
    int64_t first = j->n_test * rank / size, n = j->n_test * (rank + 1) / size - first;
    double *mine = NULL, wall = crm_clock_now(), cpu = cpu_now();
    size_t total;
    crm_status st;

    CRM_NEW(mine, n * 2);
    st = crm_comm_agree(j->world, crm_pipeline_predict(j->p, j->data, j->test + first, n, mine));
    j->cpu[1] = cpu_now() - cpu;
    if (!st) st = crm_comm_barrier(j->world);
    j->wall[1] = crm_clock_now() - wall;
    if (!st)
        st = crm_comm_gather(j->world, 0, mine, (size_t)(n * 2) * sizeof *mine, (void **)proba,
                             &total, NULL);
    crm_mem_free(mine);
    return st;
}

static crm_status print(job *j, const double *proba)
{
    const int32_t *label = crm_data_target(j->data, 0)->label + j->test[0];
    double m[CRM_METRIC_COUNT], bytes = (double)crm_mem_resident_peak(), *all;
    double mine[] = {j->cpu[0], j->cpu[1]}, cpu[] = {0, 0};
    size_t total;

    CRM_TRY(crm_comm_max_f64(j->world, &bytes, 1));
    CRM_TRY(crm_comm_gather(j->world, 0, mine, sizeof mine, (void **)&all, &total, NULL));
    if (crm_comm_rank(j->world) > 0) return CRM_OK;
    for (size_t i = 0; i < total / sizeof *all; i++)
        cpu[i % 2] += all[i];
    crm_mem_free(all);
    CRM_TRY(crm_stats_metrics(j->n_test, 2, label, proba, m, NULL));
    printf("{\"fit_s\": %.6f, \"fit_cpu_s\": %.6f, \"predict_s\": %.6f, \"predict_cpu_s\": %.6f, "
           "\"peak_mib\": %.1f, \"accuracy\": %.5f, \"auc\": %.5f}\n",
           j->wall[0], cpu[0], j->wall[1], cpu[1], bytes / 1048576, m[CRM_METRIC_ACCURACY],
           m[CRM_METRIC_AUC]);
    return CRM_OK;
}

static crm_status run(job *j, const crm_model_spec *spec, const char *path, int64_t n_fit)
{
    double *proba = NULL;
    crm_view *all = NULL;
    crm_status st = CRM_OK;

    CRM_TRY(crm_data_open(path, &j->data));
    CRM_CHECK(n_fit + j->n_test <= crm_data_rows(j->data), CRM_ERR_ARG, "%s has %lld rows", path,
              (long long)crm_data_rows(j->data));
    CRM_TRY(crm_view_all(j->data, &all));
    CRM_TRY_TO(st, done, crm_view_all(j->data, &j->train));
    j->train->n = n_fit;
    j->test = all->row + all->n - j->n_test;
    CRM_TRY_TO(st, done, crm_pipeline_new(spec, &j->p));
    CRM_TRY_TO(st, done, fit(j));
    CRM_TRY_TO(st, done, predict(j, &proba));
    st = print(j, proba);
done:
    crm_mem_free(proba);
    crm_view_free(&all);
    crm_view_free(&j->train);
    crm_pipeline_free(&j->p);
    crm_data_close(&j->data);
    return st;
}

int main(int argc, char **argv)
{
    const crm_estimator_class *c = argc >= 5 ? find(argv[1]) : NULL;
    job j = {0};
    int64_t n_fit = 0;
    crm_status st;

    if (!c || !crm_parse_i64(argv[3], strlen(argv[3]), &n_fit) || n_fit < 2 ||
        !crm_parse_i64(argv[4], strlen(argv[4]), &j.n_test) || j.n_test < 2) {
        fprintf(stderr, "usage: %s MODEL FILE FIT PREDICT [KEY=VALUE ...]\n", argv[0]);
        return 2;
    }
    st = crm_comm_start(&argc, &argv, &j.world);
    if (!st) st = configure(&j, c, argc - 5, (const char *const *)argv + 5);
    if (!st)
        st =
            run(&j,
                &(crm_model_spec){
                    .name = c->name, .estimator = c, .estimator_cfg = j.cfg, .parts = CRM_FLAT_ALL},
                argv[2], n_fit);
    if (st) fprintf(stderr, "%s: %s\n", argv[0], crm_err_text());
    crm_mem_free(j.cfg);
    crm_opt_set_free(&j.opts);
    crm_comm_stop(&j.world);
    return st ? 3 : 0;
}
