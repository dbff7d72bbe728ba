#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody else's simulator: three sources of heat on a plate, read by eight sensors. It wrote its simulations with h5py,
years ago; all that is left is the file.

    python3 simulate.py sims.h5 [rows]
"""
import sys

import h5py
import numpy as np

SOURCES = np.array([[0.2, 0.3], [0.7, 0.2], [0.5, 0.8]])
SENSORS = np.array([[0.1, 0.1], [0.5, 0.1], [0.9, 0.1], [0.1, 0.5], [0.9, 0.5], [0.1, 0.9], [0.5, 0.6], [0.9, 0.9]])
WEIGHT = 0.1 / (0.1 + ((SENSORS[:, None] - SOURCES[None]) ** 2).sum(2))  # (sensor, source)
PRIOR_MEAN, PRIOR_SD, NOISE = 2.0, 1.0, 0.2


def simulate(rng, n):
    power = rng.normal(PRIOR_MEAN, PRIOR_SD, (n, 3))
    return power, power @ WEIGHT.T + rng.normal(0, NOISE, (n, len(SENSORS)))


def main():
    power, reading = simulate(np.random.default_rng(11), int(sys.argv[2]) if len(sys.argv) > 2 else 30000)
    with h5py.File(sys.argv[1], "w") as file:
        for k in range(3):
            file[f"parameters/power_{k + 1}"] = power[:, k]
        file["observables/reading"] = reading.astype("f4")


if __name__ == "__main__":
    main()
