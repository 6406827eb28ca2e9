/* eval_null.c - how often each test rejects when there is nothing to find, on the user's own
 * design: labels without signal, the same rows, folds, models and tests, many times over
 * (Dietterich 1998; Nadeau & Bengio 2003 judge tests so).
 *
 * Experiments go in blocks, a block is one file of RUN/null, so that a run that was ended goes on
 * where it was.  An experiment depends on the seed and its number only. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/base_rng.h"
#include "crmpi/base_stop.h"
#include "crmpi/stats.h"
#include "eval_impl.h"

static const char *const label_names[] = {"permuted", "balanced", NULL};
_Static_assert(sizeof label_names / sizeof *label_names == CRM_NULL_LABELS_COUNT + 1, "names");

#define S crm_null_cfg
const crm_opt crm_null_opts[] = {
    CRM_OPT_I(S, replicates, "calibrate.replicates", 500, 1, 1e6, "experiments", 0,
              "Experiments without a difference that calibrate simulates."),
    CRM_OPT_I(S, rows, "calibrate.rows", 0, 0, 1e9, "rows", 0,
              "Rows of each experiment, at equal distances in the data set; 0 takes all."),
    CRM_OPT_E(S, labels, "calibrate.labels", "balanced", label_names, 0,
              "Labels without signal: those of the data in another order, or as many of the first "
              "two classes each."),
    CRM_OPT_E(S, metric, "calibrate.metric", "accuracy", crm_metric_names, 0,
              "Score whose differences are tested."),
    {.key = NULL},
};
#undef S

enum { BLOCK = 10 };
#define NULL_KIND "crmpi-null-3"

typedef enum null_test {
    NULL_NAIVE,
    NULL_CORRECTED,
    NULL_NAIVE_ONE,
    NULL_CORRECTED_ONE,
    NULL_WILCOXON,
    NULL_5X2_T,
    NULL_5X2_F,
    NULL_TESTS
} null_test;
static const char *const test_names[NULL_TESTS] = {"naive t",
                                                   "corrected t",
                                                   "naive t, first repeat only",
                                                   "corrected t, first repeat only",
                                                   "Wilcoxon signed rank",
                                                   "5x2cv t",
                                                   "5x2cv F"};

/* What is kept of an experiment: p of each test, NaN where it has no answer, and the mean of the
 * differences; after them, 1 when all were 0. */
enum { KEPT = NULL_TESTS + 2 };

typedef struct null_study {
    const crm_eval *e;
    const crm_null_cfg *cfg;
    int target;
    crm_comm *self; /* this rank alone */
    study *all;     /* of all ranks: whether one of them is to stop */
    int64_t n;
    int64_t *row;
    int32_t *label; /* of the rows */
    int64_t *order;
    int32_t *shuffled;
} null_study;

/* ---- one experiment ---- */

static void make_labels(const null_study *ns, int64_t replicate)
{
    crm_rng_permute((uint64_t)ns->e->cfg->seed, CRM_RNG_NULL, (uint32_t)replicate, ns->n,
                    ns->order);
    for (int64_t i = 0; i < ns->n; i++)
        ns->shuffled[i] = ns->cfg->labels == CRM_NULL_BALANCED ? (int32_t)(ns->order[i] % 2)
                                                               : ns->label[ns->order[i]];
}

static crm_status score_of(study *s, const crm_view *test, const double *proba, double *out)
{
    const crm_target *t = crm_data_target(s->e->data, s->target);
    double all[CRM_METRIC_COUNT];
    int32_t *label;
    crm_status st;

    CRM_NEW(label, test->n);
    for (int64_t i = 0; i < test->n; i++)
        label[i] = t->label[test->row[i]];
    st = crm_stats_metrics(test->n, t->n_classes, label, proba, all, NULL);
    crm_mem_free(label);
    memcpy(out, all, sizeof all);
    return st;
}

