/* feature_forms.h - forms of the words of a data set's dictionary, for transforms of documents:
 * made once for each data set that a model sees, and found again by its digest (feature_forms.c).
 */
#ifndef CRM_FEATURE_FORMS_H
#define CRM_FEATURE_FORMS_H

#include <stdatomic.h>

#include "crmpi/text.h"
#include "feature_impl.h"

typedef struct feature_forms {
    crm_digest data;
    crm_forms *forms;
    int32_t *id; /* vocabulary id of each form; NULL: no vocabulary */
    struct feature_forms *next;
} feature_forms;
/** Zeros to begin with; newest first, only ever grows while others read. */
typedef struct feature_forms_list {
    _Atomic(feature_forms *) head;
} feature_forms_list;

/** Forms of these data by cfg, with ids of a vocabulary (NULL: none).  Several threads may ask at a
 *  time.  Nothing where there are no documents. */
CRM_CHECKED feature_forms_ready(const feature_forms_list *list, const crm_text_cfg *cfg,
                                const crm_vocab *vocab, const crm_data *data);
/** NULL: none were made. */
const feature_forms *feature_forms_of(const feature_forms_list *list, const crm_data *data);
void feature_forms_free(feature_forms_list *list);

/** What a transform of documents learns first: its options with the lists that they name, *text,
 * and the forms of the dictionary by them, *forms; the caller's, also after a failure.  Collective
 *  over fit->comm.
 *  @return CRM_ERR_CONFIG when a file of stop words is not the same on all ranks; CRM_ERR_NOMEM. */
CRM_CHECKED feature_forms_learn(const crm_fit *fit, const crm_text_cfg *cfg,
                                const crm_documents *docs, crm_text_fixed **text,
                                crm_forms **forms);

/** The forms of one document at a time; zeros to begin with, form is the caller's (crm_mem_free).
 */
typedef struct feature_walk {
    int32_t *form; /* [n] */
    int64_t n, room;
} feature_walk;
CRM_CHECKED feature_forms_walk(const crm_forms *forms, const crm_documents *docs, int64_t document,
                               feature_walk *w);

/** For qsort of int32_t. */
int feature_by_number(const void *a, const void *b);

#endif
