#!/bin/bash
# A sweep over three models: the same trials, promotions, winners and digests on 1-4 ranks, nested too; a config that train
# takes; units that fail for their causes; errors that name the place in the space.
# timeout: 400  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

# A small net, and three inner folds of few rows.
write_config() {
  cat >sweep.yaml <<Y
data.path: $TMP/customers.h5
synth: {customers: 400, seed: 7}
eval: {models: [hybrid, logistic, forest], target: churn, folds: 3}
model: {hidden: [12], fusion: 0, months: [6], rnn: none, text: none}
train: {epochs: 3, lanes: 4, lane_rows: 16}
forest.trees: 10
sweep:
  trials: 8
  sampler: random
  scheduler: halving
  least: 0.3
  folds: 3
  space:
    optim.lr: {real: [1e-3, 1e-1], log: true}
    model.rnn: [none, gru]
    model.rnn_units: {integer: [4, 8], when: model.rnn == gru}
    logistic.c: {real: [0.01, 10], log: true}
    forest.max_depth: [2, 4, 8]
    forest.min_samples_leaf: {integer: [1, 9], step: 4}
Y
}
write_config
alone synth sweep.yaml >/dev/null 2>&1 || not_ok "400 customers"

# sweep NAME RANKS ARGS...
sweep() {
  local name=$1 n=$2
  shift 2
  if [ "$n" = 1 ]; then
    alone sweep sweep.yaml --out "$name" "$@" >"$name.txt" 2>"$name.err"
  else
    ranks "$n" sweep sweep.yaml --out "$name" "$@" >"$name.txt" 2>"$name.err"
  fi || { cat "$name.err" >&2; return 1; }
}

# same A B: what does not depend on time or place
same() {
  local f
  for f in sweep.tsv sweep.md summary.json units.json best-hybrid.yaml best-logistic.yaml best-forest.yaml; do
    cmp "$1/$f" "$2/$f" >&2 || return 1
  done
}
check "a sweep on 1 rank" sweep r1 1
for n in 2 3 4; do
  if sweep "r$n" "$n" && same r1 "r$n"; then ok "the same on $n ranks"; else not_ok "the same on $n ranks"; fi
done
check "two ranks share each fit" sweep g2 2 --set sweep.group_ranks=2
check "with the same result" same r1 g2
check "a group of two ranks and two of one" sweep g211 4 --set "sweep.first_groups=[2]"
check "with the same result" same r1 g211
check "24 trials in three searches" test "$(grep -c '^r0-f0' r1/sweep.tsv)" = 24
check "two of each come to the end" test "$(awk -F'\t' '$4 == "whole"' r1/sweep.tsv | wc -l)" = 6
# the check of the check: another seed is another sweep
sweep other 1 --set sweep.seed=1
if same r1 other 2>/dev/null; then not_ok "another seed differs"; else ok "another seed differs"; fi

# winners are the least of those that came to the end, by the table itself
winner_is_best() {
  awk -F'\t' -v m="$1" '$2 == m && $4 == "whole" && (!n++ || $7 < least) {least = $7; best = $3} END {print best}' r1/sweep.tsv
}
for m in hybrid logistic forest; do
  check "best-$m.yaml is of the best trial" grep -q "^# Trial $(winner_is_best $m) of model $m" "r1/best-$m.yaml"
done
best_trains() {
  alone crossval r1/best-forest.yaml --set eval.split=holdout --out best >best.txt 2>best.err || { cat best.err >&2; return 1; }
}
check "a best config is one that crossval takes" best_trains
# What was scored on the hold-out is that trial: its digest of weights in units.json is that of the sweep.
check "and comes to the bits of the winner" cmp <(grep forest-r0-f0 best/units.json) <(grep forest-r0-f0 r1/units.json)
cp r1.txt first.txt
check "a finished sweep is printed again" sweep r1 2
check "all of it" cmp first.txt r1.txt
check "verify repeats a sweep" ranks 2 verify r1

check "replay repeats a trial on 2 ranks" ranks 2 replay r1 forest:3
check "its units have the digests of the ledger" grep -q '^reproduced: [36] units of trial 3 of forest' <(alone replay r1 forest:3)
fails "a trial that is none" 2 "'forest:8' is no trial of this sweep" replay r1 forest:8
check "the trials of the first round are known without a result" cmp <(alone sweep sweep.yaml --dry-run 2>/dev/null | cut -f 1-3,9) <(cut -f 1-3,9 r1/sweep.tsv)
check "the state of a sweep" grep -q '^r1: 90 of 90 units so far known, 0 failed; searches ended, winners scored' <(alone sweep r1 --status)
fails "the state of another run" 2 "is a run of 'crossval', not of sweep" sweep best --status