static crm_status fit_one(study *s, int model, int repeat, int fold, const crm_view *train,
                          const crm_view *test, double *scores)
{
    const crm_eval_cfg *cfg = s->e->cfg;
    crm_fit fit = {.comm = s->group,
                   .pool = s->e->pool,
                   .train = train,
                   .target = s->target,
                   .group = s->group_of,
                   .seed = crm_rng_derive((uint64_t)cfg->seed, (uint64_t)(repeat + 1),
                                          (uint64_t)(fold + 1), 0),
                   .hooks = crm_study_stop_hooks(s)};
    crm_pipeline *p = NULL;
    double *proba = NULL;
    crm_status st = crm_pipeline_new(s->e->spec[model], &p);

    if (!st) st = crm_pipeline_fit(p, &fit);
    if (!st) st = crm_unit_predict(s, p, test, &proba);
    if (!st) st = score_of(s, test, proba, scores);
    crm_mem_free(proba);
    crm_pipeline_free(&p);
    return st;
}

/* a, b [repeats][folds]: scores of the first and of the second model. */
static crm_status score_both(study *s, int metric, double *a, double *b)
{
    double score[2][CRM_METRIC_COUNT];
    crm_status st = CRM_OK;

    for (int j = 0; j < s->folds->repeats * s->folds->folds && !st; j++) {
        int repeat = j / s->folds->folds, fold = j % s->folds->folds;
        crm_view *train = NULL, *test = NULL;
        st = crm_folds_views(s->folds, s->view, repeat, fold, &train, &test);
        for (int m = 0; m < 2 && !st; m++)
            st = fit_one(s, m, repeat, fold, train, test, score[m]);
        if (!st) a[j] = score[0][metric];
        if (!st) b[j] = score[1][metric];
        crm_view_free(&train);
        crm_view_free(&test);
    }
    return st;
}

static double t_of(const double *a, const double *b, int64_t n, double ratio)
{
    crm_ttest t = crm_stats_ttest_pairs(a, b, n, ratio);

    return t.state == CRM_STATS_UNDEFINED ? (double)NAN : t.p;
}

static void five_by_two(const double *a, const double *b, double *out)
{
    double d[10];
    crm_stat t, f;

    for (int j = 0; j < 10; j++)
        d[j] = a[j] - b[j];
    t = crm_stats_5x2_t(d);
    f = crm_stats_5x2_f(d);
    if (t.state != CRM_STATS_UNDEFINED) out[NULL_5X2_T] = t.p;
    if (f.state != CRM_STATS_UNDEFINED) out[NULL_5X2_F] = f.p;
}

/* As in a study (eval_compare.c). */
static crm_status test_all(const study *s, const double *a, const double *b, double *out)
{
    int folds = s->folds->folds, repeats = s->folds->repeats;
    int64_t n = (int64_t)folds * repeats, same = 0;
    double ratio = crm_study_ratio(s);
    crm_wilcoxon w;

    for (int i = 0; i < NULL_TESTS; i++)
        out[i] = (double)NAN;
    out[NULL_NAIVE] = t_of(a, b, n, 0);
    out[NULL_CORRECTED] = t_of(a, b, n, ratio);
    if (repeats > 1 && folds > 1) {
        out[NULL_NAIVE_ONE] = t_of(a, b, folds, 0);
        out[NULL_CORRECTED_ONE] = t_of(a, b, folds, ratio);
    }
    CRM_TRY(crm_stats_wilcoxon_pairs(a, b, n, &w));
    if (w.n > 1) out[NULL_WILCOXON] = w.p_exact;
    if (folds == 2 && repeats == 5) five_by_two(a, b, out);
    for (int64_t i = 0; i < n; i++)
        same += a[i] == b[i];
    out[NULL_TESTS] = crm_stats_ttest_pairs(a, b, n, 0).mean;
    out[NULL_TESTS + 1] = same == n;
    return CRM_OK;
}

