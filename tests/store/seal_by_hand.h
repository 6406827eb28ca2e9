/* seal_by_hand.h - a seal by the words of docs/data-format.md, made without the room store. */
#ifndef CRM_SEAL_BY_HAND_H
#define CRM_SEAL_BY_HAND_H

#include <stdint.h>
#include <stdlib.h>

#include "crm_test.h"
#include "crmpi/base_hash.h"
#include "crmpi/base_mem.h"
#include "crmpi/base_path.h"

enum { SEAL_SPANS = 256, SEAL_FOOT = 56 };

/* XXH3-128 of the bytes of data[0, end) outside of spans {at, bytes}. */
static inline crm_digest seal_digest(const char *data, size_t end, const uint64_t *span, size_t n)
{
    char *rest = crm_mem_new(end ? end : 1, 1);
    size_t len = 0, at = 0;
    crm_digest d;

    for (size_t i = 0; i <= n; i++) {
        size_t stop = i < n ? (size_t)span[2 * i] : end;
        memcpy(rest + len, data + at, stop - at);
        len += stop - at;
        at = i < n ? stop + (size_t)span[2 * i + 1] : end;
    }
    d = crm_digest_of(rest, len);
    crm_mem_free(rest);
    return d;
}

/* Put a good seal behind a file that has none; spans ascend. */
static inline void seal_append(const char *path, const uint64_t *span, size_t n)
{
    uint64_t foot[7] = {1};
    size_t len = 0, all;
    char *data = NULL, *grown;
    crm_digest d;

    T_OK(crm_path_read(path, (size_t)1 << 30, &data, &len));
    all = len + 16 * n + SEAL_FOOT;
    grown = crm_mem_grow(data, len, all, 1);
    if (!grown) return;
    memcpy(grown + len, span, 16 * n);
    foot[1] = len;
    foot[2] = all;
    foot[3] = n;
    memcpy(grown + all - SEAL_FOOT, foot, 32);
    d = seal_digest(grown, all - SEAL_FOOT + 32, span, n);
    foot[4] = d.hi;
    foot[5] = d.lo;
    memcpy(&foot[6], "CRMPIEND", 8);
    memcpy(grown + all - SEAL_FOOT, foot, SEAL_FOOT);
    T_OK(crm_path_write_atomic(path, grown, all));
    crm_mem_free(grown);
}

/* The spans that a text file lists, "at bytes" in each line. */
static inline size_t seal_read_spans(const char *path, uint64_t *span)
{
    FILE *f = fopen(path, "r");
    unsigned long long at, bytes;
    size_t n = 0;

    T_CHECK(f);
    while (f && n < SEAL_SPANS && fscanf(f, "%llu %llu", &at, &bytes) == 2) {
        span[2 * n] = at;
        span[2 * n++ + 1] = bytes;
    }
    if (f) fclose(f);
    return n;
}
#endif
