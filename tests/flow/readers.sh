#!/usr/bin/env bash
# readers.sh PROGRAM [PYTHON]: other people's programs open our files: xarray, ArviZ and h5py. Skipped without a Python that
# has them (cmake -DINFERMILL_PYTHON=/path/to/python3).
. "$(dirname "$0")/lib.sh"
python=${2:-}
if [ -z "$python" ] || ! "$python" -c 'import arviz, h5netcdf, h5py, numpy, xarray' 2>said; then
    echo "skipped: INFERMILL_PYTHON names no interpreter with h5py, xarray, h5netcdf and arviz"
    exit 77
fi
people 3 >people.csv
printf 'few,1\nfew,2\n' >>people.csv
study small 'model: {builtin: location_scale}' 'bank: {rows: 1000, seed: 3, shard_rows: 512}' \
    'train: {epochs: 2, batch_size: 64, validation_rows: 100}' \
    'diagnose: {datasets: 300, draws: 50, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1}' \
    'infer: {data: people.csv, columns: {y: value}, draws: 150}'
"$infermill" run small.yaml -j 2 -q >table
"$infermill" infer small.yaml -j 1 -q --out again.h5 --json >table.json
"$python" "$here/readers.py" . || fail "a reader"
echo passed
