#!/bin/bash
# train, then predict by each model: what is printed and kept; rows with levels never seen, missing values, columns in
# another order and columns too many, on 1 and 3 ranks; --out FILE; ids that a spreadsheet would run.
# timeout: 180  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
table 240 customers.csv
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {seed: 3}
model: {hidden: [12]}
train: {epochs: 4, lane_rows: 8, members: 2, prior_start: false}
Y
models="hybrid logistic rule"

# ---- train
for n in 1 3; do
  ranks $n train study.yaml --out run$n >out$n 2>err || not_ok "train on $n ranks" "$(cat err)"
done
for m in $models; do
  check "a line for $m" grep -Eq "^$m: run1/models/$m\.h5(, [0-9]+ epochs?, train loss [0-9.]+)?, [0-9]+\.[0-9] s$" out1
  check "$m on 3 ranks is the same model" cmp "run1/models/$m.h5" "run3/models/$m.h5"
done
# a line of metrics.jsonl for each epoch of the sentence
epochs=$(sed -n 's/^hybrid: .*, \([0-9]*\) epochs.*/\1/p' out1)
check "epochs of hybrid as in metrics.jsonl" test "$(grep -c '"model": "hybrid"' run1/metrics.jsonl)" = "$epochs"
last=$(grep '"model": "hybrid"' run1/metrics.jsonl | tail -1 | sed 's/.*"train_loss": \([0-9.]*\).*/\1/')
check "train loss of hybrid is the last of metrics.jsonl" grep -q "^hybrid: .*train loss $(printf %.4f "$last")," out1
for run in run1 run3; do sed -E 's/"(seconds|records_per_s)": [^,}]*/"\1": 0/g' $run/metrics.jsonl >"$run.metrics"; done
check "3 ranks: metrics.jsonl but for the times" cmp run1.metrics run3.metrics
check "an epoch has rows, time and rate" grep -Eq '"rows": [1-9][0-9]*, "seconds": [0-9.e-]+, "records_per_s": [0-9.e+]+' run1/metrics.jsonl
for phase in search refit; do
  for member in 0 1; do
    check "metrics.jsonl tells $phase of member $member" grep -q "\"phase\": \"$phase\", \"member\": $member, \"epoch\": 1," run1/metrics.jsonl
  done
done
check "a study without folds has no summary" test ! -e run1/summary.json
ranks 2 train study.yaml --out run1 >again 2>err
for m in $models; do check "$m is not fitted again" grep -q "^$m: run1/models/$m\.h5.*, fitted before$" again; done
check "no progress line without a terminal" bash -c '! grep -q "records/s" err'
ranks 2 train study.yaml --out shown --set log.progress=on --set train.epochs=1500 --set train.members=1 \
  --set train.patience=0 --set train.validation=0 >out 2>err
check "log.progress=on: units, time left, loss, records per second" bash -c \
  "tr '\\r' '\\n' <err | grep -Eq '[0-9]/3 units, .* left  hybrid-all epoch [0-9]+/[0-9]+.* loss [0-9.]+ [0-9]+ records/s'"
check "models are as before" cmp run1/models/hybrid.h5 run3/models/hybrid.h5

# ---- predict
# 1: as it was; 2: a city and a plan never seen; 3: all that may be missing; 4: an id that would be run
cat >rows.csv <<'R'
id,age,spend,calls,city,plan,churn
plain,40,120.50,3,Oslo,basic,no
far,40,120.50,3,Atlantis,silver,no
gaps,,,,,,
=SUM(A1),40,120.50,3,Oslo,basic,yes
@x,40,120.50,3,Oslo,basic,yes
-5,40,120.50,3,Oslo,basic,yes
R
# the same rows: other order of columns, columns that no model knows, no label
awk -F, 'BEGIN { OFS = "," } { print $6, (NR == 1 ? "colour" : "red"), $4, $1, $3, (NR == 1 ? "weight" : NR * 7), $5, $2 }' rows.csv >other.csv
# what is never seen is missing
sed 's/Atlantis,silver/,/' rows.csv >unknown.csv

