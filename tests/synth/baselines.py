"""baselines.py - what linear and non-linear models get out of synthetic data sets (by hand, not part of the tests).

Usage: baselines.py FILE.h5...   (needs numpy, h5py, scikit-learn)

Builds the flat view of each data set (profile, monthly values with sum and trend, event counts, sums, means and last
numbers, documents and tokens by kind) and prints the AUC for churn in 5 stratified folds of the oracle, of logistic
regression, of gradient boosting and of a perceptron on it, with the corrected resampled t against logistic regression
(Nadeau and Bengio 2003; for five folds the factor is 1/5 + 1/4).  Then a ladder: logistic regression on the columns of
the linear terms, and on hand-made estimates of one product after the other, as a net with branches for months, events
and texts could form them (segment by cross-fitted boosting, mood of documents from their labels)."""
import sys
import warnings

import h5py
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def by_row(first, codes, width):
    """Counts of codes in each row of a ragged array."""
    row = np.repeat(np.arange(len(first) - 1), np.diff(first))
    out = np.zeros((len(first) - 1, width))
    np.add.at(out, (row, codes), 1)
    return out, row


def last_of(first, values, empty):
    some = np.diff(first) > 0
    out = np.full((len(some),) + values.shape[1:], float(empty))
    out[some] = values[first[1:][some] - 1]
    return out.reshape(len(some), -1)


def flat_view(f):
    num = f["profile/num"][:].astype(float)
    num = np.where(np.isnan(num), np.nanmean(num, 0), num)
    cat = f["profile/cat"][:]
    columns = [num] + [np.eye(c.max() + 1)[c] for c in cat.T]
    month = f["monthly/value"][:].astype(float)
    t = np.arange(month.shape[2]) - (month.shape[2] - 1) / 2
    columns += [month.reshape(len(num), -1), month.sum(2), month @ t]
    first, value = f["events/first"][:], f["events/value"][:].astype(float)
    count, row = by_row(first, f["events/category"][:], len(f["events/categories"]))
    total = np.zeros((len(num), value.shape[1]))
    np.add.at(total, row, value)
    events = count.sum(1, keepdims=True)
    columns += [count, events, total, total / np.maximum(events, 1), last_of(first, value, 0)]
    columns += [last_of(first, f["events/time"][:], 365)]
    first, kind = f["documents/first"][:], f["documents/kind"][:]
    count, row = by_row(first, kind, 3)
    tokens = np.zeros_like(count)
    np.add.at(tokens, (row, kind), np.diff(f["documents/token_first"][:]))
    return np.concatenate(columns + [count, tokens, last_of(first, f["documents/time"][:], 365)], 1)


MODELS = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)),
    "boosting": lambda: HistGradientBoostingClassifier(learning_rate=0.05, max_iter=150, max_leaf_nodes=12),
    "perceptron": lambda: make_pipeline(StandardScaler(), MLPClassifier((64,), alpha=1, early_stopping=True, random_state=0)),
}


def documents(f, column, value):
    """Sum of value over the documents of each row."""
    row = np.repeat(np.arange(len(f["documents/first"]) - 1), np.diff(f["documents/first"][:]))
    return np.bincount(row, value(f[f"target/{column}/label"][:]), len(f["documents/first"]) - 1)


def ladder(f, x):
    num, cat, month = f["profile/num"][:], f["profile/cat"][:], f["monthly/value"][:].astype(float)
    sessions = month[:, 7, 9:].mean(1) - month[:, 7, :9].mean(1)
    linear = [num[:, :3], cat[:, 2], cat[:, 3] == 2, sessions, month[:, 1, 9:].sum(1), month[:, 4].sum(1), month[:, 6].sum(1)]
    s = np.log(month[:, 7] + 0.5) * 0.5 + np.log(month[:, 8] + 0.5) * 0.2 + np.log(month[:, 9] + 1) * 0.3
    drop = s[:, :9].mean(1) - s[:, 9:].mean(1)
    fall = np.max([(s[:, i] + s[:, i + 1] - s[:, i + 2] - s[:, i + 3]) / 2 for i in range(9)], 0)
    share = cross_val_predict(HistGradientBoostingClassifier(), x, f["target/segment/label"][:], cv=3, method="predict_proba")
    price = share @ [1, -1, -1, 1]
    first, what = f["events/first"][:], f["events/category"][:]
    _, row = by_row(first, what, len(f["events/categories"]))
    back = (what[:-1] == 25) & (row[1:] == row[:-1])
    order = np.bincount(row[:-1][back], np.sign(what[1:][back] - 23.5), len(num))
    mood = documents(f, "sentiment", lambda v: np.where(v >= 0, 1 - v, 0))
    pending = documents(f, "status", lambda v: v == 1)
    return {"linear terms": linear, "drop x price sense": [drop * price],
            "fall x loyalty": [(fall - fall.mean()) * (3.1 - num[:, 1])], "order of events": [order],
            "mood of texts x price sense": [mood, mood * price], "pending x drop": [pending, pending * drop]}


def climb(rungs, y):
    have = []
    for name, columns in rungs.items():
        have += columns
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        print(f"  + {name:28s} {cross_val_score(model, np.column_stack(have), y, cv=5, scoring='roc_auc').mean():.3f}")


def study(path):
    with h5py.File(path, "r") as f:
        x, y, p = flat_view(f), f["target/churn/label"][:], f["target/churn/oracle"][:, 1]
        rungs = ladder(f, x)
    auc = {name: [] for name in ["oracle", *MODELS]}
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
        auc["oracle"].append(roc_auc_score(y[test], p[test]))
        for name, make in MODELS.items():
            score = make().fit(x[train], y[train]).predict_proba(x[test])[:, 1]
            auc[name].append(roc_auc_score(y[test], score))
    print(f"{path}: {x.shape[0]} rows, {x.shape[1]} columns, churn rate {y.mean():.3f}")
    for name, a in auc.items():
        d = np.subtract(a, auc["logistic"])
        t = d.mean() / (d.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)) if d.any() else 0
        print(f"  {name:10s} {np.mean(a):.3f}  difference to logistic {d.mean():+.3f}, corrected t {t:+.1f}")
    climb(rungs, y)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    for name in sys.argv[1:]:
        study(name)
