/* synth_shelf.h - the arrays of a data set in the making: buffers of one block of customers (inside
 * room synth). */
#ifndef SYNTH_SHELF_H
#define SYNTH_SHELF_H

#include <stddef.h>

#include "crmpi/store.h"
#include "synth_impl.h"

/* What a row of an array is. */
typedef enum synth_unit { UNIT_ROW, UNIT_EVENT, UNIT_DOC, UNIT_TOKEN, UNIT_COUNT } synth_unit;

typedef struct synth_column {
    char *data;
    int64_t n, cap; /* rows held, rows that fit */
} synth_column;

typedef struct synth_shelf {
    const crm_synth_cfg *cfg;  /* not owned                                */
    synth_column *column;      /* one for each array                       */
    int64_t done[UNIT_COUNT];  /* rows of earlier blocks and earlier ranks */
    int64_t added[UNIT_COUNT]; /* rows of this block                       */
} synth_shelf;

/* before: rows that the ranks before this one hold. */
CRM_CHECKED crm_synth_shelf_new(const synth_model *m, const int64_t before[UNIT_COUNT],
                                synth_shelf *s);
void crm_synth_shelf_free(synth_shelf *s);
CRM_CHECKED crm_synth_shelf_add(synth_shelf *s, const synth_person *p);
/* The last offsets of ragged arrays; once, on the last rank. */
CRM_CHECKED crm_synth_shelf_end(synth_shelf *s);
/* Define all arrays with their names; total[unit] rows.  Collective. */
CRM_CHECKED crm_synth_shelf_define(crm_store_writer *w, const synth_model *m,
                                   const int64_t total[UNIT_COUNT]);
/* Write what was added and start the next block.  Collective. */
CRM_CHECKED crm_synth_shelf_flush(synth_shelf *s, crm_store_writer *w);
#endif
