/* eval_stop.c - the wish to stop, agreed over a group and told to the other groups; what a study
 * begins and ends with in its folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_path.h"
#include "crmpi/base_stop.h"
#include "eval_impl.h"

#define STOPPED_MARK ".stopped"
#define FAILED_MARK  ".failed"
/* s; between two looks for the mark that another rank leaves, and what the first checkpoint of a
 * run is thought to take. */
static const double look_pause = 0.2, first_guess = 0.02;
/* As look_pause, of ranks that are not the first of their group: there may be many. */
static const double rare_pause = 1;

static bool mark_is_there(const study *s, const char *name)
{
    char mark[CRM_PATH_MAX];

    if (crm_record_path(s->e->record, name, mark, sizeof mark) == CRM_OK)
        return crm_path_exists(mark);
    crm_err_clear();
    return false;
}

bool crm_study_wants_stop(study *s)
{
    double now;

    if (crm_stop_signal()) return true;
    if (crm_comm_size(s->e->world) == crm_comm_size(s->group) || crm_comm_rank(s->group) > 0)
        return false;
    now = crm_clock_now();
    if (s->others_stopped || now - s->looked < look_pause) return s->others_stopped;
    s->looked = now;
    s->others_stopped = mark_is_there(s, STOPPED_MARK);
    return s->others_stopped;
}

bool crm_study_stopping(void *study_)
{
    study *s = study_;
    double now;

    if (crm_stop_signal() || s->saw_stop) return true;
    if (crm_comm_size(s->e->world) == 1) return false;
    now = crm_clock_now();
    if (now - s->polled < (crm_comm_rank(s->group) == 0 ? look_pause : rare_pause)) return false;
    s->polled = now;
    if (mark_is_there(s, STOPPED_MARK)) s->saw_stop = true;
    return s->saw_stop;
}

/* The same answer on all ranks of the group; a group that cannot agree any more has failed. */
static crm_status agree_stop(study *s, bool *stop)
{
    int64_t any = crm_study_wants_stop(s);

    CRM_TRY(crm_comm_max_i64(s->group, &any, 1));
    *stop = any != 0;
    return CRM_OK;
}

crm_status crm_study_check_stop(study *s)
{
    bool stop = false;

    s->looked = 0; /* now, too */
    CRM_TRY(agree_stop(s, &stop));
    CRM_CHECK(!stop, CRM_ERR_STOPPED, "%s", ""); /* nothing was under way */
    return CRM_OK;
}

static crm_hook_answer stop_at_epoch(void *ctx, const crm_epoch *e)
{
    bool stop = false;

    (void)e;
    if (agree_stop(ctx, &stop)) crm_err_clear(); /* the fit's next exchange fails too */
    return stop ? CRM_HOOK_PAUSE : CRM_HOOK_GO;
}

crm_hooks crm_study_stop_hooks(study *s)
{
    return (crm_hooks){.ctx = s, .on_epoch = stop_at_epoch, .stopping = crm_study_stopping};
}

void crm_study_mark(const study *s, crm_status why)
{
    char mark[CRM_PATH_MAX];
    const char *name = why == CRM_ERR_STOPPED ? STOPPED_MARK : FAILED_MARK;
    int fd, n = snprintf(mark, sizeof mark, "%s/%s", crm_record_dir(s->e->record), name);

    if (n < 0 || n >= (int)sizeof mark) return;
    fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) close(fd);
}

void crm_study_listen(const study *s, bool on)
{
    char mark[CRM_PATH_MAX];

    if (on && crm_record_path(s->e->record, STOPPED_MARK, mark, sizeof mark)) {
        crm_err_clear();
        return;
    }
    crm_stop_tell(on ? mark : NULL);
}

crm_status crm_stopped(crm_comm *world, int64_t done, int64_t of, const char *what)
{
    char left[LEFT_MAX + 8];
    int64_t signal = crm_stop_signal();

    snprintf(left, sizeof left, "%s", crm_err_text());
    CRM_TRY(crm_comm_max_i64(world, &signal, 1));
    CRM_FAIL(CRM_ERR_STOPPED,
             "stopped by %s: %s%lld of %lld %s are finished; run the same command again to go on",
             crm_stop_name((int)signal), left, (long long)done, (long long)of, what);
}

/* Likewise. */
static void unmark(const study *s)
{
    char mark[CRM_PATH_MAX];
    int n = snprintf(mark, sizeof mark, "%s/" STOPPED_MARK, crm_record_dir(s->e->record));

    if (n > 0 && n < (int)sizeof mark) unlink(mark);
}

bool crm_study_failed(const study *s)
{
    return mark_is_there(s, FAILED_MARK);
}

bool crm_study_marked(const study *s)
{
    return crm_study_failed(s) || mark_is_there(s, STOPPED_MARK);
}

/* ---- begin and end of a study ---- */

static bool is_temporary(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".tmp") == 0;
}

static crm_status remove_temporaries(const char *dir)
{
    char path[CRM_PATH_MAX];
    crm_status st = CRM_OK;
    struct dirent *e;
    DIR *d = opendir(dir);

    if (!d && errno == ENOENT) return CRM_OK;
    CRM_CHECK(d, CRM_ERR_IO, "%s: %s", dir, strerror(errno));
    while (!st && (e = readdir(d))) {
        if (!is_temporary(e->d_name)) continue;
        st = crm_path_join(dir, e->d_name, path, sizeof path);
        if (!st) st = crm_path_remove(path);
    }
    closedir(d);
    return st;
}

crm_status crm_remove_unfinished(const crm_record *r)
{
    static const char *const folders[] = {"units", "models", "null"};
    char dir[CRM_PATH_MAX];

    CRM_TRY(remove_temporaries(crm_record_dir(r)));
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        CRM_TRY(crm_record_path(r, folders[i], dir, sizeof dir));
        CRM_TRY(remove_temporaries(dir));
    }
    return CRM_OK;
}

static crm_status remove_named(const crm_record *r, const char *name)
{
    char path[CRM_PATH_MAX];

    CRM_TRY(crm_record_path(r, name, path, sizeof path));
    return crm_path_remove(path);
}

crm_status crm_study_begin(study *s)
{
    const crm_record *r = s->e->record;

    s->begun = crm_clock_now();
    s->expected = first_guess;
    if (crm_comm_rank(s->e->world) > 0) return CRM_OK;
    CRM_TRY(remove_named(r, FAILED_MARK));
    CRM_TRY(remove_named(r, STOPPED_MARK));
    return crm_remove_unfinished(r);
}

crm_status crm_study_end(const study *s, crm_status st)
{
    if (crm_comm_rank(s->e->world) > 0) return st;
    if (s->saves > 0)
        crm_log_line(CRM_LOG_DEBUG, "checkpoint", "%lld checkpoints of rank 0: %.3f s of %.1f s",
                     (long long)s->saves, s->spent, crm_clock_now() - s->begun);
    if (st == CRM_OK || st == CRM_ERR_STOPPED) unmark(s); /* all have seen it */
    return st ? st : remove_named(s->e->record, CHECKPOINTS_DIR);
}
