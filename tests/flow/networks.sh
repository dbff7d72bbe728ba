#!/usr/bin/env bash
# Every inference network: the same weights and draws on 1 and 4 ranks (pipeline.sh has 2 too), and the same weights on 2 ranks
# that were killed by kill -9 and 1 that went on. Every summary network of sets trains. An ensemble too.
. "$(dirname "$0")/lib.sh"

settings() { # settings NETWORK EPOCHS
    printf '%s\n' 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 600, seed: 3, shard_rows: 512}' \
        "network: $1" "train: {epochs: $2, batch_size: 64, validation_rows: 100}" \
        'diagnose: {datasets: 200, draws: 10, minimum_datasets: 200, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}' \
        'infer: {data: people.csv, columns: {y: value}, draws: 50}'
}
people 3 >people.csv

check() { # check NAME NETWORK [EPOCHS]: enough of them to be killed after the first
    local name=$1 epochs=${3:-5} ranks
    for ranks in 1 4; do
        study "$name-$ranks" "$(settings "$2" "$epochs")"
        "$infermill" run "$name-$ranks.yaml" -j "$ranks" -q >"table-$name-$ranks" || fail "$name on $ranks ranks"
        [ "$(weights "$name-1")" = "$(weights "$name-$ranks")" ] || fail "$name: weights differ on $ranks ranks"
        cmp "table-$name-1" "table-$name-$ranks" || fail "$name: metrics or posteriors differ on $ranks ranks"
    done
    grep -q '^p3 .*accepted' "table-$name-1" || fail "$name: p3 has no posterior"
    study "$name-broken" "$(settings "$2" "$epochs")"
    "$infermill" train "$name-broken.yaml" -j 2 -q >said 2>&1 &
    pid=$!
    wait_for "$name-broken/history.json" $pid
    kill -KILL $(family $pid)
    end_of $pid
    [ $code -eq 137 ] || fail "$name: it was not killed (exit $code)"
    expect 0 'goes on at epoch' "$infermill" train "$name-broken.yaml" -j 1
    "$infermill" diagnose "$name-broken.yaml" -j 1 -q >said
    [ "$(weights "$name-1")" = "$(weights "$name-broken")" ] || fail "$name: weights differ after kill -9"
}

small='size: small, summary: {elements: false, summary_dim: 8}'
check coupling_flow "{$small, inference: {type: coupling_flow}}"
for type in flow_matching diffusion consistency stable_consistency; do
    check $type "{$small, inference: {type: $type, depth: 2, width: 32, steps: 20}}"
done
check point "{$small, inference: {type: point}}"
check ensemble "{$small, ensemble: 3}"
check transformer "{summary: {type: set_transformer, embed_dim: 16, summary_dim: 4, dropout: 0.05}}" 3
check bayesflow "{summary: {architecture: bayesflow}, inference: {architecture: bayesflow}}" 3
echo passed
