# SPDX-License-Identifier: Apache-2.0
"""The truth: long Markov chains on the likelihood, whose equations CVODE solves (tests/reference/plugin_posterior.c)."""
import csv
import io
import os
import shutil
import sys

import numpy as np

SUMMARY = {"in_bed": "window_network"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 4, 0
SHORT = {"rows": 60000, "epochs": 6, "batch_size": 128}
# 4,000 draws know a mean to 0.02 sd and an sd of heavy tails to 3 %, the chains a little better.
OFF = {True: 1.0, False: 0.15}    # of a posterior mean, in posterior sds
WIDE = {True: 0.4, False: 0.15}   # of a posterior sd


def prepare(run):
    include = run.path("include", "infermill")
    os.makedirs(include, exist_ok=True)
    shutil.copy(os.path.join(run.source, "..", "..", "..", "workers", "simulator.h"), include)
    code, said = run.call("cc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-I" + run.path("include"), "sir.c", "-o", "sir.so",
                          "-lsundials_cvode", "-lsundials_nvecserial", "-lm")
    if code != 0 and ("cvode/cvode.h" in said or "-lsundials" in said):
        print("skipped: SUNDIALS (Debian: libsundials-dev) is not installed")
        sys.exit(77)
    run.check("the plugin is built", code == 0, said.strip())


def truth(run):
    said = run.need(run.tools["reference"], "--draws", "10000" if run.short else "40000", run.path("sir.so"), run.path("influenza_1978.csv"), "id", "in_bed")
    true = {r["parameter"]: (float(r["mean"]), float(r["sd"])) for r in csv.DictReader(io.StringIO(said))}
    draws, _ = run.posterior()
    for name, (mean, sd) in true.items():
        x = draws[name][0]
        off, ratio = (x.mean() - mean) / sd, x.std(ddof=1) / sd
        run.check(f"{name} against a Markov chain", abs(off) <= OFF[run.short] and abs(ratio - 1) <= WIDE[run.short],
                  f"{x.mean():.3f} ({x.std(ddof=1):.3f}), true {mean:.3f} ({sd:.3f}): off {off:+.2f} sd, sd ratio {ratio:.2f}")
    r0 = draws["beta"][0] / draws["gamma"][0]
    low, high = np.quantile(r0, [0.025, 0.975])
    run.check("a boy infected 3 to 4 others", 3 < np.median(r0) < 4, f"R0 = {np.median(r0):.2f} [{low:.2f}, {high:.2f}]")