static crm_status run_study(study *s, const null_study *ns, double *out)
{
    double *a = NULL, *b = NULL;
    crm_status st = crm_view_labelled(s->e->data, s->target, &s->view);

    if (!st) st = crm_study_folds(s);
    if (!st) CRM_NEW_TO(st, done, a, s->folds->repeats * s->folds->folds);
    if (!st) CRM_NEW_TO(st, done, b, s->folds->repeats * s->folds->folds);
    if (!st) st = score_both(s, ns->cfg->metric, a, b);
    if (!st) st = test_all(s, a, b, out);
done:
    crm_mem_free(a);
    crm_mem_free(b);
    crm_view_free(&s->view);
    crm_folds_free(&s->folds);
    crm_mem_free(s->group_of);
    return st;
}

/* Folds and fits have seeds of their own in each experiment. */
static crm_status experiment(const null_study *ns, int64_t replicate, double *out)
{
    crm_recombine g = {.n = ns->n, .row = ns->row, .target = ns->target, .label = ns->shuffled};
    crm_eval_cfg cfg = *ns->e->cfg;
    crm_eval e = *ns->e;
    study s = {.e = &e, .target = ns->target, .group = ns->self};
    crm_data *d;
    crm_status st;

    CRM_TRY(crm_study_check_stop(ns->all)); /* its block is run again */
    make_labels(ns, replicate);
    CRM_TRY(crm_data_recombine(ns->e->data, &g, &d));
    cfg.seed = (int64_t)(crm_rng_derive((uint64_t)cfg.seed, 3, (uint64_t)replicate, 0) >> 11);
    e.cfg = &cfg;
    e.data = d;
    e.world = ns->self;
    st = run_study(&s, ns, out);
    crm_data_close(&d);
    return st;
}

/* ---- blocks ---- */

static int64_t blocks_of(const null_study *ns)
{
    return (ns->cfg->replicates + BLOCK - 1) / BLOCK;
}

static int64_t block_size(const null_study *ns, int64_t block)
{
    int64_t left = ns->cfg->replicates - block * BLOCK;

    return left < BLOCK ? left : BLOCK;
}

/* Of the block as a unit. */
static void block_name(int64_t block, char out[CRM_RECORD_UNIT_NAME_MAX])
{
    snprintf(out, CRM_RECORD_UNIT_NAME_MAX, "null-%06lld", (long long)block);
}

static crm_status block_path(const null_study *ns, int64_t block, char *out, size_t cap)
{
    char name[64];

    snprintf(name, sizeof name, "null/%06lld.h5", (long long)block);
    return crm_record_path(ns->e->record, name, out, cap);
}

static crm_status run_block(const null_study *ns, int64_t block)
{
    double kept[BLOCK * KEPT];
    int64_t n = block_size(ns, block);
    char path[CRM_PATH_MAX], name[CRM_RECORD_UNIT_NAME_MAX];
    crm_bag *b;
    crm_status st = CRM_OK;

    CRM_TRY(block_path(ns, block, path, sizeof path));
    for (int64_t i = 0; i < n; i++)
        CRM_TRY(experiment(ns, block * BLOCK + i, kept + i * KEPT));
    CRM_TRY(crm_bag_new(&b));
    block_name(block, name);
    st = crm_ledger_sign(ns->e, name, b);
    if (!st) st = crm_bag_put(b, "kept", CRM_F64, 2, (int64_t[]){n, KEPT}, kept);
    if (!st) st = crm_bag_write(b, path, NULL_KIND);
    crm_bag_free(&b);
    return st;
}

/* Values of a block that is there and whole; *there is false otherwise. */
static crm_status read_block(const null_study *ns, int64_t block, double *kept, bool *there)
{
    char path[CRM_PATH_MAX], name[CRM_RECORD_UNIT_NAME_MAX];
    const crm_bag_array *a;
    crm_bag *b = NULL;
    crm_status st;

    *there = false;
    CRM_TRY(block_path(ns, block, path, sizeof path));
    if (!crm_path_exists(path)) return CRM_OK;
    block_name(block, name);
    st = crm_bag_read(path, NULL_KIND, &b);
    if (!st) st = crm_ledger_check(ns->e, name, path, b);
    if (!st) st = crm_bag_get(b, "kept", CRM_F64, block_size(ns, block) * KEPT, &a);
    if (!st && kept) memcpy(kept, a->data, (size_t)a->n * sizeof *kept);
    if (st)
        crm_log_line(CRM_LOG_WARN, "calibrate", "%s; its experiments are run again",
                     crm_err_text());
    *there = !st;
    crm_bag_free(&b);
    return CRM_OK;
}

