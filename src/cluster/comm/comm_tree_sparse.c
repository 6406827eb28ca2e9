/* comm_tree_sparse.c - the part of a summed vector of which a leaf fills only few blocks.
 *
 * Each vector has a bitmap, one bit per block of 64 elements, and is zero in the blocks whose bit
 * is not set.  An addition then has four cases per block: both have it (add), only the right
 * (copy), only the left or none (nothing).  Compared with adding everywhere this changes one thing
 * only, the sign of zeros: x + 0 is x for all x but -0.  No later addition tells -0 from +0 save in
 * the sign of a zero again, so it is enough to add +0 once to what is touched in the sum
 * (crm_tree_settle); the bits are then those of the dense sum + 0, whichever way a block went. */
#include <string.h>

#include "comm_tree_impl.h"

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

tree_part crm_tree_sparse_part(const crm_tree *t, tree_part part)
{
    return (tree_part){larger(part.first, t->sparse_first), larger(part.end, t->sparse_first)};
}

void crm_tree_words(const crm_tree *t, tree_part part, int64_t *first, int64_t *end)
{
    part = crm_tree_sparse_part(t, part);
    *first = (part.first - t->sparse_first) / TREE_WORD;
    *end =
        part.first < part.end ? (part.end - t->sparse_first + TREE_WORD - 1) / TREE_WORD : *first;
}

/* A leaf names its blocks one by one from one thread; the bitmap is that thread's alone. */
void crm_tree_touch(crm_tree *t, int worker, int64_t first, int64_t n)
{
    uint64_t *bits = t->buf[t->making[worker]].touched;
    int64_t end = smaller(first + n, t->width);

    first = larger(first, t->sparse_first);
    if (n <= 0 || first >= end) return;
    end = (end - 1 - t->sparse_first) / TREE_TOUCH;
    for (int64_t b = (first - t->sparse_first) / TREE_TOUCH; b <= end; b++)
        bits[b / 64] |= (uint64_t)1 << b % 64;
}

/* ---- runs of touched blocks ---- */

/* Set bits of one word, as runs of elements of a vector that holds part. */
typedef struct run {
    int64_t origin; /* element of the word's first bit, counted from part.first; may be negative */
    int64_t most;   /* elements of part */
    uint64_t bits;  /* those not visited */
    int64_t at, n;  /* the run: elements [at, at + n) of the vector that holds part */
} run;

static run run_start(const crm_tree *t, tree_part part, int64_t word, uint64_t bits)
{
    return (run){.origin = t->sparse_first + word * TREE_WORD - part.first,
                 .most = part.end - part.first,
                 .bits = bits};
}

/* Lowest run of set bits, cut to the part; a block can reach over the ends of a slice. */
static bool run_next(run *r)
{
    while (r->bits) {
        int low = __builtin_ctzll(r->bits);
        uint64_t over = r->bits + ((uint64_t)1 << low); /* the carry clears the run */
        int end = over ? __builtin_ctzll(over) : 64;
        int64_t at = larger(r->origin + low * TREE_TOUCH, 0);
        int64_t stop = smaller(r->origin + end * TREE_TOUCH, r->most);

        r->bits &= over;
        r->at = at;
        r->n = stop - at;
        if (r->n > 0) return true;
    }
    return false;
}

void crm_tree_clean(const crm_tree *t, tree_vec vec, tree_part part)
{
    int64_t word, end;

    for (crm_tree_words(t, part, &word, &end); word < end; word++) {
        for (run r = run_start(t, part, word, vec.touched[word]); run_next(&r);)
            memset((float *)vec.v + r.at, 0, (size_t)r.n * sizeof(float));
        vec.touched[word] = 0;
    }
}

void crm_tree_wipe(const crm_tree *t, tree_vec vec)
{
    memset(crm_tree_element(t, vec.v, t->sparse_first), 0,
           (size_t)(t->width - t->sparse_first) * t->item);
    if (t->words > 0) memset(vec.touched, 0, (size_t)t->words * sizeof *vec.touched);
}

