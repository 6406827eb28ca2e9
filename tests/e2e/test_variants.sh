#!/usr/bin/env bash
# test_variants.sh - several settings of one model in one study: names, bits, model files, errors.
# timeout: 240  beside: others
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TMP" || exit 1

table 160 customers.csv
cat >study.yaml <<'Y'
data: {path: customers.csv, label: churn, positive: "yes"}
eval:
  models: [hybrid, hybrid-small, logistic, logistic-weak]
  folds: 3
model: {hidden: [8], fusion: 0}
train: {epochs: 4, lanes: 4, lane_rows: 16, validation: 0}
variants:
  hybrid-small: {model.hidden: [2], train: {epochs: 3}}
  logistic-weak:
    logistic.c: 0.01
Y
models='hybrid hybrid-small logistic logistic-weak'
for n in 1 2; do
  ranks "$n" crossval study.yaml --out "run$n" >"out$n" 2>err || not_ok "crossval on $n ranks" "$(cat err)"
done
check "the same digests on 1 and 2 ranks" test "$(digests run1)" = "$(digests run2)"
check "the same summary on 1 and 2 ranks" cmp run1/summary.json run2/summary.json
for m in $models; do
  check "$m is in the summary" grep -q "\"$m\"" run1/summary.json
  check "$m has a model file" test -s "run1/models/$m.h5"
done
check "a variant is another model" bash -c '! cmp -s run1/models/hybrid.h5 run1/models/hybrid-small.h5 && ! cmp -s run1/models/logistic.h5 run1/models/logistic-weak.h5'
epochs() { grep "\"unit\": \"$1-r0-f0\"" run1/metrics.jsonl | grep -c '"event": "epoch"'; }
check "the model has its own epochs" test "$(epochs hybrid)" = 4
check "a variant has those of its entry" test "$(epochs hybrid-small)" = 3
check "the effective config tells what differs" grep -q '^variants.hybrid-small.train.epochs: 3 ' run1/config.yaml
check "run.json tells it too" grep -q '"variants.logistic-weak.logistic.c"' run1/run.json

# a variant that repeats the model's own values gives the model's bits
cat >same.yaml <<'Y'
eval.models: [hybrid, hybrid-same]
variants: {hybrid-same: {train.epochs: 4}}
Y
sed '/^variants:/,$d; /models:/d' study.yaml >>same.yaml
ranks 2 train same.yaml --out same >out 2>err || not_ok "train of a variant" "$(cat err)"
predict() { # RUN ARGS...
  alone predict "$@" --set data.path=customers.csv 2>err || not_ok "predict $*" "$(cat err)"
}
predict same --model hybrid >a.csv
predict same --model hybrid-same >b.csv
check "a variant with the model's values gives the model's numbers" cmp a.csv b.csv
predict run1 --model hybrid-small >small.csv
predict run1 --model hybrid >large.csv
check "predict reads a variant with the config of the run" test "$(wc -l <small.csv)" = 161
check "and it is not the model" bash -c '! cmp -s small.csv large.csv'

# the nets of the ablation lack what their names say; the columns of all of them are those of the profile
small=(--set data.path=small.h5 --set train.epochs=1 --set eval.folds=2 --set eval.final=true)
alone synth "$CRM_SOURCE_DIR/configs/ablation.yaml" --set data.path=small.h5 --set synth.customers=200 >out 2>err || not_ok "synth" "$(cat err)"
for n in 1 2; do
  ranks $n crossval "$CRM_SOURCE_DIR/configs/ablation.yaml" "${small[@]}" --out ablation$n >out 2>err || not_ok "ablation on $n ranks" "$(cat err)"
done
check "the ablation has the same digests on 1 and 2 ranks" test "$(digests ablation1)" = "$(digests ablation2)"
has() { grep -qa "$2\.weight" "ablation1/models/$1.h5"; }
lacks() { ! has "$@"; }
for pair in months:mconv1 events:cemb text:temb profile:prof; do
  check "hybrid has ${pair#*:}" has hybrid "${pair#*:}"
  check "hybrid-no-${pair%:*} has none" lacks "hybrid-no-${pair%:*}" "${pair#*:}"
