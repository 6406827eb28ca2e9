/* embed_steps.c - synchronous steps over a table of rows: lanes on copies of rows, what they moved
 * added up in the order of the lanes.
 *
 * Lanes do not see each other's steps, so that a row that k of them move may overshoot k times: of
 * more than cap lanes, cap times the mean of their moves is added. */
#include <string.h>

#include "embed_impl.h"

void embed_steps_free(embed_steps *s)
{
    for (int64_t l = 0; s->lane && l < s->lanes; l++) {
        crm_mem_free(s->lane[l].row);
        crm_mem_free(s->lane[l].value);
    }
    for (int i = 0; s->worker && i < s->workers; i++)
        crm_mem_free(s->worker[i].slot);
    crm_mem_free(s->lane);
    crm_mem_free(s->worker);
    crm_mem_free(s->share);
    crm_mem_free(s->mine);
    crm_mem_free(s->table.value);
    *s = (embed_steps){0};
}

/* What a lane is on its way to other ranks: this, the numbers of its rows, their moves. */
typedef struct head {
    int64_t n, loss_n;
    double loss;
} head;

static size_t bytes_of(const embed_steps *s, int64_t n)
{
    return sizeof(head) + (size_t)n * (sizeof(int32_t) + (size_t)s->table.width * sizeof(float));
}

static crm_status make(embed_steps *s)
{
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, s->table.value, s->table.rows * s->table.width);
    CRM_NEW_TO(st, done, s->share, s->table.rows);
    CRM_NEW_TO(st, done, s->lane, s->lanes);
    CRM_NEW_TO(st, done, s->worker, s->workers);
    for (int64_t l = 0; l < s->lanes; l++) {
        CRM_NEW_TO(st, done, s->lane[l].row, s->most);
        CRM_NEW_TO(st, done, s->lane[l].value, s->most * s->table.width);
    }
    if (s->comm && crm_comm_size(s->comm) > 1)
        CRM_NEW_TO(st, done, s->mine, (size_t)(s->end - s->first) * bytes_of(s, s->most) + 1);
    for (int i = 0; i < s->workers; i++) {
        CRM_NEW_TO(st, done, s->worker[i].slot, s->table.rows);
        memset(s->worker[i].slot, 0xff, (size_t)s->table.rows * sizeof *s->worker[i].slot);
    }
done:
    return st;
}

crm_status embed_steps_new(embed_steps *s, crm_comm *comm, crm_pool *pool, int64_t rows,
                           int64_t width, const crm_embed_cfg *cfg, int64_t most)
{
    crm_status st;

    *s = (embed_steps){.comm = comm,
                       .pool = pool,
                       .kernels = crm_embed_kernels(),
                       .table = {.rows = rows, .width = width},
                       .lanes = cfg->lanes,
                       .cap = (int32_t)cfg->cap,
                       .most = most,
                       .end = cfg->lanes,
                       .workers = crm_pool_size(pool)};
    if (comm)
        crm_tree_range(cfg->lanes, crm_comm_rank(comm), crm_comm_size(comm), &s->first, &s->end);
    st = make(s);
    if (comm) st = crm_comm_agree(comm, st);
    if (st) embed_steps_free(s);
    return st;
}

void embed_copy(const embed_steps *s, embed_lane *lane)
{
    enum { AHEAD = 8 };
    size_t bytes = (size_t)s->table.width * sizeof(float);

    for (int64_t i = 0; i < lane->n; i++) {
        if (i + AHEAD < lane->n) {
            const char *next =
                (const char *)(s->table.value + lane->row[i + AHEAD] * s->table.width);
            for (size_t b = 0; b < bytes && b < 512; b += 64)
                __builtin_prefetch(next + b);
        }
        memcpy(lane->value + i * s->table.width, s->table.value + lane->row[i] * s->table.width,
               bytes);
    }
}

static crm_status run_lane(void *ctx, int64_t task, int worker)
{
    embed_steps *s = ctx;
    embed_worker *w = &s->worker[worker];
    embed_lane *lane = &s->lane[s->first + task];
    crm_status st;

    lane->n = lane->loss_n = 0;
    lane->loss = 0;
    st = s->fn(s->ctx, s, s->first + task, lane, w);
    for (int64_t i = 0; i < lane->n; i++) {
        w->slot[lane->row[i]] = -1;
        s->kernels->subtract(s->table.width, s->table.value + lane->row[i] * s->table.width,
                             lane->value + i * s->table.width);
    }
    return st;
}

