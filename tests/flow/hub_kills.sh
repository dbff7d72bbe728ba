#!/usr/bin/env bash
# hub_kills.sh PROGRAM FEED_PLAY FAULT.so: a hub that is killed (SIGKILL) again and again, and one whose disk is full, while workers
# live on. No row is used twice or lost, workers find each new hub by themselves, and the bank is in the end that of a campaign.
. "$(dirname "$0")/lib.sh"
feed_play=$2 fault=$3
export OMPI_COMM_WORLD_SIZE=1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl=self OMPI_MCA_pml=ob1 # no mpirun
export OPENBLAS_NUM_THREADS=1
rows=9000
port=$((20000 + RANDOM % 10000))
endpoint=tcp://127.0.0.1:$port
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

settings='seed: 5, shard_rows: 512, journal_seconds: 0.001}'
study fresh 'model: {builtin: location_scale}' "bank: {path: fresh, rows: 700, $settings" 'train: {validation_rows: 100}'
study whole 'model: {builtin: location_scale}' "bank: {path: whole, rows: $rows, $settings" 'train: {validation_rows: 100}'
"$infermill" simulate fresh.yaml -q
"$infermill" simulate whole.yaml -q

for i in 1 2; do
    "$infermill" worker --connect $endpoint >worker$i.log 2>&1 &
    pids+=($!)
done
workers=("${pids[@]}")

lives=0 position=0
while [ $position -lt 4500 ] && [ $lives -lt 20 ]; do
    "$feed_play" fresh.yaml $endpoint $rows state >said 2>&1 &
    hub=$!
    sleep "1.$((RANDOM % 10))"
    kill -9 $hub 2>/dev/null || break # it had come to its end
    end_of $hub
    lives=$((lives + 1))
    [ ! -e state ] || position=$(cut -d' ' -f1 state)
done
[ $lives -ge 2 ] || { cat said; fail "only $lives hubs were killed"; }
[ "$position" -gt 700 ] && [ "$position" -lt $rows ] || fail "killed hubs came to row $position of $rows"

for part in /journal/ /shards/; do
    code=0
    FAULT_KIND=write FAULT_PART=$part FAULT_AT=1 FAULT_ERROR=ENOSPC FAULT_STAYS=1 LD_PRELOAD=$fault \
        timeout 60 "$feed_play" fresh.yaml $endpoint $rows state >said 2>&1 || code=$?
    [ $code -eq 1 ] || { cat said; fail "a full disk at $part: exit $code"; }
    grep -q 'No space left' said || { cat said; fail "a full disk at $part: no reason"; }
    [ -z "$(find fresh -name '*.part-*')" ] || fail "left behind: $(find fresh -name '*.part-*')"
done

expect 0 "used $((rows - 700)) rows" timeout 120 "$feed_play" fresh.yaml $endpoint $rows state
for pid in "${workers[@]}"; do
    end_of "$pid"
    [ $code -eq 0 ] || { cat worker*.log; fail "a worker ended with $code"; }
done
same_shards whole fresh
! grep -h 'last bits' said worker*.log || fail 'workers of this machine are taken for others'
[ -z "$(ls fresh/journal)" ] || fail "journals are left: $(ls fresh/journal)"
echo passed
