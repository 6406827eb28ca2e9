/* embed_number.h - floats as text (room embed). */
#ifndef CRM_EMBED_NUMBER_H
#define CRM_EMBED_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EMBED_FLOAT_TEXT = 32 };
/** The float nearest to a decimal number; false when the text is none or it is not finite. */
bool embed_parse_f32(const char *text, size_t len, float *out);
/** Fewest digits, at least enough for six, that give the same float; returns the length. */
int embed_format_f32(float v, char out[EMBED_FLOAT_TEXT]);
#endif
