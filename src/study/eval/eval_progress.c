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
    double loss, valid_loss, seconds;
    char unit[UNIT_NAME_MAX];
} event;
_Static_assert(sizeof(event) <= CRM_COMM_POST_MAX, "an event fits in a message");

struct progress {
    bool draw;        /* this is rank 0 and stderr is a terminal */
    bool shown;       /* a line stands on the terminal */
    int64_t done, of; /* units */
    double start, last;
    event now;
};

crm_status crm_progress_new(study *s)
{
    CRM_NEW(s->progress, 1);
    s->progress->start = crm_clock_now();
    s->progress->draw = crm_comm_rank(s->e->world) == 0 && isatty(STDERR_FILENO) &&
                        crm_log_get_level() >= CRM_LOG_INFO;
    for (int i = 0; i < s->n_units; i++)
        s->progress->of += s->unit[i].group >= 0;
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
    char bar[21], left[32] = "?", loss[64] = "";
    double part = p->of ? (double)p->done / (double)p->of : 1, gone = crm_clock_now() - p->start;
    int filled = (int)(part * 20);

    memset(bar, '.', 20);
    memset(bar, '#', (size_t)filled);
    bar[20] = '\0';
    if (p->done > 0) time_text(gone / part - gone, left, sizeof left);
    if (p->now.of > 0 && p->now.epoch > 0)
        snprintf(loss, sizeof loss, "epoch %lld/%lld loss %.4f %s", (long long)p->now.epoch,
                 (long long)p->now.of, p->now.loss, p->now.seconds > 0 ? "" : "");
    fprintf(stderr, "\r[%s] %lld/%lld units  %-20.40s %s", bar, (long long)p->done,
            (long long)p->of, p->now.unit, loss);
    if (p->now.seconds > 0) fprintf(stderr, " %.0f rows/s", (double)p->now.rows / p->now.seconds);
    fprintf(stderr, "  left %s\033[K", left);
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
    event e = {.epoch = 0};

    snprintf(e.unit, sizeof e.unit, "%s", u->name);
    s->progress->now = e;
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
    e = s->progress->now;
    e.done = 0;
    e.epoch = epoch->epoch;
    e.of = epoch->of;
    e.rows = epoch->rows;
    e.loss = epoch->train_loss;
    e.valid_loss = epoch->valid_loss;
    e.seconds = epoch->seconds;
    tell(s, &e);
    return CRM_HOOK_GO;
}

void crm_progress_done(study *s)
{
    event e = s->progress->now;

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
