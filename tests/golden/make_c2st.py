#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes c2st.txt: pairs of samples and how well scikit-learn's MLPClassifier tells them apart in 5-fold cross-validation
(two hidden layers of 10 d, relu, Adam), mean and standard deviation over ten seeds, with its AUC and that of the rows' sums.

One line an array: name, count, values.
    python3 make_c2st.py > c2st.txt     (NumPy 2.4.6, scikit-learn 1.9.1)
"""
import warnings

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore")
rng = np.random.default_rng(9)


def put(name, values):
    values = np.ravel(np.asarray(values, dtype=float))
    print(name, len(values), *[repr(float(v)) for v in values])


def score(x, y, seed):
    z = np.concatenate([x, y])
    z = (z - z.mean(0)) / z.std(0)
    label = np.repeat([0, 1], [len(x), len(y)])
    width = 10 * x.shape[1]
    net = MLPClassifier((width, width), max_iter=1000, random_state=seed)
    p = cross_val_predict(net, z, label, cv=StratifiedKFold(5, shuffle=True, random_state=seed), method="predict_proba")[:, 1]
    return np.mean((p > 0.5) == label), roc_auc_score(label, p)


def banana(n):
    """Mean 0 and unit covariance, as the normal distribution it is compared with."""
    a = rng.normal(size=n)
    return np.stack([a, (a ** 2 - 1 + 0.7 * rng.normal(size=n)) / np.sqrt(2 + 0.49)], 1)


n = 700
corr = np.linalg.cholesky(0.35 + 0.65 * np.eye(4))
pairs = {"banana": (rng.normal(size=(n, 2)), banana(n)),
         "same": (rng.normal(size=(n, 2)), rng.normal(size=(n, 2))),
         "correlated": (rng.normal(size=(n, 4)), rng.normal(size=(n, 4)) @ corr.T)}
for name, (x, y) in pairs.items():
    x, y = np.round(x, 3), np.round(y, 3)
    put(f"{name}_x", x)
    put(f"{name}_y", y)
    scores = np.array([score(x, y, seed) for seed in range(10)])
    put(f"{name}_score", [x.shape[1], *scores.mean(0), *scores.std(0)])
    total = np.floor(np.rint(1000 * np.concatenate([x, y])).sum(1) / 100)  # many ties
    put(f"{name}_auc_of_sums", roc_auc_score(np.repeat([0, 1], n), total))
