/* test_check.c - whether a run folder is whole: units.json, digests of files, run.json's own, the
 * starts of a run, what two runs differ in, the crate.
 * ranks: 1 3
 * timeout: 60 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crmpi/record.h"
#include "record_testing.h"

static const crm_record_cfg no_wait = {.lock_wait = 0};
static const crm_digest one = {1, 2};
static const crm_record_unit units[] = {
    {"hybrid-r0-f0", "00000000000000010000000000000002", "00000000000000030000000000000004", ""},
    {"hybrid-all", "00000000000000050000000000000006", "", ""},
    {"null-000000", "", "", "00000000000000070000000000000008"}};
enum { UNITS = sizeof units / sizeof *units };

static crm_record *open_run(const char *name)
{
    crm_record_state state;
    crm_record *r = NULL;

    T_OK(crm_record_open(t_comm, &no_wait, at(name), "train", "eval.folds: 5\n", one, &state, &r));
    return r;
}

/* A run that is finished, with a model, of these kernels. */
static void make_run(const char *name, const char *kernels)
{
    crm_record *r = open_run(name);
    char path[64];

    snprintf(path, sizeof path, "%.50s/models", name);
    if (root()) T_OK(crm_path_mkdirs(at(path)));
    T_OK(crm_comm_barrier(t_comm));
    T_OK(crm_record_write(r, "models/a.h5", "model", 5));
    T_OK(crm_record_write(r, "models/a.txt.tmp", "half", 4));
    T_OK(crm_record_write(r, "summary.json", "{}", 2));
    T_OK(crm_record_units(r, UNITS, units));
    T_OK(crm_record_note_text(r, "cpu.kernels", kernels));
    T_OK(crm_record_note_f64(r, "real", 0.1));
    T_OK(crm_record_note_f64(r, "whole", 3));
    T_OK(crm_record_note_list(r, "list", 2, (const char *const[]){"a", "\xff"}));
    T_OK(crm_record_note_ranks(r));
    T_OK(crm_record_finish(r));
    crm_record_close(&r, false);
}

static void whole(void)
{
    char text[64];

    make_run("run", "cpu:avx2");
    if (!root()) return;
    T_OK(crm_record_check(at("run")));
    crm_record_read_note(at("run"), "layout.ranks", text, sizeof text);
    T_EQ_I(atoll(text), crm_comm_size(t_comm));
    crm_record_read_note(at("run"), "layout.nodes", text, sizeof text);
    T_EQ_I(atoll(text), 1);
    contains("run/run.json", "\"models/a.h5\"", true);
    contains("run/run.json", "a.txt.tmp", false);
    contains("run/run.json", "ro-crate", false);
}

static void units_are_read(void)
{
    crm_record_unit *u = NULL;
    int n = 0;

    if (!root()) return;
    T_OK(crm_record_read_units(at("run"), &n, &u));
    T_EQ_I(n, UNITS);
    for (int i = 0; u && i < UNITS; i++)
        T_CHECK(strcmp(u[i].name, units[i].name) == 0 &&
                strcmp(u[i].weights, units[i].weights) == 0 &&
                strcmp(u[i].predictions, units[i].predictions) == 0 &&
                strcmp(u[i].values, units[i].values) == 0);
    crm_mem_free(u);
    T_FAILS(crm_record_read_units(at("nowhere"), &n, &u), CRM_ERR_IO, "units.json");
    T_OK(crm_path_mkdirs(at("bad")));
    put("bad/units.json", "{\"format\": 1, \"units\": [{\"name\": 7}]}");
    T_FAILS(crm_record_read_units(at("bad"), &n, &u), CRM_ERR_FORMAT, "unit 0");
    put("bad/units.json", "{\"format\": 2, \"units\": []}");
    T_FAILS(crm_record_read_units(at("bad"), &n, &u), CRM_ERR_FORMAT, "another version");
    T_CHECK(u == NULL && n == 0);
}

/* The first byte of the text in the file becomes another. */
static void change(const char *name, const char *part, char with)
{
    char *text = NULL, *found;
    size_t len;

    T_OK(crm_path_read(at(name), 1 << 20, &text, &len));
    found = text ? strstr(text, part) : NULL;
    T_CHECK(found != NULL);
    if (found) *found = with;
    if (text) T_OK(crm_path_write_atomic(at(name), text, len));
    crm_mem_free(text);
}

