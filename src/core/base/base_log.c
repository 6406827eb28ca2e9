/* base_log.c - one write per line, so that lines of several ranks do not mix. */
#include "crmpi/base_log.h"

#include <stdarg.h>
#include <stdio.h>

const char *const crm_log_level_names[] = {"quiet", "error", "warn", "info", "debug", NULL};
_Static_assert(sizeof crm_log_level_names / sizeof *crm_log_level_names == CRM_LOG_LEVEL_COUNT + 1,
               "one name per level");

static crm_log_level threshold = CRM_LOG_WARN;
static int my_rank;

void crm_log_setup(crm_log_level level, int rank)
{
    threshold = level;
    my_rank = rank;
}

crm_log_level crm_log_get_level(void)
{
    return threshold;
}

void crm_log_line(crm_log_level level, const char *subsystem, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (level > threshold || (my_rank > 0 && level > CRM_LOG_WARN)) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (my_rank > 0)
        fprintf(stderr, "crmpi: [rank %d] %s: %s\n", my_rank, subsystem, text);
    else
        fprintf(stderr, "crmpi: %s: %s\n", subsystem, text);
}
