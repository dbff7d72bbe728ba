# Sourced by the flow tests: `infermill` is the program under test, the work is done in a folder of its own.
set -euo pipefail
infermill=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect CODE WORDS command...: the command exits with CODE and says WORDS (an extended regular expression) somewhere.
expect() {
    local code=$1 words=$2 got=0
    shift 2
    "$@" >said 2>&1 || got=$?
    [ "$got" -eq "$code" ] || { cat said; fail "exit $got, expected $code: $*"; }
    grep -qE -- "$words" said || { cat said; fail "said nothing of \"$words\": $*"; }
}

# study NAME LINES...: writes NAME.yaml; results go to a folder NAME
study() {
    local name=$1
    shift
    { echo "study: $name"; printf '%s\n' "$@"; } >"$name.yaml"
}

# family PID: itself, its children (mpirun) and theirs (the ranks)
family() {
    local mpirun
    mpirun=$(pgrep -P "$1" || true)
    echo "$1" $mpirun $([ -z "$mpirun" ] || pgrep -P "$mpirun" || true)
}

# wait_for FILE PID: until the file is there or the process is gone
wait_for() {
    until [ -s "$1" ] || ! kill -0 "$2" 2>/dev/null; do sleep 0.05; done
    [ -s "$1" ] || fail "$1 was never made"
}

# end_of PID: waits for this child; how it ended is in $code
end_of() {
    code=0
    wait "$1" 2>/dev/null || code=$?
}

# same_shards BANK OTHER: the same files with the same bytes
same_shards() {
    local shard
    [ "$(ls "$1/shards")" = "$(ls "$2/shards")" ] || fail "$2 has other shards than $1: $(ls "$2/shards")"
    for shard in "$1"/shards/*; do
        cmp "$shard" "$2/shards/$(basename "$shard")" || fail "$2: shards differ"
    done
    expect 0 'every checksum holds' "$infermill" bank verify "$2"
    [ ! -e "$2/lock" ] || fail "$2: the lock is still there"
}

# weights NAME: the hash of a study's weights, as its gate record names them
weights() {
    grep -o '"weights": *"[0-9a-f]*"' "$1/gate.json" || fail "$1/gate.json names no weights"
}

# a CSV with people p1 ... pN of 41, 42 ... numbers each
people() {
    awk -v n="$1" 'BEGIN { srand(1); print "id,value"; for (p = 1; p <= n; p++) for (i = 0; i < 40 + p % 100; i++)
        print "p" p "," p % 7 / 3 + sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand()) }'
}