/* Rank 0's list, so that all agree on what is left. */
static crm_status find_left(const null_study *ns, int64_t *left)
{
    bool there;

    for (int64_t b = 0; b < blocks_of(ns); b++) {
        char name[CRM_RECORD_UNIT_NAME_MAX];
        block_name(b, name);
        if (!crm_study_wants(ns->e, name)) continue;
        CRM_TRY(read_block(ns, b, NULL, &there));
        left[b] = !there;
    }
    return CRM_OK;
}

static crm_status run_own(const null_study *ns, const int64_t *left)
{
    int rank = crm_comm_rank(ns->e->world), size = crm_comm_size(ns->e->world);
    double begun = crm_clock_now(), told = begun;
    int64_t turn = 0, done = 0, all = 0;

    for (int64_t b = 0; b < blocks_of(ns); b++)
        all += left[b] && turn++ % size == rank;
    turn = 0;
    for (int64_t b = 0; b < blocks_of(ns); b++) {
        if (!left[b] || turn++ % size != rank) continue;
        CRM_TRY(run_block(ns, b));
        done++;
        if (rank > 0 || crm_clock_now() - told < 10) continue;
        told = crm_clock_now();
        crm_log_line(CRM_LOG_INFO, "calibrate", "%lld of %lld blocks of rank 0, %.0f s left",
                     (long long)done, (long long)all,
                     (told - begun) / (double)done * (double)(all - done));
    }
    return CRM_OK;
}

static crm_status stopped(const null_study *ns)
{
    char path[CRM_PATH_MAX];
    int64_t done = 0;

    crm_err_clear(); /* what a fit said before it ended */
    for (int64_t b = 0; b < blocks_of(ns) && crm_comm_rank(ns->e->world) == 0; b++)
        done += !block_path(ns, b, path, sizeof path) && crm_path_exists(path);
    return crm_stopped(ns->e->world, done, blocks_of(ns), "blocks of experiments");
}

static crm_status run_left(const null_study *ns)
{
    char path[CRM_PATH_MAX];
    int64_t *left = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, agree, left, blocks_of(ns));
    if (crm_comm_rank(ns->e->world) == 0) {
        st = crm_record_path(ns->e->record, "null", path, sizeof path);
        if (!st) st = crm_path_mkdirs(path);
        if (!st) st = crm_study_begin(ns->all);
        if (!st) st = find_left(ns, left);
    }
agree:
    st = crm_comm_agree(ns->e->world, st);
    crm_study_listen(ns->all, !st);
    if (!st) st = crm_comm_max_i64(ns->e->world, left, blocks_of(ns));
    if (!st) st = crm_comm_agree(ns->e->world, run_own(ns, left));
    if (st == CRM_ERR_STOPPED) st = stopped(ns);
    crm_mem_free(left);
    crm_study_listen(ns->all, false);
    st = crm_comm_agree(ns->e->world, st); /* no mark is made after this */
    return crm_comm_agree(ns->e->world, crm_study_end(ns->all, st));
}

/* ---- digests of the blocks ---- */

static crm_status block_unit(const null_study *ns, int64_t block, crm_record_unit *out)
{
    double kept[BLOCK * KEPT];
    crm_hash *h;
    bool there;

    CRM_TRY(read_block(ns, block, kept, &there));
    CRM_CHECK(there, CRM_ERR_IO, "%s/null: block %lld is missing", crm_record_dir(ns->e->record),
              (long long)block);
    CRM_TRY(crm_hash_new(&h));
    for (int64_t i = 0; i < block_size(ns, block) * KEPT; i++)
        crm_hash_add_f64(h, kept[i]);
    block_name(block, out->name);
    crm_digest_hex(crm_hash_value(h), out->values);
    crm_hash_free(&h);
    return CRM_OK;
}

