#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stochastic SIR epidemic as a command simulator: one line of JSON in, one line out. Standard library only.

A town of 1,000 people, 5 of them infected; each day an infected person meets others (rate beta) and recovers (rate gamma).
Observed: new cases a day, of which a share is reported. The prior is in study.yaml.
"""
import json
import math
import random
import sys

PEOPLE, INFECTED, STEPS = 1000, 5, 4  # STEPS: of a day

DESCRIPTION = {
    "name": "sir",
    "version": "1",
    "description": "New cases a day in a town of 1,000",
    "parameters": [
        {"name": "beta", "lower": 0, "unit": "1/day"},
        {"name": "gamma", "lower": 0, "unit": "1/day"},
        {"name": "reported", "lower": 0, "upper": 1},
    ],
    "design": [{"name": "days", "lower": 20, "upper": 60, "unit": "day"}],
    "observables": [{"name": "cases", "kind": "set", "dims": ["days", 2], "lower": 0}],
}


def binomial(r, n, p):
    """How many of n, each with probability p: from the waiting times between successes (Devroye 1986, X.4)."""
    if p <= 0 or n == 0:
        return 0
    if p >= 1:
        return n
    if p > 0.5:
        return n - binomial(r, n, 1 - p)
    count, at, log_q = 0, 0, math.log1p(-p)
    while True:
        at += int(math.log(1 - r.random()) / log_q) + 1
        if at > n:
            return count
        count += 1


def simulate(ask):
    r = random.Random(ask["seed"])  # the only randomness: row i is then a function of its seed
    p, days = ask["parameters"], ask["design"]["days"]
    susceptible, infected, cases = PEOPLE - INFECTED, INFECTED, []
    recovers = 1 - math.exp(-p["gamma"] / STEPS)
    for day in range(days):
        new_today = 0
        for _ in range(STEPS):
            infects = 1 - math.exp(-p["beta"] * infected / PEOPLE / STEPS)
            new, well = binomial(r, susceptible, infects), binomial(r, infected, recovers)
            susceptible -= new
            infected += new - well
            new_today += new
        cases.append([day / 60, math.sqrt(binomial(r, new_today, p["reported"]))])
    return {"observables": {"cases": cases}}


for line in sys.stdin:
    ask = json.loads(line)
    answer = DESCRIPTION if "describe" in ask else simulate(ask)
    print(json.dumps(answer), flush=True)
