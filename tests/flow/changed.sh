#!/usr/bin/env bash
# changed.sh PROGRAM: what was changed after training is found, and told in words that say what to do: the prior in the
# study, the prior in the simulator, the simulator itself.
. "$(dirname "$0")/lib.sh"

mkdir -p include/infermill
cp "$here/../../workers/simulator.h" include/infermill/
cp "$here/../studies/regression/regression.c" line.c

# build [sed program]: the simulator, changed by it
build() {
    sed "${1:-}" line.c >changed.c
    cc -O2 -shared -fPIC -Iinclude changed.c -o line.so -lm
}
settings=('bank: {path: bank, rows: 1000}' 'train: {epochs: 1, validation_rows: 100}' 'diagnose: {datasets: 200, draws: 50, minimum_datasets: 200, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
    'infer: {data: points.csv, columns: {points: [x, y]}, design: {noise: noise}}')
awk 'BEGIN { print "id,noise,x,y"; for (i = 0; i < 20; i++) print "a,1," i / 10 "," i % 3 }' >points.csv

build
study plain 'model: {plugin: ./line.so}' "${settings[@]}"
"$infermill" run plain.yaml -j 2 -q

# the simulator is another one under the same name and version: the noise, the prior
for change in 's/+ d\[NOISE\] \*/+ 2 * d[NOISE] */' 's/theta\[1\] = 5 \*/theta[1] = 1 +/'; do
    build "$change"
    rm -f plain/held_out.h5 plain/gate.json
    expect 1 'the simulator is not the one that bank bank was made by: [0-9]+ of 8 of its rows.*Give it a new version' \
        "$infermill" diagnose plain.yaml -j 2
    [ ! -e plain/gate.json ] || fail "a gate record by another simulator"
    expect 3 'gate' "$infermill" infer plain.yaml -j 2
    expect 1 'came out differently when simulated again' "$infermill" simulate plain.yaml --check 20 -j 2
done
sed -i 's/minimum_datasets/recheck_rows: 0, minimum_datasets/' plain.yaml
expect 0 'gate passes' "$infermill" diagnose plain.yaml -j 2 # it was asked not to look
build
rm plain/held_out.h5 plain/gate.json
"$infermill" run plain.yaml -j 2 -q

# another version is another model
build 's/.version = "1"/.version = "2"/'
expect 1 'another model' "$infermill" run plain.yaml -j 2
build

# the study has another prior than the weights were trained under
prior='parameters: {intercept: normal(0, 3), slope: normal(0, 5)}'
study given 'model: {plugin: ./line.so}' "$prior" 'bank: {path: given-bank, rows: 1000}' "${settings[@]:1}"
"$infermill" run given.yaml -j 2 -q
sed 's/normal(0, 5)/normal(0, 1)/' given.yaml >narrow.yaml
sed '/^parameters/d' given.yaml >none.yaml
for command in run simulate train; do
    expect 1 'another model.*slope: prior normal\(0, 5\) against normal\(0, 1\)' "$infermill" $command narrow.yaml -j 2
done
expect 1 'was trained for another model: parameter slope: prior normal\(0, 5\) against normal\(0, 1\)' \
    "$infermill" diagnose narrow.yaml -j 2
expect 1 'trained under another prior than narrow.yaml has: parameter slope: normal\(0, 5\) in training, now normal\(0, 1\)' \
    "$infermill" infer narrow.yaml -j 2
expect 1 "another prior than none.yaml has: parameter intercept: normal\(0, 3\) in training, now the simulator's own" \
    "$infermill" infer none.yaml -j 2
expect 0 'nothing to do' "$infermill" infer given.yaml -j 2
echo passed