/* Rank 0. */
static crm_status keep_digests(const null_study *ns)
{
    char name[CRM_RECORD_UNIT_NAME_MAX];
    crm_record_unit *all;
    int n = 0;
    crm_status st = CRM_OK;

    CRM_NEW(all, blocks_of(ns));
    for (int64_t b = 0; b < blocks_of(ns) && !st; b++) {
        block_name(b, name);
        if (crm_study_wants(ns->e, name)) st = block_unit(ns, b, &all[n++]);
    }
    if (!st) st = crm_record_units(ns->e->record, n, all);
    crm_mem_free(all);
    return st;
}

/* ---- the count ---- */

static void count(const double *kept, int64_t n, double alpha, int64_t *answers, int64_t *rejected,
                  int64_t *constant)
{
    for (int64_t i = 0; i < n; i++, kept += KEPT) {
        for (int t = 0; t < NULL_TESTS; t++) {
            answers[t] += !isnan(kept[t]);
            rejected[t] += kept[t] < alpha;
        }
        *constant += kept[NULL_TESTS + 1] > 0;
    }
}

static void set_tests(const int64_t *answers, const int64_t *rejected, crm_null *out)
{
    for (int t = 0; t < NULL_TESTS; t++) {
        crm_null_test *v = &out->test[out->n_tests];
        crm_interval ci = crm_stats_wilson(rejected[t], answers[t]);
        if (answers[t] == 0) continue;
        out->n_tests++;
        *v = (crm_null_test){.name = test_names[t],
                             .n = answers[t],
                             .rejected = rejected[t],
                             .rate = (double)rejected[t] / (double)answers[t],
                             .ci95 = {ci.lo, ci.hi}};
    }
}

/* Mean difference over the experiments: far from 0 beside its error, models that learnt nothing do
 * not score alike by this metric. */
static void set_mean(const double *mean, int64_t n, crm_null *out)
{
    crm_ttest t = crm_stats_ttest(mean, n, 0);

    out->mean_diff = t.n > 0 ? t.mean : (double)NAN;
    out->se_diff = t.n > 1 ? t.se : (double)NAN;
}

static crm_status collect(const null_study *ns, double *mean, crm_null *out)
{
    int64_t answers[NULL_TESTS] = {0}, rejected[NULL_TESTS] = {0};
    double kept[BLOCK * KEPT];
    bool there;

    for (int64_t b = 0; b < blocks_of(ns); b++) {
        CRM_TRY(read_block(ns, b, kept, &there));
        CRM_CHECK(there, CRM_ERR_IO, "%s/null: block %lld is missing",
                  crm_record_dir(ns->e->record), (long long)b);
        count(kept, block_size(ns, b), out->alpha, answers, rejected, &out->constant);
        for (int64_t i = 0; i < block_size(ns, b); i++)
            mean[b * BLOCK + i] = kept[i * KEPT + NULL_TESTS];
    }
    set_tests(answers, rejected, out);
    set_mean(mean, out->replicates, out);
    return CRM_OK;
}

static crm_status aggregate(const null_study *ns, crm_null *out)
{
    const crm_eval_cfg *cfg = ns->e->cfg;
    bool holdout = cfg->split == CRM_SPLIT_HOLDOUT;
    double *mean;
    crm_status st;

    *out = (crm_null){.a = ns->e->spec[0]->name,
                      .b = ns->e->spec[1]->name,
                      .metric = crm_metric_names[ns->cfg->metric],
                      .target = crm_data_target(ns->e->data, ns->target)->name,
                      .labels = label_names[ns->cfg->labels],
                      .split = crm_eval_split_names[cfg->split],
                      .data = crm_data_digest(ns->e->data),
                      .rows = ns->n,
                      .replicates = ns->cfg->replicates,
                      .folds = holdout ? 1 : (int)cfg->folds,
                      .repeats = (int)cfg->repeats,
                      .alpha = cfg->alpha};
    CRM_TRY(keep_digests(ns));
    if (ns->e->n_only > 0) return CRM_OK;
    CRM_NEW(mean, out->replicates);
    st = collect(ns, mean, out);
    crm_mem_free(mean);
    return st;
}

