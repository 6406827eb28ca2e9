/* data_describe.h - inside of room data: columns as they are described. */
#ifndef CRM_DATA_DESCRIBE_IMPL_H
#define CRM_DATA_DESCRIBE_IMPL_H

#include "crmpi/data_describe.h"
#include "data_impl.h"

/* Where the values of a column stand: value i is element (i / inner) * stride + i % inner of num or
 * code, or the size of group i of first. */
typedef enum describe_axis {
    DESCRIBE_NONE,
    DESCRIBE_ROW,
    DESCRIBE_EVENT,
    DESCRIBE_DOCUMENT,
    DESCRIBE_AXES
} describe_axis;

/* Units of an axis, those of a part together. */
typedef struct describe_parts {
    uint32_t *unit; /* NULL: in their order */
    int64_t begin[CRM_DESCRIBE_PARTS + 1];
} describe_parts;

typedef struct describe_source {
    const float *num;
    const int32_t *code;
    const int64_t *first;
    int64_t n, stride, inner;
    describe_axis axis; /* whose values they are, in parts of time; NONE: they are not compared */
} describe_source;

typedef struct describer {
    crm_comm *comm;
    crm_pool *pool;
    const crm_data *data;
    crm_description *out;
    describe_source *source; /* [out->n] */
    describe_parts parts[DESCRIBE_AXES];
} describer;

/* Value i of a numeric column; NaN: missing. */
double crm_describe_number(const describe_source *s, int64_t i);
int32_t crm_describe_code(const describe_source *s, int64_t i);
/* Fill out->column and source. */
CRM_CHECKED crm_describe_columns(describer *x);
/* Figures of one column; thread-safe. */
CRM_CHECKED crm_describe_figures(const describer *x, int column, crm_figures *f);
/* Find what is cut into parts, and cut it. */
CRM_CHECKED crm_describe_parts(describer *x);
/* psi, psi_p and ks of one column that drifts; thread-safe. */
CRM_CHECKED crm_describe_drift(const describer *x, int column, crm_figures *f);
/* The matrices.  Collective. */
CRM_CHECKED crm_describe_relate(describer *x);
/* Sum over the ranks of n items of 8 bytes, of which each is zero on all ranks but one: what that
 * one has, on all.  Collective. */
CRM_CHECKED crm_describe_share(crm_comm *comm, void *items, int64_t n);
#endif
