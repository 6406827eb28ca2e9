/* synth_documents.c - reviews, tickets and mentions: when, in which mood, and what they say.
 *
 * Numbers are Poisson.  A review has stars 3.3 + s + noise, a mention a mood by s + noise, where s
 * is the satisfaction of the month; tickets come more often when s is low and are resolved more
 * often when it is high.  The text repeats the mood sentence by sentence, with slips. */
#include <math.h>

#include "crmpi/base_math.h"
#include "synth_impl.h"

/* Rules of the grammar that texts start from. */
enum {
    SAY_OPENING,
    SAY_CLOSING,
    SAY_RAVE,
    SAY_PRAISE,
    SAY_NEUTRAL,
    SAY_COMPLAINT,
    SAY_RANT,
    SAY_NEWS,
    SAY_GREETING,
    SAY_TECHNICAL,
    SAY_BILLING,
    SAY_DELIVERY,
    SAY_ACCOUNT,
    SAY_RESOLVED,
    SAY_PENDING,
    SAY_COUNT
};
static const char *const starts[] = {"opening",   "closing",  "rave",    "praise",   "neutral",
                                     "complaint", "rant",     "news",    "greeting", "technical",
                                     "billing",   "delivery", "account", "resolved", "pending"};
_Static_assert(sizeof starts / sizeof *starts == SAY_COUNT, "rules that texts start from");

static const double issue_share[SYNTH_SEGMENTS][4] = {
    {0.2, 0.4, 0.25, 0.15}, {0.25, 0.2, 0.4, 0.15}, {0.45, 0.2, 0.15, 0.2}, {0.2, 0.2, 0.25, 0.35}};

typedef struct speaker {
    const synth_model *model;
    synth_person *person;
    synth_doc *doc;
    crm_rng rng;
} speaker;

static bool chance(crm_rng *r, double share)
{
    return (crm_rng_u32(r) + 0.5) * 0x1p-32 < share;
}

static void say(speaker *s, int start)
{
    crm_synth_say(&s->model->lexicon, &s->rng, s->person, s->doc,
                  crm_synth_lexicon_rule(starts[start]));
}

/* One sentence of a mood -2..2; a slip turns it round. */
static void say_mood(speaker *s, int mood)
{
    if (chance(&s->rng, 0.04 * s->model->cfg.noise)) mood = -mood;
    say(s, SAY_NEUTRAL - mood);
}

static void say_review(speaker *s)
{
    int mood = s->doc->stars - 3, n = 2 + (int)crm_rng_below(&s->rng, 3);

    if (chance(&s->rng, 0.6)) say(s, SAY_OPENING);
    for (int i = 0; i < n; i++)
        /* three stars: good and bad in turn, or neither */
        say_mood(s, mood ? mood : (int)crm_rng_below(&s->rng, 3) - 1);
    if (chance(&s->rng, 0.4)) say(s, SAY_CLOSING);
}

static void say_mention(speaker *s)
{
    int mood = s->doc->polarity, n = 1 + (int)crm_rng_below(&s->rng, 2);

    if (chance(&s->rng, 0.4)) say(s, SAY_NEWS);
    for (int i = 0; i < n; i++)
        say_mood(s, mood * (1 + (int)crm_rng_below(&s->rng, 2)));
}

static void say_ticket(speaker *s)
{
    int start = SAY_TECHNICAL + s->doc->issue;

    if (chance(&s->rng, 0.4)) say(s, SAY_GREETING);
    say(s, start);
    if (chance(&s->rng, 0.5)) say(s, start);
    say(s, s->doc->pending ? SAY_PENDING : SAY_RESOLVED);
}

static synth_doc *add(synth_person *p, int kind, int month, crm_rng *r)
{
    synth_doc *d = &p->doc[p->n_docs++];

    *d = (synth_doc){.kind = (int8_t)kind, .month = (int8_t)month};
    d->time = crm_synth_day(month, (crm_rng_u32(r) + 0.5) * 0x1p-32);
    d->product = (int8_t)(4 * crm_synth_pick(r, crm_synth_mix[p->segment], SYNTH_GROUPS) +
                          (int)crm_rng_below(r, 4));
    return d;
}

static int at_most(int n, int limit)
{
    return n < limit ? n : limit;
}

static void add_reviews(const synth_model *m, synth_person *p, crm_rng *r)
{
    int n = at_most(crm_rng_poisson(r, m->cfg.reviews), SYNTH_OF_KIND_MAX);

    for (int i = 0; i < n; i++) {
        synth_doc *d = add(p, DOC_REVIEW, (int)crm_rng_below(r, SYNTH_MONTHS), r);
        double stars = floor(3.8 + p->path[d->month] + 0.7 * crm_rng_normal(r));
        d->stars = (int8_t)(stars < 1 ? 1 : stars > 5 ? 5 : stars);
        d->polarity = (int8_t)((d->stars > 3) - (d->stars < 3));
    }
}

static void add_mentions(const synth_model *m, synth_person *p, crm_rng *r)
{
    int n = at_most(crm_rng_poisson(r, m->cfg.mentions), SYNTH_OF_KIND_MAX);

    for (int i = 0; i < n; i++) {
        synth_doc *d = add(p, DOC_MENTION, (int)crm_rng_below(r, SYNTH_MONTHS), r);
        double mood = p->path[d->month] + 0.6 * crm_rng_normal(r);
        d->polarity = (int8_t)((mood > 0.5) - (mood < -0.5));
    }
}

static void add_tickets(const synth_model *m, synth_person *p, crm_rng *r)
{
    int left = SYNTH_OF_KIND_MAX;

    for (int t = 0; t < SYNTH_MONTHS; t++) {
        double rate = m->cfg.tickets / 12 * crm_exp(-0.5 * p->path[t] - 0.125);
        int n = at_most(crm_rng_poisson(r, rate), left);
        left -= n;
        for (; n > 0; n--) {
            synth_doc *d = add(p, DOC_TICKET, t, r);
            d->issue = (int8_t)crm_synth_pick(r, issue_share[p->segment], 4);
            d->pending = !chance(r, crm_sigmoid(0.5 + 0.7 * p->path[t]));
        }
    }
}

static void sort(synth_person *p) /* oldest first */
{
    for (int i = 1; i < p->n_docs; i++) {
        synth_doc d = p->doc[i];
        int j = i;
        for (; j > 0 && p->doc[j - 1].time < d.time; j--)
            p->doc[j] = p->doc[j - 1];
        p->doc[j] = d;
    }
}

void crm_synth_documents(const synth_model *m, synth_person *p)
{
    static void (*const write[DOC_KINDS])(speaker *) = {say_review, say_ticket, say_mention};
    crm_rng r = crm_synth_rng(p, K_DOCUMENTS);
    speaker s = {m, p, NULL, crm_synth_rng(p, K_TEXT)};

    p->n_docs = p->n_tokens = 0;
    add_reviews(m, p, &r);
    add_tickets(m, p, &r);
    add_mentions(m, p, &r);
    sort(p);
    for (int i = 0; i < p->n_docs; i++) {
        int before = p->n_tokens;
        s.doc = &p->doc[i];
        write[s.doc->kind](&s);
        s.doc->n_tokens = p->n_tokens - before;
    }
}
