#!/usr/bin/env python3
"""Tokens and stems of two sets of short texts (English tweets, Portuguese reviews of ../shared/data): crmpi beside Python's re
with a pattern of the same kinds of token, and beside PyStemmer, by turns, on the same texts by one core.  Seconds are those of
the core (user and system), the best of the rounds."""
import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time

PATTERN = re.compile(
    r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|@\w+|#\w+|<3|[:;=][-'^]?[)(DPp/|]+"
    r"|[$€£]?\d+(?:[.,:/-]\d+)*%?|\w+(?=n['’]t\b)|n['’]t\b|['’](?:s|re|m|ve|ll|d)\b|\w+(?:[-'’](?!(?:s|re|m|ve|ll|d)\b)\w+)*"
    r"|([^\w\s])\1*")
SETS = (("airline_tweets/Tweets.csv", "text", "en", "english", "latin-1"),
        ("olist_bravida/olist_order_reviews_dataset.csv", "review_comment_message", "pt", "portuguese", "utf-8"))


def texts(path, column, encoding):
    with open(path, encoding=encoding, newline="") as f:
        return [" ".join(r[column].split()) for r in csv.DictReader(f) if r[column].strip()]


def timed(work):
    t = time.process_time()
    result = work()
    return time.process_time() - t, result


def tokenise(lines):
    return [[m.group() for m in PATTERN.finditer(line)] for line in lines]


def stems(language, words, cache):
    import Stemmer
    s = Stemmer.Stemmer(language)
    if not cache:
        s.maxCacheSize = 0
    return s.stemWords(words)


def measure(program, lines, code, language, rounds):
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "texts")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        for _ in range(rounds):
            ours = json.loads(subprocess.run([program, path, code], check=True, capture_output=True, text=True).stdout)
            t, found = timed(lambda: tokenise(lines))
            words = [w.lower() for line in found for w in line if w[0].isalpha()]
            cached = timed(lambda: stems(language, words, True))[0]
            plain = timed(lambda: stems(language, words, False))[0]
            now = {"split": ours["split"] / ours["tokens"], "stem": ours["stem"] / ours["words"],
                   "each": ours["each"] / ours["words"], "re": t / sum(map(len, found)), "cached": cached / len(words),
                   "plain": plain / len(words), "split_s": ours["split"], "re_s": t, "bytes": ours["bytes"]}
            best = {k: min(v, best.get(k, v)) for k, v in now.items()}
    return best


def report(name, b):
    def row(what, ours, peer_name, peer):
        print(f"  {what:34s} {1e-6 / ours:8.2f} M/s   {peer_name:24s} {1e-6 / peer:7.2f} M/s   ratio {peer / ours:6.1f}")
    print(name)
    print(f"  {'texts to tokens':34s} {b['bytes'] / b['split_s'] / 1e6:8.1f} MB/s  {'re':24s} {b['bytes'] / b['re_s'] / 1e6:7.1f} MB/s  "
          f"ratio {b['re_s'] / b['split_s']:6.1f}")
    row("tokens", b["split"], "re", b["re"])
    row("stems, dictionary words once", b["stem"], "PyStemmer with its cache", b["cached"])
    row("stems, each token anew", b["each"], "PyStemmer without", b["plain"])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json")
    a = p.parse_args()
    shared = os.environ.get("CRM_SHARED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared"))
    results = {}
    for path, column, code, language, encoding in SETS:
        path = os.path.join(shared, "data", path)
        if not os.path.exists(path):
            sys.exit(f"bench: {path} is not there (CRM_SHARED)")
        lines = texts(path, column, encoding)
        results[code] = measure(a.program, lines, code, language, a.rounds)
        report(f"{os.path.basename(path)}: {len(lines)} texts, {results[code]['bytes'] / 1e6:.1f} MB, {language}", results[code])
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(results, f)


if __name__ == "__main__":
    main()
