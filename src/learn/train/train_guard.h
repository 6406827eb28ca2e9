/* train_guard.h - what goes wrong in steps: copies of the parameters that change in memory, batches
 * whose gradient is not finite or whose loss is a spike.  Inside of room train. */
#ifndef CRM_TRAIN_GUARD_H
#define CRM_TRAIN_GUARD_H

#include "train_impl.h"

typedef struct run run;
typedef struct check check;
typedef struct guard guard;

/* ---- copies of the parameters (train_check.c) ---- */

/* What a rank tells of its copy. */
typedef struct check_word {
    crm_digest kept;
    int64_t changed; /* first block that is no longer as it was kept; -1: none */
} check_word;

CRM_CHECKED crm_check_new(const run *r, check **out);
void crm_check_free(check **c);
/* After run->step, whose parameters are there: digests are to be kept now (check.every). */
bool crm_check_keeps(const check *c);
/* Digests of the copy w[size] in host memory.  Rank-local; cannot fail on some ranks only. */
CRM_CHECKED crm_check_keep(check *c, const float *w);
/* Digests are kept and the parameters have not been overwritten since; the same on all ranks. */
bool crm_check_open(const check *c);
/* The copy against them.  Rank-local. */
CRM_CHECKED crm_check_verify(check *c, const float *w, check_word *out);
/* The parameters are about to be overwritten. */
void crm_check_over(check *c);
/* What all ranks found, word[ranks]: CRM_ERR_COMM names the rank that is at fault.  Collective. */
CRM_CHECKED crm_check_compare(check *c, const check_word *word);
/* Between two steps: verify what is kept, or keep, and compare.  Nothing with check.every 0.
 * Collective. */
CRM_CHECKED crm_check_now(check *c, const float *w);

/* ---- rows that are at fault (train_blame.c) ---- */
enum { BLAME_MAX = 8 };
typedef struct row_list {
    int n;
    bool more; /* than are listed */
    int64_t row[BLAME_MAX];
} row_list;

/* Where the net of the first worker computes. */
typedef struct blame_at {
    const batch *batch; /* its scales */
    const float *w;
    float *grad; /* [stride] scratch, memory of the device */
    int64_t stride;
} blame_at;

/* Rows of row[n] (negative: padding) with which something is not finite.  Rank-local. */
CRM_CHECKED crm_blame_nonfinite(const run *r, const blame_at *at, const int64_t *row, int64_t n,
                                row_list *out);
/* Rows that each make up a sixteenth or more of the excess of the step's loss over the median, of
 * the rows row[n] of own lanes; then those of all ranks.  Collective. */
CRM_CHECKED crm_blame_spike(const run *r, const blame_at *at, const int64_t *row, int64_t n,
                            double median, double excess, row_list *out);
/* " (row 5)", " (rows 5, 7, ...)", ""; out has BLAME_TEXT bytes. */
enum { BLAME_TEXT = 256 };
void crm_blame_text(const row_list *rows, char *out);

/* ---- steps (train_guard.c) ---- */
CRM_CHECKED crm_guard_new(run *r, guard **out);
void crm_guard_free(guard **g);
check *crm_guard_check(guard *g);

/* Whether a step of this phase (from 1) is left out. */
bool crm_guard_left_out(const guard *g, int64_t step);
/* Updates up to a step, itself included: the number of the step for the optimiser. */
int64_t crm_guard_updates(const guard *g, int64_t step);
/* Steps of an epoch that were left out. */
int64_t crm_guard_left_out_of(const guard *g, int64_t first, int64_t end);

/* Heads whose losses are watched, the first ones. */
int crm_guard_heads(const run *r);
/* A step's loss over the global batch, from those of all lanes in order: an exact tree. */
double crm_guard_loss(double *lane, int64_t n);
/* The steps in their order, each once: its norm, its loss, rows of its global batch.  Where it must
 * not be taken run->failed is set.  *spike: it is one, and rows that are at fault can be named
 * (crm_guard_blame) before crm_guard_accept.  The same on all ranks. */
void crm_guard_judge(guard *g, int64_t step, int64_t at, int64_t rows, double loss, double norm,
                     bool *spike);
/* Of a spike: what it is above, and by how much. */
double crm_guard_median(const guard *g);
double crm_guard_excess(const guard *g);
/* Tells a spike at step: a warning when it is let pass; rows may be NULL. */
void crm_guard_blame(guard *g, int64_t step, const row_list *rows);

/* At the begin of an epoch, and where one goes on: what it may have to go back to.  Collective. */
CRM_CHECKED crm_guard_begin(guard *g);
/* run->failed is set and the loader has stopped: CRM_ERR_NUMERIC where the policy is to stop or too
 * much went wrong; else what the policy says is done, and the epoch goes on from run->at.
 * Collective. */
CRM_CHECKED crm_guard_failed(guard *g);
/* Whether a failed step can be left out where it stands, without stopping the loader. */
bool crm_guard_skips_here(const guard *g);

/* What a saved state needs beside that of the run; b is there on the first rank of the group.
 * Collective. */
CRM_CHECKED crm_guard_save(guard *g, crm_bag *b);
/* After open and after the run's own state.  Rank-local; the same bag on all ranks. */
CRM_CHECKED crm_guard_load(guard *g, const crm_bag *b);

/* At the end of a fit: how many steps were left out of it. */
void crm_guard_tell(const trainer *t);

#endif
