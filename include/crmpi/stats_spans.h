/* stats_spans.h - spans of BIO tags, counted as conlleval counts them (room stats).
 *
 * Pure functions on arrays: no MPI, no files, no state.  Thread-safe, not collective. */
#ifndef CRM_STATS_SPANS_H
#define CRM_STATS_SPANS_H

#include <stdint.h>

#include "crmpi/base_status.h"

enum { CRM_BIO_TYPES_MAX = 255 };
/** What a tag says: mark 'O', 'B' or 'I', and the number of its type (-1 for O). */
typedef struct crm_bio {
    char mark;
    int16_t type;
} crm_bio;
/** Read class names as tags "O", "B-<type>", "I-<type>".
 *  @param[in]  name  [k]
 *  @param[out] bio   [k]; types are numbered in the order of their first tag
 *  @param[out] type  [k] names of the types, parts of name
 *  @param[out] n_types
 *  CRM_ERR_CONFIG names the first class that is no such tag, or says that there are too many. */
CRM_CHECKED crm_bio_read(int k, const char *const *name, crm_bio *bio, const char **type,
                         int *n_types);

typedef struct crm_span_counts {
    int64_t gold, found, right;
} crm_span_counts;
/** Add the spans of one sequence to the counts of their types, as the script conlleval of the CoNLL
 *  shared tasks does (Tjong Kim Sang & De Meulder 2003): a span begins at B, at I behind O, and
 *  where the type changes; it is right when a span of the same type begins and ends at the same
 *  tokens.  Tokens with a gold tag of -1 are O on both sides.
 *  @param[in]     gold, found  [n] tags, numbers of bio
 *  @param[in,out] counts       [n_types] */
void crm_stats_spans(int64_t n, const crm_bio *bio, const int32_t *gold, const int32_t *found,
                     crm_span_counts *counts);
/** Add what became of the spans of one sequence: count[g][f] of spans of type g that were found as
 *  type f with the same first and last token; g or f = n_types: none.  Spans are those of
 *  crm_stats_spans, so the diagonal are the right ones, a row sums to the gold spans of a type, a
 *  column to those found.
 *  @param[in]     gold, found  [n] tags, numbers of bio
 *  @param[in,out] count        [n_types + 1][n_types + 1] */
void crm_stats_span_confusion(int64_t n, const crm_bio *bio, const int32_t *gold,
                              const int32_t *found, int n_types, int64_t *count);
/** Counts of one type, or of all (type n_types), from such a table. */
crm_span_counts crm_spans_of_confusion(int n_types, const int64_t *count, int type);
crm_span_counts crm_spans_total(int n_types, const crm_span_counts *counts);
/** right / found, right / gold, and their harmonic mean; 0 where there is nothing to divide by. */
double crm_spans_precision(crm_span_counts c);
double crm_spans_recall(crm_span_counts c);
double crm_spans_f1(crm_span_counts c);

/** Sums over sequences of right spans r, of spans h that are found or there to be found, and of
 *  their squares and products: whole numbers, which add up in any order. */
typedef struct crm_span_tally {
    int64_t r, h, rr, rh, hh;
} crm_span_tally;
/** Add the counts of one sequence. */
void crm_span_tally_add(crm_span_tally *t, crm_span_counts sequence);
/** F1 = 2 sum r / sum h, 0 where there is nothing to divide by, and its standard error over
 *  sequences, that of a ratio of sums: sqrt(sum (2 r - F1 h)^2) / sum h (Cochran, Sampling
 *  Techniques, 1977, section 2.11, for many sequences). */
double crm_span_tally_f1(const crm_span_tally *t);
double crm_span_tally_error(const crm_span_tally *t);
#endif
