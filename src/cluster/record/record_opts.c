/* record_opts.c - options record.*. */
#include "crmpi/record.h"

static const char *const lock_names[] = {"auto", "lease", NULL};
_Static_assert(sizeof lock_names / sizeof *lock_names == CRM_RECORD_LOCK_COUNT + 1, "names");

#define S crm_record_cfg
const crm_opt crm_record_opts[] = {
    CRM_OPT_R(S, lock_wait, "record.lock_wait", 10, 0, 86400, "s", CRM_OPT_LAYOUT,
              "How long to wait for a run folder that another job holds."),
    CRM_OPT_E(S, lock, "record.lock", "auto", lock_names, CRM_OPT_LAYOUT,
              "How a run folder is locked: flock where the file system has it, else a lease file; "
              "lease always takes the file, for file systems whose flock does not reach other "
              "nodes."),
    CRM_OPT_S(S, author, "record.author", "", CRM_OPT_LAYOUT,
              "Who made the run, for ro-crate-metadata.json; empty: not told."),
    CRM_OPT_S(S, license, "record.license", "", CRM_OPT_LAYOUT,
              "Licence of the results, a name or an URL, for ro-crate-metadata.json; empty: not "
              "told."),
    {.key = NULL},
};
