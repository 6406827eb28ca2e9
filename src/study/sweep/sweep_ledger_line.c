/* sweep_ledger_line.c - lines of the ledger of a sweep.
 *
 *     CHECKSUM ok NAME LOSS SECONDS RESULT
 *     CHECKSUM failed NAME LOSS SECONDS RESULT CAUSE
 *     CHECKSUM claim NAME
 *     CHECKSUM holds
 *     alive
 *     end
 *
 * CHECKSUM: 32 digits, of the digest of the run and the rest of the line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep_ledger_impl.h"

enum { LINE_MAX_BYTES = 1024 };

static void checksum(crm_digest run, const char *text, size_t len, char hex[CRM_DIGEST_HEX])
{
    char all[LINE_MAX_BYTES + CRM_DIGEST_HEX];

    crm_digest_hex(run, all);
    memcpy(all + CRM_DIGEST_HEX - 1, text, len);
    crm_digest_hex(crm_digest_of(all, CRM_DIGEST_HEX - 1 + len), hex);
}

static int put_result(const crm_sweep_ledger_entry *e, char text[LINE_MAX_BYTES])
{
    char loss[32], seconds[32], hex[CRM_DIGEST_HEX];
    int n = snprintf(text, LINE_MAX_BYTES, "%s %.*s %s %s %s %.*s", e->failed ? "failed" : "ok",
                     CRM_SWEEP_LEDGER_NAME_MAX - 1, e->name, crm_format_f64(e->loss, loss),
                     crm_format_f64(e->seconds, seconds), crm_digest_hex(e->result, hex),
                     CRM_SWEEP_LEDGER_CAUSE_MAX - 1, e->failed ? e->cause : "");

    for (int i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ') text[i] = ' ';
    while (n > 0 && text[n - 1] == ' ')
        text[--n] = '\0';
    return n;
}

void sweep_line_put(crm_digest run, ledger_line kind, const crm_sweep_ledger_entry *e, crm_str *out)
{
    char hex[CRM_DIGEST_HEX], text[LINE_MAX_BYTES];
    int n;

    if (kind == LEDGER_ALIVE || kind == LEDGER_END) {
        crm_str_addf(out, kind == LEDGER_END ? "end\n" : "alive\n");
        return;
    }
    if (kind == LEDGER_RESULT)
        n = put_result(e, text);
    else if (kind == LEDGER_CLAIM)
        n = snprintf(text, sizeof text, "claim %.*s", CRM_SWEEP_LEDGER_NAME_MAX - 1, e->name);
    else
        n = snprintf(text, sizeof text, "holds");
    checksum(run, text, (size_t)n, hex);
    crm_str_addf(out, "%s %s\n", hex, text);
}

static bool take_word(const char **p, char *out, size_t cap)
{
    size_t n = strcspn(*p, " ");

    if (n == 0 || n >= cap) return false;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n;
    if (**p == ' ') (*p)++;
    return true;
}

static bool take_f64(const char **p, double *out)
{
    char word[40];

    if (!take_word(p, word, sizeof word)) return false;
    if (strcmp(word, "nan") == 0 || strcmp(word, "-nan") == 0) {
        *out = (double)NAN;
        return true;
    }
    return crm_parse_f64(word, strlen(word), out);
}

static bool take_digest(const char **p, crm_digest *out)
{
    char word[CRM_DIGEST_HEX];

    return take_word(p, word, sizeof word) && crm_digest_read(word, out);
}

static bool take_result(const char *p, crm_sweep_ledger_entry *e)
{
    if (!take_word(&p, e->name, sizeof e->name) || !take_f64(&p, &e->loss) ||
        !take_f64(&p, &e->seconds) || !take_digest(&p, &e->result))
        return false;
    snprintf(e->cause, sizeof e->cause, "%s", p);
    return true;
}

ledger_line sweep_line_read(crm_digest run, const char *text, size_t len, crm_sweep_ledger_entry *e)
{
    char hex[CRM_DIGEST_HEX], kind[8];
    const char *p = text + CRM_DIGEST_HEX;

    *e = (crm_sweep_ledger_entry){.failed = false};
    if (strcmp(text, "end") == 0) return LEDGER_END;
    if (strcmp(text, "alive") == 0) return LEDGER_ALIVE;
    if (len <= CRM_DIGEST_HEX || len >= LINE_MAX_BYTES || strlen(text) != len) return LEDGER_BAD;
    checksum(run, p, len - CRM_DIGEST_HEX, hex);
    if (memcmp(hex, text, CRM_DIGEST_HEX - 1) != 0 || p[-1] != ' ') return LEDGER_BAD;
    if (!take_word(&p, kind, sizeof kind)) return LEDGER_BAD;
    if (strcmp(kind, "holds") == 0) return LEDGER_HOLDS;
    if (strcmp(kind, "claim") == 0)
        return take_word(&p, e->name, sizeof e->name) ? LEDGER_CLAIM : LEDGER_BAD;
    e->failed = strcmp(kind, "failed") == 0;
    return take_result(p, e) ? LEDGER_RESULT : LEDGER_BAD;
}
