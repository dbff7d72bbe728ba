# SPDX-License-Identifier: Apache-2.0
"""The truth: the posterior of both means on a grid in two dimensions. Also of ../mixture-ordered."""
import csv
import os

import numpy as np

SUMMARY = {"y": "deep_set"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 2, 1
SHORT = {"rows": 20000, "epochs": 15}
VERDICTS = ["mu1 and mu2 switch labels", r"ordered: \\?\[mu1, mu2"]
SHARE = {True: 0.10, False: 0.05}  # of draws with mu1 < mu2, off 1/2; 4,000 draws have an sd of 0.008
OFF = {True: 0.50, False: 0.15}    # of means of the lower and the higher one, in posterior sds
WIDE = {True: 0.25, False: 0.15}   # of their sds
C2ST = {True: 0.64, False: 0.57}   # 2,000 draws of each; the same distribution gives 0.50 +- 0.01


def prepare(run):
    build(run, os.path.join(run.source, "mixture.c"), "mixture.so")


def build(run, source, name, *flags):
    include = run.path("include", "infermill")
    os.makedirs(include, exist_ok=True)
    header = os.path.join(os.path.dirname(__file__), "..", "..", "..", "workers", "simulator.h")
    with open(header) as of, open(os.path.join(include, "simulator.h"), "w") as to:
        to.write(of.read())
    run.need("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I" + run.path("include"), *flags, source,
             "-o", run.path(name), "-lm")


def grid(y):
    """log posterior of mu1, mu2 ~ N(0, 2), y ~ N(mu1, 1) / 2 + N(mu2, 1) / 2, on 401 x 401 nodes: their values, weights."""
    mu = np.linspace(-6, 6, 401)
    density = np.exp(-0.5 * (y[:, None] - mu) ** 2)
    log = np.log(0.5 * density[:, :, None] + 0.5 * density[:, None, :] + 1e-300).sum(0)
    log -= 0.125 * (mu[:, None] ** 2 + mu**2)
    weight = np.exp(log - log.max())
    return mu, weight / weight.sum()


def sample(mu, weight, n, rng):
    """Draws of the grid's distribution, uniform inside a cell."""
    at = rng.choice(weight.size, n, p=weight.ravel())
    cell = np.stack(np.unravel_index(at, weight.shape), 1)
    return mu[cell] + (rng.random((n, 2)) - 0.5) * (mu[1] - mu[0])


def data_sets(run):
    with open(run.path("groups.csv")) as file:
        rows = list(csv.DictReader(file))
    draws, ids = run.posterior()
    for i, name in enumerate(ids):
        yield name, np.array([float(r["y"]) for r in rows if r["id"] == name]), np.stack([draws["mu1"][i], draws["mu2"][i]], 1)


def c2st(a, b):
    """Accuracy of a classifier that tells a from b; None without scikit-learn."""
    try:
        from sklearn.model_selection import cross_val_score
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return None
    x = np.concatenate([a, b])
    x = (x - x.mean(0)) / x.std(0)
    order = np.random.default_rng(1).permutation(len(x))
    classifier = MLPClassifier((20, 20), max_iter=300, random_state=1)
    return cross_val_score(classifier, x[order], np.repeat([0, 1], [len(a), len(b)])[order], cv=5).mean()


def compare(run, name, draws, true):
    """The lower and the higher of the two, and a classifier."""
    score = c2st(draws[:2000], true[:2000])
    if score is not None:
        run.check(f"{name}: a classifier can not tell it from the grid", score <= C2ST[run.short], f"C2ST {score:.3f}")
    ours, grid_ = np.sort(draws, 1), np.sort(true, 1)
    for k, which in enumerate(("lower", "higher")):
        off = (ours[:, k].mean() - grid_[:, k].mean()) / grid_[:, k].std()
        ratio = ours[:, k].std() / grid_[:, k].std()
        run.check(f"{name}: the {which} mean", abs(off) <= OFF[run.short] and abs(ratio - 1) <= WIDE[run.short],
                  f"{ours[:, k].mean():.3f}, true {grid_[:, k].mean():.3f}: off {off:+.2f} sd, sd ratio {ratio:.2f}")


def truth(run):
    rng = np.random.default_rng(7)
    for name, y, draws in data_sets(run):
        true = sample(*grid(y), 20000, rng)
        share = (draws[:, 0] < draws[:, 1]).mean()
        run.check(f"{name}: both modes weigh the same", abs(share - 0.5) <= SHARE[run.short], f"{share:.3f} of the draws have mu1 < mu2")
        compare(run, name, draws, true)
