#!/usr/bin/env bash
# Every operation of the CUDA module in the shim under ThreadSanitizer, which sees races of threads and blocks whatever order
# they ran in.  A build of its own in $CRM_BUILD_DIR/cusim-races; small cases (CRM_TEST_SMALL).  tier: full  timeout: 1500
. "$(dirname "$0")/ops.sh"
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
build=$CRM_BUILD_DIR/cusim-races
targets=(crmpi_cuda_cusim)
for program in $OPS_PROGRAMS; do
    targets+=("test_device_device_$program")
done
log=$(mktemp)
if ! cmake -S "$CRM_SOURCE_DIR" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCRM_TSAN=ON -DCRM_CUDA=off >"$log" 2>&1 ||
    ! cmake --build "$build" --target "${targets[@]}" >>"$log" 2>&1; then
    tail -n 40 "$log" | sed 's/^/# /'
    echo "not ok - the build for ThreadSanitizer"
    exit 1
fi
rm -f "$log"
# Of some programs the cases that reach every kernel; the others compare the same kernels in other ways.
for program in ops step pool conv product:own rnn:module text:values text_embed:order queue; do
    ops_run "watched by TSan" "$build" "$program" CRM_TEST_SMALL=1 TSAN_OPTIONS=exitcode=66
done
exit "$failed"
