/* comm_mpi.h - the MPI communicator of a group, for the rooms that hand it to HDF5 (store, ckpt).
 */
#ifndef CRM_COMM_MPI_H
#define CRM_COMM_MPI_H

#include <mpi.h>

#include "crmpi/comm.h"

MPI_Comm crm_comm_mpi(const crm_comm *c);
#endif
