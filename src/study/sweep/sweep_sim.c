/* sweep_sim.c - events of a simulated farm: groups get units from the plan, end them, lose them.
 *
 * As in the farm, rank 0 deals out one unit after the other, to groups that have none before those
 * that have none ready, in their order; its own group needs none ready.  A group that gets none
 * calls back the oldest unit that lies ready at another one.  What differs: rank 0 answers at once,
 * also from within a unit of its own; results reach it without delay. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "crmpi/sweep_sim.h"
#include "sweep_impl.h"

enum { LOST_MOST = 1000 }; /* times that a unit may be lost */
enum { LONE_FROM = 64 };   /* groups, as in sweep_farm_queue.c */
static const double poll =
    1e-3; /* s until a group gives back what lies ready, as in sweep_farm.c */

/* ---- events ---- */

typedef enum event_kind { UNIT_ENDS, UNIT_GIVEN_BACK, NODE_RETURNS, EVENT_KINDS } event_kind;

typedef struct event {
    double at;
    event_kind kind;
    int group;
    int64_t serial; /* of the unit; of one that was lost meanwhile the event says nothing */
} event;

/* Events of one time go in the order in which they were made. */
static crm_status add_event(sweep_heap *h, int64_t *made, event e)
{
    return sweep_heap_push(
        h, (sweep_item){.key = e.at,
                        .order = (*made)++,
                        .value = {(int64_t)e.group * EVENT_KINDS + (int64_t)e.kind, e.serial}});
}

static bool next_event(sweep_heap *h, event *e)
{
    sweep_item x;

    if (!sweep_heap_pop(h, &x)) return false;
    *e = (event){.at = x.key,
                 .kind = (event_kind)(x.value[0] % EVENT_KINDS),
                 .group = (int)(x.value[0] / EVENT_KINDS),
                 .serial = x.value[1]};
    return true;
}

/* ---- sets of groups ---- */

typedef struct group_set {
    uint64_t *bits;
    int words, n;
} group_set;

static bool has(const group_set *s, int g)
{
    return (s->bits[g / 64] >> (g % 64) & 1) != 0;
}

static void put(group_set *s, int g, bool in)
{
    uint64_t bit = UINT64_C(1) << (g % 64);

    if (has(s, g) == in) return;
    s->bits[g / 64] ^= bit;
    s->n += in ? 1 : -1;
}

/* The first one; the set is not empty. */
static int first_of(const group_set *s)
{
    int w = 0, b = 0;

    while (s->bits[w] == 0)
        w++;
    while (!(s->bits[w] >> b & 1))
        b++;
    return 64 * w + b;
}

/* ---- how often units were lost ---- */

typedef struct losses {
    uint64_t *key; /* [cap] open addressing; 0: free */
    int *times;
    int64_t n, cap;
} losses;

static uint64_t key_of(const crm_sweep_unit *u)
{
    uint64_t k = crm_rng_derive(1, (uint64_t)u->search << 32 | (uint32_t)u->trial,
                                (uint64_t)u->rung, (uint64_t)u->repeat << 32 | (uint32_t)u->fold);

    return k ? k : 1;
}

static int64_t slot_of(const losses *l, uint64_t key)
{
    int64_t i = (int64_t)(key & (uint64_t)(l->cap - 1));

    while (l->key[i] != 0 && l->key[i] != key)
        i = (i + 1) & (l->cap - 1);
    return i;
}

static int times_lost(const losses *l, const crm_sweep_unit *u)
{
    return l->n > 0 ? l->times[slot_of(l, key_of(u))] : 0;
}

static crm_status grow_losses(losses *l)
{
    losses more = {.n = l->n, .cap = l->cap ? 2 * l->cap : 256};
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, end, more.key, more.cap);
    CRM_NEW_TO(st, end, more.times, more.cap);
    for (int64_t i = 0; i < l->cap; i++) {
        int64_t to;
        if (l->key[i] == 0) continue;
        to = slot_of(&more, l->key[i]);
        more.key[to] = l->key[i];
        more.times[to] = l->times[i];
    }
    crm_mem_free(l->key);
    crm_mem_free(l->times);
    *l = more;
    return CRM_OK;
end:
    crm_mem_free(more.key);
    return st;
}

static crm_status count_loss(losses *l, const crm_sweep_unit *u)
{
    uint64_t key = key_of(u);
    int64_t i;

    if (2 * l->n >= l->cap) CRM_TRY(grow_losses(l));
    i = slot_of(l, key);
    l->n += l->key[i] == 0;
    l->key[i] = key;
    l->times[i]++;
    return CRM_OK;
}

/* ---- the farm ---- */

