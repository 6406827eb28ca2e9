/* text_impl.h - shared by the files of room text only. */
#ifndef CRM_TEXT_IMPL_H
#define CRM_TEXT_IMPL_H

#include <stdbool.h>

#include "crmpi/text.h"

enum { TEXT_FAULT = 0xFFFD }; /* stands for bytes that are no character */

/* What a character is to the splitter. */
typedef enum text_kind {
    TEXT_SEPARATOR,
    TEXT_WORD,   /* letter or digit                                     */
    TEXT_MARK,   /* goes with letters, makes no token by itself         */
    TEXT_JOINER, /* part of a token between two letters or digits       */
    TEXT_NOTHING /* left out                                            */
} text_kind;

/* text_chars.c */
/** The next character of at least 1 byte; *used bytes of it.  TEXT_FAULT and *bad = true for bytes
 * that are no character. */
uint32_t text_decode(const unsigned char *s, size_t len, size_t *used, bool *bad);
/** UTF-8 of a character, 1 to 4 bytes; returns their number. */
size_t text_encode(uint32_t c, char out[4]);
text_kind text_kind_of(uint32_t c);
/** Lower case of a letter; the plain form of an apostrophe or a hyphen. */
uint32_t text_lower(uint32_t c);
uint32_t text_plain(uint32_t c);

#endif
