#!/usr/bin/env bash
# USR1, USR2, TERM and HUP by scancel to the ranks of a job at a random moment: exit code 75 within 5 s with a whole checkpoint,
# back into the queue, and in the end the bytes of an undisturbed run.  Once; 4 times in tier full, 50 times in tier long,
# there also the end of the time limit.    timeout: 1500
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
study 2 1000
sed -i 's/\[hybrid, logistic\]/[hybrid]/' study.yaml
slurm_lease=15
slurm_up 4
two=(--nodes=2 --ntasks-per-node=1)
count=$(by_tier 50 4 1)
ranks 2 crossval study.yaml --out one >/dev/null 2>one.err || { cat one.err >&2; not_ok "crossval under mpirun"; exit 1; }
signals=(USR1 USR2 TERM HUP)
often=(--set checkpoint.epochs=false --set checkpoint.steps=400 --set checkpoint.cost=0)

stopped() { grep -q 'exit code 75' ./*-"$1".out; }
begun() { [ -d "$1/checkpoints" ]; }
# whole RUN: it has a checkpoint, and each has a manifest that tells the size of its file
whole() {
  local file found=1
  for file in "$1"/checkpoints/*/*.h5*; do
    [ -f "$file" ] && grep -qx "bytes $(stat -c %s "$file")" "${file%.h5*}.manifest" || return 1
    found=0
  done
  return $found
}

# stop_once NUMBER: a job, a signal at a random moment of its fits, its end; prints TAP.  One that was done before the signal
# came is repeated.
stop_once() {
  local n=$1 signal=${signals[$1 % 4]} id run start took state
  RANDOM=$((n + $$ + SECONDS))
  for run in "s$n" "s$n-again" "s$n-third" "s$n-fourth"; do
    id=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out "$run" "${often[@]}")
    until_true 60 begun "$run"
    sleep "0.$((RANDOM % 10))"
    start=$EPOCHREALTIME
    scancel --signal="$signal" "$id.0" 2>/dev/null
    until_true 10 stopped "$id" && break
  done
  took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')
  check "$signal $n: exit code 75 within 5 s ($took s)" awk -v t="$took" 'BEGIN {exit !(t < 5)}'
  check "$signal $n: the program says what is saved" grep -q "stopped by SIG$signal: .*is saved at step" ./*-"$id".out
  check "$signal $n: the checkpoints are whole" whole "$run"
  ended "$id" 90
  check "$signal $n: queued again and done" test "$state $(job "$id" Restarts)" = "COMPLETED 0:0 1"
  check "$signal $n: it went on from there" grep -q 'checkpoint: .* goes on at step' ./*-"$id".out
  same_run "$signal $n: same end" one "$run"
  [ "$failed" = 0 ] || show "$id"
}
for ((n = 0; n < count; n += 4)); do
  batch=()
  for ((k = n; k < count && k < n + 4; k++)); do batch+=("stop_once $k"); done
  beside "${batch[@]}"
done
[ "$tier" = long ] || exit "$failed"

# ---- the time limit: Slurm looks every half minute and sends the signal 50 s before the end of the only minute ----
sed 's/epochs: 1000/epochs: 16000/' study.yaml >long.yaml
id=$(submit "${two[@]}" --time=1 --signal=USR1@50 "$jobs/crossval-cpu.sbatch" long.yaml --out limit)
ended "$id" 400
check "time limit: more than one start, then done" bash -c '[ "$0" = "COMPLETED 0:0" ] && [ "$1" -ge 1 ]' "$state" "$(job "$id" Restarts)"
check "time limit: by the signal" grep -q "stopped by SIGUSR1: .*is saved at step" ./*-"$id".out
echo "# $(job "$id" Restarts) restarts"
ranks 2 crossval long.yaml --out undisturbed >/dev/null 2>&1
same_run "time limit: same end" undisturbed limit
exit "$failed"
