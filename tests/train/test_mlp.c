/* test_mlp.c - the multilayer perceptron: the net that the hybrid is with the same settings; equal
 * bits on any number of ranks and threads; files, vectors, parameters from elsewhere; odd tables
 * and settings. ranks: 1 2 3 4 timeout: 180 */
#include "crm_test_mpi.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/store.h"
#include "crmpi/train.h"

enum { ROWS = 400, NUM = 4, LEVELS = 3 };
enum { PLAIN, ODD, HUGE_VALUES, FILES };

static char folder[128], path[FILES][160];

/* Three classes by two columns and a category.  Odd: a constant column, codes that are missing
 * throughout, and one class only.  Huge: values of 1e30, which are not scaled here. */
static crm_status make_data(crm_comm *comm, int file)
{
    static const char *const columns[] = {"a", "b", "c", "d"};
    static const char *const color[] = {"blue", "green", "red"};
    static float num[ROWS * NUM];
    static int32_t cat[ROWS], label[ROWS];
    int64_t mine = crm_comm_rank(comm) == 0 ? ROWS : 0;
    crm_store_writer *w = NULL;
    crm_digest d;

    for (int64_t i = 0; i < ROWS; i++) {
        crm_rng r = crm_rng_at(7, CRM_RNG_TEST, 0, (uint64_t)i);
        float *x = num + i * NUM;
        for (int j = 0; j < NUM; j++)
            x[j] = (float)crm_rng_normal(&r);
        cat[i] = (int32_t)crm_rng_below(&r, LEVELS + 1) - 1;
        label[i] = x[0] * x[1] > 0 ? cat[i] == 2 ? 2 : 1 : 0;
        if (file == HUGE_VALUES) x[3] = i % 2 ? 1e30F : -1e30F;
        if (file != ODD) continue;
        x[1] = 4;
        cat[i] = -1;
        label[i] = 1;
    }
    CRM_TRY(crm_store_create(comm, path[file], "crmpi-dataset", &w));
    CRM_TRY(crm_store_attr_i64(w, "", "rows", ROWS));
    CRM_TRY(crm_store_define(w, "profile/num", CRM_F32, 2, (int64_t[]){ROWS, NUM}, NULL));
    CRM_TRY(crm_store_attr_list(w, "profile/num", "columns", NUM, columns));
    CRM_TRY(crm_store_define(w, "profile/cat", CRM_I32, 2, (int64_t[]){ROWS, 1}, NULL));
    CRM_TRY(crm_store_attr_list(w, "profile/cat", "columns", 1, (const char *const[]){"color"}));
    CRM_TRY(crm_store_texts(w, "profile/levels/0", LEVELS, color));
    CRM_TRY(crm_store_define(w, "target/y/label", CRM_I32, 1, (int64_t[]){ROWS}, NULL));
    CRM_TRY(crm_store_attr_text(w, "target/y/label", "level", "customer"));
    CRM_TRY(crm_store_attr_list(w, "target/y/label", "classes", 3,
                                (const char *const[]){"low", "middle", "high"}));
    CRM_TRY(crm_store_write(w, "profile/num", 0, mine, num));
    CRM_TRY(crm_store_write(w, "profile/cat", 0, mine, cat));
    CRM_TRY(crm_store_write(w, "target/y/label", 0, mine, label));
    return crm_store_commit(&w, &d);
}

/* One model without transforms, fitted. */
typedef struct fitted {
    union {
        crm_mlp_cfg mlp;
        crm_hybrid_cfg hybrid;
    } cfg;
    crm_opt_set *set;
    crm_model_spec spec;
    crm_data *data;
    crm_view *view;
    crm_pool *pool;
    crm_pipeline *pipe;
    char phases[64]; /* first letters of the phases that the hook was told */
    int epochs;
} fitted;

static void drop(fitted *f)
{
    crm_pipeline_free(&f->pipe);
    crm_pool_free(&f->pool);
    crm_view_free(&f->view);
    crm_data_close(&f->data);
    crm_opt_set_free(&f->set);
}

static crm_hook_answer hear(void *ctx, const crm_epoch *e)
{
    fitted *f = ctx;
    size_t n = strlen(f->phases);

    if (e->epoch == 1) snprintf(f->phases + n, sizeof f->phases - n, "%c", e->phase[0]);
    f->epochs++;
    return CRM_HOOK_GO;
}

