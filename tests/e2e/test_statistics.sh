#!/bin/bash
# What summary.json says beside the corrected test, made again from predictions.h5 with numpy, scipy and scikit-learn: pooled
# accuracy and AUC, curves, calibration, Bayesian t, effect sizes, Wilcoxon, 5x2cv, McNemar, Cochran, DeLong, Friedman.
# The same bytes on any number of ranks, in the figures too.
# timeout: 180  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
python=${CRM_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, scipy, sklearn' 2>/dev/null || { skip "statistics made again" "no h5py, scipy or scikit-learn"; exit 0; }
table 400 customers.csv
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id, categorical: [city]}
eval: {folds: 5, models: [logistic, rule, naive_bayes], segment: city, rope: 0.02, final: false}
Y

cat >again.py <<'P'
"""again.py RUN: a TAP line for each group of figures."""
import itertools, json, math, sys

import h5py
import numpy as np
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

run = sys.argv[1]
t = json.load(open(run + "/summary.json", encoding="utf-8"))["targets"][0]
f = h5py.File(run + "/predictions.h5")
row, label, fold = f["row"][()], f["label"][()], f["fold"][()]
k = len(t["classes"])
names = [m["name"] for m in t["models"]]
proba = {n: f["proba/" + n][()] for n in names}
first = fold[0] >= 0
y = label[first]
failed = 0


def close(a, b, tol=1e-9):
    if a is None or b is None:
        return a is None and b is None
    return abs(a - b) <= tol * max(1, abs(b))


def check(name, fine):
    global failed
    failed += not fine
    print(("ok" if fine else "not ok") + " - " + run + ": " + name)


def classes(p):
    return (p[:, 1] > .5).astype(int) if k == 2 else p.argmax(1)


def wilson(x, n, z=stats.norm.ppf(.975)):
    mid, half = (x + z * z / 2) / (n + z * z), z / (n + z * z) * math.sqrt(x * (n - x) / n + z * z / 4)
    return [mid - half, mid + half]


def ece(p, hit):
    b = np.searchsorted(np.linspace(0, 1, 11)[1:-1], p)
    rows = np.bincount(b, minlength=10)
    hits = np.bincount(b, hit, 10)
    return np.abs(hits - np.bincount(b, p, 10)).sum() / len(p), rows, hits


def judged(p, y):
    return (p[:, 1], y == 1) if k == 2 else (p.max(1), p.argmax(1) == y)


def auc(y, p):
    if k == 2:
        return roc_auc_score(y, p[:, 1])
    return np.mean([roc_auc_score(y == c, p[:, c]) for c in range(k)])


def fast_auc(y, p):
    total = []
    for c in range(1 if k == 2 else 0, k):
        pos = y == c
        n = pos.sum()
        total.append((stats.rankdata(p[:, c])[pos].sum() - n * (n + 1) / 2) / (n * (len(y) - n)))
    return np.mean(total)


# ---- models
good = {"ece": True, "average_precision": True, "pooled": True, "curves": True, "calibration": True, "bootstrap": True}
for m in t["models"]:
    p = proba[m["name"]]
    j = 0
    for r in range(t["repeats"]):
        for i in range(t["folds"]):
            at = fold[r] == i
            good["ece"] &= close(m["metrics"]["ece"]["folds"][j], ece(*judged(p[r][at], label[at]))[0])
            ap = [average_precision_score(label[at] == c, p[r][at][:, c]) for c in range(1 if k == 2 else 0, k)]
            good["average_precision"] &= close(m["metrics"]["average_precision"]["folds"][j], np.mean(ap))
            j += 1
    q, d = p[0][first], m["pooled"]
    right = int((classes(q) == y).sum())
    good["pooled"] &= (d["rows"], d["right"]) == (len(y), right) and close(d["accuracy"], right / len(y))
    good["pooled"] &= all(map(close, d["accuracy_ci95"], wilson(right, len(y)))) and close(d["auc"], auc(y, q))
    e, rows, hits = ece(*judged(q, y))
    c = d["calibration"]
    good["calibration"] &= close(c["ece"], e) and c["rows"] == rows.tolist() and c["hits"] == hits.tolist()
    for i, one in enumerate(d["curves"]):
        cls = 1 if k == 2 else i
        fpr, tpr, at = roc_curve(y == cls, q[:, cls], drop_intermediate=False)
        full = {a: (x * one["negatives"], v * one["positives"]) for a, x, v in zip(at, fpr, tpr)}
        good["curves"] &= one["class"] == t["classes"][cls] and len(one["tp"]) <= 200
        good["curves"] &= len(one["tp"]) == len(at) or len(at) > 200
        good["curves"] &= one["threshold"][0] is None and one["tp"][0] == one["fp"][0] == 0
        for a, tp, fp in list(zip(one["threshold"], one["tp"], one["fp"]))[1:]:
            good["curves"] &= close(full[a][0], fp) and close(full[a][1], tp)
    # scipy's BCa from other resamples: ends that are off by less than a fifth of the width, which is the noise of both
    if d["auc_ci_method"] == "bootstrap":
        with np.errstate(all="ignore"):
            b = stats.bootstrap((np.arange(len(y)),), lambda i: fast_auc(y[i], q[i]), n_resamples=2000, vectorized=False,
                                method="BCa", random_state=1).confidence_interval
        off = max(abs(d["auc_ci95"][0] - b.low), abs(d["auc_ci95"][1] - b.high))
        good["bootstrap"] &= off < .2 * (b.high - b.low)
