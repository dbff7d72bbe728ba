#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the study reads: digits.bin, the 4,500 digits that the simulator draws from (a byte a pixel), and unseen.h5, 100
of the 500 others as the simulator would see them, with the images that are to be found.

    prepare.py [SIDE]      28, as they are, or 14: means of 2 x 2 pixels
"""
import sys

import h5py
import numpy as np

GRAIN, NOISE, REACH = 0.1, 0.3, 3  # as in digits.c
UNSEEN = 50                        # of each figure, the last of it in the file
REAL = 100                         # of them in unseen.h5, in random order


def blur(images):
    """G x G' of each: the simulator's, written another way."""
    side = images.shape[-1]
    at = np.arange(side)
    apart = at[:, None] - at
    kernel = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) * 28 / side) ** 2).sum()
    g = np.where(abs(apart) <= REACH, np.exp(-0.5 * (apart * 28 / side) ** 2), 0) / kernel
    return g @ images @ g.T


def read(side):
    """Digits to draw from and unseen ones: (n, side, side), 0 to 255."""
    with h5py.File("digits.h5") as file:
        images, labels = np.asarray(file["images"]), np.asarray(file["labels"])
    if side == 14:
        images = np.rint(images.reshape(-1, 14, 2, 14, 2).mean((2, 4))).astype(np.uint8)
    unseen = np.sort(np.concatenate([np.flatnonzero(labels == k)[-UNSEEN:] for k in range(10)]))
    return np.delete(images, unseen, 0), images[unseen]


def main():
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 28
    if side not in (14, 28):
        sys.exit(f"prepare.py: got a side of {side}, expected 28 or 14")
    digits, unseen = read(side)
    rng = np.random.default_rng(1)
    images = rng.permutation(unseen)[:REAL] / 255
    images += GRAIN * rng.standard_normal(images.shape)
    noisy = blur(images) + NOISE * rng.standard_normal(images.shape)
    digits.tofile("digits.bin")
    with h5py.File("unseen.h5", "w") as file:
        file["observables/noisy"] = noisy[..., None].astype(np.float32)
        file["truth/image"] = images.astype(np.float32)


if __name__ == "__main__":
    main()
