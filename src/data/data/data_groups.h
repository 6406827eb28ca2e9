/* data_groups.h - rows of a view that stay together (room data only). */
#ifndef CRM_DATA_GROUPS_H
#define CRM_DATA_GROUPS_H

#include "data_impl.h"

/** Groups 0 .. n-1 of positions of a view. */
typedef struct crm_groups {
    int64_t n;
    int64_t *start; /* [n + 1] first of the members of a group in at */
    int64_t *at;    /* [positions] sorted by group, then position */
    int64_t *of;    /* [positions] group */
} crm_groups;

/** Positions with equal id are a group; groups are numbered by rising id.  Zeros on failure. */
CRM_CHECKED crm_groups_new(int64_t n, const int64_t *id, crm_groups *out);
/** Rows of v with equal number[row of the data set]. */
CRM_CHECKED crm_groups_of_view(const crm_view *v, const int64_t *number, crm_groups *out);
/** What of v stays together: rows of equal group[row of the data set] (NULL: none), joined where a
 * duplicate of a row stands in another group, or duplicates alone; n = 0: nothing does. */
CRM_CHECKED crm_groups_find(const crm_view *v, const int64_t *group, crm_groups *out);
void crm_groups_free(crm_groups *g);

/** Groups in shuffled order, each to the fold that is smallest so far (lowest number on ties). */
CRM_CHECKED crm_groups_deal(const crm_groups *g, uint64_t seed, int repeat, int folds,
                            int32_t *fold);
/** As above, with classes as even over the folds as the groups allow. */
CRM_CHECKED crm_groups_stratify(const crm_groups *g, const crm_view *v, const crm_target *t,
                                uint64_t seed, int repeat, int folds, int32_t *fold);
/** count[n_classes]: groups in which a class occurs; last[n_classes] is working memory. */
void crm_groups_count_classes(const crm_groups *g, const crm_view *v, const crm_target *t,
                              int64_t *last, int64_t *count);

#endif
