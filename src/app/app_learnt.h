/* app_learnt.h - which texts the models of a run have learnt from. */
#ifndef CRM_APP_LEARNT_H
#define CRM_APP_LEARNT_H

#include "app_impl.h"
#include "crmpi/data_texts.h"

typedef struct app_learnt {
    char data[CRM_DIGEST_HEX]; /* digest of the data set, "": not known         */
    bool texts_known;
    crm_digest texts; /* of crm_data_texts                            */
    int n_kinds;      /* of the documents with labels; 0: not known   */
    char **kind;      /* [n_kinds] */
} app_learnt;

/** Into run.json.  Collective. */
CRM_CHECKED app_learnt_note(const app *a, const crm_data *d, crm_record *run);
/** Out of RUN/run.json; what is not there is not known.  Not collective. */
CRM_CHECKED app_learnt_read(const char *run, app_learnt *out);
void app_learnt_free(app_learnt *l);

/** Whether the texts that were learnt from are those of some of n parts (at most 16) of a data set,
 *  each with its digest, and of which: bit k of *parts is that of part k.  Where several answers
 * fit it is one without part own. */
bool app_learnt_parts(const app_learnt *l, int n, const crm_digest *part, int own, uint32_t *parts);
/** Whether the data set that was learnt from is d or became it, by its digests. */
bool app_learnt_became(const app_learnt *l, const crm_data *d);
#endif
