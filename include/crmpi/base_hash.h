/* base_hash.h - 128-bit digests of content (XXH3; finds damage and difference, not forgery; room
 * base). */
#ifndef CRM_BASE_HASH_H
#define CRM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"

enum { CRM_DIGEST_HEX = 33 }; /* 32 hexadecimal digits and the final 0 */
typedef struct crm_digest {
    uint64_t hi, lo;
} crm_digest;
typedef struct crm_hash crm_hash;

CRM_CHECKED crm_hash_new(crm_hash **out);
void crm_hash_add(crm_hash *h, const void *data, size_t bytes);
/** Adds the length and then the bytes, so that "ab","c" differs from "a","bc". */
void crm_hash_add_text(crm_hash *h, const char *s);
void crm_hash_add_i64(crm_hash *h, int64_t v);
/** Adds the bits; -0 is taken as +0 and every NaN as one NaN. */
void crm_hash_add_f64(crm_hash *h, double v);
void crm_hash_add_digest(crm_hash *h, crm_digest d);
crm_digest crm_hash_value(const crm_hash *h);
void crm_hash_free(crm_hash **h);

/** Digest of one block of memory. */
crm_digest crm_digest_of(const void *data, size_t bytes);
/** Hexadecimal text, hi first.  out has CRM_DIGEST_HEX bytes; returns out. */
char *crm_digest_hex(crm_digest d, char *out);
/** The digest of such a text; false, and *out as it was, when it is none. */
int crm_digest_read(const char *hex, crm_digest *out);
int crm_digest_equal(crm_digest a, crm_digest b);
#endif
