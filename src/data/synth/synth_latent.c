/* synth_latent.c - segment, satisfaction path and profile of a customer.
 *
 * Path: s_m = sqrt(.4) u + sqrt(.6) w_m with u ~ N(0, 1) and the AR(1) w_m = .8 w_{m-1} + .6 e_m;
 * e_m has variance 1 and is three times as wide in one month of twenty (a shock).  So s_m has mean
 * 0 and variance 1 in every month. */
#include <math.h>

#include "crmpi/base_math.h"
#include "synth_impl.h"

const double crm_synth_prior[SYNTH_SEGMENTS] = {0.3, 0.3, 0.2, 0.2};
const double crm_synth_price_sense[SYNTH_SEGMENTS] = {1, -1, -1, 1};
const double crm_synth_mix[SYNTH_SEGMENTS][SYNTH_GROUPS] = {
    {0.10, 0.20, 0.15, 0.35, 0.12, 0.08},
    {0.08, 0.15, 0.27, 0.35, 0.07, 0.08},
    {0.30, 0.20, 0.15, 0.08, 0.17, 0.10},
    {0.20, 0.20, 0.15, 0.15, 0.15, 0.15},
};
static const double city_share[SYNTH_CITIES] = {0.17, 0.11, 0.09, 0.08, 0.06, 0.06, 0.05,
                                                0.05, 0.05, 0.04, 0.03, 0.03, 0.03, 0.03,
                                                0.02, 0.02, 0.02, 0.02, 0.02, 0.02};
static const double contact_share[SYNTH_SEGMENTS][4] = {{0.35, 0.40, 0.15, 0.10},
                                                        {0.40, 0.20, 0.30, 0.10},
                                                        {0.35, 0.35, 0.20, 0.10},
                                                        {0.40, 0.20, 0.25, 0.15}};
static const double plan_share[SYNTH_SEGMENTS][3] = {
    {0.60, 0.30, 0.10}, {0.40, 0.40, 0.20}, {0.20, 0.35, 0.45}, {0.55, 0.30, 0.15}};
static const double payment_share[3] = {0.55, 0.25, 0.20};
static const double mean_income[SYNTH_SEGMENTS] = {32, 48, 80, 40}; /* thousand dollars */

crm_rng crm_synth_rng(const synth_person *p, int k)
{
    return crm_rng_at(p->seed, CRM_RNG_SYNTH + (uint32_t)k, p->epoch, p->id);
}

int crm_synth_pick(crm_rng *r, const double *share, int n)
{
    double u = (crm_rng_u32(r) + 0.5) * 0x1p-32, sum = share[0];
    int i = 0;

    while (u > sum && i < n - 1)
        sum += share[++i];
    return i;
}

float crm_synth_day(int month, double u)
{
    /* a little off both ends, so that rounding to float cannot reach the next month */
    return (float)(SYNTH_DAYS / 12.0 * (SYNTH_MONTHS - month - (0.0005 + 0.999 * u)));
}

void crm_synth_latent(synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_LATENT);
    double w = 0;

    p->segment = crm_synth_pick(&r, crm_synth_prior, SYNTH_SEGMENTS);
    p->hidden = crm_rng_normal(&r);
    p->trait = crm_rng_normal(&r);
    for (int m = 0; m < SYNTH_MONTHS; m++) {
        /* .95 + .05 * 9 = 1.4 is the variance of the mixture */
        double width = crm_rng_below(&r, 20) == 0 ? 3 : 1, e = crm_rng_normal(&r);
        w = m == 0 ? e : 0.8 * w + 0.6 * e * width / sqrt(1.4);
        p->path[m] = sqrt(0.4) * p->trait + sqrt(0.6) * w;
    }
}

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

void crm_synth_profile(synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_PROFILE);
    double u = crm_rng_uniform(&r), loyalty, income;

    p->num[NUM_AGE] = (float)(18 + floor(58 * (u + crm_rng_uniform(&r)) / 2));
    loyalty = 3.1 + 0.5 * p->trait + 1.1 * crm_rng_normal(&r);
    p->num[NUM_LOYALTY] = (float)clamp(floor(loyalty + 0.5), 1, 5);
    u = crm_rng_uniform(&r);
    p->num[NUM_TENURE] = (float)(12 + floor(109 * u * u)); /* all were customers for the window */
    income = mean_income[p->segment] * crm_exp(0.3 * crm_rng_normal(&r));
    p->num[NUM_INCOME] = (float)(floor(10 * income + 0.5) / 10);
    if (crm_rng_below(&r, 20) == 0) p->num[NUM_INCOME] = NAN; /* not told */
    p->num[NUM_HOUSEHOLD] = (float)(1 + crm_rng_below(&r, p->segment == 1 ? 5 : 3));
    p->num[NUM_NEWSLETTER] = (float)crm_rng_below(&r, 2);
    p->cat[CAT_LOCATION] = crm_synth_pick(&r, city_share, SYNTH_CITIES);
    p->cat[CAT_CHANNEL] = crm_synth_pick(&r, contact_share[p->segment], 4);
    p->cat[CAT_PLAN] = crm_synth_pick(&r, plan_share[p->segment], 3);
    p->cat[CAT_PAYMENT] = crm_synth_pick(&r, payment_share, 3);
}
