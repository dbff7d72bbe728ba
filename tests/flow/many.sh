#!/usr/bin/env bash
# many.sh PROGRAM PYTHON [KILLS]: posteriors of many data sets. In whatever order the rows of a CSV stand, and from HDF5, they are the
# same; killed again and again (SIGKILL of a rank or of all) they come to the same file; what is kept is what was asked for, or
# was decided at first; memory does not grow with the data; one data set that is far too long harms no other; a synthetic
# population is data alone, and not what was learned from.
. "$(dirname "$0")/lib.sh"
python=$2 kills=${3:-8}
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1

study many 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 4000, seed: 3}' \
    'network: {size: small, summary: {width: 8, summary_dim: 4, embed_dim: 8}, inference: {width: 16, depth: 2}}' \
    'train: {epochs: 2, batch_size: 64, validation_rows: 200}' \
    'diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}' \
    'infer: {data: turns.csv, columns: {y: value}, draws: 200, predictive: 0}'
"$infermill" run many.yaml -j 2 -q >said 2>&1 && fail "data that are not there yet" || true
[ -s many/gate.json ] || { cat said; fail "no amortizer"; }

# sets N ORDER: N data sets of 20 to 39 values: "turns": a row of each in turn; "blocks": the same data sets one after another
sets() {
    awk -v n="$1" -v order="$2" 'function value(i, k) { return sprintf("%.3f", (i % 17) / 8 - 1 + (1 + i % 5) * sin(k * (i + 3) * 1.7) / 4) }
        BEGIN { print "id,value"
            if (order == "turns") { for (k = 0; k < 39; k++) for (i = 0; i < n; i++) if (k < 20 + i % 20) print "p" i "," value(i, k) }
            else for (i = 0; i < n; i++) for (k = 0; k < 20 + i % 20; k++) print "p" i "," value(i, k) }'
}
sets 2000 turns >turns.csv
sets 2000 blocks >blocks.csv
cat >to_hdf5.py <<'END'
import csv, sys
import h5py, numpy
rows = {}
for row in csv.DictReader(open(sys.argv[1])):
    rows.setdefault(row["id"], []).append(float(row["value"]))
y = numpy.zeros((len(rows), 39, 1), "f4")
for i, values in enumerate(rows.values()):
    y[i, : len(values), 0] = values
with h5py.File(sys.argv[2], "w") as f:
    f["observables/y"] = y
    f["length/y"] = [len(values) for values in rows.values()]
    f["id"] = list(rows)
END
"$python" to_hdf5.py turns.csv turns.h5

# ---- one order or another, one format or another, any number of ranks ----
many() { # many OUT OPTIONS...
    local out=$1
    shift
    "$infermill" infer many.yaml --out "$out" -q "$@" >said 2>&1 || { cat said; fail "infer $out: exit $?"; }
    [ ! -e "$out.blocks" ] || fail "$out.blocks stays behind: $(ls "$out.blocks")"
}
many one.h5 -j 1
for ranks in 2 4; do many "$ranks.h5" -j $ranks; done
many blocks.h5 -j 2 --data blocks.csv
many hdf5.h5 -j 2 --data turns.h5
for other in 2 4 blocks hdf5; do cmp one.h5 $other.h5 || fail "$other: another posterior"; done
grep -q '2000 data sets: 2000 accepted' said || { cat said; fail "not all are accepted"; }
expect 0 'infer: nothing to do, one.h5' "$infermill" infer many.yaml --out one.h5 -j 2 --data turns.h5
[ ! -e one.h5.blocks ] || fail "nothing to do, and a folder"

# ---- what is kept ----
groups() { "$python" -c 'import h5py, sys; print(*h5py.File(sys.argv[1]))' "$1"; }
[ "$(groups one.h5)" = "posterior summary verdict" ] || fail "auto keeps $(groups one.h5)"
many kept.h5 -j 2 --keep draws
[ "$(groups kept.h5)" = "posterior verdict" ] || fail "--keep draws keeps $(groups kept.h5)"
many kept.h5 -j 2 --keep summary
[ "$(groups kept.h5)" = "summary verdict" ] || fail "--keep summary keeps $(groups kept.h5)"
"$python" - one.h5 kept.h5 <<'END'
import sys, h5py
a, b = (h5py.File(f)["summary"] for f in sys.argv[1:])
for name in ("mu/mean", "sigma/q975", "correlation"):
    assert (a[name][()] == b[name][()]).all(), name
END
expect 0 'nothing to do' "$infermill" infer many.yaml --out kept.h5 -j 2 # auto takes either
many kept.h5 -j 2 --keep both
cmp one.h5 kept.h5 || fail "--keep both is not auto where there is room"
expect 2 'got "all", expected auto, both, draws or summary' "$infermill" infer many.yaml --out kept.h5 --keep all
mkdir again.h5.blocks # an inference that found little room when it began
printf summary >again.h5.blocks/keep
many again.h5 -j 2
[ "$(groups again.h5)" = "summary verdict" ] || fail "an inference that goes on keeps something else"
mkdir odd.h5.blocks
printf everything >odd.h5.blocks/keep
expect 1 'keep: neither both nor summary: remove the folder' "$infermill" infer many.yaml --out odd.h5 -j 2
rm -r odd.h5.blocks

