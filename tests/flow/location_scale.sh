#!/usr/bin/env bash
# The location-scale study in full: at most 0.05 nats from the true posterior (2,000 held-out data sets, a grid in two
# dimensions), calibration error at most 0.03 and ranks inside the simultaneous band for both parameters.
. "$(dirname "$0")/lib.sh"
gap=$2
cp "$here/../../cluster/studies/location-scale/study.yaml" .
"$infermill" run study.yaml
OPENBLAS_NUM_THREADS=1 "$gap" location-scale/amortizer.h5 2000 0.05
cat location-scale/metrics.csv
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { if ($at["calibration_error"] > 0.03 || $at["ecdf_inside"] != 1) bad = 1 } END { exit bad }' \
    location-scale/metrics.csv || fail "not calibrated within the limits"
echo passed
