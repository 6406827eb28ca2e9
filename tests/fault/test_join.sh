#!/bin/bash
# Several jobs on one sweep: two that work beside each other, of which none, the first or the second is killed, come to the
# bytes of one job; another config is refused; tasks of an array in any order do, too; a folder that runs full ends a sweep
# with one error, and it goes on when there is room.
# CRM_SEED=N repeats the moments.
# timeout: 300  beside: others
# shellcheck source=tests/fault/job.sh
. "$(dirname "$0")/job.sh"
echo "# seed $seed"
cat >sweep.yaml <<Y
data.path: $TMP/customers.h5
synth: {customers: 400, seed: 7}
eval: {models: [hybrid, logistic, forest], target: churn}
model: {hidden: [12], fusion: 0, months: [6], rnn: none, text: none}
train: {epochs: 40, lanes: 4, lane_rows: 16, validation: 0}
forest.trees: 30
sweep:
  trials: 4
  sampler: tpe
  startup: 2
  batch: 2
  scheduler: halving
  least: 0.3
  look: 0.05
  lease: 1
  space:
    optim.lr: {real: [1e-3, 1e-1], log: true}
    logistic.c: {real: [0.01, 10], log: true}
    forest.max_depth: {integer: [2, 9]}
Y
alone synth sweep.yaml >/dev/null 2>&1 || { not_ok "400 customers"; exit 1; }
begun=$(now)
alone sweep sweep.yaml --out whole >whole.txt 2>whole.err || { not_ok "the sweep by one job" "$(cat whole.err)"; exit 1; }
took=$(($(now) - begun))

