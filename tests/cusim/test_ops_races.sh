#!/usr/bin/env bash
# Every operation of the CUDA module in the shim under ThreadSanitizer, which sees races of threads and blocks whatever order
# they ran in.  A build of its own in $CRM_BUILD_DIR/cusim-races; small cases (CRM_TEST_SMALL).  tier: full  timeout: 1500
. "$(dirname "$0")/build.sh"
. "$(dirname "$0")/ops.sh"
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
targets=(crmpi_cuda_cusim)
for program in $OPS_PROGRAMS; do
    targets+=("test_device_device_$program")
done
races_build "${targets[@]}" || {
    tail -n 40 "$races.log" | sed 's/^/# /'
    echo "not ok - the build for ThreadSanitizer"
    exit 1
}
# Of some programs the cases that reach every kernel; the others compare the same kernels in other ways.
for program in ops step pool conv product:own rnn:module text:values text_embed:order bag:order queue; do
    ops_run "watched by TSan" "$races" "$program" CRM_TEST_SMALL=1 TSAN_OPTIONS=exitcode=66
done
exit "$failed"
