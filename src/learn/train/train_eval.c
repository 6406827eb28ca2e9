/* train_eval.c - losses of all heads and accuracy of the first one on a view: leaves of
 * CRM_LEAF_ROWS rows, exact tree sum. */
#include <math.h>

#include "crmpi/base_mem.h"
#include "train_impl.h"

/* Sums of one leaf: of each head its loss and the weight of its labels; rows that the first head
 * gets right. */
enum { SUM_LOSS, SUM_WEIGHT, SUM_HEAD };

static const char watched[] = "the validation part was evaluated (gpu.timeout)";

/* What one worker needs. */
typedef struct scratch {
    piece rows;              /* of one call */
    double *proba, **probas; /* of the first head; [heads], NULL but for that */
    int64_t *places;         /* of rows that stay in the device; NULL: none do */
    double *loss;            /* [lanes of a call][heads] */
    int64_t *count;          /* [most classes] */
} scratch;

typedef struct evaluation {
    trainer *t;
    const heads *heads;
    const crm_view *view;
    const view_columns *columns;
    const resident *resident;
    const float *w;              /* where the net computes */
    int64_t lane_rows, max_rows; /* of a lane, of a call */
    double *scale;               /* [heads] undoes the heads' weights */
    scratch *scratch;            /* [n_workers] */
} evaluation;

static int argmax(const double *p, int k)
{
    int best = 0;

    for (int c = 1; c < k; c++)
        if (p[c] > p[best]) best = c;
    return best;
}

/* n rows from position first of the view, then padding. */
static crm_status read_rows(const evaluation *e, int64_t first, int64_t n, int64_t padded,
                            scratch *s)
{
    piece *p = &s->rows;

    for (int64_t i = 0; i < padded; i++) {
        p->pos[i] = i < n ? first + i : -1;
        p->row_id[i] = i < n ? e->view->row[first + i] : -1;
    }
    if (e->resident) {
        crm_resident_place(e->resident, p->pos, padded, &p->blocks, s->places);
        return CRM_OK;
    }
    crm_piece_fill(e->t->map, e->heads, padded, p);
    return crm_view_columns_read(e->columns, padded, p);
}

static crm_status make_batch(const evaluation *e, int id, int64_t lanes, int64_t lane_rows,
                             crm_model_batch *b)
{
    worker *w = &e->t->worker[id];
    const scratch *s = &e->scratch[id];
    const piece *p = &s->rows;
    int64_t n = lanes * lane_rows;

    if (!e->t->place.whole) {
        *b = crm_piece_batch(p, lane_rows);
        return CRM_OK;
    }
    *b = crm_device_piece_batch(&w->rows, p, lanes, lane_rows);
    if (!e->resident) return crm_device_piece_upload(&w->rows, p, n);
    CRM_TRY(crm_resident_upload(e->resident, n, s->places, w->places));
    return crm_resident_gather(e->resident, n, w->places, p, &w->rows);
}

/* Rows of one call: lanes of lane_rows, the last padded, or fewer rows alone.  Adds to sum lane by
 * lane, so that the number of lanes changes nothing. */
static crm_status add_rows(evaluation *e, int id, int64_t first, int64_t n, double *sum)
{
    scratch *s = &e->scratch[id];
    int k = e->heads->head[0].n_classes, n_heads = e->heads->n;
    int64_t lanes = (n + e->lane_rows - 1) / e->lane_rows, rows = lanes > 1 ? e->lane_rows : n;
    const int32_t *label = e->heads->target[0]->label;
    crm_model_batch b;

    CRM_TRY(read_rows(e, first, n, lanes * rows, s));
    CRM_TRY(make_batch(e, id, lanes, rows, &b));
    b.scale = e->scale;
    CRM_TRY(crm_model_loss(e->t->worker[id].model, &b, e->w, s->loss, s->probas));
    for (int64_t l = 0; l < lanes; l++)
        for (int h = 0; h < n_heads; h++) {
            crm_head_count(e->heads, h, e->t->map, s->rows.row_id + l * rows, rows, s->count);
            sum[SUM_HEAD * h + SUM_LOSS] += s->loss[l * n_heads + h];
            sum[SUM_HEAD * h + SUM_WEIGHT] += crm_head_weight(e->heads, h, s->count);
        }
    for (int64_t i = 0; i < n; i++)
        sum[SUM_HEAD * n_heads] += argmax(s->proba + i * k, k) == label[s->rows.row_id[i]];
    return CRM_OK;
}

