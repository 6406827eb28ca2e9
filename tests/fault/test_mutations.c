/* Changed files: bits, blocks of zeros, ends cut off, parts of other files, blocks copied to other
 * places, of a data set, a model and checkpoints.  Each is read in full, in a process that does so
 * until one of them ends it, with a time limit for each: no crash, no hang, and none is taken for
 * good.
 *
 * 200 changes, 400 with tier full, 10000 with tier long.
 * timeout: 600 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crm_test.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/ckpt_series.h"
#include "crmpi/synth.h"
#include "crmpi/train.h"

enum { LIMIT = 60, CUSTOMERS = 120 };
typedef enum target { DATA_SET, MODEL, CHECKPOINT, MANIFEST, TARGETS } target;
typedef enum change { BIT, ZEROS, CUT, SPLICE, COPY, LONGER, CHANGES } change;
typedef enum outcome { AT_OPEN, AT_VERIFY, ACCEPTED, NO_MESSAGE, CRASHED, OUTCOMES } outcome;
static const char *const TARGET[] = {"data set", "model", "checkpoint", "manifest"};
static const char *const CHANGE[] = {"bit", "zeros", "cut", "splice", "copy", "longer"};
static const char *const OUTCOME[] = {"refused at opening", "found by the digest", "accepted",
                                      "refused without a message", "crashed or hung"};

typedef struct content {
    char *data;
    size_t n;
} content;
static char folder[256];
static content whole[TARGETS];
static crm_digest kept; /* of the checkpoint before the newest */

static const char *at(const char *name)
{
    static char path[4][512];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static const char *path_of(target t)
{
    static const char *const name[] = {"data.h5", "model.h5", "series/2.h5", "series/2.manifest"};

    return at(name[t]);
}

/* ---- the files: made in a process of its own, which alone starts MPI ---- */
static crm_status make_data(crm_comm *comm)
{
    const char *const sets[] = {"synth.customers=120"};
    crm_synth_cfg cfg;
    crm_opt_set *set;
    crm_status st;

    CRM_TRY(crm_opt_set_new(&set));
    st = crm_opt_set_add(set, crm_synth_opts, &cfg);
    if (!st) st = crm_opt_set_load(set, NULL, sets, 1);
    if (!st) st = crm_synth_write(comm, &cfg, path_of(DATA_SET), NULL);
    crm_opt_set_free(&set);
    return st;
}

static crm_status fit_model(crm_comm *comm, const crm_hybrid_cfg *cfg, crm_data *d, crm_bag *out)
{
    const crm_model_spec spec = {
        .name = "hybrid", .estimator = &crm_hybrid_class, .estimator_cfg = cfg};
    crm_fit fit = {.comm = comm, .seed = 5};
    crm_pipeline *p = NULL;
    crm_view *view = NULL;
    crm_pool *pool = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_view_all(d, &view));
    CRM_TRY_TO(st, done, crm_pool_new(1, &pool));
    CRM_TRY_TO(st, done, crm_pipeline_new(&spec, &p));
    fit.train = view;
    fit.pool = pool;
    CRM_TRY_TO(st, done, crm_data_find_target(d, "churn", &fit.target));
    CRM_TRY_TO(st, done, crm_pipeline_fit(p, &fit));
    st = crm_pipeline_save(p, out);
done:
    crm_pipeline_free(&p);
    crm_pool_free(&pool);
    crm_view_free(&view);
    return st;
}

static crm_status make_model(crm_comm *comm, crm_bag *out)
{
    static const char *const sets[] = {"train.epochs=1", "train.lane_rows=8", "train.validation=0",
                                       "model.hidden=8", "model.fusion=8",    "text.min_count=1"};
    crm_hybrid_cfg cfg = {0};
    crm_opt_set *set = NULL;
    crm_data *d = NULL;
    crm_status st;

    CRM_TRY(crm_opt_set_new(&set));
    for (const crm_cfg_part *p = crm_hybrid_class.parts; p->opts; p++)
        CRM_TRY_TO(st, done, crm_opt_set_add(set, p->opts, (char *)&cfg + p->offset));
    CRM_TRY_TO(st, done, crm_opt_set_load(set, NULL, sets, sizeof sets / sizeof *sets));
    CRM_TRY_TO(st, done, crm_data_open(path_of(DATA_SET), &d));
    st = fit_model(comm, &cfg, d, out);
done:
    crm_data_close(&d);
    crm_opt_set_free(&set);
    return st;
}

