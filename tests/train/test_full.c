/* test_full.c - the whole net in the step loop: months, events, documents and several heads have
 * the same bits on any number of ranks and threads and on every instruction set; what is fitted of
 * the blocks; other data by name; first weights from outside. ranks: 1 2 3 4 timeout: 120 */
#include "crm_test_mpi.h"

#include <stdlib.h>
#include <unistd.h>

#include "crmpi/base_mem.h"
#include "crmpi/ckpt.h"
#include "crmpi/train.h"
#include "full_data.h"

static char plain[96], shuffled[96], unknown[96], no_months[96], text_only[96];

/* Small enough for seconds, with every branch; events and documents are cut. */
#define SMALL                                                                                      \
    "train.lane_rows=8", "train.epochs=3", "model.hidden=8", "model.fusion=12", "model.months=6",  \
        "model.rnn_units=7", "model.text_filters=5", "model.text_dim=6", "model.event_steps=5",    \
        "model.documents=3", "model.text_length=7", "text.min_count=1"
#define HEADS "model.heads=segment:0.5,mood,visits:0.3,issue"
#define SETS(...)                                                                                  \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

/* One fit and all it needs. */
typedef struct fitted {
    crm_hybrid_cfg cfg;
    crm_opt_set *set;
    crm_model_spec spec;
    crm_data *data;
    crm_view *view;
    crm_pool *pool;
    crm_pipeline *pipe;
    crm_hooks hooks;     /* in */
    const crm_bag *init; /* in */
    int64_t rows;        /* in: of the view, from the first; 0: all */
    unsigned parts;      /* in: flat columns */
} fitted;

static void drop(fitted *f)
{
    crm_pipeline_free(&f->pipe);
    crm_pool_free(&f->pool);
    crm_view_free(&f->view);
    crm_data_close(&f->data);
    crm_opt_set_free(&f->set);
}

static crm_status prepare(fitted *f, const char *path, int threads, const char *const *sets, int n)
{
    f->spec = (crm_model_spec){.name = "hybrid",
                               .estimator = &crm_hybrid_class,
                               .estimator_cfg = &f->cfg,
                               .parts = f->parts};
    CRM_TRY(crm_opt_set_new(&f->set));
    for (const crm_cfg_part *p = crm_hybrid_class.parts; p->opts; p++)
        CRM_TRY(crm_opt_set_add(f->set, p->opts, (char *)&f->cfg + p->offset));
    CRM_TRY(crm_opt_set_load(f->set, NULL, sets, n));
    CRM_TRY(crm_data_open(path, &f->data));
    CRM_TRY(crm_view_all(f->data, &f->view));
    if (f->rows) f->view->n = f->rows;
    CRM_TRY(crm_pool_new(threads, &f->pool));
    return crm_pipeline_new(&f->spec, &f->pipe);
}

static crm_status fit_on(crm_comm *comm, const char *path, int threads, const char *const *sets,
                         int n, fitted *f)
{
    crm_fit fit = {.comm = comm, .seed = 5, .hooks = f->hooks, .init = f->init};

    CRM_TRY(crm_comm_agree(comm, prepare(f, path, threads, sets, n)));
    fit.train = f->view;
    fit.pool = f->pool;
    CRM_TRY(crm_data_find_target(f->data, "churn", &fit.target));
    return crm_pipeline_fit(f->pipe, &fit);
}

/* Digest of a fit by all ranks of a group. */
static crm_digest digest_of_fit(crm_comm *comm, int threads, unsigned parts,
                                const char *const *sets, int n)
{
    fitted f = {.parts = parts};
    crm_digest d = {0, 0};

    T_OK(fit_on(comm, plain, threads, sets, n, &f));
    T_OK(crm_pipeline_digest(f.pipe, &d));
    drop(&f);
    return d;
}

/* All ranks with threads against this rank alone. */
static crm_digest compare(int threads, unsigned parts, const char *const *sets, int n)
{
    crm_comm *alone = NULL;
    crm_digest all, one;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    all = digest_of_fit(t_comm, threads, parts, sets, n);
    one = digest_of_fit(alone, 1, parts, sets, n);
    T_CHECK(crm_digest_equal(all, one));
    crm_comm_free(&alone);
    return all;
}

