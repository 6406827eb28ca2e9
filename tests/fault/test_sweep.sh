#!/bin/bash
# kill -9 of a random rank, of mpirun, or of all, at random moments of a sweep, which goes on on a random number of ranks:
# no finished unit is run again or lost, and trials, promotions, winners and digests are those of the undisturbed sweep.  A
# signal ends it with code 75.  A ledger that was cut, or that is damaged, costs the units it no longer tells of, and is told.
# CRM_SEED=N repeats the moments.
# timeout: 900
# shellcheck source=tests/fault/job.sh
. "$(dirname "$0")/job.sh"
kills=${CRM_KILLS:-$(by_tier 60 8 5)}
echo "# seed $seed"
cat >sweep.yaml <<Y
data.path: $TMP/customers.h5
synth: {customers: 500, seed: 7}
eval: {models: [hybrid, logistic, forest], target: churn}
model: {hidden: [12], fusion: 0, months: [6], rnn: none, text: none}
train: {epochs: 6, lanes: 4, lane_rows: 16}
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
alone synth sweep.yaml >/dev/null 2>&1 || { not_ok "500 customers"; exit 1; }
begun=$(now)
ranks 2 sweep sweep.yaml --out whole >whole.txt 2>whole.err || { not_ok "the undisturbed sweep" "$(cat whole.err)"; exit 1; }
took=$(($(now) - begun))

same() { cmp whole/sweep.tsv "$1/sweep.tsv" && cmp whole/sweep.md "$1/sweep.md" && cmp whole/summary.json "$1/summary.json"; }
# lines of units in all ledgers
lines() { cat "$1"/sweep/*.log 2>/dev/null | grep -cE ' (ok|failed) s[0-9]+-t'; }
twice() { cat "$1"/sweep/*.log 2>/dev/null | grep -oE ' (ok|failed) s[0-9]+-t[0-9]+-k[0-9]+-r[0-9]+-f[0-9]+-x[0-9a-f]+ ' | sort | uniq -d; }

# one sweep, killed until it has been killed often enough, then left alone
rm -rf run
lost=
for ((i = 0; i < kills; i++)); do
  before=$(lines run)
  draw 4
  n=$((drawn + 1))
  started "$n" sweep sweep.yaml --out run
  draw $((took / 1000 / 3))
  wait_for $(((drawn + took / 1000 / 6) * 1000))
  mapfile -t pids < <(ranks_of "$job")
  draw 3
  case $drawn in
  0) kill -9 "$job" "${pids[@]}" ;;
  1) kill -9 "${pids[0]:-$job}" ;;
  *) kill -9 "$job" ;;
  esac 2>/dev/null
  all_gone 20 "$job" "${pids[@]}" || kill -9 "$job" "${pids[@]}" 2>/dev/null
  wait "$job" 2>/dev/null
  [ "$(lines run)" -ge "$before" ] || lost+=" $before before, $(lines run) after;"
  echo "# kill $i on $n ranks: $(lines run) units finished"
done
check "no finished unit is lost" test -z "$lost"
started 3 sweep sweep.yaml --out run
if wait "$job" && same run; then ok "after $kills kills the sweep is the undisturbed one"; else not_ok "after $kills kills" "$(tail -n 3 err.txt)"; fi
check "no unit was run twice" test -z "$(twice run)"

# a signal: code 75, and on
rm -rf run
started 2 sweep sweep.yaml --out run
wait_for $((took / 2))
mapfile -t pids < <(ranks_of "$job")
kill -TERM "${pids[@]}" 2>/dev/null
wait "$job"
check "a signal ends it with code 75" test $? = 75
check "and says what goes on" grep -Eq 'stopped by a signal: [0-9]+ units of the sweep are finished|goes on' err.txt
ranks 1 sweep sweep.yaml --out run >out.txt 2>err.txt
check "the same command goes on to the same" same run

# a torn line, then a wrong byte: those units are run again
cut_and_repeat() {
  local name=$1 how=$2 log
  rm -rf run
  cp -r whole run
  rm -f run/summary.json
  log=$(find run/sweep -name '*.log' -size +0 | head -n 1)
  "$how" "$log"
  if ranks 2 sweep sweep.yaml --out run >out.txt 2>err.txt && same run; then ok "$name"; else not_ok "$name" "$(tail -n 3 err.txt)"; fi
}
tear() { truncate -s -20 "$1"; }
flip() { printf 'X' | dd of="$1" bs=1 seek=300 conv=notrunc status=none; }
cut_and_repeat "a torn last line" tear
cut_and_repeat "a wrong byte" flip
check "the wrong byte is told" grep -q 'torn, damaged or of another run' err.txt
exit "$failed"
