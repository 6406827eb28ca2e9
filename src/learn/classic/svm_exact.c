/* svm_exact.c - C-SVC by libsvm: the machine of each pair of classes on all training rows and, for
 * the calibration, on all but each fold.  All these fits are independent: they are shared out over
 * ranks and threads, each is serial, so its bits do not depend on who made it.  Results are
 * exchanged.
 *
 * Rows of a pair (i, j) go to libsvm as those of i (+1), then those of j (-1), each in the order of
 * the view, as in scikit-learn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <svm.h>

#include "svm_impl.h"

enum { ALL = -1 }; /* fold of a fit on all rows */

typedef struct task {
    int i, j, fold;
    double cost;
    int rank, worker;
    svc_pair pair; /* rows by number of exact.x */
    double *held;  /* scores of the rows of i, then of j, in the fold */
    int64_t n_held;
} task;

typedef struct exact {
    svc *s;
    const crm_fit *fit;
    int m;
    int64_t n, d;           /* labelled rows, columns */
    float *x;               /* [n][d] */
    int32_t *slot, *fold;   /* [n]; fold NULL: no calibration */
    int64_t *member, *from; /* [n] rows by slot, [m + 2] where each begins */
    struct svm_node *node;  /* values of all rows that are not 0 */
    struct svm_node **row;  /* [n] */
    int64_t n_tasks;
    task *task;
    double **score; /* [pairs] of the rows of i, then of j */
} exact;

/* ---- rows ---- */

static crm_status read_rows(exact *e, const crm_source *in, const calibrate_folds *f)
{
    const crm_view *v = e->fit->train;
    const crm_target *t = crm_data_target(v->data, e->fit->target);
    int64_t *row = NULL, n = 0;
    int32_t *cat = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, row, v->n);
    CRM_NEW_TO(st, done, e->slot, v->n);
    if (f) CRM_NEW_TO(st, done, e->fold, v->n);
    for (int64_t i = 0; i < v->n; i++) {
        int s = classic_slot(&e->s->classes, t, v->row[i]);
        if (s < 0) continue;
        if (f) e->fold[n] = f->fold[i];
        e->slot[n] = s;
        row[n++] = v->row[i];
    }
    e->n = n;
    CRM_NEW_TO(st, done, e->x, n * e->d);
    CRM_NEW_TO(st, done, cat, n * crm_source_schema(in)->n_cat);
    st = crm_source_read(in, row, n, e->x, cat);
done:
    crm_mem_free(row);
    crm_mem_free(cat);
    return st;
}

static crm_status sort_rows(exact *e)
{
    int64_t *at;

    CRM_NEW(e->member, e->n);
    CRM_NEW(e->from, e->m + 2);
    at = e->from + 1; /* rises to where the next slot begins */
    for (int c = 0; c < e->m; c++)
        at[c + 1] = at[c] + e->s->classes.count[c];
    for (int64_t r = 0; r < e->n; r++)
        e->member[at[e->slot[r]]++] = r;
    return CRM_OK;
}

static crm_status make_nodes(exact *e)
{
    int64_t used = 0;

    for (int64_t i = 0; i < e->n * e->d; i++)
        used += e->x[i] != 0;
    CRM_NEW(e->node, used + e->n);
    CRM_NEW(e->row, e->n);
    used = 0;
    for (int64_t r = 0; r < e->n; r++) {
        const float *x = e->x + r * e->d;
        e->row[r] = e->node + used;
        for (int64_t j = 0; j < e->d; j++)
            if (x[j] != 0) e->node[used++] = (struct svm_node){(int)j + 1, (double)x[j]};
        e->node[used++].index = -1;
    }
    return CRM_OK;
}

/* ---- who fits what ---- */

/* Rows of a class that take part: outside of the fold, or in it. */
static int64_t take_class(const exact *e, int c, int fold, bool in, int64_t *out)
{
    int64_t n = 0;

    for (int64_t k = e->from[c]; k < e->from[c + 1]; k++) {
        bool held = fold != ALL && e->fold[e->member[k]] == fold;
        if (held == in) out[n++] = e->member[k];
    }
    return n;
}