static void same_bits(void)
{
    static const char *const variants[] = {"model.rnn=lstm", "model.text=gru",
                                           "model.rnn_both=true", "train.class_weight=balanced",
                                           "train.members=2"};

    for (int threads = 1; threads <= 2; threads++)
        compare(threads, CRM_FLAT_PROFILE, SETS(SMALL, HEADS));
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        compare(2, CRM_FLAT_PROFILE,
                SETS(SMALL, HEADS, variants[i], "model.columns=own", "train.epochs=1",
                     "train.refit=false"));
    compare(2, 0, SETS(SMALL, HEADS, "model.columns=none", "train.epochs=1"));
}

static void same_bits_by_instruction_set(void)
{
    static const char *const path[] = {"portable", "avx2", "avx512"};
    crm_digest best = digest_of_fit(t_comm, 1, CRM_FLAT_PROFILE, SETS(SMALL, HEADS));
    int tried = 0;

    for (int i = 0; i < 3; i++) {
        crm_digest d;
        if (i == 1 && !strstr(crm_cpu_features(), "avx2")) continue;
        if (i == 2 && !strstr(crm_cpu_features(), "avx512f")) continue;
        setenv("CRM_CPU", path[i], 1);
        d = digest_of_fit(t_comm, 1, CRM_FLAT_PROFILE, SETS(SMALL, HEADS));
        T_CHECK(crm_digest_equal(d, best));
        tried++;
    }
    unsetenv("CRM_CPU");
    T_CHECK(tried >= 1);
}

/* ---- predictions ---- */
static crm_status predict_on(crm_pipeline *p, const char *path, double *proba)
{
    crm_data *d = NULL;
    int64_t row[ROWS];
    crm_status st;

    for (int64_t i = 0; i < ROWS; i++)
        row[i] = i;
    CRM_TRY(crm_data_open(path, &d));
    st = crm_pipeline_predict(p, d, row, ROWS, proba);
    crm_data_close(&d);
    return st;
}

static double difference(const double *a, const double *b, int64_t first)
{
    double most = 0;

    for (int64_t i = 2 * first; i < 2 * ROWS; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

static void save_and_load(void)
{
    static double before[2 * ROWS], after[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_pipeline *again = NULL;
    crm_digest a, b;
    crm_bag *bag = NULL;

    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, plain, before));
    T_OK(crm_bag_new(&bag));
    T_OK(crm_pipeline_save(f.pipe, bag));
    T_OK(crm_pipeline_new(&f.spec, &again));
    T_OK(crm_pipeline_load(again, f.data, bag));
    T_OK(predict_on(again, plain, after));
    T_CHECK(difference(before, after, 0) == 0);
    T_OK(crm_pipeline_digest(f.pipe, &a));
    T_OK(crm_pipeline_digest(again, &b));
    T_CHECK(crm_digest_equal(a, b));
    crm_pipeline_free(&again);
    crm_bag_free(&bag);
    drop(&f);
}

/* The same customers in a file with other codes give the same predictions. */
static void other_codes(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};

    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, plain, a));
    T_OK(predict_on(f.pipe, shuffled, b));
    T_CHECK(difference(a, b, 0) == 0);
    T_FAILS(predict_on(f.pipe, no_months, b), CRM_ERR_FORMAT, "monthly values");
    T_OK(predict_on(f.pipe, plain, b));
    T_CHECK(difference(a, b, 0) == 0);
    drop(&f);
}

/* What the training view does not hold is as good as unknown, wherever it comes later. */
static void unseen_words(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE, .rows = LATE};

    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, plain, a));
    T_OK(predict_on(f.pipe, unknown, b));
    T_CHECK(difference(a, b, 0) == 0);
    drop(&f);
    f = (fitted){.parts = CRM_FLAT_PROFILE};
    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL, HEADS, "model.columns=own"), &f));
    T_OK(predict_on(f.pipe, plain, a));
    T_OK(predict_on(f.pipe, unknown, b));
    T_CHECK(difference(a, b, LATE) > 0); /* seen ones are not */
    drop(&f);
}

