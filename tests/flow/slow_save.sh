#!/usr/bin/env bash
# slow_save.sh PROGRAM PLUGINS SLOW_SYNC: a save that takes 3 seconds. A program that is asked to stop gives its ranks that
# time, exits with 4, and what it saved is whole.
. "$(dirname "$0")/lib.sh"
plugin=$2/moody.so
slow_sync=$3

# stop_in_save SIGNAL NAME PART command...: fsync of files with PART in their path takes 3 seconds more; the first one is
# told to NAME.log, then the signal comes. The exit code goes to NAME.code.
stop_in_save() {
    local signal=$1 name=$2 part=$3 pid
    shift 3
    LD_PRELOAD=$slow_sync SLOW_SYNC_PART=$part SLOW_SYNC_SECONDS=3 SLOW_SYNC_LOG=$work/$name.log "$@" >"$name.said" 2>&1 &
    pid=$!
    wait_for "$name.log" $pid
    kill -"$signal" $pid
    end_of $pid
    echo $code >"$name.code"
}

# The exit code is 4, and each save that began has ended.
check_stop() { # check_stop NAME
    [ "$(cat "$1.code")" -eq 4 ] || { cat "$1.said"; fail "$1: exit $(cat "$1.code"), expected 4"; }
    [ "$(grep -c ^begin "$1.log")" -eq "$(grep -c ^end "$1.log")" ] || fail "$1: a save was cut off: $(cat "$1.log")"
}

campaign() {
    study "$1" "model: {plugin: $plugin}" "bank: {path: bank-$1, rows: 8000, seed: 5, shard_rows: 256}"
}
training() {
    study "$1" 'model: {builtin: location_scale}' 'bank: {path: bank-train, rows: 1500, shard_rows: 256}' \
        'train: {epochs: 3, batch_size: 32, validation_rows: 100}' \
        'diagnose: {datasets: 300, draws: 50, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
}

campaign whole
"$infermill" simulate whole.yaml -j 2 -q
training unbroken
"$infermill" simulate unbroken.yaml -j 2 -q
"$infermill" train unbroken.yaml -j 2 -q
"$infermill" diagnose unbroken.yaml -j 2 -q >said

export MOODY_MICROSECONDS=4000 # the first meeting comes after 5 to 10 s of 16
for signal in TERM INT USR1; do
    campaign "simulate-$signal"
    training "train-${signal,,}"
    stop_in_save $signal "simulate-$signal" /shards/0000001. "$infermill" simulate "simulate-$signal.yaml" -j 2 &
    stop_in_save $signal "train-$signal" /checkpoint.h5 "$infermill" train "train-${signal,,}.yaml" -j 2 &
done
wait
unset MOODY_MICROSECONDS

for signal in TERM INT USR1; do
    check_stop "simulate-$signal"
    expect 0 'every checksum holds' "$infermill" bank verify "bank-simulate-$signal"
    [ "$(ls "bank-simulate-$signal/shards" | wc -l)" -lt "$(ls bank-whole/shards | wc -l)" ] || fail "SIG$signal came too late"
    "$infermill" simulate "simulate-$signal.yaml" -j 1 -q
    same_shards bank-whole "bank-simulate-$signal"

    check_stop "train-$signal"
    [ ! -e "train-${signal,,}/amortizer.h5" ] || fail "SIG$signal came too late"
    expect 0 'goes on at' "$infermill" train "train-${signal,,}.yaml" -j 1
    "$infermill" diagnose "train-${signal,,}.yaml" -j 1 -q >said
    [ "$(weights unbroken)" = "$(weights "train-${signal,,}")" ] || fail "SIG$signal: other weights than unbroken"
done
echo passed