static crm_status leaf(void *ctx, int64_t number, int id, void *out)
{
    evaluation *e = ctx;
    int64_t first, n, step = e->max_rows;

    crm_train_watch(e->t, watched); /* where that does anything, the main thread is here */
    crm_leaf_rows(e->view->n, number, &first, &n);
    for (int64_t i = 0; i < n; i += step)
        CRM_TRY(add_rows(e, id, first + i, n - i < step ? n - i : step, out));
    return CRM_OK;
}

static crm_status scratch_new(evaluation *e)
{
    const crm_schema *s = crm_source_schema(e->t->source);
    int64_t rows = e->max_rows;

    CRM_NEW(e->scratch, e->t->n_workers);
    for (int i = 0; i < e->t->n_workers; i++) {
        scratch *c = &e->scratch[i];
        CRM_TRY(crm_piece_new(e->t->map, s, e->heads, rows, &c->rows));
        CRM_NEW(c->proba, rows * e->heads->head[0].n_classes);
        if (e->resident) CRM_NEW(c->places, crm_resident_places(rows));
        CRM_NEW(c->probas, e->heads->n);
        c->probas[0] = c->proba;
        CRM_NEW(c->loss, e->heads->n * (rows / e->lane_rows));
        CRM_NEW(c->count, e->heads->most);
    }
    return CRM_OK;
}

static void scratch_free(evaluation *e)
{
    for (int i = 0; e->scratch && i < e->t->n_workers; i++) {
        crm_piece_free(&e->scratch[i].rows);
        crm_mem_free(e->scratch[i].proba);
        crm_mem_free(e->scratch[i].places);
        crm_mem_free(e->scratch[i].probas);
        crm_mem_free(e->scratch[i].loss);
        crm_mem_free(e->scratch[i].count);
    }
    crm_mem_free(e->scratch);
}

/* Weights to where the net computes. */
static crm_status send_weights(evaluation *e, const float *w)
{
    worker *to = &e->t->worker[0];

    e->w = e->t->place.whole ? to->w : w;
    if (!e->t->place.whole) return CRM_OK;
    return crm_buf_upload(to->device, to->w, w, (size_t)e->t->size * sizeof *w);
}

static crm_status begin(evaluation *e, const float *w, double **sum)
{
    CRM_TRY(send_weights(e, w));
    CRM_NEW(*sum, SUM_HEAD * e->heads->n + 1);
    CRM_NEW(e->scale, e->heads->n);
    for (int h = 0; h < e->heads->n; h++)
        e->scale[h] = e->heads->head[h].weight > 0 ? 1 / e->heads->head[h].weight : 0;
    return scratch_new(e);
}

static void finish(const evaluation *e, const double *sum, double *loss, double *accuracy)
{
    for (int h = 0; h < e->heads->n; h++) {
        double weight = sum[SUM_HEAD * h + SUM_WEIGHT];
        loss[h] = weight > 0 ? sum[SUM_HEAD * h + SUM_LOSS] / weight : (double)NAN;
    }
    *accuracy = e->view->n > 0 ? sum[SUM_HEAD * e->heads->n] / (double)e->view->n : 0;
}

crm_status crm_train_evaluate(trainer *t, const kept_view *rows, const float *w, double *loss,
                              double *accuracy)
{
    evaluation e = {.t = t,
                    .heads = &t->plan->heads,
                    .view = rows->view,
                    .columns = rows->columns,
                    .resident = rows->resident,
                    .lane_rows = t->cfg->train.lane_rows,
                    .max_rows = t->worker[0].max_rows};
    double *sum = NULL;
    crm_status st = CRM_OK;

    crm_train_watch(t, watched);
    crm_range_push(t->worker[0].device, "evaluate");
    st = crm_comm_agree(t->fit->comm, begin(&e, w, &sum));

    if (!st)
        st = crm_tree_sum_once(t->fit->comm, t->pool, crm_leaf_count(e.view->n),
                               SUM_HEAD * e.heads->n + 1, leaf, &e, sum);
    if (!st) finish(&e, sum, loss, accuracy);
    crm_range_pop(t->worker[0].device);
    scratch_free(&e);
    crm_mem_free(e.scale);
    crm_mem_free(sum);
    return st;
}

crm_status crm_kept_view_new(const trainer *t, const crm_view *view, kept_view *k)
{
    k->view = view;
    CRM_TRY(crm_view_columns_new(t, view, &k->columns));
    CRM_TRY(crm_resident_new(t, "validation", view, k->columns, &k->resident));
    if (k->resident) crm_view_columns_free(&k->columns);
    return CRM_OK;
}

void crm_kept_view_free(kept_view *k)
{
    crm_view_columns_free(&k->columns);
    crm_resident_free(&k->resident);
    *k = (kept_view){.view = NULL};
}
