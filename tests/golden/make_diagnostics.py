#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes diagnostics.txt: draws, truths and the numbers that NumPy and SciPy give for them.

One line an array: name, count, values. Formulas are those of the headers in diagnostics/.
    python3 make_diagnostics.py > diagnostics.txt     (NumPy 2.4.6, SciPy 1.17.1)
"""
from fractions import Fraction
from math import comb, factorial

import numpy as np
from scipy import stats, special

rng = np.random.default_rng(42)


def put(name, values):
    values = np.ravel(np.asarray(values, dtype=float))
    print(name, len(values), *[repr(float(v)) for v in values])


def data(n, s, d):
    """Well calibrated, too narrow and biased, uninformative; rounded, so that there are ties."""
    truth = rng.normal(size=(n, d)) * np.array([1.0, 3.0, 0.2]) + np.array([0.0, 10.0, 0.5])
    sd = np.array([0.3, 0.5, 0.2])
    centre = truth + rng.normal(size=(n, d)) * sd * np.array([1, 1.4, 0]) + np.array([0, 0.4, 0])
    centre[:, 2] = 0.5
    draws = centre[:, None, :] + rng.normal(size=(n, s, d)) * sd
    return np.round(draws, 2), np.round(truth, 2)


def calibration_error(x, t):
    alphas = np.linspace(0.005, 0.995, 20)
    low, high = (1 - alphas) / 2, 1 - (1 - alphas) / 2
    cover = (np.quantile(x, low, axis=1) <= t) & (t <= np.quantile(x, high, axis=1))
    return np.median(np.abs(cover.mean(1) - alphas))


def share(x, t, level):
    tail = (1 - level) / 2
    return np.mean((np.quantile(x, tail, axis=1) <= t) & (t <= np.quantile(x, 1 - tail, axis=1)))


def correlation(x, t):
    return np.median([np.corrcoef(x[:, j], t)[0, 1] for j in range(x.shape[1])])


def coverage(x, t):
    n, s = x.shape
    x = np.sort(x, axis=1)
    out = []
    for j in range(s + 2):
        k = round((s + 1) * (j / (s + 1)))
        low = round(s / 2 - k / 2)
        high = low + k - 1
        low, high = min(max(low, 0), s - 1), min(max(high, 0), s - 1)
        hits = int(np.sum((x[:, low] <= t) & (t <= x[:, high])))
        band = stats.beta.ppf([0.025, 0.975], hits + 1, n - hits + 1)
        out.append([(high - low + 1) / (s + 1), hits / n, *band])
    return np.array(out).T


def gamma(counts, n, z):
    z = np.asarray(z)
    return 2 * np.min(np.minimum(stats.binom.cdf(counts, n, z), 1 - stats.binom.cdf(counts - 1, n, z)), axis=-1)


def null_gammas(n, z, simulations):
    u = np.sort(rng.uniform(size=(simulations, n)), axis=1)
    return gamma(np.stack([np.searchsorted(row, z, side="right") for row in u]), n, z)


def log_gamma_statistic(ranks, n, s):
    i = np.arange(1, s + 2)
    return gamma(np.sum(ranks[:, None] < i, axis=0), n, i / (s + 1))


def prior_error(t, s):
    other = t[rng.integers(len(t), size=(len(t), s))]
    return np.median(np.sqrt(np.mean((other - t[:, None]) ** 2, axis=1)))


n, s, d = 40, 21, 3
draws, truth = data(n, s, d)
put("shape", [n, s, d])
put("draws", draws)
put("truth", truth)
fractional = np.mean(draws < truth[:, None], axis=1)
put("fractional", fractional)
put("integer", np.sum(draws < truth[:, None], axis=1))
put("histogram", np.stack([np.histogram(fractional[:, k], 10, (0, 1))[0] for k in range(d)]))
put("histogram_band", stats.binom.ppf([0.005, 0.995], n, 0.1))
put("deviation", [stats.kstest(fractional[:, k], "uniform").statistic for k in range(d)])
put("quantiles", [np.quantile(draws[0, :, 0], q) for q in np.linspace(0, 1, 37)])
put("calibration_error", [calibration_error(draws[..., k], truth[:, k]) for k in range(d)])
put("coverage_50", [share(draws[..., k], truth[:, k], 0.5) for k in range(d)])
put("coverage_95", [share(draws[..., k], truth[:, k], 0.95) for k in range(d)])
put("coverage", np.stack([coverage(draws[..., k], truth[:, k]) for k in range(d)]))
put("correlation", [correlation(draws[..., k], truth[:, k]) for k in range(d)])
put("contraction", np.median(np.clip(1 - draws.var(1, ddof=1) / truth.var(0, ddof=1), 0, 1), axis=0))
put("z_score", np.median((draws.mean(1) - truth) / draws.std(1, ddof=1), axis=0))
error = np.median(np.sqrt(np.mean((draws - truth[:, None]) ** 2, axis=1)), axis=0)
put("rmse", error)
put("nrmse_range", error / np.ptp(truth, axis=0))
put("nrmse_std", error / truth.std(0))
put("nrmse_mean", error / truth.mean(0))
put("nrmse_median", error / np.median(truth, axis=0))
put("nrmse_iqr", error / (np.quantile(truth, 0.75, axis=0) - np.quantile(truth, 0.25, axis=0)))
prior = np.array([[prior_error(truth[:, k], s) for k in range(d)] for _ in range(2000)])
put("prior_error_mean", prior.mean(0))
put("prior_error_sd", prior.std(0))
put("bias", np.mean(draws.mean(1) - truth, axis=0) / truth.std(0, ddof=1))
z = np.linspace(1e-5, 1 - 1e-5, n)
put("gamma", [gamma(np.sum(fractional[:, k][:, None] <= z, axis=0), n, z) for k in range(d)])
put("log_gamma_statistic", [log_gamma_statistic(np.sum(draws[..., k] < truth[:, [k]], axis=1), n, s) for k in range(d)])

# critical gammas, from 20,000 simulations
for name, size, points in (("null_300", 300, np.linspace(1e-5, 1 - 1e-5, 300)),
                           ("null_5000", 5000, np.linspace(1e-5, 1 - 1e-5, 100))):
    g = null_gammas(size, points, 20000)
    put(name, [size, len(points), *np.quantile(g, [0.01, 0.05, 0.5])])

cases = [(10, 0.3), (300, 1e-5), (1000, 0.5), (1000, 0.999), (20000, 0.37), (100000, 0.02), (1000000, 0.5)]
rows = []
for size, p in cases:
    sd = np.sqrt(size * p * (1 - p))
    for shift in (-5, -2, 0, 1.5, 4):
        k = min(max(int(size * p + shift * sd), 0), size)
        rows.append([size, p, k, stats.binom.cdf(k, size, p), stats.binom.pmf(k, size, p)])
put("binomial", rows)
put("binomial_quantile", [[size, p, q, stats.binom.ppf(q, size, p)] for size, p in cases
                          for q in (1e-6, 0.0025, 0.31, 0.9, 0.99999)])
put("beta", [[a, b, q, special.betaincinv(a, b, q)] for a, b in ((1, 301), (51, 251), (2001, 1), (0.5, 0.5), (950, 1052))
             for q in (0.025, 0.5, 0.975)])

x = rng.normal(size=(30, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.2], [0, 0, 2]])
x = x.astype(np.float32).astype(float)
covariance = np.cov(x.T)
probe = np.array([1.0, -2.0, 3.0])
put("summaries", x)
put("summaries_mean", x.mean(0))
put("summaries_cholesky", np.linalg.cholesky(covariance))
put("distance", np.sqrt((probe - x.mean(0)) @ np.linalg.solve(covariance, probe - x.mean(0))))
left = []
for i in range(len(x)):
    rest = np.delete(x, i, axis=0)
    e = x[i] - rest.mean(0)
    left.append(np.sqrt(e @ np.linalg.solve(np.cov(rest.T), e)))
put("distance_left_out", np.sort(left))

# observed and simulated summaries: two samples compared, and what summaries know of parameters
misfit = np.random.default_rng(38)
scales = [1e-6, 1.5848931924611134e-5, 2.5118864315095795e-4, 3.9810717055349734e-3, 0.06309573444801933, 1,
          15.848931924611133, 251.18864315095797, 3981.0717055349733, 63095.73444801933, 1e6]


def kernel(x, y, gaussian):
    square = np.sum((x[:, None] - y[None]) ** 2, -1)
    if gaussian:
        return sum(np.exp(-np.sqrt(square) / (2 * s)) for s in scales)
    return sum(s / (square + s) for s in scales)


def mmd(x, y, gaussian=False):
    return kernel(x, x, gaussian).mean() + kernel(y, y, gaussian).mean() - 2 * kernel(x, y, gaussian).mean()


few, many = misfit.normal(size=(12, 3)) * 1.3 + 0.4, misfit.normal(size=(300, 3))
put("mmd_few", few)
put("mmd_many", many)
put("mmd", [mmd(few, many), mmd(few, many, True), mmd(many, many[:7]), mmd(few[:1], many[:1])])
null = [mmd(many[misfit.integers(len(many), size=len(few))], many) for _ in range(3000)]
put("mmd_threshold", [np.quantile(null, 0.95), np.quantile(null, 0.97) - np.quantile(null, 0.93)])

known = misfit.normal(size=(200, 2)) @ np.array([[1, 0.4], [0, 0.7]])
learned = known @ misfit.normal(size=(2, 5)) + misfit.normal(size=(200, 5)) * np.array([0.2, 1, 3, 0.5, 1])
learned = learned.astype(np.float32).astype(float)


def root(c):
    value, vector = np.linalg.eigh(c + 1e-8 * np.eye(len(c)))
    return vector @ np.diag(value ** -0.5) @ vector.T


def canonical(s, t):
    c = np.cov(np.hstack([s, t]).T)
    d = s.shape[1]
    return np.linalg.svd(root(c[:d, :d]) @ c[:d, d:] @ root(c[d:, d:]), compute_uv=False)


put("canonical_summaries", learned)
put("canonical_parameters", known)
put("canonical", canonical(learned, known))
put("canonical_turned", canonical(known.astype(np.float32).astype(float), learned))


def beta_binomial(n, a, b, k):
    """P(X >= k), in whole numbers; SciPy's own is 1 - cdf, which is 0 for small ones."""
    def beta(x, y):
        return Fraction(factorial(x - 1) * factorial(y - 1), factorial(x + y - 1))
    return float(sum(comb(n, j) * beta(a + j, n - j + b) for j in range(k, n + 1)) / beta(a, b))


