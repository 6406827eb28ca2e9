/* synth_dictionary.c - what the columns of synthetic customers are, for the data dictionary. */
#include <math.h>
#include <stddef.h>

#include "synth_dictionary.h"

typedef struct about {
    const char *unit, *meaning;
} about;

static const about nums[NUM_COUNT] = {
    [NUM_AGE] = {"years", "age of the customer"},
    [NUM_LOYALTY] = {"", "loyalty score"},
    [NUM_TENURE] = {"months", "time as a customer"},
    [NUM_INCOME] = {"", "yearly income; one in twenty does not tell"},
    [NUM_HOUSEHOLD] = {"persons", "size of the household"},
    [NUM_NEWSLETTER] = {"", "1: takes the newsletter"},
};
static const about cats[CAT_COUNT] = {
    [CAT_LOCATION] = {"", "city"},
    [CAT_CHANNEL] = {"", "preferred channel"},
    [CAT_PLAN] = {"", "plan of the customer"},
    [CAT_PAYMENT] = {"", "way of payment"},
};
static const about channels[CH_COUNT] = {
    [CH_SPEND] = {"dollars", "spend of a month"},
    [CH_PURCHASES] = {"", "purchases of a month"},
    [CH_UNITS] = {"", "units bought in a month"},
    [CH_SAVED] = {"dollars", "discounts of a month"},
    [CH_RETURNS] = {"", "returns of a month"},
    [CH_VISITS] = {"", "visits of a month"},
    [CH_TICKETS] = {"", "tickets of a month"},
    [CH_SESSIONS] = {"", "sessions of a month"},
    [CH_OPENS] = {"", "newsletters opened in a month"},
    [CH_MINUTES] = {"minutes", "time online in a month"},
};
static const about values[VAL_COUNT] = {
    [VAL_AMOUNT] = {"dollars", "amount of the event"},
    [VAL_DISCOUNT] = {"", "discount"},
    [VAL_QUANTITY] = {"", "quantity"},
    [VAL_GAP] = {"days", "time since the event before"},
    [VAL_HOUR] = {"h", "hour of the day"},
    [VAL_ONLINE] = {"", "1: online"},
};
static const struct {
    const char *block, *name, *type, *meaning;
    int gap;
} others[] = {
    {"target", "churn", "category", "leaves after the window", GAP_NONE},
    {"target", "next_purchase", "category", "buys after the window", GAP_NONE},
    {"target", "segment", "category", "segment that the customer was drawn from", GAP_NONE},
    {"target", "next_category", "category", "group of the next purchase", GAP_CATEGORY},
    {"target", "purchases_ahead", "real", "purchases of each month after the window", GAP_NONE},
    {"target", "stars", "category", "stars of a review", GAP_LABEL + DOC_STARS},
    {"target", "sentiment", "category", "mood of a document", GAP_LABEL + DOC_SENTIMENT},
    {"target", "issue", "category", "issue of a ticket", GAP_LABEL + DOC_ISSUE},
    {"target", "status", "category", "state of a ticket", GAP_LABEL + DOC_STATUS},
    {"survey", "before", "real", "satisfaction before a measure, 1 to 5", GAP_SURVEY},
    {"survey", "after", "real", "satisfaction after a measure, 1 to 5", GAP_SURVEY},
    {"survey", "treated", "boolean", "1: the measure was applied", GAP_NONE},
};

void crm_synth_gaps_add(const synth_person *p, int64_t gaps[GAP_COUNT])
{
    gaps[GAP_INCOME] += isnan(p->num[NUM_INCOME]);
    gaps[GAP_SURVEY] += isnan(p->before);
    gaps[GAP_CATEGORY] += p->next_category < 0;
    for (int i = 0; i < p->n_docs; i++)
        for (int t = 0; t < DOC_TARGETS; t++)
            gaps[GAP_LABEL + t] += p->doc[i].label[t] < 0;
}

static crm_status add(crm_table_dictionary *d, const char *block, const char *name,
                      const char *type, const about *a, double missing)
{
    return crm_table_dictionary_add(d, &(crm_table_entry){.block = block,
                                                          .name = name,
                                                          .type = type,
                                                          .unit = a->unit,
                                                          .meaning = a->meaning,
                                                          .source = "generated",
                                                          .missing = missing});
}

static crm_status add_blocks(crm_table_dictionary *d, double income)
{
    static const about category = {"", "product, or what else the event is"},
                       kind = {"", "kind of the document"},
                       group = {"dollars", "spend of a month on a group of products"};

    for (int i = 0; i < NUM_COUNT; i++)
        CRM_TRY(add(d, "profile", crm_synth_profile_num[i], "real", &nums[i],
                    i == NUM_INCOME ? income : 0));
    for (int i = 0; i < CAT_COUNT; i++)
        CRM_TRY(add(d, "profile", crm_synth_profile_cat[i], "category", &cats[i], 0));
    for (int i = 0; i < CH_COUNT; i++)
        CRM_TRY(add(d, "monthly", crm_synth_channels[i], "real",
                    i < CH_GROUP ? &channels[i] : &group, 0));
    CRM_TRY(add(d, "events", "category", "category", &category, 0));
    for (int i = 0; i < VAL_COUNT; i++)
        CRM_TRY(add(d, "events", crm_synth_numbers[i], "real", &values[i], 0));
    return add(d, "documents", "kind", "category", &kind, 0);
}

crm_status crm_synth_dictionary(const int64_t gaps[GAP_COUNT], int64_t rows, int64_t documents,
                                crm_table_dictionary *d)
{
    CRM_TRY(add_blocks(d, (double)gaps[GAP_INCOME] / (double)rows));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int gap = others[i].gap;
        int64_t n = gap >= GAP_LABEL ? documents : rows;
        CRM_TRY(add(d, others[i].block, others[i].name, others[i].type,
                    &(about){"", others[i].meaning}, n > 0 ? (double)gaps[gap] / (double)n : NAN));
    }
    return CRM_OK;
}
