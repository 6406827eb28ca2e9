# ops.sh - sourced by the tests of operations in the shim: the table of operations on the device of a module built for the CPU.
# shellcheck shell=bash
set -u
CRM_SOURCE_DIR=${CRM_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
CRM_BUILD_DIR=${CRM_BUILD_DIR:-$CRM_SOURCE_DIR/build/release}
export OPS_PROGRAMS="ops step pool conv product rnn text text_embed bag queue"
failed=0 # read by the tests
export failed

# ops_run NAME BUILD_DIR PROGRAM[:CASE] [VARIABLE=VALUE...]: the results of one program, or of some of its cases, with NAME
# before each.
ops_run() {
    local name=$1 build=$2 program=${3%%:*} only=() out code=0
    [ "$program" = "$3" ] || only=("${3#*:}")
    shift 3
    out=$(mktemp)
    env "$@" CRM_TEST_ONLY=cuda CRM_CUDA_PLUGIN="$build/cusim/crmpi_cuda.so" \
        "$build/tests/test_device_device_$program" "${only[@]}" >"$out" 2>"$out.err" || code=$?
    # Paths of the CPU are left out here on purpose; their own tests have them.
    grep -E '^(not )?ok' "$out" | grep -v CRM_TEST_ONLY | sed -E "s/^(not ok|ok) - /\1 - $name, $program: /"
    if [ "$code" != 0 ] || ! grep -q '^ok' "$out" || grep -q '^not ok' "$out"; then
        failed=1
        grep -q '^not ok' "$out" || echo "not ok - $name, $program ended with code $code"
        tail -n 60 "$out.err" | sed 's/^/# /'
    fi
    rm -f "$out" "$out.err"
}
