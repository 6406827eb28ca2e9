#!/usr/bin/env bash
# Exact sums in device memory on the device of the shim: by MPI and by the twin of NCCL, on 2 to 4 ranks, with work done at
# once and as late as may be; two ranks on one GPU; ranks that do not come.    tier: full  timeout: 420
. "$(dirname "$0")/build.sh"
# shellcheck source=jobs/env.sh
. "$CRM_SOURCE_DIR/jobs/env.sh"
export CRM_CUDA_PLUGIN=${CRM_CUDA_PLUGIN:-$CRM_BUILD_DIR/cusim/crmpi_cuda.so}
export CRM_TEST_DEVICE=cuda CUSIM_DEVICES=4
tests=$CRM_BUILD_DIR/tests
for f in "$CRM_CUDA_PLUGIN" "$(dirname "$CRM_CUDA_PLUGIN")/libcusim_nccl.so" "$tests/test_comm_comm_device"; do
    [ -f "$f" ] || skip_all "$(basename "$f") is not built (it needs the headers of CUDA and NCCL)"
done

# tap LABEL RANKS PROGRAM [CASE]: its lines with a label; none, a skipped one or an odd exit code is a failure
tap() {
    local label=$1 n=$2 program=$tests/$3 code=0 out
    shift 3
    out=$(timeout 120 mpirun -q --oversubscribe --bind-to none -n "$n" "$program" "$@") || code=$?
    printf '%s\n' "$out" | sed -n "s/^\(not ok\|ok\) - /&$label: /p"
    case $out in
    *'not ok'*) failed=1 ;;
    *'# SKIP'*) not_ok "$label: skipped" ;;
    *ok*) [ "$code" = 0 ] || not_ok "$label: exit code $code" ;;
    *) not_ok "$label: no result, exit code $code" ;;
    esac
}

ranks="2 4" # 3 below
[ "${CRM_TIER:-full}" != long ] || ranks="2 3 4"
for transport in mpi nccl; do
    export CRM_TEST_TRANSPORT=$transport
    for n in $ranks; do
        tap "$transport, $n ranks" "$n" test_comm_comm_device
    done
    CUSIM_STREAMS=lazy CUSIM_ORDER=rev tap "$transport, 3 ranks, late" 3 test_comm_comm_device
done
CUSIM_DEVICES=1 tap "2 ranks on one GPU" 2 test_comm_comm_device "a transport is chosen"
CUSIM_NCCL_LOST=1 CUSIM_NCCL_TIMEOUT=1 tap "nccl, 3 ranks" 3 test_comm_comm_device_lost
exit "$failed"
