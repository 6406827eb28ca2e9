/* base_dtype.h - element types of tensors, data sets and named arrays (room base). */
#ifndef CRM_BASE_DTYPE_H
#define CRM_BASE_DTYPE_H

#include <stddef.h>

typedef enum crm_dtype {
    CRM_F32,
    CRM_F64,
    CRM_U8,
    CRM_U16,
    CRM_I32,
    CRM_I64,
    CRM_DTYPE_COUNT
} crm_dtype;

/** Bytes of one element. */
size_t crm_dtype_size(crm_dtype t);
/** "f32", "f64", "u8", "u16", "i32", "i64". */
const char *crm_dtype_name(crm_dtype t);
#endif
