#!/bin/bash
# Calls to the file system that fail while `crmpi train` writes into its run folder: the run ends well with the same model, or
# with exit code 3 and one sentence that has the cause; and the same command then ends with the same model.  Every kind of
# failure in turn, at 10 calls; 20 with tier full, all with tier long.  tests/fault/test_io_faults.c does the same for every
# call of a checkpoint.
# timeout: 3000  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1
library=$CRM_BUILD_DIR/tests/crm_io_fault.so
[ -e "$library" ] || { skip "calls of the program that fail" "$library is not built"; exit 0; }
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
table 60 in.csv
cat >c.yaml <<Y
data: {path: in.csv, label: churn, id: id}
eval: {models: [hybrid]}
train: {epochs: 2, lane_rows: 8, validation: 0}
model: {hidden: [4], fusion: 4}
checkpoint: {minutes: 0, cost: 0}
Y
alone train c.yaml --out good >/dev/null 2>err || {
  sed -i '/^checkpoint/d' c.yaml
  alone train c.yaml --out good >/dev/null 2>err || { not_ok "an undisturbed run" "$(cat err)"; exit 1; }
}
ls good/models/*.h5 >/dev/null || exit 1

# train K HOW: into out, with the K-th call on its files failing
train() {
  rm -f log
  CRM_IO_FAULT=out/:$1:$2 CRM_IO_FAULT_LOG=$TMP/log LD_PRELOAD=$library \
    timeout 120 "$CRMPI" train c.yaml --out out >stdout 2>stderr
}
same_model() {
  local f
  for f in good/models/*.h5; do
    cmp -s "$f" "out/models/${f##*/}" || return 1
  done
}
causes='Input/output error|No space left on device'

train 0 EIO || { not_ok "a run that is only counted" "$(cat stderr)"; exit 1; }
calls=$(sed -n 's/ calls$//p' log | sort -n | tail -n 1)
check "calls are counted" test "${calls:-0}" -gt 20
check "the run that is counted has the model of the other" same_model
wanted=$(by_tier "$calls" 20 10)
[ "$wanted" -le "$calls" ] || wanted=$calls
hows=(EIO ENOSPC short EINTR ENOSPC+) bad='' stopped=0 hit=0
for ((i = 0; i < wanted; i++)); do
  k=$((1 + i * (calls - 1) / (wanted > 1 ? wanted - 1 : 1))) how=${hows[i % 5]}
  rm -rf out out.h5
  train "$k" "$how"
  rc=$?
  what="call $k, $how ($(head -n 1 log 2>/dev/null))"
  ! grep -q ' out/\|/out/' log 2>/dev/null || hit=$((hit + 1))
  if [ $rc = 0 ]; then
    same_model || bad+="$what: another model; "
    continue
  fi
  stopped=$((stopped + 1))
  case $how in short | EINTR) bad+="$what: exit code $rc: $(head -c 300 stderr); " ;; esac
  [ $rc = 3 ] || bad+="$what: exit code $rc; "
  [ "$(grep -c 'crmpi: error:' stderr)" = 1 ] || bad+="$what: $(grep -c 'crmpi: error:' stderr) messages; "
  grep -Eq "$causes" stderr || bad+="$what: no cause: $(head -c 300 stderr); "
  alone train c.yaml --out out >/dev/null 2>err || bad+="$what: the same command again: $(head -c 300 err); "
  same_model || bad+="$what: another model after the second run; "
done
echo "# $wanted of $calls calls, $hit failed, $stopped runs ended with them"
check "runs were stopped" test $stopped -gt 0
if [ -z "$bad" ]; then ok "calls that fail"; else not_ok "calls that fail" "$bad"; fi
exit $failed