tails = [(14, 51, 950, 3), (100, 51, 950, 12), (50, 1, 1000, 4), (50, 5, 20, 1), (60, 16, 286, 60)]
put("beta_binomial", [[*t, beta_binomial(*t)] for t in tails])
put("beta_binomial_large", stats.betabinom.pmf(np.arange(5600, 100001), 100000, 51, 950).sum())


def tarp(shift):
    """Counts of draws nearer to the reference than the truth, and the peer's ATC and p-value."""
    unit = truth.std(0)
    reference = np.roll(truth, -shift, axis=0)
    nearer = np.linalg.norm((draws - reference[:, None]) / unit, axis=-1) < \
        np.linalg.norm((truth - reference) / unit, axis=-1)[:, None]
    count, edge = np.histogram(nearer.mean(1), bins=20)
    covered = np.concatenate([[0], np.cumsum(count) / len(truth)])
    atc = np.sum((covered - edge)[10:]) * (edge[1] - edge[0])
    return nearer.sum(1), atc, stats.ks_2samp(covered, edge, method="exact").pvalue


shifts = [tarp(shift) for shift in range(1, n)]
put("tarp_nearer", [row[0] for row in shifts])
put("tarp_peer", [row[1:] for row in shifts])
put("two_sample_p", [stats.ks_2samp(np.arange(21), np.arange(21) + k - 0.5, method="exact").pvalue for k in range(1, 22)])


