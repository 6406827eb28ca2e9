/* record_segments.h - segments of customers as crmpi segments finds them (room record). */
#ifndef CRM_RECORD_SEGMENTS_H
#define CRM_RECORD_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/base_hash.h"
#include "crmpi/base_status.h"
#include "crmpi/base_str.h"

/** What a column tells about. */
typedef enum crm_segments_group {
    CRM_SEGMENTS_BEHAVIOUR, /* events and months                  */
    CRM_SEGMENTS_VALUE,     /* money                              */
    CRM_SEGMENTS_SENTIMENT, /* documents and their labels         */
    CRM_SEGMENTS_PROFILE,   /* what else is known of the customer */
    CRM_SEGMENTS_GROUPS
} crm_segments_group;
extern const char *const crm_segments_group_names[]; /* "behaviour", ..., NULL */

typedef struct crm_segments_column {
    char *name;
    int group;       /* crm_segments_group                                               */
    bool month;      /* one month of many: never in a table                              */
    bool shown;      /* among those that tell the segments apart most                    */
    int64_t present; /* customers that have a value                                      */
    double mean, sd; /* of them; sd with divisor n; NaN: nobody has one                  */
    double eta2;     /* sum of squares between segments / total; NaN: constant           */
    double *of, *z;  /* [k] mean; (mean - mean of all) / sd; NaN: nobody there has one   */
} crm_segments_column;
typedef struct crm_segments_target {
    char *name;
    int n_classes;
    char **class_name;
    int64_t *count; /* [k][n_classes] customers with this label */
} crm_segments_target;

typedef struct crm_segmentation {
    crm_digest data;
    int64_t rows;
    bool embedding; /* points are vectors of a file, else columns */
    crm_digest vectors;
    const char *power; /* what was done to columns before they were scaled; static; NULL: nothing */
    int width;         /* of a point */
    int k, most;
    double *score; /* [most + 1] silhouettes of 2 .. most, NaN: not looked at; NULL: k was given */
    uint64_t seed;
    int64_t restarts, sample;
    double silhouette, inertia;
    int seeds;         /* 1: no stability */
    double *agreement; /* [seeds - 1] adjusted Rand index with the first */
    /* [k] each */
    int64_t *count;
    double *silhouette_of, *jaccard; /* jaccard: mean over the other seeds of the largest index */
    int n_columns, n_targets;
    crm_segments_column *column;
    crm_segments_target *target;
} crm_segmentation;

/** segments.json: the same struct gives the same bytes.  CRM_ERR_NOMEM. */
CRM_CHECKED crm_segmentation_write(const crm_segmentation *s, crm_str *out);
/** What all pointers in it hold comes from crm_mem_new. */
void crm_segmentation_free(crm_segmentation *s);
#endif
