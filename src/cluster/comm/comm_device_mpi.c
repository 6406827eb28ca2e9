/* comm_device_mpi.c - sums in device memory through MPI: down to host memory, over, and up again.
 *
 * A device whose buffers are host memory needs no copies: MPI reads and writes them where they are.
 * Messages between two ranks have one tag and are matched in order: buckets, then subtrees. */
#include "comm_device_impl.h"
#include "crmpi/base_mem.h"

static int foreign_trees(const crm_dsum *t)
{
    return t->n_slots - t->n_trees;
}

crm_status crm_dsum_mpi_new(crm_dsum *t)
{
    int64_t messages = (int64_t)foreign_trees(t) + (int64_t)t->n_trees * t->comm->size;

    CRM_NEW(t->req, messages * t->n_buckets + 1);
    CRM_NEW(t->count, t->comm->size);
    CRM_NEW(t->offset, t->comm->size);
    if (crm_device_is_host(t->d)) return CRM_OK;
    CRM_NEW(t->out, t->n_trees * t->cfg.width + 1);
    CRM_NEW(t->in, foreign_trees(t) * t->inbox_stride + 1);
    CRM_NEW(t->whole, (t->cfg.width + 1) / 2 + 1);
    return CRM_OK;
}

void crm_dsum_mpi_free(crm_dsum *t)
{
    crm_mem_free(t->req);
    crm_mem_free(t->count);
    crm_mem_free(t->offset);
    crm_mem_free(t->out);
    crm_mem_free(t->in);
    crm_mem_free(t->whole);
}

static size_t bytes_of(int64_t n)
{
    return (size_t)n * sizeof(float);
}

/* ---- subtrees to the owners of their pieces ---- */

/* Subtree i of this rank in host memory. */
static float *tree_here(const crm_dsum *t, int i)
{
    return t->out ? t->out + i * t->cfg.width : t->leaf[t->tree[i]];
}

static crm_status download(crm_dsum *t)
{
    if (!t->out) return crm_device_sync(t->d);
    for (int i = 0; i < t->n_trees; i++)
        CRM_TRY(
            crm_buf_download(t->d, t->leaf[t->tree[i]], tree_here(t, i), bytes_of(t->cfg.width)));
    return CRM_OK;
}

static crm_status receive_bucket(crm_dsum *t, int k, int *n)
{
    int me = t->comm->rank, foreign = 0;
    dsum_bucket b = crm_dsum_bucket(t, k);
    int count = (int)crm_dsum_part(&b, me).n;

    for (int q = 0; q < t->comm->size && count > 0; q++)
        for (int i = t->first_slot[q]; q != me && i < t->first_slot[q + 1]; i++)
            CRM_TRY(crm_comm_check(
                MPI_Irecv(crm_dsum_letter(t, t->in ? t->in : t->inbox, foreign++, k), count,
                          MPI_FLOAT, q, TAG_DSUM, t->comm->mpi, &t->req[(*n)++]),
                "MPI_Irecv"));
    return CRM_OK;
}

static crm_status send_bucket(crm_dsum *t, int k, int *n)
{
    int me = t->comm->rank, size = t->comm->size;
    dsum_bucket b = crm_dsum_bucket(t, k);

    for (int d = 1; d < size; d++) { /* each begins with another one, so that none is flooded */
        int q = (me + d) % size;
        crm_dsum_piece p = crm_dsum_part(&b, q);
        for (int i = 0; i < t->n_trees && p.n > 0; i++)
            CRM_TRY(crm_comm_check(MPI_Isend(tree_here(t, i) + p.first, (int)p.n, MPI_FLOAT, q,
                                             TAG_DSUM, t->comm->mpi, &t->req[(*n)++]),
                                   "MPI_Isend"));
    }
    return CRM_OK;
}

static crm_status swap(crm_dsum *t)
{
    int n = 0;

    for (int k = 0; k < t->n_buckets; k++)
        CRM_TRY(receive_bucket(t, k, &n));
    for (int k = 0; k < t->n_buckets; k++)
        CRM_TRY(send_bucket(t, k, &n));
    return CRM_COMM_WAIT(MPI_Waitall(n, t->req, MPI_STATUSES_IGNORE), "MPI_Waitall");
}

