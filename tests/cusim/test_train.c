/* test_train.c - a small hybrid with every branch trained on the CUDA device, in the shim: near the
 * CPU's numbers, and the same bits from run to run, on 1 and 3 ranks, with and without graphs,
 * with rows that are sent and rows that stay.  Streams run as late as they may.
 * ranks: 1 3 timeout: 240 */
#include "train/state_fit.h"
#include "train_there.h"

#define OTHER                                                                                      \
    TINY, "model.rnn=lstm", "model.rnn_both=true", "model.rnn_pool=attention", "model.text=gru",   \
        "model.text_pool=mean", "model.documents_pool=attention", "optim.kind=sgd",                \
        "model.text_dropout=0.3", "train.label_smoothing=0.2", "model.text_vectors=fold",          \
        "model.text_frozen=true"
#define FLAT                                                                                       \
    SMALL, "train.lanes=4", "train.lane_rows=2", "train.validation=0", "model.rnn=none",           \
        "model.text=none"

static crm_device *open_device(bool graph)
{
    return open_with(graph, CRM_TRANSPORT_MPI);
}

/* Losses, norms and probabilities: float32 sums in another order, two epochs of updates. */
static const double near_enough = 2e-4;

static void near(const outcome *gpu, const outcome *cpu)
{
    double worst = 0;

    T_OK(gpu->st);
    T_OK(cpu->st);
    T_EQ_I(gpu->heard.n, cpu->heard.n);
    for (int i = 0; i < cpu->heard.n; i++) {
        T_EQ_I(isnan(gpu->heard.x[i]), isnan(cpu->heard.x[i]));
        if (!isnan(cpu->heard.x[i])) worst = fmax(worst, fabs(gpu->heard.x[i] - cpu->heard.x[i]));
    }
    T_CHECK(worst <= near_enough);
    for (int64_t i = 0; i < 2 * FEW; i++)
        T_NEAR(gpu->proba[i], cpu->proba[i], near_enough);
    for (int64_t i = 0; i < FEW * cpu->width; i++)
        T_NEAR(gpu->embedded[i], cpu->embedded[i], 10 * near_enough);
}

static outcome cpu, first, again;

/* On the device: whole is what the device asks for by itself. */
static void fit_there(crm_comm *comm, crm_device *d, bool resident, const char *const *sets, int n,
                      outcome *o)
{
    fit_one(comm,
            (way){.whole = true, .resident = resident, .threads = 1, .device = d, .rows = FEW},
            sets, n, o);
}

static void tell_use(crm_device *d)
{
    crm_device_usage use;

    T_OK(crm_device_use(d, &use));
    T_CHECK(use.graphs > 0 && use.peak_bytes > 0);
    printf("# %s: %lld graphs, %lld updates, %lld replays, %lld bytes at most\n",
           crm_device_name(d), (long long)use.graphs, (long long)use.updates,
           (long long)use.replays, (long long)use.peak_bytes);
}

/* One rank against the CPU, all ranks against one. */
static void compare(crm_device *d, const char *const *sets, int n)
{
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(alone, (way){.threads = 1, .rows = FEW}, sets, n, &cpu);
    fit_there(alone, d, false, sets, n, &first);
    near(&first, &cpu);
    fit_there(t_comm, d, false, sets, n, &again);
    same(&first, &again);
    if (crm_comm_rank(t_comm) == 0) tell_use(d);
    crm_comm_free(&alone);
}

/* A device whose steps are all captured, and one without graphs. */
static void all_branches(void)
{
    crm_device *d = open_device(true);

    capture_at_once();
    compare(d, SETS(TINY));
    fit_there(t_comm, d, true, SETS(TINY), &again);
    same(&first, &again);
    crm_device_free(&d);
    d = open_device(false);
    fit_there(t_comm, d, false, SETS(TINY), &again);
    same(&first, &again);
    crm_device_free(&d);
    unsetenv("CRM_CUDA_CAPTURE");
}

static void other_branches(void)
{
    crm_device *d = open_device(true);

    capture_at_once();
    compare(d, SETS(OTHER));
    crm_device_free(&d);
    unsetenv("CRM_CUDA_CAPTURE");
}

