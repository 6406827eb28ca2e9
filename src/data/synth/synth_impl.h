/* synth_impl.h - one customer in the making, and the model that makes it (inside room synth). */
#ifndef SYNTH_IMPL_H
#define SYNTH_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_rng.h"
#include "crmpi/synth.h"

enum {
    SYNTH_MONTHS = 12,
    SYNTH_AHEAD = 3, /* months of the label window     */
    SYNTH_DAYS = 365,
    SYNTH_SEGMENTS = 4,
    SYNTH_GROUPS = 6,    /* groups of products             */
    SYNTH_PRODUCTS = 24, /* four in each group             */
    SYNTH_CITIES = 20,
    SYNTH_EVENTS_MAX = 50,
    SYNTH_OF_KIND_MAX = 8, /* documents of one kind          */
    SYNTH_DOCS_MAX = 3 * SYNTH_OF_KIND_MAX,
    SYNTH_TOKENS_MAX = 80 * SYNTH_DOCS_MAX,
    SYNTH_DOC_CLASSES = 5 /* at most, of a target of documents */
};

/* Codes of events after the products. */
enum { SYNTH_VISIT = SYNTH_PRODUCTS, SYNTH_RETURN, SYNTH_TICKET, SYNTH_CATEGORIES };
enum { NUM_AGE, NUM_LOYALTY, NUM_TENURE, NUM_INCOME, NUM_HOUSEHOLD, NUM_NEWSLETTER, NUM_COUNT };
enum { CAT_LOCATION, CAT_CHANNEL, CAT_PLAN, CAT_PAYMENT, CAT_COUNT };
enum { VAL_AMOUNT, VAL_DISCOUNT, VAL_QUANTITY, VAL_GAP, VAL_HOUR, VAL_ONLINE, VAL_COUNT };
enum { DOC_REVIEW, DOC_TICKET, DOC_MENTION, DOC_KINDS };
enum { ENTITY_PRODUCT = 1, ENTITY_PLACE = 3 }; /* of crm_synth_entities: B; I is the next one */
enum { DOC_STARS, DOC_SENTIMENT, DOC_ISSUE, DOC_STATUS, DOC_TARGETS };
enum {
    CH_SPEND,
    CH_PURCHASES,
    CH_UNITS,
    CH_SAVED,
    CH_RETURNS,
    CH_VISITS,
    CH_TICKETS,
    CH_SESSIONS,
    CH_OPENS,
    CH_MINUTES,
    CH_GROUP, /* spend in each group of products */
    CH_COUNT = CH_GROUP + SYNTH_GROUPS
};

/* Terms of the log-odds; weights in synth_target.c. */
enum {
    TERM_LOYALTY,
    TERM_TENURE,
    TERM_AGE,
    TERM_PLAN,
    TERM_INVOICE,
    TERM_SESSIONS_CHANGE,
    TERM_PURCHASES_LATE,
    TERM_RETURNS,
    TERM_TICKETS,
    TERM_DROP_PRICE,
    TERM_FALL_LOYALTY,
    TERM_ORDER,
    TERM_TEXT_PRICE,
    TERM_PENDING_DROP,
    TERM_HIDDEN,
    TERM_COUNT
};

/* Random streams CRM_RNG_SYNTH + k; numbers never change. */
enum {
    K_LATENT,
    K_PROFILE,
    K_DOCUMENTS,
    K_TEXT,
    K_EVENTS,
    K_MONTHS,
    K_LABELS,
    K_SURVEY,
    K_AHEAD,
    K_CATEGORY
};

typedef struct synth_event {
    float time; /* days before the end of the window */
    int16_t category;
    int16_t month;
    float value[VAL_COUNT];
} synth_event;

typedef struct synth_doc {
    float time;
    int8_t kind, month;
    int8_t stars;    /* reviews: 1..5                                          */
    int8_t polarity; /* reviews, mentions: -1, 0, +1                           */
    int8_t issue;    /* tickets: 0..3                                          */
    int8_t pending;  /* tickets: 1 when it was not resolved                    */
    int8_t product;
    int32_t n_tokens;
    int32_t label[DOC_TARGETS];              /* -1 = missing */
    float p[DOC_TARGETS][SYNTH_DOC_CLASSES]; /* of the label; NaN where it is missing */
} synth_doc;