crm_status crm_tree_check(const crm_tree *t, tree_vec vec)
{
#ifndef NDEBUG
    static const float ZERO[TREE_WORD];
    tree_part whole = {0, t->width};

    for (int64_t word = 0; word < t->words; word++)
        for (run r = run_start(t, whole, word, ~vec.touched[word]); run_next(&r);) {
            bool zero_in_unnamed_blocks =
                memcmp((float *)vec.v + r.at, ZERO, (size_t)r.n * sizeof(float)) == 0;
            CRM_ASSERT(zero_in_unnamed_blocks);
        }
#else
    (void)t;
    (void)vec;
#endif
    return CRM_OK;
}

/* ---- additions ---- */

void crm_tree_merge(const crm_tree *t, tree_vec to, tree_vec from, tree_part part, int64_t word)
{
    uint64_t left = to.touched[word], right = from.touched[word];
    float *a = to.v;
    const float *b = from.v;

    for (run r = run_start(t, part, word, right & left); run_next(&r);)
        crm_tree_add(t, a + r.at, b + r.at, r.n);
    for (run r = run_start(t, part, word, right & ~left); run_next(&r);)
        memcpy(a + r.at, b + r.at, (size_t)r.n * sizeof *a);
    to.touched[word] = left | right;
}

void crm_tree_add_touched(const crm_tree *t, void *full, tree_vec vec)
{
    tree_part whole = {0, t->width};

    for (int64_t word = 0; word < t->words; word++)
        for (run r = run_start(t, whole, word, vec.touched[word]); run_next(&r);)
            crm_tree_add(t, (float *)full + r.at, (const float *)vec.v + r.at, r.n);
}

void crm_tree_settle(const crm_tree *t, tree_vec vec, tree_part part, int64_t word)
{
    for (run r = run_start(t, part, word, vec.touched[word]); run_next(&r);) {
        float *x = (float *)vec.v + r.at;
        for (int64_t i = 0; i < r.n; i++)
            x[i] += 0.0f;
    }
}

/* ---- on the wire: the words of the bitmap that have blocks in the part, then these blocks ---- */

enum { WORD_ITEMS = sizeof(uint64_t) / sizeof(uint32_t) };

static int64_t packed_items(const crm_tree *t, tree_vec vec, tree_part part)
{
    int64_t word, end, n;

    crm_tree_words(t, part, &word, &end);
    for (n = (end - word) * WORD_ITEMS; word < end; word++)
        for (run r = run_start(t, part, word, vec.touched[word]); run_next(&r);)
            n += r.n;
    return n;
}

int crm_tree_pack(const crm_tree *t, tree_vec whole, tree_part part, uint32_t *out)
{
    int64_t word, end, items = packed_items(t, whole, part);
    const float *v = crm_tree_element(t, whole.v, part.first);

    if (items >= part.end - part.first) return 0;
    crm_tree_words(t, part, &word, &end);
    memcpy(out, whole.touched + word, (size_t)(end - word) * sizeof *whole.touched);
    for (out += (end - word) * WORD_ITEMS; word < end; word++)
        for (run r = run_start(t, part, word, whole.touched[word]); run_next(&r); out += r.n)
            memcpy(out, v + r.at, (size_t)r.n * sizeof *v);
    return (int)items;
}

/* The length tells the two forms apart: what is packed is shorter than the part. */
void crm_tree_unpack(const crm_tree *t, const uint32_t *in, int n, tree_vec vec, tree_part part)
{
    tree_part sparse = crm_tree_sparse_part(t, part);
    float *v = crm_tree_element(t, vec.v, sparse.first - part.first);
    int64_t word, end;

    crm_tree_words(t, sparse, &word, &end);
    if (n == sparse.end - sparse.first) {
        memset(vec.touched + word, 0xFF, (size_t)(end - word) * sizeof *vec.touched);
        memcpy(v, in, (size_t)n * sizeof *v);
        return;
    }
    crm_tree_clean(t, vec, part);
    memcpy(vec.touched + word, in, (size_t)(end - word) * sizeof *vec.touched);
    for (in += (end - word) * WORD_ITEMS; word < end; word++)
        for (run r = run_start(t, sparse, word, vec.touched[word]); run_next(&r); in += r.n)
            memcpy(v + r.at, in, (size_t)r.n * sizeof *v);
}
