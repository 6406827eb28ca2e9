/* synth_dictionary.h - the data dictionary of synthetic customers (inside room synth). */
#ifndef SYNTH_DICTIONARY_H
#define SYNTH_DICTIONARY_H

#include "crmpi/table_dictionary.h"
#include "synth_impl.h"

/* What can be missing; all else never is. */
typedef enum synth_gap {
    GAP_NONE,
    GAP_INCOME,
    GAP_SURVEY,
    GAP_CATEGORY,
    GAP_LABEL, /* of documents */
    GAP_COUNT = GAP_LABEL + DOC_TARGETS
} synth_gap;

/* Add what this customer lacks. */
void crm_synth_gaps_add(const synth_person *p, int64_t gaps[GAP_COUNT]);
/* Rows for all columns; gaps of rows customers and documents of all ranks. */
CRM_CHECKED crm_synth_dictionary(const int64_t gaps[GAP_COUNT], int64_t rows, int64_t documents,
                                 crm_table_dictionary *d);
#endif
