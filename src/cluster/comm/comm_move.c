/* comm_move.c - collectives on bytes and integers.  MPI counts are int, so long data go in pieces
 * of at most `chunk` bytes; sizes travel as 64-bit numbers. */
#include <string.h>

#include "comm_impl.h"
#include "crmpi/base_mem.h"

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "sizes travel as MPI_UINT64_T");

static size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

crm_status crm_comm_barrier(crm_comm *c)
{
    return CRM_COMM_WAIT(MPI_Barrier(c->mpi), "MPI_Barrier");
}

crm_status crm_comm_bcast(crm_comm *c, int root, void *data, size_t bytes)
{
    for (size_t at = 0, n; at < bytes; at += n) {
        n = at_most(bytes - at, c->chunk);
        CRM_TRY(CRM_COMM_WAIT(MPI_Bcast((char *)data + at, (int)n, MPI_BYTE, root, c->mpi),
                              "MPI_Bcast"));
    }
    return CRM_OK;
}

/* All-reduce of 8-byte items whose operation does not depend on the order. */
static crm_status reduce(crm_comm *c, void *v, int64_t n, MPI_Datatype type, MPI_Op op)
{
    size_t bytes = (size_t)n * 8, step = c->chunk / 8 > 0 ? c->chunk / 8 * 8 : 8;

    for (size_t at = 0, part; at < bytes; at += part) {
        part = at_most(bytes - at, step);
        CRM_TRY(CRM_COMM_WAIT(
            MPI_Allreduce(MPI_IN_PLACE, (char *)v + at, (int)(part / 8), type, op, c->mpi),
            "MPI_Allreduce"));
    }
    return CRM_OK;
}

crm_status crm_comm_sum_i64(crm_comm *c, int64_t *v, int64_t n)
{
    return reduce(c, v, n, MPI_INT64_T, MPI_SUM);
}

crm_status crm_comm_max_i64(crm_comm *c, int64_t *v, int64_t n)
{
    return reduce(c, v, n, MPI_INT64_T, MPI_MAX);
}

crm_status crm_comm_min_i64(crm_comm *c, int64_t *v, int64_t n)
{
    return reduce(c, v, n, MPI_INT64_T, MPI_MIN);
}

crm_status crm_comm_max_f64(crm_comm *c, double *v, int64_t n)
{
    return reduce(c, v, n, MPI_DOUBLE, MPI_MAX);
}

crm_status crm_comm_min_f64(crm_comm *c, double *v, int64_t n)
{
    return reduce(c, v, n, MPI_DOUBLE, MPI_MIN);
}

crm_status crm_comm_sum_fast(crm_comm *c, void *v, int64_t n, size_t item, MPI_Datatype type)
{
    int64_t step = (int64_t)(c->chunk / item > 0 ? c->chunk / item : 1);

    for (int64_t at = 0; at < n; at += step) {
        int part = (int)(n - at < step ? n - at : step);
        /* The one floating MPI_SUM there is: train.reduce = fast, whose results depend on the
         * layout. */
        CRM_TRY(CRM_COMM_WAIT(
            MPI_Allreduce(MPI_IN_PLACE, (char *)v + (size_t)at * item, part, type, MPI_SUM, c->mpi),
            "MPI_Allreduce"));
    }
    return CRM_OK;
}

crm_status crm_comm_exscan_i64(crm_comm *c, int64_t v, int64_t *before)
{
    *before = 0;
    CRM_TRY(CRM_COMM_WAIT(MPI_Exscan(&v, before, 1, MPI_INT64_T, MPI_SUM, c->mpi), "MPI_Exscan"));
    if (c->rank == 0) *before = 0; /* MPI leaves it undefined there */
    return CRM_OK;
}

/* ---- messages between pairs of ranks ---- */

typedef struct parcel { /* bytes[rank] for each rank in rank order; bytes NULL: nothing */
    char *data;
    const size_t *bytes;
} parcel;

static size_t n_chunks(const crm_comm *c, const parcel *p)
{
    size_t n = 0;

    for (int q = 0; p->bytes && q < c->size; q++)
        n += (p->bytes[q] + c->chunk - 1) / c->chunk;
    return n;
}

