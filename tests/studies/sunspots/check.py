# SPDX-License-Identifier: Apache-2.0
"""The truth: long Markov chains on the exact likelihood (tests/reference/plugin_posterior.c)."""
import csv
import io

import numpy as np
from scorecard import plugin

SUMMARY = {"y": "window_network"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 4, 0
SHORT = {"rows": 16000, "epochs": 20, "batch_size": 64}
# The real series has more memory than two years, so that it looks like few simulated ones (a_8 of series_features.h lies four
# standard deviations off), and a network is sure only of what it has seen; six simulated series are held to more.
OFF = {True: 1.0, False: 0.6}          # of a posterior mean, in posterior sds: the real series
OFF_SIMULATED = {True: 0.6, False: 0.2}  # root mean square over simulated ones
WIDE = {True: 0.4, False: 0.1}         # of a posterior sd


def prepare(run):
    plugin(run, "ar2")


def reference(run, data, draws):
    """Mean and sd by series and parameter."""
    said = run.need(run.tools["reference"], "--draws", str(draws), run.path("ar2.so"), run.path(data), "series", "root")
    return {(r["id"], r["parameter"]): (float(r["mean"]), float(r["sd"])) for r in csv.DictReader(io.StringIO(said))}


def compare_real(run, draws, true):
    for (_, name), (mean, sd) in true.items():
        x = draws[name][0]
        off, ratio = (x.mean() - mean) / sd, x.std(ddof=1) / sd
        run.check(f"{name} against a Markov chain", abs(off) <= OFF[run.short] and abs(ratio - 1) <= WIDE[run.short],
                  f"{x.mean():.3f} ({x.std(ddof=1):.3f}), true {mean:.3f} ({sd:.3f}): off {off:+.2f} sd, sd ratio {ratio:.2f}")


def compare_simulated(run):
    code, said = run.infermill("infer", run.study, "--data", "simulated.csv", "--out", "simulated.h5")
    run.check("simulated series are inferred", code == 0, said if code else "")
    draws, ids = run.posterior(run.path("simulated.h5"))
    true = reference(run, "simulated.csv", 10000)
    for name in draws:
        off = [(draws[name][i].mean() - true[key, name][0]) / true[key, name][1] for i, key in enumerate(ids)]
        ratio = [draws[name][i].std(ddof=1) / true[key, name][1] for i, key in enumerate(ids)]
        rms = np.sqrt(np.mean(np.square(off)))
        run.check(f"{name} of {len(ids)} simulated series against Markov chains",
                  rms <= OFF_SIMULATED[run.short] and abs(np.mean(ratio) - 1) <= WIDE[run.short],
                  f"off {rms:.2f} sd (root mean square), sd ratios {min(ratio):.2f} to {max(ratio):.2f}")


def truth(run):
    draws, _ = run.posterior()
    compare_real(run, draws, reference(run, "sunspots.csv", 20000))
    compare_simulated(run)
    phi1, phi2 = draws["pac1"][0] * (1 - draws["pac2"][0]), draws["pac2"][0]
    period = 2 * np.pi / np.arccos(phi1 / (2 * np.sqrt(-phi2)))
    run.check("a cycle of 10 to 12 years", 10 < np.median(period) < 12,
              f"phi1 {phi1.mean():.2f}, phi2 {phi2.mean():.2f}, period {np.median(period):.1f} years")
