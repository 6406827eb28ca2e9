/* train_feed.c - batches: step s, lane l takes rows order[(s L + l) B ... + B) of the view; the
 * last short batch is padded with masked rows.  The scale of the loss is 1 / (sum of weights of the
 * valid labels of the GLOBAL batch), from integer counts. */
#include <string.h>

#include "crmpi/base_mem.h"
#include "crmpi/base_rng.h"
#include "train_impl.h"

static crm_status slot_new(const feed *f, batch *b)
{
    const crm_schema *s = crm_source_schema(f->t->source);
    int64_t n = f->n_lanes * f->t->cfg->train.lane_rows;

    CRM_NEW(b->num, n * s->n_num);
    CRM_NEW(b->cat, n * s->n_cat);
    CRM_NEW(b->label, n);
    CRM_NEW(b->row_id, n);
    CRM_NEW(b->pos, n);
    return CRM_OK;
}

static crm_status fill(feed *f)
{
    const crm_train_cfg *cfg = &f->t->cfg->train;
    const crm_comm *comm = f->t->fit->comm;
    int64_t end, batch_rows = cfg->lanes * cfg->lane_rows;

    crm_tree_range(cfg->lanes, crm_comm_rank(comm), crm_comm_size(comm), &f->first_lane, &end);
    f->n_lanes = end - f->first_lane;
    f->steps = (f->view->n + batch_rows - 1) / batch_rows;
    CRM_NEW(f->order, f->view->n);
    CRM_TRY(slot_new(f, &f->slot[0]));
    CRM_TRY(slot_new(f, &f->slot[1]));
    return crm_matrix_new(f->t->source, f->view, f->t->fit->pool, (size_t)cfg->cache_bytes,
                          (crm_matrix **)&f->matrix);
}

crm_status crm_feed_new(const trainer *t, const crm_view *view, feed **out)
{
    feed *f = NULL;
    crm_status st;

    *out = NULL;
    CRM_NEW(f, 1);
    f->t = t;
    f->view = view;
    f->label = crm_data_target(view->data, t->fit->target)->label;
    st = fill(f);
    if (st) crm_feed_free(&f);
    *out = f;
    return st;
}

void crm_feed_shuffle(feed *f, uint64_t seed, uint32_t epoch)
{
    crm_rng_permute(seed, CRM_RNG_SHUFFLE, epoch, f->view->n, f->order);
}

/* Sum over classes, in class order, of count x weight in rows [first, end) of the order. */
static double weight_sum(const feed *f, int64_t first, int64_t end)
{
    const float *weight = f->t->class_weight;
    double sum = 0;

    for (int c = 0; c < f->t->n_classes; c++) {
        int64_t count = 0;
        for (int64_t i = first; i < end; i++)
            count += f->label[f->view->row[f->order[i]]] == c;
        sum += (double)count * (weight ? (double)weight[c] : 1);
    }
    return sum;
}

crm_status crm_feed_load(void *ctx, int64_t step, int slot)
{
    feed *f = ctx;
    batch *b = &f->slot[slot];
    const crm_train_cfg *cfg = &f->t->cfg->train;
    int64_t start = step * cfg->lanes * cfg->lane_rows, n = f->n_lanes * cfg->lane_rows;
    int64_t mine = start + f->first_lane * cfg->lane_rows;
    int64_t end = start + cfg->lanes * cfg->lane_rows;
    double weights;

    if (end > f->view->n) end = f->view->n;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = mine + i, pos = at < end ? f->order[at] : -1;
        b->pos[i] = pos;
        b->row_id[i] = pos < 0 ? -1 : f->view->row[pos];
        b->label[i] = pos < 0 ? -1 : f->label[b->row_id[i]];
    }
    weights = weight_sum(f, start, end);
    b->scale = weights > 0 ? 1 / weights : 0;
    b->rows = end - start;
    return crm_matrix_read(f->matrix, b->pos, n, b->num, b->cat);
}

void crm_feed_free(feed **fp)
{
    feed *f = *fp;

    if (!f) return;
    crm_matrix_free((crm_matrix **)&f->matrix);
    for (int i = 0; i < 2; i++) {
        crm_mem_free(f->slot[i].num);
        crm_mem_free(f->slot[i].cat);
        crm_mem_free(f->slot[i].label);
        crm_mem_free(f->slot[i].row_id);
        crm_mem_free(f->slot[i].pos);
    }
    crm_mem_free(f->order);
    crm_mem_free(f);
    *fp = NULL;
}
