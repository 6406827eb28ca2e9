#!/usr/bin/env bash
# The check of the check: every bug planted in planted.cu is found by the build of the shim that must find it, and what has no
# bug is clean in all builds, orders and kinds of streams.  tier: full  timeout: 600
. "$(dirname "$0")/build.sh"
cusim_build plain asan tsan
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# run VARIANT [NAME=VALUE]...: the program's exit code; its output in $out
run() {
    local variant=$1
    shift
    timeout 60 env TSAN_OPTIONS="exitcode=66 history_size=2" ASAN_OPTIONS=detect_leaks=0 "$@" \
        "$CUSIM_BUILD/$variant/cusim_planted" >"$out" 2>&1
}
clean() {
    run "$@" || { cat "$out" >&2; return 1; }
}
# finds PATTERN VARIANT [NAME=VALUE]...: it fails, and says so in these words
finds() {
    local pattern=$1
    shift
    ! run "$@" && grep -qE "$pattern" "$out" && return 0
    sed 's/^/# /' "$out" | head -n 40 >&2
    return 1
}

for variant in plain asan tsan; do
    check "$variant: no bug, nothing found" clean "$variant"
    check "$variant: no bug, nothing found, in reverse order with lazy streams" clean "$variant" \
        CUSIM_ORDER=rev CUSIM_STREAMS=lazy
    check "$variant: no bug, nothing found, in random order" clean "$variant" CUSIM_ORDER=5 CUSIM_STREAMS=lazy
done

race='ThreadSanitizer: data race'
while read -r plant variant pattern; do
    check "$plant: found by $variant" finds "$pattern" "$variant" PLANT="$plant" CUSIM_STREAMS=lazy
done <<END
barrier tsan $race
read_past asan AddressSanitizer: 
write_past asan AddressSanitizer: 
shared_past asan AddressSanitizer: use-after-poison
lost_add tsan $race
block_race tsan $race
divergent plain cusim: .*divergent __syncthreads
syncwarp tsan $race
mask plain cusim: .*names exited|cusim: .*has ended
unwritten plain wrong: unwritten
copy_wait plain wrong: copy_wait
stream_wait plain wrong: streams
stream_sync plain wrong: streams
host_read asan AddressSanitizer: use-after-poison
bag_past asan AddressSanitizer: 
bag_race tsan $race
END
exit "$failed"
