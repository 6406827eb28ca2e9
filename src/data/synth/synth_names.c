/* synth_names.c - names of classes, columns, channels and codes. */
#include <stddef.h>

#include "synth_impl.h"

const char *const crm_synth_segments[] = {"bargain", "family", "premium", "occasional", NULL};
const char *const crm_synth_channels[] = {"spend",
                                          "purchases",
                                          "units",
                                          "saved",
                                          "returns",
                                          "visits",
                                          "tickets",
                                          "sessions",
                                          "opens",
                                          "minutes",
                                          "spend_electronics",
                                          "spend_fashion",
                                          "spend_home",
                                          "spend_grocery",
                                          "spend_beauty",
                                          "spend_sports",
                                          NULL};
const char *const crm_synth_categories[] = {
    "phone",  "laptop",    "headphones", "camera",  "jacket",   "shoes",  "dress",
    "jeans",  "lamp",      "sofa",       "kettle",  "carpet",   "coffee", "wine",
    "cheese", "chocolate", "perfume",    "shampoo", "lipstick", "soap",   "bicycle",
    "tent",   "racket",    "treadmill",  "visit",   "return",   "ticket", NULL};
const char *const crm_synth_numbers[] = {"amount", "discount", "quantity", "gap_days",
                                         "hour",   "online",   NULL};
const char *const crm_synth_profile_num[] = {
    "age", "loyalty", "tenure_months", "income", "household", "newsletter", NULL};
const char *const crm_synth_profile_cat[] = {"location", "channel", "plan", "payment", NULL};
const char *const crm_synth_contact[] = {"web", "app", "store", "phone", NULL};
const char *const crm_synth_plans[] = {"basic", "plus", "premium", NULL};
const char *const crm_synth_payments[] = {"card", "wallet", "invoice", NULL};
const char *const crm_synth_kinds[] = {"review", "ticket", "mention", NULL};
const char *const crm_synth_star_names[] = {"1", "2", "3", "4", "5", NULL};
const char *const crm_synth_sentiments[] = {"negative", "neutral", "positive", NULL};
const char *const crm_synth_issues[] = {"technical", "billing", "delivery", "account", NULL};
const char *const crm_synth_entities[] = {"O",       "B-product", "I-product",
                                          "B-place", "I-place",   NULL};
const char *const crm_synth_status[] = {"resolved", "pending", NULL};
const char *const crm_synth_yes_no[] = {"no", "yes", NULL};
const char *const crm_synth_groups[] = {"electronics", "fashion", "home", "grocery",
                                        "beauty",      "sports",  NULL};
const char *const crm_synth_months_ahead[] = {"month_1", "month_2", "month_3", NULL};
const char *const crm_synth_churn_names[] = {"stays", "churns", NULL};
const char *const crm_synth_cities[] = {
    "new york",  "los angeles", "chicago",  "houston",   "phoenix", "philadelphia", "san antonio",
    "san diego", "dallas",      "austin",   "columbus",  "denver",  "seattle",      "boston",
    "detroit",   "memphis",     "portland", "baltimore", "atlanta", "miami",        NULL};

_Static_assert(sizeof crm_synth_channels / sizeof *crm_synth_channels == CH_COUNT + 1, "channels");
_Static_assert(sizeof crm_synth_categories / sizeof *crm_synth_categories == SYNTH_CATEGORIES + 1,
               "categories");
_Static_assert(sizeof crm_synth_numbers / sizeof *crm_synth_numbers == VAL_COUNT + 1, "numbers");
_Static_assert(sizeof crm_synth_profile_num / sizeof *crm_synth_profile_num == NUM_COUNT + 1,
               "profile/num");
_Static_assert(sizeof crm_synth_profile_cat / sizeof *crm_synth_profile_cat == CAT_COUNT + 1,
               "profile/cat");
_Static_assert(sizeof crm_synth_groups / sizeof *crm_synth_groups == SYNTH_GROUPS + 1, "groups");
_Static_assert(sizeof crm_synth_months_ahead / sizeof *crm_synth_months_ahead == SYNTH_AHEAD + 1,
               "months ahead");
_Static_assert(sizeof crm_synth_cities / sizeof *crm_synth_cities == SYNTH_CITIES + 1, "cities");

int crm_synth_names_count(const char *const *names)
{
    int n = 0;

    while (names[n])
        n++;
    return n;
}
