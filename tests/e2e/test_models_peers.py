#!/usr/bin/env python3
"""Forest, boosting and perceptron beside scikit-learn on the same folds of three real tables: accuracy and AUC of the folds
differ by no more than their noise (corrected resampled t-test), or ours are better.  What test_trees.py and
test_boosting.py compare already is left out.  Reference: scikit-learn of this machine, its own defaults, on the same
columns: each level of a category as one, the perceptron's scaled.  Tier full takes the third table only.
tier: full  timeout: 900  beside: others"""
import math
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import h5py
    import numpy as np
    import pandas as pd
    from scipy.stats import t as student
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.neural_network import MLPClassifier
except ImportError as e:
    print("1..0 # SKIP no scikit-learn, pandas or h5py: %s" % e)
    sys.exit(0)

SOURCE = os.environ.get("CRM_SOURCE_DIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("CRM_BUILD_DIR") or os.path.join(SOURCE, "build", "release")
SHARED = os.environ.get("CRM_SHARED") or os.path.join(SOURCE, "..", "shared")
ALPHA = 0.05
failed = 0

# table: file, label, its class 1, columns that are no inputs, folds, models
TABLES = {
    "telecom churn": ("telecom_churn/telecom_churn.csv", "Churn", "1", [], 10, ["mlp"]),
    "customers of a bank": ("churn_modelling/Churn_Modelling.csv", "Exited", "1",
                            ["RowNumber", "CustomerId", "Surname"], 5, ["forest", "mlp"]),
    "telecom customers": ("ibm_telco/WA_Fn-UseC_-Telco-Customer-Churn.csv", "Churn", "Yes", ["customerID"], 5,
                          ["forest", "boosting", "mlp"]),
}

if os.environ.get("CRM_TIER") != "long":
    TABLES = {"telecom customers": TABLES["telecom customers"]}


def check(name, good, why=""):
    global failed
    print("%s - %s" % ("ok" if good else "not ok", name), flush=True)
    if not good:
        failed = 1
        print("#   %s" % why, file=sys.stderr)


def study(path, label, positive, ignore, folds, models):
    """Probabilities of class 1 by model, folds and labels of all rows."""
    with open("study.yaml", "w") as f:
        f.write("data: {path: '%s', store: data.h5, label: %s, positive: '%s', ignore: [%s]}\n"
                % (path, label, positive, ", ".join(ignore)))
        f.write("eval: {models: [%s], folds: %d, seed: 0, final: false}\n" % (", ".join(models), folds))
    subprocess.run("rm -rf run data.h5", shell=True, check=True)
    p = subprocess.run(["bash", "-c", '. "$0/jobs/env.sh"; crm_mpirun 2 "$@"', SOURCE, os.path.join(BUILD, "crmpi"),
                        "crossval", "study.yaml", "--out", "run"], capture_output=True, text=True, timeout=300)
    if p.returncode:
        raise RuntimeError(p.stderr[-2000:])
    with h5py.File("run/predictions.h5") as f:
        return {m: f["proba/" + m][0][:, 1] for m in models}, f["fold"][0], f["label"][:]


def columns(path, label, ignore):
    """Numbers as float32, a column for each level of a category; NaN where a field is empty."""
    table = pd.read_csv(path, na_values=["", " "], keep_default_na=False).drop(columns=ignore)
    y = table.pop(label).astype(str)
    words = [c for c in table if table[c].dtype == object]
    return pd.get_dummies(table, columns=words, dtype=float).to_numpy().astype(np.float32).astype(float), y.to_numpy()


def fill(x, train):
    """Medians of the training rows for what is missing, and columns that tell where."""
    some = np.isnan(x[train]).any(axis=0)
    return np.hstack([np.where(np.isnan(x), np.nanmedian(x[train], axis=0), x), np.isnan(x[:, some])])


def scale(x, train):
    spread = x[train].std(axis=0)
    return (x - x[train].mean(axis=0)) / np.where(spread > 0, spread, 1)


def peer(model, x, y, train, test, seed):
    if model == "forest":
        estimator, x = RandomForestClassifier(100, random_state=seed), fill(x, train)
    elif model == "boosting":
        estimator = HistGradientBoostingClassifier(random_state=seed)
    else:
        estimator, x = MLPClassifier(random_state=seed), scale(fill(x, train), train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the perceptron ends at its 200 epochs
        return estimator.fit(x[train], y[train]).predict_proba(x[test])[:, 1]


def corrected_p(d):
    """Nadeau and Bengio 2003, on folds."""
    j, s = len(d), np.var(d, ddof=1)
    if s == 0:
        return 1.0
    return 2 * student.sf(abs(np.mean(d)) / math.sqrt((1 / j + 1 / (j - 1)) * s), j - 1)


def compare(name, model, ours, fold, x, y):
    scores = []
    for k in range(fold.max() + 1):
        test = fold == k
        q, p = peer(model, x, y, ~test, test, k), ours[test]
        scores.append([((p > 0.5) == y[test]).mean(), roc_auc_score(y[test], p),
                       ((q > 0.5) == y[test]).mean(), roc_auc_score(y[test], q)])
    s = np.array(scores)
    for i, metric in enumerate(("accuracy", "AUC")):
        d = s[:, i] - s[:, i + 2]
        told = "%.4f beside %.4f, corrected p %.3f" % (s[:, i].mean(), s[:, i + 2].mean(), corrected_p(d))
        check("%s, %s: %s: %s" % (name, model, metric, told), d.mean() > 0 or corrected_p(d) > ALPHA)


def main():
    # the check of the check: a model that is a little worse in every fold
    check("a steady difference is found", corrected_p(np.array([-0.01, -0.012, -0.011, -0.009, -0.01])) < ALPHA)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, (path, label, positive, ignore, folds, models) in TABLES.items():
            path = os.path.join(SHARED, "data", path)
            if not os.path.exists(path):
                print("ok - %s # SKIP no %s" % (name, path))
                continue
            proba, fold, y = study(path, label, positive, ignore, folds, models)
            x, words = columns(path, label, ignore)
            check(name + ": the same labels", np.array_equal(y, words == positive), "labels differ")
            for model in models:
                compare(name, model, proba[model], fold, x, y)
        os.chdir("/")
    sys.exit(failed)


main()
