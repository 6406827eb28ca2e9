/* comm_device.c - exact sums in device memory: leaves -> subtrees of this rank, bucket by bucket as
 * they become ready -> pieces to their owners -> the sum.
 *
 * comm_device_plan.c settles the cuts and the additions; comm_device_link.c and comm_device_mpi.c
 * move bytes.  Additions are crm_op_combine, so that a transport never adds.  Nothing is allocated
 * after crm_dsum_new. */
#include <time.h>

#include "comm_device_impl.h"
#include "crmpi/base_mem.h"
#include "crmpi/comm_watchdog.h"

/* ---- life ---- */

static crm_status make(crm_comm *comm, crm_device *d, const crm_dsum_cfg *cfg, crm_dsum **out)
{
    CRM_NEW(*out, 1);
    (*out)->comm = comm;
    (*out)->d = d;
    (*out)->cfg = *cfg;
    return crm_dsum_plan(*out);
}

static crm_status make_transport(crm_dsum *t)
{
    if (t->comm->size == 1) return CRM_OK;
    CRM_TRY(crm_dsum_choose(t));
    return t->link ? CRM_OK : crm_comm_agree(t->comm, crm_dsum_mpi_new(t));
}

crm_status crm_dsum_new(crm_comm *comm, crm_device *d, const crm_dsum_cfg *cfg, crm_dsum **out)
{
    crm_status st;

    *out = NULL;
    CRM_TRY_TO(st, failed, crm_comm_agree(comm, make(comm, d, cfg, out)));
    CRM_TRY_TO(st, failed, make_transport(*out));
    return CRM_OK;
failed:
    crm_dsum_free(out);
    return st;
}

void crm_dsum_free(crm_dsum **tp)
{
    crm_dsum *t = *tp;

    if (!t) return;
    crm_dsum_link_free(t);
    crm_dsum_mpi_free(t);
    crm_buf_free(t->d, t->leaves);
    crm_buf_free(t->d, t->sum);
    crm_buf_free(t->d, t->inbox);
    crm_mem_free(t->piece);
    crm_mem_free(t->merge.add);
    crm_mem_free(t->tree);
    crm_mem_free(t->leaf);
    crm_mem_free(t->finish.add);
    crm_mem_free(t->first_slot);
    crm_mem_free(t->slot);
    crm_mem_free(t);
    *tp = NULL;
}

const char *crm_dsum_transport(const crm_dsum *t)
{
    return t->comm->size == 1 ? "none" : t->link ? "nccl" : "mpi";
}

float *crm_dsum_leaves(crm_dsum *t, int64_t *first, int64_t *n, int64_t *stride)
{
    *first = t->first_leaf;
    *n = t->own;
    *stride = t->stride;
    return t->leaves;
}

const crm_dsum_piece *crm_dsum_pieces(const crm_dsum *t, int *n)
{
    *n = t->n_pieces;
    return t->piece;
}

float *crm_dsum_sum(crm_dsum *t)
{
    return t->sum;
}

crm_status crm_dsum_agree(crm_dsum *t, crm_status local)
{
    crm_status st;

    if (!t->link) return crm_comm_agree(t->comm, local);
    /* what the others say to an error of NCCL may never come; the first cause is told then */
    if (local == CRM_ERR_COMM) crm_watchdog_note(crm_err_text());
    st = crm_comm_agree_within(t->comm, local, t->cfg.timeout);
    if (st) crm_link_abort(t->link); /* what others sent will never be fetched */
    return st;
}

/* ---- the part that a captured graph may hold ---- */

crm_status crm_dsum_begin(crm_dsum *t)
{
    t->ready = 0;
    return crm_buf_zero(t->d, t->leaves, (size_t)(t->own * t->stride) * sizeof *t->leaves);
}

/* A rank alone, and one that is not exact, makes one vector of its leaves, elsewhere. */
static crm_status merge_bucket(crm_dsum *t, int k)
{
    dsum_bucket b = crm_dsum_bucket(t, k);
    bool one = t->comm->size == 1 || !t->cfg.exact;

    if (one && t->own == 0)
        return crm_buf_zero(t->d, t->sum + b.first, (size_t)b.n * sizeof *t->sum);
    if (!one && t->merge.n == 0) return CRM_OK;
    return crm_op_combine(t->d, t->leaf, (int)t->own, t->merge.add, t->merge.n, b.first, b.n,
                          one ? t->sum : NULL);
}

