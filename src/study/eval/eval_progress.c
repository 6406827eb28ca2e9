/* eval_progress.c - one line on a terminal: units done, the fit at hand, rows per second, time
 * left.
 *
 * The first rank of each group posts an event when it begins a unit or ends an epoch; rank 0 draws.
 * Nothing is drawn when stderr is no terminal or log.level is quiet, error or warn. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "eval_impl.h"

typedef struct event {
    int64_t done; /* 1: a unit has ended */
    int64_t epoch, of, rows;
    double loss, seconds, cost;
    char unit[UNIT_NAME_MAX];
} event;
_Static_assert(sizeof(event) <= CRM_COMM_POST_MAX, "an event fits in a message");

struct progress {
    bool draw;        /* this is rank 0 and stderr is a terminal */
    bool shown;       /* a line stands on the terminal */
    int64_t done, of; /* units */
    double done_cost, all_cost;
    double start, last;
    event mine, now; /* of this group's unit; the one that is shown */
};

/* mpirun hands its ranks a pipe for stderr and writes what comes to its own, so the process above
 * counts too. */
static bool on_terminal(void)
{
    char path[64], link[64];
    ssize_t n;

    if (isatty(STDERR_FILENO)) return true;
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
    n = readlink(path, link, sizeof link - 1);
    if (n <= 0) return false;
    link[n] = '\0';
    return strncmp(link, "/dev/pts/", 9) == 0 || strncmp(link, "/dev/tty", 8) == 0;
}

static bool wants_line(const crm_eval *e)
{
    if (crm_comm_rank(e->world) > 0 || crm_log_get_level() < CRM_LOG_INFO) return false;
    return e->progress == CRM_PROGRESS_ON || (e->progress == CRM_PROGRESS_AUTO && on_terminal());
}

crm_status crm_progress_new(study *s)
{
    CRM_NEW(s->progress, 1);
    s->progress->start = crm_clock_now();
    s->progress->draw = wants_line(s->e);
    for (int i = 0; i < s->n_units; i++) {
        if (s->unit[i].group < 0) continue;
        s->progress->of++;
        s->progress->all_cost += s->e->spec[s->unit[i].model]->cost;
    }
    return CRM_OK;
}

static void time_text(double seconds, char *out, size_t cap)
{
    int64_t t = (int64_t)(seconds + 0.5);

    if (t >= 3600)
        snprintf(out, cap, "%lld:%02d:%02d", (long long)(t / 3600), (int)(t / 60 % 60),
                 (int)(t % 60));
    else
        snprintf(out, cap, "%d:%02d", (int)(t / 60), (int)(t % 60));
}

static void draw(struct progress *p)
{
    char bar[21], left[32] = "?", fit[96] = "";
    double part = p->all_cost > 0 ? p->done_cost / p->all_cost : 1;
    double gone = crm_clock_now() - p->start;

    memset(bar, '.', 20);
    memset(bar, '#', (size_t)(part * 20));
    bar[20] = '\0';
    if (part > 0.1) time_text(gone / part - gone, left, sizeof left);
    if (p->now.epoch > 0)
        snprintf(fit, sizeof fit, "epoch %lld/%lld loss %.4f %.0f rows/s", (long long)p->now.epoch,
                 (long long)p->now.of, p->now.loss,
                 p->now.seconds > 0 ? (double)p->now.rows / p->now.seconds : 0);
    fprintf(stderr, "\r[%s] %lld/%lld units, %s left  %.40s %s\033[K", bar, (long long)p->done,
            (long long)p->of, left, p->now.unit, fit);
    fflush(stderr);
    p->shown = true;
    p->last = crm_clock_now();
}

/* Rank 0: take in what has come, and draw at most ten times a second. */
static void update(study *s)
{
    struct progress *p = s->progress;
    event e;
    size_t bytes;
    int from;

    if (crm_comm_rank(s->e->world) > 0) return;
    while (crm_comm_poll(s->e->world, &e, sizeof e, &bytes, &from)) {
        if (bytes != sizeof e) continue;
        p->done += e.done;
        p->done_cost += e.done ? e.cost : 0;
        if (!e.done) p->now = e;
    }
    if (p->draw && (crm_clock_now() - p->last > 0.1 || p->done == p->of)) draw(p);
}

static void tell(study *s, const event *e)
{
    if (crm_comm_rank(s->group) == 0) crm_comm_post(s->e->world, e, sizeof *e);
    update(s);
}

void crm_progress_begin(study *s, const unit *u)
{
    event e = {.cost = s->e->spec[u->model]->cost};

    snprintf(e.unit, sizeof e.unit, "%s", u->name);
    s->progress->mine = e;
    tell(s, &e);
}

crm_hook_answer crm_progress_epoch(void *ctx, const crm_epoch *epoch)
{
    study *s = ctx;
    event e;

    if (!epoch) {
        update(s);
        return CRM_HOOK_GO;
    }
    e = s->progress->mine;
    e.epoch = epoch->epoch;
    e.of = epoch->of;
    e.rows = epoch->rows;
    e.loss = epoch->train_loss;
    e.seconds = epoch->seconds;
    tell(s, &e);
    return CRM_HOOK_GO;
}

void crm_progress_done(study *s)
{
    event e = s->progress->mine;

    e.done = 1;
    tell(s, &e);
}

void crm_progress_free(study *s)
{
    struct progress *p = s->progress;

    if (p && p->shown) fprintf(stderr, "\r\033[K");
    crm_mem_free(p);
    s->progress = NULL;
}