for name in good:
    check(name, bool(good[name]))

# ---- comparisons
n = len(t["models"][0]["metrics"]["auc"]["folds"])
rho = t["test_over_train"] / (1 + t["test_over_train"])
good = {"Bayesian t": True, "effect": True, "wilcoxon": True, "5x2cv": True}
compared = 0
for c in t["comparisons"]:
    d = np.array([np.subtract(*(next(m for m in t["models"] if m["name"] == c[x])["metrics"][c["metric"]]["folds"] for x in "ab"))])[0]
    sign = -1 if c["metric"] == "log_loss" else 1
    if n < 2:
        good["Bayesian t"] &= c["bayes"]["worse"] is None and c["wilcoxon_p"] is None and c["effect"]["size"] is None
        continue
    s = d.std(ddof=1) * math.sqrt(1 / n + rho / (1 - rho))
    less, more = stats.t.cdf((-.02 - d.mean()) / s, n - 1), stats.t.sf((.02 - d.mean()) / s, n - 1)
    b = c["bayes"]
    worse, better = (less, more) if sign > 0 else (more, less)
    good["Bayesian t"] &= b["rope"] == .02 and close(b["worse"], worse, 1e-8) and close(b["better"], better, 1e-8)
    good["Bayesian t"] &= close(b["in_rope"], 1 - less - more, 1e-8)
    e = c["effect"]
    near = np.round(d * sign, 12)
    good["effect"] &= close(e["size"], d.mean() / d.std(ddof=1))
    good["effect"] &= [e["wins"], e["ties"], e["losses"]] == [int((near > 0).sum()), int((near == 0).sum()), int((near < 0).sum())]
    # every pattern of signs, one by one; an odd zero is left out
    z = np.round(d, 12)
    if (z == 0).sum() % 2:
        z = np.delete(z, np.flatnonzero(z == 0)[0])
    rank = stats.rankdata(np.abs(z))
    nonzero = rank[z != 0]
    if len(z) > 1 and len(nonzero) <= 12:
        zeros = rank[z == 0].sum() / 2
        small = min(rank[z > 0].sum(), rank[z < 0].sum()) + 1e-9
        sums = [sum(r for r, up in zip(nonzero, signs) if up) for signs in itertools.product((0, 1), repeat=len(nonzero))]
        good["wilcoxon"] &= close(c["wilcoxon_p"], min(1, 2 * np.mean([v <= small for v in sums])))
        compared += 1
    if (t["folds"], t["repeats"]) == (2, 5):
        h = d.reshape(5, 2)
        within = ((h - h.mean(1, keepdims=True)) ** 2).sum()
        v = c["cv5x2"]
        tt, ff = h[0, 0] / math.sqrt(within / 5), (h ** 2).sum() / (2 * within)
        good["5x2cv"] &= close(v["t"], tt) and close(v["t_p"], 2 * stats.t.sf(abs(tt), 5))
        good["5x2cv"] &= close(v["f"], ff) and close(v["f_p"], stats.f.sf(ff, 10, 5))
    else:
        good["5x2cv"] &= c["cv5x2"] is None
for name in good:
    check(name, bool(good[name]))
if n > 1:
    check("Wilcoxon was compared", compared > 0)


# ---- one hold-out
def holm(p):
    order, out, top = np.argsort(p), [0] * len(p), 0
    for i, at in enumerate(order):
        top = max(top, min(1, (len(p) - i) * p[at]))
        out[at] = top
    return out