mkdir temp
# predict NAME RANKS ARGS...
predict() {
  local name=$1 n=$2
  shift 2
  TMPDIR=$TMP/temp ranks "$n" predict run1 "$@" >"$name" 2>err || not_ok "predict $name" "$(cat err)"
}
probabilities() { # FILE ROW: the text of the numbers
  sed -n "$2p" "$1" | sed 's/^.*,\(no\|yes\),//'
}
# shellcheck disable=SC2317
# two probabilities that sum to 1, and the class of the larger one
sound() {
  awk -F, 'NR > 1 {
    p = $(NF - 1); q = $NF
    if (!(p >= 0 && q >= 0 && p + q > 1 - 1e-9 && p + q < 1 + 1e-9 && $(NF - 2) == (q > .5 ? "yes" : "no"))) bad = 1
  } END { exit bad }' "$1"
}
for m in $models; do
  predict "$m.csv" 1 --model "$m" --set data.path=rows.csv
  check "$m: a header and 6 rows" test "$(wc -l <"$m.csv")" = 7
  check "$m: the header" test "$(head -1 "$m.csv")" = "id,class,p_no,p_yes"
  check "$m: probabilities and classes" sound "$m.csv"
  predict "$m-3.csv" 3 --model "$m" --set data.path=rows.csv
  check "$m: 3 ranks" cmp "$m.csv" "$m-3.csv"
  predict "$m-other.csv" 1 --model "$m" --set data.path=other.csv
  check "$m: columns in another order, and more" cmp "$m.csv" "$m-other.csv"
  predict "$m-other-3.csv" 3 --model "$m" --set data.path=other.csv
  check "$m: the same on 3 ranks" cmp "$m.csv" "$m-other-3.csv"
  predict "$m-unknown.csv" 2 --model "$m" --set data.path=unknown.csv
  check "$m: a level never seen is missing" cmp "$m.csv" "$m-unknown.csv"
  check "$m: equal rows, equal numbers" test "$(probabilities "$m.csv" 2)" = "$(probabilities "$m.csv" 5)"
done
# rows of the training table: alone they hold fewer levels than all together, whose codes are therefore others
head -5 customers.csv >few.csv
for m in $models; do
  predict few-out.csv 1 --model "$m" --set data.path=few.csv
  predict all-out.csv 1 --model "$m" --set data.path=customers.csv
  predict set-out.csv 1 --model "$m" --set data.path=run1.h5
  head -5 all-out.csv >all-head.csv
  check "$m: a few rows of the table have the numbers that they have among all" cmp few-out.csv all-head.csv
  check "$m: the table and the data set made from it" cmp all-out.csv set-out.csv
done
check "models differ" bash -c '! cmp -s hybrid.csv logistic.csv && ! cmp -s logistic.csv rule.csv'
check "the values matter: a row of gaps has other numbers" test "$(probabilities logistic.csv 2)" != "$(probabilities logistic.csv 4)"
predict default.csv 1 --set data.path=rows.csv
check "without --model it is the first of eval.models" cmp hybrid.csv default.csv

check "a plain id stays" grep -q '^plain,' hybrid.csv
check "an id that begins with = is made plain" grep -q "^\"'=SUM(A1)\"," hybrid.csv
check "an id that begins with @ is made plain" grep -q "^\"'@x\"," hybrid.csv
check "a negative number is none" grep -q '^-5,' hybrid.csv

for n in 1 3; do
  predict "nothing$n" $n --set data.path=rows.csv --out written.csv
  check "--out FILE on $n ranks" cmp hybrid.csv written.csv
  check "nothing on stdout then, $n ranks" test ! -s "nothing$n"
  rm -f written.csv
done
TMPDIR=$TMP/temp ranks 2 predict run1 --set data.path=rows.csv --out no/such/folder/x.csv >out 2>err
rc=$?
if [ $rc = 3 ] && grep -q "no/such/folder" err; then ok "--out that cannot be written"; else not_ok "--out that cannot be written" "rc $rc: $(cat err)"; fi
check "predict leaves nothing in TMPDIR" test -z "$(find temp -name 'crmpi-predict-*')"
exit "$failed"
