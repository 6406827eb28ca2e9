/* test_guard.c - steps that go wrong: a row that is not finite and one whose loss is a spike, under
 * each policy, with the same bits on any number of ranks and threads, of both engines, and through
 * a stop in the middle; checks of the parameters change nothing; a step that is told. ranks: 1 2 3
 * 4 timeout: 240 */
#include "state_fit.h"

#define ALL        SMALL, "train.validation=0", "train.lane_rows=3"
#define LONG_STEPS "optim.lr=1000", "optim.clip_norm=0"
enum { BAD_ROW = 77, STEPS = (ROWS + 23) / 24 };

static outcome alone_lanes, alone_whole, all_whole, all_lanes;

/* The same fit in four ways; on rank 0 alone_lanes.log has what was said. */
static void fit_all(const char *file, const char *const *sets, int n)
{
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 2, .file = file, .listen = true}, sets, n, &alone_lanes);
    fit_one(alone, (way){.whole = true, .threads = 1, .file = file, .listen = true}, sets, n,
            &alone_whole);
    fit_one(t_comm, (way){.whole = true, .resident = true, .threads = 2, .file = file}, sets, n,
            &all_whole);
    fit_one(t_comm, (way){.threads = 1, .file = file, .listen = true}, sets, n, &all_lanes);
    crm_comm_free(&alone);
}

static void all_same(void)
{
    same(&alone_lanes, &alone_whole);
    same(&alone_lanes, &all_whole);
    same(&alone_lanes, &all_lanes);
}

static bool said(const outcome *o, const char *text)
{
    if (crm_comm_rank(t_comm) > 0 || strstr(o->log, text)) return true;
    fprintf(stderr, "# not said: %s, but\n%s\n", text, o->log);
    return false;
}

/* ---- what is not finite ---- */

static void stops(void)
{
    fit_all(path[FILE_INFINITE], SETS(ALL, "train.on_spike=off"));
    T_EQ_I(alone_lanes.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(alone_lanes.text, "(row 77)") != NULL);
    T_CHECK(strcmp(alone_lanes.text, alone_whole.text) == 0);
    T_CHECK(strcmp(alone_lanes.text, all_whole.text) == 0);
    T_CHECK(strcmp(alone_lanes.text, all_lanes.text) == 0);
    crm_err_clear();
}

/* One step of each epoch has the row; by hand: 3 epochs, so 3 steps. */
static void skips(void)
{
    fit_all(path[FILE_INFINITE], SETS(ALL, HEADS, "train.on_nonfinite=skip", "model.dropout=0.2"));
    all_same();
    T_EQ_I(alone_lanes.heard.left_out, 3);
    T_CHECK(said(&alone_lanes, "(row 77)") && said(&all_lanes, "(row 77)"));
    T_CHECK(said(&alone_whole, "(row 77)") &&
            said(&all_lanes, "3 steps of this fit were left out"));
}

static void rolls_back(void)
{
    fit_all(path[FILE_INFINITE],
            SETS(ALL, "train.on_nonfinite=rollback", "train.rollback_span=2", "optim.kind=sgd"));
    all_same();
    T_CHECK(alone_lanes.heard.left_out > 3 && alone_lanes.heard.left_out <= 9);
    T_CHECK(said(&alone_lanes, "the epoch is repeated without steps"));
}

/* A rollback of no steps but the one that failed is a skip. */
static void same_as_skip(void)
{
    static outcome skip;
    const way how = {.threads = 1, .file = path[FILE_INFINITE]};

    fit_one(t_comm, how, SETS(ALL, "train.on_nonfinite=skip"), &skip);
    fit_one(t_comm, how, SETS(ALL, "train.on_nonfinite=rollback", "train.rollback_span=0"),
            &all_lanes);
    same(&skip, &all_lanes);
}

static void has_enough(void)
{
    fit_all(path[FILE_INFINITE],
            SETS(ALL, "train.on_nonfinite=skip", "train.max_bad_steps=2", "train.epochs=4"));
    T_EQ_I(alone_lanes.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(alone_lanes.text, "2 steps of this fit went wrong before") != NULL);
    T_CHECK(strcmp(alone_lanes.text, all_whole.text) == 0);
    T_CHECK(strcmp(alone_lanes.text, all_lanes.text) == 0);
    crm_err_clear();
}

