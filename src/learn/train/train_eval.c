/* train_eval.c - loss and accuracy of a net on a view: leaves of CRM_LEAF_ROWS rows, exact tree
 * sum. */
#include "crmpi/base_mem.h"
#include "train_impl.h"

/* Sums of one leaf. */
enum { SUM_LOSS, SUM_WEIGHT, SUM_RIGHT, SUM_COUNT };

typedef struct evaluation {
    trainer *t;
    const crm_view *view;
    const crm_matrix *matrix;
    const float *w;
    batch *scratch; /* [n_workers], rows of one lane */
    double **proba; /* [n_workers][lane_rows * n_classes] */
} evaluation;

static int argmax(const double *p, int k)
{
    int best = 0;

    for (int c = 1; c < k; c++)
        if (p[c] > p[best]) best = c;
    return best;
}

/* n rows from position first of the view; adds to sum. */
static crm_status add_rows(evaluation *e, int id, int64_t first, int64_t n, double *sum)
{
    batch *b = &e->scratch[id];
    const int32_t *label = crm_data_target(e->view->data, e->t->fit->target)->label;
    const float *weight = e->t->class_weight;
    double one = 1, loss = 0;
    crm_model_batch mb = {.lanes = 1,
                          .lane_rows = n,
                          .num = b->num,
                          .cat = b->cat,
                          .label = (const int32_t *const[]){b->label},
                          .scale = &one,
                          .row_id = b->row_id};

    for (int64_t i = 0; i < n; i++) {
        b->pos[i] = first + i;
        b->label[i] = label[e->view->row[first + i]];
        sum[SUM_WEIGHT] += weight ? (double)weight[b->label[i]] : 1;
    }
    CRM_TRY(crm_matrix_read(e->matrix, b->pos, n, b->num, b->cat));
    CRM_TRY(crm_model_loss(e->t->worker[id].model, &mb, e->w, &loss));
    sum[SUM_LOSS] += loss;
    CRM_TRY(crm_model_predict(e->t->worker[id].model, &mb, e->w, &e->proba[id]));
    for (int64_t i = 0; i < n; i++)
        sum[SUM_RIGHT] +=
            argmax(e->proba[id] + i * e->t->n_classes, e->t->n_classes) == b->label[i];
    return CRM_OK;
}

static crm_status leaf(void *ctx, int64_t number, int id, void *out)
{
    evaluation *e = ctx;
    int64_t first, n, step = e->t->cfg->train.lane_rows;

    crm_leaf_rows(e->view->n, number, &first, &n);
    for (int64_t i = 0; i < n; i += step)
        CRM_TRY(add_rows(e, id, first + i, n - i < step ? n - i : step, out));
    return CRM_OK;
}

static crm_status scratch_new(evaluation *e)
{
    const crm_schema *s = crm_source_schema(e->t->source);
    int64_t rows = e->t->cfg->train.lane_rows;

    CRM_NEW(e->scratch, e->t->n_workers);
    CRM_NEW(e->proba, e->t->n_workers);
    for (int i = 0; i < e->t->n_workers; i++) {
        batch *b = &e->scratch[i];
        CRM_NEW(b->num, rows * s->n_num);
        CRM_NEW(b->cat, rows * s->n_cat);
        CRM_NEW(b->label, rows);
        CRM_NEW(b->pos, rows);
        CRM_NEW(e->proba[i], rows * e->t->n_classes);
    }
    return CRM_OK;
}

static void scratch_free(evaluation *e)
{
    for (int i = 0; e->scratch && i < e->t->n_workers; i++) {
        crm_mem_free(e->scratch[i].num);
        crm_mem_free(e->scratch[i].cat);
        crm_mem_free(e->scratch[i].label);
        crm_mem_free(e->scratch[i].pos);
        if (e->proba) crm_mem_free(e->proba[i]);
    }
    crm_mem_free(e->scratch);
    crm_mem_free(e->proba);
}

crm_status crm_train_evaluate(trainer *t, const crm_view *view, const crm_matrix *m, const float *w,
                              double *loss, double *accuracy)
{
    evaluation e = {.t = t, .view = view, .matrix = m, .w = w};
    double sum[SUM_COUNT] = {0};
    crm_status st = crm_comm_agree(t->fit->comm, scratch_new(&e));

    if (!st)
        st = crm_tree_sum_once(t->fit->comm, t->fit->pool, crm_leaf_count(view->n), SUM_COUNT, leaf,
                               &e, sum);
    scratch_free(&e);
    *loss = sum[SUM_WEIGHT] > 0 ? sum[SUM_LOSS] / sum[SUM_WEIGHT] : 0;
    *accuracy = view->n > 0 ? sum[SUM_RIGHT] / (double)view->n : 0;
    return st;
}
