#!/bin/bash
# Every model and its methods in one study: the same summary, predictions and model files on 1-4 ranks that share each fit,
# with 1-2 threads, every instruction set and, where a second build is there, another compiler; the saved models predict
# the same.  A small table of three classes, then customers with months, events and documents.
# tier: full  timeout: 600  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/models.sh
. "$(dirname "$0")/models.sh"
cd "$TMP" || exit 1

# ---- all models and methods on a small table ----
what="small table"
config=small.yaml
first=s1
table3 300 small.csv
cat >small.yaml <<Y
data: {path: small.csv, store: small.h5, label: level}
eval:
  folds: 2
  models: [rule, rule-own, logistic, logistic-l1, logistic-elastic, logistic-chosen, naive_bayes, naive_bayes-uniform, knn, knn-distance, knn-manhattan, svm, svm-poly, svm-isotonic, svm-nystroem, svm-fourier, svm-primal, tree, tree-entropy, tree-leaves, tree-histogram, forest, forest-histogram, forest-pruned, boosting, boosting-sampled, boosting-stopped, mlp, mlp-lanes, hybrid]
model: {hidden: [8], fusion: 0}
train: {epochs: 3, lane_rows: 8}
svm: {components: 24}
forest: {trees: 7}
boosting: {iterations: 8}
mlp: {hidden: [12], epochs: 4}
variants:
  rule-own: {rule.rules: ["when spend > 300 and plan = gold then high", "when calls is missing then mid: 0.7", else low]}
  logistic-l1: {logistic.penalty: l1, logistic.c: 0.1}
  logistic-elastic: {logistic.penalty: elasticnet, logistic.class_weight: [balanced]}
  logistic-chosen: {logistic.c: 0}
  naive_bayes-uniform: {naive_bayes.priors: uniform}
  knn-distance: {knn.weights: distance, knn.k: 7}
  knn-manhattan: {knn.metric: manhattan}
  svm-poly: {svm.kernel: polynomial, svm.probability: none}
  svm-isotonic: {svm.probability: isotonic, svm.class_weight: [balanced]}
  svm-nystroem: {svm.method: nystroem}
  svm-fourier: {svm.method: fourier}
  svm-primal: {svm.kernel: linear}
  tree-entropy: {tree.criterion: entropy, tree.ccp_alpha: 0.005}
  tree-leaves: {tree.max_leaf_nodes: 9, tree.max_features: sqrt}
  tree-histogram: {tree.method: histogram, tree.max_bins: 40}
  forest-histogram: {forest.method: histogram}
  forest-pruned: {forest.bootstrap: false, forest.max_depth: 4, forest.class_weight: [balanced]}
  boosting-sampled: {boosting.subsample: 0.7, boosting.colsample: 0.5, boosting.l1: 0.1, boosting.l2: 1}
  boosting-stopped: {boosting.early_stopping: on, boosting.iterations: 20}
  mlp-lanes: {mlp.lanes: 2, mlp.dropout: 0.2}
Y
if study small.yaml s1 1; then ok "$what: crossval of all models on 1 rank"; else not_ok "$what: crossval"; exit 1; fi
for m in $(models small.yaml); do
  [ -s "s1/models/$m.h5" ] || not_ok "$what: $m has a model file"
done
same "3 ranks share each fit, 2 threads" s3 3 --set train.threads=2
same "4 ranks share each fit" s4 4
same "3 ranks, a fit each" s3a 3 --set eval.group_ranks=1
layout="--set knn.method=kd_tree --set forest.rows_bytes=0 --set svm.cache_mb=1"
for key in train logistic mlp; do layout+=" --set $key.cache_bytes=0"; done
# shellcheck disable=SC2086
same "k-d tree, shared rows, nothing kept in memory" s2k 2 $layout
same "every row looked at" s1b 1 --set knn.method=brute
same_elsewhere

# The same numbers from the saved models; those of a run on 4 ranks by 3 ranks.
cut -d, -f1-6 small.csv | sed -n '1p;20,200p' >new.csv
bad=
for m in $(models small.yaml); do
  alone predict s1 --model "$m" --set data.path=new.csv >one.csv 2>one.err || bad+=" $m: $(cat one.err)"
  [ "$(wc -l <one.csv)" = 182 ] || bad+=" $m: $(wc -l <one.csv) lines;"
  case $m in *-*) continue ;; esac
  ranks 3 predict s4 --model "$m" --set data.path=new.csv >three.csv 2>one.err || bad+=" $m: $(cat one.err)"
  cmp -s one.csv three.csv || bad+=" $m differs on 3 ranks;"
done
if [ -z "$bad" ]; then ok "$what: saved models predict the same on 1 and 3 ranks"; else not_ok "$what: predict" "$bad"; fi

# the check of these checks
study small.yaml other 1 --set eval.seed=1
check "$what: another seed has other bits" [ "$(differing s1 other | wc -l)" -gt 20 ]

# ---- all models on customers with months, events and documents; thresholds and explanations of each ----
what="all blocks"
config=blocks.yaml
first=b1
alone synth --set data.path=blocks.h5 --set synth.customers=300 --set synth.seed=3 --set synth.reviews=1 >/dev/null 2>err ||
  not_ok "$what: synth" "$(cat err)"
cat >blocks.yaml <<Y
data: {path: blocks.h5}
eval:
  folds: 2
  models: [rule, rule-rfm, logistic, naive_bayes, knn, svm, tree, forest, boosting, mlp, hybrid]
  threshold: f1
  importance: 1
  dependence: 3
model: {hidden: [8], fusion: 8, months: [4], rnn_units: 4, text_dim: 4, text_filters: 4, heads: [sentiment]}
train: {epochs: 2, lane_rows: 8}
forest: {trees: 5}
boosting: {iterations: 4}
mlp: {hidden: [12], epochs: 3}
variants:
  rule-rfm: {rule.kind: rfm}
Y
if study blocks.yaml b1 1; then ok "$what: crossval of all models on 1 rank"; else not_ok "$what: crossval"; exit 1; fi
same "3 ranks share each fit, 2 threads" b3 3 --set train.threads=2
same "4 ranks in groups of 2" b4 4 --set eval.group_ranks=2
exit "$failed"
