#!/usr/bin/env bash
# Every operation of the CUDA module in the shim in other orders of threads and blocks, with streams that work as late as they
# may.  tier: full  timeout: 900
. "$(dirname "$0")/ops.sh"
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
for program in $OPS_PROGRAMS; do
    ops_run "in reverse, lazy streams" "$CRM_BUILD_DIR" "$program" CUSIM_ORDER=rev CUSIM_STREAMS=lazy CRM_TEST_SMALL=1
done
for program in ops step pool conv:gradients rnn:module text:values text_embed:order bag:order; do
    ops_run "in random order" "$CRM_BUILD_DIR" "$program" CUSIM_ORDER=20261 CRM_TEST_SMALL=1
done
exit "$failed"
