/* base_log.h - log lines to stderr: level x subsystem (room base). */
#ifndef CRM_BASE_LOG_H
#define CRM_BASE_LOG_H

typedef enum crm_log_level {
    CRM_LOG_QUIET,
    CRM_LOG_ERROR,
    CRM_LOG_WARN,
    CRM_LOG_INFO,
    CRM_LOG_DEBUG,
    CRM_LOG_LEVEL_COUNT
} crm_log_level;

/** Names in the order of the enum, NULL-terminated, for an option table. */
extern const char *const crm_log_level_names[];

/** Lines above level are dropped; ranks other than 0 write warnings and errors only. */
void crm_log_setup(crm_log_level level, int rank);
crm_log_level crm_log_get_level(void);
/** One line "crmpi: <subsystem>: <text>" to stderr.  Never the content of a customer's row. */
void crm_log_line(crm_log_level level, const char *subsystem, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#endif