# nested: searches in each outer fold, and one on all rows
nested() {
  sweep "$1" "$2" --set sweep.nested=true --set sweep.trials=3 --set sweep.folds=2 --set eval.models=[logistic,forest]
}
if nested n1 1 && nested n3 3 && cmp n1/sweep.tsv n3/sweep.tsv && cmp n1/sweep.md n3/sweep.md && cmp n1/summary.json n3/summary.json; then
  ok "nested on 1 and 3 ranks"
else
  not_ok "nested on 1 and 3 ranks"
fi
check "searches of 3 outer folds and of all rows" test "$(cut -f 1,2 n1/sweep.tsv | sort -u | wc -l)" = 9
check "corrected tests over all models" grep -q 'p Holm' n1.txt

# each sampler and scheduler comes to an end, the same on 1 and 3 ranks
for s in "tpe none" "sobol median" "grid none" "tpe hyperband" "random asynchronous"; do
  read -r sampler scheduler <<<"$s"
  small=(--set "sweep.sampler=$sampler" --set "sweep.scheduler=$scheduler" --set eval.models=[forest,logistic] --set sweep.trials=6
    --set sweep.points=3 --set sweep.startup=3 --set sweep.batch=3)
  if sweep "$sampler-$scheduler-1" 1 "${small[@]}" && sweep "$sampler-$scheduler-3" 3 "${small[@]}" &&
    { [ "$scheduler" = asynchronous ] || cmp "$sampler-$scheduler-1/sweep.tsv" "$sampler-$scheduler-3/sweep.tsv"; }; then
    ok "$sampler, $scheduler"
  else
    not_ok "$sampler, $scheduler"
  fi
done
check "asynchronous halving says that it depends on the layout" grep -q 'layout of the ranks' random-asynchronous-3/sweep.md
cat >points.yaml <<Y
points:
  - {forest.max_depth: 2, forest.min_samples_leaf: 5, logistic.c: 0.5, optim.lr: 0.01, model.rnn: none}
  - {forest.max_depth: 8, forest.min_samples_leaf: 1, logistic.c: 0.1, optim.lr: 0.01, model.rnn: none}
Y
check "points of a list" sweep list 1 --set sweep.list=points.yaml --set eval.models=[forest] --set sweep.scheduler=none
check "are those of the list" test "$(cut -f 9 list/sweep.tsv | tail -n 2 | head -n 1)" = "forest.max_depth=2; forest.min_samples_leaf=5"
cp points.yaml points.yaml.then
sed -i 's/max_depth: 8/max_depth: 7/' points.yaml
fails "a list that has changed since" 3 'points.yaml: sweep.list has another content than in the run' sweep list --status
mv points.yaml.then points.yaml

# trials that diverge or cannot be: recorded, and the others go on
check "a sweep with trials that fail" sweep failing 2 --set eval.models=[hybrid] --set sweep.scheduler=none \
  --set 'sweep.space={optim.lr: [0.01, 1000], optim.clip_norm: [0]}' --set sweep.sampler=grid --set train.epochs=20
check "names them and their cause" grep -Eq '^\| s0-t[0-9]+-k0-r0-f0 \| .*(finite|loss)' failing/sweep.md
check "and marks them" grep -q $'\tfailed\t' failing/sweep.tsv
# too many of them end the sweep, and a higher limit goes on
few() {
  exits "$1" sweep sweep.yaml --out few --set eval.models=[hybrid] --set sweep.scheduler=none --set "sweep.max_failed=$2" \
    --set 'sweep.space={optim.lr: [0.01, 1000], optim.clip_norm: [0]}' --set sweep.sampler=grid --set train.epochs=20 >few.txt 2>few.err
}
few 3 1
check "too many failures are exit code 4" test $? = 4
check "and say what to do" grep -q 'units of the sweep failed, the last of them s0-t1-.*sweep.max_failed is 1' few.err
check "with a higher limit it goes on" few 2 3
check "to the same" cmp few/sweep.tsv failing/sweep.tsv

