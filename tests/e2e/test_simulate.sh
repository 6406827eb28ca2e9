#!/bin/bash
# Simulation of a sweep: the same bytes on 1 and 3 ranks, by a model and with the times of a run; what it refuses.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

table 200 churn.csv
cat >sweep.yaml <<Y
data.path: churn.csv
data.label: churn
data.id: id
eval: {models: [logistic, forest], target: "", folds: 3}
forest.trees: 5
sweep:
  trials: 9
  sampler: random
  scheduler: halving
  folds: 3
  space:
    logistic.c: {real: [0.01, 10], log: true}
    forest.max_depth: [1, 2, 3, 5]
Y

# simulate NAME RANKS ARGS...: on so many ranks of this machine
simulate() {
  local name=$1 n=$2
  shift 2
  exits "$n" sweep "$@" >"$name" 2>"$name.err" || { cat "$name.err" >&2; return 1; }
}
# value KEY FILE: of the first run of a JSON
value() { grep -o "\"$1\": [^,}]*" "$2" | head -n 1 | cut -d ' ' -f 2; }

check "a config on 1024 ranks" simulate model1.json 1 sweep.yaml --simulate 1024 --json
check "asked by 3 ranks" simulate model3.json 3 sweep.yaml --simulate 1024 --json
check "the same bytes" cmp model1.json model3.json
check "it is JSON with three schedulers" test "$(grep -c '"scheduler"' model1.json)" = 3
check "units of both models in all rungs" test "$(value units model1.json)" = 78
check "all time of the ranks is told" awk -v s="$(for k in useful rounds end dispatch thrown away answering; do value $k model1.json; done | paste -sd+)" \
  'BEGIN {n = split(s, x, "+"); for (i = 1; i <= n; i++) t += x[i]; exit !(n == 7 && t > 0.999999 && t < 1.000001)}'
check "as a table" simulate model.txt 1 sweep.yaml --simulate 1024
check "with what rounds cost" grep -Eq '^against asynchronous without rounds: makespan x [0-9.]+, useful work x' model.txt
check "on one rank" simulate one.json 1 sweep.yaml --simulate 1 --json --set sweep.simulate.failures=0
check "all of its time is useful" awk -v u="$(value useful one.json)" 'BEGIN {exit !(u > 0.9999)}'
check "on 10000 ranks" simulate many.json 1 sweep.yaml --simulate 10000 --json
check "units take twice as long" simulate twice.json 1 sweep.yaml --simulate 1 --json --set sweep.simulate.failures=0 --set sweep.simulate.seconds=120
check "so does the sweep" awk -v a="$(value makespan_s one.json)" -v b="$(value makespan_s twice.json)" 'BEGIN {exit !(b / a > 1.99999 && b / a < 2.00001)}'

# with the times of a run
check "a sweep" simulate run.txt 2 sweep.yaml --out run
check "tells what rounds cost at its end" grep -q 'simulated: against asynchronous without rounds: makespan x' run.txt.err
check "its times on 16 ranks" simulate run1.json 1 run --simulate 16 --json --set sweep.simulate.failures=0
check "asked by 3 ranks" simulate run3.json 3 run --simulate 16 --json --set sweep.simulate.failures=0
check "the same bytes of a run" cmp run1.json run3.json
check "it has the units of the run" test "$(value units run1.json)" = "$(cat run/sweep/*.log | grep -cE ' (ok|failed) s[01]-t')"
check "other failures are no other run" simulate again.txt 1 sweep.yaml --out run --set sweep.simulate.failures=0.05

for n in 0 10001 -3 many 4x; do
  fails "no number of ranks: $n" 2 "--simulate: '$n' is no number of ranks; allowed: 1 to 10000" sweep sweep.yaml --simulate "$n"
done
fails "no ranks" 2 '--simulate needs a value' sweep sweep.yaml --simulate
fails "of another command" 2 '--simulate is an option of sweep, not of train' train sweep.yaml --simulate 3
fails "beside --status" 2 'do not go together' sweep run --simulate 3 --status
fails "JSON of a real sweep" 2 '--json is an option of text and of sweep --simulate' sweep sweep.yaml --out out --json
sed 's/^  trials: 9/  simulate: {failures: 2}\n  trials: 9/' sweep.yaml >wrong.yaml
fails "a wrong value" 2 'wrong.yaml:7:24: sweep.simulate.failures.*2' sweep wrong.yaml --simulate 3
fails "no node is left" 2 'all nodes are lost after .*sweep.simulate.repair' sweep sweep.yaml --simulate 2 \
  --set sweep.simulate.failures=0.5 --set sweep.simulate.repair=-1
mkdir empty
fails "a folder that is no run" 3 'empty' sweep empty --simulate 3
fails "a file that is not there" 3 'none.yaml' sweep none.yaml --simulate 3
exit "$failed"
