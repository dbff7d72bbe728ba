#!/usr/bin/env bash
# Do the observed data look like the simulated ones? Newcomb's 66 timings of light (1882) do not, for their two outliers,
# and do without them; data sets of a simulator that was changed after the training are found, those of the same one are not.
. "$(dirname "$0")/lib.sh"
study light 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 8000, seed: 3}' \
    'train: {epochs: 8, batch_size: 64, learning_rate: 0.002}' \
    'diagnose: {datasets: 300, draws: 200}' 'infer: {data: newcomb.csv, columns: {y: y}, draws: 200}'

timings='28 26 33 24 34 -44 27 16 40 -2 29 22 24 21 25 30 23 29 31 19 24 20 36 32 36 28 25 21 28 29 37 25 28 26 30 32 36 26
    30 22 36 23 27 27 28 27 31 27 26 33 26 32 32 24 39 28 24 25 32 25 29 27 28 29 16 23'
# newcomb SMALLEST: those of at least this, in units of 5 ns from 26
newcomb() {
    echo id,y
    tr ' ' '\n' <<<"$timings" | awk -v least="$1" 'NF && $1 >= least { print "light," ($1 - 26) / 5 }'
}
# draws KIND: 60 data sets of 20 to 200 values; right: of the model; wide: three times as far from 0; heavy: t with 2 degrees of freedom
draws() {
    awk -v kind="$1" 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
        BEGIN { srand(11); print "id,y"
            for (i = 1; i <= 60; i++) {
                mu = normal(); sigma = 0.05 - 0.5 * (log(1 - rand()) + log(1 - rand())); factor = kind == "wide" ? 3 : 1
                n = 20 + int(181 * rand())
                for (j = 0; j < n; j++) {
                    noise = normal() / (kind == "heavy" ? sqrt(-log(1 - rand())) : 1)
                    print "s" i "," factor * (mu + sigma * noise) } } }'
}
# observed FILE WORDS...: infers it, and the terminal and the report say so
observed() {
    local file=$1 words
    shift
    "$infermill" infer light.yaml --data "$file" -j 2 2>log | tr '\n' ' ' >said || { cat log said; fail "infer $file"; }
    for words in "$@"; do
        grep -qF "$words" said || { cat said; fail "$file: said nothing of \"$words\""; }
        grep -qF "$words" light/report.json || fail "$file: report.json says nothing of \"$words\""
        grep -qF "$words" light/report.md || fail "$file: report.md says nothing of \"$words\""
    done
    [ -s light/summary_distance.png ] || fail "no summary_distance.png"
}

newcomb -100 >newcomb.csv
newcomb 0 >without.csv
for kind in right wide heavy; do draws $kind >$kind.csv; done
"$infermill" run light.yaml -j 2
observed without.csv 'The observed data set looks like a simulated one.'
observed newcomb.csv 'The observed data set does not look like a simulated one'
grep -qF 'accepted, but unusual for this model' said || fail "Newcomb's timings are not unusual"
observed right.csv 'no more than chance explains' 'As a whole they look like simulated data sets'
[ -s light/population.png ] || fail "no population.png of 60 data sets"
grep -q 'population.png' light/report.md || fail "report.md has no population.png"
observed wide.csv 'more than chance explains (p = ' 'As a whole they do not look like simulated data sets'
observed heavy.csv 'more than chance explains (p = ' 'look for outliers in the data'

# Groups of data sets: a column of the CSV, one value a data set.
awk -F, 'NR == 1 { print $0 ",land" } NR > 1 { print $0 "," (substr($1, 2) % 3 ? "Chad" : "Peru") }' right.csv >lands.csv
sed 's/data: newcomb.csv/data: lands.csv, group: land/' light.yaml >lands.yaml
sed -i 's/^study: light/study: lands/' lands.yaml
cp -r light lands && rm -f lands/posterior.h5
"$infermill" infer lands.yaml -j 2 >said 2>&1 || { cat said; fail "groups"; }
[ -s lands/population_groups.png ] || fail "no population_groups.png"
grep -q '^| Chad | 40 |' lands/report.md && grep -q '^| Peru | 20 |' lands/report.md || { cat lands/report.md; fail "no table of groups"; }
sed 's/Chad$/Peru/;4s/Peru$/Chad/' lands.csv >moved.csv
"$infermill" infer lands.yaml --data moved.csv -j 1 >said 2>&1 || { cat said; fail "a data set of two groups"; }
grep -q 'no posterior: land sorts data sets into groups, one each, but differs in line' said || { cat said; fail "two groups of one data set"; }
expect 1 'there is no column "land"' "$infermill" infer lands.yaml --data right.csv
echo passed
