/* logistic_choose.c - the strength of the penalty by an inner validation part: fits on the rest of
 * the training rows for C from small to large, each from the weights of the one before (the path of
 * Friedman, Hastie, Tibshirani 2010, J. Stat. Softw. 33(1)), judged by the exact sum of their
 * losses on the part held out. */
#include <string.h>

#include "crmpi/base_log.h"
#include "logistic_impl.h"

/* Rows of n-grams have the norm 1 spread over hundreds of columns, so that it takes larger weights
 * to tell classes apart than with scaled numbers. */
enum { GRID = 6, RISES = 2 };
static const double numbers[GRID] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
static const double grams[GRID] = {1e-2, 1e-1, 1, 3, 10, 30};
#define HELD_OUT 0.2 /* part of the training rows */

typedef struct search {
    logistic *h;
    const crm_source *in;
    crm_fit fit, judge;      /* on the inner training and the validation part */
    crm_view *part[2];       /* their rows */
    crm_view *labelled;      /* both */
    classic_classes classes; /* of the inner training part */
    double *best;            /* [vectors][width] weights of the best C so far */
    double least, last;      /* losses of the best and of the last */
    int rises;               /* running */
    linear_problem *learn, *valid;
} search;

/* A split wants a label of each row. */
static crm_status take_labelled(const crm_fit *fit, const crm_target *t, crm_view **out)
{
    uint8_t *keep;
    crm_status st;

    CRM_NEW(keep, fit->train->n);
    for (int64_t i = 0; i < fit->train->n; i++)
        keep[i] = t->label[fit->train->row[i]] >= 0;
    st = crm_view_select(fit->train, keep, out);
    crm_mem_free(keep);
    return st;
}

static crm_status split(search *s, const crm_fit *fit)
{
    const crm_target *t = crm_data_target(fit->train->data, fit->target);

    CRM_NEW(s->best, s->h->vectors * linear_width(s->h->d, s->h->s));
    CRM_TRY(take_labelled(fit, t, &s->labelled));
    CRM_TRY(crm_view_split(s->labelled, fit->group, fit->target, HELD_OUT, fit->seed, &s->part[0],
                           &s->part[1]));
    s->fit = s->judge = *fit;
    s->fit.train = s->part[0];
    s->judge.train = s->part[1];
    return s->part[0]->n == 0 ? CRM_OK
                              : classic_classes_new(&s->fit, &s->h->cfg->class_weight,
                                                    "logistic.class_weight", &s->classes);
}

/* The first of equals stays: the smaller C. */
static void judge(search *s, double c, double loss)
{
    size_t bytes = (size_t)(s->h->vectors * linear_width(s->h->d, s->h->s)) * sizeof *s->best;
    bool first = s->h->c == 0;

    crm_log_line(CRM_LOG_DEBUG, "logistic", "C = %g: validation log loss %.6f", c, loss);
    s->rises = !first && loss > s->last ? s->rises + 1 : 0;
    s->last = loss;
    if (!first && !(loss < s->least)) return;
    s->least = loss;
    s->h->c = c;
    memcpy(s->best, s->h->w, bytes);
}

static crm_status walk(search *s)
{
    logistic *h = s->h;
    const double *grid = h->s ? grams : numbers;
    double loss;

    h->c = 0;
    for (int i = 0; i < GRID && s->rises < RISES; i++) {
        CRM_TRY(linear_problem_solve(s->learn, grid[i], CRM_PHASE_SEARCH, GRID, h->w));
        CRM_TRY(linear_problem_loss(s->valid, h->w, &loss));
        judge(s, grid[i], loss);
        if (linear_problem_stopped(s->learn)) break;
    }
    memcpy(h->w, s->best, (size_t)(h->vectors * linear_width(h->d, h->s)) * sizeof *h->w);
    crm_log_line(CRM_LOG_DEBUG, "logistic", "C = %g chosen", h->c);
    return CRM_OK;
}

/* Both parts together keep as many bytes as a fit on all rows. */
static crm_status choose(search *s)
{
    linear_spec learn = logistic_spec(s->h), valid = learn;

    valid.cache_bytes = (int64_t)(HELD_OUT * (double)learn.cache_bytes);
    learn.cache_bytes -= valid.cache_bytes;
    CRM_TRY(linear_problem_new(&learn, &s->fit, s->in, &s->classes, &s->learn));
    CRM_TRY(linear_problem_new(&valid, &s->judge, s->in, &s->classes, &s->valid));
    return walk(s);
}

crm_status logistic_choose(logistic *h, const crm_fit *fit, const crm_source *in, bool *chosen)
{
    search s = {.h = h, .in = in};
    crm_status st = crm_comm_agree(fit->comm, split(&s, fit));

    *chosen = !st && s.classes.m == h->classes.m && s.part[1]->n > 0;
    if (*chosen)
        st = choose(&s);
    else if (!st)
        crm_log_line(CRM_LOG_DEBUG, "logistic", "too few rows to choose C: %g", h->c);
    linear_problem_free(&s.learn);
    linear_problem_free(&s.valid);
    crm_view_free(&s.part[0]);
    crm_view_free(&s.part[1]);
    crm_view_free(&s.labelled);
    classic_classes_free(&s.classes);
    crm_mem_free(s.best);
    return st;
}
