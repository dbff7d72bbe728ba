#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes predictive.txt: data sets and what NumPy says about them, for the statistics of diagnostics/predictive_statistic.h.

One line an array: name, count, values.
    python3 make_predictive.py > predictive.txt     (NumPy 2.4.6)
"""
import numpy as np

rng = np.random.default_rng(7)


def put(name, values):
    values = np.ravel(np.asarray(values, dtype=float))
    print(name, len(values), *[repr(float(v)) for v in values])


def series(x):
    """In the order of predictive_statistic_t, from the mean on."""
    there = x[~np.isnan(x)]
    m = there.mean()
    d = np.where(np.isnan(x), 0, x - m)
    return [m, there.std(ddof=1), there.min(), *np.quantile(there, [0.1, 0.5, 0.9]), there.max(),
            (d[1:] * d[:-1]).sum() / (d * d).sum(), np.nanmax(np.abs(np.diff(x)))]


x = np.cumsum(rng.normal(size=(37, 2)), axis=0).astype(np.float32).astype(float)
put("walk", x)
put("walk_statistics", [series(x[:, 0]), series(x[:, 1])])
x[[3, 4, 20], 0] = np.nan
put("holes_statistics", series(x[:, 0]))
wide = rng.normal(size=(5, 20)).astype(np.float32).astype(float)
put("wide", wide)
put("wide_statistics", series(wide.ravel())[:7])
