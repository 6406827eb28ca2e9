/* train_blame.c - which rows of a step are at fault: pieces of a lane are computed by themselves,
 * in the net of the first worker, and a piece that is at fault is halved until single rows are
 * left. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "train_engine.h"

typedef struct blame blame;
struct blame {
    const run *r;
    const blame_at *at;
    piece rows;
    double *loss; /* [heads] */
    /* Whether the rows in the batch, n of them, are at fault. */
    crm_status (*look)(blame *b, const crm_model_batch *mb, int64_t n, bool *bad);
    double median,
        least; /* of a spike: loss of a row that is none, excess of a row that is named */
    row_list *out;
};

/* Arrays of some rows where the net computes. */
static crm_status bring(blame *b, const int64_t *row, int64_t n, crm_model_batch *mb)
{
    const trainer *t = b->r->t;
    device_piece *to = &t->worker[0].rows;

    memcpy(b->rows.row_id, row, (size_t)n * sizeof *row);
    CRM_TRY(crm_piece_read(t->source, n, &b->rows));
    crm_piece_fill(t->map, &t->plan->heads, n, &b->rows);
    *mb =
        t->place.whole ? crm_device_piece_batch(to, &b->rows, 1, n) : crm_piece_batch(&b->rows, n);
    crm_run_batch(b->r, b->at->batch, mb);
    if (t->place.whole) CRM_TRY(crm_device_piece_upload(to, &b->rows, n));
    return crm_buf_zero(t->worker[0].device, b->at->grad,
                        (size_t)b->at->stride * sizeof *b->at->grad);
}

static crm_status look_finite(blame *b, const crm_model_batch *mb, int64_t n, bool *bad)
{
    char name[192];

    (void)n;
    CRM_TRY(crm_model_find_nonfinite(b->r->t->worker[0].model, mb, b->at->w, b->at->grad,
                                     b->at->stride, name, sizeof name));
    *bad = name[0] != '\0';
    return CRM_OK;
}

static crm_status look_excess(blame *b, const crm_model_batch *mb, int64_t n, bool *bad)
{
    double sum = 0;

    CRM_TRY(crm_model_forward_backward(b->r->t->worker[0].model, mb, b->at->w, b->at->grad,
                                       b->at->stride, b->loss));
    for (int h = 0; h < b->r->n_heads; h++)
        sum += b->loss[h];
    *bad = !(sum - (double)n * b->median < b->least);
    return CRM_OK;
}

static void add_row(row_list *l, int64_t row)
{
    if (l->n < BLAME_MAX)
        l->row[l->n++] = row;
    else
        l->more = true;
}

static crm_status search(blame *b, const int64_t *row, int64_t n)
{
    crm_model_batch mb;
    bool bad = false;

    if (n == 0 || b->out->more) return CRM_OK;
    CRM_TRY(bring(b, row, n, &mb));
    CRM_TRY(b->look(b, &mb, n, &bad));
    if (!bad) return CRM_OK;
    if (n == 1) {
        add_row(b->out, *row);
        return CRM_OK;
    }
    CRM_TRY(search(b, row, n / 2));
    return search(b, row + n / 2, n - n / 2);
}

/* Lane by lane, without its padding. */
static crm_status search_lanes(blame *b, const int64_t *row, int64_t n)
{
    const trainer *t = b->r->t;
    int64_t lane_rows = t->cfg->train.lane_rows;

    CRM_NEW(b->loss, b->r->n_heads);
    CRM_TRY(
        crm_piece_new(t->map, crm_source_schema(t->source), &t->plan->heads, lane_rows, &b->rows));
    for (int64_t i = 0; i < n; i += lane_rows) {
        int64_t k = 0;
        while (k < lane_rows && i + k < n && row[i + k] >= 0)
            k++;
        CRM_TRY(search(b, row + i, k));
    }
    return CRM_OK;
}

static crm_status blame_rows(blame *b, const int64_t *row, int64_t n)
{
    crm_status st;

    *b->out = (row_list){.n = 0};
    st = search_lanes(b, row, n);
    crm_piece_free(&b->rows);
    crm_mem_free(b->loss);
    return st;
}

crm_status crm_blame_nonfinite(const run *r, const blame_at *at, const int64_t *row, int64_t n,
                               row_list *out)
{
    blame b = {.r = r, .at = at, .look = look_finite, .out = out};

    return blame_rows(&b, row, n);
}

/* Lists of all ranks, whose lanes are in order, as one. */
static crm_status join(crm_comm *comm, row_list *list)
{
    const row_list *each;
    row_list out = {.n = 0};
    void *all = NULL;
    size_t bytes;

    CRM_TRY(crm_comm_allgather(comm, list, sizeof *list, &all, &bytes, NULL));
    each = all;
    for (int q = 0; q < crm_comm_size(comm); q++) {
        for (int i = 0; i < each[q].n; i++)
            add_row(&out, each[q].row[i]);
        out.more = out.more || each[q].more;
    }
    *list = out;
    crm_mem_free(all);
    return CRM_OK;
}

crm_status crm_blame_spike(const run *r, const blame_at *at, const int64_t *row, int64_t n,
                           double median, double excess, row_list *out)
{
    enum { SHARE = 16 };
    blame b = {.r = r,
               .at = at,
               .look = look_excess,
               .median = median / (double)at->batch->rows,
               .least = excess / SHARE,
               .out = out};
    crm_comm *comm = r->t->fit->comm;

    CRM_TRY(crm_comm_agree(comm, blame_rows(&b, row, n)));
    return join(comm, out);
}

void crm_blame_text(const row_list *l, char *out)
{
    int at = 0;

    out[0] = '\0';
    for (int i = 0; i < l->n && at < BLAME_TEXT; i++)
        at += snprintf(out + at, (size_t)(BLAME_TEXT - at), "%s%lld",
                       i > 0      ? ", "
                       : l->n > 1 ? " (rows "
                                  : " (row ",
                       (long long)l->row[i]);
    if (l->n > 0 && at < BLAME_TEXT)
        snprintf(out + at, (size_t)(BLAME_TEXT - at), "%s)", l->more ? " and more" : "");
}
