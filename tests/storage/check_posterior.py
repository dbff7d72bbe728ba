# SPDX-License-Identifier: Apache-2.0
"""Opens a posterior file with xarray, ArviZ and h5py and compares it with the formulas of test_posterior_file.c.

usage: check_posterior.py WRITER        (the test program, which writes the example)
"""
import os
import subprocess
import sys
import tempfile
import warnings

import arviz
import h5py
import numpy as np
import xarray

DATASETS, DRAWS, REFUSED = 5, 101, 2
IDS = {"integers": [0, 7, -3, 12, 100], "texts": ["0", "anna", "012", "Müller", "1e3"]}


def expected():
    i = np.arange(DATASETS)[:, None]
    k = np.arange(DRAWS)[None, :]
    drift = i + np.sin(k)
    t0 = 0.01 * k * (i + 1) - drift
    drift[REFUSED] = t0[REFUSED] = np.nan
    return {"drift": drift, "t0": t0}


def check_draws(posterior, ids):
    assert posterior["drift"].dims == ("dataset", "chain", "draw"), posterior["drift"].dims
    assert list(posterior["dataset"].values) == ids, posterior["dataset"].values
    assert list(posterior["chain"].values) == [0]
    assert list(posterior["draw"].values) == list(range(DRAWS))
    for name, value in expected().items():
        np.testing.assert_allclose(posterior[name].values[:, 0, :], value, rtol=1e-14, atol=1e-14)


def check_summary(path):
    with xarray.open_dataset(path, group="summary", engine="h5netcdf") as summary:
        assert summary["correlation"].dims == ("dataset", "parameter", "parameter_2")
        assert list(summary["parameter"].values) == ["drift", "t0"]
        for i in set(range(DATASETS)) - {REFUSED}:
            r = np.corrcoef(expected()["drift"][i], expected()["t0"][i])
            np.testing.assert_allclose(summary["correlation"].values[i], r, atol=1e-12)
    for name, value in expected().items():
        with xarray.open_dataset(path, group=f"summary/{name}", engine="h5netcdf") as one:
            assert one["mean"].dims == ("dataset",)
            np.testing.assert_allclose(one["mean"], value.mean(1), atol=1e-12)
            np.testing.assert_allclose(one["sd"], value.std(1, ddof=1), atol=1e-12)
            for column, q in (("median", 0.5), ("q025", 0.025), ("q975", 0.975)):
                np.testing.assert_allclose(one[column], np.quantile(value, q, axis=1), atol=1e-12)


def check_verdict(path):
    with xarray.open_dataset(path, group="verdict", engine="h5netcdf") as verdict:
        assert list(verdict["accepted"].values) == [1, 1, 0, 1, 1]
        assert list(verdict["reason"].values) == ["", "", "rt is negative in line 7", "", ""]
        assert list(verdict["n"].values) == [50, 51, 52, 53, 54]
        np.testing.assert_allclose(verdict["distance"], 0.5 * np.arange(5))
        np.testing.assert_allclose(verdict["p_value"], [1, 1 / 2, np.nan, 1 / 4, 1 / 5])
        np.testing.assert_allclose(verdict["edge_share"], 0.001 * np.arange(5))
        np.testing.assert_allclose(verdict["prior_edge_share"], [0, 0.25, 0.5, np.nan, 1])
        assert list(verdict["rung"].values) == ["amortized", "psis", "", "none", "mcmc"]
        np.testing.assert_allclose(verdict["khat"], 0.1 * np.arange(5))
        np.testing.assert_allclose(verdict["ess"], [np.nan, 100, 200, 300, 400])
        np.testing.assert_allclose(verdict["rhat"], [np.nan] * 4 + [1.002])
        assert verdict["prior_edge_share"].dims == ("dataset",)


def check_arviz(path, ids):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # groups beyond ArviZ's own list are taken, with a warning
        data = arviz.from_netcdf(path)
    check_draws(data.posterior, ids)
    accepted = data.posterior.isel(dataset=[0, 1])
    table = arviz.summary(accepted, kind="stats", round_to="none")
    first = f"drift[{ids[0]}]"
    np.testing.assert_allclose(table.loc[first, "mean"], expected()["drift"][0].mean(), atol=1e-12)


def check_h5py(path, unverified):
    with h5py.File(path) as f:
        assert f["posterior/t0"].dtype == np.float64 and f["posterior/t0"].shape == (DATASETS, 1, DRAWS)
        assert f.attrs["weights"] == b"9f3c21ab77e0d154" and f.attrs["gate"] == b"passed"
        assert f.attrs["study"] == b"study: reaction-times\n" and b"infermill" in f.attrs["software"]
        assert ("unverified" in f.attrs) == ("note" in f.attrs) == unverified


def check_arrays(writer):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "posterior.h5")
        subprocess.run([writer, path, "arrays"], check=True)
        i, k, p = np.ogrid[:DATASETS, :DRAWS, :8]
        value = i + k / 8 + p / 128.0
        value[REFUSED] = np.nan
        image = value[:, :, 1:7].reshape(DATASETS, DRAWS, 2, 3)
        with xarray.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
            assert posterior["image"].dims == ("dataset", "chain", "draw", "image_dim_0", "image_dim_1")
            assert posterior["mu"].dims == ("dataset", "chain", "draw")
            np.testing.assert_array_equal(posterior["image"].values[:, 0], image)
        with xarray.open_dataset(path, group="summary", engine="h5netcdf") as summary:
            assert list(summary["parameter"].values) == ["mu", "sigma"]
        with xarray.open_dataset(path, group="summary/image", engine="h5netcdf") as one:
            assert one["sd"].dims == ("dataset", "image_dim_0", "image_dim_1"), one["sd"].dims
            np.testing.assert_allclose(one["sd"], image.std(1, ddof=1), atol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = arviz.from_netcdf(path)
        table = arviz.summary(data.posterior.isel(dataset=[0]), kind="stats", round_to="none")
        np.testing.assert_allclose(table.loc["image[0, 1, 2]", "mean"], image[0, :, 1, 2].mean())
        print("arrays: xarray and ArviZ agree")


def main(writer):
    check_arrays(writer)
    for kind, ids in IDS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "posterior.h5")
            subprocess.run([writer, path, kind], check=True)
            assert os.listdir(folder) == ["posterior.h5"], os.listdir(folder)
            with xarray.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
                check_draws(posterior, ids)
            check_summary(path)
            check_verdict(path)
            check_arviz(path, ids)
            check_h5py(path, kind == "texts")
            print(f"{kind}: xarray, ArviZ and h5py agree")


main(sys.argv[1])
