#!/usr/bin/env python3
"""Samplers of a sweep beside Optuna's: regret (best loss found less the least there is) after 100 trials, median of 30 seeds.

  bench/run.sh samplers [--trials N] [--seeds N] [--first N] [--batch N] [--json FILE]

The functions are those of tests/sweep/functions.h; both sides ask the same program for their values.  crmpi's TPE is driven as a sweep
does, in rounds: of one trial, which sees all before it, and of --batch.  Optuna's TPE goes one trial at a time: with
multivariate=False (its default before 5.0) and multivariate=True (its default since).  The interval is that of the median by bootstrap
over seeds."""
import argparse
import json
import math
import multiprocessing
import os
import random
import statistics
import subprocess
import warnings

try:
    import optuna
except ImportError:
    optuna = None

PEERS = {"Optuna univariate": {"multivariate": False}, "Optuna multivariate": {"multivariate": True}}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("--trials", type=int, default=100)
    p.add_argument("--seeds", type=int, default=30)
    p.add_argument("--first", type=int, default=0, help="the first seed")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--json")
    return p.parse_args()


def spaces(program):
    out = subprocess.run([program, "spaces"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def ours(a, functions, sampler, batch):
    """Regrets [function][seed]."""
    command = [a.program, "run", sampler, str(batch), str(a.trials), str(a.first), str(a.seeds)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [[] for _ in functions]
    for line in out.splitlines():
        f, regret = line.split()
        found[int(f)].append(float(regret))
    return found


def point(trial, dims):
    x = []
    for d in dims:
        if "when" in d and (math.isnan(x[d["when"]]) or (x[d["when"]] in d["given"]) == d["unless"]):
            x.append(math.nan)
        elif d["kind"] == "list":
            x.append(float(trial.suggest_categorical(d["key"], list(range(d["n"])))))
        elif d["kind"] == "integer":
            x.append(float(trial.suggest_int(d["key"], int(d["lo"]), int(d["hi"]), log=d["log"])))
        else:
            x.append(trial.suggest_float(d["key"], d["lo"], d["hi"], log=d["log"]))
    return x


def peer(job):
    """Regret of one run of Optuna."""
    program, number, dims, options, trials, seed = job
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        def loss(trial):
            server.stdin.write(f"{number} {' '.join(map(repr, point(trial, dims)))}\n")
            server.stdin.flush()
            return float(server.stdout.readline())
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **options))
        study.optimize(loss, n_trials=trials)
        server.stdin.close()
    return study.best_value


def peers(a, functions, options, pool):
    jobs = [(a.program, i, f["dims"], options, a.trials, s) for i, f in enumerate(functions) for s in range(a.first, a.first + a.seeds)]
    regrets = pool.map(peer, jobs, chunksize=1)
    return [regrets[i * a.seeds:(i + 1) * a.seeds] for i in range(len(functions))]


def interval(regrets):
    """95 % of the median, by bootstrap over seeds."""
    draw = random.Random(0).choices
    medians = sorted(statistics.median(draw(regrets, k=len(regrets))) for _ in range(2000))
    return medians[50], medians[1949]


def ratios(median):
    """Of the medians of one function."""
    tpe = median["tpe"]
    out = {"tpe/random": tpe / median["random"]}
    for name in PEERS:
        if name in median:
            out[f"tpe/{name}"] = tpe / median[name]
    return out


def report(a, functions, found):
    print(f"regret after {a.trials} trials, median of seeds {a.first} .. {a.first + a.seeds - 1} (95 % interval of it)")
    out = {}
    for i, f in enumerate(functions):
        median = {name: statistics.median(r[i]) for name, r in found.items()}
        print(f"\n{f['name']}")
        for name, r in found.items():
            lo, hi = interval(r[i])
            print(f"  {name:20s} {median[name]:9.4g} ({lo:.4g} .. {hi:.4g})")
        ratio = ratios(median)
        print("  " + ", ".join(f"{k} {v:.2f}" for k, v in ratio.items()))
        out[f["name"]] = {"median": median, "ratio": ratio, "regret": {name: r[i] for name, r in found.items()}}
    return out


def main():
    a = arguments()
    functions = spaces(a.program)
    found = {name: ours(a, functions, name, 1) for name in ("random", "sobol", "tpe")}
    found[f"tpe, rounds of {a.batch}"] = ours(a, functions, "tpe", a.batch)
    if optuna:
        print(f"Optuna {optuna.__version__}")
        with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
            for name, options in PEERS.items():
                found[name] = peers(a, functions, options, pool)
    else:
        print("SKIP Optuna: not installed (jobs/setup.sh --optuna)")
    out = report(a, functions, found)
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()