crm_status crm_dsum_ready(crm_dsum *t, int64_t upto)
{
    CRM_CHECK(upto >= 0 && upto <= t->cfg.width, CRM_ERR_ARG,
              "elements up to %lld are ready, of %lld", (long long)upto, (long long)t->cfg.width);
    for (; t->ready < t->n_buckets; t->ready++) {
        dsum_bucket b = crm_dsum_bucket(t, t->ready);
        if (b.first + b.n > upto) break;
        CRM_TRY(merge_bucket(t, t->ready));
        if (t->link) CRM_TRY(crm_link_mark(t->link, t->ready));
    }
    return CRM_OK;
}

/* ---- the rest ---- */

crm_status crm_dsum_finish_bucket(crm_dsum *t, int k)
{
    int me = t->comm->rank, own = t->first_slot[me], foreign = 0;
    dsum_bucket b = crm_dsum_bucket(t, k);
    crm_dsum_piece p = crm_dsum_part(&b, me);

    if (p.n == 0) return CRM_OK;
    for (int i = 0; i < t->n_slots; i++)
        t->slot[i] = i >= own && i < own + t->n_trees ? t->leaf[t->tree[i - own]] + p.first
                                                      : crm_dsum_letter(t, t->inbox, foreign++, k);
    return crm_op_combine(t->d, t->slot, t->n_slots, t->finish.add, t->finish.n, 0, p.n,
                          t->sum + p.first);
}

static crm_status check_ready(const crm_dsum *t)
{
    CRM_CHECK(t->ready == t->n_buckets, CRM_ERR_ARG,
              "crm_dsum_finish after %d of %d buckets: crm_dsum_ready(width) comes before",
              t->ready, t->n_buckets);
    return CRM_OK;
}

crm_status crm_dsum_finish(crm_dsum *t)
{
    crm_status st = check_ready(t);

    if (t->comm->size == 1) return st;
    if (t->link) {
        if (!st) st = t->cfg.exact ? crm_dsum_link_exchange(t) : crm_dsum_link_sum(t);
        return crm_dsum_agree(t, st);
    }
    CRM_TRY(crm_dsum_agree(t, st));
    return t->cfg.exact ? crm_dsum_mpi_exchange(t) : crm_dsum_mpi_sum(t);
}

int64_t crm_dsum_items(const dsum_view *v, int64_t n)
{
    return (n + v->per - 1) / v->per;
}

static crm_status gather(crm_dsum *t, dsum_view v)
{
    if (t->comm->size == 1 || t->cfg.width == 0) return CRM_OK;
    return t->link ? crm_dsum_agree(t, crm_dsum_link_gather(t, &v)) : crm_dsum_mpi_gather(t, &v);
}

crm_status crm_dsum_gather(crm_dsum *t, float *v)
{
    return gather(t, (dsum_view){(char *)v, sizeof *v, 1});
}

crm_status crm_dsum_gather_blocks(crm_dsum *t, double *sums)
{
    return gather(t, (dsum_view){(char *)sums, sizeof *sums, CRM_BLOCK});
}

/* ---- waits that end ---- */

static void pause_briefly(void)
{
    nanosleep(&(const struct timespec){0, 20000}, NULL);
}

crm_status crm_dsum_check(crm_dsum *t, bool *idle)
{
    *idle = true;
    return t->link ? crm_link_check(t->link, idle) : CRM_OK;
}

static crm_status wait_idle(crm_dsum *t)
{
    bool idle = false;

    while (!idle) {
        CRM_TRY(crm_dsum_check(t, &idle));
        if (!idle) pause_briefly();
    }
    return CRM_OK;
}

crm_status crm_dsum_wait(crm_dsum *t)
{
    crm_status st;

    crm_watchdog_enter(CRM_IN_REDUCTION);
    st = wait_idle(t);
    crm_watchdog_leave();
    return st ? st : crm_device_sync(t->d);
}

static crm_status wait_ready(crm_dsum *t, int ticket)
{
    bool ready = false, idle;

    while (!ready) {
        CRM_TRY(crm_later_ready(t->d, ticket, &ready));
        if (ready) break;
        CRM_TRY(crm_dsum_check(t, &idle));
        pause_briefly();
    }
    return CRM_OK;
}

crm_status crm_dsum_later_get(crm_dsum *t, int ticket, void *host, size_t bytes)
{
    crm_status st = CRM_OK;

    if (t->link) {
        crm_watchdog_enter(CRM_IN_REDUCTION);
        st = wait_ready(t, ticket);
        crm_watchdog_leave();
    }
    return st ? st : crm_later_get(t->d, ticket, host, bytes);
}