static crm_status prepare(const crm_estimator_class *class, int file, int threads,
                          const char *const *sets, int n, fitted *f)
{
    f->spec = (crm_model_spec){
        .name = class->name, .estimator = class, .estimator_cfg = &f->cfg, .parts = CRM_FLAT_ALL};
    CRM_TRY(crm_opt_set_new(&f->set));
    for (const crm_cfg_part *p = class->parts; p->opts; p++)
        CRM_TRY(crm_opt_set_add(f->set, p->opts, (char *)&f->cfg + p->offset));
    CRM_TRY(crm_opt_set_load(f->set, NULL, sets, n));
    CRM_TRY(crm_data_open(path[file], &f->data));
    CRM_TRY(crm_view_all(f->data, &f->view));
    CRM_TRY(crm_pool_new(threads, &f->pool));
    return crm_pipeline_new(&f->spec, &f->pipe);
}

static crm_status fit_class(const crm_estimator_class *class, crm_comm *comm, int file, int threads,
                            const char *const *sets, int n, fitted *f)
{
    crm_fit fit = {.comm = comm, .seed = 11, .hooks = {.ctx = f, .on_epoch = hear}};

    *f = (fitted){.epochs = 0};
    CRM_TRY(crm_comm_agree(comm, prepare(class, file, threads, sets, n, f)));
    fit.train = f->view;
    fit.pool = f->pool;
    return crm_pipeline_fit(f->pipe, &fit);
}

static crm_status fit_on(crm_comm *comm, int file, int threads, const char *const *sets, int n,
                         fitted *f)
{
    return fit_class(&crm_mlp_class, comm, file, threads, sets, n, f);
}

#define SETS(...)                                                                                  \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static crm_digest digest_of(const fitted *f)
{
    crm_digest d = {0};

    T_OK(crm_pipeline_digest(f->pipe, &d));
    return d;
}

/* Probabilities of all rows, which are numbers that sum to 1; the part that is right. */
static double predict(crm_pipeline *p, const crm_data *d, double *proba)
{
    const int32_t *label = crm_data_target(d, 0)->label;
    int64_t row[ROWS];
    int right = 0;

    for (int64_t i = 0; i < ROWS; i++)
        row[i] = i;
    T_OK(crm_pipeline_predict(p, d, row, ROWS, proba));
    for (int64_t i = 0; i < ROWS; i++) {
        const double *q = proba + 3 * i;
        int best = q[1] > q[0] ? 1 : 0;
        if (!(fabs(q[0] + q[1] + q[2] - 1) < 1e-6)) T_NEAR(q[0] + q[1] + q[2], 1, 1e-6);
        if (q[2] > q[best]) best = 2;
        right += best == label[i];
    }
    return (double)right / ROWS;
}

/* ---- bits ---- */

/* The fit of all ranks against the fit of this rank alone. */
static void compare(int threads, const char *const *sets, int n)
{
    static double p[ROWS * 3], q[ROWS * 3];
    crm_comm *alone = NULL;
    fitted together, single;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_OK(fit_on(t_comm, PLAIN, threads, sets, n, &together));
    T_OK(fit_on(alone, PLAIN, 1, sets, n, &single));
    T_CHECK(crm_digest_equal(digest_of(&together), digest_of(&single)));
    predict(together.pipe, together.data, p);
    predict(single.pipe, single.data, q);
    T_CHECK(memcmp(p, q, sizeof p) == 0);
    drop(&together);
    drop(&single);
    crm_comm_free(&alone);
}

static void same_bits(void)
{
    compare(1, SETS("mlp.epochs=4", "mlp.batch_rows=48"));
    compare(2, SETS("mlp.epochs=4", "mlp.batch_rows=50", "mlp.lanes=8", "mlp.hidden=20,10"));
    compare(2, SETS("mlp.epochs=3", "mlp.batch_rows=7", "mlp.lanes=1", "mlp.dropout=0.2",
                    "mlp.class_weight=balanced", "mlp.refit=false"));
}

/* ---- stopped and gone on ---- */

typedef struct watcher {
    int64_t left; /* boundaries until the pause; 0: none */
    char file[160];
} watcher;