static int by_cost(const void *a, const void *b)
{
    const task *x = a, *y = b;
    int xs[3] = {x->fold, x->i, x->j}, ys[3] = {y->fold, y->i, y->j};

    if (x->cost != y->cost) return x->cost < y->cost ? 1 : -1;
    for (int k = 0; k < 3; k++)
        if (xs[k] != ys[k]) return xs[k] < ys[k] ? -1 : 1;
    return 0;
}

static int least(const double *load, int n)
{
    int k = 0;

    for (int i = 1; i < n; i++)
        if (load[i] < load[k]) k = i;
    return k;
}

/* The dearest first, each to whom has least to do so far. */
static crm_status share_out(exact *e)
{
    int ranks = crm_comm_size(e->fit->comm), rank = crm_comm_rank(e->fit->comm);
    int workers = e->fit->pool ? crm_pool_size(e->fit->pool) : 1;
    double *load;

    CRM_NEW(load, ranks + workers);
    for (int64_t t = 0; t < e->n_tasks; t++) {
        e->task[t].rank = least(load, ranks);
        load[e->task[t].rank] += e->task[t].cost;
        if (e->task[t].rank != rank) continue;
        e->task[t].worker = least(load + ranks, workers);
        load[ranks + e->task[t].worker] += e->task[t].cost;
    }
    crm_mem_free(load);
    return CRM_OK;
}

static crm_status list_tasks(exact *e, int folds)
{
    int64_t n = 0;

    CRM_NEW(e->task, e->s->machine.pairs * (folds + 1));
    for (int f = ALL; f < folds; f++)
        for (int i = 0; i < e->m; i++)
            for (int j = i + 1; j < e->m; j++) {
                double rows = (double)(e->from[i + 1] - e->from[i] + e->from[j + 1] - e->from[j]);
                if (f != ALL) rows *= 1 - 1.0 / folds;
                e->task[n++] = (task){.i = i, .j = j, .fold = f, .cost = rows * rows};
            }
    e->n_tasks = n;
    qsort(e->task, (size_t)n, sizeof *e->task, by_cost);
    return share_out(e);
}

/* ---- one fit ---- */

static void quiet(const char *text)
{
    (void)text;
}

static struct svm_parameter parameters(const exact *e, const task *t, int *label, double *weight)
{
    static const int kind[] = {LINEAR, RBF, POLY, SIGMOID};
    const svc *s = e->s;
    int threads = e->fit->pool ? crm_pool_size(e->fit->pool) : 1;

    label[0] = 1;
    label[1] = -1;
    weight[0] = s->classes.weight[t->i];
    weight[1] = s->classes.weight[t->j];
    return (struct svm_parameter){.svm_type = C_SVC,
                                  .kernel_type = kind[s->kernel.kind],
                                  .degree = s->kernel.degree,
                                  .gamma = s->kernel.gamma,
                                  .coef0 = s->kernel.coef0,
                                  .cache_size = (double)s->cfg->cache_mb / threads,
                                  .eps = s->cfg->tol,
                                  .C = s->cfg->c,
                                  .nr_weight = 2,
                                  .weight_label = label,
                                  .weight = weight,
                                  .shrinking = 1};
}

static crm_status take_solution(const struct svm_model *m, const int64_t *row, svc_pair *out)
{
    out->n = m->l;
    out->rho = m->rho[0];
    CRM_NEW(out->row, m->l);
    CRM_NEW(out->coef, m->l);
    for (int k = 0; k < m->l; k++) {
        out->row[k] = row[m->sv_indices[k] - 1];
        out->coef[k] = m->sv_coef[0][k];
    }
    return CRM_OK;
}

static crm_status train(const exact *e, const task *t, const struct svm_problem *p,
                        const int64_t *row, svc_pair *out)
{
    int label[2];
    double weight[2];
    struct svm_parameter param = parameters(e, t, label, weight);
    const char *fault = svm_check_parameter(p, &param);
    struct svm_model *m;
    crm_status st;

    CRM_CHECK(!fault, CRM_ERR_CONFIG, "svm: libsvm refuses its parameters: %s", fault);
    m = svm_train(p, &param);
    CRM_CHECK(m, CRM_ERR_NOMEM, "out of memory: libsvm");
    st = take_solution(m, row, out);
    svm_free_and_destroy_model(&m);
    return st;
}

