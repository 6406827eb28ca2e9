/* sweep_farm.c - the ranks of a farm: take tasks, do them, say what became of them.
 *
 * Every rank runs the same loop: take mail, begin the next task in hand, or sleep.  The first rank
 * of a group hands each task on to the others of it, which sleep meanwhile: a rank that waits in a
 * collective call takes its part of a core that may be shared.  Rank 0 keeps the queue beside that
 * (sweep_farm_queue.c), also inside of tasks, in crm_farm_stopping. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"
#include "crmpi/base_stop.h"
#include "crmpi/comm_watchdog.h"
#include "sweep_farm_impl.h"

static const double poll_every = 1e-3; /* s, of mail inside of a task                     */
static const double nap = 0.05;        /* s of sleep between looks for a signal to stop */

void farm_keep(crm_farm *f, crm_status st)
{
    if (!st) return;
    atomic_store(&f->halt, true);
    if (f->status) return;
    f->status = st;
    snprintf(f->text, sizeof f->text, "%s", crm_err_text());
}

/* The error that was kept, as one of this rank. */
static crm_status kept(const crm_farm *f)
{
    CRM_CHECK(!f->status, f->status, "%s", f->text);
    return CRM_OK;
}

static void lose(crm_farm *f, crm_status st)
{
    if (!st) return;
    farm_keep(f, st);
    f->lost = true;
}

/* ---- mail ---- */

void farm_send(crm_farm *f, int to, const farm_letter *x)
{
    lose(f, crm_mail_send(f->mail, to, x, offsetof(farm_letter, body) + (size_t)x->bytes));
}

void farm_hand(crm_farm *f, const farm_letter *task)
{
    f->hand[f->n_hand++] = *task;
}

static bool is_first(const crm_farm *f)
{
    return f->group && crm_comm_rank(f->group) == 0;
}

static void tell_group(crm_farm *f, const farm_letter *x)
{
    for (int r = 1; is_first(f) && r < crm_comm_size(f->group); r++)
        farm_send(f, f->first + r, x);
}

/* To the queue, which may be here. */
static void report(crm_farm *f, const farm_letter *x)
{
    if (f->queue)
        farm_queue_take(f, x, 0);
    else
        farm_send(f, 0, x);
}

/* Outside of a task the first in hand is as good as begun: rank 0 learns from a result that was
 * sent before. */
static void give_back(crm_farm *f, int64_t serial)
{
    int at = f->running ? 0 : 1;

    if (f->n_hand <= at || f->hand[at].serial != serial) return;
    f->hand[at].kind = FARM_GIVEN;
    f->n_hand--;
    report(f, &f->hand[at]);
}

static void take(crm_farm *f, const farm_letter *x, int from)
{
    if (f->queue)
        farm_queue_take(f, x, from);
    else if (x->kind == FARM_TASK)
        farm_hand(f, x);
    else if (x->kind == FARM_RECALL)
        give_back(f, x->serial);
    else if (x->kind == FARM_HALT)
        atomic_store(&f->halt, true);
    else if (x->kind == FARM_FIN)
        f->fin = true;
}

static void take_all(crm_farm *f)
{
    union {
        farm_letter x;
        char data[CRM_MAIL_MAX];
    } mail;
    size_t bytes;
    int from = 0;

    while (!f->lost && crm_comm_size(f->world) > 1) {
        lose(f, crm_mail_take(f->mail, &mail, &bytes, &from));
        if (from < 0) return;
        take(f, &mail.x, from);
    }
}

/* A signal that has come to this rank is told to rank 0, once. */
static void tell_wish(crm_farm *f)
{
    if (!crm_stop_signal() || f->wished) return;
    f->wished = true;
    atomic_store(&f->halt, true);
    report(f, &(farm_letter){.kind = FARM_WISH});
}

static void attend(crm_farm *f)
{
    if (f->attending) return;
    f->attending = true;
    tell_wish(f);
    take_all(f);
    if (f->queue) farm_queue_serve(f);
    f->attending = false;
}