/* Steps of one shape run as one graph again and again; no other is captured. */
static void same_graph(void)
{
    crm_device *d = open_device(true);
    crm_device_usage use, after;

    compare(d, SETS(FLAT));
    T_OK(crm_device_use(d, &use));
    T_CHECK(use.replays > 0);
    fit_there(t_comm, d, true, SETS(FLAT), &again);
    same(&first, &again);
    T_OK(crm_device_use(d, &after));
    T_EQ_I(after.bytes, use.bytes); /* all of it was given back */
    crm_device_free(&d);
}

static void with_memory(int64_t bytes)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)bytes);
    T_CHECK(setenv("CUSIM_MEMORY", text, 1) == 0);
}

static bool told(const outcome *o, const char *text)
{
    return crm_comm_rank(t_comm) > 0 || strstr(o->log, text) != NULL;
}

/* Rows stay when there is room for them: here they take more than the rest of the fit. */
static void rows_stay(void)
{
    crm_device *d = open_device(true);
    crm_device_usage use;
    way how = {.device = d, .threads = 1, .whole = true, .listen = true};

    if (!strstr(crm_device_name(d), "cusim")) {
        T_SKIP("the memory of %s cannot be set", crm_device_name(d));
        crm_device_free(&d);
        return;
    }
    fit_one(t_comm, how, SETS(FLAT, "train.epochs=1"), &first);
    T_OK(crm_device_use(d, &use));
    how.by_itself = true;
    fit_one(t_comm, how, SETS(FLAT, "train.epochs=1"), &again);
    same(&first, &again);
    T_CHECK(told(&again, "of training rows stay in") &&
            told(&again, " MiB of device memory are in use"));
    T_CHECK(!strstr(first.log, "training rows"));
    with_memory(use.peak_bytes + 8192);
    fit_one(t_comm, how, SETS(FLAT, "train.epochs=1"), &again);
    same(&first, &again);
    T_CHECK(told(&again, "training rows are sent for each step: they need "));
    how = (way){.device = d, .threads = 1, .whole = true, .resident = true};
    fit_one(t_comm, how, SETS(FLAT, "train.epochs=1"), &again);
    T_EQ_I(again.st, CRM_ERR_CONFIG);
    T_CHECK(strstr(again.text, "gpu.resident: the 301 training rows need ") != NULL);
    printf("# %s\n", again.text);
    crm_err_clear();
    unsetenv("CUSIM_MEMORY");
    crm_device_free(&d);
}

/* Stopped in the middle of epochs, on one rank and on several. */
static void goes_on(void)
{
    crm_device *d = open_device(true);
    const way sent = {.whole = true, .threads = 1, .device = d, .rows = FEW};
    way kept = sent;

    kept.resident = true;
    capture_at_once();
    compare_chain(&(chain){.stride = 1, .n_ways = 2, .way = {sent, kept}}, SETS(TINY));
    compare_chain(&(chain){.stride = 3, .n_ways = 2, .way = {kept, sent}},
                  SETS(TINY, "optim.kind=sgd", "train.refit=true"));
    unsetenv("CRM_CUDA_CAPTURE");
    crm_device_free(&d);
}

static void stops_with_a_name(void)
{
    crm_device *d = open_device(true);

    fit_one(t_comm, (way){.threads = 1, .rows = FEW},
            SETS(TINY, "optim.kind=sgd", "optim.clip_norm=0", "optim.lr=1e3", "optim.warmup=0",
                 "train.epochs=9"),
            &cpu);
    fit_there(t_comm, d, false,
              SETS(TINY, "optim.kind=sgd", "optim.clip_norm=0", "optim.lr=1e3", "optim.warmup=0",
                   "train.epochs=9"),
              &first);
    T_EQ_I(cpu.st, CRM_ERR_NUMERIC);
    T_EQ_I(first.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(first.text, "is not finite") != NULL);
    crm_err_clear();
    crm_device_free(&d);
}

/* Steps that go wrong are left out, on one rank as on all, and checks of the parameters change
 * nothing. */
