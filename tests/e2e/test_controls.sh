#!/bin/bash
# Negative controls on generated customers, 10,000 where a difference must be found, 6,000 where none is: without a signal no
# model is told apart by accuracy, F1, AUC or log loss (the linear model chooses its strength, or it would be worse calibrated
# than the class frequencies).  Tier long: without interactions the linear model is not significantly worse than the net; with
# both the net finds more.  The oracle stands beside every model.
# tier: full
# timeout: 900  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

# study NAME SIGNAL INTERACTIONS CUSTOMERS
study() {
  "$CRMPI" synth --set "data.path=$1.h5" --set "synth.customers=$4" --set synth.seed=2 --set "synth.signal=$2" \
    --set "synth.interactions=$3" >/dev/null 2>&1 &&
    RUN_TIMEOUT=400 ranks 2 crossval "$CRM_SOURCE_DIR/configs/quickstart.yaml" --set "data.path=$1.h5" \
      --set eval.final=false --out "$1" >"$1.txt" 2>"$1.err" || { not_ok "study $1" "$(cat "$1.err")"; exit 1; }
}
# p_holm RUN MODEL METRIC -> "p diff", nothing when one of them is missing or undefined
p_holm() {
  python3 - "$@" <<'P'
import json, sys
t = json.load(open(sys.argv[1] + "/summary.json"))["targets"][0]
c = [c for c in t["comparisons"] if c["b"] == sys.argv[2] and c["metric"] == sys.argv[3]][0]
print(float(c["corrected"]["p_holm"]), float(c["mean_diff"]))
P
}
not_worse() { p_holm "$@" | awk '{ ok = $1 >= .05 || $2 <= 0 } END { exit !ok }'; }  # the model b is not significantly worse
no_claim() { p_holm "$@" | awk '{ ok = $1 >= .05 } END { exit !ok }'; }
better() { p_holm "$@" | awk '{ ok = $1 < .05 && $2 > 0 } END { exit !ok }'; }

study null 0 1 6000
for metric in accuracy f1 f1_macro auc log_loss; do
  for model in logistic rule; do
    check "signal=0: hybrid and $model are not told apart by $metric" no_claim null "$model" "$metric"
  done
done
check "the oracle stands in the tables of null" grep -q "^oracle " null.txt
if no_claim null nobody auc 2>/dev/null; then not_ok "a figure that is missing is no success"; fi
[ "${CRM_TIER:-default}" = long ] || exit "$failed"
study linear 1 0 6000
for metric in accuracy f1 auc; do
  check "interactions=0: logistic is not worse than hybrid by $metric" not_worse linear logistic "$metric"
done
study full 1 1 10000
check "interactions=1: hybrid is better than logistic by auc" better full logistic auc
check "interactions=1: hybrid is better than rule by auc" better full rule auc
for s in linear full; do
  check "the oracle stands in the tables of $s" grep -q "^oracle " "$s.txt"
done
exit "$failed"
