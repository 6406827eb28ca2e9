#!/bin/bash
# crmpi train --replay: one step of a net's fit in lines, the same on any number of ranks, from a checkpoint or from the
# start; a row that is not finite is named; nothing in the run folder changes.
# timeout: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1

cat >small.yaml <<'Y'
data: {path: data.h5}
synth: {customers: 300, seed: 3}
eval: {models: [hybrid, logistic]}
model: {hidden: [8], months: [4], rnn: none, text: none, fusion: 0}
train: {epochs: 4, lane_rows: 8, patience: 4}
Y
alone synth small.yaml >out 2>&1 || not_ok "synth" "$(cat out)"
ranks 2 train small.yaml --out run >out 2>&1 || not_ok "train" "$(cat out)"
find run -type f -exec md5sum {} + | sort >before
for n in 1 3; do
  ranks "$n" train small.yaml --out run --replay 6 >"step$n" 2>err || not_ok "a step on $n ranks" "$(cat err)"
done
check "the same lines on 1 and 3 ranks" cmp step1 step3
check "its place" grep -q '^hybrid: phase search, epoch 2, step 6 (batch 2 of 4 of the epoch)$' step1
check "all lanes" test "$(grep -c '^lane [0-7]: loss of .*; rows [0-9 ]*$' step1)" = 8
check "parameters" grep -q '^parameter prof.weight: norm of gradient [0-9].*, of weights [0-9]' step1
find run -type f -exec md5sum {} + | sort >after
check "nothing in the run folder changed" cmp before after

# A run that is cut short has a checkpoint below the step.
# shellcheck disable=SC2016
timeout 60 bash -c '"$1" train small.yaml --out cut --set train.epochs=2000 --set train.patience=0 --set checkpoint.steps=20 \
  --set checkpoint.cost=0 >out 2>&1 & for i in $(seq 300); do compgen -G "cut/checkpoints/hybrid-all/*.manifest" >/dev/null &&
  break; sleep 0.05; done; kill -9 $!; wait' _ "$CRMPI" 2>/dev/null
number=$(basename "$(find cut/checkpoints -name '*.manifest' | sort | tail -1)" .manifest)
find cut -type f -exec md5sum {} + | sort >before
long=(--set train.epochs=2000 --set train.patience=0)
ranks 2 train small.yaml --out cut "${long[@]}" --replay "$((number + 25))" >step 2>from
ranks 1 train small.yaml --out nothing "${long[@]}" --replay "$((number + 25))" >start 2>err
check "it begins from a checkpoint" grep -q 'replay: from checkpoint cut/checkpoints/hybrid-all/' from
check "the same lines as from the start" cmp step start
check "there are lines" grep -q "step $((number + 25)) " step
find cut -type f -exec md5sum {} + | sort >after
check "nothing in that folder changed" cmp before after
check "no run folder is made" test ! -e nothing

wrong() { # NAME CODE TEXT ARGS...
  local name=$1 code=$2 text=$3 rc
  shift 3
  alone train small.yaml --out run "$@" >out 2>&1
  rc=$?
  if [ "$rc" = "$code" ] && grep -q -- "$text" out; then ok "$name"; else not_ok "$name" "$rc: $(cat out)"; fi
}
wrong "a step that there is not" 2 'ends before step 4000' --replay 4000
wrong "no number" 2 "allowed: STEP or PHASE:STEP" --replay search:x
wrong "no phase" 2 "allowed: STEP or PHASE:STEP" --replay last:3
wrong "no net" 2 "none of eval.models is a net" --replay 3 --set eval.models=logistic
exit $failed
