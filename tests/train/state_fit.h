/* state_fit.h - fits that are stopped at chosen boundaries and go on from what was saved, on other
 * ranks, threads and engines; for the tests of this folder and of the device. */
#ifndef STATE_FIT_H
#define STATE_FIT_H

#include <inttypes.h>

#include "whole_fit.h"

/* What the hooks of one life of a fit do, and what they saw. */
typedef struct watcher {
    heard *heard;        /* goes on from life to life */
    crm_comm *comm;      /* of the fit */
    int64_t pause_at;    /* boundary of this life, from 1; 0: none */
    int64_t pause_epoch; /* epoch of any phase whose end on_epoch answers with a pause; 0: none */
    int64_t stop_epoch;  /* likewise of the search, enough */
    bool save_all;       /* save at each boundary */
    bool no_save;        /* the hook is not there */
    bool fail;           /* rank 0 cannot write */
    int64_t asked, saved;
    bool strange; /* a state that is not to be */
} watcher;

static inline const char *state_file(void)
{
    static char file[192];

    snprintf(file, sizeof file, "%s/state.h5", folder);
    return file;
}

static inline crm_hook_answer watch_epoch(void *ctx, const crm_epoch *e)
{
    watcher *w = ctx;

    hear(w->heard, e);
    if (w->pause_epoch == e->epoch) return CRM_HOOK_PAUSE;
    return w->stop_epoch == e->epoch && strcmp(e->phase, CRM_PHASE_SEARCH) == 0 ? CRM_HOOK_STOP
                                                                                : CRM_HOOK_GO;
}

static inline crm_status watch_ask(void *ctx, const crm_boundary *at, crm_hook_answer *answer)
{
    watcher *w = ctx;

    w->asked++;
    w->strange |= at->step < 1 || at->epoch < 1 || !at->phase;
    *answer = w->asked == w->pause_at ? CRM_HOOK_PAUSE : w->save_all ? CRM_HOOK_SAVE : CRM_HOOK_GO;
    return CRM_OK;
}

static inline bool all_finite(const crm_bag *b, const char *name)
{
    const crm_bag_array *a = crm_bag_find(b, name);

    for (int64_t i = 0; a && i < a->n; i++)
        if (!isfinite(((const float *)a->data)[i])) return false;
    return a != NULL;
}

static inline crm_status watch_save(void *ctx, const crm_boundary *at, crm_bag *state)
{
    watcher *w = ctx;
    bool root = crm_comm_rank(w->comm) == 0;

    (void)at;
    w->saved++;
    w->strange |= root != (state != NULL);
    if (!root) return CRM_OK;
    CRM_CHECK(!w->fail, CRM_ERR_IO, "no room for the state");
    w->strange |= !all_finite(state, "fit/weights");
    CRM_TRY(crm_bag_put_text(state, "mine", "beside the fit's"));
    return crm_bag_write(state, state_file(), "state");
}

static inline crm_hooks hooks_of(watcher *w, const crm_bag *from)
{
    return (crm_hooks){.ctx = w,
                       .on_epoch = watch_epoch,
                       .ask = watch_ask,
                       .save = w->no_save ? NULL : watch_save,
                       .resume_from = from};
}

/* One life.  from: the saved state, or NULL. */
static inline crm_status live(crm_comm *comm, way how, const char *const *sets, int n, watcher *w,
                              const crm_bag *from, crm_digest *weights)
{
    crm_device_cfg gpu = {.resident = how.resident ? CRM_GPU_ON : CRM_GPU_OFF,
                          .bucket = 4096 * sizeof(float), /* several buckets */
                          .transport = CRM_TRANSPORT_MPI,
                          .timeout = 60};
    fitted f = {.parts = CRM_FLAT_PROFILE,
                .whole = how.whole,
                .gpu = how.whole ? &gpu : NULL,
                .rows = how.rows,
                .device = how.device};
    crm_status st;

    w->comm = comm;
    w->asked = w->saved = 0;
    f.hooks = hooks_of(w, from);
    st = fit_on(comm, how.file ? how.file : path[FILE_PLAIN], how.threads, sets, n, &f);
    if (!st) st = crm_pipeline_digest(f.pipe, weights);
    drop(&f);
    return st;
}

/* The fit that nobody disturbs, on this rank alone. */
static inline crm_status undisturbed(way how, const char *const *sets, int n, watcher *w,
                                     crm_digest *weights)
{
    crm_comm *alone = NULL;
    crm_status st;

    CRM_TRY(crm_comm_split(t_comm, crm_comm_rank(t_comm), &alone));
    st = live(alone, how, sets, n, w, NULL, weights);
    crm_comm_free(&alone);
    return st;
}

/* A life on the first ranks only; on the others *st = CRM_OK and nothing else happens.  The status
 * is that of rank 0 everywhere. */
static inline crm_status live_on(int ranks, way how, const char *const *sets, int n, watcher *w,
                                 bool resumed, crm_digest *weights)
{
    bool in = crm_comm_rank(t_comm) < ranks;
    crm_comm *part = NULL;
    crm_bag *from = NULL;
    crm_status st = CRM_OK;
    int64_t code;

    CRM_TRY(crm_comm_split(t_comm, in ? 0 : -1, &part));
    if (in && resumed) st = crm_comm_agree(part, crm_bag_read(state_file(), "state", &from));
    if (in && !st) st = live(part, how, sets, n, w, from, weights);
    crm_bag_free(&from);
    if (part) crm_comm_free(&part);
    code = st;
    CRM_TRY(crm_comm_max_i64(t_comm, &code, 1));
    return (crm_status)code;
}

/* How a chain of lives goes: each one `stride` boundaries long, in ways that take turns. */
typedef struct chain {
    int64_t stride;
    int n_ways;
    way way[6];
    int64_t stop_epoch;
} chain;

static inline bool same_heard(const heard *a, const heard *b)
{
    return a->n == b->n && memcmp(a->x, b->x, sizeof a->x) == 0;
}

/* All, 1, all but one, 2, ... */
static inline int ranks_of(int life, int size)
{
    return life % 2 ? 1 + life / 2 % size : size - life / 2 % size;
}

/* Lives until the end, each on another number of ranks; against the undisturbed fit. */
static inline void compare_chain(const chain *c, const char *const *sets, int n)
{
    static heard calm, told;
    watcher quiet = {.heard = &calm, .stop_epoch = c->stop_epoch};
    watcher w = {.heard = &told, .pause_at = c->stride, .stop_epoch = c->stop_epoch};
    int size = crm_comm_size(t_comm), lives = 0;
    crm_digest want, got = {0, 0};
    crm_status st = CRM_ERR_STOPPED;

    calm = told = (heard){.n = 0};
    T_OK(undisturbed(c->way[0], sets, n, &quiet, &want));
    for (; st == CRM_ERR_STOPPED && lives <= quiet.asked; lives++)
        st =
            live_on(ranks_of(lives, size), c->way[lives % c->n_ways], sets, n, &w, lives > 0, &got);
    T_OK(st);
    T_CHECK(!w.strange);
    T_EQ_I(lives, 1 + quiet.asked / c->stride);
    if (crm_comm_rank(t_comm) > 0) return;
    T_CHECK(crm_digest_equal(want, got));
    T_EQ_I(told.n, calm.n);
    T_CHECK(same_heard(&told, &calm));
    printf("# %d lives, %d numbers told\n", lives, told.n);
}

#endif