/* Steps so long that the loss overflows while the gradient does not: it is no spike, whatever is
 * said of these.  An engine that is ahead has no weights of that step any more, and names no layer.
 */
static void loss_overflows(void)
{
    fit_all(path[FILE_PLAIN], SETS(ALL, LONG_STEPS));
    T_EQ_I(alone_lanes.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(alone_lanes.text, "output of heads.churn is not finite (row") != NULL);
    T_CHECK(strcmp(alone_lanes.text, all_lanes.text) == 0);
    T_CHECK(strstr(alone_whole.text, "the loss of the batch is not finite") != NULL);
    T_CHECK(strcmp(alone_whole.text, all_whole.text) == 0);
    crm_err_clear();
    fit_all(path[FILE_PLAIN], SETS(ALL, LONG_STEPS, "train.on_spike=off"));
    T_EQ_I(alone_lanes.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(alone_lanes.text, "output of heads.churn is not finite (row") != NULL);
    T_CHECK(strcmp(alone_whole.text, all_whole.text) == 0);
    crm_err_clear();
    fit_all(path[FILE_PLAIN], SETS(ALL, LONG_STEPS, "train.on_nonfinite=skip",
                                   "train.on_spike=rollback", "train.max_bad_steps=40"));
    all_same();
    T_CHECK(alone_lanes.heard.left_out > 0);
}

/* What may go wrong is no part of what a result is: a fit that had enough goes on with a higher
 * limit, to the bits of one that had it from the start. */
static void limit_raised(void)
{
    static heard calm, told;
    watcher quiet = {.heard = &calm}, w = {.heard = &told, .save_all = true};
    const way how = {.threads = 1, .file = path[FILE_INFINITE]};
    crm_digest want = {0, 0}, got = {1, 1};

    calm = told = (heard){.n = 0};
    T_OK(undisturbed(how, SETS(ALL, "train.on_nonfinite=skip", "train.epochs=4"), &quiet, &want));
    T_EQ_I(live_on(crm_comm_size(t_comm), how,
                   SETS(ALL, "train.on_nonfinite=skip", "train.epochs=4", "train.max_bad_steps=2"),
                   &w, false, &got),
           CRM_ERR_NUMERIC);
    crm_err_clear();
    T_OK(live_on(1, how, SETS(ALL, "train.on_nonfinite=skip", "train.epochs=4"), &w, true, &got));
    if (crm_comm_rank(t_comm) == 0) T_CHECK(crm_digest_equal(want, got));
}

static crm_digest digest_with(const char *set)
{
    crm_train_cfg cfg;
    crm_opt_set *s;
    crm_digest d = {0, 0};

    T_OK(crm_opt_set_new(&s));
    T_OK(crm_opt_set_add(s, crm_train_opts, &cfg));
    T_OK(crm_opt_set_load(s, NULL, &set, 1));
    T_OK(crm_opt_set_digest(s, &d));
    crm_opt_set_free(&s);
    return d;
}

static void limit_is_no_setting(void)
{
    crm_digest a = digest_with("train.max_bad_steps=3"), b = digest_with("train.max_bad_steps=7");

    T_CHECK(crm_digest_equal(a, b));
    T_CHECK(!crm_digest_equal(a, digest_with("train.rollback_span=3")));
}

/* A validation row that is not finite: no step can be left out for it. */
static void validation_ends_it(void)
{
    fit_all(path[FILE_INFINITE],
            SETS(SMALL, "train.lane_rows=3", "train.validation=0.9", "train.on_nonfinite=skip"));
    T_EQ_I(alone_lanes.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(alone_lanes.text, "the validation loss") != NULL);
    T_CHECK(strcmp(alone_lanes.text, alone_whole.text) == 0);
    T_CHECK(strcmp(alone_lanes.text, all_whole.text) == 0);
    T_CHECK(strcmp(alone_lanes.text, all_lanes.text) == 0);
    crm_err_clear();
}

