/* optim_step.c - one step of AdamW or SGD on a slice of the flat vector. */
#include "crmpi/optim.h"

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"

enum { STATES_MAX = 2 };

/* One kind: its state vectors and its step on the slice, w being that of the slice. */
typedef struct optim_class {
    int n_states;
    const char *state_name[STATES_MAX];
    crm_status (*step)(crm_optim *o, const float *grad, float *w);
} optim_class;

struct crm_optim {
    const optim_class *class;
    crm_optim_cfg cfg;
    crm_device *device;
    int64_t first, n;
    int64_t n_decay;         /* ranges of the slice with weight decay     */
    void *bound;             /* i64 [2 n_decay] of crm_decay              */
    void *state[STATES_MAX]; /* f32 [n], device memory, as are the others */
    void *sums;              /* f64 per block                             */
    int64_t step;            /* this and below: of the call in progress */
    double lr, grad_scale;
    const double *live; /* in place of those above */
};

static crm_tensor slice(const crm_optim *o, const void *v)
{
    return crm_tensor_1d((void *)(uintptr_t)v, CRM_F32, o->n);
}

/* Nothing decays: no table is needed. */
static double weight_decay(const crm_optim *o)
{
    return o->n_decay > 0 ? o->cfg.weight_decay : 0;
}

static crm_status adam_step(crm_optim *o, const float *grad, float *w)
{
    crm_adam p = {.lr = o->lr,
                  .beta1 = o->cfg.beta1,
                  .beta2 = o->cfg.beta2,
                  .eps = o->cfg.eps,
                  .weight_decay = weight_decay(o),
                  .grad_scale = o->grad_scale,
                  .step = o->step,
                  .live = o->live,
                  .decay = {o->n_decay, o->bound}};
    crm_tensor g = slice(o, grad), tw = slice(o, w), m = slice(o, o->state[0]),
               v = slice(o, o->state[1]);

    return crm_op_adam(o->device, &p, &g, &tw, &m, &v);
}

static crm_status sgd_step(crm_optim *o, const float *grad, float *w)
{
    crm_sgd p = {.lr = o->lr,
                 .momentum = o->cfg.momentum,
                 .weight_decay = weight_decay(o),
                 .grad_scale = o->grad_scale,
                 .nesterov = o->cfg.nesterov,
                 .live = o->live,
                 .decay = {o->n_decay, o->bound}};
    crm_tensor g = slice(o, grad), tw = slice(o, w), m = slice(o, o->state[0]);

    return crm_op_sgd(o->device, &p, &g, &tw, &m);
}

static const optim_class classes[CRM_OPTIM_KIND_COUNT] = {
    [CRM_OPTIM_ADAMW] = {2, {"m", "v"}, adam_step},
    [CRM_OPTIM_SGD] = {1, {"momentum"}, sgd_step},
};

/* Boundaries of the ranges that decay, two each; out NULL: only count. */
static int64_t boundaries(const uint8_t *decay, int64_t n, int64_t *out)
{
    int64_t k = 0;

    for (int64_t i = 0; i <= n; i++)
        if ((i > 0 && decay[i - 1] != 0) != (i < n && decay[i] != 0)) {
            if (out) out[k] = i;
            k++;
        }
    return k;
}

static crm_status send_boundaries(crm_optim *o, const uint8_t *decay)
{
    int64_t k = boundaries(decay, o->n, NULL), *at;
    size_t bytes = (size_t)k * sizeof *at;
    crm_status st;

    o->n_decay = k / 2;
    if (k == 0) return CRM_OK;
    CRM_TRY(crm_buf_new(o->device, bytes, &o->bound));
    CRM_NEW(at, k);
    boundaries(decay, o->n, at);
    st = crm_buf_upload(o->device, o->bound, at, bytes);
    crm_mem_free(at);
    return st;
}

/* Device memory of n zeroed elements. */
static crm_status new_zeroed(crm_device *d, int64_t n, size_t size, void **out)
{
    CRM_TRY(crm_buf_new(d, (size_t)n * size, out));
    return crm_buf_zero(d, *out, (size_t)n * size);
}