static void row_by_row(void)
{
    static double a[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    double one[2], most = 0;
    float *many = NULL, *alone = NULL;
    int64_t width = 0, row[ROWS];

    for (int64_t i = 0; i < ROWS; i++)
        row[i] = i;
    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL, HEADS), &f));
    T_OK(predict_on(f.pipe, plain, a));
    for (int64_t i = 0; i < ROWS; i++) {
        T_OK(crm_pipeline_predict(f.pipe, f.data, row + i, 1, one));
        most = fmax(most, fabs(one[1] - a[2 * i + 1]));
    }
    T_CHECK(most == 0);
    T_OK(crm_pipeline_embed(f.pipe, f.data, row, ROWS, &width, &many));
    T_EQ_I(width, 12);
    T_OK(crm_pipeline_embed(f.pipe, f.data, row + 77, 1, &width, &alone));
    T_CHECK(memcmp(alone, many + 77 * width, (size_t)width * sizeof *alone) == 0);
    crm_mem_free(many);
    crm_mem_free(alone);
    drop(&f);
}

/* ---- what is fitted ---- */

/* Mean and standard deviation of log(1 + x) of a channel over the first n rows, by libm. */
static void moments(const full *d, int c, int64_t n, double *mean, double *sd)
{
    double sum = 0, squares = 0;
    int64_t count = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < n * MONTHS; i++) {
            double x = (double)d->months[(i / MONTHS * CHANNELS + c) * MONTHS + i % MONTHS];
            if (isnan(x)) continue;
            x = log1p(x);
            if (pass == 0) sum += x;
            if (pass == 0) count++;
            if (pass == 1) squares += (x - sum / (double)count) * (x - sum / (double)count);
        }
    *mean = sum / (double)count;
    *sd = sqrt(squares / (double)count);
}

static void scales_of_channels(void)
{
    static full d;
    fitted f = {.parts = CRM_FLAT_PROFILE, .rows = LATE};
    const crm_bag_array *mean = NULL, *sd = NULL;
    const char *const *category = NULL;
    crm_bag *bag = NULL;
    int64_t n = 0;

    make_full(&d);
    T_OK(fit_on(t_comm, plain, 2, SETS(SMALL, "model.columns=own", "train.epochs=1"), &f));
    T_OK(crm_bag_new(&bag));
    T_OK(crm_pipeline_save(f.pipe, bag));
    T_OK(crm_bag_get(bag, "estimator/blocks/channel_mean", CRM_F64, CHANNELS, &mean));
    T_OK(crm_bag_get(bag, "estimator/blocks/channel_sd", CRM_F64, CHANNELS, &sd));
    for (int c = 0; c < CHANNELS && mean && sd; c++) {
        double m, s;
        moments(&d, c, LATE, &m, &s);
        T_NEAR(((const double *)mean->data)[c], m, 1e-12);
        T_NEAR(((const double *)sd->data)[c], c == 2 ? 0 : s, 1e-12);
    }
    T_OK(crm_bag_get_list(bag, "estimator/blocks/categories", &n, &category));
    T_EQ_I(n, CATEGORIES - 1); /* the last one comes in late rows only */
    crm_bag_free(&bag);
    drop(&f);
}

/* ---- heads ---- */

/* What the hook heard of heads in the last epoch. */
typedef struct heard {
    int n;
    char name[8][16];
    double first[8], last[8], valid[8];
    double train, valid_loss;
} heard;

static crm_hook_answer hear(void *ctx, const crm_epoch *e)
{
    heard *h = ctx;

    if (strcmp(e->phase, CRM_PHASE_SEARCH) != 0) return CRM_HOOK_GO;
    h->n = e->n_heads;
    for (int i = 0; i < e->n_heads && i < 8; i++) {
        snprintf(h->name[i], sizeof h->name[i], "%s", e->head[i]);
        if (e->epoch == 1) h->first[i] = e->head_loss[i];
        h->last[i] = e->head_loss[i];
        h->valid[i] = e->head_valid_loss[i];
    }
    h->train = e->train_loss;
    h->valid_loss = e->valid_loss;
    return CRM_HOOK_GO;
}

