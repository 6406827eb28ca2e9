#!/usr/bin/env bash
# The scripts of sweeps under a Slurm of its own: 4 tasks on two nodes give the bytes of one process.  Tier full: so does the
# GPU script; a task of an array; arrays whose tasks share one sweep.  Tier long: so does a sweep that is signalled before its time limit, queued again and ended,
# without a unit run twice.    timeout: 300
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
table 600 "$TMP/customers.csv"
cat >sweep.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {models: [hybrid, logistic, forest], seed: 4}
model: {hidden: [32, 16]}
train: {epochs: 60, lanes: 8, lane_rows: 8, validation: 0}
sweep:
  trials: 8
  sampler: random
  scheduler: halving
  least: 0.3
  space:
    optim.lr: {real: [1e-3, 1e-1], log: true}
    logistic.c: {real: [0.01, 10], log: true}
    forest.trees: {integer: [20, 60]}
Y
up=$SECONDS
[ "$tier" != long ] || slurm_lease=15
slurm_up 2
two=(--nodes=2 --ntasks-per-node=1)

# direct CONFIG RUN: one process without a launcher
direct() {
  alone sweep "$1" --out "$2" >"$2.txt" 2>"$2.err" || { cat "$2.err" >&2; not_ok "a sweep by one process" "$1"; exit 1; }
}
# same_sweep LABEL A B
same_sweep() {
  local f
  for f in sweep.tsv sweep.md summary.json; do
    cmp -s "$2/$f" "$3/$f" || { not_ok "$1" "$f of $2 and $3 differ, or one is not there"; return; }
  done
  ok "$1"
}
# done_after LABEL ID RESTARTS
done_after() {
  ended "$2" 90
  if [ "$state $(job "$2" Restarts)" = "COMPLETED 0:0 $3" ]; then ok "$1"; else
    not_ok "$1" "state $state, $(job "$2" Restarts) restarts"
    show "${2%_*}"
  fi
}

direct sweep.yaml one
four=$(submit --nodes=2 --ntasks-per-node=2 "$jobs/sweep.sbatch" sweep.yaml --out four)
done_after "a sweep, 4 tasks on 2 nodes" "$four" 0
same_sweep "trials, winners and scores are those of one process" one four
check "both nodes were used" bash -c '[ "$(grep -o "\"host\": \"v[12]\"" four/run.json | sort -u | wc -l)" = 2 ]'
check "by 4 ranks" grep -q '^ *"ranks": 4' four/run.json
[ "$tier" != default ] || exit "$failed"

# ---- a task of an array, and devices that are counted only ----
array=$(submit --nodes=1 --ntasks-per-node=1 --array=5 "$jobs/sweep.sbatch" sweep.yaml)
gpu=$(submit "${two[@]}" --cpus-per-task=1 "$jobs/sweep-gpu.sbatch" sweep.yaml --out gpu --set device=auto)
done_after "task 5 of an array, a run folder by default" "${array}_5" 0
check "is the sweep of another seed" bash -c '[ -s "$1" ] && ! cmp -s "$1" one/summary.json' _ runs/sweep-sweep-seed5/summary.json
done_after "sweep-gpu where device: auto finds the CPU" "$gpu" 0
same_sweep "and gives the same" one gpu

# ---- tasks of an array that share one sweep: they join; each its share, and then what is missing ----
joined=$(submit --array=0-2 --cpus-per-task=1 "$jobs/sweep-array.sbatch" sweep.yaml --out joined)
for task in 0 1 2; do done_after "task $task of an array joins" "${joined}_$task" 0; done
same_sweep "and the sweep is that of one process" one joined
shares=(--array=0-1 --cpus-per-task=1 "$jobs/sweep-array.sbatch" sweep.yaml --out shares --array 2)
for ((i = 0; i < 5; i++)); do
  array=$(submit "${shares[@]}")
  for task in 0 1; do [[ ! ",${shares[0]#*=}," =~ [,-]"${task}"[,-] ]] || done_after "array $i: task $task has done its share" "${array}_$task" 0; done
  read -ra line < <(alone sweep shares --status --array 2 | sed -n 's/.*: sbatch //p')
  [ ${#line[@]} -gt 0 ] || break
  shares=("${line[0]}" --cpus-per-task=1 "${line[@]:1}")
  shares[2]=$jobs/sweep-array.sbatch
done
same_sweep "arrays of what is missing come to it, too" one shares
[ "$tier" = long ] || exit "$failed"

# ---- the time limit ----
# units RUN: finished ones in all ledgers, by name
units() { cat "$1"/sweep/*.log 2>/dev/null | grep -oE ' (ok|failed) s[0-9]+-t[0-9]+-k[0-9]+-r[0-9]+-f[0-9]+-x[0-9a-f]+ '; }
stopped_or_over() { grep -q 'exit code 75' ./*-"$1".out 2>/dev/null || is_over "$1"; }
sed 's/epochs: 60/epochs: 900/' sweep.yaml >long.yaml
direct long.yaml long &
long=$!
# slurmctld looks at time limits each half minute after its own start, so a job that starts some seconds before is signalled
# in its middle.  One that came to its end before the signal is repeated.
for run in limit limit-again limit-third; do
  until [[ $(((SECONDS - up) % 30)) == 2[56] ]]; do sleep 0.2; done
  id=$(submit "${two[@]}" --time=1 --signal=USR1@50 "$jobs/sweep.sbatch" long.yaml --out "$run")
  until_true 90 stopped_or_over "$id"
  before=$(units "$run" | wc -l)
  is_over "$id" || break
done
ended "$id" 120
restarts=$(job "$id" Restarts)
check "time limit: stopped, queued again and done ($restarts times)" test "$state" = "COMPLETED 0:0" -a "$restarts" -ge 1
check "time limit: in the middle, after $before units" grep -q "stopped by a signal: $before units of the sweep are finished" ./*-"$id".out
check "time limit: no unit was run twice" test -z "$(units "$run" | sort | uniq -d)"
wait "$long" || failed=1
same_sweep "time limit: same end" long "$run"
[ "$failed" = 0 ] || show "$id"
exit "$failed"
