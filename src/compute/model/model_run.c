/* model_run.c - passes of a batch through the hybrid net. */
#include "model_impl.h"

#include "crmpi/base_mem.h"

/* Bind the batch to the inputs; the pass that the net needs. */
static crm_pass bind(crm_model *m, const crm_model_batch *b, const float *w)
{
    for (const model_branch *k = model_branches; k->name; k++)
        if (k->present(m)) k->bind(m, b);
    return (crm_pass){.n = b->lanes * b->lane_rows,
                      .w = w,
                      .lanes = {.n = b->lanes, .rows = b->lane_rows},
                      .seed = b->seed,
                      .epoch = b->epoch,
                      .row_id = b->row_id};
}

static crm_status losses(crm_model *m, const crm_model_batch *b, const crm_pass *p, double *loss)
{
    for (int h = 0; h < m->n_heads; h++)
        m->head_loss[h] =
            (crm_head_loss){.label = b->label[h], .scale = m->weight[h] * b->scale[h]};
    return crm_net_loss(m->net, p, m->head_loss, loss);
}

static crm_pass training_pass(crm_model *m, const crm_model_batch *b, const float *w, float *grad,
                              int64_t stride)
{
    crm_pass p = bind(m, b, w);

    p.training = true;
    p.grad = grad;
    p.lanes.stride = stride;
    return p;
}

crm_status crm_model_forward_backward(crm_model *m, const crm_model_batch *b, const float *w,
                                      float *grad, int64_t stride, double *loss)
{
    crm_pass p = training_pass(m, b, w, grad, stride);

    CRM_TRY(crm_net_forward(m->net, &p));
    CRM_TRY(losses(m, b, &p, loss));
    return crm_net_backward(m->net, &p);
}

crm_status crm_model_loss(crm_model *m, const crm_model_batch *b, const float *w, double *loss)
{
    crm_pass p = bind(m, b, w);

    CRM_TRY(crm_net_forward(m->net, &p));
    return losses(m, b, &p, loss);
}

/* Probabilities of one head; a single one is that of class 1. */
static crm_status head_proba(crm_model *m, int h, int64_t n, double *out)
{
    int64_t k = m->n_classes[h] == 2 ? 1 : m->n_classes[h];

    CRM_TRY(crm_net_proba(m->net, h, n, m->proba));
    CRM_TRY(crm_device_sync(m->device));
    CRM_TRY(crm_buf_download(m->device, m->proba, m->host_proba,
                             (size_t)(n * k) * sizeof *m->host_proba));
    for (int64_t i = 0; i < n * k; i++) {
        double p = (double)m->host_proba[i];

        if (k == 1) out[2 * i] = 1 - p;
        out[k == 1 ? 2 * i + 1 : i] = p;
    }
    return CRM_OK;
}

crm_status crm_model_predict(crm_model *m, const crm_model_batch *b, const float *w,
                             double *const *proba)
{
    crm_pass p = bind(m, b, w);

    CRM_TRY(crm_net_forward(m->net, &p));
    for (int h = 0; h < m->n_heads; h++)
        CRM_TRY(head_proba(m, h, p.n, proba[h]));
    return CRM_OK;
}

crm_status crm_model_fused(crm_model *m, const crm_model_batch *b, const float *w, float *out)
{
    crm_pass p = bind(m, b, w);
    crm_tensor t = crm_net_tensor(m->net, m->fused);

    CRM_TRY(crm_net_forward(m->net, &p));
    CRM_TRY(crm_device_sync(m->device));
    return crm_buf_download(m->device, t.data, out, (size_t)(p.n * t.ld) * sizeof *out);
}

crm_status crm_model_find_nonfinite(crm_model *m, const crm_model_batch *b, const float *w,
                                    float *grad, int64_t stride, char *name, size_t cap)
{
    crm_pass p = training_pass(m, b, w, grad, stride);
    crm_status st = CRM_OK;
    double *loss;

    CRM_NEW(loss, b->lanes * m->n_heads);
    CRM_TRY_TO(st, done, crm_model_forward_backward(m, b, w, grad, stride, loss));
    CRM_TRY_TO(st, done, crm_net_find_nonfinite(m->net, &p, name, cap));
done:
    crm_mem_free(loss);
    return st;
}