typedef int (*message_fn)(const crm_comm *c, char *data, int n, int peer, MPI_Request *request);

static int send_one(const crm_comm *c, char *data, int n, int peer, MPI_Request *request)
{
    return MPI_Isend(data, n, MPI_BYTE, peer, TAG_MOVE, c->mpi, request);
}

static int receive_one(const crm_comm *c, char *data, int n, int peer, MPI_Request *request)
{
    return MPI_Irecv(data, n, MPI_BYTE, peer, TAG_MOVE, c->mpi, request);
}

/* Start a message per chunk to or from every other rank; *n counts them. */
static crm_status start(const crm_comm *c, const parcel *p, message_fn message,
                        MPI_Request *requests, int *n)
{
    char *data = p->data;

    for (int q = 0; p->bytes && q < c->size; q++) {
        for (size_t at = 0, part; q != c->rank && at < p->bytes[q]; at += part) {
            part = at_most(p->bytes[q] - at, c->chunk);
            CRM_TRY(crm_comm_check(message(c, data + at, (int)part, q, &requests[*n]),
                                   "MPI_Isend or MPI_Irecv"));
            ++*n;
        }
        if (p->bytes[q]) data += p->bytes[q]; /* data is NULL where there are none */
    }
    return CRM_OK;
}

static char *own_part(const crm_comm *c, const parcel *p)
{
    char *data = p->data;

    for (int q = 0; q < c->rank; q++)
        data += p->bytes[q];
    return data;
}

/* Bytes of every rank to every rank.  st is what went wrong on this rank so far.  Collective. */
static crm_status transfer(crm_comm *c, crm_status st, const parcel *out, const parcel *in)
{
    MPI_Request *requests = NULL;
    int n = 0;

    if (!st) {
        requests = crm_mem_new(n_chunks(c, out) + n_chunks(c, in), sizeof *requests);
        if (!requests) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: requests for %d ranks", c->size);
    }
    CRM_TRY_TO(st, done, crm_comm_agree(c, st));
    CRM_TRY_TO(st, done, start(c, in, receive_one, requests, &n));
    CRM_TRY_TO(st, done, start(c, out, send_one, requests, &n));
    if (out->bytes && in->bytes && out->bytes[c->rank] > 0)
        memcpy(own_part(c, in), own_part(c, out), out->bytes[c->rank]);
    CRM_TRY_TO(st, done,
               CRM_COMM_WAIT(MPI_Waitall(n, requests, MPI_STATUSES_IGNORE), "MPI_Waitall"));
done:
    crm_mem_free(requests);
    return st;
}

static size_t sum_of(const size_t *v, int n)
{
    size_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += v[i];
    return sum;
}

/* The room for what this rank gets, or NULL and *st set. */
static void *room_for(size_t bytes, crm_status *st)
{
    void *p = crm_mem_new(bytes, 1);

    if (!p) CRM_SET(*st, CRM_ERR_NOMEM, "out of memory: %zu bytes from the other ranks", bytes);
    return p;
}

crm_status crm_comm_exchange(crm_comm *c, const void *send, const size_t *send_bytes, void **recv,
                             size_t *recv_bytes)
{
    parcel out = {(char *)(uintptr_t)send, send_bytes}, in = {NULL, recv_bytes};
    crm_status st = CRM_OK;

    *recv = NULL;
    CRM_TRY(CRM_COMM_WAIT(
        MPI_Alltoall(send_bytes, 1, MPI_UINT64_T, recv_bytes, 1, MPI_UINT64_T, c->mpi),
        "MPI_Alltoall"));
    in.data = room_for(sum_of(recv_bytes, c->size), &st);
    st = transfer(c, st, &out, &in);
    if (st)
        crm_mem_free(in.data);
    else
        *recv = in.data;
    return st;
}

/* ---- concatenations ---- */

typedef struct gathering {
    int root; /* below 0: all ranks */
    char *mine;
    size_t *each;    /* [size] bytes of every rank */
    size_t *to_root; /* [size] bytes from here, not 0 for the root only */
    char *all;       /* where they are wanted, else NULL */
} gathering;

