#!/usr/bin/env bash
# kills.sh PROGRAM PLUGINS SAFE_ROWS MOMENTS: campaigns on 1 to 4 ranks, some with dear rows and a journal, some with cheap
# rows, are hit by kill -9 at random moments: one rank, all ranks, mpirun, the program that started it, or all of them. The
# same command goes on. When a bank is whole its shards must be those of an unbroken campaign, byte for byte; and no row
# that stood in a shard or a journal at a kill may be simulated again (but for one sealed row, which each campaign makes
# anew to compare). The simulator itself logs each start of a row.
. "$(dirname "$0")/lib.sh"
plugin=$2/moody.so safe_rows=$3 moments=$4
RANDOM=7
export MOODY_LOG=$work/log

study campaign "model: {plugin: $plugin}" 'bank: {path: bank, rows: 1500, seed: 5, shard_rows: 256, journal_seconds: 0.02}' 'train: {validation_rows: 100}'
env -u MOODY_LOG "$infermill" simulate campaign.yaml -j 1 -q
mv bank unbroken

# How dear a row is, for this bank.
new_bank() {
    rm -rf bank
    : >log
    : >safe
    banks=$((banks + 1))
    export MOODY_MICROSECONDS=$((banks % 3 == 0 ? 100 : 3000))
}

# Rows begun since the last look: none of them was safe then, but for one sealed row.
check_repeats() {
    tail -n +$((logged + 1)) log | sort >begun
    awk 'NR == FNR { safe[$2] = $1; next } $1 in safe { n[safe[$1]]++ } END { print n["journal"] + 0, n["sealed"] + 0 }' \
        safe begun >repeats
    read -r from_journal from_shards <repeats
    [ "$from_journal" -eq 0 ] || fail "$from_journal rows that were in a journal were simulated again"
    [ "$from_shards" -le 1 ] || fail "$from_shards rows that were sealed were simulated again"
}

look() {
    "$safe_rows" bank >safe || fail 'the bank after a kill'
    kept=$((kept + $(grep -c journal safe || true)))
    logged=$(wc -l <log)
}

victims() { # victims KIND: of the campaign below $pid
    local mpirun ranks
    mpirun=$(pgrep -P $pid || true)
    ranks=$([ -z "$mpirun" ] || pgrep -P "$mpirun" || true)
    case $1 in
    0) shuf -n 1 -e $ranks --random-source=<(yes $RANDOM) ;;
    1) echo $ranks ;;
    2) echo $mpirun ;;
    3) echo $pid ;;
    4) echo $pid $mpirun $ranks ;;
    esac
}

# Ranks outlive their launcher for a moment, and go on to write.
wait_for_all() { # wait_for_all PID...
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        kill -0 "$@" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "still there ten seconds after the kill: $*"
}

finished() {
    rm -f bank/lock # of a run that was killed after its last shard: a campaign with nothing to do leaves it
    same_shards unbroken bank
    whole=$((whole + 1))
    new_bank
}

banks=0 hits=0 whole=0 kept=0 logged=0 run=0
new_bank
while [ $hits -lt "$moments" ]; do
    run=$((run + 1))
    logged=$(wc -l <log)
    "$infermill" simulate campaign.yaml -j $((1 + RANDOM % 4)) >said 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 9 + 1))"
    [ $((RANDOM % 2)) -eq 0 ] || sleep "0.$((RANDOM % 9))"
    targets=$(victims $((run % 5))) everybody=$(family $pid)
    struck=0
    [ -z "$targets" ] || ! kill -KILL $targets 2>/dev/null || struck=1
    end_of $pid
    wait_for_all $everybody
    check_repeats
    if [ $code -eq 0 ]; then
        finished
    else
        [ $struck -eq 1 ] || { cat said; fail "exit $code without a kill"; }
        hits=$((hits + struck))
        look
    fi
done
logged=$(wc -l <log)
"$infermill" simulate campaign.yaml -j 2 >said 2>&1 || { cat said; fail 'the last time'; }
check_repeats
finished
[ $kept -gt 0 ] || fail 'no kill found a row in a journal'
echo "passed: $hits kills in $run runs, $whole whole banks, $kept rows found in journals at kills"
