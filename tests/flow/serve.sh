#!/usr/bin/env bash
# serve.sh PROGRAM README PYTHON SECONDS: a server of posteriors gives everybody the right answer: one client or eight or a
# hundred, threads or none, clients killed for SECONDS, without growing, answers read late; where there is no room it says so;
# who has no key, no gate or no question gets none. The README's client works.
. "$(dirname "$0")/lib.sh"
readme=$2 python=${3:-} seconds=${4:-5}
[ -n "$python" ] && "$python" -c 'import zmq' 2>/dev/null || { echo "skipped: INFERMILL_PYTHON names no interpreter with pyzmq"; exit 77; }
clients() { timeout $((60 + 2 * seconds)) "$python" "$here/serve_clients.py" "$@"; }
trap 'kill -9 $(jobs -p) 2>/dev/null || true; chmod -R u+w "$work" && rm -rf "$work"' EXIT

study s 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 1000, seed: 3, shard_rows: 512}' \
    'network: {summary: {width: 16, summary_dim: 8, embed_dim: 8}, inference: {width: 32, depth: 2}}' \
    'train: {epochs: 2, batch_size: 64, validation_rows: 100}' \
    'diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
people 40 >people.csv
printf 'few,1\nfew,2\n' >>people.csv
"$infermill" simulate s.yaml -j 2 -q
"$infermill" train s.yaml -j 2 -q

# not without a passed gate, and not for the whole world
expect 3 'was not diagnosed|gate' "$infermill" serve s.yaml -j 1
"$infermill" diagnose s.yaml -j 2 -q >said
expect 2 'without keys' "$infermill" serve s.yaml -j 1 --listen 'tcp://*:0'
expect 2 'expected STUDY or --model FILE' "$infermill" serve
expect 1 'nothing.h5' "$infermill" serve --model nothing.h5

# server NAME OPTIONS...: in the background; where it listens is in $endpoint
server() {
    local name=$1
    shift
    rm -f "$name.said"
    "$infermill" serve s.yaml --draws 200 "$@" >"$name.said" 2>&1 &
    pid=$!
    until grep -qs ' at tcp' "$name.said" || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    endpoint=$(sed -n 's/.* at \(tcp.*\)/\1/p' "$name.said")
    [ -n "$endpoint" ] || { cat "$name.said"; fail "$name: no server"; }
}
stop() { # stop NAME: it ends by itself, with the count of its answers
    kill -TERM $pid
    end_of $pid
    [ "$code" = 0 ] && grep -q 'serve: [0-9]* answers' "$1.said" || { cat "$1.said"; fail "$1: exit $code"; }
}

server one -j 1 --listen 'tcp://127.0.0.1:*'
clients serial "$endpoint" people.csv answers.json || fail "one client"
clients bad "$endpoint" people.csv || { cat one.said; fail "bad questions"; }
stop one
server many -j 3 --listen 'tcp://127.0.0.1:*'
clients load "$endpoint" people.csv answers.json "$seconds" $pid || { cat many.said; fail "clients at once"; }
clients serial "$endpoint" people.csv after.json >/dev/null || fail "one client after them"
cmp answers.json after.json || fail "other answers after many clients"
for n in 1 100; do clients rate "$endpoint" people.csv answers.json $n 1 || fail "$n clients"; done
clients late "$endpoint" people.csv answers.json 1000 || fail "answers that are read late"
clients burst "$endpoint" people.csv answers.json 3000 >burst || fail "a burst"
cat burst
grep -q ' [1-9][0-9]* told' burst || fail "nobody was told that there is no room"
sed -n '/^```python/,/^```/p' "$readme" | sed -n '/import json, zmq/,/^```/p' | grep -v '^```' | sed "s|tcp://127.0.0.1:5556|$endpoint|" >client.py
[ "$(wc -l <client.py)" -gt 5 ] || fail "$readme has no client"
expect 0 'mu = .* sigma = ' "$python" client.py
stop many

# unverified: the reason goes out with each answer
mv s/gate.json away.json
server unverified -j 1 --listen 'tcp://127.0.0.1:*' --unverified 'a look'
clients serial "$endpoint" people.csv looked.json >/dev/null || fail "unverified"
grep -q '"unverified": "a look"' looked.json || fail "the answers do not tell that there is no gate"
stop unverified
mv away.json s/gate.json

# keys: who is admitted, and nobody else
"$infermill" keys new server --keys here -q
for name in friend stranger; do "$infermill" keys new $name --keys there -q; done
"$infermill" keys admit there/friend.public --keys here -q
server keyed -j 1 --listen 'tcp://127.0.0.1:*' --keys here
clients keys "$endpoint" people.csv here/server.public there/friend.secret || fail "an admitted key"
for key in there/stranger.secret ''; do
    expect 3 'no answer' "$python" "$here/serve_clients.py" keys "$endpoint" people.csv here/server.public $key
done
"$infermill" keys revoke friend --keys here -q
expect 3 'no answer' "$python" "$here/serve_clients.py" keys "$endpoint" people.csv here/server.public there/friend.secret
stop keyed
echo passed
