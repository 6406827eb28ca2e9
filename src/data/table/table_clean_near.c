/* table_clean_near.c - which rows of a group are nearly the same as one before them that stays.
 *
 * Numbers are near when they differ by less than 1e-6 of their size.  Each number lies in a cell of
 * a grid that is 500 to 1,000 times as wide as that; rows whose numbers lie in the same cells are
 * one bucket.  Near rows are in one bucket, but where a number lies close to the edge of its cell:
 * then the bucket behind the edge is looked at too.  So every near row is found, and a row is
 * compared with few others, whatever the size of its group (the grid as in A. Andoni and P. Indyk,
 * Near-optimal hashing algorithms, CACM 51, 2008, but with one table and all neighbours).
 *
 * Two limits bound the time: NEAR_COMPARED rows that a row is compared with, the latest ones that
 * stay, and NEAR_EDGES edges.  Rows that a limit cuts short are counted.  Cells come from the bits
 * of a number and buckets are filled in the order of the file, so all of it is the same on any
 * machine and number of ranks. */
#include <math.h>
#include <string.h>

#include "crmpi/base_mem.h"
#include "table_clean.h"

static const double TOLERANCE = 1e-6;
static const double CELLS = 2048; /* from a power of two to the next but one */
static const double EDGE = 3e-3;  /* of a cell; TOLERANCE is 2.05e-3 of one at most */
static const double SHIFT = 0.37; /* edges are not at whole numbers */

typedef struct edge {
    uint64_t here, there; /* what the cell adds to the hash, and the one behind the edge */
} edge;

typedef struct buckets {
    const table_near *t;
    int64_t *head, *next; /* [slots], [n]: the latest row that stays, the one before it; -1 */
    uint64_t *hash;       /* [n] bucket */
    int64_t slots;        /* power of two */
    edge edge[NEAR_EDGES];
    int n_edges;
    bool cut; /* more edges than that */
} buckets;

static double number_of(const table_near *t, int64_t i, int k)
{
    double x;

    memcpy(&x, t->item + (size_t)i * t->size + sizeof(crm_digest) + (size_t)k * sizeof x, sizeof x);
    return x;
}

static crm_digest group_of(const table_near *t, int64_t i)
{
    crm_digest d;

    memcpy(&d, t->item + (size_t)i * t->size, sizeof d);
    return d;
}

static bool is_near(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) < TOLERANCE * fmax(fabs(a), fabs(b));
}

static bool are_near(const table_near *t, int64_t i, int64_t j)
{
    for (int k = 0; k < t->n_numbers; k++)
        if (!is_near(number_of(t, i, k), number_of(t, j, k))) return false;
    return true;
}

/* ---- cells ---- */
/* Finaliser of splitmix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint64_t cell_hash(int k, int64_t cell, bool minus)
{
    return mix((uint64_t)cell * 2 + minus + (uint64_t)(k + 1) * 0x9E3779B97F4A7C15u);
}

/* What number k of a row adds to its hash. */
static uint64_t place(buckets *b, int k, double x)
{
    int power;
    double at, inside;
    int64_t cell, other;
    bool minus = x < 0;

    if (x == 0 || isnan(x)) return 0;
    at = (frexp(fabs(x), &power) - 0.5) * CELLS + SHIFT;
    inside = at - floor(at);
    cell = (int64_t)floor(at) + (int64_t)power * (int64_t)(CELLS / 2);
    if (inside < EDGE || inside > 1 - EDGE) {
        other = inside < EDGE ? cell - 1 : cell + 1;
        if (b->n_edges < NEAR_EDGES)
            b->edge[b->n_edges++] = (edge){cell_hash(k, cell, minus), cell_hash(k, other, minus)};
        else
            b->cut = true;
    }
    return cell_hash(k, cell, minus);
}

/* ---- buckets ---- */
/* A row of bucket h that stays and is near row i; *compared rows at most. */
static bool look(const buckets *b, int64_t i, crm_digest group, uint64_t h, int *compared)
{
    for (int64_t j = b->head[h & (uint64_t)(b->slots - 1)]; j >= 0; j = b->next[j]) {
        if (b->hash[j] != h || !crm_digest_equal(group_of(b->t, j), group)) continue;
        if ((*compared)++ == NEAR_COMPARED) return false;
        if (are_near(b->t, i, j)) return true;
    }
    return false;
}

/* Row i is near one that stays, or stays itself. */
static bool settle(buckets *b, int64_t i, int64_t *uncompared)
{
    crm_digest group = group_of(b->t, i);
    uint64_t h = mix(group.lo ^ mix(group.hi));
    int compared = 0;
    int64_t *head;

    b->n_edges = 0;
    b->cut = false;
    for (int k = 0; k < b->t->n_numbers; k++)
        h += place(b, k, number_of(b->t, i, k));
    for (unsigned some = 0; some < 1u << b->n_edges && compared <= NEAR_COMPARED; some++) {
        uint64_t there = h;
        for (int e = 0; e < b->n_edges; e++)
            if (some >> e & 1) there += b->edge[e].there - b->edge[e].here;
        if (look(b, i, group, there, &compared)) return true;
    }
    *uncompared += b->cut || compared > NEAR_COMPARED;
    head = &b->head[h & (uint64_t)(b->slots - 1)];
    b->hash[i] = h;
    b->next[i] = *head;
    *head = i;
    return false;
}

static crm_status open_buckets(buckets *b)
{
    for (b->slots = 64; b->slots < b->t->n;)
        b->slots *= 2;
    CRM_NEW(b->head, b->slots);
    CRM_NEW(b->next, b->t->n);
    CRM_NEW(b->hash, b->t->n);
    for (int64_t k = 0; k < b->slots; k++)
        b->head[k] = -1;
    return CRM_OK;
}

crm_status crm_table_near(const table_near *t, uint8_t *near, int64_t *uncompared)
{
    buckets b = {.t = t};
    crm_status st;

    *uncompared = 0;
    CRM_TRY_TO(st, done, open_buckets(&b));
    for (int64_t i = 0; i < t->n; i++) {
        CRM_TRY_TO(st, done, crm_table_go_on(i));
        near[i] = settle(&b, i, uncompared);
    }
done:
    crm_mem_free(b.head);
    crm_mem_free(b.next);
    crm_mem_free(b.hash);
    return st;
}
