# SPDX-License-Identifier: Apache-2.0
"""The truth: the posterior on a grid in two dimensions, for the real data here (NumPy) and for held-out data sets in
tests/reference/location_scale_gap.c."""
import csv
import json
import re

import h5py
import numpy as np

SUMMARY = {"y": "deep_set"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 2, 1
SHORT = {"rows": 12000, "epochs": 8}
GAP = 0.02        # nats from the true posterior, on average over held-out data sets
SHORT_GAP = 0.15
ALL, CLEAN = "all 66", "without two outliers"
FAR = {True: 0.2, False: 0.1}   # share of simulations whose summaries are farther out
KS = {True: 0.15, False: 0.06}  # of 4,000 draws against the truth; chance alone stays under 0.03 in 999 of 1,000


def grid(y):
    """Marginal distribution functions of mu and sigma: y ~ N(mu, sigma), mu ~ N(0, 1), sigma - 0.05 ~ Gamma(2, 1/2)."""
    n, mean, squares = len(y), y.mean(), ((y - y.mean()) ** 2).sum()
    spread = np.sqrt(squares / n)
    mu = np.linspace(mean - 8 * spread / n**0.5, mean + 8 * spread / n**0.5, 801)[:, None]
    sigma = np.linspace(max(0.0501, spread * (1 - 5 / n**0.5)), spread * (1 + 8 / n**0.5), 801)[None, :]
    log = -n * np.log(sigma) - 0.5 * (squares + n * (mean - mu) ** 2) / sigma**2
    log = log - 0.5 * mu**2 + np.log(sigma - 0.05) - 2 * (sigma - 0.05)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    return {"mu": (mu[:, 0], weight.sum(1)), "sigma": (sigma[0], weight.sum(0))}


def distance(draws, nodes, weight):
    """Kolmogorov-Smirnov: draws against the distribution of the grid, whose cells are uniform inside."""
    cdf = np.concatenate([[0], np.cumsum(weight)])
    step = nodes[1] - nodes[0]
    edges = np.concatenate([[nodes[0] - step / 2], nodes + step / 2])
    at = np.interp(np.sort(draws), edges, cdf)
    k = np.arange(len(draws) + 1) / len(draws)
    return max(np.max(k[1:] - at), np.max(at - k[:-1]))


def check_verdicts(run, ids):
    """The two outliers (-44 and -2 of Newcomb's own numbers) are told by replicates, and without them nothing is. Summaries
    are learned for mean and spread of normal numbers and see outliers faintly: far out, but not beyond all simulations."""
    with h5py.File(run.result("posterior.h5")) as file:
        p = dict(zip(ids, np.asarray(file["verdict/p_value"])))
    with open(run.result("predictive.json")) as file:
        replicated = {d["id"]: d for d in json.load(file)["data_sets"]}
    words = open(run.result("report.md")).read()
    run.check(f"Newcomb, {ALL}: summaries far out among those of simulations", p[ALL] < FAR[run.short], f"p = {p[ALL]:.3f}")
    run.check(f"Newcomb, {ALL}: replicates lack its minimum",
              not replicated[ALL]["reproduced"] and "minimum of y" in replicated[ALL]["words"], replicated[ALL]["words"])
    run.check(f"Newcomb, {CLEAN}: summaries like those of simulations", p[CLEAN] > FAR[run.short], f"p = {p[CLEAN]:.3f}")
    run.check(f"Newcomb, {CLEAN}: reproduced", replicated[CLEAN]["reproduced"], replicated[CLEAN]["words"])
    run.check("report: the model does not produce the data with the outliers",
              "1 of 2 data sets are reproduced" in words and f"| {ALL} | " in words)


def truth(run):
    with open(run.path("newcomb.csv")) as file:
        rows = list(csv.DictReader(file))
    draws, ids = run.posterior()
    check_verdicts(run, ids)
    for i, name in enumerate(ids):
        y = np.array([float(row["hundredths"]) for row in rows if row["experiment"] == name])
        for parameter, (nodes, weight) in grid(y).items():
            d = distance(draws[parameter][i], nodes, weight)
            mean = (nodes * weight).sum()
            figure = f"KS {d:.3f}, mean {draws[parameter][i].mean():.3f}, true {mean:.3f}"
            if name == ALL:  # no simulation looks like this, so that nothing is promised
                print(f"        {name}: {parameter} {figure}")
            else:
                run.check(f"Newcomb, {name}: {parameter} against the grid", d <= KS[run.short], figure)
    said = run.need(run.tools["gap"], run.result("amortizer.h5"), "300" if run.short else "1000", "1e9")
    gap, limit = float(re.search(r"posterior (\S+)", said).group(1)), SHORT_GAP if run.short else GAP
    run.check(f"at most {limit} nats from the true posterior", gap <= limit, said.strip().split(";")[0])