/* Leaves t->pair without rows when one of the classes has none. */
static crm_status solve(const exact *e, task *t)
{
    int64_t most = e->from[t->i + 1] - e->from[t->i] + e->from[t->j + 1] - e->from[t->j];
    int64_t *row = NULL, a, b;
    struct svm_problem p = {0};
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, row, most);
    CRM_NEW_TO(st, done, p.y, most);
    CRM_NEW_TO(st, done, p.x, most);
    a = take_class(e, t->i, t->fold, false, row);
    b = take_class(e, t->j, t->fold, false, row + a);
    for (int64_t k = 0; k < a + b; k++) {
        p.x[k] = e->row[row[k]];
        p.y[k] = k < a ? 1 : -1;
    }
    p.l = (int)(a + b);
    if (a > 0 && b > 0) st = train(e, t, &p, row, &t->pair);
done:
    crm_mem_free(row);
    crm_mem_free(p.y);
    crm_mem_free(p.x);
    return st;
}

/* ---- scores of a fold ---- */

/* The classes of a pair as slots 0 and 1. */
static crm_status pair_machine(const exact *e, const task *t, svc_machine *out)
{
    int32_t *slot;
    crm_status st;

    CRM_NEW(slot, e->n);
    for (int64_t r = 0; r < e->n; r++)
        slot[r] = e->slot[r] == t->i ? 0 : e->slot[r] == t->j ? 1 : -1;
    st = svc_machine_new(&e->s->kernel, 2, e->d, e->n, e->x, slot, &t->pair, out);
    crm_mem_free(slot);
    return st;
}

static crm_status score_rows(const exact *e, const svc_machine *m, const int64_t *row, int64_t n,
                             double *out)
{
    float *x = NULL;
    double *work = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, x, SVC_ROWS * e->d);
    CRM_NEW_TO(st, done, work, SVC_ROWS * m->begin[2]);
    for (int64_t at = 0; at < n; at += SVC_ROWS) {
        int64_t k = n - at < SVC_ROWS ? n - at : SVC_ROWS;
        for (int64_t q = 0; q < k && e->d; q++)
            memcpy(x + q * e->d, e->x + row[at + q] * e->d, (size_t)e->d * sizeof *x);
        svc_machine_scores(m, k, x, work, out + at);
    }
done:
    crm_mem_free(x);
    crm_mem_free(work);
    return st;
}

static crm_status score_fold(const exact *e, task *t)
{
    int64_t most = e->from[t->i + 1] - e->from[t->i] + e->from[t->j + 1] - e->from[t->j], *row;
    svc_machine m = {0};
    crm_status st = CRM_OK;

    CRM_NEW(row, most);
    t->n_held = take_class(e, t->i, t->fold, true, row);
    t->n_held += take_class(e, t->j, t->fold, true, row + t->n_held);
    CRM_NEW_TO(st, done, t->held, t->n_held);
    for (int64_t k = 0; k < t->n_held; k++)
        t->held[k] = (double)NAN;
    if (!t->pair.row) goto done;
    CRM_TRY_TO(st, done, pair_machine(e, t, &m));
    st = score_rows(e, &m, row, t->n_held, t->held);
done:
    svc_machine_free(&m);
    crm_mem_free(row);
    return st;
}

static crm_status run_worker(void *ctx, int64_t worker, int w)
{
    const exact *e = ctx;
    int rank = crm_comm_rank(e->fit->comm);

    (void)w;
    for (int64_t k = 0; k < e->n_tasks; k++) {
        task *t = &e->task[k];
        if (t->rank != rank || t->worker != worker) continue;
        CRM_TRY(crm_fit_check_stop(e->fit)); /* libsvm itself cannot be asked to stop */
        CRM_TRY(solve(e, t));
        if (t->fold == ALL) continue;
        CRM_TRY(score_fold(e, t));
        svc_pair_free(&t->pair);
    }
    return CRM_OK;
}

