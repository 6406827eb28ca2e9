#!/bin/bash
# Every model and its methods on more training rows than a leaf of the sums over rows holds, so that ranks and threads
# share them: the same summary, predictions and model files on 1-4 ranks, with 1-2 threads, every instruction set and,
# where a second build is there, another compiler.  More layouts in tier long.
# tier: full  timeout: 600  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/models.sh
. "$(dirname "$0")/models.sh"
cd "$TMP" || exit 1

what="five leaves of rows"
config=large.yaml
first=l1
table3 21000 large.csv
cat >large.yaml <<Y
data: {path: large.csv, store: large.h5, label: level}
eval:
  split: holdout
  models: [rule, logistic, logistic-l1, logistic-elastic, logistic-chosen, naive_bayes, knn, svm-nystroem, svm-fourier, svm-primal, tree, tree-histogram, forest, forest-histogram, boosting, boosting-sampled, boosting-stopped, mlp, hybrid]
  test_fraction: 0.2
  final: false
model: {hidden: [8], fusion: 0}
train: {epochs: 1}
svm: {components: 24, probability: none}
forest: {trees: 5}
boosting: {iterations: 8, early_stopping: off}
mlp: {hidden: [12], epochs: 2}
variants:
  logistic-l1: {logistic.penalty: l1, logistic.c: 0.01}
  logistic-elastic: {logistic.penalty: elasticnet, logistic.class_weight: [balanced]}
  logistic-chosen: {logistic.c: 0}
  svm-nystroem: {svm.method: nystroem}
  svm-fourier: {svm.method: fourier, svm.probability: platt}
  svm-primal: {svm.kernel: linear}
  tree-histogram: {tree.method: histogram}
  forest-histogram: {forest.method: histogram, forest.criterion: entropy}
  boosting-sampled: {boosting.subsample: 0.7, boosting.colsample: 0.5}
  boosting-stopped: {boosting.early_stopping: on}
Y
if study large.yaml l1 1; then ok "$what: crossval of all models on 1 rank"; else not_ok "$what: crossval"; exit 1; fi
shared="--set forest.rows_bytes=0 --set train.cache_bytes=0 --set logistic.cache_bytes=0 --set svm.cache_mb=1 --set knn.method=kd_tree"
# shellcheck disable=SC2086
same "3 ranks share each fit and the rows of the forest, 2 threads" l3 3 --set train.threads=2 $shared
same "4 ranks share each fit" l4w 4
if [ "${CRM_TIER:-default}" = long ]; then
  same "2 ranks share each fit" l2 2
  # shellcheck disable=SC2086
  same "4 ranks share each fit and the rows of the forest" l4 4 $shared
  same "2 threads" l1t 1 --set train.threads=2
fi
same_elsewhere
exit "$failed"