/* A unit at a group, on its way or there. */
typedef struct held {
    crm_sweep_unit unit;
    int64_t serial;
    double arrives;
} held;

typedef struct group {
    int first, size;
    bool away, running, has_ready, recalled;
    held now, ready;
    double start;   /* of the unit that runs; after the present while it is on its way */
    double seconds; /* that it runs */
    bool fails;     /* and its node then fails */
    double since;   /* idle or away */
    double returns; /* while away; infinite: never */
} group;

typedef struct offer {
    int group;
    int64_t serial;
} offer;

typedef struct farm {
    const crm_sweep_cfg *cfg;
    const crm_sweep_sim_cfg *sim;
    const crm_sweep_sim_draws *draws;
    crm_sweep_plan *plan;
    crm_sweep_sim_use *use;
    int n, skip; /* groups, and ranks before the first one */
    group *group;
    group_set idle;  /* without a unit     */
    group_set wants; /* with room for one that lies ready */
    offer *ready;    /* units that lie ready, the oldest first; some are there no more */
    int64_t ready_first, ready_n, ready_cap;
    int recalled; /* units that are called back now */
    sweep_heap events;
    int64_t made; /* of them */
    losses losses;
    double now, free; /* free: when rank 0 has dealt out what it has to */
    double dealt;     /* when it last dealt out a unit for the first time */
    int64_t serial;
} farm;

static bool is_own(const farm *f, const group *g)
{
    return g->first == 0 && f->skip == 0;
}

/* Groups of another size than most exchange no units. */
static bool exchanges(const farm *f, const group *g)
{
    return g->size == f->group[0].size;
}

static crm_status lay_out(farm *f, int ranks)
{
    int size = f->cfg->group_ranks < ranks ? (int)f->cfg->group_ranks : ranks;

    f->n = (ranks + size - 1) / size;
    f->skip = f->n >= LONE_FROM && ranks > 1;
    if (f->skip) f->n = (ranks - 1 + size - 1) / size;
    CRM_NEW(f->group, f->n);
    f->idle.words = f->wants.words = f->n / 64 + 1;
    CRM_NEW(f->idle.bits, f->idle.words);
    CRM_NEW(f->wants.bits, f->wants.words);
    for (int g = 0; g < f->n; g++) {
        int first = f->skip + g * size, left = ranks - first;
        f->group[g] = (group){.first = first, .size = left < size ? left : size};
        put(&f->idle, g, true);
    }
    return CRM_OK;
}

/* ---- units begin ---- */

static crm_status begin(farm *f, int number, const held *h, double start)
{
    group *g = &f->group[number];
    double share = f->draws->fails
                       ? f->draws->fails(f->draws->ctx, &h->unit, times_lost(&f->losses, &h->unit))
                       : 1;

    g->now = *h;
    g->running = true;
    g->start = start;
    g->seconds = f->draws->seconds(f->draws->ctx, &h->unit) * (double)f->group[0].size / g->size;
    g->fails = share < 1;
    if (g->fails) g->seconds *= share;
    f->use->dispatch_s += (start - f->now) * g->size;
    put(&f->idle, number, false);
    put(&f->wants, number, !is_own(f, g));
    return add_event(
        &f->events, &f->made,
        (event){.at = start + g->seconds, .kind = UNIT_ENDS, .group = number, .serial = h->serial});
}

/* To the end of those that lie ready. */
static crm_status offer_ready(farm *f, int number, int64_t serial)
{
    if (f->ready_n == f->ready_cap) {
        int64_t cap = f->ready_cap ? 2 * f->ready_cap : 256;
        offer *more = crm_mem_grow(f->ready, (size_t)f->ready_cap, (size_t)cap, sizeof *more);
        CRM_CHECK(more, CRM_ERR_NOMEM, "out of memory: units of a simulation");
        f->ready = more;
        f->ready_cap = cap;
    }
    f->ready[f->ready_n++] = (offer){.group = number, .serial = serial};
    return CRM_OK;
}

/* The idle time until now was spent waiting: before the last new unit for units to come.  The rest
 * belongs to the end, unless there is another new one. */
static void count_wait(farm *f, const group *g)
{
    double early = f->dealt > g->since ? f->dealt - g->since : 0;

    f->use->rounds_s += early * g->size;
    f->use->end_s += (f->now - g->since - early) * g->size;
}

static void count_new(farm *f)
{
    f->dealt = f->now;
    f->use->rounds_s += f->use->end_s;
    f->use->end_s = 0;
}