# Winners that diverge where there are more rows than in their search: the next best take their place.
diverging=(--set eval.models=[hybrid] --set sweep.scheduler=none --set sweep.sampler=grid --set sweep.metric=f1 --set sweep.folds=2
  --set train.epochs=6 --set train.validation=0 --set optim.kind=sgd --set optim.weight_decay=0
  --set 'sweep.space={optim.lr: [3, 2.8, 1e-9], optim.clip_norm: [0]}')
for nested in false true; do
  name=replaced-$nested
  check "winners that fail outside of their search, nested: $nested" sweep "$name-1" 1 "${diverging[@]}" --set "sweep.nested=$nested"
  check "are replaced by the next best" grep -q 'won on the inner folds and failed outside of them.*next best one' "$name-1.err"
  check "and listed with the cause" grep -Eq '^\| s[0-9]-t[0-9]-outer \| .*not finite' "$name-1/sweep.md"
  check "also on 3 ranks" sweep "$name-3" 3 "${diverging[@]}" --set "sweep.nested=$nested"
  for f in sweep.tsv sweep.md summary.json best-hybrid.yaml; do check "with the same $f" cmp "$name-1/$f" "$name-3/$f"; done
done
check "all that is kept is the last one's" grep -q '^optim.lr: 1e-9' replaced-false-1/best-hybrid.yaml
mv replaced-false-1/summary.json was.json
rm -r replaced-false-1/units replaced-false-1/models
check "a job that goes on" sweep replaced-false-1 1 "${diverging[@]}"
check "knows it from the ledgers" test -z "$(grep 'next best one' replaced-false-1.err)"
check "and comes to the same" cmp was.json replaced-false-1/summary.json
exits 1 sweep sweep.yaml --out limited "${diverging[@]}" --set sweep.max_failed=1 >limited.txt 2>limited.err
check "they count for sweep.max_failed" test $? = 4
check "by name" grep -q '2 units of the sweep failed, the last of them s0-t0-outer: .*sweep.max_failed is 1' limited.err
check "and with a higher limit it goes on" sweep limited 1 "${diverging[@]}" --set sweep.max_failed=2
check "to the same scores" cmp was.json limited/summary.json

# Two models of equal cost: which fit of a trial fails first, that of the hold-out or that on all rows, depends on the ranks,
# and what is told does not.
two=("${diverging[@]}" --set 'eval.models=[hybrid-a,hybrid]' --set variants.hybrid-a.train.epochs=1 --set eval.seed=1 --set eval.group_ranks=1
  --set 'sweep.space={optim.lr: [2.8, 1e-9], optim.clip_norm: [0]}')
check "a winner of which both fits fail" sweep both-1 1 "${two[@]}"
check "is told by that of the hold-out" grep -q '^| s1-t0-outer | epoch 4, step 18: ' both-1/sweep.md
for n in 2 3 4; do
  check "also on $n ranks" sweep "both-$n" "$n" "${two[@]}"
  check "with the same sweep.md" cmp both-1/sweep.md "both-$n/sweep.md"
done
# Only the fit on all rows fails: a sample that does not hold it is repeated with the same winner.
check "a winner of which one fit fails" sweep one 1 "${diverging[@]}" --set eval.seed=1 --set 'sweep.space={optim.lr: [2.5, 1e-9], optim.clip_norm: [0]}'
check "is replaced" grep -q 'next best one' one.err
for units in 1 2; do check "verify --units $units" alone verify one --units $units; done
# The only trial with all of the rows fails: one that was cut short wins.
check "a sweep whose last rung fails outside" sweep rung 2 "${diverging[@]}" --set eval.seed=1 --set sweep.sampler=random --set sweep.scheduler=halving \
  --set sweep.trials=8 --set sweep.eta=3 --set sweep.seed=1 --set 'sweep.space={optim.lr: {real: [2.3, 2.8]}, optim.clip_norm: [0]}'
check "takes one that was cut short" grep -Eq '^\| r0-f0 \| hybrid \| [0-9] \| [0-9.]+ \| - \| - \|' rung/sweep.md

# a trial for which there is no memory
too_large() (
  ulimit -v 6000000
  sweep large 1 --set eval.models=[hybrid] --set sweep.scheduler=none --set sweep.sampler=grid \
    --set 'sweep.space={model.hidden: [[8], [60000, 60000]]}'
)
check "a sweep with a trial that is too large" too_large
check "names it" grep -Eq '^\| s0-t1-k0-r0-f0 \| .*memory' large/sweep.md

