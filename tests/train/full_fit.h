/* full_fit.h - fits of the whole net on the data sets of full_data.h, for the tests of this folder.
 */
#ifndef FULL_FIT_H
#define FULL_FIT_H

#include "crm_test_mpi.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/ckpt.h"
#include "crmpi/train.h"
#include "full_data.h"

/* Files of the test. */
enum {
    FILE_PLAIN,
    FILE_SHUFFLED,
    FILE_UNKNOWN,
    FILE_CUT,
    FILE_EMPTY,
    FILE_NO_MONTHS,
    FILE_TEXT,
    FILE_INFINITE,
    FILE_HUGE
};
enum { FILES = FILE_HUGE + 1 };
static char folder[128], path[FILES][160];

/* Small enough for seconds, with every branch; events and documents are cut. */
#define SMALL                                                                                      \
    "train.lane_rows=8", "train.epochs=3", "model.hidden=8", "model.fusion=12", "model.months=6",  \
        "model.rnn_units=7", "model.text_filters=5", "model.text_dim=6", "model.event_steps=5",    \
        "model.documents=3", "model.text_length=7", "text.min_count=1"
#define HEADS "model.heads=segment:0.5,mood,visits:0.3,issue"
#define SETS(...)                                                                                  \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

/* A transform before the net, in all fits from here on; NULL: none. */
static const crm_transform_class *before_net;
static const void *before_net_cfg;

/* One fit and all it needs. */
typedef struct fitted {
    crm_hybrid_cfg cfg;
    crm_opt_set *set;
    crm_model_spec spec;
    crm_data *data;
    crm_view *view;
    crm_pool *pool;
    crm_pipeline *pipe;
    crm_hooks hooks;           /* in */
    const crm_bag *init;       /* in */
    int64_t rows;              /* in: of the view, from the first; 0: all */
    unsigned parts;            /* in: flat columns */
    const char *target;        /* in: NULL: churn */
    bool whole;                /* in: all lanes of a rank as one call on the CPU */
    crm_device *device;        /* in: NULL: the CPU */
    const crm_device_cfg *gpu; /* in */
} fitted;

static inline void drop(fitted *f)
{
    crm_pipeline_free(&f->pipe);
    crm_pool_free(&f->pool);
    crm_view_free(&f->view);
    crm_data_close(&f->data);
    crm_opt_set_free(&f->set);
}

static inline crm_status prepare(fitted *f, const char *file, int threads, const char *const *sets,
                                 int n)
{
    f->spec = (crm_model_spec){.name = "hybrid",
                               .estimator = &crm_hybrid_class,
                               .estimator_cfg = &f->cfg,
                               .parts = f->parts,
                               .device = f->device,
                               .gpu = f->gpu};
    if (before_net) {
        f->spec.n_transforms = 1;
        f->spec.transform[0] = before_net;
        f->spec.transform_cfg[0] = before_net_cfg;
    }
    f->cfg.whole = f->whole;
    CRM_TRY(crm_opt_set_new(&f->set));
    for (const crm_cfg_part *p = crm_hybrid_class.parts; p->opts; p++)
        CRM_TRY(crm_opt_set_add(f->set, p->opts, (char *)&f->cfg + p->offset));
    CRM_TRY(crm_opt_set_load(f->set, NULL, sets, n));
    CRM_TRY(crm_data_open(file, &f->data));
    CRM_TRY(crm_view_all(f->data, &f->view));
    if (f->rows) f->view->n = f->rows;
    CRM_TRY(crm_pool_new(threads, &f->pool));
    return crm_pipeline_new(&f->spec, &f->pipe);
}

static inline crm_status fit_on(crm_comm *comm, const char *file, int threads,
                                const char *const *sets, int n, fitted *f)
{
    crm_fit fit = {.comm = comm, .seed = 5, .hooks = f->hooks, .init = f->init};

    CRM_TRY(crm_comm_agree(comm, prepare(f, file, threads, sets, n)));
    fit.train = f->view;
    fit.pool = f->pool;
    CRM_TRY(crm_data_find_target(f->data, f->target ? f->target : "churn", &fit.target));
    return crm_pipeline_fit(f->pipe, &fit);
}

static inline crm_status predict_first(crm_pipeline *p, const char *file, int64_t n, double *proba)
{
    crm_data *d = NULL;
    int64_t row[ROWS];
    crm_status st;

    for (int64_t i = 0; i < n; i++)
        row[i] = i;
    CRM_TRY(crm_data_open(file, &d));
    st = crm_pipeline_predict(p, d, row, n, proba);
    crm_pipeline_forget(p);
    crm_data_close(&d);
    return st;
}

static inline crm_status predict_on(crm_pipeline *p, const char *file, double *proba)
{
    return predict_first(p, file, ROWS, proba);
}

static inline double difference(const double *a, const double *b, int64_t first)
{
    double most = 0;

    for (int64_t i = 2 * first; i < 2 * ROWS; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* Of this job, the same name on all ranks. */
static inline crm_status make_folder(void)
{
    const char *dir = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.90s/crmpi-full-XXXXXX", dir && dir[0] ? dir : "/tmp");
    if (crm_comm_rank(t_comm) == 0 && !mkdtemp(folder)) folder[0] = '\0';
    CRM_TRY(crm_comm_bcast(t_comm, 0, folder, sizeof folder));
    CRM_CHECK(folder[0], CRM_ERR_IO, "cannot make a folder in TMPDIR");
    return CRM_OK;
}

static inline crm_status make_files(void)
{
    static const struct {
        int variant;
        const char *blocks;
    } file[FILES] = {[FILE_PLAIN] = {PLAIN, "pmed"},     [FILE_SHUFFLED] = {SHUFFLED, "pmed"},
                     [FILE_UNKNOWN] = {UNKNOWN, "pmed"}, [FILE_CUT] = {CUT, "pmed"},
                     [FILE_EMPTY] = {EMPTY, "pmed"},     [FILE_NO_MONTHS] = {PLAIN, "ped"},
                     [FILE_TEXT] = {PLAIN, "d"},         [FILE_INFINITE] = {INFINITE, "pmed"},
                     [FILE_HUGE] = {HUGE_ROW, "pmed"}};

    CRM_TRY(make_folder());
    for (int i = 0; i < FILES; i++) {
        snprintf(path[i], sizeof path[i], "%s/%d.h5", folder, i);
        CRM_TRY(write_full(t_comm, path[i], file[i].variant, file[i].blocks));
    }
    return CRM_OK;
}

static inline int run_cases(int argc, char **argv, const t_case *cases)
{
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm)) return 1;
    if (make_files()) {
        crm_err_print(crm_comm_rank(t_comm));
        return 1;
    }
    bad = t_run_mpi(argc, argv, cases);
    if (crm_comm_rank(t_comm) == 0 && crm_path_remove(folder)) crm_err_clear();
    crm_comm_stop(&t_comm);
    return bad;
}
#endif