/* A look for mail may give the core away to other ranks. */
static void attend_now_and_then(crm_farm *f)
{
    if (crm_clock_now() - f->polled < poll_every && (f->wished || !crm_stop_signal())) return;
    attend(f);
    f->polled = crm_clock_now();
}

bool crm_farm_stopping(void *farm)
{
    crm_farm *f = farm;

    if (!pthread_equal(f->main, pthread_self()))
        return atomic_load(&f->halt) || crm_stop_signal() != 0;
    attend_now_and_then(f);
    return atomic_load(&f->halt);
}

/* ---- tasks ---- */

/* An error of one rank is told, and not that another one was stopped. */
static crm_status agree(crm_comm *c, crm_status st)
{
    if (crm_comm_size(c) == 1) return st;
    CRM_TRY(crm_comm_agree(c, st == CRM_ERR_STOPPED ? CRM_OK : st));
    return crm_comm_agree(c, st);
}

static crm_status run(crm_farm *f, const farm_letter *task, farm_letter *reply)
{
    size_t bytes = 0;
    crm_status st;

    f->running = true;
    st = f->worker->run(f->worker->ctx, f, f->group, task->body, (size_t)task->bytes, reply->body,
                        &bytes);
    f->running = false;
    if (!st && bytes > CRM_FARM_BYTES_MAX)
        CRM_SET(st, CRM_ERR_INTERNAL, "a result of %zu bytes, more than %d", bytes,
                (int)CRM_FARM_BYTES_MAX);
    reply->bytes = (int32_t)bytes;
    return agree(f->group, st);
}

/* How the time since the last task was spent. */
static void count_idle(crm_farm *f, double starved)
{
    double idle = crm_clock_now() - f->idle_from;

    if (starved > idle) starved = idle;
    f->starved += starved;
    f->dispatch += idle - starved;
}

static farm_letter next_task(crm_farm *f)
{
    farm_letter task = f->hand[0];

    f->hand[0] = f->hand[1];
    f->n_hand--;
    return task;
}

static void work(crm_farm *f)
{
    farm_letter task = next_task(f), reply = {.kind = FARM_DONE};
    double start;
    crm_status st;

    tell_group(f, &task);
    count_idle(f, task.starved);
    start = crm_clock_now();
    st = run(f, &task, &reply);
    f->idle_from = crm_clock_now();
    f->busy += f->idle_from - start;
    if (st) {
        reply.kind = st == CRM_ERR_STOPPED ? FARM_UNDONE : FARM_FAILED;
        reply.bytes = 0;
    }
    if (st == CRM_ERR_STOPPED)
        crm_err_clear();
    else
        farm_keep(f, st);
    if (is_first(f)) report(f, &reply);
}

static void drop_hand(crm_farm *f)
{
    while (f->n_hand > 0) {
        (void)next_task(f);
        report(f, &(farm_letter){.kind = FARM_UNDONE});
    }
}

/* Sleep until there is something to do.  The watchdog sees one wait for other ranks, however long
 * it lasts, so that it can ask whether they work.  When no rank has a task, as while other jobs
 * have them, rank 0 ends its wait after each nap: the others then see that it goes on. */
static void rest(crm_farm *f)
{
    crm_watchdog_enter(CRM_IN_REDUCTION);
    while (!crm_mail_wait(f->mail, nap) && !f->lost) {
        tell_wish(f);
        if (!f->queue) continue;
        farm_queue_serve(f);
        if (f->n_hand > 0 || f->fin || farm_queue_rests(f->queue)) break;
    }
    crm_watchdog_leave();
}

static void work_all(crm_farm *f)
{
    f->idle_from = crm_clock_now();
    while (!f->lost) {
        if (f->n_hand == 0)
            attend(f);
        else
            attend_now_and_then(f);
        if (f->n_hand > 0 && is_first(f) && atomic_load(&f->halt))
            drop_hand(f);
        else if (f->n_hand > 0)
            work(f); /* also after a halt, when the first rank has begun it */
        else if (f->fin)
            break;
        else
            rest(f);
    }
    if (f->group) count_idle(f, crm_clock_now() - f->idle_from);
    tell_group(f, &(farm_letter){.kind = FARM_FIN});
}

