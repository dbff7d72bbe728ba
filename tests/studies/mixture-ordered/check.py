# SPDX-License-Identifier: Apache-2.0
"""The truth: the half of ../mixture's posterior where mu1 < mu2."""
import importlib.util
import os
import re

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("mixture_check", os.path.join(HERE, "..", "mixture", "check.py"))
mixture = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mixture)

SUMMARY, INFERENCE, FREE, DESIGN = mixture.SUMMARY, mixture.INFERENCE, mixture.FREE, mixture.DESIGN
SHORT = mixture.SHORT


def prepare(run):
    mixture.build(run, os.path.join(HERE, "..", "mixture", "mixture.c"), "ordered_mixture.so", "-DORDERED")


def modes(x):
    """Peaks of a histogram of 12 bins that rise above a valley of half their height."""
    count = np.histogram(x, 12)[0]
    n, top, valley = 0, 0, 0
    for c in list(count) + [0]:
        if c > top and c > 2 * valley:
            top = c
        elif c < top / 2:
            n, top, valley = n + (top > len(x) / 50), 0, c
        valley = min(valley, c)
    return n


def truth(run):
    rng = np.random.default_rng(7)
    for name, y, draws in mixture.data_sets(run):
        true = np.sort(mixture.sample(*mixture.grid(y), 20000, rng), 1)
        run.check(f"{name}: mu1 < mu2 in every draw", (draws[:, 0] < draws[:, 1]).all())
        run.check(f"{name}: one mode", modes(draws[:, 0]) == 1 and modes(draws[:, 1]) == 1)
        mixture.compare(run, name, draws, true)
    words = open(run.result("report.md")).read()
    run.check("report has no word of labels that switch", not re.search("switch labels|labels switch", words))
