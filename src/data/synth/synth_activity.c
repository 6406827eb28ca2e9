/* synth_activity.c - events of a customer and their sums by month.
 *
 * Counts of a month are Poisson; their rates grow with satisfaction s (returns: fall) as exp(a s),
 * divided by the mean exp(a^2/2).  Each return brings a visit and a purchase in the same month: the
 * one right after the return tells whether it was handled well (purchase) or badly (visit), the
 * other comes at any time.  So counts, also by month, know nothing of it; order does. */
#include <math.h>
#include <string.h>

#include "crmpi/base_math.h"
#include "synth_impl.h"

/* Mean 1 over the year; December is high. */
const double crm_synth_season[SYNTH_MONTHS] = {0.82, 0.80, 0.92, 0.95, 1.02, 1.00,
                                               0.92, 0.90, 0.98, 1.05, 1.22, 1.42};
static const double frequency[SYNTH_SEGMENTS] = {1.1, 1.4, 0.75, 0.5}; /* mean 1 by the priors */
static const double price_level[SYNTH_SEGMENTS] = {0.75, 1.0, 1.5, 1.0};
static const double discount_share[SYNTH_SEGMENTS] = {0.75, 0.35, 0.12, 0.65};
static const double price[SYNTH_PRODUCTS] = {300, 380, 70, 220, 85, 65, 60, 45, 30,  340, 28, 110,
                                             14,  18,  10, 9,   55, 10, 14, 8,  310, 100, 55, 360};

/* A moment in a month: the event there, still without its numbers. */
static synth_event *add(synth_person *p, int category, int month, double u)
{
    synth_event *e = &p->event[p->n_events++];

    e->category = (int16_t)category;
    e->month = (int16_t)month;
    e->time = crm_synth_day(month, u);
    return e;
}

static double uniform32(crm_rng *r)
{
    return (crm_rng_u32(r) + 0.5) * 0x1p-32;
}

static int product(crm_rng *r, const synth_person *p)
{
    int group = crm_synth_pick(r, crm_synth_mix[p->segment], SYNTH_GROUPS);

    return 4 * group + (int)crm_rng_below(r, 4);
}

/* Take away from the fullest months until the sum is at most room; returns the sum. */
static int trim(int *count, int room)
{
    int sum = 0;

    for (int m = 0; m < SYNTH_MONTHS; m++)
        sum += count[m];
    for (; sum > room; sum--) {
        int full = 0;
        for (int m = 1; m < SYNTH_MONTHS; m++)
            if (count[m] > count[full]) full = m;
        count[full]--;
    }
    return sum;
}

/* Poisson counts of each month: rate a month times season times exp(a s_m) over its mean. */
static void counts(crm_rng *r, const synth_person *p, double rate, double a, bool seasonal,
                   int *out)
{
    for (int m = 0; m < SYNTH_MONTHS; m++) {
        double lambda = rate * crm_exp(a * p->path[m] - a * a / 2);
        if (seasonal) lambda *= crm_synth_season[m];
        out[m] = crm_rng_poisson(r, lambda < 200 ? lambda : 200); /* as far as it goes */
    }
}

static void add_return(crm_rng *r, synth_person *p, int month)
{
    bool well = uniform32(r) < crm_sigmoid(0.5 * p->path[month]);
    double u = 0.97 * uniform32(r), soon = u + 0.002 + 0.02 * uniform32(r), any = uniform32(r);

    p->handled += well ? -1 : 1;
    add(p, SYNTH_RETURN, month, u);
    add(p, product(r, p), month, well ? soon : any);
    add(p, SYNTH_VISIT, month, well ? any : soon);
}

static void place(const synth_model *m, synth_person *p, crm_rng *r)
{
    int buys[SYNTH_MONTHS], visits[SYNTH_MONTHS], returns[SYNTH_MONTHS], room = SYNTH_EVENTS_MAX;
    double habit = crm_exp(0.35 * crm_rng_normal(r) - 0.06125) * frequency[p->segment];

    p->habit = habit;
    counts(r, p, m->cfg.purchases / 12 * habit, 0.25, true, buys);
    counts(r, p, m->cfg.visits / 12, 0.2, false, visits);
    counts(r, p, m->cfg.returns / 12, -0.3, false, returns);
    for (int d = 0; d < p->n_docs; d++)
        room -= p->doc[d].kind == DOC_TICKET;
    room -= 3 * trim(returns, 8);
    room -= trim(buys, room);
    (void)trim(visits, room);
    for (int t = 0; t < SYNTH_MONTHS; t++) {
        for (int i = 0; i < returns[t]; i++)
            add_return(r, p, t);
        for (int i = 0; i < buys[t]; i++) {
            int what = product(r, p);
            add(p, what, t, uniform32(r));
        }
        for (int i = 0; i < visits[t]; i++)
            add(p, SYNTH_VISIT, t, uniform32(r));
    }
    for (int d = 0; d < p->n_docs; d++)
        if (p->doc[d].kind == DOC_TICKET)
            add(p, SYNTH_TICKET, p->doc[d].month, 0)->time = p->doc[d].time;
}

