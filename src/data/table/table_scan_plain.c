/* table_scan_plain.c - the kernels of the reader in plain C; slots of the front; choice by CPU. */
#define KERNELS      crm_table_plain
#define KERNELS_NAME "plain"
#include "table_scan.inc.h"

#include <stdlib.h>

#include "crmpi/base_mem.h"

static inline void masks(const char *p, char sep, marks *m)
{
    *m = (marks){0};
    for (int i = 0; i < 64; i++) {
        uint64_t bit = (uint64_t)1 << i;
        unsigned char c = (unsigned char)p[i];
        m->sep |= p[i] == sep ? bit : 0;
        m->nl |= c == '\n' ? bit : 0;
        m->quote |= c == '"' ? bit : 0;
        m->cr |= c == '\r' ? bit : 0;
        m->high |= c >= 0x80 ? bit : 0;
        m->zero |= c == 0 ? bit : 0;
    }
}

static inline bool digits16(const char *p, size_t len, char point, uint64_t *m, int *behind)
{
    size_t i = 0, dot = len;

    *m = 0;
    if (len == 0 || len > 16) return false;
    for (; i < len; i++) {
        if (p[i] == point && dot == len) {
            dot = i;
            continue;
        }
        if (p[i] < '0' || p[i] > '9') return false;
        *m = 10 * *m + (uint64_t)(p[i] - '0');
    }
    *behind = dot == len ? 0 : (int)(len - 1 - dot);
    return dot == len || len > 1;
}

/* ---- slots ---- */
int64_t crm_table_front_slot(const table_front *f, const char *text, size_t len)
{
    uint64_t a, b;

    front_key(text, len, &a, &b);
    return front_find(f, a, b, (uint32_t)len);
}

static crm_status grow(table_front *f)
{
    int64_t n = f->n_slots ? 4 * f->n_slots : 256;
    table_front more = {.n_slots = n, .used = f->used};

    CRM_NEW(more.slot, n);
    for (int64_t i = 0; i < n; i++)
        more.slot[i].code = TABLE_FRONT_FREE;
    for (int64_t i = 0; i < f->n_slots; i++) {
        const table_front_slot *s = &f->slot[i];
        if (s->code != TABLE_FRONT_FREE) more.slot[front_find(&more, s->a, s->b, s->len)] = *s;
    }
    crm_mem_free(f->slot);
    *f = more;
    return CRM_OK;
}

crm_status crm_table_front_add(table_front *f, const char *text, size_t len, int32_t code_of)
{
    enum { MOST = 1 << 18 }; /* texts beyond it are looked up among the levels each time */
    table_front_slot s = {.len = (uint32_t)len, .code = code_of};
    int64_t at;

    if (f->n_slots && f->used >= MOST) return CRM_OK;
    if (2 * f->used >= f->n_slots) CRM_TRY(grow(f));
    if (code_of == TABLE_FRONT_FREE) return CRM_OK;
    front_key(text, len, &s.a, &s.b);
    at = front_find(f, s.a, s.b, s.len);
    f->used += f->slot[at].code == TABLE_FRONT_FREE;
    f->slot[at] = s;
    return CRM_OK;
}

/* ---- choice ---- */
static bool has(int which)
{
#if defined(__x86_64__)
    if (which == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (which == 1) return __builtin_cpu_supports("avx2");
#endif
    return which == 2;
}

const table_kernels *crm_table_kernels(void)
{
    static const table_kernels *const ALL[] = {&crm_table_avx512, &crm_table_avx2,
                                               &crm_table_plain};
    const char *wanted = getenv("CRM_TABLE_KERNELS");

    for (int k = 0; k < 3; k++)
        if (has(k) && (!wanted || !wanted[0] || strcmp(wanted, ALL[k]->name) == 0)) return ALL[k];
    return &crm_table_plain;
}
