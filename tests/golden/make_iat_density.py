# SPDX-License-Identifier: Apache-2.0
"""Golden values of iat_ddm's log likelihood: python3 make_iat_density.py (needs mpmath and SciPy)

iat_ddm_density.csv    v, a, t_correct, t_error, signed reaction time (0: one that does not count), log prior of these four
                       (v and a once), log likelihood of the trial.
First passage of a Wiener process from a / 2 by the method of images (Feller 1968, volume 1, XIV.6), general starting point,
in 200 digits (the sums cancel); what does not count is that density integrated numerically, in 40.
"""
from pathlib import Path

import mpmath as mp
import numpy as np
from scipy import stats

mp.mp.dps = 200
EARLIEST, LATEST = mp.mpf("0.3"), mp.mpf(10)


def through_zero(t, v, a):
    """Density of the time at which a Wiener process with drift v, started at a / 2, meets 0 before a."""
    z = a / 2
    images = int(mp.sqrt(2 * t * mp.mp.dps * 2.5) / (2 * a)) + 2
    total = sum((z + 2 * k * a) * mp.exp(-((z + 2 * k * a) ** 2) / (2 * t)) for k in range(-images, images + 1))
    return total * mp.exp(-v * z - v * v * t / 2) / mp.sqrt(2 * mp.pi * t**3)


def between(v, a, low, high):
    """Probability of the passage through 0 in (low, high)."""
    if high <= low:
        return mp.mpf(0)
    places = [low] + [p for p in (a * a * mp.mpf(x) for x in ("0.005", "0.02", "0.08", "0.3", "1")) if low < p < high] + [high]
    return mp.quad(lambda t: through_zero(t, v, a) if t > a * a / 2000 else mp.mpf(0), places)


def late(v, a, low):
    rate = v * v / 2 + mp.pi**2 / (2 * a * a)
    return between(v, a, low, low + 120 / rate)


def uncounted(v, a, t_correct, t_error):
    p = mp.mpf(0)
    for drift, t in ((-v, t_correct), (v, t_error)):
        p += between(drift, a, mp.mpf(0), EARLIEST - t) + late(drift, a, max(LATEST - t, mp.mpf(0)))
    return p


def likelihood(v, a, t_correct, t_error, y):
    v, a, t_correct, t_error, y = (mp.mpf(x) for x in (v, a, t_correct, t_error, y))
    mp.mp.dps = 40 if y == 0 else 200
    if y == 0:
        return mp.log(uncounted(v, a, t_correct, t_error))
    t = abs(y) - (t_correct if y > 0 else t_error)
    return mp.log(through_zero(t, -v if y > 0 else v, a)) if t > 0 else mp.mpf("-inf")


def main():
    cases = [(1.0, 0.9, 0.45, 1.2), (0.05, 2.2, 0.2, 0.1), (4.5, 0.6, 0.25, 0.28), (0.3, 0.4, 0.02, 0.6), (2.0, 1.4, 0.9, 4.0),
             (9.0, 2.5, 0.01, 0.02), (0.7, 1.1, 11.0, 0.5), (0.2, 4.5, 0.5, 9.5)]
    times = [0.31, -0.5, 0.75, -1.25, 2.0, -4.5, 9.5, 0.0]
    with open(Path(__file__).parent / "iat_ddm_density.csv", "w") as out:
        out.write("v,a,t_correct,t_error,y,log_prior,log_likelihood\n")
        for v, a, t_correct, t_error in cases:
            prior = (stats.gamma(2).logpdf(v) + stats.gamma(6, scale=0.15).logpdf(a) + stats.gamma(3, scale=0.15).logpdf(t_correct)
                     + stats.gamma(3, scale=0.5).logpdf(t_error))
            for time in times:
                y = float(np.float32(time))
                value = mp.nstr(likelihood(v, a, t_correct, t_error, y), 17)
                out.write(f"{v!r},{a!r},{t_correct!r},{t_error!r},{y!r},{prior:.17g},{value}\n")


if __name__ == "__main__":
    main()
