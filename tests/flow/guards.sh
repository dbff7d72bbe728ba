#!/usr/bin/env bash
# guards.sh PROGRAM REACTION_TIMES: what a tired person asks for and must not get, with the words that say what to do instead. The first
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
gate='diagnose: {datasets: 300, draws: 20, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
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
grep -q 'the gate passed, under limits of the study.s own (calibration error 1, ECDF deviation 1, rank R2 1, 300 data sets), looser than the default ones (0.1, 0.1, 0.1, 300)' said ||
    { cat said; fail "loosened limits are not told"; }
rm posterior.*
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

# ---- data that the prior never produces ----
head -1 "$2" >seconds.csv
tail -n +2 "$2" | awk -F, '$1 < 4' >>seconds.csv # real people
awk -F, -v OFS=, 'NR > 1 { $3 *= 1000 } 1' seconds.csv >milliseconds.csv
awk -F, -v OFS=, 'NR > 1 && $1 == 0 { $3 *= 1000 } 1' seconds.csv >one_bad.csv
study times 'model: {builtin: ddm}' 'bank: {path: times-bank, rows: 1500, shard_rows: 512}' "${quick/validation_rows: 100/validation_rows: 400}" "$gate" \
    'infer: {data: milliseconds.csv, id: participant_id, columns: {y: {value: rt, sign: response}}, draws: 50, predictive: 0}'
expect 3 'milliseconds.csv: the .* of y lies outside of all that the prior produces, in 4 of 4 data sets: .* in 400 simulations .*Else widen or shift the prior \(parameters:\)' \
    "$infermill" run times.yaml -j 2
cp said refused
[ ! -e times/posterior.h5 ] && [ ! -e times/posterior.h5.blocks ] || fail "posteriors of data that the prior never produces"
expect 0 'infer: unverified \(to see it\): the .* of y lies outside of all' "$infermill" infer times.yaml -j 2 --unverified 'to see it'
for words in 'to see it' '; the data lie outside of all that the prior produces'; do
    grep -qaF "$words" times/posterior.h5 || fail "posterior.h5 says nothing of \"$words\""
done
refuses 3 "$(sed -n 's/^error: //p' refused)" "$infermill" infer times.yaml -j 1 # what was said to go on once does not go on
for file in seconds one_bad; do
    expect 0 '4 data sets: [34] accepted' "$infermill" infer times.yaml -j 1 --data $file.csv --out $file.h5
done

# ---- what was meant ----
refuses 1 'study file gould.yaml: No such file or directory; did you mean good.yaml?' "$infermill" infer gould.yaml
refuses 1 'study file good: it is a folder, expected a study in YAML; did you mean good.yaml?' "$infermill" run good
refuses 1 'alone: it is a folder, expected an amortizer: alone/amortizer.h5?' infer --model alone
refuses 1 'alone: it is a folder, expected a CSV file' "$infermill" infer good.yaml -j 1 --data alone
mkfifo pipe # nobody writes it: opening it would wait for ever
refuses 2 'pipe: it is a pipe, expected a file: it is read more than once. Write it to a file first' "$infermill" infer good.yaml -j 1 --data pipe
cp people.csv people.txt
expect 0 '3 data sets: 3 accepted' "$infermill" infer good.yaml -j 1 --data people.txt --out said.h5
tr , ';' <people.csv >semicolons.csv
refuses 1 'semicolons.csv: there is no column "id"; the columns are: id;value; it is separated by semicolons: separate by commas, and write numbers with a point (1.5)' \
    "$infermill" infer good.yaml -j 1 --data semicolons.csv
sed 's/^id,/Id,/' people.csv >capital.csv
refuses 1 'capital.csv: there is no column "id"; the columns are: Id, value; did you mean "Id"? Names must agree in every letter and space' \
    "$infermill" infer good.yaml -j 1 --data capital.csv
(cat people.csv && tail -n +2 people.csv) >twice.csv
expect 0 '^p1 .* no posterior: its rows stand twice in the file: from its row 42 on the same values come again' \
    "$infermill" infer good.yaml -j 1 --data twice.csv --out twice.h5
mkdir 'Über 2'
sed 's/study: good/study: Überblick 2/' good.yaml >'Über 2/a study.yaml'
cp people.csv 'Über 2'
expect 0 'run: done, results are in Über 2/Überblick-2' "$infermill" run 'Über 2/a study.yaml' -j 2