/* ---- exchange: all results to all ranks, as numbers ---- */

static int64_t record_size(const task *t)
{
    return t->fold == ALL ? 3 + 2 * t->pair.n : 3 + t->n_held;
}

static void write_record(int64_t number, const task *t, double *out)
{
    out[0] = (double)number;
    out[1] = (double)(t->fold == ALL ? t->pair.n : t->n_held);
    out[2] = t->pair.rho;
    out += 3;
    if (t->fold != ALL) {
        if (t->n_held) memcpy(out, t->held, (size_t)t->n_held * sizeof *out);
        return;
    }
    for (int64_t k = 0; k < t->pair.n; k++) {
        out[k] = (double)t->pair.row[k];
        out[t->pair.n + k] = t->pair.coef[k];
    }
}

static crm_status pack_own(const exact *e, double **out, int64_t *n)
{
    int rank = crm_comm_rank(e->fit->comm);

    *n = 0;
    for (int64_t k = 0; k < e->n_tasks; k++)
        if (e->task[k].rank == rank) *n += record_size(&e->task[k]);
    CRM_NEW(*out, *n);
    *n = 0;
    for (int64_t k = 0; k < e->n_tasks; k++) {
        if (e->task[k].rank != rank) continue;
        write_record(k, &e->task[k], *out + *n);
        *n += record_size(&e->task[k]);
    }
    return CRM_OK;
}

static crm_status take_pair(task *t, int64_t n, const double *in)
{
    svc_pair_free(&t->pair);
    t->pair.n = n;
    t->pair.rho = in[2];
    CRM_NEW(t->pair.row, n);
    CRM_NEW(t->pair.coef, n);
    for (int64_t k = 0; k < n; k++) {
        t->pair.row[k] = (int64_t)in[3 + k];
        t->pair.coef[k] = in[3 + n + k];
    }
    return CRM_OK;
}

/* Scores of a fold to their places among the rows of the pair. */
static void take_held(const exact *e, const task *t, const double *in)
{
    double *out = e->score[calibrate_pair(e->m, t->i, t->j)];
    int64_t at = 0, k = 3;
    const int class[2] = {t->i, t->j};

    for (int c = 0; c < 2; c++)
        for (int64_t r = e->from[class[c]]; r < e->from[class[c] + 1]; r++, at++)
            if (e->fold[e->member[r]] == t->fold) out[at] = in[k++];
}

static crm_status unpack(exact *e, const double *in, int64_t n)
{
    for (int64_t at = 0; at < n;) {
        task *t = &e->task[(int64_t)in[at]];
        int64_t k = (int64_t)in[at + 1];
        if (t->fold == ALL)
            CRM_TRY(take_pair(t, k, in + at));
        else
            take_held(e, t, in + at);
        at += t->fold == ALL ? 3 + 2 * k : 3 + k;
    }
    return CRM_OK;
}

static crm_status exchange(exact *e)
{
    double *mine = NULL;
    int64_t n = 0;
    void *all = NULL;
    size_t bytes = 0;
    crm_status st = crm_comm_agree(e->fit->comm, pack_own(e, &mine, &n));

    if (!st)
        st = crm_comm_allgather(e->fit->comm, mine, (size_t)n * sizeof *mine, &all, &bytes, NULL);
    crm_mem_free(mine);
    if (!st) st = unpack(e, all, (int64_t)(bytes / sizeof(double)));
    crm_mem_free(all);
    return crm_comm_agree(e->fit->comm, st);
}

/* ---- all together ---- */

