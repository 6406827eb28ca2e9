/* test_folder.c - the run folder: states, locks, refusals, removal, its files.
 * ranks: 1 2 3 4
 * timeout: 60 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crmpi/record.h"
#include "record_testing.h"

static const crm_record_cfg no_wait = {.lock_wait = 0};
static const crm_digest one = {0x1111111111111111, 0x2222222222222222}, other = {3, 4};
static const char *const config = "eval.folds: 5  # default\n"
                                  "data.path: \"a #1.csv\"  # c.yaml:3\n"
                                  "\n"
                                  "train.lr: 0.01  # --set\n";

static void put_for_all(const char *name, const char *text)
{
    put(name, text);
    T_OK(crm_comm_barrier(t_comm));
}

static void exists(const char *name, bool wanted)
{
    if (!root()) return;
    if (crm_path_exists(at(name)) != wanted) fprintf(stderr, "#   %s\n", name);
    T_CHECK(crm_path_exists(at(name)) == wanted);
}

static crm_record *open_run(const char *name, crm_record_state wanted)
{
    crm_record_state state = CRM_RECORD_NEW;
    crm_record *r = NULL;

    T_OK(crm_record_open(t_comm, &no_wait, at(name), "crossval", config, one, &state, &r));
    T_EQ_I(state, wanted);
    T_CHECK(r != NULL);
    return r;
}

static void refused_as(const char *name, const crm_record_cfg *cfg, const char *command,
                       const char *text, crm_digest digest, crm_status code, const char *message)
{
    crm_record_state state;
    crm_record *r = NULL;

    T_FAILS(crm_record_open(t_comm, cfg, at(name), command, text, digest, &state, &r), code,
            message);
    T_CHECK(r == NULL);
    crm_record_close(&r, true);
    T_OK(crm_comm_barrier(t_comm));
}

static void refused(const char *name, crm_status code, const char *message)
{
    refused_as(name, &no_wait, "crossval", config, one, code, message);
}

static void states(void)
{
    crm_record *r = open_run("a/b/states", CRM_RECORD_NEW);
    char path[CRM_PATH_MAX];

    T_OK(crm_record_path(r, "units/x.h5", path, sizeof path));
    T_CHECK(strcmp(path, at("a/b/states/units/x.h5")) == 0);
    T_CHECK(strcmp(crm_record_dir(r), at("a/b/states")) == 0);
    contains("a/b/states/config.yaml", "a #1.csv", true);
    contains("a/b/states/.digest", "11111111111111112222222222222222 crossval", true);
    crm_record_close(&r, false);
    T_CHECK(r == NULL);
    if (root()) T_OK(crm_path_remove(at("a/b/states/config.yaml"))); /* killed in between */
    r = open_run("a/b/states", CRM_RECORD_STARTED);
    contains("a/b/states/config.yaml", "eval.folds: 5", true);
    T_OK(crm_record_write(r, "summary.json", "{}", 2));
    crm_record_close(&r, false);
    r = open_run("a/b/states", CRM_RECORD_FINISHED);
    crm_record_close(&r, false);
    exists("a/b/states/run.json", false);
    exists("a/b/states/summary.json", true);
}

static void empty_folder_is_new(void)
{
    crm_record *r;

    if (root()) T_OK(crm_path_mkdirs(at("empty")));
    r = open_run("empty", CRM_RECORD_NEW);
    crm_record_close(&r, true);
    exists("empty/.digest", false);
    exists("empty/.lock", false);
    exists("empty", true); /* it was not made by open */
}

