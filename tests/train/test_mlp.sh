#!/bin/bash
# The multilayer perceptron in the program: telecom churn beside scikit-learn's on the same folds, the same digests on
# any number of ranks and threads, on the device of the shim; pipeline, variants, prediction, odd tables.
# tier: full
# timeout: 300
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1
python=${CRM_PYTHON:-/usr/bin/python3}

# ---- a small table: categories, a missing value now and then, rows of one class left out ----
table 900 data.csv
cat >small.yaml <<'Y'
data: {path: data.csv, label: churn, id: id, positive: "yes"}
eval: {models: [mlp, mlp-wide], folds: 3, seed: 2}
mlp: {epochs: 8, hidden: [20], batch_rows: 50, patience: 3}
variants:
  mlp-wide: {mlp.hidden: [40, 20], mlp.dropout: 0.2, mlp.class_weight: balanced, mlp.lanes: 8}
Y
for n in 1 2 3 4; do
  ranks "$n" crossval small.yaml --out "s$n" >"out$n" 2>&1 || not_ok "crossval on $n ranks" "$(cat "out$n")"
  [ "$n" = 1 ] || check "summary on $n ranks" cmp s1/summary.json "s$n/summary.json"
done
ranks 4 crossval small.yaml --set eval.group_ranks=4 --out group >out 2>&1
check "summary with 4 ranks to a fit" cmp s1/summary.json group/summary.json
ranks 2 crossval small.yaml --set eval.group_ranks=2 --set train.threads=2 --out threads >out 2>&1
check "summary with 2 ranks of 2 threads to a fit" cmp s1/summary.json threads/summary.json
alone predict s1 --set data.path=data.csv >p1.csv 2>err
check "predict" test "$(wc -l <p1.csv)" = 901
sed -n '1p;300,310p' data.csv >part.csv
alone predict s4 --set data.path=part.csv 2>err | tail -n +2 >few
sed -n '300,310p' p1.csv >among
check "rows alone have the bits that they have among others" cmp few among
alone predict s1 --embedding --set data.path=part.csv >vectors.csv 2>err
check "vectors of 20 numbers" test "$(head -1 vectors.csv | tr ',' '\n' | wc -l)" = 21

# ---- errors, odd tables ----
wrong() { # NAME TEXT ARGS...
  local name=$1 text=$2
  shift 2
  alone crossval small.yaml --out wrong "$@" >out 2>&1
  local rc=$?
  if [ "$rc" = 2 ] && grep -qF -- "$text" out; then ok "$name"; else not_ok "$name" "exit $rc: $(cat out)"; fi
}
wrong "a layer of no units" "mlp.hidden=0: value '0' allowed: integers 1..65536" --set mlp.hidden=0
wrong "a layer of a variant" "variants.mlp-wide.mlp.hidden=many: value 'many'" --set variants.mlp-wide.mlp.hidden=many
wrong "lanes that are no power of two" "mlp.lanes=6: value '6' is not a power of two" --set mlp.lanes=6
awk -F, 'BEGIN { OFS = "," } NR > 1 { $2 = ""; $3 = 7; $4 = (NR % 2 ? "1e30" : "-1e30") } 1' data.csv >odd.csv
alone crossval small.yaml --set data.path=odd.csv --set data.numeric=age --out odd >out 2>&1 || not_ok "an empty, a constant and a huge column" "$(cat out)"
alone predict odd --set data.path=odd.csv 2>err | grep -qi nan
check "an empty, a constant and a huge column: no NaN" test "${PIPESTATUS[*]}" = "0 1"

# ---- a device ----
plugin=$CRM_BUILD_DIR/cusim/crmpi_cuda.so
if [ -r "$plugin" ]; then
  export CRM_CUDA_PLUGIN=$plugin
  few=(--set eval.models=mlp --set mlp.epochs=2 --set eval.folds=2) # the shim is slow
  alone crossval small.yaml "${few[@]}" --set device=cuda --out cuda1 >out 2>&1 || not_ok "on a device" "$(cat out)"
  ranks 2 crossval small.yaml "${few[@]}" --set device=cuda --set eval.group_ranks=2 --out cuda2 >out 2>&1
  check "on the devices of 2 ranks" cmp cuda1/summary.json cuda2/summary.json
  check "which computed" grep -q '"device": "cuda' cuda1/run.json
  unset CRM_CUDA_PLUGIN
else
  skip "on a device" "no $plugin"
fi

# ---- telecom churn ----
csv=$CRM_SHARED/data/telecom_churn/telecom_churn.csv
if [ ! -r "$csv" ]; then
  skip "telecom churn" "no telecom_churn.csv under $CRM_SHARED"
  exit "$failed"
fi
cp "$csv" telecom.csv
cat >telecom.yaml <<'Y'
data: {path: telecom.csv, label: Churn, positive: "1"}
eval: {models: [mlp, mlp-all], folds: 10, seed: 0, final: false}
variants:
  mlp-all: {mlp.validation: 0, mlp.epochs: 200}
Y
ranks 2 crossval telecom.yaml --out telecom >out 2>&1 || not_ok "telecom churn" "$(cat out)"
cat >peer.py <<'P'
import csv, sys, warnings
import h5py, numpy as np
f = h5py.File("telecom/predictions.h5")
fold, label, row = f["fold"][0], f["label"][:], f["row"][:]
right = lambda p: np.array([(p[fold == k].argmax(1) == label[fold == k]).mean() for k in range(10)])
ours = {m: right(f["proba/" + m][0]) for m in ("mlp", "mlp-all")}
def check(name, good, why=""):
    print(("ok - " if good else "not ok - ") + name, flush=True)
    if not good: print("#", why, file=sys.stderr)
check("accuracy with an early stop >= .920", ours["mlp"].mean() >= .920, ours["mlp"].mean())
check("accuracy of 200 epochs on all rows >= .922", ours["mlp-all"].mean() >= .922, ours["mlp-all"].mean())
try:
    from scipy.stats import t
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError:
    print("ok - beside scikit-learn # SKIP no scikit-learn")
    sys.exit()
warnings.filterwarnings("ignore")
rows = np.array(list(csv.reader(open("telecom.csv")))[1:], float)
x, y = rows[:, 1:].astype(np.float32), rows[:, 0].astype(int)
peer = np.zeros((len(row), 2))
for k in range(10):
    test, train = row[fold == k], row[fold != k]
    m = make_pipeline(StandardScaler(), MLPClassifier((100,), random_state=0, max_iter=200)).fit(x[train], y[train])
    peer[fold == k] = m.predict_proba(x[test])
for m in ours:
    d = ours[m] - right(peer)
    p = 2 * t.sf(abs(d.mean()) / (d.std(ddof=1) * (1 / 10 + 1 / 9) ** .5), 9)
    check(f"{m}: within the noise of the folds of scikit-learn's", p > .05, f"{ours[m].mean()} {right(peer).mean()} p {p}")
P
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$python" peer.py >lines 2>err || not_ok "telecom churn beside scikit-learn" "$(cat err)"
cat lines err
if grep -q '^not ok' lines; then failed=1; fi
exit "$failed"
