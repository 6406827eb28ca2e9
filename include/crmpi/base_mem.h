/* base_mem.h - counted, zeroed, 64-byte aligned memory (room base). */
#ifndef CRM_BASE_MEM_H
#define CRM_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "crmpi/base_status.h"

/** n zeroed items of size bytes, 64-byte aligned; NULL when n * size overflows or memory is out.
 *  n = 0 gives a valid pointer.  Not collective, thread-safe. */
void *crm_mem_new(size_t n, size_t size);
/** As crm_mem_new, first copying old_n items of old (NULL allowed), which is freed on success only.
 */
void *crm_mem_grow(void *old, size_t old_n, size_t n, size_t size);
/** Copy of a string; NULL when memory is out. */
char *crm_mem_strdup(const char *s);
/** Free what the functions above gave; NULL is allowed. */
void crm_mem_free(void *p);
/** Bytes now held and the most ever held through crm_mem_new by this process. */
size_t crm_mem_used(void);
size_t crm_mem_peak(void);
/** Begin a peak of its own (of one fit, say) beside that of the whole process, and what it came to.
 */
void crm_mem_mark(void);
size_t crm_mem_marked_peak(void);
/** Largest resident set of this process so far, bytes (0 when unknown). */
size_t crm_mem_resident_peak(void);
/** Memory of the machine, or of the control group of this process where that is less; bytes (0 when
 * unknown). */
int64_t crm_mem_limit(void);

/* p = n items of its own type, or leave through label with CRM_ERR_NOMEM. */
#define CRM_NEW_TO(st, label, p, n)                                                                \
    do {                                                                                           \
        (p) = crm_mem_new((size_t)(n), sizeof *(p));                                               \
        CRM_CHECK_TO(st, label, (p) != NULL, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes",     \
                     (long long)(n), sizeof *(p));                                                 \
    } while (0)
#define CRM_NEW(p, n)                                                                              \
    do {                                                                                           \
        (p) = crm_mem_new((size_t)(n), sizeof *(p));                                               \
        CRM_CHECK((p) != NULL, CRM_ERR_NOMEM, "out of memory: %lld x %zu bytes", (long long)(n),   \
                  sizeof *(p));                                                                    \
    } while (0)
#endif
