# SPDX-License-Identifier: Apache-2.0
"""Opens what a small study left in a folder with xarray, ArviZ and h5py, and checks it against the input and against itself.

usage: readers.py FOLDER        (made by readers.sh)
"""
import csv
import json
import os
import sys
import warnings

import arviz
import h5py
import numpy as np
import xarray

PEOPLE = ["p1", "p2", "p3", "few"]
DRAWS, ROWS, VALIDATION, SHARD_ROWS = 150, 1000, 100, 512


def text(value):
    value = value[()] if isinstance(value, h5py.Dataset) else value
    value = value[0] if isinstance(value, np.ndarray) else value
    return value.decode() if isinstance(value, bytes) else str(value)


def check_draws(posterior):
    assert list(posterior["dataset"].values) == PEOPLE
    for name in ("mu", "sigma"):
        draws = posterior[name].transpose("dataset", "chain", "draw").values
        assert draws.shape == (len(PEOPLE), 1, DRAWS), draws.shape
        assert np.isfinite(draws[:3]).all(), name
        assert np.isnan(draws[3]).all(), "two numbers give no posterior"
    assert (posterior["sigma"].values[:3] > 0.05).all(), "below the bound"


def check_prior_edge(posterior, verdict, amortizer):
    """The largest share of the draws beyond one end of the prior's central 99 %, from the draws and the ends that are kept."""
    with h5py.File(amortizer) as file:
        low, high = file["reach/low"][()], file["reach/high"][()]
    shares = []
    for k, name in enumerate(("mu", "sigma")):
        draws = posterior[name].values[:3, 0]
        shares += [(draws < low[k]).mean(1), (draws > high[k]).mean(1)]
    np.testing.assert_allclose(verdict["prior_edge_share"][:3], np.max(shares, axis=0), atol=1e-15)
    assert np.isnan(verdict["prior_edge_share"][3])


def check_posterior(path, amortizer):
    with xarray.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
        check_draws(posterior)
        mean = posterior["mu"].mean(("chain", "draw")).values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # groups beyond ArviZ's own list are taken, with a warning
        data = arviz.from_netcdf(path)
    check_draws(data.posterior)
    with xarray.open_dataset(path, group="verdict", engine="h5netcdf") as verdict:
        assert list(verdict["accepted"].values) == [1, 1, 1, 0]
        assert list(verdict["n"].values) == [41, 42, 43, 2]
        assert "outside the trained range" in str(verdict["reason"].values[3])
        check_prior_edge(data.posterior, verdict, amortizer)
    with open("table.json") as file:
        table = json.load(file)
    assert [row["id"] for row in table] == PEOPLE and table[3]["mu"]["mean"] is None
    # as many digits as the table has
    np.testing.assert_allclose([row["mu"]["mean"] for row in table[:3]], mean[:3], rtol=1e-8)


def check_amortizer(path, gate):
    with h5py.File(path) as file:
        assert text(file.attrs["format"]) == "infermill amortizer" and file.attrs["format_version"] >= 1
        model = text(file["model"])
        assert "name: location_scale" in model and "- name: sigma" in model
        with open("small.yaml") as study:
            assert text(file["study"]) == study.read()
        assert "infermill" in text(file["software"])
        assert text(file["weights_hash"]) == gate["weights"]
        arrays = []
        file["weights"].visititems(lambda name, item: arrays.append((name, item)) if hasattr(item, "shape") else None)
        assert any(name.startswith("summary") for name, _ in arrays) and any("inference" in name for name, _ in arrays)
        assert all(item.dtype == np.float32 and np.isfinite(item[()]).all() for _, item in arrays)
        scaling = {key: file["scaling"][key][()] for key in ("parameter_mean", "parameter_sd", "design_mean", "design_sd")}
    return scaling


def check_shards(folder, scaling):
    """Shards hold rows 0 to ROWS in order; the stored standardisation is that of the rows trained on."""
    mu, n = [], []
    for k, name in enumerate(sorted(os.listdir(folder))):
        with h5py.File(os.path.join(folder, name)) as file:
            index = file["row/index"][()]
            assert list(index) == list(range(k * SHARD_ROWS, min((k + 1) * SHARD_ROWS, ROWS)))
            assert (file["row/status"][()] == file["row/status"][0]).all()
            length, y = file["length/y"][()], file["observables/y"][()]
            assert (length == file["design/n"][()]).all() and length.min() >= 20 and length.max() <= 200
            assert y.shape == (len(index), 200, 1) and y.dtype == np.float32
            assert all((row[count:] == 0).all() and (row[:count] != 0).any() for row, count in zip(y, length))
            assert (file["parameters/sigma"][()] > 0.05).all()
            mu.extend(file["parameters/mu"][()])
            n.extend(length)
    assert len(mu) == ROWS
    # VALIDATION of the rows were left out, so the means agree within 5 standard errors of that share
    share = 5 * np.sqrt(VALIDATION) / ROWS
    assert abs(scaling["parameter_mean"][0] - np.mean(mu)) < share * np.std(mu)
    assert abs(scaling["design_mean"][0] - np.mean(n)) < share * np.std(n)
    np.testing.assert_allclose(scaling["parameter_sd"][0], np.std(mu), rtol=0.1)


def check_metrics(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2 and any("mu" in row.values() for row in rows), rows


def main():
    os.chdir(sys.argv[1])
    with open("small/gate.json") as file:
        gate = json.load(file)
    assert gate["passed"] is True
    check_posterior("small/posterior.h5", "small/amortizer.h5")
    check_posterior("again.h5", "small/amortizer.h5")
    check_shards("bank/shards", check_amortizer("small/amortizer.h5", gate))
    check_metrics("small/metrics.csv")
    with open("small/history.json") as file:
        json.load(file)


main()
