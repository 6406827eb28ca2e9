#!/bin/bash
# Every model on data and options at the limits of sense: finite probabilities from 0 to 1 that add up to 1, for the rows
# of the study and for new rows far from them, the same on ranks that share each fit; or one clear error on every rank.
# tier: full  timeout: 600  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/models.sh
. "$(dirname "$0")/models.sh"
cd "$TMP" || exit 1

table 90 good.csv
cat >base.yaml <<'Y'
data: {label: churn, id: id}
eval:
  folds: 3
  final: false
  models: [rule, logistic, logistic-chosen, logistic-l1, naive_bayes, knn, knn-all, svm, svm-none, svm-linear, svm-nystroem, svm-fourier, tree, tree-leaf, tree-histogram, forest, forest-histogram, boosting, boosting-leaf, mlp, hybrid]
model: {hidden: [8], fusion: 0}
train: {epochs: 4}
forest: {trees: 5}
boosting: {iterations: 5, min_samples_leaf: 2}
mlp: {epochs: 10, hidden: [8]}
variants:
  logistic-chosen: {logistic.c: 0}
  logistic-l1: {logistic.penalty: l1}
  knn-all: {knn.k: 36, knn.weights: distance}
  svm-none: {svm.probability: none}
  svm-linear: {svm.kernel: linear}
  svm-nystroem: {svm.method: nystroem, svm.probability: isotonic}
  svm-fourier: {svm.method: fourier}
  tree-leaf: {tree.max_depth: 0}
  tree-histogram: {tree.method: histogram}
  forest-histogram: {forest.method: histogram}
  boosting-leaf: {boosting.max_depth: 0}
Y

# unsound RUN K ROWS: models that have not ROWS lines of K probabilities; rows that were never tested are NaN in the file
unsound() {
  local m args=()
  for m in $(models base.yaml); do args+=(-d "/proba/$m"); done
  h5dump -y -m "%.17g" "${args[@]}" "$1/predictions.h5" | awk -v k="$2" -v rows="$3" '
    function tell() { if (m != "" && (bad != "" || tested != rows)) print m ": " tested " rows" bad }
    $1 == "DATASET" && $2 ~ /^"\/proba/ { tell(); m = $2; bad = ""; tested = n = sum = absent = 0; data = 1 }
    /DATA {/ { inside = data; data = 0; next } # those of attributes follow
    /}/ { inside = 0 }
    inside {
      for (i = 1; i <= NF; i++) {
        sub(/,$/, "", $i)
        if ($i == "nan") absent++
        else if ($i !~ /^[0-9][0-9.e+-]*$/ || $i + 0 > 1) bad = bad " " $i
        else sum += $i
        if (++n < k) continue
        if (absent != k) { tested++; if (absent || sum < 1 - 1e-6 || sum > 1 + 1e-6) bad = bad " sum " sum }
        n = sum = absent = 0
      }
    }
    END { tell(); if (m == "") print "no models" }' | head -c 600
}

# copes NAME CLASSES TABLE ODD ARGS...: studies of all models end well, one of TABLE with its folds and, where ODD is not -,
# one that learns all of it and is tested on the rows of ODD; fits are shared by 2 ranks or as many as $shared says
copes() {
  local name=$1 k=$2 table=$3 odd=$4 n bad=
  shift 4
  rm -rf run*
  for n in 1 "${shared:-2}"; do
    study base.yaml "run$n" "$n" --set data.path="$table" "$@" 2>/dev/null || bad+=" on $n ranks: $(cat "run$n.err");"
  done
  cmp -s run1/predictions.h5 "run$n/predictions.h5" || bad+=" differs on $n ranks: $(differing run1 "run$n" | tr '\n' ' ');"
  bad+=$(unsound run1 "$k" $(($(wc -l <"$table") - 1)))
  [ "$odd" = - ] || bad+=$(far "$k" "$table" "$odd" "$@")
  if [ -z "$bad" ]; then ok "$name"; else not_ok "$name" "$bad"; fi
}
far() { # CLASSES TABLE ODD ARGS...
  local k=$1 table=$2 odd=$3
  shift 3
  { cat "$table"; sed 1d "$odd"; } >both.csv
  awk -v first="$(wc -l <"$table")" 'NR > 1 { print (NR > first) ? 0 : -1 }' both.csv >far.txt
  study base.yaml runfar 1 "$@" --set data.path=both.csv --set eval.split=file --set eval.folds_file=far.txt 2>/dev/null ||
    cat runfar.err
  unsound runfar "$k" $(($(wc -l <"$odd") - 1))
}

# with COLUMN VALUES: a table with one more column in front of the label; VALUES: an awk expression of the row's number i
with() {
  awk -v column="$1" '{ at = match($0, /[^,]*$/); i = NR - 1; v = (i ? ('"$2"') : column)
    print substr($0, 1, at - 1) v "," substr($0, at) }'
}

# Rows far from those of training: huge, all missing, levels that nobody has seen.
cat >odd.csv <<'Y'
id,age,spend,calls,city,plan,churn
1001,1e30,-1e30,1e30,Oslo,basic,no
1002,,,,,,yes
1003,3.4e38,-3.4e38,1e-40,Paris,platinum,no
1004,0,0,0,Bergen,"gold, yearly",yes
1005,-1e20,1e20,1,,basic,no
Y