static crm_status watch_ask(void *ctx, const crm_boundary *at, crm_hook_answer *answer)
{
    watcher *w = ctx;

    (void)at;
    *answer = w->left > 0 && --w->left == 0 ? CRM_HOOK_PAUSE : CRM_HOOK_GO;
    return CRM_OK;
}

static crm_status watch_save(void *ctx, const crm_boundary *at, crm_bag *state)
{
    (void)at;
    return state ? crm_bag_write(state, ((const watcher *)ctx)->file, "state") : CRM_OK;
}

/* Paused after so many boundaries (0: never), from a saved state or from the start. */
static crm_status live(int64_t pause, const crm_bag *from, const char *const *sets, int n,
                       crm_digest *out)
{
    watcher w = {.left = pause};
    crm_fit fit = {.comm = t_comm,
                   .seed = 11,
                   .hooks = {.ctx = &w, .ask = watch_ask, .save = watch_save, .resume_from = from}};
    fitted f = {.epochs = 0};
    crm_status st;

    snprintf(w.file, sizeof w.file, "%.140s/state.h5", folder);
    CRM_TRY(crm_comm_agree(t_comm, prepare(&crm_mlp_class, PLAIN, 2, sets, n, &f)));
    fit.train = f.view;
    fit.pool = f.pool;
    st = crm_pipeline_fit(f.pipe, &fit);
    if (!st) st = crm_pipeline_digest(f.pipe, out);
    drop(&f);
    return st;
}

static void goes_on(void)
{
    const char *const sets[] = {"mlp.epochs=4", "mlp.batch_rows=48", "mlp.dropout=0.2"};
    crm_digest want = {0}, got = {0};
    crm_bag *from = NULL;
    char file[160];

    snprintf(file, sizeof file, "%.140s/state.h5", folder);
    T_OK(live(0, NULL, sets, 3, &want));
    T_FAILS(live(11, NULL, sets, 3, &got), CRM_ERR_STOPPED, "stopped at step 10 of phase search");
    T_OK(crm_bag_read(file, "state", &from));
    T_FAILS(live(1, from, sets, 3, &got), CRM_ERR_STOPPED, "stopped at step 11 of phase search");
    crm_bag_free(&from);
    T_OK(crm_bag_read(file, "state", &from));
    T_OK(live(0, from, sets, 3, &got));
    T_CHECK(crm_digest_equal(want, got));
    crm_bag_free(&from);
}

/* With the settings that the thin layer stands for, the hybrid is the same net: equal parameters
 * under equal names, equal probabilities. */
static void is_the_hybrid(void)
{
    static double p[ROWS * 3], q[ROWS * 3];
    fitted a, b;

    T_OK(fit_on(t_comm, PLAIN, 1,
                SETS("mlp.epochs=5", "mlp.batch_rows=30", "mlp.hidden=12,7", "mlp.alpha=0.3",
                     "mlp.learning_rate=0.004", "mlp.schedule=linear", "mlp.activation=tanh",
                     "mlp.validation=0.25", "mlp.patience=2", "mlp.dropout=0.1"),
                &a));
    T_OK(fit_class(&crm_hybrid_class, t_comm, PLAIN, 1,
                   SETS("train.epochs=5", "train.lanes=4", "train.lane_rows=8", "model.hidden=12,7",
                        "optim.weight_decay=0.3", "optim.lr=0.004", "optim.schedule=linear",
                        "optim.warmup=0", "optim.clip_norm=0", "model.activation=tanh",
                        "train.validation=0.25", "train.patience=2", "model.dropout=0.1",
                        "model.fusion=0", "model.rnn=none", "model.text=none", "model.months=[]"),
                   &b));
    T_CHECK(strcmp(a.phases, b.phases) == 0 && a.epochs == b.epochs);
    predict(a.pipe, a.data, p);
    predict(b.pipe, b.data, q);
    T_CHECK(memcmp(p, q, sizeof p) == 0);
    drop(&a);
    drop(&b);
}

