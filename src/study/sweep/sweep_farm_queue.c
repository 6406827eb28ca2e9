/* sweep_farm_queue.c - the queue of a farm, on rank 0: who works on what, who gets what next.
 *
 * For each group there is a desk: whether its group works, and whether a further task lies ready
 * there.  Groups say only what became of a task; everything else follows from the order of mail,
 * which between two ranks is that of sending.  So a result of a group where a task lies ready says,
 * too, that this one has been begun.
 *
 * Tasks that lie ready hide the time until rank 0 answers, and would hurt at the end, or where a
 * round of a search runs out: the largest would wait for the slowest.  So a group that has nothing
 * calls back the oldest task that lies ready at a group of its size, which gives it back unless it
 * has begun it meanwhile. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_run.h"
#include "sweep_farm_impl.h"

enum { LONE_FROM = 64 };
static const double look_every = 0.05; /* s */

typedef struct desk {
    int first, size; /* the group */
    bool running, ready, recalled;
    int64_t serial;       /* of the task that lies ready */
    double starved_since; /* NaN: it has a task, or the source was not asked yet */
} desk;

struct farm_queue {
    const crm_farm_source *source;
    int n;
    desk *desk;        /* [n]; desk[0] may be that of rank 0 itself */
    int64_t under_way; /* tasks that groups have */
    int64_t serial;    /* of the last task */
    int64_t done;      /* results */
    bool changed;      /* there may be something to deal */
    bool ended;        /* the source has said END */
    bool halted;       /* the groups know */
    bool stopped;      /* by a wish */
    double looked;
};

/* ---- groups ---- */

static int cut(const crm_farm_cfg *cfg, int start, int world, int rank, int *mine, int *first,
               int *sizes)
{
    int g = 0, last = cfg->n_sizes - 1;

    *mine = -1;
    for (int at = start; at < world; g++) {
        int ranks = cfg->n_sizes > 0 ? cfg->sizes[g < last ? g : last] : 1;
        if (ranks > world - at) ranks = world - at;
        if (rank >= at && rank < at + ranks) *mine = g;
        if (first) first[g] = at;
        if (sizes) sizes[g] = ranks;
        at += ranks;
    }
    return g;
}

int farm_groups(const crm_farm_cfg *cfg, int world, int rank, int *mine, int *first, int *sizes)
{
    int from = cfg->lone_from > 0 ? cfg->lone_from : LONE_FROM;
    int n = cut(cfg, 0, world, rank, mine, first, sizes);

    return n >= from && world > 1 ? cut(cfg, 1, world, rank, mine, first, sizes) : n;
}

static crm_status lay_out(farm_queue *q, const crm_farm_cfg *cfg, int world)
{
    int *first = NULL, *sizes = NULL, own;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, first, world);
    CRM_NEW_TO(st, done, sizes, world);
    q->n = farm_groups(cfg, world, 0, &own, first, sizes);
    CRM_NEW_TO(st, done, q->desk, q->n);
    for (int g = 0; g < q->n; g++)
        q->desk[g] = (desk){.first = first[g], .size = sizes[g], .starved_since = (double)NAN};
done:
    crm_mem_free(first);
    crm_mem_free(sizes);
    return st;
}

crm_status farm_queue_new(const crm_farm_cfg *cfg, const crm_farm_source *source, int world,
                          farm_queue **out)
{
    farm_queue *q;
    crm_status st;

    *out = NULL;
    CRM_NEW(q, 1);
    q->source = source;
    q->changed = true;
    q->looked = crm_clock_now();
    st = lay_out(q, cfg, world);
    if (st) farm_queue_free(&q);
    *out = q;
    return st;
}

void farm_queue_free(farm_queue **q)
{
    if (*q) crm_mem_free((*q)->desk);
    crm_mem_free(*q);
    *q = NULL;
}

bool farm_queue_rests(const farm_queue *q)
{
    return q->under_way == 0;
}

/* ---- dealing ---- */

static bool is_own(const desk *d)
{
    return d->first == 0;
}

/* To a group that has room for it. */
static void give(crm_farm *f, desk *d, farm_letter *task)
{
    farm_queue *q = f->queue;

    task->kind = FARM_TASK;
    task->serial = ++q->serial;
    task->starved = isnan(d->starved_since) ? 0 : crm_clock_now() - d->starved_since;
    d->starved_since = (double)NAN;
    d->ready = d->running;
    d->running = true;
    d->serial = task->serial;
    q->under_way++;
    if (is_own(d))
        farm_hand(f, task);
    else
        farm_send(f, d->first, task);
}

/* Whether the source had a task for it. */
static bool deal_one(crm_farm *f, desk *d)
{
    farm_queue *q = f->queue;
    farm_letter task = {0};
    size_t bytes = 0;
    crm_farm_answer a = q->source->next(q->source->ctx, d->size, task.body, &bytes);
    crm_status st = CRM_OK;

    if (a == CRM_FARM_END) q->ended = true;
    if (a != CRM_FARM_TASK) return false;
    if (bytes > CRM_FARM_BYTES_MAX) {
        CRM_SET(st, CRM_ERR_INTERNAL, "a task of %zu bytes, more than %d", bytes,
                (int)CRM_FARM_BYTES_MAX);
        farm_keep(f, st);
        return false;
    }
    task.bytes = (int32_t)bytes;
    give(f, d, &task);
    return true;
}