/* Learn the sizes of all parts.  Collective. */
static crm_status collect_sizes(crm_comm *c, size_t bytes, gathering *g)
{
    crm_status st = CRM_OK;

    g->each = crm_mem_new((size_t)c->size * 2, sizeof *g->each);
    if (!g->each) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: sizes of %d ranks", c->size);
    CRM_TRY(crm_comm_agree(c, st));
    g->to_root = g->each + c->size;
    if (g->root >= 0) g->to_root[g->root] = bytes;
    return CRM_COMM_WAIT(MPI_Allgather(&bytes, 1, MPI_UINT64_T, g->each, 1, MPI_UINT64_T, c->mpi),
                         "MPI_Allgather");
}

/* Ways to move the parts; st is what went wrong on this rank so far.  All are collective. */
typedef crm_status (*gather_fn)(crm_comm *c, crm_status st, const gathering *g);

static crm_status to_root(crm_comm *c, crm_status st, const gathering *g)
{
    parcel out = {g->mine, g->to_root}, in = {g->all, g->root == c->rank ? g->each : NULL};

    return transfer(c, st, &out, &in);
}

/* For any size: every rank broadcasts its part. */
static crm_status to_all_in_turn(crm_comm *c, crm_status st, const gathering *g)
{
    char *part = g->all;

    CRM_TRY(crm_comm_agree(c, st));
    for (int q = 0; q < c->size; part += g->each[q++]) {
        if (q == c->rank && g->each[q] > 0) memcpy(part, g->mine, g->each[q]);
        CRM_TRY(crm_comm_bcast(c, q, part, g->each[q]));
    }
    return CRM_OK;
}

/* Where all parts together fit MPI's int counts. */
static crm_status to_all_at_once(crm_comm *c, crm_status st, const gathering *g)
{
    int *count = crm_mem_new((size_t)c->size * 2, sizeof *count), *offset, at = 0;

    if (!st && !count) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: counts of %d ranks", c->size);
    CRM_TRY_TO(st, done, crm_comm_agree(c, st));
    offset = count + c->size;
    for (int q = 0; q < c->size; at += count[q++]) {
        count[q] = (int)g->each[q];
        offset[q] = at;
    }
    CRM_TRY_TO(st, done,
               CRM_COMM_WAIT(MPI_Allgatherv(g->mine, count[c->rank], MPI_BYTE, g->all, count,
                                            offset, MPI_BYTE, c->mpi),
                             "MPI_Allgatherv"));
done:
    crm_mem_free(count);
    return st;
}

static crm_status concat(crm_comm *c, gathering *g, size_t bytes, void **all, size_t *total,
                         size_t *sizes)
{
    bool here = g->root < 0 || g->root == c->rank;
    gather_fn move = to_root;
    crm_status st = CRM_OK;
    size_t sum;

    *all = NULL;
    *total = 0;
    CRM_TRY_TO(st, done, collect_sizes(c, bytes, g));
    sum = sum_of(g->each, c->size);
    if (sizes) memcpy(sizes, g->each, (size_t)c->size * sizeof *sizes);
    if (here) g->all = room_for(sum, &st);
    if (g->root < 0) move = sum <= c->chunk ? to_all_at_once : to_all_in_turn;
    CRM_TRY_TO(st, done, move(c, st, g));
    *all = g->all;
    *total = here ? sum : 0;
done:
    if (st) crm_mem_free(g->all);
    crm_mem_free(g->each);
    return st;
}

crm_status crm_comm_allgather(crm_comm *c, const void *mine, size_t bytes, void **all,
                              size_t *total, size_t *sizes)
{
    gathering g = {.root = -1, .mine = (char *)(uintptr_t)mine};

    return concat(c, &g, bytes, all, total, sizes);
}

crm_status crm_comm_gather(crm_comm *c, int root, const void *mine, size_t bytes, void **all,
                           size_t *total, size_t *sizes)
{
    gathering g = {.root = root, .mine = (char *)(uintptr_t)mine};

    return concat(c, &g, bytes, all, total, sizes);
}
