/* table_scan.inc.h - the kernels of the reader, for a width of registers.  The including file
 * defines KERNELS, KERNELS_NAME, and
 *   marks                 what masks() fills: a bit for each of 64 bytes
 *   masks(p, sep, &m)     separators, newlines, quotes, carriage returns, bytes from 0x80 on or 0
 *   digits16(p, len, ...) see table_scan_x86.inc.h
 * All versions give the same. */
#include <string.h>

#include "table_scan.h"

typedef struct marks {
    uint64_t sep, nl, quote, cr, high, zero;
} marks;

static inline void masks(const char *p, char sep, marks *m);

/* Bit i of the result: the number of set bits at and below i is odd. */
static inline uint64_t parity(uint64_t x)
{
    for (int k = 1; k < 64; k *= 2)
        x ^= x << k;
    return x;
}

/* What a block hands to the next: bit 0 or all bits. */
typedef struct carry {
    uint64_t inside;            /* all bits: inside quotes                      */
    uint64_t field, closed, cr; /* bit 0: the byte before ended a field, was a closing quote, ... */
} carry;

/* Bits of field ends of a block; what is odd in it goes to flags. */
static inline uint64_t ends_of(const marks *m, carry *c, unsigned *flags)
{
    uint64_t inside = c->inside, ends = m->sep | m->nl, odd = m->zero, cr = m->cr;

    if (m->quote | c->inside | c->closed) {
        uint64_t opening, closing, before;
        inside = parity(m->quote) ^ c->inside;
        ends &= ~inside;
        cr &= ~inside;
        opening = m->quote & inside;
        closing = m->quote & ~inside;
        before = ends << 1 | c->field | closing << 1 | c->closed;
        odd |= opening & ~before;
        odd |= (closing << 1 | c->closed) & ~(m->sep | m->nl | m->cr | m->quote);
        c->closed = closing >> 63;
        c->inside = (uint64_t)0 - (inside >> 63);
        *flags |= SCAN_QUOTES | ((m->nl & inside) ? SCAN_INNER : 0u);
    }
    odd |= (cr << 1 | c->cr) & ~m->nl;
    c->cr = cr >> 63;
    c->field = ends >> 63;
    *flags |= (odd ? SCAN_ODD : 0u) | (m->high ? SCAN_HIGH : 0u) | (m->cr ? SCAN_CR : 0u);
    return ends;
}

static inline uint32_t *put_bits(uint64_t bits, uint32_t at, uint32_t *out)
{
    int n = __builtin_popcountll(bits);
    uint32_t *stop = out + n;

    for (int i = 0; i < 8; i++) {
        out[i] = at + (uint32_t)(bits ? __builtin_ctzll(bits) : 0);
        bits &= bits - 1;
    }
    for (out += 8; out < stop; out++) {
        *out = at + (uint32_t)__builtin_ctzll(bits);
        bits &= bits - 1;
    }
    return stop;
}

static int64_t scan(const char *p, size_t n, char sep, bool quotes, uint32_t *end,
                    int64_t *newlines, unsigned *flags)
{
    carry c = {.field = 1};
    uint32_t *out = end, *last = end;
    uint64_t counts = (uint64_t)0 - quotes;
    int64_t rows = 0;

    *flags = 0;
    for (size_t i = 0; i < n; i += 64) {
        uint64_t ends, nl, within = n - i < 64 ? ((uint64_t)1 << (n - i)) - 1 : ~(uint64_t)0;
        marks m;
        masks(p + i, sep, &m);
        m.quote &= counts;
        if (n - i < 64) {
            m.sep &= within, m.nl &= within, m.quote &= within;
            m.cr &= within, m.high &= within, m.zero &= within;
        }
        ends = ends_of(&m, &c, flags);
        nl = ends & m.nl;
        if (nl) {
            uint64_t upto = ~(uint64_t)0 >> __builtin_clzll(nl);
            last = out + __builtin_popcountll(ends & upto);
            rows += __builtin_popcountll(nl);
        }
        out = put_bits(ends, (uint32_t)i, out);
    }
    *newlines = rows;
    return last - end;
}

