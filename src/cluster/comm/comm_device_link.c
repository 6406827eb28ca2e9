/* comm_device_link.c - sums in device memory through NCCL, and the choice between it and MPI.
 *
 * Exchange: one group of sends and receives a bucket, which waits for the mark of that bucket only
 * and so goes on beside what the device computes meanwhile; the additions come behind it in the
 * device's queue.  Gather: the library's all-gather, in place, on equal parts.  The parts of the
 * last bucket are equal only with padding, so that one goes through memory of our own. */
#include <stdio.h>
#include <string.h>

#include "comm_device_impl.h"
#include "crmpi/base_mem.h"

/* ---- the choice ---- */

enum { NAME = 64 };

typedef struct gpu_name { /* which GPU a rank has; the name is for messages */
    char host[NAME], id[NAME], name[NAME];
    char missing[2 * NAME]; /* why it has no NCCL; empty: it has */
} gpu_name;

static gpu_name name_of(const crm_device *d)
{
    gpu_name g = {.host = ""};
    const char *why = NULL;

    crm_comm_host(g.host, sizeof g.host);
    if (!d) return g;
    if (!crm_link_offered(d, &why)) snprintf(g.missing, sizeof g.missing, "%s", why);
    snprintf(g.id, sizeof g.id, "%s", crm_device_id(d));
    snprintf(g.name, sizeof g.name, "%s", crm_device_name(d));
    return g;
}

/* Ranks of this group that have the GPU of rank `at`: 1 where each has its own, or none. */
static int sharers(const gpu_name *all, int size, int at)
{
    int n = 0;

    for (int q = 0; q < size; q++)
        n += strcmp(all[q].host, all[at].host) == 0 && strcmp(all[q].id, all[at].id) == 0;
    return all[at].id[0] ? n : 1;
}

static crm_status gather_names(crm_comm *c, const crm_device *d, gpu_name **out)
{
    gpu_name mine = name_of(d);
    size_t total;
    void *all = NULL;

    CRM_TRY(crm_comm_allgather(c, &mine, sizeof mine, &all, &total, NULL));
    *out = all;
    return CRM_OK;
}

crm_status crm_dsum_find_shared(crm_comm *comm, crm_device *d)
{
    gpu_name *all = NULL;

    CRM_TRY(gather_names(comm, d, &all));
    if (d) crm_device_set_shared(d, sharers(all, comm->size, comm->rank));
    crm_mem_free(all);
    return CRM_OK;
}

/* Why NCCL does not work between these ranks; "": it does. */
static void find_hindrance(const gpu_name *all, int size, char why[CRM_DSUM_WHY_MAX])
{
    why[0] = '\0';
    for (int q = 0; q < size && !why[0]; q++) {
        int n = sharers(all, size, q);
        if (all[q].missing[0])
            snprintf(why, CRM_DSUM_WHY_MAX, "rank %d (%s on node %s) has no NCCL: %s", q,
                     all[q].name, all[q].host, all[q].missing);
        else if (n > 1)
            snprintf(why, CRM_DSUM_WHY_MAX,
                     "%d ranks of node %s share one GPU: NCCL needs a GPU for each", n,
                     all[q].host);
    }
}

/* *possible: NCCL would work.  Equal on all ranks, with the message when it is asked for. */
static crm_status judge(const crm_dsum *t, const gpu_name *all, bool *possible)
{
    char why[CRM_DSUM_WHY_MAX];

    find_hindrance(all, t->comm->size, why);
    *possible = why[0] == '\0';
    CRM_CHECK(*possible || t->cfg.transport != CRM_TRANSPORT_NCCL, CRM_ERR_CONFIG,
              "gpu.transport=nccl, but %s; start one rank a GPU, or set gpu.transport=mpi or auto",
              why);
    return CRM_OK;
}

static crm_status can_link(crm_dsum *t, bool *possible)
{
    gpu_name *all = NULL;
    crm_status st;

    CRM_TRY(gather_names(t->comm, t->d, &all));
    st = judge(t, all, possible);
    crm_mem_free(all);
    return crm_comm_agree(t->comm, st);
}