def placements(a, y):
    pos, neg = a[y == 1], a[y == 0]
    v = (pos[:, None] > neg).astype(float) + .5 * (pos[:, None] == neg)
    return v.mean(), v.mean(1), v.mean(0)


h = t["holdout"]
if (t["folds"], t["repeats"]) != (1, 1):
    check("no tests of one hold-out", h is None)
else:
    hit = np.array([classes(proba[m][0][first]) == y for m in names]).astype(int)
    fine = h["rows"] == len(y) and len(h["comparisons"]) == len(names) - 1
    cols, rows = hit.sum(1), hit.sum(0)
    m = len(names)
    q = (m - 1) * (m * (cols ** 2).sum() - cols.sum() ** 2) / (m * rows.sum() - (rows ** 2).sum())
    check("Cochran's Q", fine and close(h["cochran"]["q"], q) and close(h["cochran"]["p"], stats.chi2.sf(q, m - 1)))
    exact, auc_p, fine = [], [], True
    for i, c in enumerate(h["comparisons"], 1):
        b, d = int((hit[0] & ~hit[i] & 1).sum()), int((hit[i] & ~hit[0] & 1).sum())
        x = c["mcnemar"]
        fine &= (x["only_a"], x["only_b"]) == (b, d) and (c["a"], c["b"]) == (names[0], names[i])
        exact.append(stats.binomtest(b, b + d).pvalue if b + d else 1.)
        cc = max(0, abs(b - d) - 1) ** 2 / (b + d) if b + d else 0
        fine &= close(x["p_exact"], exact[-1]) and close(x["chi2_corrected"], cc) and close(x["p_corrected"], stats.chi2.sf(cc, 1))
        (u, up, un), (v, vp, vn) = (placements(proba[names[z]][0][first][:, 1], y) for z in (0, i))
        var = np.var(up - vp, ddof=1) / len(up) + np.var(un - vn, ddof=1) / len(un)
        z = (u - v) / math.sqrt(var)
        g = c["delong"]
        fine &= close(g["auc_a"], u) and close(g["auc_b"], v) and close(g["z"], z) and close(g["p"], 2 * stats.norm.sf(abs(z)))
        fine &= close(g["ci95"][0], u - v - stats.norm.ppf(.975) * math.sqrt(var))
        auc_p.append(g["p"])
    check("McNemar and DeLong", fine)
    fine = all(close(c["mcnemar"]["p_exact_holm"], p) for c, p in zip(h["comparisons"], holm(exact)))
    fine &= all(close(c["delong"]["p_holm"], p) for c, p in zip(h["comparisons"], holm(auc_p)))
    for c in h["comparisons"]:
        x, g = c["mcnemar"], c["delong"]
        word = lambda p, d: "no significant difference" if p >= t["alpha"] else "better" if d > 0 else "worse"
        fine &= x["verdict"] == word(x["p_exact_holm"], x["only_a"] - x["only_b"]) and g["verdict"] == word(g["p_holm"], g["diff"])
    check("Holm and the words", fine)

# ---- segments
g = t["segments"]
if g is None:
    check("segments", False)
else:
    city = np.array([line.split('"')[0].split(",")[4] for line in open("customers.csv").read().splitlines()[1:]])[row][first]
    fine = g["column"] == "city" and g["models"] == names and g["rows"] == [int((city == v).sum()) for v in g["levels"]]
    for one in g["tests"]:
        used = [i for i, s in enumerate(one["scores"][0]) if s is not None]
        fine &= one["used"] == len(used)
        score = np.array([[s[i] for i in used] for s in one["scores"]])
        if one["metric"] in ("accuracy", "auc"):
            for m, name in enumerate(names):
                for i in used:
                    at = city == g["levels"][i]
                    p = proba[name][0][first][at]
                    want = (classes(p) == y[at]).mean() if one["metric"] == "accuracy" else auc(y[at], p)
                    fine &= close(one["scores"][m][i], want)
        if len(used) < 2:
            fine &= one["friedman"]["p"] is None
            continue
        rank = np.array([stats.rankdata(-c if one["metric"] != "log_loss" else c) for c in score.T])
        fine &= all(map(close, one["mean_rank"], rank.mean(0)))
        N, K = rank.shape
        chi2 = one["friedman"]["chi2"]
        if K > 2:
            chi2, p = stats.friedmanchisquare(*score)
            fine &= close(one["friedman"]["chi2"], chi2) and close(one["friedman"]["p"], p)
        if one["iman_davenport"]["f"] is not None:
            F = (N - 1) * chi2 / (N * (K - 1) - chi2)
            fine &= close(one["iman_davenport"]["f"], F) and close(one["iman_davenport"]["p"], stats.f.sf(F, K - 1, (K - 1) * (N - 1)))
        fine &= close(one["nemenyi_cd"], {2: 2.7718, 3: 3.3145, 4: 3.6332}[K] * math.sqrt(K * (K + 1) / 12 / N), 1e-4)
    check("Friedman over segments", bool(fine))
