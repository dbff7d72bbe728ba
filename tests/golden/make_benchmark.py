# SPDX-License-Identifier: Apache-2.0
"""Golden values for the four benchmark simulators: python3 make_benchmark.py FOLDER (needs SciPy and h5py)

FOLDER holds TASK.h5 of the benchmark of Lueckmann et al. 2021 (package sbibm): `observation` (10, values), `true_parameters`
(10, d), `reference_posterior` (10, 10000, d).

TASK_density.csv       parameters, values, log prior, log likelihood by scipy.stats; the first row is the benchmark's first
                       observation with the parameters that made it
sir_curves.csv         beta, gamma, ln(p / (1 - p)) of p = I / N on the ten days: DOP853 on (S / N, ln I / N), 1e-13
benchmark_moments.csv  E theta_j (k is -1) and E theta_j theta_k over the reference posterior of the first observation, and
                       the standard error of that mean over its 10,000 draws
"""
import sys
from pathlib import Path

import h5py
import numpy as np
from scipy import integrate, stats

OUT = Path(__file__).parent
rng = np.random.default_rng(5)


def two_moons(theta, x):
    shift = np.array([-abs(theta[0] + theta[1]), theta[1] - theta[0]]) / np.sqrt(2)
    u = x - shift - [0.25, 0]
    radius = np.hypot(*u)
    r = radius if u[0] > 0 else -radius
    # uniform angle over pi, and dx = r dr da
    return stats.uniform(-1, 2).logpdf(theta).sum(), stats.norm(0.1, 0.01).logpdf(r) - np.log(np.pi) - np.log(radius)


def two_moons_cases():
    for theta in rng.uniform(-1, 1, (12, 2)):
        a, r = rng.uniform(-np.pi / 2, np.pi / 2), rng.normal(0.1, 0.02)
        shift = np.array([-abs(theta[0] + theta[1]), theta[1] - theta[0]]) / np.sqrt(2)
        yield theta, shift + [0.25 + r * np.cos(a), r * np.sin(a)]
    yield [0.5, -0.25], [-0.1, -0.5]  # the wrong side of the half circle


def slcp(theta, x):
    s1, s2 = theta[2] ** 2, theta[3] ** 2
    rho = np.tanh(theta[4])
    cov = np.array([[s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2]]) + 1e-6 * np.eye(2)
    return stats.uniform(-3, 6).logpdf(theta).sum(), stats.multivariate_normal(theta[:2], cov).logpdf(x.reshape(4, 2)).sum()


def slcp_cases():
    for theta in rng.uniform(-3, 3, (12, 5)):
        yield theta, (theta[:2] + rng.normal(0, theta[2:4] ** 2, (4, 2))).ravel()
    yield [0, 0, 0.01, -0.02, 2.9], rng.normal(0, 1e-3, 8)


def gaussian_linear(theta, x):
    noise = stats.norm(0, np.sqrt(0.1))
    return noise.logpdf(theta).sum(), noise.logpdf(x - theta).sum()


def gaussian_linear_cases():
    for theta in rng.normal(0, 0.3, (6, 10)):
        yield theta, theta + rng.normal(0, 0.3, 10)


def infected(theta):
    """I / N on the ten days."""
    beta, gamma = theta
    slope = lambda t, y: [-beta * y[0] * np.exp(y[1]), beta * y[0] - gamma]
    days = np.arange(10) * 17.0
    y = integrate.solve_ivp(slope, (0, 153), [1 - 1e-6, np.log(1e-6)], "DOP853", days, rtol=1e-13, atol=1e-15).y
    return np.exp(y[1])


def sir(theta, x):
    prior = stats.lognorm([0.5, 0.2], scale=[0.4, 0.125]).logpdf(theta).sum()
    return prior, stats.binom(1000, infected(theta)).logpmf(x).sum()


def sir_parameters():
    yield from np.exp(np.log([0.4, 0.125]) + rng.normal(size=(14, 2)) * [0.5, 0.2])
    yield from [(3.0, 0.06), (2.5, 0.3), (0.05, 0.25), (0.15, 0.15), (5.0, 0.01)]


def sir_cases():
    for theta in sir_parameters():
        yield theta, rng.binomial(1000, np.clip(infected(theta) * rng.uniform(0.9, 1.1), 0, 1))


def write_density(task, folder):
    density, cases = globals()[task], globals()[task + "_cases"]
    with h5py.File(folder / f"{task}.h5") as f:
        first = f["true_parameters"][0], f["observation"][0]
    with open(OUT / f"{task}_density.csv", "w") as out:
        names = [f"theta{j}" for j in range(len(first[0]))] + [f"x{j}" for j in range(len(first[1]))]
        out.write(",".join(names + ["log_prior", "log_likelihood"]) + "\n")
        for theta, x in [first, *cases()]:
            theta, x = np.asarray(theta, float), np.float32(x).astype(float)
            out.write(",".join(repr(float(v)) for v in [*theta, *x, *density(theta, x)]) + "\n")


def write_curves():
    with open(OUT / "sir_curves.csv", "w") as out:
        out.write("beta,gamma," + ",".join(f"logit{17 * k}" for k in range(10)) + "\n")
        for theta in sir_parameters():
            p = infected(theta)
            out.write(",".join(repr(float(v)) for v in [*theta, *(np.log(p) - np.log1p(-p))]) + "\n")


def write_moments(folder):
    with open(OUT / "benchmark_moments.csv", "w") as out:
        out.write("task,j,k,mean,se\n")
        for task in ["two_moons", "slcp", "gaussian_linear", "sir"]:
            with h5py.File(folder / f"{task}.h5") as f:
                theta = f["reference_posterior"][0].astype(float)
            n, d = theta.shape
            for j, k in [(j, k) for j in range(d) for k in [-1, *range(j, d)]]:
                values = theta[:, j] * (1 if k < 0 else theta[:, k])
                out.write(f"{task},{j},{k},{values.mean():.12g},{values.std(ddof=1) / np.sqrt(n):.6g}\n")


def main():
    folder = Path(sys.argv[1])
    for task in ["two_moons", "slcp", "gaussian_linear", "sir"]:
        write_density(task, folder)
    write_curves()
    write_moments(folder)


if __name__ == "__main__":
    main()
