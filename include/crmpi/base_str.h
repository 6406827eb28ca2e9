/* base_str.h - growing text buffer, path helpers and checked number conversion (room base). */
#ifndef CRM_BASE_STR_H
#define CRM_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"

/** Text under construction; start with {0}.  text is always 0-terminated once something was added.
 *  When memory is out, failed is set and later additions do nothing: check once at the end. */
typedef struct crm_str {
    char *text;
    size_t len, cap;
    bool failed;
} crm_str;
void crm_str_addf(crm_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void crm_str_addv(crm_str *s, const char *fmt, va_list ap);
void crm_str_add(crm_str *s, const char *data, size_t len);
void crm_str_free(crm_str *s);

/** Whole text as an int64 or a finite double in the C locale; false when it is not one. */
bool crm_parse_i64(const char *text, size_t len, int64_t *out);
bool crm_parse_f64(const char *text, size_t len, double *out);
/** Shortest of %.15g .. %.17g that reads back to the same double; out has 32 bytes; returns out. */
char *crm_format_f64(double v, char out[32]);
/** Column of a place in a line, from 1, in characters: bytes that do not go on with one of UTF-8.
 */
int64_t crm_column(const char *line, const char *at);
/** Bytes of the character of UTF-8 at s, of which left bytes are there; 0: none, or a control
 *  character (Unicode 15, table 3-7). */
size_t crm_character(const char *s, size_t left);
/** v as int, or CRM_ERR_ARG when it does not fit (MPI and HDF5 counts). */
CRM_CHECKED crm_to_int(int64_t v, int *out);
/** Edit distance (Levenshtein), for "did you mean"; texts up to 127 bytes, longer ones count as
 * far. */
int crm_edit_distance(const char *a, const char *b);
/** The candidate nearest to text when it is near enough to be a slip, else NULL. */
const char *crm_nearest(const char *text, const char *const *candidates, int n);
#endif
