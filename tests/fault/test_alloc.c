/* test_alloc.c - memory that is not there: options, import, generator, opening and folds with the
 * k-th allocation of one rank failing, for every k (default tier: for some).  Each time the same
 * status on all ranks, a message, all memory, files and maps given back, and no file left.
 * ranks: 1 2 3   timeout: 900 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "crm_test_mpi.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"
#include "crmpi/data.h"
#include "crmpi/data_describe.h"
#include "crmpi/eval.h"
#include "crmpi/opt.h"
#include "crmpi/record.h"
#include "crmpi/store.h"
#include "crmpi/synth.h"
#include "crmpi/table.h"

/* ---- the fault: all memory of the program comes through here (base_mem.c) ---- */

enum { DEPTH = 16 };
static atomic_long fail_at, calls; /* fail_at 0: none, nor are calls counted */
static void *where[DEPTH];         /* what asked for the memory */
static int n_where;

void *aligned_alloc(size_t align, size_t size)
{
    static void *(*real)(size_t, size_t);

    if (!real) {
        void *p = dlsym(RTLD_NEXT, "aligned_alloc");
        memcpy(&real, &p, sizeof real);
    }
    if (atomic_load(&fail_at) > 0 && atomic_fetch_add(&calls, 1) + 1 == atomic_load(&fail_at)) {
        n_where = backtrace(where, DEPTH);
        return NULL;
    }
    return real(align, size);
}

/* ---- what must be as before ---- */

static char folder[256];

typedef struct state {
    size_t used;
    int files, maps;
} state;

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d) closedir(d);
    return n;
}

/* Maps of files in the folder. */
static int maps(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[1024];
    int n = 0;

    while (f && fgets(line, sizeof line, f))
        n += strstr(line, folder) != NULL;
    if (f) fclose(f);
    return n;
}

static state now(void)
{
    return (state){.used = crm_mem_used(), .files = open_files(), .maps = maps()};
}

/* Files in the folder besides those the tests read. */
static int left(void)
{
    static const char *const ours[] = {".", "..", "in.csv", "in.h5", "in.h5.md"};
    DIR *d = opendir(folder);
    struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d))) {
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            known |= strcmp(e->d_name, ours[i]) == 0;
        n += !known;
    }
    if (d) closedir(d);
    return n;
}

/* ---- each k ---- */

typedef crm_status (*job)(void);
static bool spares;    /* the job can do without some of its memory */
static long costs = 1; /* so much time as others */

static int64_t max_of(int64_t v)
{
    T_OK(crm_comm_max_i64(t_comm, &v, 1));
    return v;
}

/* Calls of the job on rank who when nothing fails. */
static long count_calls(job run, int who)
{
    atomic_store(&calls, 0);
    atomic_store(&fail_at, LONG_MAX);
    T_OK(run());
    atomic_store(&fail_at, 0);
    return (long)max_of(crm_comm_rank(t_comm) == who ? atomic_load(&calls) : 0);
}

static void check_same(const char *name, int who, long k, crm_status st, state before)
{
    state after = now();
    int64_t highest = max_of(st), lowest = -max_of(-(int64_t)st);
    int64_t fired = max_of(crm_comm_rank(t_comm) == who && n_where > 0);
    bool bad = highest != lowest || (st ? st != CRM_ERR_NOMEM || !fired : fired && !spares);

    if (fired && st && !strstr(crm_err_text(), "memory")) bad = true;
    if (after.used != before.used || after.files != before.files || after.maps != before.maps)
        bad = true;
    if (st && left() > 0) bad = true;
    if (bad) {
        t_fail(__FILE__, __LINE__, name);
        fprintf(stderr,
                "#   rank %d, allocation %ld of rank %d: %s (%s); held %lld, files %d, maps "
                "%d, left %d\n",
                crm_comm_rank(t_comm), k, who, crm_status_name(st), crm_err_text(),
                (long long)(after.used - before.used), after.files - before.files,
                after.maps - before.maps, left());
        fflush(stderr);
        if (n_where > 0) backtrace_symbols_fd(where, n_where, 2);
    }
    crm_err_clear();
    T_OK(crm_comm_barrier(t_comm));
}