/* ---- set-up ---- */

static crm_status check(const null_study *ns)
{
    const crm_target *t = crm_data_target(ns->e->data, ns->target);

    CRM_CHECK(ns->e->n_models == 2, CRM_ERR_CONFIG,
              "calibrate compares two models, eval.models has %d; --set eval.models=A,B",
              ns->e->n_models);
    CRM_CHECK(ns->e->cfg->split != CRM_SPLIT_FILE, CRM_ERR_CONFIG,
              "eval.split: calibrate makes folds anew in each experiment, so they cannot come from "
              "a file");
    CRM_CHECK(ns->e->cfg->split != CRM_SPLIT_HOLDOUT || ns->e->cfg->repeats > 1, CRM_ERR_CONFIG,
              "eval.repeats: one hold-out has one difference, of which no test can be judged; "
              "calibrate needs two or more");
    CRM_CHECK(t->level == CRM_LEVEL_CUSTOMER, CRM_ERR_CONFIG,
              "calibrate permutes the classes of rows; target '%s' labels tokens", t->name);
    CRM_CHECK(t->n_classes >= 2, CRM_ERR_CONFIG, "target '%s' has no classes", t->name);
    return CRM_OK;
}

/* Rows with a label, at equal distances when fewer are asked for. */
static crm_status take_rows(null_study *ns)
{
    const crm_target *t = crm_data_target(ns->e->data, ns->target);
    int64_t want = ns->cfg->rows;
    crm_view *v;

    CRM_TRY(crm_view_labelled(ns->e->data, ns->target, &v));
    ns->n = want > 0 && want < v->n ? want : v->n;
    ns->row = crm_mem_new((size_t)ns->n, sizeof *ns->row);
    ns->label = crm_mem_new((size_t)ns->n, sizeof *ns->label);
    ns->order = crm_mem_new((size_t)ns->n, sizeof *ns->order);
    ns->shuffled = crm_mem_new((size_t)ns->n, sizeof *ns->shuffled);
    if (ns->row && ns->label && ns->order && ns->shuffled)
        for (int64_t i = 0; i < ns->n; i++) {
            ns->row[i] = v->row[(int64_t)((double)i * (double)v->n / (double)ns->n)];
            ns->label[i] = t->label[ns->row[i]];
        }
    crm_view_free(&v);
    CRM_CHECK(ns->row && ns->label && ns->order && ns->shuffled, CRM_ERR_NOMEM,
              "out of memory: %lld rows", (long long)ns->n);
    return CRM_OK;
}

static crm_status prepare(null_study *ns)
{
    if (ns->e->cfg->target[0])
        CRM_TRY(crm_data_find_target(ns->e->data, ns->e->cfg->target, &ns->target));
    CRM_CHECK(crm_data_n_targets(ns->e->data) > 0, CRM_ERR_CONFIG,
              "%s has no target to learn; set data.label when importing",
              crm_data_path(ns->e->data));
    CRM_TRY(check(ns));
    return take_rows(ns);
}

crm_status crm_eval_null(const crm_eval *e, const crm_null_cfg *cfg, crm_null *out)
{
    study all = {.e = e};
    null_study ns = {.e = e, .cfg = cfg, .all = &all};
    crm_status st = crm_comm_agree(e->world, prepare(&ns));

    *out = (crm_null){0};
    if (!st) st = crm_comm_split(e->world, crm_comm_rank(e->world), &ns.self);
    all.group = ns.self;
    if (!st) st = run_left(&ns);
    if (!st)
        st = crm_comm_agree(e->world, crm_comm_rank(e->world) == 0 ? aggregate(&ns, out) : CRM_OK);
    crm_comm_free(&ns.self);
    crm_mem_free(ns.row);
    crm_mem_free(ns.label);
    crm_mem_free(ns.order);
    crm_mem_free(ns.shuffled);
    return st;
}
