#!/usr/bin/env bash
# window.sh PROGRAM WINDOW_RATE: training from a bank of which only a window fits into memory gives the weights that it
# gives where there is room; under the same cap on memory a window of the whole bank does not fit.
. "$(dirname "$0")/lib.sh"
window_rate=$2
rows=65536 # 54 MB
window=4096

train() { # train NAME WINDOW: its study
    study "$1" 'model: {builtin: location_scale}' "bank: {path: bank, rows: $rows, seed: 3}" \
        "train: {epochs: 1, validation_rows: 256, window_rows: $2}" \
        'network: {summary: {width: 16, summary_dim: 4, embed_dim: 8}, inference: {width: 16, depth: 1}}' \
        'diagnose: {datasets: 300, draws: 50, truth_test: false}'
}

hash_of() { # of a study's weights
    "$infermill" diagnose "$1.yaml" -j 1 -q >said 2>&1 || [ $? -eq 3 ] || { cat said; fail "diagnose"; } # passed or not
    weights "$1"
}

train roomy $window
"$infermill" simulate roomy.yaml -j 2 -q

# The reader alone: rows and their order.
"$window_rate" bank $window 4 16 1 | grep -o '[0-9a-f]*$' >roomy.order
(ulimit -d 32768 && "$window_rate" bank $window 4 16 1) | grep -o '[0-9a-f]*$' >capped.order
cmp roomy.order capped.order || fail "another order of rows with less memory"
expect 134 'out of memory' bash -c "ulimit -c 0 -d 32768 && exec \"$window_rate\" bank $rows 4 16 1"

# A training, whose own memory is measured first.
"$infermill" train roomy.yaml -j 1 >said 2>&1 &
pid=$!
most=0
while kill -0 $pid 2>/dev/null; do
    for process in $(family $pid); do
        data=$(awk '/^VmData/ { print $2 }' "/proc/$process/status" 2>/dev/null) || data=
        [ "${data:-0}" -le $most ] || most=$data
    done
    sleep 0.02
done
end_of $pid
[ $code -eq 0 ] || { cat said; fail "training without a cap"; }
[ $most -gt 32768 ] || fail "its memory was not seen: $most kB"
cap=$((most + 16384))

train capped $window
(ulimit -d $cap && timeout -s KILL 120 "$infermill" train capped.yaml -j 1 >said 2>&1) || { cat said; fail "training within $cap kB"; }
[ "$(hash_of roomy)" = "$(hash_of capped)" ] || fail "other weights with less memory"

train whole $rows
expect 1 'out of memory' bash -c "ulimit -c 0 -d $cap && exec timeout -s KILL 60 \"$infermill\" train whole.yaml -j 1"
echo passed