/* How many k of a job the tier allows; each costs a run of the job on all ranks. */
static long most(void)
{
    const char *tier = getenv("CRM_TIER");
    long k = (tier && strcmp(tier, "full") == 0 ? 36 : 18) / crm_comm_size(t_comm) / costs;

    return tier && strcmp(tier, "long") == 0 ? LONG_MAX : k > 2 ? k : 2;
}

static void clean(void)
{
    static const char *const made[] = {"out.h5", "out.h5.md", "run"};
    char path[CRM_PATH_MAX];

    T_OK(crm_comm_barrier(t_comm));
    for (size_t i = 0; i < sizeof made / sizeof *made && crm_comm_rank(t_comm) == 0; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, made[i]);
        T_OK(crm_path_remove(path));
    }
    T_OK(crm_comm_barrier(t_comm));
}

static void each_on(const char *name, job run, int who)
{
    long n = count_calls(run, who), step = 1 + (n - 1) / most();

    T_CHECK(n > 1);
    if (crm_comm_rank(t_comm) == 0)
        printf("# %s: %ld allocations of rank %d, one in %ld fails\n", name, n, who, step);
    clean();
    for (long k = 1; k <= n && max_of(t_failures) < 4; k += step) {
        state before = now();
        crm_status st;
        n_where = 0;
        atomic_store(&calls, 0);
        atomic_store(&fail_at, crm_comm_rank(t_comm) == who ? k : 0);
        st = run();
        atomic_store(&fail_at, 0);
        check_same(name, who, k, st, before);
        clean();
    }
}

/* The first and the last rank. */
static void each(const char *name, job run)
{
    int last = crm_comm_size(t_comm) - 1;

    T_OK(run()); /* what is made once in a process is there now */
    clean();
    each_on(name, run, 0);
    if (last > 0) each_on(name, run, last);
}

/* ---- the jobs ---- */

