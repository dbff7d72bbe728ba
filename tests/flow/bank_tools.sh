#!/usr/bin/env bash
# bank_tools.sh PROGRAM [PYTHON]: banks imported, merged, exported and told about. What needs h5py and NumPy is left out
# without a Python that has them.
. "$(dirname "$0")/lib.sh"
python=${2:-}
if [ -n "$python" ] && ! "$python" -c 'import h5py, numpy' 2>said; then
    python=
fi
look() { [ -z "$python" ] || "$python" "$here/bank_tools.py" "$@" || fail "bank_tools.py $*"; }
bank() { "$infermill" bank "$@"; }
RANDOM=4

for k in 1 2; do
    study "s$k" 'model: {builtin: ddm}' "bank: {path: bank $k, rows: 700, seed: $k, shard_rows: 256}" \
        'train: {validation_rows: 50}'
    "$infermill" simulate "s$k.yaml" -j 2 -q
done
study other 'model: {builtin: location_scale}' 'bank: {path: other, rows: 100, seed: 1, shard_rows: 256}' 'train: {validation_rows: 50, batch_size: 32}'
"$infermill" simulate other.yaml -j 1 -q
cp "bank 1/bank.yaml" declaration.yaml

# What a bank is told to be, by us and by h5py.
expect 0 'seconds a row' bank info "bank 1"
bank info "bank 1" --json >info.json
look check_info "bank 1" info.json
[ -z "$python" ] || "$python" "$here/bank_h5py.py" "bank 1/shards/0000001.h5" || fail "a shard does not explain itself"

# Exported, and imported again.
for kind in h5 csv; do
    bank export "bank 1" "the rows.$kind" 2>said
    expect 2 'is there already' bank export "bank 1" "the rows.$kind"
    bank import "from $kind" --declaration declaration.yaml "the rows.$kind" --shard-rows 256 2>said
    expect 0 'every checksum holds' bank verify "from $kind"
    look check_same "bank 1" "from $kind"
done
look check_export "bank 1" "the rows.h5"
look check_csv "bank 1" "the rows.csv"
expect 2 'ends in none of' bank export "bank 1" rows.parquet
expect 1 'no bank here' bank export nowhere rows.h5
[ -z "$(find . -name '*.part-*')" ] || fail "something was left behind: $(find . -name '*.part-*')"

# The same file is not imported twice; another one becomes more rows.
expect 1 'the rows.h5: was imported into from h5 before, as rows 0 to 699' \
    bank import "from h5" --declaration declaration.yaml "the rows.h5"
bank export "bank 2" two.h5 2>said
expect 0 'has 1400 rows now, 700 of them new' bank import "from h5" --declaration declaration.yaml two.h5
expect 1 'hold the same rows: both were imported' bank import twice --declaration declaration.yaml two.h5 two.h5
[ ! -e twice ] || fail "a refused import left a folder"
look check_merged "from h5" "bank 1" "bank 2"
expect 1 'the bank was simulated' bank import "bank 1" --declaration declaration.yaml two.h5
expect 1 'made by another model than declared: model ddm against location_scale' \
    bank import wrong --declaration other/bank.yaml two.h5
expect 1 'nothing is simulated into it' "$infermill" simulate s1.yaml -j 1 -q --rows 2000 --bank "from h5"

# Merged, from banks that can not be written, one of them grown since.
"$infermill" simulate s2.yaml -j 2 -q --rows 900
chmod -R a-w "bank 1" "bank 2"
bank merge "all of it" "bank 1" "bank 2" 2>said
expect 0 'nothing to do' bank merge "all of it" "bank 1" "bank 2"
chmod -R u+w "bank 1" "bank 2"
expect 0 'every checksum holds' bank verify "all of it"
look check_merged "all of it" "bank 1" "bank 2"
grep -q 'rows: \[700, 1600\]' "all of it/bank.yaml" || fail "no origin of the second bank"
grep -q 'seed: 2$' "all of it/bank.yaml" || fail "no seed of the second bank"
expect 1 'bank 1 and all of it hold the same rows: 0 to 699 of seed 1 are in both' bank merge three "bank 1" "all of it"
expect 1 'hold the same rows: both were imported from a file' bank merge three "from h5" "from h5"
expect 1 'are banks of two models: model ddm against location_scale' bank merge three "bank 1" other
expect 1 'a bank that was simulated is there' bank merge "bank 1" "bank 2"
expect 1 'not a merge of these banks' bank merge "all of it" "bank 2" "bank 1"
expect 1 'nothing is no bank|no bank here' bank merge three nothing
[ ! -e three ] || fail "a refused merge left a folder"
bank merge deep "all of it" "from csv" 2>said
[ "$(grep -c 'first_row: 0' deep/bank.yaml)" -eq 3 ] || fail "the origin of a merge of a merge is not the deepest"
expect 2 'got 1 arguments' bank merge deep
expect 2 'unknown verb "exprt".*did you mean "export"' bank exprt deep x.h5
expect 2 'declaration' bank import new two.h5

