#!/usr/bin/env python3
"""Topics beside scikit-learn: online variational Bayes on the same counts of words with the same options, on one core.

  bench/run.sh lda [--csv FILE --column NAME] [--topics N] [--passes N] [--seeds N] [--json FILE]

Without a file the texts of ../shared/data/amazon_datafiniti and airline_tweets are taken, equal texts once.  Words of five
documents and more without scikit-learn's English stop words; every fifth document is held out.  Both fits are
scored by scikit-learn's perplexity of the held-out documents and by the coherence of each topic's ten likeliest words on the training
documents, means over pairs w_j before w_i of a topic of UMass, log((D(w_i, w_j) + 1) / D(w_j)) (Mimno et al. 2011), and of NPMI,
log(p(w_i, w_j) / (p(w_i) p(w_j))) / -log p(w_i, w_j), -1 for words never together (Bouma 2009), D being documents and p = D / documents."""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402
from sklearn import __version__ as sklearn_version  # noqa: E402
from sklearn.decomposition import LatentDirichletAllocation  # noqa: E402
from sklearn.decomposition._online_lda_fast import _dirichlet_expectation_2d  # noqa: E402
from sklearn.feature_extraction.text import CountVectorizer  # noqa: E402

SHARED = os.environ.get("CRM_SHARED") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared")
TEXTS = [("amazon_datafiniti/Datafiniti_Amazon_Consumer_Reviews.csv", "reviews.text"), ("airline_tweets/Tweets.csv", "text")]
TOP = 10
SCORES = ["perplexity", "UMass", "NPMI", "seconds of a core"]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("--csv")
    p.add_argument("--column")
    p.add_argument("--topics", type=int, default=20)
    p.add_argument("--passes", type=int, default=10)
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--json")
    a = p.parse_args()
    if bool(a.csv) != bool(a.column):
        p.error("--csv and --column go together")
    return a


def counts(path, column):
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as f:
        texts = list(dict.fromkeys(row[column] for row in csv.DictReader(f) if row[column]))
    x = CountVectorizer(stop_words="english", min_df=5).fit_transform(texts)
    x.sort_indices()
    held = np.arange(x.shape[0]) % 5 == 4
    return x[~held], x[held]


def write(x, path):
    with open(path, "wb") as f:
        np.array([x.shape[0], x.shape[1], x.nnz], np.int64).tofile(f)
        x.indptr.astype(np.int64).tofile(f)
        x.indices.astype(np.int32).tofile(f)
        x.data.astype(np.float32).tofile(f)


def model(a, seed):
    return LatentDirichletAllocation(a.topics, learning_method="online", max_iter=a.passes, batch_size=a.batch, learning_decay=0.7,
                                     learning_offset=10, mean_change_tol=1e-3, max_doc_update_iter=100, random_state=seed)


def coherence(components, x):
    """Means of UMass and NPMI over topics."""
    has = (x > 0).astype(np.float64)
    n, umass, npmi = x.shape[0], [], []
    for topic in components:
        top = np.argsort(-topic, kind="stable")[:TOP]
        d = (has[:, top].T @ has[:, top]).toarray()
        u, p = [], []
        for i in range(1, TOP):
            for j in range(i):
                if d[i, i] == 0 or d[j, j] == 0:
                    continue
                u.append(np.log((d[i, j] + 1) / d[j, j]))
                both = d[i, j]
                p.append(-1 if both == 0 else 1 if both == n else np.log(both * n / (d[i, i] * d[j, j])) / -np.log(both / n))
        umass.append(np.mean(u))
        npmi.append(np.mean(p))
    return [float(np.mean(umass)), float(np.mean(npmi))]


def peer(train, held, a, seed):
    m = model(a, seed)
    before = time.process_time()
    m.fit(train)
    core = time.process_time() - before
    return [m.perplexity(held)] + coherence(m.components_, train) + [core]


def ours(folder, train, held, a, seed):
    paths = [os.path.join(folder, name) for name in ("train", "held", "topics")]
    write(train, paths[0])
    write(held, paths[1])
    options = [f"lda.topics={a.topics}", f"lda.passes={a.passes}", f"lda.batch={a.batch}"]
    out = subprocess.run([a.program, *paths, str(seed), *options], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    _, core, perplexity, umass, npmi = map(float, out)
    m = model(a, seed)
    m._init_latent_vars(train.shape[1])  # which perplexity() looks for, as after a fit
    m.components_ = np.fromfile(paths[2]).reshape(a.topics, train.shape[1])
    m.exp_dirichlet_component_ = np.exp(_dirichlet_expectation_2d(m.components_))
    found = [m.perplexity(held)] + coherence(m.components_, train)
    for name, a_value, b_value in zip(SCORES, found, [perplexity, umass, npmi]):
        if abs(a_value - b_value) > 1e-3 * abs(a_value):
            print(f"  {name}: crmpi says {b_value:.6g}, scikit-learn {a_value:.6g} of the same topics")
    return found + [core]


def compare(path, column, a):
    train, held = counts(path, column)
    print(f"\n{os.path.basename(path)}: {train.shape[0]} + {held.shape[0]} documents, {train.shape[1]} words, {int(train.sum())} + "
          f"{int(held.sum())} tokens; mean of {a.seeds} seeds (smallest .. largest)")
    rows = {"crmpi": [], "scikit-learn": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, a.seeds + 1):
            rows["crmpi"].append(ours(folder, train, held, a, seed))
            rows["scikit-learn"].append(peer(train, held, a, seed))
            print(f"  seed {seed} done", file=sys.stderr)
    for j, name in enumerate(SCORES):
        cells = [f"{k} {np.mean(v, axis=0)[j]:.4f} ({np.min(v, axis=0)[j]:.4f} .. {np.max(v, axis=0)[j]:.4f})" for k, v in rows.items()]
        print(f"  {name:18s} {'  '.join(cells)}")
    return {k: dict(zip(SCORES, np.mean(v, axis=0).tolist())) for k, v in rows.items()}


def main():
    a = arguments()
    print(f"scikit-learn {sklearn_version}; {a.topics} topics, {a.passes} passes, batches of {a.batch}")
    texts = [(a.csv, a.column)] if a.csv else [(os.path.join(SHARED, "data", f), c) for f, c in TEXTS]
    found = {os.path.basename(path): compare(path, column, a) for path, column in texts}
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(found, f, indent=1)


if __name__ == "__main__":
    main()