static void another_run_is_refused(void)
{
    static const char *const now = "eval.folds: 10  # --set\n"
                                   "data.path: \"a #2.csv\"\n"
                                   "new.key: [a, b]\n";
    crm_record *r = open_run("other", CRM_RECORD_NEW);

    crm_record_close(&r, false);
    refused_as("other", &no_wait, "crossval", now, other, CRM_ERR_CONFIG,
               "11111111111111112222222222222222");
    refused_as("other", &no_wait, "crossval", now, other, CRM_ERR_CONFIG,
               "00000000000000030000000000000004");
    refused_as("other", &no_wait, "crossval", now, other, CRM_ERR_CONFIG,
               "\n  eval.folds: 5 there, 10 now"
               "\n  data.path: \"a #1.csv\" there, \"a #2.csv\" now"
               "\n  new.key: (none) there, [a, b] now"
               "\n  train.lr: 0.01 there, (none) now");
    refused_as("other", &no_wait, "crossval", config, other, CRM_ERR_CONFIG,
               "No option differs: the data changed");
    refused_as("other", &no_wait, "train", config, other, CRM_ERR_CONFIG, "this is train");
    r = open_run("other", CRM_RECORD_STARTED); /* as it was, and not locked */
    crm_record_close(&r, false);
    put_for_all("other/.digest", "nonsense");
    refused("other", CRM_ERR_FORMAT, "is damaged");
    exists("other/config.yaml", true);
}

static void files_of_others_are_kept(void)
{
    if (root()) T_OK(crm_path_mkdirs(at("mine")));
    put_for_all("mine/config.yaml", "precious");
    refused("mine", CRM_ERR_CONFIG, "is not a run folder");
    refused("mine", CRM_ERR_CONFIG, "choose another --out or empty it");
    contains("mine/config.yaml", "precious", true);
    exists("mine/.lock", false);
    if (root()) T_OK(crm_path_mkdirs(at("folder/units")));
    refused("folder", CRM_ERR_CONFIG, "is not a run folder");
    exists("folder/units", true);
}

static void not_writable(void)
{
    put_for_all("file", "x");
    refused("file", CRM_ERR_IO, "a file of that name is in the way");
    refused("file/below", CRM_ERR_IO, "cannot make the folder");
    refused("../../../../../../../../proc/crmpi/run", CRM_ERR_IO, "cannot make the folder");
    contains("file", "x", true);
}

static void failure_removes_what_is_new(void)
{
    crm_record *r = open_run("gone", CRM_RECORD_NEW);

    if (root()) T_OK(crm_path_mkdirs(at("gone/units")));
    if (root()) T_OK(crm_path_mkdirs(at("gone/models")));
    put_for_all("gone/.failed", "");
    crm_record_close(&r, true);
    exists("gone", false);
    r = open_run("kept", CRM_RECORD_NEW);
    if (root()) T_OK(crm_path_mkdirs(at("kept/units")));
    put_for_all("kept/units/hybrid-r0-f0.h5", "result");
    crm_record_close(&r, true);
    exists("kept/units/hybrid-r0-f0.h5", true);
    exists("kept/.digest", true);
    exists("kept/config.yaml", true);
    r = open_run("kept", CRM_RECORD_STARTED);
    if (root()) T_OK(crm_path_remove(at("kept/units")));
    crm_record_close(&r, true);
    exists("kept/.digest", true); /* not new */
}

/* ---- locks -------------------------------------------------------------------------------------
 */

