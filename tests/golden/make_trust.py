#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes trust.txt: log ratios, chains, and what ArviZ makes of them.

One line an array: name, count, values.
    python3 make_trust.py > trust.txt     (NumPy 2.4.6, ArviZ 0.23.4)
"""
import arviz
import numpy as np

rng = np.random.default_rng(7)


def put(name, values):
    values = np.ravel(np.asarray(values, dtype=float))
    print(name, len(values), *[repr(float(v)) for v in values])


def importance(name, ratio):
    """Smoothed weights, k-hat and effective sample size."""
    ratio = np.round(ratio, 12)
    log_weight, khat = arviz.psislw(ratio.copy())
    weight = np.exp(np.asarray(log_weight))
    put(f"{name}_ratio", ratio)
    put(f"{name}_weight", weight)
    put(f"{name}_khat", khat)
    put(f"{name}_effective", 1 / np.sum(weight**2))


z = rng.normal(size=1000)
importance("close", -0.02 * z**2 + 0.1 * z)
importance("wide", 0.3 * rng.normal(size=400) ** 2 + 5)
importance("heavy", 1.5 * rng.exponential(size=300) - 700)
importance("few", rng.normal(size=25))
importance("flat", np.where(np.arange(200) % 4 == 0, -1000.0, 0.01 * rng.normal(size=200)))


def chains(name, x):
    x = np.round(x, 4)
    put(f"{name}_chains", x)
    put(f"{name}_shape", x.shape)
    put(f"{name}_rhat", arviz.rhat(x))
    put(f"{name}_bulk", arviz.ess(x, method="bulk"))
    put(f"{name}_tail", arviz.ess(x, method="tail"))


def autoregressive(m, n, rho):
    x = np.zeros((m, n))
    x[:, 0] = rng.normal(size=m)
    for i in range(1, n):
        x[:, i] = rho * x[:, i - 1] + np.sqrt(1 - rho * rho) * rng.normal(size=m)
    return x


chains("free", rng.normal(size=(4, 100)))
chains("slow", autoregressive(4, 101, 0.9))
chains("antithetic", autoregressive(3, 80, -0.6))
chains("apart", rng.normal(size=(4, 60)) + np.array([[0], [0], [0], [1.5]]))
chains("spread", rng.normal(size=(4, 60)) * np.array([[1], [1], [1], [4]]))
chains("heavy", rng.standard_cauchy(size=(4, 90)))
chains("one", autoregressive(1, 120, 0.5))
