# Sourced by the tests of refinement under faults: one offline amortizer, copied for each case; what an undisturbed refinement makes
# of it, and a batch campaign of as many rows, is what each case must come to.
. "$(dirname "$0")/lib.sh"
plugins=$2
bank_rows=1000
trap 'kill -9 $(jobs -p) $(cat "$work"/*.pid 2>/dev/null) 2>/dev/null || true; chmod -R u+w "$work" && rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1
hub_in=() worker_in=() worker_options=() # a command that hub and workers run within; further options

# campaign ROWS: the study of a bank; its simulator takes MOODY_MICROSECONDS a draw
campaign() {
    printf '%s\n' "model: {plugin: $plugins/moody.so}" "bank: {path: bank, rows: $1, seed: 3, shard_rows: 512, journal_seconds: 0.1}"
}
settings() { # settings FRESH_ROWS
    campaign $bank_rows
    printf '%s\n' \
        'network: {size: small, summary: {width: 8, summary_dim: 4, embed_dim: 8}, inference: {width: 16, depth: 2}}' \
        'train: {epochs: 1, batch_size: 100, validation_rows: 100}' \
        "refine: {rows: $1, rounds: 5, chunk_rows: 300, learning_rate: 0.001}" \
        'diagnose: {datasets: 200, minimum_datasets: 200, draws: 20, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
}

# begin FRESH_ROWS: the offline amortizer in offline/, what it comes to in whole/, the campaign's bank in batch/
begin() {
    fresh=$1
    mkdir offline batch
    (cd batch && study refined "$(campaign $((bank_rows + fresh)))" && "$infermill" simulate refined.yaml -j 2 -q)
    (cd offline && study refined "$(settings "$fresh")" && "$infermill" simulate refined.yaml -j 1 -q &&
        "$infermill" train refined.yaml -j 1 -q && "$infermill" diagnose refined.yaml -j 1 -q >said 2>&1) || fail "the offline amortizer"
    cp -r offline whole
    hub whole 1
    worker whole
    worker whole
    comes_to_its_end whole
    whole_weights=$(weights whole/refined)
    whole_memory=$(cat whole.memory)
}

# case NAME: a copy of the offline amortizer
case_of() {
    cp -r offline "$1"
}

# hub NAME RANKS [OPTIONS...]: `refine` in the background; its endpoint is in $endpoint, its process in $pid. The most memory that one
# of its processes ever had (kB) is kept in NAME.memory.
hub() {
    local name=$1 ranks=$2
    shift 2
    rm -f "$name.said" # an earlier hub of this name said where that one was
    (cd "$name" && exec "${hub_in[@]}" "$infermill" refine refined.yaml -j "$ranks" "$@") >"$name.said" 2>&1 &
    pid=$!
    until grep -qs 'workers connect to' "$name.said" || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    endpoint=$(sed -n 's/.*workers connect to //p' "$name.said" | tail -1)
    [ -n "$endpoint" ] || { cat "$name.said"; fail "$name: no hub"; }
    watch_memory "$name" $pid &
}

watch_memory() {
    local most=0 now
    [ ! -s "$1.memory" ] || most=$(cat "$1.memory")
    while kill -0 "$2" 2>/dev/null; do
        for p in $(family "$2"); do
            now=$(awk '/^Name:/ { ours = $2 == "infermill" } /^VmHWM:/ && ours { print $2 }' "/proc/$p/status" 2>/dev/null || true)
            [ "${now:-0}" -le "$most" ] || { most=$now; echo "$most" >"$1.memory"; }
        done
        sleep 0.1
    done
}

# worker NAME [ENDPOINT]: in the background; its process is in $worker and in NAME.pid
worker() {
    (cd "$1" && exec "${worker_in[@]}" "$infermill" worker --connect "${2:-$endpoint}" "${worker_options[@]}" refined.yaml) >>"$1.workers" 2>&1 &
    worker=$!
    disown
    echo $worker >>"$1.pid"
}

# comes_to_its_end NAME: the last hub of NAME ends as it should within two minutes
comes_to_its_end() {
    local k
    for k in $(seq 1200); do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 $pid 2>/dev/null || { cat "$1.said"; tail "$1.workers"; fail "$1: training does not end"; }
    end_of $pid
    [ $code -eq 0 ] || { cat "$1.said"; tail "$1.workers"; fail "$1: exit $code"; }
}

# workers_end NAME: all its workers have heard that it is over, whatever their links are like
workers_end() {
    local k
    for k in $(seq 300); do
        kill -0 $(cat "$1.pid") 2>/dev/null || return 0
        sleep 0.1
    done
    tail "$1.workers"
    fail "$1: a worker goes on looking for a hub that is done"
}

# as_undisturbed NAME: weights, bank and memory
as_undisturbed() {
    [ "$(weights "$1/refined")" = "$whole_weights" ] || { cat "$1.said"; fail "$1: other weights than undisturbed"; }
    same_shards batch/bank "$1/bank"
    [ -z "$(ls "$1/bank/journal" 2>/dev/null)" ] || fail "$1: journals are left"
    # Twice what the undisturbed one needed would be a leak or a queue without an end; a fifth comes by chance.
    [ "$(cat "$1.memory")" -lt $((2 * whole_memory)) ] || fail "$1: $(cat "$1.memory") kB, undisturbed $whole_memory"
    echo "$1: weights and bank as undisturbed; memory $(cat "$1.memory") kB, undisturbed $whole_memory"
    rm -rf "$1"
}

nap() { # nap LEAST MOST: so many milliseconds at random
    sleep "$(awk -v s="$RANDOM$RANDOM" -v a="$1" -v b="$2" 'BEGIN { srand(s); print (a + rand() * (b - a)) / 1000 }')"
}
