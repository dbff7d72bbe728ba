# SPDX-License-Identifier: Apache-2.0
"""Golden values of the log densities of the built-in simulators: python3 make_simulator_density.py (needs SciPy)

ddm_density.csv        v, a, t0, signed reaction time, log prior, log likelihood of one trial (lapse included).
                       First passage of a Wiener process from a / 2 through 0 by the method of images (Feller 1968,
                       volume 1, XIV.6), general starting point, all terms, in 300 digits.
location_scale_density.csv   mu, sigma, log prior, log likelihood of the numbers in VALUES, by scipy.stats
"""
import math
from decimal import Decimal as D, getcontext
from pathlib import Path

import numpy as np
from scipy import stats

getcontext().prec = 300
PI = D("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651")
FOLDER = Path(__file__).parent
VALUES = [-1.5, 0.25, 0.75, 3.0]


def through_zero(t, v, a, z):
    """Density of the time at which a Wiener process with drift v, started at z, meets 0 before a."""
    total, k = D(0), 0
    while True:
        terms = [(z + 2 * j * a) * (-(z + 2 * j * a) ** 2 / (2 * t)).exp() for j in {k, -k}]
        total += sum(terms)
        if max(abs(x) for x in terms) < D(10) ** -280:
            break
        k += 1
    return total * (-v * z - v * v * t / 2).exp() / (2 * PI * t**3).sqrt()


def ddm(v, a, t0, y):
    v, a, t0, y = D(v), D(a), D(t0), D(y)
    t, density = abs(y) - t0, D(0)
    if t > 0:
        density = D("0.95") * through_zero(t, -v if y > 0 else v, a, a / 2)
    if abs(y) <= 5:
        density += D("0.05") / 2 / 5
    return float(density.ln())


def ddm_log_prior(v, a, t0):
    return stats.norm(0, 2).logpdf(v) + stats.gamma(6, scale=0.3).logpdf(a) + stats.gamma(4, scale=0.1).logpdf(t0)


def main():
    cases = [(0.0, 1.0, 0.25), (1.0, 1.8, 0.4), (-2.5, 2.5, 0.3), (6.0, 0.7, 0.15), (0.1, 5.0, 0.5), (-0.4, 0.3, 0.2)]
    times = [0.1, 0.5, 0.51, 0.6, 0.75, 1.0, 1.4375, 2.0, 3.5, 4.75, 5.5, 9.0]
    with open(FOLDER / "ddm_density.csv", "w") as out:
        out.write("v,a,t0,y,log_prior,log_likelihood\n")
        for v, a, t0 in cases:
            for i, time in enumerate(times):
                y = float(np.float32(time)) * (-1) ** i
                out.write(f"{v!r},{a!r},{t0!r},{y!r},{ddm_log_prior(v, a, t0):.17g},{ddm(v, a, t0, y):.17g}\n")
    with open(FOLDER / "location_scale_density.csv", "w") as out:
        out.write("mu,sigma,log_prior,log_likelihood\n")
        for mu, sigma in [(0.0, 1.0), (1.5, 0.07), (-2.0, 4.0), (0.3, 0.55)]:
            prior = stats.norm.logpdf(mu) + stats.gamma(2, loc=0.05, scale=0.5).logpdf(sigma)
            likelihood = math.fsum(stats.norm(mu, sigma).logpdf(VALUES))
            out.write(f"{mu!r},{sigma!r},{prior:.17g},{likelihood:.17g}\n")


if __name__ == "__main__":
    main()
