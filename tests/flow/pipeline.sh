#!/usr/bin/env bash
# The whole pipe on a small study: simulate, train, diagnose, infer; the same weights on 1, 2 and 4 ranks; a second call
# does nothing; a stop is resumed to the same weights; no posterior without a passed gate.
. "$(dirname "$0")/lib.sh"

settings=('model: {builtin: location_scale}'
    'bank: {rows: 3000, seed: 3, shard_rows: 1024}'
    'train: {epochs: 4, batch_size: 64, validation_rows: 300}'
    'diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1}'
    'infer: {data: people.csv, columns: {y: value}, draws: 200}')
awk 'BEGIN { srand(1); print "id,value"; for (p = 1; p <= 6; p++) for (i = 0; i < 40 + p; i++)
    print "p" p "," p / 3 + sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand()) }' >people.csv
printf 'few,1\nfew,2\n' >>people.csv
{ for i in $(seq 30); do echo "nan,$i"; done; echo "nan,"; } >>people.csv

weights() { # of a study's amortizer, as its gate record names them
    grep -o '"weights": *"[0-9a-f]*"' "$1/gate.json"
}

for ranks in 1 2 4; do
    study "ranks-$ranks" "${settings[@]}"
    sed -i "s/bank: {/bank: {path: bank-$ranks, /" "ranks-$ranks.yaml"
    "$infermill" run "ranks-$ranks.yaml" -j "$ranks"
done
for ranks in 2 4; do
    for shard in bank-1/shards/*.h5; do
        cmp "$shard" "bank-$ranks/shards/$(basename "$shard")" || fail "shards differ on $ranks ranks"
    done
    [ "$(weights ranks-1)" = "$(weights "ranks-$ranks")" ] || fail "weights differ on $ranks ranks"
done

stamp=$(stat -c %Y.%i ranks-2/amortizer.h5 ranks-2/posterior.h5 ranks-2/gate.json)
expect 0 'nothing to do' "$infermill" run ranks-2.yaml -j 2
[ "$stamp" = "$(stat -c %Y.%i ranks-2/amortizer.h5 ranks-2/posterior.h5 ranks-2/gate.json)" ] || fail "a second run wrote again"

for file in loss.png recovery.png calibration_ecdf.png metrics.csv history.json report.md report.html gate.json; do
    [ -s "ranks-2/$file" ] || fail "$file is missing"
done

# stopped in training by each signal, and killed, then resumed: the same weights
for signal in TERM INT USR1 KILL; do
    study "stopped-$signal" "${settings[@]}"
    sed -i "s/bank: {/bank: {path: bank-1, /; s/epochs: 4/epochs: 40/" "stopped-$signal.yaml"
    "$infermill" train "stopped-$signal.yaml" -j 2 >said 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        [ -s "stopped-$signal/history.json" ] && break
        sleep 0.1
    done
    kill -"$signal" $pid
    code=0
    wait $pid || code=$?
    if [ $signal != KILL ]; then
        [ $code -eq 4 ] || { cat said; fail "SIG$signal: exit $code, expected 4"; }
    fi
    [ ! -e "stopped-$signal/amortizer.h5" ] || fail "SIG$signal came too late"
    sleep 2 # ranks outlive a killed launcher by a second or two
    "$infermill" train "stopped-$signal.yaml" -j 1
    "$infermill" diagnose "stopped-$signal.yaml" -j 2
done
for signal in INT USR1 KILL; do
    [ "$(weights stopped-TERM)" = "$(weights "stopped-$signal")" ] || fail "weights differ after SIG$signal"
done
study unbroken "${settings[@]}"
sed -i "s/bank: {/bank: {path: bank-1, /; s/epochs: 4/epochs: 40/" unbroken.yaml
"$infermill" train unbroken.yaml -j 2
"$infermill" diagnose unbroken.yaml -j 2
[ "$(weights unbroken)" = "$(weights stopped-TERM)" ] || fail "a resumed training differs from an unbroken one"

# the gate
rm unbroken/gate.json
expect 3 'infermill diagnose' "$infermill" infer unbroken.yaml -j 1
expect 0 'unverified' "$infermill" infer unbroken.yaml -j 1 --unverified "a test"
echo passed
