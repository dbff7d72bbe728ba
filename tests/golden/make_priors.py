# SPDX-License-Identifier: Apache-2.0
"""priors.csv, by SciPy: python3 make_priors.py > priors.csv

A line a prior and point: "prior";kind;at;value. Kinds: density (log density at a point), quantile (the point below which
a share `at` of the draws lies).
"""
import numpy as np
from scipy import stats

S = {
    "normal": lambda mean, sd: stats.norm(mean, sd),
    "lognormal": lambda mean, sd: stats.lognorm(sd, scale=np.exp(mean)),
    "uniform": lambda lower, upper: stats.uniform(lower, upper - lower),
    "gamma": lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    "beta": stats.beta,
    "exponential": lambda rate: stats.expon(scale=1 / rate),
    "half_normal": lambda sd: stats.halfnorm(scale=sd),
    "student_t": lambda degrees, location, scale: stats.t(degrees, location, scale),
}
PRIORS = [
    ("normal", (0.3, 2.0), None), ("normal", (-1e6, 1e-3), None),
    ("lognormal", (-0.9, 0.5), None), ("lognormal", (2, 3), None),
    ("uniform", (0, 1), None), ("uniform", (-3.5, 12), None),
    ("gamma", (6, 1 / 0.3), None), ("gamma", (0.3, 2), None), ("gamma", (250, 10), None),
    ("beta", (2, 5), None), ("beta", (0.4, 0.7), None), ("beta", (300, 40), None),
    ("exponential", (3.5,), None), ("half_normal", (0.7,), None),
    ("student_t", (3, 1, 2), None), ("student_t", (0.8, -1, 0.5), None), ("student_t", (1000, 0, 1), None),
    ("normal", (0, 1), (0, 2)), ("normal", (0, 1), (-0.2, 0.1)), ("normal", (0, 1), (6, np.inf)),
    ("normal", (0, 1), (-np.inf, -20)), ("normal", (0, 1), (35, 35.5)), ("normal", (5, 2), (-3, 1)),
    ("lognormal", (-0.9, 0.5), (0.2, 1)), ("lognormal", (-0.9, 0.5), (2, np.inf)),
    ("uniform", (0, 1), (0.9, 7)), ("gamma", (2, 1), (0, 0.5)), ("gamma", (0.3, 1), (8, np.inf)),
    ("gamma", (50, 2), (10, 18)), ("beta", (2, 5), (0.5, 1)), ("beta", (0.5, 0.5), (0.2, 0.3)),
    ("normal", (0, 1), (1, 1 + 1e-8)), ("normal", (0, 1), (-30, -30 + 1e-9)), ("gamma", (2, 1), (3, 3 + 1e-7)),
    ("exponential", (2,), (3, 4)), ("half_normal", (1,), (1, np.inf)),
    ("student_t", (3, 0, 1), (10, np.inf)), ("student_t", (5, 0, 1), (-np.inf, 0)), ("student_t", (2, 0, 1), (-4, 1)),
]
SHARES = np.arange(1, 20) / 20


def number(x):
    return {np.inf: "inf", -np.inf: "-inf"}.get(x, repr(float(x)))


def quantiles(d, lower, upper):
    """In the smaller tail, so that nothing is lost far out."""
    if d.cdf(lower) > 0.5:
        a, b = d.sf(lower), d.sf(upper)
        return d.isf(a + SHARES * (b - a))
    a, b = d.cdf(lower), d.cdf(upper)
    return d.ppf(a + SHARES * (b - a))


def log_mass(d, lower, upper):
    if d.cdf(lower) > 0.5:
        a, b = d.logsf(upper), d.logsf(lower)
    else:
        a, b = d.logcdf(lower), d.logcdf(upper)
    return b + np.log1p(-np.exp(a - b))


for name, arguments, cut in PRIORS:
    d = S[name](*arguments)
    text = f"{name}({', '.join(map(number, arguments))})"
    lower, upper, mass = *d.support(), 0.0
    if cut:
        text = f"truncated({text}, {number(cut[0])}, {number(cut[1])})"
        lower, upper = max(lower, cut[0]), min(upper, cut[1])
        mass = log_mass(d, lower, upper)
    at = quantiles(d, lower, upper)
    if cut and upper - lower < 1e-6:  # the density is that of its middle, to 1e-7
        at = lower + SHARES * (upper - lower)
        mass = d.logpdf(0.5 * (lower + upper)) + np.log(upper - lower)
    for share, x in zip(SHARES, at):
        print(f'"{text}";quantile;{share:.2f};{float(x)!r}')
    for x in at[[0, 4, 9, 14, 18]]:
        print(f'"{text}";density;{float(x)!r};{float(d.logpdf(x) - mass)!r}')
for a, x in (([1, 2, 3], [0.2, 0.3, 0.5]), ([0.5, 0.5, 4], [0.01, 0.04, 0.95])):
    text = f"dirichlet({', '.join(map(str, a))})"
    print(f'"{text}";dirichlet;{" ".join(map(repr, x))};{float(stats.dirichlet(a).logpdf(x))!r}')
