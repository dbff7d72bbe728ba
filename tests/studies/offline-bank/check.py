# SPDX-License-Identifier: Apache-2.0
"""The truth: readings are linear in the powers and normal, so the posterior is normal, and known in closed form."""
import csv
import sys

import h5py
import numpy as np

SUMMARY = {"reading": "identity"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 3, 0
SHORT = {"epochs": 6}
ROWS = 30000
KL = {True: 0.10, False: 0.03}  # nats, of 4,000 draws' mean and covariance against the truth; chance alone gives 0.001


def prepare(run):
    run.need(sys.executable, "simulate.py", "sims.h5", str(ROWS))


def exact(run, reading):
    sys.path.insert(0, run.source)
    import simulate
    noise = np.linalg.inv(np.eye(8) * simulate.NOISE**2)
    covariance = np.linalg.inv(np.eye(3) / simulate.PRIOR_SD**2 + simulate.WEIGHT.T @ noise @ simulate.WEIGHT)
    mean = covariance @ (simulate.PRIOR_MEAN / simulate.PRIOR_SD**2 + simulate.WEIGHT.T @ noise @ reading)
    return mean, covariance


def divergence(draws, mean, covariance):
    """Kullback-Leibler, of the normal distribution with the draws' mean and covariance from the true one."""
    difference, ours = draws.mean(1) - mean, np.cov(draws)
    solved = np.linalg.solve(covariance, ours)
    return 0.5 * (np.trace(solved) - np.log(np.linalg.det(solved)) - len(mean)
                  + difference @ np.linalg.solve(covariance, difference))


def check_posterior(run, what, draws, readings):
    gaps = [divergence(np.stack([draws[f"power_{k}"][i] for k in (1, 2, 3)]), *exact(run, readings[i]))
            for i in range(len(readings))]
    run.check(f"{what}: posterior against the closed form", np.mean(gaps) <= KL[run.short],
              f"{np.mean(gaps):.4f} nats, at most {np.max(gaps):.4f}, of {len(gaps)} data sets")


def check_messages(run):
    code, said = run.infermill("simulate", "study.yaml", "--rows", "50000")
    run.check("more rows than there are can not be simulated, and the message says what to do",
              code == 2 and "set bank.rows to 30000" in said, f"exit {code}")
    code, said = run.infermill("simulate", "study.yaml", "--check", "10")
    run.check("nor can rows be simulated again", code == 2 and "not simulated here" in said, f"exit {code}")


def truth(run):
    with h5py.File(run.path("sims.h5")) as file, h5py.File(run.result("amortizer.h5")) as amortizer:
        rows = np.asarray(amortizer["held_out_rows"])
        same = np.array_equal(np.asarray(file["observables/reading"])[rows],
                              run.held_out()["observables"]["reading"].reshape(len(rows), -1))
    run.check("held-out data sets are the file's rows that the amortizer names", same, f"{len(rows)} rows")
    draws, ids = run.posterior()
    with open(run.path("plates.csv")) as file:
        plates = {row["plate"]: [float(row[f"s{k}"]) for k in range(1, 9)] for row in csv.DictReader(file)}
    check_posterior(run, "real data", draws, np.array([plates[name] for name in ids]))
    readings = run.held_out()["observables"]["reading"].reshape(-1, 8)[:200]
    with open(run.path("held_out.csv"), "w") as file:
        file.write("plate," + ",".join(f"s{k}" for k in range(1, 9)) + "\n")
        for i, reading in enumerate(readings):
            file.write(f"{i}," + ",".join(f"{x:.7g}" for x in reading) + "\n")
    run.need(run.program, "infer", run.study, "--data", "held_out.csv", "--out", "held_out_posterior.h5")
    draws, ids = run.posterior(run.path("held_out_posterior.h5"))
    check_posterior(run, "held-out data", draws, readings[[int(name) for name in ids]])
    check_messages(run)