/* Policies do nothing where nothing is wrong. */
static void disturbs_nothing(void)
{
    static outcome calm;
    const way lanes = {.threads = 1}, whole = {.whole = true, .threads = 1};

    fit_one(t_comm, lanes, SETS(SMALL, HEADS, "check.every=0", "train.on_spike=off"), &calm);
    fit_one(t_comm, lanes,
            SETS(SMALL, HEADS, "check.every=1", "train.on_spike=rollback",
                 "train.on_nonfinite=rollback"),
            &all_lanes);
    same(&calm, &all_lanes);
    fit_one(t_comm, whole,
            SETS(SMALL, HEADS, "check.every=1", "train.on_spike=skip", "train.on_nonfinite=skip"),
            &all_whole);
    same(&calm, &all_whole);
    fit_one(t_comm, whole, SETS(SMALL, HEADS, "check.every=2"), &all_whole);
    same(&calm, &all_whole);
}

/* ---- spikes ---- */
#define SPIKED                                                                                     \
    SMALL, "train.validation=0", "train.lane_rows=1", "train.epochs=2", "optim.clip_norm=0.1"

static void warns(void)
{
    static outcome off;

    fit_all(path[FILE_HUGE], SETS(SPIKED));
    all_same();
    T_EQ_I(alone_lanes.heard.left_out, 0);
    T_CHECK(said(&alone_lanes, "is a spike above") && said(&alone_lanes, "(row 77)"));
    T_CHECK(said(&all_lanes, "(row 77)") && said(&alone_whole, "is a spike above"));
    fit_one(t_comm, (way){.threads = 1, .file = path[FILE_HUGE]},
            SETS(SPIKED, "train.on_spike=off"), &off);
    same(&alone_lanes, &off);
}

static void spike_policies(void)
{
    fit_all(path[FILE_HUGE], SETS(SPIKED, "train.on_spike=skip"));
    all_same();
    T_CHECK(alone_lanes.heard.left_out >= 1 && alone_lanes.heard.left_out <= 2);
    fit_all(path[FILE_HUGE], SETS(SPIKED, "train.on_spike=rollback", "train.rollback_span=1"));
    all_same();
    T_CHECK(alone_lanes.heard.left_out >= 2);
    fit_all(path[FILE_HUGE], SETS(SPIKED, "train.on_spike=stop"));
    T_EQ_I(alone_lanes.st, CRM_ERR_NUMERIC);
    T_EQ_I(all_whole.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(alone_lanes.text, "(row 77)") && strstr(all_whole.text, "is a spike above"));
    T_CHECK(strcmp(alone_lanes.text, all_lanes.text) == 0);
    crm_err_clear();
}

/* ---- stopped in the middle ---- */

static const way ways[] = {{.threads = 1},
                           {.whole = true, .threads = 1},
                           {.threads = 2},
                           {.whole = true, .resident = true, .threads = 1}};
enum { WAYS_N = sizeof ways / sizeof *ways };

/* Lives of `stride` boundaries each, on other ranks and engines in turn. */
static void stopped(const char *file, int64_t stride, const char *const *sets, int n)
{
    static heard calm, told;
    watcher quiet = {.heard = &calm}, w = {.heard = &told, .pause_at = stride};
    crm_digest want = {0, 0}, got = {1, 1};
    crm_status st = CRM_ERR_STOPPED;
    way how = ways[0];
    int lives = 0;

    calm = told = (heard){.n = 0};
    how.file = file;
    T_OK(undisturbed(how, sets, n, &quiet, &want));
    for (; st == CRM_ERR_STOPPED && lives < 400; lives++) {
        how = ways[lives % WAYS_N];
        how.file = file;
        st = live_on(1 + (lives * 2) % crm_comm_size(t_comm), how, sets, n, &w, lives > 0, &got);
    }
    T_OK(st);
    T_CHECK(lives > 2 && calm.left_out > 0);
    if (crm_comm_rank(t_comm) > 0) return;
    T_CHECK(crm_digest_equal(want, got));
    T_EQ_I(told.n, calm.n);
    T_CHECK(same_heard(&told, &calm));
}

