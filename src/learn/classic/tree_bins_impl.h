/* tree_bins_impl.h - shared by the files of binned columns only: what a rank tells of a column. */
#ifndef CRM_TREE_BINS_IMPL_H
#define CRM_TREE_BINS_IMPL_H

#include "tree_impl.h"

/* Key of a missing value.  The others are in the order of floats. */
static const uint32_t BINS_NONE = UINT32_MAX;

/* What a record of a column begins with; TREE_BINS_MAX distinct keys and the sample follow. */
enum {
    HEAD_MISSING,
    HEAD_DISTINCT,
    HEAD_LOW,
    HEAD_HIGH,
    HEAD_KEYS,
    HEAD = HEAD_KEYS + TREE_BINS_MAX
};

/* What is found: number of codes, whether values miss (0 or 1), cuts. */
enum { CUT_BINS, CUT_MISSING, CUT_FIRST, CUT_WIDTH = CUT_FIRST + TREE_BINS_MAX - 1 };

/* Records of columns from all ranks. */
typedef struct bins_cutter {
    int size, d;
    const uint32_t *record; /* from each rank [d][width] */
    const int64_t *width;   /* [size] */
    int max_bins;
    double *cut; /* [d][CUT_WIDTH] */
} bins_cutter;

/* Cuts of column c from the records of all ranks (tree_bins_cut.c); a crm_task_fn. */
CRM_CHECKED bins_cut_column(void *cutter, int64_t c, int worker);
#endif
