#!/usr/bin/env bash
# The shim against plain computations: collectives, tensor cores, streams, graphs and twins of libraries, in each build, with
# work done at once and as late as may be.  tier: full  timeout: 600
. "$(dirname "$0")/build.sh"
cusim_build plain asan tsan

# cases LABEL VARIANT [NAME=VALUE]...: the program's lines with a label; none or an odd exit code is a failure
cases() {
    local label=$1 variant=$2 code=0 out
    shift 2
    out=$(timeout 100 env TSAN_OPTIONS=exitcode=66 ASAN_OPTIONS=detect_leaks=0 "$@" "$CUSIM_BUILD/$variant/cusim_cases") || code=$?
    printf '%s\n' "$out" | sed "s/^\(not ok\|ok\) - /&$label: /"
    case $out in
    *'not ok'*) failed=1 ;;
    *ok*) [ "$code" = 0 ] || not_ok "$label: exit code $code" ;;
    *) not_ok "$label: no result, exit code $code" ;;
    esac
}

cases "at once" plain
cases "late" plain CUSIM_STREAMS=lazy
cases "late, reverse order" plain CUSIM_STREAMS=lazy CUSIM_ORDER=rev
cases "two devices, random order" plain CUSIM_DEVICES=2 CUSIM_ORDER=7
cases "no device" plain CUSIM_DEVICES=0
cases "asan, late" asan CUSIM_STREAMS=lazy
cases "tsan" tsan
exit "$failed"