sys.exit(failed > 0)
P

# again NAME ARGS...
again() {
  local name=$1
  shift
  if ! ranks 2 crossval study.yaml --out "$name" "$@" >"$name.txt" 2>err; then
    not_ok "crossval, $name" "$(cat err)"
  elif ! "$python" again.py "$name" >tap 2>err; then
    cat tap
    not_ok "$name made again" "$(cat err)"
  else
    cat tap
  fi
}
again folds
again repeated --set eval.repeats=3 --set eval.folds=4
again halves --set eval.folds=2 --set eval.repeats=5
again holdout --set eval.split=holdout --set eval.test_fraction=.4
check "the check finds another number" bash -c 'mkdir wrong && cp folds/predictions.h5 wrong &&
  sed "0,/\"wins\": [0-9]*/s//\"wins\": 99/" folds/summary.json >wrong/summary.json && ! "$0" again.py wrong >/dev/null' "$python"

# a test part of one class: no AUC, no curve, null and not NaN, and McNemar all the same
awk -F, 'NR > 1 { print ($NF == "no" && n++ < 40 ? 0 : -1) }' customers.csv >folds.txt
ranks 2 crossval study.yaml --set eval.split=file --set eval.folds_file=folds.txt --out one >one.txt 2>err || not_ok "one class" "$(cat err)"
"$python" - <<'P' || failed=1
import json, sys
t = json.load(open("one/summary.json"), parse_constant=lambda word: sys.exit(word))["targets"][0]
p, c = t["models"][0]["pooled"], t["holdout"]["comparisons"][0]
fine = p["rows"] == 40 and p["auc"] is None and p["auc_ci95"] == [None, None] and p["curves"] == []
fine &= c["delong"]["p"] is None and c["delong"]["verdict"] == "undefined" and 0 <= c["mcnemar"]["p_exact_holm"] <= 1
fine &= all(s["iman_davenport"]["p"] is None for s in t["segments"]["tests"] if s["used"] < 2)
print(("ok" if fine else "not ok") + " - a test part of one class")
sys.exit(not fine)
P
check "no NaN in its report" bash -c '! grep -riq "\bnan\b" one/report.md one/*.svg one.txt'

# three classes: curves of each against the rest
awk -F, 'NR == 1 { print; next } { OFS = ","; $NF = $NF == "yes" ? (NR % 3 ? "yes" : "maybe") : "no"; print }' customers.csv >three.csv
mv three.csv customers.csv
again classes --set eval.models='[logistic,naive_bayes]'

# bytes
for n in 1 3; do
  ranks $n crossval study.yaml --set eval.models='[logistic,naive_bayes]' --out "on$n" >"on$n.txt" 2>err || not_ok "$n ranks" "$(cat err)"
  for file in summary.json report.md report.svg roc.svg pr.svg calibration.svg; do
    check "$n ranks: $file" cmp -s classes/$file "on$n/$file"
  done
done
# Satisfaction without a control group: the change, and no effect.
ranks 1 synth --set data.path=asked.h5 --set synth.customers=20 --set synth.seed=1 >/dev/null 2>err || not_ok "synth" "$(cat err)"
ranks 2 crossval --set data.path=asked.h5 --set eval.models=rule --set eval.target=churn --set eval.folds=2 --set eval.split=plain \
  --set eval.final=false --out asked >/dev/null 2>err || not_ok "no control group" "$(cat err)"
"$python" - <<'P' || failed=1
import json, sys
s = json.load(open("asked/summary.json"))["targets"][0]["satisfaction"]
fine = s["treated"] == 2 and s["control"] == 0 and s["diff"] is not None and s["p"] is not None
fine &= s["control_diff"] is None and s["effect"] is None and s["effect_ci95"] == [None, None] and s["effect_p"] is None
print(("ok" if fine else "not ok") + " - no effect without a control group")
sys.exit(not fine)
P

exits 2 crossval study.yaml --set eval.segment=plane --out bad >/dev/null 2>err
check "an unknown segment: exit 2" [ $? = 2 ]
check "an unknown segment is named" grep -q "eval.segment: 'plane' is not a categorical column" err
exit "$failed"
