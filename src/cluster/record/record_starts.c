/* record_starts.c - a line for each start of a run, so that run.json tells of those that were
 * killed as well. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "record_impl.h"

enum { STARTS_MAX = 16 << 20 };

/* "4711", "4711_3" of an array, with the number of restarts; NULL outside of a job. */
static json_t *job_text(void)
{
    const char *job = getenv("SLURM_JOB_ID"), *array = getenv("SLURM_ARRAY_JOB_ID");
    const char *task = getenv("SLURM_ARRAY_TASK_ID");
    char text[128];

    if (!job) return NULL;
    if (array && task)
        snprintf(text, sizeof text, "%.60s_%.60s", array, task);
    else
        snprintf(text, sizeof text, "%.120s", job);
    return crm_record_json_text(text);
}

/* "0.6.0", with the commit where the build knows it. */
static void program_text(char *out, size_t cap)
{
    snprintf(out, cap, "%s%s%s", CRM_VERSION, crm_build_commit[0] ? " " : "", crm_build_commit);
}

/* Results are equal for equal programs: units and checkpoints of two are told. */
static void compare_program(const char *dir)
{
    json_t *all = crm_record_starts(dir);
    const json_t *last = json_array_get(all, json_array_size(all) - 1);
    const char *was = json_string_value(json_object_get(last, "program"));
    char now[128];

    program_text(now, sizeof now);
    if (was && strcmp(was, now) != 0)
        crm_log_line(
            CRM_LOG_WARN, "record",
            "%s was begun by crmpi %.100s and goes on with %s: its results may be those of "
            "neither",
            dir, was, now);
    json_decref(all);
}

/* NULL when memory is out. */
static json_t *this_start(int ranks)
{
    json_t *line = json_object();
    char utc[32], host[256], program[128];
    bool whole;

    crm_comm_host(host, sizeof host);
    program_text(program, sizeof program);
    whole = json_object_set_new(line, "time", json_string(crm_clock_utc(utc))) == 0 &&
            json_object_set_new(line, "host", crm_record_json_text(host)) == 0 &&
            json_object_set_new(line, "ranks", json_integer(ranks)) == 0 &&
            json_object_set_new(line, "program", crm_record_json_text(program)) == 0 &&
            (!getenv("SLURM_JOB_ID") || json_object_set_new(line, "job", job_text()) == 0);
    if (whole) return line;
    json_decref(line);
    return NULL;
}

/* One write, so that two writers do not mix; a line feed first ends a line that was cut off. */
void crm_record_starts_add(const char *dir, int ranks)
{
    char path[CRM_PATH_MAX];
    json_t *line = this_start(ranks);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    crm_str out = {0};
    int fd = -1;

    /* Said below. */
    crm_record_json_lose(crm_record_json_lost() && text);
    compare_program(dir);
    if (text) crm_str_addf(&out, "\n%s\n", text);
    if (crm_path_join(dir, RECORD_STARTS_FILE, path, sizeof path))
        crm_err_clear();
    else if (text && !out.failed)
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd >= 0) {
        ssize_t n = write(fd, out.text, out.len);
        (void)n; /* a start that is not told of is no reason not to run */
        close(fd);
    }
    if (!text || out.failed)
        crm_log_line(CRM_LOG_WARN, "record", "this start is not told in %s: out of memory", dir);
    crm_str_free(&out);
    free(text);
    json_decref(line);
}

json_t *crm_record_starts(const char *dir)
{
    char path[CRM_PATH_MAX], *text = NULL;
    bool before = crm_record_json_lost();
    json_t *all = json_array();
    size_t len;

    if (crm_path_join(dir, RECORD_STARTS_FILE, path, sizeof path) ||
        (crm_path_exists(path) && crm_path_read(path, STARTS_MAX, &text, &len))) {
        crm_log_line(CRM_LOG_WARN, "record", "earlier starts are not told: %s", crm_err_text());
        crm_err_clear();
    }
    for (const char *at = text; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        json_t *line = json_loadb(at, strcspn(at, "\n"), 0, NULL);
        if (json_is_object(line))
            json_array_append_new(all, line);
        else
            json_decref(line);
    }
    if (crm_record_json_lost())
        crm_log_line(CRM_LOG_WARN, "record", "earlier starts are not told in %s: out of memory",
                     dir);
    crm_record_json_lose(before);
    crm_mem_free(text);
    return all;
}