/* ---- what it learns ---- */
static void learns(void)
{
    static double p[ROWS * 3];
    fitted f;

    T_OK(fit_on(
        t_comm, PLAIN, 1,
        SETS("mlp.epochs=150", "mlp.batch_rows=32", "mlp.validation=0", "mlp.learning_rate=0.01"),
        &f));
    T_CHECK(strcmp(f.phases, "f") == 0 && f.epochs == 150);
    T_CHECK(predict(f.pipe, f.data, p) > 0.93);
    drop(&f);
    T_OK(fit_on(t_comm, PLAIN, 1, SETS("mlp.epochs=300", "mlp.batch_rows=32", "mlp.patience=8"),
                &f));
    T_CHECK(strcmp(f.phases, "sr") == 0 && f.epochs < 2 * 300);
    T_CHECK(predict(f.pipe, f.data, p) > 0.85);
    drop(&f);
}

/* Without hidden layers the product of two columns cannot be told. */
static void is_linear_without_layers(void)
{
    static double p[ROWS * 3];
    fitted f;
    double right;

    T_OK(fit_on(t_comm, PLAIN, 1, SETS("mlp.hidden=[]", "mlp.epochs=60", "mlp.validation=0"), &f));
    right = predict(f.pipe, f.data, p);
    T_CHECK(right > 0.4 && right < 0.8);
    drop(&f);
}

/* ---- files, vectors, parameters ---- */
static void goes_through_files(void)
{
    static double p[ROWS * 3], q[ROWS * 3];
    char file[200];
    crm_bag *b, *back;
    crm_pipeline *loaded;
    fitted f;

    T_OK(fit_on(t_comm, PLAIN, 1, SETS("mlp.epochs=3", "mlp.hidden=9"), &f));
    predict(f.pipe, f.data, p);
    snprintf(file, sizeof file, "%s/mlp%d.h5", folder, crm_comm_rank(t_comm));
    T_OK(crm_bag_new(&b));
    T_OK(crm_pipeline_save(f.pipe, b));
    T_OK(crm_bag_write(b, file, "test"));
    T_OK(crm_bag_read(file, "test", &back));
    T_OK(crm_pipeline_new(&f.spec, &loaded));
    T_OK(crm_pipeline_load(loaded, f.data, back));
    predict(loaded, f.data, q);
    T_CHECK(memcmp(p, q, sizeof p) == 0);
    crm_pipeline_free(&loaded);
    crm_bag_free(&back);
    crm_bag_free(&b);
    drop(&f);
}

/* The vector of a row is what the output layer sees: as wide as the last hidden layer, and with it
 * the softmax of the weights gives the probabilities. */
static void has_vectors_and_parameters(void)
{
    static double p[ROWS * 3];
    const crm_bag_array *w, *bias;
    float *v = NULL;
    int64_t row[] = {0, 17, 399}, width = 0;
    double most = 0;
    crm_bag *b, *given;
    fitted f;

    T_OK(
        fit_on(t_comm, PLAIN, 1, SETS("mlp.epochs=6", "mlp.hidden=14,6", "mlp.batch_rows=40"), &f));
    predict(f.pipe, f.data, p);
    T_OK(crm_pipeline_embed(f.pipe, f.data, row, 3, &width, &v));
    T_EQ_I(width, 6);
    T_OK(crm_bag_new(&b));
    T_OK(crm_pipeline_save(f.pipe, b));
    T_OK(crm_bag_push(b, "estimator"));
    T_OK(crm_bag_get(b, "heads.y.weight", CRM_F32, 3 * 6, &w));
    T_OK(crm_bag_get(b, "heads.y.bias", CRM_F32, 3, &bias));
    for (int i = 0; i < 3; i++) {
        double z[3], sum = 0;
        for (int c = 0; c < 3; c++) {
            z[c] = (double)((const float *)bias->data)[c];
            for (int j = 0; j < 6; j++)
                z[c] += (double)((const float *)w->data)[6 * c + j] * (double)v[6 * i + j];
            sum += exp(z[c]);
        }
        for (int c = 0; c < 3; c++)
            most = fmax(most, fabs(exp(z[c]) / sum - p[3 * row[i] + c]));
    }
    T_CHECK(most < 1e-5);
    T_OK(crm_bag_new(&given));
    T_OK(crm_bag_put(given, "heads.y.weight", CRM_F32, 2, (int64_t[]){3, 5}, w->data));
    T_FAILS(crm_pipeline_weights(f.pipe, given), CRM_ERR_FORMAT, "[3 x 6] is needed");
    crm_bag_free(&given);
    crm_bag_free(&b);
    crm_mem_free(v);
    drop(&f);
}

