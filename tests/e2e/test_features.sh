#!/bin/bash
# Transforms of columns in models: each trained on 1 and on 3 ranks to the same bits, kept, and asked about raw rows with
# missing values, far values and levels that were never seen; duplicates of a customer in one fold.
# timeout: 180  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/models.sh
. "$(dirname "$0")/models.sh"
cd "$TMP" || exit 1
table3 400 customers.csv
cat >study.yaml <<'Y'
data: {path: customers.csv, label: level}
eval:
  models: [logistic, logistic-off, logistic-rates, logistic-few, logistic-near, hybrid-cut, naive_bayes-bins, boosting-codes]
  folds: 2
  seed: 3
model: {hidden: [8]}
train: {epochs: 3, lane_rows: 16, members: 1}
boosting: {iterations: 5}
variants:
  logistic-off: {outliers.rule: robust, encode.folds: 7, select.by: l1}
  logistic-rates: {encode.kind: target, outliers.action: flag, outliers.rule: zscore, power.kind: log1p, feature.impute: constant, feature.impute_constant: -1}
  logistic-few: {select.columns: 5, select.by: l1, interact.pairs: 3, power.kind: yeo_johnson}
  logistic-near: {feature.impute: knn, feature.impute_rows: 150, encode.kind: ordinal_frequency, select.columns: 6}
  hybrid-cut: {outliers.action: winsorise, rare.min_share: 0.2, rare.unseen: rare, power.kind: yeo_johnson, interact.pairs: 2, select.columns: 6, feature.impute: mode}
  naive_bayes-bins: {bins.count: 4, bins.code: onehot, encode.kind: frequency}
  boosting-codes: {bins.count: 8, encode.kind: ordinal_name, rare.min_count: 60, outliers.action: winsorise, outliers.rule: robust}
Y
for n in 1 3; do
  study study.yaml "run$n" "$n" || not_ok "crossval on $n ranks"
done
check "the same summary on 1 and 3 ranks" cmp run1/summary.json run3/summary.json
check "the same models and test predictions" test -z "$(differing run1 run3)"

cat >rows.csv <<'R'
age,spend,calls,balance,city,plan,level
40,120.50,3,17.2,Oslo,basic,mid
,,,,,,
40,1e9,3,-1e30,Oslo,basic,low
40,120.50,3,17.2,Atlantis,silver,high
39,480,,2.5,,gold,high
R
alone predict run1 --set data.path=rows.csv --model logistic >logistic.csv 2>err || not_ok "predict" "$(cat err)"
alone predict run1 --set data.path=rows.csv --model logistic-off >off.csv 2>err
check "options of what is off change nothing" cmp logistic.csv off.csv
asked=$(models study.yaml)
[ "${CRM_TIER:-default}" != default ] || asked="logistic-rates logistic-few hybrid-cut logistic-near"
for m in $asked; do
  alone predict run1 --set data.path=rows.csv --model "$m" >"$m.csv" 2>err || not_ok "predict by $m" "$(cat err)"
  check "$m: six lines, no number missing" bash -c "[ \$(wc -l <$m.csv) = 6 ] && ! grep -qi nan $m.csv"
  [ "$m" = logistic ] || [ "$m" = logistic-off ] || check "$m is another model" bash -c "! cmp -s $m.csv logistic.csv"
done
ranks 3 predict run3 --set data.path=rows.csv --model hybrid-cut >three.csv 2>err
check "the same of 3 ranks" cmp hybrid-cut.csv three.csv
# a row by itself is the row in company; a level that is unseen is the rare one
sed -n '1p;6p' rows.csv >one.csv
alone predict run1 --set data.path=one.csv --model logistic-near >one.out 2>err
check "a row by itself" test "$(sed -n 2p one.out | cut -d, -f2-)" = "$(sed -n 6p logistic-near.csv | cut -d, -f2-)"

# ---- duplicates: customers that say the same under several ids are in one fold
mkdir twins
awk 'BEGIN {
  srand(4); print "id,age,spend,plan,churn"
  for (i = 1; i <= 150; i++) {
    a = 18 + int(rand() * 60); s = int(rand() * 500); y = (s > 250) != (rand() < .2) ? "yes" : "no"
    for (k = 0; k < (i % 3 ? 1 : 2 + i % 2 * 2); k++) printf "%d,%d,%d,%s,%s\n", 10 * i + k, a, s, i % 2 ? "gold" : "basic", y
  }
}' >twins/customers.csv
cat >twins.schema.yaml <<'Y'
tables:
  customers: {files: customers.csv, key: id, columns: {id: id, age: integer, spend: integer, plan: category, churn: category}}
entity: {table: customers, profile: [age, spend, plan]}
labels: {churn: {column: customers.churn, positive: "yes"}}
Y
cat >twins.yaml <<'Y'
data: {path: twins, schema: twins.schema.yaml}
eval: {models: [logistic], folds: 4, repeats: 2, final: false}
Y
alone crossval twins.yaml --out twin >out 2>err || not_ok "crossval of duplicates" "$(cat err)"
# numbers FILE ARRAY: one a line
numbers() { h5dump -y -w 1 -d "$2" "$1" | awk '/DATA {/ { on = 1; next } on && /}/ { exit } on { gsub(/[ ,]/, ""); if ($0 != "") print }'; }
numbers twin.h5 /group/number >group
rows=$(wc -l <group)
groups=$(sort -u group | wc -l)
check "150 customers in 250 rows" test "$rows $groups" = "250 150"
numbers twin/predictions.h5 /row >order
seq 0 249 >all
check "all rows are predicted in order" cmp -s order all
numbers twin/predictions.h5 /fold >folds
for repeat in 0 1; do
  sed -n "$((repeat * rows + 1)),$((repeat * rows + rows))p" folds | paste group - >pairs
  check "repeat $repeat: one fold for each customer" test "$(sort -u pairs | wc -l)" = "$groups"
  check "repeat $repeat: folds of 62 or 63 rows" test "$(cut -f2 pairs | sort | uniq -c | awk '$1 == 62 || $1 == 63' | wc -l)" = 4
done

exit $failed
