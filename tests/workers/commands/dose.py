#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command simulator with a design variable that is no length: y is a set of n responses to one dose, N(effect * dose, 1).
Standard library only. Its mood is what stands in the file that is its argument, where there is one: replicates (questions
with parameters) are then refused (fail), or take long (slow)."""
import json
import os
import random
import sys
import time

DESCRIPTION = {
    "name": "dose",
    "version": "1",
    "parameters": [{"name": "effect"}],
    "design": [{"name": "n", "lower": 10, "upper": 40}, {"name": "dose", "lower": 1, "upper": 4, "integer": False}],
    "observables": [{"name": "y", "kind": "set", "dims": ["n", 1]}],
}


def simulate(ask):
    r = random.Random(ask["seed"])
    given = "parameters" in ask
    mood = open(sys.argv[1]).read().strip() if len(sys.argv) > 1 and os.path.exists(sys.argv[1]) else ""
    if given and mood == "fail":
        return {"error": "no replicates today"}
    if given and mood == "slow":
        time.sleep(0.2)
    p = ask["parameters"] if given else {"effect": r.gauss(0, 1)}
    design = ask["design"] if given else {"n": r.randint(10, 40), "dose": r.uniform(1, 4)}
    y = [[p["effect"] * design["dose"] + r.gauss(0, 1)] for _ in range(int(design["n"]))]
    return {"parameters": p, "design": design, "observables": {"y": y}}


for line in sys.stdin:
    ask = json.loads(line)
    print(json.dumps(DESCRIPTION if "describe" in ask else simulate(ask)), flush=True)
