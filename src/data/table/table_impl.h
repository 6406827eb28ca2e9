/* table_impl.h - inside of room table: what all of it uses.
 *
 * table_file    positions in messages, UTF-8
 * table_levels  distinct texts of a column */
#ifndef CRM_TABLE_IMPL_H
#define CRM_TABLE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/table.h"

enum {
    CRM_TABLE_FIELD_MAX = 1 << 20, /* bytes of a field; also bounds the cost of a lost quote */
    CRM_TABLE_SHOW_MAX = 96,       /* bytes of a value as shown in a message                 */
    CRM_TABLE_TARGET_MAX = 64      /* bytes of a target's name                               */
};

/* ---- file ---- */
typedef struct table_file {
    const char *path;
    const char *data; /* mapped */
    size_t size;
    size_t begin; /* first byte after the byte order mark */
} table_file;

/* 1-based line, and column in characters: bytes that continue one do not count. */
void crm_table_place(const table_file *f, size_t at, int64_t *line, int64_t *col);
/* CRM_ERR_FORMAT "FILE:LINE:COL: ..." for byte position at. */
CRM_CHECKED crm_table_fail_at(const table_file *f, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One line of at most CRM_TABLE_SHOW_MAX bytes for a message: cut, control and bad bytes as \xNN.
 */
const char *crm_table_show(const char *text, size_t len, char out[CRM_TABLE_SHOW_MAX]);
/* One status and text for all: those of the lowest rank that failed.  As ranks hold the file in
 * order and all before the first error is sound, that is the first error of the file.  Collective.
 */
CRM_CHECKED crm_table_first_error(crm_comm *comm, crm_status local);
/* Line ends in text. */
int64_t crm_table_lines(const char *text, size_t len);
/* Bytes of valid UTF-8 without NUL at the start of text; len when all are. */
size_t crm_table_utf8(const char *text, size_t len);

/* Field without the blanks round it. */
void crm_table_trim(const char **text, size_t *len);

/* As float; 0 below FLT_MIN, NaN beyond FLT_MAX. */
float crm_table_float(double v);

/* ---- levels ---- */
typedef struct table_levels {
    int64_t n, cap;
    size_t *at; /* [n] in bytes; each text ends with 0 */
    char *bytes;
    size_t used, room;
    int32_t *slot; /* hash table: index + 1 of a text, 0 = free */
    int64_t n_slots;
} table_levels;

/* Index of a text, added when new; beyond limit + 1 texts new ones are not added (*index = 0). */
CRM_CHECKED crm_table_levels_add(table_levels *l, const char *text, size_t len, int64_t limit,
                                 int32_t *index);
const char *crm_table_levels_text(const table_levels *l, int64_t i);
void crm_table_levels_free(table_levels *l);
/* The texts of all ranks in set[n_sets], each at most limit + 1.  Collective. */
CRM_CHECKED crm_table_levels_gather(crm_comm *comm, const table_levels *mine, int n_sets,
                                    int64_t limit, table_levels *all);
/* Texts in order: numbers by value, then texts by bytes.  *out [l->n] is the caller's, the texts
 * are l's. */
CRM_CHECKED crm_table_levels_sort(const table_levels *l, const char ***out);
/* Index in a sorted list of n, -1 when absent. */
int32_t crm_table_levels_find(const char *const *sorted, int64_t n, const char *text);

#endif