static int64_t n_blocks(const crm_optim *o)
{
    return (o->n + CRM_BLOCK - 1) / CRM_BLOCK;
}

static crm_status set_up(crm_optim *o, const uint8_t *decay)
{
    CRM_TRY(send_boundaries(o, decay + o->first));
    for (int i = 0; i < o->class->n_states; i++)
        CRM_TRY(new_zeroed(o->device, o->n, sizeof(float), &o->state[i]));
    return new_zeroed(o->device, n_blocks(o), sizeof(double), &o->sums);
}

crm_status crm_optim_new(const crm_optim_cfg *cfg, crm_device *d, int64_t first, int64_t n,
                         const uint8_t *decay, crm_optim **out)
{
    crm_status st;

    CRM_CHECK(cfg->kind >= 0 && cfg->kind < CRM_OPTIM_KIND_COUNT && n >= 0 && first >= 0,
              CRM_ERR_ARG, "optimiser of kind %d for %lld elements from %lld", cfg->kind,
              (long long)n, (long long)first);
    CRM_NEW(*out, 1);
    **out =
        (crm_optim){.class = &classes[cfg->kind], .cfg = *cfg, .device = d, .first = first, .n = n};
    st = set_up(*out, decay);
    if (st) crm_optim_free(out);
    return st;
}

static crm_status step_slice(crm_optim *o, const float *grad, float *w)
{
    return o->n > 0 ? o->class->step(o, grad, w + o->first) : CRM_OK;
}

crm_status crm_optim_apply(crm_optim *o, int64_t step, double lr, double grad_scale,
                           const float *grad, float *w)
{
    CRM_CHECK(step >= 1, CRM_ERR_ARG, "optimiser step %lld, counted from 1", (long long)step);
    o->step = step;
    o->lr = lr;
    o->grad_scale = grad_scale;
    o->live = NULL;
    return step_slice(o, grad, w);
}

crm_status crm_optim_apply_live(crm_optim *o, const double *live, const float *grad, float *w)
{
    o->step = 1;
    o->live = live;
    return step_slice(o, grad, w);
}

/* 1 - beta^step, as the operations do it. */
static double bias_correction(double beta, int64_t step)
{
    return beta > 0 ? 1 - crm_pow(beta, (double)step) : 1;
}

void crm_optim_live(const crm_optim_cfg *cfg, int64_t step, double lr, double *live)
{
    live[CRM_LIVE_LR] = lr;
    live[CRM_LIVE_BIAS1] = bias_correction(cfg->beta1, step);
    live[CRM_LIVE_BIAS2] = bias_correction(cfg->beta2, step);
}

crm_status crm_optim_block_sums(crm_optim *o, const float *grad, double *sums)
{
    crm_tensor g = slice(o, grad), s = crm_tensor_1d(o->sums, CRM_F64, n_blocks(o));

    if (o->n == 0) return CRM_OK;
    CRM_TRY(crm_op_sum_squares(o->device, &g, &s));
    CRM_TRY(crm_device_sync(o->device));
    return crm_buf_download(o->device, o->sums, sums, (size_t)n_blocks(o) * sizeof *sums);
}

int crm_optim_state_count(const crm_optim *o)
{
    return o->class->n_states;
}

float *crm_optim_state(crm_optim *o, int i, const char **name)
{
    *name = o->class->state_name[i];
    return o->state[i];
}

const char *crm_optim_state_name(const crm_optim_cfg *cfg, int i)
{
    return i < classes[cfg->kind].n_states ? classes[cfg->kind].state_name[i] : NULL;
}

void crm_optim_free(crm_optim **po)
{
    crm_optim *o = *po;

    if (!o) return;
    for (int i = 0; i < STATES_MAX; i++)
        if (o->state[i]) crm_buf_free(o->device, o->state[i]);
    if (o->sums) crm_buf_free(o->device, o->sums);
    if (o->bound) crm_buf_free(o->device, o->bound);
    crm_mem_free(o);
    *po = NULL;
}