typedef struct synth_person {
    uint64_t seed, id;
    uint32_t epoch; /* 0 customers, 1 the pilot sample */
    /* latent */
    int segment;
    double path[SYNTH_MONTHS]; /* satisfaction, mean 0 and variance 1 over customers */
    double trait;              /* its constant part                                  */
    double hidden;             /* seen in no block                                   */
    double handled;            /* returns handled badly minus those handled well     */
    double habit;              /* factor of the rate of purchases, mean 1            */
    /* blocks */
    float num[NUM_COUNT];
    int32_t cat[CAT_COUNT];
    float month[CH_COUNT][SYNTH_MONTHS];
    int n_events, n_purchases, n_docs, n_tokens;
    synth_event event[SYNTH_EVENTS_MAX];
    synth_doc doc[SYNTH_DOCS_MAX];
    int32_t token[SYNTH_TOKENS_MAX];
    int32_t entity[SYNTH_TOKENS_MAX]; /* class of crm_synth_entities of each token */
    /* targets */
    double term[TERM_COUNT];
    int32_t churn, next, label_segment;
    float p_churn[2], p_next[2], p_segment[SYNTH_SEGMENTS];
    float ahead[SYNTH_AHEAD], mean_ahead[SYNTH_AHEAD]; /* purchases, their true means */
    int32_t next_category;                             /* -1: no purchase ahead       */
    float p_category[SYNTH_GROUPS];
    float before, after;
    int32_t treated;
} synth_person;

/* Grammar compiled to codes: code >= 0 is a word of the dictionary, else see synth_text.c. */
typedef struct synth_lexicon {
    int n_words, n_rules, n_phrases, n_codes;
    const char **word;
    char *text;            /* storage of the words */
    int32_t *rule_first;   /* [n_rules + 1] phrases of a rule   */
    int32_t *phrase_first; /* [n_phrases + 1] codes of a phrase */
    int32_t *code;
} synth_lexicon;

typedef struct synth_model {
    crm_synth_cfg cfg;
    synth_lexicon lexicon;
    double mean[TERM_COUNT], scale[TERM_COUNT]; /* of the terms, from the pilot sample */
    double churn0, next0;                       /* intercepts                          */
} synth_model;

/* A rule of the grammar: phrases of words, "$rule", "@p" (product) and "@c" (city). */
typedef struct synth_rule {
    const char *name;
    const char *const *phrase; /* ends in NULL */
} synth_rule;

/* synth_names.c, synth_words.c: tables, each ending in NULL */
extern const char *const crm_synth_segments[],
    *const crm_synth_channels[],
        *const crm_synth_categories[],
            *const crm_synth_numbers[],
                *const crm_synth_profile_num[],
                    *const crm_synth_profile_cat[],
                        *const crm_synth_contact[],
                            *const crm_synth_plans[],
                                *const crm_synth_payments[],
                                    *const crm_synth_kinds[],
                                        *const crm_synth_star_names[],
                                            *const crm_synth_sentiments[],
                                                *const crm_synth_issues[],
                                                    *const crm_synth_status[],
                                                        *const crm_synth_entities[],
                                                            *const crm_synth_yes_no[],
                                                                *const crm_synth_churn_names[];
extern const char *const crm_synth_groups[], *const crm_synth_months_ahead[];
extern const char *const crm_synth_cities[];
extern const synth_rule crm_synth_grammar[];
int crm_synth_names_count(const char *const *names);

/* synth_latent.c */
extern const double crm_synth_price_sense[SYNTH_SEGMENTS]; /* +1 or -1                     */
extern const double crm_synth_prior[SYNTH_SEGMENTS];
extern const double crm_synth_mix[SYNTH_SEGMENTS][SYNTH_GROUPS]; /* share of the groups    */
crm_rng crm_synth_rng(const synth_person *p, int k);
/* Index i with probability share[i]; the shares sum to 1. */
int crm_synth_pick(crm_rng *r, const double *share, int n);
/* Days before the end of the window of a moment in a month, u in (0, 1). */
float crm_synth_day(int month, double u);
void crm_synth_latent(synth_person *p);
void crm_synth_profile(synth_person *p);
/* synth_activity.c */
extern const double crm_synth_season[SYNTH_MONTHS]; /* factor of a month's purchases */
/* after the documents, whose tickets are events too */
void crm_synth_activity(const synth_model *m, synth_person *p);
/* synth_documents.c */
void crm_synth_documents(const synth_model *m, synth_person *p);
/* synth_text.c */
CRM_CHECKED crm_synth_lexicon_new(synth_lexicon *x);
void crm_synth_lexicon_free(synth_lexicon *x);
int crm_synth_lexicon_rule(const char *name);
/* Append a random phrase of a rule to p->token, about a document's product and the home city. */
void crm_synth_say(const synth_lexicon *x, crm_rng *r, synth_person *p, const synth_doc *d,
                   int rule);
/* synth_target.c */
void crm_synth_terms(synth_person *p);
/* Log-odds without intercept. */
void crm_synth_odds(const synth_model *m, const double *term, double *churn, double *next);
void crm_synth_labels(const synth_model *m, synth_person *p);
void crm_synth_survey(const synth_model *m, synth_person *p);
/* synth_ahead.c: after the labels */
void crm_synth_ahead(const synth_model *m, synth_person *p);
/* synth_model.c */
CRM_CHECKED crm_synth_model_new(const crm_synth_cfg *cfg, synth_model *m);
void crm_synth_model_free(synth_model *m);
/* Everything of customer id; p need not be cleared. */
void crm_synth_person(const synth_model *m, uint64_t id, synth_person *p);
#endif