static crm_status explain_link(crm_comm *c, crm_device *d, int transport,
                               char out[CRM_DSUM_WHY_MAX])
{
    gpu_name *all = NULL;
    char why[CRM_DSUM_WHY_MAX - 32];

    CRM_TRY(gather_names(c, d, &all));
    find_hindrance(all, c->size, out);
    snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, out);
    crm_mem_free(all);
    if (!why[0])
        snprintf(out, CRM_DSUM_WHY_MAX, "nccl: each of %d ranks has a GPU of its own", c->size);
    else
        snprintf(out, CRM_DSUM_WHY_MAX, "%s: %s",
                 transport == CRM_TRANSPORT_NCCL ? "nccl cannot be had" : "mpi", why);
    return CRM_OK;
}

crm_status crm_dsum_explain(crm_comm *comm, crm_device *d, int transport,
                            char out[CRM_DSUM_WHY_MAX])
{
    int64_t cpus = !d || crm_device_is_host(d);
    const char *why = NULL;

    CRM_TRY(crm_comm_max_i64(comm, &cpus, 1));
    if (comm->size == 1)
        why = "none: one rank";
    else if (cpus)
        why = "mpi: ranks compute on the CPU";
    else if (transport == CRM_TRANSPORT_MPI)
        why = "mpi: gpu.transport is mpi";
    if (!why) return explain_link(comm, d, transport, out);
    snprintf(out, CRM_DSUM_WHY_MAX, "%s", why);
    return CRM_OK;
}

/* ---- opening ---- */

static crm_status new_memory(crm_dsum *t)
{
    int size = t->comm->size;
    int foreign = t->n_slots - t->n_trees;
    dsum_bucket last = crm_dsum_bucket(t, t->n_buckets > 0 ? t->n_buckets - 1 : 0);
    void *spare = NULL;

    CRM_NEW(t->send, t->n_trees * size + 1);
    CRM_NEW(t->recv, foreign + 1);
    CRM_NEW(t->gather, t->n_buckets + 1);
    CRM_TRY(crm_buf_new(t->d, (size_t)(last.part * size + 1) * sizeof(float), &spare));
    t->spare = spare;
    return CRM_OK;
}

static crm_status open_link(crm_dsum *t)
{
    unsigned char id[CRM_LINK_ID] = {0};
    crm_comm *c = t->comm;
    crm_status st = c->rank == 0 ? crm_link_id(t->d, id) : CRM_OK;

    CRM_TRY(crm_comm_agree(c, st));
    CRM_TRY(crm_comm_bcast(c, 0, id, sizeof id));
    CRM_TRY(crm_comm_agree(c, new_memory(t)));
    CRM_TRY(crm_comm_barrier(c)); /* the time limit begins for all ranks at once */
    st = crm_link_open(t->d, id, c->rank, c->size, t->cfg.timeout, &t->link);
    /* the last one makes all, so that none is made in a step */
    if (!st && t->n_buckets > 0) st = crm_link_mark(t->link, t->n_buckets - 1);
    return crm_comm_agree(c, st);
}

crm_status crm_dsum_choose(crm_dsum *t)
{
    bool possible = false;

    if (t->cfg.transport == CRM_TRANSPORT_MPI) return CRM_OK;
    CRM_TRY(can_link(t, &possible));
    return possible ? open_link(t) : CRM_OK;
}

void crm_dsum_link_free(crm_dsum *t)
{
    crm_link_free(&t->link);
    crm_buf_free(t->d, t->spare);
    crm_mem_free(t->send);
    crm_mem_free(t->recv);
    crm_mem_free(t->gather);
}

/* ---- subtrees to the owners of their pieces ---- */

static size_t bytes_of(int64_t n)
{
    return (size_t)n * sizeof(float);
}

