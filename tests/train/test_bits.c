/* test_bits.c - the hybrid fitted on any number of ranks and threads has the same weights; a fit
 * that diverges stops with a name; padding, refit, members and row-by-row prediction. ranks: 1 2 3
 * 4 timeout: 120 */
#include "crm_test_mpi.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/store.h"
#include "crmpi/train.h"

enum { ROWS = 333, NUM = 5, LEVELS = 3 };

static char folder[128], path[160];

/* Label = sign of a product of two columns, so that a net has something to learn. */
static crm_status make_data(crm_comm *comm)
{
    static const char *const columns[] = {"a", "b", "c", "d", "e"};
    static const char *const color[] = {"blue", "green", "red"};
    static float num[ROWS * NUM];
    static int32_t cat[ROWS], label[ROWS];
    int64_t mine = crm_comm_rank(comm) == 0 ? ROWS : 0;
    crm_store_writer *w = NULL;
    crm_digest d;

    for (int64_t i = 0; i < ROWS; i++) {
        crm_rng r = crm_rng_at(7, CRM_RNG_TEST, 0, (uint64_t)i);
        for (int j = 0; j < NUM; j++)
            num[i * NUM + j] = (float)crm_rng_normal(&r);
        cat[i] = (int32_t)crm_rng_below(&r, LEVELS + 1) - 1;
        label[i] = num[i * NUM] * num[i * NUM + 1] + 0.3f * (float)cat[i] > 0;
    }
    CRM_TRY(crm_store_create(comm, path, "crmpi-dataset", &w));
    CRM_TRY(crm_store_attr_i64(w, "", "rows", ROWS));
    CRM_TRY(crm_store_define(w, "profile/num", CRM_F32, 2, (int64_t[]){ROWS, NUM}, NULL));
    CRM_TRY(crm_store_attr_list(w, "profile/num", "columns", NUM, columns));
    CRM_TRY(crm_store_define(w, "profile/cat", CRM_I32, 2, (int64_t[]){ROWS, 1}, NULL));
    CRM_TRY(crm_store_attr_list(w, "profile/cat", "columns", 1, (const char *const[]){"color"}));
    CRM_TRY(crm_store_texts(w, "profile/levels/0", LEVELS, color));
    CRM_TRY(crm_store_define(w, "target/churn/label", CRM_I32, 1, (int64_t[]){ROWS}, NULL));
    CRM_TRY(crm_store_attr_text(w, "target/churn/label", "level", "customer"));
    CRM_TRY(crm_store_attr_list(w, "target/churn/label", "classes", 2,
                                (const char *const[]){"no", "yes"}));
    CRM_TRY(crm_store_write(w, "profile/num", 0, mine, num));
    CRM_TRY(crm_store_write(w, "profile/cat", 0, mine, cat));
    CRM_TRY(crm_store_write(w, "target/churn/label", 0, mine, label));
    return crm_store_commit(&w, &d);
}

/* A config with the defaults of the option tables and some --set. */
static crm_status configure(crm_hybrid_cfg *cfg, crm_opt_set **set, const char *const *sets, int n)
{
    CRM_TRY(crm_opt_set_new(set));
    for (const crm_cfg_part *p = crm_hybrid_class.parts; p->opts; p++)
        CRM_TRY(crm_opt_set_add(*set, p->opts, (char *)cfg + p->offset));
    return crm_opt_set_load(*set, NULL, sets, n);
}

typedef struct outcome {
    crm_digest weights;
    double right; /* part of rows predicted right */
    double alone; /* largest difference between a row predicted alone and among others */
} outcome;

