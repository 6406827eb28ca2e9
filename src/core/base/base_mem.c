/* base_mem.c - counted memory: each block has a 64-byte head that holds its size. */
#include "crmpi/base_mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { HEAD = 64 };

static atomic_size_t used, peak, marked; /* marked: the peak since the last mark */

static void raise_to(atomic_size_t *peak_at, size_t now)
{
    size_t top = atomic_load(peak_at);

    while (now > top && !atomic_compare_exchange_weak(peak_at, &top, now)) {
    }
}

static void count(size_t bytes)
{
    size_t now = atomic_fetch_add(&used, bytes) + bytes;

    raise_to(&peak, now);
    raise_to(&marked, now);
}

void *crm_mem_new(size_t n, size_t size)
{
    size_t bytes, whole;
    char *block;

    if (__builtin_mul_overflow(n, size, &bytes) ||
        __builtin_add_overflow(bytes, 2 * HEAD - 1, &whole))
        return NULL;
    whole &= ~(size_t)(HEAD - 1);
    block = aligned_alloc(HEAD, whole);
    if (!block) return NULL;
    memset(block, 0, whole);
    memcpy(block, &whole, sizeof whole);
    count(whole);
    return block + HEAD;
}

void *crm_mem_grow(void *old, size_t old_n, size_t n, size_t size)
{
    void *p = crm_mem_new(n, size);

    if (p && old) {
        memcpy(p, old, (old_n < n ? old_n : n) * size);
        crm_mem_free(old);
    }
    return p;
}

char *crm_mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = crm_mem_new(n, 1);

    if (p) memcpy(p, s, n);
    return p;
}

void crm_mem_free(void *p)
{
    size_t whole;

    if (!p) return;
    memcpy(&whole, (char *)p - HEAD, sizeof whole);
    atomic_fetch_sub(&used, whole);
    free((char *)p - HEAD);
}

size_t crm_mem_used(void)
{
    return atomic_load(&used);
}

size_t crm_mem_peak(void)
{
    return atomic_load(&peak);
}

void crm_mem_mark(void)
{
    atomic_store(&marked, atomic_load(&used));
}

size_t crm_mem_marked_peak(void)
{
    return atomic_load(&marked);
}

size_t crm_mem_resident_peak(void)
{
    struct rusage u;

    return getrusage(RUSAGE_SELF, &u) == 0 ? (size_t)u.ru_maxrss * 1024 : 0;
}
