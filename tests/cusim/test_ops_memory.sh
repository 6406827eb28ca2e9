#!/usr/bin/env bash
# Every operation of the CUDA module in the shim under AddressSanitizer and UndefinedBehaviorSanitizer, from the build "debug".
# tier: full  timeout: 900
. "$(dirname "$0")/ops.sh"
debug=${CRM_DEBUG_BUILD_DIR:-$CRM_SOURCE_DIR/build/debug}
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
[ -e "$debug/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP there is no build 'debug' (run.sh --full makes it)"
    exit 0
}
# The module's memory outlives its device on purpose (a library that is found stays loaded).  Small cases, which reach every
# kernel: references take minutes under the sanitizers.
for program in ops step pool conv queue product rnn:module text:values text:rows text_embed:order bag:order text_embed:sizes; do
    ops_run "watched by ASan and UBSan" "$debug" "$program" ASAN_OPTIONS=detect_leaks=0 CRM_TEST_SMALL=1
done
exit "$failed"
