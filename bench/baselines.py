"""baselines.py - classical models beside scikit-learn: CPU seconds of fit and prediction, peak memory.

baselines.py BENCH_DIR [--sizes 10000,100000,1000000] [--models a,b] [--rounds N] [--ranks 1,2] [--json FILE]

Both sides read the same float32 columns of one file (32 columns, two classes) and run in turn on this machine, one core
(and, with --ranks 1,2, two ranks beside n_jobs=2 where the peer has it).  Ratios are of the medians over the rounds, peer
by crmpi: above 1 crmpi is faster.  A model is left out at sizes that one of the two is not made for; the table says so.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TEST = 10000  # rows predicted

# model: our name and options, the peer's name and parameters, largest size, rows predicted at most at each size
MODELS = {
    "logistic": {"ours": ["logistic"], "peer": ["logistic"]},
    "svm-linear": {"ours": ["svm", "svm.kernel=linear", "svm.method=primal", "svm.probability=none"], "peer": ["svm"]},
    "svm-rbf": {
        "ours": ["svm", "svm.kernel=rbf", "svm.method=exact", "svm.probability=none"],
        "peer": ["svm-rbf"],
        "most": 10000,
    },
    "naive_bayes": {"ours": ["naive_bayes"], "peer": ["naive_bayes"]},
    "knn": {"ours": ["knn", "knn.k=5"], "peer": ["knn"], "test": {1000000: 1000}},
    "tree": {"ours": ["tree"], "peer": ["tree"]},
    "forest": {
        "ours": ["forest", "forest.trees={trees}"],
        "peer": ["forest", "n_estimators={trees}"],
        "trees": {10000: 100, 100000: 50, 1000000: 10},
    },
    "boosting": {
        "ours": ["boosting", "boosting.iterations=100", "boosting.validation=0"],
        "peer": ["boosting", "max_iter=100"],
    },
    "mlp": {
        "ours": ["mlp", "mlp.epochs={epochs}", "mlp.validation=0"],
        "peer": ["mlp", "max_iter={epochs}"],
        "epochs": {10000: 5, 100000: 5, 1000000: 1},
    },
}
# What the project aims at and must keep, in CPU seconds of the fit and of fit and prediction together.
GOALS = {
    "logistic": (3, 1.5), "svm-linear": (3, 1.5), "knn": (3, 1.5), "mlp": (3, 1.5), "naive_bayes": (10, 3),
    "tree": (3, 1), "forest": (3, 1), "boosting": (1, 0.7), "svm-rbf": (1, 0.7),
}


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bench")
    p.add_argument("--sizes", default="10000,100000,1000000")
    p.add_argument("--models", default=",".join(MODELS))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--ranks", default="1,2")
    p.add_argument("--json")
    a = p.parse_args()
    unknown = [m for m in a.models.split(",") if m not in MODELS]
    if unknown:
        p.error(f"no model {unknown[0]}; there are: {', '.join(MODELS)}")
    return a


def fill(args, size, setting):
    trees, epochs = setting.get("trees", {}).get(size, 100), setting.get("epochs", {}).get(size, 5)
    return [s.format(trees=trees, epochs=epochs) for s in args]


def run(cmd, jobs):
    env = dict(os.environ, JOBS=str(jobs))
    out = subprocess.run(cmd, capture_output=True, text=True, env=env)
    if out.returncode:
        print(f"bench: {' '.join(cmd)}: exit {out.returncode}: {out.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return json.loads(out.stdout.strip().splitlines()[-1])


def ours(a, setting, size, data, test, ranks):
    name, *opts = fill(setting["ours"], size, setting)
    cmd = [os.path.join(a.bench, "bench_baselines"), name, data, str(size), str(test), *opts]
    if ranks > 1:
        cmd = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *cmd]
    return run(cmd, 1)


def peer(setting, size, data, test, jobs):
    name, *opts = fill(setting["peer"], size, setting)
    return run([sys.executable, os.path.join(HERE, "baselines_peer.py"), name, data, str(size), str(test), "--jobs",
                str(jobs), *opts], jobs)


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def measure(a, name, size, data, ranks):
    setting = MODELS[name]
    test = setting.get("test", {}).get(size, TEST)
    mine, theirs = [], []
    rounds = 1 if size >= 1000000 else a.rounds
    for _ in range(rounds):
        for side, runs in ((lambda: ours(a, setting, size, data, test, ranks), mine),
                           (lambda: peer(setting, size, data, test, ranks), theirs)):
            r = side()
            if r is None:
                return None
            runs.append(r)
    row = {"model": name, "rows": size, "predicted": test, "ranks": ranks, "rounds": rounds}
    for key in ("fit_cpu_s", "predict_cpu_s", "fit_s", "predict_s", "peak_mib", "accuracy", "auc"):
        row["ours_" + key], row["peer_" + key] = median(mine, key), median(theirs, key)
    return row


def ratio(row, *keys):
    return sum(row["peer_" + k] for k in keys) / max(sum(row["ours_" + k] for k in keys), 1e-9)


def show(row):
    goal, must = GOALS[row["model"]]
    unit = "cpu_s" if row["ranks"] == 1 else "s"
    fit, both = ratio(row, "fit_" + unit), ratio(row, "fit_" + unit, "predict_" + unit)
    verdict = "goal" if both >= goal else "must" if both >= must else "SHORT"
    print(f"{row['model']:<12}{row['rows']:>9}{row['ranks']:>6}"
          f"{row['ours_fit_' + unit]:>10.3f}{row['peer_fit_' + unit]:>10.3f}{fit:>8.2f}"
          f"{row['ours_predict_' + unit]:>10.4f}{row['peer_predict_' + unit]:>10.4f}"
          f"{ratio(row, 'predict_' + unit):>8.2f}{both:>8.2f}  {goal:>4} ({must}) {verdict:<6}"
          f"{row['ours_peak_mib']:>8.0f}{row['peer_peak_mib']:>8.0f}"
          f"{row['ours_auc']:>9.4f}{row['peer_auc']:>8.4f}", flush=True)


def main():
    a = options()
    rows = []
    print("seconds: CPU on one core, wall on several ranks; ratio = scikit-learn / crmpi; ours f32 columns, sums f64")
    print(f"{'model':<12}{'rows':>9}{'ranks':>6}{'fit':>10}{'peer':>10}{'ratio':>8}{'predict':>10}{'peer':>10}"
          f"{'ratio':>8}{'both':>8}  {'goal (must)':<18}{'MiB':>8}{'peer':>8}{'AUC':>9}{'peer':>8}")
    with tempfile.TemporaryDirectory() as d:
        for size in (int(s) for s in a.sizes.split(",")):
            data = os.path.join(d, f"{size}.h5")
            subprocess.run([os.path.join(a.bench, "bench_baselines_data"), data, str(size + TEST)], check=True)
            for name in a.models.split(","):
                if size > MODELS[name].get("most", size):
                    print(f"{name:<12}{size:>9}  left out: made for at most {MODELS[name]['most']} rows")
                    continue
                for ranks in (int(r) for r in a.ranks.split(",")):
                    row = measure(a, name, size, data, ranks)
                    if row:
                        rows.append(row)
                        show(row)
            os.unlink(data)
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)


main()