static int64_t count_newlines(const char *p, size_t n)
{
    int64_t lines = 0;
    size_t i = 0;

    for (; i + 64 <= n; i += 64) {
        marks m;
        masks(p + i, '\n', &m);
        lines += __builtin_popcountll(m.nl);
    }
    for (; i < n; i++)
        lines += p[i] == '\n';
    return lines;
}

/* ---- columns ---- */
static inline const char *field_at(const table_batch *b, int64_t row, int k, size_t *len)
{
    table_span s = b->span[row * b->n + k];
    const char *p = b->base + s.begin;

    *len = s.end - s.begin;
    if (b->quotes && *len >= 2 && *p == '"') {
        p++;
        *len -= 2;
    }
    return p;
}

static const double POWER[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                               1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};

/* p[0 .. len) of at most 16 digits and at most one point: the digits as a number, and how many
 * stand behind the point.  false for anything else; p[0 .. 16) may be read. */
static inline bool digits16(const char *p, size_t len, char point, uint64_t *m, int *behind);

static int64_t real(const table_batch *b, int k, char decimal, double *out, uint32_t *odd)
{
    int64_t n = 0;

    for (int64_t row = 0; row < b->rows; row++) {
        size_t len;
        const char *p = field_at(b, row, k, &len);
        bool minus = *p == '-';
        uint64_t m;
        int behind;
        double v;

        if (len == 0) {
            out[row] = (double)__builtin_nan("");
            continue;
        }
        p += minus;
        len -= minus;
        if (!digits16(p, len, decimal, &m, &behind) || m > (uint64_t)1 << 53) {
            odd[n++] = (uint32_t)row;
            continue;
        }
        v = (double)(int64_t)m / POWER[behind];
        out[row] = minus ? -v : v;
    }
    return n;
}

static int64_t whole(const table_batch *b, int k, int64_t *out, uint32_t *odd)
{
    int64_t n = 0;

    for (int64_t row = 0; row < b->rows; row++) {
        size_t len;
        const char *p = field_at(b, row, k, &len);
        bool minus = *p == '-';
        uint64_t m;
        int behind;

        if (len == 0) {
            out[row] = CRM_WHOLE_MISSING;
            continue;
        }
        p += minus;
        len -= minus;
        if (!digits16(p, len, '\0', &m, &behind)) {
            odd[n++] = (uint32_t)row;
            continue;
        }
        out[row] = minus ? -(int64_t)m : (int64_t)m;
    }
    return n;
}

/* ---- texts that came up before ---- */
static inline void front_key(const char *p, size_t len, uint64_t *a, uint64_t *b)
{
    if (len <= 8) {
        memcpy(a, p, 8);
        *a &= len == 0 ? 0 : ~(uint64_t)0 >> (64 - 8 * len);
        *b = 0;
    } else if (len <= 16) {
        memcpy(a, p, 8);
        memcpy(b, p + 8, 8);
        *b &= ~(uint64_t)0 >> (128 - 8 * len);
    } else {
        crm_digest d = crm_digest_of(p, len);
        *a = d.lo;
        *b = d.hi;
    }
}

static inline int64_t front_find(const table_front *f, uint64_t a, uint64_t b, uint32_t len)
{
    uint64_t mask = (uint64_t)f->n_slots - 1;
    uint64_t h = (a ^ (b * 0x9E3779B97F4A7C15u) ^ len) * 0xD6E8FEB86659FD93u;

    for (h = (h ^ h >> 32) & mask;; h = (h + 1) & mask) {
        const table_front_slot *s = &f->slot[h];
        if (s->code == TABLE_FRONT_FREE || (s->a == a && s->b == b && s->len == len))
            return (int64_t)h;
    }
}

static int64_t code(const table_batch *b, int k, const table_front *f, int32_t *out, uint32_t *odd)
{
    int64_t n = 0;

    for (int64_t row = 0; row < b->rows; row++) {
        size_t len;
        const char *p = field_at(b, row, k, &len);
        uint64_t low, high;

        front_key(p, len, &low, &high);
        out[row] = f->slot[front_find(f, low, high, (uint32_t)len)].code;
        if (out[row] == TABLE_FRONT_FREE) odd[n++] = (uint32_t)row;
    }
    return n;
}

const table_kernels KERNELS = {KERNELS_NAME, scan, real, whole, code, count_newlines};
