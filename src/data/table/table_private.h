/* table_private.h - inside of room table: identifiers become keyed hashes, and texts lose what
 * tells who wrote them, before anything else sees the rows. */
#ifndef CRM_TABLE_PRIVATE_H
#define CRM_TABLE_PRIVATE_H

#include "table_frame.h"

enum {
    CRM_TABLE_KEY_MIN = 16, /* bytes of a key file */
    CRM_TABLE_KEY_MAX = 4096,
    CRM_TABLE_KEYED = 32 /* characters of a keyed hash */
};

/* A secret; it is neither stored nor logged, and wiped when it is freed. */
typedef struct table_key table_key;

/* Read the key file: its bytes without the line end at the end.  Others than the owner may not be
 * able to read it.  Rank 0 reads; collective.
 * @return CRM_ERR_IO missing, unreadable; CRM_ERR_CONFIG too short, too long, or open to others. */
CRM_CHECKED crm_table_key_open(crm_comm *comm, const char *path, table_key **out);
/* HMAC-SHA-256 (RFC 2104, FIPS 180-4) of a text under the key, its first 128 bits in hexadecimal.
 */
void crm_table_keyed(const table_key *k, const char *text, size_t len,
                     char out[CRM_TABLE_KEYED + 1]);
void crm_table_key_free(table_key **k);
/* Tells keys apart and tells nothing of them: the keyed hash of a fixed text; "" for NULL. */
void crm_table_key_check(const table_key *k, char out[CRM_TABLE_KEYED + 1]);

/* True when the schema has a column that is hashed. */
bool crm_table_wants_key(const crm_table_schema *s);
/* Column c of table t is replaced by keyed hashes: it says so itself, or refers to a key that is.
 */
bool crm_table_is_hashed(const crm_table_schema *s, int t, int c);
/* Replace the ids and categories of a frame that are hashed, and scrub its texts where the schema
 * says so.  key may be NULL when nothing is hashed.  Collective. */
CRM_CHECKED crm_table_make_private(crm_comm *comm, const table_key *key, table_frame *f);

/* Replace in place what may tell who wrote a text: e-mail addresses by "<mail>", card numbers (13
 * to 19 digits that pass the check of ISO/IEC 7812) by "<card>", international account numbers (ISO
 * 13616, with their check digits) by "<account>", telephone numbers (7 to 15 digits in groups, or
 * behind + or 00) by "<phone>", other runs of 8 or more digits by "<number>".  Dates, times and
 * amounts stay.
 * @param text [in,out] len bytes; the result is never longer.  @return its length; *changed:
 * something was replaced. */
size_t crm_table_scrub(char *text, size_t len, bool *changed);
#endif