def normal_scores(x):
    return stats.norm.ppf((stats.rankdata(x) - 0.5) / len(x))


def explained(z, y):
    """Best R2 of ridge over penalties, every data set left out in turn."""
    z = z - z.mean(0)
    z = z / np.linalg.norm(z, axis=0)
    out = []
    for penalty in (1e-3, 1e-2, 1e-1, 1, 10):
        error = []
        for i in range(len(y)):
            a, b = np.delete(z, i, axis=0), np.delete(y, i)
            x = np.column_stack([np.ones(len(b)), a])
            w = np.linalg.solve(x.T @ x + penalty * np.diag([0] + [1] * z.shape[1]), x.T @ b)
            error.append(y[i] - w[0] - z[i] @ w[1:])
        rest = [y[i] - np.delete(y, i).mean() for i in range(len(y))]
        out.append(1 - np.sum(np.square(error)) / np.sum(np.square(rest)))
    return max(0, *out)


features = np.column_stack([truth + rng.normal(size=(n, d)) * np.array([0.5, 2, 0.3]), rng.integers(3, size=n), np.ones(n)])
features = features.astype(np.float32).astype(float)
put("features", features)
put("feature_scores", normal_scores(features[:, 3]))
put("normal_quantile", stats.norm.ppf([1e-9, 0.001, 0.02, 0.03, 0.3, 0.5, 0.9, 0.9999]))
z = np.column_stack([normal_scores(features[:, f]) for f in range(4)])
rows = []
for k in range(d):
    twice = np.sum(draws[..., k] < truth[:, [k]], axis=1) + np.sum(draws[..., k] <= truth[:, [k]], axis=1)
    rows.append([explained(z, y) for y in (normal_scores(twice), normal_scores(np.abs(twice - s)), truth[:, k])])
put("dependence", rows)
