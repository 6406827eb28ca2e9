/* synth_ahead.c - what the customer buys in the months after the window: counts, and the group of
 * the next purchase.  Both follow next_purchase and feed back into nothing.
 *
 * Counts: without a purchase ahead they are 0; else they are independent Poisson counts with means
 * lambda_t, given that they are not all 0.  That is: their sum K is a Poisson number of mean
 * Lambda = sum_t lambda_t cut below 1, and each purchase falls into month t with probability
 * lambda_t / Lambda.  lambda_t carries the rates of the window on (synth_activity.c), at the
 * satisfaction that is expected then: s = sqrt(.4) u + sqrt(.6) .8^(t+1) w of the last month.
 *
 * Group j: p_j in proportion to b_j (mix_gj / b_j exp(sum_k a_k [purchase k from the last is of
 * group j]))^signal, b the mean mix of all customers. */
#include <math.h>

#include "crmpi/base_math.h"
#include "synth_impl.h"

static const double recent[] = {1.6, 0.9, 0.5}; /* a_k of the last purchases, the last first */
enum { RECENT = sizeof recent / sizeof *recent };

/* Means of the months ahead without the condition; the window ends with December. */
static double rates(const synth_model *m, const synth_person *p, double lambda[SYNTH_AHEAD])
{
    double steady = sqrt(0.4) * p->trait, rest = 0.8 * (p->path[SYNTH_MONTHS - 1] - steady),
           sum = 0;

    for (int t = 0; t < SYNTH_AHEAD; t++) {
        double s = steady + rest, signal = m->cfg.signal;
        double own = crm_exp(signal * (crm_log(p->habit) + 0.25 * s - 0.03125));
        double back = crm_exp(signal * (-0.3 * s - 0.045)); /* each return brings a purchase */
        /* never 0, so that one purchase has a month when nobody is to buy */
        lambda[t] = crm_synth_season[t] * (m->cfg.purchases / 12 * own + 1e-9);
        lambda[t] += m->cfg.returns / 12 * back;
        if (lambda[t] > 200) lambda[t] = 200;
        sum += lambda[t];
        rest *= 0.8;
    }
    return sum;
}

/* A Poisson number that is not 0, by inversion. */
static int at_least_one(crm_rng *r, double lambda)
{
    double p = crm_exp(-lambda), u = crm_rng_uniform(r) * (1 - p), sum = 0;
    int k = 0;

    do {
        p *= lambda / ++k;
        sum += p;
    } while (sum < u && (k < lambda || p > 1e-18));
    return k;
}

static void counts(const synth_model *m, synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_AHEAD);
    double lambda[SYNTH_AHEAD], sum = rates(m, p, lambda), some = 1 - crm_exp(-sum);
    int n = p->next ? at_least_one(&r, sum) : 0;

    for (int t = 0; t < SYNTH_AHEAD; t++) {
        p->ahead[t] = 0;
        p->mean_ahead[t] = (float)((double)p->p_next[1] * lambda[t] / some);
        lambda[t] /= sum;
    }
    for (int i = 0; i < n; i++)
        p->ahead[crm_synth_pick(&r, lambda, SYNTH_AHEAD)]++;
}

/* Sum of a_k over the last purchases, by group. */
static void leanings(const synth_person *p, double out[SYNTH_GROUPS])
{
    int k = 0;

    for (int j = 0; j < SYNTH_GROUPS; j++)
        out[j] = 0;
    for (int i = p->n_events - 1; i >= 0 && k < RECENT; i--)
        if (p->event[i].category < SYNTH_PRODUCTS) out[p->event[i].category / 4] += recent[k++];
}

static double mean_mix(int group)
{
    double sum = 0;

    for (int g = 0; g < SYNTH_SEGMENTS; g++)
        sum += crm_synth_prior[g] * crm_synth_mix[g][group];
    return sum;
}

static void category(const synth_model *m, synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_CATEGORY);
    double share[SYNTH_GROUPS], lean[SYNTH_GROUPS], sum = 0;

    leanings(p, lean);
    for (int j = 0; j < SYNTH_GROUPS; j++) {
        double b = mean_mix(j), z = crm_log(crm_synth_mix[p->segment][j] / b) + lean[j];
        sum += share[j] = b * crm_exp(m->cfg.signal * z);
    }
    for (int j = 0; j < SYNTH_GROUPS; j++) {
        share[j] /= sum;
        p->p_category[j] = (float)share[j];
    }
    p->next_category = p->next ? crm_synth_pick(&r, share, SYNTH_GROUPS) : -1;
}

void crm_synth_ahead(const synth_model *m, synth_person *p)
{
    counts(m, p);
    category(m, p);
}