static crm_status add_up(crm_dsum *t)
{
    int64_t items = foreign_trees(t) * t->inbox_stride;

    if (t->in) CRM_TRY(crm_buf_upload(t->d, t->inbox, t->in, bytes_of(items)));
    for (int k = 0; k < t->n_buckets; k++)
        CRM_TRY(crm_dsum_finish_bucket(t, k));
    return CRM_OK;
}

crm_status crm_dsum_mpi_exchange(crm_dsum *t)
{
    CRM_TRY(crm_comm_agree(t->comm, download(t)));
    CRM_TRY(swap(t));
    return crm_comm_agree(t->comm, add_up(t));
}

/* ---- pieces to all ---- */

/* The items of v that this rank owns in a bucket, by their number. */
static crm_dsum_piece items_of(const dsum_view *v, crm_dsum_piece p)
{
    return (crm_dsum_piece){p.first / v->per, crm_dsum_items(v, p.n)};
}

static crm_status download_pieces(crm_dsum *t, const dsum_view *v, char *host)
{
    for (int i = 0; i < t->n_pieces; i++) {
        crm_dsum_piece p = items_of(v, t->piece[i]);
        size_t at = (size_t)p.first * v->item;
        CRM_TRY(crm_buf_download(t->d, v->at + at, host + at, (size_t)p.n * v->item));
    }
    return CRM_OK;
}

static crm_status spread_bucket(crm_dsum *t, const dsum_view *v, char *host, int k)
{
    dsum_bucket b = crm_dsum_bucket(t, k);
    int64_t first = b.first / v->per;
    char *at = host + (size_t)first * v->item;

    if (b.n <= b.part) /* all of it is rank 0's */
        return crm_comm_bcast(t->comm, 0, at, (size_t)crm_dsum_items(v, b.n) * v->item);
    for (int q = 0; q < t->comm->size; q++) {
        crm_dsum_piece p = items_of(v, crm_dsum_part(&b, q));
        t->count[q] = (int)((size_t)p.n * v->item);
        t->offset[q] = p.n > 0 ? (int)((size_t)(p.first - first) * v->item) : 0;
    }
    return CRM_COMM_WAIT(
        MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, at, t->count, t->offset, MPI_BYTE, t->comm->mpi),
        "MPI_Allgatherv");
}

static crm_status spread(crm_dsum *t, const dsum_view *v, char *host)
{
    for (int k = 0; k < t->n_buckets; k++)
        CRM_TRY(spread_bucket(t, v, host, k));
    return CRM_OK;
}

crm_status crm_dsum_mpi_gather(crm_dsum *t, const dsum_view *v)
{
    char *host = t->whole ? (char *)t->whole : v->at;
    size_t bytes = (size_t)crm_dsum_items(v, t->cfg.width) * v->item;
    crm_status st = CRM_OK;

    if (t->whole) st = download_pieces(t, v, host);
    CRM_TRY(crm_comm_agree(t->comm, st));
    CRM_TRY(spread(t, v, host));
    return t->whole ? crm_comm_agree(t->comm, crm_buf_upload(t->d, v->at, host, bytes)) : CRM_OK;
}

/* ---- the fast sum ---- */

crm_status crm_dsum_mpi_sum(crm_dsum *t)
{
    size_t bytes = bytes_of(t->cfg.width);
    float *host = t->whole ? (float *)(void *)t->whole : t->sum;
    crm_status st = t->whole ? crm_buf_download(t->d, t->sum, host, bytes) : CRM_OK;

    CRM_TRY(crm_comm_agree(t->comm, st));
    CRM_TRY(crm_comm_sum_fast(t->comm, host, t->cfg.width, sizeof *host, MPI_FLOAT));
    return t->whole ? crm_comm_agree(t->comm, crm_buf_upload(t->d, t->sum, host, bytes)) : CRM_OK;
}
