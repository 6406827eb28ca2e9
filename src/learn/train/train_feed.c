/* train_feed.c - batches: step s, lane l takes rows order[(s L + l) B ... + B) of the view; the
 * last short batch is padded with masked rows.  The scale of a head's loss is 1 / (sum of weights
 * of the valid labels of the GLOBAL batch), from integer counts, which the loader takes one step
 * ahead. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "train_impl.h"

/* ---- pieces ---- */

static crm_status labels_new(const blocks_map *m, const heads *hs, int64_t rows, piece *p)
{
    p->n_heads = hs->n;
    CRM_NEW(p->class, hs->n);
    CRM_NEW(p->value, hs->n);
    CRM_NEW(p->label, hs->n);
    for (int h = 0; h < hs->n; h++) {
        const crm_model_head *head = &hs->head[h];
        int64_t units = head->documents ? rows * m->max_docs : rows;
        if (head->kind == CRM_HEAD_CLASSES)
            CRM_NEW(p->class[h], units);
        else
            CRM_NEW(p->value[h], units * head->n_classes);
        p->label[h] = (crm_model_label){.class = p->class[h], .value = p->value[h]};
    }
    return CRM_OK;
}

crm_status crm_piece_new(const blocks_map *m, const crm_schema *s, const heads *hs, int64_t rows,
                         piece *p)
{
    CRM_NEW(p->num, rows * s->n_num);
    CRM_NEW(p->cat, rows * s->n_cat);
    CRM_NEW(p->row_id, rows);
    CRM_NEW(p->pos, rows);
    CRM_TRY(crm_block_rows_new(m, rows, &p->blocks));
    return hs ? labels_new(m, hs, rows, p) : CRM_OK;
}

void crm_piece_free(piece *p)
{
    crm_mem_free(p->num);
    crm_mem_free(p->cat);
    crm_mem_free(p->row_id);
    crm_mem_free(p->pos);
    crm_block_rows_free(&p->blocks);
    for (int h = 0; h < p->n_heads; h++) {
        if (p->class) crm_mem_free(p->class[h]);
        if (p->value) crm_mem_free(p->value[h]);
    }
    crm_mem_free(p->class);
    crm_mem_free(p->value);
    crm_mem_free(p->label);
    *p = (piece){0};
}

void crm_piece_fill(const blocks_map *m, const heads *hs, int64_t n, piece *p)
{
    crm_block_rows_fill(m, p->row_id, n, &p->blocks);
    for (int h = 0; h < p->n_heads; h++)
        crm_head_labels(hs, h, m, p->row_id, n, p->class[h], p -> value[h]);
}

crm_model_batch crm_piece_batch(const piece *p, int64_t n)
{
    return (crm_model_batch){.lanes = 1,
                             .lane_rows = n,
                             .num = p->num,
                             .cat = p->cat,
                             .monthly = p->blocks.monthly,
                             .event_first = p->blocks.event_first,
                             .category = p->blocks.category,
                             .event_value = p->blocks.event_value,
                             .doc_first = p->blocks.doc_first,
                             .token_first = p->blocks.token_first,
                             .token = p->blocks.token,
                             .sparse_first = p->blocks.sparse.first,
                             .sparse_id = p->blocks.sparse.id,
                             .sparse_value = p->blocks.sparse.value,
                             .label = p->label,
                             .row_id = p->row_id};
}

/* ---- slots ---- */

/* Rows that stay in device memory need but the places of each batch. */
static crm_status bare_piece(const blocks_map *m, int64_t rows, int n_heads, piece *p)
{
    p->n_heads = n_heads;
    CRM_NEW(p->row_id, rows);
    CRM_NEW(p->pos, rows);
    CRM_NEW(p->blocks.event_first, rows + 1);
    CRM_NEW(p->blocks.doc_first, rows + 1);
    CRM_NEW(p->blocks.token_first, rows * m->max_docs + 1);
    if (m->b->sparse) CRM_NEW(p->blocks.sparse.first, rows + 1);
    return CRM_OK;
}

static crm_status slot_new(const feed *f, batch *b)
{
    const trainer *t = f->t;
    int64_t rows = f->piece_rows;

    CRM_NEW(b->scale, t->plan->heads.n);
    CRM_NEW(b->piece, f->n_pieces);
    if (f->resident) {
        CRM_NEW(b->places, crm_resident_places(rows));
        return f->n_pieces ? bare_piece(t->map, rows, t->plan->heads.n, b->piece) : CRM_OK;
    }
    for (int64_t i = 0; i < f->n_pieces; i++)
        CRM_TRY(crm_piece_new(t->map, crm_source_schema(t->source), &t->plan->heads, rows,
                              &b->piece[i]));
    return CRM_OK;
}

static void slot_free(const feed *f, batch *b)
{
    for (int64_t i = 0; b->piece && i < f->n_pieces; i++)
        crm_piece_free(&b->piece[i]);
    crm_mem_free(b->piece);
    crm_mem_free(b->places);
    crm_mem_free(b->scale);
}

