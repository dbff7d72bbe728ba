# SPDX-License-Identifier: Apache-2.0
"""adapter.csv, by NumPy: python3 make_adapter.py > adapter.csv

A line a matrix: kind;side;lower triangle by rows;free numbers. Of a covariance the free numbers come from its Cholesky
factor (numpy.linalg), of a correlation matrix they are arctanh of partial correlations, computed without a factor: of i and j
given 0 .. j-1, from the inverse of the matrix of those variables alone.
"""
import numpy as np


def covariance_free(s):
    l = np.linalg.cholesky(s)
    l[np.diag_indices_from(l)] = np.log(np.diag(l))
    return l[np.tril_indices_from(l)]


def partial(r, i, j):
    """Correlation of i and j given 0 .. j-1."""
    at = list(range(j + 1)) + [i]
    p = np.linalg.inv(r[np.ix_(at, at)])
    return -p[-2, -1] / np.sqrt(p[-2, -2] * p[-1, -1])


def correlation_free(r):
    return np.array([np.arctanh(partial(r, i, j)) for i in range(len(r)) for j in range(i)])


def main():
    rng = np.random.default_rng(20)
    for k in (1, 2, 3, 5):
        for _ in range(3):
            a = rng.normal(size=(k + 2, k)) * rng.uniform(0.1, 3, size=k)
            s = a.T @ a
            write("covariance", k, s[np.tril_indices(k)], covariance_free(s))
            if k > 1:
                sd = np.sqrt(np.diag(s))
                r = s / np.outer(sd, sd)
                write("correlation", k, r[np.tril_indices(k, -1)], correlation_free(r))


def write(kind, k, x, u):
    print(kind, k, " ".join(repr(float(v)) for v in x), " ".join(repr(float(v)) for v in u), sep=";")


if __name__ == "__main__":
    main()
