/* sweep_ledger_impl.h - lines of a ledger, for its writer and its readers. */
#ifndef CRM_SWEEP_LEDGER_IMPL_H
#define CRM_SWEEP_LEDGER_IMPL_H

#include "crmpi/base_str.h"
#include "crmpi/sweep_ledger.h"

typedef enum ledger_line {
    LEDGER_BAD,    /* torn, damaged or of another run                              */
    LEDGER_RESULT, /* of a unit                                                    */
    LEDGER_CLAIM,  /* a unit that the writer's job is about to run                 */
    LEDGER_HOLDS,  /* the writer's job holds the run                               */
    LEDGER_ALIVE,  /* sign of life                                                 */
    LEDGER_END     /* the last line of a writer                                    */
} ledger_line;

#define LEDGER_ALL "all.log" /* what was compacted */
/* Of a writer that is gone; such a file is about to be compacted. */
#define LEDGER_GONE ".gone.log"

/* A line with its end; e: RESULT all of it, CLAIM its name. */
void sweep_line_put(crm_digest run, ledger_line kind, const crm_sweep_ledger_entry *e,
                    crm_str *out);
/* text[len] is 0 in place of the end. */
ledger_line sweep_line_read(crm_digest run, const char *text, size_t len,
                            crm_sweep_ledger_entry *e);

/* Names of the ledgers in a folder, in no order; *out [*n] is the caller's (crm_mem_free), also
 * after an error.  A folder that is not there has none. */
typedef struct ledger_name {
    char text[CRM_SWEEP_LEDGER_NAME_MAX + 16];
} ledger_name;
CRM_CHECKED sweep_ledger_list(const char *dir, int64_t *n, ledger_name **out);
/* Whether a file name has this end. */
bool sweep_name_ends(const char *name, const char *end);
#endif
