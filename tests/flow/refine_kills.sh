#!/usr/bin/env bash
# refine_kills.sh PROGRAM PLUGINS [WORKER_KILLS HUB_KILLS]: a refinement whose workers, hub and trainer ranks are killed (SIGKILL) at
# random comes to the same weights, with each row in the bank once and the bank that of a campaign.
. "$(dirname "$0")/refine_lib.sh"
worker_kills=${3:-12} hub_kills=${4:-3}
export MOODY_MICROSECONDS=2000

rows=$((120 * worker_kills)) # a worker lives 115 ms on average, a hub 800 ms; two of them simulate 1,000 rows a second
[ $rows -gt $((1000 * hub_kills)) ] || rows=$((1000 * hub_kills))
begin $((rows + 2400))

case_of workers
hub workers 2
pids=()
for k in 1 2 3; do worker workers; pids+=($worker); done
for ((k = 0; k < worker_kills; k++)); do
    nap 30 200
    kill -0 $pid 2>/dev/null || fail "refinement ended after $k of $worker_kills kills: too few rows"
    at=$((RANDOM % 3))
    kill -9 "${pids[at]}"
    worker workers
    pids[at]=$worker
done
comes_to_its_end workers
as_undisturbed workers

# hub and trainer are one process; the workers live on and find the next one
case_of hubs
port=$((20000 + $$ % 12000)) # below those that the system deals out
worker hubs "tcp://127.0.0.1:$port"
worker hubs "tcp://127.0.0.1:$port"
for ((k = 0; k < hub_kills; k++)); do
    hub hubs 1 --listen "tcp://127.0.0.1:$port"
    nap 100 1500
    kill -0 $pid 2>/dev/null || { cat hubs.said; fail "refinement ended after $k of $hub_kills kills of its hub: too few rows"; }
    kill -9 $(family $pid)
    end_of $pid
done
hub hubs 1 --listen "tcp://127.0.0.1:$port"
comes_to_its_end hubs
as_undisturbed hubs

# one rank of four: the others do not wait for ever, and the same command goes on
case_of ranks
for which in 2 1; do
    hub ranks 4
    worker ranks
    nap 300 800
    ranks=($(pgrep -P "$(pgrep -P $pid)"))
    kill -9 "${ranks[$((which == 1 ? 0 : RANDOM % 3 + 1))]}"
    for k in $(seq 300); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
    ! kill -0 $pid 2>/dev/null || fail "a rank was killed, the others wait"
    end_of $pid
    [ $code -ne 0 ] || fail "a rank was killed, exit 0"
    kill -9 $worker 2>/dev/null || true
done
hub ranks 2
worker ranks
comes_to_its_end ranks
as_undisturbed ranks
echo passed
