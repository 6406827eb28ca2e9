#!/bin/bash
# Same digests of data, folds, weights, predictions and summary on 1-4 ranks, 1-2 threads, shared or separate fits,
# every instruction set, and, where a second build is there, another compiler.  The default tier has some of these.
# timeout: 300  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

table 400 "$TMP/customers.csv"
cat >"$TMP/study.yaml" <<Y
data: {path: $TMP/customers.csv, label: churn, id: id}
eval: {folds: 3, repeats: 2, seed: 4}
model: {hidden: [24, 12]}
train: {epochs: 5, lanes: 8, lane_rows: 8, patience: 3}
Y

# study NAME RANKS ARGS...
study() {
  local name=$1 n=$2
  shift 2
  ranks "$n" crossval "$TMP/study.yaml" --out "$TMP/$name" "$@" >"$TMP/$name.txt" 2>"$TMP/$name.err" ||
    { cat "$TMP/$name.err" >&2; return 1; }
}

if study r1 1; then ok "crossval on 1 rank"; else not_ok "crossval on 1 rank"; exit 1; fi
want=$(digests "$TMP/r1")
[ "${#want}" -gt 150 ] || not_ok "digests are there" "$want"

same() {
  local label=$1 name=$2
  shift 2
  if study "$name" "$@" && [ "$(digests "$TMP/$name")" = "$want" ] &&
    cmp -s "$TMP/r1/summary.json" "$TMP/$name/summary.json" && cmp -s "$TMP/r1/report.md" "$TMP/$name/report.md" &&
    cmp -s "$TMP/r1/predictions.h5" "$TMP/$name/predictions.h5" && cmp -s "$TMP/r1.h5" "$TMP/$name.h5"; then
    ok "$label"
  else
    not_ok "$label" "$(digests "$TMP/$name" 2>/dev/null)"
  fi
}
tier=${CRM_TIER:-default}
numbers=(3)
if [ "$tier" != default ]; then
  numbers=(2 3 4)
  same "2 threads" t2 1 --set train.threads=2
fi
for n in "${numbers[@]}"; do same "crossval on $n ranks" "r$n" "$n"; done
same "2 ranks of 2 threads" r2t2 2 --set train.threads=2
same "3 ranks share each fit" g3 3 --set eval.group_ranks=3
same "4 ranks in groups of 2" g2 4 --set eval.group_ranks=2
same_elsewhere
# the check of the check: another seed gives other digests
study seed 1 --set eval.seed=5
if [ "$(digests "$TMP/seed")" != "$want" ]; then ok "another seed differs"; else not_ok "another seed differs"; fi
if study fast 3 --set train.reduce=fast --set eval.group_ranks=3 && [ "$(digests "$TMP/fast")" != "$want" ]; then
  ok "train.reduce=fast differs"
  check "and the report says so" grep -q "results depend on the number of ranks" "$TMP/fast/report.md"
  check "and the log" grep -q "results depend on the number of ranks" "$TMP/fast.err"
else
  not_ok "train.reduce=fast differs"
fi

# the generator
for n in 1 "${numbers[@]}"; do
  ranks "$n" synth --set "data.path=$TMP/synth$n.h5" --set synth.customers=2000 --set synth.seed=3 >/dev/null 2>"$TMP/err" || cat "$TMP/err" >&2
  [ "$n" = 1 ] || check "synth on $n ranks writes the same bytes" cmp "$TMP/synth1.h5" "$TMP/synth$n.h5"
done

# every block: the quickstart's configuration on few generated customers
blocks() { # NAME RANKS THREADS
  ranks "$2" crossval "$CRM_SOURCE_DIR/configs/quickstart.yaml" --set "data.path=$TMP/synth1.h5" --set train.epochs=3 \
    --set eval.folds=3 --set "train.threads=$3" --out "$TMP/$1" >/dev/null 2>"$TMP/err" || cat "$TMP/err" >&2
}
blocks b1 1 1
[ "$(digests "$TMP/b1" | wc -c)" -gt 150 ] || not_ok "digests of the quickstart's configuration are there"
for n in "${numbers[@]}"; do
  blocks "b$n" "$n" $((n % 2 + 1))
  check "the quickstart's configuration on $n ranks of $((n % 2 + 1)) threads" cmp "$TMP/b1/summary.json" "$TMP/b$n/summary.json"
done
if [ -x "$CLANG_CRMPI" ]; then
  CRMPI=$CLANG_CRMPI ranks 2 synth --set "data.path=$TMP/synthc.h5" --set synth.customers=2000 --set synth.seed=3 >/dev/null 2>&1
  check "synth built by clang -O2" cmp "$TMP/synth1.h5" "$TMP/synthc.h5"
  CRMPI=$CLANG_CRMPI blocks bc 3 1
  check "the quickstart's configuration built by clang -O2" cmp "$TMP/b1/summary.json" "$TMP/bc/summary.json"
else
  skip "synth and the quickstart's configuration built by clang -O2" "no build in build/clang"
fi
exit "$failed"
