/* train_device.h - rows in the net's form in the memory of a device: what is uploaded for a call,
 * and the rows of a whole view that stay there.  Inside of room train.
 *
 * A piece of rows is a list of arrays; each has so many units for a row (itself, its events, its
 * documents, the tokens of those, its entries in sparse columns) and so many elements for a unit.
 * The list is made once; uploads and gathers walk it. */
#ifndef CRM_TRAIN_DEVICE_H
#define CRM_TRAIN_DEVICE_H

#include "crmpi/device.h"
#include "crmpi/train.h"
#include "train_blocks.h"

typedef struct heads heads;
typedef struct piece piece;
typedef struct trainer trainer;
typedef struct view_columns view_columns;

typedef enum unit {
    UNIT_ROW,
    UNIT_EVENT,
    UNIT_DOCUMENT,
    UNIT_TOKEN,
    UNIT_ENTRY, /* of the sparse columns */
    UNIT_COUNT
} unit;

typedef struct array {
    unit of;
    crm_dtype dtype; /* of the net: f32 or i32                                    */
    int64_t width;   /* elements a unit                                           */
    int64_t levels;  /* codes are below, -1: none; 0: numbers, or codes without end */
    double fill;     /* elements of a padding row                                 */
} array;

/* In this order: numbers, codes, months, category, numbers of events, tokens, columns and values of
 * sparse entries, row ids (as two i32 each), then one for each head.  Width 0: not there. */
enum {
    ARRAY_NUM,
    ARRAY_CAT,
    ARRAY_MONTHLY,
    ARRAY_CATEGORY,
    ARRAY_EVENT_VALUE,
    ARRAY_TOKEN,
    ARRAY_SPARSE_ID,
    ARRAY_SPARSE_VALUE,
    ARRAY_ROW_ID,
    ARRAY_LABEL,
    ARRAYS_MAX = ARRAY_LABEL + 1 + CRM_MODEL_HEADS_MAX
};
typedef struct arrays {
    int n;
    array item[ARRAYS_MAX];
} arrays;

/* hs NULL: without labels. */
void crm_arrays_of(const blocks_map *m, const crm_schema *s, const heads *hs, arrays *out);
/* Whether any array has units of this kind. */
bool crm_arrays_have(const arrays *as, unit u);

/* Room for some rows in device memory. */
typedef struct device_piece {
    crm_device *device;
    arrays arrays;
    void *at[ARRAYS_MAX];
    crm_model_label *label; /* [heads] or NULL */
} device_piece;
CRM_CHECKED crm_device_piece_new(crm_device *d, const blocks_map *m, const crm_schema *s,
                                 const heads *hs, int64_t rows, device_piece *out);
/* The first n rows of p; labels only when both have them.  Enqueues. */
CRM_CHECKED crm_device_piece_upload(device_piece *dp, const piece *p, int64_t n);
/* A batch of these rows; p says which events and documents belong to which row. */
crm_model_batch crm_device_piece_batch(const device_piece *dp, const piece *p, int64_t lanes,
                                       int64_t lane_rows);
void crm_device_piece_free(device_piece *dp);
/* One lane of a batch; label [heads] is filled and used by the result. */
crm_model_batch crm_batch_lane(const device_piece *dp, const crm_model_batch *b, int64_t lane,
                               crm_model_label *label);

/* ---- rows that stay (train_resident.c) ---- */
typedef struct resident {
    crm_device *device;
    int64_t n; /* rows */
    arrays arrays;
    void *at[ARRAYS_MAX];        /* rows of the view in its order        */
    crm_dtype dtype[ARRAYS_MAX]; /* codes in as few bytes as levels allow */
    int64_t *first[UNIT_COUNT];  /* [rows + 1] host: units of each row; NULL: one each, or none */
    int64_t *token_first;        /* [documents + 1] host */
    int64_t bytes;
} resident;

/* what: "training", "validation".  *out NULL: the rows are not kept, which the log says.
 * CRM_ERR_CONFIG: gpu.resident is on and they do not fit. */
CRM_CHECKED crm_resident_new(const trainer *t, const char *what, const crm_view *view,
                             const view_columns *columns, resident **out);
/* Where the rows at positions pos[n] stand (negative: padding): places[crm_resident_places(n)], and
 * firsts as crm_block_rows_fill and crm_view_columns_read give them.  Thread-safe. */
int64_t crm_resident_places(int64_t n);
void crm_resident_place(const resident *r, const int64_t *pos, int64_t n, block_rows *firsts,
                        int64_t *places);
CRM_CHECKED crm_resident_upload(const resident *r, int64_t n, const int64_t *places,
                                int64_t *device_places);
/* The rows into dp, on the computing queue. */
CRM_CHECKED crm_resident_gather(const resident *r, int64_t n, const int64_t *device_places,
                                const piece *p, device_piece *dp);
void crm_resident_free(resident **r);

#endif