/* ---- odd things ---- */
static void takes_odd_tables(void)
{
    static double p[ROWS * 3];
    fitted f;

    T_OK(fit_on(t_comm, ODD, 1, SETS("mlp.epochs=5"), &f));
    T_CHECK(predict(f.pipe, f.data, p) == 1);
    drop(&f);
    T_OK(fit_on(t_comm, ODD, 1, SETS("mlp.epochs=2", "mlp.class_weight=balanced"), &f));
    T_CHECK(predict(f.pipe, f.data, p) == 1);
    drop(&f);
    T_OK(fit_on(t_comm, HUGE_VALUES, 1, SETS("mlp.epochs=5", "mlp.hidden=10,10"), &f));
    predict(f.pipe, f.data, p);
    drop(&f);
    T_OK(fit_on(t_comm, PLAIN, 1, SETS("mlp.epochs=2", "mlp.batch_rows=100000", "mlp.lanes=64"),
                &f));
    predict(f.pipe, f.data, p);
    drop(&f);
    T_OK(fit_on(t_comm, PLAIN, 1, SETS("mlp.epochs=2", "mlp.batch_rows=1", "mlp.lanes=2"), &f));
    predict(f.pipe, f.data, p);
    drop(&f);
    T_OK(fit_on(t_comm, PLAIN, 1, SETS("mlp.epochs=2", "mlp.learning_rate=0"), &f));
    predict(f.pipe, f.data, p);
    drop(&f);
}

static void refuses(const char *set, const char *part)
{
    fitted f;

    T_FAILS(fit_on(t_comm, PLAIN, 1, &set, 1, &f), CRM_ERR_CONFIG, part);
    drop(&f);
}

static void refuses_wrong_settings(void)
{
    fitted f;

    refuses("mlp.hidden=0", "mlp.hidden: value '0', allowed: integers 1..65536");
    refuses("mlp.hidden=10,x", "mlp.hidden: value 'x', allowed");
    refuses("mlp.hidden=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "mlp.hidden: 17 numbers");
    refuses("mlp.lanes=3", "power of two");
    T_FAILS(fit_on(t_comm, PLAIN, 1,
                   SETS("mlp.learning_rate=1000", "mlp.epochs=50", "mlp.hidden=50,50,50",
                        "mlp.validation=0", "mlp.alpha=1000"),
                   &f),
            CRM_ERR_NUMERIC, "mlp.learning_rate");
    drop(&f);
}

/* What a study asks before it shares ranks out. */
static void tells_its_traits(void)
{
    crm_mlp_cfg cfg = {.lanes = 16, .batch_rows = 200};
    crm_estimator_traits t = crm_mlp_class.traits(&cfg);

    T_EQ_I(t.max_ranks, 16);
    T_CHECK(!t.by_layout && t.parts == CRM_FLAT_ALL);
    T_CHECK(crm_mlp_class.uses_device);
}

static crm_status make_files(void)
{
    const char *dir = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.90s/crmpi-mlp-XXXXXX", dir && dir[0] ? dir : "/tmp");
    if (crm_comm_rank(t_comm) == 0 && !mkdtemp(folder)) folder[0] = '\0';
    CRM_TRY(crm_comm_bcast(t_comm, 0, folder, sizeof folder));
    CRM_CHECK(folder[0], CRM_ERR_IO, "cannot make a folder in TMPDIR");
    for (int i = 0; i < FILES; i++) {
        snprintf(path[i], sizeof path[i], "%s/%d.h5", folder, i);
        CRM_TRY(make_data(t_comm, i));
    }
    return CRM_OK;
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"same bits on all ranks and threads", same_bits},
                                   {"stopped, it goes on", goes_on},
                                   {"is the hybrid", is_the_hybrid},
                                   {"learns", learns},
                                   {"is linear without layers", is_linear_without_layers},
                                   {"goes through files", goes_through_files},
                                   {"has vectors and parameters", has_vectors_and_parameters},
                                   {"takes odd tables", takes_odd_tables},
                                   {"refuses wrong settings", refuses_wrong_settings},
                                   {"tells its traits", tells_its_traits},
                                   {NULL, NULL}};
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
