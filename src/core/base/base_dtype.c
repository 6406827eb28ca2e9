/* base_dtype.c - sizes and names of element types. */
#include "crmpi/base_dtype.h"

static const struct {
    const char *name;
    size_t size;
} TYPES[] = {{"f32", 4}, {"f64", 8}, {"u8", 1}, {"u16", 2}, {"i32", 4}, {"i64", 8}};
_Static_assert(sizeof TYPES / sizeof *TYPES == CRM_DTYPE_COUNT, "one row per type");

size_t crm_dtype_size(crm_dtype t)
{
    return TYPES[t].size;
}

const char *crm_dtype_name(crm_dtype t)
{
    return TYPES[t].name;
}