static crm_status give(farm *f, int number, const crm_sweep_unit *u)
{
    group *g = &f->group[number];
    held h = {.unit = *u, .serial = ++f->serial};

    f->free = (f->free > f->now ? f->free : f->now) + f->sim->dispatch;
    h.arrives = f->free;
    if (!g->running) {
        count_wait(f, g);
        return begin(f, number, &h, h.arrives);
    }
    g->ready = h;
    g->has_ready = true;
    put(&f->wants, number, false);
    return offer_ready(f, number, h.serial);
}

/* ---- dealing ---- */

/* A group at which the oldest unit lies ready that can be called back; -1: none. */
static int oldest_ready(farm *f)
{
    while (f->ready_first < f->ready_n) {
        const offer *o = &f->ready[f->ready_first++];
        const group *g = &f->group[o->group];
        if (g->has_ready && !g->recalled && g->ready.serial == o->serial && exchanges(f, g))
            return o->group;
    }
    f->ready_first = f->ready_n = 0;
    return -1;
}

/* One unit is called back for each group without one, less those that are on their way. */
static crm_status call_back(farm *f)
{
    int odd = !exchanges(f, &f->group[f->n - 1]) && has(&f->idle, f->n - 1), from;

    while (f->idle.n - odd > f->recalled && (from = oldest_ready(f)) >= 0) {
        group *g = &f->group[from];
        double there = g->ready.arrives > f->now ? g->ready.arrives : f->now;
        g->recalled = true;
        f->recalled++;
        CRM_TRY(add_event(&f->events, &f->made,
                          (event){.at = there + poll,
                                  .kind = UNIT_GIVEN_BACK,
                                  .group = from,
                                  .serial = g->ready.serial}));
    }
    return CRM_OK;
}

static crm_status deal(farm *f)
{
    crm_sweep_unit u;

    while (f->idle.n + f->wants.n > 0 && crm_sweep_plan_next(f->plan, &u)) {
        CRM_TRY(give(f, first_of(f->idle.n > 0 ? &f->idle : &f->wants), &u));
        if (times_lost(&f->losses, &u) == 0) count_new(f);
    }
    return f->idle.n > 0 ? call_back(f) : CRM_OK;
}

/* ---- units end ---- */

static void drop_ready(farm *f, group *g)
{
    f->recalled -= g->recalled;
    g->recalled = g->has_ready = false;
}

static void rest(farm *f, int number)
{
    f->group[number].since = f->now;
    put(&f->idle, number, true);
    put(&f->wants, number, false);
}

static crm_status go_on(farm *f, int number)
{
    group *g = &f->group[number];
    held h = g->ready;

    g->running = false;
    if (!g->has_ready) {
        rest(f, number);
        return CRM_OK;
    }
    drop_ready(f, g);
    return begin(f, number, &h, h.arrives > f->now ? h.arrives : f->now);
}

static crm_status end_unit(farm *f, int number)
{
    group *g = &f->group[number];
    crm_sweep_sim_use *use = f->use;
    bool fresh;

    use->busy_s += g->seconds * g->size;
    use->units++;
    use->makespan_s = f->now;
    if (g->seconds > use->longest_s) use->longest_s = g->seconds;
    CRM_TRY(crm_sweep_plan_done(f->plan, &g->now.unit, f->draws->loss(f->draws->ctx, &g->now.unit),
                                g->seconds, &fresh));
    CRM_CHECK(fresh, CRM_ERR_INTERNAL, "a unit of a simulation ended twice");
    return go_on(f, number);
}

/* ---- nodes ---- */

/* A group loses what it has, and is away. */
static crm_status lose(farm *f, int number)
{
    group *g = &f->group[number];

    if (g->away) return CRM_OK;
    if (g->running) {
        double late = g->start > f->now ? g->start - f->now : 0;
        f->use->dispatch_s -= late * g->size; /* it never came */
        f->use->thrown_s += (late > 0 ? 0 : f->now - g->start) * g->size;
        f->use->lost++;
        CRM_TRY(count_loss(&f->losses, &g->now.unit));
        CRM_CHECK(times_lost(&f->losses, &g->now.unit) < LOST_MOST, CRM_ERR_CONFIG,
                  "a unit of %.0f s or more was lost %d times; allowed: lower "
                  "sweep.simulate.failures, or units less unlike (sweep.simulate.sigma)",
                  g->seconds, (int)LOST_MOST);
        CRM_TRY(crm_sweep_plan_back(f->plan, &g->now.unit));
    } else {
        count_wait(f, g);
    }
    if (g->has_ready) CRM_TRY(crm_sweep_plan_back(f->plan, &g->ready.unit));
    drop_ready(f, g);
    g->running = false;
    g->away = true;
    g->since = f->now;
    put(&f->idle, number, false);
    put(&f->wants, number, false);
    return CRM_OK;
}

