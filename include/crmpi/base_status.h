/* base_status.h - result codes and the per-thread error trail (room base; no MPI). */
#ifndef CRM_BASE_STATUS_H
#define CRM_BASE_STATUS_H

#include <stddef.h>

/** Classes of failure; the text carries what, value, limit and where to look. */
typedef enum crm_status {
    CRM_OK = 0,
    CRM_ERR_ARG,      /* caller broke the documented contract (a bug of ours)  */
    CRM_ERR_CONFIG,   /* bad option value, unknown key, usage                  */
    CRM_ERR_IO,       /* file system or HDF5 call failed                       */
    CRM_ERR_FORMAT,   /* file is readable but its content is not what we need  */
    CRM_ERR_NOMEM,    /* host or device memory exhausted                       */
    CRM_ERR_COMM,     /* MPI or NCCL call failed                               */
    CRM_ERR_DEVICE,   /* device missing or a device call failed                */
    CRM_ERR_NUMERIC,  /* NaN/Inf, divergence, singular system                  */
    CRM_ERR_STOPPED,  /* stopped at a checkpoint; run again to go on           */
    CRM_ERR_INTERNAL, /* a bug in this program                                 */
    CRM_STATUS_COUNT
} crm_status;

#define CRM_CHECKED __attribute__((warn_unused_result)) crm_status

enum { CRM_ERR_TEXT_MAX = 16384 }; /* bytes of the innermost message, with the final 0 */

/** Start a new trail with a message.  Returns code. */
CRM_CHECKED crm_err_raise(crm_status code, const char *file, int line, const char *func,
                          const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/** Add a frame to the trail.  Returns code. */
CRM_CHECKED crm_err_trace(crm_status code, const char *file, int line, const char *func,
                          const char *expr);
/** Innermost message of this thread, "" if none.  May hold several lines. */
const char *crm_err_text(void);
/** Write the trail (message and frames) to stderr, each line begun with "[rank N]". */
void crm_err_print(int rank);
/** Forget the trail of this thread. */
void crm_err_clear(void);
/** "OK", "CONFIG", ...; "?" for a value outside the enum. */
const char *crm_status_name(crm_status s);
/** Exit code of the program for a status: 0, 2 usage, 3 data, 4 numeric, 5 communication or
 *  device, 75 stopped, 70 a bug of ours. */
int crm_status_exit_code(crm_status s);

#define CRM_FAIL(code, ...) return crm_err_raise(code, __FILE__, __LINE__, __func__, __VA_ARGS__)
/* Note an error and carry on to the next agreement point (see crm_comm_agree). */
#define CRM_SET(st, code, ...)                                                                     \
    ((st) = crm_err_raise(code, __FILE__, __LINE__, __func__, __VA_ARGS__))
#define CRM_CHECK(cond, code, ...)                                                                 \
    do {                                                                                           \
        if (!(cond)) CRM_FAIL(code, __VA_ARGS__);                                                  \
    } while (0)
/* For our own bugs only; a user or a machine can never cause it. */
#define CRM_ASSERT(cond) CRM_CHECK(cond, CRM_ERR_INTERNAL, "assertion failed: %s", #cond)
#define CRM_TRY(expr)                                                                              \
    do {                                                                                           \
        crm_status st_ = (expr);                                                                   \
        if (st_) return crm_err_trace(st_, __FILE__, __LINE__, __func__, #expr);                   \
    } while (0)
/* In functions that own resources: set st and leave through the one cleanup label. */
#define CRM_CHECK_TO(st, label, cond, code, ...)                                                   \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (st) = crm_err_raise(code, __FILE__, __LINE__, __func__, __VA_ARGS__);                 \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)
#define CRM_TRY_TO(st, label, expr)                                                                \
    do {                                                                                           \
        if (((st) = (expr))) {                                                                     \
            (st) = crm_err_trace(st, __FILE__, __LINE__, __func__, #expr);                         \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)
#endif
