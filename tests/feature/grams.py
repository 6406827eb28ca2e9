#!/usr/bin/env python3
"""Products of rows for test_grams.c, from the definitions in feature.h: run by hand, prints C."""
from collections import Counter
from math import log, sqrt

ROWS = [["the good good", "the bad"], ["the good"], ["the late"], []]
TRAIN = 3


def word_grams(document, most):
    w = document.split()
    return [" ".join(w[i:i + k]) for i in range(len(w)) for k in range(1, most + 1) if i + k <= len(w)]


def char_grams(document, least, most):
    return [f" {w} "[i:i + k] for w in document.split() for k in range(least, most + 1) for i in range(len(w) + 3 - k)]


def table(grams, sublinear=True, min_count=1):
    counts = [Counter(g for d in row for g in grams(d)) for row in ROWS]
    df = Counter(g for c in counts[:TRAIN] for g in c)
    keep = {g for g in df if df[g] >= min_count}
    out = []
    for c in counts:
        v = {g: (1 + log(n) if sublinear else n) * (log((1 + TRAIN) / (1 + df[g])) + 1) for g, n in c.items() if g in keep}
        norm = sqrt(sum(x * x for x in v.values())) or 1
        out.append({g: x / norm for g, x in v.items()})
    return len(keep), out


def show(name, *parts):
    width = sum(n for n, _ in parts)
    print(f"enum {{ {name}_WIDTH = {width} }};" if name in ("BOTH", "WORDS_ONLY") else "", end="\n")
    print(f"static const double {name}[4][4] = {{")
    for a in range(4):
        row = [sum(p[a].get(g, 0) * x for _, p in parts for g, x in p[b].items()) for b in range(4)]
        print("    {" + ", ".join(f"{x:.9f}" for x in row) + "},")
    print("};")


words = table(lambda d: word_grams(d, 2))
show("BOTH", words, table(lambda d: char_grams(d, 2, 3)))
show("WORDS_ONLY", words)
show("OFTEN", table(lambda d: word_grams(d, 2), False, 2))
