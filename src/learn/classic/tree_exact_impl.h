/* tree_exact_impl.h - shared by the files of exact trees only: columns as ranks, a node that looks
 * for its split. */
#ifndef CRM_TREE_EXACT_IMPL_H
#define CRM_TREE_EXACT_IMPL_H

#include "crmpi/base_simd.h"
#include "tree_impl.h"

/* ---- columns (tree_columns.c) ---- */
struct tree_columns {
    const crm_fit *fit; /* while they are made: whose hooks may end it */
    int n_columns;
    int64_t n;         /* rows: positions of the view                                       */
    int32_t **rank;    /* [n_columns][n] place among value; n_values: missing               */
    int32_t *n_values; /* [n_columns] distinct ones                                         */
    float **value;     /* [n_columns][n_values] rising                                      */
};
/* Values as close as this count as equal, as in scikit-learn. */
#define EXACT_CLOSE 1e-7f
static inline bool exact_is_close(const struct tree_columns *c, int column, int32_t a, int32_t b)
{
    return c->value[column][b] <= c->value[column][a] + EXACT_CLOSE;
}

/* Sort n pairs by their upper half, which is at most high; the sorted one of a and b.  Pairs that
 * are equal there stay in their order. */
uint64_t *exact_sort_pairs(int64_t n, uint64_t *a, uint64_t *b, uint32_t high);

/* ---- rows as one number each ----
 * Packed (two slots, fewer than 2^21 rows and copies): a row, its copies in slot 0, in slot 1, at
 * bits 0, 21 and 42, so that one addition counts all three.  Else: copies, and the slot at bit 32.
 */
enum { EXACT_FIELD = 21, EXACT_MASK = (1 << EXACT_FIELD) - 1, EXACT_COPIES_MAX = 31 };
static inline int64_t exact_rows(uint64_t packed)
{
    return (int64_t)(packed & EXACT_MASK);
}
static inline int64_t exact_count(uint64_t packed, int slot)
{
    return (int64_t)(packed >> (slot + 1) * EXACT_FIELD & EXACT_MASK);
}

typedef struct exact_split {
    double score;      /* higher is better; -INFINITY: none                                    */
    int place;         /* of the column in the order of the node                               */
    int32_t column;    /*                                                                      */
    int32_t cutoff;    /* ranks up to this go left; others with the same rows on each side may do */
    bool missing_left; /*                                                                      */
} exact_split;
/* Order of splits: score, then place, then missing values to the right, then the cutoff. */
static inline bool exact_better(const exact_split *a, const exact_split *b)
{
    if (a->score != b->score) return a->score > b->score;
    if (a->place != b->place) return a->place < b->place;
    if (a->missing_left != b->missing_left) return b->missing_left;
    return a->cutoff < b->cutoff;
}

/* What does not change while a tree grows. */
typedef struct exact_rules {
    const tree_grow_cfg *cfg;
    const tree_columns *columns;
    int64_t number;       /* of the tree                                               */
    int m;                /* slots                                                     */
    const double *weight; /* [m]                                                       */
    bool plain;           /* all weights are 1 */
    bool packed;          /* form of marks                                             */
    double *x_log_x;      /* [sum of copies + 1] for entropy and weights 1, else NULL  */
} exact_rules;

/* A node that looks for its split. */
typedef struct exact_node {
    int32_t number;
    int64_t n;
    int32_t *row;         /* [n] positions          */
    uint64_t *mark;       /* [n] rows as one number */
    const int64_t *count; /* [m] copies of each slot */
} exact_node;

/* Working memory of a thread for nodes of up to n rows. */
enum { EXACT_SMALL = 64, EXACT_BUCKETS = 1024 };
typedef struct exact_bench {
    int32_t *key;                /* [n] ranks of a node's rows                     */
    int32_t *part[2];            /* [n] of rows in few buckets, in turns           */
    uint64_t *part_mark[2];      /* [n]                                            */
    uint64_t *present;           /* [n] marks of rows with a value                 */
    uint64_t *pair;              /* [2 n] rank and number, to be sorted            */
    int64_t *left;               /* [m] copies on the left                         */
    uint32_t small[EXACT_SMALL]; /* narrow marks of a small node                   */
    uint64_t sum[EXACT_BUCKETS]; /* of a bucket, then of all up to it              */
    int32_t l0[EXACT_BUCKETS], l1[EXACT_BUCKETS], rows[EXACT_BUCKETS];
    double score[EXACT_BUCKETS];
    exact_split best; /* of the columns that a thread has seen                      */
    bool varied;      /* one of them had more than one value                        */
} exact_bench;
CRM_CHECKED exact_bench_new(int64_t n, int m, bool packed, exact_bench **out);
void exact_bench_free(exact_bench **b);
/* 8, 12 and 12 bits of a mark: as many as EXACT_SMALL rows of EXACT_COPIES_MAX copies need. */
static inline uint32_t exact_narrow(uint64_t mark)
{
    return (uint32_t)((mark & 0xff) | (mark >> EXACT_FIELD & 0xfff) << 8 |
                      (mark >> 2 * EXACT_FIELD & 0xfff) << 20);
}
/* Add the copies of a mark to count [m]. */
static inline void exact_add(const exact_rules *r, uint64_t mark, int64_t *count)
{
    if (r->packed) {
        count[0] += exact_count(mark, 0);
        count[1] += exact_count(mark, 1);
    } else {
        count[mark >> 32] += (int64_t)(mark & UINT32_MAX);
    }
}

/* ---- the split of a node (tree_exact_node.c) ---- */
typedef struct exact_cut {
    int32_t column; /* -1: none */
    double value;
    bool missing_left;
    int64_t n_left;
} exact_cut;
/* Threads and their working memory. */
typedef struct exact_team {
    crm_pool *pool; /* NULL: none */
    int n;          /* benches    */
    exact_bench **bench;
    tree_draw draw;
    int32_t *list;        /* [n_columns] columns for the team            */
    int32_t *row_spare;   /* [rows]                                      */
    uint64_t *mark_spare; /* [rows]                                      */
} exact_team;
/* Find the best split and put the rows of the left side first; left [m]: their copies. */
CRM_CHECKED exact_split_node(const exact_rules *r, exact_team *t, exact_node *x, int64_t *left,
                             exact_cut *out);

/* ---- columns of a node ---- */
/* Score of a split into left counts and the rest of count. */
double exact_score(const exact_rules *r, const int64_t *count, const int64_t *left);
/* Both look for better splits than *best in a column, which has this place in the order of the
 * node; false: all its values are close and none is missing.  The first (tree_exact_scan.c) wants
 * packed marks and takes cuts between close values, too; the second (tree_exact_sort.c) takes none.
 */
bool exact_scan(const exact_rules *r, const exact_node *x, int column, int place, exact_bench *b,
                exact_split *best);
bool exact_sort(const exact_rules *r, const exact_node *x, int column, int place, exact_bench *b,
                exact_split *best);
#endif
