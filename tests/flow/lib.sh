# Sourced by the flow tests: `infermill` is the program under test, the work is done in a folder of its own.
set -euo pipefail
infermill=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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

# study NAME LINES...: writes NAME.yaml
study() {
    local name=$1
    shift
    { echo "study: $name"; printf '%s\n' "$@"; } >"$name.yaml"
}
