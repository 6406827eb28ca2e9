# shellcheck shell=sh
# env.sh of a bundle - sourced by its bin/run, bin/mpirun and bin/orted with CRM_BUNDLE set: finds the bundle's own
# Open MPI and PMIx wherever it was unpacked, and CUDA's libraries where this machine has them.
: "${CRM_BUNDLE:?set CRM_BUNDLE to the folder of the bundle}"
export CRM_BUNDLE
[ -n "${HOME:-}" ] || HOME=${TMPDIR:-/tmp} # PMIx fails without it
export HOME
PATH=$CRM_BUNDLE/bin:${PATH:-/usr/bin:/bin}
export PATH

# Where Open MPI 4.1 and PMIx 4.2 look for their parts.
export OPAL_PREFIX="$CRM_BUNDLE" OPAL_SYSCONFDIR="$CRM_BUNDLE/etc"
export PMIX_PREFIX="$CRM_BUNDLE" PMIX_LIBDIR="$CRM_BUNDLE/lib" PMIX_PKGLIBDIR="$CRM_BUNDLE/lib/pmix"
export PMIX_DATADIR="$CRM_BUNDLE/share" PMIX_PKGDATADIR="$CRM_BUNDLE/share/pmix" PMIX_SYSCONFDIR="$CRM_BUNDLE/etc"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# What the user has set stays.
crm_default() {
    eval "[ -n \"\${$1+set}\" ]" || export "$1=$2"
}
crm_default OMPI_MCA_orte_launch_agent "$CRM_BUNDLE/bin/orted"
# Without ssh and rsh even one rank ends when the launcher for other nodes looks for them.
command -v ssh >/dev/null 2>&1 || command -v rsh >/dev/null 2>&1 || crm_default OMPI_MCA_plm '^rsh'
crm_default OMPI_MCA_ess_singleton_isolated 1
if [ ! -d /dev/shm ] || [ ! -w /dev/shm ]; then
    crm_default OMPI_MCA_sharedfp '^sm'
    crm_default OMPI_MCA_btl_vader_backing_directory "${TMPDIR:-/tmp}"
fi
crm_default OMPI_MCA_rmaps_base_oversubscribe 1
crm_default OMPI_MCA_hwloc_base_binding_policy none
crm_default OMPI_MCA_mpi_yield_when_idle 1
crm_default OMPI_MCA_btl_vader_single_copy_mechanism none
crm_default OMPI_MCA_pml ob1
crm_default OMPI_MCA_btl self,vader,tcp
crm_default OMPI_MCA_btl_base_warn_component_unused 0
crm_default PMIX_MCA_pcompress_base_silence_warning 1
crm_default HDF5_USE_FILE_LOCKING FALSE
