#!/usr/bin/env bash
# Every operation of the CUDA module, in the shim, beside its reference; threads and blocks in order.  Fewer sizes in the
# default tier, and of products and recurrent nets before --long.  timeout: 300
. "$(dirname "$0")/ops.sh"
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
all="ops step pool conv queue" small="text text_embed bag product rnn:module"
case ${CRM_TIER:-default} in
full) all+=" text text_embed bag" small="product rnn:module" ;;
long) all=$OPS_PROGRAMS small='' ;;
esac
for program in $all; do
    ops_run "in order" "$CRM_BUILD_DIR" "$program"
done
for program in $small; do
    ops_run "in order, small" "$CRM_BUILD_DIR" "$program" CRM_TEST_SMALL=1
done
exit "$failed"