/* One task to each group that has none, or to each that has none ready.  Rank 0 itself needs none
 * ready.  What was refused to a size is not asked for again. */
static void deal_round(crm_farm *f, bool ready, int *refused)
{
    farm_queue *q = f->queue;

    for (int g = 0; g < q->n && !q->ended && !atomic_load(&f->halt); g++) {
        desk *d = &q->desk[g];
        if (d->running != ready || d->ready || (ready && is_own(d)) || d->size == *refused)
            continue;
        if (!deal_one(f, d)) *refused = d->size;
    }
}

static desk *oldest_ready(farm_queue *q, int size)
{
    desk *best = NULL;

    for (int g = 0; g < q->n; g++) {
        desk *d = &q->desk[g];
        if (d->size == size && d->ready && !d->recalled && (!best || d->serial < best->serial))
            best = d;
    }
    return best;
}

/* One task is called back for each group without one, less those that are on their way. */
static void call_back(crm_farm *f)
{
    farm_queue *q = f->queue;
    int64_t coming = 0;
    int none = 0; /* size of groups at which nothing lies ready */
    double now = crm_clock_now();

    for (int g = 0; g < q->n; g++)
        coming += q->desk[g].recalled;
    for (int g = 0; g < q->n; g++) {
        desk *d = &q->desk[g], *from;
        if (d->running) continue;
        if (isnan(d->starved_since)) d->starved_since = now;
        if (coming-- > 0 || d->size == none) continue;
        from = oldest_ready(q, d->size);
        if (!from) {
            none = d->size;
            continue;
        }
        from->recalled = true;
        farm_send(f, from->first, &(farm_letter){.kind = FARM_RECALL, .serial = from->serial});
    }
}

static void deal(crm_farm *f)
{
    farm_queue *q = f->queue;
    int refused = 0;
    crm_status st = CRM_OK;

    if (!q->changed || atomic_load(&f->halt)) return;
    q->changed = false;
    deal_round(f, false, &refused);
    deal_round(f, true, &refused);
    call_back(f);
    if (q->under_way > 0 || q->ended || q->source->look) return;
    CRM_SET(st, CRM_ERR_INTERNAL, "the source waits for a result while no task is under way");
    farm_keep(f, st);
}

/* ---- letters ---- */

static desk *desk_of(farm_queue *q, int first)
{
    int low = 0, high = q->n - 1;

    while (low < high) {
        int mid = (low + high + 1) / 2;
        if (q->desk[mid].first <= first)
            low = mid;
        else
            high = mid - 1;
    }
    return &q->desk[low];
}

/* The group goes on with what lies ready. */
static void over(farm_queue *q, desk *d)
{
    d->running = d->ready;
    d->ready = d->recalled = false;
    q->under_way--;
}

/* For a group that has none, or else where it was. */
static void take_back(crm_farm *f, desk *d, const farm_letter *x)
{
    farm_queue *q = f->queue;
    farm_letter task = *x;

    d->ready = d->recalled = false;
    q->under_way--;
    if (atomic_load(&f->halt)) return;
    for (int g = 0; g < q->n; g++) {
        desk *other = &q->desk[g];
        if (other->running || other->size != d->size) continue;
        d = other;
        break;
    }
    give(f, d, &task);
}

static void stop(crm_farm *f)
{
    if (f->fin) return; /* too late to stop anything */
    f->queue->stopped = true;
    atomic_store(&f->halt, true);
}

void farm_queue_take(crm_farm *f, const farm_letter *x, int from)
{
    farm_queue *q = f->queue;
    desk *d = desk_of(q, from);

    q->changed = true;
    if (x->kind == FARM_DONE) {
        q->done++;
        over(q, d);
        farm_keep(f, q->source->done(q->source->ctx, x->body, (size_t)x->bytes));
    } else if (x->kind == FARM_UNDONE) {
        if (!atomic_load(&f->halt)) stop(f);
        over(q, d);
    } else if (x->kind == FARM_FAILED) {
        atomic_store(&f->halt, true);
        over(q, d);
    } else if (x->kind == FARM_GIVEN) {
        take_back(f, d, x);
    } else if (x->kind == FARM_WISH) {
        stop(f);
    }
}

/* ---- serving ---- */

static void tell_groups(crm_farm *f, farm_kind kind)
{
    const farm_queue *q = f->queue;

    for (int g = 0; g < q->n; g++)
        if (!is_own(&q->desk[g]))
            farm_send(f, q->desk[g].first, &(farm_letter){.kind = (int32_t)kind});
}

static void look(crm_farm *f)
{
    farm_queue *q = f->queue;
    double now = crm_clock_now();

    if (!q->source->look || now - q->looked < look_every) return;
    farm_keep(f, q->source->look(q->source->ctx));
    q->looked = crm_clock_now();
    q->changed = true;
}

void farm_queue_serve(crm_farm *f)
{
    farm_queue *q = f->queue;

    look(f);
    deal(f);
    if (atomic_load(&f->halt) && !q->halted) {
        q->halted = true;
        tell_groups(f, FARM_HALT);
    }
    if (f->fin || q->under_way > 0 || !(q->ended || q->halted)) return;
    f->fin = true;
    tell_groups(f, FARM_FIN);
}

int64_t farm_queue_done(const farm_queue *q)
{
    return q->done;
}

bool farm_queue_stopped(const farm_queue *q)
{
    return q->stopped;
}