done
# impute, scale, ple; words of documents in front of them only with the flat view
holds() { grep -qa "$2" "$1"; }
without() { ! holds "$@"; }
check "columns of its own: three transforms" holds ablation1/models/hybrid.h5 transform2
check "and no fourth" without ablation1/models/hybrid.h5 transform3
check "no columns: no transform" without ablation1/models/hybrid-no-profile.h5 transform0
alone train "$CRM_SOURCE_DIR/configs/ablation.yaml" "${small[@]}" --set model.columns=flat --set eval.models=hybrid --out flat >out 2>err || not_ok "flat" "$(cat err)"
check "the flat view: four" holds flat/models/hybrid.h5 transform3

# --set, and the digest of the configuration
alone train same.yaml --out set --set variants.hybrid-same.train.epochs=2 >out 2>err || not_ok "--set of a variant" "$(cat err)"
check "--set changes a variant" grep -q '^hybrid-same: .*, 2 epochs,' out
alone train same.yaml --out same --set variants.hybrid-same.train.epochs=2 >out 2>err
check "another variant is another run" test $? = 2
check "and the difference is named" grep -q 'variants.hybrid-same.train.epochs: 4 there, 2 now' err
ranks 2 train same.yaml --out one --set eval.models=hybrid >out 2>err
check "an entry that eval.models does not name is one warning" test "$(grep -c 'not in eval.models: variants.hybrid-same$' err)" = 1

# fails NAME TEXT ARGS...: exit code 2 with the text, first on 2 ranks, then as one process
on=(exits 2)
fails() {
  local name=$1 text=$2 rc
  shift 2
  "${on[@]}" "$@" >out 2>err
  rc=$?
  if [ $rc = 2 ] && grep -qF -- "$text" err && [ ! -e bad ]; then ok "$name"; else not_ok "$name" "rc $rc: $(cat err)"; fi
}
fails "a variant without an entry" "'hybrid-tiny' is a variant of hybrid without an entry in variants; write how it differs: variants: {hybrid-tiny: {KEY: VALUE}}" \
  crossval study.yaml --out bad --set eval.models=hybrid,hybrid-tiny
fails "a slip of the pen in eval.models" "did you mean 'hybrid-small'?" crossval study.yaml --out bad --set eval.models=hybrid-smal
on=(alone)
fails "a variant of no model" "--set variants.oracle-x.model.hidden=2: value '2' is given to a variant of no model" \
  crossval study.yaml --out bad --set variants.oracle-x.model.hidden=2
fails "an option of another model" "is given to an option that this model does not have; allowed: " \
  crossval study.yaml --out bad --set variants.logistic-weak.train.epochs=2
fails "an option of no model" "is given to an option that this model does not have" crossval study.yaml --out bad --set variants.hybrid-small.eval.folds=2
fails "the slip of a key" "(nearest: train.epochs)" crossval study.yaml --out bad --set variants.hybrid-small.train.epocs=2
fails "a value out of range" "variants.hybrid-small.train.epochs=0: value '0' is too small; allowed: 1..1000000 epochs" \
  crossval study.yaml --out bad --set variants.hybrid-small.train.epochs=0
fails "threads are the same for all" "is the same for all models" crossval study.yaml --out bad --set variants.hybrid-small.train.threads=2
fails "a value that only the model can judge" "variants.hybrid-small.model.hidden=x: value 'x' allowed: integers" \
  crossval study.yaml --out bad --set variants.hybrid-small.model.hidden=x
sed 's/logistic.c: 0.01/logistic.k: 0.01/; s/hidden: \[2\]/hidden: 2/' study.yaml >wrong.yaml
fails "all errors in one pass, with their places" "2 errors" crossval wrong.yaml --out bad
check "place of the first" grep -qF "wrong.yaml:8:32: variants.hybrid-small.model.hidden: value '2' is a single value" err
check "place of the second" grep -qF "wrong.yaml:10:5: variants.logistic-weak.logistic.k: value '0.01' is given to an unknown key (nearest: logistic.c)" err
exit "$failed"