static void damage(void)
{
    if (!root()) return;
    change("run/models/a.h5", "odel", 'x');
    T_FAILS(crm_record_check(at("run")), CRM_ERR_FORMAT, "models/a.h5: was changed");
    change("run/models/a.h5", "xdel", 'o');
    T_OK(crm_record_check(at("run")));
    T_OK(crm_path_remove(at("run/units.json")));
    T_FAILS(crm_record_check(at("run")), CRM_ERR_FORMAT, "units.json: is missing");
    change("run/run.json", "0.1", '1');
    T_FAILS(crm_record_check(at("run")), CRM_ERR_FORMAT, "run.json: was changed");
    put("run/run.json", "[]");
    T_FAILS(crm_record_check(at("run")), CRM_ERR_FORMAT, "not an object");
    put("run/run.json", "{\"command\": \"train\"}");
    T_FAILS(crm_record_check(at("run")), CRM_ERR_FORMAT, "has no digests");
    T_OK(crm_path_remove(at("run/run.json")));
    T_FAILS(crm_record_check(at("run")), CRM_ERR_IO, "is not finished");
    T_FAILS(crm_record_check(at("bad")), CRM_ERR_IO, "is not a run folder");
    T_FAILS(crm_record_check(at("nowhere")), CRM_ERR_IO, "no such run folder");
}

static void differences(void)
{
    crm_str text = {0};

    setenv("CRM_TEST_THERE", "1", 1);
    make_run("there", "cpu:avx2");
    unsetenv("CRM_TEST_THERE");
    setenv("CRM_TEST_HERE", "2", 1);
    make_run("here", "cpu:portable");
    unsetenv("CRM_TEST_HERE");
    if (!root()) return;
    T_OK(crm_record_differences(at("there"), at("here"), &text));
    T_CHECK(text.text &&
            strcmp(text.text, "  cpu.kernels: cpu:avx2 there, cpu:portable here\n"
                              "  environment.CRM_TEST_THERE: 1 there, none here\n"
                              "  environment.CRM_TEST_HERE: none there, 2 here\n") == 0);
    if (text.text) fprintf(stderr, "%s", t_failures ? text.text : "");
    crm_str_free(&text);
    T_OK(crm_record_differences(at("here"), at("here"), &text));
    T_CHECK(text.text == NULL);
    T_FAILS(crm_record_differences(at("here"), at("nowhere"), &text), CRM_ERR_IO, "run.json");
}

static void starts(void)
{
    crm_record *r = open_run("starts");

    crm_record_close(&r, false); /* killed */
    if (root()) {
        FILE *f = fopen(at("starts/.starts"), "a");
        T_CHECK(f && fputs("{\"time\": \"cut off", f) >= 0);
        if (f) fclose(f);
    }
    T_OK(crm_comm_barrier(t_comm));
    setenv("SLURM_JOB_ID", "41", 1);
    make_run("starts", "cpu:avx2");
    unsetenv("SLURM_JOB_ID");
    contains("starts/run.json", "\"resumes\": 1", true);
    contains("starts/run.json", "\"job\": \"41\"", true);
    contains("starts/run.json", "cut off", false);
    r = open_run("starts"); /* finished: nothing is started, and run.json stays */
    crm_record_close(&r, false);
    if (root()) T_OK(crm_record_check(at("starts")));
}

static void crate(void)
{
    if (!root()) return;
    contains("here/ro-crate-metadata.json", "\"contentSize\": \"5\"", true);
    contains("here/ro-crate-metadata.json", "a%20b.txt", false);
    put("here/a b.txt", "more");
    T_OK(crm_record_crate_renew(at("here")));
    contains("here/ro-crate-metadata.json", "\"@id\": \"a%20b.txt\"", true);
    contains("here/ro-crate-metadata.json", "\"name\": \"a b.txt\"", true);
    contains("here/ro-crate-metadata.json", ".tmp", false);
    T_OK(crm_record_check(at("here")));
    T_OK(crm_path_remove(at("here/ro-crate-metadata.json")));
    T_OK(crm_record_crate_renew(at("here"))); /* there was none */
    T_CHECK(!crm_path_exists(at("here/ro-crate-metadata.json")));
}

int main(int argc, char **argv)
{
    static const t_case cases[] = {{"make the folder of the test", make_base},
                                   {"a finished run is whole", whole},
                                   {"units", units_are_read},
                                   {"damage is told", damage},
                                   {"what two runs differ in", differences},
                                   {"starts of a run", starts},
                                   {"crate", crate},
                                   {"remove the folder of the test", remove_base},
                                   {NULL, NULL}};

    return t_main_mpi(argc, argv, cases);
}
