/* synth_target.c - log-odds of the labels, the labels, and the survey.
 *
 * churn:  logit p = c0 + signal sum_t g_t w_t (x_t - mean_t) / scale_t, with g_t = 1 for the linear
 * terms (columns, and sums of columns, of the flat view), `interactions` for products across
 * blocks, `noise` for the hidden term.  mean, scale and c0 come from a pilot sample
 * (synth_model.c).  next_purchase: the same with weights of its own. */
#include <math.h>

#include "crmpi/base_math.h"
#include "synth_impl.h"

typedef enum part { LINEAR, INTERACTION, HIDDEN } part;
static const struct {
    part part;
    double churn, next;
} weight[TERM_COUNT] = {
    [TERM_LOYALTY] = {LINEAR, -0.50, 0.30},
    [TERM_TENURE] = {LINEAR, -0.35, 0},
    [TERM_AGE] = {LINEAR, -0.25, 0},
    [TERM_PLAN] = {LINEAR, -0.30, 0.30},
    [TERM_INVOICE] = {LINEAR, 0.25, 0},
    [TERM_SESSIONS_CHANGE] = {LINEAR, -0.50, 0.30},
    [TERM_PURCHASES_LATE] = {LINEAR, -0.40, 0.80},
    [TERM_RETURNS] = {LINEAR, 0.30, 0},
    [TERM_TICKETS] = {LINEAR, 0.25, 0},
    [TERM_DROP_PRICE] = {INTERACTION, 1.40, -0.60},
    [TERM_FALL_LOYALTY] = {INTERACTION, 0.60, 0},
    [TERM_ORDER] = {INTERACTION, 1.10, -0.60},
    [TERM_TEXT_PRICE] = {INTERACTION, 0.90, -0.30},
    [TERM_PENDING_DROP] = {INTERACTION, 0.25, 0},
    [TERM_HIDDEN] = {HIDDEN, 0.50, 0.50},
};

static double mean_over(const float *v, int from, int to)
{
    double sum = 0;

    for (int m = from; m < to; m++)
        sum += (double)v[m];
    return sum / (to - from);
}

/* Largest fall of the mean of two months to that of the next two. */
static double largest_fall(const double *s)
{
    double most = -1e300;

    for (int m = 0; m + 3 < SYNTH_MONTHS; m++) {
        double fall = (s[m] + s[m + 1] - s[m + 2] - s[m + 3]) / 2;
        if (fall > most) most = fall;
    }
    return most;
}

/* Mean satisfaction of months 0-8 minus that of 9-11. */
static double late_drop(const double *s)
{
    double early = 0, late = 0;

    for (int m = 0; m < 9; m++)
        early += s[m];
    for (int m = 9; m < SYNTH_MONTHS; m++)
        late += s[m];
    return early / 9 - late / 3;
}

static void count_documents(const synth_person *p, double *tickets, double *pending, double *mood)
{
    *tickets = *pending = *mood = 0;
    for (int i = 0; i < p->n_docs; i++) {
        *tickets += p->doc[i].kind == DOC_TICKET;
        *pending += p->doc[i].pending;
        *mood -= p->doc[i].polarity;
    }
}

void crm_synth_terms(synth_person *p)
{
    const float *sessions = p->month[CH_SESSIONS];
    double *x = p->term, tickets, pending, mood, drop = late_drop(p->path);

    count_documents(p, &tickets, &pending, &mood);
    x[TERM_LOYALTY] = (double)p->num[NUM_LOYALTY];
    x[TERM_TENURE] = (double)p->num[NUM_TENURE];
    x[TERM_AGE] = (double)p->num[NUM_AGE];
    x[TERM_PLAN] = p->cat[CAT_PLAN];
    x[TERM_INVOICE] = p->cat[CAT_PAYMENT] == 2;
    x[TERM_SESSIONS_CHANGE] = mean_over(sessions, 9, SYNTH_MONTHS) - mean_over(sessions, 0, 9);
    x[TERM_PURCHASES_LATE] = mean_over(p->month[CH_PURCHASES], 9, SYNTH_MONTHS);
    x[TERM_RETURNS] = mean_over(p->month[CH_RETURNS], 0, SYNTH_MONTHS);
    x[TERM_TICKETS] = tickets;
    x[TERM_DROP_PRICE] = drop * crm_synth_price_sense[p->segment];
    x[TERM_FALL_LOYALTY] = (largest_fall(p->path) - 1.1) * (3.1 - x[TERM_LOYALTY]);
    x[TERM_ORDER] = p->handled;
    x[TERM_TEXT_PRICE] = mood * (1 + 0.5 * crm_synth_price_sense[p->segment]);
    x[TERM_PENDING_DROP] = pending * drop;
    x[TERM_HIDDEN] = p->hidden;
}