#define GUARDED FLAT, "train.lane_rows=6", "train.epochs=2"
static void guarded(void)
{
    crm_device *d = open_device(true);
    way how = {.whole = true, .threads = 1, .device = d, .listen = true};
    crm_comm *alone = NULL;

    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    fit_one(t_comm, how, SETS(GUARDED, "check.every=0", "train.on_spike=off"), &first);
    fit_one(t_comm, how, SETS(GUARDED, "check.every=1", "train.on_spike=skip"), &again);
    same(&first, &again);
    how.file = path[FILE_INFINITE];
    fit_one(alone, how, SETS(GUARDED, "train.on_nonfinite=skip", "check.every=3"), &first);
    how.resident = true;
    fit_one(t_comm, how, SETS(GUARDED, "train.on_nonfinite=skip"), &again);
    same(&first, &again);
    T_EQ_I(first.heard.left_out, 2);
    T_CHECK(told(&first, "(row 77)") && told(&again, "(row 77)"));
    fit_one(t_comm, how, SETS(GUARDED, "train.on_nonfinite=rollback", "train.rollback_span=1"),
            &again);
    T_OK(again.st);
    T_CHECK(again.heard.left_out > 2);
    crm_comm_free(&alone);
    crm_device_free(&d);
}

/* Of 120 rows row 77 comes in step 22 of 30, after the 16 losses that a spike needs; the net learns
 * fast enough for its head to see that row by then. */
#define SPIKED FLAT, "train.lane_rows=1", "train.epochs=1", "optim.lr=0.01", "model.months="
static const char spike[] = "epoch 1, step 22: the loss of the batch, ";

/* The loss that was told; on other ranks than 0, which tell nothing of a fit of all: 0. */
static double spike_of(const outcome *o)
{
    const char *at = strstr(o->log, spike);

    return at && crm_comm_rank(t_comm) == 0 ? strtod(at + sizeof spike - 1, NULL) : 0;
}

/* On the CPU by one rank and lane by lane, on the device by all ranks. */
static void spiked(crm_device *d, crm_comm *alone, const char *const *sets, int n, int64_t left_out)
{
    way how = {.threads = 1, .file = path[FILE_HUGE], .rows = 120, .listen = true};

    fit_one(alone, how, sets, n, &cpu);
    how.whole = true;
    how.device = d;
    how.resident = true;
    fit_one(t_comm, how, sets, n, &first);
    near(&first, &cpu);
    T_EQ_I(cpu.heard.left_out, left_out);
    T_EQ_I(first.heard.left_out, left_out);
    T_CHECK(told(&cpu, spike) && told(&first, spike));
    T_NEAR(spike_of(&first), spike_of(&cpu), near_enough);
}

/* A loss that is a spike: the steps are left out that are on the CPU. */
static void spikes(void)
{
    crm_device *d = open_device(true);
    way how = {.whole = true, .threads = 1, .file = path[FILE_HUGE], .rows = 120, .listen = true};
    crm_comm *alone = NULL;

    how.device = d;
    T_OK(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    spiked(d, alone, SETS(SPIKED, "train.on_spike=rollback", "train.rollback_span=1"), 2);
    spiked(d, alone, SETS(SPIKED, "train.on_spike=skip"), 1);
    fit_one(alone, how, SETS(SPIKED, "train.on_spike=skip"), &again);
    same(&first, &again);
    fit_one(t_comm, how, SETS(SPIKED, "train.on_spike=stop"), &first);
    T_EQ_I(first.st, CRM_ERR_NUMERIC);
    T_CHECK(strstr(first.text, spike) != NULL);
    crm_err_clear();
    crm_comm_free(&alone);
    crm_device_free(&d);
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"all branches and heads", all_branches},
                                   {"other branches", other_branches},
                                   {"a graph runs again", same_graph},
                                   {"rows stay where there is room", rows_stay},
                                   {"stopped, it goes on", goes_on},
                                   {"stops with a name", stops_with_a_name},
                                   {"steps that go wrong, checks", guarded},
                                   {"losses that are spikes", spikes},
                                   {NULL, NULL}};

    if (!find_module(argv[0], NULL, "lazy")) return 0;
    return run_cases(argc, argv, cases);
}
