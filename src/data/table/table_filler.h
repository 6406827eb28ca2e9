/* table_filler.h - inside of room table: what the two halves of the filler share.
 *
 *   table_filler  rows, batches, bad values, the end
 *   table_fill    the values of one column of a batch */
#ifndef TABLE_FILLER_H
#define TABLE_FILLER_H

#include "table_scan.h"

typedef struct table_bad {
    int64_t row;
    int field;
    table_fault what;
} table_bad;

typedef struct table_filled {
    const crm_field *field;
    table_cells *cells;
    table_time time;
    table_front front;
    table_levels levels;
    size_t longest_missing;
    bool marked;       /* a text that means missing is also a value: -999, 1900-01-01 */
    size_t used, room; /* bytes of texts */
    int64_t bad;
    /* of a category with case or map: texts as they were read; codes of a batch are theirs first */
    table_levels raw;
    int32_t *mapped;  /* [room_raw] index into levels */
    uint8_t *differs; /* [room_raw] the level is another text */
    int64_t n_raw, room_raw;
} table_filled;

struct table_filler {
    const crm_table_def *table;
    table_frame *frame;
    table_rejects *rejects;
    const table_kernels *kernels;
    int64_t room, most; /* rows that there is room for now, that there can be */
    size_t done, total; /* bytes of the part that are read, all of them       */
    table_filled *column;
    int64_t skipped;
    /* of a batch */
    const table_source *source;
    int source_number;
    table_batch *batch;
    size_t cap; /* rows of what follows */
    int32_t *code;
    uint32_t *odd;
    uint8_t *out;
    table_bad *bad;
    size_t n_bad, cap_bad;
    char *scratch, *letters;
    size_t scratch_cap, letters_cap;
};

/* Room for more items of an array. */
CRM_CHECKED crm_table_resize(void **p, size_t have, size_t room, size_t size);
/* What have (rows, bytes) comes to at the end of the part, with a little to spare. */
double crm_table_foresee(const table_filler *x, double have);
/* Text of a field of the batch without its quotes; not trimmed. */
CRM_CHECKED crm_table_batch_text(table_filler *x, int64_t row, int field, const char **text,
                                 size_t *len);
/* A category with case or map. */
bool crm_table_is_mapped(const crm_field *f);

/* Values of a batch, field k of its records, behind those that the column has; what does not fit
 * goes to the bad values of the batch. */
CRM_CHECKED crm_table_fill_real(table_filler *x, table_filled *c, int k);
CRM_CHECKED crm_table_fill_whole(table_filler *x, table_filled *c, int k);
CRM_CHECKED crm_table_fill_time(table_filler *x, table_filled *c, int k);
CRM_CHECKED crm_table_fill_boolean(table_filler *x, table_filled *c, int k);
CRM_CHECKED crm_table_fill_code(table_filler *x, table_filled *c, int k);
CRM_CHECKED crm_table_fill_text(table_filler *x, table_filled *c, int k);
#endif
