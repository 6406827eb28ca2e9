/* comm_tree_swap.c - what a tree sum sends: slices of subtrees to their owners, and the sum's
 * slices to all.  MPI moves bytes and adds nothing.
 *
 * A slice goes as up to two messages: its dense part from memory as it lies, and its sparse part
 * packed, or as it lies where that is shorter.  A receiver knows only the most that a sparse part
 * can be, and the form from the length of what came. */
#include <string.h>

#include "comm_tree_impl.h"

static MPI_Datatype mpi_type(const crm_tree *t)
{
    return t->dtype == CRM_F32 ? MPI_FLOAT : t->dtype == CRM_F64 ? MPI_DOUBLE : MPI_INT64_T;
}

static int sparse_count(const crm_tree *t, int rank)
{
    tree_part part = crm_tree_sparse_part(t, crm_tree_part(t, rank));

    return (int)(part.end - part.first);
}

static int dense_count(const crm_tree *t, int rank)
{
    return t->count[rank] - sparse_count(t, rank);
}

/* Where the sparse part of this rank's slice of the i-th foreign slot arrives. */
static uint32_t *letter_box(const crm_tree *t, int i)
{
    return t->packed_in + (size_t)i * (size_t)sparse_count(t, t->comm->rank);
}

static crm_status receive(crm_tree *t, void *to, int count, MPI_Datatype type, int from, int tag,
                          int *n)
{
    if (count == 0) return CRM_OK;
    return crm_comm_check(MPI_Irecv(to, count, type, from, tag, t->comm->mpi, &t->requests[(*n)++]),
                          "MPI_Irecv");
}

static crm_status send(crm_tree *t, const void *from, int count, MPI_Datatype type, int to, int tag,
                       int *n)
{
    if (count == 0) return CRM_OK;
    return crm_comm_check(MPI_Isend(from, count, type, to, tag, t->comm->mpi, &t->requests[(*n)++]),
                          "MPI_Isend");
}

/* Sparse parts first: unpack finds their lengths in the first statuses. */
static crm_status receive_all(crm_tree *t, int *n)
{
    int me = t->comm->rank, i = 0;

    for (int q = 0; q < t->comm->size; q++)
        for (int k = t->first_slot[q]; q != me && k < t->first_slot[q + 1]; k++)
            CRM_TRY(receive(t, letter_box(t, i++), sparse_count(t, me), MPI_UINT32_T, q,
                            TAG_TREE_SPARSE + k - t->first_slot[q], n));
    for (int q = 0; q < t->comm->size; q++)
        for (int k = t->first_slot[q]; q != me && k < t->first_slot[q + 1]; k++)
            CRM_TRY(receive(t, t->slot[k].v, dense_count(t, me), mpi_type(t), q,
                            TAG_TREE + k - t->first_slot[q], n));
    return CRM_OK;
}

/* The sparse part of one piece to the rank whose slice it is. */
static crm_status send_sparse(crm_tree *t, int i, int q, int *n)
{
    tree_part part = crm_tree_sparse_part(t, crm_tree_part(t, q));
    tree_vec whole = t->buf[t->piece[i]];
    size_t row = (size_t)(t->width - t->sparse_first);
    const void *from;
    uint32_t *out;
    int items;

    if (part.first == part.end) return CRM_OK;
    from = crm_tree_element(t, whole.v, part.first);
    out = t->packed_out + (size_t)i * row + (size_t)(part.first - t->sparse_first);
    items = crm_tree_pack(t, whole, part, out);
    if (items > 0) return send(t, out, items, MPI_UINT32_T, q, TAG_TREE_SPARSE + i, n);
    return send(t, from, sparse_count(t, q), MPI_UINT32_T, q, TAG_TREE_SPARSE + i, n);
}

static crm_status send_all(crm_tree *t, int *n)
{
    int me = t->comm->rank, size = t->comm->size;

    for (int d = 1; d < size; d++) { /* each begins with another one, so that none is flooded */
        int q = (me + d) % size;
        for (int i = 0; i < t->n_pieces; i++) {
            CRM_TRY(send(t, crm_tree_element(t, t->buf[t->piece[i]].v, t->offset[q]),
                         dense_count(t, q), mpi_type(t), q, TAG_TREE + i, n));
            CRM_TRY(send_sparse(t, i, q, n));
        }
    }
    return CRM_OK;
}

static crm_status unpack_all(crm_tree *t)
{
    int me = t->comm->rank, i = 0;
    tree_part part = crm_tree_part(t, me);

    if (sparse_count(t, me) == 0) return CRM_OK;
    for (int k = 0; k < t->n_slots; k++) {
        int items;
        if (k >= t->first_slot[me] && k < t->first_slot[me + 1]) continue;
        CRM_TRY(
            crm_comm_check(MPI_Get_count(&t->statuses[i], MPI_UINT32_T, &items), "MPI_Get_count"));
        crm_tree_unpack(t, letter_box(t, i++), items, t->slot[k], part);
    }
    return CRM_OK;
}

crm_status crm_tree_swap(crm_tree *t)
{
    int n = 0;

    CRM_TRY(receive_all(t, &n));
    CRM_TRY(send_all(t, &n));
    CRM_TRY(CRM_COMM_WAIT(MPI_Waitall(n, t->requests, t->statuses), "MPI_Waitall"));
    return unpack_all(t);
}

crm_status crm_tree_spread(crm_tree *t, const void *mine, void *full)
{
    crm_comm *c = t->comm;
    MPI_Datatype type = mpi_type(t);

    if (c->size == 1) return CRM_OK;
    if (t->width > TREE_BLOCK)
        return CRM_COMM_WAIT(
            MPI_Allgatherv(mine, t->count[c->rank], type, full, t->count, t->offset, type, c->mpi),
            "MPI_Allgatherv");
    /* a single block is rank 0's */
    if (c->rank == 0 && mine != MPI_IN_PLACE && t->width > 0)
        memcpy(full, mine, (size_t)t->width * t->item);
    return CRM_COMM_WAIT(MPI_Bcast(full, (int)t->width, type, 0, c->mpi), "MPI_Bcast");
}

crm_status crm_tree_gather(crm_tree *t, void *full)
{
    return crm_tree_spread(t, MPI_IN_PLACE, full);
}

crm_status crm_tree_all_reduce(crm_tree *t, void *full)
{
    return crm_comm_sum_fast(t->comm, full, t->width, t->item, mpi_type(t));
}
