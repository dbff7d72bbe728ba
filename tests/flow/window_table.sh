#!/usr/bin/env bash
# window_table.sh PROGRAM [ROWS [REPEATS [FOLDER]]]: a table of how fast training is with a window of a quarter of the bank
# and all memory together (page cache too) capped below half of it, against a window of the whole bank without a cap; and
# whether the cap changes the weights. The cap is a memory cgroup (version 1), which root may make; where there is none
# it is RLIMIT_DATA, and the page cache stays.
. "$(dirname "$0")/lib.sh"
rows=${2:-1000000} repeats=${3:-3}
cd "${4:-$work}"
bytes=$((rows * 860))
group=/sys/fs/cgroup/memory/infermill-window-$$
[ "$(id -u)" -eq 0 ] && mkdir "$group" 2>/dev/null || group=
trap '[ -z "$group" ] || rmdir "$group"; chmod -R u+w "$work" && rm -rf "$work"' EXIT
[ -z "$group" ] || echo $((bytes / 4 + 200000000)) >"$group/memory.limit_in_bytes"

capped() { # capped COMMAND...
    if [ -n "$group" ]; then
        (echo $BASHPID >"$group/cgroup.procs" && exec "$@")
    else
        (ulimit -d $((bytes / 4096 + 220000)) && exec "$@")
    fi
}

one() { # one NAME WINDOW NETWORK [capped]: seconds, CPU seconds, weights
    local name=$1 window=$2 network=$3 begin end hash cpu
    study "$name" 'model: {builtin: location_scale}' "bank: {path: bank, rows: $rows, seed: 3}" \
        "train: {epochs: 1, validation_rows: 300, window_rows: $window, batch_size: 512, slices: 8}" "network: $network" \
        'diagnose: {datasets: 300, draws: 50}'
    rm -rf "$name"
    [ $# -eq 3 ] || echo 1 2>/dev/null >/proc/sys/vm/drop_caches || true
    begin=$EPOCHREALTIME
    cpu=$( { TIMEFORMAT='%U %S'; time ${4:-} timeout -k 5 3600 "$infermill" train "$name.yaml" -j 2 -q >said 2>&1; } 2>&1) || { cat said; fail "$name"; }
    end=$EPOCHREALTIME
    "$infermill" diagnose "$name.yaml" -j 1 -q >said 2>&1 || true
    hash=$(weights "$name")
    awk -v what="$name" -v w="$window" -v begin="$begin" -v end="$end" -v cpu="$cpu" -v hash="$hash" -v rows="$rows" 'BEGIN {
        split(cpu, c, " "); s = end - begin; printf "%-16s %9d %8.1f s %8.0f rows/s %8.1f s CPU  %s\n", what, w, s, rows / s, c[1] + c[2], hash }'
}

study made 'model: {builtin: location_scale}' "bank: {path: bank, rows: $rows, seed: 3}"
"$infermill" simulate made.yaml -j 2 -q
echo "bank: $(du -sm bank/shards | cut -f1) MB, cap: ${group:-RLIMIT_DATA}"
for network in '{summary: {width: 16, summary_dim: 4, embed_dim: 8}, inference: {width: 16, depth: 1}}' '{}'; do
    [ "$network" = '{}' ] && kind=default || kind=small
    for ((i = 0; i < repeats; i++)); do
        one "$kind-quarter" $((rows / 4)) "$network" capped
        one "$kind-whole" "$rows" "$network"
        one "$kind-roomy" $((rows / 4)) "$network"
        [ "$(weights "$kind-quarter")" = "$(weights "$kind-roomy")" ] || fail "other weights with less memory"
    done
done
echo passed