static crm_status make_files(crm_comm *comm)
{
    crm_bag *b;

    CRM_TRY(crm_bag_new(&b));
    CRM_TRY(make_data(comm));
    CRM_TRY(make_model(comm, b));
    CRM_TRY(crm_bag_write(b, path_of(MODEL), "crmpi-model"));
    CRM_TRY(crm_ckpt_write(at("series"), "test", 1, b));
    CRM_TRY(crm_bag_put_i64(b, "step", 2));
    CRM_TRY(crm_ckpt_write(at("series"), "test", 2, b));
    crm_bag_free(&b);
    return CRM_OK;
}

static void make(void)
{
    pid_t pid;
    int status = 1;
    crm_bag *b = NULL;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        crm_comm *comm;
        crm_status st = crm_comm_start(NULL, NULL, &comm);
        if (!st) st = make_files(comm);
        if (st) crm_err_print(0);
        if (!st) crm_comm_stop(&comm);
        _exit(st != CRM_OK);
    }
    T_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    for (int t = 0; t < TARGETS; t++)
        T_OK(crm_path_read(path_of((target)t), (size_t)1 << 30, &whole[t].data, &whole[t].n));
    T_OK(crm_bag_read(at("series/1.h5"), "test", &b));
    if (b) T_OK(crm_bag_digest(b, NULL, &kept));
    crm_bag_free(&b);
}

/* ---- changes ---- */
static size_t below(uint64_t *seed, size_t n)
{
    crm_digest d;

    (*seed)++;
    d = crm_digest_of(seed, sizeof *seed);
    return n ? (size_t)(d.lo % n) : 0;
}

/* Anywhere; or near the begin or the end, where there is more structure. */
static size_t place(uint64_t *seed, size_t n)
{
    size_t part = n < 4096 ? n : 4096, where = below(seed, 3);

    if (where == 0) return below(seed, part);
    return where == 1 ? n - 1 - below(seed, part) : below(seed, n);
}

/* A changed copy; the caller's.  NULL when it is as it was. */
static char *changed(uint64_t *seed, target t, change how, size_t *n)
{
    const content *c = &whole[t], *other = &whole[below(seed, TARGETS)];
    size_t p = place(seed, c->n), q = place(seed, c->n), len = 1 + below(seed, 6000), room;
    char *x = crm_mem_new(2 * c->n + 8192, 1);

    if (!x) return NULL;
    memcpy(x, c->data, c->n);
    *n = c->n;
    room = c->n - p < len ? c->n - p : len;
    if (how == BIT) x[p] = (char)(x[p] ^ 1 << below(seed, 8));
    if (how == ZEROS) memset(x + p, 0, room);
    if (how == CUT) *n = p;
    if (how == SPLICE && p < other->n) {
        *n = other->n < 2 * c->n ? other->n : c->n;
        memcpy(x + p, other->data + p, *n - p);
    }
    if (how == COPY) memmove(x + q, x + p, c->n - q < room ? c->n - q : room);
    if (how == LONGER) {
        memmove(x + p + len, x + p, c->n - p);
        *n += len;
    }
    if (*n == c->n && memcmp(x, c->data, *n) == 0) {
        crm_mem_free(x);
        return NULL;
    }
    return x;
}

/* ---- reading ---- */
static outcome said(crm_status st, const char *path)
{
    bool good = (st == CRM_ERR_FORMAT || st == CRM_ERR_IO) && strstr(crm_err_text(), path);

    return good ? AT_OPEN : NO_MESSAGE;
}

static outcome read_data(const char *path)
{
    crm_data *d = NULL;
    crm_status st = crm_data_open(path, &d);

    if (st) return said(st, path);
    st = crm_data_verify(NULL, d);
    crm_data_close(&d);
    return st ? AT_VERIFY : ACCEPTED;
}

static outcome read_model(const char *path)
{
    crm_bag *b = NULL;
    crm_status st = crm_bag_read(path, "crmpi-model", &b);

    crm_bag_free(&b);
    if (!st) return ACCEPTED;
    return strstr(crm_err_text(), "its content has the digest") ? AT_VERIFY : said(st, path);
}

