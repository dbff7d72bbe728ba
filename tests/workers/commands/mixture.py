#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command simulator whose parameters are constrained. Standard library only.

Three groups of people with weights w (they sum to 1) and ascending means mu, of whom a number y is measured (one in twenty
is missing), a label that is the group with chance 1/2, and three correlated numbers z (a correlation matrix r, scale sigma).
`nuisance` changes aux alone.
"""
import json
import math
import random
import sys

DESCRIPTION = {
    "name": "mixture",
    "version": "1",
    "parameters": [{"name": f"w{k}", "lower": 0, "upper": 1} for k in (1, 2, 3)]
    + [{"name": f"mu{k}"} for k in (1, 2, 3)]
    + [{"name": r, "lower": -1, "upper": 1} for r in ("r21", "r31", "r32")]
    + [{"name": "sigma", "lower": 0}, {"name": "nuisance"}],
    "design": [{"name": "n", "lower": 30, "upper": 80}],
    "observables": [
        {"name": "y", "kind": "set", "dims": ["n", 1]},
        {"name": "label", "kind": "set", "dims": ["n", 1]},
        {"name": "z", "kind": "set", "dims": ["n", 3]},
        {"name": "aux", "kind": "vector", "dims": [2]},
    ],
}


def cholesky(r):
    """Factor of the correlation matrix of r21, r31, r32."""
    b = (r[2] - r[0] * r[1]) / math.sqrt(1 - r[0] ** 2)
    return [[1, 0, 0], [r[0], math.sqrt(1 - r[0] ** 2), 0], [r[1], b, math.sqrt(1 - r[1] ** 2 - b**2)]]


def prior(r):
    g = [r.gammavariate(3, 1) for _ in range(3)]
    a, b, c = (math.tanh(r.gauss(0, 0.5)) for _ in range(3))  # partial correlations
    p = {f"w{k + 1}": x / sum(g) for k, x in enumerate(g)}
    p.update({f"mu{k + 1}": x for k, x in enumerate(sorted(r.gauss(0, 2) for _ in range(3)))})
    p.update(r21=a, r31=b, r32=a * b + c * math.sqrt((1 - a * a) * (1 - b * b)))
    p.update(sigma=r.lognormvariate(0, 0.5), nuisance=r.gauss(0, 1))
    return p


def one(r, p, factor):
    group = r.choices((1, 2, 3), [p["w1"], p["w2"], p["w3"]])[0]
    e = [r.gauss(0, 1) for _ in range(3)]
    z = [p["sigma"] * sum(f * x for f, x in zip(row, e)) for row in factor]
    y = math.nan if r.random() < 0.05 else p[f"mu{group}"] + 0.5 * r.gauss(0, 1)
    return y, (group - 1 if r.random() < 0.5 else r.randrange(3)), z


def simulate(ask):
    r = random.Random(ask["seed"])
    p = ask.get("parameters") or prior(r)
    n = int(ask["design"]["n"]) if "design" in ask else r.randint(30, 80)
    rows = [one(r, p, cholesky([p["r21"], p["r31"], p["r32"]])) for _ in range(n)]
    y, label, z = zip(*rows)
    return {
        "parameters": p,
        "design": {"n": n},
        "observables": {"y": [[x] for x in y], "label": [[x] for x in label], "z": z,
                        "aux": [p["nuisance"] + r.gauss(0, 1), r.gauss(0, 1)]},
    }


for line in sys.stdin:
    ask = json.loads(line)
    print(json.dumps(DESCRIPTION if "describe" in ask else simulate(ask)), flush=True)