/* ---- begin and end ---- */

static crm_status check_sizes(const crm_farm_cfg *cfg)
{
    for (int i = 0; i < cfg->n_sizes; i++)
        CRM_CHECK(cfg->sizes[i] >= 1, CRM_ERR_ARG, "a group of %d ranks", cfg->sizes[i]);
    return CRM_OK;
}

static crm_status make(crm_comm *world, const crm_farm_cfg *cfg, const crm_farm_source *source,
                       crm_farm **out)
{
    crm_farm *f;

    CRM_TRY(check_sizes(cfg));
    CRM_NEW(*out, 1);
    f = *out;
    f->world = world;
    f->begun = crm_clock_now();
    f->main = pthread_self();
    if (crm_comm_rank(world) > 0) return CRM_OK;
    return farm_queue_new(cfg, source, crm_comm_size(world), &f->queue);
}

/* Groups and mail; collective. */
static crm_status connect(crm_farm *f, const crm_farm_cfg *cfg)
{
    int rank = crm_comm_rank(f->world), mine;

    f->groups = farm_groups(cfg, crm_comm_size(f->world), rank, &mine, NULL, NULL);
    CRM_TRY(crm_comm_split(f->world, mine, &f->group));
    f->first = rank - (f->group ? crm_comm_rank(f->group) : 0);
    return crm_mail_open(f->world, &f->mail);
}

/* Sums over the ranks; collective. */
static crm_status count_use(crm_farm *f, crm_farm_use *use)
{
    int64_t ns[] = {(int64_t)(f->busy * 1e9), (int64_t)(f->starved * 1e9),
                    (int64_t)(f->dispatch * 1e9)};

    CRM_TRY(crm_comm_sum_i64(f->world, ns, 3));
    if (!f->queue) return CRM_OK;
    use->tasks = farm_queue_done(f->queue);
    use->groups = f->groups;
    use->wall_s = crm_clock_now() - f->begun;
    use->busy_s = (double)ns[0] * 1e-9;
    use->starved_s = (double)ns[1] * 1e-9;
    use->dispatch_s = (double)ns[2] * 1e-9;
    return CRM_OK;
}

/* Rank 0 knows whether a signal, which may have come to any rank, was in time to stop anything. */
static crm_status check_stopped(crm_farm *f)
{
    crm_status st = CRM_OK;
    int signal;

    CRM_TRY(crm_comm_stop_signal(f->world, &signal));
    if (f->queue && farm_queue_stopped(f->queue))
        CRM_SET(st, CRM_ERR_STOPPED, "stopped by %s",
                signal ? crm_stop_name(signal) : "one of its tasks");
    return crm_comm_agree(f->world, st);
}

static crm_status finish(crm_farm *f, crm_farm_use *use)
{
    CRM_TRY(count_use(f, use));
    CRM_TRY(crm_comm_agree(f->world, kept(f)));
    return check_stopped(f);
}

static void farm_free(crm_farm **f)
{
    if (!*f) return;
    crm_mail_close(&(*f)->mail);
    crm_comm_free(&(*f)->group);
    farm_queue_free(&(*f)->queue);
    crm_mem_free(*f);
    *f = NULL;
}

crm_status crm_farm_run(crm_comm *world, const crm_farm_cfg *cfg, const crm_farm_source *source,
                        const crm_farm_worker *worker, crm_farm_use *use)
{
    crm_farm *f = NULL;
    crm_status st;

    *use = (crm_farm_use){0};
    st = crm_comm_agree(world, make(world, cfg, source, &f));
    if (!st) st = connect(f, cfg);
    if (!st) {
        f->worker = worker;
        work_all(f);
        st = finish(f, use);
    }
    farm_free(&f);
    return st;
}
