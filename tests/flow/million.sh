#!/usr/bin/env bash
# million.sh PROGRAM [PEOPLE [KILLS [MODEL.h5]]]: a synthetic population of iat_ddm (120 trials, six parameters), 1,000 draws each,
# summaries kept: how long it takes on two ranks and how much memory; then once more, killed KILLS times at random moments (SIGKILL of
# all, of either rank, or of the program that started them): the same file. A million people take a quarter of an hour and, with 20
# kills, half an hour more. Without MODEL the amortizer that the README tells of is made first (5 to 10 minutes).
. "$(dirname "$0")/lib.sh"
people=${2:-1000000} kills=${3:-20} model=${4:-}
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1
RANDOM=7

study iat 'model: {builtin: iat_ddm}' 'bank: {rows: 512000, seed: 1}' \
    'network: {inference: {transform: affine, depth: 4, width: 64}}' \
    'train: {epochs: 14, batch_size: 256, learning_rate: 0.003}' 'diagnose: {datasets: 10000}'
if [ -z "$model" ]; then
    "$infermill" run iat.yaml -j 2
    model=iat/amortizer.h5
fi
"$infermill" simulate iat.yaml --observations-only people.h5 --rows "$people" --seed 77 -q

infer=("$infermill" infer --model "$model" --data people.h5 --keep summary --draws 1000 -q)
# ranks_of PID: the ranks below it
ranks_of() {
    for p in $(family "$1"); do
        if grep -qz '^OMPI_COMM_WORLD_RANK=' "/proc/$p/environ" 2>/dev/null; then echo "$p"; fi
    done
}

begun=$SECONDS
"${infer[@]}" --out whole.h5 -j 2 >said 2>&1 &
pid=$!
memory=
while kill -0 $pid 2>/dev/null; do
    now=$(for p in $(ranks_of $pid); do awk '/^VmHWM:/ { printf "%d ", $2 / 1024 }' "/proc/$p/status" 2>/dev/null; done || true)
    memory=${now:-$memory}
    sleep 1
done
end_of $pid
[ "$code" -eq 0 ] || { cat said; fail "infer: exit $code"; }
took=$((SECONDS - begun))
tail -n 8 said
echo "$people people on two ranks: $took s; most memory of a rank, MB: $memory"

for ((k = 1; k <= kills; k++)); do
    "${infer[@]}" --out killed.h5 -j 2 >said 2>&1 &
    pid=$!
    sleep "$(awk -v r=$RANDOM -v took=$took -v n=$kills 'BEGIN { print 0.5 + 1.7 * r / 32767 * took / n }')"
    ranks=($(ranks_of $pid))
    kill -0 $pid 2>/dev/null || { cat said; fail "it ended by itself after $((k - 1)) kills"; }
    case $((RANDOM % 4)) in
    0) victims=("${ranks[@]}") ;;
    1) victims=("${ranks[@]:0:1}") ;;
    2) victims=("${ranks[@]: -1}") ;;
    3) victims=("$pid") ;;
    esac
    kill -9 "${victims[@]}" 2>/dev/null || true
    end_of $pid
    while pgrep -f "$work/killed.h5|--out killed.h5" >/dev/null; do sleep 0.1; done # mpirun ends its ranks
    [ ! -e killed.h5 ] || fail "it was whole before its end"
    echo "kill $k: ${#victims[@]} processes; $(ls killed.h5.blocks | grep -c 'h5$' || true) blocks are sealed"
done
"${infer[@]}" --out killed.h5 -j 2 >said 2>&1 || { cat said; fail "the last one: exit $?"; }
cmp whole.h5 killed.h5 || fail "killed and gone on with: another posterior"
echo "killed $kills times: the same $(stat -c %s whole.h5) bytes"
echo passed