# A study uses what was merged, and simulates nothing into it.
study merged 'model: {builtin: ddm}' 'bank: {path: all of it, rows: 1600}' \
    'train: {epochs: 1, validation_rows: 100, batch_size: 64}'
expect 0 'nothing to do' "$infermill" simulate merged.yaml -j 1
expect 0 'train: 1500 rows' "$infermill" train merged.yaml -j 1

# Killed at any moment and called again: the same bytes.
study large 'model: {builtin: ddm}' 'bank: {path: large, rows: 16000, seed: 3, shard_rows: 256}'
"$infermill" simulate large.yaml -j 2 -q
bank export large large.h5 2>said
bank merge whole large "bank 1" 2>said
bank import got --declaration declaration.yaml large.h5 --shard-rows 256 2>said
kills=0
for try in 1 2 3 4; do
    bank merge broken large "bank 1" -j $((1 + try % 2)) >said 2>&1 &
    pid=$!
    until [ -e broken/lock ] || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    [ $try -le 2 ] || sleep "0.$((RANDOM % 3))$((RANDOM % 10))" # the first ones surely find it alive
    if kill -0 $pid 2>/dev/null; then
        kill -KILL $(family $pid) 2>/dev/null || true
        kills=$((kills + 1))
    fi
    end_of $pid
done
bank merge broken large "bank 1" -q
same_shards whole broken
cmp <(sed '/^created/d' whole/bank.yaml) <(sed '/^created/d' broken/bank.yaml) || fail "another origin after a kill"
for try in 1 2 3; do
    bank import torn --declaration declaration.yaml large.h5 --shard-rows 256 >said 2>&1 &
    pid=$!
    until [ -e torn/lock ] || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    [ $try -le 1 ] || sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
    if kill -0 $pid 2>/dev/null; then
        kill -KILL $(family $pid) 2>/dev/null || true
        kills=$((kills + 1))
    fi
    end_of $pid
done
[ $kills -ge 2 ] || fail "only $kills lived long enough to be killed"
# Ranks may outlive a killed launcher for a moment, and go on importing.
while pgrep -f "bank import torn" >said; do sleep 0.1; done
# A shard that is sealed counts, also where it was killed before its line stood in the catalog.
shards() { ls "$1/shards" | grep -c 'h5$' || true; }
if [ "$(bank info torn --json | grep -o '"rows_without_gap": *[0-9]*' | grep -o '[0-9]*$')" -ge 16000 ]; then
    rm -f torn/lock # it was killed with all rows entered
else
    [ "$(shards torn)" -eq "$(shards got)" ] ||
        expect 1 'is not done.*end it first' bank import torn --declaration declaration.yaml two.h5
    bank import torn --declaration declaration.yaml large.h5 -q
fi
same_shards got torn
[ -n "$python" ] || { echo "passed, without h5py"; exit 0; }

# Arrays of NumPy and other layouts of HDF5, and what is wrong with some.
look write_numpy "bank 1"
import() { local to=$1; shift; bank import "$to" --declaration declaration.yaml --shard-rows 256 "$@"; }
import np parameters=theta.npy y=y.npy n=n_i4.npy 2>said
look check_values "bank 1" np
for width in i8 f4; do
    import "np $width" parameters=theta.npy observables/y=y.npy design.n=n_$width.npy 2>said
    look check_values "bank 1" "np $width"
done
for file in matrix flat; do
    import "$file" $file.h5 2>said
    look check_values "bank 1" $file
done
refuse() { local words=$1; shift; expect 1 "$words" import refused "$@"; [ ! -e refused ] || fail "a refused import left a folder"; }
refuse 'fortran.npy: in Fortran order' parameters=fortran.npy y=y.npy n=n_i4.npy
refuse 'n=n_i4.npy: 700 rows, expected 699' parameters=short.npy y=y.npy n=n_i4.npy
refuse 'shape \(rows, 6\), expected \(rows, 3\)' parameters=wide.npy y=y.npy n=n_i4.npy
refuse 'the model has no "z"' parameters=theta.npy y=y.npy n=n_i4.npy z=y.npy
refuse 'uneven.h5: y: 699 rows, expected 700' uneven.h5
refuse 'nameless.h5: there is no parameters/t0; it holds: .*v' nameless.h5
refuse 'outside.h5: row 17: a: got -2.5, expected a value in \(0, inf\)' outside.h5
refuse 'narrow.h5: row [0-9]+: y has [0-9]+ elements, expected a whole number from 0 to 60' narrow.h5
expect 2 'whose numbers are these' import refused theta.npy
mkfifo pipe.csv # nobody writes it
expect 2 'pipe.csv: it is a pipe, expected a file' import refused pipe.csv

# Rows with NaN are kept, and the region where they lie is named.
look write_failing
expect 0 '1000 rows of the files are not done' bank import failing --declaration failing.yaml failing.csv
expect 0 'without a number: b in 1000 rows' bank info failing
expect 0 'nonfinite 100.0 % .* of rows with a above 4000' bank info failing
bank info failing --json >failing.json
look check_failures failing.json
bank export failing good.h5 --done 2>said
expect 0 '4000 rows' bank import good --declaration failing.yaml good.h5
echo passed