void crm_synth_odds(const synth_model *m, const double *term, double *churn, double *next)
{
    const double strength[] = {1, m->cfg.interactions, m->cfg.noise};

    *churn = *next = 0;
    for (int t = 0; t < TERM_COUNT; t++) {
        double z = strength[weight[t].part] * (term[t] - m->mean[t]) / m->scale[t];
        *churn += m->cfg.signal * weight[t].churn * z;
        *next += m->cfg.signal * weight[t].next * z;
    }
}

static double uniform32(crm_rng *r)
{
    return (crm_rng_u32(r) + 0.5) * 0x1p-32;
}

static int32_t two_classes(crm_rng *r, double p, float out[2])
{
    out[0] = (float)(1 - p);
    out[1] = (float)p;
    return uniform32(r) < p;
}

/* p_j in proportion to base_j exp(strength) at the true class; a label drawn by p. */
static int32_t blurred(crm_rng *r, int truth, const double *base, int k, double strength, double *p)
{
    double sum = 0;

    for (int j = 0; j < k; j++)
        sum += p[j] = (base ? base[j] : 1) * (j == truth ? crm_exp(strength) : 1);
    for (int j = 0; j < k; j++)
        p[j] /= sum;
    return crm_synth_pick(r, p, k);
}

/* A target of a document whose true class is truth, of k. */
static void label_target(crm_rng *r, int truth, int k, double strength, int t, synth_doc *d)
{
    double p[SYNTH_DOC_CLASSES];

    d->label[t] = blurred(r, truth, NULL, k, strength, p);
    for (int j = 0; j < k; j++)
        d->p[t][j] = (float)p[j];
}

static void label_document(crm_rng *r, double signal, synth_doc *d)
{
    for (int t = 0; t < DOC_TARGETS; t++) {
        d->label[t] = -1;
        for (int j = 0; j < SYNTH_DOC_CLASSES; j++)
            d->p[t][j] = NAN;
    }
    if (d->kind == DOC_TICKET) {
        label_target(r, d->issue, 4, 6 * signal, DOC_ISSUE, d);
        label_target(r, d->pending, 2, 5 * signal, DOC_STATUS, d);
        return;
    }
    if (d->kind == DOC_REVIEW) label_target(r, d->stars - 1, 5, 5 * signal, DOC_STARS, d);
    label_target(r, d->polarity + 1, 3, 5 * signal, DOC_SENTIMENT, d);
}

void crm_synth_labels(const synth_model *m, synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_LABELS);
    double churn, next, share[SYNTH_SEGMENTS];

    crm_synth_odds(m, p->term, &churn, &next);
    p->churn = two_classes(&r, crm_sigmoid(m->churn0 + churn), p->p_churn);
    p->next = two_classes(&r, crm_sigmoid(m->next0 + next), p->p_next);
    p->label_segment =
        blurred(&r, p->segment, crm_synth_prior, SYNTH_SEGMENTS, 4 * m->cfg.signal, share);
    for (int j = 0; j < SYNTH_SEGMENTS; j++)
        p->p_segment[j] = (float)share[j];
    for (int i = 0; i < p->n_docs; i++)
        label_document(&r, m->cfg.signal, &p->doc[i]);
}

/* Scores stay within 1..5 without clipping the lift: 3 +- 1 by satisfaction, +- .5 by chance. */
static double score(crm_rng *r, double s)
{
    double middle = 3 + 0.8 * s;

    middle = middle < 2 ? 2 : middle > 4 ? 4 : middle;
    return middle + uniform32(r) - 0.5;
}

void crm_synth_survey(const synth_model *m, synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_SURVEY);
    bool asked = uniform32(&r) < m->cfg.surveyed;

    p->treated = (int32_t)crm_rng_below(&r, 2) && asked;
    p->before = p->after = NAN;
    if (!asked) return;
    p->before = (float)score(&r, p->path[5]);
    p->after = (float)(score(&r, p->path[10]) + p->treated * m->cfg.lift);
}