static crm_status predict(crm_pipeline *p, const crm_data *d, outcome *o)
{
    static double proba[ROWS * 2];
    int64_t row[ROWS];
    double one[2];
    const int32_t *label = crm_data_target(d, 0)->label;

    for (int64_t i = 0; i < ROWS; i++)
        row[i] = i;
    CRM_TRY(crm_pipeline_predict(p, d, row, ROWS, proba));
    for (int64_t i = 0; i < ROWS; i++) {
        o->right += (proba[2 * i + 1] > 0.5) == label[i];
        CRM_TRY(crm_pipeline_predict(p, d, row + i, 1, one));
        o->alone = fmax(o->alone, fabs(one[1] - proba[2 * i + 1]));
    }
    o->right /= ROWS;
    return CRM_OK;
}

/* What the hook was told, one letter of the phase and the member for each first epoch, and epochs
 * in all: "s0r0s1r1" for two members with a search and a refit each. */
typedef struct heard {
    char text[64];
    int epochs[2]; /* of the last search and refit */
} heard;
static heard *listening;

static crm_hook_answer hear(void *ctx, const crm_epoch *e)
{
    heard *h = ctx;
    size_t n = strlen(h->text);

    if (e->epoch == 1) snprintf(h->text + n, sizeof h->text - n, "%c%d", e->phase[0], e->member);
    h->epochs[strcmp(e->phase, CRM_PHASE_REFIT) == 0] = (int)e->epoch;
    return CRM_HOOK_GO;
}

static crm_status fit_on(crm_comm *comm, int threads, const char *const *sets, int n, outcome *o)
{
    crm_hybrid_cfg cfg = {.whole = false};
    crm_opt_set *set = NULL;
    crm_model_spec spec = {.name = "hybrid",
                           .estimator = &crm_hybrid_class,
                           .estimator_cfg = &cfg,
                           .parts = CRM_FLAT_ALL};
    crm_fit fit = {.comm = comm, .seed = 11};
    crm_pipeline *p = NULL;
    crm_data *d = NULL;
    crm_view *v = NULL;
    crm_pool *pool = NULL;
    crm_status st = CRM_OK;

    *o = (outcome){0};
    CRM_TRY_TO(st, done, configure(&cfg, &set, sets, n));
    CRM_TRY_TO(st, done, crm_data_open(path, &d));
    CRM_TRY_TO(st, done, crm_view_all(d, &v));
    CRM_TRY_TO(st, done, crm_pool_new(threads, &pool));
    CRM_TRY_TO(st, done, crm_pipeline_new(&spec, &p));
    fit.train = v;
    fit.pool = pool;
    if (listening) fit.hooks = (crm_hooks){.ctx = listening, .on_epoch = hear};
    CRM_TRY_TO(st, done, crm_pipeline_fit(p, &fit));
    CRM_TRY_TO(st, done, crm_pipeline_digest(p, &o->weights));
    st = predict(p, d, o);
done:
    crm_pipeline_free(&p);
    crm_pool_free(&pool);
    crm_view_free(&v);
    crm_data_close(&d);
    crm_opt_set_free(&set);
    return st;
}

#define SETS(...)                                                                                  \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

/* The fit of all ranks against the fit of this rank alone. */
static void compare(int threads, const char *const *sets, int n, outcome *whole)
{
    crm_comm *alone = NULL;
    outcome o;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(fit_on(t_comm, threads, sets, n, whole));
    T_OK(fit_on(alone, 1, sets, n, &o));
    T_CHECK(crm_digest_equal(whole->weights, o.weights));
    crm_comm_free(&alone);
}

static void same_bits(void)
{
    outcome o, other;

    for (int threads = 1; threads <= 3; threads++)
        compare(threads, SETS("train.epochs=6", "train.lane_rows=8", "model.hidden=16,8"), &o);
    compare(2, SETS("train.epochs=6", "train.lane_rows=8", "model.hidden=16,8", "train.lanes=4"),
            &other);
    T_CHECK(!crm_digest_equal(o.weights, other.weights)); /* lanes are part of the config */
    compare(
        1,
        SETS("train.epochs=2", "train.lane_rows=64", "model.hidden=300,40", "train.cache_bytes=0"),
        &o);
    compare(1, SETS("train.epochs=2", "train.lane_rows=64", "model.hidden=300,40"), &other);
    T_CHECK(crm_digest_equal(o.weights, other.weights)); /* the cache is not */
}

