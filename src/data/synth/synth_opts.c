/* synth_opts.c - the options of the generator. */
#include "crmpi/synth.h"

#define INT(f, d, lo, hi, u, h)  CRM_OPT_I(crm_synth_cfg, f, "synth." #f, d, lo, hi, u, 0, h)
#define REAL(f, d, lo, hi, u, h) CRM_OPT_R(crm_synth_cfg, f, "synth." #f, d, lo, hi, u, 0, h)

const crm_opt crm_synth_opts[] = {
    INT(customers, 20000, 1, 1e9, "customers", "Number of synthetic customers."),
    INT(seed, 1, 0, 9e15, "1", "Seed of the generator."),
    REAL(signal, 1, 0, 2, "1",
         "Strength of what drives the labels; 0 makes them independent of everything observed."),
    REAL(interactions, 1, 0, 2, "1",
         "Strength of products across blocks; 0 makes churn log-odds linear in the flat view."),
    REAL(noise, 1, 0, 2, "1",
         "Strength of the hidden part of the log-odds and of noise in amounts and texts."),
    REAL(purchases, 12, 0, 24, "per year", "Mean purchases of a customer in the 12 months."),
    REAL(visits, 4, 0, 12, "per year", "Mean visits without purchase of a customer."),
    REAL(returns, 1.3, 0, 3, "per year",
         "Mean returns of a customer; each brings one more visit and purchase."),
    REAL(reviews, 0.2, 0, 2, "per year", "Mean product reviews of a customer."),
    REAL(tickets, 0.1, 0, 2, "per year", "Mean support tickets of a customer."),
    REAL(mentions, 0.5, 0, 2, "per year", "Mean public mentions by a customer."),
    REAL(churn_rate, 0.2, 0.02, 0.98, "1", "Share of customers who churn in the label window."),
    REAL(next_rate, 0.6, 0.02, 0.98, "1", "Share of customers who buy in the label window."),
    REAL(surveyed, 0.2, 0, 1, "1", "Share of customers asked for their satisfaction."),
    REAL(lift, 0.35, 0, 0.5, "points", "True effect of the measure on surveyed satisfaction."),
    INT(entities, 0, 0, 1, "1",
        "1: a target of tokens, entity, marks the products and cities that texts name; 0: none."),
    INT(document_oracle, 0, 0, 1, "1",
        "1: the true probabilities of stars, sentiment, issue and status are stored, so that "
        "studies of documents have an oracle; 0: not."),
    {.key = NULL},
};
