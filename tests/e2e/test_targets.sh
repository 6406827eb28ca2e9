#!/bin/bash
# Targets of synthetic customers: describe tells classes from numbers; a study takes classes of customers only, and
# says on every rank which those are.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

"$CRMPI" synth --set data.path=c.h5 --set synth.customers=300 >/dev/null || not_ok "synth"
"$CRMPI" describe c.h5 >described || not_ok "describe"
check "numbers are described by their means" grep -Eq \
  '^target +purchases_ahead \(customer, numeric\), with oracle: month_1 mean [0-9.]+, month_2 mean' described
check "classes are counted, and what is missing" grep -Eq \
  '^target +next_category \(customer\), with oracle: electronics [0-9]+ .* sports [0-9]+, [0-9]+ missing$' described
check "labels of documents are counted" grep -Eq '^target +stars \(document\): 1 [0-9]+' described

# refused TARGET WHAT: crossval on it ends with 2 and one message
refused() {
  local rc=0
  rm -rf out
  ranks 2 crossval --out out --set data.path=c.h5 --set eval.target="$1" --set "eval.models=[logistic]" \
    >stdout 2>stderr || rc=$?
  check "$1 is refused: exit code" [ "$rc" = 2 ]
  check "$1 is refused: message" grep -q \
    "eval.target: '$1' has $2; choose a target with a class for each customer: churn, next_category, next_purchase, segment" stderr
  check "$1 is refused: once" [ "$(grep -c 'crmpi: error:' stderr)" = 1 ]
}
refused purchases_ahead "numbers for each customer"
refused stars "a class for each document"

ranks 2 crossval --out group --set data.path=c.h5 --set eval.target=next_category --set eval.folds=2 \
  --set "eval.models=[logistic]" >stdout 2>stderr || cat stderr
check "customers without a next category are left out" grep -q '"log_loss"' group/summary.json

# Documents as rows: the same bits on any number of ranks, the documents of a customer in one fold, and predictions.
for n in 1 3; do
  ranks "$n" crossval --out "docs$n" --set data.path=c.h5 --set data.units=document --set eval.target=sentiment --set eval.folds=3 \
    --set "eval.models=[hybrid, logistic]" --set train.epochs=2 --set model.text_dim=4 >stdout 2>stderr || cat stderr
done
check "documents: the same bits on 1 and 3 ranks" cmp -s docs1/summary.json docs3/summary.json
check "documents: the table says what a row is" grep -q "^Target sentiment (document): [0-9]* rows" stdout
check "documents: predictions name customer and document" \
  grep -q '^[0-9]*#1,' <("$CRMPI" predict docs1 --set data.path=c.h5 --model logistic 2>/dev/null)
code=0
ranks 2 crossval --out none --set data.path=c.h5 --set data.units=document --set eval.target=churn >stdout 2>stderr || code=$?
check "documents: a target of customers is none" [ "$code $(grep -c "eval.target: 'churn' is not a target" stderr)" = "2 1" ]

# A head without any label: said once, whatever the folds, and its losses are not known.
"$CRMPI" synth --set data.path=silent.h5 --set synth.customers=200 --set synth.tickets=0 >/dev/null || not_ok "synth without tickets"
small="--set data.path=silent.h5 --set eval.models=hybrid --set eval.folds=2 --set train.epochs=2 --set model.text_dim=4"
# shellcheck disable=SC2086
ranks 2 crossval --out silent $small --set model.heads=sentiment,issue >stdout 2>stderr || cat stderr
check "a target without labels is told once" [ "$(grep -c "model.heads: 'issue' has no label in the training rows" stderr)" = 1 ]
check "its losses are null" grep -Eq '"train_loss.issue": ?null.*"valid_loss.issue": ?null' silent/metrics.jsonl
check "those of others are numbers" grep -Eq '"train_loss.sentiment": ?[0-9]' silent/metrics.jsonl

# Words that a user can get wrong about heads.
wrong() { # NAME TEXT HEADS
  local rc=0
  rm -rf out
  # shellcheck disable=SC2086
  alone train --out out $small --set model.heads="$3" >stdout 2>stderr || rc=$?
  check "$1" [ "$rc $(grep -cF -- "$2" stderr)" = "2 1" ]
}
wrong "other targets are listed" "'nope' is no target of silent.h5; there are beside churn: issue, next_category" nope
wrong "a value is told once" "model.heads=issue:0: value 'issue:0' allowed weight of 'issue': a number 1e-6..1e6" issue:0
exit "$failed"
