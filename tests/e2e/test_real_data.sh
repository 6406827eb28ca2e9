#!/bin/bash
# Real tables: what each model reaches, beside what scikit-learn 1.2.1 does (in comments), and the published hold-out of
# telecom churn, on which several models have one right answer; in the full tier, texts by their n-grams.
# timeout: 200  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
data=$CRM_SHARED/data
python=$(command -v python3) || { skip "real tables" "no python3"; exit 0; }

# study NAME ARGS...: with the configuration NAME.yaml; the figures as lines MODEL METRIC MEAN in NAME.txt
study() {
  local name=$1
  shift
  rm -rf "$name"
  : >"$name.txt"
  ranks 2 crossval "$name.yaml" --out "$name" "$@" >out 2>err || { not_ok "$name" "$(cat err)"; return; }
  "$python" - "$name" >"$name.txt" <<'P'
import json, sys
for m in json.load(open(sys.argv[1] + "/summary.json"))["targets"][0]["models"]:
    for name, v in m["metrics"].items():
        print(m["name"], name, v["mean"])
P
}

# value STUDY MODEL METRIC; none is -1
value() { awk -v m="$2" -v what="$3" 'BEGIN { x = -1 } $1 == m && $2 == what { x = $3 } END { print x }' "$1.txt"; }

# reaches STUDY MODEL METRIC LEAST
reaches() {
  local x
  x=$(value "$1" "$2" "$3")
  check "$1: $2: $3 $(printf %.4f "$x") >= $4" awk -v x="$x" -v least="$4" 'BEGIN { exit !(x >= least && x <= 1) }'
}

if [ -r "$data/telecom_churn/telecom_churn.csv" ]; then
  cp "$data/telecom_churn/telecom_churn.csv" .
  cat >telecom.yaml <<'Y'
data: {path: telecom_churn.csv, store: telecom.h5, label: Churn, positive: '1'}
eval: {models: [forest, boosting, mlp, svm, knn, tree], folds: 10, seed: 0, final: false}
Y
  study telecom
  reaches telecom forest accuracy 0.933 # .9369, F1 .752, AUC .901
  reaches telecom forest f1 0.73
  reaches telecom forest auc 0.895
  reaches telecom boosting accuracy 0.932 # .9342
  reaches telecom mlp accuracy 0.922      # .9240
  reaches telecom svm accuracy 0.913      # .9164
  reaches telecom knn accuracy 0.894      # .8980
  reaches telecom tree accuracy 0.883     # .8892

  # The published hold-out, 667 rows, 570 of which stay; features as they are in the file.
  cp "$CRM_SOURCE_DIR/configs/papers/telecom-churn-table.yaml" holdout.yaml
  folds=$CRM_SOURCE_DIR/configs/papers/telecom-churn-holdout.txt
  if [ -r "$data/telecom_churn/paper_split_test_rows.txt" ]; then
    awk 'NR == FNR { test[$1]; next } { if (($1 == 0) != (FNR - 1 in test)) bad++ } END { exit bad + 0 != 0 || FNR != 3333 }' \
      "$data/telecom_churn/paper_split_test_rows.txt" "$folds"
    check "the rows of the hold-out are the published ones" test $? = 0
  fi
  right() { awk -v x="$(value holdout "$1" accuracy)" 'BEGIN { printf "%.0f", x * 667 }'; }
  study holdout --set eval.folds_file="$folds"
  # scikit-learn: logistic 570 once converged, naive Bayes 562, polynomial SVM 570, seven neighbours 571
  for pair in logistic:570 naive_bayes:562 svm:570 knn:571; do
    n=$(right "${pair%:*}")
    check "hold-out: ${pair%:*} has $n of 667 right, ${pair#*:} within 1" test "$n" -ge $((${pair#*:} - 1)) -a "$n" -le $((${pair#*:} + 1))
  done
  seeds=10
  [ "${CRM_TIER:-default}" != default ] || seeds=4
  for ((seed = 0; seed < seeds; seed++)); do
    study holdout --set eval.folds_file="$folds" --set eval.models=forest --set eval.published=forest:accuracy:0.925 --set eval.seed=$seed
    right forest >>forest
    echo >>forest
  done
  sort -n forest | tr '\n' ' ' >forests
  check "hold-out: forests of $seeds seeds have $(cat forests)right, all of 614 to 622" \
    awk -v seeds=$seeds '{ n++; if ($1 < 614 || $1 > 622) bad = 1 } END { exit bad || n != seeds }' forest
  check "which are not all one" test "$(sort -u forest | wc -l)" -gt 1
else
  skip "telecom churn" "no telecom_churn.csv under $CRM_SHARED"
fi

if [ -r "$data/churn_modelling/Churn_Modelling.csv" ]; then
  cat >bank.yaml <<Y
data: {path: $data/churn_modelling/Churn_Modelling.csv, store: bank.h5, label: Exited, positive: '1', ignore: [RowNumber, CustomerId, Surname]}
eval: {models: [boosting], folds: 5, seed: 0, final: false}
Y
  study bank
  reaches bank boosting auc 0.858 # .861
else
  skip "customers of a bank" "no Churn_Modelling.csv under $CRM_SHARED"
fi

telco=$data/ibm_telco/WA_Fn-UseC_-Telco-Customer-Churn.csv
if [ -r "$telco" ]; then
  cat >telco.yaml <<Y
data: {path: $telco, store: telco.h5, label: Churn, positive: 'Yes', id: customerID}
eval: {models: [logistic], folds: 5, seed: 0, final: false}
Y
  study telco
  reaches telco logistic auc 0.843 # .845
  # eleven blank fields in a column of numbers are missing values, not a level
  alone describe telco.h5 >described 2>&1
  check "a column with blank fields is one of numbers" grep -qx '  TotalCharges' described
  awk -F, -v OFS=, 'NR % 500 == 3 { $20 = "unknown" } { print }' "$telco" >unknown.csv
  exits 1 crossval telco.yaml --out bad --set data.path=unknown.csv --set data.store=unknown.h5 --set data.numeric=TotalCharges >out 2>err
  check "text in it is an error" test $? = 3
  check "which names the line and what to set" grep -q "unknown.csv:3:.*TotalCharges.*data.bad_values" err
  study telco --set data.path=unknown.csv --set data.store=unknown.h5 --set data.numeric=TotalCharges --set data.bad_values=missing
  reaches telco logistic auc 0.843
else
  skip "telecom customers" "no table of ibm_telco under $CRM_SHARED"
fi

# Texts, by a configuration as it is: the figures of docs/real-data.md less a point.
if [ "${CRM_TIER:-default}" = default ]; then
  skip "sentences of a mood" "in the full tier"
elif [ -r "$data/sentiment_sentences/amazon_cells_labelled.txt" ]; then
  cp "$CRM_SOURCE_DIR"/configs/sentiment-sentences{,.schema}.yaml .
  study sentiment-sentences --set data.path="$data/sentiment_sentences" --set data.store=sentences.h5 --set eval.final=false
  reaches sentiment-sentences logistic accuracy 0.8115 # .8215
  reaches sentiment-sentences svm accuracy 0.816       # .8260
else
  skip "sentences of a mood" "no sentiment_sentences under $CRM_SHARED"
fi
exit "$failed"
