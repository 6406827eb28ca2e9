/* synth_model.c - fits what makes the options mean the same at every setting: a pilot sample of
 * customers of its own (never part of a data set) gives mean and spread of each term of the
 * log-odds, and the intercepts at which its mean probabilities are the rates asked for. */
#include <math.h>

#include "crmpi/base_math.h"
#include "crmpi/base_mem.h"
#include "synth_impl.h"

enum { PILOT = 8192, HALVINGS = 60 };

static void blocks(const synth_model *m, uint64_t id, uint32_t epoch, synth_person *p)
{
    p->seed = (uint64_t)m->cfg.seed;
    p->id = id;
    p->epoch = epoch;
    crm_synth_latent(p);
    crm_synth_profile(p);
    crm_synth_documents(m, p);
    crm_synth_activity(m, p);
    crm_synth_terms(p);
}

void crm_synth_person(const synth_model *m, uint64_t id, synth_person *p)
{
    blocks(m, id, 0, p);
    crm_synth_labels(m, p);
    crm_synth_ahead(m, p);
    crm_synth_survey(m, p);
}

/* Mean and standard deviation of each term over the pilot's rows; a constant term keeps scale 1. */
static void measure(synth_model *m, double (*term)[TERM_COUNT])
{
    for (int t = 0; t < TERM_COUNT; t++) {
        double sum = 0, square = 0;
        for (int i = 0; i < PILOT; i++)
            sum += term[i][t];
        m->mean[t] = sum / PILOT;
        for (int i = 0; i < PILOT; i++)
            square += (term[i][t] - m->mean[t]) * (term[i][t] - m->mean[t]);
        m->scale[t] = square > 0 ? sqrt(square / PILOT) : 1;
    }
}

/* The intercept at which the mean of sigmoid(intercept + odds) is rate, by bisection. */
static double intercept(const double *odds, double rate)
{
    double lo = -60, hi = 60;

    for (int k = 0; k < HALVINGS; k++) {
        double mid = (lo + hi) / 2, sum = 0;
        for (int i = 0; i < PILOT; i++)
            sum += crm_sigmoid(mid + odds[i]);
        if (sum < rate * PILOT)
            lo = mid;
        else
            hi = mid;
    }
    return (lo + hi) / 2;
}

static crm_status fit(synth_model *m)
{
    double(*term)[TERM_COUNT] = NULL, *churn = NULL, *next = NULL;
    synth_person *p = NULL;
    crm_status st = CRM_OK;

    CRM_NEW_TO(st, done, term, PILOT);
    CRM_NEW_TO(st, done, churn, PILOT);
    CRM_NEW_TO(st, done, next, PILOT);
    CRM_NEW_TO(st, done, p, 1);
    for (int i = 0; i < PILOT; i++) {
        blocks(m, (uint64_t)i, 1, p);
        for (int t = 0; t < TERM_COUNT; t++)
            term[i][t] = p->term[t];
    }
    measure(m, term);
    for (int i = 0; i < PILOT; i++)
        crm_synth_odds(m, term[i], &churn[i], &next[i]);
    m->churn0 = intercept(churn, m->cfg.churn_rate);
    m->next0 = intercept(next, m->cfg.next_rate);
done:
    crm_mem_free(term);
    crm_mem_free(churn);
    crm_mem_free(next);
    crm_mem_free(p);
    return st;
}

crm_status crm_synth_model_new(const crm_synth_cfg *cfg, synth_model *m)
{
    *m = (synth_model){.cfg = *cfg};
    CRM_TRY(crm_synth_lexicon_new(&m->lexicon));
    return fit(m);
}

void crm_synth_model_free(synth_model *m)
{
    crm_synth_lexicon_free(&m->lexicon);
}
