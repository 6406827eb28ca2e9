/* train_columns.c - numbers, codes and sparse entries of rows: those of a view stay in host memory
 * where they fit, else they are made at each read. */
#include <stdatomic.h>

#include "crmpi/base_mem.h"
#include "train_impl.h"

struct view_columns {
    const crm_source *source;
    const crm_view *view;
    crm_matrix *matrix;
    bool sparse;      /* the net has a wide part */
    int64_t n_leaves; /* of CRM_LEAF_ROWS rows */
    crm_sparse *leaf; /* [n_leaves] entries of the rows of each leaf; NULL: made at each read */
};

/* ---- sparse entries that stay ---- */

typedef struct keeper {
    view_columns *c;
    size_t limit;
    atomic_size_t bytes; /* of all leaves that are done */
} keeper;

static size_t bytes_of(const crm_sparse *s)
{
    return (size_t)s->room_rows * sizeof *s->first +
           (size_t)s->room * (sizeof *s->id + sizeof *s->value);
}

/* Nothing more once the limit is passed. */
static crm_status keep_leaf(void *ctx, int64_t number, int id)
{
    keeper *k = ctx;
    crm_sparse *s = &k->c->leaf[number];
    int64_t first, n;

    (void)id;
    if (atomic_load(&k->bytes) > k->limit) return CRM_OK;
    crm_leaf_rows(k->c->view->n, number, &first, &n);
    CRM_TRY(crm_source_read_sparse(k->c->source, k->c->view->row + first, n, s));
    atomic_fetch_add(&k->bytes, bytes_of(s));
    return CRM_OK;
}

static void free_leaves(view_columns *c)
{
    for (int64_t i = 0; c->leaf && i < c->n_leaves; i++)
        crm_sparse_free(&c->leaf[i]);
    crm_mem_free(c->leaf);
    c->leaf = NULL;
}

/* What the numbers and codes leave of the limit. */
static size_t left_of(const view_columns *c, size_t limit)
{
    const crm_schema *s = crm_source_schema(c->source);
    size_t bytes = (size_t)c->view->n * (size_t)(s->n_num + s->n_cat) * sizeof(float);
    const float *num;
    const int32_t *cat;

    if (!crm_matrix_kept(c->matrix, 0, &num, &cat)) return limit;
    return bytes < limit ? limit - bytes : 0;
}

static crm_status keep_sparse(view_columns *c, crm_pool *pool, size_t limit)
{
    keeper k = {.c = c, .limit = left_of(c, limit)};

    if (k.limit == 0) return CRM_OK;
    c->n_leaves = crm_leaf_count(c->view->n);
    CRM_NEW(c->leaf, c->n_leaves);
    CRM_TRY(crm_pool_run(pool, c->n_leaves, keep_leaf, &k));
    if (atomic_load(&k.bytes) > k.limit) free_leaves(c);
    return CRM_OK;
}

crm_status crm_view_columns_new(const trainer *t, const crm_view *v, view_columns **out)
{
    size_t limit = (size_t)t->cfg->train.cache_bytes;
    view_columns *c = NULL;
    crm_status st;

    *out = NULL;
    CRM_NEW(c, 1);
    c->source = t->source;
    c->view = v;
    c->sparse = t->plan->blocks.sparse > 0;
    st = crm_matrix_new(t->source, v, t->fit->pool, limit, &c->matrix);
    if (!st && c->sparse) st = keep_sparse(c, t->fit->pool, limit);
    if (st) crm_view_columns_free(&c);
    *out = c;
    return st;
}

void crm_view_columns_free(view_columns **cp)
{
    view_columns *c = *cp;

    if (!c) return;
    free_leaves(c);
    crm_matrix_free(&c->matrix);
    crm_mem_free(c);
    *cp = NULL;
}

/* ---- reads ---- */

static crm_status add_position(const view_columns *c, int64_t pos, crm_sparse *out)
{
    return crm_sparse_add_rows(out, &c->leaf[pos / CRM_LEAF_ROWS], pos % CRM_LEAF_ROWS, 1);
}

static crm_status read_sparse(const view_columns *c, int64_t n, const int64_t *pos,
                              const int64_t *row, crm_sparse *out)
{
    int64_t m = 0;

    while (m < n && pos[m] >= 0)
        m++;
    if (c->leaf) {
        crm_sparse_clear(out);
        for (int64_t i = 0; i < m; i++)
            CRM_TRY(add_position(c, pos[i], out));
    } else
        CRM_TRY(crm_source_read_sparse(c->source, row, m, out));
    for (int64_t i = m; i < n; i++) {
        CRM_ASSERT(pos[i] < 0);
        CRM_TRY(crm_sparse_end_row(out));
    }
    return CRM_OK;
}

crm_status crm_view_columns_read(const view_columns *c, int64_t n, piece *p)
{
    CRM_TRY(crm_matrix_read(c->matrix, p->pos, n, p->num, p->cat));
    return c->sparse ? read_sparse(c, n, p->pos, p->row_id, &p->blocks.sparse) : CRM_OK;
}

crm_status crm_view_columns_entries(const view_columns *c, int64_t first, int64_t n,
                                    crm_sparse *out)
{
    if (!c->leaf) return crm_source_read_sparse(c->source, c->view->row + first, n, out);
    crm_sparse_clear(out);
    for (int64_t i = first; i < first + n; i++)
        CRM_TRY(add_position(c, i, out));
    return CRM_OK;
}

crm_status crm_piece_read(const crm_source *in, int64_t n, piece *p)
{
    CRM_TRY(crm_source_read(in, p->row_id, n, p->num, p->cat));
    return p->blocks.sparse.first ? crm_source_read_sparse(in, p->row_id, n, &p->blocks.sparse)
                                  : CRM_OK;
}