shared=3 copes "a table without anything odd" 2 good.csv odd.csv
with same 7 <good.csv >constant.csv
check "other numbers are found" [ -n "$(unsound run1 2 89)" ] # the check of the check
check "other sums are found" grep -q "sum" <(unsound run1 3 60)
copes "a constant column" 2 constant.csv -
with none '""' <good.csv >missing.csv
with none 'i' <odd.csv >new.csv
copes "a column without any value" 2 missing.csv new.csv --set data.numeric=none
with huge 'i % 3 ? (i % 3 == 1 ? "1e30" : "-1e30") : i' <good.csv >huge.csv
with huge 'i % 2 ? "-3.4e38" : ""' <odd.csv >new.csv
copes "1e30 and -1e30" 2 huge.csv new.csv
copes "1e30 and -1e30, not scaled" 2 huge.csv new.csv --set feature.scale=none
with huge 'i == 9 ? "1e30" : i == 20 ? "-1e30" : i' <good.csv >rarely.csv
copes "1e30 and -1e30 in a row each" 2 rarely.csv new.csv --set feature.scale=robust
awk 'NR == 1 { print; next } { print; print "9" $0 }' good.csv >twice.csv
copes "every row twice" 2 twice.csv -
awk -F, 'NR == 1 { print; next } { print $1 ",5,5,5,Oslo,basic," $NF }' good.csv >equal.csv
copes "all columns constant" 2 equal.csv odd.csv

# Classes: one that a training part lacks; more of them than rows of a test part, or of training rows for each.
awk -F, 'NR > 1 { print ($NF == "yes") ? 0 : n++ % 3 }' good.csv >folds.txt
shared=3 copes "a training part of one class" 2 good.csv - --set eval.split=file --set eval.folds_file=folds.txt
awk -F, -v OFS=, 'NR > 1 && NR % 3 == 0 && NR % 2 { $NF = "rare" } { print }' good.csv >rare.csv
awk 'NR > 1 { print NR % 3 }' good.csv >folds.txt
copes "a class that a training part lacks" 3 rare.csv - --set eval.split=file --set eval.folds_file=folds.txt
awk -F, -v OFS=, 'NR > 1 { $NF = (NR < 40) ? "c" NR : "c" NR % 2 } { print }' good.csv >many.csv
sed '2,$s/[a-z]*$/c1/' odd.csv >new.csv
copes "more classes than rows of a test part" 40 many.csv new.csv --set eval.split=plain

# Names with every sign that means something somewhere.
sed '1s|.*|id,"a = ""b"", c:d",spend/year (%s),日本 calls,city;[x],`plan`,churn?|; s|Oslo|O'"'"'slo: {N}|; s|Narvik|\&amp;<Ñ>|
  s|"gold, yearly"|" gold \| \\ ""x"", "|; s|,yes$|,"yes: ""it, is"""|; s|,no$|,"no/../{x}"|' good.csv >names.csv
check "special names are written" [ "$(grep -c 'it, is' names.csv)" -gt 20 ]
head -6 names.csv >new.csv
copes "names of columns, levels and classes" 2 names.csv - --set "data.label=churn?"
study base.yaml final 1 --set data.path=names.csv --set "data.label=churn?" --set eval.final=true
bad=
for m in $(models base.yaml | grep -v -e -); do
  alone predict final --model "$m" --set data.path=new.csv >new.out 2>new.err || bad+=" $m: $(cat new.err)"
  [ "$(grep -cE '"?(yes: ""it, is""|no/\.\./\{x\})"?,[0-9][0-9.e-]*,[0-9]' new.out)" = 5 ] || bad+=" $m: $(head -2 new.out);"
done
if [ -z "$bad" ]; then ok "saved models know them"; else not_ok "saved models know them" "$bad"; fi

# ---- refused ----
bad() { # NAME CODE TEXT ARGS...
  fails "$1" "$2" "$3" crossval base.yaml --out out --set data.path=good.csv "${@:4}"
}
sed 's/yes$/no/' good.csv >one.csv
bad "one class" 3 "one.csv:1:30: column 'churn': all rows have the same class" --set data.path=one.csv
bad "more neighbours than training rows" 2 "error: knn.k = 61 neighbours, but there are 60 training rows; give a knn.k of at most 60" --set knn.k=61
bad "of a variant" 2 "knn-all: knn.k = 61 neighbours" --set variants.knn-all.knn.k=61
for m in logistic naive_bayes svm tree forest boosting mlp train; do
  [ "$m" = logistic ] || fail_ranks=1
  bad "$m: the weight of no class" 2 "error: $m.class_weight: 'maybe' is no class of target 'churn'; the first is 'no'" --set "$m.class_weight=maybe:2"
done
unset fail_ranks
bad "a gamma of 0" 2 "svm.gamma=0: value '0' is no width of a kernel; give scale, auto" --set svm.gamma=0
bad "primal without the linear kernel" 2 "svm.method=primal: value 'primal' is for svm.kernel linear" --set svm.method=primal
bad "C of logistic regression that is no number any more" 2 "logistic.c=1e-300: value '1e-300' is too small; give 0" --set logistic.c=1e-300
bad "no column for a split" 2 "tree.max_features=0: value '0' is no number of columns" --set tree.max_features=0
bad "a weight that is no number" 2 "svm.class_weight=yes:x: value 'yes:x' has the weight 'x'" --set svm.class_weight=yes:x
bad "nothing at all of everything" 2 "^7 errors" --set knn.k=0 --set svm.c=0 --set forest.trees=0 --set boosting.iterations=0 \
  --set mlp.epochs=0 --set naive_bayes.var_smoothing=0 --set logistic.max_iter=0
for key in knn.k svm.c forest.trees boosting.iterations mlp.epochs naive_bayes.var_smoothing logistic.max_iter; do
  check "$key is named" grep -q "$key=0: value '0' is too small; allowed: " stderr
done
exit "$failed"