/* Oldest first; insertion keeps the order of equal times. */
static void sort(synth_person *p)
{
    for (int i = 1; i < p->n_events; i++) {
        synth_event e = p->event[i];
        int j = i;
        for (; j > 0 && p->event[j - 1].time < e.time; j--)
            p->event[j] = p->event[j - 1];
        p->event[j] = e;
    }
}

/* Numbers of a purchase or, with the same law, of what is returned. */
static void buy(const synth_model *m, synth_person *p, crm_rng *r, synth_event *e, double after)
{
    int what = e->category < SYNTH_PRODUCTS ? e->category : product(r, p);
    uint32_t bits = crm_rng_u32(r);
    int quantity = price[what] < 20 ? 1 + (int)(bits & 3) : 1 + ((bits & 15) == 0);
    double discount = uniform32(r) < discount_share[p->segment] ? 0.05 * (1 + (bits >> 4 & 7)) : 0;
    double spread = 0.2 + 0.2 * m->cfg.noise, amount;

    amount = crm_exp(0.1 * p->path[e->month] + spread * crm_rng_normal(r)) * after;
    amount *= price[what] * price_level[p->segment] * quantity * (1 - discount);
    amount = floor(100 * amount + 0.5) / 100;
    e->value[VAL_AMOUNT] = (float)(amount < 5 ? 5 : amount > 500 ? 500 : amount);
    e->value[VAL_DISCOUNT] = (float)discount;
    e->value[VAL_QUANTITY] = (float)quantity;
}

static void fill_numbers(const synth_model *m, synth_person *p, crm_rng *r)
{
    static const uint32_t online[4] = {230, 240, 60, 128}; /* of 256, by channel of contact */
    double after = 1;                                      /* pending tickets so far: 0.8 each */
    float last = SYNTH_DAYS;
    int ticket = 0;

    for (int i = 0; i < p->n_events; i++) {
        synth_event *e = &p->event[i];
        uint32_t bits = crm_rng_u32(r);
        memset(e->value, 0, sizeof e->value);
        if (e->category == SYNTH_TICKET) {
            while (p->doc[ticket].kind != DOC_TICKET)
                ticket++; /* tickets are in the same order in both lists */
            if (p->doc[ticket++].pending) after *= 0.8;
        } else if (e->category != SYNTH_VISIT) {
            buy(m, p, r, e, after);
        }
        e->value[VAL_GAP] = last - e->time;
        e->value[VAL_HOUR] = (float)(8 + (bits & 7) + (bits >> 3 & 7));
        e->value[VAL_ONLINE] = (bits >> 8 & 255) < online[p->cat[CAT_CHANNEL]];
        last = e->time;
    }
}

static void sum_event(synth_person *p, const synth_event *e)
{
    int t = e->month;

    if (e->category >= SYNTH_PRODUCTS) {
        int channel = e->category == SYNTH_VISIT    ? CH_VISITS
                      : e->category == SYNTH_RETURN ? CH_RETURNS
                                                    : CH_TICKETS;
        p->month[channel][t]++;
        return;
    }
    p->n_purchases++;
    p->month[CH_SPEND][t] += e->value[VAL_AMOUNT];
    p->month[CH_PURCHASES][t]++;
    p->month[CH_UNITS][t] += e->value[VAL_QUANTITY];
    p->month[CH_SAVED][t] += e->value[VAL_AMOUNT] * e->value[VAL_DISCOUNT];
    p->month[CH_GROUP + e->category / 4][t] += e->value[VAL_AMOUNT];
}

/* Channels that no event shows: sessions in the app, opened letters, minutes of use. */
static void usage(const synth_model *m, synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_MONTHS);
    double habit = crm_exp(0.2 * crm_rng_normal(&r) - 0.02);
    int sessions[SYNTH_MONTHS], opens[SYNTH_MONTHS];

    counts(&r, p, 30 * habit, 0.5, false, sessions);
    counts(&r, p, 15, 0.5, false, opens);
    for (int t = 0; t < SYNTH_MONTHS; t++) {
        double minutes = sessions[t] * crm_exp(1.5 + 0.2 * p->path[t] +
                                               (0.05 + 0.15 * m->cfg.noise) * crm_rng_normal(&r));
        p->month[CH_SESSIONS][t] = (float)sessions[t];
        p->month[CH_OPENS][t] = (float)opens[t];
        p->month[CH_MINUTES][t] = (float)floor(minutes + 0.5);
    }
}

void crm_synth_activity(const synth_model *m, synth_person *p)
{
    crm_rng r = crm_synth_rng(p, K_EVENTS);

    p->n_events = p->n_purchases = 0;
    p->handled = 0;
    memset(p->month, 0, sizeof p->month);
    place(m, p, &r);
    sort(p);
    fill_numbers(m, p, &r);
    for (int i = 0; i < p->n_events; i++)
        sum_event(p, &p->event[i]);
    usage(m, p);
}
