# SPDX-License-Identifier: Apache-2.0
"""Writes adamw.csv: weights and their average after each step of AdamW (Loshchilov and Hutter 2019, algorithm 2), with
clipping by the global norm, in float64. The weights are a decayed 5 x 4 matrix and a bias of 3; see tests/nn/test_adamw.c."""
import numpy as np

n, steps, rate = 23, 12, 0.02
beta1, beta2, epsilon, weight_decay, clip, average_decay = 0.9, 0.99, 1e-3, 0.1, 1.2, 0.6
i = np.arange(n)
w = (i % 5 - 2) / 4
decay = np.where(i < 20, weight_decay, 0)
m, v, average = np.zeros(n), np.zeros(n), w.copy()
rows = []
for t in range(1, steps + 1):
    g = ((7 * i + 3 * t) % 11 - 5) / 8 / t
    norm = np.sqrt((g**2).sum())
    g = g * min(1, clip / norm)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    w = w - rate * (m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon) + decay * w)
    d = min(average_decay, (1 + t) / (10 + t))
    average = d * average + (1 - d) * w
    rows.append(np.concatenate([[norm], w, average]))
np.savetxt("adamw.csv", rows, fmt="%.12g", delimiter=",")