static void goes_on(void)
{
    stopped(path[FILE_INFINITE], 1, SETS(ALL, "train.on_nonfinite=skip", "train.epochs=2"));
    stopped(path[FILE_INFINITE], 4, SETS(ALL, "train.on_nonfinite=rollback", "optim.kind=sgd"));
    stopped(path[FILE_HUGE], 7, SETS(SPIKED, "train.on_spike=rollback", "train.rollback_span=1"));
    stopped(path[FILE_HUGE], 5, SETS(SPIKED, "train.on_spike=skip"));
    /* epochs of two steps, some of which lose both */
    stopped(path[FILE_INFINITE], 1,
            SETS(SMALL, "train.validation=0", "train.lane_rows=19", "train.epochs=6",
                 "train.on_nonfinite=rollback", "train.rollback_span=1"));
}

/* ---- a step that is told ---- */

static crm_status tell(crm_comm *comm, way how, int64_t step, const char *phase, crm_str *text)
{
    crm_replay replay = {.phase = phase, .step = step, .out = text};
    crm_device_cfg gpu = {
        .bucket = 4096 * sizeof(float), .transport = CRM_TRANSPORT_MPI, .timeout = 60};
    fitted f = {.parts = CRM_FLAT_PROFILE, .whole = how.whole, .gpu = how.whole ? &gpu : NULL};
    crm_status st;

    f.hooks.replay = &replay;
    st = fit_on(comm, how.file, how.threads,
                SETS(SMALL, HEADS, "train.on_nonfinite=skip", "model.dropout=0.2"), &f);
    T_CHECK(replay.told == (st == CRM_ERR_STOPPED));
    drop(&f);
    crm_err_clear();
    return st;
}

static void told_alike(const char *file, int64_t step, const char *phase, const char *has)
{
    crm_comm *alone = NULL;
    crm_str want = {0};

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    T_EQ_I(tell(alone, (way){.threads = 2, .file = file}, step, phase, &want), CRM_ERR_STOPPED);
    T_CHECK(want.text && strstr(want.text, has) && strstr(want.text, "lane 7: loss of churn"));
    for (int i = 0; i < 2; i++) {
        crm_str got = {0};
        T_EQ_I(tell(t_comm, (way){.whole = i, .threads = 1, .file = file}, step, phase, &got),
               CRM_ERR_STOPPED);
        T_CHECK(got.text && strcmp(got.text, want.text) == 0);
        if (i == 1 && got.text && strcmp(got.text, want.text) != 0)
            fprintf(stderr, "# %s\n# against\n# %s\n", got.text, want.text);
        crm_str_free(&got);
    }
    crm_str_free(&want);
    crm_comm_free(&alone);
}

static void tells(void)
{
    told_alike(path[FILE_PLAIN], 7, NULL, "all of it is finite");
    told_alike(path[FILE_PLAIN], 6, "refit", "phase refit, epoch 2, step 6");
    T_OK(tell(t_comm, (way){.threads = 1, .file = path[FILE_PLAIN]}, 1000, NULL, &(crm_str){0}));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"what is not finite ends the fit, its row named", stops},
                                   {"the step is left out", skips},
                                   {"the epoch is repeated without it", rolls_back},
                                   {"a rollback of one step is a skip", same_as_skip},
                                   {"more than enough went wrong", has_enough},
                                   {"the loss overflows", loss_overflows},
                                   {"a higher limit lets it go on", limit_raised},
                                   {"the limit is no part of the digest", limit_is_no_setting},
                                   {"the validation loss is not finite", validation_ends_it},
                                   {"policies and checks disturb nothing", disturbs_nothing},
                                   {"a spike is told, its row named", warns},
                                   {"each policy for spikes", spike_policies},
                                   {"stopped in the middle", goes_on},
                                   {"a step is told", tells},
                                   {NULL, NULL}};

    return run_cases(argc, argv, cases);
}