static void heads_learn(void)
{
    heard h = {.n = 0};
    fitted f = {.parts = CRM_FLAT_PROFILE, .hooks = {.ctx = &h, .on_epoch = hear}};

    T_OK(fit_on(t_comm, plain, 1,
                SETS(SMALL, HEADS, "model.columns=own", "train.epochs=30", "train.patience=30",
                     "train.refit=false", "optim.lr=0.01"),
                &f));
    T_EQ_I(h.n, 5);
    T_CHECK(strcmp(h.name[0], "churn") == 0 && strcmp(h.name[2], "mood") == 0);
    for (int i = 0; i < 4; i++)
        T_CHECK(h.last[i] < h.first[i]);
    T_CHECK(h.last[2] < 0.5 * h.first[2]);        /* the word is the mood */
    T_CHECK(h.last[4] == 0 && isnan(h.valid[4])); /* no labels at all */
    T_CHECK(h.train == h.last[0] && h.valid_loss == h.valid[0]);
    drop(&f);
}

static void wrong_heads(void)
{
    static const char *const wrong[][2] = {{"model.heads=segmnt", "did you mean 'segment'"},
                                           {"model.heads=churn", "the target itself"},
                                           {"model.heads=segment:1:huber", "has classes"}};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        T_FAILS(fit_on(t_comm, plain, 1, SETS(SMALL, wrong[i][0]), &f), CRM_ERR_CONFIG,
                wrong[i][1]);
        drop(&f);
    }
    {
        fitted f = {.parts = CRM_FLAT_PROFILE};
        T_FAILS(fit_on(t_comm, plain, 1, SETS(SMALL, "model.heads=mood", "model.text=none"), &f),
                CRM_ERR_CONFIG, "labels documents");
        drop(&f);
    }
}

/* Nothing but documents, and a learning rate that breaks everything at once. */
static void stops_with_a_name(void)
{
    fitted f = {.parts = 0};

    T_FAILS(fit_on(t_comm, text_only, 1,
                   SETS("train.epochs=50", "optim.kind=sgd", "optim.lr=1e3", "optim.clip_norm=0",
                        "optim.warmup=0", "model.columns=none", "model.hidden="),
                   &f),
            CRM_ERR_NUMERIC, "not finite");
    drop(&f);
}

/* ---- first weights ---- */
static const float *weights_of(const fitted *f, const char *name, crm_bag **bag)
{
    char full_name[96];
    const crm_bag_array *a;

    if (crm_bag_new(bag) || crm_pipeline_save(f->pipe, *bag)) return NULL;
    snprintf(full_name, sizeof full_name, "estimator/%s", name);
    a = crm_bag_find(*bag, full_name);
    return a ? a->data : NULL;
}

static void first_weights(void)
{
    static const float bias[1] = {0.25f};
    static float weight[12];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *init = NULL, *after = NULL;
    const float *got;

    for (int i = 0; i < 12; i++)
        weight[i] = (float)(i + 1) / 16;
    T_OK(crm_bag_new(&init));
    T_OK(crm_bag_put(init, "heads.churn.weight", CRM_F32, 2, (int64_t[]){1, 12}, weight));
    T_OK(crm_bag_put(init, "heads.churn.bias", CRM_F32, 1, (int64_t[]){1}, bias));
    f.init = init;
    /* nothing moves at this rate, so the weights show where they began */
    T_OK(fit_on(t_comm, plain, 1,
                SETS(SMALL, HEADS, "optim.lr=1e-30", "optim.weight_decay=0", "train.epochs=1",
                     "train.validation=0"),
                &f));
    got = weights_of(&f, "heads.churn.weight", &after);
    T_CHECK(got && memcmp(got, weight, sizeof weight) == 0);
    crm_bag_free(&after);
    got = weights_of(&f, "heads.segment.weight", &after); /* not given: the frequencies */
    T_CHECK(got && fabsf(got[0]) < 1e-20f && fabsf(got[5]) < 1e-20f);
    crm_bag_free(&after);
    drop(&f);
    crm_bag_free(&init);
}

static void expect_init(const char *name, int rank, const int64_t *dim, const char *part)
{
    static const float x[64];
    fitted f = {.parts = CRM_FLAT_PROFILE};
    crm_bag *init = NULL;

    T_OK(crm_bag_new(&init));
    T_OK(crm_bag_put(init, name, CRM_F32, rank, dim, x));
    f.init = init;
    T_FAILS(fit_on(t_comm, plain, 1, SETS(SMALL), &f), CRM_ERR_FORMAT, part);
    drop(&f);
    crm_bag_free(&init);
}

