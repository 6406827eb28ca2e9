#!/usr/bin/env python3
"""Word2Vec beside gensim and fastText on the same text with the same settings, turn by turn on one core; then over ranks.

  bench/run.sh embed [--text FILE] [--similarity FILE...] [--analogy FILE] [--seeds N] [--models M,..] [--ranks N,..] [--json FILE]

Without files those of ../shared/data/word_vectors are taken.  All read the text as lines of 10,000 words.  Words/s of a core are
of the time that it worked (process time), so that other programs on the machine count as little as can be.  fastText tells no
time of its own: its words/s are of what five epochs take longer than one, so that reading and writing do not count.  Over
ranks the vectors must have the same bits."""
import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402
from gensim import __version__ as gensim_version  # noqa: E402
from gensim.models import KeyedVectors, Word2Vec  # noqa: E402

SHARED = os.environ.get("CRM_SHARED") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared")
FOLDER = os.path.join(SHARED, "data", "word_vectors")
LINE = 10000  # what gensim takes at most of a sentence


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("--text", default=os.path.join(FOLDER, "text8_part.txt"))
    p.add_argument("--similarity", nargs="*", default=[os.path.join(FOLDER, "EN-WS-353-ALL.txt"), os.path.join(FOLDER, "EN-RG-65.txt")])
    p.add_argument("--analogy", default=os.path.join(FOLDER, "questions-words.txt"))
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--models", default="skipgram,cbow")
    p.add_argument("--ranks", default="1,2")
    p.add_argument("--json")
    return p.parse_args()


def cut(text, path):
    words = open(text, encoding="utf-8").read().split()
    with open(path, "w", encoding="utf-8") as f:
        for i in range(0, len(words), LINE):
            f.write(" ".join(words[i:i + LINE]) + "\n")


def peer(lines, model, seed, a):
    m = Word2Vec(vector_size=64, window=5, negative=5, min_count=5, sample=1e-3, alpha=0.05, min_alpha=0.00005,
                 workers=1, sg=int(model == "skipgram"), seed=seed)
    m.build_vocab(lines)
    before, start = time.process_time(), time.perf_counter()
    m.train(lines, total_examples=m.corpus_count, epochs=5)
    core, wall = time.process_time() - before, time.perf_counter() - start
    words = 5 * m.corpus_total_words
    return [len(m.wv), words / wall, words / core] + scores_of(m.wv, a)


def scores_of(vectors, a):
    many = 10**9
    scores = [float(vectors.evaluate_word_pairs(f, restrict_vocab=many)[1][0]) for f in a.similarity]
    return scores + [float(vectors.evaluate_word_analogies(a.analogy, restrict_vocab=many)[0])]


def fasttext_run(path, model, seed, epochs, out):
    """Seconds of the clock and of the core."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(["fasttext", model, "-input", path, "-output", out, "-dim", "64", "-ws", "5", "-neg", "5", "-minCount", "5", "-t",
                    "1e-3", "-lr", "0.05", "-minn", "0", "-maxn", "0", "-thread", "1", "-seed", str(seed), "-epoch", str(epochs),
                    "-verbose", "0"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fasttext(path, model, seed, words, a):
    out = path + ".fasttext"
    one, five = (fasttext_run(path, model, seed, epochs, out) for epochs in (1, 5))
    vectors = KeyedVectors.load_word2vec_format(out + ".vec")
    return [len(vectors)] + [4 * words / (b - a) for a, b in zip(one, five)] + scores_of(vectors, a)


def ours(path, model, seed, a, ranks=0):
    """Digest, words, words/s, words/s of a core, scores; ranks 0: without mpirun."""
    start = ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks else []
    scores = [] if ranks else [*a.similarity, "--", a.analogy]
    out = subprocess.run([*start, a.program, path, model, str(seed), *scores], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return out[0], [float(x) for x in out[1:4]] + [float(x) for x in out[4::2]]


def over_ranks(path, model, a):
    """Words/s of the clock for each number of ranks; ends when bits differ."""
    found, digests = {}, set()
    for ranks in map(int, a.ranks.split(",")):
        digest, row = ours(path, model, 1, a, ranks)
        digests.add(digest)
        found[ranks] = row[1]
    print("  " + ", ".join(f"{n} rank{'s' if n > 1 else ''} {v:.4g} words/s" for n, v in found.items())
          + (" of the clock, the same bits" if len(digests) == 1 else ""))
    if len(digests) > 1:
        sys.exit(f"{model}: the vectors of {a.ranks} ranks differ")
    return found


def table(model, rows, names):
    print(f"\n{model}: mean of {len(rows['crmpi'])} seeds (smallest .. largest)")
    means = {k: np.mean(v, axis=0) for k, v in rows.items()}
    for j, name in enumerate(names):
        if name == "words":
            continue
        cells = [f"{k} {np.mean(np.array(v)[:, j]):.6g} ({np.min(np.array(v)[:, j]):.6g} .. {np.max(np.array(v)[:, j]):.6g})"
                 for k, v in rows.items()]
        ours_mean = means["crmpi"][j]
        beside = [f"{ours_mean / v[j]:.2f} x {k}" if "words/s" in name else f"{ours_mean - v[j]:+.4f} to {k}" for k, v in means.items()
                  if k != "crmpi"]
        print(f"  {name:22s} {'  '.join(cells)}  {', '.join(beside)}")
    return {k: dict(zip(names, map(float, v))) for k, v in means.items()}


def main():
    a = arguments()
    names = ["words", "words/s", "words/s of a core"] + [os.path.basename(f) for f in a.similarity + [a.analogy]]
    found = {"gensim": gensim_version}
    print(f"gensim {gensim_version}, Spearman correlation and accuracy, {a.text}")
    if not shutil.which("fasttext"):
        print("fastText: not installed, left out (Debian's package is called fasttext)")
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "text")
        cut(a.text, path)
        lines = [line.split() for line in open(path, encoding="utf-8")]
        for model in a.models.split(","):
            rows = {"crmpi": [], "gensim": []} | ({"fastText": []} if shutil.which("fasttext") else {})
            for seed in range(1, a.seeds + 1):
                rows["crmpi"].append(ours(path, model, seed, a)[1])
                rows["gensim"].append(peer(lines, model, seed, a))
                if "fastText" in rows:
                    rows["fastText"].append(fasttext(path, model, seed, sum(map(len, lines)), a))
                print(f"  {model} seed {seed} done", file=sys.stderr)
            if rows["crmpi"][0][0] != rows["gensim"][0][0]:
                print(f"vocabularies differ: {rows['crmpi'][0][0]} and {rows['gensim'][0][0]} words")
            found[model] = table(model, rows, names)
            found[model]["ranks"] = over_ranks(path, model, a)
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(found, f, indent=1)


if __name__ == "__main__":
    main()