/* All groups with ranks on the node of the first rank of this one. */
static crm_status lose_node(farm *f, int number)
{
    int node_ranks = (int)f->sim->node_ranks, size = f->group[0].size;
    int lo = f->group[number].first / node_ranks * node_ranks, from = (lo - f->skip) / size;

    f->use->failures++;
    for (int i = from > 0 ? from : 0; i < f->n && f->group[i].first < lo + node_ranks; i++) {
        group *g = &f->group[i];
        CRM_TRY(lose(f, i));
        g->returns = f->sim->repair < 0 ? (double)INFINITY : f->now + f->sim->repair;
        if (f->sim->repair >= 0)
            CRM_TRY(add_event(&f->events, &f->made,
                              (event){.at = g->returns, .kind = NODE_RETURNS, .group = i}));
    }
    return CRM_OK;
}

static void come_back(farm *f, int number)
{
    group *g = &f->group[number];

    if (!g->away || f->now < g->returns) return; /* it failed again meanwhile */
    f->use->away_s += (f->now - g->since) * g->size;
    g->away = false;
    rest(f, number);
}

/* ---- the clock ---- */

/* For a group that has none, or else where it was. */
static crm_status take_back(farm *f, int number)
{
    group *g = &f->group[number];
    crm_sweep_unit u = g->ready.unit;
    int to = f->idle.n > 0 ? first_of(&f->idle) : number;

    drop_ready(f, g);
    put(&f->wants, number, true);
    if (!exchanges(f, &f->group[to])) to = number;
    return give(f, to, &u);
}

static crm_status happen(farm *f, const event *e)
{
    group *g = &f->group[e->group];

    switch (e->kind) {
    case UNIT_ENDS:
        if (!g->running || g->now.serial != e->serial) return CRM_OK;
        CRM_TRY(g->fails ? lose_node(f, e->group) : end_unit(f, e->group));
        break;
    case UNIT_GIVEN_BACK:
        if (!g->has_ready || g->ready.serial != e->serial) return CRM_OK;
        CRM_TRY(take_back(f, e->group));
        break;
    case NODE_RETURNS:
    default:
        come_back(f, e->group);
        break;
    }
    return deal(f);
}

static crm_status run(farm *f)
{
    event e;

    CRM_TRY(deal(f));
    while (!crm_sweep_plan_ended(f->plan)) {
        CRM_CHECK(next_event(&f->events, &e), CRM_ERR_CONFIG,
                  "all nodes are lost after %.0f s, with %lld units done; allowed: "
                  "sweep.simulate.repair of 0 or more, or a lower sweep.simulate.failures",
                  f->now, (long long)f->use->units);
        f->now = e.at;
        CRM_TRY(happen(f, &e));
    }
    return CRM_OK;
}

static void count_rest(farm *f, int ranks)
{
    crm_sweep_sim_use *use = f->use;

    for (int i = 0; i < f->n; i++) {
        const group *g = &f->group[i];
        if (g->away)
            use->away_s += (f->now - g->since) * g->size;
        else
            count_wait(f, g);
    }
    use->ranks = ranks;
    use->groups = f->n;
    use->answering_s = f->skip * use->makespan_s;
}

static void farm_free(farm *f)
{
    crm_sweep_plan_free(&f->plan);
    crm_mem_free(f->group);
    crm_mem_free(f->idle.bits);
    crm_mem_free(f->wants.bits);
    crm_mem_free(f->ready);
    sweep_heap_free(&f->events);
    crm_mem_free(f->losses.key);
    crm_mem_free(f->losses.times);
}

crm_status crm_sweep_simulate(const crm_sweep_cfg *cfg, const crm_sweep_sim_cfg *sim, int n,
                              const crm_search *search, const crm_sweep_sim_draws *draws, int ranks,
                              crm_sweep_plan **plan, crm_sweep_sim_use *use)
{
    farm f = {.cfg = cfg, .sim = sim, .draws = draws, .use = use};
    crm_status st;

    *use = (crm_sweep_sim_use){0};
    if (plan) *plan = NULL;
    CRM_CHECK(ranks >= 1 && ranks <= CRM_SWEEP_SIM_RANKS_MAX, CRM_ERR_ARG,
              "%d ranks; allowed: 1 to %d", ranks, (int)CRM_SWEEP_SIM_RANKS_MAX);
    st = crm_sweep_plan_new(cfg, n, search, &f.plan);
    if (!st) st = lay_out(&f, ranks);
    if (!st) st = run(&f);
    if (!st) count_rest(&f, ranks);
    if (!st && plan) {
        *plan = f.plan;
        f.plan = NULL;
    }
    farm_free(&f);
    return st;
}
