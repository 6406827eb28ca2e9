/* eval_progress.c - one line on a terminal: units done, the fit at hand, loss, records per second,
 * time left.
 *
 * The first rank of each group posts an event when it begins a unit, ends an epoch, and about twice
 * a second within one; rank 0 draws.  What is left is told from the costs of the units: those done
 * and the parts of those that run.
 * A line longer than the terminal is wide would be drawn anew on the next one: its bar shrinks
 * first, then its end is cut. Nothing is drawn when stderr is no terminal or log.level is quiet,
 * error or warn. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "crmpi/base_log.h"
#include "crmpi/base_mem.h"
#include "eval_impl.h"

typedef struct event {
    int64_t done; /* 1: a unit has ended */
    int64_t group, epoch, of;
    double part; /* of the unit that is done */
    double epoch_part, loss, rows_per_s, cost;
    char unit[UNIT_NAME_MAX];
} event;
_Static_assert(sizeof(event) <= CRM_COMM_POST_MAX, "an event fits in a message");

enum { BAR_MAX = 20 };

struct progress {
    bool draw;        /* this is rank 0 and stderr is a terminal */
    bool shown;       /* a line stands on the terminal */
    int64_t done, of; /* units */
    double done_cost, all_cost;
    double *running; /* [groups] cost of the part that is done of the unit at hand */
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
    CRM_NEW(s->progress->running, s->n_groups);
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

/* "epoch 2/30 45% loss 0.1234 5821 records/s" */
static void fit_text(const event *e, char *out, size_t cap)
{
    char part[16] = "", loss[32] = "", rate[32] = "";

    out[0] = '\0';
    if (e->epoch <= 0) return;
    if (e->epoch_part < 1) snprintf(part, sizeof part, " %d%%", (int)(e->epoch_part * 100));
    if (isfinite(e->loss)) snprintf(loss, sizeof loss, " loss %.4f", e->loss);
    if (e->rows_per_s > 0) snprintf(rate, sizeof rate, " %.0f records/s", e->rows_per_s);
    snprintf(out, cap, "epoch %lld/%lld%s%s%s", (long long)e->epoch, (long long)e->of, part, loss,
             rate);
}

/* Part of the whole study that is done. */
static double done_part(const study *s)
{
    const struct progress *p = s->progress;
    double done = p->done_cost;

    for (int g = 0; g < s->n_groups; g++)
        done += p->running[g];
    return p->all_cost > 0 && done < p->all_cost ? done / p->all_cost : 1;
}

/* Columns of a line that do not make the terminal wrap; under mpirun stderr is a pipe. */
static int columns(void)
{
    struct winsize w = {0};

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : 79;
}

/* "[#####...............] " in room columns at most, "" where a bar would tell nothing. */
static void bar_text(double part, int room, char out[BAR_MAX + 4])
{
    int width = room - 3 < BAR_MAX ? room - 3 : BAR_MAX;

    out[0] = '\0';
    if (width < 5) return;
    out[0] = '[';
    memset(out + 1, '.', (size_t)width);
    memset(out + 1, '#', (size_t)(part * width));
    memcpy(out + 1 + width, "] ", 3);
}

static void draw(study *s)
{
    struct progress *p = s->progress;
    char bar[BAR_MAX + 4], left[32] = "?", fit[128], line[320];
    double part = done_part(s), gone = crm_clock_now() - p->start;
    int n, width = columns();

    if (part > 0.02) time_text(gone / part - gone, left, sizeof left);
    fit_text(&p->now, fit, sizeof fit);
    n = snprintf(line, sizeof line, "%lld/%lld units, %s left  %.40s %s", (long long)p->done,
                 (long long)p->of, left, p->now.unit, fit);
    bar_text(part, width - n, bar);
    fprintf(stderr, "\r%s%.*s\033[K", bar, width, line);
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
        if (bytes != sizeof e || e.group < 0 || e.group >= s->n_groups) continue;
        p->done += e.done;
        p->done_cost += e.done ? e.cost : 0;
        p->running[e.group] = e.done ? 0 : e.cost * e.part;
        if (!e.done) p->now = e;
    }
    if (p->draw && (crm_clock_now() - p->last > 0.1 || p->done == p->of)) draw(s);
}

static void tell(study *s, const event *e)
{
    if (crm_comm_rank(s->group) == 0) crm_comm_post(s->e->world, e, sizeof *e);
    update(s);
}

void crm_progress_begin(study *s, const unit *u)
{
    event e = {.group = s->group_id, .cost = s->e->spec[u->model]->cost};

    snprintf(e.unit, sizeof e.unit, "%s", u->name);
    s->progress->mine = e;
    tell(s, &e);
}

/* Part of a unit: a search is followed by a refit; how many nets will follow is not known. */
static double unit_part(const char *phase, int member, double part)
{
    if (phase && strcmp(phase, CRM_PHASE_SEARCH) == 0) part = part / 2;
    if (phase && strcmp(phase, CRM_PHASE_REFIT) == 0) part = 0.5 + part / 2;
    return (member + part) / (member + 1);
}

/* Where the fit of this group stands. */
static event at_epoch(const study *s, int64_t epoch, int64_t of, double part)
{
    event e = s->progress->mine;

    e.epoch = epoch;
    e.of = of;
    e.epoch_part = part;
    e.part = of > 0 ? ((double)(epoch - 1) + part) / (double)of : 0;
    return e;
}

void crm_progress_step(study *s, const crm_step *step)
{
    event e = at_epoch(s, step->epoch, step->of,
                       step->steps > 0 ? (double)step->step / (double)step->steps : 0);

    e.part = unit_part(step->phase, step->member, e.part);
    e.loss = step->loss;
    e.rows_per_s = step->rows_per_s;
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
    e = at_epoch(s, epoch->epoch, epoch->of, 1);
    e.part = unit_part(epoch->phase, epoch->member, e.part);
    e.loss = epoch->train_loss;
    e.rows_per_s = epoch->seconds > 0 ? (double)epoch->rows / epoch->seconds : 0;
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
    if (p) crm_mem_free(p->running);
    crm_mem_free(p);
    s->progress = NULL;
}