static crm_status slots_new(feed *f)
{
    size_t start = crm_mem_used();

    CRM_TRY(slot_new(f, &f->slot[0]));
    CRM_TRY(slot_new(f, &f->slot[1]));
    f->slot_bytes = crm_mem_used() - start;
    return CRM_OK;
}

/* Columns of the view in host memory, or all that the net sees of it in device memory. */
static crm_status rows_new(feed *f)
{
    const trainer *t = f->t;
    size_t start = crm_mem_used();

    CRM_TRY(crm_view_columns_new(t, f->view, &f->columns));
    CRM_TRY(crm_resident_new(t, "training", f->view, f->columns, &f->resident));
    if (f->resident) crm_view_columns_free(&f->columns);
    f->columns_bytes = crm_mem_used() - start;
    return CRM_OK;
}

/* Lanes of this rank. */
static void deal_lanes(feed *f)
{
    const crm_train_cfg *cfg = &f->t->cfg->train;
    const crm_comm *comm = f->t->fit->comm;
    bool whole = f->t->place.whole;
    int64_t end;

    crm_tree_range(cfg->lanes, crm_comm_rank(comm), crm_comm_size(comm), &f->first_lane, &end);
    f->n_lanes = end - f->first_lane;
    f->n_pieces = whole && f->n_lanes > 1 ? 1 : f->n_lanes;
    f->piece_rows = whole ? f->n_lanes * cfg->lane_rows : cfg->lane_rows;
}

static crm_status fill(feed *f)
{
    const crm_train_cfg *cfg = &f->t->cfg->train;
    int64_t batch_rows = cfg->lanes * cfg->lane_rows;

    deal_lanes(f);
    f->steps = (f->view->n + batch_rows - 1) / batch_rows;
    CRM_NEW(f->order, f->view->n);
    CRM_NEW(f->row, batch_rows);
    CRM_NEW(f->count, f->t->plan->heads.most);
    CRM_TRY(rows_new(f));
    return slots_new(f);
}

crm_status crm_feed_new(const trainer *t, const crm_view *view, feed **out)
{
    feed *f = NULL;
    crm_status st;

    *out = NULL;
    CRM_NEW(f, 1);
    f->t = t;
    f->view = view;
    st = fill(f);
    if (st) crm_feed_free(&f);
    *out = f;
    return st;
}

void crm_feed_shuffle(feed *f, uint64_t seed, uint32_t epoch)
{
    crm_rng_permute(seed, CRM_RNG_SHUFFLE, epoch, f->view->n, f->order);
}

/* Scales of all heads from the rows [start, end) of the order. */
static void count_batch(feed *f, int64_t start, int64_t end, batch *b)
{
    const heads *hs = &f->t->plan->heads;

    for (int64_t i = start; i < end; i++)
        f->row[i - start] = f->view->row[f->order[i]];
    for (int h = 0; h < hs->n; h++) {
        double weight;
        crm_head_count(hs, h, f->t->map, f->row, end - start, f->count);
        weight = crm_head_weight(hs, h, f->count);
        b->scale[h] = weight > 0 ? 1 / weight : 0;
    }
    b->rows = end - start;
}

/* Rows from position `mine` of the order on, as far as `end`. */
static crm_status fill_piece(const feed *f, int64_t mine, int64_t end, batch *b, piece *p)
{
    int64_t n = f->piece_rows;

    for (int64_t i = 0; i < n; i++) {
        p->pos[i] = mine + i < end ? f->order[mine + i] : -1;
        p->row_id[i] = p->pos[i] < 0 ? -1 : f->view->row[p->pos[i]];
    }
    if (f->resident) {
        crm_resident_place(f->resident, p->pos, n, &p->blocks, b->places);
        return CRM_OK;
    }
    crm_piece_fill(f->t->map, &f->t->plan->heads, n, p);
    return crm_view_columns_read(f->columns, n, p);
}

crm_status crm_feed_load(void *ctx, int64_t step, int slot)
{
    feed *f = ctx;
    batch *b = &f->slot[slot];
    const crm_train_cfg *cfg = &f->t->cfg->train;
    int64_t start = step * cfg->lanes * cfg->lane_rows, end = start + cfg->lanes * cfg->lane_rows;
    int64_t mine = start + f->first_lane * cfg->lane_rows;

    if (end > f->view->n) end = f->view->n;
    count_batch(f, start, end, b);
    for (int64_t i = 0; i < f->n_pieces; i++)
        CRM_TRY(fill_piece(f, mine + i * f->piece_rows, end, b, &b->piece[i]));
    return CRM_OK;
}

void crm_feed_free(feed **fp)
{
    feed *f = *fp;

    if (!f) return;
    crm_view_columns_free(&f->columns);
    slot_free(f, &f->slot[0]);
    slot_free(f, &f->slot[1]);
    crm_resident_free(&f->resident);
    crm_mem_free(f->order);
    crm_mem_free(f->row);
    crm_mem_free(f->count);
    crm_mem_free(f);
    *fp = NULL;
}
