#!/usr/bin/env bash
# Every operation of the CUDA module in the shim in other orders of threads, with streams that work as late as they may, and
# under AddressSanitizer and UndefinedBehaviorSanitizer.  tier: full  timeout: 1500
. "$(dirname "$0")/ops.sh"
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
debug=$CRM_SOURCE_DIR/build/debug
for program in $OPS_PROGRAMS; do
    ops_run "in reverse, lazy streams" "$CRM_BUILD_DIR" "$program" CUSIM_ORDER=rev CUSIM_STREAMS=lazy
    ops_run "in random order" "$CRM_BUILD_DIR" "$program" CUSIM_ORDER=20261
done
if [ -e "$debug/cusim/crmpi_cuda.so" ]; then
    for program in $OPS_PROGRAMS; do
        # The module's memory outlives its device on purpose (a library that is found stays loaded).
        ops_run "watched by ASan and UBSan" "$debug" "$program" ASAN_OPTIONS=detect_leaks=0
    done
else
    echo "ok - operations under ASan and UBSan # SKIP there is no build 'debug' (run.sh --full makes it)"
fi
exit "$failed"
