#!/usr/bin/env bash
# A rank of a fit on GPUs is stopped: the other does not wait for ever, and the same command goes on from the units that are
# done.  Two ranks on the device of the shim, gradients by MPI.  tier: full  timeout: 400
. "$(dirname "$0")/build.sh"
# shellcheck source=jobs/env.sh
. "$CRM_SOURCE_DIR/jobs/env.sh"
export CRM_CUDA_PLUGIN=${CRM_CUDA_PLUGIN:-$CRM_BUILD_DIR/cusim/crmpi_cuda.so}
crmpi=$CRM_BUILD_DIR/crmpi config=$CRM_SOURCE_DIR/configs/quickstart.yaml
[ -f "$CRM_CUDA_PLUGIN" ] || skip_all "$CRM_CUDA_PLUGIN is not built (it needs the headers of CUDA)"
[ -x "$crmpi" ] || skip_all "$crmpi is not built"

work=$(mktemp -d) launcher=''
clean() { # what still runs if a check went wrong
    local f
    for f in "$work"/pid.*; do
        [ ! -f "$f" ] || kill -9 "$(<"$f")" 2>/dev/null
    done
    [ -z "$launcher" ] || kill -9 "$launcher" 2>/dev/null
    rm -rf "$work"
}
trap clean EXIT

# A small net; one unit after the other, each on both ranks, of a second or more: what stops a rank comes some tenths late.
options=(--set "data.path=$work/small.h5" --set synth.customers=120 --set synth.seed=7 --set device=cuda
    --set gpu.transport=mpi --set gpu.timeout=3 --set log.level=debug
    --set "eval.models=[hybrid]" --set eval.folds=2 --set eval.group_ranks=2
    --set train.epochs=24 --set train.patience=0 --set train.members=1 --set train.lane_rows=8 --set train.lanes=4
    --set model.text_dim=8 --set model.text_filters=4 --set model.rnn_units=4 --set model.event_dim=4
    --set "model.months=[4]" --set "model.hidden=[8]" --set model.fusion=8 --set model.event_steps=6
    --set model.documents=2 --set model.text_length=12)

# study RUN: cross-validation; each rank leaves its process id in $work/pid.RANK, stderr goes to $work/RUN.err
study() {
    # shellcheck disable=SC2016
    timeout 120 mpirun -q --oversubscribe --bind-to none -n 2 \
        bash -c 'echo $$ >"$1/pid.$OMPI_COMM_WORLD_RANK"; exec "${@:2}"' _ "$work" \
        "$crmpi" crossval "$config" --out "$work/$1" "${options[@]}" >"$work/$1.out" 2>"$work/$1.err"
}

# stuck RANK: in the second fit that rank is stopped; code: of the launcher; took: seconds from then on
fits() {
    grep -c 'this rank holds' "$work/run.err" 2>/dev/null
}
stuck() {
    rm -f "$work"/pid.* "$work/run.err"
    study run &
    launcher=$!
    for _ in $(seq 1200); do # the second fit has begun
        [ "$(fits)" != 2 ] || break
        kill -0 "$launcher" 2>/dev/null || break
        sleep 0.05
    done
    sleep 0.2
    kill -STOP "$(<"$work/pid.$1")"
    SECONDS=0 code=0
    wait "$launcher" || code=$?
    took=$SECONDS launcher=''
}
within() { # LEAST MOST
    [ "$took" -ge "$1" ] && [ "$took" -le "$2" ]
}
told() { # RANK: the line of the rank that waited
    grep -qE "^crmpi: error: rank $1 \(host [^ ]+\): no answer of the other ranks for 3 s while .* \(gpu\.timeout\); is a rank" \
        "$work/run.err"
}
runs() { # PID: there and no zombie, which is left where the first process does not reap
    [ -d "/proc/$1" ] && ! grep -qs '^State:.Z' "/proc/$1/status"
}
gone() { # the launcher leaves the last of it to the system
    for _ in $(seq 100); do
        runs "$(<"$work/pid.0")" || runs "$(<"$work/pid.1")" || return 0
        sleep 0.05
    done
    return 1
}

"$crmpi" synth "$config" "${options[@]}" >/dev/null 2>"$work/synth.err" || not_ok "synthetic data"
for rank in 1 0; do
    rm -rf "$work/run"
    stuck "$rank"
    check "rank $rank stopped: the program ends with code 5 (it was $code)" [ "$code" = 5 ]
    check "rank $rank stopped: the end came after 3 s and before 15 s ($took s)" within 2 15
    check "rank $rank stopped: the other says what happened" told "$((1 - rank))"
    check "rank $rank stopped: no process is left" gone
    check "rank $rank stopped: the first unit is kept" [ -f "$work/run/units/hybrid-r0-f0.h5" ]
    [ "$failed" = 0 ] || tail -n 20 "$work/run.err" >&2
done

before=$(stat -c %Y.%i "$work/run/units/hybrid-r0-f0.h5")
check "the same command goes on" study run
check "the first unit was not computed again" [ "$(stat -c %Y.%i "$work/run/units/hybrid-r0-f0.h5")" = "$before" ]
check "a run that was not disturbed" study whole
check "both have the same summary" cmp "$work/run/summary.json" "$work/whole/summary.json"
[ "$failed" = 0 ] || tail -n 5 "$work/run.err" "$work/whole.err" >&2
exit "$failed"
