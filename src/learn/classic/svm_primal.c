/* svm_primal.c - the linear machine on columns or on features that stand in for a kernel, and its
 * calibration. */
#include <math.h>
#include <string.h>

#include "crmpi/base_log.h"
#include "svm_impl.h"

typedef struct primal {
    svc *s;
    const crm_source *in;
    linear_spec spec;
    int64_t width; /* scores of a row */
} primal;

static linear_spec describe(const svc *s)
{
    bool mapped = s->method != CRM_SVM_PRIMAL;

    return (linear_spec){.loss = LINEAR_SQUARED_HINGE,
                         .max_iter = s->cfg->max_iter,
                         .tol = s->cfg->tol,
                         .cache_bytes = s->cfg->cache_mb << 20,
                         .model = "svm",
                         .map = mapped ? svc_map_rows : NULL,
                         .map_ctx = &s->map,
                         .map_width = s->map.width};
}

static crm_status solve(const primal *p, const crm_fit *fit, const classic_classes *classes,
                        const char *phase, double *w)
{
    linear_problem *problem = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, linear_problem_new(&p->spec, fit, p->in, classes, &problem));
    st = linear_problem_solve(problem, p->s->cfg->c, phase, 1, w);
done:
    linear_problem_free(&problem);
    return st;
}

/* ---- folds ---- */

/* The classes of the fit with the rows of a part; the weights stay. */
static crm_status part_classes(const primal *p, const crm_fit *part, classic_classes *out)
{
    const crm_target *t = crm_data_target(part->train->data, part->target);

    *out = p->s->classes;
    out->count = NULL;
    out->total = 0;
    CRM_NEW(out->count, out->n_classes);
    for (int64_t i = 0; i < part->train->n; i++) {
        int c = classic_slot(out, t, part->train->row[i]);
        if (c < 0) continue;
        out->count[c]++;
        out->total += out->weight[c];
    }
    return CRM_OK;
}

/* A score about a class without rows in the part says nothing. */
static void blank_absent(const primal *p, const classic_classes *c, int64_t n, double *score)
{
    for (int64_t v = 0; v < p->width; v++) {
        bool known = c->count[v] > 0 && (c->m > 2 || c->count[1] > 0);
        for (int64_t i = 0; i < n && !known; i++)
            score[i * p->width + v] = (double)NAN;
    }
}

static crm_status fit_part(const primal *p, const crm_fit *part, classic_classes *c, double **w)
{
    CRM_TRY(part_classes(p, part, c));
    CRM_NEW(*w, p->s->vectors * linear_width(p->s->width, p->s->sparse));
    return CRM_OK;
}

static crm_status fold(void *ctx, const crm_fit *part, const int64_t *row, int64_t n, double *score)
{
    const primal *p = ctx;
    classic_classes c = {0};
    double *w = NULL;
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(part->comm, fit_part(p, part, &c, &w)));
    CRM_TRY_TO(st, done, solve(p, part, &c, CRM_PHASE_FIT, w));
    CRM_TRY_TO(st, done, svc_primal_scores(p->s, w, p->in, row, n, score));
    blank_absent(p, &c, n, score);
done:
    crm_mem_free(c.count);
    crm_mem_free(w);
    return st;
}

typedef struct scored {
    calibrate_folds folds;
    double *score; /* [rows][width] */
    int32_t *slot; /* [rows] */
} scored;

static crm_status begin_maps(const primal *p, const crm_fit *fit, scored *k)
{
    const crm_view *v = fit->train;
    const crm_target *t = crm_data_target(v->data, fit->target);

    CRM_TRY(calibrate_folds_new(v, t, &p->s->classes, fit->seed, &k->folds));
    CRM_NEW(k->score, v->n * p->width);
    CRM_NEW(k->slot, v->n);
    for (int64_t i = 0; i < v->n; i++)
        k->slot[i] = classic_slot(&p->s->classes, t, v->row[i]);
    return CRM_OK;
}

static crm_status fit_maps(primal *p, const crm_fit *fit)
{
    scored k = {0};
    crm_status st;

    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, begin_maps(p, fit, &k)));
    CRM_TRY_TO(st, done, calibrate_cross(fit, &k.folds, p->width, fold, p, k.score));
    st = crm_comm_agree(fit->comm, calibrate_fit(&p->s->cal, fit->train->n, k.score, k.slot));
done:
    calibrate_folds_free(&k.folds);
    crm_mem_free(k.score);
    crm_mem_free(k.slot);
    return st;
}

static crm_status begin(svc *s, primal *p)
{
    p->spec = describe(s);
    s->vectors = linear_vectors(s->classes.m);
    s->width = linear_columns(&p->spec, p->in);
    s->sparse = linear_sparse_columns(&p->spec, p->in);
    p->width = s->vectors;
    CRM_NEW(s->w, s->vectors * linear_width(s->width, s->sparse));
    return CRM_OK;
}

/* Features are dear: of all passes the first should be the only one that makes them. */
static void warn_of_memory(const primal *p, const crm_fit *fit)
{
    crm_view own = crm_rows_own(fit);
    double mib = (double)own.n * (double)p->s->width * 4 / 1048576;

    if (mib > (double)p->s->cfg->cache_mb && crm_comm_rank(fit->comm) == 0)
        crm_log_line(CRM_LOG_WARN, "svm",
                     "features of %.0f MiB are made again in each pass; svm.cache_mb = %lld would "
                     "have to hold them",
                     mib, (long long)p->s->cfg->cache_mb);
}

crm_status svc_primal_fit(svc *s, const crm_fit *fit, const crm_source *in)
{
    primal p = {.s = s, .in = in};

    if (s->method != CRM_SVM_PRIMAL)
        CRM_TRY(svc_map_new(s->method, &s->kernel, s->cfg->components, fit, in, &s->map));
    CRM_TRY(crm_comm_agree(fit->comm, begin(s, &p)));
    if (s->method != CRM_SVM_PRIMAL) warn_of_memory(&p, fit);
    CRM_TRY(solve(&p, fit, &s->classes, CRM_PHASE_FIT, s->w));
    return s->cal.kind == CALIBRATE_NONE ? CRM_OK : fit_maps(&p, fit);
}
