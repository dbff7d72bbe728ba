#!/usr/bin/env bash
# images.sh PROGRAM PLUGINS [PYTHON]: an image is inferred, from the plugin that declares it to a posterior of images; networks
# that can not are refused.
. "$(dirname "$0")/lib.sh"
plugins=$2 python=${3:-}
picture() {
    study "$1" "model: {plugin: $plugins/picture.so}" 'bank: {path: bank, rows: 700, seed: 3, shard_rows: 256}' \
        'train: {epochs: 2, batch_size: 64, validation_rows: 60}' \
        'diagnose: {datasets: 200, draws: 20, minimum_datasets: 200, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}' \
        'infer: {data: rows.h5, draws: 30}' "${@:2}"
}
picture pictures 'network: {size: small, inference: {blocks: 1, solver: euler, steps: 6}}'
"$infermill" simulate pictures.yaml -j 2 -q
expect 0 'every checksum holds' "$infermill" bank verify bank
"$infermill" bank export bank rows.csv -q >said 2>&1 || fail "$(cat said)"
head -1 rows.csv | grep -q ',"image\[0,0\]","image\[0,1\]",' || fail "columns of the CSV: $(head -1 rows.csv)"

# another network, and another size
picture flow 'network: {inference: {type: coupling_flow}}'
expect 2 'image is an image of 6 x 5, and coupling_flow does not see which pixels are neighbours' "$infermill" train flow.yaml -j 1
picture other 'network: {inference: {image_height: 5, image_width: 6}}'
expect 2 'a unet for images of 5 x 6 x 1, but image is 6 x 5' "$infermill" train other.yaml -j 1
picture priors 'parameters: {image: normal(0, 1)}'
expect 2 'image' "$infermill" train priors.yaml -j 1

"$infermill" train pictures.yaml -j 2 -q
expect 0 'image: 30 values, of which 1 never vary and are left out' "$infermill" diagnose pictures.yaml -j 2
for file in images.png images.svg pixels.png calibration_ecdf.png; do
    [ -s "pictures/$file" ] || fail "no $file"
done
[ "$(wc -l <pictures/metrics.csv)" = 31 ] || fail "metrics.csv: $(wc -l <pictures/metrics.csv) lines, expected one for each value"
grep -q 'images.png' pictures/report.md || fail "the report does not show the images"
grep -q 'of which 1 never vary' pictures/report.md || fail "the report says nothing of the array"
grep -q 'array of 6 × 5, each any number' pictures/report.md || fail "the report does not say what was asked"
grep -q '"arrays"' pictures/gate.json || fail "the gate record says nothing of the array"

# the rows of a bank as if they were real
"$infermill" bank export bank rows.h5 -q >said 2>&1 || fail "$(cat said)"
expect 0 'image: means over its 30 values' "$infermill" infer pictures.yaml -j 2
cp pictures/posterior.h5 two.h5
rm pictures/posterior.h5
"$infermill" infer pictures.yaml -j 1 -q >said
if [ -n "$python" ]; then
    "$python" - two.h5 pictures/posterior.h5 rows.h5 <<'EOF' || fail "the posterior file"
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1]) as two, h5py.File(sys.argv[2]) as one, h5py.File(sys.argv[3]) as rows:
    image = np.asarray(one["posterior/image"])
    assert image.shape == (700, 1, 30, 6, 5) and np.isfinite(image).all(), image.shape
    assert np.array_equal(image, np.asarray(two["posterior/image"])), "another number of ranks, other draws"
    assert np.allclose(np.asarray(one["summary/image/mean"]), image[:, 0].mean(1))
    assert rows["parameters/image"].shape == (700, 6, 5), rows["parameters/image"].shape
EOF
fi
echo passed
