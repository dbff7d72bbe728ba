#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# sbibm.sh INFERMILL STUDY.yaml FOLDER [--work DIR] [-j RANKS] [--observations N] [--draws N]
#
# One row of the benchmark's table. STUDY.yaml is of a built-in task (two_moons, slcp, gaussian_linear, sir) and infers
# observations.h5, which is made here from FOLDER/TASK.h5 (`observation`, `reference_posterior`). Simulates, trains and infers
# in a scratch folder (DIR is kept and resumed), then compares the draws of each observation with the reference's: c2st.py,
# 10,000 draws of ten observations if not told otherwise. PYTHON names an interpreter with h5py and scikit-learn.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
infermill=$(realpath "$1") study=$(realpath "$2") folder=$(realpath "$3")
shift 3
work= ranks=1 options=()
while [ $# -gt 0 ]; do
    case $1 in
    --work) work=$2 ;;
    -j) ranks=$2 ;;
    --observations | --draws) options+=("$1" "$2") ;;
    *) echo "sbibm.sh: what is \"$1\"?" >&2; exit 2 ;;
    esac
    shift 2
done
if [ -z "$work" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
cd "$work"
cp "$study" study.yaml
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

value() { sed -n "s/.*\b$1: *\([A-Za-z0-9_.-]*\).*/\1/p" study.yaml | head -1; }
task=$(value builtin)
"$python" - "$folder/$task.h5" <<'PYTHON'
import sys
import h5py
import numpy as np
x = h5py.File(sys.argv[1])["observation"][()]
if sys.argv[1].endswith("slcp.h5"): # four draws of two numbers
    x = x.reshape(-1, 4, 2)
with h5py.File("observations.h5", "w") as out:
    out["x"] = x.astype(np.float32)
PYTHON

"$infermill" simulate study.yaml -j "$ranks"
"$infermill" train study.yaml -j "$ranks"
"$infermill" infer study.yaml -j "$ranks" --unverified "compared with the reference posterior" 2>&1 | tee infer.log
posterior=$(value study)/posterior.h5
"$python" "$here/c2st.py" "$posterior" "$folder/$task.h5" "${options[@]}" | tee c2st.log

rate=$(sed -n 's/.* \([0-9.,]*\) data sets\/s.*/\1/p' infer.log | tail -1)
"$python" - "$task" "$(value rows)" "$(value study)" "${rate//,/}" $(tail -1 c2st.log) <<'PYTHON'
import json
import sys
import h5py
task, rows, folder, rate, _, score, error = sys.argv[1:]
history = json.load(open(f"{folder}/history.json"))
seconds, loss = round(history["seconds"][-1]), history["validation_loss"][history["best_epoch"] - 1]
draws = float(rate) * h5py.File(f"{folder}/posterior.h5")["posterior/draw"].size
print(f"| {task} | {int(rows):,} | {seconds // 60}:{seconds % 60:02} | {loss:.3f} | {draws:,.0f} | "
      f"{float(score):.3f} +- {float(error):.3f} |")
PYTHON