/* A child that holds the lock until it is killed, or for some milliseconds; plain system calls. */
static pid_t hold(const char *lock, int ms)
{
    static const char holder[] = "host elsewhere, pid 4242, job 77, since 2026-01-31T12:00:00Z\n";
    int ready[2];
    char c = 0;
    pid_t child;

    if (pipe(ready) != 0) return -1;
    child = fork();
    if (child == 0) {
        int fd = open(lock, O_RDWR | O_CREAT, 0666);
        if (flock(fd, LOCK_EX) != 0 || write(fd, holder, sizeof holder - 1) < 0) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        usleep(ms ? (useconds_t)ms * 1000 : 60000000);
        _exit(0);
    }
    T_CHECK(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end(pid_t child)
{
    if (child <= 0) return;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void lock_of_another_process(void)
{
    crm_record *r = open_run("locked", CRM_RECORD_NEW);
    pid_t child = 0;

    crm_record_close(&r, false);
    if (root()) child = hold(at("locked/.lock"), 0);
    T_OK(crm_comm_barrier(t_comm));
    refused("locked", CRM_ERR_CONFIG, "is in use by host elsewhere, pid 4242, job 77, since 2026");
    refused("locked", CRM_ERR_CONFIG, "record.lock_wait");
    end(child);
    r = open_run("locked", CRM_RECORD_STARTED);
    crm_record_close(&r, false);
}

static void waits_for_the_lock(void)
{
    const crm_record_cfg patient = {.lock_wait = 20};
    crm_record_state state = CRM_RECORD_NEW;
    crm_record *r = open_run("wait", CRM_RECORD_NEW);
    pid_t child = 0;
    double start = crm_clock_now();

    crm_record_close(&r, false);
    if (root()) child = hold(at("wait/.lock"), 300);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_record_open(t_comm, &patient, at("wait"), "crossval", config, one, &state, &r));
    T_EQ_I(state, CRM_RECORD_STARTED);
    T_CHECK(crm_clock_now() - start < 15);
    crm_record_close(&r, false);
    end(child);
}

static void held_by_ourselves(const crm_record_cfg *cfg, const char *name)
{
    crm_record_state state;
    crm_record *r = NULL;
    char pid[64] = "is in use by host ";

    T_OK(crm_record_open(t_comm, cfg, at(name), "crossval", config, one, &state, &r));
    if (root())
        snprintf(pid, sizeof pid, ", pid %ld, job 4711, restart 0, since 2", (long)getpid());
    T_OK(crm_comm_bcast(t_comm, 0, pid, sizeof pid));
    refused_as(name, cfg, "crossval", config, one, CRM_ERR_CONFIG, pid);
    crm_record_close(&r, false);
    T_OK(crm_record_open(t_comm, cfg, at(name), "crossval", config, one, &state, &r));
    T_EQ_I(state, CRM_RECORD_STARTED);
    crm_record_close(&r, true);
}

static void holder_is_named(void)
{
    const crm_record_cfg lease = {.lock = CRM_RECORD_LOCK_LEASE};

    setenv("SLURM_JOB_ID", "4711", 1);
    held_by_ourselves(&no_wait, "own");
    held_by_ourselves(&lease, "own-lease");
    exists("own-lease/.lease", false);
    unsetenv("SLURM_JOB_ID");
}

static long dead_process(void)
{
    pid_t child = fork();

    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void stale_lease(void)
{
    const crm_record_cfg lease = {.lock = CRM_RECORD_LOCK_LEASE, .lock_wait = 0.2};
    crm_record_state state;
    crm_record *r = NULL;
    char text[400], host[256] = "";

    if (root()) T_OK(crm_path_mkdirs(at("stale")));
    T_CHECK(gethostname(host, sizeof host) == 0);
    snprintf(text, sizeof text, "host %s, pid %ld, job none, since 2026\n", host, dead_process());
    put_for_all("stale/.lease", text);
    T_OK(crm_record_open(t_comm, &lease, at("stale"), "crossval", config, one, &state, &r));
    T_EQ_I(state, CRM_RECORD_NEW);
    crm_record_close(&r, false);
    exists("stale/.lease", false);
    put_for_all("stale/.lease", "host elsewhere, pid 1, job 5, since 2026\n");
    refused_as("stale", &lease, "crossval", config, one, CRM_ERR_CONFIG,
               "is in use by host elsewhere, pid 1, job 5");
    contains("stale/.lease", "elsewhere", true);
}

/* A job that Slurm put back into the queue goes on in the folder that its dead node held; another
 * job, and a second step of the same start, do not. */
static void lease_of_an_earlier_start(void)
{
    static const char held[] = "host elsewhere, pid 1, job 5, restart 1, since 2026\n";
    const crm_record_cfg lease = {.lock = CRM_RECORD_LOCK_LEASE, .lock_wait = 0.2};
    static const char *const busy[][2] = {{"5", "1"}, {"55", "2"}, {"5", "0"}};
    crm_record_state state;
    crm_record *r = NULL;

    if (root()) T_OK(crm_path_mkdirs(at("restart")));
    put_for_all("restart/.lease", held);
    for (int i = 0; i < 3; i++) {
        setenv("SLURM_JOB_ID", busy[i][0], 1);
        setenv("SLURM_RESTART_COUNT", busy[i][1], 1);
        refused_as("restart", &lease, "crossval", config, one, CRM_ERR_CONFIG, "job 5, restart 1");
    }
    setenv("SLURM_RESTART_COUNT", "2", 1);
    setenv("SLURM_JOB_ID", "5", 1);
    T_OK(crm_record_open(t_comm, &lease, at("restart"), "crossval", config, one, &state, &r));
    contains("restart/.lease", "job 5, restart 2", true);
    crm_record_close(&r, false);
    exists("restart/.lease", false);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

/* Each kind of lock keeps the other kind out, in both orders, and names who is there. */
static void kinds_of_lock_exclude_each_other(void)
{
    const crm_record_cfg cfg[2] = {{.lock = CRM_RECORD_LOCK_AUTO}, {.lock = CRM_RECORD_LOCK_LEASE}};
    const crm_record_cfg patient = {.lock = CRM_RECORD_LOCK_LEASE, .lock_wait = 20};
    crm_record_state state;
    crm_record *r = NULL;
    char pid[64] = "";
    pid_t child = 0;

    if (root()) snprintf(pid, sizeof pid, ", pid %ld, job", (long)getpid());
    T_OK(crm_comm_bcast(t_comm, 0, pid, sizeof pid));
    for (int first = 0; first < 2; first++) {
        T_OK(
            crm_record_open(t_comm, &cfg[first], at("kinds"), "crossval", config, one, &state, &r));
        refused_as("kinds", &cfg[1 - first], "crossval", config, one, CRM_ERR_CONFIG, pid);
        exists("kinds/.lease", first == 1); /* the loser took nothing away and left nothing */
        crm_record_close(&r, false);
        exists("kinds/.lease", false);
    }
    if (root()) child = hold(at("kinds/.lock"), 300);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_record_open(t_comm, &patient, at("kinds"), "crossval", config, one, &state, &r));
    crm_record_close(&r, false);
    end(child);
}

/* A lease without flock, as from another node: auto heeds it unless its process is gone. */
static void auto_heeds_a_lease(void)
{
    char text[400], host[256] = "";
    crm_record *r = open_run("heed", CRM_RECORD_NEW);

    crm_record_close(&r, false);
    put_for_all("heed/.lease", "host elsewhere, pid 1, job 5, since 2026\n");
    refused("heed", CRM_ERR_CONFIG, "is in use by host elsewhere, pid 1, job 5");
    refused("heed", CRM_ERR_CONFIG, "when that job is gone remove .lease");
    contains("heed/.lease", "elsewhere", true);
    T_CHECK(gethostname(host, sizeof host) == 0);
    snprintf(text, sizeof text, "host %s, pid %ld, job none, since 2026\n", host, dead_process());
    put_for_all("heed/.lease", text);
    r = open_run("heed", CRM_RECORD_STARTED);
    exists("heed/.lease", false);
    crm_record_close(&r, false);
}

/* ---- files -------------------------------------------------------------------------------------
 */

static crm_record *join_run(const char *name, crm_digest digest, crm_status code,
                            crm_record_state *state)
{
    crm_record *r = NULL;

    T_EQ_I(
        crm_record_join(t_comm, &no_wait, at(name), "crossval", config, digest, "begun", state, &r),
        code);
    T_CHECK((r != NULL) == (code == CRM_OK));
    return r;
}

/* A second job works beside the holder, and holds the folder when that one is gone. */
static void jobs_beside_each_other(void)
{
    crm_record_state state = CRM_RECORD_NEW;
    crm_record *first = join_run("beside", one, CRM_OK, &state), *second;

    T_EQ_I(state, CRM_RECORD_NEW);
    T_CHECK(!crm_record_is_beside(first));
    put_for_all("beside/begun", "");
    second = join_run("beside", one, CRM_OK, &state);
    T_EQ_I(state, CRM_RECORD_STARTED);
    T_CHECK(crm_record_is_beside(second));
    (void)join_run("beside", other, CRM_ERR_CONFIG, &state);
    T_CHECK(strstr(crm_err_text(), "holds another run") != NULL);
    crm_err_clear();
    T_OK(crm_record_hold(second, &no_wait, &state));
    T_CHECK(crm_record_is_beside(second));
    crm_record_release(first);
    T_CHECK(crm_record_is_beside(first));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_record_hold(second, &no_wait, &state));
    T_EQ_I(state, CRM_RECORD_STARTED);
    T_CHECK(!crm_record_is_beside(second));
    refused("beside", CRM_ERR_CONFIG, "is in use by");
    T_OK(crm_record_write(second, "summary.json", "{}", 2));
    crm_record_close(&second, false);
    T_OK(crm_record_hold(first, &no_wait, &state));
    T_EQ_I(state, CRM_RECORD_FINISHED);
    crm_record_close(&first, false);
    exists("beside/.digest", true);
}

static void metrics(void)
{
    const crm_record_pair pair[] = {{.key = "phase", .text = "re\"fit"},
                                    {.key = "epoch", .value = 1},
                                    {.key = "loss", .value = 0.1},
                                    {.key = "score", .value = (double)NAN}};
    crm_record *r = open_run("metrics", CRM_RECORD_NEW);
    char *text;

    T_OK(crm_record_metrics(r, "epoch", "hybrid-r0-f0", "hybrid", 4, pair));
    T_OK(crm_record_metrics(r, "unit", "a\"b", "rule", 0, NULL));
    if (root()) {
        text = content("metrics/metrics.jsonl");
        T_CHECK(
            text &&
            strcmp(text,
                   "{\"event\": \"epoch\", \"unit\": \"hybrid-r0-f0\", "
                   "\"model\": \"hybrid\", \"phase\": \"re\\\"fit\", \"epoch\": 1, \"loss\": 0.1, "
                   "\"score\": null}\n"
                   "{\"event\": \"unit\", \"unit\": \"a\\\"b\", \"model\": "
                   "\"rule\"}\n") == 0);
        crm_mem_free(text);
    }
    crm_record_close(&r, false);
    r = open_run("metrics", CRM_RECORD_STARTED);
    T_OK(crm_record_metrics(r, "again", "u", "m", 0, NULL));
    crm_record_close(&r, false);
    if (root()) {
        text = content("metrics/metrics.jsonl");
        T_CHECK(text &&
                strcmp(text, "{\"event\": \"again\", \"unit\": \"u\", \"model\": \"m\"}\n") == 0);
        crm_mem_free(text);
    }
}

static void notes(void)
{
    crm_record *r = open_run("notes", CRM_RECORD_NEW);
    char last[32];

    T_OK(crm_record_note_text(r, "digests.data", "abc"));
    T_OK(crm_record_note_text(r, "data.path", "na\xffme"));
    T_OK(crm_record_note_f64(r, "data.share", 0.25));
    T_OK(crm_record_note_i64(r, "data.rows", 3333));
    T_OK(crm_record_note_ranks(r));
    T_OK(crm_record_flush(r));
    contains("notes/run.json", "\"data\": \"abc\"", true);
    contains("notes/run.json", "\"run\": \"11111111111111112222222222222222\"", true);
    contains("notes/run.json",
             "{\n    \"path\": \"na?me\",\n    \"rows\": 3333,\n"
             "    \"share\": 0.25\n  }",
             true);
    contains("notes/run.json", "\"hdf5\": \"HDF5 ", true);
    contains("notes/run.json", "\"command\": \"crossval\"", true);
    contains("notes/run.json", "\"started\": \"2", true);
    contains("notes/run.json", "\"seconds\": ", true);
    snprintf(last, sizeof last, "\"rank\": %d\n", crm_comm_size(t_comm) - 1);
    contains("notes/run.json", last, true);
    T_OK(crm_record_note_text(r, "late", "word"));
    crm_record_close(&r, false);
    contains("notes/run.json", "\"late\": \"word\"", true);
}

static void notes_read(void)
{
    static const struct {
        const char *dir, *path, *text;
    } note[] = {{"notes", "digests.data", "abc"}, {"notes", "late", "word"},
                {"notes", "data.rows", "3333"},   {"notes", "digests", ""},
                {"notes", "late.none", ""},       {"nowhere", "late", ""}};
    char text[64];

    for (size_t i = 0; root() && i < sizeof note / sizeof *note; i++) {
        crm_record_read_note(at(note[i].dir), note[i].path, text, sizeof text);
        T_CHECK(strcmp(text, note[i].text) == 0);
    }
}

static void write_fails_everywhere(void)
{
    crm_record *r = open_run("write", CRM_RECORD_NEW);

    T_OK(crm_record_write(r, "empty.txt", NULL, 0));
    T_FAILS(crm_record_write(r, "no/such/folder.txt", "x", 1), CRM_ERR_IO, "no/such/folder.txt");
    if (root()) T_OK(crm_path_mkdirs(at("write/metrics.jsonl")));
    if (root()) T_FAILS(crm_record_metrics(r, "e", "u", "m", 0, NULL), CRM_ERR_IO, "metrics.jsonl");
    crm_record_close(&r, true);
    exists("write/empty.txt", true);
}

static void read_config(void)
{
    crm_record *r = open_run("config", CRM_RECORD_NEW);
    char *yaml = NULL;
    size_t len = 0;

    crm_record_close(&r, false);
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_record_read_config(at("config"), &yaml, &len));
    T_CHECK(yaml && strcmp(yaml, config) == 0 && len == strlen(config));
    crm_mem_free(yaml);
    T_FAILS(crm_record_read_config(at("nowhere"), &yaml, &len), CRM_ERR_IO, "no such run folder");
    T_FAILS(crm_record_read_config(at(""), &yaml, &len), CRM_ERR_IO, "config.yaml is missing");
    T_FAILS(crm_record_read_config(at("config/.digest"), &yaml, &len), CRM_ERR_IO, "is a file");
    T_CHECK(yaml == NULL && len == 0);
    T_OK(crm_comm_barrier(t_comm));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {
        {"make the folder of the test", make_base},
        {"new, started, finished", states},
        {"an empty folder is new", empty_folder_is_new},
        {"another run is refused", another_run_is_refused},
        {"files of others are kept", files_of_others_are_kept},
        {"folders that cannot be made", not_writable},
        {"failure removes what is new", failure_removes_what_is_new},
        {"lock of another process", lock_of_another_process},
        {"waits for the lock", waits_for_the_lock},
        {"the holder is named", holder_is_named},
        {"stale lease", stale_lease},
        {"lease of an earlier start", lease_of_an_earlier_start},
        {"kinds of lock exclude each other", kinds_of_lock_exclude_each_other},
        {"auto heeds a lease", auto_heeds_a_lease},
        {"jobs beside each other", jobs_beside_each_other},
        {"metrics", metrics},
        {"notes", notes},
        {"notes are read", notes_read},
        {"writes that fail", write_fails_everywhere},
        {"read the configuration", read_config},
        {"remove the folder of the test", remove_base},
        {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
