# SPDX-License-Identifier: Apache-2.0
"""The truth: images whose digits the simulator never drew. The posterior mean against the best linear estimate, and whether 90 %
intervals of pixels hold 90 % of them."""
import os
import sys

import h5py
import numpy as np
import scorecard

SUMMARY = {"noisy": "direct"}
INFERENCE = "diffusion"
FREE, DESIGN = {True: 14 * 14, False: 28 * 28}, 0
DATASETS = 200
SHORT = {"rows": 8000, "steps": 8}
PICTURES = ["images.png", "images.svg", "pixels.png", "posterior_predictive.png"]
VERDICTS = [r"images\.png", r"pixels\.png"]
BETTER = {True: 0.97, False: 0.90}   # mean squared error, of the linear estimate's at most
COVERAGE = {True: 0.06, False: 0.04}  # off 0.90, of 100 images


def prepare(run):
    side = 14 if run.short else 28
    run.need(sys.executable, "prepare.py", str(side))
    scorecard.plugin(run, "digits", f"-DSIDE={side}")


def observed_as(run):
    sys.path.insert(0, run.source)
    import prepare as how
    return how


def bank_rows(run):
    """Images and what was seen of them: (rows, pixels) each."""
    images, noisy = [], []
    for name in sorted(os.listdir(run.path("bank", "shards"))):
        with h5py.File(run.path("bank", "shards", name)) as file:
            images.append(np.asarray(file["parameters/image"]))
            noisy.append(np.asarray(file["observables/noisy"])[..., 0])
    return np.concatenate(images), np.concatenate(noisy).astype(float)


def check_network(run):
    with h5py.File(run.result("amortizer.h5")) as file:
        network = scorecard.text_of(file, "network")
    run.check("the network inside is a UNet of three stages", "subnet: unet" in network
              and "stage_width: [16, 32, 64]" in network)


def check_simulator(run, images, noisy):
    """Its blur, written twice: what is left is the noise. The sd of n normal numbers is off by its share sqrt(1 / 2n)."""
    how = observed_as(run)
    left = noisy - how.blur(images)
    off = left.std() / how.NOISE - 1
    run.check("the simulator blurs and adds noise as prepare.py does", abs(off) < 5 * np.sqrt(0.5 / left.size)
              and abs(left.mean()) < 5 * how.NOISE / np.sqrt(left.size), f"sd of the rest {left.std():.4f}")


def with_one(x):
    return np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1)


def linear(images, noisy):
    """Least squares of all pixels on all pixels: (pixels + 1, pixels)."""
    x = with_one(noisy)
    return np.linalg.solve(x.T @ x, x.T @ images.reshape(len(images), -1))


def check_mean(run, truth_, draws, estimate):
    ours = ((draws.mean(1) - truth_) ** 2).mean(1)
    theirs = ((estimate - truth_) ** 2).mean(1)
    run.check("unseen digits: the posterior mean is nearer than the best linear estimate",
              ours.mean() <= BETTER[run.short] * theirs.mean(),
              f"mean squared error {ours.mean():.5f}, linear {theirs.mean():.5f}; nearer in {(ours < theirs).sum()} of {len(ours)}")


def check_coverage(run, truth_, draws):
    """Of 19 draws and a truth like them, the truth is neither the lowest nor the highest in 18 of 20 cases."""
    inside = (truth_ >= draws.min(1)) & (truth_ <= draws.max(1))
    unsure = draws.std(1) > 2 * observed_as(run).GRAIN
    for what, which in (("all pixels", inside), ("pixels that may be ink or not", inside[unsure])):
        run.check(f"unseen digits: 90 % intervals, {what}", abs(which.mean() - 0.9) <= COVERAGE[run.short],
                  f"{which.mean():.3f} of {which.size}")


def truth(run):
    check_network(run)
    images, noisy = bank_rows(run)
    check_simulator(run, images, noisy)
    draws, ids = run.posterior()
    with h5py.File(run.path("unseen.h5")) as file:
        unseen, truth_ = np.asarray(file["observables/noisy"]), np.asarray(file["truth/image"], float)
    order = [int(name) for name in ids]
    run.check("unseen digits: each has a posterior of images", draws["image"].shape == (len(unseen), 19, *images.shape[1:])
              and np.isfinite(draws["image"]).all(), f"{len(unseen)} digits, 19 draws")
    draws, truth_ = draws["image"].reshape(len(unseen), 19, -1), truth_.reshape(len(unseen), -1)[order]
    check_mean(run, truth_, draws, with_one(unseen[order]) @ linear(images, noisy))
    check_coverage(run, truth_, draws)