# ---- one that is far too long, and one without any value ----
{ echo id,value; sed -n 2,2001p blocks.csv; seq -f 'long,%.0f' 300000; echo empty,; } >long.csv
"$infermill" infer many.yaml --data long.csv --out long.h5 -j 2 --keep summary --json -q >said 2>err || { cat err; fail "a long one: exit $?"; }
"$python" - said <<'END'
import json, sys
sets = {s["id"]: s for s in json.load(open(sys.argv[1]))}
assert len(sets) > 50 and sets["p5"]["verdict"].startswith("accepted"), sets["p5"]
assert "n = 300000, outside the trained range 20 to 200" in sets["long"]["verdict"], sets["long"]
assert "no posterior: value is NaN or empty in line" in sets["empty"]["verdict"], sets["empty"]
assert sets["long"]["mu"]["mean"] is None and sets["p5"]["mu"]["sd"] > 0
END

# ---- a synthetic population ----
population() { "$infermill" simulate many.yaml --observations-only "$@"; }
for ranks in 1 2; do population people-$ranks.h5 --rows 3000 --seed 8 -j $ranks -q; done
cmp people-1.h5 people-2.h5 || fail "another population on 2 ranks"
[ -z "$(ls -d people-*.bank 2>/dev/null)" ] || fail "its bank stays behind"
"$python" - people-1.h5 <<'END'
import sys, h5py
f = h5py.File(sys.argv[1])
assert sorted(f) == ["design", "length", "observables"], list(f)
assert f["observables/y"].shape[0] == 3000 and (f["length/y"][()] == f["design/n"][()]).all()
END
many people.h5 -j 2 --data people-1.h5 --keep summary
grep -q '3000 data sets: 3000 accepted' said || { cat said; fail "a population is not accepted"; }
grep -q 'As a whole they look like simulated data sets' said || { cat said; fail "a population does not look like simulations"; }
expect 2 'is there already' population people-1.h5 --rows 10 --seed 8
expect 2 'give a --seed of its own' population other.h5 --rows 10
expect 2 '3 is the seed of bank .*whose rows are learned from' population other.h5 --rows 10 --seed 3
expect 2 'expected a name in .h5' population other.csv --rows 10 --seed 8

# ---- memory: of the second rank, which has data sets alone; 16 MB is less than what all of the larger data would need ----
sets 40000 turns >large.csv
peak() { # peak DATA: the most memory of a rank that does not read the file, in kB
    local most=0 now
    "$infermill" infer many.yaml --data "$1" --out peak.h5 --keep summary --draws 20 -j 2 -q >said 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        for p in $(family $pid); do
            now=$(awk '/^VmHWM:/ { hwm = $2 } END { print hwm }' "/proc/$p/status" 2>/dev/null || true)
            grep -qz '^OMPI_COMM_WORLD_RANK=1$' "/proc/$p/environ" 2>/dev/null || now=0
            [ "${now:-0}" -le $most ] || most=$now
        done
        sleep 0.02
    done
    end_of $pid
    [ $code -eq 0 ] && [ $most -gt 0 ] || { cat said; fail "$1: exit $code, memory $most"; }
    echo $most
}
small=$(peak turns.csv) large=$(peak large.csv)
echo "memory of a rank: $small kB for 2,000 data sets, $large kB for 40,000"
[ $((large - small)) -lt 16384 ] || fail "memory grows with the data"

# ---- killed at random ----
many whole.h5 -j 2 --data large.csv --keep summary --draws 500
blocks() { ls killed.h5.blocks 2>/dev/null | grep -c 'h5$' || true; }
for ((k = 0; k < kills; k++)); do
    target=$(($(blocks) + 32 / kills)) # of 64
    "$infermill" infer many.yaml --data large.csv --out killed.h5 --keep summary --draws 500 -j $((1 + k % 3)) -q >said 2>&1 &
    pid=$!
    until [ "$(blocks)" -ge $target ] || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    kill -0 $pid 2>/dev/null || { cat said; fail "it ended by itself after $k kills, $(blocks) blocks"; }
    ranks=($(family $pid))
    if [ $((k % 2)) -eq 0 ]; then kill -9 "${ranks[@]}" 2>/dev/null || true; else kill -9 "${ranks[-1]}" 2>/dev/null || true; fi
    end_of $pid
done
echo "killed $kills times; $(blocks) of 64 blocks were there then"
[ ! -e killed.h5 ] || fail "it was whole before its end"
many killed.h5 -j 2 --data large.csv --keep summary --draws 500
cmp whole.h5 killed.h5 || fail "killed and gone on with: another posterior"
echo passed
