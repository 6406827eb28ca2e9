/* table_scrub.h - inside of room table: characters of a text, and the numbers in it. */
#ifndef CRM_TABLE_SCRUB_H
#define CRM_TABLE_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool crm_scrub_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool crm_scrub_ascii(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The character of two or more bytes of UTF-8 at s, and its bytes; 0: none. */
size_t crm_scrub_wide(const char *s, size_t len, uint32_t *code);
/* Bytes of the letter outside of ASCII at s; 0: none. */
size_t crm_scrub_letter(const char *s, size_t len);
/* What may stand between the groups of a number, and its bytes: ' ' for all blanks, '-' for all
 * dashes, else one of "./()"; 0: something else. */
char crm_scrub_separator(const char *s, size_t len, size_t *bytes);

/* The number that begins at text[at], a digit or + in front of one.  *name: what it is to be
 * replaced by; NULL: it stays, and so does all that the bytes returned hold of numbers.
 * @return its bytes, at least 1. */
size_t crm_scrub_number(const char *text, size_t len, size_t at, const char **name);
#endif