static const char *in_folder(const char *name)
{
    static char path[2][512];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

typedef struct all_cfg {
    crm_table_cfg table;
    crm_synth_cfg synth;
    crm_eval_cfg eval;
    crm_record_cfg record;
} all_cfg;
static all_cfg cfg;

static crm_status bind(all_cfg *to, crm_opt_set **out)
{
    crm_opt_set *s;

    CRM_TRY(crm_opt_set_new(out));
    s = *out;
    CRM_TRY(crm_opt_set_add(s, crm_table_opts, &to->table));
    CRM_TRY(crm_opt_set_add(s, crm_synth_opts, &to->synth));
    CRM_TRY(crm_opt_set_add(s, crm_eval_opts, &to->eval));
    return crm_opt_set_add(s, crm_record_opts, &to->record);
}

static crm_status agree(crm_status st)
{
    return crm_comm_agree(t_comm, st);
}

static crm_status write_out(const crm_opt_set *s)
{
    crm_digest d;
    crm_str text = {0};
    crm_status st;

    CRM_TRY(crm_opt_set_digest(s, &d));
    crm_opt_set_write_yaml(s, true, &text);
    st = text.failed ? crm_err_raise(CRM_ERR_NOMEM, __FILE__, __LINE__, __func__, "out of memory")
                     : CRM_OK;
    crm_str_free(&text);
    return st;
}

static crm_status options(void)
{
    static const char yaml[] = "data: {label: churn, missing: [NA, '-']}\n"
                               "eval:\n  folds: 4\n  models: [logistic, rule]\n"
                               "synth.customers: 30\n";
    static const char *const sets[] = {"eval.seed=3", "eval.models=[rule, 'a\\,b']"};
    all_cfg own;
    crm_opt_set *s = NULL;
    crm_status st = bind(&own, &s);

    if (!st) st = crm_opt_set_load_text(s, "a.yaml", yaml, sizeof yaml - 1, sets, 2);
    if (!st) st = write_out(s);
    crm_opt_set_free(&s);
    return agree(st);
}

/* Many errors are one text; that it cannot be made is an error, too. */
static crm_status wrong_options(void)
{
    static const char yaml[] = "data: {lable: churn}\neval: {folds: x, models: 3, seed: -1}\n"
                               "synth: {customers: [1]}\n";
    static const char *const sets[] = {"eval.sed=3", "nonsense", "synth.seed=none"};
    all_cfg own;
    crm_opt_set *s = NULL;
    crm_status st = bind(&own, &s);

    if (!st) st = crm_opt_set_load_text(s, "a.yaml", yaml, sizeof yaml - 1, sets, 3);
    crm_opt_set_free(&s);
    if (st == CRM_ERR_CONFIG && strstr(crm_err_text(), " errors")) st = CRM_OK;
    return agree(st);
}

static crm_status import(void)
{
    crm_table_info info = {0};
    crm_status st =
        crm_table_import(t_comm, &cfg.table, in_folder("in.csv"), in_folder("out.h5"), NULL, &info);

    crm_table_info_free(&info);
    return st;
}

/* New rows for a fitted model. */
static crm_status import_like(void)
{
    static const char *const num[] = {"spend", "calls"}, *const cat[] = {"city"},
                             *const class[] = {"no", "yes"};
    crm_table_like like = {.n_num = 2,
                           .n_cat = 1,
                           .num_name = num,
                           .cat_name = cat,
                           .n_classes = 2,
                           .class_name = class};

    return crm_table_import(t_comm, &cfg.table, in_folder("in.csv"), in_folder("out.h5"), &like,
                            NULL);
}

static crm_status source(void)
{
    crm_digest d;

    return crm_table_source_digest(t_comm, &cfg.table, in_folder("in.csv"), &d);
}

static crm_status synth(void)
{
    return crm_synth_write(t_comm, &cfg.synth, in_folder("out.h5"), NULL);
}

static crm_status use_folds(const crm_view *v, int target)
{
    crm_folds *f = NULL;
    crm_view *train = NULL, *test = NULL;
    crm_status st = crm_folds_make(v, target, CRM_FOLDS_STRATIFIED, 3, 2, 1, NULL, &f);

    if (!st) st = crm_folds_views(f, v, 1, 2, &train, &test);
    crm_view_free(&train);
    crm_view_free(&test);
    crm_folds_free(&f);
    return st;
}

static crm_status use_data(const crm_data *d)
{
    crm_view *v = NULL, *part[2] = {NULL, NULL};
    crm_flat *flat = NULL;
    int target = 0;
    crm_status st = crm_data_find_target(d, "churn", &target);

    if (!st) st = crm_view_labelled(d, target, &v);
    if (!st) st = use_folds(v, target);
    if (!st) st = crm_view_split(v, NULL, target, 0.3, 2, &part[0], &part[1]);
    if (!st) st = crm_flat_new(d, CRM_FLAT_ALL, &flat);
    crm_flat_free(&flat);
    crm_view_free(&part[0]);
    crm_view_free(&part[1]);
    crm_view_free(&v);
    return st;
}

/* A data set with all blocks. */
static crm_status open_data(void)
{
    crm_data *d = NULL;
    crm_status st = crm_data_open(in_folder("in.h5"), &d);

    if (!st) st = use_data(d);
    crm_data_close(&d);
    return agree(st);
}

static crm_status describe(void)
{
    crm_data *d = NULL;
    crm_description *of = NULL;
    crm_status st = agree(crm_data_open(in_folder("in.h5"), &d));

    if (!st) st = crm_data_describe(t_comm, NULL, d, &of);
    crm_description_free(&of);
    crm_data_close(&d);
    return st;
}

static crm_status run_folder(void)
{
    crm_record *r = NULL;
    crm_record_state how;
    crm_status st = crm_record_open(t_comm, &cfg.record, in_folder("run"), "train", "a: 1\n",
                                    (crm_digest){.lo = 1}, &how, &r);

    if (!st) st = agree(crm_record_note_text(r, "digests.data", "none"));
    if (!st) st = crm_record_note_ranks(r);
    if (!st) st = crm_record_flush(r);
    crm_record_close(&r, st != CRM_OK);
    return st;
}

#define CASE(job)                                                                                  \
    static void test_##job(void)                                                                   \
    {                                                                                              \
        each(#job, job);                                                                           \
    }
CASE(options)
CASE(source)
CASE(open_data)
CASE(describe)

/* The page beside a data set is not written then, which is a warning. */
static void test_import(void)
{
    spares = true;
    each("import", import);
    spares = false;
}

static void test_import_like(void)
{
    spares = true;
    each("import for a model", import_like);
    spares = false;
}

/* It fits its model to 8,192 customers before it makes the first one. */
static void test_synth(void)
{
    costs = 4;
    spares = true; /* as in import */
    each("synth", synth);
    spares = false;
    costs = 1;
}

/* A key that is not known is told even when the nearest one cannot be looked for. */
static void test_wrong_options(void)
{
    spares = true;
    each("wrong options", wrong_options);
    spares = false;
}

/* That the earlier starts of a run cannot be listed keeps none from running. */
static void test_run_folder(void)
{
    spares = true;
    each("run folder", run_folder);
    spares = false;
}

/* ---- their input ---- */

static void make_csv(void)
{
    crm_str s = {0};

    crm_str_addf(&s, "id,spend,calls,city,plan,churn\n");
    for (int i = 0; i < 60; i++)
        crm_str_addf(&s, "c%d,%d.5,%s,%s,\"p,%d\",%s\n", i, 7 * i % 50, i % 9 ? "3" : "",
                     i % 2 ? "Oslo" : "Bergen", i % 4, i % 3 ? "no" : "yes");
    T_OK(crm_path_write_atomic(in_folder("in.csv"), s.text, s.len));
    crm_str_free(&s);
}

static void enter(void)
{
    static const char *const sets[] = {"data.label=churn", "data.id=id", "synth.customers=24",
                                       "synth.tickets=1"};
    const char *tmp = getenv("TMPDIR");
    static crm_opt_set *s; /* keeps the texts */

    snprintf(folder, sizeof folder, "%.200s/crmpi-alloc-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (crm_comm_rank(t_comm) == 0) T_CHECK(mkdtemp(folder) != NULL);
    T_OK(crm_comm_bcast(t_comm, 0, folder, sizeof folder));
    T_OK(bind(&cfg, &s));
    T_OK(crm_opt_set_load(s, NULL, sets, 4));
    if (crm_comm_rank(t_comm) == 0) make_csv();
    T_OK(crm_synth_write(t_comm, &cfg.synth, in_folder("in.h5"), NULL));
    n_where = backtrace(where, DEPTH); /* loads what it needs, once */
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"options", test_options},
                                   {"options with errors", test_wrong_options},
                                   {"import", test_import},
                                   {"import for a model", test_import_like},
                                   {"digest of the source", test_source},
                                   {"generator", test_synth},
                                   {"opening, folds, flat view", test_open_data},
                                   {"description", test_describe},
                                   {"run folder", test_run_folder},
                                   {NULL, NULL}};
    int bad;

    if (crm_comm_start(&argc, &argv, &t_comm) != CRM_OK) {
        crm_err_print(0);
        return 1;
    }
    enter();
    bad = t_run_mpi(argc, argv, cases);
    T_OK(crm_comm_barrier(t_comm));
    if (crm_comm_rank(t_comm) == 0) T_OK(crm_path_remove(folder));
    crm_comm_stop(&t_comm);
    return bad;
}
