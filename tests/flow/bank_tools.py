# bank_tools.py WHAT ARGS...: looks at what `infermill bank` wrote with h5py, NumPy and csv, and writes files for it to import.
import csv
import glob
import json
import sys

import h5py
import numpy as np


def leaves(group):
    """{"parameters/v": array, ...} of a file or of all shards of a bank."""
    found = {}
    group.visititems(lambda name, item: found.__setitem__(name, item[...]) if isinstance(item, h5py.Dataset) else None)
    return found


def shards(bank):
    parts = [leaves(h5py.File(path)) for path in sorted(glob.glob(bank + "/shards/*.h5"))]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def seconds(bank):
    return np.concatenate([h5py.File(path)["seconds"][...] for path in sorted(glob.glob(bank + "/costs/*.h5"))])


def same(a, b, names, where):
    for name in names:
        assert a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name], equal_nan=True), (where, name)


def values_of(bank):
    return [name for name in bank if name != "row/index"]


def check_export(bank, file):
    """The flat file holds the rows of the shards, and says what they are."""
    there, rows = leaves(h5py.File(file)), shards(bank)
    same(there, rows, rows, file)
    assert np.array_equal(there["row/seconds"], seconds(bank))
    with h5py.File(file) as opened:
        with h5py.File(bank + "/shards/0000000.h5") as shard:
            for name in ("model", "fingerprint", "seed", "status_names"):
                assert opened.attrs[name] == shard.attrs[name], name
        assert "seed: " in opened.attrs["origin"].decode()
        assert opened["observables/y"].attrs["kind"] == b"set"


def check_csv(bank, file):
    rows, measured = shards(bank), seconds(bank)
    with open(file, newline="") as opened:
        lines = list(csv.DictReader(opened))
    assert len(lines) == len(measured)
    for i, line in enumerate(lines):
        assert int(line["row.index"]) == i and float(line["row.seconds"]) == measured[i]
        for name in ("v", "a", "t0"):
            assert float(line[name]) == rows["parameters/" + name][i]
        n = int(float(line["n"]))
        assert n == rows["design/n"][i] == rows["length/y"][i]
        y = np.array([line["y.%d" % k] for k in range(400)])
        assert np.array_equal(y[:n].astype(float).astype(np.float32), rows["observables/y"][i, :n, 0])
        assert (y[n:] == "").all()
    try:
        import pandas
    except ImportError:
        return
    table = pandas.read_csv(file)
    assert np.array_equal(table["v"], rows["parameters/v"]) and (table["row.status"] == "done").all()


def check_same(bank, other):
    """Two banks hold the same rows, counted alike."""
    a, b = shards(bank), shards(other)
    same(a, b, a, other)
    assert np.array_equal(seconds(bank), seconds(other))


def check_merged(merged, *banks):
    whole, parts = shards(merged), [shards(bank) for bank in banks]
    assert np.array_equal(whole["row/index"], np.arange(len(whole["row/index"])))
    for name in values_of(whole):
        assert np.array_equal(whole[name], np.concatenate([part[name] for part in parts])), name
    assert np.array_equal(seconds(merged), np.concatenate([seconds(bank) for bank in banks]))


def check_info(bank, file):
    """Quantiles as NumPy computes them from costs/."""
    said, measured = json.load(open(file)), seconds(bank)
    told = said["outcomes"]["seconds"]
    assert np.allclose(told["all"], np.quantile(measured, told["levels"]), rtol=1e-12), told
    assert said["rows"] == len(measured) and said["outcomes"]["status"]["done"] == len(measured)


def check_failures(file):
    """What write_failing wrote: the fifth of largest `a` fails, a tenth of the rest of a half."""
    outcomes = json.load(open(file))["outcomes"]
    assert outcomes["status"]["nonfinite"] == 1000, outcomes["status"]
    best = max(outcomes["regions"], key=lambda cell: cell["contrast"])
    assert best["parameter"] == "a" and best["bin"] == 4 and best["to"] is None, best
    assert abs(best["above"] - 4000.5) <= 1 and best["share"] == 1, best
    assert outcomes["nan_parameters"] == {"b": {"nonfinite": 1000}}, outcomes["nan_parameters"]


def write_failing():
    with open("failing.yaml", "w") as out:
        out.write("name: m\nversion: '1'\nparameters:\n  - name: a\n  - name: b\n"
                  "observables:\n  - name: x\n    kind: vector\n    dims: [2]\n")
    with open("failing.csv", "w") as out:
        out.write("a,b,x[0],x[1]\n")
        for i in range(5000):
            out.write("%d,%s,1,2\n" % (i + 1, "nan" if i >= 4000 else i % 7))


def write_numpy(bank):
    """The bank's rows as NPY, of other widths and of other layouts of HDF5."""
    rows = shards(bank)
    theta = np.stack([rows["parameters/" + name] for name in ("v", "a", "t0")], axis=1)
    y, n = rows["observables/y"], rows["design/n"]
    np.save("theta.npy", theta)
    np.save("y.npy", y[:, :, 0])
    for width in ("i4", "i8", "f4"):
        np.save("n_%s.npy" % width, n.astype(width))
    np.save("fortran.npy", np.asfortranarray(theta))
    np.save("short.npy", theta[:-1])
    np.save("wide.npy", np.hstack([theta, theta]))
    with h5py.File("matrix.h5", "w") as out:
        out["parameters"], out["y"], out["n"] = theta, y.astype("f8"), n.astype("u2")
    with h5py.File("flat.h5", "w") as out:
        for k, name in enumerate(("v", "a", "t0")):
            out[name] = theta[:, k]
        out["y"], out["length/y"] = np.where(y == 0, np.nan, y), n.astype("i2")
    with h5py.File("uneven.h5", "w") as out:
        out["parameters"], out["y"], out["n"] = theta, y[:-1], n
    with h5py.File("nameless.h5", "w") as out:
        out["v"], out["a"], out["y"], out["n"] = theta[:, 0], theta[:, 1], y, n
    with h5py.File("outside.h5", "w") as out:
        bad = theta.copy()
        bad[17, 1] = -2.5
        out["parameters"], out["y"], out["n"] = bad, y, n
    with h5py.File("narrow.h5", "w") as out:
        out["parameters"], out["y"], out["n"] = theta, y[:, :60], n


def check_values(bank, other):
    """As check_same, where nothing was measured."""
    a, b = shards(bank), shards(other)
    same(a, b, a, other)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
