#!/usr/bin/env bash
# refine_overlap.sh PROGRAM PLUGINS [ROWS]: whether simulating and training overlap. A simulator that takes 10 ms a draw, on 1 worker
# and on 4; seconds of simulating alone, of training alone (all rows are in the bank already) and of refinement, and its
# ratio to the larger of the two. It measures: nothing fails.
. "$(dirname "$0")/refine_lib.sh"
rows=${3:-2000}
export MOODY_MICROSECONDS=0
settings() {
    campaign $bank_rows
    printf '%s\n' 'train: {epochs: 1, batch_size: 100, validation_rows: 100}' \
        "refine: {rows: $1, rounds: 5, chunk_rows: 100, uses: 80, bank_share: 0.5, learning_rate: 0.001}" \
        'diagnose: {datasets: 200, minimum_datasets: 200, draws: 20, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
}
begin "$rows"

case_of trained
cp -r batch/bank/. trained/bank
start=$(date +%s.%N)
hub trained 1
comes_to_its_end trained
training=$(date +%s.%N)
training=$(awk "BEGIN { print $training - $start }")

export MOODY_MICROSECONDS=10000
for workers in 1 4; do
    mkdir "alone-$workers"
    (cd "alone-$workers" && study refined "$(campaign "$rows")" 'train: {validation_rows: 100}')
    start=$(date +%s.%N)
    (cd "alone-$workers" && "$infermill" simulate refined.yaml -j $workers -q)
    simulating=$(awk "BEGIN { print $(date +%s.%N) - $start }")
    case_of "both-$workers"
    start=$(date +%s.%N)
    hub "both-$workers" 1
    for ((k = 0; k < workers; k++)); do worker "both-$workers"; done
    comes_to_its_end "both-$workers"
    both=$(awk "BEGIN { print $(date +%s.%N) - $start }")
    as_undisturbed "both-$workers"
    awk "BEGIN { larger = $simulating > $training ? $simulating : $training
        printf \"$workers workers: simulating %.1f s, training %.1f s, refinement %.1f s: %.2f of the larger\n\", $simulating, $training, $both, $both / larger }"
done
