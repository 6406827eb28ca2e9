#!/bin/bash
# crmpi compare: models of two runs on the same folds get the tests that one study with all of them gives; runs on other
# folds, other data or another target are refused.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
table 300 customers.csv
table 301 others.csv
study() { # OUT ARGS...
  local out=$1
  shift
  ranks 2 crossval study.yaml --out "$out" "$@" >/dev/null 2>err || not_ok "crossval $out" "$(cat err)"
}
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {folds: 5, final: false}
Y
study both --set eval.models=logistic,rule
study a --set eval.models=logistic
study b --set eval.models=rule
study seed --set eval.models=rule --set eval.seed=1
study other --set eval.models=rule --set data.path=others.csv

alone compare a b/ --out ab >ab.txt 2>err || not_ok "two runs" "$(cat err)"
# The same numbers, but for the names of the models: terminal tables of the joint study.
figures() { sed -n '/^accuracy/,/^$/p;/^auc/,/^$/p' "$1" | sed 's/[ab]\///g; s/  */ /g'; }
"$CRMPI" report both >both.txt 2>err || not_ok "report" "$(cat err)"
check "the tests of one study with both" diff <(figures both.txt) <(figures ab.txt)
check "a report in --out" grep -q "^| a/logistic |" ab/report.md
check "with its figures" test -s ab/report.svg -a -s ab/roc.svg -a -s ab/pr.svg -a -s ab/calibration.svg
check "no file that is not there, no digest of nothing" [ "$(grep -c 'config.yaml\|`0000' ab/report.md)" = 0 ]
check "the run's report names its files" grep -q '^| `timing.md`' both/report.md
check "and a summary that reads back" grep -q '"name": "b/rule"' ab/summary.json
alone compare ab >again.txt 2>err || not_ok "compare takes its own result" "$(cat err)"
check "which has the models" grep -q "^ab/a/logistic" again.txt
ranks 3 compare a b >ab3.txt 2>err || not_ok "three ranks" "$(cat err)"
check "the same words on three ranks" cmp -s ab.txt ab3.txt

refused() { # NAME CODE TEXT ARGS...
  local name=$1 code=$2 text=$3 got
  shift 3
  exits 2 compare "$@" >out 2>err
  got=$?
  check "$name: exit $code" [ $got = "$code" ]
  check "$name: says so" grep -q -- "$text" err
}
refused "other folds" 2 "a and seed have other folds" a seed
refused "other data" 2 "a and other have other data" a other
refused "one model" 2 "one model only" a
refused "no run" 2 "needs run folders"
refused "the same run twice" 2 "stands twice" a a
refused "the same run twice, one with a slash" 2 "stands twice" a a/
cp a/summary.json before.json
refused "--out of a run" 2 "--out a is the folder of a run" a b --out a
check "its summary stays" cmp -s a/summary.json before.json
refused "a folder that is no run" 3 "nothere/summary.json" a nothere
sed 's/0\.[0-9]*/0.5/' a/summary.json >changed.json && mkdir changed && mv changed.json changed/summary.json
refused "a summary that was changed" 3 "changed or damaged" a changed
exit "$failed"
