#!/usr/bin/env python3
"""What a reader of the generated texts can know at best: reader.py

Bayes' rule over the moods of the sentences of a document (docs/synthetic-data.md), as a reader sees them who knows the
generator: shares of right sentiments and stars, with the noise of the labels.  Default options: noise 1, signal 1,
0.2 reviews and 0.5 mentions of a customer.  Satisfaction is taken as normal.  Origin of figures in that page.
"""
import itertools
import math

SLIP = 0.04  # a sentence turns its mood round
WEIGHT = math.exp(5)  # of the true class, against 1 of each other one


def below(x, sd):
    return 0.5 * math.erfc(-x / sd / math.sqrt(2))


def review_prior():
    """Stars are floor(3.8 + s + .7 n) within 1..5."""
    sd = math.sqrt(1 + 0.7**2)
    edge = [-99, 2, 3, 4, 5, 99]
    return {s: below(edge[s] - 3.8, sd) - below(edge[s - 1] - 3.8, sd) for s in range(1, 6)}


def review_moods(stars):
    if stars == 3:
        return {-1: 1 / 3, 0: 1 / 3, 1: 1 / 3}
    return {stars - 3: 1 - SLIP, 3 - stars: SLIP}


def mention_prior():
    """Mood by s + .6 n: above .5, below -.5."""
    tail = below(-0.5, math.sqrt(1 + 0.6**2))
    return {-1: tail, 0: 1 - 2 * tail, 1: tail}


def mention_moods(mood):
    if mood == 0:
        return {0: 1}
    return {mood: (1 - SLIP) / 2, 2 * mood: (1 - SLIP) / 2, -mood: SLIP / 2, -2 * mood: SLIP / 2}


def right(prior, moods, lengths, class_of):
    """Share of documents whose likeliest class is the true one; all lengths are equally likely."""
    total = 0
    for n in lengths:
        for seen in itertools.product(range(-2, 3), repeat=n):
            posterior = {}
            for truth, p in prior.items():
                p *= math.prod(moods(truth).get(mood, 0) for mood in seen)
                posterior[class_of(truth)] = posterior.get(class_of(truth), 0) + p
            total += max(posterior.values()) / len(lengths)
    return total


def labelled(share, k):
    """Share of labels that are right when so many of the true classes of k are."""
    return (share * WEIGHT + 1 - share) / (WEIGHT + k - 1)


reviews = right(review_prior(), review_moods, (2, 3, 4), lambda s: (s > 3) - (s < 3))
mentions = right(mention_prior(), mention_moods, (1, 2), lambda m: m)
stars = right(review_prior(), review_moods, (2, 3, 4), lambda s: s)
print(f"oracle           {labelled(1, 3):.4f}")
print(f"sentiment        {labelled((0.2 * reviews + 0.5 * mentions) / 0.7, 3):.4f}")
print(f"  of reviews     {labelled(reviews, 3):.4f}")
print(f"  of mentions    {labelled(mentions, 3):.4f}")
print(f"stars            {labelled(stars, 5):.4f}")
