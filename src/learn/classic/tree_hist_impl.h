/* tree_hist_impl.h - shared by the files of the histogram grower only.
 *
 * A histogram of a column counts, for each code, the rows of a node by class.  Counts are integers,
 * so that a split depends neither on the order of rows nor on who has counted them. */
#ifndef CRM_TREE_HIST_IMPL_H
#define CRM_TREE_HIST_IMPL_H

#include <string.h>

#include "tree_impl.h"

enum {
    HIST_CODES = 256,
    HIST_WORDS = HIST_CODES / 64,
    HIST_GROUP = 8,                   /* columns counted in one pass over the rows           */
    HIST_PRESENT = TREE_BINS_MAX - 1, /* a split "there is a value": no cut has this number  */
    HIST_LOGS = 4096
};
static const uint32_t HIST_SLOT = 0xFFFFFF;

/* Rows of a growing tree; those of a node are neighbours, a split moves them. */
typedef struct hist_rows {
    int64_t n, stride; /* bytes of a row: a code for each column, and nothing up to 16 bytes    */
    uint8_t *code;     /* [n][stride]                                                           */
    uint32_t *tag;     /* [n] times << 24 | slot                                                */
} hist_rows;

/* What all nodes of a tree have in common; for reading. */
typedef struct hist_job {
    const tree_grow_cfg *cfg;
    const tree_bins *bins;
    const tree_sample *sample;
    int d, m;
    int per;       /* counts of a code: by class, then perhaps of rows without their copies */
    bool rows;     /* per is m + 1 */
    bool all;      /* a node looks at all columns */
    double total;  /* weight of all rows */
    double *xlogx; /* [HIST_LOGS] of whole numbers; NULL with Gini */
} hist_job;

/* A node of a growing tree. */
typedef struct hist_node {
    int32_t column; /* -1: a leaf */
    int32_t left;   /* child, the right one is left + 1 */
    uint8_t bin;    /* codes up to it go left, or HIST_PRESENT */
    bool missing_left;
    double decrease; /* of the impurity; only when someone asks for it */
} hist_node;
typedef struct hist_tree {
    int m;
    int32_t n, cap;
    hist_node *node;
    uint32_t *count; /* [n][m] rows of each class, with copies */
} hist_tree;

/* The best split so far of a node. */
typedef struct hist_best {
    bool found;
    double score;
    int32_t column;
    uint8_t bin;
    bool missing, missing_left; /* missing: some row of the node has no value */
} hist_best;

/* Working memory of one thread. */
typedef struct hist_bench {
    uint32_t *hist;                            /* [HIST_GROUP][HIST_CODES][per], zeros        */
    uint64_t occupied[HIST_GROUP][HIST_WORDS]; /* codes that occur                            */
    int32_t column[HIST_GROUP];
    tree_draw draw;
    const uint32_t *total; /* [m] of the node */
    int64_t n_rows;        /* of it, without copies */
    uint32_t *run, *shift; /* [per] left of a cut; and with the rows without a value */
    uint32_t *left;        /* [m] of the best split */
    double *weight;        /* [m] */
    hist_best best;
    int n_spare;
    uint32_t *spare[64]; /* histograms [d][HIST_CODES][per] that nobody uses */
} hist_bench;

/* ---- counting and splits (tree_hist_split.c) ---- */
CRM_CHECKED hist_bench_new(const hist_job *j, hist_bench *b);
void hist_bench_free(hist_bench *b);
/* Add rows to the histograms [n][HIST_CODES][per] of n columns. */
void hist_count(const hist_job *j, const hist_rows *r, int n, const int32_t *column,
                uint32_t *hist);
/* Codes that occur in a histogram. */
void hist_occupied(const uint32_t *hist, int per, uint64_t *occupied);
/* Try all splits of a column against b->best; whether it has several codes. */
bool hist_scan(const hist_job *j, hist_bench *b, int32_t column, const uint32_t *hist,
               const uint64_t *occupied);
/* A node with these counts must be a leaf. */
bool hist_is_leaf(const hist_job *j, hist_bench *b, const uint32_t *count, int64_t rows,
                  int64_t depth);
/* b->best and b->left of the node: worth it?  decrease is NaN when no option asks for it. */
bool hist_is_worth(const hist_job *j, hist_bench *b, double *decrease);
/* Bring rows that go left to the front; returns their number. */
int64_t hist_partition(const hist_rows *r, const hist_node *s);
static inline hist_rows hist_part(const hist_rows *r, int64_t first, int64_t n)
{
    return (hist_rows){
        .n = n, .stride = r->stride, .code = r->code + first * r->stride, .tag = r->tag + first};
}

/* ---- growing trees (tree_hist_branch.c) ---- */
/* One leaf with these counts. */
CRM_CHECKED hist_tree_new(const hist_job *j, const uint32_t *count, hist_tree *out);
/* Split a leaf by b->best; b->left are the counts of the left child. */
CRM_CHECKED hist_tree_split(const hist_job *j, hist_tree *t, int32_t at, const hist_bench *b,
                            double decrease);
void hist_tree_free(hist_tree *t);
/* Key of a child (side 0 or 1) of a node, whatever the order of growth; of the root: 0. */
uint64_t hist_child_key(uint64_t key, int side);
/* Where a node draws its columns. */
static inline void hist_draw_begin(const hist_job *j, hist_bench *b, uint64_t key)
{
    tree_draw_begin(&b->draw, j->cfg, j->sample->number, (int32_t)(key >> 33));
}
/* Grow the branch below node 0 of t, whose rows are r; moves them.  Not collective. */
CRM_CHECKED hist_grow(const hist_job *j, hist_bench *b, const hist_rows *r, int64_t depth,
                      uint64_t key, hist_tree *t);
/* Room for n more nodes. */
CRM_CHECKED hist_tree_reserve(hist_tree *t, int64_t n);

/* ---- growing together ----
 * Threads and ranks grow the nodes with the most rows level by level, each counting what it holds;
 * the branches below are then grown by one thread of one rank each. */
/* A node to be grown: its rows here, and on all ranks. */
typedef struct hist_span {
    int64_t first, n, rows, depth;
    uint64_t key;
    int32_t node;
} hist_span;
typedef struct hist_spans {
    int64_t n, cap;
    hist_span *item;
} hist_spans;
CRM_CHECKED hist_spans_add(hist_spans *s, hist_span x);
typedef struct hist_team {
    const hist_job *j;
    crm_comm *comm; /* NULL: this rank has all rows */
    crm_pool *pool;
    int n; /* threads */
    hist_bench *bench;
    hist_rows *rows;
    hist_tree *t;
    hist_spans branch;
} hist_team;
static inline crm_status hist_agree(const hist_team *g, crm_status st)
{
    return g->comm ? crm_comm_agree(g->comm, st) : st;
}
/* Grow the nodes with more than most rows (tree_hist_top.c); what is left to grow becomes
 * g->branch. Collective. */
CRM_CHECKED hist_grow_top(hist_team *g, int64_t most);
/* Grow the branches and put them into the tree (tree_hist_share.c).  Frees the rows.  Collective.
 */
CRM_CHECKED hist_grow_branches(hist_team *g);
void hist_rows_free(hist_rows *r);
#endif
