# SPDX-License-Identifier: Apache-2.0
"""The truth: a Dirichlet for the shares, a long Markov chain (truth.c) for the rest; and every draw inside the constraints."""
import csv
import subprocess

import numpy as np
import scorecard

SUMMARY = {"people": "deep_set"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 2 + 3 + 1 + 3, 1
SHORT = {"rows": 16000, "epochs": 14}
KS = {True: 0.45, False: 0.15}   # largest of the ten parameters
CHAIN = ["m1", "m2", "m3", "s", "r21", "r31", "r32"]


def prepare(run):
    scorecard.plugin(run, "constrained")


def check_constraints(run, draws):
    w = np.stack([draws[f"w{k}"] for k in (1, 2, 3)])
    m = np.stack([draws[f"m{k}"] for k in (1, 2, 3)])
    a, b, c = draws["r21"], draws["r31"], draws["r32"]
    n = draws["s"].size
    run.check("draws carry the user's names", set(draws) == {"w1", "w2", "w3", *CHAIN}, ", ".join(sorted(draws)))
    run.check("every draw: shares are positive and sum to 1", (w > 0).all() and np.abs(w.sum(0) - 1).max() < 1e-12,
              f"{n} draws, sums within {np.abs(w.sum(0) - 1).max():.1e}")
    run.check("every draw: levels ascend", (np.diff(m, axis=0) > 0).all(), f"{n} draws")
    run.check("every draw: the spread lies between its bounds", ((draws["s"] > 0.2) & (draws["s"] < 2)).all(),
              f"{draws['s'].min():.3f} to {draws['s'].max():.3f}")
    determinant = 1 + 2 * a * b * c - a**2 - b**2 - c**2
    run.check("every draw: a correlation matrix", (determinant > 0).all() and max(abs(x).max() for x in (a, b, c)) < 1,
              f"smallest determinant {determinant.min():.2e}")


def people_of(run):
    with open(run.path("people.csv")) as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([[float(r[k]) for k in ("group", "first", "second", "third")] for r in rows
                            if r["sample"] == name]) for name in dict.fromkeys(r["sample"] for r in rows)}


def ks(x, y):
    both = np.sort(np.concatenate([x, y]))
    return np.abs(np.searchsorted(np.sort(x), both, "right") / len(x)
                  - np.searchsorted(np.sort(y), both, "right") / len(y)).max()


def truth_of(run, people):
    lines = "\n".join(" ".join(map(str, person)) for person in people)
    chain = subprocess.run([run.tools["truth"]], input=lines, capture_output=True, text=True, check=True).stdout
    true = dict(zip(CHAIN, np.array([line.split() for line in chain.splitlines()], float).T))
    counts = np.array([(people[:, 0] == k).sum() for k in range(3)])
    shares = np.random.default_rng(1).dirichlet(2 + counts, 4000)
    return {**true, **{f"w{k + 1}": shares[:, k] for k in range(3)}}


def truth(run):
    draws, ids = run.posterior()
    check_constraints(run, draws)
    people = people_of(run)
    for i, name in enumerate(ids):
        true = truth_of(run, people[name])
        distance = {p: ks(draws[p][i], x) for p, x in true.items()}
        worst = max(distance, key=distance.get)
        run.check(f"{name}: every marginal against the chain", distance[worst] <= KS[run.short],
                  f"KS at most {distance[worst]:.3f} ({worst}: mean {draws[worst][i].mean():.3f}, true {true[worst].mean():.3f},"
                  f" sd {draws[worst][i].std():.3f}, true {true[worst].std():.3f})")