same() {
  local f
  for f in sweep.tsv sweep.md summary.json units.json best-hybrid.yaml; do cmp "whole/$f" "$1/$f" >&2 || return 1; done
}
# units RUN: finished ones in all ledgers, by name
units() { cat "$1"/sweep/*.log 2>/dev/null | grep -oE ' (ok|failed) s[0-9]+-t[0-9]+-k[0-9]+-r[0-9]+-f[0-9]+-x[0-9a-f]+ '; }
twice() { units "$1" | sort | uniq -d | wc -l; }
has_units() { [ "$(units "$1" | wc -l)" -ge "$2" ]; }
all=$(units whole | wc -l)

# begin NAME RANKS ARGS...: a job in the background; its process in job, what it says in NAME.txt and NAME.err
begin() {
  local name=$1 with=()
  [ "$2" = 1 ] || with=(mpirun --oversubscribe --bind-to none -n "$2")
  shift 2
  "${with[@]}" "$CRMPI" sweep "$@" >"$name.txt" 2>"$name.err" </dev/null &
  job=$!
}
until_units() { # RUN COUNT
  local end=$((SECONDS + 20))
  until has_units "$1" "$2"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.02
  done
}
kill_job() {
  local pids
  mapfile -t pids < <(ranks_of "$1")
  kill -9 "$1" "${pids[@]}" 2>/dev/null
  wait "$1" 2>/dev/null
}

# ---- both live ----
begin first 2 sweep.yaml --out both --join
first=$job
begin second 1 sweep.yaml --out both --join
wait "$first"
code=$?
wait "$job"
check "two jobs end well" test "$code $?" = "0 0"
check "with the bytes of one" same both
check "the second leaves the rest to the first, or has come first" grep -qE 'scores the winners|^\| hybrid' second.txt
jobs_at_work() { for f in "$1"/sweep/*.log; do ! grep -qE ' (ok|failed) s' "$f" || basename "$f" | sed 's/-[0-9]*\.log$//'; done | sort -u | wc -l; }
check "both did some of the $all units" test "$(jobs_at_work both)" = 2
check "and few of them twice ($(twice both))" test "$(twice both)" -le $((all / 3))
alone sweep sweep.yaml --out both --join >joined.txt 2>joined.err
check "one more that comes when all is done says so" grep -q 'both is finished; this is its result' joined.err
alone sweep sweep.yaml --out both >again.txt 2>/dev/null
check "and prints it" cmp joined.txt again.txt

# ---- one is killed ----
# killed NAME FIRST SECOND WHICH: jobs of so many ranks, one of which is killed in the middle
killed() {
  local name=$1 which=$4 pid
  begin "$name-1" "$2" sweep.yaml --out "$name"
  pid[1]=$job
  until_units "$name" 1
  begin "$name-2" "$3" sweep.yaml --out "$name" --join
  pid[2]=$job
  until_units "$name" $((all / 4))
  draw 300000
  wait_for "$drawn"
  kill_job "${pid[$which]}"
  wait "${pid[$((3 - which))]}"
  check "$name: the other one ends well" test $? = 0
  check "$name: with the bytes of one job" same "$name"
}
killed "the first is killed" 2 1 1
check "and the second has scored the winners" grep -q 'hybrid' "the first is killed-2.txt"
killed "the second is killed" 1 2 2

# ---- a failure that another job does not confirm ----
# Two large trials fail where there is little memory; a job that works on learns in its middle that they need not have.
large=(sweep.yaml --set data.path="$TMP/few.h5" --set eval.models=[hybrid,forest] --set forest.trees=1500 --set sweep.sampler=grid --set sweep.scheduler=median --set train.epochs=1
  --set 'sweep.space={optim.lr: [0.001, 0.01], model.hidden: [[8], [4000, 4000]],
    forest.max_depth: [2, 3, 4, 5]}')
failed_units() { cat "$1"/sweep/*.log | grep -oE ' failed s[0-9a-z-]+ ' | sort -u | wc -l; }
alone synth --set data.path=few.h5 --set synth.customers=80 --set synth.seed=7 >out.txt 2>err.txt || not_ok "80 customers" "$(cat err.txt)"
alone sweep "${large[@]}" --out roomy >out.txt 2>err.txt || not_ok "a sweep with large trials" "$(cat err.txt)"
for task in 0 1; do (ulimit -v 400000 && alone sweep "${large[@]}" --out doubted --array $task/2) >task.txt 2>task.err || not_ok "with little memory" "$(cat task.err)"; done
check "two trials fail where there is no memory for them" test "$(failed_units doubted)" = 2
cp -r doubted believed
begin doubted 1 "${large[@]}" --out doubted --join
until_units doubted $(($(units believed | wc -l) + 1))
kill -STOP "$job"
cat roomy/sweep/*.log | grep -E "^.* ok ($(cat doubted/sweep/*.log | sed -nE 's/.* failed (s[0-9a-z-]+) .*/\1/p' | sort -u | paste -sd'|')) " >doubted/sweep/other-0.log
kill -CONT "$job"
wait "$job"
check "a job that sees results in their place ends well" test $? = 0
check "and says so" grep -q 'a unit that has failed in one job has a result of another' doubted.err
for f in sweep.tsv sweep.md summary.json; do check "with the $f of a sweep that had the memory" cmp "roomy/$f" "doubted/$f"; done
alone sweep "${large[@]}" --out believed --join >out.txt 2>err.txt
check "without them the failures stay" grep -q 'memory' believed/sweep.md

# ---- another config, another data set ----
begin first 1 sweep.yaml --out both2 --set train.epochs=2000
until_units both2 1
fail_ranks=1 fails "one that has not asked to join is told how" 2 'is in use by .*, or work on it beside that job: --join' sweep sweep.yaml \
  --out both2 --set train.epochs=2000 --set record.lock_wait=0
fail_ranks=1 fails "another config is refused" 2 'holds another run.*' sweep sweep.yaml --out both2 --join
fail_ranks=2 fails "and what differs is named" 2 'sweep.trials: 4 there, 7 now' sweep sweep.yaml --out both2 --join --set train.epochs=2000 --set sweep.trials=7
begin second 1 sweep.yaml --out both2 --join --set train.epochs=2000
sleep 0.5
kill -TERM "$job"
wait "$job"
check "a signal ends the job that it is for" test $? = 75
check "within a fit" grep -q 'stopped by a signal: [0-9]* units of the sweep are finished' second.err
kill_job "$first" 2>/dev/null
for p in $(jobs -pr); do kill_job "$p"; done
exits 2 sweep sweep.yaml --join --status 2>err
check "--status joins nothing" test $? = 2
fail_ranks=1 fails "asynchronous halving has no rounds to agree on" 2 'sweep.scheduler.*has no rounds' sweep sweep.yaml --out out --join \
  --set sweep.scheduler=asynchronous --set sweep.sampler=random

# ---- tasks of an array ----
left() { alone sweep array --status | grep -oE 'sbatch --array=[0-9,-]+ .*'; }
for task in 2 0 1; do alone sweep sweep.yaml --out array --array $task/3 >task.txt 2>task.err || not_ok "task $task of 3" "$(cat task.err)"; done
check "an array runs each unit once" test "$(twice array)" = 0
check "and says that more rounds come" grep -q 'task 1 of 3 has done what was known of its share; more rounds come' task.txt
check "a line for Slurm tells what is left" grep -qE '^sbatch --array=[0-9,-]+ jobs/sweep-array.sbatch array/config.yaml --out array --array 16$' <(left)
rounds=0
while [ ! -s array/summary.json ] && [ $((rounds++)) -lt 20 ]; do
  tasks=$(alone sweep array --status --array 2 | sed -nE 's/.*--array=([0-9,-]+) jobs.*/\1/p')
  for task in $(tr , ' ' <<<"$tasks"); do
    for one in $(seq "${task%-*}" "${task#*-}"); do alone sweep array/config.yaml --out array --array "$one/2" >task.txt 2>task.err || break 3; done
  done
done
check "tasks of what is missing come to the end after $rounds arrays" test -s array/summary.json
check "with the bytes of one job" same array
check "and no unit was run twice" test "$(twice array)" = 0
check "of a finished sweep nothing is missing" test -z "$(left)"
rm array/summary.json
check "of one without scores a task is" grep -q "array=0 " <(left)
fail_ranks=1 fails "no task of an array" 2 "'3/3', allowed: I/N" sweep sweep.yaml --out out --array 3/3

# ---- no room ----
small=$TMP/small
if [ "$(id -u)" = 0 ] && mkdir "$small" && mount -t tmpfs -o size=4m tmpfs "$small" 2>/dev/null; then
  trap 'end_job; umount "$small"; rm -rf "$TMP"' EXIT
  many=(sweep.yaml --set eval.models=[logistic] --set sweep.trials=80 --set sweep.sampler=random)
  ranks 2 sweep "${many[@]}" --out room >out.txt 2>err.txt || not_ok "80 trials" "$(cat err.txt)"
  begin full 2 "${many[@]}" --out "$small/run"
  until_units "$small/run" 2
  head -c 8M /dev/zero >"$small/ballast" 2>/dev/null
  wait "$job"
  check "a sweep whose folder is full ends with code 3" test $? = 3
  check "one error says so" test "$(grep -c 'crmpi: error: .*No space left' full.err)" = 1
  rm "$small/ballast"
  before=$(units "$small/run" | wc -l) of=$(units room | wc -l)
  check "after $before units of $of" test "$before" -gt 0 -a "$before" -lt "$of"
  ranks 2 sweep "${many[@]}" --out "$small/run" >out.txt 2>err.txt
  for f in sweep.tsv sweep.md summary.json; do check "with room again it goes on to the same $f" cmp "room/$f" "$small/run/$f"; done
else
  skip "a full folder" "needs root and mount"
fi
echo "# one job took $((took / 1000)) ms"
exit "$failed"