# ---- what is held back is not trained on ----
cat >simulator.sh <<'END'
# simulator.sh WHAT: answers JSON lines; WHAT is a mistake
while read -r line; do
    [[ $line =~ \"index\":\ *([0-9]+).*\"seed\":\ *([0-9]+) ]] && index=${BASH_REMATCH[1]} seed=${BASH_REMATCH[2]}
    case $line in
    *describe*)
        echo '{"name": "'"$1"'", "version": "1", "parameters": [{"name": "beta"}], "observables": [{"name": "y", "kind": "vector", "dims": [2]}]}'
        continue ;;
    esac
    case $1 in
    index_alone) echo '{"parameters": {"beta": 0.'$((1000 + index))'}, "observables": {"y": [1.'$((1000 + index))', 2]}}' ;;
    few_seeds) echo '{"parameters": {"beta": 0.'$((1000 + index % 596))'}, "observables": {"y": [1.'$((1000 + index % 596))', 2]}}' ;;
    grid) echo '{"parameters": {"beta": 0.'$((1 + seed % 9))'}, "observables": {"y": [1.'$((1000 + seed % 1009))', 2]}}' ;;
    constant) echo '{"parameters": {"beta": 0.5}, "observables": {"y": [1.'$seed', 2]}}' ;;
    dull) echo '{"parameters": {"beta": 0.'$seed'}, "observables": {"y": [1, 2]}}' ;;
    fails) [ $((seed % 4)) -eq 0 ] && echo '{"parameters": {"beta": 0.'$seed'}, "observables": {"y": [1.'$seed', 2]}}' ||
        echo '{"parameters": {"beta": 0.'$seed'}, "observables": {"y": [null, 2]}}' ;;
    esac
done
END
for what in index_alone few_seeds grid constant dull fails; do
    study $what "model: {command: [bash, simulator.sh, $what]}" "bank: {path: bank-$what, rows: 600, shard_rows: 256, failure_limit: 1}" "$quick" "$gate"
    "$infermill" simulate $what.yaml -j 2 -q
done
sed -i 's/, failure_limit: 1//' fails.yaml
mend='a simulator must take all its randomness from the row.s own seed, and a file is to be imported once. Mend that and begin another bank'
expect 1 "bank bank-few_seeds: row [0-9]+, to be trained on, is the same simulation as one that is held back for validation or diagnosis: $mend" "$infermill" train few_seeds.yaml -j 2
"$infermill" train index_alone.yaml -j 2 -q
expect 1 "diagnose: held-out data set [0-9]+ is the same simulation as row [0-9]+ of bank bank-index_alone, which was trained on, so it tells nothing of new data: $mend" \
    "$infermill" diagnose index_alone.yaml -j 2
[ ! -e index_alone/gate.json ] || fail "a gate from rows that were trained on"
"$infermill" train grid.yaml -j 2 -q # equal by chance: no mistake
"$infermill" diagnose grid.yaml -j 2 -q >said
refuses 1 'bank bank-constant: parameter beta is 0.5 in all 100 rows that were looked at, so nothing can be learned of it: give it a prior, or leave it out (adapter: [drop: [beta]])' \
    "$infermill" train constant.yaml -j 2
refuses 1 'bank bank-dull: the data are the same in all 100 rows that were looked at, so nothing can be learned from them: let the simulator use its parameters and its seed, and begin another bank' \
    "$infermill" train dull.yaml -j 2
expect 1 'bank bank-fails: [0-9]+ of 600 rows failed \([0-9]+ nonfinite\), more than bank.failure_limit \(0.5\): a posterior would be that of the draws which happen to work. `infermill bank info bank-fails` tells where they fail: mend the simulator, or narrow the prior' \
    "$infermill" train fails.yaml -j 2

# files imported twice
study grown "${small[@]/rows: 600/path: grown-bank, rows: 600}" "$quick" "$gate"
"$infermill" simulate grown.yaml -j 1 -q
"$infermill" bank export grown-bank rows.csv -q
(head -1 rows.csv && tail -n +2 rows.csv | sort) >again.csv # the same rows, in another order
"$infermill" bank import doubled --declaration grown-bank/bank.yaml rows.csv again.csv -q
study doubled "${small[@]/rows: 600/path: doubled, rows: 1200}" "$quick" "$gate"
expect 1 "bank (doubled: row|rows) [0-9]+.* the same simulation.*: $mend" "$infermill" train doubled.yaml -j 2
# a few rows twice, of which some are set aside for diagnosis, none for validation
head -6 rows.csv >part.csv
"$infermill" bank import partly --declaration grown-bank/bank.yaml rows.csv part.csv -q
study partly "${small[@]/rows: 600/path: partly, rows: 605}" 'train: {epochs: 1, validation_rows: 32, batch_size: 32}'
"$infermill" train partly.yaml -j 2 -q
study aside "${small[@]/rows: 600/path: partly, rows: 605}" 'train: {epochs: 1, validation_rows: 32, batch_size: 32, held_out_rows: 250}'
expect 1 "bank (partly: row|rows) [0-9]+.* the same simulation.*: $mend" "$infermill" train aside.yaml -j 2
echo passed
