#!/usr/bin/env bash
# Every operation of the CUDA module, in the shim, beside its reference; threads and blocks in order.  timeout: 300
. "$(dirname "$0")/ops.sh"
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
for program in ops step pool conv text text_embed queue; do
    ops_run "in order" "$CRM_BUILD_DIR" "$program"
done
for program in product rnn:module; do # all of their cases: test_ops_orders.sh
    ops_run "in order, small" "$CRM_BUILD_DIR" "$program" CRM_TEST_SMALL=1
done
exit "$failed"
