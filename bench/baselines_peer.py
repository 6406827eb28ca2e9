"""baselines_peer.py - one model of scikit-learn on the data of bench_baselines_data, timed.

baselines_peer.py MODEL FILE.h5 FIT PREDICT [--jobs N] [KEY=VALUE ...]

Reads the same float32 columns; each model takes them in the type it works in (scikit-learn converts where it must, and
that is part of its time and memory).  KEY=VALUE sets a parameter of the model.  Prints one line of JSON as
bench_baselines does.
"""
import json
import os
import resource
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("JOBS", "1"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("JOBS", "1"))
import h5py
import numpy as np


def make(name, jobs, given):
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC, LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    table = {
        "logistic": (LogisticRegression, {"max_iter": 1000}),
        "svm": (LinearSVC, {"dual": False}),
        "svm-rbf": (SVC, {"kernel": "rbf"}),
        "naive_bayes": (GaussianNB, {}),
        "knn": (KNeighborsClassifier, {"n_neighbors": 5, "n_jobs": jobs}),
        "tree": (DecisionTreeClassifier, {"random_state": 1}),
        "forest": (RandomForestClassifier, {"n_jobs": jobs, "random_state": 1}),
        "boosting": (HistGradientBoostingClassifier, {"early_stopping": False, "random_state": 1}),
        "mlp": (MLPClassifier, {"early_stopping": False, "random_state": 1, "n_iter_no_change": 10**6, "tol": 0.0}),
    }
    cls, fixed = table[name]
    return cls(**{**fixed, **given})


def number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def cpu():
    u, c = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime + c.ru_utime + c.ru_stime


def main():
    args = sys.argv[1:]
    jobs = 1
    if "--jobs" in args:
        i = args.index("--jobs")
        jobs = int(args[i + 1])
        del args[i : i + 2]
    name, path, n_fit, n_test = args[0], args[1], int(args[2]), int(args[3])
    given = {k: number(v) for k, v in (a.split("=", 1) for a in args[4:])}
    with h5py.File(path, "r") as f:
        x, y = f["profile/num"], f["target/y/label"]
        n = x.shape[0]
        xf, yf, xt, yt = x[:n_fit], y[:n_fit], x[n - n_test :], y[n - n_test :]
    model = make(name, jobs, given)
    import warnings

    warnings.simplefilter("ignore")
    w, c = time.perf_counter(), cpu()
    model.fit(xf, yf)
    fit_w, fit_c = time.perf_counter() - w, cpu() - c
    w, c = time.perf_counter(), cpu()
    if hasattr(model, "predict_proba"):
        score = model.predict_proba(xt)[:, 1]
        hard = score > 0.5
    else:
        score = model.decision_function(xt)
        hard = score > 0
    predict_w, predict_c = time.perf_counter() - w, cpu() - c
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    from sklearn.metrics import roc_auc_score

    print(json.dumps({
        "fit_s": fit_w, "fit_cpu_s": fit_c, "predict_s": predict_w, "predict_cpu_s": predict_c, "peak_mib": peak,
        "accuracy": float(np.mean(hard == yt)), "auc": float(roc_auc_score(yt, score)),
    }))


main()
