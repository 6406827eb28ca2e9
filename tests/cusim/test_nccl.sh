#!/usr/bin/env bash
# The twin of NCCL on 1 to 4 ranks, each with a device of its own.  tier: full  timeout: 600
. "$(dirname "$0")/build.sh"
# shellcheck source=jobs/env.sh
. "$CRM_SOURCE_DIR/jobs/env.sh"
cusim_build plain
[ -x "$CUSIM_BUILD/plain/cusim_nccl_cases" ] || skip_all "there is no nccl.h or no MPI"

for ranks in 1 2 4; do
    for streams in sync lazy; do
        code=0
        out=$(CUSIM_DEVICES=4 CUSIM_STREAMS=$streams timeout 60 mpirun -q --oversubscribe --bind-to none -n "$ranks" \
            "$CUSIM_BUILD/plain/cusim_nccl_cases") || code=$?
        printf '%s\n' "$out" | sed "s/^\(not ok\|ok\) - /&$ranks ranks, $streams: /"
        case $out in
        *'not ok'*) failed=1 ;;
        *) [ "$code" = 0 ] && [ -n "$out" ] || not_ok "$ranks ranks, $streams: exit code $code" ;;
        esac
    done
done
exit "$failed"