static void wrong_first_weights(void)
{
    expect_init("heads.churn.weight", 2, (int64_t[]){12, 1}, "[12 x 1], [1 x 12] is needed");
    expect_init("heads.churn.wieght", 2, (int64_t[]){1, 12}, "did you mean 'heads.churn.weight'");
    expect_init("something", 1, (int64_t[]){3}, "'something' is no parameter");
}

/* All parameters of one fit put into another give its predictions; one missing is an error. */
static void weights_replaced(void)
{
    static double a[2 * ROWS], b[2 * ROWS];
    fitted f = {.parts = CRM_FLAT_PROFILE}, g = {.parts = CRM_FLAT_PROFILE};
    crm_bag *all = NULL, *params = NULL;

    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL), &f));
    T_OK(fit_on(t_comm, plain, 1, SETS(SMALL, "train.epochs=1"), &g));
    T_OK(predict_on(f.pipe, plain, a));
    T_OK(crm_bag_new(&all));
    T_OK(crm_bag_new(&params));
    T_OK(crm_pipeline_save(f.pipe, all));
    T_OK(crm_bag_push(all, "estimator"));
    for (int i = 0; i < crm_bag_count(all); i++) {
        const crm_bag_array *x = crm_bag_at(all, i);
        if (x->dtype != CRM_F32) continue; /* parameters are all that is f32 */
        T_FAILS(crm_pipeline_weights(g.pipe, params), CRM_ERR_FORMAT, "is missing");
        T_OK(crm_bag_put(params, x->name, CRM_F32, x->rank, x->dim, x->data));
    }
    T_OK(crm_pipeline_weights(g.pipe, params));
    T_OK(predict_on(g.pipe, plain, b));
    T_CHECK(difference(a, b, 0) == 0);
    crm_bag_free(&params);
    crm_bag_free(&all);
    drop(&f);
    drop(&g);
}

static crm_status make_files(const char *stem)
{
    snprintf(plain, sizeof plain, "%s-plain.h5", stem);
    snprintf(shuffled, sizeof shuffled, "%s-shuffled.h5", stem);
    snprintf(unknown, sizeof unknown, "%s-unknown.h5", stem);
    snprintf(no_months, sizeof no_months, "%s-no-months.h5", stem);
    snprintf(text_only, sizeof text_only, "%s-text.h5", stem);
    CRM_TRY(write_full(t_comm, plain, PLAIN, "pmed"));
    CRM_TRY(write_full(t_comm, shuffled, SHUFFLED, "pmed"));
    CRM_TRY(write_full(t_comm, unknown, UNKNOWN, "pmed"));
    CRM_TRY(write_full(t_comm, no_months, PLAIN, "ped"));
    return write_full(t_comm, text_only, PLAIN, "d");
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"same bits on all ranks and threads", same_bits},
        {"same bits on every instruction set", same_bits_by_instruction_set},
        {"saved, loaded, the same", save_and_load},
        {"other codes, same predictions", other_codes},
        {"unseen words and categories are none", unseen_words},
        {"one row alone is the same row", row_by_row},
        {"means and deviations", scales_of_channels},
        {"all heads learn", heads_learn},
        {"wrong heads are named", wrong_heads},
        {"stops with a name", stops_with_a_name},
        {"first weights by name", first_weights},
        {"wrong first weights are named", wrong_first_weights},
        {"weights replaced", weights_replaced},
        {NULL, NULL}};
    const char *const files[] = {plain, shuffled, unknown, no_months, text_only};
    char stem[64];
    int bad;

    /* names of the job, by the launcher's process, the same on all ranks */
    snprintf(stem, sizeof stem, "/tmp/crmpi-full-%d", (int)getppid());
    if (crm_comm_start(&argc, &argv, &t_comm)) return 1;
    if (make_files(stem)) {
        crm_err_print(crm_comm_rank(t_comm));
        return 1;
    }
    bad = t_run_mpi(argc, argv, cases);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (crm_comm_rank(t_comm) == 0) unlink(files[i]);
    crm_comm_stop(&t_comm);
    return bad;
}
