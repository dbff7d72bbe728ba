#!/usr/bin/env bash
# Posterior draws against reference draws: those of one distribution can not be told apart, those whose means are 1 apart in
# one of two coordinates as well as can be, Phi(1/2) = 0.69; files that do not fit are refused with the reason.
. "$(dirname "$0")/lib.sh"
python=$2
"$python" -c 'import h5py' 2>/dev/null || { echo "skipped: needs h5py"; exit 77; }
"$python" - <<'PY'
import h5py
import numpy as np
rng = np.random.default_rng(5)
ours = rng.normal(size=(3, 1, 1000, 2)) * [1, 5]
ours[2] = np.nan  # a data set without a posterior
reference = rng.normal(size=(3, 1500, 2)) * [1, 5]
reference[1, :, 0] += 1
with h5py.File("posterior.h5", "w", track_order=True) as f:
    f["posterior/dataset"] = np.arange(3)
    for k, name in enumerate(("b", "a")):
        f[f"posterior/{name}"] = ours[..., k]
with h5py.File("reference.h5", "w") as f:
    f["reference_posterior"] = reference.astype("f4")
with h5py.File("chains.h5", "w") as f:  # as ArviZ writes them: by name, several chains
    for k, name in enumerate(("b", "a")):
        f[f"posterior/{name}"] = reference[..., k].reshape(3, 3, 500)
with h5py.File("other.h5", "w") as f:
    f["posterior/c"] = f["posterior/b"] = ours[..., 0]
with h5py.File("fewer.h5", "w") as f:
    f["reference_posterior"] = reference[:2]
with h5py.File("nothing.h5", "w") as f:
    f["x"] = 1
PY
"$infermill" compare posterior.h5 reference.h5 --json >one.json
"$infermill" compare posterior.h5 chains.h5 --json >two.json
"$python" - <<'PY'
import json
for name in ("one.json", "two.json"):
    r = json.load(open(name))
    same, apart, none = r["data_sets"]
    # accuracy errors are 0.01; 4 of them, and 0.015 for what a network does not learn from 1,500 rows
    assert abs(same["c2st"] - 0.5) < 0.055, same
    assert abs(apart["c2st"] - 0.6915) < 0.055 and abs(apart["auc"] - 0.7602) < 0.055, apart
    assert none["c2st"] is None and r["compared"] == 2
    assert abs(r["mean"] - (same["c2st"] + apart["c2st"]) / 2) < 1e-12
PY
expect 0 'mean C2ST 0.[56].* of 2 data sets' "$infermill" compare posterior.h5 reference.h5
expect 2 'parameter b is not in|parameter a is not in' "$infermill" compare posterior.h5 other.h5
expect 2 'has 3 data sets, fewer.h5 2' "$infermill" compare posterior.h5 fewer.h5
expect 1 'neither /reference_posterior' "$infermill" compare posterior.h5 nothing.h5
expect 1 'missing.h5' "$infermill" compare posterior.h5 missing.h5
expect 2 'better thousands' "$infermill" compare posterior.h5 reference.h5 --draws 50
echo passed
