#!/bin/bash
# Permutation importance, partial dependence and thresholds of a study: the same on any number of ranks, near nothing for
# a column of noise, large for the one that decides; nets that read months, events and documents have them as features.
# timeout: 240  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
python=/usr/bin/python3
"$python" -c 'import h5py' 2>/dev/null || { skip "importance and dependence" "no h5py"; exit 0; }

# churn depends on a (rising) and on the level of plan; b is noise.
"$python" - <<'P'
import random
random.seed(4)
with open("customers.csv", "w") as f:
    f.write("id,a,b,plan,churn\n")
    for i in range(800):
        a, b, plan = random.gauss(0, 1), random.gauss(0, 1), random.choice(["basic", "gold"])
        z = 2 * a + (1.5 if plan == "gold" else -1.5) + random.gauss(0, 1)
        f.write(f"{i},{a:.6f},{b:.6f},{plan},{'yes' if z > 1 else 'no'}\n")
P
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, positive: "yes", id: id}
eval: {models: [logistic, rule], folds: 4, importance: 4, dependence: 6, threshold: youden, final: false}
Y
for n in 1 2 3 4; do
  ranks $n crossval study.yaml --set eval.group_ranks=$n --out r$n >/dev/null 2>err || not_ok "$n ranks" "$(cat err)"
done
cat >look.py <<'P'
import sys
import h5py
import numpy as np

bad = 0


def check(name, fine):
    global bad
    print(("ok - " if fine else "not ok - ") + name)
    bad += not fine


def unit(run, name):
    f = h5py.File(f"{run}/units/{name}.h5")
    return {k: f[k][()] for k in ("importance", "dependence.x", "dependence.y", "threshold")}


for run in ("r2", "r3", "r4"):
    same = all(np.array_equal(unit("r1", u)[k], unit(run, u)[k], equal_nan=True)
               for u in ("logistic-r0-f0", "rule-r0-f3") for k in unit("r1", u))
    check(f"the same bits in {run}", same)
for model in ("logistic", "rule"):
    fall = np.concatenate([unit("r1", f"{model}-r0-f{f}")["importance"] for f in range(4)], axis=1)
    a, b, plan = fall.mean(axis=1)
    check(f"{model}: a {a:.3f} and plan {plan:.3f} matter, b {b:.3f} does not", a > 0.15 and plan > 0.02 and abs(b) < 0.02)
one = unit("r1", "logistic-r0-f0")
x, y = one["dependence.x"], one["dependence.y"]
check("a: six rising values", np.all(np.diff(x[0]) > 0) and len(x[0]) == 6)
check("a: the probability rises with it", np.all(np.diff(y[0]) > 0) and y[0][-1] - y[0][0] > 0.5)
check("plan: two levels, the rest is nothing", np.array_equal(x[2][:2], [0, 1]) and np.all(np.isnan(x[2][2:])))
check("all thresholds are probabilities", all(0 < unit("r1", f"logistic-r0-f{f}")["threshold"] < 1 for f in range(4)))
check("and not all the same", len({float(unit("r1", f"logistic-r0-f{f}")["threshold"]) for f in range(4)}) > 1)
sys.exit(bad > 0)
P
"$python" look.py || failed=1

# The report shows them, and makes the same of what it reads back.
check "importance in the report" grep -q "^### Importance of features" r1/report.md
check "dependence in the report" grep -q "^| gold |" r1/report.md
check "thresholds in the report" grep -q "^### Thresholds chosen on training rows" r1/report.md
cp r1/report.md before.md
alone report r1 >/dev/null 2>err || not_ok "report" "$(cat err)"
check "the same report from summary.json" cmp -s r1/report.md before.md

# Published figures beside ours; wrong ones are refused before anything is fitted.
ranks 2 crossval study.yaml --set eval.models=rule --set eval.published=rule:accuracy:0.8,hybrid:auc:0.9 \
  --set eval.published_source="A paper" --out p >p.txt 2>err || not_ok "published" "$(cat err)"
check "published figures on the terminal" grep -q "^rule  *accuracy  *0.8000 " p.txt
check "a model that is not here" grep -q "^hybrid  *auc  *0.9000  *-" p.txt
check "and in the report" grep -q "^| rule | accuracy | 0.8000 |" p/report.md
exits 2 crossval study.yaml --set eval.published=rule:acuracy:1 --out q >/dev/null 2>err
check "a metric that there is not: exit 2" [ $? = 2 ]
check "names the nearest" grep -q "nearest: 'accuracy'" err

# A threshold needs two classes, and inner folds that can be made; data without any column.
awk -F, 'NR == 1 || NR < 200 {print $0 "," (NR == 1 ? "three" : NR % 3)}' customers.csv >three.csv
exits 2 crossval study.yaml --set data.path=three.csv --set data.label=three --set data.positive= --out q >/dev/null 2>err
check "a threshold of three classes: exit 2" [ $? = 2 ]
check "says so" grep -q "eval.threshold: 'youden', but target 'three' has 3 classes" err
ranks 2 crossval study.yaml --set eval.split=grouped --set eval.group=plan --set eval.folds=2 --out g >/dev/null 2>err ||
  not_ok "groups" "$(cat err)"
check "folds without a threshold are told" grep -q "rule: no threshold could be chosen in 2 of 2 folds" g/report.md
cut -d, -f1,5 customers.csv >bare.csv
ranks 2 crossval study.yaml --set data.path=bare.csv --set eval.models=rule --out n >n.txt 2>err || not_ok "no column" "$(cat err)"
check "no column: a table" grep -q "^rule  *0" n.txt

# All blocks: monthly values, events and documents are three more features, of the net and of the flat view.
cat >blocks.yaml <<Y
data: {path: blocks.h5}
synth: {customers: 300}
eval: {models: [hybrid, logistic], target: churn, folds: 2, importance: 2, dependence: 3, explain_rows: 80, final: false}
model: {hidden: [8], fusion: 8, months: [4], rnn: gru, rnn_units: 4, text: cnn, text_dim: 8, text_filters: 4}
train: {epochs: 8, lanes: 4, lane_rows: 8}
optim: {lr: 0.02}
Y
ranks 2 synth blocks.yaml >/dev/null 2>err || not_ok "synth" "$(cat err)"
for n in 1 2; do
  ranks $n crossval blocks.yaml --set eval.group_ranks=$n --out b$n >/dev/null 2>err || not_ok "blocks, $n ranks" "$(cat err)"
done
"$python" - <<'P' || failed=1
import sys
import h5py
import numpy as np

a, b = (h5py.File(f"b{n}/units/hybrid-r0-f0.h5") for n in (1, 2))
d = h5py.File("blocks.h5")
columns = sum(d[k].shape[1] for k in ("profile/num", "profile/cat") if k in d)
fine = a["importance"].shape == (columns + 3, 2) and np.array_equal(a["importance"][()], b["importance"][()])
print(("ok" if fine else "not ok") + " - a net's features are its columns and three blocks, the same bits on 2 ranks")
moved = all(np.any(a["importance"][()][columns + i] != 0) for i in range(3))
print(("ok" if moved else "not ok") + " - the net listens to each block")
sys.exit(not (fine and moved))
P
exit "$failed"
