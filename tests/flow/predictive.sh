#!/usr/bin/env bash
# predictive.sh PROGRAM COMMANDS REACTION_TIMES: real data sets are simulated again from their posteriors. The same outcome on
# 1, 2 and 4 ranks, for a built-in simulator and a command; Newcomb's outliers are named; a simulator that fails or is gone
# costs no posterior; a slow one stops on request.
. "$(dirname "$0")/lib.sh"
commands=$2
reaction_times=$3
small='diagnose: {datasets: 300, draws: 50, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1}'

# same_on_ranks NAME: inference anew on 2 and 4 ranks
same_on_ranks() {
    local ranks
    mv "$1/predictive.json" "$1/predictive.csv" .
    for ranks in 2 4; do
        "$infermill" infer "$1.yaml" -j $ranks -q >said
        cmp predictive.json "$1/predictive.json" || fail "$1: predictive checks differ on $ranks ranks"
        cmp predictive.csv "$1/predictive.csv" || fail "$1: statistics differ on $ranks ranks"
        rm "$1/predictive.json"
    done
    mv predictive.json "$1/"
    expect 0 'infer: nothing to do' "$infermill" infer "$1.yaml" -j 1
}

# real reaction times
study people 'model: {builtin: ddm}' 'bank: {path: people-bank, rows: 1000}' 'train: {epochs: 2, validation_rows: 200}' "$small" \
    "infer: {data: $reaction_times, id: participant_id, columns: {y: {value: rt, sign: response}}, draws: 100}"
"$infermill" run people.yaml -j 1 -q >said
grep -q '^predictive checks: ' said || fail "no predictive checks"
same_on_ranks people
sed 's/draws: 100}/draws: 100, predictive: 0}/; s/study: people/study: none/' people.yaml >none.yaml
cp -r people none
rm none/predictive.json none/posterior.h5
"$infermill" infer none.yaml -j 1 -q >said
! grep -q 'predictive checks' said && [ ! -e none/predictive.json ] || fail "checks although predictive is 0"

# Newcomb's speed of light: -44 and -2 are errors of measurement, which a normal distribution does not produce
{
    echo id,value
    printf 'newcomb,%s\n' 28 26 33 24 34 -44 27 16 40 -2 29 22 24 21 25 30 23 29 31 19 24 20 36 32 36 28 25 21 28 29 37 25 28 26 30 \
        32 36 26 30 22 36 23 27 27 28 27 31 27 26 33 26 32 32 24 39 28 24 25 32 25 29 27 28 29 16 23
} >newcomb.csv
study newcomb 'model: {builtin: location_scale}' 'parameters: {mu: "normal(25, 10)", sigma: "truncated(gamma(2, 0.2), 0.05, .inf)"}' \
    'bank: {path: newcomb-bank, rows: 2000}' 'train: {epochs: 4, validation_rows: 200}' "$small" \
    'infer: {data: newcomb.csv, columns: {y: value}, draws: 100}'
"$infermill" run newcomb.yaml -j 2 -q >said
grep -q 'the minimum of y, −44, is below all 50 replicates' said || { cat said; fail "Newcomb's outlier is not named"; }
grep -q '^newcomb,y,minimum,1,-44,.*,0,0,50,0,' newcomb/predictive.csv || fail "the outlier is not in predictive.csv"

[ -s newcomb/posterior_predictive.png ] || fail "no picture of the replicates"
for words in 'Does the model produce such data' 'is below all 50 replicates' 'heavier tails' 'posterior_predictive.png'; do
    grep -q "$words" newcomb/report.md && grep -q "$words" newcomb/report.json newcomb/report.html || fail "the reports do not say: $words"
done

for file in pairs.png pairs_held_out.png; do
    [ -s newcomb/$file ] || fail "no $file"
done
grep -q 'pairs.png' newcomb/report.json && grep -q 'pairs_held_out.png' newcomb/report.md || fail "the report has no pairs"

# the prior: data far beyond what it produces, and a parameter at its edge
awk -F, 'NR == 1 { print; next } { print "far," $2 + 400; print "edge," 49 + $2 / 20 }' newcomb.csv >far.csv
"$infermill" infer newcomb.yaml -j 2 -q --data far.csv --out far.h5 >said
grep -q '^far .*accepted, but .* of y, .*, lies outside all 200 simulations .*: the prior never produces such data' said || { cat said; fail "far data are not told"; }
grep -q '^edge .*the posterior of mu leans on the upper edge of its prior .*widen the prior' said || { cat said; fail "the edge is not told"; }
grep -q 'hold what the prior never produces' said || fail "no word on the prior"

# a command, with a design variable that is read
cp "$commands/dose.py" .
awk 'BEGIN { srand(1); print "id,mg,value"; for (p = 1; p <= 4; p++) for (i = 0; i < 20 + p; i++)
    print "p" p "," 1 + p / 2 "," p * (1 + p / 2) / 4 + sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand()) }' >doses.csv
study dose 'model: {command: [python3, dose.py, mood]}' 'bank: {path: dose-bank, rows: 1000}' 'train: {epochs: 3, validation_rows: 200}' \
    "$small" 'infer: {data: doses.csv, columns: {y: value}, design: {dose: mg}, draws: 100}'
"$infermill" run dose.yaml -j 1 -q >said
grep -q 'predictive checks: 4 of 4 data sets are reproduced' said || { cat said; fail "dose is not reproduced"; }
same_on_ranks dose
sed 's/, design: {dose: mg}//' dose.yaml >blind.yaml
expect 2 'name its column in the study, infer: \{design: \{dose: COLUMN\}\}' "$infermill" infer blind.yaml -j 1

# what fails is counted, and is no error
rm dose/predictive.json
echo fail >mood
expect 0 'not judged: of 50 simulations from its posterior 50 failed' "$infermill" infer dose.yaml -j 2
rm mood dose/predictive.json

# stopped on request while it simulates: the posterior is there, and the same command ends what is missing
echo slow >mood
rm dose/posterior.h5
"$infermill" infer dose.yaml -j 2 >said 2>&1 &
pid=$!
wait_for dose/posterior.h5 $pid
kill -TERM $pid
end_of $pid
[ $code -eq 4 ] || { cat said; fail "exit $code, expected 4"; }
[ ! -e dose/predictive.json ] || fail "it was too late to stop"
rm mood
expect 0 'predictive checks: 4 of 4' "$infermill" infer dose.yaml -j 2

# a simulator that is gone
mv dose.py elsewhere.py
expect 0 'no predictive checks: .*dose' "$infermill" infer --model dose/amortizer.h5 --data doses.csv --out alone.h5 -j 2
[ -s alone.h5 ] || fail "no posterior without the simulator"
grep -q '"not_checked": ".*dose' alone.predictive.json || fail "the record does not say why"
echo passed
