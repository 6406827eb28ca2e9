/* train_replay.c - one step of a fit told in lines: its rows and losses by lane, norms of gradient
 * and weights by parameter, the first thing that is not finite.  The same lines on any number of
 * ranks and threads, and of both engines. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "train_engine.h"

bool crm_replay_here(const run *r)
{
    const crm_replay *p = r->t->fit->hooks.replay;

    if (!p || p->told || p->step != r->step || r->t->member > 0) return false;
    return !p->phase || strcmp(p->phase, r->t->phase) == 0;
}

static void add_number(crm_str *s, double v)
{
    char text[32];

    crm_str_addf(s, "%s",
                 isfinite(v) ? crm_format_f64(v, text)
                 : isnan(v)  ? "nan"
                 : v > 0     ? "inf"
                             : "-inf");
}

static void add_head(const run *r, crm_str *s)
{
    const crm_optim_cfg *optim = &r->t->cfg->optim;

    crm_str_addf(s, "phase %s, epoch %u, step %lld (batch %lld of %lld of the epoch)\n",
                 r->t->phase, r->epoch, (long long)r->step, (long long)r->at,
                 (long long)r->feed->steps);
    crm_str_addf(s, "learning rate ");
    add_number(s, r->lr);
    crm_str_addf(s, "\ngradient norm ");
    add_number(s, r->replayed.norm);
    crm_str_addf(s, ", clip factor ");
    add_number(s, crm_optim_clip(optim, r->replayed.norm));
}

/* Rows of a lane in their order; every rank knows the order of all. */
static void add_rows(const run *r, int64_t lane, crm_str *s)
{
    const crm_train_cfg *cfg = &r->t->cfg->train;
    int64_t first = ((r->at - 1) * cfg->lanes + lane) * cfg->lane_rows;

    crm_str_addf(s, "; rows");
    for (int64_t i = first; i < first + cfg->lane_rows && i < r->feed->view->n; i++)
        crm_str_addf(s, " %lld", (long long)r->feed->view->row[r->feed->order[i]]);
    crm_str_addf(s, "\n");
}

static void add_lanes(const run *r, const double *loss, crm_str *s)
{
    for (int64_t lane = 0; lane < r->t->cfg->train.lanes; lane++) {
        crm_str_addf(s, "lane %lld:", (long long)lane);
        for (int h = 0; h < r->n_heads; h++) {
            crm_str_addf(s, "%s loss of %s ", h ? "," : "", r->head[h]);
            add_number(s, loss[lane * r->n_heads + h]);
        }
        add_rows(r, lane, s);
    }
}

static double norm_of(const float *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static void add_parameters(const run *r, crm_str *s)
{
    const crm_params *ps = crm_model_params(r->t->worker[0].model);

    for (int i = 0; i < crm_params_count(ps); i++) {
        const crm_param *p = crm_params_get(ps, i);
        crm_str_addf(s, "parameter %s: norm of gradient ", p->name);
        add_number(s, norm_of(r->replayed.grad + p->offset, p->n));
        crm_str_addf(s, ", of weights ");
        add_number(s, norm_of(r->w + p->offset, p->n));
        crm_str_addf(s, "\n");
    }
}

/* Losses of all lanes from those of own lanes, which ranks have in order. */
static crm_status all_losses(const run *r, double **out)
{
    const feed *f = r->feed;
    void *all = NULL;
    size_t bytes;

    *out = NULL;
    CRM_TRY(crm_comm_allgather(r->t->fit->comm, r->replayed.loss + f->first_lane * r->n_heads,
                               (size_t)(f->n_lanes * r->n_heads) * sizeof(double), &all, &bytes,
                               NULL));
    *out = all;
    return CRM_OK;
}

/* The name of the first thing that is not finite, as the engine finds it. */
static crm_status add_nonfinite(run *r, crm_str *s)
{
    crm_status st;

    r->failed = r->step;
    r->failed_at = r->at - 1;
    st = crm_comm_agree(r->t->fit->comm, r->engine->class->name_nonfinite(r->engine));
    r->failed = 0;
    if (st && st != CRM_ERR_NUMERIC) return st;
    crm_str_addf(s, "%s\n",
                 st                           ? crm_err_text()
                 : isfinite(r->replayed.norm) ? "all of it is finite"
                                              : "the sum of the gradients overflows");
    crm_err_clear();
    return CRM_OK;
}

crm_status crm_replay_tell(run *r)
{
    crm_replay *p = r->t->fit->hooks.replay;
    double *loss = NULL, sum = 0;
    crm_status st;

    CRM_TRY(all_losses(r, &loss));
    for (int64_t i = 0; i < r->t->cfg->train.lanes * r->n_heads; i++)
        sum += loss[i];
    add_head(r, p->out);
    crm_str_addf(p->out, "\nloss ");
    add_number(p->out, sum);
    crm_str_addf(p->out, "\n");
    add_lanes(r, loss, p->out);
    add_parameters(r, p->out);
    crm_mem_free(loss);
    st = add_nonfinite(r, p->out);
    if (!st && p->out->failed) CRM_SET(st, CRM_ERR_NOMEM, "out of memory: lines of a step");
    CRM_TRY(crm_comm_agree(r->t->fit->comm, st));
    p->told = true;
    CRM_FAIL(CRM_ERR_STOPPED, "step %lld of phase %s was told", (long long)r->step, r->t->phase);
}
