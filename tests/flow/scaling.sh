#!/usr/bin/env bash
# scaling.sh PROGRAM [RANKS [SECONDS]]: how simulate, train and infer gain by ranks on this machine, which should do nothing else: weak
# scaling (as much work for each rank) and strong scaling (the same work for all), best of three; each piece of work takes some
# SECONDS (5) on one rank. Rates are what the program says of itself, without the start of its ranks.
. "$(dirname "$0")/lib.sh"
ranks=${2:-2} seconds=${3:-5}
export OPENBLAS_NUM_THREADS=1

# best N command...: the least of three times of a command that prints seconds
best() { for _ in 1 2 3; do "$@"; done | sort -g | head -n 1; }
# table WHAT UNIT ONE WEAK STRONG: seconds of one rank's work on one rank, of RANKS times as much on RANKS, and of the same on RANKS
table() {
    awk -v what="$1" -v n="$2" -v one="$3" -v weak="$4" -v strong="$5" -v r="$ranks" 'BEGIN {
        printf "| %s | %.4g | %.2f | %.2f |\n", what, n / one, r * one / weak, one / strong }'
}
echo "| stage | a second on one rank | weak scaling: times as much by $ranks ranks | strong scaling |"
echo "|---|---|---|---|"

# ---- simulate ----
simulate() { # simulate MODEL ROWS RANKS
    rm -rf s bank
    study s "model: {builtin: $1}" "bank: {path: bank, rows: $2, seed: 1}"
    "$infermill" simulate s.yaml -j "$3" >said 2>&1 || { cat said >&2; fail "simulate: exit $?"; }
    sed -nE 's/.* rows in ([0-9.]+) s,.*/\1/p' said
}
simulations() { # simulations MODEL
    local some=20000 rows
    rows=$(awk -v n=$some -v took="$(simulate "$1" $some 1)" -v s="$seconds" 'BEGIN { printf "%d", n * s / (took + 0.01) }')
    table "simulate, \`$1\` (rows)" "$rows" "$(best simulate "$1" "$rows" 1)" "$(best simulate "$1" $((ranks * rows)) "$ranks")" \
        "$(best simulate "$1" "$rows" "$ranks")"
}
for model in iat_ddm ddm sir; do simulations $model; done

# ---- train ----
steps_of() { # steps_of BATCH RANKS: seconds a step
    rm -rf s
    study s 'model: {builtin: iat_ddm}' 'bank: {path: bank, rows: 40000, seed: 1}' \
        "train: {epochs: 1, batch_size: $1, validation_rows: 200}"
    "$infermill" simulate s.yaml -q && "$infermill" train s.yaml -j "$2" >said 2>&1 || { cat said >&2; fail "train: exit $?"; }
    sed -nE 's/^train  .* ([0-9.]+) steps\/s  validation loss.*/\1/p' said | awk '{ print 1 / $1 }'
}
rm -rf bank
table 'train, `iat_ddm`, 64 rows a rank (rows)' 64 "$(best steps_of 64 1)" "$(best steps_of $((64 * ranks)) "$ranks")" "$(best steps_of 64 "$ranks")"

# ---- infer ----
infer() { # infer PEOPLE RANKS
    rm -rf out.h5 out.h5.blocks people.h5
    "$infermill" simulate s.yaml --observations-only people.h5 --rows "$1" --seed 5 -q
    "$infermill" infer --model s/amortizer.h5 --data people.h5 --out out.h5 --keep summary --draws 1000 --unverified scaling -j "$2" \
        >said 2>&1 || { cat said >&2; fail "infer: exit $?"; }
    grep -oE '[0-9,.]+ data sets/s' said | tail -n 1 | tr -d , | awk -v n="$1" '{ print n / $1 }'
}
people=$((seconds * 400))
table 'infer, `iat_ddm`, 1,000 draws (data sets)' $people "$(best infer $people 1)" "$(best infer $((ranks * people)) "$ranks")" \
    "$(best infer $people "$ranks")"
echo passed
