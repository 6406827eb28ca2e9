/* table_stop.c - an import that is asked to stop: looks between the steps and within the long ones.
 */
#include "crmpi/base_stop.h"
#include "crmpi/comm.h"
#include "table_frame.h"

enum { EACH = 1 << 16 }; /* rows between two looks: some tens of milliseconds at most */

static crm_status stopped(int signal)
{
    CRM_FAIL(CRM_ERR_STOPPED,
             "stopped by %s: no data set is written; run the same command again to make it",
             crm_stop_name(signal));
}

crm_status crm_table_check_stop(crm_comm *comm)
{
    int signal;

    CRM_TRY(crm_comm_stop_signal(comm, &signal));
    return signal ? stopped(signal) : CRM_OK;
}

crm_status crm_table_go_on(int64_t i)
{
    int signal = i % EACH == 0 ? crm_stop_signal() : 0;

    return signal ? stopped(signal) : CRM_OK;
}