/* ---- between ranks ---- */
static char *pack(const embed_steps *s, const embed_lane *lane, int64_t n, char *at)
{
    head h = {n, lane->loss_n, lane->loss};
    size_t rows = (size_t)lane->n * sizeof *lane->row;
    size_t values = (size_t)(lane->n * s->table.width) * sizeof *lane->value;

    memcpy(at, &h, sizeof h);
    memcpy(at + sizeof h, lane->row, rows);
    memcpy(at + sizeof h + rows, lane->value, values);
    return at + sizeof h + rows + values;
}

static const char *unpack(const embed_steps *s, embed_lane *lane, const char *at, bool *failed)
{
    head h;
    size_t rows, values;

    memcpy(&h, at, sizeof h);
    *failed |= h.n < 0;
    h.n = h.n < 0 ? 0 : h.n;
    rows = (size_t)h.n * sizeof *lane->row;
    values = (size_t)(h.n * s->table.width) * sizeof *lane->value;
    lane->n = h.n;
    lane->loss_n = h.loss_n;
    lane->loss = h.loss;
    memcpy(lane->row, at + sizeof h, rows);
    memcpy(lane->value, at + sizeof h + rows, values);
    return at + sizeof h + rows + values;
}

/* The lanes of all ranks on each; st: how those of this rank went.  A rank whose lanes failed sends
 * a number of rows below 0 for each, so that all know without asking. */
static crm_status share_lanes(embed_steps *s, crm_status st)
{
    char *end = s->mine;
    void *all;
    size_t total;
    const char *at;
    bool failed = false;

    for (int64_t l = s->first; l < s->end; l++) {
        if (st) s->lane[l].n = 0;
        end = pack(s, &s->lane[l], st ? -1 : s->lane[l].n, end);
    }
    CRM_TRY(crm_comm_allgather(s->comm, s->mine, (size_t)(end - s->mine), &all, &total, NULL));
    at = all;
    for (int64_t l = 0; l < s->lanes; l++)
        at = unpack(s, &s->lane[l], at, &failed);
    crm_mem_free(all);
    return failed ? crm_comm_agree(s->comm, st) : CRM_OK;
}

/* ---- the table after the step ---- */

/* How many lanes touch each row. */
static void count_shares(embed_steps *s)
{
    for (int64_t l = 0; l < s->lanes; l++)
        for (int64_t i = 0; i < s->lane[l].n; i++)
            s->share[s->lane[l].row[i]] = 0;
    for (int64_t l = 0; l < s->lanes; l++)
        for (int64_t i = 0; i < s->lane[l].n; i++)
            s->share[s->lane[l].row[i]]++;
}

/* Rows are dealt out to workers by their number. */
static crm_status apply(void *ctx, int64_t task, int worker)
{
    embed_steps *s = ctx;
    int64_t width = s->table.width;

    (void)worker;
    for (int64_t l = 0; l < s->lanes; l++) {
        const embed_lane *lane = &s->lane[l];
        for (int64_t i = 0; i < lane->n; i++) {
            int64_t row = lane->row[i];
            float part = s->share[row] > s->cap ? (float)s->cap / (float)s->share[row] : 1.0f;
            if (s->workers == 1 || row % s->workers == task)
                s->kernels->add(width, part, lane->value + i * width, s->table.value + row * width);
        }
    }
    return CRM_OK;
}

crm_status embed_steps_run(embed_steps *s)
{
    crm_status st = crm_pool_run(s->pool, s->end - s->first, run_lane, s);

    if (s->comm && crm_comm_size(s->comm) > 1) st = share_lanes(s, st);
    if (st) return st;
    for (int64_t l = 0; l < s->lanes; l++) {
        s->loss += s->lane[l].loss;
        s->loss_n += s->lane[l].loss_n;
    }
    count_shares(s);
    return crm_pool_run(s->pool, s->workers, apply, s);
}
