#!/usr/bin/env bash
# refine.sh PROGRAM PYTHON: refinement with real workers. One worker or four, workers and hub killed, stopped and gone on with:
# the same weights, and the bank that a batch campaign would have made. The report tells what it gave.
. "$(dirname "$0")/lib.sh"
python=$2

settings() { # settings BANK WORKERS [MORE]
    printf '%s\n' 'model: {builtin: location_scale}' "bank: {path: $1, rows: 2000, seed: 3, shard_rows: 512}" \
        'network: {summary: {width: 16, summary_dim: 8, embed_dim: 8}, inference: {width: 32, depth: 2}}' \
        'train: {epochs: 4, batch_size: 64, validation_rows: 200}' \
        "refine: {rows: 4000, rounds: 5, chunk_rows: 400, learning_rate: 0.001, workers: $2${3:-}}" \
        'diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
}

ask() { # ask FILE EXPRESSION: of the JSON in FILE, called r
    "$python" -c 'import json, sys; r = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

# `run` starts workers of its own: one, or four
for workers in 1 4; do
    study "workers-$workers" "$(settings "bank-$workers" "$workers")"
    "$infermill" run "workers-$workers.yaml" -j 2 >said 2>&1 || { cat said; fail "run with $workers workers"; }
done
[ "$(ask workers-1/refine.json 'r["kept"]')" = refined ] || fail "the refined network was not the better one"
[ "$(weights workers-1)" = "$(weights workers-4)" ] || fail "weights depend on the number of workers"
same_shards bank-1 bank-4
study batch 'model: {builtin: location_scale}' 'bank: {path: bank-batch, rows: 6000, seed: 3, shard_rows: 512}'
"$infermill" simulate batch.yaml -j 2 -q
same_shards bank-batch bank-4
[ "$(ask workers-1/refine-history.json 'all(f < o for f, o in zip(r["fresh_loss"][1:], r["offline_loss"][1:]))')" = True ] ||
    fail "the fresh loss is not below that of the offline network: $(cat workers-1/refine-history.json)"
[ "$(ask workers-1/refine.json 'r["held_out"]["gain"] > 2 * r["held_out"]["error"] > 0')" = True ] || fail "no gain: $(cat workers-1/refine.json)"
for file in report.md report.html; do
    grep -q 'Refinement with fresh simulations' "workers-1/$file" || fail "$file tells nothing of it"
done
[ "$(ask workers-1/report.json 'r["refinement"]["kept"]')" = refined ] || fail "report.json tells nothing of it"
expect 0 'nothing to do' "$infermill" run workers-4.yaml -j 2

# as they arrive: another order, so other weights, of the same rows; the rank test finds nothing
study arrival "$(settings bank-arrival 2 ', order: arrival')"
"$infermill" run arrival.yaml -j 2 >said 2>&1 || { cat said; fail "order: arrival"; }
grep -q 'rank test p = ' said || { cat said; fail "the rank test is not shown"; }
same_shards bank-batch bank-arrival
# right rows fail it once in a million rounds
[ "$(ask arrival/refine.json '1e-6 < r["rank_test"]["p_least"] <= 1 and r["order"] == "arrival" and r["rows_done"] == 4000')" = True ] ||
    fail "order: arrival: $(cat arrival/refine.json)"

# what the offline network was is told before anything is started
study ungated "$(settings bank-1 1)"
"$infermill" train ungated.yaml -j 2 -q
expect 3 'was not diagnosed: refinement starts from an amortizer whose gate has passed' "$infermill" refine ungated.yaml -j 2

# hub NAME RANKS: `refine` in the background; its endpoint is in $endpoint
hub() {
    rm -f "$1.said"
    "$infermill" refine "$1.yaml" -j "$2" >"$1.said" 2>&1 &
    pid=$!
    until grep -q 'workers connect to' "$1.said" || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    endpoint=$(sed -n 's/.*workers connect to //p' "$1.said")
    [ -n "$endpoint" ] || { cat "$1.said"; fail "$1: no hub"; }
}

# killed with all its ranks, stopped, and gone on with on another number of ranks; workers stay and find the next hub
port=$((20000 + $$ % 12000)) # below those that the system deals out
study hub "$(settings bank-hub 1 ", listen: 'tcp://127.0.0.1:$port'")"
"$infermill" simulate hub.yaml -j 2 -q
"$infermill" train hub.yaml -j 2 -q
"$infermill" diagnose hub.yaml -j 2 -q >said
hub hub 2
"$infermill" worker --connect "$endpoint" -j 2 --patience 15 >worker.said 2>&1 &
worker=$!
wait_for hub/refine-history.json $pid
kill -KILL $(family $pid)
end_of $pid
hub hub 1
sleep 0.3
kill -TERM $pid
end_of $pid
[ $code -eq 4 ] || [ $code -eq 0 ] || { cat hub.said; fail "stopped: exit $code, expected 4"; }
hub_again() { "$infermill" refine hub.yaml -j 4 >hub.said 2>&1 || { cat hub.said; fail "the third call"; }; }
hub_again
end_of $worker
# where the bank had all rows before, the last hub may have come and gone while they looked for it
[ $code -eq 0 ] || grep -q 'no hub' worker.said || { cat worker.said; fail "the workers: exit $code"; }
[ "$(weights hub)" = "$(weights workers-1)" ] || fail "weights depend on kills and stops"
same_shards bank-batch bank-hub
expect 0 'nothing to do' "$infermill" refine hub.yaml -j 2

# other settings are not mixed with these; more rows go on from the bank
study hub "$(settings bank-hub 1 ', seed: 9')"
expect 1 'refine.seed: 1 against 9: give --again' "$infermill" refine hub.yaml -j 2
echo passed