# What the hold-out says cannot reach the searches: other labels there change nothing but the outer scores.
leaking() {
  awk -v flip="$2" 'BEGIN {
    srand(4); print "a,b,churn"
    for (i = 0; i < 240; i++) {
      x = rand(); y = rand(); c = x + 0.3 * y + 0.4 * rand() > 0.8
      if (flip && i % 4 == 0) c = !c
      printf "%.6f,%.6f,%d\n", x, y, c
    }
  }' >"$1.csv"
  alone sweep --set data.path="$1.csv" --set data.label=churn --set eval.split=file --set eval.folds_file=folds.txt --set eval.target= \
    --set eval.models=[logistic,forest] --set sweep.trials=5 --set forest.trees=10 --out "$1" \
    --set 'sweep.space={logistic.c: {real: [0.01, 10], log: true}, forest.max_depth: [1, 2, 3, 5]}' >"$1.txt" 2>"$1.err" || { cat "$1.err" >&2; return 1; }
}
awk 'BEGIN {for (i = 0; i < 240; i++) print i % 4 ? -1 : 0}' >folds.txt
check "a sweep with a test part from a file" leaking true 0
check "another with other labels in it" leaking flipped 1
check "has the same trials and winners" cmp true/sweep.tsv flipped/sweep.tsv
if cmp -s true/summary.json flipped/summary.json; then not_ok "and other outer scores"; else ok "and other outer scores"; fi

check "halving of one rung is told" grep -q 'halves nothing' <(alone sweep sweep.yaml --dry-run --set sweep.least=0.5 2>&1 >/dev/null)
check "a condition that no trial of a model can meet is told" grep -q 'not searched for forest: forest.max_depth, under a condition on model.rnn' \
  <(alone sweep sweep.yaml --dry-run --set eval.models=[hybrid,forest] \
    --set 'sweep.space={model.rnn: [gru, none], forest.max_depth: {integer: [2, 4], when: model.rnn == gru}}' 2>&1 >/dev/null)

# the space
wrong() {
  local name=$1 text=$2
  sed "s/$3/$4/" sweep.yaml >wrong.yaml
  fails "$name" 2 "$text" sweep wrong.yaml --out out
}
wrong "an unknown option" 'wrong.yaml:18:22: sweep.space.forest.max_deph.*did you mean .forest.max_depth' 'forest.max_depth' 'forest.max_deph'
wrong "a value outside of the bounds" 'wrong.yaml:[0-9]+:[0-9]+: .*logistic.c' '0.01, 10\]' '-1, 10]'
wrong "a layout option" 'train.threads.*no option that a sweep can search' 'logistic.c:' 'train.threads:'
wrong "a condition on what is not there" 'model.rnn_kind' 'when: model.rnn ==' 'when: model.rnn_kind =='
fails "no space" 2 'sweep.space=: value .* is empty' sweep sweep.yaml --out out --set sweep.space=
fails "asynchronous with tpe" 2 'sweep.sampler=tpe: value .tpe. looks at results' sweep sweep.yaml --out out --set sweep.sampler=tpe \
  --set sweep.scheduler=asynchronous
fails "a group of no ranks" 2 "sweep.first_groups=2,0: value .2,0. has a group of .0." sweep sweep.yaml --out out --set "sweep.first_groups=[2,0]"
for split in grouped contiguous; do
  fails "a hold-out at random for folds that are $split" 2 "sweep.nested: .*eval.split is $split" sweep sweep.yaml --out out --set eval.split=$split
done
fails "the state of another sweep than the run's" 2 'sweep.trials=3: .*another sweep' sweep r1 --status --set sweep.trials=3
printf 'points:\n- {forest.max_depth: 4.5}\n- {forest.max_depth: 5}\n' >between.yaml
fails "a list with a value between two steps" 2 'between.yaml:2:.*between two steps' sweep sweep.yaml --out out --set sweep.list=between.yaml \
  --set 'sweep.space={forest.max_depth: {integer: [3, 6]}}' --set eval.models=[forest]
fails "a list with a value that is none" 2 'points.yaml:2:[0-9]+' sweep sweep.yaml --out out --set sweep.list=points.yaml \
  --set 'sweep.space={forest.max_depth: [3, 4]}' --set eval.models=[forest]
exit "$failed"
