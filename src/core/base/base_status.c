/* base_status.c - error trail: fixed storage, so that reporting never allocates. */
#include "crmpi/base_status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TRAIL_MAX = 16, FRAME_MAX = 200 };

static _Thread_local struct {
    int n;
    char frame[TRAIL_MAX][FRAME_MAX];
    char text[CRM_ERR_TEXT_MAX];
} trail;

/* Name and exit code of the program, by status. */
static const struct {
    const char *name;
    int exit_code;
} STATUS[] = {
    {"OK", 0},   {"ARG", 70},   {"CONFIG", 2},  {"IO", 3},       {"FORMAT", 3},    {"NOMEM", 5},
    {"COMM", 5}, {"DEVICE", 5}, {"NUMERIC", 4}, {"STOPPED", 75}, {"INTERNAL", 70},
};
_Static_assert(sizeof STATUS / sizeof *STATUS == CRM_STATUS_COUNT, "one row per status");

const char *crm_status_name(crm_status s)
{
    return (unsigned)s < CRM_STATUS_COUNT ? STATUS[s].name : "?";
}

int crm_status_exit_code(crm_status s)
{
    return (unsigned)s < CRM_STATUS_COUNT ? STATUS[s].exit_code : 70;
}

static void push(const char *file, int line, const char *func, const char *expr)
{
    const char *base = strrchr(file, '/');

    if (trail.n < TRAIL_MAX)
        snprintf(trail.frame[trail.n++], FRAME_MAX, "%s %s:%d  %.100s", func,
                 base ? base + 1 : file, line, expr);
}

crm_status crm_err_raise(crm_status code, const char *file, int line, const char *func,
                         const char *fmt, ...)
{
    static _Thread_local char buf[CRM_ERR_TEXT_MAX]; /* fmt may quote crm_err_text() itself */
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    crm_err_clear();
    memcpy(trail.text, buf, sizeof buf);
    push(file, line, func, crm_status_name(code));
    return code;
}

crm_status crm_err_trace(crm_status code, const char *file, int line, const char *func,
                         const char *expr)
{
    push(file, line, func, expr);
    return code;
}

const char *crm_err_text(void)
{
    return trail.text;
}

void crm_err_clear(void)
{
    trail.n = 0;
    trail.text[0] = '\0';
}

void crm_err_print(int rank)
{
    fprintf(stderr, "[rank %d] %s\n", rank, trail.text);
    for (int i = 0; i < trail.n; i++)
        fprintf(stderr, "[rank %d]   from %s\n", rank, trail.frame[i]);
}
