/* data_keep_impl.h - inside of room data: rows of a data set on their way into a new one. */
#ifndef CRM_DATA_KEEP_IMPL_H
#define CRM_DATA_KEEP_IMPL_H

#include "crmpi/data_keep.h"
#include "data_impl.h"

typedef enum axis { ROW, EVENT, DOCUMENT, TOKEN, BYTE, AXES } axis;

/* New codes of the levels of one column, -1: nobody has it. */
typedef struct recode {
    int64_t n, left;
    int32_t *to;       /* [n]    */
    const char **item; /* [left] */
} recode;

typedef struct job {
    crm_comm *comm;
    const crm_data *d;
    crm_store_writer *w;
    int64_t n_runs;
    int64_t *from[AXES]; /* [n_runs] first old unit of each run      */
    int64_t *to[AXES];   /* [n_runs + 1] first new unit of each run  */
    recode **recodes;    /* [arrays][columns] of arrays of codes, else NULL  */
    float *missing;      /* [rows of the dictionary] shares over what stays; NULL: no dictionary */
    int64_t gone_levels, gone_words;
} job;

/* The run that holds new unit i: the last with to <= i. */
int64_t crm_keep_run(const job *j, axis a, int64_t i);
/* Fill j->missing.  Collective. */
CRM_CHECKED crm_keep_missing(job *j);
#endif
