#!/bin/bash
# The full net, all branches and heads, on generated customers: same digests and model file on 1-4 ranks, shared or
# separate fits, 1-2 threads, every instruction set, and, where a second build is there, another compiler.  The default tier has some of these.
# timeout: 300  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
config=$CRM_SOURCE_DIR/configs/quickstart.yaml

# study NAME RANKS ARGS...
study() {
  local name=$1 n=$2
  shift 2
  ranks "$n" crossval "$config" --set data.path="$TMP/customers.h5" --set eval.models=[hybrid] --set eval.folds=2 \
    --set train.epochs=3 --out "$TMP/$name" "$@" >"$TMP/$name.txt" 2>"$TMP/$name.err" ||
    { cat "$TMP/$name.err" >&2; return 1; }
}
ranks 2 synth --set data.path=customers.h5 --set synth.customers=700 >/dev/null 2>&1 || not_ok "700 customers"
if study r1 1; then ok "crossval on 1 rank"; else not_ok "crossval on 1 rank"; exit 1; fi
want=$(digests r1)
[ "${#want}" -gt 150 ] || not_ok "digests are there" "$want"

same() {
  local label=$1 name=$2
  shift 2
  if study "$name" "$@" && [ "$(digests "$name")" = "$want" ] && cmp -s r1/summary.json "$name/summary.json" &&
    cmp -s r1/predictions.h5 "$name/predictions.h5" && cmp -s r1/models/hybrid.h5 "$name/models/hybrid.h5"; then
    ok "$label"
  else
    not_ok "$label" "$(digests "$name" 2>/dev/null)"
  fi
}
same "2 ranks share each fit, 2 threads each" g2t2 2 --set eval.group_ranks=2 --set train.threads=2
same "3 ranks share each fit" g3 3 --set eval.group_ranks=3
if [ "${CRM_TIER:-default}" != default ]; then
  for n in 2 3 4; do same "crossval on $n ranks" "r$n" "$n"; done
  same "4 ranks share each fit" g4 4 --set eval.group_ranks=4
fi
same_elsewhere
# the check of the check: the model file holds parameters of every branch, and another setting gives other digests
every_branch() {
  local p
  for p in mconv1.weight gru.weight_ih_l0 tconv1.weight temb.weight prof.weight heads.churn.weight heads.sentiment.weight; do
    h5ls -r r1/models/hybrid.h5 | grep -q "/$p " || return 1
  done
}
check "parameters of every branch" every_branch
study other 1 --set model.rnn=lstm
if [ "$(digests other)" != "$want" ]; then ok "another kind of net differs"; else not_ok "another kind of net differs"; fi
exit "$failed"
