# SPDX-License-Identifier: Apache-2.0
"""The truth: a line with known noise and normal priors has a normal posterior, in closed form."""
import csv

import h5py
import numpy as np
import scorecard

SUMMARY = {"points": "deep_set"}
INFERENCE = "coupling_flow"
FREE, DESIGN = 2, 2
SHORT = {"rows": 12000, "epochs": 12}
PARAMETERS = ("intercept", "slope")
PRIOR_SD = np.array([3.0, 5.0])
KL = {True: 1.5, False: 0.15}  # nats, of the draws' mean and covariance against the truth
# (chance alone gives 0.003)


def prepare(run):
    scorecard.plugin(run, "regression")


def exact(points, noise):
    x = np.stack([np.ones(len(points)), points[:, 0]], axis=1)
    covariance = np.linalg.inv(np.diag(PRIOR_SD**-2) + x.T @ x / noise**2)
    return covariance @ (x.T @ points[:, 1]) / noise**2, covariance


def divergence(draws, mean, covariance):
    """Kullback-Leibler, of the normal distribution with the draws' mean and covariance from the true one."""
    difference, ours = draws.mean(1) - mean, np.cov(draws)
    solved = np.linalg.solve(covariance, ours)
    return 0.5 * (np.trace(solved) - np.log(np.linalg.det(solved)) - len(mean)
                  + difference @ np.linalg.solve(covariance, difference))


def check_hubble(run):
    draws, ids = run.posterior()
    with open(run.path("hubble.csv")) as file:
        rows = list(csv.DictReader(file))
    for i, name in enumerate(ids):
        mine = [row for row in rows if row["view"] == name]
        points = np.array([[float(row["distance"]), float(row["velocity"])] for row in mine])
        mean, covariance = exact(points, float(mine[0]["own_motion"]))
        gap = divergence(np.stack([draws[p][i] for p in PARAMETERS]), mean, covariance)
        run.check(f"Hubble, {name}: posterior against the closed form", gap <= 2 * KL[run.short],
                  f"{gap:.4f} nats; slope {draws['slope'][i].mean():.2f} +- {draws['slope'][i].std():.2f},"
                  f" true {mean[1]:.2f} +- {covariance[1, 1]**0.5:.2f}")


def check_held_out(run):
    """Inferred as real data are: from a file, with the design in it."""
    held_out = run.held_out()
    n, noise = held_out["length"].reshape(-1), held_out["design"][:, 1]
    points = held_out["observables"]["points"].reshape(len(n), -1, 2)
    with h5py.File(run.path("held_out_data.h5"), "w") as file:
        file["observables/points"], file["length/points"], file["design/noise"] = points, n, noise
    run.need(run.program, "infer", run.study, "--data", "held_out_data.h5", "--out", "held_out_posterior.h5", "--draws",
             "1000")
    draws, ids = run.posterior(run.path("held_out_posterior.h5"))
    gaps = [divergence(np.stack([draws[p][i] for p in PARAMETERS]), *exact(points[i, :n[i]].astype(float), noise[i]))
            for i in map(int, ids)]
    by_size = [np.mean(np.array(gaps)[(n >= low) & (n < high)]) for low, high in ((10, 30), (30, 60), (60, 101))]
    run.check("held-out data: posterior against the closed form", np.mean(gaps) <= KL[run.short],
              f"{np.mean(gaps):.4f} nats ({', '.join(f'{g:.4f}' for g in by_size)} for n below 30, 60, 101)")


def check_refusals(run):
    """A setting that was never trained on gets a verdict, and no posterior."""
    with open(run.path("far.csv"), "w") as file:
        file.write("view,own_motion,distance,velocity\n" + "".join(f"far,9,{x / 10},{x / 3}\n" for x in range(20)))
    run.need(run.program, "infer", run.study, "--data", "far.csv", "--out", "far.h5")
    draws, _ = run.posterior(run.path("far.h5"))
    with h5py.File(run.path("far.h5")) as file:
        reason = scorecard.text_of(file, "verdict/reason")
    run.check("noise outside the design: no posterior", np.isnan(draws["slope"]).all() and "noise" in reason, reason)


def truth(run):
    check_hubble(run)
    check_held_out(run)
    check_refusals(run)
