# shellcheck shell=bash
# env.sh - sourced by the scripts of jobs/ and tests/: where the project is, and the environment that MPI runs need.
#
# Sets CRM_SOURCE_DIR (this checkout) and, where unset, CRM_BUILD_DIR (build/release in it); defines
#   crm_mpirun N PROGRAM ARGUMENTS...    N ranks on this machine, more ranks than cores allowed

CRM_SOURCE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CRM_BUILD_DIR=${CRM_BUILD_DIR:-$CRM_SOURCE_DIR/build/release}
export CRM_SOURCE_DIR CRM_BUILD_DIR

export LC_ALL=C
export HOME="${HOME:-/tmp}" # the PMIx library fails without it

# mpirun refuses to work as root unless told twice.
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# A waiting rank gives its core away; without this, more ranks than cores take thousands of times longer.
export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle:-1}"
# Copying straight from another process needs a right that many containers withhold; shared memory always works.
export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
# What Open MPI takes on one machine in any case; looking for networks first costs every start a quarter of a second of waiting.
export OMPI_MCA_pml="${OMPI_MCA_pml:-ob1}"

crm_mpirun() {
    local ranks=$1
    shift
    mpirun -q --oversubscribe --bind-to none -n "$ranks" "$@"
}
