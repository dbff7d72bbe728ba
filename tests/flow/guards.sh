#!/usr/bin/env bash
# guards.sh PROGRAM: what a tired person asks for and must not get, with the words that say what to do instead. The first
# thing that is looked at: no real data before the gate, whatever was copied, renamed or edited.
. "$(dirname "$0")/lib.sh"

# refuses CODE MESSAGE command...: exits with CODE, and its one error is MESSAGE, word for word
refuses() {
    local code=$1 message=$2 got=0
    shift 2
    "$@" >said 2>&1 || got=$?
    [ "$got" -eq "$code" ] || { cat said; fail "exit $got, expected $code: $*"; }
    [ "$(grep '^error: ' said)" = "error: $message" ] || { cat said; fail "not the words \"$message\": $*"; }
}

small=('model: {builtin: location_scale}' 'bank: {rows: 600, shard_rows: 256}')
quick='train: {epochs: 1, validation_rows: 100, batch_size: 32}'
gate='diagnose: {datasets: 300, draws: 20, calibration_error: 1, ecdf_deviation: 1}'
data='infer: {data: people.csv, columns: {y: value}, draws: 50}'
people 3 >people.csv

# ---- real data before the gate ----
study good "${small[@]}" "$quick" "$gate" "$data"
"$infermill" simulate good.yaml -j 1 -q
"$infermill" train good.yaml -j 1 -q
cure='Run `infermill diagnose` for these weights, or go on with --unverified REASON.'
refuses 3 "good/gate.json: there is no gate record. $cure" "$infermill" infer good.yaml -j 2
"$infermill" diagnose good.yaml -j 1 -q >said

infer() { "$infermill" infer --data people.csv --out posterior.h5 -j 1 "$@"; }
cp -r good renamed # record and weights together: they still belong to each other
expect 0 '^p3 .*accepted' infer --model renamed/amortizer.h5
grep -q 'the gate passed, under limits of the study.s own (calibration error 1, ECDF deviation 1, 300 data sets), looser than the default ones (0.1, 0.1, 300)' said ||
    { cat said; fail "loosened limits are not told"; }
rm posterior.h5
mkdir alone && cp good/amortizer.h5 alone/copy.h5
refuses 3 "alone/gate.json: there is no gate record. $cure" infer --model alone/copy.h5
study other "${small[@]}" "${quick/epochs: 1/epochs: 2}" "$gate" "$data"
"$infermill" train other.yaml -j 1 -q
cp good/gate.json other/
expect 3 'other/gate.json: the gate record is about other weights \(got [0-9a-f]+, expected [0-9a-f]+\). Run `infermill diagnose`' infer --model other/amortizer.h5
again='Run `infermill diagnose` again.'
sed 's/"draws": 20/"draws": 21/' good/gate.json >renamed/gate.json
refuses 3 "renamed/gate.json: not a gate record as it was written: its checksum is wrong. $again" infer --model renamed/amortizer.h5
head -c 400 good/gate.json >renamed/gate.json
expect 3 'renamed/gate.json: not a gate record as it was written: .* Run `infermill diagnose` again' infer --model renamed/amortizer.h5
study strict "${small[@]}" "$quick" 'diagnose: {datasets: 300, draws: 20, calibration_error: 0}' "$data"
expect 3 'the gate does not pass, so no real data is touched: see strict/report.md' "$infermill" run strict.yaml -j 1
expect 3 'strict/gate.json: this amortizer did not pass the gate: Parameter mu: calibration error' "$infermill" infer strict.yaml -j 1
sed -i '/^infer/d' strict.yaml
refuses 3 'the gate does not pass: see strict/report.md' "$infermill" run strict.yaml -j 1
[ -z "$(find . -name 'posterior*')" ] || fail "a posterior without a gate: $(find . -name 'posterior*')"

# ---- what was meant ----
refuses 1 'study file gould.yaml: No such file or directory; did you mean good.yaml?' "$infermill" infer gould.yaml
refuses 1 'study file good: it is a folder, expected a study in YAML; did you mean good.yaml?' "$infermill" run good
refuses 1 'alone: it is a folder, expected an amortizer: alone/amortizer.h5?' infer --model alone
refuses 1 'alone: it is a folder, expected a CSV file' "$infermill" infer good.yaml -j 1 --data alone
cp people.csv people.txt
expect 0 '3 data sets: 3 accepted' "$infermill" infer good.yaml -j 1 --data people.txt --out said.h5
tr , ';' <people.csv >semicolons.csv
refuses 1 'semicolons.csv: there is no column "id"; the columns are: id;value; it is separated by semicolons: separate by commas, and write numbers with a point (1.5)' \
    "$infermill" infer good.yaml -j 1 --data semicolons.csv
sed 's/^id,/Id,/' people.csv >capital.csv
refuses 1 'capital.csv: there is no column "id"; the columns are: Id, value; did you mean "Id"? Names must agree in every letter and space' \
    "$infermill" infer good.yaml -j 1 --data capital.csv
(cat people.csv && tail -n +2 people.csv) >twice.csv
expect 0 '^p1 .* no posterior: its rows stand twice in the file: from line 128 on the same values come again' \
    "$infermill" infer good.yaml -j 1 --data twice.csv --out twice.h5
[ -e 'Über 2' ] || mkdir 'Über 2'
sed 's/study: good/study: Überblick 2/' good.yaml >'Über 2/a study.yaml'
cp people.csv 'Über 2'
expect 0 'run: done, results are in Über 2/Überblick-2' "$infermill" run 'Über 2/a study.yaml' -j 2
echo passed
