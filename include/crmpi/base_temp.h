/* base_temp.h - folders for rows of customers that are there for a moment only (room base). */
#ifndef CRM_BASE_TEMP_H
#define CRM_BASE_TEMP_H

#include "crmpi/base_path.h"

typedef struct crm_temp {
    char dir[CRM_PATH_MAX]; /* "": none */
    int lock;               /* held while the folder is in use */
} crm_temp;

/** Make the folder crmpi-WHAT-NAME, or one of a new name for NULL, in TMPDIR or /tmp, for this user
 *  only.  It goes with crm_temp_remove, or when this process ends by the grace or the watchdog;
 *  folders of WHAT and this user whose processes were killed are removed here, once they are ten
 *  seconds old and where flock works.  CRM_ERR_IO (t->dir is "" then).  Main thread; not
 *  collective. */
CRM_CHECKED crm_temp_make(const char *what, const char *name, crm_temp *t);
/** Remove it with all in it, if there is one: what is open or mapped stays so. */
void crm_temp_remove(crm_temp *t);
/** The folder of that name, which another process may have made. */
CRM_CHECKED crm_temp_path(const char *what, const char *name, char out[CRM_PATH_MAX]);

#endif
