#!/usr/bin/env bash
# The benchmark's harness (tests/reference/sbibm.sh) on its easiest task, small: 10,000 simulations and 3 epochs, against
# draws made here of the exact posterior N(x / 2, 0.05 I) of an observation. 500 draws of each hide a small difference from
# the classifier: its score has a standard error of 0.016 around 0.5, and is to be within 0.44 and 0.60. The prior's draws
# score 0.9.
. "$(dirname "$0")/lib.sh"
python=$2
[ -n "$python" ] && [ -x "$python" ] || { echo "skipped: no Python given"; exit 77; }
mkdir reference
"$python" - <<'PYTHON'
import h5py
import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(0, 0.2**0.5, (1, 10))
with h5py.File("reference/gaussian_linear.h5", "w") as out:
    out["observation"] = x
    out["reference_posterior"] = x[:, None] / 2 + rng.normal(0, 0.05**0.5, (1, 500, 10))
PYTHON
study gaussian_linear 'model: {builtin: gaussian_linear}' 'bank: {rows: 10000}' \
    'network: {summary: {type: identity}, inference: {depth: 1, width: 32, hidden_layers: 1}}' \
    'train: {epochs: 3, batch_size: 64, slices: 2, learning_rate: 0.005, weight_decay: 0.5}' \
    'infer: {data: observations.h5, draws: 500}'
PYTHON=$python bash "$here/../reference/sbibm.sh" "$infermill" gaussian_linear.yaml reference --work work \
    --observations 1 --draws 500 | tee row
awk -F'|' 'END { score = $7 + 0; exit !(score > 0.44 && score < 0.60) }' row || fail "C2ST is not as it should be"
echo passed