static int parts_to_send(crm_dsum *t, const dsum_bucket *b)
{
    int me = t->comm->rank, size = t->comm->size, n = 0;

    for (int d = 1; d < size; d++) {
        int q = (me + d) % size;
        crm_dsum_piece p = crm_dsum_part(b, q);
        for (int i = 0; i < t->n_trees && p.n > 0; i++)
            t->send[n++] = (crm_link_part){q, t->leaf[t->tree[i]] + p.first, bytes_of(p.n)};
    }
    return n;
}

static int parts_to_receive(crm_dsum *t, const dsum_bucket *b, int k)
{
    int me = t->comm->rank, n = 0;
    size_t bytes = bytes_of(crm_dsum_part(b, me).n);

    for (int q = 0; q < t->comm->size && bytes > 0; q++)
        for (int i = t->first_slot[q]; q != me && i < t->first_slot[q + 1]; i++, n++)
            t->recv[n] = (crm_link_part){q, crm_dsum_letter(t, t->inbox, n, k), bytes};
    return n;
}

crm_status crm_dsum_link_exchange(crm_dsum *t)
{
    for (int k = 0; k < t->n_buckets; k++) {
        dsum_bucket b = crm_dsum_bucket(t, k);
        int n_send = parts_to_send(t, &b), n_recv = parts_to_receive(t, &b, k);
        CRM_TRY(crm_link_after_mark(t->link, k));
        CRM_TRY(crm_link_move(t->link, t->send, n_send, t->recv, n_recv));
        CRM_TRY(crm_link_use(t->link));
        CRM_TRY(crm_dsum_finish_bucket(t, k));
    }
    return CRM_OK;
}

crm_status crm_dsum_link_sum(crm_dsum *t)
{
    for (int k = 0; k < t->n_buckets; k++) {
        dsum_bucket b = crm_dsum_bucket(t, k);
        CRM_TRY(crm_link_after_mark(t->link, k));
        CRM_TRY(crm_link_sum(t->link, t->sum + b.first, b.n));
    }
    return crm_link_use(t->link);
}

/* ---- pieces to all ---- */

/* Within the device, by words of 4 bytes. */
static crm_status copy(crm_dsum *t, char *to, char *from, size_t bytes)
{
    int64_t n = (int64_t)(bytes / sizeof(float));
    crm_tensor x = crm_tensor_2d(from, CRM_F32, 1, n), y = crm_tensor_2d(to, CRM_F32, 1, n);

    return n > 0 ? crm_op_copy(t->d, &x, &y) : CRM_OK;
}

static char *item_at(const dsum_view *v, int64_t first)
{
    return v->at + (size_t)(first / v->per) * v->item;
}

static size_t item_bytes(const dsum_view *v, int64_t n)
{
    return (size_t)crm_dsum_items(v, n) * v->item;
}

/* Bucket k, its parts being equal or in the spare memory. */
static crm_link_part part_of(const crm_dsum *t, const dsum_view *v, int k, bool spare)
{
    dsum_bucket b = crm_dsum_bucket(t, k);

    return (crm_link_part){0, spare ? t->spare : item_at(v, b.first), item_bytes(v, b.part)};
}

crm_status crm_dsum_link_gather(crm_dsum *t, const dsum_view *v)
{
    int me = t->comm->rank;
    dsum_bucket last = crm_dsum_bucket(t, t->n_buckets - 1);
    crm_dsum_piece mine = crm_dsum_part(&last, me);
    bool padded = last.n != last.part * t->comm->size;

    if (padded)
        CRM_TRY(copy(t, t->spare + (size_t)me * item_bytes(v, last.part), item_at(v, mine.first),
                     item_bytes(v, mine.n)));
    for (int k = 0; k < t->n_buckets; k++)
        t->gather[k] = part_of(t, v, k, padded && k == t->n_buckets - 1);
    CRM_TRY(crm_link_after(t->link));
    CRM_TRY(crm_link_gather(t->link, t->gather, t->n_buckets));
    CRM_TRY(crm_link_use(t->link));
    return padded ? copy(t, item_at(v, last.first), t->spare, item_bytes(v, last.n)) : CRM_OK;
}