static void learns(void)
{
    outcome o;

    compare(1,
            SETS("train.epochs=150", "train.lane_rows=4", "model.hidden=32,16", "optim.lr=0.01",
                 "train.members=2", "train.patience=30"),
            &o);
    T_CHECK(o.right > 0.9);
    T_CHECK(o.alone == 0);
}

static void stops_with_a_name(void)
{
    outcome o;

    T_FAILS(fit_on(t_comm, 1,
                   SETS("train.epochs=50", "optim.kind=sgd", "optim.lr=1e3", "optim.clip_norm=0",
                        "optim.warmup=0"),
                   &o),
            CRM_ERR_NUMERIC, "finite");
}

static void fast_mode_runs(void)
{
    outcome o;

    T_OK(fit_on(t_comm, 1, SETS("train.epochs=60", "train.reduce=fast", "train.lane_rows=4"), &o));
    T_CHECK(o.right > 0.7);
}

static void sgd_and_weights(void)
{
    outcome o;

    compare(2,
            SETS("train.epochs=4", "optim.kind=sgd", "optim.nesterov=true", "optim.lr=0.05",
                 "train.class_weight=balanced", "train.refit=false", "model.residual=true",
                 "model.hidden=16,16", "model.activation=gelu"),
            &o);
}

static void listen(const char *const *sets, int n, heard *h)
{
    outcome o;

    *h = (heard){.epochs = {0, 0}};
    listening = h;
    T_OK(fit_on(t_comm, 1, sets, n, &o));
    listening = NULL;
}

/* Phases and members as the hook is told them; the refit takes the epochs that were best, so no
 * more than the search had. */
static void tells_phases(void)
{
    heard h;

    listen(SETS("train.epochs=12", "train.lane_rows=4", "train.members=2"), &h);
    T_CHECK(strcmp(h.text, "s0r0s1r1") == 0);
    T_CHECK(h.epochs[0] >= 1 && h.epochs[1] >= 1 && h.epochs[1] <= h.epochs[0]);
    listen(SETS("train.epochs=3", "train.lane_rows=4", "train.refit=false"), &h);
    T_CHECK(strcmp(h.text, "s0") == 0);
    listen(SETS("train.epochs=3", "train.validation=0", "train.members=2"), &h);
    T_CHECK(strcmp(h.text, "f0f1") == 0 && h.epochs[0] == 3);
}

/* Of this job, the same name on all ranks. */
static crm_status make_folder(void)
{
    const char *dir = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.90s/crmpi-train-XXXXXX", dir && dir[0] ? dir : "/tmp");
    if (crm_comm_rank(t_comm) == 0 && !mkdtemp(folder)) folder[0] = '\0';
    CRM_TRY(crm_comm_bcast(t_comm, 0, folder, sizeof folder));
    CRM_CHECK(folder[0], CRM_ERR_IO, "cannot make a folder in TMPDIR");
    snprintf(path, sizeof path, "%s/data.h5", folder);
    return CRM_OK;
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"same bits on all ranks and threads", same_bits},
                                   {"learns an interaction", learns},
                                   {"stops with a name", stops_with_a_name},
                                   {"fast mode runs", fast_mode_runs},
                                   {"sgd, class weights, residual", sgd_and_weights},
                                   {"tells phases and members", tells_phases},
                                   {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm)) return 1;
    if (make_folder() || make_data(t_comm)) {
        crm_err_print(crm_comm_rank(t_comm));
        return 1;
    }
    bad = t_run_mpi(argc, argv, cases);
    if (crm_comm_rank(t_comm) == 0 && crm_path_remove(folder)) crm_err_clear();
    crm_comm_stop(&t_comm);
    return bad;
}