static crm_status prepare(exact *e, const crm_source *in)
{
    svc *s = e->s;
    bool maps = s->cfg->probability != CRM_SVM_NO_PROBA;
    const crm_target *t = crm_data_target(e->fit->train->data, e->fit->target);
    calibrate_folds f = {0};
    crm_status st = CRM_OK;

    if (maps)
        CRM_TRY_TO(st, done, calibrate_folds_new(e->fit->train, t, &s->classes, e->fit->seed, &f));
    CRM_TRY_TO(st, done, read_rows(e, in, maps ? &f : NULL));
    CRM_CHECK_TO(st, done, e->n <= INT32_MAX && e->d < INT32_MAX, CRM_ERR_CONFIG,
                 "svm.method is exact with %lld rows; libsvm takes at most 2147483647",
                 (long long)e->n);
    CRM_TRY_TO(st, done, sort_rows(e));
    CRM_TRY_TO(st, done, make_nodes(e));
    s->machine.pairs = (int64_t)e->m * (e->m - 1) / 2;
    CRM_NEW_TO(st, done, e->score, s->machine.pairs);
    for (int i = 0; i < e->m && maps; i++)
        for (int j = i + 1; j < e->m; j++)
            CRM_NEW_TO(st, done, e->score[calibrate_pair(e->m, i, j)],
                       s->classes.count[i] + s->classes.count[j]);
    st = list_tasks(e, f.k);
done:
    calibrate_folds_free(&f);
    return st;
}

static crm_status fit_maps(const exact *e, calibrate *cal)
{
    for (int i = 0; i < e->m; i++)
        for (int j = i + 1; j < e->m; j++) {
            int64_t map = calibrate_pair(e->m, i, j), a = e->s->classes.count[i];
            int64_t n = a + e->s->classes.count[j];
            uint8_t *yes;
            crm_status st;
            CRM_NEW(yes, n);
            memset(yes, 1, (size_t)a);
            st = calibrate_fit_map(cal, map, n, e->score[map], yes);
            crm_mem_free(yes);
            CRM_TRY(st);
        }
    return CRM_OK;
}

static crm_status finish(exact *e)
{
    svc *s = e->s;
    int64_t pairs = s->machine.pairs;
    svc_pair *pair;
    crm_status st;

    CRM_NEW(pair, pairs);
    for (int64_t k = 0; k < e->n_tasks; k++) /* lent */
        if (e->task[k].fold == ALL)
            pair[calibrate_pair(e->m, e->task[k].i, e->task[k].j)] = e->task[k].pair;
    st = svc_machine_new(&s->kernel, e->m, e->d, e->n, e->x, e->slot, pair, &s->machine);
    crm_mem_free(pair);
    if (!st && s->cal.kind != CALIBRATE_NONE) st = fit_maps(e, &s->cal);
    return st;
}

static void end(exact *e)
{
    for (int64_t k = 0; k < e->n_tasks; k++) {
        svc_pair_free(&e->task[k].pair);
        crm_mem_free(e->task[k].held);
    }
    for (int64_t p = 0; e->score && p < (int64_t)e->m * (e->m - 1) / 2; p++)
        crm_mem_free(e->score[p]);
    crm_mem_free(e->score);
    crm_mem_free(e->task);
    crm_mem_free(e->x);
    crm_mem_free(e->slot);
    crm_mem_free(e->fold);
    crm_mem_free(e->member);
    crm_mem_free(e->from);
    crm_mem_free(e->node);
    crm_mem_free(e->row);
}

crm_status svc_exact_fit(svc *s, const crm_fit *fit, const crm_source *in)
{
    exact e = {.s = s, .fit = fit, .m = s->classes.m, .d = s->d};
    int64_t workers = fit->pool ? crm_pool_size(fit->pool) : 1;
    crm_status st;

    svm_set_print_string_function(quiet);
    CRM_TRY_TO(st, done, crm_comm_agree(fit->comm, prepare(&e, in)));
    CRM_TRY_TO(st, done,
               crm_comm_agree(fit->comm, crm_pool_run(fit->pool, workers, run_worker, &e)));
    CRM_TRY_TO(st, done, exchange(&e));
    st = crm_comm_agree(fit->comm, finish(&e));
done:
    end(&e);
    return st;
}

const char *crm_svm_library(void)
{
    static char text[32];

    snprintf(text, sizeof text, "%d.%02d", libsvm_version / 100, libsvm_version % 100);
    return text;
}
