#!/usr/bin/env bash
# adapter.sh PROGRAM COMMANDS [PYTHON]: a study whose parameters are a simplex, ascending and correlations, with missing
# values, a label, joined, dropped and noisy observables, from the simulator to the posterior of real data. With a Python that
# has h5py the draws are looked at.
. "$(dirname "$0")/lib.sh"
commands=$2 python=${3:-}
cp "$commands/mixture.py" .

# what every study below says; the adapter's list is the first argument, the epochs are the second
mixture() {
    printf '%s\n' 'model: {command: [python3, mixture.py]}' "adapter: [$1]" \
        'bank: {path: bank, rows: 1500, shard_rows: 512, seed: 4}' \
        "train: {epochs: $2, batch_size: 64, validation_rows: 150}" \
        'diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1}' \
        'infer: {data: people.csv, columns: {y: y, label: label, z: [a, b, c]}, draws: 200}'
}
list='{simplex: [w1, w2, w3]}, {ordered: [mu1, mu2, mu3]}, {correlation: {of: [r21, r31, r32]}}, {log: [sigma]}'
list="$list, {one_hot: {label: 3}}, {nan_to_mask: [y]}, {concatenate: {of: [y, label, z], into: person}}"
list="$list, {drop: [aux, nuisance]}, {subsample: {person: 0.9}}, {noise: {person: {spike: 0.01, slab: 0.1}}}"

# p0 and p1 miss a number, p3 has a label that there is not, p4 is without gaps
awk 'BEGIN { srand(2); print "id,y,label,a,b,c"; for (p = 0; p < 5; p++) for (i = 0; i < 40 + 5 * p; i++)
    print "p" p "," (i == 3 && p < 2 ? "" : rand() * 4 - 2) "," (p == 3 && i == 5 ? 7 : i % 3) "," rand() "," rand() "," rand() }' >people.csv

for ranks in 1 2; do
    study "ranks-$ranks" "$(mixture "$list" 3)"
    "$infermill" run "ranks-$ranks.yaml" -j "$ranks" -q >"table-$ranks"
done
[ "$(weights ranks-1)" = "$(weights ranks-2)" ] || fail "weights differ on 2 ranks"
cmp table-1 table-2 || fail "metrics or posteriors differ on 2 ranks"
grep -v '^predictive checks' table-1 | grep -q 'nuisance' && fail "a dropped parameter was inferred"
for who in p0 p1 p2 p4; do
    grep -q "^$who .*accepted" table-1 || fail "$who has no posterior"
done
grep -q '^p3 .*no posterior: label\[5\] = 7, expected a whole number of the levels' table-1 || fail "no verdict on p3"
expect 0 'nothing to do' "$infermill" run ranks-2.yaml -j 2

if [ -n "$python" ] && "$python" -c 'import h5py' 2>said; then
    "$python" - ranks-1/posterior.h5 <<'CHECK' || fail "draws outside the support"
import sys
import h5py
import numpy as np
draws = {k: v[0] if v.ndim == 3 else v[...] for k, v in h5py.File(sys.argv[1])["posterior"].items() if k not in ("chain", "dataset", "draw")}
x = {k: np.asarray(v).ravel() for k, v in draws.items()}
ok = ~np.isnan(x["w1"])
x = {k: v[ok] for k, v in x.items()}
assert ok.any() and "nuisance" not in x
assert np.allclose(x["w1"] + x["w2"] + x["w3"], 1, atol=1e-12) and all((x[f"w{k}"] > 0).all() for k in (1, 2, 3))
assert (x["mu1"] < x["mu2"]).all() and (x["mu2"] < x["mu3"]).all() and (x["sigma"] > 0).all()
a, b, c = x["r21"], x["r31"], x["r32"]
assert (1 + 2 * a * b * c - a * a - b * b - c * c > 0).all()
CHECK
fi

# another adapter makes other weights, and one that masks nothing has another model
study other "$(mixture "${list/0.9/0.8}" 3)"
cp -r ranks-1/. other
expect 1 'trained with other settings: adapter: .*subsample: \{person: 0.9\}.* against ' "$infermill" train other.yaml -j 1
study bare "$(mixture "${list/'{nan_to_mask: [y]}, '/}" 1)"
expect 1 'another model.*observable y: values may be missing against must not' "$infermill" train bare.yaml -j 1

# told with file and line, before anything is simulated
study wrong "$(mixture '{simplex: [w1, w2, W3]}' 1)"
expect 2 'wrong.yaml:3: adapter.simplex: there is no "W3" here; did you mean "w3"' "$infermill" simulate wrong.yaml -j 1
study bound "$(mixture '{constrain: {mu1: [-1, 1]}}, {nan_to_mask: [y]}, {drop: [aux]}' 1)"
expect 2 'bound.yaml: adapter: row [0-9]+ of the bank: mu1 = .*expected a number above -1 and below 1' "$infermill" train bound.yaml -j 1
echo passed
