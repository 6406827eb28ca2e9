/* ckpt_series.h - checkpoints of one piece of work in a folder: two verified ones are kept (room
 * ckpt).
 *
 *     DIR/<number>.h5        a bag (ckpt.h), written to a temporary name, fsync, rename, fsync of
 * DIR DIR/<number>.manifest  text: kind, number, bytes and digest of the whole file; written last,
 *                            in the same way.  A file without its manifest does not count.
 *
 * Not collective: one process writes and reads. */
#ifndef CRM_CKPT_SERIES_H
#define CRM_CKPT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "crmpi/ckpt.h"
#include "crmpi/opt.h"

typedef struct crm_ckpt_cfg {
    int64_t steps;  /* a checkpoint every so many steps of a fit; 0: not by steps      */
    double minutes; /* and when so much time has passed since the last one; 0: not so  */
    bool epochs;    /* and at each end of an epoch                                     */
    double cost;    /* but for at most this part of the running time; 0: no such limit */
} crm_ckpt_cfg;
extern const crm_opt crm_ckpt_opts[]; /* checkpoint.*, CRM_OPT_LAYOUT: no result depends on them */

/** Write checkpoint number (above those that are there), then drop all but the newest two that are
 *  whole.  DIR is made when it is not there.  On failure the ones before it are as they were, and
 *  the message has path and cause.
 *  @return CRM_ERR_IO, CRM_ERR_NOMEM */
CRM_CHECKED crm_ckpt_write(const char *dir, const char *kind, int64_t number, const crm_bag *b);
/** The newest checkpoint that is whole; *out NULL and CRM_OK when DIR holds none at all.  A warning
 *  names each newer one that is damaged.  Temporary files of a writer that was killed are removed.
 *  @return CRM_ERR_FORMAT when there are checkpoints and none of them is whole, naming them and
 * what to do; CRM_ERR_IO, CRM_ERR_NOMEM */
CRM_CHECKED crm_ckpt_newest(const char *dir, const char *kind, crm_bag **out, int64_t *number);
/** Remove DIR and the checkpoints in it; fine when it is not there. */
CRM_CHECKED crm_ckpt_clear(const char *dir);

#endif
