/* base_hash.c - streaming XXH3-128. */
#include "crmpi/base_hash.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "crmpi/base_mem.h"

struct crm_hash {
    XXH3_state_t *state;
};

crm_status crm_hash_new(crm_hash **out)
{
    crm_hash *h = crm_mem_new(1, sizeof *h);

    *out = NULL;
    CRM_CHECK(h, CRM_ERR_NOMEM, "out of memory: hash state");
    h->state = XXH3_createState();
    if (!h->state) {
        crm_mem_free(h);
        CRM_FAIL(CRM_ERR_NOMEM, "out of memory: hash state");
    }
    XXH3_128bits_reset(h->state);
    *out = h;
    return CRM_OK;
}

void crm_hash_add(crm_hash *h, const void *data, size_t bytes)
{
    if (bytes > 0) XXH3_128bits_update(h->state, data, bytes);
}

void crm_hash_add_text(crm_hash *h, const char *s)
{
    size_t n = strlen(s);

    crm_hash_add_i64(h, (int64_t)n);
    crm_hash_add(h, s, n);
}

void crm_hash_add_i64(crm_hash *h, int64_t v)
{
    crm_hash_add(h, &v, sizeof v);
}

void crm_hash_add_f64(crm_hash *h, double v)
{
    if (isnan(v)) v = (double)NAN;
    if (v == 0) v = 0;
    crm_hash_add(h, &v, sizeof v);
}

void crm_hash_add_digest(crm_hash *h, crm_digest d)
{
    crm_hash_add(h, &d.hi, sizeof d.hi);
    crm_hash_add(h, &d.lo, sizeof d.lo);
}

crm_digest crm_hash_value(const crm_hash *h)
{
    XXH128_hash_t v = XXH3_128bits_digest(h->state);

    return (crm_digest){v.high64, v.low64};
}

void crm_hash_free(crm_hash **hp)
{
    if (!*hp) return;
    XXH3_freeState((*hp)->state);
    crm_mem_free(*hp);
    *hp = NULL;
}

crm_digest crm_digest_of(const void *data, size_t bytes)
{
    XXH128_hash_t v = XXH3_128bits(data, bytes);

    return (crm_digest){v.high64, v.low64};
}

char *crm_digest_hex(crm_digest d, char *out)
{
    snprintf(out, CRM_DIGEST_HEX, "%016llx%016llx", (unsigned long long)d.hi,
             (unsigned long long)d.lo);
    return out;
}

int crm_digest_read(const char *hex, crm_digest *out)
{
    uint64_t half[2] = {0, 0};

    if (strlen(hex) != CRM_DIGEST_HEX - 1) return 0;
    for (int i = 0; i < CRM_DIGEST_HEX - 1; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *at = memchr(digits, hex[i], 16);
        if (!at) return 0;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)(at - digits);
    }
    *out = (crm_digest){half[0], half[1]};
    return 1;
}

int crm_digest_equal(crm_digest a, crm_digest b)
{
    return a.hi == b.hi && a.lo == b.lo;
}
