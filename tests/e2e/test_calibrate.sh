#!/bin/bash
# crmpi calibrate: the same counts on 1-4 ranks, after a kill, and without signal by construction; the naive t rejects more
# often than the corrected one; wrong settings are refused.
# timeout: 240  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
table 300 customers.csv
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {models: [logistic, rule], folds: 5, repeats: 3, seed: 3}
calibrate: {replicates: 60, labels: balanced, rows: 200}
Y
ranks 1 calibrate study.yaml --out r1 >r1.txt 2>err || not_ok "calibrate" "$(cat err)"
for n in 2 3 4; do
  ranks $n calibrate study.yaml --set train.threads=$((n % 2 + 1)) --out r$n >/dev/null 2>err || not_ok "$n ranks" "$(cat err)"
  check "the same on $n ranks" cmp -s r1/calibrate.json r$n/calibrate.json
done

# Ended in the middle: what is done stays, the rest is done by another number of ranks.
cp -r r2 half && rm half/calibrate.json half/calibrate.md half/null/000001.h5 half/null/000004.h5
printf 'x' | dd of=half/null/000002.h5 bs=1 seek=2000 conv=notrunc 2>/dev/null
stamp=$(stat -c %Y.%i half/null/000000.h5)
ranks 3 calibrate study.yaml --out half >/dev/null 2>err || not_ok "goes on" "$(cat err)"
check "goes on to the same counts" cmp -s r1/calibrate.json half/calibrate.json
check "what was done is not done again" [ "$(stat -c %Y.%i half/null/000000.h5)" = "$stamp" ]
check "a damaged block is named" grep -q "000002.h5.*run again" err

rate() { tr -d '\n' <r1/calibrate.json | sed "s/.*\"name\": \"$1\"[^}]*\"rejected\": \([0-9]*\).*/\1/"; }
of() { tr -d '\n' <r1/calibrate.json | sed "s/.*\"name\": \"$1\", *\"replicates\": \([0-9]*\).*/\1/"; }
naive=$(rate "naive t") corrected=$(rate "corrected t")
check "the naive t ($naive) rejects more often than the corrected one ($corrected) of 60" [ "$naive" -gt "$corrected" ]
check "the corrected t holds its level" [ "$corrected" -le 8 ]
check "a table on the terminal" grep -q "^corrected t  *$corrected  *60 " r1.txt
check "and in the run folder" grep -q "| corrected t | *$corrected |" r1/calibrate.md

# By accuracy with classes of other sizes, models without signal are not equally good: the rates are upper bounds.
check "balanced labels: nothing to say" bash -c '! grep -q "upper bounds" r1.txt'
ranks 2 calibrate study.yaml --set calibrate.labels=permuted --set calibrate.replicates=10 --out perm >perm.txt 2>err || not_ok "permuted" "$(cat err)"
check "permuted labels: upper bounds" bash -c 'tr "\n" " " <perm.txt | grep -q "upper *bounds"'

# Balanced labels leave the third class empty, so its AUC is undefined in each fold.
awk '{print $0 "," (NR == 1 ? "three" : NR % 3)}' customers.csv >three.csv
ranks 2 calibrate study.yaml --set data.path=three.csv --set data.label=three --set calibrate.metric=auc --set calibrate.replicates=10 \
  --out three >three.txt 2>err || not_ok "three classes" "$(cat err)"
check "no test has an answer" grep -q "No test has an answer" <(tr "\n" " " <three.txt)

refused() { # NAME CODE TEXT ARGS...
  local name=$1 code=$2 text=$3 got
  shift 3
  exits 2 calibrate study.yaml --out bad "$@" >out 2>err
  got=$?
  check "$name: exit $code" [ $got = "$code" ]
  check "$name: says so" grep -q "$text" err
  rm -rf bad
}
refused "one model" 2 "compares two models" --set eval.models=rule
refused "folds from a file" 2 "eval.split" --set eval.split=file --set eval.folds_file=x
refused "one hold-out" 2 "eval.repeats" --set eval.split=holdout --set eval.repeats=1
refused "too few rows" 3 "folds" --set calibrate.rows=8
refused "no replicates" 2 "calibrate.replicates" --set calibrate.replicates=0
exit "$failed"
