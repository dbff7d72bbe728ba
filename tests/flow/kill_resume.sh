#!/usr/bin/env bash
# kill_resume.sh PROGRAM PLUGINS: a campaign whose launcher was killed, or that was stopped, called again at once, while ranks
# of the first may still live, leaves the shards of an unbroken one, byte for byte.
. "$(dirname "$0")/lib.sh"
plugin=$2/moody.so
export MOODY_MICROSECONDS=300
RANDOM=20

campaign() { # campaign NAME: its study, with a bank of its own
    study "$1" "model: {plugin: $plugin}" "bank: {path: bank-$1, rows: 6000, seed: 5, shard_rows: 256}"
}

# Starts the campaign and lets it live between 0 and 2.5 seconds. The process is in $pid.
start_for_a_while() {
    "$infermill" simulate "$1.yaml" -j "$2" >said 2>&1 &
    pid=$!
    sleep "$((RANDOM % 3)).$((RANDOM % 10))"
}

finish() { # finish NAME RANKS
    "$infermill" simulate "$1.yaml" -j "$2" >said 2>&1 || { cat said; fail "$1: resuming on $2 ranks"; }
    same_shards bank-whole "bank-$1"
}

campaign whole
"$infermill" simulate whole.yaml -j 1 -q
expect 0 'every checksum holds' "$infermill" bank verify bank-whole

# The launcher or mpirun alone: the ranks follow within seconds, and the next call waits for them.
for victim in launcher mpirun; do
    campaign "$victim"
    start_for_a_while "$victim" 2
    [ $victim = launcher ] && kill -KILL $pid || kill -KILL $(pgrep -P $pid) || true
    end_of $pid
    finish "$victim" 2
done

for signal in TERM INT USR1; do
    campaign "stopped-$signal"
    "$infermill" simulate "stopped-$signal.yaml" -j 2 >said 2>&1 &
    pid=$!
    until ls "bank-stopped-$signal/lock" >/dev/null 2>&1 || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    kill -$signal $pid
    end_of $pid
    [ $code -eq 4 ] || { cat said; fail "SIG$signal: exit $code, expected 4"; }
    finish "stopped-$signal" 4
done

# A draw that does not end is abandoned when its grace is over.
for ranks in 1 2; do
    campaign "hung-$ranks"
    echo 'stop_grace: 1' >>"hung-$ranks.yaml"
    MOODY_STARTED=$work/started-$ranks MOODY_MICROSECONDS=600000000 "$infermill" simulate "hung-$ranks.yaml" -j $ranks >said 2>&1 &
    pid=$!
    until [ -e "started-$ranks" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    kill -TERM $pid
    end_of $pid
    [ $code -eq 4 ] || { cat said; fail "a hung draw: exit $code, expected 4"; }
    grep -q 'is abandoned' said || { cat said; fail "a hung draw: nothing said"; }
    finish "hung-$ranks" 2
done
echo passed