/* The one before the newest has to come. */
static outcome read_series(void)
{
    crm_bag *b = NULL;
    crm_digest d = {0};
    int64_t number = 0;
    crm_status st = crm_ckpt_newest(at("series"), "test", &b, &number);

    if (st || !b || crm_bag_digest(b, NULL, &d)) return NO_MESSAGE;
    crm_bag_free(&b);
    if (number != 1) return ACCEPTED;
    return crm_digest_equal(d, kept) ? AT_OPEN : NO_MESSAGE;
}

static outcome read_file(target t)
{
    if (t == DATA_SET) return read_data(path_of(t));
    return t == MODEL ? read_model(path_of(t)) : read_series();
}

static void put(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    T_CHECK(f && fwrite(data, 1, n, f) == n);
    if (f) T_CHECK(fclose(f) == 0);
}

static void tell(uint64_t seed, outcome got)
{
    if (got > AT_VERIFY)
        fprintf(stderr, "# change %llu, %s of the %s: %s\n", (unsigned long long)seed,
                CHANGE[seed / TARGETS % CHANGES], TARGET[seed % TARGETS], OUTCOME[got]);
}

/* What a process leaves of its work for the next. */
typedef struct progress {
    uint64_t seed; /* of the change at hand */
    int done, count[OUTCOMES];
} progress;

static void try_change(progress *p)
{
    uint64_t s = p->seed << 16;
    target t = (target)(p->seed % TARGETS);
    outcome got;
    size_t n;
    char *x = changed(&s, t, (change)(p->seed / TARGETS % CHANGES), &n);

    if (!x) return;
    put(path_of(t), x, n);
    crm_mem_free(x);
    alarm(LIMIT);
    got = read_file(t);
    alarm(0);
    crm_err_clear();
    put(path_of(t), whole[t].data, whole[t].n);
    tell(p->seed, got);
    p->count[got]++;
    p->done++;
}

/* A process that makes changes until there are n, or one ends it; that leaks are found at its end
 * counts as well. */
static void until_it_ends(progress *p, int n)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        for (; p->done < n; p->seed++)
            try_change(p);
        exit(t_failures > 0);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    tell(p->seed, CRASHED);
    p->count[CRASHED]++;
    p->done++;
    p->seed++;
    for (int t = 0; t < TARGETS; t++)
        put(path_of((target)t), whole[t].data, whole[t].n);
}

static int wanted(void)
{
    const char *tier = getenv("CRM_TIER");

    if (tier && strcmp(tier, "long") == 0) return 10000;
    return tier && strcmp(tier, "full") == 0 ? 400 : 200;
}

static void changes(void)
{
    enum { CRASHES_TOLD = 20 };
    const int n = wanted();
    progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    T_CHECK(p != MAP_FAILED && whole[0].data && whole[MANIFEST].data);
    if (t_failures) return;
    p->seed = 1;
    while (p->done < n && p->count[CRASHED] < CRASHES_TOLD)
        until_it_ends(p, n);
    for (int o = 0; o < OUTCOMES; o++)
        printf("# %d %s\n", p->count[o], OUTCOME[o]);
    T_EQ_I(p->count[ACCEPTED] + p->count[NO_MESSAGE] + p->count[CRASHED], 0);
    T_CHECK(p->count[AT_OPEN] > n / 2 && p->count[AT_VERIFY] > 0);
    munmap(p, sizeof *p);
}

static void unchanged(void)
{
    crm_bag *b = NULL;
    int64_t number;

    T_EQ_I(read_data(path_of(DATA_SET)), ACCEPTED);
    T_EQ_I(read_model(path_of(MODEL)), ACCEPTED);
    T_OK(crm_ckpt_newest(at("series"), "test", &b, &number));
    T_EQ_I(number, 2);
    crm_bag_free(&b);
}

static void tidy(void)
{
    for (int t = 0; t < TARGETS; t++)
        crm_mem_free(whole[t].data);
    T_OK(crm_path_remove(folder));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"a data set, a model, checkpoints", make},
                                   {"changed files", changes},
                                   {"as they were, they are good", unchanged},
                                   {"tidy up", tidy},
                                   {NULL, NULL}};
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.200s/crmpi-mutations-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) return 1;
    crm_log_setup(CRM_LOG_QUIET, 0);
    return t_main(argc, argv, cases);
}
