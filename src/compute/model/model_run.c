/* model_run.c - passes of a batch through the hybrid net. */
#include <math.h>
#include <stdio.h>

#include "model_impl.h"

#include "crmpi/base_mem.h"

/* Labels are smoothed in training only: losses that are compared are those of the labels. */
static void set_losses(crm_model *m, const crm_model_batch *b, bool training)
{
    for (int h = 0; h < m->n_heads; h++) {
        m->head_loss[h] = (crm_head_loss){.label = b->label[h].class, .value = b->label[h].value};
        if (training) m->head_loss[h].smooth = m->head[h].smooth;
        if (b->scale_at)
            m->head_loss[h].scale_at = b->scale_at + h;
        else
            m->head_loss[h].scale = m->head[h].weight * b->scale[h];
    }
}

static crm_status losses(crm_model *m, const crm_model_batch *b, const crm_pass *p, double *loss)
{
    set_losses(m, b, p->training);
    return crm_net_loss(m->net, p, m->head_loss, loss);
}

static crm_status training_pass(crm_model *m, const crm_model_batch *b, const float *w, float *grad,
                                int64_t stride, crm_pass *p)
{
    CRM_TRY(model_bind(m, b, w, true, p));
    p->grad = grad;
    p->lanes.stride = stride;
    return CRM_OK;
}

crm_status crm_model_forward_backward(crm_model *m, const crm_model_batch *b, const float *w,
                                      float *grad, int64_t stride, double *loss)
{
    crm_pass p;

    CRM_TRY(training_pass(m, b, w, grad, stride, &p));
    CRM_TRY(crm_net_forward(m->net, &p));
    CRM_TRY(losses(m, b, &p, loss));
    return crm_net_backward(m->net, &p);
}

crm_status crm_model_bind(crm_model *m, const crm_model_batch *b, const float *w, float *grad,
                          int64_t stride)
{
    CRM_TRY(training_pass(m, b, w, grad, stride, &m->pass));
    set_losses(m, b, true);
    return model_key(m, b);
}

crm_status crm_model_run(crm_model *m, crm_status (*ready)(void *ctx, int64_t upto), void *ctx)
{
    crm_pass *p = &m->pass;

    p->ready = ready;
    p->ready_ctx = ctx;
    CRM_TRY(crm_net_forward(m->net, p));
    CRM_TRY(crm_net_loss(m->net, p, m->head_loss, NULL));
    return crm_net_backward(m->net, p);
}

crm_tensor crm_model_losses(const crm_model *m)
{
    return crm_net_losses(m->net);
}

/* Probabilities or numbers of one head; a single probability is that of class 1. */
static crm_status head_proba(crm_model *m, int h, int64_t n, double *out)
{
    const model_head *head = &m->head[h];
    int64_t cells = n * head->width;
    bool single = head->kind == CRM_HEAD_CLASSES && head->width == 1;

    CRM_TRY(crm_net_proba(m->net, h, n, m->proba));
    CRM_TRY(crm_device_sync(m->device));
    CRM_TRY(crm_buf_download(m->device, m->proba, m->host_proba,
                             (size_t)cells * sizeof *m->host_proba));
    for (int64_t i = 0; i < cells; i++) {
        double p = (double)m->host_proba[i];

        if (single) out[2 * i] = 1 - p;
        out[single ? 2 * i + 1 : i] = p;
    }
    return CRM_OK;
}

crm_status crm_model_logits(crm_model *m, const crm_model_batch *b, const float *w, int head,
                            float *out)
{
    crm_tensor z = crm_net_tensor(m->net, crm_net_head_value(m->net, head));
    crm_pass p;

    CRM_TRY(model_bind(m, b, w, false, &p));
    CRM_TRY(crm_net_forward(m->net, &p));
    CRM_TRY(crm_device_sync(m->device));
    z.dim[0] = m->head[head].documents ? m->docs.n : p.n;
    return crm_buf_download(m->device, z.data, out, (size_t)(z.dim[0] * z.ld) * sizeof *out);
}

/* Probabilities of the heads that are wanted, after a forward pass. */
static crm_status probas(crm_model *m, const crm_pass *p, double *const *proba)
{
    for (int h = 0; h < m->n_heads; h++)
        if (proba[h]) CRM_TRY(head_proba(m, h, m->head[h].documents ? m->docs.n : p->n, proba[h]));
    return CRM_OK;
}

crm_status crm_model_loss(crm_model *m, const crm_model_batch *b, const float *w, double *loss,
                          double *const *proba)
{
    crm_pass p;

    CRM_TRY(model_bind(m, b, w, false, &p));
    CRM_TRY(crm_net_forward(m->net, &p));
    CRM_TRY(losses(m, b, &p, loss));
    return proba ? probas(m, &p, proba) : CRM_OK;
}

crm_status crm_model_predict(crm_model *m, const crm_model_batch *b, const float *w,
                             double *const *proba)
{
    crm_pass p;

    CRM_TRY(model_bind(m, b, w, false, &p));
    CRM_TRY(crm_net_forward(m->net, &p));
    return probas(m, &p, proba);
}

crm_status crm_model_fused(crm_model *m, const crm_model_batch *b, const float *w, float *out)
{
    crm_pass p;
    crm_tensor t;

    CRM_CHECK(!m->only_documents && !m->only_wide, CRM_ERR_ARG,
              "the net has no vector of samples: %s",
              m->only_wide ? "it has no branches" : "all targets are of documents");
    t = crm_net_tensor(m->net, m->fused);
    CRM_TRY(model_bind(m, b, w, false, &p));
    CRM_TRY(crm_net_forward(m->net, &p));
    CRM_TRY(crm_device_sync(m->device));
    return crm_buf_download(m->device, t.data, out, (size_t)(p.n * t.ld) * sizeof *out);
}

crm_status crm_model_find_nonfinite(crm_model *m, const crm_model_batch *b, const float *w,
                                    float *grad, int64_t stride, char *name, size_t cap)
{
    crm_pass p;
    crm_status st = CRM_OK;
    double *loss;

    CRM_TRY(training_pass(m, b, w, grad, stride, &p));
    CRM_NEW(loss, b->lanes * m->n_heads);
    CRM_TRY_TO(st, done, crm_model_forward_backward(m, b, w, grad, stride, loss));
    CRM_TRY_TO(st, done, crm_net_find_nonfinite(m->net, &p, name, cap));
    for (int64_t i = 0; i < b->lanes * m->n_heads && !name[0]; i++)
        if (!isfinite(loss[i])) snprintf(name, cap, "loss of %s", m->head[i % m->n_heads].name);
done:
    crm_mem_free(loss);
    return st;
}
