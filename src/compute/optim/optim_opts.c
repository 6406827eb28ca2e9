/* optim_opts.c - option table of the optimisers, learning-rate schedules, clipping. */
#include "crmpi/optim.h"

#include <math.h>

#include "crmpi/base_math.h"

const char *const crm_optim_kind_names[] = {"adamw", "sgd", NULL};
_Static_assert(sizeof crm_optim_kind_names / sizeof *crm_optim_kind_names ==
                   CRM_OPTIM_KIND_COUNT + 1,
               "a name per kind");
const char *const crm_schedule_names[] = {"constant", "cosine", "linear", NULL};
_Static_assert(sizeof crm_schedule_names / sizeof *crm_schedule_names == CRM_SCHEDULE_COUNT + 1,
               "a name per schedule");

#define S crm_optim_cfg
const crm_opt crm_optim_opts[] = {
    CRM_OPT_E(S, kind, "optim.kind", "adamw", crm_optim_kind_names, 0, "optimiser of nets"),
    CRM_OPT_R(S, lr, "optim.lr", 1e-3, 0, 1e3, "1", 0, "learning rate after warm-up"),
    CRM_OPT_R(S, weight_decay, "optim.weight_decay", 0.01, 0, 1e3, "1", 0,
              "weight decay, decoupled in adamw; biases and embeddings have none"),
    CRM_OPT_R(S, momentum, "optim.momentum", 0.9, 0, 0.9999, "1", 0, "momentum of sgd"),
    CRM_OPT_B(S, nesterov, "optim.nesterov", 0, 0, "Nesterov momentum of sgd"),
    CRM_OPT_R(S, beta1, "optim.beta1", 0.9, 0, 0.9999, "1", 0, "decay of adamw's first moment"),
    CRM_OPT_R(S, beta2, "optim.beta2", 0.999, 0, 0.999999, "1", 0,
              "decay of adamw's second moment"),
    CRM_OPT_R(S, eps, "optim.eps", 1e-8, 1e-30, 1, "1", 0,
              "added to the root of adamw's second moment"),
    CRM_OPT_R(S, warmup, "optim.warmup", 0.05, 0, 1e9, "steps", 0,
              "linear warm-up: below 1 a part of all steps, else steps"),
    CRM_OPT_E(S, schedule, "optim.schedule", "cosine", crm_schedule_names, 0,
              "learning rate after warm-up"),
    CRM_OPT_R(S, lr_end, "optim.lr_end", 0, 0, 1, "1", 0,
              "rate at the end of cosine and linear, as part of optim.lr"),
    CRM_OPT_R(S, clip_norm, "optim.clip_norm", 1, 0, 1e9, "1", 0,
              "largest norm of the gradient; 0: no clipping"),
    {.key = NULL}};
#undef S

static double warmup_steps(const crm_optim_cfg *cfg, int64_t total)
{
    return floor(cfg->warmup < 1 ? cfg->warmup * (double)total : cfg->warmup);
}

double crm_optim_lr(const crm_optim_cfg *cfg, int64_t step, int64_t total)
{
    static const double pi = 3.14159265358979323846;
    double s = (double)(step - 1), w = warmup_steps(cfg, total), left = (double)total - w, t, part;

    if (s < w) return cfg->lr * (s + 1) / w;
    if (cfg->schedule == CRM_SCHEDULE_CONSTANT) return cfg->lr;
    t = left > 0 ? fmin(1, (s - w) / left) : 1;
    part = cfg->schedule == CRM_SCHEDULE_COSINE ? (1 + crm_cos(pi * t)) / 2 : 1 - t;
    return cfg->lr * (cfg->lr_end + (1 - cfg->lr_end) * part);
}

double crm_optim_clip(const crm_optim_cfg *cfg, double norm)
{
    return cfg->clip_norm > 0 && norm > cfg->clip_norm ? cfg->clip_norm / norm : 1;
}

/* The tree of crm_tree_sum, as a binary counter: sum[h] holds a complete subtree of 2^h leaves.  A
 * missing right child leaves the left unchanged, so what is left at the end is joined from the
 * right. */
double crm_optim_norm(const double *sums, int64_t n_blocks)
{
    double level[64], v = 0;
    int h;

    if (n_blocks == 0) return 0;
    for (int64_t i = 0; i < n_blocks; i++) {
        v = sums[i];
        for (h = 0; (i >> h) & 1; h++)
            v = level[h] + v;
        level[h] = v;
    }
    h = 0;
    while (!((n_blocks >> h) & 1))
        h++;
    v = level[h];
    for (h++; h < 63; h++)
        if ((n_blocks >> h) & 1) v = level[h] + v;
    return sqrt(v);
}
